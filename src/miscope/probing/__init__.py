"""Questions put to data and models: are parts alike, how far does a model remember, how strongly, by which modes.

Questions to models need torch, which the extra ``models`` brings: ``pip install "miscope[models]"``.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from miscope.errors import require
from miscope.probing.drift import Drift, drift
from miscope.probing.uniformity import Uniformity, uniformity

_OF_MODELS = ("Couplings", "Reach", "Spectrum", "couplings", "probe", "reach", "spectrum", "symbols_needed")

if importlib.util.find_spec("torch"):
    # At once rather than late: some functions have the names of their modules.
    from miscope.probing.conditional import probe, symbols_needed
    from miscope.probing.couplings import Couplings, couplings
    from miscope.probing.reach import Reach, reach
    from miscope.probing.spectrum import Spectrum, spectrum

__all__ = [
    "Couplings",
    "Drift",
    "Reach",
    "Spectrum",
    "Uniformity",
    "couplings",
    "drift",
    "probe",
    "reach",
    "spectrum",
    "symbols_needed",
    "uniformity",
]


def __getattr__(name: str) -> Any:
    if name in _OF_MODELS:
        require("torch", "models", f"miscope.probing.{name}")
    raise AttributeError(f"module 'miscope.probing' has no attribute {name!r}")
