"""Quotation marks in tables: around fields, or symbols as all others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

__all__ = ["QUOTING", "Quotes", "tell_quotes"]

QUOTING = ("fields", "none")


class Quotes(NamedTuple):
    """What quotation marks are in a table, and what a reader should know of them.

    Attributes
    ----------
    how
        ``"fields"``: they stand around fields; ``"none"``: they are characters as all others.
    line
        The line (from 1) at which the two differ: where a field begins that spans several lines, or, with ``"none"``,
        where a cell begins with a mark that is not closed in it; None where it is all the same.
    span
        How many lines the field there spans; 0 with ``"none"``.
    """

    how: str
    line: int | None = None
    span: int = 0


def tell_quotes(pieces: Iterable[str], separator: str) -> Quotes:
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
    >>> tell_quotes(['a,b\n1,"x\ny"\n2,"y, z"\n'], ",")
    Quotes(how='fields', line=2, span=2)

    Parameters
    ----------
    pieces
        The text, with line ends of one kind, ``\n``.
    separator
        What stands between columns.
    """
    sheet = _Sheet(separator)
    for first, lines in _whole_lines(pieces):
        sheet.add(first, lines)
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
        self._odd: list[int] = []
        self._bare = True

    def add(self, first: int, lines: str) -> None:
        """Take whole lines, of which the first has this number."""
        if not self._columns and (text := lines.lstrip("\n")):
            self._columns = text.partition("\n")[0].count(self._separator) + 1
        if self._even and (self._opened is not None or '"' in lines):
            self._look(first, lines)
        if self._opened is not None and '"' in lines:
            self._note_odd(first, lines)

    def _note_odd(self, first: int, lines: str) -> None:
        """Keep the first lines with an odd number of marks: between two of them a quoted field spans lines."""
        if len(self._odd) > 1 and self._columns > 1:
            return
        text = np.frombuffer(lines.encode("utf-8", "replace"), np.uint8)
        of_marks = np.searchsorted(np.flatnonzero(text == ord("\n")), np.flatnonzero(text == ord('"')))
        odd = np.flatnonzero(np.bincount(of_marks) % 2)
        odd = odd[first + odd >= (self._opened or 0)]
        self._odd += (first + odd[: 2 - min(len(self._odd), 2)]).tolist()
        if self._columns == 1 and self._bare and len(odd):
            several = lines.split("\n")
            self._bare = all(several[line].strip() == '"' for line in odd.tolist())

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
        if len(self._odd) > 1:
            return Quotes("fields", self._odd[0], self._odd[1] - self._odd[0] + 1)
        return Quotes("fields")


def _whole_lines(pieces: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield the text in pieces that end where lines do, each with the number of its first line."""
    first, rest = 1, ""
    for piece in pieces:
        lines, end, rest = (rest + piece).rpartition("\n")
        if end:
            yield first, lines + end
            first += lines.count("\n") + 1
    if rest:
        yield first, rest
