"""Files of any kind that this room knows, through one door and one table of readers."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from miscope.errors import InputError, choice
from miscope.formats import DATA
from miscope.sequences.array_files import read_npy, read_npz
from miscope.sequences.arrow_types import is_lists
from miscope.sequences.biology import read_fasta
from miscope.sequences.container import Sequences
from miscope.sequences.foreign import HEAD, reader_of, refuse_foreign
from miscope.sequences.frames import Frame, is_frame
from miscope.sequences.hdf5 import read_hdf5
from miscope.sequences.hub import read_hub
from miscope.sequences.matlab import read_mat
from miscope.sequences.notes import noted
from miscope.sequences.remote import is_url
from miscope.sequences.series import Series
from miscope.sequences.sources import STDIN, Paths, expand, has_suffix, name_of, names_of, split_part
from miscope.sequences.streams import Meter, head_of
from miscope.sequences.table_files import open_table
from miscope.sequences.tables import read_table
from miscope.sequences.text import read_text
from miscope.sequences.text_formats import SIZE, text_format_of
from miscope.sequences.tokens import read_tokens
from miscope.whole_files import shown

__all__ = ["HUB", "READERS", "OptionError", "holds_arrays", "read"]

HUB = "hub:"
"""Begins the name of a data set on the hub of Hugging Face's, so that it cannot be taken for a file."""

SAVED = ("dataset_dict.json", "state.json")
"""One of these is in a folder that `save_to_disk` of datasets wrote."""
NAMES = {kind: about.name for kind, about in DATA.items()}
FORMATS = [kind for kind in DATA if kind not in ("tokens", "hub")]
"""What can be asked for by name: tokens are text, and data sets are named otherwise."""
FOUND = {
    "fasta": ("fasta", "FASTA"),
    "fastq": ("fasta", "FASTQ"),
    "jsonl": ("table", "JSON lines"),
    "json": ("text", "JSON"),
}
"""Which reader takes text of a format of its own, and how it is called."""


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


def read(path: Paths | Frame, *, format: str | None = None, **options: Any) -> Sequences | Series:  # noqa: A002
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

    Arrays, Arrow, Parquet and Feather are known by their first bytes, whatever they are called, and so are FASTA and
    JSON lines, which no text looks like: where their name does not say what they are, a `MiscopeWarning` does. All of
    them may be compressed (``.csv.gz``). With ``unit="byte"`` the bytes of any file are read but those of tables and
    FASTA. Standard input, ``"-"``, is text if its first bytes say nothing else, unless an option is one that only
    tables or only FASTA have.

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
    format
        What the files are, whatever they look like: ``"text"``, ``"table"`` (JSON lines too), ``"fasta"``, ``"npy"``,
        ``"npz"``, ``"mat"``, ``"hdf5"`` or ``"arrow"``; by default what their first bytes and names say.
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
    notes: list[str] = []
    if format is not None:
        choice(format, FORMATS, "format")
    if is_frame(path):
        kind = "table"
    else:
        path = _one_or_list(path)
        kind = _kind_of_all(path, options, format, notes)
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
    if made.provenance.get("label") and not notes:
        return made
    label = made.provenance.get("label") or shown(Path(os.fspath(path)).name)  # type: ignore[arg-type]
    return dataclasses.replace(made, provenance=noted({**made.provenance, "label": label}, notes))


def _one_or_list(path: Any) -> str | list[str]:
    names = names_of(path)
    return names[0] if len(names) == 1 else names


def _kind_of_all(path: Paths, options: dict[str, Any], asked: str | None, notes: list[str]) -> str:
    """What the files are, or are `asked` to be read as; data sets have no files."""
    names = [path] if isinstance(path, str | os.PathLike) else list(path)
    if any(_is_data_set(os.fspath(name)) for name in names):
        if len(names) > 1:
            raise InputError("data sets are read one by one (in Python, Sequences.concatenate joins them)")
        return "hub"
    files = expand(path)
    told = [_told(file, options) if asked is None else _Told(_asked_for(asked, options)) for file in files]
    kinds = [each.kind for each in told]
    if len(set(kinds)) > 1:
        other = next(i for i, kind in enumerate(kinds) if kind != kinds[0])
        raise InputError(
            f"{files[0]!r} is {NAMES[kinds[0]]}, but {files[other]!r} is {NAMES[kinds[other]]}: read them one by one, "
            "or say what all of them are, format='text'"
        )
    if len(files) > 1 and not DATA[kinds[0]].several:
        raise InputError(f"files like {files[0]!r} are read one by one (in Python, Sequences.concatenate joins them)")
    for note in dict.fromkeys(each.note for each in told if each.note):
        named = [name_of(file) for file, each in zip(files, told, strict=True) if each.note == note]
        more = f" and {len(named) - 1:,} more" if len(named) > 1 else ""
        notes.append(f"{named[0]!r}{more}: {note}")
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


class _Told(NamedTuple):
    """What a file is to be read as, and what is to be said of that."""

    kind: str
    note: str | None = None


def _told(file: str, options: dict[str, Any]) -> _Told:
    """What a file is: by its first bytes, then by its name; standard input by the options that only one reader has."""
    file, part = split_part(file)
    by_name = next((kind for kind, about in DATA.items() if has_suffix(file, about.suffixes)), None)
    by_name = _by_options(options) if file == STDIN else by_name
    start = head_of(file, SIZE)
    by_bytes = reader_of(start[:HEAD])
    if by_bytes is None and by_name is not None and options.get("unit") != "byte":
        refuse_foreign(start[:HEAD], name_of(file))
    told = _Told(by_bytes or by_name or _asked_for("text", options))
    if by_bytes is None and (found := text_format_of(start, len(start) < SIZE)) is not None:
        told = _by_content(found, told.kind, options)
    if part is not None and "variable" not in _options_of(READERS[told.kind]):
        raise InputError(f"{name_of(file)!r} is {NAMES[told.kind]}, which holds one thing only: leave ':{part}' out")
    if told.kind == "arrow":
        told = _Told("table" if _is_table(file, options) else "arrow")
    if options.get("unit") == "byte" and told.kind not in ("table", "fasta"):
        return told._replace(kind="text")  # the bytes of any file
    return told


def _by_options(options: dict[str, Any]) -> str | None:
    """What is meant by options that only one reader has."""
    only = {"table": _own_options(read_table), "fasta": _own_options(read_fasta)}
    kinds = (kind for kind, names in only.items() if (names - {"alphabet", "tokenizer"}) & set(options))
    return next(kinds, None)


def _asked_for(kind: str, options: dict[str, Any]) -> str:
    """A kind by its name; text that a tokenizer reads is one of its own."""
    return "tokens" if kind == "text" and "tokenizer" in options else kind


def _by_content(found: str, kind: str, options: dict[str, Any]) -> _Told:
    """What text of a format of its own is read as, where name and options say it is of this kind."""
    meant, said = FOUND[found]
    kind = "table" if found == "json" and _by_options(options) == "table" else kind  # which says what is wrong with it
    is_text = kind in ("text", "tokens")
    if not (is_text or (found != "json" and kind in ("table", "fasta") and kind != meant)):
        return _Told(kind)
    wrong = [option for option in options if option not in _options_of(READERS[meant])]
    wrong += ["unit"] * (options.get("unit") == "byte")
    if found != "json" and not wrong:
        return _Told(meant, f"{said} by the first bytes, and read as such; format='text' reads all of it as text")
    if found == "json" and options.get("unit") == "byte":
        return _Told(kind)
    if found == "json":
        how = "a list of objects is a table as JSON lines, one object a line"
    else:
        how = f"format={meant!r} reads it as such, without {', '.join(dict.fromkeys(wrong))}"
    return _Told(
        kind,
        f"{said} by the first bytes, but read as text, its marks and names as symbols; {how}, and format='text' "
        "says that this is meant",
    )


def holds_arrays(path: str) -> bool:
    """Whether a file holds arrays of codes or of numbers, so that no option of text belongs to it.

    >>> holds_arrays("bird.mat:songs"), holds_arrays("book.txt")
    (True, False)
    """
    return not _is_data_set(path) and _told(path, {}).kind in ("npy", "npz", "mat", "hdf5", "arrow")


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
