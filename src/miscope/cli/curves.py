"""Curves, tables and fits by name: what `fit` and `compare` read, from files or from standard input."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miscope.errors import FormatError, InputError
from miscope.formats import says_kind, what_takes
from miscope.whole_files import json_of, read_standard_input, read_whole, shown

if TYPE_CHECKING:
    import pyarrow as pa

    from miscope.curve import MICurve
    from miscope.decay import DecayFit

__all__ = [
    "CURVES",
    "FIGURES",
    "SCALES",
    "STDIN",
    "WRITTEN",
    "called",
    "check_names",
    "fit_named",
    "names_curve",
    "read_any",
]

CURVES = (".json", ".parquet")
WRITTEN = (*CURVES, ".csv", ".tsv")
FIGURES = (".png", ".svg", ".pdf")
SCALES = ("log-log", "lin-log", "log-lin", "lin-lin")
STDIN = "-"

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_MOST_NAMES, _MOST_SHOWN = 12, 40  # names of columns in errors, and characters of each
_HEAD = 200  # bytes, in which a file of miscope says what it is


def called(name: str) -> str:
    """What to call this in messages."""
    return "standard input" if name == STDIN else shown(name)


def names_curve(name: str) -> bool:
    """Whether this is how a curve, a fit or a table is named, be there one or not."""
    return name == STDIN or Path(name).suffix.lower() in (*CURVES, *_SEPARATORS)


def check_names(names: list[str]) -> None:
    """Refuse to read standard input more than once."""
    if names.count(STDIN) > 1:
        raise InputError("- is standard input, which is read once only: write one of the curves to a file")


def fit_named(
    name: str,
    source: Any,
    laws: str | list[str],
    lags: str | None,
    floor: bool | str,
    progress: Callable[[int, int], object] | None = None,
) -> DecayFit:
    """The fit of one curve; a table's has the name of its file, and so have errors."""
    from miscope.decay import fit as fit_curve

    try:
        found = fit_curve(source, laws, lags, floor, progress=progress)
    except InputError as error:
        raise InputError(f"{called(name)}: {error}") from None
    return found if found.label else dataclasses.replace(found, label=called(name))


def read_any(name: str) -> MICurve | DecayFit | pa.Table:
    """A curve or a fit, from a file or from standard input, or a table."""
    from miscope.curve.storage import from_bytes
    from miscope.decay.storage import FORMAT, from_json

    known_as, suffix = called(name), Path(name).suffix.lower()
    content = read_standard_input() if name == STDIN else read_whole(name)
    if suffix in _SEPARATORS:
        return _table(content, _SEPARATORS[suffix], known_as)
    # A fit says what it is in the beginning, also one that is cut off.
    if f'"{FORMAT}"'.encode() in content[:_HEAD]:
        return from_json(content.decode("utf-8", "replace"), known_as)
    try:
        return from_bytes(content, known_as)
    except FormatError:
        if name == STDIN or suffix in CURVES:
            fault = _fault_of_json(content)
            if fault is None:
                raise
            raise FormatError(
                f"{known_as} is not a curve of miscope: {fault}; write it again, by miscope measure FILE -o curve.json"
            ) from None
        raise FormatError(
            f"{known_as} is not a curve (.json, .parquet, or a table .csv, .tsv): to measure and fit in one go, "
            f"miscope measure {known_as} --fit"
        ) from None


def _fault_of_json(content: bytes) -> str | None:
    """Why this cannot be read as JSON, None if it can, or is no text."""
    if content.startswith(b"PAR1"):
        return None
    if not content.strip():
        return "it is empty"
    try:
        json_of(content, "it", finite=False)
    except FormatError as error:
        return str(error)
    return None


def _table(content: bytes, separator: str, known_as: str) -> pa.Table:
    """A table of text, its columns those of a curve."""
    import pyarrow as pa
    from pyarrow import csv

    from miscope.decay.points import without_unit

    if kind := says_kind(content[:_HEAD]):
        raise FormatError(
            f"{known_as} is no table, but {what_takes(kind, known_as)[0]} that miscope saved as JSON: name it .json"
        )
    try:
        table = csv.read_csv(pa.BufferReader(content), parse_options=csv.ParseOptions(delimiter=separator))
        names = [name.strip() for name in table.column_names]
    except (pa.ArrowException, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0]
        raise FormatError(f"{known_as} is not a table of numbers: {reason}") from None
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{known_as} has the column {twice[0]:.{_MOST_SHOWN}} more than once: leave one of them")
    bare, _ = without_unit(dict.fromkeys(names))
    if not {"lag", "lags"} & {*bare} or not {"mi", "excess"} & {*bare}:
        raise InputError(
            f"{known_as} has the columns {_listed(names)}; a table to fit has lag and mi (or excess), and perhaps "
            "stderr (or excess_stderr)"
        )
    return table.rename_columns(names)


def _listed(names: list[str]) -> str:
    """Names of columns, as far as they can be read."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(f"{name:.{_MOST_SHOWN}}" for name in names[:_MOST_NAMES]) + more
