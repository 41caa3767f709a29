"""Which distances to look at: from what people write to a sorted array of lags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from miscope.errors import InputError

__all__ = ["Lags", "among", "default_lags", "log_lags", "parse_lags"]

Lags = str | int | Iterable[int] | None

_PER_DECADE = 10
_DEFAULT_LARGEST = 10_000
_MOST_SPACED = 1_000_000
_MOST_EVEN = 100_000_000
_WRITE = (
    'write for example "1:10000" (log-spaced), "1:10000:50" (50 of them), "3:3000:+3" (every third), "all:512", or a '
    "list such as [1, 2, 5]"
)


def log_lags(first: int, last: int, n: int | None = None) -> np.ndarray:
    """Log-spaced whole lags from `first` to `last`, both included.

    Parameters
    ----------
    first, last
        1 <= first <= last.
    n
        About how many; default: every lag to 10, then ten a decade.

    Returns
    -------
    numpy.ndarray
        int64, ascending, without repetition (so there may be fewer than `n` where the spacing is below 1).

    Examples
    --------
    >>> log_lags(1, 100)
    array([  1,   2,   3,   4,   5,   6,   7,   8,   9,  10,  13,  16,  20,
            25,  32,  40,  50,  63,  79, 100])
    >>> log_lags(1, 1000, 4)
    array([   1,   10,  100, 1000])
    """
    if n is not None:
        spaced = np.geomspace(first, last, n) if n > 1 else np.array([first])
    else:
        steps = np.arange(_PER_DECADE, int(np.log10(last) * _PER_DECADE) + 1) / _PER_DECADE
        spaced = np.concatenate([np.arange(1, 11), 10**steps, [first, last]])
    lags = np.unique(np.rint(spaced).astype(np.int64))
    return lags[(lags >= first) & (lags <= last)]


def default_lags(longest: int) -> np.ndarray:
    """Log-spaced lags to 10,000, or to a quarter of the longest document if that is less."""
    return log_lags(1, max(1, min(_DEFAULT_LARGEST, longest // 4, longest - 1)))


def parse_lags(lags: Lags, longest: int) -> np.ndarray:
    """Turn what a user writes into lags, and check them against the data.

    Parameters
    ----------
    lags
        - ``"1:10000"``: log-spaced, about ten a decade beyond 10;
        - ``"1:10000:50"``: the third number is how many, log-spaced;
        - ``"24:2400:+24"``: with a plus, it is the step: 24, 48, 72, and on to 2400;
        - ``"all:512"``: every lag from 1 to 512;
        - ``"5"``: one lag; ``"1,2,5"``, ``"1:100,200:1000:+200"``: any of these together, between commas;
        - any iterable of lags, or None for `default_lags`.
    longest
        Length of the longest document, in symbols.

    Returns
    -------
    numpy.ndarray
        int64, shape (n_lags,), ascending, without repetition.

    Raises
    ------
    InputError
        If a lag is below 1, not whole, or so large that no document holds a single pair.

    Examples
    --------
    >>> parse_lags([5, 1, 2], longest=100)
    array([1, 2, 5])
    >>> parse_lags("all:4", longest=100)
    array([1, 2, 3, 4])
    >>> parse_lags("1,7:30:+7", longest=100)
    array([ 1,  7, 14, 21, 28])
    """
    if longest < 2:
        raise InputError("no pairs at any lag: no document has more than one symbol")
    if lags is None:
        return default_lags(longest)
    if isinstance(lags, str):
        return _from_text(lags, longest)
    return np.unique(np.array(_checked(_from_numbers(lags), longest), dtype=np.int64))


def _checked(lags: list[int], longest: int) -> list[int]:
    if not lags:
        raise InputError(f"no lags given; {_WRITE}")
    if min(lags) < 1:
        raise InputError(f"lags start at 1 (a symbol and the next one); got {min(lags)}")
    if max(lags) >= longest:
        raise InputError(
            f"no document is long enough for lag {max(lags)}: the longest has {longest} symbols, "
            f"so the largest lag is {longest - 1}"
        )
    return lags


def among(lags: np.ndarray, text: str) -> np.ndarray:
    """Which lags of a curve are meant by what a user writes, in the grammar of `parse_lags`; bool, shape (n_lags,).

    A range stands for all lags of the curve that lie in it, and may be open: ``"5:"``. With a step or a number, it
    stands for those of them that are also lags of the curve. Lags that are named one by one have to be there.

    Examples
    --------
    >>> lags = np.array([1, 2, 4, 8, 16, 24])
    >>> lags[among(lags, "2:10,16")], lags[among(lags, "8:24:+8")]
    (array([ 2,  4,  8, 16]), array([ 8, 16, 24]))

    Raises
    ------
    InputError
        It cannot be read, or names a lag that the curve does not have.
    """
    return np.any([_among(lags, part.strip(), text) for part in text.split(",")], axis=0)  # type: ignore[no-any-return]


def _among(lags: np.ndarray, part: str, text: str) -> np.ndarray:
    """The same of one part between commas."""
    ends = part.split(":")
    try:
        if len(ends) == 2 and ends[0] != "all":
            return (lags >= float(ends[0] or 1)) & (lags <= float(ends[1] or np.inf))
        asked = _parsed(part)
    except InputError:
        raise
    except ValueError:
        raise InputError(
            f"cannot read the lags to fit {text!r}: write 5:1000 (all from 5 to 1000), 5: (all from 5 on), "
            "24:2400:+24 (every 24th), or 5,10,20"
        ) from None
    if asked.number is not None:
        return np.isin(lags, log_lags(asked.first, asked.last, min(asked.number, _MOST_SPACED)))
    found = (lags >= asked.first) & (lags <= asked.last) & ((lags - asked.first) % (asked.step or 1) == 0)
    if asked.first == asked.last and not found.any():
        raise InputError(f"the curve was not measured at lag {asked.first}")
    return np.asarray(found)


class _Asked(NamedTuple):
    """What stands between commas: lags from first to last, every so many, or so many of them, or log-spaced."""

    first: int
    last: int
    step: int | None = None
    number: int | None = None


def _parsed(part: str) -> _Asked:
    """Read one part; ValueError where it is none."""
    if part.startswith("all:"):
        return _Asked(1, int(part.removeprefix("all:")), step=1)
    first, *rest = part.split(":")
    if not rest:
        return _Asked(int(first), int(first), step=1)
    last, third = (rest[0], None) if len(rest) == 1 else rest
    number = None if third is None else int(third)
    asked = _Asked(int(first), int(last), number=number)
    _checked([asked.first], max(_MOST_EVEN, asked.first + 1))
    if asked.last < asked.first or (number is not None and number < 1):
        raise InputError(
            f"lags {part!r} hold nothing: give them as first:last, first:last:how_many or first:last:+step"
        )
    is_step = third is not None and third.strip().startswith("+")
    return asked._replace(step=number, number=None) if is_step else asked


def _from_text(text: str, longest: int) -> np.ndarray:
    """Return the lags of all parts that stand between commas."""
    return np.unique(np.concatenate([_of_part(part.strip(), text, longest) for part in text.split(",")]))


def _of_part(part: str, text: str, longest: int) -> np.ndarray:
    try:
        asked = _parsed(part)
    except InputError:
        raise
    except ValueError:
        raise InputError(f"cannot read lags {text!r}; {_WRITE}") from None
    if asked.step is not None:
        return _even(asked.first, asked.last, asked.step, longest)
    _checked([asked.last], longest)
    return log_lags(asked.first, asked.last, None if asked.number is None else min(asked.number, _MOST_SPACED))


def _even(first: int, last: int, step: int, longest: int) -> np.ndarray:
    """Return every `step`-th lag from `first` on, none of them beyond `last`."""
    last -= max(last - first, 0) % step
    _checked([last], longest)
    if (last - first) // step >= _MOST_EVEN:
        raise InputError(f"{first} to {last} are too many lags: give a larger step, as in {first}:{last}:+1000")
    return np.arange(first, last + 1, step, dtype=np.int64)


def _from_numbers(lags: int | Iterable[int]) -> list[int]:
    if isinstance(lags, bytes | bytearray):
        raise InputError(f"lags must be whole numbers, not bytes; {_WRITE}")
    try:
        given = lags.ravel().tolist() if isinstance(lags, np.ndarray) and lags.ndim < 2 else lags
        listed = list(given) if isinstance(given, Iterable) else [given]
    except TypeError:
        listed = [lags]
    return [_whole(lag) for lag in listed]


def _whole(lag: object) -> int:
    if isinstance(lag, bool | np.bool_) or not isinstance(lag, int | float | np.integer | np.floating):
        raise InputError(f"lags must be whole numbers, not {lag!r}; {_WRITE}")
    if isinstance(lag, int | np.integer):
        return int(lag)
    if not np.isfinite(lag) or lag != int(lag):
        raise InputError(f"lags must be whole numbers; got {lag}")
    return int(lag)
