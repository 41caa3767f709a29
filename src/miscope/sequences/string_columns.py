"""Columns of strings in tables: whole texts, whose symbols a unit or a tokenizer makes, and lists of strings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from miscope.errors import InputError, choice
from miscope.sequences.arrays import Symbol
from miscope.sequences.codes import Array, code_dtype, offsets_of, recode
from miscope.sequences.columns import is_text
from miscope.sequences.container import Sequences
from miscope.sequences.encoding import END, UNITS, encode_documents, encoder_of
from miscope.sequences.table_files import TableFile, TextFile
from miscope.sequences.tokenizer import Tokenizer
from miscope.sequences.tokens import encode_texts, sequences_of

__all__ = ["check_text_column", "is_string_lists", "read_string_lists", "read_texts"]

CHARACTERS = 1 << 20
"""Characters that are encoded together."""


def is_string_lists(kind: Any) -> bool:
    """Whether an Arrow type is one of lists of strings."""
    import pyarrow as pa

    types = pa.types
    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(lists and is_text(_without_dictionary(kind.value_type)))


def check_text_column(tables: list[TableFile], column: str) -> None:
    """Refuse a column that holds no texts, for which there is neither unit nor tokenizer."""
    for table in tables:
        kind = _without_dictionary(table.types[column])
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
        raise InputError("fold_case is for characters, words and tokens at white space: leave it out")
    said = {"rows": 0, "missing_documents_dropped": 0}
    texts = _texts(tables, column, refuse_missing, said)
    texts = (text.casefold() for text in texts) if fold_case else texts
    if tokenizer is not None:
        made = sequences_of(encode_texts(texts, tokenizer, provenance["label"]), tokenizer, provenance)
        codes, offsets, alphabet, provenance = made.codes, made.offsets, made.alphabet or (), dict(made.provenance)
    else:
        encoded = encode_documents(_marked(texts, unit), encoder_of(unit))
        if len(encoded.codes) == 0:
            raise InputError(f"there is not one {unit} in {provenance['label']}: its rows are empty")
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
    index: dict[str, int] = {}
    parts: list[Array] = []
    lengths: list[Array] = []
    said = {"rows": 0, "missing_documents_dropped": 0}
    for rows in _present(tables, column, refuse_missing, said):
        values = rows.flatten()
        values = values if _is_dictionary(values) else values.dictionary_encode()
        table = [index.setdefault(symbol, len(index)) for symbol in values.dictionary.to_pylist()]
        codes = values.indices.to_numpy(zero_copy_only=False)
        parts.append(recode(codes, np.array(table, np.uint32)) if table else np.zeros(0, np.uint32))
        lengths.append(rows.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64))
    codes = np.concatenate([np.zeros(0, np.uint32), *parts])
    if len(codes) == 0:
        raise InputError(f"there is not one symbol in {provenance['label']}: its lists are empty")
    symbols: tuple[Symbol, ...] = tuple(sorted(index)) if alphabet is None else alphabet
    place = {symbol: code for code, symbol in enumerate(symbols)}
    unknown = [symbol for symbol in index if symbol not in place]
    if unknown:
        raise InputError(
            f"symbols that the alphabet does not have: {', '.join(map(repr, unknown[:5]))}; add them to it"
        )
    of_documents = np.concatenate(lengths)
    provenance |= {**said, "empty_documents_dropped": int(np.count_nonzero(of_documents == 0))}
    provenance |= {"sources": [table.record for table in tables]}
    numbers = np.array([place[symbol] for symbol in index], code_dtype(len(symbols)))
    offsets = offsets_of(of_documents[of_documents > 0])
    return Sequences(recode(codes, numbers), offsets, len(symbols), symbols, provenance)


def _texts(tables: list[TableFile], column: str, refuse_missing: bool, said: dict[str, int]) -> Iterator[str]:
    for rows in _present(tables, column, refuse_missing, said):
        yield from rows.to_pylist()


def _present(tables: list[TableFile], column: str, refuse_missing: bool, said: dict[str, int]) -> Iterator[Any]:
    """Yield the rows that are there, batch by batch, and count those that are missing."""
    import pyarrow as pa

    for table in tables:
        done = 0
        for batch in table.batches({column: pa.large_string()}, True):
            rows = batch.column(0)
            rows = rows.dictionary_decode() if _is_dictionary(rows) else rows
            if rows.null_count and refuse_missing:
                row = done + 1 + int(np.argmax(rows.is_null().to_numpy(zero_copy_only=False)))
                raise InputError(
                    f"row {row:,} of {table.name!r} has no value: fill it in, or leave it out with missing='break'"
                )
            if not is_text(rows.type) and rows.flatten().null_count:
                raise InputError(
                    f"column {column!r} of {table.name!r} has a list in which a string is missing; leave such strings "
                    "out first"
                )
            done += len(rows)
            said["missing_documents_dropped"] += rows.null_count
            yield rows.drop_null()
        said["rows"] += done


def _marked(texts: Iterator[str], unit: str) -> Iterator[str]:
    """Join documents for the encoder, `END` behind each of them, about a million characters at a time."""
    end = END if unit in ("byte", "character") else f" {END} "
    joined, size = list[str](), 0
    for text in texts:
        joined.append(_ready(text, unit))
        size += len(text)
        if size > CHARACTERS:
            yield end.join([*joined, ""])
            joined, size = [], 0
    if joined:
        yield end.join([*joined, ""])


def _ready(text: str, unit: str) -> str:
    """A text as its encoder takes it: bytes as Latin-1, line ends as they are in text files."""
    if unit == "byte":
        return text.encode("utf-8").decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _without_dictionary(kind: Any) -> Any:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_dictionary(column: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_dictionary(column.type))
