"""Fingerprints against counting by hand, empty histograms included."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miscope.counting.fingerprint import FingerprintArray

HISTOGRAMS = st.lists(st.lists(st.integers(0, 6), max_size=8), max_size=6)


@given(HISTOGRAMS)
def test_from_counts_is_a_count_of_counts(histograms):
    batch = FingerprintArray.from_counts(histograms)
    assert len(batch) == len(histograms)
    for index, histogram in enumerate(histograms):
        one = batch[index : index + 1]
        expected = Counter(count for count in histogram if count)
        assert dict(zip(one.counts.tolist(), one.multiplicities.tolist(), strict=True)) == expected
        assert one.counts.tolist() == sorted(expected)


@given(HISTOGRAMS)
def test_sums_per_histogram(histograms):
    batch = FingerprintArray.from_counts(histograms)
    assert batch.n_samples.tolist() == [sum(histogram) for histogram in histograms]
    assert batch.n_seen.tolist() == [sum(count > 0 for count in histogram) for histogram in histograms]
    assert batch.of(1).tolist() == [histogram.count(1) for histogram in histograms]
    assert batch.of(2).tolist() == [histogram.count(2) for histogram in histograms]
    assert batch.sum(batch.counts**2).tolist() == [sum(count**2 for count in histogram) for histogram in histograms]


@given(HISTOGRAMS, st.integers(-7, 7), st.integers(-7, 7))
def test_a_slice_is_the_batch_of_the_sliced_histograms(histograms, start, stop):
    part = FingerprintArray.from_counts(histograms)[start:stop]
    expected = FingerprintArray.from_counts(histograms[start:stop])
    for field in ("counts", "multiplicities", "offsets"):
        np.testing.assert_array_equal(getattr(part, field), getattr(expected, field))


@given(HISTOGRAMS, HISTOGRAMS)
def test_concatenate_is_the_batch_of_all_histograms(first, second):
    joined = FingerprintArray.concatenate([FingerprintArray.from_counts(first), FingerprintArray.from_counts(second)])
    expected = FingerprintArray.from_counts(first + second)
    for field in ("counts", "multiplicities", "offsets"):
        np.testing.assert_array_equal(getattr(joined, field), getattr(expected, field))
        assert getattr(joined, field).dtype == np.int64


def test_rows_of_a_table_are_histograms():
    batch = FingerprintArray.from_counts(np.array([[2, 0, 2], [1, 5, 0]]))
    assert batch.counts.tolist() == [2, 1, 5]
    assert batch.multiplicities.tolist() == [2, 1, 1]
    assert batch.offsets.tolist() == [0, 1, 3]


def test_a_slice_shares_memory():
    batch = FingerprintArray.from_counts([[1, 2], [3], [4]])
    assert np.shares_memory(batch[1:].counts, batch.counts)


def test_a_slice_with_a_step_is_refused():
    with pytest.raises(ValueError, match="must have step 1, not 2"):
        FingerprintArray.from_counts([[1], [2], [3]])[::2]


def test_expected_fingerprints_keep_their_fractions():
    batch = FingerprintArray(np.array([1, 3, 2]), np.array([0.25, 0.5, 1.5]), np.array([0, 0, 2, 2, 3]))
    np.testing.assert_allclose(batch.n_samples, [0, 1.75, 0, 3.0])
    np.testing.assert_allclose(batch.n_seen, [0, 0.75, 0, 1.5])
    joined = FingerprintArray.concatenate([batch, FingerprintArray.from_counts([[1]])])
    assert joined.multiplicities.dtype == np.float64


def test_a_value_per_histogram_is_repeated_for_its_entries():
    batch = FingerprintArray.from_counts([[1, 2], [], [3]])
    assert batch.per_entry(np.array([10, 20, 30])).tolist() == [10, 10, 30]


def test_integer_sums_are_exact():
    large = 2**53 + 1  # no float64 holds it
    assert FingerprintArray.from_counts([[large]]).n_samples.tolist() == [large]
