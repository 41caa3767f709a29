"""Formats that are text, told for certain by their first bytes: FASTA, FASTQ, JSON lines, JSON."""

from __future__ import annotations

import json
import re
from collections import Counter

from miscope.sequences.text_files import MARKS

__all__ = ["SIZE", "text_format_of"]

SIZE = 1 << 16
"""Bytes that are looked at: the first lines of JSON lines are long."""

LEAST = 8
"""Bases, below which lines of letters may be anything."""
LONG = 20
"""Letters of a line that no text has in capitals without a space."""
MOST_OTHERS = 0.1
"""Letters that stand for several bases, to each base."""

_LINE_END = re.compile(r"\r\n?|\n")
_LETTER = r"[ACGTUNRYSWKMBDHVXacgtunryswkmbdhvx*.-]"
_IN_GROUPS = re.compile(rf"\s*\d*\s*(?:{_LETTER}{{10,}}+[ \t]+)*+{_LETTER}*\s*\d*\s*")
_PROTEIN = re.compile(r"[A-Z*-]+\s*")
_TOKEN = r'(?:[{}\[\]:,]|"(?:[^"\\\x00-\x1f]|\\.)*+"|-?\d[\d.eE+-]*+|true|false|null|NaN|-?Infinity)'
_JSON = re.compile(
    rf'(?:\{{\s*+(?:"(?:[^"\\\x00-\x1f]|\\.)*+"\s*+:|\}})|\[(?=\s*+[{{\["\d-]))(?:\s*+{_TOKEN})*+\s*+(?:"[^\x00-\x1f]*+|[\w-]*+)\Z'
)


def text_format_of(start: bytes, is_whole: bool = True) -> str | None:
    r"""Name the format of a file that begins as no other text does: "fasta", "fastq", "jsonl" or "json".

    >>> text_format_of(b">one\nACGTACGT\n"), text_format_of(b"> so it is\nNo.\n")
    ('fasta', None)
    >>> text_format_of(b'{"x": 1}\n{"x": 2}\n'), text_format_of(b'{"x": [1,\n2]}'), text_format_of(b"{ so it is }")
    ('jsonl', 'json', None)

    Parameters
    ----------
    start
        The first bytes, after decompression; up to `SIZE` of them.
    is_whole
        Whether that is all; otherwise its last line may be cut.
    """
    text = _decoded(start).lstrip()
    if text[:1] in ("{", "["):
        return _json_format(text, is_whole)
    lines = _LINE_END.split(text) if text[:1] in (">", ";", "@") else []
    if _is_fastq(lines):
        return "fastq"
    return "fasta" if _is_fasta(lines) else None


def _decoded(start: bytes) -> str:
    """The text, by its byte order mark; what is cut at its end is left out."""
    encoding = next((said for mark, said in MARKS.items() if start.startswith(mark)), "utf-8")
    return start.decode(encoding, "ignore").removeprefix("\ufeff")


def _is_fasta(lines: list[str]) -> bool:
    """Whether there are headers, and below them nothing but bases, or long lines of capitals."""
    lines = [line for line in lines if line.strip() and not line.startswith(";")]
    if not lines or not lines[0].startswith(">"):
        return False
    below = [line for line in lines if not line.startswith(">")]
    if all(_IN_GROUPS.fullmatch(line) for line in below):
        letters = Counter("".join(below).upper())
        n_bases = sum(letters[base] for base in "ACGTU")
        return n_bases >= LEAST and sum(letters[each] for each in "RYSWKMBDHVX") <= MOST_OTHERS * n_bases
    return max(map(len, below), default=0) >= LONG and all(_PROTEIN.fullmatch(line) for line in below)


def _is_fastq(lines: list[str]) -> bool:
    """Whether the first four lines are a name, bases, a plus and as many marks of quality."""
    if len(lines) < 4 or not (lines[0].startswith("@") and lines[2].startswith("+")):
        return False
    return bool(re.fullmatch(f"{_LETTER}+", lines[1])) and len(lines[1]) == len(lines[3])


def _json_format(text: str, is_whole: bool) -> str | None:
    lines = [line for line in text.split("\n") if line.strip()]
    whole = lines if is_whole else lines[:-1]
    if len(lines) > 1 and whole and lines[-1].lstrip().startswith("{") and all(map(_is_object, whole)):
        return "jsonl"
    return "json" if _JSON.match(text) else None


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
