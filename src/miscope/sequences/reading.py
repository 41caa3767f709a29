"""Files of any kind that this room knows, through one door."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from miscope.errors import FormatError, InputError
from miscope.sequences.arrays import Symbol
from miscope.sequences.arrow import MAGIC
from miscope.sequences.arrow_types import is_lists
from miscope.sequences.biology import read_fasta
from miscope.sequences.container import Sequences
from miscope.sequences.frames import Frame, is_frame
from miscope.sequences.hub import read_hub
from miscope.sequences.in_memory import in_memory
from miscope.sequences.remote import is_url
from miscope.sequences.series import Series
from miscope.sequences.sources import STDIN, Paths, Progress, expand, read_sources, shown
from miscope.sequences.streams import Meter, has_suffix
from miscope.sequences.table_files import FEATHER_1, PARQUET, open_table
from miscope.sequences.tables import read_table
from miscope.sequences.text import read_text
from miscope.sequences.tokens import read_tokens
from miscope.sequences.two_readings import UnclearError

__all__ = ["HUB", "OptionError", "read", "read_npy"]

HUB = "hub:"
"""Begins the name of a data set on the hub of Hugging Face's, so that it cannot be taken for a file."""

NPY_MAGIC = b"\x93NUMPY"
TABLES = {".csv", ".tsv", ".tab", ".parquet", ".feather", ".jsonl", ".ndjson"}
FASTA = {".fa", ".fasta", ".fna", ".ffn", ".frn", ".faa"}
SAVED = ("dataset_dict.json", "state.json")
"""One of these is in a folder that `save_to_disk` of datasets wrote."""
NAMES = {
    "npy": "a .npy file (read_npy)",
    "arrow": "an Arrow file (Sequences.open)",
    "table": "a table (read_table)",
    "fasta": "a FASTA file (read_fasta)",
    "text": "text (read_text)",
    "tokens": "text that a tokenizer reads (read_tokens)",
    "hub": "a data set of Hugging Face's (read_hub)",
}


class OptionError(InputError):
    """Options of `read` do not belong to what is read.

    Attributes
    ----------
    options
        The options.
    takers
        What takes all of them; empty if nothing does.
    kind
        What was read.
    takes
        Which options that takes.
    """

    def __init__(self, options: list[str], takers: list[str], kind: str, takes: list[str]) -> None:
        self.options, self.takers, self.kind, self.takes = options, takers, kind, takes
        only = f", only with {' or '.join(takers)}" if takers else ""
        super().__init__(f"{', '.join(options)} cannot be used with {kind}{only}; it takes: {', '.join(takes)}")


def read(path: Paths | Frame, **options: Any) -> Sequences | Series:
    """Read files by their kind, which their first bytes and names say.

    ==================================================  ========================================================
    files                                               reader
    ==================================================  ========================================================
    ``.npy``                                            `read_npy`
    ``.arrow``, with a column of lists of codes         `Sequences.open`
    ``.csv``, ``.tsv``, ``.tab``, ``.parquet``,         `read_table`; also ``.arrow`` without lists, or where an
    ``.feather``, ``.jsonl``, ``.ndjson``               option is one that only tables have
    ``.fa``, ``.fasta``, ``.fna``, ``.ffn``, ``.frn``,  `read_fasta`; the last with the alphabet of proteins
    ``.faa``
    a data frame, or a table of Arrow, in memory        `read_table`
    a folder that ``save_to_disk`` wrote                `read_hub`
    ``hub:NAME``, such as ``hub:Salesforce/wikitext``   `read_hub`, of a data set on the hub, or of any folder
    all others                                          `read_text`; `read_tokens` with a tokenizer
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
        The file cannot be read, or an option (`OptionError`) is not one of its reader's.
    """
    if is_frame(path):
        kind = "table"
    else:
        path = _one_or_list(path)  # type: ignore[arg-type]
        kind = _kind_of_all(path, options)
    reader = READERS[kind]
    known = _options_of(reader)
    if "progress" not in known:
        options.pop("progress", None)
    wrong = [option for option in options if option not in known]
    if wrong:
        takers = [NAMES[each] for each, other in READERS.items() if set(wrong) <= set(_options_of(other))]
        takes = [option for option in known if option != "progress"] + ["tokenizer"] * (kind == "text")
        raise OptionError(wrong, takers, NAMES[kind], takes)
    if kind == "hub":
        path = os.fspath(path).removeprefix(HUB)  # type: ignore[arg-type]
    if kind == "fasta" and has_suffix(expand(path)[0], {".faa"}):  # type: ignore[arg-type]
        options.setdefault("alphabet", "protein")
    try:
        made = reader(path, **options)
    except InputError as error:
        raise _with_hint(error, path) from error.__cause__
    if made.provenance.get("label"):
        return made
    named = {**made.provenance, "label": shown(Path(os.fspath(path)).name)}  # type: ignore[arg-type]
    return dataclasses.replace(made, provenance=named)


def _one_or_list(path: Paths) -> Paths:
    if isinstance(path, str | os.PathLike):
        return path
    several = list(path)
    return several[0] if len(several) == 1 else several


def _kind_of_all(path: Paths, options: dict[str, Any]) -> str:
    """What the files are; data sets have no files."""
    names = [path] if isinstance(path, str | os.PathLike) else list(path)
    if any(_is_data_set(os.fspath(name)) for name in names):
        if len(names) > 1:
            raise InputError("data sets are read one by one; join them with Sequences.concatenate")
        return "hub"
    files = expand(path)
    kinds = [_kind(file, options) for file in files]
    if len(set(kinds)) > 1:
        other = next(i for i, kind in enumerate(kinds) if kind != kinds[0])
        raise InputError(
            f"{files[0]!r} is {NAMES[kinds[0]]}, but {files[other]!r} is {NAMES[kinds[other]]}: read them one by one"
        )
    if kinds[0] in ("npy", "arrow") and len(files) > 1:
        raise InputError(f"files like {files[0]!r} are read one by one; join them with Sequences.concatenate")
    return kinds[0]


def _is_data_set(name: str) -> bool:
    if name.startswith(HUB):
        return True
    folder = Path(name).expanduser() if name.startswith("~") else Path(name)
    try:
        return not is_url(name) and any((folder / file).is_file() for file in SAVED)
    except (OSError, ValueError):
        return False


def _with_hint(error: InputError, path: Any) -> InputError:
    """Say how data sets are named, where a name that is no file looks like one."""
    name = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
    looks_like_one = re.fullmatch(r"[\w\-]+/[\w\-]+", name) and not Path(name).exists()
    if not looks_like_one or "there is no such file" not in str(error):
        return error
    return type(error)(f"{error}; a data set on the Hugging Face hub is named {HUB}{name}")


def _options_of(reader: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(reader).parameters)[1:]


def _kind(file: str, options: dict[str, Any]) -> str:
    if file == STDIN:  # nothing can be seen of it before it is read, so that the options say
        only = {"table": _own_options(read_table), "fasta": _own_options(read_fasta)}
        kinds = (kind for kind, names in only.items() if (names - {"alphabet", "tokenizer"}) & set(options))
        return next(kinds, "tokens" if "tokenizer" in options else "text")
    start = _start(file)
    if start.startswith(NPY_MAGIC) or has_suffix(file, {".npy"}):
        return "npy"
    if start.startswith(MAGIC) or has_suffix(file, {".arrow"}):
        return "table" if _is_table(file, options) else "arrow"
    if start.startswith((PARQUET, FEATHER_1)) or has_suffix(file, TABLES):
        return "table"
    if has_suffix(file, FASTA):
        return "fasta"
    return "tokens" if "tokenizer" in options else "text"


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
    as_: str | None = None,
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
    as_
        What to make of them, in the grammar of `Conversion`: ``"symbols"``, ``"numbers"``, ``"quantiles:4"``, …
        By default whole numbers are symbols, and numbers with fractions numbers.

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
    (source,) = read_sources([os.fspath(path)], progress)
    array = _load(Path(path))
    provenance = {"reader": "read_npy", "label": label or shown(Path(path).name), "sources": [source.record]}
    if array.dtype.kind == "f" or as_ is not None:
        if alphabet is not None or alphabet_size is not None:
            raise InputError(
                f"{os.fspath(path)!r} holds floating-point numbers, which have no alphabet: leave alphabet and "
                "alphabet_size out, or save codes as whole numbers, array.astype(int)"
            )
        try:
            found = in_memory(array, as_)
        except UnclearError:
            raise UnclearError(
                f"{os.fspath(path)!r} holds whole numbers stored as floating-point numbers, negative or of many kinds: "
                "as_='symbols' takes them as codes, as_='quantiles:4' cuts them as measurements"
            ) from None
        return dataclasses.replace(found, provenance={**found.provenance, **provenance})
    made = Sequences.from_arrays(array, alphabet=alphabet, alphabet_size=alphabet_size)
    return dataclasses.replace(made, provenance={**made.provenance, **provenance})


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


READERS: dict[str, Callable[..., Sequences | Series]] = {
    "npy": read_npy,
    "arrow": Sequences.open,
    "table": read_table,
    "fasta": read_fasta,
    "text": read_text,
    "tokens": read_tokens,
    "hub": read_hub,
}
