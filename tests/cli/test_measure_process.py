"""`miscope measure` where the truth is known: from a process, and from files that say which one they are of."""

import json
from pathlib import Path

import numpy as np
import pytest

import miscope as ms
from miscope import MICurve, figures
from miscope.processes import FractionalNoise, Heterogeneous, IsingChain, LinearRNN

CHAIN = ("measure", "--process", "ising-chain:coupling=0.8", "--lags", "1,2,3,5")
SMALL = ("--n-documents", "40", "--length", "500")


def exact_column(stdout: str) -> dict[int, float]:
    """Numbers under the heading `exact`, by lag."""
    lines = [line.split() for line in stdout.splitlines()]
    head = next(i for i, line in enumerate(lines) if line[:1] == ["lag"])
    names = (
        stdout.splitlines()[head].replace(" (nats)", "").replace(" (bits)", "").replace("above null", "above").split()
    )
    return {int(row[0]): float(row[names.index("exact")]) for row in lines[head + 1 :] if row and row[0].isdigit()}


@pytest.fixture
def drawn(monkeypatch):
    """The lines of exact curves in figures that the command draws, as (label, lags, values)."""
    seen, real = [], figures.plot

    def plot(*arguments, **options):
        axes = real(*arguments, **options)
        seen.extend((line.get_label(), *line.get_data()) for line in axes.get_lines() if line.get_gid() == "exact")
        return axes

    monkeypatch.setattr(figures, "plot", plot)
    return seen


def test_a_process_is_sampled_and_measured(miscope):
    assert miscope(*CHAIN, *SMALL, "--seed", "4", "-o", "curve.json").status == 0
    curve = MICurve.load("curve.json")
    np.testing.assert_array_equal(curve.mi, ms.measure(IsingChain(0.8).sample(40, 500, seed=4), [1, 2, 3, 5]).mi)
    assert curve.provenance["source"]["process"] == IsingChain(0.8).description
    assert curve.label == IsingChain(0.8).label


def test_the_estimates_agree_with_the_exact_column(miscope):
    miscope(*CHAIN, "--json", "-o", "curve.json")
    curve = MICurve.load("curve.json")
    exact = json.loads(miscope(*CHAIN, "--json").stdout)["exact"]
    assert exact == IsingChain(0.8).mutual_information([1, 2, 3, 5]).tolist()
    assert (np.abs(curve.mi - exact) < 4 * curve.stderr).all()
    assert (curve.provenance["n_documents"], curve.provenance["n_symbols"]) == (64, 64 * 4096)


@pytest.mark.parametrize("option", [[], ["--bits"]])
def test_the_table_has_a_column(miscope, option):
    found = exact_column(miscope(*CHAIN, *SMALL, *option).stdout)
    exact = IsingChain(0.8).mutual_information([1, 2, 3, 5]) / (np.log(2) if option else 1)
    assert list(found) == [1, 2, 3, 5]
    np.testing.assert_allclose(list(found.values()), exact, rtol=1e-3)


def test_json_stays_a_curve(miscope):
    outcome = miscope(*CHAIN, *SMALL, "--bits", "--json", "-o", "curve.json")
    Path("printed.json").write_text(outcome.stdout, encoding="utf-8")
    printed, saved = MICurve.load("printed.json"), MICurve.load("curve.json")
    np.testing.assert_array_equal(printed.replicates, saved.replicates)
    assert "exact" not in json.loads(Path("curve.json").read_text())
    assert (
        json.loads(outcome.stdout)["exact"] == (IsingChain(0.8).mutual_information([1, 2, 3, 5]) / np.log(2)).tolist()
    )


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_figure_shows_the_exact_curve(miscope, drawn, suffix):
    assert miscope(*CHAIN, *SMALL, "--plot", f"curve.{suffix}").status == 0
    ((label, lags, values),) = drawn
    assert label == f"exact: {IsingChain(0.8).label}"
    assert {1, 2, 3, 4, 5} == set(lags.tolist())
    np.testing.assert_allclose(values, IsingChain(0.8).mutual_information(lags))


def test_a_file_that_says_of_which_process_it_is(miscope, drawn):
    IsingChain(0.8).sample(40, 500).save("chain.arrow")
    outcome = miscope("measure", "chain.arrow", "--lags", "1,2", "--plot", "a.png", "-o", "a.json")
    np.testing.assert_allclose(
        list(exact_column(outcome.stdout).values()), IsingChain(0.8).mutual_information([1, 2]), 1e-3
    )
    assert len(drawn) == 1
    assert MICurve.load("a.json").provenance["source"]["process"] == IsingChain(0.8).description


def test_a_file_of_merged_symbols_has_no_truth(miscope, drawn):
    sample = Heterogeneous(compositions=[[0.8, 0.1, 0.1], [0.2, 0.4, 0.4]]).sample(40, 500)
    sample.map_symbols(lambda code: code > 0).save("merged.arrow")
    outcome = miscope("measure", "merged.arrow", "--lags", "1,2", "--plot", "a.png")
    assert (outcome.status, drawn) == (0, [])
    assert "exact" not in outcome.stdout


def test_a_file_that_lies_about_its_process(miscope):
    sample = IsingChain(0.8).sample(40, 500)
    sample.provenance["process"] = {"name": "IsingChain", "parameters": {"coupling": []}}
    sample.save("chain.arrow")
    outcome = miscope("measure", "chain.arrow", "--lags", "1,2")
    assert outcome.status == 0
    assert "exact" not in outcome.stdout


def test_real_numbers_of_a_process_are_quantised(miscope):
    words = ("measure", "--process", "fractional-noise:hurst=0.7", "--lags", "1,4", *SMALL, "--json")
    for options, size in (([], 4), (["--quantiles", "2"], 2)):
        about = json.loads(miscope(*words, *options).stdout)
        assert about["exact"] == FractionalNoise(hurst=0.7).quantised(size).mutual_information([1, 4]).tolist()
        assert about["provenance"]["n_symbols_seen"] == size


def test_real_numbers_of_a_process_as_they_are(miscope):
    words = ("measure", "--process", "linear-rnn", "--lags", "1,4", *SMALL, "--estimator", "gaussian")
    about = json.loads(miscope(*words, "--json").stdout)
    assert about["exact"] == LinearRNN().mutual_information([1, 4]).tolist()
    assert (np.abs(np.array(about["mi"]) - about["exact"]) < 4 * np.array(about["stderr"])).all()
    assert "20,000 real numbers in 40 documents" in miscope(*words).stdout


def test_an_array_of_floats_is_quantised(miscope):
    np.save("returns.npy", LinearRNN().sample(40, 500).values.reshape(40, 500))
    outcome = miscope("measure", "returns.npy", "--lags", "1,2", "-o", "a.json")
    assert outcome.status == 0
    assert "20,000 real numbers cut at their quantiles into 4 symbols in 40 documents" in outcome.stdout
    miscope("measure", "returns.npy", "--lags", "1,2", "--quantiles", "7", "-o", "b.json")
    assert [MICurve.load(name).provenance["n_symbols_seen"] for name in ("a.json", "b.json")] == [4, 7]
    miscope("measure", "returns.npy", "--lags", "1,2", "--estimator", "gaussian", "-o", "c.json")
    exact = LinearRNN().mutual_information([1, 2])
    np.testing.assert_allclose(MICurve.load("c.json").mi, exact, rtol=0.1)


def test_codes_that_were_saved_as_floats_are_noticed(miscope):
    np.save("codes.npy", np.tile([0.0, 1, 2], 300))
    outcome = miscope("measure", "codes.npy", "--lags", "1")
    assert "900 symbols of 3 kinds" in outcome.stdout
    assert outcome.stderr.count("taken as codes") == 1
    assert "codes" not in miscope("measure", "codes.npy", "--lags", "1", "--quiet").stderr


def test_correlation_is_that_of_symbols_without_numbers(miscope):
    words = ("--quantity", "correlation", "--n-documents", "64", "--json")
    about = json.loads(miscope(*CHAIN, *words).stdout)
    np.testing.assert_allclose(about["exact"], IsingChain(0.8).correlation([1, 2, 3, 5]) / 2, rtol=1e-10)
    assert (np.abs(np.array(about["mi"]) - about["exact"]) < 4 * np.array(about["stderr"])).all()


def test_rational_information_has_no_truth(miscope, drawn):
    outcome = miscope(*CHAIN, *SMALL, "--quantity", "rational", "--plot", "a.png")
    assert (outcome.status, drawn) == (0, [])
    assert "exact" not in outcome.stdout
    assert "note: no exact curve is shown: no exact rational mutual information" in outcome.stderr
    assert miscope(*CHAIN, *SMALL, "--quantity", "rational", "--quiet").stderr == ""


def test_a_ring_too_large_to_know(miscope):
    words = ("measure", "--process", "long-range-ising:coupling=0.1,sigma=0.5,n_spins=40", "--lags", "1,2")
    outcome = miscope(*words)
    assert outcome.status == 0
    assert "at most 16 spins" in outcome.stderr
    assert "exact" not in outcome.stdout


def test_documents_of_fixed_length(miscope):
    about = json.loads(miscope("measure", "--process", "tree-grammar:depth=6", "--json").stdout)
    assert (about["provenance"]["n_documents"], about["provenance"]["n_symbols"]) == (64, 64 * 64)


def test_the_document_null_is_explained(miscope):
    words = ("measure", "--process", "heterogeneous:delta=0.5", "--lags", "1,2", *SMALL)
    outcome = miscope(*words, "--null", "document")
    assert list(exact_column(outcome.stdout)) == [1, 2]
    assert "this null may take a part away" in outcome.stdout


def test_bounds_have_names_of_their_own(miscope):
    outcome = miscope(*CHAIN, *SMALL, "--estimator", "bracket", "--plot", "a.png")
    assert outcome.status == 0
    heading = outcome.stdout.splitlines()[1].split()
    assert [name for name in ("upper", "lower", "exact") if name in heading] == ["upper", "lower", "exact"]
    assert "the lower bound stands above 0" in outcome.stdout


def test_long_memory_may_be_ignored(miscope):
    words = ("measure", "--process", "fractional-noise:hurst=0.9", "--lags", "1,10", "--n-documents", "1", "--json")
    corrected, ignored = (json.loads(miscope(*words, "--long-memory", how).stdout) for how in ("correct", "ignore"))
    assert "long_memory" in corrected["provenance"]
    assert "long_memory" not in ignored["provenance"]
    assert corrected["mi"][1] > ignored["mi"][1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["nothing to measure", "FILE", "--process SPEC"]),
        (["text.txt", "--process", "renewal"], ["files and --process exclude each other"]),
        (["text.txt", "--length", "30"], ["--length cannot be used with files, only with --process"]),
        (["text.txt", "--n-documents", "3", "--length", "30"], ["--n-documents, --length cannot be used with files"]),
        (["text.txt", "--quantiles", "3"], ["--quantiles is for real numbers", "text.txt holds symbols already"]),
        (["text.txt", "--estimator", "gaussian"], ["real numbers", "not for symbols"]),
        (["text.txt", "--long-memory", "corect"], ["'corect'", "did you mean 'correct'?"]),
        (["--process", "renewal", "--unit", "byte"], ["--unit cannot be used with --process, only with files"]),
        (["--process", "renewal", "--fold-case"], ["--fold-case cannot be used with --process"]),
        (["--process", "renewl"], ["unknown process 'renewl'", "did you mean 'renewal'?"]),
        (["--process", "renewal:tail=2"], ["unknown parameter of renewal 'tail'", "'tail_index'"]),
        (["--process", "renewal", "--quantiles", "3"], ["--quantiles is for real numbers", "symbols already"]),
        (["--process", "renewal", "--estimator", "gaussian"], ["real numbers", "not for symbols"]),
        (["--process", "linear-rnn", "--estimator", "gaussian", "--quantiles", "3"], ["leave --quantiles out"]),
        (["--process", "linear-rnn", "--quantiles", "1"], ["n_symbols must be a whole number of at least 2"]),
        (["--process", "renewal", "--n-documents", "0"], ["n_documents must be a whole number of at least 1"]),
        (["--process", "renewal", "--length", "0"], ["length must be a whole number of at least 1"]),
        (["--process", "tree-grammar:depth=5", "--length", "40"], ["exactly 32 symbols"]),
        (["--process", "linear-rnn:feedback=[[0.1,0.1]],readout=[[1],[1]]"], ["2 numbers", "--estimator gaussian"]),
    ],
)
def test_what_does_not_go_together(refused, options, words):
    refused("measure", *options, "-o", "curve.json", "--plot", "curve.png", words=words)


def test_samples_say_documents_in_both_ways(miscope):
    """`measure` and `plan` have another use for --documents, but `sample` has not."""
    for option in ("--documents", "--n-documents"):
        miscope("sample", "ising-chain:coupling=0.8", option, "3", "--length", "40", "-o", f"{option[2:]}.npy")
    np.testing.assert_array_equal(np.load("documents.npy"), np.load("n-documents.npy"))


def test_a_lag_is_enough_to_plan_for(miscope):
    words = ("plan", "--process", "ising-chain:coupling=0.8", "--length", "400")
    needed = ms.detectable_lag(IsingChain(0.8), 64, 400).documents_needed(12)
    outcome = miscope(*words, "--lag", "12")
    assert outcome.status == 0
    assert outcome.stdout.startswith(f"{needed:,} documents of 400 symbols: ")
    assert outcome.stdout.splitlines()[-1] == f"lag 12 is detectable with {needed:,} documents of 400 symbols"
