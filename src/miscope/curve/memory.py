"""What long memory takes from a curve measured on few documents, given back, and the bars that this asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from scipy.sparse.linalg import eigsh

from miscope.counting.doors import Counter
from miscope.estimation.long_memory import LEAST, LongMemory, low_frequencies, periodogram
from miscope.sequences.codes import histogram

__all__ = ["MEMORY", "Correction", "Mode", "concerned", "correction", "effective_documents", "slowest_mode"]

MEMORY = ("correct", "ignore")

_INDEPENDENT_ENOUGH = 32  # effective documents from which blocks of whole documents show all that there is to show
_MATTERS = 0.25  # of a bar: what a correction must reach somewhere to be made
_MOST_CLASSES = 256
_MODE_LAGS = 6
_MOST_PAIRS = 1 << 19  # from which the correlation at a lag is taken
_STRONGEST = 0.999


class Mode(NamedTuple):
    """A number for each moment of the data, of mean 0 and variance 1, and its correlation at the lags of a curve."""

    read: Callable[[slice], np.ndarray]
    correlation: np.ndarray  # shape (n_lags,)


class Correction(NamedTuple):
    """What to add to a curve, and to its bars."""

    shift: np.ndarray  # shape (n_lags,), in nats
    stderr: np.ndarray  # shape (n_lags,), fully correlated from lag to lag; nan where no bar can be given
    memory: LongMemory

    def about(self) -> dict[str, Any]:
        """What goes into a curve's provenance."""
        found = self.memory
        return {
            "memory_parameter": found.parameter,
            "variance_of_mean": found.loss,
            "variance_of_mean_stderr": found.loss_stderr,
            "bars_refused": found.too_long,
        }


def effective_documents(lengths: np.ndarray) -> float:
    """Number of equal documents that would be as good: ``(sum n)^2 / sum n^2``."""
    return float(lengths.sum()) ** 2 / float(np.sum(lengths.astype(np.float64) ** 2))


def concerned(lengths: np.ndarray) -> bool:
    """Whether documents of these lengths are so few, and so long, that long memory in them has to be looked for."""
    n_documents = effective_documents(lengths)
    return n_documents < _INDEPENDENT_ENOUGH and lengths.sum() >= LEAST * n_documents


def correction(
    mode: Mode,
    lags: np.ndarray,
    offsets: np.ndarray,
    n_blocks: int,
    bars: np.ndarray,
    information: Callable[[np.ndarray], np.ndarray],
) -> Correction | None:
    """What a curve of few documents lacks, or None if that is small against its bars.

    The correlation c of the slowest mode is raised to ``(c + V) / (1 + V)``, and the mutual information by what
    `information`, as a function of a correlation, gains by that.

    Parameters
    ----------
    mode
        See `slowest_mode`.
    lags
        Of the curve.
    offsets
        Borders of the documents.
    n_blocks
        Blocks that the bars come from.
    bars
        Standard errors from the blocks, shape (n_lags,).
    information
        Mutual information in nats of two numbers (or symbols) with this correlation.
    """
    lengths = np.diff(offsets)
    if not concerned(lengths):
        return None
    n_documents = effective_documents(lengths)
    length = float(lengths.sum()) / n_documents
    long_enough = np.flatnonzero(lengths >= max(LEAST, length / 8))
    spectra = [_periodogram(mode, int(offsets[k]), int(lengths[k])) for k in long_enough]
    memory = low_frequencies(spectra, length, n_documents)
    measured = np.clip(mode.correlation, -_STRONGEST, _STRONGEST)
    raised = np.clip((measured + memory.loss) / (1 + memory.loss), -_STRONGEST, _STRONGEST)
    error = memory.wander(lags, raised, n_blocks) + memory.loss_stderr * (1 - raised)
    shift = information(raised) - information(measured)
    wide = np.minimum(np.abs(raised) + error, _STRONGEST)
    slow = np.maximum(information(wide) - information(np.abs(raised)), 0.0)
    # What the blocks show already is not to be counted twice: together the bar is the larger of the two.
    stderr = np.sqrt(np.maximum(slow**2 - np.nan_to_num(bars) ** 2, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        if not (np.hypot(shift, stderr) > _MATTERS * bars).any():
            return None
    return Correction(shift, np.full_like(stderr, np.nan) if memory.too_long else stderr, memory)


def _periodogram(mode: Mode, start: int, length: int) -> Any:
    return periodogram(lambda piece: mode.read(slice(start + piece.start, start + piece.stop)), length)


def slowest_mode(counter: Counter, seen: np.ndarray) -> Mode | None:
    """Numbers for the symbols whose correlation is what is left at large lags.

    They are the leading eigenvector of ``(P_ab - p_a p_b) / sqrt(p_a p_b)``, made symmetric and summed over some of the
    larger lags at which dependence is seen. Beyond 255 symbols, all but the most frequent are taken as one.

    Parameters
    ----------
    counter
        The corpus.
    seen
        The lags at which dependence is seen, ascending.
    """
    counts = histogram(counter.data.left, counter.data.alphabet_size)
    classes = _classes(counts)
    p = np.bincount(classes, counts) / counts.sum()
    if len(seen) == 0 or np.count_nonzero(p) < 2:
        return None
    leading = _leading(counter, seen, classes, p)
    if leading is None:
        return None
    numbers = leading[classes]
    codes, offsets, stride = counter.data.left, counter.data.offsets, _stride(counter)
    correlation = [_correlation(codes, numbers, offsets, lag, stride) for lag in counter.lags.tolist()]
    return Mode(lambda piece: numbers[counter.data.left[piece]], np.array(correlation))


def _stride(counter: Counter) -> int:
    """Every how many-th pair is looked at: odd, so that it meets all phases of a period of two."""
    return int(1 + 2 * (len(counter.data.left) // (2 * _MOST_PAIRS)))


def _classes(counts: np.ndarray) -> np.ndarray:
    """A class below `_MOST_CLASSES` for each symbol, the last one for all rare symbols."""
    if len(counts) <= _MOST_CLASSES:
        return np.arange(len(counts))
    classes = np.full(len(counts), _MOST_CLASSES - 1)
    classes[np.argsort(-counts, kind="stable")[: _MOST_CLASSES - 1]] = np.arange(_MOST_CLASSES - 1)
    return classes


def _leading(counter: Counter, seen: np.ndarray, classes: np.ndarray, p: np.ndarray) -> np.ndarray | None:
    """Numbers of the classes in the slowest mode, or None if no mode is correlated positively."""
    present = np.flatnonzero(p)
    root = np.sqrt(p[present])
    if len(present) == 2:
        vector = np.array([-root[1], root[0]])
    else:
        far = seen[seen >= np.sqrt(seen[-1])]
        some = far[np.unique(np.linspace(0, len(far) - 1, _MODE_LAGS).astype(int))]
        codes, offsets, stride = counter.data.left, counter.data.offsets, _stride(counter)
        tables = [_table(codes, classes, len(p), offsets, int(lag), stride) for lag in some]
        connected = sum(table / table.sum() - _outer(table) for table in tables)
        white = connected[np.ix_(present, present)] / np.outer(root, root)
        others = np.eye(len(root)) - np.outer(root, root)  # all but the mode that is always there
        start = np.arange(1.0, len(root) + 1)
        values, vectors = eigsh(others @ (white + white.T) @ others, k=1, which="LA", v0=start)
        if values[-1] <= 1e-12:
            return None
        vector = vectors[:, -1]
    numbers = np.zeros(len(p))
    numbers[present] = vector / root
    return numbers


@njit(nogil=True, cache=True)
def _table(codes, classes, n_classes, offsets, lag, stride):  # type: ignore[no-untyped-def]
    counts = np.zeros((n_classes, n_classes))
    for document in range(len(offsets) - 1):
        for t in range(offsets[document], offsets[document + 1] - lag, stride):
            counts[classes[codes[t]], classes[codes[t + lag]]] += 1.0
    return counts


def _outer(table: np.ndarray) -> np.ndarray:
    return np.asarray(np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum() ** 2)


@njit(nogil=True, cache=True)
def _correlation(codes, numbers, offsets, lag, stride):  # type: ignore[no-untyped-def]
    n = 0
    product = left = right = squares_left = squares_right = 0.0
    for document in range(len(offsets) - 1):
        for t in range(offsets[document], offsets[document + 1] - lag, stride):
            x, y = numbers[codes[t]], numbers[codes[t + lag]]
            product += x * y
            left += x
            right += y
            squares_left += x * x
            squares_right += y * y
            n += 1
    spread = np.sqrt((squares_left - left * left / n) * (squares_right - right * right / n))
    return (product - left * right / n) / spread if spread > 0 else 0.0
