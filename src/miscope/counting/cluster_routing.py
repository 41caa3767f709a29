"""Sparse counts by many workers: pairs go to the worker of their left symbol, so that none holds the whole table.

Each part of the corpus *routes* its pairs: grouped by left symbol, cut into ranges of left symbols, one bundle a range.
Pairs of a rare left symbol travel as they are, one right symbol each; those of a frequent one, which mostly repeat, are
counted first, and travel as right symbol and count. One worker a range *merges* the bundles of all parts, and keeps
tallies only. Fingerprints of disjoint ranges of left symbols add.

Right symbols' own counts are not confined to a range of left symbols: each part counts them too, and sends those of a
range of symbols where that range's pairs go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from miscope.counting.cluster_kernels import (
    add_sides,
    combine_pairs,
    count_sides,
    group_positions,
    merge_blocks,
    merge_whole,
    route_pairs,
)
from miscope.counting.fingerprint import FingerprintArray
from miscope.counting.tally import SMALL, Cells, LagFingerprints, PairData, compact, tally
from miscope.sequences.codes import code_dtype

__all__ = [
    "Grouped",
    "Routed",
    "add_fingerprints",
    "cells_of",
    "combine",
    "divide",
    "group",
    "merge",
    "route",
    "sorted_cells",
]

_FEWEST_REPEATS = 1024
_SHARE = 4  # a run of more pairs than this share of the alphabet is counted before it travels


class Routed(NamedTuple):
    """Pairs at one lag whose left symbols lie in a range, and how often the symbols of that range are right ones.

    A *run* is what one left symbol has in one block: some right symbols, each with a count if the run is `counted`, and
    otherwise each once for every pair. Runs ascend by symbol, those of one symbol by block.
    """

    symbol: np.ndarray  # uint32 (n_runs,)
    block: np.ndarray  # uint16 or uint32 (n_runs,), of the whole corpus
    size: np.ndarray  # uint32 or int64 (n_runs,): right symbols of the run
    counted: np.ndarray  # bool (n_runs,)
    right: np.ndarray  # smallest type for the alphabet (n_entries,)
    counts: np.ndarray  # uint32 or int64: of those entries whose run is counted
    side_symbol: np.ndarray  # uint32: a symbol of the range,
    side_block: np.ndarray  # a block,
    side_count: np.ndarray  # and how often it is the right one of a pair of that block


class Grouped(NamedTuple):
    """Positions of a part of the corpus, grouped by symbol: symbol ``a`` has ``starts[a]:starts[a + 1]``."""

    starts: np.ndarray
    position: np.ndarray
    after: np.ndarray  # symbols from the position to the end of the document, itself included
    block: np.ndarray


def group(data: PairData) -> Grouped:
    """Group the positions of left symbols; they may be fewer than the documents are long, as in `PairData.part`."""
    n = len(data.left)
    index = np.int32 if n + int(data.offsets[-1]) < 2**31 - 1 else np.int64
    block_type = np.uint16 if len(data.bounds) <= 2**16 else np.uint32
    starts = np.zeros(data.alphabet_size + 1, np.int64)
    found = Grouped(starts, np.empty(n, index), np.empty(n, index), np.empty(n, block_type))
    group_positions(data.left, data.offsets, data.bounds, *found)
    return found


def route(data: PairData, grouped: Grouped, lag: int, first_block: int, borders: np.ndarray) -> list[Routed]:
    """The pairs of a part of the corpus at one lag, a bundle for each range of left symbols.

    Parameters
    ----------
    data, grouped
        The part, and its positions.
    lag
        The lag.
    first_block
        Number, in the whole corpus, of the part's first block.
    borders
        int64, shape (n_ranges + 1,): range ``r`` is the symbols ``borders[r] <= a < borders[r + 1]``.
    """
    size = data.alphabet_size
    n, n_blocks = len(data.left), len(data.bounds) - 1
    room = min(n, size * n_blocks)
    block_type = np.uint16 if first_block + n_blocks <= 2**16 else np.uint32
    count_type = _count_type(n)
    runs = (np.empty(room, np.uint32), np.empty(room, block_type), np.empty(room, count_type), np.empty(room, np.bool_))
    right = np.empty(n, code_dtype(size))
    heavy = max(_FEWEST_REPEATS, size // _SHARE)
    counts = np.empty(n if n > heavy else 0, count_type)
    total = np.zeros(size, count_type)
    ends = route_pairs(data.right, *grouped, lag, borders, heavy, total, *runs, right, counts)
    sides = (np.empty(room, np.uint32), np.empty(room, block_type), np.empty(room, count_type))
    n_sides = count_sides(data.right, data.offsets, data.bounds, lag, size, *sides)
    for block in (runs[1], sides[1]):
        np.add(block, first_block, out=block, casting="unsafe")
    range_of = np.repeat(np.arange(len(borders) - 1, dtype=np.uint16), np.diff(borders))[sides[0][:n_sides]]
    order = np.argsort(range_of, kind="stable")  # sixteen bits are sorted by counting
    cuts = np.searchsorted(range_of[order], np.arange(len(borders)))
    found = []
    for r in range(len(borders) - 1):
        of_runs, of_entries, of_counts = (slice(ends[r, i], ends[r + 1, i]) for i in range(3))
        of_sides = order[cuts[r] : cuts[r + 1]]
        symbol, block, sizes, counted = (field[of_runs].copy() for field in runs)
        entries = right[of_entries].copy(), counts[of_counts].copy()
        side_symbol, side_block, side_count = (side[of_sides] for side in sides)
        found.append(Routed(symbol, block, sizes, counted, *entries, side_symbol, side_block, side_count))
    return found


def _count_type(n_pairs: int) -> type[np.integer]:
    return np.uint32 if n_pairs < 2**32 else np.int64


class _Runs(NamedTuple):
    """The runs of several bundles together, by symbol, those of one symbol by block."""

    symbol: np.ndarray
    block: np.ndarray
    size: np.ndarray
    start: np.ndarray  # where the entries of each run begin
    count_start: np.ndarray  # where their counts do; -1 if the run is not counted
    right: np.ndarray
    counts: np.ndarray
    n_pairs: int
    longest: int  # most entries of one symbol


def _gathered(parts: Sequence[Routed]) -> _Runs:
    """Put bundles of one range together, those of parts of the corpus in the order of the parts."""
    symbol, block, size, counted, right = (
        np.concatenate([part[i] for part in parts]) for i in range(5)
    )  # fields of Routed up to `right`
    size = size.astype(np.int64)
    count = np.concatenate([part.counts.astype(np.int64) for part in parts])
    start = np.cumsum(size) - size
    of_counted = np.where(counted, size, 0)
    count_start = np.where(counted, np.cumsum(of_counted) - of_counted, -1)
    n_pairs = int(size[~counted].sum()) + int(count.sum())
    order = np.argsort(symbol, kind="stable")
    symbol, block, size, start, count_start = (x[order] for x in (symbol, block, size, start, count_start))
    changes = np.flatnonzero(np.diff(symbol, prepend=symbol[:1] + 1)) if len(symbol) else np.zeros(0, np.int64)
    longest = int(np.add.reduceat(size, changes).max()) if len(symbol) else 0
    return _Runs(symbol, block, size, start, count_start, right, count, n_pairs, longest)


def merge(parts: Sequence[Routed], first: int, last: int, n_blocks: int, alphabet_size: int) -> LagFingerprints:
    """Fingerprints, at one lag, of the left symbols ``first <= a < last``; of right ones too.

    Parameters
    ----------
    parts
        The range's bundles of all parts of the corpus, in their order.
    first, last
        The range.
    n_blocks, alphabet_size
        Of the corpus.
    """
    runs = _gathered(parts)
    left = np.zeros((max(n_blocks, 1), last - first), np.int64)
    right = np.zeros_like(left)
    for part in parts:
        add_sides(part.side_symbol, part.side_block, part.side_count, first, right)
    small = np.zeros((n_blocks + 1, SMALL), np.int64)
    large = np.zeros((n_blocks + 1, runs.n_pairs // SMALL + 1), np.int64)
    total = np.zeros(alphabet_size, _count_type(runs.n_pairs))
    about = (runs.symbol, runs.block, runs.size, runs.start, runs.count_start, runs.right, runs.counts)
    kernel = merge_blocks if n_blocks else merge_whole
    n_large = kernel(*about, first, runs.longest, total, left, small, large)
    joint = compact(small, large[:, :n_large])
    return LagFingerprints(joint, tally(left, n_blocks), tally(right, n_blocks), left.sum(axis=1))


def add_fingerprints(parts: Sequence[LagFingerprints]) -> LagFingerprints:
    """Fingerprints of disjoint ranges of symbols, together."""
    joint = _added([part.joint for part in parts])
    left, right = _added([part.left for part in parts]), _added([part.right for part in parts])
    return LagFingerprints(joint, left, right, np.sum([part.block_pairs for part in parts], axis=0))


def _added(batches: Sequence[FingerprintArray]) -> FingerprintArray:
    n_histograms = len(batches[0])
    histogram = np.concatenate([np.repeat(np.arange(n_histograms), np.diff(batch.offsets)) for batch in batches])
    counts = np.concatenate([batch.counts for batch in batches])
    cells = np.concatenate([batch.multiplicities for batch in batches])
    order = np.lexsort((counts, histogram))
    histogram, counts, cells = histogram[order], counts[order], cells[order]
    new = np.ones(len(counts), bool)
    new[1:] = (np.diff(histogram) > 0) | (np.diff(counts) > 0)
    at = np.flatnonzero(new)
    multiplicities = np.add.reduceat(cells, at) if len(at) else cells
    offsets = np.searchsorted(histogram[at], np.arange(n_histograms + 1)).astype(np.int64)
    return FingerprintArray(counts[at], multiplicities, offsets)


def combine(parts: Sequence[Routed], alphabet_size: int) -> Routed:
    """Bundles of one range and of neighbouring parts of the corpus as one, equal pairs counted together."""
    runs = _gathered(parts)
    n = len(runs.right)
    symbol, block = np.empty_like(runs.symbol), np.empty_like(runs.block)
    size = np.empty(len(runs.symbol), np.int64)
    right, count = np.empty(n, runs.right.dtype), np.empty(n, np.int64)
    total = np.zeros(alphabet_size, np.int64)
    about = (runs.symbol, runs.block, runs.size, runs.start, runs.count_start, runs.right, runs.counts)
    n_runs, n = combine_pairs(*about, total, symbol, block, size, right, count)
    runs_of = (symbol[:n_runs].copy(), block[:n_runs].copy(), size[:n_runs].copy(), np.ones(n_runs, bool))
    sides = [np.concatenate([part[i] for part in parts]) for i in (6, 7, 8)]
    return Routed(*runs_of, right[:n].copy(), count[:n].astype(_count_type(runs.n_pairs)), *sides)


def divide(bundle: Routed, borders: np.ndarray) -> list[Routed]:
    """A bundle of a range of left symbols cut into those of narrower ranges, with these borders."""
    runs = np.searchsorted(bundle.symbol, borders)
    entries = np.concatenate([[0], np.cumsum(bundle.size, dtype=np.int64)])[runs]
    counts = np.concatenate([[0], np.cumsum(np.where(bundle.counted, bundle.size, 0), dtype=np.int64)])[runs]
    order = np.argsort(bundle.side_symbol, kind="stable")
    sides = np.searchsorted(bundle.side_symbol[order], borders)
    found = []
    for r in range(len(borders) - 1):
        mine = slice(runs[r], runs[r + 1])
        symbol, block, size, counted = (field[mine].copy() for field in bundle[:4])
        right = bundle.right[entries[r] : entries[r + 1]].copy()
        of_sides = order[sides[r] : sides[r + 1]]
        side_symbol, side_block, side_count = (side[of_sides] for side in bundle[6:])
        count = bundle.counts[counts[r] : counts[r + 1]].copy()
        found.append(Routed(symbol, block, size, counted, right, count, side_symbol, side_block, side_count))
    return found


def cells_of(bundle: Routed, alphabet_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Blocks, keys and counts of a bundle that `combine` made."""
    left = np.repeat(bundle.symbol.astype(np.int64), bundle.size)
    block = np.repeat(bundle.block.astype(np.int64), bundle.size)
    return block, left * alphabet_size + bundle.right.astype(np.int64), bundle.counts.astype(np.int64)


def sorted_cells(parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], n_tables: int) -> Cells:
    """Cells of several ranges as one table, block by block."""
    block, keys, counts = (np.concatenate([part[i] for part in parts]) for i in range(3))
    order = np.lexsort((keys, block))
    offsets = np.searchsorted(block[order], np.arange(n_tables + 1)).astype(np.int64)
    return Cells(offsets, keys[order], counts[order])
