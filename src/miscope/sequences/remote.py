"""Addresses such as ``s3://bucket/file``: what fsspec opens, with the library that is missing named."""

from __future__ import annotations

import difflib
import glob
import io
import os
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from miscope.errors import InputError, MiscopeError, MissingExtraError, require

__all__ = ["expand_url", "is_url", "open_url", "public", "refuse_cut", "size_of_url"]

ADDRESS = re.compile(r"(?:[A-Za-z][\w+.\-]*::)*[A-Za-z][\w+.\-]*://", re.ASCII)
USER = re.compile(r"(?<=://)(?<!abfs://)(?<!abfss://)[^/@]*@")
QUERY = re.compile(r"(https?://[^?\s'\"]*)\?[^\s'\"]*", re.IGNORECASE)
CUT = re.compile(r"(s3|gs|gcs|hf|https?|ftp|sftp|memory|file|abfs|az):/[^/]", re.ASCII)


def is_url(path: str) -> bool:
    r"""Whether this is an address for fsspec, and no path of this machine.

    >>> [is_url(path) for path in ("s3://corpus/a.txt", "simplecache::https://x.org/a", "C:\\a.txt", "a:b.txt")]
    [True, True, False, False]
    """
    return ADDRESS.match(path) is not None


def refuse_cut(path: str) -> None:
    """Refuse an address that has lost a slash, as `pathlib.Path` makes it: it would be looked for on this machine.

    >>> refuse_cut("s3:/corpus/a.txt")
    Traceback (most recent call last):
    ...
    miscope.errors.InputError: 's3:/corpus/a.txt' lacks a slash, as addresses do that were made a pathlib.Path; ...
    """
    if CUT.match(path) and not os.path.exists(path):  # noqa: PTH110 - never raises
        right = path.replace(":/", "://", 1)
        raise InputError(
            f"{path!r} lacks a slash, as addresses do that were made a pathlib.Path; pass {right!r} as a str"
        )


def public(url: str) -> str:
    """Return an address without what may be secret: user and password, and the query of a web address.

    >>> public("https://me:secret@x.org/a.txt?signature=abc")
    'https://x.org/a.txt'
    """
    return USER.sub("", QUERY.sub(r"\1", url))


def expand_url(url: str) -> list[str]:
    """Return the files that an address stands for: a pattern expanded and sorted by the file system itself.

    Examples
    --------
    >>> import fsspec
    >>> fsspec.filesystem("memory").pipe({"/corpus/b.txt": b"b", "/corpus/a.txt": b"a"})
    >>> expand_url("memory://corpus/*.txt")
    ['memory:///corpus/a.txt', 'memory:///corpus/b.txt']

    Parameters
    ----------
    url
        An address; in one of http or https a question mark begins a query, and is no pattern.

    Raises
    ------
    InputError
        Nothing matches, the file system cannot list its files, or it cannot be reached.
    MissingExtraError
        The library of this kind of storage is not installed; the message names it.
    """
    web = url.lower().startswith(("http://", "https://"))
    if not (re.search(r"[*\[]", url) if web else glob.has_magic(url)):
        return [url]
    if "::" in url:
        raise InputError(f"{public(url)!r} is an address inside another, where patterns do not work; list the files")
    files, path = _system(url)
    with _explained(url):
        found = sorted(name for name, about in files.glob(path, detail=True).items() if about["type"] == "file")
    if not found:
        raise InputError(f"no file matches {public(url)!r}; check the folder and the spelling")
    return [files.unstrip_protocol(name) for name in found]


@contextmanager
def open_url(url: str) -> Iterator[IO[bytes]]:
    """Open what an address leads to as a file that can be read in pieces, in any order where its storage allows.

    For readers of formats that need not hold the whole file, such as Parquet. The errors are those of `expand_url`,
    also while the file is read; a `ValueError`, which is how a reader says that the format is wrong, is left as it is.

    >>> import fsspec
    >>> fsspec.filesystem("memory").pipe("/corpus/a.txt", b"so it is")
    >>> with open_url("memory://corpus/a.txt") as file:
    ...     file.seek(3), file.read(2)
    (3, b'it')
    >>> with open_url("s4://corpus/a.txt"):
    ...     pass
    Traceback (most recent call last):
    ...
    miscope.errors.InputError: cannot read 's4://corpus/a.txt': unknown kind of address 's4'; did you mean 's3'? ...
    """
    files, path = _system(url)
    with _explained(url, files, path):
        file = _opened(files, path)
    with file, _explained(url, files, path, ValueError):
        yield file


def _opened(files: Any, path: str) -> IO[bytes]:
    """Open a file of a file system; from web servers that send no parts of files, take it as a whole."""
    if {"http", "https"}.intersection([files.protocol] if isinstance(files.protocol, str) else files.protocol):
        with suppress(Exception):  # opening it will say why
            start = files.cat_file(path, start=0, end=1)
            if len(start) > 1:  # all of it, though only one byte was asked for
                return io.BytesIO(start)
    opened: IO[bytes] = files.open(path, "rb")
    return opened


def size_of_url(url: str) -> int:
    """Return the number of bytes behind an address, 0 where its storage does not say; never raises."""
    try:
        files, path = _system(url)
        return int(files.size(path) or 0)
    except Exception:  # reading it will say why
        return 0


def _system(url: str) -> tuple[Any, str]:
    """Return the file system of an address, and what it calls the file."""
    fsspec = require("fsspec", "hub", f"reading {public(url)!r}")
    _check_kind(fsspec, url)
    with _explained(url):
        files, path = fsspec.core.url_to_fs(url)
        return files, path


def _check_kind(fsspec: Any, url: str) -> None:
    known = sorted({*fsspec.available_protocols(), *fsspec.registry})  # the second: what a program registered itself
    for kind in re.findall(r"([A-Za-z][\w+.\-]*)://", url):
        if kind.lower() not in known:
            near = difflib.get_close_matches(kind.lower(), known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(
                f"cannot read {public(url)!r}: unknown kind of address {kind!r}{hint} (such as s3, gs, hf, https)"
            )


@contextmanager
def _explained(url: str, files: Any = None, path: str = "", left: type[Exception] = MiscopeError) -> Iterator[None]:
    """Say in one line what a file system raises, each having errors of its own; those that are `left` pass."""
    try:
        yield
    except (MiscopeError, left):
        raise
    except ImportError as error:
        raise _missing(url, error) from error
    except (FileNotFoundError, IsADirectoryError) as error:
        if files is not None and _is_folder(files, path):
            example = public(url).rstrip("/") + "/*.txt"
            raise InputError(f"{public(url)!r} is a folder; name the files in it, such as {example!r}") from error
        raise InputError(f"cannot read {public(url)!r}: there is no such file") from error
    except PermissionError as error:
        raise InputError(f"cannot read {public(url)!r}: there is no right to read it ({_told(error)})") from error
    except Exception as error:
        raise InputError(
            f"cannot read {public(url)!r}: {_told(error)}; check the address, the network and the right to read it, or "
            "download the file first"
        ) from error


def _missing(url: str, error: ImportError) -> MissingExtraError:
    """Name the library to install: the module that was looked for, or else what fsspec says."""
    cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
    module = (cause.name or "").partition(".")[0]
    what = f"reading {public(url)!r} needs {module!r}, which is not installed: pip install {module}"
    return MissingExtraError(what if module else f"cannot read {public(url)!r}: {_told(error)}")


def _is_folder(files: Any, path: str) -> bool:
    try:
        return bool(files.isdir(path))
    except Exception:  # the first error is the one to tell
        return False


def _told(error: Exception) -> str:
    return textwrap.shorten(public(str(error)), 200, placeholder=" …") or type(error).__name__
