"""`miscope fit` and `miscope compare`: from curves to laws, and from laws to differences."""

from __future__ import annotations

import dataclasses
import sys
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miscope.cli.common import check_output, guarded, note, progress_bar, say
from miscope.errors import FormatError, InputError, choice

if TYPE_CHECKING:
    import pyarrow as pa

    from miscope.curve import MICurve
    from miscope.decay import Comparison, DecayFit

__all__ = ["check_fittable", "compare", "fit", "fit_measured"]

_FIGURES = (".png", ".svg", ".pdf")
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_FLOORS: dict[str, bool | str] = {"auto": "auto", "yes": True, "no": False}
_PARAMETERS = ("auto", "correlation_length", "exponent")
_STDIN = "-"
_HEAD = 200  # bytes, in which a file of miscope says what it is


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
    _check_names(curves)
    if len(curves) > 1 and (output is not None or plot is not None):
        raise InputError(f"-o and --plot take the fit of one curve, and {len(curves)} are named: fit them one by one")
    check_output(output, curves, (".json",))
    check_output(plot, curves, _FIGURES)
    wanted = _laws(laws)
    sources = [_read_curve(name) for name in curves]
    found = []
    with progress_bar("fitting", "curves", quiet or len(curves) == 1) as progress:
        for done, (name, source) in enumerate(zip(curves, sources, strict=True), start=1):
            found.append(_fit(name, source, wanted, lags, _FLOORS[floor]))
            if progress is not None:
                progress(done, len(sources))
    _deliver(found[0], output, plot)
    _print([_called(name) for name in curves], found, json, quiet)
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

    between = [{"curves": [one, other]} | _plain(comparison) for one, other, comparison in compared]
    body = {"fits": [json.loads(to_json(each)) for each in found], "comparisons": between}
    return json.dumps(body, ensure_ascii=False, allow_nan=False)


@guarded
def compare(
    first: Annotated[
        str,
        typer.Argument(
            metavar="CURVE_OR_FIT",
            help="A curve, as for miscope fit, or a fit that miscope fit -o wrote.",
            show_default=False,
        ),
    ],
    second: Annotated[str, typer.Argument(metavar="CURVE_OR_FIT", help="Another.", show_default=False)],
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
    from miscope.decay import DecayFit
    from miscope.decay import compare as compare_fits

    choice(parameter, _PARAMETERS, "parameter")
    if not 0 < level < 1:
        raise InputError(f"--level lies between 0 and 1 (such as 0.95), not at {level:g}")
    names = [first, second]
    _check_names(names)
    read = [_read(name) for name in names]
    one, other = (
        each if isinstance(each, DecayFit) else _fit(name, each, "all", None, "auto")
        for name, each in zip(names, read, strict=True)
    )
    found = compare_fits(one, other, parameter, paired=paired, level=level)
    say(_as_json(found) if json else str(found))


def _as_json(found: Comparison) -> str:
    import json

    return json.dumps(_plain(found), allow_nan=False)


def _plain(found: Comparison) -> dict[str, Any]:
    """The fields of a comparison; an end that is infinite is text, as JSON has no number for it."""
    fields = vars(found) | {"different": found.different}
    return {name: "Infinity" if value == float("inf") else value for name, value in fields.items()}


def _check_names(names: list[str]) -> None:
    if names.count(_STDIN) > 1:
        raise InputError("- is standard input, which is read once only: write one of the curves to a file")


def _called(name: str) -> str:
    from miscope.sequences.sources import shown

    return "standard input" if name == _STDIN else shown(name)


def _laws(text: str) -> str | list[str]:
    """The laws asked for, their names checked before any curve is fitted."""
    from miscope.decay.laws import law_named

    return "all" if text == "all" else [law_named(name.strip()).name for name in text.split(",") if name.strip()]


def _fit(name: str, source: Any, laws: str | list[str], lags: str | None, floor: bool | str) -> DecayFit:
    """The fit of one curve; a table's has the name of its file, and so have errors."""
    from miscope.decay import fit as fit_curve

    try:
        found = fit_curve(source, laws, lags, floor)
    except InputError as error:
        raise InputError(f"{_called(name)}: {error}") from None
    return found if found.label else dataclasses.replace(found, label=_called(name))


def _read_curve(name: str) -> MICurve | pa.Table:
    """What can be fitted under this name."""
    from miscope.decay import DecayFit

    found = _read(name)
    if isinstance(found, DecayFit):
        raise InputError(
            f"{_called(name)} is a fit already: give the curve that it was made from, or compare it with another fit, "
            f"miscope compare {_called(name)} OTHER.json"
        )
    return found


def _read(name: str) -> MICurve | DecayFit | pa.Table:
    """A curve or a fit, from a file or from standard input, or a table."""
    from miscope.curve.storage import from_bytes
    from miscope.decay.storage import FORMAT, from_json

    called, suffix = _called(name), Path(name).suffix.lower()
    content = _content(name)
    if suffix in _SEPARATORS:
        return _table(content, _SEPARATORS[suffix], called)
    # A fit says what it is in the beginning, also one that is cut off.
    if f'"{FORMAT}"'.encode() in content[:_HEAD]:
        return from_json(content.decode("utf-8", "replace"), called)
    try:
        return from_bytes(content, called)
    except FormatError:
        if name == _STDIN or suffix in (".json", ".parquet"):
            raise
        raise FormatError(
            f"{called} is not a curve (.json, .parquet, or a table .csv, .tsv): to measure and fit in one go, miscope "
            f"measure {called} --fit"
        ) from None


def _content(name: str) -> bytes:
    if name == _STDIN:
        if sys.stdin is None:
            raise InputError("cannot read standard input: it is closed")
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except (OSError, ValueError) as error:  # the latter for names that cannot be
        raise InputError(f"cannot read {_called(name)!r}: {getattr(error, 'strerror', None) or error}") from None


def _table(content: bytes, separator: str, called: str) -> pa.Table:
    """A table of text, its columns those of a curve."""
    import pyarrow as pa
    from pyarrow import csv

    try:
        table = csv.read_csv(pa.BufferReader(content), parse_options=csv.ParseOptions(delimiter=separator))
        names = [name.strip() for name in table.column_names]
    except (pa.ArrowException, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0]
        raise FormatError(f"{called} is not a table of numbers: {reason}") from None
    if not {"lag", "lags"} & {*names} or not {"mi", "excess"} & {*names}:
        raise InputError(
            f"{called} has the columns {', '.join(names)}; a table to fit has lag and mi (or excess), and perhaps "
            "stderr (or excess_stderr)"
        )
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{called} has the column {twice[0]} more than once: leave one of them")
    return table.rename_columns(names)
