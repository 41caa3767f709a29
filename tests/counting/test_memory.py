"""What counting may take: private memory of a process of its own, and what is said where a limit cannot hold."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import miscope as ms
from miscope.counting import memory
from miscope.counting.doors import Counter
from miscope.counting.memory import expected_cells, memory_beside, memory_budget, threads_within
from miscope.counting.merging import cell_fingerprints
from miscope.counting.pair_files import predicted_bytes
from miscope.errors import InputError
from miscope.machine import may_use
from miscope.sequences.stores import CodeStore, is_mapped

LIMIT = 64 * 2**20
N, KINDS = 1_500_000, 300_000
LAGS = [1, 7, 50]

CHILD = """
import json, re, sys, threading
from pathlib import Path
import numpy as np
import miscope as ms
from miscope.counting.memory import give_back

def private():
    return int(re.search(r"RssAnon:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

def made(n, kinds):
    codes = (kinds ** np.random.default_rng(0).random(n)).astype(np.uint32) - 1
    return ms.Sequences.from_arrays(codes, alphabet_size=kinds)

blocks, limit = int(sys.argv[2]), int(sys.argv[3])

def work(door):
    if door == "count":
        ms.count_to_file(corpus, path, {lags}, blocks=blocks, max_memory=limit)
    elif door == "counted":
        ms.measure(ms.PairCounts.load(path), max_memory=limit)
    elif door == "rotated":
        ms.measure(corpus, {lags}, null="rotate", n_surrogates=2, blocks=blocks, max_memory=limit)
    else:
        ms.count_fingerprints(corpus, {lags}, blocks=blocks, max_memory=limit)

few, path = made(5000, 2000), Path(sys.argv[1])
ms.count_to_file(few, path.with_name("few.arrow"), [1, 2], blocks=blocks)  # compiled
ms.measure(ms.PairCounts.load(path.with_name("few.arrow")))
ms.measure(few, [1, 2], max_memory="64MiB")
ms.measure(few, [1, 2], null="rotate")
few = None
corpus = made({n}, {kinds})
most, ended = [0], threading.Event()

def watch():
    while not ended.wait(0.005):
        most[0] = max(most[0], private())

watcher = threading.Thread(target=watch)
watcher.start()
taken = {{}}
for door in ("fingerprints", "count", "counted", "rotated"):
    give_back()
    before = most[0] = private()  # with what the C library keeps of the doors before
    work(door)
    taken[door] = most[0] - before
ended.set()
watcher.join()
print(json.dumps(taken))
"""


def peaks(path, blocks):
    """Private memory that a child takes at each door beyond what it had before, in bytes."""
    program = CHILD.format(n=N, kinds=KINDS, lags=LAGS)
    command = [sys.executable, "-c", program, str(path), str(blocks), str(LIMIT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="private memory is read from Linux")
@pytest.mark.parametrize("blocks", [0, 32])
def test_a_limit_holds_at_every_door(tmp_path, blocks):
    taken = peaks(tmp_path / "counts.arrow", blocks)  # what lies beside it differs with versions
    assert all(each < 1.25 * LIMIT for each in taken.values()), {door: each / LIMIT for door, each in taken.items()}


def words(n=20_000, kinds=500):
    codes = (kinds ** np.random.default_rng(1).random(n)).astype(np.uint16) - 1
    return ms.Sequences.from_arrays(codes, alphabet_size=kinds)


class TestWhatIsSaid:
    def test_tables_that_memory_does_not_hold(self):
        with pytest.raises(InputError, match="sparse"):
            Counter(words(kinds=1000), [1], 32, "dense", max_memory="64MiB")
        assert Counter(words(kinds=1000), [1], 32, "auto", max_memory="64MiB").method == "sparse"

    def test_counts_of_a_lag_that_memory_does_not_hold(self, monkeypatch):
        corpus = words(200_000)
        monkeypatch.setattr(memory, "_LEAST", 2**22)
        with pytest.raises(InputError, match="may be used") as raised:
            ms.measure(corpus, [1], quantity="rational", max_memory=2**23)
        assert "classes" in str(raised.value)
        counts = ms.count_pairs(corpus, [1])
        with pytest.raises(InputError, match="may be used"):
            ms.measure(counts, estimator="bracket", max_memory=2**22)

    def test_data_that_leave_nothing(self):
        with pytest.raises(InputError, match=r"190 MB of the 200 MB.*257 MB"):
            memory_beside("200MB", 190_000_000, "the data")
        assert memory_budget(memory_beside("200MB", 150_000_000, "the data")) == 50_000_000
        assert memory_beside(None, 10**12, "the data") is None

    def test_threads(self):
        assert [threads_within(8, 100, each) for each in (1, 30, 200, 0)] == [8, 3, 1, 8]
        counter = Counter(words(), [1, 2], 32, "sparse", max_memory="64MiB")
        assert counter.threads(64) < 64


class TestSurrogates:
    """What a null draws is within the limit: a quarter of it, beside which counting takes less; else in a file."""

    @pytest.mark.parametrize("null", ["rotate", "document"])
    def test_symbols_in_a_file_are_the_same(self, null, monkeypatch):
        monkeypatch.setattr(memory, "_LEAST", 2**20)
        monkeypatch.setattr(memory, "_LEAST_LEFT", 2**16)
        corpus, how = words(1_200_000, 20), {"null": null, "n_surrogates": 2, "quantity": "rational"}
        if null == "document":
            corpus = ms.Sequences(corpus.codes, np.arange(0, 1_200_001, 60_000), 20)
        drawn, limits = [], []
        original = Counter.__init__

        def watched(self, sequences, *args, **options):
            right = args[3] if len(args) > 3 else None
            drawn.append(is_mapped(sequences.codes if right is None else right))
            limits.append(int(memory_budget(options["max_memory"])))
            original(self, sequences, *args, **options)

        monkeypatch.setattr(Counter, "__init__", watched)
        one, other = (ms.measure(corpus, [1, 9], max_memory=each, blocks=0, **how) for each in (2**30, 2**22))
        assert drawn == [False] * 3 + [False, True, True]
        n_bytes = corpus.codes.nbytes
        assert limits == [2**30, *[2**30 - n_bytes] * 2, *[2**22] * 3]
        np.testing.assert_array_equal(one.null, other.null)
        np.testing.assert_array_equal(one.mi, other.mi)

    def test_a_null_of_ones_own(self):
        def shuffled(sequences, generator):
            return ms.Sequences.from_arrays(generator.permutation(sequences.codes), alphabet_size=500)

        found = ms.measure(words(), [1], null=shuffled, n_surrogates=2, max_memory="64MiB")
        assert np.isfinite(found.null).all()


class TestPrediction:
    def test_of_symbols_that_depend_on_one_another(self, tmp_path):
        """A sequence that repeats has few kinds of pairs, however many symbols."""
        corpus = ms.Sequences.from_arrays(np.tile(np.random.default_rng(3).permutation(1000), 40))
        counts = ms.count_pairs(corpus, [1, 3, 9], blocks=4)
        assert predicted_bytes(corpus, [1, 3, 9], 4) == pytest.approx(16 * len(counts.keys), rel=0.01)

    @pytest.mark.parametrize("blocks", [0, 32])
    @pytest.mark.parametrize("kinds", [3, 100, 30_000])
    def test_of_independent_symbols(self, blocks, kinds):
        corpus = words(100_000, kinds)
        found = len(ms.count_pairs(corpus, [1], blocks=blocks).keys)
        assert expected_cells(corpus.histogram(), 99_999, blocks) == pytest.approx(found, rel=0.05)

    def test_a_file(self, tmp_path):
        corpus = words(50_000, 3000)
        ms.count_to_file(corpus, tmp_path / "counts.arrow", [1, 5], blocks=4)
        size = (tmp_path / "counts.arrow").stat().st_size
        assert predicted_bytes(corpus, [1, 5], 4) == pytest.approx(size, rel=0.1)

    def test_nothing(self):
        assert expected_cells(np.array([0, 0]), 0, 0) == 0


@pytest.mark.parametrize("blocks", [0, 4])
@pytest.mark.parametrize("most", [1, 7, 1000])
def test_cells_read_a_part_at_a_time_have_the_same_fingerprints(blocks, most):
    corpus = words(5000, 60)
    cells = ms.count_pairs(corpus, [3], blocks=blocks).cells(0)
    expected = ms.count_fingerprints(corpus, [3], blocks=blocks)
    found = cell_fingerprints(cells, corpus.alphabet_size, blocks, most)
    for side in ("joint", "left", "right"):
        one, other = getattr(found, side), getattr(expected, side)
        np.testing.assert_array_equal(one.counts, other.counts)
        np.testing.assert_array_equal(one.multiplicities, other.multiplicities)


@pytest.mark.parametrize("method", ["whole", "pieces"])
@pytest.mark.parametrize("most", [1, 50, 10**9])
def test_ranges_of_left_symbols_make_the_same_file(tmp_path, monkeypatch, method, most):
    corpus = words(3000, 200)
    if method == "pieces":
        monkeypatch.setattr(Counter, "streams", True)
    monkeypatch.setattr("miscope.counting.pair_files._cells_at_once", lambda *_: most)
    found = ms.count_to_file(corpus, tmp_path / "counts.arrow", [1, 9], blocks=3, method="sparse")
    monkeypatch.undo()
    assert found == ms.count_pairs(corpus, [1, 9], blocks=3, method="dense")


def test_fewer_codes_are_kept_in_memory_where_less_may_be_used():
    with may_use(400):
        store = CodeStore()
        store.append(np.arange(200, dtype=np.uint8))
    assert is_mapped(store.finish())
    store = CodeStore()
    store.append(np.arange(200, dtype=np.uint8))
    assert not is_mapped(store.finish())
