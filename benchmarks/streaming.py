"""A corpus from disk, piece by piece, against the same corpus in memory; and words by ranges of symbols.

python benchmarks/streaming.py [--write] [--quick]      # --write: as a section of benchmarks/RESULTS.md
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from samplers import write

TITLE = "From disk"
LAGS = "1:10000:50"
MEMORY = {"bytes": "800MB", "words": "100MB"}
WORDS = 8_000_000


def private() -> float:
    """Private memory of this process, in MiB."""
    found = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")]
    return int(found[0].split()[1]) / 1024


def child(kind: str, path: str, memory: str | None) -> None:
    """Count in a process of its own; prints seconds to read and to count, and the private memory that it took."""
    import miscope as ms

    corpus = ms.read_text(path, unit="byte") if kind == "bytes" else ms.Sequences.open(path)
    small = ms.Sequences.from_arrays(np.array(corpus.codes[:200_000]), alphabet_size=corpus.alphabet_size)
    ms.count_fingerprints(small, LAGS, max_memory="64MiB")  # compiled
    ms.count_fingerprints(small, LAGS)
    start = time.perf_counter()
    for first in range(0, len(corpus.codes), 2**24):
        np.asarray(corpus.codes[first : first + 2**24]).max()
    read = time.perf_counter() - start
    if memory is None:
        corpus = ms.Sequences(np.array(corpus.codes), corpus.offsets, corpus.alphabet_size, corpus.alphabet)
    before, most, ended = private(), [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            most[0] = max(most[0], private())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    found = ms.count_fingerprints(corpus, LAGS, max_memory=memory)
    seconds = time.perf_counter() - start
    ended.set()
    watcher.join()
    print(json.dumps([read, seconds, most[0], before, len(found.lags), len(found.joint.counts)]))


def asked(kind: str, path: Path, memory: str | None) -> list[float]:
    """What a child says."""
    arguments = [sys.executable, __file__, "--child", kind, str(path), memory or "-"]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    return list(json.loads(done.stdout))


def text(path: Path, n_bytes: int) -> None:
    """Text of 50,000 words by a law like Zipf's."""
    generator = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwygpbvk"))
    words = ["".join(generator.choice(letters, 1 + rank % 9)) for rank in range(50_000)]
    with path.open("wb") as file:
        while file.tell() < n_bytes:
            ranks = (50_000 ** generator.random(2_000_000)).astype(int) - 1
            file.write((" ".join([words[rank] for rank in ranks]) + "\n").encode())


def ranked(path: Path, n: int) -> None:
    """Words as codes, half a million of them."""
    import miscope as ms

    codes = (500_000 ** np.random.default_rng(1).random(n)).astype(np.uint32) - 1
    ms.Sequences.from_arrays(codes, np.arange(0, n + 1, n // 100), alphabet_size=500_000).save(path)


def measured(n_bytes: int, n_words: int) -> list[str]:
    """The section, line by line."""
    lines = [
        "",
        f"## {TITLE}: lags {LAGS}, 32 blocks, two cores",
        "",
        f'*In pieces*: memory-mapped, with `max_memory="{MEMORY["bytes"]}"` (words: `"{MEMORY["words"]}"`); '
        "*in memory*: the same codes, held as an array.",
        "",
        "| corpus | in memory | reading once | in pieces | over both | <= 1.3 | private memory in pieces |",
        "|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines))
    with tempfile.TemporaryDirectory() as folder:
        for what, kind, path, make in (
            (f"text of {n_bytes / 1e9:.1f} GB by bytes", "bytes", Path(folder) / "big.txt", lambda p: text(p, n_bytes)),
            (
                f"{n_words:,} words of 500,000 kinds",
                "words",
                Path(folder) / "words.arrow",
                lambda p: ranked(p, n_words),
            ),
        ):
            make(path)
            held, streamed = asked(kind, path, None), asked(kind, path, MEMORY[kind])
            assert held[4:] == streamed[4:], "counts differ"
            ratio = streamed[1] / (streamed[0] + held[1])
            good = "yes" if ratio <= 1.3 else "**no**"
            lines.append(
                f"| {what} | {held[1]:.1f} s | {streamed[0]:.2f} s | {streamed[1]:.1f} s | {ratio:.2f} times | {good} "
                f"| {streamed[2]:.0f} MiB ({streamed[3]:.0f} before) |"
            )
            print(lines[-1])
            path.unlink()
    return lines


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into benchmarks/RESULTS.md")
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        kind, path, memory = options.child
        child(kind, path, None if memory == "-" else memory)
        return
    share = 10 if options.quick else 1
    lines = measured(2_000_000_000 // share, WORDS // share)
    if options.write:
        write(lines, TITLE)


if __name__ == "__main__":
    main()
