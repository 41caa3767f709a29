"""The two public doors of counting, and what stands behind both: choosing a kernel, and threads over lags."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from miscope.counting.blocks import Blocks, cut_blocks
from miscope.counting.costs import cheapest, table_bytes
from miscope.counting.counted import CorpusSummary, Counted, Progress
from miscope.counting.lags import Lags, parse_lags
from miscope.counting.memory import (
    CELL_BYTES,
    Memory,
    held_bytes,
    kept_tables,
    lag_bytes,
    memory_budget,
    threads_within,
)
from miscope.counting.pairs import Fingerprints, PairCounts
from miscope.counting.tally import BatchKernel, Kernel, PairData, PartsKernel
from miscope.errors import InputError, choice
from miscope.sequences import Sequences
from miscope.sequences.codes import read_only
from miscope.sequences.in_memory import as_sequences
from miscope.sequences.stores import is_mapped

if TYPE_CHECKING:
    from miscope.counting.dense import TableKernel
    from miscope.counting.fourier import FourierKernel

__all__ = [
    "METHODS",
    "Counter",
    "Progress",
    "check_fits",
    "check_pair_numbers",
    "count_fingerprints",
    "count_pairs",
    "thread_count",
]

METHODS = ("auto", "dense", "bits", "sparse", "fourier")
_LEAST_LEFT = 2**22  # bytes beside a kernel that takes the corpus whole, for cells

_T = TypeVar("_T")
_FEW_LAGS = 100
_MOST_BITS_SYMBOLS = 64
_MOST_TABLE_BYTES = 2**31


def count_fingerprints(
    sequences: Any,
    lags: Lags = None,
    blocks: int = 32,
    method: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    max_memory: Memory = None,
) -> Fingerprints:
    """Count pairs lag by lag and keep only fingerprints, whole and with each block left out.

    Parameters
    ----------
    sequences
        The corpus, `Sequences` or what else `measure` takes as data; pairs never cross a document's end.
    lags
        See `parse_lags`.
    blocks
        Blocks to leave out in turn; 0 for none.
    method
        ``"auto"`` (by measured cost), ``"dense"``, ``"bits"``, ``"sparse"`` or ``"fourier"`` (all lags at once): the
        result is the same.
    threads
        Default: all cores that this process may use.
    progress
        Called with pairs done and pairs in all.
    max_memory
        How much counting may use, besides the corpus: bytes, or such as ``"2GB"``. Default: half of what is left. A
        corpus for which that is too little is read piece by piece.

    Returns
    -------
    Fingerprints

    Examples
    --------
    >>> import miscope as ms
    >>> fingerprints = ms.count_fingerprints(ms.Sequences.from_arrays([0, 1, 0, 1, 1, 0]), lags=[1, 2], blocks=0)
    >>> fingerprints.joint.counts, fingerprints.joint.multiplicities
    (array([1, 2, 1]), array([1, 2, 4]))
    """
    counter = Counter(as_sequences(sequences), lags, blocks, method, max_memory=max_memory)
    if counter.method == "fourier":
        parts = counter.map_parts(lambda kernel, lags: kernel.fingerprints_of(lags), threads, progress)
    else:
        parts = counter.map(lambda kernel, lag: kernel.fingerprints(lag), threads, progress)
    return Fingerprints.from_lags(counter.lags, parts, counter.n_symbols_seen)


def count_pairs(
    sequences: Any,
    lags: Lags = None,
    blocks: int = 32,
    method: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    max_memory: Memory = None,
) -> PairCounts:
    """Count pairs and keep the counts, block by block, where they must be added or looked into.

    Parameters are those of `count_fingerprints`.

    Returns
    -------
    PairCounts
        Memory grows with the number of different pairs, times lags and blocks.
    """
    sequences = as_sequences(sequences)
    check_pair_numbers(sequences)
    counter = Counter(sequences, lags, blocks, method, max_memory=max_memory, cells=True)
    threads = counter.threads(threads, counter.cells_at_most() * CELL_BYTES)
    parts = counter.map(lambda kernel, lag: counter.original(kernel.cells(lag)), threads, progress)
    size, alphabet = sequences.alphabet_size, sequences.alphabet
    histogram, n_cut = sequences.histogram(), counter.blocks.n_cut
    corpus = CorpusSummary(sequences.lengths, size, alphabet, sequences.provenance, histogram, n_cut)
    return PairCounts.from_lags(counter.lags, parts, counter.blocks.count, size, alphabet, corpus)


def check_pair_numbers(sequences: Sequences) -> None:
    """Refuse alphabets whose pairs have no number."""
    if sequences.alphabet_size**2 >= 2**63:
        raise InputError(
            f"pairs of {sequences.alphabet_size:,} symbols have no number of 64 bits: number the symbols that occur, "
            "as with np.unique(codes, return_inverse=True)[1]"
        )


@dataclass(frozen=True, eq=False)
class Counter(Counted):
    """A corpus made ready for counting: checked arguments, blocks, and a choice of kernel."""

    sequences: Sequences
    lags: np.ndarray
    blocks: Blocks
    method: str
    symbols: np.ndarray  # distinct codes present, ascending
    data: PairData
    memory: int  # bytes that counting may use
    longest: int  # how often the commonest symbol is
    cells: bool  # whether only the counts themselves will be asked for, no fingerprints

    def __init__(
        self,
        sequences: Sequences,
        lags: Lags,
        blocks: int,
        method: str,
        right: np.ndarray | None = None,
        aligned: bool = False,
        max_memory: Memory = None,
        cells: bool = False,
    ) -> None:
        choice(method, METHODS, "method")
        memory = memory_budget(max_memory)
        lag_array = parse_lags(lags, int(sequences.lengths.max(initial=0)))
        cut = cut_blocks(sequences, blocks)
        codes, symbols, counts, size = _compact_codes(sequences, right)
        left = read_only(codes[0])
        right_codes = left if codes[1] is codes[0] else read_only(codes[1])
        data = PairData(left, right_codes, sequences.offsets, cut.bounds, cut.count, size, aligned)
        if method == "auto" or (method == "fourier" and aligned):  # partners that do not move have no spectrum
            n_lags = min(len(lag_array), _FEW_LAGS) if aligned else len(lag_array)
            method = cheapest(len(left), sequences.n_documents, size, n_lags, cut.count)
            if method in ("dense", "bits") and kept_tables(method, len(left), size, cut.count) > memory:
                method = "sparse"
        check_fits(method, data, memory)
        for name, value in (
            ("sequences", sequences),
            ("lags", lag_array),
            ("blocks", cut),
            ("method", method),
            ("symbols", symbols),
            ("data", data),
            ("memory", memory),
            ("longest", int(counts.max(initial=0))),
            ("cells", cells),
        ):
            object.__setattr__(self, name, value)

    def kernel(self) -> Kernel:
        """The chosen kernel, prepared; one that reads the corpus piece by piece where memory is too little for it."""
        from miscope.counting.bits import BitsKernel
        from miscope.counting.dense import DenseKernel
        from miscope.counting.sparse import SparseKernel
        from miscope.counting.streaming import StreamedSparse, StreamedTables

        if self.method == "fourier":
            from miscope.counting.fourier import FourierKernel

            return FourierKernel(self.data, self.lags, self.memory)
        if self.method == "sparse":
            return StreamedSparse(self.data, self.lags, self.memory) if self.streams else SparseKernel(self.data)
        tables: type[TableKernel] = {"dense": DenseKernel, "bits": BitsKernel}[self.method]
        return StreamedTables(self.data, self.lags, tables, self.memory) if self.streams else tables(self.data)

    @property
    def streams(self) -> bool:
        """Whether the corpus is read piece by piece, since what the kernel makes of it is larger than memory."""
        return self._held + (self._each + _LEAST_LEFT if self.method == "sparse" else 0) > self.memory

    @property
    def _held(self) -> int:
        """Bytes that a kernel holds which takes the corpus whole."""
        return held_bytes(self.method, len(self.data.left), self.data.alphabet_size, self._mapped)

    @property
    def _each(self) -> int:
        """Bytes that each thread takes at a lag."""
        if self.method == "fourier":
            return 0  # it counts all lags at once, within its memory
        data = self.data
        n = 0 if self.cells and self.method == "sparse" else len(data.left)
        return lag_bytes(self.method, n, data.alphabet_size, data.n_blocks, self.longest)

    def threads(self, threads: int | None = None, more: int = 0) -> int:
        """How many threads memory allows, each of which takes so many bytes more.

        Raises
        ------
        InputError
            If there is not memory enough for one.
        """
        held, each = self._held_and_each
        if more and held + each + more > self.memory:
            raise InputError(
                f"to look at the counts of one lag takes about {(held + each + more) / 1e6:,.0f} MB, and "
                f"{self.memory / 1e6:,.0f} MB may be used: allow more (max_memory), or take fewer kinds of symbols "
                "(classes, such as top:1000) or fewer blocks"
            )
        return threads_within(thread_count(threads), self.memory - held, each + more)

    def memory_left(self, threads: int) -> int:
        """Bytes that are left beside what so many threads take."""
        held, each = self._held_and_each
        return max(0, self.memory - held - threads * each)

    @property
    def _held_and_each(self) -> tuple[int, int]:
        """Bytes that are held, be it of the whole corpus or of a part of it, and that each thread takes beside them."""
        if not self.streams:
            return self._held, self._each
        if self.method != "sparse":
            return self.memory // 2, self._each // 4
        data = self.data
        return self.memory // 2, lag_bytes(self.method, 0, data.alphabet_size, data.n_blocks, self.longest)

    def cells_at_most(self) -> int:
        """Different pairs at a lag, block by block, at most."""
        tables = max(self.data.n_blocks, 1)
        return min(len(self.data.left), tables * len(self.symbols) ** 2)

    @property
    def _mapped(self) -> int:
        """Bytes of codes that lie on disk, and that every lag would read again if they did not fit into memory."""
        sides = {id(side): side for side in (self.data.left, self.data.right)}
        return sum(side.nbytes for side in sides.values() if is_mapped(side))

    def map(
        self, task: Callable[[Kernel, int], _T], threads: int | None = None, progress: Progress | None = None
    ) -> list[_T]:
        """Run ``task(kernel, lag)`` for every lag, on a pool of threads; results in the order of the lags."""
        report = _Report(progress, sum(self.pairs_at(int(lag)) for lag in self.lags))
        kernel = self.kernel()
        with ThreadPoolExecutor(self.threads(threads)) as pool:
            try:
                if not isinstance(kernel, BatchKernel) or (self.cells and isinstance(kernel, PartsKernel)):
                    return self._tasks(pool, kernel, task, self.lags, report.add)
                found: list[_T] = []
                for batch in kernel.batches():
                    kernel.count(batch, pool, report.add)
                    found += self._tasks(pool, kernel, task, batch, None)
                return found
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def map_parts(
        self,
        task: Callable[[FourierKernel, np.ndarray], _T],
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> list[_T]:
        """Run ``task(kernel, lags)`` for parts of many lags, of the Fourier kernel; in the order of the lags."""
        from miscope.counting.fourier import FourierKernel

        report = _Report(progress, sum(self.pairs_at(int(lag)) for lag in self.lags))
        kernel = self.kernel()
        assert isinstance(kernel, FourierKernel)
        found: list[_T] = []
        with ThreadPoolExecutor(thread_count(threads)) as pool:
            try:
                for batch in kernel.batches():
                    kernel.count(batch, pool, report.add)
                    parts = np.split(batch, range(kernel.width, len(batch), kernel.width))
                    found += pool.map(functools.partial(task, kernel), parts)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return found

    def _tasks(
        self,
        pool: ThreadPoolExecutor,
        kernel: Kernel,
        task: Callable[[Kernel, int], _T],
        lags: np.ndarray,
        done: Callable[[int], None] | None,
    ) -> list[_T]:
        """Ask for every lag; report pairs as they end, and stop at the first error."""
        futures = [pool.submit(task, kernel, int(lag)) for lag in lags]
        pairs = dict(zip(futures, lags.tolist(), strict=True))
        for future in as_completed(futures):
            future.result()
            if done is not None:
                done(self.pairs_at(pairs[future]))
        return [future.result() for future in futures]


class _Report:
    """Progress, if anybody wants to know."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        self.add(0)

    def add(self, pairs: int) -> None:
        """So many pairs more are done."""
        self._done += pairs
        if self._progress is not None:
            self._progress(self._done, self._total)


def thread_count(threads: int | None = None) -> int:
    """Number of threads to use: as asked for, or all cores that this process may use."""
    if threads is None:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if isinstance(threads, bool) or not isinstance(threads, int | np.integer) or threads < 1:
        raise InputError(f"threads must be a whole number of at least 1, not {threads!r}")
    return int(threads)


def _compact_codes(
    sequences: Sequences, right: np.ndarray | None
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray, int]:
    """Codes without the unused ones where the alphabet is far larger than the data (hashes, say)."""
    codes, size = sequences.codes, sequences.alphabet_size
    if size <= 2**16 or size <= 4 * len(codes):
        counts = sequences.histogram()
        return (codes, codes if right is None else right), np.flatnonzero(counts), counts, size
    symbols, compacted, counts = np.unique(codes, return_inverse=True, return_counts=True)
    compacted = compacted.astype(np.uint32)
    other = compacted if right is None else np.searchsorted(symbols, right).astype(np.uint32)
    return (compacted, other), symbols, counts, len(symbols)


def check_fits(method: str, data: PairData, memory: int = 2**62) -> None:
    """Refuse tables that memory does not hold, and alphabets that are too large for bits."""
    if method == "bits" and data.alphabet_size > _MOST_BITS_SYMBOLS:
        raise InputError(
            f'method "bits" is for at most {_MOST_BITS_SYMBOLS} symbols, not {data.alphabet_size}: use "auto"'
        )
    if method not in ("dense", "bits"):
        return
    size, blocks = data.alphabet_size, data.n_blocks
    if (needed := table_bytes(size, blocks)) > _MOST_TABLE_BYTES:
        raise InputError(
            f'method "{method}" would need {needed / 2**30:.1f} GiB of tables a thread for {size:,} symbols and '
            f'{blocks} blocks: use "sparse" or "auto"'
        )
    if (needed := kept_tables(method, len(data.left), size, blocks)) > memory:
        raise InputError(
            f'method "{method}" takes {needed / 1e6:,.0f} MB of tables for {size:,} symbols and {blocks} blocks, and '
            f'{memory / 1e6:,.0f} MB may be used: use "sparse" or "auto", or allow more (max_memory)'
        )
