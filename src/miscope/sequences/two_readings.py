"""What can be read in two ways, and which is taken: strings (labels, texts, paths), whole numbers stored as floats."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from miscope.errors import InputError
from miscope.sequences.codes import Array, pieces
from miscope.sequences.missing import MissingRule

__all__ = ["UnclearError", "are_codes", "are_labels", "are_long", "are_whole", "refuse_paths", "unclear_numbers"]

EACH = 5
"""How often each kind comes, on average, where kinds are symbols: below five a cell, no table of counts is tested."""

LONG = 32
"""Characters on average, beyond which strings are texts: names of behaviours, words, tags and pages are shorter,
sentences, lines of verse and reads of a genome longer."""

MOST_KINDS = 256
"""Kinds, up to which whole numbers stored as floats are codes: people who annotate have fewer (a byte holds them);
measurements that happen to be whole soon have more."""

EXACT = 2.0**53
"""Beyond it floats do not hold every whole number."""

LONGEST_PATH = 1024
FILE_NAME = re.compile(
    r"[^\s*?]*[*?\w]\.(?:txt|csv|tsv|tab|parquet|feather|arrow|jsonl|json|ndjson|npy|npz|mat|h5|hdf5|nwb|fa|fasta|fna|faa"
    r"|md|html|xml|zip)(?:\.(?:gz|bz2|xz|zst))?",
    re.IGNORECASE,
)


class UnclearError(InputError):
    """Data can be read in two ways; the message says how to write either."""


def are_labels(strings: Sequence[str]) -> bool:
    """Whether strings, some longer than a letter, are labels: each a symbol, and all of them one document.

    If not, they are texts: each a document of characters. Strings are labels where each kind comes `EACH` times or more
    on average, however long they are; otherwise those of more than `LONG` characters on average are texts, and shorter
    ones where none comes twice and none is a single letter; anything else is refused.

    >>> are_labels(["walk", "groom", "rest"] * 500), are_labels(["so it is", "is it so"])
    (True, False)

    Raises
    ------
    UnclearError
        They are neither.
    """
    n_kinds = len(set(strings))
    if len(strings) >= EACH * n_kinds:
        return True
    if are_long(strings):
        return False
    if n_kinds == len(strings) and min(map(len, strings)) > 1:
        return False
    raise UnclearError(
        f"a list of {len(strings):,} strings of {n_kinds:,} kinds, longer than a letter, can be read in two ways: pass "
        "[data] for one document whose symbols are these strings, or [list(text) for text in data] for documents of "
        "characters"
    )


def are_long(strings: Sequence[str]) -> bool:
    """Whether strings are too long for labels.

    >>> are_long(["walk", "groom"])
    False
    """
    return sum(map(len, strings)) > LONG * len(strings)


def are_whole(documents: Iterable[Array]) -> bool:
    """Whether all of these numbers are whole; NaN is not.

    >>> are_whole([np.array([0.0, 2.0]), np.array([1.0])]), are_whole([np.array([0.5])])
    (True, False)
    """
    return all(
        np.array_equal(part, np.rint(part)) and bool(np.isfinite(part).all())
        for document in documents
        for part in (document[piece] for piece in pieces(len(document)))
    )


def are_codes(documents: Collection[Array]) -> bool:
    """Whether whole numbers that are stored as floats are codes: none is negative, and they are of few kinds.

    Few are at most `MOST_KINDS`, each of which comes `EACH` times or more on average.

    >>> are_codes([np.array([0.0, 1.0, 2.0] * 5)]), are_codes([np.arange(1000.0)])
    (True, False)
    """
    kinds: set[float] = set()
    for document in documents:
        for piece in pieces(len(document)):
            kinds |= set(np.unique(document[piece]).tolist())
            if len(kinds) > MOST_KINDS or min(kinds) < 0 or max(kinds) > EXACT:
                return False
    return EACH * len(kinds) <= sum(map(len, documents))


def unclear_numbers(documents: Collection[Array], rule: MissingRule) -> UnclearError:
    """Say that whole numbers stored as floats may be codes or measurements."""
    least = min(float(document.min()) for document in documents if len(document))
    looks = f"as low as {least:g}" if least < 0 else "of many kinds for so few values"
    codes = "np.unique(data, return_inverse=True)[1]" if least < 0 else "data.astype(int)"
    ways = (
        f"if they are codes of symbols, pass {codes}; if they are measurements, cut them into classes, with "
        "n_quantiles=4 or miscope.Series.from_arrays(data).quantise(4)"
    )
    if rule.file:
        ways = "as_='symbols' takes them as codes, as_='quantiles:4' cuts them as measurements"
    if least < 0:
        ways += f"; if {least:g} marks what is missing, {rule.named([least])} leaves it out"
    held = f"{rule.file!r} holds" if rule.file else "the data are"
    return UnclearError(f"{held} whole numbers stored as floating-point numbers, {looks}: {ways}")


def refuse_paths(strings: Sequence[str]) -> None:
    """Refuse strings that name files, or look as if they did: their letters are no data.

    Raises
    ------
    InputError
        The first of them that does so, and how it is read.
    """
    first = strings[0] if strings else ""
    if not first or len(first) > LONGEST_PATH or "\n" in first:
        return
    exists = _exists(first)
    if exists or (FILE_NAME.fullmatch(first) and all(FILE_NAME.fullmatch(string) for string in strings)):
        what = "names a file" if exists else "looks like the name of a file, though there is none"
        raise InputError(
            f"the data are a string that {what}, {first!r}: miscope.read({first!r}) reads files; if these letters are "
            "meant, pass list(text)"
        )


def _exists(name: str) -> bool:
    try:
        path = Path(name).expanduser()
        return path.is_file() or ("/" in name and path.exists())
    except (OSError, ValueError, RuntimeError):
        return False
