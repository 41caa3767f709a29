"""Files without end, and small ones that become large: bounded or refused, and all others read as they are."""

import gzip
import io
import os
import re
import threading

import numpy as np
import pytest

from miscope import machine
from miscope.errors import FormatError, InputError
from miscope.machine import may_use
from miscope.sequences import array_files, biology, decoding, json_lines, read_text, streams, words
from miscope.sequences.reading import read

MIB = 1 << 20


def zeros_npy(n: int) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (n,)})
    return header.getvalue() + bytes(n)


@pytest.fixture
def bomb(tmp_path):
    """64 MiB of zeros as 64 kB, under the name of an array."""
    file = tmp_path / "codes.npy"
    file.write_bytes(gzip.compress(zeros_npy(64 * MIB), 1))
    return file


def test_a_copy_that_does_not_fit_is_refused_while_it_is_made(bomb, monkeypatch):
    monkeypatch.setattr(streams, "temporary_room", lambda: 16 * MIB)
    with pytest.raises(InputError, match=r"codes\.npy.*16\.0 MiB.*TMPDIR"):
        read(bomb)


def test_what_is_unpacked_to_much_takes_disk_and_no_memory(bomb, monkeypatch):
    monkeypatch.setattr(streams, "MOST_IN_MEMORY", MIB)
    monkeypatch.setattr(array_files, "MOST_IN_MEMORY", MIB)
    with may_use(16 * MIB):
        found = read(bomb)
    assert found.n_symbols == 64 * MIB
    assert not found.codes[:: MIB + 1].any()


def test_arrays_that_must_be_in_memory_are_refused_with_their_size(tmp_path):
    file = tmp_path / "codes.npz"
    np.savez_compressed(file, codes=np.zeros(32 * MIB, np.uint8))
    with may_use(16 * MIB), pytest.raises(InputError, match=r"codes.*32\.0 MiB of memory.*16\.0 MiB"):
        read(file)
    with may_use(48 * MIB):
        assert read(file).n_symbols == 32 * MIB


def test_arrays_of_matlab_are_refused_with_their_size(tmp_path):
    io_ = pytest.importorskip("scipy.io")
    io_.savemat(tmp_path / "a.mat", {"x": np.zeros((1, 2 * MIB))}, do_compression=True)
    with may_use(8 * MIB), pytest.raises(InputError, match=r"16\.0 MiB of memory"):
        read(tmp_path / "a.mat")


def test_arrays_of_hdf5_that_hold_nothing_are_refused_with_their_size(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", shape=(10**15,), dtype="f4", chunks=(1000,))
    with pytest.raises(InputError, match="GiB of memory"):
        read(tmp_path / "a.h5")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such devices")  # noqa: PTH110
@pytest.mark.parametrize(
    "name", ["a.npy", "a.npz", "a.arrow", "a.parquet", "a.csv", "a.jsonl", "a.fa", "a.txt", "a.mat"]
)
def test_devices_are_no_data(tmp_path, name):
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(InputError, match="device"):
        read(tmp_path / name)
    with pytest.raises(InputError, match="device"):
        read_text("/dev/zero", unit="byte")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("name", ["pipe.npy", "pipe"])
def test_a_pipe_of_an_array_is_copied(tmp_path, name):
    os.mkfifo(tmp_path / name)
    data = io.BytesIO()
    np.save(data, np.array([0, 1, 1], np.uint8))

    def write():
        with open(tmp_path / name, "wb") as pipe:  # noqa: PTH123
            pipe.write(data.getvalue())

    writer = threading.Thread(target=write)
    writer.start()
    assert read(tmp_path / name).codes.tolist() == [0, 1, 1]
    writer.join()


@pytest.mark.parametrize("n", [50, 101, 1000, 100_000])
def test_lines_of_json_are_nested_so_deep_and_no_deeper(tmp_path, n):
    file = tmp_path / "a.jsonl"
    file.write_text('{"x": "a", "y": "[[{"}\n' * 3 + '{"x": "b", "y": ' + "[" * n + "]" * n + "}\n")
    if n == 50:
        assert read(file, column="x").n_symbols == 4
    else:
        with pytest.raises(FormatError, match="nested"):
            read(file, column="x")


def test_a_deep_line_behind_the_first_block_and_cut_by_pieces(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"x": "a"}\n' * (1 << 21) + '{"x": "b", "y": ' + "[" * 50_000 + "]" * 50_000 + "}\n")
    with pytest.raises(FormatError, match="nested"):
        read(file, column="x")


def test_a_line_of_json_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "BLOCK", 1 << 12)
    file = tmp_path / "a.jsonl"
    file.write_text('{"x": "a"}\n' * 500 + '{"x": "' + "a" * (1 << 14) + '"}\n')
    with pytest.raises(FormatError, match="line of more than"):
        read(file, column="x")


def test_a_word_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(words, "LONGEST", 1 << 10)
    (tmp_path / "a.txt").write_text("so " + "a" * (1 << 19) + " it is")
    with pytest.raises(InputError, match="a word of more than 1,024 letters"):
        read_text(tmp_path / "a.txt", unit="word")
    assert read_text(tmp_path / "a.txt", unit="character").n_symbols == (1 << 19) + 9


@pytest.mark.parametrize("start", [">", ";", ">a\nACGT\n>", ">a\nACGT\n;"])
def test_a_header_without_end(tmp_path, monkeypatch, start):
    monkeypatch.setattr(biology, "LONGEST_LINE", 1 << 12)
    monkeypatch.setattr(biology, "CHUNK", 1 << 12)
    (tmp_path / "a.fa").write_text(start + "a" * (1 << 14) + "\nACGT\n")
    with pytest.raises(FormatError, match="header"):
        read(tmp_path / "a.fa")


def test_a_line_without_end_that_an_expression_looks_at(monkeypatch):
    monkeypatch.setattr(decoding, "LONGEST", 100)
    pieces = ["a = b\n"] + ["a" * 30] * 5
    with pytest.raises(InputError, match="100 characters"):
        list(decoding.mark_matches(pieces, re.compile("=")))
    assert list(decoding.mark_matches(["a" * 60, "\n" + "b" * 60], re.compile("=")))


@pytest.mark.parametrize("unit", ["character", "byte"])
def test_white_space_waits_without_being_looked_at_again_and_again(monkeypatch, tmp_path, unit):
    looked_at = []
    original = decoding.gathered

    def counted(parts, waiting):
        for part in original(parts, waiting):
            looked_at.append(len(part) + waiting())
            yield part

    for module in (decoding, __import__("miscope.sequences.byte_documents", fromlist=["gathered"])):
        monkeypatch.setattr(module, "gathered", counted)
    n = 4 * MIB
    (tmp_path / "a.txt").write_text("a\n" + " " * n + "b\n\n" + " " * n + "c")
    found = read_text(tmp_path / "a.txt", unit=unit, documents="blank-line")
    assert found.lengths.tolist() == [n + 3, n + 1]
    assert sum(looked_at) < 8 * n  # one after the other it would be some 64 times n


def test_room_is_what_is_free(monkeypatch):
    assert 0 < machine.temporary_room() < 1 << 60
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: (_ for _ in ()).throw(OSError))
    assert machine.temporary_room() == 0
