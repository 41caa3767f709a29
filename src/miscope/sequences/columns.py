"""Columns of lists in Arrow arrays become codes: lists of whole numbers, copied only where needed, and of strings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from miscope.errors import FormatError, InputError, NothingError
from miscope.sequences.arrays import MAX_CODE, Symbol, narrow, too_large, unknown_symbols, whole_numbers
from miscope.sequences.arrow_types import without_dictionary
from miscope.sequences.codes import Array, code_dtype, offsets_of, recode

__all__ = ["codes_of_lists", "codes_of_string_lists"]


def codes_of_lists(chunks: Iterable[Any], mapped: bool, named: bool) -> tuple[Array, Array, tuple[int, ...] | None]:
    """Put pieces of a column of lists together; one piece alone stays where it is, if its type allows.

    >>> import pyarrow as pa
    >>> codes_of_lists([pa.array([[2**40, 3], [2**40]])], mapped=False, named=True)
    (array([1, 0, 1], dtype=uint8), array([0, 2, 3]), (3, 1099511627776))

    Parameters
    ----------
    chunks
        Arrow arrays of lists of whole numbers.
    mapped
        Whether pieces need no memory until they are copied; others are made small one by one.
    named
        Whether numbers that are too large for codes are names of symbols; otherwise they are refused.

    Returns
    -------
    codes, offsets, alphabet
        All codes, where documents begin and end, and the numbers that codes stand for, if they are names.

    Raises
    ------
    InputError
        There is not one number, one is negative, or too large.
    FormatError
        A piece is damaged, or has nulls.
    """
    parts: list[Array] = []
    lengths: list[Array] = []
    offsets = np.zeros(1, np.int64)
    for chunk in chunks:
        values, offsets = _layout(chunk)
        numbers = _checked(values, named)
        parts.append(numbers if mapped or _are_names(numbers) else narrow(numbers, None))
        lengths.append(np.diff(offsets))
    if not sum(map(len, parts)):
        raise NothingError("there is not one symbol in it")
    if any(map(_are_names, parts)):
        kinds, codes = np.unique(np.concatenate([part.astype(object) for part in parts]), return_inverse=True)
        return narrow(codes, len(kinds)), offsets_of(np.concatenate(lengths)), tuple(map(int, kinds.tolist()))
    if len(parts) == 1:
        return narrow(_as_unsigned(parts[0]), None), offsets, None
    largest = max(int(part.max(initial=0)) for part in parts)
    return _joined(parts, narrow(np.array([largest]), None).dtype), offsets_of(np.concatenate(lengths)), None


def _checked(values: Array, named: bool) -> Array:
    """Whole numbers of any size, none of which is negative, or too large if they are not to be names."""
    if values.dtype == object:
        if len(values) and values.min() < 0:
            raise InputError(f"negative code {values.min()}: codes are 0, 1, 2, …; leave missing values out first")
        values = values if _are_names(values) else values.astype(np.int64)
    if not named and _are_names(values):
        raise too_large(values.max())
    return values if values.dtype == object else whole_numbers(values)


def _are_names(numbers: Array) -> bool:
    """Whether whole numbers are too large for codes, so that they can only be names of symbols."""
    return numbers.dtype.itemsize == 8 and int(numbers.max(initial=0)) > MAX_CODE


def codes_of_string_lists(
    chunks: Iterable[Any], alphabet: tuple[Symbol, ...] | None
) -> tuple[Array, Array, tuple[Symbol, ...]]:
    """Number the strings in pieces of a column of lists, none of which is missing.

    >>> import pyarrow as pa
    >>> codes, lengths, alphabet = codes_of_string_lists([pa.array([["so", "it"], [], ["it"]])], None)
    >>> codes.tolist(), lengths.tolist(), alphabet
    ([1, 0, 0], [2, 0, 1], ('it', 'so'))

    Returns
    -------
    codes, lengths, alphabet
        All symbols; how many each row has; by default the strings that occur, sorted.

    Raises
    ------
    InputError
        There is not one string, one is missing, or it is not in the alphabet.
    """
    index: dict[Symbol, int] = {}
    parts: list[Array] = []
    lengths: list[Array] = []
    for rows in chunks:
        values = rows.flatten()
        if values.null_count:
            raise InputError("it has a list in which a string is missing; leave such strings out first")
        values = values if without_dictionary(values.type) != values.type else values.dictionary_encode()
        table = [index.setdefault(symbol, len(index)) for symbol in values.dictionary.to_pylist()]
        codes = values.indices.to_numpy(zero_copy_only=False)
        parts.append(recode(codes, np.array(table, np.uint32)) if table else np.zeros(0, np.uint32))
        lengths.append(rows.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64))
    codes = np.concatenate([np.zeros(0, np.uint32), *parts])
    if len(codes) == 0:
        raise NothingError("there is not one symbol in it: its lists are empty")
    occurs = np.bincount(codes, minlength=len(index)) > 0  # a dictionary may have strings that no row has
    seen = [symbol for symbol, is_seen in zip(index, occurs.tolist(), strict=True) if is_seen]
    symbols = tuple(sorted(seen, key=str)) if alphabet is None else alphabet
    place = {symbol: code for code, symbol in enumerate(symbols)}
    unknown_symbols(symbol for symbol in seen if symbol not in place)
    numbers = np.array([place.get(symbol, 0) for symbol in index], code_dtype(len(symbols)))
    return recode(codes, numbers), np.concatenate(lengths), symbols


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

    if pa.types.is_fixed_size_list(rows.type):
        size = rows.type.list_size
        values, offsets = rows.values.slice(rows.offset * size, len(rows) * size), np.arange(len(rows) + 1) * size
    else:
        offsets = rows.offsets.to_numpy()
        values = rows.values.slice(offsets[0], offsets[-1] - offsets[0])
    if rows.null_count or values.null_count:
        raise FormatError("it has missing values (nulls); leave them out first")
    moved = (offsets - offsets[0] if offsets[0] else offsets).astype(np.int64, copy=False)
    if pa.types.is_decimal(values.type):
        return np.array([int(value) for value in values.to_pylist()], object), moved
    return values.to_numpy(zero_copy_only=not pa.types.is_boolean(values.type)), moved
