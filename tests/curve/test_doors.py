"""All doors of functions that take data: each takes what `measure` takes, through the same door, or refuses by name."""

import pathlib

import numpy as np
import pytest

import miscope as ms
from miscope.counting.counted import Steps
from miscope.counting.pair_files import predicted_bytes
from miscope.errors import InputError
from miscope.sequences.in_memory import as_sequences

CODES = np.repeat(np.random.default_rng(7).integers(0, 3, 140), 2)
VALUES = np.random.default_rng(8).standard_normal(280)
TEXT = "".join("abc"[code] for code in CODES)
QUARTERS = np.searchsorted(np.sort(VALUES)[[70, 140, 210]], VALUES, side="right")
MASKED = np.ma.masked_array(CODES, np.arange(280) == 120)


def frame(values):
    return pytest.importorskip("pandas").DataFrame({"x": values})


ROWS = [0, 80, 280]
# What is handed over; its codes; where its documents begin and end.
TAKEN = {
    "Sequences": (lambda: ms.Sequences.from_arrays(CODES), CODES, [0, 280]),
    "several Sequences": (lambda: [ms.Sequences.from_arrays(each) for each in (TEXT[:80], TEXT[80:])], CODES, ROWS),
    "Series": (lambda: ms.Series.from_arrays(VALUES), QUARTERS, [0, 280]),
    "several Series": (lambda: [ms.Series.from_arrays(each) for each in (VALUES[:80], VALUES[80:])], QUARTERS, ROWS),
    "list of int": (CODES.tolist, CODES, [0, 280]),
    "list of lists": (lambda: [CODES[:80].tolist(), CODES[80:].tolist()], CODES, ROWS),
    "str": (lambda: TEXT, CODES, [0, 280]),
    "list of str": (lambda: [TEXT[:80], TEXT[80:]], CODES, ROWS),
    "labels": (lambda: [["home", "mall", "work"][code] for code in CODES], CODES, [0, 280]),
    "bytes": (lambda: CODES.astype(np.uint8).tobytes(), CODES, [0, 280]),
    "array of int": (lambda: CODES, CODES, [0, 280]),
    "table": (lambda: CODES.reshape(2, 140), CODES, [0, 140, 280]),
    "array of float": (lambda: VALUES, QUARTERS, [0, 280]),
    "codes as float": (lambda: CODES.astype(float), CODES, [0, 280]),
    "masked": (lambda: MASKED, CODES[np.arange(280) != 120], [0, 120, 279]),
    "column": (lambda: frame(CODES)["x"], CODES, [0, 280]),
    "frame": (lambda: frame(list(TEXT)), CODES, [0, 280]),
}
REFUSED = {
    "two columns": (lambda: frame(CODES).assign(y=CODES), "columns"),
    "None": (lambda: None, "NoneType"),
    "path": (lambda: pathlib.Path("corpus.txt"), "miscope.read"),
    "name of a file": (lambda: "corpus.txt", "miscope.read"),
    "number": (lambda: 3, "not a sequence"),
    "set": (lambda: {1, 2}, "not a sequence"),
    "generator": (lambda: (code for code in CODES), "not a sequence"),
    "curve": (lambda: ms.measure(CODES, [1, 2], blocks=0), "MICurve"),
    "process": (lambda: ms.processes.IsingChain(0.5), "sample"),
    "Sequences and others": (lambda: [ms.Sequences.from_arrays(CODES), TEXT], "Sequences"),
    "empty": (lambda: np.array([], int), "empty"),
}


def counted(counts):
    return np.concatenate([counts.keys, counts.counts, counts.offsets])


# What takes data, with one number or more of what it gives.
FUNCTIONS = {
    "measure": lambda data, path: ms.measure(data, [1, 3], blocks=4).mi,
    "plan": lambda data, path: [ms.plan(data, [1, 3], blocks=4).n_pairs],
    "contributions": lambda data, path: ms.contributions(data, 1, blocks=4).value,
    "count_pairs": lambda data, path: counted(ms.count_pairs(data, [1, 3], blocks=4)),
    "count_fingerprints": lambda data, path: ms.count_fingerprints(data, [1, 3], blocks=4).joint.counts,
    "count_to_file": lambda data, path: counted(ms.count_to_file(data, path / "counts.arrow", [1, 3], blocks=4)),
    "predicted_bytes": lambda data, path: [predicted_bytes(data, [1, 3], blocks=4)],
    "uniformity": lambda data, path: ms.uniformity(data, [1], segments=2, n_permutations=39, blocks=4).whole.mi,
    "drift": lambda data, path: ms.drift(data, [1], windows=4, n_permutations=19).values.ravel(),
}


MAY_BE_PARTS = ("list of lists", "list of str", "several Sequences", "several Series", "Sequences and others")


def named(table):
    """The names in a table; frames need pandas."""
    frames = ("column", "frame", "two columns")
    return [pytest.param(name, marks=[pytest.mark.extras] * (name in frames)) for name in table]


def pairs(table):
    """Every name with every function, but for lists that `uniformity` may take for parts."""
    return [
        pytest.param(*name.values, function, marks=name.marks)
        for name in named(table)
        for function in FUNCTIONS
        if function != "uniformity" or name.values[0] not in MAY_BE_PARTS
    ]


@pytest.mark.parametrize("name", named(TAKEN))
def test_what_is_taken_for_what(name):
    made, codes, offsets = TAKEN[name]
    found = as_sequences(made())
    assert found.codes.tolist() == codes.tolist()
    assert found.offsets.tolist() == offsets


@pytest.mark.parametrize(("name", "function"), pairs(TAKEN))
def test_every_function_takes_what_measure_takes(name, function, tmp_path):
    call, made = FUNCTIONS[function], TAKEN[name][0]()
    (tmp_path / "known").mkdir()
    np.testing.assert_array_equal(call(made, tmp_path), call(as_sequences(TAKEN[name][0]()), tmp_path / "known"))


@pytest.mark.parametrize(("name", "function"), pairs(REFUSED))
def test_every_function_refuses_the_rest_by_name(name, function, tmp_path):
    made, word = REFUSED[name]
    with pytest.raises(InputError, match=word):
        FUNCTIONS[function](made(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_symbols_of_several_sequences_stay_what_they_are():
    """Codes of two alphabets are not the same symbols: four kinds, in pairs ab, ba, cd and dc."""
    parts = [ms.Sequences.from_arrays("ab" * 200), ms.Sequences.from_arrays("cd" * 200)]
    assert ms.measure(parts, [1], blocks=0, estimator="plug_in").mi[0] == pytest.approx(np.log(4), abs=0.01)
    with pytest.raises(InputError, match="concatenate"):
        ms.Sequences.from_arrays(parts)
    with pytest.raises(InputError, match="Sequences"):
        ms.Sequences.concatenate(["ab", "cd"])


def test_sequences_are_no_counts():
    text = ms.Sequences.from_arrays("abba")
    with pytest.raises(InputError, match="histogram"):
        ms.entropy(text)
    assert ms.entropy(text.histogram(), "plug_in") == pytest.approx(np.log(2))


@pytest.mark.parametrize("given", [CODES, TEXT, None, ms.Sequences.from_arrays(CODES), "fit.json"])
def test_what_is_compared_are_fits(given):
    with pytest.raises(InputError, match="fit"):
        ms.compare(given, given)


def test_numbers_of_several_parts_are_cut_at_the_same_places():
    """The second part is shifted by one standard deviation: at quartiles of its own it would look alike."""
    parts = {"first": VALUES[:140], "second": VALUES[140:] + 1.0}
    edges = np.sort(np.concatenate(list(parts.values())))[[70, 140, 210]]
    shares = [np.bincount(np.searchsorted(edges, each, side="right"), minlength=4) / 140 for each in parts.values()]
    found = ms.uniformity(parts, [1], n_permutations=39, blocks=8)
    assert found.names == ("first", "second")
    np.testing.assert_allclose(found.unigrams, shares)


@pytest.mark.parametrize("documents", [[TEXT[:100], TEXT[100:]], [CODES[:100], CODES[100:]], [[0, 1, 0], [1, 0, 0]]])
def test_a_list_of_documents_may_be_parts(documents):
    with pytest.raises(InputError, match="from_arrays"):
        ms.uniformity(documents, [1])


def test_the_part_that_is_no_data_is_named():
    with pytest.raises(InputError, match="part odd"):
        ms.uniformity({"even": CODES, "odd": pathlib.Path("odd.txt")}, [1])
    with pytest.raises(InputError, match="real numbers"):
        ms.uniformity({"symbols": CODES, "numbers": VALUES}, [1])


@pytest.fixture(scope="module")
def functions():
    from miscope.probing.sides import both_sides

    network = ms.models.LSTM(alphabet_size=3, width=2)
    how = {"steps": 1, "batch": 2, "length": 8, "valid": False}
    curve = ms.measure(np.random.default_rng(2).integers(0, 3, 2000), [1, 2, 3], blocks=4)
    return {
        "couplings": lambda data: ms.couplings(network, data, [1, 2], 8).values,
        "train": lambda data: ms.train(network, data, **how).history.loss,
        "reach": lambda data: both_sides(data, curve, None, {}, Steps(None, 0))[0].values,
    }


@pytest.mark.extras
class TestModels:
    """The same doors of what asks models: symbols that a network of three reads; no real numbers."""

    @pytest.mark.parametrize("function", ["couplings", "train", "reach"])
    @pytest.mark.parametrize("name", [name for name, (_, codes, _) in TAKEN.items() if codes is not QUARTERS])
    def test_symbols_are_taken(self, functions, name, function):
        made = TAKEN[name][0]
        if name == "bytes" and function != "reach":
            with pytest.raises(InputError, match="symbols"):
                functions[function](made())
            return
        call = functions[function]
        np.testing.assert_array_equal(call(made()), call(as_sequences(made())))

    @pytest.mark.parametrize("function", ["couplings", "train", "reach"])
    @pytest.mark.parametrize("name", [name for name in REFUSED if name not in ("curve", "process", "empty")])
    def test_the_rest_is_refused_by_name(self, functions, name, function):
        made, word = REFUSED[name]
        with pytest.raises(InputError, match=word):
            functions[function](made())
