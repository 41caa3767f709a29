"""What the reader of a curve has to be told, from what the data themselves say."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from miscope.counting.blocks import cut_blocks
from miscope.curve.memory import effective_documents
from miscope.curve.result import MICurve

__all__ = ["advise"]

_FEW_PAIRS = 1000
_CELLS_A_PAIR = 0.5  # possible cells a pair from which tables are empty
_FEW_DOCUMENTS = 8
_STRANDS_APART = 0.1  # from which bars are too small by more than 2 %


def advise(curve: MICurve, lengths: np.ndarray, n_symbols_seen: int | None) -> tuple[str, ...]:
    """Warnings for a curve measured on documents of these lengths; `n_symbols_seen` is None for real numbers."""
    if n_symbols_seen == 1:
        return ("the data hold only one distinct symbol: there is nothing to measure, and every value is 0",)
    effective = effective_documents(lengths)
    source = curve.provenance.get("source", {})
    found = [
        _classes(curve, source, n_symbols_seen),
        "" if n_symbols_seen is None else _floor(curve, n_symbols_seen),
        _serial(curve) or _sparse(curve, n_symbols_seen),
        _few_pairs(curve),
        _strands(curve, source, lengths),
        _few_documents(curve, effective, lengths),
        _long_memory(curve),
        _unheld_blocks(curve),
    ]
    return tuple(text for text in (*source.get("notes", ()), *found) if text)


def _span(lags: np.ndarray) -> str:
    return f"lag {lags[0]}" if len(lags) == 1 else f"{len(lags)} lags between {lags[0]} and {lags[-1]}"


def _classes(curve: MICurve, source: Mapping[str, Any], n_symbols_seen: int | None) -> str:
    """That classes of symbols were measured, and what this says of the symbols."""
    if "merged_from" not in source or curve.quantity == "correlation":  # which merging may raise
        return ""
    if source["merged_from"] <= (n_symbols_seen or 0):
        return ""  # given other names only
    about = source.get("classes", {})
    n = f"{about['classes']:,} " if "classes" in about else ""
    how = f" ({about['how']})" if "how" in about else ""
    what = f"the {source['merged_from']:,} symbols were merged into {n}classes{how}: what is measured of these"
    if curve.estimator == "bracket":
        return f"{what} is bracketed, and only the lower bound is one of the MI of the symbols themselves"
    return f"{what} is a lower bound of the MI of the symbols themselves"


def _strands(curve: MICurve, source: Mapping[str, Any], lengths: np.ndarray) -> str:
    """Both strands of a genome, which are no two samples, in different blocks."""
    if not source.get("reverse_complement") or not curve.n_blocks:
        return ""
    apart = _share_apart(lengths, curve.n_blocks)
    if apart < _STRANDS_APART:
        return ""
    return (
        f"the data are both strands, which carry the same information, and of {apart:.0%} of the symbols the other "
        f"strand is in another block: bars are too small by a factor of {1 / np.sqrt(1 - apart / 2):.2f}, and too many "
        "lags are significant; measure one strand"
    )


def _share_apart(lengths: np.ndarray, n_blocks: int) -> float:
    """Share of symbols whose place on the other strand, the next document read backwards, is in another block."""
    if len(lengths) % 2 or (lengths[::2] != lengths[1::2]).any():
        return 1.0  # documents in another order
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    borders = cut_blocks(cast("Any", SimpleNamespace(offsets=offsets)), n_blocks).bounds
    middles = offsets[1::2]
    above = np.minimum(np.searchsorted(borders, middles), len(borders) - 1)
    nearest = np.minimum(np.abs(borders[above] - middles), np.abs(middles - borders[np.maximum(above - 1, 0)]))
    # A border that is so far from the middle parts what is farther from it, on both sides.
    return float(np.maximum(lengths[::2] - nearest, 0).sum() / max(lengths[::2].sum(), 1))


def _floor(curve: MICurve, n_symbols_seen: int) -> str:
    """Sampling bias against what is left of the value without it."""
    if curve.quantity != "mutual_information" or curve.estimator == "bracket":
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
    if curve.quantity != "mutual_information" or not curve.n_blocks or curve.estimator == "bracket":
        return ""
    errors = curve.jackknife(excess=True)
    bias = curve.excess - errors.corrected
    high = (bias > 3 * errors.stderr) & (bias > np.abs(curve.excess) / 4)
    if curve.bias_corrected and curve.wander is None:  # gone, but where it is so large that the bar is mostly its error
        high &= curve.excess_stderr > 2 * errors.stderr
    if not high.any():
        return ""
    if curve.bias_corrected:
        return (
            f"at {_span(curve.lags[high])}, neighbouring pairs are so much alike that their bias, about "
            f'{bias[high].max():.2g} nats, could only roughly be taken away: measure with null="rotate"'
        )
    return (
        f"at {_span(curve.lags[high])}, leaving out blocks shows a bias of about {bias[high].max():.2g} nats that the "
        f'null "{curve.null_name}" does not take away, because neighbouring pairs are alike: measure with null="rotate"'
    )


def _sparse(curve: MICurve, n_symbols_seen: int | None) -> str:
    """Tables so empty that serial dependence can lift the excess without leaving out blocks showing it."""
    known = curve.null_name in ("global", "document") and curve.quantity == "mutual_information"
    if n_symbols_seen is None or not known:
        return ""
    empty = (n_symbols_seen - 1.0) ** 2 > _CELLS_A_PAIR * curve.n_pairs
    if not empty.any():
        return ""
    return (
        f"at {_span(curve.lags[empty])}, there are {n_symbols_seen:,} symbols for {curve.n_pairs[empty].min():,} pairs "
        "or more: where neighbouring symbols are alike, the null is then too low and the excess too high; compare with "
        'null="rotate", or take bounds, estimator="bracket"'
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


def _long_memory(curve: MICurve) -> str:
    """What was given back to values and bars, or why no bars can be given."""
    about = curve.provenance.get("long_memory")
    if about is None or curve.wander is None:
        return ""
    variance, stderr = about["variance_of_mean"], about["variance_of_mean_stderr"]
    found = f"(variance of their mean {variance:.2g} ± {stderr:.2g} of a symbol's)"
    if about["bars_refused"]:
        return (
            f"long memory in few documents: the averages of the sample itself wander {found}, and so slowly does "
            "dependence fall that nothing in these data bounds by how much: no bars can be given; more documents help, "
            "a longer one hardly"
        )
    seen = curve.significant()
    doubtful = seen & (curve.excess < 2 * curve.excess_stderr)
    stars = (
        f"; {doubtful.sum()} of {seen.sum()} lags are significant though their bars reach 0: that something depends "
        "from there on is seen, how much is not"
        if doubtful.any()
        else ""
    )
    return (
        f"long memory in few documents: the averages of the sample itself wander {found}, which makes measured values "
        "too low and bars from parts of the sample too small: both are corrected, by what the low frequencies of the "
        f"data say{stars}; more documents help, a longer one hardly"
    )
