"""Models by name: the command line, and files of models."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from miscope.errors import InputError, choice
from miscope.models.linear_gaussian import LinearGaussianRNN
from miscope.models.recurrent import GRU, LSTM, ElmanRNN
from miscope.models.state_space import LRU, GatedLRU
from miscope.models.transformer import Transformer
from miscope.processes.naming import kebab

__all__ = ["MODELS", "make"]

_CLASSES: tuple[Any, ...] = (ElmanRNN, GRU, LSTM, LRU, GatedLRU, Transformer, LinearGaussianRNN)

MODELS: dict[str, type[nn.Module]] = {each.name: each for each in _CLASSES}
"""Every model that can be named, by its name on the command line."""


def make(name: str, alphabet_size: int | None = None, parameters: Mapping[str, Any] | None = None) -> Any:
    """A model from its name, that of its class or that on the command line, and its parameters.

    Examples
    --------
    >>> make("lstm", 2, {"width": 8}).label
    'LSTM 8'

    Parameters
    ----------
    name
        One of `MODELS`.
    alphabet_size
        Number of symbols; None for models of real numbers, which have none.
    parameters
        The other arguments of its class.

    Raises
    ------
    InputError
        If there is no such model or parameter (the nearest is offered), or a value is not what it should be.
    """
    by_class = {kind.__name__: key for key, kind in MODELS.items()}
    name = by_class.get(name) or choice(kebab(name), MODELS, "model")
    signature = inspect.signature(MODELS[name]).parameters.values()
    known = [each.name for each in signature if each.kind is not each.VAR_KEYWORD]
    arguments = dict(parameters or {})
    for parameter in arguments:
        choice(parameter, [each for each in known if each != "alphabet_size"], f"parameter of {name}")
    if "alphabet_size" in known:
        if alphabet_size is None:
            raise InputError(f"{name} is a model of symbols: say how many there are, alphabet_size=")
        arguments["alphabet_size"] = alphabet_size
    elif alphabet_size is not None:
        raise InputError(f"{name} is a model of real numbers and has no alphabet: leave out alphabet_size")
    return MODELS[name](**arguments)
