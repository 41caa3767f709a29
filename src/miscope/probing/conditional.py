"""Mutual information of a model, from its own conditional probabilities along what it draws."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from miscope._version import __version__
from miscope.counting.counted import Steps
from miscope.counting.lags import Lags, parse_lags
from miscope.curve import MICurve, measure
from miscope.errors import InputError, choice
from miscope.estimation.jackknife import jackknife, one_sided_p
from miscope.models.base import label_of
from miscope.models.classes import as_classes
from miscope.models.pieces import Draw, Progress, over_pieces
from miscope.models.sampling import (
    Moment,
    Sampler,
    batch_of,
    checked_length,
    describe,
    ready,
    real_moments,
    sample,
)
from miscope.probing.tables import ConditionalTables, CovarianceSums, table_information
from miscope.processes.checking import whole_number
from miscope.sequences import Series

if TYPE_CHECKING:
    from miscope.models.classes import SymbolClasses

__all__ = ["probe", "symbols_needed"]

COUNTS = ("conditional", "hard")

_MOST_CLASSES = 256
_MOST_BYTES = 1 << 29  # of laws that are kept at once
_MOST_TABLE_BYTES = 1 << 31
_WANTED = 0.25  # bar over value that advice is given for


def probe(
    model: Any,
    lags: Lags = None,
    n_documents: int = 1024,
    length: int | None = None,
    seed: int = 0,
    *,
    counts: str = "conditional",
    classes: SymbolClasses | npt.ArrayLike | None = None,
    discard: int | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    slide: int | bool | None = None,
    blocks: int = 32,
    batch: int | None = None,
    cluster: Any = None,
    label: str | None = None,
    progress: Progress | None = None,
) -> MICurve:
    """Measure how the mutual information between the symbols of a model's own documents falls with their distance.

    Parameters
    ----------
    model
        A model of `miscope.models`, a trained one, or any other `SequenceModel`.
    lags
        As for `measure`. Default: log-spaced to a quarter of the documents' length, or to the model's horizon.
    n_documents, length, seed
        Documents to draw, symbols in each (default: 4096, or what the model can read), and the seed.
    counts
        ``"conditional"``: a drawn symbol against the *law* of a later one, which the model knows; ``"hard"``: against
        the later symbol, as `measure` counts in data.
    classes
        For large alphabets: classes that symbols are merged into, or an array with the class of each symbol, shape
        (alphabet_size,). The result is a lower bound for the symbols'.
    discard
        Symbols at the start of each document that are left out. Default: an eighth of the length for models without
        horizon, so that what is seen does not depend on where they start; none for the others.
    temperature, top_k, slide
        As for `sample`; the laws that are counted are those that were drawn from.
    blocks
        Groups of documents that are left out in turn: bars.
    batch, cluster
        As for `sample`.
    progress
        Called with what is done and what there is to do, in symbols drawn; counting them is taken for as much as
        drawing some more.
    label
        Name of the curve. Default: that of the model.

    Returns
    -------
    MICurve
        In nats, the bias of order 1/n taken away by the jackknife over documents. Its warnings say how many symbols the
        bars need where they are too wide.

    Raises
    ------
    InputError
        If documents are longer than the model can read, the alphabet has more than 256 symbols and no `classes` are
        given, or there are fewer than two documents.

    Examples
    --------
    >>> from miscope.models import LSTM
    >>> curve = probe(LSTM(alphabet_size=2, width=4), lags=[1, 2, 4], n_documents=64, length=200)
    >>> curve.lags, curve.n_blocks, curve.estimator
    (array([1, 2, 4]), 32, 'conditional')

    Notes
    -----
    ``P(a, b) = mean over t of 1[x[t] = a] q[t + lag](b)``, with q the model's law of the next symbol given what it has
    drawn: unbiased for the joint law of (x[t], x[t + lag]), as the mean of the count given the past is q; averaging a
    condition out lowers the variance (Rao and Blackwell). A `LinearGaussianRNN` is probed likewise, by the covariance
    of values with later means, or for ``"hard"`` counts with later values.
    """
    choice(counts, COUNTS, "way to count")
    n_documents, blocks = whole_number(n_documents, "n_documents", 2), whole_number(blocks, "blocks", 2)
    asked = _Asked(model, n_documents, length, whole_number(seed, "seed", 0), discard, classes)
    chosen = asked.lags(lags)
    blocks = min(blocks, n_documents)
    drawing = _Drawing(temperature, top_k, slide, batch, cluster, progress)
    if counts == "hard":
        return _hard(asked, chosen, blocks, label, drawing)
    tables = _real_tables if hasattr(model, "n_channels") else _symbol_tables
    found = tables(asked, chosen, blocks, drawing)
    return _curve(asked, chosen, found, label)


_T = TypeVar("_T")


class _Drawing(NamedTuple):
    """How to draw: arguments of `sample`."""

    temperature: float
    top_k: int | None
    slide: int | bool | None
    batch: int | None
    cluster: Any
    progress: Progress | None


class _Asked:
    """A model and the documents to draw from it."""

    def __init__(
        self, model: Any, n_documents: int, length: int | None, seed: int, discard: int | None, classes: Any
    ) -> None:
        self.model, self.n_documents, self.seed = ready(model), n_documents, seed
        self.classes = None if classes is None else as_classes(classes, model)
        self.horizon: int | None = getattr(model, "horizon", None)
        whole = checked_length(model, length, 0)
        if discard is None:
            discard = whole // 8 if self.horizon is None else 0
            length = whole - discard if length is None else length
        self.discard = whole_number(discard, "discard", 0)
        self.length = checked_length(model, length, self.discard)

    @property
    def total(self) -> int:
        """Symbols of each document that are drawn."""
        return self.length + self.discard

    def lags(self, lags: Lags) -> np.ndarray:
        """Lags, checked against the documents; by default none beyond what the model can look back."""
        chosen = parse_lags(lags, self.length)
        if lags is None and self.horizon is not None:
            chosen = parse_lags(f"1:{min(self.horizon, self.length - 1)}", self.length)
        return chosen

    def n_symbols(self) -> int:
        """Symbols, or classes of them, that tables have."""
        if self.classes is None:
            size = self.model.alphabet_size
            if size > _MOST_CLASSES:
                raise InputError(
                    f"{label_of(self.model)} has {size:,} symbols, and tables are for {_MOST_CLASSES} at most: merge "
                    "them, classes=miscope.models.by_frequency(...), or count the drawn symbols themselves, "
                    'counts="hard"'
                )
            return int(size)
        return int(self.classes.n_classes)

    def bounds(self, blocks: int) -> np.ndarray:
        """First document of each block, and where the last ends."""
        return np.arange(blocks + 1) * self.n_documents // blocks

    def block_pairs(self, lags: np.ndarray, blocks: int) -> np.ndarray:
        """Pairs in each block at each lag, int64 of shape (blocks, n_lags)."""
        return np.asarray(np.diff(self.bounds(blocks))[:, None] * (self.length - lags))


class _Found(NamedTuple):
    """Estimates, shape (n_blocks + 1, n_lags), whole and with each block left out."""

    values: np.ndarray
    block_pairs: np.ndarray
    freedom: float
    source: dict[str, Any]


def _hard(asked: _Asked, lags: np.ndarray, blocks: int, label: str | None, drawing: _Drawing) -> MICurve:
    n_drawn = asked.n_documents * asked.total
    step = Steps(drawing.progress, 2 * n_drawn)
    how = {"discard": asked.discard, **drawing._asdict(), "progress": step.part(n_drawn)}
    drawn = sample(asked.model, asked.n_documents, asked.length, asked.seed, **how)
    step(n_drawn)
    name, counting = label or label_of(asked.model), step.part(n_drawn)
    if isinstance(drawn, Series):
        return measure(drawn, lags, estimator="gaussian", blocks=blocks, label=name, progress=counting)
    if asked.classes is not None:
        asked.n_symbols()
        drawn = asked.classes.apply(drawn)
    curve = measure(drawn, lags, blocks=blocks, label=name, progress=counting)
    return dataclasses.replace(curve, warnings=(*curve.warnings, *_examined(asked)))


def _symbol_tables(asked: _Asked, lags: np.ndarray, blocks: int, drawing: _Drawing) -> _Found:
    sampler = Sampler(asked.model, drawing.temperature, drawing.top_k, drawing.slide)
    sampler.check_length(asked.total)
    size = asked.n_symbols()
    if blocks * len(lags) * size**2 * 8 > _MOST_TABLE_BYTES:
        raise InputError(
            f"{blocks} blocks of {len(lags)} tables of {size} x {size} symbols do not fit: ask for fewer lags or "
            "blocks, or merge symbols into fewer classes"
        )
    batch = _batch(asked, drawing, size - 1)
    law = {"temperature": sampler.temperature, "top_k": sampler.top_k, "slide": sampler.slide}
    draw = partial(
        _tables_of_piece,
        shape=(asked.length, asked.discard, size),
        classes=asked.classes,
        law=law,
        lags=lags,
        bounds=asked.bounds(blocks),
    )
    tables = np.zeros((blocks, len(lags), size, size))
    for _, _, (touched, found) in _over_pieces(draw, asked, lags, batch, drawing):
        tables[touched] += found
    source = describe(asked.model, asked.seed, {"discard": asked.discard, "batch": batch} | law)
    if asked.classes is not None:
        source["classes"] = list(asked.classes.names)
    whole = tables.sum(axis=0)
    values = np.array([table_information(whole), *(table_information(whole - each) for each in tables)])
    return _Found(values, asked.block_pairs(lags, blocks), (size - 1.0) ** 2, source)


def _tables_of_piece(
    model: Any,
    first: int,
    n: int,
    generator: np.random.Generator,
    report: Callable[[int], None],
    *,
    shape: tuple[int, int, int],
    classes: Any,
    law: dict[str, Any],
    lags: np.ndarray,
    bounds: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Which blocks a piece has documents of, and their tables; `shape` is length, symbols discarded, alphabet."""
    length, discard, size = shape
    symbols, laws = np.empty((length, n), np.uint8), np.empty((length, n, size - 1), np.float32)
    for t, moment in enumerate(Sampler(model, **law).run(n, discard + length, generator)):
        if t >= discard:
            _keep(moment, classes, symbols[t - discard], laws[t - discard])
        report(t)
    bounds = np.clip(bounds - first, 0, n)
    touched = np.flatnonzero(np.diff(bounds))
    tables = ConditionalTables(lags, len(touched), size)
    tables.add(symbols, laws, np.append(bounds[touched], n), lambda k: report(discard + length + k))
    return touched, tables.tables


def _keep(moment: Moment, classes: Any, symbols: np.ndarray, laws: np.ndarray) -> None:
    """Put a step's symbols and the law they came from into the arrays for them."""
    drawn = moment.symbols
    if classes is None:
        law = moment.log_probs[:, 1:].exp()
    else:
        drawn = torch.as_tensor(classes.codes, device=drawn.device)[drawn]
        law = classes.sum(moment.log_probs.exp())[:, 1:]
    symbols[:] = drawn.cpu().numpy()
    laws[:] = law.cpu().numpy()


def _over_pieces(
    draw: Draw[_T], asked: _Asked, lags: np.ndarray, batch: int, drawing: _Drawing
) -> Iterator[tuple[int, int, _T]]:
    """Draw all pieces and add them up: a lag that is added counts as one step more."""
    steps, how = asked.total + len(lags), (batch, asked.seed, drawing.progress, drawing.cluster)
    return over_pieces(draw, asked.model, asked.n_documents, steps, *how)


def _batch(asked: _Asked, drawing: _Drawing, numbers: int) -> int:
    """Documents side by side: the usual number, or as many as have room for so many numbers a symbol."""
    usual = batch_of(asked.model, asked.n_documents, drawing.batch, drawing.cluster)
    return (
        usual if drawing.batch is not None else max(min(usual, _MOST_BYTES // (4 * asked.length * max(numbers, 1))), 1)
    )


def _real_tables(asked: _Asked, lags: np.ndarray, blocks: int, drawing: _Drawing) -> _Found:
    if drawing.temperature != 1.0 or drawing.top_k is not None or drawing.slide is not None:
        raise InputError(f"{label_of(asked.model)} draws real numbers: temperature, top_k and slide are for symbols")
    d, batch = asked.model.n_channels, _batch(asked, drawing, 4 * asked.model.n_channels)
    noise = asked.model.noise.detach().cpu().numpy()
    draw = partial(
        _sums_of_piece, shape=(asked.length, asked.discard, d), lags=lags, noise=noise, bounds=asked.bounds(blocks)
    )
    sums = CovarianceSums(lags, blocks, d, noise)
    for _, _, found in _over_pieces(draw, asked, lags, batch, drawing):
        sums += found
    source = describe(asked.model, asked.seed, {"discard": asked.discard, "batch": batch})
    return _Found(sums.information(), asked.block_pairs(lags, blocks), float(d**2), source)


def _sums_of_piece(
    model: Any,
    first: int,
    n: int,
    generator: np.random.Generator,
    report: Callable[[int], None],
    *,
    shape: tuple[int, int, int],
    lags: np.ndarray,
    noise: np.ndarray,
    bounds: np.ndarray,
) -> CovarianceSums:
    """Sums over the documents of a piece; `shape` is length, numbers discarded, channels."""
    length, discard, d = shape
    values, means = np.empty((2, length, n, d))
    for t, (mean, drawn, _) in enumerate(real_moments(model, n, length + discard, generator)):
        if t >= discard:
            means[t - discard], values[t - discard] = mean.cpu().numpy(), drawn.cpu().numpy()
        report(t)
    sums = CovarianceSums(lags, len(bounds) - 1, d, noise)
    sums.add(values, means, np.clip(bounds - first, 0, n), lambda k: report(discard + length + k))
    return sums


def _curve(asked: _Asked, lags: np.ndarray, found: _Found, label: str | None) -> MICurve:
    """Put a curve together: bias and bars from the jackknife, and what wider bars would need."""
    values, pairs = found.values, found.block_pairs
    errors = jackknife(values[0], values[1:], pairs)
    bias = values[0] - errors.corrected
    # Without dependence an estimate is chi-square over 2n less its mean, the bias: bars are no smaller by accident.
    least = np.maximum(bias, 0.0) * np.sqrt(2 / found.freedom)
    stderr, corrected = np.maximum(errors.stderr, least), errors.corrected
    shown = np.where(corrected > errors.stderr, errors.stderr**2 / (4 * np.maximum(corrected, 1e-300)), 0.0)
    n_symbols = asked.n_documents * asked.length
    curve = MICurve(
        lags=lags,
        mi=corrected,
        stderr=stderr,
        replicates=values[1:] - bias,
        block_pairs=pairs,
        null=np.zeros(len(lags)),
        null_replicates=np.zeros((len(pairs), len(lags))),
        excess_stderr=stderr,
        chance=None,
        n_pairs=pairs.sum(axis=0),
        p_values=one_sided_p(corrected, stderr, errors.degrees),
        estimator="conditional",
        label=label or label_of(asked.model),
        bias_corrected=True,
        second_order=np.maximum(shown, least / np.sqrt(2 * found.freedom)),
        provenance={
            "source": found.source,
            "n_symbols": n_symbols,
            "n_documents": asked.n_documents,
            "length": asked.length,
            "blocks": len(pairs),
            "versions": {"miscope": __version__, "python": platform.python_version(), "torch": torch.__version__},
        },
    )
    return dataclasses.replace(curve, warnings=_advice(curve, asked))


def symbols_needed(curve: MICurve, relative: float = _WANTED) -> np.ndarray:
    """How many sampled symbols give bars of this part of the value, at each lag; shape (n_lags,).

    Variances fall as one over the number of symbols; nan where the value does not stand above its bar.

    Examples
    --------
    >>> from miscope.models import LSTM
    >>> curve = probe(LSTM(alphabet_size=2, width=4), lags=[1, 2], n_documents=64, length=200)
    >>> symbols_needed(curve).shape
    (2,)
    """
    n = curve.provenance["n_symbols"]
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = n * (curve.excess_stderr / (relative * curve.excess)) ** 2
    return np.where(curve.excess > curve.excess_stderr, needed, np.nan)


def _advice(curve: MICurve, asked: _Asked) -> tuple[str, ...]:
    """What a reader has to know."""
    found = []
    seen = np.flatnonzero(curve.significant())
    n, needed = curve.provenance["n_symbols"], symbols_needed(curve)
    if len(seen) == 0:
        found.append(f"no lag stands above zero in {n:,} symbols: draw more, or the model has no memory")
    elif needed[last := seen[-1]] > n:
        found.append(
            f"the bar at lag {curve.lags[last]} is {curve.stderr[last] / curve.mi[last]:.0%} of the value; for a "
            f"quarter draw about {needed[last]:.2g} symbols (now {n:.2g})"
        )
    if asked.horizon is not None and curve.lags[-1] > asked.horizon:
        found.append(
            f"beyond lag {asked.horizon:,} the model cannot look back; what is seen there went through its samples"
        )
    return (*found, *_examined(asked))


def _examined(asked: _Asked) -> tuple[str, ...]:
    """What the examination of a model that others made has to say of such documents."""
    examination = getattr(asked.model, "examination", None)
    return () if examination is None else tuple(examination.about(asked.total))
