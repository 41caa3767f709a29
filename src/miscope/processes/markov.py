"""Markov chains of any order, and hidden ones: mutual information that falls exponentially."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import linalg, sparse, special

from miscope.errors import InputError
from miscope.processes.alias import alias_tables, drawn
from miscope.processes.base import AsymptoticLaw, SymbolProcess
from miscope.processes.checking import checked_alphabet, laws, numbers, real_number, whole_number
from miscope.processes.exact import Joint
from miscope.processes.spectrum import without_nilpotent

__all__ = ["HiddenMarkov", "MarkovChain"]

Floats = npt.NDArray[np.float64]

_MOST_STATES, _HIGHEST_ORDER = 1024, 10
_UNSEEN = 1e-12  # weights up to here are taken for rounding
_UNDERFLOW = 1e-180  # squares of smaller numbers are 0, and arithmetic with subnormal ones is slow


class _StateMachine(SymbolProcess):
    """Symbols that a stationary chain of states emits; subclasses give `_fill`."""

    transition: Floats
    _first: tuple[Any, ...]  # alias tables of a document's first state
    _tables: tuple[Any, ...]
    _stationary: Floats  # of all states; 0 where transient
    _recurrent: npt.NDArray[np.int64]
    _chain: Floats  # between recurrent states
    _emission: Floats  # of recurrent states

    def _settle(self, chain: Floats, emission: Floats, alphabet: Sequence[str | int] | None) -> None:
        """Take the chain's transitions, shape (n, n), and what its states emit, shape (n, alphabet_size)."""
        self.alphabet_size = emission.shape[1]
        self.alphabet = checked_alphabet(alphabet, self.alphabet_size)
        if self.alphabet is not None:
            self.parameters["alphabet"] = list(self.alphabet)
        self._recurrent = _closed_class(chain)
        self._chain = chain[np.ix_(self._recurrent, self._recurrent)]
        self._emission = emission[self._recurrent]
        self._stationary = np.zeros(len(chain))
        self._stationary[self._recurrent] = _stationary(self._chain.copy())
        self._first = tuple(table[0] for table in alias_tables(self._stationary[None]))
        self.values = (-1.0, 1.0) if self.alphabet_size == 2 else None

    @cached_property
    def _modes(self) -> _Modes:
        return _Modes(self._chain, self._stationary[self._recurrent], self._emission)

    @property
    def _entropy_of_steps(self) -> float:
        return float(self._stationary @ special.entr(self.transition).sum(axis=1))

    def _joints(self, lags: npt.NDArray[np.int64]) -> Iterator[Joint]:
        marginal = self._stationary[self._recurrent] @ self._emission
        return (Joint(marginal, marginal, connected) for connected in self._modes.connected(lags))

    @property
    def law(self) -> AsymptoticLaw:
        """Exponential, at the rate of the slowest mode that pairs of symbols show: ``1 / (2 ln(1 / |lambda|))``.

        ``"finite"`` where no mode outlasts a few steps, ``"constant"`` where a period is seen.
        """
        slowest = self._modes.slowest
        if slowest == 0.0:
            return AsymptoticLaw("finite")
        if slowest >= 1.0 - _UNSEEN:
            return AsymptoticLaw("constant")
        return AsymptoticLaw("exponential", correlation_length=float(-0.5 / np.log(slowest)))


class MarkovChain(_StateMachine):
    """A stationary Markov chain of any order.

    Parameters
    ----------
    transition
        Law of the next symbol, given the last `order` ones, the oldest first; shape ``(K,) * order + (K,)``, or
        ``(K ** order, K)`` with contexts in that same order. Rows sum to 1. At most 1024 contexts.
    order
        How many symbols the next one depends on; at most 10.
    alphabet
        The symbol of each code.

    Raises
    ------
    InputError
        If these are no probabilities, or the chain has more than one stationary law.

    Examples
    --------
    >>> chain = MarkovChain([[0.9, 0.1], [0.3, 0.7]])
    >>> chain.mutual_information([1, 5]).round(6)
    array([0.165807, 0.002934])
    >>> print(chain.law)
    exponential, correlation length 0.9788
    >>> chain.sample(n_documents=2, length=1000, seed=1)
    Sequences(2,000 symbols of 2 kinds in 2 documents: MarkovChain order 1)

    Notes
    -----
    ``P_tau = diag(pi) T^tau`` between contexts, summed over all but their last symbols. To keep what is far smaller
    than the product of the marginals, ``S^T D^tau S`` is computed instead, with w the square roots of pi,
    ``D = W T W^-1 - w w^T``, ``W = diag(w)``, and S the centred indicators of the symbols, times W. D is restricted to
    the modes that S sees (weights up to 1e-12 count as unseen). With lambda its largest eigenvalue, the mutual
    information falls as ``|lambda|^(2 tau)`` (Li 1990), or not at all in a periodic chain. Documents are stationary.

    References
    ----------
    Li, J. Stat. Phys. 60 (1990) 823; Grassmann, Taksar and Heyman, Oper. Res. 33 (1985) 1107 (the stationary law).
    """

    def __init__(self, transition: Any, order: int = 1, alphabet: Sequence[str | int] | None = None) -> None:
        self.order = whole_number(order, "order", 1)
        if self.order > _HIGHEST_ORDER:
            raise InputError(f"order {self.order} is too high: at most {_HIGHEST_ORDER}, which two symbols allow")
        given = numbers(transition, "transition")
        size = given.shape[-1] if given.ndim else 0
        if size < 1 or given.shape not in ((size,) * (self.order + 1), (size**self.order, size)):
            raise InputError(
                f"transition of shape {given.shape} does not fit order {self.order}: for K symbols it must have shape "
                "(K,) * order + (K,) or (K ** order, K)"
            )
        _check_states(size**self.order, "contexts")
        self.transition = laws(given.reshape(-1, size), "transition")
        self.parameters = {"transition": given.reshape(-1, size).tolist(), "order": self.order}
        self._next = np.arange(size**self.order) * size % size**self.order  # context that follows, less its last symbol
        self._settle(self._between_contexts(), np.tile(np.eye(size), (size ** (self.order - 1), 1)), alphabet)
        self._tables = alias_tables(self.transition)

    @classmethod
    def two_state(cls, stay: float = 0.9) -> MarkovChain:
        """Chain of two fair symbols, each of which repeats the last with probability `stay`.

        Its correlation is ``(2 stay - 1)^tau``.

        >>> MarkovChain.two_state(0.9).correlation([1, 2]).round(6)
        array([0.8 , 0.64])
        """
        stay = real_number(stay, "stay")
        if not 0.0 <= stay < 1.0:
            raise InputError(f"stay is a probability below 1, not {stay:g}")
        return cls([[stay, 1 - stay], [1 - stay, stay]])

    @property
    def entropy_rate(self) -> float:
        """Entropy in nats a symbol, given all before it: ``-sum pi T ln T``."""
        return self._entropy_of_steps

    def _between_contexts(self) -> Floats:
        n_contexts, size = self.transition.shape
        chain = np.zeros((n_contexts, n_contexts))
        chain[np.arange(n_contexts)[:, None], self._next[:, None] + np.arange(size)] = self.transition
        return chain

    def _fill(self, generator: np.random.Generator, codes: npt.NDArray[Any]) -> None:
        _fill_chain(generator, codes, self._next, self.order, *self._first, *self._tables)


class HiddenMarkov(_StateMachine):
    """Symbols emitted by the states of a stationary Markov chain; a probabilistic regular grammar is one of these.

    Parameters
    ----------
    transition
        Law of the next state, given the state; shape (n_states, n_states), at most 1024.
    emission
        Law of the symbol, given the state; shape (n_states, alphabet_size).
    alphabet
        The symbol of each code.

    Examples
    --------
    >>> noisy = HiddenMarkov([[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.2, 0.8]])
    >>> noisy.correlation([1, 2]).round(6)  # 0.6^2 0.8^lag
    array([0.288 , 0.2304])

    Notes
    -----
    ``P_tau = E^T diag(pi) T^tau E``, computed as that of `MarkovChain`. Modes of the states that the symbols do not
    show do not enter the law.

    References
    ----------
    Shen 2019, arXiv:1905.04271; Lin and Tegmark, Entropy 19 (2017) 299.
    """

    def __init__(self, transition: Any, emission: Any, alphabet: Sequence[str | int] | None = None) -> None:
        between, emitted = numbers(transition, "transition"), numbers(emission, "emission")
        if between.ndim != 2 or between.shape[0] != between.shape[1] or not len(between):
            raise InputError(f"transition must have shape (n_states, n_states), not {between.shape}")
        if emitted.ndim != 2 or len(emitted) != len(between):
            raise InputError(f"emission must have shape ({len(between)}, alphabet_size), not {emitted.shape}")
        _check_states(len(between), "states")
        self.transition, self.emission = laws(between, "transition"), laws(emitted, "emission")
        self.parameters = {"transition": between.tolist(), "emission": emitted.tolist()}
        self._settle(self.transition, self.emission, alphabet)
        self._tables = *alias_tables(self.transition), *alias_tables(self.emission)

    @property
    def entropy_rate(self) -> float | None:
        """Entropy in nats a symbol, given all before it, where every state has a symbol of its own; None otherwise."""
        shown = self._emission.argmax(axis=1)
        if (self._emission.max(axis=1) < 1.0).any() or len(np.unique(shown)) < len(shown):
            return None
        return self._entropy_of_steps

    def _fill(self, generator: np.random.Generator, codes: npt.NDArray[Any]) -> None:
        _fill_hidden(generator, codes, *self._first, *self._tables)


class _Modes:
    """The connected part of the law of pairs, ``left A^tau right``, with A of the smallest size that does."""

    def __init__(self, chain: Floats, stationary: Floats, emission: Floats) -> None:
        # In these coordinates D is a contraction, so that one tolerance serves all states, rare ones too.
        root = np.sqrt(stationary)
        deflated = chain * root[:, None] / root - np.outer(root, root)
        seen = root[:, None] * (emission - stationary @ emission)
        basis = _reached(deflated, seen)
        matrix, left = basis.T @ deflated @ basis, seen.T @ basis
        basis = _reached(matrix.T, left.T)
        self._left, self._right = left @ basis, basis.T @ left.T
        self._powers = [basis.T @ matrix @ basis]  # to 1, 2, 4, 8, ...
        self._core, self._steps = without_nilpotent(self._powers[0])

    @cached_property
    def slowest(self) -> float:
        """Largest modulus of an eigenvalue of A; 0 if A is nilpotent."""
        return float(np.abs(np.linalg.eigvals(self._core)).max(initial=0.0))

    def connected(self, lags: npt.NDArray[np.int64]) -> Iterator[Floats]:
        """Connected parts at ascending lags, each from the one before."""
        state, at = self._left, 0
        for lag in lags.tolist():
            over = len(self._core) == 0 and lag >= self._steps
            state, at = state * 0.0 if over else self._later(state, lag - at), lag
            yield state @ self._right

    def _later(self, state: Floats, steps: int) -> Floats:
        for k in range(steps.bit_length()):
            if k == len(self._powers):
                self._powers.append(_flushed(self._powers[-1] @ self._powers[-1]))
            if steps >> k & 1:
                state = _flushed(state @ self._powers[k])
        return state


def _check_states(n_states: int, noun: str) -> None:
    if n_states > _MOST_STATES:
        raise InputError(f"{n_states} {noun} are too many: at most {_MOST_STATES}; take a smaller alphabet or order")


def _closed_class(chain: Floats) -> npt.NDArray[np.int64]:
    """States of the only class that a chain cannot leave."""
    possible = sparse.csr_array(chain > 0)
    n_classes, labels = sparse.csgraph.connected_components(possible, connection="strong")
    start, end = possible.nonzero()
    leaving = np.unique(labels[start][labels[start] != labels[end]])
    closed = np.setdiff1d(np.arange(n_classes), leaving)
    if len(closed) > 1:
        examples = " and ".join(str(int(np.flatnonzero(labels == each)[0])) for each in closed[:2])
        raise InputError(
            f"the chain has no unique stationary law: {len(closed)} sets of states are never left (such as those of "
            f"states {examples}); give transitions that lead from one to the other"
        )
    return np.flatnonzero(labels == closed[0])


@njit(nogil=True, cache=True)
def _stationary(chain):  # type: ignore[no-untyped-def]
    # Grassmann, Taksar and Heyman: states are taken out one after the other, without a subtraction. `chain` is used up.
    size = len(chain)
    for k in range(size - 1, 0, -1):
        out = chain[k, :k].sum()
        for i in range(k):
            if chain[i, k] > 0:
                chain[i, k] /= out
                chain[i, :k] += chain[i, k] * chain[k, :k]
    law = np.ones(size)
    for k in range(1, size):
        law[k] = (law[:k] * chain[:k, k]).sum()
        law[: k + 1] /= law[: k + 1].sum()
    return law


def _reached(matrix: Floats, start: Floats) -> Floats:
    """Orthonormal basis of what powers of `matrix`, a contraction, make of the columns of `start`."""
    basis, n = np.empty_like(matrix), 0
    lengths = np.linalg.norm(start, axis=0)
    block = start[:, lengths > 0] / lengths[lengths > 0]
    while block.shape[1] and n < len(matrix):
        for _ in range(2):
            block = block - basis[:, :n] @ (basis[:, :n].T @ block)
        new, triangle, _ = linalg.qr(block, mode="economic", pivoting=True)
        new = new[:, : int((np.abs(np.diag(triangle)) > _UNSEEN).sum())]
        basis[:, n : n + new.shape[1]] = new
        n += new.shape[1]
        block = matrix @ new
    return basis[:, :n]


def _flushed(matrix: Floats) -> Floats:
    matrix[np.abs(matrix) < _UNDERFLOW] = 0.0
    return matrix


@njit(nogil=True, cache=True)
def _fill_chain(generator, codes, follows, order, first_keep, first_alias, keep, alias):  # type: ignore[no-untyped-def]
    n_documents, length = codes.shape
    size = keep.shape[1]
    for document in range(n_documents):
        context = drawn(generator, first_keep, first_alias)
        for t in range(min(order, length)):
            codes[document, t] = context // size ** (order - 1 - t) % size
        for t in range(order, length):
            symbol = drawn(generator, keep[context], alias[context])
            codes[document, t] = symbol
            context = follows[context] + symbol


@njit(nogil=True, cache=True)
def _fill_hidden(generator, codes, first_keep, first_alias, keep, alias, shown, shown_alias):  # type: ignore[no-untyped-def]
    n_documents, length = codes.shape
    for document in range(n_documents):
        state = drawn(generator, first_keep, first_alias)
        for t in range(length):
            codes[document, t] = drawn(generator, shown[state], shown_alias[state])
            state = drawn(generator, keep[state], alias[state])
