"""Work on documents in pieces, each with random numbers of its own: here, or on workers of a cluster, alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

__all__ = ["Draw", "Progress", "batch_on", "over_pieces", "pieces"]

Progress = Callable[[int, int], object]

_T = TypeVar("_T")
Draw = Callable[[Any, int, int, np.random.Generator, Callable[[int], None]], _T]
"""What is done with a piece: ``draw(model, first, n, generator, report)``; `report` is called with each step t."""

_EVERY = 0.1  # seconds between two reports
_PIECES_ON_CLUSTER = 64


def pieces(
    n_documents: int, length: int, batch: int, seed: int, progress: Progress | None = None
) -> Iterator[tuple[int, int, np.random.Generator, Callable[[int], None]]]:
    """Documents in batches: the first of each, how many, their random numbers, and where to report each step."""
    total, told = n_documents * length, time.monotonic()
    for piece, first in enumerate(range(0, n_documents, batch)):
        n = min(batch, n_documents - first)

        def report(t: int, first: int = first, n: int = n) -> None:
            nonlocal told
            if progress is None or (t < length - 1 and time.monotonic() - told < _EVERY):
                return
            told = time.monotonic()
            progress(first * length + n * (t + 1), total)

        yield first, n, _numbers(piece, seed), report


def _numbers(piece: int, seed: int) -> np.random.Generator:
    # The piece first: numpy fills up with zeros at the end, so that a seed of more than 32 bits stays itself.
    return np.random.default_rng([piece, seed])


def over_pieces(
    draw: Draw[_T],
    model: Any,
    n_documents: int,
    length: int,
    batch: int,
    seed: int,
    progress: Progress | None = None,
    cluster: Any = None,
) -> Iterator[tuple[int, int, _T]]:
    """Do something with every piece of `batch` documents; yields first document, number of them and result, in order.

    On a cluster (a client of ``dask.distributed``), `draw` and the model travel to the workers, each of which keeps one
    copy of the model. What is drawn depends on the seed and on `batch`, and neither on the number of workers nor on
    which of them does what.

    Raises
    ------
    ClusterError
        If workers were lost more often than a piece is tried again, or do not answer.
    """
    if cluster is None:
        for first, n, generator, report in pieces(n_documents, length, batch, seed, progress):
            yield first, n, draw(model, first, n, generator, report)
        return
    starts = range(0, n_documents, batch)
    work = [(piece, first, min(batch, n_documents - first)) for piece, first in enumerate(starts)]
    drawn = _Drawn(draw, model, work, seed, cluster)
    try:
        for piece, first, n in work:
            yield first, n, drawn.result(piece)
            if progress is not None:
                progress((first + n) * length, n_documents * length)
    finally:
        drawn.cancel()


class _Drawn:
    """Pieces that workers draw; those that are lost with a worker are drawn again."""

    def __init__(self, draw: Draw[_T], model: Any, work: list[tuple[int, int, int]], seed: int, client: Any) -> None:
        from miscope.counting.cluster_client import WorkerPool

        self._workers = WorkerPool(client, less="give a smaller batch")
        self._draw, self._model, self._work, self._seed = draw, model, work, seed
        self._futures: list[Any] = []
        self._first = 0  # the piece of the first future

    def result(self, piece: int) -> Any:
        """What was drawn; waits for it. Earlier pieces are forgotten."""
        return self._workers.insist(lambda: self._collected(piece))

    def cancel(self) -> None:
        """Have nothing more drawn."""
        self._workers.cancel(self._futures)
        self._workers.close()

    def _collected(self, piece: int) -> Any:
        if not self._futures:
            held = self._workers.spread(self._model)
            left = self._work[piece:]
            self._futures = self._workers.map(_on_worker, left, model=held, draw=self._draw, seed=self._seed)
            self._first = piece
        del self._futures[: piece - self._first]
        self._first = piece
        try:
            return self._workers.gather(self._futures[:1])[0]
        except Exception:
            self._workers.cancel(self._futures)
            self._futures = []
            raise


def _on_worker(item: tuple[int, int, int], model: Any, draw: Draw[_T], seed: int) -> _T:
    piece, first, n = item
    return draw(model, first, n, _numbers(piece, seed), _unheard)


def _unheard(t: int) -> None:
    """Steps on workers are not reported, only whole pieces."""


def batch_on(cluster: Any, n_documents: int, batch: int | None, usual: int) -> int:
    """Documents side by side: as asked for, or as usual; on a cluster at least so many pieces that all can help."""
    if batch is not None:
        return batch
    return usual if cluster is None else max(1, min(usual, -(-n_documents // _PIECES_ON_CLUSTER)))
