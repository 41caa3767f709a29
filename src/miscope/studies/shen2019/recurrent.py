"""Elman RNNs, GRUs and LSTMs trained on a power law: how far they keep it, and how they lose it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.studies.experiment import Experiment
from miscope.studies.findings import (
    NOT_SUPPORTED,
    SUPPORTED,
    UNDECIDED,
    Finding,
    Number,
    Outcome,
    Ruling,
    decided,
    rule_above,
    rule_within,
)
from miscope.studies.lab import Lab
from miscope.studies.shen2019.lengths import mean, ratio, rule_tail, slope
from miscope.studies.shen2019.networks import KINDS, Seen, along, centre_run, design, runs, see
from miscope.studies.shen2019.recurrent_figures import figures

if TYPE_CHECKING:
    from miscope.curve import MICurve

__all__ = ["KINDS", "RECURRENT", "centre_run", "design"]

_GATED = ("gru", "lstm")
_FACTOR = 1.5  # between lengths that are foretold and measured, as both have errors
_NEAR = 1.25  # between values of curves
_MOST = 0.8  # share of networks that have to support what is said of all
_AGREE, _DISAGREE = 0.9, 0.5  # shares of lags
_KEPT = 0.5  # of the length of training, for a reach to count as long


def _run(lab: Lab) -> Outcome:
    settings = lab.settings
    seen = [see(lab, shape) for shape in design(settings)]
    return Outcome(
        findings=(_falls(seen), *_grows(seen, settings), *_spectra(seen), _keeps(seen, settings)),
        tables={"networks": [each.row() for each in seen]},
        plots=figures(seen, settings),
    )


def _falls(seen: Sequence[Seen]) -> Finding:
    return decided(
        "The mutual information of what trained recurrent networks generate falls exponentially at large lags.",
        "The verdict on the lags from half the foretold correlation length on is “exponential” for "
        f"{100 * _MOST:.0f} % of the networks at least, and for none “power law”. (What lies between the two, such as "
        "a sum of modes or a power law that is cut off, counts for neither.)",
        [rule_tail(each.shape.label, each.fit) for each in seen],
        [each.length for each in seen],
        most=_MOST,
    )


def _power(seen: Sequence[Seen], settings: Mapping[str, Any], what: str, name: str) -> tuple[Number, list[Number]]:
    """With which power the length grows with a size; the same for each kind, and ratios of the largest to the least."""
    groups = along(seen, settings, what)
    points = {
        kind: [(float(getattr(each.shape, what)), each.length.value) for each in some] for kind, some in groups.items()
    }
    words = f"power with which the correlation length grows with the {name}"
    own = [slope(f"{KINDS[kind]}: {words}", {kind: some}) for kind, some in points.items()]
    return slope(words, points), [*own, *_ratios(seen, settings, what, name)]


def _ratios(seen: Sequence[Seen], settings: Mapping[str, Any], what: str, name: str) -> list[Number]:
    """Of the lengths of the largest and of the least network of each kind."""
    return [
        ratio(
            f"{KINDS[kind]}: ratio of {name} {getattr(some[-1].shape, what)} to {getattr(some[0].shape, what)}, "
            "of these two networks",
            some[-1].length,
            some[0].length,
        )
        for kind, some in along(seen, settings, what).items()
    ]


def _grows(seen: Sequence[Seen], settings: Mapping[str, Any]) -> Iterator[Finding]:
    rule = (
        "The slope of log correlation length against log {}, common to all kinds of networks, lies above 0 with its "
        "95 % interval; not supported if all of that lies below. The interval is from the scatter of networks about it."
    )
    for what, name in (("width", "width"), ("length", "length of training")):
        power, others = _power(seen, settings, what, name)
        yield decided(
            f"The correlation length grows with the {name}.",
            rule.format(name),
            [rule_above("all kinds", power, 0.0)],
            [power, *others],
        )
    ratios = _ratios(seen, settings, "depth", "depth")
    logs = [math.log(each.value) for each in ratios if math.isfinite(each.value) and each.value > 0]
    whole = mean("mean of the logarithm of the ratio of depths", logs)
    yield decided(
        "The correlation length grows with depth.",
        "The mean over kinds of networks of the logarithm of the ratio, deepest to one layer of the same width, lies "
        "above 0 with its 95 % interval.",
        [rule_above("all kinds", whole, 0.0)],
        [whole, *ratios],
    )


def _spectra(seen: Sequence[Seen]) -> Iterator[Finding]:
    ratios = [ratio("measured over foretold", each.length, each.spectral) for each in seen]
    logs = [math.log(each.value) for each in ratios if math.isfinite(each.value) and each.value > 0]
    apart = math.exp(math.sqrt(float(np.mean(np.square(logs))))) if logs else math.nan
    yield decided(
        "The spectrum of a network's own dynamics foretells its correlation length.",
        f"The ratio of measured to foretold length lies within a factor of {_FACTOR:g} of 1, with its 95 % interval, "
        f"for {100 * _MOST:.0f} % of the networks at least, and for none outside with all of it.",
        [rule_within(each.shape.label, part, 1 / _FACTOR, _FACTOR) for each, part in zip(seen, ratios, strict=True)],
        [Number("factor between measured and foretold lengths, root mean square", apart)],
        most=_MOST,
    )
    yield decided(
        "It foretells the whole curve.",
        f"At {100 * _AGREE:.0f} % of the significant lags, up to two foretold lengths, the measured value lies within "
        f"a factor of {_NEAR:g} of the foretold one, or its 95 % interval holds that; not supported if at less than "
        f"{100 * _DISAGREE:.0f} %. For {100 * _MOST:.0f} % of the networks at least.",
        [rule_curve(each.shape.label, each.curve, each.said) for each in seen],
        most=_MOST,
    )


def rule_curve(case: str, curve: MICurve, said: Mapping[str, Any]) -> Ruling:
    """Whether a foretold curve is what was measured: a share of the lags."""
    expected = np.asarray(said["mutual_information"], np.float64)[: len(curve.lags)]
    low, high = curve.interval(excess=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(np.log(np.maximum(curve.excess, 0.0) / expected))
    agree = (apart <= math.log(_NEAR)) | ((low <= expected) & (expected <= high))
    used = curve.significant() & (curve.lags <= 2 * said["correlation_length"])
    if used.sum() < 3:
        return Ruling(case, UNDECIDED, f"{used.sum()} significant lags up to two foretold lengths")
    share = float(agree[used].mean())
    verdict = SUPPORTED if share >= _AGREE else NOT_SUPPORTED if share < _DISAGREE else UNDECIDED
    return Ruling(case, verdict, f"agrees at {100 * share:.0f} % of {used.sum()} lags")


def _keeps(seen: Sequence[Seen], settings: Mapping[str, Any]) -> Finding:
    """How far gated networks follow the data before they fall."""
    gated = [each for each in seen if each.shape.kind in _GATED and each.shape.width >= settings["width"]]
    shares, numbers = [], []
    for each in gated:
        kept = each.reach
        trained_on = _exactly(each.shape.length)
        shares.append(rule_above(each.shape.label, ratio("reach over length of training", kept, trained_on), _KEPT))
        numbers += [kept, ratio(f"{each.shape.label}: reach over correlation length", kept, each.length)]
    finding = decided(
        "Before they fall, gated networks keep the power law of their data over more than half of the distances that "
        "they were trained on.",
        f"The reach (up to where half of the data's information is kept) of GRUs and LSTMs with {settings['width']} "
        f"units or more is above {_KEPT:g} times the length of the documents that they were trained on, with its 95 % "
        f"interval, for {100 * _MOST:.0f} % of the networks at least, and for none below it.",
        shares,
        numbers,
        most=_MOST,
    )
    return replace(finding, differs=_difference(finding, gated))


def _exactly(value: float) -> Number:
    return Number("length of training", value, value, value, "symbols")


def _difference(finding: Finding, gated: Sequence[Seen]) -> str:
    """What a reader of the abstract would not expect; nothing where the finding does not say so."""
    if finding.verdict != SUPPORTED or not gated:
        return ""
    best = max(gated, key=lambda each: each.reach.value)
    kept, length = best.reach, best.length
    until = f"{kept.low:.0f} or more" if math.isinf(kept.high) else f"{kept.low:.0f} to {kept.high:.0f}"
    return (
        "The abstract sets exponential decay in recurrent networks against power laws in Transformers. That is a "
        "statement about large distances. Within the length of their training these networks follow the power law: "
        f"“{best.shape.label}” keeps half of the data's information up to a distance of {until} symbols, "
        f"{kept.value / length.value:.1f} times its correlation length of {length.value:.0f}. The sum of a few "
        "exponentials passes for a power law over a range that grows with the slowest of them."
    )


def _steps(settings: Mapping[str, Any]) -> int:
    return 5 * len(design(settings))


RECURRENT = Experiment(
    name="recurrent",
    title="Recurrent networks trained on a power law",
    claim="The abstract says that mutual information falls exponentially with distance in recurrent networks: linear "
    "ones by theory, LSTMs by experiment.",
    method="Elman RNNs, GRUs and LSTMs learn binary sequences whose mutual information is 0.1 nats / lag^0.4, with "
    "width, depth and length of training varied one at a time, and as many symbols in each training. Each network "
    "then draws documents that are many correlation lengths long; its own conditional probabilities give its curve. A "
    "shorter run of the same network gives the modes of its dynamics, which foretell correlation length and curve. "
    "Reach is the distance up to which half of the data's information is kept.",
    settings={
        "smoke": {
            "widths": {"rnn": [2, 4], "lstm": [4]},
            "width": 4,
            "depths": {"rnn": [1, 2]},
            "length": 64,
            "lengths": {"lstm": [32, 64]},
            "steps": 50,
            "symbols": 1024,
            "documents": 32,
            "drawn": 768,
            "n_lags": 20,
            "seed": 0,
        },
        "laptop": {
            "widths": {"rnn": [2, 4, 8, 16], "gru": [2, 8], "lstm": [2, 4, 8, 16]},
            "width": 8,
            "depths": {"rnn": [1, 2], "lstm": [1, 2]},
            "length": 256,
            "lengths": {"rnn": [64, 128, 256, 512], "lstm": [64, 128, 256, 512]},
            "steps": 400,
            "symbols": 16_384,
            "documents": 512,
            "drawn": 8192,
            "n_lags": 40,
            "seed": 0,
        },
        "paper": {
            "widths": {"rnn": [4, 8, 16, 32, 64], "gru": [4, 8, 16, 32, 64], "lstm": [4, 8, 16, 32, 64]},
            "width": 16,
            "depths": {"rnn": [1, 2, 4], "gru": [1, 2, 4], "lstm": [1, 2, 4]},
            "length": 1024,
            "lengths": {
                "rnn": [128, 256, 512, 1024, 2048, 4096],
                "gru": [128, 256, 512, 1024, 2048, 4096],
                "lstm": [128, 256, 512, 1024, 2048, 4096],
            },
            "steps": 10_000,
            "symbols": 131_072,
            "documents": 4096,
            "drawn": 32_768,
            "n_lags": 48,
            "seed": 0,
        },
    },
    run=_run,
    n_steps=_steps,
    runs=runs,
)
