"""Where codes go as they come: into memory, and if they are many into a file that vanishes by itself."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from miscope.errors import InputError
from miscope.machine import allowed
from miscope.sequences.codes import Array, pieces, recode

__all__ = ["CodeStore", "is_mapped", "room_for"]

IN_MEMORY = 1 << 28
"""Bytes of codes that are kept in memory, unless a quarter of what may be used is less."""
SHARE = 4
BLOCK = 1 << 25
"""Bytes of codes that are put together, since memory in large blocks is given back to the system once it is free."""
PIECE = 1 << 20
"""Codes that are rewritten at a time."""


def is_mapped(array: Array) -> bool:
    """Whether an array lies in a file rather than in memory."""
    base: object = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return not isinstance(base, type(None) | bytes | bytearray | np.ndarray)


def room_for(n: int, dtype: Any, most: float) -> Array:
    """An array to be filled: in memory, or beyond so many bytes in a file that vanishes with it, memory-mapped.

    >>> is_mapped(room_for(100, np.uint8, 100)), is_mapped(room_for(101, np.uint8, 100))
    (False, True)

    Raises
    ------
    InputError
        There is no room for the file.
    """
    size = n * np.dtype(dtype).itemsize
    if size <= most:
        return np.empty(n, dtype)
    with _explained(size), tempfile.TemporaryFile(buffering=0) as file:
        if hasattr(os, "posix_fallocate"):  # a mapped file without room would end the process
            os.posix_fallocate(file.fileno(), 0, size)
        return np.asarray(np.memmap(file, dtype, mode="r+" if file.seek(0, os.SEEK_END) else "w+", shape=(n,)))


class CodeStore:
    """Codes appended piece by piece; beyond `IN_MEMORY` bytes they are in a file without a name, memory-mapped.

    The file lies in the folder for temporary files (the environment variable ``TMPDIR`` names it), and is gone when
    nothing refers to the codes any more, at the latest with the process.

    >>> store = CodeStore()
    >>> store.append(np.array([0, 1], np.uint8))
    >>> store.append(np.array([2, 300], np.uint16))
    >>> store.finish()
    array([  0,   1,   2, 300], dtype=uint16)
    """

    def __init__(self) -> None:
        self._blocks: list[Array] = []
        self._parts: list[Array] = []  # behind the blocks
        self._size_of_parts = 0
        self._file: IO[bytes] | None = None
        self._written: list[tuple[np.dtype[Any], int]] = []
        self._size = 0
        self.n = 0

    def append(self, codes: Array) -> None:
        """Put codes behind those that are there: uint8, uint16 or uint32, no narrower ones than before.

        Raises
        ------
        InputError
            There is no room for the file.
        """
        if not len(codes):
            return
        self._parts.append(codes)
        self._size_of_parts += codes.nbytes
        self._size += codes.nbytes
        self.n += len(codes)
        if self._size > min(IN_MEMORY, allowed() / SHARE):
            with _explained(self._size):
                self._file = self._file or self._temporary_file()
                for part in [*self._blocks, *self._parts]:
                    self._write(part)
            self._blocks, self._parts, self._size_of_parts = [], [], 0
        elif self._size_of_parts > BLOCK and len(self._parts) > 1:
            self._blocks.append(np.concatenate(self._parts))
            self._parts, self._size_of_parts = [], 0

    def finish(self, table: Array | None = None) -> Array:
        """Return all codes, as they are or each looked up in `table`, as small as the numbers in the table allow.

        Nothing can be appended afterwards.
        """
        parts = [*self._blocks, *self._parts]
        kinds = [part.dtype for part in parts] if self._file is None else [kind for kind, _ in self._written]
        dtype = table.dtype if table is not None else max(kinds, key=lambda kind: kind.itemsize, default=np.dtype("u1"))
        if self._file is None:
            self._blocks, self._parts = [], []
            parts.reverse()
            return _joined(parts, table, dtype)
        with _explained(self.n * dtype.itemsize):
            if table is not None or len(self._written) > 1:
                in_place = all(kind.itemsize >= dtype.itemsize for kind in kinds)
                into = self._file if in_place else self._temporary_file()
                self._file = self._rewritten(self._file, into, table, dtype)
            codes: Array = np.memmap(self._file, dtype, mode="r", shape=(self.n,))
            self._file.close()  # the map holds on to what is in it
        return codes

    def _write(self, codes: Array) -> None:
        assert self._file is not None
        _write_all(self._file, codes)
        if self._written and self._written[-1][0] == codes.dtype:
            self._written[-1] = (codes.dtype, self._written[-1][1] + len(codes))
        else:
            self._written.append((codes.dtype, len(codes)))

    def _rewritten(self, old: IO[bytes], new: IO[bytes], table: Array | None, dtype: np.dtype[Any]) -> IO[bytes]:
        """Write the codes of one file into another, or into the same one, where no code may be wider than it was."""
        read = written = 0
        for kind, n in self._written:
            for piece in pieces(n, PIECE):
                size = (piece.stop - piece.start) * kind.itemsize
                old.seek(read)
                codes = np.frombuffer(old.read(size), kind)
                read += size
                codes = codes.astype(dtype) if table is None else recode(codes, table)
                new.seek(written)
                _write_all(new, codes)
                written += codes.nbytes
        if new is old:
            old.truncate(written)
        else:
            old.close()
        return new

    def _temporary_file(self) -> IO[bytes]:
        """Open a file that is closed with the store at the latest; without a buffer, so that closing it cannot fail."""
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        weakref.finalize(self, file.close)
        return file


def _joined(parts: list[Array], table: Array | None, dtype: np.dtype[Any]) -> Array:
    """Join codes, the last part first; each is let go when it was copied, one alone is not copied."""
    if len(parts) == 1 and parts[0].dtype == dtype:
        out = parts[0]
        return out if table is None else recode(out, table, out=out if out.flags.writeable else None)
    out, end = np.empty(sum(map(len, parts)), dtype), 0
    while parts:
        part = parts.pop()
        into = out[end : end + len(part)]
        if table is None:
            into[:] = part
        else:
            recode(part, table, out=into)
        end += len(part)
    return out


def _write_all(file: IO[bytes], codes: Array) -> None:
    left: Any = codes.view(np.uint8).data
    while len(left):
        left = left[file.write(left) :]


@contextmanager
def _explained(size: int) -> Iterator[None]:
    """Say what is missing where there is no room for a file of so many bytes."""
    try:
        yield
    except OSError as error:
        try:
            folder = tempfile.gettempdir()
        except OSError:
            folder = "the folder for temporary files"
        raise InputError(
            f"there is no room in {folder} for codes of {size / 2**30:.2g} GiB or more ({error.strerror or error}): "
            "make room there, or name another folder by the environment variable TMPDIR"
        ) from error
