"""Parts of one corpus put behind one another, to be made symbols of alike, and taken apart again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from miscope.errors import InputError
from miscope.sequences.codes import offsets_of
from miscope.sequences.container import Sequences
from miscope.sequences.series import Series

__all__ = ["apart", "joined"]

_MADE = ("classes", "merged_from", "quantised")  # what provenance has of making symbols


def joined(parts: Sequence[Series]) -> Series:
    """Several series behind one another; documents stay apart.

    >>> joined([Series.from_arrays([0.5, 1.5]), Series.from_arrays([0.1, 0.2])])
    Series(4 values in 2 documents)

    Raises
    ------
    InputError
        They have different numbers of channels.
    """
    if len({part.n_channels for part in parts}) > 1:
        raise InputError("the series have different numbers of channels")
    if len(parts) == 1:
        return parts[0]
    offsets = offsets_of(np.concatenate([part.lengths for part in parts]))
    about: dict[str, Any] = {"concatenated": [dict(part.provenance) for part in parts]}
    if label := parts[0].provenance.get("label"):
        about["label"] = f"{label} and {len(parts) - 1} more"
    return Series(np.concatenate([part.values for part in parts]), offsets, about)


def apart(joint: Sequences, parts: Sequence[Sequences | Series]) -> list[Sequences]:
    """The parts that were put behind one another, as symbols of the alphabet that `joint` made of all of them.

    Parameters
    ----------
    joint
        The documents of all parts, in their order.
    parts
        What they were: their numbers of documents, and their provenance.
    """
    ends = np.cumsum([0, *(part.n_documents for part in parts)])
    made = []
    for part, first, last in zip(parts, ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        begin, end = int(joint.offsets[first]), int(joint.offsets[last])
        told = dict(part.provenance) | {name: joint.provenance[name] for name in _MADE if name in joint.provenance}
        offsets = joint.offsets[first : last + 1] - begin
        made.append(Sequences(joint.codes[begin:end], offsets, joint.alphabet_size, joint.alphabet, told))
    return made
