"""Figures of what models remember: reach, effective couplings, and the spectrum of their own dynamics."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from miscope.errors import InputError
from miscope.figures.curves import check_scale, lower_end, short_label
from miscope.figures.style import COLOURS, MARKERS, STYLE, check_suffix, new_figure, plain_lags, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from miscope.curve import MICurve
    from miscope.probing.couplings import Couplings
    from miscope.probing.reach import Reach
    from miscope.probing.spectrum import Spectrum

__all__ = ["plot_couplings", "plot_reach", "plot_spectrum"]

Floats = NDArray[np.float64]

_DARK = "0.2"
_MOST_RATIO = 1.6  # that the axis goes up to for the sake of single lags
_WIDE = 1.12  # beyond the first and the last lag


def plot_reach(
    result: Reach | Iterable[Reach],
    path: str | Path | None = None,
    *,
    title: str | None = None,
    size: tuple[float, float] = (5.2, 5.0),
) -> NDArray[Any]:
    """Draw how far models keep the dependence of their data: curves above, their ratios to the data below.

    Markers are estimates, less their nulls, with intervals at the reach's level; a curve without errors is a line.
    Below, the strong line is the ratio that does not rise; where it crosses the dashed line, the share that was asked
    for, is the reach: a vertical line, in the shade of its interval. Pale markers are ratios at lags that were left
    out, because the data's dependence is not known there; triangles on an edge are ratios beyond it.

    Parameters
    ----------
    result
        What `miscope.reach` returned, or several of them, for models of the same data.
    path
        File to write as well: ``.png``, ``.svg`` or ``.pdf``.
    title
        Title. Default: for one model, what the reach says in a line.
    size
        Width and height in inches.

    Returns
    -------
    numpy.ndarray
        Axes, shape (2,): curves, ratios.

    Raises
    ------
    InputError
        For a file type that figures are not written as, nothing to draw, or reaches with different units or shares.

    Examples
    --------
    >>> import miscope as ms
    >>> from miscope.probing.reach import reach
    >>> data = ms.processes.PowerLawBinary(amplitude=0.1, exponent=0.4)
    >>> chain = ms.processes.IsingChain(coupling=0.5)
    >>> plot_reach(reach(data, ms.measure(chain.sample(64, 1000), lags="1:32"))).shape
    (2,)
    """
    drawn = _listed(result, path, "reach")
    if len({(each.unit, each.factor, each.level) for each in drawn}) > 1:
        raise InputError("reaches of different units, factors or levels do not go into one figure")
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        figure = new_figure(size)
        grid: NDArray[Any] = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        above, below = grid
        lags = np.concatenate([each.lags for each in drawn])
        above.set(xscale="log", yscale="log", xlim=(lags.min() / _WIDE, lags.max() * _WIDE))
        above.set_ylim(_ends(drawn))
        below.set_ylim(0, _highest_ratio(drawn))
        names = [each.labels[0] for each in drawn]
        for k, each in enumerate(drawn):
            if each.labels[0] not in names[:k]:
                label = each.labels[0] or "data"
                _draw_curve(above, each.lags, each.data, each.data_stderr, each.level, _DARK, "o", label)
            colour, marker = COLOURS[k % len(COLOURS)], MARKERS[(k + 1) % len(MARKERS)]
            label = each.labels[1] or "model"
            _draw_curve(above, each.lags, each.model, each.model_stderr, each.level, colour, marker, label)
            _draw_ratio(below, each, colour, marker)
        _finish_ratios(below, drawn)
        unit = f" ({drawn[0].unit})" if drawn[0].unit else ""
        above.set_ylabel(f"mutual information{unit}")
        heading = drawn[0].sentence if title is None and len(drawn) == 1 else title
        if heading:
            figure.suptitle(_heading(heading, int(size[0] * 14)), fontsize=9)
        plain_lags(below.xaxis)
        above.legend(framealpha=0.85, edgecolor="none", loc="best")
        if path is not None:
            save_figure(figure, path)
    return grid


def _heading(text: str, letters: int) -> str:
    """In lines of so many letters, with an interval at the end in a line of its own where not all fits into one."""
    text = text.replace("$", r"\$")
    if len(text) <= letters:
        return text
    text, bracket, interval = text.rpartition(" (")
    return "\n".join([textwrap.fill(text, letters), f"({interval}"]) if bracket else textwrap.fill(interval, letters)


def _listed(result: Any, path: str | Path | None, what: str) -> list[Any]:
    drawn = list(result) if isinstance(result, Iterable) else [result]
    if not drawn:
        raise InputError(f"nothing to plot: give at least one result of {what}()")
    if path is not None:
        check_suffix(Path(path))
    return drawn


def _half(stderr: Floats, level: float) -> Floats:
    return np.asarray(special.ndtri(0.5 + level / 2) * np.nan_to_num(stderr))


def _ends(drawn: list[Reach]) -> tuple[float, float]:
    """Of the axis of curves: from below what they show to above their intervals."""
    values = np.concatenate([part for each in drawn for part in (each.data, each.model)])
    shown = [(each.used, each.used & (each.model > 2 * each.model_stderr)) for each in drawn]
    sure = np.concatenate([part for parts in shown for part in parts])
    return lower_end(values, sure), 1.6 * float(np.max(values))


def _highest_ratio(drawn: list[Reach]) -> float:
    """Upper end of the axis of ratios: above the smoothed ones, and above most others."""
    smoothed = max(1.1 * float(np.nanmax(each.smoothed)) for each in drawn)
    ratios = np.concatenate([each.ratio[each.used] for each in drawn])
    return max(1.15, 1.3 * drawn[0].factor, smoothed, min(1.05 * float(ratios.max()), _MOST_RATIO))


def _draw_curve(
    axes: Any, lags: Any, values: Floats, stderr: Floats, level: float, colour: str, marker: str, label: str
) -> None:
    name, bottom = short_label(label), axes.get_ylim()[0]
    if not np.any(stderr > 0):
        axes.plot(lags, np.where(values > bottom, values, np.nan), "-", color=colour, linewidth=1.2, label=name)
        return
    half = _half(stderr, level)
    low, high, shown = np.maximum(values - half, bottom), values + half, values > bottom
    barred = high > bottom
    axes.vlines(lags[barred], low[barred], high[barred], color=colour, linewidth=0.9, alpha=0.55, zorder=2)
    style = {"color": colour, "markersize": 3.6, "markeredgewidth": 0.8, "linestyle": "none", "zorder": 3}
    axes.plot(lags[shown], values[shown], marker, label=name, **style)
    _at_edge(axes, lags, ~shown, bottom, "v", style)


def _at_edge(axes: Any, lags: Any, chosen: NDArray[np.bool_], edge: float, marker: str, style: dict[str, Any]) -> None:
    """Hollow triangles for what lies beyond an edge."""
    if chosen.any():  # lines without points would make room for nothing
        edges = np.full(int(chosen.sum()), edge)
        axes.plot(lags[chosen], edges, marker, markerfacecolor="white", clip_on=False, **style)


def _draw_ratio(axes: Any, each: Reach, colour: str, marker: str) -> None:
    known = np.isfinite(each.ratio)
    lags, ratio = each.lags[known], each.ratio[known]
    half, used, top = _half(each.ratio_stderr[known], each.level), each.used[known], axes.get_ylim()[1]
    style = {"color": colour, "markersize": 3.6, "markeredgewidth": 0.8, "linestyle": "none", "zorder": 3}
    if np.any(half > 0):
        low, high = np.clip(ratio - half, 0, top), np.clip(ratio + half, 0, top)
        axes.vlines(lags[used], low[used], high[used], color=colour, linewidth=0.9, alpha=0.55, zorder=2)
        inside = (ratio >= 0) & (ratio <= top)
        axes.plot(lags[used & inside], ratio[used & inside], marker, **style)
        axes.plot(lags[~used & inside], ratio[~used & inside], marker, alpha=0.3, **style)
        _at_edge(axes, lags, used & (ratio > top), top, "^", style)
        _at_edge(axes, lags, used & (ratio < 0), 0.0, "v", style)
    axes.plot(each.lags, each.smoothed, "-", color=colour, linewidth=1.6, alpha=0.9, zorder=2.5, gid="smoothed")
    _mark_reach(axes, each, colour)


def _mark_reach(axes: Any, each: Reach, colour: str) -> None:
    first, last = axes.get_xlim()
    low, high = max(each.low, first), min(each.high, last)
    if high > low:
        axes.axvspan(low, high, facecolor=colour, alpha=0.13, edgecolor="none", zorder=0, gid="interval")
    if each.bound:
        # An arrow on the dashed line points to where the reach may be.
        ahead = each.bound == "at least"
        axes.plot([each.lag], [each.factor], ">" if ahead else "<", color=colour, markersize=7, zorder=4, gid="reach")
    else:
        axes.axvline(each.lag, color=colour, linewidth=1.2, zorder=1.5, gid="reach")


def _finish_ratios(axes: Any, drawn: list[Reach]) -> None:
    axes.axhline(drawn[0].factor, color="0.35", linewidth=0.9, linestyle="--", zorder=1, gid="factor")
    axes.axhline(1.0, color="0.8", linewidth=0.8, zorder=0.5)
    axes.set_xlabel("lag (symbols)")
    axes.set_ylabel("model / data")


def plot_couplings(
    result: Couplings | Iterable[Couplings],
    path: str | Path | None = None,
    *,
    ax: Axes | None = None,
    scale: str = "log-lin",
    level: float = 0.95,
    title: str | None = None,
    size: tuple[float, float] = (5.2, 3.4),
) -> Axes:
    """Draw effective couplings against how many steps back the symbol is that was changed.

    Parameters
    ----------
    result
        What `miscope.couplings` returned, or several of them.
    path
        File to write as well: ``.png``, ``.svg`` or ``.pdf``.
    ax
        Axes to draw into; default: a new figure.
    scale
        ``log-lin`` (default), ``lin-lin``, or ``log-log`` and ``lin-log``: then sizes are drawn, with hollow markers
        for negative couplings, and hollow triangles on the lower edge for what is below it.
    level
        Confidence level of the intervals.
    title
        Title, if wanted.
    size
        Width and height in inches.

    Raises
    ------
    InputError
        For an unknown scale or file type, nothing to draw, or a level that is not between 0 and 1.

    Examples
    --------
    >>> import miscope as ms
    >>> from miscope.models import LSTM
    >>> from miscope.probing.couplings import couplings
    >>> data = ms.processes.PowerLawBinary(amplitude=0.1, exponent=0.4)
    >>> axes = plot_couplings(couplings(LSTM(alphabet_size=2, width=4), data, lags=[1, 2, 4], n_contexts=64))
    >>> axes.get_xlabel()
    'steps back (symbols)'
    """
    drawn = _listed(result, path, "couplings")
    scales = {"log": "log", "lin": "linear"}
    x_scale, y_scale = (scales[part] for part in check_scale(scale).split("-"))
    if not 0 < level < 1:
        raise InputError(f"a confidence level lies between 0 and 1 (such as 0.95), not at {level}")
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        axes = new_figure(size).add_subplot() if ax is None else ax
        axes.set(xscale=x_scale, yscale=y_scale, xlabel="steps back (symbols)", ylabel=_coupling_words(drawn))
        if y_scale == "log":
            sizes = np.concatenate([np.abs(each.values) for each in drawn])
            sure = np.concatenate([np.abs(each.values) > 2 * np.nan_to_num(each.stderr) for each in drawn])
            axes.set_ylim(lower_end(sizes, sure), 2 * max(float(sizes.max()), 1e-300))
        else:
            axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
        for k, each in enumerate(drawn):
            _draw_couplings(axes, each, k, level, y_scale == "log")
        if x_scale == "log":
            plain_lags(axes.xaxis)
        if title:
            axes.set_title(textwrap.fill(title, 60))
        _explain_couplings(axes, y_scale == "log" and any(np.any(each.values < 0) for each in drawn))
        if path is not None:
            save_figure(axes.figure, path)
    return axes


def _coupling_words(drawn: list[Couplings]) -> str:
    if all(each.signed for each in drawn):
        return "change of log-odds (nats)"
    return "root mean square\nchange of log-odds (nats)"


def _draw_couplings(axes: Any, each: Couplings, k: int, level: float, sizes: bool) -> None:
    colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
    half = _half(each.stderr, level)
    values = np.abs(each.values) if sizes else each.values
    bottom = axes.get_ylim()[0] if sizes else -np.inf
    low, high, shown = np.maximum(values - half, bottom), values + half, values > bottom
    barred = (half > 0) & (high > bottom)
    axes.vlines(each.lags[barred], low[barred], high[barred], color=colour, linewidth=1.0, alpha=0.6, zorder=2)
    style = {"color": colour, "markersize": 4, "markeredgewidth": 0.9, "linestyle": "none", "zorder": 3}
    hollow = sizes & (each.values < 0)
    for chosen, look in ((shown & ~hollow, {}), (shown & hollow, {"markerfacecolor": "white"})):
        axes.plot(each.lags[chosen], values[chosen], marker, **look, **style)
    axes.plot([], [], marker, label=short_label(each.label), **style)
    _at_edge(axes, each.lags, ~shown, bottom, "v", style)


def _explain_couplings(axes: Any, negative: bool) -> None:
    from matplotlib.lines import Line2D

    handles, labels = axes.get_legend_handles_labels()
    if negative:
        hollow = Line2D([], [], marker="o", linestyle="none", markersize=4, color="0.35", markerfacecolor="white")
        handles, labels = [*handles, hollow], [*labels, "negative"]
    axes.legend(handles, labels, framealpha=0.85, edgecolor="none", loc="best")


def plot_spectrum(
    result: Spectrum | Iterable[Spectrum],
    path: str | Path | None = None,
    *,
    curves: MICurve | Iterable[MICurve] = (),
    level: float = 0.95,
    title: str | None = None,
    size: tuple[float, float] = (8.0, 3.4),
) -> NDArray[Any]:
    """Draw the curve that modes foretell, and the correlation length by how far ahead it was looked.

    On the left the predicted curve in its band, pale beyond the lags that the run itself showed, with points of probed
    curves on it if they are given; on the right, for each number of steps ahead, the correlation length: where these
    agree, the functions of the state span its slow modes. The shade is the 95 % interval.

    Parameters
    ----------
    result
        What `miscope.spectrum` returned, or several of them.
    path
        File to write as well: ``.png``, ``.svg`` or ``.pdf``.
    curves
        Probed or measured curves in nats, to be drawn as points.
    level
        Confidence level of bands and intervals.
    title
        Title, if wanted.
    size
        Width and height in inches.

    Returns
    -------
    numpy.ndarray
        Axes, shape (2,).

    Examples
    --------
    >>> from miscope.models import LinearGaussianRNN
    >>> from miscope.probing import spectrum
    >>> plot_spectrum(spectrum(LinearGaussianRNN(width=2), n_documents=32, length=256)).shape
    (2,)
    """
    drawn, points = _listed(result, path, "spectrum"), list(curves) if isinstance(curves, Iterable) else [curves]
    if any(curve.unit != "nats" for curve in points):
        raise InputError("spectra foretell mutual information in nats: give curves as they are measured, not in_bits()")
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        grid: NDArray[Any] = new_figure(size).subplots(1, 2, width_ratios=(3, 2))
        left, right = grid
        left.set(xscale="log", yscale="log", xlabel="lag (symbols)", ylabel="mutual information (nats)")
        right.set(xscale="log", xlabel="steps ahead (symbols)", ylabel="correlation length (symbols)")
        last = max([3 * each.horizon_of_run for each in drawn] + [int(curve.lags[-1]) for curve in points])
        for k, each in enumerate(drawn):
            _draw_foretold(left, each, COLOURS[k % len(COLOURS)], last, level)
            _draw_lengths(right, each, COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)])
        left.set_xlim(1 / _WIDE, last * _WIDE)
        ends = [each.mutual_information([1, last]) for each in drawn]
        left.set_ylim(_lowest(ends), 3 * max(float(curve[0]) for curve in ends))
        for k, curve in enumerate(points):
            half, shown = _half(curve.excess_stderr, level), curve.excess > left.get_ylim()[0]
            colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
            low = np.maximum(curve.excess - half, left.get_ylim()[0])[shown]
            left.vlines(curve.lags[shown], low, (curve.excess + half)[shown], color=colour, linewidth=0.9, alpha=0.55)
            style = {"color": colour, "markersize": 3.6, "linestyle": "none", "zorder": 3}
            named = short_label(curve.label) not in {short_label(each.label) for each in drawn}
            label = short_label(curve.label) if named else None  # the line is there already
            left.plot(curve.lags[shown], curve.excess[shown], marker, label=label, **style)
        right.set_ylim(bottom=0)
        for axes in grid:
            plain_lags(axes.xaxis)
        left.legend(framealpha=0.85, edgecolor="none", loc="lower left")
        if title:
            left.figure.suptitle(textwrap.fill(title, int(size[0] * 14)), fontsize=9)
        if path is not None:
            save_figure(left.figure, path)
    return grid


def _lowest(curves: list[Floats]) -> float:
    """Lower end of the axis: of the curves, but no more than some decades below their top."""
    return max(0.5 * float(min(curve[-1] for curve in curves)), 1e-6 * float(max(curve[0] for curve in curves)), 1e-300)


def _draw_foretold(axes: Any, each: Spectrum, colour: str, last: int, level: float) -> None:
    lags = np.unique(np.geomspace(1, last, 80).round().astype(np.int64))
    values, (low, high) = each.mutual_information(lags), each.band(lags, level)
    floor = np.finfo(np.float64).tiny
    axes.fill_between(lags, np.maximum(low, floor), high, color=colour, alpha=0.15, edgecolor="none")
    seen = lags <= each.horizon_of_run
    length = f"{each.correlation_length:.3g}"
    axes.plot(
        lags[seen], values[seen], color=colour, linewidth=1.3, label=f"{short_label(each.label)}: length {length}"
    )
    axes.plot(
        lags[lags >= lags[seen][-1]], values[lags >= lags[seen][-1]], "--", color=colour, linewidth=1.1, alpha=0.8
    )


def _draw_lengths(axes: Any, each: Spectrum, colour: str, marker: str) -> None:
    axes.plot(list(each.by_step), list(each.by_step.values()), marker + "-", color=colour, markersize=4, linewidth=0.8)
    if np.isfinite(each.high):
        axes.axhspan(each.low, each.high, facecolor=colour, alpha=0.13, edgecolor="none", zorder=0)
