"""Causal language models of transformers as models: the adapter behind `pretrained` and `from_config`."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from miscope.errors import InputError
from miscope.models.base import checked_codes, device_of
from miscope.models.examination import Examination, Subject, examine, weights_of
from miscope.sequences.hugging_face import explained

__all__ = ["CachedState", "HuggingFaceModel"]

# What lengths are called in configurations: those that can be read, windows and chunks, those before positions were
# stretched.
_LENGTHS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length", "seq_length")
_WINDOWS = ("window", "chunk_size", "chunk_length")
_ORIGINAL = "original_max_position_embeddings"
_SPECIAL = ("pad_token_id", "eos_token_id", "bos_token_id", "pad_index", "mask_token_id", "sep_token_id")


@dataclass(frozen=True)
class CachedState:
    """What a network of transformers has read: of n documents `length` symbols each, the start token among them.

    `cache` is the library's own memory of them; where a network has none, their codes, int64 of shape (n, length).
    """

    n: int
    length: int
    cache: Any


class HuggingFaceModel(nn.Module):
    """A causal language model of transformers; made by `pretrained` and `from_config`.

    Documents begin behind a start token. Every token is a symbol, those that mark starts, ends and padding too: text
    that is drawn goes on behind them. Codes that the network has beyond its tokenizer's (many are padded to a round
    number) are never drawn; the probabilities of the others are divided by their sum.

    Attributes
    ----------
    network
        The library's own model. Asked for a law, it is put into evaluation mode.
    alphabet_size, alphabet
        Number of tokens, and the tokens as the tokenizer spells them; None without a tokenizer.
    horizon, longest
        The longest document whose laws hold: what the configuration names, or less, if the examination found so; None
        where there is no limit.
    examination
        What was found when the model was made, or since its weights changed last.

    Notes
    -----
    Symbols spelt as padding are symbols as all others: networks are told to look at them, and where they stand.
    Symbols are read one by one with the library's own cache of keys and values, or state. Where a network has none, or
    one that does not give the same as reading the whole, everything is read again for each symbol, which is slow.
    """

    def __init__(self, network: nn.Module, start: int, alphabet: tuple[str, ...] | None, label: str) -> None:
        super().__init__()
        self.network, self.label, self._start = network.eval(), label, start
        known = inspect.signature(network.forward).parameters
        self._cache = next((name for name in ("past_key_values", "cache_params", "state") if name in known), None)
        self._whole: dict[str, Any] = {"use_cache": False} if "use_cache" in known else {}
        self._takes_mask = "attention_mask" in known
        self._first_position = _first_position(network) if "position_ids" in known else None
        config: Any = network.config
        self._settings = list(_settings(config.to_dict()))
        self.longest = self.horizon = _stated(config.get_text_config())
        with torch.no_grad(), explained(f"{label} cannot read even one symbol"):
            width = int(network(input_ids=self._first(1)[:, None], **self._whole).logits.shape[-1])
        self.alphabet_size = width if alphabet is None else min(width, len(alphabet))
        self.alphabet = None if alphabet is None else alphabet[: self.alphabet_size]
        self._examined: Any = None
        self.examination: Examination
        self.examine()

    def __repr__(self) -> str:
        n_parameters = sum(parameter.numel() for parameter in self.parameters())
        reach = "no horizon" if self.horizon is None else f"horizon {self.horizon:,}"
        return f"HuggingFaceModel({self.label}: {self.alphabet_size:,} symbols, {n_parameters:,} parameters, {reach})"

    def start(self, n: int) -> CachedState:
        """The state of n documents of which nothing has been read."""
        self.eval()
        self.examine()
        return CachedState(n, 0, None)

    def step(self, symbols: Tensor | None, state: CachedState) -> tuple[Tensor, CachedState]:
        """Read a symbol of each document; the next one's log-probabilities, shape (n, K), and the new state."""
        if self.longest is not None and state.length >= self.longest:
            raise InputError(f"{self.label} can read no more than {self.longest:,} symbols, and has read them")
        codes = self._first(state.n) if symbols is None else symbols.to(device_of(self), torch.int64)
        return self._step_cached(codes, state) if self._cache else self._step_anew(codes, state)

    def log_probs(self, codes: Tensor) -> Tensor:
        """Log-probabilities of every symbol given those before it, shape (n, length, alphabet_size)."""
        if not self.training:
            self.eval()  # the network too, if it was trained by itself
            self.examine()
        return self.forward(codes)

    def forward(self, codes: Tensor) -> Tensor:
        """As `log_probs`, for training: with dropout, if the network has some and is in training."""
        codes = checked_codes(self, codes)
        if not codes.numel():
            return torch.zeros(*codes.shape, self.alphabet_size, device=codes.device)
        return self._laws_behind(torch.cat([self._first(len(codes))[:, None], codes[:, :-1]], dim=1))

    def examine(self) -> Examination:
        """Examine the model, unless its weights are those of the last time; see `miscope.models.examination`."""
        weights = weights_of([self.network])
        if weights != self._examined:
            found = examine(self._subject(), self.alphabet_size)
            before = () if self._examined is None else self.examination.notes
            self.examination = dataclasses.replace(found, notes=tuple(dict.fromkeys((*before, *found.notes))))
            self._cache = self._cache if self.examination.stepwise else None
            self.longest = self.horizon = self.examination.longest
            self._examined = weights_of([self.network])
        return self.examination

    def _subject(self) -> Subject:
        """What is examined; not beyond the length that was found before, since a GPU stays broken by such a try."""
        found = dict.fromkeys(n for name, n in self._settings if name in _SPECIAL and 0 <= n < self.alphabet_size)
        return Subject(
            label=self.label,
            laws=self._laws_behind,
            codes=np.arange(self.alphabet_size),
            longest=self.longest,
            special=tuple(found),
            first=self._start,
            windows=tuple({n for name, n in self._settings if n > 1 and any(part in name for part in _WINDOWS)}),
            original_lengths=tuple({n for name, n in self._settings if name == _ORIGINAL}),
            n_parameters=sum(parameter.numel() for parameter in self.parameters()),
            dtype=next(self.network.parameters()).dtype,
            device=device_of(self),
            step=self._step_cached if self._cache else None,
            filled=self._filled,
        )

    def _filled(self, codes: Tensor) -> CachedState:
        """The state after codes that are read at once, with a cache."""
        n, length = codes.shape
        if not length:
            return CachedState(n, 0, None)
        output = self.network(input_ids=codes, use_cache=True, **self._placed(codes))
        return CachedState(n, length, getattr(output, str(self._cache)))

    def _step_cached(self, codes: Tensor, state: CachedState) -> tuple[Tensor, CachedState]:
        given = {} if state.cache is None else {str(self._cache): state.cache}
        placed = self._placed(codes[:, None], state.length)
        output = self.network(input_ids=codes[:, None], use_cache=True, **given, **placed)
        cache = getattr(output, str(self._cache), None)
        if cache is None:
            raise InputError("the network returns no cache")
        return self._laws(output.logits[:, -1]), CachedState(state.n, state.length + 1, cache)

    def _step_anew(self, codes: Tensor, state: CachedState) -> tuple[Tensor, CachedState]:
        read = codes[:, None] if state.cache is None else torch.cat([state.cache, codes[:, None]], dim=1)
        return self._laws_behind(read)[:, -1], CachedState(state.n, state.length + 1, read)

    def _laws_behind(self, read: Tensor) -> Tensor:
        mask = {"attention_mask": torch.ones_like(read)} if self._takes_mask else {}
        return self._laws(self.network(input_ids=read, **mask, **self._placed(read), **self._whole).logits)

    def _placed(self, codes: Tensor, before: int = 0) -> dict[str, Tensor]:
        """Positions, for networks that otherwise count none for symbols whose code is that of padding."""
        if self._first_position is None:
            return {}
        positions = torch.arange(codes.shape[1], device=codes.device) + before + self._first_position
        return {"position_ids": positions.expand(codes.shape)}

    def _laws(self, logits: Tensor) -> Tensor:
        return torch.log_softmax(logits[..., : self.alphabet_size].float(), dim=-1)

    def _first(self, n: int) -> Tensor:
        """Start tokens of n documents, int64 of shape (n,)."""
        return torch.full((n,), self._start, device=device_of(self))


def _first_position(network: nn.Module) -> int | None:
    """The position of the first symbol, where those before it stand for padding; None where it is 0."""
    tables = (getattr(module, "position_embeddings", None) for module in network.modules())
    padding = next((table.padding_idx for table in tables if isinstance(table, nn.Embedding)), None)
    return None if padding is None else padding + 1


def _settings(config: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """All whole numbers of a configuration, with their names, those of its parts too."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _settings(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield str(name), value


def _stated(config: Any) -> int | None:
    """The longest document that the configuration says can be read."""
    lengths = [getattr(config, name, None) for name in _LENGTHS]
    return next((n for n in lengths if isinstance(n, int) and n > 0), None)
