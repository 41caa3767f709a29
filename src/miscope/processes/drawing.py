"""Documents drawn piece by piece on all cores: the same bytes from the same seed, however many cores there are."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from miscope.counting.counted import Progress
from miscope.counting.doors import thread_count

__all__ = ["Draw", "draw_documents"]

Draw = Callable[[np.random.Generator, np.ndarray], None]
"""Fills an array of shape (documents, length, …) with documents."""

PIECE = 1 << 19  # symbols a piece, about; part of what a seed means, so not to be changed


def draw_documents(
    draw: Draw,
    n_documents: int,
    length: int,
    seed: int,
    dtype: Any,
    width: tuple[int, ...] = (),
    progress: Progress | None = None,
) -> Any:
    """Fill an array of shape (n_documents, length, *width); each piece has a generator of its own.

    `draw` runs on several threads at once: what takes long in it should not hold Python's lock. `progress` is called
    with symbols drawn and symbols in all.
    """
    documents = np.empty((n_documents, length, *width), dtype)
    step = max(1, PIECE // length)
    starts = range(0, n_documents, step)

    def fill(start: int) -> None:
        # The piece first: numpy fills up with zeros at the end, so that a seed of more than 32 bits stays itself.
        draw(np.random.default_rng([start // step, seed]), documents[start : start + step])

    with ThreadPoolExecutor(min(thread_count(), len(starts))) as pool:
        for start, _ in zip(starts, pool.map(fill, starts), strict=True):
            if progress is not None:
                progress(min(start + step, n_documents) * length, n_documents * length)
    return documents
