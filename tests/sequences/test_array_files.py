"""MATLAB files and .npz: variables by name, cells and columns as documents, against what was written."""

import struct
import zlib

import numpy as np
import pytest
from scipy import sparse
from scipy.io import loadmat, savemat

import miscope as ms
from miscope.errors import FormatError, InputError
from miscope.sequences import Sequences, Series
from miscope.sequences.sources import expand, split_part
from miscope.sequences.two_readings import UnclearError


def cells(*values, shape=None):
    made = np.empty(len(values), object)
    made[:] = [np.array(value) if not isinstance(value, str) else value for value in values]
    return made.reshape(shape or (1, -1))


def documents(found):
    return [
        found.decode(k) if isinstance(found, Sequences) else found[k].tolist() for k in range(len(found.offsets) - 1)
    ]


VARIABLES = {
    "row": (np.array([[1.0, 2.0, 2.0]]), [[1, 2, 2]]),
    "column": (np.array([[1], [2], [2]], np.int16), [[1, 2, 2]]),
    "matrix": (np.array([[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]), [[0, 1, 2], [3, 4, 5]]),
    "reals": (np.array([[0.5], [1.5], [-2.0]]), [[0.5, 1.5, -2.0]]),
    "real_matrix": (np.array([[0.5, 3.0], [1.0, 4.0], [2.0, 5.0]]), [[0.5, 1.0, 2.0], [3.0, 4.0, 5.0]]),
    "cells": (cells([1.0, 2.0], [3.0, 1.0, 1.0], []), [[1, 2], [3, 1, 1]]),
    "cell_column": (cells([[1], [2]], [[0], [1], [0]], shape=(-1, 1)), [[1, 2], [0, 1, 0]]),
    "real_cells": (cells([1.0, 2.0], [0.5]), [[1.0, 2.0], [0.5]]),
    "numbers_in_cells": (cells([3], [1], [3]), [[3, 1, 3]]),
    "logical": (np.array([True, False, True]), [[1, 0, 1]]),
    "text": ("so it is", ["so it is"]),
    "letters": (cells("a", "b", "a"), ["aba"]),
}


@pytest.fixture(scope="module")
def bird(tmp_path_factory):
    path = tmp_path_factory.mktemp("matlab") / "bird.mat"
    others = {
        "full_of_zeros": sparse.eye(3).tocsc(),
        "complex": np.array([1 + 2j]),
        "cube": np.zeros((2, 3, 4)),
        "session": {"songs": cells([1, 2], [2, 2, 1]), "about": {"night": np.array([1.0, 0.0])}},
        "cells_of_matrices": cells(np.eye(2), np.eye(3)),
    }
    savemat(path, {name: value for name, (value, _) in VARIABLES.items()} | others)
    return path


@pytest.mark.parametrize("name", VARIABLES)
def test_variables_of_matlab(bird, name):
    whole = {"as_": "symbols"} if name in ("row", "matrix", "cells") else {}  # of so few values it must be said
    found = ms.read(f"{bird}:{name}", **whole)
    assert isinstance(found, Series) == ("real" in name)
    assert [list(each) if isinstance(each, np.ndarray) else each for each in documents(found)] == VARIABLES[name][1]
    assert documents(found) == documents(ms.read_mat(bird, name, **whole))
    assert found.provenance["label"] == f"bird.mat:{name}"
    assert found.provenance["sources"][0]["bytes"] == bird.stat().st_size


def test_whole_numbers_of_matlab(tmp_path):
    """Its only type is double: few kinds are codes, many are measurements or codes, and neither is guessed."""
    states = np.tile([1.0, 2.0, 2.0], 20)
    savemat(tmp_path / "a.mat", {"states": states, "prices": np.arange(60.0)})
    assert documents(ms.read(f"{tmp_path}/a.mat:states")) == [states.tolist()]
    assert ms.read(f"{tmp_path}/a.mat:states", alphabet=["?", "walk", "rest"]).decode(0)[:2] == ["walk", "rest"]
    with pytest.raises(UnclearError, match=r"as_='symbols'.*as_='quantiles:4'"):
        ms.read(f"{tmp_path}/a.mat:prices")
    assert ms.read(f"{tmp_path}/a.mat:prices", as_="quantiles:2").codes.tolist() == [0] * 30 + [1] * 30


def test_cells_of_words_are_one_document_of_labels(tmp_path):
    words = ["walk", "rest", "walk", "groom"]
    savemat(tmp_path / "a.mat", {"x": cells(*words)})
    assert ms.read(tmp_path / "a.mat").decode(0) == words
    assert ms.Sequences.from_arrays(loadmat(tmp_path / "a.mat")["x"]).decode(0) == words


def test_empty_cells_are_counted(bird):
    assert ms.read(f"{bird}:cells", as_="symbols").provenance["empty_documents_dropped"] == 1


def test_rows_of_characters_are_documents_without_their_blanks(tmp_path):
    savemat(tmp_path / "a.mat", {"x": np.array(["ab", "aba"])})
    assert documents(ms.read(tmp_path / "a.mat", alphabet="ab"))[-1] == "aba"


@pytest.mark.parametrize("packed", [False, True])
def test_old_and_packed_files(tmp_path, packed):
    for version, name in (("4", "a.mat"), ("5", "b.data")):
        savemat(tmp_path / name, {"x": np.array([1.0, 2.0])}, format=version, do_compression=packed and version == "5")
        assert documents(ms.read(tmp_path / name, as_="symbols")) == [[1, 2]]


def test_fields_of_structs(bird):
    assert documents(ms.read(f"{bird}:session.songs")) == [[1, 2], [2, 2, 1]]
    assert documents(ms.read(f"{bird}:session.about.night", as_="symbols")) == [[1, 0]]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("", r"holds \d+ arrays: name one, as bird\.mat:.*matrix \(3, 2\) double"),
        (":nothing", r"no 'nothing' \(one of: row \(1, 3\) double"),
        (":session", r"struct: name a field, as .*session\.songs"),
        (":session.nothing", "no field 'nothing'"),
        (":row.nothing", "no struct"),
        (":full_of_zeros", "sparse"),
        (":complex", "complex"),
        (":cube", "3 dimensions"),
        (":cells_of_matrices", "matrices"),
    ],
)
def test_what_matlab_may_hold_besides(bird, part, words):
    with pytest.raises(InputError, match=words):
        ms.read(f"{bird}{part}")


def test_a_matlab_file_that_is_cut_off(bird, tmp_path):
    for size in (100, 180, 1000):
        (tmp_path / "cut.mat").write_bytes(bird.read_bytes()[:size])
        with pytest.raises(InputError, match=r"damaged|no 'logical'"):
            ms.read(f"{tmp_path / 'cut.mat'}:logical")


@pytest.mark.parametrize("suffix", ["mat", "npz"])
def test_an_alphabet(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "mat":
        savemat(path, {"x": np.array([0, 1, 1])})
    else:
        np.savez(path, x=[0, 1, 1])
    assert ms.read(path, alphabet=["walk", "rest"]).decode(0) == ["walk", "rest", "rest"]
    with pytest.raises(InputError, match="outside an alphabet"):
        ms.read(path, alphabet_size=1)


def test_npz(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, states=np.array([[0, 1], [2, 0]]), speed=np.array([0.5, 1.5]))
    assert documents(ms.read(f"{path}:states")) == [[0, 1], [2, 0]]
    assert documents(ms.read_npz(path, "speed")) == [[0.5, 1.5]]
    with pytest.raises(InputError, match=r"states \(2, 2\) int64, speed \(2\) float64"):
        ms.read(path)
    np.savez(path, x=np.array([{}], object))
    with pytest.raises(FormatError, match="objects"):
        ms.read(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(FormatError, match="damaged"):
        ms.read(path)


# Names


def test_which_colon_names_an_array(tmp_path, monkeypatch, bird):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a:b.txt").write_text("so")
    (tmp_path / "a.mat:b.txt").write_text("it")
    assert ms.read("a:b.txt").decode(0) == "so"
    assert ms.read("a.mat:b.txt").decode(0) == "it"
    (tmp_path / "states.data").write_bytes(bird.read_bytes())
    assert documents(ms.read("states.data:row", as_="symbols")) == [[1, 2, 2]]
    (tmp_path / "a.txt").write_text("so")
    with pytest.raises(InputError, match="holds one thing only"):
        ms.read("a.txt:so")
    for name in (
        "C:\\data\\a.mat",
        "s3://corpus/a.txt",
        "s3://me:secret@corpus/a.mat",
        "zip://a.npz::b.zip",
        "a.h5://b",
    ):
        assert split_part(name) == (name, None)
    assert split_part("s3://corpus/a.h5:x/y") == ("s3://corpus/a.h5", "x/y")
    assert split_part("a.mat.gz:x") == ("a.mat.gz", "x")
    with pytest.raises(InputError, match="name one of them"):
        ms.read_mat("a.mat:x", "y")


def test_a_pattern_and_the_name_of_an_array(tmp_path):
    for name in "ab":
        savemat(tmp_path / f"{name}.mat", {"x": np.array([1, 2])})
    assert expand(f"{tmp_path}/*.mat:x") == [f"{tmp_path}/a.mat:x", f"{tmp_path}/b.mat:x"]
    with pytest.raises(InputError, match="one by one"):
        ms.read(f"{tmp_path}/*.mat:x")


@pytest.mark.extras
def test_addresses(bird):
    import fsspec

    fsspec.filesystem("memory").pipe("/m/bird.mat", bird.read_bytes())
    assert documents(ms.read("memory://m/bird.mat:row", as_="symbols")) == [[1, 2, 2]]


def test_true_is_any_byte_but_0(tmp_path):
    data = np.array([0, 1, 255, 2], np.uint8).view(bool)
    np.save(tmp_path / "flags.npy", data)
    assert ms.read(tmp_path / "flags.npy").codes.tolist() == [0, 1, 1, 1]
    assert ms.Sequences.from_arrays(data).codes.tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"\x09\0\0\0\x18\0\0\0", b"\x41\0\0\0\x18\0\0\0"),  # numbers of a type that there is not
        (b"\x06\0\0\0\x08\0\0\0\x06\0", b"\x06\0\0\0\x08\0\0\0\x01\0"),  # numbers as cells
        (b"\x06\0\0\0\x08\0\0\0\x01\0", b"\x06\0\0\0\x08\0\0\0\x05\0"),  # cells as a sparse matrix
    ],
)
def test_elements_at_which_scipy_crashes_are_refused_before(tmp_path, packed, was, becomes):
    songs = cells([1.5, 2.0, 1.0], [2.0, 1.5, 2.0])
    savemat(tmp_path / "a.mat", {"songs": songs}, do_compression=packed)
    data = (tmp_path / "a.mat").read_bytes()
    assert ms.read(tmp_path / "a.mat").n_documents == 2
    body = zlib.decompress(data[136:]) if packed else data[128:]
    assert was in body
    body = body.replace(was, becomes)
    body = struct.pack("<II", 15, len(zlib.compress(body))) + zlib.compress(body) if packed else body
    (tmp_path / "a.mat").write_bytes(data[:128] + body)
    with pytest.raises(FormatError, match="damaged"):
        ms.read(tmp_path / "a.mat")
