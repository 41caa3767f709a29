"""Which kinds of files there are: those of data, and what results say of themselves and which miscope wrote them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from miscope._version import __version__
from miscope.digests import checked
from miscope.errors import FormatError, MiscopeError
from miscope.whole_files import json_of, read_whole

__all__ = [
    "DATA",
    "KINDS",
    "DataKind",
    "array",
    "checked_kind",
    "data_help",
    "marked",
    "number",
    "plain",
    "reading",
    "says_kind",
    "what_takes",
]


class DataKind(NamedTuple):
    """A kind of files of data: how it is called, what its files are named, and what a person is told of it."""

    name: str
    suffixes: tuple[str, ...]
    told: str = ""
    several: bool = True
    """Whether several files of it are read together, as one corpus."""


DATA = {
    "text": DataKind(
        "text (read_text)", (), "Text (also compressed: .gz, .bz2, .xz, .lzma, .zst; globs; - for standard input)"
    ),
    "tokens": DataKind("text that a tokenizer reads (read_tokens)", ()),
    "table": DataKind(
        "a table (read_table)",
        (".csv", ".tsv", ".tab", ".parquet", ".feather", ".jsonl", ".ndjson"),
        "a table (.csv, .tsv, .parquet, .jsonl)",
    ),
    "fasta": DataKind(
        "a FASTA file (read_fasta)", (".fa", ".fasta", ".fna", ".ffn", ".frn", ".faa", ".fq", ".fastq"), "FASTA"
    ),
    "npy": DataKind("a .npy file (read_npy)", (".npy",), ".npy of codes or of real numbers", several=False),
    "npz": DataKind("an .npz file (read_npz)", (".npz",), several=False),
    "mat": DataKind("a MATLAB file (read_mat)", (".mat",), several=False),
    "hdf5": DataKind(
        "an HDF5 file (read_hdf5)",
        (".h5", ".hdf5", ".hdf", ".he5", ".nwb", ".nc", ".h5ad"),
        "of several arrays the one behind a colon: bird.mat:songs, .npz, HDF5 (day.nwb:path/to/array)",
        several=False,
    ),
    "arrow": DataKind("an Arrow file (Sequences.open)", (".arrow",), "an Arrow file", several=False),
    "hub": DataKind(
        "a data set of Hugging Face's (read_hub)",
        (),
        "a folder that save_to_disk of datasets wrote, or hub:NAME, a data set of the Hugging Face hub",
    ),
}
"""The kinds that have a reader, by the name that `miscope.sequences.reading.READERS` has for it."""


def data_help() -> str:
    """All kinds in a sentence, for the help of commands."""
    told = [kind.told for kind in DATA.values() if kind.told]
    return f"{', '.join(told)}."


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

_MARK = re.compile(rb'"format"\s*:\s*"(miscope[^"\\]*)"')
_SHOWN = "to see it as a page, miscope report {}"
_TAKEN = {
    "miscope.curve": ("a curve", "to fit it, miscope fit {}; to draw it, miscope report {}"),
    "miscope decay fit": ("a fit", f"{_SHOWN}; to compare it with another, miscope compare {{}} OTHER.json"),
    "miscope.uniformity": ("a comparison of parts", _SHOWN),
    "miscope.drift": ("a drift", _SHOWN),
    "miscope.reach": ("a reach", _SHOWN),
    "miscope.reaches": ("a comparison of models", _SHOWN),
    "miscope.spectrum": ("a spectrum", _SHOWN),
    "miscope.couplings": ("a table of couplings", _SHOWN),
    "miscope.contributions": ("a table of pairs", _SHOWN),
    "miscope.study": ("a study", _SHOWN),
    "miscope.plan": ("a plan", "what it foretells is done by miscope measure, with the same options"),
    "miscope.inspection": ("what miscope inspect said", "name the data that it was said of"),
}
"""What files of each kind hold, and which commands take them."""


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


def says_kind(start: bytes) -> str | None:
    """The kind that JSON says it is of in its first bytes, None if it is no JSON object, or says none of miscope's.

    >>> says_kind(b'{"format": "miscope.curve", "version": 1'), says_kind(b'{"format": "of others"}')
    ('miscope.curve', None)
    """
    found = _MARK.search(start) if start.lstrip().startswith(b"{") else None
    return None if found is None else found[1].decode("utf-8", "replace")


def what_takes(kind: str, path: str) -> tuple[str, str]:
    """What a file of a kind holds, and the commands that take it.

    >>> what_takes("miscope.drift", "d.json")
    ('a drift', 'to see it as a page, miscope report d.json')
    """
    what, takes = _TAKEN.get(kind, ("a result", "use it with what wrote it"))
    return what, takes.replace("{}", path)


_SPECIAL = {"Infinity": np.inf, "-Infinity": -np.inf}


def plain(value: Any) -> Any:
    """What JSON can hold: lists for arrays, None for nan, and a word for what is infinite.

    >>> plain({"p": np.array([0.5, np.nan, np.inf])})
    {'p': [0.5, None, 'Infinity']}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def number(value: Any) -> float:
    """A number as `plain` has it."""
    if value is None:
        return float("nan")
    if isinstance(value, str):
        return _SPECIAL[value]
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{value!r:.80} is no number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError("a number is too large") from None


def array(values: Any, *shape: int, dtype: Any = np.float64) -> np.ndarray:
    """Nested lists of numbers as `plain` has them, of this shape."""

    def numbers(each: Any) -> Any:
        return [numbers(one) for one in each] if isinstance(each, list) else number(each)

    if not isinstance(values, list):
        raise ValueError("a list of numbers is missing")
    given = np.array(numbers(values), dtype=np.float64)
    found = (given.reshape(shape) if given.size == 0 else given).astype(dtype)
    if found.shape != shape or not np.array_equal(found, given, equal_nan=True):
        raise ValueError(f"numbers of shape {found.shape} where {shape} was expected, or fractions")
    return found


@contextmanager
def reading(path: str | Path, kind: str) -> Iterator[dict[str, Any]]:
    """Yield what a file of this kind holds; whatever does not fit is said to be damage.

    Raises
    ------
    InputError
        If it cannot be read.
    FormatError
        If it is something else, of another version, damaged, or was changed since.
    """
    content = read_whole(path)
    try:
        body = json_of(content, str(path), finite=False)
    except ValueError:
        raise FormatError(f"{path} is not JSON, or is cut off: make it again") from None
    if not isinstance(body, dict) or checked_kind(body, str(path)) != kind:
        raise FormatError(f"{path} is not {_TAKEN[f'miscope.{kind}'][0]} that miscope saved")
    with checked(body, str(path)):
        try:
            yield body
        except (LookupError, TypeError, ValueError, OverflowError, AttributeError, MiscopeError) as error:
            raise FormatError(f"{path} is damaged, or changed since: {type(error).__name__}: {error}") from None
