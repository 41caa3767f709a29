"""Fingerprints: how many cells of a histogram were seen once, twice, …; all that an entropy estimator needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["FingerprintArray"]


@dataclass(frozen=True, eq=False)
class FingerprintArray:
    """A ragged batch of fingerprints, one per histogram, laid end to end.

    Entry `e` says: `multiplicities[e]` cells of this histogram were seen exactly `counts[e]` times. Histogram `h` owns
    the entries `offsets[h]` to `offsets[h + 1]`, and may own none.

    Parameters
    ----------
    counts : ndarray of int64, shape (n_entries,)
        Distinct cell counts, at least 1, ascending inside each histogram.
    multiplicities : ndarray of int64 or float64, shape (n_entries,)
        How many cells have that count. Fractions are *expected* numbers of cells, as under a null.
    offsets : ndarray of int64, shape (n_histograms + 1,)
        Where each histogram's entries begin; from 0 to `n_entries`.

    Examples
    --------
    >>> batch = FingerprintArray.from_counts([[1, 2, 3, 2, 1], [0, 0, 7]])
    >>> batch.counts, batch.multiplicities, batch.offsets
    (array([1, 2, 3, 7]), array([2, 2, 1, 1]), array([0, 3, 4]))
    >>> batch.n_samples, batch.n_seen, batch.of(1)
    (array([9, 7]), array([5, 1]), array([2, 0]))
    """

    counts: NDArray[np.int64]
    multiplicities: NDArray[np.int64] | NDArray[np.float64]
    offsets: NDArray[np.int64]

    @classmethod
    def from_counts(cls, histograms: Iterable[ArrayLike]) -> FingerprintArray:
        """Make the fingerprints of histograms, given as arrays of cell counts or as the rows of one 2-D array.

        Cells with count 0 say nothing and are left out.

        Examples
        --------
        >>> FingerprintArray.from_counts(np.array([[0, 4, 4], [0, 0, 0]])).multiplicities
        array([2])
        """
        return cls.concatenate([cls._one(np.asarray(histogram).ravel()) for histogram in histograms])

    @classmethod
    def _one(cls, cells: NDArray[np.int64]) -> FingerprintArray:
        counts, multiplicities = np.unique(cells[cells > 0], return_counts=True)
        return cls(counts.astype(np.int64), multiplicities.astype(np.int64), np.array([0, counts.size]))

    @classmethod
    def concatenate(cls, batches: Sequence[FingerprintArray]) -> FingerprintArray:
        """Join batches into one, in their order.

        Examples
        --------
        >>> one = FingerprintArray.from_counts([[1, 2]])
        >>> FingerprintArray.concatenate([one, one]).offsets
        array([0, 2, 4])
        """
        empty = np.zeros(0, dtype=np.int64)
        lengths = np.concatenate([empty, *(np.diff(batch.offsets) for batch in batches)])
        return cls(
            np.concatenate([empty, *(batch.counts for batch in batches)]),
            np.concatenate([empty, *(batch.multiplicities for batch in batches)]),
            np.concatenate([[0], np.cumsum(lengths)]),
        )

    def __len__(self) -> int:
        return self.offsets.size - 1

    def __getitem__(self, histograms: slice) -> FingerprintArray:
        """Return neighbouring histograms as a batch of their own, without copying their entries."""
        start, stop, step = histograms.indices(len(self))
        if step != 1:
            raise ValueError(f"a slice of fingerprints must have step 1, not {step}")
        offsets = self.offsets[start : max(start, stop) + 1]
        entries = slice(offsets[0], offsets[-1])
        return FingerprintArray(self.counts[entries], self.multiplicities[entries], offsets - offsets[0])

    @property
    def n_samples(self) -> NDArray[Any]:
        """Number of samples N of each histogram, shape (n_histograms,)."""
        return self.sum(self.counts)

    @property
    def n_seen(self) -> NDArray[Any]:
        """Number of cells seen at least once, K⁺, of each histogram, shape (n_histograms,)."""
        return self.sum(np.ones_like(self.counts))

    def of(self, frequency: int) -> NDArray[Any]:
        """Return the number of cells seen exactly `frequency` times (f₁, f₂, …), shape (n_histograms,)."""
        return self.sum(self.counts == frequency)

    def sum(self, terms: NDArray[Any]) -> NDArray[Any]:
        """Sum a quantity of a cell over all cells of each histogram.

        Parameters
        ----------
        terms : ndarray, shape (n_entries,)
            The quantity for one cell of each entry.

        Returns
        -------
        ndarray, shape (n_histograms,)
            `Σ multiplicities · terms` per histogram; 0 where it has no entry.
        """
        values = self.multiplicities * terms
        totals = np.zeros(len(self), dtype=values.dtype)
        filled = np.diff(self.offsets) > 0  # reduceat alone would give an empty histogram its neighbour's first value
        if values.size:
            totals[filled] = np.add.reduceat(values, self.offsets[:-1][filled])
        return totals

    def per_entry(self, values: NDArray[Any]) -> NDArray[Any]:
        """Repeat one value per histogram, shape (n_histograms,), for each of its entries, shape (n_entries,)."""
        return np.repeat(values, np.diff(self.offsets))
