"""How fast files become codes, against a loop in plain Python and against pyarrow, and how much memory that takes.

python benchmarks/reading.py [--write] [--quick]      # --write: as a section of benchmarks/RESULTS.md
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from data import library_source
from samplers import write

import miscope as ms

TITLE = "Reading"
WORD = re.compile(r"\w+(?:['’\-]\w+)*|[^\w\s]")
WHOLE, LINES = "a document a file", "a document a line"
ROWS = 2_000_000
WANTED = {"bytes": 200, "characters": 50, "words": 20, "tokens": 20}  # MB/s


def seconds(task: Callable[[], object], times: int = 3) -> float:
    """Shortest of several runs after one that compiles, in seconds of the processor, which others may be using too."""
    task()
    taken = []
    for _ in range(times):
        start = time.process_time()
        task()
        taken.append(time.process_time() - start)
    return min(taken)


# What others do


def numbered(symbols: Iterable[object]) -> np.ndarray:
    """The loop that everybody writes."""
    index: dict[object, int] = {}
    return np.array([index.setdefault(symbol, len(index)) for symbol in symbols], np.uint32)


def loop(path: Path, unit: str, by_line: bool) -> list[np.ndarray] | np.ndarray:
    """Plain Python: read, find, number; documents one by one."""
    if unit == "bytes":
        parts: list = path.read_bytes().split(b"\n") if by_line else [path.read_bytes()]
        return [np.array(list(part), np.uint8) for part in parts]
    text = path.read_text(encoding="utf-8")
    find = {"characters": list, "words": WORD.findall, "tokens": str.split}[unit]
    if not by_line:
        return numbered(find(text))
    lengths, symbols = [], []
    for line in text.split("\n"):
        found = find(line)
        lengths.append(len(found))
        symbols += found
    return numbered(symbols)


def arrow(path: Path, unit: str) -> object:
    """pyarrow: numbers of code points, or of what its kernels find; where documents end is not asked for."""
    if unit == "bytes":
        return pa.array(np.frombuffer(path.read_bytes(), np.uint8)).dictionary_encode()
    text = path.read_text(encoding="utf-8")
    if unit == "characters":
        return pa.array(np.frombuffer(text.encode("utf-32-le"), np.uint32)).dictionary_encode()
    lines = pc.split_pattern(pa.array([text], pa.large_string()), "\n").flatten()
    if unit == "words":  # RE2 cannot look at both sides of an apostrophe: nearly the same words
        lines = pc.replace_substring_regex(lines, r"([^\pL\pN_\s'’-])", r" \1 ")
    return pc.utf8_split_whitespace(lines).flatten().dictionary_encode()


def fasta_loop(path: Path) -> list[np.ndarray]:
    """Plain Python over lines."""
    index, records = {"A": 0, "C": 1, "G": 2, "T": 3}, []
    with path.open() as file:
        for line in file:
            if line.startswith(">"):
                records.append([])
            else:
                records[-1] += [index[letter] for letter in line.rstrip()]
    return [np.array(record, np.uint8) for record in records]


# What is measured


class Table:
    """Rows of figures, as they are measured."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def head(self, *columns: str) -> None:
        """Begin a table."""
        self.lines += ["", "| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]

    def row(self, *cells: str) -> None:
        """One line of it."""
        self.lines.append("| " + " | ".join(cells) + " |")
        print(self.lines[-1], flush=True)

    def speed(self, what: str, mega: float, ours: float, wanted: float | None, python: float, other: float) -> None:
        """MB/s of three programs, from their seconds; 0 stands for one that was not run."""
        mark = "" if wanted is None else "yes" if mega / ours >= wanted else "**no**"
        others = [f"{mega / each:.3g}" if each else "" for each in (python, other)]
        self.row(what, f"{mega / ours:.3g}", "" if wanted is None else f">= {wanted:g}", mark, *others)


def texts(table: Table, folder: Path, source: bytes) -> None:
    """The four units, as a whole, in documents of several kinds, and out of a data set."""
    path, few = folder / "text.txt", folder / "few.txt"
    path.write_bytes(source)
    few.write_bytes(source[: len(source) // 4].decode("utf-8", "ignore").encode())
    mega, mega_few = len(source) / 1e6, len(source) // 4 / 1e6
    hub = data_set(folder, source)
    others: dict[tuple[str, str], tuple[float, float]] = {}
    for unit in WANTED:
        for by_line, what in ((False, WHOLE), (True, LINES)):
            python = seconds(lambda unit=unit, by_line=by_line: loop(few, unit, by_line), 1) / mega_few * mega
            others[unit, what] = python, 0 if by_line else seconds(lambda unit=unit: arrow(path, unit))
    for unit, wanted in WANTED.items():
        name = unit[:-1]
        for what, options in [
            (WHOLE, {}),
            (LINES, {"documents": "line"}),
            ("documents between blank lines", {"documents": "blank-line"}),
            ('documents between `separator="self"`', {"separator": "self"}),
        ]:
            python, other = others.get((unit, what), (0, 0))
            ours = seconds(lambda name=name, options=options: ms.read_text(path, name, **options))
            table.speed(f"{unit}, {what}", mega, ours, wanted, python, other)
        if hub is not None:
            ours = seconds(lambda name=name: ms.read_hub(hub, unit=name))
            table.speed(f"{unit}, `read_hub`, a document a row", mega, ours, wanted, 0, 0)


def data_set(folder: Path, source: bytes) -> Path | None:
    """Paragraphs as rows of a data set, if datasets is installed."""
    try:
        import datasets
    except ImportError:
        return None
    datasets.disable_progress_bars()
    rows = re.split(r"\n\n+", source.decode())
    datasets.Dataset.from_dict({"text": rows}).save_to_disk(folder / "rows")
    return folder / "rows"


def columns(table: Table, folder: Path, n: int) -> None:
    """A column of a table, beside pyarrow reading that column alone."""
    rng = np.random.default_rng(0)
    columns = pa.table(
        {
            "symbol": pa.array(np.array(["up", "down", "flat", "none"])[rng.integers(0, 4, n)]),
            "value": np.round(rng.normal(size=n), 4),
            "other": rng.integers(0, 1000, n),
        }
    )
    pa.csv.write_csv(columns, folder / "table.csv")
    pa.parquet.write_table(columns, folder / "table.parquet")
    for kind in ("csv", "parquet"):
        path = folder / f"table.{kind}"
        for column in ("symbol", "value"):
            ours = seconds(lambda path=path, column=column: ms.read_table(path, column))
            alone = seconds(lambda path=path, column=column: column_alone(path, column))
            codes = "codes" if column == "symbol" else "numbers"
            cells = [f"{n / each / 1e6:.3g}" for each in (ours, alone)]
            table.row(f"{kind}, `{column}` to {codes}", *cells, f"{ours / alone:.2f} times")


def column_alone(path: Path, column: str) -> object:
    """What pyarrow needs for the column as it is, on one thread."""
    if path.suffix == ".parquet":
        return pa.parquet.read_table(path, columns=[column], use_threads=False)
    options = pa.csv.ConvertOptions(include_columns=[column])
    return pa.csv.read_csv(path, pa.csv.ReadOptions(use_threads=False), convert_options=options)


def fasta(table: Table, folder: Path, n: int) -> None:
    """Records of 1 MB in lines of 70 letters."""
    bases = np.frombuffer(b"ACGT", np.uint8)[np.random.default_rng(0).integers(0, 4, (n // 70, 70))]
    lines = np.concatenate([bases, np.full((len(bases), 1), 10, np.uint8)], axis=1)
    path, few, per = folder / "genome.fa", folder / "few.fa", 1_000_000 // 71
    for where, part in ((path, lines), (few, lines[: len(lines) // 8])):
        where.write_bytes(b"".join(b">r\n" + part[i : i + per].tobytes() for i in range(0, len(part), per)))
    size, size_few = path.stat().st_size, few.stat().st_size
    python = seconds(lambda: fasta_loop(few), 1) / size_few * size
    table.speed("FASTA, a document a record", size / 1e6, seconds(lambda: ms.read_fasta(path)), None, python, 0)


MEMORY = """
import sys, threading, time, json
import miscope as ms
def private():
    return sum(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon:"))
peak, stop = 0, False
def watch():
    global peak
    while not stop:
        peak = max(peak, private()); time.sleep(0.01)
path, small, unit, documents = sys.argv[1:]
ms.read_text(small, unit, documents)  # what is loaded and compiled is no part of it
before = private()
thread = threading.Thread(target=watch); thread.start()
sequences = ms.read_text(path, unit, documents)
stop = True; thread.join()
print(json.dumps([before / 1024, peak / 1024, sequences.n_symbols, sequences.n_documents]))
"""
MOST = 600  # MiB: codes below 256 MiB stay in memory, and are copied once


def memory(table: Table, folder: Path, source: bytes, sizes: list[int]) -> None:
    """The largest private memory while a file is read, for files of several sizes."""
    import json

    if not Path("/proc/self/status").exists():
        table.lines += ["", "Memory was not measured: this system does not tell."]
        return
    small = folder / "small.txt"
    small.write_bytes(source[:1_000_000])
    table.head("read", "size", "symbols", "documents", "private before", "private at most", f"<= {MOST} MiB")
    for size in sizes:
        path = folder / "large.txt"
        with path.open("wb") as file:
            for _ in range(size // len(source)):
                file.write(source)
        for unit, documents in [("byte", "file"), ("byte", "blank-line"), ("character", "file"), ("word", "file")]:
            command = [sys.executable, "-c", MEMORY, str(path), str(small), unit, documents]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            before, peak, n, n_documents = json.loads(done.stdout)
            what = f"{unit}s, " + ("a document a file" if documents == "file" else "documents between blank lines")
            cells = [f"{path.stat().st_size / 1e9:.2g} GB", f"{n:,}", f"{n_documents:,}", f"{before:.0f} MiB"]
            table.row(what, *cells, f"{peak:.0f} MiB", "yes" if peak <= MOST else "**no**")


def measured(quick: bool) -> list[str]:
    """The section, line by line."""
    scale = 10 if quick else 1
    source = library_source().decode("utf-8", "replace").encode()
    source = source[: len(source) // scale].decode("utf-8", "ignore").encode()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    table = Table()
    table.lines += [
        "",
        f"## {TITLE}: text to codes, on one core",
        "",
        f"MB/s, from seconds of the processor, checksums included, of {len(source) / 1e6:.0f} MB of Python's source "
        "code (FASTA: random bases); the loop in plain Python runs on a quarter of it. "
        f"pyarrow {pa.__version__} numbers bytes, code points, nearly the same words, and what white space separates, "
        "by `dictionary_encode` on one thread.",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table.head("what", "miscope", "wanted", "", "loop in Python", "pyarrow")
        texts(table, folder, source)
        fasta(table, folder, 50_000_000 // scale)
        table.lines += [
            "",
            f"A column of a table of {ROWS // scale:,} rows and three columns, in millions of rows a second:",
        ]
        table.head("what", "miscope", "pyarrow alone", "miscope's time over pyarrow's")
        columns(table, folder, ROWS // scale)
        table.lines += ["", "Private memory (RssAnon) while a text is read; codes beyond 256 MiB are in a mapped file:"]
        memory(table, folder, source, [size // scale for size in (500_000_000, 2_000_000_000)])
    return table.lines


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into benchmarks/RESULTS.md")
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    options = parser.parse_args()
    lines = measured(options.quick)
    if options.write:
        write(lines, TITLE)


if __name__ == "__main__":
    main()
