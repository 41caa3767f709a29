"""Recurrent networks whose state has a fixed size: Elman's, GRU and LSTM."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from miscope.errors import choice
from miscope.models.base import TorchModel

__all__ = ["GRU", "LSTM", "ElmanRNN", "RecurrentState"]


_FUNCTIONS = {"tanh": torch.tanh, "relu": torch.relu}


@dataclass(frozen=True)
class RecurrentState:
    """The state of n documents.

    Attributes
    ----------
    table
        What the first layer adds for each symbol, shape (gates, alphabet_size + 1).
    layers
        For each layer its state as tensors of shape (width, n): h, or (h, c). Documents are columns, so that each
        gate is one contiguous piece.
    """

    table: Tensor
    layers: tuple[tuple[Tensor, ...], ...]


class _Recurrent(TorchModel, ABC):
    """Embedding, recurrent layers of torch, readout; drawn symbol by symbol with the same weights."""

    kind: ClassVar[Callable[..., nn.RNNBase]]
    n_states: ClassVar[int] = 1

    def __init__(
        self,
        alphabet_size: int,
        width: int = 16,
        depth: int = 1,
        dropout: float = 0.0,
        tied: bool = False,
        seed: int = 0,
        **more: Any,
    ) -> None:
        super().__init__(
            alphabet_size=alphabet_size, width=width, depth=depth, dropout=dropout, tied=tied, **more, seed=seed
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embedding = nn.Embedding(alphabet_size + 1, width)
            between = dropout if depth > 1 else 0.0
            self.layers = self.kind(width, width, depth, batch_first=True, dropout=between, **more)
            self.dropout = nn.Dropout(dropout)
            self.readout = nn.Linear(width, alphabet_size)
            if tied:
                nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.tied = tied
        if tied:
            del self.readout.weight  # that of the embedding serves: see _logits

    def forward(self, codes: Tensor) -> Tensor:
        """Logits of every symbol given those before it, shape (n, length, alphabet_size)."""
        hidden, _ = self.layers(self.dropout(self.embedding(self.shifted(codes))))
        return self._logits(self.dropout(hidden))

    def start(self, n: int) -> RecurrentState:
        """The state of n documents of which nothing has been read."""
        weights = self._weights(0)
        table = weights[0] @ self.embedding.weight.T + self._input_bias(0)
        zeros = self.embedding.weight.new_zeros(self.width, n)
        return RecurrentState(table, ((zeros,) * self.n_states,) * self.depth)

    def step(self, symbols: Tensor | None, state: RecurrentState) -> tuple[Tensor, RecurrentState]:
        """Read a symbol of each document; log-probabilities of the next, shape (n, K), and the new state."""
        if symbols is None:
            symbols = self.first(state.layers[0][0].shape[1])
        given = state.table.index_select(1, symbols)
        layers: list[tuple[Tensor, ...]] = []
        for k, old in enumerate(state.layers):
            if k:
                given = torch.addmm(self._input_bias(k), self._weights(k)[0], layers[-1][0])
            layers.append(self._cell(given, old, k))
        logits = torch.addmm(self.readout.bias[:, None], self._readout_weight(), layers[-1][0])
        return torch.log_softmax(logits, 0).T, RecurrentState(state.table, tuple(layers))

    def features(self, state: RecurrentState) -> Tensor:
        """The whole state as vectors, shape (n, depth * width), or twice that for h and c."""
        return torch.cat([part for layer in state.layers for part in layer]).T

    @abstractmethod
    def _cell(self, given: Tensor, old: tuple[Tensor, ...], k: int) -> tuple[Tensor, ...]:
        """New state of layer k from what its input gives, shape (gates, n), and its old state."""

    def _weights(self, k: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of layer k: from input and from state, shapes (gates, width); their biases, (gates, 1)."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        w, u, b, c = (getattr(self.layers, f"{name}_l{k}") for name in names)
        return w, u, b[:, None], c[:, None]

    def _input_bias(self, k: int) -> Tensor:
        """All of layer k's bias that can be added before its state is known."""
        _, _, b, c = self._weights(k)
        return b + c

    def _logits(self, hidden: Tensor) -> Tensor:
        return nn.functional.linear(hidden, self._readout_weight(), self.readout.bias)

    def _readout_weight(self) -> Tensor:
        return self.embedding.weight[: self.alphabet_size] if self.tied else self.readout.weight


class ElmanRNN(_Recurrent):
    """A simple recurrent network: ``h[t] = f(W h[t-1] + U x[t] + b)``.

    Parameters
    ----------
    alphabet_size
        Number of symbols.
    width
        Units in each layer.
    depth
        Layers.
    dropout
        Share of activations left out in training.
    tied
        Whether the readout's weights are the embedding.
    seed
        For the weights to begin with.
    nonlinearity
        f: ``"tanh"`` or ``"relu"``.

    Examples
    --------
    >>> ElmanRNN(alphabet_size=2, width=8)
    ElmanRNN(alphabet_size=2, width=8, depth=1, nonlinearity='tanh'): 186 parameters, no horizon

    References
    ----------
    Elman, Cogn. Sci. 14 (1990) 179.
    """

    kind = nn.RNN
    name = "rnn"

    def __init__(
        self,
        alphabet_size: int,
        width: int = 16,
        depth: int = 1,
        dropout: float = 0.0,
        tied: bool = False,
        seed: int = 0,
        nonlinearity: str = "tanh",
    ) -> None:
        self._function = {"tanh": torch.tanh, "relu": torch.relu}[
            choice(nonlinearity, ("tanh", "relu"), "nonlinearity")
        ]
        super().__init__(alphabet_size, width, depth, dropout, tied, seed, nonlinearity=nonlinearity)

    def _cell(self, given: Tensor, old: tuple[Tensor, ...], k: int) -> tuple[Tensor, ...]:
        return (self._function(torch.addmm(given, self._weights(k)[1], old[0])),)


class GRU(_Recurrent):
    """A network of gated recurrent units; parameters as for `ElmanRNN`.

    Examples
    --------
    >>> GRU(alphabet_size=2, width=8).n_parameters
    474

    References
    ----------
    Cho et al. 2014, arXiv:1406.1078.
    """

    kind = nn.GRU
    name = "gru"

    def _cell(self, given: Tensor, old: tuple[Tensor, ...], k: int) -> tuple[Tensor, ...]:
        (h,), n = old, 2 * self.width
        _, u, _, c = self._weights(k)
        gates = torch.sigmoid(torch.addmm(given[:n], u[:n], h))
        reset, keep = gates[: self.width], gates[self.width :]
        new = torch.tanh(given[n:] + reset * torch.addmm(c[n:], u[n:], h))
        return (torch.lerp(new, h, keep),)

    def _input_bias(self, k: int) -> Tensor:
        # The reset gate scales the last third of the state's bias, which is therefore added later.
        _, _, b, c = self._weights(k)
        return b + torch.cat([c[: 2 * self.width], torch.zeros_like(c[2 * self.width :])])


class LSTM(_Recurrent):
    """A network with long short-term memory, its state h and c; parameters as for `ElmanRNN`.

    Examples
    --------
    >>> LSTM(alphabet_size=2, width=16, depth=2)
    LSTM(alphabet_size=2, width=16, depth=2): 4,434 parameters, no horizon

    References
    ----------
    Hochreiter and Schmidhuber, Neural Comput. 9 (1997) 1735.
    """

    kind = nn.LSTM
    name = "lstm"
    n_states = 2

    def _cell(self, given: Tensor, old: tuple[Tensor, ...], k: int) -> tuple[Tensor, ...]:
        h, c = old
        gates, n = torch.addmm(given, self._weights(k)[1], h), self.width
        enter, keep, show = (torch.sigmoid(gates[part : part + n]) for part in (0, n, 3 * n))
        c = keep * c + enter * torch.tanh(gates[2 * n : 3 * n])
        return show * torch.tanh(c), c
