"""Ways to damage what lies inside of files that are made of parts: lengths and checksums fit again, contents do not."""

import bz2
import gzip
import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random

import pyarrow as pa

from .mutators import BYTES, NUMBERS, Mutator, json_tree, whole


def by_arrow(kind: str) -> tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]:
    def pack(data: bytes) -> bytes:
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, kind) as stream:
            stream.write(data)
        return sink.getvalue().to_pybytes()

    return pack, lambda data: pa.CompressedInputStream(pa.BufferReader(data), kind).read()


PACKED = {
    "gz": (lambda data: gzip.compress(data, mtime=0), gzip.decompress),
    "bz2": (bz2.compress, bz2.decompress),
    "xz": (lzma.compress, lzma.decompress),
    "zst": by_arrow("zstd"),
    "lz4": by_arrow("lz4"),
}


def inside(pack: Callable[[bytes], bytes], unpack: Callable[[bytes], bytes], mutators: tuple[Mutator, ...]) -> Mutator:
    """What is compressed is damaged, and compressed again."""

    def mutate(data: bytes, rng: Random, other: bytes) -> bytes:
        return pack(rng.choice(mutators)(unpack(data), rng, unpack(other)))

    return mutate


def members(pack: Callable[[bytes], bytes], unpack: Callable[[bytes], bytes]) -> Mutator:
    """Several compressed parts behind one another, some of them empty or cut off."""

    def mutate(data: bytes, rng: Random, _: bytes) -> bytes:
        text = unpack(data)
        at = rng.randint(0, len(text))
        parts = [pack(text[:at]), pack(text[at:])]
        return rng.choice((b"".join(parts), parts[0] + pack(b"") + parts[1], parts[0] + parts[1][:-3], parts[1]))

    return mutate


def in_zip(mutators: tuple[Mutator, ...]) -> Mutator:
    """A member of a zip archive is damaged, named otherwise, dropped or doubled."""

    def mutate(data: bytes, rng: Random, other: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            held = [(name, archive.read(name)) for name in archive.namelist()]
        at = rng.randrange(len(held))
        name, content = held[at]
        damaged = (name, rng.choice(mutators)(content, rng, other))
        way = rng.randrange(10)
        held[at : at + 1] = {0: [], 1: [held[at]] * 2, 2: [(name[:-1], content)]}.get(way, [damaged])
        into = io.BytesIO()
        with zipfile.ZipFile(into, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for each in held:
                archive.writestr(zipfile.ZipInfo(each[0]), each[1])
        return into.getvalue()

    return mutate


DTYPES = ("<f8", "<i8", ">u4", "|u1", "|b1", "<f2", "|O", "<U3", "|S2", "<M8[D]", "<c8", "|V8", "<i9", "", "<f16")


def npy_header(data: bytes, rng: Random, _: bytes) -> bytes:
    """The header of a .npy file says something else, in a length that fits."""
    size = int.from_bytes(data[8:10], "little")
    header, body = data[10 : 10 + size].decode("latin-1"), data[10 + size :]
    new = rng.choice(
        (
            re.sub(r"'descr': '[^']*'", f"'descr': '{rng.choice(DTYPES)}'", header),
            re.sub(r"\d+(?=,?\s*\d*\))", rng.choice(NUMBERS), header),
            header.replace("False", "True"),
            re.sub(
                r"\(.*?\)", rng.choice(("()", "(2, 3)", "(-1,)", "(0,)", "(2**40,)", "[3]", "(1, 1, 1, 1)")), header
            ),
            header.replace("}", rng.choice(("", "} + 1", ", 'x': 1}", "}" * 3))),
            header.replace("{", "(" * 300),
        )
    ).rstrip()
    new += " " * (-(10 + len(new) + 1) % 64) + "\n"
    return data[:8] + struct.pack("<H", len(new) % 2**16) + new.encode() + body


NPY: tuple[Mutator, ...] = (*BYTES, *(npy_header,) * 6)


def arrow_parts(data: bytes) -> list[tuple[int, int]]:
    """Where the messages of an Arrow file or stream lie, and its footer."""
    found = []
    for at in (match.start() for match in re.finditer(b"\xff\xff\xff\xff", data)):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if 0 < size <= len(data) - at - 8:
            found.append((at + 8, at + 8 + size))
    if data.endswith(b"ARROW1"):
        size = int.from_bytes(data[-10:-6], "little")
        found.append((max(len(data) - 10 - size, 0), len(data) - 6))
    return found


def arrow_metadata(data: bytes, rng: Random, _: bytes) -> bytes:
    """A number in the flatbuffers of Arrow: offsets, lengths, numbers of rows, types."""
    start, end = rng.choice(arrow_parts(data))
    return whole(data, min(rng.randrange(start, end) // 4 * 4, len(data) - 1), rng)


def arrow_body(data: bytes, rng: Random, _: bytes) -> bytes:
    """A number in the buffers of Arrow: offsets of lists and strings, indices of dictionaries, values, validity."""
    ends = [end for _, end in arrow_parts(data)]
    at = rng.choice(ends) + 4 * rng.randrange(64)
    return whole(data, min(at, len(data) - 1), rng)


def arrow_length(data: bytes, rng: Random, _: bytes) -> bytes:
    """The length of a message."""
    start, _end = rng.choice(arrow_parts(data))
    return whole(data, max(start - 4, 0), rng)


ARROW: tuple[Mutator, ...] = (*BYTES, *(arrow_metadata,) * 8, *(arrow_body,) * 8, arrow_length)


def parquet_footer(data: bytes, rng: Random, _: bytes) -> bytes:
    """A number in the footer of Parquet, or its length."""
    size = min(int.from_bytes(data[-8:-4], "little"), len(data) - 8)
    at = rng.choice((len(data) - 8, len(data) - 8 - rng.randint(0, size)))
    return whole(data, at, rng)


def parquet_pages(data: bytes, rng: Random, _: bytes) -> bytes:
    size = min(int.from_bytes(data[-8:-4], "little"), len(data) - 8)
    return whole(data, rng.randint(4, max(len(data) - 8 - size, 4)), rng)


PARQUET: tuple[Mutator, ...] = (*BYTES, *(parquet_footer,) * 6, *(parquet_pages,) * 6)


def mat_element(data: bytes, rng: Random, other: bytes) -> bytes:
    """A compressed variable of a MATLAB file is damaged, and compressed again."""
    at, parts = 128, []
    while at + 8 <= len(data):
        kind, size = struct.unpack("<II", data[at : at + 8])
        parts.append((at, at + 8 + size, kind))
        at += 8 + size
    start, end, kind = rng.choice(parts)
    if kind != 15:
        return data[:start] + rng.choice(BYTES)(data[start:end], rng, other) + data[end:]
    inner = zlib.decompress(data[start + 8 : end])
    new = zlib.compress(rng.choice(BYTES)(inner, rng, inner))
    return data[:start] + struct.pack("<II", 15, len(new)) + new + data[end:]


MAT: tuple[Mutator, ...] = (*BYTES, *(mat_element,) * 10)


def safetensors_header(data: bytes, rng: Random, other: bytes) -> bytes:
    """The JSON in front of tensors, in a length that fits."""
    size = int.from_bytes(data[:8], "little")
    new = json_tree(data[8 : 8 + size], rng, other)
    return struct.pack("<Q", len(new)) + new + data[8 + size :]


SAFETENSORS: tuple[Mutator, ...] = (*BYTES, *(safetensors_header,) * 10)
