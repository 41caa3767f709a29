"""From tables of counts to fingerprints, whole and with each block left out: what every kernel ends with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numba import njit

from miscope.counting.fingerprint import FingerprintArray

__all__ = ["SMALL", "BatchKernel", "Cells", "Kernel", "LagFingerprints", "PairData", "PartsKernel", "compact", "tally"]

SMALL = 4096
"""Counts below this are tallied in an array; cells above it are few, since counts add up to the number of pairs."""


class PairData(NamedTuple):
    """What a kernel counts: pairs ``(left[t], right[t + lag])`` inside documents, grouped into blocks.

    ``right`` is ``left`` itself except for surrogates; if it is ``aligned``, the partner of ``left[t]`` is
    ``right[t]``, for the same ``t`` as before. ``offsets`` are document borders, ``bounds`` block borders (see
    `Blocks`), both in positions of the left symbol; ``n_blocks`` is 0 if no block is to be left out.
    """

    left: np.ndarray
    right: np.ndarray
    offsets: np.ndarray
    bounds: np.ndarray
    n_blocks: int
    alphabet_size: int
    aligned: bool = False

    def shift(self, lag: int) -> int:
        """How far the partner of ``left[t]`` stands from ``t`` in ``right``."""
        return 0 if self.aligned else lag

    def part(self, start: int, stop: int, longest: int) -> tuple[PairData, int]:
        """The pairs with their left symbol in ``start <= t < stop``, for lags up to `longest`.

        Returns
        -------
        data, first
            Its arrays are views, those of the right side longer than those of the left by the tail that the largest lag
            takes; its blocks are those that the part touches, the first of them block `first` of the whole. Counts of
            parts that cover the corpus add up to those of the corpus.
        """
        end = min(stop if self.aligned else stop + longest, len(self.right))
        first = int(np.searchsorted(self.offsets, start, side="right")) - 1
        last = int(np.searchsorted(self.offsets, stop, side="left"))
        offsets = np.clip(self.offsets[first : last + 1], start, stop + longest) - start
        block = int(np.searchsorted(self.bounds, start, side="right")) - 1
        beyond = int(np.searchsorted(self.bounds, stop, side="left"))
        bounds = np.clip(self.bounds[block : beyond + 1], start, stop) - start
        data = self._replace(left=self.left[start:stop], right=self.right[start:end], offsets=offsets, bounds=bounds)
        return data._replace(n_blocks=len(bounds) - 1 if self.n_blocks else 0), block


class LagFingerprints(NamedTuple):
    """Fingerprints at one lag: index 0 is the whole, index 1 + j has block j left out."""

    joint: FingerprintArray
    left: FingerprintArray
    right: FingerprintArray
    block_pairs: np.ndarray


class Cells(NamedTuple):
    """The counts themselves at one lag: per block, ascending keys ``left * alphabet_size + right`` and counts.

    Block ``j`` is ``keys[offsets[j]:offsets[j + 1]]``.
    """

    offsets: np.ndarray
    keys: np.ndarray
    counts: np.ndarray


class Kernel(Protocol):
    """One algorithm, prepared for one corpus; safe to call from several threads at once."""

    def fingerprints(self, lag: int) -> LagFingerprints:
        """Count one lag and return only its fingerprints."""
        ...

    def cells(self, lag: int) -> Cells:
        """Count one lag and return the counts."""
        ...


@runtime_checkable
class PartsKernel(Kernel, Protocol):
    """A kernel that gives the counts at a lag in parts, for corpora with more different pairs than memory holds."""

    def cell_parts(self, lag: int, most: int) -> Iterator[Cells]:
        """The counts at one lag in ranges of left symbols, ascending, of so many positions (or one symbol) each."""
        ...


@runtime_checkable
class BatchKernel(Kernel, Protocol):
    """A kernel that counts many lags in one go, and then answers for each of them."""

    def batches(self) -> list[np.ndarray]:
        """The lags that it was made for, cut into batches that fit into memory."""
        ...

    def count(self, lags: np.ndarray, pool: Executor, done: Callable[[int], object]) -> None:
        """Count one batch, forgetting the one before; `done` is called with the number of pairs just counted."""
        ...


def tally(tables: np.ndarray, n_blocks: int) -> FingerprintArray:
    """Fingerprints of ``tables.sum(0)`` and of ``tables.sum(0) - tables[j]`` for each block.

    Parameters
    ----------
    tables
        Counts, shape (max(n_blocks, 1), n_cells), any unsigned or signed integer type.
    """
    small, large = _tally(tables, n_blocks + 1 if n_blocks else 1)
    return compact(small, large)


def compact(small: np.ndarray, large: np.ndarray) -> FingerprintArray:
    """Join tallies of small counts with the few large counts into fingerprints.

    Parameters
    ----------
    small
        Shape (n_histograms, SMALL): how many cells have each small count; column 0 is ignored.
    large
        Shape (n_histograms, n_large): counts of single cells; those below SMALL must be in `small` already, and are 0.
    """
    return FingerprintArray(*_compact(small, np.sort(large, axis=1)))


@njit(nogil=True, cache=True)
def _tally(tables, n_histograms):  # type: ignore[no-untyped-def]
    n_tables, n_cells = tables.shape
    total = np.zeros(n_cells, np.int64)
    for j in range(n_tables):
        for cell in range(n_cells):
            total[cell] += np.int64(tables[j, cell])
    seen = np.empty(n_cells, np.int64)
    n_seen = 0
    n_large = 0
    for cell in range(n_cells):
        if total[cell] > 0:
            seen[n_seen] = cell
            n_seen += 1
            n_large += total[cell] >= SMALL
    small = np.zeros((n_histograms, SMALL), np.int64)
    large = np.zeros((n_histograms, n_large), np.int64)
    for h in range(n_histograms):
        row = 0
        for k in range(n_seen):
            count = total[seen[k]]
            is_large = count >= SMALL
            if h > 0:
                count -= np.int64(tables[h - 1, seen[k]])
            if count < SMALL:
                small[h, count] += 1
            else:
                large[h, row] = count
            row += is_large
    return small, large


@njit(nogil=True, cache=True)
def _compact(small, large):  # type: ignore[no-untyped-def]
    n_histograms, n_large = large.shape
    size = n_histograms * n_large
    for h in range(n_histograms):
        for count in range(1, small.shape[1]):
            size += small[h, count] > 0
    counts = np.empty(size, np.int64)
    multiplicities = np.empty(size, np.int64)
    offsets = np.zeros(n_histograms + 1, np.int64)
    end = 0
    for h in range(n_histograms):
        for count in range(1, small.shape[1]):
            if small[h, count] > 0:
                counts[end] = count
                multiplicities[end] = small[h, count]
                end += 1
        previous = 0
        for k in range(n_large):
            count = large[h, k]
            if count > 0 and count == previous:
                multiplicities[end - 1] += 1
            elif count > 0:
                counts[end] = count
                multiplicities[end] = 1
                end += 1
            previous = count
        offsets[h + 1] = end
    return counts[:end].copy(), multiplicities[:end].copy(), offsets
