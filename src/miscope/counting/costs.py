"""What each kernel costs: a linear model whose constants were measured by ``python benchmarks/cost_model.py``."""

from __future__ import annotations

import numpy as np

__all__ = ["FOURIER_COSTS", "cheapest", "fourier_terms", "n_transformed", "predict", "table_bytes", "terms"]

_MOST_TABLE_BYTES = 2**28
_MOST_BITS_SYMBOLS = 32

# Nanoseconds for each of the terms below.
_CONSTANTS: dict[tuple[str, str], tuple[float, ...]] = {
    ("dense", "prepare"): (9.64e03,),
    ("dense", "lag"): (0.919, 0.225, 30.3, 2.33, 0, 0),
    ("bits", "prepare"): (0, 0.133),
    ("bits", "lag"): (0.28, 24.9, 11.8, 28.4, 2.67e04),
    ("sparse", "prepare"): (12.4, 0.747, 0),
    ("sparse", "lag"): (8.42, 2.21, 1.44, 2.16, 0, 0),
    # Of all lags together, see `fourier_terms`.
    ("fourier", "all"): (2.67, 0.69, 7.05, 1.42, 8.3, 515, 8.6e3, 5.35e6),
}
FOURIER_COSTS = _CONSTANTS["fourier", "all"][:4]
"""The first four of its constants: see `fourier_terms`."""
_FEWEST_FOURIER_LAGS = 128
_MOST_FOURIER_SYMBOLS = 1024
_HELD = 2**29  # bytes of counts that the Fourier kernel holds at a time


def terms(
    method: str, stage: str, n_symbols: int, n_documents: int, alphabet_size: int, n_blocks: int
) -> tuple[float, ...]:
    """What a kernel does, in numbers of operations of a kind; `stage` is ``prepare`` or ``lag``."""
    n, size = float(n_symbols), float(alphabet_size)
    segments = n_documents + max(n_blocks, 1)
    tables = max(n_blocks, 1) * size**2
    if stage == "prepare":
        return {
            "dense": (1.0,),
            "bits": (n, n * size),
            "sparse": (n, n * _far(size), size),
        }[method]
    if method == "dense":
        # A pair; a pair whose cell is not in the nearest cache; a segment; a cell to clear, add up and tally.
        return (n, n * _far(size**2 / 16), segments, tables, tables * _far(tables / 256), 1.0)
    if method == "bits":
        planes = size - 1
        return (n * planes**2 / 64, segments * planes**2, segments * planes, tables, 1.0)
    blocked = float(n_blocks > 0)
    return (n, n * _far(size), n * blocked, n * blocked * _far(size), size * (1 + blocked), 1.0 + n_blocks)


def n_transformed(counts: np.ndarray, n_symbols: int, n_lags: int, n_tables: int) -> int:
    """How many symbols the Fourier kernel transforms, for the least work; the others it counts pair by pair.

    Parameters
    ----------
    counts
        Left and right positions of each symbol together, the most frequent first; that one needs neither.
    n_symbols, n_lags, n_tables
        Symbols in the corpus, lags, blocks (1 for none).
    """
    transform, product, inverse, pair = FOURIER_COSTS
    n = np.arange(len(counts), dtype=np.float64)
    octaves = np.log2(2.0 * max(n_lags, 2))
    others = counts.sum() - np.cumsum(counts, dtype=np.float64)
    spectra = n_symbols * (n * transform * octaves + n**2 * product) + n**2 * inverse * n_tables * n_lags * octaves
    return int(np.argmin(spectra + others * n_lags * pair))


def fourier_terms(
    n_symbols: int, n_documents: int, alphabet_size: int, n_lags: int, n_blocks: int
) -> tuple[float, ...]:
    """What the Fourier kernel does for all lags from 1 to `n_lags`, for symbols that follow Zipf's law.

    A symbol transformed, an octave; a product of transforms; a count of a pair of symbols transformed back, an octave;
    a pair counted by itself; a cell of a table made and tallied; a lag; a document; 1.
    """
    tables = max(n_blocks, 1)
    ranks = np.arange(1.0, alphabet_size + 1)
    counts = 2 * n_symbols / ranks / np.sum(1 / ranks)
    n = n_transformed(counts, n_symbols, n_lags, tables)
    batches = np.ceil(tables * n_lags * (4.0 * n**2 + 16 * alphabet_size) / _HELD)
    octaves = np.log2(2.0 * max(n_lags, 2))
    pairs = float(counts[n + 1 :].sum()) * n_lags
    cells = tables * n_lags * float(alphabet_size) ** 2
    spectra = batches * n_symbols
    return (
        spectra * n * octaves,
        spectra * n**2,
        n**2 * tables * n_lags * octaves,
        pairs,
        cells,
        float(n_lags),
        float(n_documents),
        1.0,
    )


def _far(size: float) -> float:
    """How far out in the hierarchy of caches a table of this many entries lies, about: octaves beyond 1,024."""
    return max(0.0, float(np.log2(size / 1024)))


def predict(method: str, n_symbols: int, n_documents: int, alphabet_size: int, n_lags: int, n_blocks: int) -> float:
    """Seconds on one thread of the machine that was measured, for choosing between kernels.

    Lags are taken to be all from 1 to `n_lags`; only the Fourier kernel would take longer for lags that lie apart.
    """
    if method == "fourier":
        at_once = fourier_terms(n_symbols, n_documents, alphabet_size, n_lags, n_blocks)
        return float(np.dot(_CONSTANTS[method, "all"], at_once)) * 1e-9
    about = (n_symbols, n_documents, alphabet_size, n_blocks)
    nanoseconds = {
        stage: np.dot(_CONSTANTS[method, stage], terms(method, stage, *about)) for stage in ("prepare", "lag")
    }
    return float(nanoseconds["prepare"] + n_lags * nanoseconds["lag"]) * 1e-9


def cheapest(n_symbols: int, n_documents: int, alphabet_size: int, n_lags: int, n_blocks: int) -> str:
    """The kernel that the model takes to be quickest, among those whose tables fit."""
    if not _CONSTANTS:
        return "sparse"
    possible = ["sparse"]
    if table_bytes(alphabet_size, n_blocks) <= _MOST_TABLE_BYTES:
        possible.append("dense")
        if alphabet_size <= _MOST_BITS_SYMBOLS:
            possible.append("bits")
        if n_lags >= _FEWEST_FOURIER_LAGS and 2 <= alphabet_size <= _MOST_FOURIER_SYMBOLS:
            possible.append("fourier")
    return min(possible, key=lambda name: predict(name, n_symbols, n_documents, alphabet_size, n_lags, n_blocks))


def table_bytes(alphabet_size: int, n_blocks: int) -> int:
    """Memory that the tables of a kernel with tables take, in bytes a thread."""
    return (max(n_blocks, 1) + 1) * alphabet_size**2 * 4
