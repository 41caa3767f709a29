"""Missing values: what stands for them, and constants among numbers that look as if they did."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from miscope.errors import InputError
from miscope.sequences.codes import Array

__all__ = ["Marks", "checked_marks", "note_on_constants"]

_AT_AN_END = 2
"""So many different constants may stand far below the others, and as many above."""
_LEAST_OTHERS, _LEAST_VALUES = 3, 50
_USUAL = re.compile(r"-\d+|9{2,}")
"""Whole numbers mark what is missing if they are written so: -1, -9999, 99."""
_VERY_FAR = 20
"""Other numbers do from so many widths of all others on: prices, doses and rates of few kinds stand nearer."""


class Marks(NamedTuple):
    """What stands for missing values: words, and those of them that are numbers."""

    words: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()

    def of_symbols(self, symbols: list[Any]) -> list[Any]:
        """Those of these symbols that are meant."""
        return [symbol for symbol in symbols if self._means(symbol)]

    def _means(self, symbol: Any) -> bool:
        """Text is meant as it is written, a number by its size."""
        return symbol in self.words if isinstance(symbol, str) else _number(symbol) in self.numbers


def checked_marks(values: Any) -> Marks:
    """Marks as a person gives them: one, or several.

    >>> checked_marks([-9999, "NA"])
    Marks(words=('-9999', 'NA'), numbers=(-9999.0,))
    """
    several = values if isinstance(values, Iterable) and not isinstance(values, str | bytes) else [values]
    words = tuple(str(value.item() if isinstance(value, np.generic) else value) for value in several)
    if not words or not all(word.strip() for word in words):
        raise InputError(f"missing_values={values!r} names no value: write those that are missing, as in [-9999, 'NA']")
    numbers = [_number(word) for word in words]
    return Marks(words, tuple(number for number in numbers if number is not None and math.isfinite(number)))


def note_on_constants(values: npt.NDArray[np.float64], name: str, codes: bool = False) -> list[str]:
    """Say which values stand far outside all others, and repeat: they may mark what is missing.

    >>> note_on_constants(np.array([3.0, 1.0, 2.0, -9999.0, -9999.0] * 10), "x")[0][:63]
    'in x the value -9999 stands 20 times, also in runs, far outside'

    Parameters
    ----------
    values
        float64 of shape (n_values,), in the order of the data.
    name
        What to call them.
    codes
        Whether they are symbols, so that far outside is only what is written like a mark: -1, -9999, 99. Of other
        numbers it is also what stands very far.
    """
    if len(values) < _LEAST_VALUES:
        return []
    distinct = np.unique(values)
    far = _far(distinct)
    core = distinct[~np.isin(distinct, far)]
    runs = values[1:][values[1:] == values[:-1]]
    far = far[np.isin(far, runs)]
    far = far[[_is_written_so(value) or (not codes and _is_very_far(value, core)) for value in far.tolist()]]
    if len(far) == 0:
        return []
    counts = [int(np.count_nonzero(values == value)) for value in far.tolist()]
    said = " and ".join(f"{value:g} stands {n:,} times" for value, n in zip(far.tolist(), counts, strict=True))
    marks = ", ".join(f"{value:g}" for value in far.tolist())
    return [
        f"in {name} the value {said}, also in runs, far outside all others: if it marks what is missing, name it, "
        f"missing_values=[{marks}], or it passes for dependence"
    ]


def _far(distinct: Array) -> Array:
    """Of ascending values those at the ends that are as far from the others as these are from each other."""
    n = len(distinct)
    found: list[float] = []
    for below in range(_AT_AN_END + 1):
        for above in range(_AT_AN_END + 1):
            if below + above == 0 or n - below - above < _LEAST_OTHERS:
                continue
            core = distinct[below : n - above]
            width = core[-1] - core[0]
            if below and core[0] - distinct[below - 1] < width:
                continue
            if above and distinct[n - above] - core[-1] < width:
                continue
            found += [*distinct[:below].tolist(), *distinct[n - above :].tolist()]
    return np.unique(np.array(found, np.float64))


def _is_written_so(value: float) -> bool:
    return value.is_integer() and bool(_USUAL.fullmatch(f"{value:.0f}"))


def _is_very_far(value: float, core: Array) -> bool:
    return bool(len(core)) and max(core[0] - value, value - core[-1]) > _VERY_FAR * (core[-1] - core[0])


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError, OverflowError):
        return None
