"""FASTA, JSON lines and JSON are known by what is in them, under any name, and from pipes; other text stays text."""

import gzip
import io
import json
import os
import sys
import threading

import numpy as np
import pytest

import miscope as ms
from miscope.errors import InputError, MiscopeWarning
from miscope.sequences.text_formats import SIZE, text_format_of

FASTA = b">one first\nACGTNN\nacgt\n>two\nTTGAACGT\n"
ROWS = [{"text": "so it is", "n": 1}, {"text": "is it so", "n": 2}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
PRETTY = json.dumps({"rows": ROWS}, indent=1).encode()
FASTQ = b"@one\nACGT\n+\nIIII\n@two\nTTGA\n+\nFFFF\n"
PROTEIN = b">p\nMKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ\nAPILSRVGDGTQDNLSGAEKAVQ*\n"


def of_bases(found):
    return [found.decode(document) for document in range(len(found))]


@pytest.mark.parametrize(
    ("content", "format_"),
    [
        (FASTA, "fasta"),
        (FASTA.replace(b"\n", b"\r\n"), "fasta"),
        (FASTA.replace(b"\n", b"\r"), "fasta"),
        (b"\xef\xbb\xbf" + FASTA, "fasta"),
        (FASTA.decode().encode("utf-16"), "fasta"),
        (b"; so\n" + FASTA, "fasta"),
        (b">one\nACGTACGTAC GTACGTACGT 20\n", "fasta"),
        (b">one\nACGUACGURYN-ACGUACGUACGUACGUACGU\n", "fasta"),
        (b">one\n----ACGT--NNNNNNNNNNNNNNNN\n>two\n----ACGT------\n", "fasta"),
        (PROTEIN, "fasta"),
        (FASTQ, "fastq"),
        (LINES, "jsonl"),
        (LINES.replace(b"\n", b"\n\n"), "jsonl"),
        (b'{"a": "' + b"so " * SIZE + b'"}\n' + LINES, "json"),  # a line longer than what is looked at
        (LINES[:-1], "jsonl"),
        (LINES.splitlines()[0], "json"),
        (PRETTY, "json"),
        (b'[{"x": 1}, {"x": NaN}]', "json"),
        (b"[1, 2, [3]]\n", "json"),
        (b'["so", "it"]', "json"),
        (b'{"a": "so \\" it\\n", "b": null}', "json"),
    ],
)
def test_what_is_certain(content, format_):
    start = content[:SIZE]
    assert text_format_of(start, len(start) < SIZE) == format_


@pytest.mark.parametrize(
    "text",
    [
        "> so it is,\n> and it is so\nNo.\n",  # quoted mail
        ">so it is\n>and it is so\n",
        "> yes\nNO\n",
        ">>> so\nIT IS SO\nAND SO ON, IT IS\n",
        ">a\nact\n",
        "> Cat\nA CAT AND A TAG\n",
        "> so it is\n\n---------\n",
        "> so\nNNNNNNNNNNNNNN\n",
        "{ So it is,\n  and so on }\n",  # poems
        "{so: it, is: so}\n",
        "{}, so it is",
        "[1] So it is.\n[2] It is so.\n",
        "[So it is]\n",
        "{'so': 'it is'}\n",
        '{"so it is", she said}\n',
        '{"so": it}\n',
        "; so it is\nand so on\n",
        "@so it is\nand\n+so\non\n",
        "@one\nACGT\n-\nIIII\n",
        "",
        ">",
        "{",
        "@\n\n+\n\n",
    ],
)
def test_other_text_stays_text_without_a_word(put, text):
    assert text_format_of(text.encode()) is None
    if text:
        assert ms.read(put("a.txt", text.encode())).decode(0) == text


@pytest.mark.parametrize("name", ["a.txt", "a", "a.dat", "a.txt.gz", "a.csv", "a.jsonl"])
def test_fasta_under_another_name(put, name):
    path = put(name, gzip.compress(FASTA) if name.endswith("gz") else FASTA)
    with pytest.warns(MiscopeWarning, match="FASTA by the first bytes.*format='text'") as caught:
        found = ms.read(path)
    assert of_bases(found) == ["ACGT", "ACGT", "TTGAACGT"]
    assert found.provenance["notes"] == [str(caught[0].message)]
    assert ms.read(path, format="fasta") == found
    assert ms.read(path, format="text").decode(0) == FASTA.decode()


@pytest.mark.parametrize("name", ["a.txt", "a", "a.json", "a.txt.gz", "a.fa"])
def test_json_lines_under_another_name(put, name):
    path = put(name, gzip.compress(LINES) if name.endswith("gz") else LINES)
    with pytest.warns(MiscopeWarning, match="JSON lines by the first bytes"):
        found = ms.read(path, column="text", unit="word")
    assert of_bases(found) == [["so", "it", "is"], ["is", "it", "so"]]
    assert ms.read(path, column="text", unit="word", format="table") == found
    assert ms.read(path, format="text").decode(0) == LINES.decode()
    with pytest.raises(InputError, match="name one with column"):
        ms.read(path)
    assert ms.read(put("a.csv", LINES), column="text", unit="word") == found


def test_options_of_text_are_followed_with_a_note(put):
    for content, word in [(FASTA, "format='fasta'"), (LINES, "format='table'")]:
        path = put("a.txt", content)
        for options in ({"documents": "line"}, {"unit": "byte"}):
            with pytest.warns(MiscopeWarning, match=rf"read as text.*{word} .*without {next(iter(options))}"):
                found = ms.read(path, **options)
            assert found == ms.read(path, **options, format="text")


def test_json_is_text_with_a_note(put):
    path = put("a.json", PRETTY)
    with pytest.warns(MiscopeWarning, match=r"JSON by the first bytes.*one object a line"):
        assert ms.read(path, unit="word").provenance["unit"] == "word"
    assert ms.read(path, format="text").decode(0) == PRETTY.decode()
    with pytest.raises(InputError, match="cannot be read as JSON lines"):
        ms.read(put("a.json", json.dumps(ROWS).encode()), column="n")


def test_what_cannot_be_read_says_what_it_is(put):
    with pytest.raises(InputError, match="FASTQ"):
        ms.read(put("a.txt", FASTQ))
    with pytest.raises(InputError, match="alphabet='protein'"):
        ms.read(put("a.txt", PROTEIN))
    with pytest.raises(InputError, match="did you mean 'fasta'"):
        ms.read(put("a.txt", FASTA), format="fast")


def test_many_files_are_noted_once(put):
    paths = [put(f"{name}.txt", FASTA) for name in "abc"]
    with pytest.warns(MiscopeWarning, match=r"a\.txt' and 2 more: FASTA") as caught:
        assert ms.read(paths).n_documents == 9
    assert len(caught) == 1
    with pytest.raises(InputError, match="format='text'"):
        ms.read([*paths, put("d.txt", b"so it is")])


def standard_input(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_standard_input(monkeypatch):
    for content in (FASTA, gzip.compress(FASTA)):
        standard_input(monkeypatch, content)
        with pytest.warns(MiscopeWarning, match="<stdin>.*FASTA"):
            assert of_bases(ms.read("-")) == ["ACGT", "ACGT", "TTGAACGT"]
    standard_input(monkeypatch, FASTA)
    assert ms.read("-", format="text").decode(0) == FASTA.decode()
    standard_input(monkeypatch, LINES)
    assert ms.read("-", column="n").decode(0) == [1, 2]
    standard_input(monkeypatch, b"so it is " * 300_000)
    assert ms.read("-", unit="word").n_symbols == 900_000
    held = io.BytesIO()
    np.save(held, [0, 1, 2])
    standard_input(monkeypatch, held.getvalue())
    assert ms.read("-").codes.tolist() == [0, 1, 2]


def test_standard_input_that_was_refused_can_be_read_again(monkeypatch):
    standard_input(monkeypatch, FASTA)
    with pytest.raises(InputError, match="codons"):
        ms.read("-", codons=True, documents="line")
    with pytest.warns(MiscopeWarning, match="FASTA"):
        assert ms.read("-").n_documents == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_named_pipe(tmp_path):
    path = tmp_path / "pipe.txt"
    os.mkfifo(path)
    for content, name in [(FASTA, "FASTA"), (LINES * 50_000, "JSON lines")]:
        writer = threading.Thread(target=path.write_bytes, args=[content])
        writer.start()
        with pytest.warns(MiscopeWarning, match=f"{name} by"):
            found = ms.read(path, **({} if name == "FASTA" else {"column": "n"}))
        writer.join(10)
        assert found.n_symbols == (16 if name == "FASTA" else 100_000)
