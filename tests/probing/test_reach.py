"""Reach: on curves whose ratio is known, with noise or exact; what is refused, and what is said."""

import dataclasses
import json
import math

import numpy as np
import pytest
from scipy import stats

import miscope as ms
from miscope import InputError, MICurve
from miscope.probing.reach import reach

LAGS = np.unique(np.rint(np.geomspace(1, 300, 25)).astype(int))
POWER_LAW = 0.1 * LAGS**-0.4


def curve_of(truth, noise, seed=0, lags=LAGS, n_blocks=32, alike=0.6, **fields):
    """A curve that is the mean of its blocks, with normal errors of this part of the truth, alike at near lags."""
    truth, noise = np.asarray(truth, float), np.broadcast_to(noise, len(lags))
    apart = np.abs(np.subtract.outer(np.arange(len(lags)), np.arange(len(lags))))
    covariance = n_blocks * alike**apart * np.outer(noise * truth, noise * truth)
    normal = np.random.default_rng(seed).standard_normal((n_blocks, len(lags)))
    blocks = truth + normal @ np.linalg.cholesky(covariance + 1e-30 * np.eye(len(lags))).T
    mean, bar = blocks.mean(axis=0), blocks.std(axis=0, ddof=1) / np.sqrt(n_blocks)
    left_out = (blocks.sum(axis=0) - blocks) / (n_blocks - 1)
    values = {
        "lags": np.asarray(lags),
        "mi": mean,
        "stderr": bar,
        "replicates": left_out,
        "block_pairs": np.full(blocks.shape, 1000),
        "null": np.zeros_like(mean),
        "null_replicates": np.zeros_like(left_out),
        "excess_stderr": bar,
        "chance": None,
        "n_pairs": np.full(len(mean), 1000 * n_blocks),
        "p_values": stats.t.sf(mean / bar, n_blocks - 1),
    }
    return MICurve(**values | fields)


def pair(length, noise, seed, factor_of_data=1.0):
    """Data that fall as a power, and a model that keeps exp(-lag / length) of that."""
    data = curve_of(POWER_LAW, noise, 2 * seed, label="data")
    return data, curve_of(factor_of_data * POWER_LAW * np.exp(-LAGS / length), noise, 2 * seed + 1, label="model")


class TestNumbers:
    @pytest.mark.parametrize("factor", [0.2, 0.5, 0.8])
    @pytest.mark.parametrize("length", [20, 50, 150])
    def test_exact_curves(self, factor, length):
        truth = length * math.log(1 / factor)
        found = reach(*pair(length, 1e-6, 1), factor=factor)
        # What a straight line between neighbouring lags can miss of the crossing.
        assert found.lag == pytest.approx(truth, rel=0.03)
        assert found.low == pytest.approx(found.high, rel=1e-3)
        assert found.bound == ""
        np.testing.assert_allclose(found.ratio, np.exp(-LAGS / length), rtol=1e-4)
        np.testing.assert_allclose(found.smoothed, found.ratio, rtol=1e-3)

    def test_a_process_that_knows_itself(self):
        data = ms.processes.PowerLawBinary(amplitude=0.1, exponent=0.4)
        model = ms.processes.IsingChain(coupling=0.4)
        lags = np.arange(1, 12)
        found = reach(data, model, lags=lags)
        ratio = model.mutual_information(lags) / data.mutual_information(lags)
        np.testing.assert_allclose(found.ratio, ratio)
        first = int(np.argmax(ratio < 0.5))
        assert lags[first - 1] <= found.lag <= lags[first]
        assert found.low == pytest.approx(found.lag)
        assert (found.ratio_stderr == 0).all()

    def test_errors_of_the_ratio(self):
        data, model = pair(50, 0.05, 3)
        found = reach(data, model)
        relative = np.hypot(data.stderr / data.mi, model.stderr / model.mi)
        np.testing.assert_allclose(found.ratio_stderr, found.ratio * relative)

    def test_bits_and_nats(self):
        data, model = pair(50, 0.05, 3)
        same, mixed = reach(data, model), reach(data.in_bits(), model)
        assert mixed.unit == "bits"
        np.testing.assert_allclose(mixed.data, same.data / np.log(2))
        assert mixed.lag == pytest.approx(same.lag)
        process = ms.processes.PowerLawBinary(amplitude=0.1, exponent=0.4)
        assert reach(process, model.in_bits()).lag == pytest.approx(reach(process, model).lag)

    def test_nulls_are_taken_away(self):
        data, model = pair(50, 0.02, 4)
        null = np.full(len(LAGS), 0.03)
        raised = dataclasses.replace(data, mi=data.mi + null, null=null, null_replicates=np.tile(null, (32, 1)))
        raised = dataclasses.replace(raised, replicates=data.replicates + null)
        assert reach(raised, model).lag == pytest.approx(reach(data, model).lag)

    def test_seed(self):
        data, model = pair(50, 0.08, 5)
        first, same, other = (reach(data, model, seed=seed) for seed in (1, 1, 2))
        assert (first.low, first.high) == (same.low, same.high)
        assert (first.low, first.high) != (other.low, other.high)
        assert first.lag == other.lag

    def test_wider_at_higher_level(self):
        data, model = pair(50, 0.08, 6)
        found = [reach(data, model, level=level) for level in (0.5, 0.95, 0.999)]
        assert found[2].low < found[1].low < found[0].low < found[0].lag < found[0].high < found[1].high < found[2].high


class TestStatistics:
    TRUTH = 50 * math.log(2)

    def test_intervals_cover_and_values_lie_in_the_middle(self):
        noise = np.geomspace(0.03, 0.15, 200)
        found = [reach(*pair(50, each, 100 + k)) for k, each in enumerate(noise)]
        above = np.mean([each.low > self.TRUTH for each in found])
        below = np.mean([each.high < self.TRUTH for each in found])
        assert 0.90 <= 1 - above - below <= 0.99
        assert max(above, below) < 0.06
        # The more noise, the wider.
        widths = np.log([each.high / each.low for each in found])
        assert np.median(widths[:50]) < 0.3 * np.median(widths[-50:])
        assert np.median([each.lag for each in found]) == pytest.approx(self.TRUTH, rel=0.05)

    def test_many_lags_do_not_make_it_early(self):
        """The first value below, of a hundred, comes by chance far before the crossing."""
        lags = np.arange(1, 121)
        truth = 0.1 * lags**-0.4
        found, naive = [], []
        for seed in range(16):
            data = curve_of(truth, 0.05, 2 * seed, lags, alike=0.0)
            model = curve_of(truth * np.exp(-lags / 100), 0.15, 2 * seed + 1, lags, alike=0.0)
            found.append(reach(data, model).lag)
            naive.append(lags[np.argmax(model.mi / data.mi < 0.5)])
        wanted = 100 * math.log(2)
        assert np.median(naive) < 0.75 * wanted
        assert np.median(found) == pytest.approx(wanted, rel=0.1)


class TestBounds:
    def test_at_least(self):
        data, model = pair(5000, 0.03, 7)
        found = reach(data, model)
        assert (found.bound, found.lag, found.high) == ("at least", 300.0, np.inf)
        assert found.low > 50
        assert "up to lag 300 at least, the last at which the data show it (95 %: " in str(found)
        assert str(found).endswith(" or more)")
        assert found.to_dict()["high"] is None

    def test_less_than(self):
        data, model = pair(50, 0.03, 8, factor_of_data=0.2)
        found = reach(data, model)
        assert (found.bound, found.lag, found.low) == ("less than", 1.0, 0.0)
        assert "model keeps less than 1/2 of the dependence of data from lag 1 on (95 %: at most" in str(found)

    def test_nothing_is_claimed_where_the_data_are_not_known(self):
        """Beyond lag 100 the data are noise; the model would be above half of that anyway."""
        noise = np.where(LAGS > 100, 3.0, 0.03)
        data = curve_of(POWER_LAW, noise, 9, alike=0.0)
        found = reach(data, curve_of(POWER_LAW, 0.03, 10))
        assert not found.used[LAGS > 100].any()
        assert found.used[LAGS <= 100].all()
        last = LAGS[LAGS <= 100][-1]
        assert (found.bound, found.lag, found.low) == ("at least", last, pytest.approx(last))
        assert found.interval == f"{last} or more"
        assert np.isnan(found.smoothed[LAGS > 100]).all()

    def test_a_model_without_any_memory(self):
        coin = curve_of(np.full(len(LAGS), 1e-9), 1.0, 11)
        found = reach(curve_of(POWER_LAW, 0.03, 12), coin)
        assert found.bound == "less than"
        assert (found.low, found.high) == (0, 1)
        assert found.interval == "at most 1"


class TestWhatIsGiven:
    def test_data_are_measured_at_the_models_lags(self):
        process = ms.processes.PowerLawBinary(amplitude=0.2, exponent=0.4)
        model = ms.measure(ms.processes.IsingChain(coupling=0.7).sample(64, 1000, seed=2), lags=[1, 2, 3, 5, 8])
        data = process.sample(64, 1000, seed=1)
        found = reach(data, model)
        np.testing.assert_array_equal(found.lags, model.lags)
        measured = ms.measure(data, lags=model.lags)
        np.testing.assert_allclose(found.data, measured.excess)
        exact = reach(process, model)
        np.testing.assert_allclose(exact.data, process.mutual_information(model.lags))
        assert exact.lag == pytest.approx(found.lag, rel=0.1)

    def test_a_model_is_probed(self):
        from miscope.models.recurrent import LSTM

        process = ms.processes.PowerLawBinary(amplitude=0.2, exponent=0.4)
        done = []
        found = reach(
            process,
            LSTM(2, width=4, seed=1),
            lags=[1, 2, 4, 8],
            n_documents=64,
            length=64,
            progress=lambda *n: done.append(n),
        )
        assert found.bound == "less than"
        assert found.labels == (process.label, "LSTM 4")
        assert done == sorted(set(done))
        assert done[-1][0] == done[-1][1]
        assert np.median(np.diff([now for now, _ in done])) < 0.01 * done[-1][1]

    @pytest.mark.parametrize("kind", ["symbols", "numbers"])
    def test_data_as_they_are_at_hand(self, kind):
        """A list or an array is taken as what is made of it, and measured at those lags of the other that it has."""
        process, how, attribute = {
            "symbols": (ms.processes.IsingChain(1.0), {}, "codes"),
            "numbers": (ms.processes.LinearRNN(recurrent=0.5, feedback=0.4), {"estimator": "gaussian"}, "values"),
        }[kind]
        sample = process.sample(1, 4000, seed=3)
        made = getattr(sample, attribute).ravel().tolist()
        curve = ms.measure(process.sample(64, 1024, seed=4), [1, 2, 4, 8], **how)
        expected, found = reach(sample, curve), reach(made, curve)
        np.testing.assert_array_equal(found.data, expected.data)

    def test_common_lags(self):
        data, model = pair(50, 0.03, 13)
        kept = ("lags", "mi", "stderr", "null", "excess_stderr", "n_pairs", "p_values")
        kept += ("replicates", "block_pairs", "null_replicates")
        part = dataclasses.replace(model, **{name: getattr(model, name)[..., ::3] for name in kept})
        found = reach(data, part)
        np.testing.assert_array_equal(found.lags, LAGS[::3])
        assert found.lag == pytest.approx(reach(data, model).lag, rel=0.2)

    def test_lags_that_are_asked_for(self):
        data, model = pair(50, 0.03, 14)
        asked = [1, 4, 6, 10, 15, 17, 33, 42, 54]
        found = reach(data, model, lags=asked)
        np.testing.assert_array_equal(found.lags, np.intersect1d(asked, LAGS))

    def test_processes_that_answer_only_so_far(self):
        grammar = ms.processes.TreeGrammar(depth=5)
        _, model = pair(50, 0.03, 15)
        assert reach(grammar, model).lags.max() < grammar.longest == 32


class TestWarnings:
    def test_too_much_dependence(self):
        data, model = pair(50, 0.03, 16, factor_of_data=3.0)
        found = reach(data, model)
        assert "more than twice the data's dependence at" in str(found)
        assert found.lag == pytest.approx(50 * math.log(6), rel=0.1)

    def test_no_warnings_without_reason(self):
        assert reach(*pair(50, 0.03, 17)).warnings == ()

    def test_a_model_that_comes_back(self):
        data = curve_of(POWER_LAW, 0.02, 18)
        ratio = np.where((LAGS > 20) & (LAGS < 200), 0.1, 0.9)
        found = reach(data, curve_of(POWER_LAW * ratio, 0.02, 19))
        assert "rises above 1/2 of the data again, at" in str(found)

    def test_other_alphabets(self):
        data = ms.processes.PowerLawBinary(amplitude=0.2, exponent=0.4)
        chain = ms.processes.MarkovChain([[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]])
        found = reach(data, chain, lags="all:8")
        assert found.warnings[0].startswith("the data have 2 symbols and the model 3")

    def test_horizon(self):
        source = {"label": "model", "model": {"name": "transformer", "horizon": 100}}
        data, model = pair(50, 0.03, 20)
        found = reach(data, dataclasses.replace(model, provenance={"source": source}))
        assert "looks back over 100 symbols at most" in found.warnings[0]


class TestResult:
    def test_sentence(self):
        found = reach(*pair(50, 0.03, 21))
        assert str(found) == (
            f"model keeps 1/2 of the dependence of data up to lag {found.lag:.3g} "
            f"(95 %: {found.low:.3g} to {found.high:.3g})"
        )
        assert "keeps 90 % of the dependence" in str(reach(*pair(50, 0.03, 21), factor=0.9))
        assert repr(found).startswith("Reach(")

    def test_table_and_dictionary(self):
        found = reach(*pair(50, 0.03, 22))
        table = found.to_table()
        assert table.num_rows == len(LAGS)
        assert table["ratio"].to_pylist() == found.ratio.tolist()
        again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert again["lag"] == found.lag
        assert again["curves"]["lag"] == LAGS.tolist()
        assert again["labels"] == ["data", "model"]


class TestErrors:
    def test_no_common_lags(self):
        data, model = pair(50, 0.03, 23)
        shifted = dataclasses.replace(model, lags=model.lags + 1000)
        with pytest.raises(InputError, match="the two have 0 lags in common, and three are needed"):
            reach(data, shifted)

    def test_data_that_show_nothing(self):
        data = curve_of(POWER_LAW, 5.0, 24)
        with pytest.raises(InputError, match="the dependence of noise is known to half its value or better at"):
            reach(dataclasses.replace(data, label="noise"), data)

    def test_no_bars(self):
        _, model = pair(50, 0.03, 25)
        bare = ms.measure("abcab" * 200, lags=[1, 2, 3, 4], blocks=0, label="bare")
        with pytest.raises(InputError, match="'bare' was measured without blocks"):
            reach(bare, model)

    def test_other_quantities(self):
        data, model = pair(50, 0.03, 26)
        with pytest.raises(InputError, match="the curves are of rational and mutual information"):
            reach(dataclasses.replace(data, quantity="rational"), model)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"factor": 0}, "factor must be a number above 0"),
            ({"level": 95}, "level must lie between 0 and 1"),
            ({"seed": -1}, "seed must be a whole number"),
            ({"n_documents": 5, "length": 7}, "length, n_documents: only a model is probed, and this is a MICurve"),
        ],
    )
    def test_arguments(self, arguments, message):
        with pytest.raises(InputError, match=message):
            reach(*pair(50, 0.03, 27), **arguments)

    def test_the_wrong_way_round(self):
        from miscope.models.recurrent import LSTM

        with pytest.raises(InputError, match=r"the data come first, then the model; to compare with a LSTM"):
            reach(LSTM(2, width=4), pair(50, 0.03, 28)[0])
