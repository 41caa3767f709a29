"""Verdicts on sources whose law is known, and what each kind of evidence comes to."""

import math
from functools import cache

import numpy as np
import pytest

import miscope as ms
from miscope import processes as known
from miscope.decay.points import points_of
from miscope.decay.verdict import KINDS, Evidence, judge, range_of

SEEDS = (1, pytest.param(2, marks=pytest.mark.long))


def sticky(n_symbols, stay):
    leave = (1 - stay) / (n_symbols - 1)
    return known.MarkovChain((np.full((n_symbols, n_symbols), leave) + (stay - leave) * np.eye(n_symbols)).tolist())


def copula(amplitude, **law):
    return known.GaussianCopula({"amplitude": amplitude} | law)


def cycle(n_states):
    """States in a circle, nearly always the next; half of it shows one symbol, half the other."""
    transition = sum(p * np.roll(np.eye(n_states), step, axis=1) for step, p in ((0, 0.2), (1, 0.6), (2, 0.2)))
    emission = [[1.0, 0.0] if state < n_states / 2 else [0.0, 1.0] for state in range(n_states)]
    return known.HiddenMarkov(transition.tolist(), emission)


def turning(modulus, angle):
    """A linear network whose closed loop turns its state by an angle; one output sees one of the two axes."""
    loop = modulus * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    feedback, readout = np.array([1.0, 0.0]), np.array([0.6, 0.0])
    recurrent = loop - np.outer(feedback, readout)
    return known.LinearRNN(recurrent.tolist(), feedback.tolist(), readout.tolist(), 1.0)


GAUSSIAN = {"estimator": "gaussian"}
#       truth, process, symbols of each of 64 documents, lags, options
CASES = {
    "Ising chain": ("exponential", known.IsingChain(1.5), 2048, "1:512", {}),
    "Markov chain, 5 symbols": ("exponential", sticky(5, 0.88), 2048, "1:512", {}),
    # Nearly 3 nats at the first lags, where information is flat: not to be taken for a slow law.
    "Markov chain, saturated": ("exponential", sticky(27, 0.95), 4096, "1:1024", {}),
    "linear network": ("exponential", known.LinearRNN(0.5, 0.43, 1.0, 1.0), 2048, "1:512", GAUSSIAN),
    "power law": ("power law", known.PowerLawBinary(0.1, 0.5), 4096, "1:1024", {}),
    "fractional noise": ("power law", known.FractionalNoise(hurst=0.85).quantised(4), 4096, "1:1024", {}),
    "tree": ("power law", known.TreeGrammar(depth=12, eigenvalue=0.8), None, "1:1024", {}),
    "power law, cut off": ("between", copula(0.3, exponent=0.6, correlation_length=50), 4096, "1:1024", {}),
    "independent": ("no dependence", known.Heterogeneous(compositions=[[0.1] * 10]), 1024, "1:256", {}),
}


@cache
def fitted(name, seed):
    """Curve and fit of a case."""
    _, process, length, lags, options = CASES[name]
    curve = ms.measure(process.sample(64, length, seed), lags, seed=seed, threads=1, **options)
    return curve, ms.fit(curve)


class TestKnownSources:
    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("name", CASES)
    def test_verdict(self, name, seed):
        _, found = fitted(name, seed)
        assert found.verdict.kind == CASES[name][0], found.verdict.reason

    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("name", ["Ising chain", "Markov chain, 5 symbols", "linear network"])
    def test_length(self, name, seed):
        _, found = fitted(name, seed)
        estimate = found["exponential"]["correlation_length"]
        true = CASES[name][1].law.correlation_length
        assert estimate.value == pytest.approx(true, rel=0.2)
        assert estimate.low - 0.05 * true < true < estimate.high + 0.05 * true

    @pytest.mark.parametrize(("name", "true"), [("power law", 0.5), ("fractional noise", 0.6)])
    @pytest.mark.parametrize("seed", SEEDS)
    def test_exponent(self, name, true, seed):
        # Correlations of fractional noise fall with exponent 2 - 2 H = 0.3, information as their square.
        _, found = fitted(name, seed)
        assert found["power law"]["exponent"].value == pytest.approx(true, abs=0.12)

    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("name", CASES)
    def test_what_a_verdict_says_of_itself(self, name, seed):
        curve, found = fitted(name, seed)
        verdict = found.verdict
        assert verdict.kind in KINDS
        if verdict.kind == "no dependence":
            assert (verdict.first, verdict.last, verdict.n_significant, found.laws) == (0, 0, 0, ())
            return
        first, last, _ = range_of(points_of(curve))
        assert first <= verdict.first
        assert verdict.last == last
        assert verdict.last <= curve.lags[curve.significant()].max()
        assert verdict.decades == pytest.approx(math.log10(verdict.last / verdict.first))
        inside = (curve.lags >= verdict.first) & (curve.lags <= verdict.last)
        assert verdict.n_significant == curve.significant()[inside].sum()
        assert 1 <= verdict.n_effective <= inside.sum()

    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("name", CASES)
    def test_weights(self, name, seed):
        _, found = fitted(name, seed)
        if not found.laws:
            return
        assert math.fsum(each.weight for each in found.laws) == pytest.approx(1.0)
        assert sorted(each.aicc for each in found.laws) == [each.aicc for each in found.laws]
        best = found.laws[0]
        for each in found.laws:
            expected = math.exp(-(each.aicc - best.aicc) / 2)
            assert each.weight / best.weight == pytest.approx(expected, abs=1e-12)

    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("name", CASES)
    def test_other_ranges(self, name, seed):
        curve, found = fitted(name, seed)
        if not found.laws:
            assert found.sensitivity == ()
            return
        rows, verdict = found.sensitivity, found.verdict
        first, last, _ = range_of(points_of(curve))
        assert (rows[0].first, rows[0].last) == (first, last)  # the whole of it
        for row in rows:
            assert first <= row.first < row.last <= last
            assert row.last / row.first >= 10 * (1 - 1e-9)
            assert row.kind in KINDS
        assert len({(row.first, row.last) for row in rows}) == len(rows)
        spoken = next(row for row in rows if (row.first, row.last) == (verdict.first, verdict.last))
        assert spoken.correlation_length == pytest.approx(found["exponential"]["correlation_length"].value)
        assert spoken.exponent == pytest.approx(found["power law"]["exponent"].value)
        assert spoken.evidence == pytest.approx(found["exponential"].aicc - found["power law"].aicc)

    def test_printed(self):
        _, found = fitted("Ising chain", 1)
        text = str(found)
        assert "exponential: an exponential fits as well as any law" in text
        assert f"lags {found.verdict.first:g} to {found.verdict.last:g}" in text
        for each in found.laws:
            assert each.name in text

    @pytest.mark.parametrize("seed", SEEDS)
    def test_few_lags_asked_for(self, seed):
        curve, _ = fitted("power law", seed)
        found = ms.fit(curve, lags="1:5")
        assert found.verdict.kind == "undecided"
        assert "less than a decade" in found.verdict.reason
        assert found.lags.max() <= 5

    @pytest.mark.parametrize("seed", SEEDS)
    def test_a_steep_tail_that_was_asked_for(self, seed):
        """An exponential may have its whole tail in less than a decade; a power law is not told from others there."""
        chain = sticky(2, 0.5 + 0.5 * math.exp(-1 / 40))
        curve = ms.measure(chain.sample(64, 8192, seed), "1:200:80", seed=seed, threads=1)
        found = ms.fit(curve, lags="20:")
        assert found.verdict.decades < 1
        assert found.verdict.kind == "exponential"
        assert "less than a decade of lags" in found.verdict.reason
        assert found.correlation_length.value == pytest.approx(20, rel=0.25)
        curve, _ = fitted("power law", seed)
        assert ms.fit(curve, lags="20:150").verdict.kind == "undecided"

    def test_without_bars(self):
        curve, _ = fitted("power law", 1)
        found = ms.fit((curve.lags, curve.excess))
        assert found.verdict.kind == "undecided"
        assert "without error bars" in found.verdict.reason
        assert found["power law"]["exponent"].value == pytest.approx(0.5, abs=0.2)


class TestMuchData:
    """512 documents, where bars are so small that only what is known of laws keeps the verdict."""

    def test_wiggles_of_a_tree(self):
        # They refute every law to the last per cent. Without an error of the law's own its head would be given up.
        curve = ms.measure(
            known.TreeGrammar(depth=12, eigenvalue=0.85).sample(512, seed=1), "1:1024", seed=1, threads=1
        )
        found = ms.fit(curve)
        assert (found.verdict.kind, found.verdict.first) == ("power law", 1.0)
        assert 0.015 < found["power law"].discrepancy < 0.2
        exponent = -4 * math.log2(0.85)  # correlations go as 0.85^(2 log2 lag), information as their square
        assert found["power law"]["exponent"].value == pytest.approx(exponent, rel=0.1)

    def test_a_saturated_head(self):
        # Fitted as if information were the square of correlations up to 3 nats, the length comes out far too long.
        chain = sticky(27, 0.95)
        true = -0.5 / math.log(0.95 - 0.05 / 26)
        found = ms.fit(ms.measure(chain.sample(512, 4096, seed=1), "1:1024", seed=1, threads=1))
        assert found.verdict.kind == "exponential"
        length = found["exponential"]["correlation_length"]
        assert length.value == pytest.approx(true, rel=0.2)
        assert true / 2 < length.low < length.high < 2 * true


class TestOscillations:
    """Complex eigenvalues: a finite memory, whose information goes up and down as it dies away. No slow law."""

    @pytest.mark.parametrize(
        ("process", "options"),
        [(cycle(20), {}), (turning(0.97, 0.3), GAUSSIAN)],
        ids=["hidden cycle", "turning network"],
    )
    def test_are_no_power_law(self, process, options):
        exact = process.mutual_information(np.arange(1, 101))
        rises = np.flatnonzero((exact[1:-1] > exact[:-2]) & (exact[1:-1] > exact[2:]))
        assert len(rises) >= 4  # it does oscillate
        assert exact[rises].max() > 2 * exact[: rises[0] + 1].min()
        for seed in (1, 2):
            curve = ms.measure(process.sample(64, 2048, seed), "1:512", seed=seed, threads=1, **options)
            assert ms.fit(curve).verdict.kind in ("exponential", "undecided")


class TestTooLittle:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_short_memory(self, seed):
        # Correlations of e^-lag: information of length 0.5, gone after a few lags.
        chain = sticky(2, 0.5 + 0.5 * math.exp(-1))
        assert chain.law.correlation_length == pytest.approx(0.5)
        found = ms.fit(ms.measure(chain.sample(64, 4096, seed), "1:256", seed=seed, threads=1))
        assert found.verdict.kind == "undecided"
        assert "less than a decade" in found.verdict.reason
        assert found.verdict.decades < 1
        assert found.verdict.last < 10

    @pytest.mark.parametrize("seed", SEEDS)
    def test_documents_of_different_composition(self, seed):
        # Two symbols of one document tell of its composition, as much at any distance: no decay, so no law of it.
        process = known.Heterogeneous(compositions=[[0.8, 0.2], [0.4, 0.6], [0.6, 0.4]])
        curve = ms.measure(process.sample(48, 1024, seed), "1:256", seed=seed, null="global", threads=1)
        assert curve.significant().all()
        found = ms.fit(curve)
        assert found.verdict.kind == "undecided"
        assert "does not fall" in found.verdict.reason


class TestTables:
    lags = np.array([1, 2, 4, 8, 16, 32, 64, 128])
    bars = np.full(8, 0.01)

    @pytest.mark.parametrize("values", [np.zeros(8), np.full(8, -0.1), np.linspace(-0.5, 0.005, 8)])
    def test_nothing_above_zero(self, values):
        found = ms.fit((self.lags, values, self.bars))
        assert found.verdict.kind == "no dependence"
        assert "0.03" in found.verdict.reason  # what would have been seen: three bars
        assert found.laws == found.sensitivity == ()

    @pytest.mark.parametrize("values", [np.zeros(8), np.full(8, -0.1)])
    def test_nothing_above_zero_and_no_bars(self, values):
        found = ms.fit((self.lags, values))
        assert found.verdict.kind == "undecided"
        assert "no error bars to say how far above 0" in found.verdict.reason

    @pytest.mark.parametrize("values", [np.full(8, 0.1), np.linspace(0.05, 0.2, 8)], ids=["constant", "rising"])
    def test_no_decay(self, values):
        found = ms.fit((self.lags, values, self.bars))
        assert found.verdict.kind == "undecided"
        assert "does not fall" in found.verdict.reason

    def test_one_lag_far_out(self):
        found = ms.fit((self.lags, [0, 0, 0, 0.2, 0, 0, 0, 0], self.bars))
        assert found.verdict.kind == "undecided"
        assert "only lag 8 is significant" in found.verdict.reason


class TestRangeOf:
    lags = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

    def found(self, values):
        return range_of(points_of((self.lags, values, [0.01] * 10)))

    def test_none(self):
        assert self.found([0.0] * 10) == (0.0, 0.0, 0)

    def test_all(self):
        assert self.found([0.5] * 10) == (1.0, 512.0, 10)

    def test_one(self):
        assert self.found([0.5] + [0.0] * 9) == (1.0, 1.0, 1)

    @pytest.mark.parametrize("stray", [[7], [8], [9], [6, 9]])
    def test_stray_false_discoveries_make_no_range(self, stray):
        values = [0.5, 0.3, 0.2, 0.1] + [0.0] * 6
        for place in stray:
            values[place] = 0.3
        assert self.found(values)[:2] == (1.0, 8.0)

    def test_a_gap_inside(self):
        # A lag that came out low by chance does not end the range, and is not counted.
        assert self.found([0.5, 0.4, 0.3, 0.0, 0.2, 0.1, 0.0, 0.0, 0.0, 0.0]) == (1.0, 32.0, 5)

    def test_the_head_may_be_missing(self):
        assert self.found([0.0, 0.0, 0.3, 0.2, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0]) == (4.0, 32.0, 4)


class TestJudge:
    """Each way to a verdict, from differences of AICc that are made up."""

    @staticmethod
    def judged(last=100.0, shared=False, falling="", **evidence):
        inf = math.inf
        given = {"exponential": inf, "power_law": inf, "between": inf, "mixed": inf, "constant": inf, "cut_off": inf}
        return judge(Evidence(**(given | evidence)), last, shared, falling)

    def test_a_constant_and_what_only_might_be_one(self):
        flat = self.judged(exponential=0, power_law=1, between=2, constant=3)
        assert (flat.kind, "does not fall" in flat.reason) == ("undecided", True)
        falls = self.judged(exponential=0, power_law=1, between=2, constant=3, falling="it saturates")
        assert (falls.kind, falls.reason.startswith("it saturates: ")) == ("undecided", True)
        assert "does not fall" not in falls.reason

    def test_exponential(self):
        assert self.judged(exponential=0, power_law=40, between=2).kind == "exponential"
        assert self.judged(exponential=1.9, power_law=40, between=0).kind == "exponential"
        reason = self.judged(exponential=0, power_law=10, between=2).reason
        assert "a power law 148 times worse" in reason  # e^5

    def test_power_law(self):
        assert self.judged(exponential=40, power_law=0, between=2).kind == "power law"
        assert self.judged(exponential=40, power_law=1.9, between=0).kind == "power law"

    def test_neither(self):
        found = self.judged(exponential=3.0, power_law=0.0, between=1.0)
        assert found.kind == "undecided"
        assert "about equally well" in found.reason
        assert self.judged(exponential=0.0, power_law=3.0, between=1.0).kind == "undecided"

    def test_between(self):
        found = self.judged(exponential=50, power_law=60, between=0, cut_off=20.0)
        assert found.kind == "between"
        assert "slower than an exponential and faster than a power law" in found.reason

    def test_between_takes_both_simple_laws_to_be_refuted(self):
        assert self.judged(exponential=3, power_law=60, between=0, cut_off=20.0).kind == "undecided"
        assert self.judged(exponential=60, power_law=15, between=0, cut_off=20.0).kind == "undecided"

    def test_a_cut_off_at_the_end_of_the_range_cannot_be_seen(self):
        inside = self.judged(exponential=60, power_law=15, between=0, cut_off=20.0)
        hidden = self.judged(exponential=60, power_law=15, between=0, cut_off=200.0)
        assert (inside.kind, hidden.kind) == ("undecided", "power law")
        assert "cut-off would lie at the end of the range" in hidden.reason
        assert self.judged(exponential=60, power_law=30, between=0, cut_off=200.0).kind == "between"

    def test_errors_that_all_lags_share_ask_for_more(self):
        evidence = {"exponential": 60, "power_law": 30, "between": 0, "cut_off": 20.0}
        assert self.judged(**evidence).kind == "between"
        assert self.judged(**evidence, shared=True).kind == "undecided"
        assert self.judged(**evidence | {"power_law": 45}, shared=True).kind == "between"

    def test_constant(self):
        found = self.judged(exponential=0, power_law=40, between=2, constant=3.0)
        assert found.kind == "undecided"
        assert "does not fall" in found.reason

    def test_two_decays(self):
        found = self.judged(exponential=40, power_law=10, between=8, mixed=0)
        assert found.kind == "undecided"
        assert "a fast decay and a slow one" in found.reason
        assert self.judged(exponential=0, power_law=40, between=2, mixed=1).kind == "exponential"

    def test_a_law_that_is_better_but_not_the_best(self):
        found = self.judged(exponential=5, power_law=40, between=0, cut_off=20.0)
        assert found.kind == "undecided"
        assert "an exponential fits better than the other, but a law between them" in found.reason

    def test_nothing_known(self):
        assert self.judged().kind == "undecided"


def test_of_values_that_saturate_it_is_not_said_that_they_do_not_fall():
    """Information of words falls by a factor of ten in plain sight, though its size hides the law."""
    lags = np.unique(np.geomspace(1, 1000, 30).astype(int))
    values = 1.5 * lags**-0.3
    found = ms.fit((lags, values, np.full(len(lags), 0.05))).verdict
    assert found.kind == "undecided"
    assert "saturates" in found.reason
    assert "does not fall" not in found.reason
