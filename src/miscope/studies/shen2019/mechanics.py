"""Statistical mechanics: spins coupled near and far, and the effective couplings of trained networks beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.counting.lags import log_lags
from miscope.curve import measure
from miscope.decay import fit
from miscope.figures.series import Plot, Series
from miscope.processes import IsingChain, LongRangeIsing
from miscope.studies.experiment import Experiment
from miscope.studies.findings import Finding, Number, Outcome, Ruling, decided, rule_above, rule_law, rule_within
from miscope.studies.lab import Lab
from miscope.studies.runs import Run, trained
from miscope.studies.shen2019.at_hand import DATA
from miscope.studies.shen2019.coupling_laws import networks, spins_of_networks

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.decay import DecayFit

__all__ = ["MECHANICS"]

_BAND = 0.15  # relative: how far measured lengths and exponents may lie from the theory's
_CROSSINGS = 0.05  # relative: how far two crossings may lie apart
_BELOW, _ABOVE = 0.9, 1.1  # of the transition's coupling: where cumulants fall and rise with the size
_RATIOS = (0.85, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1)
_WARM = 0.3  # of the transition's coupling: surely disordered
_FIRST = 4  # lag from where on the law is that of long ones
_KNOWN = 0.02  # relative: how well the transition has to be known for the law at it
_Z = 1.96


def _run(lab: Lab) -> Outcome:
    chains = _chains(lab)
    transition, binder_plot, crossings = _transition(lab)
    laws, laws_plot = _laws(lab, crossings)
    runs = networks(lab.settings)
    models = {name: trained(lab, run, DATA) for name, run in runs.items()}
    couplings, table, couplings_plot = spins_of_networks(lab, runs, models, DATA)
    finding, rows, chain_plot = chains
    return Outcome(
        (finding, *transition[0], *laws[0], *couplings),
        {"chains": rows, "cumulants": transition[1], "laws": laws[1], "couplings": table},
        (chain_plot, binder_plot, laws_plot, couplings_plot),
    )


def _chains(lab: Lab) -> tuple[Finding, list[dict[str, Any]], Plot]:
    """Neighbours only: exponential, at the rate of the transfer matrix."""
    settings, rulings, numbers, rows, series = lab.settings, [], [], [], []
    for k, coupling in enumerate(settings["couplings"]):
        chain, name = IsingChain(coupling), f"K = {coupling:g}"
        theory = -1 / (2 * math.log(math.tanh(coupling)))
        lags = log_lags(1, max(int(8 * theory), 16), settings["lags"])

        def measured(chain: Any = chain, lags: Any = lags, name: str = name, k: int = k) -> MICurve:
            data = chain.sample(settings["documents"], settings["length"], seed=settings["seed"] + k)
            return measure(data, lags, label=name)

        curve = lab.curve(f"chain-{coupling:g}", measured)
        found = lab.fit(f"chain-{coupling:g}", partial(fit, curve))
        rulings.append(rule_law(f"{name}: law", found, "exponential"))
        row = {"coupling": coupling, "law": found.verdict.kind, "exact length": theory}
        length = _three(found, "correlation_length")
        if found.laws:
            value, low, high = (each / theory for each in length)
            ratio = Number("correlation length / exact", value, low, high)
            rulings.append(rule_within(f"{name}: length", ratio, 1 - _BAND, 1 + _BAND))
            numbers.append(Number(f"{name}: correlation length (exact {theory:.4g})", *length, "symbols"))
        rows.append(row | dict(zip(("length", "low", "high"), length, strict=True)))
        series += [
            Series.of_curve(curve),
            Series.line(f"{name}, exact", curve.lags, chain.mutual_information(curve.lags), of=name),
        ]
    finding = decided(
        "Spins coupled to their neighbours only have mutual information that falls exponentially, with correlation "
        "length -1 / (2 ln tanh K), at any temperature.",
        f"Each curve has the verdict “exponential”, and the 95 % interval of its correlation length lies within "
        f"{100 * _BAND:.0f} % of that.",
        rulings,
        numbers,
    )
    plot = Plot(
        "chains",
        "Ising chains",
        "Points are measured, lines exact; K is the coupling of neighbours over the temperature.",
        "lag (spins)",
        "mutual information (nats)",
        tuple(series),
        log="y",
    )
    return finding, rows, plot


def _three(found: DecayFit, name: str) -> tuple[float, float, float]:
    """A parameter of a fit with its interval; nan where nothing was fitted."""
    if not found.laws:
        return math.nan, math.nan, math.nan
    estimate = getattr(found, name)
    return estimate.value, estimate.low, estimate.high


def _transition(lab: Lab) -> tuple[tuple[tuple[Finding, ...], list[dict[str, Any]]], Plot, list[float]]:
    """Where cumulants of rings cross, and what they do on either side of it."""
    from miscope.processes.long_range_ising import binder_cumulant, transition_coupling

    settings, sigma, sizes = lab.settings, lab.settings["sigma"], lab.settings["sizes"]

    def cross() -> dict[str, Any]:
        found = transition_coupling(sigma, sizes, settings["samples"], seed=settings["seed"])
        return {"couplings": found.couplings, "stderrs": found.stderrs, "cumulants": found.cumulants}

    crossings = lab.record("transition", cross)
    at = float(crossings["couplings"][-1])

    def cumulants(size: int) -> list[list[float]]:
        seen = [
            binder_cumulant(ratio * at, sigma, size, settings["samples"], seed=settings["seed"] + k)
            for k, ratio in enumerate(_RATIOS)
        ]
        return [[each.value, each.stderr] for each in seen]

    seen = {size: lab.record(f"cumulants-{size}", partial(cumulants, size)) for size in sizes}
    small, large = (np.array(seen[size]) for size in (min(sizes), max(sizes)))
    rulings = []
    for ratio, sign, what in ((_BELOW, -1.0, "falls"), (_ABOVE, 1.0, "grows")):
        k = _RATIOS.index(ratio)
        change, bar = sign * float(large[k, 0] - small[k, 0]), _Z * float(math.hypot(large[k, 1], small[k, 1]))
        number = Number(
            f"cumulant {what} from {min(sizes)} to {max(sizes)} spins by", change, change - bar, change + bar
        )
        rulings.append(rule_above(f"coupling {ratio:g} of the crossing's", number, 0.0))
    numbers = []
    for k, (coupling, error) in enumerate(zip(crossings["couplings"], crossings["stderrs"], strict=True)):
        ends = coupling - _Z * error, coupling + _Z * error
        numbers.append(Number(f"crossing of {sizes[k]} and {sizes[k + 1]} spins", coupling, *ends))
    if len(sizes) > 2:
        first, last = crossings["couplings"][-2:]
        bar = _Z * last / first * math.hypot(*(e / c for e, c in _last_two(crossings)))
        apart = Number("ratio of the last two crossings", last / first, last / first - bar, last / first + bar)
        rulings.append(rule_within("crossings", apart, 1 - _CROSSINGS, 1 + _CROSSINGS))
    finding = decided(
        f"Spins on a line with couplings that fall as a power of the distance, r^-{1 + sigma:g}, order at a finite "
        "temperature.",
        "Binder cumulants of rings cross at one coupling: from the smallest ring to the largest they fall at "
        f"{_BELOW:g} of it and grow at {_ABOVE:g}, and crossings of neighbouring sizes agree to "
        f"{100 * _CROSSINGS:.0f} % (95 % intervals).",
        rulings,
        numbers,
    )
    rows = [
        {"spins": size, "coupling": ratio * at, "of the crossing": ratio, "cumulant": value, "stderr": error}
        for size, each in seen.items()
        for ratio, (value, error) in zip(_RATIOS, each, strict=True)
    ]
    plot = Plot(
        "binder",
        f"Binder cumulants, couplings r^-{1 + sigma:g}",
        "Rings of several sizes; where the lines cross, spins begin to order.",
        "coupling at distance 1",
        "Binder cumulant",
        tuple(_cumulant_series(size, np.array(each), at) for size, each in seen.items()),
        log="",
        rules=((2 / 3, "ordered"), (0.0, "disordered")),
    )
    return ((finding,), rows), plot, [float(each) for each in crossings["couplings"]]


def _last_two(crossings: Mapping[str, Any]) -> list[tuple[float, float]]:
    return list(zip(crossings["stderrs"][-2:], crossings["couplings"][-2:], strict=True))


def _cumulant_series(size: int, seen: np.ndarray, at: float) -> Series:
    value, bar = seen[:, 0], _Z * seen[:, 1]
    couplings = tuple(ratio * at for ratio in _RATIOS)
    return Series(f"{size} spins", couplings, tuple(value), tuple(value - bar), tuple(value + bar))


def _laws(lab: Lab, crossings: Sequence[float]) -> tuple[tuple[tuple[Finding, ...], list[dict[str, Any]]], Plot]:
    """How mutual information falls above the transition's temperature and at it."""
    settings, sigma, at = lab.settings, lab.settings["sigma"], crossings[-1]
    exponents = {"disordered": 2 * (1 + sigma), "critical": 2 * (1 - sigma)}
    findings, rows, series = [], [], []
    for phase, theory in exponents.items():
        size = settings[phase]
        ring = LongRangeIsing(
            _WARM * at if phase == "disordered" else at,
            sigma,
            size["spins"],
            phase=phase,
            spacing=size["spacing"],
        )
        lags = log_lags(1, size["spins"] // size["part"], settings["lags"])

        def measured(ring: Any = ring, lags: Any = lags, size: Any = size, phase: str = phase) -> MICurve:
            return measure(ring.sample(size["documents"], seed=settings["seed"]), lags, label=phase)

        curve = lab.curve(phase, measured)
        found = lab.fit(phase, partial(fit, curve, lags=f"{_FIRST}:"))
        exponent = Number(f"exponent (theory {theory:g})", *_three(found, "exponent"))
        rulings = [
            rule_law(f"{phase}: law", found, "power law"),
            rule_within(f"{phase}: exponent", exponent, (1 - _BAND) * theory, (1 + _BAND) * theory),
        ]
        known = ""
        if phase == "critical":
            rulings = [_if_known(ruling, crossings) for ruling in rulings]
            known = f" It counts only if the last two crossings agree to {_KNOWN:.0%}."
        findings.append(
            decided(
                _CLAIMS[phase].format(sigma=sigma, theory=theory),
                f"The verdict from lag {_FIRST} on, up to 1/{size['part']} of the ring, is “power law”, and the "
                f"95 % interval of the exponent lies within {100 * _BAND:.0f} % of {theory:g}.{known}",
                rulings,
                [exponent],
            )
        )
        rows.append({"phase": phase, "law": found.verdict.kind, "theory": theory} | _row(exponent))
        series.append(Series.of_curve(curve))
        if found.laws:
            first = curve.lags >= _FIRST
            middle = int(np.flatnonzero(first)[len(np.flatnonzero(first)) // 4])
            anchor = float(curve.excess[middle]) * (curve.lags[first] / float(curve.lags[middle])) ** -theory
            series.append(Series.line(f"lag^-{theory:g}", curve.lags[first], anchor, of=phase))
    plot = Plot(
        "laws",
        "long-range Ising rings",
        f"Above the transition ({_WARM:g} of its coupling) and at it; dashed lines have the exponents of the theory, "
        "through one of the points.",
        "lag (spins)",
        "mutual information (nats)",
        tuple(series),
    )
    return (tuple(findings), rows), plot


_CLAIMS = {
    "disordered": "Above the transition's temperature their mutual information falls as the square of the coupling: as "
    "a power law with exponent 2 (1 + {sigma:g}) = {theory:g}.",
    "critical": "At the transition it falls more slowly: as a power law with exponent 2 (1 - {sigma:g}) = {theory:g}.",
}


def _if_known(ruling: Ruling, crossings: Sequence[float]) -> Ruling:
    """Undecided where the transition is not known well: a little off it the law is another at long lags."""
    if len(crossings) > 1 and abs(crossings[-1] / crossings[-2] - 1) <= _KNOWN:
        return ruling
    why = f"crossings {', '.join(f'{each:.4g}' for each in crossings)} leave the transition open"
    return Ruling(ruling.case, "undecided", f"{ruling.reason}; {why}")


def _row(number: Number) -> dict[str, float]:
    return {"exponent": number.value, "low": number.low, "high": number.high}


def _steps(settings: Mapping[str, Any]) -> int:
    n_networks = len(networks(settings))
    return 2 * len(settings["couplings"]) + 1 + len(settings["sizes"]) + 4 + 2 * n_networks


def _runs(settings: Mapping[str, Any]) -> tuple[Run, ...]:
    return tuple(networks(settings).values())


_LAPTOP: dict[str, Any] = {
    "couplings": [0.8, 1.2, 1.6],
    "documents": 512,
    "length": 4096,
    "lags": 24,
    "sigma": 0.6,
    "sizes": [512, 1024, 2048, 4096],
    "samples": 16_000,
    "disordered": {"documents": 524_288, "spins": 512, "spacing": 5, "part": 8},
    "critical": {"documents": 1024, "spins": 16_384, "spacing": 30, "part": 64},
    "context": 256,
    "width": 16,
    "heads": 2,
    "steps": 800,
    "batch": 16,
    "contexts": 1024,
    "coupling_lags": 40,
    "farthest": 512,
    "seed": 0,
}
MECHANICS = Experiment(
    name="mechanics",
    title="Statistical mechanics",
    claim="The abstract relates all this to statistical mechanics: a state of fixed size is like couplings of short "
    "range, whose correlations fall exponentially; attention is like couplings of long range, which allow power laws.",
    method="Ising chains are sampled, measured and fitted, and the length held against that of their transfer matrix. "
    "Rings of spins with couplings that fall as a power of the distance are drawn by a cluster algorithm; the "
    "transition is where the Binder cumulants of different sizes cross, and mutual information is measured above it "
    "and at it. Then an Elman RNN, an LSTM and a Transformer are trained on a binary process with a power law, and "
    "asked for their effective couplings: by how much the log-odds of the next symbol change when the one k steps back "
    "is flipped.",
    settings={
        "smoke": _LAPTOP
        | {
            "couplings": [1.2],
            "documents": 64,
            "length": 2048,
            "lags": 10,
            "sizes": [64, 128],
            "samples": 2000,
            "disordered": {"documents": 8192, "spins": 256, "spacing": 5, "part": 8},
            "critical": {"documents": 64, "spins": 4096, "spacing": 30, "part": 64},
            "context": 64,
            "width": 8,
            "steps": 30,
            "contexts": 128,
            "coupling_lags": 16,
            "farthest": 96,
        },
        "laptop": _LAPTOP,
        "paper": _LAPTOP
        | {
            "documents": 1024,
            "length": 16_384,
            "sizes": [1024, 2048, 4096, 8192, 16_384],
            "samples": 64_000,
            "disordered": {"documents": 2_097_152, "spins": 1024, "spacing": 5, "part": 8},
            "critical": {"documents": 1024, "spins": 131_072, "spacing": 30, "part": 64},
            "context": 2048,
            "width": 128,
            "heads": 4,
            "steps": 20_000,
            "batch": 64,
            "contexts": 8192,
            "farthest": 4096,
        },
    },
    run=_run,
    n_steps=_steps,
    runs=_runs,
)
