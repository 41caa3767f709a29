"""What is asked of a kernel at each lag: an estimate and its null, whole and with each block left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np

from miscope.counting.counted import Counted, Progress
from miscope.counting.doors import Counter, thread_count
from miscope.counting.fingerprint import FingerprintArray
from miscope.counting.fourier import FourierKernel
from miscope.counting.memory import CELL_BYTES
from miscope.counting.tally import Cells, Kernel, LagFingerprints
from miscope.curve.result import QUANTITIES
from miscope.errors import InputError, choice
from miscope.estimation import nulls
from miscope.estimation.association import correlation, rational_information
from miscope.estimation.bracket import bracket
from miscope.estimation.entropy import ESTIMATORS, estimator, information, miller_madow
from miscope.estimation.jackknife import jackknife

__all__ = ["LagResult", "Question", "ask_all", "between_anchors", "is_drawn", "nulls_of_all", "question"]

_MOST_NULL_SYMBOLS = 2048  # beyond, the tables of a document null are drawn rather than computed
_MOST_NULL_WORK = 50_000_000
_TABLES = 48  # bytes a pair of symbols, of the tables of a document null
_ANCHORS = 8
_MOST_EXACT = 1024  # lags up to which the null is computed at each
_FIRST = 33  # of more, those that it is computed at to begin with
_FEW = 8  # times that a symbol is seen, below which one time less makes a step in the null
_OFF = 1e-3  # of the least standard error, by which it may be off between two of them


class Sides(NamedTuple):
    """Margins of a lag: histogram `at` of each batch."""

    left: FingerprintArray
    right: FingerprintArray
    at: int

    def margins(self) -> tuple[FingerprintArray, FingerprintArray]:
        """The two fingerprints."""
        pick = slice(self.at, self.at + 1)
        return self.left[pick], self.right[pick]


class LagResult(NamedTuple):
    """One lag: index 0 of `values` and `null` is the whole, index 1 + j has block j left out."""

    values: np.ndarray
    null: np.ndarray  # left-out values are nan where they are to be interpolated
    chance: float
    block_pairs: np.ndarray
    order: float = np.nan  # p where chance falls as n_pairs^-p; nan where it is not known
    sides: Sides | None = None  # where the null may be computed later


class Question(Protocol):
    """An estimate to be made at one lag, whatever kernel counts.

    Attributes
    ----------
    working
        Bytes that it takes at a lag, beside what the kernel takes for fingerprints.
    """

    working: int

    def __call__(self, kernel: Kernel, lag: int) -> LagResult:
        """Count one lag and estimate."""
        ...


def question(quantity: str, estimator: str, counter: Counted, null: str, values: Any = None) -> Question:
    """The question to ask for a quantity; `null` is one that can be computed, or "none"."""
    choice(quantity, QUANTITIES, "quantity")
    if values is not None and quantity != "correlation":
        raise InputError('values are for quantity="correlation"')
    if quantity == "mutual_information" and estimator == "bracket":
        return _Bracket(counter)
    if quantity == "mutual_information":
        return _Information(estimator, counter, null)
    return _Association(quantity, counter, _symbol_values(values, counter))


def is_drawn(null: nulls.Null, counter: Counted, quantity: str) -> bool:
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
    if isinstance(counter, Counter) and _TABLES * size**2 > counter.memory // 2:
        return True
    return size > _MOST_NULL_SYMBOLS or nulls.document_work(lengths, size) > most


def ask_all(counter: Counted, ask: Question, threads: int | None, progress: Progress | None) -> list[LagResult]:
    """Ask at every lag; of a kernel that counts all lags at once, for many lags at a time."""
    if not (isinstance(counter, Counter) and counter.method == "fourier" and isinstance(ask, _Information)):
        return counter.map(ask, counter.threads(threads, ask.working), progress)
    return [result for part in counter.map_parts(ask.many, threads, progress) for result in part]


def nulls_of_all(
    counter: Counted, ask: Question, results: list[LagResult], threads: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Nulls of all lags, shape (n_blocks + 1, n_lags), and chance, shape (n_lags,), where it was computed.

    Of more than 1024 lags, they are computed where a rare symbol ceases to be counted, at the ends, and at some lags
    between; then in the middle between two of these and beside them, until there they are within a thousandth of the
    least standard error that an estimate can have (see `assembling`) of the straight line. At other lags they lie on
    such lines, but for what is rough in the entropies of the margins (Grassberger's see even and odd counts
    differently), which is computed at each.
    """
    chance = np.array([result.chance for result in results])
    if isinstance(ask, _Information):
        unknown = np.isnan(chance)
        if unknown.any():
            n_pairs = np.array([result.block_pairs.sum() for result in results], dtype=np.float64)
            freedom = np.minimum((counter.n_symbols_seen - 1.0) ** 2, n_pairs)
            tolerance = _OFF * np.sqrt(freedom / 2) / np.maximum(n_pairs, 1)
            lags = counter.lags.astype(np.float64)
            rough, rare = _margins(ask, results)
            changes = np.flatnonzero((np.diff(rare, axis=0) != 0).any(axis=1))
            ends = np.linspace(0, len(results) - 1, _FIRST).astype(np.int64)
            exact: dict[int, np.ndarray] = {}

            with ThreadPoolExecutor(thread_count(threads)) as pool:

                def compute(indices: Iterable[int]) -> None:
                    new = sorted(set(indices) - set(exact))
                    found = pool.map(lambda i: ask.nulls(int(counter.lags[i]), results[i]) - rough[i], new)
                    exact.update(zip(new, found, strict=True))

                compute(int(i) for i in (*changes, *(changes + 1), *ends))
                _refine(lags, exact, tolerance, compute)
            at = sorted(exact)
            smooth = np.array([np.interp(lags, lags[at], column) for column in np.array([exact[i] for i in at]).T])
            chance[unknown] = (smooth[1] + rough)[unknown]
            for i in np.flatnonzero(unknown):
                results[i].null[0] = smooth[0, i] + rough[i]
    return between_anchors(results), chance


def _refine(
    lags: np.ndarray, exact: dict[int, np.ndarray], tolerance: np.ndarray, compute: Callable[[Iterable[int]], None]
) -> None:
    """Compute more values, until in the middle between two neighbours, and beside them, straight lines are near enough.

    A null that is rough from lag to lag shows beside the neighbours, a smooth one in the middle.
    """
    pending = list(pairwise(sorted(exact)))
    while pending:
        tested = [(a, b, sorted({a + 1, (a + b) // 2, b - 1})) for a, b in pending if b - a > 1]
        compute([i for _, _, inner in tested for i in inner])
        pending = []
        for a, b, inner in tested:
            share = ((lags[inner] - lags[a]) / (lags[b] - lags[a]))[:, None]
            line = exact[a] + share * (exact[b] - exact[a])
            off = np.abs(np.array([exact[i] for i in inner]) - line)
            if (off > tolerance[inner][:, None]).any():
                pending += pairwise([a, *inner, b])


def _margins(ask: _Information, results: list[LagResult]) -> tuple[np.ndarray, np.ndarray]:
    """What is rough in the entropies of both margins, shape (n_lags,), and what rare symbols do, shape (n_lags, 4).

    The latter is how many symbols are seen on each side, and how often those that are seen few times.
    """
    rough, rare = np.zeros(len(results)), np.zeros((len(results), 4), np.int64)
    batches: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for i, result in enumerate(results):
        assert result.sides is not None
        left, right, at = result.sides
        if id(left) not in batches:
            few = [side.sum(np.where(side.counts < _FEW, side.counts, 0)) for side in (left, right)]
            batches[id(left)] = ask.rough(left) + ask.rough(right), np.stack([left.n_seen, right.n_seen, *few], 1)
        rough[i], rare[i] = (column[at] for column in batches[id(left)])
    return rough, rare


def _pairs(counter: Counted) -> np.ndarray:
    """Pairs at each lag, int64, shape (n_lags,)."""
    lengths = np.sort(counter.sequences.lengths)
    first = np.searchsorted(lengths, counter.lags, side="right")
    beyond = np.append(np.cumsum(lengths[::-1])[::-1], 0)
    return np.asarray(beyond[first] - counter.lags * (len(lengths) - first))


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

    def __init__(self, name: str, counter: Counted, null: str) -> None:
        choice(name, [*ESTIMATORS, "bracket", "gaussian"], "estimator")
        self._estimator, self._counter, self._null = name, counter, null
        # Lags at which about another tenth of the pairs has gone.
        share = _pairs(counter) / counter.sequences.n_symbols
        _, first = np.unique(np.round(share * _ANCHORS), return_index=True)
        self._anchors = {int(lag) for lag in counter.lags[first]}
        self._exact = self._anchors if len(counter.lags) > _MOST_EXACT else set(counter.lags.tolist())
        self.working = _TABLES * counter.data.alphabet_size**2 if self._composed else 0

    def __call__(self, kernel: Kernel, lag: int) -> LagResult:
        counts = kernel.fingerprints(lag)
        mi = self._estimate(counts.joint, counts.left, counts.right)
        sides = Sides(_wholes(counts.left, len(mi)), _wholes(counts.right, len(mi)), 0)
        if self._null == "none" or lag not in self._exact:
            return self._without_null(mi, counts.block_pairs, sides)
        return self._with_null(counts, lag, mi, sides)

    def many(self, kernel: FourierKernel, lags: np.ndarray) -> list[LagResult]:
        """Estimate at many neighbouring lags of the batch that the kernel counted last."""
        found = kernel.fingerprints_of(lags)
        values = self._estimate(found.joint, found.left, found.right).reshape(len(lags), -1)
        each = values.shape[1]
        left, right = (_wholes(side, each) for side in (found.left, found.right))
        results = []
        for i, lag in enumerate(lags.tolist()):
            sides, part = Sides(left, right, i), slice(i * each, (i + 1) * each)
            if self._null == "none" or lag not in self._exact:
                results.append(self._without_null(values[i], found.block_pairs[i], sides))
            else:
                counts = LagFingerprints(found.joint[part], found.left[part], found.right[part], found.block_pairs[i])
                results.append(self._with_null(counts, lag, values[i], sides))
        return results

    def rough(self, fingerprints: FingerprintArray) -> np.ndarray:
        """What is rough from lag to lag in the entropies of margins: what Miller and Madow's have not."""
        cells = self._counter.n_symbols_seen
        return estimator(self._estimator)(fingerprints, cells) - miller_madow(fingerprints, cells)

    def nulls(self, lag: int, result: LagResult) -> np.ndarray:
        """What the null and what chance gives at one lag, shape (2,)."""
        assert result.sides is not None
        left, right = result.sides.margins()
        chance = float(self._estimate(nulls.chance_fingerprint(left, right), left, right)[0])
        if not self._composed:
            return np.array([chance, chance])
        joint = nulls.document_fingerprints(self._counter.data, lag)
        return np.array([float(self._estimate(joint, left, right)[0]), chance])

    @property
    def _composed(self) -> bool:
        return self._null == "document" and self._counter.sequences.n_documents > 1

    def _without_null(self, mi: np.ndarray, block_pairs: np.ndarray, sides: Sides) -> LagResult:
        unknown = 0.0 if self._null == "none" else np.nan
        return LagResult(mi, np.full(len(mi), unknown), unknown, block_pairs, sides=sides)

    def _with_null(self, counts: LagFingerprints, lag: int, mi: np.ndarray, sides: Sides) -> LagResult:
        result = self._without_null(mi, counts.block_pairs, sides)
        result.null[0], chance = self.nulls(lag, result)
        order = np.nan
        if len(mi) > 1 and lag in self._anchors:
            result.null[1:] = result.null[0] + self._changes(counts, lag, mi, result.null[0], self._composed)
            order = self._order(counts, chance)
        return result._replace(chance=chance, order=order)

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

    def _estimate(self, joint: FingerprintArray, left: FingerprintArray, right: FingerprintArray) -> np.ndarray:
        seen = self._counter.n_symbols_seen
        return information(joint, left, right, seen, seen, self._estimator)


class _Bracket:
    """Upper bounds, with the gap down to held-out lower bounds as their null."""

    def __init__(self, counter: Counted) -> None:
        self._data = counter.data
        self.working = 2 * CELL_BYTES * counter.cells_at_most()
        if self._data.n_blocks < 2:
            raise InputError('estimator="bracket" learns on all blocks but one, in turn: give blocks, for example 32')

    def __call__(self, kernel: Kernel, lag: int) -> LagResult:
        cells = kernel.cells(lag)
        upper, lower = bracket(cells, self._data.alphabet_size, self._data.n_blocks)
        return LagResult(upper, upper - lower, 0.0, _pairs_of_blocks(cells))


class _Association:
    """Rational mutual information or correlation, from the counts themselves."""

    def __init__(self, quantity: str, counter: Counted, numbers: np.ndarray | None) -> None:
        self._quantity, self._data, self._numbers = quantity, counter.data, numbers
        self.working = 2 * CELL_BYTES * counter.cells_at_most()

    def __call__(self, kernel: Kernel, lag: int) -> LagResult:
        cells = kernel.cells(lag)
        size, n_blocks = self._data.alphabet_size, self._data.n_blocks
        if self._quantity == "rational":
            values = rational_information(cells, size, n_blocks)
        else:
            values = correlation(cells, size, n_blocks, self._numbers)
        return LagResult(values, np.zeros(len(values)), 0.0, _pairs_of_blocks(cells))


def _wholes(fingerprints: FingerprintArray, each: int) -> FingerprintArray:
    """Of fingerprints in groups of `each`, the first ones, in memory of their own."""
    if each == 1:
        return fingerprints
    return FingerprintArray.concatenate([fingerprints[h : h + 1] for h in range(0, len(fingerprints), each)])


def _pairs_of_blocks(cells: Cells) -> np.ndarray:
    return np.array([part.sum() for part in np.split(cells.counts, cells.offsets[1:-1])])


def _symbol_values(values: Any, counter: Counted) -> np.ndarray | None:
    if values is None:
        return None
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("values must be numbers, one for each symbol of the alphabet") from None
    expected = counter.sequences.alphabet_size
    if numbers.shape != (expected,) or not np.isfinite(numbers).all():
        raise InputError(f"values must be {expected} finite numbers, one for each symbol of the alphabet")
    if isinstance(counter, Counter) and counter.data.alphabet_size != expected:
        return np.asarray(numbers[counter.symbols])
    return numbers
