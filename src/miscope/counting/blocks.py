"""Which pairs are left out together: contiguous blocks of a corpus, at document borders where possible."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miscope.errors import InputError
from miscope.sequences import Sequences, Series

__all__ = ["Blocks", "cut_blocks"]


@dataclass(frozen=True, eq=False)
class Blocks:
    """Borders of the blocks of a delete-block jackknife.

    A pair belongs to the block that holds its left symbol, so the counts of the blocks add up to the whole,
    also for pairs that straddle a border inside a document.

    Attributes
    ----------
    bounds
        int64, shape (n + 1,): block ``j`` is the positions ``bounds[j] <= t < bounds[j + 1]``; with no blocks
        ``[0, n_symbols]``.
    count
        Number of blocks, 0 for none.
    n_cut
        How many of the inner borders cut a document in two.
    """

    bounds: np.ndarray
    count: int
    n_cut: int


def cut_blocks(sequences: Sequences | Series, blocks: int) -> Blocks:
    """Cut a corpus into `blocks` contiguous blocks of near equal size, of whole documents where that can be.

    The ideal borders are at ``j n / blocks``; each moves to the nearest document border if that is less than
    half a block away, and cuts the document otherwise.

    Parameters
    ----------
    sequences
        The corpus.
    blocks
        0 for no blocks, otherwise at least 2 and at most the number of symbols.

    Raises
    ------
    InputError
        If `blocks` is not a whole number, is 1 or negative, or exceeds the number of symbols.

    References
    ----------
    Künsch, Ann. Statist. 17 (1989) 1217.
    """
    n = int(sequences.offsets[-1])
    if isinstance(blocks, bool) or not isinstance(blocks, int | np.integer):
        raise InputError(f"blocks must be a whole number, not {blocks!r}")
    blocks = int(blocks)
    if blocks == 0:
        return Blocks(np.array([0, n], dtype=np.int64), 0, 0)
    if blocks < 2:
        raise InputError(f"blocks must be at least 2, or 0 for no error bars; got {blocks}")
    if blocks > n:
        raise InputError(
            f"{blocks} blocks, but only {n} symbols to put into them: ask for fewer blocks, or blocks=0 for no bars"
        )
    ideal = np.arange(blocks + 1, dtype=np.int64) * n // blocks
    inner = ideal[1:-1]
    offsets = sequences.offsets
    above = np.searchsorted(offsets, inner)
    below = np.maximum(above - 1, 0)
    nearest = np.where(inner - offsets[below] <= offsets[above] - inner, offsets[below], offsets[above])
    moved = np.abs(nearest - inner) * 2 < n // blocks
    bounds = ideal.copy()
    bounds[1:-1] = np.where(moved, nearest, inner)
    at_border = offsets[np.searchsorted(offsets, bounds[1:-1])] == bounds[1:-1]
    return Blocks(bounds, blocks, int(np.count_nonzero(~at_border)))
