"""Drawing results, with matplotlib: functions of (result, axes)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.atomic import atomic_path
from miscope.curve import MICurve
from miscope.errors import InputError, choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FORMATS", "check_scale", "plot", "save_figure"]

FORMATS = (".png", ".svg", ".pdf")
_SCALES = {
    "log-log": ("log", "log"),
    "lin-log": ("linear", "log"),
    "log-lin": ("log", "linear"),
    "lin-lin": ("linear", "linear"),
}
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#4d4d4d")  # Okabe and Ito 2008
_MARKERS = "osD^P*X<"
_LONGEST_LABEL = 40
_STYLE: Any = {
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
_NAMES = {
    "mutual_information": "mutual information",
    "rational": "rational mutual information",
    "correlation": "correlation",
}


def plot(
    curves: MICurve | Iterable[MICurve],
    path: str | Path | None = None,
    *,
    ax: Axes | None = None,
    scale: str = "log-log",
    subtract_null: bool = True,
    level: float = 0.95,
    title: str | None = None,
    size: tuple[float, float] = (5.2, 3.6),
) -> Axes:
    """Draw one curve or several, with intervals, floor, and insignificant lags shown as such.

    Filled markers are lags significantly above the null (false discovery rate 5 %), hollow ones are not; a hollow
    triangle on the lower edge is a value at or below zero, which a logarithmic axis cannot show. Vertical lines are the
    confidence intervals. A dashed line in a curve's colour is its floor: what the null gives, already taken away.

    Parameters
    ----------
    curves
        One `MICurve` or several of the same quantity and unit.
    path
        File to write as well: ``.png``, ``.svg`` or ``.pdf``.
    ax
        Axes to draw into; default: a new figure.
    scale
        ``log-log`` (a power law is a straight line), ``lin-log`` (an exponential is), ``log-lin`` or ``lin-lin``.
    subtract_null
        Whether to draw the excess over the null (default) or the estimates as they are.
    level
        Confidence level of the intervals.
    title
        Title, if wanted.
    size
        Width and height of a new figure, in inches.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        For an unknown scale or file type, no curves, or curves of different quantities or units.

    Examples
    --------
    >>> import miscope as ms
    >>> axes = ms.plot(ms.measure("to be or not to be " * 100, lags="1:50", blocks=8))
    >>> axes.get_xlabel()
    'lag (symbols)'
    """
    drawn = _check(curves, path)
    x_scale, y_scale = _SCALES[check_scale(scale)]
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        axes = _new_axes(size) if ax is None else ax
        axes.set_xscale(x_scale)
        axes.set_yscale(y_scale)
        bottom = _bottom(drawn, subtract_null) if y_scale == "log" else -np.inf
        for k, curve in enumerate(drawn):
            _draw_curve(axes, curve, k, subtract_null, level, bottom)
        if y_scale == "log":
            axes.set_ylim(bottom=bottom)
        else:
            axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
        _label(axes, drawn, subtract_null, title)
    if path is not None:
        figure = axes.figure
        while not hasattr(figure, "savefig"):  # a subfigure
            figure = figure.figure
        save_figure(figure, path)
    return axes


def save_figure(figure: Any, path: str | Path) -> None:
    """Write a figure (type by suffix) to a temporary name and rename it into place; the same input, the same bytes."""
    path = Path(path)
    _check_suffix(path)
    undated: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}
    import matplotlib as mpl

    with atomic_path(path) as temporary, mpl.rc_context(_STYLE):
        kind = path.suffix.lower()
        figure.savefig(temporary, format=kind[1:], dpi=200, bbox_inches="tight", metadata=undated[kind])


def check_scale(scale: str) -> str:
    """The scale, if it is one."""
    return choice(scale, _SCALES, "scale")


def _check(given: Any, path: str | Path | None) -> list[MICurve]:
    curves = list(given) if isinstance(given, Iterable) else [given]
    if not curves:
        raise InputError("nothing to plot: give at least one curve")
    wrong = [curve for curve in curves if not isinstance(curve, MICurve)]
    if wrong:
        raise InputError(f"plot() draws curves, as measure() returns them, not {type(wrong[0]).__name__}")
    if len({(curve.quantity, curve.unit) for curve in curves}) > 1:
        raise InputError("curves of different quantities or units do not go into one plot; see MICurve.in_bits()")
    if path is not None:
        _check_suffix(Path(path))
    return curves


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"a figure is written as one of {', '.join(FORMATS)}, not {path.name!r}")


def _new_axes(size: tuple[float, float]) -> Any:
    # Not through pyplot: a figure nobody keeps is then collected, and no window system is needed.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def _values(curve: MICurve, subtract_null: bool) -> np.ndarray:
    return curve.excess if subtract_null else curve.mi


def _bottom(curves: Sequence[MICurve], subtract_null: bool) -> float:
    """Lower end of a logarithmic axis: a little below the smallest value worth seeing, five decades at most."""
    values = np.concatenate([_values(curve, subtract_null) for curve in curves])
    sure = np.concatenate([curve.significant() for curve in curves]) & (values > 0)
    positive = values[values > 0]
    if positive.size == 0:
        return 1e-6
    floor = values[sure].min() / 10 if sure.any() else positive.min() / 2
    return float(max(min(floor, positive.max() / 10), positive.min() / 2, positive.max() / 1e6))


def _draw_curve(axes: Any, curve: MICurve, k: int, subtract_null: bool, level: float, bottom: float) -> None:
    colour = _COLOURS[k % len(_COLOURS)]
    marker = _MARKERS[(k + 2 * (k // len(_COLOURS))) % len(_MARKERS)]
    values = _values(curve, subtract_null)
    low, high = curve.interval(level, excess=subtract_null)
    shown = values > bottom
    edge = bottom if np.isfinite(bottom) else 0.0
    barred = np.isfinite(low) & (high > bottom)
    if bottom > -np.inf:
        low = np.maximum(low, bottom)
    axes.vlines(curve.lags[barred], low[barred], high[barred], color=colour, linewidth=1.0, alpha=0.6, zorder=2)
    sure = curve.significant() if curve.n_blocks else np.ones(len(curve), dtype=bool)
    style = {"linestyle": "none", "markersize": 4, "markeredgewidth": 0.9, "color": colour, "zorder": 3}
    name = _short(curve.label) or None
    axes.plot(
        curve.lags[shown & sure], values[shown & sure], marker, label=name, gid="curve" if name else None, **style
    )
    axes.plot(curve.lags[shown & ~sure], values[shown & ~sure], marker, markerfacecolor="white", **style)
    below = ~shown & np.isfinite(values)
    axes.plot(curve.lags[below], np.full(below.sum(), edge), "v", markerfacecolor="white", clip_on=False, **style)
    floor = curve.null if curve.chance is None else curve.chance
    if np.any(floor > edge):
        positive = np.where(floor > edge, floor, np.nan)
        axes.plot(curve.lags, positive, "--", color=colour, linewidth=0.9, alpha=0.8, zorder=1)


def _label(axes: Any, curves: Sequence[MICurve], subtract_null: bool, title: str | None) -> None:
    first = curves[0]
    unit = f" ({first.unit})" if first.unit else ""
    nulls = {curve.null_name for curve in curves}
    above = f" above {_null_words(nulls)}" if subtract_null and nulls != {"none"} else ""
    axes.set_xlabel("lag (symbols)")
    axes.set_ylabel(textwrap.fill(f"{_NAMES[first.quantity]}{above}{unit}", 45))
    if len({int(lag) for curve in curves for lag in curve.lags}) == 1:
        axes.set_xlim(first.lags[0] / 2, first.lags[0] * 2)
    if title:
        axes.set_title(textwrap.fill(title, 60))
    # Collected by hand: matplotlib would leave out labels with a leading underscore.
    handles, labels = axes.get_legend_handles_labels()
    hidden = [line for line in axes.get_lines() if line.get_gid() == "curve" and line not in handles]
    handles, labels = handles + hidden, labels + [line.get_label() for line in hidden]
    handles, labels = _explain(handles, labels, curves, axes, subtract_null)
    if labels:
        axes.legend(handles, labels, framealpha=0.85, edgecolor="none", loc="best")


def _null_words(names: set[str]) -> str:
    words = {"global": "chance", "document": "chance and composition", "rotate": "rotated pairs"}
    return words.get(min(names), min(names)) if len(names) == 1 else "each one's null"


def _short(label: str) -> str:
    """A label that fits a legend, and that matplotlib does not set as a formula."""
    text = label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"
    return text.replace("$", r"\$")


def _explain(
    handles: list[Any], labels: list[str], curves: Sequence[MICurve], axes: Any, subtract_null: bool
) -> tuple[list[Any], list[str]]:
    """Add to the legend what hollow markers and dashed lines mean, where there are any."""
    from matplotlib.lines import Line2D

    grey = "0.35"
    if any(curve.n_blocks and not curve.significant().all() for curve in curves):
        hollow = Line2D([], [], marker="o", linestyle="none", markersize=4, color=grey, markerfacecolor="white")
        handles, labels = [*handles, hollow], [*labels, "not significant"]
    if any(line.get_linestyle() == "--" for line in axes.get_lines()):
        handles, labels = (
            [*handles, Line2D([], [], linestyle="--", linewidth=0.9, color=grey)],
            [*labels, "chance floor (taken away)" if subtract_null else "chance floor"],
        )
    return handles, labels
