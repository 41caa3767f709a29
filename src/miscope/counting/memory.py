"""How much memory counting may use, as asked for or half of what the machine has left; and what its parts take."""

from __future__ import annotations

import ctypes
import re
import sys
from contextlib import suppress

import numpy as np

from miscope.counting.tally import SMALL
from miscope.errors import InputError
from miscope.machine import memory_left

__all__ = [
    "CELL_BYTES",
    "Memory",
    "Remaining",
    "expected_cells",
    "give_back",
    "held_bytes",
    "kept_tables",
    "lag_bytes",
    "memory_beside",
    "memory_budget",
    "memory_left",
    "threads_within",
]

Memory = str | int | None
"""Bytes as a number, or as text such as "2 GB" or "512 MiB"; None for half of what is left."""

CELL_BYTES = 80
"""What a cell takes while cells are made and sorted, all arrays together, of which 16 bytes are kept."""

_LEAST = 2**26
_LEAST_LEFT = 2**24
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


class Remaining(int):
    """Bytes that are left of a limit, which was looked at as a whole."""


def memory_beside(memory: Memory, held: int, what: str) -> Memory:
    """What is left of a limit beside data that take so many bytes; the default limit knows of them already.

    Raises
    ------
    InputError
        If that is too little to count in.
    """
    if memory is None:
        return None
    limit = memory_budget(memory)
    if limit - held < _LEAST_LEFT:
        raise InputError(
            f"{what} take {held / 1e6:,.0f} MB of the {limit / 1e6:,.0f} MB that may be used, and counting takes "
            f"{_LEAST_LEFT / 1e6:,.0f} MB at least: allow {(held + _LEAST) / 1e6:,.0f} MB, or take fewer kinds of "
            "symbols (classes, such as top:1000)"
        )
    return Remaining(limit - held)


def give_back() -> None:
    """Return to the system what was freed, of which Arrow and the C library keep much for what may come."""
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is not None:
        pyarrow.default_memory_pool().release_unused()
    with suppress(AttributeError, OSError, TypeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)


def memory_budget(memory: Memory = None) -> int:
    """Bytes that counting may use.

    Parameters
    ----------
    memory
        A number of bytes, or text with a unit: ``"2GB"`` (powers of 1000), ``"512 MiB"`` (powers of 1024). Default:
        half of what is left on this machine.

    Raises
    ------
    InputError
        If it cannot be read, or is less than 64 MiB, which the smallest steps of counting need.

    Examples
    --------
    >>> memory_budget("2 GB"), memory_budget("512MiB")
    (2000000000, 536870912)
    """
    if isinstance(memory, Remaining):
        return memory
    if memory is None:
        return max(_LEAST, memory_left() // 2)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", str(memory), re.IGNORECASE)
    if isinstance(memory, bool) or found is None or found[2].lower() not in _UNITS:
        raise InputError(f"max_memory must be a number of bytes, or such as '2GB' or '512MiB', not {memory!r}")
    n = int(min(float(found[1]) * _UNITS[found[2].lower()], sys.maxsize))
    if n < _LEAST:
        raise InputError(f"{memory} of memory is too little to count in: give at least 64MiB")
    return n


def held_bytes(method: str, n_symbols: int, alphabet_size: int, mapped: int) -> int:
    """Bytes that a kernel holds of a corpus that it takes whole, with mapped files, which it reads at every lag."""
    index = 4 if n_symbols < 2**31 - 1 else 8
    made = {"sparse": 2 * index + 2, "bits": (alphabet_size - 1) * (1 + 1 / 8) / 8}.get(method, 0)
    return int(made * n_symbols) + mapped


def lag_bytes(method: str, n_symbols: int, alphabet_size: int, n_blocks: int, longest: int) -> int:
    """Bytes that a thread takes at a lag beside what the kernel holds; `longest` is how often the commonest symbol is.

    >>> lag_bytes("dense", 10**6, 100, 0, 10**5)
    371072
    """
    tallies = 32 * SMALL * (n_blocks + 1)
    if method in ("dense", "bits"):
        return kept_tables(method, n_symbols, alphabet_size, n_blocks) + tallies
    entries = 12 * min(n_symbols, max(n_blocks, 1) * alphabet_size)  # a symbol in a block
    return 28 * alphabet_size + (10 if n_blocks else 4) * longest + entries + tallies


def kept_tables(method: str, n_symbols: int, alphabet_size: int, n_blocks: int) -> int:
    """Bytes of the tables of a thread that counts into them, and of their sums."""
    table = (4 if n_symbols < 2**32 else 8) * max(n_blocks, 1) * alphabet_size**2
    return table * (3 if method == "bits" else 1) + 20 * alphabet_size**2


def threads_within(threads: int, memory: int, each: int) -> int:
    """As many threads as so much memory allows where each takes so many bytes; at least one."""
    return max(1, min(threads, memory // max(1, each)))


def expected_cells(histogram: np.ndarray, n_pairs: int, n_blocks: int) -> int:
    """Different pairs, block by block, if symbols were independent: what depends on its neighbour has fewer, as a rule.

    >>> expected_cells(np.array([50, 50]), 100, 0)
    4
    """
    counts = histogram[histogram > 0].astype(np.float64)
    if not len(counts) or n_pairs <= 0:
        return 0
    # Symbols about as frequent are taken together, in steps of a twentieth.
    kinds, sizes = np.unique(np.round(20 * np.log(counts)), return_counts=True)
    share = np.exp(kinds / 20)
    share /= np.sum(share * sizes)
    tables = max(n_blocks, 1)
    seen = -np.expm1(-np.outer(share, share) * (n_pairs / tables))
    return int(min(n_pairs, np.ceil(tables * (sizes @ seen @ sizes) - 0.5)))
