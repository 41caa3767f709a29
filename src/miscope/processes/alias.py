"""Alias tables: a draw from any law on a finite set by one look-up, however large the set."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["alias_tables", "drawn"]


def alias_tables(laws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Prepare draws from each row of `laws`.

    With u uniform on [0, 1) and K the length of a row: let ``k = int(K u)``; the draw is k if ``K u - k < keep[k]`` and
    ``alias[k]`` if not. What has no probability is never drawn.

    >>> keep, alias = alias_tables(np.array([[0.25, 0.75]]))
    >>> keep, alias
    (array([[0.5, 1. ]]), array([[1, 1]]))

    Parameters
    ----------
    laws
        Shape (n_laws, K), each row sums to 1.

    Returns
    -------
    tuple
        ``keep`` (float64) and ``alias`` (int64), both of shape (n_laws, K).

    References
    ----------
    Walker 1977, ACM Trans. Math. Softw. 3:253; Vose 1991, IEEE Trans. Softw. Eng. 17:972 (how the tables are made).
    """
    laws = np.ascontiguousarray(laws, np.float64)
    keep = laws * laws.shape[1]
    alias = np.empty(laws.shape, np.int64)
    alias[:] = laws.argmax(axis=1)[:, None]
    for row in range(len(laws)):
        _fill(keep[row], alias[row], np.empty(laws.shape[1], np.int64))
    return keep, alias


@njit(nogil=True, cache=True)
def drawn(generator, keep, alias):  # type: ignore[no-untyped-def]
    """Draw from the law that a row of alias tables stands for."""
    x = generator.random() * len(keep)
    k = int(x)
    return k if x - k < keep[k] else alias[k]


@njit(nogil=True, cache=True)
def _fill(keep, alias, stack):  # type: ignore[no-untyped-def]
    # Cells short of 1 stand at the front of the stack, cells with something to give at its back.
    size = len(keep)
    small, large = 0, size
    for k in range(size):
        if keep[k] < 1.0:
            stack[small] = k
            small += 1
        else:
            large -= 1
            stack[large] = k
    while small > 0 and large < size:
        small -= 1
        needs, gives = stack[small], stack[large]
        alias[needs] = gives
        keep[gives] = (keep[gives] + keep[needs]) - 1.0
        if keep[gives] < 1.0:
            large += 1
            stack[small] = gives
            small += 1
    # What is left over is 1 but for rounding. A cell that rounding left short, but that has no probability, keeps its
    # alias: the likeliest symbol.
    for k in range(small):
        if keep[stack[k]] > 0.5:
            keep[stack[k]] = 1.0
    for k in range(large, size):
        keep[stack[k]] = 1.0
