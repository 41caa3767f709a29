"""The claims about Transformers and the rules that decide them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.studies.findings import Finding, Number, Ruling, decided, rule_above, rule_law, rule_within
from miscope.studies.shen2019.at_hand import DATA
from miscope.studies.shen2019.contenders import CENTRE, LEARNT, SLIDING, TRANSFORMERS

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.decay import DecayFit
    from miscope.probing.reach import Reach

__all__ = ["alike", "beyond", "fails", "fair", "follows", "in_the_end", "tail_start"]

_FACTOR = 2.0  # how far from the data's a curve may lie and count as following them
_ALIKE = 1.5  # factor within which two Transformers keep the same
_RATE = 1.5  # factor within which a fitted correlation length is that of the spectrum
MISSED = ("do not span", "no mode stands")  # in a spectrum's warnings
_Z = 1.96  # of 95 % intervals from many independent documents


def _provided(ruling: Ruling, learning: set[str], *names: str) -> Ruling:
    """Undecided where a network that it compares was still learning."""
    early = [name for name in names if name in learning]
    if not early:
        return ruling
    return Ruling(ruling.case, "undecided", f"{ruling.reason}; still learning: {', '.join(early)}")


def _reach_number(found: Reach, name: str = "reach") -> Number:
    return Number(name, found.lag, found.low, found.high, "symbols")


def follows(fits: Mapping[str, DecayFit], reaches: Mapping[str, Reach], learning: set[str], context: int) -> Finding:
    """Whether curves follow the power law of their data within the context."""
    half, rulings, numbers = context // 2, [], []
    for name in TRANSFORMERS:
        found = reaches[name]
        said = [
            rule_law(f"{name}: law", fits[name], "power law"),
            rule_above(f"{name}: reach", _reach_number(found), half),
        ]
        near = found.lags <= half
        at = int(np.argmax(np.where(near, found.ratio, -np.inf)))
        top, bar = float(found.ratio[at]), _Z * float(found.ratio_stderr[at])
        largest = Number(f"largest ratio to the data, at lag {found.lags[at]},", top, top - bar, top + bar)
        said.append(rule_within(f"{name}: excess", largest, 0.0, _FACTOR))
        rulings += [_provided(each, learning, name) for each in said]
        if fits[name].laws:
            exponent = fits[name].exponent
            numbers.append(Number(f"{name}: exponent (0.4 in the data)", exponent.value, exponent.low, exponent.high))
        numbers.append(_reach_number(found, f"{name}: reach"))
    good = [name for name in TRANSFORMERS if all(r.verdict == "supported" for r in rulings if r.case.startswith(name))]
    bad = [
        name for name in TRANSFORMERS if any(r.verdict == "not supported" for r in rulings if r.case.startswith(name))
    ]
    differs = ""
    if bad:
        differs = (
            f"Of Transformers of this size and training {_listed(good)} did and {_listed(bad)} did not: attention "
            "makes a power law possible within the context, and does not make it certain."
        )
    return decided(
        "Within its context a Transformer follows the power law of its data.",
        "Each curve has the verdict “power law” over the lags of the context; its reach (half of the data's mutual "
        f"information) is more than half the context, {half} symbols, and up to there it is at no lag more than "
        f"{_FACTOR:g} times the data's. {LEARNT}",
        rulings,
        numbers,
        differs=differs,
    )


def _listed(names: list[str]) -> str:
    return "none" if not names else ", ".join(names)


def _kept(curve: MICurve, context: int) -> tuple[float, float]:
    """Share of the data's information kept between an eighth and half of the context, and its standard error."""
    at = (curve.lags >= context // 8) & (curve.lags <= context // 2)
    truth = float(DATA.mutual_information(curve.lags[at]).sum())
    deviations = curve.jackknife(excess=True).deviations[:, at].sum(axis=1)
    return float(curve.excess[at].sum()) / truth, float(np.sqrt((deviations**2).sum())) / truth


def alike(curves: Mapping[str, MICurve], learning: set[str], context: int) -> Finding:
    """Whether encodings of positions and numbers of layers differ in what is kept."""
    first, first_error = _kept(curves[CENTRE], context)
    rulings, numbers = [], [Number(f"{CENTRE}: share kept", first, first - _Z * first_error, first + _Z * first_error)]
    for name in TRANSFORMERS[1:]:
        value, error = _kept(curves[name], context)
        numbers.append(Number(f"{name}: share kept", value, value - _Z * error, value + _Z * error))
        ratio = _quotient(f"share kept by {name} / by {CENTRE}", value, error, first, first_error)
        rulings.append(_provided(rule_within(name, ratio, 1 / _ALIKE, _ALIKE), learning, name, CENTRE))
    return decided(
        "With as many parameters it makes no difference how positions are encoded, nor whether there are two layers "
        "or one.",
        "The mutual information kept between an eighth and half of the context, summed over log-spaced lags, is within "
        f"a factor of {_ALIKE:g} of that of the Transformer with two layers and rotary positions. {LEARNT}",
        rulings,
        numbers,
    )


def _quotient(name: str, value: float, error: float, by: float, by_error: float) -> Number:
    """Of two independent numbers, with the interval of its logarithm; without one where either may be 0."""
    if value <= _Z * error or by <= _Z * by_error:
        return Number(name, value / by if by else math.nan)
    bar = _Z * math.hypot(error / value, by_error / by)
    return Number(name, value / by, value / by * math.exp(-bar), value / by * math.exp(bar))


def beyond(
    fits: Mapping[str, DecayFit], reaches: Mapping[str, Reach], horizons: Mapping[str, int], learning: set[str]
) -> Finding:
    """What happens beyond the horizon."""
    rulings, numbers, farther = [], [], []
    for name, horizon in horizons.items():
        ruling = rule_law(f"{name}, horizon {horizon}", fits[name], "exponential")
        rulings.append(_provided(ruling, learning, CENTRE if name == SLIDING else name))
        numbers += _lengths(name, fits[name])
        numbers.append(_reach_number(reaches[name], f"{name}: reach (horizon {horizon})"))
        if reaches[name].low > horizon and name not in learning:
            farther.append(f"{name}: {reaches[name].lag:.0f} symbols with a horizon of {horizon}")
    differs = ""
    if farther:
        differs = (
            "The horizon bounds what a symbol can depend on directly, not the dependence in what is drawn: that is "
            "handed on by the symbols between, as in any chain of finite order, and half of the data's is kept farther "
            f"than the horizon ({'; '.join(farther)})."
        )
    return decided(
        "Beyond its horizon a Transformer's mutual information falls exponentially.",
        "The law at lags beyond the horizon is “exponential”, for Transformers with a sliding window, one layer and "
        f"two, and for one whose full context slides by half. {LEARNT}",
        rulings,
        numbers,
        differs=differs,
    )


def _lengths(name: str, found: DecayFit) -> list[Number]:
    if not found.laws:
        return []
    length = found.correlation_length
    return [Number(f"{name}: correlation length", length.value, length.low, length.high, "symbols")]


def fails(spectrum: Mapping[str, Any]) -> bool:
    """Whether a spectrum says itself that its functions of the state miss the slow modes, or gives no length."""
    missed = any(words in warning for warning in spectrum["warnings"] for words in MISSED)
    return missed or not 0 < spectrum["correlation_length"] < math.inf


def tail_start(spectrum: Mapping[str, Any], context: int) -> float:
    """The lag from where on the law in the end is asked for: see the rule of `in_the_end`."""
    return float(context) if fails(spectrum) else float(spectrum["correlation_length"]) / 2


def in_the_end(
    fits: Mapping[str, DecayFit],
    spectra: Mapping[str, Any],
    reaches: Mapping[str, Reach],
    learning: set[str],
    context: int,
) -> Finding:
    """Whether networks with a state fall exponentially, and at the rate of their spectra."""
    rulings, numbers, farther = [], [], []
    for name, found in fits.items():
        said = [rule_law(f"{name}: law", found, "exponential")]
        spectrum = spectra[name]
        at, low, high = (spectrum[end] for end in ("correlation_length", "low", "high"))
        theory = Number(f"{name}: correlation length by its spectrum", at, low, high, "symbols")
        numbers += [*_lengths(name, found), theory]
        if fails(spectrum):
            said.append(Ruling(f"{name}: rate", "undecided", f"the spectrum warns: {'; '.join(spectrum['warnings'])}"))
        elif found.laws:
            length = found.correlation_length
            ratio = Number(
                "fitted correlation length / that of the spectrum",
                length.value / theory.value,
                length.low / theory.high,
                length.high / theory.low,
            )
            said.append(rule_within(f"{name}: rate", ratio, 1 / _RATE, _RATE))
        rulings += [_provided(each, learning, name) for each in said]
        if reaches[name].low > context and name not in learning:
            farther.append(f"{name} {reaches[name].lag:.0f}")
    differs = ""
    if farther:
        differs = (
            f"The exponential comes late: trained on documents of {context} symbols, these keep half of the data's "
            f"power law for longer than that before they fall ({', '.join(farther)} symbols)."
        )
    return decided(
        "State-space models, like the LSTM, forget exponentially in the end, at the rate of their spectrum.",
        "The law from half the correlation length that the spectrum foretells on is “exponential” (from the length of "
        "training on, where the spectrum warns that it misses the slow modes), and the interval of its correlation "
        f"length, divided by the spectrum's, lies within a factor of {_RATE:g} (undecided where it so warns). {LEARNT}",
        rulings,
        numbers,
        differs=differs,
    )


def fair(
    equal: str, names: Any, reaches: Mapping[str, Reach], losses: Mapping[str, Any], learning: set[str]
) -> tuple[Finding, Finding]:
    """Whether the Transformer keeps more, and predicts better, than its rivals."""
    mine = reaches[SLIDING]
    kept, predicted, more_numbers, numbers = [], [], [], [_reach_number(mine, f"{SLIDING}: reach")]
    for name in names:
        theirs, loss = reaches[name], losses[name]
        ratio = Number(
            f"reach of the Transformer / of {name}",
            mine.lag / theirs.lag,
            mine.low / theirs.high,
            mine.high / theirs.low if theirs.low > 0 else math.inf,
        )
        kept.append(_provided(rule_above(name, ratio, 1.0), learning, name, CENTRE))
        numbers.append(_reach_number(theirs, f"{name}: reach"))
        bar = _Z * loss["more_stderr"]
        more = Number("loss above the Transformer's", loss["more"], loss["more"] - bar, loss["more"] + bar, "nats")
        more_numbers.append(replace(more, name=f"{name}: {more.name}"))
        predicted.append(_provided(rule_above(name, more, 0.0), learning, name, CENTRE))
    behind, ahead = ([each.case for each in said if each.verdict == "not supported"] for said in (kept, predicted))
    return (
        decided(
            f"With equal {equal}, a Transformer keeps its data's dependence farther than recurrent networks and "
            "state-space models.",
            "The reach (half of the data's mutual information) of the Transformer whose context slides, divided by the "
            f"reach of each other network, is above 1. {LEARNT}",
            kept,
            numbers,
            differs=_differs(behind, "a longer reach"),
        ),
        decided(
            f"With equal {equal}, a Transformer predicts its data better than recurrent networks and state-space "
            "models.",
            "On the same fresh documents of the length of training, the loss of each other network is above that of "
            f"the Transformer with rotary positions. {LEARNT}",
            predicted,
            more_numbers,
            differs=_differs(ahead, "a lower loss"),
        ),
    )


def _differs(names: list[str], what: str) -> str:
    if not names:
        return ""
    return (
        f"A state of fixed size is no bar at these lengths: {', '.join(names)} had {what}. Exponential decay in the "
        "end says nothing of how early it begins, and on this process little state is enough to follow a power law for "
        "hundreds of symbols."
    )
