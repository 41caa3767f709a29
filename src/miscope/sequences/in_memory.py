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
from miscope.sequences.together import joined
from miscope.sequences.two_readings import UnclearError, are_codes, are_whole

__all__ = ["as_sequences", "data_of", "in_memory", "look_like_codes", "made_already", "refuse_codes"]

_QUANTILES = 4


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


def data_of(source: Any) -> Sequences | Series:
    """Take `Sequences` and `Series` as they are, lists of them behind one another, and all else as `in_memory` does.

    >>> data_of([[0, 1], [1]]), data_of(Series.from_arrays([0.5, 1.0]))
    (Sequences(3 symbols of 2 kinds in 2 documents), Series(2 values in 1 document))
    """
    made = made_already(source)
    return in_memory(source) if made is None else made


def made_already(source: Any) -> Sequences | Series | None:
    """Data that have been made already, or several of a kind; None for anything else."""
    if isinstance(source, Sequences | Series):
        return source
    items = source if isinstance(source, list | tuple) else ()
    if items and all(isinstance(item, Sequences) for item in items):
        return items[0] if len(items) == 1 else Sequences.concatenate(items)
    return joined(items) if items and all(isinstance(item, Series) for item in items) else None


def as_sequences(source: Any, n_quantiles: int | None = None) -> Sequences:
    """Take whatever a person hands over as data of symbols: the door of all functions that count or compare symbols.

    Examples
    --------
    >>> as_sequences("abba"), as_sequences([0.1, 0.7, 0.2, 0.9, 0.4])
    (Sequences(4 symbols of 2 kinds in 1 document), Sequences(5 symbols of 4 kinds in 1 document))

    Parameters
    ----------
    source
        `Sequences` or a `Series`, a list of either, or what `in_memory` takes.
    n_quantiles
        Symbols that real numbers are cut into, equally frequent. Default: 4.

    Raises
    ------
    InputError
        The data are of no use, can be read in two ways, or are symbols where `n_quantiles` are asked for.
    """
    made = made_already(source)
    if made is None:
        held = unwrapped(source)
        made = in_memory(held, "numbers" if n_quantiles is not None and is_real(held) else None)
    if isinstance(made, Series):
        if n_quantiles is None:
            refuse_codes(made)
        return made.quantise(_QUANTILES if n_quantiles is None else n_quantiles)
    if n_quantiles is not None:
        raise InputError("n_quantiles is for real numbers; these data are symbols already")
    return made


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
            "as_='symbols'; if they are measurements, cut them, as_='quantiles:4' (of a Series in Python: "
            "series.quantise(4))"
        )
