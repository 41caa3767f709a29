"""HDF5, NWB and MATLAB files of version 7.3: arrays by their path, against what was written."""

import sys

import numpy as np
import pytest

import miscope as ms
from miscope.errors import FormatError, InputError, MissingExtraError
from miscope.sequences import Sequences, Series

pytestmark = pytest.mark.extras


def documents(found):
    return [
        found.decode(k) if isinstance(found, Sequences) else found[k].tolist() for k in range(len(found.offsets) - 1)
    ]


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    path = tmp_path_factory.mktemp("hdf5") / "day.nwb"
    import h5py

    with h5py.File(path, "w") as made:
        made["bird/codes"] = np.array([0, 1, 1, 2, 0, 1], np.uint64)
        made["bird/codes_index"] = np.array([4, 4, 6], np.uint8)
        made["bird/labels"] = ["walk", "rest", "walk"]
        made["bird/whole"] = np.array([[0.0, 1.0, 1.0, 0.0, 1.0]] * 2)
        made["bird/truth"] = np.array([True, False])
        made.create_dataset(
            "bird/kinds", data=[1, 0, 1], dtype=h5py.enum_dtype({"rest": 0, "walk": 1}, basetype=np.uint8)
        )
        made["units/spike_times"] = [0.5, 1.25, 0.75]
        made["units/spike_times_index"] = [2, 3]
        made["wrong"], made["wrong_index"] = [1, 2], [2, 1]
        made["table"] = np.array([(1, 2.0)], [("frame", int), ("x", float)])
        made["scalar"] = 3
        made["large"] = np.array([1, 2**40])
        made["negative"] = np.array([1, -1])
    return path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bird/codes", [[0, 1, 1, 2], [0, 1]]),
        ("/bird/codes", [[0, 1, 1, 2], [0, 1]]),
        ("bird/codes_index", [[4, 4, 6]]),
        ("bird/labels", [["walk", "rest", "walk"]]),
        ("bird/whole", [[0, 1, 1, 0, 1]] * 2),
        ("bird/truth", [[1, 0]]),
        ("large", [[1, 2**40]]),
        ("bird/kinds", [["walk", "rest", "walk"]]),
        ("units/spike_times", [[0.5, 1.25], [0.75]]),
    ],
)
def test_arrays_of_hdf5(day, name, expected):
    found = ms.read(f"{day}:{name}")
    assert [list(each) for each in documents(found)] == expected
    assert documents(found) == documents(ms.read_hdf5(day, name))


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("", r"name one, as day\.nwb:.*bird/codes \(6\) uint64"),
        (":bird", r"is a group.*codes"),
        (":bird/nothing", r"no 'bird/nothing'"),
        (":wrong", "do not ascend"),
        (":table", "fields frame, x"),
        (":scalar", "0 dimensions"),
        (":negative", "negative"),
    ],
)
def test_what_hdf5_may_hold_besides(day, part, words):
    with pytest.raises(InputError, match=words):
        ms.read(f"{day}{part}")


def test_lists_of_any_length(tmp_path):
    """Each is a document; strings may be of any length too."""
    import h5py

    held = {
        "codes": (np.int32, [[1, 2, 1], [0], []], [[1, 2, 1], [0]]),
        "speed": (np.float64, [[0.5, 1.5], [2.5]], [[0.5, 1.5], [2.5]]),
        "words": (h5py.string_dtype(), [["so", "it"], ["is", "so", "ä"]], [["so", "it"], ["is", "so", "ä"]]),
    }
    with h5py.File(tmp_path / "a.h5", "w") as made:
        for name, (kind, rows, _) in held.items():
            column = made.create_dataset(name, (len(rows),), h5py.vlen_dtype(kind))
            for k, row in enumerate(rows):
                column[k] = np.array(row, kind if name != "words" else object)
        made.create_dataset("labels", data=["walk", "rest", "walk"], dtype=h5py.string_dtype())
        made["bytes"] = np.array(["ä".encode(), b"o"])
        made["latin"] = np.array(["ä".encode("latin-1")])
        made.create_dataset("square", (2, 2), h5py.vlen_dtype(np.int32))
        made["pointers"] = np.array([made["codes"].ref], h5py.ref_dtype)
    for name, (_, _, expected) in held.items():
        assert [list(each) for each in documents(ms.read(f"{tmp_path}/a.h5:{name}"))] == expected
    assert ms.read(f"{tmp_path}/a.h5:codes").provenance["empty_documents_dropped"] == 1
    assert documents(ms.read(f"{tmp_path}/a.h5:labels")) == [["walk", "rest", "walk"]]
    assert documents(ms.read(f"{tmp_path}/a.h5:bytes")) == ["äo"]
    for name, words in {"latin": "not UTF-8", "square": "2 dimensions", "pointers": "references"}.items():
        with pytest.raises(InputError, match=words):
            ms.read(f"{tmp_path}/a.h5:{name}")


def test_what_is_missing(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as made:
        made["speed"], made["states"] = [0.5, np.nan, 1.5, 2.5], [0, 1, -1, 1]
        made["speed_index"] = [3, 4]
    assert documents(ms.read(f"{tmp_path}/a.h5:speed", missing="break")) == [[0.5], [1.5], [2.5]]
    assert documents(ms.read(f"{tmp_path}/a.h5:states", missing_values=-1)) == [[0, 1], [1]]
    with pytest.raises(InputError, match=r"missing='break'"):
        ms.read(f"{tmp_path}/a.h5:speed")


def test_an_index_is_no_second_array(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as made:
        made["x"], made["x_index"] = [1, 2, 3], [1, 3]
    assert documents(ms.read(tmp_path / "a.h5")) == [[1], [2, 3]]


def test_a_large_array_is_read_a_part_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("miscope.sequences.hdf5.ROWS_AT_ONCE", 64)
    codes = np.random.default_rng(0).integers(0, 300, (100, 7))
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as made:
        made["x"], made["y"] = codes, codes + np.where(np.arange(100) == 99, 0.5, 0.0)[:, None]
    seen = []
    found = ms.read(f"{tmp_path / 'a.h5'}:x", progress=lambda *told: seen.append(told))
    np.testing.assert_array_equal(found.codes.reshape(100, 7), codes)
    assert found.codes.dtype == np.uint16
    assert seen[-1][0] == seen[-1][1]
    assert [told for told, _ in seen] == sorted(told for told, _ in seen)
    assert isinstance(ms.read(f"{tmp_path / 'a.h5'}:y"), Series)  # a fraction in the last part


def as_matlab(made, name, value, kind):
    made[name] = value
    made[name].attrs["MATLAB_class"] = np.bytes_(kind)


def test_matlab_files_that_are_hdf5(tmp_path):
    """Written as MATLAB 7.3 writes: 512 bytes of its own before, arrays transposed, cells as references."""
    path = tmp_path / "a.mat"
    import h5py

    with h5py.File(path, "w", userblock_size=512) as made:
        as_matlab(made, "x", np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]), "double")  # 3 x 2 in MATLAB
        as_matlab(made, "session/word", np.array([[ord(each)] for each in "so it"], np.uint16), "char")
        as_matlab(made, "#refs#/a", np.array([[1.0, 2.0]]), "double")
        as_matlab(made, "#refs#/b", np.array([[2.0], [2.0], [1.0]]), "double")
        as_matlab(made, "#refs#/c", np.array([0, 0], np.uint64), "double")
        made["#refs#/c"].attrs["MATLAB_empty"] = 1
        references = np.array([[made[f"#refs#/{name}"].ref for name in "abc"]], h5py.ref_dtype)
        as_matlab(made, "cells", references, "cell")
        as_matlab(made, "strings", np.zeros((1, 6), np.uint32), "string")
        made["strings"].attrs["MATLAB_object_decode"] = 3
    content = bytearray(path.read_bytes())
    content[:128] = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    path.write_bytes(content)
    assert documents(ms.read(f"{path}:x", as_="symbols")) == [[0, 1, 2], [3, 4, 5]]
    assert documents(ms.read(f"{path}:cells", as_="symbols")) == [[1, 2], [2, 2, 1]]
    assert documents(ms.read(f"{path}:session.word")) == ["so it"]
    assert ms.read(f"{path}:x", as_="symbols").provenance["reader"] == "read_mat"
    with pytest.raises(InputError, match=r"class string.*cellstr"):
        ms.read(f"{path}:strings")
    with pytest.raises(InputError, match=r"x \(3, 2\) double") as caught:
        ms.read(path)
    assert "#refs#" not in str(caught.value)


def test_a_damaged_file(day, tmp_path):
    (tmp_path / "cut.h5").write_bytes(day.read_bytes()[:1000])
    with pytest.raises(FormatError, match="damaged"):
        ms.read(f"{tmp_path / 'cut.h5'}:x")


def test_without_h5py(day, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"miscope\[hdf5\]"):
        ms.read(f"{day}:bird/codes")


def test_addresses(day):
    import fsspec

    fsspec.filesystem("memory").pipe("/m/day.nwb", day.read_bytes())
    assert documents(ms.read("memory://m/day.nwb:bird/codes")) == [[0, 1, 1, 2], [0, 1]]
