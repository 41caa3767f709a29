"""`miscope train`: the file is what the library trains, to the last byte if killed and resumed; errors say why."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import miscope as ms
from miscope.processes import IsingChain, LinearRNN, MarkovChain

pytestmark = pytest.mark.extras

SMALL = ("--steps", "30", "--batch", "4", "--length", "16", "--device", "cpu")
CHAIN = ("--process", "ising-chain:coupling=1.0")
GRU = ("train", "gru", "--width", "4", *CHAIN, *SMALL)


def load(name="model.safetensors"):
    from miscope.models import load

    return load(name)


def weights(model):
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def same(one, other) -> bool:
    one, other = weights(one), weights(other)
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def library(**more):
    from miscope.models import GRU

    how = {"steps": 30, "batch": 4, "length": 16, "device": "cpu"}
    return ms.train(GRU(2, width=4, seed=more.get("seed", 0)), IsingChain(1.0), **how | more)


class TestModel:
    def test_it_is_what_the_library_trains(self, miscope):
        outcome = miscope(*GRU, "--seed", "3", "-o", "model.safetensors")
        assert (outcome.status, outcome.stderr) == (0, "wrote model.safetensors\n")
        assert same(load().model, library(seed=3).model)

    def test_options_reach_the_library(self, miscope):
        """Each of them changes these weights: one that were dropped would show."""
        options = {"learning_rate": 0.05, "weight_decay": 0.3, "warmup": 0.5, "clip": 0.01, "evaluate_every": 7}
        words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        assert miscope(*GRU, *words, "-o", "model.safetensors").status == 0
        assert same(load().model, library(**options).model)
        for name in options:
            assert not same(load().model, library(**{key: options[key] for key in options if key != name}).model)

    def test_no_limit_of_the_gradient(self, miscope):
        assert miscope(*GRU, "--clip", "0", "--learning-rate", "0.1", "-o", "model.safetensors").status == 0
        assert same(load().model, library(clip=None, learning_rate=0.1).model)

    def test_patience(self, miscope):
        words = ("--patience", "1", "--evaluate-every", "1", "--learning-rate", "10")
        assert miscope(*GRU, *words, "-o", "model.safetensors").status == 0
        assert load().history.steps[-1] < 30

    def test_nothing_held_out(self, miscope):
        outcome = miscope(*GRU, "--no-valid", "-o", "model.safetensors")
        assert np.isnan(load().history.valid).all()
        assert "held out" not in outcome.stdout
        assert same(load().model, library(valid=False).model)

    @pytest.mark.parametrize(
        ("words", "config"),
        [
            (["rnn", "--nonlinearity", "relu"], {"nonlinearity": "relu", "width": 4}),
            (["LSTM", "--depth=2", "--dropout", "0.5"], {"depth": 2, "dropout": 0.5}),
            (["gated-lru", "--state", "3", "--tied"], {"state": 3, "tied": True}),
            (["lru", "--tied", "false"], {"tied": False}),
            (["transformer", "--context", "20", "--positions", "alibi", "--heads", "2"], {"positions": "alibi"}),
        ],
    )
    def test_parameters_of_the_model(self, miscope, words, config):
        kind, *parameters = words
        steps = ("--steps", "2", "--batch", "2", "--length", "8")
        outcome = miscope("train", kind, "--width", "4", *CHAIN, *parameters, *steps, "-o", "m.safetensors")
        assert outcome.status == 0, outcome
        assert load("m.safetensors").model.config.items() >= config.items()


class TestData:
    def test_text_gives_the_alphabet(self, miscope, sticky_text):
        """The file may stand before, between and behind options."""
        for words in (["text.txt", "--width", "3"], ["--width", "3", "text.txt"], ["--width=3", "text.txt"]):
            assert miscope("train", "gru", *words, *SMALL, "-o", "model.safetensors").status == 0
            model = load()
            assert (model.alphabet, model.model.config["width"]) == (("a", "b", "c", "d"), 3)
            assert model.provenance["training"]["data"]["sources"][0]["name"] == "text.txt"

    def test_words(self, folder, miscope):
        Path("words.txt").write_text("So it is.\n\nso it WAS\n\n" * 30)
        options = ("--unit", "word", "--fold-case", "--documents", "blank-line")
        assert miscope("train", "gru", "words.txt", *options, *SMALL, "-o", "model.safetensors").status == 0
        assert sorted(load().alphabet) == [".", "is", "it", "so", "was"]
        assert load().provenance["training"]["data"]["documents"] == "blank-line"

    def test_held_out_text_is_read_in_the_same_codes(self, folder, miscope):
        """It has only some of the symbols, whose codes by themselves would be others."""
        import torch

        Path("valid.txt").write_text("dbbddbdbbd")
        words = ("--valid", "valid.txt", "--width", "4", *SMALL)
        assert miscope("train", "gru", "text.txt", *words, "-o", "model.safetensors").status == 0
        model = load()
        codes = torch.tensor([["abcd".index(symbol) for symbol in "dbbddbdbbd"]])
        laws = model.log_probs(codes)[0].detach()
        loss = -sum(float(laws[t, code]) for t, code in enumerate(codes[0])) / 10
        assert model.history.valid[model.history.best] == pytest.approx(loss, rel=1e-5)

    def test_held_out_text_with_an_unknown_symbol(self, folder, refused):
        Path("valid.txt").write_text("abxy")
        words = ["none that GRU 16 knows", "'x'", "'y'"]
        refused("train", "gru", "text.txt", "--valid", "valid.txt", *SMALL, "-o", "model.safetensors", words=words)

    def test_numbers_are_cut_and_held_out_ones_alike(self, folder, miscope):
        generator = np.random.default_rng(0)
        np.save("numbers.npy", generator.normal(size=(40, 50)))
        np.save("valid.npy", generator.normal(size=(3, 50)) + 100)  # all in the highest of the training's classes
        words = ("--quantiles", "3", "--valid", "valid.npy", *SMALL)
        assert miscope("train", "gru", "numbers.npy", *words, "-o", "model.safetensors").status == 0
        model = load()
        assert model.alphabet_size == 3
        import torch

        laws = model.log_probs(torch.full((1, 16), 2))[0, :, 2].detach()
        assert model.history.valid[model.history.best] == pytest.approx(-float(laws.mean()), rel=1e-5)

    def test_numbers_as_they_are(self, miscope):
        process = ("--process", "linear-rnn")
        assert miscope("train", "linear-gaussian-rnn", *process, *SMALL, "-o", "model.safetensors").status == 0
        assert load().n_channels == LinearRNN().n_channels == 1
        Path("model.safetensors").unlink()
        np.save("numbers.npy", np.random.default_rng(0).normal(size=(20, 50, 2)))
        words = ("numbers.npy", "--width", "3", *SMALL)
        assert miscope("train", "linear-gaussian-rnn", *words, "-o", "model.safetensors").status == 0
        assert (load().n_channels, load().width) == (2, 3)

    def test_a_sample_remembers_the_entropy_rate(self, folder, miscope):
        chain = MarkovChain([[0.9, 0.1], [0.2, 0.8]])
        chain.sample(20, 50).save("sample.arrow")
        assert miscope("train", "gru", "sample.arrow", *SMALL, "-o", "model.safetensors").status == 0
        rows = [(2 / 3, (0.9, 0.1)), (1 / 3, (0.2, 0.8))]
        rate = -sum(p * q * math.log(q) for p, row in rows for q in row)
        assert load().entropy_rate == pytest.approx(rate)


class TestOutput:
    def test_the_table(self, miscope):
        lines = dict(line.split("  ", 1) for line in miscope(*GRU, "-o", "model.safetensors").stdout.splitlines())
        lines = {name: value.strip() for name, value in lines.items()}
        history = load().history
        turn = 1 / (1 + math.exp(2))
        rate = -turn * math.log(turn) - (1 - turn) * math.log(1 - turn)
        assert lines["model"] == "GRU 4"
        assert lines["parameters"] == str(
            3 * 4 + 3 * 4 * 4 * 2 + 2 * 3 * 4 + 4 * 2 + 2
        )  # a symbol's code has 4 numbers
        assert lines["horizon"] == "none"
        assert lines["steps"].startswith("30")
        assert lines["held out"] == f"{history.valid.min():.4f} nats a symbol"
        assert lines["entropy rate"] == f"{rate:.4f} nats a symbol"

    def test_json_is_for_machines(self, miscope):
        outcome = miscope(*GRU, "--json", "--quiet", "-o", "model.safetensors")
        about, model = json.loads(outcome.stdout), load()
        assert outcome.stderr == ""
        assert about["model"] == {"name": "gru", "config": model.model.config}
        assert (about["steps"], about["horizon"], about["unit"]) == (30, None, "nats")
        assert about["valid"] == min(about["history"]["valid"])
        assert about["history"]["loss"] == model.history.loss.tolist()

    def test_json_knows_no_nan(self, miscope):
        printed = miscope(*GRU, "--no-valid", "--json", "-o", "model.safetensors").stdout
        assert json.loads(printed, parse_constant=pytest.fail)["valid"] is None

    def test_a_horizon(self, miscope):
        words = ("--width", "4", "--context", "16", *CHAIN, *SMALL)
        outcome = miscope("train", "transformer", *words, "-o", "model.safetensors")
        assert "horizon       15 symbols" in outcome.stdout

    def test_the_figure(self, folder, miscope):
        outcome = miscope(*GRU, "--plot", "loss.png", "-o", "model.safetensors")
        assert outcome.stderr == "wrote model.safetensors\nwrote loss.png\n"
        assert Path("loss.png").read_bytes().startswith(b"\x89PNG")

    def test_progress_has_losses_and_the_entropy_rate(self, miscope, monkeypatch):
        seen = []

        class Bar:
            def __init__(self, *about):
                seen.append(about)

            def __enter__(self):
                return lambda *done: seen.append(done)

            def __exit__(self, *_):
                return None

        monkeypatch.setattr("miscope.cli.train.progress_bar", Bar)
        miscope(*GRU, "-o", "model.safetensors")
        assert seen[0] == ("training", "steps", False)
        done, total, message = seen[-1]
        assert (done, total) == (30, 30)
        assert "loss 0." in message
        assert "entropy rate 0.3653" in message

    def test_the_list_names_everything(self, miscope):
        outcome = miscope("train", "--list")
        assert (outcome.status, outcome.stderr) == (0, "")
        for name in ("rnn", "gru", "lstm", "lru", "gated-lru", "transformer", "linear-gaussian-rnn"):
            assert f"\n{name}\n" in "\n" + outcome.stdout
        for option in ("[--width 16]", "[--positions rotary]", "[--nonlinearity tanh]", "[--tied]", "[--state]"):
            assert option in outcome.stdout
        for word in ("alphabet", "seed", "more"):  # which are no options
            assert f"--{word}" not in outcome.stdout
        assert max(map(len, outcome.stdout.splitlines())) <= 120


class TestCheckpoint:
    WORDS = (*GRU, "--evaluate-every", "1", "-o", "model.safetensors")

    @pytest.fixture
    def stopped(self, monkeypatch):
        """Call with a step: a training is interrupted there."""
        from miscope.models.running import Run

        real = Run._report

        def at(step):
            def report(run, evaluated):
                real(run, evaluated)
                if run.state.step == step:
                    raise KeyboardInterrupt

            monkeypatch.setattr(Run, "_report", report)

        return at

    def test_it_is_removed_in_the_end(self, folder, miscope):
        miscope(*self.WORDS)
        assert sorted(path.name for path in folder.iterdir()) == ["model.safetensors", "text.txt"]

    def test_one_that_is_named_stays_and_is_gone_on_from(self, folder, miscope):
        miscope(*self.WORDS, "--checkpoint", "kept.safetensors")
        before = Path("model.safetensors").read_bytes()
        outcome = miscope(*self.WORDS, "--checkpoint", "kept.safetensors")
        assert "note: the training in kept.safetensors was finished already\n" in outcome.stderr
        assert Path("model.safetensors").read_bytes() == before
        assert Path("kept.safetensors").exists()

    def test_interrupted_and_resumed(self, folder, miscope, stopped):
        miscope(*self.WORDS)
        whole = Path("model.safetensors").read_bytes()
        Path("model.safetensors").unlink()
        stopped(17)
        outcome = miscope(*self.WORDS)
        assert (outcome.status, outcome.stdout) == (130, "")
        kept, interrupted = outcome.stderr.splitlines()
        assert "kept in model.checkpoint.safetensors; the same command goes on from there" in kept
        assert interrupted == "miscope: interrupted; no file is half-written"
        assert sorted(path.name for path in folder.iterdir()) == ["model.checkpoint.safetensors", "text.txt"]
        stopped(None)
        outcome = miscope(*self.WORDS)
        said, wrote = outcome.stderr.splitlines()
        resumed, of = said.removeprefix("resuming at step ").split(" of ")
        assert 0 < int(resumed) <= 17
        assert (of, wrote) == ("model.checkpoint.safetensors", "wrote model.safetensors")
        assert Path("model.safetensors").read_bytes() == whole
        assert not Path("model.checkpoint.safetensors").exists()

    def test_begun_anew(self, folder, miscope, stopped):
        stopped(17)
        miscope(*self.WORDS)
        stopped(None)
        assert miscope(*self.WORDS, "--no-resume").stderr == "wrote model.safetensors\n"

    def test_one_of_another_training_is_refused(self, folder, miscope, refused, stopped):
        stopped(17)
        miscope(*self.WORDS)
        stopped(None)
        refused(*self.WORDS, "--warmup", "0.2", words=["another training", "warmup was 0.05", "--no-resume"])
        at = self.WORDS.index("--width") + 1
        wider = (*self.WORDS[:at], "9", *self.WORDS[at + 1 :])
        said = refused(*wider, words=["width was", "and is 9 now", "another file with --checkpoint"])
        assert "{" not in said

    @pytest.mark.long
    def test_killed_and_started_again(self, folder, miscope):
        """Without a chance to say goodbye; the file is the same to the last byte."""
        steps = ("--steps", "600", "--batch", "4", "--length", "16", "--evaluate-every", "20", "--device", "cpu")
        words = ("train", "rnn", "--width", "4", *CHAIN, *steps)
        assert miscope(*words, "-o", "whole.safetensors").status == 0
        command = [sys.executable, "-m", "miscope", *words, "-o", "model.safetensors"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            end = time.monotonic() + 120
            while not (folder / "model.checkpoint.safetensors").exists():
                assert time.monotonic() < end
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        assert not (folder / "model.safetensors").exists()
        outcome = miscope(*words, "-o", "model.safetensors")
        assert outcome.stderr.startswith("resuming at step ")
        assert (folder / "model.safetensors").read_bytes() == (folder / "whole.safetensors").read_bytes()


@pytest.mark.long
def test_several_processes_speak_with_one_voice(folder):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0"]
    launcher += ["--master-addr=127.0.0.1", "--rdzv-endpoint=127.0.0.1:0", "--rdzv-backend=c10d", "-m", "miscope"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [*launcher, *GRU, "-o", "model.safetensors"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=140, check=True)
    assert done.stdout.count("entropy rate") == 1
    assert done.stderr.count("wrote model.safetensors") == 1
    assert sorted(path.name for path in folder.iterdir()) == ["model.safetensors", "text.txt"]
    for name, tensor in weights(library().model).items():
        np.testing.assert_allclose(weights(load(folder / "model.safetensors").model)[name], tensor, atol=1e-4)


@pytest.mark.parametrize(
    ("words", "errors"),
    [
        ([], ["MODEL first", "--list"]),
        (["--width", "4", "gru"], ["MODEL first"]),
        (["gro", *CHAIN], ["unknown model 'gro'", "did you mean 'gru'?"]),
        (["gru"], ["nothing to learn", "FILE", "--process SPEC"]),
        (["gru", "text.txt", *CHAIN], ["files and --process exclude each other"]),
        (["gru", *CHAIN, "--unit", "word"], ["--unit cannot be used with --process"]),
        (["gru", "missing.txt"], ["missing.txt", "no such file"]),
        (["gru", "text.txt", "--valid", "missing.txt"], ["missing.txt", "no such file"]),
        (["gru", *CHAIN, "--valid", "text.txt", "--no-valid"], ["exclude each other"]),
        (["gru", *CHAIN, "--widht", "4"], ["'--widht'", "did you mean '--width'?", "gru has --width, --depth"]),
        (["gru", *CHAIN, "--step", "4"], ["'--step'", "did you mean '--steps'?"]),
        (["gru", *CHAIN, "--alphabet-size", "4"], ["'--alphabet-size'"]),
        (["gru", *CHAIN, "--width"], ["--width needs a value"]),
        (["gru", *CHAIN, "--width", "4", "--width=5"], ["--width is given twice"]),
        (["gru", *CHAIN, "--width", "many"], ["width must be a whole number of at least 1, not 'many'"]),
        (["gru", *CHAIN, "--tied=perhaps"], ["--tied is either true or false"]),
        (["gru", *CHAIN, "-x"], ["cannot read '-x'"]),
        (["gru", *CHAIN, "--precision", "float8"], ["unknown precision 'float8'", "'float32'"]),
        (["gru", *CHAIN, "--steps", "0"], ["steps must be a whole number of at least 1"]),
        (["gru", *CHAIN, "--device", "gpu"], ["device must be one that torch knows"]),
        (["gru", *CHAIN, "--patience", "3", "--no-valid"], ["patience asks for held-out data", "--no-valid"]),
        (["transformer", *CHAIN, "--context", "16", "--length", "17"], ["more than the 16", "--length 16"]),
        (["linear-gaussian-rnn", *CHAIN], ["model of real numbers", "symbols"]),
        (["linear-gaussian-rnn", "--process", "linear-rnn", "--quantiles", "3"], ["leave --quantiles out"]),
        (["gru", *CHAIN, "--quantiles", "3"], ["--quantiles is for real numbers"]),
        (["gru", "one.txt"], ["one kind of symbol only"]),
        (["gru", *CHAIN, "-o", "model.pt"], ["model.pt", ".safetensors"]),
        (["gru", *CHAIN, "-o", "none/model.safetensors"], ["no directory none"]),
        (["gru", *CHAIN, "--checkpoint", "model.safetensors"], ["both the model and its checkpoint"]),
        (["gru", *CHAIN, "--checkpoint", "kept.pt"], ["kept.pt", ".safetensors"]),
        (["gru", *CHAIN, "--plot", "loss.jpg"], ["loss.jpg", ".png, .svg, .pdf"]),
    ],
)
def test_what_cannot_be_trained(folder, refused, words, errors):
    Path("one.txt").write_text("aaaa" * 50)
    output = [] if "-o" in words else ["-o", "model.safetensors"]
    refused("train", *words, *output, words=errors)


def test_where_to_write_has_to_be_said(refused):
    refused(*GRU, words=["say where to write the model", "-o model.safetensors"])


def test_a_loss_that_is_no_number(refused):
    words = ("--width", "4", *CHAIN, *SMALL, "--learning-rate", "1e9", "--clip", "0")
    errors = ["went astray at step", "is nan; try", "--learning-rate 3e+08", "--clip 1.0"]
    refused("train", "rnn", "--nonlinearity", "relu", *words, "-o", "model.safetensors", words=errors)


def test_a_full_disk_keeps_the_checkpoint(folder, miscope, monkeypatch):
    Path("model.safetensors").write_text("a result of last year")
    real = Path.replace

    def full(path, target):
        if Path(target).name == "model.safetensors":
            raise OSError(28, "No space left on device")
        return real(path, target)

    monkeypatch.setattr(Path, "replace", full)
    outcome = miscope(*GRU, "-o", "model.safetensors")
    assert (outcome.status, outcome.stdout) == (2, "")
    assert "no space is left" in outcome.stderr
    assert Path("model.safetensors").read_text() == "a result of last year"
    assert Path("model.checkpoint.safetensors").exists()


@pytest.mark.parametrize("words", [["--list"], [*GRU[1:], "-o", "model.safetensors"]])
def test_without_torch(refused, no_torch, words):
    refused("train", *words, words=["training needs 'torch'", 'pip install "miscope[models]"'])
