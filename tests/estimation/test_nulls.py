"""Nulls against every permutation, where these can be gone through, and against many shuffles where they cannot."""

import functools
import itertools
import math
from collections import Counter
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import naive
from miscope.counting import FingerprintArray
from miscope.counting import doors as counting
from miscope.errors import InputError
from miscope.estimation import nulls
from miscope.estimation.entropy import ESTIMATORS, information
from miscope.sequences import Sequences

SETTINGS = settings(max_examples=40, deadline=None)


def as_dict(batch, histogram=0):
    part = slice(batch.offsets[histogram], batch.offsets[histogram + 1])
    return dict(zip(batch.counts[part].tolist(), batch.multiplicities[part].tolist(), strict=True))


def one(counts):
    return FingerprintArray.from_counts([list(counts)])


def mi_of(joint, left, right):
    return float(information(joint, one(left), one(right), 1, 1, name="plug_in")[0])


def by_scipy(left, right):
    """Mean fingerprint from the hypergeometric law of every cell."""
    n, found = sum(left), Counter()
    for a, b in itertools.product(left, right):
        counts = np.arange(max(1, a + b - n), min(a, b) + 1)
        for count, weight in zip(counts.tolist(), stats.hypergeom.pmf(counts, n, a, b), strict=True):
            found[count] += weight
    return found


# --- chance ---


@SETTINGS
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=6))
def test_chance_is_the_mean_over_all_permutations(pairs):
    expected, _, mean_mi = naive.mean_over_permutations([pairs])
    left, right = (Counter(side).values() for side in zip(*pairs, strict=True))
    found = nulls.chance_fingerprint(one(left), one(right))
    assert len(found) == 1
    for count in set(expected) | set(as_dict(found)):
        assert as_dict(found).get(count, 0) == pytest.approx(expected.get(count, 0), abs=1e-12)
    # The plug-in estimate is a sum over cells, so the mean fingerprint gives its mean exactly.
    assert mi_of(found, left, right) == pytest.approx(mean_mi, abs=1e-12)


MARGINS = st.lists(st.integers(1, 40), min_size=1, max_size=8)


@SETTINGS
@given(MARGINS, MARGINS)
def test_chance_is_hypergeometric(left, right):
    short, long = sorted([left, right], key=sum)
    short = [*short, sum(long) - sum(short)] if sum(long) > sum(short) else short
    found, expected = as_dict(nulls.chance_fingerprint(one(short), one(long))), by_scipy(short, long)
    assert set(found) >= {count for count, cells in expected.items() if cells > 1e-12}
    for count, cells in found.items():
        assert cells == pytest.approx(expected[count], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([7000, 2000, 600, 300, 100], [5000, 3000, 1500, 400, 99, 1]),
        ([300, 300, 400], [256, 500, 244]),
        ([5000, 5000], [9999, 1]),
        ([10_000], [10_000]),
        ([10_000], [9000, 1000]),
    ],
)
def test_chance_with_large_counts_has_the_mean_of_the_law(left, right):
    # From a mean of 256 on, a law is replaced by three counts with its moments: the entropy is the same to 1e-8.
    found, exact = nulls.chance_fingerprint(one(left), one(right)), by_scipy(left, right)
    n = sum(left)
    assert found.n_samples[0] == pytest.approx(n, rel=1e-12)
    second = sum(cells * count**2 for count, cells in exact.items())
    assert float(found.sum(found.counts**2)[0]) == pytest.approx(second, rel=1e-9)
    entropy = -math.fsum(cells * count / n * math.log(count / n) for count, cells in exact.items())
    expected = naive.plug_in_entropy(left) + naive.plug_in_entropy(right) - entropy
    assert mi_of(found, left, right) == pytest.approx(expected, rel=1e-4, abs=1e-12)


def zipf(n_cells, first):
    return np.maximum(first // np.arange(1, n_cells + 1), 1)


@pytest.mark.parametrize("counts", [zipf(500, 20_000), zipf(3000, 100_000), np.arange(1, 1101)], ids=len)
@pytest.mark.parametrize("name", ["plug_in", "grassberger", "miller_madow"])
def test_like_counts_taken_together_change_little(counts, name, monkeypatch):
    side = one(counts)

    def value(**options):
        joint = nulls.chance_fingerprint(side, side, **options)
        return float(information(joint, side, side, 1, 1, name=name)[0])

    monkeypatch.setattr(nulls, "_MOST_CLASSES", np.inf)
    exact = value()
    assert value(coarse=True) == pytest.approx(exact, rel=1e-3)
    monkeypatch.setattr(nulls, "_MOST_CLASSES", 0)
    assert value() == pytest.approx(exact, rel=1e-4)
    assert nulls.chance_fingerprint(side, side).n_samples[0] == pytest.approx(counts.sum(), rel=1e-9)


def test_chance_without_pairs_has_no_cells():
    found = nulls.chance_fingerprint(one([]), one([]))
    assert found.offsets.tolist() == [0, 0]


def test_chance_is_what_shuffling_gives():
    generator = np.random.default_rng(4)
    left, right = generator.integers(0, 9, 400), generator.integers(0, 5, 400)
    margins = np.bincount(left), np.bincount(right)
    drawn = []
    for _ in range(2000):
        table = np.bincount(left * 5 + generator.permutation(right), minlength=45)
        drawn.append(mi_of(one(table), *margins))
    found = mi_of(nulls.chance_fingerprint(one(margins[0]), one(margins[1])), *margins)
    assert abs(found - np.mean(drawn)) < 4 * np.std(drawn) / np.sqrt(2000)
    assert found == pytest.approx(8 * 4 / (2 * 400), rel=0.1)


# --- documents ---


def data_of(documents, lag=1, blocks=0, size=None):
    arrays = [np.array(document, np.uint8) for document in documents]
    sequences = Sequences.from_arrays(arrays, alphabet_size=size or int(max(map(max, filter(len, arrays)))) + 1)
    return counting.Counter(sequences, [lag], blocks, "dense").data


SHORT = st.lists(st.lists(st.integers(0, 2), max_size=5), min_size=1, max_size=3).filter(
    lambda documents: max(map(len, documents)) > 2
)


@SETTINGS
@given(SHORT, st.integers(1, 2), st.sampled_from([0, 2, 3]))
def test_documents_have_the_means_and_variances_of_their_cells(documents, lag, blocks):
    data = data_of(documents, lag, min(blocks, 2), size=3)
    seen = []

    def note(mean, variance):
        seen.append((mean.reshape(3, 3).copy(), variance.reshape(3, 3).copy()))
        return np.zeros(nulls.SMALL), np.zeros(0, np.int64), np.zeros(0)

    with mock.patch.object(nulls, "_mean_by_cells", note):
        nulls.document_fingerprints(data, lag, left_out=True)
    holes = [(0, 0), *itertools.pairwise(data.bounds.tolist())][: data.n_blocks + 1]
    assert len(seen) == len(holes)
    for (mean, variance), hole in zip(seen, holes, strict=True):
        means = naive.means_over_two_positions(data.left, data.offsets, lag, hole)
        _, moments, _ = naive.mean_over_permutations(naive.kept_pairs(data.left, data.offsets, lag, hole))
        for cell in itertools.product(range(3), range(3)):
            assert mean[cell] == pytest.approx(means.get(cell, 0.0), abs=1e-9)
            first, second = moments.get(cell, (0.0, 0.0))
            assert variance[cell] == pytest.approx(second - first**2, abs=1e-9)


@SETTINGS
@given(SHORT, st.integers(1, 2), st.sampled_from([0, 2, 3]))
def test_documents_keep_the_number_of_pairs(documents, lag, blocks):
    data = data_of(documents, lag, min(blocks, 2))
    found = nulls.document_fingerprints(data, lag, left_out=True)
    holes = [(0, 0), *itertools.pairwise(data.bounds.tolist())][: data.n_blocks + 1]
    assert len(found) == len(holes)
    for h, hole in enumerate(holes):
        n_pairs = sum(map(len, naive.kept_pairs(data.left, data.offsets, lag, hole)))
        assert float(found.n_samples[h]) == pytest.approx(n_pairs, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("length", [2, 5, 64, 65, 66, 150, 257, 258, 5000])
def test_documents_of_one_symbol_each_have_no_choice(length):
    """Permuting what is all alike changes nothing, so the null is the counts themselves."""
    data = data_of([[0] * length, [1] * length], blocks=2)
    found = nulls.document_fingerprints(data, 1, left_out=True)
    for h, cells in enumerate([2, 1, 1]):
        expected = {count: weight for count, weight in as_dict(found, h).items() if abs(weight) > 1e-9}
        assert expected == pytest.approx({length - 1: cells})


def test_a_document_with_one_rare_symbol():
    """Shuffled, 400 symbols of which one is different have the cells (0, 0), (0, 1), (1, 0), but for 1 at an end."""
    found = nulls.document_fingerprints(data_of([[0] * 199 + [1] + [0] * 200]), 1)
    assert float(found.n_samples[0]) == pytest.approx(399, rel=1e-9)
    assert float(found.n_seen[0]) == pytest.approx(3, rel=0.01)


def compositions(generator, n_documents, length, size):
    return [generator.choice(size, length, p=generator.dirichlet(np.full(size, 0.7))) for _ in range(n_documents)]


def relative_error(seed, n_documents, length, size, lag=2, blocks=2):
    """How far the null is from the mean of the estimate over shuffled documents: whole, and without each block."""
    generator = np.random.default_rng(seed)
    documents = compositions(generator, n_documents, length, size)
    data = data_of(documents, lag, blocks, size)
    found = nulls.document_fingerprints(data, lag, left_out=True)
    position = np.concatenate([np.arange(start, stop - lag) for start, stop in itertools.pairwise(data.offsets)])
    errors = []
    for h, (start, stop) in enumerate([(0, 0), *itertools.pairwise(data.bounds.tolist())]):
        kept = position[(position < start) | (position >= stop)]
        assert float(found.n_samples[h]) == pytest.approx(len(kept), rel=1e-6)
        drawn = []
        for _ in range(60):
            codes = np.concatenate([generator.permutation(document) for document in documents])
            drawn.append(plain_mi(codes[kept], codes[kept + lag], size))
        margins = (np.bincount(data.left[at]) for at in (kept, kept + lag))
        errors.append(mi_of(found[h : h + 1], *margins) / np.mean(drawn) - 1)
    return errors


@pytest.mark.parametrize(
    ("n_documents", "length", "size"), [(12, 300, 6), (60, 25, 8), (100, 12, 4), (4, 2000, 3)], ids=str
)
def test_documents_are_what_many_shuffles_give(n_documents, length, size):
    # Symbols at the ends of documents are in fewer pairs; which ones these are moves the null of a single corpus by
    # some per cent, so the mean over corpora is what to look at.
    errors = np.array([relative_error(seed, n_documents, length, size) for seed in range(10)])
    assert (np.abs(errors.mean(axis=0)) < 0.005 + 4 * errors.std(axis=0) / np.sqrt(10)).all()
    assert np.abs(errors.mean(axis=0)).max() < 0.05
    assert np.abs(errors).max() < 0.2


def plain_mi(left, right, size):
    joint = np.bincount(left.astype(int) * size + right, minlength=size * size).reshape(size, size)
    return mi_of(one(joint.ravel()), joint.sum(axis=1), joint.sum(axis=0))


def test_one_document_is_chance():
    generator = np.random.default_rng(3)
    document = generator.integers(0, 6, 2000)
    data = data_of([document], size=6)
    margins = np.bincount(document[:-1]), np.bincount(document[1:])
    by_document = mi_of(nulls.document_fingerprints(data, 1), *margins)
    by_chance = mi_of(nulls.chance_fingerprint(one(margins[0]), one(margins[1])), *margins)
    assert by_document == pytest.approx(by_chance, rel=0.02)


def test_left_out_is_what_the_rest_alone_gives():
    # Blocks of whole documents: leaving one out is the same as not having it.
    documents = compositions(np.random.default_rng(5), 6, 50, 4)
    data = data_of(documents, 1, 3, 4)
    assert data.bounds.tolist() == [0, 100, 200, 300]
    found = nulls.document_fingerprints(data, 1, left_out=True)
    for j in range(3):
        rest = documents[: 2 * j] + documents[2 * j + 2 :]
        alone = nulls.document_fingerprints(data_of(rest, 1, 0, 4), 1)
        for power in (1, 2):
            one_way = float(found.sum(found.counts.astype(float) ** power)[j + 1])
            assert one_way == pytest.approx(float(alone.sum(alone.counts.astype(float) ** power)[0]), rel=1e-6)


def test_documents_without_pairs_say_nothing():
    documents = [[0, 1, 1, 0, 1], [1], [], [0, 1]]
    found = nulls.document_fingerprints(data_of(documents, 2), 2)
    alone = nulls.document_fingerprints(data_of(documents[:1], 2), 2)
    assert as_dict(found) == as_dict(alone)


def test_work_counts_cells():
    assert nulls.document_work(np.array([3, 0, 100]), 10) == 9 + 100 + 100


# --- draws ---

CORPUS = Sequences.from_arrays(
    np.random.default_rng(0).integers(0, 5, 300).astype(np.uint16), offsets=[0, 0, 1, 90, 90, 190, 300, 300]
)
DRAWN = ["global", "document", "rotate"]


@pytest.mark.parametrize("null", DRAWN)
def test_the_same_seed_draws_the_same(null):
    before = CORPUS.codes.copy()
    draws = [nulls.surrogate(CORPUS, null, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()
    assert (draws[0] != CORPUS.codes).any()
    assert all(draw.dtype == CORPUS.codes.dtype and draw.shape == CORPUS.codes.shape for draw in draws)
    np.testing.assert_array_equal(CORPUS.codes, before)
    assert not np.shares_memory(draws[0], CORPUS.codes)


@pytest.mark.parametrize("null", DRAWN)
def test_one_generator_draws_anew_each_time(null):
    generator = np.random.default_rng(1)
    assert (nulls.surrogate(CORPUS, null, generator) != nulls.surrogate(CORPUS, null, generator)).any()


@pytest.mark.parametrize("null", DRAWN)
def test_memory_mapped_codes_are_left_alone(null, tmp_path):
    np.save(tmp_path / "codes.npy", CORPUS.codes)
    mapped = Sequences.from_arrays(np.load(tmp_path / "codes.npy", mmap_mode="r"), CORPUS.offsets)
    drawn = nulls.surrogate(mapped, null, np.random.default_rng(1))
    np.testing.assert_array_equal(drawn, nulls.surrogate(CORPUS, null, np.random.default_rng(1)))
    np.testing.assert_array_equal(mapped.codes, CORPUS.codes)


def documents_of(codes):
    return [codes[start:stop].tolist() for start, stop in itertools.pairwise(CORPUS.offsets)]


def test_global_permutes_all_symbols():
    drawn = nulls.surrogate(CORPUS, "global", np.random.default_rng(1))
    np.testing.assert_array_equal(drawn, np.random.default_rng(1).permutation(CORPUS.codes))
    np.testing.assert_array_equal(np.sort(drawn), np.sort(CORPUS.codes))
    assert any(sorted(a) != sorted(b) for a, b in zip(documents_of(drawn), documents_of(CORPUS.codes), strict=True))


def test_document_permutes_inside_documents():
    drawn = nulls.surrogate(CORPUS, "document", np.random.default_rng(1))
    for shuffled, document in zip(documents_of(drawn), documents_of(CORPUS.codes), strict=True):
        assert sorted(shuffled) == sorted(document)
    assert all(a != b for a, b in zip(documents_of(drawn), documents_of(CORPUS.codes), strict=True) if len(b) > 1)


def test_rotate_turns_documents():
    drawn = nulls.surrogate(CORPUS, "rotate", np.random.default_rng(1))
    turns = []
    for turned, document in zip(documents_of(drawn), documents_of(CORPUS.codes), strict=True):
        fitting = [k for k in range(max(len(document), 1)) if document[k:] + document[:k] == turned]
        assert fitting
        turns.append(fitting[0])
    assert len(set(turns)) > 2  # each document by its own offset


@pytest.mark.parametrize("length", [2, 3, 4, 5, 8, 11])
def test_rotations_go_from_a_quarter_to_three_quarters_and_are_alike_probable(length):
    sequences = Sequences.from_arrays(np.tile(np.arange(length, dtype=np.uint8), (6000, 1)))
    drawn = nulls.surrogate(sequences, "rotate", np.random.default_rng(7)).reshape(-1, length)
    turns, seen = np.unique(drawn[:, 0], return_counts=True)
    least = max(length // 4, 1)
    assert turns.tolist() == list(range(least, length - least + 1))
    assert len(seen) == 1 or stats.chisquare(seen).pvalue > 1e-4


def test_shuffles_are_alike_probable():
    sequences = Sequences.from_arrays(np.tile(np.arange(4, dtype=np.uint8), (6000, 1)))
    drawn = nulls.surrogate(sequences, "document", np.random.default_rng(7)).reshape(-1, 4)
    seen = np.unique(drawn, axis=0, return_counts=True)[1]
    assert len(seen) == 24
    assert stats.chisquare(seen).pvalue > 1e-4


@pytest.mark.parametrize("null", DRAWN)
def test_documents_too_short_to_change(null):
    sequences = Sequences.from_arrays(np.array([3, 3], np.uint8), offsets=[0, 0, 1, 2, 2])
    assert nulls.surrogate(sequences, null, np.random.default_rng(0)).tolist() == [3, 3]


def test_names_of_nulls():
    for name in nulls.NULLS:
        assert nulls.check_null(name) == name

    def my_null(sequences, generator):
        return sequences

    assert nulls.check_null(my_null) == "my_null"
    assert nulls.check_null(functools.partial(my_null)) == "callable"
    with pytest.raises(InputError, match="unknown null 'documents'; did you mean 'document'"):
        nulls.check_null("documents")
    with pytest.raises(InputError, match=r"unknown null 7 \(one of: none, global, document, rotate\)"):
        nulls.check_null(7)
    with pytest.raises(InputError, match="unknown null None"):
        nulls.check_null(None)


def test_a_null_of_ones_own_is_called_with_a_generator():
    generator = np.random.default_rng(0)
    seen = []

    def backwards(sequences, given_generator):
        seen.append((sequences, given_generator))
        return Sequences.from_arrays(sequences.codes[::-1], sequences.offsets)

    drawn = nulls.call_null(backwards, CORPUS, generator)
    assert drawn.codes.tolist() == CORPUS.codes[::-1].tolist()
    assert seen == [(CORPUS, generator)]


@pytest.mark.parametrize("wrong", [None, [0, 1], np.zeros(3)], ids=["None", "list", "array"])
def test_a_null_of_ones_own_must_return_sequences(wrong):
    with pytest.raises(InputError, match=f"a null must return miscope.Sequences, not {type(wrong).__name__}"):
        nulls.call_null(lambda sequences, generator: wrong, CORPUS, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("n", "a", "b"), [(10_000, 1000, 600), (10_000, 5000, 200), (100_000, 3000, 3000), (9999, 9000, 9000)]
)
@pytest.mark.parametrize("name", ["plug_in", "miller_madow", "grassberger", "zhang"])
def test_a_large_cell_is_as_good_as_its_law(n, a, b, name):
    """The few counts that stand for a broad law: catches a wrong moment, and a parity that Grassberger would see."""
    counts = np.arange(max(0, a + b - n), min(a, b) + 1)
    law = stats.hypergeom(n, a, b).pmf(counts)
    kept = (law > 1e-18) & (counts > 0)
    exact = FingerprintArray(counts[kept], law[kept], np.array([0, kept.sum()]))
    one = [FingerprintArray(np.array([size]), np.array([1]), np.array([0, 1])) for size in (a, b)]
    classes = [part for fingerprint in one for part in nulls._classes(fingerprint, nulls._EXACT)]
    found = nulls._as_fingerprint(*nulls._mean_by_classes(*classes, float(n)))
    terms = [float(((np.log(f.n_samples) - ESTIMATORS[name](f, 4.0)) * f.n_samples)[0]) for f in (found, exact)]
    assert found.n_samples[0] == pytest.approx(a * b / n, rel=1e-12)
    assert terms[0] == pytest.approx(terms[1], abs=5e-5)  # of which N-th parts enter an entropy
