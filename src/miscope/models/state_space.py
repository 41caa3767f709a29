"""State-space models: recurrences that are linear and diagonal, so that whole documents are read at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, softplus

from miscope.models.base import TorchModel
from miscope.models.scan import scan
from miscope.processes.checking import whole_number

__all__ = ["LRU", "DiagonalState", "GatedLRU"]

_RING = (0.9, 0.999)  # absolute values of the factors to begin with
_LARGEST_ANGLE = math.pi / 10  # their angles, per symbol
_SHARPNESS = 8.0  # exponent of the gated factor where its gate is open
_LEAST = 1e-10  # of 1 - a^2: the slope of its root is not finite at 0


@dataclass(frozen=True)
class DiagonalState:
    """The state of n documents.

    Attributes
    ----------
    constants
        What each layer needs at every step and its parameters give.
    layers
        For each layer its state, shape (n, state), complex or real.
    """

    constants: tuple[tuple[Tensor, ...], ...]
    layers: tuple[Tensor, ...]


class _Diagonal(TorchModel):
    """Embedding, residual blocks around a diagonal recurrence, readout. In training, time is the first dimension."""

    block: ClassVar[type[_LRUBlock | _GatedBlock]]

    def __init__(
        self,
        alphabet_size: int,
        width: int = 16,
        depth: int = 1,
        dropout: float = 0.0,
        tied: bool = False,
        seed: int = 0,
        state: int | None = None,
    ) -> None:
        super().__init__(
            alphabet_size=alphabet_size, width=width, depth=depth, dropout=dropout, tied=tied, seed=seed, state=state
        )
        self.state = width if state is None else whole_number(state, "state", 1)
        self.tied = tied
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embedding = nn.Embedding(alphabet_size + 1, width)
            self.dropout = nn.Dropout(dropout)
            self.blocks = nn.ModuleList(self.block(width, self.state, dropout) for _ in range(depth))
            self.norm = nn.LayerNorm(width)
            self.readout = nn.Linear(width, alphabet_size)
            if tied:
                nn.init.normal_(self.embedding.weight, std=width**-0.5)
        if tied:
            del self.readout.weight  # that of the embedding serves: see _logits

    def forward(self, codes: Tensor) -> Tensor:
        """Logits of every symbol given those before it, shape (n, length, alphabet_size)."""
        hidden = self.dropout(self.embedding(self.shifted(codes).T))
        for block in self.blocks:
            hidden = block(hidden)
        return self._logits(hidden).transpose(0, 1)

    def start(self, n: int) -> DiagonalState:
        """The state of n documents of which nothing has been read."""
        constants = tuple(block.constants() for block in self._blocks())
        return DiagonalState(constants, tuple(block.rest(n) for block in self._blocks()))

    def step(self, symbols: Tensor | None, state: DiagonalState) -> tuple[Tensor, DiagonalState]:
        """Read a symbol of each document; log-probabilities of the next, shape (n, alphabet_size), and new state."""
        if symbols is None:
            symbols = self.first(len(state.layers[0]))
        hidden, layers = self.embedding(symbols), []
        for block, constants, old in zip(self._blocks(), state.constants, state.layers, strict=True):
            hidden, new = block.step(hidden, old, constants)
            layers.append(new)
        return torch.log_softmax(self._logits(hidden), dim=-1), DiagonalState(state.constants, tuple(layers))

    def features(self, state: DiagonalState) -> Tensor:
        """The whole state as real vectors, shape (n, depth * state), or twice that for real and imaginary parts."""
        parts = [torch.view_as_real(h).flatten(1) if h.is_complex() else h for h in state.layers]
        return torch.cat(parts, dim=1)

    def _blocks(self) -> list[Any]:
        return list(self.blocks)

    def _logits(self, hidden: Tensor) -> Tensor:
        weight = self.embedding.weight[: self.alphabet_size] if self.tied else self.readout.weight
        return linear(self.norm(hidden), weight, self.readout.bias)


class _LRUBlock(nn.Module):
    """Norm, complex recurrence, gated linear unit, residual path."""

    def __init__(self, width: int, state: int, dropout: float) -> None:
        super().__init__()
        low, high = _RING
        modulus = torch.sqrt(low**2 + (high**2 - low**2) * torch.rand(state))  # uniform on the ring's area
        self.nu = nn.Parameter(torch.log(-torch.log(modulus)))
        self.log_angle = nn.Parameter(torch.log(_LARGEST_ANGLE * (1 - torch.rand(state))))
        self.log_gamma = nn.Parameter(0.5 * torch.log1p(-(modulus**2)))
        self.norm = nn.LayerNorm(width)
        # Matrices of complex numbers as real ones: real and imaginary parts are neighbours.
        self.enter = nn.Parameter(torch.randn(2 * state, width) * (2 * width) ** -0.5)
        self.show = nn.Parameter(torch.randn(width, 2 * state) * state**-0.5)
        self.skip = nn.Parameter(torch.randn(width))
        self.gate = nn.Linear(width, 2 * width)
        self.dropout = nn.Dropout(dropout)

    def constants(self) -> tuple[Tensor, Tensor]:
        """The factor of each unit, shape (state,), and the matrix by which inputs enter, shape (2 state, width)."""
        factor = torch.polar(torch.exp(-torch.exp(self.nu)), torch.exp(self.log_angle))
        return factor, self.enter * torch.exp(self.log_gamma).repeat_interleave(2)[:, None]

    def rest(self, n: int) -> Tensor:
        """The state at rest, shape (n, state)."""
        return torch.complex(*(self.nu.new_zeros(2, n, len(self.nu))))

    def forward(self, hidden: Tensor) -> Tensor:
        """All times at once, shape (length, n, width)."""
        factor, enter = self.constants()
        read = self.norm(hidden)
        return self._after(hidden, read, scan(factor, self._entering(read, enter)))

    def step(self, hidden: Tensor, old: Tensor, constants: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """One time, shape (n, width), and the new state."""
        factor, enter = constants
        read = self.norm(hidden)
        new = torch.addcmul(self._entering(read, enter), factor, old)
        return self._after(hidden, read, new), new

    def _entering(self, read: Tensor, enter: Tensor) -> Tensor:
        return torch.view_as_complex(linear(read, enter).view(*read.shape[:-1], -1, 2))

    def _after(self, hidden: Tensor, read: Tensor, h: Tensor) -> Tensor:
        # Re(C h) = Re C Re h - Im C Im h: the sign is part of `show`
        shown = torch.addcmul(linear(torch.view_as_real(h).flatten(-2), self.show), self.skip, read)
        value, gate = self.gate(self.dropout(gelu(shown, approximate="tanh"))).chunk(2, dim=-1)
        return torch.addcmul(hidden, self.dropout(value), torch.sigmoid(gate))


class _GatedBlock(nn.Module):
    """Norm, real recurrence whose factors depend on what is read, gated output, residual path."""

    def __init__(self, width: int, state: int, dropout: float) -> None:
        super().__init__()
        low, high = _RING
        modulus = low + (high - low) * torch.rand(state)  # with its gate open
        self.rate = nn.Parameter(torch.log(torch.expm1(-torch.log(modulus) / _SHARPNESS)))
        self.norm = nn.LayerNorm(width)
        self.enter = nn.Linear(width, 4 * state)
        self.show = nn.Linear(state, width)
        self.dropout = nn.Dropout(dropout)

    def constants(self) -> tuple[Tensor]:
        """The logarithm of the smallest factor of each unit, shape (state,)."""
        return (-_SHARPNESS * softplus(self.rate),)

    def rest(self, n: int) -> Tensor:
        """The state at rest, shape (n, state)."""
        return self.rate.new_zeros(n, len(self.rate))

    def forward(self, hidden: Tensor) -> Tensor:
        """All times at once, shape (length, n, width)."""
        factor, entering, shown = self._entering(hidden, *self.constants())
        return self._after(hidden, scan(factor, entering) * shown)

    def step(self, hidden: Tensor, old: Tensor, constants: tuple[Tensor]) -> tuple[Tensor, Tensor]:
        """One time, shape (n, width), and the new state."""
        factor, entering, shown = self._entering(hidden, *constants)
        new = torch.addcmul(entering, factor, old)
        return self._after(hidden, new * shown), new

    def _entering(self, hidden: Tensor, log_least: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Factors, what enters, and how much of each unit is shown."""
        value, opened, gates = self.enter(self.norm(hidden)).tensor_split((len(log_least), 2 * len(log_least)), dim=-1)
        gates = torch.sigmoid(gates)
        decay, entry = gates.chunk(2, dim=-1)
        log_factor = log_least * decay
        scale = torch.sqrt(torch.expm1(2 * log_factor).neg().clamp_min(_LEAST))
        return torch.exp(log_factor), scale * entry * value, gelu(opened, approximate="tanh")

    def _after(self, hidden: Tensor, shown: Tensor) -> Tensor:
        return torch.add(hidden, self.dropout(self.show(self.dropout(shown))))


class LRU(_Diagonal):
    """Linear recurrent units: a diagonal complex recurrence that inputs drive, between gated linear units.

    Parameters
    ----------
    alphabet_size
        Number of symbols.
    width
        Numbers that stand for a position.
    depth
        Layers.
    dropout
        Share of activations left out in training.
    tied
        Whether the readout's weights are the embedding.
    seed
        For the weights to begin with.
    state
        Units of state in each layer, each a complex number. Default: `width`.

    Examples
    --------
    >>> model = LRU(alphabet_size=2, width=8)
    >>> model.n_parameters
    506

    Notes
    -----
    ``h[t] = l h[t-1] + g B x[t]``, ``y[t] = Re(C h[t]) + D x[t]`` with ``l = exp(-exp(nu) + i exp(theta))``, which
    is stable whatever the parameters are, and ``g = sqrt(1 - |l|^2)`` to begin with, which keeps the state's
    variance near that of the input. ``|l|`` begins uniform on the ring from 0.9 to 0.999, with angles below pi / 10:
    correlation lengths of 10 to 1000 symbols.

    References
    ----------
    Orvieto et al. 2023, arXiv:2303.06349.
    """

    name = "lru"
    block = _LRUBlock


class GatedLRU(_Diagonal):
    """Gated linear recurrent units: real factors that depend on what is read; parameters as for `LRU`.

    Examples
    --------
    >>> GatedLRU(alphabet_size=2, width=8, state=12).n_parameters
    622

    Notes
    -----
    ``h[t] = a[t] h[t-1] + sqrt(1 - a[t]^2) i[t] u[t]`` with ``a[t] = exp(-8 softplus(L) r[t])``, gates
    ``r = sigmoid(W x + b)`` and ``i = sigmoid(V x + c)``, and u linear in x. What is shown is multiplied by a fourth
    linear function of x through a GELU. With its gate r open, a factor begins uniform between 0.9 and 0.999. The short
    convolution that goes before the recurrence in the reference is left out: the state is h and nothing else.

    References
    ----------
    De et al. 2024, arXiv:2402.19427.
    """

    name = "gated-lru"
    block = _GatedBlock
