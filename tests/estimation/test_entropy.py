"""Entropy estimators against plain references that share no code with the package, and against theory."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from miscope.counting.fingerprint import FingerprintArray
from miscope.errors import InputError
from miscope.estimation import entropy as module
from miscope.estimation import nsb as nsb_module
from miscope.estimation.entropy import ESTIMATORS, entropy, estimator, information, mutual_information

HISTOGRAM = st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(any)
ADDITIVE = ["plug_in", "grassberger", "zhang"]


# --- slow references: one histogram, one cell at a time ---


def naive_plug_in(counts, n_cells):
    total = sum(counts)
    return -sum(n / total * math.log(n / total) for n in counts if n)


def naive_miller_madow(counts, n_cells):
    return naive_plug_in(counts, n_cells) + (sum(n > 0 for n in counts) - 1) / (2 * sum(counts))


def naive_grassberger(counts, n_cells):
    # G(n) = ψ(n) + (−1)ⁿ ∫₀¹ x^(n−1)/(x+1) dx: Grassberger's equation 28, before the integral is expressed by ψ.
    def g(n):
        return special.digamma(n) + (-1) ** n * integrate.quad(lambda x: x ** (n - 1) / (x + 1), 0, 1)[0]

    total = sum(counts)
    return math.log(total) - sum(n * g(n) for n in counts if n) / total


def naive_chao_shen(counts, n_cells):
    total, singles = sum(counts), sum(n == 1 for n in counts)
    coverage = 1 - (total - 1 if singles == total else singles) / total
    adjusted = [coverage * n / total for n in counts if n]
    return -sum(p * math.log(p) / (1 - (1 - p) ** total) for p in adjusted)


def naive_shrinkage(counts, n_cells):
    total = sum(counts)
    shares = [n / total for n in counts if n]
    shares += [0.0] * (n_cells - len(shares))
    distance = (total - 1) * sum((1 / n_cells - p) ** 2 for p in shares)
    weight = 1.0 if distance < 1e-12 else min(1.0, max(0.0, (1 - sum(p * p for p in shares)) / distance))
    shrunk = [weight / n_cells + (1 - weight) * p for p in shares]
    return -sum(p * math.log(p) for p in shrunk if p)


def naive_zhang(counts, n_cells):
    total, result = sum(counts), 0.0
    for n in filter(None, counts):
        for v in range(1, total - n + 1):
            result += n / total / v * math.prod(1 - (n - 1) / (total - j) for j in range(1, v + 1))
    return result


def naive_nsb(counts, n_cells):
    """Integrate over ln β with scipy's adaptive quadrature; every Γ ratio is a product of its factors."""
    counts, total = [n for n in counts if n], sum(counts)
    if n_cells == 1:
        return 0.0

    def log_density(t):
        beta = math.exp(t)
        slope = n_cells * special.polygamma(1, n_cells * beta + 1) - special.polygamma(1, beta + 1)
        cells = sum(np.log(beta + np.arange(n)).sum() for n in counts)
        return math.log(beta * slope) + cells - np.log(n_cells * beta + np.arange(total)).sum()

    def mean_entropy(t):
        beta = math.exp(t)
        all_counts = np.array(counts + [0] * (n_cells - len(counts))) + beta
        return special.digamma(all_counts.sum() + 1) - all_counts @ special.digamma(all_counts + 1) / all_counts.sum()

    low, high = -math.log(n_cells) - 22, 18
    peak = max(np.linspace(low, high, 400), key=log_density)
    top = log_density(peak)

    def integral(f):
        edges = [low, *np.clip([peak - 6, peak - 1, peak, peak + 1, peak + 6], low, high), high]
        pieces = [integrate.quad(f, a, b, epsabs=1e-12, limit=200)[0] for a, b in itertools.pairwise(edges)]
        return sum(pieces)

    return integral(lambda t: math.exp(log_density(t) - top) * mean_entropy(t)) / integral(
        lambda t: math.exp(log_density(t) - top)
    )


NAIVE = {name.removeprefix("naive_"): function for name, function in globals().items() if name.startswith("naive_")}


def estimate(name, counts, n_cells):
    return float(ESTIMATORS[name](FingerprintArray.from_counts([counts]), n_cells)[0])


# --- values ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Computed independently of this package; NSB by quadrature over the whole range of β.
        ("plug_in", 1.522955),
        ("miller_madow", 1.745177),
        ("grassberger", 1.912032),
        ("chao_shen", 1.876548),
        ("shrinkage", 1.609438),
        ("zhang", 1.773413),
        ("nsb", 1.509006),
    ],
)
def test_known_values(name, expected):
    assert entropy([1, 2, 3, 2, 1], estimator=name) == pytest.approx(expected, abs=1e-6)


def test_every_estimator_has_a_reference():
    assert set(NAIVE) == set(ESTIMATORS)


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "nsb"])
@given(counts=HISTOGRAM, unseen=st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_agrees_with_its_plain_reference(name, counts, unseen):
    n_cells = len(counts) + unseen
    assert estimate(name, counts, n_cells) == pytest.approx(NAIVE[name](counts, n_cells), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("counts", "n_cells"),
    [
        ([1], 2),
        ([1], 1000),
        ([7], 3),
        ([1, 1, 1, 1], 50),  # nothing seen twice: the posterior is wide
        ([5, 5, 5, 5], 4),  # no β is large enough
        ([50, 50], 2),
        ([100, 3], 2),
        ([15, 16, 17, 1, 2], 8),  # both sides of the change of method at 16
        ([40, 25, 12, 9, 4, 4, 2, 1, 1, 1], 30),
        ([300, 20, 1], 1000),
    ],
)
def test_nsb_agrees_with_quadrature(counts, n_cells):
    assert estimate("nsb", counts, n_cells) == pytest.approx(naive_nsb(counts, n_cells), abs=1e-6)


@given(counts=st.lists(st.integers(0, 12), min_size=2, max_size=8).filter(any), unseen=st.integers(0, 5))
@settings(max_examples=8, deadline=None)
def test_nsb_agrees_with_quadrature_on_random_histograms(counts, unseen):
    n_cells = len(counts) + unseen
    assert estimate("nsb", counts, n_cells) == pytest.approx(naive_nsb(counts, n_cells), abs=1e-6)


def test_grassberger_table_is_the_closed_formula():
    table = module._grassberger_table()
    n = np.arange(1, table.size)
    np.testing.assert_allclose(table[1:], module._grassberger_g(n), rtol=0, atol=1e-12)


def test_grassberger_beyond_its_table():
    assert estimate("grassberger", [65535, 65536, 200_000], 3) == pytest.approx(
        math.log(331071)
        - sum(n * (special.digamma(n) + (-1) ** n / (2 * n)) for n in (65535, 65536, 200_000)) / 331071,
        abs=1e-10,
    )


# --- NSB where plain arithmetic fails ---


@pytest.mark.parametrize("n_cells", [2, 10, 10**6, 10**10, 10**15])
def test_nsb_of_one_sample_is_the_prior_mean(n_cells):
    # One sample says nothing about the entropy; a prior flat in 0 … ln K has mean ½ ln K.
    assert estimate("nsb", [1], n_cells) == pytest.approx(math.log(n_cells) / 2, rel=1e-8)


def test_nsb_with_one_cell_knows_the_answer():
    assert estimate("nsb", [1234], 1) == 0


def test_nsb_of_many_samples_is_the_plug_in():
    counts = [10**8, 3 * 10**8, 5 * 10**8]
    assert estimate("nsb", counts, 3) == pytest.approx(naive_plug_in(counts, 3), abs=1e-6)


def test_nsb_of_many_distinct_counts_does_not_depend_on_the_shortcut(monkeypatch):
    counts = np.random.default_rng(3).integers(1, 3000, 1500)
    short = estimate("nsb", counts, 5000)
    monkeypatch.setattr(nsb_module, "_condense", lambda counts, weights: (counts, weights))
    assert short == pytest.approx(estimate("nsb", counts, 5000), abs=1e-10)


@pytest.mark.parametrize("beta", [1e-6, 0.3, 40.0, 1e7])
def test_condensed_counts_carry_the_likelihood(beta):
    counts = np.unique(np.random.default_rng(4).integers(16, 10**6, 5000))
    weights = np.random.default_rng(5).uniform(0, 3, counts.size)
    nodes, new_weights = nsb_module._condense(counts, weights)
    assert nodes.size < counts.size / 10
    exact = weights @ special.gammaln(counts + beta)
    assert new_weights @ special.gammaln(nodes + beta) == pytest.approx(exact, rel=1e-13)


# --- statistics ---


def errors(name, n_samples, n_histograms=1500):
    """Errors of an estimator on draws from a law with 20 cells, and the law's number of cells."""
    law = np.arange(1, 21) / 210
    counts = np.random.default_rng(n_samples).multinomial(n_samples, law, size=n_histograms)
    truth = -(law * np.log(law)).sum()
    return ESTIMATORS[name](FingerprintArray.from_counts(counts), 20) - truth


@pytest.mark.parametrize("n_samples", [200, 400, 800])
def test_plug_in_bias_falls_as_one_over_n(n_samples):
    found = errors("plug_in", n_samples)
    assert found.mean() == pytest.approx(-19 / (2 * n_samples), rel=0.12)


# Chao–Shen corrects for unseen cells alone, so it is no better than plug-in once all are seen.
@pytest.mark.parametrize(
    ("name", "n_samples"),
    [(name, n_samples) for name in ("miller_madow", "grassberger", "zhang") for n_samples in (50, 200, 400)]
    + [("chao_shen", 50)],
)
def test_corrected_estimators_are_less_biased_than_plug_in(name, n_samples):
    assert abs(errors(name, n_samples).mean()) < 0.35 * abs(errors("plug_in", n_samples).mean())


def test_nsb_is_less_biased_than_plug_in():
    assert abs(errors("nsb", 50, 200).mean()) < 0.5 * abs(errors("plug_in", 50, 200).mean())


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_converges(name):
    assert np.sqrt((errors(name, 100_000, 20) ** 2).mean()) < 0.004


# --- batches ---


@pytest.mark.parametrize("name", ESTIMATORS)
@given(histograms=st.lists(st.lists(st.integers(0, 30), max_size=10), min_size=1, max_size=6))
@settings(max_examples=15, deadline=None)
def test_a_batch_is_its_histograms_one_by_one(name, histograms):
    n_cells = np.array([len(histogram) + 1.0 for histogram in histograms])
    batch = ESTIMATORS[name](FingerprintArray.from_counts(histograms), n_cells)
    assert batch.dtype == np.float64
    assert batch.shape == (len(histograms),)
    for value, histogram, cells in zip(batch, histograms, n_cells, strict=True):
        if any(histogram):
            assert value == pytest.approx(estimate(name, histogram, cells), abs=1e-12)
        else:
            assert np.isnan(value)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_empty_batch(name):
    assert ESTIMATORS[name](FingerprintArray.from_counts([]), 3).shape == (0,)


@pytest.mark.parametrize("name", ADDITIVE)
def test_the_entropy_of_a_mean_fingerprint_is_the_mean_entropy(name):
    draws = np.random.default_rng(1).multinomial(60, [0.5, 0.3, 0.1, 0.06, 0.04], size=40)
    counts, multiplicities = np.unique(draws[draws > 0], return_counts=True)
    expected = FingerprintArray(counts.astype(np.int64), multiplicities / 40, np.array([0, counts.size]))
    singly = ESTIMATORS[name](FingerprintArray.from_counts(draws), 5)
    assert ESTIMATORS[name](expected, 5)[0] == pytest.approx(singly.mean(), abs=1e-12)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_whole_numbers_may_be_floats(name):
    whole = FingerprintArray.from_counts([[1, 1, 3, 20], [], [2, 2]])
    floats = FingerprintArray(whole.counts, whole.multiplicities.astype(float), whole.offsets)
    np.testing.assert_array_equal(ESTIMATORS[name](floats, 6), ESTIMATORS[name](whole, 6))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_fractions_of_cells_give_a_finite_entropy(name):
    fractions = FingerprintArray(np.array([1, 2, 5]), np.array([6.5, 2.25, 0.8]), np.array([0, 3]))
    assert 0 < ESTIMATORS[name](fractions, 20)[0] < 4


# --- entropy() ---


@pytest.mark.parametrize("name", ESTIMATORS)
@given(counts=HISTOGRAM, seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_the_order_of_cells_is_no_matter(name, counts, seed):
    shuffled = np.random.default_rng(seed).permutation(counts)
    assert entropy(counts, estimator=name) == entropy(shuffled, estimator=name)


def test_any_shape_and_whole_floats_are_counts():
    assert entropy([[1.0, 2.0], [3.0, 0.0]], estimator="nsb") == entropy([1, 2, 3, 0], estimator="nsb")


def test_cells_default_to_the_entries_given():
    assert entropy([4, 2, 0, 0], estimator="shrinkage") == entropy([4, 2], estimator="shrinkage", n_cells=4)
    assert entropy([4, 2, 0, 0], estimator="shrinkage") > entropy([4, 2], estimator="shrinkage")


@pytest.mark.parametrize(
    ("counts", "options", "words"),
    [
        ([], {}, "counts is empty: give one number for each cell"),
        ([0, 0], {}, r"all counts are 0 \(2 of them\): an entropy needs at least one sample"),
        ([3, 1, -2, -5], {}, r"counts\[2\] is -2, but no cell is seen fewer than 0 times"),
        ([0.5, 0.5], {}, r"counts\[0\] is 0.5, but counts must be whole numbers: .* not its share"),
        ([1, np.nan], {}, r"counts\[1\] is nan, but counts must be finite"),
        ([1, np.inf], {}, r"counts\[1\] is inf, but counts must be finite"),
        (["a", "b"], {}, "counts must be numbers, not .*: count symbols first"),
        (
            [1, 2, 3],
            {"n_cells": 2},
            "n_cells is 2, but 3 different cells were seen: .* at least 3, or leave n_cells out",
        ),
        ([1, 2, 3], {"n_cells": np.nan}, "n_cells is nan, but 3 different cells were seen"),
        ([1, 2], {"estimator": "grasberger"}, "unknown estimator 'grasberger'; did you mean 'grassberger'"),
    ],
)
def test_unusable_counts_are_refused_by_words(counts, options, words):
    with pytest.raises(InputError, match=words):
        entropy(counts, **options)


# --- mutual_information() ---

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


@given(PAIRS)
@settings(deadline=None)
def test_information_of_a_symbol_with_itself_is_its_entropy(pairs):
    x = [a for a, _ in pairs]
    expected = entropy(np.bincount(x), estimator="plug_in")
    assert mutual_information(x, x, estimator="plug_in") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ESTIMATORS)
@given(pairs=PAIRS)
@settings(max_examples=10, deadline=None)
def test_information_is_symmetric_and_blind_to_names(name, pairs):
    x, y = map(list, zip(*pairs, strict=True))
    value = mutual_information(x, y, estimator=name)
    assert value == pytest.approx(mutual_information(y, x, estimator=name), abs=1e-12)
    assert value == pytest.approx(
        mutual_information(["dbca"[a] for a in x], np.array(y) * -7, estimator=name), abs=1e-12
    )


@given(PAIRS)
@settings(deadline=None)
def test_plug_in_information_is_the_divergence_from_independence(pairs):
    x, y = map(list, zip(*pairs, strict=True))
    total, expected = len(pairs), 0.0
    for a, b in set(pairs):
        joint = pairs.count((a, b)) / total
        expected += joint * math.log(joint / (x.count(a) / total * y.count(b) / total))
    value = mutual_information(x, y, estimator="plug_in")
    assert value == pytest.approx(expected, abs=1e-12)
    assert value >= -1e-12


def test_independent_symbols_scatter_about_zero():
    rng = np.random.default_rng(7)
    values = np.array([mutual_information(*rng.integers(0, 3, (2, 200))) for _ in range(200)])
    assert abs(values.mean()) < 3 * values.std() / math.sqrt(200)
    assert (values < 0).any()
    assert (values > 0).any()


def test_cells_of_the_joint_can_be_told():
    x, y = [0, 1, 1, 2, 0, 1], [0, 1, 0, 1, 0, 1]
    value = mutual_information(x, y, estimator="nsb", n_cells=4)
    left, right, joint = ([2, 3, 1], 3), ([3, 3], 2), ([2, 2, 1, 1], 4)
    expected = [entropy(counts, estimator="nsb", n_cells=cells) for counts, cells in (left, right, joint)]
    assert value == pytest.approx(expected[0] + expected[1] - expected[2])
    assert value != mutual_information(x, y, estimator="nsb")


def test_symbols_may_be_objects():
    assert mutual_information(np.array(["a", "b"], dtype=object), ["c", "d"], estimator="plug_in") == pytest.approx(
        math.log(2)
    )


@pytest.mark.parametrize(
    ("x", "y", "options", "words"),
    [
        ([1, 2, 3], [1, 2], {}, "x has 3 symbols and y has 2: .* give two arrays of the same length"),
        ([], [], {}, "x is empty: mutual information needs at least one pair"),
        ([1.0, 2.0], [0.0, np.nan], {}, r"y\[1\] is NaN, which is no symbol: drop such pairs"),
        ([[1, 2]], [1, 2], {}, "x has 2 dimensions: give a list or 1-D array"),
        ("abab", "cdcd", {}, r"x has 0 dimensions: .* \(a text as list\(text\)\)"),
        (
            np.array(["a", 1], dtype=object),
            [1, 2],
            {},
            "symbols are partly str",
        ),
        ([1, 2, 3], [1, 2, 3], {"n_cells": 2}, "n_cells is 2, but 3 different cells were seen"),
        ([1, 2], [1, 2], {"estimator": "nsp"}, "unknown estimator 'nsp'; did you mean 'nsb'"),
    ],
)
def test_unusable_symbols_are_refused_by_words(x, y, options, words):
    with pytest.raises(InputError, match=words):
        mutual_information(x, y, **options)


# --- for curves ---


@pytest.mark.parametrize("name", ESTIMATORS)
def test_information_is_the_sum_of_three_entropies(name):
    tables = np.random.default_rng(2).integers(0, 9, (4, 3, 5))
    joint, left, right = tables.reshape(4, -1), tables.sum(axis=2), tables.sum(axis=1)
    batches = [FingerprintArray.from_counts(histograms) for histograms in (joint, left, right)]
    for value, pairs, a, b in zip(information(*batches, 3, 5, name), joint, left, right, strict=True):
        assert value == pytest.approx(entropy(a, name) + entropy(b, name) - entropy(pairs, name, n_cells=15), abs=1e-12)


def test_estimators_are_found_by_name():
    assert estimator("zhang") is module.zhang
    with pytest.raises(InputError, match="unknown estimator 'shrink'; did you mean 'shrinkage'"):
        estimator("shrink")
