"""How long processes take to draw, against the time that as many uniform random numbers take in the same run.

python benchmarks/samplers.py [--write] [--quick]      # --write: as a section of benchmarks/RESULTS.md
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable

import numpy as np
from run import HERE, best
from scipy import fft

from miscope.processes import (
    FractionalNoise,
    GaussianCopula,
    Heterogeneous,
    HiddenMarkov,
    IsingChain,
    LinearRNN,
    MarkovChain,
    PowerLawBinary,
    Process,
    Quantised,
    RandomHierarchy,
    Renewal,
    TreeGrammar,
)
from miscope.processes.drawing import draw_documents

N = 10_000_000
DOCUMENTS = 64
MOST = 2.0  # seconds for N symbols in 64 documents, on two cores
TITLE = "Samplers"


def laws(n: int, size: int) -> np.ndarray:
    """Random laws, shape (n, size)."""
    return np.random.default_rng(size).dirichlet(np.ones(size), n)


POWER = {"amplitude": 0.1, "exponent": 0.4}
PROCESSES: dict[str, Callable[[], Process]] = {
    "MarkovChain, 2 symbols": MarkovChain.two_state,
    "MarkovChain, 100 symbols": lambda: MarkovChain(laws(100, 100)),
    "MarkovChain, 4 symbols, order 3": lambda: MarkovChain(laws(64, 4), order=3),
    "HiddenMarkov, 2 states, 2 symbols": lambda: HiddenMarkov(laws(2, 2), laws(2, 2)),
    "HiddenMarkov, 32 states, 64 symbols": lambda: HiddenMarkov(laws(32, 32), laws(32, 64)),
    "IsingChain": lambda: IsingChain(1.0),
    "Renewal": Renewal,
    "Heterogeneous": lambda: Heterogeneous(delta=0.5),
    "Heterogeneous, segments of 10": lambda: Heterogeneous(delta=0.5, segment=10),
    "LinearRNN, 1 unit": LinearRNN,
    "LinearRNN, 2 units, 2 channels": lambda: LinearRNN([[0.5, 0.2], [-0.2, 0.5]], [[0.3, 0.1], [0.2, 0.3]], np.eye(2)),
}
TREES: dict[str, Callable[[int], Process]] = {
    "TreeGrammar, 2 symbols": lambda depth: TreeGrammar(depth=depth),
    "TreeGrammar, 64 symbols": lambda depth: TreeGrammar(laws(64, 64), depth=depth),
    "RandomHierarchy, 16 symbols": lambda depth: RandomHierarchy(depth=depth),
}
GAUSSIAN: dict[str, Callable[[], Process]] = {
    "PowerLawBinary": PowerLawBinary,
    "GaussianCopula, 2 symbols": lambda: GaussianCopula(POWER),
    "GaussianCopula, 8 symbols": lambda: GaussianCopula(POWER, n_symbols=8),
    "Quantised FractionalNoise, 4 symbols": lambda: Quantised(FractionalNoise(hurst=0.8), 4),
    "FractionalNoise, hurst": lambda: FractionalNoise(hurst=0.8),
    "FractionalNoise, d and ar": lambda: FractionalNoise(d=0.3, ar=[0.5]),
}
LARGE = "LinearRNN, 32 units"


def large() -> Process:
    """A dense network."""
    rng = np.random.default_rng(1)
    return LinearRNN(rng.normal(size=(32, 32)) / 12, rng.normal(size=32) / 12, rng.normal(size=32) / 12)


def floor(n_documents: int, length: int) -> float:
    """Seconds for as many uniform numbers, drawn by the same threads."""

    def uniform(generator: np.random.Generator, values: np.ndarray) -> None:
        generator.random(out=values)

    return best(lambda: draw_documents(uniform, n_documents, length, 0, np.float64))


class Samplers:
    """Rows of times, as they are measured."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.lines = [
            "",
            f"## {TITLE}: {n:,} symbols or numbers from one seed",
            "",
            "*Floor*: as many uniform random numbers by numpy, on the same threads, measured next to each process.",
            "",
            f"| process | {DOCUMENTS} documents | ns each | over floor | <= {MOST:g} s | one document | over floor |",
            "|---|---|---|---|---|---|---|",
        ]

    def row(self, what: str, process: Process, single: Process | None = None, wanted: bool = True) -> None:
        """Draw many documents, and one, each next to its floor."""
        many = (DOCUMENTS, self.n // DOCUMENTS) if process.longest is None else (-(-self.n // process.longest), None)
        one = (1, self.n) if single is None else (1, None)
        cells = []
        for each, (n_documents, length) in ((process, many), (single or process, one)):
            n = n_documents * (length or each.longest)
            seconds = best(
                lambda each=each, n_documents=n_documents, length=length: each.sample(n_documents, length, 1)
            )
            scale = self.n / n  # documents of trees have sizes of their own
            cells.append((seconds * scale, seconds / floor(n_documents, n // n_documents)))
        (seconds, times), (alone, times_alone) = cells
        mark = "" if not wanted else "yes" if seconds <= MOST else "**no**"
        self.lines.append(
            f"| {what} | {seconds:.2g} s | {seconds / self.n * 1e9:.3g} | {times:.3g} times | {mark} | {alone:.2g} s | "
            f"{times_alone:.3g} times |"
        )
        print(f"  {self.lines[-1]}")

    def circles(self) -> None:
        """One long document of Gaussian numbers: the FFT that it takes, and the first time, when a circle is made."""
        half = fft.next_fast_len(self.n - 1, real=True)
        spectrum = np.ones(half + 1, np.complex128)
        transform = best(lambda: fft.irfft(spectrum, 2 * half))
        self.lines += [
            "",
            f"One document of {self.n:,} Gaussian numbers takes an FFT of {2 * half:,}: {transform:.2g} s in this run. "
            "The first such document also takes the correlations at all lags, and their FFT; later ones do not:",
            "",
            "| process | first | later | later over that FFT |",
            "|---|---|---|---|",
        ]
        for what, make in GAUSSIAN.items():
            make().sample(1, 1000)  # compiled
            process = make()
            start = time.perf_counter()
            process.sample(1, self.n)
            first = time.perf_counter() - start
            later = best(lambda process=process: process.sample(1, self.n), 2)
            self.lines.append(f"| {what} | {first:.2g} s | {later:.2g} s | {later / transform:.2g} times |")
            print(f"  {self.lines[-1]}")


def measured(n: int) -> list[str]:
    """The section, line by line."""
    table = Samplers(n)
    for what, make in (PROCESSES | GAUSSIAN).items():
        table.row(what, make())
    deep = int(np.log2(n))
    for what, tree in TREES.items():
        table.row(what, tree(deep - 6), tree(deep))
    table.row(LARGE, large(), wanted=False)
    table.lines += [
        "",
        f"Trees are drawn in documents of 2^{deep - 6} symbols, and in one of 2^{deep}; times are scaled to {n:,} "
        f"symbols. {LARGE}, and LongRangeIsing (not measured here), are outside the promise.",
    ]
    table.circles()
    return table.lines


def write(lines: list[str], title: str = TITLE) -> None:
    """Put the section of this title in its place in RESULTS.md, or at its end."""
    path = HERE / "RESULTS.md"
    text = re.sub(rf"\n## {title}.*?(?=\n## |\Z)", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    path.write_text(text.rstrip("\n") + "\n" + "\n".join([*lines, ""]), encoding="utf-8")


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into benchmarks/RESULTS.md")
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    options = parser.parse_args()
    lines = measured(N // 10 if options.quick else N)
    if options.write:
        write(lines)


if __name__ == "__main__":
    main()
