"""measure(): the way from sequences to a curve, lag by lag."""

from __future__ import annotations

import dataclasses
import platform
from typing import Any

import numpy as np

from miscope._version import __version__
from miscope.counting.doors import Counter, Progress
from miscope.counting.lags import Lags
from miscope.curve.advice import advise
from miscope.curve.asking import LagResult, between_anchors, is_drawn, question
from miscope.curve.result import QUANTITIES, MICurve
from miscope.errors import InputError, choice
from miscope.estimation import nulls
from miscope.estimation.jackknife import jackknife, one_sided_p
from miscope.sequences import Sequences

__all__ = ["QUANTITIES", "as_sequences", "measure"]


def measure(
    source: Any,
    lags: Lags = None,
    *,
    estimator: str = "miller_madow",
    null: nulls.Null = "global",
    blocks: int = 32,
    method: str = "auto",
    label: str | None = None,
    seed: int = 0,
    quantity: str = "mutual_information",
    values: Any = None,
    correct_bias: bool = False,
    n_surrogates: int = 4,
    threads: int | None = None,
    progress: Progress | None = None,
) -> MICurve:
    r"""Measure how the mutual information between two symbols falls with their distance.

    Parameters
    ----------
    source
        `Sequences`, or anything that `Sequences.from_arrays` takes: an array of whole numbers, a list of arrays (one a
        document), a string.
    lags
        Distances in symbols: ``"1:10000"`` (log-spaced, about ten a decade beyond 10), ``"1:10000:50"``, ``"all:512"``,
        or a list. Default: log-spaced to a quarter of the longest document, 10,000 at most.
    estimator
        ``plug_in``, ``miller_madow`` (default: a smooth function of the counts, so that leaving out blocks gives true
        bars also near the floor), ``grassberger``, ``chao_shen``, ``shrinkage``, ``zhang`` or ``nsb``.
    null
        What the curve is compared with: ``global`` (chance alone), ``document`` (chance and the documents' different
        compositions), ``rotate`` (pairs with a symbol far away in the same document, by a random offset: the floor for
        large alphabets in serially dependent data, where chance alone is too low a floor), ``none``, or a function
        ``(sequences, generator) -> Sequences`` that draws a surrogate.
    blocks
        Blocks of the jackknife that gives the bars; 0 for no bars.
    method
        How to count: ``auto``, ``dense``, ``bits`` or ``sparse``. The result is the same.
    label
        Name of the curve in tables and figures; default: that of the data.
    seed
        For nulls that are drawn.
    quantity
        ``mutual_information``, or beside it ``rational`` (Lin and Tegmark's rational MI) or ``correlation`` (operator
        norm of the connected table, or the covariance if `values` are given); these know only drawn nulls.
    values
        Numbers for the symbols, shape (alphabet_size,), for ``quantity="correlation"``.
    correct_bias
        Whether to take the jackknife's bias-corrected estimate (wants bars).
    n_surrogates
        How many surrogates to draw for a null without exact mean.
    threads
        Default: all cores that this process may use.
    progress
        Called with pairs done and pairs in all.

    Returns
    -------
    MICurve
        In nats. Estimates are signed.

    Raises
    ------
    InputError
        If data or arguments cannot be used; the message says why and what to write instead.

    Notes
    -----
    ``I(lag) = sum_ab P(a,b) ln[P(a,b) / (P(a.) P(.b))]``, with P the joint law of the pairs ``(x[t], x[t + lag])``
    inside documents and the marginals those of the same pairs, estimated as ``H(left) + H(right) - H(pair)``.

    References
    ----------
    Shen 2019, arXiv:1905.04271; Li, J. Stat. Phys. 60 (1990) 823; Lin and Tegmark, Entropy 19 (2017) 299.

    Examples
    --------
    >>> import miscope as ms
    >>> curve = ms.measure("abab" * 500, lags=[1, 2], blocks=8)
    >>> curve.mi.round(3)
    array([0.693, 0.693])
    """
    sequences = as_sequences(source)
    choice(quantity, QUANTITIES, "quantity")
    _check_numbers(correct_bias, blocks, n_surrogates, seed)
    name = nulls.check_null(null)
    if quantity != "mutual_information":
        estimator = "plug_in"
    counter = Counter(sequences, lags, blocks, method)
    drawn = is_drawn(null, counter, quantity)
    computed = "none" if callable(null) else ("global" if drawn else null)
    ask = question(quantity, estimator, counter, computed, values)
    report = None if progress is None else _Passes(progress, 1 + n_surrogates * drawn)
    results = counter.map(ask, threads, report)
    floor, floor_stderr = between_anchors(results), np.zeros(len(results))
    if drawn:
        surrogates = []
        for k in range(n_surrogates):
            other = _surrogate_counter(null, counter, np.random.default_rng([seed, k]))
            found = other.map(question(quantity, estimator, other, "none", values), threads, report)
            surrogates.append(np.array([result.values for result in found]).T)
        floor, floor_stderr = _drawn_floor(np.array(surrogates), floor, counter)
    curve = _assemble(
        counter,
        results,
        floor,
        floor_stderr,
        estimator=estimator,
        null_name=name,
        quantity=quantity,
        label=label if label is not None else str(sequences.provenance.get("label", "")),
        unit="nats" if quantity == "mutual_information" else "",
        bias_corrected=correct_bias,
        provenance=_provenance(counter, {"name": name, "surrogates_drawn": n_surrogates * drawn}, seed),
    )
    return dataclasses.replace(curve, warnings=advise(curve, sequences.lengths, counter.n_symbols_seen))


def as_sequences(source: Any) -> Sequences:
    """`Sequences` as they are, anything else through `Sequences.from_arrays`."""
    return source if isinstance(source, Sequences) else Sequences.from_arrays(source)


def _check_numbers(correct_bias: bool, blocks: int, n_surrogates: int, seed: int) -> None:
    if correct_bias and not blocks:
        raise InputError("correct_bias takes its correction from the blocks left out: give blocks, for example 32")
    if n_surrogates < 2:
        raise InputError(f"n_surrogates must be at least 2, not {n_surrogates}")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed must be a whole number of at least 0, not {seed!r}")


def _surrogate_counter(null: nulls.Null, counter: Counter, generator: np.random.Generator) -> Counter:
    """A counter for one draw from a null: its own right side, or whole sequences of the user's."""
    sequences, n_blocks = counter.sequences, counter.blocks.count
    if null == "document":  # both sides permuted as one, so that no symbol is paired with itself
        shuffled = dataclasses.replace(sequences, codes=nulls.surrogate(sequences, null, generator))
        return Counter(shuffled, counter.lags, n_blocks, counter.method)
    if not callable(null):
        right = nulls.surrogate(sequences, null, generator)
        return Counter(sequences, counter.lags, n_blocks, counter.method, right, aligned=null == "rotate")
    drawn = nulls.call_null(null, sequences, generator)
    if not np.array_equal(drawn.offsets, sequences.offsets):
        raise InputError(
            "a null must return sequences with the documents' lengths unchanged, so that blocks correspond"
        )
    return Counter(drawn, counter.lags, n_blocks, "auto")


class _Passes:
    """Progress over several passes that count the same pairs."""

    def __init__(self, progress: Progress, n_passes: int) -> None:
        self._progress, self._n_passes, self._before, self._last = progress, n_passes, 0, 0

    def __call__(self, done: int, total: int) -> None:
        if done < self._last:
            self._before += total
        self._last = done
        self._progress(min(self._before + done, self._n_passes * total), self._n_passes * total)


def _drawn_floor(surrogates: np.ndarray, chance: np.ndarray, counter: Counter) -> tuple[np.ndarray, np.ndarray]:
    """Mean of surrogates, shape (n_blocks + 1, n_lags), and the standard error that drawing so few of them leaves.

    Where blocks are whole documents, a surrogate's pairs stay in their block, and leaving it out does to the surrogate
    what it does to the data, noise of drawing included. Where documents are cut, the right symbols of a block come from
    other blocks; then leaving out a block changes the floor as it changes chance.
    """
    floor = surrogates.mean(axis=0)
    if 2 * counter.blocks.n_cut <= counter.blocks.count:
        return floor, np.zeros(floor.shape[1])
    floor[1:] = floor[0] + (chance[1:] - chance[0])
    return floor, surrogates[:, 0].std(axis=0, ddof=1) / np.sqrt(len(surrogates))


def _assemble(
    counter: Counter, results: list[LagResult], floor: np.ndarray, floor_stderr: np.ndarray, **about: Any
) -> MICurve:
    values = np.array([result.values for result in results]).T
    if counter.n_symbols_seen == 1:  # what is left of 0 in floating point is not to be shown as a value
        values, floor = np.zeros_like(values), np.zeros_like(floor)
    block_pairs = np.array([result.block_pairs for result in results]).T
    held = block_pairs[: counter.blocks.count]
    errors = jackknife(values[0], values[1:], held)
    excess_errors = jackknife(values[0] - floor[0], values[1:] - floor[1:], held)
    corrected = about["bias_corrected"]
    mi = errors.corrected if corrected else values[0]
    excess = excess_errors.corrected if corrected else values[0] - floor[0]
    excess_stderr = np.hypot(excess_errors.stderr, floor_stderr)
    return MICurve(
        lags=counter.lags,
        mi=mi,
        stderr=errors.stderr,
        replicates=values[1:],
        block_pairs=held,
        null=mi - excess,
        null_replicates=floor[1:],
        excess_stderr=excess_stderr,
        chance=np.array([result.chance for result in results]) if about["null_name"] == "document" else None,
        n_pairs=block_pairs.sum(axis=0),
        p_values=one_sided_p(excess, excess_stderr, excess_errors.degrees),
        **about,
    )


def _provenance(counter: Counter, null: dict[str, Any], seed: int) -> dict[str, Any]:
    import numba
    import scipy

    versions = {
        "miscope": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "numba": numba.__version__,
    }
    sequences = counter.sequences
    return {
        "source": dict(sequences.provenance),
        "n_symbols": sequences.n_symbols,
        "n_documents": sequences.n_documents,
        "n_symbols_seen": counter.n_symbols_seen,
        "method": counter.method,
        "blocks": counter.blocks.count,
        "borders_inside_documents": counter.blocks.n_cut,
        "null": null,
        "seed": seed,
        "versions": versions,
    }
