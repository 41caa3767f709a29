"""Encoders piece by piece against Python's own ways, compiled or not, in tables that have to grow."""

import itertools
import unicodedata
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
from miscope.sequences import kernels, words
from miscope.sequences.encoding import BYTES, END, CharacterEncoder, DocumentWriter, encode_documents, encoder_of

FIND = {"character": list, "word": naive.words, "token": str.split}
MARKS = "\u0301\u0327\u093f\u094d\u20e3"
INVISIBLE = "\u200b\u200d\u00ad\u2060\ufe0f"
tricky = st.text(
    st.one_of(st.sampled_from("abe' ’-_\n1é\x85!" + MARKS + INVISIBLE), st.characters()), max_size=40
)  # surrogates too


def written(pieces_of_texts, unit, end):
    writer = DocumentWriter(encoder_of(unit), end)
    for parts in pieces_of_texts:
        for part in parts:
            writer.add(part)
        writer.close()
    return writer.result()


def documents(encoded):
    ends = np.cumsum(encoded.lengths)
    symbols = [encoded.alphabet[code] for code in encoded.codes.tolist()]
    return [symbols[end - n : end] for end, n in zip(ends.tolist(), encoded.lengths.tolist(), strict=True)]


def slow(texts, unit, end):
    found, n_empty = [], 0
    for text in texts:
        parts = text.split(end) if end else [text]
        parts = [FIND[unit](part) for part in parts]
        parts = parts[:-1] if len(parts) > 1 and not parts[-1] else parts
        found += filter(None, parts)
        n_empty += parts.count([])
    return found, n_empty


@contextmanager
def running(way):
    """The kernels compiled, or as Python runs them; with a table so small that it grows at once."""
    with pytest.MonkeyPatch.context() as patched, np.errstate(over="ignore"):
        if way == "plain":
            patched.setattr(kernels, "number_words", kernels._number_words)
        patched.setattr(words, "SLOTS", 2)
        yield


@pytest.mark.parametrize(
    ("unit", "way"), [("character", ""), *itertools.product(["word", "token"], ["compiled", "plain"])]
)
@pytest.mark.parametrize("end", [None, "\n", END, "b"])
@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.lists(tricky, max_size=4), min_size=1, max_size=3))
def test_pieces_as_the_whole(way, unit, end, texts):
    with running(way):
        encoded = written(texts, unit, end)
    found, n_empty = slow(map("".join, texts), unit, end)
    assert (documents(encoded), encoded.n_empty) == (found, n_empty)
    counts = Counter(symbol for document in found for symbol in document)
    key = str if unit == "character" else lambda symbol: (-counts[symbol], symbol)
    assert encoded.alphabet == tuple(sorted(counts, key=key))


@pytest.mark.parametrize("unit", FIND)
def test_kinds_of_code_points(unit):
    """They are those that the regular expression and `str.split` know."""
    points = [*range(0x3100), *range(0x3101, 0xD800, 11), *range(0xE000, 0x110000, 101), 0x110BD, 0x110CD, 0xE0100]
    for between in ("a", "!", " "):
        text = between.join(map(chr, points))
        assert documents(written([[text]], unit, END))[0] == FIND[unit](text)


WORDS = {
    "हिन्दी किताब cafe\u0301 a\u200bb": ["हिन्दी", "किताब", "café", "ab"],
    "caf\u00e9 cafe\u0301 CAFE\u0301": ["café", "café", "CAFÉ"],
    "co\u00adop re\u2060al \ufeffso\u200e \u200b \u00ad": ["coop", "real", "so"],
    "می\u200cخواهم میخواهم كـتاب": ["میخواهم", "میخواهم", "كـتاب"],
    "don\u2019t well-\u00adknown a-\u0301b 'tis rock-'n'-roll": (
        ["don\u2019t", "well-known", "a", "-\u0301", "b", "'", "tis", "rock", "-", "'", "n", "'", "-", "roll"]
    ),
    "x_1 3.14 1\u20e3 <\u0338 ≮": ["x_1", "3", ".", "14", "1\u20e3", "≮", "≮"],
    "\u0301a \u0301": ["\u0301", "a", "\u0301"],
    "\U0001f468\u200d\U0001f469 \u2764\ufe0f\u2764 \U0001f44d\U0001f3fd": (
        ["\U0001f468", "\U0001f469", "\u2764", "\u2764", "\U0001f44d", "\U0001f3fd"]
    ),
    "السَّلَامُ آية\u06dd": ["السَّلَامُ", "آية", "\u06dd"],
    "日本語\u3000の\u00a0文": ["日本語", "の", "文"],
    "한국 \u1112\u1161\u11ab\u1100\u116e\u11a8": ["한국", "한국"],
}


@pytest.mark.parametrize("text", WORDS)
def test_what_a_word_is(text):
    """Wherever the text is cut; the same spelling is the same symbol."""
    expected = [unicodedata.normalize("NFC", word) for word in WORDS[text]]
    assert naive.words(text) == expected
    for parts in ([text], list(text), [text[i : i + 3] for i in range(0, len(text), 3)]):
        encoded = written([parts], "word", END)
        assert documents(encoded) == [expected]
        assert set(encoded.alphabet) == set(expected)


def test_words_that_are_the_same_composed_are_counted_together():
    encoded = written([["cafe\u0301 so so café café"]], "word", None)
    assert (encoded.alphabet, encoded.codes.tolist()) == (("café", "so"), [0, 1, 1, 0, 0])


def test_tokens_are_what_white_space_separates_and_nothing_else():
    text = "cafe\u0301 caf\u00e9 a\u200bb\u00a0c\u3000d\x85e\u00ad"
    encoded = written([list(text)], "token", None)
    assert documents(encoded) == [["cafe\u0301", "caf\u00e9", "a\u200bb", "c", "d", "e\u00ad"]]


def test_many_words():
    rng = np.random.default_rng(0)
    numbers = rng.zipf(1.2, 200_000) % 250_000
    text = " ".join(map(str, numbers.tolist()))
    encoded = written([[text[i : i + 9999] for i in range(0, len(text), 9999)]], "word", None)
    assert documents(encoded)[0] == text.split()
    kinds, counts = np.unique(text.split(), return_counts=True)
    assert encoded.alphabet == tuple(kinds[np.argsort(-counts, kind="stable")].tolist())
    assert len(encoded.alphabet) > words.MANY
    assert encoded.codes.dtype == (np.uint16 if len(kinds) <= 1 << 16 else np.uint32)


def test_words_that_arrow_cannot_sort(monkeypatch):
    monkeypatch.setattr(words, "MANY", 0)
    assert written([["b \udc80 a \U00010000 \ue000"]], "token", None).alphabet == (
        "a",
        "b",
        "\udc80",
        "\ue000",
        "\U00010000",
    )
    assert written([["b a \U00010000 \ue000"]], "token", None).alphabet == ("a", "b", "\ue000", "\U00010000")


def test_a_word_in_very_many_pieces():
    """It is not looked at with every piece: that would take hours."""
    encoder = encoder_of("token")
    piece = np.full(1000, ord("x"), np.uint32)
    for _ in range(4_000):
        assert len(encoder.encode(piece, None, last=False)[0]) == 0
    assert encoder.encode(piece[:0], None, last=True)[0].tolist() == [0]
    assert encoder.finish()[0] == ("x" * 4_000_000,)


@pytest.mark.parametrize("taken", ["", "\ufdd0", "\ufdd0\ufdd1\ufdd2"])
def test_ends_in_texts_that_have_what_stands_in_for_them(taken):
    found = documents(encode_documents([f"a{taken}{END}b"], CharacterEncoder()))
    assert found == [list("a" + taken), ["b"]]


def test_unmarked_texts_are_documents_with_all_their_characters():
    encoded = encode_documents([f"a{END}b", "", "a"], CharacterEncoder(), marked=False)
    assert (documents(encoded), encoded.n_empty) == ([["a", END, "b"], ["a"]], 1)
    in_bytes = encode_documents(["é\n".encode().decode("latin-1")], encoder_of("byte"))
    assert (in_bytes.codes.tolist(), in_bytes.alphabet) == ([0xC3, 0xA9, 10], BYTES)
