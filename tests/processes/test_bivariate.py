"""The cut bivariate normal law against other programs, and its inverses."""

import itertools
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy import integrate, stats

from miscope.processes.bivariate import Cuts, _inverse_of_f

LAWS = {
    "fair pair": [0.5, 0.5],
    "unfair pair": [0.9, 0.1],
    "three": [0.2, 0.5, 0.3],
    "four": [0.25] * 4,
    "rare": [1e-6, 0.5, 0.5 - 1e-6],
    "twenty": [0.05] * 20,
}


def f_of(c):
    """((1+c) ln(1+c) + (1-c) ln(1-c)) / 2 with four hundred digits."""
    with localcontext(prec=400):
        c = Decimal(float(c))
        return ((1 + c) * (1 + c).ln() + (1 - c) * (1 - c).ln()) / 2


def table_of(probabilities, correlation):
    """P(a, b) from scipy's distribution function."""
    edges = stats.norm.ppf(np.cumsum(probabilities)[:-1])
    grid = np.concatenate([[-40.0], edges, [40.0]])
    points = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1)
    below = stats.multivariate_normal.cdf(points, cov=[[1, correlation], [correlation, 1]])
    return np.diff(np.diff(below, axis=0), axis=1)


def plain_information(table):
    product = np.outer(table.sum(axis=1), table.sum(axis=0))
    seen = table > 1e-300
    return np.sum(table[seen] * np.log(table[seen] / product[seen]))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("correlation", [-0.999, -0.6, 0.0, 1e-3, 0.3, 0.95, 0.9999])
def test_table_is_that_of_the_cut_normal_law(law, correlation):
    table = Cuts(np.array(LAWS[law])).joint(correlation).table
    np.testing.assert_allclose(table, table_of(LAWS[law], correlation), atol=1e-13)


@pytest.mark.parametrize("correlation", [-0.999997, 0.999997])
def test_excess_close_to_one_keeps_its_digits(correlation):
    # A quadrature written with h k / (1 + sin t) for both signs loses ten of them at -1.
    cuts = Cuts(np.full(4, 0.25))
    h = cuts.edges[2]
    spread = math.sqrt(1 - correlation**2)
    given = lambda x: stats.norm.pdf(x) * stats.norm.cdf((h - correlation * x) / spread)  # noqa: E731
    near = sorted({h - 10 * spread, h, h + 10 * spread, -h - 10 * spread, -h, -h + 10 * spread})
    breaks = [-12.0, *(x for x in near if x < h), h]
    below = sum(integrate.quad(given, a, b, epsabs=1e-15)[0] for a, b in itertools.pairwise(breaks))
    assert cuts.excess(correlation)[2, 2] + 0.75**2 == pytest.approx(below, abs=3e-14)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("correlation", [1e-12, -1e-12, 1e-60])
def test_excess_of_tiny_correlations_keeps_its_digits(law, correlation):
    # To first order in r it is r phi(h) phi(k); a difference of distribution functions would be 0 or noise.
    cuts = Cuts(np.array(LAWS[law]))
    density = stats.norm.pdf(stats.norm.ppf(np.cumsum(LAWS[law])[:-1]))
    np.testing.assert_allclose(cuts.excess(correlation), correlation * np.outer(density, density), rtol=1e-9)


@pytest.mark.parametrize("law", LAWS)
def test_code_correlation_is_pearsons(law):
    cuts = Cuts(np.array(LAWS[law]))
    codes = np.arange(len(LAWS[law]))
    table = table_of(LAWS[law], 0.4)
    mean = table.sum(axis=1) @ codes
    variance = table.sum(axis=1) @ codes**2 - mean**2
    assert cuts.code_correlation(0.4) == pytest.approx((codes @ table @ codes - mean**2) / variance, abs=1e-9)


@pytest.mark.parametrize("law", LAWS)
def test_correlations_for_information_give_it(law):
    cuts = Cuts(np.array(LAWS[law]))
    wanted = cuts.most_information * np.array([0.0, 1e-25, 1e-9, 1e-4, 0.01, 0.2, 0.6])
    found = cuts.for_information(wanted)
    np.testing.assert_allclose([cuts.information(r) for r in found], wanted, rtol=1e-6)
    for r, information in zip(found[4:], wanted[4:], strict=True):
        assert plain_information(table_of(LAWS[law], r)) == pytest.approx(information, rel=1e-6, abs=0)


@pytest.mark.parametrize("n_symbols", [65, 100])
def test_large_alphabets_are_inverted_too(n_symbols):
    cuts = Cuts(np.full(n_symbols, 1 / n_symbols))
    wanted = np.array([1e-20, 1e-6, 0.05, 1.0])
    np.testing.assert_allclose([cuts.information(r) for r in cuts.for_information(wanted)], wanted, rtol=1e-6)
    assert 2.5 < cuts.most_information < cuts.entropy == pytest.approx(math.log(n_symbols))


@pytest.mark.parametrize("law", LAWS)
def test_correlations_for_correlation_of_codes_give_it(law):
    cuts = Cuts(np.array(LAWS[law]))
    least, most = cuts.code_correlations
    assert -1 <= least < 0 < most <= 1
    wanted = np.concatenate([least * np.array([0.999, 0.5, 1e-9]), [0.0], most * np.array([1e-9, 0.5, 0.999])])
    found = cuts.for_code_correlation(wanted)
    np.testing.assert_allclose([cuts.code_correlation(r) for r in found], wanted, rtol=1e-6)
    assert (np.diff(found) > 0).all()


def test_unfair_symbols_cannot_exclude_each_other_more_than_altogether():
    # Two symbols of 0.1 never meet at best: the correlation is then -0.1 / 0.9.
    cuts = Cuts(np.array([0.9, 0.1]))
    assert cuts.code_correlations[0] == pytest.approx(-1 / 9, rel=1e-6, abs=0)
    assert np.isnan(cuts.for_code_correlation(np.array([-0.2, 1.0, np.nan]))).all()
    assert np.isfinite(cuts.for_code_correlation(np.array([-0.11, 0.99]))).all()


@pytest.mark.parametrize("law", LAWS)
def test_nothing_gives_more_than_the_most(law):
    cuts = Cuts(np.array(LAWS[law]))
    most = cuts.most_information
    assert most <= cuts.entropy + 1e-15
    assert np.isnan(cuts.for_information(np.array([most * (1 + 1e-9), np.nan, np.inf]))).all()


@pytest.mark.parametrize("c", [1e-150, 1e-12, 1e-4, 0.9e-3, 1.1e-3, 0.1, 0.5, 0.9, 0.999, 1 - 1e-9])
def test_inverse_of_f_against_many_digits(c):
    # 1 - c to 1e-6 of itself near 1, c to 1e-13 of itself elsewhere
    found = _inverse_of_f(np.array([float(f_of(c))]))[0]
    assert found == pytest.approx(c, rel=1e-13, abs=0)
    assert 1 - found == pytest.approx(1 - c, rel=1e-6, abs=0)


def test_inverse_of_f_at_the_edges():
    ln2 = math.log(2)
    found = _inverse_of_f(np.array([0.0, 5e-324, np.nextafter(ln2, 0), ln2, 0.7, -0.1, np.nan, np.inf]))
    assert found[0] == 0
    assert 0 < found[1] < 1e-160
    assert found[2] == pytest.approx(1)
    assert np.isnan(found[3:]).all()


def test_codes_count_the_edges_at_or_below_a_number():
    cuts = Cuts(np.full(4, 0.25))
    numbers = np.array([[-9.0, cuts.edges[0], 0.1, 9.0], [-0.1, 0.0, np.nextafter(cuts.edges[2], -9), cuts.edges[2]]])
    out = np.empty((2, 4), np.uint8)
    cuts.codes(numbers, out)
    assert out.tolist() == [[0, 1, 2, 3], [1, 2, 2, 3]]
    pair = np.full((1, 3), 7, np.uint8)
    Cuts(np.array([0.5, 0.5])).codes(np.array([[-1e-9, 0.0, 3.0]]), pair)
    assert pair.tolist() == [[0, 1, 1]]
