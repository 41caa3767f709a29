"""How long a fit takes, against its floor in the same run, and against automutualinformation's fits.

python benchmarks/fits.py [--write]      # --write: as a section of benchmarks/RESULTS.md
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
from automutualinformation.modelfitting.fit import fit_model
from run import best
from samplers import write

import miscope as ms
from miscope.curve import MICurve
from miscope.decay.fitting import errors_of, solve
from miscope.decay.laws import LAWS, Constant
from miscope.decay.metric import Metric
from miscope.decay.points import points_of

MOST = 2.0  # seconds for 60 lags, 32 replicates, all laws
TITLE = "Fits of decay laws"


def once(curve: MICurve) -> None:
    """All laws over one range of lags, with and without a floor, and every replicate: what no fit can do without."""
    metric = Metric(points_of(curve))
    solutions = [min((solve(metric, law, f) for f in (False, True)), key=lambda one: one.criterion) for law in LAWS]
    solve(metric, Constant(), False)
    for found in solutions:
        errors_of(found)


def peer(curve: MICurve) -> None:
    """The three models of automutualinformation, each by its three methods; no intervals."""
    seen = curve.excess > 0
    with np.errstate(all="ignore"):
        for function in ("exponential", "powerlaw", "pow_exp"):
            fit_model(curve.lags[seen].astype(float), curve.excess[seen], decay_function=function)


def measured() -> list[str]:
    """The section, line by line."""
    lines = [
        "",
        f"## {TITLE}: 60 lags, 32 replicates, all laws with and without a floor",
        "",
        "*One range*: all laws and every replicate over one range of lags. `fit` also cuts the range from either side.",
        "",
        f"| curve | `fit` | <= {MOST:g} s | over one range | automutualinformation, no intervals |",
        "|---|---|---|---|---|",
    ]
    lags = np.unique(np.geomspace(1, 4000, 90).round().astype(int))[:60]
    for process in (ms.processes.PowerLawBinary(0.1, 0.4), ms.processes.IsingChain(1.5)):
        curve = ms.measure(process.sample(64, 16384, 0), lags)
        assert (len(curve), curve.n_blocks) == (60, 32)
        whole, floor, other = (best(partial(task, curve), 2) for task in (ms.fit, once, peer))
        mark = "yes" if whole <= MOST else "**no**"
        lines.append(f"| {process.label} | {whole:.2g} s | {mark} | {whole / floor:.2g} times | {other:.2g} s |")
        print(lines[-1])
    return lines


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into benchmarks/RESULTS.md")
    lines = measured()
    if parser.parse_args().write:
        write(lines, TITLE)


if __name__ == "__main__":
    main()
