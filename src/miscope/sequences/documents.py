"""What somebody holds in memory, sorted into documents: of characters, of symbols, or of numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from miscope.errors import InputError
from miscope.sequences.array_likes import Values, is_nothing, is_number, split, unwrapped
from miscope.sequences.codes import Array
from miscope.sequences.missing import ONLY_MASKED, MissingRule
from miscope.sequences.two_readings import are_labels, are_long, refuse_paths

__all__ = ["Documents", "documents_of", "is_real", "numbers_of", "provenance_of"]


class Documents(NamedTuple):
    """Documents, each a str or bytes (characters), or an array of one dimension: numbers, or objects (symbols).

    Where `lengths` are given, all documents stand in one array, `parts[0]`. What is missing ends a document, and is
    left out; `rule` says what that is besides masked places. `notes` say what was taken for what, where another reading
    is thinkable.
    """

    parts: list[Any]
    lengths: Array | None = None
    n_missing: int = 0
    notes: tuple[str, ...] = ()
    rule: MissingRule = ONLY_MASKED


def documents_of(data: Any, rule: MissingRule = ONLY_MASKED) -> Documents:
    """Sort out what somebody holds in memory, and cut it where something is missing by this rule.

    >>> documents_of(np.ma.masked_equal([0, 1, 9, 1], 9)).parts
    [array([0, 1]), array([1])]

    Raises
    ------
    InputError
        It is no sequence, has too many dimensions, can be read in two ways, or holds what is neither a number nor a
        string.
    """
    if isinstance(data, Documents):
        return data
    held = unwrapped(data)
    if isinstance(held, Values):
        return _broken(_of_values(held), rule)
    if isinstance(held, str):
        refuse_paths([held])
    return _broken(_of_list(held) if isinstance(held, list) else Documents([held]), rule)


def numbers_of(data: Any, rule: MissingRule = ONLY_MASKED) -> Documents:
    """Sort out real numbers: documents of one dimension, or of two, moments and channels.

    >>> numbers_of([[0, 1], [0.5]]).parts
    [array([0., 1.]), array([0.5])]

    Raises
    ------
    InputError
        They are no numbers, or have too many dimensions.
    """
    if isinstance(data, Documents):
        return data
    held = unwrapped(data)
    if isinstance(held, list) and held:
        documents = [_real(item) for item in held]
        notes: tuple[str, ...] = ()
    else:
        values, missing = _one_column(*_real(held))
        if values.ndim > 3:
            raise InputError(f"the data have {values.ndim} dimensions; pass one document (1-D), or one a row (2-D)")
        notes = (_many_rows(values),) if _has_many_rows(values) else ()
        apart = [missing] if values.ndim == 1 or missing is None else list(missing)
        rows = [values] if values.ndim == 1 else list(values)
        documents = [Values(row, None if missing is None else apart[k]) for k, row in enumerate(rows)]
    if any(values.ndim not in (1, 2) for values, _ in documents):
        raise InputError("a document of numbers has one dimension, or two: moments and channels")
    n_missing = sum(0 if missing is None else int(missing.sum()) for _, missing in documents)
    return _broken(Documents([part for each in documents for part in split(*each)], None, n_missing, notes), rule)


def is_real(held: Any) -> bool:
    """Whether what was unwrapped holds floating-point numbers, and no strings.

    >>> is_real(unwrapped(np.zeros(2))), is_real([[0.5], [1]]), is_real(["a"])
    (True, True, False)
    """
    if isinstance(held, Values):
        return bool(held.values.dtype.kind == "f")
    if not isinstance(held, list) or any(isinstance(item, str | bytes) for item in held):
        return False
    return any(is_real(unwrapped(item)) for item in held if not is_number(item) and item is not None)


def _real(item: Any) -> Values:
    """Real numbers of any shape."""
    try:
        if item is None or is_number(item):
            raise TypeError
        held = unwrapped(item)
        if isinstance(held, list):
            held = unwrapped(np.asarray(held))
        if isinstance(held, str | bytes | list) or (held.values.dtype.kind not in "fiub" and held.values.size):
            raise TypeError
        return Values(held.values.astype(np.float64, copy=False), held.missing)
    except (TypeError, ValueError):
        raise InputError("the data are not real numbers; pass an array of floats, or a list of arrays") from None


def provenance_of(documents: Documents, label: str | None) -> dict[str, Any]:
    """What is remembered of data that were in memory: what they are called, what was missing, and what was guessed."""
    about: dict[str, Any] = {} if label is None else {"label": label}
    if documents.n_missing:
        about["missing"] = {"how": "break", "dropped": documents.n_missing}
        about["missing"] |= {"values": list(documents.rule.marks.words)} if documents.rule.marks.words else {}
    return about | ({"notes": list(documents.notes)} if documents.notes else {})


def _broken(found: Documents, rule: MissingRule) -> Documents:
    """The documents, cut where a value is missing by this rule."""
    found = found._replace(rule=rule)
    if not rule.marks.words and not rule.nan:
        return found
    if any(isinstance(part, str | bytes) for part in found.parts):
        if rule.marks.words:
            raise InputError("missing_values is for numbers and labels, not for texts: pass a list of their pieces")
        return found
    parts = found.parts if found.lengths is None else np.split(found.parts[0], np.cumsum(found.lengths)[:-1])
    missing = [rule.of_array(part) for part in parts]
    n_missing = sum(int(np.count_nonzero(each)) for each in missing)
    if not n_missing:
        return found
    if rule.refuse:
        at = int(np.argmax(np.concatenate(missing)))
        raise InputError(f"value {at} of {rule.file!r} is missing: let documents break there, with missing='break'")
    cut = [part for each in zip(parts, missing, strict=True) for part in split(*each)]
    return found._replace(parts=cut, lengths=None, n_missing=found.n_missing + n_missing)


def _of_values(held: Values) -> Documents:
    """One dimension is a document, of two each row is one; a single column is a document too."""
    values, missing = _one_column(*held)
    if values.ndim > 2:
        raise InputError(
            f"the data have {values.ndim} dimensions; pass one document a row (2-D), or a list of documents"
        )
    n_missing = 0 if missing is None else int(missing.sum())
    if values.ndim == 1:
        return Documents(split(values, missing), None, n_missing)
    notes = (_many_rows(values),) if _has_many_rows(values) else ()
    if missing is None or not n_missing:
        return Documents([values.reshape(-1)], np.full(len(values), values.shape[1]), 0, notes)
    parts = [part for row, absent in zip(values, missing, strict=True) for part in split(row, absent)]
    return Documents(parts, None, n_missing, notes)


def _one_column(values: Array, missing: Array | None) -> Values:
    """A table of one column as that column: rows of one symbol hold no pairs."""
    if values.ndim != 2 or values.shape[1] != 1:
        return Values(values, missing)
    return Values(values[:, 0], None if missing is None else missing[:, 0])


def _has_many_rows(values: Array) -> bool:
    return values.ndim == 2 and values.shape[0] > values.shape[1] > 0


def _many_rows(values: Array) -> str:
    rows, columns = values.shape
    return (
        f"the array has {rows:,} rows of {columns:,}, and each row is a document: if its columns are the documents, as "
        "where time goes down, transpose it first (in Python data.T)"
    )


def _of_list(items: list[Any]) -> Documents:
    _refuse_nothing(items)
    if all(isinstance(item, str) for item in items):
        return _of_strings(items)
    if all(isinstance(item, bytes | bytearray) for item in items):
        return _of_bytes(items)
    parts, n_missing = list[Any](), 0
    for item in items:
        if isinstance(item, str | bytes):
            raise InputError(
                "the documents are partly str and partly not; pass list(text) for a document of characters"
            )
        for values, missing in _one_document(item):
            parts += split(values, missing)
            n_missing += 0 if missing is None else int(missing.sum())
    if len({part.dtype == object and isinstance(part[0], str) for part in parts if len(part)}) > 1:
        raise InputError("some documents hold strings and others numbers; make all of them the same")
    return Documents(parts, None, n_missing)


def _one_document(item: Any) -> list[Values]:
    """The document that an item of a list is; several, where it is a cell that holds one."""
    held = unwrapped(item)
    if isinstance(held, bytes):
        held = Values(np.frombuffer(held, np.uint8))
    if isinstance(held, list):
        if all(isinstance(symbol, str) for symbol in held) and held:
            return [Values(np.array(held, object))]
        return _nested(held) if held else [Values(np.zeros(0, np.uint8))]
    assert isinstance(held, Values)
    values, missing = held
    if values.ndim == 2 and 1 in values.shape:  # MATLAB has no other
        values, missing = values.reshape(-1), None if missing is None else missing.reshape(-1)
    if values.ndim != 1 and values.size:
        raise InputError(
            f"a document has one dimension, not {values.ndim}; pass a list of 1-D arrays, or one 2-D array"
        )
    return [Values(values.reshape(-1), missing)]


def _refuse_nothing(items: list[Any]) -> None:
    at = next((i for i, item in enumerate(items) if is_nothing(item)), None)
    if at is not None:
        raise InputError(
            f"item {at} of a list is {items[at]}, which is neither a number nor a string: leave missing values out, by "
            "beginning a new document (a list) behind them"
        )


def _nested(held: list[Any]) -> list[Values]:
    _refuse_nothing(held)
    if len(held) == 1 and not isinstance(held[0], str | bytes):
        return _one_document(held[0])
    if any(isinstance(item, str) for item in held) and all(isinstance(item, str) or is_number(item) for item in held):
        raise InputError("the symbols are partly str and partly not; make all of them str")
    raise InputError("a document is a list of symbols or of numbers, and one of these is a list of other things")


def _of_strings(items: list[str]) -> Documents:
    if all(len(item) <= 1 for item in items):
        return Documents([np.array(items, object)])
    refuse_paths(items)
    taken = f"the list of {len(items):,} strings of {len(set(items)):,} kinds was taken as"
    if are_labels(items):
        note = f"{taken} one document of labels: for documents of characters pass [list(text) for text in data]"
        return Documents([np.array(items, object)], notes=(note,))
    note = f"{taken} {len(items):,} documents of characters: for one document of labels pass [data]"
    return Documents(items, notes=() if are_long(items) else (note,))


def _of_bytes(items: list[bytes]) -> Documents:
    made = _of_strings([bytes(item).decode("latin-1") for item in items])
    if isinstance(made.parts[0], str):
        return made._replace(parts=[bytes(item) for item in items])
    return made
