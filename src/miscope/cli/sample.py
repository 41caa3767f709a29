"""`miscope sample`: documents of a process that knows its own mutual information, or of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from miscope.cli.common import as_options, check_output, guarded, note, progress_bar, say
from miscope.cli.models import MODEL_HELP, names_model, need_torch, open_model
from miscope.cli.parameters import listing, named_parameters, own_options, parameters_in
from miscope.cli.sources import DOCUMENTS, Cluster, client_of, draw, in_symbols, make_process, own_length
from miscope.cli.writing import KINDS, as_lines, writer
from miscope.errors import InputError, choice

if TYPE_CHECKING:
    from miscope.processes import Process

__all__ = ["sample"]

_LAGS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)


class _Output(NamedTuple):
    """Where a sample goes, and how it is told."""

    path: Path | None
    json: bool
    quiet: bool


@guarded
def sample(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="PROCESS|MODEL",
            help="Name of a process (see --list), its parameters following as options, "
            "power-law-binary --amplitude 0.1; or all in one: power-law-binary:amplitude=0.1,exponent=0.4. "
            f"Or a model: {MODEL_HELP[0].lower()}{MODEL_HELP[1:]}",
            show_default=False,
        ),
    ] = None,
    documents: Annotated[
        int, typer.Option("--documents", "--n-documents", help="Independent documents to draw.")
    ] = DOCUMENTS,
    length: Annotated[
        int | None,
        typer.Option(help="Symbols in each. Default: 4096, or what the process or model has.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same file.")] = 0,
    quantiles: Annotated[
        int | None,
        typer.Option(help="Cut real numbers of a process into so many equally frequent symbols.", show_default=False),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Of a model: what logarithms of its probabilities are divided by. Default: 1.", show_default=False
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(help="Of a model: draw from so many most probable symbols only.", show_default=False),
    ] = None,
    discard: Annotated[
        int | None,
        typer.Option(
            help="Of a model: symbols at the start of each document that are left out. Default: 0.", show_default=False
        ),
    ] = None,
    slide: Annotated[
        int | None,
        typer.Option(
            help="Of a model with a context: so many of its oldest symbols are forgotten when it is full. Default: "
            "longer documents are refused.",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Of a model: documents drawn side by side.", show_default=False)
    ] = None,
    cluster: Cluster = None,
    device: Annotated[
        str | None,
        typer.Option(help="Of a model: where to compute, such as cuda. Default: the CPU.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Where to write: .arrow (which remembers the process or model), .npy (a document a row), or .txt (a "
            "document a line, where each symbol is one character).",
            show_default=False,
        ),
    ] = None,
    show_list: Annotated[
        bool, typer.Option("--list", help="List the processes with their parameters, and stop.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was drawn as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Draw from a process whose mutual information is known exactly, to try a method on; or from a model.

    Any option that is not one of those below is a parameter of the process: miscope sample --list names them all, each
    with its default. Values are numbers, words, or lists as in JSON.

    For example:

      miscope sample --list

      miscope sample power-law-binary --amplitude 0.1 --exponent 0.4 --documents 64 --length 4096 -o power.arrow

      miscope sample markov-chain --transition "[[0.9, 0.1], [0.2, 0.8]]" -o chain.txt

      miscope sample model.safetensors --documents 1 --length 2000 --temperature 0.8 -o text.txt
    """
    if show_list:
        say(_listing())
        return
    wanted = _Output(output, json, quiet)
    of_model: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "discard": discard, "slide": slide}
    of_model |= {"batch": batch, "cluster": cluster}
    given = {name: value for name, value in of_model.items() if value is not None}
    if source is not None and _is_model(source):
        if quantiles is not None:
            raise InputError("--quantiles is for processes of real numbers, and this is a model: leave it out")
        if context.args:
            raise InputError(f"{context.args[0]} is no option for a model that is trained already: leave it out")
        with as_options():
            _of_model(source, device, documents, length, seed, given, wanted)
        return
    if wrong := [*given, *(["device"] if device is not None else [])]:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in wrong)
        raise InputError(f"{options} cannot be used with a process, only with a model")
    process = make_process(*_named(source, context))
    _of_process(process if quantiles is None else in_symbols(process, quantiles), documents, length, seed, wanted)


def _is_model(text: str) -> bool:
    """Whether this is a model and no process: a process's name is one, whatever files there are."""
    from miscope.processes.naming import PROCESSES, kebab

    name = text.partition(":")[0]
    return kebab(name) not in PROCESSES and (names_model(text) or Path(text).is_file() or "/" in name)


def _of_model(
    name: str,
    device: str | None,
    documents: int,
    length: int | None,
    seed: int,
    given: dict[str, Any],
    wanted: _Output,
) -> None:
    """Draw from a model, write, and say what."""
    need_torch("sampling from a model")
    path = _checked(wanted.path, [name])
    model = open_model(name, device)
    write = writer(path.suffix.lower(), model, documents)
    with progress_bar("drawing", "symbols", wanted.quiet) as progress:
        from miscope.models import sample as draw_from

        with client_of(given.get("cluster")) as client:
            drawn = draw_from(model, documents, length, seed, progress=progress, **given | {"cluster": client})
    write(drawn, path)
    source = drawn.provenance
    about = {"file": str(path), "label": source["label"], "model": source["model"], "n_documents": drawn.n_documents}
    about |= {"length": int(drawn.lengths[0]), "seed": seed, "sampling": source["sampling"]}
    if wanted.json:
        say(_as_json(about))
    else:
        horizon = source["model"]["horizon"]
        say(_first_line(about, drawn))
        say(f"horizon: {'none' if horizon is None else f'{horizon:,} symbols'}")
    _hint(path, wanted.quiet, as_lines(model, documents) if hasattr(model, "alphabet_size") else True, "model")


def _of_process(process: Process, documents: int, length: int | None, seed: int, wanted: _Output) -> None:
    """Draw from a process, write, and say what, and what is exact about it."""
    path = _checked(wanted.path, [])
    write = writer(path.suffix.lower(), process, documents)
    drawn = draw(process, documents, length, seed, wanted.quiet)
    write(drawn, path)
    about = _about(process, drawn, own_length(process, length), seed, path)
    say(_as_json(about) if wanted.json else _shown(about, process, drawn))
    _hint(path, wanted.quiet, True, "process")


def _checked(path: Path | None, inputs: list[str]) -> Path:
    if path is None:
        raise InputError("say where to write, -o sample.arrow (or .npy, .txt): a sample is not printed")
    check_output(path, inputs, KINDS)
    return path


def _hint(path: Path, quiet: bool, lines: bool, what: str) -> None:
    """Say what was written, and what the file does not say."""
    if quiet:
        return
    note(f"wrote {path}")
    if path.suffix.lower() == ".npy":
        note(f"note: this file does not say of which {what} it is; an .arrow file does")
    if path.suffix.lower() == ".txt":
        measured = "; measure it with --documents line" if lines else ""
        note(f"note: this file does not say of which {what} it is (an .arrow file does){measured}")


def _named(process: str | None, context: typer.Context) -> tuple[str, dict[str, Any]]:
    """The process and those of its parameters that are options."""
    if process is None or process.startswith("-"):
        raise InputError(
            "name a PROCESS first, its parameters after it (miscope sample --list names them all), or a model"
        )
    from miscope.processes.naming import PROCESSES, kebab, parsed

    kind = PROCESSES[choice(kebab(parsed(process)[0]), PROCESSES, "process")]
    name = kebab(kind.__name__)
    found, others = parameters_in(context.args, named_parameters(kind), own_options(context), name)
    if others:
        raise InputError(f"cannot read {others[0]!r}: parameters of a process are written --name value")
    return process, found


def _listing() -> str:
    """All processes: name, what they are, parameters with defaults."""
    from miscope.processes.naming import PROCESSES

    values = "VALUE: has no default. Lists are written as in JSON: --transition '[[0.9, 0.1], [0.2, 0.8]]'"
    return "\n".join([*listing(PROCESSES), values])


def _as_json(about: dict[str, Any]) -> str:
    import json

    return json.dumps(about, ensure_ascii=False, allow_nan=False)


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


def _first_line(about: dict[str, Any], drawn: Any) -> str:
    kinds = f"symbols of {drawn.alphabet_size:,} kinds" if hasattr(drawn, "alphabet_size") else "real numbers"
    documents = "document" if drawn.n_documents == 1 else "documents"
    size = f"{about['n_documents']:,} {documents} of {about['length']:,} {kinds}"
    return f"{about['label']}: {size}, seed {about['seed']}"


def _shown(about: dict[str, Any], process: Process, drawn: Any) -> str:
    """What was drawn and what is exact about it, for people."""
    lines = [_first_line(about, drawn)]
    if about["exact"] is None:
        return "\n".join([*lines, "exact mutual information: not known, only by measuring"])
    rows = [("lag", "exact MI (nats)")] * bool(about["lags"])
    rows += [(str(lag), f"{value:.6g}") for lag, value in zip(about["lags"], about["exact"], strict=True)]
    lines += [f"{lag:>8}  {value:>15}" for lag, value in rows]
    lines.append(f"law: {'not known' if process.law is None else process.law}")
    if process.entropy_rate is not None:
        lines.append(f"entropy rate: {process.entropy_rate:.6g} nats a symbol")
    return "\n".join(lines)
