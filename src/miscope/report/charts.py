"""Charts as plain data: what `charts.js` draws. Numbers stand in them in full; nan is None."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from miscope.figures.style import COLOURS

__all__ = ["DARK_COLOURS", "SCALES", "band", "line", "map_chart", "plain", "points", "xy_chart"]

SCALES = ("log-log", "lin-log", "log-lin", "lin-lin")
# The colours of figures, lighter, so that they stand out from dark paper as those do from white.
DARK_COLOURS = ("#5db3ea", "#ff9457", "#33c79b", "#e6a3c8", "#8fd3fb", "#f2b53c", "#b9bec6")

Series = dict[str, Any]


def plain(values: Any) -> Any:
    """Arrays as lists, with None for what is not finite."""
    if isinstance(values, np.ndarray):
        return plain(values.tolist())
    if isinstance(values, list | tuple):
        return [plain(value) for value in values]
    if isinstance(values, np.generic):
        values = values.item()
    return None if isinstance(values, float) and not math.isfinite(values) else values


def points(
    name: str,
    k: int,
    x: Any,
    y: Any,
    ends: tuple[Any, Any] | None = None,
    sure: Any = None,
    tips: Mapping[str, Sequence[str]] | None = None,
    marker: int | None = None,
) -> Series:
    """Markers with intervals.

    Parameters
    ----------
    name
        For the legend.
    k
        Number of the series: its colour and its marker.
    x, y
        Places, shape (n,).
    ends
        Lower and upper ends of the intervals, shape (n,) each.
    sure
        Which markers are filled, bool of shape (n,); default: all.
    tips
        Words for each point by what they are of, shown when it is pointed at.
    marker
        Number of the marker, if it is not to be that of the series.
    """
    n = len(x)
    low, high = ends if ends is not None else ([None] * n, [None] * n)
    filled = [True] * n if sure is None else [bool(each) for each in sure]
    made = {"kind": "points", "name": name, "colour": k % len(COLOURS), "marker": 0}
    made["marker"] = (k + k // len(COLOURS)) % 8 if marker is None else marker
    made |= {"x": plain(x), "y": plain(y), "low": plain(low), "high": plain(high), "sure": filled}
    return made | {"tips": {head: list(words) for head, words in (tips or {}).items()}}


def line(name: str, colour: int, x: Any, y: Any, style: str = "solid", of: str = "") -> Series:
    """A line: solid, thin, broken, dashed, or dark (what is exact); shown and hidden with the series `of`."""
    base = {"kind": "line", "name": name, "colour": colour % len(COLOURS), "style": style, "of": of}
    return base | {"x": plain(x), "y": plain(y)}


def band(name: str, colour: int, x: Any, low: Any, high: Any, of: str = "") -> Series:
    """An area between two lines, shown and hidden with the series `of`."""
    base = {"kind": "band", "name": name, "colour": colour % len(COLOURS), "of": of}
    return base | {"x": plain(x), "low": plain(low), "high": plain(high)}


def xy_chart(
    labels: tuple[str, str],
    series: Sequence[Series],
    *,
    scales: Sequence[str] = SCALES,
    bottom: float | None = None,
    near: float | None = None,
    rules: Sequence[tuple[float, str]] = (),
    spans: Sequence[tuple[float, float, str]] = (),
) -> dict[str, Any]:
    """A chart with two axes.

    Parameters
    ----------
    labels
        Of the horizontal and the vertical axis.
    series
        What is drawn.
    scales
        Between which a reader may choose, the first one first; x before y.
    bottom
        Where a logarithmic vertical axis begins; what lies below is drawn on its edge.
    near
        Where a linear horizontal axis ends.
    rules
        Horizontal lines: height and name.
    spans
        Shaded ranges of the horizontal axis: first, last, name.
    """
    return {
        "type": "xy",
        "xLabel": labels[0],
        "yLabel": labels[1],
        "scales": list(scales),
        "bottom": plain(bottom),
        "near": plain(near),
        "rules": [{"y": float(height), "name": name} for height, name in rules],
        "spans": [{"from": float(first), "to": float(last), "name": name} for first, last, name in spans],
        "series": list(series),
    }


def map_chart(
    labels: tuple[str, str],
    rows: Sequence[str],
    columns: Sequence[str],
    values: Any,
    words: Sequence[Sequence[str]],
    tips: Sequence[Sequence[str]],
    ends: tuple[str, str],
    marks: Any = None,
) -> dict[str, Any]:
    """A map of cells.

    Parameters
    ----------
    labels
        Of the horizontal and the vertical axis.
    rows, columns
        Their names.
    values
        Shape (n_rows, n_columns), from -1 to 1: how strongly a cell is coloured, on either side.
    words, tips
        What stands in each cell, and what is said of it.
    ends
        What the colours of -1 and of 1 mean.
    marks
        Which cells stand out, bool of the same shape: their words are set bold.
    """
    shape = np.shape(values)
    kept = np.zeros(shape, bool) if marks is None else np.asarray(marks, bool)
    return {
        "type": "map",
        "xLabel": labels[0],
        "yLabel": labels[1],
        "rows": list(rows),
        "columns": list(columns),
        "values": plain(np.clip(np.asarray(values, np.float64), -1, 1)),
        "words": [list(row) for row in words],
        "tips": [list(row) for row in tips],
        "ends": list(ends),
        "marks": kept.tolist(),
    }
