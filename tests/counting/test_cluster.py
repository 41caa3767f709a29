"""Counts that a cluster makes are those of counting by hand, and of one machine, to the integer."""

import itertools
import threading
import time
from concurrent.futures import CancelledError

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import miscope as ms
from counting.test_kernels import (
    SETTINGS,
    blocks_for,
    check_fingerprints,
    check_pairs,
    corpora,
    corpus,
    hashes,
    lags_for,
    possible,
)
from miscope.counting import cluster_client, cluster_parts, cluster_routing
from miscope.counting.blocks import cut_blocks
from miscope.counting.cluster import ClusterCounter, ClusterError, connect
from miscope.counting.cluster_jobs import _check
from miscope.counting.cluster_plan import Means, choose_method, make_plan
from miscope.counting.doors import Counter, count_fingerprints
from miscope.counting.tally import PairData
from miscope.errors import InputError
from miscope.sequences import Sequences
from miscope.sequences.shards import Shards

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore:overflow encountered")]


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    with distributed.Client(
        processes=False, n_workers=2, threads_per_worker=1, dashboard_address=":0", set_as_default=False
    ) as made:
        yield made


@pytest.fixture(autouse=True)
def runs_are_counted_early(monkeypatch):
    """Few pairs of a left symbol are enough to be counted before they travel (workers are threads of this process)."""
    monkeypatch.setattr(cluster_routing, "_FEWEST_REPEATS", 5)


def both(counter):
    """Fingerprints and pair counts of a counter."""
    found = counter.map(lambda kernel, lag: (kernel.fingerprints(lag), counter.original(kernel.cells(lag))), threads=2)
    prints, cells = zip(*found, strict=True)
    sequences = counter.sequences
    pairs = ms.PairCounts.from_lags(
        counter.lags, list(cells), counter.blocks.count, sequences.alphabet_size, sequences.alphabet
    )
    return ms.counting.Fingerprints.from_lags(counter.lags, list(prints), counter.n_symbols_seen), pairs


def assert_same(one, other):
    for name in ("joint", "left", "right"):
        for part in ("counts", "multiplicities", "offsets"):
            a, b = (getattr(getattr(found, name), part) for found in (one, other))
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.block_pairs, other.block_pairs)
    assert one.n_symbols_seen == other.n_symbols_seen


@pytest.mark.parametrize("method", ["dense", "bits", "sparse", "auto"])
@settings(SETTINGS, max_examples=7)
@given(data=st.data())
def test_a_cluster_counts_what_counting_by_hand_counts(client, method, data):
    sequences = data.draw(corpora())
    assume(possible(method, sequences))
    lags, blocks = lags_for(data.draw, sequences), blocks_for(data.draw, sequences)
    cut = {name: data.draw(st.integers(1, 5)) for name in ("parts", "ranges", "lags_at_once")}
    prints, pairs = both(ClusterCounter(sequences, lags, blocks, method, client=client, **cut))
    check_fingerprints(prints, sequences, lags, blocks)
    check_pairs(pairs, sequences, lags, blocks)


@settings(SETTINGS, max_examples=60)
@given(data=st.data())
def test_routed_pairs_merge_to_what_was_counted(data):
    """Without a cluster: any cut of the corpus, of the symbols, and of the order in which bundles are put together."""
    sequences = data.draw(corpora())
    lags, blocks = np.array(lags_for(data.draw, sequences)), blocks_for(data.draw, sequences)
    counter = Counter(sequences, lags, blocks, "sparse")
    size, n = counter.data.alphabet_size, sequences.n_symbols
    inner = data.draw(st.lists(st.integers(0, n), max_size=5))
    symbols = data.draw(st.lists(st.integers(0, size), max_size=4))
    borders, ranges = np.array(sorted([0, *inner, n])), np.array(sorted([0, *symbols, size]))
    cut_here = cluster_parts.cut_parts(counter.data, borders, int(lags[-1]))
    parts = [part.with_codes(counter.data.left[part.start : part.end]) for part in cut_here]
    cut = data.draw(st.integers(1, len(parts)))
    if data.draw(st.booleans()):  # dealt to one range first, and then to these
        whole = [cluster_parts.route_part(filled, lags, ranges[[0, -1]]) for filled in parts]
        routed = [cluster_parts.divide_range(only, ranges) for (only,) in whole]
    else:
        routed = [cluster_parts.route_part(filled, lags, ranges) for filled in parts]
    tallies = []
    for r, span in enumerate(itertools.pairwise(ranges.tolist())):
        bundles = [part[r] for part in routed]
        if data.draw(st.booleans()):  # neighbours first
            groups = [group for group in (bundles[:cut], bundles[cut:]) if group]
            bundles = [cluster_parts.together(group, size) for group in groups]
        tallies.append(cluster_parts.merge_range(bundles, span, blocks, size))
    found = ms.counting.Fingerprints.from_lags(lags, cluster_parts.add_all(tallies), counter.n_symbols_seen)
    check_fingerprints(found, sequences, lags.tolist(), blocks)


@pytest.mark.parametrize("blocks", [0, 5])
@pytest.mark.parametrize("size", [300, 3000])
def test_many_symbols_with_large_counts(client, size, blocks):
    """Cells above and below the border of small counts, runs that are counted before they travel, and others."""
    sequences = corpus([20_000, 0, 1, 60_000, 3], size, skew=1.3, dtype=np.uint16)
    lags = [1, 7, 64, 4000]
    counter = ClusterCounter(sequences, lags, blocks, "sparse", client=client, parts=3, ranges=4)
    prints, pairs = both(counter)
    assert prints.joint.counts.max() > 4096
    assert_same(prints, count_fingerprints(sequences, lags, blocks, "sparse"))
    assert pairs == ms.count_pairs(sequences, lags, blocks, "sparse")


@pytest.mark.parametrize("method", ["dense", "sparse"])
def test_hashes_for_symbols(client, method):
    codes = hashes() % np.uint32(1_000_003)
    sequences = Sequences.from_arrays(codes, offsets=[0, 20, 60], alphabet_size=1_000_003)
    prints, pairs = both(ClusterCounter(sequences, [1, 5], 3, method, client=client, parts=3))
    check_fingerprints(prints, sequences, [1, 5], 3)
    check_pairs(pairs, sequences, [1, 5], 3)


def test_more_parts_than_are_merged_at_a_time(client, monkeypatch):
    monkeypatch.setattr("miscope.counting.cluster_jobs._MOST_MERGED", 2)
    monkeypatch.setattr("miscope.counting.cluster_jobs._COARSE", 2)
    monkeypatch.setattr("miscope.counting.cluster_jobs._ADDED", 2)
    sequences = corpus([100, 200, 300], 20)
    counter = ClusterCounter(sequences, [1, 2], 4, "sparse", client=client, parts=7, ranges=5)
    prints, pairs = both(counter)
    check_fingerprints(prints, sequences, [1, 2], 4)
    check_pairs(pairs, sequences, [1, 2], 4)


WORDS = {"a.txt": "so it is so be it\n", "b.txt": "be it so\nzebra zebra zebra zebra\n", "c.txt": "it is so is it"}


@pytest.fixture
def texts(tmp_path):
    for name, text in WORDS.items():
        (tmp_path / name).write_text(text * 30)
    return [str(tmp_path / name) for name in WORDS]


@pytest.mark.parametrize("parts", [1, 2, 7])
@pytest.mark.parametrize(
    "options",
    [
        {"unit": "word", "documents": "line"},
        {"unit": "word", "documents": "none"},
        {"unit": "byte", "documents": "none"},
        {"unit": "character", "documents": "file"},
    ],
)
def test_shards_are_counted_like_one_corpus(client, texts, options, parts):
    """Parts that hold several shards, and shards that are cut into several parts; lags longer than a shard."""
    whole = ms.read(texts, **options)
    lags = [1, 3, 700] if options["documents"] == "none" and options["unit"] == "byte" else [1, 3]
    for method in ("dense", "sparse"):
        counter = ClusterCounter(Shards(texts, **options), lags, 4, method, client=client, parts=parts)
        assert counter.sequences.alphabet == whole.alphabet
        np.testing.assert_array_equal(counter.sequences.lengths, whole.lengths)
        assert (counter.sequences.n_symbols, counter.has_codes) == (whole.n_symbols, False)
        np.testing.assert_array_equal(counter.sequences.histogram, whole.histogram())
        prints, pairs = both(counter)
        assert_same(prints, count_fingerprints(whole, lags, 4, method))
        assert pairs == ms.count_pairs(whole, lags, 4, method)


def test_shards_of_hashes(client, tmp_path):
    arrays = [hashes(60, seed=seed) % np.uint32(1_000_003) for seed in (1, 2)]
    arrays[1][:20] = arrays[0][:20]
    for number, array in enumerate(arrays):
        np.save(tmp_path / f"{number}.npy", array)
    whole = Sequences.concatenate([Sequences.from_arrays(array) for array in arrays])
    prints, pairs = both(ClusterCounter(Shards(tmp_path / "*.npy"), [1, 4], 2, "sparse", client=client, parts=2))
    check_fingerprints(prints, whole, [1, 4], 2)
    check_pairs(pairs, whole, [1, 4], 2)


def test_shards_behind_an_address(client):
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    files.pipe({f"/cluster/{name}": text.encode() for name, text in WORDS.items()})
    paths = "memory://cluster/*.txt"
    whole = ms.read(paths, unit="word")
    prints, _ = both(ClusterCounter(Shards(paths, unit="word"), [1, 2], 2, client=client))
    assert_same(prints, count_fingerprints(whole, [1, 2], 2))


def test_curves_are_those_of_one_machine(client, texts):
    """The whole way to a curve: nulls from fingerprints, the bracket and rational information from cells."""
    from miscope.curve.symbols import measure_symbols

    whole = ms.read(texts, unit="word", documents="line")
    common = {
        "null": "global",
        "values": None,
        "label": None,
        "seed": 0,
        "correct_bias": True,
        "n_surrogates": 2,
        "correct_memory": False,
        "threads": None,
        "progress": None,
    }
    for quantity, estimator in (
        ("mutual_information", "miller_madow"),
        ("mutual_information", "bracket"),
        ("rational", "plug_in"),
    ):
        asked = common | {"quantity": quantity, "estimator": estimator}
        asked |= {"null": "none"} if quantity == "rational" else {}
        counters = (
            ClusterCounter(whole, [1, 2, 3], 4, client=client),
            ClusterCounter(Shards(texts, unit="word", documents="line"), [1, 2, 3], 4, client=client),
            Counter(whole, [1, 2, 3], 4, "auto"),
        )
        curves = [measure_symbols(counter, **asked) for counter in counters]
        for curve in curves[:2]:
            np.testing.assert_array_equal(curve.mi, curves[2].mi)
            np.testing.assert_array_equal(curve.excess_stderr, curves[2].excess_stderr)


@pytest.mark.parametrize("null", ["global", "document", "rotate", "none"])
def test_every_null_of_sequences_at_hand(client, texts, null):
    whole = ms.read(texts, unit="word", documents="line")
    here = ms.measure(whole, [1, 2], blocks=4, null=null, seed=3)
    there = ms.measure(whole, [1, 2], blocks=4, null=null, seed=3, cluster=client)
    for name in ("mi", "null", "excess_stderr", "p_values"):
        np.testing.assert_array_equal(getattr(there, name), getattr(here, name), err_msg=name)


def test_a_counter_that_was_closed_can_be_asked_again(client):
    sequences = corpus([300, 400], 9)
    with ClusterCounter(sequences, [1, 2], 3, "sparse", client=client) as counter:
        first, _ = both(counter)
        held = counter.filled()
    assert counter.filled()[1] > held[1]
    again, _ = both(counter)
    assert_same(first, again)


def test_progress_ends_at_all_pairs(client):
    seen = []
    counter = ClusterCounter(corpus([300, 400], 3), [1, 2, 35], 0, "dense", client=client, lags_at_once=1)
    counter.map(lambda kernel, lag: kernel.fingerprints(lag), 2, lambda done, of: seen.append((done, of)))
    pairs = sum(700 - 2 * lag for lag in (1, 2, 35))
    assert seen[0] == (0, pairs)
    assert seen[-1] == (pairs, pairs)
    assert seen == sorted(seen)


def test_reading_shards_tells_how_many_are_read(client, texts):
    seen = []
    ClusterCounter(Shards(texts), [1], 0, client=client, reading=lambda done, of: seen.append((done, of)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_an_error_in_a_task_ends_all_and_cancels(client):
    counter = ClusterCounter(corpus([3000], 3), "all:20", 0, "dense", client=client, lags_at_once=2)

    def fail(kernel, lag):
        kernel.fingerprints(lag)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        counter.map(fail, threads=2)
    prints, _ = both(counter)  # and it can be asked again
    check_fingerprints(prints, counter.sequences, range(1, 21), 0)


def test_an_interruption_cancels(client):
    counter = ClusterCounter(corpus([3000], 3), "all:20", 0, "dense", client=client, lags_at_once=2)

    def interrupt(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        counter.map(lambda kernel, lag: kernel.fingerprints(lag), threads=2, progress=interrupt)
    assert counter.workers.stopped


def test_counts_of_too_few_pairs_are_refused(client):
    counter = ClusterCounter(corpus([300], 3), [1], 0, "dense", client=client)
    with pytest.raises(ClusterError, match="counted 298 pairs at lag 1, and there are 299"):
        _check(counter, 298, 1)


def test_arguments_that_do_not_fit(client):
    sequences = corpus([300], 3)
    with pytest.raises(InputError, match=r"client must be a dask\.distributed\.Client"):
        ClusterCounter(sequences, [1], client="tcp://x:1")
    with pytest.raises(InputError, match="unknown method on a cluster 'fourier'"):
        ClusterCounter(sequences, [1], method="fourier", client=client)
    with pytest.raises(InputError, match="counts Sequences or Shards, not str"):
        ClusterCounter("abc", [1], client=client)
    for name in ("parts", "ranges", "lags_at_once"):
        with pytest.raises(InputError, match=f"{name} must be a whole number of at least 1, not 0"):
            ClusterCounter(sequences, [1], client=client, **{name: 0})
    with pytest.raises(InputError, match='"bits" is for at most 64 symbols'):
        ClusterCounter(corpus([300], 65), [1], method="bits", client=client)


@pytest.mark.parametrize("text", ["local:0", "local:x", "local:-1"])
def test_numbers_of_workers_that_are_none(text):
    with pytest.raises(InputError, match="whole number of workers of at least 1, as in local:2"), connect(text):
        pass


def test_clusters_that_nothing_is_known_of():
    with pytest.raises(InputError, match="unknown cluster 'host'; write local:2, or the address"), connect("host"):
        pass


def test_a_scheduler_that_does_not_answer(monkeypatch):
    monkeypatch.setattr("miscope.counting.cluster_client._REACH", 0.2)
    with pytest.raises(ClusterError, match="no scheduler answers at 'tcp://127"), connect("tcp://127.0.0.1:1"):
        pass


def test_a_client_is_used_as_it_is(client):
    with connect(client) as found:
        assert found is client
    assert client.status == "running"
    counter = ClusterCounter(corpus([300], 3), [1], client=client)
    assert counter.dashboard == client.dashboard_link


def test_a_cluster_that_does_not_answer(client, monkeypatch):
    with monkeypatch.context() as here:  # one client that gets no answer is replaced by another
        here.setattr(client, "run", lambda *_: threading.Event().wait(60))
        ClusterCounter(corpus([300], 3), [1], client=client, patience=0.5).close()
    monkeypatch.setattr(type(client), "run", lambda *_: threading.Event().wait(60))
    with pytest.raises(ClusterError, match=r"stood still.*0\.1 s for an answer of every worker.*PATIENCE"):
        ClusterCounter(corpus([300], 3), [1], client=client, patience=0.1)


def test_work_that_no_worker_does(client, monkeypatch):
    from distributed import Future

    monkeypatch.setattr(cluster_client, "_ATTEMPTS", 2)
    pool = cluster_client.WorkerPool(client, patience="600ms")
    with pytest.raises(ClusterError, match=r"stood still 2 times.*0\.6 s for work that no worker does"):
        pool.insist(lambda: pool.gather([Future("nobody-has-this", pool.client)]))
    pool.close()


def test_a_worker_that_is_long_at_work_is_waited_for(client):
    pool = cluster_client.WorkerPool(client, patience=1)
    assert pool.gather(pool.map(time.sleep, [2])) == [None]


def test_who_stops_gives_up_waiting(client):
    from distributed import Future

    pool = cluster_client.WorkerPool(client, patience=60)
    threading.Timer(0.1, lambda: setattr(pool, "stopped", True)).start()
    with pytest.raises(CancelledError):
        pool.insist(lambda: pool.gather([Future("nor-this", client)]))


def test_the_patience_is_a_setting(client, monkeypatch):
    import dask

    assert cluster_client.WorkerPool(client)._patience == 300
    with connect(client, patience="2 minutes") as same:
        assert cluster_client.WorkerPool(same)._patience == 120
        assert cluster_client.WorkerPool(same, patience=7)._patience == 7
    with monkeypatch.context() as here:
        here.setenv("DASK_MISCOPE__PATIENCE", "90s")
        with dask.config.set(dask.config.collect([])):
            assert cluster_client.WorkerPool(client)._patience == 90


@pytest.mark.parametrize("patience", [0, -1, "", "soon", float("inf"), float("nan"), [1]])
def test_a_patience_that_is_none(client, patience):
    with pytest.raises(InputError, match="patience must be a time above 0"), connect(client, patience=patience):
        pass


def test_another_version_on_a_worker_is_refused(client, monkeypatch):
    monkeypatch.setattr(cluster_parts, "__version__", "0.0.1")
    with pytest.raises(ClusterError, match=r"worker inproc://.* has miscope 0\.0\.1, and this is .*the same version"):
        ClusterCounter(corpus([300], 3), [1], client=client)


# Plans


def pair_data(sequences, blocks):
    cut = cut_blocks(sequences, blocks)
    nothing = np.zeros(0, np.uint8)
    return PairData(nothing, nothing, sequences.offsets, cut.bounds, cut.count, sequences.alphabet_size)


def plan(sequences, method="sparse", lags=(1, 2, 3), blocks=0, threads=2, memory=2**33, **cut):
    data = pair_data(sequences, blocks)
    means = Means(threads, memory, memory // threads)
    return make_plan(method, data, np.array(lags), sequences.histogram(), means, **cut)


def test_parts_are_whole_blocks_where_there_are_enough():
    sequences = corpus([40_000] * 10, 9)
    found = plan(sequences, blocks=32)
    assert len(found.parts) == 9  # four a thread
    assert set(found.parts.tolist()) <= set(cut_blocks(sequences, 32).bounds.tolist())


def test_parts_are_no_shorter_than_the_largest_lag():
    sequences = corpus([400_000], 9)
    assert len(plan(sequences, lags=(1, 100_000)).parts) <= 5
    assert len(plan(sequences, lags=(1, 10)).parts) == 9


def test_symbols_of_ranges_are_about_equally_frequent():
    sequences = corpus([50_000], 60)
    found = plan(sequences, ranges=4)
    held = np.add.reduceat(sequences.histogram(), found.ranges[:-1])
    assert (found.ranges[0], found.ranges[-1]) == (0, 60)
    assert held.max() < 2 * sequences.n_symbols / 4
    assert plan(corpus([5000], 2), ranges=9).ranges.tolist() == [0, 1, 2]


@pytest.mark.parametrize("method", ["dense", "sparse"])
def test_little_memory_means_few_lags_at_a_time(method):
    sequences = corpus([50_000], 300, dtype=np.uint16)
    lags = tuple(range(1, 41))
    much, little = (plan(sequences, method, lags, 32, memory=memory) for memory in (2**36, 2**19))
    assert max(map(len, little.batches)) == 1 < max(map(len, much.batches))
    for found in (much, little):
        assert np.concatenate(found.batches).tolist() == list(lags)
    if method == "sparse":
        assert len(little.ranges) > len(much.ranges)


def test_a_method_for_a_cluster_is_chosen_by_cost():
    few, many = corpus([50_000], 3), corpus([50_000], 30_000, dtype=np.uint16)
    assert choose_method("auto", pair_data(few, 32), 50_000, 10) in ("dense", "bits")
    assert choose_method("auto", pair_data(many, 32), 50_000, 10) == "sparse"
    assert choose_method("sparse", pair_data(few, 32), 50_000, 10) == "sparse"
    assert choose_method("auto", pair_data(few, 0), 10**9, 65_536) in ("dense", "bits", "sparse")
