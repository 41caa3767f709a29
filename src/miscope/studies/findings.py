"""What experiments find: claims, the rules that decide them, and what the rules said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from miscope.errors import choice
from miscope.figures.series import Plot

if TYPE_CHECKING:
    from miscope.decay import DecayFit

__all__ = [
    "VERDICTS",
    "Finding",
    "Number",
    "Outcome",
    "Ruling",
    "decided",
    "rule_above",
    "rule_law",
    "rule_within",
]

SUPPORTED, NOT_SUPPORTED, UNDECIDED = "supported", "not supported", "undecided"
VERDICTS = (SUPPORTED, NOT_SUPPORTED, UNDECIDED)


@dataclass(frozen=True)
class Number:
    """A number with its 95 % interval (nan where there is none) and unit."""

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    unit: str = ""

    def __str__(self) -> str:
        ends = "" if math.isnan(self.low) else f" ({self.low:.3g} to {self.high:.3g})"
        return f"{self.name} {self.value:.4g}{ends}{' ' + self.unit if self.unit else ''}"


@dataclass(frozen=True)
class Ruling:
    """What a rule says of one case, and why."""

    case: str
    verdict: str
    reason: str


@dataclass(frozen=True)
class Finding:
    """A claim, decided from data by a stated rule.

    Attributes
    ----------
    claim
        A sentence that may be false.
    rule
        When it counts as supported, when as not supported; undecided otherwise.
    verdict
        One of `VERDICTS`.
    rulings
        What the rule said of each case.
    numbers
        The evidence.
    differs
        Where this departs from what one would expect from the abstract of Shen (2019), and why; "" where it does not.
    """

    claim: str
    rule: str
    verdict: str
    rulings: tuple[Ruling, ...]
    numbers: tuple[Number, ...] = ()
    differs: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Outcome:
    """What an experiment gives back.

    Attributes
    ----------
    findings
        One for each claim.
    tables
        Rows by the name of their table: dictionaries with the same keys, of text, numbers and truth values.
    plots
        Figures as data.
    """

    findings: tuple[Finding, ...]
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    plots: tuple[Plot, ...] = ()


def decided(
    claim: str,
    rule: str,
    rulings: Iterable[Ruling],
    numbers: Sequence[Number] = (),
    *,
    differs: str = "",
    most: float = 1.0,
) -> Finding:
    """Decide a claim from its cases.

    It is supported where a share of at least `most` of all cases supports it and none speaks against it, not supported
    where any case speaks against it, and undecided otherwise (also where there is no case).

    >>> good, open_ = Ruling("a", "supported", "0.9 to 1.1"), Ruling("b", "undecided", "0.2 to 9")
    >>> decided("ratios are 1", "within 0.5 to 2", [good, open_]).verdict
    'undecided'
    >>> decided("ratios are 1", "within 0.5 to 2, half of them", [good, open_], most=0.5).verdict
    'supported'
    """
    said = tuple(rulings)
    for each in said:
        choice(each.verdict, VERDICTS, "verdict")
    if any(each.verdict == NOT_SUPPORTED for each in said):
        verdict = NOT_SUPPORTED
    elif said and sum(each.verdict == SUPPORTED for each in said) >= most * len(said):
        verdict = SUPPORTED
    else:
        verdict = UNDECIDED
    return Finding(claim, rule, verdict, said, tuple(numbers), differs)


def rule_law(case: str, fit: DecayFit, law: str | Sequence[str]) -> Ruling:
    """The verdict of a fit against what a claim names: ``exponential``, ``power law``, ``between``, or several."""
    wanted = (law,) if isinstance(law, str) else tuple(law)
    kind = fit.verdict.kind
    verdict = SUPPORTED if kind in wanted else UNDECIDED if kind == "undecided" else NOT_SUPPORTED
    span = f"lags {fit.verdict.first:.0f} to {fit.verdict.last:.0f}" if fit.verdict.last else "no lags"
    return Ruling(case, verdict, f"{kind} over {span}")


def rule_within(case: str, number: Number, low: float, high: float) -> Ruling:
    """Whether a number lies within bounds: for sure (its interval does), for sure not (its interval lies outside).

    >>> rule_within("chain", Number("ratio", 1.0, 0.95, 1.05), 0.9, 1.1).verdict
    'supported'
    >>> rule_within("chain", Number("ratio", 1.0, 0.8, 1.2), 0.9, 1.1).verdict
    'undecided'
    >>> rule_within("chain", Number("ratio", 1.5, 1.4, 1.6), 0.9, 1.1).verdict
    'not supported'
    """
    ends = number.low, number.high
    if not all(map(math.isfinite, ends)):
        verdict = UNDECIDED
    elif low <= ends[0] and ends[1] <= high:
        verdict = SUPPORTED
    else:
        verdict = NOT_SUPPORTED if ends[1] < low or ends[0] > high else UNDECIDED
    return Ruling(case, verdict, f"{number}; bounds {low:.4g} to {high:.4g}")


def rule_above(case: str, number: Number, bound: float) -> Ruling:
    """Whether a number lies above a bound: supported if all of its interval does, not supported if none does.

    >>> rule_above("lstm", Number("reach", 300, 250, 340, "symbols"), 100).verdict
    'supported'
    """
    if math.isnan(number.low) or math.isnan(number.high):
        verdict = UNDECIDED
    else:
        verdict = SUPPORTED if number.low > bound else NOT_SUPPORTED if number.high < bound else UNDECIDED
    return Ruling(case, verdict, f"{number}; bound {bound:.4g}")
