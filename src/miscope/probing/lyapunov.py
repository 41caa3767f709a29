"""Whether a network forgets its past when it is driven by given symbols."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["STEPS", "driven_exponent"]

_DOCUMENTS, _APART, _STEPS = 64, 64, 2048
STEPS = _APART + _STEPS
"""Symbols that are read at most."""

_LEAST = 1e-11  # differences below are those of rounding
_HEAD = 8


def driven_exponent(model: Any, seed: int = 0, progress: Callable[[int, int], object] | None = None) -> float:
    """Largest Lyapunov exponent of a model driven by given symbols, for each symbol.

    Two copies of the model with different pasts read the same symbols, drawn by one of them; their states come closer
    by ``exp(exponent * steps)``, in double precision.

    Parameters
    ----------
    model
        With `features`.
    seed
        For pasts and symbols.
    progress
        Called with symbols read and symbols to read at most; where the past is forgotten, it ends before.

    Returns
    -------
    float
        Negative where the past is forgotten. For a linear network it is ``ln`` of the spectral radius of W, without the
        feedback of its outputs.
    """
    inner = getattr(model, "model", model)  # of a trained one
    twin: Any = copy.deepcopy(inner).double() if isinstance(inner, nn.Module) else model
    generator = np.random.default_rng([2, seed])
    with torch.inference_mode():
        one, other = twin.start(_DOCUMENTS), twin.start(_DOCUMENTS)
        read, also_read = None, None
        logarithms = []
        for t in range(STEPS):
            if progress is not None:
                progress(t, STEPS)
            law, one = twin.step(read, one)
            other_law, other = twin.step(also_read, other)
            read = _value(twin, law, generator)
            also_read = _value(twin, other_law, generator) if t < _APART else read
            if t > _APART:
                apart = (twin.features(one).double() - twin.features(other).double()).norm(dim=1)
                logarithms.append(apart.clamp_min(1e-300).log().mean().item())
                if logarithms[-1] < np.log(_LEAST):
                    break
    values = np.array(logarithms[min(_HEAD, len(logarithms) // 4) :])
    if len(values) < 2:
        return float("-inf")  # forgotten at once
    return float(np.polyfit(np.arange(len(values)), values, 1)[0])


def _value(model: Any, law: Tensor, generator: np.random.Generator) -> Tensor:
    """Draw from a law: symbols, or for a real-valued model numbers about their means."""
    if hasattr(model, "n_channels"):
        normal = torch.from_numpy(generator.standard_normal(law.shape)).to(law)
        value: Tensor = law + normal @ torch.linalg.cholesky(model.noise).to(law).T
        return value
    uniforms = torch.from_numpy(generator.random((len(law), 1))).to(law)
    below = law.exp().cumsum(1)
    drawn: Tensor = (below[:, :-1] / below[:, -1:] <= uniforms).sum(1)
    return drawn
