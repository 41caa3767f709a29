"""The recurrent networks of the study: their design, their training, and what is known of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from miscope.counting.lags import log_lags
from miscope.errors import choice
from miscope.studies.findings import Number
from miscope.studies.lab import Lab
from miscope.studies.runs import Run, foretold, probed, trained
from miscope.studies.shen2019.at_hand import DATA
from miscope.studies.shen2019.lengths import length_of, tail

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.decay import DecayFit

__all__ = ["KINDS", "Seen", "Shape", "along", "centre_run", "design", "runs", "see"]

KINDS = {"rnn": "Elman RNN", "gru": "GRU", "lstm": "LSTM"}
"""Kinds of networks, by their names on the command line."""


@dataclass(frozen=True)
class Shape:
    """A network of the design: kind, width, depth, and symbols in each document of its training."""

    kind: str
    width: int
    depth: int
    length: int

    @property
    def name(self) -> str:
        """For files and legends."""
        return f"{self.kind}-{self.width}x{self.depth}-{self.length}"

    @property
    def label(self) -> str:
        """For readers."""
        deep = f", {self.depth} layers" if self.depth > 1 else ""
        return f"{KINDS[self.kind]} {self.width}{deep}, trained on {self.length}"


def design(settings: Mapping[str, Any]) -> tuple[Shape, ...]:
    """All networks: each kind at the centre first, then one thing varied at a time."""
    made: dict[Shape, None] = {}
    for kind in settings["widths"]:
        made[_centre(kind, settings)] = None
    for kind, widths in settings["widths"].items():
        made |= {Shape(kind, width, 1, settings["length"]): None for width in widths}
    for kind, depths in settings["depths"].items():
        made |= {Shape(kind, settings["width"], depth, settings["length"]): None for depth in depths}
    for kind, lengths in settings["lengths"].items():
        made |= {Shape(kind, settings["width"], 1, length): None for length in lengths}
    return tuple(made)


def _centre(kind: str, settings: Mapping[str, Any]) -> Shape:
    return Shape(kind, settings["width"], 1, settings["length"])


def centre_run(kind: str, settings: Mapping[str, Any]) -> Run:
    """The network of a kind (``rnn``, ``gru`` or ``lstm``) at the centre of this experiment's design.

    Parameters
    ----------
    kind
        Of `KINDS`.
    settings
        Of this experiment: ``RECURRENT.settings[scale]``. With a lab of the name ``recurrent`` the network is found
        where this experiment has trained it, or is left there for it.

    Examples
    --------
    >>> from miscope.studies.shen2019.recurrent import RECURRENT
    >>> centre_run("lstm", RECURRENT.settings["laptop"]).name
    'lstm-8x1-256'
    """
    return _run_of(_centre(choice(kind, KINDS, "kind of network"), settings), settings)


def _run_of(shape: Shape, settings: Mapping[str, Any]) -> Run:
    """A training with as many symbols in each update, whatever the length of documents."""
    return Run(
        shape.name,
        shape.kind,
        (("depth", shape.depth), ("width", shape.width)),
        settings["steps"],
        max(settings["symbols"] // shape.length, 1),
        shape.length,
        settings["documents"],
        settings["drawn"],
        settings["seed"],
    )


def runs(settings: Mapping[str, Any]) -> tuple[Run, ...]:
    """Of all networks."""
    return tuple(_run_of(shape, settings) for shape in design(settings))


@dataclass(frozen=True)
class Seen:
    """What is known of a network: curve, fit of the tail, what the spectrum says, how far it keeps half of the data."""

    shape: Shape
    curve: MICurve
    fit: DecayFit
    said: Mapping[str, Any]
    reach: Number

    @property
    def length(self) -> Number:
        """Correlation length of what it generates, at large lags."""
        return length_of(self.fit, f"{self.shape.label}: correlation length")

    @property
    def spectral(self) -> Number:
        """The same by the spectrum."""
        ends = self.said["correlation_length"], self.said["low"], self.said["high"]
        return Number(f"{self.shape.label}: correlation length by its spectrum", *ends, "symbols")

    def row(self) -> dict[str, Any]:
        """Of the table."""
        length, spectral, kept = self.length, self.spectral, self.reach
        ends = {
            f"{name}{end}": value
            for name, each in (("length", length), ("spectrum", spectral), ("reach", kept))
            for end, value in (("", each.value), ("_low", each.low), ("_high", each.high))
        }
        shape = self.shape
        about = {"kind": KINDS[shape.kind], "width": shape.width, "depth": shape.depth, "trained_on": shape.length}
        return about | {"law": self.fit.verdict.kind} | ends


def see(lab: Lab, shape: Shape) -> Seen:
    """Train a network, foretell it, draw from it, and fit its tail."""
    run = _run_of(shape, lab.settings)
    lags = [int(lag) for lag in log_lags(1, lab.settings["drawn"] // 3, lab.settings["n_lags"])]
    model = trained(lab, run, DATA)
    said = foretold(lab, run, model, lags)
    curve = probed(lab, run, model, lags, label=shape.label)
    fit = lab.fit(run.name, partial(tail, curve, said["correlation_length"]))
    kept = lab.record(f"{run.name}-reach", partial(_reach, curve))
    high = math.inf if math.isnan(kept["high"]) else kept["high"]  # no upper end
    return Seen(shape, curve, fit, said, Number(f"{shape.label}: reach", kept["lag"], kept["low"], high, "symbols"))


def _reach(curve: MICurve) -> dict[str, float]:
    """How far a curve keeps half of what the data have."""
    from miscope.probing.reach import reach

    found = reach(DATA, curve)
    return {"lag": found.lag, "low": found.low, "high": found.high}


def along(seen: Sequence[Seen], settings: Mapping[str, Any], what: str) -> dict[str, list[Seen]]:
    """The networks of each kind that differ in one thing only; kinds with two or more of them."""
    found: dict[str, list[Seen]] = {}
    for each in seen:
        centre = _centre(each.shape.kind, settings)
        if all(
            getattr(each.shape, name) == getattr(centre, name) for name in ("width", "depth", "length") if name != what
        ):
            found.setdefault(each.shape.kind, []).append(each)
    by_size = {kind: sorted(some, key=lambda each: getattr(each.shape, what)) for kind, some in found.items()}
    return {kind: some for kind, some in by_size.items() if len(some) > 1}
