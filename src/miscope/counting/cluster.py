"""Counting on a cluster, with Dask: the same counts, to the integer, over as many workers as there are.

The corpus is cut into parts, which workers hold, or open by path. Tables of counts (dense, bits) are added up pair by
pair of neighbours; sparse counts are routed to the workers of ranges of left symbols (see `cluster_routing`). What
comes back are fingerprints. What a worker held that dies is counted again by others.
"""

from __future__ import annotations

import errno
import logging
import operator
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from miscope._version import __version__
from miscope.counting import cluster_parts as work
from miscope.counting import doors
from miscope.counting.blocks import cut_blocks
from miscope.counting.cluster_jobs import Asked, ClusterError
from miscope.counting.cluster_plan import METHODS, Means, Plan, choose_method, make_plan
from miscope.counting.cluster_sources import HeldCodes, ReadShards
from miscope.counting.counted import CorpusSummary, Counted, Progress
from miscope.counting.lags import Lags, parse_lags
from miscope.counting.tally import Kernel, PairData
from miscope.errors import InputError, choice, require
from miscope.sequences import Sequences
from miscope.sequences.codes import Array, histogram
from miscope.sequences.shards import Shards

__all__ = ["ClusterCounter", "ClusterError", "connect"]

_T = TypeVar("_T")

_PURPOSE = "counting on a cluster"
_ATTEMPTS = 4
_PATIENCE = 60  # seconds to wait for a first worker, or for the scheduler to come back
_REACH = 10  # seconds to wait for a scheduler to answer at all
_LOOK = 5.0  # seconds between two looks at whether workers go on
_STAYING = "split-shuffle"  # a name by which schedulers know tasks not worth moving with what they look at
_ENDED = ("error", "cancelled")
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM)
_SILENT = logging.CRITICAL + 1
_TICK = 0.1
_UNKNOWN_MEMORY = 2**31


@contextmanager
def connect(cluster: Any, max_memory: int | str | None = None) -> Iterator[Any]:
    """Reach a cluster, or start one on this machine for as long as the block lasts.

    Examples
    --------
    >>> import miscope as ms
    >>> text = ms.Sequences.from_arrays("so it is, is it so? " * 50)
    >>> with connect("local:2") as client:  # doctest: +SKIP
    ...     counter = ClusterCounter(text, lags=[1, 2], blocks=8, client=client)

    Parameters
    ----------
    cluster
        - ``"local:2"``: two worker processes of one thread each on this machine; ``"local"``: one for every core;
        - an address such as ``"tcp://host:8786"``: a scheduler that runs;
        - a `dask.distributed.Client`, used as it is and not closed; or what such a client takes, as a cluster of
          dask-jobqueue's.
    max_memory
        For local clusters: what all workers together may take, in bytes or as ``"8GB"``. Default: all of it.

    Yields
    ------
    dask.distributed.Client

    Raises
    ------
    ClusterError
        Nothing answers at the address.
    MissingExtraError
        Dask is not installed.

    Notes
    -----
    Local workers are started as new Python processes, so that a script that does this must guard what it runs by
    ``if __name__ == "__main__":``.
    """
    distributed = require("distributed", "cluster", _PURPOSE)
    if isinstance(cluster, distributed.Client):
        yield cluster
    elif isinstance(cluster, str) and cluster.partition(":")[0] == "local":
        with _local(distributed, cluster, max_memory) as client:
            yield client
    elif isinstance(cluster, str) and "://" not in cluster:
        raise InputError(f"unknown cluster {cluster!r}; write local:2, or the address of a scheduler, tcp://host:8786")
    else:
        try:
            client = distributed.Client(cluster, timeout=_REACH, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ClusterError(
                f"no scheduler answers at {cluster!r} ({error}): start it, or check the address and the firewall"
            ) from error
        with client:
            yield client


@contextmanager
def _local(distributed: Any, text: str, max_memory: int | str | None) -> Iterator[Any]:
    number = text.partition(":")[2] or str(doors.thread_count())
    if not number.isascii() or not number.isdigit() or int(number) < 1:
        raise InputError(f"{text!r} needs a whole number of workers of at least 1, as in local:2")
    memory = "auto"
    if max_memory is not None:
        from miscope.counting.memory import memory_budget

        memory = str(memory_budget(max_memory) // int(number))
    try:
        cluster = distributed.LocalCluster(
            n_workers=int(number),
            threads_per_worker=1,
            processes=True,
            memory_limit=memory,
            dashboard_address=":0",
            silence_logs=_SILENT,
        )
    except (RuntimeError, OSError) as error:
        raise ClusterError(
            f'cannot start workers here ({error}); what starts them must stand under if __name__ == "__main__":'
        ) from error
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        yield client


class _Workers:
    """A client, with what goes wrong explained, and work that the cluster lost done again."""

    def __init__(self, client: Any) -> None:
        self._distributed = require("distributed", "cluster", _PURPOSE)
        self._dask = require("dask", "cluster", _PURPOSE)
        if not isinstance(client, self._distributed.Client):
            raise InputError(f"client must be a dask.distributed.Client, as connect() yields it, not {client!r}")
        self.client = client
        self.stopped = False
        self._lock = threading.Lock()
        self._about = self.insist(self._checked)

    def map(
        self, function: Callable[..., Any], *columns: Sequence[Any], priority: int = 0, **constants: Any
    ) -> list[Any]:
        """Futures of a function of each row of columns."""
        if not len(columns[0]):
            return []
        quiet = {"distributed.admin.large-graph-warning-threshold": "1TB"}
        name = _STAYING if function in (operator.getitem, work.nothing) else None
        with self._lock, self._dask.config.set(quiet):
            return list(self.client.map(function, *columns, key=name, pure=False, priority=priority, **constants))

    def gather(self, futures: Sequence[Any]) -> list[Any]:
        """Their results; it does not wait for workers that will never go on."""
        ended = threading.Event()

        def look(_: Any) -> None:
            if all(future.done() for future in futures) or any(future.status in _ENDED for future in futures):
                ended.set()

        for future in futures:
            future.add_done_callback(look)
        idle = 0.0
        while not ended.wait(_LOOK) and not self.stopped:
            look(None)
            idle = 0.0 if self._goes_on() else idle + _LOOK
            if idle >= _PATIENCE:
                raise ClusterError(
                    f"the cluster has stood still for {_PATIENCE} s: it has no workers left, or all of them wait for "
                    "memory, since they hold too much or their disks are full; give them more memory, or larger local "
                    "directories"
                )
        return list(self.client.gather(list(futures)))

    def _goes_on(self) -> bool:
        """Whether any worker is there that does not wait for memory."""
        workers = self.client.scheduler_info()["workers"].values()
        return any(worker.get("status") != "paused" for worker in workers)

    def everywhere(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Results of a function run on every worker, by its address."""
        return dict(self.client.run(function, *arguments))

    def scatter(self, arrays: list[Array]) -> list[Any]:
        """Futures of arrays, sent to workers."""
        return list(self.client.scatter(arrays, hash=False))

    @property
    def is_local(self) -> bool:
        """Whether all workers are processes of this machine."""
        here = socket.gethostname()
        return all(about["host"] == here and "://127." in address for address, about in self._about.items())

    @property
    def means(self) -> Means:
        """Threads and memory."""
        memory = [about["memory"] or _UNKNOWN_MEMORY for about in self._about.values()]
        return Means(sum(self.client.nthreads().values()) or 1, sum(memory), min(memory))

    def insist(self, attempt: Callable[[], _T]) -> _T:
        """Try again what failed since workers or the connection were lost; explain what else goes wrong."""
        for k in range(_ATTEMPTS):
            try:
                return attempt()
            except self._distributed.KilledWorker as error:
                raise ClusterError(
                    f"workers died one after the other ({error.args[0]}), most likely for lack of memory: give them "
                    "more, or count fewer lags at a time (lags_at_once=1) in more parts (parts=…)"
                ) from error
            except MemoryError as error:
                raise ClusterError(
                    f"a worker has not enough memory ({error}): give workers more, or count fewer lags at a time "
                    "(lags_at_once=1) in more parts (parts=…)"
                ) from error
            except ImportError as error:
                raise ClusterError(f"workers cannot run miscope ({error}): install the same version there") from error
            except (CancelledError, OSError) as error:
                if isinstance(error, OSError) and error.errno in _DISK:
                    raise ClusterError(
                        f"a worker cannot use its disk ({error.strerror}): make room in the workers' local "
                        "directories, or name others"
                    ) from error
                if self.stopped:
                    raise
                last = str(error) or type(error).__name__
                if k + 1 < _ATTEMPTS:
                    self._await()
        raise ClusterError(f"the cluster lost its work {_ATTEMPTS} times ({last}); look at the logs of its scheduler")

    def _await(self) -> None:
        """Wait until the scheduler answers again, and has a worker."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and not self.stopped:
            if self.client.status == "closed":
                break
            try:
                if self.client.status == "running" and self.client.nthreads():
                    return
            except (OSError, CancelledError):
                pass
            time.sleep(_TICK)
        raise ClusterError(f"the scheduler did not come back within {_PATIENCE} s, or has no workers left")

    def _checked(self) -> dict[str, dict[str, Any]]:
        try:
            self.client.wait_for_workers(1, timeout=_PATIENCE)
            about = self.everywhere(work.worker_facts)
        except TimeoutError:
            raise ClusterError(f"the cluster had no worker within {_PATIENCE} s: start some") from None
        except ImportError as error:
            raise ClusterError(f"workers cannot run miscope ({error}): install the same version there") from error
        for address, facts in about.items():
            if facts["version"] != __version__:
                raise ClusterError(
                    f"the worker {address} on host {facts['host']} has miscope {facts['version']}, and this is "
                    f"{__version__}: install the same version everywhere"
                )
        return about


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
        Workers are missing, differ in version, or die.

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
    ) -> None:
        choice(method, METHODS, "method on a cluster")
        self.workers = _Workers(client)
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
                while waiting:
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

    def __enter__(self) -> ClusterCounter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def filled(self) -> tuple[list[Any], int]:
        """Futures of the parts with their codes, and which making of them this is."""
        with self._lock:
            if not self._parts:
                self._parts = self._source.parts(self._cut)
            return self._parts, self._generation

    def lost(self, generation: int) -> None:
        """Say that parts of this making are gone."""
        with self._lock:
            if generation == self._generation:
                self._parts, self._generation = [], generation + 1
