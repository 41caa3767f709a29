"""Measure how far a sequence, or a model, remembers: mutual information against distance, with honest bars.

>>> import miscope as ms
>>> curve = ms.measure("to be or not to be " * 100, lags=[1, 2, 3], blocks=8)
>>> curve.lags
array([1, 2, 3])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from miscope._version import __version__

if TYPE_CHECKING:
    from miscope import models, probing, processes
    from miscope.counting import Fingerprints, PairCounts, count_fingerprints, count_pairs
    from miscope.counting.pair_files import count_to_file
    from miscope.curve import MICurve, measure
    from miscope.curve.contributions import contributions
    from miscope.curve.planning import MeasurementPlan, plan
    from miscope.decay import Comparison, DecayFit, compare, fit
    from miscope.errors import FormatError, InputError, MiscopeError, MissingExtraError
    from miscope.estimation.entropy import entropy, mutual_information
    from miscope.figures import plot
    from miscope.models.sampling import sample
    from miscope.models.training import train
    from miscope.probing.conditional import probe
    from miscope.probing.couplings import couplings
    from miscope.probing.drift import drift
    from miscope.probing.reach import reach
    from miscope.probing.spectrum import spectrum
    from miscope.probing.uniformity import uniformity
    from miscope.processes.planning import detectable_lag
    from miscope.report import report
    from miscope.sequences import (
        Sequences,
        Series,
        Shards,
        builtin_corpus,
        read,
        read_fasta,
        read_hdf5,
        read_hub,
        read_mat,
        read_npy,
        read_npz,
        read_table,
        read_text,
        read_tokens,
        tokenize,
    )

__all__ = [
    "Comparison",
    "DecayFit",
    "Fingerprints",
    "FormatError",
    "InputError",
    "MICurve",
    "MeasurementPlan",
    "MiscopeError",
    "MissingExtraError",
    "PairCounts",
    "Sequences",
    "Series",
    "Shards",
    "__version__",
    "builtin_corpus",
    "compare",
    "contributions",
    "count_fingerprints",
    "count_pairs",
    "count_to_file",
    "couplings",
    "detectable_lag",
    "drift",
    "entropy",
    "fit",
    "measure",
    "models",
    "mutual_information",
    "plan",
    "plot",
    "probe",
    "probing",
    "processes",
    "reach",
    "read",
    "read_fasta",
    "read_hdf5",
    "read_hub",
    "read_mat",
    "read_npy",
    "read_npz",
    "read_table",
    "read_text",
    "read_tokens",
    "report",
    "sample",
    "spectrum",
    "tokenize",
    "train",
    "uniformity",
]

# Loaded when first asked for, so that `import miscope` stays quick.
_ROOMS = {
    "counting": ("Fingerprints", "PairCounts", "count_fingerprints", "count_pairs"),
    "counting.pair_files": ("count_to_file",),
    "curve": ("MICurve", "measure"),
    "curve.contributions": ("contributions",),
    "curve.planning": ("MeasurementPlan", "plan"),
    "decay": ("Comparison", "DecayFit", "compare", "fit"),
    "errors": ("FormatError", "InputError", "MiscopeError", "MissingExtraError"),
    "estimation.entropy": ("entropy", "mutual_information"),
    "figures": ("plot",),
    "models": ("sample", "train"),
    "probing": ("couplings", "drift", "probe", "reach", "spectrum", "uniformity"),
    "processes.planning": ("detectable_lag",),
    "report": ("report",),
    "sequences": (
        "Sequences",
        "Series",
        "Shards",
        "builtin_corpus",
        "read",
        "read_fasta",
        "read_hdf5",
        "read_hub",
        "read_mat",
        "read_npy",
        "read_npz",
        "read_table",
        "read_text",
        "read_tokens",
        "tokenize",
    ),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in ("models", "probing", "processes"):
        return importlib.import_module(f"miscope.{name}")
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'miscope' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"miscope.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
