"""Compressed files: every kind by every reader, in several parts, cut off, empty; and those that are not read."""

import io
import sys

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

import miscope as ms
from miscope.errors import InputError
from miscope.sequences.compression import SUFFIXES, compression_of
from miscope.sequences.sources import has_suffix
from packing import COMPRESS

OF_SEVERAL = sorted(COMPRESS.keys() - {"lzma"})


def as_table(path):
    return ms.read(path, column="x").decode(0)


CONTENTS = {
    "a.txt": (b"so it is\n" * 40, {"unit": "word"}),
    "a.csv": (b"x,y\nb,1\na,2\nb,3\n", {"column": "x"}),
    "a.jsonl": (b'{"x": "b"}\n{"x": "a"}\n', {}),
    "a.fa": (b">one\nACGT\n>two\nGG\n", {}),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    for name, (content, _) in CONTENTS.items():
        (folder / name).write_bytes(content)
    np.save(folder / "a.npy", np.arange(30, dtype=np.uint8) % 4)
    np.savez(folder / "a.npz", states=np.arange(30) % 4)
    table = pa.table({"x": ["b", "a", "b"]})
    parquet.write_table(table, folder / "a.parquet")
    feather.write_feather(table, folder / "a.feather")
    ms.Sequences.from_arrays(["abba", "ba"]).save(folder / "a.arrow")
    return folder


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("name", [*CONTENTS, "a.npy", "a.npz", "a.parquet", "a.feather", "a.arrow"])
def test_every_reader_reads_every_kind(files, tmp_path, kind, name):
    packed = tmp_path / f"{name}.gz"  # its name does not say which
    packed.write_bytes(COMPRESS[kind]((files / name).read_bytes()))
    options = CONTENTS.get(name, (b"", {}))[1]
    found = ms.read(packed, **options)
    assert found == ms.read(files / name, **options)
    assert found.alphabet == ms.read(files / name, **options).alphabet


@pytest.mark.parametrize("kind", OF_SEVERAL)
def test_several_parts_are_one_file(tmp_path, kind):
    pack, path = COMPRESS[kind], tmp_path / "a"
    path.write_bytes(b"".join(map(pack, [b"so ", b"", b"it ", b"is"])))
    assert ms.read_text(path).decode(0) == "so it is"
    path.write_bytes(pack(b"so ") + pack(b"it is")[:-3])
    with pytest.raises(InputError, match=f"damaged {kind} file"):
        ms.read_text(path)


@pytest.mark.parametrize("kind", OF_SEVERAL)
def test_what_follows_the_last_part_is_not_dropped_silently(tmp_path, kind):
    (tmp_path / "a").write_bytes(COMPRESS[kind](b"so it is") + b"something else")
    with pytest.raises(InputError, match=f"damaged {kind} file"):
        ms.read_text(tmp_path / "a")


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_zeros_are_padding(tmp_path, kind):
    pack = COMPRESS[kind]
    (tmp_path / "a").write_bytes(pack(b"so ") + bytes(8) + pack(b"it is") + bytes(4))
    assert ms.read_text(tmp_path / "a").decode(0) == "so it is"


@pytest.mark.parametrize("kind", COMPRESS)
def test_an_empty_file_that_is_compressed(tmp_path, kind):
    (tmp_path / "a").write_bytes(COMPRESS[kind](b""))
    with pytest.raises(InputError, match="empty"):
        ms.read_text(tmp_path / "a")
    with pytest.raises(InputError, match="empty"):
        ms.read_fasta(tmp_path / "a")


def test_a_frame_of_zstd_that_holds_no_data_comes_first(tmp_path):
    skipped = (0x184D2A50).to_bytes(4, "little") + (4).to_bytes(4, "little") + b"abcd"
    (tmp_path / "a").write_bytes(skipped + COMPRESS["zstd"](b"so it is"))
    assert ms.read_text(tmp_path / "a").decode(0) == "so it is"


def test_many_small_parts(tmp_path):
    (tmp_path / "a").write_bytes(b"".join(COMPRESS["bzip2"](b"%d," % i) for i in range(2000)))
    assert ms.read_text(tmp_path / "a").decode(0) == "".join(f"{i}," for i in range(2000))


@pytest.mark.parametrize("inner", COMPRESS)
@pytest.mark.parametrize("outer", ["gzip", "zstd", "lzma"])
def test_what_is_compressed_twice_is_unpacked_twice(files, tmp_path, outer, inner):
    for name in ("a.csv", "a.npy"):
        (tmp_path / name).write_bytes(COMPRESS[outer](COMPRESS[inner]((files / name).read_bytes())))
        options = CONTENTS.get(name, (b"", {}))[1]
        assert ms.read(tmp_path / name, **options) == ms.read(files / name, **options)
    packed = COMPRESS[outer](COMPRESS[inner](b"so it is")[:-3])
    (tmp_path / "a").write_bytes(packed)
    if inner != "lzma":  # whose end is not marked
        with pytest.raises(InputError, match=f"damaged {inner} in {outer} file"):
            ms.read_text(tmp_path / "a")


def test_what_is_compressed_many_times_is_refused(tmp_path):
    packed = b"so it is"
    for n in range(1, 7):
        packed = COMPRESS["gzip"](packed)
        (tmp_path / "a").write_bytes(packed)
        for unit in ("character", "byte"):
            if n <= 4:
                assert ms.read(tmp_path / "a", unit=unit).n_symbols == 8
            else:
                with pytest.raises(InputError, match="compressed more than 4 times"):
                    ms.read(tmp_path / "a", unit=unit)


@pytest.mark.parametrize("kind", COMPRESS)
def test_standard_input(monkeypatch, kind):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(COMPRESS[kind](b"so it is"))))
    assert ms.read("-").decode(0) == "so it is"


@pytest.mark.extras
@pytest.mark.parametrize("kind", COMPRESS)
def test_addresses(files, kind):
    import fsspec

    store = fsspec.filesystem("memory")
    for name in ("a.txt", "a.npy", "a.arrow", "a.fa"):
        store.pipe(f"/packed/{name}.{kind}", COMPRESS[kind]((files / name).read_bytes()))
    assert ms.read(f"memory://packed/a.txt.{kind}").decode(0) == CONTENTS["a.txt"][0].decode()
    assert ms.read(f"memory://packed/a.npy.{kind}") == ms.read(files / "a.npy")
    assert ms.read(f"memory://packed/a.arrow.{kind}") == ms.read(files / "a.arrow")
    assert ms.read_fasta(f"memory://packed/a.fa.{kind}") == ms.read_fasta(files / "a.fa")


@pytest.mark.parametrize(
    ("start", "word"),
    [
        (b"\x1f\x9d\x90", r"compress \(\.Z\)"),
        (b"LZIP\x01\0\0", "lzip"),
        (b"\x89LZO\0\r\n\x1a\n", "lzop"),
        (b"\xff\x06\0\0sNaPpY", "snappy"),
        (b"\x1f\x8b", "damaged gzip"),
    ],
)
def test_what_is_not_read_is_named(tmp_path, start, word):
    (tmp_path / "a.txt").write_bytes(start + bytes(range(200)))
    for unit in ("word", "byte"):
        with pytest.raises(InputError, match=word):
            ms.read(tmp_path / "a.txt", unit=unit)
    with pytest.raises(InputError, match=word):
        ms.read_fasta(tmp_path / "a.txt")


@pytest.mark.parametrize("text", ["BZh is no word", "]\0\0", "PK", "BZh9", "ï", "\x1f", "so", "LZIP it", "]" * 40])
def test_text_is_not_taken_for_it(text):
    assert compression_of(text.encode()) is None


def test_names_tell_the_kind_behind_the_compression():
    for suffix in SUFFIXES:
        assert has_suffix(f"a.CSV{suffix}", {".csv"})
        assert has_suffix(f"a.CSV{suffix}.gz", {".csv"})
