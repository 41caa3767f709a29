"""Gaussian noise with long memory: fractional Gaussian noise and ARFIMA."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy  # which brings its parts when they are used: signal and integrate take as long as all that a command needs
from scipy import special

from miscope.errors import InputError
from miscope.estimation.circulant import LONGEST_DENSE, CircularGaussian, DenseGaussian, gaussian_source
from miscope.processes.base import AsymptoticLaw, RealProcess
from miscope.processes.checking import number_between, real_numbers

__all__ = ["FractionalNoise"]

Floats = npt.NDArray[np.float64]

_NEGLIGIBLE = 1e-18
_LONGEST_RESPONSE = 1 << 16
_LONGEST_DIRECT = 1 << 13


class FractionalNoise(RealProcess):
    """Fractional noise of unit variance: fractional Gaussian noise (give `hurst`) or ARFIMA (give `d`).

    Parameters
    ----------
    hurst
        Hurst exponent H, 0 < H < 1; memory is long for H > 1/2.
    d
        Order of fractional integration, -1/2 < d < 1/2; memory is long for d > 0. Corresponds to H - 1/2.
    ar, ma
        Coefficients of the short-memory part of an ARFIMA, ``x[t] = ar[0] x[t-1] + ... + e[t] + ma[0] e[t-1] + ...``,
        with e the fractionally integrated noise. Roots of the recursion are to be of a modulus below 0.9993.

    Examples
    --------
    >>> FractionalNoise(hurst=0.8).mutual_information([1, 100]).round(6)
    array([0.154598, 0.002902])
    >>> FractionalNoise(d=0.3).law
    AsymptoticLaw(kind='power law', correlation_length=None, exponent=0.8)

    Notes
    -----
    Fractional Gaussian noise: ``rho(k) = (|k+1|^2H - 2 |k|^2H + |k-1|^2H) / 2 ~ H (2H-1) k^(2H-2)``; ARFIMA(0, d, 0):
    ``rho(k) = G(k+d) G(1-d) / (G(k+1-d) G(d)) ~ k^(2d-1)``. ``I = -1/2 ln(1 - rho^2)``, so the mutual information falls
    with the exponent 4 - 4H = 2 - 4d. Drawn by circulant embedding, exactly.

    References
    ----------
    Mandelbrot and Van Ness, SIAM Rev. 10 (1968) 422; Hosking, Biometrika 68 (1981) 165; Davies and Harte, Biometrika 74
    (1987) 95.
    """

    def __init__(
        self, hurst: float | None = None, d: float | None = None, ar: Sequence[float] = (), ma: Sequence[float] = ()
    ) -> None:
        if (hurst is None) == (d is None):
            raise InputError("give hurst (fractional Gaussian noise) or d (ARFIMA), one of the two")
        recursion, moving = real_numbers(ar, "ar"), real_numbers(ma, "ma")
        is_filtered = len(recursion) + len(moving) > 0
        if hurst is not None:
            if is_filtered:
                raise InputError("ar and ma belong to ARFIMA: give d = hurst - 1/2 instead of hurst")
            self._hurst: float | None = number_between(hurst, "hurst", 0.0, 1.0)
            self.parameters = {"hurst": self._hurst}
            self._memory = self._hurst - 0.5
        else:
            self._hurst = None
            self._memory = number_between(d, "d", -0.5, 0.5)
            self.parameters = {"d": self._memory}
        self._moving = np.array([1.0, *moving])
        self._filter = _short_memory(np.array([1.0, *-recursion]), self._moving)
        if is_filtered:
            self.parameters |= {"ar": recursion.tolist(), "ma": moving.tolist()}
        self._scale = 1.0
        self._scale = 1.0 / float(self.autocovariance(np.zeros(1, np.int64))[0, 0, 0])
        self._sources: dict[int, CircularGaussian | DenseGaussian] = {}

    def autocovariance(self, lags: npt.NDArray[np.int64]) -> Floats:
        """Covariance of ``x[t + lag]`` with ``x[t]``, shape (n_lags, 1, 1); 1 at lag 0."""
        return self._correlation(np.asarray(lags))[:, None, None]

    def _correlation(self, lags: npt.NDArray[np.int64]) -> Floats:
        if self._hurst is not None:
            return _fractional_gaussian(lags, self._hurst)
        if len(self._filter) == 1 or not len(lags):
            return np.asarray(self._scale * self._filter[0] * _fractional(lags, self._memory))
        reach = len(self._filter) // 2
        if self._memory == 0.0:
            near = self._filter[reach + np.minimum(lags, reach)]
            return np.asarray(self._scale * np.where(lags <= reach, near, 0.0))
        first, last = int(lags.min()) - reach, int(lags.max()) + reach
        if last - first < len(lags) * len(self._filter):
            span = np.abs(np.arange(first, last + 1))
            around = scipy.signal.oaconvolve(_fractional(span, self._memory), self._filter, "valid")
            return np.asarray(self._scale * around[lags - lags.min()])
        offsets = np.arange(-reach, reach + 1)
        each = [_fractional(np.abs(lag + offsets), self._memory) @ self._filter for lag in lags]
        return self._scale * np.array(each, np.float64)

    @property
    def law(self) -> AsymptoticLaw | None:
        """Power law with exponent 2 - 4d; None where the short-memory part decides."""
        if abs(self._moving.sum()) < 1e-9:  # it takes differences, which changes the exponent
            return None
        if self._memory != 0.0:
            return AsymptoticLaw("power law", exponent=2 - 4 * self._memory)
        return None if self.parameters.get("ar") else AsymptoticLaw("finite")

    @property
    def entropy_rate(self) -> float:
        """Differential entropy in nats a number, given all before it: ``1/2 ln(2 pi e v)``, v the one-step variance."""
        if self._hurst is None:
            # `_scale` is for ARFIMA(0, d, 0) of unit variance, whose innovations have this one. Roots of the moving
            # average outside the unit circle are the same as their mirror images inside, with larger innovations.
            variance = special.gamma(1 - self._memory) ** 2 / special.gamma(1 - 2 * self._memory)
            mirrored = np.prod(np.maximum(np.abs(np.roots(self._moving)), 1.0)) ** 2
            return float(0.5 * np.log(2 * np.pi * np.e * self._scale * variance * mirrored))
        # Kolmogorov: ln v is the mean of ln(2 pi f) over frequencies, f the spectral density.
        mean, _ = scipy.integrate.quad(lambda x: np.log(_spectrum(x, self._hurst)), 0.0, np.pi, limit=200)
        return float(0.5 * np.log(2 * np.pi * np.e) + 0.5 * mean / np.pi)

    def _fill(self, generator: np.random.Generator, values: Floats) -> None:
        length = values.shape[1]
        source = self._sources.get(length)
        if source is None:  # two threads may both make it: the same
            source = gaussian_source(self._correlation, length)
            if source is None:
                raise InputError(
                    f"documents of {length} numbers cannot be drawn from {self!r}, for no circle holds them; documents "
                    f"of up to {LONGEST_DENSE} can"
                )
            self._sources = {length: source}
        values[:, :, 0] = source.draw(generator, len(values), length)


def _fractional_gaussian(lags: npt.NDArray[np.int64], hurst: float) -> Floats:
    power = 2 * hurst
    k = np.arange(16.0)
    table = 0.5 * ((k + 1) ** power - 2 * k**power + np.abs(k - 1) ** power)
    # The second difference as a series, sum over j of binom(power, 2j) k^(power - 2j): the direct one loses digits.
    far = np.maximum(lags, 16.0)
    series = far ** (power - 2) * _polynomial([special.binom(power, 2 * j) for j in range(1, 9)], far**-2)
    return np.where(lags < 16, table[np.minimum(lags, 15)], series)


def _fractional(lags: npt.NDArray[np.int64], d: float) -> Floats:
    """``G(k+d) G(1-d) / (G(k+1-d) G(d))``, the correlation of ARFIMA(0, d, 0)."""
    k = lags.astype(np.float64)
    if d == 0.0:
        return np.where(k == 0, 1.0, 0.0)
    first = np.arange(1, 33)
    table = np.concatenate([[1.0], np.cumprod((first - 1 + d) / (first - d))])
    far = np.maximum(k, 32.0)
    scale = special.gamma(1 - d) * special.rgamma(d)
    return np.where(k <= 32, table[np.minimum(lags, 32)], scale * np.exp(_log_gamma_ratio(far + 1 - d, 2 * d - 1)))


def _log_gamma_ratio(y: Floats, shift: float) -> Floats:
    """``ln G(y + shift) - ln G(y)`` for large y, by Stirling's series, without subtracting large numbers."""
    x = y + shift
    series = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680]
    rest = _polynomial(series, x**-2) / x - _polynomial(series, y**-2) / y
    return np.asarray(shift * np.log(x) + (y - 0.5) * np.log1p(shift / y) - shift + rest)


def _polynomial(coefficients: list[float], x: Floats) -> Floats:
    """``c[0] + c[1] x + c[2] x^2 + ...``."""
    total = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total *= x
        total += coefficient
    return total


def _short_memory(recursion: Floats, moving: Floats) -> Floats:
    """Autocovariance of the ARMA part with unit innovations, lags -n to n, as far as it is not negligible."""
    roots = np.roots(recursion)
    slowest = np.abs(roots).max(initial=0.0)
    if slowest >= 1:
        raise InputError(f"ar is not stationary: its recursion has a root of modulus {slowest:.4g}, not below 1")
    n = len(moving) + (0 if slowest == 0 else int(np.log(_NEGLIGIBLE) / np.log(slowest)) + 64)
    if n > _LONGEST_RESPONSE:
        raise InputError(f"ar is too close to a unit root: its recursion has one of modulus {slowest:.6g}")
    impulse = np.zeros(n)
    impulse[0] = 1.0
    response = scipy.signal.lfilter(moving, recursion, impulse)
    # Directly where that does not take long: it keeps the relative precision of what is small.
    return np.asarray(
        scipy.signal.convolve(response, response[::-1], method="direct" if n <= _LONGEST_DIRECT else "fft")
    )


def _spectrum(frequency: float, hurst: float) -> float:
    """``2 pi`` times the spectral density of fractional Gaussian noise (Sinai 1976)."""
    hurst = max(hurst, 1e-8)  # at 0 the sums have a pole; this close to it their product with the scale is constant
    x = frequency / (2 * np.pi)
    sums = special.zeta(2 * hurst + 1, x) + special.zeta(2 * hurst + 1, 1 - x)
    scale = 2 * np.sin(np.pi * hurst) * special.gamma(2 * hurst + 1) * (2 * np.pi) ** (-2 * hurst - 1)
    return float(scale * 2 * np.sin(frequency / 2) ** 2 * sums)
