"""Conditional counts: the exact curve, with bars that cover it, and less scatter than counts of what was drawn."""

import numpy as np
import pytest
import torch

import miscope as ms
from known_models import LastSymbols, MarkovModel
from miscope.errors import InputError
from miscope.models import LSTM, LinearGaussianRNN, SymbolClasses
from miscope.probing import probe, symbols_needed
from miscope.probing.tables import ConditionalTables

STICKY = [[0.9, 0.1], [0.2, 0.8]]
THREE = [[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.3, 0.0, 0.7]]


@pytest.mark.parametrize("size", [2, 3, 5])
def test_tables_against_a_plain_loop(size):
    draw = np.random.default_rng(size)
    length, n, lags = 40, 7, np.array([1, 3, 39])
    symbols = draw.integers(0, size, (length, n)).astype(np.uint8)
    laws = draw.dirichlet(np.ones(size), (length, n)).astype(np.float32)
    bounds = np.array([0, 3, 3, 7])
    found = ConditionalTables(lags, 3, size)
    found.add(symbols, laws[:, :, 1:], bounds)
    found.add(symbols, laws[:, :, 1:], bounds)
    expected = np.zeros((3, 3, size, size))
    for block in range(3):
        for k, lag in enumerate(lags):
            for d in range(bounds[block], bounds[block + 1]):
                for t in range(length - lag):
                    expected[block, k, symbols[t, d]] += 2 * laws[t + lag, d]
    assert found.tables == pytest.approx(expected, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("transition", [STICKY, THREE], ids=["two symbols", "three"])
def test_intervals_cover_the_exact_curve(transition):
    """200 probes of a chain: 95 % intervals hold the truth in 90 to 99 %, at the lags where there is anything."""
    model, chain = MarkovModel(transition), ms.processes.MarkovChain(transition)
    lags = [1, 2, 4, 8]
    exact = chain.mutual_information(lags)
    curves = [probe(model, lags, 64, 128, seed=seed, discard=0) for seed in range(200)]
    ends = np.array([curve.interval() for curve in curves])
    covered = ((ends[:, 0] <= exact) & (exact <= ends[:, 1])).mean(axis=0)
    assert (covered >= 0.9).all()
    assert (covered <= 0.99).all()
    values = np.array([curve.mi for curve in curves])
    assert np.abs(values.mean(axis=0) - exact) / (values.std(axis=0) / 200**0.5) == pytest.approx(0, abs=4)


def test_less_scatter_than_hard_counts_and_no_bias_between_them():
    model, lags = MarkovModel(STICKY), [1, 2, 4, 8]
    soft = [probe(model, lags, 32, 128, seed=seed, discard=0) for seed in range(100)]
    hard = [probe(model, lags, 32, 128, seed=seed, discard=0, counts="hard") for seed in range(100)]
    assert hard[0].estimator == "miller_madow"
    a, b = (np.array([curve.excess for curve in curves]) for curves in (soft, hard))
    assert (a.std(axis=0) < b.std(axis=0)).all()
    difference = (a - b).mean(axis=0) / ((a - b).std(axis=0) / 10)
    assert np.abs(difference).max() < 4
    # In single runs too: the bars say so.
    assert np.mean([s.excess_stderr < h.excess_stderr for s, h in zip(soft, hard, strict=True)]) > 0.8


def test_no_memory_is_no_memory():
    """Symbols that do not depend on each other: few lags are called significant, and values scatter about zero."""
    model = MarkovModel([[0.5, 0.5], [0.5, 0.5]])
    network = LSTM(2, width=4, seed=1)
    curve = probe(model, "all:50", 64, 256)
    assert np.abs(curve.mi).max() < 1e-12  # the law does not depend on anything: no scatter at all
    curves = [probe(network, "all:50", 64, 256, seed=seed) for seed in range(5)]
    assert sum(curve.significant()[10:].sum() for curve in curves) <= 3


def test_classes_are_those_of_the_merged_chain():
    """Three symbols of which two are merged: a hidden Markov process whose curve is known."""
    model = MarkovModel(THREE)
    classes = SymbolClasses(np.array([0, 1, 1]), ("first", "others"))
    emission = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    exact = ms.processes.HiddenMarkov(THREE, emission).mutual_information([1, 2, 5])
    for counts in ("conditional", "hard"):
        curve = probe(model, [1, 2, 5], 512, 256, classes=classes, counts=counts)
        assert (np.abs(curve.excess - exact) < 4 * curve.excess_stderr).all()
    whole = ms.processes.MarkovChain(THREE).mutual_information([1, 2, 5])
    assert (exact < whole).all()  # data processing


@pytest.mark.parametrize("classes", [np.array([4, 7, 7]), [4.0, 7.0, 7.0], torch.tensor([4, 7, 7]), ["a", "b", "b"]])
def test_an_array_says_the_class_of_each_symbol(classes):
    model = MarkovModel(THREE)
    given = {"lags": [1, 2], "n_documents": 8, "length": 32}
    expected = probe(model, classes=SymbolClasses(np.array([0, 1, 1]), ("first", "others")), **given)
    found = probe(model, classes=classes, **given)
    np.testing.assert_array_equal(found.mi, expected.mi)
    assert found.provenance["source"]["classes"] in ([4, 7], ["a", "b"])


def test_real_numbers_agree_with_theory():
    process = ms.processes.LinearRNN(recurrent=[[0.7, 0.3], [-0.3, 0.6]], feedback=[0.3, 0.1], readout=[0.5, 0.4])
    model, lags = LinearGaussianRNN.of(process), [1, 2, 3, 5, 8, 12]
    exact = process.mutual_information(lags)
    soft, hard = (probe(model, lags, 256, 1024, seed=2, counts=counts) for counts in ("conditional", "hard"))
    for curve in (soft, hard):
        low, high = curve.interval(0.999)
        assert ((low <= exact) & (exact <= high)).all()
    assert (soft.stderr < hard.stderr).mean() > 0.8


def test_models_with_a_horizon():
    model = LastSymbols(back=2, stay=0.8, context=64)
    curve = probe(model, n_documents=256, length=64)
    assert curve.lags[-1] == 63
    assert curve.provenance["source"]["sampling"]["discard"] == 0
    with pytest.raises(InputError, match="slide=32"):
        probe(model, [1], 8, 100)
    beyond = probe(model, [2, 100], 64, 200, slide=8)
    assert any("cannot look back" in text for text in beyond.warnings)
    assert beyond.mi[0] == pytest.approx(float(np.log(2) + 0.8 * np.log(0.8) + 0.2 * np.log(0.2)), abs=0.02)


def test_how_many_symbols_bars_need():
    """Bars fall as one over the root of the number of symbols: what is foretold from a small run holds for a large."""
    model = MarkovModel(STICKY)
    small, large = probe(model, [4, 8], 64, 256, discard=0), probe(model, [4, 8], 1024, 256, discard=0)
    relative = large.stderr / large.mi
    foretold = symbols_needed(small, relative)
    assert foretold == pytest.approx(1024 * 256, rel=0.8)
    weak = probe(model, [1, 6], 32, 64, discard=0)
    assert weak.significant()[1]
    assert weak.stderr[1] > weak.mi[1] / 4
    assert any("the bar at lag 6" in text and "draw about" in text for text in weak.warnings)


def test_batches_do_not_change_what_is_counted():
    model = MarkovModel(STICKY)
    one = probe(model, [1, 2], 40, 100, batch=40)
    assert one.n_pairs.tolist() == [40 * 99, 40 * 98]
    many = probe(model, [1, 2], 40, 100, batch=7)
    assert np.abs(many.mi - one.mi).max() < 5 * one.stderr.max()
    assert many.n_blocks == one.n_blocks == 32


def test_the_curve_can_be_fitted_saved_and_drawn(tmp_path):
    curve = probe(MarkovModel([[0.95, 0.05], [0.05, 0.95]]), "1:40", 256, 512)
    fit = ms.fit(curve)
    assert fit.verdict.kind == "exponential"
    expected = ms.processes.MarkovChain([[0.95, 0.05], [0.05, 0.95]]).law.correlation_length
    assert fit.correlation_length.value == pytest.approx(expected, rel=0.1)
    curve.save(tmp_path / "curve.json")
    assert ms.MICurve.load(tmp_path / "curve.json").estimator == "conditional"
    ms.plot(curve, tmp_path / "curve.png")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"counts": "soft"}, "unknown way to count 'soft'"),
        ({"n_documents": 1}, "n_documents"),
        ({"blocks": 1}, "blocks"),
        ({"lags": [200]}, "no document is long enough for lag 200"),
        ({"classes": SymbolClasses(np.array([0, 1, 1]), ("a", "b"))}, "classes are of 3 symbols, and .* has 2"),
        ({"classes": [0, 1, 1]}, "classes are of 3 symbols, and .* has 2"),
        ({"classes": 2}, "by_frequency or by_map, or be an array of 2"),
        ({"classes": [0.5, 1.0]}, "array of 2 whole numbers"),
    ],
)
def test_bad_arguments(options, words):
    with pytest.raises(InputError, match=words):
        probe(LSTM(2, width=4), **({"lags": [1], "n_documents": 4, "length": 100} | options))


def test_too_many_symbols():
    with pytest.raises(InputError, match="300 symbols, and tables are for 256 at most: merge them"):
        probe(LSTM(300, width=4), [1], 4, 10)


@pytest.mark.parametrize("counts", ["conditional", "hard"])
@pytest.mark.parametrize(
    "model", [LSTM(3, width=4), LinearGaussianRNN(width=2, channels=1)], ids=["symbols", "numbers"]
)
def test_progress_is_told_of_drawing_and_of_counting(model, counts, monkeypatch):
    monkeypatch.setattr("miscope.models.pieces._EVERY", 0.0)
    seen = []
    probe(model, [1, 2, 4], 8, 40, discard=0, blocks=2, counts=counts, progress=lambda *now: seen.append(now))
    done, total = [now for now, _ in seen], seen[0][1]
    assert done == sorted(set(done))
    assert seen[-1] == (total, total)
    assert sum(now <= 320 for now in done) == 40
    assert sum(now > 320 for now in done) == 3
