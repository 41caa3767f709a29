"""Fits: intervals that cover what they claim, errors that are those of least squares, values below zero that count."""

import dataclasses

import numpy as np
import pytest
from scipy import optimize

import miscope as ms
from miscope.decay.deciding import _open
from miscope.decay.fitting import errors_of, readable, solve
from miscope.decay.laws import law_named
from miscope.decay.metric import Metric
from miscope.decay.points import points_of

LAGS = np.array([1, 2, 3, 5, 8, 12, 18, 27, 40])  # of the curves in conftest


def covered(fits, law, parameter, true):
    estimates = [each[law][parameter] for each in fits]
    return np.mean([each.low < true < each.high for each in estimates])


class TestCoverage:
    """95 % intervals over curves with new noise each time hold the truth in about 95 %.

    Intervals half as long cover two thirds of the time, those of lags taken as independent (which they are not) four
    fifths, those of a jackknife without its factor of blocks - 1 half; twice as long, they always cover.
    """

    def test_correlation_length(self, exponentials):
        assert 0.88 <= covered(exponentials, "exponential", "correlation_length", 10.0) <= 0.99

    def test_exponent(self, power_laws):
        assert 0.88 <= covered(power_laws, "power law", "exponent", 0.6) <= 0.99

    @pytest.mark.parametrize("law", ["exponential", "power law"])
    def test_amplitude(self, law, exponentials, power_laws):
        fits = exponentials if law == "exponential" else power_laws
        # No upper bound: how saturation flattens a head is in the bars of amplitudes, and these curves have none of it.
        assert covered(fits, law, "amplitude", 0.05) >= 0.88

    def test_the_middle(self, exponentials, power_laws):
        for fits, law, parameter, true in (
            (exponentials, "exponential", "correlation_length", 10.0),
            (power_laws, "power law", "exponent", 0.6),
        ):
            values = np.array([each[law][parameter].value for each in fits])
            assert abs(values.mean() - true) < 4 * values.std() / np.sqrt(len(values)), law

    def test_standard_errors_are_the_scatter(self, exponentials, power_laws):
        # theta is what is looked for: the logarithm of the length, and the exponent itself.
        for fits, law in ((exponentials, "exponential"), (power_laws, "power law")):
            scatter = np.std([each[law].theta[1] for each in fits])
            stated = np.sqrt(np.mean([each[law].stderr[1] ** 2 for each in fits]))
            assert 0.8 < stated / scatter < 1.3, law

    def test_bands(self, exponentials):
        true = 0.05 * np.exp(-LAGS / 10)
        bands = [each["exponential"].band(LAGS) for each in exponentials]
        inside = np.mean([(low < true) & (true < high) for low, high in bands], axis=0)
        assert np.all((inside > 0.85) & (inside <= 1.0))
        wider = exponentials[0]["exponential"].band(LAGS, level=0.99)
        assert np.all(wider[1] - wider[0] > bands[0][1] - bands[0][0])


class TestReplicates:
    def test_errors_fall_with_the_number_of_blocks(self, curve_of_blocks):
        # The noise of each block is the same: 4 times as many blocks halve the bars.
        truth = 0.05 * np.exp(-LAGS / 10)
        errors = []
        for n_blocks in (16, 64):
            found = []
            for seed in range(4):
                generator = np.random.default_rng(seed)
                blocks = truth * (1 + 0.3 * generator.standard_normal((n_blocks, len(LAGS))))
                curve = curve_of_blocks(LAGS, blocks, quantity="correlation", unit="")
                found.append(ms.fit(curve, laws=["exponential"], floor=False)["exponential"].stderr[1])
            errors.append(np.mean(found))
        assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.25)

    def test_an_error_that_all_lags_share_is_no_error_of_the_length(self, curve_of_blocks):
        # Blocks differ by a factor only: the amplitude moves, the decay does not. Lags taken as independent would
        # give the length an error.
        factors = 1 + 0.3 * np.random.default_rng(2).standard_normal((16, 1))
        truth = 0.05 * np.exp(-LAGS / 10)
        curve = curve_of_blocks(LAGS, factors * truth, quantity="correlation", unit="")
        found = ms.fit(curve, laws=["exponential"], floor=False)["exponential"]
        assert found["correlation_length"].value == pytest.approx(10.0, rel=1e-3)
        # theta of both is a logarithm.
        amplitude, length = np.sqrt(np.sum(found.deviations**2, axis=0))
        expected = factors.std(ddof=1) / np.sqrt(16) / factors.mean()
        assert amplitude == pytest.approx(expected, rel=0.1)
        assert length < 0.02 * amplitude

    def test_degrees_of_freedom(self, exponentials):
        assert [each["exponential"].degrees for each in exponentials] == pytest.approx([11.0] * 100)  # 12 blocks


class TestScale:
    @pytest.mark.parametrize("law", ["exponential", "power law"])
    def test_twice_the_curve(self, law, noisy):
        # Correlations do not saturate, so a curve may be multiplied by anything.
        curve = noisy(0.05 * np.exp(-LAGS / 10), seed=7, quantity="correlation", unit="")
        names = ("mi", "stderr", "replicates", "null", "null_replicates", "excess_stderr")
        double = dataclasses.replace(curve, **{name: 2 * getattr(curve, name) for name in names})
        once, twice = (ms.fit(each, laws=[law], floor=True)[law] for each in (curve, double))
        for name, estimate in once.parameters.items():
            factor = 2.0 if name in ("amplitude", "floor") else 1.0
            expected = [factor * each for each in (estimate.value, estimate.low, estimate.high)]
            other = twice[name]
            assert [other.value, other.low, other.high] == pytest.approx(expected, rel=0.01, abs=1e-5, nan_ok=True), (
                name
            )
        assert twice.stderr[:2] == pytest.approx(once.stderr[:2], rel=0.02, nan_ok=True)  # of logarithms
        assert twice.stderr[2:] == pytest.approx(
            2 * once.stderr[2:], rel=0.02, nan_ok=True
        )  # of the floor, if it is left

    def test_twice_the_bars(self):
        values = 0.004 * np.exp(-LAGS / 10)
        widths = []
        for share in (0.1, 0.2):
            found = ms.fit((LAGS, values, share * values), laws=["exponential"], floor=False)["exponential"]
            widths.append(found.stderr[1])
        assert widths[1] / widths[0] == pytest.approx(2.0, rel=0.05)


class TestLeastSquares:
    @pytest.mark.parametrize("law", ["exponential", "power law"])
    def test_errors_from_bars_alone(self, law):
        """Bars as they go with the values (``sd^2 = a (I + sd)``) are left as they are: ordinary least squares."""
        shapes = {
            "exponential": (lambda lag, log, slow: np.exp(log - lag / np.exp(slow)), (np.log(0.004), np.log(10.0))),
            "power law": (lambda lag, log, steep: np.exp(log - steep * np.log(lag)), (np.log(0.004), 0.6)),
        }
        shape, true = shapes[law]
        values, a = shape(LAGS, *true), 2e-5
        bars = (a + np.sqrt(a**2 + 4 * a * values)) / 2
        found = ms.fit((LAGS, values, bars), laws=[law], floor=False)[law]
        _, covariance = optimize.curve_fit(shape, LAGS, values, p0=true, sigma=bars, absolute_sigma=True)
        assert found.stderr == pytest.approx(np.sqrt(np.diag(covariance)), rel=0.05)
        assert found.deviations.T @ found.deviations == pytest.approx(covariance, rel=0.1)


class TestBelowZero:
    """Tails that scatter around zero: every other value there is negative, and they count as much as the others."""

    lags = np.array([1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256], float)
    true = 0.05 * np.exp(-lags / 10)

    def lengths(self, law, dropped):
        found = []
        for seed in range(60):
            values = self.true + 0.003 * np.random.default_rng(seed).standard_normal(len(self.lags))
            keep = values > 0 if dropped else np.ones(len(values), bool)
            curve = (self.lags[keep], values[keep], np.full(keep.sum(), 0.003))
            found.append(ms.fit(curve, laws=[law], floor=law == "exponential")[law])
        return found

    def test_are_not_fitted_too_high(self):
        kept, dropped = self.lengths("exponential", False), self.lengths("exponential", True)
        ends = [np.mean([each(self.lags[-4:]).mean() for each in found]) for found in (kept, dropped)]
        assert ends[0] < 0.0008  # a floor cannot be below 0, and its mean error is half of 0.003 / sqrt(5)
        assert ends[1] > 2 * ends[0]  # what dropping them would do, so the test can fail
        lengths = np.array([each["correlation_length"].value for each in kept])
        assert abs(np.log(lengths / 10).mean()) < 0.1


class TestNothingKnown:
    """One lag that stands out, the next ones far away: the likeliest law may be 0 at all of them, as far as bars tell.

    Its parameters then have no effect on anything that was measured, and squares of their errors no numbers.
    """

    lags = np.array([17, 31, 32, 43, 48, 83]) * 10**6
    middle = np.array([0.55, -0.13, 0.02, -0.05, 0.07, 0.005])

    def fitted(self, curve_of_blocks, seed):
        blocks = self.middle + 0.35 * np.random.default_rng(seed).standard_normal((12, 6))
        curve = curve_of_blocks(self.lags, blocks, quantity="correlation", unit="")
        with np.errstate(over="ignore", invalid="ignore"):
            return ms.fit(curve, laws=["power law with cut-off"], floor=False)

    def test_a_law_that_vanishes_has_no_intervals(self, curve_of_blocks, tmp_path):
        fits = [self.fitted(curve_of_blocks, seed) for seed in (4, 7, 10, 11)]
        laws = [each["power law with cut-off"] for each in fits]
        sizes = np.array([np.max(each(self.lags)) for each in laws])
        vanished = np.flatnonzero((sizes > 1e-290) & (sizes < 1e-170))  # the squares of their inverses overflow
        assert len(vanished)
        for k in vanished:
            assert np.isnan(laws[k].stderr).all()
            ends = [end for each in laws[k].parameters.values() for end in (each.low, each.high)]
            assert not np.isfinite(ends).any()
            assert fits[k].verdict.kind == "undecided"
            assert "power law with cut-off" in str(fits[k])
        fits[vanished[0]].save(tmp_path / "fit.json")
        again = ms.DecayFit.load(tmp_path / "fit.json")["power law with cut-off"]
        assert np.isnan(again.stderr).all()


def test_a_law_far_below_what_is_seen_is_shown_through_it(curve_of_blocks):
    """Errors as large as the values, shared by all lags, let a law fall to nothing: its parameters are not shown."""
    lags = np.array([1, 2, 5, 10, 20, 50, 100, 200, 500])
    values = 0.04 * lags**-0.2
    noise = 0.02 * np.random.default_rng(0).standard_normal((32, len(lags)))
    curve = curve_of_blocks(lags, values + noise - noise.mean(axis=0))
    wander = np.full(len(lags), 0.04)
    seen = np.where(lags <= 20, 1e-3, 0.5)
    curve = dataclasses.replace(
        curve, excess_stderr=np.hypot(curve.excess_stderr, wander), wander=wander, p_values=seen
    )
    metric = Metric(points_of(curve))
    likeliest = solve(metric, law_named("power law"), False)
    far = dataclasses.replace(likeliest, theta=(np.log(0.001), 0.1), holds=True)
    shown = readable(far)
    assert shown.at(lags[:5]) == pytest.approx(values[:5], rel=0.1)
    assert np.isnan(errors_of(shown).own).all()
    assert (shown.log_likelihood, shown.criterion) == (far.log_likelihood, far.criterion)
    fifth = dataclasses.replace(far, theta=(np.log(0.008), 0.2))
    assert readable(fifth).at(lags[:5]) == pytest.approx(values[:5], rel=0.1)
    near = dataclasses.replace(far, theta=(np.log(0.03), 0.1))
    assert readable(near).theta == near.theta
    alone = Metric(dataclasses.replace(metric.points, shared=np.zeros((0, len(lags)))))
    assert readable(dataclasses.replace(far, metric=alone)).theta == far.theta


@pytest.mark.parametrize(("exponent", "found"), [(0.5, "errors that all lags share"), (0.0, "")])
def test_errors_that_all_lags_share_hide_the_law_of_values_that_fall(curve_of_blocks, exponent, found):
    """Bars as large as the values, but each lag's own error is small: what falls is not called a constant."""
    lags = np.array([1, 2, 5, 10, 20, 50])
    values = 0.04 * lags**-exponent
    curve = curve_of_blocks(lags, values + 0.01 * np.random.default_rng(0).standard_normal((32, len(lags))))
    wander = np.full(len(lags), 0.04)
    curve = dataclasses.replace(curve, excess_stderr=np.hypot(curve.excess_stderr, wander), wander=wander)
    said = Metric(points_of(curve)).falling()
    assert said.startswith(found)
    assert bool(said) == bool(found)


def test_a_law_that_the_values_leave_open_has_no_intervals(curve_of_blocks):
    lags = np.array([1, 2, 5, 10, 20, 50])
    blocks = 0.04 * lags**-0.2 + 0.01 * np.random.default_rng(0).standard_normal((32, len(lags)))
    points = points_of(curve_of_blocks(lags, blocks))
    law = ms.fit(curve_of_blocks(lags, blocks), floor=False)["power law"]
    assert not _open(law, points)
    assert "roughly" not in str(ms.fit(curve_of_blocks(lags, blocks), laws=["power law"], floor=False))
    assert _open(dataclasses.replace(law, deviations=np.array([[60.0, 1.0]])), points)
