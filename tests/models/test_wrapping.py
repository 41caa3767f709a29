"""Wrapped functions: against Markov chains, whose law is a table, and against the same function called by hand."""

import numpy as np
import pytest
import torch
from torch import nn

import miscope as ms
from miscope.errors import InputError
from miscope.models import LSTM, SequenceModel, sample
from miscope.models.wrapping import wrap

RNG = np.random.default_rng(5)
TABLE = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.0, 0.5]])
with np.errstate(divide="ignore"):
    LOGS = np.log(TABLE)
CODES = torch.tensor(RNG.integers(0, 3, size=(4, 12)))


def every_position(codes):
    return torch.tensor(LOGS)[codes] + 3.0  # logits need not be normalised


def last_position(codes):
    return LOGS[np.asarray(codes)[:, -1]]  # an array of numpy


class Convolution(nn.Module):
    """Looks `reach` symbols back, through an embedding that has a start symbol."""

    def __init__(self, reach=4, size=3):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.embedding = nn.Embedding(size + 1, 8)
            self.layer = nn.Conv1d(8, size, reach)
            nn.init.normal_(self.layer.weight, std=0.7)
        self.dropout = nn.Dropout(0.5)
        self.reach, self.calls = reach, []

    def forward(self, codes):
        self.calls.append(tuple(codes.shape))
        read = nn.functional.pad(self.embedding(codes).transpose(1, 2), (self.reach - 1, 0))
        return self.dropout(self.layer(read)).transpose(1, 2)


def chain_log_probs(codes, first):
    result = np.empty((*codes.shape, 3))
    for d, document in enumerate(codes.tolist()):
        for t in range(len(document)):
            result[d, t] = np.log(first) if t == 0 else LOGS[document[t - 1]]
    return result


def stepped(model, codes):
    state, before, found = model.start(len(codes)), None, []
    with torch.inference_mode():
        for symbols in codes.T:
            log_probs, state = model.step(before, state)
            found.append(log_probs)
            before = symbols
    return torch.stack(found, dim=1)


@pytest.mark.parametrize("function", [every_position, last_position])
@pytest.mark.parametrize("more", [{}, {"horizon": 12}, {"horizon": 1, "any_length": True}])
def test_laws_are_those_of_the_chain(function, more):
    model = wrap(function, 3, first=[0.5, 0.25, 0.25], **more)
    assert isinstance(model, SequenceModel)
    expected = chain_log_probs(CODES, [0.5, 0.25, 0.25])
    for found in (model.log_probs(CODES), stepped(model, CODES)):
        assert found.dtype == torch.float32
        np.testing.assert_allclose(found.exp(), np.exp(expected), atol=1e-6)


def test_samples_are_those_of_the_chain():
    chain = ms.processes.MarkovChain(TABLE)
    model = wrap(every_position, 3, horizon=1, any_length=True, first=chain.joint(1).sum(1))
    drawn = sample(model, n_documents=400, length=60, seed=2).codes.reshape(400, 60)
    for lag in (1, 3):
        for a, b in np.ndindex(3, 3):
            each = ((drawn[:, :-lag] == a) & (drawn[:, lag:] == b)).mean(axis=1)
            error = max(each.std(ddof=1) / 20, 1e-9)
            assert abs(each.mean() - chain.joint(lag)[a, b]) < 4.5 * error


def test_the_start_symbol_is_read_first_and_never_drawn():
    network = Convolution()
    model = wrap(network, 3, start_symbol=3)
    network.eval()
    read = torch.cat([torch.full((4, 1), 3), CODES[:, :-1]], dim=1)
    expected = torch.log_softmax(network(read), dim=-1)
    torch.testing.assert_close(model.log_probs(CODES), expected)
    torch.testing.assert_close(stepped(model, CODES), expected)
    assert not torch.allclose(expected[:, 0].exp(), torch.tensor(1 / 3))
    assert sample(model, 5, 20, seed=1).codes.max() < 3


def test_a_window_is_all_that_a_function_is_given():
    network = Convolution(reach=4)
    narrow, wide = wrap(network, 3, horizon=4, any_length=True), wrap(network, 3)
    torch.testing.assert_close(stepped(narrow, CODES), stepped(wide, CODES))
    torch.testing.assert_close(narrow.log_probs(CODES), wide.log_probs(CODES))
    network.calls.clear()
    stepped(narrow, CODES)
    assert network.calls == [(4, length) for length in (1, 2, 3)] + [(4, 4)] * 8
    # A shorter window than the network's own reach changes its law: what is given is really cut.
    assert not torch.allclose(stepped(wrap(network, 3, horizon=2, any_length=True), CODES), stepped(wide, CODES))


def test_all_positions_take_one_call():
    network = Convolution()
    model = wrap(network, 3)
    model.log_probs(CODES)  # the first time, it is looked at more closely
    network.calls.clear()
    model.log_probs(CODES)
    assert network.calls == [(4, 11)]


def test_dropout_is_off():
    model = wrap(Convolution().train(), 3)
    assert torch.equal(model.log_probs(CODES), model.log_probs(CODES))
    model.function.train()
    assert torch.equal(stepped(model, CODES), stepped(model, CODES))


def test_gradients_pass():
    network = Convolution()
    wrap(network, 3).log_probs(CODES).exp().square().sum().backward()
    assert network.layer.weight.grad.abs().max() > 0


def test_short_documents():
    for function in (every_position, last_position):
        model = wrap(function, 3)
        assert model.log_probs(CODES[:, :0]).shape == (4, 0, 3)
        torch.testing.assert_close(model.log_probs(CODES[:, :1]), torch.full((4, 1, 3), 1 / 3).log())
        assert model.log_probs(CODES[:, :2]).shape == (4, 2, 3)


def test_half_precision_is_taken():
    model = wrap(lambda codes: every_position(codes).bfloat16(), 3)
    np.testing.assert_allclose(model.log_probs(CODES)[:, 1:].exp(), TABLE[CODES[:, :-1]], atol=0.01)


def test_what_it_says_of_itself():
    model = wrap(Convolution(), 3, horizon=7, alphabet="abc")
    assert (model.label, model.longest, model.horizon, model.alphabet) == ("Convolution", 7, 7, ("a", "b", "c"))
    assert repr(model) == "WrappedFunction(Convolution: 3 symbols, horizon 7)"
    drawn = sample(model, 2, 7)
    assert drawn.alphabet == ("a", "b", "c")
    assert drawn.provenance["label"] == "Convolution"
    assert wrap(lambda codes: codes, 3).label == "function"
    assert wrap(last_position, 3, label="chain").label == "chain"


def test_a_model_of_ones_own_needs_no_wrapping():
    network = LSTM(alphabet_size=3, width=4)
    model = wrap(lambda codes: network.log_probs(nn.functional.pad(codes, (0, 1)))[:, 1:], 3)
    torch.testing.assert_close(model.log_probs(CODES)[:, 1:], network.log_probs(CODES)[:, 1:])


def looking_ahead(codes):
    return every_position(codes) + codes.sum(dim=1)[:, None, None] * torch.tensor([0.0, 0.1, 0.2])


def too_wide(codes):
    return torch.zeros(*codes.shape, 5)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (too_wide, r"returned the shape \(\d+, \d+, 5\) for codes of the shape \(\d+, \d+\)"),
        (too_wide, r"must return \(\d+, \d+, 3\), or \(\d+, 3\) for the last position only"),
        (lambda codes: torch.zeros(3), r"returned the shape \(3,\)"),
        (lambda codes: None, "function must return a tensor or an array, not NoneType"),
        (lambda codes: torch.zeros(len(codes), 3, dtype=torch.int64), "must return floating-point numbers"),
        (lambda codes: torch.full((len(codes), 3), torch.nan), "returned numbers that are not finite"),
        (lambda codes: torch.full((len(codes), 3), -torch.inf), "returned numbers that are not finite"),
        (lambda codes: torch.tensor([[torch.inf, 0, 0]] * len(codes)), "returned numbers that are not finite"),
        (lambda codes: TABLE[codes], "returned probabilities, which sum to 1; it must return their logarithms"),
        (looking_ahead, "looking_ahead looks ahead"),
        (lambda codes: torch.rand(*codes.shape, 3), "function is random"),
    ],
)
def test_functions_that_are_refused(function, message):
    with pytest.raises(InputError, match=message):
        wrap(function, 3).log_probs(CODES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"function": 3}, "a function from codes to log-probabilities is needed, not int"),
        ({"alphabet_size": 1}, "alphabet_size must be a whole number of at least 2"),
        ({"horizon": 0}, "horizon must be a whole number of at least 1"),
        ({"any_length": True}, "any_length needs a horizon"),
        ({"alphabet": "ab"}, "alphabet must name 3 different symbols"),
        ({"first": [0.5, 0.5]}, r"first must hold 3 probabilities, one for each symbol; its shape is \(2,\)"),
        ({"first": [0.5, 0.5, 0.5]}, "each row of first must sum to 1"),
        ({"first": [1, 0, 0], "start_symbol": 3}, "first, or a start_symbol that it follows; not both"),
        ({"start_symbol": -1}, "start_symbol must be a whole number of at least 0"),
    ],
)
def test_arguments_that_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        wrap(**{"function": last_position, "alphabet_size": 3} | arguments)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (CODES[0], r"codes must have the shape \(documents, length\), not \(12,\)"),
        (CODES + 1, "symbol 3 is not one that the model knows: its 3 have the codes 0 to 2"),
        (CODES - 1, "symbol -1 is not one"),
        (CODES, "documents of 12 symbols are longer than the 8 that last_position can read"),
    ],
)
def test_codes_that_are_refused(codes, message):
    with pytest.raises(InputError, match=message):
        wrap(last_position, 3, horizon=8).log_probs(codes)
