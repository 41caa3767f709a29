"""Whatever a parameter is set to: a process that works, or an error that says what is wrong with it."""

import inspect
import math

import numpy as np
import pytest

from miscope.errors import InputError
from miscope.processes import PROCESSES, MarkovChain, TreeGrammar

# Parameters with which a process can be made, one of them then being replaced.
GIVEN = {
    "markov-chain": {"transition": [[0.9, 0.1], [0.2, 0.8]]},
    "hidden-markov": {"transition": [[0.9, 0.1], [0.2, 0.8]], "emission": [[0.8, 0.2], [0.3, 0.7]]},
    "power-law-binary": {},
    "gaussian-copula": {"wanted": {"amplitude": 0.1, "exponent": 0.4}},
    "tree-grammar": {"depth": 3},
    "random-hierarchy": {"alphabet_size": 3, "n_rules": 2, "depth": 3},
    "ising-chain": {"coupling": 0.5},
    "long-range-ising": {"coupling": 0.1, "sigma": 0.5, "n_spins": 6, "thermalise": 2, "spacing": 1},
    "linear-rnn": {},
    "fractional-noise": {"hurst": 0.7},
    "renewal": {},
    "heterogeneous": {"delta": 0.5},
}
PARAMETERS = [(name, parameter) for name, kind in PROCESSES.items() for parameter in inspect.signature(kind).parameters]
WORDS = ("of", "phase")
PATIENT = ("n_spins", "thermalise", "spacing")  # a large one is a long time, not an error

LARGE = [10**9, 10**30, 10**400, 10**5000]
NUMBERS = [0, -1, 2, -(10**30), 0.5, 1e-320, 1e-9, 1e308, -1e308, math.inf, math.nan, 1j, np.float32(0.5)]
THINGS = [None, True, "3", "", [], {}, [[]], object(), len, np.array(0.5), np.zeros(0), np.float32([0.5, 0.5])]
TABLES = [[10**400], [[10**400, 0], [0, 1]], [[1e308, 1e308], [0.5, 0.5]], [[0.5, 0.5], [1.0]], [[1, 0], [0, 1]]]
CURVES = [{"amplitude": 10**400, "exponent": 1}, {"amplitude": 0.1, "exponent": 1e308}, {"amplitude": 0.1, 3: 4}]


def values_of(parameter):
    if parameter in WORDS:
        return [2, 0.5, None, True, "", [], {}, object()]
    return [*(LARGE[1:] if parameter in PATIENT else LARGE), *NUMBERS, *THINGS, *TABLES, *CURVES]


def made(name, parameters):
    """The process, or None if it is refused in few words."""
    try:
        return PROCESSES[name](**parameters)
    except InputError as error:
        if len(str(error)) > 400:
            raise
        return None


def ask(process):
    """All that it can be asked for, of short documents; what it refuses it refuses as an `InputError`."""
    assert process.label
    assert repr(process)
    assert process.law is None or str(process.law)
    assert process.entropy_rate is None or math.isfinite(process.entropy_rate)
    longest = process.longest
    if longest is None or longest > 4:
        assert (process.mutual_information([1, 3]) >= 0).all()
    if longest is None or longest < 1000:
        process.sample(2, 8 if longest is None else longest, seed=1)


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
def test_any_value_gives_a_process_or_an_error_with_words(name, parameter):
    n_made = 0
    for value in values_of(parameter):
        process = made(name, GIVEN[name] | {parameter: value})
        if process is None:
            continue
        n_made += 1
        try:
            ask(process)
        except InputError as error:
            if "cannot be" not in str(error) and "no stationary" not in str(error):
                raise
    assert n_made < len(values_of(parameter))


@pytest.mark.parametrize("parameters", [{"branching": 10**30}, {"depth": 10**30}, {"branching": 3, "depth": 39}])
@pytest.mark.parametrize("name", ["tree-grammar", "random-hierarchy"])
def test_trees_that_are_too_large(name, parameters):
    with pytest.raises(InputError, match=r"symbols is too long: at most 2 \*\* 61; choose a smaller depth"):
        PROCESSES[name](**parameters)
    assert TreeGrammar(branching=2, depth=61).longest == 1 << 61


def test_samples_that_are_too_large():
    chain = MarkovChain.two_state()
    for n_documents, length in [(10**30, 10), (10, 10**30), (1 << 30, 1 << 30)]:
        with pytest.raises(InputError, match="are more than can be drawn at once"):
            chain.sample(n_documents, length)
    with pytest.raises(InputError, match="seed must be a whole number of at most"):
        chain.sample(1, 10, seed=10**400)
    assert chain.sample(1, 10, seed=(1 << 128) - 1).n_symbols == 10
