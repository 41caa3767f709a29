"""What JSON files of results say of themselves: their kind, the version of its form, and which miscope wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miscope._version import __version__
from miscope.errors import FormatError

__all__ = ["KINDS", "checked_kind", "marked"]

KINDS = {
    "uniformity": 1,
    "drift": 1,
    "reach": 1,
    "reaches": 1,
    "spectrum": 1,
    "couplings": 1,
    "contributions": 1,
    "study": 1,
}
"""Version of the form of each kind, which changes when older files can no longer be read. (Curves, fits, counts and
models have forms of their own, with files of their own.)"""


def marked(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A result with what is to be said of it first.

    >>> marked("drift", {"slopes": [0.1]})["format"]
    'miscope.drift'
    """
    return {"format": f"miscope.{kind}", "version": KINDS[kind], "miscope": __version__, **body}


def checked_kind(body: Mapping[str, Any], path: str) -> str | None:
    """The kind that a file says it is of, None if it says none that is known here.

    >>> checked_kind(marked("drift", {}), "drift.json"), checked_kind({"colour": 1}, "odd.json")
    ('drift', None)
    >>> checked_kind({"format": "miscope.drift", "version": 99, "miscope": "9.0"}, "drift.json")
    Traceback (most recent call last):
    ...
    miscope.errors.FormatError: drift.json was written by miscope 9.0 in version 99 of its form, and this one ...

    Raises
    ------
    FormatError
        If it is of another version.
    """
    kind = str(body.get("format", "")).removeprefix("miscope.")
    if kind not in KINDS or body.get("format") != f"miscope.{kind}":
        return None
    if body.get("version") != KINDS[kind]:
        raise FormatError(
            f"{path} was written by miscope {body.get('miscope', 'of another version')} in version "
            f"{body.get('version')} of its form, and this one ({__version__}) reads version {KINDS[kind]}: make it "
            "again, or use the miscope that wrote it"
        )
    return kind
