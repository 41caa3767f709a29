"""Text becomes codes: one encoder for each unit, and the join of their pieces into one alphabet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np

from miscope.sequences.codes import Array, code_dtype, pieces
from miscope.sequences.stores import CodeStore
from miscope.sequences.words import WordEncoder

__all__ = ["BYTES", "END", "UNITS", "CharacterEncoder", "DocumentWriter", "Encoded", "encode_documents", "encoder_of"]

END = "\ud800"
"""Stands in a text where one document ends and the next begins: a lone surrogate, which no UTF text can contain."""

BYTES = tuple(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in range(256))
"""The symbols of unit 'byte': printable ASCII as it is, everything else as an escape."""

N_POINTS = 0x110000
STAND_INS = "\ufdd0\ufdd1\ufdd2"
"""Characters that no text should have."""
UNKNOWN = np.uint32(0xFFFFFFFF)


class Encoded(NamedTuple):
    """Codes of all documents, their lengths, the alphabet, how many were empty, how many ends there were."""

    codes: Array
    lengths: Array
    alphabet: tuple[str, ...]
    n_empty: int
    n_ends: int = 0


class Encoder(Protocol):
    """Numbers symbols in the order in which it meets them; in the end says what their codes are."""

    def encode(self, points: Array, end: int | None, last: bool) -> tuple[Array, Array]:
        """Return the provisional codes of a piece of a text, and how many of them stand before each point `end`.

        `points` are the code points, uint32; the `last` piece of each text is told, so that none need be empty handed
        where a symbol may go on in the next one.
        """
        ...

    def finish(self) -> tuple[tuple[str, ...], Array]:
        """Return the alphabet, and the code in it of each provisional one."""
        ...


def encode_documents(texts: Iterable[str], encoder: Encoder, marked: bool = True) -> Encoded:
    """Encode `texts`, each of them one document, or several with `END` between them if they are `marked`.

    >>> encoded = encode_documents([f"ab{END}{END}c", "a"], CharacterEncoder())
    >>> encoded.codes.tolist(), encoded.lengths.tolist(), encoded.alphabet, encoded.n_empty
    ([0, 1, 2, 0], [2, 1, 1], ('a', 'b', 'c'), 1)
    """
    writer = DocumentWriter(encoder, END if marked else None)
    for text in texts:
        for piece in pieces(len(text)):
            writer.add(text[piece])
        writer.close()
    return writer.result()


def encoder_of(unit: str) -> Encoder:
    """Return a fresh encoder for one of `UNITS`."""
    encoder: Encoder = UNITS[unit]()
    return encoder


class Lengths:
    """The lengths of documents, told piece by piece where documents end."""

    def __init__(self) -> None:
        self._parts: list[Array] = []
        self._open, self._any = 0, False
        self.n_empty = self.n_ends = 0

    def add(self, n: int, ends: Array) -> None:
        """Say that `n` symbols follow, and how many of these stand before each end of a document."""
        if not len(ends):
            self._open += n
            return
        lengths = np.diff(ends, prepend=0)
        lengths[0] += self._open
        self._keep(lengths)
        self._open, self._any = n - int(ends[-1]), True
        self.n_ends += len(ends)

    def close(self) -> None:
        """Say that a text is over: what follows its last end of a document counts only if there is something."""
        if self._open or not self._any:
            self._keep(np.array([self._open], np.int64))
        self._open, self._any = 0, False

    def result(self) -> Array:
        """Return the lengths of all documents that are not empty."""
        return np.concatenate([np.zeros(0, np.int64), *self._parts], dtype=np.int64)

    def _keep(self, lengths: Array) -> None:
        full = lengths[lengths > 0]
        self._parts.append(full.astype(np.uint32) if full.max(initial=0) <= int(UNKNOWN) else full)
        self.n_empty += len(lengths) - len(full)


class DocumentWriter:
    r"""Encodes texts that come in pieces, with a character that ends documents (None: none does).

    >>> writer = DocumentWriter(encoder_of("word"), end="\n")
    >>> for piece in ["so it i", "s\nit is", " so\n"]:
    ...     writer.add(piece)
    >>> writer.close()
    >>> encoded = writer.result()
    >>> encoded.codes.tolist(), encoded.lengths.tolist(), encoded.alphabet
    ([2, 1, 0, 1, 0, 2], [3, 3], ('is', 'it', 'so'))
    """

    def __init__(self, encoder: Encoder, end: str | None) -> None:
        self._encoder, self._end = encoder, None if end is None else ord(end)
        self._store, self._lengths = CodeStore(), Lengths()

    def add(self, text: str) -> None:
        """Encode the next piece of a text."""
        self._add(_points(text), last=False)

    def close(self) -> None:
        """Say that a text is over, and the next piece begins another."""
        self._add(np.zeros(0, np.uint32), last=True)
        self._lengths.close()

    def result(self) -> Encoded:
        """Give the symbols their final codes."""
        alphabet, table = self._encoder.finish()
        codes = self._store.finish(table.astype(code_dtype(len(alphabet))))
        return Encoded(codes, self._lengths.result(), alphabet, self._lengths.n_empty, self._lengths.n_ends)

    def _add(self, points: Array, last: bool) -> None:
        codes, ends = self._encoder.encode(points, self._end, last)
        self._store.append(codes)
        self._lengths.add(len(codes), ends)


def _points(text: str) -> Array:
    """Return the code points of a text; `END` takes Python long to write, so that something else stands in for it."""
    if END in text:
        for other in STAND_INS:
            if other not in text:
                points = _points(text.replace(END, other)).copy()
                points[points == ord(other)] = ord(END)
                return points
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _without(codes: Array, is_end: Array) -> tuple[Array, Array]:
    """Take the ends of documents out of codes, and say how many codes stand before each."""
    at = np.flatnonzero(is_end)
    return (codes[~is_end], at - np.arange(len(at))) if len(at) else (codes, at)


class ByteEncoder:
    """Bytes that were decoded as Latin-1: each character is the byte of its number."""

    def encode(self, points: Array, end: int | None, last: bool) -> tuple[Array, Array]:
        """Return the bytes."""
        codes, ends = _without(points, points == (UNKNOWN if end is None else end))
        return codes.astype(np.uint8), ends

    def finish(self) -> tuple[tuple[str, ...], Array]:
        """Return all 256 bytes, seen or not."""
        return BYTES, np.arange(256)


class CharacterEncoder:
    """Unicode characters, through a table of all code points."""

    def __init__(self) -> None:
        self._symbols: list[str] = []
        self._codes = np.full(N_POINTS, UNKNOWN)

    def encode(self, points: Array, end: int | None, last: bool) -> tuple[Array, Array]:
        """Return one code a character."""
        points, ends = _without(points, points == end) if end is not None else (points, np.zeros(0, np.int64))
        codes = np.take(self._codes, points, mode="clip")  # as self._codes[points], without a check of each
        if len(codes) and codes.max() == UNKNOWN:
            self._learn(np.unique(points[codes == UNKNOWN]))
            codes = np.take(self._codes, points, mode="clip")
        return codes.astype(code_dtype(len(self._symbols))), ends

    def finish(self) -> tuple[tuple[str, ...], Array]:
        """Return the characters in the order of Unicode."""
        alphabet = tuple(sorted(self._symbols))
        place = {symbol: code for code, symbol in enumerate(alphabet)}
        return alphabet, np.array([place[symbol] for symbol in self._symbols], np.int64)

    def _learn(self, points: Array) -> None:
        self._codes[points] = np.arange(len(self._symbols), len(self._symbols) + len(points))
        self._symbols += map(chr, points.tolist())


UNITS: dict[str, Callable[[], Any]] = {
    "byte": ByteEncoder,
    "character": CharacterEncoder,
    "word": WordEncoder,
    "token": lambda: WordEncoder(tokens=True),
}
