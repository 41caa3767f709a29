"""Pair counts as files: Arrow IPC, memory-mapped when opened; written lag by lag, so that a killed count goes on."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from miscope.atomic import atomic_path, check_suffix, mapped_file
from miscope.counting.blocks import cut_blocks
from miscope.counting.counted import CorpusSummary, Progress
from miscope.counting.doors import Counter, check_pair_numbers
from miscope.counting.lags import Lags, parse_lags
from miscope.counting.memory import CELL_BYTES, Memory, expected_cells
from miscope.counting.merging import fill
from miscope.counting.pairs import PairCounts
from miscope.counting.pieces import Pieces
from miscope.counting.tally import Kernel, PartsKernel
from miscope.digests import CHANGED, UNSIGNED, check_arrays, described, description_in, late
from miscope.errors import FormatError, InputError, MiscopeWarning
from miscope.sequences import Sequences
from miscope.sequences.in_memory import as_sequences
from miscope.whole_files import json_of

__all__ = ["count_to_file", "is_pair_counts", "load", "predicted_bytes", "save"]

_FORMAT = "miscope.pair_counts"
_VERSION = 2
_PARTS_VERSION = 4  # of what lies unfinished
_CELL_BYTES = 16
_LEAST_CELLS = 2**16  # positions whose pairs are counted at a time
_LOOKED_AT, _LEAST_LOOKED_AT = 2**18, 100  # symbols that tell how many different pairs there are
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
    about = {
        "format": _FORMAT,
        "version": _VERSION,
        "n_blocks": counts.n_blocks,
        "alphabet_size": counts.alphabet_size,
        "alphabet": counts.alphabet,
        "corpus": None if corpus is None else {"provenance": dict(corpus.provenance), "n_cut": corpus.n_cut},
    }
    columns = {name: np.ascontiguousarray(arrays[name], dtype=np.int64) for name in _COLUMNS}
    schema = pa.schema(
        [(name, pa.large_list(pa.int64())) for name in _COLUMNS],
        metadata=described(about, columns, default=_plain),
    )
    with (
        atomic_path(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        writer.write_batch(pa.record_batch([_row(column) for column in columns.values()], schema=schema))


def _row(values: np.ndarray) -> Any:
    import pyarrow as pa

    flat = pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])
    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), flat)


def is_pair_counts(path: str | Path) -> bool:
    """Whether a file is one of pair counts, of any version."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
            about = json_of((reader.schema.metadata or {}).get(b"miscope", b"{}"), "it", finite=False)
            return isinstance(about, dict) and about.get("format") == _FORMAT
    except (pa.ArrowException, OSError, ValueError):
        return False


def load(path: str | Path) -> PairCounts:
    """Read what `save` wrote, memory-mapped."""
    import pyarrow as pa

    try:
        with pa.ipc.open_file(pa.memory_map(str(path))) as reader:
            about = _about(path, reader.schema.metadata or {})
            if about.get("format") != _FORMAT:
                raise FormatError(f"{path} does not hold pair counts of miscope")
            if about.get("version") != _VERSION:
                raise FormatError(
                    f"{path} holds pair counts in the form {about.get('version')} of another version of miscope; this "
                    f"one reads form {_VERSION}: count again, with miscope count"
                )
            batch = reader.get_batch(0)
            batch.validate(full=True)
            arrays = {name: batch.column(name).flatten().to_numpy() for name in _COLUMNS}
            found = _rebuild(about, arrays)
            _make_sure(found, about, arrays, str(path))
            return found
    except FileNotFoundError:
        raise InputError(f"no such file: {path}") from None
    except FormatError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{path} is not a file of pair counts, or is damaged: {error}") from None


def _about(path: str | Path, metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    """What the metadata of a file say of it, nothing if they are not miscope's."""
    try:
        return description_in(metadata)
    except FormatError:
        raise FormatError(f"{path} {CHANGED}") from None


def _make_sure(found: PairCounts, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray], name: str) -> None:
    """Refuse what is not what was written; of keys and counts, which may be large, when they are first asked for."""
    digests = about.get("digests")
    if digests is None:
        warnings.warn(f"{name} {UNSIGNED}", MiscopeWarning, stacklevel=4)
        return
    large = {each: arrays[each] for each in ("keys", "counts")}
    check_arrays(digests, {each: array for each, array in arrays.items() if each not in large}, name)
    late(found, partial(check_arrays, digests, large, name))


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
        if not isinstance(provenance, dict) or type(n_cut) is not int:
            raise ValueError("what is said of the corpus is something else")
        corpus = CorpusSummary(lengths, size, alphabet, provenance, known, n_cut)
    return PairCounts(lags, n_blocks, size, offsets, keys, counts, alphabet, corpus)


def _plain(value: Any) -> Any:
    """What JSON has no type for: numpy's numbers."""
    return value.item() if isinstance(value, np.generic) else str(value)


def count_to_file(
    sequences: Any,
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
    counted, not the whole result. A lag whose piece was damaged meanwhile is counted again. One process at a time
    works there; another one that names the same file is refused while the first is at work.

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
        What lies there unfinished is of other data or other settings (the message says which differ), another process
        counts into the same file, or the disk has no room for the counts.

    Warns
    -----
    MiscopeWarning
        Pieces that lie there are damaged, and counted again.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import miscope as ms
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "counts.arrow"
    >>> ms.count_to_file(ms.Sequences.from_arrays([0, 1, 0, 1, 1]), path, lags=[1, 2], blocks=0)
    PairCounts(2 lags, 0 blocks, 2 symbols, 6 cells, 4 pairs at most)
    """
    sequences = as_sequences(sequences)
    check_pair_numbers(sequences)
    lag_array = parse_lags(lags, sequences.longest)
    cut = cut_blocks(sequences, blocks)
    settings = {"data": _digest(sequences), "lags": lag_array.tolist(), "blocks": cut.count, "version": _PARTS_VERSION}
    summary = CorpusSummary(
        sequences.lengths,
        sequences.alphabet_size,
        sequences.alphabet,
        sequences.provenance,
        sequences.histogram(),
        cut.n_cut,
    )
    with Pieces(path, settings, fresh) as pieces:
        _count_pieces(pieces, sequences, lag_array.tolist(), blocks, method, threads, progress, max_memory)
        _join(pieces, path, lag_array, cut.count, summary)
        pieces.remove()
    return load(path)


def _count_pieces(
    pieces: Pieces,
    sequences: Sequences,
    lags: list[int],
    blocks: int,
    method: str,
    threads: int | None,
    progress: Progress | None,
    max_memory: Memory,
) -> None:
    """Count all lags that have no piece yet."""
    done = pieces.done(lags)
    left = [lag for lag in lags if lag not in set(done)]
    pairs_done = sum(int(np.maximum(sequences.lengths - lag, 0).sum()) for lag in done)

    def report(pairs: int, total: int) -> None:
        if progress is not None:
            progress(pairs_done + pairs, pairs_done + total)

    if left:
        counter = Counter(sequences, left, blocks, method, max_memory=max_memory, cells=True)

        at_once = counter.threads(threads, _LEAST_CELLS * CELL_BYTES)
        most = _cells_at_once(counter, at_once)
        try:
            _check_room(pieces.folder, predicted_bytes(sequences, left, blocks) // len(left), len(left), len(lags))
        except InputError:
            if not done:
                pieces.remove()
            raise
        finished = itertools.count(1)

        def count(kernel: Kernel, lag: int) -> None:
            parts = kernel.cell_parts(lag, most) if isinstance(kernel, PartsKernel) else [kernel.cells(lag)]
            n = pieces.write(lag, map(counter.original, parts))
            _check_room(pieces.folder, _CELL_BYTES * n, len(left) - next(finished), len(lags))

        counter.map(count, at_once, report)


def predicted_bytes(sequences: Any, lags: Lags = None, blocks: int = 32) -> int:
    """Bytes that a file of counts will have, about.

    As many as if symbols were independent, less what a part of the data has less than that at some of the lags.

    Examples
    --------
    >>> import miscope as ms
    >>> predicted_bytes(ms.Sequences.from_arrays([0, 1, 0, 1, 1] * 100), lags=[1, 2], blocks=0)
    112
    """
    sequences = as_sequences(sequences)
    histogram, n_blocks = sequences.histogram(), cut_blocks(sequences, blocks).count
    lag_array, total = parse_lags(lags, sequences.longest), 0
    for lag in lag_array:
        pairs = int(np.maximum(sequences.lengths - lag, 0).sum())
        total += expected_cells(histogram, pairs, n_blocks)
    some = np.unique(lag_array[[0, len(lag_array) // 2, -1]]).tolist()
    return int(_CELL_BYTES * total * np.mean([_share_of_independent(sequences, lag, n_blocks) for lag in some]))


def _share_of_independent(sequences: Sequences, lag: int, n_blocks: int) -> float:
    """Different pairs in the first documents, over what independent symbols would have; 1 where they tell nothing."""
    codes = np.asarray(sequences.codes[:_LOOKED_AT], np.int64)
    document = np.searchsorted(sequences.offsets, np.arange(len(codes)), side="right")
    inside = np.flatnonzero(document[lag:] == document[: max(len(codes) - lag, 0)])
    if len(inside) < _LEAST_LOOKED_AT:
        return 1.0
    tables = max(1, round(n_blocks * len(codes) / sequences.n_symbols))
    keys = codes[inside] * sequences.alphabet_size + codes[inside + lag]
    seen = sum(len(np.unique(part)) for part in np.array_split(keys, tables))
    kinds = np.unique(codes, return_counts=True)[1]
    return min(1.0, seen / expected_cells(kinds, len(inside), tables))


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


def _check_room(folder: Path, n_bytes: int, n_left: int, n_lags: int) -> None:
    """Refuse what the disk will not hold: lags of so many bytes that are left, and all of them put together.

    They are put into columns on disk, and these into the file.
    """
    needed, free = (n_left + 2 * n_lags) * n_bytes, shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"these counts would take about {needed / 1e9:.1f} GB on disk, and {free / 1e9:.1f} GB are free: count "
            "fewer lags (log-spaced, 1:10000), or fewer blocks (0 for no bars)"
        )


def _join(pieces: Pieces, path: str | Path, lags: np.ndarray, n_blocks: int, corpus: CorpusSummary) -> None:
    """Put the lags into one file, through columns that lie on disk until they are written."""
    sizes = [np.sum([np.diff(part.offsets) for part in pieces.cells(lag)], axis=0) for lag in lags.tolist()]
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(sizes))]).astype(np.int64)
    n, width = int(offsets[-1]), max(n_blocks, 1)
    with pieces.scratch() as folder:
        keys, counts = (
            np.asarray(mapped_file(folder / f"{name}.tmp", np.int64, n) if n else np.zeros(0, np.int64))
            for name in ("keys", "counts")
        )
        for i, lag in enumerate(lags.tolist()):
            fill(pieces.cells(lag), offsets[i * width : (i + 1) * width + 1], keys, counts)
        about = PairCounts(lags, n_blocks, corpus.alphabet_size, offsets, keys, counts, corpus.alphabet, corpus)
        save(about, path)
