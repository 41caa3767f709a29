"""plan(): what `measure` will do, how long it will take and how much memory, before it is done."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from miscope.counting.costs import (
    _FEWEST_FOURIER_LAGS,
    _MOST_BITS_SYMBOLS,
    _MOST_FOURIER_SYMBOLS,
    _MOST_TABLE_BYTES,
    predict,
    table_bytes,
)
from miscope.counting.counted import Progress, Steps
from miscope.counting.doors import Counter, thread_count
from miscope.counting.lags import Lags
from miscope.counting.memory import Memory
from miscope.counting.pairs import PairCounts
from miscope.counting.tally import BatchKernel
from miscope.curve.asking import is_drawn, question
from miscope.curve.measuring import DEFAULT_BLOCKS
from miscope.curve.memory import MEMORY
from miscope.curve.planned_memory import peak_bytes
from miscope.curve.rehearsal import rehearse
from miscope.curve.rehearsed_estimates import Run, n_pairs_at, timed
from miscope.curve.result import QUANTITIES
from miscope.errors import InputError, choice
from miscope.estimation import nulls
from miscope.sequences.in_memory import as_sequences

__all__ = ["MeasurementPlan", "plan"]

_STEPS = 4  # the data looked at, all compiled, a part tried, memory added up


@dataclass(frozen=True)
class MeasurementPlan:
    """What `measure` will do with a corpus; see `plan`.

    Attributes
    ----------
    method
        The kernel that will count.
    reason
        Why it, with the seconds on one thread that the cost model gives to those that could be taken.
    n_symbols, n_documents, n_kinds
        Of the corpus: its size, and how many different symbols it holds.
    n_lags, largest_lag, n_blocks
        What is measured.
    n_pairs
        Pairs at all lags together, in one pass.
    null
        Name of the null.
    n_passes
        How often all pairs are counted: once, and once for each surrogate that is drawn.
    n_batches
        In how many batches of lags, each of which goes through the corpus anew.
    in_pieces
        Whether the corpus is read piece by piece, since memory is too little for it.
    threads
        How many.
    seconds
        In all, without starting Python, compiling and reading files.
    parts
        The same by what it is for: ``prepare``, ``count``, ``estimate`` (with its null and bars), ``surrogates``.
    peak_bytes
        Largest memory, beyond the corpus itself and Python with its libraries.
    """

    method: str
    reason: str
    n_symbols: int
    n_documents: int
    n_kinds: int
    n_lags: int
    largest_lag: int
    n_blocks: int
    n_pairs: int
    null: str
    n_passes: int
    n_batches: int
    in_pieces: bool
    threads: int
    seconds: float
    parts: dict[str, float]
    peak_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """All attributes, JSON-able."""
        return asdict(self)

    def __str__(self) -> str:
        kinds = f" of {self.n_kinds:,} kinds" if self.n_kinds else ""
        documents = f"{self.n_documents:,} document{'' if self.n_documents == 1 else 's'}"
        lags = "1 lag," if self.n_lags == 1 else f"{self.n_lags:,} lags to"
        passes = (
            "once" if self.n_passes == 1 else f"{self.n_passes} times: the data, and {self.n_passes - 1} surrogates"
        )
        batches = "" if self.n_batches == 1 else f", in {self.n_batches:,} batches of lags"
        where = "read piece by piece" if self.in_pieces else "taken whole"
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        parts = ", ".join(f"{name} {_duration(each)}" for name, each in self.parts.items() if each > 0)
        return "\n".join(
            [
                f"{self.n_symbols:,} {'numbers' if not self.n_kinds else 'symbols'}{kinds} in {documents}; {lags} "
                f"{self.largest_lag:,}, {self.n_blocks} blocks, null {self.null}",
                f"kernel  {self.method}: {self.reason}",
                f"passes  {self.n_pairs:,} pairs, counted {passes}{batches}; the corpus is {where}",
                f"time    about {_duration(self.seconds)} on {threads} ({parts})",
                f"memory  about {_size(self.peak_bytes)} beyond the data",
            ]
        )


def plan(
    source: Any,
    lags: Lags = None,
    *,
    estimator: str = "miller_madow",
    null: nulls.Null = "global",
    blocks: int = DEFAULT_BLOCKS,
    method: str = "auto",
    quantity: str = "mutual_information",
    values: Any = None,
    n_surrogates: int = 4,
    n_quantiles: int | None = None,
    long_memory: str = "correct",
    threads: int | None = None,
    max_memory: Memory = None,
    progress: Progress | None = None,
) -> MeasurementPlan:
    """Say what `measure` will do with the same arguments: which kernel, how long, and in how much memory.

    The data are looked at once, and a small part of them is counted, which takes some tenths of a second; more where a
    single lag takes that long.

    Parameters
    ----------
    source
        As for `measure`, but for counts.
    lags, estimator, null, blocks, method, quantity, values, n_surrogates, n_quantiles, long_memory, threads, max_memory
        As for `measure`.
    progress
        Called with steps done and steps in all.

    Returns
    -------
    MeasurementPlan
        Printed, it is a few lines for people.

    Raises
    ------
    InputError
        If `measure` would refuse the data or the arguments, or the source is counts.

    Examples
    --------
    >>> import miscope as ms
    >>> from miscope.curve.planning import plan
    >>> found = plan("abab" * 5000, lags=[1, 2], blocks=8)
    >>> found.n_lags, found.n_pairs, found.n_passes
    (2, 39997, 1)
    >>> found.seconds < 60, found.peak_bytes < 10**8
    (True, True)

    Notes
    -----
    Steps are timed on a part of the data and scaled by the model of `miscope.counting.costs`, see `rehearsal`; memory
    is what formulas say, see `planned_memory`. Both are meant to be within a factor of 1.5: benchmarks/RESULTS.md has
    a table. Where a null takes longer depends on the data in ways that a part does not always show.
    """
    choice(quantity, QUANTITIES, "quantity")
    choice(long_memory, MEMORY, "long_memory")
    name = nulls.check_null(null)
    if isinstance(source, PairCounts):
        raise InputError("these are counts already, and take no time to speak of: measure them, or plan for the data")
    if estimator == "gaussian":
        raise InputError('estimator="gaussian" takes a moment a lag whatever the data: there is nothing to plan')
    sequences = as_sequences(source, n_quantiles)
    step = Steps(progress, _STEPS)
    made, counter = timed(lambda: Counter(sequences, lags, blocks, method, max_memory=max_memory))
    is_information = quantity == "mutual_information"
    if not is_information:
        estimator = "plug_in"
    if estimator == "bracket":
        null, name = "none", "held-out"
    drawn = is_drawn(null, counter, quantity)
    computed = "none" if callable(null) else "global" if drawn else null
    question(quantity, estimator, counter, computed, values)  # refuses what cannot be asked
    run = Run(
        quantity,
        estimator,
        null,
        computed,
        n_surrogates * drawn,
        long_memory == "correct",
        values,
        thread_count(threads),
    )
    step()
    found = rehearse(counter, run, step)
    step()
    parts = {
        "prepare": made + found.prepare,
        "count": found.counting,
        "estimate": found.estimate,
        "surrogates": found.surrogates,
    }
    kernel = counter.kernel() if counter.streams or counter.method == "fourier" else None
    step.finish()
    return MeasurementPlan(
        method=counter.method,
        reason=_reason(counter, method),
        n_symbols=sequences.n_symbols,
        n_documents=sequences.n_documents,
        n_kinds=counter.n_symbols_seen,
        n_lags=len(counter.lags),
        largest_lag=int(counter.lags[-1]),
        n_blocks=counter.blocks.count,
        n_pairs=int(n_pairs_at(sequences.lengths, counter.lags).sum()),
        null=name,
        n_passes=1 + run.n_surrogates,
        n_batches=len(kernel.batches()) if isinstance(kernel, BatchKernel) else 1,
        in_pieces=counter.streams,
        threads=run.threads,
        seconds=sum(parts.values()),
        parts=parts,
        peak_bytes=peak_bytes(
            counter,
            kernel,
            threads=run.threads,
            cells=not is_information or estimator == "bracket",
            null=computed if is_information else "none",
            drawn=drawn,
            corrected=found.corrected,
        ),
    )


def _reason(counter: Counter, asked: str) -> str:
    """Why this kernel, with what the model says of those that could be taken."""
    size, blocks = counter.data.alphabet_size, counter.blocks.count
    names = ["sparse"]
    if table_bytes(size, blocks) <= _MOST_TABLE_BYTES:
        names.append("dense")
        if size <= _MOST_BITS_SYMBOLS:
            names.append("bits")
        if len(counter.lags) >= _FEWEST_FOURIER_LAGS and 2 <= size <= _MOST_FOURIER_SYMBOLS:
            names.append("fourier")
    about = (len(counter.data.left), counter.sequences.n_documents, size, len(counter.lags), blocks)
    costs = sorted((predict(name, *about), name) for name in {*names, counter.method})
    each = ", ".join(f"{name} {_duration(cost)}" for cost, name in costs)
    why = (
        "as asked for" if asked != "auto" else "the quickest" if len(costs) > 1 else "the only one for so many symbols"
    )
    return f"{why} (counting on one thread, by rule of thumb: {each})"


def _duration(seconds: float) -> str:
    """Seconds for people.

    >>> _duration(0.0123), _duration(42.3), _duration(4000), _duration(200_000)
    ('0.012 s', '42 s', '1.1 hours', '2.3 days')
    """
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size or (size == 3600 and seconds >= size):
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds:.2g} s"


def _size(n_bytes: float) -> str:
    """Bytes for people.

    >>> _size(12_345_678), _size(3.21e9)
    ('12 MB', '3.2 GB')
    """
    for size, unit in ((1e9, "GB"), (1e6, "MB")):
        if n_bytes >= size:
            return f"{n_bytes / size:.{1 if n_bytes < 10 * size else 0}f} {unit}"
    return f"{n_bytes / 1e3:.0f} kB"
