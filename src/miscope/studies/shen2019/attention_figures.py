"""What the experiment with Transformers shows: its table and its figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from miscope.counting.lags import log_lags
from miscope.figures.series import Plot, Series
from miscope.studies.runs import Run
from miscope.studies.shen2019.at_hand import DATA
from miscope.studies.shen2019.attention_findings import fails
from miscope.studies.shen2019.contenders import (
    CENTRE,
    COMPUTE,
    RIVALS,
    SLIDING,
    TRANSFORMERS,
    n_parameters,
    training_flops,
)

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.decay import DecayFit
    from miscope.models.trained import TrainedModel
    from miscope.probing.reach import Reach

__all__ = ["beyond_plot", "memory_plot", "reach_plot", "table_of", "within_plot"]


def table_of(
    runs: Mapping[str, Run],
    models: Mapping[str, TrainedModel],
    fits: Mapping[str, DecayFit],
    reaches: Mapping[str, Reach],
    losses: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """A row for each network, and one for the first with its context sliding."""
    rows = []
    for name in [*runs, SLIDING]:
        of = CENTRE if name == SLIDING else name
        run, found = runs[of], fits.get(name)
        falls = found is not None and found.laws and found.verdict.kind == "exponential"
        rows.append(
            {
                "network": name,
                "parameters": n_parameters(run.kind, dict(run.arguments)),
                "steps": run.steps,
                "training FLOPs": training_flops(run),
                "horizon": "" if models[of].horizon is None else str(models[of].horizon),
                "loss": losses[of]["loss"],
                "law": found.verdict.kind if found else "",
                "correlation length": found.correlation_length.value if found and falls else math.nan,
                "reach": reaches[name].lag,
                "reach, low": reaches[name].low,
                "reach, high": reaches[name].high,
                "bound": reaches[name].bound,
            }
        )
    return rows


def _curves_plot(name: str, title: str, reading: str, series: tuple[Series, ...], last: float) -> Plot:
    lags = log_lags(1, int(last), 40)
    data = Series.line("data", lags, DATA.mutual_information(lags))
    return Plot(name, title, reading, "lag (symbols)", "mutual information (nats)", (*series, data))


def within_plot(curves: Mapping[str, MICurve], context: int) -> Plot:
    """Curves inside the context, against the data's."""
    return _curves_plot(
        "within",
        "Transformers within their context",
        f"All read documents of {context} symbols and have about as many parameters; the line is the data's exact law.",
        tuple(Series.of_curve(curves[name]) for name in TRANSFORMERS),
        context,
    )


def beyond_plot(curves: Mapping[str, MICurve], horizons: Mapping[str, int]) -> Plot:
    """Curves of Transformers that were drawn beyond their horizon."""
    ends = ", ".join(f"{name} {horizon}" for name, horizon in horizons.items())
    return _curves_plot(
        "beyond",
        "beyond the horizon",
        f"Drawn on beyond the horizon ({ends}); hollow points are not significant.",
        tuple(Series.of_curve(curves[name]) for name in horizons),
        max(float(curves[name].lags[-1]) for name in horizons),
    )


def memory_plot(curves: Mapping[str, MICurve], spectra: Mapping[str, Any], context: int) -> Plot:
    """Curves of networks with a state, and what their spectra foretell."""
    lines = tuple(
        Series.line(f"{name}, foretold", spectra[name]["lags"], spectra[name]["mutual_information"], of=name)
        for name in RIVALS
        if not fails(spectra[name])
    )
    return _curves_plot(
        "memory",
        "state-space models, an LSTM and a Transformer",
        f"All trained on documents of {context} symbols, with about as many parameters and as many steps; the "
        "Transformer's context slides. Dashed lines are foretold by the spectra, where these do not fail.",
        (*(Series.of_curve(curves[name]) for name in (SLIDING, *RIVALS)), *lines),
        max(float(curves[name].lags[-1]) for name in RIVALS),
    )


def reach_plot(runs: Mapping[str, Run], reaches: Mapping[str, Reach], context: int) -> Plot:
    """Cost against reach, a point for each network; lines join those of a kind."""
    series = []
    for kind in (SLIDING, *RIVALS):
        names = [CENTRE] if kind == SLIDING else [kind, kind + COMPUTE]
        found = [reaches[SLIDING if kind == SLIDING else name] for name in names]
        cost = tuple(training_flops(runs[name]) / 1e9 for name in names)
        lag, low, high = (tuple(getattr(each, end) for each in found) for end in ("lag", "low", "high"))
        series.append(Series(kind, cost, lag, low, high))
    return Plot(
        "reach",
        "reach at equal parameters, by cost",
        "Largest lag at which half of the data's mutual information is kept, with 95 % intervals, against the "
        "estimated floating-point operations of the training; the right point of each kind has the Transformer's.",
        "training (1e9 FLOPs)",
        "reach (symbols)",
        tuple(series),
        rules=((float(context), "length of training"),),
    )
