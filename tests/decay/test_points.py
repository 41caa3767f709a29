"""What may be handed to `fit`, and what becomes of it."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import miscope as ms
from miscope import InputError
from miscope.decay.points import points_of, shrunk_correlation

LAGS = [1, 2, 4, 8, 16, 32]
VALUES = [0.5, 0.3, 0.2, 0.1, 0.05, 0.02]
BARS = [0.03, 0.02, 0.02, 0.01, 0.01, 0.008]


@pytest.fixture(scope="module")
def chain_curve():
    return ms.measure(ms.processes.IsingChain(1.5).sample(64, 2048, seed=3), "1:256", seed=3)


@pytest.fixture(scope="module")
def power_law_data():
    return ms.processes.PowerLawBinary(0.1, 0.5).sample(64, 2048, seed=1)


class TestForms:
    @pytest.mark.parametrize("kind", ["tuple", "list", "array", "dict", "dict of lags"])
    def test_with_bars(self, kind):
        given = {
            "tuple": (LAGS, VALUES, BARS),
            "list": [LAGS, VALUES, BARS],
            "array": np.array([LAGS, VALUES, BARS]),
            "dict": {"lag": LAGS, "mi": VALUES, "stderr": BARS, "note": "none"},
            "dict of lags": {"lags": LAGS, "mi": VALUES, "stderr": BARS},
        }[kind]
        points = points_of(given)
        assert points.lags.tolist() == LAGS
        assert points.values.tolist() == VALUES
        assert points.stderr.tolist() == BARS
        assert points.covariance == pytest.approx(np.diag(np.square(BARS)))
        assert points.replicates is None
        assert points.barred
        assert any("no replicates" in note for note in points.notes)

    @pytest.mark.parametrize("given", [(LAGS, VALUES), {"lag": LAGS, "mi": VALUES}], ids=["tuple", "dict"])
    def test_without_bars(self, given):
        points = points_of(given)
        assert points.values.tolist() == VALUES
        assert not points.barred
        assert not points.significant.any()
        assert any("no error bars: no verdict" in note for note in points.notes)

    @pytest.mark.extras
    def test_data_frame(self):
        import pandas

        frame = pandas.DataFrame({"stderr": BARS, "lag": LAGS, "mi": VALUES}).sort_values("lag", ascending=False)
        points = points_of(frame)
        assert points.lags.tolist() == LAGS
        assert points.values.tolist() == VALUES
        assert points.stderr.tolist() == BARS

    def test_unsorted_lags_are_sorted_with_all_that_is_theirs(self):
        order = [3, 0, 5, 1, 4, 2]
        points = points_of(tuple(np.array(each)[order] for each in (LAGS, VALUES, BARS)))
        assert (points.lags.tolist(), points.values.tolist(), points.stderr.tolist()) == (LAGS, VALUES, BARS)
        assert any("were sorted" in note for note in points.notes)
        assert not any("were sorted" in note for note in points_of((LAGS, VALUES, BARS)).notes)

    def test_what_is_nan_is_left_out(self):
        values, bars = [*VALUES, math.nan, 0.01, 0.01], [*BARS, 0.01, math.nan, math.inf]
        points = points_of(([*LAGS, 64, 128, 256], values, bars))
        assert points.lags.tolist() == LAGS
        assert any("3 lags without a value or an error bar left out" in note for note in points.notes)

    def test_negative_values_stay(self):
        assert points_of((LAGS, [*VALUES[:4], -0.01, -0.02], BARS)).values.tolist() == [*VALUES[:4], -0.01, -0.02]


class TestRefused:
    @pytest.mark.parametrize(
        ("curve", "words"),
        [
            (([1, 2, 2, 4, 8], VALUES[:5], BARS[:5]), "lag 2 is there more than once"),
            ((LAGS, VALUES, [*BARS[:5], 0.0]), "standard error at lag 32 is 0: it must be above 0"),
            ((LAGS, VALUES, [-0.01, *BARS[1:]]), "standard error at lag 1 is -0.01"),
            (([0, *LAGS[1:]], VALUES, BARS), "lags to fit are positive"),
            (([math.nan, *LAGS[1:]], VALUES, BARS), "lags to fit are positive"),
            (([math.inf, *LAGS[1:]], VALUES, BARS), "lags to fit are positive"),
            ((LAGS[:3], VALUES[:3], BARS[:3]), "takes at least 4 lags .* there are 3"),
            ((LAGS[:1], VALUES[:1], BARS[:1]), "takes at least 4 lags .* there is one"),
            (([], []), "takes at least 4 lags .* there are 0"),
            ((LAGS, [math.nan] * 4 + VALUES[4:], BARS), "takes at least 4 lags .* there are 2"),
            ((LAGS, VALUES[:5], BARS), "equally many, not 6, 5, 6"),
            ((LAGS, VALUES, np.array([BARS, BARS])), r"one row of numbers, not of shape \(2, 6\)"),
            ((LAGS, VALUES, 0.01), r"one row of numbers, not of shape \(\)"),
            ((LAGS, ["much"] * 6), "the values of a curve to fit are numbers"),
            (([[1], [2, 3]], VALUES), "the lags of a curve to fit are numbers"),
            ({"lag": LAGS, "bits": VALUES}, "the columns lag and mi"),
            ({"mi": VALUES}, "the columns lag and mi"),
            (np.array([LAGS, VALUES, BARS]).T, "fit.. takes a curve, as measure.. returns it.* not ndarray"),
            ((LAGS, VALUES, BARS, BARS), "fit.. takes a curve"),
            ("curve.json", "fit.. takes a curve, .* not str"),
            ("ab", "fit.. takes a curve, .* not str"),
            (b"ab", "fit.. takes a curve, .* not bytes"),
            (None, "fit.. takes a curve, .* not NoneType"),
            (7.0, "fit.. takes a curve, .* not float"),
            (iter([LAGS, VALUES]), "fit.. takes a curve"),
        ],
    )
    def test_curves(self, curve, words):
        with pytest.raises(InputError, match=words):
            ms.fit(curve)

    @pytest.mark.parametrize(
        ("lags", "words"),
        [
            ("5", "not measured at lag 5"),
            ("a:b", "5:1000"),
            ("1:2:3", "at least 4 lags .* there are 2"),
            ("", "5:1000"),
            ("100:1000", "no lag of the curve lies in the range .* from 1 to 32"),
            ((100, 1000), "no lag of the curve lies in the range"),
            ("32:1", "no lag of the curve lies in the range"),
            ([], "no lag of the curve lies in the range"),
            ([1, 2, 3, 4], "not measured at lag 3"),
            (7, "not measured at lag 7"),
            ([2, 4, 8], "at least 4 lags .* there are 3.* or give a wider range"),
            ("4:16", "at least 4 lags .* there are 3.* or give a wider range"),
            (["one", "two"], "a range such as"),
            ({"first": 1}, "a range such as"),
        ],
    )
    def test_lags(self, lags, words):
        with pytest.raises(InputError, match=words):
            ms.fit((LAGS, VALUES, BARS), lags=lags)


class TestRange:
    @pytest.mark.parametrize(
        ("lags", "expected"),
        [
            (None, LAGS),
            ("2:16", [2, 4, 8, 16]),
            ("3:", [4, 8, 16, 32]),
            (":8", [1, 2, 4, 8]),
            ((2, 16), [2, 4, 8, 16]),
            ((1.5, 31.9), [2, 4, 8, 16]),
            ([32, 1, 8, 4], [1, 4, 8, 32]),
            ((1, 4, 8, 32), [1, 4, 8, 32]),
            (np.array([1, 2, 4, 8]), [1, 2, 4, 8]),
        ],
        ids=str,
    )
    def test_lags(self, lags, expected):
        points = points_of((LAGS, VALUES, BARS), lags)
        places = [LAGS.index(lag) for lag in expected]
        assert points.lags.tolist() == expected
        assert points.values.tolist() == [VALUES[k] for k in places]
        assert np.sqrt(np.diag(points.covariance)) == pytest.approx([BARS[k] for k in places])

    def test_of_a_measured_curve(self, chain_curve):
        points = points_of(chain_curve, "5:100")
        inside = (chain_curve.lags >= 5) & (chain_curve.lags <= 100)
        assert points.lags.tolist() == chain_curve.lags[inside].tolist()
        assert points.values == pytest.approx(chain_curve.excess[inside])
        assert points.replicates.shape == (chain_curve.n_blocks, inside.sum())
        assert points.covariance.shape == (inside.sum(), inside.sum())
        assert np.sqrt(np.diag(points.covariance)) == pytest.approx(chain_curve.excess_stderr[inside])


class TestMeasured:
    def test_no_blocks(self):
        curve = ms.measure(ms.processes.IsingChain(1.5).sample(16, 1024, seed=3), "1:64", blocks=0)
        found = ms.fit(curve, laws=["exponential"])
        assert found.verdict.kind == "undecided"
        assert "without error bars" in found.verdict.reason
        assert any("no error bars" in note for note in found.notes)
        assert np.isnan(found.stderr).all()
        assert found["exponential"]["correlation_length"].value > 0

    def test_lags_without_a_bar_are_left_out(self, chain_curve):
        # They must not drag their replicates, pairs or correlations along under another lag's name.
        lost = np.isin(np.arange(len(chain_curve.lags)), [1, 4, len(chain_curve.lags) - 1])
        holes = {
            name: np.where(lost, np.nan, getattr(chain_curve, name)) for name in ("stderr", "excess_stderr", "p_values")
        }
        points = points_of(dataclasses.replace(chain_curve, **holes))
        assert points.lags.tolist() == chain_curve.lags[~lost].tolist()
        assert points.values == pytest.approx(chain_curve.excess[~lost])
        assert points.stderr == pytest.approx(chain_curve.excess_stderr[~lost])
        left = (chain_curve.replicates - chain_curve.null_replicates)[:, ~lost]
        assert points.replicates == pytest.approx(left)
        assert points.block_pairs.tolist() == chain_curve.block_pairs[:, ~lost].tolist()
        assert any("3 lags without an error bar left out" in note for note in points.notes)
        found = ms.fit(dataclasses.replace(chain_curve, **holes), laws=["exponential"], floor=False)
        whole = ms.fit(chain_curve, laws=["exponential"], floor=False)
        value = found["exponential"]["correlation_length"].value
        assert whole["exponential"]["correlation_length"].low < value < whole["exponential"]["correlation_length"].high

    def test_bits(self, chain_curve):
        nats, bits = ms.fit(chain_curve), ms.fit(chain_curve.in_bits())
        assert bits.verdict.kind == nats.verdict.kind == "exponential"
        assert (bits.verdict.first, bits.verdict.last) == (nats.verdict.first, nats.verdict.last)
        assert (nats.unit, bits.unit) == ("nats", "bits")
        for name, parameter in (("exponential", "correlation_length"), ("power law", "exponent")):
            for end in ("value", "low", "high"):
                expected = getattr(nats[name][parameter], end)
                assert getattr(bits[name][parameter], end) == pytest.approx(expected, rel=1e-3, nan_ok=True), (
                    name,
                    end,
                )
            assert bits[name]["amplitude"].value == pytest.approx(nats[name]["amplitude"].value / math.log(2), rel=1e-3)
        assert bits["exponential"]["amplitude"].unit == "bits"
        assert bits["exponential"]["correlation_length"].unit == "symbols"


class TestAveraged:
    def test_members_and_means(self, power_law_data):
        curve = ms.measure(power_law_data, "all:300", blocks=16)
        points = points_of(curve)
        assert 4 <= len(points.lags) <= 96
        assert np.concatenate(points.members).tolist() == list(range(1, 301))  # each lag once, neighbours together
        value = dict(zip(curve.lags.tolist(), curve.excess.tolist(), strict=True))
        replicate = dict(zip(curve.lags.tolist(), (curve.replicates - curve.null_replicates)[5].tolist(), strict=True))
        for k, members in enumerate(points.members):
            assert points.values[k] == pytest.approx(math.fsum(value[lag] for lag in members) / len(members))
            assert points.replicates[5, k] == pytest.approx(math.fsum(replicate[lag] for lag in members) / len(members))
            assert members[0] * (1 - 1e-9) <= points.lags[k] <= members[-1] * (1 + 1e-9)
        assert any("300 lags averaged into" in note for note in points.notes)
        # What a law gives there is its average over the members too, not its value at some lag in the middle.
        expected = [math.fsum(1 / lag for lag in members) / len(members) for members in points.members]
        assert points.mean(lambda lags: 1 / lags) == pytest.approx(expected)
        assert points.at(points.lags > 50).mean(lambda lags: 1 / lags) == pytest.approx(
            np.array(expected)[points.lags > 50]
        )

    def test_same_exponent_from_all_lags_and_from_few(self, power_law_data):
        every, few = (
            ms.fit(ms.measure(power_law_data, lags, blocks=16), laws=["power law"], floor=False)["power law"][
                "exponent"
            ]
            for lags in ("all:500", "1:500")
        )
        half = (few.high - few.low) / 2  # the same data: the two differ by less than either may be off
        assert abs(every.value - few.value) < half
        for each in (every, few):
            assert each.low < 0.5 < each.high

    def test_few_lags_are_left_alone(self):
        lags = np.arange(1, 97)
        points = points_of((lags, 1 / lags, 0.1 / lags))
        assert points.lags.tolist() == lags.tolist()
        assert points.members == ()


class TestShrunkCorrelation:
    @settings(max_examples=60)
    @given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(2, 25), st.floats(0.0, 0.999))
    def test_is_a_correlation(self, seed, n_blocks, n_lags, alike):
        generator = np.random.default_rng(seed)
        own, common = generator.standard_normal((n_blocks, n_lags)), generator.standard_normal((n_blocks, 1))
        found = shrunk_correlation((1 - alike) * own + alike * common)
        assert np.diag(found) == pytest.approx(np.ones(n_lags))
        assert found == pytest.approx(found.T)
        assert np.linalg.eigvalsh(found).min() > 0.5  # 0.7 of it is the unit matrix: fewer blocks than lags do no harm
        assert np.abs(found - np.eye(n_lags)).max() <= 0.3 + 1e-12

    def test_noise_is_drawn_towards_none(self):
        raw, shrunk = [], []
        off = ~np.eye(12, dtype=bool)
        for seed in range(20):
            noise = np.random.default_rng(seed).standard_normal((16, 12))
            raw.append(np.abs(np.corrcoef(noise.T)[off]).mean())
            shrunk.append(np.abs(shrunk_correlation(noise)[off]).mean())
        assert np.mean(raw) > 0.15  # what has to go
        assert np.mean(shrunk) < 0.2 * np.mean(raw)

    def test_what_all_lags_share_stays_as_far_as_it_may(self):
        common = np.random.default_rng(4).standard_normal((40, 1))
        found = shrunk_correlation(common * np.linspace(1, 3, 10))
        assert found[~np.eye(10, dtype=bool)] == pytest.approx(np.full(90, 0.3))

    def test_signs(self):
        common = np.random.default_rng(4).standard_normal((40, 1))
        found = shrunk_correlation(common * np.array([1.0, -1.0, 2.0]))
        assert (found[0, 1] < 0, found[1, 2] < 0, found[0, 2] > 0) == (True, True, True)

    def test_a_lag_that_never_moves(self):
        deviations = np.random.default_rng(4).standard_normal((20, 5))
        deviations[:, 2] = 0.0
        found = shrunk_correlation(deviations)
        assert found[2].tolist() == [0, 0, 1, 0, 0]
        assert np.isfinite(found).all()


class TestIndependentPoints:
    """``L^2 / sum r^2``: L where lags have nothing to do with each other, fewer where they go together."""

    def test_bars_alone(self):
        assert points_of((LAGS, VALUES, BARS)).n_effective == pytest.approx(6)

    def test_together(self):
        points = points_of((LAGS, VALUES, BARS))
        alike = np.outer(BARS, BARS) * (0.3 + 0.7 * np.eye(6))
        together = dataclasses.replace(points, covariance=alike)
        assert together.n_effective == pytest.approx(36 / (6 + 30 * 0.3**2))


@pytest.mark.parametrize("unit", ["nats", "bits"])
def test_a_table_that_names_its_unit(unit):
    values = np.array([0.4, 0.2, 0.1, 0.05])
    table = {"lag": [1, 2, 3, 4], f"excess_{unit}": values, f"excess_stderr_{unit}": values / 10, f"mi_{unit}": -values}
    found = points_of(table)
    np.testing.assert_array_equal(found.values, values)
    assert found.unit == unit
    assert found.nats == pytest.approx({"nats": 1, "bits": np.log(2)}[unit])


def test_columns_that_cannot_be_told_apart():
    lags = {"lag": [1, 2, 3, 4]}
    with pytest.raises(InputError, match="in nats and in bits"):
        points_of(lags | {"mi_nats": [1, 1, 1, 1], "stderr_bits": [1, 1, 1, 1]})
    with pytest.raises(InputError, match="more than once"):
        points_of(lags | {"mi_nats": [1, 1, 1, 1], "mi": [1, 1, 1, 1]})


def test_a_table_of_a_curve_without_bars():
    table = {"lag": [1, 2, 3, 4], "mi_nats": [0.4, 0.2, 0.1, 0.05], "stderr_nats": [np.nan] * 4}
    assert not points_of(table).barred
