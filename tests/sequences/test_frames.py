"""Data frames: one column is data, of several one has to be named."""

import numpy as np
import pyarrow as pa
import pytest

import miscope as ms
from miscope.errors import InputError
from miscope.sequences.frames import is_frame

CODES, LETTERS = [0, 1, 1, 2] * 50, list("abba") * 50
SEVERAL = "a data frame of 2 columns .codes, letters.: pass one of them, .*read_table"


def table() -> pa.Table:
    return pa.table({"codes": CODES, "letters": LETTERS})


@pytest.fixture
def frames() -> list:
    """The same as data frames of several libraries."""
    import pandas

    narwhals = pytest.importorskip("narwhals")
    frame = pandas.DataFrame({"codes": CODES, "letters": LETTERS})
    return [frame, narwhals.from_native(frame), pa.table(frame)]


def test_what_is_no_frame():
    for data in ([1, 2], np.zeros((2, 2)), "columns", pa.array([1]), ms.Sequences.from_arrays([0, 1])):
        assert not is_frame(data)


class TestTablesOfArrow:
    def test_several_columns_are_not_rows_of_documents(self):
        for call in (ms.measure, ms.Sequences.from_arrays, ms.Series.from_arrays, ms.plan):
            with pytest.raises(InputError, match=SEVERAL):
                call(table())

    def test_one_column_is_that_column(self):
        made = ms.Sequences.from_arrays(table().select(["letters"]))
        assert (made.n_documents, made.alphabet) == (1, ("a", "b"))
        expected = ms.measure(CODES, "1:8").mi
        np.testing.assert_array_equal(ms.measure(table().select(["codes"]), "1:8").mi, expected)
        assert ms.Series.from_arrays(pa.table({"x": [0.5, 1.5]})).values.tolist() == [0.5, 1.5]

    def test_no_column(self):
        with pytest.raises(InputError, match="a data frame of 0 columns"):
            ms.measure(pa.table({}))

    def test_a_column_by_name(self):
        made = ms.read_table(table(), "letters")
        assert made.decode(0) == "".join(LETTERS)
        assert (made.provenance["label"], made.provenance["rows"]) == ("data frame letters", 200)
        assert made.provenance["sources"][0]["name"] == "data frame"
        assert ms.read(table().to_batches()[0], column="codes").codes.tolist() == CODES

    def test_documents_times_and_conversions(self):
        made = pa.table({"of": ["p"] * 3 + ["q"] * 3, "at": [1, 2, 3, 1, 2, 3], "x": [1.0, 2.0, 1.0, 4.0, 2.0, 6.0]})
        read = ms.read(made, column="x", document="of", time="at", as_="returns:sign")
        assert read.lengths.tolist() == [2, 2]
        assert [read.decode(i) for i in range(2)] == ["+-", "-+"]

    def test_progress(self):
        told = []
        ms.read_table(table(), "codes", progress=lambda done, total: told.append((done, total)))
        assert told[-1][0] == told[-1][1] == table().select(["codes"]).nbytes

    def test_what_is_refused(self):
        with pytest.raises(InputError, match=r"'data frame' has 2 columns .* name one with column='…'"):
            ms.read_table(table())
        with pytest.raises(InputError, match="did you mean 'codes'"):
            ms.read(table(), column="code")
        with pytest.raises(InputError, match="leave separator and quoting out"):
            ms.read_table(table(), "codes", separator=",")
        with pytest.raises(InputError, match=r"a data frame is no file: read_table\(frame"):
            ms.read_text(table())
        with pytest.raises(InputError, match="documents cannot be used"):
            ms.read(table(), column="codes", documents="line")
        twice = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], ["x", "y", "x"])
        with pytest.raises(InputError, match="two columns of the name 'x'"):
            ms.read_table(twice, "x")
        assert ms.read_table(twice, "y").alphabet == (2,)


@pytest.mark.extras
class TestLibraries:
    def test_several_columns(self, frames):
        for frame in frames:
            with pytest.raises(InputError, match=SEVERAL):
                ms.measure(frame)

    def test_one_column(self, frames):
        for frame in frames:
            alone = frame.select(["letters"]) if hasattr(frame, "select") else frame[["letters"]]
            assert ms.Sequences.from_arrays(alone).decode(0) == "".join(LETTERS)

    def test_the_column_that_the_error_names(self, frames):
        for frame in frames:
            assert ms.Sequences.from_arrays(frame["codes"].to_numpy()).codes.tolist() == CODES

    def test_a_column_by_name(self, frames):
        for frame in frames:
            assert ms.read_table(frame, "letters").decode(0) == "".join(LETTERS)
            assert ms.read(frame, column="codes").codes.tolist() == CODES

    def test_an_index_with_a_name_is_a_column(self):
        import pandas

        days = pandas.date_range("2020-01-01", periods=4, name="Date")
        frame = pandas.DataFrame({"Close": [1.0, 2.0, 1.0, 3.0]}, index=days)
        made = ms.read_table(frame, "Close", time="Date", as_="returns:sign")
        assert made.decode(0) == "+-+"
        assert made.provenance["times"][0].startswith("2020-01-01")

    def test_an_index_without_a_name_is_none(self):
        import pandas

        frame = pandas.DataFrame({"x": list("abcab")})
        assert ms.read_table(frame[frame["x"] != "c"]).decode(0) == "abab"

    def test_categories_missing_values_and_texts(self):
        import pandas

        assert ms.read_table(pandas.DataFrame({"x": pandas.Categorical(list("abca"))})).codes.tolist() == [0, 1, 2, 0]
        assert ms.read_table(pandas.DataFrame({"x": [0.5, None, 1.5, 2.5]})).lengths.tolist() == [1, 2]
        texts = pandas.DataFrame({"x": ["so it is", "is it"]})
        assert ms.read_table(texts, unit="word").decode(1) == ["is", "it"]

    def test_values_of_several_kinds(self):
        import pandas

        with pytest.raises(InputError, match=r"cannot be read as a table .*column x.*all values of a column numbers"):
            ms.read_table(pandas.DataFrame({"x": [1, "a"]}))

    def test_whole_numbers_of_any_size(self):
        """In columns of objects, where Arrow has no type of integers for them."""
        import pandas

        large = 2**70
        for column in ([large, 3, large + 1], [-5, 3, 2**63], [large, np.int64(3), large]):
            found = ms.read_table(pandas.DataFrame({"x": pandas.Series(column, dtype=object)}))
            assert found.decode(0) == column
        missing = pandas.DataFrame({"x": pandas.Series([large, None, 3, np.nan, large], dtype=object)})
        assert ms.read_table(missing).lengths.tolist() == [1, 1, 1]
        assert ms.read_table(missing, as_="numbers").values.tolist() == [float(large), 3, float(large)]
        rows = pandas.DataFrame({"x": [[large, 3], [3]], "of": [large, large + 1]})
        assert [ms.read_table(rows, "x").decode(k) for k in range(2)] == [[large, 3], [3]]
        several = pandas.DataFrame({"x": ["a", "b"], "of": [large, large + 1]})
        assert ms.read_table(several, "x", document="of").lengths.tolist() == [1, 1]
        with pytest.raises(InputError, match="76 digits"):
            ms.read_table(pandas.DataFrame({"x": pandas.Series([10**80, 1], dtype=object)}))

    def test_only_the_wanted_columns_count(self):
        import pandas

        frame = pandas.DataFrame([["so", 1, "p", 0], ["it", "a", "p", 0]], columns=["word", "mixed", "of", "of"])
        assert ms.read_table(frame, "word").decode(0) == ["so", "it"]
        with pytest.raises(InputError, match="two columns of the name 'of'"):
            ms.read_table(frame, "word", document="of")
        with pytest.raises(InputError, match="did you mean 'word'"):
            ms.read_table(frame, "wrd")
        left = frame[["word", "mixed"]].rename(columns={"mixed": 3}).assign(**{"3": [1, 2]})[["word", "3"]]
        assert ms.read_table(left, document="3").alphabet == ("it", "so")

    def test_a_data_set(self):
        datasets = pytest.importorskip("datasets")
        columns = {"id": ["a", "b"], "tokens": [["EU", "rejects"], ["it"]], "tags": [[1, 0], [2]]}
        data = datasets.Dataset.from_dict(columns)
        made = ms.read_table(data, "tokens")
        assert [made.decode(k) for k in range(2)] == columns["tokens"]
        assert ms.read(data.select([1]), column="tags").codes.tolist() == [2]
        assert ms.Sequences.from_arrays(data["tokens"]) == made
        with pytest.raises(InputError, match="3 columns that could be read"):
            ms.read_table(data)
        with pytest.raises(InputError, match="not in memory"):
            ms.read_table(data.to_iterable_dataset(), "id")
        for call in (ms.read_table, ms.read, ms.Sequences.from_arrays):
            with pytest.raises(InputError, match=r"data\['train'\]"):
                call(datasets.DatasetDict({"train": data, "test": data}))

    def test_frames_that_are_not_in_memory(self, frames):
        with pytest.raises(InputError, match="collect it first"):
            ms.read_table(frames[1].lazy(), "codes")
        with pytest.raises(InputError, match="collect it first"):
            ms.measure(frames[1].lazy())
