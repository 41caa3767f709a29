"""How long `measure` will take: its steps, timed on a small part of the data, and scaled to the whole.

Counting is timed at some of the wanted lags, on as many symbols as a few hundredths of a second allow (often all), and
scaled by the model of `counting.costs`. Nulls that can be computed depend on the corpus through its marginal counts,
and are timed on those of the whole. Everything runs once before, on a few symbols, so that it is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from miscope.counting.costs import FOURIER_COSTS, predict
from miscope.counting.doors import Counter
from miscope.counting.fourier import FourierKernel
from miscope.counting.sparse import SparseKernel
from miscope.counting.streaming import PIECE, StreamedSparse
from miscope.curve.asking import _Information, question
from miscope.curve.rehearsed_estimates import Estimating, Run, best, n_pairs_at, repeated, timed
from miscope.curve.symbols import _surrogate_counter, measure_symbols
from miscope.sequences import Sequences

__all__ = ["Run", "Seconds", "n_pairs_at", "part_of", "rehearse"]

_SHORTEST, _LONGEST = 0.05, 0.4  # seconds that timing a step may take, about
_LONGEST_SPARSE = 1.0
_TRIED_OF = 4  # ranges of symbols of which one is tried, about, in a larger part
_SHARE = 0.05  # of the predicted time, between these
_LEAST = 2**17  # symbols that are counted at least, if there are so many
_FEWEST_LAGS = 128  # that the Fourier kernel is tried with


class Seconds(NamedTuple):
    """Predicted seconds."""

    prepare: float
    counting: float
    estimate: float
    surrogates: float
    corrected: bool  # whether long memory in few documents will be looked for


def part_of(whole: Counter, n: int, at_longest: bool = False) -> Sequences:
    """So many neighbouring symbols, from the middle or around the longest document; symbols coded as for counting."""
    data, total = whole.data, len(whole.data.left)
    n = min(n, total)
    start = (total - n) // 2
    if at_longest:
        start = min(int(data.offsets[np.argmax(np.diff(data.offsets))]), total - n)
    offsets = np.unique(np.clip(data.offsets, start, start + n)) - start
    return Sequences(data.left[start : start + n], offsets, data.alphabet_size)


def rehearse(whole: Counter, run: Run, step: Callable[[], object]) -> Seconds:
    """Predict the seconds of each part of a run, after everything has been compiled, which is a `step` of its own."""
    _warm_up(whole, run)
    step()
    about = (len(whole.data.left), whole.sequences.n_documents, whole.data.alphabet_size, len(whole.lags))
    total = predict(whole.method, *about, whole.blocks.count)
    rehearsal = _Rehearsal(whole, run, float(np.clip(_SHARE * total / run.threads, _SHORTEST, _LONGEST)))
    try:
        return rehearsal.seconds()
    finally:
        rehearsal.pool.shutdown()


def _warm_up(whole: Counter, run: Run) -> None:
    """Run everything on a few symbols."""
    few = part_of(whole, 4096, at_longest=True)
    lags = [1, 2] if few.longest > 2 else [1]
    method = whole.method
    if method == "fourier":
        lags = list(range(1, max(2, min(few.longest, 200))))
    blocks = min(whole.blocks.count, few.n_symbols // 2)
    counter = Counter(few, lags, 0 if blocks < 2 else blocks, method)
    values = run.values
    if values is not None and len(np.ravel(values)) != few.alphabet_size:
        values = None
    measure_symbols(
        counter,
        quantity=run.quantity,
        estimator=run.estimator,
        null=run.null,
        values=values,
        label=None,
        seed=0,
        correct_bias=True,
        n_surrogates=2,
        correct_memory=run.correct_memory,
        threads=run.threads,
        progress=None,
    )
    if whole.streams and method == "sparse":
        with ThreadPoolExecutor(1) as pool:
            StreamedSparse(counter.data, counter.lags, whole.memory).count(counter.lags, pool, _nobody)


def _nobody(_: int) -> None:
    """Wants to know of progress."""


class _Rehearsal(Estimating):
    """All parts of a run."""

    def seconds(self) -> Seconds:
        """All parts."""
        whole, run = self.whole, self.run
        part = self._part(self.whole.method)
        prepare, count, estimate = self._pass(part, run.computed)
        surrogates = 0.0
        if run.n_surrogates:
            draw, other = timed(lambda: _surrogate_counter(run.null, part, np.random.default_rng(0)))
            if other.method != "fourier" and len(other.lags) > 64:  # which is counted lag by lag
                object.__setattr__(other, "lags", other.lags[:: len(other.lags) // 32])
            surrogates = run.n_surrogates * (draw * self.n / len(part.data.left) + sum(self._pass(other, "none")))
        estimate += self.correcting(part) + self.assembling()
        if self.whole.method != "fourier":  # pairs to report progress of
            prepare += 2 * self.n_lags * best(lambda: whole.pairs_at(int(whole.lags[0])), 3)
        return Seconds(prepare, count, estimate, surrogates, self.corrected)

    # Counting

    def _lag_cost(self, method: str, pairs: float) -> float:
        """Seconds of a lag with so many pairs, as the model has it."""
        documents = self.whole.sequences.n_documents * pairs / max(1, self.n)
        about = (int(pairs), int(documents) + 1, self.size)
        return predict(method, *about, 1, self.whole.blocks.count) - predict(method, *about, 0, self.whole.blocks.count)

    def _prepare_cost(self, method: str, n: int) -> float:
        return predict(method, n, self.whole.sequences.n_documents, self.size, 0, self.whole.blocks.count)

    def _part(self, method: str) -> Counter:
        """A part of the corpus with some of the lags: as much as can be counted in the time for it."""
        whole, n, threads = self.whole, self.n, self.run.threads
        if method == "fourier":
            return self._fourier_part()
        least = min(n, max(_LEAST, 2 * int(whole.lags[-1])))
        # The more symbols, the farther away is the sparse kernel's memory: as many as a second allows.
        budget = _LONGEST_SPARSE if method == "sparse" and not whole.streams else self.budget
        while n // 2 >= least and self._prepare_cost(method, n) + 2 * self._lag_cost(method, n) > budget:
            n //= 2
        each = max(self._lag_cost(method, n), 1e-5) / threads
        k = int(np.clip(self.budget / each, 2 * threads, 64 * threads)) // threads * threads
        k = min(k, self.n_lags)
        at = whole.lags[((np.arange(k) + 0.5) / k * self.n_lags).astype(int)]
        if n == self.n and method == self.whole.method:
            same = copy(whole)
            object.__setattr__(same, "lags", np.unique(at))
            return same
        sequences = part_of(whole, n)
        if sequences.longest <= at[-1]:
            sequences = part_of(whole, n, at_longest=True)
        lags = np.unique(np.minimum(at, sequences.longest - 1))
        blocks = min(whole.blocks.count, sequences.n_symbols)
        return Counter(sequences, lags, blocks, method, max_memory=whole.memory)

    def _fourier_part(self) -> Counter:
        """As many symbols and lags as the Fourier kernel counts in the time for it."""
        whole, smaller = self.whole, 1
        blocks = whole.blocks.count
        while (
            self.n / smaller > _LEAST
            and self.n_lags / smaller > 2 * _FEWEST_LAGS
            and self._all_lags(smaller) > self.budget * self.run.threads
        ):
            smaller *= 2
        sequences = part_of(whole, self.n // smaller)
        if sequences.longest <= whole.lags[-1] // smaller:
            sequences = part_of(whole, self.n // smaller, at_longest=True)
        n_lags = self.n_lags
        if sequences.longest > whole.lags[-1] // smaller:
            n_lags //= smaller
        lags = whole.lags[whole.lags < sequences.longest][:n_lags]
        return Counter(sequences, lags, min(blocks, sequences.n_symbols), "fourier", max_memory=2**31)

    def _all_lags(self, smaller: int) -> float:
        about = (max(1, self.whole.sequences.n_documents // smaller), self.size)
        return predict("fourier", self.n // smaller, *about, self.n_lags // smaller, self.whole.blocks.count)

    def _growth(self, part: Counter) -> float:
        """How much longer a lag of the whole takes than one of the part."""
        there = n_pairs_at(part.sequences.lengths, part.lags)
        if len(part.data.left) == self.n and len(part.lags) == self.n_lags:
            return 1.0
        costs = [np.mean([self._lag_cost(part.method, p) for p in _some(pairs)]) for pairs in (self.pairs, there)]
        return float(costs[0] / costs[1])

    def _sparse_lag(self, part: Counter, each: float, ask: Callable[[int], object]) -> float:
        """Seconds of a lag of the whole for the sparse kernel, whose memory is farther away the more symbols there are.

        A lag takes what it takes with hardly any symbols, and so much a pair, growing with each doubling.
        """
        n = len(part.data.left)
        nothing = best(lambda: self._little(part).fingerprints(1), 2) / self.run.threads
        lag = int(part.lags[0])
        less = part_of(part, n // 4)
        less = less if less.longest > 1 else part_of(part, n // 4, at_longest=True)
        quarter = Counter(less, [1], min(part.blocks.count, n // 4), "sparse")
        kernel = SparseKernel(quarter.data._replace(alphabet_size=self.size))
        one, fewer = best(lambda: ask(lag), 2), best(lambda: kernel.fingerprints(1), 2)
        alone = nothing * self.run.threads
        pair, smaller = max(one - alone, 0.0) / n, max(fewer - alone, 0.0) / (n // 4)
        slower = float(np.clip(pair / max(smaller, 1e-12), 1.0, 1.4)) ** 0.5  # for each doubling
        slower = 1 + (slower - 1) * np.log2(self.n / n)
        pairs = n_pairs_at(part.sequences.lengths, part.lags).mean()
        return float(nothing + max(each - nothing, 0.0) / pairs * self.pairs.mean() * slower)

    def _little(self, part: Counter) -> SparseKernel:
        """The sparse kernel, with all that it needs for these kinds of symbols, and hardly any symbols."""
        few = part_of(part, 4096, at_longest=True)
        counter = Counter(few, [1], min(part.blocks.count, 64), "sparse")
        data = counter.data
        bounds = np.linspace(0, few.n_symbols, len(part.data.bounds)).astype(np.int64)
        return SparseKernel(data._replace(alphabet_size=self.size, bounds=bounds, n_blocks=part.data.n_blocks))

    def _pass(self, part: Counter, null: str) -> tuple[float, float, float]:
        """Seconds to prepare for one pass over the whole, to count, and to estimate with a computed null."""
        whole = self.whole
        if part.method == "fourier":
            return self._fourier(null, part)
        cells = self.run.quantity != "mutual_information" or self.run.estimator == "bracket"
        prepare, kernel = timed(_in_memory(part).kernel)
        prepare *= self._prepare_cost(part.method, self.n) / self._prepare_cost(part.method, len(part.data.left))
        lags = part.lags.tolist()
        ask = kernel.cells if cells else kernel.fingerprints
        each = repeated(lambda: list(self.pool.map(ask, lags)), self.budget) / len(lags)
        if part.method == "sparse" and len(part.data.left) < self.n and not cells:
            count = self._sparse_lag(part, each, ask) * self.n_lags
        else:
            count = each * self.n_lags * self._growth(part)
        if whole.streams and part.method == "sparse":
            prepare, count = self._streamed_sparse(part)
        elif whole.streams:
            batches = len(whole.kernel().batches())  # type: ignore[attr-defined]
            prepare = batches * (prepare + self._reading() / self.run.threads)
        return prepare, count, self.estimates(part, kernel, each, null, cells)

    def _fourier(self, null: str, part: Counter) -> tuple[float, float, float]:
        """As `_pass`, for the Fourier kernel: fewer symbols and fewer lags, which then share their work alike."""
        whole, run = self.whole, self.run
        prepare, kernel = timed(whole.kernel)
        assert isinstance(kernel, FourierKernel)
        small = FourierKernel(part.data, part.lags, part.memory, kernel)
        lags = small.batches()[0]
        pieces = [lags[start : start + small.width] for start in range(0, len(lags), small.width)]
        several = pieces[: 4 * run.threads]
        n_tried = sum(map(len, several))
        count = repeated(lambda: small.count(lags, self.pool, _nobody), self.budget)
        ask: Any = question(run.quantity, run.estimator, part, "none", self.values_for(part))
        if isinstance(ask, _Information):
            tables = best(lambda: list(self.pool.map(small.fingerprints_of, several)), 2) / n_tried
            both = best(lambda: list(self.pool.map(lambda each: ask.many(small, each), several)), 2) / n_tried
            results = [result for each in several for result in ask.many(small, each)]
        else:
            single = [int(lag) for each in several for lag in each]
            tables, results = 0.0, []
            both = best(lambda: list(self.pool.map(lambda lag: ask(small, lag), single)), 1) / n_tried
        batches = kernel.batches()
        work = sum(_spectral(kernel, batch) for batch in batches) / _spectral(small, lags)
        if isinstance(ask, _Information):  # of what tables take, pairs counted singly grow with the corpus
            tables = max(tables - self._singly(small, several), 0.1 * tables)
            tables += self._singly(kernel, self._tiles(kernel))
        counting = count * work + tables * self.n_lags
        estimate = max(both - tables, 0.0) * self.n_lags
        if null != "none" and results:
            at = np.array([result.block_pairs.sum() for result in results])
            estimate += self.null(part, results, null == "document" and len(whole.sequences) > 1) * (len(at) > 0)
        return prepare, counting, estimate

    def _tiles(self, kernel: FourierKernel) -> list[np.ndarray]:
        """Some neighbouring lags for each thread, as many as the time for it allows."""
        width = int(np.clip(self.budget / (FOURIER_COSTS[3] * 1e-9 * max(kernel.n_singles, 1)), 8, kernel.width))
        starts = (np.arange(self.run.threads) + 0.5) / self.run.threads * self.n_lags - width / 2
        return [kernel.lags[max(0, int(start)) :][:width] for start in starts]

    def _singly(self, kernel: FourierKernel, tiles: list[np.ndarray]) -> float:
        """Seconds a lag for the pairs that the Fourier kernel counts one by one."""
        shape = (max(kernel.data.n_blocks, 1), kernel.data.alphabet_size, kernel.data.alphabet_size)

        def count(lags: np.ndarray) -> None:
            kernel.count_singly(lags, np.zeros((len(lags), *shape), kernel._type))

        return best(lambda: list(self.pool.map(count, tiles)), 2) / sum(map(len, tiles))

    def _streamed_sparse(self, part: Counter) -> tuple[float, float]:
        """Seconds for the readings of the sparse kernel over a corpus in pieces, and for counting what they gather.

        Two of the ranges of symbols are gathered and counted, from a part of the corpus, with as much less memory.
        """
        whole = self.whole
        wanted = StreamedSparse(whole.data, whole.lags, whole.memory)
        batches = wanted.batches()
        n_ranges = len(wanted._ranges(len(batches[0])))
        n = min(self.n, len(part.data.left) * max(1, n_ranges // _TRIED_OF))
        larger = part_of(whole, n)
        larger = larger if larger.longest > int(batches[0][-1]) else part_of(whole, n, at_longest=True)
        lags = np.unique(np.minimum(batches[0], larger.longest - 1))
        blocks = min(whole.blocks.count, larger.n_symbols)
        data = Counter(larger, lags, blocks, "sparse").data
        share = larger.n_symbols / self.n
        kernel = StreamedSparse(data, lags, int(whole.memory * share))
        ranges = kernel._ranges(len(lags))
        tried = [ranges[len(ranges) // 4], ranges[(3 * len(ranges)) // 4]]
        gather = tally = 0.0
        for first, last in tried:
            seconds, held = timed(partial(kernel._gather, first, last, lags, self.pool))
            gather += seconds / len(tried)
            tally += timed(partial(kernel.tally, held, lags, self.pool))[0] / len(tried)
        little = self._little(part).data
        few = lags[: self.run.threads]
        nothing = best(lambda: StreamedSparse(little, few, 2**62).count(few, self.pool, _nobody), 2) / len(few)
        n_lags = sum(map(len, batches))
        tally = max(tally - nothing * len(lags), 0.1 * tally) / share + nothing * len(lags)
        readings = n_ranges * n_lags / len(lags)
        return gather / share * readings, tally * readings

    def _reading(self) -> float:
        """Seconds to read the corpus once."""
        codes = self.whole.data.left
        n = min(len(codes), PIECE)
        start = (len(codes) - n) // 2
        return timed(lambda: np.array(codes[start : start + n]))[0] * len(codes) / n


def _spectral(kernel: FourierKernel, lags: np.ndarray) -> float:
    """What the Fourier kernel does to count a batch of lags, in a unit of its own."""
    transform, product, inverse, _ = FOURIER_COSTS
    n, octaves = len(kernel.symbols), np.log2(2.0 * max(len(lags), 2))
    n_symbols = float((kernel._long.stop - kernel._long.start).sum())
    there = n**2 * inverse * max(kernel.data.n_blocks, 1) * len(lags) * octaves
    return float(n_symbols * (n * transform * octaves + n**2 * product + 1) + there)


def _some(pairs: np.ndarray) -> list[float]:
    """Evenly spaced values of a long array."""
    n = min(len(pairs), 64)
    return [float(p) for p in pairs[((np.arange(n) + 0.5) / n * len(pairs)).astype(int)]]


def _in_memory(part: Counter) -> Counter:
    """The same, taken whole."""
    roomy = copy(part)
    object.__setattr__(roomy, "memory", 2**62)
    return roomy
