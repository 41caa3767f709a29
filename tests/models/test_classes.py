"""Classes of symbols: against sums worked out one by one, and against identities that merging must keep."""

import numpy as np
import pytest
import torch

import miscope as ms
from miscope.errors import InputError
from miscope.models import LSTM
from miscope.models.classes import SymbolClasses, by_frequency, by_map

TEXT = ms.Sequences.from_arrays(["so it is with you", "as with me"])


def summed_by_hand(probabilities, codes, n_classes):
    result = np.zeros((*probabilities.shape[:-1], n_classes))
    for symbol, code in enumerate(codes):
        result[..., code] += probabilities[..., symbol]
    return result


@pytest.mark.parametrize("shape", [(), (3,), (3, 5)])
def test_sums_of_probabilities(shape):
    rng = np.random.default_rng(1)
    classes = SymbolClasses([2, 0, 1, 1, 2, 0, 2], ("a", "b", "c"))
    probabilities = rng.dirichlet(np.ones(7), size=shape)
    found = classes.sum(torch.tensor(probabilities, dtype=torch.float32))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, summed_by_hand(probabilities, classes.codes, 3), atol=1e-6)


def test_sums_over_a_large_vocabulary_are_precise():
    # Nearly all symbols are rare and in one class, where numbers far below the sum are added to it.
    counts = 1 / np.arange(1, 50_001)
    classes = by_frequency(counts, 256)
    probabilities = torch.tensor(np.random.default_rng(2).dirichlet(counts * 100, size=4), dtype=torch.float32)
    found = classes.sum(probabilities)
    assert found.shape == (4, 256)
    exact = probabilities.double()[:, 255:].sum(1)
    np.testing.assert_allclose(found[:, 255], exact, rtol=1e-6)
    assert torch.equal(found[:, :255], probabilities[:, :255])


def test_most_frequent_symbols_stand_alone():
    classes = by_frequency(TEXT, 4)
    text = "so it is with you" + "as with me"
    often = sorted(set(text), key=lambda symbol: (-text.count(symbol), symbol))[:3]
    assert classes.names == (*often, "other")
    assert classes.n_classes == 4
    for symbol, code in zip(TEXT.alphabet, classes.codes, strict=True):
        assert classes.names[code] == (symbol if symbol in often else "other")


def test_counts_serve_as_well_as_sequences():
    np.testing.assert_array_equal(by_frequency(TEXT.histogram(), 5).codes, by_frequency(TEXT, 5).codes)
    assert by_frequency([3, 1, 3], 3).names == (0, 2, "other")  # equally frequent: by their codes


def test_a_symbol_may_be_called_other():
    data = ms.Sequences.from_arrays([["other", "other", "a", "b"]])
    assert by_frequency(data, 2).names == ("other", "_other_")


def test_as_many_classes_as_symbols_lose_nothing():
    classes = by_frequency(TEXT, TEXT.alphabet_size)
    lags = [1, 2]
    merged = ms.measure(classes.apply(TEXT), lags, blocks=2, null="none")
    np.testing.assert_allclose(merged.mi, ms.measure(TEXT, lags, blocks=2, null="none").mi, rtol=1e-9)


def test_classes_are_a_lower_bound():
    data = ms.processes.MarkovChain([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.3, 0.6]]).sample(8, 5000, seed=3)
    whole = ms.measure(data, [1, 2, 3], estimator="plug_in", blocks=4, null="none").mi
    for codes in ([0, 0, 1], [0, 1, 0], [1, 0, 0]):
        merged = SymbolClasses(codes, ("left", "right")).apply(data)
        assert (ms.measure(merged, [1, 2, 3], estimator="plug_in", blocks=4, null="none").mi < whole).all()


def test_documents_are_those_of_map_symbols():
    vowels = dict.fromkeys("aeiou", "vowel")
    classes = by_map(TEXT, vowels, other="else")
    assert classes.apply(TEXT) == TEXT.map_symbols(vowels, other="else")
    # In an order of classes that is not that of their names.
    turned = SymbolClasses(1 - classes.codes, classes.names[::-1])
    assert turned.apply(TEXT).decode(1) == classes.apply(TEXT).decode(1)
    assert turned.apply(TEXT).alphabet == ("vowel", "else")


def test_maps_of_models_and_of_alphabets():
    model = LSTM(alphabet_size=4)
    assert by_map(model, lambda code: "even" if code % 2 == 0 else "odd").codes.tolist() == [0, 1, 0, 1]
    assert by_map(model, lambda code: code % 2).alphabet is None
    model.alphabet = ("a", "b", "c", "d")
    classes = by_map(model, {"a": "first"}, other="rest")
    assert (classes.names, classes.codes.tolist(), classes.alphabet) == (
        ("first", "rest"),
        [0, 1, 1, 1],
        model.alphabet,
    )
    assert by_map(["x", "y"], {"x": 1, "y": 0}).codes.tolist() == [1, 0]


def test_it_says_what_it_is():
    assert repr(by_frequency(np.arange(1000), 9)) == (
        "SymbolClasses(1,000 symbols in 9 classes: 999, 998, 997, 996, 995, 994, …)"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], ("a",)), "names must be two or more, all different"),
        (([0, 1], ("a", "a")), "names must be two or more, all different"),
        (([0, 1], ("a", None)), "names must be two or more, all different, str or int"),
        (([0, 2], ("a", "b")), "codes of classes must be 0 to 1, as there are 2 names"),
        (([0, -1], ("a", "b")), "codes of classes must be 0 to 1"),
        (([0, 0], ("a", "b")), "class 'b' has no symbol"),
        (([0.5, 1], ("a", "b")), "codes must be whole numbers"),
        (([[0], [1]], ("a", "b")), r"codes must be whole numbers, the class of each symbol, shape \(alphabet_size,\)"),
        (([0, 1], ("a", "b"), ("x",)), "alphabet has 1 symbols, and codes are of 2"),
    ],
)
def test_classes_that_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        SymbolClasses(*arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: by_frequency([1, 2, 3], 4), "n must be a whole number of at most 3, not 4"),
        (lambda: by_frequency([1, 2, 3], 1), "n must be a whole number of at least 2"),
        (lambda: by_frequency([1, -2, 3], 2), "counts must be numbers of at least 0"),
        (lambda: by_frequency("abc", 2), "counts must be numbers of at least 0, one for each symbol"),
        (lambda: by_map("abc", {"a": "x"}), "2 symbols have no class: 'b', 'c'; name them, or pass other="),
        (lambda: by_map("abc", ["x", "y", "z"]), "mapping must be a mapping of symbols to names, or a function"),
        (lambda: by_map(3, {"a": "x"}), "classes need a model, Sequences, or a list of symbols"),
        (lambda: by_map("abc", {}, other="all"), "names must be two or more"),
    ],
)
def test_maps_that_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_other_symbols_are_refused():
    classes = by_frequency(TEXT, 3)
    with pytest.raises(InputError, match="the classes are of 12 symbols, and the sequences have 3"):
        classes.apply(ms.Sequences.from_arrays("abc"))
    renamed = ms.Sequences.from_arrays(["so_it_is_with_you", "as_with_me"])
    assert renamed.alphabet_size == TEXT.alphabet_size
    with pytest.raises(InputError, match="other symbols than the classes, or the same in another order"):
        classes.apply(renamed)
    with pytest.raises(InputError, match=r"the last axis must be the 12 symbols; the shape is \(2, 3\)"):
        classes.sum(torch.ones(2, 3))
