"""Recurrent networks: the design varies one thing at a time, and findings follow from curves alone."""

import math
from functools import cache

import numpy as np
import pytest

import miscope as ms
from miscope.counting.lags import log_lags
from miscope.studies.findings import Number
from miscope.studies.lab import Lab
from miscope.studies.shen2019 import recurrent
from miscope.studies.shen2019.lengths import tail
from miscope.studies.shen2019.networks import Seen, along, centre_run, design
from miscope.studies.shen2019.recurrent import RECURRENT, rule_curve
from miscope.studies.shen2019.recurrent_figures import figures

SETTINGS = RECURRENT.settings["laptop"] | {
    "widths": {"rnn": [2, 4, 8], "lstm": [2, 4, 8]},
    "depths": {"rnn": [1, 2], "lstm": [1, 2]},
    "lengths": {"rnn": [64, 128, 256], "lstm": [64, 128, 256]},
}


@cache
def _measured(law, length):
    """A curve of known law, exponential or the data's own, and its process."""
    decay = {"correlation_length": length} if law == "exponential" else {"exponent": 0.4}
    process = ms.processes.GaussianCopula({"amplitude": 0.1} | decay)
    return process, ms.measure(process.sample(64, 8192, seed=3), log_lags(1, 1000, 24))


@cache
def _fitted(law, length, whole):
    curve = _measured(law, length)[1]
    return tail(curve, length) if whole else ms.fit(curve, laws="exponential", lags=f"{length / 2:.0f}:")


def _seen(law="exponential", length_of=lambda shape: 30.0, reach_of=lambda shape: 0.8 * shape.length, whole=False):
    """Each network of the design, with a curve of known law; all laws are fitted where `whole` says so."""
    found = []
    for shape in design(SETTINGS):
        length, kept = float(length_of(shape)), reach_of(shape)
        process, curve = _measured(law, length)
        said = {"correlation_length": length, "low": 0.95 * length, "high": 1.05 * length}
        said |= {"lags": curve.lags.tolist(), "mutual_information": process.mutual_information(curve.lags).tolist()}
        reach = Number("reach", kept, 0.95 * kept, 1.05 * kept, "symbols")
        found.append(Seen(shape, curve, _fitted(law, length, whole), said, reach))
    return found


@pytest.mark.parametrize("scale", RECURRENT.settings)
def test_the_design(scale):
    settings = RECURRENT.settings[scale]
    shapes = design(settings)
    assert len(set(shapes)) == len(shapes) == len({shape.name for shape in shapes})
    for shape in shapes:
        centre = (settings["width"], 1, settings["length"])
        assert sum(a != b for a, b in zip((shape.width, shape.depth, shape.length), centre, strict=True)) <= 1
    assert RECURRENT.n_steps(settings) == 5 * len(shapes)
    runs = RECURRENT.runs(settings)
    assert {run.batch * run.length for run in runs} == {settings["symbols"]}  # as many symbols in each update
    for kind in settings["widths"]:
        assert centre_run(kind, settings) in runs


def test_a_centre_of_no_kind():
    with pytest.raises(ms.InputError, match="lstm"):
        centre_run("lstmm", SETTINGS)


def test_one_thing_is_varied_at_a_time():
    seen = _seen()
    for what, wanted in (("width", [2, 4, 8]), ("depth", [1, 2]), ("length", [64, 128, 256])):
        found = along(seen, SETTINGS, what)
        assert {kind: [getattr(each.shape, what) for each in some] for kind, some in found.items()} == {
            "rnn": wanted,
            "lstm": wanted,
        }


def test_exponential_curves_support_and_power_laws_speak_against():
    assert recurrent._falls(_seen(whole=True)).verdict == "supported"
    assert recurrent._falls(_seen("power law", whole=True)).verdict == "not supported"


def test_growth_is_told_from_none():
    grown = list(recurrent._grows(_seen(length_of=lambda shape: 4.0 * shape.width), SETTINGS))
    assert [each.verdict for each in grown] == ["supported", "undecided", "undecided"]
    shrunk = list(recurrent._grows(_seen(length_of=lambda shape: 96.0 / shape.width), SETTINGS))
    assert shrunk[0].verdict == "not supported"
    longer = list(recurrent._grows(_seen(length_of=lambda shape: shape.length / 8), SETTINGS))
    assert longer[1].verdict == "supported"


def test_spectra_that_foretell_and_such_that_do_not():
    length, curve = recurrent._spectra(_seen())
    assert (length.verdict, curve.verdict) == ("supported", "supported")
    wrong = []
    for each in _seen():
        said = dict(each.said) | {"correlation_length": 75.0, "low": 70.0, "high": 80.0}
        said["mutual_information"] = (0.1 * np.exp(-each.curve.lags / 75.0)).tolist()
        wrong.append(Seen(each.shape, each.curve, each.fit, said, each.reach))
    length, curve = recurrent._spectra(wrong)
    assert (length.verdict, curve.verdict) == ("not supported", "not supported")


def test_a_curve_with_nothing_in_it_decides_nothing():
    _, curve = _measured("exponential", 30.0)
    said = {"correlation_length": 0.5, "mutual_information": np.full(len(curve.lags), 1e-9).tolist()}
    assert rule_curve("none", curve, said).verdict == "undecided"


def test_reach_decides_and_the_difference_follows_the_verdict():
    kept = recurrent._keeps(_seen(), SETTINGS)
    assert kept.verdict == "supported"
    assert "LSTM 8" in kept.differs
    assert "195 to 215 symbols" in kept.differs  # 0.8 x 256, and 5 % of it
    lost = recurrent._keeps(_seen(reach_of=lambda shape: 0.2 * shape.length), SETTINGS)
    assert (lost.verdict, lost.differs) == ("not supported", "")
    # Elman RNNs and smaller networks are not asked.
    assert {each.case for each in kept.rulings} == {
        each.shape.label for each in _seen() if each.shape.kind == "lstm" and each.shape.width >= 8
    }


def test_figures_hold_each_network():
    seen = _seen()
    drawn = {plot.name: plot for plot in figures(seen, SETTINGS)}
    assert sum(len(each.x) for each in drawn["foretold"].series) == len(seen)
    assert sum(len(each.x) for each in drawn["reach"].series) == len(seen)
    assert {"curves-rnn-width", "curves-lstm-length", "lengths-width", "lengths-length"} <= set(drawn)
    assert [each.label for each in drawn["curves-rnn-width"].series if each.kind == "points"] == ["2", "4", "8"]


def test_all_of_it_in_small_and_found_again(tmp_path):
    settings = RECURRENT.settings["smoke"] | {"widths": {"lstm": [2]}, "width": 2, "depths": {}, "lengths": {}}
    settings |= {"steps": 4, "symbols": 256, "drawn": 300, "n_lags": 12}
    begun = []
    first = RECURRENT.run(Lab(tmp_path, "recurrent", settings, begin=begun.append))
    assert len(begun) == RECURRENT.n_steps(settings)
    assert len(first.findings) == 7
    assert all(row["reach_high"] > 0 and not math.isnan(row["reach_high"]) for row in first.tables["networks"])
    again = RECURRENT.run(Lab(tmp_path, "recurrent", settings))
    assert str(again) == str(first)
    assert not list(tmp_path.rglob("*unfinished*"))
