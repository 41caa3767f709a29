"""Curves of pair counts that were kept are those of the data themselves."""

import numpy as np
import pytest

import miscope as ms
from miscope.counting.doors import count_pairs
from miscope.counting.pairs import PairCounts
from miscope.errors import InputError
from miscope.sequences import Sequences

LAGS = [1, 2, 5, 10]


@pytest.fixture(scope="module")
def corpus():
    chain = ms.processes.MarkovChain(0.7 * np.eye(5) + 0.06)
    return chain.sample(40, 300, seed=7)


@pytest.mark.parametrize("method", ["dense", "sparse"])
@pytest.mark.parametrize("estimator", ["miller_madow", "grassberger", "plug_in", "shrinkage", "bracket"])
def test_the_curve_of_counts_is_that_of_the_data(corpus, estimator, method, tmp_path):
    count_pairs(corpus, LAGS, 8, method).save(tmp_path / "counts.arrow")
    kept = PairCounts.load(tmp_path / "counts.arrow")
    found, expected = ms.measure(kept, estimator=estimator), ms.measure(corpus, LAGS, blocks=8, estimator=estimator)
    for name in ("lags", "mi", "stderr", "null", "excess_stderr", "p_values", "replicates", "n_pairs"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert found.warnings == expected.warnings
    assert found.label == expected.label
    about = found.provenance
    assert (about["n_documents"], about["n_symbols"], about["n_symbols_seen"]) == (40, 12_000, 5)


def test_some_lags_and_no_bars(corpus):
    kept = count_pairs(corpus, LAGS, 8)
    found = ms.measure(kept, lags=[2, 10], blocks=0)
    expected = ms.measure(corpus, lags=[2, 10], blocks=0)
    np.testing.assert_array_equal(found.mi, expected.mi)
    assert np.isnan(found.stderr).all()


@pytest.mark.parametrize("quantity", ["rational", "correlation"])
def test_other_quantities(corpus, quantity):
    kept = count_pairs(corpus, LAGS, 8)
    found = ms.measure(kept, quantity=quantity, null="none")
    expected = ms.measure(corpus, LAGS, blocks=8, quantity=quantity, null="none")
    np.testing.assert_array_equal(found.mi, expected.mi)
    np.testing.assert_array_equal(found.stderr, expected.stderr)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"null": "document"}, "needs the symbols in their order.*take null='none' or 'global', or measure the data"),
        ({"null": "rotate"}, "the null 'rotate' of mutual information needs"),
        ({"null": lambda s, g: s}, "the null 'of your own'"),
        ({"quantity": "rational"}, "take null='none', or measure"),
        ({"lags": [1, 3]}, "lag 3 was not counted: the counts are at 4 lags from 1 to 10"),
        ({"lags": [400]}, "no document is long enough for lag 400: the longest has 300 symbols"),
        ({"blocks": 5}, "these counts have 8 blocks, and cannot be cut into 5"),
        ({"n_quantiles": 4}, "n_quantiles is for real numbers; these are counts"),
    ],
)
def test_what_counts_cannot_answer(corpus, asked, words):
    with pytest.raises(InputError, match=words):
        ms.measure(count_pairs(corpus, LAGS, 8), **asked)


def test_long_memory_cannot_be_looked_for_in_counts():
    one = ms.processes.PowerLawBinary(0.1, 0.4).sample(1, 20_000, seed=1)
    assert any("cannot be looked for in counts" in text for text in ms.measure(count_pairs(one, [1, 2])).warnings)
    ignored = ms.measure(count_pairs(one, [1, 2]), long_memory="ignore")
    assert not any("cannot be looked for" in text for text in ignored.warnings)
    many = ms.processes.PowerLawBinary(0.1, 0.4).sample(64, 500, seed=1)
    assert not any("cannot be looked for" in text for text in ms.measure(count_pairs(many, [1, 2])).warnings)


def test_counts_of_parts_added_make_the_curve_of_all(corpus):
    halves = corpus.split(2)
    kept = count_pairs(halves[0], LAGS, 0) + count_pairs(halves[1], LAGS, 0)
    np.testing.assert_array_equal(ms.measure(kept).mi, ms.measure(corpus, LAGS, blocks=0).mi)


def test_counts_of_which_nothing_else_is_known():
    plain = Sequences.from_arrays([0, 1, 0, 1, 1, 0, 0, 1] * 20)
    kept = count_pairs(plain, [1, 2], 0)
    bare = PairCounts(kept.lags, 0, 2, kept.offsets, kept.keys, kept.counts)
    np.testing.assert_array_equal(ms.measure(bare).mi, ms.measure(plain, [1, 2], blocks=0).mi)
