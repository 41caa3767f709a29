"""Tree grammars and the random hierarchy: exact curves against all documents, samples against exact laws."""

import itertools
import json
import math

import numpy as np
import pytest

from miscope.errors import InputError
from miscope.processes.grammar import RandomHierarchy, TreeGrammar

SKEWED = [[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.25, 0.5, 0.25]]
TURNING = [[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]]  # complex eigenvalues of modulus 0.7


def leaves_of_channel(symbol, depth, channel, branching):
    """Law of the documents below a node, as a dictionary; by recursion from the leaves."""
    if depth == 0:
        return {(symbol,): 1.0}
    child = {}
    for c, p in enumerate(channel[symbol]):
        for document, q in leaves_of_channel(c, depth - 1, channel, branching).items():
            child[document] = child.get(document, 0.0) + p * q
    law = {}
    for parts in itertools.product(child.items(), repeat=branching):
        whole = tuple(itertools.chain(*(document for document, _ in parts)))
        law[whole] = law.get(whole, 0.0) + math.prod(p for _, p in parts)
    return law


def leaves_of_rules(symbol, level, rules):
    """The same for rules: every derivation in turn."""
    if level == len(rules):
        return {(symbol,): 1.0}
    law = {}
    for rule in rules[level][symbol]:
        below = [leaves_of_rules(int(c), level + 1, rules) for c in rule]
        for parts in itertools.product(*(each.items() for each in below)):
            whole = tuple(itertools.chain(*(document for document, _ in parts)))
            p = math.prod(p for _, p in parts) / len(rules[level][symbol])
            law[whole] = law.get(whole, 0.0) + p
    return law


def mixed(root, laws):
    law = {}
    for p, each in zip(root, laws, strict=True):
        for document, q in each.items():
            law[document] = law.get(document, 0.0) + p * q
    return law


def pair_table(law, lag, size):
    table = np.zeros((size, size))
    for document, p in law.items():
        for a, b in zip(document, document[lag:], strict=False):
            table[a, b] += p / (len(document) - lag)
    return table


def table_information(table):
    left, right = table.sum(axis=1), table.sum(axis=0)
    return sum(
        table[a, b] * math.log(table[a, b] / (left[a] * right[b]))
        for a, b in itertools.product(*map(range, table.shape))
        if table[a, b] > 0
    )


def check_against_documents(process, law):
    assert sum(law.values()) == pytest.approx(1, abs=1e-12)
    length = process.longest
    exact = process.mutual_information(f"all:{length - 1}")
    for lag in range(1, length):
        table = pair_table(law, lag, process.alphabet_size)
        np.testing.assert_allclose(process.joint(lag), table, atol=1e-12)
        assert exact[lag - 1] == pytest.approx(table_information(table), abs=1e-12)


def check_document_frequencies(process, law, n_documents):
    # Pearson's chi-square over whole documents, at 5 standard deviations: it would catch a wrong channel or root,
    # children written in the wrong place, or draws that are not independent.
    codes = process.sample(n_documents, seed=3).codes.reshape(n_documents, -1)
    seen, counts = np.unique(codes, axis=0, return_counts=True)
    counted = {tuple(document): n for document, n in zip(seen.tolist(), counts.tolist(), strict=True)}
    assert set(counted) <= {document for document, p in law.items() if p > 0}
    likely = {document: p * n_documents for document, p in law.items() if p * n_documents >= 5}
    rest = n_documents - sum(likely.values())
    statistic = sum((counted.get(document, 0) - n) ** 2 / n for document, n in likely.items())
    if rest >= 5:
        statistic += (n_documents - sum(counted.get(document, 0) for document in likely) - rest) ** 2 / rest
    freedom = len(likely) - (rest < 5)
    assert abs(statistic - freedom) < 5 * math.sqrt(2 * freedom)


def check_pair_frequencies(process, n_documents, lags):
    # Means over independent documents, so that their spread gives the error; 4.5 standard errors in every cell.
    codes = process.sample(n_documents, seed=11).codes.reshape(n_documents, -1)
    size = process.alphabet_size
    for lag in lags:
        pairs = codes[:, :-lag].astype(np.int64) * size + codes[:, lag:]
        each = np.array([np.bincount(row, minlength=size * size) for row in pairs]) / pairs.shape[1]
        error = each.std(axis=0, ddof=1) / math.sqrt(n_documents)
        assert (np.abs(each.mean(axis=0) - process.joint(lag).ravel()) <= 4.5 * error + 1e-15).all()


@pytest.mark.parametrize(
    "arguments",
    [
        {"depth": 3, "eigenvalue": 0.8},
        {"depth": 2, "branching": 3, "eigenvalue": -0.3},
        {"depth": 3, "channel": [[0.9, 0.1], [0.4, 0.6]]},
        {"depth": 3, "channel": [[0.9, 0.1], [0.4, 0.6]], "root": [0.05, 0.95]},
        {"depth": 2, "channel": SKEWED},
        {"depth": 2, "channel": SKEWED, "root": [0, 0, 1]},
        {"depth": 2, "channel": TURNING},
    ],
)
def test_tree_curve_is_that_of_all_documents(arguments):
    process = TreeGrammar(**arguments)
    laws = [
        leaves_of_channel(c, process.depth, process.channel, process.branching) for c in range(process.alphabet_size)
    ]
    law = mixed(process.root, laws)
    check_against_documents(process, law)
    check_document_frequencies(process, law, 40_000)


@pytest.mark.parametrize(
    "arguments",
    [
        {"alphabet_size": 3, "n_rules": 2, "branching": 2, "depth": 3, "rules_seed": 1},
        {"alphabet_size": 3, "n_rules": 3, "branching": 2, "depth": 2, "rules_seed": 2},
        {"alphabet_size": 3, "n_rules": 2, "branching": 3, "depth": 2, "rules_seed": 3},
        {"alphabet_size": 5, "n_rules": 1, "branching": 2, "depth": 4, "rules_seed": 4},
        {"alphabet_size": 2, "n_rules": 1, "branching": 4, "depth": 2, "rules_seed": 5},
    ],
)
def test_hierarchy_curve_is_that_of_all_derivations(arguments):
    process = RandomHierarchy(**arguments)
    v = process.alphabet_size
    law = mixed(np.full(v, 1 / v), [leaves_of_rules(c, 0, process.rules) for c in range(v)])
    check_against_documents(process, law)
    check_document_frequencies(process, law, 40_000)
    entropy = -sum(p * math.log(p) for p in law.values())
    assert process.entropy_rate == pytest.approx(entropy / process.longest, abs=1e-12)


def test_values_of_the_methods_document():
    # q = 2, symmetric binary channel with eigenvalue 0.8, depth 14: computed outside this project.
    exact = TreeGrammar(depth=14, eigenvalue=0.8).mutual_information([1, 2, 8, 64])
    np.testing.assert_allclose(exact, [0.115240, 0.046077, 0.0076359, 0.00052698], rtol=1.5e-5)
    np.testing.assert_array_equal(exact, TreeGrammar().mutual_information([1, 2, 8, 64]))


def test_share_of_ancestors_by_counting():
    # c(d) = sum over heights of the share of pairs whose last common ancestor stands there, times eigenvalue^(2 h).
    depth, eigenvalue = 6, 0.6
    process = TreeGrammar(depth=depth, branching=3, eigenvalue=eigenvalue)
    for lag in (1, 2, 5, 27, 100, 700):
        left = np.arange(3**depth - lag)
        height = sum((left // 3**k != (left + lag) // 3**k).astype(int) for k in range(depth))
        assert process.correlation([lag])[0] == pytest.approx(np.mean(eigenvalue ** (2.0 * height)), rel=1e-12)


def test_samples_have_the_exact_pair_laws():
    check_pair_frequencies(TreeGrammar(SKEWED, depth=6, root=[0.1, 0.1, 0.8]), 4000, (1, 2, 3, 7, 32))
    check_pair_frequencies(TreeGrammar(depth=4, branching=3, eigenvalue=0.9), 4000, (1, 5, 27))
    check_pair_frequencies(RandomHierarchy(4, 2, 3, 4, rules_seed=9), 4000, (1, 2, 3, 9, 40))


@pytest.mark.parametrize(
    ("process", "tolerance"),
    [
        (TreeGrammar(depth=50, eigenvalue=0.8), 1e-4),
        (TreeGrammar(depth=50, eigenvalue=-0.5), 1e-4),
        (TreeGrammar(depth=30, branching=3, eigenvalue=0.95), 0.01),  # not yet weakly dependent at the first lag
        (TreeGrammar(SKEWED, depth=50), 1e-3),
        (TreeGrammar(SKEWED, depth=50, root=[1, 0, 0]), 1e-3),
        (TreeGrammar(TURNING, depth=50), 0.02),  # the turning phase comes on top of the power law
        (TreeGrammar([[0.9, 0.1, 0], [0.1, 0.9, 0], [0, 0.5, 0.5]], depth=50, root=[0.5, 0.5, 0]), 1e-4),
    ],
)
def test_law_is_the_slope_of_the_curve(process, tolerance):
    # Whole powers of the branching apart, for between them the curve is periodic in the logarithm of the lag.
    first = 7 * process.branching**9
    last = first * process.branching ** (14 if process.branching == 2 else 8)
    near, far = process.mutual_information([first, last])
    assert process.law.kind == "power law"
    assert np.log(near / far) / np.log(last / first) == pytest.approx(process.law.exponent, rel=tolerance)


@pytest.mark.parametrize("branching", [2, 5])
@pytest.mark.parametrize("eigenvalue", [0.2, 0.99])
def test_low_ancestors_dominate_at_any_eigenvalue(branching, eigenvalue):
    process = TreeGrammar(depth=40 if branching == 2 else 17, branching=branching, eigenvalue=eigenvalue)
    lags = 3 * branching ** np.arange(8)
    correlation = process.correlation(lags)
    np.testing.assert_allclose(correlation[1:] / correlation[:-1], eigenvalue**2, rtol=1e-4)


def test_other_laws():
    nilpotent = np.full((3, 3), 1 / 3) + 0.1 * np.array([[1, -1, 0], [1, -1, 0], [-2, 2, 0]])
    process = TreeGrammar(nilpotent, depth=8)
    assert process.law.kind == "finite"
    # The square of the connected channel is 0: only siblings are dependent.
    assert process.mutual_information([1])[0] > 1e-4
    assert (process.mutual_information([2, 3, 100]) < 1e-25).all()
    assert TreeGrammar([[0.3, 0.7], [0.3, 0.7]], depth=8).law.kind == "finite"
    assert TreeGrammar(eigenvalue=0).law.kind == "finite"
    assert TreeGrammar(np.eye(2), root=[1, 0]).law.kind == "finite"
    for frozen in (TreeGrammar(eigenvalue=1), TreeGrammar(eigenvalue=-1), TreeGrammar(np.eye(2), root=[0.5, 0.5])):
        assert frozen.law.kind == "constant"
        np.testing.assert_allclose(frozen.mutual_information([1, 1000]), np.log(2))
    assert TreeGrammar([[0, 1], [1, 0]], root=[1, 0]).law is None
    assert TreeGrammar([[0.5, 0.5], [0, 1]], root=[1, 0]).law is None
    assert TreeGrammar().entropy_rate is None


def test_laws_of_the_hierarchy():
    process = RandomHierarchy(8, 4, 2, 16, rules_seed=1)
    assert process.law.kind == "constant"
    plateau = process.mutual_information([2**k for k in range(8, 15)])
    assert plateau.min() > 1e-4
    assert np.ptp(plateau) < 0.01 * plateau.min()
    full = RandomHierarchy(3, 9, 3, 4)
    assert full.law.kind == "finite"
    assert (full.mutual_information("all:80") < 1e-28).all()
    # 0 -> (0, 1) or (1, 0) and the like: both places have uniform symbols, and no law is claimed.
    balanced = next(
        process
        for process in (RandomHierarchy(2, 1, 2, 2, seed) for seed in range(100))
        if all((np.sort(rules[:, 0], axis=0) == [[0, 0], [1, 1]]).all() for rules in process.rules)
    )
    assert balanced.law is None


def test_covariance_at_given_positions_falls_by_the_number_of_rules():
    # Typically, over rules: the mean square over symbols and rules, from one height to the next, by 1 / m^2.
    v, m = 16, 4
    squares = []
    for seed in range(40):
        one = RandomHierarchy(v, m, 2, 4, seed)
        channels = [
            [np.array([np.bincount(rules[c, :, x], minlength=v) / m for c in range(v)]) for x in (0, 1)]
            for rules in one.rules
        ]
        covariances = []
        for top in (3, 2, 1, 0):
            law = np.full(v, 1 / v)
            for level in range(top):
                law = law @ channels[level][0]
            joint = np.zeros((v, v))
            for c in range(v):
                for left, right in one.rules[top][c]:
                    joint[left, right] += law[c] / m
            table = joint - np.outer(joint.sum(axis=1), joint.sum(axis=0))
            for level in range(top + 1, 4):
                table = channels[level][0].T @ table @ channels[level][0]
            covariances.append((table**2).sum())
        squares.append(covariances)
    mean = np.mean(squares, axis=0)
    np.testing.assert_allclose(mean[1:] / mean[:-1], 1 / m**2, rtol=0.35)


def test_rules_are_distinct_and_drawn_evenly():
    process = RandomHierarchy(6, 5, 3, 20, rules_seed=0)
    assert process.rules.shape == (20, 6, 5, 3)
    for rules in process.rules:
        assert len(np.unique(rules.reshape(30, 3), axis=0)) == 30
    counts = np.bincount(process.rules.ravel(), minlength=6)
    assert (np.abs(counts - 300) < 5 * np.sqrt(300)).all()
    wide = RandomHierarchy(2, 3, 70, 1, rules_seed=0)  # more tuples than whole numbers of 64 bits
    assert wide.rules.shape == (1, 2, 3, 70)
    assert 0.4 < wide.rules.mean() < 0.6


def test_long_documents_can_be_read_back_to_the_root():
    # Levels here are grown in several parts, and 17 of them in place: any overwriting would break a tuple.
    process = RandomHierarchy(7, 3, 2, 17, rules_seed=2)
    symbols = process.sample(2, seed=1).codes.reshape(2, -1).astype(np.int64)
    for rules in process.rules[::-1]:
        parent = {tuple(rule): c for c in range(7) for rule in rules[c].tolist()}
        reading = np.full((7, 7), -1)
        for (left, right), c in parent.items():
            reading[left, right] = c
        symbols = reading[symbols[:, 0::2], symbols[:, 1::2]]
        assert (symbols >= 0).all()
    assert symbols.shape == (2, 1)


@pytest.mark.parametrize(
    "process", [TreeGrammar(SKEWED, depth=12), RandomHierarchy(8, 4, 2, 12), TreeGrammar(depth=20, eigenvalue=0.7)]
)
def test_same_seed_same_bytes_on_any_number_of_cores(process, monkeypatch):
    n_documents = 1 if process.depth == 20 else 300
    first = process.sample(n_documents, seed=4).codes
    assert (process.sample(n_documents, seed=5).codes != first).any()
    monkeypatch.setattr("miscope.processes.drawing.thread_count", lambda: 1)
    np.testing.assert_array_equal(process.sample(n_documents, seed=4).codes, first)


@pytest.mark.parametrize(
    "process",
    [
        TreeGrammar(depth=6, eigenvalue=0.7),
        TreeGrammar(SKEWED, depth=4, branching=3, root=[1, 0, 0]),
        RandomHierarchy(np.int64(5), 3, 2, 4, rules_seed=7),
    ],
)
def test_parameters_make_an_equal_process(process):
    again = type(process)(**json.loads(json.dumps(process.parameters)))
    assert again.parameters == process.parameters
    np.testing.assert_array_equal(again.mutual_information("all:15"), process.mutual_information("all:15"))
    np.testing.assert_array_equal(again.sample(5, seed=1).codes, process.sample(5, seed=1).codes)


def test_large_alphabet_has_wide_codes():
    sample = TreeGrammar(np.full((300, 300), 1 / 300), depth=10).sample(4, seed=0)
    assert sample.codes.max() > 255


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"eigenvalue": 1.1}, "eigenvalue must lie between -1 and 1, not 1.1"),
        ({"eigenvalue": math.nan}, "eigenvalue must be a number"),
        ({"eigenvalue": 0.5, "channel": SKEWED}, "give channel or eigenvalue, one of the two"),
        ({"channel": [[0.5, 0.5]]}, r"square matrix .* not of shape \(1, 2\)"),
        ({"channel": [[1.0]]}, "square matrix of 2 symbols or more"),
        ({"channel": 0.5}, "channel must be a table of probabilities"),
        ({"channel": [[0.5, 0.5], [0.5]]}, "channel must be an array, or nested lists of equal lengths"),
        ({"channel": [["a", "b"], ["c", "d"]]}, "channel must be an array, .* of numbers"),
        ({"channel": [[1.5, -0.5], [0.5, 0.5]]}, "channel must hold probabilities"),
        ({"channel": [[math.nan, 0.5], [0.5, 0.5]]}, "channel must hold probabilities"),
        ({"channel": [[0.5, 0.5], [0.5, 0.6]]}, "each row of channel must sum to 1: row 1 sums to 1.1"),
        ({"channel": [[1, 0], [0, 1]]}, "more than one stationary law, so say what the root's is"),
        ({"root": [0.2, 0.2, 0.6]}, "root must be 2 probabilities"),
        ({"root": [0.2, 0.7]}, "each row of root must sum to 1: row 0 sums to 0.9"),
        ({"root": [-0.2, 1.2]}, "root must hold probabilities"),
    ],
)
def test_tree_grammars_that_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        TreeGrammar(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alphabet_size": 1}, "alphabet_size must be a whole number of at least 2"),
        ({"n_rules": 0}, "n_rules must be a whole number of at least 1"),
        ({"n_rules": 17, "alphabet_size": 16}, r"only 16 \*\* 2 tuples, so n_rules is at most 16"),
        ({"rules_seed": -1}, "rules_seed must be a whole number of at least 0"),
        ({"alphabet_size": 100_000}, "take fewer symbols"),
        ({"branching": 1 << 29, "depth": 1}, "take fewer symbols"),
    ],
)
def test_hierarchies_that_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        RandomHierarchy(**arguments)
