"""The Fourier kernel against counting by hand, exactly: documents, blocks, memory, checks; and when it is chosen."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

import naive
from miscope.counting import correlation, costs, fourier
from miscope.counting.dense import DenseKernel
from miscope.counting.doors import Counter
from miscope.counting.fourier import FourierKernel
from miscope.counting.tally import BatchKernel
from miscope.errors import InputError, MiscopeError
from miscope.sequences import Sequences

MEMORY = 2**26
SETTINGS = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
CHEAP_SPECTRA = (1e-9, 1e-9, 1e-9, 1.0)  # everything is transformed
DEAR_SPECTRA = (1e9, 1e9, 1e9, 1e-9)  # nothing is


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(2) as executor:
        yield executor


def corpus(lengths, size, seed=0, unused=0, skew=1.0, dtype=np.uint8):
    generator = np.random.default_rng(seed)
    weights = np.arange(1, size + 1, dtype=float) ** -skew
    codes = generator.choice(size, sum(lengths), p=weights / weights.sum()).astype(dtype)
    again = np.flatnonzero(generator.random(len(codes)) < 0.3)
    codes[again] = codes[np.maximum(again - 5, 0)]
    return Sequences.from_arrays(codes, np.concatenate([[0], np.cumsum(lengths)]), alphabet_size=size + unused)


def entries(batch, histogram):
    part = slice(batch.offsets[histogram], batch.offsets[histogram + 1])
    return list(zip(batch.counts[part].tolist(), batch.multiplicities[part].tolist(), strict=True))


def check_by_hand(kernel, data, lag):
    """Counts and fingerprints of one lag against dictionaries of pairs."""
    parts = naive.block_pair_counts(data.left, data.offsets, data.bounds, lag, data.right)
    cells = kernel.cells(lag)
    for j, part in enumerate(parts):
        mine = slice(cells.offsets[j], cells.offsets[j + 1])
        keys, size = cells.keys[mine].tolist(), data.alphabet_size
        found = {(key // size, key % size): n for key, n in zip(keys, cells.counts[mine].tolist(), strict=True)}
        assert found == part, (lag, j)
        assert keys == sorted(keys)
    found = kernel.fingerprints(lag)
    assert found.block_pairs.tolist() == [sum(part.values()) for part in parts]
    for h, table in enumerate(naive.left_out(parts) if data.n_blocks else [naive.total(parts)]):
        left, right = naive.margins(table)
        for batch, counts in ((found.joint, table), (found.left, left), (found.right, right)):
            assert entries(batch, h) == naive.fingerprint(counts), (lag, h)


def check_all(kernel, data, pool, step=1):
    """Lags against the dense kernel; returns how many batches there were, and the pairs that were reported."""
    dense, batches, done = DenseKernel(data), kernel.batches(), []
    assert np.concatenate(batches).tolist() == kernel.lags.tolist()
    for batch in batches:
        kernel.count(batch, pool, done.append)
        together = kernel.fingerprints_of(batch)
        each = data.n_blocks + 1
        for i in range(0, len(batch), step):
            lag = int(batch[i])
            expected, found = dense.fingerprints(lag), kernel.fingerprints(lag)
            for name in ("joint", "left", "right"):
                mine = getattr(together, name)[i * each : (i + 1) * each]
                for field in ("counts", "multiplicities", "offsets"):
                    wanted = getattr(getattr(expected, name), field)
                    np.testing.assert_array_equal(getattr(getattr(found, name), field), wanted)
                    np.testing.assert_array_equal(getattr(mine, field), wanted)
            assert found.block_pairs.tolist() == expected.block_pairs.tolist() == together.block_pairs[i].tolist()
    return len(batches), sum(done)


@st.composite
def cases(draw):
    lengths = draw(st.lists(st.sampled_from([0, 1, 2, 3, 17, 63, 64, 65, 130, 333]), min_size=1, max_size=6))
    assume(max(lengths) >= 2)
    size = draw(st.sampled_from([1, 2, 3, 5, 9, 40]))
    sequences = corpus(
        lengths,
        size,
        draw(st.integers(0, 2**32 - 1)),
        draw(st.sampled_from([0, 0, 1, 4])),
        draw(st.sampled_from([0.0, 1.0, 3.0])),
        draw(st.sampled_from([np.uint8, np.uint16, np.uint32])),
    )
    longest = max(lengths) - 1
    chosen = draw(st.lists(st.integers(1, longest), min_size=1, max_size=5))
    lags = draw(st.sampled_from([f"all:{longest}", chosen, [longest], f"all:{min(chosen)}"]))
    blocks = draw(st.sampled_from([b for b in (0, 2, 3, 7) if b <= sequences.n_symbols]))
    right = draw(st.sampled_from([None, np.random.default_rng(len(lengths)).permutation(sequences.codes)]))
    return Counter(sequences, lags, blocks, "dense", right)


@SETTINGS
@given(
    counter=cases(),
    prices=st.sampled_from([CHEAP_SPECTRA, DEAR_SPECTRA, (1.0, 1.0, 1.0, 5.0), (1.0, 1.0, 1.0, 200.0)]),
    piece=st.sampled_from([1, 8, 64]),
    one_step=st.sampled_from([4096, 4, 50]),
    memory=st.sampled_from([MEMORY, 40_000, 400_000]),
)
def test_it_counts_what_counting_by_hand_counts(pool, counter, prices, piece, one_step, memory):
    data = counter.data
    assume(max(data.n_blocks, 1) * data.alphabet_size**2 * 8 <= memory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(costs, "FOURIER_COSTS", prices)
        patch.setattr(fourier, "FOURIER_COSTS", prices)
        patch.setattr(fourier, "_LEAST_PIECE", piece)
        patch.setattr(correlation, "_ONE_STEP", one_step)
        kernel = FourierKernel(data, counter.lags, memory)
        _, reported = check_all(kernel, data, pool, step=7)
        last = kernel.batch
        for lag in {int(last[0]), int(last[len(last) // 2]), int(last[-1])}:
            check_by_hand(kernel, data, lag)
    assert reported == sum(counter.pairs_at(int(lag)) for lag in counter.lags)


@pytest.mark.parametrize("blocks", [0, 4])
@pytest.mark.parametrize("lags", ["all:700", [1, 2, 650], [500, 501, 600, 640]])
def test_frequent_and_rare_symbols_and_short_and_long_documents(pool, monkeypatch, blocks, lags):
    """All three ways of counting in one corpus: most symbols transformed, some not, and documents too short for it."""
    monkeypatch.setattr(costs, "FOURIER_COSTS", (1.0, 0.4, 2.0, 30.0))
    monkeypatch.setattr(fourier, "FOURIER_COSTS", (1.0, 0.4, 2.0, 3.0))
    sequences = corpus([3000, 5, 9, 701, 2, 5000, 30], 40, seed=3, skew=1.5)
    counter = Counter(sequences, lags, blocks, "dense")
    kernel = FourierKernel(counter.data, counter.lags, MEMORY)
    assert isinstance(kernel, BatchKernel)
    if lags == "all:700":
        assert 3 < len(kernel.symbols) < 39
        assert len(kernel._short.start) > 2 < len(kernel._long.start) + 1
    check_all(kernel, counter.data, pool)


def test_little_memory_makes_batches_and_groups(pool, monkeypatch):
    monkeypatch.setattr(costs, "FOURIER_COSTS", CHEAP_SPECTRA)
    monkeypatch.setattr(fourier, "FOURIER_COSTS", CHEAP_SPECTRA)
    monkeypatch.setattr(fourier, "_LEAST_PIECE", 16)
    counter = Counter(corpus([2000, 900], 12, skew=0.5), "all:600", 0, "dense")
    rows = []
    back = correlation.Correlation._back

    def watched(self, pool, sums, part):
        rows.append(part)
        back(self, pool, sums, part)

    monkeypatch.setattr(correlation.Correlation, "_back", watched)
    n_batches, _ = check_all(FourierKernel(counter.data, counter.lags, 300_000), counter.data, pool)
    assert n_batches > 3
    assert {part.start for part in rows} > {0}
    rows.clear()
    n_batches, _ = check_all(FourierKernel(counter.data, counter.lags, MEMORY), counter.data, pool)
    assert n_batches == 1
    assert rows[0] == slice(0, 11)


@pytest.mark.parametrize("blocks", [0, 4])
def test_a_part_is_counted_as_the_whole_would_be(pool, blocks):
    """Few symbols and few lags alone would be counted one by one; like the whole, they are transformed."""
    sequences = corpus([40_000], 40, seed=3, skew=1.5)
    whole = Counter(sequences, "all:4000", blocks, "fourier").kernel()
    part = Counter(Sequences.from_arrays(sequences.codes[:5000], alphabet_size=40), "all:150", blocks, "dense")
    alone = FourierKernel(part.data, part.lags, MEMORY)
    kernel = FourierKernel(part.data, part.lags, MEMORY, whole)
    assert len(kernel.symbols) == len(whole.symbols) > len(alone.symbols)
    assert kernel.n_singles < alone.n_singles
    check_all(kernel, part.data, pool)
    few = np.resize(whole.symbols[:2].astype(np.uint8), 5000)  # no symbol that follows from the others
    part = Counter(Sequences.from_arrays(few, alphabet_size=40), "all:150", blocks, "dense")
    check_all(FourierKernel(part.data, part.lags, MEMORY, whole), part.data, pool)


def test_memory_for_not_even_one_lag_is_said():
    counter = Counter(corpus([2000], 200), "all:600", 0, "dense")
    with pytest.raises(InputError, match="no memory for tables of 200 symbols and 0 blocks: give more"):
        FourierKernel(counter.data, counter.lags, 200_000)


def test_aligned_pairs_are_refused():
    sequences = corpus([50], 3)
    data = Counter(sequences, [1, 2], 0, "dense", sequences.codes.copy(), aligned=True).data
    with pytest.raises(InputError, match="not pairs that are aligned"):
        FourierKernel(data, np.array([1, 2]), MEMORY)


def test_a_lag_of_another_batch_is_refused(pool):
    counter = Counter(corpus([500], 3), "all:20", 0, "dense")
    kernel = FourierKernel(counter.data, counter.lags, MEMORY)
    with pytest.raises(InputError, match="lag 1 is not in the batch"):
        kernel.fingerprints(1)
    kernel.count(counter.lags[:10], pool, lambda pairs: None)
    with pytest.raises(InputError, match="lag 11 is not in the batch"):
        kernel.cells(11)


@pytest.fixture
def spectral_kernel(monkeypatch):
    monkeypatch.setattr(costs, "FOURIER_COSTS", CHEAP_SPECTRA)
    monkeypatch.setattr(fourier, "FOURIER_COSTS", CHEAP_SPECTRA)
    counter = Counter(corpus([3000], 4), "all:300", 0, "dense")
    return FourierKernel(counter.data, counter.lags, MEMORY)


def test_a_count_far_from_a_whole_number_is_an_error(pool, monkeypatch, spectral_kernel):
    inverse = correlation.fft.irfft
    monkeypatch.setattr(correlation.fft, "irfft", lambda *args, **kwargs: inverse(*args, **kwargs) + 0.3)
    with pytest.raises(MiscopeError, match=r"came out 0\.3 away from a whole number"):
        spectral_kernel.count(spectral_kernel.lags, pool, lambda pairs: None)


def test_a_transform_that_is_not_finite_is_an_error(pool, monkeypatch, spectral_kernel):
    inverse = correlation.fft.irfft
    monkeypatch.setattr(correlation.fft, "irfft", lambda *args, **kwargs: inverse(*args, **kwargs) * np.nan)
    with pytest.raises(MiscopeError, match="came out inf away"):
        spectral_kernel.count(spectral_kernel.lags, pool, lambda pairs: None)


@pytest.mark.parametrize("error", [1.0, -2000.0])
def test_whole_numbers_that_are_wrong_are_errors_too(pool, monkeypatch, spectral_kernel, error):
    inverse = correlation.fft.irfft
    monkeypatch.setattr(correlation.fft, "irfft", lambda *args, **kwargs: inverse(*args, **kwargs) + error)
    with pytest.raises(MiscopeError, match=r"otherwise than pair by pair|came to a count of -"):
        spectral_kernel.count(spectral_kernel.lags, pool, lambda pairs: None)


def worst_distance(codes, lag_count, monkeypatch):
    """The largest distance from a whole number that occurs, with everything transformed; and its bound."""
    monkeypatch.setattr(costs, "FOURIER_COSTS", CHEAP_SPECTRA)
    monkeypatch.setattr(fourier, "FOURIER_COSTS", CHEAP_SPECTRA)
    found = []
    add = correlation._add_rounded
    monkeypatch.setattr(correlation, "_add_rounded", lambda *args: found.append(add(*args)) or found[-1])
    counter = Counter(Sequences.from_arrays(codes), f"all:{lag_count}", 0, "dense")
    kernel = FourierKernel(counter.data, counter.lags, 2**30)
    with ThreadPoolExecutor(1) as one:
        kernel.count(counter.lags, one, lambda pairs: None)
    length = correlation.Length.of(lag_count)
    return max(found), correlation.rounding_bound(len(codes), -(-len(codes) // (length.n // 2)), length.n)


@pytest.mark.parametrize("lags", [300, 20_000])
def test_errors_before_rounding_are_within_their_bound(monkeypatch, lags):
    # Nearly all symbols are of two kinds in turn, so that counts are large at every lag.
    codes = np.resize(np.array([0, 1], np.uint8), 400_000)
    codes[::1000] = 2
    distance, bound = worst_distance(codes, lags, monkeypatch)
    assert 0 < distance < bound < 1e-3


def test_the_bound_refuses_corpora_that_are_too_large(monkeypatch):
    assert correlation.rounding_bound(5e9, 5e9 / 65536, 131072) < 1 / 8 < correlation.rounding_bound(1e11, 1, 131072)
    counter = Counter(corpus([2000], 4), "all:600", 0, "dense")
    monkeypatch.setattr(fourier, "rounding_bound", lambda *args: 0.2)
    with pytest.raises(InputError, match="cannot round safely in so large a corpus"):
        FourierKernel(counter.data, counter.lags, MEMORY)


@given(span=st.integers(1, 200_000))
@example(span=4096)
@example(span=4097)
@settings(max_examples=60, deadline=None)
def test_transforms_are_long_enough_and_little_longer(span):
    length = correlation.Length.of(span)
    assert 2 * span <= length.n <= 2 * span * 1.35 + 16
    assert length.n1 % 2 == 0
    assert np.prod(length.frequencies) <= length.n / 2 * 1.1 + length.n2 + 1


def test_two_steps_make_one_transform():
    """A long transform in two steps is the transform: frequency k1 + n1 k2 stands at (k1, k2)."""
    length = correlation.Length.of(5000)
    n1, n2 = length
    assert n2 > 1
    x = np.random.default_rng(0).normal(size=length.n)
    first = np.fft.rfft(x.reshape(n1, n2).T, axis=-1)
    found = np.fft.fft(first.T * length.factors(), axis=-1)
    k1, k2 = np.indices(found.shape)
    np.testing.assert_allclose(found, np.fft.fft(x)[k1 + n1 * k2], atol=1e-9)


def test_the_doors_know_it():
    sequences = corpus([4000, 30, 2000], 5)
    one, other = (
        Counter(sequences, "all:300", 3, method).map(lambda k, lag: k.cells(lag)) for method in ("fourier", "dense")
    )
    for mine, wanted in zip(one, other, strict=True):
        for found, expected in zip(mine, wanted, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_auto_takes_it_for_many_lags_only():
    codes = corpus([200_000], 27)
    assert Counter(codes, "all:20000", 0, "auto").method == "fourier"
    assert Counter(codes, "1:20000", 0, "auto").method == "dense"
    assert Counter(codes, "all:100", 0, "auto").method != "fourier"
    assert Counter(corpus([200_000], 1, unused=5), [1, 2], 0, "auto").method != "fourier"


def test_memory_stays_within_what_is_given():
    """Sums of products of all pairs at all frequencies are 180 MB; a process that may use 100 MB takes little more."""
    code = """
import resource, sys
import numpy as np
from concurrent.futures import ThreadPoolExecutor
from miscope.counting.doors import Counter
from miscope.counting.fourier import FourierKernel
from miscope.sequences import Sequences
def run(n, lags, memory):
    codes = np.random.default_rng(0).integers(0, 60, n, dtype=np.uint8)
    counter = Counter(Sequences.from_arrays(codes), f"all:{lags}", 0, "dense")
    kernel = FourierKernel(counter.data, counter.lags, memory)
    with ThreadPoolExecutor(2) as pool:
        for batch in kernel.batches():
            kernel.count(batch, pool, lambda pairs: None)
            for start in range(0, len(batch), 200):
                kernel.fingerprints_of(batch[start:start + 1])
    return len(kernel.symbols), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run(40_000, 300, 2**26)
before = run(40_000, 300, 2**26)[1]
n, after = run(120_000, 20_000, 100 * 2**20)
print(n, (after - before) // 1024)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    n_symbols, more = (int(part) for part in found.stdout.split())
    assert n_symbols > 20
    assert more < 140
