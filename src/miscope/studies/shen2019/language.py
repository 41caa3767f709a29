"""Natural language: its law beyond composition, by characters and by words, and networks that learn it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from miscope.figures.series import Plot, Series
from miscope.studies.experiment import Experiment
from miscope.studies.findings import Finding, Number, Outcome, decided, rule_above, rule_law
from miscope.studies.lab import Lab
from miscope.studies.runs import Run
from miscope.studies.shen2019.at_hand import check_corpus, corpus
from miscope.studies.shen2019.beside import PIECES, curves_plot, falls, further, keeps, runs_beside, stand_beside

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.decay import DecayFit
    from miscope.sequences import Sequences

__all__ = ["LANGUAGE", "composition_number", "unit_plot"]

_UNITS = ("characters", "words")
_PART = 0.1  # of what is beyond chance at the largest lag, from where composition is a part of it
_KEPT = 0.5  # of its context, over which a Transformer should keep half of the data's information


def _text(lab: Lab, unit: str) -> Sequences:
    return corpus(lab.sources, unit.removesuffix("s"), lab.settings["documents"])


def _letters(lab: Lab) -> Sequences:
    """The characters as networks read them: the frequent ones, and one class of all others."""
    text = _text(lab, "characters")
    n = lab.settings["classes"]
    return text.merge(f"top:{n}") if text.alphabet_size > n else text


def _words(lab: Lab) -> Sequences:
    """The frequent words, and one class of all others: a lower bound."""
    text = _text(lab, "words")
    n = lab.settings["word_classes"]
    return text.merge(f"top:{n}") if text.alphabet_size > n else text


def _measured(lab: Lab, make: Callable[[Lab], Sequences], most: int, null: str, label: str) -> MICurve:
    from miscope.counting.lags import log_lags
    from miscope.curve import measure

    data = make(lab)
    last = min(most, data.longest // 4)
    lags = [int(lag) for lag in log_lags(1, last, lab.settings["n_lags"])]
    return measure(data, lags, null=null, label=label)


def _run(lab: Lab) -> Outcome:
    settings = lab.settings
    makers: dict[str, Callable[[Lab], Sequences]] = {"characters": partial(_text, unit="characters"), "words": _words}
    curves = {
        unit: lab.curve(unit, partial(_measured, lab, makers[unit], settings["lags"][unit], "document", unit))
        for unit in _UNITS
    }
    fits = {unit: lab.fit(unit, partial(_fitted, curve)) for unit, curve in curves.items()}
    classes = f"text, {settings['classes']} classes"
    shown = lab.curve("classes", partial(_measured, lab, _letters, settings["far"], "global", classes))
    size = lab.record("alphabet", lambda: {"size": _letters(lab).alphabet_size})["size"]
    networks = []
    for run in _runs(settings, size):
        label = "LSTM" if run.kind == "lstm" else "Transformer"
        data = partial(_letters, lab)
        networks.append(stand_beside(lab, run, data, shown, [int(lag) for lag in shown.lags], label))
    title = f"Networks trained on text: {settings['steps']:,} steps"
    return Outcome(
        findings=(
            *_laws(fits),
            _composition(curves),
            falls("What an LSTM writes falls exponentially at large distances.", networks),
            keeps("A Transformer keeps the dependence of text over its context.", networks, settings["context"], _KEPT),
            further("A Transformer keeps it further than an LSTM.", networks),
        ),
        tables={
            "laws": [_law_row(unit, fit) for unit, fit in fits.items()],
            "shares": [row for unit, curve in curves.items() for row in _share_rows(unit, curve)],
            "networks": [each.row() for each in networks],
        },
        plots=(
            *(
                unit_plot(unit, f"Text by {unit}: {fits[unit].verdict.kind}", curves[unit], fits[unit])
                for unit in _UNITS
            ),
            curves_plot("networks", title, shown, networks),
        ),
    )


def _fitted(curve: MICurve) -> DecayFit:
    from miscope.decay import fit

    return fit(curve)


def _laws(fits: Mapping[str, DecayFit]) -> tuple[Finding, Finding]:
    """Slower than an exponential, and by which law."""
    numbers = [
        Number(f"{unit}: exponent", found.value, found.low, found.high)
        for unit, fit in fits.items()
        if any(law.name == "power law" for law in fit.laws)
        for found in (fit.exponent,)
    ]
    slow = [rule_law(unit, fit, ("power law", "between")) for unit, fit in fits.items()]
    power = [rule_law(unit, fit, "power law") for unit, fit in fits.items()]
    return (
        decided(
            "Beyond what the composition of documents gives, mutual information of characters and of words falls more "
            "slowly than an exponential.",
            "Each of the curves, less what the document null gives, has the verdict “power law” or “between”; none has "
            "“exponential”.",
            slow,
        ),
        decided(
            "It falls as a power law.",
            "Each of the curves, less what the document null gives, has the verdict “power law”; none has another, but "
            "for “undecided”.",
            power,
            numbers,
        ),
    )


def composition_number(name: str, curve: MICurve) -> Number:
    """Share of what is beyond chance at the largest lag where that is known that is only composition."""
    from miscope.probing.effects import composition_share

    shares, errors = composition_share(curve, 2)
    known = np.flatnonzero(np.isfinite(shares) & np.isfinite(errors))
    if not known.size:
        return Number(name, math.nan)
    at = known[-1]
    half = float(special.stdtrit(curve.n_blocks - 1, 0.975) * errors[at])
    return Number(
        f"{name}, lag {curve.lags[at]}", float(shares[at]), float(shares[at]) - half, float(shares[at]) + half
    )


def _composition(curves: Mapping[str, MICurve]) -> Finding:
    numbers = {unit: composition_number(f"{unit}: share of composition", curve) for unit, curve in curves.items()}
    return decided(
        "A part of the long range that text seems to have is only that documents differ in composition.",
        f"At the largest lag where anything stands out of chance, the document null gives more than {_PART:.0%} of "
        "what is beyond chance, with the 95 % interval; not supported if all of that lies below.",
        [rule_above(unit, number, _PART) for unit, number in numbers.items()],
        list(numbers.values()),
    )


def _law_row(unit: str, fit: DecayFit) -> dict[str, Any]:
    there = any(law.name == "power law" for law in fit.laws)
    found = fit.exponent if there else None
    return {
        "unit": unit,
        "law": fit.verdict.kind,
        "first": fit.verdict.first,
        "last": fit.verdict.last,
        "exponent": found.value if found else math.nan,
        "low": found.low if found else math.nan,
        "high": found.high if found else math.nan,
    }


def _share_rows(unit: str, curve: MICurve) -> list[dict[str, Any]]:
    split = curve.split()
    columns = zip(curve.lags, curve.mi, split.chance, split.composition, split.sequential, strict=True)
    names = ("mutual_information", "chance", "composition", "sequential")
    return [
        {"unit": unit, "lag": int(lag), **dict(zip(names, map(float, values), strict=True))} for lag, *values in columns
    ]


def unit_plot(name: str, title: str, curve: MICurve, fit: DecayFit | None) -> Plot:
    """What is beyond chance, what is beyond composition, and the law of the latter."""
    split = curve.split()
    beyond = "beyond composition"
    lines = [Series.of_curve(curve, beyond)]
    if fit is not None and fit.best is not None and fit.verdict.last:
        lags = curve.lags[(curve.lags >= fit.verdict.first) & (curve.lags <= fit.verdict.last)]
        lines.append(Series.line(fit.best.name, lags, fit.best(lags.astype(np.float64)), of=beyond))
    x, y = (tuple(map(float, each)) for each in (curve.lags, curve.mi - split.chance))
    lines.append(Series("beyond chance", x, y))
    lines.append(Series.line("composition alone", curve.lags, split.composition))
    return Plot(
        name,
        title,
        "Points with 95 % intervals are beyond what the document null gives (hollow: not significant), with the law "
        "that fits best; the others are beyond what chance alone gives. Between them lies what documents' different "
        "compositions give.",
        f"lag ({name})",
        "mutual information (nats)",
        tuple(lines),
    )


def _runs(settings: Mapping[str, Any], size: int | None = None) -> tuple[Run, ...]:
    """An LSTM and a Transformer of about as many parameters."""
    shapes = {
        "lstm": (("width", settings["widths"]["lstm"]),),
        "transformer": (
            ("context", settings["context"]),
            ("depth", 2),
            ("heads", settings["heads"]),
            ("positions", "rotary"),
            ("width", settings["widths"]["transformer"]),
        ),
    }
    return runs_beside(shapes, settings, settings["drawn_documents"], size or settings["classes"])


def _steps(settings: Mapping[str, Any]) -> int:
    return 2 * len(_UNITS) + 2 + PIECES[True] + PIECES[False]


LANGUAGE = Experiment(
    name="language",
    title="Natural language",
    claim="The abstract says that natural language has long-range dependence, falling as a power law, which "
    "Transformers capture efficiently and recurrent networks do not.",
    method="The text at hand (the documentation of Python's standard library, or what was named) is measured by "
    "characters and by its most frequent words, which bounds the words from below; the document null takes away what "
    "the different compositions of documents give, and a law is fitted to the rest. A text of fewer than 32 documents "
    "is cut into 64 pieces. Then an LSTM and a Transformer of about as many parameters learn the characters, the rare "
    "ones in one class, draw documents of their own, and their curves, from their own conditional probabilities, are "
    "held against the data's, composition and all, since that is what they learnt from.",
    settings={
        "smoke": {
            "documents": 32,
            "lags": {"characters": 300, "words": 60},
            "n_lags": 14,
            "word_classes": 50,
            "classes": 27,
            "far": 120,
            "context": 64,
            "widths": {"lstm": 16, "transformer": 8},
            "heads": 2,
            "steps": 30,
            "batch": 8,
            "drawn_documents": {"lstm": 32, "transformer": 64},
            "drawn": 400,
            "seed": 0,
        },
        "laptop": {
            "documents": None,
            "lags": {"characters": 4000, "words": 1000},
            "n_lags": 36,
            "word_classes": 100,
            "classes": 27,
            "far": 1000,
            "context": 256,
            "widths": {"lstm": 110, "transformer": 64},
            "heads": 4,
            "steps": 4000,
            "batch": 8,
            "drawn_documents": {"lstm": 512, "transformer": 1024},
            "drawn": 2048,
            "seed": 0,
        },
        "paper": {
            "documents": None,
            "lags": {"characters": 16_000, "words": 4000},
            "n_lags": 48,
            "word_classes": 300,
            "classes": 64,
            "far": 4000,
            "context": 1024,
            "widths": {"lstm": 660, "transformer": 384},
            "heads": 8,
            "steps": 30_000,
            "batch": 64,
            "drawn_documents": {"lstm": 4096, "transformer": 8192},
            "drawn": 16_384,
            "seed": 0,
        },
    },
    run=_run,
    n_steps=_steps,
    runs=_runs,
    check=check_corpus,
)
