"""One door for all kinds of files: which reader opens what."""

import gzip
import io
import sys

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from miscope.errors import InputError
from miscope.sequences import (
    Sequences,
    Series,
    read,
    read_fasta,
    read_hdf5,
    read_mat,
    read_npy,
    read_npz,
    read_table,
    read_text,
)
from miscope.sequences.reading import OptionError

TABLE = pa.table({"x": ["b", "a", "b"], "y": [1.5, 2.5, 4.0], "codes": [[0, 1], [1], []]})


@pytest.fixture
def files(tmp_path):
    def put(name, data):
        (tmp_path / name).write_bytes(data)

    put("a.csv", b"t,x\n1,b\n2,a\n")
    put("a.TSV", b"t\tx\n1\tb\n2\ta\n")
    put("a.csv.gz", gzip.compress(b"t,x\n1,b\n2,a\n"))
    put("b.csv", b"t,x\n1,c\n")
    put("a.fa", b">r\nACGT\n")
    put("a.FASTA.gz", gzip.compress(b">r\nACGT\n"))
    put("p.faa", b">r\nMKV\n")
    put("quoted.txt", b"> as you said\n")
    put("a.txt", b"aba")
    put("b.txt", b"ab")
    parquet.write_table(TABLE, tmp_path / "a.parquet")
    parquet.write_table(TABLE, tmp_path / "parquet_unnamed")
    feather.write_feather(TABLE, tmp_path / "lists.arrow", compression="uncompressed")
    feather.write_feather(TABLE.select(["x"]), tmp_path / "plain.arrow")
    feather.write_feather(TABLE.select(["x"]), tmp_path / "a.feather")
    np.save(tmp_path / "a.npy", [0, 1])
    return tmp_path


@pytest.mark.parametrize(
    ("name", "options", "reader", "expected"),
    [
        ("a.csv", {"column": "x"}, "read_table", ["b", "a"]),
        ("a.TSV", {"column": "x"}, "read_table", ["b", "a"]),
        ("a.csv.gz", {"column": "x", "time": "t"}, "read_table", ["b", "a"]),
        ("a.parquet", {"column": "x"}, "read_table", ["b", "a", "b"]),
        ("a.parquet", {"column": "codes"}, "read_table", [0, 1]),
        ("parquet_unnamed", {"column": "x"}, "read_table", ["b", "a", "b"]),
        ("a.feather", {}, "read_table", ["b", "a", "b"]),
        ("plain.arrow", {}, "read_table", ["b", "a", "b"]),
        ("lists.arrow", {"column": "x"}, "read_table", ["b", "a", "b"]),
        ("lists.arrow", {"column": "y", "as_": "quantiles:2"}, "read_table", [0, 1, 1]),
        ("lists.arrow", {"column": "codes"}, None, [0, 1]),
        ("lists.arrow", {}, None, [0, 1]),
        ("a.fa", {}, "read_fasta", ["A", "C", "G", "T"]),
        ("a.FASTA.gz", {"reverse_complement": True}, "read_fasta", ["A", "C", "G", "T"]),
        ("p.faa", {}, "read_fasta", ["M", "K", "V"]),
        ("p.faa", {"alphabet": "VKM"}, "read_fasta", ["M", "K", "V"]),
        ("quoted.txt", {}, "read_text", list("> as you said\n")),
        ("a.npy", {}, "read_npy", [0, 1]),
        ("[ab].txt", {}, "read_text", ["a", "b", "a"]),
        ("[ab].csv", {"column": "x"}, "read_table", ["b", "a"]),
    ],
)
def test_which_reader(files, name, options, reader, expected):
    found = read(str(files / name), progress=lambda done, total: None, **options)
    assert found.provenance["reader"] == (reader or "Sequences.open")
    assert list(found.decode(0)) == expected
    assert found.provenance["label"]
    if "*" not in name and "[" not in name:
        assert read(files / name, **options) == found


def test_numbers(files):
    found = read(files / "a.parquet", column="y")
    assert isinstance(found, Series)
    assert found.values.tolist() == [1.5, 2.5, 4.0]


@pytest.mark.parametrize(
    ("data", "options", "reader"),
    [
        ("x,y\nb,1\na,2\nb,1\n", {"column": "x"}, "read_table"),
        ("x\nb\na\nb\n", {"missing": "refuse"}, "read_table"),
        ("bab", {}, "read_text"),
        (">r\nbab\n", {"alphabet": "ba", "codons": False}, "read_fasta"),
    ],
)
def test_options_say_what_standard_input_is(monkeypatch, data, options, reader):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data.encode())))
    found = read("-", **options)
    assert found.provenance["reader"] == reader
    assert "".join(found.decode(0)).lower() == "bab"


def test_several_files_of_one_kind(files):
    found = read([files / "a.csv", files / "b.csv"], column="x")
    assert (found.n_documents, found.alphabet) == (2, ("a", "b", "c"))
    assert read(iter([files / "a.txt", files / "b.txt"])).n_documents == 2
    assert read([files / "a.npy"]) == Sequences.from_arrays([0, 1])


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (
            ["a.txt", "a.csv"],
            {},
            r"a.txt' is text \(read_text\), but .* is a table \(read_table\): read them one by",
        ),
        (["a.npy", "a.npy"], {}, "are read one by one.*Sequences.concatenate"),
        (
            ["a.csv"],
            {"documents": "line"},
            r"documents cannot be used with a table \(read_table\), only with text \(read_text\) or text that a .*; it "
            "takes: column, document",
        ),
        (
            ["a.fa"],
            {"column": "x"},
            r"column cannot be used with a FASTA file \(read_fasta\), only with an Arrow file .* it takes: alphabet",
        ),
        (["none.csv"], {}, "there is no such file"),
        (["none.fa"], {}, "there is no such file"),
        (["none.arrow"], {}, "there is no such file"),
        (["none.parquet"], {}, "there is no such file"),
        (["lists.arrow"], {"column": "z"}, "it has no column 'z' of lists of integers"),
        (["lists.arrow"], {"column": "z", "as_": "sign"}, r"'z' \(one of: x, y, codes\)"),
        (["a.csv"], {}, "has 2 columns that could be read"),
    ],
)
def test_refusals_with_their_words(files, names, options, words):
    paths = [files / name for name in names]
    with pytest.raises(InputError, match=words):
        read(paths if len(paths) > 1 else paths[0], **options)


@pytest.mark.extras
def test_addresses(files):
    import fsspec

    fsspec.filesystem("memory").pipe({f"/tables/{name}": (files / name).read_bytes() for name in ("a.csv", "b.csv")})
    for name in ("a.csv.gz", "a.parquet", "plain.arrow", "a.fa", "a.FASTA.gz"):
        fsspec.filesystem("memory").pipe(f"/{name}", (files / name).read_bytes())
    found = read("memory://tables/*.csv", column="x")
    names = [source["name"] for source in found.provenance["sources"]]
    assert names == ["memory:///tables/a.csv", "memory:///tables/b.csv"]
    assert found == read(str(files / "[ab].csv"), column="x")
    for name in ("a.csv.gz", "a.parquet", "a.fa", "a.FASTA.gz"):
        options = {} if "fa" in name.lower() else {"column": "x"}
        seen = []
        made = read(f"memory://{name}", progress=lambda *done: seen.append(done), **options)  # noqa: B023
        assert made == read(files / name, **options)
        assert seen[-1][0] == seen[-1][1] == (files / name).stat().st_size
    with pytest.raises(InputError, match=r"cannot read 'memory://none.csv': there is no such file"):
        read("memory://none.csv", column="x")


def test_what_takes_options_is_named(files):
    with pytest.raises(OptionError) as caught:
        read(files / "a.fa", column="x", split="test")
    error = caught.value
    assert (error.options, error.kind) == (["column", "split"], "a FASTA file (read_fasta)")
    assert error.takers == ["a data set of Hugging Face's (read_hub)"]
    assert "codons" in error.takes
    with pytest.raises(OptionError) as caught:
        read(files / "a.fa", column="x", codons=True, fold_case=True)
    assert "only with a table (read_table)" in str(caught.value)
    with pytest.raises(OptionError) as caught:
        read(files / "a.fa", nonsense=1)
    assert "only with" not in str(caught.value)


def test_how_data_sets_are_named(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    monkeypatch.chdir(tmp_path)
    datasets.Dataset.from_dict({"text": ["so it is", "is it so"]}).save_to_disk("saved")
    for name in ("saved", "hub:saved", tmp_path / "saved"):
        assert read(name, unit="word").decode(1) == ["is", "it", "so"]
    with pytest.raises(
        InputError, match="there is no such file; a data set on the Hugging Face hub is named hub:no/such"
    ):
        read("no/such")
    with pytest.raises(InputError, match="there is no such file") as caught:
        read("no/such.txt")
    assert "hub:" not in str(caught.value)
    with pytest.raises(InputError, match="data sets are read one by one"):
        read(["saved", "other.txt"])
    (tmp_path / "plain").mkdir()
    with pytest.raises(InputError, match="'plain' is a folder"):
        read("plain")


@pytest.mark.parametrize("given", [None, 5, 0.5, b"so", np.array([1]), [1, 2], [None], Sequences.from_arrays([0, 1])])
def test_what_is_no_name_of_a_file(given):
    for reader in (read, read_table, read_text, read_fasta, read_npy, read_npz, read_mat, read_hdf5, Sequences.open):
        with pytest.raises(InputError, match=r"no name of a file.*from_arrays\(data\)"):
            reader(given)


@pytest.mark.parametrize("stream", [io.BytesIO(b"so"), io.StringIO("so")])
def test_streams_are_no_names_of_files(stream):
    with pytest.raises(InputError, match=r"pass the file's name.*file\.read\(\)"):
        read(stream)
    assert Sequences.from_arrays(stream.read()).n_symbols == 2
