"""measure(): the way from sequences to a curve, lag by lag."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from miscope.counting.doors import Counter, Progress
from miscope.counting.lags import Lags
from miscope.curve.advice import advise
from miscope.curve.asking import LagResult, between_anchors, is_drawn, question
from miscope.curve.assembling import assemble, provenance
from miscope.curve.memory import MEMORY, Correction, concerned, correction, slowest_mode
from miscope.curve.real import measure_gaussian
from miscope.curve.result import QUANTITIES, MICurve
from miscope.errors import InputError, choice
from miscope.estimation import nulls
from miscope.estimation.jackknife import false_discovery, jackknife, one_sided_p
from miscope.sequences import Sequences, Series

__all__ = ["DEFAULT_BLOCKS", "QUANTITIES", "as_sequences", "measure"]

DEFAULT_BLOCKS = 32
_QUANTILES = 4
_EXPANDED = ("miller_madow", "zhang")  # smooth estimators whose own correction leaves little of chance
_MOST_FIRST_ORDER = 0.5  # nats of chance to first order, beyond which nothing is expanded in it


def measure(
    source: Any,
    lags: Lags = None,
    *,
    estimator: str = "miller_madow",
    null: nulls.Null = "global",
    blocks: int = DEFAULT_BLOCKS,
    method: str = "auto",
    label: str | None = None,
    seed: int = 0,
    quantity: str = "mutual_information",
    values: Any = None,
    correct_bias: bool = True,
    n_surrogates: int = 4,
    n_quantiles: int | None = None,
    long_memory: str = "correct",
    threads: int | None = None,
    progress: Progress | None = None,
) -> MICurve:
    r"""Measure how the mutual information between two symbols falls with their distance.

    Parameters
    ----------
    source
        `Sequences`, or anything that `Sequences.from_arrays` takes: an array of whole numbers, a list of arrays (one a
        document), a string. Real numbers too: a `Series`, or arrays of floats; they are cut at their quantiles into
        symbols, unless ``estimator="gaussian"``.
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
        Whether to take away the bias that serial dependence adds (neighbouring pairs are alike, so that chance gives
        more than it does for independent pairs), as leaving out blocks shows it. Done where the data suffice for it,
        with the estimators ``miller_madow`` and ``zhang`` (and ``gaussian``), and not for nulls that are drawn, which
        show that bias themselves.
    n_surrogates
        How many surrogates to draw for a null without exact mean.
    n_quantiles
        Symbols that real numbers are cut into, default 4. What classes share is at most what the numbers share.
    long_memory
        With fewer than 32 documents, slow decay makes a sample's own averages wander: measured values are then too low
        and bars from its blocks too small. ``"correct"`` (default) gives back what is lost, as the low frequencies of
        the data tell it, and widens the bars, wherever that matters; ``"ignore"`` does not. See `MICurve.wander`.
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
    Shen 2019, arXiv:1905.04271; Li, J. Stat. Phys. 60 (1990) 823; Lin and Tegmark, Entropy 19 (2017) 299; Hosking, J.
    Econometrics 73 (1996) 261 (long memory).

    Examples
    --------
    >>> import miscope as ms
    >>> curve = ms.measure("abab" * 500, lags=[1, 2], blocks=8)
    >>> curve.mi.round(3)
    array([0.693, 0.693])
    """
    choice(quantity, QUANTITIES, "quantity")
    choice(long_memory, MEMORY, "long_memory")
    _check_numbers(n_surrogates, seed)
    name = nulls.check_null(null)
    correct_memory = long_memory == "correct"
    if estimator == "gaussian":
        series = _as_series(source, quantity, n_quantiles, values)
        curve = measure_gaussian(
            series,
            lags,
            null=null,
            n_blocks=blocks,
            label=label,
            seed=seed,
            correct_bias=correct_bias,
            n_surrogates=n_surrogates,
            correct_memory=correct_memory,
            threads=threads,
            progress=progress,
        )
        return dataclasses.replace(curve, warnings=advise(curve, series.lengths, None))
    sequences = as_sequences(source, n_quantiles)
    if quantity != "mutual_information":
        estimator = "plug_in"
    if estimator == "bracket":
        null, name = "none", "held-out"
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
    estimates = np.array([result.values for result in results]).T
    if counter.n_symbols_seen == 1:  # what is left of 0 in floating point is not to be shown as a value
        estimates, floor = np.zeros_like(estimates), np.zeros_like(floor)
    block_pairs = np.array([result.block_pairs for result in results]).T
    freedom = (counter.n_symbols_seen - 1.0) ** 2 if quantity == "mutual_information" else 0.0
    chance_bias = None
    if correct_bias and not drawn and estimator in _EXPANDED and quantity == "mutual_information":
        chance_bias = _chance_bias(results, freedom, floor if name == "document" else floor[:1], block_pairs)
    memory = None
    if correct_memory and quantity == "mutual_information" and estimator != "bracket" and counter.blocks.count:
        memory = _correction(counter, estimates, floor, block_pairs)
    curve = assemble(
        counter.lags,
        estimates,
        floor,
        floor_stderr,
        block_pairs,
        memory,
        chance_bias=chance_bias,
        freedom=freedom,
        chance=np.array([result.chance for result in results]) if name == "document" else None,
        estimator=estimator,
        null_name=name,
        quantity=quantity,
        label=label if label is not None else str(sequences.provenance.get("label", "")),
        unit="nats" if quantity == "mutual_information" else "",
        provenance=provenance(
            sequences.provenance,
            memory,
            n_symbols=sequences.n_symbols,
            n_documents=sequences.n_documents,
            n_symbols_seen=counter.n_symbols_seen,
            method=counter.method,
            blocks=counter.blocks.count,
            borders_inside_documents=counter.blocks.n_cut,
            null={"name": name, "surrogates_drawn": n_surrogates * drawn},
            seed=seed,
        ),
    )
    return dataclasses.replace(curve, warnings=advise(curve, sequences.lengths, counter.n_symbols_seen))


def as_sequences(source: Any, n_quantiles: int | None = None) -> Sequences:
    """`Sequences` as they are, real numbers cut at their quantiles, anything else through `Sequences.from_arrays`."""
    if isinstance(source, Series) or _is_real(source):
        series = source if isinstance(source, Series) else Series.from_arrays(source)
        return series.quantise(_QUANTILES if n_quantiles is None else n_quantiles)
    if n_quantiles is not None:
        raise InputError("n_quantiles is for real numbers; these data are symbols already")
    return source if isinstance(source, Sequences) else Sequences.from_arrays(source)


def _is_real(source: Any) -> bool:
    """Whether this is an array of floats, or a list of such arrays or of floats."""
    if isinstance(source, np.ndarray):
        return bool(source.dtype.kind == "f")
    if not isinstance(source, list | tuple) or not source:
        return False
    return all(isinstance(item, float | np.floating) or (_is_real(item) and len(item) > 0) for item in source)


def _as_series(source: Any, quantity: str, n_quantiles: int | None, values: Any) -> Series:
    if quantity != "mutual_information":
        raise InputError(f'estimator="gaussian" estimates mutual information, not the quantity {quantity!r}')
    if values is not None:
        raise InputError('values are for quantity="correlation"')
    if n_quantiles is not None:
        raise InputError('estimator="gaussian" takes the numbers as they are: leave n_quantiles out')
    if isinstance(source, Sequences):
        raise InputError('estimator="gaussian" is for real numbers (a Series, or arrays of floats), not for symbols')
    return source if isinstance(source, Series) else Series.from_arrays(source)


def _chance_bias(results: list[LagResult], freedom: float, floor: np.ndarray, block_pairs: np.ndarray) -> np.ndarray:
    """What leaving out blocks makes of chance, shape (n_lags,): if chance falls as ``n^-p``, p times it.

    It is the chance left over by the estimator's own correction. Where that is more than a quarter of what chance gives
    to first order, or that is itself large, tables are too empty for an expansion in 1/n: nan.

    A null by document has more, since how the compositions of these documents happen to differ biases the estimate and
    its null alike: what leaving out blocks makes of that null (`floor`), where it was computed.
    """
    orders = np.array([result.order for result in results])
    order = np.median(orders[np.isfinite(orders)]) if np.isfinite(orders).any() else 1.0
    bias = order * np.array([result.chance for result in results])
    first = freedom / (2 * np.maximum([result.block_pairs.sum() for result in results], 1))
    known = (np.abs(bias) < first / 4) & (first < _MOST_FIRST_ORDER)
    if len(floor) > 1:
        computed = (floor[1:] != floor[0]).any(axis=0)
        bias = np.where(computed, floor[0] - jackknife(floor[0], floor[1:], block_pairs).corrected, bias)
    return np.where(known, bias, np.nan)


def _correction(counter: Counter, values: np.ndarray, floor: np.ndarray, block_pairs: np.ndarray) -> Correction | None:
    if not concerned(counter.sequences.lengths):
        return None
    excess = values - floor
    held = block_pairs[: counter.blocks.count]
    bars = jackknife(excess[0], excess[1:], held)
    seen = np.nan_to_num(false_discovery(one_sided_p(excess[0], bars.stderr, bars.degrees)), nan=1.0) <= 0.05
    mode = slowest_mode(counter, counter.lags[seen])
    if mode is None:
        return None
    offsets = counter.data.offsets
    return correction(mode, counter.lags, offsets, counter.blocks.count, bars.stderr, _fair_pair)


def _fair_pair(c: np.ndarray) -> np.ndarray:
    """Mutual information of two fair symbols with correlation c: to leading order, that of any pair with one mode."""
    return np.asarray(((1 + c) * np.log1p(c) + (1 - c) * np.log1p(-c)) / 2)


def _check_numbers(n_surrogates: int, seed: int) -> None:
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
