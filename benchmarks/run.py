"""Speed against other programs and against the machine, side by side in one run, on the same arrays.

python benchmarks/run.py [--write] [--quick]      # --write: into benchmarks/RESULTS.md
"""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from data import library_source, random_symbols, source_bytes, source_words

import miscope as ms
from miscope.counting.lags import log_lags

HERE = Path(__file__).parent
LAGS = log_lags(1, 10_000, 50)  # 45 different ones
C_LOOP = """
#include <stddef.h>
#include <stdint.h>
void histogram(const uint8_t *x, size_t n, size_t lag, size_t k, uint32_t *table) {
    for (size_t i = 0; i + lag < n; i++) table[x[i] * k + x[i + lag]]++;
}
"""


class Table:
    """Rows of figures, each with what it must be where there is such a bound."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def head(self, title: str) -> None:
        """Start a section."""
        self.lines += ["", f"## {title}", "", "| what | figure | wanted | |", "|---|---|---|---|"]
        print(f"\n{title}")

    def row(self, what: str, value: float, unit: str, most: float | None = None, least: float | None = None) -> None:
        """One figure, with an upper or a lower bound."""
        bound = f"<= {most:g}" if most is not None else f">= {least:g}" if least is not None else ""
        good = (most is None or value <= most) and (least is None or value >= least)
        mark = "" if not bound else ("yes" if good else "**no**")
        self.lines.append(f"| {what} | {value:.3g} {unit} | {bound} | {mark} |")
        print(f"  {what:78} {value:9.3g} {unit:12} {bound:10} {mark}")

    def text(self, text: str) -> None:
        """A paragraph."""
        self.lines += ["", text]
        print(f"  {text}")


def best(task: Callable[[], object], times: int = 3) -> float:
    """Shortest of several runs, in seconds, after one that compiles."""
    task()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def n_pairs(n: int, lags: np.ndarray) -> int:
    """Pairs at all lags of one document."""
    return int(np.sum(n - np.asarray(lags)))


def c_loop() -> Callable[[np.ndarray, int, int], np.ndarray] | None:
    """The plain loop in C, compiled here, or None without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    folder = Path(tempfile.mkdtemp())
    (folder / "loop.c").write_text(C_LOOP)
    command = [
        compiler,
        "-O3",
        "-march=native",
        "-shared",
        "-fPIC",
        "-o",
        str(folder / "loop.so"),
        str(folder / "loop.c"),
    ]
    subprocess.run(command, check=True)
    function = ctypes.CDLL(str(folder / "loop.so")).histogram

    def run(codes: np.ndarray, lag: int, kinds: int) -> np.ndarray:
        table = np.zeros(kinds * kinds, np.uint32)
        pointers = (codes.ctypes.data_as(ctypes.c_void_p), table.ctypes.data_as(ctypes.c_void_p))
        function(pointers[0], ctypes.c_size_t(len(codes)), ctypes.c_size_t(lag), ctypes.c_size_t(kinds), pointers[1])
        return table

    return run


def bytes_of_source(table: Table, n: int) -> None:
    """Dense kernel: bytes of source code."""
    codes = source_bytes(n)
    kinds = int(codes.max()) + 1
    sequences = ms.Sequences.from_arrays(codes)
    pairs = n_pairs(n, LAGS)
    table.head(f"Bytes of source code: {kinds} symbols, {n:,} of them, {len(LAGS)} lags to 10,000")
    both = best(lambda: ms.count_fingerprints(sequences, LAGS, 0)) / pairs * 1e9
    alone = best(lambda: ms.count_fingerprints(sequences, LAGS, 0, threads=1)) / pairs * 1e9
    blocks = best(lambda: ms.count_fingerprints(sequences, LAGS, 32)) / pairs * 1e9
    table.row("miscope, all cores, no blocks", both, "ns a pair", most=0.6)
    table.row("miscope, one core, no blocks", alone, "ns a pair")
    table.row("miscope, 32 blocks over no blocks", blocks / both, "times", most=1.5)
    loop = c_loop()
    few = [1, 10, 100, 1000, 10000]
    if loop is not None:
        c = best(lambda: [loop(codes, lag, kinds) for lag in LAGS]) / pairs * 1e9
        table.row("plain C loop, cc -O3 -march=native, one core", c, "ns a pair")
        table.row("miscope, one core, over the C loop", alone / c, "times", most=1.25)

    def bincount(lag: int) -> None:
        np.bincount(codes[:-lag].astype(np.int64) * kinds + codes[lag:], minlength=kinds**2)

    def unique(lag: int) -> None:
        np.unique(codes[:-lag].astype(np.int64) * kinds + codes[lag:], return_counts=True)

    numpy_time = best(lambda: [bincount(lag) for lag in few], 1) / n_pairs(n, few) * 1e9
    table.row("numpy.bincount over miscope (all cores)", numpy_time / both, "times")
    unique_time = best(lambda: [unique(lag) for lag in few[:2]], 1) / n_pairs(n, few[:2]) * 1e9
    table.row("numpy.unique over miscope", unique_time / both, "times")
    try:
        from sklearn.metrics import mutual_info_score
    except ImportError:
        return
    score = best(lambda: mutual_info_score(codes[:-10], codes[10:]), 1) / (n - 10) * 1e9
    table.row("sklearn.metrics.mutual_info_score over miscope", score / both, "times")


def small_alphabets(table: Table, n_binary: int, n_four: int) -> None:
    """Bits kernel."""
    lags = np.arange(1, 1001)
    table.head(f"Small alphabets: two symbols, {n_binary:,} of them, lags 1 to 1000; four symbols, {n_four:,}")
    binary = ms.Sequences.from_arrays(random_symbols(2, n_binary))
    seconds = best(lambda: ms.count_fingerprints(binary, lags, 0), 1)
    table.row("two symbols: miscope, all cores", seconds / n_pairs(n_binary, lags) * 1e9, "ns a pair", most=0.01)
    four = ms.Sequences.from_arrays(random_symbols(4, n_four))
    bits = best(lambda: ms.count_fingerprints(four, LAGS, 0, method="bits"))
    dense = best(lambda: ms.count_fingerprints(four, LAGS, 0, method="dense"))
    table.row("four symbols: bits, all cores", bits / n_pairs(n_four, LAGS) * 1e9, "ns a pair")
    table.row("four symbols: dense over bits", dense / bits, "times", least=3)


def words(table: Table, n: int) -> None:
    """Sparse kernel: words of source code."""
    codes = source_words(n)
    kinds = int(codes.max()) + 1
    sequences = ms.Sequences.from_arrays(codes)
    pairs = n_pairs(len(codes), LAGS)
    table.head(f"Words of source code: {kinds:,} types, {len(codes):,} tokens, {len(LAGS)} lags to 10,000")
    plain = best(lambda: ms.count_fingerprints(sequences, LAGS, 0), 2) / pairs * 1e9
    blocks = best(lambda: ms.count_fingerprints(sequences, LAGS, 32), 2) / pairs * 1e9
    table.row("miscope, all cores, no blocks", plain, "ns a pair", most=5)
    table.row("miscope, 32 blocks over no blocks", blocks / plain, "times", most=2.5)
    some = codes[: min(len(codes), 1_000_000)]

    def dictionary() -> None:
        counts: dict[tuple[int, int], int] = {}
        for pair in zip(some[:-10].tolist(), some[10:].tolist(), strict=True):
            counts[pair] = counts.get(pair, 0) + 1

    loop = best(dictionary, 1) / len(some) * 1e9
    table.row("dictionary of pairs over miscope", loop / plain, "times", least=30)
    unique = best(lambda: np.unique(codes[:-10].astype(np.int64) * kinds + codes[10:], return_counts=True), 1)
    table.row("numpy.unique over miscope", unique / len(codes) * 1e9 / plain, "times", least=8)


def against_automutualinformation(table: Table, n: int) -> None:
    """The whole way, null included, against the package that people use today."""
    try:
        from automutualinformation import sequential_mutual_information
    except ImportError:
        return
    lags = log_lags(1, 1000, 22)[:20]
    codes = source_bytes(n)
    table.head(
        f"Against automutualinformation: {n:,} bytes, {len(lags)} lags to {lags[-1]}, its shuffle and our null included"
    )
    ours = best(lambda: ms.measure(codes, lags, blocks=0))
    bars = best(lambda: ms.measure(codes, lags))
    quiet = {"verbose": 0, "prefer": None}
    start = time.perf_counter()
    theirs = sequential_mutual_information([codes], distances=lags, use_tqdm=False, parallel_kwargs=quiet)
    seconds = time.perf_counter() - start
    table.row("automutualinformation, all cores (its default)", seconds, "s")
    table.row("miscope, without bars", ours, "s")
    table.row("automutualinformation over miscope without bars", seconds / ours, "times", least=300)
    table.row("automutualinformation over miscope with bars (32 blocks)", seconds / bars, "times")
    compare_values(table, lags, codes, [np.asarray(part, dtype=float) for part in (theirs[0][0], theirs[1][0])])


def compare_values(table: Table, lags: np.ndarray, codes: np.ndarray, theirs: list[np.ndarray]) -> None:
    """Both programs' columns, and why they differ."""
    mi, shuffled = theirs
    curve, plain = ms.measure(codes, lags), ms.measure(codes, lags, estimator="plug_in")
    table.lines += ["", "Its values as it returns them; ours in nats:", ""]
    table.lines += [
        "| lag | its MI | its shuffled MI | its difference | our MI | our null | our MI above null | plug-in |"
    ]
    table.lines += ["|---|---|---|---|---|---|---|---|"]
    for i in range(0, len(lags), 4):
        figures = (mi[i], shuffled[i], mi[i] - shuffled[i], curve.mi[i], curve.null[i], curve.excess[i], plain.mi[i])
        table.lines.append(f"| {lags[i]} | " + " | ".join(f"{figure:.4f}" for figure in figures) + " |")
        print("   ", lags[i], *(f"{figure:9.4f}" for figure in figures))
    constant = (1 / np.log(2) - 1) * np.log(len(codes))
    table.text(
        f"Its MI lies {np.median(mi - plain.mi):.3f} above the plug-in value at all lags: it takes each entropy as "
        "`log2 N - (1/N) sum n psi(n)`, bits minus nats, and in H + H - H the mistake adds "
        f"(1/ln 2 - 1) ln N = 0.4427 ln N = {constant:.3f} to every value. In the difference to its own shuffle the "
        "constant cancels; that difference is in nats."
    )


def command_line(table: Table, size: int) -> None:
    """`miscope measure` and `miscope --help`, from a cold start."""
    table.head(f"Command line: a file of {size:,} bytes")
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        text.write_bytes(library_source()[:size].decode("utf-8", "ignore").encode())
        command = [sys.executable, "-m", "miscope", "measure", str(text), "--quiet"]
        environment = os.environ | {"NUMBA_CACHE_DIR": str(Path(folder) / "cache")}
        table.row("miscope measure, nothing compiled yet", timed(command, environment), "s", most=8)
        table.row("miscope measure, the second time", min(timed(command, environment) for _ in range(3)), "s", most=1.5)
        helping = [sys.executable, "-m", "miscope", "--help"]
        table.row("miscope --help", min(timed(helping, environment) for _ in range(5)), "s", most=0.3)


def timed(command: list[str], environment: dict[str, str]) -> float:
    """Seconds that a command takes."""
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


MEMORY = """
import sys, miscope as ms, threading, time
def private():
    return sum(int(line.split()[1]) for line in open("/proc/self/smaps_rollup") if line.startswith("Anonymous:"))
peak, stop = 0, False
def watch():
    global peak
    while not stop:
        peak = max(peak, private()); time.sleep(0.02)
thread = threading.Thread(target=watch); thread.start()
sequences = ms.Sequences.open(sys.argv[1]) if sys.argv[1].endswith(".arrow") else ms.read_text(sys.argv[1], unit="byte")
ms.measure(sequences, lags="1:10000:20")
stop = True; thread.join()
print(peak / 1024)
"""


def memory(table: Table, size: int) -> None:
    """Private memory on a large memory-mapped corpus."""
    table.head(f"Memory: a memory-mapped corpus of {size / 1e9:.1f} GB by bytes, 20 lags, 32 blocks")
    if not Path("/proc/self/smaps_rollup").exists():
        table.text("not measured: this system does not tell")
        return
    source = library_source()
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "large.txt"
        with text.open("wb") as file:
            for _ in range(size // len(source)):
                file.write(source)
        command = [sys.executable, "-c", MEMORY, str(text)]
        start = time.perf_counter()
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        table.row("private memory at most", float(found.stdout), "MiB", most=500)
        table.row("time, reading included", time.perf_counter() - start, "s")


def machine() -> str:
    """Machine and versions."""
    from importlib.metadata import version

    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0] if names else cpu
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ("numpy", "numba", "scipy", "scikit-learn", "automutualinformation")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    python = f"{platform.system()}, Python {platform.python_version()}"
    return f"{cpu}, {cores} cores; {python}, miscope {ms.__version__}, {versions}"


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write benchmarks/RESULTS.md")
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    options = parser.parse_args()
    scale = 10 if options.quick else 1
    table = Table()
    bytes_of_source(table, 10_000_000 // scale)
    small_alphabets(table, 100_000_000 // scale, 10_000_000 // scale)
    words(table, 4_400_000 // scale)
    against_automutualinformation(table, 1_000_000 // scale)
    command_line(table, 1_000_000)
    memory(table, 1_000_000_000 // scale)
    if options.write:
        head = [
            "# Benchmarks",
            "",
            f"Measured by `make bench` on: {machine()}.",
            "Shortest of a few runs; one run, one machine.",
        ]
        (HERE / "RESULTS.md").write_text("\n".join([*head, *table.lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
