"""How far do networks remember? Recurrent ones and a Transformer, trained on a power law, against their data.

python docs/examples/memory.py [--small] [--folder FOLDER]

Trains each network on fresh samples of a binary power law, 512 symbols a document, draws documents of 8192 symbols from
the recurrent ones and of 512 from the Transformer, and writes memory.png (curves and their ratio to the data),
spectrum.png (the curve that each network's own spectrum foretells) and memory.md (the tables). The law at large lags is
that from half the foretold correlation length on.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import miscope as ms
from miscope.atomic import atomic_path
from miscope.counting.lags import log_lags
from miscope.figures import plot_spectrum

DATA = ms.processes.PowerLawBinary(amplitude=0.1, exponent=0.4)
CONTEXT = 512
COMPARED = [1, 2, 4, 8, 16, 32, 64, 128, 256]  # lags at which the two ways to count are compared


class Size(NamedTuple):
    """What to train, to draw, and how often to compare the two ways to count."""

    networks: dict[str, Any]
    steps: int
    documents: int
    length: int
    repeats: int


def full() -> Size:
    """Minutes."""
    networks = {
        "ElmanRNN 8": ms.models.ElmanRNN(2, width=8),
        "GRU 8": ms.models.GRU(2, width=8),
        "LSTM 4": ms.models.LSTM(2, width=4),
        "LSTM 16": ms.models.LSTM(2, width=16),
        "Transformer 32 x 2": ms.models.Transformer(2, width=32, depth=2, context=CONTEXT),
    }
    return Size(networks, steps=600, documents=1024, length=8192, repeats=100)


def small() -> Size:
    """Seconds: for a test."""
    networks = {"LSTM 4": ms.models.LSTM(2, width=4), "Transformer": ms.models.Transformer(2, 16, 1, context=CONTEXT)}
    return Size(networks, steps=40, documents=64, length=1024, repeats=4)


def run(size: Size, folder: Path) -> None:
    """Train, probe, fit, foretell; write figures and tables."""
    lags = log_lags(1, size.length // 3, 28)
    reaches, spectra, curves, trained = [], [], [], {}
    rows = [
        "| network | parameters | loss | law at large lags | correlation length | by its spectrum | reach | time |",
        "|" + "---|" * 8,
    ]
    for name, network in size.networks.items():
        start = time.monotonic()
        if network.horizon:  # its steps take longer: smaller batches, and half as many
            model = ms.train(network, DATA, steps=size.steps // 2, batch=16, length=CONTEXT)
            curve = ms.probe(model, lags[lags < CONTEXT], 4 * size.documents, CONTEXT, seed=1, label=name)
            law, length, foretold = ms.fit(curve), "-", "-"
        else:
            model = ms.train(network, DATA, steps=size.steps, length=CONTEXT)
            curve = ms.probe(model, lags, size.documents, size.length, seed=1, label=name)
            found = foresee(model, size)
            law = ms.fit(curve, lags=f"{found.correlation_length / 2:.0f}:")
            length = rounded(law.correlation_length) if law.laws else "-"
            foretold = f"{found.correlation_length:.0f} ({found.low:.0f} to {found.high:.0f})"
            spectra.append(found)
            curves.append(curve)
        seconds = time.monotonic() - start
        trained[name] = model
        reaches.append(ms.reach(DATA, curve))
        rows.append(
            f"| {name} | {model.n_parameters:,} | {model.history.valid[-1]:.4f} | {law.verdict.kind} | {length} | "
            f"{foretold} | {reaches[-1].interval} | {seconds:.0f} s |"
        )
        print(rows[-1], flush=True)
    ms.plot(reaches, folder / "memory.png")
    plot_spectrum(spectra, folder / "spectrum.png", curves=curves)
    recurrent = {name: model for name, model in trained.items() if model.horizon is None}
    rows += ["", *gains(recurrent, size)]
    with atomic_path(folder / "memory.md") as temporary:
        temporary.write_text("\n".join(rows) + "\n")


def foresee(model: Any, size: Size) -> Any:
    """The spectrum from a short run, or a longer one where the memory is long."""
    length = min(4096, size.length)
    found = ms.spectrum(model, min(256, size.documents), length, seed=2)
    if 10 * found.correlation_length > length and size.documents > 256:
        found = ms.spectrum(model, 256, 4 * length, seed=2)
    return found


def rounded(estimate: Any) -> str:
    """A correlation length with its interval."""
    return f"{estimate.value:.0f} ({estimate.low:.0f} to {estimate.high:.0f})"


def gains(models: dict[str, Any], size: Size) -> list[str]:
    """How much smaller the variance of conditional counts is than that of counts of pairs, over repeated probes."""
    rows = ["| variance of hard counts / conditional, at lag | " + " | ".join(map(str, COMPARED)) + " |"]
    rows.append("|---" * (len(COMPARED) + 1) + "|")
    for name, model in models.items():
        soft, hard = (
            np.array(
                [ms.probe(model, COMPARED, 64, 1024, seed=seed, counts=counts).excess for seed in range(size.repeats)]
            )
            for counts in ("conditional", "hard")
        )
        rows.append(f"| {name} | " + " | ".join(f"{each:.2f}" for each in hard.var(axis=0) / soft.var(axis=0)) + " |")
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="seconds rather than minutes; shows nothing")
    parser.add_argument("--folder", type=Path, default=Path(), help="where to write")
    arguments = parser.parse_args()
    run(small() if arguments.small else full(), arguments.folder)
