"""What is compared, and in what units: the parts of a corpus, and the documents or blocks that may change places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miscope.errors import InputError
from miscope.sequences import Sequences, Series
from miscope.sequences.in_memory import as_sequences, data_of
from miscope.sequences.together import apart, joined
from miscope.sequences.two_readings import UnclearError

__all__ = ["Origin", "Units", "as_parts", "cut_units", "symbol_words"]

Ints = NDArray[np.int64]

_MOST_UNITS = 512
_LEAST_UNITS = 6  # of a part, below which documents are cut into pieces
_FEW_UNITS = 12  # of a part, below which a test sees only large differences
_UNEQUAL = 2.0  # ratio of sizes from which units of like size change places only with one another
_N_STRATA = 4
_SHOWN = 60  # characters of a document that name it


@dataclass(frozen=True)
class Origin:
    """Where a part's documents come from.

    Attributes
    ----------
    provenance, n_documents
        Of the corpus that was read, and how many documents it has.
    before, skipped
        How many of its documents come before the part, and how many symbols of the part's first document do, where a
        document was cut.
    """

    provenance: Mapping[str, Any]
    n_documents: int
    before: int
    skipped: int = 0

    def file_of(self, document: int) -> str:
        """The file that a document of the part was read from, "" where that is not known."""
        sources = self.provenance.get("sources")
        if not isinstance(sources, list) or not sources:
            return ""
        if len(sources) > 1 and len(sources) != self.n_documents:
            return ""
        record = sources[0 if len(sources) == 1 else self.before + document]
        return str(record.get("name", "")) if isinstance(record, Mapping) else ""

    def place_of(self, document: int, first: int = 0) -> str:
        """Where a document of the part, or its symbol `first`, stands: line, row or record; "" where that is not known.

        The price before a return is what counts as its row.
        """
        at, about = self.before + document, self.provenance
        names = about.get("documents")
        if isinstance(names, list) and len(names) == self.n_documents:
            name = str(names[at]).removeprefix(self.file_of(document)).removeprefix(", ")
            before, found, row = name.rpartition("from row ")
            if not first or not found or not row.isdecimal():
                return name
            whole = not (about.get("missing") or {}).get("dropped", 0)
            return f"{before}{found}{int(row) + first}" if whole else name
        reader, dropped = about.get("reader"), about.get("empty_documents_dropped", 0)
        if dropped or about.get("missing_documents_dropped", 0) or "part" in about:
            return ""  # those that were left out, or put in another order, are not counted
        if reader in ("read_text", "read_tokens") and names == "line" and len(about.get("sources", ())) == 1:
            return f"line {at + 1:,}"
        if reader == "read_hub":
            return f"{about.get('name', '')} {about.get('split', '')}, row {at:,}".strip()
        return ""


@dataclass(frozen=True, eq=False)
class Units:
    """What is exchangeable: documents, groups of neighbouring ones, or pieces of long ones.

    Attributes
    ----------
    corpus
        All parts behind one another, with one alphabet.
    names
        Of the parts.
    first_documents
        int64, shape (n_parts + 1,): where the documents of each part begin in `corpus`.
    bounds
        int64, shape (n_units + 1,): unit u is the positions ``bounds[u] <= t < bounds[u + 1]``.
    part
        int64, shape (n_units,): whose part each unit is.
    stratum
        int64, shape (n_units,): units change places inside a stratum, which holds units of like size.
    kind
        ``"document"``, ``"group"`` or ``"piece"``.
    warnings
        What a reader has to know of them.
    origins
        Where the documents of each part come from.
    """

    corpus: Sequences
    names: tuple[str, ...]
    first_documents: Ints
    bounds: Ints
    part: Ints
    stratum: Ints
    kind: str
    warnings: tuple[str, ...]
    origins: tuple[Origin, ...]

    @property
    def n_parts(self) -> int:
        """Number of parts."""
        return len(self.names)

    @property
    def sizes(self) -> Ints:
        """Symbols in each unit, shape (n_units,)."""
        return np.diff(self.bounds)

    @property
    def words(self) -> str:
        """What is exchangeable, in words."""
        size = int(np.median(self.sizes))
        what = {
            "document": f"documents (about {size:,} symbols each)",
            "group": f"groups of neighbouring documents, about {size:,} symbols each",
            "piece": f"pieces of about {size:,} neighbouring symbols, cut from long documents",
        }[self.kind]
        counts = np.bincount(self.part, minlength=self.n_parts)
        each = f"{counts[0]:,} in each part"
        if len(set(counts.tolist())) > 1:
            each = ", ".join(f"{name} {count:,}" for name, count in zip(self.names, counts, strict=True))
        strata = len(np.unique(self.stratum))
        alike = f"; only those of like size change places ({strata} classes of size)" if strata > 1 else ""
        return f"{what}: {each}{alike}"

    def sequences(self, part: int) -> Sequences:
        """One part, with the common alphabet."""
        first, last = self.first_documents[part : part + 2]
        return self.documents(int(first), int(last), self.names[part])

    def documents(self, first: int, last: int, label: str) -> Sequences:
        """Neighbouring documents of the corpus."""
        offsets = self.corpus.offsets[first : last + 1]
        codes = self.corpus.codes[offsets[0] : offsets[-1]]
        about = {"label": label}
        return Sequences(codes, offsets - offsets[0], self.corpus.alphabet_size, self.corpus.alphabet, about)

    def documents_of(self, unit: int) -> Ints:
        """Which documents of the corpus a unit holds, whole or in part."""
        start, stop = self.bounds[unit : unit + 2]
        first = np.searchsorted(self.corpus.offsets, start, side="right") - 1
        last = np.searchsorted(self.corpus.offsets, stop, side="left")
        kept = np.arange(first, last)
        return kept[np.diff(self.corpus.offsets)[kept] > 0]

    def shown(self, start: int, stop: int) -> str:
        """The first symbols from a position on, as text of up to 60 characters."""
        some = [int(code) for code in self.corpus.codes[start : min(stop, start + _SHOWN)]]
        words = symbol_words(self.corpus, some)
        text = ("" if all(len(word) == 1 for word in words) else " ").join(words)
        text = " ".join(text.split()) if text.strip() else text
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def symbol_words(sequences: Sequences, codes: list[int]) -> list[str]:
    """The symbols of these codes as text: those of the alphabet, or the codes themselves."""
    if sequences.alphabet is None:
        return [str(code) for code in codes]
    return [str(sequences.alphabet[code]) for code in codes]


def as_parts(parts: Any, names: Any, segments: int) -> tuple[list[Sequences], tuple[str, ...], tuple[Origin, ...]]:
    """The parts that a user hands over, or the segments of one; their names, and where they come from."""
    if isinstance(parts, Mapping):
        if names is not None:
            raise InputError("the parts have names already, as keys: leave names out")
        names, parts = [str(key) for key in parts], list(parts.values())
        parts = [_part(name, part) for name, part in zip(names, parts, strict=True)]
    elif isinstance(parts, list | tuple) and any(isinstance(part, Sequences | Series) for part in parts):
        parts = [_part(k, part) for k, part in enumerate(parts, 1)]
    elif not isinstance(parts, list | tuple) or parts:
        parts = [_whole(parts)]
    if not parts:
        raise InputError("there are no parts to compare: pass two or more Sequences, or one to be cut into segments")
    parts = _of_one_alphabet(parts)
    for k, part in enumerate(parts):
        if part.n_symbols == 0:
            raise InputError(f"part {k + 1} of {len(parts)} is empty: leave it out")
        if part.longest < 2:
            raise InputError(f"part {k + 1} of {len(parts)} has no document with two symbols: there are no pairs in it")
    if len(parts) == 1:
        if names is not None:
            raise InputError("names are for several parts; segments of one corpus are numbered")
        return _segments(parts[0], segments)
    origins = tuple(Origin(part.provenance, part.n_documents, 0) for part in parts)
    return list(parts), _names(list(parts), names), origins


def _part(name: Any, given: Any) -> Sequences | Series:
    """One of several parts; an error says which."""
    try:
        return data_of(given)
    except InputError as error:
        raise InputError(f"part {name}: {error}") from error


def _whole(given: Any) -> Sequences | Series:
    """One corpus, of what is no `Sequences`; several documents in a list might be several parts just as well."""
    made = data_of(given)
    if isinstance(given, list | tuple) and len(given) > 1 and made.n_documents > 1:
        raise UnclearError(
            f"the list of {len(given):,} may be so many parts, or one corpus of so many documents: for parts pass a "
            "mapping of their names, {'train': …, 'test': …}, for documents of one corpus Sequences.from_arrays(data)"
        )
    return made


def _of_one_alphabet(parts: list[Sequences | Series]) -> list[Sequences]:
    """Real numbers cut where all of them together are to be cut: at quantiles of its own each part would look alike."""
    series = [part for part in parts if isinstance(part, Series)]
    if not series:
        return [part for part in parts if isinstance(part, Sequences)]
    if len(series) < len(parts):
        raise InputError(
            "some parts are symbols and others real numbers: cut the numbers into the same symbols first, "
            "series.quantise(4)"
        )
    return apart(as_sequences(joined(series)), series)


def _segments(sequences: Sequences, segments: int) -> tuple[list[Sequences], tuple[str, ...], tuple[Origin, ...]]:
    """Equal segments of one corpus: of whole documents where these are enough."""
    if segments < 2:
        raise InputError(f"one corpus is compared with itself in 2 segments or more, not {segments}")
    if sequences.n_symbols < 8 * segments:
        raise InputError(f"{sequences.n_symbols} symbols are too few for {segments} segments: take fewer, or more data")
    by = "documents" if sequences.n_documents >= 2 * segments else "symbols"
    try:
        cut = sequences.split(segments, by=by)
    except InputError:  # documents of very unequal lengths
        cut = sequences.split(segments, by="symbols")
    starts = np.cumsum([0, *(part.n_symbols for part in cut[:-1])])
    before = np.searchsorted(sequences.offsets, starts, side="right") - 1
    origins = tuple(
        Origin(sequences.provenance, sequences.n_documents, int(first), int(start - sequences.offsets[first]))
        for first, start in zip(before, starts, strict=True)
    )
    return list(cut), tuple(f"segment {k}" for k in range(1, segments + 1)), origins


def _names(parts: list[Sequences], names: Any) -> tuple[str, ...]:
    if names is None:
        labels = [str(part.provenance.get("label") or f"part {k}") for k, part in enumerate(parts, 1)]
        repeated = len(set(labels)) < len(labels)
        return tuple(f"part {k}" for k in range(1, len(parts) + 1)) if repeated else tuple(labels)
    if isinstance(names, str) or len(names := [str(name) for name in names]) != len(parts):
        raise InputError(f"names must be a list of {len(parts)}, one for each part")
    if len(set(names)) < len(names):
        raise InputError(f"two parts have the same name: {', '.join(names)}")
    return tuple(names)


def cut_units(
    parts: list[Sequences], names: tuple[str, ...], blocks: int, origins: tuple[Origin, ...], times: int = 1
) -> Units:
    """Put the parts behind one another, and cut them into what may change places.

    Documents where there are at least six of them in each part; neighbouring ones together where they are more than
    512; pieces where there are fewer than six, so many that the smallest part has `blocks`. With `times` each unit is
    as large as so many of these.
    """
    corpus = Sequences.concatenate(parts)
    first = np.concatenate([[0], np.cumsum([part.n_documents for part in parts])]).astype(np.int64)
    filled = np.array([int(np.count_nonzero(part.lengths)) for part in parts])
    symbols = np.array([part.n_symbols for part in parts])
    cuttable = max(2, min(blocks, int(symbols.min()) // 2))
    if filled.min() < _LEAST_UNITS:
        kind, size = "piece", times * max(symbols.min() / cuttable, symbols.sum() / (2 * _MOST_UNITS))
    elif filled.sum() <= _MOST_UNITS and times == 1:
        kind, size = "document", 0.0
    else:
        kind = "group"
        least = max(symbols.sum() / min(_MOST_UNITS, filled.sum()), symbols.min() / filled.min())
        size = min(times * least, symbols.min() / _LEAST_UNITS)
    bounds, part = [np.zeros(1, np.int64)], []
    for k in range(len(parts)):
        start, stop = corpus.offsets[first[k]], corpus.offsets[first[k + 1]]
        n = max(2, round(float(stop - start) / size)) if size else 0
        inner = _inner_bounds(corpus.offsets[first[k] : first[k + 1] + 1], n, kind)
        bounds.append(np.append(inner, stop))
        part += [k] * (len(inner) + 1)
    every, owner = np.concatenate(bounds), np.array(part, np.int64)
    stratum, uneven = _strata(np.diff(every), owner)
    notes = (*_advice(kind, filled, np.bincount(owner), names, float(np.median(np.diff(every)))), *uneven)
    return Units(corpus, names, first, every, owner, stratum, kind, notes, origins)


def _inner_bounds(offsets: Ints, n: int, kind: str) -> Ints:
    """Borders between the units of one part, without its ends."""
    start, stop = offsets[0], offsets[-1]
    if kind == "document":
        borders = np.unique(offsets)
        return np.asarray(borders[(borders > start) & (borders < stop)])
    ideal = start + np.arange(1, n, dtype=np.int64) * (stop - start) // n
    above = np.searchsorted(offsets, ideal)
    below = np.maximum(above - 1, 0)
    nearest = np.where(ideal - offsets[below] <= offsets[above] - ideal, offsets[below], offsets[above])
    if kind == "piece":
        nearest = np.where(np.abs(nearest - ideal) * 2 * n < stop - start, nearest, ideal)
    borders = np.unique(nearest)
    return np.asarray(borders[(borders > start) & (borders < stop)])


def _strata(sizes: Ints, part: Ints) -> tuple[Ints, tuple[str, ...]]:
    """Classes of like size, if sizes differ much and each class holds units of several parts."""
    one = np.zeros(len(sizes), np.int64)
    low, high = np.quantile(sizes, [0.05, 0.95])
    if high <= _UNEQUAL * low:
        return one, ()
    edges = np.unique(np.quantile(sizes, np.arange(1, _N_STRATA) / _N_STRATA))
    stratum = np.searchsorted(edges, sizes, side="right").astype(np.int64)
    table = np.zeros((stratum.max() + 1, part.max() + 1), np.int64)
    np.add.at(table, (stratum, part), 1)
    free = (table > 0).sum(axis=1) > 1
    if np.all(table[free].sum(axis=0) * 2 > table.sum(axis=0)):
        return stratum, ()
    return one, (
        "the units of some parts are much larger than those of others: that alone can make parts look different",
    )


def _advice(kind: str, filled: Ints, n_units: Ints, names: tuple[str, ...], size: float) -> tuple[str, ...]:
    notes = []
    few = names[int(np.argmin(filled))]
    if kind == "piece":
        notes.append(
            f"{few} has only {filled.min()} document{'s' if filled.min() > 1 else ''}, so pieces of about {size:,.0f} "
            "symbols are taken for exchangeable: whether parts differ by more than their pieces do is what is "
            "tested; if the text drifts over lengths beyond a piece, that is a difference too"
        )
    least = int(n_units.min())
    if least < _FEW_UNITS:
        short = names[int(np.argmin(n_units))]
        notes.append(f"{short} has only {least} units that may change places: only large differences can be seen")
    return tuple(notes)
