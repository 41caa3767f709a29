"""Networks that are compared fairly: with as many parameters, or with as much arithmetic in their training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.studies.runs import Run

if TYPE_CHECKING:
    from miscope.models.trained import TrainedModel

__all__ = [
    "CENTRE",
    "COMPUTE",
    "LEARNT",
    "RIVALS",
    "SLIDING",
    "TRANSFORMERS",
    "WINDOWED",
    "contenders",
    "file_name",
    "n_parameters",
    "still_learning",
    "training_flops",
]

CENTRE = "rotary"
TRANSFORMERS = ("rotary", "learned", "alibi", "one layer")
"""Attend to all of their context; the first is what the others are compared with."""

WINDOWED = ("window, one layer", "window, two layers")
RIVALS = ("lstm", "lru", "gated-lru")
COMPUTE = " (equal compute)"
SLIDING = "sliding context"
"""The first, drawn beyond its context."""

_LEAST_STEPS, _LATE, _MORE = 300, 0.75, 0.03

LEARNT = (
    f"A network counts only after {_LEAST_STEPS} steps, if the last quarter of them brought less than {_MORE:.0%} of "
    "what it learnt."
)
"""Part of rules about trained networks."""


def contenders(settings: Mapping[str, Any]) -> dict[str, Run]:
    """All networks by name; the names of their files have hyphens.

    The first has the width of the settings. The others have the width at which their number of parameters is nearest
    to its, but for those with a window, which have its own width; those for equal compute have more steps.
    """
    width, heads, context = settings["width"], settings["heads"], settings["context"]
    attending = {"heads": heads, "context": context}
    centre = attending | {"width": width, "depth": 2, "positions": "rotary"}
    target = n_parameters("transformer", centre)
    shapes: dict[str, dict[str, Any]] = {
        "rotary": centre,
        "learned": _fitted("transformer", attending | {"depth": 2, "positions": "learned"}, target),
        "alibi": _fitted("transformer", attending | {"depth": 2, "positions": "alibi"}, target),
        "one layer": _fitted("transformer", attending | {"depth": 1, "positions": "rotary"}, target),
        "window, one layer": centre | {"depth": 1, "window": settings["window"]},
        "window, two layers": centre | {"window": settings["window"]},
    }
    made = {name: _run(name, "transformer", shape, settings) for name, shape in shapes.items()}
    for kind in RIVALS:
        made[kind] = _run(kind, kind, _fitted(kind, {}, target), settings)
    for kind in RIVALS:
        steps = round(made[kind].steps * training_flops(made[CENTRE]) / training_flops(made[kind]))
        made[kind + COMPUTE] = replace(made[kind], name=file_name(kind + COMPUTE), steps=steps)
    return made


def _run(name: str, kind: str, shape: Mapping[str, Any], settings: Mapping[str, Any]) -> Run:
    use = "far" if kind != "transformer" else "beyond" if "window" in shape else ""
    return Run(
        file_name(name),
        kind,
        tuple(sorted(shape.items())),
        settings["steps"],
        settings["batch"],
        settings["context"],
        settings[f"{use}_documents"] if use else settings["documents"],
        settings[f"{use}_length"] if use else settings["context"] - 1,
        settings["seed"],
    )


def file_name(name: str) -> str:
    """That of a network's files."""
    return "-".join("".join(each for each in name if each not in ",()").split())


def n_parameters(kind: str, shape: Mapping[str, Any]) -> int:
    """How many a network of two symbols has.

    >>> n_parameters("lstm", {"width": 16})
    2258
    """
    return _counted(kind, tuple(sorted(shape.items())))


@cache
def _counted(kind: str, shape: tuple[tuple[str, Any], ...]) -> int:
    from miscope.models.naming import make

    return int(make(kind, 2, dict(shape)).n_parameters)


def _fitted(kind: str, shape: dict[str, Any], target: int) -> dict[str, Any]:
    """With the width at which the number of parameters is nearest to the target."""
    unit = shape.get("heads", 1) * (2 if shape.get("positions") == "rotary" else 1)  # which turn pairs of numbers

    def size(units: int) -> int:
        return n_parameters(kind, shape | {"width": units * unit})

    high = 2
    while size(high) <= target:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) <= target else (low, middle)
    width = unit * min((low, high), key=lambda units: abs(size(units) - target))
    return shape | {"width": width}


def still_learning(model: TrainedModel) -> bool:
    """Whether a training was short, or its last quarter brought much of what it learnt (from ln K down)."""
    history = model.history
    if history.steps[-1] < _LEAST_STEPS:
        return True
    late = int(np.argmax(history.steps >= _LATE * history.steps[-1]))
    least, known = float(np.nanmin(history.valid)), math.log(int(model.alphabet_size))
    return bool(float(np.nanmin(history.valid[: late + 1])) - least > _MORE * max(known - least, 0.0))


def training_flops(run: Run) -> float:
    """Floating-point operations of a training, estimated.

    For each symbol 6 for each parameter that multiplies (2 forward, 4 backward; tables that are looked up are left
    out), and for attention ``12 depth width length`` more: scores and sums over all positions, masked ones too.

    >>> small = Run("small", "lstm", (("width", 16),), 100, 4, 32, 16, 64)
    >>> training_flops(small) == 6 * (2258 - 3 * 16) * 100 * 4 * 32
    True

    References
    ----------
    Kaplan et al. 2020, arXiv:2001.08361, table 1 (there without what is masked).
    """
    shape = dict(run.arguments)
    width = shape["width"]
    looked_up = (run.alphabet_size + 1) * width
    if shape.get("positions") == "learned":
        looked_up += shape["context"] * width
    each = 6.0 * (n_parameters(run.kind, shape) - looked_up)
    if run.kind == "transformer":
        each += 12.0 * shape["depth"] * width * run.length
    return float(each * run.steps * run.batch * run.length)
