"""Many codes go to a file that vanishes by itself: the same codes, bounded memory, and a full disk in plain words."""

import gc
import os
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from miscope.errors import InputError
from miscope.sequences import read_text, stores
from miscope.sequences.stores import CodeStore

PARTS = [
    [np.arange(200, dtype=np.uint8), np.arange(150, 255, dtype=np.uint8)],
    [np.arange(200, dtype=np.uint8), np.arange(0, 999, dtype=np.uint16), np.arange(0, 999, dtype=np.uint16)],
    [np.arange(9, dtype=np.uint8), np.arange(300, dtype=np.uint16), np.arange(70_000, dtype=np.uint32)],
    [np.arange(70_000, dtype=np.uint32), np.arange(5, dtype=np.uint32)],
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(stores, "PIECE", 64)
    return tmp_path


@pytest.mark.parametrize("block", [100, 1 << 25])
@pytest.mark.parametrize("limit", [0, 250, 1 << 28])
@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("kind", [None, "uint8", "uint16", "uint32"])
def test_the_codes_of_all_parts(folder, monkeypatch, block, limit, parts, kind):
    monkeypatch.setattr(stores, "BLOCK", block)
    monkeypatch.setattr(stores, "IN_MEMORY", limit)
    whole = np.concatenate([part.astype(np.uint32) for part in parts])
    table = None if kind is None else np.random.default_rng(0).permutation(int(whole.max()) + 1).astype(kind)
    store = CodeStore()
    for part in [parts[0][:0], *parts]:
        store.append(part.copy())
    codes = store.finish(table)
    assert codes.tolist() == (whole if table is None else table[whole]).tolist()
    assert codes.dtype == (parts[-1].dtype if table is None else table.dtype)
    assert isinstance(codes, np.memmap) == (limit < whole.nbytes and limit < 1000)
    assert store.n == len(codes)


def test_nothing_at_all():
    assert CodeStore().finish().tolist() == CodeStore().finish(np.zeros(0, np.uint16)).tolist() == []


@pytest.mark.skipif(os.name != "posix", reason="other systems keep the name until the file is closed")
def test_the_file_has_no_name_and_outlives_who_wrote_it(folder, monkeypatch):
    monkeypatch.setattr(stores, "IN_MEMORY", 100)
    store = CodeStore()
    for _ in range(10):
        store.append(np.arange(100, dtype=np.uint8))
        assert list(folder.iterdir()) == []
    codes = store.finish()
    del store
    gc.collect()
    assert codes.tolist() == list(range(100)) * 10
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("unit", ["byte", "character", "word", "token"])
def test_text_through_a_file(folder, monkeypatch, unit):
    text = folder / "text"
    text.write_text("So it’s: \u65e5\u672c, so be it.\nIt is so\n\n" * 300 + " ".join(map(str, range(1000))))
    for how in ({"documents": "line"}, {"documents": "blank-line"}, {}):
        expected = read_text([text, text], unit, **how)
        with monkeypatch.context() as patched:
            patched.setattr(stores, "IN_MEMORY", 1000)
            found = read_text([text, text], unit, **how)
        assert found == expected
        assert (isinstance(found.codes, np.memmap), isinstance(expected.codes, np.memmap)) == (True, False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="takes a device that is always full")
@pytest.mark.parametrize("size", [1 << 10, 1 << 20])
def test_a_full_disk(folder, monkeypatch, size):
    monkeypatch.setattr(stores, "IN_MEMORY", 100)
    full = open("/dev/full", "w+b", buffering=0)  # noqa: PTH123, SIM115
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full)
    store = CodeStore()
    with pytest.raises(InputError, match=rf"no room in {folder} for codes of .* GiB .*No space left.*TMPDIR"):
        store.append(np.zeros(size, np.uint8))
    full.close()


def test_no_folder_for_temporary_files(monkeypatch):
    monkeypatch.setattr(stores, "IN_MEMORY", 100)
    monkeypatch.setattr(tempfile, "TemporaryFile", _no_folder)
    monkeypatch.setattr(tempfile, "gettempdir", _no_folder)
    with pytest.raises(InputError, match=r"no room in the folder for temporary files .*usable temporary directory"):
        CodeStore().append(np.zeros(1000, np.uint8))


def _no_folder(**_):
    raise FileNotFoundError(2, "No usable temporary directory found")


@pytest.mark.parametrize(("unit", "documents"), [("byte", "line"), ("character", "file"), ("word", "blank-line")])
def test_memory_is_bounded_whatever_the_size_of_the_file(folder, monkeypatch, unit, documents):
    """What is held does not grow from 8 MB to 32 MB of text."""
    monkeypatch.setattr(stores, "IN_MEMORY", 1 << 20)
    monkeypatch.setattr(stores, "PIECE", 1 << 16)
    paragraph = b"It is so, and so it is; the quick brown fox jumps over it.\n" * 1000 + b"\n"
    peaks = []
    for times in (1, 140, 560):  # the first compiles
        (folder / "text").write_bytes(paragraph * times)
        tracemalloc.start()
        read_text(folder / "text", unit, documents)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    lengths = 24 * 560_000 if documents == "line" else 0  # of documents, and where they begin
    assert peaks[2] < peaks[1] + (1 << 20) + lengths
    assert peaks[2] < 12 << 20 or documents == "line"
