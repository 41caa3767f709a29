"""The calibration of the verdict: rows against direct fits, tables against counts by hand."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import miscope as ms
from miscope.cli.study import _verdict_summary
from miscope.processes import IsingChain
from miscope.studies import Calibration, calibrate
from miscope.studies.page import tables
from miscope.studies.verdict_tables import confusion, held, peer_wrong, wrong
from miscope.studies.verdicts import VERDICT_RUNS, VerdictCase, peer_choice, run_verdict_case, verdict_cases


def row(truth: str, verdict: str, peer: str | None = None, **more) -> dict:
    about = {"group": "verdict", "truth": truth, "process": "p", "documents": 64, "length": 4096, "seed": 0}
    about |= {"verdict": verdict, "significant_decades": 2.0, "first": 1.0, "last": 100.0, "peer": peer}
    about |= {"parameter": "", "true": None, "value": None, "low": None, "high": None}
    return about | more


def test_a_row_says_what_the_fit_says():
    """Would catch a seed that is not used, a parameter of another law, or an interval that is not the fit's."""
    case = VerdictCase("exponential", "chain", IsingChain(1.2), 64, 1024)
    rows = run_verdict_case(case, 2)
    for seed, found in enumerate(rows):
        curve = ms.measure(case.process.sample(64, 1024, seed), "1:256", seed=seed)
        fit = ms.fit(curve)
        estimate = fit.correlation_length
        assert found["verdict"] == fit.verdict.kind
        assert (found["value"], found["low"], found["high"]) == (estimate.value, estimate.low, estimate.high)
        assert found["true"] == pytest.approx(-1 / (2 * np.log(np.tanh(1.2))))
        assert (found["first"], found["last"]) == (fit.verdict.first, fit.verdict.last)
        assert 1 < found["significant_decades"] < 2
    assert rows[0]["value"] != rows[1]["value"]


def test_cases_know_their_law():
    """Every truth is in each scale; what is called exponential or a power law says so of itself."""
    keys = [case.key for case in verdict_cases("full")]
    assert len(set(keys)) == len(keys)
    for scale in VERDICT_RUNS:
        cases = verdict_cases(scale)
        assert {case.truth for case in cases} == {"exponential", "power law", "between", "no dependence"}
        for case in cases:
            law = case.process.law
            if case.truth in ("exponential", "power law"):
                assert law.kind == case.truth
                assert case.parameter[1] > 0
            elif case.truth == "no dependence":
                assert np.allclose(case.process.mutual_information([1, 2]), 0)
            else:
                values = case.process.mutual_information([1, 10, 100])
                steep = -np.diff(np.log(values)) / np.diff(np.log([1, 10, 100]))
                assert steep[1] > 1.2 * steep[0]  # steeper and steeper: no power law
                assert values[0] / values[1] > 1.5 * np.exp(
                    9 * np.log(values[1] / values[2]) / 90
                )  # and no exponential
    assert VERDICT_RUNS["smoke"] < VERDICT_RUNS["quick"] < VERDICT_RUNS["full"]


def test_what_is_wrong():
    assert wrong(row("exponential", "power law"))
    assert wrong(row("no dependence", "exponential"))
    assert wrong(row("between", "exponential"))
    assert not wrong(row("between", "between"))
    assert not wrong(row("exponential", "undecided"))
    assert not peer_wrong(row("power law", "", "exponential + power law"))
    assert not peer_wrong(row("between", "", "exponential + power law"))
    assert peer_wrong(row("exponential", "", "exponential + power law"))
    assert peer_wrong(row("no dependence", "", "power law"))
    assert not peer_wrong(row("no dependence", "", None))  # not asked
    assert held(row("power law", "power law", true=1.0, low=0.5, high=None))
    assert not held(row("power law", "power law", true=1.0, low=1.1, high=None))


def test_tables_count():
    power = {"parameter": "exponent", "true": 0.5, "value": 0.6, "low": 0.55, "high": 0.7}
    rows = [
        row("exponential", "exponential", "power law"),
        row("exponential", "power law", "exponential", significant_decades=1.2),
        row("power law", "power law", "power law", **power),
        row("power law", "power law", "power law", **(power | {"low": 0.4})),
        row("power law", "undecided", "exponential", **power),
    ]
    assert confusion(rows, "verdict", ("exponential", "power law", "undecided"))[:2] == [[1, 1, 0], [0, 2, 1]]
    made = tables(Calibration((), tuple(rows)))
    assert list(made) == ["verdict", "verdict-sizes", "verdict-parameters"]
    assert "| power law | 0 | 2 | 0 | 0 | 1 | 1 | 2 | 0 | 0 |" in made["verdict"]
    # 5 curves, 1 wrong, 1 undecided; 4 of them long, none wrong, 1 undecided; the peer wrong in 2, both long
    assert "| all | 5 | 20.0 | 20.0 | 4 | 0.0 | 25.0 | 40.0 | 50.0 |" in made["verdict-sizes"]
    assert "| exponent | p | 64 × 4,096 | 0.5 | 0.6 | 0 | 2 of 3 | 50.0 |" in made["verdict-parameters"]
    assert _verdict_summary(rows) == "verdict          5 curves; wrong 20.0 %, undecided 25 % of 4 over 1.5 decades"


def test_the_peer_is_asked_as_its_users_ask(monkeypatch):
    """A stand-in for automutualinformation: values at or below zero are dropped, and the smallest AICc is chosen."""
    curve = ms.measure(IsingChain(1.5).sample(64, 2048), "1:512")
    assert np.any(curve.excess <= 0)
    asked = []

    def fit_model(lags, values, decay_function):
        asked.append((lags.tolist(), values.tolist(), decay_function))
        return SimpleNamespace(params=[1, 2, 3]), decay_function

    scores = {"exponential": np.nan, "powerlaw": -3.0, "pow_exp": -5.0}
    fakes = {
        "fit": {"fit_model": fit_model},
        "comparison": {"AICc": lambda n, k, values, predicted, lags, logscaled: scores[predicted]},
    }
    for name in ("automutualinformation", "automutualinformation.modelfitting"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    for name, contents in fakes.items():
        module = ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, f"automutualinformation.modelfitting.{name}", module)
    assert peer_choice(curve) == "exponential + power law"
    seen = curve.excess > 0
    assert {each[2] for each in asked} == set(scores)
    assert all(each[:2] == (curve.lags[seen].tolist(), curve.excess[seen].tolist()) for each in asked)
    assert peer_choice(ms.measure(IsingChain(1.5).sample(64, 2048), [1, 2, 3])) == "too few values above zero"
    scores.update(powerlaw=np.nan, pow_exp=np.inf)
    assert peer_choice(curve) == "none"


def test_without_the_peer_there_is_no_choice(monkeypatch):
    monkeypatch.setitem(sys.modules, "automutualinformation.modelfitting.fit", None)
    assert peer_choice(ms.measure(IsingChain(1.5).sample(16, 512), "1:64")) is None


def test_the_verdict_is_a_question_of_the_calibration(tmp_path, monkeypatch):
    chosen = [case for case in verdict_cases("smoke") if "independent" in case.name]
    monkeypatch.setattr("miscope.studies.calibration.verdict_cases", lambda scale: chosen)
    found = calibrate("smoke", tmp_path, groups=["verdict"])
    assert found.rows == ()
    assert [each["verdict"] for each in found.verdicts] == ["no dependence"] * 2
    assert calibrate("smoke", tmp_path, groups=["verdict"]).verdicts == found.verdicts  # from the store
    found.save(tmp_path / "v.csv", verdicts=True)
    assert (tmp_path / "v.csv").read_text().count("\n") == 3


@pytest.mark.parametrize(("peer", "panels"), [("", 1), ("power law", 2)])
def test_the_figure_shows_the_peer_only_where_it_was_asked(peer, panels, tmp_path, monkeypatch):
    from miscope.figures import calibration

    drawn = []
    monkeypatch.setattr(calibration, "save_figure", lambda figure, path: drawn.append(figure))
    rows = [{"truth": "power law", "verdict": "power law", "peer": peer}] * 3
    calibration.plot_verdicts(rows, tmp_path / "verdicts.png")
    axes = drawn[0].axes
    assert [each.get_title() for each in axes] == ["miscope says", "automutualinformation chooses"][:panels]
    assert all("100 %\n(3)" in [text.get_text() for text in each.texts] for each in axes)
