"""`miscope sample`: what is written is what the process draws, and what is printed is what it knows."""

import json
from pathlib import Path

import numpy as np
import pytest

import miscope as ms
from miscope import MICurve, Sequences, Series
from miscope.cli.writing import writer
from miscope.processes import Heterogeneous, IsingChain, LinearRNN, PowerLawBinary, TreeGrammar
from miscope.processes.naming import PROCESSES, from_provenance

POWER = ("sample", "power-law-binary", "--amplitude", "0.2", "--exponent=0.8", "--documents", "5", "--length", "300")
RNN = ("sample", "linear-rnn", "--documents", "3", "--length", "40")


@pytest.mark.parametrize("words", [POWER, ("sample", "power-law-binary:amplitude=0.2", *POWER[4:])])
def test_an_arrow_file_is_the_sample_and_its_provenance(miscope, words):
    assert miscope(*words, "--seed", "7", "-o", "power.arrow").status == 0
    process = PowerLawBinary(0.2, 0.8)
    found = ms.read("power.arrow")
    assert found == process.sample(5, 300, seed=7)
    assert from_provenance(found.provenance).parameters == process.parameters


@pytest.mark.parametrize("name", ["full.npy", "full.txt", "full.arrow"])
def test_a_full_disk_is_said(tmp_path, name):
    """Also where all of it fits into a buffer, which is written as the file is closed."""
    resource = pytest.importorskip("resource")
    drawn = IsingChain(0.5).sample(1, 1000)
    write = writer(Path(name).suffix, IsingChain(0.5), 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        with pytest.raises(ms.InputError, match="cannot write"):
            write(drawn, tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_the_usual_size(miscope):
    assert miscope("sample", "ising-chain", "--coupling", "0.5", "-o", "chain.npy").status == 0
    np.testing.assert_array_equal(np.load("chain.npy"), IsingChain(0.5).sample(64, 4096).codes.reshape(64, 4096))


def test_an_array_has_a_document_a_row(miscope):
    miscope(*POWER, "-o", "power.npy")
    assert ms.read("power.npy") == PowerLawBinary(0.2, 0.8).sample(5, 300)


def test_real_numbers_are_an_array_of_floats(miscope):
    miscope(*RNN, "-o", "rnn.npy")
    found, expected = ms.read("rnn.npy"), LinearRNN().sample(3, 40)
    assert isinstance(found, Series)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.offsets, expected.offsets)


def test_several_channels_are_a_third_dimension(miscope):
    matrices = {"recurrent": [[0.5, 0], [0.1, 0.4]], "feedback": [[0.1, 0], [0, 0.1]], "readout": [[1, 0], [0, 1]]}
    options = [word for name, value in matrices.items() for word in (f"--{name}", json.dumps(value))]
    assert miscope(*RNN, *options, "-o", "rnn.npy").status == 0
    assert np.load("rnn.npy").shape == (3, 40, 2)
    np.testing.assert_array_equal(ms.read("rnn.npy").values, LinearRNN(**matrices).sample(3, 40).values)


@pytest.mark.parametrize("name", ["rnn.arrow", "rnn.npy", "rnn.txt"])
def test_quantiles_make_symbols(miscope, name):
    assert miscope(*RNN, "--quantiles", "3", "-o", name).status == 0
    options = {"documents": "line"} if name.endswith(".txt") else {}
    found, expected = ms.read(name, **options), LinearRNN().quantised(3).sample(3, 40)
    np.testing.assert_array_equal(found.codes, expected.codes)
    np.testing.assert_array_equal(found.offsets, expected.offsets)


@pytest.mark.parametrize(("alphabet", "characters"), [(None, "01"), (["é", " "], "é "), ([7, 3], "73")])
def test_text_has_a_document_a_line(miscope, alphabet, characters):
    options = [] if alphabet is None else ["--alphabet", json.dumps(alphabet)]
    size = ("--documents", "2", "--length", "30")
    outcome = miscope("sample", "heterogeneous", "--delta", "0.5", *options, *size, "-o", "a.txt")
    assert (outcome.status, "--documents line" in outcome.stderr) == (0, True)
    codes = Heterogeneous(delta=0.5).sample(2, 30).codes.reshape(2, 30)
    text = "".join("".join(characters[code] for code in row) + "\n" for row in codes)
    assert Path("a.txt").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("words", [("tree-grammar", "--depth", "5"), ("tree-grammar:depth=5", "--length", "32")])
def test_documents_of_fixed_length(miscope, words):
    assert miscope("sample", *words, "--documents", "4", "-o", "tree.arrow").status == 0
    assert Sequences.open("tree.arrow") == TreeGrammar(depth=5).sample(4)


def test_the_table_is_what_the_process_knows(miscope):
    outcome = miscope(*POWER, "-o", "power.arrow")
    rows = [line.split() for line in outcome.stdout.splitlines()]
    values = {int(row[0]): float(row[1]) for row in rows if len(row) == 2 and row[0].isdigit()}
    assert list(values) == [1, 3, 10, 30, 100]
    np.testing.assert_allclose(list(values.values()), PowerLawBinary(0.2, 0.8).mutual_information(list(values)), 1e-5)
    assert "5 documents of 300 symbols of 2 kinds, seed 0" in outcome.stdout
    assert "law: power law, exponent 0.8" in outcome.stdout
    assert "wrote power.arrow\n" in outcome.stderr


def test_json_is_for_machines(miscope):
    about = json.loads(miscope(*POWER, "--json", "--seed", "3", "-o", "power.arrow").stdout)
    process = PowerLawBinary(0.2, 0.8)
    assert about["process"] == process.description
    assert (about["file"], about["n_documents"], about["length"], about["seed"]) == ("power.arrow", 5, 300, 3)
    assert about["exact"] == process.mutual_information(about["lags"]).tolist()
    assert about["law"] == {"kind": "power law", "correlation_length": None, "exponent": 0.8}
    assert about["unit"] == "nats"


def test_what_is_not_known_is_said(miscope):
    words = ("sample", "long-range-ising", "--coupling", "0.1", "--sigma", "0.5", "--n-spins", "20", "-o", "a.npy")
    outcome = miscope(*words)
    assert outcome.status == 0
    assert "not known" in outcome.stdout
    assert "can take minutes" in outcome.stderr
    assert json.loads(miscope(*words, "--json").stdout)["exact"] is None
    assert miscope(*words, "--quiet").stderr == ""


def test_a_sample_is_measured_as_it_is_in_memory(miscope):
    miscope(*POWER, "-o", "power.arrow")
    miscope("measure", "power.arrow", "-o", "curve.json")
    direct = ms.measure(PowerLawBinary(0.2, 0.8).sample(5, 300))
    np.testing.assert_array_equal(MICurve.load("curve.json").mi, direct.mi)


def test_the_list_names_everything(miscope):
    outcome = miscope("sample", "--list")
    assert (outcome.status, outcome.stderr) == (0, "")
    for name in PROCESSES:
        assert f"\n{name}\n" in "\n" + outcome.stdout
    for option in ("[--amplitude 0.1]", "--n-spins VALUE", "--transition VALUE", "[--hurst]", "[--rules-seed 0]"):
        assert option in outcome.stdout
    assert max(map(len, outcome.stdout.splitlines())) <= 120


@pytest.mark.parametrize("words", [["--help"], ["power-law-binary", "--help"], ["-h"]])
def test_help_names_the_list(miscope, words):
    outcome = miscope("sample", *words)
    assert (outcome.status, outcome.stderr) == (0, "")
    assert "miscope sample --list" in outcome.stdout


@pytest.mark.parametrize(
    ("words", "errors"),
    [
        ([], ["PROCESS", "--list"]),
        (["renewl", "-o", "a.npy"], ["unknown process 'renewl'", "did you mean 'renewal'?"]),
        (["--tail-index", "2", "renewal", "-o", "a.npy"], ["PROCESS first"]),
        (["renewal", "--tail", "2", "-o", "a.npy"], ["'--tail'", "did you mean '--tail-index'?"]),
        (["renewal", "--lenght", "2", "-o", "a.npy"], ["'--lenght'", "did you mean '--length'?"]),
        (["renewal", "--tail-index", "-o", "a.npy"], ["--tail-index needs a value"]),
        (["renewal", "--tail-index", "-2", "-o", "a.npy"], ["tail_index must be a number above 1, not -2"]),
        (["renewal", "--tail-index", "2", "--tail-index=3", "-o", "a.npy"], ["--tail-index is given twice"]),
        (["renewal:tail-index=2", "--tail-index", "3", "-o", "a.npy"], ["tail_index is given twice"]),
        (["renewal", "2", "-o", "a.npy"], ["cannot read '2'", "--name value"]),
        (["ising-chain", "-o", "a.npy"], ["ising-chain needs coupling"]),
        (["renewal"], ["say where to write", "-o"]),
        (["renewal", "-o", "a.csv"], ["a.csv", ".arrow, .npy, .txt"]),
        (["renewal", "-o", "none/a.npy"], ["cannot write none/a.npy", "no directory none"]),
        (["renewal", "--length", "0", "-o", "a.npy"], ["length must be a whole number of at least 1"]),
        (["renewal", "--documents", "0", "-o", "a.arrow"], ["n_documents must be a whole number of at least 1"]),
        (["renewal", "--seed", "-1", "-o", "a.arrow"], ["seed must be a whole number of at least 0"]),
        (["renewal", "--quantiles", "4", "-o", "a.arrow"], ["--quantiles is for real numbers", "symbols already"]),
        (["tree-grammar", "--length", "100", "-o", "a.arrow"], ["exactly 16384 symbols", "leave length out"]),
        (["linear-rnn", "-o", "a.arrow"], ["real numbers", "write .npy", "--quantiles 4"]),
        (["linear-rnn", "-o", "a.txt"], ["real numbers", "write .npy", "--quantiles 4"]),
        (["linear-rnn", "--quantiles", "1", "-o", "a.npy"], ["n_symbols must be a whole number of at least 2"]),
        (["linear-rnn", "--quantiles", "12", "-o", "a.txt"], ["one character for each symbol", ".arrow or .npy"]),
        (["heterogeneous:delta=0.5", "--alphabet", '["a","bc"]', "-o", "a.txt"], ["one character for each symbol"]),
        (["heterogeneous:delta=0.5", "--alphabet", '["a","\\n"]', "-o", "a.txt"], ["one character for each symbol"]),
        (["linear-rnn", "--feedback", "[[0.1,0.1]]", "--readout", "[[1],[1]]", "-o", "a.arrow"], ["write .npy"]),
        (["linear-rnn:feedback=[[0.1,0.1]],readout=[[1],[1]]", "--quantiles", "4", "-o", "a.npy"], ["2 numbers"]),
    ],
)
def test_what_cannot_be_drawn(refused, words, errors):
    refused("sample", *words, words=errors)


def test_a_sample_that_fails_leaves_what_was_there(folder, miscope, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    Path("a.npy").write_text("a result of last year")
    monkeypatch.setattr(np.lib.format, "write_array", full)
    outcome = miscope(*POWER, "-o", "a.npy")
    assert (outcome.status, outcome.stdout) == (2, "")
    assert "no space is left" in outcome.stderr
    assert Path("a.npy").read_text() == "a result of last year"
    assert sorted(path.name for path in folder.iterdir()) == ["a.npy", "text.txt"]


def test_the_same_seed_gives_the_same_bytes(folder, miscope, spawn):
    """In another process too."""
    for suffix, another in (("arrow", spawn), ("npy", miscope), ("txt", miscope)):
        for name, call in (("first", miscope), ("second", another)):
            assert call(*POWER, "-o", f"{name}.{suffix}", "--quiet").stderr == ""
        assert (folder / f"first.{suffix}").read_bytes() == (folder / f"second.{suffix}").read_bytes()
