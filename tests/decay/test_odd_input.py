"""Input at the edge of what a fit takes: an answer, or an error that says what is wrong."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest

import miscope as ms
from miscope import FormatError, InputError
from miscope.decay.storage import from_json, to_dict

LAGS = [1, 2, 4, 8, 16, 32]
VALUES = [0.5, 0.3, 0.2, 0.1, 0.05, 0.02]
BARS = [0.01] * 6


def test_arrow_table():
    # What MICurve.to_table and Parquet files give.
    found = ms.fit(pa.table({"lag": LAGS, "mi": VALUES, "stderr": BARS}), laws=["power law"])
    plain = ms.fit((LAGS, VALUES, BARS), laws=["power law"])
    assert found["power law"].theta == plain["power law"].theta


@pytest.mark.parametrize("lags", ["1:10", (1, 10)])
def test_no_value_at_all(lags):
    with pytest.raises(InputError, match=r"at least 4 lags .* there are 0"):
        ms.fit((LAGS, [math.nan] * 6, BARS), lags=lags)


def test_a_number_in_an_array():
    with pytest.raises(InputError, match=r"takes a curve, .* not ndarray"):
        ms.fit(np.array(5.0))


def test_complex_values():
    with pytest.raises(InputError, match="the values of a curve to fit are numbers"):
        ms.fit((LAGS, np.array(VALUES) + 1j, BARS))


def test_masked_values_are_no_values():
    masked = np.ma.array(VALUES, mask=[False, True, False, False, False, False])
    found = ms.fit((LAGS, masked, BARS), laws=["power law"])
    assert found.lags.tolist() == [1, 4, 8, 16, 32]


def test_as_few_lags_as_there_may_be():
    # Exponential + power law with a floor has five parameters: it cannot be fitted here, and the others can.
    found = ms.fit(([1, 5, 10, 20], [0.5, 0.2, 0.1, 0.05], [0.01] * 4))
    assert found.verdict.kind in ms.decay.KINDS
    assert found["power law"]["exponent"].value > 0


def test_few_lags_after_the_first_significant_one():
    found = ms.fit(([1, 2, 4, 8, 16, 200], [0.0, 0.0, 0.0, 0.1, 0.1, 0.05], BARS))
    assert found.verdict.kind == "undecided"


@pytest.mark.parametrize("scale", [1e-20, 1e-10])
def test_values_of_any_size(scale):
    # Both far below saturation: the same but for the amplitude.
    few = 1e-3 * scale
    large, small = (
        ms.fit((LAGS, size * np.array(VALUES), size * np.array(BARS)), laws=["power law"], floor=False)["power law"]
        for size in (1e-3, few)
    )
    assert small["exponent"].value == pytest.approx(large["exponent"].value, rel=1e-2)
    assert small["amplitude"].value == pytest.approx(scale * large["amplitude"].value, rel=1e-2)


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body["laws"][0].update(theta=[1.0]),
        lambda body: body["laws"][0].update(floor=True),
        lambda body: body["laws"][0].update(own_deviations=[[1.0]]),
        lambda body: body["laws"][0].update(deviations=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        lambda body: body.update(lags=[1.0]),
        lambda body: body.update(significant=["no"] * 6),
        lambda body: body["verdict"].update(first="one"),
        lambda body: body["verdict"].update(kind="wavy"),
        lambda body: body.update(notes="a note"),
        lambda body: body.update(provenance=3),
    ],
    ids=[
        "a parameter missing",
        "a floor too many",
        "an error missing",
        "deviations of three parameters",
        "lags missing",
        "words for yes and no",
        "a word for a lag",
        "no such verdict",
        "letters for notes",
        "a number for provenance",
    ],
)
def test_fits_on_disk_that_do_not_hang_together(damage):
    # Read without a word, they would be wrong in silence, or break when they are printed.
    body = to_dict(ms.fit((LAGS, VALUES, BARS), laws=["power law"], floor=False))
    damage(body)
    with pytest.raises(FormatError, match="a damaged fit of miscope"):
        from_json(json.dumps(body))


def test_what_has_no_effect_has_no_interval():
    """A second part of almost no amplitude: nothing is known of its exponent, least of all without any error."""
    lags = np.array([1, 2, 3, 4, 6, 8, 12, 16])
    values = [0.5, 0.3, 0.2, 0.1, 0.04, 0.01, 0.0, 0.0]
    found = ms.fit((lags, values, [0.01] * 8))["exponential + power law"]
    assert found["power_amplitude"].value < 1e-4
    assert math.isnan(found["exponent"].low) or found["exponent"].high - found["exponent"].low > 1
    assert np.all(np.isfinite(found.band(lags)))
