"""The delete-block jackknife against its formula, against theory for unequal blocks, and its company."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import naive
from miscope.estimation.jackknife import false_discovery, jackknife, one_sided_p

VALUES = st.floats(-100, 100, allow_subnormal=False)


def column(values):
    return np.array(values, dtype=float)[:, None]


@given(VALUES, st.lists(VALUES, min_size=2, max_size=12), st.integers(1, 10**9))
def test_equal_blocks_give_the_textbook_formula(whole, estimates, size):
    corrected, stderr = naive.jackknife(whole, estimates)
    found = jackknife(np.array([whole]), column(estimates), np.full((len(estimates), 1), size))
    assert found.stderr[0] == pytest.approx(stderr, abs=1e-8, rel=1e-8)
    assert found.corrected[0] == pytest.approx(corrected, abs=1e-8, rel=1e-8)
    assert found.degrees[0] == pytest.approx(len(estimates) - 1)


SIZES = st.lists(st.integers(1, 50), min_size=2, max_size=10)


@given(SIZES, st.data())
def test_the_mean_with_unequal_blocks(sizes, data):
    """For a mean the pseudo-values are the block means: the known weighted formula."""
    means = np.array(data.draw(st.lists(VALUES, min_size=len(sizes), max_size=len(sizes))))
    sizes, n = np.array(sizes, dtype=float), sum(sizes)
    whole = sizes @ means / n
    left_out = (n * whole - sizes * means) / (n - sizes)
    found = jackknife(np.array([whole]), column(left_out), column(sizes))
    variance = np.mean(sizes / (n - sizes) * (means - whole) ** 2)
    assert found.corrected[0] == pytest.approx(whole, abs=1e-8)
    assert found.stderr[0] == pytest.approx(np.sqrt(variance), abs=1e-8, rel=1e-8)
    assert found.degrees[0] == pytest.approx(n**2 / np.sum(sizes**2) - 1, abs=1e-9)


@pytest.mark.parametrize("sizes", [[10] * 8, [1, 2, 3, 5, 8, 13, 21], [100, 3, 3, 3]], ids=str)
def test_the_variance_of_a_mean_is_unbiased_for_blocks_of_any_sizes(sizes):
    sizes = np.array(sizes)
    n, n_trials = sizes.sum(), 20_000
    # Means of blocks of independent standard normals; every trial is a lag.
    means = np.random.default_rng(1).standard_normal((len(sizes), n_trials)) / np.sqrt(sizes)[:, None]
    whole = sizes @ means / n
    left_out = (n * whole - sizes[:, None] * means) / (n - sizes)[:, None]
    found = jackknife(whole, left_out, np.broadcast_to(sizes[:, None], means.shape))
    variances = found.stderr**2
    error = variances.std() / np.sqrt(n_trials)
    assert variances.mean() == pytest.approx(1 / n, abs=4 * error)


@pytest.mark.parametrize("sizes", [[12] * 6, [5, 10, 20, 30, 7]], ids=str)
def test_a_bias_of_order_one_over_n_is_taken_away(sizes):
    """An estimate that is off by exactly c / n comes out right, whatever the blocks."""
    sizes = np.array(sizes, dtype=float)
    truth, c, n = 0.7, 3.0, sizes.sum()
    found = jackknife(np.array([truth + c / n]), column(truth + c / (n - sizes)), column(sizes))
    assert found.corrected[0] == pytest.approx(truth, abs=1e-12)


def test_the_bias_of_a_plug_in_variance_is_taken_away():
    # Jackknifing the variance with 1/n gives the one with 1/(n - 1): exact, a classic.
    x = np.random.default_rng(2).standard_normal(17)
    left_out = [np.var(np.delete(x, k)) for k in range(17)]
    found = jackknife(np.array([np.var(x)]), column(left_out), np.ones((17, 1)))
    assert found.corrected[0] == pytest.approx(np.var(x, ddof=1), rel=1e-12)


@pytest.mark.parametrize("rubbish", [np.nan, 1e9, np.inf])
def test_blocks_without_pairs_do_not_count(rubbish):
    generator = np.random.default_rng(3)
    sizes, left_out = generator.integers(1, 9, 6), generator.standard_normal(6)
    whole = np.array([0.2])
    held = jackknife(whole, column(left_out), column(sizes))
    with_empty = jackknife(
        whole, column(np.insert(left_out, [0, 3, 6], rubbish)), column(np.insert(sizes, [0, 3, 6], 0))
    )
    for name in ("stderr", "corrected", "degrees", "covariance"):
        np.testing.assert_allclose(getattr(with_empty, name), getattr(held, name), rtol=1e-12)
    assert (with_empty.deviations[[0, 4, 8]] == 0).all()


@pytest.mark.parametrize("sizes", [[0, 0, 0], [0, 5, 0], []], ids=str)
def test_fewer_than_two_blocks_have_no_bar(sizes):
    left_out = np.full((len(sizes), 1), np.nan)
    found = jackknife(np.array([0.5]), left_out, np.array(sizes, dtype=int).reshape(-1, 1))
    assert np.isnan(found.stderr[0])
    assert np.isnan(found.corrected[0])
    assert np.isnan(found.degrees[0])
    assert found.deviations.shape == (len(sizes), 1)


def test_a_lag_without_a_bar_leaves_the_others_theirs():
    left_out = np.array([[1.0, np.nan, 4.0], [2.0, 1.0, 5.0], [4.0, 1.0, 9.0]])
    pairs = np.array([[5, 7, 5], [5, 0, 5], [5, 0, 4]])
    found = jackknife(np.array([2.0, 1.0, 6.0]), left_out, pairs)
    assert np.isnan(found.stderr).tolist() == [False, True, False]
    alone = jackknife(np.array([2.0]), left_out[:, :1], pairs[:, :1])
    assert found.stderr[0] == alone.stderr[0]
    assert np.isfinite(found.covariance).all()


def test_covariance_is_between_lags():
    generator = np.random.default_rng(4)
    left_out, sizes = generator.standard_normal((9, 4)), generator.integers(1, 20, (9, 4))
    found = jackknife(generator.standard_normal(4), left_out, sizes)
    np.testing.assert_allclose(found.covariance, found.covariance.T)
    np.testing.assert_allclose(np.diag(found.covariance), found.stderr**2, rtol=1e-12)
    assert np.linalg.eigvalsh(found.covariance).min() > -1e-12
    same = jackknife(np.zeros(2), left_out[:, [0, 0]] * [1, -2], sizes[:, [0, 0]])
    np.testing.assert_allclose(same.covariance[0], same.covariance[0, 0] * np.array([1, -2]))


def test_covariance_of_equal_blocks_is_the_covariance_of_the_estimates():
    left_out = np.random.default_rng(5).standard_normal((12, 3))
    whole = left_out.mean(axis=0)
    found = jackknife(whole, left_out, np.full((12, 3), 7))
    np.testing.assert_allclose(found.covariance, np.cov(left_out.T, bias=True) * 11, rtol=1e-12)


def test_intervals_of_a_mean_cover_what_they_claim():
    generator = np.random.default_rng(6)
    blocks, n_trials = 8, 4000
    x = generator.standard_normal((blocks, 5, n_trials)).mean(axis=1)
    left_out = (x.sum(axis=0) - x) / (blocks - 1)
    found = jackknife(x.mean(axis=0), left_out, np.full(x.shape, 5))
    covered = np.abs(x.mean(axis=0)) < stats.t.ppf(0.975, found.degrees) * found.stderr
    assert covered.mean() == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / n_trials))


# --- p-values ---


@given(VALUES, st.floats(0.001, 100), st.floats(1, 1000))
def test_one_sided_p_is_the_tail_of_students_t(excess, stderr, degrees):
    found = one_sided_p(np.array([excess]), np.array([stderr]), np.array([degrees]))
    assert found[0] == pytest.approx(stats.t.sf(excess / stderr, degrees), rel=1e-6, abs=1e-14)


def test_one_sided_p_at_the_edges():
    excess = np.array([1.0, -1.0, 0.0, 1.0, np.nan, 1.0, 2.0])
    stderr = np.array([0.0, 0.0, 0.0, np.nan, 1.0, np.nan, 1.0])
    degrees = np.array([5.0, 5.0, 5.0, 5.0, 5.0, np.nan, 0.2])
    found = one_sided_p(excess, stderr, degrees)
    assert found[:3].tolist() == [0.0, 1.0, 1.0]
    assert np.isnan(found[3:6]).all()
    assert found[6] == pytest.approx(stats.t.sf(2.0, 1.0))  # fewer than one degree is taken for one


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_false_discovery_is_benjamini_and_hochbergs(p_values):
    np.testing.assert_allclose(
        false_discovery(np.array(p_values)), stats.false_discovery_control(p_values), rtol=1e-12, atol=1e-300
    )


@given(st.lists(st.floats(0, 1) | st.just(np.nan), max_size=30))
def test_false_discovery_leaves_unknown_p_values_out_of_the_family(p_values):
    p_values = np.array(p_values, dtype=float)
    adjusted = false_discovery(p_values)
    known = ~np.isnan(p_values)
    np.testing.assert_array_equal(np.isnan(adjusted), ~known)
    np.testing.assert_array_equal(adjusted[known], false_discovery(p_values[known]))
    assert (adjusted[known] >= p_values[known] * (1 - 1e-12)).all()
    assert (adjusted[known] <= 1).all()


def test_false_discovery_of_nothing():
    assert false_discovery(np.zeros(0)).shape == (0,)
    assert np.isnan(false_discovery(np.array([np.nan]))).all()
