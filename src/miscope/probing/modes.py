"""Modes of the dynamics that a model generates by itself, from its states along its own samples (EDMD)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from miscope.counting.counted import Progress, Steps

__all__ = ["Dictionary", "ModeSet", "Modes", "Run", "Transfer", "correlation_length", "modes_of", "transfer"]

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]

_MOST_PAIRS = 200_000
_SAMPLE = 50_000  # states that the dictionary is made from
_NEGLIGIBLE = 1e-7  # variance of a direction, against the largest
_MOST_LINEAR = 24
_VISIBLE = 3.0  # amplitude over its error
_LEAST_AMPLITUDE = 1e-3  # against that of the largest mode
_HIDDEN_LENGTH, _HIDDEN_AMPLITUDE = 2.0, 0.02  # from where on a slower mode, not seen for certain, is told
_STEP_OF_LENGTH = 1.4  # steps go by 2, and the best is twice the correlation length of mutual information


def _nothing() -> None:
    """What is done where nobody wants to know how far it is."""


class Run(NamedTuple):
    """What a model did: n documents side by side.

    Attributes
    ----------
    states
        float32, shape (length, n, d): before the value at t is read.
    left
        Shape (length, n, l): the values themselves, as vectors.
    right
        Shape (length, n, r): their means given the state.
    blocks
        Of each document, shape (n,): which of them are left out together.
    """

    states: npt.NDArray[np.float32]
    left: npt.NDArray[np.float32]
    right: npt.NDArray[np.float32]
    blocks: npt.NDArray[np.int64]

    @property
    def length(self) -> int:
        """Steps of each document."""
        return len(self.states)

    def pairs(self, step: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Times and documents from which to look `step` ahead: evenly spread, not more than are needed."""
        room = self.length - step - 1
        n = self.states.shape[1]
        spacing = max(1, step // 8, -(-room * n // _MOST_PAIRS))
        times = np.arange(0, room, spacing)
        return np.repeat(times, n), np.tile(np.arange(n), len(times))


class Dictionary:
    """Functions of the state: its slowest linear combinations, whitened, and polynomials of the slowest of them.

    Parameters
    ----------
    run
        States to make it from.
    degree
        Largest degree of the polynomials; 1 for none.
    n_slow
        How many linear combinations polynomials are made of.
    """

    def __init__(self, run: Run, degree: int, n_slow: int) -> None:
        self._degree, self._n_slow = degree, n_slow
        times, documents = run.pairs(1)
        keep = np.linspace(0, len(times) - 1, min(len(times), _SAMPLE)).astype(int)
        some = run.states[times[keep], documents[keep]].astype(np.float64)
        self._mean = some.mean(axis=0)
        self._linear = _whitening(some - self._mean)
        self._linear = self._linear @ self._slow_directions(run)[:, :_MOST_LINEAR]
        functions = self._functions(some)
        self._centre = functions.mean(axis=0)
        self._whiten = _whitening(functions - self._centre)

    def __call__(self, states: npt.NDArray[Any]) -> Floats:
        """Values of all functions, shape (n, d) to (n, size)."""
        return np.asarray((self._functions(states.astype(np.float64)) - self._centre) @ self._whiten)

    def _functions(self, states: Floats) -> Floats:
        linear = (states - self._mean) @ self._linear
        slow = linear[:, : self._n_slow]
        columns = [linear]
        for degree in range(2, self._degree + 1):
            chosen = combinations_with_replacement(range(slow.shape[1]), degree)
            columns.append(np.stack([slow[:, list(each)].prod(axis=1) for each in chosen], axis=1))
        return np.hstack(columns)

    def _slow_directions(self, run: Run) -> Floats:
        """Whitened combinations in the order of how well they tell what they will be, one correlation time later."""
        step = 4
        while True:
            times, documents = run.pairs(step)
            now, then = ((run.states[times + ahead, documents] - self._mean) @ self._linear for ahead in (0, step))
            now, then = now - now.mean(axis=0), then - then.mean(axis=0)
            left, values, _ = np.linalg.svd(now.T @ then / len(now))
            if values[0] < np.exp(-1) or 2 * step > run.length // 4:
                return np.asarray(left)
            step *= 2


class Transfer(NamedTuple):
    """What functions of the state become `step` later: ``E[f(h[t + step]) | h[t]] = f(h[t]) @ matrix``.

    Attributes
    ----------
    step
        Symbols.
    matrix
        Shape (m, m).
    left_out
        The same with each block left out, shape (n_blocks, m, m).
    """

    step: int
    matrix: Floats
    left_out: Floats


def correlation_length(eigenvalues: Any, step: int) -> Floats:
    """Correlation lengths of mutual information in symbols: ``-step / (2 ln |eigenvalue|)``."""
    moduli = np.clip(np.abs(eigenvalues), 1e-300, 1 - 1e-12)
    return np.asarray(-step / (2 * np.log(moduli)))


def transfer(run: Run, dictionary: Dictionary, step: int, done: Callable[[], object] = _nothing) -> Transfer:
    """Regress the functions `step` later on the functions now; whole, and with each block of documents left out.

    `done` is called when a block is.
    """
    times, documents = run.pairs(step)
    now, then = (dictionary(run.states[times + ahead, documents]) for ahead in (0, step))
    return Transfer(step, *_regressions(now, then, run.blocks[documents], done))


def _regressions(
    x: Floats, y: Floats, blocks: npt.NDArray[np.int64], done: Callable[[], object] = _nothing
) -> tuple[Floats, Floats]:
    """Least squares of y on x, both centred: shapes (m, r) and (n_blocks, m, r)."""
    n_blocks = int(blocks.max()) + 1
    parts = []
    for block in range(n_blocks):
        a, b = x[blocks == block], y[blocks == block]
        parts.append((len(a), a.sum(axis=0), b.sum(axis=0), a.T @ a, a.T @ b))
    total = [sum(each) for each in zip(*parts, strict=True)]

    def solved(n: Any, a: Any, b: Any, aa: Any, ab: Any) -> Floats:
        return np.asarray(np.linalg.solve(aa - np.outer(a, a) / n, ab - np.outer(a, b) / n))

    left_out = []
    for part in parts:
        left_out.append(solved(*(all_ - own for all_, own in zip(total, part, strict=True))))
        done()
    return solved(*total), np.array(left_out)


class Outputs(NamedTuple):
    """How outputs see functions of the state, whole and with each block left out (a first axis more).

    Attributes
    ----------
    entry
        Covariance of outputs with the functions after they have been read, shape (l, m).
    readout
        The means of outputs as combinations of the functions, shape (m, r).
    """

    entry: Floats
    readout: Floats
    entry_left_out: Floats
    readout_left_out: Floats


@dataclass(frozen=True, eq=False)
class ModeSet:
    """Modes by one step, the slowest first.

    Attributes
    ----------
    step
        Symbols.
    eigenvalues
        Of that step, complex, shape (m,).
    amplitudes, errors
        Norms of M in ``covariance(lag) = sum of M_k eigenvalue_k^((lag - 1) / step)``, and their standard errors.
    visible
        Which of them outputs show.
    left_out
        Eigenvalues with each block left out, shape (n_blocks, m): for each mode the nearest.
    together
        Up to which mode, counted from the slowest, all have to be taken together for outputs to show them. Modes of
        nearly the same eigenvalue cannot be told apart one by one, though their sum is well known.
    """

    step: int
    eigenvalues: Complexes
    amplitudes: Floats
    errors: Floats
    visible: npt.NDArray[np.bool_]
    left_out: Complexes
    together: int

    @property
    def slowest(self) -> int:
        """The slowest mode that outputs show, or the slowest of all if they show none."""
        return int(np.argmax(self.visible)) if self.visible.any() else 0

    @property
    def length(self) -> float:
        """Its correlation length, in symbols."""
        return float(correlation_length(self.eigenvalues[self.slowest], self.step))

    @property
    def longest(self) -> float:
        """The correlation length of the slowest modes that outputs show, if not one by one then together."""
        return float(correlation_length(self.eigenvalues[min(self.together, self.slowest)], self.step))

    @property
    def hidden(self) -> float:
        """The longest correlation length that outputs may show, too uncertain to say so; 0 where there is none.

        Of modes slower by a factor of two at least than those seen, that are not small beside the largest.
        """
        lengths = correlation_length(self.eigenvalues, self.step)
        apart = lengths > _HIDDEN_LENGTH * self.length
        apart &= self.amplitudes > _HIDDEN_AMPLITUDE * self.amplitudes.max(initial=0.0)
        return float(lengths[apart].max(initial=0.0))

    def rates(self) -> tuple[float, Floats]:
        """One over that length: of the whole, and with each block left out."""
        return 1 / self.length, 1 / correlation_length(self.left_out[:, self.slowest], self.step)


@dataclass(frozen=True, eq=False)
class Modes:
    """Transfers by ascending steps, how outputs see them, and the modes by each step."""

    transfers: tuple[Transfer, ...]
    outputs: Outputs
    sets: tuple[ModeSet, ...]

    @property
    def best(self) -> ModeSet:
        """The longest step by which outputs show a mode, or the longest of all."""
        return next((each for each in reversed(self.sets) if each.visible.any()), self.sets[-1])

    def covariances(self, lags: npt.NDArray[np.int64], block: int | None = None) -> Floats:
        """Covariance of an output with a later one, shape (n_lags, l, r): by as few and as long steps as there are."""
        entry, readout = self.outputs.entry, self.outputs.readout
        if block is not None:
            entry, readout = self.outputs.entry_left_out[block], self.outputs.readout_left_out[block]
        steps = [(each.step, each.matrix if block is None else each.left_out[block]) for each in self.transfers]
        return np.array([entry @ _advanced(readout, int(lag) - 1, steps[::-1]) for lag in lags])


def modes_of(run: Run, degree: int, n_slow: int, progress: Progress | None = None) -> Modes:
    """Estimate all from a run: by 1, 2, 4, ... symbols, to about the correlation time of the slowest visible mode.

    `progress` is called with what is done and what there is to do at most.
    """
    most, n_blocks = max(1, (run.length // 4).bit_length()), int(run.blocks.max()) + 1
    done = Steps(progress, 2 * n_blocks * (1 + most))
    dictionary = Dictionary(run, degree, n_slow)
    done(n_blocks)
    outputs = _outputs(run, dictionary)
    done(n_blocks)
    transfers: list[Transfer] = []
    sets: list[ModeSet] = []
    step = 1
    while True:
        transfers.append(transfer(run, dictionary, step, done))
        sets.append(_mode_set(transfers[-1], outputs, done))
        found = Modes(tuple(transfers), outputs, tuple(sets))
        # The error of ln(eigenvalue) = ln(eigenvalue^step) / step is least where eigenvalue^step = 1/e.
        wanted = _STEP_OF_LENGTH * max(found.best.length, sets[-1].longest)
        if step >= wanted or 2 * step > run.length // 4:
            return found
        step *= 2


def _mode_set(by: Transfer, outputs: Outputs, done: Callable[[], object]) -> ModeSet:
    values, tables = _decomposed(by.matrix, outputs.entry, outputs.readout)
    norms, sums = _norms(tables), _norms(np.cumsum(tables, axis=0))
    n_blocks = len(by.left_out)
    near_values, near_norms = np.empty((n_blocks, len(values)), np.complex128), np.empty((n_blocks, len(values)))
    near_sums = np.empty((n_blocks, len(values)))
    for block in range(n_blocks):
        parts = by.left_out[block], outputs.entry_left_out[block], outputs.readout_left_out[block]
        others, their_tables = _decomposed(*parts)
        nearest = np.abs(values[:, None] - others).argmin(axis=1)
        near_values[block], near_norms[block] = others[nearest], _norms(their_tables[nearest])
        near_sums[block] = _norms(np.cumsum(their_tables, axis=0))
        done()
    errors, errors_of_sums = _errors(near_norms), _errors(near_sums)
    visible = (norms > _VISIBLE * errors) & (norms > _LEAST_AMPLITUDE * norms.max(initial=0.0))
    together = (sums > _VISIBLE * errors_of_sums) & (sums > _LEAST_AMPLITUDE * norms.max(initial=0.0))
    first = int(np.argmax(together)) if together.any() else len(values) - 1
    return ModeSet(by.step, values, norms, errors, visible, near_values, first)


def _errors(left_out: Floats) -> Floats:
    """Standard errors by the jackknife, shape (m,)."""
    n = len(left_out)
    return np.asarray(np.sqrt((n - 1) / n * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0)))


def _decomposed(matrix: Floats, entry: Floats, readout: Floats) -> tuple[Complexes, Complexes]:
    """Eigenvalues, the slowest first, shape (m,), and of each mode the table ``entry v w readout``, shape (m, l, r)."""
    values, vectors = np.linalg.eig(matrix)
    both = np.einsum("lk,kr->klr", entry @ vectors, np.linalg.solve(vectors, readout.astype(vectors.dtype)))
    order = np.argsort(-np.abs(values), kind="stable")
    return values[order].astype(np.complex128), both[order].astype(np.complex128)


def _norms(tables: Complexes) -> Floats:
    return np.asarray(np.sqrt((np.abs(tables) ** 2).sum(axis=(1, 2))))


def _outputs(run: Run, dictionary: Dictionary) -> Outputs:
    times, documents = run.pairs(1)
    now, after = (dictionary(run.states[times + ahead, documents]) for ahead in (0, 1))
    of = run.blocks[documents]
    readout, readout_left_out = _regressions(now, run.right[times, documents].astype(np.float64), of)
    entry, entry_left_out = _covariances(run.left[times, documents].astype(np.float64), after, of)
    return Outputs(entry, readout, entry_left_out, readout_left_out)


def _covariances(x: Floats, y: Floats, blocks: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Covariance of x with y, shapes (l, m) and (n_blocks, l, m)."""
    parts = []
    for block in range(int(blocks.max()) + 1):
        a, b = x[blocks == block], y[blocks == block]
        parts.append((len(a), a.sum(axis=0), b.sum(axis=0), a.T @ b))
    total = [sum(each) for each in zip(*parts, strict=True)]

    def covariance(n: Any, a: Any, b: Any, ab: Any) -> Floats:
        return np.asarray(ab / n - np.outer(a / n, b / n))

    left_out = [covariance(*(all_ - own for all_, own in zip(total, part, strict=True))) for part in parts]
    return covariance(*total), np.array(left_out)


def _advanced(functions: Floats, ahead: int, steps: list[tuple[int, Floats]]) -> Floats:
    """What functions become so many symbols later; `steps` from the longest to 1."""
    for step, matrix in steps:
        times, ahead = divmod(ahead, step)
        functions = np.linalg.matrix_power(matrix, times) @ functions
    return functions


def _whitening(centred: Floats) -> Floats:
    """Directions in which values have variance 1 and no correlation, shape (d, k), those of no variance left out."""
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    keep = values > _NEGLIGIBLE * max(float(values[-1]), 1e-300)
    return np.asarray(vectors[:, keep] / np.sqrt(values[keep]))
