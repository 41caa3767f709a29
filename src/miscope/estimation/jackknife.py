"""Error bars: what changes when a block of the data is left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

__all__ = ["Jackknife", "false_discovery", "jackknife"]


@dataclass(frozen=True, eq=False)
class Jackknife:
    """The delete-block jackknife of a whole curve.

    Attributes
    ----------
    stderr
        Standard errors, shape (n_lags,); nan where fewer than two blocks hold pairs.
    corrected
        The estimate less its bias of order 1/N, shape (n_lags,); nan where `stderr` is.
    degrees
        Effective degrees of freedom for Student's t, shape (n_lags,): blocks - 1 for equal blocks, less for unequal.
    deviations
        Shape (n_blocks, n_lags), or one row more for an error that all lags share: ``deviations.T @ deviations`` is the
        covariance between lags.
    """

    stderr: np.ndarray
    corrected: np.ndarray
    degrees: np.ndarray
    deviations: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """Covariance between lags, shape (n_lags, n_lags)."""
        return np.asarray(np.matmul(self.deviations.T, self.deviations))

    def widened(self, error: np.ndarray) -> Jackknife:
        """With an independent error added that is the same at all lags up to the factors `error`, shape (n_lags,)."""
        deviations = np.vstack([self.deviations, error])
        return Jackknife(np.hypot(self.stderr, error), self.corrected, self.degrees, deviations)


def jackknife(whole: np.ndarray, left_out: np.ndarray, block_pairs: np.ndarray) -> Jackknife:
    r"""Delete-block jackknife, for blocks of any sizes.

    With B blocks of equal size this is ``corrected = B I - (B-1) mean(I_j)`` and
    ``variance = (B-1)/B sum (I_j - mean)^2``. Blocks of ``m_j`` of the ``n`` pairs, ``h_j = n / m_j``, have
    pseudo-values ``h_j I - (h_j - 1) I_j``, whose mean of squared deviations is weighted by ``1 / (h_j - 1)``.

    Parameters
    ----------
    whole
        The estimate from all data, shape (n_lags,).
    left_out
        The estimate with each block left out, shape (n_blocks, n_lags).
    block_pairs
        Pairs in each block, shape (n_blocks, n_lags); blocks with none at a lag do not count there.

    Examples
    --------
    >>> data = np.array([1.0, 2.0, 4.0, 9.0])
    >>> left_out = (data.sum() - data[:, None]) / 3
    >>> result = jackknife(np.array([data.mean()]), left_out, np.ones((4, 1), int))
    >>> float(result.stderr[0].round(6)), float((data.std(ddof=1) / 2).round(6))
    (1.779513, 1.779513)

    References
    ----------
    Künsch, Ann. Statist. 17 (1989) 1217; Busing, Meijer, van der Leeden, Stat. Comput. 9 (1999) 3 (unequal blocks).
    """
    pairs = np.asarray(block_pairs, dtype=np.float64)
    total = pairs.sum(axis=0)
    held = pairs > 0
    n_blocks = held.sum(axis=0)
    usable = n_blocks >= 2
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(held, pairs / total, 0.0)
        ratio = np.where(held & usable, 1 / share, 2.0)  # h_j; its value where nothing is held does not matter
        left_out = np.where(held, left_out, whole)
        corrected = n_blocks * whole - np.sum(np.where(held, (1 - share) * left_out, 0.0), axis=0)
        pseudo = ratio * whole - (ratio - 1) * left_out
        scale = np.sqrt(n_blocks * (ratio - 1))
        deviations = np.where(held & usable, (pseudo - corrected) / scale, 0.0)
        degrees = np.maximum(total**2 / np.sum(pairs**2, axis=0) - 1, 0.0)
    stderr = np.where(usable, np.sqrt(np.sum(deviations**2, axis=0)), np.nan)
    return Jackknife(stderr, np.where(usable, corrected, np.nan), np.where(usable, degrees, np.nan), deviations)


def one_sided_p(excess: np.ndarray, stderr: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Probability of an excess at least this large by chance, from Student's t; nan without a bar."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(stderr > 0, excess / stderr, np.where(excess > 0, np.inf, -np.inf))
        p = special.stdtr(np.maximum(degrees, 1.0), -t)
    return np.where(np.isnan(stderr) | np.isnan(excess), np.nan, p)


def false_discovery(p_values: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's adjusted p-values: reject those <= q and the false discovery rate is at most q.

    Parameters
    ----------
    p_values
        Shape (n,); nan entries are left out of the family and stay nan.

    Examples
    --------
    >>> false_discovery(np.array([0.01, 0.04, 0.03, 0.5]))
    array([0.04      , 0.05333333, 0.05333333, 0.5       ])

    References
    ----------
    Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995) 289.
    """
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known])[::-1]]  # from the largest
    rank = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(p_values[order] * len(order) / rank))
    return adjusted
