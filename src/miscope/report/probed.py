"""Models: how far they keep their data's dependence, their spectra, their couplings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from miscope.figures.curves import lower_end
from miscope.report import charts
from miscope.report.elements import Figure, Finding, Section, Table, number_column, text_column
from miscope.report.words import interval, number, slug, whole

__all__ = ["coupling_section", "reach_findings", "reach_section", "spectrum_finding", "spectrum_section"]

Results = Sequence[Mapping[str, Any]]

_T = 1.96
_KINDS = {
    "exponential": "falls exponentially",
    "power law": "falls as a power law",
    "between": "falls slower than an exponential and faster than a power law",
    "undecided": "follows no law that could be told",
    "no dependence": "shows no dependence",
}


def numbers(values: Any) -> np.ndarray:
    """A list of numbers from JSON, None as nan."""
    return np.array([float("nan") if value is None else float(value) for value in values], np.float64)


def real(value: Any) -> float:
    """A number from JSON, None as nan."""
    return float("nan") if value is None else float(value)


def reach_findings(found: Mapping[str, Any]) -> list[Finding]:
    """A finding for each model that was compared with the data."""
    share, data = _share(found), str(found["data"]["label"]) or "the data"
    made = []
    for each in found["models"]:
        lag, bound = real(each["reach"]["lag"]), str(each["reach"]["bound"])
        between = _interval(each["reach"])
        if bound == "less than":
            words = f"Keeps less than {share} of the dependence of {data} from lag {whole(lag)} on (95 %: {between})."
        else:
            more = " at least, the last at which the data show it" if bound else ""
            words = f"Keeps {share} of the dependence of {data} up to lag {whole(lag)}{more} ({between})."
        verdict = {"": "reach", "at least": "reach at least", "less than": "reach below"}.get(bound, "reach")
        made.append(Finding(str(each["label"]), f"{verdict} {whole(lag)}", (words, *_law_of(each))))
    return made


def _law_of(model: Mapping[str, Any]) -> tuple[str, ...]:
    verdict = model.get("verdict")
    return (f"Its own curve {_KINDS.get(verdict['kind'], verdict['kind'])}.",) if isinstance(verdict, Mapping) else ()


def _share(found: Mapping[str, Any]) -> str:
    factor = float(found["factor"])
    return "half" if factor == 0.5 else f"{100 * factor:.4g} %"


def _interval(reach: Mapping[str, Any]) -> str:
    low, high = real(reach["low"]), real(reach["high"])
    level = f"{100 * float(reach['level']):g} %: "
    if np.isfinite(high):
        return f"{level}{whole(low)} to {whole(high)}" if low > 0 else f"{level}at most {whole(high)}"
    return f"{level}{whole(low)} or more" if low > 0 else f"{level}any lag"


def reach_section(found: Mapping[str, Any], k: int) -> Section:
    """Data and models side by side: a table, their curves, their ratios."""
    data = str(found["data"]["label"]) or "the data"
    models = list(found["models"])
    identity = f"reach-{k}"
    lead = [f"Reach is the largest lag up to which a model keeps {_share(found)} of the mutual information of {data}."]
    if found["data"].get("law"):
        lead.append(f"Of the data themselves: {found['data']['law']}.")
    figures = (_curves_figure(data, models, f"{identity}-curves"), _ratio_figure(data, found, f"{identity}-ratio"))
    return Section(
        identity,
        f"Reach: models against {data}",
        tuple(lead),
        figures,
        overview=(_reach_table(data, models, identity),),
    )


def _reach_table(data: str, models: Results, identity: str) -> Table:
    lags = [real(each["reach"]["lag"]) for each in models]
    parameters = [each.get("parameters") for each in models]
    verdicts = [each.get("verdict") or {} for each in models]
    horizons = [each.get("horizon") for each in models]
    columns = (
        text_column("model", [each["label"] for each in models]),
        number_column("parameters", parameters, ["–" if each is None else whole(each) for each in parameters]),
        number_column("horizon", horizons, ["–" if each is None else whole(each) for each in horizons]),
        text_column("bound", [each["reach"]["bound"] for each in models]),
        number_column("reach", charts.plain(lags), [whole(each) for each in lags]),
        text_column("interval", [_interval(each["reach"]) for each in models]),
        text_column("law of its curve", [each.get("kind", "–") for each in verdicts]),
    )
    return Table(identity, f"Reach of each model in {data}, in symbols", columns)


def _curves_figure(data: str, models: Results, identity: str) -> Figure:
    series, rows = [], []
    first = models[0]["reach"]["curves"]
    unit = str(models[0]["reach"]["unit"])
    sides = [(data, first, "data"), *((str(each["label"]), each["reach"]["curves"], "model") for each in models)]
    names = _unique([name for name, _, _ in sides])
    for i, (name, (_, columns, side)) in enumerate(zip(names, sides, strict=True)):
        lags, values, bars = (numbers(columns[key]) for key in ("lag", side, f"{side}_stderr"))
        bars = np.nan_to_num(bars)
        ends = (values - _T * bars, values + _T * bars)
        tips = {"95 % interval": [interval(*each) for each in zip(*ends, strict=True)]}
        series.append(charts.points(name, i, lags, values, ends, np.abs(values) > _T * bars, tips))
        rows += [(name, *each) for each in zip(lags, values, bars, strict=True)]
    values = np.array([row[2] for row in rows])
    chart = charts.xy_chart(
        ("lag (symbols)", f"mutual information{f' ({unit})' if unit else ''}"),
        series,
        bottom=lower_end(values, np.array([row[2] > 2 * row[3] for row in rows])),
    )
    columns_ = _columns(rows, ("curve", "lag", "value", "stderr"))
    table = Table(f"{identity}-numbers", "Curves of data and models, less their nulls", columns_)
    return Figure(
        identity,
        "Data and models",
        "Vertical lines are 95 % intervals; hollow markers lie within them of zero, triangles on the lower edge below.",
        chart,
        table,
    )


def _columns(rows: Sequence[tuple[Any, ...]], heads: Sequence[str]) -> tuple[Any, ...]:
    """Rows of a name and numbers as columns."""
    made = [text_column(heads[0], [row[0] for row in rows])]
    for k, head in enumerate(heads[1:], start=1):
        values = [float(row[k]) for row in rows]
        words = [whole(each) if head == "lag" else number(each) for each in values]
        made.append(number_column(head, charts.plain(values), words))
    return tuple(made)


def _ratio_figure(data: str, found: Mapping[str, Any], identity: str) -> Figure:
    models = found["models"]
    series, rows, spans = [], [], []
    names = _unique([str(each["label"]) for each in models])
    for i, (name, each) in enumerate(zip(names, models, strict=True), start=1):
        columns = each["reach"]["curves"]
        lags, ratio, bars, smoothed = (numbers(columns[key]) for key in ("lag", "ratio", "ratio_stderr", "smoothed"))
        bars = np.nan_to_num(bars)
        used = np.array([bool(value) for value in columns["used"]])
        ends = (ratio - _T * bars, ratio + _T * bars)
        tips = {"95 % interval": [interval(*pair) for pair in zip(*ends, strict=True)]}
        series.append(
            charts.points(
                name,
                i,
                lags[used],
                ratio[used],
                tuple(end[used] for end in ends),
                None,
                {"95 % interval": [words for words, kept in zip(tips["95 % interval"], used, strict=True) if kept]},
            )
        )
        series.append(charts.line(f"{name}, smoothed", i, lags, smoothed, "solid", of=name))
        rows += [(name, *row) for row in zip(lags, ratio, bars, smoothed, strict=True)]
        low, high = real(each["reach"]["low"]), real(each["reach"]["high"])
        if len(models) == 1 and low > 0 and np.isfinite(high):
            spans.append((low, high, "interval of the reach"))
    chart = charts.xy_chart(
        ("lag (symbols)", f"model over {data}"),
        series,
        scales=("log-lin", "lin-lin", "log-log"),
        rules=[(float(found["factor"]), f"{_share(found)} of the data"), (1.0, "as the data")],
        spans=spans,
    )
    table = Table(
        f"{identity}-numbers",
        "Ratio of model and data at each lag",
        _columns(rows, ("model", "lag", "ratio", "stderr", "smoothed")),
    )
    return Figure(
        identity,
        "Share of the data's dependence that models keep",
        "Lines are the ratio as a curve that does not rise; where it falls below the lower rule is the reach. Lags at "
        "which the data themselves say too little are left out.",
        chart,
        table,
    )


def _unique(names: list[str]) -> list[str]:
    from miscope.report.curves import unique

    return unique(names)


def spectrum_finding(found: Mapping[str, Any]) -> Finding:
    """What the modes of a model's dynamics say."""
    length, low, high = (real(found[key]) for key in ("correlation_length", "low", "high"))
    end = "or more" if not np.isfinite(high) else f"to {number(high, 3)}"
    words = (
        f"The slowest mode of its own dynamics foretells a correlation length of {number(length, 3)} symbols "
        f"(95 %: {number(low, 3)} {end})."
    )
    return Finding(str(found["label"]), f"correlation length {number(length, 3)}", (words,))


def spectrum_section(found: Mapping[str, Any], k: int) -> Section:
    """Modes: how fast each falls, and how much of it outputs show."""
    moduli, amplitudes = numbers(found["eigenvalue_moduli"]), numbers(found["amplitudes"])
    visible = np.array([bool(value) for value in found["visible"]])
    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = -1 / (2 * np.log(moduli))
    lengths = np.where((moduli > 0) & (moduli < 1), lengths, np.nan)
    label = str(found["label"])
    identity = f"spectrum-{k}"
    kept = np.isfinite(lengths) & (amplitudes > 0)
    tips = {"seen in outputs": ["yes" if each else "no" for each in visible[kept]]}
    chart = charts.xy_chart(
        ("correlation length of the mode (symbols)", "amplitude in outputs"),
        [charts.points("modes", 0, lengths[kept], amplitudes[kept], None, visible[kept], tips)],
        scales=("log-log", "lin-log"),
    )
    columns = (
        number_column("modulus", charts.plain(moduli), [number(each, 5) for each in moduli]),
        number_column("correlation length", charts.plain(lengths), [number(each) for each in lengths]),
        number_column("amplitude", charts.plain(amplitudes), [number(each, 3) for each in amplitudes]),
        text_column("seen in outputs", ["yes" if each else "no" for each in visible]),
    )
    reading = (
        "Each marker is a mode; filled ones stand above their error in the outputs. The one farthest right decides."
    )
    figure = Figure(
        f"{identity}-modes",
        f"Modes of {label}",
        reading,
        chart,
        Table(f"{identity}-numbers", f"Modes of {label}", columns),
    )
    driven = real(found["driven_exponent"])
    lead = spectrum_finding(found).sentences
    if np.isfinite(driven) and driven < 0:
        lead += (f"Driven by given symbols it forgets with length {number(-1 / driven)}, which is not the same.",)
    return Section(identity, f"Spectrum of {label}", lead, (figure,))


def coupling_section(found: Mapping[str, Any], k: int) -> Section:
    """How much the next symbol depends on the one k steps back."""
    lags, values, bars = (numbers(found[key]) for key in ("lags", "values", "stderr"))
    label = str(found["label"])
    identity = f"couplings-{k}"
    ends = (values - _T * bars, values + _T * bars)
    tips = {"95 % interval": [interval(*each) for each in zip(*ends, strict=True)]}
    series = [charts.points(label, 0, lags, values, ends, np.abs(values) > _T * bars, tips)]
    chart = charts.xy_chart(
        ("lag (symbols)", "change of the next symbol's log-odds (nats)"),
        series,
        scales=("log-lin", "log-log", "lin-lin"),
    )
    rows = [(label, *each) for each in zip(lags, values, bars, strict=True)]
    table = Table(
        f"{identity}-{slug(label)}", f"Couplings of {label}", _columns(rows, ("model", "lag", "coupling", "stderr"))
    )
    lead = (
        "How much the law of the next symbol changes when the symbol so many steps back does, everything else as it "
        f"is; over {whole(float(found['n_contexts']))} contexts of {whole(float(found['context']))} symbols.",
    )
    reading = "Vertical lines are 95 % intervals; hollow markers lie within them of zero."
    return Section(
        identity, f"Couplings of {label}", lead, (Figure(f"{identity}-figure", label, reading, chart, table),)
    )
