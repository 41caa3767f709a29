"""What is counted on a cluster, batch of lags by batch of lags: tasks, what comes of them, and doing them again."""

from __future__ import annotations

import operator
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.counting import cluster_parts as work
from miscope.counting.cluster_client import ClusterError
from miscope.counting.cluster_routing import sorted_cells
from miscope.counting.tally import Cells, LagFingerprints
from miscope.sequences.codes import Array

if TYPE_CHECKING:
    from miscope.counting.cluster import ClusterCounter

__all__ = ["Asked"]

_MOST_MERGED = 64  # bundles of more parts than this are put together in groups first
_COARSE = 32  # ranges that the bundles of so many parts are dealt to first, so that there are fewer of them
_ADDED = 8  # fingerprints of so many ranges are added at a time
_COUNTED = 0.95  # share of the work that is done when all parts are counted


class Asked:
    """The kernel that tasks see: it has a batch of lags counted when the first of them is asked for, and the next."""

    def __init__(self, counter: ClusterCounter) -> None:
        self._counter = counter
        self._workers = counter.workers
        self._workers.stopped = False
        batches = counter.plan.batches
        self._jobs = [Job(counter, batch, -number) for number, batch in enumerate(batches)]
        self._for_cells: list[Job] = []
        self._job_of = {int(lag): number for number, batch in enumerate(batches) for lag in batch}

    def fingerprints(self, lag: int) -> LagFingerprints:
        """Count one lag and return only its fingerprints."""
        number = self._job_of[lag]
        for job in self._jobs[number : number + 2]:
            job.start()
        found: LagFingerprints = self._jobs[number].result(lag)
        _check(self._counter, int(found.block_pairs.sum()), lag)
        return found

    def cells(self, lag: int) -> Cells:
        """Count one lag and return the counts."""
        job = Job(self._counter, np.array([lag]), 0, cells=True)
        self._for_cells.append(job)
        found: Cells = job.result(lag)
        _check(self._counter, int(found.counts.sum()), lag)
        return found

    def share(self, lag: int, finished: bool) -> float:
        """Which share of the work at a lag is done."""
        return 1.0 if finished else self._jobs[self._job_of[lag]].share

    def cancel(self) -> None:
        """Have nothing more done."""
        self._workers.stopped = True
        for job in [*self._jobs, *self._for_cells]:
            job.cancel()


def _check(counter: ClusterCounter, n_pairs: int, lag: int) -> None:
    """Refuse counts that are not of all pairs: better none than wrong ones."""
    if n_pairs != counter.pairs_at(lag):
        raise ClusterError(
            f"the cluster counted {n_pairs:,} pairs at lag {lag}, and there are {counter.pairs_at(lag):,}: this is a "
            "fault of miscope's; nothing of it is used"
        )


class Job:
    """A batch of lags: its tasks on the cluster, and what comes of them."""

    def __init__(self, counter: ClusterCounter, lags: Array, priority: int, cells: bool = False) -> None:
        self._counter, self._workers, self._lags, self._cells = counter, counter.workers, lags, cells
        self._priority = priority
        self._lock = threading.Lock()
        self._marks: list[Any] = []  # one a part, done when the part is counted
        self._last: list[Any] = []
        self._made: weakref.WeakSet[Any] = weakref.WeakSet()
        self._generation = 0
        self._found: dict[int, Any] | None = None

    def start(self) -> None:
        """Hand the tasks to the scheduler, if that is not done."""
        with self._lock:
            if self._found is None and not self._last and not self._workers.stopped:
                self._workers.insist(self._submitted)

    def result(self, lag: int) -> Any:
        """What was found at a lag; waits for it."""
        with self._lock:
            if self._found is None:
                found = self._workers.insist(self._collected)
                self._found = dict(zip(self._lags.tolist(), found, strict=True))
                self._last = []
            return self._found[lag]

    @property
    def share(self) -> float:
        """Which share of the tasks is done."""
        marks, found = list(self._marks), self._found
        if found is not None:
            return 1.0
        return _COUNTED * sum(mark.done() for mark in marks) / len(marks) if marks else 0.0

    def cancel(self) -> None:
        """Forget the tasks."""
        self._workers.cancel(list(self._made))

    def _collected(self) -> list[Any]:
        if not self._last:
            self._submitted()
        found = self._or_lost(lambda: self._workers.gather(self._last))
        if self._cells and self._counter.kind == "sparse":
            return [sorted_cells(found, len(self._counter.data.bounds) - 1)]
        return found if self._cells else list(found[0])

    def _submitted(self) -> None:
        self._last = self._or_lost(self._tasks)

    def _or_lost(self, attempt: Callable[[], list[Any]]) -> list[Any]:
        """Do it; what stands on it is no longer there where that fails."""
        try:
            return attempt()
        except Exception:
            self._last = []
            self._counter.lost(self._generation)
            raise

    def _tasks(self) -> list[Any]:
        """Futures of what is wanted: one of the fingerprints of all lags, or those of the cells of each range."""
        parts, self._generation = self._counter.filled()
        counter, add = self._counter, self._map
        if counter.kind == "sparse":
            return self._routing(parts)
        nothing = np.zeros(0, np.uint8)
        data = counter.data._replace(left=nothing, right=nothing, offsets=np.zeros(1, np.int64))
        dtype = "uint32" if counter.sequences.n_symbols < 2**32 else "uint64"
        tables = add(work.count_part, parts, lags=self._lags, method=counter.kind, dtype=dtype)
        self._marks = add(work.nothing, tables)
        while len(tables) > 1:
            tables = add(work.add_tables, [tables[i : i + 2] for i in range(0, len(tables), 2)])
        return add(work.finish_cells if self._cells else work.finish_tables, tables, data=data)

    def _routing(self, parts: list[Any]) -> list[Any]:
        counter, add = self._counter, self._map
        borders, size, n_blocks = counter.plan.ranges, counter.data.alphabet_size, counter.data.n_blocks
        many = len(parts) > _MOST_MERGED and len(borders) - 1 > _COARSE
        coarse = borders[np.arange(_COARSE + 1) * (len(borders) - 1) // _COARSE] if many else borders
        routed = add(work.route_part, parts, lags=self._lags, borders=coarse)
        self._marks = add(work.nothing, routed)
        bundles = self._dealt(routed, len(coarse) - 1)
        while len(bundles[0]) > _MOST_MERGED:
            groups = [of[i : i + _MOST_MERGED] for of in bundles for i in range(0, len(of), _MOST_MERGED)]
            merged = add(work.together, groups, alphabet_size=size)
            each = len(merged) // len(bundles)
            bundles = [merged[start : start + each] for start in range(0, len(merged), each)]
        if many:
            bundles = [
                finer
                for first, last, of in zip(coarse[:-1], coarse[1:], bundles, strict=True)
                for finer in self._divided(of, borders[(borders >= first) & (borders <= last)])
            ]
        if self._cells:
            return add(work.merge_cells, bundles, alphabet_size=size)
        spans = list(zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True))
        tallies = add(work.merge_range, bundles, spans, n_blocks=n_blocks, alphabet_size=size)
        while len(tallies) > 1:
            tallies = add(work.add_all, [tallies[i : i + _ADDED] for i in range(0, len(tallies), _ADDED)])
        return tallies

    def _divided(self, bundles: list[Any], borders: Array) -> list[list[Any]]:
        """Bundles of a coarse range as those of the narrower ranges in it."""
        if len(borders) == 2:
            return [bundles]
        return self._dealt(self._map(work.divide_range, bundles, borders=borders), len(borders) - 1)

    def _dealt(self, lists: list[Any], n: int) -> list[list[Any]]:
        """Of futures of lists of n, those of all first items, of all second items, and so on."""
        numbers = [number for number in range(n) for _ in lists]
        items = self._map(operator.getitem, lists * n, numbers)
        return [items[start : start + len(lists)] for start in range(0, len(items), len(lists))]

    def _map(self, function: Callable[..., Any], *columns: Sequence[Any], **constants: Any) -> list[Any]:
        made = self._workers.map(function, *columns, priority=self._priority, **constants)
        self._made.update(made)
        if self._workers.stopped:  # meanwhile
            self.cancel()
            raise CancelledError
        return made
