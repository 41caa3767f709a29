"""What cannot be used is refused: status 2, one line that says what, why and what instead, and nothing left behind."""

import gzip
import os
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import ipc

from miscope import MICurve, Sequences
from miscope.errors import FormatError

OUTPUT = ("-o", "curve.json", "--plot", "curve.png")


@pytest.fixture
def bad_files(folder) -> Path:
    (folder / "empty.txt").write_bytes(b"")
    (folder / "blank.txt").write_text(" \n\n \t\n")
    (folder / "single.txt").write_text("a")
    (folder / "latin.txt").write_bytes("ab\ncaf\u00e9 ".encode("latin-1") * 50)
    (folder / "cut.txt.gz").write_bytes(gzip.compress((folder / "text.txt").read_bytes())[:-900])
    np.save(folder / "negative.npy", [0, 1, -2, 1])
    np.save(folder / "nan.npy", [0.0, np.nan, 1.0])
    np.save(folder / "same.npy", np.full(500, 0.5))
    np.save(folder / "complex.npy", np.zeros(500, complex))
    np.save(folder / "none.npy", np.zeros(0, int))
    np.save(folder / "cube.npy", np.zeros((2, 2, 2), int))
    np.save(folder / "objects.npy", np.array([{}]), allow_pickle=True)
    np.save(folder / "good.npy", np.arange(600) % 3)
    (folder / "cut.npy").write_bytes((folder / "good.npy").read_bytes()[:300])
    Sequences.from_arrays(np.arange(3000) % 7).save(folder / "good.arrow")
    whole = (folder / "good.arrow").read_bytes()
    (folder / "cut.arrow").write_bytes(whole[: len(whole) // 2])
    (folder / "text.arrow").write_text("this is no Arrow file at all")
    with ipc.new_file(folder / "dates.arrow", pa.schema([("day", pa.date32())])) as file:
        file.write_table(pa.table({"day": pa.array([1, 2], pa.date32())}))
    (folder / "folder").mkdir()
    return folder


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.txt", ["missing.txt", "no such file"]),
        ("empty.txt", ["empty.txt", "is empty"]),
        ("folder", ["folder", "name the files inside it"]),
        ("single.txt", ["no pairs at any lag", "more than one symbol"]),
        ("latin.txt", ["latin.txt", "not utf-8", "line 2", "0xe9", "--encoding"]),
        ("cut.txt.gz", ["cut.txt.gz", "damaged gzip"]),
        ("no-such-*.txt", ["no-such-*.txt", "no file matches"]),
        ("negative.npy", ["negative", "-2", "position 2"]),
        ("nan.npy", ["value 1 of", "is nan", "--missing break"]),
        ("same.npy", ["cut at their quantiles", "the same"]),
        ("complex.npy", ["not integers but complex128"]),
        ("none.npy", ["empty"]),
        ("cube.npy", ["3 dimensions"]),
        ("objects.npy", ["objects.npy", "objects"]),
        ("cut.npy", ["cut.npy", "damaged"]),
        ("cut.arrow", ["cut.arrow", "cut off"]),
        ("text.arrow", ["text.arrow", "no Arrow file"]),
        ("dates.arrow", ["dates.arrow", "day"]),
    ],
)
def test_a_file_that_cannot_be_used(bad_files, refused, name, words):
    refused("measure", name, *OUTPUT, words=words)


def test_a_file_of_white_space_has_no_words(bad_files, refused):
    refused("measure", "blank.txt", "--unit", "word", words=["not one word", "white space"])


def test_one_bad_file_among_good_ones_is_named(bad_files, refused):
    refused("measure", "text.txt", "missing.txt", *OUTPUT, words=["missing.txt", "no such file"])


def test_a_file_without_the_right_to_read_it(folder, refused, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(np, "memmap", forbidden)
    refused("measure", "text.txt", "--unit", "byte", *OUTPUT, words=["text.txt", "no right to read"])


def test_empty_standard_input(refused):
    refused("measure", "-", words=["<stdin>", "empty"])


def test_no_files_at_all(miscope):
    outcome = miscope("measure")
    assert (outcome.status, outcome.stdout) == (2, "")
    assert "FILE" in outcome.stderr


@pytest.mark.parametrize(
    ("lags", "words"),
    [
        ("0", ["lags start at 1", "got 0"]),
        ("-3", ["lags start at 1", "got -3"]),
        ("0:100", ["lags start at 1"]),
        ("1.5", ["1.5", "1:10000"]),
        ("abc", ["'abc'", "1:10000"]),
        ("", ["''", "1:10000"]),
        ("1:2:3:4", ["1:2:3:4", "1:10000"]),
        ("9:3", ["9:3", "first:last"]),
        ("6000", ["lag 6000", "longest has 6000", "largest lag is 5999"]),
        ("1:6000", ["lag 6000", "longest has 6000"]),
        ("all:999999999999", ["999999999999", "6000"]),
        ("99999999999999999999", ["99999999999999999999"]),
        ("1,2,99999999999999999999", ["99999999999999999999"]),
    ],
)
def test_lags_that_cannot_be(refused, lags, words):
    refused("measure", "text.txt", "--lags", lags, *OUTPUT, words=words)


def test_a_lag_that_one_document_holds_is_enough(folder, miscope):
    (folder / "short.txt").write_text("ab")
    assert miscope("measure", "text.txt", "short.txt", "--lags", "1,5999").status == 0


@pytest.mark.parametrize(
    ("option", "written", "meant"),
    [
        ("--unit", "charcter", "character"),
        ("--documents", "lines", "line"),
        ("--estimator", "grasberger", "grassberger"),
        ("--null", "globl", "global"),
        ("--method", "dens", "dense"),
        ("--quantity", "rationl", "rational"),
        ("--scale", "loglog", "log-log"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(refused, option, written, meant):
    refused("measure", "text.txt", option, written, *OUTPUT, words=[f"{written!r}", f"did you mean {meant!r}?"])


def test_a_scale_is_checked_without_a_figure_too(refused):
    refused("measure", "text.txt", "--scale", "loglog", words=["did you mean 'log-log'?"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--blocks", "1"], ["blocks", "at least 2", "got 1"]),
        (["--blocks", "-3"], ["blocks", "at least 2", "got -3"]),
        (["--blocks", "6001"], ["6001 blocks", "6000 symbols"]),
        (["--seed", "-1"], ["seed", "-1"]),
        (["--surrogates", "1"], ["surrogates", "at least 2"]),
        (["--threads", "0"], ["threads", "at least 1"]),
        (["--encoding", "utf9"], ["'utf9'", "utf-8"]),
        (["--separator", ""], ["separator", "empty"]),
        (["--separator", "x", "--documents", "line"], ["separator", "documents"]),
        (["--unit", "byte", "--fold-case"], ["bytes", "no case"]),
        (["--quantity", "correlation", "--bits"], ["no unit"]),
    ],
)
def test_options_that_cannot_be(refused, options, words):
    refused("measure", "text.txt", *options, *OUTPUT, words=words)


@pytest.mark.parametrize("option", ["--blocks", "--seed", "--threads", "--surrogates"])
def test_numbers_that_are_none(miscope, option):
    outcome = miscope("measure", "text.txt", option, "many")
    assert (outcome.status, outcome.stdout) == (2, "")
    assert option in outcome.stderr


@pytest.mark.parametrize("name", ["good.npy", "good.arrow"])
def test_options_of_text_do_not_go_with_codes(bad_files, refused, name):
    message = refused("measure", name, "--unit", "word", words=["unit", "cannot be used"])
    assert "progress" not in message  # no option of the command


def test_ten_million_documents_of_one_symbol(folder, refused):
    (folder / "tiny.txt").write_bytes(b"a\n" * 10_000_000)
    started = time.perf_counter()
    refused("measure", "tiny.txt", "--documents", "line", *OUTPUT, words=["no pairs at any lag", "more than one"])
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"lags": [1]}', b"\xff\xfe\x00", b"PAR1PAR1"])
def test_a_foreign_file_is_no_curve(folder, content):
    (folder / "foreign.json").write_bytes(content)
    with pytest.raises(FormatError, match="not a curve of miscope"):
        MICurve.load(folder / "foreign.json")


def test_one_distinct_symbol_is_a_warning_that_is_seen(folder, miscope):
    (folder / "one.txt").write_text("a" * 400)
    outcome = miscope("measure", "one.txt", "--lags", "1:20", *OUTPUT)
    assert outcome.status == 0
    assert "warning: the data hold only one distinct symbol" in outcome.stderr
    curve = MICurve.load("curve.json")
    np.testing.assert_allclose(curve.mi, 0, atol=1e-12)
    assert outcome.stdout.splitlines()[1:] == ["0 at all 13 lags"]
    assert "only one distinct symbol" in curve.warnings[0]
    assert not curve.significant().any()


@pytest.mark.parametrize("option", [[], ["--json"], ["-o", "curve.json"], ["-o", "c.parquet"], ["--plot", "c.svg"]])
def test_a_file_name_that_is_not_unicode(folder, miscope, option):
    name = os.fsdecode(b"caf\xe9.txt")
    Path(name).write_text("abba" * 500)
    outcome = miscope("measure", "caf*.txt", "--lags", "1:10", *option)
    assert outcome.status == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("measure", "{}.csv"),
        ("measure", "text.txt", "--lags", "1", "-o", "{}.json"),
        ("count", "text.txt", "--lags", "1", "-o", "{}.arrow"),
        ("report", "text.txt", "-o", "{}.html"),
        ("compare", "{}", "{}"),
    ],
)
def test_a_name_longer_than_names_of_files_may_be(refused, arguments):
    refused(*(each.format("a" * 300) for each in arguments), words=["aaa", "too "])
