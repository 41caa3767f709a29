"""How probable it is that a lag is found significant: what `detectable_lag` goes by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import linalg, special

from miscope.counting.lags import log_lags
from miscope.curve import MICurve
from miscope.curve.measuring import DEFAULT_BLOCKS
from miscope.errors import InputError
from miscope.processes.base import RealProcess, SymbolProcess

__all__ = ["CurveSource", "ProcessSource", "Source", "Sums", "exceeds"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DENSE = 512  # lags up to which serial dependence is summed one by one
_PER_DECADE = 64  # beyond
_MOST_MODES = 8
_BASIS_LAGS = 64
_QUANTILES = (np.arange(8) + 0.5) / 8  # over which the noise of bars is averaged
_FAR = 8.0  # standard deviations
_MANY = 1e5  # degrees of freedom
_LEAST_VARIANCE = 1e-3
_FAIR = np.linspace(0.0, 0.9999, 1024)  # correlations c of two fair symbols, and the root of twice their information
_FAIR_ROOTS = np.sqrt((1 + _FAIR) * np.log1p(_FAIR) + (1 - _FAIR) * np.log1p(-_FAIR))
_RATES = np.concatenate([[0.0], np.geomspace(1e-3, 30.0, 300)])
_FORM_ERROR = 0.1  # of what a fitted form says: a curve need not follow it to the width of its bars
_LEAST_SEEN = 3  # significant lags of a curve


class Sums(NamedTuple):
    """Sums over the modes at each lag, v their variances times the number of pairs, a their squared correlations."""

    lags: Ints
    expected: Floats
    pairs: Floats  # in a document
    freedom: float
    noise: Floats  # sum v^k, k = 1 to 4: shape (4, n_lags)
    signal: Floats  # sum a v^(k - 1), k = 1 to 4
    steepness: Floats  # of the information, against what it is for weak dependence

    @classmethod
    def of(cls, source: Source, lags: Ints, length: int) -> Sums:
        """For documents of this length."""
        memory = source.memory(lags, length)
        expected, pairs = np.sum(memory.signal**2, axis=(1, 2)) / 2, (length - lags).astype(np.float64)
        noise, signal = np.empty((4, len(lags))), np.empty((4, len(lags)))
        for k, lag in enumerate(lags.tolist()):
            covariance, rest = _covariance(memory, lag, length), source.freedom - memory.signal[k].size
            v, axes = linalg.eigh(covariance)
            powers = np.maximum(v, _LEAST_VARIANCE) ** np.arange(1, 5)[:, None]
            noise[:, k] = powers.sum(axis=1)
            signal[:, k] = (powers / powers[0]) @ (axes.T @ memory.signal[k].ravel()) ** 2
            noise[:, k] += rest * _rest(memory, lag, length, rest) ** np.arange(1, 5)
        return cls(lags, expected, pairs, source.freedom, noise, signal, source.steepness(expected))

    def stderr(self, n_documents: int) -> Floats:
        """Mean bar: the root of ``sum v c^2``, less by the scatter of the sum of c^2, not below that of the null."""
        n = n_documents * self.pairs
        first, second = self._cumulants(n)[:2]
        bars = np.sqrt(n * self.steepness * self.signal[1] + self.noise[1]) * (1 - second / (4 * first**2))
        return np.asarray(np.maximum(bars, self._least(n)) / n)

    def probability(self, n_documents: int, level: float) -> Floats:
        """Of significance at each lag, by Benjamini and Hochberg: p at most `level` times the share that is found."""
        n = n_documents * self.pairs
        cumulants = self._cumulants(n)
        degrees = DEFAULT_BLOCKS - 1
        spreads = 2 * special.gammaincinv(degrees / 2, _QUANTILES[:, None]) / degrees  # of W
        bars = spreads * (n * self.signal[1] + self.noise[1]) / cumulants[0]  # bar^2 over the sum of n c^2, times n
        share = np.ones(len(self.lags))
        for _ in range(100):
            t = special.stdtrit(degrees, 1 - level * share)
            found = exceeds(cumulants, self._bound(t, bars, n)).mean(axis=0)
            share, last = (1 + found.sum() - found) / len(found), share
            if np.abs(share - last).max() < 1e-4:
                break
        return np.asarray(found)

    def _cumulants(self, n: Floats) -> Floats:
        """Of n times the sum of estimated squared correlations, k-th one over ``2^(k - 1) (k - 1)!``."""
        return self.noise + np.arange(1, 5)[:, None] * n * self.signal

    def _bound(self, t: Floats, bars: Floats, n: Floats) -> Floats:
        """What n times the sum of estimated squared correlations Q must exceed: (Q - noise) / 2 = t max(bar, least)."""
        root = t * np.sqrt(bars)
        bound = (root + np.sqrt(root**2 + self.noise[0])) ** 2
        return np.asarray(np.maximum(bound, self.noise[0] + 2 * t * self._least(n)))

    def _least(self, n: Floats) -> Floats:
        """Times n, the least bar that `measure` gives."""
        return np.asarray(np.sqrt(np.minimum(self.freedom, n) / 2))


def exceeds(cumulants: Floats, bound: Floats) -> Floats:
    """Probability that ``sum v (z + d)^2``, z normal, exceeds a bound (Liu, Tang and Zhang 2009); shape of `bound`.

    The rows of `cumulants` are ``sum v^k (1 + k d^2)``, k = 1 to 4.
    """
    first, second, third, fourth = cumulants
    z = np.clip((bound - first) / np.sqrt(2 * second), -_FAR, _FAR)
    skewness, excess = third / second**1.5, fourth / second**2
    root = np.sqrt(np.maximum(skewness**2 - excess, 0.0))
    a = 1 / (skewness - root)
    delta = np.maximum(skewness * a**3 - a**2, 0.0)
    freedom = a**2 - 2 * delta
    at = np.maximum(z * np.sqrt(2) * a + freedom + delta, 0.0)
    many = delta + freedom > _MANY  # then it is normal, and the sums below are long
    tail = 1 - special.chndtr(np.where(many, 1.0, at), np.where(many, 1.0, freedom), np.where(many, 0.0, delta))
    return np.asarray(np.where(many, special.ndtr(-z), tail))


def _covariance(memory: _Memory, lag: int, length: int) -> Floats:
    """Covariance of the estimated correlations (i, j) and (k, l) times the number of pairs, shape (n^2, n^2)."""
    n = memory.signal.shape[1]
    weight = memory.weight(length - lag)
    now, c = memory.at(np.array([lag]))[0], memory.tables
    ahead, behind = memory.at(memory.nodes + lag), memory.at(memory.nodes - lag)
    same = np.einsum("u,uik,ujl->ijkl", weight, c, c, optimize=True)
    crossed = np.einsum("u,uil,ujk->ijkl", weight, ahead, behind, optimize=True)
    total = (same + crossed).reshape(n * n, n * n)
    total = np.eye(n * n) + np.einsum("il,kj->ijkl", now, now).reshape(n * n, n * n) + total + total.T
    # Standardising takes 4 r r(u) r(u - lag) - 2 r^2 r(u)^2 from the sum over all u, r = r(lag); kept to i = j = k = l.
    r, each = np.diag(now), np.diagonal(c, axis1=1, axis2=2)
    around = np.diagonal(ahead + behind, axis1=1, axis2=2)
    taken = 2 * r**2 + 4 * r * (weight @ (each * around)) - 4 * r**2 * (weight @ each**2)
    total[np.diag_indices(n * n)] -= np.diag(taken).ravel()
    return np.asarray(total)


def _rest(memory: _Memory, lag: int, length: int, n_rest: float) -> float:
    """Mean variance, times the number of pairs, of modes that are not followed one by one."""
    followed = np.trace(memory.tables, axis1=1, axis2=2)
    total = 2 * np.sum(memory.weight(length - lag) * (memory.traces**2 - followed**2))
    return max(1.0 + float(total) / max(n_rest, 1.0), _LEAST_VARIANCE)


class _Memory(NamedTuple):
    """Correlations of n modes with each other."""

    nodes: Ints  # lags, shape (n_nodes,), from 1 on
    tables: Floats  # at the nodes, shape (n_nodes, n, n): row now, column later
    traces: Floats  # of all modes, shape (n_nodes,)
    signal: Floats  # at the lags that are asked for, shape (n_lags, n, n): half the sum of squares is the information

    def weight(self, n_pairs: int) -> Floats:
        """Of each node in a sum over u > 0 of ``1 - u / n_pairs``: it stands for all lags nearest to it."""
        borders = np.concatenate([[0.5], (self.nodes[1:] + self.nodes[:-1]) / 2, [self.nodes[-1] + 0.5]])
        return np.asarray(np.diff(borders) * np.maximum(1 - self.nodes / n_pairs, 0.0))

    def at(self, lags: Ints) -> Floats:
        """Tables at any lags, interpolated; at negative ones the transpose, at 0 the identity."""
        nodes = np.concatenate([[0], self.nodes])
        tables = np.concatenate([np.eye(self.tables.shape[1])[None], self.tables])
        place = np.minimum(np.abs(lags), nodes[-1])
        right = np.maximum(np.searchsorted(nodes, place), 1)
        share = ((place - nodes[right - 1]) / (nodes[right] - nodes[right - 1]))[:, None, None]
        found = (1 - share) * tables[right - 1] + share * tables[right]
        return np.asarray(np.where((lags < 0)[:, None, None], found.transpose(0, 2, 1), found))


class Source(ABC):
    """A source of dependence with `freedom` pairs of modes, of real numbers or of symbols."""

    freedom: float
    is_real: bool

    @abstractmethod
    def memory(self, lags: Ints, length: int) -> _Memory:
        """For these lags in documents of this length."""

    def correlation(self, information: Floats) -> Floats:
        """Of the one mode that has this information in nats: of Gaussian numbers, or of two fair symbols."""
        if self.is_real:
            return np.asarray(np.sqrt(-np.expm1(-2 * information)))
        return np.asarray(np.interp(np.sqrt(2 * information), _FAIR_ROOTS, _FAIR))

    def steepness(self, information: Floats) -> Floats:
        """``(dI/dc)^2 / 2 I``, which is 1 for weak dependence; where there is but one mode."""
        c = self.correlation(information)
        slope = np.sqrt(np.expm1(2 * information)) * np.exp(information) if self.is_real else np.arctanh(c)
        known = (c > 1e-3) & (self.freedom == 1)
        return np.asarray(np.where(known, slope, 1.0) ** 2 / np.where(known, 2 * information, 1.0))


class ProcessSource(Source):
    """A process that knows its law of pairs: dependence mode by mode."""

    def __init__(self, process: SymbolProcess | RealProcess) -> None:
        self._process = process
        self.is_real = isinstance(process, RealProcess)
        if isinstance(process, RealProcess):
            self._n_modes = process.n_channels
        else:
            self._n_modes = int(np.count_nonzero(process.joint(1).sum(axis=1))) - 1
        if self._n_modes < 1:
            raise InputError("this process has only one symbol: there is nothing to detect")
        self.freedom = float(self._n_modes**2)

    def memory(self, lags: Ints, length: int) -> _Memory:
        """Of the strongest modes."""
        process, nodes = self._process, _nodes(lags, length)
        basis = self._basis(nodes)
        tables, traces = np.empty((len(nodes), basis.shape[1], basis.shape[1])), np.empty(len(nodes))
        for k, table in enumerate(_tables(process, nodes)):
            tables[k], traces[k] = basis.T @ table @ basis, np.trace(table)
        signal = tables[np.searchsorted(nodes, lags)]
        squares = np.sum(signal**2, axis=(1, 2))
        scale = np.sqrt(2 * process.mutual_information(lags) / np.where(squares > 0, squares, 1.0))
        return _Memory(nodes, tables, traces, signal * scale[:, None, None])

    def _basis(self, nodes: Ints) -> Floats:
        """Modes, strongest first: eigenvectors of the symmetric part of a weighted sum of tables."""
        some = np.union1d(nodes[:_BASIS_LAGS], nodes[:: max(1, len(nodes) // _BASIS_LAGS)])
        total = sum(table / lag for table, lag in zip(_tables(self._process, some), some, strict=True))
        values, vectors = linalg.eigh(total + total.T)
        strongest = np.argsort(-np.abs(values), kind="stable")
        return np.asarray(vectors[:, strongest[: min(self._n_modes, _MOST_MODES)]])


def _tables(process: SymbolProcess | RealProcess, lags: Ints) -> Iterator[Floats]:
    """Correlations of all standardised indicators of symbols (or numbers) with all: row now, column later."""
    if isinstance(process, RealProcess):
        half = linalg.inv(linalg.cholesky(process.autocovariance(np.zeros(1, np.int64))[0], lower=True))
        yield from half @ process.autocovariance(lags).transpose(0, 2, 1) @ half.T
        return
    for joint in process._joints(lags):
        product = np.sqrt(np.outer(joint.left, joint.right))
        yield np.where(product > 0, joint.connected / np.where(product > 0, product, 1.0), 0.0)


class CurveSource(Source):
    """A measured curve: all dependence is taken to be one mode's."""

    def __init__(self, curve: MICurve) -> None:
        if curve.quantity != "mutual_information":
            raise InputError(f"only curves of mutual information can be planned for, not of {curve.quantity}")
        about = curve.provenance
        self.is_real = "n_channels" in about
        if not self.is_real and "n_symbols_seen" not in about:
            raise InputError("this curve does not say how many symbols were seen: take one that `measure` made")
        self.freedom = float(about["n_channels"] if self.is_real else about["n_symbols_seen"] - 1) ** 2
        self._information = _smooth(curve)

    def memory(self, lags: Ints, length: int) -> _Memory:
        """Of the one mode."""
        nodes = _nodes(lags, length)
        c = self.correlation(self._information(nodes))
        return _Memory(nodes, c[:, None, None], c, np.sqrt(2 * self._information(lags))[:, None, None])


def _smooth(curve: MICurve) -> Callable[[Ints], Floats]:
    """Mutual information in nats at any lag, from what a curve says; see the notes of `detectable_lag`."""
    seen = curve.significant() & (curve.excess > 0)
    half = 2 * np.cumsum(seen) >= np.arange(1, len(seen) + 1)  # what comes after is as likely chance
    seen[np.max(np.flatnonzero(half & seen), initial=-1) + 1 :] = False
    if np.count_nonzero(seen) < _LEAST_SEEN:
        raise InputError(
            f"fewer than {_LEAST_SEEN} lags of this curve are significant, too few to go by: measure with a null and "
            "blocks, more documents, or more of the small lags"
        )
    scale = np.log(2) if curve.unit == "bits" else 1.0
    lags, values, bars = curve.lags[seen], scale * curve.excess[seen], scale * curve.excess_stderr[seen]
    start = min(float(lags[-1]) / 10, float(lags[-_LEAST_SEEN]))
    late = lags >= start
    form = _tail(lags[late].astype(np.float64), values[late], bars[late])

    def information(at: Ints) -> Floats:
        return np.asarray(np.where(at < start, np.exp(np.interp(np.log(at), np.log(lags), np.log(values))), form(at)))

    return information


def _tail(lags: Floats, values: Floats, bars: Floats) -> Callable[[Any], Floats]:
    """The better one of ``A lag^-rate`` and ``A exp(-rate lag)``, by least squares in the linear domain."""
    weights = 1 / (bars**2 + (_FORM_ERROR * values) ** 2)
    units: list[Callable[[Any], Floats]] = [lambda at: np.log(at / lags[0]), lambda at: (at - lags[0]) / lags[-1]]
    fits = []
    for unit in units:
        shapes = np.exp(-_RATES[:, None] * unit(lags))
        overlaps, norms = shapes @ (weights * values), shapes**2 @ weights
        k = int(np.argmax(overlaps**2 / norms))
        fits.append((overlaps[k] ** 2 / norms[k], overlaps[k] / norms[k], _RATES[k], unit))
    _, amplitude, rate, best = max(fits, key=lambda fit: fit[0])
    return lambda at: np.asarray(amplitude * np.exp(-rate * best(at)))


def _nodes(lags: Ints, length: int) -> Ints:
    """Lags at which serial dependence is looked at: all the small ones, log-spaced larger ones, and those asked for."""
    last = length - 1
    far = log_lags(1, last, max(2, int(_PER_DECADE * np.log10(last)) + 1)) if last > _DENSE else lags
    return np.union1d(np.union1d(np.arange(1, min(_DENSE, last) + 1), far), lags)
