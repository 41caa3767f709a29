"""Figures said as data: named series over two axes, which a file can carry and any page can draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.errors import InputError, choice
from miscope.figures.style import (
    COLOURS,
    MARKERS,
    STYLE,
    check_suffix,
    new_figure,
    plain_lags,
    save_figure,
    short_label,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Plot", "Series", "plot_series"]

KINDS = ("points", "line")
_ABOVE = 1.15  # of the highest end of a bar, where it ends at the top
_SHOWN_BELOW = 1e-6  # of the highest value: where a logarithmic axis ends at the latest


@dataclass(frozen=True)
class Series:
    """Points with intervals, or a line.

    Attributes
    ----------
    label
        For the legend.
    x, y
        Places, of equal length; nan where there is nothing.
    low, high
        Ends of the intervals, or empty.
    kind
        ``points`` or ``line``.
    of
        The label of the points that a line belongs to: it takes their colour.
    sure
        Which points are significant (filled markers); empty for all.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    kind: str = "points"
    of: str = ""
    sure: tuple[bool, ...] = ()

    @classmethod
    def of_curve(cls, curve: Any, label: str = "", level: float = 0.95) -> Series:
        """The points of a curve, above its null.

        >>> import miscope as ms
        >>> curve = ms.measure(ms.processes.IsingChain(1.0).sample(32, 512, seed=0), "1:8", label="chain")
        >>> Series.of_curve(curve).x
        (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
        """
        low, high = curve.interval(level, excess=True)
        sure = tuple(map(bool, curve.significant()))
        values, ends = _floats(curve.excess), (_floats(low), _floats(high))
        return cls(label or curve.label, _floats(curve.lags), values, *ends, sure=sure)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Series:
        """Make what JSON says of it, where None is what is not known."""
        made: dict[str, Any] = {name: _floats(found[name]) for name in ("x", "y", "low", "high")}
        made |= {name: str(found[name]) for name in ("label", "kind", "of")}
        return cls(**made, sure=tuple(map(bool, found["sure"])))

    @classmethod
    def line(cls, label: str, x: Any, y: Any, of: str = "") -> Series:
        """A line through places."""
        return cls(label, _floats(x), _floats(y), kind="line", of=of)


@dataclass(frozen=True)
class Plot:
    """A figure as data.

    Attributes
    ----------
    name
        Of its file.
    title, reading
        What it shows, and how to read it.
    x_label, y_label
        Of the axes, with units.
    series
        What is drawn.
    log
        Which axes are logarithmic: ``xy``, ``y``, ``x`` or "".
    rules
        Horizontal lines: height and name.
    diagonal
        Whether the line y = x is drawn.
    """

    name: str
    title: str
    reading: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log: str = "xy"
    rules: tuple[tuple[float, str], ...] = ()
    diagonal: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Plot:
        """Make what `to_dict` gave, also after JSON."""
        series = tuple(Series.from_dict(each) for each in found["series"])
        rules = tuple((float(height), str(name)) for height, name in found.get("rules", ()))
        return cls(**{**found, "series": series, "rules": rules})


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(math.nan if each is None else float(each) for each in values)


def plot_series(
    plot: Plot,
    path: str | Path | None = None,
    *,
    ax: Axes | None = None,
    size: tuple[float, float] = (5.6, 3.8),
) -> Axes:
    """Draw a figure that is said as data.

    On a logarithmic vertical axis a hollow triangle on the lower edge is a value at or below it. Where there are
    several sets of points, bars of hollow markers are pale, and triangles have none.

    Parameters
    ----------
    plot
        What is drawn.
    path
        File to write as well: ``.png``, ``.svg`` or ``.pdf``.
    ax
        Axes to draw on; default: new ones.
    size
        Of new axes' figure, in inches.

    Raises
    ------
    InputError
        If the file type is none that figures are written as, a kind of series is unknown, or no value can be drawn.

    Examples
    --------
    >>> lags = (1.0, 10.0, 100.0)
    >>> axes = plot_series(Plot("p", "a power law", "", "lag", "nats", (Series("A", lags, (0.1, 0.04, 0.016)),)))
    >>> axes.get_xscale(), axes.get_title()
    ('log', 'a power law')
    """
    if path is not None:
        check_suffix(Path(path))
    for each in plot.series:
        choice(each.kind, KINDS, "kind of series")
    bottom, top = _ends(plot)
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        axes: Axes = new_figure(size).add_subplot() if ax is None else ax
        axes.set(xscale="log" if "x" in plot.log else "linear", yscale="log" if "y" in plot.log else "linear")
        colours = _colours(plot.series)
        for k, each in enumerate(plot.series):
            if each.kind == "line":
                style = "-" if not each.of else "--"
                axes.plot(
                    each.x, each.y, style, color=colours[k], linewidth=1.2, label=short_label(each.label), zorder=2
                )
            else:
                edge = bottom if "y" in plot.log else None
                _draw_points(axes, each, colours[k], MARKERS[k % len(MARKERS)], edge, _alone(plot))
        if "y" in plot.log:
            axes.set_ylim(bottom, top)
        for height, name in plot.rules:
            axes.axhline(height, color="0.5", linewidth=0.8, linestyle=":", label=name)
        if plot.diagonal:
            ends = [*axes.get_xlim(), *axes.get_ylim()]
            axes.plot(
                [min(ends), max(ends)], [min(ends), max(ends)], color="0.6", linewidth=0.8, scalex=False, scaley=False
            )
        if "x" in plot.log:
            plain_lags(axes.xaxis)
        axes.set_xlabel(plot.x_label)
        axes.set_ylabel(plot.y_label)
        axes.set_title(short_label(plot.title))
        _legend(axes)
        if path is not None:
            save_figure(axes.figure, path)
    return axes


def _ends(plot: Plot) -> tuple[float, float]:
    """Where a logarithmic vertical axis begins and ends."""
    values = np.concatenate([np.asarray(each.y, np.float64) for each in plot.series] or [np.empty(0)])
    seen = [
        np.asarray(each.y, np.float64)[np.asarray(each.sure, bool)]
        if len(each.sure)
        else np.asarray(each.y, np.float64)
        for each in plot.series
        if each.kind == "points"
    ]
    if not np.isfinite(values).any() or ("y" in plot.log and not np.any(values > 0)):
        raise InputError(f"the figure {plot.name!r} has no value that could be drawn")
    top = float(np.nanmax(values))
    marked = np.concatenate(seen) if seen else values
    positive = marked[np.isfinite(marked) & (marked > 0)]
    least = float(positive.min()) if positive.size else top / 1e3
    bottom = max(least / 3, top * _SHOWN_BELOW)
    alone = _alone(plot)
    drawn = [(each, np.any(_bars(each, bottom, alone), axis=0)) for each in plot.series if each.kind == "points"]
    ends = [float(end) for each, bars in drawn if len(each.high) for end in np.asarray(each.high)[bars]]
    return bottom, max(2 * top, _ABOVE * max([top, *ends]))


def _alone(plot: Plot) -> bool:
    """Whether there are no other points that bars could be taken for."""
    return sum(each.kind == "points" for each in plot.series) == 1


def _colours(series: Sequence[Series]) -> list[str]:
    """One for each series; a line takes that of the points it belongs to, and is dark where it is of none."""
    own: dict[str, str] = {}
    for each in series:
        if each.kind == "points":
            own.setdefault(each.label, COLOURS[len(own) % len(COLOURS)])
    made, loose = [], 0
    alone = not own
    for each in series:
        if each.kind == "points":
            made.append(own[each.label])
        elif each.of in own:
            made.append(own[each.of])
        elif alone:
            made.append(COLOURS[loose % len(COLOURS)])
            loose += 1
        else:
            made.append("0.25")
    return made


def _draw_points(axes: Any, series: Series, colour: str, marker: str, bottom: float | None, alone: bool) -> None:
    x, y = np.asarray(series.x, np.float64), np.asarray(series.y, np.float64)
    shown = np.isfinite(y) if bottom is None else y > bottom
    sure = np.asarray(series.sure, bool) if len(series.sure) else np.ones(len(x), bool)
    if len(series.low):
        low, high = np.asarray(series.low, np.float64), np.asarray(series.high, np.float64)
        low = low if bottom is None else np.maximum(low, bottom)
        for chosen, width, alpha in zip(_bars(series, bottom, alone), (0.9, 0.7), (0.6, 0.35), strict=True):
            ends = low[chosen], high[chosen]
            axes.vlines(x[chosen], *ends, color=colour, linewidth=width, alpha=alpha, zorder=2.5)
    style = {"color": colour, "markersize": 4, "linestyle": "none", "zorder": 3}
    axes.plot(x[shown & sure], y[shown & sure], marker, label=short_label(series.label), **style)
    axes.plot(x[shown & ~sure], y[shown & ~sure], marker, markerfacecolor="white", **style)
    below = np.isfinite(y) & ~shown
    if below.any():  # whole markers on the edge
        edge = np.full(below.sum(), bottom)
        axes.plot(x[below], edge, "v", markerfacecolor="white", clip_on=False, gid="below", **style)


def _bars(series: Series, bottom: float | None, alone: bool) -> tuple[np.ndarray, np.ndarray]:
    """Which bars are drawn, and which of them pale; beside other points triangles have none, since bars would merge."""
    y = np.asarray(series.y, np.float64)
    if not len(series.low):
        return np.zeros(len(y), bool), np.zeros(len(y), bool)
    least = -np.inf if bottom is None else bottom
    low, high = np.asarray(series.low, np.float64), np.asarray(series.high, np.float64)
    barred = np.isfinite(low) & np.isfinite(high) & (high > least)
    if alone:
        return barred, np.zeros(len(y), bool)
    sure = np.asarray(series.sure, bool) if len(series.sure) else np.ones(len(y), bool)
    return barred & (y > least) & sure, barred & (y > least) & ~sure


def _legend(axes: Any) -> None:
    from matplotlib.lines import Line2D

    handles, labels = axes.get_legend_handles_labels()
    if any(line.get_gid() == "below" for line in axes.get_lines()):
        triangle = Line2D([], [], marker="v", linestyle="none", markersize=4, color="0.35", markerfacecolor="white")
        handles = [*handles, triangle]
        labels = [*labels, "at or below the lower edge"]
    if labels:
        named = dict(zip(labels, handles, strict=True))
        axes.legend(named.values(), named.keys(), frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5))
