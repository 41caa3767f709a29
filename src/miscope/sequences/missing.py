"""Missing values: what stands for them, and constants among numbers that look as if they did."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from miscope.errors import InputError, choice
from miscope.sequences.codes import Array, histogram, pieces

__all__ = [
    "MISSING",
    "ONLY_MASKED",
    "Marks",
    "MissingRule",
    "checked_marks",
    "note_on_constants",
    "note_on_symbols",
    "rule_of_arrays",
]

MISSING = ("break", "refuse")

_AT_AN_END = 2
"""So many different constants may stand far below the others, and as many above."""
_LEAST_OTHERS, _LEAST_VALUES = 3, 50
_ENDS = _AT_AN_END + _LEAST_OTHERS - 1
"""So many distinct values at either end tell which of them are far."""
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


class MissingRule(NamedTuple):
    """What is missing in arrays, and how a person says so where they come from.

    Parameters
    ----------
    marks
        What stands for missing values.
    nan
        Whether NaN does; otherwise it is refused.
    refuse
        Whether what is missing is refused too.
    file
        The file that the arrays are read from, if any.
    """

    marks: Marks = Marks()
    nan: bool = False
    refuse: bool = False
    file: str = ""

    def of_array(self, values: Array) -> Array:
        """Which of these numbers or symbols are missing, a bool for each moment."""
        if values.dtype == object:
            marked = set(self.marks.of_symbols(list(set(values.tolist()))))
            return np.fromiter((value in marked for value in values.tolist()), bool, len(values))
        missing: Array = np.isin(values, self.marks.numbers)
        if self.nan and values.dtype.kind == "f":
            missing |= np.isnan(values)
        return np.asarray(missing.reshape(len(values), -1).any(axis=1))

    def named(self, values: Iterable[float], holder: str = "Sequences") -> str:
        """How to name values as missing: of the reader of a file, or of what holds an array.

        >>> MissingRule().named([-9999.0], "Series")
        'miscope.Series.from_arrays(data, missing_values=[-9999])'
        """
        said = f"missing_values=[{', '.join(f'{value:g}' for value in values)}]"
        return said if self.file else f"miscope.{holder}.from_arrays(data, {said})"

    def not_finite(self, position: int, value: Any) -> InputError:
        """Say that a number is missing or infinite, and what to do."""
        at, way = "", "numpy.ma.masked_invalid(data) begins a new document"
        if self.file:
            named = "missing='break'" if np.isnan(value) else self.named([value])
            at, way = f" of {self.file!r}", f"{named} begins a new document"
        return InputError(
            f"value {position}{at} is {value}: leave out what is missing or infinite, or fill it, first; where it "
            f"marks what is missing, {way}"
        )


ONLY_MASKED = MissingRule()
"""What is missing in arrays where nobody said anything."""


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
    return Marks(words, tuple(number for number in numbers if number is not None and not math.isnan(number)))


def rule_of_arrays(missing: str | None, missing_values: Any, file: str = "") -> MissingRule:
    """What is missing in arrays, as a person says it.

    NaN is missing if it is named, or documents are to break at missing values.

    >>> rule_of_arrays(None, [-1, np.nan]).nan, rule_of_arrays("break", None).nan, rule_of_arrays(None, None).nan
    (True, True, False)
    """
    if missing is not None:
        choice(missing, MISSING, "way with missing values")
    marks = Marks() if missing_values is None else checked_marks(missing_values)
    is_named = any(number is not None and math.isnan(number) for number in map(_number, marks.words))
    return MissingRule(marks, missing == "break" or is_named, missing == "refuse", file)


def note_on_constants(
    values: Array, name: str, codes: bool = False, rule: MissingRule | None = None, holder: str = "Series"
) -> list[str]:
    """Say which values stand far outside all others, and repeat: they may mark what is missing.

    >>> note_on_constants(np.array([3.0, 1.0, 2.0, -9999.0, -9999.0] * 10), "x")[0][:63]
    'in x the value -9999 stands 20 times, also in runs, far outside'

    Parameters
    ----------
    values
        Numbers of shape (n_values,), in the order of the data.
    name
        What to call them.
    codes
        Whether they are symbols, so that far outside is only what is written like a mark: -1, -9999, 99. Of other
        numbers it is also what stands very far.
    rule, holder
        Of arrays: how what is missing is named there.
    """
    if len(values) < _LEAST_VALUES:
        return []
    ends = _ends(values)
    suspects = _suspects(ends, codes)
    return _said(name, {value: _count_if_in_runs(values, value) for value in suspects}, rule, holder)


def _suspects(ends: Array, codes: bool) -> list[float]:
    """Of ascending values those that look as if they marked what is missing."""
    far = _far(ends)
    core = ends[~np.isin(ends, far)]
    return [value for value in far.tolist() if _is_written_so(value) or (not codes and _is_very_far(value, core))]


def _said(name: str, found: dict[float, int], rule: MissingRule | None, holder: str) -> list[str]:
    """The note on suspects, each with how often it stands; those that never stand twice in a row have none."""
    counts = {value: n for value, n in found.items() if n}
    if not counts:
        return []
    said = " and ".join(f"{value:g} stands {n:,} times" for value, n in counts.items())
    way = (
        f"name it, missing_values=[{', '.join(f'{value:g}' for value in counts)}]"
        if rule is None or rule.file
        else f"pass {rule.named(counts, holder)}"
    )
    return [
        f"in {name} the value {said}, also in runs, far outside all others: if it marks what is missing, {way}, or it "
        "passes for dependence"
    ]


def note_on_symbols(
    codes: Array, alphabet: Sequence[Any] | None, name: str, rule: MissingRule | None = None
) -> list[str]:
    """The same of codes whose symbols are whole numbers, or which have no other symbols than themselves.

    >>> note_on_symbols(np.array([0, 1, 2, 99, 99] * 10), None, "x")[0][:60]
    'in x the value 99 stands 20 times, also in runs, far outside'
    """
    if alphabet is None:
        return note_on_constants(codes, name, True, rule, "Sequences")
    if len(codes) < _LEAST_VALUES or not all(isinstance(each, int) and abs(each) < 1 << 53 for each in alphabet):
        return []
    numbers = np.array(alphabet, np.float64)
    suspects = _suspects(np.unique(numbers[histogram(codes, len(numbers)) > 0]), True)
    found = {value: _count_if_in_runs(codes, int(np.flatnonzero(numbers == value)[0])) for value in suspects}
    return _said(name, found, rule, "Sequences")


def _ends(values: Array) -> Array:
    """The distinct values, ascending; where there are many, only the first and the last of them."""
    kept = np.zeros(0)
    for piece in pieces(len(values)):
        distinct = _distinct(values[piece])
        kept = np.union1d(kept, np.concatenate([distinct[:_ENDS], distinct[-_ENDS:]]).astype(np.float64))
        kept = np.concatenate([kept[:_ENDS], kept[_ENDS:][-_ENDS:]])
    return kept


def _distinct(values: Array) -> Array:
    """The same as ``np.unique(values)``, several times as fast: counted if they are small codes, sorted if not."""
    if values.dtype in (np.uint8, np.uint16):
        return np.flatnonzero(np.bincount(values))
    ascending = np.sort(values)
    is_first = np.ones(len(ascending), bool)
    is_first[1:] = ascending[1:] != ascending[:-1]
    found: Array = ascending[is_first]
    return found


def _count_if_in_runs(values: Array, value: float) -> int:
    """How often a value stands, 0 if never twice in a row."""
    n, follows, in_runs = 0, False, False
    for piece in pieces(len(values)):
        at = values[piece] == value
        n += int(np.count_nonzero(at))
        in_runs = in_runs or bool((at[1:] & at[:-1]).any() or (follows and at[0]))
        follows = bool(at[-1])
    return n if in_runs else 0


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
