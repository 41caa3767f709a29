"""What all figures share: colours, sizes of type, new figures, and writing them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
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
    "counted_in",
    "darker",
    "drawn_lags",
    "lag_label",
    "lag_unit",
    "lower_end",
    "new_figure",
    "null_words",
    "plain_lags",
    "plain_numbers",
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
_UNITS = {"byte": "bytes", "character": "characters", "word": "words", "token": "tokens"}
_STEPS = {1.0: "seconds", 60.0: "minutes", 3600.0: "hours", 86400.0: "days", 604800.0: "weeks"}  # by their seconds
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


def plain_numbers(axis: Any) -> None:
    """The same along a linear axis: 0, 500, 1,000."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda lag, _: f"{lag:,.0f}" if lag == round(lag) else f"{lag:g}"))


def lag_unit(provenance: Mapping[str, Any]) -> str:
    """What lags are counted in, as far as provenance says: characters, words, days; or just symbols.

    >>> lag_unit({"source": {"unit": "word"}}), lag_unit({"source": {"gaps": {"usual_step": 86400.0}}}), lag_unit({})
    ('words', 'days', 'symbols')
    """
    source = provenance.get("source")
    if not isinstance(source, Mapping):
        return "symbols"
    unit, gaps = source.get("unit"), source.get("gaps")
    if isinstance(unit, str) and unit in _UNITS:
        return _UNITS[unit]
    step = gaps.get("usual_step") if isinstance(gaps, Mapping) else None
    if not isinstance(step, int | float) or _plain_times(source.get("times")):
        return "symbols"
    return _STEPS.get(step, "symbols")


def counted_in(unit: str, provenance: Mapping[str, Any]) -> str:
    """The unit of a law's parameter, where that is a lag as its curve counts them.

    >>> counted_in("symbols", {"source": {"unit": "word"}}), counted_in("nats", {"source": {"unit": "word"}})
    ('words', 'nats')
    """
    return lag_unit(provenance) if unit == "symbols" else unit


def _plain_times(times: Any) -> bool:
    """Whether times are numbers of an unknown unit, and not dates; those of eight digits are dates."""
    first = str(times[0]) if isinstance(times, list | tuple) and times else ""
    return first.replace(".", "", 1).lstrip("-").isdigit() and len(first) != 8


def lag_label(provenances: Iterable[Mapping[str, Any]]) -> str:
    """The horizontal axis of curves with these provenances.

    >>> lag_label([{"source": {"unit": "word"}}, {"source": {"unit": "character"}}]), lag_label([])
    ('lag (words or characters)', 'lag (symbols)')
    """
    units = [*dict.fromkeys(lag_unit(each) for each in provenances)]
    return f"lag ({' or '.join(units)})" if units and "symbols" not in units else "lag (symbols)"


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


def darker(colour: str) -> Any:
    """A darker shade of a colour."""
    from matplotlib.colors import to_rgb

    return tuple(0.55 * part for part in to_rgb(colour))


def null_words(names: set[str]) -> str:
    """What a curve stands above, for its axis."""
    words = {"global": "chance", "document": "chance and composition", "rotate": "rotated pairs"}
    return words.get(min(names), min(names)) if len(names) == 1 else "each one's null"


def short_label(label: str) -> str:
    """A label that fits a legend, and that matplotlib does not set as a formula."""
    lines = textwrap.wrap(label, _LABEL_WIDTH, max_lines=_LABEL_LINES, placeholder=" …")
    return "\n".join(lines).replace("$", r"\$")
