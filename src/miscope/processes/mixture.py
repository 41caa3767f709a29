"""Documents of different composition: dependence between symbols that no symbol has on another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import special

from miscope.errors import InputError
from miscope.processes.alias import alias_tables, drawn
from miscope.processes.base import AsymptoticLaw, SymbolProcess
from miscope.processes.checking import checked_alphabet, laws, numbers, real_number, whole_number
from miscope.processes.exact import Joint

__all__ = ["Heterogeneous"]

Floats = npt.NDArray[np.float64]

_LONGEST_SEGMENT = 1 << 53
_MOST_COUNTS = 1 << 22


class Heterogeneous(SymbolProcess):
    """Independent symbols whose law is drawn anew for each document, or for each segment of one.

    Inside a document, or segment, no symbol depends on another; all mutual information is what compositions that differ
    give when they are pooled.

    Parameters
    ----------
    delta
        For two symbols: the second has probability ``(1 + delta) / 2`` or ``(1 - delta) / 2``, by a fair coin; 0 to 1.
    segment
        How many symbols are drawn from one law before the next law is drawn. Default: the whole document.
    compositions
        Instead of `delta`: the possible laws of the symbols, shape (n_kinds, alphabet_size).
    weights
        How probable each composition is, shape (n_kinds,); default: all the same.
    alphabet
        The symbol of each code.

    Raises
    ------
    InputError
        If these are no probabilities, or both or none of `delta` and `compositions` are given.

    Examples
    --------
    >>> Heterogeneous(delta=0.5).correlation([1, 1000])
    array([0.25, 0.25])
    >>> Heterogeneous(delta=0.5, segment=100).correlation([1, 50, 100])
    array([0.2475, 0.125 , 0.    ])
    >>> topics = Heterogeneous(compositions=[[0.8, 0.1, 0.1], [0.2, 0.4, 0.4]], weights=[0.3, 0.7])
    >>> topics.mutual_information([1, 10]).round(6)
    array([0.051391, 0.051391])

    Notes
    -----
    With p_k the compositions, w_k their weights and p their mean, ``P_tau - p p^T = V u(tau)``,
    ``V = sum_k w_k (p_k - p) (p_k - p)^T``, where u is 1 without segments and ``max(0, 1 - tau / segment)`` with them.
    With `delta` the correlation is ``delta^2 u(tau)``.

    The first segment of a document is cut at a uniformly random place, independently in each document, so that every
    pair at lag tau, wherever it stands, lies in one segment with probability ``1 - tau / segment``. The formula is then
    exact for documents of any length, and they are stationary; it would not be if segments began where documents do.

    Without segments the ``document`` null has the same expectation as the data, up to the 1/length that pairing symbols
    with themselves adds: the sequential part of the mutual information is 0. That null does not know of segments.

    References
    ----------
    Shen 2019, arXiv:1905.04271; Li, J. Stat. Phys. 60 (1990) 823.
    """

    def __init__(
        self,
        delta: float | None = None,
        segment: int | None = None,
        compositions: Any = None,
        weights: Any = None,
        alphabet: Sequence[str | int] | None = None,
    ) -> None:
        if (delta is None) == (compositions is None):
            raise InputError("give delta (two symbols) or compositions (any number), one of the two")
        self.segment = None if segment is None else _checked_segment(segment)
        self.parameters = {}
        if delta is not None:
            delta = self.parameters["delta"] = _checked_delta(delta, weights)
            compositions = [[(1 + delta) / 2, (1 - delta) / 2], [(1 - delta) / 2, (1 + delta) / 2]]
        self.compositions = laws(numbers(compositions, "compositions"), "compositions")
        self.weights = _checked_weights(weights, len(self.compositions))
        if delta is None:
            self.parameters["compositions"] = np.asarray(compositions, np.float64).tolist()
        if weights is not None:
            self.parameters["weights"] = np.asarray(weights, np.float64).tolist()
        if self.segment is not None:
            self.parameters["segment"] = self.segment
        self.alphabet_size = self.compositions.shape[1]
        self.alphabet = checked_alphabet(alphabet, self.alphabet_size)
        if self.alphabet is not None:
            self.parameters["alphabet"] = list(self.alphabet)
        self.values = (-1.0, 1.0) if self.alphabet_size == 2 else None
        self._mean = self.weights @ self.compositions
        centred = self.compositions - self._mean
        self._between = (self.weights[:, None] * centred).T @ centred
        self._tables = *(table[0] for table in alias_tables(self.weights[None])), *alias_tables(self.compositions)

    def _joints(self, lags: npt.NDArray[np.int64]) -> Iterator[Joint]:
        length = self.segment
        together = np.ones(len(lags)) if length is None else np.maximum(length - lags, 0) / length
        return (Joint(self._mean, self._mean, self._between * share) for share in together)

    @property
    def law(self) -> AsymptoticLaw:
        """``"finite"`` with segments, ``"constant"`` without them."""
        return AsymptoticLaw("finite" if self.segment is not None or not self._between.any() else "constant")

    @property
    def entropy_rate(self) -> float | None:
        """Entropy in nats a symbol, given all before it; None for segments of more than two symbols, or above 2^22.

        The mean entropy of the compositions, plus what the symbols of a segment say of its composition, a symbol.
        """
        known = float(self.weights @ special.entr(self.compositions).sum(axis=1))
        if self.segment is None:
            return known
        if self.alphabet_size > 2 or self.segment > _MOST_COUNTS:
            return None
        return known + _told_by_counts(self.compositions[:, -1], self.weights, self.segment) / self.segment

    def _fill(self, generator: np.random.Generator, codes: npt.NDArray[Any]) -> None:
        _fill_mixture(generator, codes, self.segment or 0, *self._tables)


def _checked_delta(delta: Any, weights: Any) -> float:
    if weights is not None:
        raise InputError("weights belong to compositions: with delta both signs are equally probable")
    delta = real_number(delta, "delta")
    if not 0.0 <= delta <= 1.0:
        raise InputError(
            f"delta must lie in 0 to 1, not {delta:g}: symbols have probability (1 + delta) / 2 or (1 - delta) / 2"
        )
    return float(delta)


def _checked_segment(segment: Any) -> int:
    segment = whole_number(segment, "segment", 1)
    if segment > _LONGEST_SEGMENT:
        raise InputError(f"a segment of {segment} symbols is too long: leave segment out for one law a document")
    return int(segment)


def _checked_weights(weights: Any, n_kinds: int) -> Floats:
    if weights is None:
        return np.full(n_kinds, 1.0 / n_kinds)
    given = numbers(weights, "weights")
    if given.shape != (n_kinds,):
        raise InputError(f"weights must have shape ({n_kinds},), one for each composition, not {given.shape}")
    return np.asarray(laws(given[None], "weights")[0])


def _told_by_counts(ones: Floats, weights: Floats, n: int) -> float:
    """Mutual information in nats of a mixture's kind with n symbols, of two, that are drawn from it.

    Parameters
    ----------
    ones
        Probability of the second symbol, for each kind.
    weights
        Of the kinds.
    n
        Number of symbols; how many of them are the second one is all that they say.
    """
    total = 0.0
    for start in range(0, n + 1, 1 << 16):
        k = np.arange(start, min(start + (1 << 16), n + 1), dtype=np.float64)[:, None]
        ways = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
        given = ways + special.xlogy(k, ones) + special.xlog1py(n - k, -ones)
        pooled = special.logsumexp(given, axis=1, b=weights, keepdims=True)
        possible = given > -np.inf
        ratios = np.where(possible, given, 0.0) - np.where(possible, pooled, 0.0)
        total += float((np.exp(given) * ratios * weights).sum())
    return total


@njit(nogil=True, cache=True)
def _fill_mixture(generator, codes, segment, kind_keep, kind_alias, keep, alias):  # type: ignore[no-untyped-def]
    n_documents, length = codes.shape
    for document in range(n_documents):
        start, end = 0, length
        if segment > 0:  # 0: the whole document
            end = min(1 + generator.integers(0, segment), length)
        while start < length:
            kind = drawn(generator, kind_keep, kind_alias)
            for t in range(start, end):
                codes[document, t] = drawn(generator, keep[kind], alias[kind])
            start, end = end, min(end + segment, length)
