"""One door to a Dask cluster: reaching it, handing it work, and what to do when work is lost or nobody answers.

No wait in here is without end. What a worker is busy with may take as long as it takes; a cluster on which nothing goes
on for a stated time, the *patience*, has its silent workers started again and the work done again, a few times, and
then an error says what was waited for.
"""

from __future__ import annotations

import errno
import logging
import operator
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, TypeVar

from miscope._version import __version__
from miscope.counting import cluster_parts as work
from miscope.counting.cluster_plan import Means
from miscope.counting.doors import thread_count
from miscope.errors import InputError, MiscopeError, require
from miscope.sequences.codes import Array

__all__ = ["ClusterError", "WorkerPool", "closed_after", "connect"]

_T = TypeVar("_T")

_PURPOSE = "counting on a cluster"
_PATIENCE = "5 minutes"  # as long as Dask itself waits for a sign of life of a worker
_SETTING = "miscope.patience"
_LONGER = "to wait longer, set DASK_MISCOPE__PATIENCE=30m, or connect(…, patience='30m')"
_ATTEMPTS = 4
_START = 60  # seconds that workers and schedulers get to start again, however short the patience
_REACH = 10  # seconds to wait for a scheduler to answer at all
_LOOKS = 12  # looks at whether workers go on, in the time that they are waited for
_LONGEST_LOOK = 5.0  # seconds between two of them
_STAYING = "split-shuffle"  # a name by which schedulers know tasks not worth moving with what they look at
_ENDED = ("error", "cancelled")
_HERE = "127.0.0.1"  # whoever reaches a scheduler can have it run anything
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM)
_SILENT = logging.CRITICAL + 1
_TICK = 0.1
_UNKNOWN_MEMORY = 2**31


class ClusterError(MiscopeError):
    """The cluster cannot be reached, or cannot do what is asked of it."""


class _StandsStillError(Exception):
    """Nothing went on for as long as the patience lasts; the message says what was waited for."""


class _LeftBehindError(Exception):
    """What was asked for belongs to a client that another one has replaced."""


@contextmanager
def connect(cluster: Any, max_memory: int | str | None = None, patience: float | str | None = None) -> Iterator[Any]:
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
    patience
        How long a cluster may stand still before its work is taken for lost, in seconds or as ``"10 minutes"``. A
        worker that is busy with a task and gives signs of life does not stand still. Default: ``miscope.patience`` in
        the configuration of Dask (so that ``DASK_MISCOPE__PATIENCE=10m`` sets it for a command), or 5 minutes.

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
    A local cluster listens on this machine only (127.0.0.1), its dashboard too. It has no password: other people on the
    same machine can reach it while it runs.

    Local workers are started as new Python processes, so that a script that does this must guard what it runs by
    ``if __name__ == "__main__":``.
    """
    distributed = require("distributed", "cluster", _PURPOSE)
    with _waiting(patience):
        if isinstance(cluster, distributed.Client):
            yield cluster
        elif isinstance(cluster, str) and cluster.partition(":")[0] == "local":
            with _local(distributed, cluster, max_memory) as client:
                yield client
        elif isinstance(cluster, str) and "://" not in cluster:
            raise InputError(
                f"unknown cluster {cluster!r}; write local:2, or the address of a scheduler, tcp://host:8786"
            )
        else:
            try:
                client = distributed.Client(cluster, timeout=_REACH, set_as_default=False)
            except (OSError, ValueError) as error:
                raise ClusterError(
                    f"no scheduler answers at {cluster!r} ({error}): start it, or check the address and the firewall"
                ) from error
            with closed_after(client):
                yield client


@contextmanager
def closed_after(client: Any) -> Iterator[Any]:
    """Close a client when the block ends, whatever is left of its connection.

    One that broke may have been answered as another: closing then raises what went wrong long before (AssertionError,
    in distributed's `_ensure_connected`), when all that was asked for has been answered through a client in its place.
    """
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close()


def _waiting(patience: float | str | None) -> Any:
    """Whatever is asked of clusters in this block waits so long."""
    if patience is None:
        return nullcontext()
    _seconds(patience)
    return require("dask", "cluster", _PURPOSE).config.set({_SETTING: patience})


def _seconds(patience: float | str | None) -> float:
    """The patience in seconds: what is given, or as Dask is configured."""
    config, utils = (require(name, "cluster", _PURPOSE) for name in ("dask.config", "dask.utils"))
    wanted = config.get(_SETTING, _PATIENCE) if patience is None else patience
    try:
        seconds = float(utils.parse_timedelta(wanted))
    except (ValueError, TypeError, LookupError, AttributeError):
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise InputError(f"patience must be a time above 0, in seconds or as in '10 minutes', not {wanted!r}")
    return seconds


@contextmanager
def _local(distributed: Any, text: str, max_memory: int | str | None) -> Iterator[Any]:
    number = text.partition(":")[2] or str(thread_count())
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
            host=_HERE,
            dashboard_address=f"{_HERE}:0",
            silence_logs=_SILENT,
        )
    except (RuntimeError, OSError) as error:
        raise ClusterError(
            f'cannot start workers here ({error}); what starts them must stand under if __name__ == "__main__":'
        ) from error
    with cluster, closed_after(distributed.Client(cluster, set_as_default=False)) as client:
        yield client


def _forget(client: Any) -> None:
    """Close a client in the background: a scheduler that does not answer is not waited for."""
    threading.Thread(target=client.close, name="miscope closes a client", daemon=True).start()


class _Pulse:
    """What a scheduler says of its workers, look by look: whether any of them goes on, and which are silent."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}  # when the scheduler last heard of each
        self._alive: set[str] = set()  # heard of since anything went on
        self._tasks: Any = None
        self.silent: set[str] = set()
        self.paused = False
        self.n_workers = 0

    def goes_on(self, workers: dict[str, Any]) -> bool:
        """Whether a worker that gives signs of life is busy, or anything changed."""
        heard = {address: float(about["last_seen"]) for address, about in workers.items()}
        tasks = {address: about.get("metrics", {}).get("task_counts", {}) for address, about in workers.items()}
        alive = {address for address, when in heard.items() if when != self._heard.get(address, when)}
        changed = self._tasks is not None and tasks != self._tasks
        goes_on = changed or any(tasks[address].get("executing", 0) for address in alive)
        self._alive = set() if goes_on else self._alive | alive
        self.silent = set(workers) - self._alive
        self.paused = all(about.get("status") == "paused" for about in workers.values())
        self.n_workers = len(workers)
        self._heard, self._tasks = heard, tasks
        return goes_on


class WorkerPool:
    """A client, with what goes wrong explained, and work that the cluster lost done again.

    Parameters
    ----------
    client
        A `dask.distributed.Client`.
    patience
        How long it may stand still, as for `connect`.
    less
        What to do where workers have too little memory, as errors say it.
    """

    def __init__(
        self,
        client: Any,
        patience: float | str | None = None,
        less: str = "count fewer lags at a time (lags_at_once=1) in more parts (parts=…)",
    ) -> None:
        self._distributed = require("distributed", "cluster", _PURPOSE)
        self._dask = require("dask", "cluster", _PURPOSE)
        if not isinstance(client, self._distributed.Client):
            raise InputError(f"client must be a dask.distributed.Client, as connect() yields it, not {client!r:.200}")
        self.client = self._given = client
        self.stopped = False
        self._connecting = threading.Lock()
        self._less = less
        self._patience = _seconds(patience)
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
        if any(future.client is not self.client for future in futures):
            raise _LeftBehindError
        self._until_ended(futures)
        if self.stopped:
            raise CancelledError
        return list(self._answered(lambda: self.client.gather(list(futures)), "results"))

    def _until_ended(self, futures: Sequence[Any]) -> None:
        """Wait until all are done or one has failed, as long as anything goes on."""
        ended, pulse = threading.Event(), _Pulse()

        def look(_: Any) -> None:
            if all(future.done() for future in futures) or any(future.status in _ENDED for future in futures):
                ended.set()

        for future in futures:
            future.add_done_callback(look)
        every = min(max(self._patience / _LOOKS, _TICK), _LONGEST_LOOK)
        looked = went_on = time.monotonic()
        n_done = -1
        while not ended.wait(_TICK) and not self.stopped:
            if time.monotonic() - looked < every:
                continue
            looked = time.monotonic()
            look(None)
            workers = self._answered(self.client.scheduler_info, "what the scheduler knows of its workers")["workers"]
            before, n_done = n_done, sum(future.done() for future in futures)
            if pulse.goes_on(workers) or n_done != before:
                went_on = time.monotonic()
            elif time.monotonic() - went_on >= self._patience:
                self._end_waiting(pulse)

    def _end_waiting(self, pulse: _Pulse) -> None:
        """Say what is wrong; who gives no sign of life is started again where that can be."""
        if not pulse.n_workers or pulse.paused:
            raise ClusterError(
                f"the cluster has stood still for {self._patience:g} s: it has no workers left, or all of them "
                "wait for memory, since they hold too much or their disks are full; give them more memory, or larger "
                "local directories"
            )
        if not pulse.silent:
            raise _StandsStillError("work that no worker does")
        with suppress(Exception):  # of workers without a nanny, or of another version: the work is then tried elsewhere
            restart = self.client.restart_workers
            wait = max(self._patience, _START)
            self._answered(lambda: restart(sorted(pulse.silent), wait, raise_for_error=False), "a new start", wait)
        raise _StandsStillError(f"{len(pulse.silent)} of {pulse.n_workers} workers, which gave no sign of life")

    def _answered(self, ask: Callable[[], _T], what: str, patience: float | None = None) -> _T:
        """What the cluster answers; asked in a thread that may be left behind, for Dask itself waits without end."""
        answer: Future[_T] = Future()

        def asking() -> None:
            try:
                answer.set_result(ask())
            except BaseException as error:
                answer.set_exception(error)

        threading.Thread(target=asking, name="miscope asks a cluster", daemon=True).start()
        until = time.monotonic() + (patience or self._patience)
        while not answer.done():
            with suppress(TimeoutError):
                answer.exception(_TICK)
            if not answer.done() and self.stopped:
                raise CancelledError
            if not answer.done() and time.monotonic() > until:
                raise _StandsStillError(what)
        return answer.result()

    def everywhere(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Results of a function run on every worker, by its address."""
        return dict(self._answered(lambda: self.client.run(function, *arguments), "an answer of every worker"))

    def scatter(self, arrays: list[Array]) -> list[Any]:
        """Futures of arrays, sent to workers."""
        return list(self._answered(lambda: self.client.scatter(arrays, hash=False), "workers that take data"))

    def spread(self, item: Any) -> Any:
        """A future of something that is sent to every worker."""
        return self._answered(
            lambda: self.client.scatter(item, broadcast=True, hash=False), "workers that take a model"
        )

    def cancel(self, futures: Sequence[Any]) -> None:
        """Have nothing more done for these; a cluster that does not hear of it is left alone."""
        if not futures or self.client.status != "running":
            return
        self.client.cancel(list(futures), force=True)
        for future in futures:  # a scheduler that is slow may learn of tasks only after their end was asked for
            future.release()

    @property
    def is_local(self) -> bool:
        """Whether all workers are processes of this machine."""
        here = socket.gethostname()
        return all(about["host"] == here and "://127." in address for address, about in self._about.items())

    @property
    def means(self) -> Means:
        """Threads and memory."""
        memory = [about["memory"] or _UNKNOWN_MEMORY for about in self._about.values()]
        threads = self.insist(lambda: self._answered(self.client.nthreads, "the scheduler"))
        return Means(sum(threads.values()) or 1, sum(memory), min(memory))

    def insist(self, attempt: Callable[[], _T]) -> _T:
        """Try again what failed since workers or the connection were lost; explain what else goes wrong."""
        for k in range(_ATTEMPTS):
            client = self.client
            try:
                return attempt()
            except _StandsStillError as error:
                last, lost = f"it waited {self._patience:g} s for {error}", "stood still"
            except self._distributed.KilledWorker as error:
                raise ClusterError(
                    f"workers died one after the other ({error.args[0]}), most likely for lack of memory: give them "
                    f"more, or {self._less}"
                ) from error
            except MemoryError as error:
                raise ClusterError(
                    f"a worker has not enough memory ({error}): give workers more, or {self._less}"
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
                last, lost = str(error) or type(error).__name__, "lost its work"
            except (_LeftBehindError, ValueError) as error:  # the latter is what Dask says of futures of others
                if isinstance(error, ValueError) and self.client is client:
                    raise
                last, lost = "the connection broke", "lost its work"
                continue
            if k + 1 < _ATTEMPTS:
                self._connect_anew(client)
        raise ClusterError(
            f"the cluster {lost} {_ATTEMPTS} times ({last}); look at the logs of its scheduler and workers; {_LONGER}"
        )

    def _connect_anew(self, lost: Any) -> None:
        """Wait until the scheduler answers a new client, and has a worker.

        The old one does not do: where it connects again before the scheduler has seen its connection break, the
        scheduler forgets it afterwards, and it waits for word of its work without end.
        """
        wait = 0 if lost.status == "closed" else max(self._patience, _START)
        until = time.monotonic() + wait
        while not self.stopped:
            try:
                with self._connecting:
                    if self.client is lost:
                        self._replace()
                if self._answered(self.client.nthreads, "the scheduler"):
                    return
            except (OSError, CancelledError, _StandsStillError):
                pass
            if time.monotonic() > until:
                raise ClusterError(
                    f"the scheduler did not come back within {wait:g} s, or has no workers left: see whether it and "
                    f"they run; {_LONGER}"
                )
            time.sleep(_TICK)
        raise CancelledError

    def _replace(self) -> None:
        """Another client of the same scheduler."""
        old = self.client
        made = self._distributed.Client(
            old.scheduler.address, timeout=_REACH, security=old.security, set_as_default=False
        )
        self.client = made
        if old is not self._given:
            _forget(old)

    def close(self) -> None:
        """Close what was connected anew; the client that was given stays open."""
        with self._connecting:
            if self.client is not self._given:
                _forget(self.client)
                self.client = self._given

    def _checked(self) -> dict[str, dict[str, Any]]:
        try:
            self.client.wait_for_workers(1, timeout=self._patience)
        except TimeoutError:
            raise ClusterError(
                f"the cluster had no worker within {self._patience:g} s: start some; {_LONGER}"
            ) from None
        try:
            about = self.everywhere(work.worker_facts)
        except ImportError as error:
            raise ClusterError(f"workers cannot run miscope ({error}): install the same version there") from error
        for address, facts in about.items():
            if facts["version"] != __version__:
                raise ClusterError(
                    f"the worker {address} on host {facts['host']} has miscope {facts['version']}, and this is "
                    f"{__version__}: install the same version everywhere"
                )
        return about
