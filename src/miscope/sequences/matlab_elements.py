"""The elements of a MATLAB file (versions 5 to 7), looked at before scipy reads them, which crashes at unknown types.

An element is a tag, type and size in bytes, and what they say; a matrix (type 14) is made of elements, a cell array of
matrices. Compressed ones (type 15) are one element each. Small ones have size, type and up to four bytes in eight.
"""

from __future__ import annotations

import struct
import zlib
from typing import IO, Any, Protocol

__all__ = ["check_variable"]

HEADER = 128
MATRIX, COMPRESSED = 14, 15
TYPES = {*range(1, 8), 9, 12, 13, MATRIX, 16, 17, 18}
FLAGS = 16
"""Bytes of the first element of a matrix, which says its class."""
OF_MATRICES = {1, 2, 3, 16, 17}
"""Classes made of matrices: cells, structs, objects, functions, and what is opaque."""
DEEPEST = 100
_PIECE = 1 << 16


class _Source(Protocol):
    def read(self, size: int) -> bytes: ...

    def skip(self, size: int) -> None: ...


class _Plain:
    """Bytes of the file itself."""

    def __init__(self, opened: IO[bytes]) -> None:
        self._opened = opened

    def read(self, size: int) -> bytes:
        return self._opened.read(size)

    def skip(self, size: int) -> None:
        self._opened.seek(size, 1)


class _Inflated:
    """Bytes of a compressed element, a piece at a time."""

    def __init__(self, opened: IO[bytes], size: int) -> None:
        self._opened, self._left, self._undo = opened, size, zlib.decompressobj()
        self._held = b""

    def read(self, size: int) -> bytes:
        while len(self._held) < size and (self._left or self._undo.unconsumed_tail) and not self._undo.eof:
            packed = self._undo.unconsumed_tail or self._opened.read(min(_PIECE, self._left))
            if not packed:
                break
            self._left -= 0 if self._undo.unconsumed_tail else len(packed)
            self._held += self._undo.decompress(packed, _PIECE)
        found, self._held = self._held[:size], self._held[size:]
        return found

    def skip(self, size: int) -> None:
        while size > 0 and (found := self.read(min(size, _PIECE))):
            size -= len(found)


def check_variable(opened: IO[bytes], index: int) -> None:
    """Raise ValueError if the variable of this number is not made of elements as they have to be."""
    opened.seek(0)
    start = opened.read(HEADER)
    if 0 in start[:4] or start[126:128] not in (b"IM", b"MI"):
        return  # of version 4, which has no elements
    order = "<" if start[126:128] == b"IM" else ">"
    for _ in range(index):
        _, size = struct.unpack(f"{order}II", _exactly(_Plain(opened), 8))
        opened.seek(size, 1)
    kind, size = struct.unpack(f"{order}II", _exactly(_Plain(opened), 8))
    source: Any = _Plain(opened)
    if kind == COMPRESSED:
        source = _Inflated(opened, size)
        kind, size = struct.unpack(f"{order}II", _exactly(source, 8))
    if kind != MATRIX:
        raise ValueError(f"an element of type {kind}, where a variable begins")
    _check_matrix(source, size, order, 0)


def _check_matrix(source: _Source, size: int, order: str, depth: int) -> None:
    """Go through the elements of a matrix, and of those in it."""
    if depth > DEEPEST:
        raise ValueError(f"cells in cells, more than {DEEPEST} deep")
    holds_matrices = False
    if size >= FLAGS:
        *_, flags, _ = struct.unpack(f"{order}4I", _exactly(source, FLAGS))
        holds_matrices = flags & 0xFF in OF_MATRICES
        size -= FLAGS
    while size >= 8:
        kind, length = struct.unpack(f"{order}II", _exactly(source, 8))
        size -= 8
        if kind >> 16:  # a small one, whose bytes were read with its tag
            kind, length = kind & 0xFFFF, 0
        if kind not in TYPES or (kind == MATRIX and not holds_matrices):
            raise ValueError(f"an element of type {kind}, which cannot be there")
        if length > size:
            raise ValueError(f"an element of {length} bytes where {size} are left")
        length = min(length + -length % 8, size)  # the last one may not be filled up
        size -= length
        if kind == MATRIX:
            _check_matrix(source, length, order, depth + 1)
        elif size or depth:  # the numbers of a plain matrix are its last element, and large
            source.skip(length)
    if depth:
        source.skip(size)


def _exactly(source: _Source, size: int) -> bytes:
    found = source.read(size)
    if len(found) < size:
        raise ValueError("it is cut off")
    return found
