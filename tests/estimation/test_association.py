"""Rational MI and correlation against their definitions, whole and with each block left out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
from miscope.counting.blocks import cut_blocks
from miscope.counting.doors import count_pairs
from miscope.estimation.association import correlation, rational_information
from miscope.sequences import Sequences

SETTINGS = settings(max_examples=60, deadline=None)
SIZE = 5
LAG = 2
DOCUMENTS = st.lists(st.lists(st.integers(0, SIZE - 1), max_size=25), min_size=1, max_size=4).filter(
    lambda documents: max(map(len, documents)) > 4
)
BLOCKS = st.sampled_from([0, 2, 4])


def counted(documents, blocks, lag=LAG, size=SIZE):
    """Cells from the package, and by hand: tables whole and with each block left out."""
    arrays = [np.array(document, np.uint16) for document in documents]
    sequences = Sequences.from_arrays(arrays, alphabet_size=size)
    bounds = cut_blocks(sequences, blocks).bounds
    parts = naive.block_pair_counts(sequences.codes, sequences.offsets, bounds, lag)
    cells = count_pairs(sequences, [lag], blocks).cells(0)
    return cells, naive.left_out(parts) if blocks else [naive.total(parts)]


def check(found, tables, by_hand, tolerance=1e-12):
    """Compare what there is to compare: a table that leaving a block out has emptied has no value."""
    assert found.shape == (len(tables),)
    for value, table in zip(found, tables, strict=True):
        if table:
            assert value == pytest.approx(by_hand(table), abs=tolerance)
        else:
            assert np.isnan(value)


@SETTINGS
@given(DOCUMENTS, BLOCKS)
def test_rational_information_is_its_definition(documents, blocks):
    cells, tables = counted(documents, blocks)
    check(rational_information(cells, SIZE, blocks), tables, naive.rational_mi)


@SETTINGS
@given(DOCUMENTS, BLOCKS)
def test_rational_information_is_at_least_the_plug_in_mi(documents, blocks):
    cells, tables = counted(documents, blocks)
    for value, table in zip(rational_information(cells, SIZE, blocks), tables, strict=True):
        if table:
            assert value >= naive.table_mi(table) - 1e-12


@SETTINGS
@given(DOCUMENTS, BLOCKS, st.lists(st.floats(-10, 10), min_size=SIZE, max_size=SIZE))
def test_correlation_with_values_is_the_covariance(documents, blocks, values):
    cells, tables = counted(documents, blocks)
    found = correlation(cells, SIZE, blocks, np.array(values))
    check(found, tables, lambda table: naive.covariance(table, values), 1e-10)


@SETTINGS
@given(DOCUMENTS, BLOCKS)
def test_correlation_of_plain_symbols_is_the_operator_norm(documents, blocks):
    cells, tables = counted(documents, blocks)
    check(correlation(cells, SIZE, blocks), tables, lambda table: naive.operator_norm(table, SIZE))


@pytest.mark.parametrize("size", [255, 256, 257, 400])
@pytest.mark.parametrize("noise", [0.5, 1.0])
def test_the_operator_norm_of_many_symbols(size, noise):
    # On either side of the size from which the singular value is found by iteration.
    generator = np.random.default_rng(size)
    n = 8000
    codes = np.concatenate([np.arange(size), generator.integers(0, size, n - size)])
    again = generator.random(n) > noise
    again[:LAG] = False
    codes[again] = codes[np.flatnonzero(again) - LAG]
    cells, tables = counted([codes], 2, size=size)
    check(correlation(cells, size, 2), tables, lambda table: naive.operator_norm(table, size), 1e-9)


def test_the_operator_norm_of_many_symbols_is_the_same_each_time():
    codes = np.random.default_rng(1).integers(0, 500, 9000)
    cells, _ = counted([codes], 0, size=500)
    assert correlation(cells, 500, 0) == correlation(cells, 500, 0)


def test_a_block_with_all_pairs_leaves_nothing():
    """At a lag beyond all but the first block, leaving that one out leaves no table."""
    cells, tables = counted([[0, 1, 2, 0, 1, 2, 0, 1]], 4, lag=6, size=3)
    assert [sum(table.values()) for table in tables] == [2, 0, 2, 2, 2]
    for found in (
        rational_information(cells, 3, 4),
        correlation(cells, 3, 4),
        correlation(cells, 3, 4, np.arange(3.0)),
    ):
        assert np.isnan(found).tolist() == [False, True, False, False, False]


@pytest.mark.parametrize("correlated", [0.01, 0.05])
def test_rational_information_is_twice_the_mutual_information_where_that_is_small(correlated):
    # A binary table with correlation c: I_R = c^2, I = c^2 / 2 + c^4 / 12 + ...
    n = 10_000
    same, other = round(n * (1 + correlated) / 4), round(n * (1 - correlated) / 4)
    table = {(0, 0): same, (1, 1): same, (0, 1): other, (1, 0): other}
    assert naive.rational_mi(table) == pytest.approx(correlated**2, rel=1e-9)
    assert naive.rational_mi(table) == pytest.approx(2 * naive.table_mi(table), rel=correlated**2)


def test_independent_symbols_have_none():
    # Every pair exactly once: a cycle of De Bruijn.
    cells, _ = counted([[0, 0, 1, 1, 0]], 0, lag=1, size=2)
    assert rational_information(cells, 2, 0)[0] == pytest.approx(0, abs=1e-15)
    assert correlation(cells, 2, 0)[0] == pytest.approx(0, abs=1e-15)
    assert correlation(cells, 2, 0, np.array([-1.0, 1.0]))[0] == pytest.approx(0, abs=1e-15)


def test_signs_have_the_sign_of_their_covariance():
    cells, _ = counted([[0, 1] * 20], 0, lag=1, size=2)
    assert correlation(cells, 2, 0, np.array([-1.0, 1.0]))[0] == pytest.approx(-1, abs=0.01)
    assert correlation(cells, 2, 0)[0] == pytest.approx(0.5, abs=0.01)
