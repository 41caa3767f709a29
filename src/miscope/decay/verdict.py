"""The verdict: exponential, power law, between, undecided, or no dependence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miscope.decay.points import Points

__all__ = ["DECADES", "KINDS", "Evidence", "Judgement", "Verdict", "judge", "range_of"]

KINDS = ("exponential", "power law", "between", "no dependence", "undecided")

DECADES = 1.0  # of significant lags that a verdict takes at least

# Differences of AICc. One of 4 stands for evidence of 7 to 1, 6 for 20 to 1, 20 for 22,000 to 1.
_AS_GOOD = 2.0  # a simple law may be behind those between by this much
_BETTER = 4.0  # the one simple law has to be ahead of the other by this much
_REFUTED = 6.0  # for "between", the exponential has to be behind by this much,
_FAR_BEHIND = 20.0  # and the power law by this much: errors that all lags share look like a cut-off;
_FARTHER_BEHIND = 40.0  # by this much where such errors are known to be large, as in one long document
_HIDDEN = 0.5  # of the range: a cut-off beyond it is none that could be seen


@dataclass(frozen=True)
class Evidence:
    """AICc of the best law of each kind over one range of lags, less that of the best of all.

    Attributes
    ----------
    exponential, power_law, between, mixed, constant
        `between` is the better of cut-off and stretched, `mixed` is exponential + power law, `constant` no decay at
        all. Infinite where a law was not asked for.
    cut_off
        Where the cut-off law ends; infinite where it does not.
    """

    exponential: float
    power_law: float
    between: float
    mixed: float
    constant: float
    cut_off: float


@dataclass(frozen=True)
class Judgement:
    """What one range of lags says.

    Attributes
    ----------
    kind
        One of `KINDS`.
    reason
        In a sentence.
    """

    kind: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What a curve says of its law.

    Attributes
    ----------
    kind
        One of ``"exponential"``, ``"power law"``, ``"between"``, ``"undecided"``, ``"no dependence"``.
    reason
        In a sentence.
    first, last
        The lags that the verdict speaks of: from where on the law holds, to the last significant lag; 0 where there
        are none.
    decades
        ``log10(last / first)``.
    n_significant
        Significant lags among them.
    n_effective
        How many independent points the fitted lags are worth.
    """

    kind: str
    reason: str
    first: float
    last: float
    decades: float
    n_significant: int
    n_effective: float

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"


def range_of(points: Points) -> tuple[float, float, int]:
    """First and last significant lag, and how many there are: (0, 0, 0) for none.

    The last is where most of the lags in the half decade up to it (three at least) are significant: a false discovery
    far out, of which one in twenty is to be expected, makes no range.

    >>> from miscope.decay.points import points_of
    >>> lags = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    >>> values = [0.5, 0.2, 0.1, 0.05, 0.02, 0.001, 0.0, 0.0, 0.0, 0.05]
    >>> range_of(points_of((lags, values, [0.004] * 10)))
    (1.0, 16.0, 5)
    """
    found = points.significant
    if not found.any():
        return 0.0, 0.0, 0
    places = np.flatnonzero(found)
    last = int(places[0])
    for place in places[::-1]:
        start = min(int(np.searchsorted(points.lags, points.lags[place] / 10**0.5, side="right")), max(place - 2, 0))
        if found[start : place + 1].mean() > 0.5:
            last = int(place)
            break
    first = places[0]
    return float(points.lags[first]), float(points.lags[last]), int(found[first : last + 1].sum())


def judge(evidence: Evidence, last: float, shared: bool = False, falling: str = "") -> Judgement:
    """What the evidence over one range of lags says.

    `last` is the last significant lag; `shared` says that memory longer than the blocks moves all lags together;
    `falling` says what hides the law of values that fall by more than their bars, and is empty for others.
    """
    far_behind = _FARTHER_BEHIND if shared else _FAR_BEHIND
    e, p, b = evidence.exponential, evidence.power_law, evidence.between
    if evidence.constant <= _BETTER and falling:
        return Judgement("undecided", f"{falling}: what is left tells no law from another, nor from a constant")
    if evidence.constant <= _BETTER:
        return Judgement("undecided", "over these lags the curve does not fall: a constant fits as well as any law")
    if evidence.mixed + _BETTER <= min(e, p, b):
        return Judgement("undecided", "a fast decay and a slow one lie over each other here")
    ahead = min(e, p)
    if ahead - b <= _AS_GOOD and e + _BETTER <= p:
        return Judgement("exponential", f"an exponential fits as well as any law, a power law {odds(p - e)} worse")
    hidden = evidence.cut_off > _HIDDEN * last and e >= p + 2 * _BETTER
    if p + _BETTER <= e and (p - b <= 2 * _BETTER or (hidden and p - b <= far_behind)):
        tail = "" if p - b <= 2 * _BETTER else " (a cut-off would lie at the end of the range or beyond)"
        return Judgement("power law", f"a power law fits as well as any law{tail}, an exponential {odds(e - p)} worse")
    if e - b >= _REFUTED and p - b >= far_behind:
        worse = f"an exponential {odds(e - b)} worse, a power law {odds(p - b)}"
        return Judgement("between", f"slower than an exponential and faster than a power law: {worse}")
    if abs(e - p) < _BETTER:
        return Judgement("undecided", "an exponential and a power law fit about equally well")
    better, other = ("an exponential", e) if e < p else ("a power law", p)
    return Judgement(
        "undecided", f"{better} fits better than the other, but a law between them {odds(other - b)} better still"
    )


def odds(difference: float) -> str:
    """A difference of AICc as a ratio of likelihoods, in words.

    >>> odds(5.0), odds(60.0)
    ('12 times', 'more than a million times')
    """
    ratio = float(np.exp(min(difference / 2, 50.0)))
    return (
        "more than a million times" if ratio > 1e6 else f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.2g} times"
    )
