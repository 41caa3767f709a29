"""MATLAB files become documents: columns, cells, characters, logical values; one variable, by its name."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import IO, Any

from miscope.errors import FormatError, InputError
from miscope.machine import check_memory
from miscope.sequences.array_files import choose, columns, made_of, of_cells
from miscope.sequences.arrays import Symbol
from miscope.sequences.container import Sequences
from miscope.sequences.foreign import HEAD, has_hdf5_at
from miscope.sequences.hdf5 import read_opened
from miscope.sequences.matlab_elements import check_variable
from miscope.sequences.missing import rule_of_arrays
from miscope.sequences.series import Series
from miscope.sequences.sources import Progress, file_name, label_of, name_of, split_part
from miscope.sequences.streams import Meter, open_seekable

__all__ = ["read_mat"]


def read_mat(
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
    """Read a variable of a MATLAB file (.mat): one document a vector, a column of a matrix, or a cell.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from scipy.io import savemat
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "bird.mat"
    >>> songs = np.empty(2, object)
    >>> songs[:] = [[1.0, 2.0, 2.0, 1.0, 1.0, 2.0], [2.0, 1.0, 1.0, 2.0]]
    >>> savemat(file, {"songs": songs, "speed": [0.3, 0.1, 0.2]})
    >>> [song.tolist() for song in read_mat(file, "songs")]
    [[1, 2, 2, 1, 1, 2], [2, 1, 1, 2]]
    >>> read_mat(f"{file}:speed")
    Series(3 values in 1 document: bird.mat:speed)

    Parameters
    ----------
    path
        The file, or an address; ``"bird.mat:songs"`` names the variable too. Files of all versions from 4 on; those of
        version 7.3 are HDF5, and need ``pip install "miscope[hdf5]"``.
    variable
        Which variable; may be left out if there is only one. A field of a struct stands behind a point:
        ``"session.songs"``.
    alphabet, alphabet_size
        As in `Sequences.from_arrays`; for codes only.
    label
        What to call the data in results; by default file and variable.
    progress
        Called now and then with the number of bytes done and in all.
    as_
        As in `read_npy`: by default whole numbers are symbols, and numbers with fractions numbers.
    missing, missing_values
        As in `read_npy`: what is missing, and begins a new document.

    Returns
    -------
    Sequences or Series
        `Sequences` of whole numbers (of any class of MATLAB's, ``double`` too), logical values and characters; a
        `Series` of numbers with fractions. Cells are documents; cells of one number each are one document together,
        and cells of words are its labels, as in `Sequences.from_arrays`. The rows of a matrix of characters are
        documents, without the blanks that fill them up.

    Raises
    ------
    FormatError
        The file is damaged, or no MATLAB file.
    InputError
        There is no such file or variable, or it holds something else: a struct, a table, a sparse matrix, …
    MissingExtraError
        The file is of version 7.3, and h5py is not installed.
    """
    file, variable = split_part(file_name(path), variable)
    records: list[dict[str, Any]] = []
    with open_seekable(file, Meter([file], progress), records) as opened:
        start = opened.read(HEAD)
        opened.seek(0)
        if has_hdf5_at(start) is not None:
            variable, data = read_opened(opened, variable, file)
        else:
            variable, data = _read(opened, variable, file)
    name = f"{name_of(file)}:{variable}"
    provenance = {
        "reader": "read_mat",
        "label": label or f"{label_of([file])}:{variable}",
        "variable": variable,
        "sources": records,
    }
    rule = rule_of_arrays(missing, missing_values, name)
    return made_of(data, alphabet, alphabet_size, as_, rule, provenance)


_BYTES = {
    "int8": 1,
    "uint8": 1,
    "logical": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "single": 4,
    "sparse": 0,
}
"""What a number of each class takes; 8 of all others."""


def _read(opened: IO[bytes], variable: str | None, file: str) -> tuple[str, Any]:
    """A variable and what is in it, of a file that scipy reads."""
    from scipy.io import loadmat, whosmat

    try:
        listed = whosmat(opened)
        found = {name: f"({', '.join(map(str, shape))}) {kind}" for name, shape, kind in listed}
        if variable is None or variable not in found:
            first = None if variable is None else variable.partition(".")[0]
            top = choose(found, first if first in found else variable, file)
        else:
            top = variable
        sizes = {name: math.prod(shape) * _BYTES.get(kind, 8) for name, shape, kind in listed}
        check_memory(sizes[top], f"{name_of(file)}:{top}")
        check_variable(opened, [name for name, *_ in listed].index(top))
        opened.seek(0)
        value = loadmat(opened, variable_names=[top])[top]
    except (InputError, MemoryError):
        raise
    except Exception as error:  # scipy raises whatever comes of a damaged file
        raise FormatError(
            f"{name_of(file)!r} is no MATLAB file, or a damaged one ({error or type(error).__name__}); save it again"
        ) from error
    variable = top if variable is None else variable
    for field in variable[len(top) :].split(".")[1:]:
        value = _field(value, field, f"{name_of(file)}:{top}")
        top = f"{top}.{field}"
    return variable, _documents(value, f"{name_of(file)}:{variable}")


def _field(value: Any, field: str, name: str) -> Any:
    """A field of a struct; of an array of structs, the field of each as a cell."""
    fields = getattr(getattr(value, "dtype", None), "names", None)
    if fields is None:
        raise InputError(f"{name!r} is no struct, and has no field {field!r}")
    if field not in fields:
        raise InputError(f"{name!r} has no field {field!r} (one of: {', '.join(fields)})")
    found = value[field]
    return found.reshape(-1)[0] if found.size == 1 else found


def _documents(value: Any, name: str) -> Any:
    """What a variable holds as `Sequences.from_arrays` takes it."""
    from scipy import sparse
    from scipy.io.matlab import MatlabFunction, MatlabOpaque

    if sparse.issparse(value):
        raise InputError(f"{name!r} is a sparse matrix: save it as a full one, full(x)")
    if isinstance(value, MatlabOpaque | MatlabFunction):
        raise InputError(
            f"{name!r} is an object of MATLAB's (a string array, table, categorical, …), which its files do not "
            "explain: save cellstr(x), a column of the table, or double(x)"
        )
    if value.dtype.names:
        fields = ", ".join(value.dtype.names)
        raise InputError(f"{name!r} is a struct: name a field, as {name}.{value.dtype.names[0]} (one of: {fields})")
    if value.dtype == object:
        return of_cells([_documents(cell, f"{name}{{{i + 1}}}") for i, cell in enumerate(value.ravel(order="F"))], name)
    if value.dtype.kind == "U":
        rows = [str(row).rstrip() for row in value.ravel()]
        return rows[0] if len(rows) == 1 else rows
    return columns(value, name)
