"""Linear networks: their theory is exact, and the rules tell a closed loop from an open one."""

import math

import numpy as np
import pytest

from miscope.processes import LinearRNN
from miscope.studies.findings import Number
from miscope.studies.lab import Lab
from miscope.studies.shen2019 import linear
from miscope.studies.shen2019.linear import LINEAR, _learnt, _loops, _sampled, _steps, open_length, rule_driven

SMALL = LINEAR.settings["smoke"] | {
    "documents": 64,
    "length": 2048,
    "repeats": 4,
    "linear_steps": 4,
    "drawings": 32,
    "drawn": 256,
    "n_lags": 12,
}


@pytest.mark.parametrize("name", _loops())
def test_the_closed_loop_sets_the_rate_of_the_exact_curve(name):
    process = _loops()[name]
    W, U, V = (
        np.array(process.parameters[part], float).reshape(shape)
        for part, shape in zip(("recurrent", "feedback", "readout"), _shapes(process), strict=True)
    )
    radius = np.abs(np.linalg.eigvals(W + U @ V)).max()
    assert process.law.correlation_length == pytest.approx(-0.5 / math.log(radius), rel=1e-6)
    assert open_length(process) == pytest.approx(-0.5 / math.log(np.abs(np.linalg.eigvals(W)).max()))
    # By the curve itself: far out it falls as radius^(2 lag), but for oscillations and a power of the lag.
    far, ratio = 40 * math.ceil(process.law.correlation_length), 12
    lags = np.arange(far, far + ratio * 20)
    values = process.mutual_information(lags)
    rate = np.polyfit(lags, np.log(values), 1)[0]
    assert rate == pytest.approx(2 * math.log(radius), rel=0.1)
    assert abs(rate * -open_length(process) - 1) > 0.15  # W alone would be told from it


def _shapes(process):
    n = np.atleast_2d(np.array(process.parameters["recurrent"], float)).shape[0]
    return (n, n), (n, 1), (1, n)


def test_samples_fall_at_the_closed_loops_rate(tmp_path):
    begun = []
    findings, tables, plots = _sampled(Lab(tmp_path, "linear", SMALL, begin=begun.append))
    rates = findings[1]
    assert not [each for each in rates.rulings if each.verdict == "not supported"]
    assert sum(each.verdict == "supported" for each in rates.rulings) >= 9  # of ten
    assert len(begun) == 2 * len(_loops())
    assert [row["network"] for row in tables["loops"]] == list(_loops())
    assert len(plots) == len(_loops())


def test_a_wrong_rate_would_be_told(tmp_path, monkeypatch):
    """Samples of a network with less feedback speak against the theory of one with more."""
    weaker = LinearRNN(recurrent=0.5, feedback=0.3, readout=1.0)
    monkeypatch.setattr(linear, "_loops", lambda: {"one unit": LinearRNN(recurrent=0.5, feedback=0.4, readout=1.0)})
    rightly = linear._measure
    monkeypatch.setattr(linear, "_measure", lambda settings, process, *more: rightly(settings, weaker, *more))
    findings, _, _ = _sampled(Lab(tmp_path, "linear", SMALL))
    assert [each.verdict for each in findings] == ["not supported", "not supported"]


def test_trained_networks_are_held_against_what_they_learnt(tmp_path):
    begun = []
    findings, tables, _ = _learnt(Lab(tmp_path, "linear", SMALL, begin=begun.append))
    assert len(begun) == 5 * len(SMALL["linear_widths"])
    assert len(findings[0].rulings) == 2
    assert len(findings[1].rulings) == 1  # the fractional noise's
    assert [row["data"] for row in tables["trained"]] == ["linear RNN", "fractional noise"]
    again, tables_again, _ = _learnt(Lab(tmp_path, "linear", SMALL))
    assert str(again) == str(findings)
    assert str(tables_again) == str(tables)


def test_another_rate_than_the_driven_networks():
    assert rule_driven("elman", Number("length", 60.0, 55.0, 65.0), 6.0).verdict == "supported"
    assert rule_driven("elman", Number("length", 60.0, 55.0, 65.0), 58.0).verdict == "not supported"
    assert rule_driven("elman", Number("length", math.nan), 58.0).verdict == "undecided"


@pytest.mark.parametrize("scale", LINEAR.settings)
def test_steps_and_runs(scale):
    settings = LINEAR.settings[scale]
    assert len({run.name for run in LINEAR.runs(settings)}) == len(settings["elman_widths"])
    assert _steps(settings) == 10 + 5 * len(settings["linear_widths"]) + 4 * len(settings["elman_widths"])
