"""Types of Arrow columns: the many that libraries write become the few that readers know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from miscope.errors import FormatError, InputError

__all__ = [
    "check_document_type",
    "check_value_type",
    "is_lists",
    "is_lists_of_floats",
    "is_real",
    "is_string_lists",
    "is_text",
    "is_whole",
    "plain",
    "plain_batch",
    "plain_type",
    "plain_types",
    "sound",
    "unknown_type",
    "without_dictionary",
]

_DIGITS_OF_64_BITS = 18
_KNOWN = ("arrow.bool8", "arrow.json")
"""Types of others that are what they are stored as."""


def plain_type(kind: Any) -> Any:
    """The type that `plain` gives to values of an Arrow type; what is no data keeps its own.

    ===============================================  ==========================================
    type                                             what it becomes
    ===============================================  ==========================================
    views of strings, of bytes                       strings, bytes
    dictionaries of strings                          dictionaries of plain strings
    other dictionaries, run-end encoded              what they stand for
    decimals without fractions, of up to 18 digits   whole numbers (longer ones stay)
    decimals with fractions, half precision          floating-point numbers
    lists, views of lists, lists of one length       lists of the plain type
    ===============================================  ==========================================

    >>> import pyarrow as pa
    >>> [str(plain_type(kind)) for kind in (pa.float16(), pa.decimal128(9), pa.run_end_encoded(pa.int32(), pa.bool_()))]
    ['float', 'int64', 'bool']
    """
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        values = plain_type(kind.value_type)
        return pa.dictionary(kind.index_type, values) if is_text(values) else values
    if types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type) if kind.extension_name in _KNOWN else kind  # others are dates, ids, …
    if is_view(kind, "string", "binary"):
        return pa.large_string() if is_view(kind, "string") else pa.large_binary()
    if types.is_decimal(kind):
        if kind.scale != 0:
            return pa.float64()
        return pa.int64() if kind.precision <= _DIGITS_OF_64_BITS else kind
    if types.is_float16(kind):
        return pa.float32()
    if _holds_lists(kind):
        values = plain_type(kind.value_type)
        kept = values == kind.value_type and not is_view(kind, "list", "large_list")
        return kind if kept else pa.large_list(values)
    return kind


def plain(column: Any) -> Any:
    """The same values in the type that `plain_type` says; not copied where it is theirs already.

    Parameters
    ----------
    column
        An Arrow array, or one in chunks.
    """
    import pyarrow as pa

    wanted = plain_type(column.type)
    if wanted == column.type:
        return column
    if isinstance(column, pa.ChunkedArray):
        return pa.chunked_array([plain(chunk) for chunk in column.chunks], type=wanted)
    types, kind = pa.types, column.type
    if types.is_dictionary(kind):
        made = pa.DictionaryArray.from_arrays(column.indices, plain(column.dictionary))
        return made if types.is_dictionary(wanted) else made.dictionary_decode()
    if types.is_run_end_encoded(kind):
        return _repeated(column)
    if isinstance(kind, pa.BaseExtensionType):
        return plain(column.storage)
    if _holds_lists(kind):
        return _lists_of_plain(column)
    return column.cast(wanted)


def sound(column: Any) -> Any:
    """The same Arrow array, once all that its buffers lead to is known to be inside them.

    Offsets that point elsewhere, a dictionary's index beyond its end or strings that are not in UTF-8 would be other
    symbols, or the end of the process. This is ``validate(full=True)``, in less time for what is read most.

    Raises
    ------
    FormatError
        It is damaged.
    """
    import pyarrow as pa

    try:
        if pa.types.is_dictionary(column.type):
            column.validate()
            _check_indices(column)
            sound(column.dictionary)
        elif not _is_sound_ascii(column):
            column.validate(full=True)
    except pa.ArrowException as error:
        raise FormatError(f"a column of type {column.type} is damaged ({error!s:.200}); write it again") from error
    return column


def _check_indices(column: Any) -> None:
    """Refuse an index that leads to no entry of the dictionary, and missing values that are not as many as is said."""
    import pyarrow as pa
    import pyarrow.compute as pc

    indices = column.indices
    counted = pa.Array.from_buffers(indices.type, len(indices), indices.buffers(), -1, indices.offset).null_count
    if counted != column.null_count:
        raise pa.ArrowInvalid(f"{column.null_count} missing values are said, and {counted} are there")
    ends = pc.min_max(indices).as_py()
    if ends["min"] is not None and not 0 <= ends["min"] <= ends["max"] < len(column.dictionary):
        raise pa.ArrowInvalid(f"an index of {ends} into a dictionary of {len(column.dictionary)} entries")


def _is_sound_ascii(column: Any) -> bool:
    """Whether these are strings in ASCII: then it need not be looked at each of them, if their offsets are good."""
    import numpy as np
    import pyarrow as pa

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)) or not len(column):
        return False
    is_large = pa.types.is_large_string(column.type)
    column.view(pa.large_binary() if is_large else pa.binary()).validate(full=True)
    _, bounds, data = column.buffers()
    kind = np.dtype(np.int64 if is_large else np.int32)
    offsets = np.frombuffer(bounds, kind, len(column) + 1, column.offset * kind.itemsize)
    if offsets[0] == offsets[-1]:
        return True
    used = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    return len(used) == offsets[-1] - offsets[0] and bool(used.max() < 128)


def plain_types(schema: Any) -> dict[str, Any]:
    """The plain type of each column by its name."""
    return {field.name: plain_type(field.type) for field in schema}


def plain_batch(batch: Any, columns: Iterable[str], file: str) -> Any:
    """A record batch of these columns, plain.

    Raises
    ------
    InputError
        Two columns have the name of one that is wanted.
    FormatError
        A column is damaged.
    """
    import pyarrow as pa

    names, wanted = batch.schema.names, list(columns)
    twice = next((name for name in wanted if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{file!r} has two columns of the name {twice!r}; rename one of them")
    try:
        columns = [plain(sound(batch.column(names.index(name)))) for name in wanted]
    except FormatError as error:
        raise FormatError(f"{file!r} cannot be used: {error}") from error
    return pa.RecordBatch.from_arrays(columns, wanted)


def _repeated(column: Any) -> Any:
    """Values of a run-end encoded array, each as often as it stands for."""
    import numpy as np
    import pyarrow as pa

    ends = column.run_ends.to_numpy()
    rows = np.searchsorted(ends, np.arange(column.offset, column.offset + len(column)), side="right")
    return plain(column.values).take(pa.array(rows))


def _lists_of_plain(rows: Any) -> Any:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(rows), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int64())
    values = plain(pc.list_flatten(rows))
    return pa.LargeListArray.from_arrays(offsets, values, mask=rows.is_null() if rows.null_count else None)


def is_view(kind: Any, *names: str) -> bool:
    """Whether an Arrow type is a view of one of these; older pyarrow has none."""
    return any(getattr(_types(), f"is_{name}_view", lambda _: False)(kind) for name in names)


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is one of strings."""
    return bool(_types().is_string(kind) or _types().is_large_string(kind) or is_view(kind, "string"))


def is_whole(kind: Any) -> bool:
    """Whether a plain type is one of whole numbers."""
    return bool(_types().is_integer(kind) or (_types().is_decimal(kind) and kind.scale == 0))


def is_real(kind: Any) -> bool:
    """Whether a plain type is one of numbers with fractions."""
    return bool(_types().is_floating(kind))


def is_lists(kind: Any) -> bool:
    """Whether an Arrow type is one of lists of whole numbers, or of truth values."""
    if not _holds_lists(kind):
        return False
    values = plain_type(kind.value_type)
    return bool(is_whole(values) or _types().is_boolean(values))


def is_lists_of_floats(kind: Any) -> bool:
    """Whether an Arrow type is one of lists of numbers with fractions."""
    return bool(_holds_lists(kind) and _types().is_floating(kind.value_type))


def is_string_lists(kind: Any) -> bool:
    """Whether an Arrow type is one of lists of strings."""
    return bool(_holds_lists(kind) and is_text(without_dictionary(kind.value_type)))


def without_dictionary(kind: Any) -> Any:
    """What a dictionary stands for; any other type as it is."""
    return kind.value_type if _types().is_dictionary(kind) else kind


def _holds_lists(kind: Any) -> bool:
    types = _types()
    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(lists or is_view(kind, "list", "large_list"))


def _types() -> Any:
    import pyarrow as pa

    return pa.types


# Columns that tell documents


def check_value_type(kind: Any, column: str, name: str) -> None:
    """Refuse a column of values that are neither symbols nor numbers, but made of several.

    Raises
    ------
    InputError
        It is one of structs, maps, unions, lists of lists, or a type of others.
    """
    if _types().is_nested(kind) or isinstance(kind, _extension()):
        raise InputError(
            f"column {column!r} of {name!r} holds {kind}, neither symbols nor numbers: it must hold strings, whole "
            "numbers, numbers with fractions, or lists of codes or strings"
        )


def unknown_type(name: str, error: Exception) -> FormatError:
    """Say that a file holds a column of a type that pyarrow does not know."""
    return FormatError(
        f"{name!r} holds a column of a type that pyarrow does not read ({error}), perhaps whole numbers of 128 bits: "
        "leave that column out, or convert it, and write the file again"
    )


def check_document_type(kind: Any, column: str, name: str) -> None:
    """Refuse a column whose values cannot tell documents: those that are themselves made of values.

    Raises
    ------
    InputError
        It is one of structs, maps, lists, unions, or of what is no data.
    """
    kind = without_dictionary(plain_type(kind))
    if _types().is_nested(kind) or isinstance(kind, _extension()):
        raise InputError(
            f"column {column!r} of {name!r} holds {kind}, which cannot tell documents apart: name a column of strings, "
            "whole numbers or dates, or several such columns"
        )


def _extension() -> type:
    import pyarrow as pa

    kind: type = pa.BaseExtensionType
    return kind
