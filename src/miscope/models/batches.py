"""Where batches come from: documents drawn afresh from a process, or windows of data of any size."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from miscope.errors import InputError
from miscope.models.base import label_of
from miscope.processes.base import Process, RealProcess
from miscope.sequences import Sequences, Series
from miscope.sequences.in_memory import made_already

__all__ = [
    "Batch",
    "Data",
    "Drawn",
    "Regions",
    "Sources",
    "Stream",
    "Windows",
    "as_data",
    "default_length",
    "derived_seed",
    "held_out_split",
    "identity",
    "recoding",
    "sources",
]

Batch = tuple[Tensor, Tensor | None]
"""Codes, int64 of shape (n, length), or values, float32 of shape (n, length, channels); and which of them count: bool
of shape (n, length), or None where all do."""

Data = Process | Sequences | Series
Array = npt.NDArray[Any]

_AT_ONCE = 1 << 19  # symbols that are drawn from a process at once, about; part of what a seed means
_EVALUATED = 8  # batches of held-out data that are evaluated
_USUAL, _LONGEST_USUAL = 512, 1024
_FEW = 10  # documents below which the end of each is held out, not one of them
_HASHED, _PIECES = 1 << 16, 64  # symbols in each of so many pieces that tell one corpus from another
_TRAINING, _HELD_OUT, _SPLIT = 0, 1, 2  # purposes of seeds


class Stream(Protocol):
    """A source of batches. Each depends on the seed and the number of the step alone, so that any can be made again."""

    def batch(self, step: int) -> Batch:
        """The batch of one step."""
        ...


@dataclass(frozen=True)
class Regions:
    """Pieces of the array of all symbols, no one longer than a document: starts and ends, int64 of shape (n,)."""

    starts: Array
    ends: Array

    @classmethod
    def of(cls, offsets: Array) -> Regions:
        """All documents."""
        return cls(offsets[:-1], offsets[1:])


class Drawn:
    """Documents drawn from a process, new ones each step.

    Parameters
    ----------
    process
        What to draw from.
    batch, length
        Documents in a batch, and symbols in each. Where a process has documents of one length only, and a greater one,
        a window is cut from each at a random place.
    seed
        For all of them.
    purpose
        Different numbers give different documents from the same seed.
    """

    def __init__(self, process: Process, batch: int, length: int, seed: int, purpose: int = _TRAINING) -> None:
        self.process, self.n, self.length, self.seed, self.purpose = process, batch, length, seed, purpose
        self._whole: int | None = None
        try:
            process._checked_length(length)
        except InputError:
            if process.longest is None or process.longest <= length:
                raise
            self._whole = process.longest
        # Several steps in one go: a call costs as much as drawing some 10,000 symbols.
        self._steps = max(1, _AT_ONCE // (batch * (self._whole or length)))
        self._group, self._documents = -1, np.empty(0)

    def batch(self, step: int) -> Batch:
        """The batch of one step."""
        group, inside = divmod(step, self._steps)
        if group != self._group:
            self._documents = self._draw(self._steps * self.n, group)
            self._group = group
        return _tensor(self._documents[inside * self.n : (inside + 1) * self.n]), None

    def _draw(self, n: int, group: int) -> Array:
        sample = self.process.sample(n, self._whole or self.length, seed=derived_seed(self.seed, self.purpose, group))
        values = sample.values if isinstance(sample, Series) else sample.codes
        documents = values.reshape(n, -1, *values.shape[1:])
        if self._whole is None:
            return documents
        generator = np.random.default_rng([group, self.purpose, self.seed])
        first = generator.integers(self._whole - self.length + 1, size=n)
        return np.stack([row[start : start + self.length] for row, start in zip(documents, first, strict=True)])


class Windows:
    """Windows of data, at random places inside documents, each place as likely as any other.

    Documents shorter than a window are taken whole, count as one place, and are padded; see `Batch` for the mask.

    Parameters
    ----------
    data
        `Sequences`, perhaps memory-mapped, or `Series`: nothing of it is copied but the windows.
    batch, length
        Windows in a batch, and symbols in each.
    seed
        For the places.
    regions
        The parts of the data to use. Default: all.
    table
        The new code of each code; None keeps them.
    whole
        Whether to leave out documents shorter than a window, instead of padding them.
    """

    def __init__(
        self,
        data: Sequences | Series,
        batch: int,
        length: int,
        seed: int,
        regions: Regions | None = None,
        table: Array | None = None,
        whole: bool = False,
    ) -> None:
        self.n, self.length, self.seed, self.table = batch, length, seed, table
        self._values = data.values if isinstance(data, Series) else data.codes
        self._regions = regions or Regions.of(data.offsets)
        lengths = self._regions.ends - self._regions.starts
        self._places = np.maximum(lengths - length + 1, 0 if whole else np.minimum(lengths, 1))
        self._until = np.cumsum(self._places)
        if not len(self._until) or self._until[-1] == 0:
            raise InputError(
                f"no document has as many as {length:,} moments: pass a smaller length"
                if whole
                else "the data are empty: there is not one symbol to train on"
            )

    def batch(self, step: int) -> Batch:
        """The batch of one step."""
        # The step first: numpy fills up with zeros at the end, so that a seed of more than 32 bits stays itself.
        picked = np.random.default_rng([step, self.seed]).integers(self._until[-1], size=self.n)
        regions = np.searchsorted(self._until, picked, side="right")
        starts = self._regions.starts[regions] + picked - (self._until - self._places)[regions]
        return self._read(starts, np.minimum(self._regions.ends[regions] - starts, self.length))

    def tiles(self, most: int) -> list[Batch]:
        """Windows side by side that cover the data, in batches; of more than `most` windows so many of them."""
        lengths = self._regions.ends - self._regions.starts
        # The rest of a document, which nothing would come before, is left out; short documents are taken whole.
        tiles = np.where(self._places > 0, np.maximum(lengths // self.length, 1), 0)
        until = np.cumsum(tiles)
        total = int(until[-1])
        picked = np.arange(total)
        if total > most:
            picked = np.sort(np.random.default_rng(self.seed).choice(total, most, replace=False, shuffle=False))
        regions = np.searchsorted(until, picked, side="right")
        starts = self._regions.starts[regions] + (picked - (until - tiles)[regions]) * self.length
        ends = np.minimum(self._regions.ends[regions] - starts, self.length)
        pieces = [slice(first, first + self.n) for first in range(0, len(starts), self.n)]
        return [self._read(starts[piece], ends[piece]) for piece in pieces]

    def _read(self, starts: Array, lengths: Array) -> Batch:
        longest = int(lengths.max())
        rows = np.zeros((len(starts), longest, *self._values.shape[1:]), self._values.dtype)
        for row, start, n in zip(rows, starts, lengths, strict=True):
            row[:n] = self._values[start : start + n]
        if self.table is not None:
            rows = self.table[rows]
        padded = bool((lengths < longest).any())
        mask = torch.from_numpy(np.arange(longest) < lengths[:, None]) if padded else None
        return _tensor(rows), mask


@dataclass(frozen=True)
class Sources:
    """What a training reads.

    Attributes
    ----------
    training
        Batches to train on.
    held_out
        Batches to evaluate, the same each time; none of them if nothing is held out.
    alphabet
        The symbols of the data, where they have names and are as many as the model's.
    identity
        Digests by which to know the data again.
    """

    training: Stream
    held_out: tuple[Batch, ...]
    alphabet: tuple[str | int, ...] | None
    identity: Mapping[str, str]


def sources(model: Any, data: Data, valid: Any, batch: int, length: int, seed: int) -> Sources:
    """Batches of these data for this model, to train on and held out.

    Parameters
    ----------
    model
        For its alphabet.
    data
        What `as_data` gave.
    valid
        Data to hold out; None: documents of another seed, or a tenth of the data; False: nothing.
    batch, length
        Documents in a batch, and symbols in each.
    seed
        For the batches.
    """
    table, alphabet = (None, None) if hasattr(model, "n_channels") else recoding(model, data)
    whole = hasattr(model, "loss")  # a model's own loss knows of no mask
    held_out: list[Batch] = []
    regions = None
    if valid is None and not isinstance(data, Process):
        regions, others = held_out_split(data, seed)
        held_out = Windows(data, batch, length, seed, others, table, whole).tiles(_EVALUATED * batch)
    elif valid is None:
        held_out = _held_out(model, data, batch, length, seed, whole)
    elif valid is not False:
        valid = as_data(model, valid, "valid")
        held_out = _held_out(model, valid, batch, length, seed, whole, alphabet)
    training: Stream
    if isinstance(data, Process):
        training = Drawn(data, batch, length, seed)
        if table is not None:
            training = _Recoded(training, table)
    else:
        training = Windows(data, batch, length, seed, regions, table, whole)
    others_are = "none" if valid is False else "split" if valid is None else identity(valid)
    return Sources(training, tuple(held_out), alphabet, {"data": identity(data), "valid": others_are})


class _Recoded:
    """A stream whose codes are looked up in a table."""

    def __init__(self, stream: Stream, table: Array) -> None:
        self._stream, self._table = stream, torch.from_numpy(table.astype(np.int64))

    def batch(self, step: int) -> Batch:
        codes, mask = self._stream.batch(step)
        return self._table[codes], mask


def _held_out(
    model: Any,
    data: Data,
    batch: int,
    length: int,
    seed: int,
    whole: bool,
    alphabet: tuple[str | int, ...] | None = None,
) -> list[Batch]:
    table = None if hasattr(model, "n_channels") else recoding(model, data, alphabet)[0]
    if not isinstance(data, Process):
        return Windows(data, batch, length, seed, None, table, whole).tiles(_EVALUATED * batch)
    drawn: Stream = Drawn(data, batch, length, seed, _HELD_OUT)
    drawn = drawn if table is None else _Recoded(drawn, table)
    return [drawn.batch(step) for step in range(_EVALUATED)]


def as_data(model: Any, data: Any, what: str = "data") -> Data:
    """What a person hands over as data, as something to draw from, or an `InputError` that says what does not fit."""
    channels = getattr(model, "n_channels", None)
    if not isinstance(data, Process | Sequences | Series):
        made: Data | None = made_already(data)
        if made is None:
            made = Sequences.from_arrays(data) if channels is None else Series.from_arrays(data)
        return as_data(model, made, what)
    real = isinstance(data, RealProcess | Series)
    if real and channels is None:
        raise InputError(
            f"{label_of(model)} is a model of symbols, and {what} are real numbers: cut them into symbols first "
            "(quantise, or quantised for a process)"
        )
    if not real and channels is not None:
        raise InputError(f"{label_of(model)} is a model of real numbers, and {what} are symbols")
    if isinstance(data, RealProcess | Series) and data.n_channels != channels:
        raise InputError(f"{label_of(model)} reads {channels} channels, and {what} have {data.n_channels}")
    return data


def default_length(model: Any, data: Data) -> int:
    """Symbols in each document of a batch, where nobody says.

    That of the documents if all are equal, and not longer than 1024 or what the model can read; else 512, or what there
    is.
    """
    longest: int | None = getattr(model, "longest", None)
    most = _LONGEST_USUAL if longest is None else longest
    if isinstance(data, Process):
        own, equal = data.longest, data.longest is not None
    else:
        lengths = np.diff(data.offsets)
        lengths = lengths[lengths > 0]
        own, equal = int(lengths.max(initial=1)), len(lengths) > 0 and bool((lengths == lengths[0]).all())
    if own is not None and equal and own <= most:
        return own
    return min(each for each in (_USUAL, longest, own) if each is not None)


def held_out_split(data: Sequences | Series, seed: int) -> tuple[Regions, Regions]:
    """Parts to train on and to hold out: a tenth of the documents, drawn; of fewer than 10, the last tenth of each."""
    filled = np.flatnonzero(np.diff(data.offsets) > 0)
    starts, ends = data.offsets[filled], data.offsets[filled + 1]
    if len(filled) >= _FEW:
        chosen = np.random.default_rng(derived_seed(seed, _SPLIT, 0)).permutation(len(filled)) < len(filled) // 10
        return Regions(starts[~chosen], ends[~chosen]), Regions(starts[chosen], ends[chosen])
    cuts = ends - np.where(ends - starts > 1, np.maximum((ends - starts) // 10, 1), 0)
    if (cuts == ends).all():
        raise InputError("the data are too short to hold a part of them out: pass valid=False, or data as valid")
    return Regions(starts, cuts), Regions(cuts, ends)


def recoding(
    model: Any, data: Any, alphabet: tuple[str | int, ...] | None = None
) -> tuple[Array | None, tuple[str | int, ...] | None]:
    """The model's code of each code of the data, or None where they are the same; and the alphabet to record.

    `alphabet` is the one that the model is about to be given, where it has none.

    Raises
    ------
    InputError
        If the data have symbols that the model does not know.
    """
    known: tuple[str | int, ...] | None = getattr(model, "alphabet", None) or alphabet
    own: tuple[str | int, ...] | None = data.alphabet
    if known is None or own is None or known == own:
        if data.alphabet_size > model.alphabet_size:
            raise InputError(
                f"the data have codes of 0 to {data.alphabet_size - 1:,}, and {label_of(model)} knows "
                f"{model.alphabet_size:,} symbols: make it with alphabet_size={data.alphabet_size}, or merge symbols "
                "(map_symbols)"
            )
        return None, own if known is None and data.alphabet_size == model.alphabet_size else known
    codes = {symbol: code for code, symbol in enumerate(known)}
    unknown = [code for code, symbol in enumerate(own) if symbol not in codes]
    if unknown and isinstance(data, Sequences):  # a symbol that does not occur does no harm
        unknown = [code for code in unknown if data.histogram()[code]]
    if unknown:
        few = ", ".join(repr(own[code]) for code in unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        raise InputError(
            f"{len(unknown):,} symbols of the data are none that {label_of(model)} knows: {few}; leave them out or "
            "merge them (map_symbols), or make a model for this alphabet"
        )
    return np.array([codes.get(symbol, 0) for symbol in own], np.int64), known


def identity(data: Data) -> str:
    """A digest by which to know data again: of a process, what it is; of documents, their lengths and some of them.

    Of more than 4 million symbols, 64 pieces of 65,536 symbols are read, evenly spread.
    """
    if isinstance(data, Process):
        # A process made from a function is known by the function's name.
        text = json.dumps(data.description, default=lambda value: getattr(value, "__qualname__", repr(type(value))))
        return hashlib.sha256(text.encode()).hexdigest()
    values = data.values if isinstance(data, Series) else data.codes
    about = (values.shape, str(values.dtype), *((data.alphabet,) if isinstance(data, Sequences) else ()))
    digest = hashlib.sha256(repr(about).encode())
    digest.update(np.ascontiguousarray(data.offsets).data)
    for start in np.unique(np.linspace(0, max(len(values) - _HASHED, 0), _PIECES).astype(np.int64)):
        digest.update(np.ascontiguousarray(values[start : start + _HASHED]).data)
    return digest.hexdigest()


def derived_seed(seed: int, purpose: int, index: int) -> int:
    """A seed of 128 bits for one of many uses of a seed."""
    words = np.random.SeedSequence([index, purpose, seed]).generate_state(4)
    return int.from_bytes(words.tobytes(), "little")


def _tensor(values: Array) -> Tensor:
    """Codes as int64, numbers as float32 with an axis for channels."""
    if values.dtype.kind == "f":
        array = torch.from_numpy(values.astype(np.float32))
        return array if array.ndim == 3 else array[:, :, None]
    return torch.from_numpy(values.astype(np.int64))
