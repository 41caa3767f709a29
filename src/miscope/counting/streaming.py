"""Counting corpora larger than memory: the table kernels piece by piece, the sparse kernel symbol range by range.

What is counted lies on disk, memory-mapped, and is read once for each batch of lags: a piece at a time, with a tail of
the largest lag, the next piece while this one is counted. Results are those of the other kernels, to the integer.

*Tables* (dense, bits): the tables of all lags of a batch are kept, and each piece adds to them.

*Sparse*: no table of pairs fits, and pieces' own cells would be as many as the pairs. So the left symbols are cut into
ranges; one reading gathers, for every position of a symbol of the range, its partners at all lags of the batch, grouped
by symbol. Tallies of disjoint ranges of left symbols add.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from typing import NamedTuple

import numpy as np
from numba import njit

from miscope.counting.dense import TableKernel, empty_tables
from miscope.counting.fingerprint import FingerprintArray
from miscope.counting.merging import joined_cells
from miscope.counting.sparse import (
    leave_out,
    pair_cells,
    pair_tally,
    pair_tally_whole,
    side_tally,
    sorted_cells,
    symbol_ranges,
)
from miscope.counting.tally import SMALL, Cells, LagFingerprints, PairData, compact
from miscope.sequences.codes import read_only

__all__ = ["StreamedSparse", "StreamedTables"]

PIECE = 2**24
"""Symbols that are read at a time, at least; more where the largest lag would make tails half of what is read."""

Done = Callable[[int], object]
_Tally = tuple[np.ndarray, np.ndarray]


def _pieces(data: PairData, longest: int, memory: int) -> Iterator[tuple[PairData, int, int]]:
    """The corpus piece by piece, in memory: its data, the first block and the first position of each.

    Two pieces at a time, and where each symbol of one goes, take a quarter of the memory, unless the largest lag takes
    more.
    """
    n, each = len(data.left), 16 + 4 * data.left.dtype.itemsize
    step = max(min(PIECE, max(1, memory // 4 // each)), 2 * longest)

    def read(start: int) -> tuple[PairData, int, int]:
        part, block = data.part(start, min(start + step, n), longest)
        right = read_only(np.array(part.right))
        left = right[: len(part.left)] if data.right is data.left else read_only(np.array(part.left))
        return part._replace(left=left, right=right), block, start

    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(read, 0)
        for start in range(step, n, step):
            piece, coming = coming.result(), ahead.submit(read, start)
            yield piece
        yield coming.result()


def _batches(lags: np.ndarray, n_at_once: int) -> list[np.ndarray]:
    """Lags in as few batches of near equal size as hold no more than so many."""
    n = -(-len(lags) // max(1, n_at_once))
    return [batch for batch in np.array_split(lags, n) if len(batch)]


def _pairs(data: PairData, lag: int) -> int:
    """Pairs with their left symbol in the data."""
    stops = np.minimum(data.offsets[1:] - lag, len(data.left))
    return int(np.maximum(stops - data.offsets[:-1], 0).sum())


class StreamedTables(TableKernel):
    """A table kernel, piece by piece.

    Parameters
    ----------
    data
        What to count.
    lags
        All lags that will be asked for.
    kernel
        The kernel of the pieces.
    memory
        Bytes that tables and pieces may take.
    """

    def __init__(
        self, data: PairData, lags: np.ndarray, kernel: Callable[[PairData], TableKernel], memory: int
    ) -> None:
        super().__init__(data)
        self._lags, self._kernel, self._memory = lags, kernel, memory
        self._tables: dict[int, np.ndarray] = {}

    def batches(self) -> list[np.ndarray]:
        """As many lags at a time as half of the memory holds tables of."""
        width = 4 if len(self.data.left) < 2**32 else 8
        return _batches(
            self._lags, self._memory // 2 // (width * (len(self.data.bounds) - 1) * self.data.alphabet_size**2)
        )

    def count(self, lags: np.ndarray, pool: Executor, done: Done) -> None:
        """Read the corpus once, and count these lags."""
        self._tables = {int(lag): empty_tables(self.data) for lag in lags}
        for piece, block, _ in _pieces(self.data, int(lags[-1]), self._memory):
            kernel = self._kernel(piece)
            reach = slice(block, block + len(piece.bounds) - 1)
            tasks = [pool.submit(kernel.add, lag, tables[reach]) for lag, tables in self._tables.items()]
            _finish(tasks)
            done(sum(_pairs(piece, int(lag)) for lag in lags))

    def add(self, lag: int, tables: np.ndarray) -> None:
        """Add what was counted at one lag."""
        tables += self._tables[lag]

    def tables(self, lag: int) -> np.ndarray:
        """What was counted at one lag."""
        return self._tables[lag]


def _finish(tasks: list) -> None:  # type: ignore[type-arg]
    """Wait for all, and raise what went wrong in any."""
    wait(tasks)
    for task in tasks:
        task.result()


class _Gathered(NamedTuple):
    """Positions of a range of left symbols, grouped by symbol, and their partners at each lag."""

    starts: np.ndarray  # of each symbol of the range
    position: np.ndarray
    after: np.ndarray  # symbols from the position to the end of its document, itself included
    before: np.ndarray  # symbols before it in its document
    block: np.ndarray
    partner: np.ndarray  # shape (n_lags, n_positions)


class _Sum:
    """Tallies of disjoint ranges, together."""

    def __init__(self, n_blocks: int) -> None:
        self._small = np.zeros((n_blocks + 1, SMALL), np.int64)
        self._large: list[np.ndarray] = []

    def add(self, tally: _Tally) -> None:
        """Add the tally of one more range."""
        self._small += tally[0]
        self._large.append(tally[1])

    def fingerprints(self) -> FingerprintArray:
        """What all ranges give."""
        return compact(self._small, np.concatenate(self._large or [np.zeros((len(self._small), 0), np.int64)], axis=1))


class StreamedSparse:
    """The sparse kernel over ranges of left symbols, each gathered in one reading of the corpus.

    Parameters
    ----------
    data
        What to count.
    lags
        All lags that will be asked for.
    memory
        Bytes that positions, partners and pieces may take. A symbol that is more frequent than that allows is gathered
        nevertheless.
    """

    def __init__(self, data: PairData, lags: np.ndarray, memory: int) -> None:
        self.data, self._lags, self._memory = data, lags, memory
        self._counts = _histogram(data.left, data.alphabet_size)
        self._found: dict[int, LagFingerprints] = {}
        self._lock = threading.Lock()
        wide = len(data.left) >= 2**31 - 1
        self._index_type = np.int64 if wide else np.int32
        self._block_type = np.uint16 if len(data.bounds) <= 2**16 else np.uint32

    def batches(self) -> list[np.ndarray]:
        """All lags at once, unless memory then held less than a hundredth of positions, or tallies took an eighth."""
        least = max(int(self._counts.max()), len(self.data.left) // 100, 1)
        gathered = (self._memory // 2 // least - self._fixed()) // self._partner_bytes()
        tallied = self._memory // 8 // (3 * 8 * SMALL * (self.data.n_blocks + 1))
        return _batches(self._lags, min(gathered, max(1, tallied)))

    def count(self, lags: np.ndarray, pool: Executor, done: Done) -> None:
        """Read the corpus once for each range of symbols, and count these lags."""
        self._found = {}
        sums, block_pairs = self._no_sums(len(lags))
        for first, last in self._ranges(len(lags)):
            held = self._gather(first, last, lags, pool)
            self._tally(sums, block_pairs, held, lags, pool)
            done(int(sum(np.count_nonzero(held.after > lag) for lag in lags)))
            del held  # before the next range is gathered
        for k, lag in enumerate(lags):
            joint, left, right = (each.fingerprints() for each in sums[k])
            if self.data.right is not self.data.left:
                right = compact(*self._right_side(int(lag)))
            self._found[int(lag)] = LagFingerprints(joint, left, right, block_pairs[k])

    def tally(self, held: _Gathered, lags: np.ndarray, pool: Executor) -> None:
        """Count one range of symbols, for nothing but the time that it takes."""
        self._tally(*self._no_sums(len(lags)), held, lags, pool)

    def _no_sums(self, n_lags: int) -> tuple[list[tuple[_Sum, ...]], np.ndarray]:
        sums = [tuple(_Sum(self.data.n_blocks) for _ in range(3)) for _ in range(n_lags)]
        return sums, np.zeros((n_lags, len(self.data.bounds) - 1), np.int64)

    def _tally(
        self, sums: list[tuple[_Sum, ...]], block_pairs: np.ndarray, held: _Gathered, lags: np.ndarray, pool: Executor
    ) -> None:
        _finish([pool.submit(self._add, sums[k], held, k, int(lag), block_pairs[k]) for k, lag in enumerate(lags)])

    def fingerprints(self, lag: int) -> LagFingerprints:
        """What was counted at one lag."""
        return self._found[lag]

    def cells(self, lag: int) -> Cells:
        """Read the corpus again, and keep the counts at one lag."""
        return joined_cells(list(self.cell_parts(lag, len(self.data.left))))

    def cell_parts(self, lag: int, most: int) -> Iterator[Cells]:
        """The counts at one lag in ranges of left symbols, ascending, of so many positions (or one symbol) each."""
        with self._lock, ThreadPoolExecutor(1) as pool:
            for first, last in self._ranges(1, most):
                held = self._gather(first, last, np.array([lag]), pool)
                longest = int(np.diff(held.starts).max(initial=0))
                found = pair_cells(
                    read_only(held.partner[0]),
                    *self._groups(held),
                    held.block,
                    lag,
                    0,
                    self.data.alphabet_size,
                    longest,
                )
                del held  # before the next range is gathered
                yield sorted_cells(found, first * self.data.alphabet_size, len(self.data.bounds))

    def _groups(self, held: _Gathered) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return held.starts, np.arange(len(held.after), dtype=self._index_type), held.after

    def _right_side(self, lag: int) -> _Tally:
        """Tally of the right symbols where they are not those of the left side."""
        data = self.data
        shift, size = data.shift(lag), data.alphabet_size
        small, large, _ = side_tally(data.right, data.offsets, data.bounds, lag, shift, data.n_blocks, size)
        return small, large

    def _add(self, sums: tuple[_Sum, ...], held: _Gathered, k: int, lag: int, block_pairs: np.ndarray) -> None:
        """Add the tallies of a range of symbols at one lag to those of the ranges before."""
        for each, tally in zip(sums, self._tallies(held, k, lag, block_pairs), strict=False):
            each.add(tally)

    def _tallies(self, held: _Gathered, k: int, lag: int, block_pairs: np.ndarray) -> tuple[_Tally, ...]:
        """Tallies of pairs, left and, if the sides are the same, right symbols at one lag, of this range of symbols."""
        data = self.data
        longest = int(np.diff(held.starts).max(initial=0))
        groups, partner = self._groups(held), read_only(held.partner[k])
        if data.n_blocks:
            size, blocks = data.alphabet_size, data.n_blocks
            joint = pair_tally(partner, *groups, held.block, lag, 0, blocks, size, longest)
        else:
            joint = pair_tally_whole(partner, *groups, lag, 0, data.alphabet_size, longest)
        left = _side(held.starts, held.position, held.after, lag, 0, data.bounds, data.n_blocks, block_pairs)
        if data.right is not data.left:
            return joint, left
        unused = np.zeros_like(block_pairs)
        right = _side(held.starts, held.position, held.before, lag - 1, lag, data.bounds, data.n_blocks, unused)
        return joint, left, right

    def _fixed(self) -> int:
        """Bytes a position, whatever the number of lags."""
        return 4 * np.dtype(self._index_type).itemsize + np.dtype(self._block_type).itemsize

    def _partner_bytes(self) -> int:
        return int(self.data.right.dtype.itemsize)

    def _ranges(self, n_lags: int, most: int = 2**62) -> list[tuple[int, int]]:
        """Ranges of left symbols whose positions and partners half of the memory holds."""
        most = min(most, self._memory // 2 // (self._fixed() + n_lags * self._partner_bytes()))
        before = np.concatenate([[0], np.cumsum(self._counts)])
        return [(first, last) for first, last in symbol_ranges(before, most) if before[last] > before[first]]

    def _gather(self, first: int, last: int, lags: np.ndarray, pool: Executor) -> _Gathered:
        """One reading: positions of the symbols ``first <= a < last`` and their partners."""
        starts = np.concatenate([[0], np.cumsum(self._counts[first:last])]).astype(np.int64)
        n = int(starts[-1])
        held = _Gathered(
            starts,
            np.empty(n, self._index_type),
            np.empty(n, self._index_type),
            np.empty(n, self._index_type),
            np.empty(n, self._block_type),
            np.empty((len(lags), n), self.data.right.dtype),
        )
        free = starts[:-1].copy()
        offsets = self.data.offsets
        for piece, _, start in _pieces(self.data, int(lags[-1]), self._memory):
            end = min(start + len(piece.left), int(offsets[-1]))
            document = int(np.searchsorted(offsets, start, side="right")) - 1
            slots, at = _place(
                piece.left, offsets, self.data.bounds, start, end, document, first, last, free, *held[1:5]
            )
            tasks = [
                pool.submit(_partners, piece.right, slots, at, self.data.shift(int(lag)), held.partner[k])
                for k, lag in enumerate(lags)
            ]
            _finish(tasks)
        return held


@njit(nogil=True, cache=True)
def _histogram(codes, size):  # type: ignore[no-untyped-def]
    counts = np.zeros(size, np.int64)
    for code in codes:
        counts[code] += 1
    return counts


@njit(nogil=True, cache=True)
def _place(left, offsets, bounds, start, end, document, first, last, free, position, after, before, block):  # type: ignore[no-untyped-def]
    # Slots for the positions of the range in one piece; and these positions, counted from the start of the piece.
    slots = np.empty(len(left), np.int64)
    at = np.empty(len(left), np.int64)
    n = 0
    j = np.searchsorted(bounds, start, side="right") - 1
    for t in range(start, end):
        while t >= offsets[document + 1]:
            document += 1
        while t >= bounds[j + 1]:
            j += 1
        symbol = left[t - start]
        if first <= symbol < last:
            slot = free[symbol - first]
            free[symbol - first] += 1
            position[slot] = t
            after[slot] = offsets[document + 1] - t
            before[slot] = t - offsets[document]
            block[slot] = j
            slots[n] = slot
            at[n] = t - start
            n += 1
    return slots[:n], at[:n]


@njit(nogil=True, cache=True)
def _partners(right, slots, at, shift, partner):  # type: ignore[no-untyped-def]
    for k in range(len(slots)):
        other = at[k] + shift
        partner[slots[k]] = right[other] if other < len(right) else 0  # beyond a document's end nothing is looked at


@njit(nogil=True, cache=True)
def _side(starts, position, reach, lag, back, bounds, n_blocks, block_pairs):  # type: ignore[no-untyped-def]
    # Tally of one side: symbols with `reach > lag`, each in the block of the position that lies `back` before it.
    small = np.zeros((n_blocks + 1, SMALL), np.int64)
    large = np.zeros((n_blocks + 1, len(position) // SMALL + 1), np.int64)
    held = np.zeros(len(bounds) - 1, np.int64)
    n_large = 0
    for a in range(len(starts) - 1):
        total = 0
        j = 0
        for k in range(starts[a], starts[a + 1]):
            if reach[k] > lag:
                while position[k] - back >= bounds[j + 1]:
                    j += 1
                held[j] += 1
                total += 1
        if total == 0:
            continue
        if total < SMALL:
            for h in range(n_blocks + 1):
                small[h, total] += 1
            for j in range(n_blocks):
                if held[j] > 0:
                    small[j + 1, total] -= 1
                    small[j + 1, total - held[j]] += 1
        else:
            large[:, n_large] = total
            for j in range(n_blocks):
                if held[j] > 0:
                    leave_out(small, large, j + 1, n_large, held[j])
            n_large += 1
        for j in range(len(held)):
            block_pairs[j] += held[j]
            held[j] = 0
    return small, large[:, :n_large].copy()
