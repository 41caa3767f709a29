"""How far values may lie from a law: their own errors, the law's, and what saturation does."""

from __future__ import annotations

from copy import copy
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from miscope.decay.points import Points

__all__ = ["DISCREPANCIES", "Metric"]

Floats = NDArray[np.float64]

DISCREPANCIES = np.geomspace(0.01, 2.0, 12)
_OFF = 1.5  # factor by which what a law expects may differ from the falling curve, for its bars
_REACH = 0.3  # over which, in the logarithm of the lag, a law's own error stays alike
_FALLS = 3.0  # bars by which values fall that are said to fall
_SATURATED = 0.5  # nats, above which information says little of the weak coupling that laws are about


class Metric:
    """The covariance of residuals, for each size of the law's own error.

    It is the sum of three:

    - that of the values, carried over to what the law expects (`Points.noise`);
    - the law's own error, ``d^2 g_i g_j (exp(-|log(lag_i / lag_j)| / 0.3) + [i = j]) / 2``, with g the best falling
      curve through the values. Laws hold up to wiggles (trees), oscillations (complex eigenvalues), faster modes; with
      enough data everything simple is refuted. The discrepancy d is found for each law by maximum likelihood, so a law
      that needs a large one loses (Kennedy and O'Hagan, J. R. Stat. Soc. B 63 (2001) 425);
    - saturation. Laws are about the weak coupling J, of which information is ``I = J + b J^2 + c J^3 + d J^4 + …``:
      ``b = 1/3, c = 4/15, d = 2/7`` for two symbols alike, ``b = 1, c = 4/3, d = 2`` for Gaussians. These are not
      fitted but averaged over, with the latter as standard deviations; what lies above 0.5 nats hardly counts.

    Where symbols are of unequal frequency there is a term ``a J^(3/2)``, ``a < 0``, too. It makes a head flatter, never
    steeper, so verdicts do without it; intervals have it (`flattening`).

    Parameters
    ----------
    points
        What is fitted. Bars are carried over to the best falling curve; see `expecting`.
    """

    def __init__(self, points: Points) -> None:
        self.points = points
        self.reference = points.reference()
        distance = np.abs(np.subtract.outer(np.log(points.lags), np.log(points.lags)))
        alike = 0.5 * (np.exp(-distance / _REACH) + np.eye(len(distance)))
        self.own = np.outer(self.reference, self.reference) * alike
        self.saturation = _saturation(self.reference, points.nats)
        first = 0.5 * points.nats**0.5 * self.reference**1.5
        self.flattening = np.outer(first, first)
        if points.barred:
            noise = points.noise(self.reference)
        else:  # the scatter about the law is all there is
            noise = np.diag((1e-3 * np.abs(points.values) + 1e-4 * self.reference.max() + 1e-300) ** 2)
        self._fixed = noise + self.saturation

    def expecting(self, expected: Floats) -> Metric:
        """The same with bars as they would be around what a law gives at the points, shape (n_lags,)."""
        other = copy(self)
        for name in ("factors", "_log_determinants"):
            vars(other).pop(name, None)
        # A law that is far off shall not make its own bars.
        near = np.clip(expected, self.reference / _OFF, _OFF * self.reference)
        other._fixed = self.points.noise(near) + self.saturation
        return other

    def falling(self) -> str:
        """What hides the law of values that fall by more than their bars; empty for values that do not."""
        points = self.points
        own = np.sqrt(np.maximum(np.diag(points.covariance) - np.sum(points.shared**2, axis=0), 0.0))
        if not points.barred or self.reference[0] - self.reference[-1] < _FALLS * np.hypot(own[0], own[-1]):
            return ""
        if np.median(np.sqrt(np.diag(self.saturation)) / points.stderr) > 1:
            return (
                f"information of this size (up to {points.values.max():.2g} {points.unit}) saturates, which bends a "
                "curve as much as a law does"
            )
        return "errors that all lags share are as large as what is measured" if len(points.shared) else ""

    @cached_property
    def factors(self) -> list[Floats]:
        """Lower Cholesky factors, one for each of `DISCREPANCIES`."""
        return [linalg.cholesky(self._fixed + d**2 * self.own, lower=True, check_finite=False) for d in DISCREPANCIES]

    @cached_property
    def _log_determinants(self) -> Floats:
        return np.array([2 * np.sum(np.log(np.diag(factor))) for factor in self.factors])

    def whiten(self, residuals: Floats, k: int) -> Floats:
        """Residuals as independent ones of variance 1 under discrepancy number k, shape as given, lags first."""
        # What linalg.solve_triangular calls, without its checks, which take longer: searches come here 100,000 times.
        white, _ = linalg.lapack.dtrtrs(self.factors[k], residuals, lower=1)
        return np.asarray(white)

    def log_likelihoods(self, residuals: Floats) -> Floats:
        """One for each of `DISCREPANCIES`."""
        squares = np.array([np.sum(self.whiten(residuals, k) ** 2) for k in range(len(DISCREPANCIES))])
        return np.asarray(-0.5 * (squares + self._log_determinants + len(residuals) * np.log(2 * np.pi)))


def _saturation(reference: Floats, nats: float) -> Floats:
    """Covariance of what saturation adds to weak coupling, in the curve's unit squared, shape (n_lags, n_lags)."""
    if nats == 0:
        return np.zeros((len(reference), len(reference)))
    weak = nats * reference
    terms = np.stack([weak**2, 4 / 3 * weak**3, 2 * weak**4])
    total = terms.T @ terms + np.diag((weak * (weak / _SATURATED) ** 4) ** 2)
    return np.asarray(total / nats**2)
