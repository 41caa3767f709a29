"""How long estimates, nulls and what follows them will take: timed, and scaled to the whole corpus."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from miscope.counting.doors import Counter
from miscope.counting.fingerprint import FingerprintArray
from miscope.counting.tally import Kernel
from miscope.curve.asking import LagResult, Question, question
from miscope.curve.assembling import assemble, provenance
from miscope.curve.memory import concerned, correction, slowest_mode
from miscope.curve.symbols import _fair_pair
from miscope.estimation import nulls
from miscope.estimation.entropy import information
from miscope.estimation.jackknife import jackknife
from miscope.sequences.codes import histogram

__all__ = ["Estimating", "Run", "best", "n_pairs_at", "repeated", "timed"]

clock = time.perf_counter
"""What steps are timed by."""

_MOST_EXACT = 1024  # see `asking`: lags up to which the null is computed at each
_BETWEEN = 160  # of more, at how many about
_LONG = 0.03  # seconds from which a step is timed once
_WARM = 0.3  # seconds in which what runs cold at first may run again
_LISTED = 1e-5  # seconds a lag for what is done to results one by one
_QUICK = 0.005  # seconds below which calls are timed on all threads together


class Run(NamedTuple):
    """What of the arguments of `measure` matters for time and memory."""

    quantity: str
    estimator: str
    null: nulls.Null
    computed: str  # the null that is computed at every lag, or "none"
    n_surrogates: int  # 0 where none are drawn
    correct_memory: bool
    values: Any
    threads: int


def n_pairs_at(lengths: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Pairs at each lag in documents of these lengths, int64, shape (n_lags,)."""
    ordered = np.sort(lengths)
    beyond = np.searchsorted(ordered, lags, side="right")
    above = np.concatenate([np.cumsum(ordered[::-1])[::-1], [0]])
    return np.asarray(above[beyond] - lags * (len(ordered) - beyond))


class Estimating:
    """Seconds of estimating, of nulls that are computed, and of what is done with all lags together.

    Parameters
    ----------
    whole
        The corpus.
    run
        What is asked for.
    budget
        Seconds that timing a step may take, about.
    """

    def __init__(self, whole: Counter, run: Run, budget: float) -> None:
        self.whole, self.run, self.budget = whole, run, budget
        self.n, self.n_lags, self.size = len(whole.data.left), len(whole.lags), whole.data.alphabet_size
        self.pairs = n_pairs_at(whole.sequences.lengths, whole.lags)
        self.pool = ThreadPoolExecutor(run.threads)
        self.seen = whole.lags[:0]  # lags at which dependence is seen
        self.corrected = False

    def estimates(self, part: Counter, kernel: Kernel, counting: float, null: str, cells: bool) -> float:
        """Seconds of all estimates, and of a null that is computed, on all threads; `counting` takes so long a lag.

        Both are done together, as threads that count wait for those that estimate in Python.
        """
        run, lags = self.run, part.lags.tolist()
        results: list[LagResult] = []
        ask: Question = question(run.quantity, run.estimator, part, "none", self.values_for(part))

        def both() -> None:
            results[:] = self.pool.map(lambda lag: ask(kernel, lag), lags)

        each = max(repeated(both, self.budget) / len(lags) - counting, 0.0)
        if cells and part.method == "sparse":
            each *= self.n / len(part.data.left)
        seconds = each * self.n_lags
        if null == "none" or cells:
            return seconds
        return seconds + self.null(part, results, null == "document" and len(self.whole.sequences) > 1)

    def values_for(self, part: Counter) -> Any:
        """Numbers for the symbols, where the part has the same symbols."""
        values = self.run.values
        return None if values is not None and len(np.ravel(values)) != part.sequences.alphabet_size else values

    def null(self, part: Counter, results: list[LagResult], composed: bool) -> float:
        """Seconds for a null that is computed, at all lags."""
        run, whole = self.run, self.whole
        counts = _margin(whole)
        seen = whole.n_symbols_seen

        def chance(coarse: bool = False) -> float:
            joint = nulls.chance_fingerprint(counts, counts, coarse)
            return float(information(joint, counts, counts, seen, seen, run.estimator)[0])

        each, floor = self._calls(chance), chance()
        documents = cells = 0.0
        if composed:
            documents, cells = self._document_null(part, int(part.lags[0]))
            each += (documents + cells) / run.threads
        share = self.pairs / self.n
        n_anchors = len(np.unique(np.round(share * 8)))
        exact = self.n_lags if self.n_lags <= _MOST_EXACT else min(self.n_lags, n_anchors + _BETWEEN)
        seconds = each * exact
        blocks = whole.blocks.count
        if blocks:
            mi, pairs = (
                np.array([getattr(result, name) for result in results]).T for name in ("values", "block_pairs")
            )
            bars = jackknife(mi[0], mi[1:], pairs).stderr
            part_share = len(part.data.left) / self.n
            self.seen = part.lags[: len(results)][mi[0] - floor / part_share > 4 * bars]
            bar = bars[0] * np.sqrt(part_share)
            seconds += each * n_anchors  # the order of chance
            if abs(floor) >= 0.005 * bar:  # that of other lags may be larger
                left_out = (2 * documents + blocks * cells) / run.threads
                seconds += n_anchors * (left_out if composed else (blocks + 1) * self._calls(lambda: chance(True)))
        return seconds

    def _document_null(self, part: Counter, lag: int) -> tuple[float, float]:
        """Seconds for adding up the documents of the whole, and for the cells of their sum."""
        data = part.data
        both = best(lambda: nulls.document_fingerprints(data, lag), 2)
        one = data._replace(n_blocks=1, bounds=np.array([0, 1]))
        cells = max(best(lambda: nulls.document_fingerprints(one, lag, left_out=True), 2) - both, 0.1 * both)
        lengths = (part.sequences.lengths, self.whole.sequences.lengths)
        here, there = (nulls.document_work(each, self.size) - self.size**2 + 4 * int(each.sum()) for each in lengths)
        return max(both - cells, 0.0) * there / here, cells

    def _calls(self, call: Callable[[], object]) -> float:
        """Seconds of a call, of many on all threads."""
        alone = best(call, 2)
        if alone > _QUICK:
            return alone / self.run.threads
        n = 8 * self.run.threads
        return best(lambda: list(self.pool.map(lambda _: call(), range(n))), 2) / n

    def correcting(self, part: Counter) -> float:
        """Seconds for long memory in few documents."""
        run, whole = self.run, self.whole
        wanted = run.correct_memory and run.quantity == "mutual_information" and run.estimator != "bracket"
        if not (wanted and whole.blocks.count and concerned(whole.sequences.lengths)):
            return 0.0
        if not len(self.seen):
            return best(lambda: histogram(part.data.left, self.size), 1) * self.n / len(part.data.left)
        self.corrected = True
        lags = part.lags[: min(len(part.lags), 8)]
        one, more = (Counter(part.sequences, each, part.blocks.count, part.method) for each in (lags[:1], lags))
        first, mode = timed(lambda: slowest_mode(one, self.seen))
        if mode is None:
            return first * self.n / len(part.data.left)
        rest = max(0.0, best(lambda: slowest_mode(more, self.seen), 2) - first) / max(len(lags) - 1, 1)
        bars = np.full(len(one.lags), 1e-3)
        offsets = whole.data.offsets if len(part.data.left) == self.n else part.data.offsets
        given, _ = timed(lambda: correction(mode, one.lags, offsets, 2, bars, _fair_pair))
        strides = [n / (1 + 2 * (n // 2**20)) for n in (self.n, len(part.data.left))]
        grown = self.n / len(part.data.left)
        return first * grown + rest * self.n_lags * strides[0] / strides[1] + given * float(np.sqrt(grown))

    def assembling(self) -> float:
        """Seconds to put the curve together."""
        n, blocks = min(self.n_lags, 2048), self.whole.blocks.count
        values = np.random.default_rng(0).random((blocks + 1, n))
        pairs = np.full((max(blocks, 1), n), 1000)
        about = provenance({}, None)

        def run() -> object:
            return assemble(
                self.whole.lags[:n],
                values,
                values / 2,
                np.zeros(n),
                pairs,
                freedom=1.0,
                chance_bias=values[0] / 4,
                chance=None,
                estimator="miller_madow",
                null_name="global",
                quantity="mutual_information",
                label="",
                unit="nats",
                provenance=about,
            ).significant()

        return (3 * best(run, 2) / n + _LISTED) * self.n_lags


def _margin(whole: Counter) -> FingerprintArray:
    counts = whole.sequences.histogram()
    return FingerprintArray.from_counts([counts[counts > 0]])


def timed(task: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that a step takes, and what comes of it."""
    start = clock()
    found = task()
    return clock() - start, found


def best(task: Callable[[], object], times: int) -> float:
    """Shortest of so many runs, or one that is long enough."""
    first = timed(task)[0]
    return first if first > _LONG else min([first, *(timed(task)[0] for _ in range(times - 1))])


def repeated(task: Callable[[], object], budget: float) -> float:
    """Median of as many runs as fit, three at most, after a first that finds caches cold where there is time for it."""
    found = [timed(task)[0]]
    while len(found) < 4 and sum(found) + found[0] < max(3 * budget, _WARM):
        found.append(timed(task)[0])
    return float(np.median(found[1:] or found))
