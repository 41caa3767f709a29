"""Figures of the calibration: coverage, bars against spread, false alarms, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from miscope.figures.style import COLOURS, MARKERS, STYLE, new_figure, plain_lags, save_figure

__all__ = ["plot_coverage", "plot_false_alarms", "plot_single", "plot_verdicts"]

Row = dict[str, Any]

_WANTED = (0.92, 0.97)


def _by_process(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["process"], []).append(row)
    return found


def _columns(rows: Sequence[Row], *names: str) -> list[np.ndarray]:
    return [np.array([row[name] for row in rows], dtype=float) for name in names]


def _lag_axis(axes: Any, label: str) -> None:
    axes.set_xscale("log")
    plain_lags(axes.xaxis)
    axes.set_xlabel("lag (symbols)")
    axes.set_ylabel(label)


def plot_coverage(rows: Sequence[Row], path: str | Path) -> None:
    """Coverage of 95 % intervals, and mean bar over true spread, for independent documents.

    Filled where the truth is above a tenth of the bar; hollow at the floor, where there is next to nothing to find.
    """
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        figure = new_figure((8.0, 3.9))
        left, right = figure.subplots(1, 2)
        for k, (name, group) in enumerate(_by_process(rows).items()):
            lag, truth, bar, spread, coverage = _columns(group, "lag", "truth", "mean_bar", "spread", "coverage")
            style = {"color": COLOURS[k % len(COLOURS)], "markersize": 4, "linewidth": 0.8}
            at = lag * 1.06 ** (k - 2)
            for axes, values in ((left, coverage), (right, bar / spread)):
                line = axes.plot(at, values, "-", **style)[0]
                real = truth > bar / 10
                marker = MARKERS[(k + 3 * (k // len(COLOURS))) % len(MARKERS)]
                axes.plot(at[real], values[real], marker, label=name if axes is left else None, **style)
                axes.plot(at[~real], values[~real], marker, markerfacecolor="white", **style)
                line.set_alpha(0.4)
        left.axhspan(*_WANTED, color="0.9", zorder=0)
        right.axhline(1.0, color="0.6", linewidth=0.8, zorder=0)
        right.set_ylim(0, max(2.0, min(3.0, right.get_ylim()[1])))
        left.set_ylim(min(0.6, left.get_ylim()[0]), 1.01)
        _lag_axis(left, "coverage of 95 % intervals")
        _lag_axis(right, "mean bar / true spread")
        figure.legend(loc="outside lower center", ncols=3, frameon=False)
        save_figure(figure, path)


def plot_single(rows: Sequence[Row], path: str | Path) -> None:
    """Coverage for one long document, as it is and with what long memory takes given back."""
    import matplotlib as mpl

    groups = _by_process(rows)
    with mpl.rc_context(STYLE):
        n_columns = 4
        n_rows = -(-len(groups) // n_columns)
        figure = new_figure((8.0, 1.75 * n_rows))
        grid = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
        for axes, (name, group) in zip(grid.flat, groups.items(), strict=False):
            axes.axhspan(0.85, 1.0, color="0.93", zorder=0)
            for k, (memory, marker) in enumerate((("ignore", "s"), ("correct", "o"))):
                chosen = [row for row in group if row["long_memory"] == memory]
                lag, coverage = _columns(chosen, "lag", "coverage")
                axes.plot(
                    lag, coverage, marker + "-", color=COLOURS[1 - k], markersize=3.5, linewidth=0.8, label=memory
                )
            axes.set_title(name, fontsize=7.5)
            axes.set_xscale("log")
            axes.set_ylim(-0.03, 1.05)
            plain_lags(axes.xaxis)
        for k in range(len(groups), grid.size):
            grid.flat[k].set_visible(False)
            grid.flat[k - n_columns].tick_params(labelbottom=True)  # the lowest of its column
        figure.supxlabel("lag (symbols)", fontsize=9)
        figure.supylabel("coverage of 95 % intervals", fontsize=9)
        handles, labels = grid.flat[0].get_legend_handles_labels()
        figure.legend(handles, [f'long_memory="{label}"' for label in labels], loc="outside upper center", ncols=2)
        save_figure(figure, path)


def plot_false_alarms(rows: Sequence[Row], path: str | Path) -> None:
    """Share of lags found where there is nothing to find, by null."""
    import matplotlib as mpl

    ways = list(dict.fromkeys(_way(row) for row in rows))
    with mpl.rc_context(STYLE):
        figure = new_figure((7.2, 3.2))
        axes = figure.subplots()
        groups = _by_process(rows)
        for k, way in enumerate(ways):
            shares = [_mean([row["found"] for row in group if _way(row) == way]) for group in groups.values()]
            at = np.arange(len(groups)) + (k - (len(ways) - 1) / 2) * 0.8 / len(ways)
            axes.bar(at, shares, 0.8 / len(ways), color=COLOURS[k], label=way)
        axes.axhline(0.05, color="0.3", linewidth=0.8, linestyle="--")
        axes.set_xticks(
            np.arange(len(groups)),
            [name.replace(", ", ",\n").replace(" that", "\nthat") for name in groups],
            fontsize=7.5,
        )
        axes.set_ylabel("found where there is nothing\n(nominal 5 %)")
        axes.set_ylim(0, 1.02)
        axes.legend(frameon=False)
        save_figure(figure, path)


_CHOSEN = ("exponential", "power law", "exponential + power law")


def plot_verdicts(rows: Sequence[Row], path: str | Path) -> None:
    """What was said of curves of each law, in shares of curves.

    Beside it is what automutualinformation chose, if that was there to be asked.
    """
    import matplotlib as mpl

    from miscope.decay.verdict import KINDS

    truths = KINDS[:-1]  # "undecided" is none
    with mpl.rc_context(STYLE):
        asked = [row for row in rows if row["peer"]]
        widths = (len(KINDS), len(_CHOSEN)) if asked else (len(KINDS),)
        figure = new_figure((sum(widths), 3.3))
        left, *right = figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0]
        _confusion(left, rows, "verdict", truths, KINDS, "miscope says")
        left.set_yticks(range(len(truths)), truths)
        left.set_ylabel("truth")
        for axes in right:
            _confusion(axes, asked, "peer", truths, _CHOSEN, "automutualinformation chooses")
            axes.set_yticks([])
        save_figure(figure, path)


def _confusion(
    axes: Any, rows: Sequence[Row], said: str, truths: Sequence[str], answers: Sequence[str], title: str
) -> None:
    counts = np.array([[sum(r["truth"] == t and r[said] == a for r in rows) for a in answers] for t in truths], float)
    of_truth = np.array([max(sum(r["truth"] == t for r in rows), 1) for t in truths], float)
    shares = counts / of_truth[:, None]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (k, j), share in np.ndenumerate(shares):
        if counts[k, j]:
            colour = "white" if share > 0.5 else "black"
            axes.text(
                j, k, f"{100 * share:.0f} %\n({counts[k, j]:.0f})", ha="center", va="center", color=colour, size=7.5
            )
    axes.set_xticks(range(len(answers)), [answer.replace(" ", "\n", 1) for answer in answers], fontsize=8)
    axes.set_title(title)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)


def _way(row: Row) -> str:
    return f"null {row['null']}" + ("" if row["correct_bias"] else ", bias not corrected")


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
