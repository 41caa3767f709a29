"""How commands read files: one set of options for all kinds of data, told apart where they do not belong."""

from __future__ import annotations

import functools
import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miscope.cli.common import note, progress_bar
from miscope.errors import InputError, MiscopeWarning
from miscope.formats import data_help

if TYPE_CHECKING:
    from miscope.sequences import Sequences, Series

__all__ = [
    "FILES_HELP",
    "OPTIONS",
    "Reading",
    "advice",
    "as_spelt",
    "check_cut",
    "read_files",
    "spelt",
    "takes_files",
    "without_classes",
]

Reading = dict[str, Any]
"""The options of reading that were given, by the names that readers have for them."""

FILES_HELP = data_help()

_FILES, _TEXT, _TABLE, _FASTA = "Reading files", "Reading text", "Reading tables", "Reading FASTA"
_HUB, _CLASSES = "Reading data sets of Hugging Face's", "Classes of symbols"


def _text(help_: str) -> Any:
    return typer.Option(help=help_, show_default=False, rich_help_panel=_TEXT)


def _table(help_: str) -> Any:
    return typer.Option(help=help_, show_default=False, rich_help_panel=_TABLE)


def _hub(help_: str) -> Any:
    return typer.Option(help=help_, show_default=False, rich_help_panel=_HUB)


def _given(
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="What the files are, whatever they look like: text, table (JSON lines too), fasta, npy, npz, mat, "
            "hdf5, arrow. Default: as their first bytes and names say.",
            show_default=False,
            rich_help_panel=_FILES,
        ),
    ] = None,
    unit: Annotated[
        str | None,
        _text(
            "What a symbol is: byte, character, word, or token (split at white space only). Of a table or data set: "
            "how a column of texts is read, a document a row. Default of text: character."
        ),
    ] = None,
    tokenizer: Annotated[
        str | None,
        _text("Instead of --unit: a tokenizer.json, a folder, or a name on the Hugging Face hub; its tokens."),
    ] = None,
    documents: Annotated[
        str | None, _text("What a document is: file, line, blank-line, or none (all one). Default: file.")
    ] = None,
    separator: Annotated[
        str | None,
        _text("Text that separates documents (its case counts), instead of --documents; of a table its columns."),
    ] = None,
    separator_regex: Annotated[
        str | None,
        _text(
            "The same as a regular expression, searched in each line: '^ = [^=].* = $'. What it matches is cut out, "
            "with the line's end where it is all of the line."
        ),
    ] = None,
    quoting: Annotated[
        str | None,
        _table(
            "Quotation marks of a table that is text: fields (they stand around fields), none (symbols as all others). "
            "Default: as its lines show."
        ),
    ] = None,
    encoding: Annotated[str | None, _text("Of text, and of tables that are text. Default: utf-8.")] = None,
    fold_case: Annotated[
        bool,
        typer.Option("--fold-case", help="Take capital and small letters as the same.", rich_help_panel=_TEXT),
    ] = False,
    column: Annotated[
        str | None, _table("The column to read: symbols, numbers, texts or lists. Default: the only one.")
    ] = None,
    document_column: Annotated[
        str | None, _table("A new document where this changes; several, bird,bout: where any does.")
    ] = None,
    time_column: Annotated[str | None, _table("Times, which may not go backwards.")] = None,
    as_: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="Of numbers in columns or .npy: symbols, numbers, sign, quantiles:4, edges:-1,0,1, deviations:0.5,1; "
            "of prices: returns (log), changes (differences), each alone or with :sign, :quantiles:4, :edges:-1,0,1, "
            ":deviations:0.5,1, or :volatility:4 (classes of absolute size).",
            show_default=False,
            rich_help_panel=_TABLE,
        ),
    ] = None,
    gaps: Annotated[
        str | None,
        _table(
            "With times: a new document after so many usual steps (3), or so long (1h, 3d), or none. Default: of "
            "numbers steps that stand out, none for daily data; of symbols none."
        ),
    ] = None,
    missing: Annotated[
        str | None,
        _table("break: a new document behind a missing value; refuse: say where the first is. Default: break."),
    ] = None,
    missing_values: Annotated[
        str | None, _table("What stands for a missing value besides, with commas between: -9999,none.")
    ] = None,
    alphabet: Annotated[
        str | None,
        _table(
            "The symbols in the order of their codes, ACGT or low,middle,high; also of arrays, and of FASTA (protein). "
            "Default: those that occur."
        ),
    ] = None,
    codons: Annotated[
        bool, typer.Option("--codons", help="Triplets of bases as symbols.", rich_help_panel=_FASTA)
    ] = False,
    reverse_complement: Annotated[
        bool,
        typer.Option(
            "--reverse-complement", help="The other strand too, as documents of its own.", rich_help_panel=_FASTA
        ),
    ] = False,
    config: Annotated[str | None, _hub("The configuration, where a data set has several.")] = None,
    split: Annotated[str | None, _hub("Which split; of the hub also train[:10%]. Default: train.")] = None,
    streaming: Annotated[
        bool,
        typer.Option("--streaming", help="Read over the network, without a download.", rich_help_panel=_HUB),
    ] = False,
    limit: Annotated[int | None, _hub("At most so many rows.")] = None,
    revision: Annotated[str | None, _hub("Branch, tag or commit on the hub.")] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help="Merge symbols: top:1000 (the 999 most frequent, and all others), unicode (general category), "
            "prefix:2, suffix:3, first, last, kind (whether tokens begin a word), map:FILE (symbols and classes).",
            show_default=False,
            rich_help_panel=_CLASSES,
        ),
    ] = None,
    other: Annotated[
        str | None,
        typer.Option(
            help="With --classes map:FILE: the class of symbols that the file does not name.",
            show_default=False,
            rich_help_panel=_CLASSES,
        ),
    ] = None,
) -> Reading:
    """All options of reading; returns those that were given."""
    found = {
        "format": format_,
        "unit": unit,
        "tokenizer": tokenizer,
        "documents": documents,
        "separator": separator,
        "separator_regex": separator_regex,
        "quoting": quoting,
        "encoding": encoding,
        "fold_case": fold_case or None,
        "column": column,
        "document": _columns(document_column),
        "time": time_column,
        "as_": as_,
        "gaps": gaps,
        "missing": missing,
        "missing_values": None if missing_values is None else missing_values.split(","),
        "alphabet": _symbols(alphabet),
        "codons": codons or None,
        "reverse_complement": reverse_complement or None,
        "config": config,
        "split": split,
        "streaming": streaming or None,
        "limit": limit,
        "revision": revision,
        "classes": classes,
        "other": other,
    }
    return {name: value for name, value in found.items() if value is not None}


OPTIONS = tuple(inspect.signature(_given).parameters)
"""Names of the options of reading, as the functions of commands have them."""

_SPELT = {"document": "--document-column", "time": "--time-column", "as_": "--as", "format_": "--format"}
_NAMES = {name.removesuffix("_column") for name in OPTIONS} - {"classes", "other"}  # as readers have them


def spelt(name: str) -> str:
    """An option of a reader as it is written on the command line.

    >>> spelt("document"), spelt("fold_case")
    ('--document-column', '--fold-case')
    """
    return _SPELT.get(name, f"--{name.replace('_', '-')}")


def takes_files(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command all options of reading, in the place of its parameter `reading`, which gets those that are given.

    An option that the command has itself stays its own.
    """
    own = inspect.signature(command, eval_str=True)
    added = [
        each for each in inspect.signature(_given, eval_str=True).parameters.values() if each.name not in own.parameters
    ]
    parameters = []
    for each in own.parameters.values():
        here = added if each.name == "reading" else [each]
        parameters += [one.replace(kind=one.KEYWORD_ONLY) for one in here]

    @functools.wraps(command)
    def run(**options: Any) -> Any:
        reading = _given(**{each.name: options.pop(each.name) for each in added})
        return command(**options, reading=reading)

    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
    return run


def without_classes(options: Reading) -> Reading:
    """The options that readers have."""
    return {name: value for name, value in options.items() if name not in ("classes", "other")}


def read_files(
    files: list[str], options: Reading, quantiles: int | None, quiet: bool, notes: bool = True
) -> Sequences | Series:
    """Read what was named on the command line as one corpus, in classes of symbols where they are asked for.

    With `notes` what the reader noted is said at once.
    """
    from miscope.sequences import Sequences, read
    from miscope.sequences.merging import Merging
    from miscope.sequences.two_readings import UnclearError

    merging = None
    with as_spelt():
        if "classes" in options:
            merging = Merging.parse(options["classes"], options.get("other"))
        elif "other" in options:
            raise InputError("--other names a class of --classes: give both, or leave --other out")
    options = without_classes(options)
    _refuse_counts(files)
    with progress_bar("reading", "B", quiet) as progress, as_spelt(), warnings.catch_warnings():
        warnings.simplefilter("ignore", MiscopeWarning)  # said below
        if progress is not None:
            options = options | {"progress": progress}
        path = files if len(files) > 1 else files[0]
        try:
            found = read(path, **options)
        except UnclearError:
            if quantiles is None:
                raise
            found = read(path, **options, as_="numbers")  # what is cut is no code
    for text in () if quiet or not notes else found.provenance.get("notes", ()):
        note(f"note: {advice(text)}")
    if isinstance(found, Sequences):
        if quantiles is not None:
            raise InputError(
                f"--quantiles is for real numbers; {files[0]} holds symbols already: leave it out, or cut them as "
                f"numbers with --as quantiles:{quantiles}"
            )
        with as_spelt():
            return found if merging is None else merging.apply(found)
    if merging is not None:
        raise InputError(
            f"--classes is for symbols, and {files[0]} holds real numbers: --as quantiles:4 instead of it makes classes"
        )
    if not quiet and not (found.values % 1).any():
        note(
            "note: these numbers are all whole, and taken as measurements; if they are codes of symbols, read them "
            "with --as symbols"
        )
    return found


def check_cut(data: Any, quantiles: int | None) -> None:
    """Refuse numbers that look like codes, where they would be cut without anybody having said so."""
    from miscope.sequences import Series
    from miscope.sequences.in_memory import refuse_codes

    if isinstance(data, Series) and quantiles is None:
        with as_spelt():
            refuse_codes(data)


def _refuse_counts(files: list[str]) -> None:
    """Say what takes files of pair counts, which are Arrow files too."""
    for name in files:
        if not name.lower().endswith(".arrow") or not Path(name).is_file():
            continue
        from miscope.counting.pair_files import is_pair_counts

        if is_pair_counts(name):
            raise InputError(
                f"{name} holds pair counts, as miscope count writes them, not symbols: miscope measure {name} makes a "
                "curve of them"
            )


def _columns(text: str | None) -> str | list[str] | None:
    """A column, or several with commas between them."""
    return text if text is None or "," not in text else text.split(",")


def _symbols(text: str | None) -> str | list[str] | None:
    """An alphabet: letters, or symbols with commas between them."""
    return text if text is None or "," not in text[1:-1] else text.split(",")


# How errors name options

_READING = (
    "format|unit|documents|separator|separator_regex|quoting|encoding|column|document|time|as_|gaps|missing|missing_values|"
    "tokenizer|limit|split|config|alphabet"
)
_ASSIGNED = re.compile(rf"\b({_READING}|other|null|estimator)=(?:(['\"])([^'\"]*)\2|(\d+)|\[([^\]]*)\]|(?=[\s;,.)]|$))")
_CALL = re.compile(r"\b(?:read_\w+|datasets\.load_dataset)\([^)]*\)+(?:\.\w+\([^)]*\))?")


@contextmanager
def as_spelt() -> Iterator[None]:
    """Name options in errors of readers as they are written on the command line."""
    from miscope.sequences.reading import OptionError

    try:
        yield
    except OptionError as error:
        only = f", only with {' or '.join(map(_kind, error.takers))}" if error.takers else ""
        known = [spelt(name) for name in error.takes if name in _NAMES]
        takes = f"; it takes {', '.join(known)}" if known else "; it takes no options"
        names = ", ".join(map(spelt, error.options))
        error.args = (f"{names} cannot be used with {_kind(error.kind)}{only}{takes}",)
        raise
    except InputError as error:
        error.args = (advice(str(error)),)
        raise


def advice(text: str) -> str:
    """Advice with arguments of readers as options; calls of functions stay as they are.

    >>> advice("name one with column='…', or as_='quantiles:4', or read_text(path, unit='byte')")
    "name one with --column …, or --as quantiles:4, or read_text(path, unit='byte')"
    """
    calls: list[str] = []

    def kept(found: re.Match[str]) -> str:
        calls.append(found[0])
        return f"\0{len(calls) - 1}\0"

    text = _ASSIGNED.sub(_as_option, _CALL.sub(kept, text))
    text = re.sub(r"\bas_(?=[ ,;]|$)", "--as", text)
    return re.sub("\0(\\d+)\0", lambda found: calls[int(found[1])], text)


def _as_option(found: re.Match[str]) -> str:
    value = found[3] or found[4] or re.sub(r"[\s'\"]", "", found[5] or "")
    return f"{spelt(found[1])} {value}".rstrip()


def _kind(name: str) -> str:
    """A kind of data without the function that reads it."""
    return re.sub(r" \([\w.]+\)$", "", name).replace(
        "data set of Hugging Face's", "data set of Hugging Face's (hub:NAME)"
    )
