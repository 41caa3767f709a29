"""Effective couplings of trained networks, and whether they fall exponentially or as a power of the distance."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.counting.lags import log_lags
from miscope.decay import fit
from miscope.errors import InputError
from miscope.figures.series import Plot, Series
from miscope.studies.findings import Finding, Number, Ruling, decided
from miscope.studies.lab import Lab
from miscope.studies.runs import Run
from miscope.studies.shen2019.contenders import LEARNT, still_learning

if TYPE_CHECKING:
    from miscope.models.trained import TrainedModel
    from miscope.processes.base import SymbolProcess

__all__ = ["networks", "rule_coupling", "spins_of_networks"]

RECURRENT = ("rnn", "lstm")
_FIRST = 16  # steps back, from where on the law is asked for
_MARGIN = 10.0  # of AICc, by which one law has to be ahead of the other
_PART = 0.75  # of a Transformer's context, up to which it is asked
_Z = 1.96


def networks(settings: Mapping[str, Any]) -> dict[str, Run]:
    """Three networks, trained on documents of equal length, with as many steps."""
    shapes: dict[str, dict[str, Any]] = {
        "rnn": {"width": settings["width"]},
        "lstm": {"width": settings["width"]},
        "transformer": {
            "width": settings["width"],
            "heads": settings["heads"],
            "depth": 2,
            "context": settings["context"],
        },
    }
    return {
        name: Run(
            name,
            name,
            tuple(sorted(shape.items())),
            settings["steps"],
            settings["batch"],
            settings["context"],
            settings["contexts"],
            settings["context"] - 1,
            settings["seed"],
        )
        for name, shape in shapes.items()
    }


def spins_of_networks(
    lab: Lab, runs: Mapping[str, Run], models: Mapping[str, TrainedModel], data: SymbolProcess
) -> tuple[tuple[Finding, Finding], list[dict[str, Any]], Plot]:
    """Findings about their couplings, the couplings as a table, and a figure."""
    found = {name: lab.record(f"{name}-couplings", partial(_asked, lab, model, data)) for name, model in models.items()}
    rulings, numbers = {}, {}
    for name, each in found.items():
        wanted = "exponential" if name in RECURRENT else "power law"
        rulings[name], numbers[name] = rule_coupling(runs[name].label, each, wanted)
        if still_learning(models[name]):
            rulings[name] = Ruling(rulings[name].case, "undecided", f"{rulings[name].reason}; still learning")
    rule = (
        "Both laws are fitted to the couplings from {first} steps back on{end}, with errors of their own (for lags as "
        "independent points): supported where AICc is at least {margin:g} less for the law that the claim names than "
        "for the other, not supported where it is so much more. {learnt}"
    )
    said = partial(rule.format, first=_FIRST, margin=_MARGIN, learnt=LEARNT)
    far = f", to {lab.settings['farthest']}, twice the length of training" if _twice(lab) else ""
    findings = (
        decided(
            "The effective couplings of recurrent networks fall exponentially, as those of a state of fixed size must.",
            said(end=far),
            [rulings[name] for name in RECURRENT],
            [number for name in RECURRENT for number in numbers[name]],
        ),
        decided(
            "Those of a Transformer fall as a power of the distance within its context.",
            said(end=f", to {_PART:g} of the context"),
            [rulings["transformer"]],
            numbers["transformer"],
        ),
    )
    rows = [
        {"network": runs[name].label, "lag": lag, "coupling": value, "stderr": error}
        for name, each in found.items()
        for lag, value, error in zip(each["lags"], each["values"], each["stderr"], strict=True)
    ]
    plot = Plot(
        "couplings",
        "effective couplings of trained networks",
        "By how much the log-odds of the next symbol change when the one so many steps back is flipped, with 95 % "
        "intervals; on these axes a power law is straight.",
        "steps back",
        "coupling (nats)",
        tuple(_series(runs[name].label, each) for name, each in found.items()),
    )
    return findings, rows, plot


def _twice(lab: Lab) -> bool:
    return bool(lab.settings["farthest"] == 2 * lab.settings["context"])


def _asked(lab: Lab, model: TrainedModel, data: SymbolProcess) -> dict[str, Any]:
    from miscope.probing.couplings import couplings

    settings = lab.settings
    farthest = int(_PART * settings["context"]) if model.horizon else settings["farthest"]
    lags = log_lags(1, farthest, settings["coupling_lags"])
    found = couplings(model, data, lags, settings["contexts"], seed=settings["seed"] + 5)
    return {"lags": found.lags, "values": found.values, "stderr": found.stderr}


def rule_coupling(label: str, found: Mapping[str, Any], wanted: str) -> tuple[Ruling, list[Number]]:
    """Which of two laws couplings follow, as a rule about the one that is wanted; and what the likelier one says.

    >>> lags = [16, 20, 25, 32, 40, 50, 64, 80]
    >>> falls = {"lags": lags, "values": [lag**-1.4 for lag in lags], "stderr": [1e-4] * 8}
    >>> rule_coupling("a network", falls, "power law")[0].verdict
    'supported'
    """
    lags, values, stderr = (np.asarray(found[name], np.float64) for name in ("lags", "values", "stderr"))
    used = (lags >= _FIRST) & (stderr > 0)
    try:
        laws = {
            law: fit((lags[used], values[used], stderr[used]), laws=law, floor=False).laws
            for law in ("exponential", "power law")
        }
    except InputError as error:
        return Ruling(label, "undecided", str(error)), []
    if not all(laws.values()):
        return Ruling(label, "undecided", "no coupling stands above its error"), []
    best = {law: each[0] for law, each in laws.items()}
    ahead = best["power law"].aicc - best["exponential"].aicc
    kind = "exponential" if ahead > 0 else "power law"
    sure = abs(ahead) >= _MARGIN
    verdict = "undecided" if not sure else "supported" if kind == wanted else "not supported"
    name, unit = ("correlation_length", "symbols") if kind == "exponential" else ("exponent", "")
    estimate = best[kind][name]
    number = Number(
        f"{label}: {name.replace('_', ' ')} of its couplings", estimate.value, estimate.low, estimate.high, unit
    )
    reason = f"AICc {abs(ahead):.1f} less for the {kind}; margin {_MARGIN:g}"
    return Ruling(label, verdict, reason), [number]


def _series(label: str, found: Mapping[str, Any]) -> Series:
    values, bars = np.asarray(found["values"]), _Z * np.asarray(found["stderr"])
    sure = tuple(bool(each) for each in np.abs(values) > bars)
    lags = tuple(float(lag) for lag in found["lags"])
    return Series(label, lags, tuple(values), tuple(values - bars), tuple(values + bars), sure=sure)
