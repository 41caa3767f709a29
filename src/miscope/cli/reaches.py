"""What `miscope compare` does with models: data and each of them side by side."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from miscope.cli.common import aligned, finite, note, progress_bar
from miscope.cli.curves import names_curve, read_any
from miscope.cli.files import Reading, spelt
from miscope.cli.models import in_alphabet, n_parameters, names_model, need_torch, open_model
from miscope.cli.models import text_options as options_of_training
from miscope.cli.sources import QUANTILES, make_process, read_files
from miscope.errors import InputError
from miscope.formats import marked

if TYPE_CHECKING:
    import numpy as np

    from miscope.curve import MICurve
    from miscope.decay import DecayFit
    from miscope.probing import Reach
    from miscope.processes import Process

__all__ = ["Asked", "Compared", "Results", "as_json", "compare_reaches", "table"]

_LENGTH = 4096
_MOST = 10_000  # lag, where nobody says
_LONGEST = 1 << 62


@dataclasses.dataclass(frozen=True)
class Asked:
    """The options of the command."""

    factor: float
    level: float
    lags: str | None
    quantiles: int | None
    of_files: Reading
    n_documents: int
    length: int | None
    seed: int
    device: str | None
    quiet: bool


class Compared(NamedTuple):
    """One model beside the data."""

    name: str  # on the command line
    parameters: int | None
    horizon: int | None
    reach: Reach
    fit: DecayFit | None


class Results(NamedTuple):
    """What `miscope compare` found."""

    label: str
    law: str  # of the data, in a word or two
    models: list[Compared]


class _Model(NamedTuple):
    """A model, or a curve of one."""

    name: str
    model: Any
    curve: MICurve | None

    @property
    def label(self) -> str:
        from miscope.models.base import label_of

        return self.curve.label if self.curve is not None else label_of(self.model)


def compare_reaches(data: str, models: list[str], asked: Asked) -> Results:
    """The reach of each model in these data.

    Parameters
    ----------
    data
        Name of a curve, of a file to measure, or of a process.
    models
        Names of models, or of curves of models.
    asked
        How.
    """
    need_torch("comparing models with data")
    from miscope.probing import reach

    if names_model(data):
        raise InputError(
            f"the data come first, then the models, and {data} is a model: to compare others with it, probe it, "
            f"miscope probe {data} -o curve.json"
        )
    opened = [_opened(name, asked) for name in models]
    source = _source(data, opened, asked)
    lags = _lags(source, opened, asked)
    seen = source if not hasattr(source, "n_documents") else _measured(source, lags, asked)
    curves = [each.curve if each.curve is not None else _probed(each, lags, asked) for each in opened]
    names = _labels(opened)
    found = []
    for each, curve, label in zip(opened, curves, names, strict=True):
        named = dataclasses.replace(curve, label=label)
        wanted = None if asked.lags is None else [int(lag) for lag in lags]
        try:
            made = reach(seen, named, asked.factor, asked.level, asked.seed, lags=wanted)
        except InputError as error:
            raise InputError(f"{each.name}: {error}") from None
        parameters, horizon = (None, None) if each.model is None else (n_parameters(each.model), each.model.horizon)
        found.append(Compared(each.name, parameters, horizon, made, _fit(named, asked.quiet)))
    return Results(seen.label or data, _law_of(seen, asked.quiet), found)


def _opened(name: str, asked: Asked) -> _Model:
    if not names_curve(name) or names_model(name):
        return _Model(name, open_model(name, asked.device), None)
    return _Model(name, None, _curve(name))


def _curve(name: str) -> MICurve:
    from miscope.curve import MICurve

    found = read_any(name)
    if not isinstance(found, MICurve):
        raise InputError(f"{name} is no curve: a reach takes those that miscope measure -o and miscope probe -o write")
    return found


def _source(data: str, models: list[_Model], asked: Asked) -> Any:
    """The data: a curve, a process, `Sequences` or a `Series`, of symbols that all models know."""
    from miscope.processes.naming import PROCESSES, kebab

    if names_curve(data) and "column" not in asked.of_files:  # a table with columns to choose from is no curve
        _refuse_reading(data, asked)
        return _curve(data)
    live = [each.model for each in models if each.model is not None]
    if kebab(data.partition(":")[0]) in PROCESSES and not Path(data).is_file():
        _refuse_reading(data, asked, of_numbers=True)
        source: Any = make_process(data)
    else:
        source = read_files([data], _text_options(data, live, asked), None, asked.quiet)
    source = _in_symbols(source, live, asked.quantiles)
    for model in live:
        _check_symbols(data, source, model, asked.quiet)
    return source


def _refuse_reading(data: str, asked: Asked, of_numbers: bool = False) -> None:
    names = [*asked.of_files, *(["quantiles"] if asked.quantiles is not None and not of_numbers else [])]
    if names:
        options = ", ".join(map(spelt, names))
        raise InputError(f"{options} cannot be used with {data}, only with files that are measured")


def _text_options(data: str, models: list[Any], asked: Asked) -> dict[str, Any]:
    """How to read text: as it is asked for, and for the rest as what the models were trained on."""
    from miscope.sequences.reading import holds_arrays

    if holds_arrays(data):
        return asked.of_files
    found: dict[str, Any] = {}
    for model in models:
        for name, value in options_of_training(model).items():
            if found.setdefault(name, value) != value and name not in asked.of_files:
                raise InputError(
                    f"the models were trained on text of different units ({found[name]} and {value}): compare them one "
                    "by one"
                )
    return found | asked.of_files


def _in_symbols(source: Any, models: list[Any], n_quantiles: int | None) -> Any:
    """Real numbers as the models take them: as they are, or cut into as many symbols as they have."""
    if not hasattr(source, "n_channels"):
        if n_quantiles is not None:
            raise InputError("--quantiles is for real numbers, and the data are symbols already: leave it out")
        return source
    sizes = {getattr(model, "alphabet_size", None) for model in models}
    if sizes == {None} or (not sizes and n_quantiles is None):
        if n_quantiles is not None:
            raise InputError("the model takes numbers as they are: leave --quantiles out")
        return source
    if len(sizes) > 1 and n_quantiles is None:
        raise InputError(
            "the models have different numbers of symbols, or are of numbers: compare them one by one with these data"
        )
    n = n_quantiles if n_quantiles is not None else next(iter(sizes), QUANTILES)
    return source.quantised(n) if hasattr(source, "quantised") else source.quantise(n)


def _check_symbols(name: str, source: Any, model: Any, quiet: bool) -> None:
    """Refuse data with symbols that a model does not know."""
    if hasattr(source, "n_channels") != hasattr(model, "n_channels"):
        kinds = ("real numbers", "symbols") if hasattr(source, "n_channels") else ("symbols", "real numbers")
        raise InputError(f"{name} has {kinds[0]}, and {model.label} draws {kinds[1]}")
    if hasattr(source, "n_channels"):
        if source.n_channels != model.n_channels:
            raise InputError(f"{name} has {source.n_channels} channels, and {model.label} draws {model.n_channels}")
        return
    if hasattr(source, "codes"):
        in_alphabet(model, source, name)
    else:
        from miscope.models.batches import recoding

        recoding(model, source)
    if source.alphabet_size != model.alphabet_size and not quiet:
        note(f"note: {name} has {source.alphabet_size:,} symbols, and {model.label} knows {model.alphabet_size:,}")


def _length_for(model: Any, asked: Asked) -> int:
    """Symbols in each document to draw from a model."""
    from miscope.processes.checking import whole_number

    longest = getattr(model, "longest", None)
    length = _LENGTH if asked.length is None else whole_number(asked.length, "length", 1)
    return length if longest is None else min(length, longest)


def _lags(source: Any, models: list[_Model], asked: Asked) -> np.ndarray:
    """Lags to ask data and models at, those that some of them do not have included."""
    import numpy as np

    from miscope.counting.lags import log_lags, parse_lags

    if asked.lags is not None:
        return parse_lags(asked.lags, _LONGEST)
    if hasattr(source, "lags"):
        return np.asarray(source.lags)
    ends = []
    for each in models:
        if each.model is not None:
            length = _length_for(each.model, asked)
            horizon = each.model.horizon
            ends.append(length // 4 if horizon is None else min(horizon, length - 1))
    lengths = getattr(source, "lengths", None)
    most = min([max(ends, default=_MOST), _MOST, *([] if lengths is None else [int(lengths.max()) // 4])])
    parts = [each.curve.lags for each in models if each.curve is not None]
    if ends or not parts:
        parts.append(log_lags(1, max(most, 1)))
    return np.unique(np.concatenate(parts))


def _measured(source: Any, lags: np.ndarray, asked: Asked) -> MICurve:
    """The curve of data at those lags that they have."""
    from miscope.curve import measure

    inside = lags[lags < int(source.lengths.max(initial=0))]
    with progress_bar("counting", "pairs", asked.quiet) as progress:
        estimator = "gaussian" if hasattr(source, "n_channels") else "miller_madow"
        curve = measure(source, inside if len(inside) else lags, estimator=estimator, progress=progress)
    if not asked.quiet:
        for warning in curve.warnings:
            note(f"warning: {curve.label}: {warning}")
    return curve


def _probed(each: _Model, lags: np.ndarray, asked: Asked) -> MICurve:
    """The curve of a model at those lags that its documents have."""
    from miscope.probing import probe

    length = _length_for(each.model, asked)
    inside = lags[lags < length]
    if not asked.quiet:
        if asked.length is not None and length < asked.length:
            note(f"note: {each.label} reads {length:,} symbols at most: its documents have as many")
        if len(inside) < len(lags):
            note(
                f"note: lags from {lags[len(inside)]:,} on are left out for {each.label}: its documents have {length:,}"
            )
    if len(inside) == 0:
        raise InputError(
            f"no lag is left for {each.name}, whose documents have {length:,} symbols: give smaller --lags"
        )
    with progress_bar(f"probing {each.label}", "symbols", asked.quiet) as progress:
        return probe(each.model, inside, asked.n_documents, length, asked.seed, progress=progress)


def _labels(models: list[_Model]) -> list[str]:
    """What to call each model: its label, and its file where that is not enough."""
    labels = [each.label for each in models]
    return [
        label if labels.count(label) == 1 else f"{label}, {Path(each.name).name}"
        for label, each in zip(labels, models, strict=True)
    ]


def _fit(curve: MICurve, quiet: bool) -> DecayFit | None:
    from miscope.decay import fit

    try:
        with progress_bar(f"fitting {curve.label}", "steps", quiet) as progress:
            return fit(curve, progress=progress)
    except InputError:  # too few lags
        return None


def _law_of(seen: MICurve | Process, quiet: bool) -> str:
    from miscope.processes import Process

    return str(seen.law or "not known") if isinstance(seen, Process) else _law_words(_fit(seen, quiet))


def _law_words(found: DecayFit | None) -> str:
    """The verdict of a fit, with its parameter."""
    if found is None:
        return "-"
    kind = found.verdict.kind
    if kind == "exponential":
        return f"exponential, length {found.correlation_length}"
    return f"power law, exponent {found.exponent}" if kind == "power law" else kind


def table(found: Results) -> str:
    """Results for people: a row for each model."""
    first = found.models[0].reach
    rows = [("", "parameters", "reach", f"{100 * first.level:g} %", "law"), (found.label, "", "", "", found.law)]
    for each in found.models:
        parameters = "-" if each.parameters is None else f"{each.parameters:,}"
        reached = f"{each.reach.bound} {_number(each.reach.lag)}".strip()
        rows.append((each.reach.labels[1], parameters, reached, each.reach.interval, _law_words(each.fit)))
    from miscope.probing.reach import share_words

    share = share_words(first.factor)
    last = f"reach: the largest lag up to which a model keeps {share} of the mutual information of {found.label}"
    return "\n".join([*aligned(rows, right=(1,)), last])


def _number(lag: float) -> str:
    return f"{lag:,.0f}" if lag >= 1000 or lag == round(lag) else f"{lag:.3g}"


def as_json(found: Results) -> str:
    """Results as JSON with its digest."""
    from miscope.digests import signed

    first = found.models[0].reach
    models = [
        {
            "model": each.name,
            "label": each.reach.labels[1],
            "parameters": each.parameters,
            "horizon": each.horizon,
            "verdict": None if each.fit is None else dataclasses.asdict(each.fit.verdict),
            "reach": each.reach.to_dict(),
        }
        for each in found.models
    ]
    body = {"data": {"label": found.label, "law": found.law}, "factor": first.factor, "level": first.level}
    return signed(finite(marked("reaches", {**body, "models": models})))
