"""Into how many parts, ranges of symbols and batches of lags counting on a cluster is cut."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from miscope.counting.costs import cheapest, table_bytes
from miscope.counting.tally import PairData
from miscope.errors import InputError
from miscope.sequences.codes import Array, code_dtype

__all__ = ["METHODS", "Means", "Plan", "choose_method", "make_plan"]

METHODS = ("auto", "dense", "bits", "sparse")

_MOST_TABLE_BYTES = 2**28
_PARTS_A_THREAD, _RANGES_A_THREAD = 4, 2
_LEAST_PART = 2**12  # symbols
_HELD = 32  # bytes that grouping takes a symbol of a part
_MOST_LAGS_OF_TABLES, _MOST_LAGS_OF_PAIRS = 64, 8


class Means(NamedTuple):
    """What a cluster has: threads in all, bytes of memory in all and of the smallest worker."""

    threads: int
    memory: int
    least_memory: int


class Plan(NamedTuple):
    """How counting is cut.

    Attributes
    ----------
    parts
        int64: borders of the parts, positions in the corpus.
    ranges
        int64: borders of the ranges of left symbols; of one range where tables are counted.
    batches
        Lags that are counted in one go.
    """

    parts: Array
    ranges: Array
    batches: list[Array]


def choose_method(method: str, data: PairData, n_symbols: int, n_lags: int) -> str:
    """The kernel of the parts: as asked for, or the one that is quickest on one machine, if its tables can travel."""
    if method != "auto":
        return method
    quickest = cheapest(n_symbols, len(data.offsets) - 1, data.alphabet_size, n_lags, data.n_blocks)
    if quickest in METHODS:
        return quickest
    return "dense" if table_bytes(data.alphabet_size, data.n_blocks) <= _MOST_TABLE_BYTES else "sparse"


def make_plan(
    method: str,
    data: PairData,
    lags: Array,
    counts: Array,
    means: Means,
    parts: int | None = None,
    ranges: int | None = None,
    lags_at_once: int | None = None,
) -> Plan:
    """Cut counting so that all threads have work, and what travels at a time takes an eighth of the memory at most.

    Parameters
    ----------
    method
        The kernel of the parts.
    data
        Documents and blocks of the corpus; its codes are not looked at.
    lags
        All lags.
    counts
        How often each symbol occurs, shape (alphabet_size,).
    means
        What the cluster has.
    parts, ranges, lags_at_once
        Numbers of one's own.

    Raises
    ------
    InputError
        One of them is no number of at least 1.
    """
    for name, value in (("parts", parts), ("ranges", ranges), ("lags_at_once", lags_at_once)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1):
            raise InputError(f"{name} must be a whole number of at least 1, not {value!r}")
    n, longest = int(data.offsets[-1]), int(lags[-1])
    if parts is None:
        enough = max(_PARTS_A_THREAD * means.threads, -(-2 * _HELD * n * means.threads // means.memory))
        long_enough = n // max(_LEAST_PART, longest)  # tails are at most as long as what they belong to
        parts = max(1, min(enough, max(long_enough, min(means.threads, n // _LEAST_PART))))
    if method == "sparse":
        a_lag = n * (code_dtype(data.alphabet_size).itemsize + 2)
        at_once = means.memory // 8 // max(a_lag, 1)
        at_once = int(np.clip(lags_at_once or min(at_once, _MOST_LAGS_OF_PAIRS), 1, len(lags)))
        if ranges is None:  # a merge holds its pairs twice, and shall take a quarter of what its thread has
            ranges = max(_RANGES_A_THREAD * means.threads, -(-8 * a_lag * at_once * means.threads // means.memory))
    else:
        width = 4 if n < 2**32 else 8
        a_lag = max(data.n_blocks, 1) * data.alphabet_size**2 * width
        at_once = lags_at_once or min(means.least_memory // 16 // a_lag, _MOST_LAGS_OF_TABLES)
        at_once, ranges = int(np.clip(at_once, 1, len(lags))), 1
    batches = [batch for batch in np.array_split(lags, -(-len(lags) // at_once)) if len(batch)]
    return Plan(_part_borders(data, parts), _range_borders(counts, ranges), batches)


def _part_borders(data: PairData, parts: int) -> Array:
    """Borders of parts of near equal size, which are borders of blocks where there are enough of these."""
    n, at = int(data.offsets[-1]), np.arange(parts + 1)
    if data.n_blocks >= parts:
        return np.unique(data.bounds[at * data.n_blocks // parts])
    return np.unique(at * n // parts)


def _range_borders(counts: Array, ranges: int) -> Array:
    """Borders of ranges of symbols that occur about equally often."""
    before = np.cumsum(counts)
    inner = np.searchsorted(before, np.arange(1, ranges) * before[-1] // ranges) + 1
    return np.unique(np.concatenate([[0], np.minimum(inner, len(counts)), [len(counts)]]))
