"""The time column of a table: dates, times or numbers become numbers that can be compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from miscope.errors import InputError
from miscope.sequences.codes import Array

__all__ = ["TimeReader"]

DATES = (
    *("%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d.%m.%Y", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d"),
    *("%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y"),
)
CLOCKS = ("", " %H:%M", " %H:%M:%S")
FORMATS = tuple(date + clock for clock in CLOCKS for date in DATES)
ISO = {
    "ISO 8601": ("us", None),
    "ISO 8601 with zone": ("us", "UTC"),
    "ISO 8601 to nanoseconds": ("ns", None),
    "ISO 8601 to nanoseconds with zone": ("ns", "UTC"),
}
SECONDS = {"us": 10**6, "ns": 10**9}
YEAR_1000 = -30_610_224_000 * SECONDS["us"]
"""Years of two digits are read as such, and not as those of antiquity."""

Where = Callable[[int], str]


class TimeReader:
    """Makes numbers of times, batch by batch; what kind of times they are is told from the first batch.

    Dates and times become whole microseconds (nanoseconds, where they are as fine as that), numbers stay numbers.
    Text may be written as ISO 8601 (with a zone or without), as one of `FORMATS`, or as numbers. Where day and month
    could be either, the reading is taken that goes forward in time, and the shorter way.

    Examples
    --------
    >>> import pyarrow as pa
    >>> reader = TimeReader()
    >>> reader.read(pa.array(["1/4/1999", "1/5/1999"]), lambda row: f"row {row + 1}") // (86400 * 10**6)
    array([10595, 10596])
    >>> reader.how, reader.second
    ('%m/%d/%Y', 1000000)
    """

    def __init__(self) -> None:
        self.how: str | None = None
        self.second: int | None = None

    def read(self, column: Any, where: Where) -> Array:
        """Return int64 or float64 of shape (n_rows,).

        Parameters
        ----------
        column
            A pyarrow array.
        where
            Says in words which row of the batch is meant.

        Raises
        ------
        InputError
            A time is missing, or is none.
        """
        import pyarrow as pa

        column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        if column.null_count:
            row = int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
            raise InputError(f"{where(row)} has no time; leave such rows out, or read without the time column")
        if pa.types.is_temporal(column.type):
            return self._stamps(column)
        if _is_number(column.type):
            return self._numbers(column, where)
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise InputError(f"the time column holds {column.type}: it must hold dates, times, numbers or text")
        return self._text(column.cast(pa.string()), where)

    def _stamps(self, column: Any) -> Array:
        import pyarrow as pa

        if pa.types.is_time(column.type) or pa.types.is_duration(column.type):
            raise InputError(f"the time column holds {column.type}, times without a date; name a column with dates")
        unit = "ns" if pa.types.is_timestamp(column.type) and column.type.unit == "ns" else "us"
        self._set(str(column.type), SECONDS[unit])
        return _ticks(column.cast(pa.timestamp(unit, getattr(column.type, "tz", None))))

    def _numbers(self, column: Any, where: Where) -> Array:
        import pyarrow as pa

        if pa.types.is_integer(column.type):
            days = self._eight_digits(column.cast(pa.string()))
            if days is not None:
                return days
            self._set("numbers", None)
            return column.cast(pa.int64()).to_numpy()  # type: ignore[no-any-return]
        self._set("numbers", None)
        return _finite(column.cast(pa.float64()).to_numpy(zero_copy_only=False), where)

    def _text(self, column: Any, where: Where) -> Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        column = pc.utf8_trim_whitespace(column)
        if self.how is None:
            self._find(column, where)
        if self.how == "%Y%m%d":
            days = self._eight_digits(column)
            if days is not None:
                return days
        if self.how == "numbers":
            read = _cast(column, pa.int64())
            read = _cast(column, pa.float64()) if read is None else read
            if read is not None:
                return _finite(read.to_numpy(zero_copy_only=False), where)
        found = None if self.how == "numbers" else _parsed(column, str(self.how))
        if found is None:
            row = _first_other(column, str(self.how))
            _check_there(column[row].as_py(), where(row))
            raise InputError(
                f"{where(row)} has the time {column[row].as_py()!r}, not written as those before it ({self.how})"
            )
        return found

    def _find(self, column: Any, where: Where) -> None:
        """Tell from the first batch how times are written."""
        import pyarrow as pa

        if self._eight_digits(column) is not None:
            return
        if _cast(column, pa.float64()) is not None:
            self._set("numbers", None)
            return
        found = {how: _parsed(column, how) for how in ISO}
        if all(read is None for read in found.values()):
            found = {how: _parsed(column, how) for how in FORMATS if _parsed(column.slice(0, 16), how) is not None}
        spans = {how: _span(read) for how, read in found.items() if read is not None}
        if not spans:
            raise _not_a_time(column, where)
        how = min(spans, key=lambda how: spans[how])
        self._set(how, SECONDS[ISO[how][0] if how in ISO else "us"])

    def _eight_digits(self, column: Any) -> Array | None:
        """Whole numbers such as 20191031 are days, if all of them are."""
        import pyarrow.compute as pc

        if (
            self.how not in (None, "%Y%m%d")
            or not pc.all(pc.match_substring_regex(column, r"^(1[89]|2[01])\d{6}$")).as_py()
        ):
            return None
        read = _parsed(column, "%Y%m%d")
        if read is not None:
            self._set("%Y%m%d", SECONDS["us"])
        return read

    def _set(self, how: str, second: int | None) -> None:
        if self.how is not None and second != self.second:
            raise InputError("the times of these files are of different kinds; read the files one by one")
        self.how, self.second = how, second


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _cast(column: Any, kind: Any) -> Any:
    import pyarrow as pa

    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        return None


def _ticks(column: Any) -> Array:
    import pyarrow as pa

    return column.cast(pa.int64()).to_numpy()  # type: ignore[no-any-return]


def _parsed(column: Any, how: str) -> Array | None:
    """Read text written in one way; None if it is not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if how in ISO:
        read = _cast(column, pa.timestamp(*ISO[how]))
        return None if read is None else _ticks(read)
    read = pc.strptime(column, format=how, unit="us", error_is_null=True)
    if read.null_count:
        return None
    ticks = _ticks(read)
    return ticks if len(ticks) == 0 or ticks.min() > YEAR_1000 else None


def _not_a_time(column: Any, where: Where) -> InputError:
    """Say which row is not written as the others are, or the first, where times are written in no way that is known."""
    head = [column.slice(row, 1) for row in range(min(len(column), 16))]
    fitting = {how: sum(_fits(cell, how) for cell in head) for how in ("numbers", *ISO, *FORMATS)}
    known = {how: (_first_other(column, how), n) for how, n in fitting.items() if n}
    row, others = 0, ""
    if known:
        how = max(known, key=lambda how: known[how])
        row, others = known[how][0], f" where others are written as {how}"
    value = column[row].as_py()
    _check_there(value, where(row))
    return InputError(
        f"{where(row)} has the time {value!r}{others}: times are read as ISO 8601 (2019-10-11 18:05:00), as "
        "10/31/2019, 31.10.2019 and the like, or as numbers; correct it, or read without the column"
    )


def _check_there(value: str, where: str) -> None:
    """Refuse a time that is empty."""
    if not value:
        raise InputError(f"{where} has no time; leave such rows out, or read without the time column")


def _fits(part: Any, how: str) -> bool:
    import pyarrow as pa

    return (_cast(part, pa.float64()) if how == "numbers" else _parsed(part, how)) is not None


def _first_other(column: Any, how: str) -> int:
    """Return the first row that is not written as `how` says, by halving."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _fits(column.slice(low, middle - low), how) else (low, middle)
    return low


def _span(ticks: Array) -> tuple[bool, int]:
    """How far a reading goes, those that go backwards last."""
    return bool((np.diff(ticks) < 0).any()), int(ticks.max() - ticks.min()) if len(ticks) else 0


def _finite(times: Array, where: Where) -> Array:
    bad = ~np.isfinite(times)
    if bad.any():
        row = int(bad.argmax())
        raise InputError(
            f"{where(row)} has the time {times[row]}; leave such rows out, or read without the time column"
        )
    return times
