"""The two public doors of counting, and what stands behind both: choosing a kernel, and threads over lags."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from miscope.counting.blocks import Blocks, cut_blocks
from miscope.counting.costs import cheapest, table_bytes
from miscope.counting.lags import Lags, parse_lags
from miscope.counting.pairs import Fingerprints, PairCounts
from miscope.counting.tally import Cells, Kernel, PairData
from miscope.errors import InputError, choice
from miscope.sequences import Sequences

__all__ = ["METHODS", "Counter", "Progress", "count_fingerprints", "count_pairs", "thread_count"]

Progress = Callable[[int, int], object]
"""Called with pairs done and pairs in all."""

METHODS = ("auto", "dense", "bits", "sparse")

_T = TypeVar("_T")
_MOST_BITS_SYMBOLS = 64
_MOST_TABLE_BYTES = 2**31


def count_fingerprints(
    sequences: Sequences,
    lags: Lags = None,
    blocks: int = 32,
    method: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Fingerprints:
    """Count pairs lag by lag and keep only fingerprints, whole and with each block left out.

    Parameters
    ----------
    sequences
        The corpus; pairs never cross a document's end.
    lags
        See `parse_lags`.
    blocks
        Blocks to leave out in turn; 0 for none.
    method
        ``"auto"`` (by measured cost), ``"dense"``, ``"bits"`` or ``"sparse"``: the result is the same.
    threads
        Default: all cores that this process may use.
    progress
        Called with pairs done and pairs in all.

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
    counter = Counter(sequences, lags, blocks, method)
    parts = counter.map(lambda kernel, lag: kernel.fingerprints(lag), threads, progress)
    return Fingerprints.from_lags(counter.lags, parts, counter.n_symbols_seen)


def count_pairs(
    sequences: Sequences,
    lags: Lags = None,
    blocks: int = 32,
    method: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> PairCounts:
    """Count pairs and keep the counts, block by block, where they must be added or looked into.

    Parameters are those of `count_fingerprints`.

    Returns
    -------
    PairCounts
        Memory grows with the number of different pairs, times lags and blocks.
    """
    if sequences.alphabet_size**2 >= 2**63:
        raise InputError(
            f"pairs of {sequences.alphabet_size:,} symbols have no number of 64 bits: number the symbols that occur, "
            "as with np.unique(codes, return_inverse=True)[1]"
        )
    counter = Counter(sequences, lags, blocks, method)
    parts = counter.map(lambda kernel, lag: counter.original(kernel.cells(lag)), threads, progress)
    return PairCounts.from_lags(counter.lags, parts, counter.blocks.count, sequences.alphabet_size, sequences.alphabet)


@dataclass(frozen=True, eq=False)
class Counter:
    """A corpus made ready for counting: checked arguments, blocks, and a choice of kernel."""

    sequences: Sequences
    lags: np.ndarray
    blocks: Blocks
    method: str
    symbols: np.ndarray  # distinct codes present, ascending
    data: PairData

    def __init__(
        self,
        sequences: Sequences,
        lags: Lags,
        blocks: int,
        method: str,
        right: np.ndarray | None = None,
        aligned: bool = False,
    ) -> None:
        choice(method, METHODS, "method")
        lag_array = parse_lags(lags, int(sequences.lengths.max(initial=0)))
        cut = cut_blocks(sequences, blocks)
        codes, symbols, size = _compact_codes(sequences, right)
        left, right_codes = codes
        data = PairData(left, right_codes, sequences.offsets, cut.bounds, cut.count, size, aligned)
        if method == "auto":
            method = cheapest(len(left), sequences.n_documents, size, len(lag_array), cut.count)
        _check_fits(method, data)
        for name, value in (
            ("sequences", sequences),
            ("lags", lag_array),
            ("blocks", cut),
            ("method", method),
            ("symbols", symbols),
            ("data", data),
        ):
            object.__setattr__(self, name, value)

    @property
    def n_symbols_seen(self) -> int:
        """How many different symbols the corpus holds."""
        return len(self.symbols)

    def pairs_at(self, lag: int) -> int:
        """Number of pairs at one lag."""
        return int(np.maximum(self.sequences.lengths - lag, 0).sum())

    def kernel(self) -> Kernel:
        """The chosen kernel, prepared."""
        from miscope.counting.bits import BitsKernel
        from miscope.counting.dense import DenseKernel
        from miscope.counting.sparse import SparseKernel

        kernels: dict[str, Callable[[PairData], Kernel]] = {
            "dense": DenseKernel,
            "bits": BitsKernel,
            "sparse": SparseKernel,
        }
        return kernels[self.method](self.data)

    def original(self, cells: Cells) -> Cells:
        """Cells with the codes of the corpus, where these were compacted for counting."""
        size = self.data.alphabet_size
        if size == self.sequences.alphabet_size:
            return cells
        left, right = self.symbols[cells.keys // size], self.symbols[cells.keys % size]
        return Cells(cells.offsets, left.astype(np.int64) * self.sequences.alphabet_size + right, cells.counts)

    def map(
        self, task: Callable[[Kernel, int], _T], threads: int | None = None, progress: Progress | None = None
    ) -> list[_T]:
        """Run ``task(kernel, lag)`` for every lag, on a pool of threads; results in the order of the lags."""
        kernel = self.kernel()
        work = [self.pairs_at(int(lag)) for lag in self.lags]
        n_threads = min(thread_count(threads), len(self.lags))
        with ThreadPoolExecutor(n_threads) as pool:
            futures = [pool.submit(task, kernel, int(lag)) for lag in self.lags]
            try:
                _watch(futures, work, progress)
                return [future.result() for future in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _watch(futures: list[Future[_T]], work: list[int], progress: Progress | None) -> None:
    """Wait for all, report as they end, and stop at the first error."""
    if progress is not None:
        progress(0, sum(work))
    size = dict(zip(futures, work, strict=True))
    done = 0
    for future in as_completed(futures):
        future.result()
        done += size[future]
        if progress is not None:
            progress(done, sum(work))


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
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray, int]:
    """Codes without the unused ones where the alphabet is far larger than the data (hashes, say)."""
    codes, size = sequences.codes, sequences.alphabet_size
    if size <= 2**16 or size <= 4 * len(codes):
        symbols = np.flatnonzero(sequences.histogram())
        return (codes, codes if right is None else right), symbols, size
    symbols, compacted = np.unique(codes, return_inverse=True)
    compacted = compacted.astype(np.uint32)
    other = compacted if right is None else np.searchsorted(symbols, right).astype(np.uint32)
    return (compacted, other), symbols, len(symbols)


def _check_fits(method: str, data: PairData) -> None:
    if method == "bits" and data.alphabet_size > _MOST_BITS_SYMBOLS:
        raise InputError(
            f'method "bits" is for at most {_MOST_BITS_SYMBOLS} symbols, not {data.alphabet_size}: use "auto"'
        )
    if method != "sparse" and (needed := table_bytes(data.alphabet_size, data.n_blocks)) > _MOST_TABLE_BYTES:
        raise InputError(
            f'method "{method}" would need {needed / 2**30:.1f} GiB of tables a thread for {data.alphabet_size:,} '
            f'symbols and {data.n_blocks} blocks: use "sparse" or "auto"'
        )
