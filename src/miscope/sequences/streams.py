"""Files read from beginning to end a piece at a time: decompressed and hashed on the way, never whole in memory."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from miscope.errors import InputError
from miscope.sequences.remote import is_url, open_url, public, size_of_url
from miscope.sequences.sources import COMPRESSIONS, STDIN, Progress, shown

__all__ = ["Meter", "Stream", "for_arrow", "has_suffix", "name_of", "open_raw", "open_stream", "read_pieces", "size_of"]

PIECE = 1 << 17
"""Bytes that are read at a time."""
READ_AHEAD_ENDS = 0.02
"""Seconds that a thread of pyarrow's gets to see that its stream has ended."""


class Meter:
    """How far a reading has come, over all its files: bytes done and in all."""

    def __init__(self, files: list[str], progress: Progress | None) -> None:
        self._progress, self._done = progress, 0
        self._total = sum(map(size_of, files)) if progress is not None else 0

    def restart(self) -> None:
        """Say that reading begins anew."""
        self._done = 0

    def add(self, n: int) -> None:
        """Say that `n` more bytes are done."""
        self._done += n
        if self._progress is not None:
            self._progress(self._done, max(self._total, self._done))


class Stream(io.RawIOBase):
    """The bytes of a file on their way to who reads them: counted, hashed and reported."""

    def __init__(self, raw: IO[bytes], start: bytes, meter: Meter | None) -> None:
        import hashlib

        self._raw, self._start, self._meter = raw, start, meter
        self._digest, self.size = hashlib.sha256(), 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read as much as there is, up to the size of `buffer`."""
        view = memoryview(buffer)
        data, self._start = self._start[: len(view)], self._start[len(view) :]
        data += self._raw.read(len(view) - len(data))
        view[: len(data)] = data
        self._digest.update(data)
        self.size += len(data)
        if self._meter is not None and data:
            self._meter.add(len(data))
        return len(data)

    def record(self, name: str) -> dict[str, Any]:
        """What provenance keeps of a file that was read to its end."""
        return {"name": name, "bytes": self.size, "sha256": self._digest.hexdigest()}


class _Gate(io.RawIOBase):
    """A stream that ends at once when it is shut, also for threads that still read it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._lock, self._is_shut = stream, threading.Lock(), False

    def readable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read from the stream behind the gate."""
        with self._lock:
            return b"" if self._is_shut else self._stream.read(size)

    def shut(self) -> None:
        """Wait for a read that is under way; all later ones find the end."""
        with self._lock:
            self._is_shut = True


@contextmanager
def for_arrow(stream: IO[bytes]) -> Iterator[Any]:
    """Yield a stream for pyarrow's readers, which read ahead in threads; none of these outlives an early end.

    A thread that still needs the interpreter while that ends takes the process down. What they read is copied into
    memory of Arrow's own, which they free without the interpreter.
    """
    import pyarrow as pa

    gate = _Gate(stream)
    try:
        yield pa.BufferedInputStream(pa.PythonFile(gate, "r"), 1 << 20)
    except BaseException:
        gate.shut()
        time.sleep(READ_AHEAD_ENDS)
        raise
    gate.shut()


def name_of(file: str) -> str:
    """The name of a file in messages and provenance."""
    return "<stdin>" if file == STDIN else public(file) if is_url(file) else shown(file)


def size_of(file: str) -> int:
    """Bytes of a file, 0 where that is not known."""
    if file != STDIN and is_url(file):
        return size_of_url(file)
    try:
        return 0 if file == STDIN else Path(file).stat().st_size
    except (OSError, ValueError):
        return 0  # reading it will say why


def read_pieces(
    file: str, meter: Meter | None = None, records: list[dict[str, Any]] | None = None, folder: str = "*.csv"
) -> Iterator[bytes]:
    """Yield the bytes of a file piece by piece; for the rest as `open_stream`."""
    with open_stream(file, meter, records, folder) as stream:
        while piece := stream.read(PIECE):
            yield piece


@contextmanager
def open_stream(
    file: str, meter: Meter | None = None, records: list[dict[str, Any]] | None = None, folder: str = "*.csv"
) -> Iterator[IO[bytes]]:
    """Open a file (or address, or standard input) to be read from the beginning, decompressed as its first bytes say.

    Parameters
    ----------
    file
        What `expand` returns.
    meter
        Told of the bytes read, before decompression.
    records
        Where to put name, bytes and digest of the file, once it was read.
    folder
        What files in a folder may be called: an example for who names the folder.

    Raises
    ------
    InputError
        The file cannot be read or decompressed.
    """
    name = name_of(file)
    with ExitStack() as stack:
        raw = stack.enter_context(open_raw(file, folder))
        with _explained(name, "file"):
            start = raw.read(6)
        stream = Stream(raw, start, meter)
        kind = next((kind for magic, kind in COMPRESSIONS.items() if start.startswith(magic)), None)
        with _explained(name, kind or "file"):
            yield _decompressed(stream, kind)
            while records is not None and stream.read(1 << 20):  # what stands behind the end of compressed data
                pass
        if records is not None:
            records.append(stream.record(name))


def open_raw(file: str, folder: str = "*.csv") -> AbstractContextManager[IO[bytes]]:
    """Open a file, address or standard input as it is; the message says why that cannot be."""
    if file == STDIN:
        if sys.stdin is None:
            raise InputError("cannot read standard input: it is closed")
        return _left_open(sys.stdin.buffer)
    if is_url(file):
        return open_url(file)
    path = Path(file)
    try:
        if path.is_dir():
            raise InputError(f"{file!r} is a folder; name the files inside it, for example {str(path / folder)!r}")
        return path.open("rb")
    except FileNotFoundError as error:
        raise InputError(f"cannot read {file!r}: there is no such file") from error
    except PermissionError as error:
        raise InputError(f"cannot read {file!r}: there is no right to read it") from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {file!r}: {getattr(error, 'strerror', None) or error}") from error


@contextmanager
def _left_open(file: IO[bytes]) -> Iterator[IO[bytes]]:
    yield file


def _decompressed(stream: Stream, kind: str | None) -> IO[bytes]:
    import gzip
    import lzma

    buffered = io.BufferedReader(stream, 1 << 20)
    if kind == "gzip":
        return gzip.GzipFile(fileobj=buffered, mode="rb")  # type: ignore[return-value]
    if kind == "xz":
        return lzma.LZMAFile(buffered)
    if kind == "zstd":
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(buffered, "r"), "zstd")  # type: ignore[no-any-return]
    return buffered


@contextmanager
def _explained(name: str, kind: str) -> Iterator[None]:
    """Say that compressed data are damaged; whatever else goes wrong is for the reader of the format to say."""
    import lzma

    try:
        yield
    except InputError:
        raise
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        if kind == "file":
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"cannot read {name!r}: {reason}") from error
        raise InputError(f"{name!r} is a damaged {kind} file ({error}); fetch it again") from error


def has_suffix(file: str, suffixes: set[str]) -> bool:
    """Whether a file is named so, by itself or before the suffix of its compression.

    >>> has_suffix("a/b.CSV.gz", {".csv"}), has_suffix("b.csv.bak", {".csv"})
    (True, False)
    """
    name = os.path.basename(file).lower()  # noqa: PTH119 - of addresses too
    for packed in (".gz", ".xz", ".zst", ".zstd", ".bgz"):
        name = name.removesuffix(packed)
    return os.path.splitext(name)[1] in suffixes  # noqa: PTH122
