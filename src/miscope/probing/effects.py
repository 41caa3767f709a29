"""By how much parts differ: distances of their symbols' laws, ratios of dependence, what composition makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from miscope.curve import MICurve
from miscope.decay import Comparison, DecayFit, compare
from miscope.errors import InputError
from miscope.estimation.jackknife import jackknife
from miscope.probing.permutation import Composition
from miscope.probing.splits import Units, symbol_words

__all__ = ["Distance", "composition_share", "distances", "law_comparisons", "strength_ratios"]

Floats = NDArray[np.float64]

_FOLDS = 16
_N_CHANCE = 199
_TELLING = 5
_NOTHING = 1e-12  # nats, below which there is but rounding
_CLEAR = 3.0  # standard errors, from which a symbol tells parts apart


@dataclass(frozen=True)
class Distance:
    """How far the symbols of one part are from those of all other parts together.

    Attributes
    ----------
    part
        Its name.
    total_variation, low, high
        Half the sum of the absolute differences of shares, and its 95 % interval. The sign of each difference is learnt
        from other units than those that it is counted in: chance then adds nothing to it on average, but small
        differences of many symbols are missed. The interval's upper end counts them: it is what the differences would
        come to if they were spread over all symbols alike. Its lower end is 0 where units that change places give as
        much. Below 0 the value says that nothing was seen.
    jensen_shannon, jensen_shannon_stderr
        Jensen-Shannon divergence in nats, both sides weighing the same, less what chance gives when units change
        places.
    telling
        The symbols that differ most, of those that differ clearly: each with its share in the part and in the rest.
    """

    part: str
    total_variation: float
    low: float
    high: float
    jensen_shannon: float
    jensen_shannon_stderr: float
    telling: tuple[tuple[str, float, float], ...]


def distances(units: Units, composition: Composition, drawn: NDArray[np.int64]) -> tuple[Distance, ...]:
    """The distance of each part from the rest; `drawn` are permutations of whose part each unit is."""
    return tuple(_distance(units, composition, drawn, k) for k in range(units.n_parts))


def _distance(units: Units, composition: Composition, drawn: NDArray[np.int64], k: int) -> Distance:
    table, mine = composition.table, units.part == k
    n_folds = max(2, min(_FOLDS, int(mine.sum()), int((~mine).sum())))
    folds = np.zeros((2, n_folds, table.shape[1]))
    for side, members in enumerate((mine, ~mine)):
        at = np.flatnonzero(members)
        fold = np.arange(len(at)) * n_folds // len(at)  # neighbours together, since they may be alike
        np.add.at(folds[side], fold, table[at])
    whole = folds.sum(axis=1)
    differences = _law(folds[0]) - _law(folds[1])
    others = _law(whole[0] - folds[0]) - _law(whole[1] - folds[1])
    held_out = 0.5 * np.sum(np.sign(others) * differences, axis=1)
    weight = folds.sum(axis=2).sum(axis=0)
    value = float(weight @ held_out / weight.sum())
    share = weight / weight.sum()
    laws = _law(whole)
    signed = 0.5 * np.sum(np.sign(laws[0] - laws[1]) * differences, axis=1)  # all folds with the signs of the whole
    scatters = [np.sum((share * (each - share @ each)) ** 2) for each in (held_out, signed)]
    error = float(np.sqrt(max(scatters) * n_folds / (n_folds - 1)))
    t = float(special.stdtrit(n_folds - 1, 0.975))
    divergence = _divergence(whole[0], whole[1])
    left_out = np.array([_divergence(*(whole - folds[:, j])) for j in range(n_folds)])
    spread = float(np.sqrt((n_folds - 1) / n_folds * np.sum((left_out - left_out.mean()) ** 2)))
    by_chance = [_sides(table, row == k) for row in drawn[1 : 1 + _N_CHANCE]]
    chance = [_divergence(*sides) for sides in by_chance]
    scatter = np.sqrt(np.sum((differences - differences.mean(axis=0)) ** 2, axis=0) / n_folds / max(n_folds - 1, 1))
    apart = np.abs(laws[0] - laws[1])[:-1]
    seen = _variation(*laws)
    usual = np.quantile([_variation(*map(_law, sides)) for sides in by_chance], 0.975)
    low = max(value - t * error, 0.0) if seen > usual else 0.0
    high = _most_apart(seen + t * error, 0.5 * float(scatter.sum()))
    clear = apart * (apart > _CLEAR * scatter[:-1])
    order = np.argsort(-(clear if clear.any() else apart), kind="stable")[:_TELLING]
    words = symbol_words(units.corpus, [int(code) for code in composition.symbols[order]])
    telling = tuple((word, float(laws[0, c]), float(laws[1, c])) for word, c in zip(words, order, strict=True))
    return Distance(
        units.names[k],
        value,
        low,
        min(max(low, high), 1.0),
        divergence - float(np.mean(chance)),
        spread,
        telling,
    )


def _most_apart(seen: float, noise: float) -> float:
    """The largest sum of true differences behind a sum of absolute differences, from the sum of their standard errors.

    Of a difference x and noise of size 1 the absolute value has the mean
    ``g(x) = sqrt(2 / pi) exp(-x^2 / 2) + x erf(x / sqrt(2))``. Since g is convex, a given mean of g is reached with the
    largest mean of x where all x are the same.
    """

    def above(x: float) -> float:
        return float(np.sqrt(2 / np.pi) * np.exp(-x * x / 2) + x * special.erf(x / np.sqrt(2))) - seen / noise

    if noise <= 0:
        return seen
    return 0.0 if above(0.0) >= 0 else noise * float(optimize.brentq(above, 0.0, seen / noise + 1))


def _variation(first: Floats, second: Floats) -> float:
    """Half the sum of the absolute differences of two laws."""
    return float(0.5 * np.sum(np.abs(first - second)))


def _law(counts: Floats) -> Floats:
    return np.asarray(counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1.0))


def _sides(table: Floats, members: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    inside = members.astype(np.float64) @ table
    return inside, table.sum(axis=0) - inside


def _divergence(first: Floats, second: Floats) -> float:
    """Jensen-Shannon divergence of two histograms in nats."""
    p, q = _law(first), _law(second)
    middle = (p + q) / 2
    return float(np.sum(special.rel_entr(p, middle) + special.rel_entr(q, middle)) / 2)


def strength_ratios(curves: tuple[MICurve, ...]) -> tuple[Floats, Floats, Floats]:
    """Excess of each curve over the mean excess of the others, with 95 % intervals: three of shape (n_parts, n_lags).

    Nan where the others' mean is not known to half its value.
    """
    values = np.array([curve.excess for curve in curves])
    errors = np.array([np.nan_to_num(curve.excess_stderr, nan=np.inf) for curve in curves])
    pairs = np.array([curve.n_pairs for curve in curves], np.float64)
    ratio, low, high = (np.full(values.shape, np.nan) for _ in range(3))
    t = float(special.stdtrit(max(min(curve.n_blocks for curve in curves) - 1, 1), 0.975))
    for k in range(len(curves)):
        rest = np.arange(len(curves)) != k
        share = pairs[rest] / np.maximum(pairs[rest].sum(axis=0), 1.0)
        mean = np.sum(share * values[rest], axis=0)
        error = np.sqrt(np.sum((share * errors[rest]) ** 2, axis=0))
        known = mean > 2 * error
        with np.errstate(divide="ignore", invalid="ignore"):
            found = values[k] / mean
            bar = t * np.hypot(errors[k] / mean, found * error / mean)
        ratio[k], low[k], high[k] = (np.where(known, each, np.nan) for each in (found, found - bar, found + bar))
    return ratio, low, high


def composition_share(curve: MICurve, n_documents: int) -> tuple[Floats, Floats]:
    """Share of a curve beyond chance that is only that documents differ in composition, and its standard error.

    Nan where nothing stands out above chance, and for a single document.
    """
    nothing = np.full(len(curve), np.nan)
    if curve.chance is None or n_documents < 2 or not curve.n_blocks:
        return nothing, nothing
    beyond = curve.mi - curve.chance
    known = beyond > np.maximum(2 * np.nan_to_num(curve.stderr, nan=np.inf), _NOTHING)
    pairs = np.maximum(curve.n_pairs, 1)
    grown = curve.chance * pairs / np.maximum(pairs - curve.block_pairs, 1)  # chance goes as 1 / pairs
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (curve.null - curve.chance) / beyond
        left_out = (curve.null_replicates - grown) / (curve.replicates - grown)
    errors = jackknife(np.nan_to_num(share), np.nan_to_num(left_out), curve.block_pairs).stderr
    return np.where(known, share, np.nan), np.where(known, errors, np.nan)


def law_comparisons(fits: tuple[DecayFit | None, ...]) -> tuple[tuple[int, int, Comparison], ...]:
    """Pairs of parts whose curves follow the same simple law, compared."""
    found = []
    for i in range(len(fits)):
        for j in range(i + 1, len(fits)):
            one, other = fits[i], fits[j]
            if one is None or other is None or one.verdict.kind != other.verdict.kind:
                continue
            if one.verdict.kind not in ("exponential", "power law"):
                continue
            try:
                found.append((i, j, compare(one, other)))
            except InputError:
                continue  # a parameter that is not known at all
    return tuple(found)
