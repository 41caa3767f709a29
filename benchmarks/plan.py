"""What `miscope plan` predicts, beside what measuring then takes: seconds, and memory beyond the data.

python benchmarks/plan.py [--write] [--processor-time] [NAME...]      # --write: as a section of benchmarks/RESULTS.md

On a machine that others use too, waiting for a core says nothing about a plan: --processor-time compares the time that
one thread works, as predicted and as taken.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import os
import pickle
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from data import random_symbols, source_bytes, source_words
from samplers import write

from miscope.curve import measure, rehearsed_estimates
from miscope.curve.planning import plan
from miscope.estimation import nulls
from miscope.sequences import Sequences

TITLE = "Plans"
WITHIN = 1.5
LONG = 2.0  # seconds up to which both are done twice, and the shorter time counts
WANTED = 0.9  # of the cases
BYTES = source_bytes(10_000_000)
Case = tuple[np.ndarray, int, dict[str, Any]]  # codes, length of documents (0 for one), arguments


@functools.cache
def words() -> np.ndarray:
    """Codes of the first words."""
    return source_words(4_400_000)


def mapped(codes: np.ndarray) -> np.ndarray:
    """The same in a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes.npy"
        np.save(path, codes)
        return np.load(path, mmap_mode="r")


CASES: dict[str, Callable[[], Case]] = {
    "bytes, 10 M": lambda: (BYTES, 0, {}),
    "bytes, 10 M, no blocks": lambda: (BYTES, 0, {"blocks": 0}),
    "bytes, 10 M, no null": lambda: (BYTES, 10_000, {"null": "none"}),
    "bytes, 10 M, 64 documents, null document": lambda: (BYTES, 156_250, {"null": "document"}),
    "bytes, 10 M, 50,000 documents, null document": lambda: (BYTES, 200, {"null": "document"}),
    "bytes, 10 M, 64 documents, null rotate": lambda: (BYTES, 156_250, {"null": "rotate"}),
    "bytes, 1 M": lambda: (BYTES[:1_000_000], 0, {}),
    "bytes, 1 M, 5,000 documents": lambda: (BYTES[:1_000_000], 200, {}),
    "bytes, 1 M, all lags to 400": lambda: (BYTES[:1_000_000], 100_000, {"lags": "all:400"}),
    "bytes, 1 M, grassberger, 128 blocks": lambda: (
        BYTES[:1_000_000],
        10_000,
        {"estimator": "grassberger", "blocks": 128},
    ),
    "bytes, 1 M, rational, no null": lambda: (BYTES[:1_000_000], 10_000, {"quantity": "rational", "null": "none"}),
    "bytes in a file, 40 M, 64 MiB": lambda: (mapped(np.tile(BYTES, 4)), 0, {"lags": "1:300", "max_memory": "64MiB"}),
    "2 symbols, 100 M": lambda: (random_symbols(2, 100_000_000), 0, {"lags": "1:1000"}),
    "2 symbols, 10 M, all lags to 1,000": lambda: (
        random_symbols(2, 10_000_000),
        0,
        {"lags": "all:1000", "method": "bits"},
    ),
    "4 symbols, 10 M": lambda: (random_symbols(4, 10_000_000), 0, {}),
    "4 symbols, 1 M, 1,000 documents, null document": lambda: (
        random_symbols(4, 1_000_000),
        1000,
        {"null": "document"},
    ),
    "20 symbols, 1 M, nsb": lambda: (
        random_symbols(20, 1_000_000),
        10_000,
        {"estimator": "nsb", "lags": "1:100", "blocks": 8},
    ),
    "words, 4.4 M, 20 lags": lambda: (words(), 0, {"lags": "1:100"}),
    "words, 4.4 M, no blocks, no null": lambda: (words(), 0, {"blocks": 0, "null": "none"}),
    "words, 4.4 M, 220 documents, null rotate": lambda: (
        words(),
        20_000,
        {"null": "rotate", "n_surrogates": 2, "lags": "1:10"},
    ),
    "words, 1 M": lambda: (words()[:1_000_000], 0, {"lags": "1:100"}),
    "words, 1 M, 1,000 documents, bracket": lambda: (
        words()[:1_000_000],
        1000,
        {"lags": "1:100:5", "estimator": "bracket"},
    ),
    "words, 200,000, grassberger, no null": lambda: (
        words()[:200_000],
        2000,
        {"null": "none", "estimator": "grassberger"},
    ),
    "words in a file, 8.8 M, 64 MiB": lambda: (
        mapped(np.tile(words(), 2)),
        0,
        {"lags": "1:10", "max_memory": "64MiB", "null": "none"},
    ),
    "27 symbols, 1 M, all lags to 4,096": lambda: (
        random_symbols(27, 1_000_000),
        0,
        {"lags": "all:4096", "blocks": 0},
    ),
    "4 symbols, 4 M, all lags to 65,536": lambda: (
        random_symbols(4, 4_000_000),
        0,
        {"lags": "all:65536", "blocks": 0},
    ),
    "4 symbols, 1 M, all lags to 16,384, 32 blocks": lambda: (random_symbols(4, 1_000_000), 0, {"lags": "all:16384"}),
    "bytes, 1 M, 250 documents, all lags to 2,000": lambda: (
        BYTES[:1_000_000],
        4000,
        {"lags": "all:2000", "blocks": 8, "method": "fourier"},
    ),
}


def anonymous() -> int:
    """Bytes of this process that are in no file."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("RssAnon:")[1].split()[0]) * 1024


class Peak:
    """The largest that they become."""

    def __enter__(self) -> Peak:
        self._before = self._most = anonymous()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.003):
            self._most = max(self._most, anonymous())

    def __exit__(self, *_: object) -> None:
        self._most = max(self._most, anonymous())
        self._done.set()
        self._thread.join()

    @property
    def bytes(self) -> int:
        """More than before."""
        return self._most - self._before


def apart(task: Callable[[], Any]) -> Any:
    """Run a task in a process of its own, forked from this one, where kernels are compiled and memory is given back."""
    ctypes.CDLL(None).malloc_trim(0)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        found: Any = None
        try:
            found = task()
        finally:
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(found, pipe)
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        found = pickle.load(pipe)
    os.waitpid(child, 0)
    return found


def row(name: str, case: Case, clock: Callable[[], float]) -> tuple[str, float, float]:
    """A line of the table, and by which factors time and memory are off."""
    codes, length, arguments = case
    if clock is time.process_time:
        arguments = arguments | {"threads": 1}
    length = length or len(codes)
    codes = codes[: len(codes) // length * length]
    offsets, size = np.arange(0, len(codes) + 1, length), int(codes.max()) + 1

    def corpus(n: int) -> Sequences:
        some = np.unique(np.minimum(offsets, n))
        return Sequences.from_arrays(codes[: some[-1]], some, alphabet_size=size)

    def planned() -> tuple[Any, float]:
        sequences = corpus(len(codes))
        start = time.perf_counter()
        found = plan(sequences, **arguments)
        return found, time.perf_counter() - start

    def measured() -> tuple[float, int]:
        sequences = corpus(len(codes))
        with Peak() as peak:
            start = clock()
            measure(sequences, **arguments)
            seconds = clock() - start
        return seconds, peak.bytes

    few = {**arguments, "lags": "all:200" if "all" in arguments.get("lags", "") else "1:10"}
    plan(corpus(20_000), **few)  # all is compiled
    measure(corpus(20_000), **few)
    if few.get("null") == "document":
        nulls.surrogate(corpus(1000), "document", np.random.default_rng(0))
    found, took = apart(planned)
    seconds, held = apart(measured)
    if seconds < LONG:
        found, took = min((found, took), apart(planned), key=lambda pair: float(pair[0].seconds))
        seconds, held = min(seconds, (again := apart(measured))[0]), max(held, again[1])
    factors = found.seconds / seconds, found.peak_bytes / max(held, 1)
    times, sizes = (
        f"{factor:.2f}" if abs(np.log(factor)) < np.log(WITHIN) else f"**{factor:.2f}**" for factor in factors
    )
    line = (
        f"| {name} | {found.method} | {found.seconds:.3g} s | {seconds:.3g} s | {times} "
        f"| {found.peak_bytes / 1e6:.3g} MB | {held / 1e6:.3g} MB | {sizes} | {took:.2g} s |"
    )
    print(line, flush=True)
    return line, *factors


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into benchmarks/RESULTS.md")
    parser.add_argument("names", nargs="*", help="cases whose name has one of these in it; default: all")
    parser.add_argument("--processor-time", action="store_true", help="on one thread")
    options = parser.parse_args()
    clock = time.process_time if options.processor_time else time.perf_counter
    rehearsed_estimates.clock = clock
    chosen = [name for name in CASES if not options.names or any(word in name for word in options.names)]
    load = os.getloadavg()[0]
    rows = [row(name, CASES[name](), clock) for name in chosen]
    close = [np.mean([abs(np.log(each[k])) < np.log(WITHIN) for each in rows]) for k in (1, 2)]
    how = f"seconds by the clock, on all cores, with a load of {load:.1f} when this began"
    if options.processor_time:
        how = "processor time of one thread, since others used the machine"
    lines = [
        "",
        f"## {TITLE}: what `miscope plan` predicts, and what measuring then takes",
        "",
        f"Each in a process of its own, one right after the other, those below "
        f"{LONG:.0f} s twice, of which the shorter time counts; {how}. Memory is what it holds in no file, beyond "
        f"the data. Within a factor "
        f"of {WITHIN}: time in {close[0]:.0%} of {len(rows)} cases, memory in {close[1]:.0%} (wanted: {WANTED:.0%}).",
        "",
        "| what | kernel | predicted | taken | factor | predicted | taken | factor | to plan |",
        "|---|---|---|---|---|---|---|---|---|",
        *(line for line, *_ in rows),
    ]
    print("\n".join(lines[:4]))
    if options.write:
        write(lines, TITLE)


if __name__ == "__main__":
    main()
