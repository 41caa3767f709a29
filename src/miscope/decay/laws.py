"""The laws by which dependence falls with distance, as formulas with named parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from miscope.errors import InputError, choice

__all__ = [
    "FLOOR",
    "LAWS",
    "Constant",
    "Exponential",
    "ExponentialAndPowerLaw",
    "Law",
    "Parameter",
    "PowerLaw",
    "StretchedExponential",
    "TruncatedPowerLaw",
    "law_named",
]

Floats = NDArray[np.float64]

_LONGEST = 1e9  # correlation lengths and their inverses are looked for below this


@dataclass(frozen=True)
class Parameter:
    """A parameter of a law.

    Attributes
    ----------
    name
        As in results.
    unit
        ``"symbols"``; ``"curve"``, which stands for the curve's unit; or ``""``, a pure number.
    scale
        How it is looked for, and on which its error is symmetric: ``"log"``, ``"linear"``, or ``"inverse"`` (a length
        that may be infinite, by its inverse).
    low, high
        Bounds, in the parameter's own unit.
    """

    name: str
    unit: str
    scale: str
    low: float
    high: float

    def inside(self, value: float) -> float:
        """The number that is looked for."""
        if self.scale == "log":
            return float(np.log(value))
        return 1.0 / value if self.scale == "inverse" else value

    def outside(self, inner: float) -> float:
        """The parameter from the number that is looked for."""
        if self.scale == "log":
            return float(np.exp(np.clip(inner, -700.0, 700.0)))
        if self.scale == "inverse":
            return np.inf if inner <= 0 else 1.0 / inner  # what is not known stays so
        return inner

    @property
    def bounds(self) -> tuple[float, float]:
        """Of the number that is looked for."""
        if self.scale == "inverse":
            return 0.0, np.inf
        return self.inside(self.low) if self.low > -np.inf else -np.inf, self.inside(self.high)


_AMPLITUDE = Parameter("amplitude", "curve", "log", 1e-30, 1e30)
_LENGTH = Parameter("correlation_length", "symbols", "log", 1e-3, _LONGEST)
_EXPONENT = Parameter("exponent", "", "linear", 0.0, 20.0)
FLOOR = Parameter("floor", "curve", "linear", 0.0, np.inf)


class Law(ABC):
    """A law of decay.

    Attributes
    ----------
    name
        As in results and in ``fit(curve, laws=[...])``.
    formula
        For people.
    parameters
        Their names, units and bounds, in the order of `theta`.
    """

    name: ClassVar[str]
    formula: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]]

    @abstractmethod
    def inner(self, lags: Floats, theta: Sequence[float]) -> Floats:
        """The law at these lags, its parameters as they are looked for (see `Parameter.inside`)."""

    @abstractmethod
    def start(self, lags: Floats, shape: Floats, weights: Floats) -> list[float]:
        """Where to start looking: the straight line through the logarithms of a positive curve, weighted."""

    def __call__(self, lags: Sequence[float] | Floats, **values: float) -> Floats:
        """The law at these lags, in the unit of its amplitude.

        Parameters
        ----------
        lags
            Positive.
        values
            The law's parameters by name, and ``floor`` if there is one.

        Examples
        --------
        >>> PowerLaw()([1, 4, 16], amplitude=0.2, exponent=0.5)
        array([0.2 , 0.1 , 0.05])
        """
        floor = values.pop("floor", 0.0)
        names = [parameter.name for parameter in self.parameters]
        if set(values) != set(names):
            raise InputError(f"the law {self.name} takes {', '.join(names)}, not {', '.join(values) or 'nothing'}")
        theta = [parameter.inside(values[parameter.name]) for parameter in self.parameters]
        return self.inner(np.asarray(lags, np.float64), theta) + floor

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Exponential(Law):
    """``A exp(-lag / correlation_length)``: what finite memory comes to (Lin and Tegmark, Entropy 19 (2017) 299).

    >>> Exponential()([0, 10], amplitude=1.0, correlation_length=10.0).round(4)
    array([1.    , 0.3679])
    """

    name = "exponential"
    formula = "A exp(-lag / correlation_length)"
    parameters = (_AMPLITUDE, _LENGTH)

    def inner(self, lags: Floats, theta: Sequence[float]) -> Floats:  # noqa: D102
        return _exp(theta[0] - lags * np.exp(-theta[1]))

    def start(self, lags: Floats, shape: Floats, weights: Floats) -> list[float]:  # noqa: D102
        level, slope = _line(-lags, shape, weights)
        return [level, -np.log(slope)]


class PowerLaw(Law):
    """``A lag^-exponent``: no length at which memory ends.

    >>> PowerLaw()([1, 100], amplitude=0.1, exponent=1.0)
    array([0.1  , 0.001])
    """

    name = "power law"
    formula = "A lag^-exponent"
    parameters = (_AMPLITUDE, _EXPONENT)

    def inner(self, lags: Floats, theta: Sequence[float]) -> Floats:  # noqa: D102
        return _exp(theta[0] - theta[1] * np.log(lags))

    def start(self, lags: Floats, shape: Floats, weights: Floats) -> list[float]:  # noqa: D102
        return list(_line(-np.log(lags), shape, weights))


class TruncatedPowerLaw(Law):
    """``A lag^-exponent exp(-lag / correlation_length)``: a power law up to a length at which memory ends.

    >>> TruncatedPowerLaw()([1, 100], amplitude=1.0, exponent=0.5, correlation_length=100.0).round(4)
    array([0.99  , 0.0368])
    """

    name = "power law with cut-off"
    formula = "A lag^-exponent exp(-lag / correlation_length)"
    parameters = (_AMPLITUDE, _EXPONENT, Parameter("correlation_length", "symbols", "inverse", 1e-3, np.inf))

    def inner(self, lags: Floats, theta: Sequence[float]) -> Floats:  # noqa: D102
        return _exp(theta[0] - theta[1] * np.log(lags) - theta[2] * lags)

    def start(self, lags: Floats, shape: Floats, weights: Floats) -> list[float]:  # noqa: D102
        from scipy.optimize import nnls

        root = np.sqrt(weights)
        design = np.stack([np.ones_like(lags), -np.ones_like(lags), -np.log(lags), -lags / lags[-1]], axis=1)
        up, down, exponent, rate = nnls(design * root[:, None], np.log(shape) * root)[0]
        # Away from the bounds, where the search would stand still.
        return [up - down, max(exponent, 0.02), max(rate, 0.02) / lags[-1]]


class StretchedExponential(Law):
    """``A exp(-(lag / correlation_length)^stretching)``, ``0 < stretching <= 1`` (Kohlrausch).

    >>> StretchedExponential()([4], amplitude=1.0, correlation_length=1.0, stretching=0.5).round(4)
    array([0.1353])
    """

    name = "stretched exponential"
    formula = "A exp(-(lag / correlation_length)^stretching)"
    parameters = (
        _AMPLITUDE,
        Parameter("correlation_length", "symbols", "log", 1e-12, _LONGEST),
        Parameter("stretching", "", "linear", 0.05, 1.0),
    )

    def inner(self, lags: Floats, theta: Sequence[float]) -> Floats:  # noqa: D102
        return _exp(theta[0] - np.exp(_within(theta[2] * (np.log(lags) - theta[1]))))

    def start(self, lags: Floats, shape: Floats, weights: Floats) -> list[float]:  # noqa: D102
        tried = []
        for stretching in (0.2, 0.35, 0.5, 0.7, 0.9):
            level, slope = _line(-(lags**stretching), shape, weights)
            misfit = np.sum(weights * (np.log(shape) - level + slope * lags**stretching) ** 2)
            length = float(np.clip(-np.log(slope) / stretching, np.log(2e-12), np.log(_LONGEST / 2)))
            tried.append((misfit, [level, length, stretching]))
        return min(tried, key=lambda one: one[0])[1]


class ExponentialAndPowerLaw(Law):
    """``A exp(-lag / correlation_length) + B lag^-exponent`` (Sainburg et al., Nat. Commun. 10 (2019) 3636).

    Short-ranged structure by rules of finite memory, and a hierarchy above it.

    >>> law = ExponentialAndPowerLaw()
    >>> law([1], amplitude=0.0, correlation_length=3.0, power_amplitude=0.1, exponent=0.5)
    array([0.1])
    """

    name = "exponential + power law"
    formula = "A exp(-lag / correlation_length) + B lag^-exponent"
    parameters = (
        Parameter("amplitude", "curve", "linear", 0.0, np.inf),
        _LENGTH,
        Parameter("power_amplitude", "curve", "linear", 0.0, np.inf),
        _EXPONENT,
    )

    def inner(self, lags: Floats, theta: Sequence[float]) -> Floats:  # noqa: D102
        fast = theta[0] * _exp(-lags * np.exp(-theta[1]))
        return np.asarray(fast + theta[2] * _exp(-theta[3] * np.log(lags)))

    def start(self, lags: Floats, shape: Floats, weights: Floats) -> list[float]:  # noqa: D102
        far = len(lags) // 2
        level, exponent = _line(-np.log(lags[far:]), shape[far:], weights[far:])
        slow = np.exp(level - exponent * np.log(lags))
        left = shape - slow
        near = (left > 0.05 * shape) & (np.arange(len(lags)) <= far)
        if near.sum() < 2:
            return [shape[0] / 2, np.log(lags[0] + 1.0), float(np.exp(level)), exponent]
        top, slope = _line(-lags[near], left[near], weights[near])
        return [float(np.exp(top)), -np.log(slope), float(np.exp(level)), exponent]


class Constant(Law):
    """``A`` at every lag: no decay at all, against which laws are held."""

    name = "constant"
    formula = "A"
    parameters = (_AMPLITUDE,)

    def inner(self, lags: Floats, theta: Sequence[float]) -> Floats:  # noqa: D102
        return np.full(len(lags), float(_exp(np.asarray(theta[0]))))

    def start(self, lags: Floats, shape: Floats, weights: Floats) -> list[float]:  # noqa: D102
        return [float(np.sum(weights * np.log(shape)) / weights.sum())]


LAWS: tuple[Law, ...] = (
    Exponential(),
    PowerLaw(),
    TruncatedPowerLaw(),
    StretchedExponential(),
    ExponentialAndPowerLaw(),
)


def law_named(name: str) -> Law:
    """The law of this name.

    >>> law_named("power law").formula
    'A lag^-exponent'
    """
    named = {law.name: law for law in LAWS}
    return named[choice(str(name).replace("_", " "), named, "law")]


def _exp(exponent: Floats) -> Floats:
    return np.asarray(np.exp(_within(exponent)))


def _within(exponent: Floats) -> Floats:
    # As np.clip, whose checks take longer than all else here: searches come here 100,000 times.
    return np.asarray(np.minimum(np.maximum(exponent, -700.0), 700.0))


def _line(x: Floats, shape: Floats, weights: Floats) -> tuple[float, float]:
    """Level and slope of the straight line through log(shape) against x; the slope positive."""
    total = weights.sum()
    middle, y = np.sum(weights * x) / total, np.log(shape)
    level = np.sum(weights * y) / total
    spread = np.sum(weights * (x - middle) ** 2)
    slope = np.sum(weights * (x - middle) * (y - level)) / spread if spread > 0 else 0.0
    least = 1e-3 / max(float(np.ptp(x)), 1e-300)
    slope = max(float(slope), least)
    return float(level - slope * middle), slope
