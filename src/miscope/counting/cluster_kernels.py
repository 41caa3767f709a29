"""The loops behind routing: pairs grouped, cut into ranges and merged, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit

from miscope.counting.sparse import add_whole, settle
from miscope.counting.tally import SMALL

__all__ = ["add_sides", "combine_pairs", "count_sides", "group_positions", "merge_blocks", "merge_whole", "route_pairs"]


@njit(nogil=True, cache=True)
def group_positions(codes, offsets, bounds, starts, position, after, block):  # type: ignore[no-untyped-def]
    """Positions by symbol, ascending; how many symbols from there to the document's end, itself included; blocks."""
    for code in codes:
        starts[code + 1] += 1
    for a in range(len(starts) - 1):
        starts[a + 1] += starts[a]
    free = starts[:-1].copy()
    document = j = 0
    for t in range(len(codes)):
        while t >= offsets[document + 1]:
            document += 1
        while t >= bounds[j + 1]:
            j += 1
        slot = free[codes[t]]
        free[codes[t]] += 1
        position[slot] = t
        after[slot] = offsets[document + 1] - t
        block[slot] = j


@njit(nogil=True, cache=True)
def route_pairs(  # type: ignore[no-untyped-def]
    codes, starts, position, after, blocks, lag, borders, heavy, total, symbol, block, size, counted, right, count
):
    """Fill the arrays of runs, entries and counts; returns how many of each there are before each range."""
    ends = np.zeros((len(borders), 3), np.int64)
    n_runs = n_entries = n_counts = 0
    for r in range(len(borders) - 1):
        for a in range(borders[r], borders[r + 1]):
            k = starts[a]
            while k < starts[a + 1]:
                j = blocks[k]
                begin = n_entries
                while k < starts[a + 1] and blocks[k] == j:
                    if lag < after[k]:
                        right[n_entries] = codes[np.uintp(position[k]) + np.uintp(lag)]
                        n_entries += 1
                    k += 1
                n = n_entries - begin
                if n == 0:
                    continue
                is_heavy = n > heavy
                if is_heavy:  # right[begin:] is replaced by what is different in it
                    kept = begin
                    for e in range(begin, n_entries):
                        b = right[e]
                        if total[b] == 0:
                            right[kept] = b
                            kept += 1
                        total[b] += 1
                    for e in range(begin, kept):
                        count[n_counts] = total[right[e]]
                        total[right[e]] = 0
                        n_counts += 1
                    n_entries = kept
                symbol[n_runs] = a
                block[n_runs] = j
                size[n_runs] = n_entries - begin
                counted[n_runs] = is_heavy
                n_runs += 1
        ends[r + 1, 0] = n_runs
        ends[r + 1, 1] = n_entries
        ends[r + 1, 2] = n_counts
    return ends


@njit(nogil=True, cache=True)
def count_sides(codes, offsets, bounds, lag, alphabet_size, symbol, block, count):  # type: ignore[no-untyped-def]
    """Symbols, block by block, and how often each is the right one of a pair; returns how many there are."""
    held = np.zeros(alphabet_size, np.int64)
    seen = np.empty(min(alphabet_size, len(symbol)), np.uint32)
    n = 0
    for j in range(len(bounds) - 1):
        n_seen = 0
        document = np.searchsorted(offsets, bounds[j], side="right") - 1
        while document < len(offsets) - 1 and offsets[document] < bounds[j + 1]:
            start = max(offsets[document], bounds[j])
            stop = max(start, min(offsets[document + 1] - lag, bounds[j + 1]))
            document += 1
            for b in codes[start + lag : stop + lag]:
                if held[b] == 0:
                    seen[n_seen] = b
                    n_seen += 1
                held[b] += 1
        for s in range(n_seen):
            symbol[n] = seen[s]
            block[n] = j
            count[n] = held[seen[s]]
            held[seen[s]] = 0
            n += 1
    return n


@njit(nogil=True, cache=True)
def add_sides(symbol, block, count, first, table):  # type: ignore[no-untyped-def]
    """Add counts of symbols to a table with a row a block and a column a symbol from `first` on."""
    for k in range(len(symbol)):
        table[block[k], np.int64(symbol[k]) - first] += np.int64(count[k])


@njit(nogil=True, cache=True)
def merge_whole(symbol, block, size, start, count_start, right, count, first, longest, total, left, small, large):  # type: ignore[no-untyped-def]
    """Tally of the pairs of these runs, and how often each left symbol occurs; returns the number of large counts."""
    seen = np.empty(longest, np.uint32)
    n_large = 0
    run = 0
    while run < len(symbol):
        a = symbol[run]
        n = 0
        pairs = np.int64(0)
        while run < len(symbol) and symbol[run] == a:
            for e in range(size[run]):
                b = right[start[run] + e]
                m = np.int64(1) if count_start[run] < 0 else count[count_start[run] + e]
                if total[b] == 0:
                    seen[n] = b
                    n += 1
                total[b] += m
                pairs += m
            run += 1
        left[0, np.int64(a) - first] = pairs
        for e in range(n):
            m = np.int64(total[seen[e]])
            total[seen[e]] = 0
            if m < SMALL:
                small[0, m] += 1
            else:
                large[0, n_large] = m
                n_large += 1
    return n_large


@njit(nogil=True, cache=True)
def merge_blocks(symbol, block, size, start, count_start, right, count, first, longest, total, left, small, large):  # type: ignore[no-untyped-def]
    """The same with each block left out."""
    # As in the sparse kernel: an entry for each right symbol and block, and changes of the left-out tallies there.
    where = np.zeros(len(total), np.uint32)
    row = np.zeros(len(total), np.uint32)
    symbols, counts = np.empty(longest, np.uint32), np.empty(longest, total.dtype)
    blocks = np.empty(longest, np.uint32)
    n_large = 0
    run = 0
    while run < len(symbol):
        a = symbol[run]
        n = 0
        while run < len(symbol) and symbol[run] == a:
            j = block[run]
            is_counted = count_start[run] >= 0
            pairs = np.int64(0)
            for k in range(size[run]):
                b = right[start[run] + k]
                m = count[count_start[run] + k] if is_counted else np.int64(1)
                pairs += m
                e = where[b]
                if e < n and symbols[e] == b and blocks[e] == j:
                    counts[e] += m
                else:
                    symbols[n] = b
                    blocks[n] = j
                    counts[n] = m
                    where[b] = n
                    n += 1
            left[j, np.int64(a) - first] += pairs
            run += 1
        n_large = settle((symbols, blocks, counts), n, where, total, row, small, large, n_large)
    add_whole(small)
    return n_large


@njit(nogil=True, cache=True)
def combine_pairs(  # type: ignore[no-untyped-def]
    symbol, block, size, start, count_start, right, count, total, out_symbol, out_block, out_size, out_right, out_count
):
    """One run for each symbol and block, equal pairs counted together; returns how many runs and entries there are."""
    n_runs = n = 0
    run = 0
    while run < len(symbol):
        a, j = symbol[run], block[run]
        begin = n
        while run < len(symbol) and symbol[run] == a and block[run] == j:
            for e in range(size[run]):
                b = right[start[run] + e]
                if total[b] == 0:
                    out_right[n] = b
                    n += 1
                total[b] += np.int64(1) if count_start[run] < 0 else count[count_start[run] + e]
            run += 1
        for e in range(begin, n):
            out_count[e] = total[out_right[e]]
            total[out_right[e]] = 0
        out_symbol[n_runs] = a
        out_block[n_runs] = j
        out_size[n_runs] = n - begin
        n_runs += 1
    return n_runs, n
