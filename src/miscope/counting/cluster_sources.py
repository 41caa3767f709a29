"""Where the parts of a corpus come from on a cluster: codes at hand, a file that workers see, shards that they read."""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.counting import cluster_parts as work
from miscope.counting.counted import Progress
from miscope.errors import InputError
from miscope.locks import Claim, private_file, remove_abandoned
from miscope.sequences.codes import Array
from miscope.sequences.shards import Failure, Merged, Shards, ShardSummary, merge_summaries, read_shard

if TYPE_CHECKING:
    from miscope.counting.cluster_client import WorkerPool

__all__ = ["HeldCodes", "ReadShards"]

_PREFIX = "miscope-"


class HeldCodes:
    """Codes at hand: opened by path where workers can do that, and sent otherwise.

    Codes that lie in a memory-mapped file are in reach already. On this machine others are written to a temporary file,
    which all workers map, so that nothing is sent or held twice.
    """

    def __init__(self, codes: Array, workers: WorkerPool) -> None:
        self._codes, self._workers = codes, workers
        self._file = self._seen(_file_of(codes))
        if self._file is None and workers.is_local:
            self._file = self._seen(self._written(codes))

    def parts(self, parts: list[work.Part]) -> list[Any]:
        """Futures of the parts, with their codes."""
        if self._file is not None:
            return self._workers.map(work.open_part, parts, file=self._file)
        sent = self._workers.scatter([np.asarray(self._codes[part.start : part.end]) for part in parts])
        return self._workers.map(work.fill_part, parts, [[codes] for codes in sent])

    def _seen(self, file: work.CodeFile | None) -> work.CodeFile | None:
        if file is None or not all(self._workers.everywhere(work.sees, file).values()):
            return None
        return file

    def _written(self, codes: Array) -> work.CodeFile | None:
        """The codes in a temporary file, or None where there is no room for it."""
        try:
            folder = Path(tempfile.gettempdir())
            remove_abandoned(folder, _PREFIX)
            path, held = private_file(folder, _PREFIX, ".codes", 0o600)
        except OSError:
            return None
        remove = weakref.finalize(self, _remove, path, held)
        try:
            _write(path, codes)
        except OSError:
            remove()
            return None
        return _about(str(path), codes.dtype, 0, len(codes))


def _write(path: Path, codes: Array) -> None:
    with path.open("wb") as file:
        file.write(np.ascontiguousarray(codes).data)  # unlike tofile, which is silent on full disks


def _remove(path: Path, held: Claim) -> None:
    path.unlink(missing_ok=True)
    held.release()


def _file_of(codes: Array) -> work.CodeFile | None:
    """The file that codes are mapped from by numpy, if they are."""
    base: Any = codes
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    while isinstance(base, np.memmap) and isinstance(base.base, np.memmap):
        base = base.base  # a slice of a map remembers the place of the whole
    if not isinstance(base, np.memmap) or base.filename is None or not codes.flags.c_contiguous:
        return None
    place = codes.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return _about(str(base.filename), codes.dtype, base.offset + place, len(codes))


def _about(path: str, dtype: np.dtype[Any], start: int, n: int) -> work.CodeFile | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return work.CodeFile(str(Path(path).absolute()), dtype.str, start, n, status.st_size, status.st_mtime_ns)


class ReadShards:
    """Shards, read on the workers: once to know what is in them, and again only if a worker was lost.

    Attributes
    ----------
    merged
        What is known of the corpus.
    skipped
        Shards that could not be read, and were left out.
    """

    def __init__(self, shards: Shards, workers: WorkerPool, progress: Progress | None) -> None:
        self._shards, self._workers = shards, workers
        read = workers.map(read_shard, range(len(shards)), shards=shards)
        about: list[ShardSummary | Failure] = []
        for done, future in enumerate(workers.map(work.summary_of, read)):
            if progress is not None:
                progress(done, len(shards))
            about += workers.gather([future])
        if progress is not None:
            progress(len(shards), len(shards))
        self.skipped = [found for found in about if isinstance(found, Failure)]
        if self.skipped and (not shards.skip_bad or len(self.skipped) == len(shards)):
            raise InputError(self._complaint())
        self._index = [i for i, found in enumerate(about) if not isinstance(found, Failure)]
        self._summaries = [found for found in about if not isinstance(found, Failure)]
        self._read: list[Any] | None = [read[i] for i in self._index]
        self._client = workers.client  # whose futures these are
        self.merged: Merged = merge_summaries(shards, self._summaries, self.skipped)

    def parts(self, parts: list[work.Part]) -> list[Any]:
        """Futures of the parts, with their codes; the shards themselves are forgotten when these are there."""
        workers, tables, n_counted = self._workers, self.merged.tables, len(self.merged.counts)
        if workers.client is not self._client:
            self._read = None
        read = self._read or workers.map(read_shard, self._index, shards=self._shards)
        self._read = None
        names = [self._shards.name(i) for i in self._index]
        digests = [summary.digest for summary in self._summaries]
        coded = workers.map(work.recode_shard, read, tables, digests, names, n_counted=n_counted)
        ends = np.cumsum([summary.lengths.sum() for summary in self._summaries])
        whose, which, begin, end = [], [], [], []
        for number, part in enumerate(parts):
            first = int(np.searchsorted(ends, part.start, side="right"))
            for shard in range(first, int(np.searchsorted(ends, part.end, side="left")) + 1):
                before = int(ends[shard - 1]) if shard else 0
                whose.append(number)
                which.append(coded[shard])
                begin.append(max(part.start - before, 0))
                end.append(min(part.end, int(ends[shard])) - before)
        stretches: list[list[Any]] = [[] for _ in parts]
        for number, stretch in zip(whose, workers.map(work.take, which, begin, end), strict=True):
            stretches[number].append(stretch)
        return workers.map(work.fill_part, parts, stretches)

    def _complaint(self) -> str:
        first = self.skipped[0]
        more = f" (and {len(self.skipped) - 1} more shards)" if len(self.skipped) > 1 else ""
        hint = "give paths that every worker sees, or leave bad shards out with skip_bad=True"
        if len(self.skipped) == len(self._shards):
            hint = "not one shard can be read: give paths that every worker sees"
        return f"cannot read the shard {first.name!r}{more}, {first.reason}; {hint}"
