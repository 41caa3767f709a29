"""Plans against what `measure` finds in samples, and against closed forms."""

import json
from functools import cache

import numpy as np
import pytest
from scipy import stats

import miscope as ms
from miscope.errors import InputError
from miscope.processes import (
    FractionalNoise,
    GaussianCopula,
    Heterogeneous,
    HiddenMarkov,
    LinearRNN,
    LongRangeIsing,
    MarkovChain,
    PowerLawBinary,
    Quantised,
    TreeGrammar,
)
from miscope.processes.planning import detectable_lag
from miscope.processes.power import exceeds

TWO = MarkovChain([[0.9, 0.1], [0.1, 0.9]])
FIVE = MarkovChain(
    [
        [0.70, 0.10, 0.10, 0.05, 0.05],
        [0.10, 0.70, 0.10, 0.05, 0.05],
        [0.05, 0.10, 0.70, 0.10, 0.05],
        [0.00, 0.05, 0.10, 0.75, 0.10],
        [0.05, 0.00, 0.05, 0.10, 0.80],
    ]
)
EQUAL = MarkovChain(np.full((5, 5), 0.1) + 0.5 * np.eye(5))  # all modes alike
CYCLE = MarkovChain([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]])  # complex modes
VECTORS = LinearRNN([[0.5, 0.2], [-0.2, 0.5]], [[0.3, 0.1], [0.2, 0.3]], np.eye(2))

GAUSSIAN = {"estimator": "gaussian"}
FAR = {"null": "rotate", "n_surrogates": 6}

# process, documents, their length, lags, how to measure
CASES = {
    "two symbols": (TWO, 64, 1000, [4, 8, 12, 13, 14, 15, 16, 18, 24], {}),
    "five symbols": (FIVE, 64, 500, [4, 8, 10, 11, 12, 13, 16], {}),
    "five symbols against far pairs": (FIVE, 64, 500, [4, 8, 10, 11, 12, 13, 16], FAR),
    "five symbols, modes alike": (EQUAL, 96, 500, [3, 5, 6, 7, 8], {}),
    "complex modes": (CYCLE, 64, 500, [4, 8, 9, 10, 11, 12], {}),
    "power law": (PowerLawBinary(0.02, 0.6), 64, 256, [1, 4, 16, 24, 32, 64, 128], {}),
    "quantiles": (Quantised(FractionalNoise(hurst=0.7), 4), 64, 512, [1, 4, 16, 24, 32, 48, 64], {}),
    "real numbers": (FractionalNoise(hurst=0.6), 64, 512, [1, 3, 4, 5, 6, 8, 12], GAUSSIAN),
    "real vectors": (VECTORS, 64, 250, [8, 14, 15, 16, 17, 18], GAUSSIAN),
}
RUNS = 80
SHORT = ("two symbols", "power law", "real numbers")
SIMULATED = [pytest.param(name, marks=[] if name in SHORT else pytest.mark.long) for name in CASES]


@cache
def simulated(name):
    """Curves of many samples."""
    process, n_documents, length, lags, options = CASES[name]
    samples = (process.sample(n_documents, length, seed=100 + k) for k in range(RUNS))
    return [ms.measure(sample, lags, threads=1, **options) for sample in samples]


def plan(name, lags=None):
    process, n_documents, length, all_lags, _ = CASES[name]
    return detectable_lag(process, n_documents, length, lags=all_lags if lags is None else lags)


def check_shares(predicted, found):
    """On the slope within 0.15 and two standard errors of so many runs; elsewhere on the same side."""
    slope = (predicted > 0.2) & (predicted < 0.95)
    error = 2 * np.sqrt(predicted * (1 - predicted) / RUNS)
    assert slope.any()
    assert np.all(np.abs(found - predicted)[slope] < (0.15 + error)[slope])
    assert np.all(found[predicted >= 0.95] > 0.85)
    assert np.all(found[predicted <= 0.2] < 0.4)


# Against simulations


@pytest.mark.parametrize("name", SIMULATED)
def test_lags_are_found_as_often_as_predicted(name):
    """With the false discovery rate over all lags, and alone."""
    curves = simulated(name)
    check_shares(plan(name).probability, np.mean([curve.significant() for curve in curves], axis=0))
    alone = np.array([plan(name, [lag]).probability[0] for lag in CASES[name][3]])
    check_shares(alone, np.mean([curve.p_values <= 0.05 for curve in curves], axis=0))


@pytest.mark.parametrize("name", SIMULATED)
def test_bars_are_as_wide_as_predicted(name):
    """And as the estimates scatter, where lags are found at all: below, bars are wider than what they stand for."""
    curves, predicted = simulated(name), plan(name)
    bars = np.mean([curve.excess_stderr for curve in curves], axis=0)
    spread = np.std([curve.excess for curve in curves], axis=0, ddof=1)
    seen = (predicted.probability > 0.2) & (predicted.expected < 0.1)
    assert np.all(np.abs(predicted.stderr / bars - 1)[seen] < 0.2)
    assert np.all(np.abs(predicted.stderr / spread - 1)[seen] < 0.2 + 2 / np.sqrt(2 * RUNS))


def test_chance_alone_is_too_low_a_floor():
    """Without `correct_bias`, serial dependence of many symbols is found at lags where there is nothing to find."""
    process, n_documents, length, lags, _ = CASES["five symbols"]
    samples = [process.sample(n_documents, length, seed=100 + k) for k in range(20)]
    found = [ms.measure(sample, lags, threads=1, correct_bias=False).significant() for sample in samples]
    assert np.all((np.mean(found, axis=0) - plan("five symbols").probability)[3:6] > 0.05)
    assert np.mean(found, axis=0)[4] > 0.7 > plan("five symbols").probability[4] + 0.1


def test_noise_is_hardly_ever_found():
    found = detectable_lag(MarkovChain([[0.5, 0.5], [0.5, 0.5]]), 64, 1000, lags=[1])
    assert found.expected[0] == 0
    assert found.probability[0] < 0.05
    assert found.largest_lag is None


def test_a_chain_of_few_long_documents_is_as_good_as_many_short_ones():
    curves = [ms.measure(TWO.sample(4, 16_000, seed=k), [8, 14, 15, 16], threads=1) for k in range(40)]
    predicted = detectable_lag(TWO, 4, 16_000, lags=[8, 14, 15, 16]).probability
    found = np.mean([curve.significant() for curve in curves], axis=0)
    assert np.all(np.abs(found - predicted) < 0.15 + np.sqrt(predicted * (1 - predicted) / 40))


# Against closed forms


def test_bars_of_a_fair_chain():
    """Bartlett's variance of correlations c = phi^lag, which is that of the chain too: see `f(c)` for the slope."""
    lags, phi, length, n_documents = np.array([1, 3, 10]), 0.8, 100_000, 10**6
    found = detectable_lag(TWO, n_documents, length, lags=lags)
    square = phi ** (2 * lags)
    variance = (1 + phi**2) / (1 - phi**2) * (1 - square) - 2 * lags * square
    exact = np.arctanh(phi**lags) * np.sqrt(variance / (n_documents * (length - lags)))
    np.testing.assert_allclose(found.stderr, exact, rtol=1e-3)


def test_bars_of_gaussian_numbers():
    """An AR(1): the same variance, another slope."""
    lags, phi, length, n_documents = np.array([1, 3, 10]), 0.7, 100_000, 10**6
    found = detectable_lag(FractionalNoise(d=0.0, ar=[phi]), n_documents, length, lags=lags)
    c = phi**lags
    variance = (1 + phi**2) / (1 - phi**2) * (1 - c**2) - 2 * lags * c**2
    exact = c / (1 - c**2) * np.sqrt(variance / (n_documents * (length - lags)))
    np.testing.assert_allclose(found.stderr, exact, rtol=1e-3)


@pytest.mark.parametrize(("freedom", "shift"), [(1, 3.0), (4, 0.0), (16, 25.0), (255, 1.0)])
def test_quadratic_forms_of_equal_variances_are_chi_square(freedom, shift):
    v = 1.7
    cumulants = np.array([[v**k * (freedom + k * shift)] for k in range(1, 5)])
    bounds = v * np.linspace(0.2, 2, 7)[:, None] * (freedom + shift)
    exact = stats.ncx2.sf(bounds / v, freedom, shift) if shift else stats.chi2.sf(bounds / v, freedom)
    np.testing.assert_allclose(exceeds(cumulants, bounds), exact, atol=1e-6)


def test_quadratic_forms_of_unequal_variances():
    rng = np.random.default_rng(1)
    v, d = np.array([4.0, 2.0, 1.0, 1.0, 0.5]), np.array([1.5, 0.0, 2.0, 0.0, 1.0])
    drawn = ((rng.standard_normal((200_000, 5)) + d) ** 2) @ v
    cumulants = np.array([[np.sum(v**k * (1 + k * d**2))] for k in range(1, 5)])
    bounds = np.quantile(drawn, [0.05, 0.2, 0.5, 0.8, 0.95, 0.99])
    np.testing.assert_allclose(exceeds(cumulants, bounds[:, None])[:, 0], [0.95, 0.8, 0.5, 0.2, 0.05, 0.01], atol=0.01)


def test_quadratic_forms_become_normal():
    """No step where the sums are left for the normal law."""
    n = np.array([9.9e4, 1.01e5])
    cumulants = np.array([np.full(2, 1.0) + k * n for k in range(1, 5)])
    below, above = exceeds(cumulants, cumulants[0] + np.sqrt(2 * cumulants[1]))
    assert below == pytest.approx(above, abs=1e-3)


# What a plan says


def test_data_needed_are_just_enough():
    for process, length, lag, options in [
        (TWO, 1000, 16, {}),
        (TWO, 1000, 17, {"lags": [1, 2, 17]}),
        (FIVE, 500, 14, {"power": 0.5}),
        (PowerLawBinary(), 4096, 1024, {"level": 0.01}),
        (FractionalNoise(hurst=0.7), 512, 100, {}),
        (TreeGrammar(eigenvalue=0.8, depth=9), None, 64, {}),
    ]:
        first = detectable_lag(process, 2, length, **options)
        needed = first.documents_needed(lag)
        lags = np.union1d(first.lags, [lag])
        for n, enough in [(needed, True), (int(0.8 * needed), False)]:
            found = detectable_lag(process, n, length, **options | {"lags": lags})
            assert found.detectable[lags == lag] == enough, (process, n)


def test_more_data_never_hurt():
    found = [detectable_lag(FIVE, n, 300, lags="1:200:30").probability for n in (2, 10, 100, 1000, 10_000)]
    assert np.all(np.diff(found, axis=0) > -1e-3)


def test_lags_asked_for_together_need_smaller_p_values():
    alone = detectable_lag(TWO, 64, 1000, lags=[14])
    together = detectable_lag(TWO, 64, 1000, lags=[14, 100, 200, 300])
    assert together.probability[0] < alone.probability[0] - 0.05


def test_defaults():
    found = detectable_lag(TWO, 64, 1000)
    assert (found.lags[0], found.lags[-1], found.lags.dtype) == (1, 999, np.int64)
    np.testing.assert_allclose(found.expected, TWO.mutual_information(found.lags), rtol=1e-12)
    np.testing.assert_array_equal(found.detectable, found.probability >= 0.8)
    assert ms.detectable_lag is detectable_lag


def test_a_gap_ends_the_largest_lag():
    """Correlations cos(pi lag / 4) 0.9^lag: none at 2, 6, 10."""
    wave = GaussianCopula(lambda lag: 0.9 * 0.97**lag * np.cos(np.pi * lag / 4), of="latent")
    found = detectable_lag(wave, 64, 1000, lags=[1, 2, 3, 4, 5, 6, 7, 8])
    assert found.detectable.tolist() == [True, False, True, True, True, False, True, True]
    assert found.largest_lag == 1
    assert "up to lag 1, and at 5 of the larger lags, the last 8" in str(found)
    with pytest.raises(InputError, match="no mutual information at lag 5"):
        detectable_lag(Heterogeneous(delta=0.5, segment=5), 64, 100, lags=[1, 2]).documents_needed(5)


def test_processes_of_one_length():
    tree = TreeGrammar(eigenvalue=0.8, depth=8)
    assert detectable_lag(tree, 64).length == 256
    assert detectable_lag(GaussianCopula([0.2, 0.1]), 64).lags.tolist() == [1, 2]
    with pytest.raises(InputError, match="exactly 256 symbols"):
        detectable_lag(tree, 64, 100)
    with pytest.raises(InputError, match="measure a sample instead"):
        detectable_lag(LongRangeIsing(n_spins=32, sigma=0.5, coupling=0.1), 64)


def test_many_symbols_and_long_documents():
    """More modes than are followed one by one, and more lags than are summed one by one."""
    many = detectable_lag(Quantised(FractionalNoise(hurst=0.8), 24), 64, 2000, lags=[1, 10, 100, 1000])
    few = detectable_lag(Quantised(FractionalNoise(hurst=0.8), 4), 64, 2000, lags=[1, 10, 100, 1000])
    assert np.all(many.stderr[1:] > few.stderr[1:])
    dense, sparse = (detectable_lag(PowerLawBinary(0.05, 0.4), 64, n, lags=[1, 100]) for n in (512, 8192))
    assert np.all(sparse.stderr < dense.stderr)
    hidden = HiddenMarkov([[0.95, 0.05], [0.05, 0.95]], [[0.6, 0.2, 0.2], [0.2, 0.2, 0.6]])  # one mode of two
    assert detectable_lag(hidden, 64, 10**6).largest_lag > detectable_lag(hidden, 64, 10**4).largest_lag


def test_text_and_dictionary():
    found = detectable_lag(TWO, 64, 1000, lags=[1, 16])
    assert str(found).splitlines() == [
        "64 documents of 1,000 symbols: mutual information is detectable up to lag 1.",
        "lag   expected     stderr  probability",
        "  1     0.3681   0.002607        1.000  *",
        f" 16  0.0003962  {found.stderr[1]:.4g}        {found.probability[1]:.3f}",
        "* found significant, at a false discovery rate of 0.05, with a probability of at least 0.8; "
        "expected and stderr in nats",
    ]
    assert repr(found).startswith("Detectability(64 documents of 1,000 symbols: mutual information is detectable")
    again = json.loads(json.dumps(found.to_dict()))
    assert again["lags"] == [1, 16]
    assert again["detectable"] == [True, False]
    assert (again["largest_lag"], again["n_documents"], again["length"]) == (1, 64, 1000)
    assert set(again) >= {"expected", "stderr", "probability", "power", "level"}


# From measured curves


def medians(process, pilot, n_documents, length, lags, **options):
    curves = [ms.measure(process.sample(*pilot, seed=k), threads=1, **options) for k in range(12)]
    return np.median([detectable_lag(curve, n_documents, length, lags=lags).probability for curve in curves], axis=0)


@pytest.mark.parametrize(
    ("process", "pilot", "lags", "options"),
    [
        (TWO, (64, 500), [1, 4, 8, 12, 16, 20, 24, 32, 64], {}),
        (PowerLawBinary(0.02, 0.6), (64, 256), [1, 4, 16, 32, 64, 128], {}),
        (FractionalNoise(hurst=0.6), (64, 512), [1, 4, 6, 8, 12, 32], GAUSSIAN),
        (FIVE, (64, 500), [1, 4, 8, 10, 12, 16, 20], {}),
    ],
)
def test_a_pilot_foretells_what_its_process_does(process, pilot, lags, options):
    """Four times the documents: beyond what the pilot has seen, so only typically, and not closely."""
    exact = detectable_lag(process, 4 * pilot[0], pilot[1], lags=lags).probability
    found = medians(process, pilot, 4 * pilot[0], pilot[1], lags, **options)
    assert np.all(np.abs(found - exact) < 0.3)


def test_a_curve_in_bits_or_read_back_is_the_same_curve(tmp_path):
    curve = ms.measure(TWO.sample(64, 500), threads=1)
    curve.save(tmp_path / "curve.json")
    plans = [
        detectable_lag(each, 64, 1000) for each in (curve, curve.in_bits(), ms.MICurve.load(tmp_path / "curve.json"))
    ]
    for other in plans[1:]:
        np.testing.assert_allclose(other.expected, plans[0].expected)
        np.testing.assert_allclose(other.probability, plans[0].probability)
    assert plans[0].documents_needed(16) == plans[1].documents_needed(16)


def test_curves_that_cannot_be_planned_from():
    sample = TWO.sample(64, 500)
    noise = np.random.default_rng(1).integers(0, 2, (64, 500))
    with pytest.raises(InputError, match="fewer than 3 lags of this curve are significant"):
        detectable_lag(ms.measure(noise, threads=1), 64, 500)
    with pytest.raises(InputError, match="fewer than 3 lags of this curve are significant"):
        detectable_lag(ms.measure(sample, blocks=0, threads=1), 64, 500)
    with pytest.raises(InputError, match="only curves of mutual information"):
        detectable_lag(ms.measure(sample, quantity="rational", null="none", threads=1), 64, 500)
    with pytest.raises(InputError, match="length must be a whole number of at least 2, not None"):
        detectable_lag(ms.measure(sample, threads=1), 64)


# What is refused


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_documents": 1}, "n_documents must be a whole number of at least 2"),
        ({"n_documents": 2.5}, "n_documents must be a whole number"),
        ({"length": None}, "say how long each document is to be"),
        ({"length": 1}, "no document has more than one symbol"),
        ({"power": 1.0}, "power must lie between 0 and 1, both excluded; not 1"),
        ({"level": 0}, "level must lie between 0 and 1"),
        ({"level": "5 %"}, "level must be a number"),
        ({"lags": [100]}, "no document is long enough for lag 100"),
        (
            {"process_or_curve": "text"},
            "plans are made for a SymbolProcess, a RealProcess or a measured MICurve, not for str",
        ),
        ({"process_or_curve": MarkovChain([[1.0]])}, "only one symbol"),
    ],
)
def test_arguments_that_cannot_be_used(arguments, words):
    with pytest.raises(InputError, match=words):
        detectable_lag(**{"process_or_curve": TWO, "n_documents": 64, "length": 100} | arguments)


def test_lags_that_no_data_show():
    found = detectable_lag(TWO, 64, 1000)
    with pytest.raises(InputError, match="documents of 1000 symbols hold no pair at lag 1000"):
        found.documents_needed(1000)
    with pytest.raises(InputError, match=r"at lag 200 are too few: not even 1e[+]15 documents"):
        found.documents_needed(200)
    with pytest.raises(InputError, match="lag must be a whole number"):
        found.documents_needed(1.5)
