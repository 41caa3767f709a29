"""What stands behind a curve of symbols, whoever counted: a corpus at hand, counts in a file, workers elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from miscope.counting.blocks import Blocks
from miscope.counting.tally import Cells, Kernel, PairData

__all__ = ["CorpusSummary", "Counted", "Progress", "Steps"]

Progress = Callable[[int, int], object]
"""Called with pairs done and pairs in all."""

_T = TypeVar("_T")


class Steps:
    """Progress of work in several parts, which may tell how far they are themselves; never back.

    >>> seen = []
    >>> steps = Steps(lambda done, total: seen.append((done, total)), 20)
    >>> steps()
    >>> steps.part(10)(3, 6)
    >>> steps(10)
    >>> steps.finish()
    >>> seen
    [(1, 20), (6, 20), (11, 20), (20, 20)]
    """

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done, self._told = progress, total, 0, 0

    def __call__(self, steps: int = 1) -> None:
        """So many steps more are done."""
        self._done += steps
        self._tell(self._done)

    def part(self, steps: int) -> Progress | None:
        """What a part takes that is so many steps; they are done when that is said."""
        if self._progress is None:
            return None
        return lambda done, total: self._tell(self._done + steps * done // max(total, 1))

    def finish(self) -> None:
        """All is done, also what turned out not to be needed."""
        self._tell(self._total)

    def _tell(self, done: int) -> None:
        done = min(done, self._total)
        if self._progress is not None and done > self._told:
            self._told = done
            self._progress(done, self._total)


@dataclass(frozen=True, eq=False)
class CorpusSummary:
    """What is known of a corpus whose codes are not here.

    Attributes
    ----------
    lengths
        int64, shape (n_documents,): symbols in each document.
    alphabet_size, alphabet, provenance
        As in `Sequences`.
    histogram
        How often each symbol occurs, int64, shape (alphabet_size,), or None if it is not known.
    n_cut
        How many borders between blocks cut a document in two.
    """

    lengths: np.ndarray
    alphabet_size: int
    alphabet: tuple[Any, ...] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    histogram: np.ndarray | None = None
    n_cut: int = 0

    def __add__(self, other: CorpusSummary) -> CorpusSummary:
        """Both corpora, of the same alphabet."""
        label = str(self.provenance.get("label", "counts"))
        parts = [
            part
            for each in (self, other)
            for part in (each.provenance["added"] if "added" in each.provenance else [dict(each.provenance)])
        ]
        known = self.histogram is not None and other.histogram is not None
        return CorpusSummary(
            np.concatenate([self.lengths, other.lengths]),
            self.alphabet_size,
            self.alphabet,
            {"label": label if "added" in self.provenance else f"{label} and others", "added": parts},
            self.histogram + other.histogram if known else None,  # type: ignore[operator]
            self.n_cut + other.n_cut,
        )

    @property
    def n_symbols(self) -> int:
        """Number of symbols in all documents."""
        return int(self.lengths.sum())

    @property
    def n_documents(self) -> int:
        """Number of documents."""
        return len(self.lengths)

    @property
    def offsets(self) -> np.ndarray:
        """Where documents begin and end, int64, shape (n_documents + 1,)."""
        return np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)


class Counted(ABC):
    """Counts of pairs at several lags, to be asked for one after the other.

    Attributes
    ----------
    sequences
        The corpus, or what is known of it.
    lags
        int64, ascending.
    blocks
        What is left out in turn.
    method
        Who counts, in a word.
    symbols
        The codes that occur, ascending.
    notes
        What the reader of a result has to know of how it was counted.
    data
        What kernels count. Where the codes are elsewhere, its arrays of codes are empty.
    """

    sequences: Any
    lags: np.ndarray
    blocks: Blocks
    method: str
    symbols: np.ndarray
    data: PairData
    notes: tuple[str, ...] = ()

    @property
    def n_symbols_seen(self) -> int:
        """How many different symbols the corpus holds."""
        return len(self.symbols)

    def original(self, cells: Cells) -> Cells:
        """Cells with the codes of the corpus, where these were compacted for counting."""
        size = self.data.alphabet_size
        if size == self.sequences.alphabet_size:
            return cells
        left, right = self.symbols[cells.keys // size], self.symbols[cells.keys % size]
        return Cells(cells.offsets, left.astype(np.int64) * self.sequences.alphabet_size + right, cells.counts)

    def threads(self, threads: int | None = None, more: int = 0) -> int | None:
        """How many threads memory allows, each of which takes so many bytes more: as asked for, if others count."""
        return threads

    def cells_at_most(self) -> int:
        """Different pairs at a lag, block by block, at most; 0 where others count."""
        return 0

    @property
    def has_codes(self) -> bool:
        """Whether the symbols themselves are here, in their order, and not only their counts."""
        return len(self.data.left) > 0

    def pairs_at(self, lag: int) -> int:
        """Number of pairs at one lag."""
        return int(np.maximum(self.sequences.lengths - lag, 0).sum())

    @abstractmethod
    def map(
        self, task: Callable[[Kernel, int], _T], threads: int | None = None, progress: Progress | None = None
    ) -> list[_T]:
        """Run ``task(kernel, lag)`` for every lag; results in the order of the lags."""
