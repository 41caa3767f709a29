r"""Long memory in few documents: by how much a sample's own averages wander, and what that does to a measured curve.

The correlation that a sample shows is measured about the sample's own mean, so it is too low by the variance V of that
mean: ``E[c(lag)] = C(lag) - V`` (to first order in lag / n). With short memory V falls as 1/n and does not matter;
where correlations fall as ``lag^-b``, b < 1, it falls only as ``n^-b``. No piece of the sample can show it, since every
piece has its share; but the spectrum at low frequencies can, because frequencies other than 0 do not see the mean.

Model of the low frequencies: ``f(w) = G (w^2 + k^2)^-d``. With k = 0, d < 1/2 this is long memory (b = 1 - 2d); with
d = 1 it is an exponential of correlation length 1/k; between, a power law with a cut-off. Whittle's likelihood on a
grid of (d, k), with G profiled out, gives weights; V and its standard error are their mean and spread. A cut-off has to
be earned: it costs a factor e^3 in likelihood.

References: Whittle, Ark. Mat. 2 (1953) 423; Robinson, Ann. Statist. 23 (1995) 1630 (low frequencies only); Hosking,
J. Econometrics 73 (1996) 261 (the loss V); Bartlett, J. R. Stat. Soc. Suppl. 8 (1946) 27 (variance of correlations).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import fft

__all__ = ["LongMemory", "Periodogram", "low_frequencies", "periodogram"]

LEAST = 64  # values in a document from which it has low frequencies to speak of
_MOST_FREQUENCIES = 1024
_OVERSAMPLED = 64  # averaged points a period of the highest frequency used
_D = np.arange(0.0, 1.21, 0.02)
_MOST_D = 0.465  # without a cut-off: nearer to 1/2 the variance of the mean has no bound
_TOO_LONG = (0.445, 0.605)
_CUT_OFFS = 17
_COST = 3.0  # of a cut-off, in units of log-likelihood


class Periodogram(NamedTuple):
    """Power of a document at its lowest frequencies."""

    frequencies: np.ndarray  # radians a symbol
    power: np.ndarray  # |sum x exp(i w t)|^2 / n


@dataclass(frozen=True, eq=False)
class LongMemory:
    """What the low frequencies say about a standardised sequence, in `n_documents` like documents of `length`.

    Attributes
    ----------
    variance, stderr
        V of the mean of one document, and its standard error; the sequence's own variance is 1.
    parameter
        Posterior mean of d; 0 for short memory.
    too_long
        Whether d is more likely than not at least 0.45, about 1/2, with no cut-off above the lowest frequency: then
        nothing bounds V.
    """

    length: float
    n_documents: float
    variance: float
    stderr: float
    parameter: float
    too_long: bool
    _squares: Callable[[np.ndarray], np.ndarray]

    @property
    def loss(self) -> float:
        """By how much correlations measured about the common mean of all documents are too low."""
        return self.variance / self.n_documents

    @property
    def loss_stderr(self) -> float:
        """Standard error of `loss`."""
        return self.stderr / self.n_documents

    def wander(self, lags: np.ndarray, correlation: np.ndarray, n_blocks: int) -> np.ndarray:
        """Standard error of measured correlations from what is slower than a block, shape (n_lags,).

        Bartlett's ``(4 / n^2) sum_j f(w_j)^2 (cos(w_j lag) - c(lag))^2`` over the frequencies below one period a block;
        what is faster, the blocks themselves show. Of several documents, also from the wander of each document's mean.
        """
        n_low = max(1, round(n_blocks / self.n_documents))
        w = 2 * np.pi * np.arange(1, n_low + 1) / self.length
        waves = (np.cos(w[:, None] * lags) - correlation) ** 2
        inside = 4 / self.length**2 * (self._squares(w) @ waves)
        between = 2 * self.variance**2 * (1 - 1 / self.n_documents) * (1 - correlation) ** 2
        return np.asarray(np.sqrt((inside + between) / self.n_documents))


def periodogram(read: Callable[[slice], np.ndarray], length: int) -> Periodogram:
    """Power of one document at its lowest frequencies, about the square root of its length of them.

    Parameters
    ----------
    read
        Returns the values at a slice of the document as float64.
    length
        Values in the document, `LEAST` or more.
    """
    n_frequencies = min(int(length**0.5), _MOST_FREQUENCIES)
    step = max(1, length // (_OVERSAMPLED * n_frequencies))
    n_points = length // step
    per_read = max(1, (1 << 18) // step)
    means = np.concatenate(
        [
            read(slice(start * step, min(start + per_read, n_points) * step)).reshape(-1, step).mean(axis=1)
            for start in range(0, n_points, per_read)
        ]
    )
    transformed = fft.rfft(means - means.mean())[1 : n_frequencies + 1]
    frequencies = 2 * np.pi * np.arange(1, n_frequencies + 1) / (n_points * step)
    return Periodogram(frequencies, np.abs(transformed) ** 2 * step / n_points)


def low_frequencies(periodograms: Iterable[Periodogram], length: float, n_documents: float) -> LongMemory:
    """Fit the low frequencies of several documents together.

    Parameters
    ----------
    periodograms
        Of standardised sequences (mean about 0, variance 1).
    length, n_documents
        Of the equal documents that are as good as those at hand.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal(4096)
    >>> found = low_frequencies([periodogram(noise.__getitem__, 4096)], 4096, 1)
    >>> found.variance < 2 / 4096, found.too_long  # independent values: 1 / n
    (True, False)
    """
    parts = list(periodograms)
    w = np.concatenate([part.frequencies for part in parts])
    power = np.maximum(np.concatenate([part.power for part in parts]), 1e-300)
    d, cut_off = _candidates(length)
    shapes = d[:, None] * np.log(w**2 + cut_off[:, None] ** 2)  # minus the logarithm of f / G
    gains = np.mean(power * np.exp(shapes), axis=1)
    fitness = shapes.sum(axis=1) - len(w) * np.log(gains) - _COST * (cut_off > 0)
    weights = np.exp(fitness - fitness.max())
    weights /= weights.sum()
    variances = np.minimum(gains * _mean_variances(length), 1.0)
    mean = float(weights @ variances)
    kept = np.flatnonzero(weights > 1e-4 * weights.max())
    # A cut-off below the lowest frequency is none: it only lets d exceed _MOST_D. With d far above 1/2 it is one that
    # the shape of the spectrum tells of, and its V is known.
    unbounded = (cut_off < 2 * np.pi / length) & (d >= _TOO_LONG[0]) & (d <= _TOO_LONG[1])

    def squares(at: np.ndarray) -> np.ndarray:
        spectra = (at**2 + cut_off[kept, None] ** 2) ** (-2 * d[kept, None])
        return np.asarray((weights[kept] * gains[kept] ** 2) @ spectra / weights[kept].sum())

    return LongMemory(
        length=float(length),
        n_documents=float(n_documents),
        variance=mean,
        stderr=float(np.sqrt(weights @ (variances - mean) ** 2)),
        parameter=float(weights @ np.where(cut_off > 0, 0.0, d)),
        too_long=bool(weights[unbounded].sum() > 0.5),
        _squares=squares,
    )


@lru_cache(maxsize=8)
def _candidates(length: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of d and cut-off to be weighed."""
    cut_offs = np.concatenate([[0.0], np.geomspace(np.pi / length, 1.0, _CUT_OFFS)])
    d, cut_off = (grid.ravel() for grid in np.meshgrid(_D, cut_offs, indexing="ij"))
    possible = (cut_off > 0) | (d <= _MOST_D)
    return d[possible], cut_off[possible]


@lru_cache(maxsize=8)
def _mean_variances(length: float) -> np.ndarray:
    """Variance of the mean of `length` values for each candidate with G = 1.

    ``(1 / pi) int_0^pi f(w) sin^2(n w / 2) / (n sin(w / 2))^2 dw``; beyond ten periods the oscillation is replaced by
    its mean.
    """
    d, cut_off = _candidates(length)
    turn = np.geomspace(1e-4, 20 * np.pi, 1000) / length
    beyond = np.geomspace(20 * np.pi / length, np.pi, 200) if length > 20 else turn[-1:]
    total = np.zeros(len(d))
    for w, top in ((turn, np.sin(length * turn / 2) ** 2), (beyond, np.full(len(beyond), 0.5))):
        window = top / (length * np.sin(w / 2)) ** 2
        total += np.trapezoid((w**2 + cut_off[:, None] ** 2) ** -d[:, None] * window, w, axis=1)
    first = turn[0]
    with np.errstate(divide="ignore"):
        head = np.where(cut_off > 0, first * cut_off ** (-2 * d), first ** (1 - 2 * d) / np.maximum(1 - 2 * d, 1e-3))
    return np.asarray((total + head) / np.pi)
