"""Real numbers: from their covariance, or cut at their quantiles."""

import dataclasses
import re

import numpy as np
import pytest

import miscope as ms
from miscope.processes import FractionalNoise, LinearRNN
from miscope.sequences import Series

LAGS = [1, 2, 4, 8, 16]
PROCESSES = {
    "one channel": LinearRNN(0.5, 0.4, 1.0, 1.0),
    "two channels": LinearRNN(
        [[0.6, 0.3], [-0.3, 0.6]], [[0.2, 0.0], [0.0, 0.2]], [[1.0, 0.0], [0.5, 1.0]], [[1.0, 0.2], [0.2, 1.0]]
    ),
    "fractional noise": FractionalNoise(hurst=0.8),
}
RNG = np.random.default_rng(0)
NUMBERS = [RNG.standard_normal(300).cumsum() for _ in range(10)]


def gaussian(source, lags=LAGS, **options):
    return ms.measure(source, lags, estimator="gaussian", **({"threads": 1} | options))


def covered(process, curves):
    truth = process.mutual_information(curves[0].lags)
    ends = [curve.interval(excess=True) for curve in curves]
    return np.mean([(low <= truth) & (truth <= high) for low, high in ends], axis=0)


NULLS = ("global", "rotate", "none")


@pytest.mark.parametrize(
    ("name", "null"),
    [
        pytest.param(name, null, marks=() if null == "global" else pytest.mark.long)
        for name in PROCESSES
        for null in NULLS
    ]
    + [("one channel", "document"), ("two channels", "document")],  # of long memory, documents differ
)
def test_exact_curves_are_covered(name, null):
    """Catches a wrong covariance at a lag, channels mixed up, a floor of the wrong number of channels."""
    process, n_runs = PROCESSES[name], 40 if null in ("global", "none") else 20
    lags = LAGS[:4] if null == "document" else LAGS
    curves = [gaussian(process.sample(64, 512, seed=seed), lags, null=null) for seed in range(n_runs)]
    assert np.all(covered(process, curves) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / n_runs))
    error = np.std([curve.excess for curve in curves], axis=0, ddof=1)
    bars = np.mean([curve.excess_stderr for curve in curves], axis=0)
    assert np.all(bars[:3] < 1.5 * error[:3])


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("null", ["global", "rotate", "document"])
def test_independent_numbers_give_no_alarm(n_channels, null):
    curves = []
    for seed in range(20):
        values = np.random.default_rng(seed).standard_normal((64, 200, n_channels))
        curves.append(gaussian(values if n_channels > 1 else values[:, :, 0], [1, 3, 50], null=null))
    assert np.mean([curve.p_values <= 0.05 for curve in curves]) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 20)
    z = np.mean([curve.excess / curve.excess_stderr for curve in curves], axis=0)
    assert np.all(np.abs(z) < 0.7)


def test_one_document_of_long_memory():
    process = FractionalNoise(0.9)
    data = [process.sample(1, 32768, seed=seed) for seed in range(30)]
    lags = [1, 8, 64, 512]
    assert np.all(covered(process, [gaussian(one, lags) for one in data]) >= 0.8)
    assert np.all(covered(process, [gaussian(one, lags, long_memory="ignore") for one in data]) < 0.5)
    curve = gaussian(data[0], lags)
    assert curve.wander is not None
    assert any("long memory in few documents" in text for text in curve.warnings)
    assert 0.1 < curve.provenance["long_memory"]["memory_parameter"] < 0.5


def test_values_are_those_of_correlations():
    """-1/2 ln(1 - r^2) of the pairs inside documents, by numpy."""
    curve = gaussian(NUMBERS, [1, 7], null="none", blocks=0)
    for lag, found in zip((1, 7), curve.mi, strict=True):
        x = np.concatenate([document[:-lag] for document in NUMBERS])
        y = np.concatenate([document[lag:] for document in NUMBERS])
        assert found == pytest.approx(-0.5 * np.log(1 - np.corrcoef(x, y)[0, 1] ** 2), rel=1e-9)
    assert curve.n_pairs.tolist() == [10 * 299, 10 * 293]
    assert np.isnan(curve.stderr).all()


def test_scale_and_threads_do_not_matter():
    curve = gaussian(NUMBERS)
    other = ms.measure([5e8 + 1e-3 * document for document in NUMBERS], LAGS, estimator="gaussian", threads=2)
    for name in ("mi", "stderr", "null", "replicates"):
        np.testing.assert_allclose(getattr(other, name), getattr(curve, name), rtol=1e-3, atol=1e-9)
    exact = gaussian([1000 * document for document in NUMBERS])
    np.testing.assert_allclose(exact.mi, curve.mi, rtol=1e-9)


def test_replicates_are_measurements_without_a_block():
    curve = gaussian(NUMBERS, blocks=10, null="none", correct_bias=False, long_memory="ignore")
    without = [gaussian(NUMBERS[:j] + NUMBERS[j + 1 :], blocks=0, null="none").mi for j in range(10)]
    np.testing.assert_allclose(np.sort(curve.replicates, axis=0), np.sort(without, axis=0), rtol=1e-7)


def test_it_says_what_it_is():
    curve = gaussian(Series.from_arrays(NUMBERS, label="walks"), seed=3)
    assert (curve.estimator, curve.quantity, curve.unit, curve.label) == (
        "gaussian",
        "mutual_information",
        "nats",
        "walks",
    )
    about = curve.provenance
    assert (about["n_symbols"], about["n_documents"], about["n_channels"]) == (3000, 10, 1)
    assert (about["method"], about["seed"], about["null"]) == (
        "covariance",
        3,
        {"name": "global", "surrogates_drawn": 0},
    )
    assert "gaussian" in repr(curve)


@pytest.mark.parametrize(
    ("null", "n_documents", "passes"), [("global", 3, 1), ("rotate", 3, 5), ("document", 3, 5), ("document", 1, 1)]
)
def test_progress_and_provenance_count_what_is_drawn(null, n_documents, passes):
    """Catches a bar that stops at a fifth: nothing is drawn for the documents' null of one document."""
    seen = []
    curve = gaussian(NUMBERS[:n_documents], null=null, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (passes * len(LAGS), passes * len(LAGS))
    assert curve.provenance["null"]["surrogates_drawn"] == passes - 1
    again, other = (gaussian(NUMBERS[:n_documents], null=null, seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(again.null, curve.null)
    assert np.array_equal(other.null, curve.null) == (passes == 1)


def test_the_documents_null_can_be_split():
    """Documents at levels of their own: most of what their numbers share is that."""
    levels = 2 * RNG.standard_normal(40)
    curve = gaussian([level + RNG.standard_normal(200) for level in levels], [1, 20], null="document")
    part = curve.split()
    np.testing.assert_allclose(part.chance + part.composition + part.sequential, curve.mi, rtol=1e-12)
    assert np.all(part.composition > 0.3)
    assert np.all(np.abs(part.sequential) < 4 * curve.excess_stderr)
    assert np.all(part.chance < 0.001)
    one = gaussian(NUMBERS[0], [1], null="document")
    np.testing.assert_array_equal(one.null, gaussian(NUMBERS[0], [1]).null)
    assert one.split().composition == 0


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        (NUMBERS, {"null": lambda sequences, generator: sequences}, "takes a null by its name"),
        (NUMBERS, {"quantity": "correlation"}, "not the quantity 'correlation'"),
        (NUMBERS, {"n_quantiles": 4}, "leave n_quantiles out"),
        (NUMBERS, {"values": [1.0, 2.0]}, 'values are for quantity="correlation"'),
        (NUMBERS, {"null": "shuffle"}, "unknown null 'shuffle'"),
        (NUMBERS, {"blocks": 1}, "at least 2"),
        (NUMBERS, {"lags": [300]}, "largest lag is 299"),
        (NUMBERS, {"threads": 0}, "threads must be a whole number"),
        (ms.Sequences.from_arrays([0, 1, 0, 1]), {}, "not for symbols"),
        ("abab", {}, "not real numbers"),
        (np.array([0.5, np.nan, 1.0]), {}, "value 1 is nan: leave out what is missing"),
        ([np.array([0.5, 1.0]), np.array([np.inf, 1.0])], {}, "value 2 is inf"),
        (Series(np.array([0.5, np.nan] * 50), np.array([0, 100])), {}, "not all values are finite"),
        (np.full(100, 0.1), {}, "channel 0 never varies"),
        (np.stack([np.arange(100.0), np.full(100, 1 / 3)], axis=1)[None], {}, "channel 1 never varies"),
        ([[0.5], [0.7]], {}, "no document has more than one"),
    ],
)
def test_refusals(source, options, words):
    with pytest.raises(ms.InputError, match=re.escape(words)):
        gaussian(source, **({"lags": [1]} | options))


def test_nan_is_refused_when_numbers_are_cut_too():
    with pytest.raises(ms.InputError, match="value 1 is nan"):
        ms.measure([0.5, float("nan"), 1.0], [1])
    with pytest.raises(ms.InputError, match="symbols already"):
        ms.measure("abab" * 10, [1], n_quantiles=3)


SOURCES = {
    "series": lambda: Series.from_arrays(NUMBERS, label="walks"),
    "arrays": lambda: NUMBERS,
    "rows": lambda: np.array(NUMBERS),
    "single precision": lambda: np.array(NUMBERS).astype(np.float32).astype(np.float64),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_cut_at_quantiles_it_is_a_curve_of_symbols(kind):
    """The same as measuring `Series.quantise`, number of symbols on record. Catches floats taken for codes."""
    source = SOURCES[kind]()
    series = source if isinstance(source, Series) else Series.from_arrays(source)
    for asked, n_symbols in ((None, 4), (2, 2), (7, 7)):
        curve = ms.measure(source, LAGS, n_quantiles=asked)
        expected = ms.measure(series.quantise(n_symbols), LAGS)
        for field in ("mi", "stderr", "null", "replicates", "p_values"):
            np.testing.assert_array_equal(getattr(curve, field), getattr(expected, field))
        about = curve.provenance
        assert about["n_symbols_seen"] == n_symbols
        assert about["source"]["quantised"]["symbols"] == n_symbols
        assert len(about["source"]["quantised"]["edges"]) == n_symbols - 1
        assert curve.label == ("walks" if kind == "series" else "")


def test_a_list_of_floats_is_one_document_and_whole_numbers_are_symbols():
    numbers = NUMBERS[0].tolist()
    np.testing.assert_array_equal(ms.measure(numbers, [1]).mi, ms.measure(NUMBERS[0], [1]).mi)
    codes = np.arange(60) % 3
    assert ms.measure(codes, [1], blocks=2).mi[0] > ms.measure(codes.astype(float), [1], blocks=2, n_quantiles=2).mi[0]


def test_symbols_tell_less_than_numbers():
    """Data-processing: cut numbers share at most what the numbers share, and more the finer they are cut."""
    data = PROCESSES["one channel"].sample(64, 2048, seed=1)
    full = gaussian(data, [1, 2, 4]).excess
    cut = [ms.measure(data, [1, 2, 4], n_quantiles=k).excess for k in (2, 4, 16)]
    assert np.all(full > cut[2])
    assert np.all(cut[2] > cut[1])
    assert np.all(cut[1] > cut[0])


def test_saving(tmp_path):
    curve = gaussian(NUMBERS, null="document")
    curve.save(tmp_path / "a.json")
    loaded = ms.MICurve.load(tmp_path / "a.json")
    for field in dataclasses.fields(curve):
        one, other = getattr(curve, field.name), getattr(loaded, field.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other)
    assert str(loaded) == str(curve)
