"""Linear recurrences over a whole document at once: depth grows as the logarithm of the length."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from miscope.errors import InputError

__all__ = ["scan"]


def scan(a: Tensor, b: Tensor, dim: int = 0) -> Tensor:
    """Solve ``h[t] = a[t] h[t-1] + b[t]`` with ``h[-1] = 0`` for all t along `dim`.

    Parameters
    ----------
    a
        Factors, real or complex, of a shape that broadcasts to that of `b`. With 1 along `dim`, or without it: a factor
        that is the same at all times.
    b
        What enters, real or complex, at least one-dimensional.
    dim
        The dimension of `b` that is time; it is quickest if that is the first.

    Returns
    -------
    Tensor
        h, of the shape of `b`. It can be differentiated, as often as one likes.

    Raises
    ------
    InputError
        If the shape of `a` does not broadcast to that of `b`.

    Examples
    --------
    >>> scan(torch.tensor(0.5), torch.tensor([1.0, 0.0, 0.0, 8.0]))
    tensor([1.0000, 0.5000, 0.2500, 8.1250])

    Notes
    -----
    A step is the map ``h -> a h + b``, and maps are combined in pairs, pairs of pairs and so on, then what is between
    is filled in: 2 length multiplications in 2 log2(length) operations on tensors. With G the gradient with respect to
    h, the adjoint ``g[t] = G[t] + conj(a[t+1]) g[t+1]`` is a scan from the end; the gradients are g for b and
    ``g[t] conj(h[t-1])`` for a.

    References
    ----------
    Brent and Kung, IEEE Trans. Comput. C-31 (1982) 260; Blelloch, CMU-CS-90-190 (1990).
    """
    try:
        fits = b.ndim > 0 and a.expand_as(b).shape == b.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise InputError(f"factors of shape {tuple(a.shape)} do not broadcast to inputs of shape {tuple(b.shape)}")
    kind = torch.promote_types(a.dtype, b.dtype)
    a = a[(None,) * (b.ndim - a.ndim)]  # as many dimensions as b
    solved = _Scan.apply(a.movedim(dim, 0).to(kind), b.movedim(dim, 0).to(kind))  # type: ignore[no-untyped-call]
    return cast(Tensor, solved).movedim(0, dim)


class _Scan(torch.autograd.Function):
    """The scan along the first dimension, with its adjoint."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        h = _solved(a, b)
        ctx.save_for_backward(a, h)
        return h

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor]:
        a, h = ctx.saved_tensors
        # a[t+1] beside G[t], all in reversed order; what stands beside the last G is multiplied by nothing.
        factors = (a if len(a) == 1 else a.roll(-1, 0).flip(0)).conj()
        g = cast(Tensor, _Scan.apply(factors, gradients[0].flip(0))).flip(0)  # type: ignore[no-untyped-call]
        if not ctx.needs_input_grad[0]:
            return None, g
        before = torch.cat([torch.zeros_like(h[:1]), h[:-1]])
        return (g * before.conj()).sum_to_size(a.shape), g


def _solved(a: Tensor, b: Tensor) -> Tensor:
    """H by doubling: after each round, every second sum that is left reaches twice as far back."""
    h = b.clone(memory_format=torch.contiguous_format)
    length, constant = len(h), len(a) == 1
    reach, factors = 1, a if constant else a.clone(memory_format=torch.contiguous_format)
    kept = []  # of a constant factor: its powers
    while 2 * reach <= length:
        ends, starts = slice(2 * reach - 1, None, 2 * reach), slice(reach - 1, length - reach, 2 * reach)
        h[ends].addcmul_(factors if constant else factors[ends], h[starts])
        if constant:
            kept.append(factors)
            factors = factors * factors
        else:
            factors[ends] *= factors[starts]
        reach *= 2
    while reach > 1:
        reach //= 2
        ends, starts = slice(3 * reach - 1, None, 2 * reach), slice(2 * reach - 1, length - reach, 2 * reach)
        h[ends].addcmul_(kept.pop() if constant else factors[ends], h[starts])
    return h
