"""Effective couplings: of models whose own are known, and of networks, where halves of the contexts have to agree."""

import itertools
import json
import math

import numpy as np
import pytest
import torch

import miscope as ms
from miscope import InputError
from miscope.models.recurrent import GRU, LSTM
from miscope.probing.couplings import couplings

BINARY = ms.processes.PowerLawBinary(amplitude=0.1, exponent=0.4)


class Known:
    """A model given by a function from what was read, int64 of shape (n, t), to log-probabilities of the next."""

    horizon = None

    def __init__(self, law, alphabet_size, **fields):
        self.law, self.alphabet_size, self.label = law, alphabet_size, "known"
        self.__dict__.update(fields)

    def log_probs(self, codes):
        return torch.stack([self.law(codes[:, :t]) for t in range(codes.shape[1])], 1)


def autoregression(weights, bias=0.3):
    """``logit = bias + sum over k of weights[k - 1] s[t - k]`` on spins of +1 and -1."""

    def law(read):
        spins = 2.0 * read.flip(1)[:, : len(weights)].double() - 1
        logit = bias + spins @ torch.tensor(weights[: spins.shape[1]], dtype=torch.float64)
        return torch.stack([torch.nn.functional.logsigmoid(-logit), torch.nn.functional.logsigmoid(logit)], 1)

    return law


def markov(transition):
    table = torch.tensor(np.log(transition))

    def law(read):
        if read.shape[1] == 0:
            return table.mean(0).log_softmax(0).expand(len(read), -1)
        return table[read[:, -1]]

    return law


class TestKnown:
    WEIGHTS = (0.7, -0.3, 0.0, 0.15, 0.05)

    def test_logistic_autoregression(self):
        model = Known(autoregression(self.WEIGHTS), 2)
        found = couplings(model, BINARY, lags=range(1, 8), n_contexts=64)
        np.testing.assert_allclose(found.values, [1.4, -0.6, 0, 0.3, 0.1, 0, 0], atol=1e-12)
        np.testing.assert_allclose(found.stderr, 0, atol=1e-12)
        np.testing.assert_allclose(found.tables[:, 1, 1], found.values / 4, atol=1e-12)
        np.testing.assert_allclose(found.tables, found.tables[:, ::-1, ::-1], atol=1e-12)
        assert found.signed

    def test_several_symbols(self):
        """``p(b | past)`` proportional to ``exp(sum over k of J[k][a_k, b])``: J comes back, in the zero-sum gauge."""
        generator = np.random.default_rng(1)
        J = generator.normal(size=(3, 4, 4))
        tables = torch.tensor(J)

        def law(read):
            energy = torch.zeros(len(read), 4, dtype=torch.float64)
            for k in range(1, min(3, read.shape[1]) + 1):
                energy = energy + tables[k - 1, read[:, -k]]
            return energy.log_softmax(1)

        data = generator.integers(0, 4, (80, 20))
        found = couplings(Known(law, 4), data, lags=[1, 2, 3, 5], n_contexts=80)
        gauged = J - J.mean(1, keepdims=True) - J.mean(2, keepdims=True) + J.mean((1, 2), keepdims=True)
        # The normalisation is a function of a and the others only, and goes with the means over b.
        np.testing.assert_allclose(found.tables[:3], gauged, atol=1e-12)
        np.testing.assert_allclose(found.tables[3], 0, atol=1e-12)
        for k in range(3):
            changes = [
                J[k, a, b] - J[k, a, d] - J[k, c, b] + J[k, c, d]
                for (a, c), (b, d) in itertools.product(itertools.permutations(range(4), 2), repeat=2)
            ]
            assert found.values[k] == pytest.approx(math.sqrt(np.mean(np.square(changes))))
        assert found.values[3] == pytest.approx(0, abs=1e-7)
        assert not found.signed

    @pytest.mark.parametrize("size", [2, 3, 20])
    def test_a_markov_chain_has_one_coupling(self, size):
        transition = np.random.default_rng(2).dirichlet(np.full(size, 3.0), size)
        data = ms.processes.MarkovChain(transition)
        found = couplings(Known(markov(transition), size), data, lags=[1, 2, 3, 10], n_contexts=64, n_replacements=5)
        assert abs(found.values[0]) > 0.2
        np.testing.assert_allclose(found.values[1:], 0, atol=1e-6)
        if size == 2:
            logit = np.log(transition[:, 1] / transition[:, 0])
            assert found.values[0] == pytest.approx(logit[1] - logit[0])
        assert (found.tables is None) == (size > 8)

    def test_large_alphabets_by_replacements(self):
        # The same function of pairs for all: what a few replacements show is an estimate of what all would.
        size, generator = 12, np.random.default_rng(3)
        J = generator.normal(size=(size, size))
        transition = np.exp(J) / np.exp(J).sum(1, keepdims=True)
        model = Known(markov(transition), size)
        data = generator.integers(0, size, (64, 10))
        all_of_them = couplings(model, data, lags=[1], n_contexts=64, n_replacements=12)
        gauged = J - J.mean(0) - J.mean(1, keepdims=True) + J.mean()
        assert all_of_them.values[0] == pytest.approx(2 * np.linalg.norm(gauged) / (size - 1))
        few = [couplings(model, data, [1], 64, n_replacements=4, seed=seed).values[0] for seed in range(5)]
        assert np.mean(few) == pytest.approx(all_of_them.values[0], rel=0.15)

    def test_noise_adds_nothing_to_a_norm(self):
        """Couplings that are as often one way as the other, by the context: none on average."""
        generator = np.random.default_rng(4)

        def law(read):
            sign = 2.0 * (read[:, :1] % 2).double() - 1  # by the first symbol
            table = torch.eye(4, dtype=torch.float64)
            return (sign * table[read[:, -2]]).log_softmax(1) if read.shape[1] > 1 else table[:1].expand(len(read), 4)

        values, bars, naive = [], [], []
        for _ in range(300):
            found = couplings(Known(law, 4), generator.integers(0, 4, (96, 6)), lags=[2], n_contexts=96, context=6)
            values.append(found.values[0])
            bars.append(found.stderr[0])
            naive.append(2 * np.linalg.norm(found.tables[0]) / 3)
        assert (np.array(values) < 0).any()
        assert np.mean(np.sign(values) * np.square(values)) < 0.2 * np.mean(np.square(naive))
        assert np.mean(np.abs(values) < 2 * np.array(bars)) > 0.85


class TestNetworks:
    @pytest.mark.parametrize("model", [LSTM(2, width=8, seed=1), GRU(3, width=8, seed=2)], ids=["two", "three"])
    def test_halves_agree_within_their_bars(self, model):
        size = model.alphabet_size
        generator, far = np.random.default_rng(5), []
        for name in ("readout", "embedding"):
            with torch.no_grad():
                getattr(model, name).weight.mul_(3)  # so that contexts matter
        for _ in range(8):
            halves = generator.integers(0, size, (2, 96, 40))
            found = [couplings(model, half, lags=[1, 2, 3, 4], n_contexts=96) for half in halves]
            bars = np.hypot(found[0].stderr, found[1].stderr)
            far += ((found[0].values - found[1].values) / bars).tolist()
        assert 0.5 < np.sqrt(np.mean(np.square(far))) < 1.5
        assert np.mean(np.abs(far) < 2.04) > 0.85

    def test_it_is_what_the_network_says(self):
        """By hand, from whole documents through the network."""
        model, data = LSTM(2, width=8, seed=3), np.random.default_rng(6).integers(0, 2, (32, 12))
        found = couplings(model, data, lags=[1, 4, 12], n_contexts=32, context=12, batch=7)
        for k, value in zip([1, 4, 12], found.values, strict=True):
            changes = []
            for document in data:
                logits = []
                for symbol in (0, 1):
                    changed = document.copy()
                    changed[-k] = symbol
                    with torch.no_grad():
                        state, read = model.start(1), None
                        for code in [*changed, None]:
                            laws, state = model.step(read, state)
                            read = None if code is None else torch.tensor([code])
                    logits.append(float(laws[0, 1] - laws[0, 0]))
                changes.append(logits[1] - logits[0])
            assert value == pytest.approx(np.mean(changes), abs=1e-5)

    def test_dropout_is_off_and_comes_back(self):
        model = LSTM(2, width=8, dropout=0.5)
        model.train()
        first, second = (couplings(model, BINARY, lags=[1, 2], n_contexts=32) for _ in (0, 1))
        np.testing.assert_array_equal(first.values, second.values)
        assert model.training

    def test_batches_and_seeds(self):
        model, data = LSTM(2, width=4), BINARY.sample(8, 500, seed=1)
        whole, parts = (couplings(model, data, [1, 5], 64, batch=batch) for batch in (None, 5))
        np.testing.assert_allclose(whole.values, parts.values, atol=1e-6)
        assert (couplings(model, data, [1, 5], 64, seed=1).values != whole.values).all()


class TestContexts:
    def test_default_lags(self):
        model = LSTM(2, width=2)
        found = couplings(model, BINARY, n_contexts=4)
        assert (found.lags[-1], found.context) == (128, 192)
        assert couplings(model, BINARY.sample(6, 50), n_contexts=4).lags[-1] <= 50

    def test_limits_of_the_model(self):
        seen = []

        def law(read):
            seen.append(read.shape[1])
            return autoregression((0.5,))(read)

        found = couplings(Known(law, 2, horizon=4, longest=8), BINARY, n_contexts=4)
        assert found.lags.tolist() == [1, 2, 3, 4]
        assert found.context == max(seen) == 7

    def test_one_document_is_cut(self):
        model, document = Known(autoregression((0.5,)), 2), BINARY.sample(1, 300)
        found = couplings(model, document, lags=[1, 3], n_contexts=100, context=8)
        assert found.n_contexts == 96  # in blocks of 3
        np.testing.assert_allclose(found.values, [1.0, 0.0], atol=1e-12)

    def test_progress(self):
        """The contexts as they are, and once at each lag with the other symbol: 16 contexts, read two by two."""
        done, model = [], LSTM(2, width=2)
        couplings(model, BINARY, [1, 2, 3], 4, batch=2, progress=lambda *now: done.append(now))
        assert done[-1] == (16, 16)
        assert [now for now, _ in done] == sorted({now for now, _ in done})
        assert max(np.diff([0, *(now for now, _ in done)])) == 2

    def test_progress_with_symbols_that_are_drawn(self):
        """Of many symbols eight are put in place of whatever was there: each context is read eight times a lag."""
        done, data = [], ms.Sequences.from_arrays(np.random.default_rng(1).integers(0, 20, 4000))
        couplings(LSTM(20, width=2), data, [1, 2], 4, batch=3, progress=lambda *now: done.append(now))
        assert done[-1] == (64, 64)

    def test_large_networks_read_fewer_contexts_at_a_time(self):
        """What a processor does between two reports is bounded: 2^37 multiplications."""
        from miscope.probing.couplings import _Reader

        small, large = LSTM(2, width=4), LSTM(2, width=1024)
        assert _Reader(small, 2, 128, None).batch == 512
        assert _Reader(large, 2, 1 << 12, None).batch == 2**37 // (2**12 * large.n_parameters) < 512
        assert _Reader(large, 2, 1 << 12, 5).batch == 5


class TestResult:
    found = couplings(Known(autoregression((0.5, 0.25)), 2), BINARY, lags=[1, 2, 3], n_contexts=32)

    def test_printed(self):
        lines = str(self.found).splitlines()
        assert lines[0] == "known: change of the next symbol's log-odds, in nats, over 32 contexts of 67 symbols"
        assert lines[2].split()[:2] == ["1", "1"]
        assert lines[3].split()[:2] == ["2", "0.5"]
        assert repr(self.found) == "Couplings(known: 3 lags 1..3)"

    def test_table_and_dictionary(self):
        assert self.found.to_table().column_names == ["lag", "coupling", "stderr"]
        again = json.loads(json.dumps(self.found.to_dict()))
        assert again["lags"] == [1, 2, 3]
        assert np.shape(again["tables"]) == (3, 2, 2)


class TestErrors:
    model = Known(autoregression((0.5,)), 2, horizon=16)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"lags": [1, 17]}, "lag 17 is beyond the model's horizon: known looks back 16 symbols"),
            ({"lags": [9], "context": 8}, "to change the symbol 9 steps back takes contexts of as many symbols"),
            ({"lags": [0]}, "lags start at 1"),
            ({"n_contexts": 1}, "n_contexts must be a whole number of at least 2"),
            ({"context": 0}, "context must be a whole number of at least 1"),
            ({"batch": 0}, "batch must be a whole number of at least 1"),
            ({"seed": -1}, "seed must be a whole number"),
        ],
    )
    def test_arguments(self, arguments, message):
        with pytest.raises(InputError, match=message):
            couplings(self.model, BINARY, **arguments)

    def test_data_that_are_too_short(self):
        with pytest.raises(InputError, match="here they are 5 at most"):
            couplings(self.model, BINARY.sample(6, 5), lags=[1, 7])
        with pytest.raises(InputError, match="contexts of 9 symbols are longer than what there is to read: 5"):
            couplings(self.model, BINARY.sample(6, 5), lags=[1, 2], context=9)
        with pytest.raises(InputError, match="the data hold a single context of 5 symbols"):
            couplings(self.model, BINARY.sample(1, 5), lags=[1, 2])

    def test_other_symbols(self):
        with pytest.raises(InputError, match="the data have 3 symbols and the model only 2"):
            couplings(self.model, np.array([[0, 1, 2, 0]] * 8), lags=[1])
        with pytest.raises(InputError, match="the symbols of the data are not those of the model"):
            couplings(Known(autoregression((0.5,)), 2, alphabet=("a", "b")), ["xyyx", "yxxy"], lags=[1])

    def test_certainty_has_no_log_odds(self):
        with pytest.raises(InputError, match="known gives a symbol probability 0"), np.errstate(divide="ignore"):
            couplings(Known(markov([[1.0, 0.0], [0.5, 0.5]]), 2), BINARY, lags=[1], n_contexts=8)

    def test_numbers_have_no_symbols(self):
        from miscope.models.linear_gaussian import LinearGaussianRNN

        with pytest.raises(InputError, match="couplings are of a model of symbols"):
            couplings(LinearGaussianRNN(2), BINARY, lags=[1])


def test_how_many_contexts_bars_need():
    """Variances fall as one over the number of contexts."""
    data = ms.processes.PowerLawBinary(amplitude=0.1, exponent=0.4)
    model = LSTM(2, width=4, seed=3)
    few, many = (couplings(model, data, lags=[1, 3], n_contexts=n, seed=n) for n in (128, 2048))
    wanted = float(many.stderr[0] / abs(many.values[0]))
    assert few.contexts_needed(wanted)[0] == pytest.approx(2048, rel=0.8)
