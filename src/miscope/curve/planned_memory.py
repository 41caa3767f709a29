"""How much memory `measure` takes beyond the corpus: what each step holds at its largest, in formulas."""

from __future__ import annotations

from typing import Any

import numpy as np

from miscope.counting.correlation import Length
from miscope.counting.doors import Counter
from miscope.counting.fourier import FourierKernel
from miscope.counting.memory import lag_bytes
from miscope.counting.streaming import PIECE
from miscope.counting.tally import SMALL

__all__ = ["peak_bytes"]

_BASE = 1_400_000  # stacks of threads, and what is small
_A_LAG = 1_500  # of a result, besides its values and margins
_A_KIND = (20, 260)  # of its margins; much more where nulls are computed meanwhile, which scatter them over the heap
_CANDIDATES = 1100  # spectra that long memory is looked for with
_POINTS = 4500  # at which their variances are summed, all temporaries together
_NODE = 8  # bytes of a count that a null's law is replaced by


def peak_bytes(
    counter: Counter,
    kernel: Any,
    *,
    threads: int,
    cells: bool,
    null: str,
    drawn: bool,
    corrected: bool,
) -> int:
    """Largest memory beyond the corpus, in bytes.

    Parameters
    ----------
    counter
        The corpus made ready.
    kernel
        One that counts in batches, or None.
    threads
        How many.
    cells
        Whether counts themselves are asked for, and not their fingerprints.
    null
        The null that is computed.
    drawn
        Whether surrogates are drawn.
    corrected
        Whether long memory is corrected for.
    """
    data, n_lags, counts = counter.data, len(counter.lags), counter.sequences.histogram()
    n, size, tables = len(data.left), data.alphabet_size, max(data.n_blocks, 1)
    threads = min(counter.threads(threads), n_lags)
    made, held, each = _kernel(counter, kernel, cells)
    each += _fingerprints(counter, counts, cells)
    with_null = null != "none" and not cells
    if with_null:
        each += _nodes(counts)
        if null == "document":
            each += 48 * size**2 + (2 * _NODE * min(int(np.count_nonzero(counts)) ** 2, n // 48) if tables > 1 else 0)
    left_out = 0
    if data.n_blocks and with_null:  # nulls with each block left out, together
        left_out = 40 * (data.n_blocks + 1) * (SMALL // 4 + 15 * _pairs_above(counts, SMALL))
    surrogate = n * data.left.dtype.itemsize if drawn else 0
    surrogate *= surrogate <= counter.memory // 4  # beyond that it is in a file
    kinds = len(np.unique(counts[counts > 0]))
    results = n_lags * (_A_LAG + _A_KIND[with_null and n_lags <= 1024] * kinds + 64 * (data.n_blocks + 1))
    batches = 1 if kernel is None else len(kernel.batches())
    before = results * (batches - 1) // batches  # results that are there when the last batch is prepared
    finishing = 8 * _CANDIDATES * (_frequencies(counter) + _POINTS) if corrected else 0
    return int(_BASE + surrogate + max(made + before, held + threads * each + left_out + results, results + finishing))


def _kernel(counter: Counter, kernel: Any, cells: bool) -> tuple[int, int, int]:
    """Bytes while a kernel is prepared, that it then holds, and that each thread takes beside that."""
    data = counter.data
    n, size, tables = len(data.left), data.alphabet_size, max(data.n_blocks, 1)
    if counter.method == "fourier":
        return _fourier(kernel)
    table = 4 * tables * size**2
    if counter.method in ("dense", "bits"):
        if counter.method == "bits":
            table *= 3
        working = table + 16 * size**2 + (40 * _cells(counter) if cells else 0)
        if counter.streams:
            batch = max(len(each) for each in kernel.batches())
            pieces = min(2 * min(PIECE, n) * data.left.dtype.itemsize, counter.memory // 4)
            return 0, pieces + batch * table, working
        planes = (size - 1) * n // 4 if counter.method == "bits" else 0
        return 0, planes, working
    index = 4 if n < 2**31 else 8
    longest = int(np.bincount(data.left[: 2**20]).max()) * max(1, n // 2**20) if n else 0
    working = 28 * size + (10 if data.n_blocks else 4) * longest + 6 * min(n, tables * size)
    if cells:
        working += 23 * n
    if counter.streams:
        tallies = len(kernel.batches()[0]) * 3 * 8 * (data.n_blocks + 1) * SMALL
        pieces = min(min(PIECE, n) * (16 + 4 * data.left.dtype.itemsize), counter.memory // 4)
        return 0, tallies + counter.memory // 2 + pieces, lag_bytes("sparse", 0, size, data.n_blocks, counter.longest)
    return (2 * index + 16) * n, (2 * index + 2) * n, working


def _fourier(kernel: FourierKernel) -> tuple[int, int, int]:
    """The same for the Fourier kernel: counts, margins, where rare symbols stand, sums of products and spectra."""
    lags = max(kernel.batches(), key=len)
    n, tables, size = len(kernel.symbols), max(kernel.data.n_blocks, 1), kernel.data.alphabet_size
    held = len(lags) * tables * (4 * n**2 + 16 * size) + kernel.singles_bytes
    half = Length.of(kernel._span(lags)).n // 2
    spectrum, budget = 16 * n * half, kernel._memory // 3
    longest = int((kernel._long.stop - kernel._long.start).sum()) // (tables if kernel.data.n_blocks else 1)
    spectra = min(spectrum * (longest // half + 2), int(0.8 * budget)) if n else 0
    sums = min(spectrum * n, budget)
    return held + sums + spectra, held, 12_000_000


def _cells(counter: Counter) -> int:
    """Different pairs at one lag, block by block, about."""
    tables = max(counter.data.n_blocks, 1)
    return min(len(counter.data.left), tables * _pairs_above(counter.sequences.histogram(), tables / 2))


def _fingerprints(counter: Counter, counts: np.ndarray, cells: bool) -> int:
    """Bytes of fingerprints at one lag, whole and with each block left out, and of what estimators make of them."""
    if cells:
        return 0
    blocks, large = counter.data.n_blocks + 1, _pairs_above(counts, SMALL)
    distinct = min(_pairs_above(counts, 1), SMALL // 2 + large)
    return int(blocks * 8 * (0.6 * SMALL + large + distinct))


def _pairs_above(counts: np.ndarray, least: float) -> int:
    """Pairs of symbols that occur more often than that where symbols are independent, about."""
    n = counts.sum()
    p = np.sort(counts[counts > 0])[::-1][:2000] / n
    return int(np.count_nonzero(np.outer(p, p) * n > least))


def _nodes(counts: np.ndarray) -> int:
    """Bytes for the cells of the null whose law is replaced by a few counts."""
    kinds = np.unique(counts[counts > 0]).astype(np.float64)
    first = np.searchsorted(kinds, 48 * counts.sum() / kinds)
    n = int((len(kinds) - first).sum())
    return 15 * _NODE * min(n, 500_000)


def _frequencies(counter: Counter) -> int:
    """Low frequencies of all documents that are long enough for it."""
    lengths = np.sort(counter.sequences.lengths)[::-1][:64]
    return int(np.minimum(np.sqrt(lengths), 1024).sum())
