"""Which pairs of symbols carry the mutual information at a lag."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from miscope.atomic import write_json
from miscope.counting.blocks import cut_blocks
from miscope.counting.counted import Progress
from miscope.counting.doors import count_pairs
from miscope.counting.tally import Cells
from miscope.errors import InputError, choice, require
from miscope.estimation.jackknife import false_discovery, jackknife
from miscope.formats import marked
from miscope.sequences import Sequences
from miscope.sequences.in_memory import as_sequences

__all__ = ["Contributions", "contributions"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NULLS = ("global", "document")
_LEVEL = 0.05
_LEAST = 5.0  # pairs, below which a normal law is no guide


@dataclass(frozen=True, eq=False)
class Contributions:
    """Pairs of symbols by how much of the mutual information at a lag they carry.

    Attributes
    ----------
    lag
        In symbols: a pair is ``(x[t], x[t + lag])`` inside one document.
    left, right
        Codes of the pairs shown, int64, shape (n_shown,); the largest contributions first, whatever their sign.
    symbols
        Those of the same pairs, as text.
    count, expected
        How often each pair occurs, and how often the null expects it.
    value
        ``P(a,b) ln[P(a,b) / E(a,b)]`` in nats, shape (n_shown,): positive for pairs that are more frequent than the
        null expects, negative for rarer ones.
    stderr
        By leaving out blocks; nan without blocks.
    z
        ``(count - expected)`` over its standard error.
    q_values
        Of z, both ways, adjusted for the number of all pairs that were tested (Benjamini-Hochberg); nan for pairs that
        are too rare.
    total
        The sum over *all* pairs, in nats: the plug-in mutual information, for the null ``global``; never negative, and
        biased upwards.
    n_pairs, n_kinds, n_tested
        Pairs of symbols, kinds of pairs that occur, and how many of these are frequent enough for a test.
    null_name, label, warnings
        As in `MICurve`.
    """

    lag: int
    left: Ints
    right: Ints
    symbols: tuple[tuple[str, str], ...]
    count: Ints
    expected: Floats
    value: Floats
    stderr: Floats
    z: Floats
    q_values: Floats
    total: float
    n_pairs: int
    n_kinds: int
    n_tested: int
    null_name: str = "global"
    label: str = ""
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.value)

    def to_table(self) -> Any:
        """A pyarrow table with one row a pair."""
        import pyarrow as pa

        return pa.table(self._columns())

    def to_dict(self) -> dict[str, Any]:
        """Everything in it, JSON-able: numbers, and the columns of `to_table`; nan is None."""
        names = ("lag", "total", "n_pairs", "n_kinds", "n_tested", "null_name", "label")
        about = {name: getattr(self, name) for name in names} | {"warnings": list(self.warnings)}
        columns = {name: [_plain(each) for each in values] for name, values in self.to_table().to_pydict().items()}
        return marked("contributions", about | {"columns": columns})

    def save(self, path: str | Path) -> None:
        """Write `to_dict` as JSON, which `miscope.report` shows.

        >>> import tempfile
        >>> import miscope as ms
        >>> path = Path(tempfile.mkdtemp()) / "pairs.json"
        >>> ms.contributions("to be or not to be " * 50, lag=1, blocks=8).save(path)
        >>> path.read_text()[:36]
        '{"format": "miscope.contributions", '
        """
        write_json(path, self.to_dict(), "a table of pairs")

    def to_frame(self) -> Any:
        """A pandas data frame with one row a pair (needs the extra ``pandas``)."""
        pandas = require("pandas", "pandas", "to_frame()")
        return pandas.DataFrame(self._columns())

    def _columns(self) -> dict[str, Any]:
        return {
            "left": [pair[0] for pair in self.symbols],
            "right": [pair[1] for pair in self.symbols],
            "left_code": self.left,
            "right_code": self.right,
            "count": self.count,
            "expected": self.expected,
            "contribution": self.value,
            "stderr": self.stderr,
            "z": self.z,
            "q_value": self.q_values,
        }

    def __repr__(self) -> str:
        return f"Contributions({self.label!r}: {len(self)} of {self.n_kinds:,} kinds of pairs at lag {self.lag})"

    def __str__(self) -> str:
        name = self.label or "the sequences"
        head = (
            f"{name}: {self.n_kinds:,} kinds of pairs at lag {self.lag} carry {self.total:.4g} nats (plug-in, over the "
            f"null {self.null_name})"
        )
        rows: list[tuple[str, ...]] = [("left", "right", "count", "expected", "nats", "stderr", "z", "q", "")]
        for k, pair in enumerate(self.symbols):
            numbers = (self.value[k], self.stderr[k], self.z[k], self.q_values[k])
            cells = ("-" if np.isnan(each) else f"{each:.3g}" for each in numbers)
            mark = "*" if self.q_values[k] <= _LEVEL else ""
            rows.append((*map(_shown, pair), f"{self.count[k]:,}", f"{self.expected[k]:,.1f}", *cells, mark))
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = []
        for row in rows:
            cells = (
                cell.ljust(w) if k < 2 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  ".join(cells).rstrip())
        note = "* not what the null gives, at a false discovery rate of 5 % over all pairs tested"
        return "\n".join([head, *lines, note, *(f"warning: {text}" for text in self.warnings)])


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def contributions(
    sequences: Any,
    lag: int,
    *,
    top: int = 20,
    blocks: int = 32,
    null: str = "global",
    label: str | None = None,
    progress: Progress | None = None,
) -> Contributions:
    """Say which pairs of symbols carry the mutual information at a lag.

    Parameters
    ----------
    sequences
        `Sequences`, or anything else that `measure` takes.
    lag
        In symbols; one.
    top
        How many pairs to show: those whose contributions are largest, positive or negative.
    blocks
        Of the jackknife behind the bars; 0 for no bars.
    null
        What a pair is compared with: ``global`` (independent symbols, ``P(a) P(b)``), or ``document`` (symbols that are
        independent inside each document, whose compositions differ).
    label
        Name of the data; default: their own.
    progress
        Called with pairs counted and pairs in all.

    Returns
    -------
    Contributions

    Raises
    ------
    InputError
        If there is no pair at this lag, or an argument makes no sense.

    Examples
    --------
    >>> import miscope as ms
    >>> from miscope.curve.contributions import contributions
    >>> found = contributions("abcabcabd" * 200, 1, top=4, blocks=8)
    >>> found.symbols[0]
    ('a', 'b')
    >>> curve = ms.measure("abcabcabd" * 200, [1], estimator="plug_in", null="none", blocks=0)
    >>> bool(abs(found.total - curve.mi[0]) < 1e-12)
    True

    Notes
    -----
    The plug-in mutual information is ``sum_ab P(a,b) ln[P(a,b) / (P(a.) P(.b))]``; each term is one contribution.
    Terms are signed and only their sum is never negative. With the null ``document`` the expectation is
    ``E(a,b) = sum_d w_d P_d(a) P_d(b)``, with w_d the share of document d in all pairs (and no position paired with
    itself), and the sum is how far the pairs are from it, ``sum P ln(P / E)``.

    Where there are blocks, the standard error of ``count - expected`` comes from leaving them out, so that serially
    dependent symbols do not make a pair look surer than it is; it is at least that of independent pairs.
    Without blocks it is that alone: the variance of a cell whose margins are fixed, ``E (1 - P(a)) (1 - P(b))``.

    References
    ----------
    Haberman, Biometrics 29 (1973) 205 (adjusted residuals); Church and Hanks, Comput. Linguist. 16 (1990) 22 (pointwise
    mutual information of words); Künsch, Ann. Statist. 17 (1989) 1217 (blocks).
    """
    choice(null, _NULLS, "null")
    if isinstance(top, bool) or not isinstance(top, int | np.integer) or top < 1:
        raise InputError(f"top must be a whole number of at least 1, not {top!r}")
    if isinstance(lag, bool) or not isinstance(lag, int | np.integer):
        raise InputError(f"contributions are of one lag, a whole number, not {lag!r}")
    data = as_sequences(sequences)
    counts = count_pairs(data, [int(lag)], blocks=blocks, progress=progress)
    cells = counts.cells(0)
    if len(cells.keys) == 0:
        raise InputError(f"there is no pair at lag {lag}")
    table = _Table(cells, data.alphabet_size, counts.n_blocks)
    expected, left_out = (
        _by_document(data, int(lag), table, len(cells.offsets) - 1) if null == "document" else table.independent()
    )
    n = float(table.totals.sum())
    values = _terms(table.totals, expected, n)
    z, known = _z(table, expected, left_out, n)
    p = np.where(known, special.erfc(np.abs(z) / np.sqrt(2)), np.nan)
    q = false_discovery(p)
    shown = np.lexsort((table.keys, -np.abs(values)))[: int(top)]
    stderr = _stderr(table, left_out, shown, values) if counts.n_blocks else np.full(len(shown), np.nan)
    left, right = table.keys[shown] // data.alphabet_size, table.keys[shown] % data.alphabet_size
    return Contributions(
        lag=int(lag),
        left=left,
        right=right,
        symbols=tuple(zip(_words(data, left), _words(data, right), strict=True)),
        count=table.totals[shown].astype(np.int64),
        expected=expected[shown],
        value=values[shown],
        stderr=stderr,
        z=z[shown],
        q_values=q[shown],
        total=float(values.sum()),
        n_pairs=int(n),
        n_kinds=len(values),
        n_tested=int(known.sum()),
        null_name=null,
        label=label if label is not None else str(data.provenance.get("label", "")),
        warnings=(*data.provenance.get("notes", ()), *_advice(known, shown, values, n)),
    )


class _Table:
    """Counts of one lag: whole, and of each block, at the kinds of pairs that occur anywhere."""

    def __init__(self, cells: Cells, size: int, n_blocks: int) -> None:
        self.keys, self.cell = np.unique(cells.keys, return_inverse=True)
        self.size, self.n_blocks, self.counts = size, n_blocks, cells.counts.astype(np.float64)
        self.offsets = cells.offsets
        self.totals: Floats = np.asarray(np.bincount(self.cell, self.counts, len(self.keys)), np.float64)
        self.left, self.right = self.keys // size, self.keys % size

    def block(self, j: int) -> Floats:
        """Counts of a block at all kinds of pairs."""
        part = slice(self.offsets[j], self.offsets[j + 1])
        return np.asarray(np.bincount(self.cell[part], self.counts[part], len(self.keys)), np.float64)

    def independent(self) -> tuple[Floats, Any]:
        """What independent symbols give: for the whole, and as a function of the block left out."""
        margins = [np.bincount(side, self.totals, self.size) for side in (self.left, self.right)]
        n = self.totals.sum()

        def left_out(j: int) -> Floats:
            block = self.block(j)
            a, b = (m - np.bincount(s, block, self.size) for m, s in zip(margins, (self.left, self.right), strict=True))
            return np.asarray(a[self.left] * b[self.right] / max(n - block.sum(), 1.0))

        return margins[0][self.left] * margins[1][self.right] / n, left_out


def _by_document(data: Sequences, lag: int, table: _Table, n_blocks: int) -> tuple[Floats, Any]:
    """What symbols independent inside documents give: for the whole, and as a function of the block left out."""
    bounds = cut_blocks(data, n_blocks if table.n_blocks else 0).bounds
    parts = np.zeros((max(table.n_blocks, 1), len(table.keys)))
    for start, stop in zip(data.offsets[:-1], data.offsets[1:], strict=True):
        if stop - start <= lag:
            continue
        first = np.asarray(data.codes[start : stop - lag], np.int64)
        last = np.asarray(data.codes[start + lag : stop], np.int64)
        a, b = (np.unique(side, return_counts=True) for side in (first, last))
        keys = (a[0][:, None] * data.alphabet_size + b[0]).ravel()
        # Two different positions: those that are both left and right are not paired with themselves.
        both = np.bincount(np.searchsorted(a[0], first[lag:]), minlength=len(a[0]))
        means = np.outer(a[1], b[1]) - both[:, None] * (a[0][:, None] == b[0])
        means = means.ravel() * len(first) / (float(len(first)) ** 2 - max(len(first) - lag, 0))
        at = np.minimum(np.searchsorted(table.keys, keys), len(table.keys) - 1)
        held = table.keys[at] == keys
        # A document that is cut lends each block as much of its expectation as the block has of its pairs.
        overlap = np.minimum(bounds[1:], stop - lag) - np.maximum(bounds[:-1], start)
        for j in np.flatnonzero(overlap > 0):
            parts[j, at[held]] += means[held] * (overlap[j] / len(first))
    whole = parts.sum(axis=0)
    return whole, lambda j: whole - parts[j]


def _terms(counts: Floats, expected: Floats, n: float) -> Floats:
    """``P ln(P / E)`` of each kind of pair."""
    seen = (counts > 0) & (expected > 0)
    ratio = np.where(seen, counts, 1.0) / np.where(seen, expected, 1.0)
    return np.asarray(np.where(seen, counts, 0.0) / max(n, 1.0) * np.log(ratio))


def _z(table: _Table, expected: Floats, left_out: Any, n: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Departures from what is expected over their standard errors, and which are frequent enough to be tested."""
    margins = [np.bincount(side, table.totals, table.size)[side] / n for side in (table.left, table.right)]
    variance = expected * (1 - margins[0]) * (1 - margins[1])
    if table.n_blocks:
        departures = (table.totals - expected) / n
        sums, squares = np.zeros(len(expected)), np.zeros(len(expected))
        for j in range(table.n_blocks):
            block = table.block(j)
            rest = max(n - block.sum(), 1.0)
            moved = (table.totals - block - left_out(j)) / rest - departures
            sums += moved
            squares += moved**2
        spread = (table.n_blocks - 1) / table.n_blocks * (squares - sums**2 / table.n_blocks) * n**2
        variance = np.maximum(variance, spread)
    # Leaving out blocks knows how uncertain a count is that is larger than expected, fixed margins alone do not.
    frequent = np.maximum(expected, table.totals) if table.n_blocks else expected
    known = (frequent >= _LEAST) & (variance > 0)
    z = (table.totals - expected) / np.sqrt(np.where(variance > 0, variance, 1.0))
    return np.where(variance > 0, z, 0.0), known


def _stderr(table: _Table, left_out: Any, shown: Ints, values: Floats) -> Floats:
    """Standard errors of the contributions shown, by leaving out blocks."""
    n = table.totals.sum()
    replicates, pairs = [], []
    for j in range(table.n_blocks):
        block = table.block(j)
        replicates.append(_terms((table.totals - block)[shown], left_out(j)[shown], n - block.sum()))
        pairs.append(np.full(len(shown), block.sum()))
    return np.asarray(jackknife(values[shown], np.array(replicates), np.array(pairs)).stderr)


def _words(data: Sequences, codes: Ints) -> list[str]:
    if data.alphabet is None:
        return [str(code) for code in codes]
    # Half of a surrogate pair, which no text in UTF-8 can hold, is shown as its escape.
    return [str(data.alphabet[code]).encode("utf-8", "backslashreplace").decode() for code in codes]


def _shown(word: str) -> str:
    """White space and the like so that it can be seen."""
    return word if word.isprintable() and word.strip() else repr(word)


def _advice(known: NDArray[np.bool_], shown: Ints, values: Floats, n: float) -> tuple[str, ...]:
    notes = []
    rare = np.count_nonzero(~known[shown])
    if rare:
        notes.append(
            f"{rare} of the {len(shown)} pairs shown are too rare (fewer than {_LEAST:g} times) for a test: "
            "whether they stand out is not said"
        )
    if len(values) > n / 5:
        notes.append(
            f"{len(values):,} kinds of pairs among {n:,.0f} pairs: most of the sum is chance, and so are rare "
            "pairs; merge symbols (map_symbols), or take more data"
        )
    return tuple(notes)
