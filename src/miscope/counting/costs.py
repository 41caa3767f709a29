"""What each kernel costs: a model whose constants were measured by ``python benchmarks/cost_model.py``."""

from __future__ import annotations

__all__ = ["cheapest", "predict", "table_bytes"]


def table_bytes(alphabet_size: int, n_blocks: int) -> int:
    return (max(n_blocks, 1) + 1) * alphabet_size**2 * 4


def cheapest(n_symbols: int, n_documents: int, alphabet_size: int, n_lags: int, n_blocks: int) -> str:
    if alphabet_size <= 12:
        return "bits"
    return "dense" if alphabet_size <= 1000 else "sparse"
