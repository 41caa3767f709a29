"""Columns of Arrow tables become codes: lists of whole numbers, and the bytes of strings, copied only where needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from miscope.errors import FormatError, InputError
from miscope.sequences.arrays import narrow, whole_numbers
from miscope.sequences.codes import Array, offsets_of

__all__ = ["codes_of_lists", "is_lists", "is_text"]


def is_lists(kind: Any) -> bool:
    """Whether an Arrow type is one of lists of whole numbers."""
    import pyarrow as pa

    types = pa.types
    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(lists and types.is_integer(kind.value_type))


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is one of strings."""
    import pyarrow as pa

    views = getattr(pa.types, "is_string_view", lambda _: False)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or views(kind))


def codes_of_lists(chunks: Iterator[Any], mapped: bool) -> tuple[Array, Array]:
    """Put pieces of a column of lists together; one piece alone stays where it is, if its type allows.

    Pieces that are `mapped` need no memory until they are copied; others are made small one by one.
    """
    parts: list[Array] = []
    lengths: list[Array] = []
    offsets = np.zeros(1, np.int64)
    for chunk in chunks:
        values, offsets = _layout(chunk)
        numbers = whole_numbers(values)
        parts.append(numbers if mapped else narrow(numbers, None))
        lengths.append(np.diff(offsets))
    if not sum(map(len, parts)):
        raise InputError("there is not one symbol in it")
    if len(parts) == 1:
        return narrow(_as_unsigned(parts[0]), None), offsets
    largest = max(int(part.max(initial=0)) for part in parts)
    return _joined(parts, narrow(np.array([largest]), None).dtype), offsets_of(np.concatenate(lengths))


def _joined(parts: list[Array], dtype: np.dtype[Any]) -> Array:
    codes, end = np.empty(sum(map(len, parts)), dtype), 0
    for part in parts:
        codes[end : end + len(part)] = part
        end += len(part)
    return codes


def _as_unsigned(numbers: Array) -> Array:
    """Look at numbers of up to 32 bits none of which is negative as unsigned ones: the bytes are the same."""
    narrow_enough = numbers.dtype.kind == "i" and numbers.dtype.itemsize <= 4
    return numbers.view(f"u{numbers.dtype.itemsize}") if narrow_enough else numbers


def _layout(rows: Any) -> tuple[Array, Array]:
    """Look at the buffers of a list array as numbers and offsets."""
    import pyarrow as pa

    try:
        rows.validate(full=True)
    except pa.ArrowException as error:
        raise FormatError(f"it is damaged ({error})") from error
    if pa.types.is_fixed_size_list(rows.type):
        size = rows.type.list_size
        values, offsets = rows.values.slice(rows.offset * size, len(rows) * size), np.arange(len(rows) + 1) * size
    else:
        offsets = rows.offsets.to_numpy()
        values = rows.values.slice(offsets[0], offsets[-1] - offsets[0])
    if rows.null_count or values.null_count:
        raise FormatError("it has missing values (nulls); leave them out first")
    moved = offsets - offsets[0] if offsets[0] else offsets
    return values.to_numpy(), moved.astype(np.int64, copy=False)
