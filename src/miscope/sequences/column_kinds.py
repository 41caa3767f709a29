"""What the columns of a table hold, and what is made of them where nothing else is asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from miscope.errors import InputError, choice
from miscope.sequences.arrays import Symbol
from miscope.sequences.arrow_types import is_text
from miscope.sequences.foreign import refuse_saved_table
from miscope.sequences.json_lines import JsonFile
from miscope.sequences.numbers import Conversion
from miscope.sequences.rows import Rows
from miscope.sequences.table_files import TableFile, TextFile

__all__ = ["checked_alphabet", "checked_columns", "conversion_of", "kinds_of"]

LONG = 200
ORDER = ["int", "float", "string"]


def checked_columns(tables: list[TableFile], column: str | None, others: list[str]) -> str:
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


def kinds_of(
    tables: list[TableFile],
    column: str,
    conversion: Conversion | None,
    alphabet: Collection[Symbol] | None,
    has_marks: bool,
) -> list[str]:
    """As what the values can be taken, in the order in which to try it."""
    found = {_kind(table, column) for table in tables}
    if conversion is not None and conversion.needs_numbers:
        return ["float"]
    if alphabet is not None and all(isinstance(symbol, str) for symbol in alphabet):
        return ["string"]
    most = ORDER[max(map(ORDER.index, found))]
    if has_marks and all(isinstance(table, TextFile) for table in tables):
        most = "int"  # what the beginning suggests was told without these
    if most != "string" and any(isinstance(table, TextFile) for table in tables):
        return ["digits", "float", "string"] if conversion is None else ["digits", "numerals", "string"]
    fractions = "float" if conversion is None else "whole"
    if most != "string" and any(isinstance(table, JsonFile) for table in tables):
        return ["int", "big", fractions]  # numbers with fractions may come later
    return [fractions if most == "float" else most]


def _kind(table: TableFile, column: str) -> str:
    import pyarrow as pa

    kind = table.types[column]
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_integer(kind) or pa.types.is_null(kind) or (pa.types.is_decimal(kind) and kind.scale == 0):
        return "int"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "float"
    if isinstance(table, TextFile) or pa.types.is_boolean(kind) or is_text(kind):
        return "string"
    raise InputError(
        f"column {column!r} of {table.name!r} holds {kind}, neither symbols nor numbers: it must hold strings, whole "
        "numbers, numbers with fractions, or lists of codes or strings"
    )


def checked_alphabet(alphabet: Sequence[Symbol] | None, conversion: Conversion | None) -> tuple[Symbol, ...] | None:
    """An alphabet as symbols of Python's own, each of them once."""
    if alphabet is None:
        return None
    if conversion is not None and conversion.needs_numbers:
        raise InputError(f"as_={conversion.text!r} makes symbols of its own: leave the alphabet out")
    symbols = tuple(symbol.item() if isinstance(symbol, np.generic) else symbol for symbol in alphabet)
    if len(set(symbols)) < len(symbols):
        raise InputError("the alphabet has a symbol twice; every code needs a symbol of its own")
    return symbols


def conversion_of(rows: Rows, column: str) -> Conversion:
    """What is made of a column by default, from what it was read as."""
    if rows.kind == "float":
        return Conversion.parse("numbers")
    words = rows.not_numbers() if rows.kind == "string" else None
    if words is not None:  # one word among prices makes text of all of them
        raise InputError(
            f"column {column!r} is nearly all numbers, but for {', '.join(map(repr, words[:3]))}: for numbers correct "
            "these values, or leave them empty, and read it with as_='numbers' (which says where they are); for "
            "symbols pass as_='symbols'"
        )
    commas = rows.with_commas() if rows.kind == "string" else []
    if commas:
        raise InputError(
            f"column {column!r} holds numbers with commas, such as {', '.join(map(repr, commas[:3]))}: write them with "
            "a decimal point and without separators of thousands; as_='symbols' takes each of them as a symbol"
        )
    length = rows.mean_length()
    if length >= LONG:
        raise InputError(
            f"column {column!r} holds texts of {length:,.0f} characters on average, not symbols: unit='character' or "
            "unit='word', or a tokenizer, reads what they are made of; as_='symbols' takes every text as one symbol"
        )
    return Conversion.parse("symbols")
