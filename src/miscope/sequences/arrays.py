"""Whatever people hold their symbols in becomes checked codes, document offsets and an alphabet."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any, NamedTuple

import numpy as np

from miscope.errors import InputError
from miscope.sequences.codes import Array, code_dtype, offsets_of, pieces
from miscope.sequences.encoding import CharacterEncoder, encode_documents
from miscope.sequences.frames import is_frame, only_column

__all__ = ["Arrays", "Symbol", "check_parts", "from_anything", "narrow", "whole_numbers"]

Symbol = str | int
MAX_CODE = 2**32 - 1


class Arrays(NamedTuple):
    """What a `Sequences` is made of."""

    codes: Array
    offsets: Array
    alphabet_size: int
    alphabet: tuple[Symbol, ...] | None


def from_anything(
    data: Any, offsets: Any = None, alphabet: Sequence[Symbol] | None = None, alphabet_size: int | None = None
) -> Arrays:
    """Sort out what `data` is (see `Sequences.from_arrays`) and check it."""
    data = only_column(data) if is_frame(data) else data
    known = _checked_alphabet(alphabet, alphabet_size)
    size = len(known) if known is not None else alphabet_size
    if (
        offsets is None
        and isinstance(data, np.ndarray)
        and data.ndim == 2
        and data.size
        and data.dtype.kind not in "UO"
    ):
        data, offsets = data.reshape(-1), np.arange(len(data) + 1) * data.shape[1]
    documents = _documents(data)
    if not sum(map(len, documents)):
        raise InputError("the data are empty: there is not one symbol in them")
    if isinstance(documents[0], str):
        codes, lengths, known = _encode_characters(documents, known)
    elif isinstance(documents[0], list):
        codes, lengths, known = _encode_symbols(documents, known)
    else:
        codes, lengths = _join([whole_numbers(document) for document in documents], size)
    bounds = offsets_of(np.asarray(lengths))
    if offsets is not None:
        if len(documents) > 1:
            raise InputError("offsets go with one long array of codes; a list of documents has its borders already")
        bounds = _checked_offsets(offsets, len(codes))
    size = len(known) if known is not None else size if size is not None else int(codes.max()) + 1
    return Arrays(codes, bounds, size, known)


def check_parts(codes: Array, offsets: Array, alphabet_size: int, alphabet: tuple[Symbol, ...] | None) -> None:
    """Refuse parts that do not belong together, as far as a look at them can tell."""
    if codes.ndim != 1 or codes.dtype not in (np.uint8, np.uint16, np.uint32):
        raise InputError(f"codes must be 1-D of uint8, uint16 or uint32, not {codes.ndim}-D {codes.dtype}")
    if offsets.ndim != 1 or offsets.dtype != np.int64 or len(offsets) == 0:
        raise InputError("offsets must be 1-D int64, one more than there are documents")
    if offsets[0] != 0 or offsets[-1] != len(codes):
        raise InputError(f"offsets must start at 0 and end at the number of symbols, {len(codes)}")
    if alphabet is not None and len(alphabet) != alphabet_size:
        raise InputError(f"the alphabet has {len(alphabet)} symbols, but alphabet_size is {alphabet_size}")


def whole_numbers(values: Any) -> Array:
    """Return `values` as a one-dimensional array of integers none of which is negative, copied only if it must be."""
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(0, np.uint8)
    if array.dtype.kind == "f":
        bad = np.isnan(array)
        if bad.any():
            raise InputError(
                f"the data contain NaN, first at position {int(bad.argmax())}; leave such values out first"
            )
        raise InputError(
            "the data are floating-point numbers, but symbols are counted: if they are codes already, pass "
            "data.astype(int); if they are measurements, make classes of them first (signs, quantiles)"
        )
    if array.dtype.kind not in "iub":
        raise InputError(f"the data are not integers but {array.dtype}; pass integer codes, or symbols as str")
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    if array.dtype.kind == "i" and array.min() < 0:
        raise InputError(_first_negative(array))
    return np.ascontiguousarray(array)


def narrow(codes: Array, alphabet_size: int | None) -> Array:
    """Check whole numbers against the alphabet; give them a dtype of codes, as they are where they have one."""
    limit = MAX_CODE + 1 if alphabet_size is None else alphabet_size
    if codes.dtype.kind == "i" or np.iinfo(codes.dtype).max >= limit:
        largest = int(codes.max(initial=0))
        if largest > MAX_CODE:
            raise InputError(
                f"the code {largest} is too large: codes go up to {MAX_CODE}; number the symbols 0, 1, 2, …"
            )
        if largest >= limit:
            raise InputError(
                f"the code {largest} is outside an alphabet of {limit} symbols, whose codes are 0 to {limit - 1}; "
                "pass a larger alphabet_size (or alphabet), or leave it out"
            )
    if codes.dtype in (np.uint8, np.uint16, np.uint32) and codes.dtype.isnative:
        return codes
    return codes.astype(code_dtype(int(codes.max(initial=0)) + 1 if alphabet_size is None else alphabet_size))


def _first_negative(array: Array) -> str:
    for piece in pieces(len(array)):
        negative = array[piece] < 0
        if negative.any():
            break
    at = piece.start + int(negative.argmax())
    return (
        f"negative code {array[at]} at position {at}: codes are 0, 1, 2, …; leave missing values out, or number the "
        "symbols anew with np.unique(data, return_inverse=True)[1]"
    )


def _documents(data: Any) -> list[Any]:
    """Make a list of documents, each of them a str (characters), a list of str (symbols) or a 1-D array."""
    if isinstance(data, str):
        return [data]
    if isinstance(data, list | tuple):
        return _documents_of_list(data)
    array = np.asarray(data)
    if array.ndim == 0:
        hint = "; draw from it first: sample(64, 4096, seed=0)" if hasattr(data, "sample") else ""
        raise InputError(
            f"the data are one {type(data).__name__}, not a sequence; pass an array, a list or a str{hint}"
        )
    if array.ndim > 2:
        raise InputError(
            f"the data have {array.ndim} dimensions; pass one document a row (2-D), or a list of documents"
        )
    if array.dtype.kind in "UO":
        return _documents_of_list(array.tolist()) if array.dtype == object else _string_rows(array)
    return [array] if array.ndim == 1 else list(array)


def _string_rows(array: Array) -> list[Any]:
    rows: list[Any] = array.tolist()
    return [rows] if array.ndim == 1 else rows


def _documents_of_list(data: Sequence[Any]) -> list[Any]:
    kinds = set(map(type, data))
    if all(issubclass(kind, Number | np.generic | None) and not issubclass(kind, str) for kind in kinds):
        return [np.asarray(data)]
    if all(issubclass(kind, str) for kind in kinds):
        return _documents_of_strings(data)
    documents = [_one_document(item) for item in data]
    if len({isinstance(document, list) for document in documents if len(document)}) > 1:
        raise InputError("some documents hold strings and others numbers; make all of them the same")
    return list(map(list, documents)) if any(isinstance(document, list) for document in documents) else documents


def _documents_of_strings(data: Sequence[str]) -> list[Any]:
    longer = sum(len(item) > 1 for item in data)
    if longer == 0:
        return [list(data)]
    if longer < len(data):
        raise InputError(
            "a list of strings, some longer than one character and some not, can be read in two ways: pass [data] for "
            "one document whose symbols are these strings, or [list(text) for text in data] for documents of characters"
        )
    return list(data)


def _one_document(item: Any) -> Any:
    """One document of a list of documents: a list of str, or an array."""
    if isinstance(item, str):
        raise InputError("the documents are partly str and partly not; pass list(text) for a document of characters")
    array = item if isinstance(item, np.ndarray) else np.asarray(item) if not _has_strings(item) else None
    if array is None:
        return list(item)
    if array.ndim != 1:
        raise InputError(f"a document has one dimension, not {array.ndim}; pass a list of 1-D arrays, or one 2-D array")
    return array.tolist() if array.dtype.kind == "U" else array


def _has_strings(item: Any) -> bool:
    return isinstance(item, list | tuple) and bool(item) and isinstance(item[0], str)


def _encode_characters(documents: list[str], alphabet: tuple[Symbol, ...] | None) -> tuple[Array, Array, Any]:
    if alphabet is not None:
        return _encode_symbols([list(document) for document in documents], alphabet)
    encoded = encode_documents(["".join(documents)], CharacterEncoder(), marked=False)
    return encoded.codes, np.array([len(document) for document in documents], np.int64), encoded.alphabet


def _encode_symbols(documents: list[list[str]], alphabet: tuple[Symbol, ...] | None) -> tuple[Array, Array, Any]:
    distinct: set[Any] = set().union(*documents)
    if not all(isinstance(symbol, str) for symbol in distinct):
        raise InputError("the symbols are partly str and partly not; make all of them str")
    alphabet = alphabet if alphabet is not None else tuple(sorted(distinct))
    index = {symbol: code for code, symbol in enumerate(alphabet)}
    unknown = sorted(distinct.difference(index))
    if unknown:
        raise InputError(
            f"symbols that the alphabet does not have: {', '.join(map(repr, unknown[:5]))}; add them to it"
        )
    lengths = np.array([len(document) for document in documents], np.int64)
    each = (index[symbol] for document in documents for symbol in document)
    return np.fromiter(each, code_dtype(len(alphabet)), int(lengths.sum())), lengths, alphabet


def _join(documents: list[Array], alphabet_size: int | None) -> tuple[Array, Array]:
    lengths = np.array([len(document) for document in documents], np.int64)
    if len(documents) == 1:
        return narrow(documents[0], alphabet_size), lengths
    if alphabet_size is None:
        alphabet_size = max(int(document.max(initial=0)) for document in documents) + 1
    dtype = code_dtype(min(alphabet_size, MAX_CODE + 1))
    parts = [narrow(document, min(alphabet_size, MAX_CODE + 1)) for document in documents]
    return np.concatenate(parts, dtype=dtype, casting="unsafe"), lengths


def _checked_alphabet(alphabet: Sequence[Symbol] | None, alphabet_size: int | None) -> tuple[Symbol, ...] | None:
    if alphabet_size is not None and not 1 <= alphabet_size <= MAX_CODE + 1:
        raise InputError(f"alphabet_size is {alphabet_size}; it must be from 1 to {MAX_CODE + 1}")
    if alphabet is None:
        return None
    symbols = tuple(s.item() if isinstance(s, np.generic) else s for s in alphabet)
    if not symbols or not all(isinstance(symbol, str | int) for symbol in symbols):
        raise InputError("an alphabet lists the symbols, each a str or an int, in the order of their codes")
    if len(set(symbols)) < len(symbols):
        raise InputError("the alphabet has a symbol twice; every code needs a symbol of its own")
    if alphabet_size not in (None, len(symbols)):
        raise InputError(
            f"the alphabet has {len(symbols)} symbols but alphabet_size is {alphabet_size}; drop one of them"
        )
    return symbols


def _checked_offsets(offsets: Any, n_symbols: int) -> Array:
    bounds = np.asarray(offsets)
    if bounds.dtype.kind not in "iu" or bounds.ndim != 1 or len(bounds) < 2:
        raise InputError("offsets must be whole numbers, one more than there are documents: [0, end of the first, …]")
    bounds = bounds.astype(np.int64, copy=False)
    if bounds[0] != 0:
        raise InputError(f"offsets must start at 0, where the first document begins; they start at {bounds[0]}")
    if (np.diff(bounds) < 0).any():
        at = int(np.argmax(np.diff(bounds) < 0))
        raise InputError(f"offsets must not descend: {bounds[at]} at position {at} is followed by {bounds[at + 1]}")
    if bounds[-1] != n_symbols:
        raise InputError(f"offsets must end at the number of symbols, {n_symbols}; they end at {bounds[-1]}")
    return bounds
