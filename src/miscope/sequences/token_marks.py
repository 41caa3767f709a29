"""What tokens of tokenizers look like: the marks that say where words begin, and the text behind them."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any

__all__ = ["BYTE_LETTERS", "SPACES", "begins_word", "mark_of", "plain", "text_of_token"]

SPACES = "Ġ▁" + string.whitespace
"""How tokenizers write spaces."""

MARKS = ("Ġ", "▁", "##")
"""A space before the token in byte-level tokenizers, in SentencePiece; and in WordPiece, that there is none."""


def mark_of(symbols: Sequence[Any]) -> str | None:
    """The mark that most of these tokens have that have one, or None.

    >>> mark_of(["the", "##re", "##s"]), mark_of(["the", "re"])
    ('##', None)
    """
    texts = [symbol for symbol in symbols if isinstance(symbol, str)]
    often = {mark: sum(text.startswith(mark) and text != mark for text in texts) for mark in MARKS}
    most = max(MARKS, key=lambda mark: often[mark])
    return most if often[most] else None


def begins_word(token: str, mark: str) -> bool:
    """Whether a token begins a word, as its mark says.

    >>> begins_word("Ġthe", "Ġ"), begins_word("the", "Ġ"), begins_word("the", "##")
    (True, False, True)
    """
    return token.startswith(mark) != (mark == "##")


def plain(token: str, mark: str | None) -> str:
    """The text of a token without its mark; a space where nothing else is left.

    Byte-level tokens are decoded; bytes that are part of a character only are U+FFFD.

    >>> plain("▁the", "▁"), plain("Ġcaf\u00c3\u00a9", "Ġ"), plain("Ġ", "Ġ"), plain("Ġthe", None)
    ('the', 'café', ' ', 'Ġthe')
    """
    if mark is None:
        return token
    rest = token.removeprefix(mark)
    if mark == "Ġ":
        values = [_BYTES.get(character) for character in rest]
        rest = rest if None in values else bytes(values).decode("utf-8", "replace")  # type: ignore[arg-type]
    return rest or " "


def text_of_token(token: str, mark: str | None) -> str:
    r"""The text of a token of a tokenizer: as `plain`, and of a byte (``<0x0A>``) its character, or U+FFFD for a part.

    Which tokens are bytes is decided by their form, as the decoders of tokenizers do.

    >>> text_of_token("<0x41>", "▁"), text_of_token("<0xE6>", None) == "\ufffd", text_of_token("▁the", "▁")
    ('A', True, 'the')
    """
    byte = _BYTE.fullmatch(token)
    return plain(token, mark) if byte is None else bytes.fromhex(byte[1]).decode("ascii", "replace")


_BYTE = re.compile("<0x([0-9A-Fa-f]{2})>")


def _byte_letters() -> dict[str, int]:
    """The byte that each letter of byte-level tokenizers stands for: printable ones as they are, others above 255."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + k): byte for k, byte in enumerate(hidden)}


_BYTES = _byte_letters()
BYTE_LETTERS = frozenset(_BYTES)
"""The letters that byte-level tokenizers write bytes with."""
