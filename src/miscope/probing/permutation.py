"""Whether parts differ by more than chance: units change places between them, and only sums are made anew.

Each question is a set of features of units (shares of symbols, strengths of dependence), and its statistic the scatter
of the parts' means over the scatter of units. That needs only the products of the units' features with one another, so
that a permutation costs no more than a product with a matrix of units by units.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from miscope.counting.dense import DenseKernel
from miscope.counting.tally import PairData
from miscope.probing.splits import Units, symbol_words
from miscope.sequences import Sequences
from miscope.sequences.codes import code_dtype, read_only, recode

__all__ = [
    "Answers",
    "Composition",
    "Families",
    "Features",
    "Statistic",
    "answers",
    "any_of",
    "classes",
    "composition_of",
    "family",
    "labels",
    "merged",
    "neighbours_alike",
    "pair_features",
    "permute",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_COLUMNS = 20_000
_MOST_CLASSES = 64
_MOST_CELLS = 1 << 24  # cells of the tables of all units at one lag
_PAIRS_A_CELL = 8
_RARE = 8  # times that a symbol must occur, to be looked at by itself


@dataclass(frozen=True, eq=False)
class Features:
    """One question to the units.

    Attributes
    ----------
    gram
        Products of the units' weighted features, shape (n_units, n_units): of their deviations from the mean of all
        units, or, where it is `squared`, of the features themselves.
    weights
        Symbols or pairs in each unit, shape (n_units,).
    squared
        Whether parts are compared by the squares of their means rather than by their means.
    """

    gram: Floats
    weights: Floats
    squared: bool = False

    def between(self, drawn: Ints, n_parts: int) -> tuple[Floats, Floats]:
        """Scatter of the parts' means, and that of each part against the rest.

        Parameters
        ----------
        drawn
            Whose part each unit is, shape (n, n_units).
        n_parts
            Number of parts.

        Returns
        -------
        all, each
            Shape (n,) and (n, n_parts).
        """
        products, held, own, squares = (np.empty((len(drawn), n_parts)) for _ in range(4))
        for k in range(n_parts):  # the plain form: members @ gram @ members, for each row
            members = (drawn == k).astype(np.float64)
            held[:, k] = members @ self.weights
            products[:, k] = np.sum((members @ self.gram) * members, axis=1)
            own[:, k] = members @ np.diag(self.gram)
            squares[:, k] = members @ self.weights**2
        return self._scatter(products, held, own, squares)

    def left_out(self, part: Ints, n_parts: int) -> tuple[float, Floats]:
        """Scatter of the parts' means, as it is and with each unit left out, shape (n_units,)."""
        members = (part[:, None] == np.arange(n_parts)).astype(np.float64)
        itself = np.diag(self.gram)
        sums = [
            np.sum(members * (self.gram @ members), axis=0),
            self.weights @ members,
            itself @ members,
            self.weights**2 @ members,
        ]
        cross = np.sum((self.gram @ members) * members, axis=1)  # with the sum over the unit's own part
        gone = [2 * cross - itself, self.weights, itself, self.weights**2]
        without = [total - lost[:, None] * members for total, lost in zip(sums, gone, strict=True)]
        found = self._scatter(*without)[0]
        if not self.squared:  # deviations are from the mean of all, which has moved
            found = found - itself / np.maximum(self.weights.sum() - self.weights, 1e-300)
        return float(self._scatter(*(total[None] for total in sums))[0][0]), found

    def _scatter(self, products: Floats, held: Floats, own: Floats, squares: Floats) -> tuple[Floats, Floats]:
        """From sums over the units of each part, shape (n, n_parts): of products, weights, and both with themselves."""
        whole = np.maximum(held.sum(axis=1, keepdims=True), 1e-300)
        rest = np.maximum(whole - held, 1e-300)
        if not self.squared:
            scatter = products / np.maximum(held, 1e-300)
            return scatter.sum(axis=1), scatter * whole / rest
        # Units' products with themselves are left out: what remains is the square of the mean, without bias.
        pairs = held**2 - squares
        means = np.where(pairs > 1e-9 * held**2, (products - own) / np.maximum(pairs, 1e-300), 0.0)
        mean = np.sum(held * means, axis=1, keepdims=True) / whole
        others = (mean * whole - held * means) / rest
        return np.sum(held * (means - mean) ** 2, axis=1), held * rest / whole * (means - others) ** 2

    @property
    def total(self) -> float:
        """Scatter of the units about their mean; infinite where the question is of squares."""
        held = self.weights > 0
        return np.inf if self.squared else float(np.sum(np.diag(self.gram)[held] / self.weights[held]))


@dataclass(frozen=True, eq=False)
class Statistic:
    """Statistics of one question in all permutations, the first of which is what was observed.

    Attributes
    ----------
    height
        Shape (n_permutations + 1,): standardised, on a scale where chance is about normal.
    part_height
        Shape (n_permutations + 1, n_parts): the same, for each part against the rest.
    """

    height: Floats
    part_height: Floats


@dataclass(frozen=True, eq=False)
class Families:
    """P-values of several tests of one kind, each of all parts together and of each part against the rest.

    Attributes
    ----------
    each
        Shape (n_tests,): for each test, corrected for the number of tests (and parts) by the maximum over all of them.
    parts
        Shape (n_parts,): for each part against the rest, corrected for the numbers of tests and parts.
    overall
        For any of them.
    highest
        Shape (n_permutations + 1,): the maximum in each permutation.
    """

    each: Floats
    parts: Floats
    overall: float
    highest: Floats


def labels(units: Units, n_permutations: int, seed: int) -> Ints:
    """Whose part each unit is, in each permutation: shape (n_permutations + 1, n_units), as observed first."""
    generator = np.random.default_rng([seed, 0])
    drawn = np.tile(units.part, (n_permutations + 1, 1))
    for stratum in np.unique(units.stratum):
        at = np.flatnonzero(units.stratum == stratum)
        order = np.argsort(generator.random((n_permutations, len(at))), axis=1)
        drawn[1:, at] = units.part[at[order]]
    return drawn


def permute(features: Features, drawn: Ints, n_parts: int) -> Statistic:
    """The statistics of one question in all permutations."""
    between, each = features.between(drawn, n_parts)
    return Statistic(_height(between, features.total), _height(each, features.total))


def _height(between: Floats, total: float) -> Floats:
    """Cube root of the ratio of scatters, standardised by the permutations: about normal by chance, whatever its law.

    Wilson and Hilferty, PNAS 17 (1931) 684, for sums of squares.
    """
    within = 1.0 if np.isinf(total) else np.maximum(total - between, 1e-9 * max(total, 1e-300))
    ratio = np.cbrt(np.maximum(between, 0) / within)
    spread = ratio[1:].std(axis=0)
    return np.asarray((ratio - ratio[1:].mean(axis=0)) / np.where(spread > 0, spread, np.inf))


def family(tests: list[Statistic]) -> Families:
    """P-values of several tests, corrected by the maximum over all of them (Westfall and Young 1993).

    What is looked at is the scatter of all parts and each part against the rest, whichever stands out more, so that
    what is said of all parts and of single ones agrees.
    """
    parts = np.array([test.part_height for test in tests])
    heights = np.maximum(np.array([test.height for test in tests]), parts.max(axis=2))
    highest = heights.max(axis=0)
    each = np.array([_share(highest, height[0]) for height in heights])
    alone = np.array([_share(highest, value) for value in parts[:, 0].max(axis=0)])
    return Families(each, alone, float(each.min()), highest)


def _share(drawn: Floats, value: float) -> float:
    """Share of permutations, the observed one among them, that reach a value."""
    return float(np.mean(drawn >= value - 1e-9 * abs(value)))


def any_of(families: list[Families]) -> tuple[Floats, float]:
    """P-value of each family corrected for the number of families, and that of any of them.

    The smallest of the families' p-values is compared with the smallest one in each permutation.
    """
    ranks = np.array([_p_values(one.highest) for one in families])
    least = ranks.min(axis=0)
    each = np.array([float(np.mean(least <= rank[0] + 1e-12)) for rank in ranks])
    return each, float(each.min())


def _p_values(heights: Floats) -> Floats:
    """For each permutation, the share of permutations that reach its height."""
    order = np.sort(heights)
    return (len(heights) - np.searchsorted(order, heights - 1e-9 * np.abs(heights))) / len(heights)


@dataclass(frozen=True, eq=False)
class Answers:
    """What permutations say of all questions.

    Attributes
    ----------
    drawn
        Whose part each unit is, in each permutation, as observed first: shape (n_permutations + 1, n_units).
    composition, strength, pattern
        Of the symbols' shares, and of dependence with one test a lag; no pattern for two symbols.
    each
        P-value of each of them, corrected for their number; nan where there is no pattern. Shape (3,).
    overall
        P-value of any difference.
    """

    drawn: Ints
    composition: Families
    strength: Families
    pattern: Families | None
    each: Floats
    overall: float


def answers(
    units: Units,
    composition: Composition,
    lags: Ints,
    n_permutations: int,
    seed: int,
    step: Callable[[], None] = lambda: None,
) -> Answers:
    """Put all questions to the same permutations; `step` is called after each lag."""
    drawn = labels(units, n_permutations, seed)
    symbols = family([permute(composition.features, drawn, units.n_parts)])
    ask = pair_features(units)
    strengths, patterns = [], []
    for lag in lags:
        strength, pattern = ask(int(lag))
        strengths.append(permute(strength, drawn, units.n_parts))
        if pattern is not None:
            patterns.append(permute(pattern, drawn, units.n_parts))
        step()
    dependence = [family(tests) for tests in (strengths, patterns) if tests]
    each, overall = any_of([symbols, *dependence])
    each = np.append(each, np.full(3 - len(each), np.nan))
    return Answers(drawn, symbols, dependence[0], dependence[1] if patterns else None, each, overall)


def neighbours_alike(features: Features, part: Ints, seed: int, n_permutations: int = 199) -> float:
    """P-value of neighbouring units of a part being more alike than distant ones, by changing their order."""
    generator = np.random.default_rng([seed, 1])
    found = np.zeros(n_permutations + 1)
    for k in range(int(part.max()) + 1):
        at = np.flatnonzero((part == k) & (features.weights > 0))
        if len(at) < 3:
            continue
        gram, weights = features.gram[np.ix_(at, at)], features.weights[at]
        mean = gram.sum(axis=1) / weights.sum()
        gram = gram - np.outer(weights, mean) - np.outer(mean, weights)
        gram += np.outer(weights, weights) * mean.sum() / weights.sum()
        size = np.sqrt(np.maximum(np.diag(gram), 1e-300))
        gram /= np.outer(size, size)
        order = np.argsort(generator.random((n_permutations + 1, len(at))), axis=1)
        order[0] = np.arange(len(at))
        found += gram[order[:, :-1], order[:, 1:]].sum(axis=1)
    return _share(found, float(found[0]))


def _gram(deviations: Floats, weights: Floats) -> Floats:
    weighted = deviations * weights[:, None]
    return np.asarray(weighted @ weighted.T)


def classes(units: Units) -> tuple[Ints, int, int]:
    """Classes of symbols for tables of pairs: the most frequent ones each by itself, and one of all others.

    Returns
    -------
    table, n_classes, n_seen
        The class of each code; how many classes; how many symbols occur.
    """
    counts = units.corpus.histogram()
    n_seen = int(np.count_nonzero(counts))
    most = max(2, min(_MOST_CLASSES, int(np.sqrt(_MOST_CELLS / len(units.part)))))
    n = n_seen if n_seen <= most else most
    table = np.full(len(counts), n - 1, np.int64)
    frequent = np.argsort(-counts, kind="stable")[: n if n_seen <= most else n - 1]
    table[frequent] = np.arange(len(frequent))
    return table, n, n_seen


def merged(units: Units) -> tuple[Units, str]:
    """The same units with the symbols that curves are measured of, and what is to be said about them.

    Where the table of pairs would have too many cells for the smallest part, rare symbols are taken together: values of
    parts of different sizes could not be compared otherwise.
    """
    table, n, n_seen = classes(units)
    least = int(np.bincount(units.part, units.sizes).min())
    if n_seen == n or n_seen**2 * _PAIRS_A_CELL <= least:
        return units, ""
    corpus = units.corpus
    kept = np.argsort(table[np.flatnonzero(corpus.histogram())], kind="stable")
    codes = np.flatnonzero(corpus.histogram())[kept][: n - 1]
    names = symbol_words(corpus, codes.tolist())
    names = [*names, "(others)" if "(others)" not in names else "(all others)"]
    recoded = recode(corpus.codes, table.astype(code_dtype(n)))
    made = Sequences(recoded, corpus.offsets, n, tuple(names), corpus.provenance)
    note = (
        f"curves and dependence are of {n} classes, the {n - 1} most frequent symbols and one class of the other "
        f"{n_seen - n + 1:,}: with all symbols apart, values of parts of different sizes could not be compared; what "
        "classes share is at most what their symbols share"
    )
    return dataclasses.replace(units, corpus=made), note


@dataclass(frozen=True, eq=False)
class Composition:
    """How often each symbol stands in each unit.

    Attributes
    ----------
    features
        The question to the units: the share of each symbol, over its scatter between units.
    table
        Counts, shape (n_units, n_columns): of the frequent symbols each, and of all others in the last column.
    symbols
        The codes of the columns but the last, int64, shape (n_columns - 1,).
    shares, errors
        Of all symbols in each part, shape (n_parts, alphabet_size); and their standard errors from the scatter between
        units, nan for symbols that have no column.
    """

    features: Features
    table: Floats
    symbols: Ints
    shares: Floats
    errors: Floats


def composition_of(units: Units) -> Composition:
    """Count the symbols of each unit."""
    counts = units.corpus.histogram()
    kept = np.flatnonzero(counts >= _RARE)
    kept = kept[np.argsort(-counts[kept], kind="stable")][: _MOST_COLUMNS - 1]
    column = np.full(len(counts), len(kept), np.int64)
    column[kept] = np.arange(len(kept))
    table = np.zeros((len(units.part), len(kept) + 1))
    shares = np.zeros((units.n_parts, len(counts)))
    for u, (start, stop) in enumerate(zip(units.bounds[:-1], units.bounds[1:], strict=True)):
        found = np.bincount(units.corpus.codes[start:stop], minlength=len(counts))
        shares[units.part[u]] += found
        table[u] = np.bincount(column, found, len(kept) + 1)
    weights = table.sum(axis=1)
    deviations = table / weights[:, None] - table.sum(axis=0) / weights.sum()
    scatter = np.sqrt(weights @ deviations**2 / weights.sum())
    deviations /= np.where(scatter > 0, scatter, np.inf)
    features = Features(_gram(deviations, weights), weights)
    shares /= shares.sum(axis=1, keepdims=True)
    errors = np.full(shares.shape, np.nan)
    for k in range(units.n_parts):
        held = weights[units.part == k]
        away = table[units.part == k, :-1] - held[:, None] * shares[k, kept]
        if len(held) > 1:
            errors[k, kept] = np.sqrt(np.sum(away**2, axis=0) * len(held) / (len(held) - 1)) / held.sum()
    return Composition(features, table, kept, shares, errors)


def pair_features(units: Units) -> Callable[[int], tuple[Features, Features | None]]:
    """Dependence at a lag, as a function of it: its strength and its pattern.

    Of each unit the table of pairs less what its own composition gives is taken, over the roots of its own shares:
    ``R = (P(a,b) - P(a) P(b)) / sqrt(P(a) P(b))``, whose sum of squares is twice the mutual information where that is
    small. Strength is the sum of squares of a part's mean R, from products of different units, so that noise does not
    add to it; for two symbols it is their correlation, with its sign. Pattern is R itself, cell by cell over the
    scatter between units (None for two symbols, which have but one pattern).
    """
    table, n, _ = classes(units)
    codes = read_only(recode(units.corpus.codes, table.astype(code_dtype(n))))
    data = PairData(codes, codes, units.corpus.offsets, units.bounds, len(units.part), n)
    kernel = DenseKernel(data)
    counts = np.zeros((units.n_parts, n))
    for u, (start, stop) in enumerate(zip(units.bounds[:-1], units.bounds[1:], strict=True)):
        counts[units.part[u]] += np.bincount(codes[start:stop], minlength=n)
    shares = (counts / counts.sum(axis=1, keepdims=True))[units.part]

    def at(lag: int) -> tuple[Features, Features | None]:
        return _dependence(kernel.tables(lag).astype(np.float64), shares)

    return at


def _dependence(counts: Floats, shares: Floats) -> tuple[Features, Features | None]:
    """Strength and pattern from the units' tables; `shares` are those of each unit's part, shape (n_units, n)."""
    n_units, n, _ = counts.shape
    weights = counts.sum(axis=(1, 2))
    held = np.maximum(weights, 1.0)[:, None]
    left, right = counts.sum(axis=2), counts.sum(axis=1)
    tables = counts / held[:, :, None] - (left / held)[:, :, None] * (right / held)[:, None, :]
    # Shares of one unit are shrunk towards those of its part by as many symbols as there are kinds.
    roots = [np.sqrt(np.maximum((side + n * shares) / (held + n), 1e-300)) for side in (left, right)]
    if n == 2:  # the correlation itself
        scores = tables[:, 0, 0] / np.prod([root[:, 0] * root[:, 1] for root in roots], axis=0)
        moved = np.where(weights > 0, scores - weights @ scores / max(weights.sum(), 1.0), 0.0)
        return Features(_gram(moved[:, None], weights), weights), None
    with np.errstate(over="ignore"):
        tables /= roots[0][:, :, None] * roots[1][:, None, :]
    cells = np.where(counts.reshape(n_units, -1).sum(axis=0) > 0, tables.reshape(n_units, -1), 0.0)
    strength = Features(_gram(cells, weights), weights, squared=True)
    total = max(float(weights.sum()), 1.0)
    cells -= weights @ cells / total
    cells[weights == 0] = 0
    scatter = np.sqrt(weights @ cells**2 / total)
    cells /= np.where(scatter > 0, scatter, np.inf)
    return strength, Features(_gram(cells, weights), weights)
