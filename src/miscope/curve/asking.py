"""What is asked of a kernel at one lag: an estimate and its null, whole and with each block left out."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from miscope.counting.doors import Counter
from miscope.counting.fingerprint import FingerprintArray
from miscope.counting.tally import Cells, Kernel, LagFingerprints
from miscope.curve.result import QUANTITIES
from miscope.errors import InputError, choice
from miscope.estimation import nulls
from miscope.estimation.association import correlation, rational_information
from miscope.estimation.bracket import bracket
from miscope.estimation.entropy import ESTIMATORS, information
from miscope.estimation.jackknife import jackknife

__all__ = ["LagResult", "Question", "between_anchors", "is_drawn", "question"]

_MOST_NULL_SYMBOLS = 2048  # beyond, the tables of a document null are drawn rather than computed
_MOST_NULL_WORK = 50_000_000
_ANCHORS = 8


class LagResult(NamedTuple):
    """One lag: index 0 of `values` and `null` is the whole, index 1 + j has block j left out."""

    values: np.ndarray
    null: np.ndarray  # left-out values are nan where they are to be interpolated
    chance: float
    block_pairs: np.ndarray
    order: float = np.nan  # p where chance falls as n_pairs^-p; nan where it is not known


class Question(Protocol):
    """An estimate to be made at one lag, whatever kernel counts."""

    def __call__(self, kernel: Kernel, lag: int) -> LagResult:
        """Count one lag and estimate."""
        ...


def question(quantity: str, estimator: str, counter: Counter, null: str, values: Any = None) -> Question:
    """The question to ask for a quantity; `null` is one that can be computed, or "none"."""
    choice(quantity, QUANTITIES, "quantity")
    if values is not None and quantity != "correlation":
        raise InputError('values are for quantity="correlation"')
    if quantity == "mutual_information" and estimator == "bracket":
        return _Bracket(counter)
    if quantity == "mutual_information":
        return _Information(estimator, counter, null)
    return _Association(quantity, counter, _symbol_values(values, counter))


def is_drawn(null: nulls.Null, counter: Counter, quantity: str) -> bool:
    """Whether a null has to be drawn, having no mean that can be computed in reasonable time."""
    if callable(null) or null == "rotate":
        return True
    if null == "none":
        return False
    if quantity != "mutual_information":
        return True
    size, lengths = counter.data.alphabet_size, counter.sequences.lengths
    if null == "global" or len(lengths) == 1:
        return False
    most = max(_MOST_NULL_WORK, 50 * counter.sequences.n_symbols)
    return size > _MOST_NULL_SYMBOLS or nulls.document_work(lengths, size) > most


def between_anchors(results: list[LagResult]) -> np.ndarray:
    """Nulls of all lags, shape (n_blocks + 1, n_lags), left-out ones interpolated between the anchors.

    What leaving out a block changes in a null depends on the lag only through which symbols have a partner at all.
    """
    null = np.array([result.null for result in results]).T
    at = np.arange(null.shape[1], dtype=np.float64)
    for row in null[1:]:
        change = row - null[0]
        known = ~np.isnan(change)
        row[:] = null[0] + (np.interp(at, at[known], change[known]) if known.any() else 0.0)
    return null


class _Information:
    """Mutual information from fingerprints."""

    def __init__(self, estimator: str, counter: Counter, null: str) -> None:
        choice(estimator, [*ESTIMATORS, "bracket", "gaussian"], "estimator")
        self._estimator, self._counter, self._null = estimator, counter, null
        # Lags at which about another tenth of the pairs has gone.
        share = np.array([counter.pairs_at(int(lag)) for lag in counter.lags]) / counter.sequences.n_symbols
        _, first = np.unique(np.round(share * _ANCHORS), return_index=True)
        self._anchors = {int(lag) for lag in counter.lags[first]}

    def __call__(self, kernel: Kernel, lag: int) -> LagResult:
        counts = kernel.fingerprints(lag)
        mi = self._estimate(counts.joint, counts.left, counts.right)
        null = np.zeros(len(mi))
        if self._null == "none":
            return LagResult(mi, null, 0.0, counts.block_pairs)
        chance = self._with_joint(nulls.chance_fingerprint(counts.left[:1], counts.right[:1]), counts)
        composed = self._null == "document" and self._counter.sequences.n_documents > 1
        null[:] = self._with_joint(nulls.document_fingerprints(self._counter.data, lag), counts) if composed else chance
        order = np.nan
        if len(mi) > 1:
            null[1:] = np.nan
            if lag in self._anchors:
                null[1:] = null[0] + self._changes(counts, lag, mi, null[0], composed)
                order = self._order(counts, chance)
        return LagResult(mi, null, chance, counts.block_pairs, order)

    def _order(self, counts: LagFingerprints, chance: float) -> float:
        """By which power of the number of pairs chance falls: from the marginals with the first block left out."""
        left, right = counts.left[1:2], counts.right[1:2]
        kept = counts.block_pairs[1:].sum() / counts.block_pairs.sum()
        if not 0 < kept < 1:
            return np.nan
        less = float(self._estimate(nulls.chance_fingerprint(left, right), left, right)[0])
        return float(np.log(less / chance) / -np.log(kept)) if less * chance > 0 else np.nan

    def _changes(self, counts: LagFingerprints, lag: int, mi: np.ndarray, null: float, composed: bool) -> np.ndarray:
        """By how much leaving out each block changes the null, shape (n_blocks,)."""
        bar = jackknife(mi[:1], mi[1:, None], counts.block_pairs[:, None]).stderr[0]
        if abs(null) < 0.02 * bar:
            return np.zeros(len(mi) - 1)  # a null far below the bar changes by less still
        if composed:
            joint = nulls.document_fingerprints(self._counter.data, lag, left_out=True)
        else:
            sides = [(counts.left[j : j + 1], counts.right[j : j + 1]) for j in range(len(mi))]
            joint = FingerprintArray.concatenate([nulls.chance_fingerprint(*side, coarse=True) for side in sides])
        values = self._estimate(joint, counts.left, counts.right)
        return np.asarray(values[1:] - values[0])

    def _with_joint(self, joint: FingerprintArray, counts: LagFingerprints) -> float:
        return float(self._estimate(joint, counts.left[:1], counts.right[:1])[0])

    def _estimate(self, joint: FingerprintArray, left: FingerprintArray, right: FingerprintArray) -> np.ndarray:
        seen = self._counter.n_symbols_seen
        return information(joint, left, right, seen, seen, self._estimator)


class _Bracket:
    """Upper bounds, with the gap down to held-out lower bounds as their null."""

    def __init__(self, counter: Counter) -> None:
        self._data = counter.data
        if self._data.n_blocks < 2:
            raise InputError('estimator="bracket" learns on all blocks but one, in turn: give blocks, for example 32')

    def __call__(self, kernel: Kernel, lag: int) -> LagResult:
        cells = kernel.cells(lag)
        upper, lower = bracket(cells, self._data.alphabet_size, self._data.n_blocks)
        return LagResult(upper, upper - lower, 0.0, _pairs_of_blocks(cells))


class _Association:
    """Rational mutual information or correlation, from the counts themselves."""

    def __init__(self, quantity: str, counter: Counter, numbers: np.ndarray | None) -> None:
        self._quantity, self._data, self._numbers = quantity, counter.data, numbers

    def __call__(self, kernel: Kernel, lag: int) -> LagResult:
        cells = kernel.cells(lag)
        size, n_blocks = self._data.alphabet_size, self._data.n_blocks
        if self._quantity == "rational":
            values = rational_information(cells, size, n_blocks)
        else:
            values = correlation(cells, size, n_blocks, self._numbers)
        return LagResult(values, np.zeros(len(values)), 0.0, _pairs_of_blocks(cells))


def _pairs_of_blocks(cells: Cells) -> np.ndarray:
    return np.array([part.sum() for part in np.split(cells.counts, cells.offsets[1:-1])])


def _symbol_values(values: Any, counter: Counter) -> np.ndarray | None:
    if values is None:
        return None
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("values must be numbers, one for each symbol of the alphabet") from None
    expected = counter.sequences.alphabet_size
    if numbers.shape != (expected,) or not np.isfinite(numbers).all():
        raise InputError(f"values must be {expected} finite numbers, one for each symbol of the alphabet")
    return numbers if counter.data.alphabet_size == expected else numbers[counter.symbols]
