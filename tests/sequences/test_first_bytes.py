"""Every file is what its first bytes say: marks of encodings, binary data, formats under other names."""

import io
import pickle
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

import miscope as ms
from miscope.errors import InputError, MiscopeWarning
from miscope.sequences.text_files import _wide_encoding

TEXT = "so it is, and it is so\n" * 20
WORDS = ["so", "it", "is", ",", "and", "it", "is", "so"] * 20
RANDOM = np.random.default_rng(0)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab\nsize 12345\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_says_how_it_is_written(put, encoding):
    assert ms.read(put("a.txt", TEXT.encode(encoding)), unit="word").decode(0) == WORDS
    assert ms.read(put("a.txt", TEXT.encode(encoding)), unit="word", encoding=encoding).decode(0) == WORDS
    assert ms.read(put("a.csv", "x,y\nb,1\né,2\n".encode(encoding)), column="x").decode(0) == "bé"
    assert ms.read(put("a.jsonl", '{"x": "b"}\n{"x": "é"}\n'.encode(encoding))).decode(0) == "bé"
    assert ms.read(put("a.fa", ">one\nACGT\n".encode(encoding))).decode(0) == "ACGT"


def test_a_mark_of_the_other_order(put):
    for mark, encoding in [(b"\xfe\xff", "utf-16-be"), (b"\0\0\xfe\xff", "utf-32-be")]:
        assert ms.read(put("a.txt", mark + TEXT.encode(encoding)), unit="word").decode(0) == WORDS


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_and_another_encoding_do_not_go_together(put, mark):
    with pytest.raises(InputError, match="begins with the mark"):
        ms.read(put("a.txt", TEXT.encode(mark)), encoding="latin-1")


def test_text_that_is_cut_off_in_a_character(put):
    with pytest.raises(InputError, match=r"utf-16.* cut off or damaged"):
        ms.read(put("a.txt", TEXT.encode("utf-16")[:-1]))


@pytest.mark.parametrize("text", [TEXT, "привет, мир\n" * 9, "你好，世界 一个测试\n" * 9, "हिन्दी किताब\n" * 9])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_without_a_mark_the_encoding_is_named_and_not_guessed(put, text, encoding):
    path = put("a.txt", text.encode(encoding))
    for options in ({}, {"encoding": "latin-1"}, {"unit": "word"}):
        with pytest.raises(InputError, match=f"encoding='{encoding}'"):
            ms.read(path, **options)
    assert ms.read(path, encoding=encoding).decode(0) == text
    if text is TEXT:
        with pytest.raises(InputError, match=f"encoding='{encoding}'"):
            ms.read_table(path)


@pytest.mark.parametrize(
    "text",
    [
        "你好世界一个测试今天天气很好我们去公园散步吧" * 9,
        "春はあけぼのやうやう白くなりゆく山ぎは少しあかりて" * 9,
        "ひらがなのみのぶんしょうにはすうじもない" * 9,  # no byte of it is a control character
        "모든국민은법률이정하는바에의하여" * 9,
        "สวัสดีชาวโลกวันนี้อากาศดีมาก" * 9,
    ],
)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_without_a_mark_and_without_spaces_both_readings_are_said(put, text, encoding):
    path = put("a.txt", text.encode(encoding))
    for options in ({}, {"unit": "word"}):
        with pytest.raises(InputError, match=f"could be text in {encoding}.* encoding='{encoding}'.*or numbers"):
            ms.read(path, **options)
    assert ms.read(path, encoding=encoding).decode(0) == text
    assert ms.read(put("b.txt", text.encode())).decode(0) == text


def test_numbers_of_two_bytes_are_no_script(put):
    for low, high in [(0, 2**16), (20_000, 40_000), (0x4E00, 0xA000)]:
        numbers = RANDOM.integers(low, high, 2000).astype(np.uint16).tobytes()
        with pytest.raises(InputError) as caught:
            ms.read(put("a.txt", numbers))
        assert "utf-16" not in str(caught.value)


BINARY = {
    "noise": RANDOM.integers(0, 256, 5000).astype(np.uint8).tobytes(),
    "codes": (np.arange(500) % 4).astype(np.uint8).tobytes(),
    "numbers": RANDOM.random(500).tobytes(),
    "whole numbers": RANDOM.integers(-300, 300, 900).astype(np.int16).tobytes(),
    "few bytes": b"\0\1\2",
    "behind text": b"so it is " * 600 + RANDOM.integers(0, 256, 5000).astype(np.uint8).tobytes(),
}


@pytest.mark.parametrize("content", BINARY.values(), ids=BINARY)
def test_binary_data_are_no_text_in_any_encoding(put, content):
    path = put("a.txt", content)
    for options in ({}, {"encoding": "latin-1"}, {"encoding": "cp1252", "unit": "word"}):
        with pytest.raises(InputError, match="binary data") as caught:
            ms.read(path, **options)
        assert "encoding=" not in str(caught.value)
    assert ms.read(path, unit="byte").n_symbols == len(content)


def test_binary_data_far_behind_text(put):
    """Where they are not read with the first piece, the decoder finds them: still no encoding is advised."""
    path = put("a.txt", b"so it is " * 60_000 + BINARY["noise"])
    with pytest.raises(InputError, match="binary data") as caught:
        ms.read(path)
    assert "encoding=" not in str(caught.value)


def test_text_that_is_only_of_another_encoding_is_advised_to_name_it(put):
    with pytest.raises(InputError, match="name the encoding that it was written in"):
        ms.read(put("a.txt", "café crème ".encode("latin-1") * 20))


@pytest.mark.parametrize(
    "text",
    ["so it is\0, and so on", "\x1b[31mred\x1b[0m " * 40, "so\x1fit\x1eis" * 20, "so\x1a", "a\fb\vc\b" * 9, "\x7f",
     "PK is so", "PAR1 is so", "ARROW1", "FEA1 so", "GIF89a so", "BM so", "ID3", "MZ so", "Rar!", "BZh9 so", "7z so",
     "MATLAB 7.3 is so", "version https://git-lfs.github.com is so",
     "<!DOCTYPE html><p>so</p>", "%PDF is so", "RIFF, WAVE", "CDF so"],
)  # fmt: skip
def test_text_that_begins_like_something_else_is_text(put, text):
    assert ms.read(put("a.txt", text.encode())).decode(0) == text


def test_zeros_between_documents_are_no_binary_data(put):
    path = put("a.txt", b"so it\0is and\0so on\0" * 9)
    assert ms.read_text(path, separator="\0").n_documents == 27


# Formats under other names


def formats(folder):
    table = pa.table({"x": ["b", "a", "b"]})
    np.save(folder / "a.npy", [0, 1, 2])
    np.savez(folder / "a.npz", x=[0, 1, 2])
    parquet.write_table(table, folder / "a.parquet")
    feather.write_feather(table, folder / "a.feather")
    ms.Sequences.from_arrays(["abba", "ba"]).save(folder / "a.arrow")
    return sorted(folder.iterdir())


@pytest.mark.parametrize("other", [".txt", ".csv", ".fa", ".npy", ".mat", ".arrow", ".data"])
def test_formats_are_known_whatever_they_are_called(tmp_path, other):
    for path in formats(tmp_path):
        expected = ms.read(path)
        path.rename(tmp_path / f"named{other}")
        assert ms.read(tmp_path / f"named{other}") == expected, path
        (tmp_path / f"named{other}").unlink()


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.mat", "a.parquet", "a.feather", "a.arrow"])
def test_text_is_none_of_them_whatever_it_is_called(put, name):
    with pytest.raises(ms.FormatError, match=r"begins with|no MATLAB file"):
        ms.read(put(name, b"so it is"))


@pytest.mark.parametrize(
    "name", ["a.txt", "a.csv", "a.jsonl", "a.fa", "a.npy", "a.npz", "a.mat", "a.h5", "a.parquet", "a.arrow"]
)
def test_a_pointer_of_git_lfs(put, name):
    with pytest.raises(InputError, match="git lfs pull"):
        ms.read(put(name, POINTER))


def zipped(*names):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(name, "application/vnd.oasis.opendocument.text" if name == "mimetype" else "so")
    return held.getvalue()


FOREIGN = {
    "ZIP": zipped("a.txt"),
    "Word": zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"),
    "Excel": zipped("[Content_Types].xml", "xl/workbook.xml"),
    "OpenDocument": zipped("mimetype", "content.xml"),
    "book": zipped("META-INF/container.xml"),
    "PyTorch": zipped("archive/data.pkl", "archive/version"),
    "archive": b"7z\xbc\xaf\x27\x1c\0\x04",
    "archive of": b"Rar!\x1a\x07\x01\0",
    "archive of files": b"so.txt".ljust(257, b"\0") + b"ustar\x0000",
    "pickle": pickle.dumps({"so": 1}),
    "sound": b"RIFF\x24\0\0\0WAVEfmt ",
    "recording": b"ID3\x03\0\0\0\0",
    "film": b"\0\0\0\x18ftypmp42",
    "MIDI": b"MThd\0\0\0\x06",
    "RTF": b"{\\rtf1 so}",
    "SQLite": b"SQLite format 3\0",
    "program": b"\x7fELF\x02\x01\x01\0",
    "RData": b"RDX3\nX\n\0\0",
    "netCDF": b"CDF\x01\0\0\0\0",
}
PACKED = {"ZIP", "Word", "Excel", "OpenDocument", "book", "PyTorch", "archive", "archive of", "archive of files"}


@pytest.mark.parametrize("word", FOREIGN)
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.fa"])
def test_what_it_is_and_what_to_do(put, word, name):
    path = put(name, FOREIGN[word])
    for options in ({}, {"encoding": "latin-1"} if name != "a.fa" else {}):
        with pytest.raises(InputError, match=word):
            ms.read(path, **options)


@pytest.mark.parametrize("word", FOREIGN)
def test_bytes_are_read_of_all_but_archives_with_a_note(put, word):
    path = put("a.txt", FOREIGN[word])
    if word in PACKED:
        with pytest.raises(InputError, match=word):
            ms.read(path, unit="byte")
    else:
        for documents in ("file", "none"):
            with pytest.warns(MiscopeWarning, match=word):
                found = ms.read(path, unit="byte", documents=documents)
            assert found.codes.tobytes() == FOREIGN[word]
            assert word in found.provenance["notes"][0]


def test_standard_input_too(monkeypatch):
    for content, word in [
        (BINARY["noise"], "binary"),
        (FOREIGN["ZIP"], "ZIP"),
        (POINTER, "git lfs"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
    ]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        with pytest.raises(InputError, match=word):
            ms.read("-")


def test_numbers_in_two_bytes_are_no_text_in_two_bytes():
    assert _wide_encoding((np.arange(400) % 20).astype(np.uint16).tobytes()) is None
    assert _wide_encoding(RANDOM.integers(0, 2**16, 500).astype(np.uint16).tobytes()) is None
    assert _wide_encoding(b"") is None
