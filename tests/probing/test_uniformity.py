"""uniformity(): against slow references, exact processes, and corpora with a known fault."""

import itertools
import json
import math
import re
import sys

import numpy as np
import pytest

import miscope as ms
from miscope.probing.effects import _most_apart, distances
from miscope.probing.permutation import (
    Features,
    Statistic,
    answers,
    any_of,
    composition_of,
    family,
    labels,
    merged,
    neighbours_alike,
    pair_features,
)
from miscope.probing.splits import as_parts, cut_units
from miscope.probing.uniformity import uniformity
from miscope.processes import Heterogeneous, IsingChain, MarkovChain

door = sys.modules["miscope.probing.uniformity"]  # the room has a function of that name
COINS = Heterogeneous(compositions=[[0.5, 0.5]])
NAMES = ["train", "valid", "test"]


def sticky(law, stay):
    """A chain that keeps its symbol with probability `stay`, and draws a new one from `law` otherwise."""
    law = np.array(law, float)
    return MarkovChain(stay * np.eye(len(law)) + (1 - stay) * law)


def three(one, other, seed, n=30, length=500):
    """Two parts of one process and a third of another."""
    return [kind.sample(n, length, seed=3 * seed + k) for k, kind in enumerate((one, one, other))]


def units_of(parts, blocks=32, times=1):
    return cut_units(*as_parts(parts, None, 8)[:2], blocks, as_parts(parts, None, 8)[2], times)


def p_values(parts, lags=(1, 2, 4, 8), n=99, seed=0):
    """Of composition, strength and pattern, and of any: without curves and fits, which take longer."""
    units, composition, _ = door.exchangeable(*as_parts(parts, NAMES[: len(parts)], 8), 32, seed)
    found = answers(units, composition, np.array(lags), n, seed)
    return [*np.nan_to_num(found.each, nan=1.0), found.overall]


# The statistics against their definitions


def slow_scatter(vectors, weights, part, n_parts):
    """Scatter of the parts' means about the mean of all, by loops."""
    mean = sum(w * x for w, x in zip(weights, vectors, strict=True)) / sum(weights)
    total = 0.0
    for k in range(n_parts):
        mine = [u for u in range(len(part)) if part[u] == k]
        held = sum(weights[u] for u in mine)
        centre = sum(weights[u] * vectors[u] for u in mine) / held
        total += held * float(np.sum((centre - mean) ** 2))
    return total


def slow_squares(vectors, weights, part, n_parts):
    """Scatter of the squares of the parts' means, each from products of different units, by loops."""
    squares, helds = [], []
    for k in range(n_parts):
        mine = [u for u in range(len(part)) if part[u] == k]
        pairs = [(u, v) for u in mine for v in mine if u != v]
        above = sum(weights[u] * weights[v] * float(vectors[u] @ vectors[v]) for u, v in pairs)
        squares.append(above / sum(weights[u] * weights[v] for u, v in pairs))
        helds.append(sum(weights[u] for u in mine))
    mean = sum(h * s for h, s in zip(helds, squares, strict=True)) / sum(helds)
    return sum(h * (s - mean) ** 2 for h, s in zip(helds, squares, strict=True))


@pytest.mark.parametrize("squared", [False, True])
def test_statistics_are_their_definitions(squared):
    generator = np.random.default_rng(0)
    vectors, weights = generator.standard_normal((14, 3)) + 0.5, generator.integers(1, 9, 14).astype(float)
    part = np.array([0] * 5 + [1] * 4 + [2] * 5)
    slow = slow_squares if squared else slow_scatter

    def features(kept):
        x, w = vectors[kept], weights[kept]
        x = x if squared else x - w @ x / w.sum()
        return Features((x * w[:, None]) @ (x * w[:, None]).T, w, squared)

    whole = features(np.arange(14))
    drawn = np.array([part, generator.permutation(part)])
    between, _ = whole.between(drawn, 3)
    expected = [slow(vectors, weights, row, 3) for row in drawn]
    np.testing.assert_allclose(between, expected, rtol=1e-9)
    value, without = whole.left_out(part, 3)
    assert value == pytest.approx(expected[0])
    for u in range(14):
        kept = np.arange(14) != u
        assert without[u] == pytest.approx(slow(vectors[kept], weights[kept], part[kept], 3), rel=1e-9)


def test_strength_is_the_correlation_of_each_unit():
    parts = three(IsingChain(0.6), IsingChain(0.9), 1, n=8, length=300)
    units = units_of(parts)
    strength, pattern = pair_features(units)(3)
    assert pattern is None
    scores = []
    for document in units.corpus:
        x = document.astype(float)
        scores.append(np.corrcoef(x[:-3], x[3:])[0, 1])
    deviations = (np.array(scores) - np.mean(scores)) * 297
    # Shares of a unit are shrunk by two symbols in 300, which is the small difference.
    np.testing.assert_allclose(np.sqrt(np.diag(strength.gram)), np.abs(deviations), atol=0.01 * 297)


def test_permutations_keep_parts_and_strata():
    parts = [ms.Sequences.from_arrays([np.zeros(n, int) for n in sizes]) for sizes in ([10, 200] * 9, [11, 210] * 7)]
    units = units_of(parts)
    assert len(np.unique(units.stratum)) > 1
    drawn = labels(units, 50, seed=1)
    assert np.array_equal(drawn[0], units.part)
    assert len(np.unique(drawn, axis=0)) > 40
    for stratum in np.unique(units.stratum):
        at = units.stratum == stratum
        counts = np.sort(drawn[:, at], axis=1)
        assert np.all(counts == counts[0])


def test_p_values_are_shares_of_permutations():
    """By loops: the largest height of all tests, parts and the whole; the smallest p-value of all families."""
    generator = np.random.default_rng(4)
    sets = [
        [Statistic(generator.standard_normal(40), generator.standard_normal((40, 3))) for _ in range(n)] for n in (1, 4)
    ]
    families = [family(tests) for tests in sets]
    ranks = []
    for tests, found in zip(sets, families, strict=True):
        rows = [[max(test.height[i], *test.part_height[i]) for test in tests] for i in range(40)]
        most = [max(row) for row in rows]
        for k, value in enumerate(rows[0]):
            assert found.each[k] == sum(each >= value for each in most) / 40
        for k in range(3):
            assert found.parts[k] == sum(each >= max(test.part_height[0][k] for test in tests) for each in most) / 40
        assert found.overall == min(found.each) <= min(found.parts)
        ranks.append([sum(each >= one for each in most) / 40 for one in most])
    least = [min(pair) for pair in zip(*ranks, strict=True)]
    each, overall = any_of(families)
    for k in range(2):
        assert each[k] == sum(value <= ranks[k][0] for value in least) / 40
    assert overall == min(each)


def test_neighbours():
    coins = COINS.sample(120, 200, seed=1)
    units = units_of(coins.split(2))
    assert neighbours_alike(composition_of(units).features, units.part, 0) > 0.01
    ordered = sorted(Heterogeneous(0.4).sample(120, 200, seed=1), key=lambda document: document.mean())
    units = units_of(ms.Sequences.from_arrays([ordered[k] for k in [*range(0, 120, 2), *range(1, 120, 2)]]).split(2))
    assert neighbours_alike(composition_of(units).features, units.part, 0) <= 0.01


# What it must find, and what it must not


@pytest.mark.parametrize(
    "process", [COINS, IsingChain(1.2), Heterogeneous(0.5), sticky([0.4, 0.3, 0.2, 0.1], 0.7)], ids=str
)
def test_uniform_corpora_are_called_uniform(process):
    """Each of 40 runs calls them different with probability 0.05: more than 6 would happen once in 100 tests."""
    found = [p_values(three(process, process, seed), seed=seed)[-1] for seed in range(40)]
    assert sum(p <= 0.05 for p in found) <= 6
    assert min(found) >= 1 / 100


def test_a_shift_in_composition_is_found_and_is_no_difference_in_dependence():
    found = np.array(
        [p_values(three(sticky([0.5, 0.5], 0.8), sticky([0.4, 0.6], 0.8), seed, n=60), seed=seed) for seed in range(8)]
    )
    assert np.all(found[:, 0] <= 0.05)
    assert np.sum(found[:, 1] <= 0.05) <= 3
    many = [np.arange(1.0, 13) / 78, np.arange(12.0, 0, -1) / 78]
    found = np.array([p_values(three(*(sticky(law, 0.6) for law in many), seed)) for seed in range(8)])
    assert np.all(found[:, 0] <= 0.05)
    assert np.sum(found[:, 1] <= 0.05) <= 3


def test_a_halved_correlation_length_is_found():
    half = math.atanh(math.tanh(1.2) ** 2)
    found = np.array([p_values(three(IsingChain(1.2), IsingChain(half), seed), seed=seed) for seed in range(8)])
    assert np.all(found[:, 1] <= 0.05)
    assert np.sum(found[:, 0] <= 0.05) <= 3


def test_another_pattern_of_the_same_strength_is_found():
    """Symbols that go round one way, and those that go round the other: the same information, other successors."""
    step = np.array([[0.4, 0.5, 0.1], [0.1, 0.4, 0.5], [0.5, 0.1, 0.4]])
    found = np.array([p_values(three(MarkovChain(step), MarkovChain(step.T), s, n=20, length=300)) for s in range(6)])
    assert np.all(found[:, 2] <= 0.05)
    assert np.sum(found[:, 1] <= 0.05) <= 2


def test_what_only_differing_documents_make():
    """METHODS: documents of independent symbols, P = (1 +- delta) / 2, have f(delta^2) and nothing sequential."""
    delta = 0.5
    corpus = Heterogeneous(delta).sample(240, 500, seed=5)
    found = uniformity(corpus.split(3), [1, 5, 20, 100], names=NAMES, n_permutations=199)
    assert found.alike
    c = delta**2
    exact = 0.5 * ((1 + c) * math.log(1 + c) + (1 - c) * math.log(1 - c))
    for curve in found.curves:
        low, high = curve.interval(0.999)
        assert np.all((low < exact) & (exact < high))
        assert np.all(np.abs(curve.excess) < 4 * curve.excess_stderr)
    composition = found.whole.split().composition
    np.testing.assert_allclose(composition, exact, atol=4 * found.whole.stderr.max())
    np.testing.assert_allclose(found.shares[-1], 1.0, atol=4 * np.nanmax(found.shares_stderr[-1]))
    assert "is only that documents differ in composition" in found.summary
    chain = uniformity(IsingChain(1.0).sample(90, 500, seed=1).split(3), [1, 2, 3], names=NAMES, n_permutations=199)
    assert np.all(chain.shares[-1] < 0.02)


def found_laws(text):
    """The line of the summary that speaks of laws."""
    return next(line for line in text.splitlines() if line.startswith("laws: "))


@pytest.fixture(scope="module")
def shorter():
    """The third of three parts has half the correlation length of the others."""
    half = math.atanh(math.tanh(1.5) ** 2)
    return uniformity(
        three(IsingChain(1.5), IsingChain(half), 7, n=40, length=1000),
        "1:40:12",
        names=NAMES,
        n_permutations=199,
        blocks=16,
    )


def test_how_much_correlation_lengths_differ(shorter):
    assert not shorter.alike
    assert shorter.p_dependence <= 0.05 < shorter.p_composition
    assert np.all(shorter.lag_p[:5] <= 0.05)
    rows = {(i, j): row for i, j, row in shorter.comparisons}
    assert rows[0, 2].different
    assert rows[0, 2].low < 2 < rows[0, 2].high
    assert not rows[0, 1].different
    exact = math.tanh(1.5) ** 6 / math.tanh(1.5) ** 3
    assert shorter.ratios[2, 2] < exact  # information goes as the square of correlation
    text = str(shorter)
    assert text.startswith("not alike: train, valid and test differ in strength of dependence (p = ")
    assert "most in test: at lag" in text
    assert "exchanged: documents (about 1,000 symbols each): 40 in each part" in text
    assert "% of dependence at lag" in text
    assert re.search(r"laws: differ \(p = .*\): correlation length of (train|valid) 5.*, of test 2", found_laws(text))
    assert re.search(r"exponential, correlation length 2\.\d+ \(", text)


def test_how_far_compositions_are_apart():
    found = uniformity(
        dict(zip(NAMES, three(COINS, Heterogeneous(compositions=[[0.44, 0.56]]), 2, n=60), strict=True)),
        [1, 2],
        n_permutations=199,
    )
    far = found.distances[2]
    assert far.low < 0.06 < far.high
    assert far.high - far.low < 0.03
    p, q = np.array([0.44, 0.56]), np.array([0.5, 0.5])
    middle = (p + q) / 2
    exact = 0.5 * float(p @ np.log(p / middle) + q @ np.log(q / middle))
    assert far.jensen_shannon == pytest.approx(exact, abs=4 * far.jensen_shannon_stderr)
    assert [each[0] for each in far.telling] in (["0", "1"], ["1", "0"])
    assert found.part_p[0, 2] == found.part_p[0].min()
    assert re.search(
        r"symbols: test differs most clearly from the rest \(smallest p; p = 0\.\d+\), in [5-7].*% \(", found.summary
    )
    np.testing.assert_allclose(found.unigrams.sum(axis=1), 1)


def distance_of(one, other, seed, n=40):
    units = units_of([process.sample(n, 300, seed=2 * seed + k) for k, process in enumerate((one, other))])
    return distances(units, composition_of(units), labels(units, 199, seed))[1]


def test_intervals_of_total_variation_cover():
    """Nothing; one symbol clearly; a hundred symbols, each by less than can be seen: 0.05 in all."""
    even = np.full(100, 0.01)
    alternating = even * np.where(np.arange(100) % 2, 1.1, 0.9)
    mixed = Heterogeneous(compositions=[[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    for one, other, truth in (
        (mixed, mixed, 0.0),
        (COINS, Heterogeneous(compositions=[[0.47, 0.53]]), 0.03),
        (sticky(even, 0), sticky(alternating, 0), 0.05),
    ):
        found = [distance_of(one, other, seed) for seed in range(12)]
        assert sum(each.low <= truth <= each.high for each in found) >= 10
        assert all(0 <= each.low <= each.high for each in found)


def test_the_largest_differences_behind_noise():
    """Differences of one size under normal noise of known size are given back."""
    draws = np.random.default_rng(0).standard_normal(400_000)
    for size in (0.2, 1.0, 3.0):
        assert _most_apart(float(np.abs(size + draws).mean()), 1.0) == pytest.approx(size, abs=0.05)
    assert _most_apart(0.5, 1.0) == 0
    assert _most_apart(0.5, 0.0) == 0.5


def test_errors_of_shares():
    """From the scatter between units: as leaving out units in turn, where they are equally large."""
    units = units_of([Heterogeneous(0.6).sample(30, 100, seed=k) for k in range(2)])
    found = composition_of(units)
    ones = [document.mean() for document in units.corpus][:30]
    assert found.errors[0, 1] == pytest.approx(np.std(ones, ddof=1) / math.sqrt(30))
    assert found.shares[0, 1] == pytest.approx(np.mean(ones))


# What may change places


def test_one_document_is_cut_into_pieces():
    text = np.random.default_rng(0).integers(0, 9, 200_000)
    parts = [ms.Sequences.from_arrays(text[:150_000]), ms.Sequences.from_arrays(text[150_000:])]
    units = units_of(parts)
    assert units.kind == "piece"
    assert np.bincount(units.part).tolist() == [96, 32]
    assert "pieces of about 1,562 neighbouring symbols" in units.words
    assert any("part 1 has only 1 document, so pieces" in text for text in units.warnings)


def test_segments_of_one_corpus():
    found = uniformity(COINS.sample(40, 100, seed=1), [1, 2], segments=4, n_permutations=99)
    assert found.names == ("segment 1", "segment 2", "segment 3", "segment 4")
    assert found.n_documents == (10, 10, 10, 10)
    one = uniformity(COINS.sample(1, 4000, seed=1), [1, 2], segments=2, n_permutations=99)
    assert one.n_symbols == (2000, 2000)
    assert np.isnan(one.shares[0]).all()


def test_documents_that_resemble_their_neighbours_are_put_together():
    """Texts of 5 documents about one thing: whole texts may change places, their documents may not."""
    texts = [Heterogeneous(compositions=[law]).sample(5, 100, seed=k) for k, law in enumerate(_wandering(80))]
    corpus = ms.Sequences.concatenate(texts)
    units, _, notes = door.exchangeable(*as_parts(corpus.split(4), None, 8), 32, 0)
    assert units.kind == "group"
    assert np.median(units.sizes) >= 400
    assert "more alike than distant ones" in notes[0]


def _wandering(n):
    p = np.random.default_rng(2).uniform(0.3, 0.7, n)
    return np.stack([p, 1 - p], axis=1)


def test_large_alphabets_are_merged():
    generator = np.random.default_rng(0)
    law = 1 / np.arange(1, 501)
    parts = [ms.Sequences.from_arrays(list(generator.choice(500, (20, 200), p=law / law.sum()))) for _ in range(2)]
    units, note = merged(units_of(parts))
    assert units.corpus.alphabet_size == 64
    assert "63 most frequent symbols" in note
    assert units.corpus.alphabet[-1] == "(others)"
    counts = np.bincount(units_of(parts).corpus.codes)
    np.testing.assert_array_equal(np.sort(units.corpus.histogram()[:63]), np.sort(counts)[-63:])
    found = uniformity(parts, [1, 3], n_permutations=99)
    assert found.alike
    assert any("what classes share is at most" in text for text in found.warnings)
    assert found.unigrams.shape[1] >= 400


# Results, arguments, errors


def test_results_are_told_and_written(shorter):
    about = json.loads(json.dumps(shorter.to_dict(), allow_nan=False))
    assert about["alike"] is False
    assert about["names"] == NAMES
    assert len(about["curves"]) == 4
    assert about["summary"] == shorter.summary
    table = shorter.to_table()
    assert table.num_rows == 3 * len(shorter.lags)
    assert table.column("part").to_pylist()[0] == "train"
    split = [table.column(name).to_numpy() for name in ("chance", "composition", "sequential", "mi")]
    np.testing.assert_allclose(sum(split[:3]), split[3])
    np.testing.assert_array_equal(split[2], table.column("excess").to_numpy())
    assert repr(shorter).startswith("Uniformity(not alike, p = 0.0")


def test_the_seed_decides_and_progress_ends():
    parts, seen = three(COINS, COINS, 1, n=10, length=100), []
    run = [uniformity(parts, [1, 2], n_permutations=99, seed=seed) for seed in (1, 1, 2)]
    assert run[0].p_value == run[1].p_value
    assert np.array_equal(run[0].lag_p, run[1].lag_p)
    assert not np.array_equal(run[0].lag_p, run[2].lag_p)
    uniformity(parts, [1, 2], n_permutations=99, progress=lambda *now: seen.append(now))
    assert seen[-1][0] == seen[-1][1]
    assert all(a < b for a, b in itertools.pairwise(done for done, _ in seen))


def test_constant_symbols_are_alike_and_share_nothing():
    same = [ms.Sequences.from_arrays([[0] * 50] * 10)] * 2
    found = uniformity(same, [1, 10], n_permutations=39, blocks=4)
    assert found.alike
    assert found.p_value == 1
    assert np.isnan(found.shares).all()
    assert (found.distances[0].total_variation, found.distances[0].high) == (0, 0)


def test_parts_of_different_alphabets():
    """Symbols that only one part has are differences in composition; half of all are shared."""
    parts = [ms.Sequences.from_arrays([list(word * 30)] * 10) for word in ("aabb", "aacc")]
    found = uniformity(parts, [1, 2], n_permutations=99, blocks=4)
    assert not found.alike
    assert found.symbols == ("a", "b", "c")
    assert found.unigrams.tolist() == [[0.5, 0.5, 0], [0.5, 0, 0.5]]
    assert found.distances[0].total_variation == pytest.approx(0.5)


def test_one_document_a_part():
    """Nothing is said of documents, what is exchanged is, and the odd part is found."""
    chain, other = IsingChain(0.8), IsingChain(0.3)
    parts = [kind.sample(1, 6000, seed=k) for k, kind in enumerate((chain, chain, other))]
    found = uniformity(parts, [1, 2], names=NAMES, n_permutations=199, blocks=16)
    assert found.p_dependence <= found.level
    assert found.part_p[1, 2] == found.part_p[1].min()
    assert np.isnan(found.shares[:3]).all()
    assert any("train has only 1 document, so pieces of about 375" in text for text in found.warnings)


SHORT = ms.Sequences.from_arrays([[0, 1] * 50] * 8)
SHORTER = ms.Sequences.from_arrays([[0, 1] * 9] * 8, label="few")


@pytest.mark.parametrize(
    ("parts", "options", "words"),
    [
        ([ms.Series.from_arrays([0.1, 0.2]), SHORT], {}, "series.quantise(4)"),
        ([], {}, "there are no parts to compare"),
        ([SHORT, ms.Sequences.from_arrays([[0], [1]])], {}, "part 2 of 2 has no document with two symbols"),
        ([SHORT, ms.Sequences.from_arrays("abab")], {}, "some sequences have an alphabet and some have not"),
        ([SHORT, SHORT], {"names": ["a"]}, "names must be a list of 2"),
        ([SHORT, SHORT], {"names": ["a", "a"]}, "two parts have the same name"),
        ({"a": SHORT, "b": SHORT}, {"names": ["a", "b"]}, "leave names out"),
        (SHORT, {"names": ["a"]}, "segments of one corpus are numbered"),
        (SHORT, {"segments": 1}, "segments must be a whole number of at least 2"),
        (ms.Sequences.from_arrays([0, 1, 1]), {"lags": [1]}, "3 symbols are too few for 8 segments"),
        ([SHORT, SHORT], {"n_permutations": 9}, "n_permutations must be a whole number of at least 39"),
        ([SHORT, SHORT], {"level": 2}, "level"),
        ([SHORT, SHORT], {"lags": [100]}, "no document is long enough for lag 100"),
        ([SHORT, SHORTER], {"lags": [1, 50]}, "few: no document is long enough for lag 50: the longest has 18"),
        ([SHORT, SHORTER], {"lags": "1:2:3:4:5"}, "lags"),
        ([SHORT, SHORT], {"seed": -1}, "seed must be a whole number"),
    ],
)
def test_refusals(parts, options, words):
    with pytest.raises(ms.InputError, match=re.escape(words)):
        uniformity(parts, **options)
