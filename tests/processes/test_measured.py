"""Every process in the large: what `measure` finds in a sample holds the exact curve within its bars."""

import numpy as np
import pytest

import miscope as ms
from miscope.processes import (
    PROCESSES,
    FractionalNoise,
    GaussianCopula,
    Heterogeneous,
    HiddenMarkov,
    IsingChain,
    LinearRNN,
    LongRangeIsing,
    MarkovChain,
    PowerLawBinary,
    RandomHierarchy,
    Renewal,
    TreeGrammar,
)

LAGS = [1, 2, 3, 5, 8, 16, 32, 64]
RING = [1, 2, 3, 5, 8]
TURNING = [[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]]
SAMPLES = {
    "markov-chain": (MarkovChain(TURNING), 64, 4096, LAGS),
    "hidden-markov": (
        HiddenMarkov([[0.95, 0.05], [0.1, 0.9]], [[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]]),
        64,
        4096,
        LAGS,
    ),
    "power-law-binary": (PowerLawBinary(), 64, 4096, LAGS),
    "gaussian-copula": (GaussianCopula({"amplitude": 0.3, "correlation_length": 10}, n_symbols=5), 64, 4096, LAGS),
    "tree-grammar": (TreeGrammar(depth=12), 64, None, LAGS),
    "random-hierarchy": (RandomHierarchy(8, 2, 2, 12), 64, None, LAGS),
    "ising-chain": (IsingChain(1.0, field=0.2), 64, 4096, LAGS),
    "long-range-ising": (LongRangeIsing(0.2, 0.5, 12), 20_000, None, RING),
    "linear-rnn": (LinearRNN().quantised(4), 64, 4096, LAGS),
    "fractional-noise": (FractionalNoise(hurst=0.8).quantised(4), 64, 4096, LAGS),
    "renewal": (Renewal(2.5), 64, 4096, LAGS),
    "heterogeneous": (Heterogeneous(delta=0.8, segment=50), 64, 4096, LAGS),
}
NUMBERS = {
    "linear-rnn": LinearRNN(),
    "fractional-noise": FractionalNoise(hurst=0.8),
    "two channels": LinearRNN([[0.5, 0.2], [-0.2, 0.5]], [[0.3, 0.1], [0.2, 0.3]], np.eye(2)),
    "complex modes": LinearRNN.diagonal([0.9 + 0.3j], feedback=[0.3], readout=[0.3 - 0.2j]),
}


def check(process, curve):
    """All lags within 4.5 bars, which are narrow where there is something to see: a curve off by a third would fail."""
    exact = process.mutual_information(curve.lags)
    assert np.all(np.abs(curve.excess - exact) < 4.5 * curve.excess_stderr)
    largest = int(np.argmax(exact))
    assert curve.excess_stderr[largest] < exact[largest] / 14


def test_no_process_is_left_out():
    assert set(SAMPLES) == set(PROCESSES)


@pytest.mark.parametrize("name", SAMPLES)
def test_symbols(name):
    process, n_documents, length, lags = SAMPLES[name]
    check(process, ms.measure(process.sample(n_documents, length, seed=1), lags, threads=1))


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name):
    process = NUMBERS[name]
    check(process, ms.measure(process.sample(64, 4096, seed=1), LAGS, estimator="gaussian", threads=1))
