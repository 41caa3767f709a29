"""Heavy-tailed renewal (on/off) processes: runs whose lengths have no scale."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import fft, special

from miscope.errors import InputError
from miscope.processes.alias import alias_tables, drawn
from miscope.processes.base import AsymptoticLaw, SymbolProcess
from miscope.processes.checking import real_number, whole_number
from miscope.processes.exact import Joint

__all__ = ["Renewal"]

Floats = npt.NDArray[np.float64]

_LARGEST_LAG = (1 << 22) - 1
_LONGEST_RUN = 1 << 22
_LONGEST_SOLVED = 1 << 18  # degree of the polynomial whose smallest root is the rate
_BLOCK = 256
_TABLE = 1024  # run lengths with a cell of their own in the alias tables
_MARGIN = 1024


class Renewal(SymbolProcess):
    """Runs of 0 and runs of 1 by turns, with independent lengths that follow a power law.

    Parameters
    ----------
    tail_index
        mu in ``P(length > l) ~ l^-mu``; lengths have probability proportional to ``l^-(1 + mu)``. Above 1, so that
        there is a mean length; with `longest`, above 0.
    shortest
        Shortest run, in symbols.
    longest
        Longest run, in symbols; default: there is none.

    Examples
    --------
    >>> process = Renewal(tail_index=1.5)
    >>> process.correlation([1, 10, 1000]).round(6)
    array([-0.027025,  0.152165,  0.016124])
    >>> print(process.law)
    power law, exponent 1
    >>> process.sample(n_documents=2, length=1000, seed=1)
    Sequences(2,000 symbols of 2 kinds in 2 documents: Renewal tail_index 1.5, shortest 1)

    Notes
    -----
    With f the law of the lengths, m their mean and ``B(n) = sum_{l > n} (l - n) f(l) / m`` the probability that the
    next n symbols are like this one, the correlation of ±1 symbols solves

    ``c(n) = 2 B(n) - P(length > n) - sum_{l=1}^{n} f(l) c(n - l)``, ``c(0) = 1``.

    All terms are of the order of c(n), so that it keeps its relative precision. For large n it is like B,
    ``c ~ n^(1 - mu)``, and the mutual information ``((1+c) ln(1+c) + (1-c) ln(1-c)) / 2`` falls with exponent
    ``2 (mu - 1)``. With `longest` it falls exponentially, as given by the smallest root of ``1 + sum f(l) z^l``. Lags
    may go to 4,194,303.

    Documents are stationary: their first run is what the run of a random symbol has left.

    References
    ----------
    Lowen and Teich, Phys. Rev. E 47 (1993) 992 (fractal renewal processes); Cox, Renewal Theory (1962).
    """

    alphabet_size = 2
    values = (-1.0, 1.0)

    def __init__(self, tail_index: float = 1.5, shortest: int = 1, longest: int | None = None) -> None:
        self.tail_index = real_number(tail_index, "tail_index", 1.0 if longest is None else 0.0)
        self.shortest = whole_number(shortest, "shortest", 1)
        self.longest_run = None if longest is None else whole_number(longest, "longest", self.shortest)
        if max(self.shortest, self.longest_run or 1) > _LONGEST_RUN:
            raise InputError(f"runs can be limited to at most {_LONGEST_RUN} symbols; leave longest out for no limit")
        if (1 + self.tail_index) * np.log(max(self.shortest, 4)) > 100:
            raise InputError(
                f"tail_index {self.tail_index:g} is too large for runs of at least {self.shortest} symbols"
            )
        self.parameters = {"tail_index": self.tail_index, "shortest": self.shortest}
        if self.longest_run is not None:
            self.parameters["longest"] = self.longest_run
        self._known = np.ones(1)  # correlations at lags 0, 1, ...
        self._lengths = _Lengths(1 + self.tail_index, self.shortest, self.longest_run)

    def _joints(self, lags: npt.NDArray[np.int64]) -> Iterator[Joint]:
        if lags[-1] > _LARGEST_LAG:
            raise InputError(f"the correlation is known to lag {_LARGEST_LAG}; leave out lags up to {lags[-1]}")
        if lags[-1] >= len(self._known):
            self._known = self._correlations(min(2 * int(lags[-1]), _LARGEST_LAG))
        half, sign = np.full(2, 0.5), np.array([[0.25, -0.25], [-0.25, 0.25]])
        return (Joint(half, half, c * sign) for c in self._known[lags])

    def _correlations(self, last: int) -> Floats:
        lengths, longer, rest = self._lengths.tabulated(last)
        known = (2 * rest - longer)[: last + 1].copy()
        if self.longest_run is None:
            _solve(known, lengths[: last + 1])
            return known
        # What falls as exp(-rate n) would drown in the rounding of its own past: solve for c(n) exp(rate n) instead.
        growth = np.exp(self._rate * np.arange(self.longest_run + 1))
        known[: self.longest_run + 1] *= growth[: last + 1]
        _solve(known, (lengths[: self.longest_run + 1] * growth)[: last + 1])
        return np.asarray(known * np.exp(-self._rate * np.arange(last + 1)))

    @property
    def law(self) -> AsymptoticLaw:
        """Power law with exponent ``2 (tail_index - 1)``; with `longest` exponential, or constant for equal runs.

        The correlation length is not computed for a `longest` above 262,144.
        """
        if self.longest_run is None:
            return AsymptoticLaw("power law", exponent=2 * (self.tail_index - 1))
        if self.longest_run == self.shortest:
            return AsymptoticLaw("constant")
        return AsymptoticLaw("exponential", correlation_length=0.5 / self._rate if self._rate > 0 else None)

    @cached_property
    def _rate(self) -> float:
        """At which correlations fall; 0 where it is not known."""
        if self.longest_run is None or not self.shortest < self.longest_run <= _LONGEST_SOLVED:
            return 0.0
        return _smallest_root(self._lengths.tabulated(0)[0])

    @property
    def entropy_rate(self) -> float:
        """Entropy in nats a symbol, given all before it: that of a run's length, over the mean length."""
        return self._lengths.entropy / self._lengths.mean

    def _fill(self, generator: np.random.Generator, codes: npt.NDArray[Any]) -> None:
        first = self._lengths.draw_rests(generator, len(codes))
        _fill_runs(generator, codes, first, *self._lengths.tables)


class _Lengths:
    """The law of run lengths, ``l^-power / norm`` from `shortest` to `longest`."""

    def __init__(self, power: float, shortest: int, longest: int | None) -> None:
        self.power, self.shortest, self.longest = power, shortest, longest
        if longest is None:
            self.norm = float(special.zeta(power, shortest))
            self.mean = float(special.zeta(power - 1, shortest)) / self.norm
        else:
            sizes = np.arange(shortest, longest + 1, dtype=np.float64)
            self.norm = float((sizes**-power).sum())
            self.mean = float((sizes ** (1 - power)).sum()) / self.norm
        self.tables = _run_tables(power, shortest, longest)

    def tabulated(self, last: int) -> tuple[Floats, Floats, Floats]:
        """P(length = l), P(length > l), and P(the next l symbols are the same), for l from 0 to `last` or more."""
        end = max(last, self.shortest) + _MARGIN if self.longest is None else max(last, self.longest)
        lengths = np.zeros(end + 1)
        stop = end if self.longest is None else self.longest
        lengths[self.shortest : stop + 1] = np.arange(self.shortest, stop + 1.0) ** -self.power / self.norm
        longer, rest = np.zeros(end + 1), np.zeros(end + 1)
        if self.longest is None:
            tail = special.zeta(self.power, end + 1)
            longer[-1] = tail / self.norm
            rest[-1] = (special.zeta(self.power - 1, end + 1) - end * tail) / self.norm
        # Backwards, so that only positive numbers are added and the smallest come first.
        longer[:-1] = lengths[1:]
        longer = np.cumsum(longer[::-1])[::-1]
        rest[:-1] = longer[:-1]
        return lengths, longer, np.cumsum(rest[::-1])[::-1] / self.mean

    @property
    def entropy(self) -> float:
        """Entropy of a length in nats: ``ln norm + power sum l^-power ln l / norm``."""
        end = self.shortest + 4096 if self.longest is None else self.longest + 1
        sizes = np.arange(self.shortest, end, dtype=np.float64)
        total = float((np.log(sizes) * sizes**-self.power).sum())
        if self.longest is None:
            # Euler and Maclaurin: integral + first term / 2 - its derivative / 12
            log, s = np.log(end), self.power
            total += end ** (1 - s) * (log / (s - 1) + (s - 1) ** -2 + log / (2 * end) - (1 - s * log) / (12 * end**2))
        return max(0.0, float(np.log(self.norm) + self.power * total / self.norm))

    def draw_rests(self, generator: np.random.Generator, n: int) -> Floats:
        """What is left of the run of a random symbol, itself included: ``P(rest = l) = P(length >= l) / mean``."""
        if self.longest is None:
            # The run of a random symbol has the law l P(length = l) / mean, and the symbol any place in it.
            runs = np.empty(n)
            _draw_runs(generator, runs, *self._biased)
            return np.asarray(1.0 + np.floor(generator.random(n) * np.minimum(runs, 1e300)))
        ending = self._ending
        return np.asarray(1.0 + np.searchsorted(ending, generator.random(n) * ending[-1], side="right"))

    @cached_property
    def _biased(self) -> tuple[Any, ...]:
        return _run_tables(self.power - 1, self.shortest, None)

    @cached_property
    def _ending(self) -> Floats:
        return np.asarray(np.cumsum(self.tabulated(0)[1][: self.longest]))


def _run_tables(power: float, shortest: int, longest: int | None) -> tuple[Any, ...]:
    """Alias tables for the first lengths and all longer ones together, and what `_run` needs for those."""
    end = shortest + _TABLE if longest is None else min(shortest + _TABLE, longest + 1)
    weights = np.zeros(end - shortest + 1)
    weights[:-1] = (np.arange(shortest, end) / shortest) ** -power
    if longest is None:
        weights[-1] = special.zeta(power, end) * float(shortest) ** power
    else:
        weights[-1] = ((np.arange(end, longest + 1) / shortest) ** -power).sum()
    keep, alias = alias_tables(weights[None] / weights.sum())
    last = np.inf if longest is None else longest + 0.5
    return keep[0], alias[0], shortest, power, (end - 0.5) ** (1 - power), last ** (1 - power)


def _solve(known: Floats, lengths: Floats) -> None:
    """Replace a by c, ``c(n) = a(n) - sum_{l=1}^{n} f(l) c(n - l)``, in O(n log^2 n).

    Lengths are taken in octaves: what the last 2^k lags give by lengths of 2^k to 2^(k + 1) is added by one
    convolution. Inside it numbers are of one order, so that rounding stays relative.
    """
    size = len(known)
    near = lengths[:_BLOCK][::-1].copy()
    octaves: dict[int, Any] = {}
    for start in range(0, size, _BLOCK):
        stop = start + _BLOCK
        _solve_directly(known, near, start, min(stop, size))
        width = _BLOCK
        while stop < size and stop % width == 0 and width < len(lengths):
            if width not in octaves:
                octaves[width] = fft.rfft(lengths[width : 2 * width], 2 * width)
            added = fft.irfft(octaves[width] * fft.rfft(known[stop - width : stop], 2 * width), 2 * width)
            known[stop : stop + 2 * width] -= added[: size - stop]
            width *= 2


def _smallest_root(lengths: Floats) -> float:
    """Logarithm of the smallest modulus of a root of ``1 + sum f(l) z^l``; 0 where none is found.

    The roots inside a circle are counted by how often the polynomial winds around 0 there; none has a modulus below 1.
    """
    powers = np.arange(len(lengths))
    n_points = 8 << int(np.ceil(np.log2(len(lengths) + 32)))

    def on_circle(log_radius: float) -> Any:
        return 1.0 + fft.fft(lengths * np.exp(log_radius * powers), n_points)

    def is_empty(log_radius: float) -> bool:
        values = on_circle(log_radius)
        return bool(round(np.angle(np.roll(values, -1) / values).sum() / (2 * np.pi)) == 0)

    inside, outside = 0.0, 1.0 / len(lengths)
    while is_empty(outside):
        inside, outside = outside, 2 * outside
    for _ in range(12):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if is_empty(middle) else (inside, middle)
    sizes = np.abs(on_circle(outside))
    lowest = np.flatnonzero((sizes <= np.roll(sizes, 1)) & (sizes <= np.roll(sizes, -1)))
    lowest = lowest[np.argsort(sizes[lowest])[:16]]
    roots = [_polished(lengths, complex(outside, -2 * np.pi * k / n_points)) for k in lowest]
    return min((root for root in roots if root > 0), default=0.0)


def _polished(lengths: Floats, log_root: complex) -> float:
    # Newton's method for ln z, started on a circle that the root is close to.
    farthest = 2 * log_root.real
    powers = np.arange(len(lengths))
    for _ in range(50):
        terms = lengths * np.exp(powers * log_root)
        step = (1 + terms.sum()) / (powers * terms).sum()
        log_root -= step
        if not 0 < log_root.real < farthest:
            return 0.0
        if abs(step) < 1e-13 * abs(log_root):
            return log_root.real
    return 0.0


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _solve_directly(known, reversed_lengths, start, stop):  # type: ignore[no-untyped-def]
    # The last of `reversed_lengths` belongs to length 0.
    most = len(reversed_lengths) - 1
    for n in range(start, stop):
        total = 0.0
        n_lengths = min(n, most)
        for k in range(n_lengths):
            total += reversed_lengths[most - n_lengths + k] * known[n - n_lengths + k]
        known[n] -= total


@njit(nogil=True, cache=True)
def _run(generator, keep, alias, shortest, power, low, high):  # type: ignore[no-untyped-def]
    k = drawn(generator, keep, alias)
    if k < len(keep) - 1:
        return float(shortest + k)
    # A real number with density x^-power, rounded, falls on l a little more often than l^-power: by the factor
    # 1 + power (power + 1) / (24 l^2) and terms in l^-4, which are below rounding here.
    while True:
        length = np.floor((low - generator.random() * (low - high)) ** (-1.0 / (power - 1.0)) + 0.5)
        if generator.random() * (1.0 + power * (power + 1.0) / (24.0 * length * length)) < 1.0:
            return length


@njit(nogil=True, cache=True)
def _draw_runs(generator, runs, keep, alias, shortest, power, low, high):  # type: ignore[no-untyped-def]
    for k in range(len(runs)):
        runs[k] = _run(generator, keep, alias, shortest, power, low, high)


@njit(nogil=True, cache=True)
def _fill_runs(generator, codes, first, keep, alias, shortest, power, low, high):  # type: ignore[no-untyped-def]
    n_documents, length = codes.shape
    for document in range(n_documents):
        symbol, start, run = generator.integers(0, 2), 0, first[document]
        while start < length:
            end = start + int(min(run, float(length - start)))
            codes[document, start:end] = symbol
            symbol, start = 1 - symbol, end
            run = _run(generator, keep, alias, shortest, power, low, high)
