"""What people hold in memory: the same symbols and numbers from whatever holds them; what can be read in two ways."""

import array
import decimal
import fractions
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import miscope as ms
from miscope.errors import InputError
from miscope.sequences import Sequences, Series
from miscope.sequences.in_memory import in_memory
from miscope.sequences.two_readings import EACH, LONG, MOST_KINDS, UnclearError

WORDS = ["home", "shop", "cart", "shop"] * 50
NUMBERS = np.random.default_rng(0).normal(size=60)
LONELY = "\ud800"


def documents(sequences):
    return [list(sequences.decode(k)) for k in range(len(sequences))]


def entropy(symbols):
    """Of a list, in nats: what two neighbours of a sequence share of which each tells the next."""
    share = np.unique(symbols, return_counts=True)[1] / len(symbols)
    return -float(share @ np.log(share))


class Offers:
    """Something that offers one way to an array, and nothing else."""

    def __init__(self, **offered):
        self.__dict__.update(offered)


def columns_of(words):
    """One column of words, as those libraries hold it that are always there."""
    return {
        "object": np.array(words, object),
        "U": np.array(words),
        "S": np.array(words, "S"),
        "StringDType": np.array(words, np.dtypes.StringDType()),
        "column": np.array(words, object).reshape(-1, 1),
        "arrow": pa.array(words),
        "large": pa.array(words, pa.large_string()),
        "view": pa.array(words, pa.string_view()),
        "chunks": pa.chunked_array([words[:7], words[7:]]),
        "dictionary": pa.array(words).dictionary_encode(),
        "run ends": pc.run_end_encode(pa.array(words)),
        "table": pa.table({"words": words}),
        "masked": np.ma.masked_array(np.array(words, object), False),
    }


@pytest.mark.parametrize("how", list(columns_of(WORDS)))
def test_a_column_of_words_is_one_sequence_of_symbols(how):
    column = columns_of(WORDS)[how]
    made = Sequences.from_arrays(column)
    assert documents(made) == [WORDS]
    assert documents(Sequences.from_arrays([column, column])) == [WORDS, WORDS]


@pytest.mark.extras
@pytest.mark.parametrize("dtype", ["object", "str", "string", "category", "arrow", "index", "categorical"])
def test_columns_of_pandas(dtype):
    pandas = pytest.importorskip("pandas")
    kinds = {"index": pandas.Index, "categorical": pandas.Categorical}
    types = {"arrow": pandas.ArrowDtype(pa.string())}
    column = kinds[dtype](WORDS) if dtype in kinds else pandas.Series(WORDS, dtype=types.get(dtype, dtype))
    assert documents(Sequences.from_arrays(column)) == [WORDS]
    assert documents(Sequences.from_arrays([column, column])) == [WORDS, WORDS]


@pytest.mark.extras
def test_every_door_takes_a_column_of_words():
    pandas = pytest.importorskip("pandas")
    column = pandas.Series(WORDS)
    curve = ms.measure(column, [2], blocks=0, estimator="plug_in", null="none")
    pairs = np.array([WORDS[:-2], WORDS[2:]])
    joint = entropy(np.char.add(np.char.add(pairs[0], " "), pairs[1]))
    assert curve.mi[0] == pytest.approx(entropy(pairs[0]) + entropy(pairs[1]) - joint)
    assert curve.n_pairs[0] == len(WORDS) - 2
    assert ms.plan(column, [1]).n_kinds == 3
    assert ms.contributions(column, 1, top=1, blocks=0).symbols[0] == ("shop", "cart")
    assert ms.mutual_information(column, column.astype("category")) > 0.9


REAL = {
    "array": lambda x: x,
    "list": lambda x: x.tolist(),
    "__array__": lambda x: type("Held", (), {"__array__": lambda self, dtype=None, copy=None: x})(),
    "__array_interface__": lambda x: Offers(__array_interface__=x.__array_interface__),
    "dlpack": lambda x: type(
        "Held",
        (),
        {
            "__dlpack__": lambda self, **how: x.__dlpack__(**how),
            "__dlpack_device__": lambda self: x.__dlpack_device__(),
        },
    )(),
    "memoryview": memoryview,
    "array.array": lambda x: array.array("d", x),
    "arrow": pa.array,
    "one column": lambda x: x.reshape(-1, 1),
    "table": lambda x: pa.table({"x": x}),
}


@pytest.mark.parametrize("how", list(REAL))
def test_real_numbers_are_the_same_from_whatever_holds_them(how):
    held = REAL[how](NUMBERS)
    assert Series.from_arrays(held).values.tolist() == NUMBERS.tolist()
    found = ms.measure(held, [1], blocks=0)
    np.testing.assert_array_equal(found.mi, ms.measure(NUMBERS, [1], blocks=0).mi)
    with pytest.raises(InputError, match="quantise"):
        Sequences.from_arrays(held)


@pytest.mark.extras
def test_tensors_by_what_they_offer():
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(NUMBERS, requires_grad=True)
    assert Series.from_arrays(tensor).values.tolist() == NUMBERS.tolist()
    assert Series.from_arrays(list(tensor)).values.tolist() == NUMBERS.tolist()
    assert Sequences.from_arrays(torch.tensor([0, 1, 1] * 9).bfloat16()).codes.tolist() == [0, 1, 1] * 9
    assert Sequences.from_arrays(torch.zeros(2, 3, dtype=torch.bool)).lengths.tolist() == [3, 3]
    assert ms.entropy(torch.ones(4, requires_grad=True), "plug_in") == pytest.approx(np.log(4))
    with pytest.raises(InputError, match="numpy cannot take"):
        Sequences.from_arrays(torch.eye(3).to_sparse())


class TestBytes:
    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_bytes_are_symbols(self, kind, tmp_path):
        (tmp_path / "a").write_bytes(b"ab\xffa")
        assert Sequences.from_arrays(kind(b"ab\xffa")) == ms.read_text(tmp_path / "a", unit="byte")

    def test_lists_of_bytes_are_as_lists_of_strings(self):
        assert documents(Sequences.from_arrays([b"walk", b"rest"] * 9)) == [["walk", "rest"] * 9]
        assert Sequences.from_arrays([b"so it is", b"it"]).lengths.tolist() == [8, 2]


class TestMissing:
    def test_masked_places_end_documents(self):
        masked = np.ma.masked_array([0, 1, 9, 1, 0, 9] * 3, [0, 0, 1, 0, 0, 1] * 3)
        made = Sequences.from_arrays(masked)
        assert [document.tolist() for document in made] == [[0, 1], [1, 0]] * 3
        assert made.provenance["missing"] == {"how": "break", "dropped": 6}
        assert Sequences.from_arrays(masked.reshape(3, 6)) == made
        assert Sequences.from_arrays([masked[:6], masked[6:]]) == made
        reals = Series.from_arrays(masked.astype(float))
        assert reals.offsets.tolist() == made.offsets.tolist()
        assert ms.measure(masked, [1], blocks=0).n_pairs.tolist() == [6]

    @pytest.mark.parametrize(
        "column",
        [
            pa.array(["a", None, "b"]),
            pa.array(["a", None, "b"]).dictionary_encode(),
            np.array(["a", None, "b"], object),
            np.array(["a", float("nan"), "b"], object),
            np.ma.masked_array(["a", "x", "b"], [False, True, False]),
        ],
    )
    def test_missing_symbols(self, column):
        assert documents(Sequences.from_arrays(column)) == [["a"], ["b"]]

    def test_masked_places_and_offsets(self):
        """Offsets would count what a mask leaves out."""
        for masked in ([0, 1, 9, 1], [0, 1, 0, 9]):
            with pytest.raises(InputError, match="leave offsets out"):
                Sequences.from_arrays(np.ma.masked_equal(masked, 9), offsets=[0, 2, 4])

    @pytest.mark.extras
    def test_those_of_pandas(self):
        pandas = pytest.importorskip("pandas")
        for column in (
            pandas.Series([0, None, 1], dtype="Int64"),
            pandas.Series([False, None, True], dtype="boolean"),
            pandas.Series([0, None, 1], dtype="category").astype("Int64"),
        ):
            assert documents(Sequences.from_arrays(column)) == [[0], [1]]
        assert Series.from_arrays(pandas.Series([0.5, None, 1])).lengths.tolist() == [1, 1]
        words = pandas.Series(["a", pandas.NA, None, "b"], dtype=object)
        assert documents(Sequences.from_arrays(words)) == [["a"], ["b"]]
        with pytest.raises(InputError, match=r"x\[1\] is missing"):
            ms.mutual_information(pandas.Series(["a", None]), ["a", "b"])

    @pytest.mark.parametrize("data", [["a", None], [[1, None]], [["a", "b"], ["a", None]]])
    def test_none_in_lists(self, data):
        with pytest.raises(InputError, match="item 1 of a list is None"):
            Sequences.from_arrays(data)

    def test_nan_in_arrays_says_how_to_say_that_it_is_missing(self):
        data = np.array([0, 1, np.nan] * 9)
        with pytest.raises(InputError, match="masked_invalid"):
            ms.measure(data)
        assert Sequences.from_arrays(np.ma.masked_invalid(data)).lengths.tolist() == [2] * 9
        with pytest.raises(InputError, match="empty"):
            Sequences.from_arrays(np.ma.masked_all(4, int))


@pytest.mark.parametrize(
    "data",
    [
        np.array([2**63, 7, 2**63], np.uint64),
        np.array([2**63, 7, 2**63], object),
        [2**63, 7, 2**63],
        pa.array([2**63, 7, 2**63], pa.uint64()),
        pa.array([decimal.Decimal(2**63), decimal.Decimal(7), decimal.Decimal(2**63)]),
    ],
)
def test_whole_numbers_too_large_for_codes_are_symbols(data):
    assert documents(Sequences.from_arrays(data)) == [[2**63, 7, 2**63]]


def test_large_negative_numbers_are_refused_as_small_ones():
    with pytest.raises(InputError, match=r"negative code -1 at position 1"):
        Sequences.from_arrays([2**63, -1])


class TestFloats:
    STATES = np.random.default_rng(1).integers(1, 118, 3000)

    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    def test_whole_numbers_of_few_kinds_are_codes(self, dtype):
        states = self.STATES.astype(dtype)
        for held in (states, states.tolist(), [states[:9], states[9:]], states.reshape(-1, 1)):
            made = in_memory(held)
            np.testing.assert_array_equal(made.codes, self.STATES)
            assert (made.n_kinds, "117 kinds" in repr(made)) == (117, True)
            assert "codes, not measurements" in made.provenance["notes"][-1]
        curve = ms.measure(states, [1], blocks=0)
        np.testing.assert_array_equal(curve.mi, ms.measure(self.STATES, [1], blocks=0).mi)
        assert any("codes, not measurements" in text for text in curve.warnings)
        assert ms.plan(states, [1]).n_kinds == 117

    @pytest.mark.parametrize(
        "data",
        [
            np.array([-1.0, 1.0] * 100),
            np.arange(EACH * (MOST_KINDS + 1.0)) % (MOST_KINDS + 1),
            np.repeat(np.arange(9.0), EACH - 1),
            np.array([0.0, 1e300] * 9),
        ],
    )
    def test_what_looks_like_measurements_is_refused(self, data):
        for door in (Sequences.from_arrays, ms.measure, ms.plan, in_memory):
            with pytest.raises(UnclearError, match=r"codes.*measurements.*n_quantiles=4"):
                door(data)
        assert in_memory(data, "quantiles:2").alphabet_size == 2
        assert ms.measure(data, [1], n_quantiles=2, blocks=0).n_pairs[0] == len(data) - 1

    def test_the_bounds_of_few_kinds(self):
        assert isinstance(in_memory(np.repeat(np.arange(9.0), EACH)), Sequences)
        assert isinstance(in_memory(np.repeat(np.arange(float(MOST_KINDS)), EACH)), Sequences)

    def test_a_series_of_them_is_not_cut_unasked(self):
        series = Series.from_arrays(self.STATES.astype(float))
        with pytest.raises(UnclearError, match=r"as_='symbols'.*as_='quantiles:4'"):
            ms.measure(series)
        assert ms.measure(series, [1], n_quantiles=4, blocks=0).n_pairs[0] == 2999
        assert ms.measure(series.quantise(4), [1], blocks=0).n_pairs[0] == 2999

    def test_what_as_says(self):
        data = np.array([0.0, 300.0])
        assert documents(in_memory(data, "symbols")) == [[0, 300]]
        assert in_memory(data, "numbers").values.tolist() == [0, 300]
        with pytest.raises(InputError, match="fractions are no symbols"):
            in_memory([0.5, 1.0], "symbols")


class TestStrings:
    @pytest.mark.parametrize(
        "labels",
        [
            ["walk", "groom", "rest"] * 5,
            ["aa", "b", "a", "cd"] * 10,
            ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] * 52,
            [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"] * 5,
            ["10", "11", "0"] * 5,
            ["so", "it", "is"] * 5,
            ["x" * LONG, "y" * LONG] * EACH,
        ],
    )
    def test_labels_repeat(self, labels):
        made = Sequences.from_arrays(labels)
        assert documents(made) == [labels]
        assert "labels" in ms.measure(labels, [1], blocks=0).warnings[0]

    @pytest.mark.parametrize(
        "texts",
        [
            ["a long text " * 9],
            ["so it is", "is it so"],
            ["ACGT" * 25, "TTGA" * 25],
            ["A line of verse that is as long as such lines are, or somewhat longer,", "Heigh ho!"] * 2,
        ],
    )
    def test_texts_do_not_or_are_long(self, texts):
        assert documents(Sequences.from_arrays(texts)) == [list(text) for text in texts]

    @pytest.mark.parametrize(
        "strings",
        [
            ["to", "be", "or", "not", "to", "be"],
            ["a", "bc"],
            ["ok", "yes", "no", "ok", "see you later then"] * 2,
            ["walk", "rest"] * (EACH - 1),
        ],
    )
    def test_others_are_refused_with_both_spellings(self, strings):
        with pytest.raises(UnclearError, match=re.escape("[data]") + ".*" + re.escape("[list(text) for text in data]")):
            ms.measure(strings)
        assert documents(Sequences.from_arrays([strings])) == [strings]
        assert documents(Sequences.from_arrays([list(text) for text in strings])) == [list(text) for text in strings]

    def test_names_of_files(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "book").write_text("so it is")
        for name in ("book", str(tmp_path / "book"), "no/such/book.txt", "data/*.csv", str(tmp_path), "a.csv.gz"):
            for door in (ms.measure, ms.plan, Sequences.from_arrays):
                with pytest.raises(InputError, match=r"miscope\.read\("):
                    door(name)
            with pytest.raises(InputError, match=r"miscope\.read\("):
                Sequences.from_arrays([name, name])
        with pytest.raises(InputError, match=r"miscope\.read\("):
            Sequences.from_arrays(tmp_path / "book")
        assert Sequences.from_arrays("It is in book.txt.").n_symbols == 18
        assert Sequences.from_arrays(list("book")).n_symbols == 4

    def test_half_of_a_surrogate_pair(self, tmp_path):
        symbols = [["a" + LONELY, "b", "b"] * 9]
        curve = ms.measure(symbols, [1], blocks=0, label="x" + LONELY)
        curve.save(tmp_path / "curve.json")
        assert ms.MICurve.load(tmp_path / "curve.json").label == "x" + LONELY
        found = ms.contributions(symbols, 1, blocks=0)
        found.save(tmp_path / "pairs.json")
        assert r"a\ud800" in found.to_table()["left"].to_pylist()


class TestShapes:
    def test_many_short_rows_are_said(self):
        rows = np.random.default_rng(0).integers(0, 2, (30, 12))
        assert "data.T" in ms.measure(rows, [1], blocks=0).warnings[0]
        assert "data.T" in ms.contributions(rows, 1, blocks=0).warnings[0]
        assert "data.T" in Series.from_arrays(rows).provenance["notes"][0]
        assert "notes" not in Sequences.from_arrays(rows.T).provenance
        assert "notes" not in Sequences.from_arrays(list(rows)).provenance

    def test_one_column_is_one_document(self):
        assert Sequences.from_arrays(np.array([[0], [1], [1]])).lengths.tolist() == [3]
        assert Series.from_arrays(np.array([[0.5], [1]])).lengths.tolist() == [2]

    def test_cells_of_columns(self):
        """As scipy.io.loadmat gives them: everything has two dimensions, and cells are arrays of objects."""
        cells, inner, words = np.empty((1, 3), object), np.empty((1, 1), object), np.empty((2, 1), object)
        inner[0, 0] = np.array([[1], [2]])
        cells[0, :] = [np.array([[3], [0], [1]]), np.array([[0, 1]]), inner]
        assert [document.tolist() for document in Sequences.from_arrays(cells)] == [[3, 0, 1], [0, 1], [1, 2]]
        assert [document.tolist() for document in Series.from_arrays(cells)] == [[3, 0, 1], [0, 1], [1, 2]]
        words[:, 0] = [np.array(["walk"]), np.array(["rest"])]
        assert documents(Sequences.from_arrays(words)) == [["walk", "rest"]]
        several = np.empty((1, 2), object)
        several[0, :] = [words, words]
        assert documents(Sequences.from_arrays(several)) == [["walk", "rest"]] * 2

    def test_arrow_lists_are_documents(self):
        assert documents(Sequences.from_arrays(pa.array([[1, 2], None, [3]]))) == [[1, 2], [3]]
        assert documents(Sequences.from_arrays(pa.array([["so", "it"], [], ["is"]]))) == [["so", "it"], [], ["is"]]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (pa.array([{"a": 1}]), "struct"),
        (pa.array([b"a"]), "binary"),
        (pa.array([[[1]]]), "list"),
        (pa.array([1], pa.timestamp("s")), "timestamp"),
        (np.zeros(3, [("a", int)]), r"data\['a'\]"),
        (np.array([b"\xff"]), "UTF-8"),
        (np.array(["2020"], "M8[D]"), "datetime64"),
        (np.array([b"ab"], "V2"), "neither numbers nor strings"),
        (np.array(["a", 1], object), "partly str"),
        ([np.datetime64("2020")] * 2, "neither symbols nor numbers"),
        ([fractions.Fraction(10**400, 3)] * 2, "neither symbols nor numbers"),
        ({"a": 1}, "a dict with"),
        (None, "one NoneType"),
    ],
)
def test_types_that_are_no_data(data, words):
    with pytest.raises(InputError, match=words):
        Sequences.from_arrays(data)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_is_a_table_of_rows():
    states = [0, 1, 2, 1]
    for matrix in (np.matrix(states), np.matrix(states).T):
        assert documents(Sequences.from_arrays(matrix)) == [states]
        assert documents(Sequences.from_arrays([matrix, matrix])) == [states, states]
        assert Series.from_arrays([matrix / 4, matrix]).lengths.tolist() == [4, 4]
        assert Series.from_arrays(matrix / 4)[0].tolist() == [0, 0.25, 0.5, 0.25]
    assert documents(Sequences.from_arrays(np.matrix([states, states[::-1]]))) == [states, states[::-1]]


def test_decimals_and_fractions_are_numbers():
    values = np.random.default_rng(0).integers(0, 99, 60) / 4
    for kind in (decimal.Decimal, fractions.Fraction):
        exact = [kind(value) for value in values.tolist()]
        for data in (exact, np.array(exact, object)):
            assert in_memory(data).values.tolist() == values.tolist()
            assert ms.measure(data, [1], blocks=0).mi == ms.measure(values, [1], blocks=0).mi
        assert in_memory([exact, exact]).n_documents == 2
        assert documents(in_memory([kind(1), kind(3), kind(1)])) == [[1, 3, 1]]
    nothing = decimal.Decimal("NaN")
    assert in_memory(np.array([decimal.Decimal(1), nothing, decimal.Decimal(2)], object)).lengths.tolist() == [1, 1]
    with pytest.raises(InputError, match="missing"):
        in_memory([decimal.Decimal(1), nothing])


def test_data_under_names_are_refused_by_name():
    for call in (Sequences.from_arrays, Series.from_arrays, ms.measure, ms.read, ms.read_table, ms.read_text):
        with pytest.raises(InputError, match=r"train, test: pass one of them, data\['train'\]"):
            call({"train": [0, 1], "test": [1]})
