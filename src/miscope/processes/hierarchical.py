"""What processes on a regular tree share: the exact law of pairs of leaves, and drawing from the root down."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from miscope.errors import InputError
from miscope.processes.base import SymbolProcess
from miscope.processes.checking import shortened, whole_number
from miscope.processes.exact import Joint

__all__ = ["Generation", "HierarchicalProcess", "leaf_joints"]

Floats = npt.NDArray[np.float64]

_LONGEST = 1 << 61
_LONGEST_DRAWN = 1 << 36
_NODES = 1 << 15  # nodes that grow at once: bounds the memory for their draws
_CELLS = 1 << 20  # cells of the tables of lags that are worked on at once


class Generation:
    """How the nodes of one level have children, and what the nodes are like on average over their positions.

    Subclasses give `pair`.

    Parameters
    ----------
    mean
        Law of a parent's symbol, averaged over positions; shape (K,).
    channels
        Law of the child at each of the s places, given the parent; shape (s, K, K).

    Attributes
    ----------
    children_mean
        Law of a child's symbol, averaged over positions; shape (K,).
    deflated
        `channels` less `children_mean`: the same for whatever sums to zero, and free of the eigenvalue 1 that would let
        rounding errors survive while everything else decays; shape (s, K, K).
    shifts
        How the mean law at each place differs from `children_mean`; shape (s, K).
    """

    def __init__(self, mean: Floats, channels: Floats) -> None:
        at_places = mean @ channels
        self.mean = mean
        self.channels = channels
        self.children_mean = at_places.mean(axis=0)
        self.deflated = channels - self.children_mean
        shifts = at_places - self.children_mean
        self.shifts = np.where(np.abs(shifts).max() < 1e-14, 0.0, shifts)

    @abstractmethod
    def pair(self, x: int, y: int) -> Floats:
        """Covariance of the indicators of children x and y given their parent, averaged over parents; shape (K, K)."""


class _Level:
    """Sums over the nodes of one level, for distances ``base`` and ``base + 1`` of each lag (axis 1).

    With ``e_i`` the law at position i less the mean law of the level: `table` is the sum over positions of the
    covariance of nodes i and i + distance plus ``e_i e_{i + distance}^T``; `head` and `tail` are the sums of e over the
    first and the last `distance` nodes.
    """

    def __init__(self, root: Floats, n_lags: int) -> None:
        size = len(root)
        self.n_nodes = 1
        self.base = np.zeros(n_lags, np.int64)
        self.table = np.zeros((n_lags, 2, size, size))
        self.table[:, 0] = np.diag(root) - np.outer(root, root)
        self.head = np.zeros((n_lags, 2, size))
        self.tail = np.zeros((n_lags, 2, size))

    def grow(self, generation: Generation, base: npt.NDArray[np.int64]) -> None:
        """Become the next level, with its own `base`."""
        places = len(generation.channels)
        tables = np.zeros_like(self.table)
        for j in range(2):
            for x in range(places):
                parents, y = np.divmod(base + j + x, places)
                self._add_pairs(tables[:, j], generation, x, y, parents)
        if generation.shifts.any() or self.head.any():
            self.head, self.tail = self._ends(generation, base, False), self._ends(generation, base, True)
        self.table, self.base, self.n_nodes = tables, base, self.n_nodes * places

    def _add_pairs(self, out: Floats, generation: Generation, x: int, y: Any, parents: Any) -> None:
        # Children x and y of parents that are `parents` nodes apart.
        lags, which = np.arange(len(parents)), parents - self.base
        left, right = generation.deflated[x].T, generation.deflated[y]
        out += left @ self.table[lags, which] @ right
        for same in np.unique(y[parents == 0]):
            out[(parents == 0) & (y == same)] += self.n_nodes * generation.pair(x, int(same))
        shift, shifts = generation.shifts[x], generation.shifts[y]
        if shift.any() or shifts.any():
            first, last = -self.tail[lags, which], -self.head[lags, which]  # sums of e: they are 0 over all nodes
            moved = np.squeeze(last[:, None] @ right, 1) + (self.n_nodes - parents)[:, None] * shifts
            out += shift[:, None] * moved[:, None, :] + (first @ left.T)[:, :, None] * shifts[:, None, :]

    def _ends(self, generation: Generation, base: npt.NDArray[np.int64], at_tail: bool) -> Floats:
        places, lags = len(generation.channels), np.arange(len(base))
        ends = self.tail if at_tail else self.head
        out = np.zeros_like(ends)
        for j in range(2):
            whole, rest = np.divmod(base + j, places)
            for x in range(places):
                parents = whole + ((places - 1 - x if at_tail else x) < rest)
                moved = ends[lags, parents - self.base] @ generation.deflated[x]
                out[:, j] += moved + parents[:, None] * generation.shifts[x]
        return out


def leaf_joints(root: Floats, generations: list[Generation], lags: npt.NDArray[np.int64]) -> Iterator[Joint]:
    """Law of a pair of leaves at each lag, averaged over positions.

    Two leaves of which one is `lag` right of the other have ancestors, k levels up, that are ``lag // s^k`` or one more
    apart: two distances a level, and those of a level follow from the two of the level above.

    Parameters
    ----------
    root
        Law of the root's symbol, shape (K,).
    generations
        From the root down.
    lags
        From 1 to ``s ** depth - 1``.

    Notes
    -----
    With n nodes at the parents' level and S the sum over them of the law of their symbols, a child at place x and
    another `lag` right of it, at place ``y = (x + lag) mod s``, have parents ``delta = (x + lag) div s`` apart. Their
    covariances summed over positions are ``sum over x of M_x^T C(delta) M_y``, plus, if delta is 0, the sum over the
    symbols c of S(c) times the covariance of children x and y of a c. Where the law of a symbol depends on its
    position, laws are split into the level's mean and the rest e, and ``sum e_i e_{i + lag}^T`` goes the same way.
    Nothing is ever subtracted that is nearly equal, so the connected part keeps its relative precision.
    """
    places = len(generations[0].channels)
    length, size = places ** len(generations), len(root)
    step = max(1, _CELLS // (2 * size * size))
    for start in range(0, len(lags), step):
        some = lags[start : start + step]
        level = _Level(root, len(some))
        for depth, generation in enumerate(generations, 1):
            level.grow(generation, some // places ** (len(generations) - depth))
        mean = generations[-1].children_mean
        for k, lag in enumerate(some.tolist()):
            pairs = length - lag
            left, right = -level.tail[k, 0] / pairs, -level.head[k, 0] / pairs
            connected = level.table[k, 0] / pairs - np.outer(left, right)
            yield Joint(np.maximum(mean + left, 0.0), np.maximum(mean + right, 0.0), connected)


class HierarchicalProcess(SymbolProcess):
    """A process whose documents are the leaves of a regular tree that grows from the root down.

    Subclasses set `root` and `generations`, and give `_grow`.

    Attributes
    ----------
    depth
        Generations from the root to the leaves.
    branching
        Children of every node.
    root
        Law of the root's symbol, shape (alphabet_size,).
    generations
        From the root down.
    """

    root: Floats
    generations: list[Generation]

    def __init__(self, depth: int, branching: int) -> None:
        self.depth = whole_number(depth, "depth", 1)
        self.branching = whole_number(branching, "branching", 2)
        if max(self.depth, self.branching.bit_length()) > 62 or self.longest > _LONGEST:
            raise InputError(
                f"a document of {shortened(self.branching)} ** {shortened(self.depth)} symbols is too long: at most "
                "2 ** 61; choose a smaller depth"
            )

    @property
    def longest(self) -> int:
        """Number of symbols in every document, ``branching ** depth``."""
        return int(self.branching**self.depth)

    def _checked_length(self, length: int | None) -> int:
        if length is not None and length != self.longest:
            raise InputError(
                f"a document has exactly {self.longest} symbols (branching ** depth), not {length!r}: "
                "leave length out, or choose another depth"
            )
        if self.longest > _LONGEST_DRAWN:
            raise InputError(f"a document of {self.longest} symbols is too long to be drawn; choose a smaller depth")
        return self.longest

    def _joints(self, lags: npt.NDArray[np.int64]) -> Iterator[Joint]:
        return leaf_joints(self.root, self.generations, lags)

    def _fill(self, generator: np.random.Generator, codes: npt.NDArray[Any]) -> None:
        # Each level stands at the end of its document and grows to the left in place: the children of node i are
        # written where no node after i stands.
        codes[:, -1] = generator.choice(self.alphabet_size, len(codes), p=self.root)
        for level in range(self.depth):
            n_nodes = self.branching**level
            total = n_nodes * len(codes)
            for start in range(0, total, _NODES):
                self._grow(generator, codes, level, n_nodes, start, min(start + _NODES, total))

    @abstractmethod
    def _grow(
        self, generator: np.random.Generator, codes: npt.NDArray[Any], level: int, n_nodes: int, start: int, stop: int
    ) -> None:
        """Write the children of nodes `start` to `stop`, counted through all documents; each has `n_nodes`."""
