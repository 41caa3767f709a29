"""Reach: up to which lag a model keeps the dependence that its data have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from miscope.atomic import write_json
from miscope.counting.counted import Progress, Steps
from miscope.errors import InputError
from miscope.formats import array, marked, number, reading
from miscope.probing.sides import OF_A_SIDE, Side, both_sides
from miscope.processes.checking import number_between, real_number, whole_number

__all__ = ["Reach", "reach"]

Floats = NDArray[np.float64]

_COLUMNS = ("data", "data_stderr", "model", "model_stderr", "ratio", "ratio_stderr", "smoothed")
_N_DRAWS = 1000
_LEAST_LAGS = 3
_KNOWN = 0.5  # of the data's value, what its bar may be for their ratio to be known
_LEAST_DRAWN = 0.05  # of the data's value, below which a draw of it makes no ratio
_TOO_MUCH = 2.0  # times the data's dependence, which no model of them should have
_SURE = 3.0  # standard errors


@dataclass(frozen=True, eq=False)
class Reach:
    """How far a model keeps a given share of its data's dependence.

    Attributes
    ----------
    lag
        In symbols: the largest lag up to which the model's mutual information stays above `factor` times the data's.
        With a `bound` the last or the first lag at which the data say anything.
    low, high
        Ends of its interval. `low` is 0 where the model may be below from the first lag on, `high` infinite where it
        may be above up to the last.
    level
        Confidence level of the interval.
    factor
        The share.
    bound
        ``""``; ``"at least"`` where the model is above at all lags at which the data say anything; ``"less than"``
        where it is below at all of them.
    lags
        int64, shape (n_lags,): the lags of both curves.
    ratio, ratio_stderr
        Model over data, less what their nulls give, and its standard errors; nan where the data show nothing.
    smoothed
        The ratio as a curve that does not rise; nan outside the lags that are used.
    used
        bool, shape (n_lags,): where the data's dependence is significant and known to half of its value or better.
    data, data_stderr, model, model_stderr
        Both curves at these lags, less their nulls, in `unit`; no error where a curve is exact.
    unit
        ``"nats"``, ``"bits"`` or ``""``.
    labels
        Names of the data and of the model.
    warnings
        What a reader has to know.
    """

    lag: float
    low: float
    high: float
    level: float
    factor: float
    bound: str
    lags: NDArray[np.int64]
    ratio: Floats
    ratio_stderr: Floats
    smoothed: Floats
    used: NDArray[np.bool_]
    data: Floats
    data_stderr: Floats
    model: Floats
    model_stderr: Floats
    unit: str
    labels: tuple[str, str]
    warnings: tuple[str, ...] = ()

    def to_table(self) -> Any:
        """A pyarrow table with one row a lag."""
        import pyarrow as pa

        return pa.table(self._columns())

    def to_dict(self) -> dict[str, Any]:
        """All of it, JSON-able; None stands for what is not known, and for an interval without upper end."""
        names = ("lag", "low", "high", "level", "factor", "bound", "unit")
        about = {name: _plain(getattr(self, name)) for name in names}
        listed = {name: [_plain(value) for value in values.tolist()] for name, values in self._columns().items()}
        more = {"labels": list(self.labels), "warnings": list(self.warnings), "curves": listed}
        return marked("reach", about | more)

    def save(self, path: str | Path) -> None:
        """Write all of it as ``.json``, which `load` and `miscope.report` read."""
        write_json(path, self.to_dict(), "a reach")

    @classmethod
    def load(cls, path: str | Path) -> Reach:
        """Read what `save` wrote.

        Raises
        ------
        FormatError
            If the file is truncated, damaged, something else, or of another version.
        """
        with reading(path, "reach") as body:
            given = body["curves"]
            n = len(given["lag"])
            values: dict[str, Any] = {name: array(given[name], n) for name in _COLUMNS}
            values |= {name: number(body[name]) for name in ("lag", "low", "level", "factor")}
            return cls(
                high=np.inf if body["high"] is None else number(body["high"]),
                bound=str(body["bound"]),
                lags=array(given["lag"], n, dtype=np.int64),
                used=np.array(given["used"], dtype=bool),
                unit=str(body["unit"]),
                labels=(str(body["labels"][0]), str(body["labels"][1])),
                warnings=tuple(map(str, body["warnings"])),
                **values,
            )

    def _columns(self) -> dict[str, NDArray[Any]]:
        return {"lag": self.lags} | {name: getattr(self, name) for name in (*_COLUMNS, "used")}

    @property
    def interval(self) -> str:
        """The interval in words."""
        if self.low > 0 and np.isfinite(self.high):
            return f"{_number(self.low)} to {_number(self.high)}"
        if self.low > 0:
            return f"{_number(self.low)} or more"
        return f"at most {_number(self.high)}" if np.isfinite(self.high) else "any lag"

    @property
    def sentence(self) -> str:
        """The result in one line."""
        data, model = (name or other for name, other in zip(self.labels, ("the data", "the model"), strict=True))
        share = f"{share_words(self.factor)} of the dependence of {data}"
        last = f"{100 * self.level:g} %: {self.interval}"
        if self.bound == "less than":
            return f"{model} keeps less than {share} from lag {_number(self.lag)} on ({last})"
        more = " at least, the last at which the data show it" if self.bound else ""
        return f"{model} keeps {share} up to lag {_number(self.lag)}{more} ({last})"

    def __repr__(self) -> str:
        return f"Reach({self.bound} {self.lag:.4g} ({self.interval}), factor {self.factor:g})".replace("( ", "(")

    def __str__(self) -> str:
        return "\n".join([self.sentence, *(f"warning: {text}" for text in self.warnings)])


def reach(
    data: Any,
    model: Any,
    factor: float = 0.5,
    level: float = 0.95,
    seed: int = 0,
    *,
    lags: Any = None,
    progress: Progress | None = None,
    **probing: Any,
) -> Reach:
    """Find the largest lag up to which a model keeps a share of the dependence that its data have.

    Parameters
    ----------
    data
        A `MICurve` of the data; or the process they come from, whose exact curve is taken; or the data, which are
        measured.
    model
        A `MICurve` of the model, as `probe` gives it; a sample of the model; or the model, which is probed.
    factor
        The share: 1/2 by default.
    level
        Confidence level of the interval.
    seed
        For the draws behind the interval, and for probing.
    lags
        Where data that are not a curve yet are measured, models are probed, and processes are asked. Default: the lags
        of the other curve. Of two curves, the lags that they have in common are taken, from among these.
    progress
        Called with steps done and steps in all: of measuring, of probing, and of the draws behind the interval.
    **probing
        For `probe`, where `model` is one: ``n_documents``, ``length`` and so on.

    Returns
    -------
    Reach
        The lag with its interval, and the ratio of both curves.

    Raises
    ------
    InputError
        If the curves have fewer than three lags in common at which the data's dependence is known, are of different
        quantities, or were measured without bars.

    Examples
    --------
    >>> import miscope as ms
    >>> truth = ms.processes.PowerLawBinary(amplitude=0.1, exponent=0.4)
    >>> chain = ms.processes.IsingChain(coupling=0.7)  # as a model that forgets exponentially
    >>> seen = ms.measure(chain.sample(64, 2048, seed=1), lags="1:64", label="a chain")
    >>> print(reach(truth, seen))
    a chain keeps 1/2 of the dependence of PowerLawBinary amplitude 0.1, exponent 0.4 up to lag 2.68 (95 %: ...

    Notes
    -----
    The ratio of both curves, less their nulls, is smoothed by the regression on the logarithm of the lag that does not
    rise, linear between the centres of its blocks (centred isotonic regression); the reach is where that crosses
    `factor`. The first lag at which noisy values happen to fall below comes too early; a whole block of values does
    not. Values are weighted by the inverse of their standard errors, so that a block's value is a ratio of sums, in
    which the noise of the data brings no bias of first order.

    The interval is that of 1000 curves of either side, drawn about what was measured from normal laws with the
    jackknife's covariances between lags, made wider as Student's t is. Lags at which the data's dependence is not
    significant, or not known to half its value, are left out: about lags beyond the last of these nothing is said.

    References
    ----------
    Oron and Flournoy, Stat. Biopharm. Res. 9 (2017) 258 (centred isotonic regression).
    """
    factor, level = real_number(factor, "factor", above=0.0), number_between(level, "level", 0.0, 1.0)
    seed = whole_number(seed, "seed", 0)
    step = Steps(progress, 2 * OF_A_SIDE + _N_DRAWS)
    seen, made, notes = both_sides(data, model, lags, {"seed": seed, **probing}, step)
    used = _usable(seen)
    if used.sum() < _LEAST_LAGS:
        raise InputError(
            f"the dependence of {seen.label or 'the data'} is known to half its value or better at {used.sum()} of the "
            f"{len(used)} lags that both curves have; {_LEAST_LAGS} are needed: take more data, or smaller lags"
        )
    ratio, stderr = _ratio(seen, made)
    line = _Line.of(seen.at(used), made.at(used))
    found = line.crossing(line.data, line.model, factor)
    first, last = float(seen.lags[used][0]), float(seen.lags[used][-1])
    low, high = _interval(line, seen.at(used), made.at(used), factor, level, np.random.default_rng(seed), step)
    lag = float(np.clip(np.exp(found), first, last))
    return Reach(
        lag=lag,
        low=low,
        high=high,
        level=level,
        factor=factor,
        bound="" if np.isfinite(found) else "at least" if found > 0 else "less than",
        lags=seen.lags,
        ratio=ratio,
        ratio_stderr=stderr,
        smoothed=line.smoothed(np.log(seen.lags), factor),
        used=used,
        data=seen.values,
        data_stderr=seen.stderr,
        model=made.values,
        model_stderr=made.stderr,
        unit=seen.unit,
        labels=(seen.label, made.label),
        warnings=(*notes, *_advice(seen, ratio, stderr, used, lag if np.isfinite(found) else np.inf, factor)),
    )


def _usable(seen: Side) -> NDArray[np.bool_]:
    return np.asarray(seen.significant & (seen.values > 0) & (seen.stderr <= _KNOWN * seen.values))


def _ratio(seen: Side, made: Side) -> tuple[Floats, Floats]:
    """Model over data with standard errors; nan where the data are not above 0."""
    shown = np.where(seen.values > 0, seen.values, np.nan)
    ratio = made.values / shown
    return ratio, np.hypot(made.stderr, ratio * seen.stderr) / shown


class _Line(NamedTuple):
    """Values of both curves at logarithms of lags, and what each difference counts in a sum."""

    at: Floats
    data: Floats
    model: Floats
    counts: Floats

    @classmethod
    def of(cls, seen: Side, made: Side) -> _Line:
        """From two sides; twice, because how much a ratio counts should not depend on its own noise."""
        at, ratio = np.log(seen.lags), made.values / seen.values
        counts = np.ones(len(at))
        if np.any(seen.stderr > 0) or np.any(made.stderr > 0):
            for _ in range(2):
                bars = np.hypot(made.stderr, ratio * seen.stderr)
                counts = 1 / np.maximum(bars, 1e-3 * bars.max())
                centres, values = cls(at, seen.values, made.values, counts).blocks(seen.values, made.values)
                ratio = np.interp(at, centres, values)
        return cls(at, seen.values, made.values, counts)

    def blocks(self, data: Floats, model: Floats) -> tuple[Floats, Floats]:
        """Centres and values of the blocks of the regression of the ratio that does not rise."""
        weights = self.counts * data
        fitted = isotonic_regression(model / data, weights=weights, increasing=False)
        first = fitted.blocks[:-1]
        centres = np.add.reduceat(weights * self.at, first) / np.add.reduceat(weights, first)
        return centres, fitted.x[first]

    def crossing(self, data: Floats, model: Floats, factor: float) -> float:
        """Logarithm of the lag at which the ratio falls below the factor; infinite where it does not cross it."""
        centres, values = self.blocks(data, model)
        if values[0] < factor:
            return -math.inf
        if values[-1] >= factor:
            return math.inf
        k = int(np.argmax(values < factor))
        part = (values[k - 1] - factor) / (values[k - 1] - values[k])
        return float(centres[k - 1] + part * (centres[k] - centres[k - 1]))

    def smoothed(self, at: Floats, factor: float) -> Floats:
        """The regression at any logarithms of lags; nan outside."""
        centres, values = self.blocks(self.data, self.model)
        inside = (at >= self.at[0] - 1e-9) & (at <= self.at[-1] + 1e-9)
        return np.where(inside, np.interp(at, centres, values), np.nan)


def _interval(
    line: _Line, seen: Side, made: Side, factor: float, level: float, generator: np.random.Generator, step: Steps
) -> tuple[float, float]:
    """Ends of the interval, 0 and infinity for those that the lags do not show."""
    data = line.data + seen.noise(_N_DRAWS, generator)
    data = np.maximum(data, _LEAST_DRAWN * line.data)
    model = line.model + made.noise(_N_DRAWS, generator)
    drawn = []
    for both in zip(data, model, strict=True):
        drawn.append(line.crossing(*both, factor))
        step()
    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2], method="inverted_cdf")
    # A draw that does not cross the line says no more than that it does so beyond the lags.
    first, last = line.at[0], line.at[-1]
    return float(np.exp(min(low, last))), float(np.exp(max(high, first)))


def _advice(seen: Side, ratio: Floats, stderr: Floats, used: NDArray[np.bool_], lag: float, factor: float) -> list[str]:
    """What a reader has to know of the ratio."""
    notes = []
    with np.errstate(invalid="ignore"):
        much = used & (ratio > _TOO_MUCH) & (ratio - _SURE * stderr > 1)
        again = used & (seen.lags > lag) & (ratio - _SURE * stderr > factor)
    if much.any():
        notes.append(
            f"the model has more than twice the data's dependence at {_lag_words(seen.lags[much])}, which its reach "
            "does not show"
        )
    if again.any():
        notes.append(
            f"beyond its reach the model rises above {share_words(factor)} of the data again, at "
            f"{_lag_words(seen.lags[again])}"
        )
    return notes


def _lag_words(lags: NDArray[np.int64]) -> str:
    return f"lag {lags[0]:,}" if len(lags) == 1 else f"{len(lags)} lags between {lags[0]:,} and {lags[-1]:,}"


def share_words(factor: float) -> str:
    """A share as people write it.

    >>> share_words(0.5), share_words(0.9), share_words(0.123)
    ('1/2', '90 %', '12.3 %')
    """
    near = Fraction(factor).limit_denominator(4)
    simple = abs(float(near) - factor) < 1e-9 and near.denominator > 1 and near < 1
    return str(near) if simple else f"{100 * factor:.4g} %"


def _number(lag: float) -> str:
    return f"{lag:,.0f}" if lag >= 1000 or lag == round(lag) else f"{lag:.3g}"


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
