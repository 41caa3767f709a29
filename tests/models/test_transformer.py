"""Transformers: against the formula position by position, step against parallel, how far back they look."""

import math

import pytest
import torch
from torch.nn.functional import gelu

from miscope.errors import InputError
from miscope.models.base import SequenceModel
from miscope.models.transformer import Transformer

POSITIONS = ["learned", "rotary", "alibi"]


def lively(model, seed=0):
    """Double precision, and weights large enough for every path to matter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.double().parameters():
            if parameter.ndim == 2:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * parameter.shape[1] ** -0.5)
            else:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def documents(n, length, alphabet_size, seed=0):
    return torch.randint(alphabet_size, (n, length), generator=torch.Generator().manual_seed(seed))


def stepped(model, codes):
    state, symbols, laws = model.start(len(codes)), None, []
    with torch.inference_mode():
        for t in range(codes.shape[1]):
            log_probs, state = model.step(symbols, state)
            laws.append(log_probs)
            symbols = codes[:, t]
    return torch.stack(laws, dim=1)


def norm(layer, x):
    centred = x - x.mean()
    return centred / math.sqrt(float((centred**2).mean()) + 1e-5) * layer.weight + layer.bias


def turned(vector, position):
    size, out = len(vector), vector.clone()
    for k in range(size // 2):
        angle = position * 10_000 ** (-2 * k / size)
        x, y = vector[2 * k], vector[2 * k + 1]
        out[2 * k] = x * math.cos(angle) - y * math.sin(angle)
        out[2 * k + 1] = x * math.sin(angle) + y * math.cos(angle)
    return out


def by_the_formula(model, codes):
    """Laws of one document, with a loop over layers, positions and heads."""
    config = model.config
    heads, size = config["heads"], config["width"] // config["heads"]
    window = config["window"] or len(codes)
    read = [config["alphabet_size"], *codes.tolist()][: len(codes)]
    rows = [model.embedding.weight[symbol] for symbol in read]
    if config["positions"] == "learned":
        rows = [row + model.position.weight[t] for t, row in enumerate(rows)]
    for block in model.blocks:
        qkv = [block.qkv.weight @ norm(block.norm_attention, row) + block.qkv.bias for row in rows]
        new = []
        for t, row in enumerate(rows):
            seen = []
            for head in range(heads):
                part = [slice((which * heads + head) * size, (which * heads + head + 1) * size) for which in range(3)]
                scores, values = [], []
                for s in range(max(0, t - window + 1), t + 1):
                    query, key = qkv[t][part[0]], qkv[s][part[1]]
                    if config["positions"] == "rotary":
                        query, key = turned(query, t), turned(key, s)
                    bias = (t - s) * 2 ** (-8 * (head + 1) / heads) if config["positions"] == "alibi" else 0.0
                    scores.append(query @ key / math.sqrt(size) - bias)
                    values.append(qkv[s][part[2]])
                seen.append(torch.softmax(torch.stack(scores), 0) @ torch.stack(values))
            row = row + block.project.weight @ torch.cat(seen) + block.project.bias
            inner = block.expand.weight @ norm(block.norm_mlp, row) + block.expand.bias
            new.append(row + block.contract.weight @ gelu(inner, approximate="tanh") + block.contract.bias)
        rows = new
    weight = model.embedding.weight[:-1] if config["tied"] else model.readout.weight
    return torch.stack([torch.log_softmax(weight @ norm(model.norm, row) + model.readout.bias, 0) for row in rows])


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("window", [None, 1, 3, 10])
def test_is_the_formula(positions, window):
    shape = {"width": 12, "depth": 2, "heads": 2, "context": 10, "tied": window == 3}
    model = lively(Transformer(3, positions=positions, window=window, **shape))
    codes = documents(2, 10, 3)
    with torch.no_grad():
        expected = torch.stack([by_the_formula(model, each) for each in codes])
        torch.testing.assert_close(model.log_probs(codes), expected)
    assert expected.std(dim=1).min() > 0.01


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("window", [None, 1, 2, 7, 64])
@pytest.mark.parametrize("depth", [1, 3])
def test_steps_agree_with_the_parallel_pass(positions, window, depth):
    model = Transformer(5, 16, depth, heads=2, context=150, positions=positions, window=window, tied=depth == 3)
    codes = documents(3, 150, 5)
    with torch.no_grad():
        torch.testing.assert_close(stepped(model, codes), model.log_probs(codes), atol=1e-5, rtol=0)
    lively(model)
    with torch.no_grad():
        torch.testing.assert_close(stepped(model, codes), model.log_probs(codes), atol=1e-9, rtol=0)


@pytest.mark.parametrize("positions", ["rotary", "alibi"])
def test_windows_read_documents_of_any_length(positions):
    model = lively(Transformer(4, 8, 2, context=16, positions=positions, window=16))
    codes = documents(2, 333, 4)
    with torch.no_grad():
        whole = model.log_probs(codes)
        torch.testing.assert_close(stepped(model, codes), whole, atol=1e-9, rtol=0)
        # What is far back is not seen, and where a document begins does not matter: positions are relative.
        later = model.log_probs(codes[:, 200:])[:, 60:]
    torch.testing.assert_close(whole[:, 260:], later)
    assert model.start(2).table.shape[3] == 16


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize(("window", "depth", "horizon"), [(None, 2, 23), (1, 3, 1), (4, 1, 4), (4, 3, 10), (20, 2, 23)])
def test_horizon_is_exact(positions, window, depth, horizon):
    """A symbol changes the laws of the next `horizon` symbols, and no other."""
    model = lively(Transformer(3, 8, depth, heads=1, context=24, positions=positions, window=window))
    unlimited = window is not None and positions != "learned"
    length = 60 if unlimited else 24
    horizon = depth * (window - 1) + 1 if unlimited else horizon
    assert model.horizon == horizon
    assert model.longest == (None if unlimited else 24)
    codes = documents(1, length, 3)
    for place in (0, 5):
        other = codes.clone()
        other[0, place] = (other[0, place] + 1) % 3
        with torch.no_grad():
            for law in (model.log_probs, lambda codes: stepped(model, codes)):
                moved = (law(codes) - law(other)).abs().amax(dim=(0, 2))
                changed = torch.nonzero(moved > 0)[:, 0].tolist()
                assert changed == list(range(place + 1, min(place + horizon + 1, length)))


def test_cache_grows_by_doubling_and_keeps_what_it_holds():
    model = Transformer(3, 8, 1, context=200)
    state, symbols, columns = model.start(2), None, []
    with torch.inference_mode():
        for _ in range(200):
            _, state = model.step(symbols, state)
            symbols = torch.zeros(2, dtype=torch.int64)
            columns.append(state.table.shape[3])
    assert sorted(set(columns)) == [64, 128, 200]
    assert columns[63:65] == [64, 128]
    with pytest.raises(InputError, match="has read the 200 symbols that it can read"):
        model.step(symbols, state)


def test_documents_longer_than_the_context_are_refused():
    with pytest.raises(InputError, match="documents of 9 symbols are longer than the 8 that Transformer 8 x 2"):
        Transformer(2, 8, context=8).log_probs(documents(1, 9, 2))


@pytest.mark.parametrize("window", [None, 5])
def test_one_gradient_for_each_parameter(window):
    """All of what is learnt is used, in training with dropout too."""
    for positions in POSITIONS:
        model = Transformer(3, 16, 2, context=12, positions=positions, window=window, dropout=0.1).train()
        torch.manual_seed(0)
        codes = documents(4, 12, 3)
        model.log_probs(codes).gather(2, codes[:, :, None]).mean().backward()
        assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in model.parameters())


def test_learns_what_lies_four_symbols_back():
    codes = documents(128, 4, 2, seed=1).repeat(1, 4)
    model = Transformer(2, 32, 2, context=16, seed=2)
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    for _ in range(150):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(codes).flatten(0, 1), codes.flatten())
        loss.backward()
        optimizer.step()
    # Four symbols by chance, twelve known: a quarter of ln 2.
    assert math.log(2) / 4 - 0.02 < loss.item() < math.log(2) / 4 + 0.02


def test_weights_to_begin_with():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    model, again, other = (Transformer(50, 128, 8, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert not torch.equal(model.embedding.weight, other.embedding.weight)
    for block in model.blocks:
        assert float(block.qkv.weight.detach().std()) == pytest.approx(0.02, rel=0.03)
        assert float(block.project.weight.detach().std()) == pytest.approx(0.02 / 4, rel=0.03)
        assert float(block.contract.weight.detach().std()) == pytest.approx(0.02 / 4, rel=0.03)


def test_parameters():
    model = Transformer(7, 64, 2, context=32, positions="learned")
    block = 2 * 128 + 64 * 192 + 192 + 64 * 64 + 64 + 64 * 256 + 256 + 256 * 64 + 64
    assert model.n_parameters == 8 * 64 + 32 * 64 + 2 * block + 128 + 7 * 64 + 7
    assert Transformer(7, 64, 2, context=32, positions="learned", tied=True).n_parameters == model.n_parameters - 7 * 64
    assert Transformer(7, 64, 2, context=32).n_parameters == model.n_parameters - 32 * 64


@pytest.mark.parametrize(("width", "heads"), [(8, 1), (31, 1), (64, 2), (100, 2), (128, 4)])
def test_usual_number_of_heads(width, heads):
    assert Transformer(2, width, 1, positions="learned", context=8).config["heads"] == heads


def test_config_makes_an_equal_model():
    model = Transformer(3, 24, 1, heads=3, context=9, positions="alibi", window=4, dropout=0.2, tied=True, seed=8)
    again = Transformer(**model.config)
    assert again.config == model.config
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert isinstance(model, SequenceModel)
    assert model.label == "Transformer 24"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 10, "heads": 3}, "heads must divide width: 10 is no multiple of 3"),
        ({"width": 15}, r"width 15 / heads 1 = 15 is odd: choose an even head size, or positions='alibi'"),
        ({"window": 513}, "window must be at most the context: 513 > 512"),
        ({"window": 0}, "window must be a whole number of at least 1"),
        ({"heads": 0}, "heads must be a whole number of at least 1"),
        ({"context": 1}, "context must be a whole number of at least 2"),
        ({"context": 8.0}, "context must be a whole number"),
        ({"width": "wide"}, "width must be a whole number"),
        ({"depth": 0}, "depth must be a whole number of at least 1"),
        ({"positions": "rotery"}, "unknown kind of positions 'rotery'; did you mean 'rotary'"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"alphabet_size": 1}, "alphabet_size must be a whole number of at least 2"),
    ],
)
def test_arguments_that_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Transformer(**{"alphabet_size": 2, **arguments})
