"""Networks as experiments use them: trained, probed, foretold from their spectra; and what that will cost."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miscope.studies.lab import Lab

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.models.trained import TrainedModel

__all__ = ["Run", "foretold", "probed", "seconds_needed", "trained"]

_REHEARSED = (2, 6)  # steps of training that are timed, the difference of which is what a step takes
_ENOUGH = 10  # correlation lengths that a document has to have, for a spectrum


@dataclass(frozen=True)
class Run:
    """A network, its training, and how it is sampled.

    Attributes
    ----------
    name
        Unique in an experiment; names the files.
    kind
        Name of the model, as on the command line: ``rnn``, ``lstm``, ``transformer``, …
    arguments
        Of its class: ``(("width", 16),)``.
    steps, batch, length
        Of the training: updates, documents in each, symbols in each document.
    documents, drawn
        Of the probe: documents, symbols in each. A network with a horizon is drawn within it.
    seed
        Of weights, training and sampling.
    alphabet_size
        Number of symbols.
    """

    name: str
    kind: str
    arguments: tuple[tuple[str, Any], ...]
    steps: int
    batch: int
    length: int
    documents: int
    drawn: int
    seed: int = 0
    alphabet_size: int = 2

    def network(self) -> Any:
        """The network, not trained."""
        from miscope.models.naming import make

        return make(self.kind, self.alphabet_size, dict(self.arguments) | {"seed": self.seed})

    @property
    def label(self) -> str:
        """Kind and size, for legends."""
        return str(self.network().label)


def trained(lab: Lab, run: Run, data: Any) -> TrainedModel:
    """The network of a run, trained on data; found again by a run that goes on.

    Data are a process, sequences, or a function that returns them: of a network that is there, they are not read.
    """
    from miscope.models.training import train

    return lab.model(
        run.name,
        lambda checkpoint: train(
            run.network(),
            data() if callable(data) else data,
            steps=run.steps,
            batch=run.batch,
            length=run.length,
            seed=run.seed,
            checkpoint=checkpoint,
        ),
    )


def probed(lab: Lab, run: Run, model: TrainedModel, lags: Any, **options: Any) -> MICurve:
    """The curve of a trained network. Lags beyond what its documents hold are left out."""
    from miscope.probing.conditional import probe

    length = min(run.drawn, model.horizon) if model.horizon else run.drawn
    within = [int(lag) for lag in lags if lag < length]
    return lab.curve(
        run.name,
        lambda: probe(
            model, within, run.documents, length, seed=run.seed + 1, label=options.pop("label", run.label), **options
        ),
    )


def foretold(lab: Lab, run: Run, model: TrainedModel, lags: Sequence[int]) -> dict[str, Any]:
    """What the spectrum of a network's own dynamics says: correlation length with interval, and the curve at lags.

    From documents four times as long where they are short for what they show.

    Returns
    -------
    dict
        ``correlation_length``, ``low``, ``high`` (symbols; of mutual information), ``lags``, ``mutual_information``
        (nats), ``warnings``.
    """
    from miscope.probing.spectrum import spectrum

    def make() -> dict[str, Any]:
        n_documents, length = min(run.documents, 256), min(run.drawn, 4096)
        found = spectrum(model, n_documents, length, seed=run.seed + 2)
        if length < _ENOUGH * found.correlation_length < math.inf:
            found = spectrum(model, n_documents, 4 * length, seed=run.seed + 2)
        names = ("correlation_length", "low", "high", "driven_exponent")
        made: dict[str, Any] = {name: float(getattr(found, name)) for name in names}
        values = found.mutual_information(list(lags))
        return made | {"lags": list(lags), "mutual_information": values, "warnings": list(found.warnings)}

    made: dict[str, Any] = lab.record(f"{run.name}-spectrum", make)
    return made


def seconds_needed(run: Run) -> tuple[float, float]:
    """What training and probing of a run will take on this machine, in seconds, from a few steps and documents.

    >>> train, draw = seconds_needed(Run("small", "rnn", (("width", 2),), 100, 4, 32, 16, 64))
    >>> train > 0 and draw > 0
    True
    """
    from miscope.models.sampling import sample
    from miscope.models.training import train
    from miscope.processes import MarkovChain

    k = run.alphabet_size
    data = MarkovChain([[1.0 / k] * k] * k) if k <= 64 else _uniform(k, run)
    times = []
    for steps in _REHEARSED:
        start = time.perf_counter()
        model = train(run.network(), data, steps=steps, batch=run.batch, length=run.length, seed=0)
        times.append(time.perf_counter() - start)
    step = max(times[1] - times[0], 1e-6) / (_REHEARSED[1] - _REHEARSED[0])
    length = min(run.drawn, model.horizon) if model.horizon else run.drawn
    few, short = min(run.documents, 64), min(length, 256)
    start = time.perf_counter()
    sample(model, few, short, seed=0)
    drawing = time.perf_counter() - start
    growth = (length / short) ** (2 if model.horizon else 1)  # attention looks at all that was drawn
    return step * run.steps, drawing * run.documents / few * growth


def _uniform(k: int, run: Run) -> Any:
    import numpy as np

    from miscope.sequences import Sequences

    codes = np.random.default_rng(0).integers(0, k, (4 * run.batch, run.length + 1))
    return Sequences.from_arrays(list(codes), alphabet_size=k)
