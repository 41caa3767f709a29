"""`miscope fit` and `miscope compare`: from curves to laws, and from laws to differences."""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miscope.cli.common import check_output, guarded, note, progress_bar, say
from miscope.errors import FormatError, InputError, choice

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.decay import Comparison, DecayFit

__all__ = ["check_fittable", "compare", "fit", "fit_measured"]

_FIGURES = (".png", ".svg", ".pdf")
_TABLES = (".csv", ".tsv")
_FLOORS: dict[str, bool | str] = {"auto": "auto", "yes": True, "no": False}


@guarded
def fit(
    curves: Annotated[
        list[str],
        typer.Argument(
            metavar="CURVE...",
            help="Curves, as miscope measure -o writes them (.json, .parquet; - for what --json prints), or tables "
            "(.csv, .tsv) with columns lag, mi and perhaps stderr.",
            show_default=False,
        ),
    ],
    laws: Annotated[
        str,
        typer.Option(
            help="all, or names separated by commas: exponential, power law, power law with cut-off, stretched "
            "exponential, exponential + power law."
        ),
    ] = "all",
    lags: Annotated[
        str | None,
        typer.Option(
            help="Range to fit, such as 5:1000 or 5:. Default: all, less a head if needed.", show_default=False
        ),
    ] = None,
    floor: Annotated[str, typer.Option(help="Whether laws end at a floor above 0: auto, yes or no.")] = "auto",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the fit: .json.", show_default=False)
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it: .png, .svg or .pdf.", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON: an object, or a list for several.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Fit laws of decay to curves, and say which they follow: exponential, power law, or what else.

    For example:

      miscope fit curve.json --plot fit.png

      miscope fit curve.json --lags 5:1000 --floor no -o fit.json

      miscope measure book.txt --json | miscope fit -
    """
    from miscope.decay import fit as fit_curve
    from miscope.decay.storage import to_json

    choice(floor, _FLOORS, "floor")
    check_output(output, curves, (".json",))
    check_output(plot, curves, _FIGURES)
    if len(curves) > 1 and (output is not None or plot is not None):
        raise InputError("-o and --plot are for one curve: fit the curves one by one")
    wanted = laws if laws == "all" else [name.strip() for name in laws.split(",") if name.strip()]
    sources = [_read_curve(name) for name in curves]
    found = []
    with progress_bar("fitting", "curves", quiet) as progress:
        for done, source in enumerate(sources):
            if progress is not None:
                progress(done, len(sources))
            found.append(fit_curve(source, wanted, lags, _FLOORS[floor]))
    _deliver(found[0], output, plot)
    if json:
        texts = [to_json(each) for each in found]
        say(texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]")
    else:
        say("\n\n".join(str(each) for each in found))
        for line in _differences(found):
            say(line)
    if not quiet:
        for path in (output, plot):
            if path is not None:
                note(f"wrote {path}")


def check_fittable(data: Any, lags: str | None) -> None:
    """Refuse to measure what is too few lags to fit, before anything is counted."""
    from miscope.counting.lags import parse_lags
    from miscope.decay.points import LEAST_POINTS

    n_lags = len(parse_lags(lags, int(data.lengths.max(initial=0))))
    if n_lags < LEAST_POINTS:
        raise InputError(
            f"--fit takes at least {LEAST_POINTS} lags, not {n_lags}: give more with --lags, such as 1:1000"
        )


def fit_measured(curve: MICurve) -> DecayFit:
    """The fit of a curve that was just measured."""
    from miscope.decay import fit as fit_curve

    return fit_curve(curve)


def _deliver(found: DecayFit, output: Path | None, plot: Path | None) -> None:
    """Write a fit, and draw it, where that was asked for."""
    if output is not None:
        found.save(output)
    if plot is not None:
        from miscope.figures import plot as plot_result

        plot_result(found, plot)


def _differences(found: list[DecayFit]) -> list[str]:
    """How fits compare whose verdicts name the same law."""
    from miscope.decay import compare as compare_fits

    lines = []
    for (i, first), (k, second) in combinations(enumerate(found, start=1), 2):
        same = first.verdict.kind == second.verdict.kind
        if same and first.verdict.kind in ("exponential", "power law"):
            try:
                lines.append(f"\n{i} and {k}: {compare_fits(first, second)}")
            except InputError as error:  # without replicates
                lines.append(f"\n{i} and {k} are not compared: {error}")
    return lines


@guarded
def compare(
    first: Annotated[str, typer.Argument(help="A curve, as for miscope fit, or a fit that was saved.")],
    second: Annotated[str, typer.Argument(help="Another.")],
    parameter: Annotated[
        str, typer.Option(help="auto (what both verdicts speak of), correlation_length or exponent.")
    ] = "auto",
    paired: Annotated[
        bool, typer.Option("--paired", help="Both are of the same data, cut into the same blocks.")
    ] = False,
    level: Annotated[float, typer.Option(help="Confidence level of the interval of the ratio.")] = 0.95,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Whether two curves have different correlation lengths, or exponents: their ratio, with an interval.

    For example:

      miscope compare one.json other.json

      miscope compare words.json letters.json --parameter exponent --paired
    """
    from miscope.decay import compare as compare_fits
    from miscope.decay import fit as fit_curve

    fits = [_read_fit(name) or fit_curve(_read_curve(name)) for name in (first, second)]
    found = compare_fits(fits[0], fits[1], parameter, paired=paired, level=level)
    say(_as_json(found) if json else str(found))


def _as_json(found: Comparison) -> str:
    import json

    return json.dumps(vars(found) | {"different": found.different}, allow_nan=False)


def _read_fit(name: str) -> DecayFit | None:
    """The fit in a file; None where that holds something else."""
    from miscope.decay import DecayFit

    return DecayFit.load(name) if _format_of(name) == "miscope decay fit" else None


def _format_of(name: str) -> str:
    """What a JSON file says that it is; an empty string for other files."""
    import json

    try:
        about = json.loads(Path(name).read_text(encoding="utf-8")) if name.lower().endswith(".json") else None
    except (OSError, ValueError):
        return ""
    return str(about.get("format", "")) if isinstance(about, dict) else ""


def _read_curve(name: str) -> Any:
    """A curve from a file or from standard input, or lags, values and errors from a table."""
    from miscope.curve import MICurve
    from miscope.curve.storage import from_bytes

    if name == "-":
        if sys.stdin is None:
            raise InputError("standard input is closed")
        return from_bytes(sys.stdin.buffer.read(), "standard input")
    path = Path(name)
    if not path.exists():
        raise InputError(f"cannot read {name!r}: there is no such file")
    if path.suffix.lower() in _TABLES:
        return _read_table(path)
    if _format_of(name) == "miscope decay fit":
        raise InputError(f"{name} is a fit already: give the curve that it was made from, or see miscope compare")
    if path.suffix.lower() not in (".json", ".parquet"):
        raise InputError(
            f"{name} is not a curve (.json, .parquet, or a table .csv, .tsv): to measure and fit in one go, miscope "
            f"measure {name} --fit"
        )
    return MICurve.load(path)


def _read_table(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        return csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=separator))
    except pa.ArrowInvalid as error:
        raise FormatError(f"{path} is not a table: {error}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
