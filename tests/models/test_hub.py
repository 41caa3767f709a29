"""Models of transformers: made here, saved, read again, and compared with the library's own logits."""

import json
import logging
import shutil

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from miscope.errors import FormatError, InputError
from miscope.models import SequenceModel, sample
from miscope.models.hub import from_config, pretrained

WORDS = ["<s>", "</s>", "a", "b", "c", "d", "e"]
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
CONFIGS = {
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 24},
    "llama": SMALL | {"num_key_value_heads": 2, "max_position_embeddings": 24},
    "mistral": SMALL | {"num_key_value_heads": 2, "max_position_embeddings": 24, "sliding_window": 5},
    "bloom": {"hidden_size": 16, "n_layer": 2, "n_head": 2},
    "openai-gpt": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 24},  # has no cache
    "mamba": {"hidden_size": 16, "num_hidden_layers": 2, "state_size": 4},
}
CODES = torch.tensor(np.random.default_rng(4).integers(0, 7, size=(3, 20)))


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def configured(kind, **more):
    settings = {"model_type": kind, "vocab_size": 9, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None}
    return settings | CONFIGS[kind] | more


def scaled(model):
    """Larger weights, so that laws differ from one another."""
    with torch.no_grad():
        for parameter in model.network.parameters():
            if parameter.ndim == 2:
                parameter *= 5
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A Llama of 9 codes with a tokenizer of 7 tokens."""
    path = tmp_path_factory.mktemp("models") / "tiny"
    scaled(from_config(configured("llama"), seed=1)).network.save_pretrained(path)
    tokenizer = Tokenizer(WordLevel({word: code for code, word in enumerate(WORDS)}, unk_token="a"))
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>").save_pretrained(
        path
    )
    return path


@pytest.fixture
def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copied")


def stepped(model, codes):
    state, before, found = model.start(len(codes)), None, []
    with torch.inference_mode():
        for symbols in codes.T:
            log_probs, state = model.step(before, state)
            found.append(log_probs)
            before = symbols
    return torch.stack(found, dim=1)


@pytest.mark.parametrize("kind", CONFIGS)
def test_laws_are_the_library_s_own(kind):
    model = scaled(from_config(configured(kind), seed=3))
    assert isinstance(model, SequenceModel)
    assert model.alphabet_size == 9
    read = torch.cat([torch.zeros(3, 1, dtype=torch.int64), CODES[:, :-1]], dim=1)  # the start token is 0
    with torch.no_grad():
        expected = torch.log_softmax(model.network(input_ids=read).logits, dim=-1)
        found = model.log_probs(CODES)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(stepped(model, CODES), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["gpt2", "mistral", "mamba"])
def test_the_cache_is_used(kind):
    model, lengths = from_config(configured(kind)), []
    model.network.register_forward_pre_hook(
        lambda _, __, given: lengths.append(given["input_ids"].shape), with_kwargs=True
    )
    stepped(model, CODES)
    assert lengths == [(3, 1)] * 20


def test_a_cache_that_is_wrong_is_not_used(monkeypatch):
    network = transformers.GPT2LMHeadModel
    plain = network.forward

    def forgetful(self, input_ids, past_key_values=None, use_cache=True):
        return plain(self, input_ids=input_ids, use_cache=use_cache)

    monkeypatch.setattr(network, "forward", forgetful)
    model = scaled(from_config(configured("gpt2", initializer_range=0.5)))
    torch.testing.assert_close(stepped(model, CODES), model.log_probs(CODES), atol=1e-4, rtol=0)


def test_horizons():
    gpt, bloom = from_config(configured("gpt2")), from_config(configured("bloom"))
    assert (gpt.horizon, gpt.longest, bloom.horizon, bloom.longest) == (24, 24, None, None)
    assert repr(gpt).startswith("HuggingFaceModel(gpt2, random weights: 9 symbols, 7,")
    full = torch.zeros(2, 24, dtype=torch.int64)
    torch.testing.assert_close(stepped(gpt, full), gpt.log_probs(full), atol=1e-4, rtol=0)
    with pytest.raises(InputError, match="documents of 25 symbols are longer than the 24 that gpt2, random weights"):
        gpt.log_probs(torch.zeros(2, 25, dtype=torch.int64))
    with pytest.raises(InputError, match="can read no more than 24 symbols, and has read them"):
        stepped(gpt, torch.zeros(2, 25, dtype=torch.int64))


def test_a_folder_with_a_tokenizer(folder):
    model = pretrained(folder)
    assert (model.alphabet_size, model.alphabet, model.label) == (7, tuple(WORDS), "tiny")
    # The network has 9 codes; two are no tokens, and the others share what those would have got.
    library = transformers.LlamaForCausalLM.from_pretrained(folder).eval()
    read = torch.cat([torch.zeros(3, 1, dtype=torch.int64), CODES[:, :-1]], dim=1)
    with torch.no_grad():
        laws = torch.softmax(library(input_ids=read).logits, dim=-1)[..., :7]
    expected = (laws / laws.sum(-1, keepdim=True)).log()
    assert laws.sum(-1).max() < 0.999
    torch.testing.assert_close(model.log_probs(CODES), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(stepped(model, CODES), expected, atol=1e-4, rtol=0)


def test_samples(folder):
    model = pretrained(folder)
    drawn = sample(model, n_documents=300, length=8, seed=1, batch=64)  # five batches, the last one smaller
    assert (drawn.n_documents, drawn.alphabet, drawn.provenance["label"]) == (300, tuple(WORDS), "tiny")
    codes = torch.tensor(drawn.codes.reshape(300, 8).astype(np.int64))
    with torch.no_grad():
        laws = model.log_probs(codes).exp()
    for t in (0, 7):  # seen against expected, given what each document had drawn
        seen = torch.nn.functional.one_hot(codes[:, t], 7).double().mean(0)
        error = (laws[:, t].double() * (1 - laws[:, t].double())).mean(0).sqrt() / 300**0.5
        assert ((seen - laws[:, t].double().mean(0)).abs() < 4.5 * error + 1e-6).all()
    assert sample(model, 2, 60, slide=True).longest == 60


def test_start_tokens(folder):
    first = CODES[:, :1]
    by_default, by_end = pretrained(folder).log_probs(first), pretrained(folder, start="</s>").log_probs(first)
    assert torch.equal(by_default, pretrained(folder, start=0).log_probs(first))
    assert torch.equal(by_default, pretrained(folder, start="<s>").log_probs(first))
    assert torch.equal(by_end, pretrained(folder, start=1).log_probs(first))
    assert not torch.allclose(by_default, by_end)
    assert torch.equal(
        from_config(configured("gpt2", bos_token_id=None)).log_probs(first),
        from_config(configured("gpt2"), start=1).log_probs(first),
    )
    with pytest.raises(InputError, match=r"no token for the beginning or the end of a sequence.* such as start=0"):
        from_config(configured("gpt2", bos_token_id=None, eos_token_id=None))
    with pytest.raises(InputError, match="no token for the beginning"):
        from_config({"model_type": "gpt2", "vocab_size": 9})  # the usual one has the code 50256
    with pytest.raises(InputError, match="start='zebra' is no token of the tokenizer"):
        pretrained(folder, start="zebra")
    with pytest.raises(InputError, match="start='a' is no token; there is no tokenizer, so give a code"):
        from_config(configured("gpt2"), start="a")
    with pytest.raises(InputError, match="start must be a whole number of at most 8"):
        from_config(configured("gpt2"), start=9)


def test_configurations_of_all_kinds(tmp_path):
    entries = configured("gpt2")
    (tmp_path / "config.json").write_text(json.dumps(entries))
    made = from_config(entries, seed=5).log_probs(CODES)
    for config in (transformers.GPT2Config(**entries), tmp_path, tmp_path / "config.json", str(tmp_path)):
        assert torch.equal(from_config(config, seed=5).log_probs(CODES), made)
    assert not torch.allclose(from_config(entries, seed=6).log_probs(CODES), made)


def test_the_module_and_the_function_of_one_name(folder):
    import miscope as ms

    assert ms.models.from_config is from_config
    assert ms.models.pretrained(folder).alphabet == tuple(WORDS)


def test_the_global_random_numbers_are_left_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    from_config(configured("gpt2"), seed=9)
    assert torch.equal(torch.rand(3), expected)


def test_types_of_weights(folder):
    exact = pretrained(folder).log_probs(CODES)
    half = pretrained(folder, dtype="bfloat16", device="cpu")
    assert next(half.network.parameters()).dtype == torch.bfloat16
    assert half.log_probs(CODES).dtype == torch.float32
    assert 1e-5 < (half.log_probs(CODES) - exact).abs().max() < 0.5
    assert next(pretrained(folder, dtype="auto").network.parameters()).dtype == torch.float32


def test_it_is_silent(folder, capfd):
    levels = [logging.getLogger(name).level for name in ("transformers", "huggingface_hub")]
    sample(pretrained(folder), 2, 10)
    from_config(configured("mamba"))
    with pytest.raises(InputError):
        pretrained("miscope/no-such-model")
    assert capfd.readouterr() == ("", "")
    assert levels == [logging.getLogger(name).level for name in ("transformers", "huggingface_hub")]
    assert transformers.utils.logging.is_progress_bar_enabled()


class TestWhatIsRefused:
    def test_names(self, folder, tmp_path):
        with pytest.raises(InputError, match=r"cannot get the model 'miscope/no-such-model'.*\(offline\).* folder"):
            pretrained("miscope/no-such-model")
        with pytest.raises(InputError, match="'hf download gpt2 --local-dir FOLDER' makes one"):
            pretrained("gpt2")
        for name in ("./nowhere", "/no/such/folder", "a/b/c", ""):
            with pytest.raises(InputError, match="there is no folder"):
                pretrained(name)
        with pytest.raises(InputError, match=r"is a file; give the folder with config.json and the weights"):
            pretrained(folder / "config.json")
        with pytest.raises(InputError, match="is a folder, which has no revisions; leave out revision='main'"):
            pretrained(folder, revision="main")
        with pytest.raises(InputError, match=r"has no config.json: it holds no model of transformers"):
            pretrained(tmp_path)

    def test_pickles_and_no_weights(self, copied):
        (copied / "model.safetensors").rename(copied / "elsewhere")
        with pytest.raises(InputError, match=r"weights are read from safetensors files, .* has none: copy"):
            pretrained(copied)
        (copied / "pytorch_model.bin").write_bytes(b"")
        with pytest.raises(InputError, match=r"has only pytorch_model.bin, a pickle, which could run any code"):
            pretrained(copied)

    @pytest.mark.parametrize("kept", [0, 5, 2000])
    def test_damaged_weights(self, copied, kept):
        file = copied / "model.safetensors"
        file.write_bytes(file.read_bytes()[:kept])
        with pytest.raises(FormatError, match="cannot read the weights of"):
            pretrained(copied)

    def test_weights_that_do_not_fit(self, copied):
        config = json.loads((copied / "config.json").read_text())
        (copied / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
        with pytest.raises(FormatError, match=r"lack 9 tensors that config.json asks for, such as model.layers.2"):
            pretrained(copied)
        (copied / "config.json").write_text(json.dumps(config | {"intermediate_size": 64}))
        with pytest.raises(FormatError, match=r"the weights of .* do not fit 6 tensors .*, such as model.layers.0.mlp"):
            pretrained(copied)

    def test_weights_that_are_no_numbers(self, folder, tmp_path):
        network = pretrained(folder).network
        with torch.no_grad():
            network.lm_head.weight[3] = torch.nan
        network.save_pretrained(tmp_path / "nan")
        with pytest.raises(FormatError, match="gives numbers that are not finite: its weights are damaged"):
            pretrained(tmp_path / "nan", start=0)

    def test_damaged_configurations_and_tokenizers(self, copied):
        (copied / "tokenizer.json").write_text("{")
        with pytest.raises(FormatError, match="cannot read the tokenizer of"):
            pretrained(copied)
        (copied / "config.json").write_text("{")
        with pytest.raises(InputError, match="cannot read the model in"):
            pretrained(copied)
        (copied / "config.json").write_text('{"auto_map": {"AutoConfig": "code.Config"}, "model_type": "own"}')
        with pytest.raises(InputError, match="it needs code that comes with it, and such code is never run"):
            pretrained(copied)

    def test_models_that_are_not_causal(self, tmp_path):
        with pytest.raises(InputError, match=r"bert, random weights looks ahead"):
            from_config({"model_type": "bert", "vocab_size": 9} | SMALL, start=0)
        with pytest.raises(InputError, match="is of type 't5', which is not a causal language model"):
            from_config({"model_type": "t5", "vocab_size": 9})

    @pytest.mark.parametrize(
        ("config", "message"),
        [
            ({"vocab_size": 9}, "the configuration has no 'model_type', such as 'gpt2' or 'llama'"),
            ({"model_type": "gtp2"}, "the model_type 'gtp2', which transformers does not know; did you mean 'gpt2'"),
            (3, "config must be a configuration, a mapping, or the path of one, not 3"),
            ("no/such.json", "cannot read a configuration from 'no/such.json'"),
            (configured("llama", num_attention_heads=5), "cannot make a"),
            (configured("gpt2", n_layer="many"), "cannot make a"),
        ],
    )
    def test_configurations(self, config, message):
        with pytest.raises(InputError, match=message):
            from_config(config)

    def test_other_arguments(self, folder):
        with pytest.raises(InputError, match="dtype must be 'float32', 'bfloat16', 'float16' or 'auto', not 'int8'"):
            pretrained(folder, dtype="int8")
        with pytest.raises(InputError, match="cannot compute on 'nowhere'"):
            pretrained(folder, device="nowhere")
        with pytest.raises(InputError, match="symbol 7 is not one that the model knows: its 7 have the codes 0 to 6"):
            pretrained(folder).log_probs(CODES + 1)
