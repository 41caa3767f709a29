"""Curves at very many lags: the same values whatever counts, and nulls that are near enough where interpolated."""

import numpy as np
import pytest

import miscope as ms
from miscope.counting.doors import Counter
from miscope.curve import asking
from miscope.estimation import nulls

ARRAYS = (
    "mi",
    "stderr",
    "replicates",
    "block_pairs",
    "null",
    "null_replicates",
    "excess_stderr",
    "p_values",
    "n_pairs",
)


def corpus(lengths, size=6, seed=0, rare=()):
    """Symbols that repeat at a distance of 3; each document has a composition of its own, and `rare` are places."""
    generator = np.random.default_rng(seed)
    documents = []
    for length in lengths:
        codes = generator.choice(size, length, p=generator.dirichlet(np.full(size, 3.0)))
        again = np.flatnonzero(generator.random(length) < 0.3)
        codes[again] = codes[np.maximum(again - 3, 0)]
        documents.append(codes)
    for place in rare:
        documents[0][place] = size
    return documents


@pytest.mark.parametrize("null", ["none", "global", "document"])
@pytest.mark.parametrize("blocks", [0, 6])
@pytest.mark.parametrize("estimator", ["miller_madow", "chao_shen"])
def test_curves_do_not_depend_on_what_counts(null, blocks, estimator):
    documents = corpus([1500, 900, 40])
    about = {"lags": "all:250", "null": null, "blocks": blocks, "estimator": estimator}
    one, other = (ms.measure(documents, method=method, **about) for method in ("fourier", "dense"))
    assert (one.provenance["method"], other.provenance["method"]) == ("fourier", "dense")
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=1e-12, err_msg=name)


def test_drawn_nulls_are_counted_by_it_too():
    documents = corpus([900, 700])
    for null in ("rotate", lambda sequences, generator: sequences):
        one, other = (
            ms.measure(documents, "all:60", null=null, blocks=4, method=method) for method in ("fourier", "sparse")
        )
        for name in ARRAYS:
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("quantity", ["rational", "correlation"])
def test_other_quantities_are_measured_with_it(quantity):
    documents = corpus([600, 300])
    one, other = (
        ms.measure(documents, "all:40", quantity=quantity, blocks=3, null="none", method=method)
        for method in ("fourier", "dense")
    )
    np.testing.assert_allclose(one.mi, other.mi, rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.stderr, other.stderr, rtol=0, atol=1e-12)


def test_progress_ends_at_all_pairs():
    seen = []
    documents = corpus([600, 300])
    ms.measure(documents, "all:40", blocks=0, method="fourier", progress=lambda done, of: seen.append((done, of)))
    pairs = sum(max(len(document) - lag, 0) for document in documents for lag in range(1, 41))
    assert seen[0] == (0, pairs)
    assert seen[-1] == (pairs, pairs)
    assert seen == sorted(seen)


def test_an_interruption_stops_it():
    def interrupt(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ms.measure(corpus([600]), "all:40", blocks=0, method="fourier", progress=interrupt)


def exact_and_interpolated(monkeypatch, documents, **about):
    """Curves with the null at every lag and with most of it interpolated, and how often it was computed for these."""
    calls = []
    compute = nulls.chance_fingerprint
    curves = []
    for most in (10**9, 50):
        monkeypatch.setattr(asking, "_MOST_EXACT", most)
        calls.clear()
        monkeypatch.setattr(nulls, "chance_fingerprint", lambda *args, **kw: calls.append(args) or compute(*args, **kw))
        curves.append(ms.measure(documents, **about))
    return *curves, len(calls)


def least_stderr(curve, n_symbols):
    """What an estimate scatters by where there is no dependence at all: chi^2 / 2n."""
    return np.sqrt((n_symbols - 1) ** 2 / 2) / curve.n_pairs


@pytest.mark.parametrize(
    ("method", "estimator"), [("fourier", "plug_in"), ("fourier", "miller_madow"), ("bits", "grassberger")]
)
def test_an_interpolated_null_is_near_enough(monkeypatch, method, estimator):
    # A symbol at three places only ceases to be seen at some lags, which makes steps; short documents end.
    documents = corpus([3000, 700, 150], rare=[5, 2100, 2990])
    exact, other, n_computed = exact_and_interpolated(
        monkeypatch, documents, lags="all:1500", blocks=0, method=method, estimator=estimator
    )
    np.testing.assert_array_equal(exact.mi, other.mi)
    off = np.abs(exact.null - other.null) / least_stderr(exact, 7)
    assert off.max() < 4e-3
    assert n_computed < 600
    steps = np.abs(np.diff(exact.null)) / least_stderr(exact, 7)[1:]
    if estimator == "plug_in":
        assert steps.max() > 0.1


def test_a_null_by_document_is_interpolated_with_its_chance(monkeypatch):
    documents = corpus([2000, 1200, 400, 300])
    exact, other, _ = exact_and_interpolated(monkeypatch, documents, lags="all:600", blocks=4, null="document")
    for name in ("null", "chance"):
        off = np.abs(getattr(exact, name) - getattr(other, name)) / least_stderr(exact, 6)
        assert off.max() < 1e-2
    assert (np.abs(exact.null_replicates - other.null_replicates) < 0.01 * exact.excess_stderr).all()
    np.testing.assert_allclose(exact.excess_stderr, other.excess_stderr, rtol=1e-2)


def test_up_to_a_thousand_lags_nulls_are_computed_at_each(monkeypatch):
    documents = corpus([3000])
    curve = ms.measure(documents, "all:1000", blocks=0)
    for lag in (1, 17, 500, 999):
        assert ms.measure(documents, [lag], blocks=0).null[0] == curve.null[lag - 1]


def test_one_symbol_has_nothing_at_many_lags():
    curve = ms.measure([np.zeros(3000, np.uint8)], "all:1500", blocks=0, method="fourier")
    assert not curve.mi.any()
    assert not curve.null.any()


def test_pairs_of_all_lags():
    counter = Counter(ms.Sequences.from_arrays(corpus([300, 1, 0, 120, 119])), "all:299", 0, "dense")
    assert asking._pairs(counter).tolist() == [counter.pairs_at(lag) for lag in range(1, 300)]


def test_a_curve_of_many_lags_prints_few():
    curve = ms.measure(corpus([5000]), "all:2000", blocks=0)
    assert len(str(curve).splitlines()) < 70
