"""Strings in Arrow arrays of every kind against their Python strings."""

import numpy as np
import pyarrow as pa
import pytest

from miscope.errors import FormatError
from miscope.sequences import arrow_texts
from miscope.sequences.arrow_texts import encode_strings
from miscope.sequences.encoding import END, encode_documents, encoder_of

TEXTS = [
    "So it's so.\r\nSo\rbe it!",
    "",
    None,
    "\r",
    "\n it is \n",
    "Caf\u00e9 \u65e5\u672c " * 50,
    None,
    "x" * 300,
    "\ufeffa",
]


def expected(texts, unit, fold_case=False):
    texts = [text for text in texts if text is not None]
    texts = [text.replace("\r\n", "\n").replace("\r", "\n") for text in texts] if unit != "byte" else texts
    texts = [text.casefold() for text in texts] if fold_case else texts
    texts = [text.encode().decode("latin-1") for text in texts] if unit == "byte" else texts
    return encode_documents([text + END for text in texts], encoder_of(unit))


def same(found, wanted):
    assert found.codes.tolist() == wanted.codes.tolist()
    assert found.lengths.tolist() == wanted.lengths.tolist()
    assert (found.alphabet, found.n_empty, found.codes.dtype) == (wanted.alphabet, wanted.n_empty, wanted.codes.dtype)


@pytest.mark.parametrize("unit", ["byte", "character", "word", "token"])
@pytest.mark.parametrize("kind", ["string", "large_string", "string_view"])
@pytest.mark.parametrize("size", [1, 5, 100, 1 << 18])
def test_all_kinds_of_strings(monkeypatch, unit, kind, size):
    if not hasattr(pa, kind):
        pytest.skip("a newer Arrow")
    monkeypatch.setattr(arrow_texts, "PIECE", size)
    rows = pa.array(TEXTS, getattr(pa, kind)())
    chunks = [rows.slice(1, 5), rows.slice(0, 0), rows.slice(6), pa.array([None], rows.type), rows.slice(0, 1)]
    found, n_missing = encode_strings(iter(chunks), unit)
    same(found, expected([*TEXTS[1:], TEXTS[0]], unit))
    assert n_missing == 3
    found, n_missing = encode_strings([rows], unit)
    same(found, expected(TEXTS, unit))
    assert n_missing == 2
    if unit != "byte":
        same(encode_strings([rows], unit, fold_case=True)[0], expected(TEXTS, unit, fold_case=True))


def test_bytes_of_one_chunk_are_not_copied():
    rows = pa.array(["so", "it", "is"])
    assert not encode_strings([rows], "byte")[0].codes.flags.owndata
    assert encode_strings([rows, rows], "byte")[0].codes.tobytes() == b"soitis" * 2


def test_missing_rows_under_which_there_are_bytes():
    """Arrow lets anything stand where a row is missing."""
    valid = pa.py_buffer(bytes([0b101]))
    bounds = pa.py_buffer(np.array([0, 2, 4, 6], np.int32))
    rows = pa.Array.from_buffers(pa.string(), 3, [valid, bounds, pa.py_buffer(b"soitis")])
    for unit in ("byte", "character"):
        encoded, n_missing = encode_strings([rows], unit)
        assert "".join(encoded.alphabet[code] for code in encoded.codes) == "sois"
        assert (encoded.lengths.tolist(), encoded.n_empty, n_missing) == ([2, 2], 0, 1)


@pytest.mark.parametrize("size", [1, 1 << 18])
def test_damaged_strings(monkeypatch, size):
    monkeypatch.setattr(arrow_texts, "PIECE", size)
    bounds = pa.py_buffer(np.array([0, 3], np.int32))
    rows = pa.Array.from_buffers(pa.string(), 1, [None, bounds, pa.py_buffer(b"a\xffb")])
    with pytest.raises(FormatError, match="a column of strings is damaged: it is not in UTF-8"):
        encode_strings([rows], "word")
