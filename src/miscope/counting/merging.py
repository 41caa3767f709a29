"""Cells of one lag, from several sources or blocks: added up, and turned into fingerprints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from miscope.counting.sparse import leave_out, tally_entries
from miscope.counting.tally import SMALL, Cells, LagFingerprints, compact

__all__ = ["add_cells", "cell_fingerprints", "recoded"]


def add_cells(parts: Sequence[Cells]) -> Cells:
    """Counts of all parts together, block by block; they have the same blocks and keys of the same alphabet.

    Examples
    --------
    >>> one = Cells(np.array([0, 2]), np.array([3, 5]), np.array([1, 1]))
    >>> other = Cells(np.array([0, 2]), np.array([5, 8]), np.array([4, 1]))
    >>> add_cells([one, other]).counts
    array([1, 5, 1])
    """
    if len(parts) == 1:
        return parts[0]
    keys, counts, sizes = [], [], []
    for j in range(len(parts[0].offsets) - 1):
        mine = [slice(part.offsets[j], part.offsets[j + 1]) for part in parts]
        together = np.concatenate([part.keys[piece] for part, piece in zip(parts, mine, strict=True)])
        numbers = np.concatenate([part.counts[piece] for part, piece in zip(parts, mine, strict=True)])
        order = np.argsort(together, kind="stable")  # sorted runs, which a stable sort merges
        merged, added = _run_sums(together[order], numbers[order])
        keys.append(merged)
        counts.append(added)
        sizes.append(len(merged))
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Cells(offsets, np.concatenate(keys), np.concatenate(counts))


def recoded(cells: Cells, table: np.ndarray, old_size: int, new_size: int) -> Cells:
    """The same counts with the codes of another alphabet: `table` has the new code of each old one."""
    left, right = table[cells.keys // old_size], table[cells.keys % old_size]
    keys = left.astype(np.int64) * new_size + right
    block = np.repeat(np.arange(len(cells.offsets) - 1), np.diff(cells.offsets))
    order = np.lexsort((keys, block))
    return Cells(cells.offsets, keys[order], cells.counts[order])


def cell_fingerprints(cells: Cells, alphabet_size: int, n_blocks: int) -> LagFingerprints:
    """Fingerprints of the counts of one lag: sorted cells, block by block."""
    n_held = len(cells.offsets) - 1
    keys, counts = np.ascontiguousarray(cells.keys), np.ascontiguousarray(cells.counts)
    block = np.repeat(np.arange(n_held, dtype=np.uint32), np.diff(cells.offsets))
    order = np.argsort(keys, kind="stable")
    joint = _tally_runs(keys[order], block[order], counts[order], n_blocks)
    left = _side(keys // alphabet_size, cells.offsets, counts, n_blocks, alphabet_size)
    right = _side(keys % alphabet_size, cells.offsets, counts, n_blocks, alphabet_size)
    block_pairs = np.array([part.sum() for part in np.split(counts, cells.offsets[1:-1])], dtype=np.int64)
    return LagFingerprints(compact(*joint), compact(*left), compact(*right), block_pairs)


def _side(
    codes: np.ndarray, offsets: np.ndarray, counts: np.ndarray, n_blocks: int, size: int
) -> tuple[np.ndarray, ...]:
    symbols, blocks, held, total = _side_entries(codes, offsets, counts, size)
    return tuple(tally_entries(total, symbols, blocks, held, n_blocks))


@njit(nogil=True, cache=True)
def _run_sums(keys, counts):  # type: ignore[no-untyped-def]
    merged, added = np.empty_like(keys), np.empty_like(counts)
    n = 0
    for k in range(len(keys)):
        if n > 0 and merged[n - 1] == keys[k]:
            added[n - 1] += counts[k]
        else:
            merged[n] = keys[k]
            added[n] = counts[k]
            n += 1
    return merged[:n].copy(), added[:n].copy()


@njit(nogil=True, cache=True)
def _tally_runs(keys, block, counts, n_blocks):  # type: ignore[no-untyped-def]
    # Cells in the order of their keys, each key once a block.
    small = np.zeros((n_blocks + 1, SMALL), np.int64)
    n_large = np.int64(0)
    for row in range(2):  # once to count the large cells, once to tally
        large = np.zeros((n_blocks + 1, n_large), np.int64)
        n_large = np.int64(0)
        first = 0
        while first < len(keys):
            last = first
            total = np.int64(0)
            while last < len(keys) and keys[last] == keys[first]:
                total += counts[last]
                last += 1
            if row == 0:
                n_large += total >= SMALL
            elif total >= SMALL:
                large[:, n_large] = total
                for e in range(first, last):
                    if n_blocks > 0:
                        leave_out(small, large, np.int64(block[e]) + 1, n_large, counts[e])
                n_large += 1
            else:
                for h in range(n_blocks + 1):
                    small[h, total] += 1
                for e in range(first, last):
                    if n_blocks > 0:
                        small[np.int64(block[e]) + 1, total] -= 1
                        small[np.int64(block[e]) + 1, total - counts[e]] += 1
            first = last
    return small, large


@njit(nogil=True, cache=True)
def _side_entries(codes, offsets, counts, size):  # type: ignore[no-untyped-def]
    # How often each symbol stands in each block, and in all.
    total = np.zeros(size, np.int64)
    held = np.zeros(size, np.int64)
    symbols, blocks, found = np.empty_like(codes), np.empty_like(codes), np.empty_like(codes)
    end = 0
    for j in range(len(offsets) - 1):
        start = end
        for k in range(offsets[j], offsets[j + 1]):
            if held[codes[k]] == 0:
                symbols[end] = codes[k]
                end += 1
            held[codes[k]] += counts[k]
        for e in range(start, end):
            blocks[e] = j
            found[e] = held[symbols[e]]
            total[symbols[e]] += found[e]
            held[symbols[e]] = 0
    return symbols[:end], blocks[:end], found[:end], total
