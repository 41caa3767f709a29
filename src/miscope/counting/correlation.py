r"""Cross-correlations of the indicators of symbols by Fourier transforms, rounded to exact counts: behind `fourier.py`.

How often symbol b stands `lag` after symbol a is ``C_ab(lag) = sum_t A(t) B(t + lag)``, with A(t) = 1 where the symbol
at t is a and 0 elsewhere, and so with B. Documents are cut into pieces of c symbols. A piece of A meets the piece of B
at the same place (or moved by the first lag) and the next one: 2c symbols, so that a circular transform of length
n = 2c gives lags 0 to c without wrapping. With F the transform of a piece followed by c zeros, the two pieces of B
together have ``F(B_i) + (-1)^f F(B_{i+1})``, since a shift by half the length changes signs alone; each piece is
transformed once. Products ``conj(F(A)) F(B)`` are added up over pieces, frequency by frequency (small matrix products,
which is where the arithmetic is), and one inverse transform a pair of symbols gives all its lags. Transforms too long
for a core's cache are made in two steps, of lengths n1 and n2 with ``n = n1 n2``, between which factors
``exp(-2 pi i k j / n)`` are multiplied in (Bailey 1990); frequency ``k1 + n1 k2`` then stands at ``k1 n2 + k2``.

Why rounding is right
---------------------
Let u = 2^-53 and let ``F^`` be the computed transform of x, of length n. For transforms by factors of 2, 3, 4 and 5
``|F^ - F|_2 <= e |F|_2`` with ``e = 8 u (log2 n + 2)``: per halving, Higham's Theorem 24.2 has ``mu + gamma_4 (sqrt 2 +
mu)``, at most 6.7 u with factors that are accurate to u, and larger factors cost no more for each doubling; the factors
between the two steps of a long transform (here accurate to 8 u) add at most 11 u. Let N_a and N_b count the symbols a
and b, A_i and B_i be the pieces, M their number. By Parseval ``|F(A_i)|_2 = sqrt(n) |A_i|_2``, so
by Cauchy and Schwarz the computed sum of products Z^ is off by

    (1/n) sum_f |Z^ - Z| <= (2 e + e^2 + (M + 4) u) sum_i |A_i| (|B_i| + |B_{i+1}|) <= 2 (2 e + e^2 + (M + 4) u) S

with ``S = sqrt(N_a N_b)``, where (M + 4) u bounds the rounding of M complex products and of adding them, in any order.
The inverse transform spreads that over lags, none of which gets more than the left side, and adds an error of its
own of at most ``e |C|_2 <= e sqrt(n) S``. So every count is off by at most

    S u [2 (16 (log2 n + 2) + M + 5) + 8 sqrt(n) (log2 n + 2)]                                           (*)

10,000,000 equal symbols with n = 131,072 give 6e-5. A corpus for which (*) exceeds 1/8 is refused (at that n, one with
more than 5 * 10^9 of a symbol that is not the most frequent one), so that rounding to the nearest whole number is
right. That it was is checked all the same: no value may lie farther than 1/4 from a whole number.

References
----------
Bailey, J. Supercomput. 4 (1990) 23; Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed. (2002), section
24.1; Schatzman, SIAM J. Sci. Comput. 17 (1996) 1150.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from scipy import fft

from miscope.counting.lag_tables import Runs
from miscope.errors import MiscopeError

__all__ = ["Correlation", "Length", "piece_sizes", "rounding_bound"]

_ONE_STEP = 4096  # symbols in a piece up to which a transform is made in one step
_MOST_PRODUCT = 2**16  # multiplications up to which a BLAS does not start threads of its own
_MOST_WIDTH = 64
_CACHE = 2**19  # bytes that stay near a core


def rounding_bound(count: float, n_pieces: int, length: int) -> float:
    """Largest error of a count before rounding: formula (*) above, with `count` for S.

    >>> rounding_bound(1e7, 153, 131072) < 1e-4
    True
    """
    octaves = np.log2(length) + 2
    inner = 2 * (16 * octaves + n_pieces + 5) + 8 * np.sqrt(length) * octaves
    return float(count * 2.0**-53 * inner)


class Length(NamedTuple):
    """A length of transforms that is quick, in its two steps; pieces are half as long."""

    n1: int
    n2: int

    @classmethod
    def of(cls, span: int) -> Length:
        """For pieces of at least `span` symbols."""
        n2 = 1 if span <= _ONE_STEP else 2 ** int(np.rint(np.log2(2 * span) / 2))
        return cls(2 * int(fft.next_fast_len(-(-span // n2), real=True)), n2)

    @property
    def n(self) -> int:
        """The length of transforms."""
        return self.n1 * self.n2

    @property
    def frequencies(self) -> tuple[int, int]:
        """How many frequencies there are, for a real transform in the first step."""
        return self.n1 // 2 + 1, self.n2

    def factors(self) -> np.ndarray:
        """What the first step is multiplied with, shape `frequencies`."""
        turns = np.outer(np.arange(self.n1 // 2 + 1), np.arange(self.n2)) % self.n
        turns[turns > self.n // 2] -= self.n
        return np.asarray(np.exp(turns * (-2j * np.pi / self.n)))


class _Pieces(NamedTuple):
    """Where pieces of the left side and the two that each meets on the right begin and end, shape (n_pieces,)."""

    left: np.ndarray
    left_stop: np.ndarray
    near: np.ndarray
    near_stop: np.ndarray
    far: np.ndarray
    far_stop: np.ndarray
    followed: np.ndarray  # whether the far piece is the near one of the next


class Correlation:
    """Correlations of the pieces of some runs of one block, added to the counts of that block.

    Parameters
    ----------
    sides
        Symbols of the left and of the right side; transforms are shared where both are one array.
    rank
        Shape (alphabet_size,): the place of a symbol among those that are transformed, -1 for others.
    runs
        Where to count.
    length
        Of the transforms.
    base
        What lags are counted from: those from `base` to half a length more are found.
    lags
        int64, ascending, from `base` on.
    counts
        Shape (n_symbols, n_symbols, n_lags), integers: what is added to.
    memory
        Bytes of which it uses two thirds.
    """

    def __init__(
        self,
        sides: tuple[np.ndarray, np.ndarray],
        rank: np.ndarray,
        runs: Runs,
        length: Length,
        base: int,
        lags: np.ndarray,
        counts: np.ndarray,
        memory: int,
    ) -> None:
        self._sides, self._rank, self._length = sides, rank, length
        self._shared = base == 0 and sides[1] is sides[0]
        self._n = len(counts)
        size = length.n // 2
        self._frequencies = int(np.prod(self._length.frequencies))
        self._factors = self._length.factors()
        self._pieces = _cut_pieces(runs, size, base, int(lags[0]))
        self._at = lags[: np.searchsorted(lags, base + size, side="right")] - base
        self._counts = counts
        self._memory = memory

    def add(self, pool: Executor, report: Callable[[float], object]) -> None:
        """Transform, multiply, transform back, round, add; `report` is told how many symbols are done."""
        pieces, n = self._pieces, self._n
        total = len(pieces.left)
        if total == 0:
            return
        slots = _slots(pieces, 0, total, self._shared)
        each = n * self._frequencies * 16
        budget = self._memory // 3
        # Left symbols whose sums of products fit into a third of the memory, and pieces whose spectra fit into another.
        n_left = max(1, min(n, budget // each))
        n_left = -(-n // -(-n // n_left))
        group = max(1, min(total, int(budget * 0.8 // (each * max(1.0, slots[3] / total)))))
        groups = [slice(start, min(start + group, total)) for start in range(0, total, group)]
        most = max(_slots(pieces, part.start, part.stop, self._shared)[3] for part in groups)
        room = np.empty((most, n, self._frequencies), np.complex128)
        for first in range(0, n, n_left):
            rows = slice(first, min(first + n_left, n))
            sums = np.zeros((self._frequencies, rows.stop - first, n), np.complex128)
            for part in groups:
                near, far, left, n_slots = _slots(pieces, part.start, part.stop, self._shared)
                spectra = self._spectra(pool, part.start, part.stop, (near, far, left, n_slots), room)
                self._multiply(pool, spectra, rows, near, far, left, sums)
                report((rows.stop - first) / n * float((pieces.left_stop - pieces.left)[part].sum()))
            self._back(pool, sums, rows)

    def _spectra(
        self, pool: Executor, start: int, stop: int, slots: tuple[Any, ...], spectra: np.ndarray
    ) -> np.ndarray:
        """Transforms of all pieces that a group needs, into the first of `spectra`."""
        near, far, left, n_slots = slots
        pieces, side = self._pieces, np.zeros(n_slots, np.int64)
        begin, end = np.zeros(n_slots, np.int64), np.zeros(n_slots, np.int64)
        part = slice(start, stop)
        there = far >= 0
        begin[left], end[left] = pieces.left[part], pieces.left_stop[part]
        for slot, low, high in (
            (far[there], pieces.far[part][there], pieces.far_stop[part][there]),
            (near, pieces.near[part], pieces.near_stop[part]),
        ):
            begin[slot], end[slot], side[slot] = low, high, 1
        spectra = spectra[:n_slots]
        n1, n2 = self._length
        together = max(1, _CACHE // (n1 * n2 * 8 * self._n))

        def transform(first: int) -> None:
            last = min(first + together, n_slots)
            if n2 == 1:
                buffer = np.empty((last - first, self._n, 1, n1))
                for k in range(first, last):
                    _indicate(self._sides[side[k]], begin[k], end[k], self._rank, 0, buffer[k - first])
                spectra[first:last] = fft.rfft(buffer[:, :, 0], axis=-1)
                return
            buffer, between = np.empty((1, n2, n1)), np.empty(self._length.frequencies, np.complex128)
            for k in range(first, last):
                for symbol in range(self._n):
                    _indicate(self._sides[side[k]], begin[k], end[k], self._rank, symbol, buffer)
                    _twiddle(fft.rfft(buffer[0], axis=-1), self._factors, between)
                    spectra[k, symbol] = fft.fft(between, axis=-1).ravel()

        list(pool.map(transform, range(0, n_slots, together)))
        return spectra

    def _multiply(
        self,
        pool: Executor,
        spectra: np.ndarray,
        rows: slice,
        near: np.ndarray,
        far: np.ndarray,
        left: np.ndarray,
        sums: np.ndarray,
    ) -> None:
        """Add products of left and right transforms of all pieces to `sums`, frequency by frequency."""
        height, n = rows.stop - rows.start, self._n
        wide = max(1, min(_MOST_WIDTH, n))
        tall = max(1, min(_MOST_WIDTH, height))
        deep = int(max(1, min(len(left), _MOST_PRODUCT // (wide * tall))))
        held = 16 * (deep * (height + n) + tall * wide)
        tile = int(max(1, min(self._frequencies, _CACHE // held)))
        portion = -(-self._frequencies // (tile * 16)) * tile

        def multiply(start: int) -> None:
            first = np.empty((tile, deep, height), np.complex128)
            second = np.empty((tile, deep, n), np.complex128)
            for low in range(start, min(start + portion, self._frequencies), tile):
                m = min(tile, self._frequencies - low, start + portion - low)
                for k in range(0, len(left), deep):
                    d = min(deep, len(left) - k)
                    pick = slice(k, k + d)
                    at = (left[pick], near[pick], far[pick], low, self._length.n2, rows.start)
                    _gather(spectra, *at, first[:m], second[:m])
                    conjugated = first[:m, :d].transpose(0, 2, 1)
                    for a in range(0, height, tall):
                        for b in range(0, n, wide):
                            sums[low : low + m, a : a + tall, b : b + wide] += np.matmul(
                                conjugated[:, a : a + tall], second[:m, :d, b : b + wide]
                            )

        list(pool.map(multiply, range(0, self._frequencies, portion)))

    def _back(self, pool: Executor, sums: np.ndarray, rows: slice) -> None:
        """Transform sums of products back and add the rounded counts."""
        n1, n2 = self._length
        step = max(1, _CACHE // (n1 * n2 * 8))
        undo = np.conj(self._factors)

        def back(row: int) -> float:
            worst = 0.0
            for b in range(0, self._n, step):
                m = min(step, self._n - b)
                spectrum = np.empty((m, *self._length.frequencies), np.complex128)
                _turn(sums, row, b, spectrum.reshape(m, -1))
                if n2 > 1:
                    turned, spectrum = fft.ifft(spectrum, axis=-1), np.empty((m, n2, n1 // 2 + 1), np.complex128)
                    for k in range(m):
                        _twiddle(turned[k], undo.T, spectrum[k])
                else:
                    spectrum = spectrum.reshape(m, 1, -1)
                values = fft.irfft(spectrum, n1, axis=-1)
                worst = max(worst, _add_rounded(values, self._at, self._counts[rows.start + row, b : b + m]))
            return worst

        worst = max(pool.map(back, range(rows.stop - rows.start)))
        if not worst < 1 / 4:
            raise MiscopeError(
                f"a count of the Fourier kernel came out {worst:.2g} away from a whole number: count with another "
                "method, and report it"
            )


def piece_sizes(span: int, reach: np.ndarray) -> np.ndarray:
    """Spans of `Length`s for runs that reach so far: `span`, or about a power of 2 less where that suffices."""
    steps = [span]
    while steps[-1] > 16:
        steps.append(-(-steps[-1] // 2))
    spans = np.array(steps[::-1], np.int64)
    return np.asarray(spans[np.minimum(np.searchsorted(spans, reach), len(spans) - 1)])


def _cut_pieces(runs: Runs, size: int, base: int, nearest: int) -> _Pieces:
    """Cut runs into pieces of the left side, each with the two that it meets, moved on by `base`."""
    stop = np.minimum(runs.stop, runs.end - nearest)  # what stands later has no partner
    n_each = np.maximum(-(-(stop - runs.start) // size), 0)
    run = np.repeat(np.arange(len(n_each)), n_each)
    k = np.arange(len(run)) - np.repeat(np.cumsum(n_each) - n_each, n_each)
    left = runs.start[run] + k * size
    end = runs.end[run]
    near = np.minimum(left + base, end)
    near_stop = np.minimum(near + size, end)
    far_stop = np.minimum(near_stop + size, end)
    followed = np.zeros(len(run), bool)
    followed[:-1] = run[1:] == run[:-1]
    left_stop = np.minimum(left + size, stop[run])
    return _Pieces(left, left_stop, near, near_stop, near_stop, far_stop, followed)


def _slots(pieces: _Pieces, start: int, stop: int, shared: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Numbers for the transforms that a group of pieces needs, each transform once: near, far (-1 for none), left."""
    n = stop - start
    part = _Pieces(*(field[start:stop] for field in pieces))
    near = np.arange(n)
    far = near + 1
    alone = ~part.followed
    alone[-1] = True
    empty = alone & (part.far_stop <= part.far)
    alone &= ~empty
    n_slots = n + int(alone.sum())
    far[alone] = np.arange(n, n_slots)
    far[empty] = -1
    left = near.copy()
    other = np.ones(n, bool) if not shared else part.left_stop != part.near_stop
    left[other] = np.arange(n_slots, n_slots + int(other.sum()))
    return near, far, left, n_slots + int(other.sum())


@njit(nogil=True, cache=True)
def _indicate(codes, start, stop, rank, first, out):  # type: ignore[no-untyped-def]
    # out[r, j % n2, j // n2] is 1 where the symbol of rank first + r stands at start + j, and 0 elsewhere.
    n, n2, _ = out.shape
    out[:] = 0.0
    t = start
    for j1 in range(-(-(stop - start) // n2)):
        for j2 in range(min(n2, stop - t)):
            r = rank[codes[t + j2]] - first
            if 0 <= r < n:
                out[r, j2, j1] = 1.0
        t += n2


@njit(nogil=True, cache=True)
def _twiddle(values, factors, out):  # type: ignore[no-untyped-def]
    # Plainly: out = values.T * factors, a square that fits into the nearest cache at a time.
    height, width = out.shape
    for top in range(0, height, 16):
        for start in range(0, width, 16):
            for a in range(top, min(top + 16, height)):
                for b in range(start, min(start + 16, width)):
                    out[a, b] = values[b, a] * factors[a, b]


@njit(nogil=True, cache=True)
def _gather(spectra, left, near, far, low, n2, row, first, second):  # type: ignore[no-untyped-def]
    # From (piece, symbol, frequency) to (frequency, piece, symbol); the left side conjugated, the right side of two.
    n_frequencies, _, height = first.shape
    sign = np.empty(n_frequencies)
    for f in range(n_frequencies):
        sign[f] = 1.0 - 2.0 * ((low + f) // n2 & 1)
    for k in range(len(left)):
        for a in range(height):
            for f in range(n_frequencies):
                first[f, k, a] = spectra[left[k], row + a, low + f].conjugate()
        for b in range(second.shape[2]):
            if far[k] < 0:
                for f in range(n_frequencies):
                    second[f, k, b] = spectra[near[k], b, low + f]
            else:
                for f in range(n_frequencies):
                    second[f, k, b] = spectra[near[k], b, low + f] + sign[f] * spectra[far[k], b, low + f]


@njit(nogil=True, cache=True)
def _turn(sums, row, column, out):  # type: ignore[no-untyped-def]
    n, n_frequencies = out.shape
    for start in range(0, n_frequencies, 64):
        for b in range(n):
            for f in range(start, min(start + 64, n_frequencies)):
                out[b, f] = sums[f, row, column + b]


@njit(nogil=True, cache=True)
def _add_rounded(values, at, counts):  # type: ignore[no-untyped-def]
    # The largest distance from a whole number.
    worst = 0.0
    n2 = values.shape[1]
    for b in range(len(counts)):
        for i in range(len(at)):
            value = values[b, at[i] % n2, at[i] // n2]
            nearest = np.rint(value)
            distance = abs(value - nearest)
            if not distance <= worst:
                worst = distance if distance < 1.0 else np.inf  # also where it is not a number
            counts[b, i] += np.int64(nearest)
    return worst
