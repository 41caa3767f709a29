"""Array-likes of any library (numpy, pandas, polars, Arrow, torch, bytes) become plain values, by what they offer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from numbers import Number
from typing import Any, NamedTuple

import numpy as np

from miscope.errors import InputError
from miscope.sequences.arrow_types import is_text, is_whole, plain, without_dictionary
from miscope.sequences.codes import Array
from miscope.sequences.frames import is_frame, only_column, refuse_mapping

__all__ = ["Values", "split", "unwrapped"]


class Values(NamedTuple):
    """What an array-like holds, and which of it is missing.

    `values` are numbers of any shape, or objects: str, or int beyond 64 bits. `missing` has the same shape.
    """

    values: Array
    missing: Array | None = None


def unwrapped(data: Any) -> Values | str | bytes | list[Any]:
    """Take values out of what holds them: an array, a text, or a list whose items are still to be looked at.

    A list of numbers is an array.

    >>> unwrapped(np.ma.masked_equal([0, 9], 9)), unwrapped([0, 0.5]).values
    (Values(values=array([0, 9]), missing=array([False,  True])), array([0. , 0.5]))

    Raises
    ------
    InputError
        It is no sequence, or holds what is neither numbers nor strings.
    """
    if isinstance(data, Values):
        return data
    if isinstance(data, np.ndarray):
        return _of_numpy(data)
    if isinstance(data, str):
        return str(data)
    if isinstance(data, bytes | bytearray):
        return bytes(data)
    if isinstance(data, memoryview):
        return bytes(data) if data.format in ("B", "b", "c") and data.ndim == 1 else _of_numpy(np.asarray(data))
    if isinstance(data, list | tuple):
        return Values(numbers(data)) if data and all(map(is_number, data)) else list(data)
    if hasattr(data, "offsets") and hasattr(data, "provenance"):  # its codes alone would say nothing of its alphabet
        raise _made_already(data)
    if is_frame(data):
        return unwrapped(only_column(data))
    for offers, way in WAYS:
        if offers(data):
            return way(data)
    refuse_mapping(data)
    raise _no_sequence(data)


def split(values: Array, missing: Array | None) -> list[Array]:
    """Cut an array at what is missing, along its first dimension.

    >>> split(np.array([3, 0, 4, 5]), np.array([False, True, False, False]))
    [array([3]), array([4, 5])]
    """
    if missing is None or not missing.any():
        return [values]
    kept = np.flatnonzero(~missing.reshape(len(missing), -1).any(axis=1))
    if len(kept) == 0:
        return []
    return np.split(values[kept], np.flatnonzero(np.diff(kept) > 1) + 1)


def _no_sequence(data: Any) -> InputError:
    hint = "; draw from it first: sample(64, 4096, seed=0)" if hasattr(data, "sample") else ""
    hint = f"; miscope.read({str(data)!r}) reads files" if hasattr(data, "__fspath__") else hint
    return InputError(f"the data are one {type(data).__name__}, not a sequence; pass an array, a list or a str{hint}")


def _made_already(data: Any) -> InputError:
    instead = "its numbers are data.values"
    if hasattr(data, "codes"):
        instead = (
            "Sequences.concatenate puts several together; the codes of one document are data[0], and how often each "
            "symbol occurs is data.histogram()"
        )
    return InputError(
        f"an array or a list is taken here, and this is {type(data).__name__} already: take it as it is, by itself; "
        f"{instead}"
    )


# Arrays of numpy's


def _of_numpy(array: Array) -> Values | list[Any]:
    missing = np.ma.getmaskarray(array) if isinstance(array, np.ma.MaskedArray) else None
    is_vector = isinstance(array, np.matrix) and 1 in array.shape
    array = np.asarray(array)  # without the mask; of a matrix the rows are arrays then
    array = array.reshape(-1) if is_vector else array
    if array.ndim == 0:
        raise _no_sequence(array[()])
    if array.dtype.names is not None:
        raise InputError(
            f"the data are an array of records, with {', '.join(array.dtype.names)}: pass one of them, "
            f"data[{array.dtype.names[0]!r}]"
        )
    if array.dtype.kind == "O":
        return _of_objects(array, missing)
    return Values(_plain_numpy(array), missing)


def _plain_numpy(array: Array) -> Array:
    """The same as numbers, or as objects that are str."""
    if array.dtype.kind in "UT":
        return array.astype(object)
    try:
        if array.dtype.kind == "S":
            return np.char.decode(array, "utf-8").astype(object)
        return array.astype(np.float32) if array.dtype.kind == "V" else array  # bfloat16, as ml_dtypes has it
    except UnicodeDecodeError:
        raise InputError("the data are an array of bytes that are not UTF-8; decode them first") from None
    except (TypeError, ValueError):
        raise InputError(f"the data are of type {array.dtype}, neither numbers nor strings") from None


def _of_objects(array: Array, missing: Array | None) -> Values | list[Any]:
    """Strings, whole numbers of any size, or arrays in an array, as cells of MATLAB are read."""
    items = array.ravel().tolist()
    absent = np.fromiter(map(_is_missing, items), bool, len(items)).reshape(array.shape)
    missing = absent if missing is None else missing | absent
    there = [item for item, is_absent in zip(items, missing.ravel().tolist(), strict=True) if not is_absent]
    if all(isinstance(item, str) for item in there):
        return Values(array, missing)
    if all(isinstance(item, bytes) for item in there):
        filled = [b"" if is_absent else item for item, is_absent in zip(items, missing.ravel().tolist(), strict=True)]
        return Values(_plain_numpy(np.array(filled).reshape(array.shape)), missing)
    if all(map(is_number, there)):
        values = np.zeros(array.shape, object)
        values[~missing] = there
        return Values(numbers(values.ravel().tolist()).reshape(array.shape), missing)
    cells = [_cell(item) for item in there]
    if all(isinstance(cell, str) for cell in cells):
        return Values(np.array(cells, object))
    if any(isinstance(cell, str) for cell in cells):
        raise InputError("the symbols are partly str and partly not; make all of them str")
    return cells


def _cell(item: Any) -> Any:
    """What is in a cell of MATLAB's, where a string is an array, a column has two dimensions, and cells have cells."""
    while isinstance(item, np.ndarray) and item.size == 1 and item.dtype.kind in "UO":
        item = item.reshape(-1)[0]
    is_column = isinstance(item, np.ndarray) and item.ndim == 2 and (1 in item.shape or item.size == 0)
    return item.reshape(-1) if is_column else item


def is_nothing(item: Any) -> bool:
    """Whether an object says that nothing is there: None, and the like of numpy and pandas."""
    return item is None or item is np.ma.masked or type(item).__name__ in ("NAType", "NaTType")


def _is_missing(item: Any) -> bool:
    return is_nothing(item) or (isinstance(item, float | np.floating | Decimal) and item != item)


def is_number(item: Any) -> bool:
    """Whether this is one number, of Python, numpy, or a library of tensors."""
    if isinstance(item, Number | np.bool_):
        return True
    if item is np.ma.masked:
        return False
    return not isinstance(item, np.str_ | np.bytes_) and getattr(item, "ndim", None) == 0 and hasattr(item, "item")


def numbers(items: Sequence[Any]) -> Array:
    """One-dimensional numbers: whole ones exactly, as objects where they are beyond 64 bits; others as floats.

    >>> numbers([2**64, 1]), numbers([1, 0.5])
    (array([18446744073709551616, 1], dtype=object), array([1. , 0.5]))

    Raises
    ------
    InputError
        They are of a type that no float stands for, such as dates.
    """
    plain_items: list[Any] = [item if isinstance(item, Number) else item.item() for item in items]
    array = np.array(plain_items)
    try:
        whole = all(isinstance(item, int | np.integer) or _is_whole_decimal(item) for item in plain_items)
        if array.dtype.kind in "iubc" or (array.dtype.kind == "f" and not whole):
            return array
        return np.array([int(item) for item in plain_items], object) if whole else array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"the data hold what is neither symbols nor numbers ({error}): {_CONVERT}") from None


def _is_whole_decimal(item: Any) -> bool:
    try:
        return not isinstance(item, float | complex | np.inexact) and item == int(item)
    except (ValueError, OverflowError):  # NaN, infinity
        return False


# Those of other libraries


def _is_arrow(data: Any) -> bool:
    return hasattr(data, "to_arrow") or hasattr(data, "__arrow_c_array__") or hasattr(data, "__arrow_c_stream__")


def _of_arrow(data: Any) -> Values | list[Any]:
    import pyarrow as pa

    try:
        array = data.to_arrow() if hasattr(data, "to_arrow") else data
        if not isinstance(array, pa.Array | pa.ChunkedArray):
            array = pa.chunked_array(array) if hasattr(array, "__arrow_c_stream__") else pa.array(array)
    except pa.ArrowException as error:  # integers of 128 bits, which Arrow does not have
        if not hasattr(data, "to_list"):
            raise InputError(f"the data are a {type(data).__name__} that Arrow cannot take ({error})") from None
        return _of_objects(np.array(data.to_list(), object), None)
    return _of_column(array)


def _is_pandas(data: Any) -> bool:
    """Whether this is a series, an index, or an array of pandas, which say where something is missing."""
    return all(hasattr(data, name) for name in ("isna", "dtype", "take"))


def _of_pandas(data: Any) -> Values | list[Any]:
    import pyarrow as pa

    if getattr(data, "nlevels", 1) > 1:
        raise InputError(f"the data are an index of {data.nlevels} levels: pass one, data.get_level_values(0)")
    if isinstance(data.dtype, np.dtype) and data.dtype.kind in "biuf":
        values = np.asarray(data)
        return Values(values, np.isnan(values) if values.dtype.kind == "f" else None)
    if data.dtype == object:
        return _of_numpy(np.asarray(data, object))
    if hasattr(data, "sparse") or hasattr(data, "to_dense"):
        return _of_numpy(np.asarray(data))
    try:
        return _of_column(pa.array(data, from_pandas=True))
    except (pa.ArrowException, TypeError, ValueError):
        raise InputError(f"the data hold {data.dtype}, neither symbols nor numbers: {_CONVERT}") from None


_CONVERT = "convert them to strings or whole numbers first"


def _of_column(array: Any) -> Values | list[Any]:
    """What is in an Arrow array: numbers, strings, or lists, each of which is a document."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array, types = plain(array), pa.types
    kind = without_dictionary(array.type)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        rows = array.drop_null()
        parts = _of_column(pc.list_flatten(rows))
        ends = np.cumsum(pc.list_value_length(rows).to_numpy(zero_copy_only=False))[:-1]
        if isinstance(parts, list):
            raise InputError(f"the data hold {kind}: a document is one list of symbols or numbers")
        cuts = [None] * (len(ends) + 1) if parts.missing is None else np.split(parts.missing, ends)
        return [Values(*each) for each in zip(np.split(parts.values, ends), cuts, strict=True)]
    missing = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    if is_text(kind) or types.is_null(kind):
        return Values(np.asarray(array.to_numpy(zero_copy_only=False), object), missing)
    if types.is_boolean(kind) or is_whole(kind) or types.is_floating(kind):
        there = array if missing is None else pc.fill_null(array, False if types.is_boolean(kind) else 0)
        return Values(
            numbers(there.to_pylist()) if types.is_decimal(kind) else there.to_numpy(zero_copy_only=False), missing
        )
    raise InputError(f"the data hold {kind}, neither symbols nor numbers: {_CONVERT}")


def _is_array(data: Any) -> bool:
    offered = ("__array__", "__array_interface__", "__dlpack__", "__array_struct__")
    return any(hasattr(data, name) for name in offered)


def _of_array(data: Any) -> Values | list[Any]:
    """An array, or a tensor, taken out of the graph of gradients and onto this processor where it offers that."""
    for step in ("detach", "cpu"):
        data = getattr(data, step)() if hasattr(data, step) else data
    plainly = (lambda: np.from_dlpack(data)) if _only_dlpack(data) else (lambda: np.asarray(data))
    for taken in (plainly, lambda: np.asarray(data.float())):  # the second for bfloat16, which numpy does not have
        try:
            array = taken()
        except (TypeError, ValueError, RuntimeError, BufferError, AttributeError):
            continue
        return _of_numpy(array)
    raise InputError(f"the data are a {type(data).__name__} that numpy cannot take: pass it as an array of numpy's")


def _only_dlpack(data: Any) -> bool:
    return hasattr(data, "__dlpack__") and not hasattr(data, "__array__")


def _is_sequence(data: Any) -> bool:
    """Whether it has a length and items in an order, such as an array.array, or a column of a data set."""
    offered = all(hasattr(data, name) for name in ("__len__", "__getitem__", "__iter__"))
    return offered and not hasattr(data, "keys") and not hasattr(data, "shape")


def _of_sequence(data: Any) -> Values | list[Any]:
    is_plain = isinstance(data, range) or hasattr(data, "typecode")
    return _of_numpy(np.asarray(data)) if is_plain else unwrapped(list(data))  # type: ignore[return-value]


WAYS: list[tuple[Callable[[Any], bool], Callable[[Any], Values | list[Any]]]] = [
    (_is_pandas, _of_pandas),
    (_is_arrow, _of_arrow),
    (_is_array, _of_array),
    (_is_sequence, _of_sequence),
]
