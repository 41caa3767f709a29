"""Fractional noise against direct formulas, numeric integration and dense Toeplitz matrices."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy import integrate, linalg, stats

from miscope.errors import InputError
from miscope.processes import AsymptoticLaw, FractionalNoise, drawing

FULL = 0.5 * math.log(2 * math.pi * math.e)  # differential entropy of a standard normal number


def autocovariance(process, lags):
    return process.autocovariance(np.array(lags, np.int64))[:, 0, 0]


def fractional_gaussian(lag, hurst):
    """(|k+1|^2H - 2 |k|^2H + |k-1|^2H) / 2 with sixty digits."""
    with localcontext(prec=60):
        power = 2 * Decimal(hurst)
        return float(((Decimal(lag) + 1) ** power - 2 * Decimal(lag) ** power + Decimal(abs(lag - 1)) ** power) / 2)


def spectral(lag, d, ar, ma):
    """Autocovariance of an ARFIMA as an integral over its spectral density."""

    def smooth(x):
        turn = np.exp(-1j * x * np.arange(max(len(ar), len(ma)) + 1))
        above = abs(turn[0] + sum(b * turn[j] for j, b in enumerate(ma, 1))) ** 2
        below = abs(turn[0] - sum(a * turn[j] for j, a in enumerate(ar, 1))) ** 2
        return above / below * np.sinc(x / (2 * np.pi)) ** (-2 * d) * np.cos(lag * x)

    options = {"epsabs": 1e-13, "epsrel": 1e-12, "limit": 400}
    return integrate.quad(smooth, 0, np.pi, weight="alg", wvar=(-2 * d, 0), **options)[0] / np.pi


def innovations(correlation):
    """Variances of one-step predictions from ever longer pasts: the recursion of Durbin and Levinson."""
    a, variances = np.zeros(0), [correlation[0]]
    for lag in range(1, len(correlation)):
        partial = (correlation[lag] - a @ correlation[lag - 1 : 0 : -1]) / variances[-1]
        a = np.concatenate([a - partial * a[::-1], [partial]])
        variances.append(variances[-1] * (1 - partial**2))
    return np.array(variances)


def test_the_recursion_gives_log_determinants():
    correlation = autocovariance(FractionalNoise(d=0.3, ar=[0.5]), range(12))
    logs = np.linalg.slogdet(linalg.toeplitz(correlation))[1]
    assert np.log(innovations(correlation)).sum() == pytest.approx(logs, rel=1e-12, abs=0)


# Correlations


@pytest.mark.parametrize("hurst", [0.05, 0.3, 0.51, 0.8, 0.99])
def test_fractional_gaussian_noise_against_sixty_digits(hurst):
    lags = [0, 1, 2, 15, 16, 17, 100, 10**6, 10**12]
    exact = [fractional_gaussian(lag, hurst) for lag in lags]
    np.testing.assert_allclose(autocovariance(FractionalNoise(hurst=hurst), lags), exact, rtol=1e-11)


@pytest.mark.parametrize("d", [-0.45, -0.1, 1e-6, 0.2, 0.49])
def test_arfima_against_the_product(d):
    # rho(k) = prod_j (j - 1 + d) / (j - d)
    lags = [0, 1, 2, 31, 32, 33, 1000, 100_000]
    j = np.arange(2, 100_001)
    logs = np.concatenate([[0.0, 0.0], np.cumsum(np.log1p((2 * d - 1) / (j - d)))])
    exact = np.exp(logs[lags]) * np.where(np.array(lags) == 0, 1.0, d / (1 - d))
    np.testing.assert_allclose(autocovariance(FractionalNoise(d=d), lags), exact, rtol=1e-10)


def test_noise_without_memory_has_none():
    for process in (FractionalNoise(hurst=0.5), FractionalNoise(d=0.0), FractionalNoise(d=0, ar=[0.0])):
        np.testing.assert_allclose(autocovariance(process, [0, 1, 2, 40, 10**9]), [1, 0, 0, 0, 0], atol=1e-15)


def test_autoregression_of_first_order_keeps_its_digits():
    # Fourier convolution would leave noise of 1e-17 at the lags where it is far smaller.
    lags = np.array([0, 1, 7, 100, 300])
    np.testing.assert_allclose(autocovariance(FractionalNoise(d=0, ar=[0.9]), lags), 0.9**lags, rtol=1e-11)
    np.testing.assert_allclose(
        autocovariance(FractionalNoise(d=0, ar=[-0.5]), lags[:3]), (-0.5) ** lags[:3], rtol=1e-11
    )
    assert autocovariance(FractionalNoise(d=0, ar=[0.5]), [10**6])[0] == 0


def test_autoregression_of_second_order_follows_yule_and_walker():
    a, b = 1.2, -0.72  # complex roots
    exact = [1.0, a / (1 - b)]
    for _ in range(60):
        exact.append(a * exact[-1] + b * exact[-2])
    process = FractionalNoise(d=0.0, ar=[a, b])
    np.testing.assert_allclose(autocovariance(process, range(62)), exact, atol=1e-13)


def test_mixed_and_moving_averages():
    a, b = 0.6, 0.5  # rho(1) = (1 + a b)(a + b) / (1 + 2 a b + b^2), then falls by a
    first = (1 + a * b) * (a + b) / (1 + 2 * a * b + b * b)
    np.testing.assert_allclose(
        autocovariance(FractionalNoise(d=0, ar=[a], ma=[b]), [0, 1, 2, 9]), [1, first, first * a, first * a**8]
    )
    exact = np.array([1 + 0.16 + 0.09, 0.4 - 0.12, -0.3, 0.0, 0.0]) / 1.25
    np.testing.assert_allclose(
        autocovariance(FractionalNoise(d=0, ma=[0.4, -0.3]), [0, 1, 2, 3, 50]), exact, atol=1e-15
    )


@pytest.mark.parametrize(
    ("d", "ar", "ma"), [(0.3, [0.5], []), (0.2, [], [0.7, 0.2]), (-0.3, [0.9], [-0.4]), (0.4, [1.2, -0.72], [2.0])]
)
def test_long_memory_with_short_against_numeric_integration(d, ar, ma):
    variance = spectral(0, d, ar, ma)
    lags = [0, 1, 2, 5, 20]
    exact = [spectral(lag, d, ar, ma) / variance for lag in lags]
    np.testing.assert_allclose(autocovariance(FractionalNoise(d=d, ar=ar, ma=ma), lags), exact, atol=1e-10)


def test_many_lags_and_few_agree():
    process = FractionalNoise(d=0.3, ar=[0.8], ma=[0.3])
    many = autocovariance(process, range(2000))
    for lag in (0, 1, 17, 1999):
        assert autocovariance(process, [lag])[0] == pytest.approx(many[lag], rel=1e-11, abs=0)
    assert len(autocovariance(process, [])) == 0


def test_lags_far_apart_and_slow_recursions_need_little_memory():
    # Both asked for arrays of many gigabytes once.
    far = autocovariance(FractionalNoise(d=0.3, ar=[0.5]), [1, 10**12])
    assert far[1] == pytest.approx(far[0] * 1e-5, rel=0.9, abs=0)
    slow = FractionalNoise(d=0.1, ar=[0.999])
    assert len(autocovariance(slow, range(1, 12_001))) == 12_000
    assert len(slow.sample(1, 12_000).values) == 12_000


def test_mutual_information_is_that_of_two_correlated_numbers():
    process = FractionalNoise(hurst=0.8)
    for lag in (1, 100, 10**6):
        rho = Decimal(fractional_gaussian(lag, 0.8))
        exact = float(-(1 - rho * rho).ln() / 2)
        assert process.mutual_information([lag])[0] == pytest.approx(exact, rel=1e-10, abs=0)
    np.testing.assert_array_equal(process.correlation([3]), autocovariance(process, [3]))


# Laws and entropy


def test_laws():
    assert FractionalNoise(d=0.3).law == AsymptoticLaw("power law", exponent=0.8)
    assert FractionalNoise(hurst=0.75).law == AsymptoticLaw("power law", exponent=1.0)
    assert FractionalNoise(hurst=0.5).law == AsymptoticLaw("finite")
    assert FractionalNoise(d=0, ma=[0.5]).law == AsymptoticLaw("finite")
    assert FractionalNoise(d=0, ar=[0.5]).law is None
    assert FractionalNoise(d=0.3, ma=[-1.0]).law is None  # its differences fall faster


@pytest.mark.parametrize(
    "arguments", [{"d": 0.2}, {"d": -0.3}, {"hurst": 0.7}, {"hurst": 0.2}, {"d": 0.1, "ar": [0.7]}]
)
def test_information_falls_with_the_exponent_of_the_law(arguments):
    process = FractionalNoise(**arguments)
    near, far = process.mutual_information([10**5, 2 * 10**5])
    assert math.log2(near / far) == pytest.approx(process.law.exponent, abs=1e-3)


@pytest.mark.parametrize(
    "arguments",
    [
        {"hurst": 0.1},
        {"hurst": 0.8},
        {"hurst": 0.95},
        {"d": 0.3},
        {"d": -0.4},
        {"d": 0.2, "ar": [0.7], "ma": [0.4]},
        {"d": -0.2, "ar": [1.2, -0.72]},
        {"d": 0.2, "ma": [2.0]},  # not invertible: its innovations are those of ma = [0.5], twice as large
        {"d": 0.0, "ma": [0.3, -4.0]},
    ],
)
def test_entropy_rate_against_one_step_predictions(arguments):
    # ln v_n approaches ln v as d^2 / n: taken away from two n by extrapolation
    process = FractionalNoise(**arguments)
    v = innovations(autocovariance(process, range(401)))
    limit = 2 * math.log(v[400]) - math.log(v[200])
    assert process.entropy_rate == pytest.approx(FULL + 0.5 * limit, abs=5e-6)


def test_entropy_rate_in_closed_form():
    assert FractionalNoise(hurst=0.5).entropy_rate == pytest.approx(FULL, abs=1e-12)
    assert FractionalNoise(d=0, ar=[0.8]).entropy_rate == pytest.approx(FULL + 0.5 * math.log(1 - 0.64), abs=1e-12)
    # partial correlations of ARFIMA(0, d, 0) are d / (j - d) (Hosking 1981)
    j = np.arange(1, 2_000_001)
    v = np.exp(np.log1p(-((0.3 / (j - 0.3)) ** 2)).sum()) * (1 - 0.09 / len(j))
    assert FractionalNoise(d=0.3).entropy_rate == pytest.approx(FULL + 0.5 * math.log(v), abs=1e-10)
    # H near 0: differences of white noise, of variance 2 and innovations 1
    assert FractionalNoise(hurst=1e-9).entropy_rate == pytest.approx(FULL - 0.5 * math.log(2), abs=1e-6)


# Samples


@pytest.mark.parametrize(
    "arguments",
    [
        {"hurst": 0.8},
        {"hurst": 0.2},
        {"d": 0.3, "ar": [0.5]},
        {"d": 0.0, "ma": [-1.0]},
        {"d": 0.45, "ar": [0.95], "ma": [0.8]},  # no circle holds it
    ],
)
def test_many_short_documents_have_the_exact_covariance(arguments):
    # Would catch: variance not 1, a correlation that wraps around, places that differ, pieces that repeat one another.
    process, length, n = FractionalNoise(**arguments), 32, 20_000
    x = process.sample(n, length, seed=5).values.reshape(n, length)
    exact = linalg.toeplitz(autocovariance(process, range(length)))
    white = linalg.solve_triangular(np.linalg.cholesky(exact), x.T, lower=True)
    z = (white @ white.T / n - np.eye(length)) * np.sqrt(n / (1 + np.eye(length)))
    assert np.abs(z[np.triu_indices(length)]).max() < 4.7  # of 528
    assert np.abs(white.mean(axis=1)).max() * np.sqrt(n) < 4.5
    assert np.abs((white[:, 1:] * white[:, :-1]).mean(axis=1)).max() * np.sqrt(n) < 4.5  # documents are independent
    assert stats.kstest(white[-1], "norm").pvalue > 1e-4


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(drawing, "PIECE", 64)
    process = FractionalNoise(d=0.3)
    monkeypatch.setattr(drawing, "thread_count", lambda: 5)
    many = process.sample(200, 4, seed=11)
    monkeypatch.setattr(drawing, "thread_count", lambda: 1)
    assert process.sample(200, 4, seed=11).values.tobytes() == many.values.tobytes()
    assert process.sample(200, 4, seed=10).values.tobytes() != many.values.tobytes()
    assert len(process.sample(3, 1).values) == 3
    assert many.provenance["process"] == {"name": "FractionalNoise", "parameters": {"d": 0.3}}
    assert repr(many) == "Series(800 values in 200 documents: FractionalNoise d 0.3)"


def test_parameters_make_an_equal_process():
    process = FractionalNoise(d=0.3, ar=np.array([0.5]), ma=(1,))
    assert process.parameters == {"d": 0.3, "ar": [0.5], "ma": [1.0]}
    again = FractionalNoise(**process.parameters)
    assert again.sample(1, 9).values.tobytes() == process.sample(1, 9).values.tobytes()


def test_documents_that_no_circle_holds():
    process = FractionalNoise(d=0.3, ma=[1.0])
    assert len(process.sample(1, 1000).values) == 1000
    with pytest.raises(
        InputError, match=r"documents of 1025 numbers cannot be drawn from FractionalNoise.*of up to 1024 can"
    ):
        process.sample(1, 1025)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "give hurst .* or d .*, one of the two"),
        ({"hurst": 0.7, "d": 0.2}, "give hurst .* or d .*, one of the two"),
        ({"hurst": 0.7, "ar": [0.2]}, "ar and ma belong to ARFIMA: give d = hurst - 1/2"),
        ({"hurst": 0.7, "ma": [0.2]}, "ar and ma belong to ARFIMA"),
        ({"hurst": 0}, "hurst must lie between 0 and 1, both excluded; not 0"),
        ({"hurst": 1.0}, "hurst must lie between 0 and 1, both excluded; not 1"),
        ({"hurst": math.nan}, "hurst must be a number, not nan"),
        ({"hurst": True}, "hurst must be a number, not True"),
        ({"hurst": "0.7"}, "hurst must be a number, not '0.7'"),
        ({"d": 0.5}, "d must lie between -0.5 and 0.5, both excluded; not 0.5"),
        ({"d": -0.5}, "d must lie between -0.5 and 0.5"),
        ({"d": 0.1, "ar": [1.0]}, "ar is not stationary: its recursion has a root of modulus 1, not below 1"),
        ({"d": 0.1, "ar": [0.5, 0.6]}, "ar is not stationary: .* modulus 1.06"),
        ({"d": 0.1, "ar": [0.99999]}, "ar is too close to a unit root: its recursion has one of modulus 0.99999"),
        ({"d": 0.1, "ar": 0.5}, "ar must be a list of numbers, not 0.5"),
        ({"d": 0.1, "ar": [math.nan]}, "each of ar must be a number, not nan"),
        ({"d": 0.1, "ar": [True]}, "each of ar must be a number, not True"),
        ({"d": 0.1, "ma": "0.5"}, "ma must be a list of numbers, not '0.5'"),
        ({"d": 0.1, "ma": ["0.5"]}, "each of ma must be a number, not '0.5'"),
    ],
)
def test_refusals_with_their_words(arguments, words):
    with pytest.raises(InputError, match=words):
        FractionalNoise(**arguments)
