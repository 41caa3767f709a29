"""Files with columns, CSV, Parquet and Arrow, read batch by batch, and of their columns only those that are needed."""

from __future__ import annotations

import abc
import codecs
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from miscope.errors import FormatError, InputError
from miscope.sequences.arrow import END_OF_STREAM, MAGIC
from miscope.sequences.arrow_types import plain_batch, plain_types, unknown_type
from miscope.sequences.foreign import refuse_foreign
from miscope.sequences.quoting import Quotes, tell_quotes
from miscope.sequences.sources import gives_once, has_suffix, name_of, size_of
from miscope.sequences.streams import Meter, for_arrow, head_of, open_seekable, open_stream
from miscope.sequences.table_comments import body_of, comments_before
from miscope.sequences.text_files import open_text
from miscope.sequences.text_formats import SIZE, text_format_of

__all__ = [
    "FEATHER_1",
    "PARQUET",
    "FrameTable",
    "Input",
    "NotOfTypeError",
    "TableFile",
    "TextFile",
    "in_memory",
    "open_table",
]

PARQUET, FEATHER_1 = b"PAR1", b"FEA1"
BLOCK = 1 << 20
ROWS = 1 << 17
FIRST = 1 << 16
SEPARATORS = ",\t;|"
FOLDER = "*.csv"
"""What the files in a folder may be called, in the error that asks for them."""


class NotOfTypeError(Exception):
    """A value of a text file is not of the type that it was to be read as."""


class TableFile(abc.ABC):
    """A file with named columns.

    Attributes
    ----------
    name
        As it is called in messages.
    types
        The pyarrow type of each column; in text files what the beginning suggests.
    separator
        What stands between the columns of a text file; otherwise None.
    has_header
        Whether the names of columns are in the file.
    record
        What provenance keeps of the file, after it was read.
    metadata
        What a Parquet file says of itself beside its columns.
    marks
        Words that stand for missing values; those of text files only: all others have nulls.
    """

    name: str
    types: dict[str, Any]
    separator: str | None = None
    has_header: bool = True
    record: dict[str, Any]
    metadata: dict[bytes, bytes] | None = None
    marks: tuple[str, ...] = ()

    @abc.abstractmethod
    def batches(self, columns: Mapping[str, Any], text: bool, marks: Collection[str] = ()) -> Iterator[Any]:
        """Yield record batches of these columns.

        Parameters
        ----------
        columns
            Names, and the types they are read as: those of text files; of others whole numbers as numbers with
            fractions, and ``large_string`` for whole texts, which need no dictionary.
        text
            Whether the values are whole texts, of which those that are empty are nulls.
        marks
            Words that are nulls too, where numbers are read from text.

        Raises
        ------
        NotOfTypeError
            A value of a text file is not of the type that was asked for.
        """


def open_table(
    file: str,
    separator: str | None,
    encoding: str,
    meter: Meter,
    wanted: Collection[str] = (),
    quoting: str | None = None,
) -> TableFile:
    """Open a file as what its first bytes and its name say.

    Text files may come without names of columns: where the first line has numbers only, and none of them is a column
    that is `wanted`, the columns are called f0, f1, ...

    Raises
    ------
    InputError
        It cannot be read, or is no table.
    """
    start = _start_of(file)
    is_binary = start.startswith((PARQUET, MAGIC, FEATHER_1)) or start[:4] == END_OF_STREAM[:4]
    if is_binary and gives_once(file):
        raise InputError(f"{name_of(file)!r} is a table of bytes, not of text: save it in a file first, and name that")
    if start.startswith(PARQUET):
        return ParquetFile(file, meter)
    if is_binary:
        return ArrowFile(file, start, meter)
    for suffix, kind in {".parquet": "Parquet", ".feather": "Feather", ".arrow": "Arrow"}.items():
        if has_suffix(file, {suffix}):
            refuse_foreign(start, name_of(file))
            raise FormatError(
                f"{name_of(file)!r} is no {kind} file (it begins with {start[:8]!r}); fetch or write it again"
            )
    from miscope.sequences.json_lines import JsonFile, is_json_lines

    if is_json_lines(file) or text_format_of(start, len(start) < SIZE) in ("jsonl", "json"):
        return JsonFile(file, meter)
    return TextFile(file, separator, encoding, meter, wanted, quoting)


def _start_of(file: str) -> bytes:
    """The first bytes of a file, decompressed; those of a pipe are still there."""
    if gives_once(file):
        return head_of(file, SIZE)
    with open_stream(file, folder=FOLDER) as stream:
        return stream.read(SIZE)


class TextFile(TableFile):
    """CSV and its kin: parsed as a stream, decompressed on the way."""

    def __init__(
        self,
        file: str,
        separator: str | None,
        encoding: str,
        meter: Meter,
        wanted: Collection[str],
        quoting: str | None,
    ) -> None:
        from pyarrow import csv

        self.name, self._file, self._encoding, self._meter = name_of(file), file, encoding, meter
        self.marks = tuple(csv.ConvertOptions().null_values)
        self._input = Input(file, encoding)
        with self._input.open() as stream:
            head = stream.read(BLOCK + 1)  # the first block, and that it is not the last
        if not head[:FIRST].strip():
            raise InputError(f"{self.name!r} is empty")
        by_name = "\t" if has_suffix(file, {".tsv", ".tab"}) else None
        self.separator = separator or by_name or _separator(body_of(head[:FIRST]))
        self.comments = comments_before(head[:FIRST], self.separator, wanted)
        head = head[self.comments.n_bytes :]
        self._is_quoting_given = quoting is not None
        self.quotes = self._quotes() if quoting is None else Quotes(quoting)
        self.has_header = True
        names, types = self._columns(head)
        if not set(names) & set(wanted) and all(map(_is_number, names)):
            self.has_header = False
            names, types = self._columns(head)
        self.types = dict(zip(names, types, strict=True))
        if len(self.types) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"{self.name!r} has two columns of the name {twice!r}; rename one of them")

    def batches(self, columns: Mapping[str, Any], text: bool, marks: Collection[str] = ()) -> Iterator[Any]:
        """See `TableFile`."""
        records: list[dict[str, Any]] = []
        with (
            self._explained(),
            self._body(self._meter, records) as stream,
            for_arrow(stream) as source,
        ):
            yield from self._parsed(source, columns, text, self._encoding, marks=marks)
        self.record = records[0]

    def notes(self, cells: bool = True) -> list[str]:
        """What is to be said of comments, and of quotation marks that were not asked for and make a difference.

        That of fields of several lines does so where cells are symbols or numbers, not where they are whole texts.
        """
        n = self.comments.n_lines
        said = f"the first {n} lines of" if n > 1 else "the first line of"
        notes = [f"{said} {self.name!r} begin{'s' * (n == 1)} with '#': left out, as comments are"] if n else []
        if self._is_quoting_given or self.quotes.line is None:
            return notes
        if self.quotes.how == "none":
            return [
                *notes,
                f"line {self.quotes.line:,} of {self.name!r} has a quotation mark that no other closes in its cell, "
                "and every line by itself has all columns: such marks are taken as symbols, quoting='none'; for fields "
                "that hold separators or line ends pass quoting='fields'",
            ]
        if not cells:
            return notes
        return [
            *notes,
            f"the field that begins in line {self.quotes.line:,} of {self.name!r} spans {self.quotes.span:,} lines, "
            "for it stands between quotation marks, quoting='fields'; if these are symbols, pass quoting='none'",
        ]

    @contextmanager
    def _body(self, meter: Meter | None = None, records: list[dict[str, Any]] | None = None) -> Iterator[Any]:
        """Yield the file behind its comments."""
        with self._input.open(meter, records) as stream:
            stream.read(self.comments.n_bytes)
            yield stream

    def _quotes(self) -> Quotes:
        """What the quotation marks of the whole file are, which its beginning does not tell."""
        with self._explained(), self._body() as stream:
            text = io.TextIOWrapper(io.BufferedReader(Unclosed(stream), BLOCK), self._encoding)
            return tell_quotes(iter(lambda: text.read(BLOCK), ""), str(self.separator), 1 + self.comments.n_lines)

    def _columns(self, head: bytes) -> tuple[list[str], list[Any]]:
        with self._explained():
            decoded = codecs.getincrementaldecoder(self._encoding)().decode(head).encode()
            size = min(BLOCK, len(decoded) - 1) if len(head) > BLOCK else BLOCK  # its last row may be cut
            schema = self._parsed(in_memory(decoded), {}, False, "utf-8", size).schema
        return schema.names, schema.types

    def _parsed(
        self,
        source: Any,
        columns: Mapping[str, Any],
        text: bool,
        encoding: str,
        size: int = 0,
        marks: Collection[str] = (),
    ) -> Any:
        from pyarrow import csv

        convert = csv.ConvertOptions(include_columns=list(columns), column_types=columns, strings_can_be_null=text)
        convert.null_values = [""] if text else [*self.marks, *marks]
        one = len(getattr(self, "types", "??")) == 1  # then an empty line is a missing value
        parse = csv.ParseOptions(delimiter=self.separator, newlines_in_values=True, ignore_empty_lines=not one)
        if self.quotes.how == "none":
            parse.quote_char, parse.newlines_in_values = False, False
        read = csv.ReadOptions(block_size=size or BLOCK, encoding=encoding, use_threads=False)
        read.autogenerate_column_names = not self.has_header
        return csv.open_csv(source, read, parse, convert)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowInvalid, UnicodeError, LookupError) as error:
            raise self._reason(error) from error

    def _reason(self, error: Exception) -> Exception:
        name, encoding = repr(self.name), self._encoding
        if "conversion error" in str(error) and "UTF8" not in str(error):
            return NotOfTypeError(str(error))
        if isinstance(error, UnicodeError) or "UTF8" in str(error):
            return InputError(f"{name} is not {encoding}: {error}; name its encoding, such as encoding='latin-1'")
        if isinstance(error, LookupError):
            return InputError(f"unknown encoding {encoding!r}; usual ones are utf-8, latin-1, cp1252")
        return FormatError(
            f"{name} cannot be read as a table whose columns are separated by {self.separator!r}: {error}; name the "
            "separator if it is another one, and pass quoting='none' if quotation marks do not stand around fields"
        )


class Unclosed(io.RawIOBase):
    """A stream as what a reader of text takes, who would close it otherwise."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read as much as there is, up to the size of `buffer`."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class ParquetFile(TableFile):
    """Parquet, whose columns are stored apart: only those that are needed are read."""

    def __init__(self, file: str, meter: Meter) -> None:
        self.name, self._file, self._meter = name_of(file), file, meter
        with self._opened() as parquet:
            self.types = plain_types(parquet.schema_arrow)
            self.metadata = parquet.schema_arrow.metadata
        self.record = {"name": self.name, "bytes": size_of(file)}

    def batches(self, columns: Mapping[str, Any], text: bool, marks: Collection[str] = ()) -> Iterator[Any]:
        """See `TableFile`."""
        import pyarrow as pa

        # Whole texts are asked for as large strings: of these hardly two are the same, so that no dictionary helps.
        symbols = [name for name, asked in columns.items() if _is_text(self.types[name]) and asked != pa.large_string()]
        with self._opened(symbols) as parquet:
            report = _share(self._meter, self.record["bytes"], parquet.metadata.num_rows)
            for batch in parquet.iter_batches(ROWS, columns=list(columns), use_threads=False):
                yield plain_batch(batch, columns, self.name)
                report(batch.num_rows)
            report(parquet.metadata.num_rows)

    @contextmanager
    def _opened(self, dictionaries: list[str] | None = None) -> Iterator[Any]:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            with open_seekable(self._file) as raw, parquet.ParquetFile(raw, read_dictionary=dictionaries) as file:
                yield file
        except pa.ArrowNotImplementedError as error:
            raise unknown_type(self.name, error) from error
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the latter for names of columns
            raise FormatError(f"{self.name!r} is a damaged Parquet file ({error}); fetch or write it again") from error


class ArrowFile(TableFile):
    """Arrow IPC files and streams, and Feather."""

    def __init__(self, file: str, start: bytes, meter: Meter) -> None:
        self.name, self._file, self._start, self._meter = name_of(file), file, start, meter
        with self._batches() as (schema, _, _):
            self.types = plain_types(schema)
        self.record = {"name": self.name, "bytes": size_of(file)}

    def batches(self, columns: Mapping[str, Any], text: bool, marks: Collection[str] = ()) -> Iterator[Any]:
        """See `TableFile`."""
        with self._batches() as (_, batches, n_batches):
            report = _share(self._meter, self.record["bytes"], n_batches)
            for batch in batches:
                yield plain_batch(batch, columns, self.name)
                report(1)
            report(n_batches)

    @contextmanager
    def _batches(self) -> Iterator[tuple[Any, Iterator[Any], int]]:
        import pyarrow as pa
        from pyarrow import feather

        try:
            with open_seekable(self._file) as raw:
                if self._start.startswith(FEATHER_1):
                    table = feather.read_table(raw)
                    yield table.schema, iter(table.to_batches()), len(table.to_batches())
                elif self._start.startswith(MAGIC):
                    file = pa.ipc.open_file(raw)
                    n = file.num_record_batches
                    yield file.schema, (file.get_batch(i) for i in range(n)), n
                else:
                    stream = pa.ipc.open_stream(raw)
                    yield stream.schema, iter(stream), 1 << 30  # nobody knows how many
        except pa.ArrowNotImplementedError as error:
            raise unknown_type(self.name, error) from error
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise FormatError(f"{self.name!r} is a damaged Arrow file ({error}); fetch or write it again") from error


class FrameTable(TableFile):
    """A table of Arrow that is in memory, as a data frame becomes one."""

    def __init__(self, table: Any, meter: Meter) -> None:
        self.name, self._table, self._meter = "data frame", table, meter
        self.types = plain_types(table.schema)
        self.record = {"name": self.name, "bytes": table.nbytes}

    def batches(self, columns: Mapping[str, Any], text: bool, marks: Collection[str] = ()) -> Iterator[Any]:
        """See `TableFile`."""
        batches = self._table.select(list(columns)).to_batches(max_chunksize=ROWS)
        report = _share(self._meter, self.record["bytes"], len(batches))
        for batch in batches:
            yield plain_batch(batch, columns, self.name)
            report(1)


class Input:
    """Opens a file as often as it is wanted, also standard input and pipes, which give their bytes only once."""

    def __init__(self, file: str, encoding: str = "utf-8") -> None:
        self._file, self._encoding = file, encoding
        self._bytes: bytes | None = None
        self._record: list[dict[str, Any]] = []
        if gives_once(file):
            with open_text(file, encoding, None, self._record, FOLDER) as stream:
                self._bytes = stream.read()

    @contextmanager
    def open(self, meter: Meter | None = None, records: list[dict[str, Any]] | None = None) -> Iterator[Any]:
        """Yield the file from its beginning, as `open_text` does."""
        if self._bytes is None:
            with open_text(self._file, self._encoding, meter, records, FOLDER) as stream:
                yield stream
            return
        yield io.BytesIO(self._bytes)
        if meter is not None and records is not None:
            meter.add(self._record[0]["bytes"])
            records += self._record


def in_memory(data: bytes) -> Any:
    """A stream over memory of Arrow's own, whose threads do not need the interpreter to free it."""
    import pyarrow as pa

    buffer = pa.allocate_buffer(len(data))
    memoryview(buffer).cast("B")[:] = data
    return pa.BufferReader(buffer)


def _share(meter: Meter, size: int, n_parts: int) -> Callable[[int], None]:
    """Return a function that tells the meter of parts that are done, as if all had the same number of bytes."""
    done = told = 0

    def report(n: int) -> None:
        nonlocal done, told
        done += n
        now = size * min(done, n_parts) // max(n_parts, 1)
        meter.add(now - told)
        told = now

    return report


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _separator(head: bytes) -> str:
    """Return the separator that the first line has most of, outside of quotes; a comma if it has none."""
    line = re.sub(rb'"[^"]*"', b"", head).lstrip(b"\r\n").splitlines() or [b""]
    return max(SEPARATORS, key=lambda separator: line[0].count(separator.encode()))
