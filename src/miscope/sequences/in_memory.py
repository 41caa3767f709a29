"""Data in memory as what they are: symbols, or real numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from miscope.errors import InputError
from miscope.sequences.array_likes import unwrapped
from miscope.sequences.container import Sequences
from miscope.sequences.documents import Documents, documents_of, is_real, numbers_of
from miscope.sequences.missing import ONLY_MASKED, MissingRule
from miscope.sequences.numbers import Conversion
from miscope.sequences.series import Series
from miscope.sequences.two_readings import UnclearError, are_codes, are_whole

__all__ = ["in_memory", "look_like_codes", "refuse_codes"]


def in_memory(
    data: Any, as_: str | None = None, label: str | None = None, rule: MissingRule = ONLY_MASKED
) -> Sequences | Series:
    """Take data as symbols or as real numbers, as they themselves say.

    Floating-point numbers with fractions are real numbers. Where all of them are whole, they are codes (MATLAB stores
    nothing else) if none is negative and they are of few kinds, at most 256, each of which comes five times or more on
    average; otherwise they are refused, and both readings spelled out. Anything else is symbols.

    Examples
    --------
    >>> in_memory([0.0, 1.0, 1.0] * 9), in_memory([0.5, 1.0])
    (Sequences(27 symbols of 2 kinds in 1 document), Series(2 values in 1 document))
    >>> in_memory([0.0, 1.0, 1.0] * 9, "numbers")
    Series(27 values in 1 document)

    Parameters
    ----------
    data
        What `Sequences.from_arrays` or `Series.from_arrays` takes.
    as_
        What to make of them, in the grammar of `Conversion`: ``"symbols"``, ``"numbers"``, ``"quantiles:4"``, …
    label
        What to call the data in results.
    rule
        What is missing in them besides masked places; documents end there.

    Raises
    ------
    InputError
        The data are of no use, or can be read in two ways (`UnclearError`).
    """
    conversion = None if as_ is None else Conversion.parse(as_)
    held = unwrapped(data)
    if conversion is not None and conversion.needs_numbers:
        return conversion.apply(Series.from_arrays(numbers_of(held, rule), label))
    if is_real(held):
        found = numbers_of(held, rule)
        if not are_whole(found.parts):
            if conversion is not None and all(np.isfinite(part).all() for part in found.parts):
                raise InputError(f"numbers with fractions are no symbols: make classes of them, such as {_CLASSES}")
            return Series.from_arrays(found, label)
    documents = documents_of(held, rule)
    return Sequences.from_arrays(documents, label=label) if conversion is None else _symbols(documents, label)


def _symbols(documents: Documents, label: str | None) -> Sequences:
    """Each whole number a symbol, negative ones too, and those that are stored as floating-point numbers."""
    parts, alphabet = documents.parts, None
    if all(isinstance(part, np.ndarray) and part.dtype.kind in "if" for part in parts) and parts:
        lengths = np.array(list(map(len, parts))) if documents.lengths is None else documents.lengths
        codes = np.concatenate([part.astype(np.int64, copy=False) for part in parts])
        if codes.min(initial=0) < 0:
            kinds, codes = np.unique(codes, return_inverse=True)
            alphabet = kinds.tolist()
        documents = documents._replace(parts=[codes], lengths=lengths)
    return Sequences.from_arrays(documents, None, alphabet, label=label)


_CLASSES = "as_='quantiles:4'"


def look_like_codes(series: Series) -> bool:
    """Whether the numbers of a series are whole, and of few kinds.

    >>> look_like_codes(Series.from_arrays([0, 1, 1] * 9)), look_like_codes(Series.from_arrays([0.5, 1.0]))
    (True, False)
    """
    return series.n_channels == 1 and are_whole([series.values]) and are_codes([series.values.reshape(-1)])


def refuse_codes(series: Series) -> None:
    """Refuse a series whose numbers look like codes, where it would be cut without anybody having said so.

    Raises
    ------
    UnclearError
        Its values are whole, and of few kinds.
    """
    if look_like_codes(series):
        raise UnclearError(
            "the values of the series are whole numbers of few kinds: if they are codes of symbols, read them with "
            "as_='symbols', or make Sequences of them; if they are measurements, say how to cut them, "
            "as_='quantiles:4' (or series.quantise(4))"
        )
