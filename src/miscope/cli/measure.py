"""`miscope measure`: from files to a curve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miscope.cli.common import check_output, guarded, note, print_curve, progress_bar, say
from miscope.errors import InputError, choice

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.sequences import Sequences

__all__ = ["measure"]

_CURVES = (".json", ".parquet")
_FIGURES = (".png", ".svg", ".pdf")
_SCALES = ("log-log", "lin-log", "log-lin", "lin-lin")


@guarded
def measure(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Text (also .gz, .xz, .zst; globs; - for standard input), .npy of whole numbers, or an Arrow file of "
            "miscope. Several files make one corpus.",
            show_default=False,
        ),
    ],
    unit: Annotated[
        str | None,
        typer.Option(
            help="What a symbol of text is: byte, character, word, or token (split at white space only). "
            "Default: character.",
            show_default=False,
        ),
    ] = None,
    documents: Annotated[
        str | None,
        typer.Option(
            help="What a document is: file, line, blank-line, or none (all one). No pair of symbols crosses a "
            "document's end. Default: file.",
            show_default=False,
        ),
    ] = None,
    separator: Annotated[
        str | None, typer.Option(help="Text that separates documents, instead of --documents.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of the text. Default: utf-8.", show_default=False)
    ] = None,
    fold_case: Annotated[bool, typer.Option("--fold-case", help="Take capital and small letters as the same.")] = False,
    lags: Annotated[
        str | None,
        typer.Option(
            help="1:10000 (log-spaced), 1:10000:50 (50 of them), all:512, or 1,2,5. Default: log-spaced to a "
            "quarter of the longest document, 10000 at most.",
            show_default=False,
        ),
    ] = None,
    estimator: Annotated[
        str, typer.Option(help="plug_in, miller_madow, grassberger, chao_shen, shrinkage, zhang or nsb.")
    ] = "miller_madow",
    null: Annotated[
        str,
        typer.Option(
            help="What to compare with: global (chance), document (chance and the documents' different "
            "compositions), rotate, or none."
        ),
    ] = "global",
    blocks: Annotated[int, typer.Option(help="Blocks of the jackknife that gives the bars; 0 for no bars.")] = 32,
    method: Annotated[
        str, typer.Option(help="How to count: auto, dense, bits or sparse; the result is the same.")
    ] = "auto",
    quantity: Annotated[
        str, typer.Option(help="mutual_information, rational (Lin and Tegmark) or correlation (operator norm).")
    ] = "mutual_information",
    correct_bias: Annotated[
        bool, typer.Option("--correct-bias", help="Take the jackknife's bias-corrected estimate.")
    ] = False,
    bits: Annotated[bool, typer.Option("--bits", help="Report in bits instead of nats.")] = False,
    seed: Annotated[int, typer.Option(help="For nulls that are drawn.")] = 0,
    surrogates: Annotated[int, typer.Option(help="How many surrogates to draw for such nulls.")] = 4,
    threads: Annotated[int | None, typer.Option(help="Default: all cores.", show_default=False)] = None,
    label: Annotated[
        str | None, typer.Option(help="Name of the curve. Default: that of the data.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the curve: .json or .parquet.", show_default=False)
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it: .png, .svg or .pdf.", show_default=False)] = None,
    scale: Annotated[str, typer.Option(help="Of the figure: log-log, lin-log, log-lin or lin-lin.")] = "log-log",
    json: Annotated[bool, typer.Option("--json", help="Print the curve as JSON instead of a table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Measure how mutual information falls with distance.

    For example:

      miscope measure book.txt

      miscope measure part-*.txt.gz --unit word --documents blank-line --lags 1:1000 -o curve.json --plot curve.png

      cat songs.txt | miscope measure - --unit token --documents line
    """
    choice(scale, _SCALES, "scale")
    check_output(output, files, _CURVES)
    check_output(plot, files, _FIGURES)
    options = {"unit": unit, "documents": documents, "separator": separator, "encoding": encoding}
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if fold_case:
        given["fold_case"] = True
    sequences = _read(files, given, quiet)
    with progress_bar("counting", "pairs", quiet) as progress:
        from miscope.curve import measure as measure_curve

        curve = measure_curve(
            sequences,
            lags,
            estimator=estimator,
            null=null,
            blocks=blocks,
            method=method,
            label=label,
            seed=seed,
            quantity=quantity,
            correct_bias=correct_bias,
            n_surrogates=surrogates,
            threads=threads,
            progress=progress,
        )
    if bits:
        curve = curve.in_bits()
    _deliver(curve, output, plot, scale, json, quiet)


def _read(files: list[str], options: dict[str, Any], quiet: bool) -> Sequences:
    from miscope.sequences import read

    if not files:
        raise InputError("no files given; use - for standard input")
    with progress_bar("reading", "B", quiet) as progress:
        if progress is not None:
            options = options | {"progress": progress}
        return read(files if len(files) > 1 else files[0], **options)


def _deliver(curve: MICurve, output: Path | None, plot: Path | None, scale: str, json: bool, quiet: bool) -> None:
    """Write what was asked for, then print the result, then say what else there is to say."""
    if output is not None:
        curve.save(output)
    if plot is not None:
        from miscope.figures import plot as plot_curve

        plot_curve(curve, plot, scale=scale)
    if json:
        from miscope.curve.storage import to_json

        say(to_json(curve))
    else:
        print_curve(curve)
    if quiet:
        return
    for warning in curve.warnings:
        note(f"warning: {warning}")
    for path in (output, plot):
        if path is not None:
            note(f"wrote {path}")
