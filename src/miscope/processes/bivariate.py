"""Two Gaussian numbers cut into symbols: the law of the pair, and the correlation that a wanted law needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import special

from miscope.processes.exact import Joint, information

__all__ = ["Cuts"]

Floats = npt.NDArray[np.float64]

_LN2 = float(np.log(2.0))
_BELOW_ONE = float(np.nextafter(1.0, 0.0))
_NODES = 160
_FLAT = 1e-6  # slope, over the mean one, below which a function is taken to grow no further
_AT_ONCE = 1 << 16  # terms of the quadrature
_GRIDS = ((16, 1025), (64, 257), (1 << 16, 65))  # alphabets up to a size, and on how many points to invert for them


class Cuts:
    """Cuts of a standard Gaussian number into symbols of given probabilities.

    Parameters
    ----------
    probabilities
        Of the symbols, from the smallest numbers up; shape (K,), positive, summing to 1.

    Attributes
    ----------
    edges
        Where the cuts are, shape (K - 1,).
    """

    def __init__(self, probabilities: Floats) -> None:
        self.probabilities = probabilities
        self.edges = special.ndtri(np.cumsum(probabilities)[:-1])
        self._inverses: dict[str, tuple[Callable[[Floats], Floats], float]] = {}
        self.is_fair_pair = len(probabilities) == 2 and abs(probabilities[0] - 0.5) < 1e-15

    def codes(self, numbers: Floats, out: npt.NDArray[np.unsignedinteger]) -> None:
        """Write the symbol of each number."""
        if len(self.edges) == 1:
            np.greater_equal(numbers, self.edges[0], out=out.view(bool))
        else:
            out[:] = np.searchsorted(self.edges, numbers, side="right")

    def joint(self, correlation: float) -> Joint:
        """Law of the pair of symbols of two numbers with this correlation."""
        above = np.zeros((len(self.probabilities) + 1,) * 2)
        above[1:-1, 1:-1] = self.excess(correlation)
        connected = above[:-1, :-1] - above[1:, :-1] - above[:-1, 1:] + above[1:, 1:]
        return Joint(self.probabilities, self.probabilities, connected)

    def excess(self, correlation: float) -> Floats:
        """By how much ``P(both below edges i and j)`` exceeds the product, shape (K - 1, K - 1).

        ``(1/2 pi) int_0^(asin r) exp(-(h^2 + k^2 - 2 h k sin t) / (2 cos^2 t)) dt`` (Plackett 1954, Biometrika
        41:351): no difference of nearly equal numbers, so it keeps its relative precision for small r.
        """
        top = float(np.arcsin(np.clip(correlation, -1.0, 1.0)))
        if self.is_fair_pair:
            return np.array([[top / (2 * np.pi)]])
        i, j = np.triu_indices(len(self.edges))  # it is symmetric
        h, k = self.edges[i], np.copysign(1.0, top) * self.edges[j]
        nodes, weights = _quadrature()
        total = np.zeros(len(h))
        step = max(1, _AT_ONCE // len(h))
        for part in (slice(start, start + step) for start in range(0, _NODES, step)):
            angle = abs(top) * nodes[part, None]
            # h^2 + k^2 - 2 h k sin t = (h - k)^2 + 2 h k (1 - sin t), and (1 - sin t) / cos^2 t = 1 / (1 + sin t)
            exponent = (h - k) ** 2 / (2 * np.cos(angle) ** 2) + h * k / (1 + np.sin(angle))
            total += weights[part] @ np.exp(-exponent)
        both = np.empty((len(self.edges),) * 2)
        both[i, j] = both[j, i] = total * (top / (2 * np.pi))
        return both

    def information(self, correlation: float) -> float:
        """Mutual information of the two symbols, in nats."""
        return information(self.joint(correlation))

    def code_correlation(self, correlation: float) -> float:
        """Pearson correlation of the codes 0, 1, ... of the two symbols."""
        codes = np.arange(len(self.probabilities))
        variance = self.probabilities @ codes**2 - (self.probabilities @ codes) ** 2
        return float(self.excess(correlation).sum() / variance)

    @property
    def most_information(self) -> float:
        """The largest mutual information that `for_information` inverts, in nats: nearly the entropy of a symbol."""
        return _LN2 if self.is_fair_pair else float(self._inverse_of(self._root_information, "information")[1] ** 2)

    @property
    def entropy(self) -> float:
        """Of a symbol, in nats."""
        return float(special.entr(self.probabilities).sum())

    @property
    def code_correlations(self) -> tuple[float, float]:
        """Between which correlations of codes `for_code_correlation` finds its answers."""
        if self.is_fair_pair:
            return -1.0, 1.0
        down = self._inverse_of(self._minus_code_correlation, "down")[1]
        return -down, self._inverse_of(self.code_correlation, "up")[1]

    def for_information(self, wanted: Floats) -> Floats:
        """Correlations that give these mutual informations (0 or more, in nats); nan where none does."""
        if self.is_fair_pair:
            return np.asarray(np.sin(np.pi / 2 * _inverse_of_f(wanted)))
        return self._inverse(self._root_information, np.sqrt(wanted), "information")

    def for_code_correlation(self, wanted: Floats) -> Floats:
        """Correlations that give these correlations of codes; nan where none does."""
        if self.is_fair_pair:
            return np.where(np.abs(wanted) < 1, np.sin(np.pi / 2 * wanted), np.nan)
        found = self._inverse(self.code_correlation, np.maximum(wanted, 0.0), "up")
        below = wanted < 0
        if below.any():
            found[below] = -self._inverse(self._minus_code_correlation, -wanted[below], "down")
        return found

    def _root_information(self, correlation: float) -> float:
        # The square root, because it is a smooth, nearly linear function of the correlation.
        return float(np.sqrt(self.information(correlation)))

    def _minus_code_correlation(self, correlation: float) -> float:
        return -self.code_correlation(-correlation)

    def _inverse(self, function: Callable[[float], float], wanted: Floats, name: str) -> Floats:
        spline, most = self._inverse_of(function, name)
        return np.where(wanted <= most, spline(np.minimum(wanted, most)), np.nan)

    def _inverse_of(self, function: Callable[[float], float], name: str) -> tuple[Callable[[Floats], Floats], float]:
        """Inverse on 0 to 1 of a function that grows from 0, and the largest value that it has."""
        if name not in self._inverses:
            # Chebyshev's nodes, dense at 0, for relative precision, and at 1, where the function bends.
            n_points = next(points for size, points in _GRIDS if len(self.probabilities) <= size)
            grid = (1 - np.cos(np.linspace(0, np.pi, n_points)[:-1])) / 2
            values = np.array([0.0, *(function(r) for r in grid[1:])])
            # Where symbols exclude each other altogether the function grows no further.
            steep = np.flatnonzero(np.diff(values) > _FLAT * values[-1] * np.diff(grid))
            n = int(steep[-1]) + 2
            from scipy.interpolate import CubicSpline  # takes long to import, and no command but few need it

            self._inverses[name] = CubicSpline(values[:n], grid[:n]), float(values[n - 1])
        return self._inverses[name]


@lru_cache(maxsize=1)
def _quadrature() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return (nodes + 1) / 2, weights / 2


@njit(nogil=True, cache=True)
def _inverse_of_f(wanted):  # type: ignore[no-untyped-def]
    # The c >= 0 with f(c) = ((1+c) ln(1+c) + (1-c) ln(1-c)) / 2 as wanted; nan where it is negative, ln 2 or more.
    found = np.full(len(wanted), np.nan)
    for i in range(len(wanted)):
        value = wanted[i]
        if value == 0.0:
            found[i] = 0.0
        if not 0.0 < value < _LN2:
            continue
        # Halley's iteration from an inverse that is right at 0 to first order, and at ln 2.
        c = np.sqrt(min(max(2 * value - value**2 * (2 - 1 / _LN2) / _LN2, 0.0), 1 - 1e-12))
        for _ in range(60):
            slope = np.arctanh(c)
            if c < 1e-3:
                f = c**2 / 2 + c**4 / 12 + c**6 / 30
            elif c < 0.5:
                f = c * slope + 0.5 * np.log1p(-c * c)
            else:
                f = 0.5 * ((1 + c) * np.log1p(c) + (1 - c) * np.log1p(-c))
            miss = f - value
            step = 2 * miss * slope / (2 * slope**2 - miss / ((1 - c) * (1 + c)))
            c = min(max(c - step, c / 2), (1 + c) / 2, _BELOW_ONE)
            if abs(step) < 1e-6 * min(c, 1 - c):  # convergence is cubic
                break
        found[i] = c
    return found
