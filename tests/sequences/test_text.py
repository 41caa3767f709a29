"""Text: every unit and kind of document against a slow reference, and every failure by its words."""

import hashlib
import io
import itertools
import os
import re
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import naive
from miscope.curve import measure
from miscope.errors import FormatError, InputError, MiscopeWarning
from miscope.sequences import Sequences, Series, read, read_npy, read_text
from miscope.sequences.compression import compression_of
from miscope.sequences.encoding import BYTES
from miscope.sequences.foreign import refuse_foreign
from packing import COMPRESS

controls = "".join(map(chr, [*range(8), *range(14, 26), 127]))  # what no text has
letters = st.characters(codec="utf-8", exclude_characters=controls)
tricky = st.text(
    st.one_of(st.sampled_from("ab \n\r\t'’-_.AÉßİ\x0b\x0c\x1c\x85\u2028\ufeff\u0301\u200b"), letters),
    max_size=60,
)


def slow_documents(text, documents, separator):
    """Cut a text whose line ends are all newlines; the empty documents are still there."""
    if separator is not None:
        pieces = text.split(separator)
    elif documents == "line":
        pieces = text.split("\n")
    elif documents == "blank-line":
        groups = itertools.groupby(text.split("\n"), key=lambda line: not line.strip())
        return ["\n".join(lines) for blank, lines in groups if not blank]
    else:
        return [text]
    return pieces if pieces[-1] or len(pieces) == 1 else pieces[:-1]


def slow_read(text, unit, documents="file", separator=None, fold_case=False):
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    cut = slow_documents(text, documents, separator)
    cut = [document.casefold() for document in cut] if fold_case else cut
    find = {"character": list, "word": naive.words, "token": str.split}[unit]
    return [symbols for symbols in map(find, cut) if symbols]


def symbols_of(sequences):
    return [[sequences.alphabet[code] for code in document] for document in sequences]


def in_pieces_of(n):
    """Read so many bytes at a time."""
    return patch("miscope.sequences.streams.PIECE", n)


def begins_as_text(data):
    """Whether these are not the first bytes of something else, which hypothesis takes from the code."""
    try:
        refuse_foreign(data, "")
    except InputError:
        return False
    return True


piece_sizes = st.sampled_from([1, 2, 3, 5, 17, 1 << 18])


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("text") / "text.txt"


@pytest.fixture
def poem(tmp_path):
    path = tmp_path / "poem.txt"
    path.write_bytes(b"So it's so.\nSo be it!\n")
    return path


@pytest.mark.parametrize("unit", ["character", "word", "token"])
@pytest.mark.parametrize("cut", ["file", "line", "blank-line", "none", "a", "A", "\n\n", "-- "])
@pytest.mark.filterwarnings("ignore:the separator:miscope.errors.MiscopeWarning")
@settings(max_examples=60, deadline=None)  # compiles
@given(text=tricky, fold_case=st.booleans(), size=piece_sizes)
def test_as_the_slow_reference(scratch, unit, cut, text, fold_case, size):
    how = {"documents": cut} if cut in ("file", "line", "blank-line", "none") else {"separator": cut}
    assume(begins_as_text(text.encode()))
    scratch.write_bytes(text.encode())
    expected = slow_read(text, unit, fold_case=fold_case, **how)
    if not expected:
        with pytest.raises(InputError, match="not one"), in_pieces_of(size):
            read_text(scratch, unit, fold_case=fold_case, **how)
        return
    with in_pieces_of(size):
        sequences = read_text(scratch, unit, fold_case=fold_case, **how)
    assert symbols_of(sequences) == expected
    counts = Counter(itertools.chain(*expected))
    key = str if unit == "character" else lambda symbol: (-counts[symbol], symbol)
    assert sequences.alphabet == tuple(sorted(counts, key=key))


BOOK = "Contents\r\nCHAPTER I\rA chapter.\nCHAPTER II\nEnd of CHAPTER II\n"
ARTICLES = " = One = \nso it is\n = = Part = = \nit is\n = Two words = \nso\n"
OF_ARTICLES = ["so it is\n = = part = = \nit is\n", "so\n"]


@pytest.mark.parametrize(
    ("text", "how", "expected"),
    [
        (BOOK, {"separator": "CHAPTER"}, ["contents\n", " i\na chapter.\n", " ii\nend of ", " ii\n"]),
        (BOOK, {"separator": "E"}, ["contents\nchapt", "r i\na chapter.\nchapt", "r ii\n", "nd of chapt", "r ii\n"]),
        (
            BOOK,
            {"separator_regex": r"^CHAPTER [IVX]+$"},
            ["contents\n", "a chapter.\n", "end of chapter ii\n"],
        ),
        (
            BOOK,
            {"separator_regex": r"(?i)(?=^chapter)"},
            ["contents\n", "chapter i\na chapter.\n", "chapter ii\nend of chapter ii\n"],
        ),
        (ARTICLES, {"separator_regex": "^ = [^=].* = $"}, OF_ARTICLES),
        ("\ufeff" + ARTICLES, {"separator_regex": "^ = [^=].* = $"}, OF_ARTICLES),
        ("a--b\n-- c", {"separator_regex": " ?-+ ?"}, ["a", "b\n", "c"]),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1 << 18])
def test_separators_look_at_the_text_as_it_is(tmp_path, text, how, expected, size):
    (tmp_path / "a").write_bytes(text.encode())
    with in_pieces_of(size):
        found = read_text(tmp_path / "a", fold_case=True, **how)
        as_written = read_text(tmp_path / "a", **how)
    assert [found.decode(document) for document in range(len(found))] == expected
    assert [as_written.decode(document).casefold() for document in range(len(found))] == expected
    assert found.provenance["documents"] == "separator"
    assert found.provenance.get("separator_regex") == how.get("separator_regex")


@pytest.mark.parametrize("how", [{"separator": "Chapter"}, {"separator": "Z"}, {"separator_regex": "^Chapter"}])
@pytest.mark.parametrize("unit", ["word", "byte"])
def test_a_separator_that_does_not_occur_is_said(tmp_path, unit, how):
    if unit == "byte" and "separator_regex" in how:
        return
    (tmp_path / "a").write_bytes(BOOK.encode() * 20)
    (tmp_path / "b").write_bytes(b"Chapter Z")
    with pytest.warns(MiscopeWarning, match=re.escape(next(iter(how.values())))):
        found = read_text(tmp_path / "a", unit, **how)
    [note] = found.provenance["notes"]
    assert "case counts" in note
    assert note in measure(found, [1], blocks=0).warnings
    assert "notes" not in read_text([tmp_path / "a", tmp_path / "b"], unit, **how).provenance


@pytest.mark.parametrize("size", [1, 2, 3, 1 << 18])
def test_words_of_all_scripts_whatever_their_case(tmp_path, size):
    text = "\ufeffİstanbul I\u0307STANBUL\r\nCAFE\u0301 café ca\u00adfé\rहिन्दी किताब a\u200bB"
    (tmp_path / "a").write_bytes(text.encode())
    with in_pieces_of(size):
        found = read_text(tmp_path / "a", "word", "line", fold_case=True)
    assert symbols_of(found) == [["i\u0307stanbul"] * 2, ["café"] * 3, ["हिन्दी", "किताब", "ab"]]


def slow_bytes(data, documents, separator):
    text = data.decode("latin-1")
    if separator is not None or documents == "file":
        return slow_documents(text, "file", separator)
    lines = re.findall(r"([^\r\n]*)(\r\n|\r|\n|$)", text)
    if documents == "line":
        return [line for line, _ in lines]
    groups = itertools.groupby(lines, key=lambda line: not line[0].strip(" \t\v\f"))
    return ["".join(map("".join, g)).removesuffix("\r\n").rstrip("\r\n") for blank, g in groups if not blank]


@pytest.mark.parametrize("cut", ["file", "line", "blank-line", "é", "\n\n"])
@pytest.mark.filterwarnings("ignore:the separator:miscope.errors.MiscopeWarning")
@settings(deadline=None)  # compiles
@given(data=st.one_of(st.binary(max_size=40), tricky.map(str.encode)), size=piece_sizes)
def test_bytes_as_the_slow_reference(scratch, cut, data, size):
    how = {"documents": cut} if cut in ("file", "line", "blank-line") else {"separator": cut}
    assume(compression_of(data) is None and begins_as_text(data))
    scratch.write_bytes(data)
    separator = None if "documents" in how else cut.encode().decode("latin-1")
    expected = [text.encode("latin-1") for text in slow_bytes(data, how.get("documents", "file"), separator) if text]
    if expected:
        with in_pieces_of(size):
            sequences = read_text(scratch, "byte", **how)
        assert [document.tobytes() for document in sequences] == expected
        several = read_text([scratch, scratch], "byte", **how)
        assert [document.tobytes() for document in several] == 2 * expected
        assert (sequences.alphabet_size, sequences.alphabet) == (256, BYTES)
    else:
        with pytest.raises(InputError, match="not one byte"):
            read_text(scratch, "byte", **how)


def test_byte_symbols_are_readable():
    assert (len(set(BYTES)), BYTES[65], BYTES[10], BYTES[255]) == (256, "A", "\\x0a", "\\xff")


def test_bytes_of_a_plain_file_stay_on_disk(poem):
    for documents in ("file", "none"):
        sequences = read_text(poem, "byte", documents=documents)
        assert isinstance(sequences.codes.base, np.memmap)
        assert sequences.codes.tobytes() == poem.read_bytes()


def test_words_longer_than_a_piece_and_pieces_that_end_anywhere(tmp_path):
    text = "x" * 600_000 + " it's " * 100_000 + "no-\nend" + "\n" * 300_000 + "é" * 300_000
    (tmp_path / "a").write_text(text)
    for unit in ("character", "word", "token"):
        assert symbols_of(read_text(tmp_path / "a", unit)) == slow_read(text, unit)
        found = read_text(tmp_path / "a", unit, documents="blank-line")
        assert symbols_of(found) == slow_read(text, unit, "blank-line")


def test_alphabets_beyond_a_byte(tmp_path):
    text = "".join(map(chr, range(0x3400, 0x3400 + 300))) + "\U00020000" * 2
    (tmp_path / "a").write_text(text)
    sequences = read_text(tmp_path / "a")
    assert sequences.codes.dtype == np.uint16
    assert sequences.decode(0) == text


def test_provenance(poem):
    sequences = read_text(poem, "word", documents="line")
    content = poem.read_bytes()
    assert sequences.provenance == {
        "reader": "read_text",
        "label": "poem.txt",
        "unit": "word",
        "documents": "line",
        "separator": None,
        "encoding": "utf-8",
        "fold_case": False,
        "empty_documents_dropped": 0,
        "sources": [{"name": str(poem), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}],
    }
    assert read_text(poem, label="mine").provenance["label"] == "mine"


def test_empty_documents_are_dropped_and_counted(tmp_path):
    (tmp_path / "a").write_text("x\n\n\ny\n")
    (tmp_path / "b").write_text("")
    assert read_text(tmp_path / "a", documents="line").provenance["empty_documents_dropped"] == 2
    both = [tmp_path / "a", tmp_path / "b"]
    for unit in ("byte", "character", "word"):
        sequences = read_text(both, unit)
        assert (len(sequences), sequences.provenance["empty_documents_dropped"]) == (1, 1)


def test_several_files(tmp_path):
    for name, text in [("b.txt", "bee"), ("a.txt", "ant"), ("sub/c.txt", "cat"), ("[d].txt", "dog")]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def texts(*paths, **options):
        sequences = read_text(*paths, **options)
        return [sequences.decode(document) for document in range(len(sequences))]

    assert texts(str(tmp_path / "?.txt")) == ["ant", "bee"]
    assert texts(str(tmp_path / "**" / "?.txt")) == ["ant", "bee", "cat"]
    assert texts(str(tmp_path / "[d].txt")) == ["dog"]
    assert texts([tmp_path / "b.txt", str(tmp_path / "a*")], documents="none") == ["beeant"]
    assert len(texts([tmp_path / "b.txt", tmp_path / "a.txt"], separator="e")) == 2
    assert read_text([tmp_path / "b.txt", tmp_path / "a.txt"], "byte", documents="none").lengths.tolist() == [6]
    several = read_text([tmp_path / "b.txt", tmp_path / "a.txt"], "word", documents="none")
    assert sorted(symbols_of(several)[0]) == ["ant", "bee"]
    assert several.provenance["label"] == "b.txt and 1 more"


@pytest.mark.parametrize("compress", COMPRESS.values(), ids=COMPRESS)
def test_compressed_files(tmp_path, compress):
    content = os.urandom(20_000).hex().encode() * 60  # 2.4 MB, more than one buffer of any decompressor
    path = tmp_path / "text"
    more = b"" if compress is COMPRESS["lzma"] else b"second frame"  # the old form has only one
    path.write_bytes(compress(content) + (compress(more) if more else b""))
    assert read_text(path, "byte").codes.tobytes() == content + more
    assert read_text(path).n_symbols == len(content) + len(more)
    assert read_text(path, "byte").provenance["sources"][0]["bytes"] == path.stat().st_size
    whole = compress(content)
    for size in (15, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="is a damaged "):
            read_text(path, "byte")


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"so it is")))
    assert read_text("-", "byte").codes.tobytes() == b"so it is"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"so it is")))
    sequences = read_text("-", "word")
    assert symbols_of(sequences) == [["so", "it", "is"]]
    assert sequences.provenance["label"] == sequences.provenance["sources"][0]["name"] == "<stdin>"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_pipes(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, b"so it is")
    os.close(writing)
    try:
        assert read(f"/dev/fd/{reading}").decode(0) == "so it is"
    finally:
        os.close(reading)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_encodings(tmp_path, encoding):
    text = "“So”\r\n— é\rso"
    (tmp_path / "a").write_bytes(text.encode(encoding))
    assert read_text(tmp_path / "a", encoding=encoding).decode(0) == "“So”\n— é\nso"
    raw = read_text(tmp_path / "a", "byte", separator="—", encoding=encoding)
    assert [document.tobytes() for document in raw] == [
        part.encode(encoding).removeprefix(b"" if i == 0 else "".encode(encoding))
        for i, part in enumerate(text.split("—"))
    ]


@pytest.mark.parametrize("unit", ["byte", "character", "word"])
def test_ten_million_documents_are_no_trouble(tmp_path, unit):
    (tmp_path / "a").write_bytes(b"a\nb\n" * 5_000_000)
    sequences = read_text(tmp_path / "a", unit, documents="line")
    assert len(sequences) == sequences.n_symbols == 10_000_000
    assert sequences.lengths.max() == 1
    assert sequences.codes[:4].tolist() == ([97, 98, 97, 98] if unit == "byte" else [0, 1, 0, 1])


@pytest.mark.parametrize("how", [{}, {"unit": "byte"}, {"unit": "byte", "documents": "line"}])
def test_progress(tmp_path, monkeypatch, how):
    monkeypatch.setattr("miscope.sequences.streams.HASH_PIECE", 1 << 20)
    for name in "ab":
        (tmp_path / name).write_bytes(b"x" * 2_500_000)
    seen = []
    read_text([tmp_path / "a", tmp_path / "b"], progress=lambda *told: seen.append(told), **how)
    assert {total for _, total in seen} == {5_000_000}
    done = [told for told, _ in seen]
    assert done == sorted(done)
    assert (done[-1], len(done) >= 6) == (5_000_000, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unit": "charcter"}, "did you mean 'character'"),
        ({"documents": "lines"}, "unknown kind of documents 'lines'; did you mean 'line'"),
        ({"documents": "line", "separator": "x"}, "exclude each other"),
        ({"separator": ""}, "separator is empty"),
        ({"separator_regex": ""}, "expression for separators is empty"),
        ({"separator_regex": "["}, r"'\[' cannot be understood"),
        ({"separator_regex": "a{99999999999999}"}, "cannot be understood"),
        ({"separator_regex": "x*"}, "'x\\*' matches where there is nothing"),
        ({"separator_regex": "^\\s*$"}, "matches where there is nothing.*documents='blank-line'"),
        ({"separator_regex": "x", "separator": "x"}, "exclude each other"),
        ({"separator_regex": "x", "documents": "line"}, "exclude each other"),
        ({"separator_regex": "x", "unit": "byte"}, "not for bytes"),
        ({"unit": "byte", "fold_case": True}, "no case to fold"),
        ({"encoding": "utf9"}, "unknown encoding 'utf9'; usual ones"),
        ({"encoding": "hex"}, "unknown encoding 'hex'"),
        ({"encoding": "latin-1", "separator": "—"}, "cannot be written in latin-1"),
        (
            {"encoding": "ascii"},
            r"poem.txt' is not ascii: byte 4 \(line 2\) is 0xc3: .*encoding='…'.*unit='byte'",
        ),
        ({"separator": "a\né"}, "not one character in poem.txt; it is empty, except for the separator"),
    ],
)
def test_options_that_make_no_sense(tmp_path, options, words):
    (tmp_path / "poem.txt").write_bytes("a\né".encode() if "ascii" not in options.values() else "ab\n\u0000é".encode())
    with pytest.raises(InputError, match=words):
        read_text(tmp_path / "poem.txt", **options)


def test_files_that_cannot_be_read(tmp_path, poem, monkeypatch):
    (tmp_path / "empty").touch()
    (tmp_path / "white").write_text(" \n ")
    (tmp_path / "bad").write_bytes(b"one\ntwo\n\xff")
    for path, options, words in [
        (tmp_path / "missing", {}, "missing': there is no such file"),
        (poem / "below", {}, "cannot read"),
        (tmp_path, {}, r"is a folder; name the files inside it, for example .*\*\.txt"),
        (str(tmp_path / "*.csv"), {}, r"no file matches .*\*\.csv"),
        ([], {}, "no files to read"),
        (tmp_path / "empty", {}, "not one character in empty; it is empty"),
        (tmp_path / "empty", {"unit": "byte"}, "not one byte in empty"),
        (tmp_path / "white", {"unit": "word"}, "it is empty, except for white space"),
        (tmp_path / "bad", {}, r"not utf-8: byte 8 \(line 3\) is 0xff"),
        ("long " * 1000, {}, "cannot read"),
        ("zero\0byte", {}, "cannot read"),
    ]:
        with pytest.raises(InputError, match=words):
            read_text(path, **options)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(np, "memmap", refuse)
        with pytest.raises(InputError, match="no right to read it"):
            read_text(poem, "byte")
    monkeypatch.setattr(Path, "open", refuse)
    for how in ({}, {"unit": "byte"}, {"documents": "line"}):
        with pytest.raises(InputError, match="no right to read it"):
            read_text(poem, **how)


@settings(deadline=None)
@given(st.lists(st.integers(0, 300), min_size=2, max_size=20), st.sampled_from(["uint8", "uint16", "int32", ">i8"]))
def test_npy(tmp_path_factory, codes, dtype):
    path = tmp_path_factory.mktemp("npy") / "codes.npy"
    codes = np.array(codes).astype("uint8").astype(dtype)
    np.save(path, codes)
    assert read_npy(path) == Sequences.from_arrays(codes)
    np.save(path, np.stack([codes, codes]))
    assert [document.tolist() for document in read(path)] == [codes.tolist()] * 2
    np.save(path, np.asfortranarray(np.stack([codes, codes])))
    assert [document.tolist() for document in read(str(path))] == [codes.tolist()] * 2


def test_npy_stays_on_disk(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(10, dtype=np.uint16))
    sequences = read_npy(tmp_path / "a.npy", alphabet_size=10, label="ten")
    base = sequences.codes
    while not isinstance(base, np.memmap):
        base = base.base
    assert sequences.provenance["label"] == "ten"
    assert sequences.provenance["sources"][0]["bytes"] == (tmp_path / "a.npy").stat().st_size
    assert read_npy(tmp_path / "a.npy", alphabet="abcdefghij").decode(0) == "abcdefghij"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f8", "longdouble"])
def test_npy_of_real_numbers(tmp_path, dtype):
    values = np.array([[0.5, -1, 2], [0.25, 8, -3]])
    path = tmp_path / "returns.npy"
    np.save(path, np.asfortranarray(values.astype(dtype)))
    series = read(path)
    assert isinstance(series, Series)
    assert [document.tolist() for document in series] == values.tolist()
    assert (series.provenance["reader"], series.provenance["label"]) == ("read_npy", "returns.npy")
    assert series.provenance["sources"][0]["bytes"] == path.stat().st_size
    np.save(path, values[0].astype(dtype))
    assert read_npy(path, label="one").lengths.tolist() == [3]
    np.save(path, np.stack([values, values], axis=-1).astype(dtype))
    assert (read_npy(path).n_documents, read_npy(path).n_channels) == (2, 2)
    with pytest.raises(InputError, match=r"floating-point numbers, which have no alphabet.*array\.astype\(int\)"):
        read_npy(path, alphabet_size=4)


def test_npy_of_whole_numbers_stored_as_floats(tmp_path):
    path, codes = tmp_path / "states.npy", np.array([1, 2, 2, 3, 1] * 9)
    np.save(path, codes.astype(float))
    made = read(path)
    assert (made.codes.tolist(), made.n_kinds, made.provenance["reader"]) == (codes.tolist(), 3, "read_npy")
    assert "codes, not measurements" in made.provenance["notes"][0]
    assert read(path, as_="numbers").values.tolist() == codes.tolist()
    assert read(path, as_="edges:1.5").codes.tolist() == (codes > 1.5).tolist()
    np.save(path, codes - 2.0)
    with pytest.raises(InputError, match=r"as_='symbols'.*as_='quantiles:4'"):
        read(path)
    assert read(path, as_="symbols").decode(0) == (codes - 2).tolist()
    np.save(path, np.arange(50.0))
    assert read(path, as_="symbols").codes.tolist() == list(range(50))


def test_damaged_npy(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(100))
    whole = path.read_bytes()
    for size in [0, 3, *range(6, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(FormatError, match=r"no \.npy file" if size < 6 else "damaged"):
            read_npy(path)
    np.save(path, np.array([{}]), allow_pickle=True)
    with pytest.raises(FormatError, match="one of objects"):
        read_npy(path)
    for array, words in [
        ([0.5, np.nan], "value 1 of .* is nan.*missing='break'"),
        (np.array([], float), "the data are empty"),
        (np.zeros((1, 1, 1, 1)), "4 dimensions"),
        (0.5, "not a sequence"),
        ([0.5j], "not integers but complex128"),
        (np.zeros((1, 1, 1), int), "3 dimensions"),
        (np.array([], int), "the data are empty"),
        (3, "one"),
    ]:
        np.save(path, array)
        with pytest.raises(InputError, match=words):
            read_npy(path)
    with pytest.raises(InputError, match="no such file"):
        read_npy(tmp_path / "b.npy")


def test_one_door(tmp_path, poem):
    sequences = read(poem, unit="word")
    assert symbols_of(sequences)[0][0] == "So"
    sequences.save(tmp_path / "codes.arrow")
    sequences.save(tmp_path / "unmarked")
    assert read(tmp_path / "codes.arrow") == read(str(tmp_path / "unmarked")) == sequences
    np.save(tmp_path / "codes.npy", [0, 1])
    assert read(tmp_path / "codes.npy", alphabet_size=4).alphabet_size == 4
    assert len(read([poem, poem])) == 2
    for path, options, words in [
        (poem, {"column": "a"}, r"column cannot be used with text \(read_text\), .* takes: unit, documents"),
        (tmp_path / "codes.npy", {"unit": "word", "separator": "x"}, "unit, separator cannot be used with a .npy file"),
        (tmp_path / "unmarked", {"unit": "word"}, "unit cannot be used with an Arrow file"),
        (tmp_path / "missing.arrow", {}, "no such file"),
        (tmp_path / "missing.npy", {}, "no such file"),
        (Path(tmp_path), {}, "is a folder"),
    ]:
        with pytest.raises(InputError, match=words):
            read(path, **options)
