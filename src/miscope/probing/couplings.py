"""Effective couplings: how much the next symbol depends on the one k steps back, everything else as it is."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from miscope.atomic import write_json
from miscope.counting.counted import Steps
from miscope.counting.lags import Lags, log_lags, parse_lags
from miscope.errors import InputError
from miscope.formats import array, marked, plain, reading
from miscope.models.base import device_of, label_of
from miscope.processes.base import SymbolProcess
from miscope.processes.checking import whole_number
from miscope.sequences import Sequences
from miscope.sequences.in_memory import as_sequences

__all__ = ["Couplings", "couplings"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_MOST_BLOCKS = 32
_ALL_SYMBOLS = 8  # up to which every symbol is put in place of every other
_MARGIN = 64  # symbols before the one that is changed, by default
_FARTHEST = 128  # lag, by default
_MOST_NUMBERS = 1 << 24  # of laws that are asked for at once
_MOST_SIDE_BY_SIDE = 512
_MOST_WORK = 1 << 37  # multiplications between two reports, on a processor


@dataclass(frozen=True, eq=False)
class Couplings:
    """How much the law of the next symbol changes when the symbol k steps back does.

    Attributes
    ----------
    lags
        int64, shape (n_lags,): k. At 1 it is the last symbol that was read.
    values
        Shape (n_lags,), in nats: for two symbols the mean change of the log-odds of symbol 1 when symbol 0 becomes 1,
        with its sign; for more symbols the root mean square change of log-odds, see `couplings`.
    stderr
        Standard errors, shape (n_lags,).
    tables
        Shape (n_lags, K, K): ``J[k, a, b]``, the mean log-probability of b with symbol a there, less its means over a
        and over b; None for more than 8 symbols.
    n_contexts
        Contexts that were averaged over.
    context
        Symbols in each.
    label
        Name of the model.
    """

    lags: Codes
    values: Floats
    stderr: Floats
    tables: Floats | None
    n_contexts: int
    context: int
    label: str

    @property
    def signed(self) -> bool:
        """Whether a value's sign is a direction: with two symbols."""
        return self.tables is not None and self.tables.shape[1] == 2

    def contexts_needed(self, relative: float = 0.25) -> Floats:
        """How many contexts give bars of this part of the value, at each lag; nan where it is below its bar.

        Variances fall as one over the number of contexts.
        """
        sizes = np.abs(self.values)
        with np.errstate(divide="ignore", invalid="ignore"):
            needed = self.n_contexts * (self.stderr / (relative * sizes)) ** 2
        return np.where(sizes > self.stderr, needed, np.nan)

    def to_table(self) -> Any:
        """A pyarrow table with one row a lag."""
        import pyarrow as pa

        return pa.table({"lag": self.lags, "coupling": self.values, "stderr": self.stderr})

    def to_dict(self) -> dict[str, Any]:
        """All of it, JSON-able."""
        listed = {name: getattr(self, name).tolist() for name in ("lags", "values", "stderr")}
        tables = None if self.tables is None else self.tables.tolist()
        about = {"n_contexts": self.n_contexts, "context": self.context, "label": self.label}
        return marked("couplings", listed | {"tables": tables} | about)

    def save(self, path: str | Path) -> None:
        """Write all of it as ``.json``, which `load` and `miscope.report` read."""
        write_json(path, plain(self.to_dict()), "a table of couplings")

    @classmethod
    def load(cls, path: str | Path) -> Couplings:
        """Read what `save` wrote.

        Raises
        ------
        FormatError
            If the file is truncated, damaged, something else, or of another version.
        """
        with reading(path, "couplings") as body:
            n, tables = len(body["lags"]), body["tables"]
            size = 0 if tables is None else len(tables[0])
            return cls(
                lags=array(body["lags"], n, dtype=np.int64),
                values=array(body["values"], n),
                stderr=array(body["stderr"], n),
                tables=None if tables is None else array(tables, n, size, size),
                n_contexts=int(body["n_contexts"]),
                context=int(body["context"]),
                label=str(body["label"]),
            )

    def __repr__(self) -> str:
        return f"Couplings({self.label}: {len(self.lags)} lags {self.lags[0]}..{self.lags[-1]})"

    def __str__(self) -> str:
        cells = [("lag", "coupling", "stderr")]
        numbers = zip(self.lags, self.values, self.stderr, strict=True)
        cells += [(str(lag), f"{value:.4g}", f"{error:.2g}") for lag, value, error in numbers]
        widths = [max(len(row[k]) for row in cells) for k in range(3)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        what = "change of the next symbol's log-odds" if self.signed else "root mean square change of log-odds"
        head = f"{self.label}: {what}, in nats, over {self.n_contexts:,} contexts of {self.context:,} symbols"
        needed = self.contexts_needed()
        short = np.flatnonzero(needed > self.n_contexts)
        advice = [f"bars of a quarter at lag {self.lags[k]} take some {needed[k]:.1g} contexts" for k in short[-1:]]
        return "\n".join([head, *lines, *advice])


def couplings(
    model: Any,
    data: Any,
    lags: Lags = None,
    n_contexts: int = 512,
    *,
    context: int | None = None,
    n_replacements: int = 8,
    seed: int = 0,
    batch: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Couplings:
    """Change the symbol k steps back in contexts from data, and see what the model makes of it for the next one.

    Parameters
    ----------
    model
        A model of `miscope.models`, or what else has its ``log_probs``.
    data
        Where contexts come from: `Sequences`, what `Sequences.from_arrays` takes, or a process of symbols to draw from.
    lags
        k, as for `measure`; default: log-spaced to 128, or to what the model and the data allow.
    n_contexts
        Windows of data, drawn without repetition; in 32 equal blocks at most, whose differences give bars.
    context
        Symbols in each window, which the model reads as the start of a document. Default: 64 more than the largest lag,
        or what there is.
    n_replacements
        With more than 8 symbols, how many are put in place: so many different ones, drawn as they are frequent in the
        data.
    seed
        For windows and replacements.
    batch
        Windows read side by side; default: as many as fit.
    progress
        Called with contexts read and contexts to read.

    Returns
    -------
    Couplings
        In nats.

    Raises
    ------
    InputError
        If lags are beyond the model's horizon, or the data too short; if data and model have different symbols; or if
        the model gives a symbol probability 0, so that its log-odds are infinite.

    Examples
    --------
    >>> import miscope as ms
    >>> from miscope.models import LSTM
    >>> data = ms.processes.PowerLawBinary(amplitude=0.1, exponent=0.4)
    >>> found = couplings(LSTM(alphabet_size=2, width=4), data, lags=[1, 2, 4], n_contexts=64)
    >>> found.lags, found.tables.shape
    (array([1, 2, 4]), (3, 2, 2))

    Notes
    -----
    With ``L[a, b]`` the mean over contexts of ``ln p(x[t] = b)`` with a put k steps back,
    ``J[a, b] = L[a, b] - mean over a - mean over b + mean over both`` (the zero-sum gauge). For two symbols the value
    is ``L[1,1] - L[1,0] - L[0,1] + L[0,0] = 4 J[1,1]``: four times the coupling of an Ising model with spins +1 and -1,
    and twice the weight of a logistic autoregression on them.

    For m symbols put in place and K that may follow, it is the root mean square of
    ``L[a,b] - L[a,b'] - L[a',b] + L[a',b']`` over different a, a' and different b, b', that is
    ``sqrt(4 sum J^2 / ((m - 1) (K - 1)))``. The square is a mean over products of different blocks of contexts, so that
    noise adds nothing to it; where it comes out below 0, its root is given with a minus. Its bar says how much higher
    the value would be if the square were one standard error higher.
    """
    context = None if context is None else whole_number(context, "context", 1)
    size, data = _checked_data(model, data, context, lags, n_contexts, seed)
    chosen, length = _checked_lags(model, data, lags, context)
    generator = np.random.default_rng(whole_number(seed, "seed", 0))
    windows = _windows(data, whole_number(n_contexts, "n_contexts", 2), length, generator)
    n_blocks = min(_MOST_BLOCKS, len(windows))
    windows = windows[: len(windows) // n_blocks * n_blocks]
    symbols = _replacements(data, size, n_replacements, generator)
    knows_own = len(symbols) == size
    # With all symbols put in place, each window as it is has been read once, and is one of those at each lag.
    reader = _Reader(model, size, length, batch)
    reader.step = Steps(progress, len(windows) * (knows_own + len(chosen) * (len(symbols) - knows_own)))
    with _at_rest(model):
        own = reader.laws(windows) if knows_own else None
        found = [_one_lag(reader, windows, own, symbols, int(k), n_blocks) for k in chosen]
    return Couplings(
        lags=chosen,
        values=np.array([each.value for each in found]),
        stderr=np.array([each.stderr for each in found]),
        tables=np.array([each.table for each in found]) if len(symbols) == size <= _ALL_SYMBOLS else None,
        n_contexts=len(windows),
        context=length,
        label=label_of(model),
    )


class _Found(NamedTuple):
    """A lag's coupling."""

    value: float
    stderr: float
    table: Floats


class _Reader:
    """A model, asked for the law of the symbol after each window."""

    def __init__(self, model: Any, size: int, length: int, batch: int | None) -> None:
        self.model, self.size, self.device = model, size, device_of(model)
        fitting = max(1, min(_MOST_SIDE_BY_SIDE, _MOST_NUMBERS // ((length + 1) * size)))
        fitting = min(fitting, _within_a_moment(model, length)) if self.device.type == "cpu" else fitting
        self.batch = fitting if batch is None else whole_number(batch, "batch", 1)
        self.step = Steps(None, 0)

    def laws(self, windows: Codes) -> Floats:
        """Log-probabilities of the next symbol, shape (n, size)."""
        laws = np.empty((len(windows), self.size))
        for first in range(0, len(windows), self.batch):
            read = windows[first : first + self.batch]
            # One more position, whatever its symbol: a model gives the law of each symbol given those before it.
            codes = torch.from_numpy(np.pad(read, ((0, 0), (0, 1)))).to(self.device)
            with torch.inference_mode():
                laws[first : first + len(read)] = self.model.log_probs(codes)[:, -1].cpu().double().numpy()
            self.step(len(read))
        if not np.isfinite(laws).all():
            raise InputError(
                f"{label_of(self.model)} gives a symbol probability 0 (or none that is a number), so that its log-odds "
                "are infinite: mix its law with a little of the uniform one"
            )
        return laws


def _within_a_moment(model: Any, length: int) -> int:
    """Windows that a processor reads in some seconds: a symbol takes about a multiplication for each parameter."""
    n_parameters = sum(each.numel() for each in model.parameters()) if isinstance(model, nn.Module) else 0
    return max(1, _MOST_WORK // max(length * n_parameters, 1))


def _one_lag(reader: _Reader, windows: Codes, own: Floats | None, symbols: Codes, k: int, n_blocks: int) -> _Found:
    """Put each symbol k steps back; `own` are the laws of the windows as they are."""
    n, size = len(windows), reader.size
    blocks = np.empty((n_blocks, len(symbols), size))
    for row, symbol in enumerate(symbols):
        laws = np.empty((n, size)) if own is None else own.copy()
        other = np.ones(n, bool) if own is None else windows[:, -k] != symbol
        if other.any():
            changed = windows[other]
            changed[:, -k] = symbol
            laws[other] = reader.laws(changed)
        blocks[:, row] = laws.reshape(n_blocks, n // n_blocks, size).mean(axis=1)
    blocks -= blocks.mean(axis=1, keepdims=True)
    blocks -= blocks.mean(axis=2, keepdims=True)
    table = blocks.mean(axis=0)
    if len(symbols) == size == 2:
        value, stderr = _mean(4 * blocks[:, 1, 1])
    else:
        value, stderr = _size_of(blocks * (2 / math.sqrt((len(symbols) - 1) * (size - 1))))
    return _Found(value, stderr, table)


def _mean(values: Floats) -> tuple[float, float]:
    """Of blocks of equal size, with its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))


def _size_of(blocks: Floats) -> tuple[float, float]:
    """Frobenius norm of the mean of blocks without what noise adds, with a minus where its square is below 0."""
    flat = blocks.reshape(len(blocks), -1)
    n, mean = len(flat), flat.mean(axis=0)
    products = flat @ flat.T
    square = (products.sum() - np.trace(products)) / (n * (n - 1))
    value = math.copysign(math.sqrt(abs(square)), square)
    # Var = 4 T' C T / n + 2 tr(C^2) / n^2 for blocks of mean T and covariance C.
    apart = flat - mean
    along, across = apart @ mean, apart @ apart.T
    noise = (np.sum(across**2) - np.sum(np.diag(across) ** 2)) / (n * (n - 1))
    error = math.sqrt(4 * np.sum(along**2) / (n * (n - 1)) + 2 * noise / n**2)
    if square > 0:  # sqrt(square + error) - value, written so that a small error of a large value is not lost
        return value, error / (math.sqrt(square + error) + value)
    return value, math.copysign(math.sqrt(abs(square + error)), square + error) - value


def _checked_data(
    model: Any, data: Any, context: int | None, lags: Lags, n_contexts: int, seed: int
) -> tuple[int, Sequences]:
    size = getattr(model, "alphabet_size", None)
    if size is None or not hasattr(model, "log_probs"):
        raise InputError(
            f"couplings are of a model of symbols, with alphabet_size and log_probs, and {label_of(model)} is none"
        )
    if hasattr(model, "examine"):
        model.examine()
    if isinstance(data, SymbolProcess):
        farthest = _FARTHEST if lags is None else int(parse_lags(lags, 1 << 31)[-1])
        limits = [each for each in (data.longest, _most_read(model)) if each is not None]
        longest = min([farthest + _MARGIN if context is None else context, *limits])
        data = data.sample(whole_number(n_contexts, "n_contexts", 2), longest, seed)
    sequences = as_sequences(data)
    if sequences.alphabet_size > size:
        raise InputError(f"the data have {sequences.alphabet_size:,} symbols and the model only {size:,}")
    theirs = getattr(model, "alphabet", None)
    ours = sequences.alphabet
    if theirs is not None and ours is not None and tuple(theirs[: len(ours)]) != ours:
        raise InputError("the symbols of the data are not those of the model, or not in the same order")
    return int(size), sequences


def _most_read(model: Any) -> int | None:
    """Symbols that a model can read before the one that it predicts."""
    longest = getattr(model, "longest", None)
    return None if longest is None else int(longest) - 1


def _checked_lags(model: Any, data: Sequences, lags: Lags, context: int | None) -> tuple[Codes, int]:
    """Lags, ascending, and symbols in each window."""
    horizon, readable = getattr(model, "horizon", None), _most_read(model)
    limits = [each for each in (horizon, readable, data.longest) if each is not None]
    most = min([*limits, *([] if context is None else [context])])
    if most < 1:
        raise InputError(
            "nothing is read before a symbol, so nothing can be changed: the data or the context are too short"
        )
    chosen = log_lags(1, min(_FARTHEST, most)) if lags is None else parse_lags(lags, 1 << 31)
    farthest = int(chosen[-1])
    if horizon is not None and farthest > horizon:
        raise InputError(
            f"lag {farthest:,} is beyond the model's horizon: {label_of(model)} looks back {horizon:,} symbols"
        )
    length = farthest + _MARGIN if context is None else context
    longest = min([length, data.longest, *([] if readable is None else [readable])])
    if context is not None and longest < context:
        raise InputError(f"contexts of {context:,} symbols are longer than what there is to read: {longest:,}")
    if farthest > longest:
        raise InputError(
            f"to change the symbol {farthest:,} steps back takes contexts of as many symbols or more; here they are "
            f"{longest:,} at most"
        )
    return chosen, longest


def _windows(data: Sequences, n_contexts: int, length: int, generator: np.random.Generator) -> Codes:
    """Windows of data in their order, shape (n, length): apart where there is room, and never the same twice."""
    room = data.lengths - length  # of a window's start in each document, where not negative
    fits = np.flatnonzero(room >= 0)
    starts = np.concatenate([data.offsets[d] + np.arange(0, room[d] + 1, length) for d in fits])
    if len(starts) < n_contexts:
        starts = np.concatenate([data.offsets[d] + np.arange(room[d] + 1) for d in fits])
    if len(starts) > n_contexts:
        starts = np.sort(generator.choice(starts, n_contexts, replace=False))
    if len(starts) < 2:
        raise InputError(f"the data hold a single context of {length:,} symbols: take shorter ones, or more data")
    return np.asarray(data.codes[starts[:, None] + np.arange(length)], np.int64)


def _replacements(data: Sequences, size: int, n: int, generator: np.random.Generator) -> Codes:
    """Symbols to put in place, ascending: all of a small alphabet, otherwise some that the data have."""
    n = whole_number(n, "n_replacements", 2)
    if size <= _ALL_SYMBOLS:
        return np.arange(size)
    counts = data.histogram()
    n = min(n, int((counts > 0).sum()))
    if n < 2:
        raise InputError("the data have a single symbol: there is no other to put in its place")
    return np.sort(generator.choice(len(counts), n, replace=False, p=counts / counts.sum()))


@contextlib.contextmanager
def _at_rest(model: Any) -> Iterator[None]:
    """Without dropout, and afterwards as it was."""
    training = isinstance(model, nn.Module) and model.training
    if training:
        model.eval()
    try:
        yield
    finally:
        if training:
            model.train()
