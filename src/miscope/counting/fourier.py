"""The Fourier kernel: exact counts at all lags from cross-correlations of indicators. For very many lags.

What `correlation.py` does for pairs of symbols, for all lags at once, is not done for all symbols. The row and the
column of the most frequent one follow from the margins, and margins at neighbouring lags differ by a symbol or two.
Rare symbols are cheaper counted pair by pair, and so are short documents. Tables are put together for some neighbouring
lags at a time, as they are asked for.

Counts are rounded, which is proved to be right (see there), and checked: no value may lie farther than 1/4 from a whole
number, no count that follows from others may be below 0, and one lag of each batch is counted again, pair by pair.

It takes the time of N F^2 products (for F symbols transformed), and a little more than N F log L for transforms,
whatever the number L of lags; with B blocks to be left out it holds B times as many counts, F^2 for each lag, and where
memory is too little for them, takes its time again for every batch of lags.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import numpy as np

from miscope.counting.correlation import Correlation, Length, piece_sizes, rounding_bound
from miscope.counting.costs import FOURIER_COSTS, n_transformed
from miscope.counting.dense import DenseKernel
from miscope.counting.lag_tables import (
    RareSymbols,
    Runs,
    complete,
    count_rare,
    count_short,
    cut_runs,
    find_rare,
    fingerprints_of_tables,
    margins,
    spread,
)
from miscope.counting.tally import Cells, LagFingerprints, PairData
from miscope.errors import InputError, MiscopeError
from miscope.sequences.codes import histogram

__all__ = ["FourierKernel"]

_MOST_MEMORY = 3 * 2**29  # more makes nothing quicker
_LEAST_PIECE = 256
_TILE = 2**23  # bytes of tables made at a time
_MOST_LAGS = 1024
_KEPT = 8  # tiles


class FourierKernel:
    """Counts all lags of a batch in one go, then answers for each of them.

    Parameters
    ----------
    data
        What to count; the right side may be another array.
    lags
        int64, ascending: the lags that will be asked for.
    memory
        Bytes that it may use. Where that is little, lags are counted in several batches, each of which takes about as
        long as all together would; blocks multiply what has to be held.
    like
        A kernel for more of the same: what it transforms is transformed here too, unless no other symbol occurs.

    Raises
    ------
    InputError
        If partners are aligned, the corpus is so large that rounding might fail, or not even the tables of one lag
        fit into memory.
    MiscopeError
        If a check of the counts fails.
    """

    symbols: np.ndarray  # those that are transformed, ascending
    _long: Runs  # stretches that are transformed
    _short: Runs

    def __init__(self, data: PairData, lags: np.ndarray, memory: int, like: FourierKernel | None = None) -> None:
        if data.aligned:
            raise InputError('method "fourier" counts pairs at a distance, not pairs that are aligned: use "auto"')
        self.data, self.lags = data, np.asarray(lags, np.int64)
        self._n_tables = max(data.n_blocks, 1)
        self._type: Any = np.int32 if len(data.left) < 2**31 else np.int64
        self._size = np.dtype(self._type).itemsize
        self._memory = min(memory, _MOST_MEMORY)
        if self._n_tables * data.alphabet_size**2 * 2 * self._size > self._memory:
            raise InputError(
                f'method "fourier" has no memory for tables of {data.alphabet_size:,} symbols and {data.n_blocks} '
                'blocks: give more, or use "auto"'
            )
        self._choose(like)
        if self._bound() > 1 / 8:
            raise InputError('method "fourier" cannot round safely in so large a corpus: use "auto"')
        self._begin(self.lags[:0])

    def batches(self) -> list[np.ndarray]:
        """The lags that it was made for, cut into batches that fit into memory."""
        n, width = len(self.symbols), self.data.alphabet_size
        held = self._n_tables * (n**2 * self._size + 2 * width * 8)
        most = max(1, int(self._memory / 3 / held))
        most = -(-len(self.lags) // -(-len(self.lags) // most))
        # Sums of products, for a quarter of the left symbols at a time, in a third of the memory.
        longest = max(_LEAST_PIECE, int(self._memory / 3 / 16 / max(1, n * -(-n // 4))))
        found, start = [], 0
        while start < len(self.lags):
            stop = min(start + most, int(np.searchsorted(self.lags, self.lags[start] + longest)), len(self.lags))
            found.append(self.lags[start : max(stop, start + 1)])
            start += len(found[-1])
        return found

    def count(self, lags: np.ndarray, pool: Executor, done: Callable[[int], object]) -> None:
        """Count one batch, forgetting the one before; `done` is called with the number of pairs just counted."""
        self._begin(lags)
        data, n = self.data, len(self.symbols)
        self._left, self._right = margins(data.left, data.right, self._runs, lags, self._n_tables, data.alphabet_size)
        self._counts = np.zeros((self._n_tables, n, n, len(lags)), self._type)
        report = _Share(done, int(self._left.sum()), int((self._long.stop - self._long.start).sum()))
        base = 0 if 2 * lags[0] <= lags[-1] else int(lags[0])
        if n:
            reach = np.minimum(self._long.end - self._long.start - base, lags[-1] - base)
            spans = piece_sizes(self._span(lags), reach)
            rank = np.full(data.alphabet_size, -1, np.int64)
            rank[self.symbols] = np.arange(n)
            for span in np.unique(spans):
                for block in np.unique(self._long.block[spans == span]):
                    runs = self._long.some((spans == span) & (self._long.block == block))
                    held = (Length.of(int(span)), base, lags, self._counts[block], self._memory)
                    Correlation((data.left, data.right), rank, runs, *held).add(pool, report.add)
        self._check(lags[len(lags) // 2])
        report.finish()

    def fingerprints(self, lag: int) -> LagFingerprints:
        """Fingerprints at one lag of the batch counted last."""
        index = self._index(lag)
        first = index // self.width * self.width
        part = self._tile("fingerprints", index // self.width)
        h, each = index - first, self.data.n_blocks + 1
        pick = slice(h * each, (h + 1) * each)
        return LagFingerprints(part.joint[pick], part.left[pick], part.right[pick], part.block_pairs[h])

    def cells(self, lag: int) -> Cells:
        """Counts at one lag of the batch counted last."""
        index = self._index(lag)
        tables = self._tile("tables", index // self.width)[index % self.width]
        flat = tables.reshape(len(tables), -1)
        block, keys = np.nonzero(flat)
        offsets = np.searchsorted(block, np.arange(len(tables) + 1)).astype(np.int64)
        return Cells(offsets, keys.astype(np.int64), flat[block, keys].astype(np.int64))

    @property
    def width(self) -> int:
        """For how many neighbouring lags tables are made at a time."""
        held = self._n_tables * self.data.alphabet_size**2 * self._size
        return int(max(1, min(_MOST_LAGS, _TILE // held)))

    def fingerprints_of(self, lags: np.ndarray) -> LagFingerprints:
        """Fingerprints of neighbouring lags of the batch counted last, all in one: `width` lags are a good number.

        Returns
        -------
        LagFingerprints
            With ``n_blocks + 1`` histograms for each lag, and block_pairs of shape (n_lags, max(n_blocks, 1)).
        """
        index = self._index(int(lags[0]))
        tables = self._tables(index, index + len(lags))
        n_blocks, part = self.data.n_blocks, slice(index, index + len(lags))
        left, right = self._left[part], self._right[part]
        return LagFingerprints(
            fingerprints_of_tables(tables.reshape(*tables.shape[:2], -1), n_blocks),
            fingerprints_of_tables(left, n_blocks),
            fingerprints_of_tables(right, n_blocks),
            left.sum(axis=2),
        )

    def _choose(self, like: FourierKernel | None) -> None:
        """Which symbols and runs are transformed, which counted pair by pair, and which symbol needs neither."""
        data, longest = self.data, int(self.lags[-1])
        left = histogram(data.left, data.alphabet_size)
        right = left if data.right is data.left else histogram(data.right, data.alphabet_size)
        self._runs = cut_runs(data.offsets, data.bounds)
        order = np.argsort(-(left + right), kind="stable")
        order = order[(left + right)[order] > 0]
        if like is None or np.isin(order, like.symbols).all():
            n_best = n_transformed((left + right)[order], len(data.left), len(self.lags), self._n_tables)
            like, self.symbols = self, np.sort(order[1 : 1 + n_best]).astype(np.int64)
        else:
            self.symbols, n_best = like.symbols, len(like.symbols)
        chosen = np.zeros(data.alphabet_size, bool)
        self._implied = int(order[~np.isin(order, self.symbols)][0])
        chosen[self.symbols] = True
        self._most = float(np.sqrt(float(left[chosen].max(initial=1)) * float(right[chosen].max(initial=1))))
        long = np.ones(len(self._runs.start), bool) if n_best == 0 else like._worth(n_best, self._runs)
        self._long, self._short = self._runs.some(long), self._runs.some(~long)
        rare = ~chosen
        rare[self._implied] = False
        self._chosen, self._rare = chosen, rare
        skip = np.zeros(data.alphabet_size, bool)
        self._rare_left = find_rare(data.left, rare, self._long, True, longest)
        self._rare_right = find_rare(data.right, rare, self._long, False, longest)
        self._skips = (skip, rare)  # pairs of two rare symbols are counted once

    def _worth(self, n: int, runs: Runs) -> np.ndarray:
        """Which runs are quicker to transform than to count pair by pair, with n symbols transformed."""
        lengths, reach = runs.stop - runs.start, runs.end - runs.start
        sizes = self._piece_sizes(runs)
        padded = -(-lengths // sizes) * sizes
        transform, product, _, pair = FOURIER_COSTS
        spectra = padded * (n * transform * np.log2(2 * sizes) + n**2 * product)
        return np.asarray(lengths * np.minimum(reach, len(self.lags)) * pair > spectra)

    @staticmethod
    def _span(lags: np.ndarray) -> int:
        """How far lags reach from the first one, or from 0 where that costs little and saves transforms."""
        return max(int(lags[-1]) if 2 * lags[0] <= lags[-1] else int(lags[-1] - lags[0]), _LEAST_PIECE)

    def _bound(self) -> float:
        """Largest error of a count before rounding."""
        sizes, n = self._piece_sizes(self._long), Length.of(self._span(self.lags)).n
        return rounding_bound(self._most, int(np.sum(-(-(self._long.stop - self._long.start) // sizes))), n)

    def _piece_sizes(self, runs: Runs) -> np.ndarray:
        """Size of the pieces that runs are cut into, at least."""
        return piece_sizes(self._span(self.lags), np.minimum(runs.end - runs.start, int(self.lags[-1])))

    def _begin(self, lags: np.ndarray) -> None:
        self.batch = lags
        self._counts = self._left = self._right = np.zeros((0, 0, 0, 0), self._type)
        self._tiles: dict[tuple[str, int], Any] = {}
        self._locks: dict[tuple[str, int], threading.Lock] = {}
        self._lock = threading.Lock()

    def _index(self, lag: int) -> int:
        index = int(np.searchsorted(self.batch, lag))
        if index == len(self.batch) or self.batch[index] != lag:
            raise InputError(f"lag {lag} is not in the batch that was counted last")
        return index

    def _tile(self, kind: str, number: int) -> Any:
        """Tables or fingerprints of some neighbouring lags, made once by whichever thread comes first."""
        key = (kind, number)
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            found = self._tiles.get(key)
            if found is None:
                start, stop = number * self.width, min((number + 1) * self.width, len(self.batch))
                made = self._tables(start, stop) if kind == "tables" else self.fingerprints_of(self.batch[start:stop])
                with self._lock:
                    found = self._tiles[key] = made
                    for old in list(self._tiles)[:-_KEPT]:
                        del self._tiles[old]
            return found

    def _tables(self, start: int, stop: int) -> np.ndarray:
        """Tables of lags of the batch, shape (n_lags, max(n_blocks, 1), alphabet_size, alphabet_size)."""
        lags, width = self.batch[start:stop], self.data.alphabet_size
        tables = np.zeros((len(lags), self._n_tables, width, width), self._type)
        spread(self._counts, self.symbols, start, tables)
        self.count_singly(lags, tables)
        least = complete(tables, self._left[start:stop], self._right[start:stop], self._implied)
        if least < 0:
            raise MiscopeError(f"the Fourier kernel came to a count of {least}: use another method, and report it")
        return tables

    @property
    def n_singles(self) -> int:
        """Positions, about, whose pairs are counted one by one, at every lag."""
        short = int((self._short.stop - self._short.start).sum())
        return len(self._rare_left.position) + len(self._rare_right.position) + short

    @property
    def singles_bytes(self) -> int:
        """What remembering them takes."""
        return sum(field.nbytes for rare in (self._rare_left, self._rare_right) for field in rare)

    def count_singly(self, lags: np.ndarray, tables: np.ndarray) -> None:
        """Add those pairs at some lags that are counted one by one to tables (n_lags, tables, symbols, symbols)."""
        data = self.data
        if len(self._short.start):
            count_short(data.left, data.right, *self._short, lags, tables)
        scratch = np.zeros((len(lags), data.alphabet_size), self._type)
        sides: tuple[tuple[RareSymbols, np.ndarray, np.ndarray, int], ...] = (
            (self._rare_left, data.right, self._skips[0], 1),
            (self._rare_right, data.left, self._skips[1], -1),
        )
        for rare, other, skip, sign in sides:
            if len(rare.position):
                count_rare(*rare, other, skip, lags, sign, scratch, tables)

    def _check(self, lag: int) -> None:
        """Count one lag again, pair by pair."""
        index = self._index(int(lag))
        expected = DenseKernel(self.data).tables(int(lag))
        if not np.array_equal(self._tables(index, index + 1)[0], expected):
            raise MiscopeError(
                f"the Fourier kernel counts lag {lag} otherwise than pair by pair: use another method, and report it"
            )


class _Share:
    """Reports pairs in proportion to the symbols that were transformed."""

    def __init__(self, done: Callable[[int], object], pairs: int, symbols: int) -> None:
        self._done, self._pairs, self._symbols, self._before = done, pairs, max(symbols, 1), 0

    def add(self, symbols: float) -> None:
        pairs = int(self._pairs * symbols / self._symbols)
        pairs = min(pairs, self._pairs - self._before)
        self._before += pairs
        self._done(pairs)

    def finish(self) -> None:
        self._done(self._pairs - self._before)
        self._before = self._pairs
