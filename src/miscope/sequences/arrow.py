"""Sequences on disk: an Arrow IPC file with one row a document, written whole and opened without a copy."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from miscope.atomic import atomic_path, check_suffix
from miscope.digests import UNSIGNED, check_arrays, described, description_in
from miscope.errors import FormatError, InputError
from miscope.machine import check_memory
from miscope.sequences.arrays import narrow
from miscope.sequences.arrow_types import is_lists, plain, sound
from miscope.sequences.codes import Array
from miscope.sequences.columns import codes_of_lists
from miscope.sequences.notes import noted
from miscope.sequences.remote import is_url
from miscope.sequences.sources import name_of
from miscope.sequences.streams import can_be_mapped, open_seekable
from miscope.whole_files import refuse_device

__all__ = ["MAGIC", "open_file", "save"]

MAGIC = b"ARROW1"
FORMAT, VERSION = "miscope.sequences", 1
END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


def save(path: str | os.PathLike[str], codes: Array, offsets: Array, about: dict[str, Any]) -> None:
    """Write codes and offsets as one record batch, what is said `about` them as JSON in the metadata of the schema."""
    import pyarrow as pa

    check_suffix(path, ("", ".arrow", ".feather"), "a corpus of sequences")
    metadata = described(
        {"format": FORMAT, "version": VERSION, **about}, {"codes": codes, "offsets": offsets}, default=_plain
    )
    values = pa.Array.from_buffers(pa.from_numpy_dtype(codes.dtype), len(codes), [None, pa.py_buffer(codes)])
    rows = pa.LargeListArray.from_arrays(pa.array(offsets), values)
    schema = pa.schema([("codes", rows.type)], metadata=metadata)
    with (
        atomic_path(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        writer.write_batch(pa.record_batch([rows], schema=schema))


class Opened(NamedTuple):
    """What a file (or what an address leads to) holds, and what makes sure of its codes and offsets, if they can be."""

    codes: Array
    offsets: Array
    alphabet_size: int
    alphabet: Any
    provenance: dict[str, Any]
    check: Callable[[], None] | None


def open_file(file: str, column: str | None = None) -> Opened:
    """Open a file, of which nothing large is looked at; not even its codes, if they have a digest."""
    import pyarrow as pa

    path = name_of(file)
    if not is_url(file):
        refuse_device(file)
    try:
        table = _read_table(file)
        codes, offsets, names = codes_of_lists(map(plain, _list_column(table, column)), mapped=True, named=True)
        return _opened_as(table.schema.metadata or {}, codes, offsets, names, path)
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
        Path(file).stat()  # which says that it is not there
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


def _list_column(table: Any, column: str | None) -> list[Any]:
    """Return the arrays of the one column of lists of integers."""
    types = {field.name: field.type for field in table.schema}
    lists = [name for name, kind in types.items() if is_lists(kind)]
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
    chunks = [sound(chunk) for chunk in table.column(name).chunks if len(chunk)]
    if not chunks:
        raise FormatError("it has not one document")
    return chunks


def _opened_as(
    metadata: dict[bytes, bytes], codes: Array, offsets: Array, names: tuple[int, ...] | None, path: str
) -> Opened:
    """Read what `save` wrote beside the codes; for foreign files say what can be said."""
    try:
        said = description_in(metadata)
        if b"miscope" not in metadata:
            about = {"reader": "Sequences.open", "label": Path(path).name}
            return Opened(codes, offsets, int(codes.max()) + 1, names, about, None)
        kind, version = said["format"], said["version"]
        size, alphabet, provenance = said["alphabet_size"], said["alphabet"], said["provenance"]
    except FormatError:
        raise
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
    symbols = None if alphabet is None else tuple(alphabet)
    if "digests" in said:
        check = partial(_make_sure, said["digests"], codes, offsets, size, path)
        return Opened(codes, offsets, size, symbols, provenance, check)
    narrow(codes, size)
    return Opened(codes, offsets, size, symbols, noted(provenance, [f"{path} {UNSIGNED}"]), None)


def _make_sure(digests: dict[str, str], codes: Array, offsets: Array, alphabet_size: int, path: str) -> None:
    """Refuse codes that are not those that were written, or not of their alphabet."""
    check_arrays(digests, {"codes": codes, "offsets": offsets}, path)
    narrow(codes, alphabet_size)


def _plain(value: Any) -> Any:
    """Make JSON of what NumPy and pathlib put into provenance."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
