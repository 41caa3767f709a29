"""How often uniformity() is right: alike called alike, differences found, each in many corpora of known processes.

python benchmarks/uniformity.py [--write] [--quick]      # --write: as a section of benchmarks/RESULTS.md
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from samplers import write

from miscope.counting.lags import parse_lags
from miscope.probing.permutation import answers
from miscope.probing.splits import as_parts
from miscope.probing.uniformity import exchangeable
from miscope.processes import Heterogeneous, IsingChain, MarkovChain, PowerLawBinary, Process

TITLE = "Uniformity"
LAGS = parse_lags("1:500:6", 2000)
PERMUTATIONS = 999  # and all else as uniformity() has it by default
LEVEL = 0.025
LEAST = 0.95
SIZES = (67, 67, 66)  # documents in the three parts: 200 in all
LENGTH = 2000


@dataclass(frozen=True)
class Case:
    """Three parts: two of one process, and the third of another, or of the same."""

    what: str
    one: Process
    other: Process
    sizes: tuple[int, int, int] = SIZES
    length: int = LENGTH

    @property
    def alike(self) -> bool:
        """Whether all parts are of one process."""
        return self.one is self.other


def sticky(law: list[float], stay: float) -> MarkovChain:
    """A chain that keeps its symbol with probability `stay`, and draws a new one from `law` otherwise."""
    shares = np.array(law)
    return MarkovChain(stay * np.eye(len(law)) + (1 - stay) * shares)


def halved(coupling: float) -> IsingChain:
    """The chain of half the correlation length."""
    return IsingChain(math.atanh(math.tanh(coupling) ** 2))


def shifted(law: list[float], by: float) -> list[float]:
    """A share moved from the first symbol to the last."""
    return [law[0] - by, *law[1:-1], law[-1] + by]


def cases() -> list[Case]:
    """All that is measured."""
    zipf = (1 / np.arange(1, 33) / np.sum(1 / np.arange(1, 33))).tolist()
    four = [0.4, 0.3, 0.2, 0.1]
    topics = np.random.default_rng(0).dirichlet(np.full(8, 2.0), 6)
    uniform = {
        "independent, two symbols": sticky([0.5, 0.5], 0.0),
        "independent, 32 symbols, shares 1/rank": sticky(zipf, 0.0),
        "Markov chain, two symbols, correlation length 5.0": IsingChain(1.5),
        "Markov chain, four symbols": sticky(four, 0.7),
        "power law, two symbols, exponent 0.4": PowerLawBinary(amplitude=0.1, exponent=0.4),
        "heterogeneous documents, two symbols, delta 0.5": Heterogeneous(delta=0.5),
        "heterogeneous documents, eight symbols, six kinds": Heterogeneous(compositions=topics),
    }
    made = [Case(what, process, process) for what, process in uniform.items()]
    chain = uniform["Markov chain, four symbols"]
    made.append(Case("the same four symbols, parts of 170, 20 and 10 documents", chain, chain, (170, 20, 10)))
    short = uniform["independent, 32 symbols, shares 1/rank"]
    made.append(Case("the same 32 symbols, documents of 40", short, short, SIZES, 40))
    even = sticky([0.5, 0.5], 0.8)
    made += [
        Case(
            "5 % of composition, two symbols, independent", uniform["independent, two symbols"], sticky([0.45, 0.55], 0)
        ),
        Case("5 % of composition, two symbols, chain that stays", even, sticky([0.45, 0.55], 0.8)),
        Case("5 % of composition, four symbols, chain that stays", chain, sticky(shifted(four, 0.05), 0.7)),
        Case("5 % of composition, 32 symbols, independent", short, sticky(shifted(zipf, 0.05), 0)),
        Case("correlation length 1.0 for 2.0", IsingChain(_coupling(2.0)), halved(_coupling(2.0))),
        Case(
            "correlation length 2.5 for 5.0", uniform["Markov chain, two symbols, correlation length 5.0"], halved(1.5)
        ),
        Case("correlation length 10 for 20", IsingChain(_coupling(20.0)), halved(_coupling(20.0))),
        Case("correlation length halved, four symbols", chain, sticky(four, 0.49)),
    ]
    return made


def _coupling(length: float) -> float:
    """Of the chain with this correlation length."""
    return math.atanh(math.exp(-1 / length))


def p_value(case: Case, run: int) -> float:
    """P-value of any difference in one corpus, from the same steps as uniformity() takes, without curves and fits."""
    processes = (case.one, case.one, case.other)
    parts = [
        process.sample(n, case.length, seed=3 * run + k)
        for k, (process, n) in enumerate(zip(processes, case.sizes, strict=True))
    ]
    units, composition, _ = exchangeable(*as_parts(parts, None, 8), blocks=32, seed=run)
    lags = LAGS[: int(np.searchsorted(LAGS, case.length // 2))]
    return answers(units, composition, lags, PERMUTATIONS, seed=run).overall


def binomial(share: float, n: int) -> float:
    """Standard error of a share among n runs; of one more run on either side where it is none or all."""
    kept = min(max(share, 1 / (n + 2)), 1 - 1 / (n + 2))
    return math.sqrt(kept * (1 - kept) / n)


def measured(n_alike: int, n_different: int, said: Callable[[str], object] = print) -> list[str]:
    """The section, line by line."""
    lines = [
        "",
        f"## {TITLE}: corpora in three parts of 200 documents in all, 2,000 symbols each",
        "",
        f"How often parts are called what they are: level {LEVEL:g}, {PERMUTATIONS} permutations, {len(LAGS)} lags "
        f"from 1 to {LAGS[-1]}; ± one binomial standard error.",
        "",
        "| corpora | truth | runs | right | wanted | |",
        "|---|---|---|---|---|---|",
    ]
    every: list[float] = []
    for case in cases():
        started, n = time.perf_counter(), n_alike if case.alike else n_different
        found = np.array([p_value(case, run) for run in range(n)])
        right = found > LEVEL if case.alike else found <= LEVEL
        every += right.tolist() if case.alike else []
        lines.append(row(case.what, "alike" if case.alike else "not alike", right))
        said(f"{lines[-1]} {(time.perf_counter() - started) / n:.3f} s a run")
    lines.append(row("all corpora that are alike", "alike", np.array(every)))
    said(lines[-1])
    return lines


def row(what: str, truth: str, right: np.ndarray) -> str:
    """One line of the table."""
    share = float(right.mean())
    mark = "yes" if share >= LEAST else "**no**"
    error = 100 * binomial(share, len(right))
    return (
        f"| {what} | {truth} | {len(right):,} | {100 * share:.1f} ± {error:.1f} % | >= {100 * LEAST:.0f} % | {mark} |"
    )


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into benchmarks/RESULTS.md")
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs")
    options = parser.parse_args()
    lines = measured(50, 20) if options.quick else measured(500, 200)
    if options.write:
        write(lines)


if __name__ == "__main__":
    main()
