"""Mutual information of Gaussian numbers from their covariance at a lag."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy import special

__all__ = ["Moments", "gaussian_information", "lagged_moments"]

_ROUNDING = 1e-12  # of the mean square: a variance up to here is none


class Moments(NamedTuple):
    """Sums over pairs ``(x[t], y[t + lag])`` of d numbers each: index 0 is the whole, 1 + j has block j left out."""

    n: np.ndarray  # int64, shape (n_blocks + 1,)
    sums: np.ndarray  # of x and of y: shape (n_blocks + 1, 2 d)
    products: np.ndarray  # of (x, y) with itself: shape (n_blocks + 1, 2 d, 2 d)

    def covariance(self) -> np.ndarray:
        """Covariance of (x, y), shape (n_blocks + 1, 2 d, 2 d)."""
        n = np.maximum(self.n, 1)[:, None, None]
        means = self.sums / n[:, 0]
        return np.asarray(self.products / n - means[:, :, None] * means[:, None, :])

    def information(self) -> np.ndarray:
        """Plug-in mutual information in nats, shape (n_blocks + 1,); nan with too few pairs, or a constant channel."""
        d = self.sums.shape[1] // 2
        found = np.full(len(self.n), np.nan)
        joint = self.covariance()
        variances = np.diagonal(joint, axis1=1, axis2=2)
        squares = np.diagonal(self.products, axis1=1, axis2=2) / np.maximum(self.n, 1)[:, None]
        varies = (variances > _ROUNDING * squares).all(axis=1)
        for k in np.flatnonzero(
            (self.n > 2 * d + 1) & varies
        ):  # one by one: a single channel that never varies spoils a batch
            with suppress(np.linalg.LinAlgError):
                found[k] = gaussian_information(joint[k, :d, :d], joint[k, d:, d:], joint[k, :d, d:])
        return found

    def chance(self) -> np.ndarray:
        """Mean of the plug-in estimate for independent Gaussian pairs, shape (n_blocks + 1,), in nats.

        ``1/2 sum_i [psi((n - i) / 2) - psi((n - d - i) / 2)]``, i = 1 to d: minus half the mean logarithm of Wilks'
        lambda.
        """
        d = self.sums.shape[1] // 2
        i = np.arange(1, d + 1)
        n = np.where(self.n > 2 * d + 1, self.n, np.nan)[:, None]
        terms = special.digamma((n - i) / 2) - special.digamma((n - d - i) / 2)
        return np.asarray(0.5 * terms.sum(axis=1))


def gaussian_information(left: np.ndarray, right: np.ndarray, cross: np.ndarray) -> np.ndarray:
    """Mutual information in nats of two Gaussian vectors: ``-1/2 sum ln(1 - s^2)`` over canonical correlations s.

    Parameters
    ----------
    left, right
        Covariances, shape (…, d, d) and (…, e, e), of full rank.
    cross
        Covariance of left with right, shape (…, d, e).

    Returns
    -------
    numpy.ndarray
        Shape (…).
    """
    half = np.linalg.solve(np.linalg.cholesky(left), cross)
    both = np.linalg.solve(np.linalg.cholesky(right), np.swapaxes(half, -1, -2))
    s = np.minimum(np.linalg.svd(both, compute_uv=False), 1.0)
    with np.errstate(divide="ignore"):
        return np.asarray(0.0 - 0.5 * np.sum(np.log1p(-(s**2)), axis=-1))


def lagged_moments(
    left: np.ndarray, right: np.ndarray, offsets: np.ndarray, bounds: np.ndarray, n_blocks: int, lag: int, shift: int
) -> Moments:
    """Sums over the pairs of a lag inside documents, whole and with each block left out.

    Parameters
    ----------
    left, right
        Values, float64 of shape (n_values, d), of mean about 0; the same array unless a surrogate is paired.
    offsets, bounds
        Borders of documents and of blocks; a pair belongs to the block of its left value.
    n_blocks
        0 for none.
    lag
        Of the pairs.
    shift
        How far the partner of ``left[t]`` stands from t in `right`: the lag, or 0 for surrogates that are aligned.
    """
    n, sums, products = _moments(left, right, offsets, bounds, lag, shift)
    whole = Moments(n.sum(keepdims=True), sums.sum(axis=0, keepdims=True), products.sum(axis=0, keepdims=True))
    if not n_blocks:
        return whole
    parts = zip(whole, (n, sums, products), strict=True)
    return Moments(*(np.concatenate([total, total - part]) for total, part in parts))


@njit(nogil=True, cache=True)
def _moments(left, right, offsets, bounds, lag, shift):  # type: ignore[no-untyped-def]
    n_blocks = len(bounds) - 1
    d = left.shape[1]
    n = np.zeros(n_blocks, np.int64)
    sums = np.zeros((n_blocks, 2 * d))
    products = np.zeros((n_blocks, 2 * d, 2 * d))
    document = 0
    for block in range(n_blocks):
        while document + 1 < len(offsets) - 1 and offsets[document + 1] <= bounds[block]:
            document += 1
        k = document
        while k < len(offsets) - 1 and offsets[k] < bounds[block + 1]:
            start = max(offsets[k], bounds[block])
            stop = min(offsets[k + 1] - lag, bounds[block + 1])
            if stop > start:
                n[block] += stop - start
                if d == 1:
                    _add_scalar(left[:, 0], right[:, 0], start, stop, shift, sums[block], products[block])
                else:
                    _add_vectors(left, right, start, stop, shift, sums[block], products[block])
            k += 1
    return n, sums, products


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _add_scalar(left, right, start, stop, shift, sums, products):  # type: ignore[no-untyped-def]
    x = y = xx = xy = yy = 0.0
    for t in range(start, stop):
        a, b = left[t], right[t + shift]
        x += a
        y += b
        xx += a * a
        xy += a * b
        yy += b * b
    sums[0] += x
    sums[1] += y
    products[0, 0] += xx
    products[0, 1] += xy
    products[1, 0] += xy
    products[1, 1] += yy


@njit(nogil=True, cache=True)
def _add_vectors(left, right, start, stop, shift, sums, products):  # type: ignore[no-untyped-def]
    d = left.shape[1]
    both = np.empty(2 * d)
    for t in range(start, stop):
        for i in range(d):
            both[i], both[d + i] = left[t, i], right[t + shift, i]
        for i in range(2 * d):
            sums[i] += both[i]
            for j in range(2 * d):
                products[i, j] += both[i] * both[j]
