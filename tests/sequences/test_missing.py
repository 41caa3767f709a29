"""What stands for missing values, and constants that look as if they did."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.io import savemat

from miscope import measure
from miscope.errors import InputError, MiscopeWarning
from miscope.sequences import Sequences, Series, codes, read
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


# Arrays, in memory and in files

CODES = np.random.default_rng(3).integers(0, 6, 300)
CODES_WITH_MARKS = CODES.copy()
for hole in HOLES:
    CODES_WITH_MARKS[hole] = 99


def without(values):
    """The documents between the holes."""
    return [values[:50].tolist(), values[60:200].tolist(), values[203:].tolist()]


def array_files(folder, values):
    """The same array in all kinds of file that hold arrays."""
    np.save(folder / "a.npy", values)
    np.savez(folder / "a.npz", x=values)
    savemat(folder / "a.mat", {"x": values})
    return [folder / "a.npy", folder / "a.npz", folder / "a.mat"]


@pytest.mark.parametrize(("values", "marked", "mark"), [(VALUES, WITH_MARKS, -9999), (CODES, CODES_WITH_MARKS, 99)])
def test_constants_in_arrays_are_said_and_named(tmp_path, values, marked, mark):
    kind = Series if mark < 0 else Sequences
    for source in (marked, marked.tolist(), [marked], pa.array(marked)):
        with pytest.warns(MiscopeWarning, match=rf"{mark} stands 13 times.*from_arrays\(data, missing_values"):
            said = kind.from_arrays(source).provenance["notes"]
        found = kind.from_arrays(source, missing_values=mark)
        assert [document.tolist() for document in found] == without(values)
        assert found.provenance == {"missing": {"how": "break", "dropped": 13, "values": [str(mark)]}}
        with pytest.warns(MiscopeWarning):
            assert set(said) <= set(measure(source, [1], blocks=0).warnings)
    masked = kind.from_arrays(np.ma.masked_equal(marked, mark))
    assert [document.tolist() for document in masked] == without(values)
    for path in array_files(tmp_path, marked):
        with pytest.warns(MiscopeWarning, match=rf"{mark} stands 13 times.*name it, missing_values=\[{mark}\]"):
            read(path)
        found = read(path, missing_values=[mark])
        assert [document.tolist() for document in found] == without(values)
        with pytest.raises(InputError, match="value 50 of"):
            read(path, missing_values=[mark], missing="refuse")


def test_nan_in_files_of_arrays(tmp_path):
    for values in (VALUES, CODES.astype(float)):
        marked = values.copy()
        for hole in HOLES:
            marked[hole] = np.nan
        for path in array_files(tmp_path, marked):
            for how in ({"missing": "break"}, {"missing_values": np.nan}, {"missing_values": ["nan"]}):
                found = read(path, **how)
                assert [document.tolist() for document in found] == without(values)
                assert found.provenance["missing"]["dropped"] == 13
            for how in ({}, {"missing": "refuse"}):
                with pytest.raises(InputError, match=r"value 50 of .* is nan.*missing='break'"):
                    read(path, **how)
        assert read(path, as_="quantiles:2", missing="break").lengths.tolist() == [50, 140, 97]
    with pytest.raises(InputError, match="did you mean 'break'"):
        read(path, missing="brake")


def test_infinite_values_are_named_too(tmp_path):
    values = np.array([0.5, np.inf, 1.5, -np.inf, 2.5])
    for path in array_files(tmp_path, values):
        with pytest.raises(InputError, match=r"value 1 of .* is inf.*missing_values=\[inf\]"):
            read(path, missing="break")
        assert read(path, missing_values=["inf", "-inf"]).lengths.tolist() == [1, 1, 1]
    assert Series.from_arrays(values, missing_values=[np.inf, -np.inf]).lengths.tolist() == [1, 1, 1]
    assert read_table(pa.table({"x": values}), missing_values=["inf", "-inf"]).lengths.tolist() == [1, 1, 1]


def test_rows_and_channels_with_marks():
    rows = [[0, 1, -1, 1], [-1, -1, -1, -1], [2, 0, 1, 1]]
    assert [each.tolist() for each in Sequences.from_arrays(rows, missing_values=-1)] == [[0, 1], [1], [2, 0, 1, 1]]
    channels = np.array([[0.5, 1.5], [-9.0, 2.5], [1.0, 2.0]])
    assert [each.tolist() for each in Series.from_arrays([channels], missing_values=-9)] == [[[0.5, 1.5]], [[1.0, 2.0]]]
    labels = Sequences.from_arrays(["walk", "lost", "rest"] * 9, missing_values="lost")
    assert (labels.n_documents, labels.alphabet) == (10, ("rest", "walk"))
    with pytest.raises(InputError, match="empty"):
        Sequences.from_arrays([-1, -1], missing_values=-1)
    with pytest.raises(InputError, match="texts"):
        Sequences.from_arrays("so it is", missing_values="i")


def test_negative_codes_say_how_to_name_them(tmp_path):
    marked = np.where(CODES_WITH_MARKS == 99, -1, CODES_WITH_MARKS)
    for dtype in (np.int8, float):
        with pytest.raises(InputError, match=r"Sequences\.from_arrays\(data, missing_values=\[-1\]\)"):
            Sequences.from_arrays(marked.astype(dtype))
        assert [each.tolist() for each in Sequences.from_arrays(marked.astype(dtype), missing_values=-1)] == without(
            CODES
        )
        for path in array_files(tmp_path, marked.astype(dtype)):
            with pytest.raises(InputError, match=r"as_='symbols'.*missing_values=\[-1\]"):
                read(path)
            assert [each.tolist() for each in read(path, missing_values=-1)] == without(CODES)
            assert read(path, as_="symbols").alphabet == (-1, 0, 1, 2, 3, 4, 5)


def test_constants_are_found_in_pieces(monkeypatch):
    """In arrays that are looked at a part at a time, a run may lie across two parts."""
    monkeypatch.setattr(codes.pieces, "__defaults__", (7,))
    for start in range(50, 60):
        values = np.concatenate([VALUES[:start], [-9999, -9999], VALUES])
        assert "-9999 stands 2 times" in note_on_constants(values, "x")[0]
        assert note_on_constants(np.insert(values, start + 1, 0.5), "x") == []


def test_symbols_in_any_order_of_their_alphabet():
    """What an alphabet does not use is no value, and codes are not numbers."""
    with pytest.warns(MiscopeWarning, match="-9999 stands 40 times"):
        Sequences.from_arrays([0, 1, 2, 3, 3, 2, 1] * 20, alphabet=[2, 1, 0, -9999, 7])
    assert "notes" not in Sequences.from_arrays([0, 1, 2, 4, 4, 2, 1] * 20, alphabet=[2, 1, 0, -9999, 7]).provenance
