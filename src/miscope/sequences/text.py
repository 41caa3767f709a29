"""Text becomes sequences: of bytes, characters, words or tokens, cut into documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from miscope.errors import InputError, choice
from miscope.sequences.codes import offsets_of
from miscope.sequences.container import Sequences
from miscope.sequences.encoding import BYTES, END, UNITS, Encoded, encode_documents, encoder_of
from miscope.sequences.sources import Paths, Progress, Source, expand, label_of, read_sources

__all__ = ["read_text"]

DOCUMENTS = ["file", "line", "blank-line", "none"]
LINE_END = r"(?>\r\n|\r|\n)"


def read_text(
    paths: Paths,
    unit: str = "character",
    documents: str = "file",
    separator: str | None = None,
    encoding: str = "utf-8",
    fold_case: bool = False,
    label: str | None = None,
    progress: Progress | None = None,
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
        Files compressed by gzip, xz or zstd are known by their first bytes and decompressed.
    unit
        - ``"byte"``: the bytes as they are; 256 symbols, whichever of them occur;
        - ``"character"``: Unicode characters, line ends ``\r\n`` and ``\r`` as ``\n``; the alphabet is sorted;
        - ``"word"``: a word is a maximal run of letters, digits and underscores, with single apostrophes or hyphens
          allowed inside (``\w+(?:['’\-]\w+)*``); every other visible character is a word of its own; white space
          only separates;
        - ``"token"``: what white space separates, and nothing else, for text that is already tokenised.

        Words and tokens are numbered by falling frequency, equally frequent ones alphabetically.
    documents
        - ``"file"``: every file is a document;
        - ``"line"``: every line (ended by ``\n``, ``\r\n`` or ``\r``, by nothing else);
        - ``"blank-line"``: what stands between one or more lines that have only white space;
        - ``"none"``: all files joined into one document, with nothing between them.

        What ends or separates documents is no symbol. Empty documents are dropped, and counted in ``provenance``.
    separator
        A literal text that separates documents (besides the ends of files), instead of `documents`. With `fold_case`
        its case does not matter.
    encoding
        How characters are written as bytes; a byte order mark is dropped.
    fold_case
        Make capital and small letters the same (`str.casefold`); not for bytes.
    label
        What to call the data in results; by default the name of the file.
    progress
        Called now and then with the number of bytes done and in all.

    Returns
    -------
    Sequences
        A plain file read as bytes in one document is memory-mapped, not copied.

    Raises
    ------
    InputError
        A file cannot be read or decoded, nothing is in it, or the options do not go together.
    """
    _check_options(unit, documents, separator, encoding, fold_case)
    files = expand(paths)
    records: list[dict[str, Any]] = []
    sources = _noted(read_sources(files, progress), records)
    if unit == "byte" and separator is None and documents in ("file", "none"):
        encoded = _plain_bytes(sources, len(files))
    else:
        texts = (_marked(source, unit, documents, separator, encoding, fold_case) for source in sources)
        encoded = encode_documents(texts, encoder_of(unit))
    label = label_of(files) if label is None else label
    if len(encoded.codes) == 0:
        raise InputError(f"there is not one {unit} in {label}; it is empty" + _except_for(unit, documents, separator))
    lengths = np.array([len(encoded.codes)]) if documents == "none" else encoded.lengths
    provenance = {
        "reader": "read_text",
        "label": label,
        "unit": unit,
        "documents": "separator" if separator is not None else documents,
        "separator": separator,
        "encoding": encoding,
        "fold_case": fold_case,
        "empty_documents_dropped": encoded.n_empty if documents != "none" else 0,
        "sources": records,
    }
    return Sequences(encoded.codes, offsets_of(lengths), len(encoded.alphabet), encoded.alphabet, provenance)


def _noted(sources: Iterable[Source], records: list[dict[str, Any]]) -> Iterator[Source]:
    for source in sources:
        records.append(source.record)
        yield source


def _check_options(unit: str, documents: str, separator: str | None, encoding: str, fold_case: bool) -> None:
    choice(unit, UNITS, "unit")
    choice(documents, DOCUMENTS, "kind of documents")
    if separator is not None and documents != "file":
        raise InputError(f"separator and documents={documents!r} exclude each other; pass one of them")
    if separator == "":
        raise InputError("the separator is empty; pass the text that stands between documents")
    if fold_case and unit == "byte":
        raise InputError("bytes have no case to fold; use unit='character', or leave fold_case out")
    try:
        (separator or " ").encode(encoding)
    except UnicodeError as error:
        raise InputError(f"the separator {separator!r} cannot be written in {encoding}") from error
    except (LookupError, ValueError) as error:
        raise InputError(f"unknown encoding {encoding!r}; usual ones are utf-8, utf-16, latin-1, cp1252") from error


def _plain_bytes(sources: Iterable[Source], n_files: int) -> Encoded:
    """Take the bytes as they are, one document a file; those of a single file stay where they are."""
    parts = [source.data if n_files == 1 else source.data.copy() for source in sources]
    lengths = np.array([len(part) for part in parts], np.int64)
    codes = parts[0] if n_files == 1 else np.concatenate(parts)
    return Encoded(codes, lengths[lengths > 0], BYTES, int(np.count_nonzero(lengths == 0)))


def _marked(source: Source, unit: str, documents: str, separator: str | None, encoding: str, fold_case: bool) -> str:
    """Return the text of a source with `END` between its documents."""
    text = _decode(source, "latin-1" if unit == "byte" else encoding)
    if unit == "byte":
        separator = separator and _as_latin(separator, encoding)
    else:
        text, separator = _line_ends(text.removeprefix("\ufeff")), separator and _line_ends(separator)
    if fold_case:
        text, separator = text.casefold(), separator and separator.casefold()
    end = END if unit in ("byte", "character") else f" {END} "
    if separator:
        return text.replace(separator, end)
    if documents == "line":
        return _line_ends(text).replace("\n", end)
    return _mark_blank_lines(text, end, ascii_only=unit == "byte") if documents == "blank-line" else text


def _decode(source: Source, encoding: str) -> str:
    try:
        return str(source.data.data, encoding).replace(END, "\ufffd")
    except UnicodeDecodeError as error:
        line = bytes(error.object).count(b"\n", 0, error.start) + 1
        what = f"byte {error.start} (line {line}) is 0x{error.object[error.start]:02x}: {error.reason}"
        raise InputError(
            f"{source.name!r} is not {encoding}: {what}; name its encoding (encoding='latin-1'), or read it as it is "
            "with unit='byte'"
        ) from error


def _line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _as_latin(separator: str, encoding: str) -> str:
    """Write the separator as the bytes are: one character a byte, without a byte order mark."""
    return separator.encode(encoding).removeprefix("".encode(encoding)).decode("latin-1")


def _mark_blank_lines(text: str, end: str, ascii_only: bool) -> str:
    """Put `end` in place of blank lines and the line end before them; drop those at the start and at the end."""
    white = r"[ \t\v\f]" if ascii_only else r"[^\S\r\n]"
    opening = re.match(f"(?:{white}*{LINE_END})*", text)
    text = text[opening.end() if opening else 0 :]
    body = len(text.rstrip(" \t\v\f\r\n" if ascii_only else None))
    closing = re.search(LINE_END, text[body:])
    text = text[: body + closing.start()] if closing else text if body else ""
    return re.sub(f"{LINE_END}(?:{white}*{LINE_END})+", end, text)


def _except_for(unit: str, documents: str, separator: str | None) -> str:
    apart = "white space" if unit in ("word", "token") else ""
    apart = apart or ("the separator" if separator else "line ends" if documents.endswith("line") else "")
    return f", except for {apart}" if apart else ""
