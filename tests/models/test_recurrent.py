"""Networks with a state: reading whole documents and symbol by symbol is the same; what they say of themselves."""

import numpy as np
import pytest
import torch

from miscope.errors import InputError
from miscope.models import GRU, LSTM, ElmanRNN

KINDS = {
    "tanh": (ElmanRNN, {}),
    "relu": (ElmanRNN, {"nonlinearity": "relu"}),
    "gru": (GRU, {}),
    "lstm": (LSTM, {}),
}


@pytest.fixture(params=KINDS)
def kind(request):
    made, more = KINDS[request.param]
    return lambda *arguments, **options: made(*arguments, **more, **options)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("tied", [False, True])
def test_step_by_step_is_the_same_as_all_at_once(kind, depth, tied):
    model = kind(5, width=7, depth=depth, tied=tied, seed=3)
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 5, (4, 100)))
    with torch.no_grad():
        whole = model.log_probs(codes)
        state, read = model.start(4), None
        for t in range(100):
            law, state = model.step(read, state)
            assert torch.allclose(law, whole[:, t], atol=1e-5)
            read = codes[:, t]
    assert torch.allclose(whole.exp().sum(-1), torch.ones(4, 100), atol=1e-5)
    assert model.features(state).shape == (4, 7 * depth * (2 if isinstance(model, LSTM) else 1))


def test_elman_by_hand():
    """Against the formula, in numpy."""
    model = ElmanRNN(3, width=4, seed=1)
    weights = {name: each.detach().numpy().astype(float) for name, each in model.named_parameters()}
    codes, h, read = [2, 0, 1, 1], np.zeros(4), 3
    with torch.no_grad():
        laws = model.log_probs(torch.tensor([codes]))[0].numpy()
    for t, code in enumerate(codes):
        x = weights["embedding.weight"][read]
        given = weights["layers.weight_ih_l0"] @ x + weights["layers.bias_ih_l0"] + weights["layers.bias_hh_l0"]
        h = np.tanh(weights["layers.weight_hh_l0"] @ h + given)
        logits = weights["readout.weight"] @ h + weights["readout.bias"]
        assert laws[t] == pytest.approx(logits - np.log(np.exp(logits).sum()), abs=1e-6)
        read = code


def test_the_future_changes_nothing(kind):
    model = kind(4, width=6)
    codes = torch.zeros(1, 20, dtype=torch.int64)
    other = codes.clone()
    other[0, 12] = 3
    with torch.no_grad():
        one, two = model.log_probs(codes), model.log_probs(other)
    assert torch.equal(one[:, :13], two[:, :13])
    assert not torch.allclose(one[:, 13:], two[:, 13:])


def test_the_same_seed_makes_the_same_model_and_leaves_global_ones_alone(kind):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, two, three = kind(2, seed=1), kind(2, seed=1), kind(2, seed=2)
    assert torch.equal(torch.random.get_rng_state(), before)
    codes = torch.tensor([[0, 1, 1]])
    assert torch.equal(one(codes), two(codes))
    assert not torch.equal(one(codes), three(codes))


def test_config_makes_an_equal_model(kind):
    model = kind(3, width=5, depth=2, dropout=0.1, tied=True, seed=4)
    again = type(model)(**model.config)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert again.config == model.config


def test_what_they_say_of_themselves():
    model = LSTM(2, width=16)
    assert (model.horizon, model.longest, model.n_parameters, model.label) == (None, None, 2258, "LSTM 16")
    assert GRU(2, width=4, depth=3).label == "GRU 4 x 3"
    assert repr(ElmanRNN(2, nonlinearity="relu")).startswith("ElmanRNN(alphabet_size=2, width=16, depth=1, nonlin")
    assert LSTM(5, width=6, tied=True).n_parameters == LSTM(5, width=6).n_parameters - 5 * 6


def test_dropout_is_for_training_only():
    model = LSTM(2, width=8, dropout=0.5)
    codes = torch.zeros(1, 30, dtype=torch.int64)
    assert not torch.equal(model(codes), model(codes))
    model.eval()
    assert torch.equal(model(codes), model(codes))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alphabet_size": 1}, "alphabet_size must be a whole number of at least 2"),
        ({"alphabet_size": 2, "width": 0}, "width must be"),
        ({"alphabet_size": 2, "depth": 1.5}, "depth must be"),
        ({"alphabet_size": 2, "dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"alphabet_size": 2, "nonlinearity": "tan"}, "did you mean 'tanh'"),
    ],
)
def test_bad_arguments(options, words):
    with pytest.raises(InputError, match=words):
        ElmanRNN(**options)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (torch.tensor([[0, 2]]), "symbol 2 is not one that the model knows: its 2 have the codes 0 to 1"),
        (torch.tensor([[0, -1]]), "symbol -1"),
        (torch.tensor([0, 1]), "shape"),
    ],
)
def test_bad_codes(codes, words):
    with pytest.raises(InputError, match=words):
        LSTM(2).log_probs(codes)
