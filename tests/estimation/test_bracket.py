"""The bracket of mutual information against its definition in plain Python, and against laws whose answer is known."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import naive
from miscope.counting.tally import Cells
from miscope.errors import InputError
from miscope.estimation.bracket import bracket
from miscope.estimation.jackknife import jackknife

RUNS, BLOCKS = 60, 16

# By hand: dicts, from the formulae of the docstring.
WEIGHTS = (0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.55, 0.8, 1)


def upper_by_hand(table):
    left, right = naive.margins(table)
    return naive.table_mi(table) + (len(left) + len(right) - 2) / (2 * sum(table.values()) or math.nan)


def discount(counts):
    counts = list(counts)
    return (counts.count(1) + 0.5) / (counts.count(1) + 2 * counts.count(2) + 1)


def learn(table, symbols):
    """q over all pairs of `symbols` (left ones, right ones), as a dict."""
    n, cells, backoff = sum(table.values()), len(table), []
    for side in (0, 1):
        partners = Counter(pair[side] for pair in table)
        d = discount(partners.values())
        spread = d * len(partners) / len(symbols[side])
        backoff.append({a: (max(partners[a] - d, 0) + spread) / cells for a in symbols[side]})
    d = discount(table.values())
    return {
        (a, b): (max(table[a, b] - d, 0) + d * cells * backoff[0][a] * backoff[1][b]) / n
        for a in symbols[0]
        for b in symbols[1]
    }


def score_by_hand(block, rest, whole, weight):
    pairs = naive.margins(whole)
    law = learn(rest, [sorted(side) for side in pairs])
    assert sum(law.values()) == pytest.approx(1)
    left, right = naive.margins(law)
    total, n = 0, sum(whole.values())
    for (a, b), count in block.items():
        q = weight * law[a, b] + (1 - weight) * left[a] * right[b]
        both = left[a] * pairs[0][a] / n * right[b] * pairs[1][b] / n
        total += count * (math.log(q) - math.log(both) / 2)
    return total


def lower_by_hand(blocks):
    whole = sum(blocks, Counter())
    sizes = [sum(block.values()) for block in blocks]
    n = sum(sizes)
    if sum(size > 0 for size in sizes) < 2:
        return [math.nan] * (len(blocks) + 1)
    scores = [[score_by_hand(block, whole - block, whole, weight) for weight in WEIGHTS] for block in blocks]
    chosen = []
    for j in range(len(blocks)):
        others = [round(sum(scores[k][w] for k in range(len(blocks)) if k != j), 9) for w in range(len(WEIGHTS))]
        chosen.append(scores[j][others.index(max(others))])
    return [sum(chosen) / n] + [(sum(chosen) - chosen[j]) / (n - sizes[j]) for j in range(len(blocks))]


def count(blocks, size):
    """Make cells from arrays of left and right symbols, one pair of arrays a block."""
    parts = [np.unique(np.asarray(a, np.int64) * size + np.asarray(b, np.int64), return_counts=True) for a, b in blocks]
    offsets = np.cumsum([0] + [len(keys) for keys, _ in parts])
    return Cells(offsets, np.concatenate([keys for keys, _ in parts]), np.concatenate([n for _, n in parts]))


def check(blocks, size):
    found = bracket(count([np.array(block, np.int64).reshape(-1, 2).T for block in blocks], size), size, len(blocks))
    tables = [Counter(block) for block in blocks]
    whole = sum(tables, Counter())
    upper = [upper_by_hand(whole), *(upper_by_hand(whole - table) for table in tables)]
    assert found.upper.dtype == found.lower.dtype == np.float64
    np.testing.assert_allclose(found.upper, upper, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.lower, lower_by_hand(tables), rtol=0, atol=1e-10)
    return found


SYMBOL = st.integers(0, 5)
BLOCK = st.lists(st.one_of(st.tuples(SYMBOL, SYMBOL), SYMBOL.map(lambda a: (a, 5 - a))), max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(BLOCK, min_size=2, max_size=5))
def test_it_is_its_definition(blocks):
    check(blocks, 6)


def test_it_is_its_definition_on_a_table_with_all_kinds_of_cells():
    """Cells seen often, twice and once; many weights; a gap in the alphabet."""
    generator = np.random.default_rng(1)
    blocks = []
    for size in (400, 0, 250, 900):
        left = generator.geometric(0.2, size) * 2
        right = np.where(generator.random(size) < 0.3, left, generator.geometric(0.2, size) * 2)
        blocks.append(list(zip(left.tolist(), right.tolist(), strict=True)))
    found = check(blocks, 1000)
    assert 0.05 < found.lower[0] < found.upper[0]


@pytest.mark.parametrize(
    "blocks",
    [
        [[(0, 0), (1, 1), (4, 3), (4, 4)], [(0, 0), (1, 1), (0, 1)], [(2, 2), (2, 2)]],  # symbols of one block only
        [[(2, 0)], [(0, 0), (4, 1)], [(0, 3)], [(4, 2), (0, 2)]],  # weights tie but for rounding: the least is taken
        [[(0, 3), (3, 3)], [(4, 4), (4, 1)], [(1, 3)], [(2, 3)]],
    ],
)
def test_it_is_its_definition_on_odd_tables(blocks):
    assert np.isfinite(check(blocks, 5)).all()


def test_empty_blocks_change_nothing():
    full = [[(0, 1), (1, 0), (0, 1)], [(1, 0), (0, 1), (1, 1)]]
    padded = check([[], full[0], [], full[1], []], 2)
    plain = check(full, 2)
    for with_empty, without in zip(padded, plain, strict=True):
        assert with_empty[[0, 2, 4]] == pytest.approx(without)
        assert (with_empty[[1, 3, 5]] == with_empty[0]).all()


def test_nothing_to_hold_out_or_nothing_at_all():
    found = check([[], [(0, 1), (1, 0)], []], 2)
    assert np.isnan(found.lower).all()
    assert np.isnan(found.upper).tolist() == [False, False, True, False]
    assert np.isnan(bracket(count([([], [])] * 3, 4), 4, 3)).all()


@pytest.mark.parametrize("n_blocks", [0, 1])
def test_blocks_are_needed(n_blocks):
    with pytest.raises(InputError, match=r'estimator="bracket" needs blocks \(at least 2\).*blocks=32'):
        bracket(count([([0, 1], [1, 0])], 2), 2, n_blocks)


def test_a_huge_cell_next_to_a_pair_never_seen():
    """Ratios of 1e-17 and less are not lost beside 1."""
    cells = Cells(np.array([0, 2, 5]), np.array([0, 3, 0, 1, 3]), np.array([10**17, 10**17, 10**17, 1, 10**17]))
    found = bracket(cells, 2, 2)
    assert found.lower[0] == pytest.approx(math.log(2), abs=1e-6)


def pairs_of(law, size, generator, n, n_blocks=BLOCKS):
    """Independent pairs of a joint law, as blocks."""
    left, right = np.divmod(generator.choice(law.size, n, p=law.ravel()), size)
    return list(zip(np.array_split(left, n_blocks), np.array_split(right, n_blocks), strict=True))


def test_the_names_of_symbols_and_the_direction_of_time_do_not_matter():
    generator = np.random.default_rng(2)
    blocks = pairs_of(generator.dirichlet(np.full(400, 0.2)), 20, generator, 1000, 4)
    named, plain = generator.permutation(20), bracket(count(blocks, 20), 20, 4)
    for other in [(named[a], named[b]) for a, b in blocks], [(b, a) for a, b in blocks]:
        np.testing.assert_allclose(bracket(count(other, 20), 20, 4), plain, atol=1e-12)


# Laws with known answers. Bars are those of the delete-block jackknife.


def bounds(blocks, size):
    """Upper and lower bound, each with its bar and the 97.5 % point of Student's t."""
    found = bracket(count(blocks, size), size, len(blocks))
    n = np.array([[len(a)] for a, _ in blocks])
    result = []
    for values in found:
        bar = jackknife(values[:1], values[1:, None], n)
        result += [values[0], bar.stderr[0]]
    return *result, stats.t.ppf(0.975, bar.degrees[0])


def repeated(sample, size, seed):
    """Columns: upper, its bar, lower, its bar, t; a row for each run."""
    generator = np.random.default_rng(seed)
    return np.array([bounds(sample(generator), size) for _ in range(RUNS)]).T


def information(law):
    return naive.table_mi(dict(np.ndenumerate(law)))


def zipf(size):
    p = 1 / np.arange(1, size + 1)
    return p / p.sum()


@pytest.mark.parametrize("p", [np.full(400, 1 / 400), zipf(400)], ids=["uniform", "zipf"])
def test_independent_symbols_of_a_big_alphabet(p):
    n = len(p) ** 2 // 10

    def sample(generator):
        sides = generator.choice(len(p), (2, BLOCKS, n // BLOCKS), p=p)
        return list(zip(*sides, strict=True))

    upper, _, lower, bar, _ = repeated(sample, len(p), 3)
    assert (upper > 0.5).all()
    assert np.mean(lower - 2 * bar <= 0) >= 0.95
    assert lower.min() > -0.05
    assert lower.mean() == pytest.approx(-len(p) / n, rel=0.25)  # the rate that the docstring claims


class Classes:
    """A Markov chain on a ring of classes, each with Zipf's law over its own symbols, and pure noise now and then."""

    n_classes, size, noise = 8, 480, 0.1

    def __init__(self, follow):
        self.follow = follow
        move = (1 - follow) / self.n_classes + follow * np.roll(np.eye(self.n_classes), 1, axis=1)
        self.zipf = zipf(self.size // self.n_classes)
        emit = (1 - self.noise) * np.kron(np.eye(self.n_classes), self.zipf) + self.noise / self.size
        self.truth = information(emit.T @ (move / self.n_classes) @ emit)

    def __call__(self, generator, n):
        """Independent documents, one a block; `n` pairs in all."""
        shape = BLOCKS, n // BLOCKS + 1
        # Where the chain does not follow the ring it starts anew, anywhere: steps since then, and where that was.
        anew = generator.random(shape) > self.follow
        anew[:, 0] = True
        last = np.maximum.accumulate(np.where(anew, np.arange(shape[1]), 0), axis=1)
        start = generator.integers(0, self.n_classes, shape)
        state = (np.take_along_axis(start, last, axis=1) + np.arange(shape[1]) - last) % self.n_classes
        symbols = state * len(self.zipf) + generator.choice(len(self.zipf), shape, p=self.zipf)
        noise = generator.random(shape) < self.noise
        symbols[noise] = generator.integers(0, self.size, noise.sum())
        return [(document[:-1], document[1:]) for document in symbols]


@pytest.mark.parametrize(("follow", "floor"), [(0.3, 0.0), (0.9, 0.6)])
def test_the_bracket_holds_the_truth_for_a_big_alphabet(follow, floor):
    process = Classes(follow)
    n, size = process.size**2 // 10, process.size
    upper, upper_bar, lower, lower_bar, t = repeated(lambda generator: process(generator, n), size, 4)
    held = (lower - t * lower_bar <= process.truth) & (process.truth <= upper + t * upper_bar)
    assert held.mean() >= 0.95
    assert floor < lower.mean() < process.truth
    assert upper.mean() > process.truth


LAWS = {
    "weak": np.full((4, 4), 1 / 16) + 0.01 * (np.eye(4) - 1 / 4),
    "strong": np.full((4, 4), 0.02) + 0.17 * np.eye(4),
    "skewed": 0.95 * np.outer([0.9, 0.07, 0.03], [0.9, 0.07, 0.03]) + 0.05 * np.diag([0.9, 0.07, 0.03]),
}


@pytest.mark.parametrize("name", LAWS)
def test_plenty_of_data_closes_the_bracket(name):
    law = LAWS[name]
    n, size = 16_000, len(law)
    upper, upper_bar, lower, lower_bar, t = repeated(lambda generator: pairs_of(law, size, generator, n), size, 7)
    truth = information(law)
    assert (np.abs(upper - truth) < 4 * upper_bar + 2 * size**2 / n).all()
    assert (np.abs(lower - truth) < 4 * lower_bar + 2 * size**2 / n).all()
    # Both bars are the scatter between runs, and both bounds err to their sides if at all.
    assert upper_bar.mean() == pytest.approx(upper.std(), rel=0.35)
    assert lower_bar.mean() == pytest.approx(lower.std(), rel=0.35)
    assert np.mean(lower - t * lower_bar <= truth) >= 0.93
    assert lower.mean() - truth < 2 * lower.std() / math.sqrt(RUNS)
    assert upper.mean() - truth > -2 * upper.std() / math.sqrt(RUNS)


@pytest.mark.parametrize(("per_symbol", "above"), [(4, True), (1, True), (0.5, False)])
def test_a_map_of_symbols_to_symbols(per_symbol, above):
    """The upper bound fails where the docstring says, below one pair a symbol, and not before."""
    size = 1000

    def sample(generator):
        symbols = generator.integers(0, size, (BLOCKS, round(size * per_symbol / BLOCKS)))
        return [(document, size - 1 - document) for document in symbols]

    upper, _, lower, _, _ = repeated(sample, size, 5)
    assert (upper.mean() > math.log(size)) == above
    assert (lower < math.log(size)).all()
    if per_symbol == 4:
        assert lower.mean() > 0.8 * math.log(size)
    if per_symbol == 0.5:
        assert upper.mean() - math.log(size) == pytest.approx(-0.2, abs=0.05)


def test_repeated_documents_lift_the_lower_bound():
    """What the docstring warns of, and what honest bounds must not do: blocks that hold each other's text."""
    generator = np.random.default_rng(6)
    document = generator.integers(0, 400, (2, 1000))
    assert bounds([tuple(document)] * BLOCKS, 400)[2] > 1
