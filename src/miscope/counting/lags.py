"""Which distances to look at: from what people write to a sorted array of lags."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from miscope.errors import InputError

__all__ = ["Lags", "default_lags", "log_lags", "parse_lags"]

Lags = str | int | Iterable[int] | None

_PER_DECADE = 10
_DEFAULT_LARGEST = 10_000
_WRITE = 'write for example "1:10000" (log-spaced), "1:10000:50" (50 of them), "all:512", or a list such as [1, 2, 5]'


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
        ``"1:10000"`` (log-spaced, about ten a decade beyond 10), ``"1:10000:50"`` (50 log-spaced), ``"all:512"``
        (every lag from 1 to 512), ``"1,2,5"``, one lag, any iterable of lags, or None for `default_lags`.
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
    """
    if longest < 2:
        raise InputError("no pairs at any lag: no document has more than one symbol")
    if lags is None:
        return default_lags(longest)
    array = _from_text(lags) if isinstance(lags, str) else _from_numbers(lags)
    if array.size == 0:
        raise InputError(f"no lags given; {_WRITE}")
    if array.min() < 1:
        raise InputError(f"lags start at 1 (a symbol and the next one); got {array.min()}")
    if array.max() >= longest:
        raise InputError(
            f"no document is long enough for lag {array.max()}: the longest has {longest} symbols, "
            f"so the largest lag is {longest - 1}"
        )
    return np.unique(array)


def _from_text(text: str) -> np.ndarray:
    try:
        if text.startswith("all:"):
            last = int(text.removeprefix("all:"))
            return np.arange(1, _bounded(last) + 1)
        if ":" not in text:
            return np.array([int(part) for part in text.split(",")], dtype=np.int64)
        first, last, *n = (int(part) for part in text.split(":"))
    except ValueError:
        raise InputError(f"cannot read lags {text!r}; {_WRITE}") from None
    if len(n) > 1:
        raise InputError(f"cannot read lags {text!r}; {_WRITE}")
    if first < 1:
        raise InputError(f"lags start at 1 (a symbol and the next one); got {first}")
    if last < first or (n and n[0] < 1):
        raise InputError(f"lags {text!r} hold nothing: give them as first:last or first:last:how_many")
    return log_lags(first, _bounded(last), *n)


def _bounded(last: int) -> int:
    if last > 2**40:
        raise InputError(f"lag {last} is beyond any data")
    return last


def _from_numbers(lags: int | Iterable[int]) -> np.ndarray:
    array = np.atleast_1d(np.asarray(lags if isinstance(lags, int | np.ndarray) else list(lags)))
    if array.ndim != 1:
        raise InputError(f"lags must be a flat list, not an array of shape {array.shape}")
    if array.dtype == bool or (array.size and array.dtype.kind not in "iuf"):
        raise InputError(f"lags must be whole numbers; {_WRITE}")
    whole = np.isfinite(array) & (array == np.floor(array))
    if not whole.all():
        raise InputError(f"lags must be whole numbers; got {array[~whole][0]}")
    return array.astype(np.int64)
