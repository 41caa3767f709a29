"""The container: what it takes, what it refuses, how it is cut, joined and merged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miscope.errors import InputError
from miscope.sequences import Sequences
from miscope.sequences.codes import recode

documents_of_codes = st.lists(st.lists(st.integers(0, 400), max_size=8), min_size=1, max_size=8).filter(
    lambda documents: any(documents)
)
documents_of_words = st.lists(st.lists(st.text(max_size=3), max_size=6), min_size=1, max_size=6).filter(
    lambda documents: any(documents)
)


def decoded(sequences):
    return [list(sequences.decode(document)) for document in range(len(sequences))]


@given(documents_of_codes)
def test_documents_come_back_as_they_were(documents):
    sequences = Sequences.from_arrays([np.array(document, int) for document in documents])
    assert decoded(sequences) == documents
    assert sequences.lengths.tolist() == [len(document) for document in documents]
    assert sequences.longest == max(map(len, documents))
    assert sequences.n_symbols == sum(map(len, documents))
    flat = [code for document in documents for code in document]
    assert sequences.alphabet_size == max(flat) + 1
    assert sequences.histogram().tolist() == [flat.count(code) for code in range(max(flat) + 1)]
    again = Sequences.from_arrays(sequences.codes, sequences.offsets)
    assert again == sequences
    assert [document.tolist() for document in again] == documents


@given(documents_of_words)
def test_symbols_come_back_as_they_were(documents):
    sequences = Sequences.from_arrays(documents)
    assert [[sequences.alphabet[code] for code in document] for document in sequences] == documents
    assert sequences.alphabet == tuple(sorted({word for document in documents for word in document}))


@pytest.mark.parametrize(
    ("data", "documents", "alphabet"),
    [
        ([2, 0, 1], [[2, 0, 1]], None),
        ((np.uint8(1), np.uint8(0)), [[1, 0]], None),
        (range(3), [[0, 1, 2]], None),
        ([True, False], [[1, 0]], None),
        (np.array([[0, 1], [1, 1]]), [[0, 1], [1, 1]], None),
        ([[0, 1], [1]], [[0, 1], [1]], None),
        ([np.array([3]), np.array([], int)], [[3], []], None),
        ("abba", [[0, 1, 1, 0]], ("a", "b")),
        (["b", "a"], [[1, 0]], ("a", "b")),
        (["abb", "ba"], [[0, 1, 1], [1, 0]], ("a", "b")),
        ([["no", "yes"], [], ["no"]], [[0, 1], [], [0]], ("no", "yes")),
        (np.array(["no", "yes", "no"]), [[0, 1, 0]], ("no", "yes")),
        (np.array([["x", "y"], ["y", "y"]]), [[0, 1], [1, 1]], ("x", "y")),
        (np.array(["no", "yes"], object), [[0, 1]], ("no", "yes")),
        ("𝔘\0é", [[2, 0, 1]], ("\0", "é", "𝔘")),
    ],
)
def test_what_is_accepted(data, documents, alphabet):
    if isinstance(data, np.ndarray) and data.dtype == object:
        data = [data.tolist()]
    sequences = Sequences.from_arrays(data)
    assert [document.tolist() for document in sequences] == documents
    assert sequences.alphabet == alphabet


@pytest.mark.parametrize(
    ("size", "dtype"), [(2, "uint8"), (256, "uint8"), (257, "uint16"), (65536, "uint16"), (65537, "uint32")]
)
def test_smallest_dtype(size, dtype):
    assert Sequences.from_arrays(np.array([0, size - 1], np.int64)).codes.dtype == dtype
    assert Sequences.from_arrays([[0], [size - 1]]).codes.dtype == dtype
    assert Sequences.from_arrays([0], alphabet_size=size).codes.dtype == dtype


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
def test_codes_are_not_copied(dtype, tmp_path):
    mapped = np.memmap(tmp_path / "codes", dtype, "w+", shape=(10,))
    assert np.shares_memory(Sequences.from_arrays(mapped, alphabet_size=3).codes, mapped)
    assert np.shares_memory(Sequences.from_arrays(mapped.reshape(2, 5)).codes, mapped)


def test_foreign_byte_order_and_strides_are_made_plain():
    big_endian = np.array([1, 2, 300], ">u2")
    assert Sequences.from_arrays(big_endian).codes.dtype.isnative
    assert Sequences.from_arrays(big_endian).codes.tolist() == [1, 2, 300]
    assert Sequences.from_arrays(np.arange(10, dtype=np.uint8)[::2]).codes.flags.c_contiguous


def test_given_alphabets():
    assert Sequences.from_arrays("ba", alphabet="bca").codes.tolist() == [0, 2]
    assert Sequences.from_arrays([0, 1], alphabet=["low", "high"]).decode(0) == ["low", "high"]
    assert Sequences.from_arrays([0, 1], alphabet=np.array([10, 20])).decode(0) == [10, 20]
    assert Sequences.from_arrays(["ab", "ba"], alphabet="abc").alphabet_size == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"data": []}, "empty"),
        ({"data": ""}, "empty"),
        ({"data": [[], []]}, "empty"),
        ({"data": np.zeros((0, 3), int)}, "empty"),
        ({"data": [0, 1, -2, -3]}, r"negative code -2 at position 2: .*np\.unique"),
        ({"data": [0.0, 1.0]}, r"astype\(int\).*quantise"),
        ({"data": [0.0, float("nan")]}, "value 1 is nan.*masked_invalid"),
        ({"data": [0, 1j]}, "not integers but complex"),
        ({"data": [0, None]}, "item 1 of a list is None"),
        ({"data": [0, 3], "alphabet_size": 3}, "code 3 is outside an alphabet of 3 symbols"),
        ({"data": np.array([0, 3], np.uint8), "alphabet_size": 3}, "code 3 is outside"),
        ({"data": [[0], [3]], "alphabet_size": 3}, "code 3 is outside"),
        ({"data": [2**32], "alphabet_size": 2**32}, "4294967296 is too large"),
        ({"data": np.zeros((2, 2, 2), int)}, "3 dimensions; pass one document a row"),
        ({"data": [np.zeros((2, 2), int)]}, "a document has one dimension, not 2"),
        ({"data": 3}, "one int, not a sequence"),
        ({"data": (i for i in range(3))}, "one generator, not a sequence"),
        ({"data": ["a", "bc"]}, "read in two ways"),
        ({"data": ["abc", [1, 2]]}, "partly str"),
        ({"data": [["a"], [1, 2]]}, "some documents hold strings and others numbers"),
        ({"data": [["a", 1]]}, "symbols are partly str"),
        ({"data": [["a", "z"]], "alphabet": ["a"]}, "the alphabet does not have: 'z'"),
        ({"data": [0, 1], "alphabet": ["a", "b"], "alphabet_size": 3}, "2 symbols but alphabet_size is 3"),
        ({"data": [0, 1], "alphabet": ["a", "a"]}, "a symbol twice"),
        ({"data": [0, 1], "alphabet": [0.5, 1.5]}, "each a str or an int"),
        ({"data": [0], "alphabet_size": 0}, "alphabet_size is 0"),
        ({"data": [0, 1], "offsets": [0, 2, 1, 2]}, "must not descend: 2 at position 1 is followed by 1"),
        ({"data": [0, 1], "offsets": [1, 2]}, "start at 0"),
        ({"data": [0, 1], "offsets": [0, 1]}, "end at the number of symbols, 2"),
        ({"data": [0, 1], "offsets": [0.0, 2.0]}, "whole numbers"),
        ({"data": [0, 1], "offsets": [0]}, "one more than there are documents"),
        ({"data": [[0], [1]], "offsets": [0, 2]}, "has its borders already"),
    ],
)
def test_what_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        Sequences.from_arrays(**arguments)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((np.zeros(2), np.array([0, 2]), 2), "1-D of uint8"),
        ((np.zeros(2, np.uint8), np.array([0, 2], np.int32), 2), "int64"),
        ((np.zeros(2, np.uint8), np.array([0, 1]), 2), "end at the number of symbols"),
        ((np.zeros(2, np.uint8), np.array([0, 2]), 2, ("a",)), "alphabet has 1 symbols"),
    ],
)
def test_constructor_checks_what_costs_nothing(parts, words):
    with pytest.raises(InputError, match=words):
        Sequences(*parts)


def test_text_of_itself():
    codes = np.arange(1_115_394, dtype=np.uint32) % 65 + 1
    sequences = Sequences.from_arrays(codes.astype(np.uint8), label="tinyshakespeare.txt")
    assert (sequences.n_kinds, sequences.alphabet_size, sequences.codes[0]) == (65, 66, 1)
    assert repr(sequences) == "Sequences(1,115,394 symbols of 65 kinds in 1 document: tinyshakespeare.txt)"
    assert str(Sequences.from_arrays([[0], [0]])) == "Sequences(2 symbols of 1 kind in 2 documents)"


def test_equality_and_indexing():
    sequences = Sequences.from_arrays([[0, 1], [2]])
    assert sequences == Sequences.from_arrays(np.array([0, 1, 2], np.uint32), [0, 2, 3], label="other")
    assert sequences != Sequences.from_arrays([[0], [1, 2]])
    assert sequences != Sequences.from_arrays([[0, 1], [2]], alphabet="abc")
    assert sequences != "abc"
    assert sequences[-1].tolist() == [2]
    assert np.shares_memory(sequences[0], sequences.codes)
    with pytest.raises(IndexError, match="document 2 of 2"):
        sequences[2]
    with pytest.raises(TypeError, match="unhashable"):
        hash(sequences)


@given(documents_of_codes, st.integers(1, 4), st.sampled_from(["documents", "symbols"]))
def test_parts_together_are_the_whole(documents, n_parts, by):
    sequences = Sequences.from_arrays([np.array(document, int) for document in documents])
    try:
        parts = sequences.split(n_parts, by=by)
    except InputError as error:
        assert "would be empty" in str(error)  # noqa: PT017
        return
    whole = Sequences.concatenate(parts)
    assert whole.codes.tolist() == sequences.codes.tolist()
    assert all(part.n_symbols for part in parts)
    if by == "documents":
        assert whole == sequences
    else:
        assert set(sequences.offsets) <= set(whole.offsets)
        assert max(abs(part.n_symbols - sequences.n_symbols / n_parts) for part in parts) <= 1


def test_split_takes_the_nearest_border():
    sequences = Sequences.from_arrays([[0] * 6, [1] * 3, [2]])
    assert [part.lengths.tolist() for part in sequences.split([0.7, 0.3])] == [[6], [3, 1]]
    assert [part.lengths.tolist() for part in sequences.split([0.8, 0.2])] == [[6, 3], [1]]
    assert [part.lengths.tolist() for part in sequences.split([0.1] * 10, by="symbols")] == [[1]] * 10
    assert [part.lengths.tolist() for part in sequences.split([0.7], by="symbols")] == [[6, 1]]
    assert sequences.split(1)[0].provenance["part"]["index"] == 1


def test_shuffled_split_keeps_every_document():
    lengths = np.random.default_rng(0).integers(0, 600, 9000)
    codes = np.random.default_rng(1).integers(0, 9, lengths.sum())
    sequences = Sequences.from_arrays(codes, np.concatenate([[0], np.cumsum(lengths)]))
    parts = sequences.split([0.5, 0.5], seed=3)
    order = np.random.default_rng(3).permutation(len(sequences))
    expected = np.concatenate([sequences[document] for document in order])
    assert np.array_equal(np.concatenate([part.codes for part in parts]), expected)
    assert np.array_equal(np.concatenate([part.lengths for part in parts]), lengths[order])
    assert parts[0] == sequences.split([0.5, 0.5], seed=3)[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0.9, 0.2],), "add up to at most 1"),
        (([],), "add up to at most 1"),
        (([1.2, -0.2],), "above 0"),
        (([float("nan")],), "above 0"),
        ((0,), "cannot split into 0 parts"),
        ((3, "documents"), "part 1 of 3 would be empty .*by='symbols'"),
        ((9, "symbols"), "would be empty .*too short"),
        ((2, "symbols", 0), "a seed shuffles documents"),
        ((2, "document"), "did you mean 'documents'"),
    ],
)
def test_splits_that_make_no_sense(arguments, words):
    with pytest.raises(InputError, match=words):
        Sequences.from_arrays([[0, 1, 1], [1]]).split(*arguments)


@given(st.lists(documents_of_words, min_size=1, max_size=3))
def test_concatenation_keeps_symbols(corpora):
    whole = Sequences.concatenate(Sequences.from_arrays(documents) for documents in corpora)
    expected = [document for documents in corpora for document in documents]
    assert [[whole.alphabet[code] for code in document] for document in whole] == expected


def test_concatenation_of_bare_codes():
    whole = Sequences.concatenate([Sequences.from_arrays([0, 1], label="a"), Sequences.from_arrays([300])])
    assert (whole.codes.tolist(), whole.codes.dtype, whole.alphabet_size) == ([0, 1, 300], np.uint16, 301)
    assert whole.provenance["label"] == "a and 1 more"


def test_concatenations_that_make_no_sense():
    with pytest.raises(InputError, match="nothing to concatenate"):
        Sequences.concatenate([])
    with pytest.raises(InputError, match="some have not"):
        Sequences.concatenate([Sequences.from_arrays("ab"), Sequences.from_arrays([0, 1])])


def test_merging_symbols():
    text = Sequences.from_arrays("so it is")
    vowels = dict.fromkeys("aeiou", "vowel")
    assert text.map_symbols(vowels, other="-").alphabet == ("-", "vowel")
    assert text.map_symbols(str.isspace).decode(0) == [0, 0, 1, 0, 0, 1, 0, 0]
    assert text.map_symbols([0, 1, 1, 0, 1]).codes.tolist() == [0, 1, 0, 1, 1, 0, 1, 0]
    assert text.map_symbols(np.array([0, 1, 1, 0, 1])).alphabet is None
    codes = Sequences.from_arrays([0, 5, 12, 25])
    assert codes.map_symbols(lambda code: np.int64(code // 10)).decode(0) == [0, 0, 1, 2]
    assert codes.map_symbols({12: "twelve"}, other=7).decode(0) == [7, 7, "twelve", 7]


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"s": "x"}, "4 symbols have no class: ' ', 'i', 'o', 't'; name them, or pass other="),
        ([0, 1], "one for each of the 5 codes"),
        ([0, 1, 1, 0, -1], "negative code -1 at position 4"),
        (lambda symbol: 0.5, "a str or an int, not 0.5"),
    ],
)
def test_merging_that_makes_no_sense(mapping, words):
    with pytest.raises(InputError, match=words):
        Sequences.from_arrays("so it is").map_symbols(mapping)


def test_ten_million_documents_are_no_trouble():
    n = 10_000_000
    sequences = Sequences.from_arrays(np.arange(n, dtype=np.uint32) % 3, np.arange(n + 1))
    assert sequences.longest == 1
    assert sequences.histogram().sum() == n
    first, second = sequences.split(2)
    assert (len(first), len(second)) == (n // 2, n // 2)


def test_long_labels_that_repeat_are_labels():
    labels = ["approaching the nest box from the left", "resting in the nest box, out of sight"] * 30
    made = Sequences.from_arrays(labels)
    assert (made.n_documents, made.n_symbols, made.n_kinds) == (1, 60, 2)
    assert "labels" in made.provenance["notes"][0]


@pytest.mark.parametrize("codes", [np.array([0, 3], np.uint8), np.array([0, -1]), np.array([0, 1 << 40])])
def test_codes_outside_of_a_table_are_refused(codes):
    with pytest.raises(InputError, match="outside of 0 to 2"):
        recode(codes, np.arange(3))
    assert recode(codes[:1], np.arange(3)).tolist() == [0]
