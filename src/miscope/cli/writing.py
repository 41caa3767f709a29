"""A sample on disk: what kind of file can hold it, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miscope.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from miscope.processes import Process
    from miscope.sequences import Sequences, Series

__all__ = ["KINDS", "writer"]

KINDS = (".arrow", ".npy", ".txt")


def writer(suffix: str, process: Process) -> Callable[[Any, Path], None]:
    """What writes a sample of this process to such a file, if it can be written there."""
    from miscope.processes import RealProcess

    if isinstance(process, RealProcess):
        if suffix != ".npy":
            cut = " or cut them into symbols with --quantiles 4" if process.n_channels == 1 else ""
            raise InputError(f"{process.label} gives real numbers, which {suffix} files do not hold: write .npy,{cut}")
        return _write_npy
    if suffix == ".txt":
        _characters(process)
    return {".arrow": _write_arrow, ".npy": _write_npy, ".txt": _write_text}[suffix]


def _characters(sequences: Any) -> str:
    """The character of each code; refused where a symbol is not just one."""
    alphabet = sequences.alphabet if sequences.alphabet is not None else range(sequences.alphabet_size)
    symbols = [str(symbol) for symbol in alphabet]
    if not all(len(symbol) == 1 and symbol.isprintable() for symbol in symbols) or len(set(symbols)) < len(symbols):
        raise InputError(
            f"a .txt file has one character for each symbol, but {sequences.alphabet_size} symbols are not all single "
            "characters here: write .arrow or .npy"
        )
    return "".join(symbols)


def _write_arrow(drawn: Sequences, path: Path) -> None:
    drawn.save(path)


def _write_npy(drawn: Sequences | Series, path: Path) -> None:
    import numpy as np

    from miscope.atomic import atomic_path

    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, _rows(drawn), allow_pickle=False)


def _rows(drawn: Any) -> np.ndarray:
    """Documents side by side, shape (n_documents, length), or (n_documents, length, n_channels)."""
    values: np.ndarray = drawn.codes if hasattr(drawn, "codes") else drawn.values
    return values.reshape(drawn.n_documents, -1, *values.shape[1:])


def _write_text(drawn: Sequences, path: Path) -> None:
    import numpy as np

    from miscope.atomic import atomic_path

    points = np.array([ord(character) for character in _characters(drawn)], "<u4")
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for row in _rows(drawn):
            file.write((points[row].tobytes().decode("utf-32-le") + "\n").encode())
