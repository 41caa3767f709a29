"""Counts that add, keep, and lead on to fingerprints."""

import contextlib
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import miscope as ms
import naive
from miscope.counting.doors import count_fingerprints, count_pairs
from miscope.counting.pairs import PairCounts
from miscope.errors import FormatError, InputError, MiscopeWarning
from miscope.sequences import Sequences

SETTINGS = settings(max_examples=60, deadline=None)
SIZE = 4
DOCUMENTS = st.lists(st.lists(st.integers(0, SIZE - 1), max_size=12), min_size=1, max_size=6).filter(
    lambda documents: max(map(len, documents)) > 3
)


def sequences_of(documents, size=SIZE):
    return Sequences.from_arrays([np.array(document, np.uint8) for document in documents], alphabet_size=size)


@SETTINGS
@given(DOCUMENTS, DOCUMENTS)
def test_counts_of_two_corpora_add_to_those_of_both(first, second):
    one, two, both = (count_pairs(sequences_of(part), [1, 3], 0) for part in (first, second, first + second))
    assert one + two == both
    assert two + one == both
    assert (one + two).n_pairs.tolist() == (one.n_pairs + two.n_pairs).tolist()


@SETTINGS
@given(DOCUMENTS, DOCUMENTS, DOCUMENTS, st.sampled_from([0, 2, 3]))
def test_adding_is_commutative_and_associative_block_by_block(first, second, third, blocks):
    a, b, c = (count_pairs(sequences_of(part), [1, 3], blocks) for part in (first, second, third))
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    for i in range(2):
        for j in range(max(blocks, 1)):
            assert block_cells(a + b, i, j) == naive.total([block_cells(a, i, j), block_cells(b, i, j)])


def block_cells(counts, index, block):
    cells = counts.cells(index)
    part = slice(cells.offsets[block], cells.offsets[block + 1])
    return dict(zip(cells.keys[part].tolist(), cells.counts[part].tolist(), strict=True))


@SETTINGS
@given(DOCUMENTS, st.integers(1, 3))
def test_a_table_is_what_counting_by_hand_gives(documents, lag):
    table = count_pairs(sequences_of(documents), [1, 2, 3], 2).table(lag)
    expected = np.zeros((SIZE, SIZE), int)
    for pair, count in naive.pair_counts(documents, lag).items():
        expected[pair] = count
    np.testing.assert_array_equal(table, expected)
    assert table.dtype == np.int64


@SETTINGS
@given(DOCUMENTS, st.sampled_from([0, 2, 4]), st.sampled_from(["dense", "bits", "sparse"]))
def test_fingerprints_of_counts_are_those_counted_directly(documents, blocks, method):
    sequences = sequences_of(documents)
    direct = count_fingerprints(sequences, [1, 2, 3], blocks, method)
    through = count_pairs(sequences, [1, 2, 3], blocks, method).fingerprints()
    for name in ("joint", "left", "right"):
        for part in ("counts", "multiplicities", "offsets"):
            np.testing.assert_array_equal(getattr(getattr(direct, name), part), getattr(getattr(through, name), part))
    np.testing.assert_array_equal(direct.lags, through.lags)
    np.testing.assert_array_equal(direct.block_pairs, through.block_pairs)
    assert direct.n_blocks == through.n_blocks


def test_fingerprints_of_a_sum_are_those_of_both_corpora():
    a, b = sequences_of([[0, 1, 2, 3, 0, 1]]), sequences_of([[1, 1, 2], [3, 3, 3, 3]])
    both = count_fingerprints(Sequences.concatenate([a, b]), [1, 2], 0)
    added = (count_pairs(a, [1, 2], 0) + count_pairs(b, [1, 2], 0)).fingerprints()
    for name in ("joint", "left", "right"):
        np.testing.assert_array_equal(getattr(both, name).counts, getattr(added, name).counts)
        np.testing.assert_array_equal(getattr(both, name).multiplicities, getattr(added, name).multiplicities)
    assert added.n_symbols_seen == both.n_symbols_seen == 4


TEXTS = st.lists(st.text("abcde", min_size=4, max_size=30), min_size=1, max_size=3)


@SETTINGS
@given(TEXTS, TEXTS, st.sampled_from([0, 2]))
def test_corpora_of_other_alphabets_add_symbol_by_symbol(first, second, blocks):
    a, b = (Sequences.from_arrays(list(map(list, texts))) for texts in (first, second))
    added = count_pairs(a, [1, 2], blocks) + count_pairs(b, [1, 2], blocks)
    expected = naive.pair_counts([list(map(ord, text)) for text in first + second], 2)
    table = added.table(2)
    points = list(map(ord, added.alphabet))
    found = {(points[i], points[j]): int(table[i, j]) for i, j in zip(*np.nonzero(table), strict=True)}
    assert found == expected
    assert added.alphabet[: len(a.alphabet)] == a.alphabet
    assert sorted(added.alphabet) == sorted({*a.alphabet, *b.alphabet})
    assert added.corpus.histogram.tolist() == ["".join(first + second).count(symbol) for symbol in added.alphabet]
    assert added.corpus.lengths.tolist() == [len(text) for text in first + second]
    together, found = count_pairs(Sequences.concatenate([a, b]), [1, 2], 0).fingerprints(), added.fingerprints()
    for name in ("joint", "left", "right"):
        for k in range(2):
            whole = getattr(found, name)[k * (blocks + 1) : k * (blocks + 1) + 1]
            alone = getattr(together, name)[k : k + 1]
            assert whole.counts.tolist() == alone.counts.tolist()
            assert whole.multiplicities.tolist() == alone.multiplicities.tolist()


def test_plain_codes_of_other_sizes_add():
    one, other = (sequences_of([[0, 4, 0, 0, 4]], 5), sequences_of([[0, 1, 1, 0]], 2))
    added = count_pairs(one, [1], 0) + count_pairs(other, [1], 0)
    assert added.alphabet_size == 5
    assert added.table(1)[np.ix_([0, 1, 4], [0, 1, 4])].tolist() == [[1, 1, 2], [1, 1, 0], [1, 0, 0]]


def test_where_counts_come_from_is_kept():
    one, two, three = (
        count_pairs(Sequences.from_arrays(text, label=text), [1], 0) for text in ("abab", "bcbc", "cdcd")
    )
    added = (one + two) + three
    assert [part["label"] for part in added.corpus.provenance["added"]] == ["abab", "bcbc", "cdcd"]
    assert added.corpus.provenance["label"] == "abab and others"
    assert added.corpus.n_symbols == 12


def test_seen_symbols_are_those_in_pairs():
    assert count_pairs(sequences_of([[0, 0, 2, 2]]), [1], 0).n_symbols_seen == 2


SMALL = sequences_of([[0, 1, 2, 3, 0, 1, 2, 0, 0]])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda: count_pairs(SMALL, [1, 3], 2), "different lags; count both corpora at the same lags"),
        (lambda: count_pairs(SMALL, [1], 2), "different lags"),
        (lambda: count_pairs(SMALL, [1, 2], 0), "different n_blocks, . and .; count both alike"),
        (
            lambda: count_pairs(Sequences.from_arrays("abcdab"), [1, 2], 2),
            "symbols with names to counts of plain codes",
        ),
    ],
)
def test_counts_that_do_not_add(other, words):
    counts = count_pairs(SMALL, [1, 2], 2)
    with pytest.raises(InputError, match=f"cannot add counts (with|of|at) {words}"):
        counts + other()
    with pytest.raises(InputError, match=f"cannot add counts (with|of|at) {words}"):
        other() + counts


def test_counts_add_to_nothing_else():
    counts = count_pairs(SMALL, [1], 0)
    with pytest.raises(TypeError):
        counts + 1
    with pytest.raises(TypeError):
        hash(counts)
    assert counts != 1
    assert counts != count_pairs(SMALL, [2], 0)
    assert counts != count_pairs(SMALL, [1], 2)


def test_a_lag_that_was_not_counted():
    with pytest.raises(InputError, match=r"lag 4 was not counted; there are \[1, 2\]"):
        count_pairs(SMALL, [1, 2], 0).table(4)


def test_a_table_too_large_for_memory():
    counts = count_pairs(Sequences.from_arrays([0, 5, 0], alphabet_size=20_001), [1], 0)
    with pytest.raises(InputError, match=r"a table of 20,001 x 20,001 is too large: use cells\(\)"):
        counts.table(1)


def test_counts_print_themselves():
    counts = count_pairs(SMALL, [1, 2], 2)
    assert repr(counts) == "PairCounts(2 lags, 2 blocks, 4 symbols, 15 cells, 8 pairs at most)"


@SETTINGS
@given(documents=DOCUMENTS, blocks=st.sampled_from([0, 2, 4]))
def test_saved_counts_come_back(documents, blocks, tmp_path_factory):
    path = tmp_path_factory.mktemp("counts") / "counts.arrow"
    counts = count_pairs(sequences_of(documents), [1, 3], blocks)
    counts.save(path)
    back = PairCounts.load(path)
    assert back == counts
    assert back + counts == counts + counts
    np.testing.assert_array_equal(back.fingerprints().joint.counts, counts.fingerprints().joint.counts)
    np.testing.assert_array_equal(back.table(3), counts.table(3))
    for name in ("lags", "offsets", "keys", "counts"):
        assert getattr(back, name).dtype == np.int64


@pytest.mark.parametrize("data", ["abracadabra", [["ü", "so", "\n"], ["so", "so"]], [[0, 1, 0]]], ids=str)
def test_saved_alphabets_come_back(data, tmp_path):
    counts = count_pairs(Sequences.from_arrays(data), [1], 2)
    counts.save(tmp_path / "counts.arrow")
    back = PairCounts.load(str(tmp_path / "counts.arrow"))
    assert back.alphabet == counts.alphabet
    assert back == counts


def test_an_alphabet_of_numbers_and_a_numpy_size_are_saved(tmp_path):
    for sequences in (
        Sequences.from_arrays([0, 1, 0], alphabet_size=np.int64(3)),
        Sequences.from_arrays([0, 1, 0], alphabet=np.array([10, 20])),
    ):
        counts = count_pairs(sequences, [1], np.int64(2))
        counts.save(tmp_path / "counts.arrow")
        assert PairCounts.load(tmp_path / "counts.arrow") == counts


def test_saving_replaces_whole_files_only(tmp_path):
    path = tmp_path / "counts.arrow"
    count_pairs(SMALL, [1], 0).save(path)
    count_pairs(SMALL, [2], 0).save(path)
    assert PairCounts.load(path).lags.tolist() == [2]
    assert [file.name for file in tmp_path.iterdir()] == ["counts.arrow"]


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "counts.arrow"
    count_pairs(SMALL, [1, 2], 2).save(path)
    return path


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"no such file: .*none\.arrow"):
        PairCounts.load(tmp_path / "none.arrow")


def test_a_folder(tmp_path):
    with pytest.raises(InputError, match="is not a file of pair counts"):
        PairCounts.load(tmp_path)


def test_truncated_files_are_refused_at_every_length(saved):
    whole = saved.read_bytes()
    for length in [*range(0, len(whole), 7), len(whole) - 1]:
        saved.write_bytes(whole[:length])
        with pytest.raises(FormatError, match=r"is not a file of pair counts|does not hold pair counts"):
            PairCounts.load(saved)


def test_files_with_bytes_overwritten_never_fail_in_another_way(saved):
    whole, counts = saved.read_bytes(), PairCounts.load(saved)
    for at in range(0, len(whole) - 8, 5):
        other = saved.with_name("other.arrow")  # since counts are mapped
        other.write_bytes(whole[:at] + b"\xff" * 4 + whole[at + 4 :])
        with contextlib.suppress(FormatError):
            assert PairCounts.load(other) == counts


def test_foreign_files(tmp_path):
    path = tmp_path / "foreign.arrow"
    path.write_text("left,right\n0,1\n")
    with pytest.raises(FormatError, match="is not a file of pair counts, or is damaged"):
        PairCounts.load(path)
    Sequences.from_arrays([0, 1]).save(path)
    with pytest.raises(FormatError, match="does not hold pair counts of miscope"):
        PairCounts.load(path)
    counts = count_pairs(SMALL, [1], 0)
    counts.save(path)
    with pytest.raises(FormatError):
        ms.Sequences.open(path)


GOOD = {
    "format": "miscope.pair_counts",
    "version": 2,
    "n_blocks": 0,
    "alphabet_size": 2,
    "alphabet": None,
    "corpus": {"provenance": {}, "n_cut": 0},
}
COLUMNS = {
    "lags": [1],
    "offsets": [0, 2],
    "keys": [0, 3],
    "counts": [5, 6],
    "lengths": [12],
    "histogram": [6, 7],
}


def write(path, about=GOOD, columns=COLUMNS):
    metadata = {b"miscope": about if isinstance(about, bytes) else json.dumps(about).encode()}
    arrays = [pa.array([values]) for values in columns.values()]
    arrays = [array.cast(pa.large_list(array.type.value_type)) for array in arrays]
    schema = pa.schema([(name, array.type) for name, array in zip(columns, arrays, strict=True)], metadata=metadata)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch(arrays, schema=schema))


def test_a_file_written_by_hand_is_read(tmp_path):
    write(tmp_path / "hand.arrow")
    with pytest.warns(MiscopeWarning, match="has no digest"):
        counts = PairCounts.load(tmp_path / "hand.arrow")
    assert counts.table(1).tolist() == [[5, 0], [0, 6]]
    assert counts.corpus.lengths.tolist() == [12]


def without(name):
    return {key: value for key, value in GOOD.items() if key != name}


@pytest.mark.parametrize(
    "about",
    [
        pytest.param(b"[]", id="list"),
        pytest.param(b"7", id="number"),
        pytest.param(b"no JSON", id="no JSON"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param({**GOOD, "format": "miscope.sequences"}, id="format"),
        *(pytest.param(without(name), id=f"without {name}") for name in GOOD),
        pytest.param({**GOOD, "n_blocks": 3}, id="too many blocks"),
        pytest.param({**GOOD, "n_blocks": "two"}, id="blocks in words"),
        pytest.param({**GOOD, "alphabet": 4}, id="alphabet is a number"),
        pytest.param({**GOOD, "alphabet": ["a"]}, id="alphabet too small"),
        pytest.param({**GOOD, "alphabet_size": 1}, id="keys outside the alphabet"),
        pytest.param({**GOOD, "corpus": 4}, id="corpus is a number"),
    ],
)
def test_files_whose_description_is_not_true(tmp_path, about):
    path = tmp_path / "damaged.arrow"
    write(path, about)
    with pytest.raises(FormatError, match=r"damaged\.arrow"):
        PairCounts.load(path)


def test_files_of_another_version_say_what_to_do(tmp_path):
    write(tmp_path / "old.arrow", {**GOOD, "version": 1})
    with pytest.raises(FormatError, match=r"form 1 of another version.*count again, with miscope count"):
        PairCounts.load(tmp_path / "old.arrow")


@pytest.mark.parametrize(
    "columns",
    [
        *(
            pytest.param({name: values for name, values in COLUMNS.items() if name != left_out}, id=f"no {left_out}")
            for left_out in COLUMNS
        ),
        pytest.param({**COLUMNS, "keys": ["a", "b"]}, id="text"),
        pytest.param({**COLUMNS, "keys": [0.5, 1.5]}, id="fractions"),
        pytest.param({**COLUMNS, "keys": [0, None]}, id="nothing"),
        pytest.param({**COLUMNS, "keys": [0, -3]}, id="negative"),
        pytest.param({**COLUMNS, "counts": [5, 0]}, id="counted never"),
        pytest.param({**COLUMNS, "counts": [5]}, id="too few counts"),
        pytest.param({**COLUMNS, "offsets": [0, 1]}, id="offsets end early"),
        pytest.param({**COLUMNS, "offsets": [0, 9]}, id="offsets end late"),
        pytest.param({**COLUMNS, "offsets": [1, 2]}, id="offsets start late"),
        pytest.param({**COLUMNS, "offsets": [0, 1, 2]}, id="too many offsets"),
        pytest.param({**COLUMNS, "lags": [1, 2], "offsets": [0, 3, 2]}, id="offsets descend"),
        pytest.param({**COLUMNS, "lags": [1, 2]}, id="too many lags"),
        pytest.param({**COLUMNS, "lags": ["many"]}, id="lags in words"),
        pytest.param({**COLUMNS, "histogram": [1, 2, 3]}, id="too many symbols"),
    ],
)
def test_files_whose_columns_are_others(tmp_path, columns):
    path = tmp_path / "damaged.arrow"
    write(path, GOOD, columns)
    with pytest.raises(FormatError, match=r"damaged\.arrow"):
        PairCounts.load(path)


def test_a_file_without_a_batch(tmp_path):
    path = tmp_path / "damaged.arrow"
    schema = pa.schema([("keys", pa.large_list(pa.int64()))], metadata={b"miscope": json.dumps(GOOD)})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema):
        pass
    with pytest.raises(FormatError, match=r"damaged\.arrow"):
        PairCounts.load(path)
