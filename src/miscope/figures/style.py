"""What all figures share: colours, sizes of type, new figures, and writing them."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.atomic import atomic_path
from miscope.errors import InputError

if TYPE_CHECKING:
    from miscope.curve import MICurve

__all__ = [
    "COLOURS",
    "FORMATS",
    "MARKERS",
    "STYLE",
    "bars",
    "check_suffix",
    "drawn_lags",
    "lower_end",
    "new_figure",
    "null_words",
    "plain_lags",
    "save_figure",
    "short_label",
]

FORMATS = (".png", ".svg", ".pdf")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#4d4d4d")  # Okabe and Ito 2008
MARKERS = "osD^P*X<"
_LONG = 600  # last over first, from where on powers of ten are enough
_MOST_TICKS = 20
_LABEL_WIDTH, _LABEL_LINES = 52, 2
_MANY, _ENOUGH = 300, 250  # lags, from where on not all of them are drawn, and at how many places then
STYLE: Any = {
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 10,
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "miscope",
    "pdf.fonttype": 42,
}


def save_figure(figure: Any, path: str | Path) -> None:
    """Write a figure (type by suffix) to a temporary name and rename it into place; the same input, the same bytes."""
    path = Path(path)
    check_suffix(path)
    undated: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}
    import matplotlib as mpl

    with atomic_path(path) as temporary, mpl.rc_context(STYLE):
        kind = path.suffix.lower()
        figure.savefig(temporary, format=kind[1:], dpi=200, bbox_inches="tight", metadata=undated[kind])


def check_suffix(path: Path) -> None:
    """Refuse a file type that no figure is written as."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"a figure is written as one of {', '.join(FORMATS)}, not {path.name!r}")


def plain_lags(axis: Any) -> None:
    """Numbers as people write them along a logarithmic axis: 1, 2, 5, 10; along a long one 1, 10, 100, 1,000."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = sorted(axis.get_view_interval())
    long = high >= _LONG * max(low, 1e-300)
    axis.set_major_locator(LogLocator(subs=(1.0,) if long else (1.0, 2.0, 5.0), numticks=_MOST_TICKS))
    axis.set_major_formatter(FuncFormatter(lambda lag, _: f"{lag:,.0f}" if lag == round(lag) else f"{lag:g}"))
    axis.set_minor_formatter(NullFormatter())


def new_figure(size: tuple[float, float]) -> Any:
    """An empty figure, in inches."""
    # Not through pyplot: a figure nobody keeps is then collected, and no window system is needed.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def lower_end(values: np.ndarray, significant: np.ndarray) -> float:
    """Where a logarithmic axis of these values begins.

    >>> lower_end(np.array([0.5, 0.01, 1e-5, -0.1]), np.array([True, True, False, False]))
    0.001
    """
    positive, sure = values[values > 0], values[significant & (values > 0)]
    if positive.size == 0:
        return 1e-6
    floor = sure.min() / 10 if sure.size else positive.min() / 2
    return float(max(min(floor, positive.max() / 10), positive.min() / 2, positive.max() / 1e6))


def bars(curve: MICurve, level: float = 0.95, subtract_null: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Ends of a curve's bars: its intervals, and as far as the value itself where that lies outside of them.

    Upper ends where nothing significant is seen allow for how small a value may come out by chance, and may lie, ends
    both, above it.

    >>> import miscope as ms
    >>> curve = ms.measure("to be or not to be " * 100, lags="1:50", blocks=8)
    >>> low, high = bars(curve)
    >>> bool(np.all(low <= curve.excess) and np.all(curve.excess <= high))
    True
    """
    values = curve.excess if subtract_null else curve.mi
    low, high = curve.interval(level, excess=subtract_null)
    return np.minimum(low, values), np.maximum(high, values)


def drawn_lags(curve: MICurve, by_logarithms: bool) -> np.ndarray:
    """Which lags are drawn: of many, some at even distances along the axis, since markers and bars would merge."""
    n, lags = len(curve), curve.lags
    if n <= _MANY:
        return np.ones(n, dtype=bool)
    spaced = np.geomspace if by_logarithms else np.linspace
    chosen = np.zeros(n, dtype=bool)
    chosen[np.minimum(np.searchsorted(lags, spaced(lags[0], lags[-1], _ENOUGH) * (1 - 1e-12)), n - 1)] = True
    return chosen


def null_words(names: set[str]) -> str:
    """What a curve stands above, for its axis."""
    words = {"global": "chance", "document": "chance and composition", "rotate": "rotated pairs"}
    return words.get(min(names), min(names)) if len(names) == 1 else "each one's null"


def short_label(label: str) -> str:
    """A label that fits a legend, and that matplotlib does not set as a formula."""
    lines = textwrap.wrap(label, _LABEL_WIDTH, max_lines=_LABEL_LINES, placeholder=" …")
    return "\n".join(lines).replace("$", r"\$")
