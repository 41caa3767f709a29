"""Counting words on a local cluster: two workers against one, and against two threads of one process.

python benchmarks/cluster.py [--write] [--quick]      # --write: as a section of benchmarks/RESULTS.md
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from samplers import write

from miscope.counting.cluster import ClusterCounter, connect
from miscope.counting.cluster_parts import cut_parts, merge_range, route_part
from miscope.counting.doors import count_fingerprints
from miscope.counting.pairs import Fingerprints
from miscope.counting.tally import PairData
from miscope.sequences import Sequences
from miscope.sequences.shards import Shards

N, KINDS, LENGTH, BLOCKS = 50_000_000, 200_000, 25_000, 32
LAGS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
LEAST_GAIN, MOST_OVERHEAD = 1.6, 1.25
TOKENS, N_TOKENS = 2**26, 50_257
TITLE = "A cluster"


def zipf_words(n: int, kinds: int = KINDS) -> Sequences:
    """Independent words whose frequency falls as one over their rank."""
    below = np.cumsum(1 / np.arange(1, kinds + 1))
    generator = np.random.default_rng(0)
    codes = np.empty(n, np.uint16 if kinds <= 2**16 else np.uint32)
    for start in range(0, n, 1 << 22):
        draws = generator.random(min(1 << 22, n - start)) * below[-1]
        codes[start : start + len(draws)] = np.searchsorted(below, draws)
    return Sequences.from_arrays(codes, np.append(np.arange(0, n, LENGTH), n), alphabet_size=kinds)


def on_cluster(source: Sequences | Shards, client: Any) -> Fingerprints:
    """Fingerprints that the workers count."""
    counter = ClusterCounter(source, LAGS, BLOCKS, "sparse", client=client)
    parts = counter.map(lambda kernel, lag: kernel.fingerprints(lag), threads=2)
    return Fingerprints.from_lags(counter.lags, parts, counter.n_symbols_seen)


class Timed(NamedTuple):
    """Seconds on the clock, seconds of processors, both the best of several, and what came out."""

    seconds: float
    processors: float
    found: Fingerprints


def timed(run: Callable[[], Fingerprints], times: int, client: Any = None) -> Timed:
    """Run it several times; the processors' time is that of this process, and of the workers."""

    def processors() -> float:
        workers = {} if client is None else client.run(time.process_time)
        return time.process_time() + sum(workers.values())

    seconds, used = [], []
    for _ in range(times):
        begin, start = processors(), time.perf_counter()
        found = run()
        seconds.append(time.perf_counter() - start)
        used.append(processors() - begin)
    return Timed(min(seconds), min(used), found)


def same(one: Fingerprints, other: Fingerprints) -> bool:
    """Whether two counts agree to the integer."""
    pairs = [(one.joint, other.joint), (one.left, other.left), (one.right, other.right)]
    parts = ("counts", "multiplicities", "offsets")
    return all(np.array_equal(getattr(a, part), getattr(b, part)) for a, b in pairs for part in parts)


def routed(n: int, kinds: int) -> tuple[float, float]:
    """Of a pair in one part of n words: bytes on its way, and nanoseconds of a processor until it is merged."""
    codes = zipf_words(n, kinds).codes
    nothing, whole, lag = np.zeros(0, np.uint8), np.array([0, n]), np.array([1])
    data = PairData(nothing, nothing, whole, whole, 1, kinds)
    (part,) = cut_parts(data, whole, 1)
    begin = time.process_time()
    bundles = route_part(part.with_codes(codes), lag, np.array([0, kinds]))
    merge_range(bundles, (0, kinds), 1, kinds)
    return sum(field.nbytes for field in bundles[0][0]) / n, (time.process_time() - begin) / n * 1e9


def measured(n: int, times: int) -> list[str]:
    """The section, line by line."""
    words = zipf_words(n)
    small = zipf_words(n // 50)
    count_fingerprints(small, LAGS, BLOCKS, "sparse", 2)  # compiled
    for kinds in (KINDS, N_TOKENS):
        routed(LENGTH, kinds)
    here = timed(lambda: count_fingerprints(words, LAGS, BLOCKS, "sparse", 2), times)
    print(f"two threads: {here.seconds:.1f} s, of processors {here.processors:.1f}", flush=True)
    there: dict[int, Timed] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, document in enumerate(np.array_split(words.codes, 16)):
            np.save(Path(folder) / f"{number:02}.npy", document)
        for n_workers in (1, 2):
            begin = time.perf_counter()
            with connect(f"local:{n_workers}") as client:
                start = time.perf_counter() - begin
                for _ in range(3):
                    on_cluster(small, client)
                there[n_workers] = timed(lambda client=client: on_cluster(words, client), times, client)
                assert same(there[n_workers].found, here.found)
                print(f"{n_workers} workers: {there[n_workers].seconds:.1f} s", flush=True)
                if n_workers == 2:
                    shards = Shards(str(Path(folder) / "*.npy"))
                    read = timed(lambda client=client, shards=shards: on_cluster(shards, client), times, client)
    one, two = there[1], there[2]
    gain, overhead = one.seconds / two.seconds, two.seconds / here.seconds
    pairs = sum(n - lag * (n // LENGTH) for lag in LAGS)
    a_pair = two.processors / pairs * 1e9
    fast, lean = ("yes" if good else "**no**" for good in (gain >= LEAST_GAIN, overhead <= MOST_OVERHEAD))
    return [
        "",
        f"## {TITLE}: {n:,} words of {KINDS:,} kinds, {len(LAGS)} lags, {BLOCKS} blocks",
        "",
        f"In {n // LENGTH:,} documents. Workers of one thread each, on this machine, started, with their kernels "
        "compiled; the counts are the same to the integer.",
        "",
        "| what | on the clock | of processors |",
        "|---|---|---|",
        f"| one process, two threads | {here.seconds:.1f} s | {here.processors:.1f} s |",
        f"| one worker | {one.seconds:.1f} s | {one.processors:.1f} s |",
        f"| two workers | {two.seconds:.1f} s | {two.processors:.1f} s |",
        f"| two workers, which read 16 shards | {read.seconds:.1f} s | {read.processors:.1f} s |",
        "",
        "| what | figure | wanted | |",
        "|---|---|---|---|",
        f"| one worker over two | {gain:.2f} times | >= {LEAST_GAIN} | {fast} |",
        f"| two workers over two threads | {overhead:.2f} times | <= {MOST_OVERHEAD} | {lean} |",
        f"| the same, of processors' time | {two.processors / here.processors:.2f} times |  |  |",
        f"| a pair, of a processor's time | {a_pair:.0f} ns |  |  |",
        *(
            f"| a pair in a part of {size:,} words of {kinds:,} kinds: on its way; until it is merged "
            f"| {travels:.1f} bytes; {takes:.0f} ns |  |  |"
            for size, kinds in ((n // 8, KINDS), (TOKENS, N_TOKENS))
            for travels, takes in [routed(size, kinds)]
        ),
        f"| starting two workers | {start:.1f} s |  |  |",
    ]


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into benchmarks/RESULTS.md")
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    options = parser.parse_args()
    lines = measured(N // 10 if options.quick else N, 1 if options.quick else 2)
    print("\n".join(lines))
    if options.write:
        write(lines, TITLE)


if __name__ == "__main__":
    main()
