"""Conditional counts: tables of a drawn symbol against the law of a later one, for each block of documents."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit

from miscope.counting.doors import thread_count
from miscope.estimation.covariance import gaussian_information

__all__ = ["ConditionalTables", "CovarianceSums", "table_information"]


_FLUSHED = 32  # steps whose laws are added in single precision


def _nobody(k: int) -> None:
    """What is done where nobody wants to know how far adding is."""


class ConditionalTables:
    """Sums of ``1[x[t] = a] q[t + lag](b)`` over pairs inside documents, at each lag and for each block of documents.

    q is the law that the later symbol was drawn from, so that a sum has the same mean as the count of pairs (a, b),
    with less variance (Rao and Blackwell).

    Attributes
    ----------
    tables
        float64, shape (n_blocks, n_lags, n_symbols, n_symbols).
    """

    def __init__(self, lags: np.ndarray, n_blocks: int, n_symbols: int) -> None:
        self.lags = lags
        self.tables = np.zeros((n_blocks, len(lags), n_symbols, n_symbols))

    def add(
        self, symbols: np.ndarray, laws: np.ndarray, bounds: np.ndarray, report: Callable[[int], object] = _nobody
    ) -> None:
        """Add documents that lie side by side.

        Parameters
        ----------
        symbols
            uint8, shape (length, n): a document a column.
        laws
            float32, shape (length, n, n_symbols - 1): probabilities of all symbols but the first.
        bounds
            Shape (n_blocks + 1,): block j is the documents ``bounds[j]`` to ``bounds[j + 1] - 1``.
        report
            Called with the number of each lag that is done, from 0.
        """
        kernel = _count_binary if laws.shape[2] == 1 else _count

        def count(k: int) -> None:
            for block in np.flatnonzero(np.diff(bounds)):
                columns = bounds[block], bounds[block + 1]
                kernel(symbols, laws, int(self.lags[k]), *columns, self.tables[block, k])

        with ThreadPoolExecutor(thread_count()) as pool:
            for k, _ in enumerate(pool.map(count, range(len(self.lags)))):
                report(k)


class CovarianceSums:
    """The same for real numbers: products of a value with the *mean* of a later one, which has its noise still to come.

    Parameters
    ----------
    lags
        Shape (n_lags,).
    n_blocks
        Groups of documents.
    n_channels
        Numbers d at each moment.
    noise
        Covariance of a value about its mean, shape (d, d).
    """

    def __init__(self, lags: np.ndarray, n_blocks: int, n_channels: int, noise: np.ndarray) -> None:
        self.lags, self.noise = lags, noise
        # For each block and lag: number of pairs, sums of both sides, of their products with themselves, of both.
        self._counts = np.zeros((n_blocks, len(lags)))
        self._sums = np.zeros((n_blocks, len(lags), 2, n_channels))
        self._products = np.zeros((n_blocks, len(lags), 3, n_channels, n_channels))

    def add(
        self, values: np.ndarray, means: np.ndarray, bounds: np.ndarray, report: Callable[[int], object] = _nobody
    ) -> None:
        """Add documents that lie side by side: values and their means, float64 of shape (length, n, d)."""
        for k, lag in enumerate(self.lags):
            for block in np.flatnonzero(np.diff(bounds)):
                columns = slice(bounds[block], bounds[block + 1])
                left, right = (
                    each.reshape(-1, each.shape[2]) for each in (values[:-lag, columns], means[lag:, columns])
                )
                self._counts[block, k] += len(left)
                self._sums[block, k] += left.sum(axis=0), right.sum(axis=0)
                self._products[block, k] += left.T @ left, right.T @ right, left.T @ right
            report(k)

    def __iadd__(self, other: CovarianceSums) -> CovarianceSums:
        """The sums of both, block by block."""
        self._counts += other._counts
        self._sums += other._sums
        self._products += other._products
        return self

    def information(self) -> np.ndarray:
        """Mutual information in nats, shape (n_blocks + 1, n_lags): whole, and with each block left out."""
        parts = (self._counts, self._sums, self._products)
        wholes = [np.concatenate([each.sum(axis=0)[None], each.sum(axis=0) - each]) for each in parts]
        counts, sums, products = wholes
        means = sums / counts[..., None, None]
        left, right = means[:, :, 0, :, None], means[:, :, 1, :, None]
        outer = np.stack([left * left.mT, right * right.mT, left * right.mT], axis=2)
        covariance = products / counts[..., None, None, None] - outer
        return np.array([gaussian_information(row[:, 0], row[:, 1] + self.noise, row[:, 2]) for row in covariance])


def table_information(tables: np.ndarray) -> np.ndarray:
    """Mutual information in nats of joint tables of any scale, shape (..., K, K) to (...)."""
    total = tables.sum(axis=(-2, -1))
    return np.asarray(
        (_entropy_sum(tables.sum(-1)) + _entropy_sum(tables.sum(-2)) - _entropy_sum(tables, 2)) / total + np.log(total)
    )


def _entropy_sum(weights: np.ndarray, axes: int = 1) -> Any:
    """``-sum w ln w`` over the last axes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(weights > 0, weights * np.log(weights), 0.0)
    return -terms.sum(axis=tuple(range(-axes, 0)))


@njit(nogil=True, cache=True, fastmath=True)
def _count_binary(symbols, laws, lag, first, last, table):  # type: ignore[no-untyped-def]
    n = last - first
    for t in range(len(symbols) - lag):
        left, law = symbols[t, first:last], laws[t + lag, first:last, 0]
        ones, all_law, one_law = 0, np.float32(0), np.float32(0)
        for d in range(n):
            ones += left[d]
            all_law += law[d]
            one_law += law[d] * np.float32(left[d])
        table[0, 1] += all_law - one_law
        table[0, 0] += n - ones - (all_law - one_law)
        table[1, 1] += one_law
        table[1, 0] += ones - one_law


@njit(nogil=True, cache=True, fastmath=True)
def _count(symbols, laws, lag, first, last, table):  # type: ignore[no-untyped-def]
    others = laws.shape[2]
    part = np.zeros((others + 1, others), np.float32)
    for t in range(len(symbols) - lag):
        for d in range(first, last):
            a = symbols[t, d]
            table[a, 0] += 1  # less what the other symbols have of it, below
            for b in range(others):
                part[a, b] += laws[t + lag, d, b]
        if t % _FLUSHED == _FLUSHED - 1 or t == len(symbols) - lag - 1:
            for a in range(others + 1):
                for b in range(others):
                    table[a, b + 1] += part[a, b]
                    table[a, 0] -= part[a, b]
                    part[a, b] = 0
