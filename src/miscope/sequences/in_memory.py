"""Data in memory as what they are: symbols, or real numbers."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from miscope.errors import InputError
from miscope.sequences.array_likes import unwrapped
from miscope.sequences.container import Sequences
from miscope.sequences.documents import is_real
from miscope.sequences.numbers import Conversion
from miscope.sequences.series import Series
from miscope.sequences.two_readings import UnclearError, are_codes, are_whole

__all__ = ["in_memory", "refuse_codes"]


def in_memory(data: Any, as_: str | None = None, label: str | None = None) -> Sequences | Series:
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

    Raises
    ------
    InputError
        The data are of no use, or can be read in two ways (`UnclearError`).
    """
    conversion = None if as_ is None else Conversion.parse(as_)
    held = unwrapped(data)
    if conversion is not None and conversion.needs_numbers:
        return conversion.apply(Series.from_arrays(held, label))
    if not is_real(held):
        return Sequences.from_arrays(held, label=label)
    series = Series.from_arrays(held, label)
    if not are_whole([series.values]):
        if conversion is not None:
            raise InputError(f"numbers with fractions are no symbols: make classes of them, such as {_CLASSES}")
        return series
    if conversion is None:
        return Sequences.from_arrays(held, label=label)
    codes, alphabet = series.values.astype(np.int64).reshape(-1), None
    if codes.min() < 0:
        kinds, codes = np.unique(codes, return_inverse=True)
        alphabet = kinds.tolist()
    made = Sequences.from_arrays(codes, series.offsets, alphabet)
    return dataclasses.replace(made, provenance=series.provenance)


_CLASSES = "as_='quantiles:4'"


def refuse_codes(series: Series) -> None:
    """Refuse a series whose numbers look like codes, where it would be cut without anybody having said so.

    Raises
    ------
    UnclearError
        Its values are whole, and of few kinds.
    """
    if series.n_channels == 1 and are_whole([series.values]) and are_codes([series.values.reshape(-1)]):
        raise UnclearError(
            "the values of the series are whole numbers of few kinds: if they are codes of symbols, read them with "
            "as_='symbols'; if they are measurements, cut them, as_='quantiles:4' (of a Series in Python: "
            "series.quantise(4))"
        )
