"""From estimates at all lags, whole and with blocks left out, to a `MICurve`."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import numpy as np

from miscope._version import __version__
from miscope.counting.blocks import Blocks
from miscope.curve.memory import Correction
from miscope.curve.result import MICurve
from miscope.estimation.jackknife import jackknife, one_sided_p

__all__ = ["assemble", "block_bars", "drawn_floor", "provenance"]


def block_bars(values: np.ndarray, floor: np.ndarray, block_pairs: np.ndarray) -> np.ndarray:
    """Standard errors of the excess over a floor, shape (n_lags,)."""
    excess = values - floor
    return jackknife(excess[0], excess[1:], block_pairs[: len(excess) - 1]).stderr


def assemble(
    lags: np.ndarray,
    values: np.ndarray,
    floor: np.ndarray,
    floor_stderr: np.ndarray,
    block_pairs: np.ndarray,
    correction: Correction | None = None,
    *,
    freedom: float = 0.0,
    chance_bias: np.ndarray | None = None,
    **about: Any,
) -> MICurve:
    """Put a curve together.

    Parameters
    ----------
    lags
        Shape (n_lags,).
    values, floor
        Estimates and what the null gives, shape (n_blocks + 1, n_lags): index 0 is the whole, 1 + j has block j left
        out.
    floor_stderr
        What is not known of the floor, shape (n_lags,).
    block_pairs
        Pairs in each block, shape (max(n_blocks, 1), n_lags).
    correction
        For long memory in few documents.
    freedom
        Degrees of freedom of the null's chi-square, see `_least_stderr`.
    chance_bias
        The bias that leaving out blocks would show by chance alone, shape (n_lags,): see `_serial_bias`. None where
        biases are not to be corrected.
    **about
        The plain fields of `MICurve`.
    """
    held = block_pairs[: len(values) - 1]
    n_pairs = block_pairs.sum(axis=0)
    bias = np.zeros(len(lags))
    if chance_bias is not None and len(held):
        first_order = freedom / (2 * np.maximum(n_pairs, 1))
        bias = _serial_bias(values, held, chance_bias, -first_order)
        # The next term of the expansion, for a table whose cells are about equally filled.
        floor_stderr = np.hypot(floor_stderr, np.abs(bias) * (np.abs(bias) + first_order) / 3)
    least = _least_stderr(freedom, bias, n_pairs)
    values = values - bias
    errors = jackknife(values[0], values[1:], held)
    excess_errors = jackknife(values[0] - floor[0], values[1:] - floor[1:], held)
    excess = values[0] - floor[0]
    excess_stderr = np.hypot(np.maximum(excess_errors.stderr, least), floor_stderr)
    # What is significant is so without long memory: where there is no dependence from a lag on, there is none at work.
    p_values = one_sided_p(excess, excess_stderr, excess_errors.degrees)
    second_order = _second_order(excess, excess_errors.stderr, least, freedom)
    recovered = wander = None
    stderr = np.maximum(errors.stderr, least)
    if correction is not None:
        recovered, wander = correction.shift, correction.stderr
        values, stderr, excess_stderr = values + recovered, np.hypot(stderr, wander), np.hypot(excess_stderr, wander)
    return MICurve(
        lags=lags,
        mi=values[0],
        stderr=stderr,
        replicates=values[1:],
        block_pairs=held,
        null=floor[0],
        null_replicates=floor[1:],
        excess_stderr=excess_stderr,
        n_pairs=n_pairs,
        p_values=p_values,
        recovered=recovered,
        wander=wander,
        second_order=second_order,
        bias_corrected=bool(bias.any()),
        **about,
    )


def _serial_bias(values: np.ndarray, held: np.ndarray, chance_bias: np.ndarray, least: np.ndarray) -> np.ndarray:
    """What serial dependence adds to the bias, shape (n_lags,): neighbouring pairs are alike, n pairs tell less.

    Leaving out blocks shows the whole bias of order 1/n; of it, `chance_bias` is in the null already. What serial
    dependence takes away is at most what independent pairs have, ``freedom / 2n``: with few blocks that differ, the
    jackknife can show far more, and would raise estimates above all that there is.
    """
    bias = values[0] - jackknife(values[0], values[1:], held).corrected - chance_bias
    return np.where(np.isfinite(bias), np.maximum(bias, least), 0.0)


def _second_order(excess: np.ndarray, bars: np.ndarray, least: np.ndarray, freedom: float) -> np.ndarray | None:
    """Half the variance of a correlation, shape (n_lags,): see `MICurve.second_order`.

    Weak dependence is ``I = c^2 / 2`` for some correlation c, whose error s shows in the bar, ``c s``, if c is not
    small against it, and is at least what the null leaves: ``s^2 = larger / n`` (see `_least_stderr`).
    """
    if freedom <= 0:
        return None
    shown = np.where(excess > bars, bars**2 / (4 * np.maximum(excess, 1e-300)), 0.0)
    return np.asarray(np.maximum(np.nan_to_num(shown), least / np.sqrt(2 * freedom)))


def _least_stderr(freedom: float, bias: np.ndarray, n_pairs: np.ndarray) -> np.ndarray:
    """The least standard error that an estimate has where there is no dependence, however alike blocks happen to be.

    It then is ``chi^2 / 2n`` less its mean, with standard deviation ``sqrt(freedom / 2) / n``; if serial dependence
    makes the mean ``freedom / 2n`` larger, it makes this larger by the same factor.
    """
    n = np.maximum(n_pairs, 1)
    dof = np.minimum(freedom, n)
    larger = np.maximum(1 + 2 * n * bias / np.maximum(dof, 1.0), 1.0)
    return np.asarray(larger * np.sqrt(dof / 2) / n)


def drawn_floor(surrogates: np.ndarray, chance: np.ndarray, blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Mean of surrogates, shape (n_blocks + 1, n_lags), and the standard error that drawing so few of them leaves.

    Where blocks are whole documents, a surrogate's pairs stay in their block, and leaving it out does to the surrogate
    what it does to the data, noise of drawing included. Where documents are cut, the right symbols of a block come from
    other blocks; then leaving out a block changes the floor as it changes chance.
    """
    floor = surrogates.mean(axis=0)
    if 2 * blocks.n_cut <= blocks.count:
        return floor, np.zeros(floor.shape[1])
    floor[1:] = floor[0] + (chance[1:] - chance[0])
    return floor, surrogates[:, 0].std(axis=0, ddof=1) / np.sqrt(len(surrogates))


def provenance(source: Mapping[str, Any], correction: Correction | None, **more: Any) -> dict[str, Any]:
    """What was measured, how, with which versions."""
    import numba
    import scipy

    versions = {
        "miscope": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "numba": numba.__version__,
    }
    memory = {} if correction is None else {"long_memory": correction.about()}
    return {"source": dict(source), **more, **memory, "versions": versions}
