"""What chance alone, or the documents' compositions alone, would give: the floor under a measured curve.

A null is a way to re-pair symbols that keeps the marginals and destroys what is to be tested. Its value is the mean of
the *estimate* over all such re-pairings, so bias and all are in it. Where each cell's count has a known law under the
re-pairing, the mean fingerprint is computed from those laws, with no shuffling; every estimator then takes the mean
fingerprint for a fingerprint (exact for those that are sums over cells, to first order for the others).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from miscope.counting.fingerprint import FingerprintArray
from miscope.counting.tally import SMALL, PairData
from miscope.errors import InputError, choice
from miscope.sequences import Sequences
from miscope.sequences.codes import read_only
from miscope.sequences.stores import room_for

__all__ = [
    "NULLS",
    "Null",
    "call_null",
    "chance_fingerprint",
    "check_null",
    "document_fingerprints",
    "document_work",
    "surrogate",
]

Null = str | Callable[[Sequences, np.random.Generator], Sequences]

NULLS = ("none", "global", "document", "rotate")

_SMOOTH = 48  # from this mean on a cell's law is replaced by five counts with its first moments
_MOST_CLASSES = 1_000_000
# Counts from which similar marginal counts are taken together, and into how many classes an octave.
_EXACT, _FINE, _COARSE = (np.inf, 1), (512, 64), (64, 16)


def check_null(null: Null) -> str:
    """Name of a null, or an error that offers the nearest."""
    if callable(null):
        return getattr(null, "__name__", "callable")
    return choice(null, NULLS, "null")


def chance_fingerprint(left: FingerprintArray, right: FingerprintArray, coarse: bool = False) -> FingerprintArray:
    """Mean joint fingerprint when the right symbols are permuted over all pairs.

    The count of a cell with marginal counts a and b among N pairs is then hypergeometric, and cells with the same
    (a, b) are alike, so the marginal fingerprints are enough.

    Parameters
    ----------
    left, right
        Marginal fingerprints of one histogram each, with the same number of samples.
    coarse
        Whether to take similar marginal counts together from 64 on, for differences between like tables.

    Returns
    -------
    FingerprintArray
        One histogram with fractional multiplicities.

    Notes
    -----
    With more than a million pairs of different (a, b), marginal counts above 512 that differ by less than about one
    per cent are taken together at their mean: the error is of second order in that width.

    References
    ----------
    The mean of the plug-in MI under this null: Vinh, Epps, Bailey, JMLR 11 (2010) 2837, eq. 24a.
    """
    n_pairs = float(left.n_samples[0])
    resolution = _EXACT
    if coarse:
        resolution = _COARSE
    elif len(left.counts) * len(right.counts) > _MOST_CLASSES:
        resolution = _FINE
    return _as_fingerprint(*_mean_by_classes(*_classes(left, resolution), *_classes(right, resolution), n_pairs))


def document_work(lengths: np.ndarray, alphabet_size: int) -> int:
    """Cells that `document_fingerprint` visits at lag 1, at most: what it costs."""
    kinds = np.minimum(lengths, alphabet_size).astype(np.float64)
    return int(np.sum(kinds**2)) + alphabet_size**2


def document_fingerprints(data: PairData, lag: int, left_out: bool = False) -> FingerprintArray:
    """Mean joint fingerprint when symbols are permuted inside each document.

    A pair is then two different positions s != t of the document, s among the left and t among the right ones, so the
    mean count of a cell is ``sum_d n_d [l_d(a) r_d(b) - delta_ab o_d(a)] / (n_d^2 - o_d)``, with o the symbols at
    positions that are both left and right. (Without the second term, ``sum_d l_d(a) r_d(b) / n_d``, a position would
    now and then be paired with itself, and in short documents equal symbols would be too frequent.) The variance is
    the sum of the documents' hypergeometric variances; the law is taken to be the binomial with this mean and variance
    (Poisson in the limit).

    Parameters
    ----------
    data
        The corpus; memory is 32 alphabet_size^2 bytes.
    lag
        The lag.
    left_out
        Whether to add the fingerprints with each block left out.
    """
    size = data.alphabet_size
    whole = np.zeros((2, size, size))
    scratch = np.zeros((5, size), np.int64)
    _add_documents(data.left, data.right, data.offsets, lag, 0, 0, 1, whole, scratch)
    found = [_as_fingerprint(*_mean_by_cells(*whole.reshape(2, -1)))]
    for j in range(data.n_blocks if left_out else 0):
        start, stop = data.bounds[j], data.bounds[j + 1]
        first = int(np.searchsorted(data.offsets, start, side="right")) - 1
        last = int(np.searchsorted(data.offsets, stop, side="left"))
        touched = data.offsets[first : last + 1]
        moments = whole.copy()
        _add_documents(data.left, data.right, touched, lag, 0, 0, -1, moments, scratch)
        _add_documents(data.left, data.right, touched, lag, start, stop, 1, moments, scratch)
        found.append(_as_fingerprint(*_mean_by_cells(*moments.reshape(2, -1))))
    return FingerprintArray.concatenate(found)


def surrogate(
    sequences: Sequences, null: str, generator: np.random.Generator, most: float = float("inf")
) -> np.ndarray:
    """Codes of one draw from a null; beyond `most` bytes they are in a temporary file, memory-mapped.

    ``global`` permutes all symbols, ``document`` those inside each document. ``rotate`` turns each document by a random
    offset, which keeps its serial dependence; the offset lies between a quarter and three quarters of the document, so
    that a symbol paired with the one now in its place meets one that is far away, and never itself.
    """
    codes, offsets = sequences.codes, sequences.offsets
    drawn = room_for(len(codes), codes.dtype, most)
    if null in ("global", "document"):
        drawn[:] = codes
        if null == "global":
            generator.shuffle(drawn)
        else:
            _shuffle_documents(drawn, offsets, generator)
        return drawn
    lengths = np.diff(offsets)
    least = np.maximum(lengths // 4, np.minimum(lengths // 2, 1))
    turn = least + generator.integers(0, lengths - 2 * least + 1)
    _rotate_documents(read_only(np.asarray(codes)), offsets, turn, drawn)
    return drawn


def call_null(null: Callable[..., Sequences], sequences: Sequences, generator: np.random.Generator) -> Sequences:
    """One draw from a user's own null, checked."""
    drawn = null(sequences, generator)
    if not isinstance(drawn, Sequences):
        raise InputError(f"a null must return miscope.Sequences, not {type(drawn).__name__}")
    return drawn


def _classes(fingerprint: FingerprintArray, resolution: tuple[float, int]) -> tuple[np.ndarray, np.ndarray]:
    counts, cells = fingerprint.counts.astype(np.float64), fingerprint.multiplicities.astype(np.float64)
    first, per_octave = resolution
    if not np.isfinite(first):
        return counts, cells
    group = np.where(counts <= first, counts, first + 1 + np.floor(per_octave * np.log2(np.maximum(counts / first, 1))))
    _, at = np.unique(group, return_inverse=True)
    merged = np.bincount(at, cells)
    return np.bincount(at, cells * counts) / merged, merged


def _as_fingerprint(small: np.ndarray, large: np.ndarray, weights: np.ndarray) -> FingerprintArray:
    few = np.flatnonzero(small[1:]) + 1
    many, at = np.unique(large, return_inverse=True)
    counts = np.concatenate([few, many])
    multiplicities = np.concatenate([small[few], np.bincount(at, weights, len(many))])
    return FingerprintArray(counts, multiplicities, np.array([0, len(counts)], dtype=np.int64))


@njit(nogil=True, cache=True)
def _add_hypergeometric(small, law, a, b, n, weight):  # type: ignore[no-untyped-def]
    # Law of a cell with marginals a and b among n pairs; from the mode outwards, then normalised, so that nothing
    # large is subtracted from anything large. `law` is room to work in. The brackets keep the division out of the chain
    # of products, where each step would have to wait for it.
    mode = int(max(0.0, np.floor((a + 1) * (b + 1) / (n + 2))))
    law[mode] = 1.0
    total = 1.0
    top = mode
    while top + 1 < SMALL and a > top and b > top:
        value = law[top] * ((a - top) * (b - top) / ((top + 1) * (n - a - b + top + 1)))
        if not value > 1e-18 * total:
            break
        top += 1
        law[top] = value
        total += value
    bottom = mode
    while bottom > 0 and n - a - b + bottom > 0:
        value = law[bottom] * (bottom * (n - a - b + bottom) / ((a - bottom + 1) * (b - bottom + 1)))
        if not value > 1e-18 * total:
            break
        bottom -= 1
        law[bottom] = value
        total += value
    for count in range(bottom, top + 1):
        small[count] += weight * law[count] / total


@njit(nogil=True, cache=True)
def _add_binomial(small, law, mean, variance, weight):  # type: ignore[no-untyped-def]
    # Binomial with this mean and, up to the rounding of its number of trials, this variance: a draw of `trials` from
    # an urn so large that taking some out does not change it.
    success = min(1.0, max(1.0 - variance / mean, 1e-6))
    trials = max(np.rint(mean / success), np.ceil(mean - 1e-9))
    if trials - mean < 1e-9 * trials:
        small[int(trials)] += weight
        return
    _add_hypergeometric(small, law, trials, min(1.0, mean / trials) * 1e18, 1e18, weight)


@njit(nogil=True, cache=True)
def _add_nodes(small, large, weights, n_large, mean, variance, skew, weight):  # type: ignore[no-untyped-def]
    # Five whole counts, a standard deviation apart, with the law's mean, variance and third moment and (to the first
    # two orders) its fourth: for a smooth function of a count that is large, all that matters. Each is spread over
    # itself and its neighbours, 1/4 + 1/2 + 1/4 (a variance of 1/2), since Grassberger's function of a count has a part
    # that alternates between even and odd, of which a broad law sees nothing.
    spread = variance >= 4
    fourth = 3 * variance**2 + variance
    if spread:
        variance -= 0.5
        fourth -= 3 * variance + 0.5
    centre = np.rint(mean)
    d = mean - centre
    step = max(1.0, np.rint(np.sqrt(variance)))
    m1 = d / step
    m2 = (variance + d**2) / step**2
    m3 = (skew + 3 * d * variance + d**3) / step**3
    m4 = (fourth + 4 * d * skew + 6 * d**2 * variance + d**4) / step**4
    parts = (
        (m4 - 2 * m3 - m2 + 2 * m1) / 24,
        (-m4 + m3 + 4 * m2 - 4 * m1) / 6,
        (m4 - 5 * m2 + 4) / 4,
        (-m4 - m3 + 4 * m2 + 4 * m1) / 6,
        (m4 + 2 * m3 - m2 - 2 * m1) / 24,
    )
    for node in range(5):
        for side in range(-1, 2):
            share = (0.25 + 0.25 * (side == 0)) if spread else 1.0 * (side == 0)
            count = np.int64(centre + (node - 2) * step) + side
            if count < SMALL:
                small[count] += weight * parts[node] * share
            elif share > 0:
                large[n_large] = count
                weights[n_large] = weight * parts[node] * share
                n_large += 1
    return n_large


@njit(nogil=True, cache=True)
def _mean_by_classes(a, n_a, b, n_b, n):  # type: ignore[no-untyped-def]
    small = np.zeros(SMALL)
    law = np.empty(SMALL)
    room = 0
    for i in range(len(a)):
        for k in range(len(b)):
            room += 15 * (a[i] * b[k] >= _SMOOTH * n)
    large = np.empty(room, np.int64)
    weights = np.empty(room)
    n_large = 0
    for i in range(len(a)):
        for k in range(len(b)):
            mean = a[i] * b[k] / n
            if mean < _SMOOTH:
                _add_hypergeometric(small, law, a[i], b[k], n, n_a[i] * n_b[k])
            else:
                variance = mean * (1 - a[i] / n) * (1 - b[k] / n) * n / max(n - 1, 1.0)
                skew = variance * (1 - 2 * a[i] / n) * (1 - 2 * b[k] / n) * n / max(n - 2, 1.0)
                n_large = _add_nodes(small, large, weights, n_large, mean, variance, skew, n_a[i] * n_b[k])
    return small, large[:n_large].copy(), weights[:n_large].copy()


@njit(nogil=True, cache=True)
def _mean_by_cells(mean, variance):  # type: ignore[no-untyped-def]
    small = np.zeros(SMALL)
    law = np.empty(SMALL)
    room = 0
    for cell in range(len(mean)):
        room += 15 * (mean[cell] >= _SMOOTH)
    large = np.empty(room, np.int64)
    weights = np.empty(room)
    n_large = 0
    for cell in range(len(mean)):
        if mean[cell] >= _SMOOTH:
            spread = max(variance[cell], 0.0)
            skew = spread * (2 * spread / mean[cell] - 1)  # that of a binomial: variance (1 - 2 p)
            n_large = _add_nodes(small, large, weights, n_large, mean[cell], spread, skew, 1.0)
        elif mean[cell] > 1e-12:  # what taking away and adding leaves behind is no mean
            _add_binomial(small, law, mean[cell], variance[cell], 1.0)
    return small, large[:n_large].copy(), weights[:n_large].copy()


@njit(nogil=True, cache=True)
def _tally_symbols(codes, counts, seen, n_seen):  # type: ignore[no-untyped-def]
    for code in codes:
        if counts[code] == 0:
            seen[n_seen] = code
            n_seen += 1
        counts[code] += 1
    return n_seen


@njit(nogil=True, cache=True)
def _add_documents(left, right, offsets, lag, hole_start, hole_stop, sign, moments, scratch):  # type: ignore[no-untyped-def]
    # Means and variances of the cells, document by document; pairs with their left symbol in the hole are left out.
    counts_left, counts_right, seen_left, seen_right, counts_both = scratch
    for document in range(len(offsets) - 1):
        start, stop = offsets[document], offsets[document + 1] - lag
        if stop <= start:
            continue
        gap_start = min(max(hole_start, start), stop)
        gap_stop = max(min(hole_stop, stop), gap_start)
        n = stop - start - (gap_stop - gap_start)
        if n == 0:
            continue
        n_left = _tally_symbols(left[start:gap_start], counts_left, seen_left, 0)
        n_left = _tally_symbols(left[gap_stop:stop], counts_left, seen_left, n_left)
        n_right = _tally_symbols(right[start + lag : gap_start + lag], counts_right, seen_right, 0)
        n_right = _tally_symbols(right[gap_stop + lag : stop + lag], counts_right, seen_right, n_right)
        # Positions that are both left and right: of [start + lag, stop), those outside the hole and its shadow.
        n_both = np.int64(0)
        for t in range(start + lag, stop):
            if not (gap_start <= t < gap_stop or gap_start <= t - lag < gap_stop):
                counts_both[left[t]] += 1
                n_both += 1
        share = sign * n / (np.float64(n) * n - n_both)
        for i in range(n_left):
            a = seen_left[i]
            row = share * counts_left[a]
            spread = sign * counts_left[a] / n * (n - counts_left[a]) / max(n - 1, 1)
            for k in range(n_right):
                b = seen_right[k]
                moments[0, a, b] += row * counts_right[b]
                moments[1, a, b] += spread * counts_right[b] * (n - counts_right[b]) / n
            moments[0, a, a] -= share * counts_both[a]
            counts_both[a] = 0
        for i in range(n_left):
            counts_left[seen_left[i]] = 0
        for k in range(n_right):
            counts_right[seen_right[k]] = 0


@njit(nogil=True, cache=True)
def _shuffle_documents(codes, offsets, generator):  # type: ignore[no-untyped-def]
    # Fisher and Yates, document by document.
    for document in range(len(offsets) - 1):
        start = offsets[document]
        for size in range(offsets[document + 1] - start, 1, -1):
            k = start + generator.integers(0, size)
            last = start + size - 1
            codes[k], codes[last] = codes[last], codes[k]


@njit(nogil=True, cache=True)
def _rotate_documents(codes, offsets, turn, rotated):  # type: ignore[no-untyped-def]
    for document in range(len(offsets) - 1):
        start, stop = offsets[document], offsets[document + 1]
        middle = start + turn[document]
        # One by one: slices of arrays take seconds to compile.
        for t in range(middle, stop):
            rotated[start + t - middle] = codes[t]
        for t in range(start, middle):
            rotated[stop - middle + t] = codes[t]
