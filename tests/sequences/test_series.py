"""Documents of real numbers: made of what people have, and cut into symbols."""

import json
import math

import numpy as np
import pytest

from miscope.errors import InputError
from miscope.sequences import Sequences, Series


def cut(values, n_symbols):
    """Equal frequencies by sorting: for values without ties whose number is a multiple of n_symbols."""
    order = sorted(range(len(values)), key=values.__getitem__)
    codes = [0] * len(values)
    for rank, at in enumerate(order):
        codes[at] = rank * n_symbols // len(values)
    return codes


# From what is in memory


@pytest.mark.parametrize(
    ("data", "values", "offsets"),
    [
        ([1, 2.5, 3], [1, 2.5, 3], [0, 3]),
        (np.array([1, 2], np.int8), [1, 2], [0, 2]),
        (np.array([0.5, 2], np.float16), [0.5, 2], [0, 2]),
        ([True, False], [1, 0], [0, 2]),
        ([[1, 2], [3, 4]], [1, 2, 3, 4], [0, 2, 4]),
        (np.array([[1.0, 2], [3, 4], [5, 6]]), [1, 2, 3, 4, 5, 6], [0, 2, 4, 6]),
        ([[1, 2], [], [3]], [1, 2, 3], [0, 2, 2, 3]),
        ((np.array([1.0]), [2, 3]), [1, 2, 3], [0, 1, 3]),
        (np.arange(8.0).reshape(2, 2, 2), [[0, 1], [2, 3], [4, 5], [6, 7]], [0, 2, 4]),
        ([np.zeros((2, 3)), np.ones((1, 3))], [[0] * 3, [0] * 3, [1] * 3], [0, 2, 3]),
        ([[[1, 2]], [[3, 4], [5, 6]]], [[1, 2], [3, 4], [5, 6]], [0, 1, 3]),
        (np.arange(6.0)[::2], [0, 2, 4], [0, 3]),
        (np.ma.masked_array([1.0, 2.0], [False, False]), [1, 2], [0, 2]),
        (np.ma.masked_array([1.0, 2.0, 3.0], [False, True, False]), [1, 3], [0, 1, 2]),
        ([np.ma.masked_array([1, 2], [False, True])], [1], [0, 1]),
    ],
)
def test_series_of_what_is_in_memory(data, values, offsets):
    series = Series.from_arrays(data)
    assert series.values.tolist() == values
    assert series.offsets.tolist() == offsets
    assert series.values.dtype == np.float64
    assert series.values.flags.c_contiguous
    assert set(series.provenance) <= {"missing", "notes"}


EMPTY = "the data are empty: there is not one value in them"
NOT_NUMBERS = "the data are not real numbers; pass an array of floats, or a list of arrays"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], EMPTY),
        ([[], []], EMPTY),
        (np.zeros((0, 4)), EMPTY),
        (np.zeros((3, 0)), EMPTY),
        (np.zeros((3, 2, 0)), EMPTY),  # moments of no channels
        ("abc", NOT_NUMBERS),
        (["1.5", "2"], NOT_NUMBERS),
        ([["a"]], NOT_NUMBERS),
        (None, "one NoneType, not a sequence"),
        ([1.0, None], NOT_NUMBERS),
        ([1.0, [2.0]], NOT_NUMBERS),
        ([[[1.0], [2.0, 3.0]]], NOT_NUMBERS),  # moments of different numbers of channels
        ([1j], NOT_NUMBERS),
        ([10**30], NOT_NUMBERS),
        ((x for x in [1.0]), "one generator, not a sequence"),
        ({1.0, 2.0}, "one set, not a sequence"),
        (np.array(["2020-01-01"], "datetime64[D]"), NOT_NUMBERS),
        (3.0, "one float, not a sequence"),
        (np.zeros((1, 1, 1, 1)), "the data have 4 dimensions; pass one document"),
        ([np.zeros((2, 2, 2))], "a document of numbers has one dimension, or two"),
        ([np.zeros((2, 2)), np.zeros((2, 3))], "the documents have different numbers of channels"),
        ([np.zeros(2), np.zeros((2, 1))], "the documents have different numbers of channels"),
        ([1.0, math.nan], "value 1 is nan: leave out what is missing or infinite"),
        ([[0.0, 1.0], [2.0, -math.inf]], "value 3 is -inf"),
        (np.array([[[0, 1], [math.nan, 3]]]), r"value 1 is \[nan  ?3\.\]"),
    ],
)
def test_refusals_with_their_words(data, words):
    with pytest.raises(InputError, match=words):
        Series.from_arrays(data)


def test_a_clean_array_is_not_copied():
    values = np.arange(5.0)
    assert np.shares_memory(Series.from_arrays(values).values, values)


@pytest.mark.parametrize(
    ("values", "offsets", "words"),
    [
        (np.zeros(3, np.float32), np.array([0, 3]), "values must be float64 of one or two dimensions, not 1-D float32"),
        (np.zeros((1, 1, 3)), np.array([0, 1]), "not 3-D float64"),
        (np.zeros(3), np.array([0, 3], np.int32), "offsets must be 1-D int64"),
        (np.zeros(3), np.zeros((1, 2), np.int64), "offsets must be 1-D int64"),
        (np.zeros(3), np.zeros(0, np.int64), "offsets must be 1-D int64"),
        (np.zeros(3), np.array([1, 3]), "offsets must ascend from 0 to the number of values, 3"),
        (np.zeros(3), np.array([0, 2]), "offsets must ascend"),
        (np.zeros(3), np.array([0, 2, 1, 3]), "offsets must ascend"),
    ],
)
def test_the_constructor_checks_what_costs_nothing(values, offsets, words):
    with pytest.raises(InputError, match=words):
        Series(values, offsets)


# Looking in


def test_documents_by_number():
    series = Series.from_arrays([[1, 2, 3], [4]], label="two")
    assert (len(series), series.n_documents, series.n_values, series.n_channels) == (2, 2, 4, 1)
    assert series.lengths.tolist() == [3, 1]
    assert [document.tolist() for document in series] == [[1, 2, 3], [4]]
    assert series[-1].tolist() == [4]
    for beyond in (2, -3):
        with pytest.raises(IndexError, match=f"document {beyond} of 2"):
            series[beyond]


def test_repr():
    assert repr(Series.from_arrays([1, 2])) == "Series(2 values in 1 document)"
    assert repr(Series.from_arrays([[1], [2]], label="x")) == "Series(2 values in 2 documents: x)"
    many = Series.from_arrays(np.zeros((1, 2000, 3)))
    assert repr(many) == "Series(2,000 values of 3 channels in 1 document)"


def test_channels():
    series = Series.from_arrays([[[1, 2], [3, 4]], [[5, 6]]], label="pairs")
    second = series.channel(1)
    assert second.values.tolist() == [2, 4, 6]
    assert second.offsets.tolist() == [0, 2, 3]
    assert second.provenance == {"label": "pairs"}
    assert second.channel(0) is second
    for index in (2, -1, 0.5, True, "0"):
        with pytest.raises(InputError, match=r"there is no channel .*: they are 0 to 1"):
            series.channel(index)


# Quantiles


@pytest.mark.parametrize(("n_values", "n_symbols"), [(4, 2), (12, 3), (12, 4), (1000, 8), (1000, 1000), (70_000, 70)])
def test_equal_frequencies(n_values, n_symbols):
    values = np.random.default_rng(n_symbols).standard_normal(n_values)
    sequences = Series.from_arrays(values).quantise(n_symbols)
    assert sequences.codes.tolist() == cut(values.tolist(), n_symbols)
    assert sequences.alphabet_size == n_symbols
    assert sequences.codes.dtype == (np.uint8 if n_symbols <= 256 else np.uint16)


def test_frequencies_that_cannot_be_equal_differ_by_one():
    # Ranks as floating-point fractions of n would join neighbours, as for 25 values and 25 symbols.
    for n_values in range(2, 60):
        for n_symbols in range(2, n_values + 1):
            values = np.random.default_rng(n_values).permutation(n_values) * 0.1
            sequences = Series.from_arrays(values).quantise(n_symbols)
            counts = np.bincount(sequences.codes)
            assert len(counts) == n_symbols
            assert counts.max() - counts.min() <= 1


def test_documents_are_cut_at_the_same_places():
    series = Series.from_arrays([[0.0, 1.0], [2.0, 3.0, 4.0, 5.0]], label="steps")
    sequences = series.quantise(3)
    assert isinstance(sequences, Sequences)
    assert [document.tolist() for document in sequences] == [[0, 0], [1, 1, 2, 2]]
    assert sequences.provenance == {
        "label": "steps",
        "quantised": {"symbols": 3, "asked_for": 3, "edges": [2.0, 4.0]},
    }
    assert json.loads(json.dumps(sequences.provenance)) == sequences.provenance
    edges = sequences.provenance["quantised"]["edges"]
    assert np.searchsorted(edges, series.values, side="right").tolist() == sequences.codes.tolist()
    assert sequences.alphabet is None


@pytest.mark.parametrize(
    ("values", "n_symbols", "codes"),
    [
        ([0, 0, 1, 1], 4, [0, 0, 1, 1]),
        ([0] * 50 + [1] * 50, 4, [0] * 50 + [1] * 50),  # interpolated edges would leave a symbol without values
        ([0, 0, 0, 5, 6, 7], 3, [0, 0, 0, 0, 1, 1]),
        ([-1, 3, 3, 3], 2, [0, 1, 1, 1]),
        ([1, 2, 3], 1000, [0, 1, 2]),
        ([0, 0, 0, 1], 4, [0, 0, 0, 1]),
        ([-0.0, 0.0, 1, 2], 2, [0, 0, 1, 1]),
        ([1, 1 + 2**-52], 2, [0, 1]),
        ([-1e308, 1e308, 1.7e308, -1.7e308], 2, [0, 1, 1, 0]),  # differences of these overflow
    ],
)
def test_ties_and_few_values_give_fewer_symbols_and_none_without_values(values, n_symbols, codes):
    sequences = Series.from_arrays(np.array(values, float)).quantise(n_symbols)
    assert sequences.codes.tolist() == codes
    assert sequences.alphabet_size == len(set(codes))
    quantised = sequences.provenance["quantised"]
    assert (quantised["symbols"], quantised["asked_for"]) == (len(set(codes)), n_symbols)
    assert len(quantised["edges"]) == len(set(codes)) - 1


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0, 2.0], [0.0, 0.0, 0.0, 1.0]])
def test_values_that_cannot_be_cut(values):
    with pytest.raises(InputError, match=r"cannot be cut at their quantiles: \(nearly\) all of them are the same"):
        Series.from_arrays(values).quantise(2)


@pytest.mark.parametrize("n_symbols", [1, 0, -3, 65_537, 2.0, True, "4", None])
def test_numbers_of_symbols_that_are_none(n_symbols):
    with pytest.raises(InputError, match="the number of symbols must be a whole number from 2 to 65536, not "):
        Series.from_arrays([1.0, 2.0]).quantise(n_symbols)


def test_several_channels_have_no_quantiles():
    series = Series.from_arrays(np.arange(8.0).reshape(1, 4, 2))
    with pytest.raises(InputError, match=r"values of 2 channels have no quantiles: take one, with channel\(0\)"):
        series.quantise()
    assert series.channel(1).quantise(2).codes.tolist() == [0, 0, 1, 1]
    assert Series.from_arrays(np.arange(4.0).reshape(1, 4, 1)).quantise(2).codes.tolist() == [0, 0, 1, 1]
