"""`miscope plan FILE`: what measuring will cost, and how it is told from the other kind of plan."""

import json

import numpy as np
import pytest

import miscope as ms
from miscope.counting.doors import count_pairs

CHAIN = ("--process", "ising-chain:coupling=0.8", "--n-documents", "8", "--length", "400")


def test_a_text(miscope):
    outcome = miscope("plan", "text.txt", "--lags", "1:100", "--null", "rotate", "--surrogates", "2", "--threads", "1")
    assert (outcome.status, outcome.stderr) == (0, "")
    first, kernel, passes, seconds, memory = outcome.stdout.splitlines()
    assert first == "6,000 symbols of 4 kinds in 1 document; 20 lags to 100, 32 blocks, null rotate"
    assert kernel.startswith("kernel  ")
    assert "counted 3 times: the data, and 2 surrogates" in passes
    assert "on 1 thread (" in seconds
    assert memory.startswith("memory  about ")


def test_for_machines_with_the_options_of_measure(miscope):
    options = ("--unit", "character", "--fold-case", "--lags", "1,2", "--blocks", "0", "--method", "sparse")
    about = json.loads(miscope("plan", "text.txt", *options, "--max-memory", "1GB", "--json").stdout)
    assert (about["method"], about["n_lags"], about["n_blocks"]) == ("sparse", 2, 0)
    assert about["seconds"] == pytest.approx(sum(about["parts"].values()))


@pytest.mark.parametrize("suffix", [".npy", ".parquet", ".arrow"])
def test_other_kinds_of_data(miscope, folder, suffix):
    codes, name = np.arange(600, dtype=np.uint8) % 3, f"codes{suffix}"
    if suffix == ".npy":
        np.save(folder / name, codes)
    elif suffix == ".arrow":
        ms.Sequences.from_arrays(codes).save(folder / name)
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"code": codes}), folder / name)
    outcome = miscope("plan", name, "--lags", "1,2")
    assert outcome.status == 0
    assert outcome.stdout.startswith("600 symbols of 3 kinds in 1 document; 2 lags to 2,")


@pytest.mark.parametrize(
    ("words", "errors"),
    [
        (["text.txt", "--n-documents", "4", "--power", "0.9"], ["text.txt is not a curve", "--n-documents, --power"]),
        (["text.txt", "--level", "0.1"], ["text.txt is not a curve", "--level", "only with a curve or --process"]),
        ([*CHAIN, "--null", "global"], ["--process is not data", "--null can be used only with data"]),
        ([*CHAIN, "--unit", "word", "--threads", "2"], ["--unit, --threads can be used only with data"]),
        ([*CHAIN[:2], "--documents", "8"], ["--documents", "how many documents there will be is --n-documents"]),
        (["pilot.json", "--blocks", "8"], ["pilot.json is not data", "--blocks"]),
        (["text.txt", *CHAIN], ["name one source"]),
        (["text.txt", "--null", "globl"], ["did you mean 'global'?"]),
        (["text.txt", "--lags", "1:9999"], ["no document is long enough for lag 9999"]),
        (["text.txt", "--quantiles", "4"], ["--quantiles is for real numbers"]),
        (["missing.txt"], ["missing.txt"]),
        (["text.txt", "--documents", "lines"], ["did you mean 'line'?"]),
    ],
)
def test_what_is_refused(refused, words, errors):
    refused("plan", *words, words=errors)


def test_counts_are_not_planned(refused, folder):
    count_pairs(ms.Sequences.from_arrays([0, 1, 0, 0, 1] * 20), [1, 2], 4).save(folder / "counts.arrow")
    refused("plan", "counts.arrow", words=["counts.arrow holds counts", "miscope measure counts.arrow"])


def test_help_shows_both_kinds(miscope):
    page = miscope("plan", "--help").stdout
    assert "miscope plan pilot.json" in page
    assert "miscope plan part-*.txt.gz" in page
    assert "How far so much data will see" in page
    assert "What measuring these data will cost" in page
