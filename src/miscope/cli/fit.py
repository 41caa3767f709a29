"""`miscope fit`: from curves to laws."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miscope.cli.common import check_output, guarded, note, progress_bar, say
from miscope.cli.curves import FIGURES, called, check_names, fit_named, read_any
from miscope.errors import InputError, choice

if TYPE_CHECKING:
    import pyarrow as pa

    from miscope.curve import MICurve
    from miscope.decay import Comparison, DecayFit

__all__ = ["check_fittable", "check_number_of_lags", "fit", "fit_measured", "plain_comparison"]

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
            help="Which of the curve to fit: a range such as 5:1000 or 5:, or as for measure, 24:2400:+24 (every 24th) "
            "or 1:100,200:1000:+200. Default: all, less a head if needed.",
            show_default=False,
        ),
    ] = None,
    floor: Annotated[str, typer.Option(help="Whether laws end at a floor above 0: auto, yes or no.")] = "auto",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the fit: .json.", show_default=False)
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it: .png, .svg or .pdf.", show_default=False)] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print as JSON; of several curves, an object with fits and comparisons.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Fit laws of decay to curves, and say which they follow: exponential, power law, or what else.

    For example:

      miscope fit curve.json --plot fit.png

      miscope fit curve.json --lags 5:1000 --floor no -o fit.json

      miscope measure book.txt --json | miscope fit -
    """
    choice(floor, _FLOORS, "floor")
    check_names(curves)
    if len(curves) > 1 and (output is not None or plot is not None):
        raise InputError(f"-o and --plot take the fit of one curve, and {len(curves)} are named: fit them one by one")
    check_output(output, curves, (".json",))
    check_output(plot, curves, FIGURES)
    wanted = _laws(laws)
    found = _fits(curves, wanted, lags, _FLOORS[floor], quiet)
    _deliver(found[0], output, plot)
    _print([called(name) for name in curves], found, json, quiet)
    if not quiet:
        for path in (output, plot):
            if path is not None:
                note(f"wrote {path}")


def _fits(names: list[str], laws: str | list[str], lags: str | None, floor: bool | str, quiet: bool) -> list[DecayFit]:
    """The fits of all curves, each of which is read before the first is fitted."""
    sources = [_read_curve(name) for name in names]
    if len(names) == 1:
        with progress_bar("fitting", "steps", quiet) as progress:
            return [fit_named(names[0], sources[0], laws, lags, floor, progress)]
    found = []
    with progress_bar("fitting", "curves", quiet) as progress:
        for name, source in zip(names, sources, strict=True):
            found.append(fit_named(name, source, laws, lags, floor))
            if progress is not None:
                progress(len(found), len(names))
    return found


def check_fittable(data: Any, lags: str | None) -> None:
    """Refuse to measure what is too few lags to fit, before anything is counted."""
    from miscope.counting import PairCounts
    from miscope.counting.lags import parse_lags

    if isinstance(data, PairCounts):
        n_lags = len(data.lags if lags is None else parse_lags(lags, int(data.lags[-1]) + 1))
    else:
        n_lags = len(parse_lags(lags, int(data.lengths.max(initial=0))))
    check_number_of_lags(n_lags)


def check_number_of_lags(n_lags: int) -> None:
    """Refuse to fit so few lags."""
    from miscope.decay.points import LEAST_POINTS

    if n_lags < LEAST_POINTS:
        raise InputError(
            f"--fit takes at least {LEAST_POINTS} lags, not {n_lags}: give more with --lags, such as 1:1000"
        )


def fit_measured(curve: MICurve, quiet: bool) -> DecayFit:
    """The fit of a curve that was just measured."""
    from miscope.decay import fit as fit_curve

    with progress_bar("fitting", "steps", quiet) as progress:
        return fit_curve(curve, progress=progress)


def _deliver(found: DecayFit, output: Path | None, plot: Path | None) -> None:
    """Write a fit, and draw it, where that was asked for."""
    if output is not None:
        found.save(output)
    if plot is not None:
        from miscope.figures import plot as plot_result

        plot_result(found, plot)


def _print(names: list[str], found: list[DecayFit], json: bool, quiet: bool) -> None:
    """Fits, and of several of them how those compare whose verdicts name the same law."""
    from miscope.decay.storage import to_json

    if len(found) == 1:
        say(to_json(found[0]) if json else str(found[0]))
        return
    compared, refused = _compared(names, found)
    if json:
        say(_all_as_json(found, compared))
    else:
        say("\n\n".join(f"{name}\n{each}" for name, each in zip(names, found, strict=True)))
        for one, other, comparison in compared:
            say(f"\n{one} and {other}: {comparison}")
    if not quiet:
        for text in refused:
            note(f"note: {text}")


_Compared = list[tuple[str, str, "Comparison"]]


def _compared(names: list[str], found: list[DecayFit]) -> tuple[_Compared, list[str]]:
    """Each two fits whose verdicts name the same law, by the names of their curves; and why others are not compared."""
    from miscope.decay import compare as compare_fits

    compared, refused = [], []
    for (one, first), (other, second) in combinations(zip(names, found, strict=True), 2):
        if first.verdict.kind != second.verdict.kind or first.verdict.kind not in ("exponential", "power law"):
            continue
        try:
            compared.append((one, other, compare_fits(first, second)))
        except InputError as error:  # without replicates
            refused.append(f"{one} and {other} are not compared: {error}")
    return compared, refused


def _all_as_json(found: list[DecayFit], compared: _Compared) -> str:
    import json

    from miscope.decay.storage import to_json
    from miscope.digests import signed

    between = [{"curves": [one, other]} | plain_comparison(comparison) for one, other, comparison in compared]
    body = {"fits": [json.loads(to_json(each)) for each in found], "comparisons": between}
    return signed(body)


def plain_comparison(found: Comparison) -> dict[str, Any]:
    """The fields of a comparison; an end that is infinite is text, as JSON has no number for it."""
    fields = vars(found) | {"different": found.different}
    return {name: "Infinity" if value == float("inf") else value for name, value in fields.items()}


def _laws(text: str) -> str | list[str]:
    """The laws asked for, their names checked before any curve is fitted."""
    from miscope.decay.laws import law_named

    return "all" if text == "all" else [law_named(name.strip()).name for name in text.split(",") if name.strip()]


def _read_curve(name: str) -> MICurve | pa.Table:
    """What can be fitted under this name."""
    from miscope.decay import DecayFit

    found = read_any(name)
    if isinstance(found, DecayFit):
        raise InputError(
            f"{called(name)} is a fit already: give the curve that it was made from, or compare it with another fit, "
            f"miscope compare {called(name)} OTHER.json"
        )
    return found
