"""What is found about a corpus, in plain words, as tables and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from miscope.curve import MICurve
from miscope.formats import marked
from miscope.probing.splits import Units

if TYPE_CHECKING:
    from miscope.probing.effects import Distance
    from miscope.probing.uniformity import Uniformity

__all__ = [
    "advice",
    "aligned",
    "as_dict",
    "drifting",
    "grown",
    "lag_words",
    "left_out",
    "p_words",
    "percent",
    "plain",
    "report",
    "shown_lags",
    "summary",
    "told_apart",
]

_MOST_INFLUENCE = 3
_MOST_LAGS = 12
_LITTLE = 0.05  # of a difference, below which no document stands out
_WELL = 0.25  # of a ratio, what half its interval may be for it to be shown as an example


def grown(times: int) -> tuple[str, ...]:
    """That units were put together."""
    if times == 1:
        return ()
    return (
        f"neighbouring units of a part were more alike than distant ones, so each exchanged unit holds about {times} "
        "of them: fewer units, but ones that may change places",
    )


def drifting(units: Units, p: float) -> str:
    """That even large units are not exchangeable."""
    size = int(np.median(units.sizes))
    return (
        f"neighbouring units of about {size:,} symbols are still more alike than distant ones (p = {p_words(p)}): the "
        "corpus drifts over longer stretches, so parts that are stretches of it differ somewhat even if nothing sets "
        "them apart, and p-values are too small; see drift()"
    )


def advice(units: Units, lags: NDArray[np.int64], curves: tuple[MICurve, ...]) -> tuple[str, ...]:
    """What a reader has to know of lags and curves."""
    notes = []
    if units.kind == "piece":
        beyond = lags[lags > np.median(units.sizes)]
        if len(beyond):
            notes.append(
                f"at lags beyond {int(np.median(units.sizes)):,} neighbouring pieces share most of their pairs: what "
                "is said of these lags is too sure"
            )
    said: dict[str, list[str]] = {}
    for curve, name in zip(curves, units.names, strict=True):
        for text in curve.warnings:
            said.setdefault(text.split(",")[0] if text.startswith("at ") else text, []).append(name)
    n = sum(len(curve.warnings) for curve in curves)
    if n:
        whose = list(dict.fromkeys(name for names in said.values() for name in names))
        notes.append(f"the curves of {_listed(whose)} carry {n} warning{'s' if n > 1 else ''}: see .curves[k].warnings")
    return tuple(notes)


def summary(found: Uniformity) -> str:
    """A few plain sentences: alike or not, in what, by how much."""
    present = np.flatnonzero(found.unigrams.sum(axis=0) > 0)
    if len(present) <= 1:
        only = f", {_quoted(found.symbols[present[0]])}" if len(present) else ""
        return f"alike, but nothing to compare: {_listed(found.names)} have only one symbol{only}"
    lines = [_verdict(found), _composition(found), _dependence(found)]
    lines += _laws(found) + _pattern(found)
    lines += [_long_range(found)] if _long_range(found) else []
    return "\n".join(lines)


def _verdict(found: Uniformity) -> str:
    if found.alike:
        return f"alike: no difference between {_listed(found.names)} (p = {p_words(found.p_value)})"
    named = {
        "composition": found.p_composition,
        "strength of dependence": found.p_dependence,
        "pattern of dependence": found.p_pattern,
    }
    what = [name for name, p in named.items() if p <= found.level]
    return f"not alike: {_listed(found.names)} differ in {_listed(what)} (p = {p_words(found.p_value)})"


def _composition(found: Uniformity) -> str:
    sizes = np.array([each.total_variation for each in found.distances])
    largest = k = int(np.argmax(sizes))
    if found.p_composition <= found.level:
        k = int(np.lexsort((-sizes, found.part_p[0]))[0])
    far = found.distances[k]
    held = f"{percent(max(far.total_variation, 0))} ({percent(far.low)} to {percent(far.high)}) of its symbols"
    if found.p_composition > found.level:
        return (
            f"symbols: no difference seen (p = {p_words(found.p_composition)}); the largest, that of {far.part} "
            f"from the rest, is {held}"
        )
    telling = "; ".join(f"{_quoted(word)} {told_apart(p, q)}" for word, p, q in far.telling[:3])
    also = ""
    if sizes[largest] > max(sizes[k], 0) and percent(sizes[largest]) != percent(max(sizes[k], 0)):
        also = f" ({found.distances[largest].part} in more, {percent(sizes[largest])}, but less clearly)"
    p = p_words(found.p_composition)
    return f"symbols: {far.part} differs most clearly from the rest (smallest p; p = {p}), in {held}{also}: {telling}"


def _dependence(found: Uniformity) -> str:
    p = p_words(found.p_dependence)
    if found.p_dependence > found.level:
        none = f"dependence: no difference in strength seen at {lag_words(found.lags)} (p = {p})"
        return none + _best_known(found)
    differing = found.lag_p <= found.level
    if not differing.any():
        return f"dependence: a difference in strength at some lag (p = {p})"
    k = int(np.argmin(found.part_p[1]))
    tied = np.flatnonzero(found.part_p[1] <= found.part_p[1][k])
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(np.log(np.maximum(found.ratios[:, differing], 1e-3)))
    if len(tied) > 1 and np.isfinite(apart[tied]).any():
        k = int(tied[np.nanargmax(np.nan_to_num(apart[tied], nan=-1.0).max(axis=1))])
    text = f"dependence: differs in strength at {lag_words(found.lags[differing])} (p = {p}), most in {found.names[k]}"
    known = np.flatnonzero(differing & np.isfinite(found.ratios[k]))
    if not len(known):
        return text
    # The largest ratio among those that are well known.
    ratio, half = found.ratios[k, known], (found.ratios_high - found.ratios_low)[k, known] / 2
    well = half <= _WELL * ratio
    size = np.where(well, np.abs(np.log(np.where(well, ratio, 1.0))), -half)
    at = int(known[np.argmax(size)])
    low, high = found.ratios_low[k, at], found.ratios_high[k, at]
    return (
        f"{text}: at lag {found.lags[at]} its mutual information is {found.ratios[k, at]:.2f} ({max(low, 0):.2f} to "
        f"{high:.2f}) times the others'"
    )


def _best_known(found: Uniformity) -> str:
    """Where nothing differs: the ratio with the shortest interval, to show how much could have been missed."""
    half = np.where(np.isfinite(found.ratios), found.ratios_high - found.ratios_low, np.inf) / 2
    k, at = (int(each) for each in np.unravel_index(np.argmin(half), half.shape))
    if not half[k, at] <= found.ratios[k, at]:  # nothing is known to the factor of two
        return ""
    return f"; best known is {_ratio_words(found, k, at)}"


def _ratio_words(found: Uniformity, k: int, at: int) -> str:
    low, high = max(found.ratios_low[k, at], 0), found.ratios_high[k, at]
    return (
        f"{found.names[k]} at lag {found.lags[at]:,}, where its mutual information is {found.ratios[k, at]:.2f} "
        f"({low:.2f} to {high:.2f}) times the others'"
    )


def _laws(found: Uniformity) -> list[str]:
    """What the laws say: the clearest difference, corrected for the number of pairs, or how far apart they may be."""
    kinds = [None if law is None else law.verdict.kind for law in found.fits]
    if not found.comparisons:
        known = [kind for kind in kinds if kind in ("exponential", "power law")]
        if len(set(known)) < 2:
            return []
        pairs = zip(found.names, kinds, strict=True)
        return [f"laws: not of one kind: {'; '.join(f'{name} {kind}' for name, kind in pairs if kind in known)}"]
    i, j, row = min(found.comparisons, key=lambda each: each[2].p_value)
    p = min(1.0, row.p_value * len(found.comparisons))
    name = row.parameter.replace("_", " ")
    says = "differ" if p <= found.level else "no difference seen"
    compared = {k for first, second, _ in found.comparisons for k in (first, second)}
    others = [f"{found.names[k]} {kind}" for k, kind in enumerate(kinds) if k not in compared and kind is not None]
    apart = f"; not compared: {_listed(others)}" if others else ""
    return [
        f"laws: {says} (p = {p_words(p)}): {name} of {found.names[i]} {row.first:.4g}, of {found.names[j]} "
        f"{row.second:.4g}, ratio {row.ratio:.2f} ({row.low:.2f} to {row.high:.2f}){apart}"
    ]


def _pattern(found: Uniformity) -> list[str]:
    if not found.p_pattern <= found.level:
        return []
    differing = found.lags[found.lag_pattern_p <= found.level]
    where = f" at {lag_words(differing)}" if len(differing) else ""
    also = ", as it must where compositions differ" if found.p_composition <= found.level else ""
    return [f"pattern: which symbols follow which differs{where} (p = {p_words(found.p_pattern)}){also}"]


def _long_range(found: Uniformity) -> str:
    known = np.flatnonzero(np.isfinite(found.shares[-1]))
    if not len(known):
        return ""
    at = int(known[-1])
    share, error = found.shares[-1, at], found.shares_stderr[-1, at]
    return (
        f"long range: at lag {found.lags[at]}, {percent(share)} ± {percent(error)} of the dependence of all parts "
        "together is only that documents differ in composition"
    )


def report(found: Uniformity) -> str:
    """Summary, tables, who is responsible, warnings."""
    lines = [found.summary, f"exchanged: {found.exchangeable}; {found.n_permutations:,} permutations", ""]
    lines += aligned(_part_rows(found))
    lines += ["p here and below is of one question; that of the summary is corrected for asking three, so no smaller"]
    lines += ["", "mutual information by lag: sequential part of each, in nats; share of all that is composition"]
    lines += [*aligned(_lag_rows(found)), *left_out(len(found.lags))]
    differ = {"composition": found.p_composition, "dependence": found.p_dependence}
    for of, p in differ.items():
        if p <= found.level:
            most = [one for one in found.influence if one.of == of][:_MOST_INFLUENCE]
            head = f"what makes most of the difference in {of}, by leaving it out:"
            if most and most[0].share < _LITTLE:
                head = f"no few documents make the difference in {of}; most, by leaving it out:"
            lines += ["", head, *(f"  {one}" for one in most)]
    if found.comparisons:
        lines += ["", "laws:"]
        lines += [f"  {found.names[i]}, {found.names[j]}: {row}" for i, j, row in found.comparisons]
    return "\n".join([*lines, *(f"warning: {text}" for text in found.warnings)])


def _part_rows(found: Uniformity) -> list[tuple[str, ...]]:
    head = ("part", "documents", "symbols", "total variation", "95 %", "JS, nats", "p symbols", "p dependence", "law")
    rows: list[tuple[str, ...]] = [head]
    for k, far in enumerate(found.distances):
        law = found.fits[k]
        rows.append(
            (
                found.names[k],
                f"{found.n_documents[k]:,}",
                f"{found.n_symbols[k]:,}",
                f"{max(far.total_variation, 0):.4f}",
                f"{far.low:.4f} to {far.high:.4f}",
                f"{far.jensen_shannon:.2g} ± {far.jensen_shannon_stderr:.1g}",
                p_words(float(found.part_p[0, k])),
                p_words(float(found.part_p[1, k])),
                "-" if law is None else _law_words(law),
            )
        )
    return rows


def _law_words(law: Any) -> str:
    kind = law.verdict.kind
    wanted = {"exponential": "correlation_length", "power law": "exponent"}.get(kind)
    if wanted is None:
        return str(kind)
    found = getattr(law, wanted)
    bar = "" if np.isnan(found.low) else f" ({found.low:.3g} to {found.high:.3g})"
    return f"{kind}, {wanted.replace('_', ' ')} {found.value:.3g}{bar}"


def _lag_rows(found: Uniformity) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("lag", *found.names, "composition", "p strength", "p pattern")]
    for i in shown_lags(len(found.lags)):
        share = found.shares[-1, i]
        pattern = found.lag_pattern_p[i]
        rows.append(
            (
                str(found.lags[i]),
                *(f"{curve.excess[i]:.3g} ± {curve.excess_stderr[i]:.1g}" for curve in found.curves),
                "-" if np.isnan(share) else f"{percent(share)} ± {percent(found.shares_stderr[-1, i])}",
                p_words(float(found.lag_p[i])),
                "-" if np.isnan(pattern) else p_words(float(pattern)),
            )
        )
    return rows


def as_dict(found: Uniformity) -> dict[str, Any]:
    """Everything in a result, JSON-able."""
    names = (
        "names n_symbols n_documents exchangeable level alike summary p_value p_composition p_dependence p_pattern "
        "lags lag_p lag_pattern_p part_p unigrams symbols ratios ratios_low ratios_high shares shares_stderr "
        "n_permutations seed warnings"
    )
    made = {name: plain(getattr(found, name)) for name in names.split()}
    made["distances"] = [_distance_dict(each) for each in found.distances]
    made["curves"] = [_curve_dict(curve) for curve in (*found.curves, found.whole)]
    made["laws"] = [None if law is None else _fit_dict(law) for law in found.fits]
    made["comparisons"] = [
        {"first": found.names[i], "second": found.names[j]} | plain(vars(row)) for i, j, row in found.comparisons
    ]
    made["influence"] = [plain(each.to_dict()) for each in found.influence]
    return marked("uniformity", made)


def _distance_dict(each: Distance) -> dict[str, Any]:
    made: dict[str, Any] = plain(vars(each))
    telling = [{"symbol": word, "share": p, "share_of_rest": q} for word, p, q in each.telling]
    return made | {"telling": telling}


def _curve_dict(curve: MICurve) -> dict[str, Any]:
    columns = {name: plain(values) for name, values in curve.to_table().to_pydict().items()}
    return {"label": curve.label, "warnings": list(curve.warnings)} | columns


def _fit_dict(law: Any) -> dict[str, Any]:
    best = law.best
    values = {} if best is None else {name: plain(vars(each)) for name, each in best.parameters.items()}
    return {"verdict": law.verdict.kind, "reason": law.verdict.reason, "law": best and best.name, "parameters": values}


def plain(value: Any) -> Any:
    """What JSON can write: lists for arrays, None for what is not known or not finite."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def p_words(p: float) -> str:
    """A p-value as people write it."""
    return f"{p:.3f}".rstrip("0") if p < 0.1 and p >= 0.001 else f"{p:.2g}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as columns of text."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def percent(share: float) -> str:
    """A share as people write it."""
    return f"{100 * share:.2g} %" if abs(share) < 0.995 else f"{100 * share:.0f} %"


def told_apart(share: float, other: float) -> str:
    """Two shares that differ, with as many digits as it takes to see it.

    >>> told_apart(0.1462, 0.1518), told_apart(0.43, 0.22)
    ('14.6 % against 15.2 %', '43 % against 22 %')
    """
    first, second = percent(share), percent(other)
    for digits in range(3, 16):
        if first != second:
            break
        first, second = (f"{100 * each:.{digits}g} %" for each in (share, other))
    return f"{first} against {second}"


def shown_lags(n: int, most: int = _MOST_LAGS) -> NDArray[np.int64]:
    """Which of so many lags a printed table shows."""
    return np.unique(np.linspace(0, n - 1, min(most, n)).round().astype(np.int64))


def left_out(n: int, most: int = _MOST_LAGS) -> tuple[str, ...]:
    """That a printed table shows some lags only."""
    shown = len(shown_lags(n, most))
    return () if shown == n else (f"({shown} of {n:,} lags are shown; to_table() has all)",)


def _quoted(word: str) -> str:
    return repr(word)


def _listed(names: Sequence[str]) -> str:
    if len(names) > 4:
        return f"{names[0]}, {names[1]}, … and {names[-1]}"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def lag_words(lags: NDArray[np.int64]) -> str:
    """Lags as people write them."""
    return f"lag {lags[0]:,}" if len(lags) == 1 else f"{len(lags)} lags between {lags[0]:,} and {lags[-1]:,}"
