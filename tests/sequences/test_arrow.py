"""Arrow files: there and back, without copies, and never a wrong result from a damaged one."""

import copy
import dataclasses
import errno
import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from miscope.atomic import atomic_path
from miscope.errors import FormatError, InputError, MiscopeWarning
from miscope.sequences import Sequences, read, read_table

TEXT = Sequences.from_arrays(["so it is", "is it so"], label="poem")


def write(path, table, stream=False):
    writer = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as sink, writer(sink, table.schema) as out:
        out.write_table(table)
    return path


def lists(values, kind=None, name="input_ids"):
    return pa.table({name: pa.array(values, pa.list_(kind or pa.int32()))})


@given(
    st.lists(st.lists(st.integers(0, 70_000), max_size=5), min_size=1, max_size=5).filter(any),
    st.one_of(st.none(), st.text(max_size=5)),
)
def test_there_and_back(tmp_path_factory, documents, label):
    path = tmp_path_factory.mktemp("arrow") / "codes.arrow"
    sequences = Sequences.from_arrays([np.array(document, int) for document in documents], label=label)
    sequences.save(path)
    opened = Sequences.open(path)
    assert opened == sequences
    assert opened.codes.dtype == sequences.codes.dtype
    assert opened.provenance == sequences.provenance


def test_alphabet_and_provenance_come_back(tmp_path):
    provenance = {"n": np.int64(3), "path": Path("a/b"), "array": np.arange(2)}
    Sequences(TEXT.codes, TEXT.offsets, TEXT.alphabet_size, TEXT.alphabet, provenance).save(tmp_path / "a")
    opened = Sequences.open(str(tmp_path / "a"))
    assert opened == TEXT
    assert opened.provenance == {"n": 3, "path": str(Path("a/b")), "array": [0, 1]}


def test_a_file_is_what_the_format_says(tmp_path):
    TEXT.save(tmp_path / "a.arrow")
    reader = pa.ipc.open_file(str(tmp_path / "a.arrow"))
    assert reader.num_record_batches == 1
    assert reader.schema.field("codes").type == pa.large_list(pa.uint8())
    metadata = json.loads(reader.schema.metadata[b"miscope"])
    assert (metadata["format"], metadata["version"], metadata["alphabet_size"]) == ("miscope.sequences", 1, 5)
    assert [row.as_py() for row in reader.read_all()["codes"]] == [document.tolist() for document in TEXT]


def test_opening_copies_nothing(tmp_path):
    size = 64 << 20
    Sequences.from_arrays(np.zeros(size, np.uint8), np.arange(0, size + 1, 1 << 10)).save(tmp_path / "a")
    Sequences.open(tmp_path / "a")  # whatever is loaded late is loaded now
    before = pa.total_allocated_bytes()
    opened = Sequences.open(tmp_path / "a")
    assert pa.total_allocated_bytes() - before < 1 << 20
    assert not opened.codes.flags.owndata
    assert not opened.offsets.flags.owndata
    assert not opened.codes.flags.writeable


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads Linux's list of what is mapped where")
def test_codes_and_offsets_lie_in_the_mapped_file(tmp_path):
    Sequences.from_arrays(np.ones(1 << 20, np.uint8), np.arange(0, (1 << 20) + 1, 16)).save(tmp_path / "a")
    opened = Sequences.open(tmp_path / "a")
    lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    spans = [line[0].split("-") for line in lines if line[-1] == str(tmp_path / "a")]
    for array in (opened.codes, opened.offsets):
        assert any(int(a, 16) <= array.ctypes.data < array.ctypes.data + array.nbytes <= int(b, 16) for a, b in spans)


def test_an_open_file_can_be_replaced_by_itself(tmp_path):
    TEXT.save(tmp_path / "a")
    Sequences.open(tmp_path / "a").save(tmp_path / "a")
    assert Sequences.open(tmp_path / "a") == TEXT


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", [pa.uint8(), pa.uint16(), pa.uint32(), pa.int16(), pa.int32(), pa.int64()])
def test_foreign_files(tmp_path, kind, stream):
    opened = Sequences.open(write(tmp_path / "a.arrow", lists([[5, 2], [], [9]], kind), stream))
    assert [document.tolist() for document in opened] == [[5, 2], [], [9]]
    assert (opened.alphabet, opened.alphabet_size, opened.provenance["label"]) == (None, 10, "a.arrow")
    assert opened.codes.flags.owndata == (kind.bit_width == 64)


@pytest.mark.parametrize("stream", [False, True])
def test_several_batches_and_slices(tmp_path, stream):
    table = pa.concat_tables([lists([[1], [2, 3]]).slice(1), lists([[4, 5], [], [6]]).slice(0, 2), lists([[7]])])
    opened = Sequences.open(write(tmp_path / "a", table, stream))
    assert [document.tolist() for document in opened] == [[2, 3], [4, 5], [], [7]]


LARGE = [[2**63 + 1, 7], [7, 2**63 + 1]]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.uint64()),
        pa.list_(pa.uint64(), 2),
        pa.list_view(pa.uint64()),
        pa.large_list(pa.decimal128(20)),
        pa.list_(pa.decimal256(40), 2),
    ],
)
def test_lists_of_large_numbers_are_symbols(tmp_path, kind, stream):
    table = pa.concat_tables([pa.table({"x": pa.array(LARGE, kind)})] * 2)
    write(tmp_path / "a.arrow", table, stream)
    parquet.write_table(pa.table({"x": pa.array(LARGE * 2, pa.list_(kind.value_type))}), tmp_path / "a.parquet")
    for found in (
        Sequences.open(tmp_path / "a.arrow"),
        read(tmp_path / "a.arrow", column="x"),
        read(tmp_path / "a.parquet"),
        read_table(table),
        Sequences.from_arrays(table["x"]),
    ):
        assert [found.decode(k) for k in range(4)] == LARGE * 2
        assert found.alphabet == (7, 2**63 + 1)


@pytest.mark.parametrize("kind", [pa.list_(pa.int32(), 2), pa.list_(pa.bool_()), pa.large_list(pa.uint8())])
def test_lists_of_one_length_and_of_truth_values(tmp_path, kind):
    rows = pa.array([[1, 0], [1, 1], [0, 0]]).cast(pa.list_(kind.value_type)).cast(kind)
    table = pa.table({"x": rows.slice(1), "y": [0.5, 1.5]})
    write(tmp_path / "a.arrow", table)
    for found in (Sequences.open(tmp_path / "a.arrow"), read(tmp_path / "a.arrow", column="x"), read_table(table, "x")):
        assert [document.tolist() for document in found] == [[1, 1], [0, 0]]


def test_one_column_of_several(tmp_path):
    table = lists([[1, 2]]).append_column("mask", lists([[1, 1]]).column(0)).append_column("text", pa.array(["ab"]))
    write(tmp_path / "a", table)
    assert Sequences.open(tmp_path / "a", column="input_ids").codes.tolist() == [1, 2]
    with pytest.raises(FormatError, match=r"2 columns of lists of integers \(input_ids, mask\).*column="):
        Sequences.open(tmp_path / "a")
    with pytest.raises(FormatError, match="no column 'text' of lists of integers; it has input_ids, mask"):
        Sequences.open(tmp_path / "a", column="text")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (lists([[1, -2]]), "negative code -2 at position 1"),
        (lists([[1, None]]), "missing values"),
        (lists([[1], None]), "missing values"),
        (lists([[], []]), "not one symbol"),
        (lists([]), "not one document"),
        (lists([[0.5]], pa.float32()), "no column of lists of integers among input_ids"),
        (pa.table({"a": [1, 2]}), "no column of lists of integers among a"),
        (lists([[1]]).replace_schema_metadata({"miscope": "{"}), "in the metadata is"),
        (lists([[1]]).replace_schema_metadata({"miscope": "[]"}), "in the metadata is"),
    ],
)
def test_foreign_files_that_are_of_no_use(tmp_path, table, words):
    with pytest.raises(FormatError, match=words):
        Sequences.open(write(tmp_path / "a", table))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "of version 2, .*newer miscope"),
        ({"format": "miscope.curve"}, "holds 'miscope.curve', not sequences"),
        ({"alphabet_size": "5"}, "in the metadata is"),
        ({"alphabet_size": 3, "alphabet": None}, "code 4 is outside an alphabet of 3"),
        ({"alphabet": ["a"]}, "in the metadata is"),
    ],
)
def test_metadata_of_another_kind(tmp_path, change, words):
    TEXT.save(tmp_path / "a")
    table = pa.ipc.open_file(str(tmp_path / "a")).read_all()
    metadata = json.loads(table.schema.metadata[b"miscope"]) | change
    del metadata["digests"]  # as early versions wrote it
    write(tmp_path / "b", table.replace_schema_metadata({"miscope": json.dumps(metadata)}))
    with pytest.raises(FormatError, match=words):
        Sequences.open(tmp_path / "b")


@pytest.mark.parametrize("kind", ["saved", "file", "stream"])
def test_truncated_anywhere(tmp_path, kind):
    path, cut = tmp_path / "whole", tmp_path / "cut"
    if kind == "saved":
        TEXT.save(path)
    else:
        write(path, pa.concat_tables([lists([[1, 2, 3]]), lists([[4]])]), stream=kind == "stream")
    whole = path.read_bytes()
    for size in range(len(whole)):
        cut.write_bytes(whole[:size])
        with pytest.raises(FormatError, match="cannot use"):
            Sequences.open(cut)


def test_damaged_anywhere(tmp_path):
    """Each byte by itself, and many at once: refused, or what was written."""
    TEXT.save(tmp_path / "a")
    whole = (tmp_path / "a").read_bytes()
    rng = np.random.default_rng(0)
    for position in (*range(len(whole)), *([0] * 200)):
        damaged = np.frombuffer(whole, np.uint8).copy()
        at = [position] if position else rng.integers(8, len(whole) - 8, 3)
        damaged[at] = rng.integers(0, 256, len(at))
        (tmp_path / "b").write_bytes(damaged.tobytes())
        try:
            opened = Sequences.open(tmp_path / "b")
            assert np.array_equal(opened.codes, TEXT.codes)
            assert np.array_equal(opened.offsets, TEXT.offsets)
            assert opened.alphabet in (TEXT.alphabet, None)
        except FormatError:
            continue


def test_codes_are_made_sure_of_when_they_are_first_looked_at(tmp_path):
    codes = np.arange(200, dtype=np.uint8).repeat(50)
    Sequences.from_arrays(codes).save(tmp_path / "a")
    whole = (tmp_path / "a").read_bytes()
    at = whole.index(bytes([7] * 50))
    (tmp_path / "a").write_bytes(whole[:at] + b"\x08" + whole[at + 1 :])
    opened = Sequences.open(tmp_path / "a")
    for _ in range(2):  # not only the first time
        with pytest.raises(FormatError, match="digest"):
            _ = opened.codes
    for look in (opened.histogram, lambda: opened.split(2), lambda: opened == Sequences.open(tmp_path / "a")):
        with pytest.raises(FormatError, match="digest"):
            look()
    with pytest.raises(FormatError, match="digest"):
        _ = pickle.loads(pickle.dumps(opened)).codes


def test_opened_sequences_can_be_sent_elsewhere(tmp_path):
    TEXT.save(tmp_path / "a")
    opened = Sequences.open(tmp_path / "a")
    for other in (pickle.loads(pickle.dumps(opened)), copy.deepcopy(opened), dataclasses.replace(opened)):
        assert other == TEXT


def test_a_file_of_an_early_version_is_read_with_a_word(tmp_path):
    TEXT.save(tmp_path / "a")
    table = pa.ipc.open_file(str(tmp_path / "a")).read_all()
    said = json.loads(table.schema.metadata[b"miscope"])
    del said["digests"]
    write(tmp_path / "b", table.replace_schema_metadata({"miscope": json.dumps(said)}))
    with pytest.warns(MiscopeWarning, match="has no digest"):
        opened = Sequences.open(tmp_path / "b")
    assert opened == TEXT
    assert "has no digest" in opened.provenance["notes"][-1]
    write(tmp_path / "c", table.replace_schema_metadata({"miscope": table.schema.metadata[b"miscope"]}))
    with pytest.raises(FormatError, match="digest"):
        Sequences.open(tmp_path / "c")


@pytest.mark.parametrize("content", [b"", b"hello, world, this is text", b"PAR1" + bytes(20), b"\x1f\x8b" + bytes(20)])
def test_not_arrow(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(FormatError, match="no Arrow file.*read_text" if content else "it is empty"):
        Sequences.open(tmp_path / "a")


def test_places_that_cannot_be_opened(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no such file"):
        Sequences.open(tmp_path / "missing.arrow")
    with pytest.raises(InputError, match="it is a folder"):
        Sequences.open(tmp_path)
    TEXT.save(tmp_path / "a")

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(pa, "memory_map", refuse)
    with pytest.raises(InputError, match="no right to read it"):
        Sequences.open(tmp_path / "a")


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    for path, words in [
        (tmp_path / "missing" / "a", "does not exist; create it first"),
        (tmp_path / "file" / "a", "is a file, not a folder"),
        (tmp_path, "it is a folder"),
    ]:
        with pytest.raises(InputError, match=words):
            TEXT.save(path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no space is left"),
        (PermissionError(errno.EACCES, "Permission denied"), "no right to write"),
        (OSError("some other trouble"), "some other trouble"),
    ],
)
def test_failing_writes_leave_nothing_behind(tmp_path, monkeypatch, error, words):
    path = tmp_path / "a.arrow"
    TEXT.save(path)

    def full(sink, schema):
        sink.write(b"half of it")
        raise error

    monkeypatch.setattr(pa.ipc, "new_file", full)
    with pytest.raises(InputError, match=f"cannot write .*a.arrow': .*{words}"):
        Sequences.from_arrays([0]).save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.arrow"]
    assert Sequences.open(path) == TEXT


def test_interrupted_writes_leave_nothing_behind(tmp_path):
    def interrupted():
        with atomic_path(tmp_path / "a.txt") as temporary:
            assert temporary.suffix == ".txt"
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links and devices")
def test_links_are_followed_and_devices_written_to(tmp_path):
    (tmp_path / "there").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    with atomic_path(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "there").read_text() == "new"
    assert (tmp_path / "link").is_symlink()
    with atomic_path("/dev/null") as temporary:
        assert str(temporary) == "/dev/null"
