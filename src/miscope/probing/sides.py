"""Data and model side by side: whatever each is given as, two curves at the same lags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miscope.counting.counted import Progress, Steps
from miscope.counting.lags import Lags, parse_lags
from miscope.counting.pairs import PairCounts
from miscope.curve import MICurve, measure
from miscope.errors import InputError
from miscope.processes.base import Process
from miscope.sequences import Series
from miscope.sequences.in_memory import data_of

__all__ = ["OF_A_SIDE", "Side", "both_sides"]

Floats = NDArray[np.float64]

OF_A_SIDE = 10_000
"""Steps that one side is taken for, where it is measured or probed."""

_LONGEST = 1 << 62
_DEFAULT = "1:1000"  # lags at which two processes are compared


@dataclass(frozen=True, eq=False)
class Side:
    """A curve less its null, at the lags of both.

    Attributes
    ----------
    values, stderr
        Shape (n_lags,).
    deviations
        Shape (n, n_lags): their products sum to the covariance between lags.
    degrees
        For Student's t.
    significant
        bool, shape (n_lags,).
    """

    label: str
    unit: str
    lags: NDArray[np.int64]
    values: Floats
    stderr: Floats
    deviations: Floats
    degrees: float
    significant: NDArray[np.bool_]

    def at(self, chosen: NDArray[Any]) -> Side:
        """At some of the lags."""
        return Side(
            label=self.label,
            unit=self.unit,
            lags=self.lags[chosen],
            values=self.values[chosen],
            stderr=self.stderr[chosen],
            deviations=self.deviations[:, chosen],
            degrees=self.degrees,
            significant=self.significant[chosen],
        )

    def noise(self, n: int, generator: np.random.Generator) -> Floats:
        """Errors of n such curves, shape (n, n_lags), as Student's t with these degrees has them."""
        drawn = generator.standard_normal((n, len(self.deviations))) @ self.deviations
        if not np.isfinite(self.degrees):
            return drawn
        return np.asarray(drawn * np.sqrt(self.degrees / generator.chisquare(self.degrees, (n, 1))))


def both_sides(data: Any, model: Any, lags: Lags, probing: dict[str, Any], step: Steps) -> tuple[Side, Side, list[str]]:
    """Two sides at the same lags, and what is to be said about their being compared.

    Parameters
    ----------
    data, model
        As for `reach`.
    lags
        Where to measure, probe and ask; None: where the other one is a curve.
    probing
        For `probe`, with a seed.
    step
        Told of `OF_A_SIDE` steps a side.
    """
    if not _is_model(model) and set(probing) - {"seed"}:
        names = ", ".join(sorted(set(probing) - {"seed"}))
        raise InputError(f"{names}: only a model is probed, and this is {_kind(model)}: leave it out")
    if _is_model(data):
        raise InputError(f"the data come first, then the model; to compare with {_kind(data)}, give probe(model, ...)")
    notes = _alphabets(data, model)
    found = [data, model]
    for k in (0, 1):
        if not isinstance(found[k], Process):
            found[k] = _as_curve(found[k], _wanted(lags, found[1 - k]), probing, step.part(OF_A_SIDE))
        step(OF_A_SIDE)
    notes += _horizon(found[1])
    return (*_paired(found, lags), notes)


def _paired(found: list[Any], lags: Lags) -> tuple[Side, Side]:
    """Sides of two things that are curves or processes by now."""
    curves = [each for each in found if isinstance(each, MICurve)]
    _check_alike(curves)
    if any(curve.unit == "bits" for curve in curves):
        found = [each.in_bits() if isinstance(each, MICurve) else each for each in found]
        curves = [each for each in found if isinstance(each, MICurve)]
    like = curves[0] if curves else None
    shared = _shared(found, curves, lags)
    first, second = (
        _curve_side(each, shared) if isinstance(each, MICurve) else _exact_side(each, shared, like) for each in found
    )
    return first, second


def _is_model(given: Any) -> bool:
    return hasattr(given, "step") and hasattr(given, "start")


def _kind(given: Any) -> str:
    return f"a {type(given).__name__}"


def _wanted(lags: Lags, other: Any) -> Lags:
    return other.lags if lags is None and isinstance(other, MICurve) else lags


def _as_curve(given: Any, lags: Lags, probing: dict[str, Any], progress: Progress | None) -> MICurve:
    if isinstance(given, MICurve):
        return given
    if _is_model(given):
        from miscope.probing.conditional import probe  # brings torch, which two curves do not need

        return probe(given, lags, progress=progress, **probing)
    if isinstance(given, PairCounts):
        return measure(given, lags, progress=progress)
    given = data_of(given)
    if isinstance(lags, np.ndarray):
        lags = lags[lags < given.lengths.max(initial=0)]
    estimator = "gaussian" if isinstance(given, Series) else "miller_madow"
    return measure(given, lags, estimator=estimator, progress=progress)


def _check_alike(curves: list[MICurve]) -> None:
    if len({curve.quantity for curve in curves}) > 1:
        names = " and ".join(curve.quantity.replace("_", " ") for curve in curves)
        raise InputError(f"the curves are of {names}: measure the same quantity of both")
    for curve in curves:
        if curve.n_blocks < 2:
            raise InputError(
                f"the curve {curve.label!r} was measured without blocks, so nothing is known of its errors: measure it "
                "with blocks=32"
            )


def _shared(found: list[Any], curves: list[MICurve], lags: Lags) -> NDArray[np.int64]:
    """Lags that both have, below what a process can answer."""
    if curves:
        shared = curves[0].lags
        for curve in curves[1:]:
            shared = np.intersect1d(shared, curve.lags)
        if lags is not None:
            shared = np.intersect1d(shared, parse_lags(lags, _LONGEST))
    else:
        shared = parse_lags(_DEFAULT if lags is None else lags, _LONGEST)
    limits = [each.longest for each in found if isinstance(each, Process) and each.longest is not None]
    shared = shared[shared < min(limits, default=_LONGEST)]
    if len(shared) < 3:
        raise InputError(
            f"the two have {len(shared)} lags in common, and three are needed: measure or probe one of them at the "
            "other's, lags=curve.lags"
        )
    return shared


def _curve_side(curve: MICurve, shared: NDArray[np.int64]) -> Side:
    jackknife, significant = curve.jackknife(excess=True), curve.significant()
    at = np.searchsorted(curve.lags, shared)
    known = jackknife.degrees[at]
    degrees = float(np.median(known[np.isfinite(known)])) if np.isfinite(known).any() else 1.0
    return Side(
        label=curve.label,
        unit=curve.unit,
        lags=shared,
        values=curve.excess[at],
        stderr=curve.excess_stderr[at],
        deviations=jackknife.deviations[:, at],
        degrees=max(degrees, 1.0),
        significant=significant[at],
    )


def _exact_side(process: Process, shared: NDArray[np.int64], like: MICurve | None) -> Side:
    quantity, unit = ("mutual_information", "nats") if like is None else (like.quantity, like.unit)
    ask = getattr(process, quantity, None)
    if ask is None:
        raise InputError(f"no exact {quantity.replace('_', ' ')} is known of {process.label}")
    values = np.asarray(ask(shared), np.float64) / (np.log(2) if unit == "bits" else 1.0)
    zeros = np.zeros(len(shared))
    return Side(process.label, unit, shared, values, zeros, np.zeros((0, len(shared))), np.inf, values > 0)


def _alphabets(data: Any, model: Any) -> list[str]:
    sizes = [_alphabet_size(each) for each in (data, model)]
    if None not in sizes and sizes[0] != sizes[1]:
        return [f"the data have {sizes[0]:,} symbols and the model {sizes[1]:,}: their curves are of different things"]
    ours, theirs = (getattr(each, "alphabet", None) for each in (data, model))
    if ours is not None and theirs is not None and tuple(ours) != tuple(theirs):
        return ["the symbols of the data and those of the model are not the same, or not in the same order"]
    return []


def _alphabet_size(given: Any) -> int | None:
    size = (
        given.provenance.get("n_symbols_seen") if isinstance(given, MICurve) else getattr(given, "alphabet_size", None)
    )
    return int(size) if isinstance(size, int | np.integer) else None


def _horizon(model: Any) -> list[str]:
    """What is to be said of lags that a model cannot look back over."""
    if not isinstance(model, MICurve):
        return []
    source = model.provenance.get("source")
    about = source.get("model") if isinstance(source, dict) else None
    horizon = about.get("horizon") if isinstance(about, dict) else None
    if not isinstance(horizon, int) or model.lags[-1] <= horizon:
        return []
    return [
        f"the model looks back over {horizon:,} symbols at most: dependence at larger lags has gone through symbols "
        "between"
    ]
