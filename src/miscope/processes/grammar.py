"""Documents that are the leaves of a tree: probabilistic context-free grammars with a power law."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from miscope.errors import InputError
from miscope.processes.alias import alias_tables
from miscope.processes.base import AsymptoticLaw
from miscope.processes.checking import laws, numbers, real_number, whole_number
from miscope.processes.hierarchical import Generation, HierarchicalProcess
from miscope.processes.spectrum import largest_modulus

__all__ = ["RandomHierarchy", "TreeGrammar"]

Floats = npt.NDArray[np.float64]

_EIGENVALUE = 0.8
_ROUNDING = 1e-12
_MOST_CELLS = 1 << 26


class TreeGrammar(HierarchicalProcess):
    """Leaves of a tree whose every node draws the symbols of its children from its own (Lin and Tegmark 2017).

    Parameters
    ----------
    channel
        Law of a child's symbol (column), given its parent's (row); shape (K, K), rows sum to 1. By default that of two
        symbols which keeps its parent's with probability ``(1 + eigenvalue) / 2``.
    depth
        Generations from the root to the leaves: every document has ``branching ** depth`` symbols.
    branching
        Children of every node, 2 or more.
    root
        Law of the root's symbol, shape (K,); by default the stationary law of the channel. With any other, the law of a
        symbol changes from generation to generation, though not from leaf to leaf.
    eigenvalue
        Of the default channel, -1 to 1; by default 0.8. Not to be given with `channel`.

    Examples
    --------
    >>> process = TreeGrammar(depth=14, eigenvalue=0.8)
    >>> process.mutual_information([1, 2, 8, 64]).round(6)
    array([0.11524 , 0.046077, 0.007636, 0.000527])
    >>> print(process.law)
    power law, exponent 1.288
    >>> process.sample(n_documents=2, seed=1)
    Sequences(32,768 symbols of 2 kinds in 2 documents: TreeGrammar depth 14, branching 2, eigenvalue 0.8)

    Notes
    -----
    Two leaves whose last common ancestor stands h levels up have the joint law ``sum_c p_c (M^h)_ca (M^h)_cb``, with p
    the law of that ancestor. At lag d it is at most h up for a share ``(1 - d/q^h) / (1 - d/q^D)`` of all positions,
    0 where ``q^h <= d``; these joint laws are averaged over positions.

    With x the modulus of the channel's second largest eigenvalue, the connected part falls as ``x^(2h)``. Higher
    ancestors are rarer by ``q^-h``, so that the lowest possible ones, ``h = log_q d``, dominate whatever x is. For a
    binary channel and infinite depth ``c(q d) = x^2 c(d)`` exactly: the correlation is ``d^-(2 ln(1/x) / ln q)`` times
    a function that is periodic in ``log_q d``, and the mutual information falls with twice that exponent. Finite depth
    changes the correlation by a relative amount of the order ``d/q^D``.

    References
    ----------
    Lin and Tegmark 2017, Entropy 19:299.
    """

    def __init__(
        self,
        channel: Sequence[Sequence[float]] | Floats | None = None,
        depth: int = 14,
        branching: int = 2,
        root: Sequence[float] | Floats | None = None,
        eigenvalue: float | None = None,
    ) -> None:
        super().__init__(depth, branching)
        self.parameters = {"depth": self.depth, "branching": self.branching}
        if channel is None:
            eigenvalue = real_number(_EIGENVALUE if eigenvalue is None else eigenvalue, "eigenvalue")
            if not -1 <= eigenvalue <= 1:
                raise InputError(f"eigenvalue must lie between -1 and 1, not {eigenvalue:g}")
            self.channel = np.array([[1 + eigenvalue, 1 - eigenvalue], [1 - eigenvalue, 1 + eigenvalue]]) / 2
            self.values = (-1.0, 1.0)
            self.parameters["eigenvalue"] = eigenvalue
        elif eigenvalue is not None:
            raise InputError("give channel or eigenvalue, one of the two: a channel has its eigenvalues already")
        else:
            self.channel = _checked_channel(channel)
            self.values = (-1.0, 1.0) if len(self.channel) == 2 else None
            self.parameters["channel"] = np.array(channel, np.float64).tolist()  # as given: read again, the same
        self.alphabet_size = len(self.channel)
        self.root = self._checked_root(root)
        if root is not None:
            self.parameters["root"] = np.array(root, np.float64).tolist()
        self._tables = alias_tables(self.channel)
        self.generations = self._generations()

    def _checked_root(self, root: Any) -> Floats:
        if root is None and "eigenvalue" in self.parameters:
            return np.full(2, 0.5)
        if root is not None:
            given = numbers(root, "root")
            if given.shape != (self.alphabet_size,):
                raise InputError(f"root must be {self.alphabet_size} probabilities, one for each symbol")
            return np.asarray(laws(given[None], "root")[0])
        law = _stationary(self.channel)
        if law is None:
            raise InputError("the channel has more than one stationary law, so say what the root's is: root=[...]")
        return law

    def _generations(self) -> list[Generation]:
        generations: list[Generation] = []
        law = self.root
        channels = np.broadcast_to(self.channel, (self.branching, *self.channel.shape))
        for _ in range(self.depth):
            generations.append(_SeparateChildren(law, channels))
            law = generations[-1].children_mean
        return generations

    @property
    def law(self) -> AsymptoticLaw | None:
        """Power law with exponent ``4 ln(1/x) / ln branching``, x the second largest modulus of the eigenvalues.

        ``constant`` where x is 1, ``finite`` where it is 0; None where the root lets the law of the symbols go on
        changing from one generation to the next, or die out, so that no such law holds.
        """
        reached = _reached(self.root, self.channel)
        channel, root = self.channel[np.ix_(reached, reached)], self.root[reached]
        is_stationary = np.abs(root @ channel - root).max() < _ROUNDING
        others = channel - channel.mean(axis=0)  # less any law: all eigenvalues but the 1
        second = largest_modulus(np.where(np.abs(others) < _ROUNDING, 0.0, others))
        if second > 1 - _ROUNDING:
            return AsymptoticLaw("constant") if is_stationary else None
        stationary = _stationary(channel)
        if stationary is None or stationary.min() < _ROUNDING:
            return None
        if second == 0.0:
            return AsymptoticLaw("finite")
        return AsymptoticLaw("power law", exponent=float(-4 * np.log(second) / np.log(self.branching)))

    def _grow(
        self, generator: np.random.Generator, codes: npt.NDArray[Any], level: int, n_nodes: int, start: int, stop: int
    ) -> None:
        _grow_by_channel(generator, codes, self.branching, n_nodes, start, stop, *self._tables)


class RandomHierarchy(HierarchicalProcess):
    """Leaves of a tree whose nodes expand by rules that were drawn at random once (Random Hierarchy Model).

    At every level each of the v symbols has m equally likely rules, each a tuple of s symbols for its children. No two
    rules of a level have the same tuple, so that a document can be read in one way only. Every level has its own rules;
    the root is uniform.

    Parameters
    ----------
    alphabet_size
        Symbols at every level, v.
    n_rules
        Rules of each symbol, m; at most ``v ** (s - 1)``.
    branching
        Children of every node, s.
    depth
        Levels of rules, L: every document has ``s ** L`` symbols.
    rules_seed
        Of the rules; the `seed` of `sample` is another.

    Attributes
    ----------
    rules
        Children by the r-th rule of symbol c at each level, from the root down; shape (L, v, m, s).

    Examples
    --------
    >>> process = RandomHierarchy(alphabet_size=8, n_rules=4, branching=2, depth=10, rules_seed=1)
    >>> process.rules.shape
    (10, 8, 4, 2)
    >>> process.sample(n_documents=3, seed=1)
    Sequences(3,072 symbols of 8 kinds in 3 documents: RandomHierarchy alphabet_size 8, n_rules 4, ...)

    Notes
    -----
    Children of one node are dependent through their shared rule; the rest follows as for `TreeGrammar`, with a channel
    for each of the s places. Leaves at given positions, whose last common ancestor is h levels up, have a covariance of
    the order ``m^-h``: between fixed positions the mutual information falls as ``lag^-(2 ln m / ln s)``, typically. But
    the laws of single symbols differ between positions, so that the joint law of a pair, averaged over positions, has
    a part that does not fall with the lag and is nearly periodic in it, with periods s, s^2, ... With ``m = v^(s-1)``
    every tuple has a rule, all leaves are independent, and the mutual information is 0.

    References
    ----------
    Cagnetta, Petrini, Tomasini, Favero and Wyart 2024, Phys. Rev. X 14:031001.
    """

    def __init__(
        self, alphabet_size: int = 16, n_rules: int = 4, branching: int = 2, depth: int = 10, rules_seed: int = 0
    ) -> None:
        super().__init__(depth, branching)
        self.alphabet_size = whole_number(alphabet_size, "alphabet_size", 2)
        self.n_rules = whole_number(n_rules, "n_rules", 1)
        rules_seed = whole_number(rules_seed, "rules_seed", 0)
        self._check_number_of_rules()
        sizes = {"alphabet_size": self.alphabet_size, "n_rules": self.n_rules}
        self.parameters = sizes | {"branching": self.branching, "depth": self.depth, "rules_seed": rules_seed}
        generator = np.random.default_rng(rules_seed)
        self.rules = np.array([self._draw_rules(generator) for _ in range(self.depth)])
        self.root = np.full(self.alphabet_size, 1.0 / self.alphabet_size)
        self.generations = []
        law = self.root
        for rules in self.rules:
            self.generations.append(_SharedRule(law, rules))
            law = self.generations[-1].children_mean

    def _check_number_of_rules(self) -> None:
        v, m, s = self.alphabet_size, self.n_rules, self.branching
        cells = v * max(v, m) * s * self.depth
        if cells > _MOST_CELLS:
            raise InputError(
                f"the rules and their laws hold {cells} numbers, more than {_MOST_CELLS}: take fewer symbols"
            )
        if m > v ** (s - 1):
            raise InputError(
                f"{v} symbols cannot have {m} rules each without sharing a tuple: there are only {v} ** {s} tuples, so "
                f"n_rules is at most {v ** (s - 1)}"
            )

    def _draw_rules(self, generator: np.random.Generator) -> npt.NDArray[np.int64]:
        v, s, n = self.alphabet_size, self.branching, self.alphabet_size * self.n_rules
        if v**s < 1 << 62:
            numbers = generator.choice(v**s, n, replace=False)
            tuples = numbers[:, None] // v ** np.arange(s - 1, -1, -1) % v
        else:  # two equal ones among so many hardly ever happen: then all are drawn anew
            tuples = generator.integers(v, size=(n, s))
            while len(np.unique(tuples, axis=0)) < n:
                tuples = generator.integers(v, size=(n, s))
        return np.asarray(tuples.reshape(v, self.n_rules, s))

    @property
    def law(self) -> AsymptoticLaw | None:
        """``constant`` where laws differ between positions, ``finite`` where all leaves are independent, else None."""
        if self.n_rules == self.alphabet_size ** (self.branching - 1):
            return AsymptoticLaw("finite")
        return AsymptoticLaw("constant") if any(one.shifts.any() for one in self.generations) else None

    @property
    def entropy_rate(self) -> float:
        """Entropy of a document, divided by its length, in nats a symbol.

        A document tells all rules that made it, so its entropy is ``ln v + n ln m``, with n the number of inner nodes.
        """
        inner_nodes = (self.longest - 1) // (self.branching - 1)
        return float((np.log(self.alphabet_size) + inner_nodes * np.log(self.n_rules)) / self.longest)

    def _grow(
        self, generator: np.random.Generator, codes: npt.NDArray[Any], level: int, n_nodes: int, start: int, stop: int
    ) -> None:
        _grow_by_rules(generator, codes, n_nodes, start, stop, self.rules[level])


class _SeparateChildren(Generation):
    """Children that are drawn one by one, given their parent."""

    def pair(self, x: int, y: int) -> Floats:
        if x != y:
            return np.zeros_like(self.channels[x])
        channel = self.channels[x]
        return np.asarray(np.diag(self.mean @ channel) - channel.T @ (self.mean[:, None] * channel))


class _SharedRule(Generation):
    """Children that are drawn at once, by one of the parent's equally likely rules; `rules` of shape (v, m, s)."""

    def __init__(self, mean: Floats, rules: npt.NDArray[np.int64]) -> None:
        v, m, s = rules.shape
        channels = np.zeros((s, v, v))
        np.add.at(channels, (np.arange(s), np.arange(v)[:, None, None], rules), 1.0 / m)
        super().__init__(mean, channels)
        self._rules = rules

    def pair(self, x: int, y: int) -> Floats:
        v, m, _ = self._rules.shape
        joint = np.zeros((v, v))
        np.add.at(joint, (self._rules[:, :, x], self._rules[:, :, y]), self.mean[:, None] / m)
        return np.asarray(joint - self.channels[x].T @ (self.mean[:, None] * self.channels[y]))


def _checked_channel(given: Any) -> Floats:
    channel = laws(numbers(given, "channel"), "channel")
    if channel.shape[0] != channel.shape[1] or len(channel) < 2:
        raise InputError(f"channel must be a square matrix of 2 symbols or more, not of shape {channel.shape}")
    return channel


def _stationary(channel: Floats) -> Floats | None:
    """The law that the channel leaves as it is; None if there are several."""
    size = len(channel)
    if np.linalg.matrix_rank(channel - np.eye(size), tol=_ROUNDING) < size - 1:
        return None
    equations = np.vstack([channel.T - np.eye(size), np.ones(size)])
    law = np.linalg.lstsq(equations, np.append(np.zeros(size), 1.0), rcond=None)[0]
    return np.asarray(np.where(law < _ROUNDING, 0.0, law))


def _reached(root: Floats, channel: Floats) -> npt.NDArray[np.intp]:
    """Symbols that some generation can have."""
    reached = root > 0
    for _ in range(len(root)):
        reached = reached | (reached @ (channel > 0))
    return np.flatnonzero(reached)


@njit(nogil=True, cache=True)
def _grow_by_channel(generator, codes, branching, n_nodes, start, stop, keep, alias):  # type: ignore[no-untyped-def]
    length, size = codes.shape[1], keep.shape[1]
    for node in range(start, stop):
        document, i = node // n_nodes, node % n_nodes
        parent = codes[document, length - n_nodes + i]
        first = length - (n_nodes - i) * branching
        for child in range(first, first + branching):
            scaled = size * generator.random()
            k = int(scaled)
            codes[document, child] = k if scaled - k < keep[parent, k] else alias[parent, k]


@njit(nogil=True, cache=True)
def _grow_by_rules(generator, codes, n_nodes, start, stop, rules):  # type: ignore[no-untyped-def]
    length = codes.shape[1]
    m, branching = rules.shape[1:]
    for node in range(start, stop):
        document, i = node // n_nodes, node % n_nodes
        parent = codes[document, length - n_nodes + i]
        rule = int(m * generator.random())
        first = length - (n_nodes - i) * branching
        for place in range(branching):
            codes[document, first + place] = rules[parent, rule, place]
