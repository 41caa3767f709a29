"""What counting leaves behind: fingerprints (small, for estimators) or the counts (for adding and looking)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from miscope.atomic import atomic_path
from miscope.counting.fingerprint import FingerprintArray
from miscope.counting.tally import Cells, LagFingerprints
from miscope.errors import FormatError, InputError

__all__ = ["Fingerprints", "PairCounts", "cell_fingerprints"]

_FORMAT = "miscope.pair_counts"
_VERSION = 1


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
        """Put the results of single lags together."""
        joint = FingerprintArray.concatenate([part.joint for part in parts])
        left = FingerprintArray.concatenate([part.left for part in parts])
        right = FingerprintArray.concatenate([part.right for part in parts])
        block_pairs = np.stack([part.block_pairs for part in parts])
        return cls(lags, joint, left, right, block_pairs, len(parts[0].joint) - 1, n_symbols_seen)

    @property
    def n_pairs(self) -> np.ndarray:
        """Pairs at each lag, int64, shape (n_lags,)."""
        return np.asarray(self.block_pairs.sum(axis=1))

    def __repr__(self) -> str:
        most = self.n_pairs.max(initial=0)
        return f"Fingerprints({len(self.lags)} lags, {self.n_blocks} blocks, {most:,} pairs at most)"


def cell_fingerprints(cells: Cells, alphabet_size: int, n_blocks: int) -> LagFingerprints:
    """Fingerprints of the counts of one lag: sorted cells, block by block."""
    block = np.repeat(np.arange(len(cells.offsets) - 1), np.diff(cells.offsets))
    joint = _ragged_tally(cells.keys, block, cells.counts, n_blocks)
    left = _ragged_tally(cells.keys // alphabet_size, block, cells.counts, n_blocks)
    right = _ragged_tally(cells.keys % alphabet_size, block, cells.counts, n_blocks)
    block_pairs = np.zeros(len(cells.offsets) - 1, np.int64)
    np.add.at(block_pairs, block, cells.counts)
    return LagFingerprints(joint, left, right, block_pairs)


def _ragged_tally(keys: np.ndarray, block: np.ndarray, counts: np.ndarray, n_blocks: int) -> FingerprintArray:
    """Fingerprints, whole and with each block left out, of (key, block, count) triples in any order."""
    cell_keys, cell = np.unique(keys, return_inverse=True)
    total = np.bincount(cell, counts, len(cell_keys)).astype(np.int64) if len(keys) else np.zeros(0, np.int64)
    histograms = [total]
    for j in range(n_blocks):
        mine = block == j
        histograms.append(total - np.bincount(cell[mine], counts[mine], len(cell_keys)).astype(np.int64))
    return FingerprintArray.from_counts(histograms)


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

    @classmethod
    def from_lags(
        cls, lags: np.ndarray, parts: list[Cells], n_blocks: int, alphabet_size: int, alphabet: tuple[Any, ...] | None
    ) -> PairCounts:
        """Put the results of single lags together."""
        sizes = np.concatenate([np.diff(part.offsets) for part in parts])
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        keys = np.concatenate([part.keys for part in parts])
        counts = np.concatenate([part.counts for part in parts])
        return cls(lags, n_blocks, alphabet_size, offsets, keys, counts, alphabet)

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
        """How many different symbols stand in any pair."""
        keys = np.unique(self.keys)
        return len(np.union1d(keys // self.alphabet_size, keys % self.alphabet_size))

    def __add__(self, other: PairCounts) -> PairCounts:
        """Counts of both corpora, block added to block; lags, blocks and alphabets must be the same."""
        if not isinstance(other, PairCounts):
            return NotImplemented
        for name in ("n_blocks", "alphabet_size", "alphabet"):
            if getattr(self, name) != getattr(other, name):
                raise InputError(f"cannot add counts with different {name}; count both corpora the same way")
        if not np.array_equal(self.lags, other.lags):
            raise InputError("cannot add counts at different lags; count both corpora at the same lags")
        parts = [_add_cells(self.cells(i), other.cells(i)) for i in range(len(self.lags))]
        return PairCounts.from_lags(self.lags, parts, self.n_blocks, self.alphabet_size, self.alphabet)

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
        import pyarrow as pa

        about = {
            "format": _FORMAT,
            "version": _VERSION,
            "lags": self.lags.tolist(),
            "n_blocks": self.n_blocks,
            "alphabet_size": self.alphabet_size,
            "alphabet": self.alphabet,
            "offsets": self.offsets.tolist(),
        }
        schema = pa.schema(
            [("key", pa.int64()), ("count", pa.int64())], metadata={b"miscope": json.dumps(about, default=_plain)}
        )
        batch = pa.record_batch([pa.array(self.keys), pa.array(self.counts)], schema=schema)
        with (
            atomic_path(path) as temporary,
            pa.OSFile(str(temporary), "wb") as sink,
            pa.ipc.new_file(sink, schema) as writer,
        ):
            writer.write_batch(batch)

    @classmethod
    def load(cls, path: str | Path) -> PairCounts:
        """Read what `save` wrote, memory-mapped.

        Raises
        ------
        FormatError
            If the file is truncated, damaged, or something else.
        """
        import pyarrow as pa

        try:
            with pa.ipc.open_file(pa.memory_map(str(path))) as reader:
                about = json.loads((reader.schema.metadata or {}).get(b"miscope", b"{}"))
                if about.get("format") != _FORMAT or about.get("version") != _VERSION:
                    raise FormatError(f"{path} does not hold pair counts of this version of miscope")
                batch = reader.get_batch(0)
                batch.validate(full=True)
                found = _rebuild(about, batch.column("key").to_numpy(), batch.column("count").to_numpy())
        except FileNotFoundError:
            raise InputError(f"no such file: {path}") from None
        except FormatError:
            raise
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise FormatError(f"{path} is not a file of pair counts, or is damaged: {error}") from None
        return found


def _rebuild(about: dict[str, Any], keys: np.ndarray, counts: np.ndarray) -> PairCounts:
    """Counts from a file's description and columns; ValueError where they do not belong together."""
    lags, offsets = (np.array(about[name], dtype=np.int64) for name in ("lags", "offsets"))
    n_blocks, size, symbols = about["n_blocks"], about["alphabet_size"], about["alphabet"]
    alphabet = None if symbols is None else tuple(symbols)
    conditions = {
        "columns": keys.dtype == counts.dtype == np.int64,
        "offsets": offsets.shape == (len(lags) * max(n_blocks, 1) + 1,)
        and offsets[0] == 0
        and offsets[-1] == len(keys)
        and bool(np.all(np.diff(offsets) >= 0)),
        "alphabet": alphabet is None or len(alphabet) == size,
        "keys": len(keys) == 0 or (keys.min() >= 0 and keys.max() < size**2),
        "counts": len(counts) == 0 or counts.min() >= 1,
    }
    wrong = [name for name, good in conditions.items() if not good]
    if wrong:
        raise ValueError(f"{' and '.join(wrong)} do not fit the rest")
    return PairCounts(lags, n_blocks, size, offsets, keys, counts, alphabet)


def _plain(value: Any) -> Any:
    """What JSON has no type for: numpy's numbers."""
    return value.item() if isinstance(value, np.generic) else str(value)


def _add_cells(a: Cells, b: Cells) -> Cells:
    parts = []
    for j in range(len(a.offsets) - 1):
        mine, others = slice(a.offsets[j], a.offsets[j + 1]), slice(b.offsets[j], b.offsets[j + 1])
        keys, cell = np.unique(np.concatenate([a.keys[mine], b.keys[others]]), return_inverse=True)
        counts = np.zeros(len(keys), np.int64)
        np.add.at(counts, cell, np.concatenate([a.counts[mine], b.counts[others]]))
        parts.append((keys, counts))
    sizes = [len(keys) for keys, _ in parts]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Cells(offsets, np.concatenate([k for k, _ in parts]), np.concatenate([c for _, c in parts]))
