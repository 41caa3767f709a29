"""The Ising ring with couplings that fall as a power of the distance: order and power laws in one dimension."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize

from miscope.counting.doors import Progress
from miscope.errors import InputError, choice
from miscope.processes.base import AsymptoticLaw, SymbolProcess
from miscope.processes.checking import whole_number
from miscope.processes.exact import Joint
from miscope.processes.spin_ring import SpinRing, checked_sigma, mean_field_coupling

__all__ = ["BinderCumulant", "LongRangeIsing", "Transition", "binder_cumulant", "transition_coupling"]

Floats = npt.NDArray[np.float64]

_MOST_ENUMERATED = 16
_PHASES = ("disordered", "critical", "ordered")
_THERMALISE = 200  # sweeps
_MOST_SWEEPS = 1 << 40
_STEP, _MOST_STEPS, _MOST_ROUNDS, _LARGEST_STEP = 1.1, 18, 10, 0.05
_NOT_SEEN = "the cumulants of rings of {} and {} spins were not seen to cross: give more n_samples, or other sizes"


class LongRangeIsing(SymbolProcess):
    """A ring of spins with couplings ``J(r) = coupling * r^-(1 + sigma)``, drawn by a cluster algorithm.

    Symbols 0 and 1 are the spins -1 and +1; a document is one state of the whole ring. For ``sigma <= 1`` there is a
    transition to an ordered phase, for larger sigma there is not. Exact mutual information is known for rings of at
    most 16 spins; for larger ones sample documents and `measure` them.

    Parameters
    ----------
    coupling
        Of spins at distance 1, in units of kT; positive.
    sigma
        The coupling falls as ``r^-(1 + sigma)``; above 0.
    n_spins
        Spins on the ring, and symbols in a document.
    phase
        What you know of the phase of long rings: ``"disordered"``, ``"critical"`` or ``"ordered"``; `law` follows from
        it. Not needed where the phase is disordered for certain. See `transition_coupling`.
    thermalise
        Sweeps of the Markov chain of states, from all spins equal, before its first document.
    spacing
        Sweeps from one document to the next.

    Raises
    ------
    InputError
        If a parameter is out of range; from `mutual_information`, `joint` and `correlation` for more than 16 spins.

    Examples
    --------
    >>> ring = LongRangeIsing(coupling=0.15, sigma=0.5, n_spins=12)
    >>> ring.correlation([1, 2, 6]).round(6)
    array([0.242763, 0.174335, 0.129529])
    >>> ring.sample(n_documents=1000, seed=1)
    Sequences(12,000 symbols of 2 kinds in 1,000 documents: LongRangeIsing coupling 0.15, sigma 0.5, n_spins 12, ...)
    >>> print(ring.law)
    power law, exponent 3

    Notes
    -----
    The energy in units of kT is ``-sum_{i<j} J(|i - j|) s_i s_j``, with all periodic images of each spin:
    ``J(r) = coupling * sum_k |r + k n|^-s = coupling * n^-s (zeta(s, r / n) + zeta(s, 1 - r / n))``, where
    ``s = 1 + sigma``, n is `n_spins` and zeta that of Hurwitz. Enumeration and drawing use the same couplings.

    One sweep is that of Swendsen and Wang, with bonds placed as by Fukui and Todo: events come to each pair at the rate
    ``2 J(r)``; those that meet equal spins bind them, and each cluster of bound spins is turned with probability 1/2.
    There are ``n sum_r J(r)`` events on average, each with its distance drawn in one step: a sweep takes a time of
    order n.

    Documents of one chain are *nearly* independent, not exactly. A chain draws about half a million symbols; documents
    of more than a quarter of a million spins have a chain each. The slowest is m^2, the squared mean spin, at the
    transition: ten sweeps apart it was seen to correlate by less than 0.1 for 256 spins and by 0.16 for 16,384. For
    error bars there, choose a `spacing` of 30; where it equals `thermalise`, documents are as independent of each
    other as the first is of the start.

    The law of the decay, for lags far below `n_spins`: disordered, correlations fall as the coupling,
    ``r^-(1 + sigma)``; at the transition as ``r^-(1 - sigma)`` for ``sigma < 1`` (on a ring, for ``sigma < 1/2``, a
    constant of order ``n^(-1/2)`` is added); ordered, they stay. Mutual information goes as their square. With
    ``2 coupling zeta(1 + sigma) < 1`` or ``sigma > 1`` the phase is disordered for certain.

    References
    ----------
    Dyson, Commun. Math. Phys. 12 (1969) 91; Fisher, Ma and Nickel, Phys. Rev. Lett. 29 (1972) 917; Swendsen and Wang,
    Phys. Rev. Lett. 58 (1987) 86; Luijten and Blöte, Int. J. Mod. Phys. C 6 (1995) 359; Fukui and Todo, J. Comput.
    Phys. 228 (2009) 2629.
    """

    alphabet_size = 2
    values = (-1.0, 1.0)

    def __init__(
        self,
        coupling: float,
        sigma: float,
        n_spins: int,
        phase: str | None = None,
        thermalise: int = 100,
        spacing: int = 10,
    ) -> None:
        self._ring = SpinRing(coupling, sigma, n_spins)
        self._thermalise = whole_number(thermalise, "thermalise", 0, _MOST_SWEEPS)
        self._spacing = whole_number(spacing, "spacing", 1, _MOST_SWEEPS)
        ring = self._ring
        self.parameters = {"coupling": ring.coupling, "sigma": ring.sigma, "n_spins": ring.n_spins, "phase": phase}
        self.parameters |= {"thermalise": self._thermalise, "spacing": self._spacing}
        surely = ring.sigma > 1 or ring.coupling < mean_field_coupling(ring.sigma)
        if phase is not None and choice(phase, _PHASES, "phase") != "disordered" and surely:
            raise InputError(
                f"phase cannot be {phase!r}: with sigma above 1, or a coupling below 1 / (2 zeta(1 + sigma)) = "
                f"{mean_field_coupling(ring.sigma):.4g}, it is disordered; leave phase out"
            )
        self._phase = "disordered" if surely else phase

    @property
    def law(self) -> AsymptoticLaw | None:
        """That of long rings; None where the phase is not known, and at the transition for sigma 1."""
        sigma = self._ring.sigma
        if self._phase == "disordered":
            return AsymptoticLaw("power law", exponent=2 * (1 + sigma))
        if self._phase == "ordered":
            return AsymptoticLaw("constant")
        return AsymptoticLaw("power law", exponent=2 * (1 - sigma)) if self._phase and sigma < 1 else None

    @property
    def longest(self) -> int:
        """Number of symbols in every document, `n_spins`."""
        return self._ring.n_spins

    def _checked_length(self, length: int | None) -> int:
        if length is not None and length != self.longest:
            raise InputError(
                f"a document is the whole ring of {self.longest} spins, not {length!r}: leave length out, or choose "
                "another n_spins"
            )
        return self.longest

    def _joints(self, lags: npt.NDArray[np.int64]) -> Iterator[Joint]:
        fair, shape = np.array([0.5, 0.5]), np.array([[0.25, -0.25], [-0.25, 0.25]])
        if self.longest > _MOST_ENUMERATED:
            raise InputError(
                f"what is exact is known for rings of at most {_MOST_ENUMERATED} spins (every state is summed over); "
                f"this one has {self.longest}: measure a sample instead, measure(process.sample(n_documents=1000))"
            )
        correlations = self._ring.correlations()
        return (Joint(fair, fair, correlations[lag] * shape) for lag in lags)

    def _fill(self, generator: np.random.Generator, codes: npt.NDArray[Any]) -> None:
        self._ring.draw(generator, codes, self._thermalise, self._spacing)


@dataclass(frozen=True)
class BinderCumulant:
    """``1 - <m^4> / (3 <m^2>^2)`` of the magnetisation m, with its standard error."""

    value: float
    stderr: float


@dataclass(frozen=True)
class Transition:
    """Where the Binder cumulants of rings of neighbouring sizes cross.

    Attributes
    ----------
    sigma
        Of the coupling ``r^-(1 + sigma)``.
    sizes
        Spins on the rings, ascending; shape (n,).
    couplings, stderrs
        The crossing of each size with the next and its standard error, shape (n - 1,).
    cumulants
        The common value of the cumulants there, shape (n - 1,).
    """

    sigma: float
    sizes: tuple[int, ...]
    couplings: tuple[float, ...]
    stderrs: tuple[float, ...]
    cumulants: tuple[float, ...]

    @property
    def coupling(self) -> float:
        """The crossing of the two largest sizes."""
        return self.couplings[-1]

    @property
    def stderr(self) -> float:
        """Standard error of `coupling`: of the drawing alone, not of the drift of crossings with the size."""
        return self.stderrs[-1]

    def __str__(self) -> str:
        rows = zip(*zip(*pairwise(self.sizes), strict=True), self.couplings, self.stderrs, self.cumulants, strict=True)
        lines = [f"{a} and {b} spins cross at {k:.6g} +- {e:.2g} (cumulant {u:.4f})" for a, b, k, e, u in rows]
        return "\n".join([f"Transition at sigma {self.sigma:g}", *lines])


def binder_cumulant(
    coupling: float, sigma: float, n_spins: int, n_samples: int = 16_000, seed: int = 0, thermalise: int = 200
) -> BinderCumulant:
    """Binder cumulant of the ring of `LongRangeIsing`, by its cluster algorithm.

    It goes to 0 with the size of the ring in the disordered phase and to 2/3 in the ordered one.

    Parameters
    ----------
    coupling, sigma, n_spins
        See `LongRangeIsing`.
    n_samples
        Sweeps in all, over 16 independent chains (between which the standard error is taken); at least 160.
    seed
        The same seed gives the same numbers, on any number of cores.
    thermalise
        Sweeps of each chain before its first sample.

    Examples
    --------
    >>> cumulant = binder_cumulant(coupling=0.2, sigma=0.5, n_spins=64, seed=1)
    >>> 0.2 < cumulant.value < 0.4 and cumulant.stderr < 0.02
    True

    Notes
    -----
    Given the clusters, with sizes n_c, a state has the mean ``m^2 n^2 = sum n_c^2`` and
    ``m^4 n^4 = 3 (sum n_c^2)^2 - 2 sum n_c^4``: these are averaged in place of m^2 and m^4.

    References
    ----------
    Binder, Z. Phys. B 43 (1981) 119; Wolff, Phys. Rev. Lett. 60 (1988) 1461 (improved estimators).
    """
    ring = SpinRing(coupling, sigma, n_spins)
    n_samples = whole_number(n_samples, "n_samples", 160, _MOST_SWEEPS)
    thermalise = whole_number(thermalise, "thermalise", 0, _MOST_SWEEPS)
    cumulants = _cumulants(ring.record(n_samples, thermalise, [whole_number(seed, "seed", 0)]))
    return BinderCumulant(float(cumulants[0]), _jackknife(cumulants))


def transition_coupling(
    sigma: float,
    sizes: Sequence[int] = (256, 512, 1024),
    n_samples: int = 16_000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Transition:
    """Locate the transition where the Binder cumulants of rings of different sizes cross.

    Parameters
    ----------
    sigma
        Of the coupling ``r^-(1 + sigma)``; above 0, at most 1 (beyond there is no transition).
    sizes
        Numbers of spins, at least two, all different.
    n_samples
        Sweeps for each size, over 16 chains; at least 160.
    seed
        The same seed gives the same numbers, on any number of cores.
    progress
        Called with steps done and the most steps there may be.

    Examples
    --------
    >>> found = transition_coupling(sigma=0.25, sizes=(32, 64), seed=1)
    >>> 0.10 < found.coupling < 0.13 and found.stderr < 0.005
    True

    Notes
    -----
    Couplings are scanned upwards until the larger ring has the larger cumulant. Both are then drawn near the crossing,
    which is found by reweighting: with k the number of events that met equal spins, a state counts
    ``(coupling' / coupling)^k``. The crossings move towards the transition of the infinite ring as the sizes grow; that
    drift is not part of the error.
    """
    sigma = checked_sigma(sigma)
    if sigma > 1:
        raise InputError(
            f"sigma is {sigma:g}: there is no transition for sigma above 1, at any coupling; choose a smaller one"
        )
    sizes = sorted(whole_number(size, "each of sizes", 4) for size in sizes)
    if len(sizes) < 2 or len(set(sizes)) < len(sizes):
        raise InputError("sizes must be at least two different numbers of spins, such as (256, 512)")
    n_samples, seed = whole_number(n_samples, "n_samples", 160, _MOST_SWEEPS), whole_number(seed, "seed", 0)
    pairs = list(pairwise(sizes))
    found = []
    for done, pair in enumerate(pairs):
        found.append(_crossing(sigma, pair, n_samples, seed))
        if progress is not None:
            progress(done + 1, len(pairs))
    return Transition(sigma, tuple(sizes), *map(tuple, zip(*found, strict=True)))


def _crossing(sigma: float, pair: tuple[int, int], n_samples: int, seed: int) -> tuple[float, float, float]:
    """Coupling at which the cumulants of two sizes cross, its standard error, and the cumulant there."""
    at = _scan(sigma, pair, max(160, n_samples // 8), seed)
    for step in range(_MOST_ROUNDS):
        small, large = _both(at, sigma, pair, n_samples, [seed, _MOST_STEPS + step])
        reach = 1.0 / float(large[:, :, 0].std())  # further off, few of the samples have all the weight
        low, here, high = (float(_excess(x, small, large)[0]) for x in (-reach, 0.0, reach))
        if low < 0.0 < high:
            root = float(optimize.brentq(lambda x, *both: _excess(x, *both)[0], -reach, reach, args=(small, large)))
            # The slope at the crossing itself: the cumulants bend, more so the larger sigma.
            rise = float(_excess(root + 0.05 * reach, small, large)[0] - _excess(root - 0.05 * reach, small, large)[0])
            error = _jackknife(_excess(root, small, large)) * 0.1 * reach / abs(rise)
            coupling = at * float(np.exp(root))
            return coupling, coupling * error, float(_cumulants(large, root)[0])
        at *= float(np.exp(-here / max((high - low) / (2 * reach), abs(here) / _LARGEST_STEP)))
    raise InputError(_NOT_SEEN.format(*pair))


def _scan(sigma: float, pair: tuple[int, int], n_samples: int, seed: int) -> float:
    """About where the larger ring begins to have the larger cumulant, from weak couplings up."""
    coupling, before = 0.7 * mean_field_coupling(sigma), -np.inf
    for step in range(_MOST_STEPS):
        small, large = _both(coupling, sigma, pair, n_samples, [seed, step])
        here = float(_excess(0.0, small, large)[0])
        if here > 0.0:
            return coupling * float(_STEP ** (-here / (here - before)))
        coupling, before = coupling * _STEP, here
    raise InputError(_NOT_SEEN.format(*pair))


def _both(coupling: float, sigma: float, pair: tuple[int, int], n_samples: int, key: list[int]) -> list[Floats]:
    return [SpinRing(coupling, sigma, size).record(n_samples, _THERMALISE, [*key, size]) for size in pair]


def _cumulants(records: Floats, log_ratio: float = 0.0) -> Floats:
    """Cumulant of all chains, then without each, shape (1 + chains,), at a coupling ``exp(log_ratio)`` times theirs."""
    events, second, fourth = np.moveaxis(records, -1, 0)
    weights = np.exp(log_ratio * (events - events.mean()))
    sums = np.stack([weights.sum(axis=1), (weights * second).sum(axis=1), (weights * fourth).sum(axis=1)])
    total = sums.sum(axis=1, keepdims=True)
    sums = np.hstack([total, total - sums])
    return np.asarray(1 - sums[0] * sums[2] / (3 * sums[1] ** 2))


def _excess(log_ratio: float, small: Floats, large: Floats) -> Floats:
    return _cumulants(large, log_ratio) - _cumulants(small, log_ratio)


def _jackknife(estimates: Floats) -> float:
    left_out = estimates[1:]
    return float(np.sqrt((len(left_out) - 1) * left_out.var()))
