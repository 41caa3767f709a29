"""Compression of all kinds that are read, by name."""

import bz2
import gzip
import lzma

import pyarrow as pa


def by_arrow(kind):
    def compress(data):
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, kind) as stream:
            stream.write(data)
        return sink.getvalue().to_pybytes()

    return compress


COMPRESS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zstd": by_arrow("zstd"),
    "lz4": by_arrow("lz4"),
}
