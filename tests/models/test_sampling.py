"""Samples follow the model's law; the same seed gives the same; what cannot be drawn is refused."""

from itertools import product

import numpy as np
import pytest
import torch

from known_models import LastSymbols, MarkovModel
from miscope.errors import InputError
from miscope.models import LSTM, sample
from miscope.sequences import Sequences


def chi_square(observed, expected):
    return float(((observed - expected) ** 2 / expected).sum())


def test_words_are_as_frequent_as_the_model_says():
    """All 81 words of four symbols, against their probability by reading them; 80 degrees of freedom."""
    model = LSTM(3, width=8, seed=2)
    with torch.no_grad():  # weights that make symbols differ
        model.readout.weight.mul_(6)
    words = torch.tensor(list(product(range(3), repeat=4)))
    with torch.no_grad():
        laws = model.log_probs(words)
    expected = 20_000 * laws.gather(2, words[:, :, None]).sum((1, 2)).exp().numpy()
    drawn = sample(model, 20_000, 4, seed=1).codes.reshape(-1, 4)
    observed = np.bincount(drawn @ [27, 9, 3, 1], minlength=81)
    assert expected.max() > 3 * expected.min()
    assert chi_square(observed, expected) < 130  # beyond: 3 in 10,000


@pytest.mark.parametrize("size", [2, 3, 128, 200])
def test_each_size_of_alphabet_is_drawn_from_its_law(size):
    law = np.arange(1.0, size + 1) / (size * (size + 1) / 2)
    drawn = sample(MarkovModel(np.tile(law, (size, 1))), 100, 1000, seed=3)
    assert isinstance(drawn, Sequences)
    assert drawn.alphabet_size == size
    statistic = chi_square(drawn.histogram(), 100_000 * law)
    assert statistic < size + 4 * np.sqrt(2 * size)


def test_the_same_seed_gives_the_same():
    model = LSTM(4, width=8)
    one, two, three = (sample(model, 10, 50, seed=seed, batch=4) for seed in (1, 1, 2))
    assert np.array_equal(one.codes, two.codes)
    assert not np.array_equal(one.codes, three.codes)
    assert one.n_documents == 10
    assert len({one[d].tobytes() for d in range(10)}) == 10  # batches do not repeat each other


def test_temperature_and_top_k():
    law = np.array([0.5, 0.3, 0.2])
    model = MarkovModel(np.tile(law, (3, 1)))
    cold = sample(model, 100, 1000, temperature=0.5)
    assert chi_square(cold.histogram(), 100_000 * law**2 / (law**2).sum()) < 15
    two = sample(model, 100, 1000, top_k=2)
    assert chi_square(two.histogram()[:2], 100_000 * np.array([0.625, 0.375])) < 12
    assert two.histogram()[2] == 0
    assert (sample(model, 2, 10, top_k=1).codes == 0).all()
    assert two.provenance["sampling"]["top_k"] == 2
    assert cold.provenance["sampling"]["temperature"] == 0.5


def test_discard_leaves_the_start_out():
    model = LSTM(2, width=4)
    whole, later = sample(model, 5, 60, seed=4), sample(model, 5, 40, seed=4, discard=20)
    assert np.array_equal(whole.codes.reshape(5, 60)[:, 20:], later.codes.reshape(5, 40))


def test_provenance_says_of_which_model():
    model = LSTM(2, width=4)
    about = sample(model, 2, 10, seed=9).provenance
    assert about["label"] == "LSTM 4"
    assert about["seed"] == 9
    assert about["model"]["config"] == model.config
    same, other = (sample(LSTM(2, width=4, seed=s), 2, 10).provenance["model"]["weights"] for s in (0, 1))
    assert about["model"]["weights"] == same != other


def test_beyond_the_horizon_only_with_a_sliding_context():
    model = LastSymbols(back=2, stay=1.0, context=8)
    assert sample(model, 3).n_symbols == 24  # as long as it can read
    with pytest.raises(InputError, match=r"reads at most 8 symbols, and documents of 9 .* slide=4"):
        sample(model, 3, 9)
    for slide in (1, 3, 7, True):
        drawn = sample(model, 50, 40, seed=1, slide=slide)
        codes = drawn.codes.reshape(50, 40)
        if slide != 7:  # a context of one symbol after sliding has nothing two steps before
            assert (codes[:, 2:] == codes[:, :-2]).all()
    assert drawn.provenance["sampling"]["slide"] == 4


def test_an_alphabet_comes_along():
    model = LSTM(2, width=4)
    model.alphabet = ("a", "b")
    assert set(sample(model, 1, 20).decode(0)) <= {"a", "b"}


def test_progress_ends_at_the_whole():
    seen = []
    sample(LSTM(2, width=4), 10, 100, batch=4, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (1000, 1000)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_documents": 0}, "n_documents"),
        ({"length": 0}, "length"),
        ({"temperature": 0.0}, "temperature must be a number above 0"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": 3}, "at most 2"),
        ({"discard": -1}, "discard"),
        ({"batch": 0}, "batch"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_arguments(options, words):
    with pytest.raises(InputError, match=words):
        sample(LSTM(2, width=4), **({"length": 10} | options))
