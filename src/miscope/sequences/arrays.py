"""Whatever people hold their symbols in becomes checked codes, document offsets and an alphabet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from miscope.errors import InputError
from miscope.sequences.codes import Array, code_dtype, offsets_of, pieces
from miscope.sequences.documents import documents_of, provenance_of
from miscope.sequences.encoding import BYTES, CharacterEncoder, encode_documents
from miscope.sequences.missing import ONLY_MASKED, MissingRule, note_on_symbols, rule_of_arrays
from miscope.sequences.notes import noted
from miscope.sequences.two_readings import are_codes, are_whole, unclear_numbers

__all__ = [
    "MAX_CODE",
    "Arrays",
    "Symbol",
    "check_parts",
    "from_anything",
    "narrow",
    "too_large",
    "unknown_symbols",
    "whole_numbers",
]

Symbol = str | int
MAX_CODE = 2**32 - 1
LEAST_MARK = 99
"""Smaller codes are no marks of what is missing."""


class Arrays(NamedTuple):
    """What a `Sequences` is made of."""

    codes: Array
    offsets: Array
    alphabet_size: int
    alphabet: tuple[Symbol, ...] | None
    provenance: dict[str, Any]


def from_anything(
    data: Any,
    offsets: Any = None,
    alphabet: Sequence[Symbol] | None = None,
    alphabet_size: int | None = None,
    label: str | None = None,
    missing_values: Any = None,
) -> Arrays:
    """Sort out what `data` is (see `Sequences.from_arrays`) and check it."""
    known = _checked_alphabet(alphabet, alphabet_size)
    size = len(known) if known is not None else alphabet_size
    documents = documents_of(data, rule_of_arrays(None, missing_values))
    if not sum(map(len, documents.parts)):
        raise InputError("the data are empty: there is not one symbol in them")
    codes, lengths, known = _encoded(documents.parts, known, size, documents.rule)
    if any(isinstance(part, np.ndarray) and part.dtype.kind == "f" for part in documents.parts):
        note = "the data are whole numbers stored as floating-point numbers, and were taken as codes, not measurements"
        documents = documents._replace(notes=(*documents.notes, note))
    bounds = offsets_of(np.asarray(lengths if documents.lengths is None else documents.lengths))
    if offsets is not None:
        if documents.n_missing:
            raise InputError(
                "where a value is missing a document ends already, and offsets would count it: leave offsets out, and "
                "pass a list of the documents, [data[a:b] for a, b in zip(offsets[:-1], offsets[1:])]"
            )
        if len(bounds) > 2:
            raise InputError("offsets go with one long array of codes; a list of documents has its borders already")
        bounds = _checked_offsets(offsets, len(codes))
    size = len(known) if known is not None else size if size is not None else int(codes.max()) + 1
    about = provenance_of(documents, label)
    if alphabet_size is None and (known is not None or size > LEAST_MARK):
        about = noted(about, note_on_symbols(codes, known, "the data", documents.rule))
    return Arrays(codes, bounds, size, known, about)


def _encoded(
    parts: list[Any], alphabet: tuple[Symbol, ...] | None, size: int | None, rule: MissingRule
) -> tuple[Array, Array, tuple[Symbol, ...] | None]:
    """Codes of all documents, the documents' lengths, and the alphabet, if there is one."""
    filled = next(part for part in parts if len(part))
    if isinstance(filled, str):
        return _encode_characters(parts, alphabet)
    if isinstance(filled, bytes):
        joined = np.frombuffer(b"".join(parts), np.uint8)
        return narrow(joined, size), _lengths(parts), BYTES if size is None else alphabet
    if filled.dtype == object and not isinstance(filled[0], str):
        _refuse_negative(parts, rule)
    if filled.dtype == object:
        return _encode_symbols([part.tolist() for part in parts], alphabet)
    if any(part.dtype.kind == "f" for part in parts):
        parts = _codes_of_floats(parts, rule)
    parts = [whole_numbers(part, rule) for part in parts]
    if size is None and any(int(part.max(initial=0)) > MAX_CODE for part in parts):  # no codes, but names of symbols
        return _encode_symbols([part.tolist() for part in parts], None)
    return *_join(parts, size), alphabet


def _codes_of_floats(parts: list[Array], rule: MissingRule) -> list[Array]:
    """Whole numbers that are stored as floats, as whole numbers."""
    for part in parts:
        bad = ~np.isfinite(part)
        if bad.any():
            raise rule.not_finite(int(bad.argmax()), part[bad.argmax()])
    if not are_whole(parts):
        raise InputError(
            "the data are floating-point numbers, but symbols are counted: make classes of them first, quantiles for "
            "example (in Python miscope.Series.from_arrays(data).quantise(4))"
        )
    if not are_codes(parts):
        raise unclear_numbers(parts, rule)
    return [part.astype(np.int64) for part in parts]


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


def whole_numbers(values: Any, rule: MissingRule = ONLY_MASKED) -> Array:
    """Return `values` as a one-dimensional array of integers none of which is negative, copied only if it must be."""
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(0, np.uint8)
    if array.dtype.kind == "f":
        array = _codes_of_floats([array], rule)[0]
    if array.dtype.kind not in "iub":
        raise InputError(f"the data are not integers but {array.dtype}; pass integer codes, or symbols as str")
    if array.dtype.kind == "b":
        flags = array.view(np.uint8)
        array = flags if flags.max() <= 1 else array.astype(np.uint8)  # other writers' true may be any byte but 0
    if array.dtype.kind == "i":
        _refuse_negative([array], rule)
    return np.ascontiguousarray(array)


def narrow(codes: Array, alphabet_size: int | None) -> Array:
    """Check whole numbers against the alphabet; give them a dtype of codes, as they are where they have one."""
    limit = MAX_CODE + 1 if alphabet_size is None else alphabet_size
    if codes.dtype.kind == "i" or np.iinfo(codes.dtype).max >= limit:
        largest = int(codes.max(initial=0))
        if largest > MAX_CODE:
            raise too_large(largest)
        if largest >= limit:
            raise InputError(
                f"the code {largest} is outside an alphabet of {limit} symbols, whose codes are 0 to {limit - 1}; "
                "pass a larger alphabet_size (or alphabet), or leave it out"
            )
    if codes.dtype in (np.uint8, np.uint16, np.uint32) and codes.dtype.isnative:
        return codes
    return codes.astype(code_dtype(int(codes.max(initial=0)) + 1 if alphabet_size is None else alphabet_size))


def too_large(code: int) -> InputError:
    """Say that a whole number is too large for a code."""
    return InputError(f"the code {code} is too large: codes go up to {MAX_CODE}; number the symbols 0, 1, 2, …")


def _refuse_negative(arrays: list[Array], rule: MissingRule) -> None:
    for array in arrays:
        for piece in pieces(len(array)):
            negative = array[piece] < 0
            if negative.any():
                at = piece.start + int(negative.argmax())
                anew = "as_='symbols'" if rule.file else "np.unique(data, return_inverse=True)[1]"
                raise InputError(
                    f"negative code {array[at]} at position {at}: codes are 0, 1, 2, …; {anew} numbers the symbols "
                    f"anew; if {array[at]} marks what is missing, {rule.named([array[at]])} leaves it out"
                )


def _lengths(documents: Iterable[Any]) -> Array:
    return np.array([len(document) for document in documents], np.int64)


def _encode_characters(documents: list[str], alphabet: tuple[Symbol, ...] | None) -> tuple[Array, Array, Any]:
    if alphabet is not None:
        return _encode_symbols([list(document) for document in documents], alphabet)
    encoded = encode_documents(["".join(documents)], CharacterEncoder(), marked=False)
    return encoded.codes, _lengths(documents), encoded.alphabet


def _encode_symbols(documents: list[list[Any]], alphabet: tuple[Symbol, ...] | None) -> tuple[Array, Array, Any]:
    distinct: set[Any] = set().union(*documents)
    if not (all(isinstance(symbol, str) for symbol in distinct) or all(isinstance(symbol, int) for symbol in distinct)):
        raise InputError("the symbols are partly str and partly not; make all of them str")
    alphabet = alphabet if alphabet is not None else tuple(sorted(distinct))
    index = {symbol: code for code, symbol in enumerate(alphabet)}
    unknown_symbols(sorted(distinct.difference(index)))
    each = (index[symbol] for document in documents for symbol in document)
    lengths = _lengths(documents)
    return np.fromiter(each, code_dtype(len(alphabet)), int(lengths.sum())), lengths, alphabet


def unknown_symbols(symbols: Iterable[Symbol]) -> None:
    """Refuse symbols, if there are any, that an alphabet does not have."""
    unknown = list(symbols)
    if unknown:
        raise InputError(
            f"symbols that the alphabet does not have: {', '.join(map(repr, unknown[:5]))}; add them to it"
        )


def _join(documents: list[Array], alphabet_size: int | None) -> tuple[Array, Array]:
    lengths = _lengths(documents)
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
