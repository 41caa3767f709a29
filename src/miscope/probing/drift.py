"""Drift: the curve, and the symbols, as functions of the position in a corpus."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from miscope.atomic import write_json
from miscope.counting.counted import Progress, Steps
from miscope.counting.lags import Lags, parse_lags
from miscope.curve import measure
from miscope.errors import InputError
from miscope.formats import array, marked, number, reading
from miscope.probing.permutation import composition_of, merged
from miscope.probing.saying import aligned, lag_words, left_out, p_words, plain, shown_lags
from miscope.probing.splits import Origin, Units, as_parts
from miscope.processes.checking import number_between, whole_number
from miscope.sequences import Sequences
from miscope.sequences.in_memory import as_sequences

__all__ = ["Drift", "drift"]

Floats = NDArray[np.float64]

_N_PERMUTATIONS = 999
_BLOCKS = 16  # of the jackknife in each window
_LEAST_WINDOWS = 4
_LEAST_SYMBOLS = 64  # of a window
_MOST_LAGS = 10
_OF_A_WINDOW, _OF_TESTS = 1000, 1000  # steps


@dataclass(frozen=True, eq=False)
class Drift:
    """Mutual information by position and lag.

    Attributes
    ----------
    label
        Of the corpus.
    bounds
        int64, shape (n_windows + 1,): window w is the symbols ``bounds[w] <= t < bounds[w + 1]``.
    lags
        int64, shape (n_lags,).
    values, stderr
        Shape (n_windows, n_lags), in nats: mutual information of each window less its null, and standard errors.
    null_name
        ``"document"`` where windows hold enough documents, otherwise ``"global"``.
    distance
        Shape (n_windows, n_windows): Jensen-Shannon divergence of the windows' symbols in nats.
    slopes, slopes_stderr
        Shape (n_lags,): the change of mutual information from the first to the last symbol, by a straight line.
    lag_p
        Shape (n_lags,): of so steep a line, up or down, if windows came in any order; corrected for the number of
        lags.
    p_trend
        Of any of them.
    p_symbols
        Of distant windows having symbols more unlike than neighbouring ones have, if windows came in any order.
    level
        Below which p-values count.
    warnings
        What a reader has to know.
    """

    label: str
    bounds: NDArray[np.int64]
    lags: NDArray[np.int64]
    values: Floats
    stderr: Floats
    null_name: str
    distance: Floats
    slopes: Floats
    slopes_stderr: Floats
    lag_p: Floats
    p_trend: float
    p_symbols: float
    level: float = 0.05
    warnings: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        name = self.label or "the corpus"
        drifts, trends = self.p_symbols <= self.level, self.p_trend <= self.level
        symbols = f"the symbols of {name} drift" if drifts else f"no drift is seen in the symbols of {name}"
        symbols, p = f"{symbols} (p = {p_words(self.p_symbols)})", p_words(self.p_trend)
        joint = "and" if drifts == trends else "but"
        if not trends:
            none = "no trend is seen in their dependence" if drifts else "none in their dependence"
            return f"{symbols}, {joint} {none} at {lag_words(self.lags)} (p = {p})"
        at = int(np.argmax(np.abs(self.slopes) / self.slopes_stderr * (self.lag_p <= self.level)))
        line = self.values[:, at].mean() + np.array([-0.5, 0.5]) * self.slopes[at]
        how = "rises" if self.slopes[at] > 0 else "falls"
        return (
            f"{symbols}, {joint} their dependence {how} from beginning to end: at lag {self.lags[at]} a straight line "
            f"through the windows goes from {line[0]:.3g} to {line[1]:.3g} nats, and the windows lie between "
            f"{self.values[:, at].min():.3g} and {self.values[:, at].max():.3g} (p = {p}; "
            f"{int(np.sum(self.lag_p <= self.level))} of {len(self.lags)} lags)"
        )

    def to_table(self) -> Any:
        """A pyarrow table with one row a window and lag."""
        import pyarrow as pa

        n_windows, n_lags = self.values.shape
        return pa.table(
            {
                "window": np.repeat(np.arange(n_windows), n_lags),
                "start": np.repeat(self.bounds[:-1], n_lags),
                "stop": np.repeat(self.bounds[1:], n_lags),
                "lag": np.tile(self.lags, n_windows),
                "value": self.values.ravel(),
                "stderr": self.stderr.ravel(),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it, JSON-able; None stands for what is not known."""
        names = [each.name for each in dataclasses.fields(self)]
        return marked("drift", {name: plain(getattr(self, name)) for name in names} | {"sentence": self.sentence})

    def save(self, path: str | Path) -> None:
        """Write all of it as ``.json``, which `load` and `miscope.report` read."""
        write_json(path, self.to_dict(), "a drift")

    @classmethod
    def load(cls, path: str | Path) -> Drift:
        """Read what `save` wrote.

        Raises
        ------
        FormatError
            If the file is truncated, damaged, something else, or of another version.
        """
        with reading(path, "drift") as body:
            n_windows, n_lags = len(body["bounds"]) - 1, len(body["lags"])
            values: dict[str, Any] = {name: number(body[name]) for name in ("p_trend", "p_symbols", "level")}
            values |= {name: array(body[name], n_lags) for name in ("slopes", "slopes_stderr", "lag_p")}
            values |= {name: array(body[name], n_windows, n_lags) for name in ("values", "stderr")}
            return cls(
                label=str(body["label"]),
                bounds=array(body["bounds"], n_windows + 1, dtype=np.int64),
                lags=array(body["lags"], n_lags, dtype=np.int64),
                null_name=str(body["null_name"]),
                distance=array(body["distance"], n_windows, n_windows),
                warnings=tuple(map(str, body["warnings"])),
                **values,
            )

    def __repr__(self) -> str:
        return (
            f"Drift({len(self.values)} windows, {len(self.lags)} lags, p = {self.p_trend:.3g} and {self.p_symbols:.3g})"
        )

    def __str__(self) -> str:
        shown = shown_lags(len(self.lags), _MOST_LAGS)
        rows: list[tuple[str, ...]] = [("symbols", *(f"lag {self.lags[i]}" for i in shown))]
        for w, (start, stop) in enumerate(zip(self.bounds[:-1], self.bounds[1:], strict=True)):
            cells = (f"{self.values[w, i]:.3g} ± {self.stderr[w, i]:.1g}" for i in shown)
            rows.append((f"{start:,} to {stop:,}", *cells))
        rows.append(("change", *(f"{self.slopes[i]:+.2g} ± {self.slopes_stderr[i]:.1g}" for i in shown)))
        rows.append(("p of change", *(p_words(float(self.lag_p[i])) for i in shown)))
        below = (*left_out(len(self.lags), _MOST_LAGS), *(f"warning: {text}" for text in self.warnings))
        return "\n".join([self.sentence, "", *aligned(rows), *below])


def drift(
    sequences: Any,
    lags: Lags = None,
    windows: int = 16,
    *,
    n_permutations: int = _N_PERMUTATIONS,
    seed: int = 0,
    level: float = 0.05,
    progress: Progress | None = None,
) -> Drift:
    """Measure mutual information in one window of a corpus after another, and ask whether it changes.

    Parameters
    ----------
    sequences
        The corpus: `Sequences`, or what else `measure` takes as data.
    lags
        As in `measure`; default: log-spaced, to a quarter of the longest document of the window where that is shortest.
    windows
        How many windows of equal size the corpus is cut into; of whole documents where there are enough.
    n_permutations
        How often windows change places.
    seed
        Of the permutations.
    level
        Below which p-values count.
    progress
        Called with steps done and steps in all.

    Returns
    -------
    Drift

    Raises
    ------
    InputError
        If the corpus is too short for so many windows.

    Examples
    --------
    >>> import miscope as ms
    >>> from miscope.probing.drift import drift
    >>> chains = [ms.processes.IsingChain(0.3 + 0.07 * k).sample(8, 1000, seed=k) for k in range(8)]
    >>> found = drift(ms.Sequences.concatenate(chains), lags=[1, 2, 4], windows=8)
    >>> found.p_trend < 0.05, bool(found.slopes[0] > 0), found.p_symbols > 0.05
    (True, True, True)

    Notes
    -----
    Trends are tested by the correlation of each lag's values with the windows' places, against that of windows in any
    order, and by the largest over all lags. Symbols are tested by the correlation of the windows' divergences with how
    far they lie apart (Mantel, Cancer Res. 27 (1967) 209). Where the corpus wanders slowly, as in long memory,
    neighbouring windows are alike without there being a trend, and that is drift in this sense too.
    """
    windows, seed = whole_number(windows, "windows", _LEAST_WINDOWS), whole_number(seed, "seed", 0)
    level = number_between(level, "level", 0.0, 1.0)
    n_permutations = whole_number(n_permutations, "n_permutations", int(np.ceil(1 / level)) - 1)
    sequences = as_sequences(sequences)
    if sequences.n_symbols < windows * _LEAST_SYMBOLS:
        raise InputError(
            f"{sequences.n_symbols:,} symbols are too few for {windows} windows of at least {_LEAST_SYMBOLS}: take "
            "fewer windows, or more data"
        )
    cut, names, origins = as_parts(sequences, None, windows)
    chosen = parse_lags(lags, min(part.longest for part in cut))
    step = Steps(progress, windows * _OF_A_WINDOW + _OF_TESTS)
    units, note = merged(_whole_units(sequences, cut, names, origins))
    null = "document" if min(part.n_documents for part in cut) > 1 else "global"
    curves = []
    for k in range(windows):
        blocks, told = min(_BLOCKS, cut[k].n_symbols // 4), step.part(_OF_A_WINDOW)
        curves.append(measure(units.sequences(k), chosen, null=null, blocks=blocks, progress=told))
        step(_OF_A_WINDOW)
    values = np.array([curve.excess for curve in curves])
    bounds = units.bounds
    place = (bounds[:-1] + bounds[1:]) / (2 * bounds[-1])
    slopes, slopes_stderr = _lines(values, place)
    lag_p, p_trend = _trend_p(values, place, n_permutations, seed)
    distance = _divergences(composition_of(units).table)
    p_symbols = _mantel_p(distance, place, n_permutations, seed)
    step.finish()
    notes = [note] if note else []
    if p_trend > level and windows < 8:
        notes.append(f"{windows} windows in any order leave little to tell a trend from chance: take 8 or more")
    return Drift(
        label=str(sequences.provenance.get("label", "")),
        bounds=bounds,
        lags=chosen,
        values=values,
        stderr=np.array([curve.excess_stderr for curve in curves]),
        null_name=null,
        distance=distance,
        slopes=slopes,
        slopes_stderr=slopes_stderr,
        lag_p=lag_p,
        p_trend=p_trend,
        p_symbols=p_symbols,
        level=level,
        warnings=tuple(notes),
    )


def _whole_units(
    sequences: Sequences, cut: list[Sequences], names: tuple[str, ...], origins: tuple[Origin, ...]
) -> Units:
    """Each window as one unit."""
    bounds = np.concatenate([[0], np.cumsum([part.n_symbols for part in cut])]).astype(np.int64)
    first = np.concatenate([[0], np.cumsum([part.n_documents for part in cut])]).astype(np.int64)
    corpus = Sequences.concatenate(cut)
    corpus = Sequences(corpus.codes, corpus.offsets, corpus.alphabet_size, corpus.alphabet, sequences.provenance)
    part = np.arange(len(cut))
    return Units(corpus, names, first, bounds, part, np.zeros_like(part), "piece", (), origins)


def _lines(values: Floats, place: Floats) -> tuple[Floats, Floats]:
    """Slopes of straight lines through the windows' values, and their standard errors from the scatter about them."""
    away = place - place.mean()
    slopes = away @ (values - values.mean(axis=0)) / np.sum(away**2)
    left = values - values.mean(axis=0) - away[:, None] * slopes
    spread = np.sum(left**2, axis=0) / max(len(place) - 2, 1)
    return np.asarray(slopes), np.sqrt(np.maximum(spread, 1e-300) / np.sum(away**2))


def _orders(n: int, n_permutations: int, seed: int, which: int) -> NDArray[np.int64]:
    orders = np.argsort(np.random.default_rng([seed, which]).random((n_permutations + 1, n)), axis=1)
    orders[0] = np.arange(n)
    return orders


def _trend_p(values: Floats, place: Floats, n_permutations: int, seed: int) -> tuple[Floats, float]:
    """P-values of the windows' correlations with their places, for each lag and for any."""
    away = place - place.mean()
    centred = values - values.mean(axis=0)
    size = np.sqrt(np.sum(centred**2, axis=0))
    centred = centred / np.where(size > 0, size, np.inf) / np.sqrt(np.sum(away**2))
    found = np.abs(away[_orders(len(place), n_permutations, seed, 2)] @ centred)
    highest = found.max(axis=1)
    each = np.mean(highest[:, None] >= found[0] - 1e-12, axis=0)
    return np.asarray(each), float(each.min())


def _mantel_p(distance: Floats, place: Floats, n_permutations: int, seed: int) -> float:
    """P-value of the correlation of distances between windows with how far they lie apart."""
    apart = np.abs(place[:, None] - place)
    found = [
        float(np.sum(distance[np.ix_(order, order)] * apart)) for order in _orders(len(place), n_permutations, seed, 3)
    ]
    return float(np.mean(np.array(found) >= found[0] - 1e-12))


def _divergences(table: Floats) -> Floats:
    laws = table / np.maximum(table.sum(axis=1, keepdims=True), 1.0)
    found = np.zeros((len(laws), len(laws)))
    for i in range(len(laws)):
        middle = (laws[i] + laws) / 2
        both = special.rel_entr(laws[i], middle) + special.rel_entr(laws, middle)
        found[i] = both.sum(axis=1) / 2
    return (found + found.T) / 2
