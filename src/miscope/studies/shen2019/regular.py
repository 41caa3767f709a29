"""n-grams, hidden Markov models and regular grammars: exponential, at the rate that the spectrum says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from miscope.curve import measure
from miscope.decay import fit
from miscope.figures.series import Plot, Series
from miscope.processes import HiddenMarkov, MarkovChain
from miscope.processes.base import SymbolProcess
from miscope.sequences import Sequences
from miscope.studies.experiment import Experiment
from miscope.studies.findings import Number, Outcome, decided, rule_law, rule_within
from miscope.studies.lab import Lab
from miscope.studies.shen2019.at_hand import DATA

__all__ = ["REGULAR"]

_BAND = 0.15  # relative: how far a measured correlation length may lie from the theory's


def _processes() -> dict[str, SymbolProcess]:
    """Four with memory in a fixed number of states; none is symmetric between its symbols."""
    chain = MarkovChain([[0.95, 0.04, 0.01], [0.03, 0.94, 0.03], [0.02, 0.05, 0.93]])
    second = np.array([[[0.92, 0.08], [0.55, 0.45]], [[0.40, 0.60], [0.06, 0.94]]])
    hidden = HiddenMarkov(
        [[0.97, 0.02, 0.01], [0.02, 0.96, 0.02], [0.01, 0.04, 0.95]], [[0.9, 0.1], [0.5, 0.5], [0.15, 0.85]]
    )
    # A regular grammar, S -> aS | bS | aA, A -> aA | bA | bS | aB, B -> bB | aA, with probabilities.
    grammar = HiddenMarkov(
        [[0.94, 0.06, 0.0], [0.03, 0.94, 0.03], [0.0, 0.06, 0.94]],
        [[0.95, 0.05], [0.4, 0.6], [0.1, 0.9]],
        alphabet="ab",
    )
    return {
        "bigrams": chain,
        "trigrams": MarkovChain(second, order=2),
        "hidden Markov": hidden,
        "regular grammar": grammar,
    }


def _lags(process: SymbolProcess) -> list[int]:
    """As far as the curve can be told from nothing: some eight correlation lengths."""
    from miscope.counting.lags import log_lags

    return [int(lag) for lag in log_lags(1, max(int(8 * _length(process)), 24), 24)]


def _length(process: SymbolProcess) -> float:
    """The correlation length that its theory gives."""
    assert process.law is not None
    assert process.law.correlation_length is not None
    return float(process.law.correlation_length)


def _run(lab: Lab) -> Outcome:
    settings = lab.settings
    laws, rates, numbers, rows, plots = [], [], [], [], []
    for k, (name, process) in enumerate(_processes().items()):
        theory = _length(process)
        key = name.replace(" ", "-")

        def measured(process: Any = process, name: str = name, k: int = k) -> Any:
            data = process.sample(settings["documents"], settings["length"], seed=settings["seed"] + k)
            return measure(data, _lags(process), label=name)

        curve = lab.curve(key, measured)
        found = lab.fit(key, partial(fit, curve))
        laws.append(rule_law(name, found, "exponential"))
        if found.laws:
            length = found.correlation_length
            ratio = Number(f"{name}: ratio to theory", length.value / theory, length.low / theory, length.high / theory)
            rates.append(rule_within(name, ratio, 1 - _BAND, 1 + _BAND))
            numbers.append(Number(f"{name}: correlation length", length.value, length.low, length.high, "symbols"))
        rows.append(
            {
                "process": name,
                "verdict": found.verdict.kind,
                "theory": theory,
                **dict(zip(("length", "low", "high"), _ends(found), strict=True)),
            }
        )
        plots.append(
            Plot(
                key,
                f"{name}: {found.verdict.kind}",
                "Points are measured, above chance, with 95 % intervals (hollow: not significant); the line is exact.",
                "lag (symbols)",
                "mutual information (nats)",
                (
                    Series.of_curve(curve),
                    Series.line("exact", curve.lags, process.mutual_information(curve.lags), of=name),
                ),
                log="y",
            )
        )
    gram, law_of_gram, table = _n_grams(lab)
    rows_of_grams, plot = table
    return Outcome(
        findings=(
            decided(
                "Mutual information of n-gram models, hidden Markov models and regular grammars falls exponentially.",
                "Each of the curves has the verdict “exponential”; none has another, but for “undecided”.",
                laws,
            ),
            decided(
                "It falls at the rate that the eigenvalues of the transition matrix say.",
                f"Every 95 % interval of a correlation length lies within {100 * _BAND:.0f} % of "
                "-1 / (2 ln |eigenvalue|), of the largest eigenvalue but 1 of the transition matrix.",
                rates,
                numbers,
            ),
            decided(
                "n-gram models of data with a power law lose it, whatever their order.",
                "Correlation lengths of n-gram models of a power-law sample are 32 symbols at most, and from lag 64 on "
                "they keep less than half of the data's information.",
                [law_of_gram, gram],
            ),
        ),
        tables={"rates": rows, "n-grams": rows_of_grams},
        plots=(*plots, plot),
    )


def _ends(found: Any) -> tuple[float, float, float]:
    if not found.laws:
        return math.nan, math.nan, math.nan
    length = found.correlation_length
    return length.value, length.low, length.high


def _n_grams(lab: Lab) -> Any:
    """Chains of growing order, with the transitions that a sample of a power law has; their exact curves."""
    settings = lab.settings
    lags = [1, 2, 4, 8, 16, 32, 64, 128, 256]
    wanted = DATA.mutual_information(lags)

    def make() -> dict[str, Any]:
        data = DATA.sample(settings["documents"], settings["length"], seed=settings["seed"] + 9)
        made = {}
        for order in settings["orders"]:
            chain = MarkovChain(_transitions(data, order), order=order)
            made[str(order)] = {
                "correlation_length": _length(chain),
                "values": chain.mutual_information(lags),
            }
        return made

    found = lab.record("n-grams", make)
    rows = [
        {"order": int(order), "lag": lag, "model": float(value), "data": float(data), "ratio": float(value / data)}
        for order, each in found.items()
        for lag, value, data in zip(lags, each["values"], wanted, strict=True)
    ]
    far = [row["ratio"] for row in rows if row["lag"] >= 64]
    ratio = Number("largest share of the data's kept from lag 64 on, exact", *3 * (max(far),))
    lengths = [each["correlation_length"] for each in found.values()]
    length = Number("longest correlation length of all orders, exact", *3 * (max(lengths),), "symbols")
    plot = Plot(
        "n-grams",
        "n-gram models of a power law",
        "Exact curves of Markov chains with the transitions that a sample shows, against the law of the data (line).",
        "lag (symbols)",
        "mutual information (nats)",
        (
            *(
                Series(f"order {order}", tuple(map(float, lags)), tuple(map(float, each["values"])))
                for order, each in found.items()
            ),
            Series.line("data", lags, wanted),
        ),
    )
    finite = rule_within("all orders", length, 0.0, 32.0)
    return rule_within("all orders", ratio, 0.0, 0.5), finite, (rows, plot)


def _transitions(data: Sequences, order: int) -> np.ndarray:
    """Shares of the next symbol after each context, with half a count added, as `MarkovChain` takes them."""
    k = int(data.alphabet_size)
    counts = np.full((k,) * (order + 1), 0.5)
    for document in range(data.n_documents):
        codes = np.asarray(data[document], np.int64)
        windows = np.lib.stride_tricks.sliding_window_view(codes, order + 1)
        np.add.at(counts, tuple(windows.T), 1)
    shares: np.ndarray = counts / counts.sum(axis=-1, keepdims=True)
    return shares


def _steps(settings: Mapping[str, Any]) -> int:
    return 2 * len(_processes()) + 1


_LARGE = {"documents": 256, "length": 16_384, "orders": [1, 2, 4, 8], "seed": 0}
REGULAR = Experiment(
    name="regular",
    title="n-grams, hidden Markov models and regular grammars",
    claim="Whatever has its memory in a fixed number of states forgets exponentially. The abstract says so of "
    "recurrent models; the theory behind it is that of Markov chains.",
    method="Four processes are sampled, measured and fitted like any data, and the fitted correlation length is held "
    "against the second eigenvalue of the transition matrix. Then n-gram models are made from a sample with a power "
    "law, and their exact curves held against it.",
    settings={
        "smoke": {"documents": 64, "length": 8192, "orders": [1, 2, 4], "seed": 0},
        "laptop": _LARGE,
        "paper": _LARGE | {"documents": 1024, "length": 65_536, "orders": [1, 2, 4, 8, 12]},
    },
    run=_run,
    n_steps=_steps,
)
