"""Slow references in plain Python: dicts, loops and ``math``. They share no code with the package.

Documents are lists of codes; counts of pairs are dicts ``{(left, right): count}``.
"""

import itertools
import math
import re
import unicodedata
from collections import Counter

import numpy as np


def pair_counts(documents, lag):
    """Count the pairs ``(document[t], document[t + lag])`` of every document."""
    counts = {}
    for document in documents:
        for t in range(len(document) - lag):
            pair = (int(document[t]), int(document[t + lag]))
            counts[pair] = counts.get(pair, 0) + 1
    return counts


def block_pair_counts(left, offsets, bounds, lag, right=None, aligned=False):
    """Count pairs block by block; a pair is in the block of its left symbol's position. One dict a block.

    With `aligned`, the partner of ``left[t]`` is ``right[t]``, for those t that have one `lag` further in the document.
    """
    right = left if right is None else right
    shift = 0 if aligned else lag
    blocks = [{} for _ in range(len(bounds) - 1)]
    for document in range(len(offsets) - 1):
        for t in range(int(offsets[document]), int(offsets[document + 1]) - lag):
            mine = [j for j in range(len(bounds) - 1) if bounds[j] <= t < bounds[j + 1]]
            assert len(mine) == 1
            pair = (int(left[t]), int(right[t + shift]))
            blocks[mine[0]][pair] = blocks[mine[0]].get(pair, 0) + 1
    return blocks


def total(blocks):
    """Add the counts of several blocks."""
    counts = {}
    for block in blocks:
        for key, count in block.items():
            counts[key] = counts.get(key, 0) + count
    return counts


def left_out(blocks):
    """Return the counts of all blocks together, then those with each block left out."""
    return [total(blocks)] + [total(blocks[:j] + blocks[j + 1 :]) for j in range(len(blocks))]


def margins(counts):
    """Counts of the left and of the right symbols of the pairs."""
    left, right = {}, {}
    for (a, b), count in counts.items():
        left[a] = left.get(a, 0) + count
        right[b] = right.get(b, 0) + count
    return left, right


def fingerprint(counts):
    """How many cells have each count above 0: sorted list of (count, multiplicity)."""
    values = counts.values() if isinstance(counts, dict) else counts
    return sorted(Counter(int(value) for value in values if value > 0).items())


def plug_in_entropy(counts):
    """Entropy of the observed frequencies, in nats; nan without samples."""
    values = [value for value in (counts.values() if isinstance(counts, dict) else counts) if value > 0]
    n = sum(values)
    return -math.fsum(value / n * math.log(value / n) for value in values) if n else math.nan


def table_mi(counts):
    """Plug-in mutual information of pair counts by its definition, ``sum P ln(P / (P P))``, in nats."""
    left, right = margins(counts)
    n = sum(counts.values())
    if n == 0:
        return math.nan
    return math.fsum(c / n * math.log(c * n / (left[a] * right[b])) for (a, b), c in counts.items() if c)


def plug_in_mi(documents, lag):
    """Plug-in mutual information between symbols `lag` apart, in nats."""
    return table_mi(pair_counts(documents, lag))


def rational_mi(counts):
    """Rational mutual information ``sum P^2 / (P P) - 1`` of pair counts."""
    left, right = margins(counts)
    return math.fsum(c * c / (left[a] * right[b]) for (a, b), c in counts.items() if c) - 1


def covariance(counts, values):
    """Covariance of the numbers that the two symbols of a pair stand for."""
    n = sum(counts.values())
    product = math.fsum(c * values[a] * values[b] for (a, b), c in counts.items()) / n
    x = math.fsum(c * values[a] for (a, _), c in counts.items()) / n
    y = math.fsum(c * values[b] for (_, b), c in counts.items()) / n
    return product - x * y


def operator_norm(counts, alphabet_size):
    """Largest singular value of ``P(a, b) - P(a) P(b)``."""
    joint = np.zeros((alphabet_size, alphabet_size))
    for (a, b), count in counts.items():
        joint[a, b] = count
    joint /= joint.sum()
    return float(np.linalg.svd(joint - np.outer(joint.sum(1), joint.sum(0)), compute_uv=False)[0])


def jackknife(whole, estimates):
    """Bias-corrected estimate and standard error of the delete-block jackknife for blocks of equal size."""
    n = len(estimates)
    mean = math.fsum(estimates) / n
    variance = (n - 1) / n * math.fsum((estimate - mean) ** 2 for estimate in estimates)
    return n * whole - (n - 1) * mean, math.sqrt(variance)


def kept_pairs(codes, offsets, lag, hole=(0, 0)):
    """Pairs of each document whose left symbol is not at a position in the hole: one list of pairs a document."""
    return [
        [(int(codes[t]), int(codes[t + lag])) for t in range(int(start), int(stop) - lag) if not hole[0] <= t < hole[1]]
        for start, stop in itertools.pairwise(offsets)
    ]


def means_over_two_positions(codes, offsets, lag, hole=(0, 0)):
    """Mean counts of cells if every pair of a document is one of a left and another, right position, at random."""
    means = {}
    for start, stop in itertools.pairwise(offsets):
        left = [t for t in range(int(start), int(stop) - lag) if not hole[0] <= t < hole[1]]
        chosen = [(int(codes[s]), int(codes[t + lag])) for s in left for t in left if s != t + lag]
        for pair in chosen:
            means[pair] = means.get(pair, 0.0) + len(left) / len(chosen)
    return means


def mean_over_permutations(pairs_by_group):
    """Mean over all permutations of the right symbols inside each group of pairs, by going through every one.

    Returns
    -------
    fingerprint
        Dict of count to the mean number of cells that have it.
    moments
        Dict of cell to the mean of its count and the mean of its square.
    mi
        Mean plug-in mutual information.
    """
    lefts = [[a for a, _ in pairs] for pairs in pairs_by_group]
    rights = [[b for _, b in pairs] for pairs in pairs_by_group]
    prints, first, second, values = Counter(), Counter(), Counter(), []
    for shuffled in itertools.product(*(list(itertools.permutations(group)) for group in rights)):
        counts = Counter(
            pair for mine, others in zip(lefts, shuffled, strict=True) for pair in zip(mine, others, strict=True)
        )
        prints.update(Counter(counts.values()))
        for cell, count in counts.items():
            first[cell] += count
            second[cell] += count * count
        values.append(table_mi(counts))
    n = len(values)
    return (
        {count: cells / n for count, cells in prints.items()},
        {cell: (first[cell] / n, second[cell] / n) for cell in first},
        math.fsum(values) / n,
    )


def words(text):
    """Words of a text, by the general categories of its characters."""
    text = "".join(character for character in text if not _invisible(character))
    kinds = "".join(map(_kind_of_character, text))
    found = re.finditer(r"w[wm]*(?:jw[wm]*)*|[ja]m*|m+", kinds)
    return [unicodedata.normalize("NFC", text[match.start() : match.end()]) for match in found]


def _invisible(character):
    name = unicodedata.name(character, "")
    if "VARIATION SELECTOR" in name or name.startswith("KHMER VOWEL INHERENT") or name == "COMBINING GRAPHEME JOINER":
        return True
    seen = "NUMBER" in name or "SIGN SAMVAT" in name or "END OF AYAH" in name or name == "SYRIAC ABBREVIATION MARK"
    seen = seen or (name.startswith("ARABIC") and ("POUND" in name or "PIASTRE" in name or "SANAH" in name))
    seen = seen or name in ("ARABIC FOOTNOTE MARKER", "ARABIC SIGN SAFHA")
    return unicodedata.category(character) == "Cf" and not seen


def _kind_of_character(character):
    if character.isspace():
        return "s"
    if unicodedata.category(character)[0] in "LN" or character == "_":
        return "w"
    return "m" if unicodedata.category(character)[0] == "M" else "j" if character in "'’-" else "a"
