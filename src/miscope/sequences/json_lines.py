"""JSON lines as a table: one object a line, its names the columns, read a block at a time."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from miscope.errors import FormatError, InputError
from miscope.sequences.sources import has_suffix, name_of
from miscope.sequences.streams import Meter, for_arrow
from miscope.sequences.table_files import Input, NotOfTypeError, TableFile, in_memory
from miscope.whole_files import DEEPEST, is_nested

__all__ = ["SUFFIXES", "JsonFile", "is_json_lines"]

SUFFIXES = {".jsonl", ".ndjson"}
BLOCK = 1 << 24
"""Bytes that are parsed together: no line may be longer."""
LARGEST, _MOST_DIGITS = 10**76, 4000
"""Whole numbers below it are read as they are."""


def is_json_lines(file: str) -> bool:
    """Whether a file is named so.

    >>> is_json_lines("a.jsonl.gz"), is_json_lines("curve.json")
    (True, False)
    """
    return has_suffix(file, SUFFIXES)


class JsonFile(TableFile):
    """JSON lines: types are those of the first block; dates are strings, as they are written."""

    def __init__(self, file: str, meter: Meter) -> None:
        self.name, self._meter = name_of(file), meter
        self._input = Input(file)
        with self._input.open() as stream:
            head = stream.read(BLOCK + 1)  # the first block, and that it is not the last
        if not head.strip():
            raise InputError(f"{self.name!r} is empty")
        _checked(head[:BLOCK], self.name)
        with self._explained():
            self.types = {name: _as_written(kind) for name, kind in _types_of(head).items()}

    def batches(self, columns: Mapping[str, Any], text: bool, marks: Collection[str] = ()) -> Iterator[Any]:
        """See `TableFile`."""
        import pyarrow as pa

        types = pa.schema({name: self._type_for(name, asked) for name, asked in columns.items()})
        records: list[dict[str, Any]] = []
        with (
            self._explained(types),
            self._input.open(self._meter, records) as stream,
            for_arrow(_CheckedLines(stream, self.name)) as source,
        ):
            for batch in _parsed(source, types):
                chosen = batch.select(list(columns))
                chosen.validate(full=True)  # strings are not looked at before, and may be no UTF-8
                yield chosen
        self.record = records[0]

    def _type_for(self, name: str, asked: Any) -> Any:
        import pyarrow as pa

        own = self.types[name]
        of_numbers = pa.types.is_integer(own) or pa.types.is_floating(own)
        return asked if of_numbers and asked is not None and not pa.types.is_string(asked) else own

    def check_whole_numbers(self, name: str) -> None:
        """Make sure that the numbers of a column are whole as they are written: beyond 2^63 pyarrow cannot tell."""
        with self._input.open() as stream:
            for number, line in enumerate(_lines(stream, self.name), 1):
                value = _row(line).get(name)
                if isinstance(value, float):
                    raise NotOfTypeError
                self._check_size(number, name, value)

    def widen_lists(self, name: str) -> None:
        """Read lists in this column as whole numbers of any size.

        Raises
        ------
        InputError
            Something in them is no whole number, or of more than 76 digits.
        """
        import pyarrow as pa

        with self._input.open() as stream:
            for number, line in enumerate(stream, 1):
                for value in _row(line).get(name) or ():
                    if isinstance(value, bool) or not isinstance(value, int | None):
                        raise InputError(
                            f"line {number:,} of {self.name!r} has {value!r} in a list of {name!r}: lists hold codes, "
                            "which are whole numbers, or strings; for numbers write a row each"
                        )
                    self._check_size(number, name, value)
        self.types[name] = pa.list_(pa.decimal256(76, 0))

    def _check_size(self, line: int, name: str, value: Any) -> None:
        if isinstance(value, int) and abs(value) >= LARGEST:
            raise InputError(
                f"line {line:,} of {self.name!r} has a whole number of more than 76 digits in {name!r}: write such "
                "numbers as strings"
            )

    @contextmanager
    def _explained(self, wanted: Any = None) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowInvalid, UnicodeError) as error:
            raise self._reason(error, wanted) from error

    def _reason(self, error: Exception, wanted: Any) -> Exception:
        said = str(error)
        if "Failed to convert" in said:
            return NotOfTypeError(said)
        if isinstance(error, UnicodeError):
            return FormatError(f"{self.name!r} is not UTF-8, as JSON lines are: {error}")
        if "straddl" in said:
            return _too_long(self.name)
        return self._fault(wanted) or FormatError(
            f"{self.name!r} cannot be read as JSON lines ({said}): each line is an object, such as "
            '{"text": "so it is"}'
        )

    def _fault(self, wanted: Any) -> FormatError | None:
        """Look for the line at fault, one after the other: pyarrow counts them anew in each block."""
        kinds: dict[str, str] = {}
        with self._input.open() as stream:
            for number, line in enumerate(_lines(stream, self.name), 1):
                where = f"{self.name!r} cannot be read as JSON lines: line {number:,}"
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except UnicodeDecodeError as error:
                    return FormatError(f"{where} is not UTF-8, as JSON lines are: {error}")
                except (ValueError, RecursionError) as error:
                    reason = str(error).partition(": line 1")[0]
                    return FormatError(
                        f'{where} is not JSON ({reason}): each line is an object, such as {{"text": "so it is"}}'
                    )
                if not isinstance(row, dict):
                    return FormatError(f'{where} is no object: each line is one, such as {{"text": "so it is"}}')
                for name in row if wanted is None else wanted.names:
                    kind = _kind(row.get(name))
                    if kind is not None and kinds.setdefault(name, kind) != kind:
                        return FormatError(
                            f"{self.name!r} does not keep to one kind of value in a column: line {number:,} has {kind} "
                            f"in {name!r}, where lines before it have {kinds[name]}; write all of them as numbers, or "
                            "all as strings"
                        )
        return None


class _CheckedLines:
    """Lines on their way to a parser that ends the process where they are nested without end."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream, self._name, self._begun = stream, name, b""

    def read(self, size: int = -1, /) -> bytes:
        """Read from the stream, after a look at the lines in it; what may go on is looked at again with the rest."""
        data = self._stream.read(size)
        lines = self._begun + data
        _checked(lines, self._name)
        self._begun = lines[lines.rfind(b"\n") + 1 :]
        return data


def _checked(lines: bytes, name: str) -> None:
    """Refuse lines that are longer, or nested deeper, than lines are parsed."""
    marks = np.frombuffer(b"\n" + lines.translate(_OPENING, _OTHERS) + b"\n", np.uint8)
    most = int(np.diff(np.flatnonzero(marks == _LINE_END)).max()) - 1  # brackets that open in a line
    for line in lines.split(b"\n") if most > DEEPEST or len(lines) > BLOCK else ():
        if len(line) > BLOCK:
            raise _too_long(name)
        if is_nested(line):
            raise FormatError(
                f"{name!r} has a line in which lists or objects are nested more than {DEEPEST} deep: no value to be "
                "read stands there"
            )


_LINE_END = ord("\n")
_OPENING = bytes.maketrans(b"{", b"[")
_OTHERS = bytes(set(range(256)) - set(b"[{\n"))


def _too_long(name: str) -> FormatError:
    return FormatError(f"{name!r} has a line of more than {BLOCK >> 20} MB: make it several")


def _lines(stream: IO[bytes], name: str) -> Iterator[bytes]:
    """The lines of a stream, none of which may be longer than what is parsed together."""
    while line := stream.readline(BLOCK + 1):
        if len(line) > BLOCK:
            raise _too_long(name)
        yield line


def _parsed(source: Any, schema: Any) -> Any:
    from pyarrow import json as arrow_json

    behaviour = "infer" if schema is None else "ignore"
    options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior=behaviour)
    return arrow_json.open_json(source, arrow_json.ReadOptions(block_size=BLOCK, use_threads=False), options)


def _types_of(head: bytes) -> dict[str, Any]:
    """The types of columns in the first block; those that hold several kinds are strings, of which reading fails."""
    import pyarrow as pa

    try:
        return {field.name: field.type for field in _parsed(in_memory(head), None).schema}
    except pa.ArrowInvalid as error:
        if "changed from" not in str(error) or "Column()" in str(error):
            raise
    rows = [_row(line) for line in head.splitlines()]
    return {name: _type_of(rows, name) for name in dict.fromkeys(name for row in rows for name in row)}


def _type_of(rows: list[dict[str, Any]], name: str) -> Any:
    """The type of one column, as pyarrow infers it from lines that have this column only."""
    import pyarrow as pa

    lines = [json.dumps({name: row[name]}) for row in rows if name in row]
    try:
        return _parsed(in_memory("\n".join(lines).encode()), None).schema.field(name).type
    except pa.ArrowInvalid:
        return pa.string()


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line, parse_int=_integer)
    except (ValueError, RecursionError):
        return {}  # reading says what is wrong with it, if it is not only cut
    return row if isinstance(row, dict) else {}


def _integer(digits: str) -> int:
    """A whole number; of those that are too large any, for Python refuses to look at the longest."""
    return int(digits) if len(digits) < _MOST_DIGITS else LARGEST


def _kind(value: Any) -> str | None:
    """What a value is called where several kinds are mixed; None for what is missing."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, list):
        held = sorted({kind for kind in map(_kind, value) if kind is not None})
        return f"a list with {' and '.join(held)}" if held else None
    return "a string" if isinstance(value, str) else "an object"


def _as_written(kind: Any) -> Any:
    """Types as they are to be read: what looks like a date stays a string, and so does what is not there yet."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        return pa.list_(_as_written(kind.value_type))
    return pa.string() if pa.types.is_timestamp(kind) or pa.types.is_null(kind) else kind
