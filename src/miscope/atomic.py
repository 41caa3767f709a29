"""Files that are whole or not there: written beside their place under a temporary name, then renamed into it."""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from miscope.errors import InputError

__all__ = ["atomic_path", "check_suffix", "folder_for", "mapped_file", "write_json"]

REASONS = {
    errno.ENOSPC: "no space is left on the device; free some, or write to another one",
    errno.EDQUOT: "the disk quota is used up; free some space, or write to another disk",
    errno.EACCES: "there is no right to write there; choose another folder",
    errno.EPERM: "there is no right to write there; choose another folder",
    errno.EROFS: "the file system is read-only; choose another folder",
}


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which takes the place of `path` when the block ends well.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_path(folder / "result.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> [file.name for file in folder.iterdir()]
    ['result.txt']

    Parameters
    ----------
    path
        The file to write or to replace. A link is followed; a device or pipe (``/dev/stdout``) is written to directly.

    Yields
    ------
    Path
        Where to write: in the same folder, with the same suffix.

    Raises
    ------
    InputError
        The file cannot be written, for a reason that the message gives. Whatever stood at `path` is unchanged.
    """
    target = Path(os.path.realpath(path))
    _check(target, path)
    if target.exists() and not target.is_file():
        with _explained(path):
            yield target
        return
    temporary = target.with_name(f".miscope-{secrets.token_hex(6)}{target.suffix}")
    try:
        with _explained(path):
            yield temporary
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def folder_for(path: str | os.PathLike[str], folder: Path) -> None:
    """Make a folder for what is unfinished of the file `path`, after the checks of `atomic_path`."""
    _check(Path(os.path.realpath(path)), path)
    with _explained(folder):
        folder.mkdir(exist_ok=True)


def mapped_file(path: str | os.PathLike[str], dtype: Any, n: int) -> np.memmap[Any, Any]:
    """Make a file of n numbers that is written to as memory, with room on the disk for all of them.

    A file that has holes would end the process (SIGBUS) where one is written to on a full disk.

    Raises
    ------
    InputError
        There is no room for it.
    """
    size = n * np.dtype(dtype).itemsize
    with _explained(path), Path(path).open("w+b") as file:
        _reserve(file, size)
        return np.memmap(file, dtype, "r+", shape=(n,))


def _reserve(file: IO[bytes], size: int) -> None:
    """Take room on the disk; where the file system (or the machine) knows no way to, by writing zeros."""
    try:
        os.posix_fallocate(file.fileno(), 0, size)
        return
    except AttributeError:
        pass
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
    zeros = bytes(1 << 20)
    for start in range(0, size, len(zeros)):
        file.write(zeros[: size - start])
    file.flush()


def _check(target: Path, path: str | os.PathLike[str]) -> None:
    if target.is_dir():
        raise InputError(f"cannot write {str(path)!r}: it is a folder; name a file inside it")
    if target.parent.exists() and not target.parent.is_dir():
        raise InputError(f"cannot write {str(path)!r}: {str(target.parent)!r} is a file, not a folder")
    if not target.parent.is_dir():
        raise InputError(
            f"cannot write {str(path)!r}: the folder {str(target.parent)!r} does not exist; create it first"
        )


@contextmanager
def _explained(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = REASONS.get(error.errno or 0) or error.strerror or str(error)
        raise InputError(f"cannot write {str(path)!r}: {reason}") from error


def check_suffix(path: str | os.PathLike[str], suffixes: tuple[str, ...], what: str) -> None:
    """Refuse a name that promises another kind of file than is written; "" among the suffixes is for names with none.

    >>> check_suffix("a.csv", (".json", ".parquet"), "a curve")
    Traceback (most recent call last):
    ...
    miscope.errors.InputError: a curve is written as .json or .parquet, not as 'a.csv'
    """
    if Path(path).suffix.lower() in suffixes or (Path(path).exists() and not Path(path).is_file()):
        return  # devices and pipes have no suffix; folders are refused by who writes
    *first, last = (suffix for suffix in suffixes if suffix)
    listed = f"{', '.join(first)} or {last}" if first else last
    raise InputError(f"{what} is written as {listed}, not as {Path(path).name!r}")


def write_json(path: str | os.PathLike[str], body: Mapping[str, Any], what: str) -> None:
    """Write a result as one JSON object, to a name that ends in ``.json``."""
    check_suffix(path, (".json",), what)
    text = json.dumps(body, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
