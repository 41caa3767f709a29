"""Text becomes codes: one encoder for each unit, and the join of their pieces into one alphabet."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from miscope.sequences.codes import Array, code_dtype, histogram, pieces, recode

__all__ = ["BYTES", "END", "UNITS", "CharacterEncoder", "Encoded", "encode_documents", "encoder_of"]

END = "\ud800"
"""Stands in a text where one document ends and the next begins: a lone surrogate, which no UTF text can contain."""

BYTES = tuple(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in range(256))
"""The symbols of unit 'byte': printable ASCII as it is, everything else as an escape."""

N_POINTS = 0x110000
SPACE, WORD, JOINER, ALONE = range(4)


class Encoded(NamedTuple):
    """Codes of all documents, the documents' lengths, the alphabet, and how many documents were empty."""

    codes: Array
    lengths: Array
    alphabet: tuple[str, ...]
    n_empty: int


class Encoder(Protocol):
    """Numbers symbols in the order in which it meets them; in the end says in which order they shall be."""

    def encode(self, text: str) -> Array:
        """Return the provisional codes of a text."""
        ...

    @property
    def symbols(self) -> list[str]:
        """The symbols met so far, in the order of their provisional codes."""
        ...

    @property
    def end(self) -> int | None:
        """The provisional code of `END`, if it was met."""
        ...

    def order(self, counts: Array) -> list[int]:
        """Return the provisional codes in the order of the alphabet, given how often each was seen."""
        ...


def encode_documents(texts: Iterable[str], encoder: Encoder, marked: bool = True) -> Encoded:
    """Encode `texts`, each of them one document, or several with `END` between them if they are `marked`.

    >>> encoded = encode_documents([f"ab{END}{END}c", "a"], CharacterEncoder())
    >>> encoded.codes.tolist(), encoded.lengths.tolist(), encoded.alphabet, encoded.n_empty
    ([0, 1, 2, 0], [2, 1, 1], ('a', 'b', 'c'), 1)
    """
    parts, lengths, n_empty = [], [], 0
    for text in texts:
        part, of_documents = _cut(encoder.encode(text), encoder.end if marked else None)
        parts.append(part)
        lengths.append(of_documents[of_documents > 0])
        n_empty += int(np.count_nonzero(of_documents == 0))
    codes = parts[0] if len(parts) == 1 else np.concatenate([_nothing(), *parts])
    del parts
    symbols = encoder.symbols
    order = encoder.order(histogram(codes, len(symbols)))
    table = np.zeros(len(symbols), code_dtype(len(order)))
    table[order] = np.arange(len(order))
    codes = recode(codes, table, out=codes if codes.dtype == table.dtype and codes.flags.writeable else None)
    alphabet = tuple(symbols[code] for code in order)
    return Encoded(codes, np.concatenate([np.zeros(0, np.int64), *lengths]), alphabet, n_empty)


def encoder_of(unit: str) -> Encoder:
    """Return a fresh encoder for one of `UNITS`."""
    encoder: Encoder = UNITS[unit]()
    return encoder


def _cut(codes: Array, end: int | None) -> tuple[Array, Array]:
    """Take the ends of documents out of the codes; what follows the last end counts only if there is something."""
    if end is None:
        return codes, np.array([len(codes)], np.int64)
    is_end = codes == end
    lengths = np.diff(np.append(np.flatnonzero(is_end), len(codes)), prepend=-1) - 1
    return codes[~is_end], lengths[:-1] if len(lengths) > 1 and lengths[-1] == 0 else lengths


def _points(text: str) -> Array:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


class ByteEncoder:
    """Bytes that were decoded as Latin-1: each character is the byte of its number."""

    symbols: list[str] = [*BYTES, END]  # noqa: RUF012 - the same for all
    end: int | None = 256

    def encode(self, text: str) -> Array:
        """Return the bytes, with 256 for the end of a document."""
        return np.minimum(np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16), len(BYTES))

    def order(self, counts: Array) -> list[int]:
        """Return all 256 bytes, seen or not."""
        return list(range(256))


class CharacterEncoder:
    """Unicode characters, through a table of all code points."""

    def __init__(self) -> None:
        self.symbols: list[str] = []
        self._codes = np.zeros(N_POINTS, np.uint32)
        self._known = np.zeros(N_POINTS, bool)

    def encode(self, text: str) -> Array:
        """Return one code a character."""
        parts = [self._encode(_points(text[piece])) for piece in pieces(len(text))]
        return np.concatenate(parts, dtype=code_dtype(len(self.symbols)), casting="unsafe") if parts else _nothing()

    def order(self, counts: Array) -> list[int]:
        """Return the characters that were seen, in the order of Unicode."""
        return sorted(np.flatnonzero(counts).tolist(), key=self.symbols.__getitem__)

    @property
    def end(self) -> int | None:
        """The code of `END`, if it was met."""
        return int(self._codes[ord(END)]) if self._known[ord(END)] else None

    def _encode(self, points: Array) -> Array:
        new = np.unique(points[~self._known[points]])
        self._codes[new] = np.arange(len(self.symbols), len(self.symbols) + len(new))
        self._known[new] = True
        self.symbols += map(chr, new.tolist())
        return self._codes[points].astype(code_dtype(len(self.symbols)))


class WordEncoder:
    """Words, found by `find`, a function from text to a list of words that never joins what white space separates."""

    def __init__(self, find: Callable[[str], list[str]]) -> None:
        self._find = find
        self._index: defaultdict[str, int] = defaultdict(itertools.count().__next__)

    @property
    def symbols(self) -> list[str]:
        """The words met so far."""
        return list(self._index)

    @property
    def end(self) -> int | None:
        """The code of `END`, if it was met."""
        return self._index.get(END)

    def encode(self, text: str) -> Array:
        """Return one code a word."""
        parts = [_nothing()]
        for piece in _pieces_at_space(text):
            words = self._find(piece)
            parts.append(np.fromiter(map(self._index.__getitem__, words), np.uint32, len(words)))
        return np.concatenate(parts)

    def order(self, counts: Array) -> list[int]:
        """Return the words that were seen, by falling frequency, equally frequent ones in the order of Unicode."""
        symbols = self.symbols
        return sorted(np.flatnonzero(counts).tolist(), key=lambda code: (-counts[code], symbols[code]))


class WordFinder:
    r"""Finds words as ``re.findall(r"\w+(?:['’\-]\w+)*|[^\w\s]", text)`` does, several times faster.

    >>> WordFinder()("Don't stop-- it's re-run 'twice'.")
    ["Don't", 'stop', '-', '-', "it's", 're-run', "'", 'twice', "'", '.']
    """

    def __init__(self) -> None:
        self._kinds = np.zeros(N_POINTS, np.uint8)
        self._known = np.zeros(N_POINTS, bool)

    def __call__(self, text: str) -> list[str]:
        """Put a space on either side of each character that is a word of its own, then split at white space."""
        points = _points(text)
        kinds = self._kinds_of(points)
        alone = np.flatnonzero((kinds == ALONE) | ((kinds == JOINER) & ~_inside(kinds == WORD)))
        spaced = np.full(len(points) + 2 * len(alone), ord(" "), np.uint32)
        kept = np.ones(len(spaced), bool)
        before = alone + 2 * np.arange(len(alone))
        kept[before] = kept[before + 2] = False
        spaced[kept] = points
        return spaced.tobytes().decode("utf-32-le", "surrogatepass").split()

    def _kinds_of(self, points: Array) -> Array:
        new = np.unique(points[~self._known[points]])
        self._kinds[new] = [_kind(chr(point)) for point in new.tolist()]
        self._known[new] = True
        kinds: Array = self._kinds[points]
        return kinds


def _inside(word: Array) -> Array:
    """Whether the characters on both sides belong to words."""
    inside = np.zeros(len(word), bool)
    inside[1:-1] = word[:-2] & word[2:]
    return inside


def _kind(character: str) -> int:
    if character.isspace():
        return SPACE
    if character.isalnum() or character == "_":
        return WORD
    return JOINER if character in "'’-" else ALONE


def _pieces_at_space(text: str, size: int = 1 << 18) -> Iterator[str]:
    """Cut a text into pieces of about `size` characters, only behind white space."""
    space = re.compile(r"\s")
    start = 0
    while start < len(text):
        found = space.search(text, start + size)
        stop = found.end() if found else len(text)
        yield text[start:stop]
        start = stop


def _nothing() -> Array:
    return np.zeros(0, np.uint8)


UNITS: dict[str, Callable[[], Any]] = {
    "byte": ByteEncoder,
    "character": CharacterEncoder,
    "word": lambda: WordEncoder(WordFinder()),
    "token": lambda: WordEncoder(str.split),
}
