"""HDF5 becomes documents: arrays by their path, ragged columns of NWB, and MATLAB files of version 7.3."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np

from miscope.errors import FormatError, InputError, require
from miscope.machine import check_memory
from miscope.sequences.array_files import choose, columns, made_of, of_cells
from miscope.sequences.arrays import Symbol
from miscope.sequences.codes import code_dtype
from miscope.sequences.container import Sequences
from miscope.sequences.missing import rule_of_arrays
from miscope.sequences.series import Series
from miscope.sequences.sources import Progress, file_name, label_of, name_of, size_of, split_part
from miscope.sequences.streams import open_seekable

__all__ = ["read_hdf5", "read_opened"]

ROWS_AT_ONCE = 1 << 22
"""Numbers of a large array that are read together."""
MOST_LISTED = 40


def read_hdf5(
    path: str | os.PathLike[str],
    variable: str | None = None,
    alphabet: Sequence[Symbol] | None = None,
    alphabet_size: int | None = None,
    label: str | None = None,
    progress: Progress | None = None,
    as_: str | None = None,
    missing: str | None = None,
    missing_values: Any = None,
) -> Sequences | Series:
    """Read an array of an HDF5 file (.h5, .hdf5, .nwb): 1-D is one document, 2-D one document a row.

    Needs ``pip install "miscope[hdf5]"``. Where an array of the same name with ``_index`` stands beside it, as in NWB,
    this says where its documents end.

    Examples
    --------
    >>> import pathlib, tempfile, h5py
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "day.h5"
    >>> with h5py.File(file, "w") as made:
    ...     made["bird/syllables"] = [0, 1, 1, 2, 0, 1]
    ...     made["bird/syllables_index"] = [4, 6]
    >>> [song.tolist() for song in read_hdf5(f"{file}:bird/syllables")]
    [[0, 1, 1, 2], [0, 1]]

    Parameters
    ----------
    path
        The file, or an address; ``"day.h5:bird/syllables"`` names the array too.
    variable
        The path of the array in the file; may be left out if there is only one.
    alphabet, alphabet_size
        As in `Sequences.from_arrays`; for codes only.
    label
        What to call the data in results; by default file and array.
    progress
        Called now and then with the number of bytes done and in all.
    as_
        As in `read_npy`: by default whole numbers are symbols, and numbers with fractions numbers.
    missing, missing_values
        As in `read_npy`: what is missing, and begins a new document.

    Returns
    -------
    Sequences or Series
        `Sequences` of whole numbers (also where they are stored with fractions), truth values, enumerations and
        strings, each of which is a symbol; a `Series` of numbers with fractions. Lists of any length in a 1-D array are
        a document each. Arrays are read a part at a time, and
        of codes only codes are kept.

    Raises
    ------
    FormatError
        The file is damaged, or no HDF5 file.
    InputError
        There is no such file or array, or it holds something else.
    MissingExtraError
        h5py is not installed.
    """
    file, variable = split_part(file_name(path), variable)
    with open_seekable(file) as opened:
        variable, data = read_opened(opened, variable, file, progress)
    provenance = {
        "reader": "read_hdf5",
        "label": label or f"{label_of([file])}:{variable}",
        "variable": variable,
        "sources": [{"name": name_of(file), "bytes": size_of(file)}],
    }
    rule = rule_of_arrays(missing, missing_values, f"{name_of(file)}:{variable}")
    return made_of(data, alphabet, alphabet_size, as_, rule, provenance)


def read_opened(
    opened: IO[bytes], variable: str | None, file: str, progress: Progress | None = None
) -> tuple[str, Any]:
    """The path of an array in a file, and what is in it, as `Sequences.from_arrays` takes it."""
    h5py = require("h5py", "hdf5", f"reading {name_of(file)!r}")
    try:
        with h5py.File(opened, "r") as held:
            if variable is None or variable.strip("/") not in held:
                variable = variable if variable is None else _as_path(variable, held)
                variable = choose(_listed(held), variable, file)
            variable = variable.strip("/")
            return variable, _documents(held, variable, f"{name_of(file)}:{variable}", progress)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # h5py raises whatever comes of a damaged file
        raise FormatError(
            f"{name_of(file)!r} is no HDF5 file, or a damaged one ({error}); fetch or write it again"
        ) from error


def _as_path(variable: str, held: Any) -> str:
    """A field of a MATLAB struct, behind a point, as the path that it has in HDF5."""
    path = variable.replace(".", "/").strip("/")
    return path if path in held else variable


def _listed(held: Any) -> dict[str, str]:
    """All arrays of a file, with shape and type; of MATLAB's not those that only others point to."""
    import h5py

    found: dict[str, str] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith(("#refs#", "#subsystem#")):
            shape = item.shape if "MATLAB_class" not in item.attrs or item.shape is None else item.shape[::-1]
            found[name] = f"({', '.join(map(str, shape or ()))}) {_class_of(item) or item.dtype}"

    held.visititems(note)
    found = {name: about for name, about in found.items() if name.removesuffix("_index") not in found.keys() - {name}}
    if len(found) > MOST_LISTED:
        more = len(found) - MOST_LISTED
        found = dict(list(found.items())[:MOST_LISTED]) | {"…": f"and {more} more"}
    return found


def _class_of(item: Any) -> str:
    """The class that MATLAB says an array is of; empty for those of others."""
    said = item.attrs.get("MATLAB_class", b"")
    return said.decode() if isinstance(said, bytes) else str(said)


def _documents(held: Any, variable: str, name: str, progress: Progress | None) -> Any:
    import h5py

    item = held[variable]
    if isinstance(item, h5py.Group):
        inside = ", ".join(item) or "nothing"
        raise InputError(
            f"{name!r} is a group: name an array in it, as {name}/{next(iter(item), 'NAME')} (one of: {inside})"
        )
    kind = _class_of(item)
    if kind:
        return _of_matlab(item, kind, held, name)
    index = held.get(f"{variable}_index")
    values = _values(item, name, progress)
    if index is None or item.ndim != 1 or isinstance(values, list):
        return values
    return _cut(values, np.asarray(index[()]), f"{name}_index")


def _cut(values: Any, ends: np.ndarray[Any, Any], name: str) -> Any:
    """The documents that end where a ragged column's index says."""
    if ends.ndim != 1 or ends.dtype.kind not in "iu" or not len(ends):
        raise InputError(f"{name!r} does not say where documents end: it holds no list of whole numbers")
    ends = ends.astype(np.int64)
    if (np.diff(ends, prepend=0) < 0).any() or ends[-1] > len(values):
        raise InputError(f"{name!r} does not say where documents end: its numbers do not ascend to {len(values)}")
    return [part for part in np.split(values[: ends[-1]], ends[:-1]) if len(part)]


def _values(item: Any, name: str, progress: Progress | None) -> Any:
    """The numbers or strings of an array: whole ones in the smallest type that holds them."""
    import h5py

    if item.shape is None or item.ndim == 0 or item.ndim > 3:
        raise InputError(f"{name!r} has {item.ndim} dimensions; pass one document (1-D), or one a row (2-D)")
    if item.dtype.names:
        raise InputError(
            f"{name!r} is a table with the fields {', '.join(item.dtype.names)}: save the one that is meant alone"
        )
    if item.dtype.kind not in "iufb":
        check_memory(item.nbytes, repr(name))
    named = h5py.check_enum_dtype(item.dtype)
    if named is not None:
        table = {value: symbol for symbol, value in named.items()}
        return np.array([table[value] for value in item[()].ravel().tolist()]).reshape(item.shape)
    if h5py.check_string_dtype(item.dtype) is not None:
        return _strings(item, name)
    if h5py.check_vlen_dtype(item.dtype) is not None:
        return _lists(item, h5py.check_vlen_dtype(item.dtype), name)
    if h5py.check_ref_dtype(item.dtype) is not None:
        raise InputError(f"{name!r} holds references to other arrays of the file: name one of these")
    if item.dtype.kind not in "iufb":
        raise InputError(f"{name!r} holds {item.dtype}, which are neither symbols nor real numbers")
    check_memory(item.size * (8 if item.dtype.kind == "f" else 1), repr(name))
    return _numbers(item, progress)


def _strings(item: Any, name: str) -> np.ndarray[Any, Any]:
    try:
        rows = [each for part in _parts(item.asstr("utf-8")) for each in part.ravel()]
    except UnicodeDecodeError as error:
        raise InputError(f"{name!r} holds strings that are not UTF-8 ({error.reason}): write them as UTF-8") from error
    return np.array(rows, dtype=str).reshape(item.shape)


def _lists(item: Any, kind: Any, name: str) -> list[Any]:
    """Arrays or lists of strings of any length, each of them a document."""
    import h5py

    of_strings = h5py.check_string_dtype(np.dtype(kind)) is not None
    if item.ndim != 1 or not (of_strings or np.dtype(kind).kind in "iufb"):
        raise InputError(
            f"{name!r} holds lists of {np.dtype(kind)} in {item.ndim} dimensions: documents are a 1-D array of lists "
            "of numbers or of strings"
        )
    if not of_strings:
        return list(item[()])
    try:
        return [[symbol.decode() for symbol in document] for document in item[()]]
    except UnicodeDecodeError as error:
        raise InputError(f"{name!r} holds strings that are not UTF-8 ({error.reason}): write them as UTF-8") from error


def _parts(item: Any, progress: Progress | None = None, before: float = 0.0) -> Iterator[np.ndarray[Any, Any]]:
    """An array, some rows at a time; two readings of it are all that there is to do."""
    n = item.shape[0]
    step = max(ROWS_AT_ONCE // max(int(np.prod(item.shape[1:])), 1), 1)
    for start in range(0, n, step):
        yield np.asarray(item[start : start + step])
        if progress is not None:
            progress(int((before + min(start + step, n) / n / 2) * item.nbytes), item.nbytes)


def _numbers(item: Any, progress: Progress | None) -> np.ndarray[Any, Any]:
    """All numbers; of integers, whose range a first reading finds, only what codes need is kept."""
    if item.dtype.kind == "f":
        return np.asarray(item[()], np.float64)
    low, high = 0, 0
    for part in _parts(item, progress):
        low, high = min(low, int(part.min(initial=0))), max(high, int(part.max(initial=0)))
    dtype = code_dtype(high + 1) if low >= 0 and high < 2**32 else item.dtype
    check_memory(item.size * np.dtype(dtype).itemsize, repr(item.name))
    found = np.empty(item.shape, dtype)
    done = 0
    for part in _parts(item, progress, 0.5):
        found[done : done + len(part)] = part
        done += len(part)
    return found


# What MATLAB writes: its arrays lie transposed, cells are references


def _of_matlab(item: Any, kind: str, held: Any, name: str) -> Any:
    if "MATLAB_empty" in item.attrs:
        return np.zeros(0, np.uint8)
    check_memory(item.nbytes, repr(name))
    if kind == "cell":
        cells = [held[each] for each in item[()].ravel()]
        return of_cells(
            [_of_matlab(cell, _class_of(cell), held, f"{name}{{{i + 1}}}") for i, cell in enumerate(cells)], name
        )
    if kind == "char":
        rows = ["".join(map(chr, row)).rstrip() for row in np.atleast_2d(item[()].T).tolist()]
        return rows[0] if len(rows) == 1 else rows
    if "MATLAB_object_decode" in item.attrs or item.dtype.kind not in "iufb":
        raise InputError(
            f"{name!r} is an object of MATLAB's of class {kind}, which its files do not explain: save cellstr(x), a "
            "column of the table, or double(x)"
        )
    return columns(item[()].T, name)
