"""The steps of a training, one after the other, on one device or several."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from miscope.errors import MiscopeError
from miscope.models.batches import Batch, Sources
from miscope.models.checkpoints import Checkpoint, Progressed
from miscope.models.devices import is_out_of_memory, lacks_bfloat16
from miscope.models.trained import History

__all__ = ["Run", "Settings", "TrainingError"]

Progress = Callable[[int, int, str], object]

_REPORT_SECONDS, _CHECK_SECONDS = 0.4, 0.2
_CHECKED_TOGETHER = 8  # steps after which several processes look at their losses, all at once
_LOWEST = 0.1  # of the learning rate, at the end


class TrainingError(MiscopeError):
    """A training cannot go on: its loss is not finite, or memory is used up."""


@dataclass(frozen=True)
class Settings:
    """The arguments of `train` that its outcome depends on, checked."""

    steps: int
    batch: int
    length: int
    learning_rate: float
    weight_decay: float
    warmup: float
    clip: float | None
    precision: str
    patience: int | None
    evaluate_every: int
    seed: int

    def rate(self, step: int) -> float:
        """The learning rate: rising linearly over the warm-up, then falling as a cosine to a tenth."""
        rising = max(int(self.warmup * self.steps), 1)
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        part = (step + 1 - rising) / max(self.steps - rising, 1)
        return self.learning_rate * (_LOWEST + (1 - _LOWEST) * 0.5 * (1 + math.cos(math.pi * part)))


class Objective(nn.Module):
    """The loss of a batch, summed over its symbols, in nats."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """A scalar."""
        own = getattr(self.model, "loss", None)
        if own is not None:
            mean: Tensor = own(values)
            return mean * (values.shape[0] * values.shape[1])
        logits = self.model(values)
        if mask is None:
            return nn.functional.cross_entropy(logits.flatten(0, 1), values.flatten(), reduction="sum")
        return nn.functional.cross_entropy(logits[mask], values[mask], reduction="sum")


class Run:
    """A training from where it stands to its end.

    Parameters
    ----------
    model
        A copy that is changed in place, on its device.
    sources
        What it reads.
    settings
        The arguments of `train`.
    accelerator
        Several devices and precision are its business.
    checkpoint, progress, entropy_rate
        As for `train`; None where there is none.
    """

    def __init__(
        self,
        model: nn.Module,
        sources: Sources,
        settings: Settings,
        accelerator: Any,
        checkpoint: Checkpoint | None = None,
        progress: Progress | None = None,
        entropy_rate: float | None = None,
    ) -> None:
        self.settings, self.sources, self.accelerator = settings, sources, accelerator
        self.checkpoint, self.progress, self.entropy_rate = checkpoint, progress, entropy_rate
        self.device = next(model.parameters()).device
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        fused = all(each.is_floating_point() for each in self.parameters) and self.device.type in ("cpu", "cuda", "mps")
        optimizer = torch.optim.AdamW(
            self.parameters, settings.learning_rate, weight_decay=settings.weight_decay, fused=fused
        )
        self.state = Progressed(model, optimizer, 0, History(), (0.0, 0), None)
        self.objective = Objective(model)
        self._pending: list[Tensor] = []  # losses that nobody has looked at yet
        self._reported = self._checked = -math.inf

    @property
    def several(self) -> bool:
        """Whether other processes train the same model."""
        return bool(self.accelerator.num_processes > 1)

    def go(self) -> None:
        """Train to the end."""
        state, settings = self.state, self.settings
        if state.finished:
            return
        placement = [False, False]
        self._prepared, self._optimizer = self.accelerator.prepare(
            self.objective, state.optimizer, device_placement=placement
        )
        while not state.finished:
            loss = self._step(state.step)
            state.step += 1
            self._pending.append(loss)
            last = state.step == settings.steps
            evaluated = last or state.step % settings.evaluate_every == 0
            if evaluated or self._due():
                self._look()
            if evaluated:
                self._evaluate()
                state.finished = last or self._patience_is_over()
            self._write(evaluated)
            self._report(evaluated)

    def _step(self, step: int) -> Tensor:
        """One step; the mean loss of the whole batch, on the device."""
        for group in self._optimizer.param_groups:
            group["lr"] = self.settings.rate(step)
        batch = self.sources.training.batch(step)
        with self._memory(batch), self._randomness(step):
            values, mask, count = self._mine(batch)
            self.objective.train()
            # Gradients of several processes are averaged, each of a part of the sum.
            loss = self._prepared(values, mask) * (self.accelerator.num_processes / count)
            self.accelerator.backward(loss)
            if self.settings.clip is not None:
                self.accelerator.clip_grad_norm_(self.parameters, self.settings.clip)
            self._optimizer.step()
            self._optimizer.zero_grad()
        loss = loss.detach()
        return self.accelerator.reduce(loss, "mean") if self.several else loss  # type: ignore[no-any-return]

    def _mine(self, batch: Batch) -> tuple[Tensor, Tensor | None, int]:
        """Rows of a batch for this process, on the device, and how many symbols there are in all rows."""
        values, mask = batch
        count = values.shape[0] * values.shape[1] if mask is None else int(mask.sum())
        if self.several:
            rows = slice(self.accelerator.process_index, None, self.accelerator.num_processes)
            values, mask = values[rows], None if mask is None else mask[rows]
        if self.device.type != "cpu":
            values = values.to(self.device, non_blocking=True)
            mask = None if mask is None else mask.to(self.device, non_blocking=True)
        return values, mask, count

    @contextmanager
    def _randomness(self, step: int) -> Iterator[None]:
        """Random numbers from a seed of this step, whatever went before; torch's own are left as they were."""
        words = np.random.SeedSequence([self.accelerator.process_index, step, self.settings.seed])
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            number = int(words.generate_state(1, np.uint64)[0] >> np.uint64(1))
            # Not torch.manual_seed: where no GPU is in use it formats a traceback each time, and keeps it.
            torch.default_generator.manual_seed(number)
            if devices:
                torch.cuda.manual_seed(number)
            yield

    def _due(self) -> bool:
        if self.several:  # a decision that all of them take alike
            every = self.checkpoint.every if self.checkpoint is not None else None
            return self.state.step % (every or _CHECKED_TOGETHER) == 0
        return time.monotonic() - self._checked > _CHECK_SECONDS

    def _look(self) -> None:
        """Look at the losses since the last time, all at once: on a GPU each look waits for it."""
        if not self._pending:
            return
        losses = torch.stack(self._pending).double().cpu().numpy()
        self._pending.clear()
        total, n = self.state.interval
        for index, loss in enumerate(losses.tolist()):
            if not math.isfinite(loss):
                self._refuse(self.state.step - len(losses) + index + 1, f"the loss is {loss}")
            total, n = total + loss, n + 1
        self.state.interval = total, n
        self._checked = time.monotonic()

    def _evaluate(self) -> None:
        """Add a row to the history, and keep the weights if they are the best so far."""
        state = self.state
        total, n = state.interval
        valid = self._held_out()
        if valid is not None and not math.isfinite(valid):
            self._refuse(state.step, f"the loss on held-out data is {valid}")
        best = state.history.best
        better = valid is not None and (best is None or valid < state.history.valid[best])
        state.history = state.history.appended(state.step, total / n, valid, self.settings.rate(state.step - 1))
        state.interval = (0.0, 0)
        if better:
            state.best = {name: tensor.detach().clone() for name, tensor in state.model.state_dict().items()}

    def _held_out(self) -> float | None:
        """Loss on held-out data, in nats a symbol."""
        if not self.sources.held_out:
            return None
        total, symbols = torch.zeros((), dtype=torch.float64), 0
        self.objective.eval()
        for batch in self.sources.held_out:
            values, mask, count = self._mine(batch)
            symbols += count
            if len(values):
                with torch.no_grad(), self._memory(batch):
                    total += self.objective(values, mask).double().cpu()
        if self.several:
            total = self.accelerator.reduce(total.float().to(self.device), "sum").cpu()
        return float(total) / symbols

    def _patience_is_over(self) -> bool:
        history, patience = self.state.history, self.settings.patience
        return patience is not None and history.best is not None and len(history) - 1 - history.best >= patience

    def _write(self, evaluated: bool) -> None:
        state, checkpoint = self.state, self.checkpoint
        if checkpoint is None or not self.accelerator.is_main_process:
            if state.finished and not _finite(state.model.state_dict()):
                self._refuse(state.step, "the weights are not finite")
            return
        if not state.finished and ((self._pending and self.several) or not checkpoint.due(state.step, evaluated)):
            return
        self._look()
        tensors = state.tensors()
        if not _finite(tensors):
            self._refuse(state.step, "the weights are not finite")
        checkpoint.write(state, tensors)

    def _report(self, evaluated: bool) -> None:
        if self.progress is None or not self.accelerator.is_main_process:
            return
        if evaluated or time.monotonic() - self._reported > _REPORT_SECONDS:
            self._reported = time.monotonic()
            self.progress(self.state.step, self.settings.steps, self._message())

    def _message(self) -> str:
        (total, n), history = self.state.interval, self.state.history
        parts = []
        if n or len(history):
            parts.append(f"loss {total / n if n else history.loss[-1]:.4f}")
        if self.entropy_rate is not None:
            parts.append(f"entropy rate {self.entropy_rate:.4f}")
        if len(history) and not math.isnan(history.valid[-1]):
            parts.append(f"valid {history.valid[-1]:.4f}")
        return ", ".join(parts)

    def _refuse(self, step: int, what: str) -> None:
        kept = ""
        if self.checkpoint is not None and self.checkpoint.written is not None:
            kept = f"; the checkpoint of step {self.checkpoint.written:,} is kept: {self.checkpoint.path}"
        clip = "" if self.settings.clip is not None else ", clip=1.0"
        exact = "" if self.settings.precision == "float32" else ', precision="float32"'
        raise TrainingError(
            f"the training went astray at step {step:,}: {what}; try a smaller learning rate "
            f"(learning_rate={self.settings.learning_rate / 3:.1g}){clip}{exact}{kept}"
        )

    @contextmanager
    def _memory(self, batch: Batch) -> Iterator[None]:
        """If memory is used up, find out how much would fit, and say so."""
        try:
            yield
            return
        except Exception as error:
            if lacks_bfloat16(error):
                raise TrainingError(
                    'this processor has no bfloat16 for such networks: train them with precision="float32"'
                ) from error
            if not is_out_of_memory(error):
                raise
            reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        # Out of the handler, where the error's traceback keeps what the step had taken.
        self.state.optimizer.zero_grad(set_to_none=True)
        size, fits = len(batch[0]), len(batch[0]) // 2
        while fits and not self._fits(batch, fits):
            fits //= 2
        length = batch[0].shape[1]
        if fits == 0:
            raise TrainingError(
                f"not even one document of {length:,} symbols fits into memory: pass a smaller length, "
                f"or make a smaller model ({reason})"
            )
        raise TrainingError(f"batch {size} does not fit into memory; {fits} would: batch={fits} ({reason})")

    def _fits(self, batch: Batch, n: int) -> bool:
        """Whether so many documents pass forward and backward; in this process alone."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        values, mask = (None if each is None else each[:n].to(self.device) for each in batch)
        try:
            self.objective(values, mask).backward()
        except Exception as error:
            if is_out_of_memory(error):
                return False
            raise
        finally:
            self.state.optimizer.zero_grad(set_to_none=True)
        return True


def _finite(tensors: dict[str, Tensor]) -> bool:
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values() if tensor.is_floating_point())
