"""Classes by name: what `Sequences.merge` and ``--classes`` understand, from text to the class of each symbol."""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miscope.errors import FormatError, InputError, choice
from miscope.sequences.characters import with_marks
from miscope.sequences.classes import SymbolClasses, by_frequency, by_map
from miscope.sequences.encoding import BYTES
from miscope.sequences.token_marks import begins_word, mark_of, text_of_token
from miscope.whole_files import json_of, read_whole

if TYPE_CHECKING:
    from miscope.sequences.container import Sequences

__all__ = ["Merging"]

KINDS = ("top", "unicode", "prefix", "suffix", "first", "last", "kind", "map")
NUMBERED = {"top": "top:1000", "prefix": "prefix:2", "suffix": "suffix:3"}
OTHER = "other"


@dataclass(frozen=True)
class Merging:
    """Which symbols shall be one class, as one text says it.

    ======================  ===========================================================================================
    text                    the class of a symbol
    ======================  ===========================================================================================
    ``top:1000``            1000 classes: each of the 999 most frequent symbols is one of its own, and all others are
                            one, ``other``
    ``unicode``             the general category of a character, such as ``Lu`` (capital letter), ``Nd`` (digit) or
                            ``Po`` (punctuation); of a word or token that of its first character
    ``prefix:2``            its first two characters, each with the marks on it, or all of it where there are fewer;
                            ``first`` is ``prefix:1``
    ``suffix:3``            its last three characters, likewise; ``last`` is ``suffix:1``
    ``kind``                of a tokenizer's tokens: ``begins`` a word, or ``continues`` one, as the tokens' marks say:
                            ``Ġ`` and ``▁`` begin, ``##`` continues
    ``map:FILE``            what a file says, one line a symbol: symbol and class, with a tab (``.tsv``, ``.txt``) or a
                            comma (``.csv``) between them, or a JSON object (``.json``)
    ======================  ===========================================================================================

    Where symbols are tokens of a tokenizer, ``unicode``, ``prefix`` and ``suffix`` look at the text of a token, without
    its mark; of a byte (``<0x0A>``) at the character that it is. A token that is a part of a character has the category
    ``partial``.

    Mutual information between classes is at most that between the symbols: what is measured is a lower bound.

    Examples
    --------
    >>> from miscope.sequences import Sequences
    >>> text = Sequences.from_arrays("So it is 42.")
    >>> Merging.parse("unicode").apply(text).decode(0)[:4]
    ['Lu', 'Ll', 'Zs', 'Ll']
    >>> Merging.parse("top:3").of(text)
    SymbolClasses(9 symbols in 3 classes:  , i, other)

    Parameters
    ----------
    text
        As it was written.
    kind
        The word that it begins with.
    number
        The number behind it, or None.
    table
        What the file of ``map:FILE`` says.
    other
        The class of all symbols that ``map:FILE`` does not name, or the name of the class ``other`` of ``top``.
    """

    text: str
    kind: str
    number: int | None = None
    table: Mapping[str, str] | None = None
    other: str | None = None

    @classmethod
    def parse(cls, text: str, other: str | None = None) -> Merging:
        """Understand a text of this grammar; read the file that it names.

        Raises
        ------
        InputError
            A word is misspelt, a number is missing, the file cannot be read, or `other` does not belong to it.
        """
        if not isinstance(text, str):
            raise InputError(f'classes are named by a text such as "top:1000" or "unicode", not {text!r}')
        kind, colon, behind = text.strip().partition(":")
        choice(kind, KINDS, "kind of classes")
        if other is not None and kind not in ("top", "map"):
            raise InputError(f"{kind} has a class for every symbol: leave other={other!r} out")
        if kind == "map":
            return cls(text, kind, None, _read_table(behind), other)
        if kind in NUMBERED:
            return cls(text, kind, _whole(kind, behind), None, other)
        if colon:
            raise InputError(f"{kind!r} takes nothing behind it; leave {':' + behind!r} out")
        return cls(text, kind)

    @property
    def counts(self) -> bool:
        """Whether it depends on how often symbols were seen, so that other data would give other classes."""
        return self.kind == "top"

    def of(self, sequences: Sequences) -> SymbolClasses:
        """The class of each symbol of these sequences.

        Raises
        ------
        InputError
            The symbols are not of a kind that has such classes, a symbol has no class, or all have the same.
        """
        if self.kind == "top":
            made = by_frequency(sequences, self._number_for(sequences))
            return made if self.other is None else dataclasses.replace(made, names=(*made.names[:-1], self.other))
        symbols = sequences.alphabet if sequences.alphabet is not None else tuple(range(sequences.alphabet_size))
        classes = self._class_of(symbols, sequences.provenance)
        if len({classes(symbol) for symbol in symbols}) == 1:
            raise InputError(
                f"all symbols are one class of {self.text}, {classes(symbols[0])!r}: there is nothing to measure: "
                "choose finer classes"
            )
        return by_map(sequences, classes)

    def apply(self, sequences: Sequences, like: Sequences | None = None) -> Sequences:
        """The same documents, each symbol replaced by its class; its provenance says so under ``"classes"``.

        Parameters
        ----------
        sequences
            The documents.
        like
            Other data that were merged in this way, whose most frequent symbols ``top`` shall take: what was not among
            them is ``other`` here too.
        """
        if like is not None and like.alphabet is not None and self.counts:
            *own, last = like.alphabet
            made, n = sequences.map_symbols({symbol: symbol for symbol in own}, other=last), len(like.alphabet)
        else:
            classes = self.of(sequences)
            made, n = classes.apply(sequences), classes.n_classes
        said = {"how": self.text, "classes": n, "symbols": sequences.alphabet_size}
        return dataclasses.replace(made, provenance={**made.provenance, "classes": said})

    def _number_for(self, sequences: Sequences) -> int:
        assert self.number is not None
        if self.number >= sequences.alphabet_size:
            raise InputError(
                f"{self.text} is for more than {self.number:,} symbols, and there are {sequences.alphabet_size:,}: "
                "leave classes out, or make them fewer"
            )
        return self.number

    def _class_of(self, symbols: Sequence[Any], provenance: Mapping[str, Any]) -> Callable[[Any], str]:
        """What gives each symbol its class."""
        if self.table is not None:
            return _looked_up(self.table, symbols, self.other, self.text)
        numbers = [symbol for symbol in symbols if not isinstance(symbol, str)]
        if numbers:
            raise InputError(
                f"{self.text} is for symbols that are written, and these are numbers, such as {numbers[0]}: write "
                "top:64 or map:FILE"
            )
        if symbols == BYTES and provenance.get("unit") == "byte":
            raise InputError(f"{self.text} is for characters, words and tokens, and these are bytes: read characters")
        of_tokenizer = "tokenizer" in provenance
        mark = mark_of(symbols) if self.kind == "kind" or of_tokenizer else None
        if self.kind == "kind":
            if mark is None:
                raise InputError(
                    "kind is for tokens whose marks say where words begin (Ġ, ▁, ##), and these symbols have none"
                )
            return lambda symbol: "begins" if begins_word(symbol, mark) else "continues"
        text = functools.partial(text_of_token, mark=mark) if of_tokenizer else str
        n = self.number or 1
        if self.kind == "unicode":
            return lambda symbol: _category(text(symbol))
        part = slice(n) if self.kind in ("prefix", "first") else slice(-n, None)
        return lambda symbol: "".join(with_marks(text(symbol))[part])


def _category(text: str) -> str:
    return "partial" if text[:1] == "\ufffd" else unicodedata.category(text[0]) if text else "empty"


def _whole(kind: str, text: str) -> int:
    least = 2 if kind == "top" else 1
    if not text.isascii() or not text.isdigit() or not int(text) >= least:
        raise InputError(f"{kind} needs a whole number of at least {least} behind it, as in {NUMBERED[kind]}")
    return int(text)


# Classes from a file


def _looked_up(table: Mapping[str, str], symbols: Sequence[Any], other: str | None, text: str) -> Callable[[Any], str]:
    """The class of each symbol in a table; numbers are looked up as they are written."""
    without = [symbol for symbol in symbols if str(symbol) not in table]
    if len(without) == len(symbols):
        few = ", ".join(map(repr, list(table)[:3]))
        raise InputError(f"{text} names none of the symbols: it has {few}, and there are {_few(symbols)}")
    if without and other is None:
        raise InputError(
            f"{len(without)} symbols have no class in {text}: {_few(without)}; add them, or name a class for all the "
            "rest, other='…'"
        )
    return lambda symbol: table.get(str(symbol), other or OTHER)


def _few(symbols: Sequence[Any]) -> str:
    return ", ".join(map(repr, symbols[:5])) + (", …" if len(symbols) > 5 else "")


def _read_table(name: str) -> dict[str, str]:
    """Symbols and their classes, as a file says."""
    if not name:
        raise InputError("map needs a file of symbols and classes behind it, as in map:classes.tsv")
    path = Path(os.path.expanduser(name))  # noqa: PTH111
    try:
        text = read_whole(path).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise FormatError(f"{name!r} is not UTF-8 ({error}): save it so") from error
    pairs = _of_json(name, text) if path.suffix.lower() == ".json" else _of_lines(name, text, path.suffix.lower())
    if not pairs:
        raise InputError(f"{name!r} is empty: it needs a symbol and its class on each line")
    table: dict[str, str] = {}
    for symbol, named in pairs:
        if table.setdefault(symbol, named) != named:
            raise InputError(f"{name!r} gives {symbol!r} two classes, {table[symbol]!r} and {named!r}: leave one out")
    return table


def _of_json(name: str, text: str) -> list[tuple[str, str]]:
    found = json_of(text, repr(name))
    if not isinstance(found, dict) or not all(isinstance(value, str | int) for value in found.values()):
        raise FormatError(f'{name!r} must be a JSON object of symbols and classes, such as {{"a": "vowel"}}')
    return [(symbol, str(named)) for symbol, named in found.items()]


def _of_lines(name: str, text: str, suffix: str) -> list[tuple[str, str]]:
    # Lines end where files' do, not at all that str.splitlines takes for an end: such characters are symbols.
    try:
        rows = (
            list(csv.reader(io.StringIO(text))) if suffix == ".csv" else [line.split("\t") for line in text.split("\n")]
        )
    except csv.Error as error:
        raise FormatError(f"{name!r} is no table with commas ({error})") from error
    rows = [row for row in rows if row != [""] and row]
    for number, row in enumerate(rows, 1):
        if len(row) != 2:
            between = "a comma" if suffix == ".csv" else "a tab"
            raise FormatError(
                f"row {number} of {name!r} has {len(row)} columns: each has a symbol and its class, {between} between "
                "them (.csv: comma; .tsv, .txt: tab)"
            )
    if rows and [cell.strip().casefold() for cell in rows[0]] == ["symbol", "class"]:
        rows = rows[1:]
    return [(symbol, named) for symbol, named in rows]
