"""Texts and lists of strings in tables: against the texts read one by one, in every kind of file that has columns."""

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, feather, parquet

import miscope as ms
from miscope.errors import FormatError, InputError

TEXTS = ["So it is.\r\nIs it?", "", "Émile’s cat sat: हिन्दी cafe\u0301 a\u200bb café", None, "so so"]
WORDS = [["so", "it", "is"], [], ["it"], None, ["a", "so"]]


def written(folder, values, name="text"):
    """The same column in files of each kind that can have it."""
    table = pa.table({name: values, "n": list(range(len(values)))})
    parquet.write_table(table, folder / "a.parquet", row_group_size=2)
    feather.write_feather(table, folder / "a.feather")
    rows = [json.dumps({name: value, "n": k}) for k, value in enumerate(values)]
    (folder / "a.jsonl").write_text("\n".join(rows) + "\n")
    found = [folder / "a.parquet", folder / "a.feather", folder / "a.jsonl"]
    if not any(isinstance(value, list) for value in values):
        csv.write_csv(table, folder / "a.csv")
        found.append(folder / "a.csv")
    return found


@pytest.mark.parametrize("unit", ["character", "word", "token", "byte"])
@pytest.mark.parametrize("fold_case", [False, True])
def test_texts_by_a_unit(tmp_path, unit, fold_case):
    if unit == "byte" and fold_case:
        return
    kept = [text for text in TEXTS if text]
    expected = []
    for k, text in enumerate(kept):
        (tmp_path / f"{k}.txt").write_bytes(text.encode())
        one = ms.read_text(tmp_path / f"{k}.txt", unit=unit, fold_case=fold_case)
        expected.append([one.alphabet[code] for code in one.codes])
    for path in written(tmp_path, TEXTS):
        read = ms.read(path, column="text", unit=unit, fold_case=fold_case)
        assert [[read.alphabet[code] for code in document] for document in read] == expected, path
        assert read.provenance["unit"] == unit
        gone = read.provenance["missing_documents_dropped"] + read.provenance["empty_documents_dropped"]
        assert (gone, read.provenance["rows"]) == (2, 5)


def test_texts_by_a_tokenizer(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"so": 0, "it": 1, "[UNK]": 2}, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    for path in written(tmp_path, ["so it is", "it so", None]):
        read = ms.read(path, column="text", tokenizer=tmp_path / "tokenizer.json")
        assert [document.tolist() for document in read] == [[0, 1, 2], [1, 0]]
        assert (read.alphabet, read.provenance["unknown_tokens"]) == (("so", "it", "[UNK]"), 1)
    (tmp_path / "words.txt").write_text("so it")
    assert ms.read(tmp_path / "words.txt", tokenizer=tmp_path / "tokenizer.json").codes.tolist() == [0, 1]
    for path in written(tmp_path, [["it", "so"], ["so"]]):
        assert ms.read(path, column="text", tokenizer=tmp_path / "tokenizer.json").codes.tolist() == [1, 0, 0]
    for path in written(tmp_path, [[0, 1], [3]]):
        with pytest.raises(InputError, match=r"has the code 3, but the tokenizer .* has 3 tokens"):
            ms.read_table(path, "text", tokenizer=tmp_path / "tokenizer.json")


def test_lists_of_strings(tmp_path):
    for path in written(tmp_path, WORDS):
        read = ms.read(path, column="text")
        assert [read.decode(document) for document in range(len(read))] == [["so", "it", "is"], ["it"], ["a", "so"]]
        assert read.alphabet == ("a", "is", "it", "so")
        assert read.provenance["missing_documents_dropped"] == 1
        assert read.provenance["empty_documents_dropped"] == 1
        ordered = ms.read_table(path, "text", alphabet=["so", "it", "is", "a", "unseen"])
        assert (ordered[0].tolist(), ordered.alphabet_size) == ([0, 1, 2], 5)
        with pytest.raises(InputError, match="symbols that the alphabet does not have: 'is'"):
            ms.read_table(path, "text", alphabet=["so", "it", "a"])
        with pytest.raises(InputError, match=r"row 4 of .* has no value"):
            ms.read_table(path, "text", missing="refuse")
        with pytest.raises(InputError, match="leave unit and fold_case out"):
            ms.read_table(path, "text", unit="word")


def test_lists_as_categories(tmp_path):
    rows = pa.array([["x", "y"], ["y"]], pa.list_(pa.dictionary(pa.int32(), pa.string())))
    feather.write_feather(pa.table({"tokens": rows}), tmp_path / "a.feather")
    assert ms.read(tmp_path / "a.feather").codes.tolist() == [0, 1, 1]


def test_json_lines_as_any_table(tmp_path):
    lines = [{"day": f"2020-01-{k + 1:02d}", "close": close} for k, close in enumerate([2, 4, 4.5, 1])]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    read = ms.read(tmp_path / "a.jsonl", column="close", time="day", as_="returns")
    np.testing.assert_allclose(read.values, np.diff(np.log([2, 4, 4.5, 1])))
    (tmp_path / "b.ndjson").write_text('{"s": "b", "d": 1}\n{"s": "a", "d": 1}\n{"s": "b", "d": 2}\n')
    found = ms.read(tmp_path / "b.ndjson", column="s", document="d")
    assert [found.decode(document) for document in range(2)] == ["ba", "b"]
    (tmp_path / "days.jsonl").write_text('{"s": "2020-01-01"}\n{"s": "2020-01-02"}\n')  # strings as they are written
    assert ms.read(tmp_path / "days.jsonl").alphabet == ("2020-01-01", "2020-01-02")


def test_numbers_that_become_fractions_late(tmp_path, monkeypatch):
    monkeypatch.setattr("miscope.sequences.json_lines.BLOCK", 1 << 10)
    (tmp_path / "a.jsonl").write_text('{"x": 1}\n' * 2000 + '{"x": 1.5}\n')
    assert ms.read(tmp_path / "a.jsonl").values[-1] == 1.5


def test_a_bad_column_leaves_the_others_alone(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"s": "x", "bad": 1, "n": [1, 2]}\n{"s": "y", "bad": "q", "n": [3]}\n')
    assert ms.read(path, column="s").decode(0) == "xy"
    assert ms.read(path, column="n").lengths.tolist() == [2, 1]
    with pytest.raises(FormatError, match="line 2 has a string in 'bad'"):
        ms.read(path, column="bad")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("[1, 2]\n", "cannot be read as JSON lines"),
        ("so it is\n", "cannot be read as JSON lines"),
        ('{"x": 1}\n{"x": "a"}\n', "does not keep to one kind of value in a column"),
        ('{"x": 1}\n{"x": ', "cannot be read as JSON lines: line 2"),
        ('{"x": 1}\n\n{"x": 1}\n[1]\n', "line 4 is no object"),
        ('{"x": "a"}\n{"x": "b\n{"x": "c"}\n', "line 2 is not JSON"),
        ('{"x": 1}\n' * 9 + '{"x": "b"}\n', "line 10 has a string in 'x', where lines before it have a number"),
    ],
)
def test_json_lines_that_are_none(tmp_path, content, words):
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(InputError if content == "" else FormatError, match=words):
        ms.read(tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"column": "n", "unit": "word"}, "holds int64, and units and tokenizers are for columns of text"),
        ({"column": "text", "unit": "wrod"}, "did you mean 'word'"),
        ({"column": "text", "unit": "word", "as_": "symbols"}, "as_.* cannot be used with unit"),
        ({"column": "text", "unit": "word", "document": "n"}, "document.* cannot be used with unit"),
        ({"column": "text", "unit": "word", "alphabet": "ab"}, "alphabet.* cannot be used with unit"),
        ({"column": "text", "fold_case": True}, "texts, which a unit reads"),
        ({"column": "text", "unit": "word", "tokenizer": "t.json"}, "leave unit and fold_case out"),
        ({"column": "text", "unit": "byte", "fold_case": True}, "have a case to fold"),
        ({"column": "text", "unit": "word", "missing": "refuse"}, r"row 4 of .* has no value"),
        pytest.param(
            {"column": "text", "tokenizer": "./no.json"},
            r"there is no file or folder './no.json'",
            marks=pytest.mark.extras,
        ),
    ],
)
def test_what_does_not_go_together(tmp_path, options, words):
    path = written(tmp_path, TEXTS)[0]
    with pytest.raises(InputError, match=words):
        ms.read_table(path, **options)


def test_rows_without_symbols(tmp_path):
    for path in written(tmp_path, ["", "", None]):
        with pytest.raises(InputError, match="there is not one word"):
            ms.read_table(path, "text", unit="word")
    parquet.write_table(pa.table({"x": pa.array([[], []], pa.list_(pa.string()))}), tmp_path / "b.parquet")
    with pytest.raises(InputError, match="its lists are empty"):
        ms.read_table(tmp_path / "b.parquet")


def test_strings_of_json_lines_that_are_no_unicode(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"code": "so"}\n{"code": "is"}\n{"code": "s\xff"}\n')
    for options in ({}, {"unit": "word"}):
        with pytest.raises(FormatError, match=r"line 3 is not UTF-8"):
            ms.read_table(path, "code", **options)
