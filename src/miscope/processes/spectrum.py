"""Eigenvalues of matrices some of whose eigenvalues are exactly 0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["largest_modulus", "without_nilpotent"]

Floats = npt.NDArray[np.float64]

_NEGLIGIBLE = 1e-12


def largest_modulus(matrix: Floats) -> float:
    """Spectral radius; exactly 0 for a nilpotent matrix, whose eigenvalues rounding errors would move far from 0."""
    core, _ = without_nilpotent(matrix, _NEGLIGIBLE * float(np.abs(matrix).max(initial=0.0)))
    return float(np.abs(np.linalg.eigvals(core)).max(initial=0.0))


def without_nilpotent(matrix: Floats, negligible: float = _NEGLIGIBLE) -> tuple[Floats, int]:
    """Restrict a matrix to its range, which holds all eigenvalues but zeros, until it is invertible there.

    Parameters
    ----------
    matrix
        Shape (n, n).
    negligible
        Singular values up to this one count as 0.

    Returns
    -------
    tuple
        What is left, and how often it was restricted.
    """
    steps = 0
    while len(matrix):
        directions, sizes, _ = np.linalg.svd(matrix)
        if sizes[-1] > negligible:
            break
        kept = directions[:, sizes > negligible]
        matrix, steps = kept.T @ matrix @ kept, steps + 1
    return matrix, steps
