"""contributions(): its terms against loops, its sum against measure(), its marks against independence."""

import math
import re

import numpy as np
import pytest

import miscope as ms
import naive
from miscope.curve.contributions import contributions

RNG = np.random.default_rng(0)
DOCUMENTS = [RNG.integers(0, 4, int(n)) // RNG.integers(1, 3) for n in RNG.integers(20, 200, 24)]


def terms(counts):
    """Each pair's ``P ln(P / (P P))``."""
    left, right = naive.margins(counts)
    n = sum(counts.values())
    return {(a, b): c / n * math.log(c * n / (left[a] * right[b])) for (a, b), c in counts.items()}


@pytest.mark.parametrize("lag", [1, 7])
def test_terms_are_their_definition(lag):
    found = contributions(DOCUMENTS, lag, top=100, blocks=0)
    expected = terms(naive.pair_counts(DOCUMENTS, lag))
    shown = {(int(a), int(b)): value for a, b, value in zip(found.left, found.right, found.value, strict=True)}
    assert shown == pytest.approx(expected, abs=1e-12)
    assert np.all(np.diff(np.abs(found.value)) <= 0)
    curve = ms.measure(DOCUMENTS, [lag], estimator="plug_in", null="none", blocks=0)
    assert found.value.sum() == pytest.approx(curve.mi[0], abs=1e-12)
    assert found.total == pytest.approx(curve.mi[0], abs=1e-12)
    assert found.n_pairs == curve.n_pairs[0]
    assert np.isnan(found.stderr).all()


def test_bars_are_those_of_leaving_out_blocks():
    equal = [RNG.integers(0, 3, 100) for _ in range(8)]
    found = contributions(equal, 2, top=3, blocks=8)
    rest = [terms(naive.pair_counts(equal[:j] + equal[j + 1 :], 2)) for j in range(8)]
    for a, b, value, stderr in zip(found.left, found.right, found.value, found.stderr, strict=True):
        _, expected = naive.jackknife(value, [one[int(a), int(b)] for one in rest])
        assert stderr == pytest.approx(expected, rel=1e-9)


def test_what_documents_explain():
    """Documents of independent symbols, but different ones: all is composition."""
    corpus = ms.processes.Heterogeneous(0.5).sample(60, 400, seed=1)
    alone, inside = (contributions(corpus, 3, null=null) for null in ("global", "document"))
    assert alone.q_values.max() < 0.05
    assert inside.q_values.min() > 0.05
    assert abs(inside.total) < alone.total / 20
    short = [[0, 1, 0], [1, 1, 0, 0, 1]]
    means = naive.means_over_two_positions(np.concatenate(short), np.array([0, 3, 8]), 1)
    found = contributions(short, 1, null="document", blocks=0)
    for a, b, expected in zip(found.left, found.right, found.expected, strict=True):
        assert expected == pytest.approx(means[int(a), int(b)], abs=1e-12)


def test_independent_symbols_stand_out_as_often_as_they_may():
    wrong = 0
    for seed in range(20):
        codes = np.random.default_rng(seed).choice(6, 6000, p=[0.4, 0.2, 0.15, 0.1, 0.1, 0.05])
        wrong += bool((contributions(codes, 2, top=36).q_values <= 0.05).any())
    assert wrong <= 4


def test_a_planted_pair_is_first():
    codes = np.random.default_rng(1).integers(0, 20, 40_000)
    at = np.flatnonzero(codes[:-5] == 7)[::3]
    codes[at + 5] = 13
    found = contributions(ms.Sequences.from_arrays(codes, alphabet=[f"w{k}" for k in range(20)], label="words"), 5)
    assert found.symbols[0] == ("w7", "w13")
    assert found.value[0] > 3 * found.stderr[0] > 0
    assert found.z[0] > 10
    text = str(found)
    assert text.startswith("words: 400 kinds of pairs at lag 5 carry")
    assert re.search(r"w7 +w13 .*\*", text)
    table = found.to_table()
    assert table.num_rows == len(found) == 20
    assert table.column("left").to_pylist()[0] == "w7"


def test_rare_pairs_are_not_tested():
    found = contributions(np.arange(500) % 250, 1, top=3, blocks=0)
    assert np.isnan(found.q_values).all()
    assert any("too rare" in text for text in found.warnings)
    assert any("most of the sum is chance" in text for text in found.warnings)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lag": 0}, "lags start at 1"),
        ({"lag": 500}, "the longest has"),
        ({"lag": [1, 2]}, "contributions are of one lag"),
        ({"lag": 1, "top": 0}, "top must be a whole number of at least 1"),
        ({"lag": 1, "null": "documnet"}, "did you mean 'document'?"),
        ({"lag": 1, "blocks": 1}, "blocks must be at least 2"),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ms.InputError, match=re.escape(words)):
        contributions(DOCUMENTS, **options)
