"""Pair counts as files: Arrow IPC, memory-mapped when opened; written lag by lag, so that a killed count goes on."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from miscope.atomic import atomic_path, check_suffix, folder_for, mapped_file
from miscope.counting.blocks import cut_blocks
from miscope.counting.counted import CorpusSummary, Progress
from miscope.counting.doors import Counter, check_pair_numbers
from miscope.counting.lags import Lags, parse_lags
from miscope.counting.memory import CELL_BYTES, Memory, expected_cells
from miscope.counting.merging import fill
from miscope.counting.pairs import PairCounts
from miscope.counting.tally import Cells, Kernel, PartsKernel
from miscope.errors import FormatError, InputError
from miscope.sequences import Sequences

__all__ = ["count_to_file", "is_pair_counts", "load", "predicted_bytes", "save"]

_FORMAT = "miscope.pair_counts"
_VERSION = 2
_PARTS_VERSION = 3  # of what lies unfinished
_CELL_BYTES = 16
_LEAST_CELLS = 2**16  # positions whose pairs are counted at a time
_COLUMNS = ("lags", "offsets", "keys", "counts", "lengths", "histogram")


def save(counts: PairCounts, path: str | Path) -> None:
    """Write an Arrow file of one row, each column a list of whole numbers."""
    import pyarrow as pa

    check_suffix(path, (".arrow",), "a table of counts")
    corpus = counts.corpus
    nothing = np.zeros(0, np.int64)
    arrays = {
        "lags": counts.lags,
        "offsets": counts.offsets,
        "keys": counts.keys,
        "counts": counts.counts,
        "lengths": nothing if corpus is None else corpus.lengths,
        "histogram": nothing if corpus is None or corpus.histogram is None else corpus.histogram,
    }
    described = {
        "format": _FORMAT,
        "version": _VERSION,
        "n_blocks": counts.n_blocks,
        "alphabet_size": counts.alphabet_size,
        "alphabet": counts.alphabet,
        "corpus": None if corpus is None else {"provenance": dict(corpus.provenance), "n_cut": corpus.n_cut},
    }
    columns = [_row(np.ascontiguousarray(arrays[name], dtype=np.int64)) for name in _COLUMNS]
    schema = pa.schema(
        [(name, pa.large_list(pa.int64())) for name in _COLUMNS],
        metadata={b"miscope": json.dumps(described, default=_plain)},
    )
    with (
        atomic_path(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        writer.write_batch(pa.record_batch(columns, schema=schema))


def _row(values: np.ndarray) -> Any:
    import pyarrow as pa

    flat = pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])
    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), flat)


def is_pair_counts(path: str | Path) -> bool:
    """Whether a file is one of pair counts, of any version."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
            about = json.loads((reader.schema.metadata or {}).get(b"miscope", b"{}"))
            return isinstance(about, dict) and about.get("format") == _FORMAT
    except (pa.ArrowException, OSError, ValueError):
        return False


def load(path: str | Path) -> PairCounts:
    """Read what `save` wrote, memory-mapped."""
    import pyarrow as pa

    try:
        with pa.ipc.open_file(pa.memory_map(str(path))) as reader:
            about = json.loads((reader.schema.metadata or {}).get(b"miscope", b"{}"))
            if not isinstance(about, dict) or about.get("format") != _FORMAT:
                raise FormatError(f"{path} does not hold pair counts of miscope")
            if about.get("version") != _VERSION:
                raise FormatError(
                    f"{path} holds pair counts in the form {about.get('version')} of another version of miscope; this "
                    f"one reads form {_VERSION}: count again, with miscope count"
                )
            batch = reader.get_batch(0)
            batch.validate(full=True)
            arrays = {name: batch.column(name).flatten().to_numpy() for name in _COLUMNS}
            return _rebuild(about, arrays)
    except FileNotFoundError:
        raise InputError(f"no such file: {path}") from None
    except FormatError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{path} is not a file of pair counts, or is damaged: {error}") from None


def _rebuild(about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> PairCounts:
    """Counts from a file's description and columns; ValueError where they do not belong together."""
    lags, offsets, keys, counts = (arrays[name] for name in _COLUMNS[:4])
    n_blocks, size, symbols = about["n_blocks"], about["alphabet_size"], about["alphabet"]
    alphabet = None if symbols is None else tuple(symbols)
    lengths, histogram = arrays["lengths"], arrays["histogram"]
    conditions = {
        "columns": all(values.dtype == np.int64 for values in arrays.values()),
        "offsets": offsets.shape == (len(lags) * max(n_blocks, 1) + 1,)
        and offsets[0] == 0
        and offsets[-1] == len(keys) == len(counts)
        and bool(np.all(np.diff(offsets) >= 0)),
        "alphabet": alphabet is None or len(alphabet) == size,
        "keys": len(keys) == 0 or (keys.min() >= 0 and keys.max() < size**2),
        "counts": len(counts) == 0 or counts.min() >= 1,
        "histogram": len(histogram) in (0, size),
    }
    wrong = [name for name, good in conditions.items() if not good]
    if wrong:
        raise ValueError(f"{' and '.join(wrong)} do not fit the rest")
    corpus = None
    if about["corpus"] is not None:
        known = histogram if len(histogram) else None
        provenance, n_cut = about["corpus"]["provenance"], about["corpus"]["n_cut"]
        corpus = CorpusSummary(lengths, size, alphabet, provenance, known, n_cut)
    return PairCounts(lags, n_blocks, size, offsets, keys, counts, alphabet, corpus)


def _plain(value: Any) -> Any:
    """What JSON has no type for: numpy's numbers."""
    return value.item() if isinstance(value, np.generic) else str(value)


def count_to_file(
    sequences: Sequences,
    path: str | Path,
    lags: Lags = None,
    blocks: int = 32,
    method: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    max_memory: Memory = None,
    fresh: bool = False,
) -> PairCounts:
    """Count pairs into a file, lag by lag; stopped in the middle, the next call goes on where this one was.

    Lags that are done lie in a folder beside the file, ``NAME.part``, until all are: memory holds those that are being
    counted, not the whole result. A lag whose piece was damaged meanwhile is counted again.

    Parameters
    ----------
    sequences, lags, blocks, method, threads, progress, max_memory
        As in `count_pairs`.
    path
        The file to write, usually ``.arrow``.
    fresh
        Whether to throw away what an earlier call left unfinished.

    Returns
    -------
    PairCounts
        The whole, memory-mapped.

    Raises
    ------
    InputError
        What lies there unfinished is of other data or other settings (the message says which differ), or the disk has
        no room for the counts.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import miscope as ms
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "counts.arrow"
    >>> ms.count_to_file(ms.Sequences.from_arrays([0, 1, 0, 1, 1]), path, lags=[1, 2], blocks=0)
    PairCounts(2 lags, 0 blocks, 2 symbols, 6 cells, 4 pairs at most)
    """
    check_pair_numbers(sequences)
    lag_array = parse_lags(lags, sequences.longest)
    cut = cut_blocks(sequences, blocks)
    settings = {"data": _digest(sequences), "lags": lag_array.tolist(), "blocks": cut.count, "version": _PARTS_VERSION}
    folder = Path(f"{path}.part")
    _prepare(folder, path, settings, fresh)
    done = [int(lag) for lag in lag_array if _is_whole(_file(folder, int(lag)), max(cut.count, 1))]
    left = [int(lag) for lag in lag_array if int(lag) not in set(done)]
    pairs_done = sum(int(np.maximum(sequences.lengths - lag, 0).sum()) for lag in done)

    def report(pairs: int, total: int) -> None:
        if progress is not None:
            progress(pairs_done + pairs, pairs_done + total)

    if left:
        counter = Counter(sequences, left, blocks, method, max_memory=max_memory, cells=True)

        at_once = counter.threads(threads, _LEAST_CELLS * CELL_BYTES)
        most = _cells_at_once(counter, at_once)

        def count(kernel: Kernel, lag: int) -> None:
            parts = kernel.cell_parts(lag, most) if isinstance(kernel, PartsKernel) else [kernel.cells(lag)]
            n = _save_cells(_file(folder, lag), map(counter.original, parts))
            _check_room(folder, n, len(left) + len(lag_array))

        counter.map(count, at_once, report)
    summary = CorpusSummary(
        sequences.lengths,
        sequences.alphabet_size,
        sequences.alphabet,
        sequences.provenance,
        sequences.histogram(),
        cut.n_cut,
    )
    _join(folder, path, lag_array, cut.count, summary)
    shutil.rmtree(folder)
    return load(path)


def predicted_bytes(sequences: Sequences, lags: Lags = None, blocks: int = 32) -> int:
    """Bytes that a file of counts will have, about: as many as if symbols were independent, which is more, as a rule.

    Examples
    --------
    >>> import miscope as ms
    >>> predicted_bytes(ms.Sequences.from_arrays([0, 1, 0, 1, 1] * 100), lags=[1, 2], blocks=0)
    128
    """
    histogram, n_blocks = sequences.histogram(), cut_blocks(sequences, blocks).count
    total = 0
    for lag in parse_lags(lags, sequences.longest):
        pairs = int(np.maximum(sequences.lengths - lag, 0).sum())
        total += expected_cells(histogram, pairs, n_blocks)
    return _CELL_BYTES * total


def _cells_at_once(counter: Counter, threads: int) -> int:
    """Positions whose pairs each thread makes cells of at a time."""
    return max(_LEAST_CELLS, counter.memory_left(threads) // threads // CELL_BYTES)


def _digest(sequences: Sequences) -> str:
    """What the data are, whatever they are called."""
    found = hashlib.blake2b(digest_size=16)
    for array in (sequences.codes, sequences.offsets):
        found.update(f"{array.dtype} {len(array)};".encode())
        for start in range(0, len(array), 2**24):
            found.update(np.ascontiguousarray(array[start : start + 2**24]).data)
    found.update(json.dumps([sequences.alphabet_size, sequences.alphabet], default=_plain).encode())
    return found.hexdigest()


def _prepare(folder: Path, path: str | Path, settings: dict[str, Any], fresh: bool) -> None:
    """Make the folder of what is unfinished, or make sure that what lies there belongs to this count."""
    if fresh and folder.exists():
        shutil.rmtree(folder)
    file = folder / "settings.json"
    if not file.exists():
        folder_for(path, folder)
        with atomic_path(file) as temporary:
            temporary.write_text(json.dumps(settings), encoding="utf-8")
        return
    try:
        there = json.loads(file.read_text(encoding="utf-8"))
        different = [name for name in settings if there.get(name) != settings[name]]
    except (ValueError, AttributeError):
        different = ["settings, which cannot be read"]
    if different:
        raise InputError(
            f"{str(folder)!r} holds an unfinished count with other {', '.join(different)}: finish that one by the "
            "command that began it, or throw it away, fresh=True"
        )


def _file(folder: Path, lag: int) -> Path:
    return folder / f"lag-{lag}.npz"


def _check_room(folder: Path, n_cells: int, n_lags: int) -> None:
    """Refuse to begin what the disk will not hold: so many lags more, about as large as this one."""
    needed, free = n_lags * _CELL_BYTES * n_cells, shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"these counts would take about {needed / 1e9:.1f} GB on disk, and {free / 1e9:.1f} GB are free: count "
            "fewer lags (log-spaced, 1:10000), or fewer blocks (0 for no bars)"
        )


def _save_cells(file: Path, parts: Iterable[Cells]) -> int:
    """Write ranges of left symbols one after the other, as they come; returns how many cells there are."""
    n = 0
    with atomic_path(file) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for k, part in enumerate(parts):
            for name, array in part._asdict().items():
                with archive.open(f"{name}-{k}.npy", "w", force_zip64=True) as into:
                    np.lib.format.write_array(into, array)
            n += len(part.keys)
    return n


_DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading a piece raises that is cut, overwritten or of something else."""


def _is_whole(file: Path, n_offsets: int) -> bool:
    """Whether a lag was counted and its piece is as it was written (its checksums are, and its parts fit)."""
    try:
        whole = [
            len(part.offsets) == n_offsets + 1 and part.offsets[-1] == len(part.keys) == len(part.counts)
            for part in _read_cells(file)
        ]
    except _DAMAGED:
        return False
    return bool(whole) and all(whole)


def _read_cells(file: Path) -> Iterator[Cells]:
    """The ranges of left symbols that a piece holds, one after the other."""
    with file.open("rb") as opened, np.load(opened) as held:  # numpy leaves a file open that is no archive
        for k in range(len(held.files) // len(Cells._fields)):
            yield Cells(*(held[f"{name}-{k}"] for name in Cells._fields))


def _cells(folder: Path, lag: int) -> Iterator[Cells]:
    """The ranges of left symbols at a lag, one after the other."""
    try:
        yield from _read_cells(_file(folder, lag))
    except _DAMAGED as error:
        raise FormatError(
            f"{str(_file(folder, lag))!r} was damaged while others were counted ({error}): count again, by the same "
            "command, which goes on with all other lags"
        ) from None


def _join(folder: Path, path: str | Path, lags: np.ndarray, n_blocks: int, corpus: CorpusSummary) -> None:
    """Put the lags into one file, through columns that lie on disk until they are written."""
    sizes = [np.sum([np.diff(part.offsets) for part in _cells(folder, lag)], axis=0) for lag in lags.tolist()]
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(sizes))]).astype(np.int64)
    n, width = int(offsets[-1]), max(n_blocks, 1)
    keys, counts = (
        np.asarray(mapped_file(folder / f"{name}.tmp", np.int64, n) if n else np.zeros(0, np.int64))
        for name in ("keys", "counts")
    )
    for i, lag in enumerate(lags.tolist()):
        fill(_cells(folder, lag), offsets[i * width : (i + 1) * width + 1], keys, counts)
    about = PairCounts(lags, n_blocks, corpus.alphabet_size, offsets, keys, counts, corpus.alphabet, corpus)
    save(about, path)
