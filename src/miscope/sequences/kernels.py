"""What is compiled for reading text: words found and numbered, and documents cut at blank lines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from miscope.sequences.words import (
    BREAK,
    DONE,
    FULL,
    INVISIBLE,
    JOINER,
    MARK,
    N_ENDS,
    N_FOUND,
    N_WORDS,
    NEW,
    POSITION,
    SPACE,
    WORD,
)

__all__ = ["cut_at_blank_lines", "number_words"]

LINE_FEED, CARRIAGE_RETURN, TAB, VERTICAL_TAB, FORM_FEED, BLANK = 10, 13, 9, 11, 12, 32

FACTOR = np.uint64(0x9E3779B97F4A7C15)
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
ONE = np.uint64(1)


def _number_words(
    points: Any,
    last: bool,
    kinds: Any,
    slots: Any,
    hashes: Any,
    counts: Any,
    starts: Any,
    arena: Any,
    codes: Any,
    ends: Any,
    state: Any,
) -> int:
    """Number the words of `points` from ``state[POSITION]`` on, until they end or Python has to do something.

    Parameters
    ----------
    points
        uint32, code points. What touches their end is left for the next call, unless they are the `last`: a word may
        go on, and a mark may stand on any other character.
    kinds
        uint8 of shape (0x110000,): the kind of each code point.
    slots
        uint64, a power of two of them: upper half of the hash, and number of the word + 1; 0 where there is none. If
        all of them are 0 although there are words, they are filled anew, which is how the table grows.
    hashes, counts, starts
        uint64, int64 and int64 of each word: its hash, how often it was met, where in the `arena` its points begin. One
        half as many as there are slots (`starts` one more).
    arena
        uint32, the points of all words; must have room for all `points`.
    codes, ends
        Where the numbers of words go (uint32), and how many numbers there were when documents ended (int64).
    state
        int64 of shape (4,), changed: `POSITION`, `N_FOUND`, `N_ENDS` and `N_WORDS` in words.py say what is in it.
    """
    n, i = len(points), state[POSITION]
    found, n_ends, n_words = state[N_FOUND], state[N_ENDS], state[N_WORDS]
    mask = np.uint64(len(slots) - 1)
    if n_words > 0 and not slots.any():
        for word in range(n_words):
            slot = hashes[word] & mask
            while slots[slot] != 0:
                slot = (slot + ONE) & mask
            slots[slot] = (hashes[word] >> HALF << HALF) | np.uint64(word + 1)
    why = DONE
    while i < n:
        kind = kinds[points[i]]
        if kind == SPACE:
            i += 1
            continue
        if kind == BREAK:
            ends[n_ends] = found
            n_ends += 1
            i += 1
            continue
        if kind <= INVISIBLE:
            why = NEW
            break
        stop = i + 1
        key = (np.uint64(points[i]) + ONE) * FACTOR
        if kind == WORD:
            while stop < n:
                kind = kinds[points[stop]]
                if kind == JOINER and stop + 1 < n:
                    after = kinds[points[stop + 1]]
                    if after <= INVISIBLE or after == WORD:
                        kind = after
                if kind < WORD:
                    break
                key = ((key ^ (key >> HALF)) + np.uint64(points[stop])) * FACTOR
                stop += 1
        else:
            while stop < n:
                kind = kinds[points[stop]]
                if kind != MARK:
                    break
                key = ((key ^ (key >> HALF)) + np.uint64(points[stop])) * FACTOR
                stop += 1
        if stop < n and kind <= INVISIBLE:
            why = NEW
            break
        if not last and (stop == n or (kind == JOINER and stop + 1 == n)):
            break
        key ^= key >> HALF
        key *= FACTOR
        key ^= key >> HALF
        slot = key & mask
        word = -1
        while slots[slot] != 0:
            if slots[slot] >> HALF == key >> HALF:
                word = np.int64(slots[slot] & LOW) - 1  # type: ignore[assignment]
                start = starts[word]
                same = starts[word + 1] - start == stop - i
                j = 0
                while same and j < stop - i:
                    same = arena[start + j] == points[i + j]
                    j += 1
                if same:
                    break
                word = -1
            slot = (slot + ONE) & mask
        if word < 0:
            if 2 * n_words >= len(slots):
                why = FULL
                break
            word = n_words
            n_words += 1
            start = starts[word]
            for j in range(stop - i):
                arena[start + j] = points[i + j]
            starts[word + 1] = start + stop - i
            hashes[word] = key
            counts[word] = 0
            slots[slot] = (key >> HALF << HALF) | np.uint64(word + 1)
        counts[word] += 1
        codes[found] = word
        found += 1
        i = stop
    state[POSITION], state[N_FOUND], state[N_ENDS], state[N_WORDS] = i, found, n_ends, n_words
    return why


number_words: Any = njit(nogil=True, cache=True)(_number_words)


N, BASE, BREAKS, AFTER_RETURN = range(4)
"""What the entries of the state of `cut_at_blank_lines` are, see there."""


def _cut_at_blank_lines(data: Any, out: Any, ends: Any, state: Any) -> int:
    r"""Copy bytes without blank lines and the line end before them, and return how many documents ended there.

    A line end is ``\r\n``, ``\r`` or ``\n``; a line is blank if it has only ASCII's white space.

    Parameters
    ----------
    data, out
        uint8; there must be room for all `data` behind what is in `out` already.
    ends
        int64: where in `out` documents ended.
    state
        int64 of shape (4,), changed: how much there is in `out`; from where on it is dropped if a blank line follows,
        or nothing at all; line ends since the last visible character (3: there was none yet; at most 2 are counted);
        whether the last byte was ``\r``.
    """
    n, base, breaks, after_return = state[N], state[BASE], state[BREAKS], state[AFTER_RETURN]
    n_ends, i = 0, 0
    while i < len(data):
        byte = data[i]
        if breaks == 0 and byte != LINE_FEED and byte != CARRIAGE_RETURN:  # most bytes, in a line that is not blank
            out[n] = byte
            n += 1
            i += 1
            continue
        i += 1
        if byte == LINE_FEED and after_return:
            after_return = 0
            if breaks == 1 and n == base + 1:  # both halves of a line end that may be kept
                out[n] = byte
                n += 1
            continue
        after_return = int(byte == CARRIAGE_RETURN)
        if byte == LINE_FEED or byte == CARRIAGE_RETURN:  # noqa: SIM109 - slower in a tuple
            if breaks > 0:
                n = base
                breaks = max(breaks, 2)
                continue
            base = n
            breaks = 1
        elif breaks > 0 and byte not in (BLANK, TAB, VERTICAL_TAB, FORM_FEED):
            if breaks == 2:
                ends[n_ends] = base
                n_ends += 1
            breaks = 0
        out[n] = byte
        n += 1
    state[N], state[BASE], state[BREAKS], state[AFTER_RETURN] = n, base, breaks, after_return
    return n_ends


cut_at_blank_lines: Any = njit(nogil=True, cache=True)(_cut_at_blank_lines)
