"""`miscope probe`: how the mutual information of what a model draws falls with distance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from miscope.cli.common import (
    as_options,
    check_output,
    finite,
    guarded,
    in_options,
    note,
    print_curve,
    progress_bar,
    say,
)
from miscope.cli.curves import FIGURES, SCALES, WRITTEN
from miscope.cli.fit import check_number_of_lags, fit_measured
from miscope.cli.models import MODEL_HELP, need_torch, open_model, read_for
from miscope.cli.sources import Cluster, client_of, make_process
from miscope.errors import InputError, choice

if TYPE_CHECKING:
    import numpy as np

    from miscope.curve import MICurve
    from miscope.decay import DecayFit
    from miscope.figures import Truth
    from miscope.models.classes import SymbolClasses
    from miscope.probing import Couplings, Spectrum

__all__ = ["probe"]

_COUNTS = ("conditional", "hard")
_SPECTRUM_DOCUMENTS, _SPECTRUM_LENGTH = 256, 4096
_CLASSES_FROM = 1 << 16  # symbols that a model draws to see which are frequent
_LONGEST = 1 << 62


class _Found(NamedTuple):
    """All that was asked of a model; `missing` says why there is none of what could not be had beside the curve."""

    curve: MICurve
    exact: Truth | None
    fit: DecayFit | None
    spectrum: Spectrum | None
    couplings: Couplings | None
    missing: dict[str, str]


@guarded
def probe(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP, show_default=False)],
    lags: Annotated[
        str | None,
        typer.Option(
            help="As for miscope measure. Default: log-spaced to a quarter of the documents, or to the model's "
            "horizon.",
            show_default=False,
        ),
    ] = None,
    documents: Annotated[
        int, typer.Option("--documents", "--n-documents", help="Independent documents to draw.")
    ] = 1024,
    length: Annotated[
        int | None,
        typer.Option(help="Symbols in each. Default: 4096, or what the model can read.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="For all that is drawn.")] = 0,
    counts: Annotated[
        str,
        typer.Option(
            help="conditional: symbols against the law of later ones, which the model knows; hard: against the later "
            "symbols, as in data."
        ),
    ] = "conditional",
    discard: Annotated[
        int | None,
        typer.Option(
            help="Symbols at the start of each document that are left out. Default: an eighth, of a model with a "
            "horizon none.",
            show_default=False,
        ),
    ] = None,
    temperature: Annotated[float, typer.Option(help="What logarithms of probabilities are divided by.")] = 1.0,
    top_k: Annotated[
        int | None, typer.Option(help="Draw from so many most probable symbols only.", show_default=False)
    ] = None,
    slide: Annotated[
        int | None,
        typer.Option(
            help="With a context: so many of its oldest symbols are forgotten when it is full. Default: longer "
            "documents are refused.",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option(
            help="For large alphabets: merge symbols into so many classes, the most frequent each one of its own and "
            "one of all others. The curve is then a lower bound.",
            show_default=False,
        ),
    ] = None,
    classes_of: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to see which are frequent. Default: in a sample of the model's own.",
            show_default=False,
        ),
    ] = None,
    blocks: Annotated[int, typer.Option(help="Groups of documents that are left out in turn: bars.")] = 32,
    batch: Annotated[int | None, typer.Option(help="Documents drawn side by side.", show_default=False)] = None,
    cluster: Cluster = None,
    device: Annotated[
        str | None, typer.Option(help="Where to compute, such as cuda. Default: the CPU.", show_default=False)
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Name of the curve. Default: that of the model.", show_default=False)
    ] = None,
    fit: Annotated[
        bool, typer.Option("--fit", help="Fit laws of decay, and say which the curve follows; --plot draws the fit.")
    ] = False,
    spectrum: Annotated[
        bool,
        typer.Option(
            "--spectrum",
            help="Of a model with a state: its modes, the correlation length and the curve that they foretell; --plot "
            "draws that behind the points. (Of others: why there is none.)",
        ),
    ] = False,
    couplings: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Print effective couplings too: how the next symbol's log-odds change with the one k steps back, in "
            "contexts from this file, or process.",
            show_default=False,
        ),
    ] = None,
    bits: Annotated[bool, typer.Option("--bits", help="Report the curve in bits instead of nats.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write the curve: .json or .parquet; or its table: .csv or .tsv.", show_default=False
        ),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it: .png, .svg or .pdf.", show_default=False)] = None,
    scale: Annotated[str, typer.Option(help="Of the figure: log-log, lin-log, log-lin or lin-lin.")] = "log-log",
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print as JSON; with --fit, --spectrum or --couplings an object that has them, or says why not.",
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Measure how mutual information falls with distance in what a model draws.

    To compare models with data, or with one another: miscope compare DATA MODEL...

    For example:

      miscope probe model.safetensors --lags 1:2048 --length 8192 --plot curve.png

      miscope probe gru.safetensors --spectrum --plot curve.png --scale lin-log -o curve.json

      miscope probe hub:openai-community/gpt2 --classes 64 --documents 32 --length 512
    """
    choice(scale, SCALES, "scale")
    choice(counts, _COUNTS, "way to count")
    if plot is not None and fit and (spectrum or scale != SCALES[0]):
        raise InputError("--plot draws the fit with --fit: leave --fit out for --spectrum and --scale")
    if classes_of is not None and classes is None:
        raise InputError("say how many classes to make of the symbols: --classes N")
    inputs = [model, *([str(classes_of)] if classes_of is not None else [])]
    check_output(output, inputs, WRITTEN)
    check_output(plot, inputs, FIGURES)
    if fit and lags is not None:
        from miscope.counting.lags import parse_lags

        check_number_of_lags(len(parse_lags(lags, _LONGEST)))
    with as_options():
        need_torch("probing")
        opened = open_model(model, device)
        contexts = None if couplings is None else _contexts(opened, couplings, quiet)
        how: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "slide": slide, "batch": batch}
        merged = None if classes is None else _classes(opened, classes, classes_of, length, seed, how, quiet)
        how |= {"counts": counts, "classes": merged, "discard": discard, "blocks": blocks, "label": label}
        with client_of(cluster) as client:
            curve = _probe(opened, lags, documents, length, seed, how | {"cluster": client}, quiet)
        if bits:
            curve = curve.in_bits()
        beside: dict[str, Callable[[], Any]] = {}
        if fit:
            beside["fit"] = lambda: fit_measured(curve, quiet)
        if spectrum:
            beside["spectrum"] = lambda: _spectrum(opened, documents, length, seed, discard, quiet)
        if contexts is not None:
            beside["couplings"] = lambda: _couplings(opened, contexts, seed, quiet)
        found = _with_others(curve, _exact(opened), beside)
    _deliver(found, output, plot, scale, json, quiet)


def _with_others(curve: MICurve, exact: Truth | None, beside: dict[str, Callable[[], Any]]) -> _Found:
    """The curve with what else was asked for: it stays, whatever cannot be had of that."""
    had: dict[str, Any] = dict.fromkeys(("fit", "spectrum", "couplings"))
    missing = {}
    for name, find in beside.items():
        try:
            had[name] = find()
        except InputError as error:
            missing[name] = str(error)
    return _Found(curve, exact, **had, missing=missing)


def _probe(
    model: Any, lags: str | None, documents: int, length: int | None, seed: int, how: dict[str, Any], quiet: bool
) -> MICurve:
    from miscope.probing import probe as probe_model

    with progress_bar("probing", "symbols", quiet) as progress:
        return probe_model(model, lags, documents, length, seed, progress=progress, **how)


def _contexts(model: Any, data: str, quiet: bool) -> Any:
    """Where the contexts of couplings come from: a file, or a process."""
    from miscope.processes.naming import PROCESSES, kebab

    if kebab(data.partition(":")[0]) in PROCESSES and not Path(data).is_file():
        return make_process(data)
    return read_for(model, data, quiet)


def _classes(
    model: Any, n: int, file: Path | None, length: int | None, seed: int, how: dict[str, Any], quiet: bool
) -> SymbolClasses:
    """The most frequent symbols of a file, or of documents other than those that are probed."""
    from miscope.models import by_frequency, sample
    from miscope.models.sampling import checked_length
    from miscope.sequences import Series

    if file is not None:
        return by_frequency(read_for(model, str(file), quiet), n)
    length = checked_length(model, length, 0)
    n_documents = max(_CLASSES_FROM // length, 1)
    with progress_bar("seeing which symbols are frequent", "symbols", quiet) as progress:
        drawn = sample(model, n_documents, length, seed + 1, progress=progress, **how)
    if isinstance(drawn, Series):
        raise InputError("--classes are of symbols, and this model draws real numbers: leave it out")
    return by_frequency(drawn, n)


class _OwnCurve:
    """The curve of the process that a linear model draws."""

    def __init__(self, model: Any) -> None:
        self._process: Any = model.process()
        self.label: str = model.label

    def mutual_information(self, lags: Any) -> np.ndarray:
        """As the process says."""
        return self._process.mutual_information(lags)  # type: ignore[no-any-return]


def _exact(model: Any) -> Truth | None:
    """What knows a linear model's curve; None for other models."""
    if not hasattr(model, "n_channels"):
        return None
    try:
        return _OwnCurve(model)
    except InputError:  # not stable
        return None


def _spectrum(model: Any, documents: int, length: int | None, seed: int, discard: int | None, quiet: bool) -> Spectrum:
    from miscope.probing import spectrum

    documents, length = min(documents, _SPECTRUM_DOCUMENTS), _SPECTRUM_LENGTH if length is None else length
    with progress_bar("finding modes", "symbols", quiet) as progress:
        return spectrum(model, documents, length, seed, discard=discard, progress=progress)


def _couplings(model: Any, contexts: Any, seed: int, quiet: bool) -> Couplings:
    from miscope.probing import couplings

    with progress_bar("changing symbols", "contexts", quiet) as progress:
        return couplings(model, contexts, seed=seed, progress=progress)


def _deliver(found: _Found, output: Path | None, plot: Path | None, scale: str, json: bool, quiet: bool) -> None:
    """Write what was asked for, then print the result, then say what else there is to say."""
    curve = found.curve
    if output is not None:
        curve.save(output)
    if plot is not None:
        _draw(found, plot, scale)
    say(_as_json(found)) if json else _print(found)
    if quiet:
        return
    for warning in curve.warnings:
        note(f"warning: {in_options(warning)}")
    for path in (output, plot):
        if path is not None:
            note(f"wrote {path}")


def _draw(found: _Found, path: Path, scale: str) -> None:
    """The figure of the fit, or that of the curve with what is known, or foretold, of it."""
    from miscope.figures import plot

    if found.fit is not None:
        plot(found.fit, path)
    else:
        plot(found.curve, path, truth=found.exact if found.spectrum is None else found.spectrum, scale=scale)


def _beside(found: _Found) -> tuple[str, Any]:
    """What is known of the curve at its lags, and its name."""
    from miscope.figures import exact_values

    known, name = (found.exact, "exact") if found.exact is not None else (found.spectrum, "foretold")
    return name, None if known is None else exact_values(known, found.curve, found.curve.lags)


def _print(found: _Found) -> None:
    name, values = _beside(found)
    print_curve(found.curve, values, name)
    for each in (found.fit, found.spectrum, found.couplings):
        if each is not None:
            say(f"\n{in_options(str(each))}")
    for part, reason in found.missing.items():
        say(f"\nno {part}: {in_options(reason)}")


def _as_json(found: _Found) -> str:
    """The curve as its file has it, with what is known of it; other results beside it in one object."""
    import json

    from miscope.curve.storage import to_dict
    from miscope.decay.storage import to_json as fit_to_json
    from miscope.digests import signed

    name, values = _beside(found)
    curve = finite(to_dict(found.curve) | ({} if values is None else {name: values.tolist()}))
    parts = {
        "fit": None if found.fit is None else json.loads(fit_to_json(found.fit)),
        "spectrum": None if found.spectrum is None else found.spectrum.to_dict(),
        "couplings": None if found.couplings is None else found.couplings.to_dict(),
    }
    others: dict[str, Any] = {key: value for key, value in parts.items() if value is not None}
    if found.missing:
        others |= dict.fromkeys(found.missing) | {"missing": found.missing}
    return signed({"curve": json.loads(signed(curve)), **finite(others)} if others else curve)
