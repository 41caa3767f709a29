"""Rings of spins with couplings that fall as a power of the distance, drawn by cluster moves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import special

from miscope.counting.doors import thread_count
from miscope.errors import InputError
from miscope.processes.alias import alias_tables
from miscope.processes.checking import real_number, whole_number

__all__ = ["CHAINS", "SpinRing", "checked_sigma", "mean_field_coupling"]

Floats = npt.NDArray[np.float64]

CHAINS = 16  # over which the jackknife of what is recorded goes
_MOST_SPINS = 1 << 30
_MOST_BONDS = 100.0  # a spin: far inside the ordered phase, all spins are equal


class SpinRing:
    """Spins with couplings at all distances: their exact law if they are few, and a Markov chain of their states.

    Attributes
    ----------
    couplings
        J(r) for the distances 1 to n_spins // 2.
    """

    def __init__(self, coupling: float, sigma: float, n_spins: int) -> None:
        self.coupling, self.sigma = real_number(coupling, "coupling", 0.0), checked_sigma(sigma)
        self.n_spins = n = whole_number(n_spins, "n_spins", 2)
        if n > _MOST_SPINS:
            raise InputError(f"n_spins is {n}; at most {_MOST_SPINS} can be drawn")
        r, s = np.arange(1, n // 2 + 1), 1 + self.sigma
        # The first image apart, as it may be far larger than the others together.
        images = float(n) ** -s * (special.zeta(s, 1 + r / n) + special.zeta(s, 1 - r / n))
        shape = r**-s + images
        forward = 2 * shape
        if n % 2 == 0:
            forward[-1] /= 2  # the spin across the ring is met from both sides
        each = float(forward.sum())
        self.couplings, self._rate = self.coupling * shape, self.coupling * each
        if self._rate > _MOST_BONDS:
            raise InputError(
                f"a coupling of {self.coupling:g} binds each spin {self._rate:.3g} times over, so that all are equal: "
                f"choose one below {_MOST_BONDS / each:.3g}"
            )
        keep, alias = alias_tables(forward[None] / each)
        self._keep, self._alias = keep[0], alias[0]

    def correlations(self) -> Floats:
        """Exact covariance of spins at the distances 0 to n_spins - 1, from all states."""
        n = self.n_spins
        # The first spin is +1: the states with -1 are their mirror images.
        spins = 1.0 - 2.0 * (np.arange(1 << (n - 1))[None, :] << 1 >> np.arange(n)[:, None] & 1)
        exponents = np.zeros(spins.shape[1])
        for r, coupling in enumerate(self.couplings, 1):
            bonds = n // 2 if 2 * r == n else n
            exponents += coupling * (spins[:bonds] * np.roll(spins, -r, axis=0)[:bonds]).sum(axis=0)
        exponents -= exponents.max()
        # Spins sum to 0 over all states: weights less 1 give the same sums, but keep the precision of weak couplings.
        correlations = spins @ np.expm1(exponents) / np.exp(exponents).sum()
        correlations[0] = 1.0
        return np.asarray(correlations)

    def draw(self, generator: np.random.Generator, codes: npt.NDArray[np.uint8], thermalise: int, spacing: int) -> None:
        """Fill `codes`, shape (n_documents, n_spins), with states of one chain."""
        _draw(generator, codes, self._rate, self._keep, self._alias, thermalise, spacing)

    def record(self, n_samples: int, thermalise: int, key: list[int]) -> Floats:
        """What is seen after each sweep of `CHAINS` independent chains; shape (CHAINS, samples of each, 3).

        It is the number of events that met equal spins, and m^2 and m^4 averaged over the turns of clusters. The
        generators are seeded with `key`.
        """
        records = np.empty((CHAINS, -(-n_samples // CHAINS), 3))

        def run(chain: int) -> None:
            generator = np.random.default_rng([*key, chain])
            _record(generator, self.n_spins, self._rate, self._keep, self._alias, thermalise, records[chain])

        with ThreadPoolExecutor(thread_count()) as pool:
            list(pool.map(run, range(CHAINS)))
        return records


def mean_field_coupling(sigma: float) -> float:
    """Coupling of neighbours at which all couplings of a spin add up to 1: below it, no order."""
    return float(0.5 / special.zeta(1 + sigma))


def checked_sigma(sigma: float) -> float:
    """A number above 0 that is not absurd, or an error."""
    sigma = real_number(sigma, "sigma", 0.0)
    if sigma > 100:
        raise InputError(f"sigma is {sigma:g}; at most 100: only neighbours are coupled then, as in IsingChain")
    return sigma


@njit(nogil=True, cache=True)
def _sweep(generator, spins, parent, turn, rate, keep, alias):  # type: ignore[no-untyped-def]
    # Returns how many events met equal spins. Parents stand before their children, roots are their own.
    for i in range(len(spins)):
        parent[i] = i
    events = 0
    at = generator.standard_exponential() / rate
    while at < len(spins):
        i = int(at)
        u = generator.random() * len(keep)
        cell = int(u)
        j = i + 1 + (cell if u - cell < keep[cell] else alias[cell])
        if j >= len(spins):
            j -= len(spins)
        if spins[i] == spins[j]:
            events += 1
            _join(parent, i, j)
        at += generator.standard_exponential() / rate
    for i in range(len(spins)):
        root = parent[parent[i]]
        parent[i] = root
        if root == i:
            turn[i] = generator.random() < 0.5
        spins[i] ^= turn[root]
    return events


@njit(nogil=True, cache=True)
def _join(parent, i, j):  # type: ignore[no-untyped-def]
    # Rem's union: of two parents the later one is hung below the earlier, climbing until they are the same.
    while parent[i] != parent[j]:
        if parent[i] < parent[j]:
            i, j = j, i
        above = parent[i]
        parent[i] = parent[j]
        if above == i:
            break
        i = above


@njit(nogil=True, cache=True)
def _draw(generator, codes, rate, keep, alias, thermalise, spacing):  # type: ignore[no-untyped-def]
    n = codes.shape[1]
    spins, parent, turn = np.ones(n, np.uint8), np.empty(n, np.int32), np.empty(n, np.uint8)
    for document in range(codes.shape[0]):
        for _ in range(thermalise if document == 0 else spacing):
            _sweep(generator, spins, parent, turn, rate, keep, alias)
        codes[document] = spins


@njit(nogil=True, cache=True)
def _record(generator, n, rate, keep, alias, thermalise, records):  # type: ignore[no-untyped-def]
    spins, parent, turn = np.ones(n, np.uint8), np.empty(n, np.int32), np.empty(n, np.uint8)
    sizes = np.empty(n)
    for t in range(-thermalise, len(records)):
        events = _sweep(generator, spins, parent, turn, rate, keep, alias)
        if t >= 0:
            sizes[:] = 0.0
            for i in range(n):
                sizes[parent[i]] += 1.0 / n
            second = (sizes**2).sum()
            records[t, 0], records[t, 1] = events, second
            records[t, 2] = 3 * second**2 - 2 * (sizes**4).sum()
