"""Counts at hand, asked like a corpus."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

import numpy as np

from miscope.counting.blocks import Blocks
from miscope.counting.counted import CorpusSummary, Counted, Progress
from miscope.counting.doors import thread_count
from miscope.counting.merging import add_cells, cell_fingerprints
from miscope.counting.pairs import PairCounts
from miscope.counting.tally import Cells, Kernel, LagFingerprints, PairData
from miscope.errors import InputError

__all__ = ["StoredCounts"]

_T = TypeVar("_T")


class StoredCounts(Counted):
    """Pair counts that were kept, at some or all of their lags.

    Parameters
    ----------
    counts
        The counts.
    lags
        Which of their lags are wanted, ascending; None for all.
    blocks
        Whether their blocks are to be left out in turn.
    """

    def __init__(self, counts: PairCounts, lags: np.ndarray | None = None, blocks: bool = True) -> None:
        nothing = np.zeros(0, np.uint8)
        self._counts = counts
        self._index = {int(lag): i for i, lag in enumerate(counts.lags)}
        self.lags = counts.lags if lags is None else lags
        missing = [int(lag) for lag in self.lags if int(lag) not in self._index]
        if missing:
            raise InputError(
                f"lag {missing[0]} was not counted: the counts are at {len(counts.lags)} lags from {counts.lags[0]} to "
                f"{counts.lags[-1]}; leave lags out to take these, or count again"
            )
        self._whole = counts.n_blocks > 0 and not blocks
        n_blocks = 0 if self._whole else counts.n_blocks
        corpus = counts.corpus
        if corpus is None:  # nothing is known of documents: as if all pairs were of one
            length = int(counts.n_pairs.max(initial=0)) + int(counts.lags[0])
            corpus = CorpusSummary(np.array([length]), counts.alphabet_size, counts.alphabet, {"label": "counts"})
        self.sequences = corpus
        self.blocks = Blocks(np.zeros(max(n_blocks, 1) + 1, np.int64), n_blocks, corpus.n_cut if n_blocks else 0)
        self.method = "counted before"
        self.data = PairData(nothing, nothing, corpus.offsets, self.blocks.bounds, n_blocks, counts.alphabet_size)
        self.symbols = counts.symbols

    def pairs_at(self, lag: int) -> int:
        """Number of pairs at one lag."""
        return int(self._counts.cells(self._index[lag]).counts.sum())

    def cells(self, lag: int) -> Cells:
        """The counts at one lag."""
        cells = self._counts.cells(self._index[lag])
        if not self._whole:
            return cells
        blocks = [
            Cells(np.array([0, last - first]), cells.keys[first:last], cells.counts[first:last])
            for first, last in zip(cells.offsets[:-1], cells.offsets[1:], strict=True)
        ]
        return add_cells(blocks)

    def fingerprints(self, lag: int) -> LagFingerprints:
        """Fingerprints of the counts at one lag."""
        return cell_fingerprints(self.cells(lag), self.data.alphabet_size, self.data.n_blocks)

    def map(
        self, task: Callable[[Kernel, int], _T], threads: int | None = None, progress: Progress | None = None
    ) -> list[_T]:
        """Run ``task(kernel, lag)`` for every lag, on a pool of threads; results in the order of the lags."""
        with ThreadPoolExecutor(thread_count(threads)) as pool:
            futures = [pool.submit(task, self, int(lag)) for lag in self.lags]
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                if progress is not None:
                    progress(done, len(futures))
            return [future.result() for future in futures]
