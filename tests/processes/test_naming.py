"""Processes by name: every one of them can be written down, and made again of what is written."""

import inspect
import json

import numpy as np
import pytest

from miscope import InputError, Sequences
from miscope.processes import GaussianCopula, Process, Quantised, RealProcess, from_description, from_text
from miscope.processes.naming import PROCESSES, from_provenance, kebab, make, parsed, value_of

TEXTS = [
    "markov-chain:transition=[[0.9,0.1],[0.2,0.8]]",
    'markov-chain:transition=[[0.9,0.1],[0.2,0.8]],alphabet=["a","b"]',
    "markov-chain:transition=[[0.9,0.1],[0.2,0.8],[0.5,0.5],[0.3,0.7]],order=2",
    "hidden-markov:transition=[[0.9,0.1],[0.2,0.8]],emission=[[0.7,0.2,0.1],[0.1,0.2,0.7]]",
    "power-law-binary:amplitude=0.2,exponent=0.8",
    'gaussian-copula:wanted={"amplitude":0.1,"correlation_length":9},n-symbols=3',
    "gaussian-copula:wanted=[0.3,0.2,0.1],of=correlation,probabilities=[0.2,0.8]",
    "tree-grammar:eigenvalue=-0.5,depth=6",
    "tree-grammar:channel=[[0.8,0.1,0.1],[0.2,0.5,0.3],[0.1,0.1,0.8]],depth=3,branching=3,root=[0.2,0.3,0.5]",
    "random-hierarchy:alphabet-size=4,n-rules=2,depth=4,rules-seed=3",
    "ising-chain:coupling=0.5,field=0.1",
    "long-range-ising:coupling=0.1,sigma=0.5,n_spins=8",
    "linear-rnn:recurrent=[[0.5,0.1],[0,0.3]],feedback=[0.1,0.2],readout=[1,1]",
    "fractional-noise:hurst=0.8",
    "fractional-noise:d=0.2,ar=[0.5],ma=[0.1]",
    "renewal:tail-index=1.2,longest=500",
    "heterogeneous:delta=0.3,segment=40",
    "heterogeneous:compositions=[[0.8,0.1,0.1],[0.2,0.4,0.4]],weights=[0.3,0.7]",
]


def of_text(text: str, quantiles: bool = False) -> Process:
    process = from_text(text)
    return process.quantised(3) if quantiles and isinstance(process, RealProcess) else process


def sampled(process: Process):
    return process.sample(2, process.longest or 50, seed=5)


def test_every_process_is_written_above():
    assert {text.partition(":")[0] for text in TEXTS} == set(PROCESSES)


@pytest.mark.parametrize("quantiles", [False, True])
@pytest.mark.parametrize("text", TEXTS)
def test_what_a_sample_says_of_itself_makes_an_equal_process(text, quantiles):
    process = of_text(text, quantiles)
    sample = sampled(process)
    provenance = json.loads(json.dumps(sample.provenance))
    again = from_provenance(provenance)
    assert (type(again), again.parameters, again.label) == (type(process), process.parameters, process.label)
    lags = [lag for lag in (1, 2, 7, 30) if lag < (process.longest or 50)]
    np.testing.assert_array_equal(again.mutual_information(lags), process.mutual_information(lags))
    same = sampled(again)
    for name in ("codes",) if isinstance(sample, Sequences) else ("values",):
        np.testing.assert_array_equal(getattr(same, name), getattr(sample, name))


@pytest.mark.parametrize("text", TEXTS)
def test_a_process_can_be_written_in_one_line(text):
    process = from_text(text)
    alphabet = {"alphabet": list(process.alphabet)} if getattr(process, "alphabet", None) else {}
    written = ",".join(f"{name}={json.dumps(value)}" for name, value in (process.parameters | alphabet).items())
    name = kebab(type(process).__name__)
    for head in (name, type(process).__name__, f" {name} "):
        again = from_text(f"{head}:{written}")
        assert again.parameters == process.parameters
        assert getattr(again, "alphabet", None) == getattr(process, "alphabet", None)


@pytest.mark.parametrize("name", PROCESSES)
def test_names_are_those_of_classes(name):
    assert kebab(PROCESSES[name].__name__) == name
    assert not inspect.isabstract(PROCESSES[name])
    assert len(inspect.getdoc(PROCESSES[name]).splitlines()[0]) <= 116


def test_files_keep_the_process(tmp_path):
    process = from_text("ising-chain:coupling=0.5")
    process.sample(3, 40).save(tmp_path / "chain.arrow")
    assert from_provenance(Sequences.open(tmp_path / "chain.arrow").provenance).parameters == process.parameters


def test_numbers_that_were_quantised_are_those_of_the_process():
    process = from_text("fractional-noise:hurst=0.7")
    found = from_provenance(process.sample(4, 100).quantise(3).provenance)
    assert isinstance(found, Quantised)
    np.testing.assert_array_equal(found.mutual_information([1, 9]), process.quantised(3).mutual_information([1, 9]))


def test_parts_of_whole_documents_are_still_the_process():
    sample = from_text("ising-chain:coupling=0.5").sample(10, 40)
    assert from_provenance(sample.split(2)[0].provenance) is not None
    assert from_provenance(sample.split(2, by="symbols")[0].provenance) is None


def test_merged_symbols_are_not():
    sample = from_text("random-hierarchy:alphabet-size=4,n-rules=2,depth=4").sample(3)
    assert from_provenance(sample.map_symbols(lambda code: code % 2).provenance) is None


@pytest.mark.parametrize(
    "process",
    [
        None,
        "ising-chain",
        {},
        {"name": "IsingChain"},
        {"name": "IsingChain", "parameters": 3},
        {"name": "IsingChain", "parameters": {"coupling": "strong"}},
        {"name": "IsingChain", "parameters": {"coupling": 1, "colour": 2}},
        {"name": "SomethingElse", "parameters": {}},
        {"name": 7, "parameters": {}},
        {"name": "Quantised", "parameters": {"process": {"name": "IsingChain", "parameters": {"coupling": 1}}}},
        {"name": "Quantised", "parameters": {"process": None, "n_symbols": 4}},
        {"name": "Quantised", "parameters": {}},
    ],
)
def test_what_names_no_process(process):
    assert from_description(process) is None
    assert from_provenance({"process": process}) is None


def test_a_curve_that_was_a_function_cannot_be_made_again():
    process = GaussianCopula(lambda lags: 0.1 / lags)
    assert from_description(process.description) is None


@pytest.mark.parametrize("quantised", [None, {}, {"symbols": 1}, {"symbols": "four"}, {"symbols": 4, "edges": []}])
def test_symbols_that_are_said_to_be_quantised(quantised):
    """A process of symbols has no quantiles, whatever a file says."""
    description = from_text("ising-chain:coupling=1").description
    assert from_provenance({"process": description, "quantised": quantised}) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"unknown process ''"),
        ("renewl", r"unknown process 'renewl'; did you mean 'renewal'\?"),
        ("renewal:tail=2", r"unknown parameter of renewal 'tail'; did you mean 'tail_index'\?"),
        ("renewal:tail-index", r"cannot read 'tail-index'; write a process as NAME:parameter=value"),
        ("renewal:=3", r"cannot read '=3'"),
        ("renewal:tail-index=2,tail_index=3", "tail_index is given twice"),
        ("renewal:tail-index=steep", "tail_index must be a number above 1, not 'steep'"),
        ("renewal:tail-index=", "tail_index must be a number above 1, not ''"),
        ("renewal:tail-index=NaN", "tail_index must be a number"),
        ("ising-chain", "ising-chain needs coupling; it takes coupling, field"),
        ("long-range-ising:sigma=0.5", "needs coupling and n_spins"),
        ("markov-chain:transition=[[0.9,0.1]", "transition must"),
        ("markov-chain:transition=[[0.9,0.2],[0.5,0.5]]", "transition"),
        ("gaussian-copula:wanted=0.3", "cannot read the wanted curve"),
    ],
)
def test_lines_that_name_no_process(text, words):
    with pytest.raises(InputError, match=words):
        from_text(text)


def test_values_are_json_or_words():
    assert value_of("1e-3") == 0.001
    assert value_of(" critical ") == "critical"
    assert value_of("null") is None
    assert parsed('x:a=[1,"b,=c"],b={"d":[1,2]}') == ("x", {"a": [1, "b,=c"], "b": {"d": [1, 2]}})


def test_parameters_in_a_dictionary():
    assert make("renewal", {"tail_index": 1.5, "shortest": 2}).parameters == {"tail_index": 1.5, "shortest": 2}
