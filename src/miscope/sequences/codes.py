"""What is done to arrays of codes a piece at a time, so that the largest need no large temporaries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from miscope.errors import InputError

__all__ = [
    "Array",
    "code_dtype",
    "gather",
    "histogram",
    "n_distinct",
    "offsets_of",
    "pieces",
    "read_only",
    "recode",
]

Array: TypeAlias = npt.NDArray[Any]

PIECE = 1 << 18
FEW_SYMBOLS = 128


def pieces(n: int, size: int = PIECE) -> Iterator[slice]:
    """Cut ``range(n)`` into slices of at most `size`."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def code_dtype(alphabet_size: int) -> np.dtype[Any]:
    """Name the smallest of uint8, uint16 and uint32 that holds the codes of an alphabet.

    >>> [code_dtype(size).name for size in (2, 256, 257, 65536, 65537)]
    ['uint8', 'uint8', 'uint16', 'uint16', 'uint32']
    """
    return np.dtype(np.uint8 if alphabet_size <= 1 << 8 else np.uint16 if alphabet_size <= 1 << 16 else np.uint32)


def offsets_of(lengths: Array) -> npt.NDArray[np.int64]:
    """Where documents of these `lengths` begin and end when they stand one behind the other."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def read_only(codes: Array) -> Array:
    """A view that may not be written to, as that of a mapped file.

    Kernels are compiled for each type of array by itself, and what may be written is another type: codes that come to
    them so, from memory and from files, have them compiled once.

    >>> read_only(np.zeros(3)).flags.writeable
    False
    """
    view = codes.view()
    view.setflags(write=False)
    return view


def histogram(codes: Array, alphabet_size: int) -> npt.NDArray[np.int64]:
    """Count each code: ``np.bincount(codes, minlength=alphabet_size)`` without its eight bytes a symbol."""
    counts = np.zeros(alphabet_size, np.int64)
    for piece in pieces(len(codes), max(PIECE, alphabet_size)):
        part = np.bincount(codes[piece])
        counts[: len(part)] += part
    return counts


def n_distinct(codes: Array, alphabet_size: int) -> int:
    """How many different codes there are; as soon as all of the alphabet have been seen, no more are looked at.

    >>> n_distinct(np.array([1, 3, 1]), 4)
    2
    """
    if alphabet_size > max(len(codes), PIECE):
        return len(np.unique(codes))
    seen = np.zeros(alphabet_size, bool)
    for piece in pieces(len(codes)):
        seen[codes[piece]] = True
        if seen.all():
            break
    return int(seen.sum())


def recode(codes: Array, table: Array, out: Array | None = None) -> Array:
    """Look every code up in `table`: ``table[codes]`` without its eight bytes a symbol.

    Raises
    ------
    InputError
        A code is outside of the table.
    """
    out = np.empty(len(codes), table.dtype) if out is None else out
    for piece in pieces(len(codes)):
        part = codes[piece]
        if len(part) and (part.max() >= len(table) or (part.dtype.kind != "u" and part.min() < 0)):
            raise InputError(f"there is a code outside of 0 to {len(table) - 1}, the codes that mean something here")
        np.take(table, part, out=out[piece], mode="clip")  # now the same as "raise", which would copy `out`
    return out


def gather(codes: Array, offsets: Array, documents: Array) -> tuple[Array, npt.NDArray[np.int64]]:
    """Copy the named `documents`, in that order, into new codes and offsets."""
    lengths = np.diff(offsets)[documents]
    new = offsets_of(lengths)
    out = np.empty(int(new[-1]), codes.dtype)
    for block in pieces(len(documents), 4096):
        starts, ends = offsets[documents[block]], offsets[documents[block] + 1]
        begin, end = int(new[block.start]), int(new[block.stop])
        if end - begin > FEW_SYMBOLS * len(starts):
            np.concatenate([codes[a:b] for a, b in zip(starts, ends, strict=True)], out=out[begin:end])
        else:
            shift = np.repeat(starts - new[block], lengths[block])
            np.take(codes, np.arange(begin, end) + shift, out=out[begin:end], mode="clip")
    return out, new
