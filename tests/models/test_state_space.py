"""State-space models: against their formulas in loops, step against scan, and what their state is."""

import cmath
import math

import numpy as np
import pytest
import torch

from miscope.errors import InputError
from miscope.models.base import SequenceModel
from miscope.models.scan import scan
from miscope.models.state_space import LRU, GatedLRU

CLASSES = [LRU, GatedLRU]


def documents(n, length, alphabet_size, seed=0):
    return torch.randint(alphabet_size, (n, length), generator=torch.Generator().manual_seed(seed))


def stepped(model, codes):
    """Laws of all symbols, and the state before the last is read."""
    state, symbols, laws = model.start(len(codes)), None, []
    for t in range(codes.shape[1]):
        log_probs, state = model.step(symbols, state)
        laws.append(log_probs)
        symbols = codes[:, t]
    return torch.stack(laws, dim=1), state


def array(tensor):
    return tensor.detach().numpy()


def norm(layer, x):
    return (x - x.mean()) / math.sqrt(x.var() + 1e-5) * array(layer.weight) + array(layer.bias)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def lru_block(block, rows):
    """h = l h + g B x, y = Re(C h) + D x, with complex matrices."""
    nu, log_angle = array(block.nu), array(block.log_angle)
    factor = np.array([cmath.exp(complex(-math.exp(n), math.exp(a))) for n, a in zip(nu, log_angle, strict=True)])
    B = array(block.enter)[::2] + 1j * array(block.enter)[1::2]
    C = array(block.show)[:, ::2] - 1j * array(block.show)[:, 1::2]
    h, out = np.zeros(len(factor), complex), []
    for row in rows:
        x = norm(block.norm, row)
        h = factor * h + np.exp(array(block.log_gamma)) * (B @ x)
        y = gelu((C @ h).real + array(block.skip) * x)
        both = array(block.gate.weight) @ y + array(block.gate.bias)
        out.append(row + both[: len(row)] * sigmoid(both[len(row) :]))
    return out


def gated_block(block, rows):
    """h = a h + sqrt(1 - a^2) i u with a = exp(-8 softplus(L) r)."""
    n, h, out = len(block.rate), np.zeros(len(block.rate)), []
    for row in rows:
        value, opened, r, i = (array(block.enter.weight) @ norm(block.norm, row) + array(block.enter.bias)).reshape(
            4, n
        )
        a = np.exp(-8 * np.log1p(np.exp(array(block.rate))) * sigmoid(r))
        h = a * h + np.sqrt(1 - a**2) * sigmoid(i) * value
        out.append(row + array(block.show.weight) @ (h * gelu(opened)) + array(block.show.bias))
    return out


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("kind", "block_of"), [(LRU, lru_block), (GatedLRU, gated_block)])
def test_is_the_formula(kind, block_of, tied):
    model = kind(3, width=6, depth=2, state=5, tied=tied, seed=1).double()
    codes = documents(2, 40, 3)
    for document, found in zip(codes, array(model.log_probs(codes)), strict=True):
        rows = [array(model.embedding.weight)[symbol] for symbol in [3, *document[:-1].tolist()]]
        for block in model.blocks:
            rows = block_of(block, rows)
        weight = array(model.embedding.weight)[:3] if tied else array(model.readout.weight)
        logits = np.array([weight @ norm(model.norm, row) + array(model.readout.bias) for row in rows])
        np.testing.assert_allclose(found, logits - np.log(np.exp(logits).sum(1, keepdims=True)), atol=1e-10)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("shape", [{}, {"depth": 3, "width": 8, "state": 24}, {"state": 1, "tied": True}])
def test_steps_agree_with_the_scan(kind, shape):
    model = kind(5, seed=2, **shape).eval()
    codes = documents(3, 512, 5)
    with torch.inference_mode():
        laws, _ = stepped(model, codes)
        torch.testing.assert_close(laws, model.log_probs(codes), atol=1e-5, rtol=0)
        torch.testing.assert_close(laws.exp().sum(-1), torch.ones(3, 512))
    assert model.horizon is None
    assert model.longest is None


@pytest.mark.parametrize("kind", CLASSES)
def test_gradients_pass_through_steps_as_through_the_scan(kind):
    codes = documents(4, 24, 3)
    gradients = []
    for law in (lambda model: model.log_probs(codes), lambda model: stepped(model, codes)[0]):
        model = kind(3, width=6, depth=2, seed=3).double()
        law(model).gather(2, codes[:, :, None]).mean().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert all(each.abs().sum() > 0 for each in gradients[0])
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(("kind", "parts"), [(LRU, 2), (GatedLRU, 1)])
def test_features_are_the_whole_state(kind, parts):
    """Real vectors from which the state can be made again, and with it all laws to come."""
    model = kind(3, width=6, depth=2, state=5, seed=4).double()
    codes = documents(7, 30, 3)
    with torch.inference_mode():
        _, state = stepped(model, codes)
        vectors = model.features(state)
        assert vectors.shape == (7, 2 * 5 * parts)
        assert not vectors.is_complex()
        pieces = vectors.chunk(2, dim=1)
        layers = tuple(torch.view_as_complex(each.reshape(7, 5, 2)) if parts == 2 else each for each in pieces)
        again = type(state)(state.constants, layers)
        torch.testing.assert_close(model.step(codes[:, 29], state)[0], model.step(codes[:, 29], again)[0])
        assert model.features(model.start(4)).abs().sum() == 0


def test_factors_begin_in_a_ring_and_stay_stable():
    block = LRU(2, width=4, state=20_000).blocks[0]
    factor, _ = block.constants()
    modulus, angle = factor.abs(), factor.angle()
    assert 0.9 <= modulus.min() < 0.901
    assert 0.998 < modulus.max() <= 0.9991
    # Uniform on the area: half of it lies beyond the root of the mean of squares.
    assert float((modulus > math.sqrt((0.9**2 + 0.999**2) / 2)).float().mean()) == pytest.approx(0.5, abs=0.015)
    assert 0 <= angle.min() < 0.001
    assert math.pi / 10 - 0.001 < angle.max() <= math.pi / 10 + 1e-6
    with torch.no_grad():
        block.nu.copy_(torch.linspace(-9, 9, 20_000))
    assert block.constants()[0].abs().max() < 1


def test_state_has_the_variance_of_what_enters():
    block = LRU(2, width=4, state=64, seed=5).blocks[0]
    read = torch.randn(20_000, 1, 4, generator=torch.Generator().manual_seed(0))
    factor, enter = block.constants()
    h = scan(factor, block._entering(read, enter))[5000:]
    expected = (block.enter**2).sum(1).view(-1, 2).sum(1)
    ratio = (h.abs().square().mean(dim=(0, 1)) / expected).detach()
    assert 0.6 < ratio.min() < ratio.max() < 1.6
    assert float(ratio.mean()) == pytest.approx(1.0, abs=0.1)


def test_gated_factors_begin_in_a_ring():
    (log_least,) = GatedLRU(2, width=4, state=20_000).blocks[0].constants()
    least = log_least.exp()
    assert 0.9 - 1e-5 <= least.min() < 0.901
    assert 0.998 < least.max() <= 0.999 + 1e-5
    assert float(least.detach().mean()) == pytest.approx(0.9495, abs=1e-3)


def test_closed_gates_have_finite_gradients():
    model = GatedLRU(2, width=4)
    with torch.no_grad():
        model.blocks[0].enter.bias.fill_(-200.0)
    model.log_probs(documents(2, 20, 2)).sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


@pytest.mark.parametrize(("kind", "back"), [(LRU, 4), (GatedLRU, 2)])
def test_learns_what_lies_some_symbols_back(kind, back):
    codes = documents(128, back, 2, seed=1).repeat(1, 16 // back)
    model = kind(2, width=32, depth=2, seed=1)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(codes).flatten(0, 1), codes.flatten())
        loss.backward()
        optimizer.step()
    # The first symbols are chance, the others known.
    assert loss.item() == pytest.approx(math.log(2) * back / 16, abs=0.02)


@pytest.mark.parametrize("kind", CLASSES)
def test_dropout_is_for_training_only(kind):
    model, codes = kind(3, dropout=0.5, depth=2), documents(2, 20, 3)
    torch.manual_seed(0)
    assert not torch.equal(model.train().log_probs(codes), model.log_probs(codes))
    assert torch.equal(model.eval().log_probs(codes), model.log_probs(codes))
    torch.testing.assert_close(stepped(model, codes)[0], model.log_probs(codes), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("kind", "name"), [(LRU, "lru"), (GatedLRU, "gated-lru")])
def test_config_makes_an_equal_model(kind, name):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    model = kind(3, width=6, depth=2, dropout=0.1, tied=True, seed=8, state=9)
    again, other = kind(**model.config), kind(**(model.config | {"seed": 9}))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert not torch.equal(model.embedding.weight, other.embedding.weight)
    assert isinstance(model, SequenceModel)
    assert model.name == name
    assert model.label == f"{kind.__name__} 6 x 2"


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"state": 0}, "state must be a whole number of at least 1"),
        ({"state": 2.5}, "state must be a whole number of at least 1, not 2.5"),
        ({"width": 0}, "width must be a whole number of at least 1"),
        ({"dropout": -0.1}, "dropout must be at least 0 and below 1"),
        ({"alphabet_size": 1}, "alphabet_size must be a whole number of at least 2"),
    ],
)
def test_arguments_that_are_refused(kind, arguments, message):
    with pytest.raises(InputError, match=message):
        kind(**{"alphabet_size": 2, **arguments})


@pytest.mark.parametrize("kind", CLASSES)
def test_codes_that_are_refused(kind):
    with pytest.raises(InputError, match="symbol 2 is not one that the model knows"):
        kind(2).log_probs(torch.tensor([[0, 2]]))
