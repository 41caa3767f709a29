"""Symbols cut from Gaussian numbers: wanted curves, exact tables, samples, refusals."""

import math
import re
from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy import linalg, stats

from miscope.errors import InputError
from miscope.processes import FractionalNoise, GaussianCopula, PowerLawBinary, Quantised, RealProcess, drawing

LAGS = [1, 2, 10, 100, 512]


def f_of(c):
    """MI of two fair symbols of correlation c, with fifty digits."""
    with localcontext(prec=50):
        c = Decimal(float(c))
        return float(((1 + c) * (1 + c).ln() + (1 - c) * (1 - c).ln()) / 2)


def table_of(probabilities, correlation):
    """P(a, b) of cut normal numbers, from scipy's distribution function."""
    grid = np.concatenate([[-40.0], stats.norm.ppf(np.cumsum(probabilities)[:-1]), [40.0]])
    points = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1)
    below = stats.multivariate_normal.cdf(points, cov=[[1, correlation], [correlation, 1]])
    return np.diff(np.diff(below, axis=0), axis=1)


def plain_information(table):
    return np.sum(table * np.log(table / np.outer(table.sum(axis=1), table.sum(axis=0))))


def as_matrix(sequences):
    return sequences.codes.reshape(sequences.n_documents, -1)


# Power laws


def test_power_law_binary_against_numbers_of_methods():
    # METHODS.md section 5, computed independently of the project, for A = 0.1 and alpha = 0.4; five digits
    process = PowerLawBinary(amplitude=0.1, exponent=0.4)
    c = np.array([0.43959, 0.38432, 0.28028, 0.17757, 0.12825])
    r = np.array([0.63693, 0.56768, 0.42618, 0.27532, 0.20010])
    np.testing.assert_allclose(process.correlation(LAGS), c, atol=5.1e-6)
    np.testing.assert_allclose(process._latent(np.array(LAGS)), r, atol=5.1e-6)


@pytest.mark.parametrize(("amplitude", "exponent"), [(0.1, 0.4), (0.3, 1.5), (1e-6, 0.05)])
def test_power_law_binary_is_a_power_law_at_any_lag(amplitude, exponent):
    process = PowerLawBinary(amplitude, exponent)
    lags = np.array([1, 3, 1000, 10**9])
    np.testing.assert_allclose(process.mutual_information(lags), amplitude * lags**-exponent, rtol=1e-9)
    np.testing.assert_allclose([f_of(c) for c in process.correlation(lags)], amplitude * lags**-exponent, rtol=1e-9)
    assert process.law.kind == "power law"
    assert process.law.exponent == exponent


# Wanted curves


CURVES = {
    "power law": ({"amplitude": 0.2, "exponent": 0.7}, lambda lag: 0.2 * lag**-0.7),
    "exponential": ({"amplitude": 0.3, "correlation_length": 5}, lambda lag: 0.3 * np.exp(-lag / 5)),
    "both": (
        {"amplitude": 0.25, "exponent": 0.5, "correlation_length": 40.0},
        lambda lag: 0.25 * lag**-0.5 * np.exp(-lag / 40),
    ),
    "table": ([0.2, 0.1, 0.0, 0.05, 1e-9, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.003], None),
    "function": (lambda lags: 0.1 / (1 + lags), lambda lag: 0.1 / (1 + lag)),
}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize(
    ("law", "precision"), [([0.5, 0.5], 1e-9), ([0.8, 0.2], 1e-6), ([0.2, 0.5, 0.3], 1e-6), ([0.25] * 4, 1e-6)]
)
def test_wanted_curve_is_the_exact_curve(name, law, precision):
    wanted, curve = CURVES[name]
    process = GaussianCopula(wanted, probabilities=law)
    lags = np.array([1, 2, 3, 4, 12])
    expected = np.array(wanted)[lags - 1] if curve is None else curve(lags)
    np.testing.assert_allclose(process.mutual_information(lags), expected, rtol=precision)


@pytest.mark.parametrize("law", [[0.5, 0.5], [0.2, 0.5, 0.3], [0.25] * 4])
def test_information_is_that_of_the_table_by_other_means(law):
    process = GaussianCopula({"amplitude": 0.3, "exponent": 0.5}, probabilities=law)
    for lag in (1, 5, 60):
        table = table_of(law, process._latent(np.array([lag]))[0])
        np.testing.assert_allclose(process.joint(lag), table, atol=1e-13)
        assert plain_information(table) == pytest.approx(0.3 * lag**-0.5, rel=1e-6, abs=0)


@pytest.mark.parametrize("law", [[0.5, 0.5], [0.7, 0.3], [0.2, 0.5, 0.3], [0.25] * 4])
def test_wanted_correlation_is_pearsons_of_the_codes_with_its_sign(law):
    wanted = [0.3, -0.2, 0.1, 0.0, -1e-9]
    process = GaussianCopula(wanted, of="correlation", probabilities=law)
    codes = np.arange(len(law))
    mean, square = np.dot(law, codes), np.dot(law, codes**2)
    for lag, correlation in enumerate(wanted, start=1):
        covariance = codes @ process.joint(lag) @ codes - mean**2
        assert covariance / (square - mean**2) == pytest.approx(correlation, abs=1e-9)


def test_correlation_of_fair_symbols_is_that_of_plus_and_minus_one():
    process = GaussianCopula({"amplitude": -0.4, "correlation_length": 3}, of="correlation")
    lags = np.array([1, 4, 9])
    np.testing.assert_allclose(process.correlation(lags), -0.4 * np.exp(-lags / 3), rtol=1e-12)


def test_latent_curve_is_that_of_the_numbers():
    process = GaussianCopula([0.8, 0.3, -0.2], of="latent", n_symbols=3)
    for lag, correlation in enumerate([0.8, 0.3, -0.2], start=1):
        np.testing.assert_allclose(process.joint(lag), table_of([1 / 3] * 3, correlation), atol=1e-13)


def test_laws():
    power, decay = {"amplitude": 0.1, "exponent": 0.6}, {"amplitude": 0.1, "correlation_length": 30}
    assert GaussianCopula(power).law.exponent == 0.6
    assert GaussianCopula(power, of="correlation").law.exponent == 1.2
    assert GaussianCopula(decay).law.correlation_length == 30
    assert GaussianCopula(decay, of="latent").law.correlation_length == 15
    assert GaussianCopula(power | decay).law.kind == "exponential"
    assert GaussianCopula([0.1, 0.05]).law is None
    # Small correlations: information is half their square, so half the correlation length.
    process = GaussianCopula({"amplitude": 0.1, "correlation_length": 30}, of="latent")
    far = process.mutual_information([300, 315])
    assert math.log(far[0] / far[1]) == pytest.approx(15 / process.law.correlation_length, rel=1e-4, abs=0)


def test_parameters_make_an_equal_process():
    for process in (
        GaussianCopula({"amplitude": 0.2, "exponent": 1.0}, n_symbols=3),
        GaussianCopula([0.1, -0.1], of="correlation", probabilities=[0.3, 0.7]),
        PowerLawBinary(0.2, 0.3),
    ):
        again = type(process)(**process.parameters)
        np.testing.assert_array_equal(again.mutual_information([1, 2]), process.mutual_information([1, 2]))
        assert process.sample(1, 3).provenance["process"] == {
            "name": type(process).__name__,
            "parameters": process.parameters,
        }


# Samples


def test_many_short_documents_have_the_wanted_correlation_at_each_pair_of_places():
    # Would catch: a circle too short (ends correlated), a law that changes along the document, rows mixed up,
    # a spectrum scaled by 2, and pieces (there are two) drawn from one generator.
    process, length, n = PowerLawBinary(0.1, 0.4), 40, 20_000
    x = as_matrix(process.sample(n, length, seed=3)) * 2.0 - 1
    exact = linalg.toeplitz(np.concatenate([[1.0], process.correlation(f"all:{length - 1}")]))
    z = (x.T @ x / n - exact) / np.sqrt(np.maximum(1 - exact**2, 1e-300) / n)
    assert np.abs(z[np.triu_indices(length, 1)]).max() < 4.5  # of 780
    assert np.abs(x.mean(axis=0)).max() * np.sqrt(n) < 4.5
    for shift in (1, 13_107):  # documents are independent; 2^19 // 40 = 13107 of them stand in the first piece
        assert abs((x[:-shift] * x[shift:]).mean()) * np.sqrt(len(x) - shift) < 4.5 * np.sqrt(exact.sum() ** 2 / 40**2)


@pytest.mark.parametrize("law", [[0.2, 0.5, 0.3], [0.1, 0.9]])
def test_samples_follow_the_exact_table(law):
    # Would catch codes in the wrong order, edges at the wrong side, and a wrong correlation of the numbers.
    process, n = GaussianCopula([0.06, 0.03, 0.02, 0.01], probabilities=law), 40_000
    x = as_matrix(process.sample(n, 5, seed=1)).astype(int)
    for lag in (1, 2, 4):
        seen = np.zeros((len(law),) * 2)
        np.add.at(seen, (x[:, 0], x[:, lag]), 1)
        assert stats.chisquare(seen.ravel(), n * process.joint(lag).ravel()).pvalue > 1e-4


def test_one_long_document_has_the_wanted_correlation():
    # Would catch a circle that is not the right one for long or awkward (prime) lengths.
    process = GaussianCopula({"amplitude": 0.3, "correlation_length": 4})
    x = process.sample(1, 100_003, seed=2).codes * 2.0 - 1
    for lag in (1, 4, 8):
        seen = np.mean(x[lag:] * x[:-lag])
        assert seen == pytest.approx(process.correlation([lag])[0], abs=5 * np.sqrt(12 / len(x)))


@pytest.mark.parametrize(
    "process", [PowerLawBinary(), GaussianCopula([0.2, 0.1, 0.05], n_symbols=3), Quantised(FractionalNoise(d=0.2))]
)
def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(process, monkeypatch):
    monkeypatch.setattr(drawing, "PIECE", 64)  # 16 documents of 4 each
    monkeypatch.setattr(drawing, "thread_count", lambda: 5)
    many = process.sample(200, 4, seed=11)
    monkeypatch.setattr(drawing, "thread_count", lambda: 1)
    one = process.sample(200, 4, seed=11)
    assert many.codes.tobytes() == one.codes.tobytes()
    assert process.sample(200, 4, seed=12).codes.tobytes() != one.codes.tobytes()
    assert many.codes.dtype == np.uint8


def test_documents_of_one_symbol_and_of_changing_length():
    process = PowerLawBinary()
    assert len(process.sample(3, 1).codes) == 3
    np.testing.assert_array_equal(process.sample(2, 50, seed=1).codes, process.sample(2, 50, seed=1).codes)
    process.sample(2, 60)
    np.testing.assert_array_equal(process.sample(2, 50, seed=1).codes, PowerLawBinary().sample(2, 50, seed=1).codes)


def test_a_table_limits_documents_and_lags():
    process = GaussianCopula([0.2, 0.1, 0.05])
    assert process.longest == 4
    assert PowerLawBinary().longest is None
    assert process.sample(2, 4).n_symbols == 8
    assert len(process.mutual_information("all:3")) == 3
    with pytest.raises(InputError, match="documents of 5 symbols cannot be drawn: the longest there can be has 4"):
        process.sample(1, 5)
    with pytest.raises(InputError, match="no document is long enough for lag 4"):
        process.mutual_information([4])


# Refusals


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"wanted": {"amplitude": 0.7, "exponent": 0.4}}, "0.7 nats at lag 1 cannot be: .* entropy 0.6931 nats"),
        ({"wanted": [0.1, 0.2, 0.8]}, "0.8 nats at lag 3 cannot be"),
        ({"wanted": [0.1, -0.01]}, "-0.01 nats at lag 2 cannot be"),
        (
            {"wanted": [0.2, 0.33], "probabilities": [0.9, 0.1]},
            "0.33 nats at lag 2 cannot be: .* 2 symbols, of .* 0.3251",
        ),
        ({"wanted": [1.4], "n_symbols": 4}, "1.4 nats at lag 1 .* 4 symbols, of entropy 1.386 nats"),
        ({"wanted": lambda lags: 0.01 * lags}, "0.7 nats at lag 70 cannot be"),
        ({"wanted": [0.1, 1.0], "of": "correlation"}, "correlation of 1 at lag 2 cannot be: .* inside -1 to 1"),
        ({"wanted": [0.1, -1.0], "of": "latent"}, "correlation of -1 at lag 2 cannot be"),
        (
            {"wanted": [0.1, -0.2], "of": "correlation", "probabilities": [0.9, 0.1]},
            "correlation of -0.2 at lag 2 .* inside -0.1111 to 0.998",
        ),
        ({"wanted": [0.1], "of": "information"}, "unknown quantity 'information'; did you mean 'mutual_information'"),
        ({"wanted": [0.1], "n_symbols": 1}, "n_symbols must be a whole number of at least 2, not 1"),
        ({"wanted": [0.1], "n_symbols": True}, "n_symbols must be a whole number .* not True"),
        ({"wanted": [0.1], "n_symbols": 2.0}, "n_symbols must be a whole number .* not 2.0"),
        ({"wanted": [0.1], "n_symbols": "2"}, "n_symbols must be a whole number .* not '2'"),
        ({"wanted": [0.1], "n_symbols": 257}, "n_symbols is 257; at most 256"),
        ({"wanted": [0.1], "probabilities": [1.0]}, "probabilities must be 2 to 256 numbers"),
        ({"wanted": [0.1], "probabilities": [0.5, 0.4]}, "that sum to 1"),
        ({"wanted": [0.1], "probabilities": [1.5, -0.5]}, "at least 1e-09"),
        ({"wanted": [0.1], "probabilities": [1 - 1e-17, 1e-17]}, "at least 1e-09"),
        ({"wanted": [0.1], "probabilities": [0.5, math.nan]}, "each of probabilities must be a number, not nan"),
        ({"wanted": [0.1], "probabilities": ["0.5", "0.5"]}, "each of probabilities must be a number, not '0.5'"),
        ({"wanted": [0.1], "probabilities": [[0.5, 0.5]]}, "each of probabilities must be a number"),
        ({"wanted": [0.1], "probabilities": 0.5}, "probabilities must be a list of numbers, not 0.5"),
        ({"wanted": "0.1"}, "cannot read the wanted curve .* not '0.1'.*: give {\"amplitude\": A} with"),
        ({"wanted": 0.1}, "cannot read the wanted curve .*must be a list of numbers, not 0.1"),
        ({"wanted": None}, "cannot read the wanted curve"),
        ({"wanted": []}, "a table holds 1 to 65536 numbers"),
        ({"wanted": [0.1, math.nan]}, "cannot read the wanted curve .*not nan"),
        ({"wanted": [0.1, math.inf]}, "cannot read the wanted curve .*not inf"),
        ({"wanted": [True, False]}, "cannot read the wanted curve .*not True"),
        ({"wanted": ["0.1"]}, "cannot read the wanted curve .*not '0.1'"),
        ({"wanted": [[0.1]]}, "cannot read the wanted curve"),
        ({"wanted": {"exponent": 0.4}}, "cannot read the wanted curve"),
        ({"wanted": {"amplitude": 0.4}}, "cannot read the wanted curve"),
        ({"wanted": {"amplitude": 0.1, "exponents": 0.4}}, "cannot read the wanted curve"),
        ({"wanted": {"amplitude": 0.1, "exponent": 0.0}}, "exponent must be a number above 0, not 0"),
        ({"wanted": {"amplitude": 0.1, "correlation_length": -3}}, "correlation_length must be a number above 0"),
        ({"wanted": {"amplitude": math.nan, "exponent": 1}}, "amplitude must be a number, not nan"),
        ({"wanted": {"amplitude": "0.1", "exponent": 1}}, "amplitude must be a number, not '0.1'"),
        ({"wanted": {"amplitude": True, "exponent": 1}}, "amplitude must be a number, not True"),
        ({"wanted": lambda lags: 0.1}, r"the wanted curve has shape \(\) for lags of shape \(1024,\)"),
        ({"wanted": lambda lags: lags * math.nan}, "nan nats at lag 1 cannot be"),
    ],
)
def test_refusals_with_their_words(arguments, words):
    with pytest.raises(InputError, match=words):
        GaussianCopula(**arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0.0, 0.4), "amplitude must be a number above 0, not 0"),
        ((0.1, 0), "exponent must be a number above 0, not 0"),
        ((math.nan, 0.4), "amplitude must be a number above 0, not nan"),
        ((True, 0.4), "amplitude must be a number above 0, not True"),
        ((0.1, "0.4"), "exponent must be a number above 0, not '0.4'"),
        ((10**400, 0.4), "amplitude must be a number above 0, not 1000"),
        ((0.6932, 0.4), "0.6932 nats at lag 1 cannot be"),
    ],
)
def test_refusals_of_power_laws(arguments, words):
    with pytest.raises(InputError, match=words):
        PowerLawBinary(*arguments)


@pytest.mark.parametrize(
    "latent",
    [
        [0.0, 0.9, 0.9],
        [0.9, 0.1],
        [0.5, -0.6, 0.0],
        [0.8, 0.7, 0.6, 0.5, 0.9],
        [math.cos(0.5 * k) + 0.02 * (k == 6) for k in range(1, 8)],
    ],
)
def test_correlations_of_no_sequence_are_refused_at_their_lag(latent):
    correlation = [1.0, *latent]
    lowest = [np.linalg.eigvalsh(linalg.toeplitz(correlation[: lag + 1])).min() for lag in range(len(correlation))]
    lag = int(np.argmax(np.array(lowest) <= 1e-14))
    assert lag > 0
    process = GaussianCopula(latent, of="latent")
    words = f"no stationary Gaussian sequence .* up to lag {lag - 1} rule out what is wanted at lag {lag};"
    with pytest.raises(InputError, match=words):
        process.sample(1, len(latent) + 1)
    assert process.sample(1, max(1, lag - 1)).n_symbols == max(1, lag - 1)  # what comes before is no obstacle


def test_short_documents_are_drawn_where_no_circle_holds_them():
    # 1 + 2 (-0.7) + 0.2 < 0 on the circle of four points, though the Toeplitz matrix is positive
    process = GaussianCopula([0.7, 0.2], of="latent")
    x = as_matrix(process.sample(40_000, 3, seed=2)) * 2.0 - 1
    exact = 2 / math.pi * np.arcsin([0.7, 0.2, 0.7])
    seen = [np.mean(x[:, 0] * x[:, 1]), np.mean(x[:, 0] * x[:, 2]), np.mean(x[:, 1] * x[:, 2])]
    np.testing.assert_allclose(seen, exact, atol=4.5 / 200)


def test_long_documents_that_no_circle_holds_are_refused():
    lags = np.arange(1, 1101)
    process = GaussianCopula(np.cos(0.3 * lags) * 0.999**lags, of="latent")
    words = "documents of 1101 symbols cannot be drawn .* possible up to lag 1100: ask for shorter documents"
    with pytest.raises(InputError, match=words):
        process.sample(1, 1101)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "say how long each document is to be"),
        ({"length": 0}, "length must be a whole number of at least 1, not 0"),
        ({"length": 3.0}, "length must be a whole number of at least 1, not 3.0"),
        ({"length": 3, "n_documents": 0}, "n_documents must be a whole number of at least 1, not 0"),
        ({"length": 3, "n_documents": True}, "n_documents must be a whole number of at least 1, not True"),
        ({"length": 3, "seed": -1}, "seed must be a whole number of at least 0, not -1"),
        ({"length": 3, "seed": "1"}, "seed must be a whole number of at least 0, not '1'"),
    ],
)
def test_refusals_of_samples(arguments, words):
    with pytest.raises(InputError, match=re.escape(words)):
        PowerLawBinary().sample(**arguments)


# Quantised processes


class Wide(RealProcess):
    """A first-order autoregression of variance 9."""

    n_channels = 1

    def __init__(self, n_channels=1):
        self.parameters = {}
        self.n_channels = n_channels

    def autocovariance(self, lags):
        return 9.0 * np.float64(0.7) ** lags[:, None, None] * np.eye(self.n_channels)

    def _fill(self, generator, values):
        values[:] = generator.standard_normal(values.shape)
        for t in range(1, values.shape[1]):
            values[:, t] = 0.7 * values[:, t - 1] + math.sqrt(0.51) * values[:, t]
        values *= 3.0


def test_two_quantiles_of_a_process_are_its_signs():
    process = Quantised(FractionalNoise(hurst=0.8), 2)
    for lag in (1, 10, 300):
        rho = 0.5 * ((lag + 1) ** 1.6 - 2 * lag**1.6 + (lag - 1) ** 1.6)
        assert process.mutual_information([lag])[0] == pytest.approx(
            f_of(2 / math.pi * math.asin(rho)), rel=1e-8, abs=0
        )
        assert process.correlation([lag])[0] == pytest.approx(2 / math.pi * math.asin(rho), rel=1e-8, abs=0)
    assert process.law == FractionalNoise(hurst=0.8).law
    assert process.label == "FractionalNoise hurst 0.8, 2 quantiles"


@pytest.mark.parametrize("n_symbols", [2, 3, 5])
def test_quantiles_of_a_process_of_any_variance(n_symbols):
    # Would catch cuts for unit variance (then the outer symbols are too frequent).
    process, n = Wide().quantised(n_symbols), 20_000
    x = as_matrix(process.sample(n, 6, seed=4)).astype(int)
    np.testing.assert_allclose(process.joint(2), table_of([1 / n_symbols] * n_symbols, 0.49), atol=1e-13)
    for place in (0, 5):
        assert stats.chisquare(np.bincount(x[:, place], minlength=n_symbols)).pvalue > 1e-4
    seen = np.zeros((n_symbols,) * 2)
    np.add.at(seen, (x[:, 3], x[:, 5]), 1)
    assert stats.chisquare(seen.ravel(), n * process.joint(2).ravel()).pvalue > 1e-4


def test_quantised_parameters_name_the_process():
    process = Quantised(FractionalNoise(d=0.2), 3)
    assert process.parameters == {"process": {"name": "FractionalNoise", "parameters": {"d": 0.2}}, "n_symbols": 3}
    assert process.values == (0.0, 1.0, 2.0)


def test_what_cannot_be_quantised():
    with pytest.raises(InputError, match="only a process of real numbers can be quantised, not PowerLawBinary"):
        Quantised(PowerLawBinary())
    with pytest.raises(InputError, match="a process of 2 channels has no quantiles"):
        Quantised(Wide(2))
    with pytest.raises(InputError, match="n_symbols must be a whole number of at least 2"):
        Quantised(Wide(), 1)
    with pytest.raises(InputError, match="n_symbols is 300; at most 256"):
        Wide().quantised(300)
