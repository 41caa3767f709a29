"""Columns that tell documents: their values as text, and what is missing in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from miscope.errors import InputError

__all__ = ["BETWEEN", "Tellers"]

BETWEEN = "\x1f"
"""Stands between the values of several columns that tell documents: ASCII's mark between units, which none has."""

MARKS = ("nan", "na", "n/a", "null", "#n/a", "<na>", "-nan", "#na")
"""How a number that is missing is written in text; in a column of names these may be names."""


class Tellers:
    """Makes one column of those that tell documents; where one of them says nothing, neither does it.

    What is missing are nulls, NaN, and in files of text empty fields. Words such as NaN or NA are missing if all others
    in their column are numbers, which is known at the end.
    """

    def __init__(self, names: list[str], is_text: bool) -> None:
        self._names, self._is_text = names, is_text
        self._numbers = dict.fromkeys(names, False)
        self._words = dict.fromkeys(names, False)
        self._marked: dict[str, int] = {}
        self._row = 0

    def of(self, batch: Any) -> Any:
        """The documents of the rows of a batch; None if no column tells them."""
        import pyarrow.compute as pc

        if not self._names:
            return None
        columns = [self._without_missing(name, batch.column(name)) for name in self._names]
        self._row += len(batch)
        if len(columns) == 1:
            return columns[0]
        return pc.binary_join_element_wise(*(column.cast("string") for column in columns), BETWEEN)

    def check(self, file: str) -> None:
        """Refuse marks of missing numbers, when all rows have been seen."""
        for name, row in self._marked.items():
            if self._numbers[name] and not self._words[name]:
                raise InputError(
                    f"row {row + 1:,} of {file!r} does not say which document it is of, for {name!r} is missing there; "
                    "fill it in, or leave it out"
                )

    def _without_missing(self, name: str, column: Any) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        if pa.types.is_floating(column.type):
            return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        if not self._is_text:
            return column
        self._look(name, column)
        return pc.if_else(pc.equal(column, ""), pa.scalar(None, column.type), column)

    def _look(self, name: str, column: Any) -> None:
        """Whether there are numbers, words, and marks of missing numbers among these."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._words[name]:
            return
        is_mark = pc.is_in(pc.utf8_lower(column), pa.array(MARKS)).to_numpy(zero_copy_only=False)
        if is_mark.any():
            self._marked.setdefault(name, self._row + int(np.argmax(is_mark)))
        others = pc.unique(column.filter(pa.array(~is_mark)))
        try:
            others.filter(pc.not_equal(others, "")).cast(pa.float64())
        except pa.ArrowInvalid:
            self._words[name] = True
        else:
            self._numbers[name] = self._numbers[name] or len(others) > 0
