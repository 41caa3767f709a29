"""plan() says what measure() then does."""

import json
import time

import numpy as np
import pytest

import miscope as ms
from miscope.counting.doors import count_pairs
from miscope.curve.planning import MeasurementPlan, plan
from miscope.curve.rehearsed_estimates import n_pairs_at
from miscope.errors import InputError

LAGS = [1, 2, 5, 20]


def documents(kinds, n_documents=20, length=500, seed=0):
    return np.random.default_rng(seed).integers(0, kinds, (n_documents, length), dtype=np.uint16)


def shuffled(sequences, generator):
    return ms.Sequences.from_arrays(generator.permutation(sequences.codes), sequences.offsets)


@pytest.mark.parametrize(
    ("data", "arguments"),
    [
        (documents(2), {}),
        (documents(200), {"blocks": 0}),
        (documents(3000), {"null": "none"}),
        (documents(4), {"lags": "all:300", "blocks": 0}),
        (documents(4), {"method": "sparse", "null": "document"}),
        (documents(4), {"null": "rotate", "n_surrogates": 3}),
        (documents(4), {"null": shuffled, "n_surrogates": 2}),
        (documents(4), {"quantity": "rational", "null": "none"}),
        (documents(4), {"quantity": "correlation", "values": [0, 1, 2, 4], "null": "none"}),
        (documents(30), {"estimator": "bracket"}),
        (documents(30), {"method": "fourier", "lags": "all:200", "null": "document", "blocks": 4}),
        (np.random.default_rng(0).normal(size=3000), {"n_quantiles": 3}),
    ],
)
def test_it_says_what_is_then_done(data, arguments):
    arguments = {"lags": LAGS} | arguments
    found, curve = plan(data, **arguments), ms.measure(data, **arguments)
    about = curve.provenance
    assert found.method == about["method"]
    assert found.null == curve.null_name
    assert (found.n_lags, found.largest_lag, found.n_blocks) == (len(curve.lags), curve.lags[-1], curve.n_blocks)
    assert found.n_pairs == curve.n_pairs.sum()
    assert (found.n_symbols, found.n_documents, found.n_kinds) == (
        about["n_symbols"],
        about["n_documents"],
        about["n_symbols_seen"],
    )
    assert found.n_passes == 1 + about["null"]["surrogates_drawn"]
    assert (found.parts["surrogates"] > 0) == (found.n_passes > 1)
    assert found.n_batches == 1
    assert not found.in_pieces
    assert found.seconds == pytest.approx(sum(found.parts.values()))
    assert all(part >= 0 for part in found.parts.values())
    assert 10**6 < found.peak_bytes < 10**9


@pytest.mark.parametrize(("kinds", "method"), [(5, "dense"), (5000, "sparse")])
def test_a_corpus_that_memory_is_too_little_for(kinds, method, tmp_path, monkeypatch):
    monkeypatch.setattr("miscope.counting.memory._LEAST", 1)
    np.save(tmp_path / "codes.npy", documents(kinds, 1, 60_000)[0])
    codes = np.load(tmp_path / "codes.npy", mmap_mode="r")
    most = 100_000 if method == "dense" else 500_000
    found = plan(codes, "1:100", method=method, max_memory=most)
    assert found.in_pieces
    assert "read piece by piece" in str(found)
    tables = most // 2 // (32 * kinds**2 * 4)
    if method == "dense":
        assert found.n_batches == -(-found.n_lags // tables)
    assert (", in 2 batches of lags" in str(found)) == (found.n_batches == 2)


def test_more_to_do_takes_longer_and_more_memory():
    data = documents(20, 20, 10_000)
    few, many = plan(data, "all:4", threads=1), plan(data, "all:400", threads=1, method="dense")
    assert many.seconds > few.seconds
    assert many.n_pairs > 90 * few.n_pairs
    peaks = [
        plan(data, LAGS, blocks=blocks, threads=threads).peak_bytes for threads, blocks in ((1, 0), (1, 32), (4, 32))
    ]
    assert peaks == sorted(set(peaks))


def test_predictions_are_no_nonsense():
    data = documents(40, 8, 100_000)
    ms.measure(data[:, :1000], LAGS)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        ms.measure(data)
        seconds.append(time.perf_counter() - start)
    predicted = sorted(plan(data).seconds for _ in range(3))[1]
    assert min(seconds) / 10 < predicted < 10 * max(seconds)


def test_pairs_of_many_documents():
    lengths, lags = np.random.default_rng(0).integers(1, 40, 100), np.array([1, 2, 7, 30, 39, 50])
    expected = [sum(max(0, length - lag) for length in lengths.tolist()) for lag in lags.tolist()]
    np.testing.assert_array_equal(n_pairs_at(lengths, lags), expected)


@pytest.mark.parametrize(
    "data",
    [
        "ab",
        [0] * 100,
        [[0, 1]] * 60,
        [[0], [1], [0, 1, 1, 0]],
        [[0]] * 3000 + [[0, 1] * 4000] + [[1]] * 9000,
        [10**6, 5, 10**6, 7] * 30,
    ],
    ids=["two symbols", "one kind", "short documents", "hardly a document", "one long document", "far codes"],
)
@pytest.mark.parametrize("method", ["auto", "sparse"])
def test_odd_data(data, method):
    found = plan(data, blocks=0, method=method)
    assert 0 < found.seconds < 60


def test_it_prints_for_people_and_for_machines():
    found = plan(documents(3), LAGS, threads=2, null="rotate")
    first, kernel, passes, seconds, memory = str(found).splitlines()
    assert first == "10,000 symbols of 3 kinds in 20 documents; 4 lags to 20, 32 blocks, null rotate"
    assert kernel.startswith("kernel  dense: the quickest (counting on one thread, by rule of thumb: dense ")
    assert all(name in kernel for name in ("bits", "sparse"))
    assert passes == "passes  39,440 pairs, counted 5 times: the data, and 4 surrogates; the corpus is taken whole"
    assert seconds.startswith("time    about ")
    assert "on 2 threads (prepare " in seconds
    assert memory.endswith(" MB beyond the data")
    assert MeasurementPlan(**json.loads(json.dumps(found.to_dict()))) == found
    assert "sparse: as asked for" in str(plan(documents(3), LAGS, method="sparse"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"lags": [600]}, "no document is long enough for lag 600"),
        ({"estimator": "miler_madow"}, "did you mean 'miller_madow'"),
        ({"null": "globl"}, "did you mean 'global'"),
        ({"method": "densest"}, "did you mean 'dense'"),
        ({"quantity": "entropy"}, "unknown quantity"),
        ({"long_memory": "corect"}, "did you mean 'correct'"),
        ({"threads": 0}, "threads must be a whole number"),
        ({"blocks": 1}, "blocks must be at least 2"),
        ({"max_memory": "much"}, "max_memory must be a number of bytes"),
        ({"n_quantiles": 4}, "n_quantiles is for real numbers"),
        ({"estimator": "bracket", "blocks": 0}, "give blocks"),
        ({"values": [0, 1]}, "values are for quantity"),
    ],
)
def test_what_measure_refuses(arguments, words):
    with pytest.raises(InputError, match=words):
        plan(documents(4), **({"lags": LAGS} | arguments))


def test_counts_and_covariances_are_not_planned():
    with pytest.raises(InputError, match=r"these are counts already.*measure them"):
        plan(count_pairs(ms.Sequences.from_arrays(documents(4)), LAGS, 4))
    with pytest.raises(InputError, match=r"gaussian.*nothing to plan"):
        plan(np.random.default_rng(0).normal(size=1000), estimator="gaussian")
