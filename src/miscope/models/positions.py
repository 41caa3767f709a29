"""What attention knows of distance: rotations of keys and queries, biases that grow with it, windows that end it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

__all__ = ["attend", "rotate", "rotations", "slopes"]

_BASE = 10_000.0  # symbols over which the slowest rotation turns by one radian


def rotations(first: int, n: int, head_size: int, like: Tensor) -> Tensor:
    """Rotations by position, complex of shape (n, 1, head_size / 2): that of position p is ``exp(i p w)``.

    The frequencies are ``w = 10000^(-2 k / head_size)``; angles are taken in double precision, so that positions far
    from the start differ as exactly as near ones.

    References
    ----------
    Su et al. 2021, arXiv:2104.09864.
    """
    frequencies = _BASE ** (-torch.arange(0, head_size, 2, dtype=torch.float64) / head_size)
    angles = torch.arange(first, first + n, dtype=torch.float64)[:, None, None] * frequencies
    kind = torch.complex128 if like.dtype == torch.float64 else torch.complex64
    return torch.polar(torch.ones_like(angles), angles).to(like.device, kind)


def rotate(heads: Tensor, by: Tensor) -> Tensor:
    """Turn neighbouring pairs of numbers of each head, shape (..., heads, head_size), by angles that broadcast."""
    exact = heads if heads.dtype == torch.float64 else heads.float()
    pairs = torch.view_as_complex(exact.reshape(*exact.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * by).flatten(-2).to(heads.dtype)


def slopes(n_heads: int, like: Tensor) -> Tensor:
    """How fast each head's bias falls with distance, shape (heads,): ``2^(-8 k / heads)`` for k = 1 to heads.

    References
    ----------
    Press, Smith and Lewis 2021, arXiv:2108.12409.
    """
    return 2.0 ** (-8.0 * torch.arange(1, n_heads + 1, device=like.device, dtype=like.dtype) / n_heads)


def attend(queries: Tensor, keys: Tensor, values: Tensor, window: int | None, slope: Tensor | None) -> Tensor:
    """Attention of each position to itself and those before it; all shapes (n, heads, length, head_size).

    Parameters
    ----------
    queries, keys, values
        Of all positions.
    window
        How many positions are seen, the own included. None: all.
    slope
        By how much each head's scores fall with each step of distance, shape (heads,), or None.
    """
    length = queries.shape[2]
    if window is None or window >= length:
        if slope is None:
            return scaled_dot_product_attention(queries, keys, values, is_causal=True)
        return scaled_dot_product_attention(queries, keys, values, _bias(length, length, length, slope))
    return _attend_in_blocks(queries, keys, values, window, slope)


def _attend_in_blocks(queries: Tensor, keys: Tensor, values: Tensor, window: int, slope: Tensor | None) -> Tensor:
    """The same for a window: blocks of its size look at themselves and at the block before, whatever the length."""
    n, heads, length, size = queries.shape
    n_blocks = -(-length // window)
    # Positions of padding come last: none that counts sees them.
    filled = (pad(each, (0, 0, 0, n_blocks * window - length)) for each in (queries, keys, values))
    q, k, v = (each.view(n, heads, n_blocks, window, size) for each in filled)
    first = attend(q[:, :, 0], k[:, :, 0], v[:, :, 0], None, slope)
    both_k, both_v = (torch.cat([each[:, :, :-1], each[:, :, 1:]], dim=3) for each in (k, v))
    own_q, both_k, both_v = (each.transpose(1, 2).flatten(0, 1) for each in (q[:, :, 1:], both_k, both_v))
    bias = _bias(window, 2 * window, window, queries.new_zeros(1) if slope is None else slope)
    later = scaled_dot_product_attention(own_q, both_k, both_v, bias)
    later = later.view(n, n_blocks - 1, heads, window, size).transpose(1, 2).flatten(2, 3)
    return torch.cat([first, later], dim=2)[:, :, :length]


def _bias(n_queries: int, n_keys: int, window: int, slope: Tensor) -> Tensor:
    """What is added to the scores, shape (1, heads, n_queries, n_keys), where the last query is at the last key."""
    query = torch.arange(n_keys - n_queries, n_keys, device=slope.device)
    distance = query[:, None] - torch.arange(n_keys, device=slope.device)
    bias = -slope[:, None, None] * distance
    return bias.masked_fill((distance < 0) | (distance >= window), -torch.inf)[None]
