"""Independent readers, slow and simple: documents as lists of symbols, or of numbers, as miscope is to have them."""

import csv
import io
import json
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import feather, parquet

from .kinds import DamagedError, NoOpinionError

SYMBOLS, NUMBERS = "symbols", "numbers"
MARKS = {"utf-8-sig": b"\xef\xbb\xbf", "utf-32": b"\xff\xfe\0\0", "utf-32-be": b"\0\0\xfe\xff", "utf-16": b"\xff\xfe"}


def plain(data: Any) -> tuple[str, list[list[Any]]]:
    """What miscope read, in the same form; documents without a symbol have no pairs, and are left out."""
    if hasattr(data, "values"):
        return NUMBERS, [data[i].tolist() for i in range(len(data)) if len(data[i])]
    return SYMBOLS, [list(data.decode(i)) for i in range(len(data)) if len(data[i])]


def text(data: bytes, encoding: str = "utf-8") -> str:
    """Text with one kind of line ends, in the encoding that its mark says."""
    for marked, mark in (MARKS | {"utf-16-be": b"\xfe\xff"}).items():
        if data.startswith(mark):
            return lines_of(data.removeprefix(mark).decode({"utf-8-sig": "utf-8"}.get(marked, little(marked))))
    return lines_of(data.decode(encoding))


def little(encoding: str) -> str:
    return encoding if encoding.endswith("-be") else f"{encoding}-le"


def lines_of(decoded: str) -> str:
    return decoded.replace("\r\n", "\n").replace("\r", "\n")


def characters(data: bytes, encoding: str = "utf-8") -> Any:
    found = text(data, encoding)
    return SYMBOLS, [list(found)]


def tokens(data: bytes) -> Any:
    """What white space separates, a document a line."""
    documents = [line.split() for line in text(data).split("\n")]
    return SYMBOLS, [document for document in documents if document]


def fasta(data: bytes) -> Any:
    """Letters of records between those that are not A, C, G or T."""
    records: list[str] = []
    body = data.removeprefix(b"\xef\xbb\xbf").decode("latin-1").lstrip(" \t\n\r\v\f")
    for line in lines_of(body).split("\n"):
        if line.startswith(">"):
            records.append("")
        elif line and not line.startswith(";"):
            if ">" in line:
                raise ValueError("a header inside a line")
            records[-1] += re.sub("[ \t\n\r\v\f]", "", line).upper()
    found = [list(part) for record in records for part in re.split("[^ACGT]+", record) if part]
    return SYMBOLS, found


def rows(data: bytes, column: str) -> list[str]:
    """The cells of a column of CSV."""
    decoded = text(data)
    if '"' in re.sub(r'(?:(?<=,)|^)"(?:[^"]|"")*"(?=,|$)', "", decoded, flags=re.MULTILINE):
        raise NoOpinionError("quotation marks inside of fields")
    first, *others = [row for row in csv.reader(io.StringIO(decoded, newline=""), strict=True) if row]
    if any(len(row) != len(first) for row in others) or len(set(first)) < len(first):
        raise ValueError("rows of other lengths, or columns of the same name")
    return [row[first.index(column)] for row in others]


def broken(values: list[Any]) -> list[list[Any]]:
    """Documents between values that are missing."""
    found: list[list[Any]] = [[]]
    for value in values:
        if value is None:
            found.append([])
        else:
            found[-1].append(value)
    return [document for document in found if document]


def csv_symbols(data: bytes) -> Any:
    cells = rows(data, "symbol")
    symbols = broken([cell or None for cell in cells])
    seen = {cell for cell in cells if cell}
    if all(re.fullmatch(r"-?(0|[1-9]\d*)", cell) for cell in seen):
        return SYMBOLS, [list(map(int, document)) for document in symbols]
    if any(re.match(r"[\s+\-.\d]", cell) for cell in seen):
        raise NoOpinionError("numbers among the symbols, or blanks")
    return SYMBOLS, symbols


MISSING = {"", "NA", "N/A", "n/a", "nan", "NaN", "-nan", "-NaN", "null", "NULL", "#N/A", "<NA>", "None"}


def csv_numbers(data: bytes) -> Any:
    cells = rows(data, "value")
    if any(re.search(r"[^\d.eE+\-]", cell) for cell in cells if cell not in MISSING):
        raise NoOpinionError("words among the numbers")
    values = [None if cell in MISSING else float(cell) for cell in cells]
    return NUMBERS, broken(values)


def json_lines(data: bytes) -> Any:
    """Whole numbers in lines of JSON; a missing one ends a document."""
    if data.startswith((b"\xff", b"\xfe", b"\0")):
        raise NoOpinionError("another encoding")
    decoded, at, values = lines_of(data.removeprefix(MARKS["utf-8-sig"]).decode("utf-8", "surrogateescape")), 0, []
    decoded = decoded.strip(" \t\n")
    while at < len(decoded):  # a line end may have been lost
        found, at = json.JSONDecoder().raw_decode(decoded, at)
        values.append(dict(found).get("code"))
        at += len(decoded[at:]) - len(decoded[at:].lstrip(" \t\n"))
    kinds = {type(value) for value in values if value is not None}
    if kinds not in ({int}, {str}) or len(re.findall(r'"code"|\\u', decoded)) != len(values):
        raise NoOpinionError("values of other kinds, or a member that is there twice")
    "".join(map(str, values)).encode()  # what is in other members may be no Unicode
    return SYMBOLS, broken(values)


def array(value: Any) -> Any:
    """Documents of an array: 1-D is one, 2-D one a row."""
    if value.dtype.kind == "U" and value.ndim in (1, 2) and 1 not in value.shape and value.size:
        return SYMBOLS, value.tolist() if value.ndim == 2 else [value.tolist()]
    if value.dtype.kind == "S":
        raise NoOpinionError("bytes as symbols")
    if value.dtype.kind not in "iufb" or value.ndim not in (1, 2, 3) or value.size == 0:
        raise ValueError("no numbers")
    if value.dtype.kind == "f":
        if not np.isfinite(value).all():
            raise ValueError("not finite")
        if not (value % 1).any() or value.ndim == 3 or 1 in value.shape:
            raise NoOpinionError("whole numbers, or channels")
        return NUMBERS, np.atleast_2d(value).astype(float).tolist()
    if value.ndim == 3 or (value.ndim == 2 and 1 in value.shape):
        raise NoOpinionError("a column")
    if value.min() < 0:
        raise ValueError("negative")
    return SYMBOLS, np.atleast_2d(value).astype(object).tolist() if value.dtype.kind != "b" else _bits(value)


def _bits(value: Any) -> Any:
    return np.atleast_2d(value).astype(int).tolist()


def npy(path: Path) -> Any:
    return array(np.load(path, allow_pickle=False))


def npz(path: Path) -> Any:
    with np.load(path, allow_pickle=False) as held:
        return array(held["states"])


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Types and bytes of the elements of a MATLAB file."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, at)
        at += 8
        if kind >> 16:
            kind, size, at = kind & 0xFFFF, kind >> 16, at - 4
            if size > 4:
                raise DamagedError("a small element of more than four bytes")
        if at + size > len(data):
            raise DamagedError("an element that is cut off")
        yield (kind, data[at : at + size]) if kind != 15 else next(elements(zlib.decompress(data[at : at + size])))
        at += size if kind == 15 else size + -(at + size) % 8


def matrix(data: bytes) -> tuple[str, int, list[Any]]:
    """The name and class of a MATLAB matrix, and its values: numbers, or matrices of cells."""
    (_, flags), (_, _shape), (_, name), *parts = elements(data)
    if flags[0] == 1:
        return name.decode(), 1, [matrix(part) for _, part in parts]
    values = [list(np.frombuffer(part, MAT_TYPES[kind])) for kind, part in parts]
    if len(values) != 1 or flags[1] or len(values[0]) != np.prod(np.frombuffer(_shape, "<i4")):
        raise NoOpinionError("complex or logical numbers, or sizes that do not fit")
    return name.decode(), flags[0], values[0]


MAT_TYPES = dict(zip((1, 2, 3, 4, 5, 6, 7, 9), ("i1", "u1", "<i2", "<u2", "<i4", "<u4", "<f4", "<f8"), strict=True))


def mat(path: Path) -> Any:
    """Whole numbers in the cells of the variable songs."""
    data = path.read_bytes()
    if data[124:128] != b"\0\x01IM" or 0 in data[:4]:
        raise NoOpinionError("another version")
    found = {}
    for kind, part in elements(data[128:]):
        if kind == 14 and b"songs" in part[:64]:
            name, cells, documents = matrix(part)
            found[name] = (cells, documents)
            if name == "songs":
                break  # what is behind it may be damaged
    cells, documents = found["songs"]
    values = [each for _, kind, each in documents if kind >= 6] if cells == 1 else []
    if len(values) < 3 or any(
        number != number or number % 1 or not 0 <= number < 2**32 for each in values for number in each
    ):
        raise NoOpinionError("something else than cells of codes")
    return SYMBOLS, [list(map(int, document)) for document in values if document]


def hdf5(path: Path) -> Any:
    import h5py

    with h5py.File(path, "r") as file:
        return array(file["states"][()])


def column_of(table: pa.Table, name: str) -> Any:
    """Lists are documents; strings and whole numbers are symbols."""
    column = table.column(name)
    column.validate(full=True)
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        if column.null_count or any(chunk.values.null_count for chunk in column.chunks):
            raise NoOpinionError("missing ones")
        return SYMBOLS, [document for document in column.to_pylist() if document]
    if not (pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_integer(kind)):
        raise NoOpinionError("another type")
    values = column.to_pylist()
    if "" in values:  # where missing ones were, if fewer of them are said; Arrow's strings may be empty all the same
        raise NoOpinionError("empty strings")
    return SYMBOLS, broken(values)


def arrow(path: Path, name: str) -> Any:
    data = path.read_bytes()
    opened = pa.ipc.open_file if data.startswith(b"ARROW1") else pa.ipc.open_stream
    return column_of(opened(pa.py_buffer(data)).read_all(), name)


def feather_file(path: Path) -> Any:
    return column_of(feather.read_table(path, memory_map=False), "symbol")


def parquet_file(path: Path) -> Any:
    return column_of(parquet.read_table(path, columns=["symbol"], memory_map=False), "symbol")


def classes(path: Path, letters: str) -> Any:
    """The class of each letter, as a file of classes says."""
    data = path.read_bytes()
    if path.suffix == ".json":
        named = json.loads(data)
    else:
        between = "," if path.suffix == ".csv" else "\t"
        lines = [line.split(between) for line in text(data).split("\n") if line.strip()]
        if any(len(line) != 2 for line in lines) or b'"' in data or len({line[0] for line in lines}) < len(lines):
            raise NoOpinionError("lines of other lengths")
        named = dict(lines)
    if not all(isinstance(value, str) for value in named.values()):
        raise NoOpinionError("classes that are no names")
    return SYMBOLS, [[named.get(letter, "else") for letter in letters]]
