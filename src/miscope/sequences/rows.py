"""Rows of tables become values and the borders of documents, batch by batch, every row checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from miscope.errors import InputError
from miscope.sequences.arrays import Symbol
from miscope.sequences.codes import Array, code_dtype, histogram, recode
from miscope.sequences.missing import Marks
from miscope.sequences.table_files import NotOfTypeError
from miscope.sequences.tellers import BETWEEN
from miscope.sequences.times import TimeReader

__all__ = ["MAX_NAMES", "NotWholeError", "Rows", "Rules", "first_not_number", "not_a_number"]

MAX_NAMES = 4096
"""Documents are named in provenance where there are no more than this."""

_NOTHING = object()
WRITTEN = {"digits": r"^\s*[+-]?[0-9]+\s*$", "numerals": r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"}
"""What numbers look like that are read as text, whole ones and others."""
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_WITH_POINT = re.compile(r"(0|-?[1-9][0-9]*)\.0")
_COMMAS = re.compile(r"\s*[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+\s*|\s*[+-]?\d{1,3}(,\d{3})+(\.\d+)?\s*")


class NotWholeError(InputError):
    """A number has a fraction, and so is no symbol."""


class Rules(NamedTuple):
    """What is asked of the rows."""

    refuse_missing: bool
    positive: bool
    marks: Marks = Marks()


class Rows:
    """Takes batches of rows; in the end it holds values or codes, and where documents begin.

    Parameters
    ----------
    kind
        What values are taken as. Symbols: ``"int"``, ``"big"`` (whole numbers of any size), ``"string"``, ``"whole"``
        (numbers that must be whole), and of text that is numbers only ``"digits"`` (whole ones) and ``"numerals"``.
        Numbers: ``"float"``.
    rules
        What is asked of them.
    several_files
        Whether documents are to be named with their files.
    """

    def __init__(self, kind: str, rules: Rules, several_files: bool) -> None:
        self.kind, self._rules, self._several = kind, rules, several_files
        self.n_rows = self.n_missing = self.n_values = 0
        self.names: list[str] = []
        self.time_reader = TimeReader()
        self._starts: list[Array] = []
        self._parts: list[Array] = []
        self._numbers = bytearray()  # grows where it is: joining arrays would take their room twice
        self._index: dict[Symbol, int] = {}
        self._dictionary: Any = None
        self._table: Array = np.zeros(0, np.uint8)
        self._segment, self._last_segment = 0, -1

    def begin(self, file: str, marks: tuple[str, ...] = ()) -> None:
        """Say that the rows of another file follow, and which words are missing numbers in it."""
        self._file, self._row, self._missing_words = file, 0, marks
        self._document: Any = _NOTHING
        self._seen: set[Any] = set()
        self.time_reader.begin()

    def add(self, values: Any, documents: Any = None, times: Any = None) -> None:
        """Take a batch: pyarrow arrays of the same length."""
        n = len(values)
        if n == 0:
            return
        starts = np.zeros(n, bool)
        starts[0] = self._row == 0
        labels = None if documents is None else self._document_starts(documents, starts)
        column, missing = self._without_missing(values)
        segments = self._segment + np.cumsum(starts)
        if missing is not None:
            segments += np.cumsum(missing)
        self._segment = int(segments[-1])
        kept = np.arange(n) if missing is None else np.flatnonzero(~missing)
        self._place(segments[kept], kept, labels)
        if times is not None:
            self.time_reader.add(times, starts, kept, self.where)
        part = self._taken(column, kept)
        if self.kind == "float":
            self._numbers += part.tobytes()
        else:
            self._parts.append(part)
        self._row += n
        self.n_rows += n
        self.n_missing += n - len(kept)
        self.n_values += len(kept)

    @property
    def marks(self) -> Marks:
        """What stands for missing values besides."""
        return self._rules.marks

    @property
    def offsets(self) -> Array:
        """Where documents begin and end."""
        return np.concatenate([np.zeros(0, np.int64), *self._starts, [self.n_values]]).astype(np.int64, copy=False)

    def mean_length(self) -> float:
        """How many characters the symbols have, on average over those that differ."""
        return sum(len(str(symbol)) for symbol in self._index) / max(len(self._index), 1)

    def not_numbers(self) -> list[Symbol] | None:
        """The symbols that are no numbers, if more than half are numbers with fractions; otherwise None."""
        fractions = sum(_is_number(symbol) and not str(symbol).lstrip("+-").isdigit() for symbol in self._index)
        if 2 * fractions <= len(self._index):
            return None
        return [symbol for symbol in self._index if not _is_number(symbol)]

    def with_commas(self) -> list[Symbol]:
        """The symbols that are numbers with commas in them, if more than half are; otherwise none."""
        found = [symbol for symbol in self._index if _COMMAS.fullmatch(str(symbol))]
        return found if 2 * len(found) > len(self._index) else []

    @property
    def values(self) -> Array:
        """The numbers that were kept."""
        return np.frombuffer(self._numbers, np.float64)

    def codes(self, alphabet: tuple[Symbol, ...] | None) -> tuple[Array, tuple[Symbol, ...]]:
        """The symbols that were kept, as codes, given away; by default in the order of numbers or of Unicode."""
        symbols = list(self._index)
        seen = np.zeros(len(symbols), bool)  # a dictionary may have symbols that no row has
        for part in self._parts:
            seen |= histogram(part, len(symbols)) > 0
        symbols = [symbol for symbol, is_seen in zip(symbols, seen.tolist(), strict=True) if is_seen]
        named = _written_back(symbols) if self.kind in WRITTEN else {symbol: symbol for symbol in symbols}
        symbols = list(named.values())
        alphabet = tuple(sorted(symbols)) if alphabet is None else alphabet
        place = {symbol: code for code, symbol in enumerate(alphabet)}
        unknown = [symbol for symbol in symbols if symbol not in place]
        if unknown:
            raise InputError(
                f"symbols that the alphabet does not have: {', '.join(map(repr, unknown[:5]))}; add them to it"
            )
        table = np.array([place.get(named.get(symbol, symbol), 0) for symbol in self._index], code_dtype(len(alphabet)))
        out, done = np.empty(self.n_values, table.dtype), 0
        for part in _emptied(self._parts):
            recode(part, table, out=out[done : done + len(part)])
            done += len(part)
        return out, alphabet

    def where(self, row: int) -> str:
        """Say in words which row of the present batch is meant."""
        return f"row {self._row + row + 1:,} of {self._file!r}"

    def _place(self, segments: Array, kept: Array, labels: Any) -> None:
        """Note where documents begin among the values that are kept."""
        new = np.flatnonzero(np.diff(segments, prepend=self._last_segment))
        if len(segments):
            self._last_segment = int(segments[-1])
        self._starts.append(self.n_values + new)
        for row in kept[new[: MAX_NAMES + 1 - len(self.names)]].tolist():
            name = self._file if labels is None else _shown(labels[row].as_py())
            name = f"{name} in {self._file}" if labels is not None and self._several else name
            self.names.append(f"{name}, from row {self._row + row + 1}")

    def _document_starts(self, documents: Any, starts: Array) -> Any:
        """Mark the rows where the document changes; return the documents of all rows."""
        import pyarrow as pa
        import pyarrow.compute as pc

        documents = documents.dictionary_decode() if pa.types.is_dictionary(documents.type) else documents
        if documents.null_count:
            row = int(np.argmax(documents.is_null().to_numpy(zero_copy_only=False)))
            raise InputError(f"{self.where(row)} does not say which document it is of; fill it in, or leave it out")
        changes = np.ones(len(documents), bool)
        changes[1:] = pc.not_equal(documents[1:], documents[:-1]).to_numpy(zero_copy_only=False)
        changes[0] = documents[0].as_py() != self._document
        starts |= changes
        rows = np.flatnonzero(changes)
        for row, document in zip(rows.tolist(), documents.take(pa.array(rows)).to_pylist(), strict=True):
            if document in self._seen:
                raise InputError(
                    f"document {_shown(document)!r} comes back at {self.where(row)}, after rows of others: its rows "
                    "must stand together; sort the file by document first (and by time inside)"
                )
            self._seen.add(document)
            self._document = document
        return documents

    def _without_missing(self, column: Any) -> tuple[Any, Array | None]:
        """Return a batch as what values are taken as, and which are missing."""
        if self.kind in ("float", "whole"):
            column = self._as_numbers(column).to_numpy(zero_copy_only=False)
            missing = np.isnan(column)
            if self._rules.marks.numbers:
                missing |= np.isin(column, self._rules.marks.numbers)
                column = np.where(missing, np.nan, column)
        else:
            column = self._as_symbols(column)
            missing = self._missing_symbols(column)
            if self.kind in WRITTEN:
                self._check_written(column.drop_null())
        if not missing.any():
            return column, None
        if self._rules.refuse_missing:
            raise InputError(
                f"{self.where(int(missing.argmax()))} has no value: fill it in, or let documents break at missing "
                'values, with missing="break"'
            )
        return column, missing

    def _as_symbols(self, column: Any) -> Any:
        """A batch as a dictionary of symbols, in which what is missing is null."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not _is_dictionary_of_text(column):
            column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
            column = column if self.kind in ("int", "big") else column.cast(pa.string())
            column = column.dictionary_encode()
        words = {word for word in self._missing_words if not word or self.kind in WRITTEN}  # NA may be a name
        symbols = column.dictionary.to_pylist()
        marked = words.union(self._rules.marks.of_symbols(symbols))
        missing = [symbol is None or symbol in marked for symbol in symbols]
        if not any(missing):
            return column
        indices = pc.if_else(
            pa.array(missing).take(column.indices), pa.scalar(None, column.indices.type), column.indices
        )
        return pa.DictionaryArray.from_arrays(indices, column.dictionary)

    def _missing_symbols(self, column: Any) -> Array:
        nothing = np.zeros(len(column), bool)
        return column.indices.is_null().to_numpy(zero_copy_only=False) if column.null_count else nothing

    def _check_written(self, column: Any) -> None:
        """Refuse text that is no number of the kind that is read."""
        import pyarrow.compute as pc

        symbols = column.dictionary.take(pc.unique(column.indices))
        if not pc.all(pc.match_substring_regex(symbols, WRITTEN[self.kind])).as_py():
            raise NotOfTypeError

    def _as_numbers(self, column: Any) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        if self._rules.marks.words and pa.types.is_string(column.type):
            column = pc.if_else(
                pc.is_in(column, pa.array(self._rules.marks.words)), pa.scalar(None, column.type), column
            )
        try:
            return column.cast(pa.float64(), safe=pa.types.is_string(column.type))
        except pa.ArrowInvalid:
            row = first_not_number(column)
            raise not_a_number(self.where(row), column[row].as_py()) from None

    def _taken(self, column: Any, kept: Array) -> Array:
        """Return the values that are kept, checked: numbers, or provisional codes of symbols."""
        if self.kind == "float":
            self._check(column, kept)
            return column[kept] if len(kept) < len(column) else column  # type: ignore[no-any-return]
        if self.kind == "whole":
            column = self._as_whole(column, kept)
        elif len(kept) < len(column):
            column = column.drop_null()
        return self._encode(column)

    def _check(self, numbers: Array, kept: Array) -> None:
        infinite = np.isinf(numbers)
        if infinite.any():
            row = int(infinite.argmax())
            raise InputError(f"{self.where(row)} is {numbers[row]}: leave out what is infinite, or mark it as missing")
        if self._rules.positive and len(kept) and numbers[kept].min() <= 0:
            row = int(np.argmax(numbers <= 0))
            raise InputError(
                f"{self.where(row)} is {numbers[row]:g}: prices are above 0, or have no logarithm; for what may be 0 "
                "or negative take differences, as_='changes' instead of returns; and if it marks what is missing, name "
                f"it, missing_values=[{numbers[row]:g}]"
            )

    def _as_whole(self, numbers: Array, kept: Array) -> Any:
        import pyarrow as pa

        numbers = numbers[kept]
        bad = numbers != np.rint(numbers)
        bad |= np.abs(numbers) > 2.0**53
        if bad.any():
            at = int(bad.argmax())
            raise NotWholeError(
                f"{self.where(int(kept[at]))} is {numbers[at]:g}: numbers with fractions are no symbols; make classes "
                "of them, such as as_='quantiles:4'"
            )
        return pa.array(numbers.astype(np.int64))

    def _encode(self, column: Any) -> Array:
        """Number the symbols in the order in which they are met."""
        import pyarrow as pa

        column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        if self._dictionary is None or not column.dictionary.equals(self._dictionary):
            self._dictionary, symbols = column.dictionary, map(_plain, column.dictionary.to_pylist())
            table = [self._index.setdefault(symbol, len(self._index)) for symbol in symbols]
            self._table = np.array(table, code_dtype(len(self._index)))
        if len(self._table) == 0:
            return self._table
        return recode(column.indices.to_numpy(zero_copy_only=False), self._table)


def _shown(document: Any) -> str:
    return str(document).replace(BETWEEN, ", ")


def _plain(symbol: Any) -> Any:
    """Whole numbers are Python's own, whatever they were stored as."""
    return int(symbol) if isinstance(symbol, Decimal) else symbol


def _written_back(symbols: list[Any]) -> dict[Any, Symbol]:
    """What symbols are called that are text: numbers where all of them, written back, are that text again.

    >>> list(_written_back(["10", "2"]).values()), list(_written_back(["3.0", "1.0"]).values())
    ([10, 2], [3, 1])
    >>> list(_written_back(["1", "01"]).values()), list(_written_back(["1", "1.0"]).values())
    (['1', '01'], ['1', '1.0'])
    """
    bare = [symbol.strip() for symbol in symbols]
    if len(set(bare)) == len(bare):  # white space around numbers does not tell any two apart
        for written in (_INTEGER, _WITH_POINT):
            if all(map(written.fullmatch, bare)):
                return {symbol: int(text.removesuffix(".0")) for symbol, text in zip(symbols, bare, strict=True)}
    return {symbol: symbol for symbol in symbols}


def _emptied(parts: list[Array]) -> Iterator[Array]:
    """Yield parts from the first to the last, each of them freed when the next one is asked for."""
    parts.reverse()
    while parts:
        yield parts.pop()


def _is_dictionary_of_text(column: Any) -> bool:
    import pyarrow as pa

    kind = column.type
    return bool(pa.types.is_dictionary(kind) and kind.value_type == pa.string() and not column.dictionary.null_count)


def first_not_number(column: Any) -> int:
    """Return the first row of a column of text that is no number, 0 if there is none."""
    texts = column.to_pylist()
    for is_one in (_is_number, _is_number_of_arrow):  # of what only one of them takes, Arrow's word counts
        for row, text in enumerate(texts):
            if text is not None and not is_one(text):
                return row
    return 0


def not_a_number(where: str, value: Any) -> InputError:
    """Say that a number is needed."""
    return InputError(
        f"{where} is {value!r}, where a number is needed: correct it, leave it empty if it is missing, or name another "
        "column (decimal commas and thousands separators are not understood)"
    )


def _is_number(text: Any) -> bool:
    try:
        float(text)
    except (TypeError, ValueError):
        return False
    return "_" not in str(text)


def _is_number_of_arrow(text: Any) -> bool:
    import pyarrow as pa

    try:
        pa.scalar(text).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
