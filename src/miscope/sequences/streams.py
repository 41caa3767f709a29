"""Files read from beginning to end a piece at a time: decompressed and hashed on the way, never whole in memory."""

from __future__ import annotations

import io
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from miscope.errors import InputError, MiscopeError
from miscope.machine import refuse_without_room, temporary_room
from miscope.sequences.codes import Array
from miscope.sequences.compression import DAMAGED, START, compression_of, decompressed
from miscope.sequences.foreign import HEAD
from miscope.sequences.remote import is_url, open_url
from miscope.sequences.sources import STDIN, Progress, gives_once, is_regular, name_of, size_of
from miscope.whole_files import refuse_device

__all__ = [
    "Meter",
    "Stream",
    "can_be_mapped",
    "for_arrow",
    "head_of",
    "in_pieces",
    "mapped",
    "open_raw",
    "open_seekable",
    "open_stream",
    "read_pieces",
]

MOST_IN_MEMORY = 1 << 28
"""Bytes of a decompressed file above which it is kept on disk."""
PIECE = 1 << 17
"""Bytes that are read at a time."""
HASH_PIECE = 1 << 20
MOST_PACKED = 4
"""How often a file may be compressed, one in the other; more than twice nobody does by mistake."""
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


class Readable(Protocol):
    """What bytes come from."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, none at the end."""


class _Gate(io.RawIOBase):
    """A stream that ends at once when it is shut, also for threads that still read it."""

    def __init__(self, stream: Readable) -> None:
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


class _Once(io.RawIOBase):
    """Standard input or a pipe, which give their bytes once; but its beginning can be looked at before it is read."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw, self._again = raw, b""
        self._seen: bytearray | None = None

    def readable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes, those first that were looked at."""
        data, self._again = (self._again, b"") if size < 0 else (self._again[:size], self._again[size:])
        if size < 0 or len(data) < size:
            data += self._raw.read(size if size < 0 else size - len(data))
        if self._seen is not None:
            self._seen += data
        return data

    def end(self, closes: bool) -> None:
        """Say that it was read; a pipe that was opened for that `closes`."""
        if closes:
            self._raw.close()

    @property
    def is_looked_at(self) -> bool:
        """Whether what is read now will be read again."""
        return self._seen is not None

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """Go back in the end to where it is now."""
        self._seen = bytearray()
        try:
            yield
        finally:
            self._again, self._seen = bytes(self._seen) + self._again, None


_begun: dict[Any, _Once] = {}
"""What gives its bytes once and was begun: standard input itself, pipes by device and number, until they are read."""


def _once(file: str) -> tuple[Any, _Once]:
    """Standard input or a pipe, where its reading stands, and what it is known by."""
    if file == STDIN:
        if sys.stdin is None:
            raise InputError("cannot read standard input: it is closed")
        key: Any = sys.stdin.buffer
        return key, _begun.setdefault(key, _Once(key))
    with _opening(file):
        refuse_device(file)
        about = Path(file).stat()
        key = (about.st_dev, about.st_ino)
        if key not in _begun:
            _begun[key] = _Once(Path(file).open("rb"))  # noqa: SIM115 - closed where it is read
        return key, _begun[key]


@contextmanager
def _read_once(file: str) -> Iterator[IO[bytes]]:
    key, once = _once(file)
    try:
        yield once  # type: ignore[misc]
    finally:
        if not once.is_looked_at:
            _begun.pop(key, None)
            once.end(file != STDIN)


@contextmanager
def for_arrow(stream: Readable) -> Iterator[Any]:
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


def read_pieces(
    file: str, meter: Meter | None = None, records: list[dict[str, Any]] | None = None, folder: str = "*.csv"
) -> Iterator[bytes]:
    """Yield the bytes of a file piece by piece; for the rest as `open_stream`."""
    with open_stream(file, meter, records, folder) as stream:
        yield from in_pieces(stream)


def in_pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """What is left of a stream, piece by piece."""
    while piece := stream.read(PIECE):
        yield piece


@contextmanager
def open_stream(
    file: str, meter: Meter | None = None, records: list[dict[str, Any]] | None = None, folder: str = "*.csv"
) -> Iterator[io.BufferedReader[Any]]:
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

    Yields
    ------
    io.BufferedReader
        Its `peek` shows the first bytes.

    Raises
    ------
    InputError
        The file cannot be read or decompressed.
    """
    name = name_of(file)
    with ExitStack() as stack:
        raw = stack.enter_context(open_raw(file, folder))
        with _explained(name):
            start = raw.read(START)
        stream, kinds = Stream(raw, start, meter), list[str]()
        with _explained(name, kinds):
            yield _unpacked(io.BufferedReader(stream, 1 << 20), start, name, kinds)
            while records is not None and stream.read(1 << 20):  # what stands behind the end of compressed data
                pass
        if records is not None:
            records.append(stream.record(name))


def _unpacked(stream: io.BufferedReader[Any], start: bytes, name: str, kinds: list[str]) -> io.BufferedReader[Any]:
    """What is in a stream, unpacked as often as it was packed; by what goes to `kinds`, the last one first."""
    while kind := compression_of(start):
        if len(kinds) == MOST_PACKED:
            raise InputError(
                f"{name!r} is compressed more than {MOST_PACKED} times, one in the other: unpack it first, and name "
                "what comes out"
            )
        kinds.insert(0, kind)
        stream = decompressed(stream, kind)
        start = stream.peek(START)[:START]
    return stream


def head_of(file: str, size: int = HEAD) -> bytes:
    """The first bytes of a file, decompressed, also of a pipe, which is read from there on; none where it cannot be.

    >>> head_of("no_such.txt")
    b''
    """
    try:
        with ExitStack() as stack:
            if gives_once(file):
                stack.enter_context(_once(file)[1].looked_at())
            return stack.enter_context(open_stream(file)).read(size)
    except (MiscopeError, OSError, ValueError):
        return b""  # who reads it will say why


@contextmanager
def open_seekable(
    file: str, meter: Meter | None = None, records: list[dict[str, Any]] | None = None, folder: str = "*"
) -> Iterator[IO[bytes]]:
    """Open a file to be read in any order: as it is, or decompressed (and piped) into a temporary file.

    Such a copy is refused where it would take more than half of what is free there: a small file may be unpacked
    without end. For the rest as `open_stream`.
    """
    if not gives_once(file):
        with open_raw(file, folder) as raw:
            with _explained(name_of(file)):
                is_packed = compression_of(raw.read(START)) is not None
                raw.seek(0)
            if not is_packed:
                _note_whole(file, raw, meter, records)
                yield raw
                return
    with tempfile.SpooledTemporaryFile(MOST_IN_MEMORY) as held:
        with open_stream(file, meter, records, folder) as stream:
            _copy(stream, held, name_of(file))
        held.seek(0)
        yield held


def _copy(stream: IO[bytes], held: IO[bytes], name: str) -> None:
    """Copy all that is left of a stream, if there is room."""
    n, room = 0, temporary_room()
    while piece := stream.read(HASH_PIECE):
        n += len(piece)
        if n > room:
            raise refuse_without_room(name, room)
        try:
            held.write(piece)
        except OSError as error:  # others write there too
            raise refuse_without_room(name, n) from error


def can_be_mapped(file: str) -> bool:
    """Whether this is a file of this machine, not compressed; never raises."""
    try:
        if not is_regular(file):
            return False
        with Path(file).open("rb") as opened:
            return compression_of(opened.read(START)) is None
    except OSError:
        return False  # reading it will say why


def mapped(file: str, meter: Meter | None, records: list[dict[str, Any]], folder: str = "*") -> Array:
    """The bytes of a regular file as they are, memory-mapped, after they were read once for their digest."""
    with open_raw(file, folder) as raw:
        _note_whole(file, raw, meter, records)
        with _opening(file):
            return np.asarray(np.memmap(raw, np.uint8, mode="r")) if records[-1]["bytes"] else np.zeros(0, np.uint8)


def _note_whole(file: str, raw: IO[bytes], meter: Meter | None, records: list[dict[str, Any]] | None) -> None:
    """Put name, size and digest of a whole file where they are wanted, and go back to its beginning."""
    if records is None:
        return
    stream = Stream(raw, b"", meter)
    with _explained(name_of(file)):
        while stream.read(HASH_PIECE):
            pass
        raw.seek(0)
    records.append(stream.record(name_of(file)))


def open_raw(file: str, folder: str = "*.csv") -> AbstractContextManager[IO[bytes]]:
    """Open a file, address or standard input as it is; the message says why that cannot be."""
    if gives_once(file):
        return _read_once(file)
    if is_url(file):
        return open_url(file)
    path = Path(file)
    with _opening(file):
        if path.is_dir():
            raise InputError(f"{file!r} is a folder; name the files inside it, for example {str(path / folder)!r}")
        refuse_device(file)
        return path.open("rb")


@contextmanager
def _opening(file: str) -> Iterator[None]:
    """Say why a file of this machine cannot be opened."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"cannot read {file!r}: there is no such file") from error
    except PermissionError as error:
        raise InputError(f"cannot read {file!r}: there is no right to read it") from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {file!r}: {getattr(error, 'strerror', None) or error}") from error


@contextmanager
def _explained(name: str, kinds: Sequence[str] = ()) -> Iterator[None]:
    """Say that compressed data are damaged; whatever else goes wrong is for the reader of the format to say.

    `kinds` is what they are compressed by, what is innermost first.
    """
    try:
        yield
    except InputError:
        raise
    except DAMAGED as error:
        if not kinds or getattr(error, "errno", None) is not None:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"cannot read {name!r}: {reason}") from error
        raise InputError(
            f"{name!r} is a damaged {' in '.join(kinds)} file ({error}), cut off or changed on its way: fetch it again"
        ) from error
