"""JSON lines as a table: one object a line, its names the columns, read a block at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from miscope.errors import FormatError, InputError
from miscope.sequences.streams import Meter, has_suffix, name_of
from miscope.sequences.table_files import Input, NotOfTypeError, TableFile

__all__ = ["SUFFIXES", "JsonFile", "is_json_lines"]

SUFFIXES = {".jsonl", ".ndjson"}
BLOCK = 1 << 24
"""Bytes that are parsed together: no line may be longer."""


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
            if not stream.read(1 << 16).strip():
                raise InputError(f"{self.name!r} is empty")
        with self._parsed(None) as reader:
            self.types = {field.name: _as_written(field.type) for field in reader.schema}

    def batches(self, columns: Mapping[str, Any], text: bool) -> Iterator[Any]:
        """See `TableFile`."""
        import pyarrow as pa

        types = {name: self._type_for(name, asked) for name, asked in columns.items()}
        records: list[dict[str, Any]] = []
        with self._parsed(pa.schema(types), self._meter, records) as reader:
            for batch in reader:
                yield batch.select(list(columns))
        self.record = records[0]

    def _type_for(self, name: str, asked: Any) -> Any:
        import pyarrow as pa

        own = self.types[name]
        return asked if asked == pa.float64() and pa.types.is_integer(own) else own

    @contextmanager
    def _parsed(
        self, schema: Any, meter: Meter | None = None, records: list[dict[str, Any]] | None = None
    ) -> Iterator[Any]:
        import pyarrow as pa
        from pyarrow import json

        options = json.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="infer" if schema is None else "ignore"
        )
        read = json.ReadOptions(block_size=BLOCK, use_threads=False)
        try:
            with self._input.open(meter, records) as stream:
                yield json.open_json(stream, read, options)
        except (pa.ArrowInvalid, UnicodeError) as error:
            raise self._reason(error) from error

    def _reason(self, error: Exception) -> Exception:
        said = str(error)
        if "Failed to convert" in said:
            return NotOfTypeError(said)
        if isinstance(error, UnicodeError):
            return FormatError(f"{self.name!r} is not UTF-8, as JSON lines are: {error}")
        if "changed from" in said and "Column()" not in said:
            return FormatError(
                f"{self.name!r} does not keep to one kind of value in a column ({said}): write all of them as numbers, "
                "or all as strings"
            )
        if "straddl" in said:
            return FormatError(f"{self.name!r} has a line of more than {BLOCK >> 20} MB: make it several")
        return FormatError(
            f"{self.name!r} cannot be read as JSON lines ({said}): each line is an object, such as "
            '{"text": "so it is"}'
        )


def _as_written(kind: Any) -> Any:
    """Types as they are to be read: what looks like a date stays a string, and so does what is not there yet."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        return pa.list_(_as_written(kind.value_type))
    return pa.string() if pa.types.is_timestamp(kind) or pa.types.is_null(kind) else kind
