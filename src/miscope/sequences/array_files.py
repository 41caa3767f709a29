"""Files of arrays, .npy and .npz, as documents: codes of symbols, or real numbers."""

from __future__ import annotations

import dataclasses
import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from miscope.errors import FormatError, InputError
from miscope.machine import check_memory
from miscope.sequences.array_likes import unwrapped
from miscope.sequences.arrays import Symbol
from miscope.sequences.container import Sequences
from miscope.sequences.documents import documents_of, is_real, numbers_of
from miscope.sequences.foreign import NPY, ZIP
from miscope.sequences.in_memory import in_memory
from miscope.sequences.missing import MissingRule, rule_of_arrays
from miscope.sequences.series import Series
from miscope.sequences.sources import Progress, file_name, label_of, name_of, split_part
from miscope.sequences.streams import MOST_IN_MEMORY, Meter, can_be_mapped, open_seekable
from miscope.sequences.two_readings import are_whole

__all__ = ["choose", "columns", "made_of", "of_cells", "read_npy", "read_npz"]


def read_npy(
    path: str | os.PathLike[str],
    alphabet: Sequence[Symbol] | None = None,
    alphabet_size: int | None = None,
    label: str | None = None,
    progress: Progress | None = None,
    as_: str | None = None,
    missing: str | None = None,
    missing_values: Any = None,
) -> Sequences | Series:
    """Read codes, or real numbers, that `numpy.save` wrote: 1-D is one document, 2-D one document a row.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "spins.npy"
    >>> np.save(file, np.eye(4, dtype=np.uint8))
    >>> read_npy(file, label="spins")
    Sequences(16 symbols of 2 kinds in 4 documents: spins)
    >>> np.save(file, [0.3, -0.1, 0.2])
    >>> read_npy(file, label="returns")
    Series(3 values in 1 document: returns)

    Parameters
    ----------
    path
        The file, or an address, perhaps compressed. Codes of a plain file stay on disk, memory-mapped, if they are
        uint8, uint16 or uint32.
    alphabet, alphabet_size
        As in `Sequences.from_arrays`; for codes only.
    label
        What to call the data in results; by default the name of the file.
    progress
        Called now and then with the number of bytes done and in all.
    as_
        What to make of them, in the grammar of `Conversion`: ``"symbols"``, ``"numbers"``, ``"quantiles:4"``, …
        By default whole numbers are symbols, and numbers with fractions numbers.
    missing
        ``"break"`` begins a new document behind each NaN, and counts them in the provenance; ``"refuse"`` says where
        the first missing value is. By default NaN is refused, and what `missing_values` names begins a new document.
    missing_values
        What stands for a missing value besides: a number or a label, or several, such as ``[-9999, -1]``. A warning
        says where a constant repeats far outside all other numbers, and is not named here.

    Returns
    -------
    Sequences or Series
        `Sequences` of whole numbers, also where they are stored as floating-point numbers and of few kinds (see
        `in_memory`); a `Series` of numbers with fractions, which may be 3-D too: documents, moments, channels.

    Raises
    ------
    FormatError
        The file is damaged, or no .npy file of numbers.
    InputError
        There is no such file, what is in it are neither codes nor finite numbers, or an alphabet is given for numbers.
    """
    file, records = file_name(path), list[dict[str, Any]]()
    array = _load(file, Meter([file], progress), records)
    provenance = {"reader": "read_npy", "label": label or label_of([file]), "sources": records}
    rule = rule_of_arrays(missing, missing_values, name_of(file))
    return made_of(array, alphabet, alphabet_size, as_, rule, provenance)


def read_npz(
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
    """Read one array of those that `numpy.savez` wrote, as `read_npy` does.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "bird.npz"
    >>> np.savez(file, states=[0, 1, 1, 2], speed=[0.3, 0.1, 0.2, 0.5])
    >>> read_npz(file, "states")
    Sequences(4 symbols of 3 kinds in 1 document: bird.npz:states)
    >>> read_npz(file)
    Traceback (most recent call last):
    ...
    miscope.errors.InputError: '...bird.npz' holds 2 arrays: name one, as bird.npz:states (one of: states (4) int64, ...

    Parameters
    ----------
    path
        The file, or an address; ``"bird.npz:states"`` names the array too.
    variable
        Which array; may be left out if there is only one.
    alphabet, alphabet_size, label, progress, as_, missing, missing_values
        As in `read_npy`.

    Returns
    -------
    Sequences or Series
        As of `read_npy`.

    Raises
    ------
    FormatError
        The file is damaged, or no .npz file.
    InputError
        There is no such file or no such array, or what `read_npy` refuses.
    """
    file, variable = split_part(file_name(path), variable)
    records: list[dict[str, Any]] = []
    with open_seekable(file, Meter([file], progress), records) as opened:
        start = opened.read(4)
        if not start.startswith(ZIP):
            raise FormatError(f"{name_of(file)!r} is no .npz file (it begins with {start!r}): rename it as what it is")
        opened.seek(0)
        try:
            with np.load(opened) as held:
                shown = {name: _member(opened, name) for name in held.files}
                variable = choose(shown, variable, file)
                check_memory(shown[variable].n_bytes, f"{name_of(file)}:{variable}")
                array = held[variable]
        except (InputError, MemoryError):
            raise
        except Exception as error:  # headers are parsed as Python: damaged ones may raise anything, as of .npy
            raise FormatError(
                f"{name_of(file)!r} is a damaged .npz file, or one of objects ({error}); save it again"
            ) from error
    provenance = {
        "reader": "read_npz",
        "label": label or f"{label_of([file])}:{variable}",
        "variable": variable,
        "sources": records,
    }
    rule = rule_of_arrays(missing, missing_values, f"{name_of(file)}:{variable}")
    return made_of(array, alphabet, alphabet_size, as_, rule, provenance)


def choose(shown: Mapping[str, Any], variable: str | None, file: str) -> str:
    """The variable that was named, or the only one; otherwise an error that lists all, with what is `shown` of them.

    >>> choose({"states": "(1, 400) double"}, None, "bird.mat")
    'states'
    """
    listed = ", ".join(f"{name} {about}" for name, about in shown.items()) or "nothing at all"
    name = name_of(file)
    if variable is None:
        if len(shown) != 1:
            example = f"{Path(name).name}:{next(iter(shown), 'NAME')}"
            raise InputError(f"{name!r} holds {len(shown)} arrays: name one, as {example} (one of: {listed})")
        return next(iter(shown))
    if variable not in shown:
        raise InputError(f"{name!r} holds no {variable!r} (one of: {listed})")
    return variable


def made_of(
    data: Any,
    alphabet: Sequence[Symbol] | None,
    alphabet_size: int | None,
    as_: str | None,
    rule: MissingRule,
    provenance: dict[str, Any],
) -> Sequences | Series:
    """What an array, or a list of documents, is made into: symbols, or real numbers where there are fractions.

    Documents of a list that are empty are dropped, and counted in the provenance.
    """
    if isinstance(data, list):
        full = [document for document in data if isinstance(document, str) or len(document)]
        provenance = {**provenance, "empty_documents_dropped": len(data) - len(full)}
        data = full
    given = alphabet is not None or alphabet_size is not None
    made = _in_alphabet(data, alphabet, alphabet_size, as_, rule) if given else in_memory(data, as_, None, rule)
    return dataclasses.replace(made, provenance={**made.provenance, **provenance})


def _in_alphabet(
    data: Any, alphabet: Sequence[Symbol] | None, alphabet_size: int | None, as_: str | None, rule: MissingRule
) -> Sequences:
    """Codes of an alphabet."""
    held = unwrapped(data)
    reals = numbers_of(held, rule).parts if is_real(held) else []
    if as_ is not None or not are_whole(part[np.isfinite(part)] for part in reals):
        raise InputError(
            f"{rule.file!r} is read as floating-point numbers, which have no alphabet: leave the alphabet and as_ "
            "out, or save codes as whole numbers (in Python array.astype(int))"
        )
    return Sequences.from_arrays(documents_of(held, rule), None, alphabet, alphabet_size)


def of_cells(cells: list[Any], name: str) -> Any:
    """The documents that cells hold; cells of one number each are one document, and so are words."""
    if any(isinstance(cell, list) and cell and isinstance(cell[0], np.ndarray) for cell in cells):
        raise InputError(f"{name!r} is a cell array with matrices in it: a document is a vector, or a cell of words")
    if cells and all(isinstance(cell, str) for cell in cells):
        return [cells]
    numbers = [cell for cell in cells if isinstance(cell, np.ndarray)]
    if len(numbers) == len(cells) > 1 and all(len(cell) == 1 for cell in cells):
        return np.concatenate(cells)
    return cells


def columns(value: np.ndarray[Any, Any], name: str) -> Any:
    """A vector, or the columns of a matrix.

    >>> columns(np.array([[0, 1, 1]]), "x"), columns(np.array([[0, 1], [2, 3]]), "x")
    (array([0, 1, 1]), [array([0, 2]), array([1, 3])])
    """
    if value.dtype.kind not in "iufb":
        raise InputError(f"{name!r} holds {value.dtype} numbers, which are no symbols and no real numbers")
    if value.ndim > 2 and sum(n > 1 for n in value.shape) > 2:
        raise InputError(f"{name!r} has {value.ndim} dimensions; a document is a vector, or a column of a matrix")
    value = value.squeeze() if value.ndim > 2 else value
    if value.ndim < 2 or min(value.shape) <= 1:
        return value.ravel(order="F")
    return list(value.T)


def _load(file: str, meter: Meter, records: list[dict[str, Any]]) -> np.ndarray[Any, Any]:
    with open_seekable(file, meter, records) as opened:
        start = opened.read(len(NPY))
        if start != NPY:
            raise FormatError(f"{name_of(file)!r} is no .npy file (it begins with {start!r}): rename it as what it is")
        opened.seek(0)
        try:
            if can_be_mapped(file):
                return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))
            held = _read_header(opened)
            if held.n_bytes > MOST_IN_MEMORY:  # unpacked, it lies on disk, where it stays
                return np.asarray(held.mapped(opened))
            check_memory(held.n_bytes, repr(name_of(file)))
            opened.seek(0)
            return np.asarray(np.load(opened, allow_pickle=False))
        except (InputError, MemoryError):
            raise
        except Exception as error:  # the header is parsed as Python: a damaged one may raise anything
            raise FormatError(
                f"{name_of(file)!r} is a damaged .npy file, or one of objects ({error}); save it again"
            ) from error


class _Header(NamedTuple):
    """What the header of an array says: how it is stored."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.shape))}) {self.dtype}"

    def mapped(self, opened: IO[bytes]) -> np.memmap[Any, Any]:
        """The array behind the header, where it lies."""
        order: Any = "F" if self.is_fortran else "C"
        return np.memmap(opened, self.dtype, "r", opened.tell(), self.shape, order)


def _read_header(opened: IO[bytes]) -> _Header:
    version = np.lib.format.read_magic(opened)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return _Header(*read(opened))


def _member(opened: Any, name: str) -> _Header:
    """Shape and type of an array in a .npz file, without reading all of it."""
    with zipfile.ZipFile(opened) as archive, archive.open(f"{name}.npy") as member:
        return _read_header(member)
