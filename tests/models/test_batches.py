"""Batches: stateless, from the right places, equally often; alphabets that fit or are refused."""

import numpy as np
import pytest
import torch

from miscope import InputError, Sequences, Series
from miscope.models import LSTM
from miscope.models.batches import (
    Drawn,
    Windows,
    as_data,
    default_length,
    held_out_split,
    identity,
    recoding,
    sources,
)
from miscope.processes import FractionalNoise, MarkovChain, PowerLawBinary, TreeGrammar

CHAIN = MarkovChain([[0.9, 0.1], [0.2, 0.8]])


def documents(*lengths):
    """Documents of the numbers 0, 1, 2, ... in one row, so that each symbol says where it stands."""
    ends = np.cumsum(lengths)
    return Sequences.from_arrays(
        [np.arange(end - n, end) for end, n in zip(ends, lengths, strict=True)], alphabet_size=int(ends[-1])
    )


class TestDrawn:
    def test_each_step_can_be_made_again_in_any_order(self):
        there, back = Drawn(CHAIN, 8, 4000, seed=3), Drawn(CHAIN, 8, 4000, seed=3)
        assert there._steps == 16  # so that both orders cross from one group of steps to another
        steps = list(range(40))
        first = {step: there.batch(step)[0].clone() for step in steps}
        for step in reversed(steps):
            torch.testing.assert_close(back.batch(step)[0], first[step], rtol=0, atol=0)
        assert len({tuple(codes.flatten().tolist()) for codes in first.values()}) == 40

    def test_seeds_and_purposes_differ(self):
        batches = [Drawn(CHAIN, 4, 100, seed, purpose).batch(0)[0] for seed in (0, 1) for purpose in (0, 1)]
        assert all((a != b).any() for i, a in enumerate(batches) for b in batches[:i])

    def test_documents_follow_the_chain(self):
        codes, mask = Drawn(CHAIN, 64, 512, seed=0).batch(5)
        assert mask is None
        assert (codes.shape, codes.dtype) == ((64, 512), torch.int64)
        before, after = codes[:, :-1].numpy(), codes[:, 1:].numpy()
        assert (after[before == 0] == 1).mean() == pytest.approx(0.1, abs=0.01)
        assert (after[before == 1] == 0).mean() == pytest.approx(0.2, abs=0.015)

    def test_windows_of_documents_of_one_length(self):
        grammar = TreeGrammar(depth=6)
        codes, _ = Drawn(grammar, 500, 16, seed=0).batch(0)
        assert codes.shape == (500, 16)
        # Neighbours at all places, not only inside the first 16: their agreement is that of the exact joint law.
        agreement = (codes[:, :-1] == codes[:, 1:]).double().mean()
        assert float(agreement) == pytest.approx(np.trace(grammar.joint(1)), abs=0.02)
        with pytest.raises(InputError, match="exactly 64 symbols"):
            Drawn(grammar, 2, 65, seed=0)

    def test_real_numbers(self):
        values, mask = Drawn(FractionalNoise(0.8), 4, 100, seed=0).batch(0)
        assert mask is None
        assert (values.shape, values.dtype) == ((4, 100, 1), torch.float32)


class TestWindows:
    def test_all_places_equally_often_and_none_across_documents(self):
        data = documents(5, 12, 3, 1, 0, 20)
        stream = Windows(data, 200, 4, seed=1)
        counts = {}
        for step in range(100):
            codes, mask = stream.batch(step)
            for row, kept in zip(codes.tolist(), mask.tolist(), strict=True):
                window = tuple(code for code, is_kept in zip(row, kept, strict=True) if is_kept)
                counts[window] = counts.get(window, 0) + 1
        wanted = [tuple(range(a, a + 4)) for a in [0, 1, *range(5, 14), *range(21, 38)]] + [(17, 18, 19), (20,)]
        assert set(counts) == set(wanted)
        found = np.array([counts[window] for window in wanted])
        expected = 20_000 / len(wanted)
        assert np.sum((found - expected) ** 2 / expected) < 63  # chi-squared of 29 degrees at 1 - 3e-4

    def test_stateless(self):
        data = documents(50, 60)
        a, b = Windows(data, 8, 10, seed=4), Windows(data, 8, 10, seed=4)
        later = a.batch(7)[0]
        for step in range(8):
            last = b.batch(step)[0]
        torch.testing.assert_close(last, later, rtol=0, atol=0)
        assert (Windows(data, 8, 10, seed=5).batch(7)[0] != later).any()

    def test_tiles_cover_everything_once(self):
        data = documents(12, 5, 3, 0, 9)
        batches = Windows(data, 3, 4, seed=0).tiles(100)
        seen = []
        for codes, mask in batches:
            seen += codes[mask].tolist() if mask is not None else codes.flatten().tolist()
        # What is left over at the end of documents of 5 and 9 symbols, and all of the short one.
        assert sorted(seen) == sorted([*range(16), 17, 18, 19, *range(20, 28)])
        assert [len(codes) for codes, _ in batches] == [3, 3, 1]
        assert sum(len(codes) for codes, _ in Windows(data, 3, 4, seed=0).tiles(5)) == 5

    def test_mapped_from_disk(self, tmp_path):
        data = Sequences.from_arrays(np.random.default_rng(0).integers(0, 2, (20, 50)))
        data.save(tmp_path / "data.arrow")
        mapped = Sequences.open(tmp_path / "data.arrow")
        torch.testing.assert_close(Windows(mapped, 8, 10, 0).batch(3)[0], Windows(data, 8, 10, 0).batch(3)[0])
        assert identity(mapped) == identity(data)

    def test_whole_windows_only(self):
        series = Series.from_arrays([np.arange(5.0), np.arange(2.0)])
        values, mask = Windows(series, 50, 3, 0, whole=True).batch(0)
        assert mask is None
        assert values.shape == (50, 3, 1)
        assert set(values[:, 0, 0].tolist()) == {0.0, 1.0, 2.0}
        with pytest.raises(InputError, match="no document has as many as 6 moments"):
            Windows(series, 2, 6, 0, whole=True)


class TestHoldingOut:
    def test_a_tenth_of_the_documents(self):
        data = documents(*[7] * 40)
        training, held_out = held_out_split(data, seed=0)
        assert (len(training.starts), len(held_out.starts)) == (36, 4)
        assert sorted([*training.starts, *held_out.starts]) == data.offsets[:-1].tolist()
        assert (held_out.starts != held_out_split(data, seed=1)[1].starts).any()

    def test_the_end_of_few_documents(self):
        training, held_out = held_out_split(documents(100, 30), seed=0)
        assert (training.starts.tolist(), training.ends.tolist()) == ([0, 100], [90, 127])
        assert (held_out.starts.tolist(), held_out.ends.tolist()) == ([90, 127], [100, 130])
        with pytest.raises(InputError, match="too short to hold a part of them out: pass valid=False"):
            held_out_split(documents(1), seed=0)

    def test_nothing_is_both_trained_on_and_held_out(self):
        data = documents(200)
        read = sources(LSTM(200, width=2), data, None, 16, 8, seed=0)
        trained_on = torch.cat([read.training.batch(step)[0].flatten() for step in range(200)])
        held_out = torch.cat([codes.flatten() for codes, _ in read.held_out])
        assert int(trained_on.max()) == 179
        assert held_out.tolist() == list(range(180, 196))

    def test_given_or_none(self):
        model, data = LSTM(2, width=2), Sequences.from_arrays([0, 1] * 50)
        other = Sequences.from_arrays([[1] * 8] * 5)
        given = sources(model, data, other, 4, 8, seed=0)
        assert torch.cat([codes for codes, _ in given.held_out]).tolist() == [[1] * 8] * 5
        assert sources(model, data, False, 4, 8, seed=0).held_out == ()
        fresh = sources(model, CHAIN, None, 4, 8, seed=0)
        assert len(fresh.held_out) == 8
        assert (fresh.held_out[0][0] != fresh.training.batch(0)[0]).any()
        assert len({given.identity["valid"], fresh.identity["valid"]}) == 2


class TestAlphabets:
    def test_recorded(self):
        assert recoding(LSTM(3, width=2), Sequences.from_arrays("abcab")) == (None, ("a", "b", "c"))
        assert recoding(LSTM(4, width=2), Sequences.from_arrays("abcab")) == (None, None)

    def test_recoded_by_symbol(self):
        model = LSTM(3, width=2)
        model.alphabet = ("c", "b", "a")
        read = sources(model, Sequences.from_arrays("aab" * 40), False, 8, 3, seed=0)
        assert set(map(tuple, read.training.batch(0)[0].tolist())) == {(2, 2, 1), (2, 1, 2), (1, 2, 2)}
        assert read.alphabet == ("c", "b", "a")

    def test_unknown_symbols_are_named(self):
        model = LSTM(3, width=2)
        model.alphabet = ("a", "b", "c")
        with pytest.raises(InputError, match="2 symbols of the data are none that LSTM 2 knows: 'd', 'e'; leave"):
            recoding(model, Sequences.from_arrays("abdeab"))
        unused = Sequences.from_arrays(np.array([0, 1, 0]), alphabet=["a", "b", "z"])
        table, _ = recoding(model, unused)
        assert table[:2].tolist() == [0, 1]

    def test_too_many_symbols(self):
        with pytest.raises(
            InputError, match="codes of 0 to 2, and LSTM 2 knows 2 symbols: make it with alphabet_size=3"
        ):
            recoding(LSTM(2, width=2), Sequences.from_arrays("abc"))

    def test_real_numbers_for_a_model_of_symbols(self):
        with pytest.raises(InputError, match="data are real numbers: cut them into symbols first"):
            as_data(LSTM(2, width=2), FractionalNoise(0.8))
        assert as_data(LSTM(2, width=2), "abba").n_symbols == 4


@pytest.mark.parametrize(
    ("data", "longest", "length"),
    [
        (documents(700, 700), None, 700),
        (documents(2000, 2000), None, 512),
        (documents(2000, 2000), 4096, 2000),
        (documents(700, 600), None, 512),
        (documents(700, 600), 256, 256),
        (documents(30, 20), None, 30),
        (PowerLawBinary(), None, 512),
        (PowerLawBinary(), 100, 100),
        (TreeGrammar(depth=10), None, 1024),
        (TreeGrammar(depth=12), None, 512),
    ],
)
def test_default_length(data, longest, length):
    model = LSTM(2, width=2)
    model.longest = longest
    assert default_length(model, data) == length


def test_identity_tells_data_apart():
    base = np.random.default_rng(0).integers(0, 2, 3000)
    changed = base.copy()
    changed[1700] ^= 1
    given = [
        Sequences.from_arrays(base),
        Sequences.from_arrays(changed),
        Sequences.from_arrays(base.reshape(2, -1)),
        Sequences.from_arrays(base, alphabet=["a", "b"]),
        CHAIN,
        PowerLawBinary(),
        PowerLawBinary(0.2),
    ]
    assert len({identity(each) for each in given}) == len(given)
    assert identity(PowerLawBinary()) == identity(PowerLawBinary())


def test_held_out_data_are_read_in_the_alphabet_that_is_learnt():
    """The same words, of which the held-out ones have an alphabet of their own: their loss is that of the training."""
    text = Sequences.from_arrays([list("abcabcabcabcabcabcabcabc")] * 20)
    others = Sequences.from_arrays([list("bcbcbcbcbcbcbcbcbcbcbcbc")] * 4)
    assert text.alphabet != others.alphabet
    held = sources(LSTM(3, width=4), text, others, 4, 24, 0).held_out[0][0]
    assert set(held.unique().tolist()) == {1, 2}
