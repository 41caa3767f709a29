r"""Bounds on mutual information that hold for big vocabularies, where every formula for the bias fails. All in nats.

With far more possible pairs of symbols than pairs seen, K² ≫ N, no estimate is to be trusted, but two that err to known
sides can be: one with the joint entropy too low, and a *held-out* one, which scores a law learnt on the other blocks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.special import xlogy

from miscope.counting.tally import Cells
from miscope.errors import InputError

__all__ = ["Bracket", "bracket"]

_WEIGHTS = np.array([0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.55, 0.8, 1])
"""Shares of the learnt law against the product of its marginals. The score is concave in the share, hence so few."""


class Bracket(NamedTuple):
    """Upper and lower bound on the mutual information at one lag.

    Both of shape (n_blocks + 1,), float64, in nats: index 0 is the whole, index 1 + j has block j left out.
    """

    upper: np.ndarray
    lower: np.ndarray


def bracket(cells: Cells, alphabet_size: int, n_blocks: int) -> Bracket:
    r"""Bound mutual information from above and, held out, from below; whole and with each block left out.

    Parameters
    ----------
    cells
        Counts of one lag, by blocks.
    alphabet_size
        Number of symbols.
    n_blocks
        Number of blocks, at least 2.

    Returns
    -------
    Bracket
        `upper` and `lower`, each of shape (n_blocks + 1,), in nats, signed. `upper` is nan where leaving a block out
        leaves no pairs; all of `lower` is nan where fewer than two blocks hold pairs, and nothing can be held out.

    Raises
    ------
    InputError
        With fewer than two blocks.

    Notes
    -----
    **Upper.** `H(left) + H(right) − H(joint)` with the plug-in entropy of the pairs, which is too low whatever their
    law, and Miller–Madow marginals, so that the lowness of these does not undo it. It can fall below the truth only
    where marginals are undersampled themselves *and* the symbols all but determine each other: for a one-to-one map of
    K equally frequent symbols below about N = K pairs (0.2 nats too low at N = K/2). No bound from counts helps there,
    since no count says how many symbols were never seen.

    **Lower.** A block j of N_j pairs is scored under a law learnt on all other blocks, whose N′ pairs fill K′ cells n,

    ``q(a,b) = (max(n_ab − D, 0) + D K′ r(a) r′(b)) / N′``,  ``r(a) = (max(K_a − d, 0) + d L′/L) / K′``.

    This is absolute discounting, `D = f₁/(f₁ + 2f₂)` with f₁ and f₂ the cells seen once and twice, in the form of
    Kneser and Ney: it backs off to how many different partners K_a a symbol had, which leaves the marginals as they
    were. These are discounted in turn, by `d` from the symbols with one and with two partners, towards the L symbols
    that occur on that side at all (L′ in training), so that q > 0; that a symbol occurs is all q knows of the scored
    block, and lends it less than 1/N′, as little as one pair would. With `q(a·)` and `q(·b)` the exact marginals of q,
    and p the frequencies of symbols in all data, the score of a pair is

    ``ln[q(a,b) / √(q(a·) p(a·) q(·b) p(·b))] = ½ ln[q(b|a) / p(·b)] + ½ ln[q(a|b) / p(a·)]``

    and `lower` its mean over all pairs of all blocks. Each half is `Ĥ(right) − (cross-entropy of right given left)`, or
    the mirror image: the plug-in entropy is too low, and a cross-entropy is never below the entropy if the scored block
    is independent of those learnt from. So it is a lower bound *in expectation*; it scatters about what it expects,
    hence the bars. Blocks that repeat each other's text are not independent, and lift it. Left-out bounds keep the
    laws: where these are poor, with most pairs seen once, the bar comes out up to 40 % too small, but then the bound is
    many bars below the truth.

    Close to independence a learnt table does worse than none. So q is mixed with the product of its own marginals,
    ``w q(a,b) + (1 − w) q(a·) q(·b)``, where w is what served the *other* blocks best when they were scored. (Their
    laws had seen this block; but one number of nine values, chosen from N pairs, lifts the bound by 1/2N or so.) For
    independent symbols `lower` is then `−(L + L₂)/(2N)` for L and L₂ symbols on either side, of order 1/N as in any fit
    of so many numbers.

    References
    ----------
    Ney, Essen and Kneser, Comput. Speech Lang. 8 (1994) 1 (absolute discounting); Kneser and Ney, ICASSP (1995) 181
    (backing off to partners); Stone, J. R. Stat. Soc. B 36 (1974) 111 (held-out scores); Wolpert, Neural Netw. 5 (1992)
    241 (weights from held-out scores); Miller, in Information Theory in Psychology (1955) 95.

    Examples
    --------
    Two blocks of the pairs (0, 1) and (1, 0), 30 of each:

    >>> cells = Cells(np.array([0, 2, 4]), np.array([1, 2, 1, 2]), np.array([30, 30, 30, 30]))
    >>> bounds = bracket(cells, alphabet_size=2, n_blocks=2)
    >>> bounds.upper.round(3), bounds.lower.round(3), float(np.log(2).round(3))
    (array([0.701, 0.71 , 0.71 ]), array([0.685, 0.685, 0.685]), 0.693)
    """
    if n_blocks < 2:
        raise InputError(
            f'estimator="bracket" needs blocks (at least 2), not {n_blocks}: its lower bound scores each block under a '
            "law learnt on the others; write blocks=32"
        )
    table = _Table(cells, alphabet_size)
    upper, marginal, scores = np.empty(n_blocks + 1), np.empty(n_blocks), np.empty((n_blocks, len(_WEIGHTS)))
    joint = xlogy(table.total, table.total).sum()
    upper[0] = _upper(table.left.pairs, table.right.pairs, joint)
    frequencies = [side.pairs / max(side.pairs.sum(), 1) for side in (table.left, table.right)]
    for j in range(n_blocks):
        table.change(j, -1)
        scores[j], marginal[j], change = table.score(j, frequencies)
        upper[j + 1] = _upper(table.left.pairs, table.right.pairs, joint + change)
        table.change(j, +1)
    return Bracket(upper, _lower(scores, marginal, table.block_pairs))


def _upper(left: np.ndarray, right: np.ndarray, joint: float) -> float:
    """Miller–Madow marginals, plug-in pairs, from the counts of symbols and the sum of n ln n over pairs."""
    n = left.sum()
    if n == 0:
        return np.nan
    seen = np.count_nonzero(left) + np.count_nonzero(right)
    sides = float(xlogy(left, left).sum() + xlogy(right, right).sum())
    return float(np.log(n) + (joint - sides + (seen - 2) / 2) / n)


def _lower(scores: np.ndarray, marginal: np.ndarray, block_pairs: np.ndarray) -> np.ndarray:
    """Lower bounds, shape (n_blocks + 1,), from what each block scored under each weight, (n_blocks, n_weights)."""
    others = scores.sum(axis=0) - scores  # a block has no say in its own weight
    best = np.argmax(others.round(9), axis=1)  # of weights that serve alike but for rounding, the least
    score = scores[np.arange(len(scores)), best] + marginal
    n = block_pairs.sum()
    # A left-out bound is the mean score of the other blocks, under the laws and frequencies that they had. New ones
    # without the block would change the mean only in second order, Σ P ln q being stationary at q = P since Σ δq = 0;
    # what they lack in pairs shifts all left-out bounds alike, and a bar is of their differences.
    pairs = np.concatenate([[n], n - block_pairs]).astype(np.float64)
    total = np.concatenate([[score.sum()], score.sum() - score])
    return np.asarray(np.divide(total, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0))


class _Side(NamedTuple):
    """One side of the pairs: the code of the symbol in each entry, and for each code pairs and different partners."""

    codes: np.ndarray
    pairs: np.ndarray
    partners: np.ndarray

    @classmethod
    def of(cls, symbols: np.ndarray, alphabet_size: int) -> _Side:
        occurs = np.zeros(alphabet_size, np.bool_)
        occurs[symbols] = True
        empty = np.zeros(np.count_nonzero(occurs), np.int64)
        return cls((np.cumsum(occurs) - 1)[symbols], empty, empty.copy())

    def backoff(self) -> np.ndarray:
        """Smoothed share r(a) of the different pairs that have the symbol, > 0 for each that occurs at all."""
        seen = self.partners > 0
        d = _discount(int(np.sum(self.partners == 1)), int(np.sum(self.partners == 2)))
        spread = d * np.count_nonzero(seen) / len(seen)
        return np.asarray((np.where(seen, self.partners - d, 0.0) + spread) / self.partners.sum())

    def law(self, discount: float, given_back: np.ndarray) -> np.ndarray:
        """N' times the marginal of q: a symbol pays a discount for each partner, and gets its share of all of them."""
        return np.asarray(self.pairs - discount * self.partners + given_back)


class _Entries(NamedTuple):
    """What one block holds: for each of its cells the number of the cell, the codes of its symbols, and the pairs."""

    cell: np.ndarray
    left: np.ndarray
    right: np.ndarray
    counts: np.ndarray


class _Table:
    """Counts of one lag from which blocks are taken away and put back, at the cost of their own entries.

    An entry is a cell in a block; `total` holds the pairs of each cell, `tally` how many cells hold any, one and two.
    """

    def __init__(self, cells: Cells, alphabet_size: int) -> None:
        self._offsets, self._counts = cells.offsets, cells.counts.astype(np.int64)
        self._cell, n_cells = _number(cells.keys)
        self.left = _Side.of(cells.keys // alphabet_size, alphabet_size)
        self.right = _Side.of(cells.keys % alphabet_size, alphabet_size)
        self.total, self._tally = np.zeros(n_cells, np.int64), np.zeros(3, np.int64)
        for j in range(len(cells.offsets) - 1):
            self.change(j, +1)
        self.block_pairs = np.diff(np.concatenate([[0], np.cumsum(self._counts)])[cells.offsets])

    def _entries(self, block: int) -> _Entries:
        mine = slice(self._offsets[block], self._offsets[block + 1])
        return _Entries(self._cell[mine], self.left.codes[mine], self.right.codes[mine], self._counts[mine])

    def change(self, block: int, sign: int) -> None:
        """Take a block away (-1) or put it back (+1)."""
        _change(self.total, self._tally, self.left[1:], self.right[1:], *self._entries(block), sign)

    def score(self, block: int, frequencies: list[np.ndarray]) -> tuple[np.ndarray, float, float]:
        """Score a block that was taken away under the law of the rest.

        Returns the sum of ln[q(a,b) / (q(a.) q(.b))] for each weight of q, the sum of what the marginals add to that,
        and how much less the sum of n ln n is for want of the block.
        """
        entries = self._entries(block)
        if not self.total.any():  # nothing to learn from
            counts = entries.counts
            return np.full(len(_WEIGHTS), np.nan), np.nan, -float(xlogy(counts, counts).sum())
        discount = _discount(int(self._tally[1]), int(self._tally[2]))
        removed = discount * self._tally[0]
        backoff = self.left.backoff(), self.right.backoff()
        laws = self.left.law(discount, removed * backoff[0]), self.right.law(discount, removed * backoff[1])
        n = self.left.pairs.sum()
        scores, change = _score(self.total, *entries, discount, removed, backoff, laws, n, _WEIGHTS)
        marginal = 0.0
        for codes, law, frequency in zip(entries[1:3], laws, frequencies, strict=True):
            marginal += 0.5 * float(entries.counts @ np.log(law / (n * frequency))[codes])
        return scores, marginal, change


def _discount(once: int, twice: int) -> float:
    """f1 / (f1 + 2 f2), held away from 0 and 1, where laws would vanish, by half a cell and one."""
    return (once + 0.5) / (once + 2 * twice + 1)


def _number(keys: np.ndarray) -> tuple[np.ndarray, int]:
    """Number different keys from 0, ascending; a stable sort merges the blocks, which are sorted already."""
    order = np.argsort(keys, kind="stable")
    ascending = keys[order]
    rank = np.cumsum(np.diff(ascending, prepend=ascending[:1]) != 0)
    number = np.empty(len(keys), np.int64)
    number[order] = rank
    return number, int(rank[-1]) + 1 if len(keys) else 0


@njit(nogil=True, cache=True)
def _change(total, tally, left, right, cell, first, second, counts, sign):  # type: ignore[no-untyped-def]
    for e in range(len(counts)):
        a, b = first[e], second[e]
        before = total[cell[e]]
        after = before + sign * counts[e]
        total[cell[e]] = after
        left[0][a] += sign * counts[e]
        right[0][b] += sign * counts[e]
        seen = np.int64(after > 0) - np.int64(before > 0)
        left[1][a] += seen
        right[1][b] += seen
        tally[0] += seen
        for k in range(1, 3):
            tally[k] += np.int64(after == k) - np.int64(before == k)


@njit(nogil=True, cache=True)
def _score(total, cell, first, second, counts, discount, removed, backoff, laws, n, weights):  # type: ignore[no-untyped-def]
    # Laws are n times the marginals of q. The sum of logarithms is taken as that of a product, which is quicker: most
    # cells of a block hold one pair.
    others = 1 - weights
    scores, products = np.zeros(len(weights)), np.ones(len(weights))
    change = 0.0
    for e in range(len(counts)):
        a, b, m, rest = first[e], second[e], counts[e], total[cell[e]]
        law = max(rest - discount, 0.0) + removed * backoff[0][a] * backoff[1][b]
        ratio = law * n / (laws[0][a] * laws[1][b])
        if m == 1:
            for k in range(len(weights)):
                products[k] *= others[k] + weights[k] * ratio
        else:
            for k in range(len(weights)):
                scores[k] += m * np.log(others[k] + weights[k] * ratio)
        if e % 4 == 3:  # no four ratios are so large or small that their product is inf or 0
            for k in range(len(weights)):
                scores[k] += np.log(products[k])
                products[k] = 1
        change -= (rest + m) * np.log(rest + m)
        if rest > 0:
            change += rest * np.log(rest)
    return scores + np.log(products), change
