"""The figure of a training: losses against steps, and the entropy rate that no model can beat."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from miscope.errors import InputError
from miscope.figures.curves import short_label
from miscope.figures.style import COLOURS, MARKERS, STYLE, check_suffix, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from miscope.models.trained import TrainedModel

__all__ = ["plot_history"]

_ABOVE = 0.05  # share of the axis that is free above and below the losses


def plot_history(
    result: TrainedModel | Iterable[TrainedModel],
    path: str | Path | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    size: tuple[float, float] = (5.2, 3.4),
) -> Axes:
    """Draw the losses of a training against its steps.

    A line is the mean loss between two evaluations, markers are losses on held-out data, the larger one the best of
    them, whose weights were kept. A dashed line is the entropy rate of the process that the data come from, where that
    is known.

    Parameters
    ----------
    result
        What `miscope.train` returned, or several of them.
    path
        File to write as well: ``.png``, ``.svg`` or ``.pdf``.
    ax
        Axes to draw into; default: a new figure.
    title
        Title, if wanted.
    size
        Width and height of a new figure, in inches.

    Raises
    ------
    InputError
        For a file type that figures are not written as, or where there is nothing to draw.

    Examples
    --------
    >>> from miscope.models import GRU
    >>> from miscope.models.training import train
    >>> from miscope.processes import MarkovChain
    >>> chain = MarkovChain([[0.9, 0.1], [0.2, 0.8]])
    >>> axes = plot_history(train(GRU(alphabet_size=2, width=4), chain, steps=20, batch=8, length=32))
    >>> [text.get_text() for text in axes.get_legend().get_texts()]
    ['GRU 4', 'held out', 'entropy rate']
    """
    drawn: list[Any] = list(result) if isinstance(result, Iterable) else [result]
    if wrong := [each for each in drawn if not hasattr(each, "history")]:
        raise InputError(f"a trained model, as train() returns it, has a history; a {type(wrong[0]).__name__} has none")
    if not any(len(each.history) for each in drawn):
        raise InputError("there is no training to draw: the history is empty")
    if path is not None:
        check_suffix(Path(path))
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        axes = new_figure(size).add_subplot() if ax is None else ax
        for k, each in enumerate(drawn):
            _draw(axes, each, COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)])
        rates = {each.entropy_rate for each in drawn if each.entropy_rate is not None}
        for rate in sorted(rates):
            axes.axhline(rate, color="0.35", linewidth=0.9, linestyle="--", zorder=1, gid="entropy rate")
        axes.set(xlabel="steps", ylabel="loss (nats a symbol)", xlim=(0, None), ylim=_ends(drawn, rates))
        if title:
            axes.set_title(textwrap.fill(title, 60))
        _explain(axes, drawn, bool(rates))
        if path is not None:
            save_figure(axes.figure, path)
    return axes


def _draw(axes: Any, each: Any, colour: str, marker: str) -> None:
    history = each.history
    label = short_label(each.label)
    # A single evaluation makes no line.
    single = {"marker": "_", "markersize": 12} if len(history) == 1 else {}
    axes.plot(history.steps, history.loss, "-", color=colour, linewidth=1.2, label=label, gid="loss", **single)
    style = {"color": colour, "linestyle": "none", "markeredgewidth": 0.8, "zorder": 3}
    axes.plot(history.steps, history.valid, marker, markersize=3.4, markerfacecolor="white", gid="held out", **style)
    if history.best is not None:
        row = history.best
        axes.plot(history.steps[[row]], history.valid[[row]], marker, markersize=5.5, gid="best", **style)


def _ends(drawn: list[Any], rates: set[float]) -> tuple[float, float]:
    """Of the axis of losses."""
    parts: list[NDArray[np.float64]] = [np.array(sorted(rates), np.float64)]
    parts += [values for each in drawn for values in (each.history.loss, each.history.valid)]
    known = np.concatenate(parts)
    known = known[np.isfinite(known)]
    low, high = float(known.min()), float(known.max())
    room = _ABOVE * (high - low) or max(abs(high), 1.0) * _ABOVE
    return low - room, high + room


def _explain(axes: Any, drawn: list[Any], rate: bool) -> None:
    from matplotlib.lines import Line2D

    handles, labels = axes.get_legend_handles_labels()
    grey = "0.35"
    if any(each.history.best is not None for each in drawn):
        hollow = Line2D([], [], marker="o", linestyle="none", markersize=3.4, color=grey, markerfacecolor="white")
        handles, labels = [*handles, hollow], [*labels, "held out"]
    if rate:
        dashed = Line2D([], [], linestyle="--", linewidth=0.9, color=grey)
        handles, labels = [*handles, dashed], [*labels, "entropy rate"]
    axes.legend(handles, labels, framealpha=0.85, edgecolor="none", loc="best")
