"""Comparisons of two fits: against t-intervals worked out here, and on curves that are alike or not."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

import miscope as ms
from miscope import InputError
from miscope.decay import DecayFit, LawFit, Verdict
from miscope.decay.laws import law_named

LAGS = np.array([1, 2, 3, 5, 8, 12, 18, 27, 40])  # of the curves in conftest


def made(law, value, moves, own=0.0, degrees=15.0, kind=None):
    """A fit whose second parameter has this value and these deviations, on the scale on which it is looked for."""
    inner = np.log(value) if law == "exponential" else value
    deviations = np.stack([np.zeros(len(moves)), moves], axis=1)
    fitted = LawFit(
        law_named(law),
        False,
        (np.log(0.05), inner),
        deviations,
        np.array([[0.0, own]]),
        degrees,
        0.01,
        0.0,
        0.0,
        1.0,
        "nats",
    )
    verdict = Verdict(kind or law, "", 1.0, 100.0, 2.0, 10, 10.0)
    lags = np.arange(1.0, 5.0)
    return DecayFit(verdict, (fitted,), (), lags, lags, lags, np.ones(4, bool))


MOVES = np.random.default_rng(8).standard_normal((2, 16)) * [[0.02], [0.03]]


class TestArithmetic:
    @pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
    @pytest.mark.parametrize("own", [0.0, 0.04])
    def test_lengths(self, level, own):
        """Logarithms of lengths: a t-interval of their difference, degrees of freedom by Welch and Satterthwaite."""
        first, second = made("exponential", 12.0, MOVES[0], own), made("exponential", 10.0, MOVES[1], degrees=7.0)
        found = ms.compare(first, second, level=level)
        parts = [np.sum(MOVES[0] ** 2) + own**2, np.sum(MOVES[1] ** 2)]
        degrees = sum(parts) ** 2 / (parts[0] ** 2 / 15 + parts[1] ** 2 / 7)
        error, difference = np.sqrt(sum(parts)), np.log(1.2)
        half = stats.t.ppf(0.5 + level / 2, degrees) * error
        assert found.parameter == "correlation_length"
        assert (found.first, found.second, found.ratio) == pytest.approx((12.0, 10.0, 1.2))
        assert (found.low, found.high) == pytest.approx(tuple(np.exp([difference - half, difference + half])))
        assert found.p_value == pytest.approx(2 * stats.t.sf(difference / error, degrees))
        assert found.level == level
        assert found.different == (found.p_value < 1 - level)

    def test_exponents(self):
        # They are looked for as they are, so the error of the logarithm is that over the value.
        found = ms.compare(made("power law", 0.5, MOVES[0]), made("power law", 0.4, MOVES[1]))
        variance = np.sum(MOVES[0] ** 2) / 0.25 + np.sum(MOVES[1] ** 2) / 0.16
        parts = np.array([np.sum(MOVES[0] ** 2) / 0.25, np.sum(MOVES[1] ** 2) / 0.16])
        half = stats.t.ppf(0.975, variance**2 / np.sum(parts**2 / 15)) * np.sqrt(variance)
        assert found.parameter == "exponent"
        assert found.ratio == pytest.approx(1.25)
        assert (found.low, found.high) == pytest.approx(tuple(np.exp([np.log(1.25) - half, np.log(1.25) + half])))

    def test_paired(self):
        """What moves both alike cancels."""
        common = np.random.default_rng(9).standard_normal(16) * 0.2
        first = made("exponential", 12.0, common + MOVES[0], own=0.01)
        second = made("exponential", 10.0, common + MOVES[1], own=0.02, degrees=11.0)
        paired, apart = ms.compare(first, second, paired=True), ms.compare(first, second)
        error = np.sqrt(np.sum((MOVES[0] - MOVES[1]) ** 2) + 0.01**2 + 0.02**2)
        half = stats.t.ppf(0.975, 11) * error
        assert (paired.low, paired.high) == pytest.approx(tuple(np.exp([np.log(1.2) - half, np.log(1.2) + half])))
        assert not apart.different
        assert apart.high / apart.low > 2 * paired.high / paired.low

    def test_the_other_way_round(self):
        first, second = made("exponential", 12.0, MOVES[0]), made("exponential", 10.0, MOVES[1])
        there, back = ms.compare(first, second), ms.compare(second, first)
        assert there.ratio * back.ratio == pytest.approx(1.0)
        assert there.low * back.high == pytest.approx(1.0)
        assert there.p_value == pytest.approx(back.p_value)

    def test_printed(self):
        first, second = made("exponential", 12.0, MOVES[0]), made("exponential", 1.0, MOVES[1])
        assert str(ms.compare(first, second)).startswith("correlation length 12 against 1: ratio 12 (")
        assert str(ms.compare(first, second)).endswith(": different")
        assert str(ms.compare(first, first)).endswith("not to be told apart")


class TestCurves:
    """Curves with noise of their own; a comparison that ignored one of the two errors would find one in six apart."""

    def test_alike_are_not_different(self, exponentials, power_laws):
        pairs = [
            *(
                ms.compare(*pair, "correlation_length")
                for pair in zip(exponentials[::2], exponentials[1::2], strict=True)
            ),
            *(ms.compare(*pair, "exponent") for pair in zip(power_laws[::2], power_laws[1::2], strict=True)),
        ]
        assert 0.89 <= np.mean([not each.different for each in pairs]) <= 1.0
        # And what chance gives is spread over all p-values.
        assert 0.35 < np.median([each.p_value for each in pairs]) < 0.65

    @pytest.mark.parametrize("ratio", [0.3, 3.5])
    def test_other_lengths_are_different(self, ratio, exponentials, noisy):
        truth = 0.05 * np.exp(-LAGS / (10 / ratio))
        others = [ms.fit(noisy(truth, 2000 + seed), laws=["exponential"], floor=False) for seed in range(8)]
        found = [ms.compare(*pair, "correlation_length") for pair in zip(exponentials[:8], others, strict=True)]
        assert all(each.different and each.p_value < 0.05 for each in found)
        assert sum(each.low < ratio < each.high for each in found) >= 6

    def test_the_same_data_twice(self, noisy):
        # Two quantities of the same blocks, one twice the other: the length is the same, up to no error at all.
        curve = noisy(0.05 * np.exp(-LAGS / 10), 3, quantity="correlation", unit="")
        names = ("mi", "stderr", "replicates", "null", "null_replicates", "excess_stderr")
        double = dataclasses.replace(curve, **{name: 2 * getattr(curve, name) for name in names})
        first, second = (ms.fit(each, laws=["exponential"], floor=False) for each in (curve, double))
        paired = ms.compare(first, second, "correlation_length", paired=True)
        apart = ms.compare(first, second, "correlation_length")
        assert paired.ratio == pytest.approx(1.0, abs=1e-3)
        assert np.log(paired.high / paired.low) < 0.8 * np.log(apart.high / apart.low)


class TestErrors:
    length = made("exponential", 12.0, MOVES[0])
    power = made("power law", 0.5, MOVES[0])

    @pytest.mark.parametrize("level", [0, 1, -0.5, 95, float("nan")])
    def test_level(self, level):
        with pytest.raises(InputError, match="a confidence level lies between 0 and 1"):
            ms.compare(self.length, self.length, level=level)

    def test_no_replicates(self):
        lags = np.array([1, 2, 4, 8, 16, 32])
        found = ms.fit((lags, 0.05 / lags, 0.005 / lags), laws=["power law"], floor=False)
        with pytest.raises(InputError, match="curves with replicates"):
            ms.compare(found, self.power, "exponent")
        with pytest.raises(InputError, match="curves with replicates"):
            ms.compare(self.power, found, "exponent")

    def test_different_laws(self):
        with pytest.raises(InputError, match='the verdicts are "exponential" and "power law": say which parameter'):
            ms.compare(self.length, self.power)

    @pytest.mark.parametrize("kind", ["undecided", "between", "no dependence"])
    def test_no_simple_law(self, kind):
        neither = made("exponential", 12.0, MOVES[0], kind=kind)
        with pytest.raises(InputError, match=f'the verdicts are "{kind}" and "{kind}"'):
            ms.compare(neither, neither)
        assert not ms.compare(neither, neither, "correlation_length").different

    def test_law_that_was_not_fitted(self):
        with pytest.raises(InputError, match="exponential"):
            ms.compare(self.power, self.power, "correlation_length")

    def test_unknown_parameter(self):
        with pytest.raises(InputError, match="unknown parameter 'exponant'; did you mean 'exponent'"):
            ms.compare(self.power, self.power, "exponant")

    def test_paired_with_other_blocks(self):
        other = made("exponential", 12.0, MOVES[0][:10])
        with pytest.raises(InputError, match="these have 16 and 10"):
            ms.compare(self.length, other, paired=True)

    def test_exponent_of_nothing(self):
        flat = made("power law", 0.0, MOVES[0])
        with pytest.raises(InputError, match="one exponent is 0: there is no ratio"):
            ms.compare(flat, self.power)
