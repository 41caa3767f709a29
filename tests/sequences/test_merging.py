"""Classes by name: against Python's own character tables, counts by hand, and a vocabulary whose words are known."""

import json
import unicodedata
from collections import Counter

import numpy as np
import pytest

import miscope as ms
from miscope.errors import FormatError, InputError
from miscope.sequences.merging import Merging
from miscope.sequences.token_marks import mark_of, plain

TEXT = "So it is: 42 ducks, 7 geese – and Émile's cat."
WORDS = ms.Sequences.from_arrays([["The", "cat", "ran", ",", "the", "dog", "ran", "the", "42"], ["the", "dog", "."]])


def tokens(names, **more):
    return ms.Sequences(
        np.arange(len(names), dtype=np.uint8), np.array([0, len(names)]), len(names), tuple(names), more
    )


def test_unicode_categories_are_pythons():
    merged = ms.Sequences.from_arrays(TEXT).merge("unicode")
    assert merged.decode(0) == [unicodedata.category(character) for character in TEXT]


def test_the_category_of_a_word_is_that_of_its_first_character():
    assert WORDS.merge("unicode").decode(0) == ["Lu", "Ll", "Ll", "Po", "Ll", "Ll", "Ll", "Ll", "Nd"]


def test_the_most_frequent_and_the_rest():
    counts = Counter(word for document in range(2) for word in WORDS.decode(document))
    often = {word for word, _ in counts.most_common(3)}
    merged = WORDS.merge("top:4")
    for document in range(2):
        expected = [word if word in often else "other" for word in WORDS.decode(document)]
        assert merged.decode(document) == expected
    assert merged.alphabet_size == 4
    assert set(WORDS.merge("top:4", other="rare").alphabet) == {*often, "rare"}


@pytest.mark.extras
def test_top_is_by_frequency():
    text = ms.Sequences.from_arrays(TEXT)
    assert Merging.parse("top:5").of(text).names == ms.models.by_frequency(text, 5).names


@pytest.mark.parametrize(
    ("how", "cut"),
    [
        ("prefix:2", lambda word: word[:2]),
        ("suffix:2", lambda word: word[-2:]),
        ("first", lambda word: word[0]),
        ("last", lambda word: word[-1]),
    ],
)
def test_parts_of_words(how, cut):
    assert list(WORDS.merge(how).decode(0)) == [cut(word) for word in WORDS.decode(0)]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("prefix:2", ["हिन्", "कि\u0924ा", "e\u0301t", "é"]),
        ("suffix:2", ["न्दी", "ताब", "t\u00e9", "é"]),
        ("first", ["हि", "कि", "e\u0301", "é"]),
        ("last", ["दी", "ब", "\u00e9", "é"]),
    ],
)
def test_marks_are_not_cut_off_their_letters(how, expected):
    words = ms.Sequences.from_arrays([["हिन्दी", "किताब", "e\u0301t\u00e9", "é"]])
    assert list(words.merge(how).decode(0)) == expected


@pytest.mark.parametrize(
    ("names", "begin", "texts"),
    [
        (["Ġthe", "re", "Ġ", "Ċ", "Ã©", "Ã"], [1, 0, 1, 0, 0, 0], ["the", "re", " ", "\n", "é", "\ufffd"]),
        (["▁the", "re", "▁", "é"], [1, 0, 1, 0], ["the", "re", " ", "é"]),
        (["the", "##re", "[UNK]"], [1, 0, 1], ["the", "re", "[UNK]"]),
    ],
)
def test_marks_of_tokens(names, begin, texts):
    kinds = tokens(names).merge("kind").decode(0)
    assert kinds == ["begins" if begins else "continues" for begins in begin]
    assert [plain(name, mark_of(names)) for name in names] == texts
    read = tokens(names, tokenizer={"name": "t"})
    assert list(read.merge("prefix:2").decode(0)) == [text[:2] for text in texts]
    expected = ["partial" if text == "\ufffd" else unicodedata.category(text[0]) for text in texts]
    assert read.merge("unicode").decode(0) == expected
    assert list(tokens(names).merge("first").decode(0)) == [
        name[0] for name in names
    ]  # not known to be tokens: as written


def test_byte_level_letters_are_those_of_the_library():
    tokenizers = pytest.importorskip("tokenizers")
    splitter = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    for text in ("naïve – café", "\t日本\n", "".join(map(chr, range(1, 400)))):
        ((letters, _),) = splitter.pre_tokenize_str(text)
        assert plain(letters, "Ġ") == text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("map.tsv", "symbol\tclass\nThe\tarticle\nthe\tarticle\n,\tmark\n.\tmark\n"),
        ("map.csv", 'The,article\nthe,article\n",",mark\n.,mark\n'),
        ("map.json", json.dumps({"The": "article", "the": "article", ",": "mark", ".": "mark"})),
    ],
)
def test_a_map_from_a_file(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    merged = WORDS.merge(f"map:{tmp_path / name}", other="word")
    table = {"The": "article", "the": "article", ",": "mark", ".": "mark"}
    assert merged.decode(0) == [table.get(word, "word") for word in WORDS.decode(0)]
    with pytest.raises(InputError, match=r"4 symbols have no class in map:.*: '42', 'cat', .* other="):
        WORDS.merge(f"map:{tmp_path / name}")


@pytest.mark.parametrize(("name", "between"), [("map.tsv", "\t"), ("map.csv", ",")])
def test_a_map_names_characters_that_end_lines_elsewhere(tmp_path, name, between):
    odd = ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]
    content = "".join(f"{each}{between}space\r\n" for each in odd)
    (tmp_path / name).write_bytes(content.encode())
    merged = ms.Sequences.from_arrays([["a", *odd, "a"]]).merge(f"map:{tmp_path / name}", other="else")
    assert merged.decode(0) == ["else", *["space"] * 6, "else"]


def test_a_map_of_codes(tmp_path):
    (tmp_path / "map.tsv").write_text("0\tlow\n1\tlow\n2\thigh\n")
    assert ms.Sequences.from_arrays([0, 2, 1, 2]).merge(f"map:{tmp_path / 'map.tsv'}").decode(0) == [
        "low",
        "high",
        "low",
        "high",
    ]


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("a.tsv", "the article\n", FormatError, "row 1 .* has 1 columns"),
        ("a.csv", "the\tarticle\n", FormatError, "row 1 .* has 1 columns: .*a comma between"),
        ("a.tsv", "the\tA\nthe\tB\n", InputError, "gives 'the' two classes, 'A' and 'B'"),
        ("a.tsv", "", InputError, "is empty"),
        ("a.json", "[1]", FormatError, "must be a JSON object"),
        ("a.json", "{", FormatError, "not JSON"),
        ("a.csv", f"the,{'x' * 140_000}\n", FormatError, "no table"),
        ("a.tsv", "und\tArtikel\n", InputError, "names none of the symbols: it has 'und'"),
    ],
)
def test_maps_that_are_refused(tmp_path, name, content, error, words):
    (tmp_path / name).write_text(content)
    with pytest.raises(error, match=words):
        WORDS.merge(f"map:{tmp_path / name}")


@pytest.mark.parametrize(
    ("data", "how", "words"),
    [
        (WORDS, "tops:4", "unknown kind of classes 'tops'; did you mean 'top'"),
        (WORDS, "top", "top needs a whole number of at least 2 behind it, as in top:1000"),
        (WORDS, "top:1", "at least 2"),
        (WORDS, "top:2000", "top:2000 is for more than 2,000 symbols, and there are 8"),
        (WORDS, "prefix:x", "as in prefix:2"),
        (WORDS, "unicode:2", "takes nothing behind it"),
        (WORDS, "kind", "tokens whose marks say where words begin"),
        (WORDS, "map", "needs a file"),
        (WORDS, "map:no.tsv", "cannot read 'no.tsv': No such file"),
        (ms.Sequences.from_arrays("abc"), "unicode", "all symbols are one class of unicode, 'Ll'"),
        (ms.Sequences.from_arrays([0, 1, 2]), "unicode", "these are numbers, such as 0"),
    ],
)
def test_what_is_refused(data, how, words):
    with pytest.raises(InputError, match=words):
        data.merge(how)
    with pytest.raises(InputError, match="leave other='x' out"):
        data.merge("unicode", other="x")


def test_bytes_have_no_categories(tmp_path):
    (tmp_path / "a.txt").write_text("ab1")
    with pytest.raises(InputError, match="these are bytes"):
        ms.read_text(tmp_path / "a.txt", unit="byte").merge("unicode")


def test_the_curve_says_that_it_is_a_lower_bound():
    chain = ms.processes.MarkovChain([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.3, 0.6]]).sample(8, 2000, seed=3)
    merged = chain.merge("top:2")
    assert merged.provenance["classes"] == {"how": "top:2", "classes": 2, "symbols": 3}
    curve = ms.measure(merged, [1], blocks=8)
    assert "3 symbols were merged into 2 classes (top:2)" in str(curve)
    assert "is a lower bound of the MI of the symbols themselves" in str(curve)
    assert curve.mi[0] < ms.measure(chain, [1], blocks=8).mi[0]
    bracket = ms.measure(merged, [1], blocks=8, estimator="bracket")
    assert "only the lower bound is one of the MI of the symbols themselves" in str(bracket)
    assert "lower bound" not in str(ms.measure(chain, [1], blocks=8))
    assert "lower bound" not in str(ms.measure(merged, [1], blocks=8, quantity="correlation"))
    renamed = ms.measure(chain.map_symbols({0: "a", 1: "b", 2: "c"}), [1], blocks=8)
    assert "lower bound" not in str(renamed)
    by_hand = ms.measure(chain.map_symbols(np.array([0, 1, 1])), [1], blocks=8)
    assert "the 3 symbols were merged into classes" in str(by_hand)


def test_other_data_take_the_same_classes_over():
    rule = Merging.parse("top:3")
    like = rule.apply(ms.Sequences.from_arrays("aaaabbbccd"))
    assert sorted(like.alphabet) == ["a", "b", "other"]
    assert rule.apply(ms.Sequences.from_arrays("dddaax"), like).decode(0) == ["other"] * 3 + ["a"] * 2 + ["other"]
