"""A sample on disk: what kind of file can hold it, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from miscope.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from miscope.sequences import Sequences, Series

__all__ = ["KINDS", "as_lines", "writer"]

KINDS = (".arrow", ".npy", ".txt")

_BREAKS = "\n\t"  # characters that are none on paper, which a text may hold all the same


def writer(suffix: str, source: Any, n_documents: int) -> Callable[[Any, Path], None]:
    """What writes a sample of this process or model to such a file, if it can be written there."""
    if hasattr(source, "n_channels"):
        if suffix != ".npy":
            is_process = source.n_channels == 1 and hasattr(source, "quantised")
            cut = ", or cut them into symbols with --quantiles 4" if is_process else ""
            raise InputError(f"{source.label} gives real numbers, which {suffix} files do not hold: write .npy{cut}")
        return _write_npy
    if suffix == ".txt":
        return partial(_write_text, _characters(source, n_documents), as_lines(source, n_documents))
    return {".arrow": _write_arrow, ".npy": _write_npy}[suffix]


def as_lines(source: Any, n_documents: int) -> bool:
    """Whether a .txt file has a document a line: always, but for one document with line breaks in it."""
    return n_documents > 1 or not any(symbol in _BREAKS for symbol in _symbols(source))


def _symbols(source: Any) -> list[str]:
    """The symbol of each code, as text."""
    alphabet = getattr(source, "alphabet", None)
    return [str(symbol) for symbol in (range(source.alphabet_size) if alphabet is None else alphabet)]


def _characters(source: Any, n_documents: int) -> str:
    """The character of each code; refused where a symbol is not just one, or would end a line."""
    symbols = _symbols(source)
    plain = [len(symbol) == 1 and (symbol.isprintable() or symbol in _BREAKS) for symbol in symbols]
    if not all(plain) or len(set(symbols)) < len(symbols):
        raise InputError(
            f"a .txt file has one character for each symbol, but {source.alphabet_size} symbols are not all single "
            "characters here: write .arrow or .npy"
        )
    if as_lines(source, n_documents) and any(symbol in _BREAKS for symbol in symbols):
        raise InputError(
            "a .txt file has one document a line, and one character for each symbol; here line breaks or tabs are "
            "symbols too: draw one document, --documents 1, or write .arrow or .npy"
        )
    return "".join(symbols)


def _write_arrow(drawn: Sequences, path: Path) -> None:
    drawn.save(path)


def _write_npy(drawn: Sequences | Series, path: Path) -> None:
    import numpy as np

    from miscope.atomic import atomic_path

    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array(_Checked(file), _rows(drawn), allow_pickle=False)


class _Checked:
    """A file to write to, but none to numpy, which writes to files in a way of its own that is silent on full disks."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: Any) -> int:
        """Write bytes, or raise."""
        return self._file.write(data)


def _rows(drawn: Any) -> np.ndarray:
    """Documents side by side, shape (n_documents, length), or (n_documents, length, n_channels)."""
    values: np.ndarray = drawn.codes if hasattr(drawn, "codes") else drawn.values
    return values.reshape(drawn.n_documents, -1, *values.shape[1:])


def _write_text(characters: str, lines: bool, drawn: Sequences, path: Path) -> None:
    import numpy as np

    from miscope.atomic import atomic_path

    points = np.array([ord(character) for character in characters], "<u4")
    end = "\n" if lines else ""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for row in _rows(drawn):
            file.write((points[row].tobytes().decode("utf-32-le") + end).encode())
