"""Correlation lengths as findings take them: fitted to tails, held against theory, and against sizes of networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from miscope.studies.findings import NOT_SUPPORTED, SUPPORTED, UNDECIDED, Number, Ruling

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.decay import DecayFit

__all__ = ["coverage", "length_beside", "length_of", "mean", "ratio", "rule_outside", "rule_tail", "slope", "tail"]

_LEAST_LAGS = 8  # that are left to a tail
_FAR = 8.0  # correlation lengths: up to where a rate is looked for
_SEEN = 2.0  # standard errors of a value that its theory has to reach, for the lag to count


def tail(curve: MICurve, length: float) -> DecayFit:
    """The laws of a curve from half a foretold correlation length on."""
    from miscope.decay import fit

    start = max(round(length / 2), 1) if math.isfinite(length) else 1
    return fit(curve, lags=f"{min(start, int(curve.lags[-min(_LEAST_LAGS, len(curve))]))}:")


def rule_tail(case: str, fit: DecayFit) -> Ruling:
    """Whether a tail is exponential; one that lies between that and a power law speaks for neither."""
    kind = fit.verdict.kind
    verdict = SUPPORTED if kind == "exponential" else NOT_SUPPORTED if kind == "power law" else UNDECIDED
    span = f"lags {fit.verdict.first:.0f} to {fit.verdict.last:.0f}" if fit.verdict.last else "no lags"
    return Ruling(case, verdict, f"{kind} over {span}")


def length_of(fit: DecayFit, name: str) -> Number:
    """The correlation length of the exponential that was fitted; nan where there was nothing to fit."""
    if not any(each.name == "exponential" for each in fit.laws):
        return Number(name, math.nan, unit="symbols")
    found = fit.correlation_length
    return Number(name, found.value, found.low, found.high, "symbols")


def ratio(name: str, measured: Number, foretold: Number) -> Number:
    """One number over another; squares of the half intervals of their logarithms add.

    >>> print(ratio("ratio", Number("a", 20, 10, 40), Number("b", 10, 10, 10)))
    ratio 2 (1 to 4)
    """
    with np.errstate(all="ignore"):
        a = np.log(np.array([measured.low, measured.value, measured.high]))
        b = np.log(np.array([foretold.low, foretold.value, foretold.high]))
        centre = a[1] - b[1]
        low, high = centre - np.hypot(a[1] - a[0], b[2] - b[1]), centre + np.hypot(a[2] - a[1], b[1] - b[0])
        ends = np.exp([centre, low, high])
    return Number(name, float(ends[0]), float(ends[1]), float(ends[2]))


def rule_outside(case: str, number: Number, low: float, high: float) -> Ruling:
    """Whether a number lies outside of bounds, all of its interval: the contrary of `rule_within`.

    >>> rule_outside("a", Number("ratio", 3, 2.5, 3.6), 0.8, 1.25).verdict
    'supported'
    """
    if not math.isfinite(number.low) or math.isnan(number.high):
        verdict = UNDECIDED
    elif number.high < low or number.low > high:
        verdict = SUPPORTED
    else:
        verdict = NOT_SUPPORTED if low <= number.low and number.high <= high else UNDECIDED
    return Ruling(case, verdict, f"{number}; outside of {low:.4g} to {high:.4g}")


def length_beside(name: str, curve: MICurve, exact: Any, length: float) -> Number:
    """The correlation length that a curve shows, taking from theory all but the rate.

    ``c exact(lag) exp(-k lag)`` is fitted to the curve, with weights from its bars, and the length is
    ``1 / (1/length + k)``: so oscillations and powers of the lag before the exponential do not count for the rate. The
    interval is that of the delete-block jackknife. Lags count up to eight lengths, where theory stands out of the bar.

    Parameters
    ----------
    name
        Of the number.
    curve
        Measured, with replicates.
    exact
        What theory says at its lags, shape (n_lags,), in the curve's unit.
    length
        The correlation length of the theory, in symbols.
    """
    expected, lags = np.asarray(exact, np.float64), curve.lags.astype(np.float64)
    used = (lags <= _FAR * length) & (expected > _SEEN * curve.excess_stderr)
    if used.sum() < 3 or not curve.n_blocks:
        return Number(name, math.nan, unit="symbols")
    at, form, bars = lags[used] / length, expected[used], curve.excess_stderr[used]

    def rate(values: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
        found = optimize.least_squares(lambda p: (p[0] * np.exp(-p[1] * at) * form - values) / bars, start)
        return np.asarray(found.x)

    whole = rate(curve.excess[used], np.array([1.0, 0.0]))
    left_out = np.array([rate(each[used], whole)[1] for each in curve.replicates - curve.null_replicates])
    n = len(left_out)
    error = math.sqrt((n - 1) / n * float(((left_out - left_out.mean()) ** 2).sum())) * special.stdtrit(n - 1, 0.975)
    rates = 1 + whole[1] + np.array([0.0, error, -error])
    value, low, high = (float(length / each) if each > 0 else math.inf for each in rates)
    return Number(name, value, low, high, "symbols")


def coverage(curve: MICurve, exact: Any) -> float:
    """The share of lags whose 95 % interval holds the exact value."""
    low, high = curve.interval(excess=True)
    return float(np.mean((low <= exact) & (exact <= high)))


def mean(name: str, values: Sequence[float]) -> Number:
    """The mean of independent values, with its interval by Student's t."""
    n = len(values)
    centre = float(np.mean(values)) if n else math.nan
    if n < 2:
        return Number(name, centre)
    half = float(special.stdtrit(n - 1, 0.975) * np.std(values, ddof=1) / math.sqrt(n))
    return Number(name, centre, centre - half, centre + half)


def slope(name: str, groups: Mapping[str, Sequence[tuple[float, float]]]) -> Number:
    """The power with which y grows with x, common to groups that each have a factor of their own.

    By least squares in the logarithms. Its interval is from the scatter about it, so that it holds all that differs
    from network to network, luck in training too.

    >>> points = {"a": [(1, 1.0), (2, 2.1), (4, 3.9)], "b": [(1, 10.0), (2, 20.0), (4, 41.0)]}
    >>> print(slope("power", points))
    power 0.9998 (0.924 to 1.08)
    """
    xs, ys, n_groups = [], [], 0
    for points in groups.values():
        kept = [(x, y) for x, y in points if x > 0 and math.isfinite(y) and y > 0]
        if len(kept) > 1:
            logs = np.log(np.array(kept))
            xs.append(logs[:, 0] - logs[:, 0].mean())
            ys.append(logs[:, 1] - logs[:, 1].mean())
            n_groups += 1
    x, y = np.concatenate([*xs, np.empty(0)]), np.concatenate([*ys, np.empty(0)])
    spread, freedom = float(x @ x), len(x) - n_groups - 1
    if spread == 0:
        return Number(name, math.nan)
    value = float(x @ y) / spread
    if freedom < 1:
        return Number(name, value)
    residue = y - value * x
    half = float(special.stdtrit(freedom, 0.975) * math.sqrt(float(residue @ residue) / freedom / spread))
    return Number(name, value, value - half, value + half)
