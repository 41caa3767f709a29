"""Networks of torch that somebody made, as what can be trained."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from miscope.errors import InputError
from miscope.models.base import TorchModel, device_of, label_of
from miscope.models.batches import Data
from miscope.models.examination import Subject, examine
from miscope.models.wrapping import WrappedFunction, wrap

__all__ = ["trainable"]

_READ = 8  # symbols by which it is seen whether a network looks at the last


def trainable(model: Any, data: Data) -> Any:
    """A network with whose forward pass data are learnt: it gives logits of each symbol given those before it.

    Raises
    ------
    InputError
        If the network looks at the symbol that it has to foretell, or behind it.
    """
    if hasattr(model, "examine"):
        model.examine()
    elif not isinstance(model, TorchModel) and not hasattr(model, "n_channels") and not hasattr(model, "loss"):
        if not hasattr(model, "alphabet_size"):
            return _wrapped(model, data)
        _check_foretelling(copy.deepcopy(model).eval())
    return model


def _wrapped(network: nn.Module, data: Any) -> WrappedFunction:
    """A copy of a network that gives the law of the next symbol at each position, wrapped and examined."""
    size, label = int(data.alphabet_size), type(network).__name__
    model = wrap(copy.deepcopy(network), size, label=label)
    model = wrap(copy.deepcopy(network), size, horizon=model.measured().longest, label=label)
    read = torch.arange(2 * _READ, device=device_of(model)).reshape(2, _READ) % size
    function: Any = model.function
    first, second = (_changes(function, read, place, size) for place in (_READ - 1, _READ - 2))
    if second and not first:
        raise InputError(
            f"{label} does not look at the last symbol that it reads: if it gives the law of *this* symbol at each "
            f"position rather than of the next, give it an attribute alphabet_size ({size}); otherwise train "
            f"miscope.models.wrap(network, {size})"
        )
    return model


def _changes(network: Any, read: Tensor, place: int, size: int) -> bool:
    """Whether what is given behind the last symbol changes with the symbol at a place."""
    other = read.clone()
    other[:, place] = (read[:, place] + 1) % size
    with torch.no_grad():
        return not torch.equal(network(read)[:, -1], network(other)[:, -1])


def _check_foretelling(model: Any) -> None:
    """Refuse a network with an alphabet that looks at the very symbol whose law it gives."""

    def laws(read: Tensor) -> Tensor:
        # One more symbol, whatever it is: its law is that behind all others.
        return torch.log_softmax(model(nn.functional.pad(read, (0, 1)))[:, 1:], dim=-1)

    size, longest = int(model.alphabet_size), getattr(model, "longest", None)
    longest = None if longest is None else max(int(longest) - 1, 1)
    weights = list(model.parameters())
    subject = Subject(
        label=label_of(model),
        laws=laws,
        codes=np.arange(size),
        longest=longest,
        n_parameters=sum(each.numel() for each in weights),
        dtype=weights[0].dtype,
        device=device_of(model),
    )
    try:
        examine(subject, size)
    except InputError as error:
        raise InputError(
            f"{error}. A network with alphabet_size gives the law of *this* symbol at each position, given those "
            f"before it; one that gives the law of the next is trained as miscope.models.wrap(network, {size})"
        ) from None
    except Exception:
        return  # the training will meet it too, and say what can be done
