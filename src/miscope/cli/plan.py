"""`miscope plan`: how far so much data will see, before they are taken; or what measuring those at hand will cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miscope.cli.common import found_files, guarded, progress_bar, say
from miscope.cli.files import FILES_HELP, Reading, check_cut, read_files, spelt, takes_files
from miscope.cli.sources import beside, make_process, reading_within
from miscope.errors import InputError

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.processes import Process
    from miscope.processes.planning import Detectability

__all__ = ["plan"]

_FEWEST = 2  # documents that a plan can be made for
_POWER, _LEVEL = 0.8, 0.05
_REACH, _COST = "How far so much data will see", "What measuring these data will cost"


def _reach(*names: str, text: str) -> Any:
    return typer.Option(*names, help=text, show_default=False, rich_help_panel=_REACH)


def _cost(*names: str, text: str) -> Any:
    return typer.Option(*names, help=text, show_default=False, rich_help_panel=_COST)


@guarded
@takes_files
def plan(
    reading: Reading,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CURVE.json | FILE...",
            help="A measured curve, such as of a pilot: what `miscope measure FILE -o curve.json` wrote. Or data: "
            + FILES_HELP,
            show_default=False,
        ),
    ] = None,
    process: Annotated[
        str | None,
        _reach(
            text="Instead of a curve: a process that knows its mutual information, such as "
            "power-law-binary:amplitude=0.1,exponent=0.4. See miscope sample --list."
        ),
    ] = None,
    n_documents: Annotated[
        int | None, _reach("--n-documents", text="Independent documents that there will be.")
    ] = None,
    length: Annotated[
        int | None, _reach(text="Symbols in each. May be left out for processes of fixed length.")
    ] = None,
    lag: Annotated[
        int | None,
        _reach(text="Say also how many documents it takes to see this lag; --n-documents may then be left out."),
    ] = None,
    power: Annotated[
        float | None, _reach(text=f"Probability of being found from which a lag counts. Default: {_POWER}.")
    ] = None,
    level: Annotated[
        float | None,
        _reach(text=f"False discovery rate at which lags will be called significant. Default: {_LEVEL}."),
    ] = None,
    lags: Annotated[
        str | None,
        typer.Option(
            help="Lags to look at, as for measure. Default: of a curve or process log-spaced to the length, of data as "
            "measure has it.",
            show_default=False,
        ),
    ] = None,
    estimator: Annotated[str | None, _cost(text="As for measure, and so are the others here.")] = None,
    quantiles: Annotated[int | None, _cost(text="Symbols that real numbers are cut into.")] = None,
    null: Annotated[str | None, _cost(text="global, document, rotate or none.")] = None,
    blocks: Annotated[int | None, _cost(text="Blocks of the jackknife.")] = None,
    method: Annotated[str | None, _cost(text="auto, dense, bits, sparse or fourier.")] = None,
    quantity: Annotated[str | None, _cost(text="mutual_information, rational or correlation.")] = None,
    long_memory: Annotated[str | None, _cost(text="correct or ignore.")] = None,
    surrogates: Annotated[int | None, _cost(text="How many are drawn for nulls that are.")] = None,
    threads: Annotated[int | None, _cost(text="Default: all cores.")] = None,
    max_memory: Annotated[
        str | None, _cost(text="How much counting may use, such as 2GB. Default: half of what is left.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON instead of a table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Before a long run: up to which lag so much data can tell mutual information from chance, or what measuring costs.

    Of a curve or a process, how far so much data will see. For example:

      miscope plan --process power-law-binary:amplitude=0.1,exponent=0.4 --n-documents 64 --length 4096

      miscope plan pilot.json --n-documents 500 --length 10000 --lag 2000

      miscope plan --process ising-chain:coupling=1.2 --length 1000 --lag 20

    Of data, what `miscope measure` with the same options will do, how long it will take and in how much memory. For
    example:

      miscope plan part-*.txt.gz --unit word --lags all:5000

      miscope plan tokens.arrow --null rotate --max-memory 2GB
    """
    of_reach = {"n_documents": n_documents, "length": length, "lag": lag, "power": power, "level": level}
    of_cost = {
        "estimator": estimator,
        "quantiles": quantiles,
        "null": null,
        "blocks": blocks,
        "method": method,
        "quantity": quantity,
        "long_memory": long_memory,
        "surrogates": surrogates,
        "threads": threads,
        "max_memory": max_memory,
    }
    if bool(files) == (process is not None):
        raise InputError(
            "name one source: a CURVE.json of `miscope measure -o`, or a process with --process SPEC, to see how far "
            "data will reach; or a FILE of data, to see what measuring it will cost"
        )
    if files and not _is_curve(files):
        _refuse(of_reach, f"{files[0]} is not a curve of miscope", "a curve or --process: they say how far data reach")
        say(_cost_of(files, reading, lags, of_cost, json, quiet))
        return
    source = "--process" if process is not None else files[0]  # type: ignore[index]
    hint = "; how many documents there will be is --n-documents" if "documents" in reading else ""
    _refuse(reading | of_cost, f"{source} is not data", f"data: they say how these are read and measured{hint}")
    say(_reach_of(files, process, n_documents, length, lag, power, level, lags, json))


def _refuse(options: dict[str, Any], why: str, where: str) -> None:
    """Refuse options of the other kind of plan."""
    given = [spelt(name) for name, value in options.items() if value is not None]
    if given:
        raise InputError(f"{why}, and {', '.join(given)} can be used only with {where}")


def _is_curve(files: list[str]) -> bool:
    """Whether this is a measured curve, and no data."""
    if len(files) > 1:
        return False
    if files[0].lower().endswith(".json"):
        return True
    if not files[0].lower().endswith(".parquet") or len(found_files(files)) > 1 or not Path(files[0]).is_file():
        return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return b"miscope" in (pq.read_schema(files[0]).metadata or {})
    except pa.ArrowException:
        return False  # which reading it will explain


def _cost_of(
    files: list[str], reading: Reading, lags: str | None, options: dict[str, Any], json: bool, quiet: bool
) -> str:
    """What measuring these files will cost."""
    from miscope.cli.count import are_counts
    from miscope.curve.planning import plan as plan_measuring

    if are_counts(files):
        raise InputError(f"{files[0]} holds counts: what takes long is done; `miscope measure {files[0]}` is quick")
    found = {name: value for name, value in options.items() if value is not None}
    quantiles = found.pop("quantiles", None)
    renamed = {"surrogates": "n_surrogates"}
    with reading_within(found.get("max_memory")):
        data = read_files(files, reading, quantiles, quiet or json)
    check_cut(data, quantiles)
    found["max_memory"] = beside(data, found.get("max_memory"))
    arguments = {renamed.get(name, name): value for name, value in found.items()}
    with progress_bar("trying", "steps", quiet) as progress:
        about = plan_measuring(data, lags, n_quantiles=quantiles, progress=progress, **arguments)
    return _dumped(about.to_dict()) if json else str(about)


def _reach_of(
    files: list[str] | None,
    process: str | None,
    n_documents: int | None,
    length: int | None,
    lag: int | None,
    power: float | None,
    level: float | None,
    lags: str | None,
    json: bool,
) -> str:
    """How far so much data will see."""
    from miscope.processes.planning import detectable_lag

    source = _source(files, process)
    if n_documents is None and lag is None:
        raise InputError("say how many documents there will be: --n-documents N; or which lag is wanted: --lag LAG")
    few = _FEWEST if n_documents is None else n_documents
    wanted: dict[str, Any] = {"power": _POWER if power is None else power, "level": _LEVEL if level is None else level}
    found = detectable_lag(source, few, length, lags=lags, **wanted)
    needed = None if lag is None else found.documents_needed(lag)
    if n_documents is None and needed is not None:  # what is shown is what the lag takes
        found = detectable_lag(source, max(needed, _FEWEST), length, lags=lags, **wanted)
    return _as_json(found, lag, needed) if json else _as_text(found, lag, needed)


def _source(files: list[str] | None, process: str | None) -> MICurve | Process:
    if process is not None:
        return make_process(process)
    from miscope.curve import MICurve

    return MICurve.load(files[0])  # type: ignore[index]


def _as_text(found: Detectability, lag: int | None, needed: int | None) -> str:
    text = str(found)
    if needed is None:
        return text
    documents = "document" if needed == 1 else "documents"
    return f"{text}\nlag {lag} is detectable with {needed:,} {documents} of {found.length:,} symbols"


def _as_json(found: Detectability, lag: int | None, needed: int | None) -> str:
    about: dict[str, Any] = found.to_dict()
    if needed is not None:
        about |= {"lag": lag, "documents_needed": needed}
    return _dumped(about)


def _dumped(about: dict[str, Any]) -> str:
    import json

    return json.dumps({"format": "miscope.plan"} | about, ensure_ascii=False, allow_nan=False)
