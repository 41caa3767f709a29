"""What each kernel costs: a linear model whose constants were measured by ``python benchmarks/cost_model.py``."""

from __future__ import annotations

import numpy as np

__all__ = ["cheapest", "predict", "table_bytes", "terms"]

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
}


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


def _far(size: float) -> float:
    """How far out in the hierarchy of caches a table of this many entries lies, about: octaves beyond 1,024."""
    return max(0.0, float(np.log2(size / 1024)))


def predict(method: str, n_symbols: int, n_documents: int, alphabet_size: int, n_lags: int, n_blocks: int) -> float:
    """Seconds on one thread of the machine that was measured, for choosing between kernels."""
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
    return min(possible, key=lambda name: predict(name, n_symbols, n_documents, alphabet_size, n_lags, n_blocks))


def table_bytes(alphabet_size: int, n_blocks: int) -> int:
    """Memory that the tables of a kernel with tables take, in bytes a thread."""
    return (max(n_blocks, 1) + 1) * alphabet_size**2 * 4
