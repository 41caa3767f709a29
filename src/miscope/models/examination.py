"""The examination of models that others made: whether their laws are laws, of what was read alone, at every length.

What it costs: some ten calls for 16 symbols of eight documents, and, of one document, a few at the longest length and
around each place that a configuration marks, none longer than `_LONGEST_READ` symbols nor dearer than `_MOST_WORK`:
together about as much as drawing a few documents. It is done once, and again when weights have changed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from miscope.errors import FormatError, InputError, MiscopeError
from miscope.models.devices import is_out_of_memory
from miscope.sequences.hugging_face import told

__all__ = ["Examination", "Subject", "examine", "networks_in", "weights_of"]

_SHORT, _CUTS = 16, (1, 5, 11)  # symbols read at first, and where what follows is changed, or left out
_USUAL, _HORIZON = 512, 1024  # symbols that are read where nothing says how many can be, and where something does
_LONGEST_READ = 8192  # up to a place that is marked
_MOST_WORK = 1 << 37  # parameters times symbols of one call: 1,100 symbols of a network of 124 million
_MOST_NUMBERS = 1 << 27  # log-probabilities of one call
_STEPS, _STEPS_TO_MARK = 64, 512  # symbols read one by one; and likewise where a window ends before the second
_SMALL = 10**8  # parameters of networks for which eight documents are read side by side, otherwise two
_SEED = 12345
_SAMPLED = 16  # numbers of each tensor by which weights are known again, beside their version
# By how much laws may differ that should be the same, as a share of the largest logarithm: rounding, which adds up over
# layers and differs with the shapes that are multiplied; and, since sums are then taken in another order, where symbols
# are read one by one. A number is rounded by 6e-8 in float32, 5e-4 in float16 and 4e-3 in bfloat16. In 80 kinds of
# networks the largest differences were 4e-7 and 2e-5 in float32, 6e-4 and 3e-3 in float16, 5e-3 and 4e-2 in bfloat16.
_ROUNDING = {torch.float16: (4e-3, 8e-3), torch.bfloat16: (2.5e-2, 5e-2)}
_ROUNDING_EXACT = (2e-5, 1e-4)


@dataclass(frozen=True, eq=False)
class Subject:
    """What is examined.

    Attributes
    ----------
    label
        What to call it.
    laws
        Log-probabilities behind each symbol read, from int64 (n, t) to (n, t, K); or behind the last one, (n, K).
    codes
        Codes that it may read, ascending, int64 of shape (n_codes,).
    longest
        Symbols that it says it can read; None for any number.
    special
        Those of them that it may treat in a way of their own.
    first
        A code that stands before all documents, or None.
    windows, original_lengths
        Lengths at which it may begin to work differently; beyond the second nothing is believed that was not seen.
    n_parameters, dtype, device
        Of its weights.
    step, filled
        Reading one symbol of each document, as the `step` of a model, and the state after codes that are read at once
        (without a code, that of so many documents). None where nothing is done but reading everything.
    """

    label: str
    laws: Callable[[Tensor], Tensor]
    codes: npt.NDArray[np.int64]
    longest: int | None
    special: tuple[int, ...] = ()
    first: int | None = None
    windows: tuple[int, ...] = ()
    original_lengths: tuple[int, ...] = ()
    n_parameters: int = 0
    dtype: torch.dtype = torch.float32
    device: torch.device | str = "cpu"
    step: Callable[[Tensor, Any], tuple[Tensor, Any]] | None = None
    filled: Callable[[Tensor], Any] | None = None


@dataclass(frozen=True)
class Examination:
    """What was found.

    Attributes
    ----------
    longest
        Symbols in the longest document whose laws hold; None where there is no limit.
    stepwise
        Whether symbols may be read one by one.
    read
        Symbols in the longest document that was read.
    notes
        What differs from what the model said, each a sentence.
    """

    longest: int | None
    stepwise: bool
    read: int
    notes: tuple[str, ...] = ()

    def about(self, length: int) -> tuple[str, ...]:
        """What a reader has to know of documents of this length."""
        length = length if self.longest is None else min(length, self.longest)  # where it slides, no more is read
        if length <= self.read:
            return self.notes
        unseen = f"the model was examined in documents of up to {self.read:,} symbols, and here it reads {length:,}"
        return (*self.notes, unseen)


def examine(subject: Subject, size: int) -> Examination:
    """Examine a model of `size` symbols.

    Raises
    ------
    InputError
        If its laws are random, depend on what follows, on the length of the document or on other documents even where
        those are short. What a network raises that cannot read even one symbol is raised as it is.
    FormatError
        If they are not finite.
    """
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        read = _drawn(subject, 8 if subject.n_parameters < _SMALL else 2, _affordable(subject, size))
        short = _readable(subject, read)
        early = _examined_shortly(subject, read[:, :short])
        longest, length, notes = _longest(subject, read[:1], early[:1], short)
        stepwise, reason = _stepwise(subject, read[:2, :length])
    return Examination(longest, stepwise, length, (*notes, *reason))


def _affordable(subject: Subject, size: int) -> int:
    """Symbols in the longest document that is read."""
    wanted = _USUAL if subject.longest is None else min(subject.longest, _HORIZON)
    marks = [mark + 2 for mark in (*subject.windows, *subject.original_lengths)]
    wanted = max([wanted, *(mark for mark in marks if mark <= _LONGEST_READ)])
    can = max(min(_MOST_WORK // max(subject.n_parameters, 1), _MOST_NUMBERS // size), _SHORT)
    return min([wanted, can, *([] if subject.longest is None else [subject.longest])])


def _drawn(subject: Subject, n: int, length: int) -> Tensor:
    """Documents of codes that the model may read, int64 of shape (n, length); the first has all special ones."""
    plain = np.setdiff1d(subject.codes, subject.special)
    drawn = np.random.default_rng(_SEED).choice(plain if len(plain) > 1 else subject.codes, (n, length))
    special = subject.special[: len(range(2, length, 3))]
    drawn[0, 2 : 2 + 3 * len(special) : 3] = special
    if subject.first is not None:
        drawn[:, 0] = subject.first
    return torch.from_numpy(drawn.astype(np.int64)).to(subject.device)


def _readable(subject: Subject, read: Tensor) -> int:
    """Symbols in the longest of the short documents that can be read at all."""
    for length in range(min(_SHORT, read.shape[1]), 0, -1):
        try:
            subject.laws(read[:, :length])
        except MiscopeError:
            raise
        except Exception as error:  # of whatever kind networks raise
            reason = _of_network(error)
        else:
            return length
    raise reason


def _examined_shortly(subject: Subject, read: Tensor) -> Tensor:
    """Laws of short documents, if nothing is wrong with them."""
    name, laws = subject.label, subject.laws
    found = laws(read)
    if not _is_finite(found):
        small = ", or too large for numbers of half precision (float32 has room)" if subject.dtype in _ROUNDING else ""
        raise FormatError(f"{name} gives numbers that are not finite: its weights are damaged{small}")
    if _differ(subject, found, laws(read)):
        raise InputError(
            f"{name} is random: reading the same {read.shape[1]} symbols twice gives different laws; switch off what "
            "draws (dropout: network.eval()) or keeps what it has seen"
        )
    few = max(len(read) // 4, 1)
    if _differ(subject, found[:few], laws(read[:few])):
        raise InputError(
            f"{name} gives a document of {read.shape[1]} symbols another law where other documents are read beside it: "
            "no document may depend on the others of its batch"
        )
    if found.ndim == 3:
        _check_what_follows(subject, read, found)
    return found


def _check_what_follows(subject: Subject, read: Tensor, found: Tensor) -> None:
    """Change what follows each of a few places, and leave it out."""
    places = np.searchsorted(subject.codes, read.cpu().numpy()) - 1  # of the next lower code, or the last
    others = torch.from_numpy(subject.codes[places]).to(read)
    for cut in (cut for cut in _CUTS if cut < read.shape[1]):
        changed = torch.cat([read[:, :cut], others[:, cut:]], dim=1)
        if _differ(subject, found[:, :cut], subject.laws(changed)[:, :cut]):
            raise InputError(
                f"{subject.label} looks ahead: the laws behind the first {cut} of {read.shape[1]} symbols change with "
                "those that follow, so that it is no causal model; mask what follows"
            )
        if _differ(subject, found[:, :cut], subject.laws(read[:, :cut])):
            raise InputError(
                f"{subject.label} looks at how long the document is: the laws behind its first {cut} symbols differ "
                f"where {read.shape[1]} are read"
            )


def _longest(subject: Subject, read: Tensor, early: Tensor, short: int) -> tuple[int | None, int, tuple[str, ...]]:
    """Symbols in the longest document whose laws hold, those of the longest that was read, and what was found."""
    top, stated = read.shape[1], subject.longest
    said = "any number" if stated is None else f"{stated:,}"
    below = {max(top - 1, 1)} if subject.n_parameters < _SMALL else set()  # of others steps tell, behind top - 2
    lengths = sorted({min(_SHORT, top), *_around(subject, top), *below, top})
    wrong = next((length for length in lengths if _wrong_at(subject, read, early, length)), None)
    if wrong is not None:
        good = _largest(lambda length: not _wrong_at(subject, read, early, length), short, wrong)
        reason = _wrong_at(subject, read, early, good + 1)
        return good, good, (f"documents end at {good:,} symbols (the model says {said}): with {good + 1:,}, {reason}",)
    unseen = [n for n in subject.original_lengths if top <= n and (stated is None or n < stated)]
    if unseen:
        note = (
            f"documents end at the {min(unseen):,} symbols that the positions were made for (the model says {said}): "
            f"behind them laws may change with the length, and it was examined up to {top:,} symbols only"
        )
        return min(unseen), top, (note,)
    return stated, top, ()


def _around(subject: Subject, top: int) -> set[int]:
    """Lengths at and behind the places that are marked, below the longest that is read."""
    marks = {mark + more for mark in (*subject.windows, *subject.original_lengths) for more in (0, 1)}
    return {length for length in marks if _SHORT < length < top}


def _largest(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The largest length from `low`, which holds, to below `high`, which does not."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _wrong_at(subject: Subject, read: Tensor, early: Tensor, length: int) -> str:
    """What is wrong with the laws behind so many symbols; nothing if they hold."""
    try:
        found = subject.laws(read[:, :length])
    except MiscopeError:
        raise
    except Exception as error:  # of whatever kind networks raise
        return f"it cannot ({told(_of_network(error))})"
    if not _is_finite(found):
        return "it gives numbers that are not finite"
    if found.ndim == 3 and _differ(subject, early[:, :length], found[:, : early.shape[1]]):
        return f"the laws behind the first {min(length, early.shape[1])} symbols change"
    return ""


def _of_network(error: Exception) -> Exception:
    """The same error, which is raised if it says that memory is used up: of the network that says nothing."""
    if is_out_of_memory(error):
        raise error
    return error


def _stepwise(subject: Subject, read: Tensor) -> tuple[bool, tuple[str, ...]]:
    """Whether reading one by one gives what reading at once does, and if not, why."""
    if subject.step is None or subject.filled is None:
        return False, ()
    try:
        where = _first_wrong_step(subject, read)
        reason = "" if where is None else f"the law behind symbol {where:,} is another than where all are read at once"
    except Exception as error:  # of whatever kind networks raise
        reason = told(_of_network(error))
    if not reason:
        return True, ()
    return False, (f"everything is read again for each symbol, which is slow: read one by one, {reason}",)


def _first_wrong_step(subject: Subject, read: Tensor) -> int | None:
    """The first symbol behind which reading one by one gives another law; None if there is none."""
    assert subject.step is not None
    assert subject.filled is not None
    length = read.shape[1]
    marks = [mark for mark in (*subject.windows, *subject.original_lengths) if mark < length]
    n_steps = _SHORT if subject.n_parameters >= _SMALL else max([_STEPS, *(m + 2 for m in marks if m < _STEPS_TO_MARK)])
    starts = {0: n_steps} | {at: at + 4 for at in (*(mark - 2 for mark in marks), length - 2) if at > n_steps}
    for start, end in starts.items():
        some = read if start == 0 else read[:1]  # where that is dear, of one document
        found = subject.laws(some[:, : min(end, length)])
        state = subject.filled(some[:, :start])
        for t in range(start, min(end, length)):
            laws, state = subject.step(some[:, t], state)
            if not _is_finite(laws) or _differ(subject, found[:, t], laws, stepwise=True):
                return t + 1
    return None


def _is_finite(laws: Tensor) -> bool:
    """Whether all are laws: -inf says that a symbol cannot come, but one must."""
    return bool((laws.amax(dim=-1).isfinite() & ~laws.isnan().any(dim=-1)).all())


def _differ(subject: Subject, first: Tensor, second: Tensor, stepwise: bool = False) -> bool:
    """Whether laws differ by more than rounding."""
    scale = float(first[first.isfinite()].abs().max())
    near = _ROUNDING.get(subject.dtype, _ROUNDING_EXACT)[stepwise] * max(scale, 1.0)
    return not torch.allclose(first, second, rtol=0.0, atol=near)


def weights_of(networks: Iterable[nn.Module]) -> tuple[Any, ...]:
    """What weights are known by: the version of each tensor, and some of its numbers, evenly spread.

    Versions rise with every change in place that torch is told of; a change through ``.data`` shows in the numbers, if
    it touches one of these.
    """
    return tuple(_known_by(tensor) for tensor in chain.from_iterable(map(_tensors, networks)))


def _tensors(network: nn.Module) -> list[Tensor]:
    return [each for each in network.state_dict(keep_vars=True).values() if isinstance(each, Tensor)]


def _known_by(tensor: Tensor) -> tuple[Any, ...]:
    version = 0 if tensor.is_inference() else tensor._version
    flat = tensor.detach().reshape(-1)
    some = flat[:: max(len(flat) // _SAMPLED, 1)].double().cpu().numpy().tobytes()
    return tuple(tensor.shape), version, some


def networks_in(function: Any) -> tuple[nn.Module, ...]:
    """The networks that a function is, belongs to, or names: those whose weights may change under it."""
    if isinstance(function, nn.Module):
        return (function,)
    named: list[Any] = [getattr(function, "__self__", None), *getattr(function, "args", ())]
    named += [getattr(function, "func", None), *getattr(function, "__dict__", {}).values()]
    if inspect.isfunction(function):
        variables = inspect.getclosurevars(function)
        named += [*variables.nonlocals.values(), *variables.globals.values()]
    return tuple(each for each in named if isinstance(each, nn.Module))
