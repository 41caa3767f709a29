"""`Sequences`: documents of symbol codes in one array, with what the symbols are and where they come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from miscope.digests import late, made_sure
from miscope.errors import InputError
from miscope.sequences import arrow, reshaping
from miscope.sequences.arrays import Symbol, check_parts, from_anything
from miscope.sequences.codes import Array, histogram, n_distinct, offsets_of
from miscope.sequences.sources import file_name

__all__ = ["Sequences"]


@made_sure("codes", "offsets")
@dataclass(frozen=True, eq=False, repr=False)
class Sequences:
    """Documents of symbols: all codes in one array, one document behind the other.

    Make them with `Sequences.from_arrays` or a reader (`read_text`, …): those check what they are given. The
    constructor is for code that already has clean arrays, and checks only what costs nothing.

    Examples
    --------
    >>> from miscope.sequences import Sequences
    >>> words = Sequences.from_arrays([["so", "it", "is"], ["is", "it", "so"]])
    >>> words
    Sequences(6 symbols of 3 kinds in 2 documents)
    >>> words.alphabet, words[0], words.decode(1)
    (('is', 'it', 'so'), array([2, 1, 0], dtype=uint8), ['is', 'it', 'so'])

    Parameters
    ----------
    codes
        uint8, uint16 or uint32 of shape (n_symbols,), perhaps memory-mapped; each code is below `alphabet_size`.
    offsets
        int64 of shape (n_documents + 1,): document d is ``codes[offsets[d]:offsets[d + 1]]``.
    alphabet_size
        Number of kinds of symbols that there may be.
    alphabet
        The symbol of each code, or None where the codes are all there is.
    provenance
        Where the symbols come from, JSON-able; its ``"label"`` is shown in the repr.
    """

    codes: Array
    offsets: npt.NDArray[np.int64]
    alphabet_size: int
    alphabet: tuple[Symbol, ...] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_parts(self.codes, self.offsets, self.alphabet_size, self.alphabet)

    @classmethod
    def from_arrays(
        cls,
        data: Any,
        offsets: Any = None,
        alphabet: Sequence[Symbol] | None = None,
        alphabet_size: int | None = None,
        label: str | None = None,
        missing_values: Any = None,
    ) -> Sequences:
        """Make sequences of what is in memory.

        Examples
        --------
        >>> from miscope.sequences import Sequences
        >>> Sequences.from_arrays([0, 1, 1, 0], label="coin")
        Sequences(4 symbols of 2 kinds in 1 document: coin)
        >>> Sequences.from_arrays("abracadabra").alphabet
        ('a', 'b', 'c', 'd', 'r')

        Parameters
        ----------
        data
            - integers (or bools), 1-D: one document; 2-D: one document a row (a single column is one document); a list
              of 1-D arrays: one each. Whole numbers beyond 2**32 - 1 are symbols. Whole numbers stored as floats are
              codes where none is negative and they are of few kinds: at most 256, each of which comes five times or
              more on average; otherwise they are refused.
            - a str: one document of characters, if it does not name a file; bytes: one of bytes;
            - an array or a column of str, a list of single characters, or a list of lists of str: the strings are the
              symbols;
            - a list of longer str: strings of more than 32 characters on average are texts, each a document of
              characters; shorter ones are labels, all of them one document, where each kind comes five times or more on
              average, and texts where none comes twice and none is a single letter; anything else is refused.

            Arrays are those of any library, by what it offers: numpy, pandas and polars (a series, an index, a frame of
            one column), Arrow, torch, lists of these, cells as `scipy.io.loadmat` gives them. Where something is
            masked, null or NA, a new document begins, and ``provenance["missing"]`` counts it. Codes that are uint8,
            uint16 or uint32 already are not copied, so a memory-mapped array stays one.
        offsets
            Where documents begin and end in a one-dimensional `data`: ``[0, end of the first, …, n_symbols]``.
        alphabet
            The symbols in the order of their codes. By default the distinct strings, sorted; None for integers.
        alphabet_size
            Number of kinds of symbols that there may be; by default the largest code + 1.
        label
            What to call the data in results.
        missing_values
            What stands for a missing value besides: a number or a label, or several, such as ``[-1, "lost"]``. A new
            document begins behind it.

        Raises
        ------
        InputError
            The data are empty, negative, not whole numbers or not inside the alphabet, the offsets do not fit, or the
            data can be read in two ways: the message says how to write either.

        Warns
        -----
        MiscopeWarning
            A number such as 99 repeats far outside all others, and is not named as missing.
        """
        return cls(*from_anything(data, offsets, alphabet, alphabet_size, label, missing_values))

    @property
    def n_symbols(self) -> int:
        """Number of symbols in all documents."""
        return len(self.codes)

    @cached_property
    def n_kinds(self) -> int:
        """Number of kinds of symbols: those of the alphabet, or, where there is none, the codes that occur.

        >>> Sequences.from_arrays([1, 3, 1]).n_kinds
        2
        """
        return self.alphabet_size if self.alphabet is not None else n_distinct(self.codes, self.alphabet_size)

    @property
    def n_documents(self) -> int:
        """Number of documents."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of symbols in each document."""
        return np.diff(self.offsets)

    @property
    def longest(self) -> int:
        """Number of symbols in the longest document."""
        return int(self.lengths.max(initial=0))

    def __len__(self) -> int:
        return self.n_documents

    def __getitem__(self, document: int) -> Array:
        """Return the codes of one document, a view."""
        if not -len(self) <= document < len(self):
            raise IndexError(f"document {document} of {len(self)}")
        document %= len(self)
        return self.codes[self.offsets[document] : self.offsets[document + 1]]

    def __iter__(self) -> Iterator[Array]:
        return (self.codes[start:end] for start, end in zip(self.offsets[:-1], self.offsets[1:], strict=True))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequences):
            return NotImplemented
        kind = (self.alphabet_size, self.alphabet) == (other.alphabet_size, other.alphabet)
        return kind and np.array_equal(self.offsets, other.offsets) and np.array_equal(self.codes, other.codes)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        nouns = {"symbol": self.n_symbols, "kind": self.n_kinds, "document": self.n_documents}
        symbols, kinds, documents = (f"{n:,} {noun}{'' if n == 1 else 's'}" for noun, n in nouns.items())
        label = self.provenance.get("label")
        return f"Sequences({symbols} of {kinds} in {documents}{f': {label}' if label else ''})"

    def histogram(self) -> npt.NDArray[np.int64]:
        """Count each symbol; shape (alphabet_size,).

        >>> Sequences.from_arrays([0, 2, 2]).histogram()
        array([1, 0, 2])
        """
        return histogram(self.codes, self.alphabet_size)

    def decode(self, document: int) -> str | list[Symbol]:
        """Return the symbols of a document: a str if all symbols are single characters, otherwise a list.

        >>> Sequences.from_arrays("abba").decode(0)
        'abba'
        """
        codes: list[int] = self[document].tolist()
        if self.alphabet is None:
            return list(codes)
        symbols = [self.alphabet[code] for code in codes]
        if all(isinstance(symbol, str) and len(symbol) == 1 for symbol in self.alphabet):
            return "".join(map(str, symbols))
        return symbols

    def split(
        self, parts: int | Iterable[float], by: str = "documents", seed: int | None = None
    ) -> tuple[Sequences, ...]:
        """Cut into parts, such as training and test data.

        Examples
        --------
        >>> train, test = Sequences.from_arrays([[0] * 3, [1] * 3, [0] * 3, [1]]).split([0.9, 0.1])
        >>> train, test
        (Sequences(9 symbols of 2 kinds in 3 documents: part 1 of 2),
         Sequences(1 symbol of 1 kind in 1 document: part 2 of 2))

        Parameters
        ----------
        parts
            Fractions of the symbols, adding up to at most 1 (what is over is left out), or a number of equal parts.
            None may come out empty.
        by
            ``"documents"``: whole documents, cut at the border nearest to each fraction; ``"symbols"``: cut exactly
            there, through documents if need be.
        seed
            Shuffle the documents first (a copy); None keeps their order (no copy).
        """
        fractions = reshaping.fractions_of(parts)
        cuts = reshaping.split(self.codes, self.offsets, fractions, by, seed)
        how = {"of": len(cuts), "by": by, "fractions": fractions, "seed": seed}
        return tuple(
            self._with(*cut, f"part {i} of {len(cuts)}", part={"index": i, **how}) for i, cut in enumerate(cuts, 1)
        )

    @classmethod
    def concatenate(cls, parts: Iterable[Sequences]) -> Sequences:
        """Put several sequences behind one another; documents stay apart, and equal symbols get equal codes.

        Either all of them have an alphabet, or none.

        >>> a, b = Sequences.from_arrays("ab"), Sequences.from_arrays("bc")
        >>> both = Sequences.concatenate([a, b])
        >>> both.alphabet, both.decode(1)
        (('a', 'b', 'c'), 'bc')
        """
        parts = list(parts)
        if not all(isinstance(part, Sequences) for part in parts):
            raise InputError("what is put together is Sequences: make them of other data first, Sequences.from_arrays")
        codes, size, alphabet = reshaping.join([(part.codes, part.alphabet_size, part.alphabet) for part in parts])
        labels = [str(part.provenance.get("label", "unnamed")) for part in parts]
        label = labels[0] + (f" and {len(parts) - 1} more" if len(parts) > 1 else "")
        provenance = {"label": label, "concatenated": [dict(part.provenance) for part in parts]}
        return cls(codes, offsets_of(np.concatenate([part.lengths for part in parts])), size, alphabet, provenance)

    def map_symbols(
        self, mapping: Mapping[Any, Symbol] | Callable[[Any], Symbol] | Array, other: Symbol | None = None
    ) -> Sequences:
        """Merge symbols into classes.

        Examples
        --------
        >>> text = Sequences.from_arrays("so it is")
        >>> text.map_symbols({letter: "vowel" for letter in "aeiou"}, other="else").decode(0)
        ['else', 'vowel', 'else', 'vowel', 'else', 'else', 'vowel', 'else']
        >>> text.map_symbols(str.isspace).alphabet
        (0, 1)

        Parameters
        ----------
        mapping
            The class of each symbol (of each code where there is no alphabet): a mapping, a function, or an array of
            shape (alphabet_size,) with class codes.
        other
            The class of all symbols that a mapping does not name.

        Returns
        -------
        Sequences
            Its alphabet is the distinct classes, sorted; None if `mapping` is an array.

        Raises
        ------
        InputError
            A symbol has no class, or a class is neither str nor int.
        """
        symbols = self.alphabet if self.alphabet is not None else range(self.alphabet_size)
        codes, size, alphabet = reshaping.map_symbols(self.codes, symbols, mapping, other)
        provenance = {**self.provenance, "merged_from": self.alphabet_size}
        return Sequences(codes, self.offsets, size, alphabet, provenance)

    def merge(self, how: str, other: str | None = None) -> Sequences:
        """Merge symbols into classes that have a name.

        Mutual information between classes is at most that between symbols: what is then measured is a lower bound.

        Examples
        --------
        >>> text = Sequences.from_arrays("so it is")
        >>> text.merge("top:3").decode(0)
        ['other', 'other', ' ', 'i', 'other', ' ', 'i', 'other']
        >>> text.merge("unicode").alphabet
        ('Ll', 'Zs')

        Parameters
        ----------
        how
            ``"top:1000"``, ``"unicode"``, ``"prefix:2"``, ``"suffix:3"``, ``"first"``, ``"last"``, ``"kind"`` or
            ``"map:FILE"``, as `miscope.sequences.merging.Merging` has them. For classes of your own see `map_symbols`.
        other
            With ``map:FILE`` the class of all symbols that the file does not name; with ``top`` what the class of all
            others is called.

        Returns
        -------
        Sequences
            Its provenance says ``"classes"``: how, how many, and of how many symbols.

        Raises
        ------
        InputError
            `how` is misspelt or does not go with these symbols, or a symbol has no class.
        """
        from miscope.sequences.merging import Merging

        return Merging.parse(how, other).apply(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an Arrow IPC file: one large-list column ``codes``, one row a document; the rest in its metadata.

        If the file cannot be written, an `InputError` says why, and what stood there before is unchanged.

        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "coin.arrow"
        >>> Sequences.from_arrays([0, 1, 1, 0]).save(path)
        >>> Sequences.open(path)
        Sequences(4 symbols of 2 kinds in 1 document)
        """
        kept = {name: getattr(self, name) for name in ("alphabet_size", "alphabet", "provenance")}
        arrow.save(path, self.codes, self.offsets, kept)

    @classmethod
    def open(cls, path: str | os.PathLike[str], column: str | None = None) -> Sequences:
        """Open an Arrow file, memory-mapped: nothing is copied, whatever its size.

        What `save` wrote has a digest, which is checked once, when `codes` or `offsets` are first looked at, so that
        opening takes no time; a file that was changed raises `FormatError` there.

        Opens what `save` wrote, and any other Arrow IPC file or stream with a column of lists of integers, such as a
        tokenised Hugging Face data set. (Those are copied if they have several batches or integers of 64 bits. Integers
        beyond 2**32 - 1 are symbols, as in `from_arrays`.)

        Examples
        --------
        >>> Sequences.open("no_such.arrow")
        Traceback (most recent call last):
        ...
        miscope.errors.InputError: cannot open 'no_such.arrow': there is no such file

        Parameters
        ----------
        path
            The file.
        column
            The column of lists; may be left out when there is only one.

        Raises
        ------
        FormatError
            The file is no such file, is damaged, or was changed after it was written; the message says what it is.
        """
        *parts, check = arrow.open_file(file_name(path), column)
        opened = cls(*parts)
        if check is not None:
            late(opened, check)
        return opened

    def _with(self, codes: Array, offsets: Array, label: str, **more: Any) -> Sequences:
        """Other documents of the same symbols."""
        old = self.provenance.get("label")
        provenance = {**self.provenance, "label": f"{old}, {label}" if old else label, **more}
        return Sequences(codes, offsets, self.alphabet_size, self.alphabet, provenance)
