"""Other measures of dependence at a lag, beside mutual information: rational MI and correlation."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import linalg as sparse_linalg

from miscope.counting.tally import Cells

__all__ = ["correlation", "rational_information"]

_DENSE = 256  # symbols up to which the full singular value decomposition is quicker than an iteration


def rational_information(cells: Cells, alphabet_size: int, n_blocks: int) -> np.ndarray:
    """Rational mutual information of a table of counts, whole and with each block left out.

    ``I_R = sum P(a,b)^2 / (P(a.) P(.b)) - 1``, at least the (plug-in) mutual information in nats, and equal to it to
    first order for weak dependence, times two.

    Parameters
    ----------
    cells
        Counts of one lag.
    alphabet_size
        Number of symbols.
    n_blocks
        Number of blocks, 0 for none.

    Returns
    -------
    numpy.ndarray
        Shape (n_blocks + 1,), no unit; nan where a block held all pairs.

    References
    ----------
    Lin and Tegmark, Entropy 19 (2017) 299.
    """
    table = _Table(cells, alphabet_size)
    return np.array([_rational(*table.without(j)) for j in range(-1, n_blocks)])


def correlation(cells: Cells, alphabet_size: int, n_blocks: int, values: np.ndarray | None = None) -> np.ndarray:
    """Correlation of the two symbols of a pair, whole and with each block left out.

    With a number for each symbol the covariance ``<x y> - <x><y>``; for plain symbols the operator norm (largest
    singular value) of ``P(a,b) - P(a.) P(.b)``.

    Parameters
    ----------
    cells, alphabet_size, n_blocks
        As for `rational_information`.
    values
        Numbers for the symbols, shape (alphabet_size,), or None.

    Returns
    -------
    numpy.ndarray
        Shape (n_blocks + 1,).

    References
    ----------
    Li, J. Stat. Phys. 60 (1990) 823.
    """
    table = _Table(cells, alphabet_size)
    if values is None:
        return np.array([_operator_norm(*table.without(j)) for j in range(-1, n_blocks)])
    x, y = values[table.symbols[table.left]], values[table.symbols[table.right]]
    result = np.empty(n_blocks + 1)
    for j in range(-1, n_blocks):
        counts = table.without(j)[2]
        if not counts.any():
            result[j + 1] = np.nan
            continue
        weight = counts / counts.sum()
        result[j + 1] = weight @ (x * y) - (weight @ x) * (weight @ y)
    return result


class _Table:
    """Counts of one lag over the symbols that occur, from which blocks can be taken away."""

    def __init__(self, cells: Cells, alphabet_size: int) -> None:
        keys, cell = np.unique(cells.keys, return_inverse=True)
        both = np.concatenate([keys // alphabet_size, keys % alphabet_size])
        self.symbols, codes = np.unique(both, return_inverse=True)
        self.left, self.right = codes[: len(keys)], codes[len(keys) :]
        self.total = np.bincount(cell, cells.counts, len(keys))
        self._cell, self._cells = cell, cells

    def without(self, block: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Left codes, right codes, counts less those of a block (-1: all counts), and the number of symbols."""
        counts = self.total
        if block >= 0:
            mine = slice(self._cells.offsets[block], self._cells.offsets[block + 1])
            counts = counts - np.bincount(self._cell[mine], self._cells.counts[mine], len(counts))
        return self.left, self.right, counts, len(self.symbols)


def _rational(left: np.ndarray, right: np.ndarray, counts: np.ndarray, size: int) -> float:
    n_left, n_right = np.bincount(left, counts, size), np.bincount(right, counts, size)
    seen = counts > 0
    if not seen.any():
        return np.nan
    return float(np.sum(counts[seen] ** 2 / (n_left[left[seen]] * n_right[right[seen]]))) - 1.0


def _operator_norm(left: np.ndarray, right: np.ndarray, counts: np.ndarray, size: int) -> float:
    if not counts.any():
        return np.nan
    joint = sparse.coo_array((counts / counts.sum(), (left, right)), shape=(size, size)).tocsr()
    p_left, p_right = joint.sum(axis=1), joint.sum(axis=0)
    if size <= _DENSE:
        return float(np.linalg.norm(joint.toarray() - np.outer(p_left, p_right), 2))
    connected = sparse_linalg.LinearOperator(
        joint.shape,
        matvec=lambda v: joint @ v.ravel() - p_left * (p_right @ v.ravel()),
        rmatvec=lambda v: joint.T @ v.ravel() - p_right * (p_left @ v.ravel()),
        dtype=np.float64,
    )
    start = np.full(size, size**-0.5)
    return float(sparse_linalg.svds(connected, k=1, v0=start, return_singular_vectors=False)[0])
