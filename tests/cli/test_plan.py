"""`miscope plan`: what `detectable_lag` says, in print."""

import json

import numpy as np
import pytest

import miscope as ms
from miscope.processes import IsingChain

CHAIN = ("plan", "--process", "ising-chain:coupling=0.8", "--n-documents", "64", "--length", "400")


def test_it_prints_what_the_library_says(miscope):
    outcome = miscope(*CHAIN)
    found = ms.detectable_lag(IsingChain(0.8), 64, 400)
    assert (outcome.status, outcome.stderr, outcome.stdout) == (0, "", f"{found}\n")
    assert f"detectable up to lag {found.largest_lag}" in outcome.stdout


def test_json_is_for_machines(miscope):
    options = ("--lags", "1,2,4,8,16", "--power", "0.9", "--level", "0.01", "--lag", "16")
    about = json.loads(miscope(*CHAIN, *options, "--json").stdout)
    found = ms.detectable_lag(IsingChain(0.8), 64, 400, power=0.9, level=0.01, lags=[1, 2, 4, 8, 16])
    assert about["lags"] == [1, 2, 4, 8, 16]
    assert about["largest_lag"] == found.largest_lag
    assert about["detectable"] == found.detectable.tolist()
    assert (about["lag"], about["documents_needed"]) == (16, found.documents_needed(16))
    np.testing.assert_allclose(about["expected"], IsingChain(0.8).mutual_information(found.lags))


def test_the_documents_that_a_lag_takes(miscope):
    outcome = miscope(*CHAIN, "--lag", "12")
    needed = ms.detectable_lag(IsingChain(0.8), 64, 400).documents_needed(12)
    assert outcome.stdout.splitlines()[-1] == f"lag 12 is detectable with {needed:,} documents of 400 symbols"


@pytest.mark.parametrize("name", ["pilot.json", "pilot.parquet"])
def test_a_pilot_is_planned_from(miscope, name):
    ms.measure(IsingChain(0.8).sample(32, 400), "1:30").save(name)
    outcome = miscope("plan", name, "--n-documents", "500", "--length", "1000")
    assert (outcome.status, outcome.stdout) == (0, f"{ms.detectable_lag(ms.MICurve.load(name), 500, 1000)}\n")


def test_the_length_of_a_process_that_has_one(miscope):
    assert (
        "10 documents of 64 symbols"
        in miscope("plan", "--process", "tree-grammar:depth=6", "--n-documents", "10").stdout
    )


@pytest.mark.parametrize(
    ("words", "errors"),
    [
        ([], ["name one source", "CURVE.json", "--process SPEC"]),
        (["pilot.json", *CHAIN[1:]], ["name one source"]),
        (["missing.json", *CHAIN[3:]], ["cannot read 'missing.json'", "there is no such file"]),
        (["text.txt", *CHAIN[3:]], ["text.txt is not a curve of miscope"]),
        (CHAIN[1:3], ["how many documents", "--n-documents N"]),
        (CHAIN[1:5], ["length", "in symbols"]),
        (["--process", "renewl", *CHAIN[3:]], ["did you mean 'renewal'?"]),
        ([*CHAIN[1:4], "1", "--length", "400"], ["n_documents must be a whole number of at least 2"]),
        ([*CHAIN[1:], "--power", "1"], ["power must lie between 0 and 1"]),
        ([*CHAIN[1:], "--level", "0"], ["level must lie between 0 and 1"]),
        ([*CHAIN[1:], "--lag", "400"], ["documents of 400 symbols hold no pair at lag 400"]),
        ([*CHAIN[1:], "--lags", "1:400"], ["lag 400"]),
        (["--process", "long-range-ising:coupling=0.1,sigma=0.5,n_spins=40", *CHAIN[3:5]], ["at most 16 spins"]),
    ],
)
def test_what_cannot_be_planned(refused, words, errors):
    refused("plan", *words, words=errors)
