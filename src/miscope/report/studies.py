"""Studies: what their experiments found, by which rules, with figures and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from miscope.figures.series import Plot
from miscope.report import charts
from miscope.report.elements import Figure, Finding, Section, Table, number_column, text_column
from miscope.report.words import interval, number

__all__ = ["because", "study_findings", "study_sections"]

_FIRST = {"xy": "log-log", "y": "lin-log", "x": "log-lin", "": "lin-lin"}
_MOST_RULINGS = 3  # reasons that stand in the summary


def study_findings(found: Mapping[str, Any]) -> list[Finding]:
    """Each claim with its verdict and the first reasons."""
    made = []
    for each in found["experiments"]:
        for finding in each["findings"]:
            reasons = [because(one) for one in finding["rulings"]]
            more = f"; and {len(reasons) - _MOST_RULINGS} more" if len(reasons) > _MOST_RULINGS else ""
            said = (
                finding["claim"],
                "; ".join(reasons[:_MOST_RULINGS]) + more + "." if reasons else "No case to decide by.",
            )
            differs = (finding["differs"],) if finding["differs"] else ()
            made.append(Finding(each["title"], finding["verdict"], (*said, *differs)))
    return made


def because(ruling: Mapping[str, Any]) -> str:
    """A case and what the rule made of it, the case named once.

    >>> because({"case": "chain", "reason": "chain: ratio 1.02"}), because({"case": "chain", "reason": "exponential"})
    ('chain: ratio 1.02', 'chain: exponential')
    """
    case, reason = str(ruling["case"]), str(ruling["reason"])
    return reason if reason.startswith(case) else f"{case}: {reason}"


def study_sections(found: Mapping[str, Any], k: int) -> list[Section]:
    """A section for each experiment: claim, method, findings, figures, tables."""
    return [_section(each, f"study-{k}-{each['name']}") for each in found["experiments"]]


def _section(each: Mapping[str, Any], identity: str) -> Section:
    figures = [_figure(Plot.from_dict(plot), f"{identity}-{plot['name']}") for plot in each["plots"]]
    tables = [_rulings(each, f"{identity}-rulings")]
    if any(finding["numbers"] for finding in each["findings"]):
        tables.append(_numbers(each, f"{identity}-numbers"))
    tables += [_rows(name, rows, f"{identity}-{name}") for name, rows in each["tables"].items() if rows]
    rules = tuple(f"“{finding['claim']}” {finding['rule']}" for finding in each["findings"])
    lists = [("Rules by which they were decided", rules)]
    differs = tuple(finding["differs"] for finding in each["findings"] if finding["differs"])
    if differs:
        lists.append(("Where this differs from what the abstract of Shen (2019) lets one expect", differs))
    return Section(
        identity, each["title"], (each["claim"], each["method"]), tuple(figures), tuple(tables), tuple(lists)
    )


def _rulings(each: Mapping[str, Any], identity: str) -> Table:
    rows = [(finding["claim"], one) for finding in each["findings"] for one in finding["rulings"]]
    columns = (
        text_column("claim", [claim for claim, _ in rows]),
        text_column("case", [one["case"] for _, one in rows]),
        text_column("verdict", [one["verdict"] for _, one in rows]),
        text_column("because", [one["reason"] for _, one in rows]),
    )
    return Table(identity, f"{each['title']}: what the rules say of each case", columns, folded=True)


def _numbers(each: Mapping[str, Any], identity: str) -> Table:
    rows = [one for finding in each["findings"] for one in finding["numbers"]]
    ends = [[_float(one[name]) for one in rows] for name in ("value", "low", "high")]
    columns = [text_column("number", [one["name"] for one in rows])]
    columns.append(number_column("value", charts.plain(ends[0]), [number(value) for value in ends[0]]))
    words = [interval(low, high) for low, high in zip(*ends[1:], strict=True)]
    columns += [text_column("95 % interval", words), text_column("unit", [one["unit"] for one in rows])]
    return Table(identity, f"{each['title']}: the evidence", tuple(columns))


def _rows(name: str, rows: Sequence[Mapping[str, Any]], identity: str) -> Table:
    columns = []
    for heading in rows[0]:
        values = [row.get(heading) for row in rows]
        if any(isinstance(value, str | bool) for value in values):
            columns.append(
                text_column(heading.replace("_", " "), ["–" if value is None else str(value) for value in values])
            )
        else:
            numbers = [_float(value) for value in values]
            columns.append(
                number_column(heading.replace("_", " "), charts.plain(numbers), [number(each) for each in numbers])
            )
    return Table(identity, name.replace("-", " "), tuple(columns), folded=True)


def _float(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _figure(plot: Plot, identity: str) -> Figure:
    series: list[dict[str, Any]] = []
    numbered = {each.label: k for k, each in enumerate(one for one in plot.series if one.kind == "points")}
    for k, each in enumerate(plot.series):
        y = [_float(value) for value in each.y]
        if each.kind == "line":
            colour = numbered.get(each.of, k)
            style = "dark" if not each.of and numbered else "dashed" if each.of else "solid"
            series.append(charts.line(each.label, colour, each.x, y, style, of=each.of))
            continue
        ends = ([_float(value) for value in each.low], [_float(value) for value in each.high]) if each.low else None
        tips = {"95 % interval": [interval(*one) for one in zip(*ends, strict=True)]} if ends else None
        series.append(
            charts.points(each.label, numbered[each.label], each.x, y, charts.plain(ends), each.sure or None, tips)
        )
    if plot.diagonal:
        places = [value for each in plot.series for value in (*each.x, *each.y) if value is not None and value > 0]
        if places:
            ends_of_line = [min(places), max(places)]
            series.append(charts.line("equal", 0, ends_of_line, ends_of_line, "dark"))
    first = _FIRST[plot.log]
    chart = charts.xy_chart(
        (plot.x_label, plot.y_label),
        series,
        scales=(first, *(scale for scale in charts.SCALES if scale != first)),
        bottom=_bottom(plot),
        rules=plot.rules,
    )
    return Figure(identity, plot.title, plot.reading, chart, _table(plot, f"{identity}-table"))


def _bottom(plot: Plot) -> float | None:
    """Where a logarithmic axis begins: a little below what is significant."""
    values = [
        _float(value)
        for each in plot.series
        if each.kind == "points"
        for value, sure in zip(each.y, each.sure or (True,) * len(each.y), strict=True)
        if sure
    ]
    positive = np.array([value for value in values if value > 0])
    return float(max(positive.min() / 3, positive.max() * 1e-6)) if positive.size else None


def _table(plot: Plot, identity: str) -> Table:
    rows: list[tuple[Any, ...]] = [
        (each.label, *map(_float, place))
        for each in plot.series
        for place in zip(
            each.x, each.y, each.low or (None,) * len(each.x), each.high or (None,) * len(each.x), strict=True
        )
    ]
    columns = [text_column("series", [row[0] for row in rows])]
    for k, heading in enumerate((plot.x_label, plot.y_label, "low (95 %)", "high (95 %)"), start=1):
        values = [float(row[k]) for row in rows]
        columns.append(number_column(heading, charts.plain(values), [number(value) for value in values]))
    return Table(identity, plot.title, tuple(columns), folded=True)
