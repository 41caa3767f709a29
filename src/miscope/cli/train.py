"""`miscope train`: from data, or from a process, to a model in a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from miscope.cli.alike import read_alike
from miscope.cli.common import aligned, as_options, check_output, finite, guarded, note, progress_bar, say
from miscope.cli.curves import FIGURES
from miscope.cli.files import FILES_HELP, Reading, read_files, takes_files
from miscope.cli.models import n_parameters, need_torch, placed
from miscope.cli.parameters import listing, named_parameters, own_options, parameters_in
from miscope.cli.sources import QUANTILES, Quantiles, check_source, in_symbols, make_process
from miscope.errors import InputError, choice

if TYPE_CHECKING:
    from miscope.models.trained import TrainedModel

__all__ = ["train"]

_FROM_ELSEWHERE = ("alphabet_size", "channels", "seed")  # parameters that data and --seed give
_MODELS = (".safetensors",)


@guarded
@takes_files
def train(
    context: typer.Context,
    reading: Reading,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="rnn, gru, lstm, lru, gated-lru, transformer or linear-gaussian-rnn (see --list), its parameters "
            "following as options: lstm --width 32 --depth 2.",
            show_default=False,
        ),
    ] = None,
    rest: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE...",
            help=f"What to learn. {FILES_HELP}",
            show_default=False,
        ),
    ] = None,
    process: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="Instead of files: learn from a process, which draws new documents each step, such as "
            "power-law-binary:amplitude=0.1,exponent=0.4. See miscope sample --list.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write the model: .safetensors.", show_default=False),
    ] = None,
    valid: Annotated[
        Path | None,
        typer.Option(help="File to hold out, for evaluation. Default: a tenth of the data.", show_default=False),
    ] = None,
    no_valid: Annotated[bool, typer.Option("--no-valid", help="Hold nothing out; the last weights are kept.")] = False,
    steps: Annotated[int, typer.Option(help="Updates of the weights.")] = 2000,
    batch: Annotated[int, typer.Option(help="Documents in each, over all devices.")] = 64,
    length: Annotated[
        int | None,
        typer.Option(help="Symbols in each document. Default: 512, or what data and model have.", show_default=False),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Default: what the model recommends, or 0.01, without a state 0.003.", show_default=False),
    ] = None,
    weight_decay: Annotated[float, typer.Option(help="Of AdamW.")] = 0.0,
    warmup: Annotated[float, typer.Option(help="Part of the steps over which the learning rate rises.")] = 0.05,
    clip: Annotated[float, typer.Option(help="Largest norm of the gradient; 0 for no limit.")] = 1.0,
    precision: Annotated[str, typer.Option(help="float32, bfloat16 or auto.")] = "auto",
    patience: Annotated[
        int | None,
        typer.Option(help="Stop after so many evaluations that were not better. Default: never.", show_default=False),
    ] = None,
    evaluate_every: Annotated[
        int | None, typer.Option(help="Steps between evaluations. Default: a twentieth of all.", show_default=False)
    ] = None,
    quantiles: Quantiles = None,
    seed: Annotated[int, typer.Option(help="For weights, batches and dropout.")] = 0,
    device: Annotated[
        str | None,
        typer.Option(help="Where to compute, such as cpu or cuda. Default: the fastest there is.", show_default=False),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Where the training is kept as it goes, and goes on from: .safetensors. Default: beside the output, "
            "MODEL.checkpoint.safetensors, which is removed when the model is written; one that is named stays.",
            show_default=False,
        ),
    ] = None,
    no_resume: Annotated[
        bool, typer.Option("--no-resume", help="Begin anew, and write over a checkpoint that is there.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the losses: .png, .svg or .pdf.", show_default=False)] = None,
    show_list: Annotated[bool, typer.Option("--list", help="List the models with their parameters, and stop.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Train a model to predict each symbol from those before it.

    Any option that is not one of those below is a parameter of the model: miscope train --list names them all, each
    with its default. Stopped and started again, a training goes on from where it was. On several devices: accelerate
    launch -m miscope train ...

    For example:

      miscope train --list

      miscope train lstm --width 32 book.txt -o book.safetensors

      miscope train transformer --context 256 --positions alibi part-*.txt --unit byte --steps 5000 -o bytes.safetensors

      miscope train gru --process power-law-binary:amplitude=0.1,exponent=0.4 -o gru.safetensors --plot loss.png
    """
    if show_list:
        say(_listing())
        return
    name, parameters, files = _named(model, rest or [], context)
    if not files and process is None:
        raise InputError("nothing to learn: name a FILE (- for standard input), or a process with --process SPEC")
    if valid is not None and no_valid:
        raise InputError("--valid and --no-valid exclude each other: leave one of them out")
    named = [*files, *([str(valid)] if valid is not None else [])]
    place = _Place.of(output, checkpoint, named, resume=not no_resume)
    check_output(plot, named, FIGURES)
    check_source(files, process, reading, {})
    is_main = os.environ.get("RANK", "0") == "0"  # of several processes, the one that speaks and writes
    quiet = quiet or not is_main
    with as_options():
        need_torch("training")
        data, held_out = _data(files, process, str(valid) if valid else None, reading, quantiles, name, quiet)
        made = placed(_model(name, parameters, data, seed), device)
        settings: dict[str, Any] = {"steps": steps, "batch": batch, "length": length, "learning_rate": learning_rate}
        settings |= {"weight_decay": weight_decay, "warmup": warmup, "clip": clip or None, "precision": precision}
        settings |= {"patience": patience, "evaluate_every": evaluate_every, "seed": seed, "device": device}
        trained = _train(made, data, False if no_valid else held_out, settings, place, quiet)
    if is_main:
        _deliver(trained, place, plot, json, quiet)


def _named(model: str | None, rest: list[str], context: typer.Context) -> tuple[str, dict[str, Any], list[str]]:
    """The model's name, those of its parameters that are options, and files."""
    if model is None or model.startswith("-"):
        raise InputError("name a MODEL first, its parameters after it; miscope train --list names them all")
    need_torch("training")
    from miscope.models.naming import MODELS
    from miscope.processes.naming import kebab

    model = choice(kebab(model), MODELS, "model")
    known = named_parameters(MODELS[model], _FROM_ELSEWHERE)
    parameters, files = parameters_in([*rest, *context.args], known, own_options(context), model)
    if wrong := [word for word in files if word.startswith("-") and word != "-"]:
        raise InputError(f"cannot read {wrong[0]!r}: parameters of a model are written --name value")
    return model, parameters, files


def _listing() -> str:
    """All models: name, what they are, parameters with defaults."""
    need_torch("training")
    from miscope.models.naming import MODELS

    return "\n".join([*listing(MODELS, _FROM_ELSEWHERE), "What is left out has the default that is shown, or none."])


class _Place(NamedTuple):
    """Where a training is kept, and where its model goes."""

    output: Path
    checkpoint: Path
    stays: bool
    resume: bool

    @classmethod
    def of(cls, output: Path | None, checkpoint: Path | None, inputs: list[str], resume: bool) -> _Place:
        """Both paths, checked."""
        if output is None:
            raise InputError("say where to write the model, -o model.safetensors")
        check_output(output, inputs, _MODELS)
        beside = output.with_name(f"{output.stem}.checkpoint{output.suffix}") if checkpoint is None else checkpoint
        check_output(beside, inputs, _MODELS)
        if beside.absolute() == output.absolute():
            raise InputError(f"{output} cannot be both the model and its checkpoint: choose another name for one")
        return cls(output, beside, checkpoint is not None, resume)


def _data(
    files: list[str],
    process: str | None,
    valid: str | None,
    reading: Reading,
    quantiles: int | None,
    name: str,
    quiet: bool,
) -> tuple[Any, Any]:
    """What to learn, as the model takes it, and what is held out of it, if that is a file."""
    from miscope.sequences import Series

    real = _is_of_numbers(name)
    if real and quantiles is not None:
        raise InputError(f"{name} takes numbers as they are: leave --quantiles out")
    if process is not None:
        source = make_process(process)
        data: Any = source if real else in_symbols(source, quantiles)
    else:
        data = read_files(files, reading, quantiles, quiet)
        if isinstance(data, Series) and not real:
            data = data.quantise(QUANTILES if quantiles is None else quantiles)
    if valid is None:
        return data, None
    if process is not None:
        return data, read_files([valid], reading, None, quiet)
    return data, read_alike([valid], reading, data, quiet)


def _is_of_numbers(name: str) -> bool:
    from miscope.models.naming import MODELS

    return "alphabet_size" not in named_parameters(MODELS[name])


def _model(name: str, parameters: dict[str, Any], data: Any, seed: int) -> Any:
    """The model to train, with as many symbols, or channels, as the data have."""
    from miscope.models.naming import make

    given = {**parameters, "seed": seed}
    if _is_of_numbers(name):
        if not hasattr(data, "n_channels"):
            raise InputError(f"{name} is a model of real numbers, and the data are symbols")
        return make(name, None, {**given, "channels": data.n_channels})
    if data.alphabet_size < 2:
        raise InputError("the data have one kind of symbol only: there is nothing to learn")
    made = make(name, data.alphabet_size, given)
    made.alphabet = data.alphabet  # before training, so that what is held out is read in the same codes
    return made


class _Watch:
    """Passes progress on, and says once where the training goes on from."""

    def __init__(self, place: _Place, report: Any, quiet: bool) -> None:
        self.place, self.report, self.quiet = place, report, quiet
        self.done = 0

    def __call__(self, done: int, total: int, message: str) -> None:
        if self.done == 0 and done > 1 and not self.quiet:
            note(f"resuming at step {done - 1} of {self.place.checkpoint}")
        self.done = done
        if self.report is not None:
            self.report(done, total, message)


def _train(model: Any, data: Any, valid: Any, settings: dict[str, Any], place: _Place, quiet: bool) -> TrainedModel:
    from miscope.models.training import train as train_model

    before = _written(place.checkpoint)
    with progress_bar("training", "steps", quiet) as report:
        watch = _Watch(place, report, quiet)
        try:
            trained = train_model(
                model, data, valid=valid, checkpoint=place.checkpoint, resume=place.resume, progress=watch, **settings
            )
        except KeyboardInterrupt:
            now = _written(place.checkpoint)
            if now and not quiet and (place.resume or now != before):
                same = "the same command" if place.resume else "the same command without --no-resume"
                note(f"note: the training is kept in {place.checkpoint}; {same} goes on from there")
            raise
    if watch.done == 0 and not quiet and before:
        note(f"note: the training in {place.checkpoint} was finished already")
    return trained


def _written(path: Path) -> int:
    """When a file was written; 0 where there is none."""
    return path.stat().st_mtime_ns if path.is_file() else 0


def _deliver(trained: TrainedModel, place: _Place, plot: Path | None, json: bool, quiet: bool) -> None:
    """Write the model, clear up, then print the result, then say what was written."""
    trained.save(place.output)
    if not place.stays:
        place.checkpoint.unlink(missing_ok=True)
    if plot is not None:
        from miscope.figures.history import plot_history

        plot_history(trained, plot)
    about = _about(trained, place.output)
    if json:
        import json as json_format

        say(json_format.dumps(finite(about), ensure_ascii=False, allow_nan=False))
    else:
        say(_shown(about))
    if not quiet:
        for path in (place.output, plot):
            if path is not None:
                note(f"wrote {path}")


def _about(trained: TrainedModel, path: Path) -> dict[str, Any]:
    """What came of a training, JSON-able."""
    history, model = trained.history, trained.model
    row = len(history) - 1 if history.best is None else history.best
    about: dict[str, Any] = {"file": str(path), "label": trained.label}
    about |= {"model": {"name": model.name, "config": model.config}, "n_parameters": n_parameters(model)}
    about |= {"horizon": model.horizon, "steps": int(history.steps[-1]), "kept_step": int(history.steps[row])}
    about |= {"loss": float(history.loss[row]), "valid": float(history.valid[row])}
    return about | {"entropy_rate": trained.entropy_rate, "unit": "nats", "history": history.to_lists()}


def _shown(about: dict[str, Any]) -> str:
    """What came of a training, for people."""
    kept = "" if about["kept_step"] == about["steps"] else f", kept those of step {about['kept_step']:,}"
    horizon = "none" if about["horizon"] is None else f"{about['horizon']:,} symbols"
    rows = [("model", str(about["label"])), ("parameters", f"{about['n_parameters']:,}"), ("horizon", horizon)]
    rows += [("steps", f"{about['steps']:,}{kept}"), ("loss", _loss(about["loss"]))]
    if about["valid"] == about["valid"]:
        rows.append(("held out", _loss(about["valid"])))
    if about["entropy_rate"] is not None:
        rows.append(("entropy rate", _loss(about["entropy_rate"])))
    return "\n".join(aligned(rows))


def _loss(value: float) -> str:
    return f"{value:.4f} nats a symbol" if abs(value) < 1e4 else f"{value:.4g} nats a symbol"
