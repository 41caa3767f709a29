"""Files of any kind that this room knows, through one door and one table of readers."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from miscope.errors import InputError
from miscope.formats import DATA
from miscope.sequences.array_files import read_npy, read_npz
from miscope.sequences.arrow_types import is_lists
from miscope.sequences.biology import read_fasta
from miscope.sequences.container import Sequences
from miscope.sequences.foreign import reader_of, refuse_foreign
from miscope.sequences.frames import Frame, is_frame
from miscope.sequences.hdf5 import read_hdf5
from miscope.sequences.hub import read_hub
from miscope.sequences.matlab import read_mat
from miscope.sequences.remote import is_url
from miscope.sequences.series import Series
from miscope.sequences.sources import STDIN, Paths, expand, gives_once, has_suffix, name_of, shown, split_part
from miscope.sequences.streams import Meter, head_of
from miscope.sequences.table_files import open_table
from miscope.sequences.tables import read_table
from miscope.sequences.text import read_text
from miscope.sequences.tokens import read_tokens

__all__ = ["HUB", "READERS", "OptionError", "holds_arrays", "read"]

HUB = "hub:"
"""Begins the name of a data set on the hub of Hugging Face's, so that it cannot be taken for a file."""

SAVED = ("dataset_dict.json", "state.json")
"""One of these is in a folder that `save_to_disk` of datasets wrote."""
NAMES = {kind: about.name for kind, about in DATA.items()}


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
    ``.npz``, ``.mat``, ``.h5``, ``.hdf5``, ``.nwb``    `read_npz`, `read_mat`, `read_hdf5`; which array is said behind
                                                        a colon: ``bird.mat:songs``
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

    Arrays, Arrow, Parquet and Feather are known by their first bytes, whatever they are called. All of them may be
    compressed (``.csv.gz``). With ``unit="byte"`` the bytes of any file are read but those of tables and FASTA.
    Standard input, ``"-"``, is text, unless an option is one that only tables or only FASTA have.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
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
        A `Series` where an array or the column of a table holds numbers with fractions, or is asked for as such.

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
    if len(files) > 1 and not DATA[kinds[0]].several:
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
    """What a file is: by its first bytes, then by its name."""
    unnamed = not any(has_suffix(file, about.suffixes) for about in DATA.values())
    if file == STDIN or (unnamed and gives_once(file)):  # nothing is seen of it before it is read: the options say
        only = {"table": _own_options(read_table), "fasta": _own_options(read_fasta)}
        kinds = (kind for kind, names in only.items() if (names - {"alphabet", "tokenizer"}) & set(options))
        return next(kinds, "tokens" if "tokenizer" in options else "text")
    file, part = split_part(file)
    by_name = next((kind for kind, about in DATA.items() if has_suffix(file, about.suffixes)), None)
    start = head_of(file)
    by_bytes = reader_of(start)
    if by_bytes is None and by_name is not None and options.get("unit") != "byte":
        refuse_foreign(start, name_of(file))
    kind = by_bytes or by_name or ("tokens" if "tokenizer" in options else "text")
    if part is not None and "variable" not in _options_of(READERS[kind]):
        raise InputError(f"{name_of(file)!r} is {NAMES[kind]}, which holds one thing only: leave ':{part}' out")
    kind = "table" if kind == "arrow" and _is_table(file, options) else kind
    if options.get("unit") == "byte" and kind not in ("table", "fasta"):
        return "text"  # the bytes of any file
    return kind


def holds_arrays(path: str) -> bool:
    """Whether a file holds arrays of codes or of numbers, so that no option of text belongs to it.

    >>> holds_arrays("bird.mat:songs"), holds_arrays("book.txt")
    (True, False)
    """
    return not _is_data_set(path) and _kind(path, {}) in ("npy", "npz", "mat", "hdf5", "arrow")


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


READERS: dict[str, Callable[..., Sequences | Series]] = {
    "npy": read_npy,
    "npz": read_npz,
    "mat": read_mat,
    "hdf5": read_hdf5,
    "arrow": Sequences.open,
    "table": read_table,
    "fasta": read_fasta,
    "text": read_text,
    "tokens": read_tokens,
    "hub": read_hub,
}
