"""Models that others made: what is no law of a symbol given those before it is refused, or read in another way."""

import numpy as np
import pytest
import torch
from torch import nn

import miscope as ms
from miscope.errors import FormatError, InputError
from miscope.models.examination import Subject, examine, networks_in, weights_of
from miscope.models.hub import from_config
from miscope.models.hugging_face import HuggingFaceModel
from miscope.models.sampling import sample
from miscope.models.wrapping import wrap

SIZE = 3


class Network(nn.Module):
    """An LSTM of 4 units behind an embedding, and what can be done to it."""

    def __init__(self, kind="plain", positions=None):
        super().__init__()
        self.kind, self.positions = kind, positions
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.embedding = nn.Embedding(SIZE, 4)
            self.recurrent = nn.LSTM(4, 4, batch_first=True, bidirectional=kind == "bidirectional")
            self.readout = nn.LazyLinear(SIZE)
            self.places = nn.Embedding(positions or 1, 4)
            self.attention = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, dropout=0.0)
            self.norm, self.dropout = nn.BatchNorm1d(4), nn.Dropout(0.5)
            self(torch.zeros(2, 2, dtype=torch.int64))

    def forward(self, codes):
        read = self.embedding(codes)
        if self.positions:
            read = read + self.places(torch.arange(codes.shape[1]))
        if self.kind == "flipped":
            read = read.flip(1)
        if self.kind == "centred":
            read = read - read.mean(dim=1, keepdim=True)
        if self.kind == "normed":
            read = self.norm(read.mT).mT
        found = self.attention(read) if self.kind == "attention" else self.recurrent(read)[0]
        if self.kind == "flipped":
            found = found.flip(1)
        return self.readout(self.dropout(found) if self.kind == "dropout" else found)


def crowded(codes):
    """An expert with room for a quarter of all symbols, in the order of their documents."""
    wanted = codes.flatten() == 1
    served = wanted & (wanted.cumsum(0) <= codes.numel() // 4)
    return torch.stack([served * 1.0, served * -1.0, served * 0.5], -1).reshape(*codes.shape, SIZE)


def by_length(codes):
    return torch.zeros(*codes.shape, SIZE) - torch.tensor([0.0, 0.1, 0.0]) * codes.shape[1]


def counting(codes, calls=[]):  # noqa: B006
    calls.append(1)
    return torch.zeros(*codes.shape, SIZE) - torch.tensor([0.0, 0.1, 0.0]) * len(calls)


def ending(codes):
    """No numbers behind the 99th symbol."""
    laws = torch.zeros(*codes.shape, SIZE)
    laws[:, 99:] = torch.nan
    return laws


DROPPING = Network("dropout").train()


@pytest.mark.parametrize(
    ("function", "word"),
    [
        (Network("flipped"), "looks ahead"),
        (Network("bidirectional"), "looks ahead"),
        (Network("attention"), "looks ahead"),
        (Network("centred"), "looks ahead"),
        (by_length, "how long the document is"),
        (crowded, "documents are read beside"),
        (counting, "is random"),
        (DROPPING.forward, "is random"),
        (Network(positions=20), "horizon=20"),
        (ending, "not finite"),
    ],
)
def test_what_is_no_causal_law_is_refused_when_it_is_drawn_from(function, word):
    with pytest.raises(InputError, match=word):
        sample(wrap(function, SIZE), 2, 8)


def test_a_network_in_training_is_normalised_over_all_documents():
    network = Network("normed")
    assert sample(wrap(network, SIZE), 2, 8).codes.size == 16  # put into evaluation
    network.train()
    with pytest.raises(InputError, match="documents are read beside"):
        sample(wrap(lambda codes: network(codes), SIZE), 2, 8)


def test_a_horizon_is_read_to_its_end():
    network = Network(positions=20)
    assert wrap(network, SIZE, horizon=21).examine().read == 20  # behind the last symbol nothing is asked for
    assert wrap(network, SIZE, horizon=20, start_symbol=0).examine().read == 20
    for more in ({"horizon": 22}, {"horizon": 21, "start_symbol": 0}, {"horizon": 21, "any_length": True}):
        with pytest.raises(InputError, match=r"documents end at 20 symbols"):
            wrap(network, SIZE, **more).examine()


class TestWeightsThatChange:
    def test_are_examined_again(self):
        network = Network()
        model = wrap(network, SIZE)
        first = model.examine()
        sample(model, 2, 8)
        model.log_probs(torch.zeros(2, 8, dtype=torch.int64))
        assert model.examination is first
        optimizer = torch.optim.AdamW(network.parameters())
        network(torch.zeros(2, 8, dtype=torch.int64)).sum().backward()
        optimizer.step()
        sample(model, 2, 8)
        second = model.examination
        assert second is not first
        network.readout.weight.data.mul_(2)  # of this no version tells
        assert model.examine() is not second
        with torch.no_grad():
            network.readout.bias[0] = torch.nan
        with pytest.raises(InputError, match="not finite"):
            model.log_probs(torch.zeros(2, 8, dtype=torch.int64))

    def test_wherever_they_are(self):
        network = Network()
        for function in (network, network.forward, lambda codes: network(codes)):
            assert networks_in(function) == (network,)
        before = weights_of([network])
        assert weights_of([network]) == before
        network.load_state_dict({name: tensor + 1 for name, tensor in network.state_dict().items()})
        assert weights_of([network]) != before


def subject(laws, **more):
    return Subject("a model", laws, np.arange(SIZE), **({"longest": None} | more))


def switching(at, size=SIZE):
    """Laws that are others in documents longer than `at` symbols; the same at all their places."""
    return lambda codes: torch.log_softmax(torch.ones(*codes.shape, size).cumsum(-1) * (1 + (codes.shape[1] > at)), -1)


class TestLengths:
    @pytest.mark.parametrize("at", [17, 40, 99, 511])
    def test_a_change_is_found_to_the_symbol(self, at):
        found = examine(subject(switching(at)), SIZE)
        assert found.longest == at
        assert f"documents end at {at} symbols" in found.notes[0]

    def test_marks_are_looked_at_where_the_end_looks_well(self):
        def between(codes):  # only where exactly 65 are read
            return switching(64)(codes) if codes.shape[1] == 65 else switching(1 << 30)(codes)

        assert examine(subject(between, longest=200), SIZE).longest == 200
        assert examine(subject(between, longest=200, windows=(64,)), SIZE).longest == 64

    def test_what_was_not_read_is_said(self):
        large = subject(switching(1 << 30), longest=4096, original_lengths=(2000,), n_parameters=10**9)
        found = examine(large, SIZE)
        assert found.read < 200
        assert found.longest == 2000
        assert "positions were made for" in found.notes[0]
        assert len(found.about(100)) == 1
        assert f"up to {found.read} symbols" in found.about(1000)[-1]
        smaller = examine(subject(switching(1 << 30), longest=4096, original_lengths=(2000,)), SIZE)
        assert (smaller.read, smaller.longest, smaller.notes) == (2002, 4096, ())

    def test_steps(self):
        plain = switching(1 << 30)
        given = {"longest": 90, "windows": (80,), "filled": lambda codes: codes.shape[1]}
        right = {"step": lambda symbols, state: (plain(symbols[:, None])[:, 0], state + 1)}
        assert examine(subject(plain, **given, **right), SIZE).stepwise
        wrong = {"step": lambda symbols, state: (switching(0 if state > 80 else 2)(symbols[:, None])[:, 0], state + 1)}
        found = examine(subject(plain, **given, **wrong), SIZE)
        assert not found.stepwise
        assert "behind symbol 82" in found.notes[0]

    @pytest.mark.parametrize(("dtype", "noise"), [(torch.bfloat16, 8e-3), (torch.float16, 1e-3), (torch.float32, 2e-7)])
    def test_rounding_is_no_fault(self, dtype, noise):
        def rounded(times):
            def laws(codes):
                exact = switching(1 << 30)(codes)
                waves = torch.sin(torch.arange(exact.numel())).reshape(exact.shape)  # others in another shape
                return exact * (1 + times * noise * waves)

            return laws

        assert examine(subject(rounded(1), dtype=dtype), SIZE).longest is None
        with pytest.raises(InputError, match=r"read beside|how long"):
            examine(subject(rounded(100), dtype=dtype), SIZE)


SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
SMALL |= {"vocab_size": 9, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
STRETCHED = {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [4.0] * 4}
DECODER = {"is_decoder": True, "max_position_embeddings": 30}
CONFIGS = {
    "phi3": SMALL | {"max_position_embeddings": 60, "original_max_position_embeddings": 20, "rope_scaling": STRETCHED},
    "roberta": SMALL | DECODER,
    "data2vec-text": SMALL | DECODER,
    "xlm": {"emb_dim": 16, "n_layers": 1, "n_heads": 2, "n_words": 9, "causal": True, "max_position_embeddings": 30},
    "recurrent_gemma": SMALL | {"lru_width": 16, "attention_window_size": 6, "block_types": ["recurrent"]},
}
HORIZONS = {"phi3": 20, "roberta": 28, "data2vec-text": 28, "xlm": 30, "recurrent_gemma": None}


@pytest.fixture(scope="module")
def library():
    """One network of each configuration."""
    return {name: from_config({"model_type": name} | CONFIGS[name], start=0) for name in CONFIGS}


def stepped(model, codes):
    state, before, found = model.start(len(codes)), None, []
    with torch.inference_mode():
        for symbols in codes.T:
            log_probs, state = model.step(before, state)
            found.append(log_probs)
            before = symbols
    return torch.stack(found, dim=1)


class TestTheLibrary:
    @pytest.mark.parametrize("name", CONFIGS)
    def test_laws_hold_up_to_the_horizon(self, library, name):
        """By steps and at once, in long documents and in short ones, with the code of padding among the symbols."""
        model = library[name]
        assert (model.horizon, model.longest) == (HORIZONS[name],) * 2
        codes = torch.from_numpy(np.random.default_rng(3).integers(0, 9, (2, model.longest or 40)))
        codes[:, 3:9:2] = 1 if name != "xlm" else 2
        with torch.no_grad():
            found = model.log_probs(codes)
            for length in (5, 19):
                torch.testing.assert_close(model.log_probs(codes[:, :length]), found[:, :length], atol=1e-5, rtol=0)
        torch.testing.assert_close(stepped(model, codes), found, atol=1e-5, rtol=0)

    @pytest.mark.parametrize("name", ["roberta", "data2vec-text"])
    def test_a_symbol_spelt_as_padding_has_its_place(self, library, name):
        model = library[name]
        codes = torch.tensor([[3, 1, 4, 1, 5, 6]])
        read = torch.tensor([[0, 3, 1, 4, 1, 5]])
        with torch.no_grad():
            logits = model.network(input_ids=read, position_ids=torch.arange(2, 8)[None]).logits
            torch.testing.assert_close(model.log_probs(codes), torch.log_softmax(logits, -1))

    def test_a_symbol_spelt_as_padding_is_looked_at(self, library):
        model, codes = library["xlm"], torch.tensor([[3, 2, 4, 5]])  # XLM's padding is 2
        with torch.no_grad():
            hidden = model.network(input_ids=torch.tensor([[0, 3, 2, 4]]), attention_mask=torch.ones(1, 4)).logits
            torch.testing.assert_close(model.log_probs(codes), torch.log_softmax(hidden, -1))
            alone = model.network(input_ids=torch.tensor([[0, 3, 2, 4]])).logits
        assert not torch.allclose(hidden, alone)

    def test_reasons_travel_with_results(self, library):
        for counts in ("conditional", "hard"):
            curve = ms.probe(library["phi3"], [1, 2], 8, 20, counts=counts)
            assert any("documents end at 20 symbols (the model says 60)" in warning for warning in curve.warnings)
        slow = sample(library["recurrent_gemma"], 2, 4)
        assert "read again for each symbol" in slow.provenance["model"]["examination"]["notes"][0]

    def test_half_precision(self, library):
        network = from_config({"model_type": "roberta"} | CONFIGS["roberta"], start=0).network.to(torch.bfloat16)
        model = HuggingFaceModel(network, 0, None, "half")
        assert (model.horizon, model.examination.stepwise) == (28, True)

    def test_weights_that_are_changed_and_bad(self):
        model = from_config({"model_type": "gpt2", "vocab_size": 9, "n_embd": 8, "n_layer": 1, "n_head": 1}, start=0)
        first = model.examination
        with torch.no_grad():
            model.network.lm_head.weight.mul_(2)  # tied to the embedding
        assert model.start(1).length == 0
        assert model.examination is not first
        with torch.no_grad():
            model.network.lm_head.weight[3] = torch.nan
        with pytest.raises(FormatError, match="not finite"):
            ms.probe(model, [1], 4, 8)
