"""Files of any kind that this room knows, through one door."""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from miscope.errors import FormatError, InputError
from miscope.sequences.arrays import Symbol
from miscope.sequences.arrow import MAGIC
from miscope.sequences.container import Sequences
from miscope.sequences.series import Series
from miscope.sequences.sources import Paths, Progress, read_sources, shown
from miscope.sequences.text import read_text

__all__ = ["read", "read_npy"]

NPY_MAGIC = b"\x93NUMPY"


def read(path: Paths, **options: Any) -> Sequences | Series:
    """Read a file by its kind: ``.npy`` arrays, Arrow files, and text for everything else.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "codes.npy"
    >>> np.save(file, [0, 1, 1])
    >>> read(file)
    Sequences(3 symbols of 2 kinds in 1 document: codes.npy)

    Parameters
    ----------
    path
        What `read_npy`, `Sequences.open` or `read_text` takes.
    **options
        Passed on to the one of them that reads it.

    Returns
    -------
    Sequences or Series
        A `Series` where a ``.npy`` file holds floating-point numbers.

    Raises
    ------
    InputError
        The file cannot be read, or an option is not one of its reader's.
    """
    reader, name = _reader(path)
    known = list(inspect.signature(reader).parameters)[1:]
    if "progress" not in known:
        options.pop("progress", None)
    wrong = [option for option in options if option not in known]
    if wrong:
        takes = ", ".join(option for option in known if option != "progress")
        raise InputError(f"{', '.join(wrong)} cannot be used with {name}, which takes: {takes}")
    made = reader(path, **options)
    if made.provenance.get("label"):
        return made
    named = {**made.provenance, "label": shown(Path(os.fspath(path)).name)}  # type: ignore[arg-type]
    return dataclasses.replace(made, provenance=named)


def _reader(path: Paths) -> tuple[Callable[..., Sequences | Series], str]:
    if isinstance(path, str | os.PathLike):
        start, suffix = _start(Path(path)), Path(path).suffix.lower()
        if start.startswith(NPY_MAGIC) or suffix == ".npy":
            return read_npy, "a .npy file (read_npy)"
        if start.startswith(MAGIC) or suffix == ".arrow":
            return Sequences.open, "an Arrow file (Sequences.open)"
    return read_text, "text (read_text)"


def _start(path: Path) -> bytes:
    """Return the first bytes of a regular file; of a pipe nothing, for they could not be read again."""
    try:
        if path.is_file():
            with path.open("rb") as file:
                return file.read(8)
    except OSError:
        pass  # the reader will say why
    return b""


def read_npy(
    path: str | os.PathLike[str],
    alphabet: Sequence[Symbol] | None = None,
    alphabet_size: int | None = None,
    label: str | None = None,
    progress: Progress | None = None,
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
        The file. Its codes stay on disk, memory-mapped, if they are uint8, uint16 or uint32.
    alphabet, alphabet_size
        As in `Sequences.from_arrays`; for codes only.
    label
        What to call the data in results; by default the name of the file.
    progress
        Called now and then with the number of bytes done and in all.

    Returns
    -------
    Sequences or Series
        `Sequences` of whole numbers; a `Series` of floating-point numbers, which may be 3-D too: documents, moments,
        channels.

    Raises
    ------
    FormatError
        The file is damaged, or no .npy file of numbers.
    InputError
        There is no such file, what is in it are neither codes nor finite numbers, or an alphabet is given for numbers.
    """
    (source,) = read_sources([os.fspath(path)], progress)
    array = _load(Path(path))
    provenance = {"reader": "read_npy", "label": label or shown(Path(path).name), "sources": [source.record]}
    if array.dtype.kind == "f":
        if alphabet is not None or alphabet_size is not None:
            raise InputError(
                f"{os.fspath(path)!r} holds floating-point numbers, which have no alphabet: leave alphabet and "
                "alphabet_size out, or save codes as whole numbers, array.astype(int)"
            )
        return dataclasses.replace(Series.from_arrays(array), provenance=provenance)
    made = Sequences.from_arrays(array, alphabet=alphabet, alphabet_size=alphabet_size)
    return Sequences(made.codes, made.offsets, made.alphabet_size, made.alphabet, provenance)


def _load(path: Path) -> np.ndarray[Any, Any]:
    with path.open("rb") as file:
        start = file.read(len(NPY_MAGIC))
    if start != NPY_MAGIC:
        raise FormatError(f"{str(path)!r} is no .npy file (it begins with {start!r}); text is read with read_text")
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except Exception as error:  # the header is parsed as Python: a damaged one may raise anything
        raise FormatError(
            f"{str(path)!r} is a damaged .npy file, or one of objects ({error}); save it again"
        ) from error
