"""Arrays for the benchmarks, from what every installation of Python has: the sources of its standard library."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path

import numpy as np


def library_source() -> bytes:
    """All .py files of the standard library, in the order of their names."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(path for path in folder.rglob("*.py") if "site-packages" not in path.parts)
    return b"".join(path.read_bytes() for path in files)


def source_bytes(n: int) -> np.ndarray:
    """Codes of the first n bytes: uint8, as many symbols as there are different bytes."""
    _, codes = np.unique(np.frombuffer(library_source()[:n], np.uint8), return_inverse=True)
    return codes.astype(np.uint8)


def source_words(n: int) -> np.ndarray:
    """Codes of the first n words, by frequency; visible characters that are no letters or digits are words alone."""
    words = re.findall(r"\w+|[^\w\s]", library_source().decode("utf-8", "replace"))[:n]
    kinds, codes, counts = np.unique(words, return_inverse=True, return_counts=True)
    rank = np.empty(len(kinds), np.uint32)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(kinds), dtype=np.uint32)
    return rank[codes]


def random_symbols(kinds: int, n: int) -> np.ndarray:
    """Independent symbols."""
    return np.random.default_rng(0).integers(0, kinds, n, dtype=np.uint8)
