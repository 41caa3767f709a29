"""Prices become returns, inside documents and not across gaps in time."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from miscope.errors import InputError, NothingError, choice
from miscope.sequences.codes import Array, offsets_of
from miscope.sequences.notes import noted
from miscope.sequences.series import Series

__all__ = ["KINDS", "check_gaps", "longest_step", "note_on_gaps", "returns", "split_at_gaps", "steps_inside"]

KINDS = ("log", "change")
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
"""Units of a duration, in seconds."""

USUAL_STEPS = 3.0
STANDS_OUT = 2.0
LEAST = 3
"""By default a step is a gap that is longer than so many usual ones, and so many times as long as the longest one that
is no gap; but not if this would leave half of the documents shorter than so many values."""
SHORT, MANY = 10, 10
"""Documents between gaps are short, which is said, if half of them have no more values, and there are so many."""

Gaps = float | str | None


def returns(prices: Any, kind: str = "log", *, times: Any = None, gaps: Gaps = None) -> Series:
    """Make returns of prices: what happens from each price to the next one of the same document.

    Examples
    --------
    >>> from miscope.sequences import Series
    >>> made = returns(Series.from_arrays([[100.0, 110.0, 99.0], [50.0, 50.0]], label="two shares"))
    >>> made.values.round(4), made.lengths
    (array([ 0.0953, -0.1054,  0.    ]), array([2, 1]))
    >>> returns([10.0, 12.0, 11.0, 11.5], "change", times=[1, 2, 30, 31], gaps=3).values
    array([2. , 0.5])

    Parameters
    ----------
    prices
        A `Series`, or anything that `Series.from_arrays` takes.
    kind
        ``"log"``: ``r[t] = ln(p[t + 1] / p[t])``, what a price gains on a logarithmic scale; ``"change"``: the
        difference ``p[t + 1] - p[t]``, for what may be zero or negative, such as interest rates and spreads.
    times
        When each price was seen: numbers or `datetime64` of shape (n_values,), ascending inside documents.
    gaps
        Where a step in time is longer than this, a document ends: no return is taken across, and no pair of returns
        lies on both sides. (Needs `times`.)

        - a number: so many times the usual step, which is the median of all steps inside documents;
        - a duration: ``"90s"``, ``"30min"``, ``"1h"``, ``"3d"``, ``"1w"`` (for dates and times);
        - ``"none"``: gaps do not matter;
        - None: ``"none"`` where the usual step is a day or longer, since daily prices have their weekends and
          holidays; otherwise steps that stand out: longer than three usual ones, and at least twice as long as the
          longest step that is none. This cuts prices of minutes or hours into their sessions, and not where minutes
          without trade are missing inside them.

    Returns
    -------
    Series
        A document of n prices gives n - 1 returns; documents of one price give none, and are left out. Its provenance
        says ``"returns"``: the kind, the rule for gaps, how many there were, and how many documents were left out.

    Raises
    ------
    InputError
        A price is not finite, or (for logarithms) not above 0; times do not fit, or go backwards; nothing is left.
    """
    choice(kind, KINDS, "kind of return")
    series = prices if isinstance(prices, Series) else Series.from_arrays(prices)
    _check_prices(series, kind)
    offsets: Array = series.offsets
    cut: dict[str, Any] = {}
    if times is not None:
        at, second = _checked_times(times, series)
        offsets, cut = split_at_gaps(at, offsets, gaps, second)
    elif gaps not in (None, "none"):
        raise InputError("gaps are gaps in time: pass the times of the prices too, or leave gaps out")
    values, lengths = _steps(np.log(series.values) if kind == "log" else series.values, offsets)
    if len(values) == 0:
        raise NothingError("there is not one return: no document has two prices")
    said = {"kind": kind, "documents_of_one_price": int(np.count_nonzero(np.diff(offsets) == 1))}
    if cut:
        said["gaps"] = cut
    provenance = noted(series.provenance, note_on_gaps(cut, np.diff(offsets)))
    return Series(values, offsets_of(lengths), {**provenance, "returns": said})


def split_at_gaps(times: Array, offsets: Array, gaps: Gaps, second: int | None) -> tuple[Array, dict[str, Any]]:
    """Begin a new document behind each gap in time.

    Parameters
    ----------
    times
        int64 or float64 of shape (n_values,), ascending inside documents.
    offsets
        Of the documents, int64 of shape (n_documents + 1,).
    gaps
        As in `returns`.
    second
        What a second is in `times`; None for numbers of an unknown unit.

    Returns
    -------
    tuple
        The offsets of the new documents, and what provenance is told: the rule, the usual step and the longest one
        allowed (in seconds, where these are known), and the number of gaps.
    """
    check_gaps(gaps)
    steps, inside = np.diff(times), _inside(len(times), offsets)
    usual = float(np.median(steps[inside])) if inside.any() else 0.0
    if gaps is None and not (second and usual >= UNITS["d"] * second):
        rule, longest = "steps that stand out", _outstanding(steps, inside, offsets, usual)
    else:
        rule, longest = longest_step("none" if gaps is None else gaps, usual, second)
    cut, n = _cut(steps, inside, offsets, longest)
    scale = second or 1
    said = {"rule": rule, "usual_step": usual / scale, "found": n}
    if np.isfinite(longest):
        said["longest_step"] = float(longest / scale)
    return cut, said


def steps_inside(times: Array, offsets: Array) -> Array:
    """The steps in time inside documents."""
    return np.diff(times)[_inside(len(times), offsets)]


def note_on_gaps(cut: dict[str, Any], lengths: Array) -> list[str]:
    """What to say of documents of these lengths, of which gaps have made too many."""
    if not cut.get("found") or len(lengths) < MANY or np.median(lengths) > SHORT:
        return []
    return [
        f"{cut['found']:,} gaps in time cut the data into {len(lengths):,} documents, half of them of "
        f"{np.median(lengths):.0f} values or fewer, inside which alone there are pairs: gaps='1d' cuts at gaps of more "
        "than a day only, gaps='none' nowhere"
    ]


def _inside(n: int, offsets: Array) -> Array:
    """Which of the steps between n values are inside documents."""
    inside = np.ones(max(n - 1, 0), bool)
    inside[offsets[(offsets > 0) & (offsets < n)] - 1] = False
    return inside


def _cut(steps: Array, inside: Array, offsets: Array, longest: float) -> tuple[Array, int]:
    """Offsets with a new document behind each longer step, and how many of these there are."""
    wide = np.flatnonzero(inside & (steps > longest)) + 1
    return (np.unique(np.concatenate([offsets, wide])) if len(wide) else offsets), len(wide)


def _outstanding(steps: Array, inside: Array, offsets: Array, usual: float) -> float:
    """The longest step that is no gap by default: the shortest below which a wide stretch has no steps at all."""
    lengths = np.unique(steps[inside])
    lower, upper = lengths[:-1], lengths[1:]
    empty = (upper > USUAL_STEPS * usual) & (upper >= STANDS_OUT * np.maximum(lower, usual))
    for longest in lower[empty].tolist():
        made, _ = _cut(steps, inside, offsets, longest)
        if np.median(np.diff(made)) >= LEAST:
            return float(longest)
    return np.inf


def check_gaps(gaps: Gaps) -> None:
    """Refuse a rule for gaps that cannot be understood."""
    longest_step("none" if gaps is None else gaps, 1.0, 1)


def longest_step(gaps: float | str, usual: float, second: int | None) -> tuple[str, float]:
    """Return a rule for gaps in words, and the longest step that is no gap."""
    if gaps == "none":
        return "none", np.inf
    factor = _number(gaps)
    if factor is not None:
        if not 1 <= factor < np.inf:
            raise InputError(f"gaps={gaps!r} is no number of usual steps: it must be 1 or more, such as 3")
        return f"more than {factor:g} usual steps", factor * usual
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", str(gaps))
    if not found:
        raise InputError(
            f"gaps={gaps!r} cannot be understood: write a number of usual steps (3), a duration such as 30min, 1h, 3d, "
            "or none"
        )
    unit = UNITS[choice(found[2], UNITS, "unit of time")]
    if not second:
        raise InputError(
            f"gaps={gaps!r} is a duration, but the times are plain numbers whose unit is not known: write gaps as a "
            "number of usual steps"
        )
    return f"more than {found[1]}{found[2]}", float(found[1]) * unit * second


def _number(gaps: Any) -> float | None:
    try:
        return None if isinstance(gaps, bool) else float(gaps)
    except (TypeError, ValueError):
        return None


def _steps(values: npt.NDArray[np.float64], offsets: Array) -> tuple[npt.NDArray[np.float64], Array]:
    """Differences inside documents, and how many each document has; without those that have none."""
    steps = np.diff(values, axis=0)
    lengths = np.maximum(np.diff(offsets) - 1, 0)
    inner = offsets[(offsets > 0) & (offsets < len(values))] - 1
    if len(inner):
        inside = np.ones(len(steps), bool)
        inside[inner] = False
        steps = steps[inside]
    return np.ascontiguousarray(steps), lengths[lengths > 0]


def _check_prices(series: Series, kind: str) -> None:
    flat = series.values.reshape(len(series.values), -1)
    bad = np.asarray(~np.isfinite(flat).all(axis=1))
    if bad.any():
        raise InputError(f"{_where(series, bad)}: leave out what is missing or infinite first")
    bad = np.asarray((flat <= 0).any(axis=1))
    if kind == "log" and bad.any():
        raise InputError(
            f"{_where(series, bad)}: prices are above 0, or have no logarithm; for what may be 0 or negative take "
            'differences, kind="change"'
        )


def _where(series: Series, bad: Array) -> str:
    at = int(np.argmax(bad))
    document = int(np.searchsorted(series.offsets, at, side="right")) - 1
    return f"price {at - series.offsets[document]} of document {document} (both from 0) is {series.values[at]}"


def _checked_times(times: Any, series: Series) -> tuple[Array, int | None]:
    """Return the times as numbers, and what a second is in them, if that is known."""
    at, second = np.asarray(times), None
    if at.dtype.kind == "M":
        if np.isnat(at).any():
            raise InputError(f"time {int(np.argmax(np.isnat(at)))} is missing; leave such prices out first")
        unit = "ns" if np.datetime_data(at.dtype)[0] == "ns" else "us"
        at, second = at.astype(f"datetime64[{unit}]").astype(np.int64), {"ns": 10**9, "us": 10**6}[unit]
    if at.dtype.kind not in "iuf" or at.shape != (len(series.values),):
        raise InputError(
            f"times must be numbers or datetime64 of shape ({len(series.values)},), one for each price, not {at.dtype} "
            f"of shape {at.shape}"
        )
    if at.dtype.kind == "f" and not np.isfinite(at).all():
        raise InputError(f"time {int(np.argmin(np.isfinite(at)))} is not finite; leave such prices out first")
    at = at.astype(np.float64 if at.dtype.kind == "f" else np.int64, copy=False)
    steps = np.diff(at)
    inner = series.offsets[(series.offsets > 0) & (series.offsets < len(at))] - 1
    steps[inner] = 1
    if (steps <= 0).any():
        first = int(np.argmax(steps <= 0)) + 1
        how = "the same as" if steps[first - 1] == 0 else "earlier than"
        raise InputError(f"time {first} is {how} the one before it; sort the prices by time, each time once")
    return at, second
