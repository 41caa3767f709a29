"""Quotation marks in tables: around fields, or symbols as all others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from miscope.sequences.codes import Array

__all__ = ["QUOTING", "Quotes", "tell_quotes"]

QUOTING = ("fields", "none")


class Quotes(NamedTuple):
    """What quotation marks are in a table, and what a reader should know of them.

    Attributes
    ----------
    how
        ``"fields"``: they stand around fields; ``"none"``: they are characters as all others.
    line
        The line (from 1) at which the two may differ: where a field begins that spans several lines each of which could
        be a row, or, with ``"none"``, where a cell begins with a mark that is not closed in it; None if there is none.
    span
        How many lines the field there spans; 0 with ``"none"``.
    """

    how: str
    line: int | None = None
    span: int = 0


def tell_quotes(pieces: Iterable[str], separator: str, first: int = 1) -> Quotes:
    r"""Tell from the whole text of a table what its quotation marks are.

    A mark that opens a cell and is not closed in it may begin a field that holds separators or line ends, or be a
    symbol. If it is a symbol, every line by itself has as many columns as the first; the lines of a field that spans
    several of them, or holds separators, have not. Where there is one column only, it is a symbol if nothing but
    the mark stands in its line; and where commas and the like separate, if nothing but the mark stands in the first
    such cell, for those who write such files put marks around texts of several lines.

    Examples
    --------
    >>> tell_quotes(['word\ttag\n"\tQ\nso\tA\n"\tQ\n'], "\t")
    Quotes(how='none', line=2, span=0)
    >>> tell_quotes(['a,b\n1,"x\ny"\n2,"y, z"\n'], ",")  # y" is no row
    Quotes(how='fields', line=None, span=0)
    >>> tell_quotes(['a,b\n"x,1\ny",2\n'], ",")
    Quotes(how='fields', line=2, span=2)

    Parameters
    ----------
    pieces
        The text, with line ends of one kind, ``\n``.
    separator
        What stands between columns.
    first
        The number of its first line.
    """
    sheet = _Sheet(separator)
    for number, lines in _whole_lines(pieces, first):
        sheet.add(number, lines)
    return sheet.verdict()


class _Sheet:
    """What the lines of a table say, seen one after the other."""

    def __init__(self, separator: str) -> None:
        mark, other = re.escape(separator), re.escape(separator) + '"\\n'
        rest = f'[^{other}]*+(?:""[^{other}]*+)*+"(?={mark}|$)'
        self._open = re.compile(f'(?m)"(?<![^{mark}\\n]")(?!{rest})')  # the mark first, which is found fastest
        self._separator = separator
        self._columns = 0
        self._opened: int | None = None
        self._even = True
        self._spans: _Spans | None = None
        self._bare = True

    def add(self, first: int, lines: str) -> None:
        """Take whole lines, of which the first has this number."""
        if not self._columns and (text := lines.lstrip("\n")):
            self._columns = text.partition("\n")[0].count(self._separator) + 1
        if self._even and (self._opened is not None or '"' in lines):
            self._look(first, lines)
        if self._opened is None:
            return
        if self._spans is None:
            self._spans = _Spans(self._opened, self._separator, self._columns)
        if self._spans.found is None and (self._spans.begun is not None or '"' in lines):
            self._spans.add(first, lines)
        if self._columns == 1 and self._bare and '"' in lines:
            self._bare = all(line.strip() == '"' for line in lines.split("\n") if line.count('"') % 2)

    def _look(self, first: int, lines: str) -> None:
        """Whether every line has the columns that it should have, from the first cell on that is not closed."""
        start = 0
        if self._opened is None:
            found = self._open.search(lines)
            if found is None:
                return
            alone = lines[found.end() : found.end() + 1] in ("", "\n", self._separator)
            if self._separator != "\t" and self._columns > 1 and not alone:
                self._even = False
            start = lines.rfind("\n", 0, found.start()) + 1
            self._opened = first + lines.count("\n", 0, start)
        separator, n = self._separator, self._columns - 1
        self._even = self._even and all(
            line.count(separator) == n for line in lines[start:].split("\n") if line.strip()
        )

    def verdict(self) -> Quotes:
        """What the marks are."""
        symbols = self._opened is not None and self._even and (self._columns > 1 or self._bare)
        if symbols:
            return Quotes("none", self._opened)
        if self._spans is not None and self._spans.found is not None:
            return Quotes("fields", *self._spans.found)
        return Quotes("fields")


class _Spans:
    """Fields that span lines, from a line with an odd number of marks to the next one.

    Attributes
    ----------
    found
        The line in which the first one begins whose lines could be rows, and how many they are: each by itself has all
        columns. Where tabs separate, which texts hardly have, it is enough that the first and the last one have.
    begun
        The line in which the field begins that is not closed yet.
    """

    def __init__(self, since: int, separator: str, columns: int) -> None:
        self._since, self._separator, self._columns = since, separator, columns
        self.begun: int | None = None
        self.found: tuple[int, int] | None = None
        self._are_rows = True  # those since `begun`

    def add(self, first: int, lines: str) -> None:
        """Take whole lines, of which the first has this number."""
        odd, fits, may_be_inside = self._looked_at(lines)
        before = 0
        for line in odd[first + odd >= self._since].tolist():
            if self.begun is None:
                self.begun, self._are_rows = first + line, bool(fits[line])
            elif self._are_rows and fits[line] and may_be_inside[before:line].all():
                self.found = self.begun, first + line - self.begun + 1
                return
            else:
                self.begun = None
            before = line + 1
        if self.begun is not None:
            self._are_rows &= bool(may_be_inside[before:].all())

    def _looked_at(self, lines: str) -> tuple[Array, Array, Array]:
        """Which lines have an odd number of marks, which have all columns, and which may stand between such rows."""
        text = np.frombuffer(lines.removesuffix("\n").encode("utf-8", "replace"), np.uint8)
        ends = np.flatnonzero(text == ord("\n"))

        def counts(character: str) -> Array:
            return np.bincount(np.searchsorted(ends, np.flatnonzero(text == ord(character))), minlength=len(ends) + 1)

        fits = counts(self._separator) == self._columns - 1
        inside = fits | (np.diff(ends, prepend=-1, append=len(text)) <= 1) | (self._separator == "\t")
        return np.flatnonzero(counts('"') % 2), fits, inside


def _whole_lines(pieces: Iterable[str], first: int) -> Iterator[tuple[int, str]]:
    """Yield the text in pieces that end where lines do, each with the number of its first line."""
    rest = ""
    for piece in pieces:
        lines, end, rest = (rest + piece).rpartition("\n")
        if end:
            yield first, lines + end
            first += lines.count("\n") + 1
    if rest:
        yield first, rest
