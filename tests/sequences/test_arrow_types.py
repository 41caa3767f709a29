"""Types of Arrow columns, as libraries write them into files, and as tables read them."""

import decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import miscope as ms
from miscope.errors import FormatError, InputError
from miscope.sequences.arrow_types import plain, plain_type, sound

WORDS = ["so", "it", None, "is", "so", "so"]


def views(values):
    return pa.array(values, pa.string_view())


TEXTS = {
    "view": views(WORDS),
    "slice of a view": views(["x", *WORDS, "y"]).slice(1, 6),
    "dictionary of views": pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2, 0, 0]), views(["so", "it", "is"])),
    "run ends": pc.run_end_encode(pa.array(WORDS)),
    "slice of run ends": pc.run_end_encode(pa.array(["x", "x", *WORDS, "y"])).slice(2, 6),
    "run ends of views": pa.RunEndEncodedArray.from_arrays(
        pa.array([1, 2, 3, 4, 6], pa.int32()), views(["so", "it", None, "is", "so"])
    ),
}
LISTS = {
    "view of lists": pa.array([[1, 2], None, [3]], pa.list_view(pa.int32())),
    "decimals": pa.array([[1, 2], None, [3]], pa.list_(pa.decimal128(5))),
}


def written(path, columns):
    table = pa.table(columns)
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)
    return path


@pytest.mark.parametrize("how", list(TEXTS))
def test_texts(how, tmp_path):
    column = TEXTS[how]
    assert plain(column).type == plain_type(column.type)
    assert plain(column).to_pylist() == WORDS
    assert plain(pa.chunked_array([column, column])).to_pylist() == WORDS * 2
    file = written(tmp_path / "a.arrow", {"word": column, "of": [1] * 6})
    made = ms.read_table(file, "word", document="of")
    assert [made.decode(k) for k in range(2)] == [["so", "it"], ["is", "so", "so"]]
    assert ms.read_table(file, "word", unit="character").n_documents == 5


def test_views_tell_documents(tmp_path):
    file = written(tmp_path / "a.arrow", {"x": list("abcabc"), "of": views(list("pppqqq"))})
    assert ms.read_table(file, "x", document="of").lengths.tolist() == [3, 3]


@pytest.mark.parametrize("how", list(LISTS))
def test_lists(how, tmp_path):
    made = ms.read_table(written(tmp_path / "a.arrow", {"codes": LISTS[how]}), "codes")
    assert [document.tolist() for document in made] == [[1, 2], [3]]
    words = pa.array([["so", "it"], ["it"]], pa.list_(pa.string_view()))
    assert ms.read_table(written(tmp_path / "b.arrow", {"words": words})).decode(1) == ["it"]


def test_numbers(tmp_path):
    columns = {"whole": pa.array([decimal.Decimal(k) for k in (7, 8, 7)]), "half": pa.array(np.float16([0.5, 1, 2]))}
    file = written(tmp_path / "a.arrow", columns)
    assert ms.read_table(file, "whole").alphabet == (7, 8)
    assert ms.read_table(file, "half").values.tolist() == [0.5, 1, 2]


NESTED = {
    "struct": pa.array([{"a": "x"}] * 3),
    "map": pa.array([[("a", 1)]] * 3, pa.map_(pa.string(), pa.int64())),
    "list": pa.array([[1]] * 3),
}


@pytest.mark.parametrize("how", list(NESTED))
def test_what_is_made_of_several_values_tells_no_documents(how, tmp_path):
    file = written(tmp_path / "a.arrow", {"x": [1, 2, 1], "of": NESTED[how]})
    with pytest.raises(InputError, match=f"column 'of' .* holds .*{how}.* cannot tell documents"):
        ms.read_table(file, "x", document="of")
    if how != "list":
        with pytest.raises(InputError, match=f"column 'of' .* holds .*{how}.* neither symbols nor numbers"):
            ms.read_table(file, "of")


def test_names_that_two_columns_have(tmp_path):
    table = pa.Table.from_arrays([pa.array([1, 2]), pa.array([3, 4]), pa.array([5, 6])], ["x", "y", "x"])
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as file:
        file.write_table(table)
    assert ms.read_table(tmp_path / "a.arrow", "y").alphabet == (3, 4)
    with pytest.raises(InputError, match="two columns of the name 'x'"):
        ms.read_table(tmp_path / "a.arrow", "x")


def broken(kind):
    """A column whose buffers lead outside of themselves, or hold what is none of its type."""
    outside = pa.array([0, 2, 1 << 20, 3], pa.int32())
    offsets = outside.buffers()[1]
    backwards = pa.py_buffer(np.array([0, 3, 1, 3], np.int32))
    ab, bad = pa.py_buffer(b"abc"), pa.py_buffer(b"a\xffc")
    good = pa.py_buffer(np.array([0, 1, 2, 3], np.int32))
    made = {
        "offsets": lambda: pa.Array.from_buffers(pa.string(), 3, [None, offsets, ab]),
        "offsets backwards": lambda: pa.Array.from_buffers(pa.string(), 3, [None, backwards, ab]),
        "no UTF-8": lambda: pa.Array.from_buffers(pa.string(), 3, [None, good, bad]),
        "half a character": lambda: pa.Array.from_buffers(pa.string(), 3, [None, good, pa.py_buffer("a\xe4".encode())]),
        "index": lambda: pa.DictionaryArray.from_arrays(pa.array([0, 1, 7]), ["a", "b", "c"], safe=False),
        "negative index": lambda: pa.DictionaryArray.from_arrays(pa.array([0, -1, 1]), ["a", "b", "c"], safe=False),
        "strings of a dictionary": lambda: pa.DictionaryArray.from_arrays(
            pa.array([0, 1, 0]), pa.Array.from_buffers(pa.string(), 3, [None, good, bad]), safe=False
        ),
        "lists": lambda: pa.ListArray.from_arrays(outside, pa.array([1, 2, 3])),
        "lists of strings": lambda: pa.ListArray.from_arrays(
            pa.array([0, 1, 2, 3], pa.int32()), pa.Array.from_buffers(pa.string(), 3, [None, offsets, ab])
        ),
        "lists of a dictionary": lambda: pa.ListArray.from_arrays(
            pa.array([0, 1, 2, 3], pa.int32()),
            pa.DictionaryArray.from_arrays(pa.array([0, 1, 7]), ["a", "b", "c"], safe=False),
        ),
    }
    return made[kind]()


BROKEN = [
    *("offsets", "offsets backwards", "no UTF-8", "half a character", "index", "negative index"),
    *("strings of a dictionary", "lists", "lists of strings", "lists of a dictionary"),
]


@pytest.mark.parametrize("kind", BROKEN)
def test_what_leads_outside_of_its_buffers_is_refused(kind, tmp_path):
    """Each would be the end of the process, an error of Python's, or the wrong symbols."""
    with pytest.raises(FormatError, match="damaged"):
        sound(broken(kind))
    with pytest.raises(FormatError, match=r"a\.arrow.*damaged"):
        ms.read_table(written(tmp_path / "a.arrow", {"x": broken(kind)}), "x")


@pytest.mark.parametrize(
    "good",
    [
        pa.array(["ab", None, "", "\xe4"]),
        pa.array(["ab", "c", "d"]).slice(1),
        pa.array([], pa.string()),
        pa.array([None, None], pa.string()),
        pa.array(["a", None, "b", "a"]).dictionary_encode(),
        pa.array([None], pa.string()).dictionary_encode(),
        pa.array([["a"], None, []]),
        pa.array(["a long one that is not inside", "b"], pa.string_view()),
    ],
)
def test_what_is_whole_stays_as_it_is(good):
    assert sound(good) is good
