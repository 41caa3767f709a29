"""Symbols of tables keep their text, and whole numbers may have any size."""

from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from miscope.errors import InputError
from miscope.sequences import Series, json_lines
from miscope.sequences.tables import read_table


def written(folder, cells, name="a.csv"):
    path = folder / name
    path.write_text("x\ty\n" + "".join(f"{cell}\t0\n" for cell in cells))
    return path


def symbols(found):
    return [[found.alphabet[code] for code in document] for document in found]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("01 1 001 02 2", ["01", "1", "001", "02", "2"]),
        ("10 2 1", [10, 2, 1]),
        ("+1 1", ["+1", "1"]),
        ("-0 0", ["-0", "0"]),
        ("007 008", ["007", "008"]),
        ("1.0 1", ["1.0", "1"]),
        ("1.0 2.0", [1, 2]),  # as pandas writes whole numbers beside missing ones
        ("1.50 1.5", ["1.50", "1.5"]),
        ("1e3 1000", ["1e3", "1000"]),
        ("TRUE true", ["TRUE", "true"]),
        ("2018-01-01 2018-1-1", ["2018-01-01", "2018-1-1"]),
        ("0x10 16", ["0x10", "16"]),
        ("1_000 1000", ["1_000", "1000"]),
        ("18446744073709551616 1 -5", [18446744073709551616, 1, -5]),
        ("9" * 90 + " 1", [int("9" * 90), 1]),
        ("1,5 2,5", ["1,5", "2,5"]),
        ("1 X", ["1", "X"]),
    ],
)
def test_text_is_a_number_where_the_number_is_that_text(tmp_path, cells, expected):
    found = read_table(written(tmp_path, cells.split()), "x", as_="symbols")
    assert symbols(found) == [expected]
    assert sorted(found.alphabet) == list(found.alphabet)


def test_white_space_is_no_symbol_unless_it_tells_two_apart(tmp_path):
    assert symbols(read_table(written(tmp_path, [" 1", " 2"]), "x")) == [[1, 2]]
    assert symbols(read_table(written(tmp_path, [" 1", "1"]), "x")) == [[" 1", "1"]]


def test_what_is_made_of_a_column_by_default(tmp_path):
    assert symbols(read_table(written(tmp_path, ["01", "1"]), "x")) == [["01", "1"]]
    assert symbols(read_table(written(tmp_path, ["1", "NA", "2"]), "x")) == [[1], [2]]
    for cells in (["1", "1.0"], ["1e3", "1000"], ["1", "2.5"]):
        assert read_table(written(tmp_path, cells), "x").values.tolist() == [float(cell) for cell in cells]


@pytest.mark.parametrize("cells", [["1,5", "2,5"], ["1.234,5", "2.000,25"], ["1,234", "5,678"], ["1,234.5", "2,000.5"]])
def test_numbers_with_commas_are_no_symbols_unless_asked_for(tmp_path, cells):
    with pytest.raises(InputError, match="decimal point"):
        read_table(written(tmp_path, cells), "x")
    with pytest.raises(InputError, match="decimal commas"):
        read_table(written(tmp_path, cells), "x", as_="numbers")


def test_files_keep_the_same_symbols(tmp_path):
    paths = [written(tmp_path, ["1", "2"], "1.csv"), written(tmp_path, ["01"], "2.csv")]
    assert symbols(read_table(paths, "x")) == [["1", "2"], ["01"]]
    parquet.write_table(pa.table({"x": [1, 3], "y": [0, 0]}), tmp_path / "3.parquet")
    assert symbols(read_table([paths[0], tmp_path / "3.parquet"], "x")) == [[1, 2], [1, 3]]


BIG = 2**64 + 1


@pytest.mark.parametrize("how", [None, "symbols"])
def test_whole_numbers_of_any_size(tmp_path, how):
    lines = tmp_path / "a.jsonl"
    for numbers in ([BIG, 1, BIG], [1] * 9 + [BIG], [-BIG, 1]):
        lines.write_text("".join(f'{{"x": {number}}}\n' for number in numbers))
        assert symbols(read_table(lines, "x", as_=how)) == [numbers]
    frame = pa.table({"x": pa.array([2**64 - 1, 1, None], pa.uint64())})
    assert symbols(read_table(frame, as_=how)) == [[2**64 - 1, 1]]
    frame = pa.table({"x": pa.array([Decimal(BIG), Decimal(1)], pa.decimal128(30, 0))})
    assert symbols(read_table(frame, as_=how)) == [[BIG, 1]]


@pytest.mark.parametrize("block", [1 << 24, 256])
def test_lists_of_whole_numbers_of_any_size(tmp_path, monkeypatch, block):
    """In JSON lines large numbers may come late, behind blocks of small ones."""
    monkeypatch.setattr(json_lines, "BLOCK", block)
    lines = tmp_path / "a.jsonl"
    for rows in ([[BIG, 1], [1]], [[1, 2]] * 40 + [[BIG, 2**300 % 10**76]]):
        lines.write_text("".join(f'{{"x": {row}}}\n' for row in rows))
        found = read_table(lines, "x")
        assert [found.decode(k) for k in range(len(found))] == rows
    for row, words in {
        "[1.5]": "line 41 .* has 1.5 in a list",
        "[true]": "one kind of value in a column: line 41",
        f"[{BIG}, 1e3]": "line 41 .* has 1000.0 in a list",
        f"[{'9' * 80}]": "line 41 .* more than 76 digits",
        f"[{-BIG}]": "negative",
    }.items():
        lines.write_text('{"x": [1, 2]}\n' * 40 + f'{{"x": {row}}}\n')
        with pytest.raises(InputError, match=words):
            read_table(lines, "x")


def test_numbers_of_json_with_fractions_or_exponents_are_numbers(tmp_path):
    lines = tmp_path / "a.jsonl"
    for cells in ("1e23 2.0", "1.0 2.0", f"{BIG} 2.5"):
        lines.write_text("".join(f'{{"x": {cell}}}\n' for cell in cells.split()))
        found = read_table(lines, "x")
        assert isinstance(found, Series)
        assert found.values.tolist() == [float(cell) for cell in cells.split()]
    lines.write_text(f'{{"x": 1}}\n{{"x": {"9" * 80}}}\n')
    with pytest.raises(InputError, match=r"line 2 .* write such numbers as strings"):
        read_table(lines, "x")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends_and_the_mark_at_the_beginning(tmp_path, ends):
    path = tmp_path / "a.tsv"
    for text, column in (
        ("a\tb\n1\tx\n2\ty\n", "a"),
        ('\ufeff"a"\tb\n1\tx\n2\ty\n', "a"),
        ("\ufeff1\tx\n2\ty\n", None),
    ):
        path.write_bytes(text.replace("\n", ends).encode())
        if column:
            assert symbols(read_table(path, column)) == [[1, 2]]
        else:
            assert symbols(read_table(path, "x", as_="symbols")) == [["y"]]


# Columns that tell documents


def test_documents_that_are_missing_numbers(tmp_path):
    for cells in (["1", "nan", "nan"], ["1", "NA", "2"], ["1.5", "", "2"], ["x", "", "y"]):
        path = tmp_path / "a.csv"
        path.write_text("d,x\n" + "".join(f"{cell},5\n" for cell in cells))
        for options in ({"document": "d"}, {"document": "d", "as_": "symbols"}, {"document": "d", "as_": "numbers"}):
            with pytest.raises(InputError, match=r"row 2 of .* which document"):
                read_table(path, "x", **options)
    frame = pa.table({"d": [1.0, float("nan"), float("nan")], "e": ["a", "b", "c"], "x": [1, 2, 3]})
    parquet.write_table(frame, tmp_path / "a.parquet")
    for data in (frame, tmp_path / "a.parquet"):
        for document in ("d", ["e", "d"]):
            with pytest.raises(InputError, match=r"row 2 of .* which document"):
                read_table(data, "x", document=document)


def test_a_name_that_looks_like_a_mark_is_a_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("d,x\nNA,1\nDE,2\n")
    assert symbols(read_table(path, "x", document="d")) == [[1], [2]]
