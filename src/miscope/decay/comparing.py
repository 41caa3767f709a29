"""Whether two decays are different."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from miscope.decay.result import DecayFit, LawFit
from miscope.errors import InputError, choice

__all__ = ["Comparison", "compare"]

_OF = {"correlation_length": "exponential", "exponent": "power law"}


@dataclass(frozen=True)
class Comparison:
    """One parameter of two curves.

    Attributes
    ----------
    parameter
        Its name.
    ratio
        That of the first over that of the second.
    low, high
        Ends of the interval of the ratio.
    level
        Of that interval.
    p_value
        Of so large a difference, either way, if there were none.
    first, second
        The two values.
    """

    parameter: str
    ratio: float
    low: float
    high: float
    level: float
    p_value: float
    first: float
    second: float

    @property
    def different(self) -> bool:
        """Whether the interval leaves out 1."""
        return not self.low <= 1 <= self.high

    def __str__(self) -> str:
        name = self.parameter.replace("_", " ")
        verdict = "different" if self.different else "not to be told apart"
        return (
            f"{name} {self.first:.4g} against {self.second:.4g}: ratio {self.ratio:.3g} ({self.low:.3g} to "
            f"{self.high:.3g}), p = {self.p_value:.2g}: {verdict}"
        )


def compare(
    first: DecayFit, second: DecayFit, parameter: str = "auto", *, paired: bool = False, level: float = 0.95
) -> Comparison:
    """Compare a correlation length, or an exponent, of two curves.

    The interval of the ratio comes from the replicates: the logarithm's variances add where the curves are of
    different data; where both are of the same data, cut into the same blocks, block by block.

    Parameters
    ----------
    first, second
        What `fit` returned.
    parameter
        ``"correlation_length"`` (of the exponentials), ``"exponent"`` (of the power laws), or ``"auto"``: what both
        verdicts speak of.
    paired
        Whether both curves are of the same data (two estimators, say, or two alphabets) with as many blocks.
    level
        Of the interval.

    Raises
    ------
    InputError
        If a curve has no replicates, the law was not fitted, or the verdicts speak of different laws.

    Examples
    --------
    >>> import miscope as ms
    >>> fits = [ms.fit(ms.measure(ms.processes.IsingChain(c).sample(64, 2048), lags="1:256")) for c in (1.0, 1.5)]
    >>> compare(*fits).different
    True
    """
    if not 0 < level < 1:
        raise InputError(f"a confidence level lies between 0 and 1 (such as 0.95), not at {level}")
    for given in (first, second):
        if not isinstance(given, DecayFit):
            raise InputError(
                f"compare() takes two fits, and one is {type(given).__name__}: fit(curve) makes one of a curve, which "
                "measure(data) makes of data"
            )
    name = _chosen(first, second, parameter)
    fits = [each[_OF[name]] for each in (first, second)]
    logs = [_logarithm(each, name) for each in fits]
    (a, moves_a, own_a, degrees_a), (b, moves_b, own_b, degrees_b) = logs
    if paired:
        if len(moves_a) != len(moves_b):
            raise InputError(
                f"paired curves are of the same data in the same blocks; these have {len(moves_a)} and {len(moves_b)}"
            )
        variance = float(np.sum((moves_a - moves_b) ** 2)) + own_a**2 + own_b**2
        degrees = min(degrees_a, degrees_b)
    else:
        parts = np.array([np.sum(moves_a**2) + own_a**2, np.sum(moves_b**2) + own_b**2])
        variance = float(parts.sum())
        # Welch and Satterthwaite
        degrees = variance**2 / float(np.sum(parts**2 / np.array([degrees_a, degrees_b]))) if variance > 0 else 1.0
    error = np.sqrt(variance)
    t = float(special.stdtrit(degrees, 0.5 + level / 2))
    p = 2 * float(special.stdtr(degrees, -abs(a - b) / error)) if error > 0 else float(a == b)
    with np.errstate(over="ignore"):  # an exponent near 0 has no upper end
        ratio = np.exp(np.array([a - b, a - b - t * error, a - b + t * error]))
    return Comparison(
        name, float(ratio[0]), float(ratio[1]), float(ratio[2]), level, p, float(np.exp(a)), float(np.exp(b))
    )


def _chosen(first: DecayFit, second: DecayFit, parameter: str) -> str:
    if parameter != "auto":
        return choice(parameter, _OF, "parameter")
    kinds = [each.verdict.kind for each in (first, second)]
    for name, law in _OF.items():
        if kinds == [law, law]:
            return name
    raise InputError(
        f'the verdicts are "{kinds[0]}" and "{kinds[1]}": say which parameter to compare, correlation_length or '
        "exponent, if that makes sense to you"
    )


def _logarithm(fitted: LawFit, name: str) -> tuple[float, np.ndarray, float, float]:
    """The logarithm of a parameter, its deviations, the law's own error of it, and degrees of freedom."""
    k = [each.name for each in fitted.law.parameters].index(name)
    own = float(np.sqrt(np.sum(fitted.own_deviations[:, k] ** 2)))
    if np.isnan(own):
        raise InputError(f"one of the curves is no {fitted.name}: its {name.replace('_', ' ')} is nothing to compare")
    if not np.isfinite(fitted.degrees):
        raise InputError(
            "a comparison takes curves with replicates, as measure() gives them; the bars alone do not say how values "
            "at different lags go up and down together"
        )
    value, scale = fitted.theta[k], 1.0
    if fitted.law.parameters[k].scale == "linear":
        if value <= 0:
            raise InputError(f"one {name} is {value:.3g}: there is no ratio")
        value, scale = float(np.log(value)), 1 / value
    return value, scale * fitted.deviations[:, k], scale * own, fitted.degrees
