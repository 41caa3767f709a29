"""Trees with children that are different at each place and dependent, against enumeration of all documents."""

import itertools

import numpy as np
import pytest

from miscope.errors import InputError
from miscope.processes.grammar import TreeGrammar
from miscope.processes.hierarchical import Generation, leaf_joints


class Given(Generation):
    """Children of two places by any joint law given the parent, shape (K, K, K): parent, left, right."""

    def __init__(self, mean, tables):
        super().__init__(mean, np.array([tables.sum(axis=2), tables.sum(axis=1)]))
        self.tables = tables

    def pair(self, x, y):
        size = len(self.mean)
        total = np.zeros((size, size))
        for c in range(size):
            left, right = self.channels[x][c], self.channels[y][c]
            joint = self.tables[c] if (x, y) == (0, 1) else self.tables[c].T if (x, y) == (1, 0) else np.diag(left)
            total += self.mean[c] * (joint - np.outer(left, right))
        return total


def enumerated(root, levels):
    """Probability of every document, by expanding every symbol of every shorter document in every way."""
    documents = {(c,): p for c, p in enumerate(root)}
    for tables in levels:
        grown = {}
        for document, p in documents.items():
            pairs = list(itertools.product(range(len(root)), repeat=2))
            for children in itertools.product(pairs, repeat=len(document)):
                weight = p * np.prod([tables[c][pair] for c, pair in zip(document, children, strict=True)])
                whole = tuple(itertools.chain(*children))
                grown[whole] = grown.get(whole, 0.0) + weight
        documents = grown
    return documents


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_joints_are_those_of_all_documents(seed):
    # Places differ, children depend on each other, levels differ and the root is arbitrary: every term takes part.
    rng = np.random.default_rng(seed)
    size, depth = 2, 3
    root = rng.dirichlet(np.ones(size))
    levels = [rng.dirichlet(np.ones(size * size), size).reshape(size, size, size) for _ in range(depth)]
    generations, law = [], root
    for tables in levels:
        generations.append(Given(law, tables))
        law = generations[-1].children_mean
    documents = enumerated(root, levels)
    assert sum(documents.values()) == pytest.approx(1)
    lags = np.arange(1, 2**depth)
    for lag, joint in zip(lags, leaf_joints(root, generations, lags), strict=True):
        expected = np.zeros((size, size))
        for document, p in documents.items():
            for i in range(len(document) - lag):
                expected[document[i], document[i + lag]] += p / (len(document) - lag)
        np.testing.assert_allclose(joint.table, expected, atol=1e-14)
        np.testing.assert_allclose(joint.left, expected.sum(axis=1), atol=1e-14)
        np.testing.assert_allclose(joint.right, expected.sum(axis=0), atol=1e-14)
        np.testing.assert_allclose(joint.connected.sum(axis=0), 0, atol=1e-15)


def test_many_lags_at_once_are_worked_on_in_parts(monkeypatch):
    process = TreeGrammar(depth=7, eigenvalue=0.7)
    whole = process.mutual_information("all:127")
    monkeypatch.setattr("miscope.processes.hierarchical._CELLS", 100)
    np.testing.assert_array_equal(process.mutual_information("all:127"), whole)


def test_growing_in_parts_draws_the_same(monkeypatch):
    process = TreeGrammar(depth=7, branching=2)
    whole = process.sample(3, seed=5)
    monkeypatch.setattr("miscope.processes.hierarchical._NODES", 5)
    np.testing.assert_array_equal(process.sample(3, seed=5).codes, whole.codes)


def test_documents_have_one_length():
    process = TreeGrammar(depth=5, branching=3)
    assert process.longest == 243
    assert process.sample(2).codes.size == process.sample(2, 243).codes.size == 486
    with pytest.raises(InputError, match="exactly 243 symbols"):
        process.sample(2, 244)
    with pytest.raises(InputError, match="largest lag is 242"):
        process.mutual_information([243])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 0}, "depth must be a whole number of at least 1"),
        ({"depth": 2.5}, "depth must be a whole number"),
        ({"branching": 1}, "branching must be a whole number of at least 2"),
        ({"depth": 62}, "2 \\*\\* 62 symbols is too long: at most 2 \\*\\* 61"),
    ],
)
def test_shapes_of_trees_that_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        TreeGrammar(**arguments)


def test_a_document_too_long_to_be_drawn_still_has_its_curve():
    process = TreeGrammar(depth=61, eigenvalue=0.8)
    with pytest.raises(InputError, match="too long to be drawn"):
        process.sample()
    # c(2 d) = 0.64 c(d) up to the finite depth, over 50 doublings: relative precision is kept where c is 1e-11.
    near, far = process.correlation([12, 12 << 45])
    assert far / near == pytest.approx(0.64**45, rel=1e-3)
    inner, outer = process.correlation([12, 12 << 20])
    assert outer / inner == pytest.approx(0.64**20, rel=1e-10)
