"""What counting leaves behind: fingerprints (small, for estimators) or the counts (for adding and looking)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from miscope.counting.counted import CorpusSummary
from miscope.counting.fingerprint import FingerprintArray
from miscope.counting.merging import add_cells, cell_fingerprints, recoded
from miscope.counting.tally import Cells, LagFingerprints
from miscope.digests import made_sure
from miscope.errors import InputError

__all__ = ["Fingerprints", "PairCounts"]


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """Fingerprints of the pair counts of several lags: all that an entropy estimator needs.

    Attributes
    ----------
    lags
        int64, shape (n_lags,).
    joint, left, right
        Fingerprints of pairs, of left and of right symbols: ``n_lags * (n_blocks + 1)`` histograms each, lag by lag;
        for every lag first the whole, then with each block left out.
    block_pairs
        int64, shape (n_lags, max(n_blocks, 1)): pairs in each block; the sum over blocks is the number of pairs.
    n_blocks
        Number of blocks, 0 for none.
    n_symbols_seen
        How many different symbols the whole corpus holds.
    """

    lags: np.ndarray
    joint: FingerprintArray
    left: FingerprintArray
    right: FingerprintArray
    block_pairs: np.ndarray
    n_blocks: int
    n_symbols_seen: int

    @classmethod
    def from_lags(cls, lags: np.ndarray, parts: list[LagFingerprints], n_symbols_seen: int) -> Fingerprints:
        """Put the results of single lags, or of several at a time, together."""
        joint = FingerprintArray.concatenate([part.joint for part in parts])
        left = FingerprintArray.concatenate([part.left for part in parts])
        right = FingerprintArray.concatenate([part.right for part in parts])
        block_pairs = np.concatenate([np.atleast_2d(part.block_pairs) for part in parts])
        return cls(lags, joint, left, right, block_pairs, len(joint) // len(lags) - 1, n_symbols_seen)

    @property
    def n_pairs(self) -> np.ndarray:
        """Pairs at each lag, int64, shape (n_lags,)."""
        return np.asarray(self.block_pairs.sum(axis=1))

    def __repr__(self) -> str:
        most = self.n_pairs.max(initial=0)
        return f"Fingerprints({len(self.lags)} lags, {self.n_blocks} blocks, {most:,} pairs at most)"


@made_sure("keys", "counts")
@dataclass(frozen=True, eq=False)
class PairCounts:
    """How often each pair of symbols stands at each lag, block by block. Counts add: ``a + b`` counts both corpora.

    Attributes
    ----------
    lags
        int64, shape (n_lags,).
    n_blocks
        Number of blocks, 0 for none.
    alphabet_size
        Number of symbols K.
    offsets
        int64: the cells of lag ``i`` and block ``j`` are ``offsets[i * max(n_blocks, 1) + j]`` up to the next.
    keys
        int64: ``left * alphabet_size + right``, ascending inside a lag and block.
    counts
        int64, at least 1.
    alphabet
        The symbols, or None.
    corpus
        What else is known of what was counted: documents, symbols, provenance. None if nothing is.

    Examples
    --------
    >>> import miscope as ms
    >>> counts = ms.count_pairs(ms.Sequences.from_arrays([0, 1, 0, 1, 1]), lags=[1], blocks=0)
    >>> counts.table(1)
    array([[0, 2],
           [1, 1]])
    >>> (counts + counts).table(1)
    array([[0, 4],
           [2, 2]])
    """

    lags: np.ndarray
    n_blocks: int
    alphabet_size: int
    offsets: np.ndarray
    keys: np.ndarray
    counts: np.ndarray
    alphabet: tuple[Any, ...] | None = None
    corpus: CorpusSummary | None = None

    @classmethod
    def from_lags(
        cls,
        lags: np.ndarray,
        parts: list[Cells],
        n_blocks: int,
        alphabet_size: int,
        alphabet: tuple[Any, ...] | None,
        corpus: CorpusSummary | None = None,
    ) -> PairCounts:
        """Put the results of single lags together."""
        sizes = np.concatenate([np.diff(part.offsets) for part in parts])
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        keys = np.concatenate([part.keys for part in parts])
        counts = np.concatenate([part.counts for part in parts])
        return cls(lags, n_blocks, alphabet_size, offsets, keys, counts, alphabet, corpus)

    @property
    def n_pairs(self) -> np.ndarray:
        """Pairs at each lag, int64, shape (n_lags,)."""
        return np.array([self.cells(i).counts.sum() for i in range(len(self.lags))], dtype=np.int64)

    def cells(self, index: int) -> Cells:
        """The cells of the lag with this index, block by block."""
        width = max(self.n_blocks, 1)
        offsets = self.offsets[index * width : (index + 1) * width + 1]
        part = slice(offsets[0], offsets[-1])
        return Cells(offsets - offsets[0], self.keys[part], self.counts[part])

    def table(self, lag: int) -> np.ndarray:
        """All blocks together at one lag: int64, shape (alphabet_size, alphabet_size), left symbols in rows."""
        at = np.flatnonzero(self.lags == lag)
        if at.size == 0:
            raise InputError(f"lag {lag} was not counted; there are {self.lags.tolist()}")
        if self.alphabet_size > 20_000:
            raise InputError(f"a table of {self.alphabet_size:,} x {self.alphabet_size:,} is too large: use cells()")
        cells = self.cells(int(at[0]))
        table = np.zeros(self.alphabet_size**2, np.int64)
        np.add.at(table, cells.keys, cells.counts)
        return table.reshape(self.alphabet_size, self.alphabet_size)

    def fingerprints(self) -> Fingerprints:
        """The fingerprints of these counts, whole and with each block left out."""
        parts = [cell_fingerprints(self.cells(i), self.alphabet_size, self.n_blocks) for i in range(len(self.lags))]
        return Fingerprints.from_lags(self.lags, parts, self.n_symbols_seen)

    @property
    def n_symbols_seen(self) -> int:
        """How many different symbols the corpus holds; if it is not known, how many stand in any pair."""
        return len(self.symbols)

    @property
    def symbols(self) -> np.ndarray:
        """The codes that occur, ascending."""
        if self.corpus is not None and self.corpus.histogram is not None:
            return np.flatnonzero(self.corpus.histogram)
        keys = np.unique(self.keys)
        return np.union1d(keys // self.alphabet_size, keys % self.alphabet_size)

    def __add__(self, other: PairCounts) -> PairCounts:
        """Counts of both corpora, block added to block, at the same lags and with as many blocks.

        Alphabets may differ: symbols that only the other has come after those of the first.
        """
        if not isinstance(other, PairCounts):
            return NotImplemented
        if self.n_blocks != other.n_blocks:
            raise InputError(
                f"cannot add counts with different n_blocks, {self.n_blocks} and {other.n_blocks}; count both alike"
            )
        if not np.array_equal(self.lags, other.lags):
            raise InputError("cannot add counts at different lags; count both corpora at the same lags")
        one, two = _together(self, other)
        parts = [add_cells([one.cells(i), two.cells(i)]) for i in range(len(self.lags))]
        corpus = None if one.corpus is None or two.corpus is None else one.corpus + two.corpus
        return PairCounts.from_lags(self.lags, parts, self.n_blocks, one.alphabet_size, one.alphabet, corpus)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PairCounts):
            return NotImplemented
        plain = (self.n_blocks, self.alphabet_size, self.alphabet) == (
            other.n_blocks,
            other.alphabet_size,
            other.alphabet,
        )
        arrays = ("lags", "offsets", "keys", "counts")
        return plain and all(np.array_equal(getattr(self, name), getattr(other, name)) for name in arrays)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"PairCounts({len(self.lags)} lags, {self.n_blocks} blocks, {self.alphabet_size} symbols, "
            f"{len(self.keys):,} cells, {self.n_pairs.max(initial=0):,} pairs at most)"
        )

    def save(self, path: str | Path) -> None:
        """Write an Arrow file (written whole, then renamed into place)."""
        from miscope.counting.pair_files import save

        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> PairCounts:
        """Read what `save` wrote, memory-mapped; the digest of keys and counts is checked when they are first wanted.

        Raises
        ------
        FormatError
            If the file was changed after it was written, is truncated, damaged, something else, or of another version.
        """
        from miscope.counting.pair_files import load

        return load(path)


def _together(one: PairCounts, other: PairCounts) -> tuple[PairCounts, PairCounts]:
    """The same counts with the codes of one alphabet: that of the first, then what only the second has."""
    if one.alphabet == other.alphabet and one.alphabet_size == other.alphabet_size:
        return one, other
    if (one.alphabet is None) != (other.alphabet is None):
        raise InputError(
            "cannot add counts of symbols with names to counts of plain codes; give both or none an alphabet"
        )
    if one.alphabet is None or other.alphabet is None:
        size = max(one.alphabet_size, other.alphabet_size)
        return tuple(_with_codes(each, np.arange(each.alphabet_size), size, None) for each in (one, other))  # type: ignore[return-value]
    known = {symbol: code for code, symbol in enumerate(one.alphabet)}
    alphabet = (*one.alphabet, *(symbol for symbol in other.alphabet if symbol not in known))
    code = {symbol: code for code, symbol in enumerate(alphabet)}
    tables = [np.array([code[symbol] for symbol in each.alphabet or ()], dtype=np.int64) for each in (one, other)]
    return (
        _with_codes(one, tables[0], len(alphabet), alphabet),
        _with_codes(other, tables[1], len(alphabet), alphabet),
    )


def _with_codes(counts: PairCounts, table: np.ndarray, size: int, alphabet: tuple[Any, ...] | None) -> PairCounts:
    parts = [recoded(counts.cells(i), table, counts.alphabet_size, size) for i in range(len(counts.lags))]
    corpus = counts.corpus
    if corpus is not None:
        histogram = None
        if corpus.histogram is not None:
            histogram = np.zeros(size, np.int64)
            histogram[table] = corpus.histogram
        corpus = dataclasses.replace(corpus, alphabet_size=size, alphabet=alphabet, histogram=histogram)
    return PairCounts.from_lags(counts.lags, parts, counts.n_blocks, size, alphabet, corpus)
