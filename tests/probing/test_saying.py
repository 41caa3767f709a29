"""What uniformity() says in words and tables."""

import dataclasses
import re

import pytest

import miscope as ms
from miscope.probing.saying import told_apart
from miscope.probing.uniformity import uniformity
from miscope.processes import Heterogeneous

COINS = Heterogeneous(compositions=[[0.5, 0.5]])
NAMES = ["train", "valid", "test"]


def test_the_clearest_part_and_the_largest_difference_are_told_apart():
    kinds = (COINS, COINS, Heterogeneous(compositions=[[0.4, 0.6]]))
    parts = {name: kind.sample(30, 500, seed=6 + k) for k, (name, kind) in enumerate(zip(NAMES, kinds, strict=True))}
    found = uniformity(parts, [1, 2], n_permutations=199)
    sure = found.part_p.copy()
    sure[0] = [0.005, 0.5, 0.5]
    other = dataclasses.replace(found, part_p=sure)
    most = f"train differs most clearly from the rest (smallest p; p = {found.p_composition:.3f}"
    assert most.rstrip("0") in other.summary
    assert re.search(r"\(test in more, 1?\d.* %, but less clearly\)", other.summary)
    assert "less clearly" not in found.summary
    assert "p here and below is of one question; that of the summary is corrected for asking three" in str(found)


@pytest.mark.parametrize(("share", "other"), [(0.1462, 0.1518), (0.15, 0.15004), (0.997, 0.9971), (1e-5, 2e-5)])
def test_shares_that_differ_are_never_shown_as_equal(share, other):
    first, second = told_apart(share, other).split(" against ")
    assert first != second
    assert float(first.removesuffix(" %")) == pytest.approx(100 * share, rel=0.05)
    assert float(second.removesuffix(" %")) == pytest.approx(100 * other, rel=0.05)


def test_a_table_that_leaves_out_lags_says_so():
    found = uniformity(COINS.sample(40, 100, seed=1), list(range(1, 21)), segments=2, n_permutations=99)
    assert "(12 of 20 lags are shown; to_table() has all)" in str(found)
    few = uniformity(COINS.sample(40, 100, seed=1), [1, 2], segments=2, n_permutations=99)
    assert "lags are shown" not in str(few)


def test_one_symbol_is_nothing_to_compare():
    same = ms.Sequences.from_arrays([[0] * 100] * 20)
    found = uniformity(same, [1, 2], segments=2, n_permutations=99)
    assert found.summary == "alike, but nothing to compare: segment 1 and segment 2 have only one symbol, '0'"
    assert found.alike
