"""Text becomes sequences: of bytes, characters, words or tokens, cut into documents."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np

from miscope.errors import InputError, NothingError, choice
from miscope.sequences.byte_documents import cutter_of, encode_bytes
from miscope.sequences.codes import offsets_of
from miscope.sequences.container import Sequences
from miscope.sequences.decoding import decode_pieces, mark_blank_lines, mark_matches, mark_separators, unix_lines
from miscope.sequences.encoding import BYTES, END, UNITS, DocumentWriter, Encoded, encoder_of
from miscope.sequences.notes import noted
from miscope.sequences.sources import Paths, Progress, expand, label_of, name_of
from miscope.sequences.streams import Meter, can_be_mapped, head_of, mapped
from miscope.sequences.text_files import byte_pieces, look_at_bytes, text_pieces

__all__ = ["checked_separator", "on_separator", "read_text", "whole_text", "with_separator"]

Form: TypeAlias = Callable[[Iterable[str]], Iterator[str]]
"""Takes the text of a file in pieces, and yields it in pieces."""

Separator: TypeAlias = str | re.Pattern[str] | None
"""What stands between documents: a text, or what a pattern matches in a line."""

DOCUMENTS = ["file", "line", "blank-line", "none"]
FOLDER = "*.txt"
"""What the files in a folder may be called, in the error that asks for them."""


def read_text(
    paths: Paths,
    unit: str = "character",
    documents: str = "file",
    separator: str | None = None,
    encoding: str = "utf-8",
    fold_case: bool = False,
    label: str | None = None,
    progress: Progress | None = None,
    separator_regex: str | None = None,
) -> Sequences:
    r"""Read text files as sequences of bytes, characters, words or tokens.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "poem.txt"
    >>> _ = path.write_text("So it's so.\nSo be it!\n")
    >>> read_text(path, unit="word", documents="line", fold_case=True).alphabet
    ('so', '!', '.', 'be', 'it', "it's")

    Parameters
    ----------
    paths
        A file, a glob (``"texts/**/*.txt"``, expanded and sorted), ``"-"`` for standard input, or a list of these.
        Files compressed by gzip, bzip2, xz, lzma, zstd or lz4 are known by their first bytes and decompressed.
    unit
        - ``"byte"``: the bytes as they are; 256 symbols, whichever of them occur;
        - ``"character"``: Unicode characters (code points: a mark, as in é written as two, is one too), line
          ends ``\r\n`` and ``\r`` as ``\n``; the alphabet is sorted;
        - ``"word"``: a word is a maximal run of letters, digits and underscores with the marks on them, single
          apostrophes or hyphens allowed inside (``\w+(?:['’\-]\w+)*``); every other character, with its marks, is a
          word of its own; white space only separates; invisible characters (soft hyphens, joiners, zero-width spaces,
          variation selectors, marks of direction or byte order) are left out, and separate nothing. The same word
          composed and decomposed (é as one character or as two) is one symbol, in Unicode's form NFC;
        - ``"token"``: what white space separates, as it is and nothing else, for text that is already tokenised.

        Words and tokens are numbered by falling frequency, equally frequent ones alphabetically.
    documents
        - ``"file"``: every file is a document;
        - ``"line"``: every line (ended by ``\n``, ``\r\n`` or ``\r``, by nothing else);
        - ``"blank-line"``: what stands between one or more lines that have only white space;
        - ``"none"``: all files joined into one document, with nothing between them.

        What ends or separates documents is no symbol. Empty documents are dropped, and counted in ``provenance``.
    separator
        A literal text that separates documents (besides the ends of files), instead of `documents`; its case counts,
        with `fold_case` too. If it does not occur, a `MiscopeWarning` says so, ``provenance["notes"]``, and curves.
    encoding
        How characters are written as bytes; a byte order mark is dropped.
    fold_case
        Make capital and small letters the same (`str.casefold`); not for bytes.
    label
        What to call the data in results; by default the name of the file.
    progress
        Called now and then with the number of bytes done and in all.
    separator_regex
        The same as a regular expression of Python's, such as ``"^ = [^=].* = $"`` or ``"(?i)^chapter .*"``; not for
        bytes. Each line is searched by itself, without its end, so that ``^`` and ``$`` are the ends of a line. What
        matches is cut out, and the line's end too where that is all of the line; ``"(?=^Chapter)"`` cuts before it.

    Returns
    -------
    Sequences
        A plain file read as bytes in one document is memory-mapped, not copied. Everything else is read in pieces, from
        wherever it comes; more than 256 MiB of codes are kept in a temporary file without a name (in the folder that
        the environment variable ``TMPDIR`` names), memory-mapped, which vanishes with them.

    Raises
    ------
    InputError
        A file cannot be read or decoded, nothing is in it, it is no text but a picture, an archive, a model or a result
        that miscope saved (whose bytes can be read all the same), the options do not go together, or there is no room
        for the temporary file.
    """
    between = checked_separator(unit, documents, separator, encoding, fold_case, separator_regex)
    files = expand(paths)
    records: list[dict[str, Any]] = []
    notes: list[str] = []
    meter = Meter(files, progress)
    if unit != "byte":
        encoded = _read_texts(files, unit, documents, between, encoding, fold_case, records, meter)
    elif separator is None and documents in ("file", "none") and len(files) == 1 and can_be_mapped(files[0]):
        encoded = _mapped_bytes(files[0], records, meter, notes)
    else:
        cutter = cutter_of(documents, None if separator is None else _as_bytes(separator, encoding))
        encoded = encode_bytes((byte_pieces(file, meter, records, FOLDER, notes) for file in files), cutter)
    label = label_of(files) if label is None else label
    n_dropped = encoded.n_empty if documents != "none" else 0
    if len(encoded.codes) == 0:
        raise NothingError(
            f"there is not one {unit} in {label}; it is empty{_except_for(unit, documents, between, encoded.n_ends)}",
            {"empty_documents_dropped": n_dropped, "notes": on_separator(between, encoded.n_ends)},
        )
    lengths = np.array([len(encoded.codes)]) if documents == "none" else encoded.lengths
    provenance: dict[str, Any] = {
        "reader": "read_text",
        "label": label,
        "unit": unit,
        "documents": documents if between is None else "separator",
        "separator": separator,
        "encoding": encoding,
        "fold_case": fold_case,
        "empty_documents_dropped": n_dropped,
        "sources": records,
    }
    provenance = with_separator(noted(provenance, notes), between, encoded.n_ends)
    return Sequences(encoded.codes, offsets_of(lengths), len(encoded.alphabet), encoded.alphabet, provenance)


def checked_separator(
    unit: str, documents: str, separator: str | None, encoding: str, fold_case: bool, separator_regex: str | None
) -> Separator:
    """Return what separates documents, after a look at whether the options of `read_text` go together."""
    choice(unit, UNITS, "unit")
    choice(documents, DOCUMENTS, "kind of documents")
    if separator_regex is not None and separator is not None:
        raise InputError("a separator and a regular expression for separators exclude each other; pass one of them")
    if separator_regex is not None and documents != "file":
        raise InputError(
            f"a regular expression for separators and documents={documents!r} exclude each other; pass one of them"
        )
    if separator_regex is not None and unit == "byte":
        raise InputError(
            "a regular expression for separators is for text, not for bytes: use unit='character', or separator='…'"
        )
    if separator is not None and documents != "file":
        raise InputError(f"separator and documents={documents!r} exclude each other; pass one of them")
    if separator == "":
        raise InputError("the separator is empty; pass the text that stands between documents")
    if fold_case and unit == "byte":
        raise InputError("bytes have no case to fold; use unit='character', or read them as they are")
    try:
        (separator or " ").encode(encoding)
    except UnicodeError as error:
        raise InputError(f"the separator {separator!r} cannot be written in {encoding}") from error
    except (LookupError, ValueError) as error:
        raise InputError(f"unknown encoding {encoding!r}; usual ones are utf-8, utf-16, latin-1, cp1252") from error
    return separator if separator_regex is None else _pattern(separator_regex)


def _pattern(regex: str) -> re.Pattern[str]:
    if not regex:
        raise InputError("the regular expression for separators is empty; pass what matches between documents")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what later versions of Python may take otherwise
            pattern = re.compile(regex)
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(
            f"the regular expression {regex!r} cannot be understood ({error}); a literal text is separator='…'"
        ) from None
    if pattern.search(""):
        raise InputError(
            f"the regular expression {regex!r} matches where there is nothing, and would cut nearly everywhere: make "
            "it say what must be there (blank lines are documents='blank-line')"
        )
    return pattern


def with_separator(provenance: dict[str, Any], between: Separator, n_found: int) -> dict[str, Any]:
    """Provenance with the pattern that cut documents, and with a note where nothing cut them."""
    if isinstance(between, re.Pattern):
        provenance = {**provenance, "separator_regex": between.pattern}
    return noted(provenance, on_separator(between, n_found))


def on_separator(between: Separator, n_found: int) -> list[str]:
    """What is to be said of what cuts documents: that it cut none."""
    if between is None or n_found:
        return []
    if isinstance(between, str):
        note = f"the separator {between!r} does not occur (its case counts)"
    else:
        note = (
            f"the regular expression {between.pattern!r} matches nowhere (its case counts; each line is searched alone)"
        )
    return [f"{note}: every file is one document"]


def _mapped_bytes(file: str, records: list[dict[str, Any]], meter: Meter, notes: list[str]) -> Encoded:
    """Take the bytes of a file as they are, where they are."""
    look_at_bytes(head_of(file), name_of(file), notes)
    data = mapped(file, meter, records, FOLDER)
    lengths = np.array([len(data)], np.int64)
    return Encoded(data, lengths[lengths > 0], BYTES, int(np.count_nonzero(lengths == 0)))


def _as_bytes(separator: str, encoding: str) -> bytes:
    """Write the separator as the bytes are, without a byte order mark."""
    return separator.encode(encoding).removeprefix("".encode(encoding))


def _read_texts(
    files: list[str],
    unit: str,
    documents: str,
    separator: Separator,
    encoding: str,
    fold_case: bool,
    records: list[dict[str, Any]],
    meter: Meter,
) -> Encoded:
    form, end = _form_of(documents, separator, fold_case)
    writer = DocumentWriter(encoder_of(unit), end)
    for file in files:
        parts = text_pieces(file, encoding, meter, records, FOLDER, _literal(separator))
        for text in form(decode_pieces(parts, encoding, name_of(file))):
            writer.add(text)
        writer.close()
    return writer.result()


def _form_of(documents: str, separator: Separator, fold_case: bool) -> tuple[Form, str]:
    """Return what gives texts their form, and the character that ends documents then.

    Documents are cut in the text as it is, and its case is folded after that.
    """
    fold: Form = functools.partial(map, str.casefold) if fold_case else iter
    mark: Form = iter
    end = "\n" if documents == "line" else END
    if isinstance(separator, re.Pattern):
        mark = functools.partial(mark_matches, pattern=separator)
    elif separator:
        separator = "".join(unix_lines([separator]))
        if len(separator) == 1 and not fold_case:
            end = separator
        else:
            mark = functools.partial(mark_separators, separator=separator)
    elif documents == "blank-line":
        mark = mark_blank_lines
    return lambda texts: fold(mark(unix_lines(texts))), end


def whole_text(
    file: str, documents: str, separator: Separator, encoding: str, records: list[dict[str, Any]], meter: Meter
) -> str:
    """Return the whole text of a file with `END` between its documents."""
    parts = text_pieces(file, encoding, meter, records, FOLDER, _literal(separator))
    form, end = _form_of(documents, separator, False)
    return "".join(form(decode_pieces(parts, encoding, name_of(file)))).replace(end, END)


def _literal(separator: Separator) -> str:
    """The text that separates documents, whose characters a file may have; nothing of an expression."""
    return separator if isinstance(separator, str) else ""


def _except_for(unit: str, documents: str, separator: Separator, n_ends: int) -> str:
    """What may be there all the same, of which nothing is a symbol."""
    apart = {"word": ["white space", "what nobody sees"], "token": ["white space"]}.get(unit, [])
    ends = "the separator" if separator and n_ends else "line ends" if documents.endswith("line") and not apart else ""
    apart = [ends, *apart] if ends else apart
    return f", except for {' and '.join([', '.join(apart[:-1])] * (len(apart) > 1) + apart[-1:])}" if apart else ""
