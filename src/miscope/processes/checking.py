"""What a person may hand over as a parameter, checked: numbers, tables, laws and alphabets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from miscope.errors import InputError

__all__ = [
    "checked_alphabet",
    "laws",
    "number_between",
    "numbers",
    "real_number",
    "real_numbers",
    "shortened",
    "whole_number",
]

Floats = npt.NDArray[np.float64]

_MOST = (1 << 128) - 1  # larger whole numbers are good for nothing, not even as a seed, and hard to print
_NO_SUM = 1e-9  # by how much a law may miss a sum of 1


def whole_number(value: Any, name: str, least: int, most: int = _MOST) -> int:
    """A whole number of at least `least` and at most `most`, or an error that names it."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, not {shortened(value)}")
    if value > most:
        raise InputError(f"{name} must be a whole number of at most {most}, not {shortened(value)}")
    return int(value)


def real_number(value: Any, name: str, above: float | None = None) -> float:
    """A finite number, larger than `above`, or an error that names it."""
    try:
        is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        number = float(value) if is_number else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or (above is not None and number <= above):
        larger = "" if above is None else f" above {above:g}"
        raise InputError(f"{name} must be a number{larger}, not {shortened(value)}")
    return number


def number_between(value: Any, name: str, low: float, high: float) -> float:
    """A number between two others, or an error that names it."""
    number = real_number(value, name)
    if not low < number < high:
        raise InputError(f"{name} must lie between {low:g} and {high:g}, both excluded; not {number:g}")
    return number


def real_numbers(values: Any, name: str) -> Floats:
    """A list of finite numbers as an array, or an error that names it."""
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    if isinstance(listed, str | bytes | Mapping) or not isinstance(listed, Iterable):
        raise InputError(f"{name} must be a list of numbers, not {shortened(values)}")
    return np.array([real_number(value, f"each of {name}") for value in listed], np.float64)


def numbers(given: Any, name: str) -> Floats:
    """Nested lists of numbers as an array, or an error that names it."""
    try:
        return np.array(given, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} must be an array, or nested lists of equal lengths, of numbers") from None


def laws(given: Floats, name: str) -> Floats:
    """Rows of `given`, shape (n, K), as probabilities that sum to 1, or an error that names what is wrong."""
    if given.ndim != 2 or not given.size:
        raise InputError(f"{name} must be a table of probabilities, one law a row, not an array of shape {given.shape}")
    if not ((given >= 0) & (given <= 1 + _NO_SUM)).all():
        raise InputError(f"{name} must hold probabilities, 0 to 1: it has a number below or above, or not finite")
    sums = given.sum(axis=1)
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst] - 1) > _NO_SUM:
        raise InputError(
            f"each row of {name} must sum to 1: row {worst} sums to {sums[worst]:.9g}; divide it by its sum"
        )
    return np.asarray(given / sums[:, None])


def checked_alphabet(alphabet: Sequence[str | int] | None, size: int) -> tuple[str | int, ...] | None:
    """The symbols of all codes, or an error that says how many there must be."""
    if alphabet is None:
        return None
    symbols = tuple(alphabet) if isinstance(alphabet, Sequence) else ()
    if len(symbols) != size or not all(isinstance(each, str | int) for each in symbols) or len(set(symbols)) != size:
        raise InputError(f"alphabet must name {size} different symbols, str or int, one for each code")
    return symbols


def shortened(value: Any) -> str:
    """How a value is written, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python writes out no whole number of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."
