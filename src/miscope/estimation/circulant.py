"""Stationary Gaussian sequences with any correlation, drawn exactly: by embedding it in a circle, or densely."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from scipy import fft, linalg

__all__ = ["CircularGaussian", "DenseGaussian", "first_impossible", "gaussian_source"]

_TOLERANCE = 1e-9  # of the mean eigenvalue: what a negative one may be by rounding
LONGEST_DENSE = 1024  # draws of up to so many values need no circle
_GROW = 3  # how often the circle may be doubled in search of one without negative eigenvalues


class CircularGaussian:
    """Draws of n unit-variance Gaussian values whose correlation at lag k is ``correlation[k]``.

    Parameters
    ----------
    correlation
        Shape (m + 1,), ``correlation[0] = 1``, on half of a circle of 2m points; draws of up to m + 1 values have
        exactly this correlation.

    Attributes
    ----------
    lowest
        The smallest eigenvalue of the circle over the mean one: negative (beyond rounding) if no sequence with this
        correlation can be drawn in this way.

    References
    ----------
    Davies and Harte, Biometrika 74 (1987) 95; Wood and Chan, J. Comput. Graph. Stat. 3 (1994) 409.
    """

    def __init__(self, correlation: np.ndarray) -> None:
        correlation = np.asarray(correlation, dtype=np.float64)
        self._size = 2 * (len(correlation) - 1)
        # Eigenvalues of a real symmetric circulant are the real FFT of its first row.
        eigenvalues = fft.rfft(np.concatenate([correlation, correlation[-2:0:-1]])).real
        self.lowest = float(eigenvalues.min())
        self._scale = np.sqrt(np.maximum(eigenvalues, 0.0) * self._size)
        self._scale[1:-1] /= np.sqrt(2.0)

    @classmethod
    def of(
        cls, correlation: Callable[[np.ndarray], np.ndarray], length: int, longest: int | None = None
    ) -> CircularGaussian | None:
        """A circle for draws of `length` values with ``correlation(lags)``, or None if none is fit.

        Circles up to 8 times as large as need be are tried. `longest` limits the lags that the function knows, to one
        less.
        """
        half = fft.next_fast_len(max(length - 1, 1), real=True)
        for _ in range(_GROW + 1):
            if longest is not None:
                half = min(half, longest - 1)
            circle = cls(np.concatenate([[1.0], correlation(np.arange(1, half + 1))]))
            if circle.lowest >= -_TOLERANCE:
                return circle
            if half + 1 == longest:
                break
            half *= 2
        return None

    def draw(self, generator: np.random.Generator, n_draws: int, n: int) -> np.ndarray:
        """Independent draws, float64 of shape (n_draws, n)."""
        spectrum = np.empty((n_draws, len(self._scale)), np.complex128)
        generator.standard_normal(out=spectrum.view(np.float64))
        spectrum *= self._scale
        spectrum[:, [0, -1]] = spectrum[:, [0, -1]].real
        return np.asarray(fft.irfft(spectrum, self._size, axis=1, overwrite_x=True)[:, :n])


class DenseGaussian:
    """Draws of few Gaussian values, by Cholesky: for correlations that no circle of a decent size holds.

    Parameters
    ----------
    correlation
        Shape (n,), ``correlation[0] = 1``, with a positive definite Toeplitz matrix; a draw takes n^2 operations.
    """

    def __init__(self, correlation: np.ndarray) -> None:
        self._factor = np.linalg.cholesky(linalg.toeplitz(correlation))

    def draw(self, generator: np.random.Generator, n_draws: int, n: int) -> np.ndarray:
        """Independent draws, float64 of shape (n_draws, n)."""
        numbers = generator.standard_normal((n_draws, len(self._factor)))
        # numbers @ factor.T, whose last digits would depend on the number of threads
        return np.asarray(np.einsum("dk,nk->dn", numbers, self._factor[:n]))


def gaussian_source(
    correlation: Callable[[np.ndarray], np.ndarray], length: int, longest: int | None = None
) -> CircularGaussian | DenseGaussian | None:
    """What draws `length` values with ``correlation(lags)``; None if nothing here does. See `CircularGaussian.of`."""
    circle = CircularGaussian.of(correlation, length, longest)
    if circle is not None or length > LONGEST_DENSE:
        return circle
    try:
        return DenseGaussian(np.concatenate([[1.0], correlation(np.arange(1, length))]))
    except np.linalg.LinAlgError:
        return None


def first_impossible(correlation: np.ndarray) -> int | None:
    """The first lag whose correlation the ones before it rule out; None if there is none.

    Levinson's recursion: it is the first whose partial correlation is not inside -1 to 1.

    >>> first_impossible(np.array([1.0, 0.0, 0.9, 0.9]))
    3

    Parameters
    ----------
    correlation
        Shape (n,), ``correlation[0] = 1``; takes n^2 operations.
    """
    lag = int(_levinson(np.ascontiguousarray(correlation, np.float64)))
    return lag if lag < len(correlation) else None


@njit(nogil=True, cache=True)
def _levinson(r):  # type: ignore[no-untyped-def]
    n = len(r)
    a = np.zeros(n)
    error = 1.0
    for lag in range(1, n):
        partial = r[lag]
        for j in range(1, lag):
            partial -= a[j] * r[lag - j]
        partial /= error
        if not -1.0 < partial < 1.0:
            return lag
        for j in range(1, lag // 2 + 1):
            low, high = a[j], a[lag - j]
            a[j] = low - partial * high
            a[lag - j] = high - partial * low
        a[lag] = partial
        error *= 1.0 - partial * partial
    return n
