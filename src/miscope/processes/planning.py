"""How much data it takes to see mutual information at a lag, before any are measured."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from miscope.counting.lags import Lags, parse_lags
from miscope.curve import MICurve
from miscope.errors import InputError
from miscope.processes.base import Process, RealProcess, SymbolProcess
from miscope.processes.checking import number_between, whole_number
from miscope.processes.power import CurveSource, ProcessSource, Source, Sums

__all__ = ["Detectability", "detectable_lag"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST_DOCUMENTS = 10**15


def detectable_lag(
    process_or_curve: Process | MICurve,
    n_documents: int,
    length: int | None = None,
    power: float = 0.8,
    level: float = 0.05,
    lags: Lags = None,
) -> Detectability:
    r"""Up to which lag so many documents can tell mutual information from none.

    Parameters
    ----------
    process_or_curve
        A `SymbolProcess` or `RealProcess` whose mutual information is known, or a measured curve (such as of a pilot).
    n_documents
        Independent documents, 2 or more.
    length
        Symbols in each; may be left out for a process whose documents have a longest length.
    power
        Probability of being found significant from which a lag counts as detectable.
    level
        False discovery rate, as for `MICurve.significant`.
    lags
        As for `measure`; default: log-spaced to ``length - 1``.

    Returns
    -------
    Detectability
        For each lag, what ``measure(documents, lags).significant(level)`` is expected to say. With one lag, that is
        whether its p-value is at most `level`; with more, the false discovery rate asks for smaller ones.

    Raises
    ------
    InputError
        If an argument cannot be used, or too few lags of a curve are significant.

    Examples
    --------
    >>> from miscope.processes import MarkovChain
    >>> chain = MarkovChain([[0.9, 0.1], [0.1, 0.9]])
    >>> plan = detectable_lag(chain, n_documents=64, length=1000, lags=[1, 4, 8, 16, 32])
    >>> plan.detectable
    array([ True,  True,  True, False, False])
    >>> plan.largest_lag, plan.documents_needed(16)
    (8, 132)

    Notes
    -----
    A pair's dependence is a table of correlations c_ij between modes of one symbol and of the other, ``(K - 1)^2`` of
    them for K symbols, ``n_channels^2`` for real numbers; ``I = 1/2 sum c_ij^2`` where they are small. Neighbouring
    pairs resemble each other: estimates of (i, j) and (k, l) from N pairs have (Bartlett) the covariance, with
    ``m = length - lag`` and less what standardising takes,

    ``1/N sum_u (1 - |u| / m) [c_ik(u) c_jl(u) + c_il(u + lag) c_jk(u - lag)]``.

    With v its eigenvalues, an estimate less its floor is ``1/2 sum (c^2 - v)``, and its jackknife bar squared ``W sum v
    c^2`` with the *estimated* c and W chi-square over its degrees of freedom (blocks less one). Significance is that a
    quadratic form in normal numbers exceeds a bound, averaged over W. Excess over bar is no normal number of variance
    1: for one mode it is ``(z - 1/z) / 2``, z the estimated correlation over its error.

    What is approximate, and how far off it was in simulations:

    - Four-point correlations are those of Gaussian numbers. For Markov chains, (cut) Gaussian numbers and trees,
      probabilities were within 0.15 and bars within 20 %. Where more than two symbols depend strongly on each other,
      all is detectable, but `stderr` may be off by a factor of 2.5. For `Renewal` runs with heavy tails bars are up to
      twice as wide as foreseen (several times the documents are needed), for `Heterogeneous` ones narrower.
    - The floor is taken to be right, as it is with the defaults of `measure` and with ``null="rotate"``. With
      ``null="global"`` and ``correct_bias=False`` it is too low where many symbols meet serial dependence: chains of
      5 and 10 symbols were found 0.86 and 0.99 of the time in place of 0.47 and 0.07.
    - Blocks are taken to be independent, as 32 documents or more are. Of 2 to 31 they are pieces, which is as good for
      short memory. For long memory, pieces scatter less than the whole does, and `measure` judges significance by
      them: far more is found than foreseen. In 2 and in 4 documents, together of 16,384 symbols with ``I = 0.02
      lag^-0.6``, lag 16 was found 0.98 and 1.00 of the time in place of 0.24 and 0.44.
    - A curve does not tell modes apart: all its dependence is taken to be one. Its significant lags count, up to the
      last at which half of all lags are. ``ln I`` is interpolated in ``ln lag``; over the last decade it is the better
      one of a power law and an exponential, and beyond, where nothing is known, that is *extrapolated*.

    References
    ----------
    Bartlett, J. R. Stat. Soc. Suppl. 8 (1946) 27; Liu, Tang and Zhang, Comput. Stat. Data Anal. 53 (2009) 853
    (quadratic forms); Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995) 289.
    """
    source, length = _source(process_or_curve, length)
    n_documents = whole_number(n_documents, "n_documents", 2)
    power, level = number_between(power, "power", 0, 1), number_between(level, "level", 0, 1)
    at = parse_lags(f"1:{length - 1}" if lags is None else lags, length)
    sums = Sums.of(source, at, length)
    probability = sums.probability(n_documents, level)
    detectable = probability >= power
    n_first = int(np.cumprod(detectable).sum())
    largest = int(at[n_first - 1]) if n_first else None
    found = (sums.expected, sums.stderr(n_documents), probability, detectable, largest)
    return Detectability(at, *found, n_documents, length, power, level, source, sums)


@dataclass(frozen=True, eq=False, repr=False)
class Detectability:
    """What can be told from the floor with so much data, lag by lag; see `detectable_lag`.

    Attributes
    ----------
    lags
        int64, shape (n_lags,).
    expected
        Mutual information in nats, shape (n_lags,).
    stderr
        The bar that `measure` is expected to give it, in nats.
    probability
        Of being found significant.
    detectable
        Where that is at least `power`.
    largest_lag
        The largest lag up to which *all* of `lags` are detectable, None if the first one is not. Where dependence
        oscillates, lags beyond may be detectable again: see `detectable`.
    n_documents, length, power, level
        What was asked for.
    """

    lags: Ints
    expected: Floats
    stderr: Floats
    probability: Floats
    detectable: npt.NDArray[np.bool_]
    largest_lag: int | None
    n_documents: int
    length: int
    power: float
    level: float
    _source: Source
    _sums: Sums

    def documents_needed(self, lag: int) -> int:
        """How many documents of this length make a lag detectable, measured together with the others of `lags`.

        Raises
        ------
        InputError
            If documents are too short for the lag, or there is nothing to see, or too little for 10^15 documents.
        """
        lag = whole_number(lag, "lag", 1)
        if lag >= self.length:
            raise InputError(f"documents of {self.length} symbols hold no pair at lag {lag}, however many there are")
        sums = self._sums if lag in self.lags else Sums.of(self._source, np.union1d(self.lags, [lag]), self.length)
        k = int(np.searchsorted(sums.lags, lag))
        if not sums.expected[k] > 0:
            raise InputError(f"there is no mutual information at lag {lag}: no data can show it")
        few, enough = 1, 2
        while sums.probability(enough, self.level)[k] < self.power:
            few, enough = enough, 2 * enough
            if enough > _MOST_DOCUMENTS:
                raise InputError(
                    f"{sums.expected[k]:.3g} nats at lag {lag} are too few: not even {_MOST_DOCUMENTS:.0e} documents "
                    f"of {self.length} symbols show them; choose a smaller lag or longer documents"
                )
        between = range(few + 1, enough)
        return few + 1 + bisect_left(between, self.power, key=lambda n: sums.probability(n, self.level)[k])

    def to_dict(self) -> dict[str, Any]:
        """All attributes, JSON-able."""
        arrays = {name: getattr(self, name).tolist() for name in _COLUMNS}
        return arrays | {name: getattr(self, name) for name in _NUMBERS}

    def __repr__(self) -> str:
        return f"Detectability({self.n_documents:,} documents of {self.length:,} symbols: {self._reach()})"

    def __str__(self) -> str:
        rows = [("lag", "expected", "stderr", "probability", "")]
        columns = zip(*(getattr(self, name) for name in _COLUMNS), strict=True)
        rows += [(f"{a}", f"{b:.4g}", f"{c:.4g}", f"{p:.3f}", "*" * bool(d)) for a, b, c, p, d in columns]
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        sentence = f"{self.n_documents:,} documents of {self.length:,} symbols: {self._reach()}."
        note = f"* found significant, at a false discovery rate of {self.level:.3g}, with a probability of at least "
        return "\n".join([sentence, *lines, note + f"{self.power:.3g}; expected and stderr in nats"])

    def _reach(self) -> str:
        last = self.lags[0] if self.largest_lag is None else self.largest_lag
        again = self.lags[self.detectable & (self.lags > last)]
        verdict = "not detectable at" if self.largest_lag is None else "detectable up to"
        more = f", and at {len(again)} of the larger lags, the last {again[-1]}" if len(again) else ""
        return f"mutual information is {verdict} lag {last}{more}"


_COLUMNS = ("lags", "expected", "stderr", "probability", "detectable")
_NUMBERS = ("largest_lag", "n_documents", "length", "power", "level")


def _source(given: Any, length: int | None) -> tuple[Source, int]:
    """What is known of the source, and the length of documents."""
    if isinstance(given, MICurve):
        return CurveSource(given), whole_number(length, "length", 2)
    if not isinstance(given, SymbolProcess | RealProcess):
        raise InputError(
            f"plans are made for a SymbolProcess, a RealProcess or a measured MICurve, not for {type(given).__name__}"
        )
    return ProcessSource(given), given._checked_length(given.longest if length is None else length)
