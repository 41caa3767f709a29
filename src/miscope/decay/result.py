"""DecayFit: laws with their parameters, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from miscope.decay.laws import FLOOR, Law, Parameter, law_named
from miscope.decay.verdict import Verdict
from miscope.errors import InputError, choice, require

__all__ = ["DecayFit", "Estimate", "LawFit", "Sensitivity"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A parameter with its interval.

    Attributes
    ----------
    value
        In its `unit`.
    low, high
        Ends of the 95 % interval; nan where there is none. A length that may be infinite has an infinite end.
    unit
        ``"symbols"``, the curve's unit, or ``""``.
    """

    value: float
    low: float
    high: float
    unit: str

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if np.isnan(self.low):
            return f"{self.value:.4g}{unit}"
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g}){unit}"


@dataclass(frozen=True, eq=False)
class LawFit:
    """One law, fitted.

    Attributes
    ----------
    law
        What was fitted.
    floor
        Whether with a floor.
    theta
        The parameters as they are looked for (see `Parameter.inside`).
    deviations
        Shape (n, n_parameters): their products sum to the covariance of `theta`.
    own_deviations
        Shape (m, n_parameters), likewise: what the law's own error and saturation add; nan where nothing is known of a
        parameter, because it has no effect on the fitted law.
    degrees
        For Student's t.
    discrepancy
        The law's own relative error, by maximum likelihood, from 0.01 (the least that is looked for) up.
    log_likelihood, aicc
        In nats.
    weight
        Akaike weight among the laws fitted; they sum to 1.
    unit
        Of the curve.
    """

    law: Law
    floor: bool
    theta: tuple[float, ...]
    deviations: Floats
    own_deviations: Floats
    degrees: float
    discrepancy: float
    log_likelihood: float
    aicc: float
    weight: float
    unit: str

    @property
    def name(self) -> str:
        """The law's name."""
        return self.law.name

    @property
    def _described(self) -> tuple[Parameter, ...]:
        return (*self.law.parameters, FLOOR) if self.floor else self.law.parameters

    @property
    def stderr(self) -> Floats:
        """Standard errors of `theta`, shape (n_parameters,)."""
        return np.asarray(np.sqrt(np.sum(self.deviations**2, axis=0) + np.sum(self.own_deviations**2, axis=0)))

    @property
    def parameters(self) -> dict[str, Estimate]:
        """The parameters by name, with 95 % intervals."""
        t = float(special.stdtrit(min(max(self.degrees, 1.0), 1e9), 0.975))
        found = {}
        for each, inner, error in zip(self._described, self.theta, t * self.stderr, strict=True):
            least, most = each.bounds
            ends = [each.outside(float(np.clip(end, least, most))) for end in (inner - error, inner + error)]
            unit = self.unit if each.unit == "curve" else each.unit
            found[each.name] = Estimate(each.outside(inner), min(ends), max(ends), unit)
        return found

    def __getitem__(self, name: str) -> Estimate:
        return self.parameters[choice(name, self.parameters, "parameter")]

    def __call__(self, lags: Sequence[float] | Floats) -> Floats:
        """The fitted law at these lags, in the curve's unit."""
        return self._at(np.asarray(lags, np.float64), np.array(self.theta))

    def _at(self, lags: Floats, theta: Floats) -> Floats:
        return self.law.inner(lags, tuple(theta[:-1])) + theta[-1] if self.floor else self.law.inner(lags, tuple(theta))

    def band(self, lags: Sequence[float] | Floats, level: float = 0.95) -> tuple[Floats, Floats]:
        """Where the law lies, given how sure its parameters are: lower and upper ends, (n_lags,) each.

        From the replicates' deviations, each carried through the law.
        """
        at, theta = np.asarray(lags, np.float64), np.array(self.theta)
        least, most = (np.array(ends) for ends in zip(*(each.bounds for each in self._described), strict=True))
        moves = np.nan_to_num(np.vstack([self.deviations, self.own_deviations]))  # nan: no effect on the law
        centre = self._at(at, theta)
        shifts = np.array([self._at(at, np.clip(theta + move, least, most)) - centre for move in moves])
        t = float(special.stdtrit(min(max(self.degrees, 1.0), 1e9), 0.5 + level / 2))
        half = t * np.sqrt(np.sum(shifts**2, axis=0))
        return centre - half, centre + half

    def __str__(self) -> str:
        values = ", ".join(f"{name.replace('_', ' ')} {estimate}" for name, estimate in self.parameters.items())
        return f"{self.name}: {values}"


@dataclass(frozen=True)
class Sensitivity:
    """What the same curve says over another range of lags.

    Attributes
    ----------
    first, last
        Of the lags fitted.
    kind
        The verdict of this range alone.
    correlation_length, exponent
        Of the exponential and of the power law there; nan where that law was not fitted.
    evidence
        AICc of the best exponential less that of the best power law: positive speaks for the power law.
    """

    first: float
    last: float
    kind: str
    correlation_length: float
    exponent: float
    evidence: float


@dataclass(frozen=True, eq=False)
class DecayFit:
    """The laws of a curve, and which of them it follows.

    Attributes
    ----------
    verdict
        What is to be said, with its reason and range.
    laws
        One `LawFit` for each law asked for, the likeliest first, over the lags that the verdict speaks of and beyond.
    sensitivity
        How verdict and parameters move as the range is cut from either side.
    lags, values, stderr
        What was fitted, shape (n_lags,); `stderr` nan where there are no bars.
    significant
        Which of these lags hold something.
    unit, label
        Of the curve.
    notes
        What a reader has to know.
    provenance
        Of the curve.
    """

    verdict: Verdict
    laws: tuple[LawFit, ...]
    sensitivity: tuple[Sensitivity, ...]
    lags: Floats
    values: Floats
    stderr: Floats
    significant: NDArray[np.bool_]
    unit: str = "nats"
    label: str = ""
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def best(self) -> LawFit | None:
        """The law of the verdict; the likeliest one where the verdict names none; None where nothing was fitted."""
        kinds = {"between": ("power law with cut-off", "stretched exponential")}
        wanted = kinds.get(self.verdict.kind, (self.verdict.kind,))
        named = [fitted for fitted in self.laws if fitted.name in wanted]
        return next(iter((*named, *self.laws)), None)

    def __getitem__(self, name: str) -> LawFit:
        """The fit of a law by its name, such as ``fit["power law"]`` or ``fit["power_law"]``."""
        law = law_named(name)
        for fitted in self.laws:
            if fitted.name == law.name:
                return fitted
        raise InputError(f"the law {law.name} was not fitted" + (": there was nothing to fit" if not self.laws else ""))

    @property
    def correlation_length(self) -> Estimate:
        """Of the exponential, in symbols. Of mutual information: half that of correlations."""
        return self["exponential"]["correlation_length"]

    @property
    def exponent(self) -> Estimate:
        """Of the power law. Of mutual information: twice that of correlations."""
        return self["power law"]["exponent"]

    def to_table(self) -> Any:
        """A pyarrow table with one row a parameter."""
        import pyarrow as pa

        rows = [
            {"law": fitted.name, "parameter": name} | vars(estimate) | {"weight": fitted.weight, "aicc": fitted.aicc}
            for fitted in self.laws
            for name, estimate in fitted.parameters.items()
        ]
        return pa.Table.from_pylist(rows)

    def to_frame(self) -> Any:
        """A pandas data frame with one row a parameter (needs the extra ``pandas``)."""
        pandas = require("pandas", "pandas", "to_frame()")
        return pandas.DataFrame(self.to_table().to_pydict())

    def save(self, path: str | Path) -> None:
        """Write the whole fit as JSON."""
        from miscope.decay.storage import save

        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> DecayFit:
        """Read what `save` wrote.

        Raises
        ------
        FormatError
            If the file is truncated, damaged, something else, or of another version.
        """
        from miscope.decay.storage import load

        return load(path)

    def __repr__(self) -> str:
        return f"DecayFit({self.label!r}: {self.verdict.kind})"

    def __str__(self) -> str:
        verdict = self.verdict
        lines = [f"{self.label or 'curve'}: {verdict}"]
        if verdict.last:
            lines.append(
                f"lags {verdict.first:g} to {verdict.last:g} ({verdict.decades:.1f} decades), "
                f"{verdict.n_significant} of them significant, worth {verdict.n_effective:.1f} independent points"
            )
        if self.laws:
            lines += ["", *_aligned(self._law_rows())]
        if self.sensitivity:
            lines += ["", "over other ranges:", *_aligned(self._sensitivity_rows())]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def _law_rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [("law", "weight", "own error", "parameters (95 % intervals)")]
        for fitted in self.laws:
            found = fitted.parameters
            values = ", ".join(f"{name.replace('_', ' ')} {each}" for name, each in found.items())
            if all(np.isnan(each.low) for each in found.values()) and np.isfinite(self.stderr).any():
                values += " (roughly: the values do not fix them)"
            rows.append((fitted.name, f"{fitted.weight:.2g}", f"{100 * fitted.discrepancy:.0f} %", values))
        return rows

    def _sensitivity_rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [("lags", "verdict", "correlation length", "exponent", "AICc exp. - power")]
        for row in self.sensitivity:
            numbers = [_number(each) for each in (row.correlation_length, row.exponent, row.evidence)]
            rows.append((f"{row.first:g} to {row.last:g}", row.kind, *numbers))
        return rows


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4g}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
