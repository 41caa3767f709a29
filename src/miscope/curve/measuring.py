"""measure(): the public door; what is measured, and in which way."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from miscope.counting.counted import Counted, Progress
from miscope.counting.doors import Counter
from miscope.counting.lags import Lags, parse_lags
from miscope.counting.memory import Memory
from miscope.counting.pairs import PairCounts
from miscope.counting.stored import StoredCounts
from miscope.curve.advice import advise
from miscope.curve.memory import MEMORY, concerned
from miscope.curve.real import measure_gaussian
from miscope.curve.result import QUANTITIES, MICurve
from miscope.curve.symbols import measure_symbols
from miscope.errors import InputError, choice
from miscope.estimation import nulls
from miscope.sequences import Sequences, Series
from miscope.sequences.in_memory import as_sequences, made_already
from miscope.sequences.shards import Shards

__all__ = ["DEFAULT_BLOCKS", "QUANTITIES", "measure"]

DEFAULT_BLOCKS = 32
_UNKNOWN_MEMORY = (
    "long memory in few documents cannot be looked for in counts, which do not know the order of symbols: if "
    "dependence falls slowly, values are too low and bars too small; measure the data themselves"
)


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
    max_memory: Memory = None,
    cluster: Any = None,
    progress: Progress | None = None,
) -> MICurve:
    r"""Measure how the mutual information between two symbols falls with their distance.

    Parameters
    ----------
    source
        `Sequences`, or anything that `Sequences.from_arrays` takes: an array of whole numbers, a list of arrays (one a
        document), a string, a column of a data frame. Real numbers too: a `Series`, or arrays of floats; they are cut
        at their quantiles into symbols, unless ``estimator="gaussian"``. Whole numbers that are stored as floats, as
        MATLAB does, are codes where they are of few kinds (see `in_memory`). Or `PairCounts`, which were counted
        before: then `lags` are among theirs (default: all), bars come from their own blocks, and only the nulls
        ``global`` and ``none`` are known.
    lags
        Distances in symbols: ``"1:10000"`` (log-spaced, about ten a decade beyond 10), ``"1:10000:50"`` (50 of them),
        ``"24:2400:+24"`` (every 24th), ``"all:512"``, or a list (`parse_lags`). Default: log-spaced to a quarter of the
        longest document, 10,000 at most.
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
        How to count: ``auto``, ``dense``, ``bits``, ``sparse`` or ``fourier`` (all lags at once). The result is the
        same.
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
    max_memory
        How much counting may use, besides the corpus: bytes, or such as ``"2GB"``. Default: half of what is left. A
        corpus in a file (memory-mapped) for which that is too little is read piece by piece.
    cluster
        Where to count, instead of here: ``"local:2"`` (so many processes of this machine), the address of a Dask
        scheduler, such as ``"tcp://host:8786"``, or a `dask.distributed.Client`. `source` may then be `Shards`, files
        that the workers read themselves; of these only the nulls ``global`` and ``none`` are known.
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
    nulls.check_null(null)
    common: dict[str, Any] = {
        "null": null,
        "label": label,
        "seed": seed,
        "correct_bias": correct_bias,
        "n_surrogates": n_surrogates,
        "correct_memory": long_memory == "correct",
        "threads": threads,
        "progress": progress,
    }
    if cluster is not None and (estimator == "gaussian" or isinstance(source, PairCounts)):
        raise InputError("a cluster counts pairs of symbols: leave it out for counts, and with estimator='gaussian'")
    if estimator == "gaussian":
        series = _as_series(source, quantity, n_quantiles, values)
        curve = measure_gaussian(series, lags, n_blocks=blocks, **common)
        return dataclasses.replace(curve, warnings=advise(curve, series.lengths, None))
    if quantity != "mutual_information":
        estimator = "plug_in"
    counter: Counted
    with ExitStack() as stack:
        if isinstance(source, PairCounts):
            counter = _stored(source, lags, blocks, null, quantity, n_quantiles, max_memory)
        elif cluster is not None or isinstance(source, Shards):
            data = source if isinstance(source, Shards) else as_sequences(source, n_quantiles)
            counter = stack.enter_context(_on_cluster(cluster, data, lags, blocks, method, null, quantity, max_memory))
        else:
            counter = Counter(as_sequences(source, n_quantiles), lags, blocks, method, max_memory=max_memory)
        common["correct_memory"] &= counter.has_codes
        curve = measure_symbols(counter, quantity=quantity, estimator=estimator, values=values, **common)
    lengths = counter.sequences.lengths
    warnings = (*counter.notes, *advise(curve, lengths, counter.n_symbols_seen))
    if long_memory == "correct" and not counter.has_codes and curve.n_blocks and concerned(lengths):
        warnings += (_UNKNOWN_MEMORY,)
    return dataclasses.replace(curve, warnings=warnings)


@contextmanager
def _on_cluster(
    cluster: Any,
    source: Sequences | Shards,
    lags: Lags,
    blocks: int,
    method: str,
    null: nulls.Null,
    quantity: str,
    max_memory: Memory,
) -> Iterator[Counted]:
    """A corpus that is counted on a cluster, as long as the block lasts."""
    from miscope.counting.cluster import ClusterCounter, connect

    if cluster is None:
        raise InputError("shards are read by the workers of a cluster: name one, such as cluster='local:2'")
    if isinstance(source, Shards):
        _check_null(null, quantity, "they are on the workers", "read the files here, with miscope.read")
    with (
        connect(cluster, max_memory) as client,
        ClusterCounter(source, lags, blocks, method, client=client) as counter,
    ):
        yield counter


def _check_null(null: nulls.Null, quantity: str, why: str, instead: str) -> None:
    """Refuse nulls that only who has the symbols can compute or draw."""
    known = ["none", "global"] if quantity == "mutual_information" else ["none"]
    if null not in known:
        name = null if isinstance(null, str) else "of your own"
        raise InputError(
            f"the null {name!r} of {quantity.replace('_', ' ')} needs the symbols in their order, and {why}: take "
            f"null={' or '.join(map(repr, known))}, or {instead}"
        )


def _stored(
    counts: PairCounts,
    lags: Lags,
    blocks: int,
    null: nulls.Null,
    quantity: str,
    n_quantiles: int | None,
    max_memory: Memory,
) -> StoredCounts:
    """Counts at hand, after a look at what is asked of them."""
    _check_null(null, quantity, "there are only their counts", "measure the data")
    if n_quantiles is not None:
        raise InputError("n_quantiles is for real numbers; these are counts of symbols")
    if blocks not in (0, DEFAULT_BLOCKS, counts.n_blocks):
        raise InputError(
            f"these counts have {counts.n_blocks} blocks, and cannot be cut into {blocks}: leave blocks out, give 0 "
            "for no bars, or count again"
        )
    longest = 2**62 if counts.corpus is None else int(counts.corpus.lengths.max())
    wanted = None if lags is None else parse_lags(lags, longest)
    return StoredCounts(counts, wanted, blocks != 0, max_memory)


def _as_series(source: Any, quantity: str, n_quantiles: int | None, values: Any) -> Series:
    if quantity != "mutual_information":
        raise InputError(f'estimator="gaussian" estimates mutual information, not the quantity {quantity!r}')
    if values is not None:
        raise InputError('values are for quantity="correlation"')
    if n_quantiles is not None:
        raise InputError('estimator="gaussian" takes the numbers as they are: leave n_quantiles out')
    made = made_already(source)
    if isinstance(made, Sequences):
        raise InputError('estimator="gaussian" is for real numbers (a Series, or arrays of floats), not for symbols')
    return Series.from_arrays(source) if made is None else made


def _check_numbers(n_surrogates: int, seed: int) -> None:
    if n_surrogates < 2:
        raise InputError(f"n_surrogates must be at least 2, not {n_surrogates}")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed must be a whole number of at least 0, not {seed!r}")
