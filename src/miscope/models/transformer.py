"""The decoder-only transformer: causal attention, with or without a window."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear

from miscope.errors import InputError, choice
from miscope.models.base import TorchModel
from miscope.models.positions import attend, rotate, rotations, slopes
from miscope.processes.checking import whole_number

__all__ = ["KeyValueCache", "Transformer"]

_POSITIONS = ("learned", "rotary", "alibi")
_DEVIATION = 0.02  # of weights to begin with, as in GPT-2
_COLUMNS = 64  # of a cache to begin with; positions whose rotations are made at once


@dataclass
class KeyValueCache:
    """What n documents have read: changed in place by each step.

    Attributes
    ----------
    table
        Keys and values, shape (depth, 2, n * heads, columns, head size). Columns double when they are full, since
        nothing says how long documents will be and a whole context may be large; a window has its own number of
        columns, of which the oldest is written over.
    n_read
        Symbols read, the start symbol included.
    turns
        Rotations of the next positions, where positions are rotary.
    """

    table: Tensor
    n_read: int = 0
    turns: Tensor | None = None


class _Block(nn.Module):
    """Attention and a multilayer perceptron, each behind a norm and beside a residual path."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def initialise(self, depth: int) -> None:
        """Weights as in GPT-2: those that write to the residual path are smaller, the more of them there are."""
        for layer in (self.qkv, self.expand, self.project, self.contract):
            writes = layer in (self.project, self.contract)
            nn.init.normal_(layer.weight, std=_DEVIATION / (2 * depth) ** 0.5 if writes else _DEVIATION)
            nn.init.zeros_(layer.bias)

    def mlp(self, hidden: Tensor) -> Tensor:
        """Add what the perceptron makes of each position."""
        inner = gelu(self.expand(self.norm_mlp(hidden)), approximate="tanh")
        return torch.add(hidden, self.dropout(self.contract(inner)))


class Transformer(TorchModel):
    """A decoder-only transformer: layers of causal attention and perceptrons, each behind a layer norm.

    Parameters
    ----------
    alphabet_size
        Number of symbols.
    width
        Numbers that stand for a position; the perceptrons have 4 times as many units.
    depth
        Layers.
    heads
        Attention heads in each layer. Default: one for every 32 of width, or the next smaller number that divides it.
    context
        Symbols in the longest document that can be read.
    positions
        ``"learned"``: an embedding of each position. ``"rotary"``: queries and keys are turned by angles in proportion
        to their position. ``"alibi"``: scores fall in proportion to distance.
    window
        Each position attends to itself and to the ``window - 1`` before it. Default: to all before it. With a window
        and positions that are relative, rotary or alibi, documents may have any length.
    dropout
        Share of embeddings, and of what layers add, left out in training. Attention's own weights are all kept.
    tied
        Whether the readout's weights are the embedding.
    seed
        For the weights to begin with.

    Raises
    ------
    InputError
        If an argument is not what it should be, or these do not fit together.

    Examples
    --------
    >>> model = Transformer(alphabet_size=65, width=64, depth=2, context=512)
    >>> model.n_parameters, model.horizon, model.longest
    (108545, 511, 512)
    >>> narrow = Transformer(alphabet_size=2, width=32, depth=3, window=16)
    >>> narrow.horizon, narrow.longest
    (46, None)

    Notes
    -----
    The law of symbol t is read off position t, which has read the start symbol and the t symbols before. The last
    symbol of the longest document therefore sees ``context - 1`` before it: that is the horizon. Through a window each
    layer carries what was read ``window - 1`` positions further, so that it is ``depth (window - 1) + 1``, if less.

    References
    ----------
    Vaswani et al. 2017, arXiv:1706.03762; Radford et al. 2019 (GPT-2: norms first, weights to begin with).
    """

    name = "transformer"

    def __init__(
        self,
        alphabet_size: int,
        width: int = 64,
        depth: int = 2,
        heads: int | None = None,
        context: int = 512,
        positions: str = "rotary",
        window: int | None = None,
        dropout: float = 0.0,
        tied: bool = False,
        seed: int = 0,
    ) -> None:
        width = whole_number(width, "width", 1)
        super().__init__(
            alphabet_size=alphabet_size,
            width=width,
            depth=depth,
            heads=_usual_heads(width) if heads is None else whole_number(heads, "heads", 1),
            context=whole_number(context, "context", 2),
            positions=choice(positions, _POSITIONS, "kind of positions"),
            window=None if window is None else whole_number(window, "window", 1),
            dropout=dropout,
            tied=tied,
            seed=seed,
        )
        self.heads, self.context, self.positions = self.config["heads"], context, positions
        self.window, self.tied = self.config["window"], tied
        self._check()
        self.head_size = width // self.heads
        self.horizon = context - 1
        self.longest = context
        if window is not None:
            seen = self.depth * (window - 1) + 1
            unlimited = positions != "learned"
            self.horizon, self.longest = (seen, None) if unlimited else (min(context - 1, seen), context)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._build(dropout)

    def _check(self) -> None:
        width, heads = self.width, self.heads
        if width % heads:
            raise InputError(f"heads must divide width: {width} is no multiple of {heads}; write heads=1, or another")
        if self.positions == "rotary" and (width // heads) % 2:
            raise InputError(
                f"rotary positions turn pairs of numbers, and width {width} / heads {heads} = {width // heads} is odd: "
                "choose an even head size, or positions='alibi' or 'learned'"
            )
        if self.window is not None and self.window > self.context:
            raise InputError(
                f"window must be at most the context: {self.window} > {self.context}; leave it out to attend to all"
            )

    def _build(self, dropout: float) -> None:
        self.embedding = nn.Embedding(self.alphabet_size + 1, self.width)
        nn.init.normal_(self.embedding.weight, std=_DEVIATION)
        if self.positions == "learned":
            self.position = nn.Embedding(self.context, self.width)
            nn.init.normal_(self.position.weight, std=_DEVIATION)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(_Block(self.width, dropout) for _ in range(self.depth))
        for block in self._blocks():
            block.initialise(self.depth)
        self.norm = nn.LayerNorm(self.width)
        self.readout = nn.Linear(self.width, self.alphabet_size)
        nn.init.normal_(self.readout.weight, std=_DEVIATION)
        nn.init.zeros_(self.readout.bias)
        if self.tied:
            del self.readout.weight  # that of the embedding serves: see _logits

    def forward(self, codes: Tensor) -> Tensor:
        """Logits of every symbol given those before it, shape (n, length, alphabet_size)."""
        hidden = self.embedding(self.shifted(codes))
        length = codes.shape[1]
        if self.positions == "learned":
            hidden = hidden + self.position.weight[:length]
        by = rotations(0, length, self.head_size, hidden) if self.positions == "rotary" else None
        slope = slopes(self.heads, hidden) if self.positions == "alibi" else None
        hidden = self.dropout(hidden)
        for block in self._blocks():
            queries, keys, values = self._heads(block, hidden).unbind(2)
            if by is not None:
                queries, keys = rotate(queries, by), rotate(keys, by)
            queries, keys, values = (each.transpose(1, 2) for each in (queries, keys, values))
            seen = attend(queries, keys, values, self.window, slope)
            hidden = hidden + block.dropout(block.project(seen.transpose(1, 2).flatten(2)))
            hidden = block.mlp(hidden)
        return self._logits(hidden)

    def start(self, n: int) -> KeyValueCache:
        """The state of n documents of which nothing has been read."""
        columns = min(_COLUMNS, self.context) if self.window is None else self.window
        shape = (self.depth, 2, n * self.heads, columns, self.head_size)
        return KeyValueCache(self.embedding.weight.new_zeros(shape))

    def step(self, symbols: Tensor | None, state: KeyValueCache) -> tuple[Tensor, KeyValueCache]:
        """Read a symbol of each document; log-probabilities of the next, shape (n, alphabet_size), and the new state.

        The state is changed in place, so no gradients pass through steps.
        """
        if symbols is None:
            symbols = self.first(state.table.shape[2] // self.heads)
        self._make_room(state)
        now = state.n_read
        column = now % state.table.shape[3]
        hidden = self.embedding(symbols)
        if self.positions == "learned":
            hidden = hidden + self.position.weight[now]
        by = self._rotation(now, state)
        bias = self._bias_of_columns(now, state.table) if self.positions == "alibi" else None
        for block, table in zip(self._blocks(), state.table, strict=True):
            qkv = self._heads(block, hidden)
            if by is not None:
                qkv[:, :2] = rotate(qkv[:, :2], by)
            queries, *latest = qkv.transpose(0, 1).reshape(3, -1, self.head_size)
            table[:, :, column] = torch.stack(latest)
            seen = self._attended(queries, table[:, :, : now + 1], bias)
            hidden = block.mlp(hidden + block.dropout(block.project(seen.view(hidden.shape))))
        state.n_read += 1
        return torch.log_softmax(self._logits(hidden), dim=-1), state

    def _attended(self, queries: Tensor, table: Tensor, bias: Tensor | None) -> Tensor:
        """What a single query of each head sees, shape (n * heads, 1, head size).

        ``scaled_dot_product_attention(queries, keys, values, bias)``, which is slower for a single query.
        """
        keys, values = table
        scores = queries.new_empty(1, 1, 1) if bias is None else bias
        scores = torch.baddbmm(
            scores, queries[:, None], keys.mT, beta=0 if bias is None else 1, alpha=self.head_size**-0.5
        )
        return torch.bmm(torch.softmax(scores, dim=-1), values)

    def _make_room(self, state: KeyValueCache) -> None:
        """One more column, if there is none left; or say that there can be none."""
        if self.longest is not None and state.n_read >= self.longest:
            raise InputError(
                f"{self.label} has read the {self.longest:,} symbols that it can read, the start symbol included; "
                "let the context slide, or make a model with a longer one"
            )
        columns = state.table.shape[3]
        if self.window is None and state.n_read == columns:
            more = min(columns, self.context - columns)
            state.table = nn.functional.pad(state.table, (0, 0, 0, more))

    def _rotation(self, now: int, state: KeyValueCache) -> Tensor | None:
        """That of this position; made for some positions at a time."""
        if self.positions != "rotary":
            return None
        if state.turns is None or now % _COLUMNS == 0:
            state.turns = rotations(now - now % _COLUMNS, _COLUMNS, self.head_size, state.table)
        return state.turns[now % _COLUMNS]

    def _bias_of_columns(self, now: int, table: Tensor) -> Tensor:
        """What alibi adds to the score of each column that is filled, shape (n * heads, 1, columns)."""
        columns = table.shape[3]
        age = (now - torch.arange(min(now + 1, columns), device=table.device)) % columns
        bias = -slopes(self.heads, table)[:, None] * age
        return bias.repeat(table.shape[2] // self.heads, 1)[:, None]

    def _blocks(self) -> list[_Block]:
        return list(self.blocks)  # type: ignore[arg-type]

    def _heads(self, block: _Block, hidden: Tensor) -> Tensor:
        """Queries, keys and values, shape (..., 3, heads, head size)."""
        qkv: Tensor = block.qkv(block.norm_attention(hidden))
        return qkv.view(*hidden.shape[:-1], 3, self.heads, self.head_size)

    def _logits(self, hidden: Tensor) -> Tensor:
        weight = self.embedding.weight[: self.alphabet_size] if self.tied else self.readout.weight
        return linear(self.norm(hidden), weight, self.readout.bias)


def _usual_heads(width: int) -> int:
    return next(heads for heads in range(max(1, width // 32), 0, -1) if width % heads == 0)
