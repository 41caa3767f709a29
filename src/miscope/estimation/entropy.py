"""Entropy and mutual information from counts: the estimators, each a function of a fingerprint. All in nats.

Every estimator takes a batch of fingerprints and the number of cells that each histogram *could* have filled (one
number, or one per histogram; only `shrinkage` and `nsb` look at it) and returns one entropy per histogram, NaN where a
histogram has no samples. Below, n are the counts of the cells, N their sum, K⁺ the number of cells seen and K that of
all cells.

>>> fingerprints = FingerprintArray.from_counts([[1, 2, 3, 2, 1]])
>>> for name, function in ESTIMATORS.items():
...     print(f"{name:13}{function(fingerprints, 5)[0]:.6f}")
plug_in      1.522955
miller_madow 1.745177
grassberger  1.912032
chao_shen    1.876548
shrinkage    1.609438
zhang        1.773413
nsb          1.509006
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, xlogy

from miscope.counting.fingerprint import FingerprintArray
from miscope.errors import InputError, choice
from miscope.estimation.nsb import Posterior
from miscope.sequences.array_likes import Values, unwrapped

__all__ = ["ESTIMATORS", "entropy", "estimator", "information", "mutual_information"]

Floats: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = NDArray[Any]  # int64 or float64
Cells: TypeAlias = Floats | float
Estimator: TypeAlias = Callable[[FingerprintArray, Cells], Floats]


def plug_in(fingerprints: FingerprintArray, n_cells: Cells) -> Floats:
    """Entropy of the observed frequencies: `ln N − (1/N) Σ n ln n`. Too low, by about (K − 1)/2N."""
    samples = _samples(fingerprints)
    return np.log(samples) - _mean(fingerprints, np.log(fingerprints.counts), samples)


def miller_madow(fingerprints: FingerprintArray, n_cells: Cells) -> Floats:
    """Plug-in with the first order of its bias added back: `+ (K⁺ − 1)/(2N)` (Miller 1955)."""
    return plug_in(fingerprints, n_cells) + (fingerprints.n_seen - 1) / (2 * _samples(fingerprints))


def grassberger(fingerprints: FingerprintArray, n_cells: Cells) -> Floats:
    """`ln N − (1/N) Σ n G(n)` (Grassberger 2003, arXiv:physics/0307138).

    `G(n) = ψ(n) + ½(−1)ⁿ[ψ((n+1)/2) − ψ(n/2)]`, an integer's stand-in for the logarithm.
    """
    samples, counts = _samples(fingerprints), fingerprints.counts
    table = _grassberger_table()
    terms = table[np.minimum(counts, table.size - 1)]
    large = counts >= table.size
    terms[large] = _grassberger_g(counts[large])
    return np.log(samples) - _mean(fingerprints, terms, samples)


def chao_shen(fingerprints: FingerprintArray, n_cells: Cells) -> Floats:
    """Horvitz–Thompson sum over coverage-adjusted frequencies (Chao & Shen 2003, Environ. Ecol. Stat. 10:429).

    `H = −Σ p̃ ln p̃ / (1 − (1 − p̃)^N)` with `p̃ = C n/N` and the coverage `C = 1 − f₁/N`; if all cells were seen once,
    f₁ = N − 1 stands in for f₁ = N.
    """
    samples = _samples(fingerprints)
    coverage = 1 - np.clip(fingerprints.of(1), 0, np.maximum(samples - 1, 0)) / samples
    p = fingerprints.per_entry(coverage / samples) * fingerprints.counts
    with np.errstate(divide="ignore"):  # a single cell: p = 1, and it was seen for certain
        seen = -np.expm1(fingerprints.per_entry(samples) * np.log1p(-p))
    return np.where(samples > 0, -fingerprints.sum(xlogy(p, p) / seen), np.nan)


def shrinkage(fingerprints: FingerprintArray, n_cells: Cells) -> Floats:
    """Plug-in of frequencies drawn towards the uniform law (James–Stein; Hausser & Strimmer 2009, JMLR 10:1469).

    `p = λ/K + (1 − λ) n/N` with `λ = (1 − Σ (n/N)²) / ((N − 1) Σ (1/K − n/N)²)`, cut to 0…1; both sums run over all K
    cells, so the second is `Σ (n/N)² − 1/K`.
    """
    samples, cells = _samples(fingerprints), _cells(fingerprints, n_cells)
    frequencies = fingerprints.counts / fingerprints.per_entry(samples)
    squares = fingerprints.sum(frequencies**2)
    spread = (samples - 1) * (squares - 1 / cells)
    share = np.divide(1 - squares, spread, out=np.ones_like(samples), where=spread > 0).clip(0, 1)
    p = fingerprints.per_entry(share / cells) + fingerprints.per_entry(1 - share) * frequencies
    unseen = np.maximum(cells - fingerprints.n_seen, 0) * xlogy(share / cells, share / cells)
    return np.where(samples > 0, -fingerprints.sum(xlogy(p, p)) - unseen, np.nan)


def zhang(fingerprints: FingerprintArray, n_cells: Cells) -> Floats:
    """`(1/N) Σ n (ψ(N) − ψ(n))`, whose bias decays exponentially in N (Zhang 2012, Neural Comput. 24:1368).

    Zhang's own form is `Σ (n/N) Σ_{v=1}^{N−n} (1/v) Π_{j=1}^{v} (1 − (n−1)/(N−j))`. The product is the chance that v
    draws without replacement from the other N − 1 samples miss this cell's other n − 1; from n to n + 1 the sum over v
    falls by exactly 1/n, and at n = N it is 0, so it is `1/n + 1/(n+1) + … + 1/(N−1) = ψ(N) − ψ(n)`.
    """
    samples = _samples(fingerprints)
    result: Floats = digamma(samples) - _mean(fingerprints, digamma(fingerprints.counts), samples)
    return result


def nsb(fingerprints: FingerprintArray, n_cells: Cells) -> Floats:
    """Posterior mean entropy under a prior nearly flat in entropy (Nemenman, Shafee & Bialek 2002, NIPS 14).

    A mixture of symmetric Dirichlet priors over all β > 0, flat in their mean entropy `ξ(β) = ψ(Kβ+1) − ψ(β+1)` from
    0 to ln K. (Programs that stop at β = ln K give other values.)
    """
    samples, cells = _samples(fingerprints), _cells(fingerprints, n_cells)
    result = np.where(samples > 0, 0.0, np.nan)
    for h in np.flatnonzero((samples > 0) & (cells > 1)):
        entries = slice(*fingerprints.offsets[h : h + 2])
        result[h] = Posterior(fingerprints.counts[entries], fingerprints.multiplicities[entries], cells[h]).mean()
    return result


ESTIMATORS: dict[str, Estimator] = {
    function.__name__: function for function in (plug_in, miller_madow, grassberger, chao_shen, shrinkage, zhang, nsb)
}


def estimator(name: str) -> Estimator:
    """Look up an estimator by its name.

    >>> estimator("grasberger")
    Traceback (most recent call last):
    ...
    miscope.errors.InputError: unknown estimator 'grasberger'; did you mean 'grassberger'? (one of: plug_in, ...)
    """
    return ESTIMATORS[choice(name, ESTIMATORS, "estimator")]


def information(
    joint: FingerprintArray,
    left: FingerprintArray,
    right: FingerprintArray,
    n_left: Cells,
    n_right: Cells,
    name: str = "grassberger",
    n_joint: Cells | None = None,
) -> Floats:
    """Signed mutual information `Ĥ_left + Ĥ_right − Ĥ_joint` of each histogram of three batches, in nats.

    `joint`, `left` and `right` have one histogram each per result; `n_left` and `n_right` are the sizes of the
    alphabets and `n_joint` the number of pairs that can occur (their product unless given), one for all or one each.
    """
    estimate = estimator(name)
    n_joint = np.multiply(n_left, n_right, dtype=np.float64) if n_joint is None else n_joint
    return estimate(left, n_left) + estimate(right, n_right) - estimate(joint, n_joint)


def entropy(counts: ArrayLike, estimator: str = "grassberger", n_cells: float | None = None) -> float:
    """Estimate the entropy of the law that a histogram was drawn from, in nats.

    Parameters
    ----------
    counts : array_like of int, any shape
        How often each cell was seen; zeros allowed.
    estimator : str
        `plug_in`, `miller_madow`, `grassberger`, `chao_shen`, `shrinkage`, `zhang` or `nsb`.
    n_cells : float, optional
        How many cells there are, seen or not; the number of entries of `counts` unless given. Only `shrinkage` and
        `nsb` depend on it.

    Returns
    -------
    float
        Entropy in nats.

    Raises
    ------
    InputError
        If `counts` are not whole numbers ≥ 0 with a positive sum, `n_cells` is too small, or the estimator is unknown.

    Examples
    --------
    >>> round(entropy([1, 2, 3, 2, 1]), 6)
    1.912032
    >>> round(entropy([1, 2, 3, 2, 1], estimator="nsb", n_cells=100), 6)
    2.217192
    """
    cells = _clean_counts(counts)
    fingerprints = FingerprintArray.from_counts([cells])
    estimate = ESTIMATORS[choice(estimator, ESTIMATORS, "estimator")]
    return float(estimate(fingerprints, _clean_cells(n_cells, cells.size, fingerprints))[0])


def mutual_information(
    x: ArrayLike, y: ArrayLike, estimator: str = "grassberger", n_cells: float | None = None
) -> float:
    """Estimate the mutual information between paired symbols, in nats.

    Parameters
    ----------
    x, y : array_like of int or str, shape (n_pairs,)
        Symbols, in arrays or columns of any library; `x[i]` was seen together with `y[i]`.
    estimator : str
        As in `entropy`.
    n_cells : float, optional
        How many different pairs can occur; K_x · K_y unless given, K the number of different symbols seen.

    Returns
    -------
    float
        Mutual information in nats, **signed**.

    Raises
    ------
    InputError
        If `x` and `y` are not lists of symbols of one length, `n_cells` is too small, or the estimator is unknown.

    Notes
    -----
    `Î = Ĥ_x + Ĥ_y − Ĥ_xy`. An estimator without bias scatters about the truth, so where that is near 0 the result falls
    below 0 about as often as above it. Cutting it off at 0 would bring a bias back; averages and fits need the sign.
    Only `plug_in` is never negative, because it is biased upwards.

    Examples
    --------
    >>> weather, mood = ["rain", "rain", "sun", "sun"] * 10, ["low", "low", "high", "low"] * 10
    >>> round(mutual_information(weather, mood), 6)
    0.215829
    >>> one, other = np.random.default_rng(1).integers(0, 2, (2, 100))  # two coins: the truth is 0
    >>> round(mutual_information(one, other), 6)
    -0.03745
    """
    left, right = _clean_symbols(x, "x"), _clean_symbols(y, "y")
    if left.size != right.size:
        raise InputError(
            f"x has {left.size} symbols and y has {right.size}: mutual information is between pairs (x[i], y[i]), "
            "so give two arrays of the same length"
        )
    n_left, n_right = int(left.max()) + 1, int(right.max()) + 1
    joint, first, second = (
        FingerprintArray.from_counts([np.unique(codes, return_counts=True)[1]])
        for codes in (left * n_right + right, left, right)
    )
    n_joint = _clean_cells(n_cells, n_left * n_right, joint)
    return float(information(joint, first, second, n_left, n_right, estimator, n_joint)[0])


def _samples(fingerprints: FingerprintArray) -> Floats:
    """N of each histogram, NaN for 0, so that what is divided by it becomes NaN."""
    samples = fingerprints.n_samples.astype(np.float64)
    return np.where(samples > 0, samples, np.nan)


def _cells(fingerprints: FingerprintArray, n_cells: Cells) -> Floats:
    return np.broadcast_to(np.asarray(n_cells, dtype=np.float64), len(fingerprints))


def _mean(fingerprints: FingerprintArray, terms: Floats, samples: Floats) -> Floats:
    """Mean of a quantity of cells over the *samples* in them: `(1/N) Σ n terms`."""
    return fingerprints.sum(fingerprints.counts * terms) / samples


@lru_cache(maxsize=1)
def _grassberger_table() -> Floats:
    """G(n), n < 65536: `G(1) = −γ − ln 2`, `G(2) = 2 + G(1)`, `G(2k+1) = G(2k)`, `G(2k+2) = G(2k) + 2/(2k+1)`."""
    odd = 2 / np.arange(1, 65536, 2)
    even = np.cumsum(odd) - np.euler_gamma - np.log(2)  # G(2), G(4), …
    table = np.concatenate([[np.nan, even[0] - 2], np.repeat(even, 2)])[:65536]
    table.setflags(write=False)
    return table


def _grassberger_g(n: NDArray[np.int64]) -> Floats:
    alternating = np.where(n % 2, -0.5, 0.5)
    result: Floats = digamma(n) + alternating * (digamma((n + 1) / 2) - digamma(n / 2))
    return result


def _clean_counts(counts: ArrayLike) -> NDArray[np.int64]:
    values = _without_missing(counts, "counts").ravel()
    if not values.size:
        raise InputError("counts is empty: give one number for each cell, such as [3, 1, 2]")
    if values.dtype.kind not in "biuf":
        raise InputError(
            f"counts must be numbers, not {values.dtype}: count symbols first, as with collections.Counter"
        )
    for bad, reason in (
        (~np.isfinite(values), "counts must be finite: remove or replace it"),
        (values < 0, "no cell is seen fewer than 0 times: give counts, not differences or logarithms"),
        (values != np.floor(values), "counts must be whole numbers: give how often each cell was seen, not its share"),
    ):
        if bad.any():
            raise InputError(f"counts[{np.argmax(bad)}] is {values[np.argmax(bad)]}, but {reason}")
    if not values.any():
        raise InputError(f"all counts are 0 ({values.size} of them): an entropy needs at least one sample")
    return values.astype(np.int64)


def _without_missing(data: Any, name: str) -> NDArray[Any]:
    """An array of what is in any array-like; what is masked or missing is refused."""
    held = data if isinstance(data, str) or np.isscalar(data) else unwrapped(data)
    if not isinstance(held, Values):
        return np.asarray(held)
    if held.missing is not None and held.missing.any():
        raise InputError(
            f"{name}[{int(held.missing.ravel().argmax())}] is missing: drop it, and what it is paired with"
        )
    return held.values


def _clean_cells(n_cells: float | None, default: int, fingerprints: FingerprintArray) -> float:
    seen = int(fingerprints.n_seen[0])
    if n_cells is None:
        return default
    if not seen <= n_cells < np.inf:
        raise InputError(
            f"n_cells is {n_cells}, but {seen} different cells were seen: give the number of all possible cells, "
            f"at least {seen}, or leave n_cells out"
        )
    return n_cells


def _clean_symbols(symbols: ArrayLike, name: str) -> NDArray[np.int64]:
    """Return the symbols as codes 0, 1, … in sorted order."""
    values = _without_missing(symbols, name)
    if values.ndim != 1:
        raise InputError(
            f"{name} has {values.ndim} dimensions: give a list or 1-D array of symbols (a text as list(text))"
        )
    if not values.size:
        raise InputError(f"{name} is empty: mutual information needs at least one pair of symbols")
    if values.dtype.kind == "f" and np.isnan(values).any():
        position = int(np.argmax(np.isnan(values)))
        raise InputError(
            f"{name}[{position}] is NaN, which is no symbol: drop such pairs, or give them a symbol of their own"
        )
    try:
        return np.unique(values, return_inverse=True)[1].astype(np.int64)
    except TypeError as error:
        raise InputError(
            f"the symbols of {name} cannot be sorted: give all integers or all strings ({error})"
        ) from error
