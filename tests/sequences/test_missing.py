"""What stands for missing values, and constants that look as if they did."""

import numpy as np
import pyarrow as pa
import pytest

from miscope import measure
from miscope.errors import InputError, MiscopeWarning
from miscope.sequences.missing import note_on_constants
from miscope.sequences.tables import read_table

VALUES = np.random.default_rng(1).random(300).round(3)
HOLES = [range(50, 60), range(200, 203)]
WITH_MARKS = VALUES.copy()
for hole in HOLES:
    WITH_MARKS[hole] = -9999


def sources(folder, values):
    """The same numbers in files and in memory."""
    (folder / "a.csv").write_text("x,y\n" + "".join(f"{value:g},0\n" for value in values))
    (folder / "a.jsonl").write_text("".join(f'{{"x": {value:g}}}\n' for value in values))
    return [folder / "a.csv", folder / "a.jsonl", pa.table({"x": values}), pa.table({"x": [f"{v:g}" for v in values]})]


def test_marks_that_are_numbers(tmp_path):
    expected = [VALUES[:50], VALUES[60:200], VALUES[203:]]
    for source in sources(tmp_path, WITH_MARKS):
        for marks in (-9999, ["none", "-9999.0"]):
            found = read_table(source, "x", as_="numbers", missing_values=marks)
            assert [document.tolist() for document in found] == [part.tolist() for part in expected]
            assert found.provenance["missing"]["dropped"] == 13
            assert found.provenance["missing"]["values"] == (["-9999"] if marks == -9999 else marks)
        with pytest.raises(InputError, match="row 51 of"):
            read_table(source, "x", as_="numbers", missing_values=-9999, missing="refuse")


def test_marks_that_are_words(tmp_path):
    path = tmp_path / "a.csv"

    def documents(cells, **options):
        path.write_text("x,y\n" + "".join(f"{cell},0\n" for cell in cells))
        found = read_table(path, "x", **options)
        names = found.values if hasattr(found, "values") else np.array(found.alphabet, object)[found.codes]
        return [part.tolist() for part in np.split(names, found.offsets[1:-1])]

    assert documents(["1.5", "none", "2"], missing_values="none") == [[1.5], [2.0]]
    assert documents(["1", "none", "2"], missing_values=["none"]) == [[1], [2]]
    assert documents(["a", "none", "b"], missing_values="none") == [["a"], ["b"]]
    assert documents(["a", "-9", "b"], missing_values=-9) == [["a"], ["b"]]
    assert documents(["1", "-9", "2"], missing_values=-9) == [[1], [2]]
    assert documents(["01", "1", "2"], missing_values="1") == [["01"], ["2"]]
    frame = pa.table({"x": pa.array([1, -9, 2], pa.int8())})
    assert read_table(frame, missing_values=-9).lengths.tolist() == [1, 1]


def test_a_constant_far_outside_is_said(tmp_path):
    for source in sources(tmp_path, WITH_MARKS):
        for how in ("quantiles:4", "numbers", "sign"):
            with pytest.warns(MiscopeWarning, match=r"-9999 stands 13 times.*missing_values=\[-9999\]"):
                found = read_table(source, "x", as_=how)
            assert "-9999" in found.provenance["notes"][0]
    with pytest.warns(MiscopeWarning):
        found = read_table(tmp_path / "a.csv", "x", as_="quantiles:4")
    assert "-9999" in measure(found, [1], blocks=0).warnings[0]
    with pytest.warns(MiscopeWarning, match="99 stands"):
        read_table(pa.table({"x": [1, 2, 3, 4, 99, 99] * 20}))


def runs(*values):
    return np.repeat(np.array(values, np.float64), 2)


@pytest.mark.parametrize(
    ("extremes", "expected"),
    [
        (runs(-9999), "-9999 "),
        (runs(9999), "9999 "),
        (runs(-9999, -8888), "-9999 stands 2 times and -8888 "),
        (runs(-9999, 9999), "-9999 stands 2 times and 9999 "),
        (np.array([-9999.0]), None),  # once is no mark
        (runs(0), None),
        (runs(1.2), None),  # values that stop at a limit
    ],
)
def test_which_constants_are_far(extremes, expected):
    found = note_on_constants(np.concatenate([VALUES, extremes]), "x")
    assert (found == []) if expected is None else (f"the value {expected}" in found[0])


def test_numbers_without_marks_have_no_note():
    random = np.random.default_rng(2)
    for values in (random.standard_normal(5000), random.standard_cauchy(5000), np.round(random.exponential(2, 5000))):
        assert note_on_constants(values, "x") == []
    assert note_on_constants(np.array([60, 62, 64, 0, 0] * 50, float), "pitch", codes=True) == []


def test_refusals(tmp_path):
    frame = pa.table({"x": [[1], [2]], "text": ["so", "it"]})
    with pytest.raises(InputError, match="leave missing_values out"):
        read_table(frame, "x", missing_values=1)
    with pytest.raises(InputError, match=r"missing_values.* cannot be used with unit"):
        read_table(frame, "text", unit="word", missing_values="so")
    with pytest.raises(InputError, match="names no value"):
        read_table(frame, "text", missing_values=[])


def test_a_price_that_is_a_mark_says_so(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("t,x\n1,1.5\n2,-9999\n3,2.5\n4,3\n")
    with pytest.raises(InputError, match=r"missing_values=\[-9999\]"):
        read_table(path, "x", time="t", as_="returns")
    assert len(read_table(path, "x", time="t", as_="returns", missing_values=-9999).values) == 1


@pytest.mark.parametrize(
    "kinds", [[0, 0.1, 0.2, 0.3, 1], [1.5, 2.5, 3.5, 9.5], [0.25, 0.5, 0.75, 2], [0, 0.20, 0.21, 0.22, 0.25]]
)
def test_doses_rates_and_prices_of_few_kinds_are_no_marks(kinds):
    drawn = np.random.default_rng(0).choice(np.array(kinds, float), 400)
    assert note_on_constants(drawn, "x") == []
