"""Models as files: read back whole, or refused in plain words."""

import json
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from miscope import FormatError, InputError
from miscope.models import GRU, LSTM, ElmanRNN, sample
from miscope.models.devices import chosen_device
from miscope.models.linear_gaussian import LinearGaussianRNN
from miscope.models.naming import MODELS, make
from miscope.models.storage import load, save, signed
from miscope.models.trained import History, TrainedModel

HISTORY = History(
    np.array([10, 20]), np.array([0.7, 0.65]), np.array([np.nan, 0.6412345678901234]), np.array([0.01, 0.003])
)


def trained_model(model):
    return TrainedModel(model, HISTORY, 0.61, {"training": {"data": {"label": "ä"}}})


@pytest.fixture
def path(tmp_path):
    trained_model(LSTM(3, width=4, depth=2, tied=True, seed=5)).save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def rewritten(path, change):
    """The file with its JSON or its tensors changed, and a digest that fits."""
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    body = json.loads(json.loads(raw[8 : 8 + size])["__metadata__"]["miscope"])
    del body["sha256"]
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    change(body, tensors)
    save_file(tensors, path, {"miscope": signed(tensors, json.dumps(body))})


@pytest.mark.parametrize(
    "model",
    [
        LSTM(3, width=4, depth=2, tied=True, seed=5),
        GRU(2, width=3),
        ElmanRNN(2, width=3, nonlinearity="relu"),
        LinearGaussianRNN(width=3, channels=2, seed=1),
        *[make(name, 3) for name in MODELS if name != "linear-gaussian-rnn"],
    ],
    ids=lambda model: f"{model.name}-{model.n_parameters}",
)
def test_read_back(model, tmp_path):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.25)  # else the seed alone would give the same weights
    if getattr(model, "alphabet_size", None) == 3:
        model.alphabet = ("a", 7, "ß")
    save(trained_model(model), tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert type(again.model) is type(model)
    assert again.model.config == model.config
    assert getattr(again, "alphabet", None) == getattr(model, "alphabet", None)
    assert again.provenance == {"training": {"data": {"label": "ä"}}}
    assert (again.entropy_rate, again.history.steps.tolist()) == (0.61, [10, 20])
    np.testing.assert_array_equal(again.history.valid, HISTORY.valid)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(again.model.state_dict()[name], tensor, rtol=0, atol=0)
    assert not again.model.training
    assert [each.name for each in tmp_path.iterdir()] == ["model.safetensors"]


def test_the_same_model_gives_the_same_bytes(path, tmp_path):
    load(path).save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_nothing_is_unpickled(path):
    content = path.read_bytes()
    assert b"miscope model" in content
    assert content[8:9] == b"{"
    assert b".pkl" not in content


class TestRefused:
    def test_missing(self, tmp_path):
        with pytest.raises(InputError, match="there is no such file"):
            load(tmp_path / "none.safetensors")
        with pytest.raises(InputError, match="cannot open"):
            load(tmp_path)

    def test_foreign(self, tmp_path):
        path = tmp_path / "text.safetensors"
        for content in (b"", b"to be or not to be", b"PK\x03\x04" + bytes(100)):
            path.write_bytes(content)
            with pytest.raises(FormatError, match="is not a safetensors file"):
                load(path)
        save_file({"a": torch.zeros(2)}, path)
        with pytest.raises(FormatError, match="is a safetensors file, but not a model that miscope saved"):
            load(path)

    @pytest.mark.parametrize("keep", [0.05, 0.5, 0.99])
    def test_cut_off(self, path, keep):
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * keep)])
        with pytest.raises(FormatError, match="is cut off or damaged"):
            load(path)

    def test_any_changed_byte_of_the_weights(self, path):
        whole = bytearray(path.read_bytes())
        start = 8 + struct.unpack("<Q", whole[:8])[0]
        for at in (start, start + 101, len(whole) - 1):
            changed = bytearray(whole)
            changed[at] ^= 1
            path.write_bytes(changed)
            with pytest.raises(FormatError, match="is damaged, or was changed after it was written"):
                load(path)

    def test_changed_text(self, path):
        path.write_bytes(path.read_bytes().replace(b"0.61", b"0.62", 1))
        with pytest.raises(FormatError, match="is damaged, or was changed"):
            load(path)

    def test_newer_version(self, path):
        rewritten(path, lambda body, _: body.update(version=2))
        with pytest.raises(FormatError, match=r"of version 2 of its format, .* up to version 1: update miscope"):
            load(path)

    def test_another_kind(self, path):
        rewritten(path, lambda body, _: body.update(format="miscope checkpoint"))
        with pytest.raises(FormatError, match="is not a model that miscope saved: it is a miscope checkpoint"):
            load(path)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda body, _: body["model"].update(name="mamba"), "a model 'mamba', which this miscope does not know"),
            (lambda body, _: body["model"].update(config={"size": 3}), "no lstm can be made of the arguments in it"),
            (lambda body, _: body["model"]["config"].update(width=0), "no lstm can be made .* width must be a whole"),
            (lambda body, _: body["model"]["config"].update(width=5), "is of shape .*, not"),
            (lambda body, _: body["model"]["config"].update(depth=1), "is none of the model's"),
            (lambda body, _: body["model"].update(alphabet=["a"]), "holds an alphabet that is not its model's"),
            (lambda body, _: body.pop("history"), "lacks 'history'"),
            (lambda body, _: body["history"]["loss"].pop(), "lacks columns of equal length"),
            (lambda _, tensors: tensors.pop("readout.bias"), "readout.bias is missing"),
            (
                lambda _, tensors: tensors.update({"readout.bias": torch.zeros(4)}),
                r"readout.bias is of shape \(4,\), not \(3,\)",
            ),
        ],
    )
    def test_what_does_not_fit(self, path, change, message):
        rewritten(path, change)
        with pytest.raises(FormatError, match=message):
            load(path)

    def test_models_of_others(self, tmp_path):
        with pytest.raises(InputError, match="Linear is not one of miscope's own models"):
            trained_model(torch.nn.Linear(2, 2)).save(tmp_path / "model.safetensors")
        with pytest.raises(InputError, match=r"a model is written as \.safetensors, not as 'model.pt'"):
            trained_model(LSTM(2, width=2)).save(tmp_path / "model.pt")
        assert not list(tmp_path.iterdir())


class TestNames:
    def test_all_make_what_they_name(self):
        for name, kind in MODELS.items():
            real = name == "linear-gaussian-rnn"
            for written in (name, kind.__name__):
                model = make(written, None if real else 3)
                assert type(model) is kind
                assert type(model)(**model.config).config == model.config

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("lstn", 2), "unknown model 'lstn'; did you mean 'lstm'"),
            (("lstm", 2, {"widht": 3}), "unknown parameter of lstm 'widht'; did you mean 'width'"),
            (("lstm", 2, {"alphabet_size": 3}), "unknown parameter of lstm 'alphabet_size'"),
            (("lstm", 2, {"width": 0}), "width must be a whole number of at least 1"),
            (("lstm",), "say how many there are, alphabet_size="),
            (("linear-gaussian-rnn", 2), "has no alphabet: leave out alphabet_size"),
        ],
    )
    def test_refused(self, arguments, message):
        with pytest.raises(InputError, match=message):
            make(*arguments)


def test_everything_of_the_model_is_there():
    model = LSTM(3, width=4).eval()
    model.alphabet = ("a", "b", "c")
    trained = TrainedModel(model, HISTORY)
    for name in ("alphabet_size", "horizon", "longest", "alphabet", "label", "n_parameters", "config"):
        assert getattr(trained, name) == getattr(model, name)
    codes = torch.tensor([[0, 2, 1, 1]])
    torch.testing.assert_close(trained.log_probs(codes), model.log_probs(codes))
    log_probs, state = trained.step(None, trained.start(1))
    torch.testing.assert_close(log_probs, trained.log_probs(codes)[:, 0])
    assert trained.features(state).shape == (1, 8)
    assert sample(trained, 2, 10).alphabet == ("a", "b", "c")
    assert not hasattr(trained, "n_channels")
    assert repr(trained) == "TrainedModel(LSTM 4: loss 0.6500, valid 0.6412 nats a symbol, step 20)"
    assert repr(TrainedModel(model, History())) == "TrainedModel(LSTM 4: no history)"


@pytest.mark.parametrize(
    "edit",
    [
        lambda body: body["model"]["config"].update(width=10**6),
        lambda body: body["model"]["config"].update(depth=10**9),
        lambda body: body["model"].update(name=["lstm"]),
        lambda body: body["history"].update(loss=[10**200] * 3),
        lambda body: body["history"].update(steps=[10**40]),
        lambda body: body["history"].update({name: [[1, 2]] for name in body["history"]}),
        lambda body: body.update(entropy_rate=[1]),
        lambda body: body.update(provenance=3),
        lambda body: body.update(provenance=json.loads("[" * 200 + "]" * 200)),
    ],
)
def test_what_a_file_says_is_compared_before_anything_is_made_of_it(path, edit):
    rewritten(path, lambda body, tensors: edit(body))
    with pytest.raises(FormatError, match=r"model\.safetensors"):
        load(path)


def test_nothing_is_computed_where_there_are_no_numbers():
    with pytest.raises(InputError, match="meta"):
        chosen_device("meta")
    assert chosen_device("cpu").type == "cpu"
