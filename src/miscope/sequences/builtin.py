"""Data that are at hand: the documentation strings of Python's standard library, and prices that come with arch."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import os
import platform
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

from miscope.errors import InputError, MissingExtraError, choice
from miscope.sequences.codes import offsets_of
from miscope.sequences.container import Sequences
from miscope.sequences.encoding import UNITS, encode_documents, encoder_of
from miscope.sequences.series import Series
from miscope.sequences.sources import Progress

__all__ = ["builtin_corpus", "builtin_prices"]

MIN_CHARACTERS = 200
LEFT_OUT = {"test", "tests", "idle_test", "idlelib", "lib2to3", "turtledemo", "ensurepip", "encodings", "__pycache__"}
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def builtin_corpus(unit: str = "character", fold_case: bool = False, progress: Progress | None = None) -> Sequences:
    """Return the documentation of Python's standard library, one document a module: text to try things on.

    It needs no network and is the same wherever the same version of Python is: about 1.5 million characters.

    Examples
    --------
    >>> corpus = builtin_corpus()
    >>> corpus.n_symbols > 500_000, corpus.n_documents > 100
    (True, True)

    Parameters
    ----------
    unit
        ``"byte"``, ``"character"``, ``"word"`` or ``"token"``, as in `read_text`.
    fold_case
        Make capital and small letters the same; not for bytes.
    progress
        Called now and then with the number of files done and in all.

    Raises
    ------
    InputError
        This installation of Python came without the sources of its library.
    """
    choice(unit, UNITS, "unit")
    if fold_case and unit == "byte":
        raise InputError("bytes have no case to fold; use unit='character', or leave fold_case out")
    texts = list(_module_texts(progress))
    if not texts:
        raise InputError("this installation of Python has no sources of the standard library to take text from")
    digest = hashlib.sha256("\0".join(texts).encode())
    texts = [text.casefold() for text in texts] if fold_case else texts
    texts = [text.encode().decode("latin-1") for text in texts] if unit == "byte" else texts
    encoded = encode_documents(texts, encoder_of(unit), marked=False)
    provenance = {
        "reader": "builtin_corpus",
        "label": f"documentation of Python {platform.python_version()}",
        "unit": unit,
        "fold_case": fold_case,
        "python": platform.python_version(),
        "modules": len(texts),
        "sha256": digest.hexdigest(),
    }
    return Sequences(encoded.codes, offsets_of(encoded.lengths), len(encoded.alphabet), encoded.alphabet, provenance)


def builtin_prices(as_: str = "returns:sign") -> Sequences | Series:
    """Return what the daily closing prices of the S&P 500 did, 1999 to 2018, from the data that come with arch.

    Needs ``pip install "miscope[study]"``; nothing of arch is run.

    Examples
    --------
    >>> builtin_prices().alphabet
    ('-', '0', '+')

    Parameters
    ----------
    as_
        What becomes of the prices, as in `read_table`: ``"returns"`` (numbers), ``"returns:sign"``,
        ``"returns:volatility:4"``, …

    Raises
    ------
    MissingExtraError
        arch is not installed.
    """
    from miscope.sequences.tables import read_table

    found = importlib.util.find_spec("arch")
    places = (
        [Path(place) / "data/sp500/sp500.csv.gz" for place in (found.submodule_search_locations or [])] if found else []
    )
    for path in places:
        if path.is_file():
            return read_table(path, "Adj Close", time="Date", as_=as_, label="S&P 500")
    raise MissingExtraError(
        "prices of the S&P 500 come with 'arch', which is not installed: pip install \"miscope[study]\""
    )


def _module_texts(progress: Progress | None) -> Iterator[str]:
    """Yield the documentation of each module that has some, by dotted name."""
    files = _library_files(Path(sysconfig.get_paths()["stdlib"]))
    for done, file in enumerate(files, 1):
        text = _documentation_in(file)
        if progress is not None:
            progress(done, len(files))
        if len(text) >= MIN_CHARACTERS:
            yield text


def _library_files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name.isidentifier() and name not in LEFT_OUT]
        found += [Path(root, name) for name in names if name.endswith(".py") and not name.startswith("_sysconfigdata")]
    return sorted(found, key=lambda file: file.relative_to(folder).with_suffix("").parts)


@functools.cache  # the library does not change while Python runs: characters and words of it are parsed once
def _documentation_in(file: Path) -> str:
    return _documentation(file.read_bytes())


def _documentation(source: bytes) -> str:
    """Return the documentation strings of a module in the order of its source."""
    if b'"""' not in source and b"'''" not in source:
        return ""  # four times faster than parsing what has nothing to say
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ""
    nodes = [node for node in _statements(tree) if isinstance(node, Documented)]
    nodes.sort(key=lambda node: getattr(node, "lineno", 0))
    text = "\n\n".join(filter(None, ((ast.get_docstring(node) or "").strip() for node in nodes)))
    return text.encode("utf-8", "replace").decode()  # escapes can make what UTF-8 cannot write


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the tree and all statements in it, but no expressions, which are most of it."""
    yield tree
    for name in ("body", "orelse", "handlers", "finalbody", "cases"):
        for node in getattr(tree, name, ()):
            yield from _statements(node)
