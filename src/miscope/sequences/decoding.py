"""Bytes become text, piece by piece: decoded, line ends made one, and marked where documents end."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from miscope.errors import InputError
from miscope.sequences.encoding import END
from miscope.sequences.foreign import HEAD, looks_binary

__all__ = ["decode_pieces", "gathered", "mark_blank_lines", "mark_matches", "mark_separators", "unix_lines"]

WHOLE = {"idna", "punycode"}
"""Encodings of which a piece cannot be decoded without the rest."""
MARKED = {
    "utf-16": {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"},
    "utf-32": {codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be"},
}
"""Encodings whose byte order a mark tells; without one it is the machine's."""


def decode_pieces(parts: Iterable[bytes], encoding: str, name: str) -> Iterator[str]:
    r"""Decode bytes that come in pieces, whatever stands on both sides of a cut; a byte order mark is dropped.

    >>> "".join(decode_pieces([b"\xef\xbb", b"\xbfcaf\xc3", b"\xa9"], "utf-8", "a.txt"))
    'café'

    Parameters
    ----------
    parts
        The bytes.
    encoding
        As for `bytes.decode`.
    name
        What to call the source in an error.

    Raises
    ------
    InputError
        The bytes are not in this encoding; it says where.
    """
    done = lines = 0
    decoder, first, data = _Decoder(encoding), True, b""
    try:
        for data in parts:
            text = decoder.decode(data)
            if text:
                yield _clean(text, first)
                first = False
            done += len(data)
            lines += data.count(b"\n")
        data = b""
        if text := decoder.decode(b"", final=True):
            yield _clean(text, first)
    except UnicodeDecodeError as error:  # its object ends where the data do
        before = done + len(data) - (len(error.object) - error.start)
        lines += data.count(b"\n") - bytes(error.object).count(b"\n", error.start)
        raise InputError(_undecodable(error, encoding, name, before, lines)) from error


def _clean(text: str, first: bool) -> str:
    """Take a mark from the beginning; where the decoder lets lone surrogates through, `END` must not be one of them."""
    return (text.removeprefix("\ufeff") if first else text).replace(END, "\ufffd")


def _undecodable(error: UnicodeDecodeError, encoding: str, name: str, before: int, lines: int) -> str:
    what = f"byte {before} (line {lines + 1}) is 0x{error.object[error.start]:02x}: {error.reason}"
    is_wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))  # whose text has zeros
    if not is_wide and looks_binary(error.object[error.start :][:HEAD].decode("latin-1")):
        return f"{name!r} is not {encoding}: {what}; from there on it is binary data, and no text in any encoding"
    return (
        f"{name!r} is not {encoding}: {what}; name the encoding that it was written in, encoding='…', or read it as it "
        "is with unit='byte'"
    )


class _Decoder:
    """An incremental decoder that does as `bytes.decode` does with the whole."""

    def __init__(self, encoding: str) -> None:
        self._info = codecs.lookup(encoding)
        self._whole = self._info.incrementaldecoder is None or self._info.name in WHOLE
        self._start: bytes | None = b"" if self._info.name in MARKED else None
        self._kept: list[bytes] = []
        self._decoder: Any = None if self._whole else codecs.getincrementaldecoder(encoding)("strict")

    def decode(self, data: bytes, final: bool = False) -> str:
        """Decode a piece."""
        if self._whole:
            self._kept.append(data)
            return str(b"".join(self._kept), self._info.name) if final else ""
        if self._start is not None:
            data = self._start = self._start + data
            if len(data) < 4 and not final:
                return ""
            data, self._start = self._after_mark(data), None
        text: str = self._decoder.decode(data, final)
        return text

    def _after_mark(self, data: bytes) -> bytes:
        native = f"{self._info.name}-{'le' if sys.byteorder == 'little' else 'be'}"
        for mark, encoding in MARKED[self._info.name].items():
            if data.startswith(mark):
                self._decoder = codecs.getincrementaldecoder(encoding)("strict")
                return data[len(mark) :]
        self._decoder = codecs.getincrementaldecoder(native)("strict")
        return data


def unix_lines(texts: Iterable[str]) -> Iterator[str]:
    r"""Make line ends ``\r\n`` and ``\r`` to ``\n``.

    >>> list(unix_lines(["a\r", "\nb\r", "c"]))
    ['a', '\nb', '\nc']
    """
    held = ""
    for text in texts:
        text = held + text
        held = "\r" if text.endswith("\r") else ""  # it may be the first half of a line end
        text = text[: len(text) - len(held)]
        yield text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    if held:
        yield "\n"


def mark_separators(texts: Iterable[str], separator: str) -> Iterator[str]:
    """Put `END` in place of a separator, also where a cut goes through it.

    >>> "".join(mark_separators(["a-", "-b-", "c"], "--")) == f"a{END}b-c"
    True
    """
    held = ""
    for text in texts:
        *before, rest = (held + text).split(separator)
        held = rest[max(len(rest) - len(separator) + 1, 0) :]  # what may be the beginning of one
        yield END.join([*before, rest[: len(rest) - len(held)]])
    yield held


def mark_matches(texts: Iterable[str], pattern: re.Pattern[str]) -> Iterator[str]:
    r"""Put `END` in place of what a pattern matches in a line, and of the line's end where that is all of the line.

    >>> "".join(mark_matches(["a\n=", "=\nb == c"], re.compile("=="))) == f"a\n{END}b {END} c"
    True
    """
    held: list[str] = []
    n = 0
    for text in texts:
        last = text.rfind("\n") + 1
        if last:
            yield "".join(_cut(line, pattern) for line in LINE.findall("".join([*held, text[:last]])))
            held, n = [], 0
        held.append(text[last:])
        n += len(held[-1])
        if n > LONGEST:
            raise InputError(
                f"a line is of more than {LONGEST:,} characters, too long for a regular expression: cut the text at a "
                "separator that is no expression, or write it in lines"
            )
    yield _cut("".join(held), pattern)


def _cut(line: str, pattern: re.Pattern[str]) -> str:
    body = line.removesuffix("\n")
    found = pattern.search(body)
    if found is None:
        return line
    return END if found.span() == (0, len(body)) else pattern.sub(END, body) + line[len(body) :]


Piece = TypeVar("Piece", str, bytes)
LONGEST = 1 << 28
"""Characters of a line that is looked at as a whole."""
LINE = re.compile(r".*\n")
"""A line as everything here has it; `str.splitlines` knows more ends of lines."""
OPENING = re.compile(r"(?:[^\S\n]*\n)*")
BREAK = re.compile(r"\n\s*\n")


def gathered(parts: Iterable[Piece], waiting: Callable[[], int]) -> Iterator[Piece]:
    """Join pieces until they are as long as what waits for them: it is looked at again only when it has doubled.

    >>> list(gathered(["a", "b", "c"], lambda: 2))
    ['ab', 'c']
    """
    held: list[Piece] = []
    n = 0
    for part in parts:
        held.append(part)
        n += len(part)
        if n >= waiting():
            yield held[0][:0].join(held)
            held, n = [], 0
    if held:
        yield held[0][:0].join(held)


def mark_blank_lines(texts: Iterable[str]) -> Iterator[str]:
    r"""Put `END` in place of blank lines and the line end before them; drop those at the start and at the end.

    Line ends are all ``\n``. What may turn out to be blank lines waits for what follows, at most two line ends of it.

    >>> "".join(mark_blank_lines(["\n  a\n", " \n\n  b\nc \n", "\n"])) == f"  a{END}  b\nc "
    True
    """
    held, opening = "", True
    for text in gathered(texts, lambda: len(held)):  # noqa: B023 - as long as it is then
        text = held + text
        body = len(text.rstrip())
        if opening:
            if not body:
                held = text[text.rfind("\n") + 1 :]
                continue
            start = OPENING.match(text).end()  # type: ignore[union-attr]
            text, body, opening = text[start:], body - start, False
        end = text.find("\n", body)
        held = "" if end < 0 else text[end:]
        if held.count("\n") > 1:
            held = "\n\n" + held[held.rfind("\n") + 1 :]
        yield BREAK.sub(END, text if end < 0 else text[:end])
