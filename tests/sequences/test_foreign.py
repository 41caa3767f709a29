"""Files that are no data: results of miscope, models, pictures, archives, told by their first bytes."""

import gzip
import io
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import miscope as ms
from miscope.errors import InputError, MiscopeWarning
from miscope.formats import KINDS, marked, what_takes
from miscope.sequences.foreign import is_safetensors


@pytest.fixture
def curve() -> ms.MICurve:
    return ms.measure("abcabca" * 100, "1:8")


def zipped() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("word/document.xml", "so it is")
    return held.getvalue()


@pytest.mark.parametrize("reader", [ms.read, ms.read_text])
@pytest.mark.parametrize("unit", ["character", "word", "token"])
def test_a_saved_curve_is_no_text(tmp_path, monkeypatch, curve, reader, unit):
    monkeypatch.chdir(tmp_path)
    curve.save("c.json")
    with pytest.raises(InputError) as caught:
        reader("c.json", unit=unit)
    assert str(caught.value) == (
        "'c.json' is a curve that miscope saved, not data: to fit it, miscope fit c.json; to draw it, miscope report "
        "c.json"
    )


def test_a_saved_curve_whatever_it_is_called_and_wherever_it_stands(tmp_path, curve, monkeypatch):
    text = tmp_path / "text.txt"
    text.write_text("so it is")
    curve.save(tmp_path / "c.json")
    content = (tmp_path / "c.json").read_bytes()
    (tmp_path / "c.txt").write_bytes(content)
    (tmp_path / "c.json.gz").write_bytes(gzip.compress(content))
    for name in ("c.txt", "c.json.gz"):
        with pytest.raises(InputError, match="is a curve that miscope saved"):
            ms.read([text, tmp_path / name])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    with pytest.raises(InputError, match=r"'<stdin>' is a curve that miscope saved, .* miscope fit FILE"):
        ms.read("-")


def test_a_saved_fit(tmp_path, curve):
    ms.fit(curve).save(tmp_path / "f.json")
    with pytest.raises(InputError, match=r"is a fit that miscope saved, .* miscope compare .*f\.json OTHER\.json"):
        ms.read(tmp_path / "f.json")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_result(tmp_path, kind):
    import json

    path = tmp_path / "result.json"
    path.write_text(json.dumps(marked(kind, {"values": [1, 2]}), indent=2))
    what = what_takes(f"miscope.{kind}", "result.json")[0]
    assert what != "a result"
    with pytest.raises(InputError, match=f"is {what} that miscope saved, not data: to see it as a page"):
        ms.read(path)


def test_bytes_are_read_of_any_file(tmp_path, curve):
    curve.save(tmp_path / "c.json")
    assert ms.read(tmp_path / "c.json", unit="byte").n_symbols == (tmp_path / "c.json").stat().st_size
    (tmp_path / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n" * 9)
    with pytest.warns(MiscopeWarning, match="picture"):
        assert ms.read_text(tmp_path / "p.png", unit="byte", documents="line").n_documents > 1


@pytest.mark.parametrize(
    "text", ['{"format": "of others"}', '{"text": "so"}', '["format", "miscope.curve"]', 'so "format": "miscope.curve"']
)
def test_other_json_and_other_text_are_text(tmp_path, text):
    (tmp_path / "other.json").write_text(text)
    assert ms.read(tmp_path / "other.json", format="text").n_symbols == len(text)


def test_a_curve_as_parquet(tmp_path, curve):
    path = tmp_path / "d.parquet"
    curve.save(path)
    with pytest.raises(InputError, match=r"d\.parquet' is a curve that miscope saved, .* miscope fit .*column='mi'"):
        ms.read(path)
    np.testing.assert_array_equal(ms.read_table(path, "mi").values, curve.mi)


def test_a_table_with_words_of_somebody_else_in_it(tmp_path):
    for said in (b"no JSON", b"[]", b'{"format": 3}', b'{"format": "miscope.other"}'):
        table = pa.table({"x": ["a", "b"]}).replace_schema_metadata({b"miscope": said})
        parquet.write_table(table, tmp_path / "other.parquet")
        assert ms.read(tmp_path / "other.parquet").n_symbols == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("p.png", b"\x89PNG\r\n\x1a\n\0\0", "is a picture, not data"),
        ("p.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF", "is a picture, not data"),
        ("a.pdf", b"%PDF-1.7\n%\xe2\xe3", "is a PDF file, not text: take the text out of it"),
        ("a.docx", zipped(), "is a Word document"),
        ("h.h5", b"\x89HDF\r\n\x1a\n\0", "is an HDF5 file"),
        ("a.tar", b"so.txt".ljust(257, b"\0") + b"ustar\x0000", "is an archive of files"),
        ("m.safetensors", (90).to_bytes(8, "little") + b'{"weight":{}}', "is a model .* miscope probe .*m.safetensors"),
        ("n.txt", b"\x93NUMPY\x01\0", r"is a \.npy file, not text: .*format='npy'"),
    ],
)
def test_what_it_is_instead_of_an_encoding(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    for options in ({}, {"encoding": "latin-1"}):
        with pytest.raises(InputError, match=words):
            ms.read_text(tmp_path / name, **options)


@pytest.mark.extras
def test_no_tokens_of_results_either(tmp_path, curve):
    import tokenizers

    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"so": 0}))
    curve.save(tmp_path / "c.json")
    with pytest.raises(InputError, match="is a curve that miscope saved"):
        ms.read(tmp_path / "c.json", tokenizer=words)


def test_text_in_two_bytes_a_letter_is_no_model():
    assert not is_safetensors('ABCD{"'.encode("utf-16-le") * 3)
    assert not is_safetensors(b"")
