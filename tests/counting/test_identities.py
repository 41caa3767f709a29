"""What must hold of mutual information from any counts: the plug-in estimate through kernels and fingerprints."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
from miscope.counting.doors import count_fingerprints
from miscope.estimation.entropy import information, plug_in
from miscope.sequences import Sequences

SETTINGS = settings(max_examples=60, deadline=None)
SIZE = 6
LAGS = [1, 2, 5]
DOCUMENTS = st.lists(st.lists(st.integers(0, SIZE - 1), max_size=40), min_size=1, max_size=5).filter(
    lambda documents: max(map(len, documents)) > 5
)
METHODS = st.sampled_from(["dense", "bits", "sparse"])


def sequences_of(documents, size=SIZE):
    return Sequences.from_arrays([np.array(document, np.uint8) for document in documents], alphabet_size=size)


def plug_in_mi(sequences, method="sparse", blocks=0):
    found = count_fingerprints(sequences, LAGS, blocks, method)
    size = sequences.alphabet_size
    return information(found.joint, found.left, found.right, size, size, name="plug_in")


@SETTINGS
@given(DOCUMENTS, METHODS)
def test_it_is_what_its_definition_gives(documents, method):
    expected = [naive.plug_in_mi(documents, lag) for lag in LAGS]
    np.testing.assert_allclose(plug_in_mi(sequences_of(documents), method), expected, atol=1e-12)


@SETTINGS
@given(DOCUMENTS, METHODS)
def test_it_is_left_plus_right_less_joint(documents, method):
    for value, lag in zip(plug_in_mi(sequences_of(documents), method), LAGS, strict=True):
        joint = naive.pair_counts(documents, lag)
        entropies = [naive.plug_in_entropy(counts) for counts in (*naive.margins(joint), joint)]
        assert value == pytest.approx(entropies[0] + entropies[1] - entropies[2], abs=1e-12)


@SETTINGS
@given(DOCUMENTS, st.permutations(range(SIZE)), METHODS)
def test_new_names_for_symbols_change_nothing(documents, names, method):
    sequences = sequences_of(documents)
    renamed = sequences.map_symbols(np.array(names))
    np.testing.assert_allclose(plug_in_mi(renamed, method), plug_in_mi(sequences, method), rtol=0, atol=1e-12)


@SETTINGS
@given(DOCUMENTS, METHODS)
def test_reading_backwards_changes_nothing(documents, method):
    backwards = sequences_of([document[::-1] for document in documents])
    np.testing.assert_allclose(
        plug_in_mi(backwards, method), plug_in_mi(sequences_of(documents), method), rtol=0, atol=1e-12
    )


@SETTINGS
@given(DOCUMENTS, st.randoms(use_true_random=False), METHODS)
def test_the_order_of_documents_changes_nothing(documents, random, method):
    shuffled = random.sample(documents, len(documents))
    np.testing.assert_allclose(
        plug_in_mi(sequences_of(shuffled), method), plug_in_mi(sequences_of(documents), method), rtol=0, atol=1e-12
    )


@SETTINGS
@given(DOCUMENTS, METHODS, st.sampled_from([0, 2, 5]))
def test_it_is_not_negative_and_no_larger_than_an_entropy(documents, method, blocks):
    found = count_fingerprints(sequences_of(documents), LAGS, blocks, method)
    mi = information(found.joint, found.left, found.right, SIZE, SIZE, name="plug_in")
    empty = found.joint.n_samples == 0
    assert np.isnan(mi[empty]).all()
    assert (mi[~empty] >= -1e-12).all()
    for side in (found.left, found.right):
        assert (mi[~empty] <= plug_in(side, SIZE)[~empty] + 1e-12).all()


@SETTINGS
@given(DOCUMENTS, st.lists(st.integers(0, 2), min_size=SIZE, max_size=SIZE), METHODS)
def test_merging_symbols_never_raises_it(documents, classes, method):
    sequences = sequences_of(documents)
    merged = sequences.map_symbols(np.array(classes))
    assert (plug_in_mi(merged, method) <= plug_in_mi(sequences, method) + 1e-12).all()


@SETTINGS
@given(DOCUMENTS, METHODS)
def test_an_alphabet_larger_than_seen_changes_nothing(documents, method):
    np.testing.assert_array_equal(
        plug_in_mi(sequences_of(documents, 50), method), plug_in_mi(sequences_of(documents), method)
    )


@SETTINGS
@given(DOCUMENTS, METHODS, st.integers(2, 5))
def test_repeating_the_corpus_changes_nothing(documents, method, times):
    np.testing.assert_allclose(
        plug_in_mi(sequences_of(documents * times), method),
        plug_in_mi(sequences_of(documents), method),
        rtol=0,
        atol=1e-12,
    )
