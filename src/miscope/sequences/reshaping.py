"""Splitting, joining and recoding, on bare arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from miscope.errors import InputError, choice
from miscope.sequences.arrays import Symbol, whole_numbers
from miscope.sequences.codes import Array, code_dtype, gather, recode

__all__ = ["fractions_of", "join", "map_symbols", "split"]

Alphabet = tuple[Symbol, ...] | None


def fractions_of(parts: int | Iterable[float]) -> list[float]:
    """Return the fractions that `parts` stands for, checked.

    >>> fractions_of(4)
    [0.25, 0.25, 0.25, 0.25]
    """
    if isinstance(parts, int):
        if parts < 1:
            raise InputError(f"cannot split into {parts} parts; pass 1 or more, or a list of fractions")
        return [1 / parts] * parts
    fractions = [float(part) for part in parts]
    if not fractions or not all(part > 0 for part in fractions) or sum(fractions) > 1 + 1e-9:
        raise InputError(
            f"fractions must be above 0 and add up to at most 1, not {fractions}; for example [0.8, 0.1, 0.1]"
        )
    return fractions


def split(codes: Array, offsets: Array, fractions: list[float], by: str, seed: int | None) -> list[tuple[Array, Array]]:
    """Return codes and offsets of each part."""
    borders = np.concatenate([[0.0], np.cumsum(fractions)]) * len(codes)
    if choice(by, ["documents", "symbols"], "way to split") == "symbols":
        if seed is not None:
            raise InputError("a seed shuffles documents; it has no meaning with by='symbols'")
        cuts = np.rint(borders).astype(np.int64)
        _refuse_empty(cuts, "by='symbols'; the data are too short for so many parts")
        return [_cut_symbols(codes, offsets, a, b) for a, b in pairwise(cuts)]
    order = None if seed is None else np.random.default_rng(seed).permutation(len(offsets) - 1)
    if order is not None:
        codes, offsets = gather(codes, offsets, order)
    cuts = _nearest(offsets, borders)
    _refuse_empty(offsets[cuts], "by='documents', at the nearest document border; try fewer parts, or by='symbols'")
    return [(codes[offsets[a] : offsets[b]], offsets[a : b + 1] - offsets[a]) for a, b in pairwise(cuts)]


def _nearest(offsets: Array, borders: Array) -> Array:
    """For each border the document border nearest to it."""
    above = np.minimum(np.searchsorted(offsets, borders), len(offsets) - 1)
    below = np.maximum(above - 1, 0)
    cuts: Array = np.where(borders - offsets[below] < offsets[above] - borders, below, above)
    cuts[offsets[cuts] == 0] = 0  # with the empty documents at the start,
    cuts[offsets[cuts] == offsets[-1]] = len(offsets) - 1  # and those at the end
    return cuts


def _cut_symbols(codes: Array, offsets: Array, start: int, end: int) -> tuple[Array, Array]:
    inner = offsets[np.searchsorted(offsets, start, "right") : np.searchsorted(offsets, end, "left")]
    return codes[start:end], np.concatenate([[start], inner, [end]]) - start


def _refuse_empty(cuts: Array, how: str) -> None:
    empty = np.flatnonzero(np.diff(cuts) <= 0)
    if len(empty):
        raise InputError(f"part {empty[0] + 1} of {len(cuts) - 1} would be empty when splitting {how}")


def join(parts: Sequence[tuple[Array, int, Alphabet]]) -> tuple[Array, int, Alphabet]:
    """Join codes, each with its alphabet size and alphabet; equal symbols get equal codes."""
    if not parts:
        raise InputError("there is nothing to concatenate; pass at least one Sequences")
    codes, sizes, alphabets = zip(*parts, strict=True)
    if any(alphabet is None for alphabet in alphabets):
        if any(alphabet is not None for alphabet in alphabets):
            raise InputError("some sequences have an alphabet and some have not; give all of them one, or none")
        return _joined(codes, max(sizes)), max(sizes), None
    merged = tuple(dict.fromkeys(symbol for alphabet in alphabets for symbol in alphabet))
    if all(alphabet == merged for alphabet in alphabets):
        return _joined(codes, len(merged)), len(merged), merged
    index = {symbol: code for code, symbol in enumerate(merged)}
    tables = [np.array([index[symbol] for symbol in alphabet], code_dtype(len(merged))) for alphabet in alphabets]
    renumbered = [recode(part, table) for part, table in zip(codes, tables, strict=True)]
    return _joined(renumbered, len(merged)), len(merged), merged


def _joined(codes: Sequence[Array], alphabet_size: int) -> Array:
    return np.concatenate(codes, dtype=code_dtype(alphabet_size), casting="unsafe")


def map_symbols(
    codes: Array,
    symbols: Sequence[Symbol],
    mapping: Mapping[Any, Symbol] | Callable[[Any], Symbol] | Array,
    other: Symbol | None,
) -> tuple[Array, int, Alphabet]:
    """Recode `codes`, whose symbols are `symbols`, to the classes that `mapping` gives."""
    if not callable(mapping) and not isinstance(mapping, Mapping):
        table = whole_numbers(mapping)
        if table.shape != (len(symbols),):
            raise InputError(
                f"an array of classes needs one for each of the {len(symbols)} codes; this has {table.shape}"
            )
        size = int(table.max()) + 1
        return recode(codes, table.astype(code_dtype(size))), size, None
    classes = [_plain(label) for label in _classes(symbols, mapping, other)]
    alphabet = tuple(sorted(set(classes), key=lambda label: (isinstance(label, str), label)))
    index = {label: code for code, label in enumerate(alphabet)}
    table = np.array([index[label] for label in classes], code_dtype(len(alphabet)))
    return recode(codes, table), len(alphabet), alphabet


def _classes(symbols: Sequence[Symbol], mapping: Any, other: Symbol | None) -> list[Any]:
    if not isinstance(mapping, Mapping):
        return [mapping(symbol) for symbol in symbols]
    missing = [symbol for symbol in symbols if symbol not in mapping]
    if missing and other is None:
        few = ", ".join(map(repr, missing[:5])) + (", …" if len(missing) > 5 else "")
        raise InputError(f"{len(missing)} symbols have no class: {few}; name them, or pass other='…' for all the rest")
    return [mapping.get(symbol, other) for symbol in symbols]


def _plain(label: Any) -> Symbol:
    label = label.item() if isinstance(label, np.generic) else label
    if not isinstance(label, str | int):
        raise InputError(f"a class must be a str or an int, not {label!r}")
    return int(label) if isinstance(label, bool) else label
