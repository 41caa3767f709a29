"""The sparse kernel: for alphabets of thousands to millions. No table of pairs, no hashing, no sorting.

Positions are grouped by their symbol once. For each left symbol in turn, the right symbols at ``position + lag`` are
gathered into *entries*, one for each (right symbol, block) that occurs; a small table with one number a symbol says
where the entry of a right symbol is, and is never cleared: an entry that is out of range or belongs to another symbol
is simply not one (Briggs and Torczon 1993, "An efficient representation for sparse sets").

Leaving out a block changes a cell only if the block has pairs in it, so the left-out tallies are the whole's plus
changes at the entries: a cell of count ``n`` of which block ``j`` holds ``m`` leaves ``n`` and joins ``n - m``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from miscope.counting.tally import SMALL, Cells, LagFingerprints, PairData, compact

__all__ = ["SparseKernel"]


class _Groups(NamedTuple):
    """Positions grouped by symbol: symbol ``a`` stands at ``position[starts[a]:starts[a + 1]]``, ascending."""

    starts: np.ndarray
    position: np.ndarray
    before: np.ndarray  # symbols between the start of the document and the position
    after: np.ndarray  # symbols from the position to the end of the document, itself included


class SparseKernel:
    """Counts the pairs of one left symbol after another."""

    def __init__(self, data: PairData) -> None:
        self.data = data
        self.left = _group(data.left, data.offsets, data.alphabet_size)
        self.right = self.left if data.right is data.left else _group(data.right, data.offsets, data.alphabet_size)
        block_type = np.uint16 if len(data.bounds) <= 2**16 else np.uint32
        self.block = (np.searchsorted(data.bounds, self.left.position, side="right") - 1).astype(block_type)
        self.longest = int(np.diff(self.left.starts).max())

    def fingerprints(self, lag: int) -> LagFingerprints:
        """Count one lag and return only its fingerprints."""
        data, left, right = self.data, self.left, self.right
        n_blocks = data.n_blocks
        joint = _pair_tally(
            data.right,
            left.starts,
            left.position,
            left.after,
            self.block,
            lag,
            n_blocks,
            data.alphabet_size,
            self.longest,
        )
        *left_tally, block_pairs = _symbol_tally(left.starts, left.position, left.after, lag, 0, data.bounds, n_blocks)
        # A right symbol has a partner if at least `lag` symbols stand before it; its pair is in the partner's block.
        *right_tally, _ = _symbol_tally(right.starts, right.position, right.before, lag - 1, lag, data.bounds, n_blocks)
        return LagFingerprints(compact(*joint), compact(*left_tally), compact(*right_tally), block_pairs)

    def cells(self, lag: int) -> Cells:
        """Count one lag and return the counts."""
        data, left = self.data, self.left
        block, keys, counts = _pair_cells(
            data.right, left.starts, left.position, left.after, self.block, lag, data.alphabet_size, self.longest
        )
        order = np.lexsort((keys, block))
        offsets = np.searchsorted(block[order], np.arange(len(data.bounds))).astype(np.int64)
        return Cells(offsets, keys[order], counts[order])


def _group(codes: np.ndarray, offsets: np.ndarray, alphabet_size: int) -> _Groups:
    position_type = np.int32 if len(codes) < 2**31 - 1 else np.int64
    return _Groups(*_group_positions(codes, offsets, alphabet_size, np.empty(0, position_type)))


@njit(nogil=True, cache=True)
def _group_positions(codes, offsets, alphabet_size, like):  # type: ignore[no-untyped-def]
    starts = np.zeros(alphabet_size + 1, np.int64)
    for t in range(len(codes)):
        starts[codes[t] + 1] += 1
    for a in range(alphabet_size):
        starts[a + 1] += starts[a]
    free = starts[:-1].copy()
    position = np.empty(len(codes), like.dtype)
    before = np.empty(len(codes), like.dtype)
    after = np.empty(len(codes), like.dtype)
    for document in range(len(offsets) - 1):
        for t in range(offsets[document], offsets[document + 1]):
            slot = free[codes[t]]
            free[codes[t]] += 1
            position[slot] = t
            before[slot] = t - offsets[document]
            after[slot] = offsets[document + 1] - t
    return starts, position, before, after


@njit(nogil=True, cache=True)
def _gather(right, position, after, block, first, last, lag, where, entries):  # type: ignore[no-untyped-def]
    # Entries of one left symbol: right symbol, block, count. Returns how many.
    symbols, blocks, counts = entries
    n = 0
    for k in range(first, last):
        if lag < after[k]:
            b = right[np.uintp(position[k]) + np.uintp(lag)]
            e = where[b]
            if e < n and symbols[e] == b and blocks[e] == block[k]:
                counts[e] += np.uint32(1)
            else:
                symbols[n] = b
                blocks[n] = block[k]
                counts[n] = 1
                where[b] = n
                n += 1
    return n


@njit(nogil=True, cache=True)
def _pair_tally(right, starts, position, after, block, lag, n_blocks, alphabet_size, longest):  # type: ignore[no-untyped-def]
    small = np.zeros((n_blocks + 1, SMALL), np.int64)
    large = np.zeros((n_blocks + 1, len(position) // SMALL + 1), np.int64)
    n_large = 0
    where = np.zeros(alphabet_size, np.uint32)
    total = np.zeros(alphabet_size, np.uint32)
    row = np.zeros(alphabet_size, np.uint32)
    entries = (np.empty(longest, np.uint32), np.empty(longest, block.dtype), np.empty(longest, np.uint32))
    symbols, blocks, counts = entries
    for a in range(alphabet_size):
        n = _gather(right, position, after, block, starts[a], starts[a + 1], lag, where, entries)
        for e in range(n):
            total[symbols[e]] += counts[e]
        for e in range(n):
            b = symbols[e]
            count = np.int64(total[b])
            last = where[b] == e
            if count < SMALL:
                small[0, count] += last
                if n_blocks > 0:
                    j = np.int64(blocks[e]) + 1
                    small[j, count] -= 1
                    small[j, count - np.int64(counts[e])] += 1
            else:
                if row[b] == 0:
                    large[:, n_large] = count
                    n_large += 1
                    row[b] = n_large
                if n_blocks > 0:
                    _leave_out(small, large, np.int64(blocks[e]) + 1, row[b] - 1, np.int64(counts[e]))
                if last:
                    row[b] = 0
        for e in range(n):
            total[symbols[e]] = 0
    _add_whole(small)
    return small, large[:, :n_large].copy()


@njit(nogil=True, cache=True)
def _leave_out(small, large, histogram, row, count):  # type: ignore[no-untyped-def]
    # A large count loses `count`; if it is small then, it moves over.
    left = large[histogram, row] - count
    if left < SMALL:
        small[histogram, left] += 1
        left = 0
    large[histogram, row] = left


@njit(nogil=True, cache=True)
def _add_whole(small):  # type: ignore[no-untyped-def]
    # The left-out tallies were kept as changes against the whole.
    for h in range(1, small.shape[0]):
        for count in range(1, small.shape[1]):
            small[h, count] += small[0, count]


@njit(nogil=True, cache=True)
def _symbol_tally(starts, position, room, least, back, bounds, n_blocks):  # type: ignore[no-untyped-def]
    # Tallies of one side's symbols: those with room > least, in the block of `position - back`.
    small = np.zeros((n_blocks + 1, SMALL), np.int64)
    large = np.zeros((n_blocks + 1, len(position) // SMALL + 1), np.int64)
    n_large = 0
    held = np.zeros(len(bounds) - 1, np.int64)
    used = np.empty(len(bounds) - 1, np.int64)
    block_pairs = np.zeros(len(bounds) - 1, np.int64)
    for a in range(len(starts) - 1):
        count = np.int64(0)
        n_used = 0
        j = 0
        for k in range(starts[a], starts[a + 1]):
            if room[k] > least:
                while position[k] - back >= bounds[j + 1]:
                    j += 1
                if held[j] == 0:
                    used[n_used] = j
                    n_used += 1
                held[j] += 1
                count += 1
        if count == 0:
            continue
        if count < SMALL:
            small[0, count] += 1
        else:
            large[:, n_large] = count
            n_large += 1
        for k in range(n_used):
            j = used[k]
            block_pairs[j] += held[j]
            if n_blocks > 0 and count < SMALL:
                small[j + 1, count] -= 1
                small[j + 1, count - held[j]] += 1
            elif n_blocks > 0:
                _leave_out(small, large, j + 1, n_large - 1, held[j])
            held[j] = 0
    _add_whole(small)
    return small, large[:, :n_large].copy(), block_pairs


@njit(nogil=True, cache=True)
def _pair_cells(right, starts, position, after, block, lag, alphabet_size, longest):  # type: ignore[no-untyped-def]
    where = np.zeros(alphabet_size, np.uint32)
    entries = (np.empty(longest, np.uint32), np.empty(longest, block.dtype), np.empty(longest, np.uint32))
    symbols, blocks, counts = entries
    out_block = np.empty(len(position), np.int64)
    out_key = np.empty(len(position), np.int64)
    out_count = np.empty(len(position), np.int64)
    end = 0
    for a in range(alphabet_size):
        n = _gather(right, position, after, block, starts[a], starts[a + 1], lag, where, entries)
        for e in range(n):
            out_block[end] = blocks[e]
            out_key[end] = a * alphabet_size + np.int64(symbols[e])
            out_count[end] = counts[e]
            end += 1
    return out_block[:end].copy(), out_key[:end].copy(), out_count[:end].copy()
