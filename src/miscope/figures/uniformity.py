"""Figures of uneven corpora: parts side by side, and the curve by position."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from miscope.figures.style import (
    COLOURS,
    MARKERS,
    STYLE,
    bars,
    check_suffix,
    lower_end,
    new_figure,
    plain_lags,
    save_figure,
    short_label,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from miscope.probing.drift import Drift
    from miscope.probing.uniformity import Uniformity

__all__ = ["plot_drift", "plot_uniformity"]

Floats = NDArray[np.float64]

_MOST_SYMBOLS = 12
_MOST_LEGEND = 8
_WIDE = 1.15  # beyond the first and the last lag
_OUTER = 1.4  # beyond the first and the last lag, the most that a cell reaches
_FAINT = 1e-3  # of the largest value, down to which the map's colours go
_MOST_SIGMA = 4.0
_APART = 0.03  # decades over which the markers of one lag are spread


def plot_uniformity(
    result: Uniformity,
    path: str | Path | None = None,
    *,
    title: str | None = None,
    size: tuple[float, float] = (8.6, 5.0),
) -> NDArray[Any]:
    """Draw the parts of a corpus side by side.

    Upper left are the curves of the parts less their documents' compositions, with 95 % intervals (hollow markers: not
    significant; triangles on the lower edge: below it); shaded lags are those at which strength of dependence differs.
    Lower left is how much of the dependence is only that documents differ in composition: of all parts together (black,
    with two standard errors) and of each part (small). On the right are the symbols that tell parts apart: share in
    each part less that of all parts, in percentage points, with two standard errors.

    Parameters
    ----------
    result
        What `uniformity` returned.
    path
        File to write as well: ``.png``, ``.svg`` or ``.pdf``.
    title
        Instead of the first line of the summary.
    size
        Width and height in inches.

    Returns
    -------
    numpy.ndarray
        Axes, shape (3,): curves, share of composition, symbols.

    Raises
    ------
    InputError
        For a file type that figures are not written as.

    Examples
    --------
    >>> import miscope as ms
    >>> from miscope.probing.uniformity import uniformity
    >>> coins = ms.processes.Heterogeneous(compositions=[[0.5, 0.5]])
    >>> parts = {name: coins.sample(20, 200, seed=k) for k, name in enumerate(["train", "test"])}
    >>> plot_uniformity(uniformity(parts, lags=[1, 2, 4], n_permutations=99)).shape
    (3,)
    """
    if path is not None:
        check_suffix(Path(path))
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        figure = new_figure(size)
        grid = figure.add_gridspec(2, 2, height_ratios=(2.2, 1), width_ratios=(1.7, 1))
        above = figure.add_subplot(grid[0, 0])
        below = figure.add_subplot(grid[1, 0], sharex=above)
        beside = figure.add_subplot(grid[:, 1])
        _draw_parts(above, result)
        _draw_shares(below, result)
        _draw_symbols(beside, result)
        plain_lags(below.xaxis)
        above.tick_params(labelbottom=False, which="both")
        heading = result.summary.partition("\n")[0] if title is None else title
        if heading:
            figure.suptitle(textwrap.fill(heading.replace("$", r"\$"), int(size[0] * 12)), fontsize=10)
        handles, names = above.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False)
        if path is not None:
            save_figure(figure, path)
    return np.array([above, below, beside])


def _draw_parts(axes: Axes, result: Uniformity) -> None:
    lags = result.lags.astype(np.float64)
    excess = np.concatenate([curve.excess for curve in result.curves])
    sure = np.concatenate([curve.significant() for curve in result.curves])
    bottom = lower_end(excess, sure)
    if not sure.any():  # nothing but noise: as far down as its bars are long
        errors = np.concatenate([curve.excess_stderr for curve in result.curves])
        bottom = float(np.nanmedian(errors)) / 10 if np.any(errors > 0) else 1e-6
    highest = max(float(np.nanmax(curve.interval(excess=True)[1])) for curve in result.curves)
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(lags[0] / _WIDE, lags[-1] * _WIDE),
        ylim=(bottom, max(1.6 * highest, 30 * bottom)),
    )
    for k, curve in enumerate(result.curves):
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
        at = _beside(lags, k, len(result.curves))
        low, high = bars(curve)
        seen = high > bottom
        axes.vlines(at[seen], np.maximum(low, bottom)[seen], high[seen], color=colour, linewidth=0.9, alpha=0.6)
        significant, shown = curve.significant(), curve.excess > bottom
        style: dict[str, Any] = {"color": colour, "linestyle": "none", "markersize": 3.8, "clip_on": False, "zorder": 3}
        name = short_label(result.names[k]) if k < _MOST_LEGEND else "_"
        axes.plot([], [], marker, label=name, color=colour, linestyle="none", markersize=3.8)
        hollow = {**style, "markerfacecolor": "white"}
        below = np.full(len(at), bottom)
        kinds = (
            (shown & significant, curve.excess, marker, style),
            (shown & ~significant, curve.excess, marker, hollow),
        )
        for chosen, values, sign, how in (*kinds, (~shown, below, "v", hollow)):
            if chosen.any():
                axes.plot(at[chosen], values[chosen], sign, **how)
    _explain_markers(axes, result, bottom)
    if result.p_dependence <= result.level:
        _shade(axes, lags, result.lag_p <= result.level)
    axes.set_ylabel("mutual information less\ncomposition (nats)")


def _explain_markers(axes: Axes, result: Uniformity, bottom: float) -> None:
    """What hollow markers and triangles mean, where there are any."""
    shown = [curve.excess > bottom for curve in result.curves]
    hollow = any((each & ~curve.significant()).any() for each, curve in zip(shown, result.curves, strict=True))
    triangles = any((~each).any() for each in shown)
    for marker, name, wanted in (("o", "not significant", hollow), ("v", "below the lower edge", triangles)):
        if wanted:
            style: dict[str, Any] = {"color": "0.35", "linestyle": "none", "markersize": 3.8}
            axes.plot([], [], marker, label=name, markerfacecolor="white", **style)


def _beside(lags: Floats, k: int, n: int) -> Floats:
    """Where the markers of the k-th of n parts stand: side by side, so that none hides another."""
    return np.asarray(lags * 10 ** (_APART * ((k + 0.5) / n - 0.5)))


def _shade(axes: Axes, lags: Floats, chosen: NDArray[np.bool_]) -> None:
    """Shade each run of chosen lags."""
    edges = _edges(lags)
    starts = np.flatnonzero(chosen & ~np.append(False, chosen[:-1]))
    stops = np.flatnonzero(chosen & ~np.append(chosen[1:], False))
    for n, (first, last) in enumerate(zip(starts, stops, strict=True)):
        label: dict[str, Any] = {"label": "strength differs"} if n == 0 else {}
        axes.axvspan(edges[first], edges[last + 1], color="0.5", alpha=0.15, linewidth=0, zorder=0, **label)


def _draw_shares(axes: Axes, result: Uniformity) -> None:
    share, error = 100 * result.shares[-1], 200 * result.shares_stderr[-1]
    known = np.isfinite(share)
    axes.axhline(0, color="0.6", linewidth=0.7)
    axes.axhline(100, color="0.6", linewidth=0.7)
    for k in range(len(result.names)):
        axes.plot(
            _beside(result.lags.astype(np.float64), k, len(result.names)),
            100 * result.shares[k],
            MARKERS[k % len(MARKERS)],
            color=COLOURS[k % len(COLOURS)],
            markersize=2.6,
            alpha=0.6,
        )
    if known.any():
        axes.errorbar(
            result.lags[known], share[known], error[known], fmt="o", color="0.25", markersize=3.6, elinewidth=0.9
        )
    else:
        axes.text(
            0.5,
            0.5,
            "no dependence of several documents",
            transform=axes.transAxes,
            ha="center",
            color="0.4",
            fontsize=8,
        )
    axes.set_ylim(-15, 125)
    axes.set_yticks([0, 50, 100])
    axes.set(xlabel="lag (symbols)", ylabel="composition's\nshare (%)")


def _draw_symbols(axes: Axes, result: Uniformity) -> None:
    weights = np.array(result.n_symbols, np.float64)[:, None]
    away = 100 * (result.unigrams - np.sum(weights * result.unigrams, axis=0) / weights.sum())
    chosen = _symbols(result)
    place = np.arange(len(chosen))[::-1]
    axes.axvline(0, color="0.6", linewidth=0.7)
    for k in range(len(result.names)):
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
        shift = 0.5 * ((len(result.names) - 1) / 2 - k) / len(result.names)
        axes.errorbar(
            away[k, chosen],
            place + shift,
            xerr=np.nan_to_num(200 * result.unigrams_stderr[k, chosen]),
            fmt=marker,
            color=colour,
            markersize=4,
            elinewidth=0.9,
        )
    for y in place[:-1] - 0.5:
        axes.axhline(y, color="0.92", linewidth=0.7, zorder=0)
    words = [result.symbols[code] for code in chosen]
    shown = [_shown(word) for word in words]
    axes.set_yticks(place, [textwrap.shorten(word, 16, placeholder="…").replace("$", r"\$") for word in shown])
    axes.set_ylim(-0.6, len(chosen) - 0.4)
    axes.set_xlabel("share less that of all parts\n(percentage points)")
    axes.tick_params(axis="y", length=0)


def _shown(word: str) -> str:
    """A symbol as a label: what cannot be seen by its name."""
    if word == " ":
        return "space"
    return word if word.isprintable() and word == word.strip() and word else repr(word)


def _symbols(result: Uniformity) -> list[int]:
    """Codes of the symbols that tell parts apart: the clearest of each part in turn."""
    code = {word: k for k, word in enumerate(result.symbols)}
    ranked = [[word for word, _, _ in each.telling] for each in result.distances]
    found: list[int] = []
    for rank in range(max(map(len, ranked), default=0)):
        for words in ranked:
            if rank < len(words) and code[words[rank]] not in found:
                found.append(code[words[rank]])
    return found[:_MOST_SYMBOLS]


def plot_drift(
    drift: Drift,
    path: str | Path | None = None,
    *,
    title: str | None = None,
    size: tuple[float, float] = (8.6, 4.2),
) -> NDArray[Any]:
    """Draw mutual information by position in a corpus and lag, as maps.

    On the left the values themselves, on a logarithmic scale (hatched: at or below zero, or a thousandth of the
    largest); on the right how far each window lies from the mean of all at the same lag, in standard errors. Lags with
    a trend have a triangle on the upper edge, up where dependence rises and down where it falls.

    Parameters
    ----------
    drift
        What `drift` returned.
    path
        File to write as well: ``.png``, ``.svg`` or ``.pdf``.
    title
        Instead of the result in a sentence.
    size
        Width and height in inches.

    Returns
    -------
    numpy.ndarray
        Axes, shape (2,): values, departures.

    Raises
    ------
    InputError
        For a file type that figures are not written as.

    Examples
    --------
    >>> import miscope as ms
    >>> from miscope.probing.drift import drift
    >>> plot_drift(drift(ms.processes.IsingChain(1.0).sample(32, 500), lags=[1, 2, 4], windows=8)).shape
    (2,)
    """
    if path is not None:
        check_suffix(Path(path))
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        figure = new_figure(size)
        figure.get_layout_engine().set(wspace=0.06)
        grid: NDArray[Any] = figure.subplots(1, 2, sharex=True, sharey=True)
        lags, bounds = _edges(drift.lags.astype(np.float64)), drift.bounds / 10 ** _power(drift.bounds[-1])
        _draw_values(figure, grid[0], drift, lags, bounds)
        _draw_departures(figure, grid[1], drift, lags, bounds)
        for axes in grid:
            axes.set(xscale="log", xlabel="lag (symbols)", xlim=(lags[0], lags[-1]), ylim=(bounds[-1], 0))
            plain_lags(axes.xaxis)
        units = {0: "symbols", 3: "thousand symbols", 6: "million symbols", 9: "billion symbols"}
        grid[0].set_ylabel(f"position ({units[_power(drift.bounds[-1])]})")
        heading = drift.sentence if title is None else title
        if heading:
            figure.suptitle(textwrap.fill(heading.replace("$", r"\$"), int(size[0] * 13)), fontsize=9)
        if path is not None:
            save_figure(figure, path)
    return grid


def _power(n: int) -> int:
    return 9 if n >= 10**9 else 6 if n >= 10**6 else 3 if n >= 10**4 else 0


def _draw_values(figure: Any, axes: Axes, drift: Drift, lags: Floats, bounds: Floats) -> None:
    from matplotlib.colors import LogNorm

    highest = max(float(np.nanmax(drift.values)), 1e-12)
    norm = LogNorm(highest * _FAINT, highest)
    shown = np.ma.masked_less_equal(drift.values, highest * _FAINT)
    axes.patch.set(hatch="////", edgecolor="0.8", facecolor="white")
    mesh = axes.pcolormesh(lags, bounds, shown, norm=norm, cmap="viridis", rasterized=True)
    figure.colorbar(mesh, ax=axes, label="mutual information less null (nats)", pad=0.02)


def _draw_departures(figure: Any, axes: Axes, drift: Drift, lags: Floats, bounds: Floats) -> None:
    errors = np.where(drift.stderr > 0, drift.stderr, np.nan)
    departures = np.ma.masked_invalid((drift.values - drift.values.mean(axis=0)) / errors)
    mesh = axes.pcolormesh(
        lags, bounds, departures, vmin=-_MOST_SIGMA, vmax=_MOST_SIGMA, cmap="RdBu_r", rasterized=True
    )
    figure.colorbar(mesh, ax=axes, label="from the mean (standard errors)", pad=0.02, extend="both")
    for chosen, marker in ((drift.slopes > 0, "^"), (drift.slopes < 0, "v")):
        at = drift.lags[chosen & (drift.lag_p <= drift.level)]
        top = np.full(len(at), 1.02)
        if len(at):
            axes.plot(at, top, marker, color="0.2", markersize=5, transform=axes.get_xaxis_transform(), clip_on=False)


def _edges(lags: Floats) -> Floats:
    """Borders between lags, in the middle of their logarithms."""
    if len(lags) == 1:
        return np.array([lags[0] / _WIDE, lags[0] * _WIDE])
    middle = np.sqrt(lags[1:] * lags[:-1])
    first, last = max(lags[0] ** 2 / middle[0], lags[0] / _OUTER), min(lags[-1] ** 2 / middle[-1], lags[-1] * _OUTER)
    return np.concatenate([[first], middle, [last]])
