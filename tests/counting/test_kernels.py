"""Every kernel against counting by hand, exactly, through both doors; also run with the JIT off (test_without_jit)."""

import os
import re
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

import miscope as ms
import naive
from miscope.counting import doors, sparse, tally
from miscope.counting.blocks import cut_blocks
from miscope.counting.doors import Counter, count_fingerprints, count_pairs
from miscope.errors import InputError
from miscope.sequences import Sequences

# With the JIT off, the words of the bits kernel are numpy scalars, which warn where they are meant to overflow.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")

JIT = os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
KERNELS = ("dense", "bits", "sparse", "fourier")
ALPHABETS = (1, 2, 3, 4, 9, 20, 64, 65, 70) if JIT else (1, 2, 3, 5)
LENGTHS = (0, 1, 2, 3, 5, 17, 63, 64, 65, 66, 127, 128, 129, 130, 200) if JIT else (0, 1, 2, 3, 17, 64, 66, 129, 200)
MOST_DOCUMENTS = 8 if JIT else 3
LAGS = (1, 2, 3, 16, 62, 63, 64, 65, 66, 126, 127, 128, 129)
BLOCKS = (0, 2, 3, 7, 32)
SETTINGS = settings(
    max_examples=100 if JIT else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@contextmanager
def small_counts_end_at(limit):
    """Move the border between small and large counts, so that few symbols cross it; compiled code keeps its own."""
    if JIT:
        yield
    else:
        with mock.patch.object(tally, "SMALL", limit), mock.patch.object(sparse, "SMALL", limit):
            yield


def symbols(generator, n, size, skew):
    """Codes some of which are much more frequent than others, with repetitions at a distance."""
    weights = np.arange(1, size + 1, dtype=float) ** -skew
    codes = generator.choice(size, n, p=weights / weights.sum())
    again = generator.random(n) < 0.3
    again[: min(n, 5)] = False
    codes[again] = codes[np.flatnonzero(again) - min(n, 5)]
    return codes


def corpus(lengths, size, seed=0, skew=1.0, dtype=np.uint8, unused=0):
    codes = symbols(np.random.default_rng(seed), sum(lengths), size, skew)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Sequences.from_arrays(codes.astype(dtype), offsets, alphabet_size=size + unused)


@st.composite
def corpora(draw, alphabets=ALPHABETS):
    lengths = draw(st.lists(st.sampled_from(LENGTHS), min_size=1, max_size=MOST_DOCUMENTS))
    assume(max(lengths) >= 2)
    return corpus(
        lengths,
        draw(st.sampled_from(alphabets)),
        draw(st.integers(0, 2**32 - 1)),
        draw(st.sampled_from([0.0, 1.0, 3.0])),
        draw(st.sampled_from([np.uint8, np.uint16, np.uint32])),
        draw(st.sampled_from([0, 0, 0, 1, 5])),
    )


def lags_for(draw, sequences):
    fitting = [lag for lag in LAGS if lag < sequences.longest]
    lags = draw(st.lists(st.sampled_from([*fitting, sequences.longest - 1]), min_size=1, max_size=3 if JIT else 2))
    return sorted(set(lags))


def blocks_for(draw, sequences):
    return draw(st.sampled_from([blocks for blocks in BLOCKS if blocks <= sequences.n_symbols]))


def entries(batch, histogram):
    part = slice(batch.offsets[histogram], batch.offsets[histogram + 1])
    return list(zip(batch.counts[part].tolist(), batch.multiplicities[part].tolist(), strict=True))


def check_fingerprints(found, sequences, lags, blocks, right=None, aligned=False):
    """Compare fingerprints, the whole and each left-out block, with counts made by hand."""
    cut = cut_blocks(sequences, blocks)
    assert found.lags.tolist() == list(lags)
    assert found.n_blocks == blocks
    width = blocks + 1
    for batch in (found.joint, found.left, found.right):
        assert len(batch) == len(lags) * width
        assert batch.counts.dtype == batch.offsets.dtype == np.int64
        assert batch.multiplicities.dtype == np.int64
    assert found.block_pairs.shape == (len(lags), max(blocks, 1))
    for i, lag in enumerate(lags):
        parts = naive.block_pair_counts(sequences.codes, sequences.offsets, cut.bounds, lag, right, aligned)
        assert found.block_pairs[i].tolist() == [sum(part.values()) for part in parts]
        tables = naive.left_out(parts) if blocks else [naive.total(parts)]
        for j, table in enumerate(tables):
            left, right_counts = naive.margins(table)
            h = i * width + j
            assert entries(found.joint, h) == naive.fingerprint(table), (lag, j)
            assert entries(found.left, h) == naive.fingerprint(left), (lag, j)
            assert entries(found.right, h) == naive.fingerprint(right_counts), (lag, j)


def check_pairs(found, sequences, lags, blocks, right=None, aligned=False):
    """Compare the counts themselves, block by block."""
    cut = cut_blocks(sequences, blocks)
    size = sequences.alphabet_size
    assert (found.lags.tolist(), found.n_blocks, found.alphabet_size) == (list(lags), blocks, size)
    for i, lag in enumerate(lags):
        parts = naive.block_pair_counts(sequences.codes, sequences.offsets, cut.bounds, lag, right, aligned)
        cells = found.cells(i)
        assert cells.offsets.tolist()[0] == 0
        assert len(cells.offsets) == len(parts) + 1
        for j, part in enumerate(parts):
            mine = slice(cells.offsets[j], cells.offsets[j + 1])
            keys = cells.keys[mine].tolist()
            assert keys == sorted(keys)
            assert [
                ((key // size, key % size), n) for key, n in zip(keys, cells.counts[mine].tolist(), strict=True)
            ] == (sorted(part.items()))


def possible(method, sequences):
    return method != "bits" or sequences.alphabet_size <= 64


@pytest.mark.parametrize("method", [*KERNELS, "auto"])
@SETTINGS
@given(data=st.data())
def test_kernels_count_what_counting_by_hand_counts(method, data):
    sequences = data.draw(corpora())
    assume(possible(method, sequences))
    lags, blocks = lags_for(data.draw, sequences), blocks_for(data.draw, sequences)
    threads = data.draw(st.sampled_from([1, 2]))
    with small_counts_end_at(data.draw(st.sampled_from([2, 9, 64]))):
        check_fingerprints(count_fingerprints(sequences, lags, blocks, method, threads), sequences, lags, blocks)
        check_pairs(count_pairs(sequences, lags, blocks, method, threads), sequences, lags, blocks)


@pytest.mark.parametrize("method", KERNELS)
@SETTINGS
@given(data=st.data())
def test_the_right_side_may_be_another_array(method, data):
    sequences = data.draw(corpora())
    assume(possible(method, sequences))
    lags, blocks = lags_for(data.draw, sequences), blocks_for(data.draw, sequences)
    right = np.random.default_rng(data.draw(st.integers(0, 99))).permutation(sequences.codes)
    aligned = data.draw(st.booleans())
    with small_counts_end_at(9):
        counter = Counter(sequences, lags, blocks, method, right, aligned)
        parts = counter.map(lambda kernel, lag: kernel.fingerprints(lag), threads=1)
        found = ms.counting.Fingerprints.from_lags(counter.lags, parts, counter.n_symbols_seen)
        check_fingerprints(found, sequences, lags, blocks, right, aligned)
        cells = counter.map(lambda kernel, lag: counter.original(kernel.cells(lag)), threads=1)
        pairs = ms.PairCounts.from_lags(counter.lags, cells, blocks, sequences.alphabet_size, None)
        check_pairs(pairs, sequences, lags, blocks, right, aligned)


@pytest.mark.parametrize("size", [64, 33] if JIT else [12])
@pytest.mark.parametrize("method", KERNELS)
def test_the_largest_alphabets_of_the_bits_kernel(method, size):
    sequences = corpus([65, 130] if JIT else [40, 70], size, skew=0.3)
    lags = [1, 63, 64, 129] if JIT else [1, 64]
    check_fingerprints(count_fingerprints(sequences, lags, 3, method), sequences, lags, 3)
    check_pairs(count_pairs(sequences, lags, 3, method), sequences, lags, 3)


@pytest.mark.parametrize("method", KERNELS)
@settings(max_examples=30 if JIT else 8, deadline=None)
@given(shift=st.integers(0, 70), length=st.integers(1, 140 if JIT else 70), lag=st.sampled_from([1, 63, 64, 65, 128]))
@example(shift=63, length=65, lag=64)
@example(shift=0, length=64, lag=63)
def test_documents_at_every_place_in_a_word(method, shift, length, lag):
    # A document that begins anywhere in a machine word, between neighbours that must not be seen.
    lengths = [shift, length, 130]
    sequences = corpus(lengths, 3, seed=shift)
    with small_counts_end_at(16):
        check_fingerprints(count_fingerprints(sequences, [lag], 2, method, 1), sequences, [lag], 2)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("method", KERNELS)
def test_documents_that_are_empty_or_of_one_symbol(method, dtype):
    codes = np.array([1, 0, 1, 1, 2, 0, 2, 1, 0], dtype)
    sequences = Sequences.from_arrays(codes, offsets=[0, 0, 0, 1, 5, 5, 6, 9, 9, 9])
    assert sequences.lengths.tolist() == [0, 0, 1, 4, 0, 1, 3, 0, 0]
    for blocks in (0, 2, 3, 9):
        check_fingerprints(count_fingerprints(sequences, [1, 2, 3], blocks, method), sequences, [1, 2, 3], blocks)
        check_pairs(count_pairs(sequences, [1, 2, 3], blocks, method), sequences, [1, 2, 3], blocks)


@pytest.mark.parametrize("method", KERNELS)
def test_one_symbol_alone_has_one_cell(method):
    found = count_fingerprints(Sequences.from_arrays(np.zeros(70, np.uint8)), [1, 64, 69], 2, method)
    assert entries(found.joint, 0) == entries(found.left, 0) == [(69, 1)]
    assert found.n_pairs.tolist() == [69, 6, 1]
    # At the largest lags all pairs are in the first block: without it nothing is left.
    assert found.block_pairs.tolist() == [[35, 34], [6, 0], [1, 0]]
    assert [entries(found.joint, h) for h in (3, 4, 5)] == [[(6, 1)], [], [(6, 1)]]


@pytest.mark.parametrize("method", KERNELS)
@pytest.mark.parametrize("blocks", [0, 2, 3, 7])
def test_large_counts_on_both_sides_of_leaving_a_block_out(method, blocks):
    """Counts above the border of small counts, some of which fall below it without one block, and some not."""
    border = tally.SMALL if JIT else 16
    generator = np.random.default_rng(5)
    n = 5 * border
    codes = np.zeros(n, np.uint8)
    # Symbol 1 alone fills about a fifth, just above the border, across a border of blocks; 2 and 3 are rare.
    start = 24 * border // 10
    codes[start : start + border + 10] = 1
    rare = generator.choice(2 * border, max(4, border // 100), replace=False)
    codes[rare] = generator.integers(2, 4, len(rare))
    sequences = Sequences.from_arrays(codes, alphabet_size=4)
    lags = [1, 2, 7]
    with small_counts_end_at(border):
        found = count_fingerprints(sequences, lags, blocks, method, 2)
        check_fingerprints(found, sequences, lags, blocks)
        check_pairs(count_pairs(sequences, lags, blocks, method, 2), sequences, lags, blocks)
    counts = [count for count, _ in entries(found.joint, 0)]
    assert sum(count >= border for count in counts) >= 2
    if blocks:
        without = [count for h in range(1, blocks + 1) for count, _ in entries(found.joint, h)]
        assert any(border > count > border // 8 for count in without)
        assert any(count >= border for count in without)


@pytest.mark.parametrize("method", KERNELS)
@pytest.mark.parametrize("excess", [-1, 0, 1, 2])
def test_counts_at_the_border_itself(method, excess):
    border = tally.SMALL if JIT else 16
    # border + excess pairs (0, 0) in two equal halves, and two cells with the same large count (0, 0) and (1, 1).
    half = np.zeros(border + excess + 1, np.uint8)
    sequences = Sequences.from_arrays([half, half + 1, np.array([0, 1, 0], np.uint8)])
    with small_counts_end_at(border):
        found = count_fingerprints(sequences, [1], 3, method, 1)
        check_fingerprints(found, sequences, [1], 3)
    assert entries(found.joint, 0) == [(1, 2), (border + excess, 2)]


def hashes(n=60, kinds=9, seed=1):
    generator = np.random.default_rng(seed)
    values = np.unique(np.concatenate([[0, 4_000_000_000], generator.integers(0, 4_000_000_000, kinds)]))
    return values[generator.integers(0, len(values), n)].astype(np.uint32)


@pytest.mark.parametrize("method", [*KERNELS, "auto"])
def test_hashes_for_symbols_count_as_their_numbers_do(method):
    codes = np.append(hashes(), np.uint32(4_000_000_000))
    sequences = Sequences.from_arrays(codes, offsets=[0, 20, 61])
    assert sequences.alphabet_size == 4_000_000_001
    found = count_fingerprints(sequences, [1, 5], 3, method)
    check_fingerprints(found, sequences, [1, 5], 3)
    assert found.n_symbols_seen == len(set(codes.tolist()))


def test_pairs_of_hashes_are_right_or_refused():
    """A key of a pair is one int64: with too large an alphabet there is none, and that must be said."""
    sequences = Sequences.from_arrays(np.append(hashes(), np.uint32(4_000_000_000)))
    try:
        found = count_pairs(sequences, [1], 0)
    except InputError as error:
        assert re.search("alphabet|symbols", str(error))  # noqa: PT017
    else:
        check_pairs(found, sequences, [1], 0)


@pytest.mark.parametrize("method", KERNELS)
def test_pairs_of_a_thin_alphabet_keep_their_codes(method):
    codes = hashes() % np.uint32(1_000_003)
    sequences = Sequences.from_arrays(codes, alphabet_size=1_000_003)
    check_fingerprints(count_fingerprints(sequences, [1, 3], 2, method), sequences, [1, 3], 2)
    check_pairs(count_pairs(sequences, [1, 3], 2, method), sequences, [1, 3], 2)


@pytest.mark.parametrize("method", KERNELS)
@pytest.mark.parametrize("aligned", [False, True])
def test_a_thin_alphabet_with_another_right_side(method, aligned):
    sequences = Sequences.from_arrays(hashes())
    right = np.random.default_rng(2).permutation(sequences.codes)
    counter = Counter(sequences, [2], 2, method, right, aligned)
    parts = counter.map(lambda kernel, lag: kernel.fingerprints(lag), 1)
    found = ms.counting.Fingerprints.from_lags(counter.lags, parts, counter.n_symbols_seen)
    check_fingerprints(found, sequences, [2], 2, right, aligned)


@pytest.mark.parametrize("size", [300, 3000] if JIT else [90])
@pytest.mark.parametrize("blocks", [0, 5])
def test_dense_and_sparse_agree_on_many_symbols(size, blocks):
    sequences = corpus([5000, 0, 1, 20000, 3] if JIT else [60, 0, 1, 100], size, skew=1.1, dtype=np.uint16)
    lags = [1, 7, 64, 4000] if JIT else [1, 64]
    one, other = (count_fingerprints(sequences, lags, blocks, method) for method in ("dense", "sparse"))
    for name in ("joint", "left", "right"):
        for part in ("counts", "multiplicities", "offsets"):
            np.testing.assert_array_equal(getattr(getattr(one, name), part), getattr(getattr(other, name), part))
    np.testing.assert_array_equal(one.block_pairs, other.block_pairs)
    assert count_pairs(sequences, lags, blocks, "dense") == count_pairs(sequences, lags, blocks, "sparse")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("method", KERNELS)
def test_memory_mapped_codes_that_may_not_be_written(method, dtype, tmp_path):
    np.save(tmp_path / "codes.npy", symbols(np.random.default_rng(3), 150, 5, 1.0).astype(dtype))
    codes = np.load(tmp_path / "codes.npy", mmap_mode="r")
    sequences = Sequences.from_arrays(codes, offsets=[0, 20, 150])
    assert np.shares_memory(sequences.codes, codes)
    check_fingerprints(count_fingerprints(sequences, [1, 64], 3, method), sequences, [1, 64], 3)
    check_pairs(count_pairs(sequences, [1, 64], 3, method), sequences, [1, 64], 3)


@pytest.mark.parametrize("method", KERNELS)
def test_the_number_of_threads_changes_nothing(method):
    sequences = corpus([80, 90], 4)
    one, two = (count_pairs(sequences, "all:20", 3, method, threads) for threads in (1, 2))
    assert one == two


def test_progress_ends_at_all_pairs():
    seen = []
    sequences = corpus([30, 40, 1, 0], 3)
    count_fingerprints(sequences, [1, 2, 35], 0, "dense", 2, lambda done, of: seen.append((done, of)))
    pairs = (29 + 39) + (28 + 38) + 5
    assert seen[0] == (0, pairs)
    assert seen[-1] == (pairs, pairs)
    assert seen == sorted(seen)


def test_an_error_in_one_lag_stops_all():
    counter = Counter(corpus([30], 3), "all:20", 0, "dense")
    with pytest.raises(ZeroDivisionError):
        counter.map(lambda kernel, lag: lag // 0, threads=2)


def test_an_interruption_in_the_progress_stops_all():
    def interrupt(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_fingerprints(corpus([30], 3), "all:20", 0, "dense", 1, interrupt)


def test_methods_that_cannot_are_refused_by_name():
    with pytest.raises(InputError, match="unknown method 'dens'; did you mean 'dense'"):
        count_fingerprints(corpus([30], 3), [1], 0, "dens")
    with pytest.raises(InputError, match='"bits" is for at most 64 symbols, not 65: use "auto"'):
        count_fingerprints(corpus([30], 60, unused=5), [1], 0, "bits")
    large = Sequences.from_arrays(np.array([0, 1, 2], np.uint16), alphabet_size=60_000)
    with pytest.raises(InputError, match=r'"dense" would need .* GiB of tables .* 60,000 symbols .* use "sparse"'):
        count_pairs(large, [1], 2, "dense")


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_numbers_of_threads_that_are_none(threads):
    with pytest.raises(InputError, match="threads must be a whole number of at least 1"):
        count_fingerprints(corpus([30], 3), [1], 0, "dense", threads)


def test_threads_default_to_the_cores_at_hand(monkeypatch):
    monkeypatch.setattr(doors.os, "sched_getaffinity", lambda process: {0, 1, 5}, raising=False)
    assert doors.thread_count(None) == 3
    monkeypatch.delattr(doors.os, "sched_getaffinity")
    monkeypatch.setattr(doors.os, "cpu_count", lambda: None)
    assert doors.thread_count(None) == 1
    assert doors.thread_count(np.int64(3)) == 3


def test_seen_symbols_are_those_of_the_corpus():
    sequences = Sequences.from_arrays([np.array([0, 1]), np.array([4])], alphabet_size=9)
    assert count_fingerprints(sequences, [1], 0, "sparse").n_symbols_seen == 3


def test_fingerprints_print_themselves():
    found = count_fingerprints(corpus([1200], 3), [1, 2], 2, "dense")
    assert repr(found) == "Fingerprints(2 lags, 2 blocks, 1,199 pairs at most)"


@pytest.mark.parametrize("method", KERNELS)
@SETTINGS
@given(data=st.data())
def test_every_pair_is_counted_once(method, data):
    sequences = data.draw(corpora((2, 3)))
    lags, blocks = lags_for(data.draw, sequences), blocks_for(data.draw, sequences)
    with small_counts_end_at(9):
        found = count_fingerprints(sequences, lags, blocks, method, 1)
    expected = [int(np.maximum(sequences.lengths - lag, 0).sum()) for lag in lags]
    assert found.n_pairs.tolist() == expected
    for batch in (found.joint, found.left, found.right):
        samples = batch.n_samples.reshape(len(lags), blocks + 1)
        assert samples[:, 0].tolist() == expected
        if blocks:
            np.testing.assert_array_equal(samples[:, 1:], samples[:, :1] - found.block_pairs)
