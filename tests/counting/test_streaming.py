"""Corpora larger than memory: read piece by piece, the counts are those of counting by hand, to the integer."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import miscope as ms
from counting.test_kernels import (
    JIT,
    MOST_DOCUMENTS,
    SETTINGS,
    blocks_for,
    check_fingerprints,
    check_pairs,
    corpora,
    corpus,
    lags_for,
    possible,
)
from miscope.counting import streaming
from miscope.counting.doors import Counter, count_fingerprints, count_pairs
from miscope.counting.memory import held_bytes, memory_budget, memory_left
from miscope.errors import InputError
from miscope.sequences import Sequences

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")
LEAST = 2**26


def streamed(sequences, lags, blocks, method, memory, right=None, aligned=False):
    """A counter whose kernel reads pieces of few symbols, and has room for few tables or positions."""
    counter = Counter(sequences, lags, blocks, method, right, aligned)
    object.__setattr__(counter, "memory", memory)
    return counter


@pytest.mark.parametrize("method", ["dense", "bits", "sparse"])
@settings(SETTINGS, max_examples=50)
@given(data=st.data())
def test_pieces_add_up(method, data):
    sequences = data.draw(corpora())
    assume(possible(method, sequences))
    lags, blocks = lags_for(data.draw, sequences), blocks_for(data.draw, sequences)
    right, aligned = None, False
    if data.draw(st.booleans()):
        right, aligned = np.random.default_rng(3).permutation(sequences.codes), data.draw(st.booleans())
    memory = data.draw(st.sampled_from([1, 1000, 20_000, 10**9]))
    counter = streamed(sequences, lags, blocks, method, memory, right, aligned)
    with (
        mock.patch.object(streaming, "PIECE", data.draw(st.sampled_from([1, 7, 64, 100, 10_000]))),
        mock.patch.object(Counter, "streams", True),
    ):
        parts = counter.map(lambda kernel, lag: kernel.fingerprints(lag), threads=2)
        found = ms.counting.Fingerprints.from_lags(counter.lags, parts, counter.n_symbols_seen)
        check_fingerprints(found, sequences, lags, blocks, right, aligned)
        cells = counter.map(lambda kernel, lag: counter.original(kernel.cells(lag)), threads=2)
        pairs = ms.PairCounts.from_lags(counter.lags, cells, blocks, sequences.alphabet_size, None)
        check_pairs(pairs, sequences, lags, blocks, right, aligned)


@settings(max_examples=100 if JIT else 30, deadline=None)
@given(data=st.data())
def test_parts_that_cover_the_corpus_add_up(data):
    sequences = data.draw(corpora(alphabets=(2, 5)))
    lags, blocks = lags_for(data.draw, sequences), blocks_for(data.draw, sequences)
    n = sequences.n_symbols
    whole = Counter(sequences, lags, blocks, "dense")
    cuts = sorted(data.draw(st.sets(st.integers(0, n), max_size=MOST_DOCUMENTS)) | {0, n})
    for lag in lags:
        tables = np.zeros_like(whole.kernel().tables(lag))
        for start, stop in itertools.pairwise(cuts):
            part, first = whole.data.part(start, stop, max(lags))
            found = type(whole.kernel())(part).tables(lag)
            tables[first : first + len(found)] += found
        assert (tables == whole.kernel().tables(lag)).all()


@pytest.mark.parametrize("method", ["dense", "bits", "sparse"])
def test_a_mapped_file_larger_than_memory_is_read_in_pieces(tmp_path, method):
    generator = np.random.default_rng(5)
    codes = generator.integers(0, 4, 300_000).astype(np.uint8)
    np.save(tmp_path / "codes.npy", codes)
    sequences = ms.read(tmp_path / "codes.npy")
    held = Sequences.from_arrays(codes)
    lags = [1, 10, 1000]
    asked = []
    with (
        mock.patch.object(streaming, "PIECE", 50_000),
        mock.patch("miscope.counting.doors.held_bytes", side_effect=lambda *a: asked.append(a) or 2**62),
    ):
        found = count_fingerprints(sequences, lags, method=method)
    expected = count_fingerprints(held, lags, method=method)
    for side in ("joint", "left", "right"):
        for part in ("counts", "multiplicities", "offsets"):
            assert (getattr(getattr(found, side), part) == getattr(getattr(expected, side), part)).all()
    assert asked[0] == (method, 300_000, 4, 300_000)  # mapped: the file counts


def test_what_is_held_in_memory_already_is_not_held_against_a_kernel():
    sequences = corpus([5000], 4)
    assert not Counter(sequences, [1], 0, "dense").streams
    assert held_bytes("dense", 10**9, 4, 0) == 0
    assert held_bytes("sparse", 10**9, 10**5, 0) == 10 * 10**9
    assert held_bytes("sparse", 3 * 10**9, 10**5, 7) == 18 * 3 * 10**9 + 7


def test_batches_hold_as_many_lags_as_fit():
    sequences = corpus([3000, 2000], 10)
    counter = Counter(sequences, "all:100", 4, "dense")
    a_lag = 4 * 4 * 100
    kernel = streaming.StreamedTables(counter.data, counter.lags, type(counter.kernel()), 2 * 30 * a_lag)
    assert [len(batch) for batch in kernel.batches()] == [25, 25, 25, 25]
    assert np.concatenate(kernel.batches()).tolist() == list(range(1, 101))
    sparse = streaming.StreamedSparse(counter.data, counter.lags, 2**30)
    assert len(sparse.batches()) == 1


@pytest.mark.parametrize("method", ["dense", "sparse"])
def test_progress_counts_every_pair_once(method):
    sequences = corpus([3000, 2000, 10], 10)
    seen = []
    with mock.patch.object(streaming, "PIECE", 700), mock.patch.object(Counter, "streams", True):
        count_fingerprints(sequences, [1, 5, 400], method=method, progress=lambda *a: seen.append(a))
    total = sum(max(0, n - lag) for n in (3000, 2000, 10) for lag in (1, 5, 400))
    assert seen[0] == (0, total)
    assert seen[-1] == (total, total)
    assert seen == sorted(seen)


def test_an_error_in_a_piece_ends_all():
    counter = Counter(corpus([3000], 10), [1, 2], 0, "dense")

    class Broken:
        def __init__(self, data):
            self.data = data

        def add(self, lag, tables):
            raise MemoryError("no room")

    kernel = streaming.StreamedTables(counter.data, counter.lags, Broken, 2**20)
    with ThreadPoolExecutor(2) as pool, pytest.raises(MemoryError, match="no room"):
        kernel.count(counter.lags, pool, lambda pairs: None)


@pytest.mark.parametrize("method", ["dense", "sparse"])
def test_curves_do_not_depend_on_memory(method):
    sequences = corpus([4000, 3000, 2500], 20)
    plain = ms.measure(sequences, lags=[1, 3, 30], blocks=8, method=method, null="document")
    with mock.patch.object(streaming, "PIECE", 700), mock.patch.object(Counter, "streams", True):
        found = ms.measure(sequences, lags=[1, 3, 30], blocks=8, method=method, null="document")
        assert count_pairs(sequences, [2], method=method) == count_pairs(sequences, [2], method="dense")
    assert (found.replicates == plain.replicates).all()
    assert (found.null == plain.null).all()


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("64MiB", 2**26),
        ("2 GB", 2 * 10**9),
        ("1.5g", 15 * 10**8),
        (10**9, 10**9),
        ("100000000", 10**8),
        ("1TiB", 2**40),
    ],
)
def test_memory_is_written_as_people_write_it(written, means):
    assert memory_budget(written) == means


@pytest.mark.parametrize("written", ["much", "-1GB", "2 PB", "", True, 1.5, "1MB", 0])
def test_memory_that_cannot_be_read_or_is_too_little_is_refused(written):
    with pytest.raises(InputError, match=r"2GB|64MiB"):
        memory_budget(written)


def test_memory_by_default_is_half_of_what_is_left():
    left = memory_left()
    assert LEAST < left < 2**50
    assert memory_budget() == pytest.approx(left / 2, rel=0.3)
