"""The time column of a table: dates, times or numbers become numbers that can be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from miscope.errors import InputError
from miscope.sequences.codes import Array

__all__ = ["Reading", "TimeReader"]

DATES = (
    *("%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d.%m.%Y", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y", "%m.%d.%Y"),
    *("%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%y"),
    *(date.replace("-", mark) for mark in "/.-" for date in ("%m-%d-%y", "%d-%m-%y", "%y-%m-%d")),
)
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
MONTHS = ("%Y-%m", "%Y/%m", "%m/%Y", "%b %Y", "%b-%y")
FORMATS = (*(date + clock for clock in CLOCKS for date in DATES), *MONTHS)
DIGITS = {
    6: ("%Y%m", "%y%m%d", "%d%m%y", "%m%d%y"),
    8: ("%Y%m%d", "%d%m%Y", "%m%d%Y"),
    10: ("%Y%m%d%H", "%y%m%d%H%M"),
    12: ("%Y%m%d%H%M", "%y%m%d%H%M%S"),
    14: ("%Y%m%d%H%M%S",),
}
"""How calendars are written as digits, by how many there are; what comes first is believed where both are possible."""
CALENDARS = {how: n for n, ways in DIGITS.items() for how in ways}
ISO = {
    "ISO 8601": ("us", None),
    "ISO 8601 with zone": ("us", "UTC"),
    "ISO 8601 to nanoseconds": ("ns", None),
    "ISO 8601 to nanoseconds with zone": ("ns", "UTC"),
}
EXTENDED = {
    r"^(\d{4})(\d{2})(\d{2})([T ])": r"\1-\2-\3\4",
    r"^(.{10}[T ]\d{2})(\d{2})": r"\1:\2",
    r"^(.{13}:\d{2})(\d{2})": r"\1:\2",
    r",(\d+)": r".\1",
}
"""What makes the extended form of ISO 8601, which pyarrow reads, of its basic one (20180105T180500), one after the
other; and a point of the comma before fractions of seconds."""
SECONDS = {"us": 10**6, "ns": 10**9}
NUMBERS = "numbers"
YEAR_1000 = -30_610_224_000 * SECONDS["us"]
"""Years of two digits are read as such, and not as those of antiquity."""
YEARS = (-5_364_662_400 * SECONDS["us"], 7_258_118_400 * SECONDS["us"])
"""Digits are a calendar from 1800 to 2199 only."""

Where = Callable[[int], str]


@dataclass
class Reading:
    """One way to read the times, and what it gives.

    Attributes
    ----------
    how
        As times are written: a format of `strptime`, a name of ISO 8601, ``"numbers"``, or a type of Arrow's.
    second
        What a second is in these times; None for numbers of an unknown unit.
    fault
        The first row that does not go forward, as an error; None if all do.
    """

    how: str
    second: int | None
    fault: InputError | None = None
    _parts: list[Array] = field(default_factory=list)
    _last: Any = None
    _span: tuple[tuple[Any, str], tuple[Any, str]] | None = None

    def begin(self) -> None:
        """Say that another file follows."""
        self._last = None

    def take(self, times: Array, starts: Array, kept: Array, column: Any, where: Where) -> None:
        """Take the times of a batch: all are looked at, those of the rows that are `kept` stay."""
        before = np.concatenate([times[:1] if self._last is None else [self._last], times[:-1]])
        bad = (times <= before) & ~starts
        if bad.any() and self.fault is None:
            row = int(bad.argmax())
            self.fault = _not_forward(where(row), column[row].as_py(), bool(times[row] == before[row]))
        self._last = times[-1]
        low, high = ((times[row], str(column[row])) for row in (int(times.argmin()), int(times.argmax())))
        self._span = (low, high) if self._span is None else (min(self._span[0], low), max(self._span[1], high))
        self._parts.append(times[kept])

    @property
    def times(self) -> Array:
        """The times that were kept."""
        return np.concatenate(self._parts)

    @property
    def span(self) -> list[str]:
        """The earliest and the latest time, as they are written."""
        return [said for _, said in self._span or ()]

    @property
    def length(self) -> Any:
        """From the earliest time to the latest."""
        return 0 if self._span is None else self._span[1][0] - self._span[0][0]


class TimeReader:
    """Makes numbers of times, batch by batch, in every way in which all of them can be read.

    Dates and times become whole microseconds (nanoseconds, where they are as fine as that), numbers stay numbers.
    Text may be written as ISO 8601 (extended or basic, with a zone or without), as one of `FORMATS`, as digits of a
    calendar (`DIGITS`), or as numbers. Where several ways are possible (day and month could be either, 201901 a month
    or a number), all are followed to the end of the column; `miscope.sequences.calendars.settle` chooses.

    Examples
    --------
    >>> import pyarrow as pa
    >>> reader = TimeReader()
    >>> reader.add(pa.array(["1/4/1999", "1/5/1999"]), np.array([True, False]), np.arange(2), lambda row: f"row {row}")
    >>> [(reading.how, reading.times.tolist()[1] // (86400 * 10**6)) for reading in reader.readings]
    [('%m/%d/%Y', 10596), ('%d/%m/%Y', 10712)]
    """

    def __init__(self) -> None:
        self._found: list[Reading] | None = None

    @property
    def readings(self) -> list[Reading]:
        """The ways in which all times so far can be read, the first the likeliest; those that go forward, if any do."""
        return self._found or []

    def begin(self) -> None:
        """Say that another file follows."""
        for reading in self.readings:
            reading.begin()

    def add(self, column: Any, starts: Array, kept: Array, where: Where) -> None:
        """Take a batch.

        Parameters
        ----------
        column
            A pyarrow array.
        starts
            bool: where documents begin; inside them times must go forward.
        kept
            The rows that have values, whose times are kept.
        where
            Says in words which row of the batch is meant.

        Raises
        ------
        InputError
            A time is missing, is none, or does not go forward.
        """
        import pyarrow as pa

        column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        if column.null_count:
            row = int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
            raise InputError(f"{where(row)} has no time; leave such rows out, or read without the time column")
        found = self._read(column, where)
        if self._found is None:
            self._found = [Reading(how, second) for how, second, _ in found]
        self._found = [reading for reading in self._found if any(_same(reading, each) for each in found)]
        for reading in self._found:
            reading.take(next(each[2] for each in found if _same(reading, each)), starts, kept, column, where)
        forward = [reading for reading in self._found if reading.fault is None]
        if not forward and (fault := min(self._found, key=lambda reading: reading.length).fault):
            raise fault
        self._found = forward

    def _read(self, column: Any, where: Where) -> list[tuple[str, int | None, Array]]:
        """A batch in all ways that are still possible."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_temporal(column.type):
            found = [_stamps(column)]
        elif _is_number(column.type):
            found = _of_numbers(column, where)
        elif not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise InputError(f"the time column holds {column.type}: it must hold dates, times, numbers or text")
        else:
            found = self._of_text(pc.utf8_trim_whitespace(column.cast(pa.string())), where)
        if self._found is not None and not any(_same(reading, each) for reading in self._found for each in found):
            if pa.types.is_temporal(column.type) or _is_number(column.type):
                raise InputError("the times of these files are of different kinds; read the files one by one")
            raise _written_otherwise(column, self._found[0].how, where)
        return found

    def _of_text(self, column: Any, where: Where) -> list[tuple[str, int | None, Array]]:
        known = None if self._found is None else [reading.how for reading in self._found]
        found = []
        if known is None or NUMBERS in known or set(known) & set(CALENDARS):
            found = _digits(column, where, known)
        if not found:
            ways = [how for how in known or (*ISO, *FORMATS) if how not in CALENDARS and how != NUMBERS]
            found = _written(column, ways, sure=known is not None)
        if not found and known is None:
            raise _not_a_time(column, where)
        if not found:
            raise _written_otherwise(column, known[0] if known else NUMBERS, where)
        return found


def _written(column: Any, ways: list[str], sure: bool) -> list[tuple[str, int | None, Array]]:
    """Text in all ways of these in which it can be read; of those of ISO 8601 the first."""
    found: list[tuple[str, int | None, Array]] = []
    head = column.slice(0, 16)
    for how in ways:
        if found and found[0][0] in ISO:
            break
        read = _parsed(column, how) if sure or _parsed(head, how) is not None else None
        if read is not None:
            found.append((how, _second(how), read))
    return found


def _same(reading: Reading, found: tuple[str, int | None, Array]) -> bool:
    """Whether this is what a reading is of: stamps of Arrow's are all alike, if a second is the same in them."""
    how, second, _ = found
    return reading.second == second and (reading.how == how or _is_stamp(how) or _is_stamp(reading.how))


def _is_stamp(how: str) -> bool:
    return how.startswith(("timestamp", "date"))


def _second(how: str) -> int:
    return SECONDS[ISO[how][0] if how in ISO else "us"]


def _stamps(column: Any) -> tuple[str, int | None, Array]:
    import pyarrow as pa

    if pa.types.is_time(column.type) or pa.types.is_duration(column.type):
        raise InputError(f"the time column holds {column.type}, times without a date; name a column with dates")
    unit = "ns" if pa.types.is_timestamp(column.type) and column.type.unit == "ns" else "us"
    ticks = _ticks(column.cast(pa.timestamp(unit, getattr(column.type, "tz", None))))
    return str(column.type), SECONDS[unit], ticks


def _of_numbers(column: Any, where: Where) -> list[tuple[str, int | None, Array]]:
    """Numbers, and what their digits may be besides; whole numbers may be stored with fractions."""
    import pyarrow as pa

    whole = _cast(column, pa.int64())
    if whole is None:
        numbers = _cast(column, pa.float64())
        if numbers is None:
            raise InputError("the times are whole numbers beyond 2^63: count from a later moment, or in a larger unit")
        return [(NUMBERS, None, _finite(numbers.to_numpy(zero_copy_only=False), where))]
    return _digits(whole.cast(pa.string()), where, None)


def _digits(column: Any, where: Where, known: list[str] | None) -> list[tuple[str, int | None, Array]]:
    """Text that is numbers, as these, and before that as the calendars that its digits may be."""
    import pyarrow as pa

    numbers = _cast(column, pa.int64())
    numbers = _cast(column, pa.float64()) if numbers is None else numbers
    if numbers is None:
        return []
    found: list[tuple[str, int | None, Array]] = []
    n = len(column[0].as_py())
    for how in DIGITS.get(n + n % 2, ()) if known is None else known:
        read = _calendar(column, how) if how in CALENDARS else None
        if read is not None:
            found.append((how, SECONDS["us"], read))
    if known is None or NUMBERS in known:
        found.append((NUMBERS, None, _finite(numbers.to_numpy(zero_copy_only=False), where)))
    return found


def _calendar(column: Any, how: str) -> Array | None:
    """Digits as a calendar, a zero in front of those from which numbers have dropped it; None if they are none."""
    import pyarrow.compute as pc

    n = CALENDARS[how]
    if not pc.all(pc.match_substring_regex(column, rf"^\d{{{n - 1},{n}}}$")).as_py():
        return None
    read = _parsed(pc.utf8_lpad(column, n, "0"), how)
    return read if read is not None and read.min() >= YEARS[0] and read.max() < YEARS[1] else None


def _not_forward(where: str, said: Any, is_same: bool) -> InputError:
    if is_same:
        return InputError(
            f"{where} has the same time as the row before it, {said}: each moment counts once; leave such rows out, "
            "join them, or name the column that tells them apart with document='…'"
        )
    return InputError(
        f"{where} has the time {said}, earlier than the row before it: sort the file by time (clocks that are set back "
        "in autumn do this too: use universal time), or name the column of documents, inside which time goes forward"
    )


def _written_otherwise(column: Any, how: str, where: Where) -> InputError:
    row = _first_other(column, how)
    _check_there(str(column[row].as_py()), where(row))
    return InputError(f"{where(row)} has the time {column[row].as_py()!r}, not written as those before it ({how})")


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
        read = _cast(_extended(column), pa.timestamp(*ISO[how])) if read is None else read
        return None if read is None else _ticks(read)
    read = pc.strptime(column, format=how, unit="us", error_is_null=True)
    if read.null_count:
        return None
    ticks = _ticks(read)
    return ticks if len(ticks) == 0 or ticks.min() > YEAR_1000 else None


def _extended(column: Any) -> Any:
    """Text in the basic form of ISO 8601 in the extended one; all other text hardly changed."""
    import pyarrow.compute as pc

    for basic, extended in EXTENDED.items():
        column = pc.replace_substring_regex(column, basic, extended)
    return column


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


def _finite(times: Array, where: Where) -> Array:
    bad = ~np.isfinite(times)
    if bad.any():
        row = int(bad.argmax())
        raise InputError(
            f"{where(row)} has the time {times[row]}; leave such rows out, or read without the time column"
        )
    return times
