"""Digests in files that miscope writes: made over what a file says, and checked before any of it is used."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from miscope.errors import FormatError, MiscopeWarning
from miscope.whole_files import json_of

__all__ = [
    "CHANGED",
    "UNSIGNED",
    "check_arrays",
    "checked",
    "described",
    "description_in",
    "digest_of",
    "digest_of_array",
    "late",
    "made_sure",
    "signed",
]

CHANGED = (
    "is damaged, or was changed after it was written: its digest does not fit what is in it; fetch it again, or make "
    "it again"
)
UNSIGNED = (
    "has no digest, so that it cannot be told whether its numbers are those that were written: an early miscope wrote "
    "it, or something else; made again it has one"
)
_MEMBER, _ARRAYS = "sha256", "digests"
_HEXADECIMAL = re.compile(r"[0-9a-f]{64}")
_PIECE = 1 << 24


def digest_of(body: Mapping[str, Any]) -> str:
    """SHA-256 over what a JSON object says, however it is laid out: the order of its members and spaces are free.

    >>> digest_of({"a": 1, "b": [0.5, None]}) == digest_of({"b": [0.5, None], "a": 1, "sha256": "of both"})
    True
    """
    said = {name: value for name, value in body.items() if name != _MEMBER}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def digest_of_array(values: np.ndarray) -> str:
    """SHA-256 over the type, the shape and the numbers of an array, which may be mapped.

    >>> digest_of_array(np.arange(3)) == digest_of_array(np.arange(3.0))
    False
    """
    found = hashlib.sha256(f"{values.dtype.str}{values.shape};".encode())
    for start in range(0, len(values), _PIECE):
        found.update(np.ascontiguousarray(values[start : start + _PIECE]).data)
    return found.hexdigest()


def signed(body: Mapping[str, Any], indent: int | None = None) -> str:
    """JSON of an object with the digest of all that it says as its last member.

    >>> signed({"a": 1})[:30]
    '{"a": 1, "sha256": "015abd7f5c'
    """
    said = {name: value for name, value in body.items() if name != _MEMBER}
    # Of what will be read, which has lists for tuples and text for all names.
    digest = digest_of(json.loads(json.dumps(said, allow_nan=False)))
    return json.dumps(said | {_MEMBER: digest}, ensure_ascii=False, allow_nan=False, indent=indent)


@contextmanager
def checked(body: dict[str, Any], name: str) -> Iterator[None]:
    """Make sure that a JSON object says what it said when it was written, before it is used inside.

    One that has no digest, as those of early versions, is used all the same, and said to have none.

    Raises
    ------
    FormatError
        It was changed.
    """
    last = body[next(reversed(body))] if body else None
    is_signed = _MEMBER in body or (isinstance(last, str) and _HEXADECIMAL.fullmatch(last) is not None)
    if is_signed and not _fits(body):
        raise FormatError(f"{name} {CHANGED}")
    yield
    if not is_signed:
        warnings.warn(f"{name} {UNSIGNED}", MiscopeWarning, stacklevel=5)


def _fits(body: Mapping[str, Any]) -> bool:
    try:
        return bool(body.get(_MEMBER) == digest_of(body))
    except TypeError:  # of a table whose columns have other types, such as times
        return False


# Arrays in files of Arrow's, whose metadata are JSON


def described(
    about: Mapping[str, Any], arrays: Mapping[str, np.ndarray], default: Callable[[Any], Any]
) -> dict[str, str]:
    """Metadata of a schema: what is said of arrays as JSON, the digests of these among it, and its own beside it."""
    digests = {name: digest_of_array(array) for name, array in arrays.items()}
    text = json.dumps({**about, _ARRAYS: digests}, default=default)
    return {"miscope": text, f"miscope.{_MEMBER}": hashlib.sha256(text.encode()).hexdigest()}


def description_in(metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    """What `described` said; the digests of arrays are its member of that name, which early versions do not have.

    Nothing, if the metadata are not miscope's.

    Raises
    ------
    FormatError
        It was changed.
    ValueError
        It is no object of JSON.
    """
    text, digest = metadata.get(b"miscope", b"{}"), metadata.get(b"miscope.sha256")
    about = json_of(text, "what miscope wrote about it in the metadata", finite=False)
    if not isinstance(about, dict):
        raise ValueError("it is no object")
    is_whole = digest == hashlib.sha256(text).hexdigest().encode() and isinstance(about.get(_ARRAYS), dict)
    if (digest is not None or _ARRAYS in about) and not is_whole:
        raise FormatError(f"it {CHANGED}")
    return about


def check_arrays(digests: Mapping[str, str], arrays: Mapping[str, np.ndarray], name: str) -> None:
    """Make sure that arrays are those of which a description has these digests.

    Raises
    ------
    FormatError
        They are not.
    """
    if any(digests.get(each) != digest_of_array(array) for each, array in arrays.items()):
        raise FormatError(f"{name} {CHANGED}")


class _MadeSure:
    """An attribute that is handed out after what `late` was given has been called."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object | None, owner: type) -> Any:
        if instance is None:
            return self
        held = vars(instance)
        if _CHECK in held:
            held[_CHECK]()
            held.pop(_CHECK, None)
        return held[self._name]

    def __set__(self, instance: object, value: Any) -> None:
        vars(instance)[self._name] = value


_CHECK = "_check"
_Class = TypeVar("_Class", bound=type)


def made_sure(*names: str) -> Callable[[_Class], _Class]:
    """For dataclasses whose arrays of these names may lie in a mapped file, of which it is made sure late.

    To look at all of a large file takes as long as to read it, so that nothing is looked at when it is opened. Whoever
    is the first to ask for such an array waits until its digest is known to fit.
    """

    def of(kind: _Class) -> _Class:
        for name in names:
            setattr(kind, name, _MadeSure(name))
        return kind

    return of


def late(instance: object, check: Callable[[], None]) -> None:
    """Let this be called before any of the arrays of `instance` that are `made_sure` of is looked at."""
    vars(instance)[_CHECK] = check
