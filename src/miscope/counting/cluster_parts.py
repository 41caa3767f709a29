"""What the workers of a cluster do: take a part of the corpus, count it, and put counts together. No Dask in here.

A *part* is a range of positions of left symbols, with the tail that the largest lag takes. Counts of parts that cover
the corpus add up to those of the corpus.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from miscope._version import __version__
from miscope.counting.bits import BitsKernel
from miscope.counting.cluster_routing import (
    Routed,
    add_fingerprints,
    cells_of,
    combine,
    divide,
    group,
    merge,
    route,
)
from miscope.counting.dense import DenseKernel, TableKernel
from miscope.counting.tally import Cells, LagFingerprints, PairData
from miscope.errors import InputError
from miscope.sequences.codes import Array, read_only
from miscope.sequences.shards import Failure, Shard, ShardSummary, recoded

__all__ = [
    "CodeFile",
    "Part",
    "Tables",
    "add_all",
    "add_tables",
    "count_part",
    "cut_parts",
    "divide_range",
    "fill_part",
    "finish_cells",
    "finish_tables",
    "merge_cells",
    "merge_range",
    "nothing",
    "open_part",
    "recode_shard",
    "route_part",
    "sees",
    "summary_of",
    "take",
    "together",
    "worker_facts",
]


class CodeFile(NamedTuple):
    """Codes in a file that workers can open: a raw stretch of numbers in it.

    Attributes
    ----------
    path
        The file.
    dtype
        Type of a code, as numpy writes it.
    start
        Bytes before the first code.
    n
        Number of codes.
    size, changed
        Bytes of the whole file, and when it was changed, in nanoseconds: other values say that it is not the same file.
    """

    path: str
    dtype: str
    start: int
    n: int
    size: int
    changed: int

    def read(self, begin: int, end: int) -> Array:
        """Map a stretch of the codes.

        Raises
        ------
        InputError
            The file is not there, or is not the same any more; the message names the host.
        """
        host = socket.gethostname()
        try:
            status = Path(self.path).stat()
            if (status.st_size, status.st_mtime_ns) != (self.size, self.changed):
                raise InputError(f"on host {host}, {self.path!r} is not the file that was opened; it was changed")
            return np.memmap(self.path, self.dtype, "r", self.start, (self.n,))[begin:end]
        except FileNotFoundError:
            raise InputError(f"on host {host} there is no file {self.path!r}, which the other hosts have") from None
        except OSError as error:
            raise InputError(f"on host {host}, cannot open {self.path!r}: {error.strerror or error}") from error


class Part(NamedTuple):
    """A part of a corpus.

    Attributes
    ----------
    start
        Position of its first left symbol.
    data
        Documents and blocks as `PairData.part` has them; codes, if they are here.
    n_left
        Number of left symbols.
    first_block
        Number, in the corpus, of its first block.
    file
        Where its codes are, if not here.
    """

    start: int
    data: PairData
    n_left: int
    first_block: int
    file: CodeFile | None = None

    @property
    def end(self) -> int:
        """Position behind its last right symbol."""
        return self.start + int(self.data.offsets[-1])

    def counted(self) -> PairData:
        """What a kernel counts."""
        return self.with_codes(self.data.right if self.file is None else self.file.read(self.start, self.end)).data

    def with_codes(self, codes: Array) -> Part:
        """The same part with its codes, from `start` to `end`."""
        right = read_only(codes)
        return self._replace(data=self.data._replace(left=right[: self.n_left], right=right), file=None)


class Tables(NamedTuple):
    """Dense counts of several lags: shape (n_lags, n_blocks here, alphabet_size, alphabet_size)."""

    first_block: int
    counts: Array


def cut_parts(data: PairData, borders: Array, longest: int) -> list[Part]:
    """Cut a corpus, whose codes need not be here, at these positions; lags are up to `longest`."""
    nothing = np.zeros(0, np.uint8)
    n = int(data.offsets[-1])
    anywhere = np.broadcast_to(np.uint8(0), (n,))  # as many symbols as there are, without their bytes
    whole = data._replace(left=anywhere, right=anywhere)
    found = []
    for start, stop in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        if stop > start:
            part, block = whole.part(start, stop, longest)
            found.append(Part(start, part._replace(left=nothing, right=nothing), stop - start, block))
    return found


def worker_facts(dask_worker: Any) -> dict[str, Any]:
    """What the other side has to know of the worker that this runs on."""
    manager = getattr(dask_worker, "memory_manager", None)
    memory = getattr(manager, "memory_limit", None) or 0
    return {"version": __version__, "host": socket.gethostname(), "memory": int(memory)}


def nothing(_: Any) -> None:
    """What is left when something is done."""


def sees(file: CodeFile) -> bool:
    """Whether this process can open a file, and finds it the same."""
    try:
        file.read(0, min(file.n, 1))
    except InputError:
        return False
    return True


# Corpora


def summary_of(shard: Shard | Failure) -> ShardSummary | Failure:
    """What the whole has to know of a shard; of one that could not be read, why."""
    return shard if isinstance(shard, Failure) else shard.summary


def recode_shard(shard: Shard | Failure, table: Array | None, digest: int, name: str, n_counted: int) -> Array:
    """A shard's codes as they are counted."""
    return recoded(shard, table, digest, n_counted, name)


def take(codes: Array, begin: int, end: int) -> Array:
    """A stretch of codes, copied, so that the rest can be forgotten."""
    return np.array(codes[begin:end])


def fill_part(part: Part, stretches: Sequence[Array]) -> Part:
    """A part with its codes, which lie behind one another in these stretches."""
    return part.with_codes(stretches[0] if len(stretches) == 1 else np.concatenate(stretches))


def open_part(part: Part, file: CodeFile) -> Part:
    """A part whose codes are in a file."""
    return part._replace(file=file)


# Tables


def count_part(part: Part, lags: Array, method: str, dtype: str) -> Tables:
    """Tables of a part at several lags; `dtype` holds the counts of the whole corpus."""
    data = part.counted()
    made: TableKernel = {"dense": DenseKernel, "bits": BitsKernel}[method](data)
    counts = np.zeros((len(lags), len(data.bounds) - 1, data.alphabet_size, data.alphabet_size), dtype)
    for table, lag in zip(counts, lags.tolist(), strict=True):
        made.add(lag, table)
    return Tables(part.first_block, counts)


def add_tables(some: Sequence[Tables]) -> Tables:
    """Tables of neighbouring parts, together."""
    first = min(tables.first_block for tables in some)
    last = max(tables.first_block + tables.counts.shape[1] for tables in some)
    counts = np.zeros((len(some[0].counts), last - first, *some[0].counts.shape[2:]), some[0].counts.dtype)
    for tables in some:
        at = tables.first_block - first
        counts[:, at : at + tables.counts.shape[1]] += tables.counts
    return Tables(first, counts)


class _Summed(TableKernel):
    """Tables that were counted elsewhere, one set for each number that is asked for."""

    def __init__(self, data: PairData, tables: Array) -> None:
        super().__init__(data)
        self._tables = tables

    def tables(self, lag: int) -> Array:
        """The tables of the lag with this index."""
        return np.asarray(self._tables[lag])


def finish_tables(tables: Tables, data: PairData) -> list[LagFingerprints]:
    """Fingerprints of the whole corpus's tables, lag by lag."""
    kernel = _Summed(data, tables.counts)
    return [kernel.fingerprints(i) for i in range(len(tables.counts))]


def finish_cells(tables: Tables, data: PairData) -> Cells:
    """The counts themselves, at the first lag."""
    return _Summed(data, tables.counts).cells(0)


# Pairs by left symbol


def route_part(part: Part, lags: Array, borders: Array) -> list[list[Routed]]:
    """Bundles of a part's pairs: for each range of left symbols, those of all lags."""
    data = part.counted()
    grouped = group(data)
    of_lags = [route(data, grouped, lag, part.first_block, borders) for lag in lags.tolist()]
    return [list(bundles) for bundles in zip(*of_lags, strict=True)]


def together(parts: Sequence[list[Routed]], alphabet_size: int) -> list[Routed]:
    """Bundles of neighbouring parts as one, lag by lag."""
    return [combine(bundles, alphabet_size) for bundles in zip(*parts, strict=True)]


def divide_range(bundles: list[Routed], borders: Array) -> list[list[Routed]]:
    """Bundles of a range cut into narrower ranges: for each of these, those of all lags."""
    of_lags = [divide(bundle, borders) for bundle in bundles]
    return [list(narrower) for narrower in zip(*of_lags, strict=True)]


def merge_range(
    parts: Sequence[list[Routed]], span: tuple[int, int], n_blocks: int, alphabet_size: int
) -> list[LagFingerprints]:
    """Fingerprints of one range of symbols, lag by lag, from the bundles of all parts."""
    return [merge(bundles, *span, n_blocks, alphabet_size) for bundles in zip(*parts, strict=True)]


def add_all(ranges: Sequence[list[LagFingerprints]]) -> list[LagFingerprints]:
    """Fingerprints of disjoint ranges of symbols added, lag by lag."""
    return [add_fingerprints(of_lag) for of_lag in zip(*ranges, strict=True)]


def merge_cells(parts: Sequence[list[Routed]], alphabet_size: int) -> tuple[Array, Array, Array]:
    """Blocks, keys and counts of one range at the first lag."""
    return cells_of(combine([bundles[0] for bundles in parts], alphabet_size), alphabet_size)
