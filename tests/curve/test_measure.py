"""measure(): options, warnings, provenance, and what it refuses."""

import itertools
import json
import re

import numpy as np
import pytest

import miscope as ms
import naive

RNG = np.random.default_rng(0)
DOCUMENTS = [RNG.integers(0, 4, 300) for _ in range(10)]


def test_plug_in_is_the_naive_value():
    curve = ms.measure(DOCUMENTS, [1, 7], estimator="plug_in", null="none", blocks=0)
    expected = [naive.plug_in_mi([list(d) for d in DOCUMENTS], lag) for lag in (1, 7)]
    np.testing.assert_allclose(curve.mi, expected, atol=1e-12)
    assert curve.n_pairs.tolist() == [10 * 299, 10 * 293]


@pytest.mark.parametrize("source", [np.arange(50) % 3, [np.arange(30) % 2, np.arange(20) % 2], "abcabc" * 9])
def test_sources(source):
    assert ms.measure(source, [1], blocks=2).mi[0] > 0.5


@pytest.mark.parametrize("method", ["dense", "bits", "sparse"])
@pytest.mark.parametrize("null", ["none", "global", "document", "rotate"])
def test_methods_agree(method, null):
    auto = ms.measure(DOCUMENTS, "1:200", null=null)
    other = ms.measure(DOCUMENTS, "1:200", null=null, method=method, threads=2)
    for name in ("mi", "stderr", "null", "excess_stderr", "replicates", "null_replicates", "p_values"):
        np.testing.assert_allclose(getattr(auto, name), getattr(other, name), rtol=1e-9, atol=1e-12)


def test_estimators_by_name_agree_with_entropies():
    x = np.concatenate([d[:-1] for d in DOCUMENTS])
    y = np.concatenate([d[1:] for d in DOCUMENTS])
    for name in ("plug_in", "miller_madow", "grassberger", "chao_shen", "shrinkage", "zhang", "nsb"):
        curve = ms.measure(DOCUMENTS, [1], estimator=name, blocks=0)
        assert curve.mi[0] == pytest.approx(ms.mutual_information(x, y, estimator=name), abs=1e-12)


def test_bars_can_be_switched_off():
    curve = ms.measure(DOCUMENTS, [1, 2], blocks=0)
    assert curve.n_blocks == 0
    assert np.isnan(curve.stderr).all()
    assert np.isnan(curve.p_values).all()
    assert not curve.significant().any()
    assert curve.replicates.shape == (0, 2)


def test_seed_decides():
    a, b, c = (ms.measure(DOCUMENTS, [1, 2], null="rotate", seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(a.null, b.null)
    assert not np.array_equal(a.null, c.null)


def test_null_of_ones_own():
    def reversed_documents(sequences, generator):
        assert isinstance(generator, np.random.Generator)
        return ms.Sequences.from_arrays([document[::-1] for document in sequences])

    curve = ms.measure(DOCUMENTS, [1, 3], null=reversed_documents)
    np.testing.assert_allclose(curve.null, curve.mi, atol=1e-12)  # MI does not know which way time runs
    assert curve.null_name == "reversed_documents"


def test_drawn_document_null_agrees_with_the_exact_one(monkeypatch):
    import miscope.curve.asking as asking

    exact = ms.measure(DOCUMENTS, [1, 20], null="document")
    monkeypatch.setattr(asking, "_MOST_NULL_SYMBOLS", 1)
    drawn = ms.measure(DOCUMENTS, [1, 20], null="document", n_surrogates=200)
    assert drawn.provenance["null"]["surrogates_drawn"] == 200
    assert exact.provenance["null"]["surrogates_drawn"] == 0
    np.testing.assert_allclose(drawn.null, exact.null, atol=4e-4)
    np.testing.assert_allclose(drawn.chance, exact.chance, atol=1e-15)


def test_document_null_of_one_document_is_chance():
    one = ms.measure(DOCUMENTS[0], [1, 5], null="document")
    np.testing.assert_allclose(one.null, ms.measure(DOCUMENTS[0], [1, 5], null="global").null)


def test_other_quantities():
    rational = ms.measure(DOCUMENTS, [1], quantity="rational")
    assert rational.mi[0] >= ms.measure(DOCUMENTS, [1], estimator="plug_in").mi[0]
    assert rational.unit == ""
    assert rational.excess[0] == pytest.approx(0, abs=4 * rational.excess_stderr[0])
    values = np.array([0.0, 1.0, 2.0, 3.0])
    covariance = ms.measure(DOCUMENTS, [1], quantity="correlation", values=values, null="none")
    x = np.concatenate([d[:-1] for d in DOCUMENTS])
    y = np.concatenate([d[1:] for d in DOCUMENTS])
    assert covariance.mi[0] == pytest.approx(np.mean(x * y) - x.mean() * y.mean(), abs=1e-12)
    norm = ms.measure(DOCUMENTS, [1], quantity="correlation", null="none")
    assert norm.mi[0] > 0


def test_codes_far_apart():
    hashes = RNG.integers(0, 2**32 - 1, 5, dtype=np.uint64)
    curve = ms.measure(hashes[DOCUMENTS[0]], [1, 2])
    np.testing.assert_allclose(curve.mi, ms.measure(DOCUMENTS[0], [1, 2]).mi, atol=1e-12)


def test_progress_reaches_the_end():
    for null, passes in (("global", 1), ("rotate", 5)):
        seen = []
        ms.measure(DOCUMENTS, [1, 2, 3], null=null, progress=lambda done, total, seen=seen: seen.append((done, total)))
        total = passes * (2990 + 2980 + 2970)
        assert seen[-1] == (total, total)
        assert all(a[0] <= b[0] for a, b in itertools.pairwise(seen))


def test_provenance_says_how():
    about = ms.measure(DOCUMENTS, [1], seed=5, method="dense").provenance
    json.dumps(about)
    assert about["method"] == "dense"
    assert about["seed"] == 5
    assert about["n_symbols"] == 3000
    assert about["n_documents"] == 10
    assert set(about["versions"]) == {"miscope", "python", "numpy", "scipy", "numba"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"estimator": "graßberger"}, "unknown estimator 'graßberger'; did you mean 'grassberger'"),
        ({"estimator": "MLE"}, "unknown estimator 'MLE'"),
        ({"null": "shuffle"}, "unknown null 'shuffle'"),
        ({"null": "documents"}, "did you mean 'document'"),
        ({"null": lambda sequences, generator: 3}, "a null must return miscope.Sequences, not int"),
        ({"null": lambda sequences, generator: ms.Sequences.from_arrays([1, 0])}, "documents' lengths unchanged"),
        ({"method": "sparce"}, "did you mean 'sparse'"),
        ({"quantity": "entropy"}, "unknown quantity"),
        ({"blocks": 1}, "at least 2, or 0 for no error bars"),
        ({"blocks": -4}, "at least 2, or 0"),
        ({"blocks": 2.5}, "blocks must be a whole number"),
        ({"blocks": 4000}, "only 3000 symbols"),
        ({"lags": [0]}, "lags start at 1"),
        ({"lags": [-3]}, "lags start at 1"),
        ({"lags": [1.5]}, "whole numbers; got 1.5"),
        ({"lags": [300]}, "the longest has 300 symbols, so the largest lag is 299"),
        ({"lags": []}, "no lags given"),
        ({"lags": "ten"}, "cannot read lags 'ten'"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"threads": 0}, "threads must be a whole number"),
        ({"n_surrogates": 1}, "n_surrogates must be at least 2"),
        ({"values": [1, 2, 3, 4]}, 'values are for quantity="correlation"'),
        ({"quantity": "rational", "values": [1, 2, 3, 4]}, 'values are for quantity="correlation"'),
        ({"quantity": "correlation", "values": [1, 2]}, "4 finite numbers"),
        ({"quantity": "correlation", "values": ["a", "b", "c", "d"]}, "values must be numbers"),
        ({"quantity": "correlation", "values": [1, 2, 3, np.nan]}, "4 finite numbers"),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ms.InputError, match=re.escape(words)):
        ms.measure(DOCUMENTS, **({"lags": [1]} | options))


def test_documents_without_pairs():
    with pytest.raises(ms.InputError, match="no document has more than one symbol"):
        ms.measure([[0], [1], [0]], [1])
    with pytest.raises(ms.InputError, match="no document has more than one symbol"):
        ms.measure([1])


def test_ten_million_documents_of_one_symbol():
    many = ms.Sequences.from_arrays(np.zeros(10_000_000, np.uint8), offsets=np.arange(10_000_001))
    with pytest.raises(ms.InputError, match="no document has more than one symbol"):
        ms.measure(many)


def warned(words, *arguments, **options):
    return any(words in text for text in ms.measure(*arguments, **options).warnings)


def test_warnings():
    assert warned("only one distinct symbol", np.zeros(100, int), [1])
    assert warned("fewer than 1,000 pairs", DOCUMENTS, [250])
    assert warned("the data are one document", DOCUMENTS[0], [1])
    assert warned("neighbouring pieces share most of their pairs", DOCUMENTS[0], [50])
    assert warned("fewer than half of the 32 blocks", [*DOCUMENTS, RNG.integers(0, 4, 900)], [500])
    assert warned("mostly bias", list(RNG.integers(0, 50, (10, 300))), [1], estimator="plug_in", null="none")
    assert not ms.measure(list(RNG.integers(0, 2, (40, 300))), [1, 2]).warnings


def test_default_lags():
    assert ms.measure(DOCUMENTS).lags[-1] == 75
    assert ms.measure([0, 1, 1, 0, 1], blocks=0).lags.tolist() == [1]


@pytest.mark.parametrize("null", ["global", "document", "rotate"])
def test_one_block_holds_all_pairs(null):
    """Without a second block there is nothing to tell a bar from, at any lag."""
    codes = np.random.default_rng(0).integers(0, 4, 100)
    for source in (codes, [codes, codes[:20]]):
        curve = ms.measure(source, [95], blocks=4, null=null)
        assert np.isnan(curve.stderr).all()
        assert np.isfinite(curve.mi).all()


@pytest.mark.parametrize("null", ["global", "document", "rotate"])
def test_documents_of_one_symbol_each(null):
    curve = ms.measure([[0] * 40, [1] * 40, [0] * 40, [1] * 40], [1, 5], blocks=4, null=null)
    np.testing.assert_allclose(curve.mi, np.log(2), atol=0.01)
    if null == "document":
        np.testing.assert_allclose(curve.excess, 0, atol=1e-9)  # all of it is composition
