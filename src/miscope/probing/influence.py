"""Who is responsible: what leaving out a block, and then a single document, does to the difference between parts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miscope.probing.permutation import composition_of, pair_features
from miscope.probing.saying import percent
from miscope.probing.splits import Units

__all__ = ["Influence", "influences"]

Floats = NDArray[np.float64]

_WORST_BLOCKS = 2  # blocks whose single documents are looked at
_MOST_DOCUMENTS = 1000


@dataclass(frozen=True)
class Influence:
    """What one document, or one piece of it, does to a difference between parts.

    Attributes
    ----------
    part
        Name of its part.
    document
        Its number in the part, from 0; of a group of documents the first one's.
    n_documents
        How many documents it is; more than 1 for a group.
    first, n_symbols
        Where it begins in its document, and how long it is.
    of
        ``"composition"`` or ``"dependence"``.
    lag
        At which lag, for dependence; otherwise 0.
    share
        By how much the scatter of the parts' means falls when it is left out, as a share of that scatter: 0.1 is a
        tenth of the difference. Negative where it hides a difference.
    text
        Its first symbols, 60 characters of them.
    file
        What it was read from; "" where that is not known.
    place
        Where it stands in that file, such as ``"line 134"``, or a record's name; "" where that is not known.
    """

    part: str
    document: int
    n_documents: int
    first: int
    n_symbols: int
    of: str
    lag: int
    share: float
    text: str
    file: str
    place: str = ""

    def to_dict(self) -> dict[str, Any]:
        """All of it, JSON-able."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        last = self.document + self.n_documents - 1
        which = f"document {self.document}" if self.n_documents == 1 else f"documents {self.document} to {last}"
        where = f" from symbol {self.first:,}" if self.first else ""
        what = self.of if not self.lag else f"{self.of} at lag {self.lag}"
        found = ", ".join(each for each in (self.file, self.place) if each)
        found = f" ({found})" if found else ""
        return f"{percent(self.share)} of {what}: {self.part}, {which}{where}{found}: {self.text!r}"


def influences(units: Units, lag: int, top: int = 10) -> tuple[Influence, ...]:
    """The units with most influence on composition, and on dependence at a lag (0: none), largest first.

    Blocks first; then the two worst blocks are taken apart into their documents, and those are ranked in their place.
    """
    found: list[Influence] = []
    for of, at in (("composition", 0), ("dependence", lag)):
        if of == "dependence" and not lag:
            continue
        shares = _shares(units, at)
        worst = np.argsort(-shares)[:_WORST_BLOCKS]
        fine = _apart(units, worst)
        if fine is not units:
            shares = _shares(fine, at)
        order = np.argsort(-shares)[:top]
        found += [_named(fine, int(u), of, at, float(shares[u])) for u in order]
    return tuple(found)


def _shares(units: Units, lag: int) -> Floats:
    features = pair_features(units)(lag)[0] if lag else composition_of(units).features
    whole, without = features.left_out(units.part, units.n_parts)
    return 1 - without / whole if whole > 0 else np.zeros(len(units.part))


def _apart(units: Units, chosen: NDArray[np.int64]) -> Units:
    """The same units, but the chosen ones cut into their documents, where they hold several."""
    borders = [units.bounds]
    for u in chosen:
        start, stop = units.bounds[u : u + 2]
        inner = units.corpus.offsets[(units.corpus.offsets > start) & (units.corpus.offsets < stop)]
        if len(inner) < _MOST_DOCUMENTS:
            borders.append(inner)
    bounds = np.unique(np.concatenate(borders))
    if len(bounds) == len(units.bounds):
        return units
    owner = np.searchsorted(units.bounds, bounds[:-1], side="right") - 1
    return dataclasses.replace(units, bounds=bounds, part=units.part[owner], stratum=units.stratum[owner])


def _named(units: Units, u: int, of: str, lag: int, share: float) -> Influence:
    start, stop = (int(bound) for bound in units.bounds[u : u + 2])
    documents = units.documents_of(u)
    k = int(units.part[u])
    document = int(documents[0] - units.first_documents[k])
    origin = units.origins[k]
    first = int(start - units.corpus.offsets[documents[0]]) + (origin.skipped if document == 0 else 0)
    return Influence(
        part=units.names[k],
        document=origin.before + document,
        n_documents=len(documents),
        first=first,
        n_symbols=stop - start,
        of=of,
        lag=lag,
        share=share,
        text=units.shown(start, stop),
        file=origin.file_of(document),
        place=origin.place_of(document, first),
    )
