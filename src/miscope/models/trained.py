"""`TrainedModel`: a model with the history of its training."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from miscope.models.base import device_of, label_of

__all__ = ["History", "TrainedModel"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class History:
    """How a training went: one row for each evaluation.

    Attributes
    ----------
    steps
        Steps done, int64 of shape (n,).
    loss
        Mean loss since the row before, in nats a symbol; float64 of shape (n,).
    valid
        Loss on held-out data, in nats a symbol; nan where there are none.
    learning_rate
        Of the last step.
    """

    steps: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    loss: Floats = field(default_factory=lambda: np.empty(0))
    valid: Floats = field(default_factory=lambda: np.empty(0))
    learning_rate: Floats = field(default_factory=lambda: np.empty(0))

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return f"History({len(self)} evaluations up to step {self.steps[-1]:,})" if len(self) else "History(empty)"

    @property
    def best(self) -> int | None:
        """The row whose loss on held-out data is lowest, the first of several; None without held-out data."""
        return None if np.isnan(self.valid).all() else int(np.nanargmin(self.valid))

    def appended(self, step: int, loss: float, valid: float | None, learning_rate: float) -> History:
        """With one more row."""
        row = (step, loss, math.nan if valid is None else valid, learning_rate)
        return History(
            np.append(self.steps, row[0]),
            np.append(self.loss, row[1]),
            np.append(self.valid, row[2]),
            np.append(self.learning_rate, row[3]),
        )

    def to_lists(self) -> dict[str, list[Any]]:
        """As JSON can hold it: nan as None."""
        columns = {name: getattr(self, name).tolist() for name in ("steps", "loss", "valid", "learning_rate")}
        columns["valid"] = [None if math.isnan(value) else value for value in columns["valid"]]
        return columns

    @classmethod
    def from_lists(cls, columns: Mapping[str, Any]) -> History:
        """What `to_lists` gave."""
        numbers = [np.array(columns[name], np.float64) for name in ("loss", "valid", "learning_rate")]
        history = cls(np.array(columns["steps"], np.int64), *numbers)
        if {each.shape for each in (history.steps, *numbers)} != {(len(history.steps),)}:
            raise ValueError("columns of equal length")
        return history


@dataclass(frozen=True, eq=False, repr=False)
class TrainedModel:
    """A model with the history of its training; itself a `SequenceModel`, and everything else that the model is.

    Attributes
    ----------
    model
        The trained model, in evaluation mode. What it has (`alphabet_size`, `horizon`, `features`, …) the trained
        model has too.
    history
        Losses over the training.
    entropy_rate
        Of the process that the data come from, in nats a symbol: no model's loss on unseen data can be below it but by
        chance. None where it is not known.
    provenance
        What it was trained on and how; JSON-able.
    """

    model: Any
    history: History
    entropy_rate: float | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Short name, for figures."""
        return label_of(self.model)

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return device_of(self.model)

    def start(self, n: int) -> Any:
        """The state of n documents of which nothing has been read."""
        return self.model.start(n)

    def step(self, symbols: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        """Read a symbol of each document; log-probabilities of the next, shape (n, alphabet_size), and the state."""
        log_probs, state = self.model.step(symbols, state)
        return log_probs, state

    def log_probs(self, codes: Tensor) -> Tensor:
        """Log-probabilities of every symbol given those before it, shape (n, length, alphabet_size)."""
        result: Tensor = self.model.log_probs(codes)
        return result

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.safetensors`` file, which `miscope.models.load` reads; see `miscope.models.storage.save`."""
        from miscope.models.storage import save  # stands above this file

        save(self, path)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "model":  # nothing of Python's own, nor before there is a model
            raise AttributeError(name)
        return getattr(self.model, name)

    def __repr__(self) -> str:
        parts = []
        if len(self.history):
            row = self.history.best
            row = len(self.history) - 1 if row is None else row
            parts.append(f"loss {self.history.loss[row]:.4f}")
            if not math.isnan(self.history.valid[row]):
                parts.append(f"valid {self.history.valid[row]:.4f}")
        if self.entropy_rate is not None:
            parts.append(f"entropy rate {self.entropy_rate:.4f}")
        after = f" nats a symbol, step {self.history.steps[row]:,}" if len(self.history) else ""
        return f"TrainedModel({self.label}: {', '.join(parts) or 'no history'}{after})"
