"""Data sets of Hugging Face's: from the hub or a folder, memory-mapped or streamed, as text, as tokens or as codes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from miscope.errors import FormatError, InputError, NothingError, choice, require
from miscope.sequences.arrow_texts import encode_strings
from miscope.sequences.arrow_types import (
    is_lists,
    is_string_lists,
    is_text,
    plain,
    plain_type,
    sound,
    without_dictionary,
)
from miscope.sequences.codes import offsets_of
from miscope.sequences.columns import codes_of_lists, codes_of_string_lists
from miscope.sequences.container import Sequences
from miscope.sequences.encoding import UNITS
from miscope.sequences.hub_loading import load
from miscope.sequences.hugging_face import explained, quiet
from miscope.sequences.sources import Progress, file_name
from miscope.sequences.tokenizer import Tokenizer, tokenizer_from
from miscope.sequences.tokens import encode_texts, sequences_of

__all__ = ["read_hub"]

ROWS = 1024
"""Rows that are looked at together."""

_PURPOSE = "a data set of Hugging Face's"


def read_hub(
    name: str | os.PathLike[str],
    config: str | None = None,
    *,
    split: str = "train",
    column: str | None = None,
    unit: str = "character",
    tokenizer: Any = None,
    streaming: bool = False,
    limit: int | None = None,
    revision: str | None = None,
    label: str | None = None,
    progress: Progress | None = None,
) -> Sequences:
    """Read a split of a data set of Hugging Face's, one row a document.

    Code that comes with a data set is never run. Needs datasets: ``pip install "miscope[hub]"``.

    Examples
    --------
    >>> import tempfile, datasets
    >>> datasets.disable_progress_bars()
    >>> folder = tempfile.mkdtemp()
    >>> datasets.Dataset.from_dict({"text": ["so it is", "is it so"]}).save_to_disk(folder)
    >>> read_hub(folder, unit="word", label="verses")
    Sequences(6 symbols of 3 kinds in 2 documents: verses)

    Parameters
    ----------
    name
        - a name on the hub, such as ``"Salesforce/wikitext"``: downloaded once, then memory-mapped;
        - a folder that `save_to_disk` wrote, of one data set or of several splits: memory-mapped;
        - a folder of data files (Parquet, JSON lines, CSV, text).
    config
        The configuration, such as ``"wikitext-2-raw-v1"``, where a data set has several.
    split
        Which split; from the hub also parts of it, such as ``"train[:10%]"``.
    column
        A column of strings, or of lists: whole numbers are taken as codes, strings as symbols. By default ``"text"`` if
        there is one, else the only column of strings, else ``"input_ids"``, else the only one of lists of whole
        numbers. Where there are lists of strings too, such as words beside their tags, the only column that could be
        read, as in `read_table`; of several one has to be named.
    unit
        ``"byte"``, ``"character"``, ``"word"`` or ``"token"``, for columns of strings, as in `read_text`.
    tokenizer
        Instead of a unit: what `tokenizer_from` takes. For a column of codes it gives their alphabet, and codes that
        cannot be its own are refused.
    streaming
        Read the rows over the network as they are needed, without a download.
    limit
        At most so many rows, from the first on.
    revision
        Branch, tag or commit on the hub.
    label
        What to call the data in results; by default its name, configuration and split.
    progress
        Called now and then with the number of rows done and in all (so far, if that is not known).

    Returns
    -------
    Sequences
        Of strings: codes as small as the alphabet allows, more than 256 MiB of them in a temporary file as in
        `read_text` (bytes of one piece are not copied); empty and missing rows are dropped, and counted in
        ``provenance``.

        Of lists: **not copied** if they lie in one piece (one record batch in one file) of an unsigned type of 8 to 32
        bits, or of a signed one none of whose numbers is negative; the same bytes are then taken as unsigned.
        Otherwise copied once, piece by piece, into the smallest type that holds the largest code: several pieces, since
        codes are one array (``Dataset.save_to_disk`` writes pieces of 1000 rows); 64 bits, since codes have at most 32;
        streams. Empty lists stay, as empty documents.

        Of lists of strings: as `read_table` reads them; empty and missing rows are dropped.

    Raises
    ------
    InputError
        There is no such data set, split or column, no network, nothing is in it, or the options do not go together.
    FormatError
        The files in a folder are damaged.
    MissingExtraError
        datasets is not installed.
    """
    choice(unit, UNITS, "unit")
    _check_limit(limit)
    datasets = require("datasets", "hub", _PURPOSE)
    tokenizer = None if tokenizer is None else tokenizer_from(tokenizer)
    name = os.path.expanduser(file_name(name))  # noqa: PTH111 - a Path would change names on the hub
    with quiet(datasets):
        data = load(datasets, name, config, split, streaming, revision)
        rows = _rows_of(data, name, split, column, limit, streaming)
        called = Path(name).resolve().name if Path(name).is_dir() else name
        label = label or ", ".join([called, *([config] if config else []), split])
        provenance: dict[str, Any] = {
            "reader": "read_hub",
            "label": label,
            "name": called,
            "config": config,
            "split": split,
            "column": rows.column,
            "revision": revision,
            "streaming": streaming,
            "limit": None if limit is None else int(limit),
            "fingerprint": None if streaming else getattr(data, "_fingerprint", None),
        }
        if rows.is_text:
            return _read_text(rows, unit, tokenizer, provenance, progress)
        if unit != "character":
            raise InputError(f"{rows.column!r} is a column of codes already; leave unit={unit!r} out, or name another")
        if rows.is_string_lists:
            return _read_string_lists(rows, tokenizer, provenance, progress)
        return _read_codes(rows, tokenizer, provenance, progress)


class Rows(NamedTuple):
    """A column in Arrow arrays, how many rows it has (0 if that is not known), and the names of its codes, if any."""

    column: str
    is_text: bool
    is_string_lists: bool
    chunks: Iterable[Any]
    total: int
    alphabet: tuple[str, ...] | None


def _read_text(
    rows: Rows, unit: str, tokenizer: Tokenizer | None, provenance: dict[str, Any], progress: Progress | None
) -> Sequences:
    if tokenizer is not None:
        missing: list[int] = []
        texts = _strings(rows, missing, progress)
        made = sequences_of(encode_texts(texts, tokenizer, provenance["label"]), tokenizer, provenance)
        return _noted(made, {"missing_documents_dropped": len(missing)})
    encoded, n_missing = encode_strings(_watched(rows, progress), unit)
    if len(encoded.codes) == 0:
        raise NothingError(f"there is not one {unit} in {provenance['label']}; its rows are empty")
    provenance |= {"unit": unit, "empty_documents_dropped": encoded.n_empty, "missing_documents_dropped": n_missing}
    return Sequences(encoded.codes, offsets_of(encoded.lengths), len(encoded.alphabet), encoded.alphabet, provenance)


def _read_codes(
    rows: Rows, tokenizer: Tokenizer | None, provenance: dict[str, Any], progress: Progress | None
) -> Sequences:
    try:
        named = tokenizer is None and rows.alphabet is None
        codes, offsets, names = codes_of_lists(_watched(rows, progress), isinstance(rows.chunks, list), named)
    except InputError as error:
        raise type(error)(f"cannot use the column {rows.column!r} of {provenance['label']}: {error}") from error
    largest, alphabet = int(codes.max()), names if named else rows.alphabet
    if tokenizer is not None:
        tokenizer.check(largest, f"the column {rows.column!r}")
        alphabet, provenance = tokenizer.alphabet, {**provenance, "tokenizer": tokenizer.record}
    size = largest + 1 if alphabet is None else max(len(alphabet), largest + 1)
    if alphabet is not None and size > len(alphabet):
        alphabet = None
    return Sequences(codes, offsets, size, alphabet, provenance)


def _read_string_lists(
    rows: Rows, tokenizer: Tokenizer | None, provenance: dict[str, Any], progress: Progress | None
) -> Sequences:
    if tokenizer is not None:
        provenance = {**provenance, "tokenizer": tokenizer.record}
    n_missing: list[int] = []
    try:
        codes, lengths, alphabet = codes_of_string_lists(
            _present(rows, n_missing, progress), None if tokenizer is None else tokenizer.alphabet
        )
    except InputError as error:
        raise type(error)(f"cannot use the column {rows.column!r} of {provenance['label']}: {error}") from error
    provenance |= {
        "empty_documents_dropped": int(np.count_nonzero(lengths == 0)),
        "missing_documents_dropped": sum(n_missing),
    }
    return Sequences(codes, offsets_of(lengths[lengths > 0]), len(alphabet), alphabet, provenance)


def _present(rows: Rows, n_missing: list[int], progress: Progress | None) -> Iterator[Any]:
    """The rows that are there; how many others there are is put into `n_missing`."""
    for chunk in _watched(rows, progress):
        n_missing.append(chunk.null_count)
        yield chunk.drop_null()


def _noted(made: Sequences, more: dict[str, Any]) -> Sequences:
    return Sequences(made.codes, made.offsets, made.alphabet_size, made.alphabet, {**made.provenance, **more})


def _watched(rows: Rows, progress: Progress | None) -> Iterator[Any]:
    done = 0
    for chunk in rows.chunks:
        yield plain(_sound(chunk, rows.column))
        done += len(chunk)
        if progress is not None:
            progress(done, max(rows.total, done))


def _sound(chunk: Any, column: str) -> Any:
    try:
        return sound(chunk)
    except FormatError as error:
        raise FormatError(f"cannot use the column {column!r} of the data set: {error}") from error


def _strings(rows: Rows, missing: list[int], progress: Progress | None) -> Iterator[str]:
    """The texts of a column, a few rows of each piece at a time; where some are missing, their numbers."""
    number = 0
    for chunk in _watched(rows, progress):
        for start in range(0, len(chunk), ROWS):
            for text in chunk.slice(start, ROWS).to_pylist():
                if text is None:
                    missing.append(number)
                else:
                    yield text
                number += 1


def _rows_of(data: Any, name: str, split: str, column: str | None, limit: int | None, streaming: bool) -> Rows:
    """Choose the column, and say how to go through it."""
    if not streaming and len(data) == 0:
        raise InputError(f"the split {split!r} of {name!r} is empty: it has not one row")
    arrow = data.with_format("arrow")
    with explained(f"cannot read the data set {name!r}"):
        first = next(iter(arrow.iter(1)), None) if streaming else data.data.table
    if first is None:
        raise InputError(f"the split {split!r} of {name!r} is empty: it has not one row")
    kinds = {field.name: plain_type(field.type) for field in first.schema}
    column = _column_of(kinds, name, column)
    features = data.features or {}
    names = getattr(getattr(features.get(column), "feature", None), "names", None)
    total = (limit or 0) if streaming else min(len(data), limit or len(data))
    if streaming or getattr(data, "_indices", None) is not None:  # or rows in an order of their own
        chunks: Iterable[Any] = _limited(arrow.select_columns([column]).iter(ROWS), column, limit, name)
    else:
        chunks = [chunk for chunk in first.column(column).slice(0, limit).chunks if len(chunk)]
    return Rows(
        column,
        is_text(without_dictionary(kinds[column])),
        is_string_lists(kinds[column]),
        chunks,
        total,
        tuple(names) if names else None,
    )


def _limited(tables: Iterable[Any], column: str, limit: int | None, name: str) -> Iterator[Any]:
    """The column in pieces; what goes wrong on the way, such as a network that is gone, is told in one line."""
    left, tables = limit, iter(tables)
    while left is None or left > 0:
        with explained(f"cannot read on in the data set {name!r}"):
            table = next(tables, None)
        if table is None:
            return
        yield from table.column(column).slice(0, left).chunks
        left = None if left is None else left - len(table)


def _column_of(kinds: dict[str, Any], name: str, column: str | None) -> str:
    """The column that is asked for, or the one that is meant."""
    texts = [key for key, kind in kinds.items() if is_text(without_dictionary(kind))]
    lists = [key for key, kind in kinds.items() if is_lists(kind)]
    words = [key for key, kind in kinds.items() if is_string_lists(kind)]
    readable = [*texts, *lists, *words]
    if column is not None:
        choice(column, kinds, f"column of {name!r}")
        if column not in readable:
            usable = ", ".join(readable) or "none"
            raise InputError(
                f"the column {column!r} of {name!r} is of type {kinds[column]}, neither text nor lists of whole "
                f"numbers or strings; columns that are: {usable}"
            )
        return column
    wanted = [("text", texts), ("input_ids", lists)]
    for usual, found in [("text", readable)] if words else wanted:
        if usual in found:
            return usual
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(f"{name!r} has several columns to read, {', '.join(readable)}: name one with column=")
    raise InputError(
        f"{name!r} has no column of text, or of lists of whole numbers or strings, among {', '.join(kinds) or 'none'}"
    )


def _check_limit(limit: int | None) -> None:
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | np.integer) or limit < 1):
        raise InputError(f"limit must be a whole number of rows of at least 1, not {limit!r}")
