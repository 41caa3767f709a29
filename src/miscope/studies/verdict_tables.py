"""The calibration of the verdict as tables of Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from miscope.decay import KINDS

__all__ = ["LONG", "VERDICT_TABLES", "confusion", "markdown", "wrong"]

Row = dict[str, Any]

VERDICTS, TRUTHS = KINDS, KINDS[:-1]  # "undecided" is no truth
PEER = ("exponential", "power law", "exponential + power law")
LONG = 1.5
"""Decades of significant lags from which on a verdict is to be expected."""


def markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def confusion(rows: Sequence[Row], said: str, answers: Sequence[str]) -> list[list[int]]:
    """How often each answer was given, a row for each truth."""
    return [
        [sum(row["truth"] == truth and row[said] == answer for row in rows) for answer in answers] for truth in TRUTHS
    ]


def wrong(row: Row) -> bool:
    """Whether a verdict says what is not so; "undecided" says nothing."""
    return bool(row["verdict"] not in (row["truth"], "undecided"))


def peer_wrong(row: Row) -> bool:
    """The same of automutualinformation, which knows neither "between" nor "no dependence".

    An exponential and a power law together count as right for power laws (the tail is one) and for laws between.
    """
    right = {
        "exponential": ("exponential",),
        "power law": ("power law", "exponential + power law"),
        "between": ("exponential + power law",),
    }
    return row["peer"] is not None and row["peer"] not in right.get(row["truth"], ())


def _share(rows: Sequence[Row], holds: Callable[[Row], bool]) -> str:
    return f"{100 * sum(map(holds, rows)) / len(rows):.1f}" if rows else "–"


def _size(row: Row) -> str:
    return f"{row['documents']:,} × {row['length']:,}"


def _groups(rows: Sequence[Row], *keys: str) -> list[list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return list(found.values())


def _verdicts(rows: Sequence[Row]) -> str:
    heads = ["truth", *(f"said: {verdict}" for verdict in VERDICTS), "peer: exponential", "peer: power law"]
    heads += ["peer: both together", "peer: none"]
    ours, theirs = confusion(rows, "verdict", VERDICTS), confusion(rows, "peer", PEER)
    lines = []
    for k, truth in enumerate(TRUTHS):
        of_truth = [row for row in rows if row["truth"] == truth and row["peer"] is not None]
        none = len(of_truth) - sum(theirs[k])
        lines.append([truth, *map(str, ours[k]), *map(str, theirs[k]), str(none)])
    return markdown(heads, lines)


def _sizes(rows: Sequence[Row]) -> str:
    heads = ["documents × length", "curves", "wrong %", "undecided %"]
    heads += [f"with > {LONG} decades", "wrong %", "undecided %", "peer wrong %", "peer wrong % there"]
    lines = []
    for group in [*_groups(rows, "documents", "length"), list(rows)]:
        long = [row for row in group if row["significant_decades"] > LONG]
        asked = [row for row in group if row["peer"] is not None]
        cells = [_size(group[0]) if len(group) < len(rows) else "all", str(len(group)), _share(group, wrong)]
        cells += [_share(group, _undecided), str(len(long)), _share(long, wrong), _share(long, _undecided)]
        cells += [_share(asked, peer_wrong), _share([row for row in long if row["peer"] is not None], peer_wrong)]
        lines.append(cells)
    return markdown(heads, lines)


def _undecided(row: Row) -> bool:
    return bool(row["verdict"] == "undecided")


def _parameters(rows: Sequence[Row]) -> str:
    heads = ["parameter", "process", "documents × length", "truth", "median", "scatter", "verdicts", "coverage %"]
    lines = []
    named = [row for row in rows if row["parameter"]]
    for group in _groups(named, "parameter", "process", "documents", "length"):
        first, said = group[0], _right(group)
        if said:
            values = np.array([row["value"] for row in said])
            numbers = [f"{first['true']:.3g}", f"{np.median(values):.3g}", f"{values.std():.2g}"]
        else:
            numbers = [f"{first['true']:.3g}", "–", "–"]
        name = first["parameter"].replace("_", " ")
        lines.append(
            [name, first["process"], _size(first), *numbers, f"{len(said)} of {len(group)}", _share(said, held)]
        )
    for parameter in ("correlation_length", "exponent"):
        for group in _groups([row for row in named if row["parameter"] == parameter], "documents", "length"):
            said, name = _right(group), parameter.replace("_", " ")
            lines.append(
                [name, "**all**", _size(group[0]), "", "", "", f"{len(said)} of {len(group)}", _share(said, held)]
            )
    return markdown(heads, lines)


def _right(rows: Sequence[Row]) -> list[Row]:
    """Curves whose verdict names the law: those whose parameter a user would read."""
    return [row for row in rows if row["verdict"] == row["truth"] and row["low"] is not None]


def held(row: Row) -> bool:
    """Whether the interval holds the true parameter; an end that is None is infinite."""
    low = -np.inf if row["low"] is None else row["low"]
    high = np.inf if row["high"] is None else row["high"]
    return bool(low <= row["true"] <= high)


VERDICT_TABLES: dict[str, Callable[[Sequence[Row]], str]] = {
    "verdict": _verdicts,
    "verdict-sizes": _sizes,
    "verdict-parameters": _parameters,
}
