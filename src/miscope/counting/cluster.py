"""Counting on a cluster, with Dask: the same counts, to the integer, over as many workers as there are.

The corpus is cut into parts, which workers hold, or open by path. Tables of counts (dense, bits) are added up pair by
pair of neighbours; sparse counts are routed to the workers of ranges of left symbols (see `cluster_routing`). What
comes back are fingerprints. What a worker held that dies is counted again by others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any, TypeVar

import numpy as np

from miscope.counting import cluster_parts as work
from miscope.counting import doors
from miscope.counting.blocks import cut_blocks
from miscope.counting.cluster_client import ClusterError, WorkerPool, connect
from miscope.counting.cluster_jobs import Asked
from miscope.counting.cluster_plan import METHODS, Plan, choose_method, make_plan
from miscope.counting.cluster_sources import HeldCodes, ReadShards
from miscope.counting.counted import CorpusSummary, Counted, Progress
from miscope.counting.lags import Lags, parse_lags
from miscope.counting.tally import Kernel, PairData
from miscope.errors import InputError, choice
from miscope.sequences import Sequences
from miscope.sequences.codes import Array, histogram
from miscope.sequences.shards import Shards

__all__ = ["ClusterCounter", "ClusterError", "connect"]

_T = TypeVar("_T")

_TICK = 0.1


class ClusterCounter(Counted):
    """Counts of a corpus that the workers of a cluster make; the same, to the integer, as one machine's.

    Parameters
    ----------
    source
        `Sequences` at hand, or `Shards`, which workers read themselves.
    lags, blocks
        As for `count_fingerprints`.
    method
        ``"auto"``, ``"dense"``, ``"bits"`` or ``"sparse"``: the kernel of the parts.
    client
        A `dask.distributed.Client`, as `connect` yields it.
    parts, ranges, lags_at_once
        Into how many parts the corpus, and into how many ranges left symbols are cut, and how many lags are counted in
        one go. Default: so that all threads have work, and what travels takes an eighth of the memory.
    reading
        Called with shards read and shards in all.
    patience
        How long the cluster may stand still before its work is taken for lost, in seconds or as ``"10 minutes"``;
        default as for `connect`.

    Attributes
    ----------
    dashboard
        Address of the scheduler's dashboard.
    notes
        What the reader of a result has to know: shards that were skipped.

    Raises
    ------
    InputError
        An argument cannot be used, or a shard cannot be read; the message names it, and the host.
    ClusterError
        Workers are missing, differ in version, die, or do not answer.

    Examples
    --------
    >>> import miscope as ms
    >>> from miscope.counting.cluster import ClusterCounter, connect
    >>> with connect("local:2") as client:  # doctest: +SKIP
    ...     with ClusterCounter(ms.Sequences.from_arrays("so it is" * 99), [1, 2], 8, client=client) as counter:
    ...         counter.map(lambda kernel, lag: kernel.fingerprints(lag).block_pairs.sum())
    [791, 790]
    """

    def __init__(
        self,
        source: Sequences | Shards,
        lags: Lags = None,
        blocks: int = 32,
        method: str = "auto",
        *,
        client: Any,
        parts: int | None = None,
        ranges: int | None = None,
        lags_at_once: int | None = None,
        reading: Progress | None = None,
        patience: float | str | None = None,
    ) -> None:
        choice(method, METHODS, "method on a cluster")
        self.workers = WorkerPool(client, patience)
        self.notes: tuple[str, ...] = ()
        if isinstance(source, Shards):
            counts = self._read(source, lags, blocks, reading)
        elif isinstance(source, Sequences):
            counts = self._hold(source, lags, blocks)
        else:
            raise InputError(f"a cluster counts Sequences or Shards, not {type(source).__name__}")
        n = self.sequences.n_symbols
        self.kind = choose_method(method, self.data, n, len(self.lags))
        doors.check_fits(self.kind, self.data)
        self.method = f"{self.kind}, on a cluster"
        self.plan: Plan = make_plan(
            self.kind, self.data, self.lags, counts, self.workers.means, parts, ranges, lags_at_once
        )
        self._cut = work.cut_parts(self.data, self.plan.parts, int(self.lags[-1]))
        self._parts: list[Any] = []
        self._generation = 0
        self._lock = threading.RLock()

    def _hold(self, sequences: Sequences, lags: Lags, blocks: int) -> Array:
        at_hand = doors.Counter(sequences, lags, blocks, "sparse")
        self.sequences: Sequences | CorpusSummary = sequences
        self.lags, self.blocks, self.data, self.symbols = at_hand.lags, at_hand.blocks, at_hand.data, at_hand.symbols
        codes = self.data.left
        self._source: HeldCodes | ReadShards = self.workers.insist(lambda: HeldCodes(codes, self.workers))
        return histogram(codes, self.data.alphabet_size)

    def _read(self, shards: Shards, lags: Lags, blocks: int, reading: Progress | None) -> Array:
        read = self.workers.insist(lambda: ReadShards(shards, self.workers, reading))
        merged = read.merged
        if read.skipped:
            names = ", ".join(failure.name for failure in read.skipped[:3]) + (", …" if len(read.skipped) > 3 else "")
            self.notes = (f"{len(read.skipped)} of {len(shards)} shards could not be read and are left out: {names}",)
        known = None if merged.is_compact else merged.counts
        self.sequences = CorpusSummary(merged.lengths, merged.alphabet_size, merged.alphabet, merged.provenance, known)
        self.lags = parse_lags(lags, int(merged.lengths.max()))
        self.blocks = cut_blocks(self.sequences, blocks)  # type: ignore[arg-type]
        nothing, size = np.zeros(0, np.uint8), len(merged.counts)
        bounds, offsets = self.blocks.bounds, self.sequences.offsets
        self.data = PairData(nothing, nothing, offsets, bounds, self.blocks.count, size)
        self.symbols, self._source = merged.symbols, read
        return merged.counts

    @property
    def dashboard(self) -> str:
        """Address of the scheduler's dashboard (which takes bokeh on its machine)."""
        return str(self.workers.client.dashboard_link)

    def map(
        self, task: Callable[[Kernel, int], _T], threads: int | None = None, progress: Progress | None = None
    ) -> list[_T]:
        """Run ``task(kernel, lag)`` for every lag, here, on a pool of threads; the cluster counts what it asks for.

        If it ends early, by an error or Ctrl-C, what the cluster still had to do is cancelled.
        """
        kernel = Asked(self)
        pairs = {int(lag): self.pairs_at(int(lag)) for lag in self.lags}
        total, told = sum(pairs.values()), 0
        with ThreadPoolExecutor(doors.thread_count(threads)) as pool:
            futures = {pool.submit(task, kernel, lag): lag for lag in pairs}
            try:
                if progress is not None:
                    progress(0, total)
                waiting = set(futures)
                while waiting:  # it ends, since no task waits for the cluster longer than the patience lasts
                    done, waiting = wait(waiting, _TICK, FIRST_COMPLETED)
                    for future in done:
                        future.result()
                    if progress is not None:
                        counted = sum(pairs[lag] * kernel.share(lag, future.done()) for future, lag in futures.items())
                        told = max(told, total if not waiting else int(counted))
                        progress(told, total)
            except BaseException:
                kernel.cancel()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [future.result() for future in futures]

    def close(self) -> None:
        """Let the workers forget the corpus; what is asked for afterwards is read or sent again."""
        with self._lock:
            for part in self._parts:
                part.release()
            self._parts, self._generation = [], self._generation + 1
        self.workers.close()

    def __enter__(self) -> ClusterCounter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def filled(self) -> tuple[list[Any], int]:
        """Futures of the parts with their codes, and which making of them this is."""
        with self._lock:
            if self._parts and self._parts[0].client is not self.workers.client:
                self._parts, self._generation = [], self._generation + 1
            if not self._parts:
                self._parts = self._source.parts(self._cut)
            return self._parts, self._generation

    def lost(self, generation: int) -> None:
        """Say that parts of this making are gone."""
        with self._lock:
            if generation == self._generation:
                self._parts, self._generation = [], generation + 1
