"""Files that are read whole, and JSON: what is no file, has no end, or is nested without end, is refused."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from typing import IO, Any

import numpy as np

from miscope.errors import FormatError, InputError
from miscope.machine import as_size

__all__ = ["DEEPEST", "MOST", "is_nested", "json_of", "read_standard_input", "read_whole", "refuse_device", "shown"]

MOST = 1 << 29
"""Bytes of a file that is read whole: results, tables of classes, settings. Data are read piece by piece."""
DEEPEST = 100
"""Lists and objects of JSON inside one another: far more than any result has, far fewer than a stack holds."""
_PIECE = 1 << 20
_SURROGATES = re.compile("[\ud800-\udfff]")
_BRACKETS = bytes.maketrans(b"[{]}", b"\1\1\xff\xff")
_DIGITS = bytes.maketrans(b"123456789E", b"000000000e")
_MOST_DIGITS = 300
"""Digits of whole numbers that double precision is sure to hold."""
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)', re.DOTALL)
_OTHERS = bytes(set(range(256)) - set(b"[{]}"))


def read_whole(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file or a pipe: at most `MOST`, and nothing of a device.

    Raises
    ------
    InputError
        There is no such file, it cannot be read, is a device, or longer than what is read whole.
    """
    name = os.fspath(path)
    try:
        refuse_device(name)
        with open(name, "rb") as file:  # noqa: PTH123 - names need not be paths
            return _bounded(file, name)
    except InputError:
        raise
    except (OSError, ValueError) as error:  # the latter for names that cannot be
        raise InputError(f"cannot read {shown(name)!r}: {getattr(error, 'strerror', None) or error}") from None


def read_standard_input() -> bytes:
    """The bytes of standard input: at most `MOST`.

    Raises
    ------
    InputError
        It is closed, or longer.
    """
    if sys.stdin is None:
        raise InputError("cannot read standard input: it is closed")
    return _bounded(sys.stdin.buffer, "standard input")


def refuse_device(name: str) -> None:
    """Refuse a device, such as /dev/zero, which may never end; files and pipes may pass, and what is not there.

    Raises
    ------
    InputError
        It is a device, and no terminal.
    """
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116 - names need not be paths
    except (OSError, ValueError):
        return  # opening it will say why
    if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not _is_terminal(name)):
        raise InputError(f"cannot read {shown(name)!r}: it is a device, not a file")


def _is_terminal(name: str) -> bool:
    try:
        descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return False
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)


def _bounded(file: IO[bytes], name: str) -> bytes:
    parts, n = [], 0
    while piece := file.read(_PIECE):
        n += len(piece)
        if n > MOST:
            raise InputError(f"cannot read {shown(name)!r}: it has more than {as_size(MOST)}, as no such file has")
        parts.append(piece)
    return b"".join(parts)


def shown(name: str) -> str:
    r"""Make a file's name Unicode: names on disk are bytes, and need not be any text.

    >>> shown(os.fsdecode(b"caf\xe9.txt")) == "caf\ufffd.txt"
    True
    """
    return _SURROGATES.sub("\ufffd", name)


def json_of(text: str | bytes, name: str, finite: bool = True) -> Any:
    """What JSON says, which others may have written.

    >>> json_of('{"lags": [1, 2]}', "a.json")
    {'lags': [1, 2]}
    >>> json_of("[" * 10**5, "a.json")
    Traceback (most recent call last):
    ...
    miscope.errors.FormatError: a.json is nested more than 100 deep, as nothing of this kind is

    Parameters
    ----------
    text
        The text, or its bytes.
    name
        What to call it in errors.
    finite
        Whether numbers that are not finite are refused too, which JSON does not have and Python writes all the same.

    Raises
    ------
    FormatError
        It is not JSON, nested deeper than `DEEPEST`, or has a number beyond the largest of double precision.
    """
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    checks: dict[str, Any] = {"parse_float": _finite, "parse_int": _whole} if _may_be_too_large(data) else {}
    if finite:
        checks["parse_constant"] = _refused
    try:
        found = json.loads(text, **checks)
    except RecursionError:
        raise _too_deep(name) from None
    except ValueError as error:
        raise FormatError(f"{name} is not JSON, or is cut off: {error}") from None
    if _depth(found) > DEEPEST:
        raise _too_deep(name)
    return found


def _too_deep(name: str) -> FormatError:
    return FormatError(f"{name} is nested more than {DEEPEST} deep, as nothing of this kind is")


def is_nested(line: bytes) -> bool:
    """Whether more than `DEEPEST` brackets are open at once in a line of JSON, or of what is to be JSON.

    For parsers that are not asked how deep they go, and end the process where their stack ends.

    >>> is_nested(b"[" * 101), is_nested(b"[1, 2]" * 101), is_nested(b'["' + b"[" * 101)
    (True, False, False)
    """
    if line.count(b"[") + line.count(b"{") <= DEEPEST:
        return False
    steps = np.frombuffer(_STRINGS.sub(b"", line).translate(_BRACKETS, _OTHERS), np.int8)
    return int(np.cumsum(steps, dtype=np.int64).max(initial=0)) > DEEPEST


def _depth(value: Any) -> int:
    """How many lists and objects are inside one another; not by calling itself, which a deep one would end."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return depth


def _may_be_too_large(data: bytes) -> bool:
    """Whether there may be a number beyond double precision: one of so many digits, or with such an exponent."""
    plain = data.translate(_DIGITS, b"+")
    return b"e000" in plain or b"0" * _MOST_DIGITS in plain


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), -float("inf")):
        raise ValueError(f"the number {text:.20}… is too large")
    return number


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"the number {text:.20}… is too large")
    return int(text)
