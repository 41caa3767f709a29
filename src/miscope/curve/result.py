"""MICurve: what a measurement leaves, and all that fits, comparisons, plots and reports know."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from miscope.errors import InputError, require
from miscope.estimation.jackknife import Jackknife, jackknife

__all__ = ["MEASURED", "QUANTITIES", "UNITS", "MICurve", "Split"]

Floats = NDArray[np.float64]

QUANTITIES = ("mutual_information", "rational", "correlation")
UNITS = ("nats", "bits")
_SPLIT = ("chance", "composition", "sequential")
MEASURED = ("mi", "stderr", "low", "high", "null", "excess", "excess_stderr", *_SPLIT)
"""Columns of a curve's table that are in its unit."""

_SHOWN = 60  # rows of a printed table


class Split(NamedTuple):
    """What a measured curve is made of: ``mi = chance + composition + sequential``, each of shape (n_lags,)."""

    chance: Floats
    composition: Floats
    sequential: Floats


@dataclass(frozen=True, eq=False, repr=False)
class MICurve:
    """Mutual information (or another measure of dependence) against lag.

    Attributes
    ----------
    lags
        int64, shape (n_lags,): a pair is ``(x[t], x[t + lag])`` inside one document.
    mi
        The estimates, shape (n_lags,), in `unit`. Signed: mutual information itself is never negative, but an estimate
        whose bias has been taken away scatters around the truth, also around 0; dropping or clipping negative
        values would bias what is left.
    stderr
        Standard errors from the delete-block jackknife; nan where there are none.
    replicates
        Shape (n_blocks, n_lags): the estimates with each block left out.
    block_pairs
        int64, shape (n_blocks, n_lags): pairs in each block.
    null
        What the null gives, shape (n_lags,); zeros for the null ``none``.
    null_replicates
        Shape (n_blocks, n_lags): what it gives with each block left out.
    excess_stderr
        Standard errors of `excess`, shape (n_lags,): smaller than `stderr` where the estimate and its null go up and
        down together from block to block.
    chance
        What chance alone gives, where the null is ``document``; otherwise None.
    n_pairs
        int64, shape (n_lags,).
    p_values
        For each lag, the probability of so large an excess over the null if there were none (from that lag on: what
        long memory does to values and bars is not in it).
    estimator, null_name, quantity, label, unit
        How the numbers came about; `unit` is ``"nats"``, ``"bits"`` or ``""``.
    bias_corrected
        Whether bias from serial dependence has been taken from `mi` (and from the replicates, all alike).
    warnings
        What a reader has to know.
    provenance
        What was read, how, with which versions.
    recovered
        What long memory in few documents had hidden and `mi` was given back, shape (n_lags,); None where nothing was.
    wander
        What the bars owe to memory that is longer than the blocks, shape (n_lags,), already in `stderr` and
        `excess_stderr`; the same error at all lags, up to these factors. None where there is nothing of the kind.
    second_order
        Half the variance of the correlation behind each value, shape (n_lags,), in `unit`. Information is a square,
        ``c^2 / 2`` where dependence is weak; if c is off by t standard errors s, it is off by ``t c s``, which the bar
        shows, plus ``t^2 s^2 / 2``. Upper ends of intervals have that too; a bar alone is too short where c came out
        too small.
    """

    lags: NDArray[np.int64]
    mi: Floats
    stderr: Floats
    replicates: Floats
    block_pairs: NDArray[np.int64]
    null: Floats
    null_replicates: Floats
    excess_stderr: Floats
    chance: Floats | None
    n_pairs: NDArray[np.int64]
    p_values: Floats
    estimator: str = "plug_in"
    null_name: str = "none"
    quantity: str = "mutual_information"
    label: str = ""
    unit: str = "nats"
    bias_corrected: bool = False
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    recovered: Floats | None = None
    wander: Floats | None = None
    second_order: Floats | None = None

    @property
    def n_blocks(self) -> int:
        """Number of blocks of the jackknife; 0 where there are no bars."""
        return len(self.replicates)

    @property
    def excess(self) -> Floats:
        """The estimate less the null: what the null cannot explain, shape (n_lags,)."""
        return self.mi - self.null

    @property
    def q_values(self) -> Floats:
        """P-values adjusted for the number of lags (Benjamini-Hochberg), shape (n_lags,)."""
        from miscope.estimation.jackknife import false_discovery

        return false_discovery(self.p_values)

    def significant(self, level: float = 0.05) -> NDArray[np.bool_]:
        """Which lags exceed the null, at this false discovery rate over all lags of the curve."""
        return np.nan_to_num(self.q_values, nan=1.0) <= level

    def interval(self, level: float = 0.95, excess: bool = False) -> tuple[Floats, Floats]:
        """Lower and upper ends of the confidence intervals of `mi` (or `excess`), from Student's t.

        Parameters
        ----------
        level
            Between 0 and 1.
        excess
            Whether the intervals are for the excess over the null.
        """
        if not 0 < level < 1:
            raise InputError(f"a confidence level lies between 0 and 1 (such as 0.95), not at {level}")
        centre, bar = (self.excess, self.excess_stderr) if excess else (self.mi, self.stderr)
        t = special.stdtrit(np.maximum(self.jackknife().degrees, 1.0), 0.5 + level / 2)
        beyond = 0.0 if self.second_order is None else t**2 * self.second_order
        low = centre - t * bar
        if self.wander is not None and self.recovered is not None:
            # Long memory hides dependence and never feigns it, so what the blocks alone say from below holds too.
            low = np.maximum(low, centre - self.recovered - t * np.sqrt(np.maximum(bar**2 - self.wander**2, 0.0)))
        return low, centre + t * bar + beyond

    def bracket(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """What the truth lies between, for a curve measured with ``estimator="bracket"``: (n_lags,) each, in `unit`.

        From the held-out lower bound (`excess`) less its bar to the upper bound (`mi`) and its bar, at this confidence
        level.

        Raises
        ------
        InputError
            If the curve was measured otherwise.
        """
        if self.estimator != "bracket":
            raise InputError('only a curve measured with estimator="bracket" has bounds; others have interval()')
        return self.interval(level, excess=True)[0], self.interval(level)[1]

    def jackknife(self, excess: bool = False) -> Jackknife:
        """The jackknife of `mi` (or `excess`): errors, degrees of freedom, and the covariance between lags."""
        whole = self.excess if excess else self.mi
        replicates = self.replicates - self.null_replicates if excess else self.replicates
        found = jackknife(whole, replicates, self.block_pairs)
        return found if self.wander is None else found.widened(self.wander)

    def split(self) -> Split:
        """How much of each value is chance, how much the documents' compositions, how much the order of symbols.

        Raises
        ------
        InputError
            If the curve was not measured with ``null="document"``.

        Examples
        --------
        >>> import miscope as ms
        >>> documents = [[0] * 60 + [1] * 4, [1] * 60 + [0] * 4] * 20  # each nearly one symbol, in blocks
        >>> curve = ms.measure(documents, lags=[1], null="document", blocks=8)
        >>> part = curve.split()
        >>> bool(part.composition[0] > part.sequential[0] > 0)
        True
        """
        if self.chance is None:
            raise InputError('only a curve measured with null="document" can be split; measure it so')
        return Split(self.chance, self.null - self.chance, self.mi - self.null)

    def in_bits(self) -> MICurve:
        """A copy in bits."""
        if self.unit == "bits":
            return self
        if self.unit != "nats":
            raise InputError(f"{self.quantity} has no unit to convert")
        scale = 1 / np.log(2)
        names = (
            "mi",
            "stderr",
            "replicates",
            "null",
            "null_replicates",
            "excess_stderr",
            "chance",
            "recovered",
            "wander",
            "second_order",
        )
        values = {name: getattr(self, name) for name in names}
        scaled: dict[str, Any] = {name: None if value is None else value * scale for name, value in values.items()}
        warnings = tuple(re.sub(r"([\d.e-]+) nats", _nats_as_bits, text) for text in self.warnings)
        return dataclasses.replace(self, unit="bits", warnings=warnings, **scaled)

    def to_table(self) -> Any:
        """A pyarrow table with one row a lag."""
        import pyarrow as pa

        return pa.table(self._columns())

    def to_frame(self) -> Any:
        """A pandas data frame with one row a lag (needs the extra ``pandas``)."""
        pandas = require("pandas", "pandas", "to_frame()")
        return pandas.DataFrame(self._columns())

    def _columns(self) -> dict[str, NDArray[Any]]:
        low, high = self.interval()
        columns = {
            "lag": self.lags,
            "mi": self.mi,
            "stderr": self.stderr,
            "low": low,
            "high": high,
            "null": self.null,
            "excess": self.excess,
            "excess_stderr": self.excess_stderr,
            "p_value": self.p_values,
            "q_value": self.q_values,
            "n_pairs": self.n_pairs,
        }
        if self.chance is not None:
            columns |= self.split()._asdict()
        return columns

    def save(self, path: str | Path) -> None:
        """Write the whole curve, as ``.json`` or ``.parquet`` (smaller for many lags), or its table.

        A table, ``.csv`` or ``.tsv``, is for other programs: one row a lag, with the columns of `to_table`, whose
        names say the unit, such as ``mi_nats``; what is not known is empty. `fit` takes it, without replicates.

        Raises
        ------
        InputError
            The name ends in something else, or the file cannot be written.
        """
        from miscope.curve.storage import save

        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> MICurve:
        """Read what `save` wrote as ``.json`` or ``.parquet``.

        Raises
        ------
        FormatError
            If the file is truncated, damaged, something else, or of another version.
        """
        from miscope.curve.storage import load

        return load(path)

    def __len__(self) -> int:
        return len(self.lags)

    def __repr__(self) -> str:
        unit = f" in {self.unit}" if self.unit else ""
        lags = f"lag {self.lags[0]}" if len(self) == 1 else f"{len(self)} lags {self.lags[0]}..{self.lags[-1]}"
        return (
            f"MICurve({self.label!r}: {self.quantity.replace('_', ' ')}{unit} at {lags}, "
            f"{self.estimator}, null {self.null_name}, {self.n_blocks} blocks)"
        )

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("lag", "mi", "stderr", "null", "excess", "stderr", "q", "pairs", "")]
        marks = np.where(self.significant(), "*", "")
        keep = range(len(self)) if len(self) <= _SHOWN else [*range(_SHOWN - 5), *range(len(self) - 5, len(self))]
        columns = (self.mi, self.stderr, self.null, self.excess, self.excess_stderr, self.q_values)
        for i in keep:
            cells = ("-" if np.isnan(column[i]) else f"{column[i]:.4g}" for column in columns)
            rows.append((str(self.lags[i]), *cells, f"{self.n_pairs[i]:,}", str(marks[i])))
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        if len(self) > _SHOWN:
            lines.insert(_SHOWN - 4, f"... {len(self) - _SHOWN} lags not shown ...")
        notes = ["* above the null at a false discovery rate of 5 %"] if self.n_blocks else []
        notes += [f"warning: {text}" for text in self.warnings]
        return "\n".join([repr(self), *lines, *notes])


def _nats_as_bits(found: re.Match[str]) -> str:
    return f"{float(found[1]) / np.log(2):.2g} bits"
