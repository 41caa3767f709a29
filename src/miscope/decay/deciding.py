"""`fit`: from a curve to its laws and the verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from miscope.counting.counted import Progress, Steps
from miscope.curve import MICurve
from miscope.decay.fitting import Errors, Solution, errors_of, readable, solve
from miscope.decay.laws import LAWS, Constant, Law, law_named
from miscope.decay.metric import Metric
from miscope.decay.points import LEAST_POINTS, Points, points_of
from miscope.decay.result import DecayFit, LawFit, Sensitivity
from miscope.decay.verdict import DECADES, Evidence, Judgement, Verdict, judge, range_of
from miscope.errors import InputError

__all__ = ["fit"]

_CUT = 2.0  # ranges are cut by this factor
_MOST_CUTS = 5
_LEAST_FALL, _FAR_AHEAD = 3.0, 20.0  # correlation lengths, and AICc, for less than a decade that was asked for
_SURE = 1.5  # decades that a later start has to leave, to speak against an earlier one
_OSCILLATES = 0.5  # own error of a constant, above which it does not describe a curve
_FAR_ABOVE = 10.0  # of values with two standard errors, from where on a band says nothing
_SIMPLE = ("exponential", "power law")
_MOST_ENDS = 3
_REPLICATES = 3  # steps of a law's intervals, for which it is fitted to each replicate; a step is a law fitted once


def fit(
    curve: Any,
    laws: str | Iterable[str] = "all",
    lags: Any = None,
    floor: bool | str = "auto",
    *,
    progress: Progress | None = None,
) -> DecayFit:
    r"""Fit laws of decay to a curve, and say which of them it follows.

    Generalised least squares in the linear domain, negative values included, with the shrunk covariance of the curve's
    replicates; intervals by fitting every replicate again. A law's own error (wiggles, oscillations, what saturation
    leaves) is part of the likelihood. Laws are ranked by AICc. The verdict speaks of the tail: lags are left
    out from the left until one simple law holds from there on, as long as 1.5 decades of significant lags are left.

    Parameters
    ----------
    curve
        A `MICurve` (its excess over the null is fitted), or ``(lags, values)`` or ``(lags, values, standard errors)``,
        or a table with columns lag, mi and perhaps stderr. Without replicates lags count as independent; without
        standard errors there is no verdict.
    laws
        ``"all"``, or names of those to fit: ``exponential``, ``power law``, ``power law with cut-off``, ``stretched
        exponential``, ``exponential + power law``. A verdict takes the first four.
    lags
        Which of the curve's to fit: a range such as ``"5:1000"``, ``"5:"`` or ``(5, 1000)``; text as `measure` takes
        it, such as ``"24:2400:+24"`` (those of every 24th that the curve has); or a list of lags. Default: all, and
        the head left out as needed.
    floor
        Whether laws end at a floor above 0: True, False, or ``"auto"`` (where that fits better).
    progress
        Called with steps done and steps in all.

    Returns
    -------
    DecayFit

    Raises
    ------
    InputError
        For fewer than 4 lags, lags that repeat, values that are no numbers, errors that are not positive, unknown laws.

    Examples
    --------
    >>> import miscope as ms
    >>> chain = ms.processes.IsingChain(coupling=1.5)
    >>> found = ms.fit(ms.measure(chain.sample(64, 2048), lags="1:256"))
    >>> found.verdict.kind
    'exponential'
    >>> estimate = found.correlation_length
    >>> bool(estimate.low < chain.law.correlation_length < estimate.high)
    True
    """
    steps = Steps(progress, (len(LAWS) + 1) * (_MOST_CUTS + _MOST_ENDS) + len(LAWS) * _REPLICATES)
    found = _fitted(curve, lags, _Tried(_laws(laws), _floors(floor), steps))
    steps.finish()
    return found


@dataclass
class _Tried:
    """What is tried on each range of lags, and who is told how far that is."""

    laws: tuple[Law, ...]
    floors: tuple[bool, ...]
    step: Steps


def _fitted(curve: Any, lags: Any, tried: _Tried) -> DecayFit:
    chosen = tried.laws
    points = points_of(curve, lags)
    first, last, n_significant = range_of(points)
    label, provenance = _about(curve)
    if not first and points.barred:
        verdict = _nothing(points)
        return _result(verdict, (), (), points, label, provenance)
    if not points.barred:
        reason = "without error bars no value can be told from none, and no scatter from a misfit"
        fits: tuple[LawFit, ...] = ()
        if np.any(points.values > 0):
            fits = _Window(points, tried, points.lags[0], points.lags[-1]).fits()
        else:
            reason = "no value is above 0, and there are no error bars to say how far above 0 it would have been seen"
        verdict = Verdict("undecided", reason, 0.0, 0.0, 0.0, 0, points.n_effective)
        return _result(verdict, fits, (), points, label, provenance)
    # The head is left out on the left only; lags beyond the last significant one tell laws apart, too.
    everything, points = points, points.between(first)
    if last < 10**DECADES * first or len(points.lags) < LEAST_POINTS:
        short, fits = _short(points, first, last, n_significant), ()
        if len(points.lags) >= LEAST_POINTS:
            window = _Window(points, tried, first, last)
            fits = window.fits()
            if lags is not None and _complete(chosen) and _is_steep(window):
                short = _steep(short, window)
        return _result(short, fits, (), everything, label, provenance)
    windows = [_Window(points.between(start), tried, start, last) for start in _starts(points, first, last)]
    place, judgement = _settle(windows) if _complete(chosen) else (0, _incomplete(chosen))
    window = windows[place]
    rows = [one.row() for one in windows]
    for end in _ends(window.points, window.first, last):
        cut = _Window(window.points.between(0, end), tried, window.first, end)
        rows.append(cut.row())
    inside = window.points.between(window.first, last)
    verdict = Verdict(
        judgement.kind,
        judgement.reason,
        window.first,
        last,
        float(np.log10(last / window.first)),
        int(inside.significant.sum()),
        inside.n_effective,
    )
    return _result(verdict, window.fits(), tuple(rows), everything, label, provenance)


@dataclass
class _Window:
    """All laws over one range of lags."""

    points: Points
    tried: _Tried
    first: float
    last: float

    def __post_init__(self) -> None:
        metric = Metric(self.points)
        self.solutions: list[Solution] = []
        for law in self.tried.laws:
            # AICc takes two lags more than parameters; a law that has fewer could not be ranked.
            able = [floor for floor in self.tried.floors if len(law.parameters) + floor + 2 <= len(self.points.lags)]
            tried = [solve(metric, law, floor) for floor in able]
            if tried:
                self.solutions.append(min(tried, key=lambda one: one.criterion))
            self.tried.step()
        constant = solve(metric, Constant(), False)
        self.tried.step()
        # What oscillates is no constant, however large its own error may be made.
        self.constant = constant.criterion if constant.discrepancy < _OSCILLATES else np.inf
        self.evidence = self._evidence()
        self.judgement = judge(self.evidence, self.last, len(self.points.shared) > 0, metric.falling())

    def _evidence(self) -> Evidence:
        found = {one.law.name: one for one in self.solutions}
        least = min((one.criterion for one in self.solutions), default=np.inf)
        if not np.isfinite(least):
            least = 0.0

        def behind(*names: str) -> float:
            return min((found[name].criterion - least for name in names if name in found), default=np.inf)

        cut = found.get("power law with cut-off")
        rate = cut.theta[2] if cut is not None else 0.0
        return Evidence(
            behind("exponential"),
            behind("power law"),
            behind("power law with cut-off", "stretched exponential"),
            behind("exponential + power law"),
            self.constant - least,
            1 / rate if rate > 0 else np.inf,
        )

    @property
    def decades(self) -> float:
        return float(np.log10(self.last / self.first))

    def row(self) -> Sensitivity:
        """For the table of ranges."""
        found = {one.law.name: readable(one) for one in self.solutions}
        length = np.exp(found["exponential"].theta[1]) if "exponential" in found else np.nan
        exponent = found["power law"].theta[1] if "power law" in found else np.nan
        evidence = self.evidence.exponential - self.evidence.power_law
        kind = self.judgement.kind if _complete(self.tried.laws) else "undecided"
        return Sensitivity(self.first, self.last, kind, float(length), float(exponent), float(evidence))

    def fits(self) -> tuple[LawFit, ...]:
        """The laws with intervals, the likeliest first."""
        order = sorted(self.solutions, key=lambda one: one.criterion)
        if not order:
            return ()
        criteria = [one.criterion for one in order]
        behind = np.array(criteria) - criteria[0]
        weights = np.exp(-0.5 * np.nan_to_num(behind, nan=np.inf))
        weights /= weights.sum() if weights.sum() > 0 else 1.0
        fitted = []
        for one, weight, criterion in zip(map(readable, order), weights, criteria, strict=True):
            errors = errors_of(one)
            made = _law_fit(one, errors, float(weight), self.points.unit, criterion)
            if _open(made, one.metric.points):
                one = dataclasses.replace(one, holds=False)
                made = _law_fit(readable(one), errors_of(one), float(weight), self.points.unit, criterion)
            fitted.append(made)
            self.tried.step(_REPLICATES)
        return tuple(fitted)


def _open(law: LawFit, points: Points) -> bool:
    """Whether the values leave a law open: its band ends far above them, bars and all, at most of the lags.

    Errors that all lags share, where they are as large as the values, let a law lie anywhere below them; what comes out
    for its parameters then means nothing. What the law may be at its best, and so its weight, is not changed by that.
    """
    if not points.barred:
        return False
    with np.errstate(all="ignore"):
        centre = law(points.lags)
        half = law.band(points.lags)[1] - centre
        highest = np.maximum(points.values, 0.0) + 2 * points.stderr
        return bool(np.mean(~(half <= _FAR_ABOVE * highest)) > 0.5)


def _law_fit(found: Solution, errors: Errors, weight: float, unit: str, criterion: float) -> LawFit:
    return LawFit(
        found.law,
        found.floor,
        found.theta,
        errors.deviations,
        errors.own,
        errors.degrees,
        found.discrepancy,
        found.log_likelihood,
        criterion,
        weight,
        unit,
    )


def _settle(windows: list[_Window]) -> tuple[int, Judgement]:
    """Which start the verdict speaks from, and what it is.

    The longest range on which one simple law holds, if what is left of it on later starts, 1.5 decades at least, does
    not say another; "between" only if no later start finds one simple law to be enough.
    """
    kinds = [one.judgement.kind for one in windows]
    able = [k for k, one in enumerate(windows) if k == 0 or one.decades >= _SURE]
    simple = [k for k in able if kinds[k] in _SIMPLE and (k == 0 or _best_of_all(windows[k]))]
    if simple:
        k = simple[0]
        against = [j for j in able if j > k and kinds[j] in (*_SIMPLE, "between") and kinds[j] != kinds[k]]
        if against:
            here, there = windows[k], windows[against[0]]
            return k, Judgement(
                "undecided",
                f"it moves with the range: {kinds[k]} from lag {here.first:g}, {kinds[against[0]]} from lag "
                f"{there.first:g}",
            )
        reason = windows[k].judgement.reason
        if k:
            reason += f"; before lag {windows[k].first:g} it does not hold"
        return k, Judgement(kinds[k], reason)
    between = [k for k in able if kinds[k] == "between"]
    k = between[0] if between else 0
    return k, windows[k].judgement


def _best_of_all(window: _Window) -> bool:
    evidence = window.evidence
    return min(evidence.exponential, evidence.power_law) <= min(evidence.between, evidence.mixed)


def _starts(points: Points, first: float, last: float) -> list[float]:
    """First lags to fit from: the first significant one, twice that, …, a decade of significant lags left."""
    most = last / 10**DECADES / first
    n = max(1, min(_MOST_CUTS, 1 + int(np.log(max(most, 1.0)) / np.log(_CUT) + 1e-9)))
    starts = []
    for wanted in first * np.geomspace(1.0, max(most, 1.0), n) if n > 1 else [first]:
        at = float(points.lags[points.lags >= wanted * (1 - 1e-9)][0])
        if at <= last / 10**DECADES and np.sum(points.lags >= at) >= LEAST_POINTS + 2 and at not in starts:
            starts.append(at)
    return starts or [first]


def _ends(points: Points, first: float, last: float) -> list[float]:
    """Last lags to fit to: half of the last significant one, a quarter, …, as long as a decade is left."""
    ends = []
    for k in range(1, _MOST_ENDS + 1):
        inside = points.lags[points.lags <= last / _CUT**k]
        if len(inside) >= LEAST_POINTS + 2 and inside[-1] >= 10**DECADES * first and inside[-1] not in ends:
            ends.append(float(inside[-1]))
    return ends


def _laws(wanted: str | Iterable[str]) -> tuple[Law, ...]:
    if isinstance(wanted, str):
        if wanted == "all":
            return LAWS
        wanted = [wanted]
    names = list(wanted)
    if not names:
        raise InputError('name at least one law to fit, or "all"')
    chosen = {law.name for law in map(law_named, names)}
    return tuple(law for law in LAWS if law.name in chosen)


def _floors(wanted: bool | str) -> tuple[bool, ...]:
    if wanted == "auto":
        return (False, True)
    if isinstance(wanted, bool):
        return (wanted,)
    raise InputError(f'floor is True, False or "auto", not {wanted!r}')


_NEEDED = tuple(law.name for law in LAWS[:4])


def _complete(laws: tuple[Law, ...]) -> bool:
    return set(_NEEDED) <= {law.name for law in laws}


def _incomplete(laws: tuple[Law, ...]) -> Judgement:
    missing = [name for name in _NEEDED if name not in {law.name for law in laws}]
    return Judgement("undecided", f"a verdict takes all laws; not fitted: {', '.join(missing)}")


def _nothing(points: Points) -> Verdict:
    seen = 3 * float(points.stderr[0])
    unit = f" {points.unit}" if points.unit else ""
    reason = (
        f"no lag stands above the null; at lag {points.lags[0]:g} about {seen:.1g}{unit} would have been seen (three "
        "standard errors)"
    )
    return Verdict("no dependence", reason, 0.0, 0.0, 0.0, 0, points.n_effective)


def _short(points: Points, first: float, last: float, n_significant: int) -> Verdict:
    if len(points.lags) < LEAST_POINTS:
        reason = f"only {len(points.lags)} lags are left from lag {first:g}, the first significant one, on"
    else:
        span = f"only lag {first:g} is significant" if first == last else f"significant lags end at {last:g}"
        reason = f"{span}: less than a decade from lag {first:g} on, and no law can be told from another"
    n_effective = points.between(first, last).n_effective
    return Verdict("undecided", reason, first, last, float(np.log10(last / first)), n_significant, n_effective)


def _is_steep(window: _Window) -> bool:
    """Whether less than a decade is enough: the whole tail of an exponential may be, a power law's never."""
    inside = window.points.between(window.first, window.last)
    fall = np.log(max(inside.values[0], 1e-300) / max(inside.values[-1], inside.stderr[-1]))
    evidence = window.evidence
    return bool(
        window.judgement.kind == "exponential"
        and fall >= _LEAST_FALL
        and evidence.power_law - evidence.exponential >= _FAR_AHEAD
    )


def _steep(short: Verdict, window: _Window) -> Verdict:
    reason = f"{window.judgement.reason}; less than a decade of lags, in which it falls by several lengths"
    return dataclasses.replace(short, kind="exponential", reason=reason)


def _about(curve: Any) -> tuple[str, Any]:
    return (curve.label, curve.provenance) if isinstance(curve, MICurve) else ("", {})


def _result(
    verdict: Verdict,
    laws: tuple[LawFit, ...],
    rows: tuple[Sensitivity, ...],
    points: Points,
    label: str,
    provenance: Any,
) -> DecayFit:
    stderr = points.stderr if points.barred else np.full(len(points.lags), np.nan)
    return DecayFit(
        verdict,
        laws,
        rows,
        points.lags,
        points.values,
        stderr,
        points.significant,
        points.unit,
        label,
        points.notes,
        provenance,
    )
