"""Corpora: whether their parts are alike, how they drift, which pairs of symbols carry the information."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from miscope.figures.curves import lower_end
from miscope.report import charts
from miscope.report.elements import Figure, Finding, Section, Table, number_column, text_column
from miscope.report.probed import numbers, real
from miscope.report.words import interval, listed, number, p_value, percent, whole

__all__ = ["drift_finding", "drift_section", "pair_section", "uniformity_finding", "uniformity_section"]

Found = Mapping[str, Any]

_FULL_RATIO = 2.0  # times the others' mean, or half of it, at which the map's colour is full
_FULL_SIGMA = 4.0
_MOST_WORDS = 24  # columns of a map, beyond which cells have no words
_MOST_SYMBOLS = 12
_MOST_INFLUENCE = 6


def uniformity_finding(found: Found) -> Finding:
    """Alike or not, in what, by how much."""
    lines = [str(line) for line in str(found["summary"]).splitlines() if line]
    sentences = tuple(f"{line[:1].upper()}{line[1:]}." for line in lines)
    return Finding(
        listed([str(name) for name in found["names"]]), "alike" if found["alike"] else "not alike", sentences
    )


def uniformity_section(found: Found, k: int) -> Section:
    """The parts of a corpus side by side."""
    identity = f"parts-{k}"
    lead = (
        f"Exchanged between parts: {found['exchangeable']}; {whole(real(found['n_permutations']))} permutations. "
        f"p-values are corrected for all that was looked at; differences count below {number(real(found['level']))}.",
    )
    figures = (_part_curves(found, f"{identity}-curves"), _ratio_map(found, f"{identity}-map"))
    tables = [_part_table(found, f"{identity}-parts"), _symbol_table(found, f"{identity}-symbols")]
    lists = []
    differ = [
        of
        for of, p in (("composition", found["p_composition"]), ("dependence", found["p_dependence"]))
        if real(p) <= real(found["level"])
    ]
    most = [_influence_words(each) for each in found["influence"] if each["of"] in differ][:_MOST_INFLUENCE]
    if most:
        lists.append(("What makes most of the difference, by leaving it out", tuple(most)))
    names = listed([str(name) for name in found["names"]])
    return Section(
        identity, f"Uniformity: {names}", lead, figures, tuple(each for each in tables if each.rows), tuple(lists)
    )


def _influence_words(each: Found) -> str:
    of = f"{each['of']} at lag {whole(real(each['lag']))}" if each["lag"] else str(each["of"])
    where = ", ".join(str(part) for part in (each["file"], each.get("place", "")) if part)
    document = f"document {whole(real(each['document']))}" + (f" ({where})" if where else "")
    return f"{percent(real(each['share']))} of {of}: {each['part']}, {document}: “{each['text']}”"


def _part_curves(found: Found, identity: str) -> Figure:
    names = [str(name) for name in found["names"]]
    series: list[dict[str, Any]] = []
    rows: list[tuple[Any, ...]] = []
    sure: list[bool] = []
    for i, (name, columns) in enumerate(zip(names, found["curves"], strict=False)):
        lags, values, bars, q = (numbers(columns[key]) for key in ("lag", "excess", "excess_stderr", "q_value"))
        ends = (values - 1.96 * bars, values + 1.96 * bars)
        tips = {
            "95 % interval": [interval(*each) for each in zip(*ends, strict=True)],
            "q": [p_value(each) for each in q],
        }
        series.append(charts.points(name, i, lags, values, ends, q <= 0.05, tips))
        rows += [(name, *each) for each in zip(lags, values, bars, q, strict=True)]
        sure += list(q <= 0.05)
    at = numbers(found["lags"])
    differ = numbers(found["lag_p"]) <= real(found["level"])
    spans = _runs(at, differ, "strength differs") if real(found["p_dependence"]) <= real(found["level"]) else []
    chart = charts.xy_chart(
        ("lag (symbols)", "mutual information less composition (nats)"),
        series,
        bottom=lower_end(np.array([row[2] for row in rows]), np.array(sure)),
        spans=spans,
    )
    heads = ("lag", "value", "stderr", "q")
    columns_ = [text_column("part", [row[0] for row in rows])]
    for j, head in enumerate(heads, start=1):
        column = [float(row[j]) for row in rows]
        how = {"lag": whole, "q": p_value}.get(head, number)
        columns_.append(number_column(head, charts.plain(column), [how(each) for each in column]))
    table = Table(f"{identity}-numbers", "Curves of the parts, less their documents' compositions", tuple(columns_))
    reading = "Vertical lines are 95 % intervals, hollow markers are not significant." + (
        " Shaded are lags at which the parts differ." if spans else ""
    )
    return Figure(identity, "The parts' curves", reading, chart, table)


def _runs(lags: np.ndarray, chosen: np.ndarray, name: str) -> list[tuple[float, float, str]]:
    """Ranges of neighbouring lags that are chosen, to the middle between lags."""
    edges = np.sqrt(lags[:-1] * lags[1:])
    edges = np.concatenate([[lags[0] / 1.1], edges, [lags[-1] * 1.1]])
    starts = np.flatnonzero(chosen & ~np.append(False, chosen[:-1]))
    stops = np.flatnonzero(chosen & ~np.append(chosen[1:], False))
    return [(float(edges[i]), float(edges[j + 1]), name) for i, j in zip(starts, stops, strict=True)]


def _ratio_map(found: Found, identity: str) -> Figure:
    """Each part's dependence over the others', at each lag."""
    names, lags = [str(name) for name in found["names"]], numbers(found["lags"])
    ratio, low, high = (
        np.array([numbers(row) for row in found[key]]) for key in ("ratios", "ratios_low", "ratios_high")
    )
    lag_p = numbers(found["lag_p"])
    with np.errstate(divide="ignore", invalid="ignore"):
        colour = np.log(np.maximum(ratio, 1e-3)) / np.log(_FULL_RATIO)
    away = np.isfinite(ratio) & ((low > 1) | (high < 1))
    words = [["–" if np.isnan(each) else f"{each:.2f}" for each in row] for row in ratio]
    tips = [
        [
            "not known"
            if np.isnan(ratio[i, j])
            else f"{number(ratio[i, j], 3)} times the others (95 %: {interval(low[i, j], high[i, j])}); the lag's p = "
            f"{p_value(float(lag_p[j]))}"
            for j in range(len(lags))
        ]
        for i in range(len(names))
    ]
    chart = charts.map_chart(
        ("lag (symbols)", "part"),
        names,
        [whole(lag) for lag in lags],
        np.where(np.isfinite(colour), colour, 0.0),
        words if len(lags) <= _MOST_WORDS else [[""] * len(lags)] * len(names),
        tips,
        ("half of the others or less", "twice the others or more"),
        away,
    )
    flat = [
        (names[i], lags[j], ratio[i, j], low[i, j], high[i, j], lag_p[j])
        for i in range(len(names))
        for j in range(len(lags))
    ]
    columns = [text_column("part", [row[0] for row in flat])]
    for j, head in enumerate(("lag", "ratio", "low (95 %)", "high (95 %)", "p of the lag"), start=1):
        column = [float(row[j]) for row in flat]
        how = {1: whole, 5: p_value}.get(j, number)
        columns.append(number_column(head, charts.plain(column), [how(each) for each in column]))
    table = Table(f"{identity}-numbers", "Mutual information of each part over the others' mean", tuple(columns))
    reading = "Mutual information of each part over the mean of the others. Bold: its 95 % interval leaves out 1."
    return Figure(identity, "Uniformity map", reading, chart, table)


def _part_table(found: Found, identity: str) -> Table:
    far, laws = found["distances"], found["laws"]
    part_p = [numbers(row) for row in found["part_p"]]
    moved = [max(real(each["total_variation"]), 0.0) for each in far]
    columns = (
        text_column("part", found["names"]),
        number_column("documents", found["n_documents"], [whole(real(each)) for each in found["n_documents"]]),
        number_column("symbols", found["n_symbols"], [whole(real(each)) for each in found["n_symbols"]]),
        number_column("symbols that differ", moved, [percent(each) for each in moved]),
        text_column("95 %", [f"{percent(real(each['low']))} to {percent(real(each['high']))}" for each in far]),
        number_column("p, symbols", charts.plain(part_p[0]), [p_value(float(each)) for each in part_p[0]]),
        number_column("p, dependence", charts.plain(part_p[1]), [p_value(float(each)) for each in part_p[1]]),
        text_column("law", ["–" if each is None else each["verdict"] for each in laws]),
    )
    return Table(identity, "The parts, each against the rest", columns)


def _symbol_table(found: Found, identity: str) -> Table:
    rows = [
        (each["part"], one["symbol"], real(one["share"]), real(one["share_of_rest"]))
        for each in found["distances"]
        for one in each["telling"][: max(2, _MOST_SYMBOLS // len(found["distances"]))]
    ]
    columns = (
        text_column("part", [row[0] for row in rows]),
        text_column("symbol", [visible(str(row[1])) for row in rows]),
        number_column("share in the part", [row[2] for row in rows], [percent(row[2]) for row in rows]),
        number_column("share in the rest", [row[3] for row in rows], [percent(row[3]) for row in rows]),
    )
    return Table(identity, "Symbols that tell parts apart", columns)


def visible(symbol: str) -> str:
    """A symbol so that it can be seen: white space and the like as Python writes it.

    >>> visible("a"), visible(" ")
    ('a', "' '")
    """
    return symbol if symbol.isprintable() and symbol.strip() else repr(symbol)


def drift_finding(found: Found) -> Finding:
    """Whether symbols or dependence change along the corpus."""
    sentence = str(found["sentence"])
    drifts = min(real(found["p_trend"]), real(found["p_symbols"])) <= real(found["level"])
    label = str(found["label"]) or "the corpus"
    return Finding(label, "drifts" if drifts else "no drift seen", (f"{sentence[:1].upper()}{sentence[1:]}.",))


def drift_section(found: Found, k: int) -> Section:
    """Mutual information by position and lag, as a map."""
    identity, lags = f"drift-{k}", numbers(found["lags"])
    values, bars = (np.array([numbers(row) for row in found[key]]) for key in ("values", "stderr"))
    bounds = numbers(found["bounds"])
    rows = [f"{whole(a)} to {whole(b)}" for a, b in pairwise(bounds)]
    with np.errstate(divide="ignore", invalid="ignore"):
        away = (values - np.nanmean(values, axis=0)) / bars
    words = [[number(each, 2) for each in row] for row in values]
    tips = [
        [
            f"{number(values[i, j], 3)} ± {number(bars[i, j], 2)} nats, "
            f"{number(away[i, j], 2)} standard errors from the mean"
            for j in range(len(lags))
        ]
        for i in range(len(rows))
    ]
    chart = charts.map_chart(
        ("lag (symbols)", "position (symbols)"),
        rows,
        [whole(lag) for lag in lags],
        np.where(np.isfinite(away), away / _FULL_SIGMA, 0.0),
        words if len(lags) <= _MOST_WORDS else [[""] * len(lags)] * len(rows),
        tips,
        (f"{_FULL_SIGMA:g} standard errors below the mean of its lag", f"{_FULL_SIGMA:g} above"),
        np.abs(np.nan_to_num(away)) > 3,
    )
    flat = [(rows[i], lags[j], values[i, j], bars[i, j]) for i in range(len(rows)) for j in range(len(lags))]
    columns = [text_column("symbols", [row[0] for row in flat])]
    for j, head in enumerate(("lag", "value", "stderr"), start=1):
        column = [float(row[j]) for row in flat]
        columns.append(
            number_column(head, charts.plain(column), [(whole if j == 1 else number)(each) for each in column])
        )
    numbers_table = Table(
        f"{identity}-numbers", "Mutual information less its null, in nats, by window and lag", tuple(columns)
    )
    reading = (
        "Mutual information (nats) of each window; colour is its distance from the mean of all windows at the same "
        "lag. Bold: more than three standard errors."
    )
    label = str(found["label"]) or "the corpus"
    figure = Figure(f"{identity}-map", f"Dependence along {label}", reading, chart, numbers_table)
    return Section(
        identity, f"Drift of {label}", drift_finding(found).sentences, (figure,), (_trends(found, identity),)
    )


def _trends(found: Found, identity: str) -> Table:
    columns = []
    for head, key, words in (
        ("lag", "lags", whole),
        ("change from first to last symbol", "slopes", number),
        ("stderr", "slopes_stderr", number),
        ("p", "lag_p", p_value),
    ):
        values = numbers(found[key])
        columns.append(number_column(head, charts.plain(values), [words(each) for each in values]))
    return Table(f"{identity}-trends", "Change along the corpus at each lag, in nats", tuple(columns), folded=True)


def pair_section(found: Found, k: int) -> Section:
    """Which pairs of symbols carry the information at a lag."""
    columns, label = found["columns"], str(found["label"]) or "the data"
    lag = whole(real(found["lag"]))
    made = [text_column(head, [visible(str(each)) for each in columns[head]]) for head in ("left", "right")]
    for head, words in (
        ("count", whole),
        ("expected", number),
        ("contribution", number),
        ("stderr", number),
        ("z", number),
        ("q_value", p_value),
    ):
        values: Sequence[float] = [real(each) for each in columns[head]]
        made.append(number_column(head.replace("_", " "), charts.plain(values), [words(each) for each in values]))
    lead = (
        f"{whole(real(found['n_kinds']))} kinds of pairs at lag {lag} carry {number(real(found['total']))} nats "
        f"(plug-in, over the null {found['null_name']}); these carry most of it, up or down.",
    )
    table = Table(f"pairs-{k}", f"Pairs of symbols of {label} at lag {lag}, contributions in nats", tuple(made))
    return Section(f"pairs-{k}", f"Pairs that carry the information of {label}", lead, tables=(table,))
