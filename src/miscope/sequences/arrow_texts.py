"""Columns of strings in Arrow arrays become codes, a few rows at a time; every row is a document."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from miscope.errors import FormatError
from miscope.sequences.codes import Array, pieces
from miscope.sequences.decoding import unix_lines
from miscope.sequences.encoding import BYTES, END, DocumentWriter, Encoded, Lengths, encoder_of
from miscope.sequences.stores import CodeStore

__all__ = ["encode_strings"]

PIECE = 1 << 18
"""Bytes of the rows that are taken together, and of the pieces of longer rows."""


def encode_strings(chunks: Iterable[Any], unit: str, fold_case: bool = False) -> tuple[Encoded, int]:
    r"""Encode a column of strings.

    Examples
    --------
    >>> import pyarrow as pa
    >>> rows = pa.array(["so it is", None, "", "it\r\nis so"])
    >>> encoded, n_missing = encode_strings([rows], "word")
    >>> encoded.codes.tolist(), encoded.lengths.tolist(), encoded.alphabet, encoded.n_empty, n_missing
    ([2, 1, 0, 1, 0, 2], [3, 3], ('is', 'it', 'so'), 1, 1)

    Parameters
    ----------
    chunks
        Arrow arrays of strings of any kind.
    unit
        One of `UNITS`. The bytes of one chunk alone are not copied.
    fold_case
        Make capital and small letters the same; not for bytes.

    Returns
    -------
    encoded, n_missing
        The rows that are not empty, and how many are missing.

    Raises
    ------
    FormatError
        A string is not in UTF-8.
    """
    if unit == "byte":
        return _encode_bytes(chunks)
    missing: list[int] = []
    writer = DocumentWriter(encoder_of(unit), END)
    texts = unix_lines(_marked(chunks, missing))
    for text in map(str.casefold, texts) if fold_case else texts:
        writer.add(text)
    writer.close()
    return writer.result(), sum(missing)


def _encode_bytes(chunks: Iterable[Any]) -> tuple[Encoded, int]:
    store, lengths, alone, n_missing = CodeStore(), Lengths(), np.zeros(0, np.uint8), 0
    for number, chunk in enumerate(chunks):
        values, offsets = _layout(chunk)
        lengths.add(len(values), offsets[1:] - offsets[0])
        n_missing += chunk.null_count
        if number == 0:
            alone = values
            continue
        if number == 1:
            store.append(alone)
        store.append(values)
    codes = store.finish() if store.n else alone
    return Encoded(codes, lengths.result(), BYTES, lengths.n_empty - n_missing), n_missing


def _marked(chunks: Iterable[Any], missing: list[int]) -> Iterator[str]:
    """Yield the text of some rows, or a part of a long one, with `END` behind each row that is there."""
    try:
        for chunk in chunks:
            missing.append(chunk.null_count)
            values, offsets = _layout(chunk)
            for rows in _groups(offsets):
                start, stop = int(offsets[rows.start] - offsets[0]), int(offsets[rows.stop] - offsets[0])
                if stop - start > PIECE:
                    yield from _long(values[start:stop])
                    continue
                texts = chunk.slice(rows.start, rows.stop - rows.start).to_pylist()
                yield END.join([*(text for text in texts if text is not None), ""])
    except UnicodeDecodeError as error:
        raise FormatError(f"a column of strings is damaged: it is not in UTF-8 ({error.reason})") from error


def _groups(offsets: Array) -> Iterator[slice]:
    """Cut rows into groups of at most `PIECE` bytes, or of one row that is longer."""
    start, n = 0, len(offsets) - 1
    while start < n:
        stop = int(np.searchsorted(offsets, int(offsets[start]) + PIECE, side="right")) - 1
        stop = min(max(stop, start + 1), start + PIECE, n)
        yield slice(start, stop)
        start = stop


def _long(row: Array) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for piece in pieces(len(row), PIECE):
        yield decoder.decode(row[piece].tobytes(), final=piece.stop == len(row))
    yield END


def _layout(rows: Any) -> tuple[Array, Array]:
    """Look at the buffers of a string array as bytes and offsets; missing rows have no bytes."""
    import pyarrow as pa

    if not len(rows):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    if not (pa.types.is_string(rows.type) or pa.types.is_large_string(rows.type)):
        rows = rows.cast(pa.large_string())  # views into several buffers
    if rows.null_count:
        rows = rows.fill_null("")
    _, bounds, data = rows.buffers()
    raw = np.frombuffer(bounds, np.int64 if pa.types.is_large_string(rows.type) else np.int32)
    offsets = raw[rows.offset : rows.offset + len(rows) + 1].astype(np.int64, copy=False)
    values = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return values[offsets[0] : offsets[-1]], offsets
