"""Training: it learns what there is to learn, is the same however interrupted, and says what stops it."""

import json
import os
import signal
import subprocess
import sys
import time

import accelerate
import numpy as np
import pytest
import torch
from torch import nn

from miscope import FormatError, InputError, Sequences, Series
from miscope.models import GRU, LSTM, ElmanRNN
from miscope.models.hub import from_config
from miscope.models.linear_gaussian import LinearGaussianRNN
from miscope.models.running import Settings
from miscope.models.sampling import sample
from miscope.models.storage import load, read_tensors
from miscope.models.training import TrainingError, train
from miscope.models.wrapping import wrap
from miscope.processes import LinearRNN, MarkovChain

CHAIN = MarkovChain([[0.9, 0.1], [0.2, 0.8]])
SMALL = {"batch": 16, "length": 32}


def same(first, second):
    weights = second.model.state_dict()
    return all(torch.equal(tensor, weights[name]) for name, tensor in first.model.state_dict().items())


class Bigram(nn.Module):
    """The law of the next symbol given the last one: a table of logits, whose likeliest values are known."""

    horizon, longest, alphabet = 1, None, None

    def __init__(self, size=2):
        super().__init__()
        self.alphabet_size = size
        self.table = nn.Parameter(torch.zeros(size + 1, size))

    def forward(self, codes):
        first = codes.new_full((len(codes), 1), self.alphabet_size)
        return self.table[torch.cat([first, codes[:, :-1]], 1)]


class Next(nn.Module):
    """The law of the next symbol, behind each."""

    def __init__(self, table=None):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(2, 2) if table is None else table)

    def forward(self, codes):
        return self.table[codes]


class Placed(Next):
    """Knows 20 places."""

    def __init__(self):
        super().__init__()
        self.places = nn.Embedding(20, 2)

    def forward(self, codes):
        return super().forward(codes) + self.places(torch.arange(codes.shape[1]))


class First(nn.Module):
    """The first of two."""

    def forward(self, both):
        return both[0]


class TestLearning:
    def test_likeliest_table(self):
        trained = train(Bigram(), CHAIN, steps=400, batch=64, length=64, learning_rate=0.1)
        law = torch.softmax(trained.model.table, 1).detach().numpy()
        np.testing.assert_allclose(law[:2], [[0.9, 0.1], [0.2, 0.8]], atol=0.01)
        np.testing.assert_allclose(law[2], [2 / 3, 1 / 3], atol=0.05)
        assert trained.entropy_rate == pytest.approx(2 / 3 * 0.325083 + 1 / 3 * 0.500402, abs=1e-5)
        # Of 64 symbols the first costs the entropy of one symbol alone.
        wanted = (63 * trained.entropy_rate + 0.636514) / 64
        assert trained.history.valid[-1] == pytest.approx(wanted, abs=0.01)

    def test_recurrent_networks_reach_the_entropy_rate(self):
        trained = train(GRU(2, width=4), CHAIN, steps=200, batch=32, length=64)
        assert trained.history.valid[-1] == pytest.approx(trained.entropy_rate, abs=0.02)
        assert trained.history.valid[0] > trained.entropy_rate + 0.05

    def test_padded_documents_count_symbols_not_documents(self):
        # Documents of 1 and of 9 symbols: the mean over symbols, by hand.
        data = Sequences.from_arrays([[1], [0] * 9] * 20)
        model = Bigram()
        with torch.no_grad():
            model.table.copy_(torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.5, -0.5]]))
        trained = train(model, data, steps=1, batch=40, length=9, valid=data, learning_rate=1e-12, warmup=0.0)
        after = np.log(1 + np.exp(-1.0))
        expected = (1.0 + after + after + 8 * after) / 10  # -log p(1 | start), -log p(0 | start), -log p(0 | 0)
        assert trained.history.valid[0] == pytest.approx(expected, rel=1e-5)

    def test_real_numbers(self):
        process = LinearRNN(0.5, 0.4)
        trained = train(LinearGaussianRNN(width=1, seed=1), process, steps=120, batch=32, length=64)
        assert trained.entropy_rate == pytest.approx(0.5 * np.log(2 * np.pi * np.e))
        assert trained.history.valid[-1] == pytest.approx(trained.entropy_rate, abs=0.05)
        series = process.sample(20, 100, seed=3)
        assert len(train(LinearGaussianRNN(width=1), series, steps=2, batch=4).history) == 2
        with pytest.raises(InputError, match="reads 1 channels, and data have 2"):
            train(LinearGaussianRNN(width=1), Series.from_arrays(np.zeros((2, 10, 2))))

    def test_the_argument_is_unchanged(self):
        model = LSTM(2, width=3)
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        trained = train(model, "abba" * 50, steps=3, **SMALL)
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
        assert (model.alphabet, model.training, trained.alphabet, trained.model.training) == (
            None,
            True,
            ("a", "b"),
            False,
        )
        assert trained.model is not model
        again = train(trained, "bbaa" * 50, steps=3, **SMALL)
        assert again.alphabet == ("a", "b")
        assert not same(again, trained)

    def test_networks_that_give_the_law_of_the_next_symbol(self):
        network = Next()
        likeliest = [[0.9, 0.1], [0.2, 0.8]]
        assert train(network, CHAIN, steps=1).model.function is not network
        assert network.training
        for model in (network, wrap(network, 2)):
            trained = train(model, CHAIN, steps=200, batch=64, length=64, learning_rate=0.1)
            law = torch.softmax(trained.model.function.table, 1).detach().numpy()
            np.testing.assert_allclose(law, likeliest, atol=0.02)
            assert sample(trained, 2, 8).codes.shape == (16,)
        assert not network.table.any()
        assert train(Placed(), CHAIN, steps=1, batch=2).horizon == 20

    def test_language_models_of_the_library(self):
        config = {"model_type": "gpt2", "vocab_size": 2, "n_embd": 8, "n_layer": 1, "n_head": 1, "n_positions": 32}
        model = from_config(config, start=0)
        trained = train(model, CHAIN, steps=60, batch=32, learning_rate=0.02)
        assert trained.history.valid[-1] == pytest.approx(trained.entropy_rate, abs=0.03)
        assert trained.longest == 32
        assert trained.model.network is not model.network
        with torch.no_grad():
            codes = torch.tensor(CHAIN.sample(2, 32, seed=5).codes.reshape(2, 32).astype(np.int64))
            assert not torch.allclose(trained.log_probs(codes), model.log_probs(codes))

    def test_networks_that_look_at_what_they_foretell(self):
        class Named(Next):
            alphabet_size = 2

        class Late(Next):
            def forward(self, codes):
                return super().forward(nn.functional.pad(codes, (1, 0))[:, :-1])

        seen = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
        with pytest.raises(InputError, match=r"looks ahead.*alphabet_size.*wrap"):
            train(Named(seen), CHAIN, steps=1)
        with pytest.raises(InputError, match=r"last symbol.*alphabet_size.*wrap"):
            train(Late(seen), CHAIN, steps=1)
        with pytest.raises(InputError, match="looks ahead"):
            train(
                nn.Sequential(nn.Embedding(2, 2), nn.LSTM(2, 1, bidirectional=True, batch_first=True), First()), CHAIN
            )
        with pytest.raises(InputError, match="no weights"):
            train(wrap(lambda codes: Next()(codes), 2), CHAIN)

    def test_schedule(self):
        rates = [Settings(100, 1, 1, 0.5, 0.0, 0.1, None, "float32", None, 1, 0).rate(step) for step in range(100)]
        np.testing.assert_allclose(rates[:10], 0.05 * np.arange(1, 11))
        np.testing.assert_allclose(rates[9:], 0.05 + 0.225 * (1 + np.cos(np.pi * np.arange(91) / 90)))
        assert Settings(1, 1, 1, 0.5, 0.0, 0.0, None, "float32", None, 1, 0).rate(0) == 0.5

    def test_early_stopping_returns_the_best(self):
        data = Sequences.from_arrays(np.random.default_rng(0).integers(0, 2, (20, 16)))
        model = LSTM(2, width=24)
        trained = train(model, data, steps=600, batch=18, learning_rate=0.03, patience=3, evaluate_every=10)
        history = trained.history
        assert history.best == len(history) - 4
        assert history.steps[-1] < 600
        held_out = train(trained, data, steps=1, batch=18, learning_rate=1e-12).history.valid[0]
        assert held_out == pytest.approx(history.valid.min(), rel=1e-5)
        assert history.valid[-1] > history.valid.min()

    def test_what_is_recorded(self, tmp_path):
        trained = train(GRU(2, width=3), CHAIN.sample(20, 64), steps=10, batch=8, evaluate_every=5)
        assert trained.entropy_rate == CHAIN.entropy_rate
        assert trained.history.steps.tolist() == [5, 10]
        assert trained.provenance["training"]["data"]["process"] == CHAIN.description
        assert trained.provenance["training"]["length"] == 64
        json.dumps(dict(trained.provenance))
        trained.save(tmp_path / "gru.safetensors")
        again = load(tmp_path / "gru.safetensors")
        assert same(trained, again)
        assert str(again) == str(trained)


class TestSameness:
    def test_global_random_numbers_neither_matter_nor_change(self):
        model = LSTM(2, width=4, dropout=0.3)
        torch.manual_seed(1)
        before = torch.random.get_rng_state()
        first = train(model, CHAIN, steps=8, **SMALL)
        assert torch.equal(torch.random.get_rng_state(), before)
        torch.manual_seed(2)
        assert same(first, train(model, CHAIN, steps=8, **SMALL))
        assert not same(first, train(model, CHAIN, steps=8, seed=1, **SMALL))

    def test_precision_is_each_trainings_own(self):
        own = accelerate.Accelerator(cpu=True)
        kinds = ("float32", "bfloat16", "float32")
        runs = [train(GRU(2, width=4), CHAIN, steps=4, precision=kind, device="cpu", **SMALL) for kind in kinds]
        assert same(runs[0], runs[2])
        assert not same(runs[0], runs[1])
        assert runs[1].history.valid[-1] == pytest.approx(runs[0].history.valid[-1], abs=0.02)
        assert all(each.dtype == torch.float32 for each in runs[1].model.parameters())
        runs[1].log_probs(torch.zeros(1, 3, dtype=torch.int64))
        assert (own.mixed_precision, own.num_processes) == ("no", 1)


class StoppedError(Exception):
    pass


def stopping_at(step):
    def progress(done, total, message):
        if done >= step:
            raise StoppedError

    return progress


ARGUMENTS = {"steps": 40, "evaluate_every": 10, "batch": 16, "length": 32}


class TestCheckpoints:
    @pytest.mark.parametrize("model", [LSTM(2, width=4, dropout=0.2), LinearGaussianRNN(width=2)], ids=lambda m: m.name)
    def test_stopped_anywhere(self, model, tmp_path):
        data = LinearRNN(0.5, 0.4) if hasattr(model, "n_channels") else CHAIN
        whole = train(model, data, **ARGUMENTS)
        path = tmp_path / "run.safetensors"
        for step in (10, 20, 30):
            with pytest.raises(StoppedError):
                train(model, data, **ARGUMENTS, checkpoint=path, checkpoint_every=7, progress=stopping_at(step))
        resumed = train(model, data, **ARGUMENTS, checkpoint=path, checkpoint_every=7)
        assert same(whole, resumed)
        for column in ("steps", "loss", "valid", "learning_rate"):
            np.testing.assert_array_equal(getattr(whole.history, column), getattr(resumed.history, column))
        assert dict(resumed.provenance) == dict(whole.provenance)

    def test_finished(self, tmp_path):
        path = tmp_path / "run.safetensors"
        first = train(GRU(2, width=3), CHAIN, **ARGUMENTS, checkpoint=path)
        content, calls = path.read_bytes(), []
        again = train(GRU(2, width=3), CHAIN, **ARGUMENTS, checkpoint=path, progress=lambda *given: calls.append(given))
        assert same(first, again)
        assert (calls, path.read_bytes()) == ([], content)

    def test_finished_early(self, tmp_path):
        data = Sequences.from_arrays(np.random.default_rng(0).integers(0, 2, (20, 16)))
        arguments = {"steps": 400, "batch": 18, "learning_rate": 0.03, "patience": 2, "evaluate_every": 10}
        first = train(LSTM(2, width=16), data, **arguments, checkpoint=tmp_path / "run.safetensors")
        again = train(LSTM(2, width=16), data, **arguments, checkpoint=tmp_path / "run.safetensors")
        assert len(first.history) == len(again.history) < 40
        assert same(first, again)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"learning_rate": 0.5}, r"learning_rate was 0.01, and is 0.5 now; pass another path .* resume=False"),
            ({"steps": 50}, "steps was 40, and is 50 now"),
            ({"seed": 3}, "seed was 0, and is 3 now"),
            ({"model": GRU(2, width=4)}, r"training: width was 3, and is 4 now; pass another path"),
            ({"model": GRU(2, width=3, seed=1)}, r"training: seed was 0, and is 1 now; pass another path"),
            ({"model": GRU(3, width=3)}, "alphabet_size was 2, and is 3 now"),
            ({"model": LSTM(2, width=3), "steps": 50}, "model was gru, and is lstm now; steps was 40, and is 50 now;"),
            ({"data": MarkovChain([[0.8, 0.2], [0.2, 0.8]])}, "the data are others"),
            ({"valid": False}, "other data are held out"),
        ],
    )
    def test_of_another_training(self, change, message, tmp_path):
        path = tmp_path / "run.safetensors"
        arguments = {"model": GRU(2, width=3), "data": CHAIN, **ARGUMENTS, "checkpoint": path}
        with pytest.raises(StoppedError):
            train(**arguments, progress=stopping_at(10))
        content = path.read_bytes()
        with pytest.raises(InputError, match=message):
            train(**arguments | change)
        assert path.read_bytes() == content
        anew = train(**arguments | change | {"resume": False})
        assert anew.history.steps[0] == 10

    def test_other_weights_to_begin_with(self, tmp_path):
        arguments = {"data": CHAIN, **ARGUMENTS, "checkpoint": tmp_path / "run.safetensors"}
        model = GRU(2, width=3)
        train(model, **arguments)
        with torch.no_grad():
            model.readout.bias.add_(1.0)
        with pytest.raises(InputError, match="the model began with other weights"):
            train(model, **arguments)

    def test_what_is_no_checkpoint(self, tmp_path):
        path = tmp_path / "model.safetensors"
        train(GRU(2, width=3), CHAIN, steps=1, **SMALL).save(path)
        with pytest.raises(FormatError, match=r"not a checkpoint .* resume=False .*: it is a miscope model"):
            train(GRU(2, width=3), CHAIN, steps=1, **SMALL, checkpoint=path)
        with pytest.raises(InputError, match=r"a checkpoint is written as \.safetensors"):
            train(GRU(2, width=3), CHAIN, steps=1, **SMALL, checkpoint=tmp_path / "run.pt")

    @pytest.mark.long  # test_killed_and_started_again is a shorter one, of the command
    def test_killed(self, tmp_path):
        """A process killed outright, in the middle of it; another goes on, and ends with the same bits."""
        path, script = tmp_path / "run.safetensors", tmp_path / "script.py"
        script.write_text(SCRIPT, encoding="utf-8")
        command = [sys.executable, str(script), str(path)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with subprocess.Popen([*command, "slow"], env=environment) as process:
            until = time.monotonic() + 60
            while not path.exists() and time.monotonic() < until and process.poll() is None:
                time.sleep(0.01)
            time.sleep(0.1)
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert process.returncode == -signal.SIGKILL
        resumed, whole = json.loads(subprocess.check_output([*command, "fast"], env=environment))
        assert 0 < resumed[0] < 200
        assert whole[0] == 0
        assert resumed[1:] == whole[1:]


SCRIPT = """
import json, sys, time
from miscope.models import LSTM
from miscope.models.storage import digest_of
from miscope.models.training import train
from miscope.processes import MarkovChain

chain = MarkovChain([[0.9, 0.1], [0.2, 0.8]])

def run(checkpoint):
    steps = []
    def progress(done, total, message):
        steps.append(done)
        if sys.argv[2] == "slow":
            time.sleep(0.02)
    trained = train(LSTM(2, width=4, dropout=0.1), chain, steps=200, batch=8, length=32, evaluate_every=2,
                    checkpoint=checkpoint, checkpoint_every=3, progress=progress)
    return steps[0] - 1, digest_of(trained.model.state_dict()), trained.history.to_lists()

print(json.dumps([run(sys.argv[1]), run(None)]))
"""


class Fragile(Bigram):
    """Breaks in the step in which it has seen so many batches; runs out of memory beyond some size."""

    def __init__(self, breaks_at=None, largest=None, error=RuntimeError):
        super().__init__()
        self.breaks_at, self.largest, self.error, self.seen = breaks_at, largest, error, 0

    def forward(self, codes):
        if self.largest is not None and len(codes) > self.largest:
            raise self.error("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 1 bytes")
        self.seen += self.training
        return super().forward(codes) * (np.nan if self.seen == self.breaks_at else 1.0)


class TestTrouble:
    def test_loss_that_is_no_number(self, tmp_path):
        path = tmp_path / "run.safetensors"
        arguments = {"steps": 40, "evaluate_every": 5, **SMALL, "checkpoint": path, "checkpoint_every": 5}
        with pytest.raises(TrainingError, match="astray at step 17: the loss is nan; try a smaller") as error:
            train(Fragile(breaks_at=17), CHAIN, **arguments)
        assert f"the checkpoint of step 15 is kept: {path}" in str(error.value)
        _, tensors = read_tensors(path, "miscope checkpoint", 1, "")
        assert all(torch.isfinite(tensor).all() for tensor in tensors.values())

    def test_weights_that_are_no_numbers_after_the_last_step(self):
        with pytest.raises(TrainingError, match="astray at step 1: the weights are not finite"):
            train(Infinite(), CHAIN, steps=1, valid=False, **SMALL)

    @pytest.mark.parametrize("error", [RuntimeError, MemoryError, torch.OutOfMemoryError])
    def test_batch_that_does_not_fit(self, error):
        with pytest.raises(TrainingError, match=r"^batch 64 does not fit into memory; 16 would: batch=16"):
            train(Fragile(largest=20, error=error), CHAIN, steps=2, batch=64, length=8)
        with pytest.raises(TrainingError, match="not even one document of 8 symbols fits"):
            train(Fragile(largest=0, error=error), CHAIN, steps=2, batch=64, length=8)

    def test_a_processor_without_bfloat16_for_such_a_network(self):
        def error(text):
            return RuntimeError("could not create a primitive descriptor for the LSTM forward propagation")

        with pytest.raises(TrainingError, match=r'this processor has no bfloat16 .* precision="float32"'):
            train(Fragile(largest=0, error=error), CHAIN, steps=2, **SMALL)

    def test_other_errors_are_left_alone(self):
        with pytest.raises(KeyError, match="mine"):
            train(Broken(), CHAIN, steps=2, **SMALL)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"steps": 0}, "steps must be a whole number of at least 1"),
            ({"learning_rate": -1.0}, "learning_rate must be a number above 0"),
            ({"warmup": 1.0}, "warmup must be a number of at least 0 and below 1"),
            ({"weight_decay": -0.1}, "weight_decay must be a number of at least 0, not"),
            ({"clip": 0}, "clip must be a number above 0"),
            ({"precision": "float61"}, "unknown precision 'float61'"),
            ({"device": "abacus"}, "device must be one that torch knows, such as 'cpu'"),
            ({"patience": 2, "valid": False}, "patience asks for held-out data"),
            ({"evaluate_every": 0}, "evaluate_every must be a whole number"),
            ({"data": LinearRNN(0.5, 0.4)}, "data are real numbers"),
        ],
    )
    def test_arguments_that_are_refused(self, arguments, message):
        with pytest.raises(InputError, match=message):
            train(**{"model": LSTM(2, width=2), "data": CHAIN, **SMALL} | arguments)

    def test_models_that_cannot(self):
        with pytest.raises(InputError, match="object has no weights to train"):
            train(object(), CHAIN)
        short = ElmanRNN(2, width=2)
        short.longest = 20
        with pytest.raises(InputError, match="length 32 is more than the 20 symbols that ElmanRNN 2 can read"):
            train(short, CHAIN, length=32)
        assert train(short, CHAIN, steps=1, batch=4).provenance["training"]["length"] == 20


class Infinite(Bigram):
    """A finite loss with an infinite gradient."""

    def forward(self, codes):
        return super().forward(codes) + torch.sqrt(self.table.sum() * 0.0)


class Broken(Bigram):
    def forward(self, codes):
        raise KeyError("mine")


def test_progress():
    calls = []
    train(Bigram(), CHAIN, steps=20, evaluate_every=10, **SMALL, progress=lambda *given: calls.append(given))
    assert [(done, total) for done, total, _ in calls] == [(1, 20), (10, 20), (20, 20)]
    assert calls[0][2].startswith("loss 0.6931, entropy rate 0.3835")
    assert calls[-1][2].split(", ")[2].startswith("valid 0.")
