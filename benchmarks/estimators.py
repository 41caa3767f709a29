"""How wide the jackknife's bars are near the floor, by estimator: the table in docs/reading-a-curve.md.

python benchmarks/estimators.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import miscope as ms

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from known_processes import chain, chain_information

TRANSITION = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]]
LAGS = [1, 4, 6, 8]
RUNS = 200


def main() -> None:
    """Print one row an estimator."""
    print("true MI:", ", ".join(f"{chain_information(TRANSITION, lag):.2g}" for lag in LAGS))
    for name in ("plug_in", "miller_madow", "zhang", "chao_shen", "grassberger"):
        rng = np.random.default_rng(1)
        curves = [ms.measure(list(chain(rng, 64, 500, TRANSITION)), LAGS, estimator=name) for _ in range(RUNS)]
        spread = np.std([curve.mi for curve in curves], axis=0, ddof=1)
        bars = np.mean([curve.stderr for curve in curves], axis=0) / spread
        found = np.mean([curve.significant() for curve in curves], axis=0)
        print(f"| `{name}` | {', '.join(f'{b:.2f}' for b in bars)} | {', '.join(f'{f:.1%}' for f in found)} |")


if __name__ == "__main__":
    main()
