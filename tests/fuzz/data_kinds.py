"""Kinds of files of data: what others write."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import feather, parquet

import miscope as ms

from . import containers, mutators, references
from .kinds import Kind, NoOpinionError
from .references import plain

LETTERS = "abacadabra" * 3


def chance() -> np.random.Generator:
    return np.random.default_rng(5)


def files(name: str, *contents: bytes) -> Callable[[Path], Sequence[Path]]:
    """Samples of which each is one file."""

    def make(folder: Path) -> list[Path]:
        paths = [folder / f"{k}{name}" for k in range(len(contents))]
        for path, data in zip(paths, contents, strict=True):
            path.write_bytes(data)
        return paths

    return make


def read(**options: Any) -> Callable[[Path], Any]:
    return lambda path: plain(ms.read(path, **options))


def of_bytes(reader: Callable[..., Any], *more: Any) -> Callable[[Path], Any]:
    return lambda path: reader(path.read_bytes(), *more)


def drawn(n: int, kinds: int = 4) -> list[int]:
    return [int(code) for code in chance().integers(0, kinds, n)]


PROSE = "So it is, naïve Ænéas: «3.14» and 10 € — said हिन्दी\n\nwere it so\n"
TEXTS = [(PROSE * 4).encode(), PROSE.replace("\n", "\r\n").encode("utf-8-sig"), b"to be or not\rto be\n" * 9]
WIDE = [PROSE.encode("utf-16"), PROSE.encode("utf-32"), b"\xfe\xff" + PROSE.encode("utf-16-be")]
FASTA = b">one first\nACGTACGGTCAT\nACNNGT\n;a comment\n>two\r\nacgtAC-GT GCA\r\n>three\n\n>four\nACGT\n" * 2
CSV = "".join(f"{k},{'abc'[code % 3]},{code / 8 + 0.125}\n" for k, code in enumerate(drawn(60)))
QUOTED = "".join(f'"{k}","{"ab"[code % 2]}, or","{code}.5"\n' for k, code in enumerate(drawn(40)))
DATES = "".join(f"2024-0{1 + k // 28}-{1 + k % 28:02},{code}.25\n" for k, code in enumerate(drawn(80)))
ROWS = "".join(json.dumps({"code": code, "note": "é"}, ensure_ascii=False) + "\n" for code in drawn(50))
WORDS = "".join(json.dumps({"note": 1, "code": ["so", "it", "is"][code % 3]}) + "\n" for code in drawn(50))


def table() -> pa.Table:
    codes = drawn(60)
    words = ["so", "it", "is", None]
    return pa.table(
        {
            "symbol": [words[code] for code in codes],
            "kind": pa.array([words[code % 3] for code in codes]).dictionary_encode(),
            "codes": [codes[: k % 5] for k in range(60)],
        }
    )


def columns() -> list[pa.Table]:
    """The same column as strings, a dictionary, and whole numbers."""
    full = table()
    return [
        full.select(["symbol"]),
        pa.table({"symbol": full["kind"]}),
        pa.table({"symbol": pa.array(drawn(60)), "other": full["symbol"]}),
    ]


def arrow_files(columns: list[pa.Table], stream: bool) -> list[bytes]:
    found = []
    for one in columns:
        sink = pa.BufferOutputStream()
        with (pa.ipc.new_stream if stream else pa.ipc.new_file)(sink, one.schema) as writer:
            writer.write_table(one, max_chunksize=25)
        found.append(sink.getvalue().to_pybytes())
    return found


def make_feather(folder: Path) -> list[Path]:
    paths = [folder / f"{k}.feather" for k in range(3)]
    for path, one, packed in zip(paths, columns(), ("uncompressed", "lz4", "zstd"), strict=True):
        feather.write_feather(one, path, compression=packed)
    return paths


def make_parquet(folder: Path) -> list[Path]:
    paths = [folder / f"{k}.parquet" for k in range(3)]
    for path, one, packed in zip(paths, columns(), ("none", "snappy", "zstd"), strict=True):
        parquet.write_table(one, path, compression=packed, row_group_size=25, write_page_checksum=False)
    return paths


ARRAYS = [
    np.array(drawn(40), np.uint8),
    np.array(drawn(60), np.int64).reshape(3, 20),
    chance().standard_normal(30),
    np.array(drawn(40, 2), bool),
]


def make_npy(folder: Path) -> list[Path]:
    paths = [folder / f"{k}.npy" for k in range(len(ARRAYS))]
    for path, one in zip(paths, ARRAYS, strict=True):
        np.save(path, one)
    return paths


def make_npz(folder: Path) -> list[Path]:
    paths = [folder / "plain.npz", folder / "packed.npz"]
    np.savez(paths[0], states=ARRAYS[1], speed=ARRAYS[2])
    np.savez_compressed(paths[1], states=ARRAYS[0])
    return paths


def make_mat(folder: Path) -> list[Path]:
    from scipy.io import savemat

    songs = np.empty(3, object)
    songs[:] = [np.array(drawn(12), float), np.array(drawn(9), np.uint8), np.array(drawn(15), np.int16)]
    paths = [folder / "plain.mat", folder / "packed.mat"]
    for path in paths:
        savemat(path, {"songs": songs, "name": "Bob"}, do_compression=path.stem == "packed")
    data = paths[0].read_bytes()  # without the time at which it was written
    for path in paths:
        path.write_bytes(data[:128] + path.read_bytes()[128:])
    return paths


def make_hdf5(folder: Path) -> list[Path]:
    import h5py

    paths = [folder / "plain.h5", folder / "packed.h5"]
    for path in paths:
        how = {"compression": "gzip", "chunks": (2, 5)} if path.stem == "packed" else {}
        with h5py.File(path, "w") as file:
            file.create_dataset("states", data=ARRAYS[1], **how)
            file.create_dataset("speed", data=ARRAYS[2])
    return paths


def make_saved(folder: Path) -> list[Path]:
    import datasets

    datasets.disable_progress_bars()
    data = datasets.Dataset.from_dict({"codes": table()["codes"].to_pylist(), "n": drawn(60)})
    data.save_to_disk(folder / "saved")
    return [folder / "saved"]


def saved(path: Path) -> Any:
    (file,) = path.glob("*.arrow")
    return references.arrow(file, "codes")


def make_tokenizer(folder: Path) -> list[Path]:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"so": 0, "it": 1, "is": 2, "[UNK]": 3}, unk_token="[UNK]"))
    pieces = Tokenizer(models.BPE({"s": 0, "o": 1, "i": 2, "t": 3, "it": 4}, [("i", "t")]))
    paths = [folder / "words.json", folder / "pieces.json"]
    for path, one in zip(paths, (words, pieces), strict=True):
        one.pre_tokenizer = pre_tokenizers.Whitespace()
        one.save(str(path))
    return paths


SAID = "so it is so it so is it\n"


def read_tokens(path: Path) -> Any:
    said = path.with_name("said.txt")
    said.write_text(SAID)
    return plain(ms.read_tokens(said, path))


def tokens(path: Path) -> Any:
    from tokenizers import Tokenizer

    opened = Tokenizer.from_file(str(path))
    opened.no_truncation()
    opened.no_padding()
    if opened.pre_tokenizer is None or opened.normalizer or opened.post_processor or opened.get_added_tokens_decoder():
        raise NoOpinionError("pieces of text matter")
    if len(set(opened.get_vocab().values())) < opened.get_vocab_size():
        raise NoOpinionError("tokens of the same code")
    return references.SYMBOLS, [opened.encode(SAID, add_special_tokens=False).tokens]


def merged(path: Path) -> Any:
    return plain(ms.Sequences.from_arrays(LETTERS).merge(f"map:{path}", other="else"))


def map_kind(suffix: str, text: str, how: tuple[mutators.Mutator, ...]) -> Kind:
    make = files(suffix, text.encode())
    return Kind(f"classes{suffix}", make, merged, lambda path: references.classes(path, LETTERS), how)


STARTS = {
    "gz": re.compile(rb"\x1f\x8b\x08"),
    "bz2": re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\0"),
    "zst": re.compile(rb"\x28\xb5\x2f\xfd"),
    "lz4": re.compile(rb"\x04\x22\x4d\x18"),
}
"""By which compressed files are known."""


def packed_kind(suffix: str) -> Kind:
    """Text that is compressed."""
    pack, unpack = containers.PACKED[suffix]
    inner = containers.inside(pack, unpack, mutators.TEXT)
    how = (*mutators.BYTES, inner, inner, containers.members(pack, unpack))
    make = files(f".txt.{suffix}", *map(pack, TEXTS))

    def truth(path: Path) -> Any:
        data = path.read_bytes()
        if not STARTS[suffix].match(data) or (suffix in ("xz", "bz2") and data.endswith(b"\0")):
            raise NoOpinionError("not compressed, as its first bytes say; or padded")
        return references.characters(unpack(data))

    return Kind(f"text.{suffix}", make, read(), truth, how)


def arrow_kind(name: str, stream: bool, columns: Callable[[], list[pa.Table]], column: str) -> Kind:
    made = files(".arrow", *arrow_files(columns(), stream))
    return Kind(name, made, read(column=column), lambda path: references.arrow(path, column), containers.ARROW)


TEXT = mutators.TEXT
CELLS = {"separator": ",", "quoting": "fields"}
TABLES = files(".csv", f"k,symbol,value\n{CSV}".encode(), f"k,symbol,value\n{QUOTED}".encode())
KINDS = [
    Kind("text", files(".txt", *TEXTS), read(), of_bytes(references.characters), TEXT),
    Kind("text-wide", files(".txt", *WIDE), read(), of_bytes(references.characters), TEXT),
    Kind(
        "text-cp1252",
        files(".txt", "naïve — 10 €\n".encode("cp1252") * 5),
        read(encoding="cp1252"),
        of_bytes(references.characters, "cp1252"),
        TEXT,
    ),
    Kind("tokens", files(".txt", *TEXTS), read(unit="token", documents="line"), of_bytes(references.tokens), TEXT),
    *map(packed_kind, containers.PACKED),
    Kind("fasta", files(".fa", FASTA), read(), of_bytes(references.fasta), TEXT),
    Kind(
        "csv",
        TABLES,
        read(column="symbol", as_="symbols", **CELLS),
        of_bytes(references.csv_symbols),
        TEXT,
    ),
    Kind(
        "csv-numbers",
        TABLES,
        read(column="value", as_="numbers", **CELLS),
        of_bytes(references.csv_numbers),
        TEXT,
    ),
    Kind(
        "csv-dates",
        files(".csv", f"day,value\n{DATES}".encode()),
        read(column="value", time="day", as_="numbers", gaps="none", **CELLS),
        of_bytes(references.csv_numbers),
        TEXT,
    ),
    Kind(
        "jsonl",
        files(".jsonl", ROWS.encode(), WORDS.encode()),
        read(column="code", as_="symbols"),
        of_bytes(references.json_lines),
        mutators.JSON,
    ),
    Kind("npy", make_npy, read(), references.npy, containers.NPY),
    Kind(
        "npz",
        make_npz,
        lambda path: plain(ms.read_npz(path, "states")),
        references.npz,
        (*mutators.BYTES, *(containers.in_zip(containers.NPY),) * 12),
    ),
    Kind("mat", make_mat, lambda path: plain(ms.read_mat(path, "songs")), references.mat, containers.MAT),
    Kind("hdf5", make_hdf5, lambda path: plain(ms.read_hdf5(path, "states")), references.hdf5, needs=("h5py",)),
    arrow_kind("arrow", False, columns, "symbol"),
    arrow_kind("arrow-stream", True, columns, "symbol"),
    arrow_kind("arrow-lists", False, lambda: [table()], "codes"),
    Kind("feather", make_feather, read(column="symbol"), references.feather_file, containers.ARROW),
    Kind("parquet", make_parquet, read(column="symbol"), references.parquet_file, containers.PARQUET),
    Kind(
        "saved-dataset",
        make_saved,
        read(column="codes"),
        saved,
        (*mutators.JSON, *containers.ARROW),
        needs=("datasets",),
    ),
    Kind("tokenizer", make_tokenizer, read_tokens, tokens, mutators.JSON, needs=("tokenizers",)),
    map_kind(".tsv", "a\tvowel\nb\tstop\nc\tstop\n", TEXT),
    map_kind(".csv", "a,vowel\nb,stop\nc,stop\n", TEXT),
    map_kind(".json", '{"a": "vowel", "b": "stop", "r": "liquid"}', mutators.JSON),
]
