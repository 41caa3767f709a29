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
from miscope.sequences.biology import read_fasta
from miscope.sequences.columns import is_lists
from miscope.sequences.container import Sequences
from miscope.sequences.series import Series
from miscope.sequences.sources import STDIN, Paths, Progress, expand, read_sources, shown
from miscope.sequences.streams import Meter, has_suffix
from miscope.sequences.table_files import FEATHER_1, PARQUET, open_table
from miscope.sequences.tables import read_table
from miscope.sequences.text import read_text

__all__ = ["read", "read_npy"]

NPY_MAGIC = b"\x93NUMPY"
TABLES = {".csv", ".tsv", ".tab", ".parquet", ".feather"}
FASTA = {".fa", ".fasta", ".fna", ".ffn", ".frn", ".faa"}
NAMES = {
    "npy": "a .npy file (read_npy)",
    "arrow": "an Arrow file (Sequences.open)",
    "table": "a table (read_table)",
    "fasta": "a FASTA file (read_fasta)",
    "text": "text (read_text)",
}


def read(path: Paths, **options: Any) -> Sequences | Series:
    """Read files by their kind, which their first bytes and names say.

    ==================================================  ========================================================
    files                                               reader
    ==================================================  ========================================================
    ``.npy``                                            `read_npy`
    ``.arrow``, with a column of lists of codes         `Sequences.open`
    ``.csv``, ``.tsv``, ``.tab``, ``.parquet``,         `read_table`; also ``.arrow`` without lists, or where an
    ``.feather``                                        option is one that only tables have
    ``.fa``, ``.fasta``, ``.fna``, ``.ffn``, ``.frn``,  `read_fasta`; the last with the alphabet of proteins
    ``.faa``
    all others                                          `read_text`
    ==================================================  ========================================================

    Arrays, Arrow, Parquet and Feather are known by their first bytes too. Text, tables of text and FASTA may be
    compressed (``.csv.gz``). Standard input, ``"-"``, is text, unless an option is one that only tables or only FASTA
    have.

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
        What the reader takes: a file, and for text, tables and FASTA a glob, an address or a list too, all of one kind.
    **options
        Passed on to the reader.

    Returns
    -------
    Sequences or Series
        A `Series` where a ``.npy`` file or the column of a table holds numbers with fractions, or is asked for as such.

    Raises
    ------
    InputError
        The file cannot be read, or an option is not one of its reader's.
    """
    if not isinstance(path, str | os.PathLike):
        path = list(path)
        path = path[0] if len(path) == 1 else path
    reader, name = _reader(path, options)
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


def _reader(path: Paths, options: dict[str, Any]) -> tuple[Callable[..., Sequences | Series], str]:
    files = expand(path)
    kinds = [_kind(file, options) for file in files]
    if len(set(kinds)) > 1:
        other = next(i for i, kind in enumerate(kinds) if kind != kinds[0])
        raise InputError(
            f"{files[0]!r} is {NAMES[kinds[0]]}, but {files[other]!r} is {NAMES[kinds[other]]}: read them one by one"
        )
    kind = kinds[0]
    if kind in ("npy", "arrow") and len(files) > 1:
        raise InputError(f"files like {files[0]!r} are read one by one; join them with Sequences.concatenate")
    if kind == "fasta" and has_suffix(files[0], {".faa"}):
        options.setdefault("alphabet", "protein")
    readers: dict[str, Callable[..., Sequences | Series]] = {
        "npy": read_npy,
        "arrow": Sequences.open,
        "table": read_table,
        "fasta": read_fasta,
        "text": read_text,
    }
    return readers[kind], NAMES[kind]


def _kind(file: str, options: dict[str, Any]) -> str:
    if file == STDIN:  # nothing can be seen of it before it is read, so that the options say
        only = {"table": _own_options(read_table), "fasta": _own_options(read_fasta)}
        return next((kind for kind, names in only.items() if (names - {"alphabet"}) & set(options)), "text")
    start = _start(file)
    if start.startswith(NPY_MAGIC) or has_suffix(file, {".npy"}):
        return "npy"
    if start.startswith(MAGIC) or has_suffix(file, {".arrow"}):
        return "table" if _is_table(file, options) else "arrow"
    if start.startswith((PARQUET, FEATHER_1)) or has_suffix(file, TABLES):
        return "table"
    return "fasta" if has_suffix(file, FASTA) else "text"


def _is_table(file: str, options: dict[str, Any]) -> bool:
    """Whether an Arrow file is to be read as a table, not as lists of codes."""
    if set(options) & (_own_options(read_table) - {"column"}):
        return True
    try:
        types = open_table(file, None, "utf-8", Meter([], None)).types
    except InputError:
        return False  # who opens it as codes will say what is wrong
    lists = [name for name, kind in types.items() if is_lists(kind)]
    column = options.get("column")
    return column in types and column not in lists if column is not None else not lists


def _own_options(reader: Callable[..., Any]) -> set[str]:
    """The options that text does not have."""
    return set(inspect.signature(reader).parameters) - {"path"} - set(inspect.signature(read_text).parameters)


def _start(file: str) -> bytes:
    """Return the first bytes of a regular file; of a pipe nothing, for they could not be read again."""
    try:
        path = Path(file)
        if path.is_file():
            with path.open("rb") as opened:
                return opened.read(8)
    except (OSError, ValueError):
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
