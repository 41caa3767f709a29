"""Laws of decay: verdicts, parameters, figures of fits, comparisons."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.errors import InputError
from miscope.figures.curves import lower_end
from miscope.figures.style import COLOURS, counted_in, lag_label
from miscope.report import charts
from miscope.report.curves import axis_label, floor_of, table_of, tips_of
from miscope.report.elements import Figure, Section, Table, number_column, text_column
from miscope.report.words import interval, number, p_value, percent, whole

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.decay import DecayFit
    from miscope.decay.result import Estimate

__all__ = ["comparison_words", "fits_of", "law_sections", "parameter_words", "verdict_sentence"]

# One colour a law, as in figures.
_LAW_COLOURS = {
    "power law": 0,
    "exponential": 1,
    "power law with cut-off": 2,
    "stretched exponential": 3,
    "exponential + power law": 5,
}
_POINTS = len(COLOURS) - 1
_N_LINE = 160
_BEYOND = 1.15


def fits_of(
    curves: list[MICurve],
    fits: list[DecayFit],
    fitting: bool,
    progress: Callable[[int, int], object] | None = None,
) -> tuple[list[DecayFit | None], list[DecayFit]]:
    """The fit of each curve (given, or made now), and those fits whose curves are not there."""
    left, found = list(fits), []
    for curve in curves:
        own = next((fit for fit in left if _is_of(fit, curve)), None)
        if own is not None:
            left = [fit for fit in left if fit is not own]
        elif fitting:
            own = _fitted(curve)
        found.append(own)
        if progress is not None:
            progress(len(found), len(curves))
    return found, left


def _fitted(curve: MICurve) -> DecayFit | None:
    from miscope.decay import fit

    try:
        with np.errstate(all="ignore"):
            return fit(curve)
    except InputError:  # too few lags, or values that are none
        return None


def _is_of(fit: DecayFit, curve: MICurve) -> bool:
    """Whether a fit was made of this curve: by its name, its provenance, and its values where lags are the same."""
    if (fit.unit, fit.label) != (curve.unit, curve.label) or _as_text(fit.provenance) != _as_text(curve.provenance):
        return False
    # Where many lags were averaged, those of the fit may be none of the curve.
    _, ours, theirs = np.intersect1d(fit.lags, curve.lags, return_indices=True)
    return bool(np.allclose(fit.values[ours], curve.excess[theirs], equal_nan=True))


def _as_text(about: Mapping[str, Any]) -> str:
    return json.dumps(dict(about), sort_keys=True, default=str)


def verdict_sentence(fit: DecayFit) -> str:
    """The verdict with its parameter, and the reason."""
    verdict, parameter = fit.verdict, _main_parameter(fit)
    reason = f"{verdict.reason[:1].upper()}{verdict.reason[1:]}."
    if parameter is None:
        return reason
    name, estimate = parameter
    law = "an exponential" if name == "correlation length" else "a power law"
    over = f" from lag {whole(verdict.first)} to {whole(verdict.last)}" if verdict.last else ""
    return f"It falls as {law} with {name} {_estimate_words(estimate, fit)}{over}. {reason}"


def _estimate_words(estimate: Estimate, fit: DecayFit) -> str:
    """A parameter with its interval and unit."""
    unit = counted_in(estimate.unit, fit.provenance)
    unit = f" {unit}" if unit else ""
    if np.isnan(estimate.low):
        return f"{number(estimate.value, 3)}{unit}"
    return f"{number(estimate.value, 3)}{unit} (95 %: {interval(estimate.low, estimate.high)})"


def parameter_words(fit: DecayFit) -> str:
    """The parameter that the verdict speaks of, in a few words; a dash where there is none."""
    parameter = _main_parameter(fit)
    return "–" if parameter is None else f"{parameter[0]} {_estimate_words(parameter[1], fit)}"


def _main_parameter(fit: DecayFit) -> tuple[str, Estimate] | None:
    try:
        if fit.verdict.kind == "exponential":
            return "correlation length", fit.correlation_length
        if fit.verdict.kind == "power law":
            return "exponent", fit.exponent
    except InputError:  # a law that was not asked for
        pass
    return None


def comparison_words(found: Mapping[str, Any]) -> str:
    """A comparison of two fits in a sentence."""
    name = str(found["parameter"]).replace("_", " ")
    low, high, first, second = (float(found[key]) for key in ("low", "high", "first", "second"))
    verdict = "not to be told apart" if low <= 1 <= high else "different"
    names = found.get("curves")
    of = f" of {names[0]} and {names[1]}" if isinstance(names, list) and len(names) == 2 else ""
    return (
        f"{name[:1].upper()}{name[1:]}{of}: {number(first)} against {number(second)}, ratio "
        f"{number(float(found['ratio']), 3)} ({interval(low, high)}), p = {p_value(float(found['p_value']))}: "
        f"{verdict}."
    )


def law_sections(
    pairs: Sequence[tuple[str, DecayFit, MICurve | None]], comparisons: Sequence[Mapping[str, Any]]
) -> list[Section]:
    """The section of laws: all verdicts in a table, then each fit with its figure and parameters."""
    if not pairs and not comparisons:
        return []
    figures, tables = [], []
    for k, (name, fit, curve) in enumerate(pairs, start=1):
        if fit.laws or curve is None:
            figures.append(_figure(name, fit, curve, f"fit-{k}"))
        if fit.laws:
            tables.append(_parameters(name, fit, f"laws-{k}", folded=len(pairs) > 1))
        if fit.sensitivity:
            tables.append(_ranges(name, fit, f"ranges-{k}"))
    compared = tuple(comparison_words(each) for each in comparisons)
    overview = (_verdicts(pairs),) if pairs else ()
    lists = (("Compared", compared),) if compared else ()
    lead = (
        "On log–log axes a power law is a straight line, on lin–log axes an exponential is. A verdict says what the "
        "evidence over a range of lags bears out, and “undecided” where it bears out nothing.",
        "In each figure the strong line is the law of the verdict (or the likeliest), with its 95 % band; thin lines "
        "are the other simple laws, the exponential broken. Shaded are the lags that the verdict speaks of.",
        "Hollow markers are not significant, triangles on the lower edge are values below it; dashed is the floor that "
        "chance gives, already taken away.",
    )
    return [Section("laws", "Laws of decay", lead, tuple(figures), tuple(tables), lists, overview)]


def _verdicts(pairs: Sequence[tuple[str, DecayFit, MICurve | None]]) -> Table:
    fits = [fit for _, fit, _ in pairs]
    verdicts = [fit.verdict for fit in fits]
    ranges = ["–" if not each.last else f"{whole(each.first)} to {whole(each.last)}" for each in verdicts]
    columns = (
        text_column("curve", [name for name, _, _ in pairs]),
        text_column("verdict", [each.kind for each in verdicts]),
        text_column("parameter", [parameter_words(fit) for fit in fits]),
        text_column("lags", ranges),
        number_column("decades", [each.decades for each in verdicts], [number(each.decades, 2) for each in verdicts]),
        number_column(
            "significant lags",
            [each.n_significant for each in verdicts],
            [whole(each.n_significant) for each in verdicts],
        ),
        number_column(
            "independent points",
            charts.plain([float(each.n_effective) for each in verdicts]),
            [number(each.n_effective, 3) for each in verdicts],
        ),
    )
    # Columns that say nothing of any curve only take room.
    return Table("verdicts", "Verdicts", tuple(each for each in columns if {*each.words} != {"–"}))


def _parameters(name: str, fit: DecayFit, identity: str, folded: bool) -> Table:
    rows = [(law, head, estimate) for law in fit.laws for head, estimate in law.parameters.items()]
    ends = [[float(value) for value in (each.value, each.low, each.high)] for _, _, each in rows]
    weights = [float(law.weight) for law, _, _ in rows]
    own = [float(law.discrepancy) for law, _, _ in rows]
    columns = [
        text_column("law", [law.name for law, _, _ in rows]),
        text_column("parameter", [head.replace("_", " ") for _, head, _ in rows]),
    ]
    for k, head in enumerate(("value", "low (95 %)", "high (95 %)")):
        values = [row[k] for row in ends]
        columns.append(number_column(head, charts.plain(values), [number(each) for each in values]))
    columns += [
        text_column("unit", [counted_in(each.unit, fit.provenance) for _, _, each in rows]),
        number_column("weight", charts.plain(weights), [number(each, 2) for each in weights]),
        number_column("own error", charts.plain(own), [percent(each) for each in own]),
    ]
    caption = f"{name}: every law fitted, the likeliest first (weight: Akaike's; own error: what the law itself misses)"
    return Table(identity, caption, tuple(columns), folded)


def _ranges(name: str, fit: DecayFit, identity: str) -> Table:
    rows = fit.sensitivity
    columns = [
        text_column("lags", [f"{whole(row.first)} to {whole(row.last)}" for row in rows]),
        text_column("verdict", [row.kind for row in rows]),
    ]
    for head, values in (
        ("correlation length", [float(row.correlation_length) for row in rows]),
        ("exponent", [float(row.exponent) for row in rows]),
        ("AICc, exponential less power law", [float(row.evidence) for row in rows]),
    ):
        columns.append(number_column(head, charts.plain(values), [number(each) for each in values]))
    return Table(identity, f"{name}: what the same curve says over other ranges of lags", tuple(columns), folded=True)


def _figure(name: str, fit: DecayFit, curve: MICurve | None, identity: str) -> Figure:
    """The values that were fitted, the law of the verdict with its band, and the two simple laws."""
    t = 1.96
    ends = (fit.values - t * fit.stderr, fit.values + t * fit.stderr)
    tips = {"95 % interval": [interval(*each) for each in zip(*ends, strict=True)]}
    series: list[dict[str, Any]] = []
    best = fit.best if fit.laws else None
    at = np.geomspace(fit.lags.min(), fit.lags.max(), _N_LINE)
    if best is not None:
        low, high = best.band(at)
        series.append(charts.band("", _LAW_COLOURS.get(best.name, 0), at, low, high, of=best.name))
    for law in fit.laws:
        if law is best or law.name in ("exponential", "power law"):
            style = "solid" if law is best else "broken" if law.name == "exponential" else "thin"
            series.append(charts.line(law.name, _LAW_COLOURS.get(law.name, 0), at, law(at), style))
    label = name if name not in {each["name"] for each in series} else f"{name} (values)"
    sure = fit.significant if np.any(fit.stderr > 0) else None
    if curve is not None and len(curve) == len(fit.lags):  # all that is known of its points
        ends, tips = curve.interval(excess=True), tips_of(curve)
    series.append(charts.points(label, _POINTS, fit.lags, fit.values, ends, sure, tips, marker=0))
    if curve is not None and np.any(floor_of(curve) > 0):
        series.append(charts.line("chance floor, taken away", _POINTS, curve.lags, floor_of(curve), "dashed", of=label))
    verdict = fit.verdict
    spans = [(verdict.first, verdict.last, "the verdict's lags")] if verdict.last > verdict.first > 0 else []
    above = f"above the null ({fit.unit})" if fit.unit else "above the null"
    chart = charts.xy_chart(
        (lag_label([fit.provenance]), above if curve is None else axis_label((curve,))),
        series,
        bottom=lower_end(fit.values, fit.significant),
        near=verdict.last * _BEYOND or None,
        spans=spans,
    )
    title = f"{name}: {verdict.kind}"
    table = table_of(curve, f"{identity}-numbers") if curve is not None else _values(name, fit, f"{identity}-numbers")
    return Figure(identity, title, "", chart, table)


def _values(name: str, fit: DecayFit, identity: str) -> Table:
    columns = [
        number_column(head, charts.plain(values), [words(each) for each in values])
        for head, values, words in (
            ("lag", fit.lags, whole),
            ("value", fit.values, number),
            ("stderr", fit.stderr, number),
        )
    ]
    return Table(identity, f"{name}: the values that were fitted", tuple(columns))
