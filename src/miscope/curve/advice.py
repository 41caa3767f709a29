"""What the reader of a curve has to be told, from what the data themselves say."""

from __future__ import annotations

import numpy as np

from miscope.curve.result import MICurve

__all__ = ["advise"]

_FEW_PAIRS = 1000
_FEW_DOCUMENTS = 8
_INDEPENDENT_ENOUGH = 16  # effective documents from which long memory inside them does little harm


def advise(curve: MICurve, lengths: np.ndarray, n_symbols_seen: int) -> tuple[str, ...]:
    """Warnings for a curve measured on documents of these lengths."""
    if n_symbols_seen == 1:
        return ("the data hold only one distinct symbol: there is nothing to measure, and every value is 0",)
    effective = float(lengths.sum()) ** 2 / float(np.sum(lengths.astype(np.float64) ** 2))
    found = [
        _floor(curve, n_symbols_seen),
        _serial(curve),
        _few_pairs(curve),
        _few_documents(curve, effective, lengths),
        _long_memory(curve, effective, lengths),
        _unheld_blocks(curve),
    ]
    return tuple(text for text in found if text)


def _span(lags: np.ndarray) -> str:
    return f"lag {lags[0]}" if len(lags) == 1 else f"{len(lags)} lags between {lags[0]} and {lags[-1]}"


def _floor(curve: MICurve, n_symbols_seen: int) -> str:
    """Sampling bias against what is left of the value without it."""
    if curve.quantity != "mutual_information":
        return ""
    if curve.null_name != "none":
        high = curve.null > np.abs(curve.excess) + 2 * np.nan_to_num(curve.excess_stderr)
        if not high.any():
            return ""
        return (
            f"at {_span(curve.lags[high])}, more than half of the value is what the null gives too: trust the excess, "
            "not the value, and read small excesses with care; more data or merged symbols help"
        )
    if curve.estimator != "plug_in":
        return ""
    # First order, for independent symbols: (K_ab - K_a - K_b + 1) / 2N, with no more cells than pairs.
    cells = np.minimum(float(n_symbols_seen) ** 2, curve.n_pairs)
    bias = np.maximum(cells - 2 * n_symbols_seen + 1, 0) / (2 * curve.n_pairs)
    high = bias > np.abs(curve.mi) / 2
    if not high.any():
        return ""
    return (
        f"at {_span(curve.lags[high])}, the plug-in estimate may be mostly bias (about {bias[high].max():.2g} nats): "
        'measure with a null, or with estimator="grassberger"'
    )


def _serial(curve: MICurve) -> str:
    """A floor that is too low because neighbouring pairs resemble each other, as leaving out blocks shows."""
    if curve.quantity != "mutual_information" or not curve.n_blocks or curve.bias_corrected:
        return ""
    errors = curve.jackknife(excess=True)
    bias = curve.excess - errors.corrected
    high = (bias > 3 * errors.stderr) & (bias > np.abs(curve.excess) / 2)
    if not high.any():
        return ""
    return (
        f"at {_span(curve.lags[high])}, leaving out blocks shows a bias of about {bias[high].max():.2g} nats that the "
        f'null "{curve.null_name}" does not take away, because neighbouring pairs are alike: measure with null="rotate"'
    )


def _few_pairs(curve: MICurve) -> str:
    few = curve.n_pairs < _FEW_PAIRS
    if not few.any():
        return ""
    return f"at {_span(curve.lags[few])} there are fewer than {_FEW_PAIRS:,} pairs"


def _unheld_blocks(curve: MICurve) -> str:
    if not curve.n_blocks:
        return ""
    held = (curve.block_pairs > 0).sum(axis=0)
    short = held * 2 < curve.n_blocks
    if not short.any():
        return ""
    return (
        f"at {_span(curve.lags[short])}, fewer than half of the {curve.n_blocks} blocks hold any pair (down to "
        f"{held[short].min()}), because few documents are that long: the bars there are rough"
    )


def _few_documents(curve: MICurve, effective: float, lengths: np.ndarray) -> str:
    if not curve.n_blocks or effective >= _FEW_DOCUMENTS:
        return ""
    documents = "one document" if len(lengths) == 1 else f"few large documents (as good as {effective:.1f} equal ones)"
    piece = int(lengths.sum() // curve.n_blocks)
    beyond = curve.lags[curve.lags > piece]
    text = (
        f"the data are {documents}: the bars compare pieces of about {piece:,} symbols, and say how much another part "
        "of the same source would differ, not another source"
    )
    if len(beyond):
        text += f"; for lags beyond {piece:,} neighbouring pieces share most of their pairs, and bars may be too small"
    return text


def _long_memory(curve: MICurve, effective: float, lengths: np.ndarray) -> str:
    """Slow decay in few documents: the sample's own averages wander, and no piece of it can show by how much.

    A correlation ``c(lag) = A lag^-b``, b < 1, gives the mean of n symbols the variance
    ``V = 2 A n^-b / ((1-b)(2-b))``, and the measured correlation is too low by V at every lag (Hosking 1996).
    """
    if curve.quantity != "mutual_information" or not curve.n_blocks or effective >= _INDEPENDENT_ENOUGH:
        return ""
    seen = curve.significant() & (curve.excess > 0)
    if not seen.any():
        return ""
    tail = seen & (curve.lags >= curve.lags[seen].max() / 10)
    lags, excess, bars = curve.lags[tail], curve.excess[tail], curve.excess_stderr[tail]
    if len(lags) < 5 or lags[-1] < 4 * lags[0]:
        return ""
    # As two equally frequent symbols with this information would be correlated: I = c^2 / 2 + ...
    slope, level = np.polyfit(np.log(lags), np.log(np.sqrt(2 * excess)), 1)
    decay = -slope
    if not 0 <= decay < 1:
        return ""
    per_document = float(lengths.sum()) / effective
    wander = np.exp(level) * per_document**-decay * 2 / ((1 - decay) * (2 - decay)) / effective
    correlation = np.sqrt(2 * excess[-1])
    lost = correlation * wander
    if lost < bars[-1]:
        return ""
    return (
        f"long memory in few documents: the dependence falls only as lag^-{2 * decay:.2f}, so the averages of the "
        f"sample itself wander, and values are too low by about {lost:.1g} nats at lag {lags[-1]} "
        f"({lost / bars[-1]:.0f} bars): the bars are too small there; more documents help, a longer one hardly"
    )
