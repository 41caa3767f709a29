"""Files of text: what is none by its first bytes is refused, and a byte order mark says how the others are written."""

from __future__ import annotations

import codecs
import io
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from miscope.errors import InputError
from miscope.formats import DATA
from miscope.sequences.foreign import HEAD, looks_binary, note_of_bytes, reader_of, refuse_foreign, refuse_packed
from miscope.sequences.sources import gives_once, name_of
from miscope.sequences.streams import PIECE, Meter, in_pieces, open_stream

__all__ = ["byte_pieces", "look_at_bytes", "open_text", "refuse_binary", "text_pieces"]

MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8",
}
"""Longer ones first: that of UTF-32 begins as that of UTF-16 does."""
NO_CONTROLS = bytes(byte for byte in range(256) if not looks_binary(chr(byte) * 2))


def text_pieces(
    file: str,
    encoding: str,
    meter: Meter | None = None,
    records: list[dict[str, Any]] | None = None,
    folder: str = "*.txt",
    allowed: str = "",
) -> Iterator[bytes]:
    """Yield the bytes of a text piece by piece; for the rest as `open_text`."""
    is_wide = _family(encoding) in ("utf-16", "utf-32")
    with open_text(file, encoding, meter, records, folder, allowed) as stream:
        for piece in in_pieces(stream):
            if len(piece) >= HEAD and not is_wide and len(piece.translate(None, NO_CONTROLS)) > len(piece) / 100:
                refuse_binary(piece, name_of(file), "latin-1", allowed)
            yield piece


def byte_pieces(
    file: str, meter: Meter | None, records: list[dict[str, Any]], folder: str, notes: list[str]
) -> Iterator[bytes]:
    """Yield the bytes of a file of any kind but an archive; what is to be said of its kind goes to `notes`."""
    with open_stream(file, meter, records, folder) as stream:
        look_at_bytes(stream.peek(HEAD)[:HEAD], name_of(file), notes)
        yield from in_pieces(stream)


def look_at_bytes(start: bytes, name: str, notes: list[str]) -> None:
    """Refuse archives, and note what else is no text."""
    refuse_packed(start, name)
    notes += [note] if (note := note_of_bytes(start, name)) else []


@contextmanager
def open_text(
    file: str,
    encoding: str = "utf-8",
    meter: Meter | None = None,
    records: list[dict[str, Any]] | None = None,
    folder: str = "*.txt",
    allowed: str = "",
) -> Iterator[IO[bytes]]:
    """Open a file as `open_stream` does, after a look at whether it is text.

    Parameters
    ----------
    file, meter, records, folder
        As of `open_stream`.
    encoding
        How the text is said to be written. Where this is UTF-8 and the file begins with the mark of UTF-16 or UTF-32,
        its bytes come as UTF-8.
    allowed
        Control characters that it may have, such as those that separate its documents.

    Raises
    ------
    InputError
        It is no text, or has the mark of another encoding.
    """
    name = name_of(file)
    with open_stream(file, meter, records, folder) as stream:
        start = stream.peek(HEAD)[:HEAD]
        if gives_once(file) and (kind := reader_of(start)):
            raise InputError(
                f"{name!r} is {DATA[kind].name}, which is read in any order, and a pipe gives its bytes once: write "
                "them to a file, and name that"
            )
        refuse_foreign(start, name)
        marked = next((said for mark, said in MARKS.items() if start.startswith(mark)), None)
        if marked in ("utf-16", "utf-32") and _family(encoding) == "utf-8":
            yield io.BufferedReader(_Recoded(stream, marked, name), 1 << 20)
            return
        if marked is not None and _family(encoding) != marked:
            raise InputError(
                f"{name!r} begins with the mark of {marked}, so that it is not {encoding}: leave the encoding out"
            )
        refuse_binary(start, name, encoding, allowed)
        yield stream


def refuse_binary(start: bytes, name: str, encoding: str, allowed: str = "") -> None:
    """Refuse what is no text in this encoding: it has zeros, and other controls, as text never has.

    Raises
    ------
    InputError
        It says in which encoding it would be text, if there is one.
    """
    try:
        text = start.decode(encoding, "ignore")
    except (LookupError, UnicodeError):
        return  # decoding it will say why
    is_binary = looks_binary(text, allowed)
    if not is_binary and not _is_broken(start, encoding):
        return
    wide = _wide_encoding(start)
    if wide is not None:
        raise InputError(
            f"{name!r} is not {encoding}: its bytes are those of text in {wide} without a mark; name that, "
            f"encoding={wide!r}"
        )
    wide = _wide_script(start)
    if wide is not None:
        raise InputError(
            f"{name!r} is not {encoding}: its bytes could be text in {wide} without a mark and without spaces, which "
            f"encoding={wide!r} reads, or numbers of two bytes, which are no text: save these as .npy"
        )
    if not is_binary:
        return  # decoding it will say why
    raise InputError(
        f"{name!r} is binary data, not text, whatever the encoding: bytes of zero and other controls are all over it. "
        "Numbers that were written as they are in memory are read as .npy (in Python numpy.fromfile reads them, and "
        "numpy.save writes that); the bytes themselves are symbols with unit='byte'"
    )


def _is_broken(start: bytes, encoding: str) -> bool:
    """Whether this is said to be UTF-8, and is not, though it may be cut at its end."""
    try:
        if _family(encoding) == "utf-8":
            codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return True
    return False


def _family(encoding: str) -> str:
    """The encoding without what it says of order and mark."""
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        return encoding
    return next((family for family in ("utf-8", "utf-16", "utf-32") if name.startswith(family)), name)


def _wide_encoding(start: bytes) -> str | None:
    r"""The encoding of two or four bytes a character in which this is text, without a mark, or None.

    >>> _wide_encoding("so it is".encode("utf-16-le")), _wide_encoding("да, он".encode("utf-32-be"))
    ('utf-16-le', 'utf-32-be')
    >>> _wide_encoding(bytes(range(64)))
    """
    found = {encoding: _kinds_of_writing(start, encoding) for encoding in WIDE}
    good = {encoding: n for encoding, n in found.items() if n is not None}
    return min(good, key=lambda encoding: good[encoding]) if good else None


def _wide_script(start: bytes) -> str | None:
    r"""The encoding of two bytes a character in which this is of a script that needs no spaces, such as Chinese.

    That is: nearly all of it are letters without case, their marks and punctuation, and some come again. Letters of
    ASCII, two by two, are such too: what has mostly bytes of theirs, and spaces or line ends, is text of one byte each.

    >>> _wide_script("\u4f60\u597d\uff0c\u4e16\u754c\u4f60\u597d\u3002".encode("utf-16-le"))
    'utf-16-le'
    >>> _wide_script(bytes(range(64)))
    >>> _wide_script("un café, un thé, ".encode("latin-1") * 5)
    """
    found = {}
    spaces = sum(byte in b" \t\r\n" for byte in start)
    if spaces > LEAST_SPACES * len(start) and sum(byte < 127 for byte in start) > MOST_ASCII * len(start):
        return None
    for encoding in ("utf-16-le", "utf-16-be"):
        text = start[: len(start) // 2 * 2].decode(encoding, "replace").removesuffix("\ufffd")
        kinds = Counter(map(unicodedata.category, text))
        good = sum(n for kind, n in kinds.items() if kind[0] in "MPZ" or kind in ("Lo", "Lm", "Nd"))
        few = len(set(text)) <= MOST_DIFFERENT * len(text)
        if len(text) >= LEAST and few and good > 0.98 * len(text) and 2 * kinds["Lo"] > len(text):
            found[encoding] = len({ord(each) >> 8 for each in text})  # kinds of writing, many in the wrong order
    return min(found, key=lambda encoding: found[encoding]) if found else None


LEAST, MOST_DIFFERENT = 8, 0.9
"""Characters that show a script, and the share of them that may differ: of numbers of two bytes nearly all do."""
LEAST_SPACES, MOST_ASCII = 0.05, 0.75
"""Shares of bytes that are spaces, and ASCII: text of one byte a letter has twice the first; of scripts without spaces
only kana has the second, and hardly ever a byte that is a space."""
WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")


def _kinds_of_writing(start: bytes, encoding: str) -> int | None:
    """How many kinds of writing there are in a text (one, two, in the wrong order many); None if it is no such text.

    Text of two bytes a character has zeros in the upper ones, of spaces and line ends; where all of it is ASCII, hardly
    any in the lower (in Chinese the sign for one has).
    """
    width, upper = (4, 0) if encoding.startswith("utf-32") else (2, 1 if encoding.endswith("le") else 0)
    whole = start[: len(start) // width * width]
    if width == 2 and (
        0 not in whole[upper::2] or (whole.isascii() and whole[1 - upper :: 2].count(0) > len(whole) / 200)
    ):
        return None
    text = whole.decode(encoding, "replace").removesuffix("\ufffd")
    good = sum((each.isprintable() or each.isspace()) and each != "\ufffd" for each in text)
    return len({ord(each) >> 8 for each in text}) if text and good > 0.98 * len(text) else None


class _Recoded(io.RawIOBase):
    """Text in another encoding as UTF-8, without its mark."""

    def __init__(self, stream: IO[bytes], encoding: str, name: str) -> None:
        self._stream, self._encoding, self._name = stream, encoding, name
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._held, self._is_over = b"", False

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read as much as there is, up to the size of `buffer`."""
        view = memoryview(buffer)
        while len(self._held) < len(view) and not self._is_over:
            data = self._stream.read(PIECE)
            self._is_over = not data
            try:
                self._held += self._decoder.decode(data, self._is_over).encode()
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{self._name!r} is not {self._encoding}, whose mark it begins with: {error.reason}; it is cut "
                    "off or damaged"
                ) from error
        n = min(len(view), len(self._held))
        view[:n], self._held = self._held[:n], self._held[n:]
        return n
