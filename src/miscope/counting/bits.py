"""The bits kernel: one bit plane a symbol, shifted, intersected and counted 64 pairs at a time. For small alphabets."""

from __future__ import annotations

import numpy as np
from numba import njit

from miscope.counting.dense import TableKernel
from miscope.counting.tally import PairData

__all__ = ["BitsKernel"]


class BitsKernel(TableKernel):
    """Counts ``popcount(P_a & (P_b >> lag))`` for all symbols but the last, whose row and column the margins give.

    The margins come from ranks: how many ones a plane has before a position.
    """

    def __init__(self, data: PairData) -> None:
        super().__init__(data)
        self.left, self.left_ranks = _planes(data.left, data.alphabet_size)
        if data.right is data.left:
            self.right, self.right_ranks = self.left, self.left_ranks
        else:
            self.right, self.right_ranks = _planes(data.right, data.alphabet_size)

    def add(self, lag: int, tables: np.ndarray) -> None:
        """Add the counts at one lag to tables of shape (max(n_blocks, 1), alphabet_size, alphabet_size)."""
        data = self.data
        found = np.zeros(tables.shape, np.int64)
        margins = (self.left_ranks, self.right_ranks)
        _count(self.left, self.right, *margins, data.offsets, data.bounds, lag, data.shift(lag), found)
        tables += found.astype(tables.dtype)


@njit(nogil=True, cache=True)
def _ones(word):  # type: ignore[no-untyped-def]
    # Number of ones of a 64-bit word (Warren, Hacker's Delight, 5-1), written so that LLVM knows it for a population
    # count and makes it one instruction for several words at once.
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(nogil=True, cache=True)
def _planes(codes, alphabet_size):  # type: ignore[no-untyped-def]
    n = len(codes)
    n_words = n // 64 + 1
    # Two words beyond the end, so that a shifted read needs no check.
    planes = np.zeros((alphabet_size - 1, n_words + 2), np.uint64)
    for k in range(n // 64):
        chunk = codes[64 * k : 64 * k + 64]
        for a in range(alphabet_size - 1):
            word = np.uint64(0)
            for bit in range(64):
                word |= np.uint64(chunk[bit] == a) << np.uint64(bit)
            planes[a, k] = word
    for t in range(n // 64 * 64, n):
        if codes[t] < alphabet_size - 1:
            planes[codes[t], t // 64] |= np.uint64(1) << np.uint64(t % 64)
    ranks = np.zeros((alphabet_size - 1, n_words + 1), np.int64)
    for a in range(alphabet_size - 1):
        for k in range(n_words):
            ranks[a, k + 1] = ranks[a, k] + _ones(planes[a, k])
    return planes, ranks


@njit(nogil=True, cache=True)
def _rank(plane, ranks, position):  # type: ignore[no-untyped-def]
    word = position >> 6
    below = (np.uint64(1) << np.uint64(position & 63)) - np.uint64(1)
    return ranks[word] + _ones(plane[word] & below)


@njit(nogil=True, cache=True)
def _intersection(plane, other, start, stop, lag):  # type: ignore[no-untyped-def]
    # Plainly: sum(plane[t] & other[t + lag] for t in range(start, stop))
    first = np.uintp(start >> 6)
    last = np.uintp((stop - 1) >> 6)
    jump = np.uintp(lag >> 6)
    one = np.uintp(1)
    down = np.uint64(lag & 63)
    # A shift by 64 is undefined, so the upper word is shifted in two steps: by 1, then by 63 - down.
    up = np.uint64(63) - down
    head = ~np.uint64(0) << np.uint64(start & 63)
    tail = ~np.uint64(0) >> np.uint64(63 - ((stop - 1) & 63))
    ends = plane[first] & ((other[first + jump] >> down) | ((other[first + jump + one] << one) << up))
    if first == last:
        return _ones(ends & head & tail)
    total = _ones(ends & head)
    ends = plane[last] & ((other[last + jump] >> down) | ((other[last + jump + one] << one) << up))
    total += _ones(ends & tail)
    for k in range(first + one, last):
        total += _ones(plane[k] & ((other[k + jump] >> down) | ((other[k + jump + one] << one) << up)))
    return total


@njit(nogil=True, cache=True)
def _count(left, right, left_ranks, right_ranks, offsets, bounds, lag, shift, tables):  # type: ignore[no-untyped-def]
    last = tables.shape[1] - 1
    for j in range(len(bounds) - 1):
        table = tables[j]
        document = np.searchsorted(offsets, bounds[j], side="right") - 1
        while document < len(offsets) - 1 and offsets[document] < bounds[j + 1]:
            start = max(offsets[document], bounds[j])
            stop = min(offsets[document + 1] - lag, bounds[j + 1])
            document += 1
            if stop <= start:
                continue
            table[last, last] += stop - start
            for a in range(last):
                row = _rank(left[a], left_ranks[a], stop) - _rank(left[a], left_ranks[a], start)
                column = _rank(right[a], right_ranks[a], stop + shift) - _rank(right[a], right_ranks[a], start + shift)
                table[a, last] += row
                table[last, a] += column
                table[last, last] -= row + column
                for b in range(last):
                    both = _intersection(left[a], right[b], start, stop, shift)
                    table[a, b] += both
                    table[a, last] -= both
                    table[last, b] -= both
                    table[last, last] += both
