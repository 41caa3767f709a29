"""`miscope plan`: how far so much data will see, before they are taken."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miscope.cli.common import guarded, say
from miscope.cli.sources import make_process
from miscope.errors import InputError

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.processes import Process
    from miscope.processes.planning import Detectability

__all__ = ["plan"]


@guarded
def plan(
    curve: Annotated[
        Path | None,
        typer.Argument(
            metavar="CURVE.json",
            help="A measured curve, such as of a pilot: what `miscope measure FILE -o curve.json` wrote.",
            show_default=False,
        ),
    ] = None,
    process: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="Instead of a curve: a process that knows its mutual information, such as "
            "power-law-binary:amplitude=0.1,exponent=0.4. See miscope sample --list.",
            show_default=False,
        ),
    ] = None,
    n_documents: Annotated[
        int | None, typer.Option("--n-documents", help="Independent documents that there will be.", show_default=False)
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(help="Symbols in each. May be left out for processes of fixed length.", show_default=False),
    ] = None,
    lag: Annotated[
        int | None,
        typer.Option(help="Say also how many documents it takes to see this lag.", show_default=False),
    ] = None,
    lags: Annotated[
        str | None,
        typer.Option(help="Lags to look at, as for measure. Default: log-spaced to the length.", show_default=False),
    ] = None,
    power: Annotated[float, typer.Option(help="Probability of being found from which a lag counts.")] = 0.8,
    level: Annotated[float, typer.Option(help="False discovery rate at which lags will be called significant.")] = 0.05,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON instead of a table.")] = False,
) -> None:
    """Up to which lag so much data can tell mutual information from chance.

    For example:

      miscope plan --process power-law-binary:amplitude=0.1,exponent=0.4 --n-documents 64 --length 4096

      miscope plan pilot.json --n-documents 500 --length 10000 --lag 2000
    """
    from miscope.processes.planning import detectable_lag

    source = _source(curve, process)
    if n_documents is None:
        raise InputError("say how many documents there will be: --n-documents N")
    found = detectable_lag(source, n_documents, length, power=power, level=level, lags=lags)
    needed = None if lag is None else found.documents_needed(lag)
    say(_as_json(found, lag, needed) if json else _as_text(found, lag, needed))


def _source(curve: Path | None, process: str | None) -> MICurve | Process:
    from miscope.curve import MICurve

    if (curve is None) == (process is None):
        raise InputError("name one source: a CURVE.json of `miscope measure -o`, or a process with --process SPEC")
    return make_process(process) if process is not None else MICurve.load(curve)  # type: ignore[arg-type]


def _as_text(found: Detectability, lag: int | None, needed: int | None) -> str:
    text = str(found)
    if needed is None:
        return text
    documents = "document" if needed == 1 else "documents"
    return f"{text}\nlag {lag} is detectable with {needed:,} {documents} of {found.length:,} symbols"


def _as_json(found: Detectability, lag: int | None, needed: int | None) -> str:
    import json

    about: dict[str, Any] = found.to_dict()
    if needed is not None:
        about |= {"lag": lag, "documents_needed": needed}
    return json.dumps(about, ensure_ascii=False, allow_nan=False)
