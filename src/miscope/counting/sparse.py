"""The sparse kernel: for alphabets of thousands to millions. No table of pairs, no hashing, no sorting.

Positions are grouped by their symbol once. For each left symbol in turn, the right symbols at ``position + lag`` are
gathered into *entries*, one for each (right symbol, block) that occurs; a small table with one number a symbol says
where the entry of a right symbol is, and is never cleared: an entry that is out of range or belongs to another symbol
is simply not one (Briggs and Torczon 1993, "An efficient representation for sparse sets").

Leaving out a block changes a cell only if the block has pairs in it, so the left-out tallies are the whole's plus
changes at the entries: a cell of count ``n`` of which block ``j`` holds ``m`` leaves ``n`` and joins ``n - m``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import njit

from miscope.counting.tally import SMALL, Cells, LagFingerprints, PairData, compact

__all__ = [
    "SparseKernel",
    "add_whole",
    "leave_out",
    "pair_cells",
    "pair_tally",
    "pair_tally_whole",
    "settle",
    "side_tally",
    "sorted_cells",
    "symbol_ranges",
    "tally_entries",
]

_PIECE = 1 << 20  # positions at a time, where what is made of them on the way is wider than what is kept


class _Groups(NamedTuple):
    """Positions grouped by symbol: symbol ``a`` stands at ``position[starts[a]:starts[a + 1]]``, ascending."""

    starts: np.ndarray
    position: np.ndarray
    after: np.ndarray  # symbols from the position to the end of the document, itself included


class SparseKernel:
    """Counts the pairs of one left symbol after another."""

    def __init__(self, data: PairData) -> None:
        self.data = data
        self.groups = _group(data.left, data.offsets, data.alphabet_size)
        self.block = np.empty(len(data.left), np.uint16 if len(data.bounds) <= 2**16 else np.uint32)
        for start in range(0, len(self.block), _PIECE):
            piece = slice(start, start + _PIECE)
            self.block[piece] = np.searchsorted(data.bounds, self.groups.position[piece], side="right") - 1
        self.longest = int(np.diff(self.groups.starts).max())

    def fingerprints(self, lag: int) -> LagFingerprints:
        """Count one lag and return only its fingerprints."""
        data, groups = self.data, self.groups
        size, n_blocks, shift = data.alphabet_size, data.n_blocks, data.shift(lag)
        if n_blocks:
            joint = pair_tally(data.right, *groups, self.block, lag, shift, n_blocks, size, self.longest)
        else:
            joint = pair_tally_whole(data.right, *groups, lag, shift, size, self.longest)
        *left, block_pairs = side_tally(data.left, data.offsets, data.bounds, lag, 0, n_blocks, size)
        *right, _ = side_tally(data.right, data.offsets, data.bounds, lag, shift, n_blocks, size)
        return LagFingerprints(compact(*joint), compact(*left), compact(*right), block_pairs)

    def cells(self, lag: int) -> Cells:
        """Count one lag and return the counts."""
        return next(self.cell_parts(lag, len(self.data.left)))

    def cell_parts(self, lag: int, most: int) -> Iterator[Cells]:
        """The counts at one lag in ranges of left symbols, ascending, of so many positions (or one symbol) each."""
        data, (starts, position, after) = self.data, self.groups
        for first, last in symbol_ranges(starts, most):
            groups = (starts[first : last + 1], position, after, self.block)
            found = pair_cells(data.right, *groups, lag, data.shift(lag), data.alphabet_size, self.longest)
            yield sorted_cells(found, first * data.alphabet_size, len(data.bounds))


def symbol_ranges(starts: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Neighbouring symbols with so many positions together at most, or one symbol; `starts` as in groups.

    >>> list(symbol_ranges(np.array([0, 2, 3, 9, 9]), 3))
    [(0, 2), (2, 4)]
    """
    first, size = 0, len(starts) - 1
    while first < size:
        last = int(np.searchsorted(starts, starts[first] + most, side="right")) - 1
        last = min(size, max(last, first + 1))
        if last + 1 == size and starts[last] == starts[size]:
            last = size
        yield first, last
        first = last


def sorted_cells(found: tuple[np.ndarray, np.ndarray, np.ndarray], first: int, n_bounds: int) -> Cells:
    """Cells of a range of left symbols, block by block; keys begin at that of the first symbol."""
    block, keys, counts = found
    order = np.lexsort((keys, block))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(block, minlength=n_bounds - 1))]).astype(np.int64)
    keys += first
    return Cells(offsets, keys[order], counts[order].astype(np.int64))


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
    after = np.empty(len(codes), like.dtype)
    for document in range(len(offsets) - 1):
        for t in range(offsets[document], offsets[document + 1]):
            slot = free[codes[t]]
            free[codes[t]] += 1
            position[slot] = t
            after[slot] = offsets[document + 1] - t
    return starts, position, after


@njit(nogil=True, cache=True)
def _gather(right, position, after, block, first, last, lag, shift, where, entries):  # type: ignore[no-untyped-def]
    # Entries of one left symbol: right symbol, block, count. Returns how many.
    symbols, blocks, counts = entries
    n = 0
    for k in range(first, last):
        if lag < after[k]:
            b = right[np.uintp(position[k]) + np.uintp(shift)]
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
def pair_tally_whole(right, starts, position, after, lag, shift, alphabet_size, longest):  # type: ignore[no-untyped-def]
    """Tally of the pairs of these groups of positions, without blocks: small counts and large ones."""
    # Without blocks there is one entry a right symbol, and its count can stand in the table itself.
    small = np.zeros((1, SMALL), np.int64)
    large = np.zeros((1, len(position) // SMALL + 1), np.int64)
    n_large = 0
    total = np.zeros(alphabet_size, np.uint32)
    symbols = np.empty(longest, np.uint32)
    for a in range(len(starts) - 1):
        n = 0
        for k in range(starts[a], starts[a + 1]):
            if lag < after[k]:
                b = right[np.uintp(position[k]) + np.uintp(shift)]
                count = total[b]
                if count == 0:
                    symbols[n] = b
                    n += 1
                total[b] = count + np.uint32(1)
        for e in range(n):
            count = total[symbols[e]]
            total[symbols[e]] = 0
            if count < SMALL:
                small[0, count] += 1
            else:
                large[0, n_large] = count
                n_large += 1
    return small, large[:, :n_large].copy()


@njit(nogil=True, cache=True)
def pair_tally(right, starts, position, after, block, lag, shift, n_blocks, alphabet_size, longest):  # type: ignore[no-untyped-def]
    """Tally of the pairs of these groups of positions, the whole and with each block left out."""
    small = np.zeros((n_blocks + 1, SMALL), np.int64)
    large = np.zeros((n_blocks + 1, len(position) // SMALL + 1), np.int64)
    n_large = 0
    where = np.zeros(alphabet_size, np.uint32)
    total = np.zeros(alphabet_size, np.uint32)
    row = np.zeros(alphabet_size, np.uint32)
    entries = (np.empty(longest, np.uint32), np.empty(longest, block.dtype), np.empty(longest, np.uint32))
    for a in range(len(starts) - 1):
        n = _gather(right, position, after, block, starts[a], starts[a + 1], lag, shift, where, entries)
        n_large = settle(entries, n, where, total, row, small, large, n_large)
    add_whole(small)
    return small, large[:, :n_large].copy()


@njit(nogil=True, cache=True)
def settle(entries, n, where, total, row, small, large, n_large):  # type: ignore[no-untyped-def]
    """Tally the entries of one left symbol; `total` and `row` are room to work in, zeros before and after."""
    symbols, blocks, counts = entries
    for e in range(n):
        total[symbols[e]] += counts[e]
    for e in range(n):
        b = symbols[e]
        count = np.int64(total[b])
        histogram = np.int64(blocks[e]) + 1
        last = where[b] == e
        if count < SMALL:
            small[0, count] += last
            small[histogram, count] -= 1
            small[histogram, count - np.int64(counts[e])] += 1
            continue
        if row[b] == 0:
            large[:, n_large] = count
            n_large += 1
            row[b] = n_large
        leave_out(small, large, histogram, row[b] - 1, np.int64(counts[e]))
        if last:
            row[b] = 0
    for e in range(n):
        total[symbols[e]] = 0
    return n_large


@njit(nogil=True, cache=True)
def leave_out(small, large, histogram, row, count):  # type: ignore[no-untyped-def]
    """Take `count` from a large count with a block left out."""
    # A large count loses `count`; if it is small then, it moves over.
    left = large[histogram, row] - count
    if left < SMALL:
        small[histogram, left] += 1
        left = 0
    large[histogram, row] = left


@njit(nogil=True, cache=True)
def add_whole(small):  # type: ignore[no-untyped-def]
    """Turn left-out tallies that were kept as changes against the whole into tallies."""
    for h in range(1, small.shape[0]):
        for count in range(1, small.shape[1]):
            small[h, count] += small[0, count]


@njit(nogil=True, cache=True)
def side_tally(codes, offsets, bounds, lag, shift, n_blocks, alphabet_size):  # type: ignore[no-untyped-def]
    """Tally of one side of the pairs, and the pairs in each block."""
    # Tallies of one side of the pairs: of the symbols at `t + shift`, t the position of the left one.
    total = np.zeros(alphabet_size, np.int64)
    held = np.zeros(alphabet_size, np.uint32)
    room = min(len(codes), (len(bounds) - 1) * alphabet_size)
    symbols, blocks, counts = np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty(room, np.uint32)
    block_pairs = np.zeros(len(bounds) - 1, np.int64)
    end = 0
    for j in range(len(bounds) - 1):
        first = end
        document = np.searchsorted(offsets, bounds[j], side="right") - 1
        while document < len(offsets) - 1 and offsets[document] < bounds[j + 1]:
            start = max(offsets[document], bounds[j])
            stop = max(start, min(offsets[document + 1] - lag, bounds[j + 1]))
            document += 1
            block_pairs[j] += stop - start
            for symbol in codes[start + shift : stop + shift]:
                count = held[symbol]
                if count == 0:
                    symbols[end] = symbol
                    end += 1
                held[symbol] = count + np.uint32(1)
        for e in range(first, end):
            blocks[e] = j
            counts[e] = held[symbols[e]]
            total[symbols[e]] += np.int64(counts[e])
            held[symbols[e]] = 0
    return *tally_entries(total, symbols[:end], blocks, counts, n_blocks), block_pairs


@njit(nogil=True, cache=True)
def tally_entries(total, symbols, blocks, counts, n_blocks):  # type: ignore[no-untyped-def]
    """Tally of symbols that occur so often in all, given how often in each block: (symbol, block, count) entries."""
    small = np.zeros((n_blocks + 1, SMALL), np.int64)
    row = np.zeros(len(total), np.int64)
    n_large = 0
    for symbol in range(len(total)):
        if total[symbol] < SMALL:
            small[0, total[symbol]] += 1
        else:
            row[symbol] = n_large
            n_large += 1
    large = np.zeros((n_blocks + 1, n_large), np.int64)
    for symbol in range(len(total)):
        if total[symbol] >= SMALL:
            large[:, row[symbol]] = total[symbol]
    if n_blocks > 0:
        for e in range(len(symbols)):
            histogram, count = np.int64(blocks[e]) + 1, total[symbols[e]]
            if count < SMALL:
                small[histogram, count] -= 1
                small[histogram, count - np.int64(counts[e])] += 1
            else:
                leave_out(small, large, histogram, row[symbols[e]], np.int64(counts[e]))
    add_whole(small)
    return small, large


@njit(nogil=True, cache=True)
def pair_cells(right, starts, position, after, block, lag, shift, alphabet_size, longest):  # type: ignore[no-untyped-def]
    """Blocks, keys and counts of the pairs of these groups of positions, in the order of left symbols."""
    where = np.zeros(alphabet_size, np.uint32)
    entries = (np.empty(longest, np.uint32), np.empty(longest, block.dtype), np.empty(longest, np.uint32))
    symbols, blocks, counts = entries
    room = starts[-1] - starts[0]
    out_block = np.empty(room, block.dtype)
    out_key = np.empty(room, np.int64)
    out_count = np.empty(room, np.uint32)
    end = 0
    for a in range(len(starts) - 1):
        n = _gather(right, position, after, block, starts[a], starts[a + 1], lag, shift, where, entries)
        for e in range(n):
            out_block[end] = blocks[e]
            out_key[end] = a * alphabet_size + np.int64(symbols[e])
            out_count[end] = counts[e]
            end += 1
    return out_block[:end].copy(), out_key[:end].copy(), out_count[:end].copy()
