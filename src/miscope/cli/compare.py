"""`miscope compare`: how far models keep the dependence of data; and whether two curves differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miscope.cli.common import as_options, check_output, guarded, note, progress_bar, say
from miscope.cli.curves import FIGURES, check_names, fit_named, names_curve, read_any
from miscope.cli.files import Reading, spelt, takes_files
from miscope.cli.fit import plain_comparison
from miscope.cli.models import is_other_file
from miscope.cli.sources import Quantiles
from miscope.errors import InputError, choice

if TYPE_CHECKING:
    from miscope.decay import DecayFit

__all__ = ["compare"]

_PARAMETERS = ("auto", "correlation_length", "exponent")
_FACTOR, _DOCUMENTS = 0.5, 1024


@guarded
@takes_files
def compare(
    reading: Reading,
    first: Annotated[
        str,
        typer.Argument(
            metavar="DATA|CURVE_OR_FIT",
            help="What models are compared with: a curve (.json, .parquet), a file to measure, or a process such as "
            "power-law-binary:amplitude=0.1,exponent=0.4. Or a curve or fit, to compare with another.",
            show_default=False,
        ),
    ],
    others: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL|CURVE_OR_FIT...",
            help="Models (as for miscope probe), or curves that were probed before.",
            show_default=False,
        ),
    ],
    reach: Annotated[
        bool, typer.Option("--reach", help="Take two curves as those of data and of a model, too.")
    ] = False,
    factor: Annotated[
        float | None,
        typer.Option(
            help="The share of the data's dependence that models are to keep. Default: 0.5.", show_default=False
        ),
    ] = None,
    lags: Annotated[
        str | None,
        typer.Option(
            help="As for miscope measure. Default: those of the data's curve; else log-spaced to a quarter of the "
            "documents that are drawn, or to a model's horizon.",
            show_default=False,
        ),
    ] = None,
    n_documents: Annotated[
        int | None, typer.Option(help="Documents to draw from each model. Default: 1024.", show_default=False)
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(help="Symbols in each, or as many as the model can read. Default: 4096.", show_default=False),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="For all that is drawn. Default: 0.", show_default=False)] = None,
    documents: Annotated[
        str | None,
        typer.Option(
            help="What a document of text is: file, line, blank-line, or none (all one). Default: file. A number is "
            "that of documents to draw, as with --n-documents.",
            show_default=False,
        ),
    ] = None,
    quantiles: Quantiles = None,
    parameter: Annotated[
        str | None,
        typer.Option(
            help="Of two curves: auto (what both verdicts speak of), correlation_length or exponent. Default: auto.",
            show_default=False,
        ),
    ] = None,
    paired: Annotated[
        bool, typer.Option("--paired", help="Two curves are of the same data, cut into the same blocks.")
    ] = False,
    level: Annotated[float, typer.Option(help="Confidence level of intervals.")] = 0.95,
    device: Annotated[
        str | None, typer.Option(help="Where models compute, such as cuda. Default: the CPU.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write all results of models: .json.", show_default=False)
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw the curves of data and models, and their ratios: .png, .svg or .pdf.", show_default=False
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Up to which distance models keep the dependence of their data; or whether two curves differ.

    With models: the reach of each, the largest lag up to which it keeps a share of the data's mutual information, with
    an interval, and the law that its curve follows. With two curves or fits: the ratio of their correlation lengths, or
    exponents, with an interval.

    For example:

      miscope compare book.txt lstm.safetensors transformer.safetensors --plot reach.png

      miscope compare power-law-binary:amplitude=0.1,exponent=0.4 gru.safetensors --length 16384 -o results.json

      miscope compare curve.json gru-curve.json --reach --factor 0.9

      miscope compare one.json other.json

      miscope compare words.json letters.json --parameter exponent --paired
    """
    if not 0 < level < 1:
        raise InputError(f"--level lies between 0 and 1 (such as 0.95), not at {level:g}")
    if factor is not None and not factor > 0:
        raise InputError(f"--factor is a share above 0 (such as 0.5), not {factor:g}")
    check_names([first, *others])
    if documents is not None and documents.isdecimal():
        if n_documents is not None:
            raise InputError("--documents and --n-documents both say how many to draw: leave one of them out")
        n_documents, documents = int(documents), None
    of_files = reading if documents is None else {**reading, "documents": documents}
    of_reach: dict[str, Any] = {
        "factor": factor,
        "lags": lags,
        "n_documents": n_documents,
        "length": length,
        "seed": seed,
    }
    of_reach |= {"quantiles": quantiles, "device": device, "output": output, "plot": plot}
    given = [name for name, value in {**of_reach, **of_files}.items() if value is not None]
    if len(others) == 1 and not reach and names_curve(first) and names_curve(others[0]):
        _refuse(
            given, "two curves are compared by their laws; to compare them as those of data and of a model: --reach"
        )
        _compare_laws(first, others[0], parameter or "auto", paired, level, json, quiet)
        return
    _refuse_corpora(first, others)
    _refuse([*(["parameter"] if parameter else []), *(["paired"] if paired else [])], "it is for two curves or fits")
    check_output(output, [first, *others], (".json",))
    check_output(plot, [first, *others], FIGURES)
    from miscope.cli.reaches import Asked, as_json, compare_reaches, table

    asked = Asked(
        factor=_FACTOR if factor is None else factor,
        level=level,
        lags=lags,
        quantiles=quantiles,
        of_files=of_files,
        n_documents=_DOCUMENTS if n_documents is None else n_documents,
        length=length,
        seed=seed or 0,
        device=device,
        quiet=quiet,
    )
    with as_options():
        found = compare_reaches(first, others, asked)
    if output is not None:
        from miscope.atomic import atomic_path

        with atomic_path(output) as temporary:
            temporary.write_text(as_json(found) + "\n", encoding="utf-8", errors="backslashreplace")
    if plot is not None:
        from miscope.figures.models import plot_reach

        plot_reach([each.reach for each in found.models], plot)
    say(as_json(found) if json else table(found))
    if not quiet:
        _tell(found, output, plot)


def _refuse(names: list[str], why: str) -> None:
    if names:
        options = ", ".join(map(spelt, names))
        raise InputError(f"{options} cannot be used here: {why}")


def _refuse_corpora(first: str, others: list[str]) -> None:
    """Refuse what is no model where models are named: another corpus, most likely."""
    name = next((name for name in others if not names_curve(name) and is_other_file(name)), None)
    if name is not None:
        raise InputError(
            f"{name} is no model: compare takes data and then models (.safetensors, folders, hub:NAME), or saved "
            f"curves (.json, .parquet); for two corpora, measure each of them, miscope measure {name} -o one.json, and "
            f"compare the curves, or ask whether they are alike, miscope uniformity {first} {name}"
        )


def _compare_laws(first: str, second: str, parameter: str, paired: bool, level: float, json: bool, quiet: bool) -> None:
    """The ratio of a parameter of two curves or fits."""
    from miscope.decay import DecayFit
    from miscope.decay import compare as compare_fits

    choice(parameter, _PARAMETERS, "--parameter")
    names = [first, second]
    read = [read_any(name) for name in names]
    one, other = (
        each if isinstance(each, DecayFit) else _fitted(name, each, quiet)
        for name, each in zip(names, read, strict=True)
    )
    if parameter == "auto":
        _refuse_other_verdicts(one, other)
    found = compare_fits(one, other, parameter, paired=paired, level=level)
    if json:
        import json as json_format

        say(json_format.dumps(plain_comparison(found), allow_nan=False))
    else:
        say(str(found))


def _fitted(name: str, source: Any, quiet: bool) -> DecayFit:
    with progress_bar(f"fitting {name}", "steps", quiet) as progress:
        return fit_named(name, source, "all", None, "auto", progress)


def _refuse_other_verdicts(one: DecayFit, other: DecayFit) -> None:
    """Ask for the parameter where the verdicts do not name it."""
    kinds = [each.verdict.kind for each in (one, other)]
    if kinds[0] == kinds[1] and kinds[0] in ("exponential", "power law"):
        return
    raise InputError(
        f'the verdicts on these curves are "{kinds[0]}" and "{kinds[1]}", and do not say which parameter to compare: '
        "if both curves may follow power laws, --parameter exponent compares those; if both may be exponentials, "
        "--parameter correlation_length"
    )


def _tell(found: Any, output: Path | None, plot: Path | None) -> None:
    """What a reader has to know besides, and what was written."""
    for each in found.models:
        for warning in each.reach.warnings:
            note(f"warning: {each.reach.labels[1]}: {warning}")
    for path in (output, plot):
        if path is not None:
            note(f"wrote {path}")
