"""Documents drawn from a model, symbol by symbol, each from the model's own law given what it has drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from miscope.errors import InputError
from miscope.models.base import SequenceModel, device_of, label_of
from miscope.models.pieces import Draw, Progress, batch_on, over_pieces
from miscope.models.trained import TrainedModel
from miscope.processes.checking import real_number, whole_number
from miscope.sequences import Sequences, Series
from miscope.sequences.codes import code_dtype

__all__ = ["Moment", "Sampler", "describe", "ready", "sample"]

_BATCH, _BATCH_WITH_HORIZON = 2048, 256
_CHUNK = 64  # steps for which random numbers are drawn at once
_LONGEST_ABOUT = 1 << 30


class Moment(NamedTuple):
    """One step of n documents.

    Attributes
    ----------
    log_probs
        The law that the symbols were drawn from, shape (n, alphabet_size).
    symbols
        int64, shape (n,).
    state
        The model's state before it has read them: what the law came from.
    """

    log_probs: Tensor
    symbols: Tensor
    state: Any


class Sampler:
    """A model with a way to draw from it; the arguments are those of `sample`, checked."""

    def __init__(
        self,
        model: SequenceModel,
        temperature: float = 1.0,
        top_k: int | None = None,
        slide: int | bool | None = None,
    ) -> None:
        self.model = ready(model)
        self.temperature = real_number(temperature, "temperature", above=0.0)
        self.top_k = None if top_k is None else whole_number(top_k, "top_k", 1, model.alphabet_size)
        self.longest: int | None = getattr(model, "longest", model.horizon)
        self.slide = _checked_slide(slide, self.longest)

    def check_length(self, length: int) -> None:
        """Refuse documents that are longer than the model can read, unless its context slides."""
        if self.longest is not None and length > self.longest and self.slide is None:
            raise InputError(
                f"{label_of(self.model)} reads at most {self.longest:,} symbols, and documents of {length:,} are asked "
                f"for: draw shorter ones, or let the context slide, slide={max(self.longest // 2, 1)} (recomputed each "
                "time so many symbols have been drawn; what is drawn then depends on no more than the context)"
            )

    def run(self, n: int, length: int, generator: np.random.Generator) -> Iterator[Moment]:
        """Draw n documents, one step after the other."""
        device = device_of(self.model)
        kept: list[Tensor] = []  # what is in the context, where that slides
        symbols, state = None, None
        uniforms = torch.empty(0)
        for t in range(length):
            if t % _CHUNK == 0:
                drawn = generator.random((min(_CHUNK, length - t), n), np.float32)
                uniforms = torch.from_numpy(drawn).to(device)
            with torch.inference_mode():
                if state is None:
                    state = self.model.start(n)
                elif self.longest is not None and len(kept) >= self.longest:
                    kept = kept[self.slide :]
                    state, symbols = self._reread(kept), kept[-1]
                log_probs, state = self.model.step(symbols, state)
                log_probs = self._law(log_probs)
                symbols = _drawn(log_probs, uniforms[t % _CHUNK])
                if self.slide is not None:
                    kept.append(symbols)
            yield Moment(log_probs, symbols, state)

    def _reread(self, kept: list[Tensor]) -> Any:
        """The state after all of these symbols but the last, read from the start."""
        state = self.model.start(len(kept[0]))
        for symbols in [None, *kept[:-1]]:
            _, state = self.model.step(symbols, state)
        return state

    def _law(self, log_probs: Tensor) -> Tensor:
        if self.temperature == 1.0 and self.top_k is None:
            return log_probs
        log_probs = log_probs / self.temperature
        if self.top_k is not None:
            least = log_probs.topk(self.top_k, dim=1).values[:, -1:]
            log_probs = log_probs.masked_fill(log_probs < least, -torch.inf)
        return torch.log_softmax(log_probs, dim=1)


def sample(
    model: Any,
    n_documents: int = 64,
    length: int | None = None,
    seed: int = 0,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    discard: int = 0,
    slide: int | bool | None = None,
    batch: int | None = None,
    cluster: Any = None,
    progress: Progress | None = None,
) -> Sequences | Series:
    """Draw independent documents from a model.

    Each begins as the model's documents do: from its start symbol, with its state at rest. What it was trained on and
    where that began is what the first symbols are like; to leave them out, `discard`.

    Parameters
    ----------
    model
        A model of `miscope.models`, a trained one, or any other `SequenceModel`.
    n_documents
        How many.
    length
        Symbols in each. Default: what the model can read, or 4096.
    seed
        The same seed, with the same `batch`, gives the same symbols on the same machine.
    temperature
        The logarithms of probabilities are divided by it. 1 is the model's own law.
    top_k
        Draw from the so many most probable symbols only.
    discard
        So many symbols at the start of each document are drawn and thrown away.
    slide
        For models that read no more than a context: how many of its oldest symbols are forgotten when it is full, after
        which the rest is read again. 1 keeps the context as full as can be and costs a whole reading each symbol; True
        stands for half the context. None: documents beyond the context are refused.
    batch
        Documents drawn side by side. Default: 2048, or 256 for models with a horizon; on a cluster, a 64th of all
        documents, if that is less.
    cluster
        A client of ``dask.distributed`` whose workers draw, each with one copy of the model. The same `batch` gives the
        same symbols as without.
    progress
        Called with symbols drawn and symbols to draw.

    Returns
    -------
    Sequences
        Their provenance says of which model, how, and what its horizon is. A `LinearGaussianRNN` gives a `Series` of
        real numbers.

    Raises
    ------
    InputError
        If documents are longer than the model can read and `slide` is None, or an argument is not what it should be.

    Examples
    --------
    >>> from miscope.models import LSTM
    >>> sample(LSTM(alphabet_size=2, width=4), n_documents=3, length=100)
    Sequences(300 symbols of 2 kinds in 3 documents: LSTM 4)
    """
    n_documents, seed = whole_number(n_documents, "n_documents", 1), whole_number(seed, "seed", 0)
    discard = whole_number(discard, "discard", 0)
    length = checked_length(ready(model), length, discard)
    offsets = np.arange(n_documents + 1, dtype=np.int64) * length
    how: dict[str, Any] = {"discard": discard, "batch": batch_of(model, n_documents, batch, cluster)}
    if hasattr(model, "n_channels"):
        if temperature != 1.0 or top_k is not None or slide is not None:
            raise InputError(f"{label_of(model)} draws real numbers: temperature, top_k and slide are for symbols")
        values = np.empty((n_documents, length, model.n_channels))
        draw: Draw[Any] = partial(_draw_numbers, length=length, discard=discard)
        for first, n, drawn in over_pieces(
            draw, model, n_documents, length + discard, how["batch"], seed, progress, cluster
        ):
            values[first : first + n] = drawn
        values = values.reshape(-1, model.n_channels)
        about = describe(model, seed, how)
        return Series(values[:, 0] if values.shape[1] == 1 else values, offsets, about)
    sampler = Sampler(model, temperature, top_k, slide)
    sampler.check_length(length + discard)
    codes = np.empty((n_documents, length), code_dtype(model.alphabet_size))
    law = {"temperature": sampler.temperature, "top_k": sampler.top_k, "slide": sampler.slide}
    draw = partial(_draw_symbols, length=length, discard=discard, law=law)
    for first, n, drawn in over_pieces(
        draw, model, n_documents, length + discard, how["batch"], seed, progress, cluster
    ):
        codes[first : first + n] = drawn
    how |= law
    alphabet = getattr(model, "alphabet", None)
    return Sequences(codes.reshape(-1), offsets, model.alphabet_size, alphabet, describe(model, seed, how))


def ready(model: Any) -> Any:
    """The same model, after refusing what is none, and the examination of one that others made, where that is due.

    Raises
    ------
    InputError
        If it has no state that it starts with and no step, or does not pass.
    """
    inner = model.model if isinstance(model, TrainedModel) else model
    if missing := [name for name in ("start", "step") if not callable(getattr(inner, name, None))]:
        raise InputError(
            f"{label_of(inner)} is no model of sequences, having no {missing[0]}(): a network, or a function, that "
            "gives the law of the next symbol becomes one by miscope.models.wrap(network, alphabet_size)"
        )
    if hasattr(inner, "examine"):
        inner.examine()
    return model


def _draw_symbols(
    model: Any,
    first: int,
    n: int,
    generator: np.random.Generator,
    report: Callable[[int], None],
    *,
    length: int,
    discard: int,
    law: dict[str, Any],
) -> npt.NDArray[Any]:
    """Codes of a piece, shape (n, length)."""
    drawn = np.empty((length, n), code_dtype(model.alphabet_size))
    for t, moment in enumerate(Sampler(model, **law).run(n, discard + length, generator)):
        if t >= discard:
            drawn[t - discard] = moment.symbols.cpu().numpy()
        report(t)
    return drawn.T


def _draw_numbers(
    model: Any,
    first: int,
    n: int,
    generator: np.random.Generator,
    report: Callable[[int], None],
    *,
    length: int,
    discard: int,
) -> npt.NDArray[np.float64]:
    """Real numbers of a piece, shape (n, length, n_channels)."""
    values = np.empty((n, length, model.n_channels))
    for t, (_, drawn, _) in enumerate(real_moments(model, n, length + discard, generator)):
        if t >= discard:
            values[:, t - discard] = drawn.cpu().numpy()
        report(t)
    return values


def checked_length(model: Any, length: int | None, discard: int) -> int:
    """Symbols in each document: what is asked for, or what the model can read, or 4096."""
    if length is not None:
        return whole_number(length, "length", 1, _LONGEST_ABOUT)
    longest = getattr(model, "longest", getattr(model, "horizon", None))
    return 4096 if longest is None else max(int(longest) - discard, 1)


def batch_of(model: Any, n_documents: int, batch: int | None, cluster: Any = None) -> int:
    """Documents that are drawn side by side."""
    if batch is not None:
        batch = whole_number(batch, "batch", 1)
    usual = _BATCH if getattr(model, "horizon", None) is None else _BATCH_WITH_HORIZON
    return batch_on(cluster, n_documents, batch, min(usual, n_documents))


def describe(model: Any, seed: int, how: dict[str, Any]) -> dict[str, Any]:
    """Of which model a sample is, and how it was drawn; JSON-able."""
    horizon = getattr(model, "horizon", None)
    about: dict[str, Any] = {"name": type(model).__name__, "horizon": horizon}
    inner = getattr(model, "model", model)
    if isinstance(inner, nn.Module) and hasattr(inner, "config") and hasattr(inner, "name"):
        about = {"name": inner.name, "config": inner.config, "horizon": horizon, "weights": weights_digest(inner)}
    if (found := getattr(model, "examination", None)) is not None:
        about["examination"] = {"read": found.read, "notes": list(found.notes)}
    return {"label": label_of(model), "model": about, "sampling": how, "seed": seed}


def weights_digest(model: nn.Module) -> str:
    """The first 16 digits of the SHA-256 of all weights: the same for models that are the same."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _checked_slide(slide: int | bool | None, longest: int | None) -> int | None:
    if slide is None or slide is False or longest is None:
        return None
    if slide is True:
        return max(longest // 2, 1)
    if longest < 2:
        raise InputError("a context of one symbol cannot slide: each symbol is the start of a document")
    return whole_number(slide, "slide", 1, longest - 1)


def _drawn(log_probs: Tensor, uniforms: Tensor) -> Tensor:
    """A symbol of each law, by inverting its distribution function."""
    size = log_probs.shape[1]
    if size == 2:
        return (log_probs[:, 0].exp() <= uniforms).long()
    below = log_probs.exp().cumsum(1)
    # The last of them is 1, but for rounding.
    places = torch.searchsorted(below[:, :-1].contiguous(), (uniforms * below[:, -1])[:, None], right=True)
    return places[:, 0]


def real_moments(
    model: Any, n: int, length: int, generator: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Any]]:
    """Means and draws of each step of n documents of real numbers, shape (n, n_channels) each, and the state before."""
    with torch.inference_mode():
        state, drawn, root = model.start(n), None, torch.linalg.cholesky(model.noise)
    for _ in range(length):
        normal = torch.from_numpy(generator.standard_normal((n, model.n_channels)))
        with torch.inference_mode():
            means, state = model.step(drawn, state)
            drawn = means + normal.to(means) @ root.T
        yield means, drawn, state
