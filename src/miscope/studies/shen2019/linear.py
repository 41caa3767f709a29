"""Linear recurrent networks: exact curves against samples, trained ones, and the same theory for a nonlinear one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.counting.lags import log_lags
from miscope.curve import MICurve, measure
from miscope.figures.series import Plot, Series
from miscope.processes import FractionalNoise, LinearRNN
from miscope.processes.base import RealProcess
from miscope.studies.experiment import Experiment
from miscope.studies.findings import Finding, Number, Outcome, Ruling, decided, rule_above, rule_within
from miscope.studies.lab import Lab
from miscope.studies.runs import Run, foretold, probed, trained
from miscope.studies.shen2019.at_hand import DATA
from miscope.studies.shen2019.lengths import (
    coverage,
    length_beside,
    length_of,
    mean,
    ratio,
    rule_outside,
    rule_tail,
    tail,
)

if TYPE_CHECKING:
    from miscope.models.trained import TrainedModel

__all__ = ["LINEAR"]

_BAND = 0.15  # relative: how far a correlation length may lie from the theory's
_COVERED = 0.85  # share of 95 % intervals that have to hold the exact value
_FACTOR = 1.5  # of lengths that are foretold from a run, as both have errors

Part = tuple[list[Finding], dict[str, list[dict[str, Any]]], list[Plot]]


def _loops() -> dict[str, LinearRNN]:
    """Kinds of spectra that a closed loop A = W + U V may have."""
    # Two of them are said by their loop: W = A - U V.
    turn, block = np.array([[0.883, -0.322], [0.322, 0.883]]), np.array([[0.9, 0.2], [0.0, 0.9]])
    enters, shown = np.array([[0.3], [0.0]]), np.array([[0.5, 0.0]])
    into, out = np.array([[0.2], [0.3]]), np.array([[0.4, 0.1]])
    return {
        "one unit": LinearRNN(recurrent=0.5, feedback=0.4, readout=1.0),
        "damped by its output": LinearRNN(recurrent=0.96, feedback=0.4, readout=-0.4),
        "two real modes": LinearRNN([[0.6, 0.2], [0.1, 0.5]], [0.4, 0.1], [0.6, 0.3]),
        "complex pair": LinearRNN(turn - enters @ shown, enters, shown),
        "Jordan block": LinearRNN(block - into @ out, into, out),
    }


def _length(process: RealProcess) -> float:
    """The correlation length that theory gives."""
    assert process.law is not None
    assert process.law.correlation_length is not None
    return float(process.law.correlation_length)


def open_length(process: LinearRNN) -> float:
    """The correlation length that W alone would give, in symbols; infinite where W is not stable."""
    recurrent = np.atleast_2d(np.asarray(process.parameters["recurrent"], np.float64))
    radius = float(np.abs(np.linalg.eigvals(recurrent)).max())
    return -0.5 / math.log(radius) if radius < 1 else math.inf


def _exactly(value: float) -> Number:
    return Number("theory", value, value, value, "symbols")


def _run(lab: Lab) -> Outcome:
    parts = [_sampled(lab), _learnt(lab), _nonlinear(lab)]
    tables: dict[str, list[dict[str, Any]]] = {}
    for _, rows, _ in parts:
        tables |= rows
    return Outcome(
        tuple(finding for findings, _, _ in parts for finding in findings),
        tables,
        tuple(plot for _, _, plots in parts for plot in plots),
    )


def _curve_plot(name: str, title: str, reading: str, series: tuple[Series, ...], log: str = "y") -> Plot:
    return Plot(name, title, reading, "lag (symbols)", "mutual information (nats)", series, log=log)


def _sampled(lab: Lab) -> Part:
    """Networks with given weights: several samples of each, measured."""
    settings = lab.settings
    shares, rulings, numbers, rows, plots = [], [], [], [], []
    for k, (name, process) in enumerate(_loops().items()):
        theory, without = _length(process), open_length(process)
        lags = log_lags(1, max(int(8 * theory), 24), 24)
        exact = process.mutual_information(lags)
        key = name.replace(" ", "-")
        measured = partial(_measure, settings, process, lags, name)
        curve = lab.curve(key, partial(measured, 100 * k))
        shares += lab.record(f"{key}-coverage", partial(_coverages, settings, measured, 100 * k + 1, exact))
        length = length_beside(f"{name}: correlation length", curve, exact, theory)
        closed = ratio("ratio to the closed loop's", length, _exactly(theory))
        opened = ratio("ratio to that of W alone", length, _exactly(without))
        rulings += [rule_within(name, closed, 1 - _BAND, 1 + _BAND)]
        rulings += [rule_outside(f"{name}, without feedback", opened, 1 - _BAND, 1 + _BAND)]
        numbers.append(length)
        rows.append({"network": name, "closed_loop": theory, "without_feedback": without} | _ends(length))
        dense = np.arange(1, int(lags[-1]) + 1)
        series = (Series.of_curve(curve), Series.line("exact", dense, process.mutual_information(dense), of=name))
        plots.append(
            _curve_plot(
                key,
                f"linear RNN, {name}",
                "Points are measured in a sample, with 95 % intervals (hollow: not significant); the line is exact.",
                series,
            )
        )
    share = mean("share of 95 % intervals that hold the exact value, mean over samples", shares)
    share = replace(share, high=min(share.high, 1.0))
    findings = [
        decided(
            "Linear RNNs have the mutual information that theory says, at each lag.",
            f"The share of lags whose 95 % interval holds the exact value, over {len(shares)} independent samples of "
            f"{len(rows)} networks, has a mean above {_COVERED:.2f}, with all of its interval.",
            [rule_above("all networks", share, _COVERED)],
            [share],
        ),
        decided(
            "It falls exponentially at the rate of the closed loop W + U V, not at that of W.",
            f"All 95 % intervals of correlation lengths lie within {100 * _BAND:.0f} % of 1 / (2 ln 1/r), r the "
            "largest modulus of an eigenvalue of W + U V, and none meets the same band about that of W. The form of "
            "the curve but for its rate is the theory's, so that oscillations and powers of the lag do not count.",
            rulings,
            numbers,
        ),
    ]
    return findings, {"loops": rows}, plots


def _measure(settings: Mapping[str, Any], process: RealProcess, lags: Any, name: str, seed: int) -> MICurve:
    data = process.sample(settings["documents"], settings["length"], seed=settings["seed"] + seed)
    return measure(data, lags, estimator="gaussian", label=name)


def _coverages(settings: Mapping[str, Any], measured: Callable[[int], MICurve], first: int, exact: Any) -> list[float]:
    """Of further samples."""
    return [coverage(measured(first + repeat), exact) for repeat in range(settings["repeats"])]


def _ends(length: Number) -> dict[str, float]:
    return {"length": length.value, "low": length.low, "high": length.high}


def _data() -> dict[str, RealProcess]:
    """What linear networks are trained on: one of their own kind, and a power law."""
    return {
        "linear RNN": _loops()["two real modes"],
        "fractional noise": FractionalNoise(d=0.3),
    }


def _learnt(lab: Lab) -> Part:
    """Networks with weights that were learnt: their closed loop against what they generate."""
    settings = lab.settings
    rates, laws, numbers, rows, plots, series = [], [], [], [], [], []
    lags = log_lags(1, settings["drawn"] // 4, settings["n_lags"])
    for source, data in _data().items():
        for width in settings["linear_widths"]:
            name = f"width {width} on {source}"
            key = name.replace(" ", "-")
            model = lab.model(key, partial(_train, settings, data, width))
            process = model.model.process()
            theory, exact = _length(process), process.mutual_information(lags)
            curve = lab.curve(key, partial(_probe, settings, model, lags, name))
            length = length_beside(f"{name}: correlation length", curve, exact, theory)
            closed = ratio("ratio to its closed loop's", length, _exactly(theory))
            rates.append(rule_within(name, closed, 1 - _BAND, 1 + _BAND))
            numbers.append(length)
            about = {"data": source, "width": width, "closed_loop": theory} | _ends(length)
            rows.append(about | {"law": "", "reach": math.nan, "reach_low": math.nan, "reach_high": math.nan})
            if source == "fractional noise":
                found = lab.fit(key, partial(tail, curve, theory))
                kept = _reach(data, curve)
                laws.append(rule_tail(name, found))
                numbers.append(kept)
                rows[-1] |= {"law": found.verdict.kind, "reach": kept.value}
                rows[-1] |= {"reach_low": kept.low, "reach_high": kept.high}
                series += [Series.of_curve(curve, name), Series.line(f"theory, {name}", lags, exact, of=name)]
    truth = _data()["fractional noise"].mutual_information(lags)
    plots.append(
        _curve_plot(
            "trained",
            "linear RNNs trained on a power law",
            "Points are what trained networks generate, with 95 % intervals; broken lines are exact for their closed "
            "loops; the dark line is the law of their data.",
            (*series, Series.line("data", lags, truth)),
            log="xy",
        )
    )
    findings = [
        decided(
            "The closed loop that a trained linear RNN has learnt says at which rate its own samples forget.",
            f"Each correlation length of what networks generate lies within {100 * _BAND:.0f} % of that of the "
            "eigenvalues of W + U V, with its 95 % interval.",
            rates,
            numbers,
        ),
        decided(
            "Trained on a power law, linear RNNs forget exponentially at large lags all the same.",
            "The verdict of each fit from half the correlation length on is “exponential”; “power law” speaks "
            "against, all else for neither.",
            laws,
        ),
    ]
    return findings, {"trained": rows}, plots


def _train(settings: Mapping[str, Any], data: RealProcess, width: int, checkpoint: Path) -> TrainedModel:
    from miscope.models import LinearGaussianRNN
    from miscope.models.training import train

    network = LinearGaussianRNN(width, seed=settings["seed"])
    sizes = {"steps": settings["linear_steps"], "batch": settings["batch"], "length": settings["window"]}
    return train(network, data, **sizes, seed=settings["seed"], checkpoint=checkpoint)


def _probe(settings: Mapping[str, Any], model: TrainedModel, lags: Any, label: str) -> MICurve:
    from miscope.probing.conditional import probe

    return probe(model, lags, settings["drawings"], settings["drawn"], seed=settings["seed"] + 1, label=label)


def _reach(data: Any, curve: MICurve) -> Number:
    from miscope.probing.reach import reach

    found = reach(data, curve)
    return Number(f"{curve.label}: reach", found.lag, found.low, found.high, "symbols")


def _networks(settings: Mapping[str, Any]) -> tuple[Run, ...]:
    """Nonlinear networks."""
    sizes = [settings[name] for name in ("steps", "batch", "window", "drawings", "drawn", "seed")]
    return tuple(Run(f"elman-{width}", "rnn", (("width", width),), *sizes) for width in settings["elman_widths"])


def _nonlinear(lab: Lab) -> Part:
    """Elman networks: the spectrum of what they generate, against what they show, and against the driven network."""
    lags = log_lags(1, lab.settings["drawn"] // 3, lab.settings["n_lags"])
    within, beyond, numbers, rows, series = [], [], [], [], []
    for run in _networks(lab.settings):
        model = trained(lab, run, DATA)
        said = foretold(lab, run, model, [int(lag) for lag in lags])
        curve = probed(lab, run, model, lags)
        found = lab.fit(run.name, partial(tail, curve, said["correlation_length"]))
        spectral = Number(
            f"{run.label}: correlation length by its spectrum",
            said["correlation_length"],
            said["low"],
            said["high"],
            "symbols",
        )
        measured = length_of(found, f"{run.label}: correlation length measured")
        driven = -0.5 / said["driven_exponent"] if said["driven_exponent"] < 0 else math.inf
        within.append(rule_within(run.label, ratio("ratio to the spectrum's", measured, spectral), *_bounds()))
        beyond.append(rule_driven(run.label, measured, driven))
        numbers += [spectral, measured, Number(f"{run.label}: length of the driven network", driven, unit="symbols")]
        rows.append(
            {"network": run.label, "law": found.verdict.kind}
            | _ends(measured)
            | {"spectrum": spectral.value, "spectrum_low": spectral.low, "spectrum_high": spectral.high}
            | {"driven": driven}
        )
        series += [
            Series.of_curve(curve),
            Series.line(f"spectrum, {run.label}", said["lags"], said["mutual_information"], of=curve.label),
        ]
    plot = _curve_plot(
        "elman",
        "Elman RNNs, and what their spectra say",
        "Points are what trained networks generate, with 95 % intervals (hollow: not significant); broken lines are "
        "foretold from other, shorter runs by the modes of the dynamics; the dark line is the law of their data.",
        (*series, Series.line("data", lags, DATA.mutual_information(lags))),
        log="xy",
    )
    findings = [
        decided(
            "In nonlinear RNNs too the slowest mode of the generated dynamics sets the correlation length.",
            f"Each measured length (from half the foretold one on) over that of the spectrum lies within a factor of "
            f"{_FACTOR:g} of 1, with its 95 % interval.",
            within,
            numbers,
        ),
        decided(
            "It is not the rate at which the network forgets when it is driven by given symbols.",
            f"Each measured length lies outside a factor of {_FACTOR:g} about -1 / (2 exponent), of the largest "
            "Lyapunov exponent of the driven network, with its 95 % interval.",
            beyond,
        ),
    ]
    return findings, {"nonlinear": rows}, [plot]


def rule_driven(case: str, measured: Number, driven: float) -> Ruling:
    """Whether a measured length is another than that of the driven network."""
    return rule_outside(case, ratio("ratio to the driven network's", measured, _exactly(driven)), *_bounds())


def _bounds() -> tuple[float, float]:
    return 1 / _FACTOR, _FACTOR


def _steps(settings: Mapping[str, Any]) -> int:
    learnt = 2 * len(_data()) + 1  # models and curves; fits where the data are a power law
    return 2 * len(_loops()) + learnt * len(settings["linear_widths"]) + 4 * len(settings["elman_widths"])


_LAPTOP = {
    "documents": 64,
    "length": 16_384,
    "repeats": 20,
    "linear_widths": [2, 4],
    "linear_steps": 600,
    "elman_widths": [4, 8],
    "steps": 300,
    "batch": 64,
    "window": 256,
    "drawings": 512,
    "drawn": 4096,
    "n_lags": 36,
    "seed": 0,
}
LINEAR = Experiment(
    name="linear",
    title="Linear recurrent networks",
    claim="The abstract says that mutual information falls exponentially in linear recurrent networks, by theory. "
    "Worked out here: at the rate of the closed loop, the network together with the outputs that it reads.",
    method="Linear RNNs with closed loops of five kinds are sampled and measured, and held against their exact curves. "
    "Others are trained, on a linear RNN and on fractional noise with a power law; the weights they have learnt say "
    "what they generate, which is measured. Elman RNNs are trained on a binary power law; there the modes of the "
    "generated dynamics, estimated from a run of the network, take the place of the closed loop's eigenvalues.",
    settings={
        "smoke": _LAPTOP
        | {
            "documents": 32,
            "length": 4096,
            "repeats": 4,
            "linear_widths": [2],
            "linear_steps": 40,
            "elman_widths": [4],
            "steps": 60,
            "batch": 16,
            "window": 64,
            "drawings": 64,
            "drawn": 768,
            "n_lags": 20,
        },
        "laptop": _LAPTOP,
        "paper": _LAPTOP
        | {
            "documents": 1024,
            "length": 65_536,
            "repeats": 100,
            "linear_widths": [2, 4, 8, 16, 32],
            "linear_steps": 10_000,
            "elman_widths": [4, 8, 16, 32, 64],
            "steps": 10_000,
            "batch": 256,
            "window": 1024,
            "drawings": 4096,
            "drawn": 16_384,
        },
    },
    run=_run,
    n_steps=_steps,
    runs=_networks,
)
