"""docs/processes.md says what the package has: names, parameters, commands, the numbers of its examples."""

import inspect
import re
import shlex
from pathlib import Path

import pytest

import miscope as ms
from calling import call
from miscope.processes.naming import PROCESSES

PAGE = (Path(__file__).parents[2] / "docs" / "processes.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]


def written(parameter):
    empty = parameter.default is inspect.Parameter.empty
    return f"`{parameter.name}`" if empty else f"`{parameter.name}={parameter.default!r}`"


def test_the_table_is_that_of_the_package():
    rows = re.findall(r"^\| `([a-z-]+)` \| `(\w+)` \| (.*) \|$", PAGE, flags=re.MULTILINE)
    expected = [
        (name, kind.__name__, ", ".join(map(written, inspect.signature(kind).parameters.values())))
        for name, kind in PROCESSES.items()
    ]
    assert rows == expected


def test_every_process_is_said_to_be_good_for_something():
    part = PAGE.split("## Which one for what")[1].split("\n## ")[0]
    assert sorted(re.findall(r"^- `([a-z-]+)`: ", part, flags=re.MULTILINE)) == sorted(PROCESSES)


def test_commands_run(tmp_path, monkeypatch):
    """In the order of the page: one measures what another has drawn."""
    monkeypatch.chdir(tmp_path)
    assert {shlex.split(line)[1] for line in COMMANDS} == {"sample", "measure", "plan"}
    for line in COMMANDS:
        result = call(*shlex.split(line)[1:])
        assert result.exit_code == 0, (line, result.output)
        assert "exact" in result.stdout or "sample --list" in line or " plan " in line, line


def test_numbers_are_those_of_the_package():
    text = " ".join(PAGE.split())
    chain, ising = ms.processes.MarkovChain([[0.9, 0.1], [0.3, 0.7]]), ms.processes.IsingChain(coupling=1.2)
    assert f"{chain.mutual_information([1, 5]).round(6)}, nats" in PAGE
    assert f"print(chain.law)  # {chain.law}" in PAGE
    assert chain.joint(1).ravel().tolist() == pytest.approx([0.675, 0.075, 0.075, 0.175])
    assert f"the chain above has {chain.mutual_information([100])[0]:.2g} nats" in text
    assert f"# correlation length {ising.law.correlation_length:.3g}" in PAGE
    plan = ms.detectable_lag(ising, n_documents=100, length=1000)
    needed = plan.documents_needed(20), plan.documents_needed(22)
    assert f"# {plan.largest_lag} {needed[0]} {needed[1]}" in PAGE
    assert f"up to lag {plan.largest_lag}:" in text
    at = plan.lags == 20
    expected, stderr, probability = (float(column[at][0]) for column in (plan.expected, plan.stderr, plan.probability))
    assert f"there are {expected:.5f} nats with a bar of {stderr:.5f}, and the probability is {probability:.2f}" in text
    assert f"it takes {needed[0]} documents, and {needed[1]} for lag 22" in text
    ratio = float(ising.mutual_information([20])[0] / ising.mutual_information([22])[0])
    assert f"by a factor of {ratio:.2f} in two symbols" in text
    alone = ms.detectable_lag(ising, n_documents=100, length=1000, lags=[20]).documents_needed(20)
    assert f"{alone} documents are enough" in text
