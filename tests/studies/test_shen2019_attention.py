"""The experiment with Transformers: sizes that are compared fairly, and rules on curves that are known."""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

import miscope as ms
from miscope.counting.lags import log_lags
from miscope.models.naming import make
from miscope.models.trained import History, TrainedModel
from miscope.studies.shen2019 import attention_findings as findings
from miscope.studies.shen2019.at_hand import DATA
from miscope.studies.shen2019.attention import ATTENTION, _tail
from miscope.studies.shen2019.contenders import (
    CENTRE,
    COMPUTE,
    RIVALS,
    SLIDING,
    TRANSFORMERS,
    contenders,
    still_learning,
    training_flops,
)

CONTEXT = 64


@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
def test_networks_are_as_large_and_cost_as_much_as_the_first(scale: str) -> None:
    runs = contenders(ATTENTION.settings[scale])
    sizes = {name: make(run.kind, 2, dict(run.arguments)).n_parameters for name, run in runs.items()}
    coarse = 0.15 if scale == "smoke" else 0.1  # widths are whole numbers
    for name in [*TRANSFORMERS, *RIVALS]:
        assert abs(sizes[name] / sizes[CENTRE] - 1) < coarse, (name, sizes)
    for kind in RIVALS:
        assert runs[kind].steps == runs[CENTRE].steps
        assert training_flops(runs[kind + COMPUTE]) == pytest.approx(training_flops(runs[CENTRE]), rel=0.03)
    assert len({run.name for run in runs.values()}) == len(runs)


def test_training_cost_is_that_of_the_matrices_counted_by_hand() -> None:
    run = contenders(ATTENTION.settings["laptop"])[CENTRE]
    width, depth, length = dict(run.arguments)["width"], 2, run.length
    biases_and_norms = 3 * width + width + 4 * width + width + 4 * width
    weights = depth * (12 * width**2 + biases_and_norms) + 2 * width + 2 * width + 2  # final norm and readout
    by_hand = (6 * weights + 12 * depth * width * length) * run.steps * run.batch * length
    assert training_flops(run) == pytest.approx(by_hand, rel=1e-12)


def test_steps_are_counted_for_the_progress() -> None:
    assert ATTENTION.n_steps(ATTENTION.settings["smoke"]) == 12 + 13 + 10 + 3 + 1
    assert len(ATTENTION.runs(ATTENTION.settings["smoke"])) == 12


@pytest.fixture(scope="module")
def followed() -> Any:
    """What a perfect Transformer would show."""
    data = DATA.sample(512, CONTEXT, seed=1)
    return ms.measure(data, log_lags(1, CONTEXT - 2, 18), blocks=8)


@pytest.fixture(scope="module")
def forgotten() -> Any:
    """What one would show that remembers a few symbols only."""
    chain = ms.processes.IsingChain(0.8)
    return ms.measure(chain.sample(512, CONTEXT, seed=1), log_lags(1, CONTEXT - 2, 18), blocks=8)


def _follows(curve: Any, learning: Iterable[str] = ()) -> Any:
    fits, reaches = (dict.fromkeys(TRANSFORMERS, each) for each in (ms.fit(curve), ms.reach(DATA, curve)))
    return findings.follows(fits, reaches, set(learning), CONTEXT)


def test_a_power_law_is_followed_and_an_exponential_is_not(followed: Any, forgotten: Any) -> None:
    found = _follows(followed)
    assert not any(ruling.verdict == "not supported" for ruling in found.rulings)
    reaches = [ruling for ruling in found.rulings if ruling.case.endswith("reach")]
    assert {ruling.verdict for ruling in reaches} == {"supported"}
    assert _follows(forgotten).verdict == "not supported"


def test_what_is_still_learning_decides_nothing(forgotten: Any) -> None:
    found = _follows(forgotten, TRANSFORMERS)
    assert found.verdict == "undecided"
    assert all("still learning" in ruling.reason for ruling in found.rulings)


def test_alike_is_decided_by_what_is_kept_at_long_lags(followed: Any, forgotten: Any) -> None:
    same = findings.alike(dict.fromkeys(TRANSFORMERS, followed), set(), CONTEXT)
    assert same.verdict == "supported"
    other = findings.alike(dict.fromkeys(TRANSFORMERS, followed) | {"alibi": forgotten}, set(), CONTEXT)
    assert other.verdict != "supported"
    share = next(number for number in same.numbers if number.name.startswith(CENTRE))
    assert share.low < 1 < share.high  # the data keep all that they have


def test_beyond_the_horizon_says_where_dependence_goes_on() -> None:
    chain = ms.processes.IsingChain(2.0)  # as what is drawn through a window of 4: exponential, beyond it too
    curve = ms.measure(chain.sample(256, 2048, seed=2), log_lags(1, 120, 16), blocks=8)
    fit, reach = _tail(curve, 9.0), ms.reach(chain, curve)
    names = {"window": 4, SLIDING: 4}
    found = findings.beyond(dict.fromkeys(names, fit), dict.fromkeys(names, reach), names, set())
    assert found.verdict == "supported"
    assert "farther than the horizon" in found.differs
    near = findings.beyond(dict.fromkeys(names, fit), dict.fromkeys(names, reach), dict.fromkeys(names, 500), set())
    assert near.differs == ""


def test_networks_with_a_state_have_to_fall_at_the_rate_of_their_spectrum() -> None:
    chain = ms.processes.IsingChain(2.0)
    curve = ms.measure(chain.sample(256, 4096, seed=3), log_lags(1, 120, 16), blocks=8)
    fit, reach = ms.fit(curve), ms.reach(chain, curve)
    length = float(chain.law.correlation_length)  # type: ignore[union-attr,arg-type]

    def decide(factor: float, *warnings: str) -> str:
        spectrum: dict[str, Any] = dict.fromkeys(("correlation_length", "low", "high"), factor * length)
        spectrum["warnings"] = list(warnings)
        assert findings.tail_start(spectrum, 64) == (64 if warnings else factor * length / 2)
        return findings.in_the_end({"lstm": fit}, {"lstm": spectrum}, {"lstm": reach}, set(), 64).verdict

    assert (decide(1.0), decide(3.0), decide(3.0, "they do not span it")) == ("supported", "not supported", "undecided")


@pytest.mark.parametrize(("more", "verdict"), [(0.01, "supported"), (-0.01, "not supported"), (0.001, "undecided")])
def test_the_lower_loss_wins_and_says_where_that_differs(followed: Any, more: float, verdict: str) -> None:
    reaches = dict.fromkeys([SLIDING, *RIVALS], ms.reach(DATA, followed))
    losses = {name: {"more": more, "more_stderr": 0.001} for name in RIVALS}
    kept, predicted = findings.fair("parameters", RIVALS, reaches, losses, set())
    assert predicted.verdict == verdict
    assert bool(predicted.differs) == (verdict == "not supported")
    assert kept.verdict == "undecided"  # as far as the same


def test_a_spectrum_that_misses_its_slow_modes_says_so_in_these_words() -> None:
    words = inspect.getsource(importlib.import_module("miscope.probing.spectrum"))
    for each in findings.MISSED:
        assert each in words
        assert findings.fails({"correlation_length": 1.0, "warnings": [f"x {each} y"]})
    assert not findings.fails({"correlation_length": 1.0, "warnings": ["documents are short"]})
    assert findings.fails({"correlation_length": math.inf, "warnings": []})


@pytest.mark.parametrize("start", [math.nan, 1e9])
def test_tails_are_fitted_where_lags_are_left(followed: Any, start: float) -> None:
    assert _tail(followed, start).lags[0] == followed.lags[-8]


@pytest.mark.parametrize(
    ("steps", "gain", "expected"), [(200, 0.0, True), (1200, 0.0, False), (1200, 0.02, True), (1200, 0.002, False)]
)
def test_what_is_trained_shortly_or_gains_to_the_end_is_still_learning(steps: int, gain: float, expected: bool) -> None:
    at = np.arange(1, 21) * steps // 20
    valid = np.where(at < 0.8 * steps, 0.55, 0.55 - gain)  # 0.14 nats were learnt
    history = History(at, valid, valid, np.full(20, 0.01))
    assert still_learning(TrainedModel(make("rnn", 2, {"width": 2}), history)) is expected
