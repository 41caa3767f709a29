"""Fitting one law to points: generalised least squares in the linear domain, and again for every replicate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from miscope.decay.laws import FLOOR, Law, Parameter
from miscope.decay.metric import DISCREPANCIES, Metric
from miscope.decay.points import Points
from miscope.estimation.jackknife import jackknife

__all__ = ["Errors", "Solution", "errors_of", "readable", "solve"]

Floats = NDArray[np.float64]
Theta = tuple[float, ...]

_FAR = 1e100
_MOST_CALLS = 402
_TOLERANCES = {"ftol": 1.5e-8, "xtol": 1.5e-8, "gtol": 0.0, "epsfcn": 1e-10, "factor": 100.0, "maxfev": 800}
_FIRST = 4  # of the discrepancies, where the search begins
_ROUNDS = 3
_HOLDS = 0.25  # own error up to which a law describes a curve,
_ABOUT_AS_WELL = 8.0  # if a larger one makes it no likelier than by this much, in nats
# Calibrated (docs/calibration.md): weights are made from the same replicates that are fitted with them; and blocks of
# one document show too little of how the shape of a curve scatters that falls slowly.
_WEIGHTS_ESTIMATED = 1.1
_LONG_MEMORY = 2.0
_NO_EFFECT = 1e-7  # of the largest effect of a parameter
_NOTHING = 1e-100  # of a bar: the largest effect of any parameter where the law is 0 as far as bars tell
_LARGEST = 1e100  # where a search may start: its square is a number
_FAR_BELOW = 0.3  # of the values: what lies below it at most lags is no law of theirs
_MOSTLY_SHARED = 0.3  # of the bars, from which on the latter applies


@dataclass(frozen=True)
class Solution:
    """A law at its likeliest.

    Attributes
    ----------
    metric
        With the bars that go with the law.
    law, floor
        The law, and whether a floor is added to it.
    theta
        Its parameters as they are looked for (see `Parameter.inside`).
    k
        Which of `DISCREPANCIES` is the likeliest.
    log_likelihood
        In nats.
    holds
        Whether the law describes the values, with an error of its own of 25 % at most, about as well.
    """

    metric: Metric
    law: Law
    floor: bool
    theta: Theta
    k: int
    log_likelihood: float
    holds: bool

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those of the law, and the floor."""
        return (*self.law.parameters, FLOOR) if self.floor else self.law.parameters

    @property
    def discrepancy(self) -> float:
        """The law's own relative error."""
        return float(DISCREPANCIES[self.k])

    @property
    def criterion(self) -> float:
        """AICc (Hurvich and Tsai, Biometrika 76 (1989) 297); infinite where the lags are too few for the parameters.

        Lags are not independent points, but the likelihood knows how they hang together.
        """
        n = len(self.theta)
        left = len(self.metric.points.lags) - n - 1
        return -2 * self.log_likelihood + 2 * n + (2 * n * (n + 1) / left if left > 0 else np.inf)

    def at(self, lags: Floats) -> Floats:
        """The fitted law at these lags."""
        return _evaluate(self.law, self.floor, lags, self.theta)


def solve(metric: Metric, law: Law, floor: bool) -> Solution:
    """The likeliest parameters and discrepancy of a law, with bars as large as they would be if it were true."""
    found = _search(metric, law, floor, _start(metric, law, floor), _FIRST)
    if not metric.points.barred:
        return found
    for _ in range(2):
        expected = np.maximum(_expected(metric.points, law, floor, found.theta), 0.0)
        found = _search(metric.expecting(expected), law, floor, found.theta, found.k)
    return found


def readable(found: Solution) -> Solution:
    """A law as it is shown: where it does not hold, the straight line through the logarithms.

    With a large error of its own a law is nearly free, and at its likeliest it may pass far from all values; and so it
    may far below them where the errors that all lags share are as large as they are. That is its best case, which
    evidence takes; its parameters would mean nothing.
    """
    if found.holds and not _far_below(found):
        return found
    return replace(found, theta=_start(found.metric, found.law, found.floor), holds=False)


def _far_below(found: Solution) -> bool:
    """Whether errors that all lags share let a law lie far below the values at most lags where something is seen."""
    points = found.metric.points
    seen = points.significant & (points.values > 0)
    if not len(points.shared) or not seen.any():
        return False
    law = _expected(points, found.law, found.floor, found.theta)[seen]
    return bool(np.mean(law < _FAR_BELOW * points.values[seen]) > 0.5)


def _search(metric: Metric, law: Law, floor: bool, theta: Theta, k: int) -> Solution:
    """Parameters for a discrepancy, a discrepancy for the parameters, until they agree."""
    best: Solution | None = None
    for _ in range(_ROUNDS):
        theta = _least_squares(metric, law, floor, metric.points.values, theta, k)
        residuals = metric.points.values - _expected(metric.points, law, floor, theta)
        likelihoods = metric.log_likelihoods(residuals)
        most = float(likelihoods.max())
        holds = bool(most - likelihoods[DISCREPANCIES <= _HOLDS].max() < _ABOUT_AS_WELL)
        found = Solution(metric, law, floor, theta, int(np.argmax(likelihoods)), most, holds)
        if best is None or found.log_likelihood > best.log_likelihood:
            best = found
        if found.k == k:
            break
        k = found.k
    assert best is not None
    return best


def _evaluate(law: Law, floor: bool, lags: Floats, theta: Theta) -> Floats:
    return law.inner(lags, theta[:-1]) + theta[-1] if floor else law.inner(lags, theta)


def _expected(points: Points, law: Law, floor: bool, theta: Theta) -> Floats:
    return points.mean(lambda lags: _evaluate(law, floor, lags, theta))


def _start(metric: Metric, law: Law, floor: bool) -> Theta:
    points, shape = metric.points, metric.reference
    positive = shape > (points.stderr if points.barred else 0.0)
    if positive.sum() < 3:
        positive = shape > 0
    if positive.sum() < 3:  # nothing to be seen: any start is as good
        shape, positive = np.full(len(shape), max(float(points.stderr.mean()), 1e-12)), np.ones(len(shape), bool)
    lags, shape, stderr = points.lags[positive], shape[positive], points.stderr[positive]
    theta = law.start(lags, shape, 1 / (0.2**2 + (stderr / shape) ** 2))
    return (*theta, 0.1 * float(shape[-1])) if floor else tuple(theta)


def _least_squares(metric: Metric, law: Law, floor: bool, values: Floats, theta: Theta, k: int) -> Theta:
    """Parameters with the smallest whitened residuals, within their bounds, from a start."""
    described = (*law.parameters, FLOOR) if floor else law.parameters
    largest = max(float(metric.reference[0]), 1e-300)
    scales = [largest if each.unit == "curve" and each.scale == "linear" else 1.0 for each in described]
    bounds = [each.bounds for each in described]
    n_calls = 0

    inner = [_bounded(*ends) for ends in bounds]

    def outside(free: Iterable[float]) -> Theta:
        return tuple([within(each) * scale for within, each, scale in zip(inner, free, scales, strict=True)])

    def residuals(free: Floats) -> Floats:
        nonlocal n_calls
        n_calls += 1
        if n_calls > _MOST_CALLS:
            raise _UndecidedError(free.tolist())
        # Where the search strays so far that numbers overflow, it is far from the values.
        white = metric.whiten(values - _expected(metric.points, law, floor, outside(free.tolist())), k)
        if math.isfinite(np.add.reduce(white)):
            return white
        return np.nan_to_num(white, nan=_FAR, posinf=_FAR, neginf=-_FAR)

    start = [_free(value / scale, *ends) for value, scale, ends in zip(theta, scales, bounds, strict=True)]
    with np.errstate(all="ignore"):
        try:
            found = optimize.leastsq(residuals, start, full_output=True, **_TOLERANCES)[0].tolist()
        except _UndecidedError as end:
            found = end.args[0]
        return outside(found)


class _UndecidedError(Exception):
    """A search that goes on too long; its argument is where it has come to."""


def _free(value: float, low: float, high: float) -> float:
    """A number without bounds in place of a parameter within them, as MINUIT does it; the inverse of `_bounded`."""
    value = _inside(value, low, high)
    if math.isinf(low):
        return value
    if math.isinf(high):
        return math.sqrt((value - low + 1.0) ** 2 - 1)
    return float(np.arcsin(2 * (value - low) / (high - low) - 1))


def _bounded(low: float, high: float) -> Callable[[float], float]:
    """What makes numbers without bounds numbers within these."""
    if math.isinf(low):
        return lambda free: free
    if math.isinf(high):
        return lambda free: max(low - 1.0 + math.sqrt(free * free + 1), low)
    return lambda free: min(max(low + (float(np.sin(free)) + 1) * (high - low) / 2.0, low), high)


def _inside(value: float, low: float, high: float) -> float:
    """A start away from the bounds, where the search would not see which way to go."""
    if np.isfinite(low) and np.isfinite(high):
        margin = 1e-4 * (high - low)
        return float(np.clip(value, low + margin, high - margin))
    return float(np.clip(value, low + 1e-9 + 1e-3 * abs(value), _LARGEST)) if np.isfinite(low) else value


@dataclass(frozen=True)
class Errors:
    """Of the numbers that are looked for.

    Attributes
    ----------
    deviations
        Shape (n, n_parameters), whose products sum to their covariance: from the jackknife's replicates, each fitted
        anew, or from the bars where there are none; and what memory longer than the blocks does.
    own
        Shape (n, n_parameters), likewise: what the law's own error and saturation add; nan for a parameter that has no
        effect on the fitted law, of which nothing is known.
    degrees
        For Student's t.
    """

    deviations: Floats
    own: Floats
    degrees: float


def errors_of(found: Solution) -> Errors:
    """How sure the parameters are; nan for a law that does not hold (see `readable`)."""
    metric, points, theta = found.metric, found.metric.points, np.array(found.theta)
    if not found.holds:
        return Errors(np.zeros((0, len(theta))), np.full((1, len(theta)), np.nan), np.inf)
    jacobian = _jacobian(found)
    sizes = np.linalg.norm(jacobian, axis=0)
    if not sizes.max() > _NOTHING:
        return Errors(np.zeros((0, len(theta))), np.full((1, len(theta)), np.nan), np.inf)
    gain = np.asarray(np.linalg.pinv(jacobian, rcond=1e-8))
    unknown = sizes < _NO_EFFECT * sizes.max()
    if points.replicates is None:
        return Errors(gain.T, np.where(unknown, np.nan, 0.0)[None], np.inf)
    model = found.discrepancy**2 * metric.own + metric.saturation + metric.flattening
    white = metric.whiten(metric.whiten(model, found.k).T, found.k)
    spread = gain @ white @ gain.T
    spreads, axes = np.linalg.eigh(spread)
    own = np.where(unknown, np.nan, np.sqrt(np.maximum(spreads, 0.0))[:, None] * axes.T)

    def again(values: Floats) -> Theta:
        return _least_squares(metric, found.law, found.floor, values, found.theta, found.k)

    left_out = np.array([again(row) for row in points.replicates])
    assert points.block_pairs is not None
    share = np.mean(points.block_pairs / points.block_pairs.sum(axis=0), axis=1, keepdims=True)
    parts = jackknife(theta, left_out, np.repeat(share, len(theta), axis=1))
    deviations = parts.deviations
    moved = [np.array(again(points.values + shift)) - theta for shift in points.shared]
    wider = _WEIGHTS_ESTIMATED
    if len(points.shared) and np.median(points.shared[0] / points.stderr) > _MOSTLY_SHARED:
        wider = _LONG_MEMORY
    return Errors(wider * np.vstack([deviations, *moved]), wider * own, float(np.max(parts.degrees)))


def _jacobian(found: Solution) -> Floats:
    """How whitened values answer to parameters, shape (n_lags, n_parameters)."""
    theta, points = np.array(found.theta), found.metric.points
    steps = 1e-5 * np.maximum(np.abs(theta), 1e-3)

    def at(where: Floats) -> Floats:
        return _expected(points, found.law, found.floor, tuple(where))

    columns = [(at(theta + step) - at(theta - step)) / (2 * step.sum()) for step in np.diag(steps)]
    return found.metric.whiten(np.stack(columns, axis=1), found.k)
