"""Curves of symbols, from the counts of pairs at each lag."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from miscope.counting.counted import Counted, Progress
from miscope.counting.doors import Counter
from miscope.counting.memory import Memory, Remaining, memory_beside, memory_budget
from miscope.curve.asking import LagResult, ask_all, is_drawn, nulls_of_all, question
from miscope.curve.assembling import assemble, drawn_floor, provenance
from miscope.curve.memory import Correction, concerned, correction, slowest_mode
from miscope.curve.result import MICurve
from miscope.errors import InputError
from miscope.estimation import nulls
from miscope.estimation.jackknife import false_discovery, jackknife, one_sided_p
from miscope.sequences.stores import is_mapped

__all__ = ["measure_symbols"]

_LEFT_FOR_COUNTING = 4  # times what a surrogate may take of memory
_EXPANDED = ("miller_madow", "zhang")  # smooth estimators whose own correction leaves little of chance
_MOST_FIRST_ORDER = 0.5  # nats of chance to first order, beyond which nothing is expanded in it


def measure_symbols(
    counter: Counted,
    *,
    quantity: str,
    estimator: str,
    null: nulls.Null,
    values: Any,
    label: str | None,
    seed: int,
    correct_bias: bool,
    n_surrogates: int,
    correct_memory: bool,
    threads: int | None,
    progress: Progress | None,
) -> MICurve:
    """A curve of a corpus made ready for counting; the arguments are those of `measure`, checked."""
    name = nulls.check_null(null)
    if estimator == "bracket":
        null, name = "none", "held-out"
    drawn = is_drawn(null, counter, quantity)
    computed = "none" if callable(null) else ("global" if drawn else null)
    ask = question(quantity, estimator, counter, computed, values)
    report = None if progress is None else _Passes(progress, 1 + n_surrogates * drawn)
    results = ask_all(counter, ask, threads, report)
    floor, chance = nulls_of_all(counter, ask, results, threads)
    floor_stderr = np.zeros(len(results))
    if drawn:

        def estimates_of(k: int) -> np.ndarray:  # each surrogate is let go before the next is drawn
            other = _surrogate_counter(null, counter, np.random.default_rng([seed, k]))
            found = ask_all(other, question(quantity, estimator, other, "none", values), threads, report)
            return np.array([result.values for result in found]).T

        surrogates = np.array([estimates_of(k) for k in range(n_surrogates)])
        floor, floor_stderr = drawn_floor(surrogates, floor, counter.blocks)
    estimates = np.array([result.values for result in results]).T
    if counter.n_symbols_seen == 1:  # what is left of 0 in floating point is not to be shown as a value
        estimates, floor = np.zeros_like(estimates), np.zeros_like(floor)
    block_pairs = np.array([result.block_pairs for result in results]).T
    is_information = quantity == "mutual_information"
    freedom = (counter.n_symbols_seen - 1.0) ** 2 if is_information else 0.0
    chance_bias = memory = None
    if correct_bias and not drawn and estimator in _EXPANDED and is_information:
        chance_bias = _chance_bias(results, freedom, chance, floor if name == "document" else floor[:1], block_pairs)
    if correct_memory and is_information and estimator != "bracket" and counter.blocks.count:
        memory = _correction(counter, estimates, floor, block_pairs)
    return assemble(
        counter.lags,
        estimates,
        floor,
        floor_stderr,
        block_pairs,
        memory,
        chance_bias=chance_bias,
        freedom=freedom,
        chance=chance if name == "document" else None,
        estimator=estimator,
        null_name=name,
        quantity=quantity,
        label=label if label is not None else str(counter.sequences.provenance.get("label", "")),
        unit="nats" if is_information else "",
        provenance=_provenance(counter, memory, {"name": name, "surrogates_drawn": n_surrogates * drawn}, seed),
    )


def _provenance(counter: Counted, memory: Correction | None, null: dict[str, Any], seed: int) -> dict[str, Any]:
    return provenance(
        counter.sequences.provenance,
        memory,
        n_symbols=counter.sequences.n_symbols,
        n_documents=counter.sequences.n_documents,
        n_symbols_seen=counter.n_symbols_seen,
        method=counter.method,
        blocks=counter.blocks.count,
        borders_inside_documents=counter.blocks.n_cut,
        null=null,
        seed=seed,
    )


def _surrogate_counter(null: nulls.Null, counter: Counted, generator: np.random.Generator) -> Counter:
    """A counter for one draw from a null: its own right side, or whole sequences of the user's.

    What is drawn is within the memory that counting may use: a quarter of it, or else in a temporary file.
    """
    sequences, n_blocks = counter.sequences, counter.blocks.count
    method, limit = (counter.method, counter.memory) if isinstance(counter, Counter) else ("auto", memory_budget())
    if not callable(null):
        right = nulls.surrogate(sequences, null, generator, limit / _LEFT_FOR_COUNTING)
        memory = _beside(right, limit)
        if null == "document":  # both sides permuted as one, so that no symbol is paired with itself
            shuffled = dataclasses.replace(sequences, codes=right)
            return Counter(shuffled, counter.lags, n_blocks, method, max_memory=memory)
        return Counter(sequences, counter.lags, n_blocks, method, right, aligned=null == "rotate", max_memory=memory)
    drawn = nulls.call_null(null, sequences, generator)
    if not np.array_equal(drawn.offsets, sequences.offsets):
        raise InputError(
            "a null must return sequences with the documents' lengths unchanged, so that blocks correspond"
        )
    memory = Remaining(limit) if drawn is sequences else _beside(drawn.codes, limit)
    return Counter(drawn, counter.lags, n_blocks, "auto", max_memory=memory)


def _beside(drawn: np.ndarray, limit: int) -> Memory:
    """What is left for counting beside codes that were drawn."""
    return memory_beside(Remaining(limit), 0 if is_mapped(drawn) else drawn.nbytes, "the symbols drawn from the null")


class _Passes:
    """Progress over several passes that count the same pairs."""

    def __init__(self, progress: Progress, n_passes: int) -> None:
        self._progress, self._n_passes, self._before, self._last = progress, n_passes, 0, 0

    def __call__(self, done: int, total: int) -> None:
        if done < self._last:
            self._before += total
        self._last = done
        self._progress(min(self._before + done, self._n_passes * total), self._n_passes * total)


def _chance_bias(
    results: list[LagResult], freedom: float, chance: np.ndarray, floor: np.ndarray, block_pairs: np.ndarray
) -> np.ndarray:
    """What leaving out blocks makes of chance, shape (n_lags,): if chance falls as ``n^-p``, p times it.

    It is the chance left over by the estimator's own correction. Where that is more than a quarter of what chance gives
    to first order, or that is itself large, tables are too empty for an expansion in 1/n: nan.

    A null by document has more, since how the compositions of these documents happen to differ biases the estimate and
    its null alike: what leaving out blocks makes of that null (`floor`), where it was computed.
    """
    orders = np.array([result.order for result in results])
    order = np.median(orders[np.isfinite(orders)]) if np.isfinite(orders).any() else 1.0
    bias = order * chance
    first = freedom / (2 * np.maximum(block_pairs.sum(axis=0), 1))
    known = (np.abs(bias) < first / 4) & (first < _MOST_FIRST_ORDER)
    if len(floor) > 1:
        computed = (floor[1:] != floor[0]).any(axis=0)
        bias = np.where(computed, floor[0] - jackknife(floor[0], floor[1:], block_pairs).corrected, bias)
    return np.where(known, bias, np.nan)


def _correction(counter: Counted, values: np.ndarray, floor: np.ndarray, block_pairs: np.ndarray) -> Correction | None:
    if not (isinstance(counter, Counter) and concerned(counter.sequences.lengths)):
        return None
    excess = values - floor
    held = block_pairs[: counter.blocks.count]
    bars = jackknife(excess[0], excess[1:], held)
    seen = np.nan_to_num(false_discovery(one_sided_p(excess[0], bars.stderr, bars.degrees)), nan=1.0) <= 0.05
    mode = slowest_mode(counter, counter.lags[seen])
    if mode is None:
        return None
    offsets = counter.data.offsets
    return correction(mode, counter.lags, offsets, counter.blocks.count, bars.stderr, _fair_pair)


def _fair_pair(c: np.ndarray) -> np.ndarray:
    """Mutual information of two fair symbols with correlation c: to leading order, that of any pair with one mode."""
    return np.asarray(((1 + c) * np.log1p(c) + (1 - c) * np.log1p(-c)) / 2)
