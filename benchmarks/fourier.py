"""All lags at once, by Fourier transforms, against the other kernels lag by lag, side by side in one run.

python benchmarks/fourier.py [--write] [--quick]      # --write: as a section of benchmarks/RESULTS.md
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from data import random_symbols, source_bytes
from samplers import write

from miscope import Sequences, measure
from miscope.counting.doors import Counter, thread_count
from miscope.counting.fourier import FourierKernel

TITLE = "All lags"
SAMPLE = 24  # lags that the kernels that go lag by lag are measured at


def uneven(kinds: int, n: int) -> np.ndarray:
    """Symbols by Zipf's law."""
    weights = 1 / np.arange(1, kinds + 1)
    return np.random.default_rng(0).choice(kinds, n, p=weights / weights.sum()).astype(np.uint8)


# Name: data, symbols, lags, blocks, the other kernel, how many times faster, how many seconds at most.
CASES: dict[str, tuple[Callable[[int], np.ndarray], int, int, int, str, float, float | None]] = {
    "27 symbols": (lambda n: uneven(27, n), 10_000_000, 65_536, 0, "dense", 10.0, 60.0),
    "4 symbols": (lambda n: random_symbols(4, n), 4_000_000, 65_536, 0, "bits", 1.0, 1.0),
    "bytes of source code": (source_bytes, 10_000_000, 16_384, 0, "dense", 1.0, None),
    "27 symbols, 16 blocks": (lambda n: uneven(27, n), 10_000_000, 16_384, 16, "dense", 1.0, None),
}


def all_at_once(counter: Counter) -> None:
    """All fingerprints by the Fourier kernel."""
    kernel = FourierKernel(counter.data, counter.lags, counter.memory)
    with ThreadPoolExecutor(thread_count()) as pool:
        for batch in kernel.batches():
            kernel.count(batch, pool, lambda pairs: None)
            parts = [batch[start : start + kernel.width] for start in range(0, len(batch), kernel.width)]
            for _ in pool.map(kernel.fingerprints_of, parts):
                pass


def timed(task: Callable[[], object], runs: int) -> tuple[float, float]:
    """Seconds that passed, and seconds of all cores together; the least of some runs."""
    found = []
    for _ in range(runs):
        start, used = time.perf_counter(), time.process_time()
        task()
        found.append((time.perf_counter() - start, time.process_time() - used))
    return min(wall for wall, _ in found), min(cores for _, cores in found)


def case(name: str, scale: int) -> dict[str, float]:
    """Measure one case in this process."""
    make, n, n_lags, blocks, method, _, _ = CASES[name]
    codes, n_lags = make(n // scale), n_lags // scale
    sequences = Sequences.from_arrays(codes)
    small = Sequences.from_arrays(codes[:20_000])
    all_at_once(Counter(small, "all:300", blocks, "fourier"))  # compiled
    measure(small, "all:1100", blocks=blocks, method="fourier")
    wall, cores = timed(lambda: all_at_once(Counter(sequences, f"all:{n_lags}", blocks, "fourier")), 2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    sample = np.unique(np.linspace(1, n_lags, SAMPLE).astype(int))
    other = Counter(sequences, sample, blocks, method)
    other.map(lambda kernel, lag: kernel.fingerprints(lag))
    seconds, other_cores = (
        value * n_lags / len(sample)
        for value in timed(lambda: other.map(lambda kernel, lag: kernel.fingerprints(lag)), 3)
    )
    found = {"wall": wall, "cores": cores, "peak": peak, "other": seconds, "other_cores": other_cores}
    if not blocks:
        about = {"blocks": 0, "null": "global", "method": "fourier"}
        found["measure"], found["measure_cores"] = timed(lambda: measure(sequences, f"all:{n_lags}", **about), 1)
        found["measure_peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    found["kinds"], found["n"], found["lags"] = int(codes.max()) + 1, len(codes), n_lags
    return found


def measured(scale: int) -> list[str]:
    """The section, line by line."""
    lines = [
        "",
        f"## {TITLE}: the Fourier kernel against kernels that go lag by lag",
        "",
        f"Two cores; the others are measured at {SAMPLE} of the lags, in the same process. Seconds that pass, and in "
        "brackets seconds of both cores together, which say more on a machine that others use too; the ratio is of the "
        "latter.",
        "",
        "| what | all at once | peak memory | lag by lag | ratio | wanted | | `measure`, null included |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, (_, _, _, _, method, wanted, most) in CASES.items():
        command = [sys.executable, __file__, "--case", name, "--scale", str(scale)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(output.splitlines()[-1])
        ratio = found["other_cores"] / found["cores"]
        good = ratio >= wanted and (most is None or found["wall"] <= most)
        limit = f">= {wanted:g} times" + ("" if most is None else f", <= {most:g} s")
        whole = f"{found['measure']:.3g} s ({found['measure_cores']:.3g})" if "measure" in found else ""
        lines.append(
            f"| {name} ({found['kinds']}), {found['n']:,} of them, lags 1 to {found['lags']:,} | {found['wall']:.3g} s "
            f"({found['cores']:.3g}) | {found['peak']:.2g} GB | {method} {found['other']:.3g} s "
            f"({found['other_cores']:.3g}) | {ratio:.3g} times | {limit} | {'yes' if good else '**no**'} | {whole} |"
        )
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into benchmarks/RESULTS.md")
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--scale", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(case(options.case, options.scale)))
        return
    lines = measured(10 if options.quick else 1)
    if options.write:
        write(lines, TITLE)


if __name__ == "__main__":
    main()
