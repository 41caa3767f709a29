"""Which of several readings of a time column is right: even steps decide; what makes no difference is no question."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from miscope.errors import InputError
from miscope.sequences.codes import Array
from miscope.sequences.prices import Gaps, longest_step, split_at_gaps, steps_inside
from miscope.sequences.times import CALENDARS, NUMBERS, Reading

__all__ = ["settle"]

UNEVEN = 1.5
"""A step is uneven if it is so many times the usual one, or so many times shorter: months are even."""
FEW, MANY = 6, 20
"""Steps, below which even ones are chance, and from which on a quarter of them may be uneven (weekends are)."""


def settle(readings: list[Reading], offsets: Array, gaps: Gaps) -> Reading:
    """Choose the reading of a time column.

    In this order: a reading in which most steps would be gaps, by the rule that was asked for, is none; fewer uneven
    steps are better (none against one, or less than half as many), but only where what is left has even steps (of six
    steps or more none is uneven, or of twenty or more a quarter at most): otherwise steps say nothing, and all readings
    stay; digits that are a calendar throughout are one, and years have four digits. If there are still several, and all
    of them cut the data alike, the shortest one is taken, and called by the names of all of them.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from miscope.sequences.times import TimeReader
    >>> months = [f"{month:02}/01/{year}" for year in (2018, 2019) for month in range(1, 13)]
    >>> reader = TimeReader()
    >>> reader.add(pa.array(months), np.arange(24) == 0, np.arange(24), lambda row: f"row {row + 1}")
    >>> settle(reader.readings, np.array([0, 24]), "62d").how
    '%m/%d/%Y'

    Parameters
    ----------
    readings
        Those that go forward in time, with a time for each value.
    offsets
        Of the documents, as missing values have left them.
    gaps
        The rule for gaps, as in `returns`.

    Raises
    ------
    InputError
        Several readings are as good as each other, and would cut the data differently.
    """
    if len(readings) == 1:
        return readings[0]
    readings = _usable(readings, gaps)
    readings = _likely(_evenest(readings, offsets, gaps) or readings)
    cuts = [split_at_gaps(reading.times, offsets, gaps, reading.second)[0] for reading in readings]
    other = next((at for at, cut in enumerate(cuts) if not np.array_equal(cut, cuts[0])), None)
    if other is not None:
        first, second = readings[0], readings[other]
        raise InputError(
            f"the times, {first.span[0]!r} to {first.span[1]!r}, could be read as {first.how} and as {second.how}, "
            "with different gaps: write them as ISO 8601 (2018-12-31), or pass gaps='none' if no gap matters"
        )
    shortest = min(readings, key=lambda reading: reading.length)
    return replace(shortest, how=" or ".join(reading.how for reading in readings))


def _usable(readings: list[Reading], gaps: Gaps) -> list[Reading]:
    """Without those whose unit the rule for gaps cannot use: a duration, and numbers of an unknown unit."""
    if gaps in (None, "none"):
        return readings
    kept = []
    for reading in readings:
        try:
            longest_step(gaps, 1.0, reading.second)
        except InputError:
            continue
        kept.append(reading)
    return kept or readings


def _evenest(readings: list[Reading], offsets: Array, gaps: Gaps) -> list[Reading]:
    """Those that steps speak for; none if no reading has even steps."""
    readings = [reading for reading in readings if _is_sensible(reading, offsets, gaps)] or readings
    uneven = [_uneven(reading.times, offsets) for reading in readings]
    best, n_steps = min(uneven), len(steps_inside(readings[0].times, offsets))
    if n_steps < FEW or 4 * best > n_steps * (n_steps >= MANY):
        return []
    return [reading for reading, n in zip(readings, uneven, strict=True) if n < 2 * best + 1]


def _is_sensible(reading: Reading, offsets: Array, gaps: Gaps) -> bool:
    """Whether the usual step of a reading is no gap."""
    steps = steps_inside(reading.times, offsets)
    if gaps in (None, "none") or not len(steps):
        return True
    usual = float(np.median(steps))
    return usual <= longest_step(gaps, usual, reading.second)[1]


def _uneven(times: Array, offsets: Array) -> int:
    """How many steps inside documents are far from the usual one."""
    steps = steps_inside(times, offsets)
    if len(steps) == 0:
        return 0
    usual = float(np.median(steps))
    return int(np.count_nonzero((steps > UNEVEN * usual) | (steps * UNEVEN < usual)))


def _likely(readings: list[Reading]) -> list[Reading]:
    """Without numbers where their digits are a calendar; and of such calendars the first only."""
    if any(reading.how in CALENDARS for reading in readings):
        readings = [reading for reading in readings if reading.how != NUMBERS]
        return [min(readings, key=lambda reading: list(CALENDARS).index(reading.how))]
    return readings
