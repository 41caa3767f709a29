"""Correlation lengths are found where they are known, and rules about them say what they should."""

import math

import numpy as np
import pytest

import miscope as ms
from miscope.studies.findings import Number
from miscope.studies.shen2019.lengths import (
    coverage,
    length_beside,
    length_of,
    mean,
    ratio,
    rule_outside,
    rule_tail,
    slope,
    tail,
)

NETWORK = ms.processes.LinearRNN([[0.6, 0.2], [0.1, 0.5]], [0.4, 0.1], [0.6, 0.3])


@pytest.fixture(scope="module")
def curve():
    return ms.measure(NETWORK.sample(64, 4096, seed=1), "1:100", estimator="gaussian")


def test_the_rate_of_a_sample_is_that_of_its_theory_and_of_no_other(curve):
    exact, true = NETWORK.mutual_information(curve.lags), NETWORK.law.correlation_length
    found = length_beside("length", curve, exact, true)
    assert found.low < true < found.high
    assert found.high / found.low < 1.3  # it would miss a length that is a quarter off
    # The same curve beside a theory of half the length: what is said is still the curve's.
    half = exact * np.exp(-curve.lags / true)
    other = length_beside("length", curve, half, true / 2)
    assert other.value == pytest.approx(true, rel=0.15)
    assert other.low > 1.3 * true / 2


def test_a_theory_that_is_wrong_is_not_covered(curve):
    exact = NETWORK.mutual_information(curve.lags)
    assert coverage(curve, exact) > 0.6  # lags of one sample err together
    assert coverage(curve, 1.5 * exact) < coverage(curve, exact) - 0.3


def test_without_lags_there_is_no_length(curve):
    none = length_beside("length", curve, np.zeros(len(curve.lags)), 10.0)
    assert math.isnan(none.value)
    assert math.isnan(none.low)


def test_a_tail_begins_at_half_the_foretold_length_and_leaves_lags_enough(curve, monkeypatch):
    asked = []
    monkeypatch.setattr("miscope.decay.fit", lambda curve, lags: asked.append(lags))
    for length in (12.0, 1.0, 1e6, math.inf, math.nan):
        tail(curve, length)
    assert asked == ["6:", "1:", f"{curve.lags[-8]}:", "1:", "1:"]


def test_the_length_of_a_tail(curve):
    found = ms.fit(curve, laws="exponential", lags="6:")
    assert length_of(found, "length").value == pytest.approx(NETWORK.law.correlation_length, rel=0.2)


def test_tails_of_known_laws():
    lags = np.unique(np.geomspace(1, 500, 20).astype(int))
    laws = {"exponential": 0.1 * np.exp(-lags / 80), "power law": 0.1 * lags**-0.6}
    rulings = {name: rule_tail(name, ms.fit((lags, values, 1e-5 + 0.01 * values))) for name, values in laws.items()}
    assert {name: each.verdict for name, each in rulings.items()} == {
        "exponential": "supported",
        "power law": "not supported",
    }


def test_a_tail_without_dependence_has_no_length():
    noise = np.random.default_rng(0).normal(0, 1e-4, 20)
    found = ms.fit((np.arange(1, 21), noise, np.full(20, 1e-4)))
    assert math.isnan(length_of(found, "length").value)
    assert rule_tail("noise", found).verdict == "undecided"


def test_ratios_add_errors_of_logarithms():
    found = ratio("ratio", Number("a", 8, 4, 16), Number("b", 2, 1, 4))
    assert found.value == pytest.approx(4)
    assert math.log(found.high / 4) == pytest.approx(math.sqrt(2) * math.log(2))
    assert found.low * found.high == pytest.approx(16)
    assert math.isnan(ratio("ratio", Number("a", 8, 4, 16), Number("b", 2)).low)
    assert ratio("ratio", Number("a", 8, 4, math.inf), Number("b", 2, 2, 2)).high == math.inf


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [
        ((1.6, 2.0), "supported"),
        ((0.9, 1.1), "not supported"),
        ((1.2, 1.8), "undecided"),
        ((math.nan,) * 2, "undecided"),
    ],
)
def test_outside(ends, verdict):
    assert rule_outside("case", Number("ratio", 1.0, *ends), 2 / 3, 1.5).verdict == verdict


def test_a_common_power_is_found_and_its_interval_holds_it():
    """Nine in ten intervals hold the power at least, of networks that scatter by a fifth (seed 0, 200 draws)."""
    generator = np.random.default_rng(0)
    sizes, held = np.array([2.0, 4.0, 8.0, 16.0]), 0
    for _ in range(200):
        groups = {
            kind: list(zip(sizes, start * sizes**0.7 * np.exp(generator.normal(0, 0.2, 4)), strict=True))
            for kind, start in (("a", 5.0), ("b", 40.0))
        }
        found = slope("power", groups)
        held += found.low < 0.7 < found.high
    assert 180 <= held <= 199


def test_too_few_networks_give_no_interval():
    two = slope("power", {"a": [(2, 10.0), (4, 20.0)]})
    assert two.value == pytest.approx(1.0)
    assert math.isnan(two.low)
    assert math.isnan(slope("power", {"a": [(2, 10.0)]}).value)
    assert math.isnan(slope("power", {}).value)
    assert math.isnan(mean("mean", [1.0]).low)
    assert math.isnan(mean("mean", []).value)
    assert mean("mean", [1.0, 2.0, 3.0]).low < 2 < mean("mean", [1.0, 2.0, 3.0]).high
