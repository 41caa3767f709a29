"""Measure what the kernels cost, and fit the constants of src/miscope/counting/costs.py.

python benchmarks/cost_model.py            # measure, fit, print constants and how good the choice is
"""

from __future__ import annotations

import itertools
import time

import numpy as np
from scipy import optimize

from miscope import Sequences
from miscope.counting import costs
from miscope.counting.doors import Counter

N = 1_000_000
LAGS = [1, 7, 30, 100]


def measure(method: str, kinds: int, blocks: int, documents: int, zipf: bool) -> tuple[float, float]:
    """Seconds to prepare, and seconds a lag, on one thread."""
    rng = np.random.default_rng(0)
    weights = 1 / np.arange(1, kinds + 1) if zipf else np.ones(kinds)
    codes = rng.choice(kinds, size=N, p=weights / weights.sum())
    codes[:kinds] = np.arange(kinds)
    offsets = np.linspace(0, N, documents + 1).astype(np.int64)
    sequences = Sequences.from_arrays(codes, offsets=offsets)
    counter = Counter(sequences, LAGS, blocks, method)
    best_prepare, best_lag = np.inf, np.inf
    for _ in range(3):
        start = time.perf_counter()
        kernel = counter.kernel()
        middle = time.perf_counter()
        for lag in LAGS:
            kernel.fingerprints(lag)
        end = time.perf_counter()
        best_prepare = min(best_prepare, middle - start)
        best_lag = min(best_lag, (end - middle) / len(LAGS))
    return best_prepare, best_lag


def cases() -> list[tuple[str, int, int, int, bool]]:
    """The grid: kernels, alphabets, blocks, documents, and how uneven the symbols are."""
    found = []
    for kinds, blocks, documents in itertools.product(
        (2, 4, 8, 12, 16, 24, 32, 64, 128, 256, 512, 1024, 2048, 8192, 65536), (0, 32), (1, 5000)
    ):
        for method in ("dense", "bits", "sparse"):
            too_large = (method == "bits" and kinds > 32) or (method == "dense" and kinds > 2048)
            if not too_large:
                found.append((method, kinds, blocks, documents, True))
    return found


def fit(method: str, rows: list[tuple[tuple[str, int, int, int, bool], tuple[float, float]]]) -> None:
    """Non-negative least squares in relative error, for preparing and for a lag."""
    for what, column in (("prepare", 0), ("lag", 1)):
        mine = [(case, seconds[column]) for case, seconds in rows if case[0] == method]
        terms = np.array([costs.terms(method, what, N, case[3], case[1], case[2]) for case, _ in mine])
        seconds = np.array([s for _, s in mine]) * 1e9
        constants, _ = optimize.nnls(terms / seconds[:, None], np.ones(len(seconds)))
        ratio = terms @ constants / seconds
        print(f'    ("{method}", "{what}"): ({" ".join(f"{c:.3g}," for c in constants)}),', end="")
        print(f"  # predicted over measured {ratio.min():.2f} to {ratio.max():.2f}")


def main() -> None:
    """Measure all cases, fit, and say what choosing by the model in use loses against always choosing right."""
    rows = []
    for case in cases():
        rows.append((case, measure(*case)))
        method, kinds, blocks, documents, _ = case
        prepare, lag = (1e9 / N * seconds for seconds in rows[-1][1])
        print(
            f"{method:7} {kinds:6} kinds {blocks:3} blocks {documents:5} documents: "
            f"{prepare:8.3f} + {lag:8.4f} ns a symbol"
        )
    for method in ("dense", "bits", "sparse"):
        fit(method, rows)
    losses = []
    for key, group in itertools.groupby(sorted(rows, key=lambda r: r[0][1:]), key=lambda r: r[0][1:]):
        seconds = {case[0]: prepare + 40 * lag for case, (prepare, lag) in group}
        chosen = costs.cheapest(N, key[2], key[0], 40, key[1])
        losses.append(seconds[chosen] / min(seconds.values()))
    print(f"40 lags: the choice takes {np.mean(losses):.3f} x the best on average, {max(losses):.2f} x at worst")


if __name__ == "__main__":
    main()
