"""The estimator of Nemenman, Shafee and Bialek: one integral over t = ln β for each histogram."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, zeta

__all__ = ["Posterior"]

Floats: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = NDArray[Any]  # int64 or float64

_SHIFT = 16  # from here on Stirling's series below is exact to 1e-11
_NODES = 20  # polynomial degree that carries ln Γ(n+β) over an octave of n to 1e-15
_CUT = 30.0  # the integrand is left out where its log is this much below the peak: 1e-13 of it


class Posterior:
    """What one histogram says about the concentration β of its Dirichlet prior."""

    def __init__(self, counts: NDArray[np.int64], multiplicities: Numbers, n_cells: float) -> None:
        weights, split = multiplicities.astype(np.float64), int(np.searchsorted(counts, _SHIFT))
        self.n_cells, self.samples, self.seen = n_cells, float(weights @ counts), float(weights.sum())
        self.small, self.small_weights = counts[:split], weights[:split]
        self.large, self.large_weights = _condense(counts[split:], weights[split:])

    def mean(self) -> float:
        """Posterior mean entropy by the trapezoidal rule, which converges exponentially on a smooth peak."""
        low, high = self._window()
        t = np.linspace(low, high, max(33, int((high - low) / 0.4)))
        log_density = self._log_density(t)
        weights = np.exp(log_density - log_density.max())
        return float(weights @ self._entropy(np.exp(t)) / weights.sum())

    def _window(self) -> tuple[float, float]:
        """Narrow the range of t down to the peak. There is one: Levin & Reeds 1977, Ann. Statist. 5:79."""
        # Below this range the density grows as e^t or faster; above, all β explain the data alike and it falls as e^−t.
        low = -np.log(self.n_cells) - np.log1p(np.log1p(self.samples)) - _CUT
        high = np.log1p(self.samples / self.n_cells) + _CUT
        for _ in range(20):
            t = np.linspace(low, high, 16)
            log_density = self._log_density(t)
            inside = np.flatnonzero(log_density > log_density.max() - _CUT)
            low, high = t[max(inside[0] - 1, 0)], t[min(inside[-1] + 1, t.size - 1)]
            if inside.size > 6:
                break
        return float(low), float(high)

    def _log_density(self, t: Floats) -> Floats:
        """Return `ln dξ/dt + Σ ln[Γ(n+β)/Γ(β)] − ln[Γ(N+Kβ)/Γ(Kβ)]`."""
        beta, z = np.exp(t)[:, None], self.n_cells * np.exp(t)
        # Γ(n+β)/Γ(β) = β (β+1) … (β+n−1): factor by factor up to n = 16, by Stirling's series from there.
        factors = np.cumsum(np.log(beta + np.arange(_SHIFT)), axis=1)
        seen = factors[:, self.small - 1] @ self.small_weights + factors[:, -1] * self.large_weights.sum()
        seen += _log_rising(beta + _SHIFT, self.large - _SHIFT) @ self.large_weights
        total = np.where(z < _SHIFT, gammaln(z + self.samples) - gammaln(z), _log_rising(z, self.samples))
        result: Floats = _log_prior(beta[:, 0], self.n_cells) + seen - total
        return result

    def _entropy(self, beta: Floats) -> Floats:
        """Posterior mean entropy at given β: `ψ(N+Kβ+1) − Σ_cells (n+β)/(N+Kβ) ψ(n+β+1)`, unseen cells included."""
        total = self.samples + self.n_cells * beta
        cells = (self.n_cells - self.seen) * beta * digamma(beta + 1)
        for counts, weights in ((self.small, self.small_weights), (self.large, self.large_weights)):
            alpha = counts + beta[:, None]
            cells += (alpha * digamma(alpha + 1)) @ weights
        result: Floats = digamma(total + 1) - cells / total
        return result


def _condense(counts: NDArray[np.int64], weights: Floats) -> tuple[Numbers, Numbers]:
    """Return few nodes and weights over which smooth functions of the counts have the same sum.

    Inside each octave of counts the function is read off at Chebyshev nodes instead, and interpolated.
    """
    exponents = np.frexp(counts.astype(np.float64))[1]  # 2^(exponent−1) ≤ n < 2^exponent
    starts = np.flatnonzero(np.diff(exponents, prepend=0))
    if counts.size <= _NODES * starts.size:
        return counts, weights
    scale = 2.0 ** (exponents - 2)
    moments = np.add.reduceat(weights[:, None] * chebvander(counts / scale - 3, _NODES - 1), starts)
    moments[:, 0] /= 2
    nodes = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    interpolated = moments @ chebvander(nodes, _NODES - 1).T * (2 / _NODES)
    return (scale[starts, None] * (nodes + 3)).ravel(), interpolated.ravel()


def _log_prior(beta: Floats, n_cells: float) -> Floats:
    """`ln dξ/d(ln β)` with `ξ = ψ(Kβ+1) − ψ(β+1)`; for large β, where the two cancel, by their series."""
    exact = n_cells * zeta(2, n_cells * beta + 1) - zeta(2, beta + 1)
    series = (1 - 1 / n_cells) / (2 * beta**2) - (1 - 1 / n_cells**2) / (6 * beta**3)
    return np.asarray(np.log(beta * np.where(beta < 1e3, exact, series)))


def _log_rising(z: Floats, n: Numbers | float) -> Floats:
    """`ln Γ(z+n) − ln Γ(z)` for z ≥ 16, without the cancellation of the plain form where z is large."""
    return (z + n - 0.5) * np.log1p(n / z) + n * (np.log(z) - 1) + _stirling(z + n) - _stirling(z)


def _stirling(z: Floats) -> Floats:
    return (1 / 12 - (1 / 360 - 1 / (1260 * z * z)) / (z * z)) / z
