"""Cells of one lag, from several sources or blocks: added up, and turned into fingerprints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numba import njit

from miscope.counting.sparse import leave_out
from miscope.counting.tally import SMALL, Cells, LagFingerprints, compact
from miscope.sequences.codes import read_only

__all__ = ["add_cells", "cell_fingerprints", "fill", "joined_cells", "recoded"]


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


def joined_cells(parts: Sequence[Cells]) -> Cells:
    """One lag from ranges of left symbols, ascending: the same blocks in each, keys of the next above those before."""
    if len(parts) == 1:
        return parts[0]
    sizes = np.array([np.diff(part.offsets) for part in parts])
    offsets = np.concatenate([[0], np.cumsum(sizes.sum(axis=0))]).astype(np.int64)
    keys, counts = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.int64)
    fill(parts, offsets, keys, counts)
    return Cells(offsets, keys, counts)


def fill(parts: Iterable[Cells], offsets: np.ndarray, keys: np.ndarray, counts: np.ndarray) -> None:
    """Put ranges of left symbols where their blocks lie: block j from ``offsets[j]`` on."""
    free = offsets[:-1].copy()
    for part in parts:
        for j, size in enumerate(np.diff(part.offsets)):
            into, of = slice(free[j], free[j] + size), slice(part.offsets[j], part.offsets[j + 1])
            keys[into], counts[into] = part.keys[of], part.counts[of]
            free[j] += size


def cell_fingerprints(cells: Cells, alphabet_size: int, n_blocks: int, most: int = 2**62) -> LagFingerprints:
    """Fingerprints of the counts of one lag: sorted cells, block by block, so many of them at a time, about.

    Without blocks to leave out (`n_blocks` 0) those that the cells lie in are taken together.
    """
    tallies = [_tally_runs(*_merged(part), n_blocks) for part in _key_ranges(cells, most)]
    small = np.sum([small for small, _ in tallies], axis=0)
    joint = compact(small, np.concatenate([large for _, large in tallies], axis=1))
    totals = [cells.counts[start:stop].sum() for start, stop in pairwise(cells.offsets)]
    block_pairs = np.array(totals if n_blocks else [sum(totals)], dtype=np.int64)
    as_read = cells.offsets, read_only(cells.keys), read_only(cells.counts)
    left, right = (compact(*_tally_side(*as_read, alphabet_size, n_blocks, of_left)) for of_left in (True, False))
    return LagFingerprints(joint, left, right, block_pairs)


def _key_ranges(cells: Cells, most: int) -> Iterator[Cells]:
    """Cells in ranges of keys, ascending, of so many cells each, about; views."""
    n = -(-len(cells.keys) // most)
    if n <= 1:
        yield cells
        return
    every = max(1, len(cells.keys) // (64 * n))
    sample = np.sort(cells.keys[::every])
    borders = np.unique(sample[np.arange(1, n) * len(sample) // n])
    blocks = list(pairwise(cells.offsets.tolist()))
    cuts = [start + np.searchsorted(cells.keys[start:stop], borders) for start, stop in blocks]
    for first, last in pairwise([None, *range(len(borders)), None]):
        at = [
            slice(start if first is None else int(cut[first]), stop if last is None else int(cut[last]))
            for cut, (start, stop) in zip(cuts, blocks, strict=True)
        ]
        sizes = [each.stop - each.start for each in at]
        keys, counts = (np.concatenate([column[each] for each in at]) for column in (cells.keys, cells.counts))
        yield Cells(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), keys, counts)


def _merged(cells: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys, blocks and counts in the order of keys."""
    if len(cells.offsets) == 2:  # one block, which is in order
        return np.ascontiguousarray(cells.keys), np.broadcast_to(np.uint32(0), len(cells.keys)), cells.counts
    block = np.repeat(np.arange(len(cells.offsets) - 1, dtype=np.uint32), np.diff(cells.offsets))
    order = np.argsort(cells.keys, kind="stable")
    return cells.keys[order], block[order], cells.counts[order]


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
def _tally_side(offsets, keys, counts, size, n_blocks, of_left):  # type: ignore[no-untyped-def]
    # Tally of the left or the right symbols: once for how often each stands in all, once for how often in each block.
    total = np.zeros(size, np.int64)
    for k in range(len(keys)):
        total[keys[k] // size if of_left else keys[k] % size] += counts[k]
    small = np.zeros((n_blocks + 1, SMALL), np.int64)
    row = np.zeros(size, np.int64)
    n_large = np.int64(0)
    for symbol in range(size):
        if total[symbol] < SMALL:
            small[:, total[symbol]] += 1
        else:
            row[symbol] = n_large
            n_large += 1
    large = np.zeros((n_blocks + 1, n_large), np.int64)
    for symbol in range(size):
        if total[symbol] >= SMALL:
            large[:, row[symbol]] = total[symbol]
    held = np.zeros(size, np.int64)
    seen = np.empty(size, np.int64)
    for j in range(n_blocks):
        n = 0
        for k in range(offsets[j], offsets[j + 1]):
            symbol = keys[k] // size if of_left else keys[k] % size
            if held[symbol] == 0:
                seen[n] = symbol
                n += 1
            held[symbol] += counts[k]
        for e in range(n):
            symbol = seen[e]
            if total[symbol] < SMALL:
                small[j + 1, total[symbol]] -= 1
                small[j + 1, total[symbol] - held[symbol]] += 1
            else:
                leave_out(small, large, j + 1, row[symbol], held[symbol])
            held[symbol] = 0
    return small, large
