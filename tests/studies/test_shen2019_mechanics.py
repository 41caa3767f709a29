"""The experiment with spins: what it holds samples against is exact, and its rules tell laws apart."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import miscope as ms
from miscope.studies.findings import Ruling
from miscope.studies.lab import Lab
from miscope.studies.shen2019.coupling_laws import networks, rule_coupling
from miscope.studies.shen2019.mechanics import MECHANICS, _chains, _if_known, _laws, _transition

LAGS = np.array([8, 16, 20, 25, 32, 40, 50, 64, 80, 100, 128])
SMALL = MECHANICS.settings["smoke"] | {"couplings": [1.0], "lags": 10, "samples": 1600, "sizes": [32, 64]}


def _coupled(values: Any, error: float = 1e-5) -> dict[str, Any]:
    return {"lags": LAGS.tolist(), "values": np.asarray(values).tolist(), "stderr": [error] * len(LAGS)}


@pytest.mark.parametrize("wanted", ["exponential", "power law"])
def test_couplings_of_a_known_law_are_told_apart(wanted: str) -> None:
    laws = {"exponential": 0.5 * np.exp(-LAGS / 20), "power law": LAGS**-1.4}
    for law, values in laws.items():
        ruling, numbers = rule_coupling("a network", _coupled(values), wanted)
        assert ruling.verdict == ("supported" if law == wanted else "not supported"), ruling
        true = 20.0 if law == "exponential" else 1.4
        assert numbers[0].value == pytest.approx(true, rel=0.02)


def test_couplings_within_their_errors_decide_nothing() -> None:
    noise = np.random.default_rng(0).normal(0, 1e-3, len(LAGS))
    assert rule_coupling("a network", _coupled(noise, 1e-3), "power law")[0].verdict == "undecided"
    few = {name: each[:3] for name, each in _coupled(LAGS**-1.4).items()}
    assert rule_coupling("a network", few, "power law")[0].verdict == "undecided"


def test_chains_are_held_against_the_transfer_matrix(tmp_path: Path) -> None:
    count: list[str] = []
    finding, rows, plot = _chains(Lab(tmp_path, "mechanics", SMALL, {}, count.append))
    law = ms.processes.IsingChain(1.0).law
    assert law is not None
    assert rows[0]["exact length"] == pytest.approx(law.correlation_length, rel=1e-12)
    assert rows[0]["exact length"] == pytest.approx(-1 / (2 * math.log(math.tanh(1.0))))
    assert finding.rulings[0].verdict == "supported"
    assert len(count) == 2
    assert [each.kind for each in plot.series] == ["points", "line"]


def test_rings_cross_and_the_work_is_found_again(tmp_path: Path) -> None:
    settings = SMALL | {"disordered": {"documents": 256, "spins": 64, "spacing": 5, "part": 4}}
    settings |= {"critical": {"documents": 64, "spins": 128, "spacing": 10, "part": 4}}
    count: list[str] = []
    lab = Lab(tmp_path, "mechanics", settings, {}, count.append)
    (found, rows), plot, crossings = _transition(lab)
    # The ring of 64 is ordered less above the transition's temperature, more below: a wrong coupling would not show it.
    assert [ruling.verdict for ruling in found[0].rulings].count("not supported") == 0
    assert len(rows) == 2 * len(plot.series[0].x)
    (laws, table), _ = _laws(lab, crossings)
    assert [row["theory"] for row in table] == pytest.approx([3.2, 0.8])
    assert laws[1].verdict == "undecided"  # a single crossing does not say how far it drifts
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert _transition(lab)[2] == crossings
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert len(count) == 2 * 3 + 4


def test_the_law_at_the_transition_needs_the_transition() -> None:
    said = Ruling("critical", "not supported", "0.3")
    assert _if_known(said, [0.300, 0.298]).verdict == "not supported"
    assert _if_known(said, [0.300, 0.280]).verdict == "undecided"
    assert _if_known(said, [0.300]).verdict == "undecided"


def test_steps_and_networks() -> None:
    settings = MECHANICS.settings["laptop"]
    assert MECHANICS.n_steps(settings) == 2 * 3 + 1 + 4 + 4 + 2 * 3
    assert {run.kind for run in networks(settings).values()} == {"rnn", "lstm", "transformer"}
    assert len({run.steps for run in networks(settings).values()}) == 1
