"""Transformers on a power law: inside their horizon, beyond it, and beside networks of equal size and cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.counting.lags import log_lags
from miscope.decay import fit
from miscope.studies.experiment import Experiment
from miscope.studies.findings import Outcome
from miscope.studies.lab import Lab
from miscope.studies.runs import Run, foretold, probed, trained
from miscope.studies.shen2019.at_hand import DATA
from miscope.studies.shen2019.attention_figures import beyond_plot, memory_plot, reach_plot, table_of, within_plot
from miscope.studies.shen2019.attention_findings import alike, beyond, fair, follows, in_the_end, tail_start
from miscope.studies.shen2019.contenders import (
    CENTRE,
    COMPUTE,
    RIVALS,
    SLIDING,
    TRANSFORMERS,
    WINDOWED,
    contenders,
    file_name,
    still_learning,
)

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.decay import DecayFit
    from miscope.models.trained import TrainedModel

__all__ = ["ATTENTION"]

_LEAST_LAGS = 8  # that a tail has to have, to be fitted


def _run(lab: Lab) -> Outcome:
    settings, runs = lab.settings, contenders(lab.settings)
    models = {name: trained(lab, run, DATA) for name, run in runs.items()}
    curves = _curves(lab, runs, models)
    spectra = {name: _spectrum(lab, runs[name], models[name], curves[name]) for name in RIVALS}
    horizons = {name: int(models[name].horizon) for name in WINDOWED} | {SLIDING: int(models[CENTRE].horizon)}
    starts = dict.fromkeys(TRANSFORMERS, 1.0) | {name: horizon + 1.0 for name, horizon in horizons.items()}
    starts |= {name: tail_start(spectra[name], settings["context"]) for name in RIVALS}
    fits = {name: lab.fit(file_name(name), partial(_tail, curves[name], start)) for name, start in starts.items()}
    losses = lab.record("losses", partial(_losses, models, settings))
    learning = {name for name, model in models.items() if still_learning(model)}
    from miscope.probing.reach import reach

    reaches = {name: reach(DATA, curve) for name, curve in curves.items()}
    findings = (
        follows(fits, reaches, learning, settings["context"]),
        alike(curves, learning, settings["context"]),
        beyond(fits, reaches, horizons, learning),
        in_the_end({name: fits[name] for name in RIVALS}, spectra, reaches, learning, settings["context"]),
        *fair("parameters", RIVALS, reaches, losses, learning),
        *fair("compute", [kind + COMPUTE for kind in RIVALS], reaches, losses, learning),
    )
    return Outcome(
        findings,
        {"networks": table_of(runs, models, fits, reaches, losses)},
        (
            within_plot(curves, settings["context"]),
            beyond_plot(curves, horizons),
            memory_plot(curves, spectra, settings["context"]),
            reach_plot(runs, reaches, settings["context"]),
        ),
    )


def _curves(lab: Lab, runs: Mapping[str, Run], models: Mapping[str, TrainedModel]) -> dict[str, MICurve]:
    """One for each network, and one more of the first with its context sliding."""
    settings, made = lab.settings, {}
    for name, run in runs.items():
        if name in WINDOWED:  # these may be drawn beyond their horizon
            made[name] = lab.curve(run.name, partial(_drawn_on, settings, models[name], run.drawn, run.documents, name))
        else:
            longest = run.drawn - 1 if name in TRANSFORMERS else run.drawn // 3
            made[name] = probed(
                lab, run, models[name], log_lags(1, longest, settings["lags"]), label=name, blocks=settings["blocks"]
            )
    context = settings["context"]
    drawing = partial(
        _drawn_on, settings, models[CENTRE], settings["sliding_length"], settings["sliding_documents"], SLIDING
    )
    made[SLIDING] = lab.curve(file_name(SLIDING), partial(drawing, discard=context, slide=context // 2))
    return made


def _spectrum(lab: Lab, run: Run, model: TrainedModel, curve: MICurve) -> dict[str, Any]:
    """Foretold from fewer documents than the curve was probed in: the cost grows with the functions of the state."""
    fewer = replace(run, documents=lab.settings["spectrum_documents"])
    return foretold(lab, fewer, model, [int(lag) for lag in curve.lags])


def _drawn_on(
    settings: Mapping[str, Any],
    model: TrainedModel,
    length: int,
    documents: int,
    label: str,
    *,
    discard: int | None = None,
    slide: int | None = None,
) -> MICurve:
    """The curve of a Transformer that is drawn beyond its horizon, its start left out."""
    from miscope.probing.conditional import probe

    discard = length // 8 if discard is None else discard
    lags = log_lags(1, (length - discard) // 3, 2 * settings["lags"])  # enough of them beyond the horizon
    return probe(
        model,
        lags,
        documents,
        length - discard,
        seed=settings["seed"] + 1,
        discard=discard,
        slide=slide,
        label=label,
        blocks=settings["blocks"],
    )


def _tail(curve: MICurve, start: float) -> DecayFit:
    """The law from a lag on, or from an earlier one where few would be left."""
    latest = float(curve.lags[-_LEAST_LAGS])
    first = latest if math.isnan(start) else min(start, latest)
    return fit(curve, lags=f"{max(1, round(first))}:")


def _losses(models: Mapping[str, TrainedModel], settings: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """In nats a symbol on the same fresh documents, and how much more than the first network's."""
    import torch

    data = DATA.sample(settings["tested"], settings["context"], seed=settings["seed"] + 99)
    codes = torch.from_numpy(np.stack([np.asarray(data[k], np.int64) for k in range(data.n_documents)]))
    by_document = {}
    for name, model in models.items():
        parts = []
        for first in range(0, len(codes), 256):
            part = codes[first : first + 256]
            with torch.inference_mode():
                laws = model.log_probs(part.to(model.device))
                parts.append(-laws.gather(2, part.to(model.device)[..., None]).mean(dim=(1, 2)).cpu().double())
        by_document[name] = torch.cat(parts).numpy()
    own = by_document[CENTRE]
    return {
        name: {
            "loss": float(each.mean()),
            "more": float((each - own).mean()),
            "more_stderr": float((each - own).std(ddof=1) / math.sqrt(len(each))),
        }
        for name, each in by_document.items()
    }


def _runs(settings: Mapping[str, Any]) -> tuple[Run, ...]:
    return tuple(contenders(settings).values())


def _steps(settings: Mapping[str, Any]) -> int:
    networks = len(TRANSFORMERS) + len(WINDOWED) + 2 * len(RIVALS)
    curves = networks + 1
    return networks + curves + (curves - len(RIVALS)) + len(RIVALS) + 1  # trainings, curves, fits, spectra, losses


_LAPTOP = {
    "width": 20,
    "heads": 2,
    "context": 256,
    "window": 17,
    "steps": 1200,
    "batch": 8,
    "documents": 4096,
    "far_documents": 512,
    "spectrum_documents": 64,
    "far_length": 8192,
    "beyond_documents": 2048,
    "beyond_length": 4096,
    "sliding_documents": 512,
    "sliding_length": 4352,
    "tested": 1024,
    "lags": 28,
    "blocks": 32,
    "seed": 0,
}
ATTENTION = Experiment(
    name="attention",
    title="Transformers and state-space models",
    claim="Transformers capture power laws efficiently, which the abstract holds against recurrent networks, whose "
    "mutual information decays exponentially.",
    method="Networks are trained on documents of a binary process whose mutual information is exactly a power law "
    "(amplitude 0.1 nats, exponent 0.4), all with about as many parameters: Transformers with three encodings of "
    "positions, and with one layer; an LSTM, linear recurrent units (LRU) and their gated kin. Two more Transformers "
    "of the same width see through a sliding window. Transformers are probed within their context; those with a "
    "window, and one whose context slides by half whenever it is full, beyond their horizon. Training cost is "
    "estimated as 6 floating-point operations for each symbol and parameter that multiplies, and 12 x layers x width x "
    "context a symbol for attention; with equal parameters all have as many steps, and with equal compute the networks "
    "without attention have as many more as cost the same. Loss is compared on the same fresh documents.",
    settings={
        "smoke": _LAPTOP
        | {
            "width": 6,
            "heads": 1,
            "context": 48,
            "window": 9,
            "steps": 12,
            "documents": 256,
            "far_documents": 128,
            "spectrum_documents": 4,
            "far_length": 512,
            "beyond_documents": 128,
            "beyond_length": 512,
            "sliding_documents": 128,
            "sliding_length": 336,
            "tested": 128,
            "lags": 11,
            "blocks": 4,
        },
        "laptop": _LAPTOP,
        "paper": _LAPTOP
        | {
            "width": 128,
            "heads": 4,
            "context": 2048,
            "window": 129,
            "steps": 20_000,
            "batch": 64,
            "documents": 8192,
            "far_documents": 2048,
            "spectrum_documents": 256,
            "far_length": 65_536,
            "beyond_documents": 2048,
            "beyond_length": 32_768,
            "sliding_documents": 1024,
            "sliding_length": 34_816,
            "tested": 4096,
        },
    },
    run=_run,
    n_steps=_steps,
    runs=_runs,
)
