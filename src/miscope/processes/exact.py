"""Mutual information of laws that are known, without loss where it is tiny."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Joint", "information"]


class Joint(NamedTuple):
    """Law of a pair of symbols, as marginals and what the joint law adds to their product.

    ``P(a, b) = left[a] right[b] + connected[a, b]``. Kept apart, because at large lags `connected` is far smaller than
    the rounding of P.
    """

    left: np.ndarray
    right: np.ndarray
    connected: np.ndarray

    @property
    def table(self) -> np.ndarray:
        """P(a, b), shape (alphabet_size, alphabet_size)."""
        return np.asarray(np.outer(self.left, self.right) + self.connected)


def information(joint: Joint) -> float:
    """Mutual information in nats: ``sum_ab p_a p_b phi(x_ab)``, ``phi(x) = (1 + x) ln(1 + x) - x``.

    Here ``x_ab = connected_ab / (p_a p_b)``.

    >>> fair = np.array([0.5, 0.5])
    >>> round(information(Joint(fair, fair, np.array([[0.25, -0.25], [-0.25, 0.25]]))), 6)
    0.693147
    """
    product = np.outer(joint.left, joint.right)
    possible = product > 0
    x = np.maximum(joint.connected[possible] / product[possible], -1.0)
    return float(np.sum(product[possible] * _phi(x)))


def _phi(x: np.ndarray) -> np.ndarray:
    small = np.abs(x) < 1e-2
    near = np.where(small, x, 0.0)
    # sum over k >= 2 of (-x)^k / (k (k - 1)), to k = 10
    series = np.zeros_like(near)
    for k in range(10, 1, -1):
        series = series * -near + 1.0 / (k * (k - 1))
    far = np.where(small, 0.0, x)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(far > -1.0, (1 + far) * np.log1p(far), 0.0)
    return np.asarray(np.where(small, near**2 * series, logs - far))
