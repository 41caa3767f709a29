"""Columns of tables, against a reader of CSV that goes row by row."""

import csv
import gzip
import io
import json
import lzma
import math
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet

from miscope.errors import FormatError, InputError
from miscope.sequences import Sequences, Series, streams, table_files
from miscope.sequences.tables import read_table

MARKS = {"", "NA", "NaN", "null"}


def slow(text, column, document=None):
    """Documents of the texts of a column: broken where the document changes, and where nothing is."""
    rows = list(csv.DictReader(io.StringIO(text)))
    made, last = [], None
    for row in rows:
        if (document is not None and row[document] != last) or not made:
            made.append([])
            last = row.get(document)
        if row[column] in MARKS:
            made.append([])
        else:
            made[-1].append(row[column])
    return [part for part in made if part]


def symbols(sequences):
    return [[sequences.alphabet[code] for code in document] for document in sequences]


def write(folder, text, name="a.csv"):
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def table_of(rows, names):
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(names)
    writer.writerows(rows)
    return out.getvalue()


def kinds_of_files(folder, table):
    """The same table in all kinds of binary files, in batches of two rows."""
    parquet.write_table(table, folder / "a.parquet", row_group_size=2)
    feather.write_feather(table, folder / "a.feather", chunksize=2)
    feather.write_feather(table, folder / "plain.arrow", chunksize=2, compression="uncompressed")
    with pa.OSFile(str(folder / "stream.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return [folder / name for name in ("a.parquet", "a.feather", "plain.arrow", "stream.arrow")]


# What is read


cell = st.sampled_from(["up", "down", "", "é ,", 'say "x"', "two\nlines"])


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(st.integers(0, 3), cell), min_size=1, max_size=30), st.integers(20, 200))
def test_symbols_and_documents(tmp_path_factory, rows, block):
    rows = [(f"d{d}", value) for d, value in sorted(rows, key=lambda row: row[0])]
    text = table_of(rows, ["who", "what"])
    path = write(tmp_path_factory.mktemp("csv"), text)
    expected = slow(text, "what", "who")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_files, "BLOCK", block)
        if not expected:
            with pytest.raises(InputError, match="there is not one value in column 'what'"):
                read_table(path, "what", document="who", quoting="fields")
            return
        found = read_table(path, "what", document="who", quoting="fields")
    assert symbols(found) == expected
    assert found.alphabet == tuple(sorted({value for _, value in rows if value}))
    assert found.provenance["missing"] == {"how": "break", "dropped": sum(value == "" for _, value in rows)}
    assert found.provenance["rows"] == len(rows)
    assert len(found.provenance["documents"]) == len(found)


number = st.one_of(st.floats(-1e6, 1e6).map(repr), st.sampled_from(["", "NA", "NaN", "1e3", "7"]))


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(st.integers(0, 2), number), min_size=1, max_size=30), st.integers(40, 200))
def test_numbers_and_documents(tmp_path_factory, rows, block):
    rows = [(f"d{d}", value) for d, value in sorted(rows, key=lambda row: row[0])]
    text = table_of(rows, ["who", "x"])
    expected = slow(text, "x", "who")
    if not expected:
        return
    folder = tmp_path_factory.mktemp("numbers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_files, "BLOCK", block)
        found = read_table(write(folder, text), "x", document="who", as_="numbers")
    assert [document.tolist() for document in found] == [[float(value) for value in part] for part in expected]
    numbers = [None if value in MARKS else float(value) for _, value in rows]
    table = pa.table(
        {"who": pa.array([who for who, _ in rows]).dictionary_encode(), "x": pa.array(numbers, pa.float64())}
    )
    for path in kinds_of_files(folder, table):
        again = read_table(path, "x", document="who")
        assert again.values.tolist() == found.values.tolist()
        assert again.offsets.tolist() == found.offsets.tolist()


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([60, 62, -1, None, 60]), [[60, 62, -1], [60]]),
        (pa.array([60, 62, 255, None, 60], pa.uint8()), [[60, 62, 255], [60]]),
        (pa.array(["b", "a", "b", None, "c"]), [["b", "a", "b"], ["c"]]),
        (pa.array(["b", "a", "b", None, "c"], pa.large_string()), [["b", "a", "b"], ["c"]]),
        (pa.array(["b", "a", "b", None, "c"]).dictionary_encode(), [["b", "a", "b"], ["c"]]),
        (pa.array([7, 5, 7, None, 9]).dictionary_encode(), [[7, 5, 7], [9]]),
        (pa.array([True, False, True, None, True]), [["true", "false", "true"], ["true"]]),
        (pa.DictionaryArray.from_arrays([0, 1, 0, None, 1], ["b", "a", "unused"]), [["b", "a", "b"], ["a"]]),
    ],
)
def test_stored_types(tmp_path, column, expected):
    for path in kinds_of_files(tmp_path, pa.table({"x": column})):
        found = read_table(path)
        assert symbols(found) == expected
        assert found.alphabet == tuple(sorted({symbol for part in expected for symbol in part}))
        assert found.provenance["missing"]["dropped"] == 1
        with pytest.raises(InputError, match=r"row 4 of '.*' has no value: fill it in, or let documents break"):
            read_table(path, missing="refuse")


def test_a_dictionary_may_have_the_missing_value(tmp_path):
    column = pa.DictionaryArray.from_arrays([0, 1, 0, 2, 1], ["b", "a", None])
    feather.write_feather(pa.table({"x": column}), tmp_path / "a.feather")
    assert symbols(read_table(tmp_path / "a.feather")) == [["b", "a", "b"], ["a"]]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1.5, -2.0, math.nan, None, 4.0]),
        pa.array([1.5, -2.0, math.nan, None, 4.0], pa.float32()),
        pa.array(["1.5", "-2", None, None, "4"]),
    ],
)
def test_stored_numbers(tmp_path, column):
    for path in kinds_of_files(tmp_path, pa.table({"x": column})):
        found = read_table(path, as_="numbers")
        assert isinstance(found, Series)
        assert [document.tolist() for document in found] == [[1.5, -2.0], [4.0]]
        with pytest.raises(InputError, match=r"row 3 of '.*' has no value"):
            read_table(path, as_="numbers", missing="refuse")


def test_whole_numbers_stored_with_fractions(tmp_path):
    for path in kinds_of_files(tmp_path, pa.table({"x": [3.0, 1.0, None, 3.0]})):
        assert symbols(read_table(path, as_="symbols")) == [[3, 1], [3]]
        assert isinstance(read_table(path), Series)
    assert symbols(read_table(write(tmp_path, "x,y\n3.0,0\n1.0,0\n,0\n3.0,0\n"), "x", as_="symbols")) == [[3, 1], [3]]
    for path in kinds_of_files(tmp_path, pa.table({"x": [3.0, 1.5]})):
        with pytest.raises(
            InputError, match=r"row 2 of .* is 1.5: numbers with fractions are no symbols; .*quantiles:4"
        ):
            read_table(path, as_="symbols")


def test_the_type_is_that_of_all_rows_however_late(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "BLOCK", 32)
    whole = "x,y\n" + "1,0\n2,0\n" * 20
    assert symbols(read_table(write(tmp_path, whole), "x")) == [[1, 2] * 20]
    assert read_table(write(tmp_path, whole + "2.5,0\n"), "x").values.tolist() == [1, 2] * 20 + [2.5]
    assert symbols(read_table(write(tmp_path, whole + "X,0\n"), "x")) == [["1", "2"] * 20 + ["X"]]
    assert symbols(read_table(write(tmp_path, "x,y\n" + ",0\n" * 20 + "a,0\n"), "x")) == [["a"]]
    assert read_table(write(tmp_path, "x,y\n" + ",0\n" * 20 + "2.5,0\n"), "x").values.tolist() == [2.5]
    for text in (
        whole.replace("1,0", "1.5,0").replace("2,0", "2.25,0") + "oops,0\n",
        "x,y\n1.5,0\n2.5,0\n3.5,0\noops,0\n",
    ):
        with pytest.raises(InputError, match=r"column 'x' is nearly all numbers, but for 'oops': .*as_='symbols'"):
            read_table(write(tmp_path, text), "x")
        assert "oops" in read_table(write(tmp_path, text), "x", as_="symbols").alphabet


def test_na_is_missing_among_numbers_and_a_symbol_among_words(tmp_path):
    assert symbols(read_table(write(tmp_path, "x,y\nNA,1\nDE,1\n,1\nNA,1\n"), "x")) == [["NA", "DE"], ["NA"]]
    assert read_table(write(tmp_path, "x,y\n1.5,1\nNA,1\n2.5,1\n"), "x").lengths.tolist() == [1, 1]
    assert symbols(read_table(write(tmp_path, "x,y\nNA,1\nDE,2\n"), "y", document="x")) == [[1], [2]]


def test_whole_texts_are_no_symbols_unless_asked_for(tmp_path):
    texts = ["a word " * 60, "another " * 50]
    for path in kinds_of_files(tmp_path, pa.table({"text": texts, "x": [1, 2]})):
        with pytest.raises(InputError, match="holds texts of 410 characters on average, not symbols: unit='char"):
            read_table(path, "text")
        assert symbols(read_table(path, "text", as_="symbols")) == [texts]


def test_alphabets(tmp_path):
    path = write(tmp_path, "x,y\nb,1\na,2\nb,10\n")
    assert read_table(path, "x", alphabet="cba").codes.tolist() == [1, 2, 1]
    assert read_table(path, "y").alphabet == (1, 2, 10)
    assert read_table(path, "y", alphabet=[10, 2, 1]).codes.tolist() == [2, 1, 0]
    assert read_table(path, "y", alphabet=["1", "10", "2"]).codes.tolist() == [0, 2, 1]
    with pytest.raises(InputError, match="symbols that the alphabet does not have: 'b'; add them"):
        read_table(path, "x", alphabet="a")
    with pytest.raises(InputError, match="the alphabet has a symbol twice"):
        read_table(path, "x", alphabet="aba")
    with pytest.raises(InputError, match="as_='numbers' makes symbols of its own: leave the alphabet out"):
        read_table(path, "y", alphabet=[1], as_="numbers")


def test_conversions(tmp_path):
    prices = [100.0, 101.0, 99.0, 99.0, 120.0]
    path = write(tmp_path, "p,q\n" + "".join(f"{price},0\n" for price in prices))
    assert read_table(path, "p", as_="returns:sign").decode(0) == "+-0+"
    assert read_table(path, "p", as_="changes").values.tolist() == [1.0, -2.0, 0.0, 21.0]
    assert read_table(path, "p", as_="returns").values.tolist() == pytest.approx(np.diff(np.log(prices)).tolist())
    assert read_table(path, "p", as_="edges:100,110").codes.tolist() == [1, 1, 0, 0, 2]
    made = read_table(path, "p", as_="returns:quantiles:2")
    expected = Series.from_arrays(np.diff(np.log(prices))).quantise(2)
    assert made == expected
    assert made.provenance["quantised"] == expected.provenance["quantised"]
    assert made.provenance["label"] == "a.csv p, returns:quantiles:2"
    assert read_table(path, "p", as_="returns", label="mine").provenance["label"] == "mine"
    assert json.loads(json.dumps(made.provenance)) == made.provenance


@pytest.mark.parametrize("kind", [pa.list_(pa.int32()), pa.large_list(pa.uint16()), pa.list_(pa.int64())])
def test_lists_of_codes_are_documents(tmp_path, kind):
    column = pa.array([[5, 1], [], [300], None, [1, 1, 1]], kind)
    for path in kinds_of_files(tmp_path, pa.table({"ids": column, "x": [1] * 5})):
        found = read_table(path, "ids")
        assert [document.tolist() for document in found] == [[5, 1], [300], [1, 1, 1]]
        assert (found.alphabet, found.alphabet_size) == (None, 301)
        said = {name: found.provenance[name] for name in ("rows", "rows_missing", "rows_empty")}
        assert said == {"rows": 5, "rows_missing": 1, "rows_empty": 1}
        with pytest.raises(InputError, match=r"row 4 of .* has no value"):
            read_table(path, "ids", missing="refuse")
        with pytest.raises(InputError, match="every row a document of its own: leave document, time and as_ out"):
            read_table(path, "ids", document="x")
        with pytest.raises(InputError, match="the code 300 is outside an alphabet of 6 symbols"):
            read_table(path, "ids", alphabet="abcdef")
    for values, words in [
        ([[1], [2, None]], r"row 2 of .* has a list in which a symbol is missing"),
        ([[1], [-2]], "negative code -2"),
    ]:
        for path in kinds_of_files(tmp_path, pa.table({"ids": values})):
            with pytest.raises(InputError, match=words):
                read_table(path)


# Kinds of text


def test_ways_to_write_text(tmp_path):
    plain = "a,b\n1,x\n2,y\n"
    expected = [["x", "y"]]
    ways = {
        "a.csv": plain,
        "b.tsv": plain.replace(",", "\t"),
        "c.txt": plain.replace(",", ";"),
        "d.csv": plain.replace(",", "\t"),
        "e.csv": plain.replace(",", "|"),
        "f.csv": plain.replace("\n", "\r\n"),
        "g.csv": "\ufeff" + plain,
        "h.csv": plain.rstrip(),
        "i.csv": '"a","b"\n"1","x"\n"2","y"\n',
        "j.csv.gz": gzip.compress(plain.encode()),
        "k.csv.xz": lzma.compress(plain.encode()),
        "l.csv.zst": pa.compress(plain.encode(), "zstd", asbytes=True),
        "m.csv": '"a;;;",b\n1,x\n2,y\n',
    }
    for name, text in ways.items():
        assert symbols(read_table(write(tmp_path, text, name), "b")) == expected, name
    assert symbols(read_table(write(tmp_path, plain.replace(",", "~")), "b", separator="~")) == expected
    latin = write(tmp_path, "a,b\n1,é\n".encode("latin-1"))
    assert symbols(read_table(latin, "b", encoding="latin-1")) == [["é"]]
    with pytest.raises(InputError, match=r"is not utf-8: .*name its encoding, such as encoding='latin-1'"):
        read_table(latin, "b")
    with pytest.raises(InputError, match="unknown encoding 'utf-7x'"):
        read_table(latin, "b", encoding="utf-7x")


def test_one_column_needs_no_name_and_an_empty_line_is_a_missing_value(tmp_path):
    assert read_table(write(tmp_path, "x\n1.5\n\n2.5\n3.5\n")).lengths.tolist() == [1, 2]
    found = read_table(write(tmp_path, "1.5\n2.5\n"))
    assert (found.values.tolist(), found.provenance["header"]) == ([1.5, 2.5], False)
    assert read_table(write(tmp_path, "2019,2020\n1.5,2.5\n"), "2019").values.tolist() == [1.5]
    assert read_table(write(tmp_path, "2019,2020\n1.5,2.5\n"), "f1").values.tolist() == [2020, 2.5]
    assert symbols(read_table(write(tmp_path, "t,x\n1,a\n2,b\n"), time="t")) == [["a", "b"]]


def test_several_files_are_one_corpus(tmp_path):
    write(tmp_path, "x,d\n1,a\n2,a\n", "1.csv")
    write(tmp_path, "x,d\n2,a\n3,b\n", "2.csv")
    parquet.write_table(pa.table({"d": ["a"], "x": [1]}), tmp_path / "3.parquet")
    found = read_table(str(tmp_path / "*.csv"), "x", document="d")
    assert symbols(found) == [[1, 2], [2], [3]]
    names = [
        f"a in {tmp_path}/1.csv, from row 1",
        f"a in {tmp_path}/2.csv, from row 1",
        f"b in {tmp_path}/2.csv, from row 2",
    ]
    assert found.provenance["documents"] == names
    assert [source["bytes"] for source in found.provenance["sources"]] == [12, 12]
    assert found.provenance["label"] == "1.csv and 1 more x"
    both = read_table([tmp_path / "1.csv", tmp_path / "3.parquet"], "x")
    assert symbols(both) == [[1, 2], [1]]
    write(tmp_path, "x,d\nq,a\n", "4.csv")
    assert symbols(read_table([tmp_path / "1.csv", tmp_path / "4.csv"], "x")) == [["1", "2"], ["q"]]
    write(tmp_path, "y,d\nq,a\n", "5.csv")
    with pytest.raises(InputError, match=r"unknown column of '.*5.csv': 'x'"):
        read_table([tmp_path / "1.csv", tmp_path / "5.csv"], "x")


def test_standard_input_and_progress(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(b"x,y\n1,2\n"))))
    found = read_table("-", "y")
    assert (symbols(found), found.provenance["sources"][0]["name"]) == ([[2]], "<stdin>")
    path = write(tmp_path, "x,y\n" + "1.5,2\n" * 100)
    for file in [path, *kinds_of_files(tmp_path, pa.table({"x": [1, 2, 3]}))]:
        seen = []
        read_table(file, "x", progress=lambda *done: seen.append(done))  # noqa: B023
        size = file.stat().st_size
        assert seen[-1] == (size, size)
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)


# Times


STAMPS = [
    ["2024-01-02", "2024-01-03", "2024-02-03"],
    ["2024-01-02 09:30", "2024-01-02 09:31", "2024-01-02 10:31"],
    ["2024-01-02T09:30:00.5Z", "2024-01-02T09:30:01Z", "2024-01-02T09:30:01.25+00:00"],
    ["2024-01-02T09:30:00.000000001", "2024-01-02T09:30:00.000000002", "2024-01-02T09:30:00.000000003"],
    ["1/2/2024", "1/3/2024", "2/13/2024"],
    ["2/1/2024", "3/1/2024", "13/2/2024"],
    ["31.12.2023", "1.1.2024", "2.1.2024"],
    ["20231231", "20240101", "20240201"],
    ["1", "2", "10"],
    ["0.5", "0.75", "1e3"],
    ["02-Jan-2024", "03-Jan-2024", "01-Feb-2024"],
]


@pytest.mark.parametrize("stamps", STAMPS)
def test_times_of_many_kinds(tmp_path, stamps):
    def text(order):
        return "t,x\n" + "".join(f"{stamps[i]},{i}\n" for i in order)

    assert read_table(write(tmp_path, text([0, 1, 2])), "x", time="t").n_symbols == 3
    with pytest.raises(InputError, match=r"row 3 of .* has the time .*, earlier than the row before it: sort the file"):
        read_table(write(tmp_path, text([0, 2, 1])), "x", time="t")
    with pytest.raises(InputError, match=r"row 2 of .* has the same time as the row before it"):
        read_table(write(tmp_path, text([0, 0, 1])), "x", time="t")


@pytest.mark.parametrize(
    "kind",
    [pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("us", "UTC"), pa.date32(), pa.int32(), pa.float64()],
)
def test_stored_times(tmp_path, kind):
    def table(days):
        column = pa.array(days, pa.int32())
        dated = not (pa.types.is_integer(kind) or pa.types.is_floating(kind))
        return pa.table(
            {"t": column.cast(pa.date32()).cast(kind) if dated else column.cast(kind), "x": range(len(days))}
        )

    for path in kinds_of_files(tmp_path, table([5, 6, 9, 20])):
        assert read_table(path, "x", time="t").n_symbols == 4
        assert read_table(path, "x", time="t", gaps=2).lengths.tolist() == [3, 1]
    for days, words in [([5, 7, 6], r"row 3 of .* earlier"), ([5, 6, 6], r"row 3 of .* same time")]:
        for path in kinds_of_files(tmp_path, table(days)):
            with pytest.raises(InputError, match=words):
                read_table(path, "x", time="t")


def test_times_begin_anew_in_each_document_and_day_and_month_are_told_apart(tmp_path):
    path = write(tmp_path, "t,d,x\n3,a,1\n4,a,2\n1,b,3\n2,b,4\n")
    assert symbols(read_table(path, "x", document="d", time="t")) == [[1, 2], [3, 4]]
    # Read as month and day, these are one day in each month.
    days = write(tmp_path, "t,x\n" + "".join(f"{day}/01/2024,{day}\n" for day in range(1, 11)))
    found = read_table(days, "x", time="t", gaps="2d")
    assert (found.n_documents, found.provenance["gaps"]["usual_step"]) == (1, 86400)


def test_gaps_of_sessions(tmp_path):
    def rows(day, hour):
        return "".join(f"2024-01-{day:02} {hour}:{minute:02},{100 + minute % 7 + 1}\n" for minute in range(30))

    path = write(tmp_path, "t,p\n" + rows(2, 10) + rows(3, 10))
    made = read_table(path, "p", time="t", as_="returns:sign")
    assert made.lengths.tolist() == [29, 29]
    assert made.provenance["gaps"] == {
        "rule": "steps that stand out",
        "usual_step": 60.0,
        "found": 1,
        "longest_step": 60.0,
    }
    assert read_table(path, "p", time="t", as_="returns:sign", gaps="none").lengths.tolist() == [59]
    assert read_table(path, "p", time="t", as_="returns:sign", gaps="1d").lengths.tolist() == [59]
    assert read_table(path, "p", as_="returns:sign").lengths.tolist() == [59]
    assert read_table(path, "p", time="t", gaps="none").n_documents == 1
    assert read_table(path, "p", time="t", gaps="1h").lengths.tolist() == [30, 30]


def test_missing_prices_break_documents(tmp_path):
    path = write(tmp_path, "t,p\n1,1.0\n2,2.0\n3,\n4,8.0\n5,4.0\n6,nan\n7,3.0\n")
    made = read_table(path, "p", time="t", as_="returns")
    assert [document.tolist() for document in made] == [[pytest.approx(math.log(2))], [pytest.approx(-math.log(2))]]
    assert made.provenance["missing"]["dropped"] == 2
    assert made.provenance["returns"]["documents_of_one_price"] == 1
    assert "documents" not in made.provenance


# What cannot be used


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (
            "Date,Close\n1,2\n",
            {"column": "close"},
            r"no column 'close'; did you mean 'Close'\? \(one of: Date, Close\)",
        ),
        ("Date,Close\n1,2\n", {"column": "Cloze"}, r"'Cloze'; did you mean 'Close'\? \(one of: Date, Close\)"),
        ("Date,Close\n1,2\n", {"column": "zzz"}, r"'zzz' \(one of: Date, Close\)"),
        ("Date,Close\n1,2\n", {"column": "Close", "time": "date"}, "did you mean 'Date'"),
        ("Date,Close\n1,2\n", {"column": "Close", "document": "who"}, "'who'"),
        (
            "Date,Close\n1,2\n",
            {},
            r"has 2 columns that could be read; name one with column='…' \(one of: Date, Close\)",
        ),
        ("a,b\n1,2\n", {"column": "a", "time": "a"}, "must be different columns"),
        (
            "a,b\n1.5,2\nx7,2\n",
            {"column": "a", "as_": "returns"},
            "row 2 of '.*a.csv' is 'x7', where a number is needed",
        ),
        ('a,b\n1.5,2\n"1,5",2\n', {"column": "a", "as_": "numbers"}, r"row 2 .* is '1,5'.*decimal commas"),
        ("a,b\n1.5,2\ninf,2\n", {"column": "a"}, "row 2 of .* is inf: leave out what is infinite"),
        ("a,b\n1.5,2\n0,2\n", {"column": "a", "as_": "returns"}, "row 2 of .* is 0: prices are above 0"),
        ("a,b\n1.5,2\n,2\n-3,2\n", {"column": "a", "as_": "returns:sign"}, "row 3 of .* is -3: prices are above 0"),
        ("a,b\n1.5,2\n", {"column": "a", "as_": "retruns"}, "did you mean 'returns'"),
        ("a,b\n1.5,2\n", {"column": "a", "as_": "returns"}, "not one return"),
        ("a,b\n,2\n,3\n", {"column": "a"}, "there is not one value in column 'a' of a.csv"),
        ("a,b\n", {"column": "a"}, "there is not one value"),
        ("", {}, "is empty"),
        ("\n\n", {}, "is empty"),
        ("a,a\n1,2\n", {"column": "a"}, "two columns of the name 'a'; rename one"),
        ("a,b\n1,2\n3\n", {"column": "a"}, "separated by ',': .*Expected 2 columns, got 1.*name the separator"),
        (
            "a,b\n1,x\n2,y\n3,x\n",
            {"column": "a", "document": "b"},
            "document 'x' comes back at row 3 of .* sort the file",
        ),
        ("a,b\n1,x\n2,\n", {"column": "a", "document": "b"}, "row 2 of .* does not say which document"),
        (
            "a,b\n1,2\n1,3\n",
            {"column": "b", "missing": "brake"},
            "unknown way with missing values 'brake'; did you mean 'break'",
        ),
        ("a,b\n1,2\n", {"column": "b", "gaps": 3}, "gaps are gaps in time: name the column of times too"),
        ("a,b\n1,2\n", {"column": "b", "gaps": "x", "time": "a"}, "cannot be understood"),
        ("a,b\n1,2\n", {"column": "b", "separator": ",,"}, "is not one character"),
        (
            "t,b\nsoon,2\n",
            {"column": "b", "time": "t"},
            "row 1 of .* has the time 'soon': times are read as ISO 8601",
        ),
        ("t,b\n1,2\nsoon,2\n", {"column": "b", "time": "t"}, "row 2 .* 'soon' where others are written as numbers"),
        ("t,b\nnan,2\n", {"column": "b", "time": "t"}, "row 1 of .* has the time nan"),
    ],
)
def test_refusals_with_their_words(tmp_path, text, options, words):
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=words):
        read_table(path, **options)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("soon", "row 11 of .* has the time 'soon' where others are written as ISO 8601"),
        ("", "row 11 of .* has no time"),
    ],
)
def test_the_row_at_fault_is_named_not_a_good_one(tmp_path, bad, words):
    days = [f"2024-01-{day:02}" for day in range(1, 29)]
    rows = [*days[:10], bad, *days[11:]]
    with pytest.raises(InputError, match=words):
        read_table(write(tmp_path, "t,x\n" + "".join(f"{row},1\n" for row in rows)), "x", time="t")


def test_the_first_and_last_time_are_kept_as_they_are_written(tmp_path):
    text = "d,t,x\nb,2/1/2020,1\nb,2/3/2020,1\na,1/5/2020,2\na,1/16/2020,2\n"
    found = read_table(write(tmp_path, text), "x", time="t", document="d")
    assert found.provenance["times"] == ["1/5/2020", "2/3/2020"]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-8"])
def test_a_large_table_in_any_encoding(tmp_path, monkeypatch, encoding):
    """The first block, from which types are told, ends inside a row."""
    monkeypatch.setattr(table_files, "BLOCK", 301)
    rows = [f"é{i % 3},{i}" for i in range(500)]
    path = write(tmp_path, "\n".join(["s,n", *rows]).encode(encoding))
    found = read_table(path, "s", encoding=encoding)
    assert found.decode(0) == [f"é{i % 3}" for i in range(500)]


def test_nothing_is_read_any_more_behind_an_early_end():
    """Threads of pyarrow's that read ahead would need the interpreter while it ends."""
    reads = []

    class Slow(io.RawIOBase):
        def read(self, size=-1):
            time.sleep(0.01)
            reads.append(size)
            return b"1,2\n" * 1000

    def fail():
        with streams.for_arrow(Slow()) as source:
            reader = pa.csv.open_csv(source, pa.csv.ReadOptions(block_size=4000, use_threads=False))
            reader.read_next_batch()
            raise InputError("a row is wrong")

    with pytest.raises(InputError, match="a row is wrong") as caught:
        fail()
    n = len(reads)
    assert n > 0
    time.sleep(0.2)
    assert len(reads) == n
    assert caught.tb is not None  # which keeps the reader, and with it its threads


def test_a_time_written_otherwise_later_on(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "BLOCK", 64)
    rows = "".join(f"2024-01-{day:02},x\n" for day in range(1, 29))
    with pytest.raises(InputError, match=r"row 29 of .*'1/29/2024', not written as those before it \(ISO 8601\)"):
        read_table(write(tmp_path, "t,x\n" + rows + "1/29/2024,x\n"), "x", time="t")
    numbers = "".join(f"{i},x\n" for i in range(60))
    with pytest.raises(InputError, match=r"row 61 of .*'later', not written as those before it \(numbers\)"):
        read_table(write(tmp_path, "t,x\n" + numbers + "later,x\n"), "x", time="t")
    assert read_table(write(tmp_path, "t,x\n" + numbers + "60.5,x\n"), "x", time="t").n_symbols == 61


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([[1.5, 2], [3]]), r"holds list<.*: it must hold strings, whole numbers, .* or lists of codes"),
        (pa.array([0, 1], pa.timestamp("s")), r"holds timestamp\[m?s\], neither symbols nor numbers"),
        (pa.array([b"a", b"b"]), "holds binary, neither"),
    ],
)
def test_stored_types_that_are_neither(tmp_path, column, words):
    for path in kinds_of_files(tmp_path, pa.table({"x": column})):
        with pytest.raises(InputError, match=words):
            read_table(path)


def test_stored_values_that_cannot_be_used(tmp_path):
    for column, options, words in [
        (pa.array(["1.5", None, "x"]), {"as_": "numbers"}, "row 3 of .* is 'x', where a number is needed"),
        (pa.array([1.5, -math.inf, 2.0]), {}, "row 2 of .* is -inf"),
        (pa.array([1.5, 2.5, -1.0]), {"as_": "returns"}, "row 3 of .* is -1: prices are above 0"),
        (pa.array([1, 2, 3]), {"document": "d"}, "row 2 of .* does not say which document it is of"),
        (pa.array([1, 2, 3]), {"time": "d"}, "row 2 of .* has no time"),
        (pa.array([1, 2, 3]), {"time": "o"}, r"holds time64\[us\], times without a date"),
        (pa.array([1, 2, 3]), {"time": "b"}, "holds bool: it must hold dates"),
    ]:
        table = pa.table(
            {"x": column, "d": [1, None, 3], "o": pa.array([1, 2, 3], pa.time64("us")), "b": [True, False, True]}
        )
        for path in kinds_of_files(tmp_path, table):
            with pytest.raises(InputError, match=words):
                read_table(path, "x", **options)


def test_damaged_and_foreign_files(tmp_path):
    for path in kinds_of_files(tmp_path, pa.table({"x": list(range(1000))})):
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(FormatError, match=r"is a damaged (Parquet|Arrow) file"):
            read_table(path, "x")
    for name in ("x.parquet", "x.feather", "x.arrow"):
        with pytest.raises(FormatError, match=r"is no (Parquet|Feather|Arrow) file \(it begins with b'just"):
            read_table(write(tmp_path, "just text", name))
    for name in ("none.csv", "none.parquet"):
        with pytest.raises(InputError, match="there is no such file"):
            read_table(tmp_path / name)
    with pytest.raises(InputError, match="is a folder; name the files inside it"):
        read_table(tmp_path)
    for pack, name in [
        (gzip.compress, "gzip"),
        (lzma.compress, "xz"),
        (lambda data: pa.compress(data, "zstd", asbytes=True), "zstd"),
    ]:
        packed = pack(b"x,y\n" + bytes(np.random.default_rng(0).integers(48, 58, 20_000).astype(np.uint8)) + b",1\n")
        with pytest.raises(InputError, match=f"is a damaged {name} file"):
            read_table(write(tmp_path, packed[: len(packed) // 2]), "x")


def test_only_one_batch_is_in_memory(tmp_path):
    """Peak memory: that of the result and of a block, however many columns the file has besides."""
    rows = 400_000
    table = pa.table({"x": np.arange(rows) % 7, **{f"c{i}": np.random.default_rng(i).random(rows) for i in range(6)}})
    path = tmp_path / "wide.parquet"
    parquet.write_table(table, path, row_group_size=50_000)
    size = table.nbytes
    del table
    before, pool = pa.total_allocated_bytes(), pa.default_memory_pool()
    found = read_table(path, "x")
    assert isinstance(found, Sequences)
    assert found.n_symbols == rows
    assert pa.total_allocated_bytes() - before < size / 50
    assert pool.bytes_allocated() < size
