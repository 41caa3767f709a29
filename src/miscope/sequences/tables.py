"""Columns of tables become sequences of symbols, or series of numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from miscope.errors import InputError, choice
from miscope.sequences.arrays import Symbol
from miscope.sequences.codes import code_dtype
from miscope.sequences.columns import is_lists
from miscope.sequences.container import Sequences
from miscope.sequences.foreign import refuse_saved_table
from miscope.sequences.frames import Frame, is_frame, to_arrow
from miscope.sequences.json_lines import JsonFile
from miscope.sequences.list_columns import read_lists
from miscope.sequences.numbers import Conversion
from miscope.sequences.prices import Gaps, check_gaps, split_at_gaps
from miscope.sequences.rows import MAX_NAMES, NotWholeError, Rows, Rules, first_not_number, joined, not_a_number
from miscope.sequences.series import Series
from miscope.sequences.sources import Paths, Progress, expand, label_of
from miscope.sequences.streams import Meter
from miscope.sequences.string_columns import check_text_column, is_string_lists, read_string_lists, read_texts
from miscope.sequences.table_files import FrameTable, NotOfTypeError, TableFile, TextFile, open_table
from miscope.sequences.tokenizer import Tokenizer, tokenizer_from

__all__ = ["MISSING", "read_table"]

MISSING = ("break", "refuse")
LONG = 200
ORDER = ["int", "float", "string"]


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
    encoding: str = "utf-8",
    alphabet: Sequence[Symbol] | None = None,
    missing: str = "break",
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
        A column of times, which must go forward inside documents: dates, times (ISO 8601, or 10/31/2019, 31.10.2019,
        20191031 and the like), or numbers.
    as_
        What to make of the column, in the grammar of `Conversion`: ``"symbols"``, ``"numbers"``, ``"sign"``,
        ``"quantiles:4"``, ``"edges:-1,0,1"``, ``"deviations:0.5,1"``, ``"volatility:4"``, ``"returns"``,
        ``"returns:sign"``, ``"changes:quantiles:4"``, … By default strings and whole numbers are symbols, numbers with
        fractions numbers. (With ``"symbols"``, whole numbers that are stored with fractions are symbols too: so pandas
        stores them beside missing values.)
    gaps
        With a `time` column: where a document ends because the next row is too much later, as in `returns`. By default
        returns and changes are not taken across gaps, nor are pairs of them: steps of more than three times the usual
        one end a document, unless the usual step is a day or longer. Anything else has no gaps, unless they are asked
        for. ``"none"`` takes returns and pairs across all gaps.
    separator
        What stands between the columns of a text; by default a tab in ``.tsv`` files, and in others what the first line
        has most of: comma, tab, semicolon or bar.
    encoding
        How text is written as bytes.
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
        below the names of the columns), times do not ascend, rows of documents are apart, or nothing is left.
    """
    conversion = None if as_ is None else Conversion.parse(as_)
    choice(missing, MISSING, "way with missing values")
    symbols = _checked_alphabet(alphabet, conversion)
    _check_options(gaps, time, separator)
    as_texts = {"unit": unit, "tokenizer": tokenizer, "fold_case": fold_case or None}
    as_texts = {name: value for name, value in as_texts.items() if value is not None}
    _check_texts(as_texts, {"as_": as_, "document": document, "time": time, "gaps": gaps, "alphabet": alphabet})
    made_by = None if tokenizer is None else tokenizer_from(tokenizer)
    tellers = [] if document is None else [document] if isinstance(document, str) else list(document)
    others = [*tellers, *([] if time is None else [time])]
    wanted = {*others, *([] if column is None else [column])}
    tables, named, meter = _opened(path, separator, encoding, progress, wanted)
    column = _checked_columns(tables, column, others)
    said: dict[str, Any] = {
        "reader": "read_table",
        "label": label if label is not None else f"{named} {column}" + (f", {as_}" if as_ is not None else ""),
        "column": column,
    }
    if any(all(holds(table.types[column]) for table in tables) for holds in (is_lists, is_string_lists)):
        _refuse_for_lists(column, document, time, conversion, as_texts)
        return _lists(tables, column, missing, symbols, made_by, said)
    if as_texts:
        check_text_column(tables, column)
        return read_texts(tables, column, unit or "character", made_by, fold_case, missing == "refuse", said)
    rules = Rules(
        refuse_missing=missing == "refuse",
        positive=conversion is not None and conversion.change == "log",
        keep_times=gaps is not None or (conversion is not None and conversion.change is not None),
    )
    kinds = _kinds(tables, column, conversion, symbols)
    rows = _read(tables, Names(column, tellers, time), kinds, rules, meter)
    if rows.n_values == 0:
        raise InputError(f"there is not one value in column {column!r} of {named}")
    if conversion is None:
        conversion = _conversion_of(rows, column)
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
    if (span := rows.time_span) is not None:
        said["times"] = span
    return _made(rows, conversion, symbols, gaps, said)


def _opened(
    path: Paths | Frame, separator: str | None, encoding: str, progress: Progress | None, wanted: Collection[str]
) -> tuple[list[TableFile], str, Meter]:
    """The tables, what to call all of them, and the meter of their reading."""
    if is_frame(path):
        if separator is not None:
            raise InputError("a data frame has its columns already: leave the separator out")
        meter = Meter([], progress)
        frame = FrameTable(to_arrow(path), meter)
        return [frame], frame.name, meter
    files = expand(path)  # type: ignore[arg-type]
    meter = Meter(files, progress)
    return [open_table(file, separator, encoding, meter, wanted) for file in files], label_of(files), meter


def _check_options(gaps: Gaps, time: str | None, separator: str | None) -> None:
    check_gaps(gaps)
    if gaps not in (None, "none") and time is None:
        raise InputError("gaps are gaps in time: name the column of times too, with time='…', or leave gaps out")
    if separator is not None and (len(separator) != 1 or separator in '\r\n"'):
        raise InputError(f"the separator {separator!r} is not one character; a tab is '\\t'")


def _made(
    rows: Rows, conversion: Conversion, alphabet: tuple[Symbol, ...] | None, gaps: Gaps, provenance: dict[str, Any]
) -> Sequences | Series:
    """Put together what was read."""
    offsets = rows.offsets
    if rows.has_times:
        offsets, cut = split_at_gaps(rows.times, offsets, gaps, rows.time_reader.second)
        provenance["gaps"] = cut
    if len(offsets) - 1 == len(rows.names) <= MAX_NAMES:
        provenance["documents"] = rows.names
    if not conversion.needs_numbers:
        codes, known = rows.codes(alphabet)
        return Sequences(codes, offsets, len(known), known, provenance)
    made = conversion.apply(Series(rows.values, offsets, provenance))
    if made.n_documents != len(rows.names) and "documents" in made.provenance:
        kept = {name: value for name, value in made.provenance.items() if name != "documents"}
        return dataclasses.replace(made, provenance=kept)
    return made


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
    codes, offsets, said = read_lists(tables, column, refuse_missing, None if alphabet is None else len(alphabet))
    if tokenizer is not None:
        tokenizer.check(int(codes.max()), f"the column {column!r}")
        alphabet = tokenizer.alphabet
    size = int(codes.max()) + 1 if alphabet is None else len(alphabet)
    provenance |= {**said, "sources": [table.record for table in tables]}
    return Sequences(codes.astype(code_dtype(size), copy=False), offsets, size, alphabet, provenance)


def _refuse_for_lists(
    column: str,
    document: str | Sequence[str] | None,
    time: str | None,
    conversion: Conversion | None,
    as_texts: dict[str, Any],
) -> None:
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
        raise InputError("fold_case is for columns of text that a unit reads: name it, unit='character' or 'word'")
    given = [name for name, value in others.items() if value is not None]
    if as_texts and given:
        raise InputError(
            f"{', '.join(given)} cannot be used with {next(iter(as_texts))}: with a unit or a tokenizer every row is a "
            "text, and a document of its own"
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
    types = {"int": pa.int64(), "string": pa.string()}
    others = [*tellers, *([] if time is None else [time])]
    columns = dict.fromkeys(others, pa.string()) | {value: types.get(rows.kind, pa.float64())}
    rows.begin(table.name)
    for batch in table.batches(columns, rows.kind == "string"):
        documents = joined([batch.column(name) for name in tellers]) if tellers else None
        rows.add(batch.column(value), documents, None if time is None else batch.column(time))


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


# What the columns are


def _checked_columns(tables: list[TableFile], column: str | None, others: list[str]) -> str:
    """Return the name of the column of values, after making sure that all columns are in all tables."""
    if column is None:
        for table in tables:
            refuse_saved_table(table.metadata, table.name)
        left = [name for name in tables[0].types if name not in others]
        if len(left) != 1:
            raise InputError(
                f"{tables[0].name!r} has {len(left)} columns that could be read; name one with column='…' (one of: "
                f"{', '.join(tables[0].types)})"
            )
        column = left[0]
    if column in others or len(set(others)) < len(others):
        raise InputError("column, document and time must be different columns")
    for table in tables:
        for name in (column, *others):
            _check_column(name, table)
    return column


def _check_column(name: str, table: TableFile) -> None:
    names = list(table.types)
    if name in names:
        return
    same = next((known for known in names if known.casefold() == str(name).casefold()), None)
    if same is not None:
        raise InputError(f"{table.name!r} has no column {name!r}; did you mean {same!r}? (one of: {', '.join(names)})")
    choice(name, names, f"column of {table.name!r}:")


def _kinds(
    tables: list[TableFile], column: str, conversion: Conversion | None, alphabet: Collection[Symbol] | None
) -> list[str]:
    """As what the values can be taken, in the order in which to try it."""
    found = {_kind(table, column) for table in tables}
    if conversion is not None and conversion.needs_numbers:
        return ["float"]
    if alphabet is not None and all(isinstance(symbol, str) for symbol in alphabet):
        return ["string"]
    most = max(map(ORDER.index, found))
    kinds = ORDER[most:] if any(isinstance(table, TextFile) for table in tables) else [ORDER[most]]
    if kinds == ["int"] and any(isinstance(table, JsonFile) for table in tables):
        kinds = ["int", "float"]  # numbers with fractions may come later
    return kinds if conversion is None else ["whole" if kind == "float" else kind for kind in kinds]


def _kind(table: TableFile, column: str) -> str:
    import pyarrow as pa

    kind = table.types[column]
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_integer(kind) or pa.types.is_null(kind):
        return "int"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "float"
    if isinstance(table, TextFile) or pa.types.is_boolean(kind) or "string" in str(kind):
        return "string"
    raise InputError(
        f"column {column!r} of {table.name!r} holds {kind}, neither symbols nor numbers: it must hold strings, whole "
        "numbers, numbers with fractions, or lists of codes or strings"
    )


def _checked_alphabet(alphabet: Sequence[Symbol] | None, conversion: Conversion | None) -> tuple[Symbol, ...] | None:
    if alphabet is None:
        return None
    if conversion is not None and conversion.needs_numbers:
        raise InputError(f"as_={conversion.text!r} makes symbols of its own: leave the alphabet out")
    symbols = tuple(symbol.item() if isinstance(symbol, np.generic) else symbol for symbol in alphabet)
    if len(set(symbols)) < len(symbols):
        raise InputError("the alphabet has a symbol twice; every code needs a symbol of its own")
    return symbols


def _conversion_of(rows: Rows, column: str) -> Conversion:
    """What is made of a column by default, from what it was read as."""
    if rows.kind == "float":
        return Conversion.parse("numbers")
    words = rows.not_numbers()
    if words is not None:  # one word among prices makes text of all of them
        raise InputError(
            f"column {column!r} is nearly all numbers, but for {', '.join(map(repr, words[:3]))}: for numbers correct "
            "these values, or leave them empty, and read it with as_='numbers' (which says where they are); for "
            "symbols pass as_='symbols'"
        )
    length = rows.mean_length()
    if length >= LONG:
        raise InputError(
            f"column {column!r} holds texts of {length:,.0f} characters on average, not symbols: unit='character' or "
            "unit='word', or a tokenizer, reads what they are made of; as_='symbols' takes every text as one symbol"
        )
    return Conversion.parse("symbols")
