"""Files, globs, addresses and standard input become bytes: found, decompressed, hashed, every failure explained."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from miscope.errors import InputError
from miscope.sequences.codes import Array, pieces
from miscope.sequences.frames import is_frame
from miscope.sequences.remote import expand_url, is_url, public, read_url, refuse_cut, size_of_url

__all__ = ["Paths", "Progress", "Source", "can_be_mapped", "expand", "label_of", "read_sources"]

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
Progress = Callable[[int, int], object]

STDIN = "-"
HASH_PIECE = 1 << 24
COMPRESSIONS = {b"\x1f\x8b\x08": "gzip", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True)
class Source:
    """One input: its bytes after decompression, and what was on the disk."""

    name: str
    data: Array
    size: int
    sha256: str

    @property
    def record(self) -> dict[str, Any]:
        """What provenance keeps of it."""
        return {"name": self.name, "bytes": self.size, "sha256": self.sha256}


def expand(paths: Paths) -> list[str]:
    """Return the files that `paths` stands for: globs and addresses expanded and sorted, everything else as it is."""
    if is_frame(paths):
        raise InputError("a data frame is no file: read_table(frame, column='name') reads a column of it")
    one = isinstance(paths, str | os.PathLike)
    files = [file for path in ([paths] if one else paths) for file in _expand_one(os.fspath(path))]  # type: ignore[arg-type,union-attr]
    if not files:
        raise InputError("there are no files to read; pass at least one path")
    return files


def _expand_one(path: str) -> list[str]:
    if is_url(path):
        return expand_url(path)
    refuse_cut(path)
    path = str(Path(path).expanduser()) if path.startswith("~") else path
    if path == STDIN or os.path.exists(path) or not glob.has_magic(path):  # noqa: PTH110 - never raises
        return [path]
    found = sorted(name for name in glob.glob(path, recursive=True) if not Path(name).is_dir())  # noqa: PTH207
    if not found:
        raise InputError(f"no file matches {path!r}; check the folder, or quote the pattern for the shell")
    return found


def label_of(files: list[str]) -> str:
    """Name the data after their files.

    >>> label_of(["texts/a.txt", "texts/b.txt", "texts/c.txt"])
    'a.txt and 2 more'
    """
    first = "<stdin>" if files[0] == STDIN else Path(_name_of(files[0])).name
    return first if len(files) == 1 else f"{first} and {len(files) - 1} more"


def shown(name: str) -> str:
    r"""Make a file's name Unicode: names on disk are bytes, and need not be any text.

    >>> shown(os.fsdecode(b"caf\xe9.txt")) == "caf\ufffd.txt"
    True
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _name_of(file: str) -> str:
    """How a file is called in results: Unicode, and without the secrets that an address may have."""
    return "<stdin>" if file == STDIN else shown(public(file) if is_url(file) else file)


def can_be_mapped(file: str) -> bool:
    """Whether this is a file of this machine, not compressed; never raises.

    >>> can_be_mapped(STDIN), can_be_mapped("s3://corpus/a.txt"), can_be_mapped("no_such.txt")
    (False, False, False)
    """
    if file == STDIN or is_url(file):
        return False
    try:
        path = Path(file)
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as opened:
            return not opened.read(6).startswith(tuple(COMPRESSIONS))
    except (OSError, ValueError):
        return False  # reading it will say why


def read_sources(files: list[str], progress: Progress | None = None) -> Iterator[Source]:
    """Read one file after the other, telling `progress` how many of how many bytes are done."""
    total, done = sum(map(_size, files)), 0
    for file in files:
        raw = _raw(file)
        digest = hashlib.sha256()
        for piece in pieces(len(raw), HASH_PIECE):
            digest.update(raw[piece].data)
            done += piece.stop - piece.start
            if progress is not None:
                progress(done, max(total, done))
        name = _name_of(file)
        yield Source(name, _decompress(raw, name), len(raw), digest.hexdigest())


def _size(file: str) -> int:
    if is_url(file):
        return size_of_url(file)
    try:
        return 0 if file == STDIN else Path(file).stat().st_size
    except (OSError, ValueError):
        return 0  # reading it will say why


def _raw(file: str) -> Array:
    """Return the bytes of a file: mapped if it is a regular one, read if it is a pipe or somewhere else."""
    if is_url(file):
        return np.frombuffer(read_url(file), np.uint8)
    if file == STDIN:
        if sys.stdin is None:
            raise InputError("cannot read standard input: it is closed")
        return np.frombuffer(sys.stdin.buffer.read(), np.uint8)
    path = Path(file)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{file!r} is a folder; name the files inside it, for example {str(path / '*.txt')!r}")
        if stat.S_ISREG(status.st_mode) and status.st_size:
            return np.asarray(np.memmap(path, np.uint8, mode="r"))
        return np.frombuffer(path.read_bytes(), np.uint8)
    except FileNotFoundError as error:
        raise InputError(f"cannot read {file!r}: there is no such file") from error
    except PermissionError as error:
        raise InputError(f"cannot read {file!r}: there is no right to read it") from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {file!r}: {getattr(error, 'strerror', None) or error}") from error


def _decompress(raw: Array, name: str) -> Array:
    """Undo gzip, xz and zstd, told by their first bytes."""
    start = raw[:6].tobytes()
    kind = next((kind for magic, kind in COMPRESSIONS.items() if start.startswith(magic)), None)
    if kind is None:
        return raw
    import lzma

    try:
        return np.frombuffer(_decompressor(kind)(raw), np.uint8)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{name!r} is a damaged {kind} file ({error}); fetch it again") from error


def _decompressor(kind: str) -> Callable[[Any], Any]:
    import gzip
    import lzma

    known: dict[str, Callable[[Any], Any]] = {"gzip": gzip.decompress, "xz": lzma.decompress, "zstd": _unzstd}
    return known[kind]


def _unzstd(raw: Array) -> Any:
    import pyarrow as pa

    with pa.CompressedInputStream(pa.BufferReader(pa.py_buffer(raw)), "zstd") as stream:
        return stream.read()
