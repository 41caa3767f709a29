"""Compressed files, told by their first bytes, and read from beginning to end as what was compressed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from typing import IO, Any

__all__ = ["DAMAGED", "START", "SUFFIXES", "compression_of", "decompressed"]

START = 13
"""Bytes that tell the kind of compression."""

SUFFIXES = (".gz", ".bgz", ".bz2", ".xz", ".lzma", ".zst", ".zstd", ".lz4")

DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""What reading raises where compressed data are cut off or damaged."""

_MAGIC = {b"\x1f\x8b\x08": "gzip", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4"}
_BZIP2, _BLOCKS = b"BZh", (b"1AY&SY", b"\x17rE8P\x90")  # block size 1 to 9, then a block or the end of all
_SKIPPED = range(0x184D2A50, 0x184D2A60)  # frames of zstd that hold no data, which some writers begin with
_LARGEST = 1 << 38  # bytes, above which no header of an old .lzma file is believed, as in liblzma
_PIECE, _BUFFER = 1 << 16, 1 << 20


def compression_of(start: bytes) -> str | None:
    r"""What a file is compressed by that begins so; None if by nothing that is read here.

    >>> compression_of(gzip.compress(b"so it is")), compression_of(bz2.compress(b"")), compression_of(b"BZh is no word")
    ('gzip', 'bzip2', None)
    >>> compression_of(lzma.compress(b"so it is", lzma.FORMAT_ALONE))
    'lzma'
    """
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            return kind
    if start.startswith(_BZIP2) and start[3:4] in b"123456789" and start[4:10] in _BLOCKS:
        return "bzip2"
    if len(start) >= 8 and int.from_bytes(start[:4], "little") in _SKIPPED:
        return "zstd"
    return "lzma" if _is_old_lzma(start) else None


def _is_old_lzma(start: bytes) -> bool:
    """Whether this is the header of a .lzma file: it has no magic, but its usual settings and sizes that make sense."""
    if len(start) < START or start[0] != 0x5D:
        return False
    dictionary, size = int.from_bytes(start[1:5], "little"), int.from_bytes(start[5:13], "little")
    is_power = dictionary >= 1 << 12 and (dictionary & (dictionary - 1)) in (0, dictionary // 3 * 2)
    return (is_power or dictionary == 2**32 - 1) and (size == 2**64 - 1 or size < _LARGEST)


def decompressed(raw: IO[bytes], kind: str) -> io.BufferedReader:
    """Undo a compression; all parts of a file of several (as bgzip, pbzip2 and pixz write) are one after the other.

    Reading raises one of `DAMAGED` where the file is cut off, or something else follows the last part.
    """
    return io.BufferedReader(_Filled(_opened(raw, kind)), _BUFFER)


def _opened(raw: IO[bytes], kind: str) -> Any:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if kind in ("zstd", "lz4"):
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(raw, "r"), kind)
    return _Parts(raw, bz2.BZ2Decompressor if kind == "bzip2" else lzma.LZMADecompressor)


class _Filled(io.RawIOBase):
    """A stream that returns fewer bytes than were asked for only at its end."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        done = 0
        while done < len(view) and (data := self._source.read(len(view) - done)):
            view[done : done + len(data)] = data
            done += len(data)
        return done


class _Parts:
    """Streams of bzip2 or xz, one behind the other.

    (`bz2.BZ2File` and `lzma.LZMAFile` take a damaged second stream for the end of the file, without a word.)
    """

    def __init__(self, raw: IO[bytes], decompressor: Callable[[], Any]) -> None:
        self._raw, self._new = raw, decompressor
        self._now, self._held = decompressor(), b""

    def read(self, size: int) -> bytes:
        while True:
            if self._now.eof and not self._next():
                return b""
            data = self._more() if self._now.needs_input else b""
            if self._now.needs_input and not data:
                raise EOFError("its end is missing")
            if found := self._now.decompress(data, size):
                return bytes(found)

    def _more(self) -> bytes:
        held, self._held = self._held, b""
        return held or self._raw.read(_PIECE)

    def _next(self) -> bool:
        """Begin the stream that follows, if there is one; zero bytes between streams are padding."""
        self._held = self._now.unused_data.lstrip(b"\0")
        while not self._held:
            if not (data := self._raw.read(_PIECE)):
                return False
            self._held = data.lstrip(b"\0")
        self._now = self._new()
        return True
