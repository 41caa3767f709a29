"""Measure what the kernels cost, and fit the constants of src/miscope/counting/costs.py.

python benchmarks/cost_model.py            # measure, fit, print constants and how good the choice is
python benchmarks/cost_model.py --fourier  # only the kernel that counts all lags at once, against the others
"""

from __future__ import annotations

import argparse
import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import optimize

from miscope import Sequences
from miscope.counting import costs
from miscope.counting.doors import Counter
from miscope.counting.fourier import FourierKernel

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


def corpus(kinds: int, documents: int, n: int) -> Sequences:
    """Symbols by Zipf's law."""
    weights = 1 / np.arange(1, kinds + 1)
    codes = np.random.default_rng(0).choice(kinds, size=n, p=weights / weights.sum())
    codes[:kinds] = np.arange(kinds)
    return Sequences.from_arrays(codes, offsets=np.linspace(0, n, documents + 1).astype(np.int64))


def measure_fourier(kinds: int, blocks: int, documents: int, n_lags: int, n: int) -> float:
    """Seconds of one thread for all lags."""
    counter = Counter(corpus(kinds, documents, n), f"all:{n_lags}", blocks, "fourier")
    best = np.inf
    for _ in range(2):
        start = time.process_time()
        kernel = FourierKernel(counter.data, counter.lags, 2**31)
        with ThreadPoolExecutor(1) as pool:
            for batch in kernel.batches():
                kernel.count(batch, pool, lambda pairs: None)
                for first in range(0, len(batch), kernel.width):
                    kernel.fingerprints_of(batch[first : first + kernel.width])
        best = min(best, time.process_time() - start)
    return best


def measure_by_lag(method: str, kinds: int, blocks: int, documents: int, n_lags: int, n: int) -> float:
    """Seconds of one thread for all lags, from some of them."""
    lags = np.unique(np.linspace(1, n_lags, 5).astype(int))
    counter = Counter(corpus(kinds, documents, n), lags, blocks, method)
    best = np.inf
    for _ in range(2):
        start = time.process_time()
        kernel = counter.kernel()
        middle = time.process_time()
        for lag in lags:
            kernel.fingerprints(int(lag))
        best = min(best, middle - start + (time.process_time() - middle) * n_lags / len(lags))
    return best


def fourier() -> None:
    """Measure the Fourier kernel on its grid, fit, and compare choices with the quickest of all kernels."""
    grid = [
        (kinds, blocks, documents, n_lags, n)
        for kinds, (blocks, documents), n_lags, n in itertools.product(
            (2, 4, 12, 27, 64, 174), ((0, 1), (0, 200), (8, 1)), (200, 1000, 8000), (100_000, 400_000)
        )
        if n_lags < n / documents and n_lags * n < 5e9
    ]
    measure_fourier(4, 0, 1, 200, 10_000)  # compiled
    measure_fourier(4, 2, 9, 200, 10_000)
    rows, seconds, others, scale = [], [], [], []
    for kinds, blocks, documents, n_lags, n in grid:
        about = (kinds, blocks, documents, n_lags, n)
        own = measure_fourier(*about)
        methods = ["dense", "bits"] if kinds <= 32 else ["dense"]
        found = {method: measure_by_lag(method, *about) for method in methods}
        rows.append(costs.fourier_terms(n, documents, kinds, n_lags, blocks))
        seconds.append(own * 1e9)
        others.append(found)
        scale += [found[method] / costs.predict(method, n, documents, kinds, n_lags, blocks) for method in methods]
        print(f"{about}: fourier {own:.3g} s, " + ", ".join(f"{m} {s:.3g} s" for m, s in found.items()), flush=True)
    terms, measured = np.array(rows), np.array(seconds)
    constants, _ = optimize.nnls(terms / measured[:, None], np.ones(len(measured)))
    slower = float(np.median(scale))
    ratio = terms @ constants / measured
    print(f"the others take {slower:.2f} x what the model says: constants are divided by that")
    print(f'    ("fourier", "all"): ({" ".join(f"{c / slower:.3g}," for c in constants)}),', end="")
    print(f"  # predicted over measured {ratio.min():.2f} to {ratio.max():.2f}")
    losses = []
    for (kinds, blocks, documents, n_lags, n), own, found in zip(grid, seconds, others, strict=True):
        known = found | {"fourier": own / 1e9}
        chosen = costs.cheapest(n, documents, kinds, n_lags, blocks)
        if chosen in known:
            losses.append(known[chosen] / min(known.values()))
        best = min(known, key=lambda name: known[name])
        loss = known.get(chosen, np.nan) / known[best]
        print(f"{kinds, blocks, documents, n_lags, n}: {chosen}, best {best}: {loss:.2f}")
    print(f"all lags: the choice takes {np.mean(losses):.3f} x the best on average, {max(losses):.2f} x at worst")


def main() -> None:
    """Fit all kernels, or the one that counts all lags at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fourier", action="store_true")
    if not parser.parse_args().fourier:
        by_lag()
    fourier()


def by_lag() -> None:
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
