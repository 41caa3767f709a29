"""Words and tokens, numbered in the order in which they are met."""

from __future__ import annotations

import itertools
import unicodedata
from contextlib import suppress

import numpy as np

from miscope.errors import InputError
from miscope.sequences.characters import is_invisible, is_mark
from miscope.sequences.codes import Array, read_only

__all__ = ["WordEncoder"]

UNKNOWN, INVISIBLE, SPACE, JOINER, ALONE, BREAK, WORD, MARK = range(8)
"""Kinds of code points: at the first two the kernel stops, since `UNKNOWN` ones have still to be given a kind, and
`INVISIBLE` ones to be taken out; `BREAK` ends a document; with the last two a word goes on."""

DONE, NEW, FULL = range(3)
"""Why the kernel stopped: nothing more to do, a code point that is unknown or invisible, half of the slots in use."""

POSITION, N_FOUND, N_ENDS, N_WORDS = range(4)
"""What the entries of the kernel's state are: the next point, codes and ends written, different words."""

N_POINTS = 0x110000
COMMON = 0x250
"""Code points whose kinds are looked up at once: letters of Europe."""
SLOTS = 1 << 12
MANY = 1 << 15
LONGEST = 1 << 22
"""Letters of a word, beyond which a text is none of words."""


class WordEncoder:
    r"""Numbers words as `read_text` says what they are; or tokens, as `str.split` finds them.

    Without marks and invisible characters words are what ``re.findall(r"\w+(?:['’\-]\w+)*|[^\w\s]", text)`` finds. A
    mark belongs to the word that it stands in, or to the other character that it stands on. The same word composed and
    decomposed (canonically equivalent, in Unicode's terms) is one, and written composed.

    >>> encoder = WordEncoder()
    >>> points = np.array(list(map(ord, "Don't stop-- it's 'twice")), np.uint32)
    >>> encoder.encode(points, None, last=False)[0], encoder.encode(points[:0], None, last=True)[0]
    (array([0, 1, 2, 2, 3, 4], dtype=uint32), array([5], dtype=uint32))
    >>> encoder.finish()
    (('-', "'", "Don't", "it's", 'stop', 'twice'), array([2, 4, 0, 3, 1, 5]))
    """

    def __init__(self, tokens: bool = False) -> None:
        self._tokens = tokens
        self._kinds = np.full(N_POINTS, UNKNOWN, np.uint8)
        self._learn(np.arange(COMMON))
        self._slots = np.zeros(SLOTS, np.uint64)
        self._hashes = np.zeros(SLOTS // 2, np.uint64)
        self._counts = np.zeros(SLOTS // 2, np.int64)
        self._starts = np.zeros(SLOTS // 2 + 1, np.int64)
        self._arena = np.zeros(0, np.uint32)
        self._state = np.zeros(4, np.int64)
        self._left: list[Array] = []  # points of a word that may go on, and of pieces that wait behind them
        self._n_waiting = 0

    def encode(self, points: Array, end: int | None, last: bool) -> tuple[Array, Array]:
        """Return the numbers of words, and how many stand before each point `end`, which is part of no word.

        A word that may go on is kept for the next call, unless this is the `last` piece of a text.

        Parameters
        ----------
        points
            uint32 of shape (n,), code points.
        end
            The code point that ends documents; the same in all calls.
        last
            Whether the text ends with these points.

        Returns
        -------
        codes, ends
            uint32 and int64.
        """
        if end is not None:
            self._kinds[end] = BREAK
        if not last and self._must_wait(points):
            return np.empty(0, np.uint32), np.empty(0, np.int64)
        points = np.concatenate([*self._left, points]) if self._left else points
        codes, ends, state = np.empty(len(points), np.uint32), np.empty(len(points), np.int64), self._state
        state[[POSITION, N_FOUND, N_ENDS]] = 0
        self._make_room(len(points))
        while (why := self._number(points, last, codes, ends)) != DONE:
            if why == FULL:
                self._grow()
            else:
                points = self._known(points[state[POSITION] :])
                state[POSITION] = 0
        left = points[state[POSITION] :]
        if len(left) > LONGEST and not last:
            raise InputError(
                f"there is a word of more than {LONGEST:,} letters, as no text has: what stands between its words is "
                "no white space, or it has none"
            )
        self._left, self._n_waiting = [left.copy()] if len(left) else [], 0
        return codes[: state[N_FOUND]].copy(), ends[: state[N_ENDS]].copy()

    @property
    def symbols(self) -> list[str]:
        """The words met so far, in the order of their numbers."""
        bounds = self._starts[: self._state[N_WORDS] + 1].tolist()
        text = self._arena[: bounds[-1]].tobytes().decode("utf-32-le", "surrogatepass")
        return [text[start:stop] for start, stop in itertools.pairwise(bounds)]

    def finish(self) -> tuple[tuple[str, ...], Array]:
        """Return the words by falling frequency, equally frequent ones in Unicode's order; and each number's code."""
        met = self.symbols
        symbols, numbers = (met, np.arange(len(met))) if self._tokens else _composed(met)
        counts = np.zeros(len(symbols), np.int64)
        np.add.at(counts, numbers, self._counts[: len(met)])
        alphabetical = _alphabetical(symbols)
        order = alphabetical[np.argsort(-counts[alphabetical], kind="stable")]
        codes = np.empty(len(order), np.int64)
        codes[order] = np.arange(len(order))
        return tuple(map(symbols.__getitem__, order.tolist())), codes[numbers]

    def _must_wait(self, points: Array) -> bool:
        """Keep points for later until what waits has doubled: a word may be longer than very many pieces."""
        if not self._left or self._n_waiting + len(points) >= len(self._left[0]):
            return False
        self._left.append(points)
        self._n_waiting += len(points)
        return True

    def _number(self, points: Array, last: bool, codes: Array, ends: Array) -> int:
        from miscope.sequences.kernels import number_words  # it takes numba

        words = self._slots, self._hashes, self._counts, self._starts, self._arena
        return int(number_words(read_only(points), last, self._kinds, *words, codes, ends, self._state))

    def _known(self, points: Array) -> Array:
        """Return these code points without those that are invisible; the kinds of all others are known then."""
        kinds = self._kinds[points]
        if (unknown := points[kinds == UNKNOWN]).size:
            self._learn(np.unique(unknown))
            kinds = self._kinds[points]
        seen: Array = points[kinds != INVISIBLE]
        return seen

    def _learn(self, points: Array) -> None:
        """Find out of what kind these code points are."""
        self._kinds[points] = [_kind(chr(point), self._tokens) for point in points.tolist()]

    def _make_room(self, n: int) -> None:
        """Make room for the letters of new words."""
        needed = int(self._starts[self._state[N_WORDS]]) + n
        if needed > len(self._arena):
            self._arena = _longer(self._arena, 2 * needed)

    def _grow(self) -> None:
        """Make room for as many new words as there are; the kernel fills the new slots."""
        n = len(self._slots)
        self._slots = np.zeros(2 * n, np.uint64)
        self._hashes, self._counts = _longer(self._hashes, n), _longer(self._counts, n)
        self._starts = _longer(self._starts, n + 1)


def _kind(character: str, tokens: bool) -> int:
    if character.isspace():
        return SPACE
    if tokens or character.isalnum() or character == "_":
        return WORD
    if is_invisible(character):
        return INVISIBLE
    if is_mark(character):
        return MARK
    return JOINER if character in "'’-" else ALONE


def _composed(symbols: list[str]) -> tuple[list[str], Array]:
    """Return the words in Unicode's form NFC, each once, and the place among these of each that was given."""
    if unicodedata.is_normalized("NFC", "\n".join(symbols)):
        return symbols, np.arange(len(symbols))
    places: dict[str, int] = {}
    numbers = [places.setdefault(unicodedata.normalize("NFC", symbol), len(places)) for symbol in symbols]
    return list(places), np.array(numbers, np.int64)


def _alphabetical(symbols: list[str]) -> Array:
    """Return the order of Unicode; that of the bytes of UTF-8 is the same, and Arrow sorts many of them faster."""
    if len(symbols) > MANY:
        import pyarrow as pa
        import pyarrow.compute as pc

        with suppress(UnicodeEncodeError, pa.ArrowException):  # lone surrogates
            order: Array = pc.sort_indices(pa.array(symbols, pa.large_string())).to_numpy().astype(np.int64)
            return order
    return np.array(sorted(range(len(symbols)), key=symbols.__getitem__), np.int64)


def _longer(array: Array, n: int) -> Array:
    longer = np.zeros(n, array.dtype)
    longer[: len(array)] = array
    return longer
