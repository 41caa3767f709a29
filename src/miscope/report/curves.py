"""Curves: how far dependence reaches, figures, and the numbers behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.errors import InputError
from miscope.figures.curves import lower_end, null_words
from miscope.report import charts
from miscope.report.alike import QUANTITIES, Group, alphabet, in_unit, source_of, symbols
from miscope.report.elements import Column, Figure, Section, Table, number_column, text_column
from miscope.report.words import interval, listed, number, p_value, slug, whole

if TYPE_CHECKING:
    from miscope.curve import MICurve

__all__ = [
    "axis_label",
    "called",
    "curve_sections",
    "extent",
    "figure_of",
    "floor_of",
    "size_words",
    "table_of",
    "tips_of",
    "unique",
]

_N_EXACT = 200
_BEYOND = 1.15  # of the last significant lag, where a linear axis ends


def size_words(curve: MICurve) -> str:
    """How much was measured, and at which lags."""
    about = curve.provenance
    n, documents = about.get("n_symbols"), about.get("n_documents")
    lags = curve.lags
    at = f"at lag {whole(lags[0])}" if len(lags) == 1 else f"at {len(lags)} lags, {whole(lags[0])} to {whole(lags[-1])}"
    if not isinstance(n, int):
        return f"Measured {at}."
    what = symbols(curve) or "symbols"
    kinds = alphabet(curve)
    of = "" if what == "real numbers" or not kinds else f" of {whole(kinds)} {'kind' if kinds == 1 else 'kinds'}"
    inside = f" in {whole(documents)} {'document' if documents == 1 else 'documents'}" if documents else ""
    drawn = "drawn from the model" if curve.estimator == "conditional" else "measured"
    return f"{whole(n)} {what}{of}{inside}, {drawn} {at}."


def extent(curve: MICurve) -> tuple[float, str]:
    """Up to which lag dependence is seen (nan: not known), and that in a sentence.

    As for verdicts: where most of the lags in the half decade up to it are significant.
    """
    if not curve.n_blocks or np.isnan(curve.excess_stderr).all():
        return float("nan"), "There are no error bars, so it cannot be said how far its dependence reaches."
    from miscope.decay.points import points_of
    from miscope.decay.verdict import range_of

    try:
        last = range_of(points_of(curve))[1]
    except InputError:  # too few lags
        seen = curve.lags[curve.significant()]
        last = float(seen.max()) if len(seen) else 0.0
    above = null_words({curve.null_name}) if curve.null_name != "none" else "zero"
    if not last:
        return 0.0, f"No dependence stands above {above} at any of these lags."
    if last >= curve.lags[-1]:
        return last, f"Dependence stands above {above} up to lag {whole(last)}, the largest that was measured."
    return last, f"Dependence stands above {above} up to lag {whole(last)}; beyond it is not seen."


def table_of(curve: MICurve, identity: str) -> Table:
    """All numbers of a curve, one row a lag."""
    columns: list[Column] = []
    for name, values in curve.to_table().to_pydict().items():
        if name in ("lag", "n_pairs"):
            words = [whole(each) for each in values]
        else:
            words = [(p_value if name in ("p_value", "q_value") else number)(each) for each in values]
        columns.append(number_column(name.replace("_", " "), charts.plain(values), words))
    caption = f"{curve.label or 'curve'}: {QUANTITIES[curve.quantity]}{in_unit(curve.unit)} at each lag"
    return Table(identity, caption, tuple(columns))


def axis_label(curves: tuple[MICurve, ...]) -> str:
    """What the vertical axis of their chart shows."""
    nulls = {curve.null_name for curve in curves if curve.estimator != "bracket"} - {"none"}
    above = f" above {null_words(nulls)}" if nulls else ""
    return f"{QUANTITIES[curves[0].quantity]}{above}{in_unit(curves[0].unit)}"


def figure_of(group: Group, identity: str, title: str) -> Figure:
    """The chart of curves that are alike, with floors and what is exact."""
    series: list[dict[str, Any]] = []
    names = list(group.names)
    bottom = _bottom(group.curves)
    for k, (curve, name) in enumerate(zip(group.curves, names, strict=True)):
        series += _bounds(curve, name, k) if curve.estimator == "bracket" else _points(curve, name, k)
    series += _exact(group.curves, names)
    last = [extent(curve)[0] for curve in group.curves]
    far = max([each for each in last if each > 0], default=float("nan"))
    chart = charts.xy_chart((f"lag ({group.lag})", axis_label(group.curves)), series, bottom=bottom, near=far * _BEYOND)
    return Figure(identity, title, _reading(group.curves, series), chart, _joint_table(group.curves, names, identity))


def called(curves: list[MICurve]) -> list[str]:
    """Names of curves: their labels, with what their symbols are where labels are not enough."""
    labels = [curve.label or "curve" for curve in curves]
    longer = [
        f"{label} ({symbols(curve)})" if labels.count(label) > 1 and symbols(curve) else label
        for label, curve in zip(labels, curves, strict=True)
    ]
    return unique(longer)


def unique(names: list[str]) -> list[str]:
    """Names with numbers behind those that occur more than once."""
    return [
        name if names.count(name) == 1 else f"{name} ({names[: k + 1].count(name)})" for k, name in enumerate(names)
    ]


def _bottom(curves: tuple[MICurve, ...]) -> float:
    values = np.concatenate([curve.excess for curve in curves])
    return lower_end(values, np.concatenate([curve.significant() for curve in curves]))


def _points(curve: MICurve, name: str, k: int) -> list[dict[str, Any]]:
    ends = curve.interval(excess=True)
    sure = curve.significant() if curve.n_blocks else None
    made = [charts.points(name, k, curve.lags, curve.excess, ends, sure, tips_of(curve))]
    floor = floor_of(curve)
    if np.any(floor > 0):
        made.append(charts.line(f"{name}: chance floor", k, curve.lags, floor, "dashed", of=name))
    return made


def floor_of(curve: MICurve) -> np.ndarray:
    """What chance alone gives at each lag."""
    return curve.null if curve.chance is None else curve.chance


def tips_of(curve: MICurve) -> dict[str, list[str]]:
    """What is said of each point that is pointed at."""
    low, high = curve.interval(excess=True)
    tips = {"95 % interval": [interval(*ends) for ends in zip(low, high, strict=True)]}
    tips["standard error"] = [number(each, 2) for each in curve.excess_stderr]
    if curve.null_name != "none":
        tips["null"] = [number(each, 3) for each in curve.null]
    if curve.n_blocks:
        tips["q"] = [p_value(each) for each in curve.q_values]
    return tips | {"pairs": [whole(each) for each in curve.n_pairs]}


def _bounds(curve: MICurve, name: str, k: int) -> list[dict[str, Any]]:
    low, high = curve.bracket()
    tips = {
        "lower bound": [number(each, 3) for each in curve.excess],
        "with intervals": [interval(*ends) for ends in zip(low, high, strict=True)],
    }
    return [
        charts.band("", k, curve.lags, low, high, of=name),
        charts.band("", k, curve.lags, curve.excess, curve.mi, of=name),
        charts.points(name, k, curve.lags, curve.mi, None, curve.significant(), tips),
        charts.line(f"{name}: lower bound", k, curve.lags, curve.excess, "thin", of=name),
    ]


def _exact(curves: tuple[MICurve, ...], names: list[str]) -> list[dict[str, Any]]:
    """The exact curves of those that were drawn from a process."""
    made = []
    for curve, name in zip(curves, names, strict=True):
        if "process" not in source_of(curve) or curve.null_name == "document":
            continue
        from miscope.figures.curves import exact_values
        from miscope.processes.naming import from_provenance

        try:
            truth: Any = from_provenance(source_of(curve))
            lags = np.unique(np.geomspace(curve.lags[0], curve.lags[-1], _N_EXACT).round().astype(np.int64))
            values = None if truth is None else exact_values(truth, curve, lags)
        except (InputError, TypeError, ValueError, KeyError, AttributeError):  # of another version, or edited
            continue
        if values is not None:
            made.append(charts.line(f"exact: {name}", 6, lags, values, "dark"))
    return made


def _reading(curves: tuple[MICurve, ...], series: list[dict[str, Any]]) -> str:
    said = ["Vertical lines are 95 % intervals."] if any(curve.n_blocks for curve in curves) else []
    if any(curve.n_blocks and not curve.significant().all() for curve in curves):
        said.append("Hollow markers are not significant (false discovery rate 5 %).")
    said.append("A triangle on the lower edge is a value below it.")
    if any(each.get("style") == "dashed" for each in series):
        said.append("Dashed is the floor that chance alone gives, already taken away.")
    if any(curve.estimator == "bracket" for curve in curves):
        said.append("Bands lie between a lower and an upper bound, paler with their intervals; markers are the upper.")
    return " ".join(said)


def _joint_table(curves: tuple[MICurve, ...], names: list[str], identity: str) -> Table:
    """The numbers of a figure: of one curve all columns, of several those that are drawn."""
    if len(curves) == 1:
        return table_of(curves[0], f"{identity}-{slug(names[0])}")
    rows = [(curve, name, i) for curve, name in zip(curves, names, strict=True) for i in range(len(curve))]
    ends = {name: curve.interval(excess=True) for curve, name in zip(curves, names, strict=True)}
    q = {name: curve.q_values for curve, name in zip(curves, names, strict=True)}
    parts: dict[str, list[float]] = {
        "lag": [int(curve.lags[i]) for curve, _, i in rows],
        "value": [float(curve.excess[i]) for curve, _, i in rows],
        "low": [float(ends[name][0][i]) for _, name, i in rows],
        "high": [float(ends[name][1][i]) for _, name, i in rows],
        "q": [float(q[name][i]) for _, name, i in rows],
    }
    how = {"lag": whole, "q": p_value}
    columns = [text_column("curve", [name for _, name, _ in rows])]
    columns += [
        number_column(head, charts.plain(values), [how.get(head, number)(each) for each in values])
        for head, values in parts.items()
    ]
    return Table(f"{identity}-numbers", "The values drawn, less their nulls, with 95 % intervals", tuple(columns))


def curve_sections(groups: list[Group], drawn: list[MICurve]) -> list[Section]:
    """A section with a figure for each group of curves that are alike.

    Parameters
    ----------
    groups
        The curves.
    drawn
        Those that have a figure of their own elsewhere; it is enough where one stands alone.
    """
    shown = [each for each in groups if len(each.curves) > 1 or not any(each.curves[0] is one for one in drawn)]
    lead = []
    if len(groups) > 1:
        one = len({group.quantity for group in groups}) == 1
        parts = [f"{listed(each.names)} ({each.words if one else f'{each.quantity}: {each.words}'})" for each in groups]
        lead = [f"Kept apart, because their values or distances do not mean the same: {'; '.join(parts)}."]
        alone = [name for group in groups if not any(group is each for each in shown) for name in group.names]
        if alone:
            lead.append(f"What stands alone has its chart under “Laws of decay”: {listed(alone, len(alone))}.")
    figures = [figure_of(group, f"curves-{k}", group.title) for k, group in enumerate(shown, start=1)]
    if not figures and not lead:
        return []
    return [Section("curves", "Dependence against distance", tuple(lead), tuple(figures))]
