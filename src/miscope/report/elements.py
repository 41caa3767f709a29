"""What a report is made of: findings, figures, tables, sections; plain data, which the page only lays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from miscope.errors import FormatError

__all__ = ["Column", "Figure", "Finding", "Page", "Result", "Section", "Table", "number_column", "text_column"]


MOST_ROWS = 400  # of a table on a page; files have all


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    heading
        What stands above it.
    values
        As they are written to CSV: numbers in full, or text; None for what is not known.
    words
        The same as people read it.
    number
        Whether it is set flush right.
    """

    heading: str
    values: tuple[Any, ...]
    words: tuple[str, ...]
    number: bool


@dataclass(frozen=True)
class Table:
    """Columns of equal length under a caption.

    Attributes
    ----------
    identity
        Unique in a page, and the name of the file to download.
    caption
        What it shows.
    columns
        From left to right.
    folded
        Whether it is shown only when it is asked for.
    """

    identity: str
    caption: str
    columns: tuple[Column, ...]
    folded: bool = False

    def __post_init__(self) -> None:
        if len({len(column.words) for column in self.columns}) > 1:
            raise FormatError(f"the columns of {self.caption!r} have different lengths: the result is damaged")

    @property
    def n_rows(self) -> int:
        """How many rows there are, shown or not."""
        return len(self.columns[0].words)

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """What stands in each row that is shown, as words: at most 400 of them, evenly chosen."""
        every = list(zip(*(column.words for column in self.columns), strict=True))
        if len(every) <= MOST_ROWS:
            return every
        return [every[k * (len(every) - 1) // (MOST_ROWS - 1)] for k in range(MOST_ROWS)]


@dataclass(frozen=True)
class Figure:
    """A chart, how to read it, and the numbers behind it.

    Attributes
    ----------
    identity
        Unique in a page.
    title, reading
        What it shows, and how that is to be read ("" where the section says so).
    chart
        JSON-able, as `charts.py` makes it and ``charts.js`` draws it.
    table
        The numbers.
    """

    identity: str
    title: str
    reading: str
    chart: dict[str, Any]
    table: Table


@dataclass(frozen=True)
class Finding:
    """One result in plain words: of what, the verdict in a word or two, sentences, and how much was looked at."""

    label: str
    verdict: str
    sentences: tuple[str, ...]
    about: str = ""


@dataclass(frozen=True)
class Section:
    """A heading with what belongs under it.

    Attributes
    ----------
    identity, heading
        Unique in a page, and what stands above.
    lead
        Paragraphs.
    figures, tables, lists
        One after the other; a list has a heading of its own.
    overview
        Tables that come before the figures.
    """

    identity: str
    heading: str
    lead: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    overview: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Result:
    """What can be downloaded whole: a name, and the text of a JSON file ("" where that is too long to carry)."""

    name: str
    kind: str
    text: str


@dataclass(frozen=True)
class Page:
    """All of a report."""

    title: str
    findings: tuple[Finding, ...]
    warnings: tuple[tuple[str, tuple[str, ...]], ...]
    sections: tuple[Section, ...]
    results: tuple[Result, ...] = field(default=())


def text_column(heading: str, words: Sequence[Any]) -> Column:
    """A column of text."""
    made = tuple("" if word is None else str(word) for word in words)
    return Column(heading, made, made, False)


def number_column(heading: str, values: Sequence[Any], words: Sequence[str]) -> Column:
    """A column of numbers: in full, and in words."""
    return Column(heading, tuple(values), tuple(words), True)
