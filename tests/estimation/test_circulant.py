"""Draws by circulant embedding against dense Toeplitz matrices."""

import numpy as np
import pytest
from scipy import linalg

from miscope.estimation.circulant import CircularGaussian, DenseGaussian, first_impossible, gaussian_source


class UnitVectors:
    """In place of a generator: each number is 1 in its turn and all others 0, so that draws are columns of a matrix."""

    def standard_normal(self, size=None, out=None):
        out = np.empty(size) if out is None else out
        assert out.shape[0] == out.shape[1]
        out[:] = np.eye(len(out))
        return out


def covariance_of_draws(circle, n):
    # Draws are linear in the normal numbers: x = A z, so their covariance is A A^T, exactly.
    columns = circle.draw(UnitVectors(), 2 * len(circle._scale), n)
    return columns.T @ columns


def short(lags):
    return np.select([lags == 1, lags == 2], [0.65, 0.2], 0.0)


def smooth(lags):
    return np.exp(-np.asarray(lags) / 7.0)


@pytest.mark.parametrize("m", [1, 2, 3, 8, 15, 50])
def test_draws_have_exactly_the_correlation_of_the_half_circle(m):
    correlation = smooth(np.arange(m + 1))
    covariance = covariance_of_draws(CircularGaussian(correlation), m + 1)
    np.testing.assert_allclose(covariance, linalg.toeplitz(correlation), atol=1e-12)


def test_draws_may_be_shorter_than_the_circle():
    covariance = covariance_of_draws(CircularGaussian(smooth(np.arange(21))), 6)
    np.testing.assert_allclose(covariance, linalg.toeplitz(smooth(np.arange(6))), atol=1e-12)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 100, 1009])
def test_of_gives_a_circle_for_any_length(length):
    circle = CircularGaussian.of(smooth, length)
    draws = circle.draw(np.random.default_rng(0), 3, length)
    assert draws.shape == (3, length)
    assert draws.dtype == np.float64
    if length <= 100:
        covariance = covariance_of_draws(circle, length)
        np.testing.assert_allclose(covariance, linalg.toeplitz(smooth(np.arange(length))), atol=1e-12)


def test_lowest_is_the_smallest_eigenvalue_of_the_circle():
    row = np.array([1.0, 0.7, 0.2, 0.7])
    assert CircularGaussian(row[:3]).lowest == pytest.approx(linalg.eigvalsh(linalg.circulant(row)).min())
    assert CircularGaussian(row[:3]).lowest < 0


def test_a_circle_that_is_too_small_is_doubled():
    # 1 - 2 0.65 + 0.2 < 0 on four points, though 1 + 1.3 cos t + 0.4 cos 2t > 0 for all t
    assert CircularGaussian(np.array([1.0, 0.65, 0.2])).lowest < 0
    circle = CircularGaussian.of(short, 3)
    np.testing.assert_allclose(covariance_of_draws(circle, 3), linalg.toeplitz([1.0, 0.65, 0.2]), atol=1e-12)


def test_no_lag_from_longest_on_is_asked_for():
    asked = []

    def table(lags):
        asked.append(lags.max())
        return short(lags)

    assert CircularGaussian.of(table, 3, longest=3) is None
    assert max(asked) == 2


def test_none_where_no_sequence_has_the_correlation():
    assert CircularGaussian.of(lambda lags: np.where(lags == 1, 0.9, 0.0), 8) is None


def test_draws_of_many_points_are_gaussian_and_independent():
    # Would catch a spectrum whose real and imaginary parts share numbers, or draws that share them.
    draws = CircularGaussian.of(smooth, 4).draw(np.random.default_rng(1), 40_000, 4)
    assert np.abs(draws[:-1].T @ draws[1:] / len(draws)).max() < 5 / np.sqrt(len(draws))
    assert np.abs((draws**4).mean(axis=0) - 3).max() < 5 * np.sqrt(96 / len(draws))


def test_dense_draws_have_the_correlation():
    correlation = np.array([1.0, 0.7, 0.2])
    source = gaussian_source(lambda lags: correlation[lags], 3, longest=3)
    assert isinstance(source, DenseGaussian)
    for n in (1, 2, 3):
        columns = source.draw(UnitVectors(), 3, n)
        np.testing.assert_allclose(columns.T @ columns, linalg.toeplitz(correlation[:n]), atol=1e-15)


def test_a_source_is_a_circle_where_there_is_one_and_none_where_nothing_can_be():
    assert isinstance(gaussian_source(smooth, 100), CircularGaussian)
    assert gaussian_source(lambda lags: np.where(lags == 1, 0.9, 0.0), 8) is None


def first_singular(correlation):
    for lag in range(1, len(correlation)):
        if np.linalg.eigvalsh(linalg.toeplitz(correlation[: lag + 1])).min() <= 0:
            return lag
    return None


@pytest.mark.parametrize("seed", range(40))
def test_first_impossible_is_where_the_toeplitz_matrix_ceases_to_be_positive(seed):
    rng = np.random.default_rng(seed)
    correlation = np.concatenate([[1.0], rng.uniform(-0.7, 0.7, 25) * rng.uniform(0.2, 1.0) ** np.arange(25)])
    assert first_impossible(correlation) == first_singular(correlation)


def test_first_impossible_finds_late_lags_and_none():
    possible = smooth(np.arange(30))
    assert first_impossible(possible) is None
    late = possible.copy()
    late[29] = -0.5
    assert first_impossible(late) == first_singular(late) == 29


@pytest.mark.parametrize(
    ("correlation", "lag"), [([1.0], None), ([1.0, 0.999], None), ([1.0, 1.0], 1), ([1.0, -1.0], 1), ([1.0, np.nan], 1)]
)
def test_first_impossible_at_the_edges(correlation, lag):
    assert first_impossible(np.array(correlation)) == lag
