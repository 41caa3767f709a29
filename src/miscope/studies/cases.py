"""What the calibration measures: processes that know the answer, in sizes and ways that matter to users."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from miscope import processes as known
from miscope.processes import Process

__all__ = ["SCALES", "Case", "cases"]

SCALES = {"smoke": 6, "quick": 60, "full": 300}
"""Runs of each case at each scale."""

ESTIMATORS = ("plug_in", "miller_madow", "grassberger", "chao_shen", "shrinkage", "zhang", "nsb")

_LAGS = (1, 4, 16, 64, 256, 1024)


@dataclass(frozen=True)
class Case:
    """One process measured in one way, many times.

    Attributes
    ----------
    group
        Which question of the calibration it belongs to.
    name
        Of the process, for tables.
    process, n_documents, length
        What is sampled; ``length=None`` for processes of fixed length.
    lags
        At which it is measured.
    options
        Arguments of `measure`.
    unequal
        Whether documents are cut to lengths that differ by a factor up to 32.
    independent
        Whether what is estimated is zero, though the mutual information is not: the order inside documents, say.
    """

    group: str
    name: str
    process: Process
    n_documents: int
    length: int | None
    lags: tuple[int, ...] = _LAGS
    options: dict[str, Any] = field(default_factory=dict)
    unequal: bool = False
    independent: bool = False

    @property
    def key(self) -> str:
        """A name that is the same for the same case only, for files."""
        about = asdict(self) | {"process": self.process.description}
        digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()
        return f"{self.group}-{digest[:16]}"

    def truth(self) -> np.ndarray:
        """What is estimated, in nats, shape (n_lags,)."""
        return np.zeros(len(self.lags)) if self.independent else self.process.mutual_information(self.lags)


@functools.cache  # their processes take a second to make
def cases() -> tuple[Case, ...]:
    """All of them, question by question."""
    parts = (_documents, _estimators, _sizes, _single, _few, _blocks, _nulls, _undersampled, _real)
    return tuple(case for part in parts for case in part())


def _sticky(n_symbols: int, stay: float) -> known.MarkovChain:
    leave = (1 - stay) / (n_symbols - 1)
    return known.MarkovChain((np.full((n_symbols, n_symbols), leave) + (stay - leave) * np.eye(n_symbols)).tolist())


def _zipf(n_symbols: int) -> np.ndarray:
    weights = 1.0 / np.arange(1, n_symbols + 1)
    return np.asarray(weights / weights.sum())


def _coin(n_symbols: int) -> known.Heterogeneous:
    """Independent symbols, all alike."""
    return known.Heterogeneous(compositions=[np.full(n_symbols, 1 / n_symbols).tolist()])


def _classes(n_classes: int, per_class: int, stay: float) -> known.HiddenMarkov:
    """A sticky chain of classes with many words each: a large alphabet whose information is that of the classes."""
    emission = np.kron(np.eye(n_classes), _zipf(per_class)[None])
    return known.HiddenMarkov(_sticky(n_classes, stay).transition.tolist(), emission.tolist())


def _basic() -> list[tuple[str, Process, int | None]]:
    return [
        ("Markov chain, 2 symbols", _sticky(2, 0.9), 4096),
        ("Markov chain, 5 symbols", _sticky(5, 0.9), 4096),
        ("power law, exponent 0.4", known.PowerLawBinary(0.1, 0.4), 4096),
        ("tree grammar", known.TreeGrammar(depth=12, eigenvalue=0.8), None),
        ("heterogeneous documents", known.Heterogeneous(delta=0.3), 4096),
    ]


def _documents() -> Iterator[Case]:
    more: list[tuple[str, Process, int | None]] = [
        ("hidden Markov, 4 × 10 symbols", _classes(4, 10, 0.95), 4096),
        ("Ising chain", known.IsingChain(1.5), 4096),
        ("renewal, tail index 1.5", known.Renewal(1.5), 4096),
        ("random hierarchy, 8 symbols", known.RandomHierarchy(8, 2, 2, 12), None),
        ("power law, 8 symbols", known.GaussianCopula({"amplitude": 0.2, "exponent": 0.6}, n_symbols=8), 4096),
        ("linear RNN, 4 quantiles", known.LinearRNN(0.5, 0.4, 1.0, 1.0).quantised(4), 4096),
        ("fractional noise, 4 quantiles", known.FractionalNoise(hurst=0.8).quantised(4), 4096),
    ]
    for name, process, length in [*_basic(), *more]:
        yield Case("documents", name, process, 64, length)


def _estimators() -> Iterator[Case]:
    lags = (1, 4, 8, 16, 64)
    for estimator in ESTIMATORS:
        for name, process, length in (
            ("Markov chain, 5 symbols", _sticky(5, 0.7), 500),
            ("27 symbols", known.GaussianCopula({"amplitude": 0.3, "correlation_length": 4}, n_symbols=27), 500),
        ):
            yield Case("estimators", name, process, 64, length, lags, {"estimator": estimator})


def _sizes() -> Iterator[Case]:
    for name, process, length in _basic():
        yield Case("sizes", name, process, 32, length)
        if length is None:
            yield Case("sizes", name, known.TreeGrammar(depth=10, eigenvalue=0.8), 256, None, (1, 4, 16, 64, 256))
        else:
            yield Case("sizes", name, process, 256, 1024, (1, 4, 16, 64, 256))
            yield Case("sizes", name, process, 1000, 50, (1, 4, 16))
            yield Case("sizes", name, process, 256, 4096, (1, 4, 16, 64), unequal=True)


def _single() -> Iterator[Case]:
    single: list[tuple[str, Process]] = [
        ("power law, exponent 0.4", known.PowerLawBinary(0.1, 0.4)),
        ("power law, exponent 0.8", known.PowerLawBinary(0.1, 0.8)),
        ("power law, exponent 1.6", known.PowerLawBinary(0.1, 1.6)),
        ("power law, exponent 0.2", known.PowerLawBinary(0.1, 0.2)),
        ("fractional noise H = 0.9, 4 quantiles", known.FractionalNoise(hurst=0.9).quantised(4)),
        ("exponential, length 5", known.GaussianCopula({"amplitude": 0.3, "correlation_length": 5})),
        ("exponential, length 50", known.GaussianCopula({"amplitude": 0.3, "correlation_length": 50})),
        ("exponential, length 500", known.GaussianCopula({"amplitude": 0.3, "correlation_length": 500})),
        (
            "power law 0.4 cut off at 1000",
            known.GaussianCopula({"amplitude": 0.1, "exponent": 0.4, "correlation_length": 1000}),
        ),
        ("Markov chain, 5 symbols", _sticky(5, 0.9)),
        ("independent, 2 symbols", _coin(2)),
    ]
    for name, process in single:
        for memory in ("correct", "ignore"):
            yield Case("single", name, process, 1, 65536, _LAGS, {"long_memory": memory})


def _few() -> Iterator[Case]:
    for n_documents in (2, 4, 8, 16):
        for memory in ("correct", "ignore"):
            for name, process in (
                ("power law, exponent 0.4", known.PowerLawBinary(0.1, 0.4)),
                ("Markov chain", _sticky(5, 0.9)),
            ):
                yield Case("few", name, process, n_documents, 65536 // n_documents, _LAGS, {"long_memory": memory})


def _blocks() -> Iterator[Case]:
    for n_blocks in (8, 16, 32, 64, 128):
        for name, process in (
            ("Markov chain, 5 symbols", _sticky(5, 0.9)),
            ("power law, exponent 0.4", known.PowerLawBinary()),
        ):
            yield Case("blocks", name, process, 128, 1024, (1, 4, 16, 64), {"blocks": n_blocks})


def _nulls() -> Iterator[Case]:
    lags = (64, 128, 256)
    ways: tuple[dict[str, Any], ...] = ({"correct_bias": False}, {}, {"null": "document"}, {"null": "rotate"})
    for options in ways:
        for name, process in (
            ("independent, 2 symbols", _coin(2)),
            ("independent, 27 symbols", _coin(27)),
            ("sticky chain, 2 symbols", _sticky(2, 0.9)),
            ("sticky chain, 5 symbols", _sticky(5, 0.9)),
            ("sticky chain, 27 symbols", _sticky(27, 0.8)),
            ("sticky chain, 100 symbols", _sticky(100, 0.8)),
        ):
            yield Case("nulls", name, process, 64, 1024, lags, options)
        if options.get("null", "global") != "global":
            different = known.Heterogeneous(delta=0.3)
            yield Case("nulls", "documents that differ", different, 64, 1024, lags, options, independent=True)


def _undersampled() -> Iterator[Case]:
    lags = (1, 4, 64)
    ways: tuple[dict[str, Any], ...] = ({}, {"estimator": "grassberger"}, {"null": "rotate"}, {"estimator": "bracket"})
    for n_symbols in (500, 1000):
        process = known.Heterogeneous(compositions=[_zipf(n_symbols).tolist()])
        for options in ways:
            yield Case(
                "undersampled", f"independent, {n_symbols} words", process, 64, n_symbols**2 // 640, lags, options
            )
    words = _classes(4, 100, 0.9)
    for options in ways:
        yield Case("undersampled", "4 classes of 100 words", words, 64, 250, lags, options)


def _real() -> Iterator[Case]:
    real: list[tuple[str, Process]] = [
        ("linear RNN", known.LinearRNN(0.5, 0.4, 1.0, 1.0)),
        ("linear RNN, 2 channels", _two_channels()),
        ("fractional noise H = 0.8", known.FractionalNoise(hurst=0.8)),
    ]
    for name, process in real:
        for null in ("global", "rotate"):
            options = {"estimator": "gaussian", "null": null}
            yield Case("real", name, process, 64, 2048, (1, 4, 16, 64, 256), options)
    for memory in ("correct", "ignore"):
        options = {"estimator": "gaussian", "long_memory": memory}
        yield Case("real", "fractional noise H = 0.9", known.FractionalNoise(hurst=0.9), 1, 65536, _LAGS, options)


def _two_channels() -> known.LinearRNN:
    return known.LinearRNN(
        [[0.6, 0.3], [-0.3, 0.6]], [[0.2, 0.0], [0.0, 0.2]], [[1.0, 0.0], [0.5, 1.0]], [[1.0, 0.2], [0.2, 1.0]]
    )
