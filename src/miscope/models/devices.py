"""Where a training computes: one device or several, in which precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from miscope.errors import InputError, choice, require

__all__ = ["accelerator_on", "chosen_device", "chosen_precision", "is_out_of_memory", "lacks_bfloat16"]

PRECISIONS = {"float32": "no", "bfloat16": "bf16"}


def chosen_device(device: Any) -> torch.device:
    """The device that is named, or the fastest there is."""
    if device is None:
        # With several processes, each has one of its own, which accelerate knows.
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        where = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"device must be one that torch knows, such as 'cpu' or 'cuda', not {device!r}") from error
    if where.type == "meta":
        raise InputError("cannot compute on 'meta', where tensors have shapes and no numbers: name 'cpu', or 'cuda'")
    try:
        torch.empty(1, device=where)
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        if is_out_of_memory(error):
            raise
        reason = str(error).partition("\n")[0]
        raise InputError(f"cannot compute on {str(device)!r}: {reason}; leave --device out for the CPU") from None
    return where


def chosen_precision(precision: str, device: torch.device) -> str:
    """``"float32"`` or ``"bfloat16"``; ``"auto"`` is the second on CUDA devices that have it."""
    if choice(precision, ["auto", *PRECISIONS], "precision") != "auto":
        return precision
    return "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"


@contextmanager
def accelerator_on(device: torch.device, precision: str) -> Iterator[Any]:
    """Yield an `accelerate.Accelerator` for this training alone.

    Accelerate keeps the settings of the first one for the whole process. They are put aside here and given back at the
    end, so that one training can follow another with other settings, and whoever uses accelerate beside miscope finds
    theirs unchanged.
    """
    accelerate = require("accelerate", "models", "training")
    state = require("accelerate.state", "models", "training")
    shared = [state.AcceleratorState._shared_state, state.GradientState._shared_state]
    partial = state.PartialState._shared_state
    if partial.get("num_processes", 1) == 1 and not torch.distributed.is_initialized():
        shared.append(partial)  # of several processes it holds how they reach one another, which has to stay
    before = [dict(each) for each in shared]
    for each in shared:
        each.clear()
    try:
        yield accelerate.Accelerator(mixed_precision=PRECISIONS[precision], cpu=device.type == "cpu")
    finally:
        if torch.distributed.is_initialized() and shared[-1] is partial:
            shared, before = shared[:-1], before[:-1]
        for each, old in zip(shared, before, strict=True):
            each.clear()
            each.update(old)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is used up."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("allocate memory" in text or "out of memory" in text)


def lacks_bfloat16(error: BaseException) -> bool:
    """Whether an error says that torch has no kernel of a recurrent network for this processor."""
    return isinstance(error, RuntimeError) and "could not create a primitive descriptor" in str(error)
