"""The dense kernel: one table of alphabet x alphabet counts a block. Best for a few dozen to a few hundred symbols."""

from __future__ import annotations

import numpy as np
from numba import njit

from miscope.counting.tally import Cells, LagFingerprints, PairData, tally

__all__ = ["DenseKernel", "TableKernel", "empty_tables"]

_SPLIT_TABLES = 1 << 16  # cells up to which alternating between two tables is cheaper than waiting for one


class TableKernel:
    """What the kernels that keep whole tables share: from the tables of one lag to fingerprints or cells."""

    def __init__(self, data: PairData) -> None:
        self.data = data

    def add(self, lag: int, tables: np.ndarray) -> None:
        """Add the counts at one lag to tables of shape (max(n_blocks, 1), alphabet_size, alphabet_size)."""
        raise AssertionError("each kernel fills its own tables")

    def tables(self, lag: int) -> np.ndarray:
        """Counts at one lag, shape (max(n_blocks, 1), alphabet_size, alphabet_size)."""
        tables = empty_tables(self.data)
        self.add(lag, tables)
        return tables

    def fingerprints(self, lag: int) -> LagFingerprints:
        """Count one lag and return only its fingerprints."""
        tables = self.tables(lag)
        left, right = _margins(tables)
        n_blocks = self.data.n_blocks
        joint = tally(tables.reshape(len(tables), -1), n_blocks)
        return LagFingerprints(joint, tally(left, n_blocks), tally(right, n_blocks), left.sum(axis=1))

    def cells(self, lag: int) -> Cells:
        """Count one lag and return the counts."""
        tables = self.tables(lag)
        flat = tables.reshape(len(tables), -1)
        block, keys = np.nonzero(flat)
        offsets = np.searchsorted(block, np.arange(len(tables) + 1)).astype(np.int64)
        return Cells(offsets, keys.astype(np.int64), flat[block, keys].astype(np.int64))


class DenseKernel(TableKernel):
    """Counts straight into tables: one load, one add, one store a pair."""

    def add(self, lag: int, tables: np.ndarray) -> None:
        """Add the counts at one lag to tables of shape (max(n_blocks, 1), alphabet_size, alphabet_size)."""
        data = self.data
        n_cells = data.alphabet_size**2
        spare = np.zeros(n_cells if n_cells <= _SPLIT_TABLES else 0, tables.dtype)
        flat = tables.reshape(len(tables), -1)
        _count(data.left, data.right, data.offsets, data.bounds, lag, data.shift(lag), data.alphabet_size, flat, spare)


def empty_tables(data: PairData) -> np.ndarray:
    """Tables of zeros, shape (max(n_blocks, 1), alphabet_size, alphabet_size), of a type that holds any count."""
    dtype = np.uint32 if len(data.left) < 2**32 else np.uint64
    return np.zeros((len(data.bounds) - 1, data.alphabet_size, data.alphabet_size), dtype)


@njit(nogil=True, cache=True)
def _count(left, right, offsets, bounds, lag, shift, alphabet_size, tables, spare):  # type: ignore[no-untyped-def]
    for j in range(len(bounds) - 1):
        table = tables[j]
        other = spare if len(spare) > 0 else table
        document = np.searchsorted(offsets, bounds[j], side="right") - 1
        while document < len(offsets) - 1 and offsets[document] < bounds[j + 1]:
            start = max(offsets[document], bounds[j])
            stop = min(offsets[document + 1] - lag, bounds[j + 1])
            if stop > start:
                _count_run(left[start:stop], right[start + shift : stop + shift], np.uintp(alphabet_size), table, other)
            document += 1
        if len(spare) > 0:
            for cell in range(len(spare)):
                table[cell] += spare[cell]
                spare[cell] = 0


@njit(nogil=True, cache=True)
def _count_run(left, right, width, table, other):  # type: ignore[no-untyped-def]
    # Plainly: for a, b in zip(left, right): table[a * width + b] += 1
    # Neighbouring pairs often fall into the same cell, and a cell just stored to is slow to load again, so every
    # second pair goes to another table (which may be the same one, where tables are large and this is rare).
    n = len(left)
    whole = n // 4 * 4
    for t in range(0, whole, 4):
        table[np.uintp(left[t]) * width + np.uintp(right[t])] += np.uint32(1)
        other[np.uintp(left[t + 1]) * width + np.uintp(right[t + 1])] += np.uint32(1)
        table[np.uintp(left[t + 2]) * width + np.uintp(right[t + 2])] += np.uint32(1)
        other[np.uintp(left[t + 3]) * width + np.uintp(right[t + 3])] += np.uint32(1)
    for t in range(whole, n):
        table[np.uintp(left[t]) * width + np.uintp(right[t])] += np.uint32(1)


@njit(nogil=True, cache=True)
def _margins(tables):  # type: ignore[no-untyped-def]
    n_blocks, width, _ = tables.shape
    left = np.zeros((n_blocks, width), np.int64)
    right = np.zeros((n_blocks, width), np.int64)
    for j in range(n_blocks):
        for a in range(width):
            row = np.int64(0)
            for b in range(width):
                count = np.int64(tables[j, a, b])
                row += count
                right[j, b] += count
            left[j, a] = row
    return left, right
