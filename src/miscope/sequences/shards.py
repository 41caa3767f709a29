"""A corpus in many files, each read by itself, perhaps on another machine, and what all of them have in common."""

from __future__ import annotations

import os
import re
import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from miscope.errors import InputError, MiscopeError, MiscopeWarning, NothingError
from miscope.sequences.arrays import Symbol
from miscope.sequences.codes import Array, code_dtype, histogram, recode
from miscope.sequences.container import Sequences
from miscope.sequences.numbers import Conversion
from miscope.sequences.reading import read
from miscope.sequences.remote import is_url, public
from miscope.sequences.sources import STDIN, Paths, expand, label_of

__all__ = [
    "Failure",
    "Merged",
    "Shard",
    "ShardSummary",
    "Shards",
    "is_thin",
    "merge_summaries",
    "read_shard",
    "recoded",
]

_WHOLE = ("quantiles", "volatility", "deviations")
_SIGNS = ("-", "0", "+")


@dataclass(frozen=True, eq=False, repr=False)
class Shards:
    """Files that are one corpus, to be read one by one where they are counted: on the workers of a cluster.

    What is counted is what ``miscope.read(paths, **options)`` would give, but no process ever holds all of it.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name, text in [("a.txt", "so it is"), ("b.txt", "is it so")]:
    ...     _ = (folder / name).write_text(text)
    >>> shards = Shards(folder / "*.txt", unit="word")
    >>> shards
    Shards(2 files: a.txt and 1 more)
    >>> shards.read(1).alphabet
    ('is', 'it', 'so')

    Parameters
    ----------
    paths
        A file, a glob, an address such as ``s3://corpus/part-*.parquet``, or a list of these; all of one kind. Each
        file is a shard. Paths of this machine must be paths of the workers too.
    skip_bad
        Leave out shards that cannot be read, instead of giving up; they are named in the provenance.
    **options
        Those of the reader, as `miscope.read` takes them.

    Raises
    ------
    InputError
        No file matches, standard input is among them, or an option depends on all files at once, such as quantiles.
    """

    paths: tuple[str, ...]
    options: Mapping[str, Any]
    skip_bad: bool

    def __init__(self, paths: Paths, *, skip_bad: bool = False, **options: Any) -> None:
        options.pop("progress", None)
        _refuse_whole(options)
        files = expand(paths)
        if STDIN in files:
            raise InputError("standard input cannot be read on workers: save it in files first")
        found = tuple(file if is_url(file) else str(Path(file).absolute()) for file in files)
        for name, value in (("paths", found), ("options", options), ("skip_bad", skip_bad)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        return f"Shards({len(self)} file{'' if len(self) == 1 else 's'}: {self.label})"

    @property
    def label(self) -> str:
        """What to call the data in results."""
        return str(self.options.get("label") or label_of(list(self.paths)))

    @property
    def one_document(self) -> bool:
        """Whether all files together are one document."""
        return self.options.get("documents") == "none"

    def name(self, index: int) -> str:
        """A shard's path or address, without the secrets that an address may have."""
        return public(self.paths[index])

    def read(self, index: int) -> Sequences:
        """Read one shard, as `miscope.read` does.

        Raises
        ------
        InputError
            It cannot be read, or holds real numbers.
        """
        made = read(self.paths[index], **self.options)
        if not isinstance(made, Sequences):
            raise InputError(
                f"{self.name(index)!r} holds real numbers, whose quantiles would take all shards at once: cut them at "
                "edges of your own, as_='edges:-1,0,1', or save codes of symbols"
            )
        return made


def _refuse_whole(options: Mapping[str, Any]) -> None:
    """Refuse what one shard alone cannot know."""
    as_, gaps = options.get("as_"), options.get("gaps")
    conversion = None if as_ is None else Conversion.parse(as_)
    if conversion is not None and conversion.cut in _WHOLE:
        raise InputError(
            f"as_={as_!r} depends on all shards at once, and each is read by itself: cut at edges of your own, "
            "as_='edges:-1,0,1' (a part of the data, read by itself, says in its provenance where quantiles are)"
        )
    if conversion is not None and conversion.cut == "numbers":
        raise InputError(f"as_={as_!r} gives real numbers; shards must give symbols, as with as_='edges:-1,0,1'")
    by_usual_step = gaps is None and conversion is not None and conversion.needs_numbers
    is_duration = gaps == "none" or (isinstance(gaps, str) and re.search(r"[a-z]\s*$", gaps))
    if options.get("time") is not None and (by_usual_step or (gaps is not None and not is_duration)):
        raise InputError(
            "the usual step in time depends on all shards at once: give gaps as a duration, gaps='1h', or gaps='none'"
        )


class ShardSummary(NamedTuple):
    """What the whole corpus has to know of a shard.

    Attributes
    ----------
    lengths
        int64: symbols in each document; empty if there is nothing in the shard.
    alphabet
        Its symbols in the order of its codes; or, where an alphabet without names is far larger than the shard, the
        int64 codes that occur, which the shard's own codes number; or None.
    alphabet_size
        As in `Sequences`.
    counts
        int64: how often each of the shard's own codes occurs.
    provenance
        That of the reader.
    order
        How its reader orders symbols: ``"frequency"``, ``"sorted"``, ``"signs"`` or ``"first"`` (as they come).
    digest
        Of lengths and codes: another one says that the file has changed.
    """

    lengths: Array
    alphabet: tuple[Symbol, ...] | Array | None
    alphabet_size: int
    counts: Array
    provenance: Mapping[str, Any]
    order: str
    digest: int


class Shard(NamedTuple):
    """A shard that was read: its own codes, and what the whole has to know of it."""

    codes: Array
    summary: ShardSummary


class Failure(NamedTuple):
    """A shard that could not be read: its name, and why."""

    name: str
    reason: str


def read_shard(index: int, shards: Shards) -> Shard | Failure:
    """Read a shard where this runs; what goes wrong is returned, with the name of the machine."""
    import socket

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MiscopeWarning)  # what is so of all shards is said of the corpus
            made = shards.read(index)
    except NothingError as error:
        return _empty(shards, index, error.provenance)
    except (MiscopeError, OSError, MemoryError) as error:
        reason = str(error) or type(error).__name__
        return Failure(shards.name(index), f"on host {socket.gethostname()}: {reason}")
    codes, size = made.codes, made.alphabet_size
    known: tuple[Symbol, ...] | Array | None = made.alphabet
    if known is None and is_thin(size, len(codes)):
        known, codes = np.unique(codes, return_inverse=True)
        known, codes = known.astype(np.int64), codes.astype(np.uint32)
    n_kinds = size if known is None else len(known)
    digest = zlib.crc32(np.ascontiguousarray(codes).data, zlib.crc32(made.lengths.astype(np.int64).data))
    order = _order_of(made.provenance, shards.paths[index])
    counts = histogram(codes, n_kinds)
    return Shard(codes, ShardSummary(made.lengths, known, size, counts, made.provenance, order, digest))


def is_thin(alphabet_size: int, n_symbols: int) -> bool:
    """Whether an alphabet is far larger than the data (hashes, say), so that only what occurs should be numbered."""
    return alphabet_size > 2**16 and alphabet_size > 4 * n_symbols


def _empty(shards: Shards, index: int, said: Mapping[str, Any]) -> Shard:
    """A shard without symbols, of which its reader says so much all the same."""
    provenance = {**said, "sources": [{"name": shards.name(index)}]}
    nothing = np.zeros(0, np.int64)
    return Shard(np.zeros(0, np.uint8), ShardSummary(nothing, None, 0, nothing, provenance, "first", 0))


def _order_of(provenance: Mapping[str, Any], path: str) -> str:
    """How the reader of a file orders symbols; where sequences were only opened, their provenance is another file's."""
    sources = provenance.get("sources") or []
    if not sources or os.path.basename(str(sources[0].get("name"))) != os.path.basename(public(path)):  # noqa: PTH119
        return "first"
    unit, reader = provenance.get("unit"), provenance.get("reader")
    if reader not in ("read_text", "read_table"):
        return "first"
    if unit in ("word", "token"):
        return "frequency"
    if str(provenance.get("as", "")).endswith("sign"):
        return "signs"
    return "first" if unit == "byte" else "sorted"


class Merged(NamedTuple):
    """Shards put together, but for their codes.

    Attributes
    ----------
    lengths
        int64: symbols in each document of the corpus.
    alphabet, alphabet_size
        Those of the corpus.
    symbols
        int64: the codes of the corpus that occur, ascending.
    n_counted
        Symbols of the alphabet that is counted: the corpus's own, or, if `is_compact`, only those that occur.
    is_compact
        Whether codes are numbers in `symbols`.
    tables
        For each shard the code that is counted, for each of its own; None where they are the same.
    counts
        int64, shape (n_counted,): how often each occurs.
    provenance
        That of the corpus.
    """

    lengths: Array
    alphabet: tuple[Symbol, ...] | None
    alphabet_size: int
    symbols: Array
    n_counted: int
    is_compact: bool
    tables: list[Array | None]
    counts: Array
    provenance: dict[str, Any]


def merge_summaries(shards: Shards, summaries: Sequence[ShardSummary], skipped: Sequence[Failure] = ()) -> Merged:
    """Put shards together as one reader over all files would.

    Bytes keep their 256 symbols; characters, and symbols of tables, are sorted; words are numbered by falling frequency
    over all shards, equally frequent ones alphabetically; all others keep the order in which they come, as
    `Sequences.concatenate` has it. Without an alphabet the largest size counts.

    Parameters
    ----------
    shards
        The files, for their names and options.
    summaries
        Those of the shards that were read, in order.
    skipped
        The others.

    Raises
    ------
    InputError
        There is nothing in any shard, or they do not go together.
    """
    full = [summary for summary in summaries if len(summary.lengths)]
    if not full:
        raise InputError(
            f"there is not one symbol in {shards.label}: all {len(summaries)} shards that were read are empty"
        )
    lengths = np.concatenate([summary.lengths for summary in full])
    n = int(lengths.sum())
    if shards.one_document:
        lengths = np.array([n])
    named = [isinstance(summary.alphabet, tuple) for summary in full]
    if any(named) != all(named):
        raise InputError("some shards have an alphabet and some have not; give all of them one, or none")
    alphabet = _merged_alphabet(full) if named[0] else None
    size = max(summary.alphabet_size for summary in full) if alphabet is None else len(alphabet)
    codes = [_corpus_codes(summary, alphabet) for summary in full]
    is_compact = is_thin(size, n)
    if is_compact:
        present = [own[summary.counts > 0] for own, summary in zip(codes, full, strict=True)]
        symbols = np.unique(np.concatenate(present))
        tables = [np.minimum(np.searchsorted(symbols, own), len(symbols) - 1) for own in codes]
    else:
        tables = codes
    counts = np.zeros(len(symbols) if is_compact else size, np.int64)
    for table, summary in zip(tables, full, strict=True):
        np.add.at(counts, table, summary.counts)  # a thin alphabet's absent symbols are added as 0
    if not is_compact:
        symbols = np.flatnonzero(counts)
    dtype = code_dtype(len(counts))
    made = iter([_table(table, dtype) for table in tables])
    of_all = [next(made) if len(summary.lengths) else None for summary in summaries]
    provenance = _provenance(shards, summaries, full, skipped)
    return Merged(lengths, alphabet, size, symbols, len(counts), is_compact, of_all, counts, provenance)


def recoded(shard: Shard | Failure, table: Array | None, digest: int, n_counted: int, name: str) -> Array:
    """The codes of a shard as they are counted, after making sure that it is what was summarised.

    Raises
    ------
    InputError
        The shard is not the same any more, or cannot be read any more.
    """
    if isinstance(shard, Failure):
        raise InputError(f"cannot read the shard {name!r} again, {shard.reason}")
    if shard.summary.digest != digest:
        raise InputError(f"the shard {name!r} was changed while it was counted: count again when nobody writes to it")
    if table is None:
        return shard.codes.astype(code_dtype(n_counted), copy=False)
    return recode(shard.codes, table)


def _table(table: Array, dtype: np.dtype[Any]) -> Array | None:
    return None if np.array_equal(table, np.arange(len(table))) else table.astype(dtype)


def _corpus_codes(summary: ShardSummary, alphabet: tuple[Symbol, ...] | None) -> Array:
    """The corpus's code of each of a shard's own."""
    if alphabet is None:
        known = summary.alphabet
        return np.arange(summary.alphabet_size) if known is None else np.asarray(known)
    if summary.alphabet == alphabet:
        return np.arange(len(alphabet))
    assert isinstance(summary.alphabet, tuple)
    index = {symbol: code for code, symbol in enumerate(alphabet)}
    return np.array([index[symbol] for symbol in summary.alphabet], np.int64)


def _merged_alphabet(full: Sequence[ShardSummary]) -> tuple[Symbol, ...]:
    alphabets = [summary.alphabet for summary in full]
    first = alphabets[0]
    assert isinstance(first, tuple)
    if all(alphabet == first for alphabet in alphabets):
        return first
    total: dict[Symbol, int] = {}
    for summary in full:
        assert isinstance(summary.alphabet, tuple)
        for symbol, count in zip(summary.alphabet, summary.counts.tolist(), strict=True):
            total[symbol] = total.get(symbol, 0) + count
    order = full[0].order
    if order == "signs":
        return tuple(sign for sign in _SIGNS if sign in total)
    if order == "first":
        return tuple(total)
    if len({isinstance(symbol, str) for symbol in total}) > 1:
        raise InputError(
            "some shards hold whole numbers, and others text, so that their symbols are not the same: make the column "
            "of one kind in all files"
        )
    ordered = sorted(total)
    return tuple(ordered if order == "sorted" else sorted(ordered, key=lambda symbol: -total[symbol]))


def _provenance(
    shards: Shards, summaries: Sequence[ShardSummary], full: Sequence[ShardSummary], skipped: Sequence[Failure]
) -> dict[str, Any]:
    """What all shards' provenance says alike, with their sources one behind the other."""
    first, *others = [summary.provenance for summary in full]
    alike = {name: said for name, said in first.items() if all(other.get(name) == said for other in others)}
    every = [summary.provenance for summary in summaries]
    found: dict[str, Any] = {**alike, "label": shards.label, "shards": len(summaries)}
    if any("empty_documents_dropped" in said for said in every):
        found["empty_documents_dropped"] = sum(said.get("empty_documents_dropped", 0) for said in every)
    found.pop("notes", None)
    notes = [note for note in first.get("notes", ()) if all(note in other.get("notes", ()) for other in others)]
    if notes := [note for note in notes if all(note in said.get("notes", notes) for said in every)]:
        found["notes"] = notes
    found["sources"] = [source for said in every for source in said.get("sources", [])]
    if skipped:
        found["shards_skipped"] = [{"name": failure.name, "reason": failure.reason} for failure in skipped]
    return found
