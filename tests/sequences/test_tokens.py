"""Tokens: as the libraries' own encoding of the whole text, however it is cut, and every failure by its words."""

import json
import shutil
import sys

import numpy as np
import pytest

from miscope.errors import FormatError, InputError, MiscopeWarning, MissingExtraError
from miscope.sequences import read_text
from miscope.sequences import tokens as module
from miscope.sequences.tokenizer import Tokenizer, tokenizer_from
from miscope.sequences.tokens import read_tokens, tokenize

pytestmark = pytest.mark.extras
tokenizers = pytest.importorskip("tokenizers")
models, pre, normalizers = tokenizers.models, tokenizers.pre_tokenizers, tokenizers.normalizers

WORDS = ["[UNK]", "so", "it", "is", "be"]


def words(unknown="[UNK]"):
    made = tokenizers.Tokenizer(models.WordLevel({word: code for code, word in enumerate(WORDS)}, unk_token=unknown))
    made.pre_tokenizer = pre.WhitespaceSplit()
    return made


def trained(kind, texts):
    """A tokenizer of one of the kinds that language models use, of 300 to 600 tokens."""
    if kind == "byte-level BPE":  # GPT-2
        made = tokenizers.Tokenizer(models.BPE())
        made.pre_tokenizer = pre.ByteLevel(add_prefix_space=False)
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=600, show_progress=False, initial_alphabet=pre.ByteLevel.alphabet()
        )
    elif kind == "metaspace BPE":  # Llama
        made = tokenizers.Tokenizer(models.BPE(unk_token="<unk>"))
        made.pre_tokenizer = pre.Metaspace()
        trainer = tokenizers.trainers.BpeTrainer(vocab_size=600, show_progress=False, special_tokens=["<unk>"])
    elif kind == "unigram":  # T5
        made = tokenizers.Tokenizer(models.Unigram())
        made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip()])
        made.pre_tokenizer = pre.Metaspace()
        trainer = tokenizers.trainers.UnigramTrainer(
            vocab_size=300, show_progress=False, special_tokens=["<unk>"], unk_token="<unk>"
        )
    else:  # BERT
        made = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre.BertPreTokenizer()
        trainer = tokenizers.trainers.WordPieceTrainer(
            vocab_size=600, show_progress=False, special_tokens=["[UNK]", "[CLS]"]
        )
    made.train_from_iterator(texts, trainer)
    if kind == "WordPiece":
        made.post_processor = tokenizers.processors.TemplateProcessing(
            single="[CLS] $A", special_tokens=[("[CLS]", made.token_to_id("[CLS]"))]
        )
    return made


@pytest.fixture(scope="module")
def texts():
    """Words of a few syllables, in sentences, with what tokenizers treat in ways of their own."""
    rng = np.random.default_rng(0)
    syllables = [a + b + c for a in "bdklmnst" for b in "aeiou" for c in ("", "n", "s")]
    known = ["".join(rng.choice(syllables, rng.integers(1, 4))) for _ in range(400)]
    odd = ["\u00e9t\u00e9", "\U0001f600", "\ufb01n", "3.14", "  ", "\n\n", "\t", "don't", "A-Z", "..."]
    lines = [" ".join([*rng.choice(known, 12), rng.choice(odd)]).capitalize() for _ in range(60 * 40)]
    return [". ".join(lines[k : k + 40]) for k in range(0, len(lines), 40)]


@pytest.fixture(scope="module", params=["byte-level BPE", "metaspace BPE", "unigram", "WordPiece"])
def kind(request, texts):
    return trained(request.param, texts)


@pytest.fixture
def poem(tmp_path):
    (tmp_path / "poem.txt").write_bytes(b"so it is so\r\n\r\nbe it so\nis it\n")
    return tmp_path / "poem.txt"


def test_documents_as_the_library_encodes_them(kind, texts):
    found = tokenize(texts, kind)
    expected = [kind.encode(text, add_special_tokens=False).ids for text in texts]
    assert [document.tolist() for document in found] == expected
    assert (found.alphabet_size, found.codes.dtype) == (kind.get_vocab_size(), np.uint16)
    assert all(found.alphabet[code] == token for token, code in kind.get_vocab().items())


def test_long_documents_are_joined_as_if_never_cut(kind, texts, monkeypatch):
    text = "\n\n".join(texts)
    expected = kind.encode(text, add_special_tokens=False).ids
    for batch, piece, overlap in [(40_000, 10_000, 400), (5_000, 3_000, 1_000), (1_000, 1_000, 300)]:
        for name, value in {"BATCH": batch, "PIECE": piece, "OVERLAP": overlap}.items():
            monkeypatch.setattr(module, name, value)
        found = tokenize([text, "so", text[:900]], kind)
        assert found[0].tolist() == expected
        assert found[2].tolist() == kind.encode(text[:900], add_special_tokens=False).ids


def test_pieces_that_agree_nowhere_are_encoded_as_a_whole(monkeypatch):
    """Pairs of characters, counted from where a text begins: every other cut is wrong."""
    pairs = tokenizers.Tokenizer(models.WordLevel({"aa": 0, "a": 1}))
    pairs.pre_tokenizer = pre.Split(tokenizers.Regex("aa?"), "isolated")
    for name, value in {"BATCH": 100, "PIECE": 100, "OVERLAP": 31}.items():
        monkeypatch.setattr(module, name, value)
    assert tokenize("a" * 1001, pairs).codes.tolist() == [0] * 500 + [1]


def test_memory_does_not_grow_with_the_document(texts, monkeypatch):
    """What is handed to the library at a time is bounded, so what it makes of it is too."""
    made, sizes = trained("byte-level BPE", texts), []

    class Watched:
        def encode_batch(self, cuts, **options):
            sizes.append(sum(map(len, cuts)))
            return made.encode_batch(cuts, **options)

    tokenizer = Tokenizer("watched", tuple(made.get_vocab()), "", Watched())
    text = "\n".join(texts * 3)
    for name, value in {"BATCH": 3 << 16, "PIECE": 1 << 16}.items():
        monkeypatch.setattr(module, name, value)
    assert tokenize(text, tokenizer).codes.tolist() == made.encode(text, add_special_tokens=False).ids
    assert len(text) > 2.1 * module.BATCH
    assert len(sizes) > 2
    assert max(sizes) <= module.BATCH


def test_nothing_is_cut_off_padded_or_left_to_chance(texts):
    made = trained("byte-level BPE", texts)
    expected = made.encode(texts[0]).ids
    made.enable_truncation(5)
    made.enable_padding(length=9)
    made.model.dropout = 0.9
    assert tokenize(texts[:2], made)[0].tolist() == expected
    assert made.truncation["max_length"] == 5  # the tokenizer that was handed over stays as it was
    assert made.padding["length"] == 9
    assert made.model.dropout == pytest.approx(0.9)


def test_vocabularies_with_holes_and_added_tokens():
    made = tokenizers.Tokenizer(models.WordLevel({"so": 0, "it": 300}))
    made.pre_tokenizer = pre.WhitespaceSplit()
    made.add_special_tokens(["<end>"])
    found = tokenize("so <end> it", made)
    assert (found.alphabet_size, found.codes.dtype) == (302 if made.token_to_id("<end>") == 301 else 301, np.uint16)
    assert found.decode(0) == ["so", "<end>", "it"]
    assert found.alphabet[7] == "<code 7>"


def test_the_smallest_type_that_holds_the_vocabulary():
    for size, kind in [(256, np.uint8), (257, np.uint16), (65537, np.uint32)]:
        made = tokenizers.Tokenizer(models.WordLevel({str(code): code for code in range(size)}))
        made.pre_tokenizer = pre.WhitespaceSplit()
        assert tokenize(f"0 {size - 1}", made).codes.tolist() == [0, size - 1]
        assert tokenize("0", made).codes.dtype == kind


def test_empty_documents_and_unknown_words():
    told = []
    found = tokenize(["so it", "", "  ", "was is"], words(), label="verse", progress=lambda *done: told.append(done))
    assert [document.tolist() for document in found] == [[1, 2], [0, 3]]
    assert found.provenance["label"] == "verse"
    assert (found.provenance["empty_documents_dropped"], found.provenance["unknown_tokens"]) == (2, 1)
    assert found.provenance["tokenizer"]["name"] == "tokenizer"
    assert told[-1] == (4, 4)


BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def unknowing(kind):
    """A tokenizer of a few letters, of each kind that has a token for all others, or bytes."""
    names = ["<unk>", "so", "s", "o", "▁", "▁it"] + (BYTES if kind.endswith("bytes") else [])
    vocabulary, fallback = {name: code for code, name in enumerate(names)}, kind.endswith("bytes")
    if kind.startswith("unigram"):
        scores = [(name, 0.0 if name == "<unk>" else -1.0 - code) for name, code in vocabulary.items()]
        made = tokenizers.Tokenizer(models.Unigram(scores, unk_id=0, byte_fallback=fallback))
    elif kind.startswith("BPE"):
        fused = kind == "BPE, fused"
        made = tokenizers.Tokenizer(
            models.BPE(vocabulary, [("s", "o")], unk_token="<unk>", fuse_unk=fused, byte_fallback=fallback)
        )
    elif kind == "WordPiece":
        made = tokenizers.Tokenizer(models.WordPiece({**vocabulary, "##so": 6, "##▁": 7}, unk_token="<unk>"))
    else:
        made = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre.Metaspace(split=kind != "BPE, fused")
    return made


@pytest.mark.parametrize("kind", ["unigram", "BPE", "BPE, fused", "WordPiece", "WordLevel"])
def test_what_each_kind_of_tokenizer_does_not_know_is_counted(kind):
    made, text = unknowing(kind), "so 日本 so xs"
    encoded = made.encode(text, add_special_tokens=False)
    unknown = encoded.ids.count(0)
    assert unknown
    if set(encoded.ids) - {0, 4}:
        assert tokenize(text, made).provenance["unknown_tokens"] == unknown
    with pytest.raises(InputError, match="knows nothing of"):
        tokenize(["日本", "語 x"], made)


@pytest.mark.parametrize("kind", ["unigram, bytes", "BPE, bytes"])
def test_bytes_are_not_unknown_and_have_the_class_of_their_character(kind):
    found = tokenize("so\nx日", unknowing(kind))
    assert list(found.decode(0))[-5:] == ["<0x0A>", "<0x78>", "<0xE6>", "<0x97>", "<0xA5>"]
    assert found.provenance["unknown_tokens"] == 0
    assert list(found.merge("unicode").decode(0))[-5:] == ["Cc", "Ll", "partial", "partial", "partial"]
    for how in ("first", "prefix:2", "suffix:2"):
        assert list(found.merge(how).decode(0))[-5:] == ["\n", "x", "\ufffd", "\ufffd", "\ufffd"]
    assert set(list(found.merge("kind").decode(0))[-5:]) == {"continues"}


def test_characters_that_a_tokenizer_has_no_token_for_are_said(monkeypatch):
    """BPE without a token for the unknown leaves them out."""
    made = tokenizers.Tokenizer(models.BPE({"s": 0, "o": 1, "so": 2}, [("s", "o")]))
    made.pre_tokenizer = pre.Whitespace()
    monkeypatch.setattr(module, "BATCH", 5)
    with pytest.warns(MiscopeWarning, match="no token for 4 characters"):
        found = tokenize(["so 日本 so", "so语 x"], made)
    assert found.decode(0) == ["so", "so"]
    assert found.provenance["characters_left_out"] == 4
    assert "notes" not in tokenize("so  so\n", made).provenance


def test_words_that_look_like_bytes_are_words(poem):
    poem.write_text("<0x0A> so <0x0A> it")
    found = read_text(poem, "token")
    assert list(found.merge("first").decode(0)) == ["<", "s", "<", "i"]


def test_many_short_documents():
    found = tokenize((["so", "it is"][k % 2] for k in range(140_000)), words())
    assert (found.n_documents, found.n_symbols) == (140_000, 210_000)
    assert found.decode(139_999) == ["it", "is"]


@pytest.mark.parametrize(
    ("how", "documents"),
    [
        ({"documents": "file"}, ["so it is so be it so is it"]),
        ({"documents": "line"}, ["so it is so", "be it so", "is it"]),
        ({"documents": "blank-line"}, ["so it is so", "be it so is it"]),
        ({"separator": " so"}, ["so it is", "be it", "is it"]),
        ({"separator_regex": r"^be .*"}, ["so it is so", "is it"]),
    ],
)
def test_files_cut_into_documents_as_text_is(poem, how, documents):
    found = read_tokens(poem, words(), **how)
    assert [" ".join(found.decode(k)) for k in range(len(found))] == documents
    text = read_text(poem, "token", **how)
    assert found.lengths.tolist() == text.lengths.tolist()
    same = ("label", "unit", "documents", "separator", "encoding", "sources")
    assert {name: found.provenance[name] for name in same} == {name: text.provenance[name] for name in same}
    assert found.provenance["reader"] == "read_tokens"


def test_a_separator_that_does_not_occur(poem):
    for how in ({"separator": "So"}, {"separator_regex": "^So"}):
        with pytest.warns(MiscopeWarning, match="'.?So'"):
            assert "case" in read_tokens(poem, words(), **how).provenance["notes"][0]


def test_files_joined(poem, tmp_path):
    (tmp_path / "b.txt").write_text("so")
    assert read_tokens([poem, tmp_path / "b.txt"], words()).n_documents == 2
    both = read_tokens([poem, tmp_path / "b.txt"], words(), documents="none")
    assert (both.n_documents, both.n_symbols) == (1, 10)
    assert both.provenance["label"] == "poem.txt and 1 more"


def test_tokenizers_from_everywhere(tmp_path, texts):
    transformers = pytest.importorskip("transformers")
    made = trained("byte-level BPE", texts)
    folder = tmp_path / "tiny"
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=made)
    fast.save_pretrained(folder)
    bare = tmp_path / "bare"
    bare.mkdir()
    made.save(str(bare / "tokenizer.json"))
    made.save(str(tmp_path / "mine.json"))
    expected = made.encode(texts[0]).ids
    sources = {"tiny": folder, "bare": str(bare), "mine": tmp_path / "mine.json"}
    sources[type(fast).__name__] = fast
    for label, source in sources.items():
        found = tokenizer_from(source)
        assert tokenize(texts[0], found).codes.tolist() == expected
        assert found.label == label
        assert tokenizer_from(found) is found
    assert repr(tokenizer_from(bare)) == "Tokenizer(bare: 600 tokens)"
    assert tokenizer_from(bare / "tokenizer.json").label == "bare"
    assert len({tokenizer_from(source).digest for source in (bare, tmp_path / "mine.json", made)}) == 1
    assert tokenizer_from(words()).digest != tokenizer_from(made).digest


def test_a_tokenizer_that_does_not_match(poem):
    with pytest.raises(InputError, match=r"knows nothing of poem.txt: every token is '\[UNK\]'; it was made for other"):
        read_tokens(poem, tokenizers.Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")))
    with pytest.raises(InputError, match=r"the tokenizer tokenizer cannot encode the text .*WordLevel error: Missing"):
        tokenize("so was it", words(unknown="[none]"))
    with pytest.raises(InputError, match=r"the column has the code 5, but the tokenizer .* has 5 tokens, .*another"):
        tokenizer_from(words()).check(5, "the column")
    tokenizer_from(words()).check(4, "the column")


def test_nothing_to_encode(poem):
    for texts in ([], "", ["  ", ""]):
        with pytest.raises(InputError, match="there is not one token in the data"):
            tokenize(texts, words())
    with pytest.raises(InputError, match="text 2 is of type NoneType, not str; leave missing ones out"):
        tokenize(["so", None], words())
    with pytest.raises(InputError, match="cannot encode the text"):
        tokenize("so \ud800", words())
    with pytest.raises(InputError, match="unknown kind of documents 'lines'; did you mean 'line'"):
        read_tokens(poem, words(), documents="lines")
    with pytest.raises(InputError, match="no such file"):
        read_tokens(poem.parent / "none.txt", words())


def test_no_such_tokenizer(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "bad.json").write_text(json.dumps({"version": "1.0"}))
    (tmp_path / "spm.model").write_bytes(b"\x0a\x0b")
    (tmp_path / "empty").mkdir()
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.json").write_text("{}")
    cases = [
        (tmp_path / "bad.json", FormatError, r"cannot use '.*bad.json' as a tokenizer \(a tokenizer.json\) \("),
        (tmp_path / "spm.model", InputError, "a model of SentencePiece's; give its folder"),
        (tmp_path / "empty", InputError, "has neither tokenizer.json nor tokenizer_config.json"),
        (tmp_path / "config", InputError, "cannot read the tokenizer in '.*config'"),
        (tmp_path / "none", InputError, "there is no file or folder '.*none' with a tokenizer"),
        ("nobody/nothing", InputError, r"either no such name .*offline.*'hf download nobody/nothing tokenizer.json"),
        (7, InputError, "int is no fast tokenizer: pass a tokenizer.json"),
    ]
    for source, kind, words_of in cases:
        with pytest.raises(kind, match=words_of) as caught:
            tokenizer_from(source)
        assert "\n" not in str(caught.value)


def test_missing_packages(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtraError, match=r"a tokenizer needs 'tokenizers'.*pip install \"miscope\[hub\]\""):
        tokenizer_from(tmp_path)


def test_a_copied_file_is_the_same_tokenizer(tmp_path):
    words().save(str(tmp_path / "a.json"))
    shutil.copy(tmp_path / "a.json", tmp_path / "b.json")
    one, other = tokenizer_from(tmp_path / "a.json"), tokenizer_from(tmp_path / "b.json")
    assert (one.digest, one.alphabet) == (other.digest, other.alphabet)
    assert one.label != other.label
