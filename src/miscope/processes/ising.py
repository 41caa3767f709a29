"""Spins on a line, each coupled to its neighbours: the Ising chain, solved exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import special

from miscope.errors import InputError
from miscope.processes.base import AsymptoticLaw, SymbolProcess
from miscope.processes.checking import real_number
from miscope.processes.exact import Joint

__all__ = ["IsingChain"]

Floats = npt.NDArray[np.float64]

_MOST = 100.0  # beyond this, weights of pairs of spins leave the range of floating-point numbers


class IsingChain(SymbolProcess):
    """Spins on an infinite line, each coupled to its two neighbours: a window of it is a document.

    Symbols 0 and 1 are the spins -1 and +1. There is no order at any temperature: the mutual information falls
    exponentially, without a field with a correlation length that grows as ``exp(2 |coupling|) / 4``.

    Parameters
    ----------
    coupling
        ``K = J / kT``, in units of the thermal energy; negative for an antiferromagnet. Between -100 and 100.
    field
        ``h = H / kT``, in the same units; what favours spin +1. Between -100 and 100.

    Raises
    ------
    InputError
        If either is not a number in this range.

    Examples
    --------
    >>> chain = IsingChain(coupling=1.0)
    >>> chain.correlation([1, 10]).round(6)
    array([0.761594, 0.06565 ])
    >>> chain.mutual_information([1, 10]).round(6)
    array([0.327813, 0.002157])
    >>> print(chain.law)
    exponential, correlation length 1.836

    Notes
    -----
    The energy in units of kT is ``-K sum_t s_t s_{t+1} - h sum_t s_t``. Its transfer matrix
    ``exp(K s s' + h (s + s') / 2)`` has the eigenvalues ``e^K cosh h +- R``, with
    ``R = sqrt(e^{2K} sinh^2 h + e^{-2K})``; let r be their ratio, smaller to larger. The mean spin is
    ``m = e^K sinh h / R`` and the covariance of two spins ``(1 - m^2) r^lag``; without a field ``r = tanh K``.
    In the lag the chain is a Markov chain that leaves -1 with probability ``(1 + m)(1 - r) / 2`` and +1 with
    ``(1 - m)(1 - r) / 2``. Mutual information goes as the square of the covariance: ``xi = 1 / (2 ln(1 / |r|))``.

    References
    ----------
    Ising, Z. Phys. 31 (1925) 253; Baxter, Exactly Solved Models in Statistical Mechanics (1982), chapter 2.
    """

    alphabet_size = 2
    values = (-1.0, 1.0)

    def __init__(self, coupling: float, field: float = 0.0) -> None:
        coupling, field = real_number(coupling, "coupling"), real_number(field, "field")
        for name, value in (("coupling", coupling), ("field", field)):
            if abs(value) > _MOST:
                raise InputError(f"{name} must lie between -{_MOST:g} and {_MOST:g} (in units of kT), not {value:g}")
        self.parameters = {"coupling": coupling, "field": field}
        like = np.exp(coupling) * np.cosh(field)
        root = np.hypot(np.exp(coupling) * np.sinh(field), np.exp(-coupling))
        # The eigenvalues are like + root and like - root, their product is 2 sinh 2K: nothing is subtracted here that
        # may be nearly equal, so that weak couplings as well as rare flips keep their relative precision.
        self._ratio = float(2 * np.sinh(2 * coupling) / (like + root) ** 2)
        self._rate = _rate(abs(self._ratio), float(2 * min(like, root) / (like + root)))
        rarer = np.exp(-2 * coupling) / (2 * root * (root + np.exp(coupling) * np.sinh(abs(field))))
        law = np.array([rarer, 1 - rarer])
        self._law = law if field >= 0 else law[::-1]
        # Probability to be +1 next, after -1 and after +1.
        leave = self._law[::-1] * float(2 * root / (like + root))
        self._leave = leave

    @property
    def law(self) -> AsymptoticLaw:
        """Exponential; without a coupling there is no dependence at all."""
        if self._ratio == 0.0:
            return AsymptoticLaw("finite")
        return AsymptoticLaw("exponential", correlation_length=0.5 / self._rate)

    @property
    def entropy_rate(self) -> float:
        """Entropy in nats a spin, given all before it."""
        flips = special.entr(self._leave) - special.xlog1py(1 - self._leave, -self._leave)
        return float(self._law @ flips)

    def _joints(self, lags: npt.NDArray[np.int64]) -> Iterator[Joint]:
        shape = self._law[0] * self._law[1] * np.array([[1.0, -1.0], [-1.0, 1.0]])
        for lag in lags.tolist():
            sign = -1.0 if self._ratio < 0 and lag % 2 else 1.0
            yield Joint(self._law, self._law, sign * np.exp(-lag * self._rate) * shape)

    def _fill(self, generator: np.random.Generator, codes: npt.NDArray[Any]) -> None:
        _walk(generator, codes, self._law[1], self._leave[0], self._leave[1])


def _rate(ratio: float, gap: float) -> float:
    """``-ln ratio``, from whichever of the ratio and ``1 - ratio`` has the precision."""
    if ratio == 0.0:
        return np.inf
    return float(-np.log(ratio) if ratio < 0.5 else -np.log1p(-gap))


@njit(nogil=True, cache=True)
def _walk(generator, codes, up, rise, fall):  # type: ignore[no-untyped-def]
    # One number a spin, compared with the probability of the flip: so that even the rarest flips are possible.
    for document in range(codes.shape[0]):
        spin = generator.random() < up
        codes[document, 0] = spin
        for t in range(1, codes.shape[1]):
            spin ^= generator.random() < (fall if spin else rise)
            codes[document, t] = spin
