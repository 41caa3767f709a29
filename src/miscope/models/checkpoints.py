"""Checkpoints: a training half done, as one file from which it goes on as if it had never stopped."""

from __future__ import annotations

import ast
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from miscope.errors import FormatError, InputError
from miscope.models.storage import read_tensors, write_tensors
from miscope.models.trained import History

__all__ = ["Checkpoint", "Progressed"]

FORMAT, VERSION = "miscope checkpoint", 1
_EVERY_SECONDS = 30.0
_DIGESTS = {
    "weights": "the model began with other weights",
    "data": "the data are others",
    "valid": "other data are held out",
}
_MOST_SHOWN = 60  # characters of a value
_SHARE = 20  # writing takes at most one part in so many of the time, where nobody says how often


@dataclass
class Progressed:
    """All that changes in a training.

    Attributes
    ----------
    model
        Its weights are those after `step` steps.
    optimizer
        Likewise.
    step
        Steps done.
    history
        Rows of all evaluations so far.
    interval
        Sum and number of the losses since the last of them.
    best
        The weights that did best on held-out data so far, or None.
    finished
        Whether there is nothing left to do.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    step: int
    history: History
    interval: tuple[float, int]
    best: dict[str, Tensor] | None
    finished: bool = False

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in (self.best or {}).items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
        return tensors

    def restore(self, body: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Become what was written."""
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
        for key, tensor in tensors.items():
            kind, _, name = key.partition(".")
            parts[kind][name] = tensor
        self.model.load_state_dict(parts["model"])
        weights = [each for group in self.optimizer.param_groups for each in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in parts["optimizer"].items():
            index, _, name = key.partition(".")
            weight = weights[int(index)].detach()
            if tensor.shape == weight.shape and name != "step":
                # The fused optimizer goes through memory as it lies: columns first, if the weight's columns come first.
                tensor = torch.empty_like(weight, dtype=tensor.dtype).copy_(tensor)
            state.setdefault(int(index), {})[name] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.best = parts["best"] or None
        self.step, self.finished = int(body["step"]), bool(body["finished"])
        self.history = History.from_lists(body["history"])
        self.interval = (float(body["interval"][0]), int(body["interval"][1]))


class Checkpoint:
    """Where a training is written down, and when.

    Parameters
    ----------
    path
        The file.
    every
        Steps between two writings. None: after evaluations and about every half minute, where that costs little.
    identity
        Everything that the outcome depends on, JSON-able: a training goes on only from a checkpoint with the same.
    """

    def __init__(self, path: str | os.PathLike[str], every: int | None, identity: Mapping[str, Any]) -> None:
        if Path(path).suffix.lower() != ".safetensors":
            raise InputError(f"a checkpoint is written as .safetensors, not {Path(path).name!r}")
        self.path, self.every, self.identity = Path(path), every, dict(identity)
        self.written: int | None = None  # step of the last one
        self._when, self._took = time.monotonic(), 0.0

    def due(self, step: int, evaluated: bool) -> bool:
        """Whether it is time to write. What is trained does not depend on it."""
        if self.every is not None:
            return step % self.every == 0
        passed = time.monotonic() - self._when
        return (evaluated or passed > _EVERY_SECONDS) and passed > _SHARE * self._took

    def write(self, progressed: Progressed, tensors: Mapping[str, Tensor]) -> None:
        """Write the file, whole or not at all."""
        before = time.monotonic()
        body = {
            "identity": self.identity,
            "step": progressed.step,
            "finished": progressed.finished,
            "history": progressed.history.to_lists(),
            "interval": list(progressed.interval),
        }
        write_tensors(self.path, FORMAT, VERSION, body, tensors)
        self.written = progressed.step
        self._when = time.monotonic()
        self._took = self._when - before

    def resume(self, progressed: Progressed) -> None:
        """Go on from the file, if there is one; refuse one of another training."""
        if not self.path.exists():
            return
        what = "a checkpoint of a training; pass another path for the checkpoint, or resume=False to write over it"
        body, tensors = read_tensors(self.path, FORMAT, VERSION, what)
        self._compare(body.get("identity"))
        try:
            progressed.restore(body, tensors)
        except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
            raise FormatError(
                f"{self.path} does not hold what a checkpoint of this training holds ({error}): begin anew with "
                "resume=False"
            ) from None
        self.written = progressed.step

    def _compare(self, found: Any) -> None:
        found = found if isinstance(found, dict) else {}
        advice = "pass another path for the checkpoint, or resume=False to begin anew and write over this one"
        different = [name for name, value in self.identity.items() if name not in found or found[name] != value]
        if "model" in different and "weights" in different:
            different.remove("weights")  # of another model, they cannot be the same
        if different:
            said = [
                each
                for name in different
                for each in _differences(name, found.get(name, "unknown"), self.identity[name])
            ]
            raise InputError(f"{self.path} is of another training: {'; '.join(said)}; {advice}")


def _differences(name: str, was: Any, now: Any) -> list[str]:
    """What differs in a part of the identity, in words."""
    if name in _DIGESTS:
        return [_DIGESTS[name]]
    if name == "model":
        return _differences_of_models(_parsed(was), _parsed(now))
    return [_changed(name, was, now)]


def _differences_of_models(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The kind of model, and of its arguments those that differ."""
    said = [] if was.get("name") == now.get("name") else [_changed("model", was.get("name"), now.get("name"))]
    before, after = ({**(each.get("config") or {})} for each in (was, now))
    names = [name for name in after if name in before and before[name] != after[name]]
    return [*said, *(_changed(name, before[name], after[name]) for name in names)] or ["the model is another"]


def _parsed(text: Any) -> Mapping[str, Any]:
    """A model as its identity has it; nothing if that cannot be read."""
    try:
        about = ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return {}
    return about if isinstance(about, dict) and isinstance(about.get("config"), dict | None) else {}


def _changed(name: str, was: Any, now: Any) -> str:
    values = ["none" if each is None else str(each) for each in (was, now)]
    if max(map(len, values)) > _MOST_SHOWN:
        return f"{name} was another"
    return f"{name} was {values[0]}, and is {values[1]} now"
