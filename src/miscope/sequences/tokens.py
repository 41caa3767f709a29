"""Text becomes the tokens of a language model: tokenizers of Hugging Face's, with memory bounded whatever the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import Any, NamedTuple

import numpy as np

from miscope.errors import InputError, NothingError
from miscope.sequences.codes import Array, code_dtype, histogram, offsets_of, pieces
from miscope.sequences.container import Sequences
from miscope.sequences.encoding import END
from miscope.sequences.hugging_face import explained
from miscope.sequences.notes import noted
from miscope.sequences.sources import Paths, Progress, expand, label_of
from miscope.sequences.streams import Meter
from miscope.sequences.text import checked_separator, on_separator, whole_text, with_separator
from miscope.sequences.token_marks import SPACES
from miscope.sequences.tokenizer import Tokenizer, tokenizer_from

__all__ = ["encode_texts", "read_tokens", "sequences_of", "tokenize"]

BATCH = 1 << 20
"""Characters that are handed to the tokenizer at a time: what it makes of them takes some 50 bytes a character."""
BATCH_DOCUMENTS = 4096
PIECE = 1 << 18
"""Characters of the pieces into which longer documents are cut."""
OVERLAP = 1 << 12
"""Characters that two pieces share; they are joined where their tokens agree, far from the ends of both."""
AGREE = 8
"""Tokens in a row that must be the same in both."""


class Encoded(NamedTuple):
    """Codes of documents that are not empty, their lengths; how many were empty; tokens unknown, characters lost."""

    codes: Array
    lengths: Array
    n_empty: int
    n_unknown: int
    n_left_out: int


def tokenize(
    texts: str | Iterable[str], tokenizer: Any, *, label: str | None = None, progress: Progress | None = None
) -> Sequences:
    """Make sequences of tokens out of texts in memory, one document each.

    No special tokens are added. Empty documents are dropped, and counted in ``provenance``.

    Examples
    --------
    >>> import tokenizers
    >>> words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"so": 0, "it": 1, "is": 2}))
    >>> words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    >>> found = tokenize(["so it is", "is it so"], words)
    >>> found, found[1]
    (Sequences(6 symbols of 3 kinds in 2 documents), array([2, 1, 0], dtype=uint8))

    Parameters
    ----------
    texts
        A text, or any iterable of them; read once, and never held as a whole.
    tokenizer
        What `tokenizer_from` takes.
    label
        What to call the data in results.
    progress
        Called now and then with the number of documents done and in all (so far, if that is not known).

    Returns
    -------
    Sequences
        Codes uint8, uint16 or uint32, the smallest that holds the vocabulary, which is the alphabet.

    Raises
    ------
    InputError
        There is not one token, all of them are unknown, or the tokenizer cannot encode the text.
    """
    tokenizer = tokenizer_from(tokenizer)
    texts = [texts] if isinstance(texts, str) else texts
    total = len(texts) if isinstance(texts, Sized) else 0
    encoded = encode_texts(_counted(texts, total, progress), tokenizer, label or "the data")
    provenance = {"reader": "tokenize"} | ({} if label is None else {"label": label})
    return sequences_of(encoded, tokenizer, provenance)


def read_tokens(
    paths: Paths,
    tokenizer: Any,
    documents: str = "file",
    separator: str | None = None,
    encoding: str = "utf-8",
    label: str | None = None,
    progress: Progress | None = None,
    separator_regex: str | None = None,
) -> Sequences:
    r"""Read text files as sequences of a tokenizer's tokens.

    (What only white space separates is read by ``read_text(…, unit="token")``.)

    Examples
    --------
    >>> import pathlib, tempfile, tokenizers
    >>> words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"so": 0, "it": 1, "be": 2}))
    >>> words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "poem.txt"
    >>> _ = path.write_text("so be it\nbe it so\n")
    >>> read_tokens(path, words, documents="line").decode(1)
    ['be', 'it', 'so']

    Parameters
    ----------
    paths, documents, separator, encoding, separator_regex
        As in `read_text`. What separates documents is cut out before the tokenizer sees the text.
    tokenizer
        What `tokenizer_from` takes.
    label
        What to call the data in results; by default the name of the file.
    progress
        Called now and then with the number of bytes done and in all.

    Returns
    -------
    Sequences
        As of `tokenize`.

    Raises
    ------
    InputError
        A file cannot be read or decoded, or what `tokenize` refuses.
    """
    between = checked_separator("character", documents, separator, encoding, False, separator_regex)
    tokenizer, files = tokenizer_from(tokenizer), expand(paths)
    label, records = label_of(files) if label is None else label, list[dict[str, Any]]()
    meter = Meter(files, progress)
    texts = (whole_text(file, documents, between, encoding, records, meter) for file in files)
    n_ends: list[int] = []
    parts = ["".join(texts)] if documents == "none" else _documents(texts, n_ends)
    try:
        encoded = encode_texts(parts, tokenizer, label)
    except NothingError as error:
        said = {**error.provenance, "notes": on_separator(between, sum(n_ends))}
        raise NothingError(str(error), said) from None
    provenance = {
        "reader": "read_tokens",
        "label": label,
        "unit": "token",
        "documents": documents if between is None else "separator",
        "separator": separator,
        "encoding": encoding,
        "sources": records,
    }
    return sequences_of(encoded, tokenizer, with_separator(provenance, between, sum(n_ends)))


def encode_texts(texts: Iterable[str], tokenizer: Tokenizer, label: str) -> Encoded:
    """Encode documents in batches, each longer one in pieces; drop those that come out empty."""
    dtype = code_dtype(len(tokenizer.alphabet))
    parts, lengths, n_empty, n_left_out = [np.zeros(0, dtype)], [], 0, 0
    for batch in _batches(texts):
        n_left_out += sum(_left_out(text, tokenizer) for text in batch) if tokenizer.leaves_out else 0
        for ids in _encode_batch(batch, tokenizer):
            codes = np.asarray(ids, dtype)
            n_empty += not len(codes)
            if len(codes):
                parts.append(codes)
                lengths.append(len(codes))
        parts = [np.concatenate(parts)] if len(parts) > 1 << 16 else parts  # short documents: an array costs 100 bytes
    codes = np.concatenate(parts)
    if len(codes) == 0:
        raise NothingError(
            f"there is not one token in {label}; it is empty, or the tokenizer drops all of it",
            {"empty_documents_dropped": n_empty},
        )
    n_unknown = _count_unknown(codes, tokenizer, label)
    return Encoded(codes, np.array(lengths, np.int64), n_empty, n_unknown, n_left_out)


def _left_out(text: str, tokenizer: Tokenizer) -> int:
    """Return how many characters of a text are in no token, white space aside."""
    n = 0
    for cut in pieces(len(text), BATCH):
        part, depth = text[cut], np.zeros(len(text[cut]) + 1, np.int64)
        with explained(f"the tokenizer {tokenizer.label} cannot encode the text"):
            offsets = tokenizer.backend.encode(part, add_special_tokens=False).offsets
        begins, ends = np.array(offsets, np.int64).reshape(-1, 2).T
        np.add.at(depth, begins, 1)
        np.add.at(depth, ends, -1)
        n += sum(not part[at].isspace() for at in np.flatnonzero(np.cumsum(depth[:-1]) == 0).tolist())
    return n


def _count_unknown(codes: Array, tokenizer: Tokenizer, label: str) -> int:
    """Return how many tokens stand for what the tokenizer does not know; refuse if all others are spaces."""
    if tokenizer.unknown is None or not (counts := histogram(codes, len(tokenizer.alphabet)))[tokenizer.unknown]:
        return 0
    known = [tokenizer.alphabet[code] for code in np.flatnonzero(counts).tolist() if code != tokenizer.unknown]
    if not any(token.strip(SPACES) for token in known):
        raise InputError(
            f"the tokenizer {tokenizer.label} knows nothing of {label}: every token is "
            f"{tokenizer.alphabet[tokenizer.unknown]!r}{' or a space' if known else ''}; it was made for other text, "
            "so name another one"
        )
    return int(counts[tokenizer.unknown])


def sequences_of(encoded: Encoded, tokenizer: Tokenizer, provenance: dict[str, Any]) -> Sequences:
    """Put codes, the vocabulary, and what is known of them together."""
    provenance |= {
        "tokenizer": tokenizer.record,
        "empty_documents_dropped": encoded.n_empty,
        "unknown_tokens": encoded.n_unknown,
    }
    if encoded.n_left_out:
        note = (
            f"the tokenizer {tokenizer.label} has no token for {encoded.n_left_out:,} characters, nor one for what is "
            "unknown: they are left out, and what stood on both sides of them is side by side"
        )
        provenance = noted(provenance | {"characters_left_out": encoded.n_left_out}, [note])
    alphabet = tokenizer.alphabet
    return Sequences(encoded.codes, offsets_of(encoded.lengths), len(alphabet), alphabet, provenance)


def _parts(text: str) -> list[str]:
    """The documents of a text; what follows the last end counts only if there is something, as in `read_text`."""
    parts = text.split(END)
    return parts[:-1] if len(parts) > 1 and not parts[-1] else parts


def _documents(texts: Iterable[str], n_ends: list[int]) -> Iterator[str]:
    """The documents of all texts; how many ends of documents each text has is put into `n_ends`."""
    for text in texts:
        n_ends.append(text.count(END))
        yield from _parts(text)


def _counted(texts: Iterable[str], total: int, progress: Progress | None) -> Iterator[str]:
    for done, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise InputError(f"text {done} is of type {type(text).__name__}, not str; leave missing ones out")
        yield text
        if progress is not None and (done % 256 == 0 or done == total):
            progress(done, max(total, done))


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch, size = list[str](), 0
    for text in texts:
        if batch and (size + len(text) > BATCH or len(batch) == BATCH_DOCUMENTS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def _encode_batch(texts: list[str], tokenizer: Tokenizer) -> Iterator[Any]:
    """The codes of each text. A longer one stands alone in its batch, so that only one is ever cut into pieces."""
    with explained(f"the tokenizer {tokenizer.label} cannot encode the text"):
        if len(texts) == 1 and len(texts[0]) > BATCH:
            yield _encode_long(texts[0], tokenizer.backend)
        else:
            for encoding in tokenizer.backend.encode_batch_fast(texts, add_special_tokens=False):
                yield encoding.ids


class Piece(NamedTuple):
    """The tokens of a piece: codes, and where in the text they begin and end."""

    codes: Array
    begins: Array
    ends: Array


def _encode_long(text: str, backend: Any) -> Any:
    """Encode overlapping pieces and join them; as a whole if two of them do not agree anywhere."""
    starts = list(range(0, max(len(text) - OVERLAP, 1), PIECE - OVERLAP))
    joined, before = [], None
    for group in pieces(len(starts), max(BATCH // PIECE, 1)):
        cuts = [text[start : start + PIECE] for start in starts[group]]
        encodings = backend.encode_batch(cuts, add_special_tokens=False)
        for start, encoding in zip(starts[group], encodings, strict=True):
            piece = _piece(encoding, start)
            if before is not None:
                at = _agreement(before, piece, start + OVERLAP // 2)
                if at is None:
                    return backend.encode(text, add_special_tokens=False).ids
                joined.append(before.codes[: at[0]])
                piece = Piece(*(part[at[1] :] for part in piece))
            before = piece
    return np.concatenate([*joined, before.codes]) if before is not None else []


def _piece(encoding: Any, start: int) -> Piece:
    offsets = np.array(encoding.offsets, np.int64).reshape(-1, 2) + start
    return Piece(np.array(encoding.ids, np.uint32), offsets[:, 0], offsets[:, 1])


def _agreement(before: Piece, after: Piece, middle: int) -> tuple[int, int] | None:
    """The first token of each from which on they are the same, beyond the middle of what they share."""
    first = int(np.searchsorted(before.begins, middle))
    for i in range(first, len(before.codes) - AGREE + 1):
        if i > first and before.begins[i] == before.begins[i - 1]:
            continue  # one of several tokens of the same character: begin at the first of them
        j = int(np.searchsorted(after.begins, before.begins[i]))
        same = (np.array_equal(x[i : i + AGREE], y[j : j + AGREE]) for x, y in zip(before, after, strict=True))
        if all(same):
            return i, j
    return None
