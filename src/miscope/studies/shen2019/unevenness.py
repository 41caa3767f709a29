"""Documents that differ: information at all distances without dependence, and the parts of the corpus at hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from miscope.figures.series import Plot, Series
from miscope.processes import Heterogeneous
from miscope.sequences import Sequences
from miscope.studies.experiment import Experiment
from miscope.studies.findings import (
    NOT_SUPPORTED,
    SUPPORTED,
    UNDECIDED,
    Finding,
    Number,
    Outcome,
    Ruling,
    decided,
    rule_within,
)
from miscope.studies.lab import Lab
from miscope.studies.shen2019.at_hand import check_corpus, corpus

if TYPE_CHECKING:
    from miscope.curve import MICurve

__all__ = ["UNEVENNESS", "cut", "rule_parts", "rule_shuffled", "shares_of"]

_DELTA = 0.5
_BAND = 0.2  # relative: how far a measured value may lie from the exact one
_LEFT = 0.05  # of the exact value: what may be left when composition is taken away
_ALIKE = 0.02  # of all symbols: parts that differ by less are alike to all purposes
_FEW = 6  # documents in a part, below which `uniformity` exchanges pieces of them
_PARTS = {"train": 0.8, "valid": 0.1, "test": 0.1}

_PROCESS = Heterogeneous(delta=_DELTA)


def _artefact(lab: Lab) -> MICurve:
    from miscope.counting.lags import log_lags
    from miscope.curve import measure

    settings = lab.settings
    data = _PROCESS.sample(settings["documents"], settings["length"], seed=settings["seed"])
    return measure(data, log_lags(1, settings["length"] // 2, 24), null="document", label="independent symbols")


def _letters(lab: Lab) -> Sequences:
    text = corpus(lab.sources, "character", lab.settings["corpus_documents"])
    n = lab.settings["classes"]
    return text.merge(f"top:{n}") if text.alphabet_size > n else text


def cut(text: Sequences, shares: list[float], seed: int | None = None) -> list[Sequences]:
    """Parts of so many of the documents, in their order or, with a seed, shuffled.

    Numbers of documents, not of symbols, say where parts end: a part of so many symbols holds one long document or
    many short ones, so that its documents, shuffled or not, would not be what chance gives as many documents.

    >>> [part.n_documents for part in cut(Sequences.from_arrays([[0, 1], [0], [1] * 9, [1]]), [0.5, 0.25, 0.25])]
    [2, 1, 1]
    """
    if seed is not None:
        (text,) = text.split(1, seed=seed)
    borders = np.rint(np.cumsum([0.0, *shares]) * text.n_documents).astype(int)
    ends = text.offsets
    return [
        Sequences(
            text.codes[ends[a] : ends[b]], ends[a : b + 1] - ends[a], text.alphabet_size, text.alphabet, text.provenance
        )
        for a, b in pairwise(borders)
    ]


def _compared(lab: Lab, shuffle: bool) -> dict[str, Any]:
    """What `uniformity` says of three parts of the corpus at hand."""
    from miscope.counting.lags import log_lags
    from miscope.probing.uniformity import uniformity

    settings = lab.settings
    text = _letters(lab)
    made = cut(text, list(_PARTS.values()), settings["seed"] if shuffle else None)
    most = min(settings["lags"], min(part.longest for part in made) // 4)
    found = uniformity(
        dict(zip(_PARTS, made, strict=True)),
        log_lags(1, most, settings["n_lags"]),
        n_permutations=settings["permutations"],
        seed=settings["seed"],
    )
    return {
        "fewest": min(found.n_documents),
        "label": text.provenance.get("label", "text"),
        "level": found.level,
        "p": found.p_value,
        "p_composition": found.p_composition,
        "p_dependence": found.p_dependence,
        "p_pattern": found.p_pattern,
        "distances": [[each.part, each.total_variation, each.low, each.high] for each in found.distances],
        "lags": found.lags,
        "names": [*found.names, "all"],
        "shares": found.shares,
        "shares_stderr": found.shares_stderr,
        "blocks": [each.n_blocks for each in (*found.curves, found.whole)],
        "summary": found.summary,
    }


def _drift(lab: Lab) -> dict[str, Any]:
    from miscope.probing.drift import drift

    settings = lab.settings
    found = drift(_letters(lab), [1, 2, 4, 8, 16], windows=settings["windows"], seed=settings["seed"])
    return {"p_trend": found.p_trend, "p_symbols": found.p_symbols, "sentence": found.sentence}


def _run(lab: Lab) -> Outcome:
    curve = lab.curve("artefact", partial(_artefact, lab))
    in_order = lab.record("documents-in-order", partial(_compared, lab, False))
    shuffled = lab.record("documents-shuffled", partial(_compared, lab, True))
    drifting = lab.record("drift", partial(_drift, lab))
    totals, left = shares_of(curve)
    return Outcome(
        findings=(
            decided(
                "Documents that differ in composition give mutual information at all distances, of exactly the value "
                "that theory says, though no symbol depends on another.",
                f"At the first, the middle and the last lag, measured over exact, f(δ²) with δ = {_DELTA:g}, lies "
                f"within {_BAND:.0%} of 1 with its 95 % interval.",
                [rule_within(each.name, each, 1 - _BAND, 1 + _BAND) for each in totals],
                totals,
            ),
            decided(
                "The document null takes all of that away.",
                "At the same lags, what is left over the exact value lies within "
                f"{_LEFT:.0%} of 0 with its 95 % interval.",
                [rule_within(each.name, each, -_LEFT, _LEFT) for each in left],
                left,
            ),
            _uneven(in_order, drifting),
            decided(
                "Documents in random order make the parts alike.",
                "With documents shuffled before they are cut into parts, the same tests find no difference (p above "
                "their level); not supported if they do, which parts that are alike do with that probability.",
                [rule_shuffled(shuffled)],
                _p_values(shuffled),
            ),
        ),
        tables={
            "artefact": _artefact_rows(curve),
            "parts": [
                {"order": order, "part": part, "total_variation": value, "low": low, "high": high}
                for order, found in (("as it is", in_order), ("shuffled", shuffled))
                for part, value, low, high in found["distances"]
            ],
            "shares": _share_rows(in_order),
        },
        plots=tuple(each for each in (_artefact_plot(curve), _share_plot(in_order)) if each is not None),
    )


def _exact() -> float:
    return float(_PROCESS.mutual_information([1])[0])


def shares_of(curve: MICurve) -> tuple[list[Number], list[Number]]:
    """Beyond chance, and beyond composition, over the exact value, at three lags."""
    exact = _exact()
    chance = curve.split().chance
    low, high = curve.interval()
    left_low, left_high = curve.interval(excess=True)
    totals, left = [], []
    for at in (0, len(curve) // 2, len(curve) - 1):
        value, a, b = (float((each[at] - chance[at]) / exact) for each in (curve.mi, low, high))
        totals.append(Number(f"lag {curve.lags[at]}: beyond chance, over exact", value, a, b))
        value, a, b = (float(each[at] / exact) for each in (curve.excess, left_low, left_high))
        left.append(Number(f"lag {curve.lags[at]}: beyond composition, over exact", value, a, b))
    return totals, left


def _uneven(found: Mapping[str, Any], drifting: Mapping[str, Any]) -> Finding:
    drift = [
        Number("drift of symbols along the corpus: p", drifting["p_symbols"]),
        Number("trend of dependence along the corpus: p", drifting["p_trend"]),
    ]
    finding = decided(
        "The corpus at hand is not uniform: the first 80 % of its documents, the next 10 % and the last are not alike.",
        f"Permutation tests of composition, dependence and its pattern, corrected for being three, give p at or below "
        f"their level; not supported if p is above, and all parts differ from the rest in less than {_ALIKE:.0%} of "
        "their symbols, with the 95 % intervals.",
        [rule_parts(found)],
        [*_p_values(found), *_distances(found), *drift],
    )
    if finding.verdict == SUPPORTED or found["fewest"] < _FEW:
        return finding
    differs = (
        "The abstract points out that data sets of language are not uniform. It speaks of other data sets; the parts "
        f"of this one ({found['label']}) are not told apart by these tests (p = {found['p']:.2g})."
    )
    return decided(finding.claim, finding.rule, finding.rulings, finding.numbers, differs=differs)


def rule_parts(found: Mapping[str, Any]) -> Ruling:
    """Whether parts differ: by tests, or not by the size of differences."""
    p, level = found["p"], found["level"]
    most = max(high for *_, high in found["distances"])
    reason = f"p = {p:.3g}, level {level:g}; differences of at most {most:.1%} of symbols"
    if found["fewest"] < _FEW:
        return Ruling("parts in their order", UNDECIDED, _few(found, reason))
    if p <= level:
        return Ruling("parts in their order", SUPPORTED, reason)
    return Ruling("parts in their order", NOT_SUPPORTED if most < _ALIKE else UNDECIDED, reason)


def rule_shuffled(found: Mapping[str, Any]) -> Ruling:
    """Whether tests find nothing where there is nothing."""
    reason = f"p = {found['p']:.3g}, level {found['level']:g}"
    if found["fewest"] < _FEW:
        return Ruling("shuffled", UNDECIDED, _few(found, reason))
    return Ruling("shuffled", SUPPORTED if found["p"] > found["level"] else NOT_SUPPORTED, reason)


def _few(found: Mapping[str, Any], reason: str) -> str:
    """Of few documents pieces are exchanged, which are alike where they are neighbours."""
    return f"a part has {found['fewest']} documents, and p can be trusted from {_FEW} on; {reason}"


def _p_values(found: Mapping[str, Any]) -> list[Number]:
    names = {"p": "of any difference", "p_composition": "of composition", "p_dependence": "of dependence"}
    names["p_pattern"] = "of its pattern"
    return [Number(f"p {what}", found[name]) for name, what in names.items() if not math.isnan(found[name])]


def _distances(found: Mapping[str, Any]) -> list[Number]:
    return [Number(f"{part} from the rest, share of symbols", *ends) for part, *ends in found["distances"]]


def _artefact_rows(curve: MICurve) -> list[dict[str, Any]]:
    split = curve.split()
    columns = zip(curve.lags, curve.mi, split.chance, split.composition, split.sequential, strict=True)
    names = ("mutual_information", "chance", "composition", "sequential")
    return [
        {"lag": int(lag), **dict(zip(names, map(float, values), strict=True)), "exact": _exact()}
        for lag, *values in columns
    ]


def _share_rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = zip(found["names"], found["shares"], found["shares_stderr"], strict=True)
    return [
        {"part": name, "lag": lag, "share": share, "stderr": error}
        for name, shares, errors in rows
        for lag, share, error in zip(found["lags"], shares, errors, strict=True)
    ]


def _artefact_plot(curve: MICurve) -> Plot:
    x, y, low, high = (tuple(map(float, each)) for each in (curve.lags, curve.mi, *curve.interval()))
    return Plot(
        "artefact",
        "Independent symbols, documents that differ",
        "Points are measured, with 95 % intervals: all of them, and what is left beyond the document null (hollow: not "
        "significant). The line is exact.",
        "lag (symbols)",
        "mutual information (nats)",
        (
            Series("measured", x, y, low, high),
            Series.of_curve(curve, "beyond composition"),
            Series.line("exact", curve.lags, [_exact()] * len(curve), of="measured"),
        ),
        log="x",
    )


def _share_plot(found: Mapping[str, Any]) -> Plot | None:
    """How much of each part's information is composition, where that is known."""
    lines = []
    for name, shares, errors, blocks in zip(
        found["names"], found["shares"], found["shares_stderr"], found["blocks"], strict=True
    ):
        share = np.asarray(shares, np.float64)
        half = special.stdtrit(max(blocks - 1, 1), 0.975) * np.asarray(errors, np.float64)
        if np.isfinite(share).any():
            columns = (found["lags"], share, share - half, share + half)
            x, y, low, high = (tuple(map(float, each)) for each in columns)
            lines.append(Series(name, x, y, low, high))
    if not lines:
        return None
    return Plot(
        "shares",
        f"Composition in parts of {found['label']}",
        "Share of the information beyond chance that documents' different compositions give, with 95 % intervals.",
        "lag (symbols)",
        "share of composition",
        tuple(lines),
        log="x",
    )


def _steps(settings: Mapping[str, Any]) -> int:
    return 4


_LAPTOP = {
    "documents": 2048,
    "length": 2048,
    "corpus_documents": None,
    "classes": 27,
    "lags": 1000,
    "n_lags": 16,
    "permutations": 999,
    "windows": 16,
    "seed": 0,
}
UNEVENNESS = Experiment(
    name="unevenness",
    title="Corpora that are not uniform",
    claim="The abstract points out that data sets of language are not uniform.",
    method="First a process that has no dependence at all, whose documents differ in composition: its exact curve is "
    "flat, and what is measured is held against it, with and without the document null. Then the text at hand (the "
    "documentation of Python's standard library, or what was named), the rare characters in one class: its documents "
    "are cut in their order into 80, 10 and 10 % of their number, and permutation tests ask whether these parts are "
    "alike, and again after the documents were shuffled.",
    settings={
        "smoke": _LAPTOP
        | {
            "documents": 1024,
            "length": 512,
            "corpus_documents": 64,
            "classes": 8,
            "lags": 24,
            "n_lags": 5,
            "permutations": 199,
            "windows": 8,
        },
        "laptop": _LAPTOP,
        "paper": _LAPTOP | {"documents": 16_384, "length": 8192, "lags": 4000, "permutations": 9999},
    },
    run=_run,
    n_steps=_steps,
    check=check_corpus,
)
