"""Laws against their formulas in plain Python, and fits that find what was put in."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import miscope as ms
from miscope import InputError
from miscope.decay import LAWS, Exponential, ExponentialAndPowerLaw, PowerLaw, StretchedExponential, TruncatedPowerLaw
from miscope.decay.laws import FLOOR, Constant, law_named

REFERENCES = {
    "exponential": lambda lag, amplitude, correlation_length: amplitude * math.exp(-lag / correlation_length),
    "power law": lambda lag, amplitude, exponent: amplitude / lag**exponent,
    "power law with cut-off": lambda lag, amplitude, exponent, correlation_length: (
        amplitude / lag**exponent * math.exp(-lag / correlation_length)
    ),
    "stretched exponential": lambda lag, amplitude, correlation_length, stretching: (
        amplitude * math.exp(-((lag / correlation_length) ** stretching))
    ),
    "exponential + power law": lambda lag, amplitude, correlation_length, power_amplitude, exponent: (
        amplitude * math.exp(-lag / correlation_length) + power_amplitude / lag**exponent
    ),
}
VALUES = {
    "amplitude": st.floats(1e-6, 10.0),
    "power_amplitude": st.floats(1e-6, 10.0),
    "correlation_length": st.floats(0.5, 1e6),
    "exponent": st.floats(0.0, 5.0),
    "stretching": st.floats(0.05, 1.0),
}
TRUE = [
    ("exponential", {"amplitude": 0.05, "correlation_length": 23.0}),
    ("power law", {"amplitude": 0.03, "exponent": 0.7}),
    ("power law with cut-off", {"amplitude": 0.05, "exponent": 0.5, "correlation_length": 60.0}),
    ("stretched exponential", {"amplitude": 0.05, "correlation_length": 12.0, "stretching": 0.5}),
    (
        "exponential + power law",
        {"amplitude": 0.05, "correlation_length": 3.0, "power_amplitude": 0.01, "exponent": 0.4},
    ),
]
LAGS = np.array([1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 63, 79, 100, 126, 158, 200], float)


def exact(name, lags, floor=0.0, **values):
    return np.array([REFERENCES[name](float(lag), **values) + floor for lag in lags])


@pytest.mark.parametrize("name", REFERENCES)
@given(data=st.data())
def test_formulas(name, data):
    law = law_named(name)
    values = {each.name: data.draw(VALUES[each.name], label=each.name) for each in law.parameters}
    lags = data.draw(st.lists(st.floats(1.0, 1e4), min_size=1, max_size=5), label="lags")
    floor = data.draw(st.one_of(st.none(), st.floats(0.0, 1.0)), label="floor")
    found = law(lags, **values) if floor is None else law(lags, **values, floor=floor)
    assert found == pytest.approx(exact(name, lags, floor or 0.0, **values), rel=1e-9, abs=1e-290)


def test_constant_is_the_same_everywhere():
    assert Constant()([1, 10, 1000], amplitude=0.25) == pytest.approx([0.25] * 3)


def test_all_laws_have_a_reference():
    assert {law.name for law in LAWS} == set(REFERENCES)


@pytest.mark.parametrize(
    "parameter",
    list(dict.fromkeys([*(each for law in LAWS for each in law.parameters), FLOOR])),
    ids=lambda each: f"{each.name}-{each.scale}",
)
@given(place=st.floats(0.0, 1.0))
def test_inside_and_outside_are_inverse(parameter, place):
    low, high = max(parameter.low, 1e-6), min(parameter.high, 1e6)
    value = low * (high / low) ** place
    assert parameter.outside(parameter.inside(value)) == pytest.approx(value, rel=1e-9)
    least, most = parameter.bounds
    assert least - 1e-9 <= parameter.inside(value) <= most + 1e-9


def test_a_length_may_be_infinite():
    length = next(each for each in TruncatedPowerLaw().parameters if each.name == "correlation_length")
    assert length.inside(np.inf) == 0.0
    assert length.outside(0.0) == np.inf


class TestNested:
    @given(st.floats(1e-6, 10.0), st.floats(0.0, 5.0))
    def test_no_cut_off_is_a_power_law(self, amplitude, exponent):
        found = TruncatedPowerLaw()(LAGS, amplitude=amplitude, exponent=exponent, correlation_length=np.inf)
        assert found == pytest.approx(PowerLaw()(LAGS, amplitude=amplitude, exponent=exponent), rel=1e-12)

    @given(st.floats(1e-6, 10.0), st.floats(0.5, 1e6))
    def test_what_comes_to_an_exponential(self, amplitude, length):
        common = {"amplitude": amplitude, "correlation_length": length}
        plain = Exponential()(LAGS, **common)
        assert StretchedExponential()(LAGS, **common, stretching=1.0) == pytest.approx(plain, rel=1e-9, abs=1e-290)
        assert TruncatedPowerLaw()(LAGS, **common, exponent=0.0) == pytest.approx(plain, rel=1e-9, abs=1e-290)
        both = ExponentialAndPowerLaw()(LAGS, **common, power_amplitude=0.0, exponent=1.0)
        assert both == pytest.approx(plain, rel=1e-9, abs=1e-290)


class TestNames:
    @pytest.mark.parametrize("name", REFERENCES)
    def test_with_underscores(self, name):
        assert law_named(name.replace(" ", "_")).name == name

    def test_unknown_law(self):
        with pytest.raises(InputError, match="unknown law 'powr law'; did you mean 'power law'"):
            law_named("powr law")

    @pytest.mark.parametrize("values", [{}, {"amplitude": 1.0}, {"amplitude": 1.0, "exponent": 1.0, "length": 3.0}])
    def test_wrong_parameters(self, values):
        with pytest.raises(InputError, match="the law power law takes amplitude, exponent, not"):
            PowerLaw()([1, 2], **values)


class TestFoundAgain:
    """Curves without noise: true parameters leave nothing over, so whatever the weights, they have to come out."""

    @pytest.mark.parametrize(("name", "values"), TRUE, ids=[name for name, _ in TRUE])
    def test_parameters(self, name, values):
        curve = exact(name, LAGS, **values)
        found = ms.fit((LAGS, curve, 0.003 * curve), laws=[name], floor=False)[name]
        for parameter, value in values.items():
            assert found[parameter].value == pytest.approx(value, rel=2e-3), parameter
            assert found[parameter].low < value < found[parameter].high
        assert found(LAGS) == pytest.approx(curve, rel=1e-3)
        assert found.discrepancy == pytest.approx(0.01)

    @pytest.mark.parametrize(("name", "values"), TRUE[:2], ids=[name for name, _ in TRUE[:2]])
    def test_with_a_floor(self, name, values):
        lags = np.array([1, 2, 3, 5, 8, 13, 20, 32, 50, 79, 126, 200, 316, 501, 794, 1259], float)
        curve = exact(name, lags, 0.004, **values)
        found = ms.fit((lags, curve, 0.003 * curve), laws=[name], floor=True)[name]
        assert found["floor"].value == pytest.approx(0.004, rel=0.01)
        for parameter, value in values.items():
            assert found[parameter].value == pytest.approx(value, rel=0.01), parameter

    def test_a_floor_is_found_where_there_is_one(self):
        # An exponential without its floor would have to follow the far lags and miss the near ones.
        lags = np.array([1, 2, 3, 5, 8, 13, 20, 32, 50, 79, 126, 200], float)
        for floor, expected in ((0.004, True), (0.0, False)):
            curve = exact("exponential", lags, floor, amplitude=0.05, correlation_length=12.0)
            found = ms.fit((lags, curve, 0.01 * curve + 1e-5), laws="exponential")
            assert found["exponential"].floor is expected

    def test_a_power_law_has_no_cut_off(self):
        curve = exact("power law", LAGS, amplitude=0.03, exponent=0.7)
        found = ms.fit((LAGS, curve, 0.01 * curve), laws=["power law with cut-off"], floor=False)
        cut = found["power law with cut-off"]
        assert cut["exponent"].value == pytest.approx(0.7, rel=0.02)
        assert cut["correlation_length"].high == np.inf
        assert cut["correlation_length"].low > LAGS[-1]

    def test_an_exponential_is_not_stretched(self):
        curve = exact("exponential", LAGS, amplitude=0.05, correlation_length=23.0)
        found = ms.fit((LAGS, curve, 0.01 * curve), laws=["stretched exponential"], floor=False)
        assert found["stretched exponential"]["stretching"].value == pytest.approx(1.0, abs=0.01)

    @pytest.mark.parametrize(("name", "values"), TRUE[:3], ids=[name for name, _ in TRUE[:3]])
    def test_the_verdict(self, name, values):
        curve = exact(name, LAGS, **values)
        found = ms.fit((LAGS, curve, 0.05 * curve))
        assert found.verdict.kind == {"power law with cut-off": "between"}.get(name, name)
        assert sum(each.weight for each in found.laws) == pytest.approx(1.0)


class TestAsking:
    curve = (LAGS, exact("power law", LAGS, amplitude=0.03, exponent=0.7), np.full(len(LAGS), 1e-4))

    def test_laws_in_any_order_and_once(self):
        found = ms.fit(self.curve, laws=["power_law", "exponential", "power law"], floor=False)
        assert {each.name for each in found.laws} == {"power law", "exponential"}
        assert found.verdict.kind == "undecided"
        assert "not fitted: power law with cut-off, stretched exponential" in found.verdict.reason

    def test_no_law(self):
        with pytest.raises(InputError, match="name at least one law"):
            ms.fit(self.curve, laws=[])

    def test_unknown_law(self):
        with pytest.raises(InputError, match="did you mean 'exponential'"):
            ms.fit(self.curve, laws="exponentail")

    def test_unknown_floor(self):
        with pytest.raises(InputError, match='floor is True, False or "auto"'):
            ms.fit(self.curve, floor="yes")
