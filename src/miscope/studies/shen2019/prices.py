"""Prices: signs of returns, sizes of returns, and networks that learn the sizes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.errors import InputError
from miscope.figures.series import Plot, Series
from miscope.sequences import Sequences
from miscope.studies.experiment import Experiment
from miscope.studies.findings import Finding, Number, Outcome, decided, rule_above, rule_law, rule_within
from miscope.studies.lab import Lab
from miscope.studies.runs import Run
from miscope.studies.shen2019.at_hand import check_prices, price_classes
from miscope.studies.shen2019.beside import PIECES, curves_plot, falls, further, keeps, runs_beside, stand_beside

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.decay import DecayFit

__all__ = ["PRICES"]

_LITTLE = 0.005  # nats: two fair signs with a correlation of 0.1 have as much
_MONTHS = 60  # trading days, about a quarter of a year
_KEPT = 0.5  # of its context, over which a Transformer should keep half of the data's information


def _classes(lab: Lab, how: str) -> Sequences:
    found = price_classes(lab.sources, how)
    if not isinstance(found, Sequences):
        raise InputError(f"prices as {how!r} are numbers, not symbols")
    return found


def _sizes(lab: Lab) -> Sequences:
    return _classes(lab, f"returns:volatility:{lab.settings['classes']}")


def _measured(lab: Lab, how: str, label: str) -> MICurve:
    from miscope.counting.lags import log_lags
    from miscope.curve import measure

    data = _classes(lab, how)
    last = min(lab.settings["far"], data.longest // 4)
    return measure(data, [int(lag) for lag in log_lags(1, last, lab.settings["n_lags"])], label=label)


def _run(lab: Lab) -> Outcome:
    settings = lab.settings
    signs = lab.curve("signs", partial(_measured, lab, "returns:sign", "signs of returns"))
    how = f"returns:volatility:{settings['classes']}"
    sizes = lab.curve("sizes", partial(_measured, lab, how, "sizes of returns"))
    found = lab.fit("sizes", partial(_fitted, sizes))
    lags = [int(lag) for lag in sizes.lags]
    labels = {"gru": "GRU", "transformer": "Transformer"}
    networks = [stand_beside(lab, run, partial(_sizes, lab), sizes, lags, labels[run.kind]) for run in _runs(settings)]
    return Outcome(
        findings=(
            _signs(signs),
            _months(sizes),
            decided(
                "The information falls more slowly than an exponential.",
                "The verdict of the curve of sizes is “power law” or “between”; not supported if it is “exponential”.",
                [rule_law("sizes", found, ("power law", "between"))],
                _exponent(found),
            ),
            falls("What a recurrent network makes of sizes falls exponentially at large distances.", networks),
            keeps(
                "A Transformer keeps the dependence of sizes over its context.", networks, settings["context"], _KEPT
            ),
            further("A Transformer keeps it further than a recurrent network.", networks),
        ),
        tables={
            "curves": [row for curve in (signs, sizes) for row in _rows(curve)],
            "networks": [each.row() for each in networks],
        },
        plots=(
            _plot(signs, sizes, found),
            curves_plot("networks", f"Networks trained on sizes: {settings['steps']:,} steps", sizes, networks),
        ),
    )


def _fitted(curve: MICurve) -> DecayFit:
    from miscope.decay import fit

    return fit(curve)


def _signs(curve: MICurve) -> Finding:
    low, high = curve.interval(excess=True)
    at = int(np.argmax(np.where(np.isfinite(high), high, -np.inf)))
    name = f"signs: information at lag {curve.lags[at]}"
    number = Number(name, float(curve.excess[at]), float(low[at]), float(high[at]), "nats")
    return decided(
        "The sign of a return says next to nothing of later signs, at any distance.",
        f"At the lag whose 95 % interval reaches highest, all of it lies within {_LITTLE:g} nats of 0 (what two fair "
        "signs with a correlation of 0.1 have); not supported if it lies above.",
        [rule_within("signs", number, -_LITTLE, _LITTLE)],
        [number],
    )


def _months(curve: MICurve) -> Finding:
    low, high = curve.interval(excess=True)
    at = int(np.argmin(np.abs(curve.lags - _MONTHS)))
    name = f"sizes: information at lag {curve.lags[at]}"
    number = Number(name, float(curve.excess[at]), float(low[at]), float(high[at]), "nats")
    return decided(
        "The size of a return says something of sizes months later.",
        f"At the lag nearest to {_MONTHS} days the information is above 0 with its 95 % interval, which is widened for "
        "long memory in a single record; not supported if all of that lies below.",
        [rule_above("sizes", number, 0.0)],
        [number],
    )


def _exponent(found: DecayFit) -> list[Number]:
    if not any(law.name == "power law" for law in found.laws):
        return []
    each = found.exponent
    return [Number("sizes: exponent of a power law", each.value, each.low, each.high)]


def _rows(curve: MICurve) -> list[dict[str, Any]]:
    low, high = curve.interval(excess=True)
    columns = zip(curve.lags, curve.excess, low, high, strict=True)
    return [
        {"what": curve.label, "lag": int(lag), "information": float(value), "low": float(a), "high": float(b)}
        for lag, value, a, b in columns
    ]


def _plot(signs: MICurve, sizes: MICurve, found: DecayFit) -> Plot:
    lines = [Series.of_curve(sizes), Series.of_curve(signs)]
    if found.best is not None and found.verdict.kind != "undecided":
        lines.append(
            Series.line(found.best.name, sizes.lags, found.best(sizes.lags.astype(np.float64)), of=sizes.label)
        )
    return Plot(
        "curves",
        f"Daily returns: sizes {found.verdict.kind}",
        "Points are above chance, with 95 % intervals (hollow: not significant), which for a single record with long "
        "memory are wide. A line is the law of the sizes, where that is decided.",
        "lag (days)",
        "mutual information (nats)",
        tuple(lines),
        log="x",
    )


def _runs(settings: Mapping[str, Any]) -> tuple[Run, ...]:
    """Small ones of about as many parameters: a record of some thousand values teaches no more."""
    shapes = {
        "gru": (("width", settings["widths"]["gru"]),),
        "transformer": (
            ("context", settings["context"]),
            ("depth", 1),
            ("heads", 2),
            ("positions", "rotary"),
            ("width", settings["widths"]["transformer"]),
        ),
    }
    return runs_beside(shapes, settings, dict.fromkeys(shapes, settings["documents"]), settings["classes"])


def _steps(settings: Mapping[str, Any]) -> int:
    return 3 + PIECES[True] + PIECES[False]


_LAPTOP = {
    "classes": 3,
    "far": 500,
    "n_lags": 30,
    "context": 256,
    "widths": {"gru": 16, "transformer": 12},
    "steps": 600,
    "batch": 16,
    "documents": 512,
    "drawn": 2048,
    "seed": 0,
}
PRICES = Experiment(
    name="prices",
    title="Stock prices",
    claim="The abstract says that stock prices have long-range dependence, falling as a power law, which Transformers "
    "capture efficiently.",
    method="Daily returns of the S&P 500 from 1999 to 2018 (the data of the arch package, or a table that was named) "
    "are cut into signs, and into classes of equal frequency by their size. Both are measured with the correction for "
    "long memory that a single record needs, and a law is fitted to the sizes. A GRU and a Transformer learn the sizes "
    "and are held against them. Some 5,000 days are little: intervals are wide, and “undecided” is to be expected.",
    settings={
        "smoke": _LAPTOP
        | {
            "far": 250,
            "n_lags": 12,
            "context": 64,
            "widths": {"gru": 4, "transformer": 4},
            "steps": 20,
            "batch": 8,
            "documents": 32,
            "drawn": 400,
        },
        "laptop": _LAPTOP,
        "paper": _LAPTOP
        | {
            "context": 1024,
            "widths": {"gru": 64, "transformer": 48},
            "steps": 5000,
            "batch": 64,
            "documents": 4096,
            "drawn": 16_384,
        },
    },
    run=_run,
    n_steps=_steps,
    runs=_runs,
    check=check_prices,
)
