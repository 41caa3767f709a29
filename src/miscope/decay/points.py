"""What laws are fitted to: lags, values, their covariance, and how they change from block to block."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from miscope.counting.lags import among
from miscope.curve import MICurve
from miscope.curve.result import MEASURED, UNITS
from miscope.errors import InputError
from miscope.estimation.jackknife import false_discovery

__all__ = ["Points", "points_of"]

Floats = NDArray[np.float64]

LEAST_POINTS = 4  # fewer lags fix no law
MOST_POINTS = 96  # more are averaged over neighbouring lags
_SMOOTHED = 0.5  # over which, in the logarithm of the lag, bars are smoothed
_OWN_SHARE = 0.3  # of the correlations between lags, at most: weights are made from the replicates that are fitted


@dataclass(frozen=True)
class Points:
    """A curve as a fit sees it.

    Attributes
    ----------
    lags, values, stderr
        Shape (n_lags,); `stderr` zero where the user brought none.
    covariance
        Shape (n_lags, n_lags), shrunk.
    replicates
        Shape (n_blocks, n_lags): the values with each block left out; None where there are none.
    block_pairs
        Shape (n_blocks, n_lags).
    shared
        Shape (0 or 2, n_lags): errors that all lags share, up to these factors, owed to memory longer than the blocks.
    significant
        Which lags hold something, at a false discovery rate of 5 %.
    unit, label
        Of the curve.
    nats
        What makes nats of its values; 0 where they are no information, which saturates.
    notes
        What a reader has to know of what was fitted.
    members
        Where a point is the average over several lags: these, point by point; otherwise empty.
    """

    lags: Floats
    values: Floats
    stderr: Floats
    covariance: Floats
    replicates: Floats | None
    block_pairs: Floats | None
    shared: Floats
    significant: NDArray[np.bool_]
    unit: str
    label: str
    nats: float
    notes: tuple[str, ...]
    members: tuple[Floats, ...] = ()

    @property
    def barred(self) -> bool:
        """Whether there are error bars."""
        return bool(np.all(self.stderr > 0))

    def between(self, first: float, last: float = np.inf) -> Points:
        """The lags from `first` to `last`."""
        return self.at((self.lags >= first) & (self.lags <= last))

    def at(self, keep: NDArray[np.bool_]) -> Points:
        """Some of the lags."""

        def cut(array: Floats | None) -> Floats | None:
            return None if array is None else array[..., keep]

        return dataclasses.replace(
            self,
            lags=self.lags[keep],
            values=self.values[keep],
            stderr=self.stderr[keep],
            covariance=self.covariance[np.ix_(keep, keep)],
            replicates=cut(self.replicates),
            block_pairs=cut(self.block_pairs),
            shared=self.shared[:, keep],
            significant=self.significant[keep],
            members=tuple(part for part, kept in zip(self.members, keep, strict=True) if kept) if self.members else (),
        )

    def mean(self, law: Callable[[Floats], Floats]) -> Floats:
        """What a law gives at each point, shape (n_lags,): its average where points are averages."""
        if not self.members:
            return law(self.lags)
        lags, starts, sizes = self._together
        return np.asarray(np.add.reduceat(law(lags), starts) / sizes)

    @cached_property
    def _together(self) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
        """All members one behind the other, where those of each point start, and how many they are."""
        sizes = np.array([len(part) for part in self.members])
        return np.concatenate(self.members), np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes

    def averaged(self, most: int = MOST_POINTS) -> Points:
        """Over neighbouring lags, evenly in their logarithms, so that at most so many points are left."""
        if len(self.lags) <= most:
            return self
        place = np.log(self.lags / self.lags[0]) / np.log(self.lags[-1] / self.lags[0])
        # Bins that hold nothing fall away, so more of them are tried until there are as many as may be.
        for n_bins in range(most, 20 * most, max(most // 4, 1)):
            bins = np.minimum((place * n_bins).astype(np.int64), n_bins - 1)
            if len(np.unique(bins)) > most:
                break
            chosen = bins
        _, which = np.unique(chosen, return_inverse=True)
        rows = np.zeros((which.max() + 1, len(self.lags)))
        rows[which, np.arange(len(self.lags))] = 1.0
        rows /= rows.sum(axis=1, keepdims=True)
        members = tuple(self.lags[which == k] for k in range(len(rows)))
        values, covariance = rows @ self.values, rows @ self.covariance @ rows.T
        stderr = np.sqrt(np.diag(covariance))
        found = _significant(values, stderr) if self.barred else np.zeros(len(values), bool)
        return dataclasses.replace(
            self,
            lags=np.exp(rows @ np.log(self.lags)),
            values=values,
            stderr=stderr,
            covariance=covariance,
            replicates=None if self.replicates is None else self.replicates @ rows.T,
            block_pairs=None if self.block_pairs is None else self.block_pairs @ rows.T,
            shared=self.shared @ rows.T,
            significant=found,
            members=members,
            notes=(*self.notes, f"{len(self.lags)} lags averaged into {len(rows)} points"),
        )

    @property
    def n_effective(self) -> float:
        """How many independent points the lags are worth: ``L^2 / sum r_ij^2`` with their shrunk correlations r."""
        scale = np.sqrt(np.diag(self.covariance))
        if not np.all(scale > 0):
            return float(len(self.lags))
        correlation = self.covariance / np.outer(scale, scale)
        return float(len(self.lags) ** 2 / np.sum(correlation**2))

    def noise(self, expected: Floats) -> Floats:
        """Covariance of the values if these are the true ones, shape (n_lags, n_lags).

        A bar that is measured goes up and down with its value: information is a square, of variance ``2 I s^2``, s the
        error of the correlation behind it. Points that came out too low then weigh too much, and tails are fitted too
        low. So bars are carried over to the expected values, by ``sd^2 = a (I + sd)`` with a smoothed over lags.
        """
        carried = self._carried(expected)
        scale = np.sqrt(np.diag(self.covariance))
        return np.asarray(self.covariance * np.outer(carried / scale, carried / scale))

    def _carried(self, expected: Floats) -> Floats:
        a = self.stderr**2 / (np.maximum(self.values, 0.0) + self.stderr)
        near = np.exp(-0.5 * (np.subtract.outer(np.log(self.lags), np.log(self.lags)) / _SMOOTHED) ** 2)
        a = np.exp(near @ np.log(a) / near.sum(axis=1))
        return np.asarray((a + np.sqrt(a**2 + 4 * a * expected)) / 2)

    def reference(self) -> Floats:
        """The best falling curve through the values, nowhere negative: isotonic regression, (n_lags,)."""
        falling = np.maximum(self.values, 0.0)
        for _ in range(3 if self.barred else 1):
            weights = 1 / self._carried(falling) ** 2 if self.barred else np.ones_like(self.values)
            found = optimize.isotonic_regression(self.values, weights=weights / weights.max(), increasing=False)
            falling = np.maximum(np.asarray(found.x), 0.0)
        return falling


def points_of(given: Any, lags: Any = None) -> Points:
    """What `fit` was given, checked.

    Raises
    ------
    InputError
        For what is no curve, too few lags, lags that repeat, values that are no numbers, bars that cannot be.
    """
    points = _of_curve(given) if isinstance(given, MICurve) else _of_arrays(given)
    if len(points.lags):
        points = points.at(_chosen(points.lags, lags)).averaged()
    if len(points.lags) < LEAST_POINTS:
        here = "there is one" if len(points.lags) == 1 else f"there are {len(points.lags)}"
        raise InputError(
            f"a law of decay takes at least {LEAST_POINTS} lags with values (and bars, if given), and {here}: measure "
            'more lags, such as lags="1:1000"' + (", or give a wider range of lags to fit" if lags is not None else "")
        )
    return points


def _of_curve(curve: MICurve) -> Points:
    notes: list[str] = []
    if curve.estimator == "bracket":
        notes.append("fitted to the lower bound: the upper one says nothing of how dependence falls")
    values = curve.excess
    known = np.isfinite(values)
    barred = known & np.isfinite(curve.excess_stderr) & (curve.excess_stderr > 0)
    if curve.n_blocks and barred.sum() >= LEAST_POINTS:
        lost = int(np.sum(~barred))
        if lost:
            notes.append(f"{lost} lag{'s' if lost > 1 else ''} without an error bar left out")
        known = barred
    nats = float(np.log(2)) if curve.unit == "bits" else float(curve.quantity == "mutual_information")
    lags = curve.lags[known].astype(np.float64)
    significant = curve.significant()[known]
    if not np.all(barred[known]):
        notes.append("the curve has no error bars (blocks=0, or refused): no intervals, and no verdict")
        zero = np.zeros(known.sum())
        return Points(
            lags,
            values[known],
            zero,
            np.zeros((len(zero), len(zero))),
            None,
            None,
            np.zeros((0, len(zero))),
            np.zeros(len(zero), bool),
            curve.unit,
            curve.label,
            nats,
            tuple(notes),
        )
    stderr = curve.excess_stderr[known]
    wander = None if curve.wander is None else np.minimum(curve.wander[known], stderr)
    deviations = curve.jackknife(excess=True).deviations[: curve.n_blocks, known]
    own = stderr if wander is None else np.sqrt(np.maximum(stderr**2 - wander**2, (0.05 * stderr) ** 2))
    covariance = shrunk_correlation(deviations) * np.outer(own, own)
    # If the correlation c is off by s at all lags, information is off by c s, and by s^2 / 2 beside.
    shared = np.zeros((0, len(lags)))
    if wander is not None:
        shared = np.stack([wander, wander**2 / (4 * np.maximum(values[known], stderr / 4))])
        covariance += shared.T @ shared
    replicates = (curve.replicates - curve.null_replicates)[:, known]
    pairs = curve.block_pairs[:, known].astype(np.float64)
    return Points(
        lags,
        values[known],
        stderr,
        covariance,
        replicates,
        pairs,
        shared,
        significant,
        curve.unit,
        curve.label,
        nats,
        tuple(notes),
    )


def _of_arrays(given: Any) -> Points:
    parts = _columns(given)
    arrays = []
    for name, part in zip(("lags", "values", "standard errors"), parts, strict=False):
        try:
            if np.iscomplexobj(part):
                raise TypeError
            masked = np.ma.isMaskedArray(part)
            array = np.ma.filled(np.ma.asarray(part, np.float64), np.nan) if masked else np.asarray(part, np.float64)
        except (TypeError, ValueError):
            raise InputError(f"the {name} of a curve to fit are numbers") from None
        if array.ndim != 1:
            raise InputError(f"the {name} of a curve to fit are one row of numbers, not of shape {array.shape}")
        arrays.append(array)
    if len({len(array) for array in arrays}) > 1:
        sizes = ", ".join(str(len(array)) for array in arrays)
        raise InputError(f"lags, values and standard errors of a curve to fit are equally many, not {sizes}")
    lags, values = arrays[:2]
    if not np.all(np.isfinite(lags)) or np.any(lags <= 0):
        raise InputError("lags to fit are positive numbers")
    order = np.argsort(lags, kind="stable")
    lags, values = lags[order], values[order]
    if np.any(np.diff(lags) == 0):
        twice = lags[1:][np.diff(lags) == 0][0]
        raise InputError(f"lag {twice:g} is there more than once: give one value for each lag")
    notes = [] if np.all(np.diff(order) == 1) else ["lags were not in order, and were sorted"]
    stderr = arrays[2][order] if len(arrays) > 2 else np.zeros_like(values)
    known = np.isfinite(values)
    if len(arrays) > 2:
        if np.any(stderr <= 0):
            raise InputError(
                f"the standard error at lag {lags[stderr <= 0][0]:g} is {stderr[stderr <= 0][0]:g}: it must be above "
                "0; leave standard errors away where there are none"
            )
        known &= np.isfinite(stderr)
    if lost := int(np.sum(~known)):
        notes.append(f"{lost} lag{'s' if lost > 1 else ''} without a value or an error bar left out")
    lags, values, stderr = lags[known], values[known], stderr[known]
    unit = _unit_of(given)
    in_nats = float(np.log(2)) if unit == "bits" else 1.0
    if np.any(values * in_nats > 0.5):
        taken = f"values are {unit}" if unit else "values are taken as nats"
        notes.append(f"{taken}: those above {0.5 / in_nats:.2g} hardly count, because information saturates")
    if len(arrays) > 2:
        notes.append("no replicates: lags are taken as independent, intervals come from the bars alone")
        significant = _significant(values, stderr)
    else:
        notes.append("no error bars: no verdict, and intervals from the scatter about each law")
        significant = np.zeros(len(lags), bool)
    return Points(
        lags,
        values,
        stderr,
        np.diag(stderr**2),
        None,
        None,
        np.zeros((0, len(lags))),
        significant,
        unit,
        "",
        in_nats,
        tuple(notes),
    )


def _columns(given: Any) -> Sequence[Any]:
    """Lags, values and perhaps errors, from a sequence of these, an array, or a table with columns of these names."""
    if hasattr(given, "columns") and hasattr(given, "__getitem__"):  # a data frame, or a table of Arrow
        names = getattr(given, "column_names", None) or given.columns
        given = {str(name): given[name] for name in names}
    if isinstance(given, dict):
        given, _ = without_unit(given)
        lags = given.get("lags", given.get("lag"))
        pairs = (("excess", "excess_stderr"), ("mi", "stderr"))  # a curve as a table has both; laws are of the excess
        for value, error in pairs:
            if lags is not None and value in given:
                return [lags, given[value], *([given[error]] if _are_there(given.get(error)) else [])]
        raise InputError("a table to fit has the columns lag and mi (or excess), and perhaps stderr (or excess_stderr)")
    alone = isinstance(given, str | bytes) or not hasattr(given, "__len__") or getattr(given, "ndim", 1) == 0
    if alone or len(given) not in (2, 3):
        raise InputError(
            "fit() takes a curve, as measure() returns it, or (lags, values) or (lags, values, standard errors), not "
            f"{type(given).__name__}"
        )
    return list(given)


def without_unit(given: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Columns by their names without a unit, as tables of curves have it, and the unit ("" if there is none).

    >>> without_unit({"lag": [1], "mi_bits": [0.5]})
    ({'lag': [1], 'mi': [0.5]}, 'bits')
    """
    found: dict[str, Any] = {}
    units = set()
    for name, column in given.items():
        bare, _, unit = name.rpartition("_")
        said = unit in UNITS and bare in MEASURED
        units |= {unit} if said else set()
        name = bare if said else name
        if name in found:
            raise InputError(f"the table to fit has the column {name} more than once: leave one of them")
        found[name] = column
    if len(units) > 1:
        raise InputError("the table to fit has columns in nats and in bits: give all of them in one unit")
    return found, "".join(units)


def _are_there(errors: Any) -> bool:
    """Whether a column has any standard error; that of a curve without bars is empty."""
    if errors is None:
        return False
    try:
        return not np.all(np.isnan(np.asarray(errors, np.float64)))
    except (TypeError, ValueError):
        return True  # which is refused later, by name


def _unit_of(given: Any) -> str:
    """The unit that a table's columns name."""
    columns = given if isinstance(given, dict) else getattr(given, "columns", ())
    names = getattr(given, "column_names", None) or columns
    return without_unit({str(name): None for name in names})[1]


def _significant(values: Floats, stderr: Floats) -> NDArray[np.bool_]:
    return np.asarray(false_discovery(special.ndtr(-values / stderr)) <= 0.05)


def _chosen(lags: Floats, wanted: Any) -> NDArray[np.bool_]:
    """Which lags were asked for: None for all, text such as ``"5:1000"``, a pair (first, last), or a list of lags."""
    if wanted is None:
        return np.ones(len(lags), bool)
    keep = among(lags, wanted) if isinstance(wanted, str) else _listed(lags, wanted)
    if not keep.any():
        raise InputError(f"no lag of the curve lies in the range asked for; it goes from {lags[0]:g} to {lags[-1]:g}")
    return keep


def _listed(lags: Floats, wanted: Any) -> NDArray[np.bool_]:
    """Which lags are in a pair (first, last) or in a list."""
    try:
        asked = np.asarray(wanted, np.float64).ravel()
    except (TypeError, ValueError):
        raise InputError(f'lags to fit are a range such as "5:1000", or a list of lags, not {wanted!r}') from None
    if isinstance(wanted, tuple) and len(asked) == 2:
        return np.asarray((lags >= asked[0]) & (lags <= asked[1]))
    missing = asked[~np.isin(asked, lags)]
    if len(missing):
        raise InputError(f"the curve was not measured at lag {missing[0]:g}")
    return np.isin(lags, asked)


def shrunk_correlation(deviations: Floats) -> Floats:
    """Correlation between lags, drawn towards none as far as its noise asks for, shape (n_lags, n_lags).

    The intensity is that of Schäfer and Strimmer, Stat. Appl. Genet. Mol. Biol. 4 (2005) 32:
    ``sum var(r_ij) / sum r_ij^2`` over pairs of different lags, but no less than 0.7: the same replicates make the
    weights and are fitted with them, and weights that follow their noise make intervals too short.

    Parameters
    ----------
    deviations
        Shape (n_blocks, n_lags), whose products sum to the covariance (see `Jackknife`).
    """
    size = np.sqrt(np.sum(deviations**2, axis=0))
    scaled = deviations / np.where(size > 0, size, 1.0)
    n = len(scaled)
    correlation = scaled.T @ scaled
    # Variance of a sum of n products, from their scatter.
    variance = (np.einsum("bi,bj->ij", scaled**2, scaled**2) - correlation**2 / n) * n / max(n - 1, 1)
    off = ~np.eye(len(correlation), dtype=bool)
    noise, signal = float(np.sum(variance[off])), float(np.sum(correlation[off] ** 2))
    intensity = min(max(noise / signal, 1 - _OWN_SHARE), 1.0) if signal > 0 else 1.0
    shrunk = (1 - intensity) * correlation
    np.fill_diagonal(shrunk, 1.0)
    return np.asarray(shrunk)
