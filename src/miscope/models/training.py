"""Training of models, on data or on what a process draws."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from torch import nn

from miscope.errors import InputError
from miscope.models.base import label_of
from miscope.models.batches import Data, as_data, default_length, sources
from miscope.models.checkpoints import Checkpoint
from miscope.models.devices import accelerator_on, chosen_device, chosen_precision
from miscope.models.running import Run, Settings, TrainingError
from miscope.models.storage import digest_of, versions
from miscope.models.trainable import trainable
from miscope.models.trained import History, TrainedModel
from miscope.processes.base import Process
from miscope.processes.checking import real_number, whole_number
from miscope.processes.naming import from_provenance

__all__ = ["History", "TrainedModel", "TrainingError", "train"]

Progress = Callable[[int, int, str], object]

_RATE_WITH_STATE, _RATE = 1e-2, 3e-3
_EVALUATIONS = 20


def train(
    model: Any,
    data: Any,
    *,
    steps: int = 2000,
    batch: int = 64,
    length: int | None = None,
    valid: Any = None,
    learning_rate: float | None = None,
    weight_decay: float = 0.0,
    warmup: float = 0.05,
    clip: float | None = 1.0,
    precision: str = "auto",
    patience: int | None = None,
    evaluate_every: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: bool = True,
    seed: int = 0,
    device: Any = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train a model to predict each symbol from those before it, by maximum likelihood.

    AdamW, with a learning rate that rises linearly over the warm-up and then falls as a cosine to a tenth. The same
    arguments give the same weights, to the last bit on the same CPU with as many threads.

    Parameters
    ----------
    model
        One of `miscope.models`, a trained one, what `wrap`, `pretrained` or `from_config` gave, or any torch module
        whose call on codes (int64, shape (n, length)) gives logits (n, length, K) of the *next* symbol at each
        position, which is wrapped for as many symbols K as the data have. (A module that has an `alphabet_size` gives
        those of *this* symbol, given the ones before.) It is left as it is: a copy is trained. A method ``loss(batch)``
        of its own, a scalar in nats a step, is used where there is one; it then sees no padded documents.
    data
        A process, which draws new documents each step; or `Sequences` (memory-mapped ones may have any size) or what
        `measure` takes, of which windows are read at random places. Every window is read as a document from its start.
        For models of real numbers a real process or a `Series`.
    steps
        Updates of the weights.
    batch
        Documents in each, over all devices.
    length
        Symbols in each document. Default: that of the documents if all are equal, and not longer than 1024 or what the
        model can read; else 512, or less where the model reads less.
    valid
        Data to hold out, for evaluation. Default: a tenth of the documents (of fewer than ten documents, the last tenth
        of each), or documents that the process draws from another seed. False: none.
    learning_rate
        Default: what the model recommends (`learning_rate`), else 0.01 for models with a state and no horizon and 0.003
        for others.
    weight_decay
        Of AdamW.
    warmup
        The part of the steps over which the learning rate rises.
    clip
        Largest norm of the gradient; None for no limit.
    precision
        ``"float32"``, ``"bfloat16"`` (weights stay float32), or ``"auto"``: bfloat16 on CUDA devices that have it, and
        float32 elsewhere: on a CPU bfloat16 gains little (a fifth, for an LSTM of 16 units) and costs digits.
    patience
        Stop early, after so many evaluations in a row that were not better than the best. None: never.
    evaluate_every
        Steps between evaluations. Default: a twentieth of `steps`.
    checkpoint
        A ``.safetensors`` file to write the training to as it goes. Where there is one of the same training, it goes on
        from there and ends with the same weights as if it had not been interrupted; one of another is refused. The file
        stays when the training is done: the same call then returns at once.
    checkpoint_every
        Steps between two writings. Default: after evaluations and about every half minute.
    resume
        False: begin anew, and write over a checkpoint.
    seed
        For batches and dropout. (The weights to begin with have the model's own seed.)
    device
        As torch names it. Default: the fastest there is. Under ``accelerate launch`` or ``torchrun`` each process takes
        its part of every batch.
    progress
        Called with steps done, steps to do, and a line such as
        ``"loss 0.6123, entropy rate 0.6010, valid 0.6130"``.

    Returns
    -------
    TrainedModel
        With the weights that did best on held-out data; without any, the last.

    Raises
    ------
    InputError
        If data and model do not fit one another, the model looks at what it has to foretell, an argument is not what it
        should be, or a checkpoint is of another training.
    TrainingError
        If the loss is not finite any more, or memory is used up: the message says what to try.

    Examples
    --------
    >>> from miscope.models import GRU
    >>> from miscope.processes import MarkovChain
    >>> chain = MarkovChain([[0.9, 0.1], [0.2, 0.8]])
    >>> trained = train(GRU(alphabet_size=2, width=4), chain, steps=60, batch=32, length=64)
    >>> round(trained.entropy_rate, 4), trained.history.steps[-1]
    (0.3835, np.int64(60))
    """
    original = model.model if isinstance(model, TrainedModel) else model
    if not isinstance(original, nn.Module) or not any(each.requires_grad for each in original.parameters()):
        raise InputError(
            f"{label_of(original)} has no weights to train; pass a model of miscope.models, or a network of torch "
            "itself rather than a function that calls it"
        )
    data = as_data(original, data)
    original = trainable(original, data)
    length = _length(original, data, length)
    where = chosen_device(device)
    settings = Settings(
        steps=whole_number(steps, "steps", 1),
        batch=whole_number(batch, "batch", 1),
        length=length,
        learning_rate=_learning_rate(original, learning_rate),
        weight_decay=_part(weight_decay, "weight_decay"),
        warmup=_part(warmup, "warmup", 1.0),
        clip=None if clip is None else real_number(clip, "clip", above=0.0),
        precision=chosen_precision(precision, where),
        patience=_whole_or_none(patience, "patience"),
        evaluate_every=_whole_or_none(evaluate_every, "evaluate_every") or -(-int(steps) // _EVALUATIONS),
        seed=whole_number(seed, "seed", 0),
    )
    if patience is not None and valid is False:
        raise InputError("patience asks for held-out data: leave out valid=False, or patience")
    read = sources(original, data, valid, settings.batch, length, settings.seed)
    trained: Any = copy.deepcopy(original)
    if read.alphabet is not None and hasattr(trained, "alphabet"):
        trained.alphabet = read.alphabet
    identity = {**_of_model(original), **read.identity, **asdict(settings)}
    every = _whole_or_none(checkpoint_every, "checkpoint_every")
    kept = None if checkpoint is None else Checkpoint(checkpoint, every, identity)
    entropy_rate = _entropy_rate(data)
    with accelerator_on(where, settings.precision) as accelerator:
        _check_processes(accelerator, settings.batch)
        trained.to(accelerator.device if accelerator.num_processes > 1 else where)
        run = Run(trained, read, settings, accelerator, kept, progress, entropy_rate)
        if kept is not None and resume:
            kept.resume(run.state)
        accelerator.wait_for_everyone()  # before anybody writes to the checkpoint that another reads
        run.go()
    if run.state.best is not None:
        trained.load_state_dict(run.state.best)
    about = {
        "training": {**identity, "data": _described(data), "digest": read.identity["data"]},
        "versions": versions(),
    }
    return TrainedModel(trained.eval(), run.state.history, entropy_rate, about)


def _length(model: Any, data: Data, length: int | None) -> int:
    longest: int | None = getattr(model, "longest", None)
    if length is None:
        return default_length(model, data)
    length = whole_number(length, "length", 1)
    if longest is not None and length > longest:
        raise InputError(
            f"length {length:,} is more than the {longest:,} symbols that {label_of(model)} can read: pass "
            f"length={longest}, or make a model with a longer context"
        )
    return length


def _learning_rate(model: Any, given: float | None) -> float:
    if given is not None:
        return real_number(given, "learning_rate", above=0.0)
    usual = _RATE_WITH_STATE if getattr(model, "horizon", 0) is None else _RATE
    return float(getattr(model, "learning_rate", None) or usual)


def _part(value: Any, name: str, below: float = math.inf) -> float:
    if not 0 <= real_number(value, name) < below:
        limit = f" and below {below:g}" if below < math.inf else ""
        raise InputError(f"{name} must be a number of at least 0{limit}, not {value}")
    return float(value)


def _whole_or_none(value: Any, name: str) -> int | None:
    return None if value is None else whole_number(value, name, 1)


def _of_model(model: Any) -> dict[str, Any]:
    """What a model is and began with, JSON-able."""
    about = {"name": getattr(type(model), "name", type(model).__name__), "config": getattr(model, "config", None)}
    return {"model": str(about), "weights": digest_of(model.state_dict(), repr(getattr(model, "alphabet", None)))}


def _check_processes(accelerator: Any, batch: int) -> None:
    if batch < accelerator.num_processes:
        raise InputError(
            f"a batch of {batch} cannot be shared by {accelerator.num_processes} processes: pass "
            f"batch={accelerator.num_processes} or more"
        )


def _entropy_rate(data: Data) -> float | None:
    process = data if isinstance(data, Process) else from_provenance(data.provenance)
    return None if process is None else process.entropy_rate


def _described(data: Data) -> dict[str, Any]:
    """Where data come from, JSON-able."""
    return {"process": data.description} if isinstance(data, Process) else dict(data.provenance)
