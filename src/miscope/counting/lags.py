"""Which distances to look at: from what people write to a sorted array of lags."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from miscope.errors import InputError

__all__ = ["Lags", "default_lags", "log_lags", "parse_lags"]

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


def _from_text(text: str, longest: int) -> np.ndarray:
    """Return the lags of all parts that stand between commas."""
    return np.unique(np.concatenate([_of_part(part.strip(), text, longest) for part in text.split(",")]))


def _of_part(part: str, text: str, longest: int) -> np.ndarray:
    try:
        if part.startswith("all:"):
            return _even(1, int(part.removeprefix("all:")), 1, longest)
        first, *rest = part.split(":")
        if not rest:
            return np.array(_checked([int(first)], longest), np.int64)
        last, third = (rest[0], None) if len(rest) == 1 else rest
        return _of_range(part, int(first), int(last), third, longest)
    except InputError:
        raise
    except ValueError:
        raise InputError(f"cannot read lags {text!r}; {_WRITE}") from None


def _of_range(part: str, first: int, last: int, third: str | None, longest: int) -> np.ndarray:
    """Return the lags of ``first:last``, of ``first:last:how_many`` or of ``first:last:+step``."""
    number = None if third is None else int(third)
    _checked([first], max(longest, first + 1))
    if last < first or (number is not None and number < 1):
        raise InputError(
            f"lags {part!r} hold nothing: give them as first:last, first:last:how_many or first:last:+step"
        )
    if number is not None and third is not None and third.strip().startswith("+"):
        return _even(first, last, number, longest)
    _checked([last], longest)
    return log_lags(first, last, None if number is None else min(number, _MOST_SPACED))


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
