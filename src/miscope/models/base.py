"""What a model of sequences must offer, and what miscope's own models share."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from miscope.errors import InputError
from miscope.processes.checking import real_number, whole_number

__all__ = ["SequenceModel", "TorchModel", "checked_codes", "device_of", "label_of"]


@runtime_checkable
class SequenceModel(Protocol):
    """A law of sequences of symbols, one symbol after the other.

    Attributes
    ----------
    alphabet_size
        Number of symbols K; codes are 0 to K - 1.
    horizon
        How many symbols back the law of the next one may look; None where a state carries everything that was read.
    """

    alphabet_size: int
    horizon: int | None

    def start(self, n: int) -> Any:
        """The state of n documents of which nothing has been read."""
        ...

    def step(self, symbols: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        """Read a symbol of each document; return the log-probabilities of the next one, and the new state.

        Parameters
        ----------
        symbols
            int64, shape (n,); None before the first symbol, in the first call after `start`.
        state
            What `start` or the last `step` gave. It may be changed in place: use each state once.

        Returns
        -------
        Tensor
            Natural logarithms, shape (n, K).
        """
        ...

    def log_probs(self, codes: Tensor) -> Tensor:
        """Log-probabilities of every symbol, given those before it in its document.

        Parameters
        ----------
        codes
            int64, shape (n, length): documents from their start.

        Returns
        -------
        Tensor
            Shape (n, length, K): ``[:, t]`` is the law of ``codes[:, t]`` given ``codes[:, :t]``.
        """
        ...


class TorchModel(nn.Module):
    """What miscope's own models share; subclasses give `forward`, `start` and `step`.

    The law of the first symbol is learnt too: it follows a start symbol of code `alphabet_size`, which is never drawn.

    Attributes
    ----------
    alphabet_size
        Number of symbols.
    alphabet
        The symbol of each code, or None; set by training, from the data.
    horizon
        How many symbols back a prediction may look, or None.
    longest
        Symbols in the longest document that can be read; None where there is no limit.
    config
        The arguments that make an equal model, JSON-able (but for weights).
    """

    horizon: int | None = None
    longest: int | None = None
    alphabet: tuple[str | int, ...] | None = None
    name: ClassVar[str]

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.config = config
        self.alphabet_size = whole_number(config["alphabet_size"], "alphabet_size", 2)
        if "width" in config:
            self.width, self.depth = (
                whole_number(config["width"], "width", 1),
                whole_number(config["depth"], "depth", 1),
            )
            if not 0 <= real_number(config["dropout"], "dropout") < 1:
                raise InputError(f"dropout must be at least 0 and below 1, not {config['dropout']}")
            whole_number(config["seed"], "seed", 0)

    @property
    def n_parameters(self) -> int:
        """Number of parameters that training changes; shared ones count once."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def label(self) -> str:
        """Short name, for figures: ``LSTM 16``, or ``LSTM 16 x 2`` with two layers."""
        shape = f" {self.width}" + (f" x {self.depth}" if self.depth > 1 else "") if "width" in self.config else ""
        return f"{type(self).__name__}{shape}"

    def __repr__(self) -> str:
        # Without what is off: None, False, no dropout.
        shown = {name: value for name, value in self.config.items() if value not in (None, 0) and name != "seed"}
        arguments = ", ".join(f"{name}={value!r}" for name, value in shown.items())
        reach = "no horizon" if self.horizon is None else f"horizon {self.horizon:,}"
        return f"{type(self).__name__}({arguments}): {self.n_parameters:,} parameters, {reach}"

    def log_probs(self, codes: Tensor) -> Tensor:
        """Log-probabilities of every symbol given those before it, shape (n, length, alphabet_size)."""
        return torch.log_softmax(self(self.checked(codes)), dim=-1)

    def checked(self, codes: Tensor) -> Tensor:
        """Codes as int64 on the model's device, or an `InputError` that says what is wrong with them."""
        return checked_codes(self, codes)

    def shifted(self, codes: Tensor) -> Tensor:
        """What is read before each symbol: the start symbol, then all but the last; shape as `codes`."""
        first = codes.new_full((len(codes), 1), self.alphabet_size)
        return torch.cat([first, codes[:, :-1]], dim=1)

    def first(self, n: int) -> Tensor:
        """Start symbols for n documents, int64 of shape (n,)."""
        return torch.full((n,), self.alphabet_size, device=device_of(self))


def checked_codes(model: Any, codes: Tensor) -> Tensor:
    """Codes as int64 on the model's device, or an `InputError` that says what is wrong with them."""
    if codes.ndim != 2:
        raise InputError(f"codes must have the shape (documents, length), not {tuple(codes.shape)}")
    if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < model.alphabet_size:
        wrong = int(codes.min()) if int(codes.min()) < 0 else int(codes.max())
        raise InputError(
            f"symbol {wrong} is not one that the model knows: its {model.alphabet_size} have the codes 0 to "
            f"{model.alphabet_size - 1}"
        )
    longest: int | None = getattr(model, "longest", None)
    if longest is not None and codes.shape[1] > longest:
        raise InputError(
            f"documents of {codes.shape[1]:,} symbols are longer than the {longest:,} that {label_of(model)} can "
            "read; cut them, or make a model with a longer context"
        )
    return codes.to(device_of(model), torch.int64)


def device_of(model: Any) -> torch.device:
    """Where a model computes: where its first parameter is, its own `device`, or the CPU."""
    if isinstance(model, nn.Module):
        for parameter in model.parameters():
            return parameter.device
    return torch.device(getattr(model, "device", "cpu"))


def label_of(model: Any) -> str:
    """What to call a model in results."""
    return cast(str, getattr(model, "label", type(model).__name__))
