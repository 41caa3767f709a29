"""Networks beside the data at hand that they were trained on: their curves, their tails, and how far they keep up."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from miscope.errors import InputError
from miscope.figures.series import Plot, Series
from miscope.studies.findings import NOT_SUPPORTED, UNDECIDED, Finding, Number, Ruling, decided, rule_above
from miscope.studies.lab import Lab
from miscope.studies.runs import Run, foretold, probed, trained
from miscope.studies.shen2019.contenders import LEARNT, still_learning
from miscope.studies.shen2019.lengths import length_of, ratio, rule_tail

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.decay import DecayFit
    from miscope.sequences import Sequences

__all__ = ["PIECES", "Beside", "curves_plot", "falls", "further", "keeps", "runs_beside", "stand_beside"]

_LEAST_LAGS = 8  # that are left to a tail

PIECES = {True: 5, False: 3}
"""Of the lab's, for a network: with a state, and without."""


@dataclass(frozen=True)
class Beside:
    """A network and its data.

    Attributes
    ----------
    run
        What was trained, and how it was drawn from.
    curve
        Of the network.
    reach
        Up to where it keeps half of the data's information; nan where the data do not show it.
    note
        Why it is nan, or "".
    learning
        Whether its training was too short for it to count.
    fit, said
        Of a network with a state: the laws of its tail, and what its spectrum foretells.
    """

    run: Run
    curve: MICurve
    reach: Number
    note: str
    learning: bool
    fit: DecayFit | None = None
    said: dict[str, Any] | None = None

    def row(self) -> dict[str, Any]:
        """Of the table."""
        length = length_of(self.fit, "") if self.fit is not None else Number("", math.nan)
        return {
            "network": self.curve.label,
            "law": self.fit.verdict.kind if self.fit is not None else "",
            "length": length.value,
            "foretold": self.said["correlation_length"] if self.said is not None else math.nan,
            "reach": self.reach.value,
            "reach_low": self.reach.low,
            "reach_high": self.reach.high,
            "learnt": not self.learning,
        }


def runs_beside(
    shapes: Mapping[str, tuple[tuple[str, Any], ...]],
    settings: Mapping[str, Any],
    documents: Mapping[str, int],
    classes: int,
) -> tuple[Run, ...]:
    """Networks for symbols of so many classes: one of each kind, drawn as long as settings say, within a context."""
    return tuple(
        Run(
            kind,
            kind,
            shape,
            settings["steps"],
            settings["batch"],
            settings["context"],
            documents[kind],
            dict(shape).get("context", settings["drawn"]),
            settings["seed"],
            classes,
        )
        for kind, shape in shapes.items()
    )


def stand_beside(
    lab: Lab, run: Run, data: Callable[[], Sequences], shown: MICurve, lags: Sequence[int], label: str
) -> Beside:
    """Train a network on data, draw from it, and hold its curve against theirs.

    Parameters
    ----------
    lab, run
        Where, and what.
    data
        Gives the data; called only if the network is not there yet.
    shown
        The curve of the data.
    lags
        Where the network is asked.
    label
        Its name for readers.
    """
    model = trained(lab, run, data)
    recurrent = model.horizon is None
    said = foretold(lab, run, model, lags) if recurrent else None
    curve = probed(lab, run, model, lags, label=label)
    fit = lab.fit(run.name, partial(_tail, curve, said["correlation_length"])) if said is not None else None
    kept = lab.record(f"{run.name}-reach", partial(_reach, shown, curve))
    high = math.inf if math.isnan(kept["high"]) and not kept["note"] else kept["high"]
    number = Number(f"{label}: reach", kept["lag"], kept["low"], high, "symbols")
    return Beside(run, curve, number, kept["note"], still_learning(model), fit, said)


def _tail(curve: MICurve, length: float) -> DecayFit:
    """From half a foretold correlation length on, if that leaves enough lags; of short data there may be few at all."""
    from miscope.decay import fit

    latest = int(curve.lags[-min(_LEAST_LAGS, len(curve))])
    start = max(round(length / 2), 1) if math.isfinite(length) else 1
    return fit(curve, lags=f"{min(start, latest)}:")


def _reach(shown: MICurve, curve: MICurve) -> dict[str, Any]:
    """How far a curve keeps half of what the data have."""
    from miscope.probing.reach import reach

    try:
        found = reach(shown, curve)
    except InputError as error:
        return {"lag": math.nan, "low": math.nan, "high": math.nan, "note": str(error)}
    return {"lag": found.lag, "low": found.low, "high": found.high, "note": ""}


def falls(claim: str, networks: Sequence[Beside]) -> Finding:
    """Whether networks with a state forget exponentially at large lags."""
    some = [each for each in networks if each.fit is not None]
    numbers = []
    for each in some:
        assert each.fit is not None
        assert each.said is not None
        numbers.append(length_of(each.fit, f"{each.curve.label}: correlation length"))
        ends = each.said["correlation_length"], each.said["low"], each.said["high"]
        numbers.append(Number(f"{each.curve.label}: correlation length by its spectrum", *ends, "symbols"))
    return decided(
        claim,
        "The verdict of each curve, fitted from half the correlation length on that the spectrum of the network's "
        f"dynamics foretells, is “exponential”; not supported if one is “power law”. {LEARNT}",
        [_counted(each, _tail_ruling(each, each.fit)) for each in some if each.fit is not None],
        numbers,
        differs=_difference(some),
    )


def _tail_ruling(each: Beside, fit: DecayFit) -> Ruling:
    """The law of the tail; says where the spectrum, on which its beginning rests, is not sure."""
    ruling = rule_tail(each.curve.label, fit)
    doubts = each.said["warnings"] if each.said is not None else []
    return Ruling(ruling.case, ruling.verdict, "; ".join([ruling.reason, *(f"spectrum: {doubt}" for doubt in doubts)]))


def _counted(each: Beside, ruling: Ruling) -> Ruling:
    """A ruling, or none where the network is still learning."""
    if not each.learning:
        return ruling
    return Ruling(ruling.case, UNDECIDED, f"{ruling.reason}; still learning")


def _difference(networks: Sequence[Beside]) -> str:
    """What the fall at large lags does not say of the lags before it."""
    told = [
        f"“{each.curve.label}” keeps half of the data's information up to a distance of {each.reach.value:.0f} symbols "
        f"({each.reach.low:.0f} to {each.reach.high:.0f}), {each.reach.value / length.value:.1f} times its correlation "
        f"length of {length.value:.0f}"
        for each in networks
        if each.fit is not None
        and not each.learning
        and math.isfinite(each.reach.high)
        and each.reach.low > (length := length_of(each.fit, "")).high
    ]
    if not told:
        return ""
    return (
        "The abstract sets exponential decay in recurrent networks against power laws; the fall comes only at large "
        f"distances: {'; '.join(told)}."
    )


def keeps(claim: str, networks: Sequence[Beside], context: int, share: float) -> Finding:
    """Whether networks that attend keep half of the data's information over a share of their context."""
    some = [each for each in networks if each.fit is None]
    rulings = []
    for each in some:
        part = ratio(f"{each.curve.label}: reach over context", each.reach, Number("", context, context, context))
        rulings.append(_counted(each, _with_note(each, rule_above(each.curve.label, part, share))))
    finding = decided(
        claim,
        "The reach, up to where half of the data's information is kept, is above "
        f"{share:g} of the context of {context} symbols, with its 95 % interval; not supported if all of that lies "
        f"below. {LEARNT}",
        rulings,
        [each.reach for each in some],
    )
    return replace(finding, differs=_short(some, networks, context)) if finding.verdict == NOT_SUPPORTED else finding


def _short(some: Sequence[Beside], networks: Sequence[Beside], context: int) -> str:
    """How far those that fall short keep up, and what they still have where others have less."""
    told = []
    for each in some:
        said = (
            f"“{each.curve.label}”, after {each.run.steps:,} steps, keeps half of the data's information up to a "
            f"distance of {each.reach.value:.0f} symbols ({each.reach.low:.0f} to {each.reach.high:.0f}), of a context "
            f"of {context}"
        )
        for other in networks:
            both = set(each.curve.lags[each.curve.significant()]) & set(other.curve.lags[other.curve.significant()])
            if other.fit is not None and both:
                lag = max(both)
                mine, theirs = (float(one.curve.excess[one.curve.lags == lag][0]) for one in (each, other))
                said += (
                    f"; at {lag} symbols, the largest distance where both stand out of chance, it has "
                    f"{mine / theirs:.2g} times the information of “{other.curve.label}”"
                )
        told.append(said)
    return f"The abstract says that Transformers capture long-range dependence efficiently. {'; '.join(told)}."


def further(claim: str, networks: Sequence[Beside]) -> Finding:
    """Whether those that attend keep up further than those with a state."""
    first, *others = sorted(networks, key=lambda each: each.fit is not None)
    rulings, numbers = [], []
    for other in others:
        part = ratio(f"{first.curve.label} over {other.curve.label}: ratio of reaches", first.reach, other.reach)
        ruling = _with_note(other, _with_note(first, rule_above(other.curve.label, part, 1.0)))
        rulings.append(_counted(first, ruling) if first.learning else _counted(other, ruling))
        numbers += [part, other.reach]
    return decided(
        claim,
        "The ratio of reaches is above 1 with its 95 % interval; not supported if all of that lies below. Both "
        f"networks have about as many parameters, and learnt from as many symbols. {LEARNT}",
        rulings,
        [first.reach, *numbers],
    )


def _with_note(each: Beside, ruling: Ruling) -> Ruling:
    return Ruling(ruling.case, UNDECIDED, each.note) if each.note else ruling


def curves_plot(name: str, title: str, shown: MICurve, networks: Sequence[Beside]) -> Plot:
    """Data and networks, above chance."""
    lines = []
    for each in networks:
        lines.append(Series.of_curve(each.curve))
        if each.said is not None and not each.said["warnings"]:
            x, y = each.said["lags"], each.said["mutual_information"]
            lines.append(Series.line(f"{each.curve.label}, foretold", x, y, of=each.curve.label))
    return Plot(
        name,
        title,
        "Points are measured, above chance, with 95 % intervals (hollow: not significant); networks by their own "
        "conditional probabilities. A broken line is what the spectrum of a network's dynamics foretells; where that "
        "is not sure of itself, there is none.",
        "lag (symbols)",
        "mutual information (nats)",
        (Series.of_curve(shown), *lines),
    )
