"""The figure of a fit: the curve with its laws, and what they leave."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from miscope.errors import InputError
from miscope.figures.style import (
    COLOURS,
    STYLE,
    check_suffix,
    counted_in,
    lag_label,
    lower_end,
    new_figure,
    null_words,
    plain_lags,
    plain_numbers,
    save_figure,
    short_label,
)

if TYPE_CHECKING:
    from miscope.decay.result import DecayFit, Estimate, LawFit

__all__ = ["plot_fit"]

Floats = NDArray[np.float64]

_SIMPLE = ("exponential", "power law")
# One colour a law, so that figures can be laid side by side.
_LAW_COLOURS = {
    "power law": COLOURS[0],
    "exponential": COLOURS[1],
    "power law with cut-off": COLOURS[2],
    "stretched exponential": COLOURS[3],
    "exponential + power law": COLOURS[5],
}
_POINTS = "0.25"
_LETTERS = 17  # an inch of the legend
_HANDLE = 0.6  # inches of the legend that a line and the space about it take
_N_LINE = 300  # lags at which a law is drawn, spaced evenly and as many by their logarithms
_BEYOND = 1.15  # of the last significant lag, where the linear axis ends
_WITHIN = 2.0  # standard errors
_LEAST, _MOST = 3.4, 8.0  # half the height of the lower row, in standard errors
_MOSTLY = 0.5  # of the lags at which a band fills the axes, beyond which it is not drawn
_LEAST_SHOWN = 4  # lags, on the linear axis


def plot_fit(
    fit: DecayFit,
    path: str | Path | None = None,
    *,
    level: float = 0.95,
    title: str | None = None,
    size: tuple[float, float] = (8.4, 4.6),
) -> NDArray[Any]:
    """Draw a fit: the curve and its laws, log-log and lin-log, and below what the laws leave.

    On the left a power law is a straight line, on the right an exponential is; the right ends a little beyond the
    last significant lag. Filled markers are significant lags, hollow ones are not, and a hollow triangle on the
    lower edge is a value below it, zero and negative ones among them. The strong line with a band is the law of the
    verdict, or the likeliest one where the verdict names none (a band that would fill the axes is left out); thin
    lines are the exponential and the power law. The shaded lags are those that the verdict speaks of; beyond them
    lines are dashed.

    Below, where there are error bars, is what the laws leave: (value - law) / standard error, for the strong law and,
    smaller, for the likeliest thin one; triangles are residuals that lie farther off than the axis goes. Where no law
    was fitted it is the values over their standard errors.

    Parameters
    ----------
    fit
        As `miscope.fit` returns it.
    path
        File to write as well: ``.png``, ``.svg`` or ``.pdf``.
    level
        Confidence level of bars and band. Parameters are always given with their 95 % intervals.
    title
        Instead of the verdict and its parameter.
    size
        Width and height in inches.

    Returns
    -------
    numpy.ndarray
        Axes, shape (2, 2): the curve above, residuals below, log-log on the left, lin-log on the right. Shape (1, 2)
        where there are no error bars.

    Raises
    ------
    InputError
        For a file type that figures are not written as, or a level that is not between 0 and 1.

    Examples
    --------
    >>> import miscope as ms
    >>> from miscope.figures import plot_fit
    >>> chain = ms.processes.IsingChain(coupling=1.5)
    >>> axes = plot_fit(ms.fit(ms.measure(chain.sample(64, 2048), lags="1:256")))
    >>> axes.shape
    (2, 2)
    >>> axes[0, 0].figure.get_suptitle().split()[:3]
    ['exponential:', 'correlation', 'length']
    """
    if path is not None:
        check_suffix(Path(path))
    if not 0 < level < 1:
        raise InputError(f"a confidence level lies between 0 and 1, and this one is {level}")
    import matplotlib as mpl

    scene = _scene(fit, level)
    n_rows = 2 if scene.barred.any() else 1
    with mpl.rc_context(STYLE):
        figure = new_figure(size)
        ratios = (2, 1) if n_rows == 2 else (1,)
        grid: NDArray[Any] = figure.subplots(n_rows, 2, sharex="col", sharey="row", squeeze=False, height_ratios=ratios)
        for axes, scale, (first, last) in zip(
            grid[0], ("log", "linear"), (scene.all_lags, scene.near_lags), strict=True
        ):
            axes.set(xscale=scale, yscale="log", xlim=(first, last), ylim=(scene.bottom, scene.top))
            _draw_curve(axes, scene)
        plain_lags(grid[0, 0].xaxis)
        plain_numbers(grid[0, 1].xaxis)
        if n_rows == 2:
            for axes in grid[1]:
                _draw_residuals(axes, scene)
            grid[1, 0].set_ylabel("residual in\nstandard errors" if scene.laws else "value / its\nstandard error")
            grid[1, 0].yaxis.label.set_size(8)
        for axes in grid[-1]:
            axes.set_xlabel(lag_label([fit.provenance]))
        figure.align_xlabels(grid[-1])
        grid[0, 0].set_ylabel(textwrap.fill(_quantity(fit), 20 if n_rows == 2 else 40))
        # Names of the columns keep a reader from taking them for two measurements.
        grid[0, 0].set_title("log-log", fontsize=8, color="0.35")
        grid[0, 1].set_title("lin-log", fontsize=8, color="0.35")
        heading = _heading(fit) if title is None else title
        if heading:
            figure.suptitle(_wrapped(heading, int(size[0] * 11)), fontsize=10)
        _legend(figure, grid[0, 0], scene, size[0])
        if path is not None:
            save_figure(figure, path)
    return grid


@dataclass(frozen=True)
class _Scene:
    """What is drawn, and how far the axes go."""

    fit: DecayFit
    level: float
    laws: tuple[LawFit, ...]
    barred: NDArray[np.bool_]
    bottom: float
    top: float
    all_lags: tuple[float, float]
    near_lags: tuple[float, float]

    @property
    def sure(self) -> NDArray[np.bool_]:
        """Which markers are filled: all of them where nothing is known of significance."""
        return self.fit.significant | ~self.barred

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """Ends of the bars, nan where there are none."""
        half = np.where(self.barred, special.ndtri(0.5 + self.level / 2) * self.fit.stderr, np.nan)
        return self.fit.values - half, self.fit.values + half

    @property
    def inside(self) -> tuple[float, float] | None:
        """The lags that the verdict speaks of."""
        verdict = self.fit.verdict
        return (verdict.first, verdict.last) if verdict.last > verdict.first > 0 else None


def _scene(fit: DecayFit, level: float) -> _Scene:
    barred = np.isfinite(fit.stderr) & (fit.stderr > 0)
    highest = np.where(barred, fit.values + special.ndtri(0.5 + level / 2) * fit.stderr, fit.values)
    bottom = lower_end(fit.values, fit.significant)
    if not np.any(fit.values > 0) and np.any(highest > 0):
        bottom = float(highest.max()) / 100
    top = max(1.6 * float(highest.max()), 100 * bottom)
    ends = (float(fit.lags[0]) / 1.25, float(fit.lags[-1]) * 1.25)
    return _Scene(fit, level, _chosen(fit), barred, bottom, top, ends, (0.0, _BEYOND * _last_near(fit, barred)))


def _chosen(fit: DecayFit) -> tuple[LawFit, ...]:
    """The law of the verdict, and beside it the simple ones, the likelier first; three at most."""
    best = fit.best
    if best is None:
        return ()
    others = [law for law in fit.laws if law is not best]
    simple = [law for law in others if law.name in _SIMPLE]
    return (best, *(simple or others[:1]))


def _last_near(fit: DecayFit, barred: NDArray[np.bool_]) -> float:
    """The last lag that the linear axis has to show: lags where nothing is left would squeeze what there is."""
    if fit.verdict.last:
        last = fit.verdict.last
    elif not barred.any() and np.any(fit.values > 0):  # up to the first value that is nothing
        nothing = np.flatnonzero(fit.values <= lower_end(fit.values, fit.significant))
        enough = nothing[nothing >= _LEAST_SHOWN]
        last = float(fit.lags[enough[0] - 1]) if len(enough) else float(fit.lags[-1])
    else:
        last = float(fit.lags[-1])
    return max(last, float(fit.lags[min(_LEAST_SHOWN, len(fit.lags)) - 1]))


def _draw_curve(axes: Any, scene: _Scene) -> None:
    _draw_bars(axes, scene)
    _draw_points(axes, scene)
    for k, law in enumerate(scene.laws):
        _draw_law(axes, scene, law, strong=k == 0)
    _mark_range(axes, scene)


def _draw_bars(axes: Any, scene: _Scene) -> None:
    low, high = scene.interval
    seen = high > scene.bottom
    low, lags = np.maximum(low, scene.bottom), scene.fit.lags
    axes.vlines(lags[seen], low[seen], high[seen], color=_POINTS, linewidth=0.9, alpha=0.55, zorder=2)


def _draw_points(axes: Any, scene: _Scene) -> None:
    fit, bottom = scene.fit, scene.bottom
    name = short_label(fit.label) or "values"
    style = {"color": _POINTS, "markersize": 3.6, "markeredgewidth": 0.8, "zorder": 3}
    hollow = {"markerfacecolor": "white", **style}
    shown, sure = fit.values > bottom, scene.sure
    below = ~shown & np.isfinite(fit.values)
    low_name = "below the lower edge" if np.any(fit.values[below] > 0) else "at or below zero"
    all_hollow = not (shown & sure).any()
    _mark(axes, fit.lags, fit.values, shown & sure, "o", label=name, gid="curve", **style)
    label = f"{name}; not significant" if all_hollow else "not significant"
    _mark(axes, fit.lags, fit.values, shown & ~sure, "o", label=label, gid="curve", **hollow)
    label = f"{name}; {low_name}" if not shown.any() else low_name
    _mark(axes, fit.lags, np.full(len(below), bottom), below, "v", label=label, gid="curve", **hollow)


def _mark(axes: Any, lags: Floats, values: Floats, chosen: NDArray[np.bool_], marker: str, **style: Any) -> None:
    """Whole markers, those on the edges too, of the lags that the axes show."""
    first, last = axes.get_xlim()
    chosen = chosen & (lags >= first) & (lags <= last)
    if chosen.any():
        axes.plot(lags[chosen], values[chosen], marker, linestyle="none", clip_on=False, **style)


def _draw_law(axes: Any, scene: _Scene, law: LawFit, strong: bool) -> None:
    colour, lags = _LAW_COLOURS.get(law.name, COLOURS[-1]), _line_lags(scene)
    with np.errstate(all="ignore"):  # far from what was fitted, a law may leave all bounds
        values = law(lags)
        low, high = law.band(lags, scene.level)
    width, order = (1.9, 4.5) if strong else (1.0, 4.0)
    first, last = scene.inside or (lags[0], lags[-1])
    inside = (lags >= first) & (lags <= last)
    remark = " (likeliest)" if strong and scene.fit.verdict.kind == "undecided" else ""
    if np.all(values < scene.bottom):
        remark = " (below the axis)"
    name = _short_name(law, scene.fit, remark)
    axes.plot(
        lags[inside], values[inside], "-", color=colour, linewidth=width, zorder=order, alpha=0.9, label=name, gid="law"
    )
    for outside in (lags <= first, lags >= last):
        if outside.sum() > 1:
            axes.plot(
                lags[outside], values[outside], "--", color=colour, linewidth=0.75 * width, zorder=order, alpha=0.7
            )
    if strong:
        known = np.isfinite(low) & np.isfinite(high)
        # A band over the whole height at most lags says nothing, and would colour all of the axes.
        nothing = (low <= scene.bottom) & (high >= scene.top)
        if not np.any(high[known] > low[known]) or np.mean(nothing[known & inside]) > _MOSTLY:
            return
        # What lies far outside a logarithmic axis would stretch it.
        ends = [np.clip(end[known], scene.bottom / 10, 10 * scene.top) for end in (low, high)]
        axes.fill_between(lags[known], *ends, color=colour, alpha=0.2, linewidth=0, zorder=1.5, gid="band")


def _line_lags(scene: _Scene) -> Floats:
    first, last = float(scene.fit.lags[0]), float(scene.fit.lags[-1])
    evenly = np.linspace(first, scene.near_lags[1], _N_LINE)
    by_logarithms = np.geomspace(first, max(last, scene.near_lags[1]), _N_LINE)
    return np.unique(np.concatenate([evenly, by_logarithms, scene.inside or ()]))


def _mark_range(axes: Any, scene: _Scene) -> None:
    if scene.inside is None:
        return
    first, last = scene.inside
    name = f"lags of the verdict: {_number(first)} to {_number(last)}"
    axes.axvspan(first, last, facecolor="0.945", edgecolor="none", zorder=0, label=name, gid="range")
    for edge in (first, last):
        axes.axvline(edge, color="0.75", linewidth=0.7, zorder=0.5)


def _draw_residuals(axes: Any, scene: _Scene) -> None:
    fit, barred = scene.fit, scene.barred
    lags, values, stderr = (each[barred] for each in (fit.lags, fit.values, fit.stderr))
    with np.errstate(all="ignore"):
        found = [(values - law(lags)) / stderr for law in scene.laws[:2]] or [values / stderr]
    spoken = lags >= scene.inside[0] if scene.inside else np.ones(len(lags), bool)
    largest = float(np.max(np.abs(found[0][spoken]), initial=0.0))
    # A law may be off by far where it does not hold; without laws the values themselves are to be seen.
    half = max(1.15 * largest if not scene.laws else min(1.15 * largest, _MOST), _LEAST)
    axes.set_ylim(-half, half)
    axes.axhline(0, color="0.5", linewidth=0.8, zorder=1)
    for side in (-_WITHIN, _WITHIN):
        axes.axhline(side, color="0.6", linewidth=0.8, linestyle=":", zorder=1)
    if half <= _MOST:
        axes.set_yticks([tick for tick in (-6, -4, -2, 0, 2, 4, 6) if abs(tick) < half])
    _mark_range(axes, scene)
    colours = [_LAW_COLOURS.get(law.name, COLOURS[-1]) for law in scene.laws[:2]] or [_POINTS]
    sure = scene.sure[barred]
    for residuals, colour, size, order in zip(found, colours, (3.6, 2.2), (3, 2), strict=False):
        style = {"color": colour, "markersize": size, "markeredgewidth": 0.7, "zorder": order}
        within = np.abs(residuals) <= half
        _mark(axes, lags, residuals, within & sure, "o", gid="residual", **style)
        _mark(axes, lags, residuals, within & ~sure, "o", gid="residual", markerfacecolor="white", **style)
        for side, marker in ((1, "^"), (-1, "v")):
            at_edge = np.full(len(lags), 0.93 * side * half)
            _mark(axes, lags, at_edge, side * residuals > half, marker, gid="beyond", **style)


def _heading(fit: DecayFit) -> str:
    """The verdict, with its law's parameters or its reason."""
    kind, best = fit.verdict.kind, fit.best
    if best is None or kind not in (*_SIMPLE, "between"):
        return f"{kind}: {fit.verdict.reason}"
    if kind == "between":
        return f"between an exponential and a power law, as a {_short_name(best, fit)}"
    return _short_name(best, fit)


def _short_name(law: LawFit, fit: DecayFit, remark: str = "") -> str:
    """A law with what is asked of it; amplitudes are seen."""
    told = [
        f"{name.replace('_', ' ')} {_with_interval(each, counted_in(each.unit, fit.provenance))}"
        for name, each in law.parameters.items()
        if "amplitude" not in name and name != "floor"
    ]
    floor = ", on a floor" if law.floor else ""
    return f"{law.name}{remark}: {', '.join(told)}{floor}"


def _with_interval(estimate: Estimate, unit: str) -> str:
    unit = f" {unit}" if unit else ""
    if np.isnan(estimate.low) or np.isnan(estimate.high):
        return _number(estimate.value) + unit
    return f"{_number(estimate.value)}{unit} ({_number(estimate.low)} to {_number(estimate.high)})"


def _number(value: float) -> str:
    """Three digits, as people write them."""
    if np.isinf(value):
        return "infinity"
    if 1000 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value == round(value) else f"{value:#.3g}".rstrip(".")


def _quantity(fit: DecayFit) -> str:
    """What the curve measures, as far as a fit knows: only information has a unit."""
    null = fit.provenance.get("null")
    name = null.get("name") if isinstance(null, dict) else None
    what = "mutual information" if fit.unit and name else "excess"
    if name == "held-out":
        what += ", lower bound"
    elif name not in (None, "none"):
        what += f" above {null_words({str(name)})}"
    return what + (f" ({fit.unit})" if fit.unit else "")


def _wrapped(text: str, letters: int) -> str:
    """In lines of so many letters, with what is in short brackets in one piece.

    >>> print(_wrapped("exponent 0.398 (0.32 to 0.47)", 20))
    exponent 0.398
    (0.32 to 0.47)
    """
    whole = re.sub(r"\([^()]{,30}\)", lambda found: found[0].replace(" ", "\u00a0"), text)
    return "\n".join(textwrap.fill(line, letters) for line in whole.split("\n")).replace("\u00a0", " ")


def _legend(figure: Any, axes: Any, scene: _Scene, width: float) -> None:
    """Below the axes, where it covers nothing: points on the left, laws on the right."""
    from matplotlib.lines import Line2D

    handles: dict[str, list[Any]] = {"curve": [], "range": [], "law": []}
    for artist in (*axes.get_lines(), *axes.patches):
        if artist.get_gid() in handles:
            handles[artist.get_gid()].append(artist)
    points, laws = [*handles["curve"], *handles["range"]], handles["law"]
    if np.any(scene.interval[1] > scene.bottom):
        banded = any(band.get_gid() == "band" for band in axes.collections)
        name = f"{100 * scene.level:g} % intervals" + (": bars and band" if banded else "")
        bar = Line2D([], [], linestyle="none", marker="|", markersize=9, color=_POINTS, alpha=0.55, label=name)
        (laws or points).append(bar)
    n_columns = 2 if laws and width >= 7 else 1
    letters = int((width / n_columns - _HANDLE) * _LETTERS)
    if n_columns == 2:  # columns are filled one after the other, and have to be equally long
        n = max(len(points), len(laws))
        empty = Line2D([], [], linestyle="none", label=" ")
        points, laws = ([*part, *[empty] * (n - len(part))] for part in (points, laws))
    # Named one by one: matplotlib would leave out labels with a leading underscore.
    entries = [*points, *laws]
    names = [_wrapped(str(each.get_label()), letters) for each in entries]
    look = {"loc": "outside lower center", "ncols": n_columns, "frameon": False}
    legend = figure.legend(entries, names, **look)
    excess = legend.get_window_extent().width / figure.bbox.width
    if excess > 1:  # letters as wide as w
        legend.remove()
        figure.legend(entries, names, fontsize=0.98 * legend.get_texts()[0].get_fontsize() / excess, **look)
