"""What characters are to words: marks, which belong to what they stand on, and those that nobody sees."""

from __future__ import annotations

import unicodedata

__all__ = ["is_invisible", "is_mark", "with_marks"]

_SEEN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Format characters that are seen: Unicode's Prepended_Concatenation_Mark, such as the Arabic end of a verse."""
_UNSEEN_MARKS = frozenset(
    "\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f" + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)
"""Marks that are not seen: the grapheme joiner, vowels that are only spoken, and variation selectors."""


def is_invisible(character: str) -> bool:
    r"""Whether nobody sees a character, white space aside: soft hyphens, joiners, marks of direction or of byte order.

    >>> [is_invisible(character) for character in "\u200b\u00ad\ufe0f\u06dd a"]
    [True, True, True, False, False, False]
    """
    if character in _UNSEEN_MARKS:
        return True
    return unicodedata.category(character) == "Cf" and character not in _SEEN


def is_mark(character: str) -> bool:
    r"""Whether a character stands on (or under, around, behind) another one: the categories Mn, Mc and Me.

    >>> [is_mark(character) for character in "\u0301\u093fe"]
    [True, True, False]
    """
    return unicodedata.category(character)[0] == "M"


def with_marks(text: str) -> list[str]:
    r"""The characters of a text, each with the marks and the invisible characters behind it.

    >>> with_marks("cafe\u0301s") == ["c", "a", "f", "e\u0301", "s"]
    True
    """
    found: list[str] = []
    for character in text:
        if found and (is_mark(character) or is_invisible(character)):
            found[-1] += character
        else:
            found.append(character)
    return found
