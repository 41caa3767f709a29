"""Every sampler in little: pairs of its symbols follow its own exact law. Quick enough to run without the JIT."""

import numpy as np
import pytest

from miscope.processes import (
    FractionalNoise,
    GaussianCopula,
    Heterogeneous,
    HiddenMarkov,
    IsingChain,
    LinearRNN,
    LongRangeIsing,
    MarkovChain,
    Quantised,
    RandomHierarchy,
    Renewal,
    TreeGrammar,
)

THREE = [[0.7, 0.2, 0.1], [0.0, 0.5, 0.5], [0.6, 0.0, 0.4]]
SYMBOLS = {
    "chain": MarkovChain(THREE),
    "chain of order 2": MarkovChain([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.5, 0.5]], order=2),
    "hidden chain": HiddenMarkov(THREE, [[0.8, 0.2], [0.5, 0.5], [0.0, 1.0]]),
    "mixture": Heterogeneous(compositions=[[0.8, 0.1, 0.1], [0.2, 0.4, 0.4]], weights=[0.3, 0.7]),
    "segments": Heterogeneous(delta=0.9, segment=4),
    "runs": Renewal(tail_index=1.5),
    "long runs": Renewal(tail_index=1.1, shortest=2),
    "bounded runs": Renewal(tail_index=0.5, shortest=2, longest=5),
    "spins": IsingChain(coupling=0.8, field=-0.2),
    "antiferromagnet": IsingChain(coupling=-0.8),
    "ring": LongRangeIsing(coupling=0.2, sigma=0.5, n_spins=6, thermalise=12, spacing=12),
    "tree": TreeGrammar(THREE, depth=2, branching=3),
    "tree with a root": TreeGrammar(depth=3, eigenvalue=-0.6, root=[0.9, 0.1]),
    "hierarchy": RandomHierarchy(alphabet_size=4, n_rules=2, branching=2, depth=3, rules_seed=3),
    "copula": GaussianCopula({"amplitude": 0.3, "exponent": 0.5}, probabilities=[0.2, 0.5, 0.3]),
    "quantiles": Quantised(FractionalNoise(d=0.3, ar=[0.4]), 3),
}
NUMBERS = {
    "one unit": LinearRNN(recurrent=0.5, feedback=0.4),
    "a diagonal layer": LinearRNN.diagonal([0.8 + 0.3j], feedback=[0.3], readout=[0.5 - 0.2j]),
    "two channels": LinearRNN([[0.5, 0.2], [-0.2, 0.5]], [[0.3, 0.1], [0.2, 0.3]], np.eye(2), [[1.0, 0.5], [0.5, 2.0]]),
    "fractional noise": FractionalNoise(hurst=0.8),
}


def check(seen, exact):
    """Means over documents, shape (n_documents, ...), within five standard errors."""
    error = seen.std(axis=0) / np.sqrt(len(seen))
    assert np.all(np.abs(seen.mean(axis=0) - exact) <= 5 * error + 1e-12)


@pytest.mark.parametrize("name", SYMBOLS)
def test_pairs_of_symbols_follow_their_law(name):
    process = SYMBOLS[name]
    length = 8 if process.longest is None else process.longest
    x = process.sample(1000, length, seed=1).codes.reshape(1000, length)
    kinds = np.arange(process.alphabet_size)
    for lag in (1, 3):
        pairs = (x[:, :-lag, None] == kinds)[:, :, :, None] & (x[:, lag:, None] == kinds)[:, :, None, :]
        check(pairs.mean(axis=1), process.joint(lag))


@pytest.mark.parametrize("name", NUMBERS)
def test_pairs_of_numbers_follow_their_law(name):
    process = NUMBERS[name]
    x = process.sample(1000, 8, seed=1).values.reshape(1000, 8, process.n_channels)
    for lag in (0, 1, 3):
        later, now = x[:, lag:, :, None], x[:, : 8 - lag, None, :]
        check((later * now).mean(axis=1), process.autocovariance(np.array([lag]))[0])


def test_correlations_of_runs_solve_their_recursion():
    """``c(n) = 2 B(n) - P(length > n) - sum f(l) c(n - l)``, summed term by term; lags enough for a convolution."""
    process, last = Renewal(tail_index=1.5, longest=600), 700
    f = np.zeros(last + 1)
    f[1:601] = np.arange(1, 601.0) ** -2.5
    f /= f.sum()
    longer = f.sum() - np.cumsum(f)
    rest = 1 - np.concatenate([[0.0], np.cumsum(longer)[:-1]]) / (f @ np.arange(last + 1))
    c = np.ones(last + 1)
    for n in range(1, last + 1):
        c[n] = 2 * rest[n] - longer[n] - f[1 : n + 1] @ c[n - 1 :: -1]
    lags = np.array([1, 2, 100, 255, 256, 257, 511, 512, 700])
    np.testing.assert_allclose(process.correlation(lags), c[lags], atol=1e-12)
