"""The calibration of the verdict: curves whose law is known, and what is said of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from miscope import processes as known
from miscope.curve import MICurve, measure
from miscope.decay import fit
from miscope.decay.points import points_of
from miscope.decay.verdict import range_of
from miscope.processes import Process

__all__ = ["VERDICT_RUNS", "VerdictCase", "peer_choice", "run_verdict_case", "verdict_cases"]

Row = dict[str, Any]

VERDICT_RUNS = {"smoke": 1, "quick": 3, "full": 16}
"""Curves of each case at each scale; smoke takes one size only."""

_SIZES = ((64, 4096), (16, 1024), (256, 4096), (1, 65536))
_TREE = 4096  # symbols of a tree of depth 12
_LAGS_OF = {1024: "1:256", 4096: "1:1024", 65536: "1:10000"}


@dataclass(frozen=True)
class VerdictCase:
    """Curves of one process and size, whose law is known.

    Attributes
    ----------
    truth
        ``"exponential"``, ``"power law"``, ``"between"`` or ``"no dependence"``.
    name
        Of the process, for tables.
    process, n_documents, length
        What is sampled.
    options
        Arguments of `measure`.
    group
        Which question of the calibration it belongs to.
    """

    truth: str
    name: str
    process: Process
    n_documents: int
    length: int
    options: dict[str, Any] = field(default_factory=dict)
    group: str = "verdict"

    @property
    def key(self) -> str:
        """A name that is the same for the same case only, for files."""
        about = [self.truth, self.process.description, self.n_documents, self.length, self.options]
        digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()
        return f"{self.group}-{digest[:16]}"

    @property
    def parameter(self) -> tuple[str, float]:
        """Name and true value of what the law is known by; an empty name where there is none."""
        law = self.process.law
        if self.truth == "exponential" and law is not None and law.correlation_length is not None:
            return "correlation_length", law.correlation_length
        if self.truth == "power law" and law is not None and law.exponent is not None:
            return "exponent", law.exponent
        return "", np.nan


def verdict_cases(scale: str) -> list[VerdictCase]:
    """All cases of a scale, law by law."""
    sizes = _SIZES[:1] if scale == "smoke" else _SIZES
    return [
        VerdictCase(truth, name, process, n_documents, length, options)
        for truth, name, process, options in _known()
        for n_documents, length in sizes
        if not (isinstance(process, known.TreeGrammar) and length != _TREE)
    ]


def _known() -> Iterator[tuple[str, str, Process, dict[str, Any]]]:
    gaussian = {"estimator": "gaussian"}
    fast = np.array([[0.9, 0.05, 0.05, 0.0], [0.1, 0.8, 0.0, 0.1], [0.0, 0.3, 0.5, 0.2], [0.1, 0.0, 0.2, 0.7]])
    yield "exponential", "Markov chain, 2 symbols", _sticky(2, 0.95), {}
    yield "exponential", "Markov chain, 5 symbols", _sticky(5, 0.88), {}
    yield "exponential", "Markov chain, several modes", known.MarkovChain(fast.tolist()), {}
    yield "exponential", "Ising chain, coupling 1.2", known.IsingChain(1.2), {}
    yield "exponential", "Ising chain, coupling 1.8", known.IsingChain(1.8), {}
    yield "exponential", "linear RNN", known.LinearRNN(0.5, 0.43, 1.0, 1.0), gaussian
    yield "exponential", "linear RNN, 4 quantiles", known.LinearRNN(0.5, 0.46, 1.0, 1.0).quantised(4), {}
    yield "exponential", "exponential copula, length 30", _copula(0.1, correlation_length=30), {}
    yield "power law", "power law, exponent 0.3", known.PowerLawBinary(0.1, 0.3), {}
    yield "power law", "power law, exponent 0.5", known.PowerLawBinary(0.1, 0.5), {}
    yield "power law", "power law, exponent 1", known.PowerLawBinary(0.1, 1.0), {}
    yield "power law", "tree grammar, eigenvalue 0.75", known.TreeGrammar(depth=12, eigenvalue=0.75), {}
    yield "power law", "tree grammar, eigenvalue 0.85", known.TreeGrammar(depth=12, eigenvalue=0.85), {}
    yield "power law", "fractional noise, H = 0.85, 4 quantiles", known.FractionalNoise(hurst=0.85).quantised(4), {}
    yield "power law", "fractional noise, H = 0.75", known.FractionalNoise(hurst=0.75), gaussian
    yield "between", "power law 0.4 cut off at 150", _copula(0.2, exponent=0.4, correlation_length=150), {}
    yield "between", "power law 0.6 cut off at 50", _copula(0.3, exponent=0.6, correlation_length=50), {}
    yield "between", "power law 0.5 cut off at 300", _copula(0.2, exponent=0.5, correlation_length=300), {}
    yield "no dependence", "independent, 2 symbols", known.Heterogeneous(compositions=[[0.5, 0.5]]), {}
    yield "no dependence", "independent, 10 symbols", known.Heterogeneous(compositions=[[0.1] * 10]), {}


def _sticky(n_symbols: int, stay: float) -> known.MarkovChain:
    leave = (1 - stay) / (n_symbols - 1)
    return known.MarkovChain((np.full((n_symbols, n_symbols), leave) + (stay - leave) * np.eye(n_symbols)).tolist())


def _copula(amplitude: float, **law: float) -> known.GaussianCopula:
    return known.GaussianCopula({"amplitude": amplitude} | law)


def run_verdict_case(
    case: VerdictCase, runs: int, mapper: Callable[[Callable[[int], Row], range], Iterator[Row]] = map
) -> list[Row]:
    """Fit a case's curves, with seeds 0, 1, …; one row a curve."""
    return list(mapper(partial(_one_curve, case), range(runs)))


def _one_curve(case: VerdictCase, seed: int) -> Row:
    length = None if isinstance(case.process, known.TreeGrammar) else case.length
    data = case.process.sample(case.n_documents, length, seed)
    curve = measure(data, _LAGS_OF[case.length], seed=seed, threads=1, **case.options)
    found = fit(curve)
    first, last, _ = range_of(points_of(curve))
    name, true = case.parameter
    about: Row = {"group": case.group, "truth": case.truth, "process": case.name}
    about |= {"documents": case.n_documents, "length": case.length, "seed": seed, "verdict": found.verdict.kind}
    about |= {"significant_decades": float(np.log10(last / first)) if first else 0.0}
    about |= {"first": found.verdict.first, "last": found.verdict.last, "parameter": name, "true": _number(true)}
    estimate = found[case.truth][name] if name and found.laws else None
    for each in ("value", "low", "high"):
        about[each] = None if estimate is None else _number(getattr(estimate, each))
    return about | {"peer": peer_choice(curve)}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def peer_choice(curve: MICurve) -> str | None:
    """What automutualinformation (Sainburg et al. 2019) chooses for the curve; None where it is not installed.

    As its users do: values at or below zero are dropped, its three models are fitted to logarithms, and the smallest
    of its AICc wins: ``"exponential"``, ``"power law"`` or ``"exponential + power law"``.
    """
    try:
        from automutualinformation.modelfitting.comparison import AICc
        from automutualinformation.modelfitting.fit import fit_model
    except ImportError:
        return None
    seen = curve.excess > 0
    lags, values = curve.lags[seen].astype(np.float64), curve.excess[seen]
    if len(lags) < 8:
        return "too few values above zero"
    names = {"exponential": "exponential", "powerlaw": "power law", "pow_exp": "exponential + power law"}
    scores = {}
    for function, name in names.items():
        with np.errstate(all="ignore"):
            result, predicted = fit_model(lags, values, decay_function=function)
            scores[name] = AICc(len(lags), len(result.params), values, predicted, lags, logscaled=True)
    usable = {name: score for name, score in scores.items() if np.isfinite(score)}
    return min(usable, key=lambda name: usable[name]) if usable else "none"
