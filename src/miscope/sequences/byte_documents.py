"""Bytes that come in pieces are cut into documents: codes, and how many of them stand before each end of a document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import numpy as np

from miscope.sequences.codes import Array
from miscope.sequences.decoding import gathered
from miscope.sequences.encoding import BYTES, Encoded, Lengths
from miscope.sequences.stores import CodeStore

__all__ = ["Cutter", "cutter_of", "encode_bytes"]

Cutter: TypeAlias = Callable[[Iterable[bytes]], Iterator[tuple[Array, Array]]]
"""Takes the pieces of one file; yields codes (uint8) and ends (int64), both of them for some pieces together."""


def cutter_of(documents: str, separator: bytes | None = None) -> Cutter:
    r"""Return what cuts the bytes of a file into documents.

    >>> [(bytes(codes), ends.tolist()) for codes, ends in cutter_of("line")([b"so\r", b"\nit\nis"])]
    [(b'so', [2]), (b'itis', [2])]

    Parameters
    ----------
    documents
        ``"line"`` or ``"blank-line"``; anything else does not cut.
    separator
        What stands between documents, instead.
    """
    if separator is not None:
        return lambda parts: _cut_at_separators(parts, separator)
    return {"line": _cut_at_lines, "blank-line": _cut_at_blank_lines}.get(documents, _uncut)


def encode_bytes(files: Iterable[Iterable[bytes]], cutter: Cutter) -> Encoded:
    """Put the documents of files together, the pieces of each of which are given."""
    store, lengths = CodeStore(), Lengths()
    for parts in files:
        for codes, ends in cutter(parts):
            store.append(codes)
            lengths.add(len(codes), ends)
        lengths.close()
    return Encoded(store.finish(), lengths.result(), BYTES, lengths.n_empty, lengths.n_ends)


def _uncut(parts: Iterable[bytes]) -> Iterator[tuple[Array, Array]]:
    for part in parts:
        yield np.frombuffer(part, np.uint8), np.zeros(0, np.int64)


def _cut_at_byte(part: bytes, byte: bytes) -> tuple[Array, Array]:
    """Cut where a byte stands that is no part of documents."""
    at = np.flatnonzero(np.frombuffer(part, np.uint8) == byte[0])
    return np.frombuffer(part.translate(None, byte), np.uint8), at - np.arange(len(at))


def _cut_at_lines(parts: Iterable[bytes]) -> Iterator[tuple[Array, Array]]:
    after_return = False
    for part in filter(None, parts):
        lines = part[1:] if after_return and part.startswith(b"\n") else part
        after_return = part.endswith(b"\r")
        if b"\r" in lines:
            lines = lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield _cut_at_byte(lines, b"\n")


def _cut_at_separators(parts: Iterable[bytes], separator: bytes) -> Iterator[tuple[Array, Array]]:
    if len(separator) == 1:
        yield from (_cut_at_byte(part, separator) for part in parts)
        return
    held = b""
    for part in parts:
        pieces = (held + part).split(separator)
        held = pieces[-1][max(len(pieces[-1]) - len(separator) + 1, 0) :]  # what may be the beginning of one
        pieces[-1] = pieces[-1][: len(pieces[-1]) - len(held)]
        lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
        yield np.frombuffer(b"".join(pieces), np.uint8), np.cumsum(lengths[:-1])
    yield np.frombuffer(held, np.uint8), np.zeros(0, np.int64)


def _cut_at_blank_lines(parts: Iterable[bytes]) -> Iterator[tuple[Array, Array]]:
    from miscope.sequences.kernels import BASE, BREAKS, N, cut_at_blank_lines  # they take numba

    state, held = np.array([0, 0, 3, 0], np.int64), np.zeros(0, np.uint8)
    for part in gathered(parts, lambda: len(held)):  # noqa: B023 - as long as it is then
        data = np.frombuffer(part, np.uint8)
        out, ends = np.empty(len(held) + len(data), np.uint8), np.empty(len(data), np.int64)
        out[: len(held)] = held  # line ends and white space that may belong to blank lines
        state[[N, BASE]] = len(held), 0
        n_ends = cut_at_blank_lines(data, out, ends, state)
        kept = int(state[BASE if state[BREAKS] else N])
        held = out[kept : state[N]].copy()
        yield out[:kept], ends[:n_ends].copy()
