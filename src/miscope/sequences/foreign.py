"""Files that hold no data of their own to measure: what they are, and what takes them, told by their first bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from miscope.errors import InputError
from miscope.formats import says_kind, what_takes

__all__ = ["HEAD", "is_safetensors", "refuse_foreign", "refuse_saved_table", "with_start_checked"]

HEAD = 4096
"""Bytes that are looked at."""

_PICTURE = "a picture, not data: name the data that it shows"
_PACKED = "an archive of files, not text: unpack it, and name the files in it"
_TABLE = "not text: miscope.read finds its reader"
_KNOWN = {
    b"\x89PNG\r\n\x1a\n": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"GIF87a": _PICTURE,
    b"GIF89a": _PICTURE,
    b"%PDF-": "a PDF file, not text: take the text out of it first, with pdftotext for example, and name that",
    b"PK\x03\x04": "a ZIP archive (as .docx, .xlsx, .epub and .npz files are too), not text: unpack it and name what "
    "is in it, or save its text as .txt, its table as .csv, its array by numpy.save",
    b"7z\xbc\xaf\x27\x1c": _PACKED,
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, not text: save the data in it by numpy.save as .npy, or its table as Parquet "
    "or CSV, and name that",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Office file (.doc, .xls), not text: save its text as .txt, or its "
    "table as .csv, and name that",
    b"SQLite format 3\x00": "a database of SQLite's, not text: export the table as CSV, and name that",
    b"\x93NUMPY": f"a .npy file, {_TABLE}",
    b"PAR1": f"a Parquet file, {_TABLE}",
    b"ARROW1": f"an Arrow file, {_TABLE}",
}
_TAR, _TAR_AT = b"ustar", 257
_LONGEST_HEADER = 100_000_000  # of a safetensors file, as its own library has it


def is_safetensors(start: bytes) -> bool:
    """Whether a file that begins so is one of safetensors: the length of a JSON object, and the object.

    >>> is_safetensors((80).to_bytes(8, "little") + b'{"weight"'), is_safetensors(b'{"a": "so it is"}')
    (True, False)
    """
    return len(start) > 9 and start[8:10] == b'{"' and int.from_bytes(start[:8], "little") < _LONGEST_HEADER


def refuse_foreign(start: bytes, name: str) -> None:
    """Refuse to read a file as text that begins as something else does, or as a result that miscope saved.

    >>> refuse_foreign(b'{"format": "miscope.curve", "version": 1}', "c.json")
    Traceback (most recent call last):
    ...
    miscope.errors.InputError: 'c.json' is a curve that miscope saved, not data: to fit it, miscope fit c.json; to ...

    Parameters
    ----------
    start
        The first bytes, after decompression.
    name
        The file, as it is called in messages.

    Raises
    ------
    InputError
        It says what the file is, and what takes it.
    """
    if is_safetensors(start):
        raise InputError(
            f"{name!r} is a model (safetensors), not data: miscope probe {_named(name)} measures what it draws"
        )
    what = next((said for magic, said in _KNOWN.items() if start.startswith(magic)), None)
    if what is None and start[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        what = _PACKED
    if what is not None:
        raise InputError(f"{name!r} is {what}")
    kind = says_kind(start[:HEAD])
    if kind is not None:
        raise InputError(_saved(name, kind))


def refuse_saved_table(metadata: dict[bytes, bytes] | None, name: str) -> None:
    """Refuse to look for a column of data in a table that is a result of miscope's."""
    try:
        about: Any = json.loads((metadata or {}).get(b"miscope", b"{}"))
    except ValueError:
        return
    kind = about.get("format") if isinstance(about, dict) else None
    if isinstance(kind, str) and kind == "miscope.curve":
        raise InputError(f"{_saved(name, kind)}; to read a column of it all the same, name it, column='mi'")


def with_start_checked(parts: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The same parts of a file, after a look at how it begins."""
    unseen = True
    for part in parts:
        if unseen:
            refuse_foreign(part[:HEAD], name)
            unseen = False
        yield part


def _saved(name: str, kind: str) -> str:
    what, takes = what_takes(kind, _named(name))
    return f"{name!r} is {what} that miscope saved, not data: {takes}"


def _named(name: str) -> str:
    """How a file is named in a command."""
    return "FILE" if name == "<stdin>" else name
