"""Drawing results, with matplotlib: functions of (result, axes)."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeGuard, overload

import numpy as np
from numpy.typing import NDArray

from miscope.curve import MICurve
from miscope.errors import InputError, choice
from miscope.figures.specialists import drawn_by, specialist
from miscope.figures.style import (
    COLOURS,
    MARKERS,
    STYLE,
    bars,
    check_suffix,
    darker,
    drawn_lags,
    lag_label,
    lower_end,
    new_figure,
    null_words,
    plain_lags,
    save_figure,
    short_label,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from miscope.decay.result import DecayFit
    from miscope.probing.couplings import Couplings
    from miscope.probing.drift import Drift
    from miscope.probing.reach import Reach
    from miscope.probing.spectrum import Spectrum
    from miscope.probing.uniformity import Uniformity

    Probed = Reach | Couplings | Spectrum | Uniformity | Drift

__all__ = ["Truth", "check_scale", "exact_values", "lower_end", "null_words", "plot", "short_label"]

_SCALES = {
    "log-log": ("log", "log"),
    "lin-log": ("linear", "log"),
    "log-lin": ("log", "linear"),
    "lin-lin": ("linear", "linear"),
}
_SIZE, _LINE = (5.2, 3.6), 0.17  # inches: of a new figure, and what a line of the legend adds
_ROOM, _WIDE = 45, 56  # letters along the vertical axis, and set smaller
_NARROW = 30  # letters, of which two columns go into the legend
_DARK = "0.15"
_N_EXACT = 300  # lags at which a true curve is drawn, besides those of the measured one
_NAMES = {
    "mutual_information": "mutual information",
    "rational": "rational mutual information",
    "correlation": "correlation",
}


class Truth(Protocol):
    """What knows a curve exactly, as the processes of `miscope.processes` do."""

    @property
    def label(self) -> str:
        """Name for the legend."""
        ...

    def mutual_information(self, lags: Any) -> np.ndarray:
        """Exact mutual information in nats at these ascending lags."""
        ...


@overload
def plot(
    result: MICurve | Iterable[MICurve],
    path: str | Path | None = None,
    *,
    ax: Axes | None = None,
    truth: Truth | Sequence[Truth | None] | None = None,
    scale: str = "log-log",
    subtract_null: bool = True,
    level: float = 0.95,
    title: str | None = None,
    size: tuple[float, float] | None = None,
) -> Axes: ...


@overload
def plot(
    result: DecayFit,
    path: str | Path | None = None,
    *,
    level: float = 0.95,
    title: str | None = None,
    size: tuple[float, float] | None = None,
) -> NDArray[Any]: ...


@overload
def plot(
    result: Probed | Sequence[Probed],
    path: str | Path | None = None,
    *,
    level: float = 0.95,
    title: str | None = None,
    size: tuple[float, float] | None = None,
) -> Axes | NDArray[Any]: ...


def plot(
    result: MICurve | Iterable[MICurve] | DecayFit | Probed | Sequence[Probed],
    path: str | Path | None = None,
    *,
    ax: Axes | None = None,
    truth: Truth | Sequence[Truth | None] | None = None,
    scale: str = "log-log",
    subtract_null: bool = True,
    level: float = 0.95,
    title: str | None = None,
    size: tuple[float, float] | None = None,
) -> Axes | NDArray[Any]:
    """Draw one curve or several, with intervals, floor, and insignificant lags shown as such; or a fit.

    Filled markers are lags significantly above the null (false discovery rate 5 %), hollow ones are not; a hollow
    triangle on the lower edge is a value at or below it, zero and negative ones among them. Vertical lines are the
    confidence intervals, drawn on to the marker where it lies outside; where several curves are drawn, those of hollow
    markers are pale, and triangles have none. Of more than 300 lags some 200 are drawn, which
    the legend says. A dashed line in a curve's colour is its floor: what the null gives, already taken away. A
    curve of ``estimator="bracket"`` is a band from its lower to its upper bound, in a paler one with their intervals.

    A fit is drawn by `miscope.figures.plot_fit`: the curve and its laws, log-log beside lin-log, and residuals below;
    what probing finds by `plot_reach`, `plot_couplings`, `plot_spectrum`, `plot_uniformity` and `plot_drift`.

    Parameters
    ----------
    result
        One `MICurve`, or several of the same quantity and unit, or one `DecayFit`; or what `reach`, `couplings`,
        `spectrum`, `uniformity` or `drift` return.
    path
        File to write as well: ``.png``, ``.svg`` or ``.pdf``.
    ax
        Axes to draw into; default: a new figure. This and the next three are for curves only.
    truth
        What the curves should be, drawn as a thin dark line: a process, or what else has ``mutual_information(lags)``
        in nats and a ``label``; a list has one for each curve, None for those without. It is always the whole mutual
        information: where a curve's null is ``document``, what is drawn of the curve is only a part of that, unless the
        documents have one composition. With ``quantity="correlation"`` it is ``truth.correlation(lags)``, which for
        processes with numbers for their symbols is the covariance of these (measure with ``values=process.values``).
    scale
        ``log-log`` (a power law is a straight line), ``lin-log`` (an exponential is), ``log-lin`` or ``lin-lin``.
    subtract_null
        Whether to draw the excess over the null (default) or the estimates as they are.
    level
        Confidence level of the intervals.
    title
        Title, if wanted.
    size
        Width and height of a new figure, in inches; default: (5.2, 3.6) and the legend, for a fit (8.4, 4.6).

    Returns
    -------
    matplotlib.axes.Axes or numpy.ndarray
        Of a fit all its axes, shape (2, 2): the curve above, residuals below, log-log on the left, lin-log on the
        right; (1, 2) where there are no error bars.

    Raises
    ------
    InputError
        For an unknown scale or file type, no curves, curves of different quantities or units, a truth that does not
        fit them or knows no answer at their lags, several fits, or a fit with what is for curves only.

    Examples
    --------
    >>> import miscope as ms
    >>> axes = ms.plot(ms.measure("to be or not to be " * 100, lags="1:50", blocks=8))
    >>> axes.get_xlabel()
    'lag (symbols)'
    >>> from miscope.processes import PowerLawBinary
    >>> process = PowerLawBinary(amplitude=0.1, exponent=0.4)
    >>> axes = ms.plot(ms.measure(process.sample(64, 1000), label="a sample"), truth=process)
    >>> [text.get_text() for text in axes.get_legend().get_texts()]
    ['a sample', 'exact: PowerLawBinary amplitude 0.1, exponent 0.4']
    >>> ms.plot(ms.fit(ms.measure(process.sample(64, 1000)))).shape
    (2, 2)
    """
    drawer = specialist(result)
    if drawer is not None:
        options = {"ax": ax, "truth": truth, "scale": scale, "subtract_null": subtract_null, "level": level}
        axes: Axes | NDArray[Any] = drawn_by(drawer, result, path, options | {"title": title, "size": size})
        return axes
    if _is_fit(result):
        given = {"ax": ax is None, "truth": truth is None, "scale": scale == "log-log", "subtract_null": subtract_null}
        return _plot_fit(result, [name for name, default in given.items() if not default], path, level, title, size)
    drawn = _check(result, path)
    exact = _exact_lines(truth, drawn)
    x_scale, y_scale = _SCALES[check_scale(scale)]
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        figure: Any = new_figure(size or _SIZE) if ax is None else ax.figure
        axes = figure.add_subplot() if ax is None else ax
        axes.set_xscale(x_scale)
        axes.set_yscale(y_scale)
        bottom = _bottom(drawn, subtract_null) if y_scale == "log" else -np.inf
        for k, curve in enumerate(drawn):
            if curve.estimator == "bracket":
                _draw_bracket(axes, curve, k, level, bottom)
            else:
                _draw_curve(axes, curve, k, subtract_null, level, bottom, alone=len(drawn) == 1)
        for k, line in enumerate(exact):
            _draw_exact(axes, line, _DARK if len(exact) == 1 else darker(COLOURS[k % len(COLOURS)]), bottom)
        if y_scale == "log":
            axes.set_ylim(bottom=bottom)
        else:
            axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
        if x_scale == "log":
            plain_lags(axes.xaxis)
        legend = _label(axes, drawn, subtract_null, title, below=ax is None)
        if legend and ax is None and size is None:  # what it takes must not come off the axes
            figure.set_size_inches(_SIZE[0], _SIZE[1] + _LINE * legend)
    if path is not None:
        while not hasattr(figure, "savefig"):  # a subfigure
            figure = figure.figure
        save_figure(figure, path)
    return axes


def _is_fit(given: Any) -> TypeGuard[DecayFit]:
    # By hand, because fitting takes long to import, and whoever has a fit has done so.
    decay = sys.modules.get("miscope.decay.result")
    return decay is not None and isinstance(given, decay.DecayFit)


def _plot_fit(
    fit: DecayFit, refused: Sequence[str], path: Any, level: float, title: str | None, size: Any
) -> NDArray[Any]:
    from miscope.figures.decay import plot_fit

    if refused:
        raise InputError(
            f"{', '.join(refused)}: for curves only; a fit is drawn log-log and lin-log, in its own figure"
        )
    return plot_fit(fit, path, level=level, title=title, **({"size": size} if size else {}))


def exact_values(truth: Truth, curve: MICurve, lags: Any) -> np.ndarray:
    """What a process says of itself at ascending lags, in the quantity and unit of a curve; nan at lags it refuses.

    >>> import miscope as ms
    >>> from miscope.processes import IsingChain
    >>> chain = IsingChain(coupling=0.5)
    >>> curve = ms.measure(chain.sample(64, 1000), [1, 2, 3])
    >>> exact_values(chain, curve.in_bits(), curve.lags).round(4)
    array([0.1601, 0.0332, 0.007 ])

    Raises
    ------
    InputError
        If the process refuses all of them, or nothing exact is known of the quantity.
    """
    ask = getattr(truth, curve.quantity, None)
    if ask is None:
        raise InputError(f"no exact {_NAMES[curve.quantity]} is known of {truth.label}: plot such curves without it")
    if curve.estimator != "gaussian" and hasattr(truth, "quantised"):
        raise InputError(
            f"{truth.label} is of real numbers, the curve of symbols, which tell less: the truth of symbols cut at "
            'quantiles is process.quantised(4); numbers as they are take estimator="gaussian"'
        )
    values = _asked(ask, [int(lag) for lag in lags], truth.label)
    return values / np.log(2) if curve.unit == "bits" else values


def check_scale(scale: str) -> str:
    """The scale, if it is one."""
    return choice(scale, _SCALES, "scale")


def _asked(ask: Callable[[list[int]], Any], lags: list[int], name: str) -> np.ndarray:
    try:
        values = np.asarray(ask(lags), np.float64)
    except InputError:
        return _asked_one_by_one(ask, lags, name)
    if values.shape != (len(lags),):
        raise InputError(
            f"the truth of {name} has shape {values.shape}; it must be one number for each of {len(lags)} lags"
        )
    return values


def _asked_one_by_one(ask: Callable[[list[int]], Any], lags: list[int], name: str) -> np.ndarray:
    values, refusals = np.full(len(lags), np.nan), []
    for i, lag in enumerate(lags):
        try:
            values[i] = ask([lag])[0]
        except InputError as error:
            refusals.append(error)
    if len(refusals) == len(lags):
        raise InputError(f"nothing exact is known of {name} at these lags: {refusals[0]}")
    return values


class _Line(NamedTuple):
    """A true curve to be drawn."""

    name: str
    lags: np.ndarray
    values: np.ndarray


def _exact_lines(truth: Any, curves: Sequence[MICurve]) -> list[_Line]:
    if truth is None:
        return []
    if not isinstance(truth, list | tuple):
        return [_exact_line(truth, curves)]
    if len(truth) != len(curves):
        raise InputError(
            f"there are {len(truth)} truths for {len(curves)} curves: give one for each, or None, or one for all"
        )
    pairs = [(each, curve) for each, curve in zip(truth, curves, strict=True) if each is not None]
    lines = [_exact_line(each, [curve]) for each, curve in pairs]
    if len(lines) > 1 and all(each.label == curve.label for each, curve in pairs):  # then the names are there already
        lines = [line._replace(name="_" if k else "exact") for k, line in enumerate(lines)]
    return lines


def _exact_line(truth: Any, curves: Sequence[MICurve]) -> _Line:
    """What is true of these curves, over all their lags."""
    if not hasattr(truth, "mutual_information") or not hasattr(truth, "label"):
        kind = type(truth).__name__
        raise InputError(f"a truth is a process, or what else has mutual_information(lags) and a label, not {kind}")
    measured = np.unique(np.concatenate([curve.lags for curve in curves]))
    between = np.geomspace(measured[0], measured[-1], _N_EXACT).round().astype(np.int64)
    lags = np.unique(np.concatenate([measured, between]))
    role = getattr(truth, "role", "exact")  # others than processes may say what they are
    return _Line(short_label(f"{role}: {truth.label}"), lags, exact_values(truth, curves[0], lags))


def _check(given: Any, path: str | Path | None) -> list[MICurve]:
    curves = list(given) if isinstance(given, Iterable) else [given]
    if not curves:
        raise InputError("nothing to plot: give at least one curve")
    if any(_is_fit(one) for one in curves):
        raise InputError("fits are drawn one by one: plot(fit); their curves go into one figure")
    wrong = [curve for curve in curves if not isinstance(curve, MICurve)]
    if wrong:
        raise InputError(
            "plot() draws curves, as measure() and probe() return them, a fit, or a reach, couplings or a spectrum; "
            f"not {type(wrong[0]).__name__}"
        )
    if len({(curve.quantity, curve.unit) for curve in curves}) > 1:
        raise InputError("curves of different quantities or units do not go into one plot; see MICurve.in_bits()")
    if path is not None:
        check_suffix(Path(path))
    return curves


def _values(curve: MICurve, subtract_null: bool) -> np.ndarray:
    return curve.excess if subtract_null else curve.mi


def _seen(curve: MICurve, subtract_null: bool) -> tuple[np.ndarray, np.ndarray]:
    """Values that are drawn, and whether they are significant."""
    if curve.estimator == "bracket":
        return np.concatenate([curve.excess, curve.mi]), np.tile(curve.significant(), 2)
    return _values(curve, subtract_null), curve.significant()


def _bottom(curves: Sequence[MICurve], subtract_null: bool) -> float:
    """Lower end of a logarithmic axis: a little below the smallest value worth seeing, five decades at most."""
    seen = [_seen(curve, subtract_null) for curve in curves]
    values = np.concatenate([each for each, _ in seen])
    return lower_end(values, np.concatenate([each for _, each in seen]))


def _draw_curve(
    axes: Any, curve: MICurve, k: int, subtract_null: bool, level: float, bottom: float, alone: bool
) -> None:
    colour = COLOURS[k % len(COLOURS)]
    marker = MARKERS[(k + 2 * (k // len(COLOURS))) % len(MARKERS)]
    values = _values(curve, subtract_null)
    low, high = bars(curve, level, subtract_null)
    drawn = drawn_lags(curve, axes.get_xscale() == "log")
    shown = drawn & (values > bottom)
    edge = bottom if np.isfinite(bottom) else 0.0
    barred = drawn & np.isfinite(low) & (high > bottom)
    if bottom > -np.inf:
        low = np.maximum(low, bottom)
    sure = curve.significant() if curve.n_blocks else np.ones(len(curve), dtype=bool)
    # Bars of several curves near their floors would merge: those of triangles are left out, and unsure ones are pale.
    strong = barred & (sure | alone)
    for chosen, width, alpha in ((strong, 1.0, 0.6), (barred & shown & ~strong, 0.7, 0.35)):
        ends = low[chosen], high[chosen]
        axes.vlines(curve.lags[chosen], *ends, color=colour, linewidth=width, alpha=alpha, zorder=2)
    style = {"linestyle": "none", "markersize": 4, "markeredgewidth": 0.9, "color": colour, "zorder": 3}
    name = short_label(curve.label) or None
    axes.plot(
        curve.lags[shown & sure], values[shown & sure], marker, label=name, gid="curve" if name else None, **style
    )
    axes.plot(curve.lags[shown & ~sure], values[shown & ~sure], marker, markerfacecolor="white", **style)
    below = drawn & ~shown & np.isfinite(values)
    if below.any():  # markers that are not clipped, and stand nowhere, would widen the picture
        edges = np.full(below.sum(), edge)
        axes.plot(curve.lags[below], edges, "v", markerfacecolor="white", clip_on=False, gid="below", **style)
    floor = curve.null if curve.chance is None else curve.chance
    if np.any(floor > edge):
        positive = np.where(floor > edge, floor, np.nan)
        axes.plot(curve.lags, positive, "--", color=colour, linewidth=0.9, alpha=0.8, zorder=1)


def _draw_bracket(axes: Any, curve: MICurve, k: int, level: float, bottom: float) -> None:
    """A band from the lower to the upper bound, inside a paler one that adds their intervals."""
    colour = COLOURS[k % len(COLOURS)]
    name = short_label(curve.label) or "bounds"
    low, high = curve.bracket(level)
    for lower, upper, alpha in ((low, high, 0.15), (curve.excess, curve.mi, 0.35)):
        inner = {"label": name, "gid": "curve"} if upper is curve.mi else {}
        lower, upper = np.maximum(lower, bottom), np.maximum(upper, bottom)
        axes.fill_between(curve.lags, lower, upper, color=colour, alpha=alpha, linewidth=0, zorder=0.5, **inner)
    for bound in (curve.excess, curve.mi):
        shown = bound > bottom
        axes.plot(curve.lags[shown], bound[shown], "_", color=colour, markersize=4, markeredgewidth=1.2, zorder=3)


def _draw_exact(axes: Any, line: _Line, colour: Any, bottom: float) -> None:
    # What lies far below a logarithmic axis would stretch it.
    values = np.maximum(line.values, bottom / 10) if bottom > -np.inf else line.values
    marker = {"marker": "_", "markersize": 14} if len(line.lags) == 1 else {}
    axes.plot(line.lags, values, "-", color=colour, linewidth=1.0, zorder=1.5, label=line.name, gid="exact", **marker)


def _label(axes: Any, curves: Sequence[MICurve], subtract_null: bool, title: str | None, below: bool) -> int:
    """Names of everything; how many lines the legend has where it stands below the axes."""
    first = curves[0]
    unit = f" ({first.unit})" if first.unit else ""
    nulls = {curve.null_name for curve in curves if curve.estimator != "bracket"}
    above = f" above {null_words(nulls)}" if subtract_null and nulls - {"none"} else ""
    axes.set_xlabel(lag_label(curve.provenance for curve in curves))
    quantity = f"{_NAMES[first.quantity]}{above}{unit}"
    # What is a little too long for one line is set smaller.
    axes.set_ylabel(textwrap.fill(quantity, _WIDE), size=9 if len(quantity) <= _ROOM else 9 * _ROOM / _WIDE)
    if len({int(lag) for curve in curves for lag in curve.lags}) == 1:
        axes.set_xlim(first.lags[0] / 2, first.lags[0] * 2)
    if title:
        axes.set_title(textwrap.fill(title, 60))
    # Collected by hand: matplotlib would leave out labels with a leading underscore.
    handles, labels = axes.get_legend_handles_labels()
    drawn = [*axes.get_lines(), *axes.collections]
    hidden = [artist for artist in drawn if artist.get_gid() == "curve" and artist not in handles]
    handles, labels = handles + hidden, labels + [artist.get_label() for artist in hidden]
    handles, labels = _explain(handles, labels, curves, axes, subtract_null)
    if not labels:
        return 0
    if not below:
        axes.legend(handles, labels, framealpha=0.85, edgecolor="none", loc="best")
        return 0
    # Below the axes it covers nothing.
    narrow = max(len(line) for label in labels for line in label.split("\n")) <= _NARROW
    n_columns = 2 if narrow and len(labels) > 1 else 1
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.17), "borderaxespad": 0.0}
    axes.legend(handles, labels, frameon=False, ncols=n_columns, **place)
    return -(-sum(1 + label.count("\n") for label in labels) // n_columns)


def _explain(
    handles: list[Any], labels: list[str], curves: Sequence[MICurve], axes: Any, subtract_null: bool
) -> tuple[list[Any], list[str]]:
    """Add to the legend what hollow markers and dashed lines mean, where there are any."""
    from matplotlib.lines import Line2D

    grey = "0.35"
    if any(curve.estimator == "bracket" for curve in curves):
        from matplotlib.patches import Patch

        bands = [Patch(color=grey, alpha=0.35, linewidth=0), Patch(color=grey, alpha=0.15, linewidth=0)]
        handles, labels = [*handles, *bands], [*labels, "between lower and upper bound", "and their intervals"]
    if any(c.n_blocks and c.estimator != "bracket" and not c.significant().all() for c in curves):
        hollow = Line2D([], [], marker="o", linestyle="none", markersize=4, color=grey, markerfacecolor="white")
        handles, labels = [*handles, hollow], [*labels, "not significant"]
    if any(line.get_gid() == "below" for line in axes.get_lines()):
        triangle = Line2D([], [], marker="v", linestyle="none", markersize=4, color=grey, markerfacecolor="white")
        handles, labels = [*handles, triangle], [*labels, "at or below the lower edge"]
    most = max(curves, key=len)
    n_drawn = int(drawn_lags(most, axes.get_xscale() == "log").sum())
    if most.estimator != "bracket" and n_drawn < len(most):
        nothing = Line2D([], [], linestyle="none")
        handles, labels = [*handles, nothing], [*labels, f"{n_drawn} of {len(most):,} lags drawn"]
    if any(line.get_linestyle() == "--" for line in axes.get_lines()):
        dash = Line2D([], [], linestyle="--", linewidth=0.9, color=grey)
        name = "chance floor (taken away)" if subtract_null else "chance floor"
        handles, labels = [*handles, dash], [*labels, f"{name}:\nwhat chance alone would give"]
    return handles, labels
