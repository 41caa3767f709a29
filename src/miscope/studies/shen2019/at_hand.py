"""Data at hand: the power law that networks learn; text and prices that are here, or that a person names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miscope.errors import InputError, MissingExtraError, require
from miscope.processes import PowerLawBinary
from miscope.sequences import Sequences

if TYPE_CHECKING:
    from miscope.sequences.series import Series

__all__ = ["DATA", "check_corpus", "check_prices", "corpus", "in_documents", "price_classes"]

DATA = PowerLawBinary(amplitude=0.1, exponent=0.4)
"""What networks learn wherever they do not learn text or prices."""

PIECES = 64
"""Documents that a text with few of its own is cut into."""

_FEW = 32  # documents, below which a text is cut
_HUB = "hub:"
_COLUMNS = ("Close", "Adj Close")


def _whole(name: str | None, unit: str) -> Sequences:
    """Read once, and again where a file has changed since."""
    path = None if name is None else Path(name)
    about = path.stat() if path is not None and path.is_file() else None
    return _read(name, unit, None if about is None else (about.st_mtime_ns, about.st_size))


@cache
def _read(name: str | None, unit: str, stamp: tuple[int, int] | None) -> Sequences:
    from miscope.sequences.builtin import builtin_corpus
    from miscope.sequences.reading import read

    if name is None:
        return builtin_corpus(unit)
    made = read(name, unit=unit)
    if not isinstance(made, Sequences):
        raise InputError(f"{name!r} holds numbers; for the questions about language name a file of text")
    return made


def corpus(sources: Mapping[str, Any], unit: str, documents: int | None = None) -> Sequences:
    """The text of a study: the one that was named as ``corpus``, or the one that every installation has.

    Parameters
    ----------
    sources
        Of the lab.
    unit
        ``character`` or ``word``.
    documents
        Take the first so many; default: all.
    """
    text = in_documents(_whole(sources.get("corpus"), unit))
    if documents is None or documents >= text.n_documents:
        return text
    end = int(text.offsets[documents])
    codes, offsets = text.codes[:end], text.offsets[: documents + 1]
    return Sequences(codes, offsets, text.alphabet_size, text.alphabet, text.provenance)


def in_documents(text: Sequences) -> Sequences:
    """The same text, cut into pieces of equal length where it has few documents: only documents can be compared.

    >>> in_documents(Sequences.from_arrays("so it is " * 100)).n_documents
    64
    """
    if text.n_documents >= _FEW or text.n_symbols < PIECES:
        return text
    pieces = Sequences.concatenate(text.split(PIECES, by="symbols"))
    return Sequences(pieces.codes, pieces.offsets, pieces.alphabet_size, pieces.alphabet, text.provenance)


def check_corpus(sources: Mapping[str, Any]) -> None:
    """Raise where the text that was named is not there or cannot be read."""
    name = sources.get("corpus")
    if name is None:
        return
    if str(name).startswith(_HUB):
        require("datasets", "hub", f"the data set {name}")
    else:
        _refuse_missing(name)
        _whole(str(name), "character")


def check_prices(sources: Mapping[str, Any]) -> None:
    """Raise where there are no prices: no such file or column, or no package that brings some."""
    if sources.get("prices") is not None:
        _refuse_missing(sources["prices"])
    price_classes(sources, "returns")


def price_classes(sources: Mapping[str, Any], how: str) -> Sequences | Series:
    """What the prices of a study did, as ``read_table(as_=how)`` says it."""
    from miscope.sequences.builtin import builtin_prices
    from miscope.sequences.tables import read_table

    name = sources.get("prices")
    if name is not None:
        return read_table(name, _column(name, sources.get("prices_column")), as_=how)
    try:
        return builtin_prices(how)
    except MissingExtraError as error:
        raise MissingExtraError(f"{error}; or name a table of prices of your own with --prices FILE") from None


def _column(name: str, asked: str | None) -> str | None:
    """The one that was asked for, else one of closing prices; None leaves it to the only one that there is."""
    from miscope.sequences.tables import read_table

    if asked is not None:
        return asked
    for column in _COLUMNS:
        try:
            read_table(name, column, as_="numbers")
        except InputError as error:
            if str(error).startswith("unknown column") or "has no column" in str(error):
                continue  # what else is wrong with the file is said when it is read
        return column
    return None


def _refuse_missing(name: Any) -> None:
    where = Path(os.fspath(name))
    if not where.exists():
        raise InputError(f"there is no file {str(where)!r}: name one that is there, or leave it out")
