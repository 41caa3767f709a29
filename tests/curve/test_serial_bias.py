"""Serial dependence: what it adds to an estimate is taken away, where that can be done, and bars know of it.

Bounds on shares of runs are as in test_statistics.py; lags of one curve are no independent runs.
"""

import numpy as np
import pytest

import miscope as ms
from miscope.processes import Heterogeneous, MarkovChain, PowerLawBinary, TreeGrammar

BEYOND = [64, 128, 256]  # lags at which the chains below have forgotten all


def sticky(n_symbols, stay):
    return MarkovChain((stay * np.eye(n_symbols) + (1 - stay) / n_symbols).tolist())


def independent(n_symbols):
    return Heterogeneous(compositions=[np.full(n_symbols, 1 / n_symbols).tolist()])


def measured(process, n_documents, length, n_runs, lags, **options):
    return [
        ms.measure(process.sample(n_documents, length, seed=seed), lags, threads=1, **options) for seed in range(n_runs)
    ]


def alarms(curves):
    return np.mean([curve.p_values <= 0.05 for curve in curves])


def most(share, n_runs):
    return share + 3 * np.sqrt(share * (1 - share) / n_runs)


def coverage(process, curves):
    truth = process.mutual_information(curves[0].lags)
    ends = [curve.interval(excess=True) for curve in curves]
    return np.mean([(low <= truth) & (truth <= high) for low, high in ends], axis=0)


CHAINS = {"5 symbols": sticky(5, 0.9), "27 symbols": sticky(27, 0.8)}


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_that_has_forgotten_gives_no_alarm(name):
    """Runs of like symbols make chance larger than for independent pairs. Catches a floor of independent pairs: it
    gives alarms in more than half of all runs."""
    curves = measured(CHAINS[name], 64, 1024, 60, BEYOND)
    assert CHAINS[name].mutual_information(BEYOND)[0] < 1e-5
    assert all(curve.bias_corrected for curve in curves)
    assert alarms(curves) <= most(0.05, 60)
    assert np.mean([curve.significant().any() for curve in curves]) <= most(0.05, 60)
    z = np.mean([curve.excess / curve.excess_stderr for curve in curves], axis=0)
    assert np.all(np.abs(z) < 0.5)
    plain = measured(CHAINS[name], 64, 1024, 20, BEYOND, correct_bias=False)
    assert not any(curve.bias_corrected for curve in plain)
    assert alarms(plain) > 0.3
    assert not any("neighbouring pairs" in text for curve in curves for text in curve.warnings)


@pytest.mark.parametrize("name", CHAINS)
def test_intervals_of_a_chain_cover_on_the_slope_and_at_the_floor(name):
    curves = measured(CHAINS[name], 64, 1024, 60, [1, 4, 10, *BEYOND])
    assert np.all(coverage(CHAINS[name], curves) >= 0.92 - 3 * np.sqrt(0.05 * 0.95 / 60))
    assert np.mean(coverage(CHAINS[name], curves)) >= 0.94


@pytest.mark.parametrize(("n_symbols", "length", "n_runs"), [(2, 1024, 100), (27, 1024, 50), (1000, 1500, 20)])
def test_independent_symbols_give_no_alarm(n_symbols, length, n_runs):
    """Catches a correction that adds noise, or one made where K^2 = 10 N and there is nothing to expand in."""
    curves = measured(independent(n_symbols), 64, length, n_runs, [1, 2, 5, 64])
    assert alarms(curves) <= most(0.05, n_runs)
    low_high = [curve.interval(excess=True) for curve in curves]
    assert np.mean([(low <= 0) & (high >= 0) for low, high in low_high]) >= 0.95
    assert all(curve.bias_corrected == (n_symbols < 1000) for curve in curves)
    if n_symbols == 1000:
        assert n_symbols**2 >= 10 * curves[0].n_pairs[0]
        assert np.all(curves[0].mi > 1)


def test_counts_too_few_for_an_expansion_are_left_alone():
    """Without a null nothing else says so. Catches an estimate pushed far below 0 by leaving out blocks."""
    for n_symbols in (300, 600):
        data = independent(n_symbols).sample(64, 500, seed=1)
        for null in ("none", "global"):
            curve, plain = (ms.measure(data, [1], null=null, correct_bias=correct) for correct in (True, False))
            assert not curve.bias_corrected
            np.testing.assert_array_equal(curve.mi, plain.mi)
            np.testing.assert_array_equal(curve.stderr, plain.stderr)


@pytest.mark.parametrize("estimator", ["grassberger", "chao_shen", "shrinkage", "plug_in"])
def test_estimators_that_blocks_cannot_correct_are_left_alone(estimator):
    """Parity in Grassberger's, coverage in the others: leaving out blocks shows noise. Catches its being taken away:
    alarms in four runs of ten, on independent symbols."""
    curves = measured(independent(27), 64, 1024, 10, BEYOND, estimator=estimator)
    assert not any(curve.bias_corrected for curve in curves)
    assert alarms(curves) <= most(0.05, 10)


def test_compositions_that_differ_are_left_to_the_document_null():
    """How compositions happen to differ biases estimate and null alike. Catches its being taken from one of them only:
    alarms in 13 % of runs."""
    curves = measured(Heterogeneous(delta=0.4), 64, 1024, 80, BEYOND, null="document")
    assert alarms(curves) <= most(0.05, 80)
    assert abs(np.mean([curve.excess / curve.excess_stderr for curve in curves])) < 0.3


def test_no_value_is_raised_above_all_that_there_is():
    """Two documents of each kind: leaving out one shows a bias far below 0. Catches an estimate above ln 2."""
    curve = ms.measure([[0] * 40, [1] * 40, [0] * 40, [1] * 40], [1, 5], blocks=4)
    assert np.all(curve.mi < np.log(2) + 0.01)


INDEPENDENT_DOCUMENTS = {
    "chain": (MarkovChain([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]]), 64, 1024, [1, 2, 4], 120),
    "power law": (PowerLawBinary(), 64, 4096, [1, 4, 16, 64, 256], 100),
    "grammar": (TreeGrammar(depth=12), 64, None, [1, 4, 16, 64], 100),
    "different documents": (Heterogeneous(delta=0.5), 64, 512, [1, 16, 128], 120),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("chain", "different documents") else pytest.mark.long)
        for name in INDEPENDENT_DOCUMENTS
    ],
)
def test_independent_documents_are_covered_as_claimed(name):
    """Bars that neither fall short nor are padded, well above the floor."""
    process, n_documents, length, lags, n_runs = INDEPENDENT_DOCUMENTS[name]
    curves = measured(process, n_documents, length, n_runs, lags)
    assert np.all(process.mutual_information(lags) > 5 * np.median([curve.null for curve in curves], axis=0))
    found = coverage(process, curves)
    error = np.sqrt(0.05 * 0.95 / n_runs)
    assert np.all(found >= 0.92 - 2 * error)
    assert np.all(found <= 0.97 + 2 * error)


def test_bars_at_the_floor_are_no_smaller_than_chance_makes_them():
    """chi^2 / 2n of freedom 1 has standard deviation 1 / sqrt(2) n, however alike the blocks happen to be."""
    for curve in measured(independent(2), 64, 512, 20, [1, 7]):
        assert np.all(curve.stderr >= np.sqrt(0.5) / curve.n_pairs * (1 - 1e-9))
        assert np.all(curve.excess_stderr >= np.sqrt(0.5) / curve.n_pairs * (1 - 1e-9))
