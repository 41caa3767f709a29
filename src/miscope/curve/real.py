"""Curves of real numbers, from their covariance at each lag."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from miscope.counting.blocks import Blocks, cut_blocks
from miscope.counting.doors import Progress, thread_count
from miscope.counting.lags import Lags, parse_lags
from miscope.curve.assembling import assemble, block_bars, drawn_floor, provenance
from miscope.curve.memory import Correction, Mode, correction
from miscope.curve.result import MICurve
from miscope.errors import InputError
from miscope.estimation import nulls
from miscope.estimation.covariance import Moments, lagged_moments
from miscope.sequences import Sequences, Series

__all__ = ["measure_gaussian"]


def measure_gaussian(
    series: Series,
    lags: Lags,
    *,
    null: nulls.Null,
    n_blocks: int,
    label: str | None,
    seed: int,
    correct_bias: bool,
    n_surrogates: int,
    correct_memory: bool,
    threads: int | None,
    progress: Progress | None,
) -> MICurve:
    """Mutual information that Gaussian numbers with this covariance have; arguments are those of `measure`, checked."""
    if callable(null):
        raise InputError('estimator="gaussian" takes a null by its name: global, document, rotate or none')
    lag_array = parse_lags(lags, int(series.lengths.max(initial=0)))
    blocks = cut_blocks(series, n_blocks)
    drawn = null == "rotate" or (null == "document" and series.n_documents > 1)
    passes = _Passes(series, lag_array, blocks, thread_count(threads), progress, 1 + n_surrogates * drawn)
    moments = passes.count(passes.values, lag_array)
    values = np.array([found.information() for found in moments]).T
    chance = np.array([found.chance() for found in moments]).T
    floor, floor_stderr = np.zeros_like(values) if null == "none" else chance.copy(), np.zeros(len(lag_array))
    if drawn:
        surrogates = [passes.surrogate(null, np.random.default_rng([seed, k])) for k in range(n_surrogates)]
        floor, floor_stderr = drawn_floor(np.array(surrogates), floor, blocks)
    block_pairs = np.array([_block_pairs(found) for found in moments]).T
    found = None
    if correct_memory and blocks.count and series.n_channels == 1:
        found = _correction(passes.values, moments, values, floor, block_pairs, lag_array, series.offsets)
    return assemble(
        lag_array,
        values,
        floor,
        floor_stderr,
        block_pairs,
        found,
        chance_bias=floor[0] if correct_bias and not drawn else None,
        freedom=float(series.n_channels**2),
        chance=chance[0] if null == "document" else None,
        estimator="gaussian",
        null_name=null,
        quantity="mutual_information",
        label=label if label is not None else str(series.provenance.get("label", "")),
        unit="nats",
        provenance=provenance(
            series.provenance,
            found,
            n_symbols=series.n_values,
            n_documents=series.n_documents,
            n_channels=series.n_channels,
            method="covariance",
            blocks=blocks.count,
            borders_inside_documents=blocks.n_cut,
            null={"name": null, "surrogates_drawn": n_surrogates * drawn},
            seed=seed,
        ),
    )


class _Passes:
    """Standardised values and how to go through them, lag by lag on several threads."""

    def __init__(
        self, series: Series, lags: np.ndarray, blocks: Blocks, threads: int, progress: Progress | None, n_passes: int
    ) -> None:
        values = series.values.reshape(len(series.values), -1)
        if not np.isfinite(values).all():
            raise InputError("not all values are finite: leave out what is missing or infinite, or fill it, first")
        constant = values.max(axis=0) == values.min(axis=0)  # rounding can leave a standard deviation above 0
        if constant.any():
            raise InputError(f"channel {int(np.argmax(constant))} never varies: there is nothing to measure in it")
        spread = values.std(axis=0)
        self.values = (values - values.mean(axis=0)) / spread
        self._series, self._lags, self._blocks, self._threads = series, lags, blocks, threads
        self._progress, self._done, self._total = progress, 0, n_passes * len(lags)

    def count(self, right: np.ndarray, shifts: np.ndarray, left: np.ndarray | None = None) -> list[Moments]:
        """Moments at every lag."""
        left = self.values if left is None else left

        def one(lag: int, shift: int) -> Moments:
            bounds, n_blocks = self._blocks.bounds, self._blocks.count
            found = lagged_moments(left, right, self._series.offsets, bounds, n_blocks, lag, shift)
            self._done += 1
            if self._progress is not None:
                self._progress(min(self._done, self._total), self._total)
            return found

        with ThreadPoolExecutor(min(self._threads, len(self._lags))) as pool:
            return list(pool.map(one, self._lags.tolist(), shifts.tolist()))

    def surrogate(self, null: str, generator: np.random.Generator) -> np.ndarray:
        """Estimates for one draw from a null, shape (n_blocks + 1, n_lags)."""
        n = len(self.values)
        if n > 1 << 32:
            raise InputError(f"{n} values are too many for a drawn null: use null='global'")
        places = Sequences(np.arange(n, dtype=np.uint32), self._series.offsets, n)
        other = self.values[nulls.surrogate(places, null, generator)]
        aligned = null == "rotate"
        moments = self.count(other, 0 * self._lags if aligned else self._lags, None if aligned else other)
        return np.array([found.information() for found in moments]).T


def _block_pairs(found: Moments) -> np.ndarray:
    return found.n[:1] - found.n[1:] if len(found.n) > 1 else found.n


def _correction(
    values: np.ndarray,
    moments: list[Moments],
    estimates: np.ndarray,
    floor: np.ndarray,
    block_pairs: np.ndarray,
    lags: np.ndarray,
    offsets: np.ndarray,
) -> Correction | None:
    covariances = [found.covariance()[0] for found in moments]
    correlation = np.array([c[0, 1] / np.sqrt(c[0, 0] * c[1, 1]) for c in covariances])
    mode = Mode(lambda piece: values[piece, 0], correlation)
    bars = block_bars(estimates, floor, block_pairs)
    return correction(mode, lags, offsets, len(estimates) - 1, bars, lambda r: -0.5 * np.log1p(-(r**2)))
