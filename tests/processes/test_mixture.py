import itertools
import math

import numpy as np
import pytest

from miscope.errors import InputError
from miscope.processes.mixture import Heterogeneous

KINDS = [[0.7, 0.2, 0.1], [0.1, 0.4, 0.5], [0.3, 0.3, 0.4]]
WEIGHTS = [0.5, 0.3, 0.2]


def f_of(c):
    return 0.5 * ((1 + c) * math.log1p(c) + (1 - c) * math.log1p(-c))


def pooled(kinds, weights, segment, length, lag):
    """Law of all pairs of a document: a sum over places of the first cut, places of the pair, and kinds."""
    kinds = np.array(kinds)
    same = sum(w * np.outer(p, p) for w, p in zip(weights, kinds, strict=True))
    mean = sum(w * p for w, p in zip(weights, kinds, strict=True))
    table = np.zeros((kinds.shape[1],) * 2)
    for cut in range(segment):
        for t in range(length - lag):
            together = (t + cut) // segment == (t + lag + cut) // segment
            table += same if together else np.outer(mean, mean)
    return table / (segment * (length - lag))


def information_of(table):
    product = np.outer(table.sum(1), table.sum(0))
    return float((table * np.log(table / product)).sum())


@pytest.mark.parametrize("length", [10, 11, 23])
def test_segments_agree_with_all_places_enumerated(length):
    process = Heterogeneous(compositions=KINDS, weights=WEIGHTS, segment=7)
    for lag in (1, 2, 6, 7, 8):
        table = pooled(KINDS, WEIGHTS, 7, length, lag)
        np.testing.assert_allclose(process.joint(lag), table, atol=1e-14)
        assert process.mutual_information([lag])[0] == pytest.approx(information_of(table), abs=1e-12)


def test_documents_of_one_composition():
    process = Heterogeneous(compositions=KINDS, weights=WEIGHTS)
    table = pooled(KINDS, WEIGHTS, 50, 50, 1) * 0 + sum(w * np.outer(p, p) for w, p in zip(WEIGHTS, KINDS, strict=True))
    np.testing.assert_allclose(process.joint(5), table, atol=1e-15)
    np.testing.assert_allclose(process.mutual_information([1, 10**6]), information_of(table), rtol=1e-12)


@pytest.mark.parametrize("delta", [0.01, 0.3, 0.9])
def test_binary_correlation_is_that_of_methods(delta):
    # c = delta^2 (1 - tau / L), I = f(c); with boundaries f(delta^2)
    lags = [1, 10, 99, 100, 1000]
    c = [delta**2 * (1 - lag / 100) for lag in lags[:3]] + [0, 0]
    cut = Heterogeneous(delta, segment=100)
    np.testing.assert_allclose(cut.correlation(lags), c, rtol=1e-12)
    np.testing.assert_allclose(cut.mutual_information(lags)[:3], [f_of(each) for each in c[:3]], rtol=1e-8)
    assert not cut.mutual_information(lags)[3:].any()
    np.testing.assert_allclose(Heterogeneous(delta).mutual_information(lags), f_of(delta**2), rtol=1e-7)


def test_small_differences_keep_their_precision():
    assert Heterogeneous(1e-20).mutual_information([3])[0] == pytest.approx(0.0, abs=1e-60)
    assert Heterogeneous(1e-6).mutual_information([3])[0] == pytest.approx(1e-24 / 2, rel=1e-9)


def test_law():
    assert Heterogeneous(0.3).law.kind == "constant"
    assert Heterogeneous(0.3, segment=50).law.kind == "finite"
    assert Heterogeneous(0.0).law.kind == "finite"
    assert not Heterogeneous(0.0).mutual_information([1]).any()


def test_two_symbols_are_named_by_delta():
    named = Heterogeneous(compositions=[[0.8, 0.2], [0.2, 0.8]], segment=9)
    np.testing.assert_allclose(named.joint(2), Heterogeneous(0.6, segment=9).joint(2), atol=1e-15)


def block_entropy(kinds, weights, n):
    size, total = len(kinds[0]), 0.0
    for word in itertools.product(range(size), repeat=n):
        p = sum(w * math.prod(law[symbol] for symbol in word) for w, law in zip(weights, kinds, strict=True))
        total -= p * math.log(p) if p > 0 else 0.0
    return total


@pytest.mark.parametrize("segment", [1, 2, 7])
def test_entropy_rate_of_segments_is_that_of_a_block(segment):
    kinds, weights = [[0.9, 0.1], [0.3, 0.7], [0.0, 1.0]], [0.5, 0.3, 0.2]
    process = Heterogeneous(compositions=kinds, weights=weights, segment=segment)
    assert process.entropy_rate == pytest.approx(block_entropy(kinds, weights, segment) / segment, rel=1e-11)
    both = [[0.65, 0.35], [0.35, 0.65]]
    assert Heterogeneous(0.3, segment).entropy_rate == pytest.approx(block_entropy(both, [0.5, 0.5], segment) / segment)


def test_entropy_rate_of_long_segments_tells_all_of_the_kind():
    # A segment of 200,000 names its kind, of two.
    known = -0.65 * math.log(0.65) - 0.35 * math.log(0.35)
    found = Heterogeneous(0.3, segment=200_000).entropy_rate
    assert found == pytest.approx(known + math.log(2) / 200_000, abs=1e-11)


def test_entropy_rate_of_whole_documents():
    known = -sum(w * sum(p * math.log(p) for p in law) for w, law in zip(WEIGHTS, KINDS, strict=True))
    assert Heterogeneous(compositions=KINDS, weights=WEIGHTS).entropy_rate == pytest.approx(known, rel=1e-12)
    assert Heterogeneous(1.0).entropy_rate == 0.0
    assert Heterogeneous(compositions=KINDS, segment=5).entropy_rate is None
    assert Heterogeneous(0.5, segment=1 << 23).entropy_rate is None


@pytest.mark.parametrize("segment", [None, 40])
def test_samples_have_the_exact_joint_laws(segment):
    # Within the error that 4096 documents tell; kinds with wrong weights, or too long segments, would be seen.
    process = Heterogeneous(compositions=KINDS, weights=WEIGHTS, segment=segment)
    codes = process.sample(4096, 500, seed=1).codes.reshape(4096, 500).astype(int)
    for lag in (1, 10, 39, 60):
        pairs = 3 * codes[:, :-lag] + codes[:, lag:]
        shares = np.array([np.bincount(row, minlength=9) / pairs.shape[1] for row in pairs])
        error = shares.std(0, ddof=1) / 64
        assert (np.abs(shares.mean(0) - process.joint(lag).ravel()) < 4.5 * error).all()
        assert (error < 0.005).all()


@pytest.mark.parametrize("start", [0, 30])
def test_segments_are_cut_at_random_places(start):
    # Were segments to begin with the document, symbols 0 and 25 of 50 would have correlation 0.81, and 30 and 55 none.
    n = 50_000
    signs = 2.0 * Heterogeneous(0.9, segment=50).sample(n, 60, seed=2).codes.reshape(n, 60) - 1
    assert (signs[:, start] * signs[:, start + 25]).mean() == pytest.approx(0.405, abs=4.5 / n**0.5)


def test_nothing_sequential_is_left_inside_documents():
    # Pairs of one document against the product of its own composition: no more than 1 / length.
    signs = 2.0 * Heterogeneous(0.6).sample(500, 2000, seed=3).codes.reshape(500, 2000) - 1
    within = (signs[:, :-5] * signs[:, 5:]).mean(1) - signs.mean(1) ** 2
    assert abs(within.mean() + (1 - 0.36) / 2000) < 4.5 * within.std() / 500**0.5


@pytest.mark.parametrize(("n_documents", "length"), [(7, 200_000), (1, 900_000)])
def test_same_seed_same_bytes_on_any_number_of_cores(monkeypatch, n_documents, length):
    process = Heterogeneous(0.5, segment=1000)
    first = process.sample(n_documents, length, seed=4).codes
    monkeypatch.setattr("miscope.processes.drawing.thread_count", lambda: 1)
    assert (process.sample(n_documents, length, seed=4).codes == first).all()
    assert (process.sample(n_documents, length, seed=5).codes != first).any()


def test_parameters_make_an_equal_process():
    for process in (
        Heterogeneous(0.5),
        Heterogeneous(0.5, segment=20, alphabet="ab"),
        Heterogeneous(compositions=KINDS, weights=WEIGHTS, segment=3),
        Heterogeneous(compositions=KINDS),
    ):
        again = Heterogeneous(**process.parameters)
        assert again.parameters == process.parameters
        assert (again.sample(2, 100).codes == process.sample(2, 100).codes).all()
    assert Heterogeneous(0.5, alphabet="ab").sample(1, 5).alphabet == ("a", "b")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give delta .* or compositions"),
        ({"delta": 0.5, "compositions": KINDS}, "give delta .* or compositions"),
        ({"delta": 1.5}, "delta must lie in 0 to 1, not 1.5"),
        ({"delta": -0.5}, "delta must lie in 0 to 1"),
        ({"delta": math.nan}, "delta must be a number"),
        ({"delta": 0.5, "weights": [1.0]}, "weights belong to compositions"),
        ({"delta": 0.5, "segment": 0}, "segment must be a whole number of at least 1"),
        ({"delta": 0.5, "segment": 1 << 60}, "leave segment out"),
        ({"delta": 0.5, "alphabet": "abc"}, "alphabet must name 2 different symbols"),
        ({"compositions": "many"}, "compositions must be an array"),
        ({"compositions": [[0.5, 0.5], [1.0]]}, "compositions must be an array, or nested lists of equal lengths"),
        ({"compositions": [0.5, 0.5]}, "compositions must be a table of probabilities"),
        ({"compositions": [[], []]}, "compositions must be a table of probabilities"),
        ({"compositions": [[0.5, 0.6]]}, "each row of compositions must sum to 1: row 0 sums to 1.1"),
        ({"compositions": [[1.5, -0.5]]}, "it has a number below or above"),
        ({"compositions": [[math.nan, 1.0]]}, "not finite"),
        ({"compositions": KINDS, "weights": [0.5, 0.5]}, r"weights must have shape \(3,\)"),
        ({"compositions": KINDS, "weights": [0.5, 0.5, 0.5]}, "each row of weights must sum to 1"),
        ({"compositions": KINDS, "weights": "all"}, "weights must be an array"),
    ],
)
def test_mixtures_that_cannot_be(arguments, message):
    with pytest.raises(InputError, match=message):
        Heterogeneous(**arguments)
