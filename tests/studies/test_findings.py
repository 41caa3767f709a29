"""Rules decide as they say, from intervals; a claim is as its cases are."""

import math
from types import SimpleNamespace

import pytest

import miscope as ms
from miscope.studies.findings import Number, Ruling, decided, rule_above, rule_law, rule_within


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.9, 1.1, "supported"),
        (0.95, 1.05, "supported"),
        (0.8, 1.05, "undecided"),
        (0.5, 2.0, "undecided"),
        (1.2, 1.3, "not supported"),
        (0.1, 0.5, "not supported"),
        (math.nan, math.nan, "undecided"),
        (-math.inf, 1.0, "undecided"),
    ],
)
def test_within(low, high, verdict):
    found = rule_within("case", Number("ratio", 1.0, low, high), 0.9, 1.1)
    assert found.verdict == verdict
    assert "bounds 0.9 to 1.1" in found.reason


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(11, 20, "supported"), (5, 20, "undecided"), (5, 9, "not supported"), (math.nan, math.nan, "undecided")],
)
def test_above(low, high, verdict):
    assert rule_above("case", Number("reach", 10.5, low, high), 10).verdict == verdict


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("exponential", "supported"),
        ("power law", "not supported"),
        ("undecided", "undecided"),
        ("between", "supported"),
    ],
)
def test_law(kind, verdict):
    fit = SimpleNamespace(verdict=SimpleNamespace(kind=kind, first=3, last=90))
    assert rule_law("case", fit, ("exponential", "between")) == Ruling("case", verdict, f"{kind} over lags 3 to 90")


def test_law_of_a_process():
    """On a chain whose law is known: would show if kinds were read from the wrong place."""
    fit = ms.fit(ms.measure(ms.processes.IsingChain(1.5).sample(64, 2048, seed=1), "1:60"))
    assert rule_law("chain", fit, "exponential").verdict == "supported"
    assert rule_law("chain", fit, "power law").verdict == "not supported"


def test_claims():
    yes, no, open_ = (Ruling("case", verdict, "") for verdict in ("supported", "not supported", "undecided"))
    assert decided("c", "r", [yes, yes]).verdict == "supported"
    assert decided("c", "r", [yes, open_]).verdict == "undecided"
    assert decided("c", "r", [yes, open_], most=0.5).verdict == "supported"
    assert decided("c", "r", [yes, open_, no], most=0.5).verdict == "not supported"
    assert decided("c", "r", []).verdict == "undecided"
    with pytest.raises(ms.InputError, match="unknown verdict 'yes'"):
        decided("c", "r", [Ruling("case", "yes", "")])
