"""Counts at hand, asked like a corpus."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

import numpy as np

from miscope.counting.blocks import Blocks
from miscope.counting.counted import CorpusSummary, Counted, Progress
from miscope.counting.doors import thread_count
from miscope.counting.memory import CELL_BYTES, Memory, memory_budget, threads_within
from miscope.counting.merging import add_cells, cell_fingerprints
from miscope.counting.pairs import PairCounts
from miscope.counting.tally import Cells, Kernel, LagFingerprints, PairData
from miscope.errors import InputError

__all__ = ["StoredCounts"]

_T = TypeVar("_T")
_LEAST_CELLS = 2**16  # that are read at a time


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
    max_memory
        As for `count_pairs`. Cells that lie in a file are read a part at a time.
    """

    def __init__(
        self,
        counts: PairCounts,
        lags: np.ndarray | None = None,
        blocks: bool = True,
        max_memory: Memory = None,
    ) -> None:
        nothing = np.zeros(0, np.uint8)
        self._counts, self.memory = counts, memory_budget(max_memory)
        self._at_once = 1  # lags
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
        most = max(_LEAST_CELLS, self.memory // self._at_once // CELL_BYTES - self.data.alphabet_size)
        cells = self._counts.cells(self._index[lag])
        return cell_fingerprints(cells, self.data.alphabet_size, self.data.n_blocks, most)

    def threads(self, threads: int | None = None, more: int = 0) -> int:
        """How many threads memory allows, each of which takes so many bytes more.

        Raises
        ------
        InputError
            If there is not memory enough for one.
        """
        if more > self.memory:
            raise InputError(
                f"to look at the counts of one lag takes about {more / 1e6:,.0f} MB, and {self.memory / 1e6:,.0f} MB "
                "may be used: allow more (max_memory), or count fewer kinds of symbols (classes, such as top:1000)"
            )
        return threads_within(thread_count(threads), self.memory, max(more, 48 * self.data.alphabet_size))

    def cells_at_most(self) -> int:
        """Different pairs at a lag, block by block, at most."""
        counts, width = self._counts, max(self._counts.n_blocks, 1)
        return int(np.diff(counts.offsets[::width]).max(initial=0))

    def map(
        self, task: Callable[[Kernel, int], _T], threads: int | None = None, progress: Progress | None = None
    ) -> list[_T]:
        """Run ``task(kernel, lag)`` for every lag, on a pool of threads; results in the order of the lags."""
        self._at_once = self.threads(threads)
        with ThreadPoolExecutor(self._at_once) as pool:
            futures = [pool.submit(task, self, int(lag)) for lag in self.lags]
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                if progress is not None:
                    progress(done, len(futures))
            return [future.result() for future in futures]
