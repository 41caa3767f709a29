"""`miscope measure`: from files, or from a process that knows the answer, to a curve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miscope.cli.common import check_output, guarded, note, print_curve, progress_bar, say
from miscope.cli.count import are_counts, load_counts
from miscope.cli.curves import WRITTEN
from miscope.cli.files import FILES_HELP, Reading, advice, as_spelt, check_cut, read_files, spelt, takes_files
from miscope.cli.fit import check_fittable, fit_measured
from miscope.cli.sources import (
    Cluster,
    Exact,
    LagsOption,
    MaxMemory,
    beside,
    check_source,
    draw,
    exact_of,
    in_symbols,
    make_process,
    reading_within,
)
from miscope.errors import InputError, choice

if TYPE_CHECKING:
    from miscope.counting import PairCounts
    from miscope.curve import MICurve
    from miscope.curve.contributions import Contributions
    from miscope.decay import DecayFit
    from miscope.sequences import Sequences, Series
    from miscope.sequences.shards import Shards

__all__ = ["measure"]

_FIGURES = (".png", ".svg", ".pdf")
_SCALES = ("log-log", "lin-log", "log-lin", "lin-lin")


@guarded
@takes_files
def measure(
    reading: Reading,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE...",
            help=f"{FILES_HELP} Several files of a kind make one corpus. Or what miscope count wrote.",
            show_default=False,
        ),
    ] = None,
    process: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="Instead of files: draw from a process that knows its mutual information, and show that too, such as "
            "power-law-binary:amplitude=0.1,exponent=0.4. See miscope sample --list.",
            show_default=False,
        ),
    ] = None,
    n_documents: Annotated[
        int | None, typer.Option(help="Documents to draw from --process. Default: 64.", show_default=False)
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(help="Symbols in each of them. Default: 4096, or what the process has.", show_default=False),
    ] = None,
    lags: LagsOption = None,
    estimator: Annotated[
        str,
        typer.Option(
            help="plug_in, miller_madow, grassberger, chao_shen, shrinkage, zhang or nsb; bracket (a lower and an "
            "upper bound, for large alphabets); gaussian (real numbers as they are)."
        ),
    ] = "miller_madow",
    quantiles: Annotated[
        int | None,
        typer.Option(help="Symbols that real numbers are cut into, equally frequent. Default: 4.", show_default=False),
    ] = None,
    null: Annotated[
        str,
        typer.Option(
            help="What to compare with: global (chance), document (chance and the documents' different "
            "compositions), rotate, or none."
        ),
    ] = "global",
    blocks: Annotated[int, typer.Option(help="Blocks of the jackknife that gives the bars; 0 for no bars.")] = 32,
    method: Annotated[
        str, typer.Option(help="How to count: auto, dense, bits, sparse or fourier; the result is the same.")
    ] = "auto",
    quantity: Annotated[
        str, typer.Option(help="mutual_information, rational (Lin and Tegmark) or correlation (operator norm).")
    ] = "mutual_information",
    correct_bias: Annotated[
        bool,
        typer.Option(
            "--correct-bias/--no-correct-bias",
            help="Take away the bias that serial dependence adds, as blocks show it.",
        ),
    ] = True,
    long_memory: Annotated[
        str,
        typer.Option(
            help="correct: with few documents and slow decay, give back what the sample's own wandering averages hide, "
            "and widen the bars; ignore: leave both as they are."
        ),
    ] = "correct",
    fit: Annotated[
        bool,
        typer.Option(
            "--fit",
            help="Fit laws of decay, and say which the curve follows; --plot then draws the fit, and --json prints "
            '{"curve": ..., "fit": ...}. To write a fit, or to choose laws: miscope fit curve.json.',
        ),
    ] = False,
    top: Annotated[
        int | None,
        typer.Option(
            help="Show so many pairs of symbols that carry most of the information, at the lag of --top-lag.",
            show_default=False,
        ),
    ] = None,
    top_lag: Annotated[int, typer.Option(help="For --top.")] = 1,
    bits: Annotated[bool, typer.Option("--bits", help="Report in bits instead of nats.")] = False,
    seed: Annotated[int, typer.Option(help="For nulls that are drawn, and for --process.")] = 0,
    surrogates: Annotated[int, typer.Option(help="How many surrogates to draw for such nulls.")] = 4,
    threads: Annotated[int | None, typer.Option(help="Default: all cores.", show_default=False)] = None,
    max_memory: MaxMemory = None,
    cluster: Cluster = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="With --cluster: leave out files that cannot be read, and say so.")
    ] = False,
    label: Annotated[
        str | None, typer.Option(help="Name of the curve. Default: that of the data.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write the curve: .json or .parquet; or its table: .csv or .tsv.", show_default=False
        ),
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

      miscope measure book.txt --fit --plot fit.png

      miscope measure returns.npy --estimator gaussian

      miscope measure prices.csv --column Close --time-column Date --as returns:volatility:4

      miscope measure genome.fa.gz --codons --null document

      miscope measure book.txt --unit word --classes top:64

      miscope measure hub:Salesforce/wikitext --config wikitext-2-raw-v1 --split validation --unit character

      miscope measure counts.arrow

      miscope measure --process ising-chain:coupling=0.8 --plot curve.png
    """
    choice(scale, _SCALES, "scale")
    if top is not None and (json or estimator == "gaussian"):
        raise InputError("--top is a table of pairs of symbols: leave out --json and --estimator gaussian")
    if fit and scale != _SCALES[0]:
        raise InputError("--scale is for the figure of a curve, and --fit draws that of a fit: leave one of them out")
    named = files or []
    check_output(output, named, WRITTEN)
    check_output(plot, named, _FIGURES)
    sizes = {"n_documents": n_documents, "length": length}
    of_process = {name: value for name, value in sizes.items() if value is not None}
    check_source(named, process, reading, of_process)
    if quantiles is not None and estimator == "gaussian":
        raise InputError("--estimator gaussian takes numbers as they are: leave --quantiles out")
    if skip_bad and (cluster is None or process is not None):
        raise InputError("--skip-bad is for files that the workers of a --cluster read: leave it out")
    data: Any
    if process is not None:
        source = make_process(process)
        if estimator != "gaussian":
            source, quantiles = in_symbols(source, quantiles), None
        data = draw(source, n_documents, length, seed, quiet)
    elif are_counts(named):
        data = _counts(named, reading, quantiles, top)
    elif cluster is not None:
        data = _shards(named, reading, quantiles, top, skip_bad)
    else:
        with reading_within(max_memory):
            data = read_files(named, reading, quantiles, quiet, notes=False)  # the curve has them among its warnings
        if estimator != "gaussian":
            check_cut(data, quantiles)
    if fit and (cluster is None or process is not None):
        check_fittable(data, lags)
    with progress_bar("counting", "pairs", quiet) as progress:
        from miscope.curve import measure as measure_curve

        curve = measure_curve(
            data,
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
            n_quantiles=quantiles,
            long_memory=long_memory,
            threads=threads,
            max_memory=max_memory if cluster is not None else beside(data, max_memory),
            cluster=cluster,
            progress=progress,
        )
    if bits:
        curve = curve.in_bits()
    found = fit_measured(curve, quiet) if fit else None
    pairs = None if top is None else _pairs(data, top_lag, top, quantiles, blocks, quiet)
    _deliver(curve, exact_of(curve, quiet), found, output, plot, scale, json, quiet)
    if pairs is not None and not json:
        say(f"\n{pairs}")


def _shards(files: list[str], reading: Reading, quantiles: int | None, top: int | None, skip_bad: bool) -> Shards:
    """Files that workers are to read."""
    from miscope.sequences.shards import Shards

    given = {"--classes": reading.get("classes"), "--quantiles": quantiles, "--top": top}
    refused = [name for name, value in given.items() if value is not None]
    if refused:
        raise InputError(f"{', '.join(refused)} cannot be used with --cluster, whose workers read the files one by one")
    with as_spelt():
        return Shards(files, skip_bad=skip_bad, **reading)


def _counts(files: list[str], reading: Reading, quantiles: int | None, top: int | None) -> PairCounts:
    """Counts that were kept, added if there are several files of them."""
    refused = [spelt(name) for name in reading]
    refused += [name for name, value in (("--quantiles", quantiles), ("--top", top)) if value is not None]
    if refused:
        raise InputError(
            f"{', '.join(refused)} cannot be used with counts: {files[0]} holds how often pairs occur, not the data"
        )
    return load_counts(files)


def _pairs(
    data: Sequences | Series, lag: int, top: int, quantiles: int | None, blocks: int, quiet: bool
) -> Contributions:
    """Which pairs of symbols carry the information at a lag."""
    from miscope.curve.contributions import contributions
    from miscope.sequences.in_memory import as_sequences

    with progress_bar("finding pairs", "pairs", quiet) as progress:
        return contributions(as_sequences(data, quantiles), lag, top=top, blocks=blocks, progress=progress)


def _deliver(
    curve: MICurve,
    exact: Exact | None,
    found: DecayFit | None,
    output: Path | None,
    plot: Path | None,
    scale: str,
    json: bool,
    quiet: bool,
) -> None:
    """Write what was asked for, then print the result, then say what else there is to say."""
    if output is not None:
        curve.save(output)
    if plot is not None:
        _draw(curve, exact, found, plot, scale)
    if json:
        say(_as_json(curve, exact, found))
    else:
        print_curve(curve, None if exact is None else exact.values)
        if found is not None:
            say(f"\n{found}")
    if quiet:
        return
    for warning in curve.warnings:
        note(f"warning: {advice(warning)}")
    for path in (output, plot):
        if path is not None:
            note(f"wrote {path}")


def _draw(curve: MICurve, exact: Exact | None, found: DecayFit | None, path: Path, scale: str) -> None:
    """The figure of the fit, or that of the curve where nothing was fitted."""
    from miscope.figures import plot

    if found is not None:
        plot(found, path)
    else:
        plot(curve, path, truth=None if exact is None else exact.process, scale=scale)


def _as_json(curve: MICurve, exact: Exact | None, found: DecayFit | None) -> str:
    """The curve as its file has it, and beside it the exact values; with a fit, both in one object."""
    from miscope.curve.storage import to_dict
    from miscope.decay.storage import to_json as fit_to_json
    from miscope.digests import signed

    values = None if exact is None else [None if value != value else value for value in exact.values.tolist()]
    text = signed(to_dict(curve) | ({} if values is None else {"exact": values}))
    return text if found is None else signed({"curve": json.loads(text), "fit": json.loads(fit_to_json(found))})
