"""Columns of strings and of lists in tables: whole texts, whose symbols a unit or a tokenizer makes, and lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from miscope.errors import InputError, NothingError, choice
from miscope.sequences.arrays import Symbol, narrow
from miscope.sequences.arrow_texts import encode_strings
from miscope.sequences.arrow_types import is_text, without_dictionary
from miscope.sequences.codes import Array, offsets_of
from miscope.sequences.columns import codes_of_lists, codes_of_string_lists
from miscope.sequences.container import Sequences
from miscope.sequences.encoding import UNITS
from miscope.sequences.table_files import TableFile, TextFile
from miscope.sequences.tokenizer import Tokenizer
from miscope.sequences.tokens import encode_texts, sequences_of

__all__ = ["check_text_column", "read_lists", "read_string_lists", "read_texts"]


def check_text_column(tables: list[TableFile], column: str) -> None:
    """Refuse a column that holds no texts, for which there is neither unit nor tokenizer."""
    for table in tables:
        kind = without_dictionary(table.types[column])
        if not is_text(kind) and not isinstance(table, TextFile):
            raise InputError(
                f"column {column!r} of {table.name!r} holds {kind}, and units and tokenizers are for columns of text: "
                "leave unit and tokenizer out, or name another column"
            )


def read_texts(
    tables: list[TableFile],
    column: str,
    unit: str,
    tokenizer: Tokenizer | None,
    fold_case: bool,
    refuse_missing: bool,
    provenance: dict[str, Any],
) -> Sequences:
    """Read a column of whole texts, each of them a document.

    Raises
    ------
    InputError
        A text is missing where that is refused, or there is not one symbol.
    """
    choice(unit, UNITS, "unit")
    if fold_case and (unit == "byte" or tokenizer is not None):
        raise InputError("only characters, words and tokens at white space have a case to fold: read it as it is")
    said = {"rows": 0, "missing_documents_dropped": 0}
    rows = _present(tables, column, refuse_missing, said)
    if tokenizer is not None:
        texts = (text for part in rows for text in part.to_pylist())
        made = sequences_of(encode_texts(texts, tokenizer, provenance["label"]), tokenizer, provenance)
        codes, offsets, alphabet, provenance = made.codes, made.offsets, made.alphabet or (), dict(made.provenance)
    else:
        encoded, _ = encode_strings(rows, unit, fold_case)
        if len(encoded.codes) == 0:
            raise NothingError(
                f"there is not one {unit} in {provenance['label']}: its rows are empty",
                {"empty_documents_dropped": encoded.n_empty},
            )
        codes, offsets, alphabet = encoded.codes, offsets_of(encoded.lengths), encoded.alphabet
        provenance |= {"unit": unit, "fold_case": fold_case, "empty_documents_dropped": encoded.n_empty}
    provenance |= {**said, "sources": [table.record for table in tables]}
    return Sequences(codes, offsets, len(alphabet), alphabet, provenance)


def read_string_lists(
    tables: list[TableFile],
    column: str,
    refuse_missing: bool,
    alphabet: tuple[Symbol, ...] | None,
    provenance: dict[str, Any],
) -> Sequences:
    """Read a column of lists of strings, such as words or tokens: every row is a document, every string a symbol.

    Raises
    ------
    InputError
        A row is missing where that is refused, a string in a list is missing or not in the alphabet, or nothing is
        left.
    """
    said = {"rows": 0, "missing_documents_dropped": 0}
    rows = _present(tables, column, refuse_missing, said)
    codes, lengths, symbols = codes_of_string_lists(rows, alphabet)
    provenance |= {**said, "empty_documents_dropped": int(np.count_nonzero(lengths == 0))}
    provenance |= {"sources": [table.record for table in tables]}
    return Sequences(codes, offsets_of(lengths[lengths > 0]), len(symbols), symbols, provenance)


def read_lists(
    tables: list[TableFile], column: str, refuse_missing: bool, alphabet_size: int | None, named: bool
) -> tuple[Array, Array, tuple[int, ...] | None, dict[str, Any]]:
    """Codes, offsets, symbols, and what provenance is told of a column of lists: rows, and those missing or empty.

    Numbers that are too large for codes are symbols if they are to be `named`.

    Raises
    ------
    InputError
        A code is missing, negative or outside the alphabet; a row is missing where that is refused; nothing is left.
    """
    said = {"rows": 0, "missing_documents_dropped": 0}
    codes, offsets, names = codes_of_lists(_present(tables, column, refuse_missing, said), False, named)
    lengths = np.diff(offsets)
    about = {"rows": said["rows"], "rows_missing": said["missing_documents_dropped"]}
    about["rows_empty"] = int(np.count_nonzero(lengths == 0))
    return narrow(codes, alphabet_size), offsets_of(lengths[lengths > 0]), names, about


def _present(tables: list[TableFile], column: str, refuse_missing: bool, said: dict[str, int]) -> Iterator[Any]:
    """Yield the rows that are there, batch by batch, and count those that are missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for table in tables:
        done = 0
        for batch in table.batches({column: pa.large_string()}, True):
            rows = batch.column(0)
            rows = rows.dictionary_decode() if pa.types.is_dictionary(rows.type) else rows
            if rows.null_count and refuse_missing:
                raise InputError(
                    f"row {done + _first_null(rows) + 1:,} of {table.name!r} has no value: fill it in, or leave it out "
                    "with missing='break'"
                )
            if not is_text(rows.type) and rows.flatten().null_count:
                row = pc.list_parent_indices(rows)[_first_null(rows.flatten())].as_py()
                raise InputError(
                    f"row {done + row + 1:,} of {table.name!r} has a list in which a symbol is missing; leave such "
                    "symbols out first"
                )
            done += len(rows)
            said["missing_documents_dropped"] += rows.null_count
            yield rows.drop_null()
        said["rows"] += done


def _first_null(values: Any) -> int:
    return int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
