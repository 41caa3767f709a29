"""Sequences on disk: an Arrow IPC file with one row a document, written whole and opened without a copy."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from miscope.atomic import atomic_path, check_suffix
from miscope.errors import FormatError, InputError
from miscope.machine import check_memory
from miscope.sequences.arrays import narrow, whole_numbers
from miscope.sequences.codes import Array
from miscope.sequences.remote import is_url
from miscope.sequences.sources import name_of
from miscope.sequences.streams import can_be_mapped, open_seekable
from miscope.whole_files import json_of, refuse_device

__all__ = ["MAGIC", "open_file", "save"]

MAGIC = b"ARROW1"
FORMAT, VERSION = "miscope.sequences", 1
END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


def save(path: str | os.PathLike[str], codes: Array, offsets: Array, described: dict[str, Any]) -> None:
    """Write codes and offsets as one record batch, what is `described` as JSON in the metadata of the schema."""
    import pyarrow as pa

    check_suffix(path, ("", ".arrow", ".feather"), "a corpus of sequences")
    metadata = {"format": FORMAT, "version": VERSION, **described}
    values = pa.Array.from_buffers(pa.from_numpy_dtype(codes.dtype), len(codes), [None, pa.py_buffer(codes)])
    rows = pa.LargeListArray.from_arrays(pa.array(offsets), values)
    schema = pa.schema([("codes", rows.type)], metadata={"miscope": json.dumps(metadata, default=_plain)})
    with (
        atomic_path(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        writer.write_batch(pa.record_batch([rows], schema=schema))


def open_file(file: str, column: str | None = None) -> tuple[Array, Array, int, Any, dict[str, Any]]:
    """Return codes, offsets, alphabet size, alphabet and provenance of a file (or what an address leads to)."""
    import pyarrow as pa

    path = name_of(file)
    if not is_url(file):
        refuse_device(file)
    try:
        table = _read_table(file)
        rows = _list_column(table, column)
        rows.validate(full=True)
        codes, offsets = _arrays(rows)
        return codes, offsets, *_described(table.schema.metadata or {}, codes, Path(path).name)
    except FileNotFoundError as error:
        raise InputError(f"cannot open {path!r}: there is no such file") from error
    except PermissionError as error:
        raise InputError(f"cannot open {path!r}: there is no right to read it") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FormatError(f"cannot use {path!r} as sequences: {error}") from error


def _read_table(file: str) -> Any:
    """Map the file and return its batches as a table, after making sure that its end is there."""
    import pyarrow as pa

    source = _opened(file)
    size = source.size()
    start = source.read_at(min(size, 8), 0)
    if start[:6] == MAGIC:
        if size < 16 or source.read_at(6, size - 6) != MAGIC:
            raise FormatError("it is an Arrow file whose end is missing; it was cut off, so fetch or write it again")
        return pa.ipc.open_file(source).read_all()
    if not start.startswith(END_OF_STREAM[:4]) or len(start) < 8:
        raise FormatError(f"it is no Arrow file (it begins with {start!r}); text is read with read_text")
    table = pa.ipc.open_stream(source).read_all()
    if source.read_at(8, max(source.tell() - 8, 0)) != END_OF_STREAM:
        raise FormatError("it is an Arrow stream whose end is missing; it was cut off, so fetch or write it again")
    return table


def _opened(file: str) -> Any:
    """The file, mapped; in memory if it is compressed or somewhere else."""
    import pyarrow as pa

    if not is_url(file):
        if Path(file).is_dir():
            raise FormatError("it is a folder; name the file inside it")
        if Path(file).is_file() and Path(file).stat().st_size == 0:
            raise FormatError("it is empty")
        if can_be_mapped(file):
            return pa.memory_map(file)
    with open_seekable(file) as opened:
        check_memory(opened.seek(0, 2), "what is unpacked of it")
        opened.seek(0)
        return pa.BufferReader(opened.read())


def _list_column(table: Any, column: str | None) -> Any:
    """Return the one column of lists of integers as one array."""
    import pyarrow as pa

    types = {field.name: field.type for field in table.schema}
    lists = [name for name, kind in types.items() if _is_list(kind)]
    if column is None and len(lists) != 1:
        found = (
            f"{len(lists)} columns of lists of integers ({', '.join(lists)})"
            if lists
            else "no column of lists of integers"
        )
        raise FormatError(f"it has {found} among {', '.join(types) or 'none'}; name one with column='…'")
    name = lists[0] if column is None else column
    if name not in lists:
        raise FormatError(f"it has no column {name!r} of lists of integers; it has {', '.join(lists) or 'none at all'}")
    chunks = [chunk for chunk in table.column(name).chunks if len(chunk)]
    if not chunks:
        raise FormatError("it has not one document")
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays([_large(chunk) for chunk in chunks])


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return bool(is_list and pa.types.is_integer(kind.value_type))


def _large(chunk: Any) -> Any:
    """Make a list array a large-list array, whose offsets can count more than 2³¹ symbols when chunks are joined."""
    import pyarrow as pa

    return chunk.cast(pa.large_list(chunk.type.value_type))


def _arrays(rows: Any) -> tuple[Array, Array]:
    """Look at the buffers of a list array as codes and offsets."""
    if rows.null_count or rows.values.null_count:
        raise FormatError("it has missing values (nulls); leave them out first")
    raw = np.frombuffer(rows.buffers()[1], f"i{rows.offsets.type.bit_width // 8}")
    offsets = raw[rows.offset : rows.offset + len(rows) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    values = rows.values.slice(first, last - first).to_numpy()
    if len(values) == 0:
        raise FormatError("there is not one symbol in it")
    return narrow(whole_numbers(values), None), (offsets - first if first else offsets).astype(np.int64, copy=False)


def _described(metadata: dict[bytes, bytes], codes: Array, label: str) -> tuple[int, Any, dict[str, Any]]:
    """Read what `save` wrote beside the codes; for foreign files say what can be said."""
    if b"miscope" not in metadata:
        return int(codes.max()) + 1, None, {"reader": "Sequences.open", "label": label}
    try:
        said = json_of(metadata[b"miscope"], "it", finite=False)
        kind, version = said["format"], said["version"]
        size, alphabet, provenance = said["alphabet_size"], said["alphabet"], said["provenance"]
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError("what miscope wrote about it in the metadata is damaged") from error
    if kind != FORMAT:
        raise FormatError(f"it holds {kind!r}, not sequences; open it with what wrote it")
    if version != VERSION:
        raise FormatError(
            f"it is of version {version!r}, and this miscope reads version {VERSION}; install a newer miscope"
        )
    right = isinstance(size, int) and isinstance(provenance, dict) and isinstance(alphabet, list | None)
    if not right or (alphabet is not None and len(alphabet) != size):
        raise FormatError("what miscope wrote about it in the metadata is damaged")
    narrow(codes, size)
    return size, None if alphabet is None else tuple(alphabet), provenance


def _plain(value: Any) -> Any:
    """Make JSON of what NumPy and pathlib put into provenance."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
