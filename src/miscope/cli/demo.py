"""`miscope demo`: the instrument at work on text and prices that are at hand, and on two networks, in one report."""

from __future__ import annotations

import importlib.util
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from miscope.cli.common import check_output, guarded, note, progress_bar, say
from miscope.errors import InputError

if TYPE_CHECKING:
    from miscope.curve import MICurve

__all__ = ["demo"]

_SHOWN = (1, 10, 100, 1000)
_AMPLITUDE, _EXPONENT = 0.1, 0.4  # of the power law that networks learn
_CONTEXT = 256
_NETWORKS = {  # class, arguments, steps of training, documents in a step, documents drawn, symbols in each
    "ElmanRNN": ({"width": 8}, 400, 64, 512, 4096),
    "Transformer": ({"width": 32, "depth": 2, "context": _CONTEXT}, 250, 16, 1024, _CONTEXT),
}
_TAKES = "about two minutes on two cores that are idle"
_SAMPLE, _QUICK_SAMPLE = (512, 4096), (64, 2048)  # documents of the power law, symbols in each, for its curve
_QUICK = (4, 16, 512)  # steps, documents and symbols of --quick, which shows that all works
_MISSING = {
    "arch": ("prices", 'pip install "miscope[study]"'),
    "torch": ("networks", 'pip install "miscope[models]"'),
    "jinja2": ("the report", 'pip install "miscope[report]"'),
}


@guarded
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where to write the results.")] = Path("miscope-demo"),
    quick: Annotated[
        bool, typer.Option("--quick", help="Networks that have hardly learnt anything, which is sooner done.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Measure text and prices, train two networks and see how far they remember, and show it all in one report.

    The text is the documentation of Python's standard library, the prices are those of the S&P 500 that come with the
    package arch; an RNN and a Transformer learn a power law. What needs a package that is not installed is left out.
    It takes about two minutes on two cores that are idle, most of them for the networks.

    Example: miscope demo --folder results
    """
    from miscope.figures import plot

    if folder.exists() and not folder.is_dir():
        raise InputError(f"cannot write into {folder}: it is a file; name a folder")
    if not folder.exists():
        check_output(folder, [])
    started = time.perf_counter()
    folder.mkdir(exist_ok=True)
    if not quiet:
        note(f"this takes {'less than ' if quick else ''}{_TAKES}; results go to {folder}")
    there = {name for name in _MISSING if importlib.util.find_spec(name) is not None}
    texts = [_measure(unit, quiet) for unit in ("character", "word")]
    figure = folder / "mutual-information.png"
    plot(texts, figure, title="Documentation of Python's standard library")
    written = _kept(texts, folder, quiet)
    for curve in texts:
        say(_summary(curve))
    if "arch" in there:
        _step("measuring prices", quiet)
        prices = _prices()
        written += _kept(prices, folder, quiet)
        say(_summary_of_prices(prices))
    if "torch" in there:
        written += _networks(folder, quick, quiet)
    page = _page(written, folder, quiet) if "jinja2" in there else None
    if not quiet:
        for name in sorted(_MISSING.keys() - there):
            note(f"left out: {_MISSING[name][0]}, for want of {name}; {_MISSING[name][1]}")
        note(_farewell(page or figure, folder, time.perf_counter() - started))


def _step(what: str, quiet: bool) -> None:
    """Say what is done now, where no bar shows it."""
    if not quiet and sys.stderr is not None and not sys.stderr.isatty():
        note(f"{what} …")


def _measure(unit: str, quiet: bool) -> MICurve:
    from miscope.curve import measure
    from miscope.sequences import builtin_corpus

    _step(f"reading and counting {unit}s", quiet)
    with progress_bar(f"reading {unit}s", "files", quiet) as progress:
        corpus = builtin_corpus(unit, progress=progress)
    with progress_bar(f"counting {unit}s", "pairs", quiet) as progress:
        return measure(corpus, "1:10000", null="document", label=f"{unit}s", progress=progress)


def _kept(curves: list[MICurve], folder: Path, quiet: bool) -> list[Path]:
    """Curves and their fits, as files."""
    from miscope.decay import fit

    written = []
    _step(f"fitting laws to {' and '.join(curve.label for curve in curves)}", quiet)
    with progress_bar("fitting", "curves", quiet) as progress:
        for k, curve in enumerate(curves):
            stem = curve.label.replace(" ", "-")
            paths = [folder / f"{stem}.json", folder / f"{stem}-fit.json"]
            curve.save(paths[0])
            fit(curve).save(paths[1])
            written += paths
            if progress is not None:
                progress(k + 1, len(curves))
    return written


def _prices() -> list[MICurve]:
    """Curves of the signs and of the sizes of daily returns."""
    from miscope.curve import measure
    from miscope.sequences.builtin import builtin_prices

    kinds = {"signs of returns": "returns:sign", "sizes of returns": "returns:volatility:4"}
    return [measure(builtin_prices(conversion), "1:500", label=name) for name, conversion in kinds.items()]


def _networks(folder: Path, quick: bool, quiet: bool) -> list[Path]:
    """Train both on a power law, probe them, and write their curves, its own, and how far each keeps it."""
    from miscope.atomic import atomic_path
    from miscope.cli.reaches import Compared, Results, as_json, table
    from miscope.curve import measure
    from miscope.decay import fit
    from miscope.models import naming, train
    from miscope.probing import probe, reach
    from miscope.processes import PowerLawBinary

    truth = PowerLawBinary(_AMPLITUDE, _EXPONENT)
    written = [folder / "power-law.json"]
    _step("measuring the power law that they learn", quiet)
    measure(truth.sample(*(_QUICK_SAMPLE if quick else _SAMPLE)), "1:1000", label=truth.label).save(written[0])
    found = []
    for kind, (arguments, steps, batch, documents, length) in _NETWORKS.items():
        if quick:
            steps, documents, length = (
                min(each, most) for each, most in zip((steps, documents, length), _QUICK, strict=True)
            )
        network = naming.make(kind, 2, arguments)
        _step(f"training {network.label}, {steps} steps", quiet)
        with progress_bar(f"training {network.label}", "steps", quiet) as progress:
            model = train(network, truth, steps=steps, batch=batch, length=_CONTEXT, seed=0, progress=progress)
        model.save(folder / f"{kind.lower()}.safetensors")
        _step(f"probing {network.label}", quiet)
        with progress_bar(f"probing {network.label}", "symbols", quiet) as progress:
            lags = f"1:{min(length - 1, 1000)}"
            curve = probe(model, lags, documents, length, seed=1, label=network.label, progress=progress)
        written.append(folder / f"{kind.lower()}.json")
        curve.save(written[-1])
        _step(f"fitting laws to {network.label}, and comparing it with the power law", quiet)
        found.append(Compared(kind.lower(), model.n_parameters, model.horizon, reach(truth, curve), fit(curve)))
    results = Results(truth.label, "power law", found)
    written.append(folder / "networks.json")
    with atomic_path(written[-1]) as temporary:
        temporary.write_text(as_json(results) + "\n", encoding="utf-8")
    say(table(results))
    return written


def _page(written: list[Path], folder: Path, quiet: bool) -> Path:
    from miscope.report import report

    _step("making the report", quiet)
    with progress_bar("fitting", "curves", quiet) as progress:
        return report(
            written,
            folder / "report.html",
            title="miscope at work: text, prices, and two networks",
            progress=progress,
        )


def _summary(curve: MICurve) -> str:
    """The curve in a few lines: values with intervals, and what they are made of."""
    about = curve.provenance
    lines = [
        f"{curve.label}: {about['n_symbols']:,} symbols of {about['n_symbols_seen']:,} kinds in "
        f"{about['n_documents']:,} documents (one a module)",
        "     lag   mutual information (nats)   = chance + composition + order",
    ]
    low, high = curve.interval(excess=True)
    parts = curve.split()
    for i, lag in enumerate(curve.lags):
        if lag in _SHOWN:
            lines.append(
                f"{lag:8d}   {curve.mi[i]:10.5f}                  = {parts.chance[i]:8.5f} + "
                f"{parts.composition[i]:8.5f} + {parts.sequential[i]:8.5f}  (95 %: {low[i]:.5f} to {high[i]:.5f})"
            )
    seen = curve.lags[curve.significant()]
    reach = f"up to lag {seen.max():,}" if len(seen) else "at no lag"
    lines.append(f"     order is seen {reach} (false discovery rate 5 %)")
    return "\n".join([*lines, *(f"     warning: {_in_options(text)}" for text in curve.warnings), ""])


def _in_options(text: str) -> str:
    """Advice about measuring, as the command line says it.

    >>> _in_options('compare with null="rotate", or take bounds, estimator="bracket"')
    'compare with --null rotate, or take bounds, --estimator bracket'
    """
    return re.sub(r'\b(null|estimator)="(\w+)"', r"--\1 \2", text)


def _summary_of_prices(curves: list[MICurve]) -> str:
    lines = [f"S&P 500: {curves[0].provenance['n_symbols']:,} daily returns"]
    for curve in curves:
        seen = curve.lags[curve.significant()]
        reach = f"up to lag {seen.max():,} (days)" if len(seen) else "at no lag"
        lines.append(f"     {curve.label}: dependence is seen {reach} (false discovery rate 5 %)")
    return "\n".join([*lines, ""])


def _farewell(page: Path, folder: Path, seconds: float) -> str:
    return f"""\
done in {seconds:.0f} s. Open
  {page}    in a browser
In {folder} are also the curves and fits with all their numbers, and the networks.
Next, on a file of your own:
  miscope measure yourfile.txt --unit word --plot curve.png
  miscope measure --help"""
