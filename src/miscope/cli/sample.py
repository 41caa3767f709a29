"""`miscope sample`: symbols, or numbers, of a process that knows its own mutual information."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miscope.cli.common import check_output, guarded, note, say
from miscope.cli.sources import DOCUMENTS, draw, in_symbols, make_process, own_length
from miscope.cli.writing import KINDS, writer
from miscope.errors import InputError, choice

if TYPE_CHECKING:
    from miscope.processes import Process

__all__ = ["CONTEXT", "sample"]

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}
"""How the command is to be registered: what it does not know are parameters of the process."""

_LAGS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
_HINTS = {
    ".npy": "this file does not say of which process it is; an .arrow file does",
    ".txt": "this file does not say of which process it is (an .arrow file does); measure it with --documents line",
}
_OWN = ("documents", "length", "seed", "quantiles", "output", "list", "json", "quiet", "help")


@guarded
def sample(
    context: typer.Context,
    process: Annotated[
        str | None,
        typer.Argument(
            metavar="PROCESS",
            help="Name of a process (see --list), its parameters following as options, "
            "power-law-binary --amplitude 0.1; or all in one: power-law-binary:amplitude=0.1,exponent=0.4.",
            show_default=False,
        ),
    ] = None,
    documents: Annotated[
        int, typer.Option("--documents", "--n-documents", help="Independent documents to draw.")
    ] = DOCUMENTS,
    length: Annotated[
        int | None,
        typer.Option(help="Symbols in each. Default: 4096, or what the process has.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same file.")] = 0,
    quantiles: Annotated[
        int | None,
        typer.Option(help="Cut real numbers into so many equally frequent symbols.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Where to write: .arrow (which remembers the process), .npy (a document a row), or .txt (a document a "
            "line, where each symbol is one character).",
            show_default=False,
        ),
    ] = None,
    show_list: Annotated[
        bool, typer.Option("--list", help="List the processes with their parameters, and stop.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was drawn as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes; errors only.")] = False,
) -> None:
    """Draw from a process whose mutual information is known exactly, to try a method on.

    Any option that is not one of those below is a parameter of the process: miscope sample --list names them all, each
    with its default. Values are numbers, words, or lists as in JSON.

    For example:

      miscope sample --list

      miscope sample power-law-binary --amplitude 0.1 --exponent 0.4 --documents 64 --length 4096 -o power.arrow

      miscope sample markov-chain --transition "[[0.9, 0.1], [0.2, 0.8]]" -o chain.txt

      miscope measure power.arrow --plot power.png
    """
    if show_list:
        say(_listing())
        return
    made = make_process(*_named(process, context.args))
    if quantiles is not None:
        made = in_symbols(made, quantiles)
    if output is None:
        raise InputError("say where to write, -o sample.arrow (or .npy, .txt): a sample is not printed")
    check_output(output, [], KINDS)
    write = writer(output.suffix.lower(), made)
    drawn = draw(made, documents, length, seed, quiet)
    write(drawn, output)
    about = _about(made, drawn, own_length(made, length), seed, output)
    if json:
        import json as json_format

        say(json_format.dumps(about, ensure_ascii=False, allow_nan=False))
    else:
        say(_shown(about, made, drawn))
    if not quiet:
        note(f"wrote {output}")
        if output.suffix.lower() in _HINTS:
            note(f"note: {_HINTS[output.suffix.lower()]}")


def _named(process: str | None, extra: list[str]) -> tuple[str, dict[str, Any]]:
    """The process and those of its parameters that are options."""
    if process is None or process.startswith("-"):
        raise InputError("name a PROCESS first, its parameters after it; miscope sample --list names them all")
    from miscope.processes.naming import PROCESSES, kebab, parsed, value_of

    kind = PROCESSES[choice(kebab(parsed(process)[0]), PROCESSES, "process")]
    known = [f"--{name.replace('_', '-')}" for name in inspect.signature(kind).parameters]
    found: dict[str, Any] = {}
    left = list(extra)
    while left:
        option, equals, value = left.pop(0).partition("=")
        if not option.startswith("--"):
            raise InputError(f"cannot read {option!r}: parameters of a process are written --name value")
        choice(option, [*known, *(f"--{name}" for name in _OWN)], f"option for {kebab(kind.__name__)}")
        if not equals and (not left or left[0].startswith("--")):
            raise InputError(f"{option} needs a value: {option} VALUE")
        name = option[2:].replace("-", "_")
        if name in found:
            raise InputError(f"{option} is given twice; say it once")
        found[name] = value_of(value if equals else left.pop(0))
    return process, found


def _listing() -> str:
    """All processes: name, what they are, parameters with defaults."""
    from miscope.processes.naming import PROCESSES

    lines = []
    for name, kind in PROCESSES.items():
        about = (inspect.getdoc(kind) or "").splitlines()[0].replace("`", "")
        options = [_option(parameter) for parameter in inspect.signature(kind).parameters.values()]
        lines += [name, f"    {about}", *_filled(options), ""]
    return "\n".join(
        [*lines, "VALUE: has no default. Lists are written as in JSON: --transition '[[0.9, 0.1], [0.2, 0.8]]'"]
    )


def _option(parameter: inspect.Parameter) -> str:
    name, default = f"--{parameter.name.replace('_', '-')}", parameter.default
    if default is parameter.empty:
        return f"{name} VALUE"
    return f"[{name}]" if default is None or default == () else f"[{name} {default}]"


def _filled(options: list[str]) -> list[str]:
    import textwrap

    # Options are not to be cut at their spaces and dashes.
    whole = " ".join(option.replace(" ", "\0").replace("-", "\1") for option in options)
    lines = textwrap.wrap(whole, 100, initial_indent="    ", subsequent_indent="    ")
    return [line.replace("\0", " ").replace("\1", "-") for line in lines]


def _about(process: Process, drawn: Any, length: int, seed: int, path: Path) -> dict[str, Any]:
    """What was drawn and what is exact about it, JSON-able."""
    import dataclasses

    lags = [lag for lag in _LAGS if lag < length]
    law = process.law
    about: dict[str, Any] = {"file": str(path), "label": process.label, "process": process.description}
    about |= {"n_documents": drawn.n_documents, "length": length, "seed": seed, "lags": lags}
    about |= {"exact": _exact(process, lags), "unit": "nats", "entropy_rate": process.entropy_rate}
    return about | {"law": None if law is None else dataclasses.asdict(law)}


def _exact(process: Process, lags: list[int]) -> list[float] | None:
    try:
        return process.mutual_information(lags).tolist() if lags else []
    except InputError:
        return None


def _shown(about: dict[str, Any], process: Process, drawn: Any) -> str:
    """What was drawn and what is exact about it, for people."""
    kinds = f"symbols of {drawn.alphabet_size:,} kinds" if hasattr(drawn, "alphabet_size") else "real numbers"
    documents = "document" if drawn.n_documents == 1 else "documents"
    lines = [
        f"{about['label']}: {about['n_documents']:,} {documents} of {about['length']:,} {kinds}, seed {about['seed']}"
    ]
    if about["exact"] is None:
        return "\n".join([*lines, "exact mutual information: not known, only by measuring"])
    rows = [("lag", "exact MI (nats)")] * bool(about["lags"])
    rows += [(str(lag), f"{value:.6g}") for lag, value in zip(about["lags"], about["exact"], strict=True)]
    lines += [f"{lag:>8}  {value:>15}" for lag, value in rows]
    lines.append(f"law: {'not known' if process.law is None else process.law}")
    if process.entropy_rate is not None:
        lines.append(f"entropy rate: {process.entropy_rate:.6g} nats a symbol")
    return "\n".join(lines)
