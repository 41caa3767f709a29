"""Files that are whole or not there: written beside their place under a temporary name, then renamed into it."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from miscope.digests import signed
from miscope.errors import InputError
from miscope.locks import Claim, claim, private_file, remove_abandoned

__all__ = ["atomic_path", "check_suffix", "claimed_folder", "explained", "mapped_file", "write_json"]

PREFIX = ".miscope-"  # of files that are being written

REASONS = {
    errno.ENOSPC: "no space is left on the device; free some, or write to another one",
    errno.EDQUOT: "the disk quota is used up; free some space, or write to another disk",
    errno.EACCES: "there is no right to write there; choose another folder",
    errno.EPERM: "there is no right to write there; choose another folder",
    errno.EROFS: "the file system is read-only; choose another folder",
}


@contextmanager
def atomic_path(path: str | os.PathLike[str], follow: bool = True) -> Iterator[Path]:
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
        The file to write or to replace. A device or pipe (``/dev/stdout``) is written to directly.
    follow
        Whether a link at `path` stays, and the file that it names is replaced. False, for files that nobody named: the
        link itself is replaced, wherever it leads.

    Yields
    ------
    Path
        Where to write: in the same folder, with the same suffix.

    Raises
    ------
    InputError
        The file cannot be written, for a reason that the message gives. Whatever stood at `path` is unchanged.
    """
    target = Path(os.path.realpath(path)) if follow else Path(path).absolute()
    _check(target, path)
    if follow and target.exists() and not target.is_file():
        with explained(path):
            yield target
        return
    _tidy(target.parent)
    with explained(path):
        temporary, held = private_file(target.parent, PREFIX, target.suffix, 0o666)
    try:
        with explained(path):
            yield temporary
            temporary.replace(target)
    finally:
        held.release()
        temporary.unlink(missing_ok=True)


@functools.cache  # once a folder, since it may hold many files
def _tidy(folder: Path) -> None:
    """Remove what processes that were killed left half-written."""
    remove_abandoned(folder, PREFIX)


def claimed_folder(path: str | os.PathLike[str], folder: Path, what: str) -> Claim:
    """Make a folder for what is unfinished of the file `path`, after the checks of `atomic_path`, and claim it.

    Raises
    ------
    TakenError
        Another process is at `what` there.
    """
    if folder.is_symlink():
        raise InputError(f"cannot work in {str(folder)!r}: it is a link, which miscope did not make; remove it")
    while True:
        _check(Path(os.path.realpath(path)), path)
        with explained(folder):
            folder.mkdir(exist_ok=True)
            try:
                return claim(folder / "lock", what)
            except FileNotFoundError:  # who was there has finished meanwhile, and removed the folder
                continue


def mapped_file(path: str | os.PathLike[str], dtype: Any, n: int) -> np.memmap[Any, Any]:
    """Make a file of n numbers that is written to as memory, with room on the disk for all of them.

    A file that has holes would end the process (SIGBUS) where one is written to on a full disk.

    Raises
    ------
    InputError
        There is no room for it.
    """
    size = n * np.dtype(dtype).itemsize
    with explained(path), Path(path).open("w+b") as file:
        _reserve(file, size)
        return np.memmap(file, dtype, "r+", shape=(n,))


def _reserve(file: IO[bytes], size: int) -> None:
    """Take room on the disk; where the file system (or the machine) knows no way to, by writing zeros."""
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
            return
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
def explained(path: str | os.PathLike[str]) -> Iterator[None]:
    """Say in an `InputError` why something could not be written to `path`."""
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
    """Write a result as one JSON object with its digest, to a name that ends in ``.json``."""
    check_suffix(path, (".json",), what)
    text = signed(body)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
