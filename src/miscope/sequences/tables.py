"""Columns of tables become sequences of symbols, or series of numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from miscope.errors import InputError, NothingError, choice
from miscope.sequences.arrays import Symbol
from miscope.sequences.arrow_types import (
    check_document_type,
    check_value_type,
    is_lists,
    is_lists_of_floats,
    is_string_lists,
)
from miscope.sequences.calendars import settle
from miscope.sequences.codes import Array, code_dtype
from miscope.sequences.column_kinds import checked_alphabet, checked_columns, conversion_of, kinds_of
from miscope.sequences.container import Sequences
from miscope.sequences.frames import Frame, is_frame, only_other, to_arrow
from miscope.sequences.json_lines import JsonFile
from miscope.sequences.missing import MISSING, Marks, checked_marks, note_on_constants, note_on_symbols
from miscope.sequences.notes import noted
from miscope.sequences.numbers import Conversion
from miscope.sequences.prices import Gaps, check_gaps, note_on_gaps, split_at_gaps
from miscope.sequences.quoting import QUOTING
from miscope.sequences.rows import MAX_NAMES, NotWholeError, Rows, Rules, first_not_number, not_a_number
from miscope.sequences.series import Series
from miscope.sequences.sources import Paths, Progress, expand, label_of
from miscope.sequences.streams import Meter
from miscope.sequences.string_columns import check_text_column, read_lists, read_string_lists, read_texts
from miscope.sequences.table_files import FrameTable, NotOfTypeError, TableFile, TextFile, open_table
from miscope.sequences.tellers import Tellers
from miscope.sequences.tokenizer import Tokenizer, tokenizer_from

__all__ = ["read_table"]


class Names(NamedTuple):
    """Which columns are read: that of values, those that tell documents, and that of times."""

    value: str
    tellers: list[str]
    time: str | None


def read_table(
    path: Paths | Frame,
    column: str | None = None,
    *,
    document: str | Sequence[str] | None = None,
    time: str | None = None,
    as_: str | None = None,
    gaps: Gaps = None,
    separator: str | None = None,
    quoting: str | None = None,
    encoding: str = "utf-8",
    alphabet: Sequence[Symbol] | None = None,
    missing: str = "break",
    missing_values: Any = None,
    unit: str | None = None,
    tokenizer: Any = None,
    fold_case: bool = False,
    label: str | None = None,
    progress: Progress | None = None,
) -> Sequences | Series:
    r"""Read a column of a table: CSV, TSV, Parquet, Arrow, Feather or JSON lines; or of a data frame.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "prices.csv"
    >>> _ = path.write_text("Date,Close\n2024-01-02,100\n2024-01-03,103\n2024-01-04,101\n2024-01-05,102\n")
    >>> read_table(path, "Close", time="Date", as_="returns:sign").decode(0)
    '+-+'
    >>> read_table(path, "Close", as_="numbers")
    Series(4 values in 1 document: prices.csv Close, numbers)
    >>> path = path.with_name("verses.jsonl")
    >>> _ = path.write_text('{"text": "so it is"}\n{"text": "is it so"}\n')
    >>> read_table(path, "text", unit="word").decode(1)
    ['is', 'it', 'so']

    Parameters
    ----------
    path
        A file, a glob (expanded and sorted), an address, ``"-"`` for standard input, or a list of these: one corpus.
        Every file begins a new document. What kind of table a file is its first bytes say; text may be compressed by
        gzip, bzip2, xz or zstd. A text whose first line is all numbers has no names: its columns are f0, f1, and so on.
        Or a data frame (pandas, polars) or a table of Arrow, in memory; an index of pandas that has a name is a column.
    column
        Which column; may be left out if there is only one (besides those of `document` and `time`). Where it holds
        lists, as tokenised data do, every row is a document: whole numbers are its codes, strings its symbols.
    document
        A column that says of which document each row is: a new one begins wherever its value changes. The rows of one
        document stand together. Several columns, such as ``["bird", "bout"]``, say it together.
    time
        A column of times, which must go forward inside documents: dates, times (ISO 8601, or 10/31/2019, 31.10.2019
        and the like; digits such as 201910, 20191031, 2019103118, 201910311805, 20191031180500), or numbers. Where day
        and month could be either, or digits a calendar or a number, the whole column decides: even steps do. Readings
        that are as good as each other, and cut the data differently, are refused.
    as_
        What to make of the column, in the grammar of `Conversion`: ``"symbols"``, ``"numbers"``, ``"sign"``,
        ``"quantiles:4"``, ``"edges:-1,0,1"``, ``"deviations:0.5,1"``, ``"volatility:4"``, ``"returns"``,
        ``"returns:sign"``, ``"changes:quantiles:4"``, … By default strings and whole numbers are symbols, numbers with
        fractions numbers. Symbols of a text file keep their text: they are called by numbers only where every number,
        written back, is that text again, so that ``1``, ``01`` and ``1.0`` are three. (With ``"symbols"``, whole
        numbers that are stored with fractions are symbols too: so pandas stores them beside missing values.)
    gaps
        With a `time` column: where a document ends because the next row is too much later, as in `returns`. By default
        numbers, and what is made of them (returns, signs, quantiles), have no pairs across gaps: a step ends a document
        that stands out of the others, longer than three usual ones and at least twice as long as the longest one that
        is no gap; unless the usual step is a day or longer. Symbols have no gaps, unless they are asked for; where
        some steps stand out, a warning says so. ``"none"`` takes returns and pairs across all gaps.
    separator
        What stands between the columns of a text; by default a tab in ``.tsv`` files, and in others what the first line
        has most of: comma, tab, semicolon or bar.
    quoting
        What quotation marks (``"``) are in a text: ``"fields"``, they stand around fields, which may hold separators
        and line ends then; ``"none"``, they are characters as all others, as in files of tagged words. By default they
        are characters where some cell begins with one that it does not end with, and yet every line by itself has all
        columns. Where that makes a difference, a warning says so.
    encoding
        How text is written as bytes. Lines before the names of columns that begin with ``#`` are left out, with a
        warning, unless they have as many columns, and so may be these names.
    alphabet
        The symbols in the order of their codes; by default those that occur, sorted.
    unit
        For a column of whole texts, each of them a document: ``"byte"``, ``"character"``, ``"word"`` or ``"token"``, as
        in `read_text`. Empty and missing texts are dropped, and counted in the provenance.
    tokenizer
        Instead of a unit: what `tokenizer_from` takes. For a column of lists it gives the alphabet, and codes or tokens
        that cannot be its own are refused.
    fold_case
        With a unit: make capital and small letters the same.
    missing
        Empty fields of text columns; in columns of numbers also nulls, NaN, NA, and the like: ``"break"`` begins a new
        document behind a missing value and counts them in the provenance, ``"refuse"`` says where the first one is.
    missing_values
        What stands for a missing value besides: a number or a word, or several, such as ``[-9999, "none"]``. A warning
        says where a constant repeats far outside all other numbers, and is not named here.
    label
        What to call the data in results; by default file, column and conversion.
    progress
        Called now and then with the number of bytes done and in all.

    Returns
    -------
    Sequences or Series
        `Sequences` of symbols, or a `Series` of numbers. Files are read a batch at a time, those of Parquet only in the
        columns that are needed: in memory are one batch, and what is returned.

    Raises
    ------
    InputError
        A file or column is not there, a value is not what it must be (the message says in which row, counted from 1
        below the names of the columns), times do not ascend or could be read in several ways that make a difference,
        rows of documents are apart, or nothing is left.

    Warns
    -----
    MiscopeWarning
        Comments were left out, or quotation marks, gaps or constants were taken in one of two ways that are possible;
        what was said stands in the provenance too, as ``"notes"``.
    """
    conversion = None if as_ is None else Conversion.parse(as_)
    choice(missing, MISSING, "way with missing values")
    symbols = checked_alphabet(alphabet, conversion)
    _check_options(gaps, time, separator, quoting)
    marks = Marks() if missing_values is None else checked_marks(missing_values)
    as_texts = {"unit": unit, "tokenizer": tokenizer, "fold_case": fold_case or None}
    as_texts = {name: value for name, value in as_texts.items() if value is not None}
    only_cells = {"as_": as_, "document": document, "time": time, "gaps": gaps, "alphabet": alphabet}
    _check_texts(as_texts, only_cells | {"missing_values": missing_values})
    made_by = None if tokenizer is None else tokenizer_from(tokenizer)
    tellers = [] if document is None else [document] if isinstance(document, str) else list(document)
    others = [*tellers, *([] if time is None else [time])]
    if column is None and is_frame(path):
        column = only_other(path, others)
    wanted = {*others, *([] if column is None else [column])}
    tables, named, meter = _opened(path, separator, quoting, encoding, progress, wanted)
    column = checked_columns(tables, column, others)
    said: dict[str, Any] = {
        "reader": "read_table",
        "label": label if label is not None else f"{named} {column}" + (f", {as_}" if as_ is not None else ""),
        "column": column,
    }
    of_text = [table for table in tables if isinstance(table, TextFile)]
    if of_text:
        ways = dict.fromkeys(table.quotes.how for table in of_text)
        said["quoting"] = next(iter(ways)) if len(ways) == 1 else [table.quotes.how for table in of_text]
    _widen(tables, column, is_lists_of_floats)
    if any(all(holds(table.types[column]) for table in tables) for holds in (is_lists, is_string_lists)):
        _refuse_for_lists(column, document, time, conversion, as_texts, marks)
        return _lists_of_any_size(tables, column, missing, symbols, made_by, said)
    if as_texts:
        check_text_column(tables, column)
        said = noted(said, [note for table in of_text for note in table.notes(cells=False)])
        return read_texts(tables, column, unit or "character", made_by, fold_case, missing == "refuse", said)
    for table in tables:
        check_value_type(table.types[column], column, table.name)
        for name in tellers:
            check_document_type(table.types[name], name, table.name)
    rules = Rules(
        refuse_missing=missing == "refuse",
        positive=conversion is not None and conversion.change == "log",
        marks=marks,
    )
    kinds = kinds_of(tables, column, conversion, symbols, bool(marks.words))
    rows = _read(tables, Names(column, tellers, time), kinds, rules, meter)
    if rows.n_values == 0:
        raise NothingError(f"there is not one value in column {column!r} of {named}")
    if conversion is None:
        conversion = conversion_of(rows, column)
    said |= {
        "document": tellers[0] if len(tellers) == 1 else tellers or None,
        "time": time,
        "as": conversion.text,
        "separator": tables[0].separator,
        "header": all(table.has_header for table in tables),
        "missing": {"how": missing, "dropped": rows.n_missing},
        "rows": rows.n_rows,
        "sources": [table.record for table in tables],
    }
    if marks.words:
        said["missing"]["values"] = list(marks.words)
    said = noted(said, [note for table in of_text for note in table.notes()])
    return _made(rows, conversion, symbols, gaps, said)


def _opened(
    path: Paths | Frame,
    separator: str | None,
    quoting: str | None,
    encoding: str,
    progress: Progress | None,
    wanted: Collection[str],
) -> tuple[list[TableFile], str, Meter]:
    """The tables, what to call all of them, and the meter of their reading."""
    if is_frame(path):
        if separator is not None or quoting is not None:
            raise InputError("a data frame has its columns already: leave separator and quoting out")
        meter = Meter([], progress)
        frame = FrameTable(to_arrow(path, wanted), meter)
        return [frame], frame.name, meter
    files = expand(path)  # type: ignore[arg-type]
    meter = Meter(files, progress)
    tables = [open_table(file, separator, encoding, meter, wanted, quoting) for file in files]
    if quoting is not None and not any(isinstance(table, TextFile) for table in tables):
        raise InputError(f"quoting is for tables that are text, such as .csv; {tables[0].name!r} is none: leave it out")
    return tables, label_of(files), meter


def _check_options(gaps: Gaps, time: str | None, separator: str | None, quoting: str | None) -> None:
    check_gaps(gaps)
    if quoting is not None:
        choice(quoting, QUOTING, "quoting")
    if gaps not in (None, "none") and time is None:
        raise InputError("gaps are gaps in time: name the column of times too, with time='…', or leave gaps out")
    if separator is not None and (len(separator) != 1 or separator in '\r\n"'):
        raise InputError(f"the separator {separator!r} is not one character; a tab is '\\t'")


def _made(
    rows: Rows, conversion: Conversion, alphabet: tuple[Symbol, ...] | None, gaps: Gaps, provenance: dict[str, Any]
) -> Sequences | Series:
    """Put together what was read."""
    offsets, notes = rows.offsets, list[str]()
    if provenance["time"] is not None:
        offsets, notes = _at_gaps(rows, conversion.needs_numbers, gaps, provenance)
    if conversion.needs_numbers:
        notes += note_on_constants(rows.values, str(provenance["column"]))
    provenance = noted(provenance, notes)
    if len(offsets) - 1 == len(rows.names) <= MAX_NAMES:
        provenance["documents"] = rows.names
    if not conversion.needs_numbers:
        codes, known = rows.codes(alphabet)
        provenance = noted(provenance, note_on_symbols(codes, known, str(provenance["column"])))
        return Sequences(codes, offsets, len(known), known, provenance)
    made = conversion.apply(Series(rows.values, offsets, provenance))
    if made.n_documents != len(rows.names) and "documents" in made.provenance:
        kept = {name: value for name, value in made.provenance.items() if name != "documents"}
        return dataclasses.replace(made, provenance=kept)
    return made


def _at_gaps(rows: Rows, of_numbers: bool, gaps: Gaps, provenance: dict[str, Any]) -> tuple[Array, list[str]]:
    """Where documents begin and end when gaps in time are borders too, and what is to be said of that."""
    rule = gaps if of_numbers or gaps is not None else "none"
    reading = settle(rows.time_reader.readings, rows.offsets, rule)
    offsets, cut = split_at_gaps(reading.times, rows.offsets, rule, reading.second)
    provenance |= {"times": reading.span, "times_read_as": reading.how, "gaps": cut}
    if rule == gaps:
        return offsets, note_on_gaps(cut, np.diff(offsets))
    _, unasked = split_at_gaps(reading.times, rows.offsets, None, reading.second)
    if not unasked["found"]:
        return offsets, []
    return offsets, [
        f"there are {unasked['found']:,} gaps in the times of column {provenance['time']!r}, and pairs of symbols are "
        "taken across them: gaps='1h' begins a new document behind each gap of more than an hour, gaps='none' says "
        "that this is meant"
    ]


def _lists_of_any_size(tables: list[TableFile], column: str, *options: Any) -> Sequences:
    """The same as `_lists`, where whole numbers beyond 64 bits may come late in JSON lines."""
    try:
        return _lists(tables, column, *options)
    except NotOfTypeError:
        _widen(tables, column, is_lists)
        return _lists(tables, column, *options)


def _widen(tables: list[TableFile], column: str, is_narrow: Callable[[Any], bool]) -> None:
    """Have lists in JSON lines read as whole numbers of any size, where they are of a type that is too narrow."""
    for table in tables:
        if isinstance(table, JsonFile) and is_narrow(table.types[column]):
            table.widen_lists(column)


def _lists(
    tables: list[TableFile],
    column: str,
    missing: str,
    alphabet: tuple[Symbol, ...] | None,
    tokenizer: Tokenizer | None,
    provenance: dict[str, Any],
) -> Sequences:
    """Every row is a document, of codes or of strings."""
    refuse_missing = missing == "refuse"
    if tokenizer is not None:
        provenance |= {"tokenizer": tokenizer.record}
    if is_string_lists(tables[0].types[column]):
        known = alphabet if tokenizer is None else tokenizer.alphabet
        return read_string_lists(tables, column, refuse_missing, known, provenance)
    size = None if alphabet is None else len(alphabet)
    codes, offsets, names, said = read_lists(tables, column, refuse_missing, size, alphabet is None is tokenizer)
    if tokenizer is not None:
        tokenizer.check(int(codes.max()), f"the column {column!r}")
        alphabet = tokenizer.alphabet
    alphabet = names if alphabet is None else alphabet
    size = int(codes.max()) + 1 if alphabet is None else len(alphabet)
    provenance |= {**said, "sources": [table.record for table in tables]}
    return Sequences(codes.astype(code_dtype(size), copy=False), offsets, size, alphabet, provenance)


def _refuse_for_lists(
    column: str,
    document: str | Sequence[str] | None,
    time: str | None,
    conversion: Conversion | None,
    as_texts: dict[str, Any],
    marks: Marks,
) -> None:
    if marks.words:
        raise InputError(f"column {column!r} holds lists, in which no value may be missing: leave missing_values out")
    if document is not None or time is not None or (conversion is not None and conversion.needs_numbers):
        raise InputError(
            f"column {column!r} holds lists, every row a document of its own: leave document, time and as_ out"
        )
    if set(as_texts) - {"tokenizer"}:
        raise InputError(f"column {column!r} holds lists of symbols already: leave unit and fold_case out")


def _check_texts(as_texts: dict[str, Any], others: dict[str, Any]) -> None:
    """Refuse what does not go together with reading whole texts."""
    if "tokenizer" in as_texts and len(as_texts) > 1:
        raise InputError("a tokenizer makes symbols of its own: leave unit and fold_case out")
    if set(as_texts) == {"fold_case"}:
        raise InputError("the case to fold is that of texts, which a unit reads: name it, unit='character' or 'word'")
    given = [f"{name}='…'" for name, value in others.items() if value is not None]
    if as_texts and given:
        raise InputError(
            f"{', '.join(given)} cannot be used with {next(iter(as_texts))}='…': with a unit or a tokenizer every row "
            "is a text, and a document of its own"
        )


def _read(
    tables: list[TableFile],
    names: Names,
    kinds: list[str],
    rules: Rules,
    meter: Meter,
) -> Rows:
    """Read the rows of all tables as the first of `kinds` that they can be."""
    for kind in kinds:
        meter.restart()
        rows = Rows(kind, rules, len(tables) > 1)
        try:
            for table in tables:
                _read_one(table, names, rows)
        except NotWholeError:
            if kind == kinds[-1]:
                raise
            continue  # in text, fractions are symbols as they are written
        except NotOfTypeError:
            if kind == kinds[-1]:
                raise _bad_value(table, names.value) from None
            continue
        break
    return rows


def _read_one(table: TableFile, names: Names, rows: Rows) -> None:
    import pyarrow as pa

    value, tellers, time = names
    types = {"int": pa.int64(), "big": pa.decimal256(76, 0), "float": pa.float64(), "whole": pa.float64()}
    others = [*tellers, *([] if time is None else [time])]
    columns = dict.fromkeys(others, pa.string()) | {value: types.get(rows.kind, pa.string())}
    if rows.kind == "big" and isinstance(table, JsonFile):
        table.check_whole_numbers(value)
    rows.begin(table.name, table.marks)
    told = Tellers(tellers, isinstance(table, TextFile))
    for batch in table.batches(columns, False, rows.marks.words):
        rows.add(batch.column(value), told.of(batch), None if time is None else batch.column(time))
    told.check(table.name)


def _bad_value(table: TableFile, column: str) -> InputError:
    """Look for the value that is no number; what marks a missing one is no fault."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    marks, before = pa.array(csv.ConvertOptions().null_values), 0
    for batch in table.batches({column: pa.string()}, False):
        values = batch.column(0)
        if pa.types.is_string(values.type):
            values = pc.utf8_trim_whitespace(pc.if_else(pc.is_in(values, marks), None, values))
        try:
            values.cast(pa.float64())
        except pa.ArrowInvalid:
            row = first_not_number(values)
            return not_a_number(f"row {before + row + 1:,} of {table.name!r}", values[row].as_py())
        before += len(values)
    return InputError(f"column {column!r} of {table.name!r} holds something that is no number")
