"""JSON lines as a table: one object a line, its names the columns, read a block at a time."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from miscope.errors import FormatError, InputError
from miscope.sequences.sources import has_suffix, name_of
from miscope.sequences.streams import Meter, for_arrow
from miscope.sequences.table_files import Input, NotOfTypeError, TableFile, in_memory

__all__ = ["SUFFIXES", "JsonFile", "is_json_lines"]

SUFFIXES = {".jsonl", ".ndjson"}
BLOCK = 1 << 24
"""Bytes that are parsed together: no line may be longer."""
LARGEST = 10**76
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
        with self._explained():
            self.types = {name: _as_written(kind) for name, kind in _types_of(head).items()}

    def batches(self, columns: Mapping[str, Any], text: bool, marks: Collection[str] = ()) -> Iterator[Any]:
        """See `TableFile`."""
        import pyarrow as pa

        types = pa.schema({name: self._type_for(name, asked) for name, asked in columns.items()})
        records: list[dict[str, Any]] = []
        with self._explained(types), self._input.open(self._meter, records) as stream, for_arrow(stream) as source:
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
            for number, line in enumerate(stream, 1):
                value = _row(line).get(name)
                if isinstance(value, float):
                    raise NotOfTypeError
                if isinstance(value, int) and abs(value) >= LARGEST:
                    raise InputError(
                        f"line {number:,} of {self.name!r} has a whole number of more than 76 digits in {name!r}: "
                        "write such numbers as strings"
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
            return FormatError(f"{self.name!r} has a line of more than {BLOCK >> 20} MB: make it several")
        return self._fault(wanted) or FormatError(
            f"{self.name!r} cannot be read as JSON lines ({said}): each line is an object, such as "
            '{"text": "so it is"}'
        )

    def _fault(self, wanted: Any) -> FormatError | None:
        """Look for the line at fault, one after the other: pyarrow counts them anew in each block."""
        kinds: dict[str, str] = {}
        with self._input.open() as stream:
            for number, line in enumerate(stream, 1):
                where = f"{self.name!r} cannot be read as JSON lines: line {number:,}"
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except UnicodeDecodeError as error:
                    return FormatError(f"{where} is not UTF-8, as JSON lines are: {error}")
                except ValueError as error:
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
        row = json.loads(line)
    except ValueError:
        return {}  # reading says what is wrong with it, if it is not only cut
    return row if isinstance(row, dict) else {}


def _kind(value: Any) -> str | None:
    """What a value is called where several kinds are mixed; None for what is missing."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return "a number"
    return "a string" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"


def _as_written(kind: Any) -> Any:
    """Types as they are to be read: what looks like a date stays a string, and so does what is not there yet."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        return pa.list_(_as_written(kind.value_type))
    return pa.string() if pa.types.is_timestamp(kind) or pa.types.is_null(kind) else kind
