"""Tables of counts for many lags at once: margins, rare symbols pair by pair, and fingerprints, all compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from miscope.counting.fingerprint import FingerprintArray
from miscope.counting.tally import SMALL

__all__ = [
    "RareSymbols",
    "Runs",
    "complete",
    "count_rare",
    "count_short",
    "cut_runs",
    "find_rare",
    "fingerprints_of_tables",
    "margins",
    "spread",
]

_SORTED = 1024  # cells up to which sorting is quicker than a tally of small counts


class Runs(NamedTuple):
    """Stretches of a document inside one block: left symbols at ``start <= t < stop``, partners before ``end``."""

    start: np.ndarray
    stop: np.ndarray
    end: np.ndarray
    block: np.ndarray

    def some(self, which: np.ndarray) -> Runs:
        """Those for which `which`, a mask or indices, says so."""
        return Runs(*(field[which] for field in self))


class RareSymbols(NamedTuple):
    """Positions of rare symbols, grouped by symbol and block: group ``g`` is ``starts[g]:starts[g + 1]``.

    `low` and `high` are the positions that a partner may have: from `low` up to, not including, `high`.
    """

    symbol: np.ndarray
    block: np.ndarray
    starts: np.ndarray
    position: np.ndarray
    low: np.ndarray
    high: np.ndarray


def cut_runs(offsets: np.ndarray, bounds: np.ndarray) -> Runs:
    """Runs of documents with borders `offsets` and blocks with borders `bounds`, those without pairs left out."""
    cuts = np.union1d(offsets, bounds)
    cuts = cuts[(cuts >= offsets[0]) & (cuts <= offsets[-1])].astype(np.int64)
    start, stop = cuts[:-1], cuts[1:]
    end = offsets[np.searchsorted(offsets, start, side="right")].astype(np.int64)
    block = np.searchsorted(bounds, start, side="right") - 1
    return Runs(start, stop, end, block).some(end - start > 1)


def find_rare(codes: np.ndarray, rare: np.ndarray, runs: Runs, left: bool, longest: int) -> RareSymbols:
    """Where the symbols for which `rare` is true stand in these runs, as left or as right symbols of pairs.

    Parameters
    ----------
    codes
        Symbols of that side.
    rare
        Shape (alphabet_size,).
    runs
        Stretches to look at.
    left
        Whether positions are those of left symbols, with partners to the right, or the other way round.
    longest
        The largest lag.
    """
    last = runs.stop if left else np.minimum(runs.end, runs.stop + longest)
    n = _count_rare(codes, rare, runs.start, last)
    position, run = np.empty(n, np.int64), np.empty(n, np.int64)
    _find_rare(codes, rare, runs.start, last, position, run)
    symbol, block = codes[position].astype(np.int64), runs.block[run]
    order = np.lexsort((position, block, symbol))
    position, run, symbol, block = position[order], run[order], symbol[order], block[order]
    new = np.ones(n, bool)
    new[1:] = (symbol[1:] != symbol[:-1]) | (block[1:] != block[:-1])
    starts = np.append(np.flatnonzero(new), n)
    low = position if left else runs.start[run]
    high = runs.end[run] if left else runs.stop[run]
    return RareSymbols(symbol[starts[:-1]], block[starts[:-1]], starts, position, low, high)


def margins(
    left: np.ndarray, right: np.ndarray, runs: Runs, lags: np.ndarray, n_tables: int, alphabet_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """How often each symbol is the left, and the right, one of a pair: two arrays (n_lags, n_tables, alphabet_size).

    From one lag to the next a run loses the left symbol whose partner would lie beyond the document, and its right
    symbols move on by one; so all lags together cost little more than one.
    """
    shape = (len(lags), n_tables, alphabet_size)
    first, second = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    _margin_changes(left, right, *runs, lags, first, second)
    return np.cumsum(first, axis=0, out=first), np.cumsum(second, axis=0, out=second)


def fingerprints_of_tables(tables: np.ndarray, n_blocks: int) -> FingerprintArray:
    """Fingerprints of many sets of tables: for each lag the whole, then with each block left out.

    Parameters
    ----------
    tables
        Counts, shape (n_lags, max(n_blocks, 1), n_cells), integers.
    """
    return FingerprintArray(*_fingerprints(tables, n_blocks + 1 if n_blocks else 1))


@njit(nogil=True, cache=True)
def _count_rare(codes, rare, start, stop):  # type: ignore[no-untyped-def]
    n = 0
    for run in range(len(start)):
        for t in range(start[run], stop[run]):
            n += rare[codes[t]]
    return n


@njit(nogil=True, cache=True)
def _find_rare(codes, rare, start, stop, position, run_of):  # type: ignore[no-untyped-def]
    n = 0
    for run in range(len(start)):
        for t in range(start[run], stop[run]):
            if rare[codes[t]]:
                position[n] = t
                run_of[n] = run
                n += 1


@njit(nogil=True, cache=True)
def _margin_changes(left, right, start, stop, end, block, lags, first, second):  # type: ignore[no-untyped-def]
    # Changes from each lag to the next, the first of them from nothing.
    n_lags = len(lags)
    for run in range(len(start)):
        s, e, d, j = start[run], stop[run], end[run], block[run]
        last = min(e, d - lags[0])
        if last <= s:
            continue
        for t in range(s, last):
            first[0, j, left[t]] += 1
            second[0, j, right[t + lags[0]]] += 1
        i = 1
        for t in range(last - 1, s - 1, -1):  # t has no partner from lag d - t on
            while i < n_lags and lags[i] < d - t:
                i += 1
            if i == n_lags:
                break
            first[i, j, left[t]] -= 1
        i = 1
        for u in range(s + lags[0], min(d, s + lags[n_lags - 1])):  # u has no partner from lag u - s + 1 on
            while i < n_lags and lags[i] < u - s + 1:
                i += 1
            if i == n_lags:
                break
            second[i, j, right[u]] -= 1
        i = 1
        for u in range(last + lags[0], min(d, e + lags[n_lags - 1])):  # u has a partner from lag u - e + 1 on
            while i < n_lags and lags[i] < u - e + 1:
                i += 1
            if i == n_lags:
                break
            second[i, j, right[u]] += 1


@njit(nogil=True, cache=True)
def spread(counts, symbols, first, tables):  # type: ignore[no-untyped-def]
    """Copy counts (tables, pairs of symbols, lags) to where they belong in tables (lags, tables, cells)."""
    n_lags, n_tables = tables.shape[:2]
    for j in range(n_tables):
        for a in range(len(symbols)):
            for b in range(len(symbols)):
                for i in range(n_lags):
                    tables[i, j, symbols[a], symbols[b]] = counts[j, a, b, first + i]


@njit(nogil=True, cache=True)
def count_short(left, right, start, stop, end, block, lags, tables):  # type: ignore[no-untyped-def]
    """Count the pairs of short runs, one by one."""
    for i in range(len(lags)):
        lag = lags[i]
        for run in range(len(start)):
            table = tables[i, block[run]]
            for t in range(start[run], min(stop[run], end[run] - lag)):
                table[left[t], right[t + lag]] += 1


@njit(nogil=True, cache=True)
def count_rare(symbol, block, starts, position, low, high, other, skip, lags, sign, scratch, tables):  # type: ignore[no-untyped-def]
    """Count the pairs of rare symbols, one by one: their partners stand at ``position + sign * lag`` in `other`.

    Partners for which `skip` is true are not counted. `scratch` is room of shape (n_lags, alphabet_size), zeros.
    """
    n_lags, width = scratch.shape
    step = lags[n_lags - 1] - lags[0] == n_lags - 1
    for group in range(len(symbol)):
        touched = False
        for k in range(starts[group], starts[group + 1]):
            t = position[k]
            if sign > 0:
                nearest, farthest = np.int64(1), high[k] - 1 - t
            else:
                nearest, farthest = t - high[k] + 1, t - low[k]
            if step:
                begin = max(np.int64(0), nearest - lags[0])
                finish = min(np.int64(n_lags), farthest - lags[0] + 1)
            else:
                begin = np.searchsorted(lags, nearest)
                finish = np.searchsorted(lags, farthest, side="right")
            touched |= finish > begin
            if step:
                partner = t + sign * (lags[0] + begin)
                for i in range(begin, finish):
                    scratch[i, other[partner]] += 1
                    partner += sign
            else:
                for i in range(begin, finish):
                    scratch[i, other[t + sign * lags[i]]] += 1
        if not touched:
            continue
        a, j = symbol[group], block[group]
        for i in range(n_lags):
            for b in range(width):
                if not skip[b]:
                    if sign > 0:
                        tables[i, j, a, b] += scratch[i, b]
                    else:
                        tables[i, j, b, a] += scratch[i, b]
                scratch[i, b] = 0


@njit(nogil=True, cache=True)
def complete(tables, left, right, z):  # type: ignore[no-untyped-def]
    """Fill row and column `z` from the margins; returns the least count of all, which must not be below 0."""
    n_lags, n_tables, width, _ = tables.shape
    least = np.int64(0)
    for i in range(n_lags):
        for j in range(n_tables):
            table = tables[i, j]
            for b in range(width):
                table[z, b] = right[i, j, b]
            for a in range(width):
                if a == z:
                    continue
                rest = left[i, j, a]
                for b in range(width):
                    if b != z:
                        rest -= table[a, b]
                        table[z, b] -= table[a, b]
                        least = min(least, np.int64(table[a, b]))
                table[a, z] = rest
                least = min(least, np.int64(rest))
            rest = left[i, j, z]
            for b in range(width):
                if b != z:
                    rest -= table[z, b]
                    least = min(least, np.int64(table[z, b]))
            table[z, z] = rest
            least = min(least, np.int64(rest))
    return least


@njit(nogil=True, cache=True)
def _fingerprints(tables, n_histograms):  # type: ignore[no-untyped-def]
    n_lags, n_tables, n_cells = tables.shape
    total = np.empty(n_cells, np.int64)
    values = np.empty(n_cells, np.int64)
    small = np.zeros(SMALL, np.int64)
    counts = np.empty(max(1024, min(n_cells, 4096) * n_lags), np.int64)
    multiplicities = np.empty(len(counts), np.int64)
    offsets = np.zeros(n_lags * n_histograms + 1, np.int64)
    end = 0
    for i in range(n_lags):
        for cell in range(n_cells):
            total[cell] = tables[i, 0, cell]
        for j in range(1, n_tables):
            for cell in range(n_cells):
                total[cell] += tables[i, j, cell]
        for h in range(n_histograms):
            if end + n_cells > len(counts):
                larger = np.empty(2 * len(counts) + n_cells, np.int64)
                larger[:end] = counts[:end]
                counts = larger
                larger = np.empty(len(counts), np.int64)
                larger[:end] = multiplicities[:end]
                multiplicities = larger
            n = 0
            if n_cells <= _SORTED:
                for cell in range(n_cells):
                    value = total[cell]
                    if h > 0:
                        value -= tables[i, h - 1, cell]
                    if value > 0:
                        values[n] = value
                        n += 1
            else:
                most = 0
                for cell in range(n_cells):
                    value = total[cell]
                    if h > 0:
                        value -= tables[i, h - 1, cell]
                    if value >= SMALL:
                        values[n] = value
                        n += 1
                    elif value > 0:
                        small[value] += 1
                        most = max(most, value)
                for value in range(1, most + 1):
                    if small[value] > 0:
                        counts[end] = value
                        multiplicities[end] = small[value]
                        small[value] = 0
                        end += 1
            if n > 0:
                values[:n].sort()
                previous = 0
                for k in range(n):
                    if values[k] == previous:
                        multiplicities[end - 1] += 1
                    else:
                        previous = values[k]
                        counts[end] = previous
                        multiplicities[end] = 1
                        end += 1
            offsets[i * n_histograms + h + 1] = end
    return counts[:end].copy(), multiplicities[:end].copy(), offsets
