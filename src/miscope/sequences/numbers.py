"""Numbers become symbols: one grammar for signs, quantiles, edges, deviations, and the returns of prices."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from miscope.errors import InputError, choice
from miscope.sequences.arrays import Symbol
from miscope.sequences.codes import code_dtype
from miscope.sequences.container import Sequences
from miscope.sequences.prices import returns
from miscope.sequences.series import Series

__all__ = ["Conversion", "to_symbols"]

DEFAULT_CLASSES = 4
CHANGES = {"returns": "log", "changes": "change"}


@dataclass(frozen=True)
class Conversion:
    """What shall become of a column, or of a series of numbers, as one text says it.

    ============================  ==================================================================================
    text                          what it gives
    ============================  ==================================================================================
    ``symbols``                   the strings or whole numbers of a column, each a symbol (only for tables)
    ``numbers``                   real numbers, a `Series`
    ``sign``                      symbols ``-`` and ``+``, and ``0`` where there are zeros
    ``quantiles:4``               4 classes of equal frequency (default 4), as `Series.quantise` makes them
    ``edges:-1,0,1``              classes between these edges; a value on an edge belongs to the class above it
    ``deviations:0.5,1``          classes with edges at so many standard deviations on both sides of the mean
    ``volatility:4``              4 classes of equal frequency of the absolute values
    ``returns``                   log returns inside documents, a `Series`
    ``changes``                   differences inside documents, a `Series`
    ``returns:…``, ``changes:…``  those, as any of the above from ``numbers`` on: ``returns:sign``,
                                  ``returns:volatility:4``, ``changes:edges:-0.1,0.1``
    ============================  ==================================================================================

    Classes are numbered from 0 for the smallest values. Quantiles, means and deviations are those of all documents
    together. What was cut stands in the provenance of the result as ``"quantised"``: the number of symbols, what was
    asked for, the edges between them (each the smallest value of the class above it), and ``"of"`` where it was not
    the values themselves that were cut.

    Examples
    --------
    >>> from miscope.sequences import Series
    >>> prices = Series.from_arrays([100.0, 101.0, 100.5, 100.5, 104.0])
    >>> signs = Conversion.parse("returns:sign").apply(prices)
    >>> signs.decode(0), signs.alphabet
    ('+-0+', ('-', '0', '+'))

    Parameters
    ----------
    text
        As it was written.
    change
        ``"log"`` or ``"change"`` where differences are taken first (see `returns`), or None.
    cut
        The kind of classes: ``"symbols"``, ``"numbers"``, ``"sign"``, ``"quantiles"``, ``"edges"``, ``"deviations"`` or
        ``"volatility"``.
    parameters
        The numbers behind it.
    """

    text: str
    change: str | None = None
    cut: str = "numbers"
    parameters: tuple[float, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Conversion:
        """Understand a text of this grammar.

        >>> Conversion.parse("returns:volatility:4")
        Conversion(text='returns:volatility:4', change='log', cut='volatility', parameters=(4,))
        >>> Conversion.parse("quantile:4")
        Traceback (most recent call last):
        ...
        miscope.errors.InputError: unknown conversion 'quantile'; did you mean 'quantiles'? ...

        Raises
        ------
        InputError
            A word is misspelt, or the numbers behind it do not fit.
        """
        if not isinstance(text, str):
            raise InputError(f'a conversion is a text such as "returns:sign", not {text!r}')
        first, *rest = [part.strip() for part in text.split(":")]
        change = CHANGES.get(first)
        if change is None:
            choice(first, ["symbols", "numbers", *CHANGES, *CLASSES], "conversion")
        else:
            first, *rest = rest or ["numbers"]
            choice(first, ["numbers", *CLASSES], "conversion of returns")
        if len(rest) > 1:
            raise InputError(f"{text!r} has {':'.join(rest[1:])!r} too much; write for example quantiles:4")
        return cls(text, change, first, _parameters(first, rest[0] if rest else None))

    @property
    def needs_numbers(self) -> bool:
        """Whether it is for numbers only."""
        return self.cut != "symbols"

    def apply(self, series: Series) -> Series | Sequences:
        """Convert the numbers of a series.

        >>> from miscope.sequences import Series
        >>> Conversion.parse("edges:0,1").apply(Series.from_arrays([[-0.5, 0.0, 0.9], [1.0]])).codes
        array([0, 1, 1, 2], dtype=uint8)

        Returns
        -------
        Series or Sequences
            A `Series` for ``numbers``, ``returns`` and ``changes``; otherwise `Sequences` with the same documents (one
            symbol less in each, where returns are taken).

        Raises
        ------
        InputError
            The numbers are not finite, prices are not above 0, all values fall into one class, or the series has
            several channels.
        """
        if not self.needs_numbers:
            raise InputError(
                "a series holds numbers, which become symbols by classes: write sign, quantiles:4, edges:-1,0,1, "
                "deviations:0.5,1 or volatility:4 instead of symbols"
            )
        if self.change is not None:
            series = returns(series, self.change)
        if self.cut == "numbers":
            return dataclasses.replace(series, provenance={**series.provenance, "converted": self.text})
        if series.n_channels > 1:
            raise InputError(f"values of {series.n_channels} channels make no symbols: take one first, with channel(0)")
        series = dataclasses.replace(
            series, values=_finite(series), provenance={**series.provenance, "converted": self.text}
        )
        return CLASSES[self.cut](series, self.parameters)


def to_symbols(series: Any, how: str = "quantiles:4") -> Sequences:
    """Make symbols of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([-2.0, -0.1, 0.1, 0.0, 3.0])
    >>> to_symbols(values, "deviations:1").codes
    array([0, 1, 1, 1, 2], dtype=uint8)
    >>> to_symbols(values, "volatility:2").codes
    array([1, 1, 1, 0, 1], dtype=uint8)

    Parameters
    ----------
    series
        A `Series`, or anything that `Series.from_arrays` takes.
    how
        The classes, in the grammar of `Conversion`.

    Raises
    ------
    InputError
        `how` is misspelt or gives no symbols, or the numbers cannot be converted.
    """
    conversion = Conversion.parse(how)
    if conversion.cut == "numbers":
        raise InputError(f"{how!r} gives numbers, not symbols: write for example {_with_classes(conversion)!r}")
    series = series if isinstance(series, Series) else Series.from_arrays(series)
    made = conversion.apply(series)
    assert isinstance(made, Sequences)
    return made


def _with_classes(conversion: Conversion) -> str:
    first = conversion.text.partition(":")[0]
    return f"{first}:sign" if conversion.change else "sign"


def _finite(series: Series) -> npt.NDArray[np.float64]:
    values = series.values.reshape(-1)
    bad = ~np.isfinite(values)
    if bad.any():
        at = int(bad.argmax())
        raise InputError(f"value {at} is {values[at]}: leave out what is missing or infinite first")
    return values


# What stands behind the word


def _parameters(cut: str, text: str | None) -> tuple[float, ...]:
    if cut in ("symbols", "numbers", "sign"):
        if text is not None:
            raise InputError(f"{cut!r} takes nothing behind it; leave {':' + text!r} out")
        return ()
    if cut in ("quantiles", "volatility"):
        return (_whole(cut, text),)
    examples = {"edges": "edges:-1,0,1", "deviations": "deviations:0.5,1"}
    try:
        numbers = tuple(float(part) for part in (text or "").split(","))
    except ValueError:
        raise InputError(
            f"{cut} need numbers with commas between them, as in {examples[cut]}, not {text or ''!r}"
        ) from None
    if not all(map(math.isfinite, numbers)):
        raise InputError(f"{cut} must be finite, not {text!r}")
    if any(b <= a for a, b in itertools.pairwise(numbers)):
        raise InputError(f"{cut} must ascend, as in {examples[cut]}; these are {text}")
    if cut == "deviations" and numbers[0] < 0:
        raise InputError(
            "deviations are taken on both sides of the mean: write deviations:0.5,1 for edges at -1, -0.5, 0.5 and 1 "
            "standard deviations"
        )
    return numbers


def _whole(cut: str, text: str | None) -> int:
    if text is None:
        return DEFAULT_CLASSES
    if not text.isascii() or not text.isdigit() or not 2 <= int(text) <= 1 << 16:
        raise InputError(f"{cut}:{text} needs a whole number of classes, from 2 to 65536, as in {cut}:4")
    return int(text)


# How values are cut


def _sign(series: Series, _: tuple[float, ...]) -> Sequences:
    values = series.values
    zeros = bool((values == 0).any())
    # The smallest number above 0 as the second edge: what lies between the two is 0 alone.
    edges = np.array([0.0, np.nextafter(0.0, 1.0)] if zeros else [0.0])
    if not zeros and ((values > 0).all() or (values < 0).all()):
        raise InputError("all values have the same sign; for the signs of what prices do, write returns:sign")
    return _cut(series, edges, "sign", ("-", "0", "+") if zeros else ("-", "+"))


def _quantiles(series: Series, parameters: tuple[float, ...]) -> Sequences:
    return series.quantise(int(parameters[0]))


def _volatility(series: Series, parameters: tuple[float, ...]) -> Sequences:
    made = dataclasses.replace(series, values=np.abs(series.values)).quantise(int(parameters[0]))
    quantised = {**made.provenance["quantised"], "of": "absolute values"}
    return dataclasses.replace(made, provenance={**made.provenance, "quantised": quantised})


def _edges(series: Series, parameters: tuple[float, ...]) -> Sequences:
    return _cut(series, np.array(parameters), "edges:" + ",".join(f"{edge:g}" for edge in parameters))


def _deviations(series: Series, parameters: tuple[float, ...]) -> Sequences:
    mean, deviation = float(series.values.mean()), float(series.values.std())
    if not deviation > 0:
        raise InputError("the values have no standard deviation: all of them are the same")
    multiples = sorted({sign * multiple for multiple in parameters for sign in (-1.0, 1.0)})
    edges = np.unique(mean + deviation * np.array(multiples))
    return _cut(series, edges, "deviations:" + ",".join(f"{multiple:g}" for multiple in parameters))


def _cut(series: Series, edges: Any, asked: str, alphabet: tuple[Symbol, ...] | None = None) -> Sequences:
    """Number the classes between `edges`; a value on an edge belongs above it."""
    n = len(edges) + 1
    codes = np.searchsorted(edges, series.values, side="right").astype(code_dtype(n))
    if codes.min() == codes.max():
        low, high = series.values.min(), series.values.max()
        raise InputError(
            f"all values fall into one class of {asked}: they lie between {low:g} and {high:g}; put edges among them"
        )
    quantised = {"symbols": n, "asked_for": asked, "edges": edges.tolist()}
    return Sequences(codes, series.offsets, n, alphabet, {**series.provenance, "quantised": quantised})


CLASSES: dict[str, Callable[[Series, tuple[float, ...]], Sequences]] = {
    "sign": _sign,
    "quantiles": _quantiles,
    "edges": _edges,
    "deviations": _deviations,
    "volatility": _volatility,
}
