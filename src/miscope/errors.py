"""What can go wrong, by name: every error says what is wrong, why, and what to write instead."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

__all__ = [
    "FormatError",
    "InputError",
    "MiscopeError",
    "MiscopeWarning",
    "MissingExtraError",
    "NothingError",
    "choice",
    "require",
]


_LONGEST, _KEPT_AT_END = 2000, 600


class MiscopeError(Exception):
    """Anything that miscope itself has to say against going on.

    Messages name what they are about, and that may be a file's whole content in one name: what is too long to be read
    is cut, and the advice at its end stays.
    """

    def __init__(self, *arguments: object) -> None:
        super().__init__(*(_cut(each) if isinstance(each, str) else each for each in arguments))


def _cut(text: str) -> str:
    """Text of bounded length, its beginning and its end."""
    if len(text) <= _LONGEST:
        return text
    start, end = text[: _LONGEST - _KEPT_AT_END], text[-_KEPT_AT_END:]
    return f"{start} … ({len(text) - _LONGEST:,} characters left out) … {end}"


class InputError(MiscopeError, ValueError):
    """The data or an argument cannot be used as it is (exit status 2 on the command line)."""


class FormatError(InputError):
    """A file is not what it was opened as: truncated, damaged, foreign, or of another version."""


class NothingError(InputError):
    """What was read holds not one symbol: it is empty, or nothing is left of it.

    Attributes
    ----------
    provenance
        What its reader has to say of it all the same: documents that were dropped, notes.
    """

    def __init__(self, message: str, provenance: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.provenance = provenance or {}


class MissingExtraError(MiscopeError, ImportError):
    """A package that this feature needs is not installed; the message names the extra that brings it."""


class MiscopeWarning(UserWarning):
    """Something that the reader of a result has to know; it travels with the result too."""


def choice(value: str, options: Iterable[str], what: str) -> str:
    """Return `value` if it is one of `options`; otherwise say so and offer the nearest.

    >>> choice("byte", ["byte", "word"], "unit")
    'byte'
    >>> choice("wrod", ["byte", "word"], "unit")
    Traceback (most recent call last):
    ...
    miscope.errors.InputError: unknown unit 'wrod'; did you mean 'word'? (one of: byte, word)
    """
    options = list(options)
    if value in options:
        return value
    near = difflib.get_close_matches(str(value), options, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InputError(f"unknown {what} {value!r}{hint} (one of: {', '.join(options)})")


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import `module`, or say which extra of miscope brings it.

    >>> require("no_such_module", "models", "training")
    Traceback (most recent call last):
    ...
    miscope.errors.MissingExtraError: training needs 'no_such_module', ...: pip install "miscope[models]"
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f'{purpose} needs {module!r}, which is not installed: pip install "miscope[{extra}]"'
        ) from error
