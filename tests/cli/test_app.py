"""The command itself: version, citation, help."""

import re

import pytest

import miscope as package
from miscope.cli.app import app

COMMANDS = [
    "measure",
    "inspect",
    "count",
    "fit",
    "compare",
    "sample",
    "train",
    "probe",
    "uniformity",
    "report",
    "plan",
    "demo",
]


def test_version(miscope):
    outcome = miscope("--version")
    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, f"miscope {package.__version__}\n", "")


def test_cite(miscope):
    outcome = miscope("--cite")
    assert (outcome.status, outcome.stderr) == (0, "")
    for word in ("the miscope authors", "arXiv:1905.04271", package.__version__, "@software{miscope", "@misc{shen2019"):
        assert word in outcome.stdout
    assert outcome.stdout.count("{") == outcome.stdout.count("}")


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_has_an_example(miscope, command, option):
    outcome = miscope(*command, option)
    assert (outcome.status, outcome.stderr) == (0, "")
    assert re.search(r"[Ee]xample:", outcome.stdout)
    assert re.search(rf"miscope ({'|'.join(COMMANDS)}) \S", outcome.stdout)


def test_every_command_is_tested_above():
    names = [command.callback.__name__ for command in app.registered_commands]
    assert names == COMMANDS


def test_no_arguments_show_the_help(miscope):
    outcome = miscope()
    assert outcome.status == 2
    assert "measure" in outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "words"), [(["measre"], ["measre", "measure"]), (["measure", "text.txt", "--lag", "3"], ["--lags"])]
)
def test_a_misspelt_command_or_option(miscope, arguments, words):
    outcome = miscope(*arguments)
    assert (outcome.status, outcome.stdout) == (2, "")
    for word in words:
        assert word in outcome.stderr
