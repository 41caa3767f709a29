"""Sources of sequences that learn: networks to study, adapters for those of others, training and sampling.

Needs torch, which the extra ``models`` brings: ``pip install "miscope[models]"``.

>>> from miscope.models import LSTM
>>> LSTM(alphabet_size=2, width=16).n_parameters
2258
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from miscope.errors import require

if TYPE_CHECKING:
    from miscope.models.base import SequenceModel
    from miscope.models.classes import SymbolClasses, by_frequency, by_map
    from miscope.models.hub import from_config, pretrained
    from miscope.models.linear_gaussian import LinearGaussianRNN
    from miscope.models.recurrent import GRU, LSTM, ElmanRNN
    from miscope.models.sampling import sample
    from miscope.models.state_space import LRU, GatedLRU
    from miscope.models.storage import load
    from miscope.models.trained import TrainedModel
    from miscope.models.training import TrainingError, train
    from miscope.models.transformer import Transformer
    from miscope.models.wrapping import wrap

__all__ = [
    "GRU",
    "LRU",
    "LSTM",
    "ElmanRNN",
    "GatedLRU",
    "LinearGaussianRNN",
    "SequenceModel",
    "SymbolClasses",
    "TrainedModel",
    "TrainingError",
    "Transformer",
    "by_frequency",
    "by_map",
    "from_config",
    "load",
    "pretrained",
    "sample",
    "train",
    "wrap",
]

# Read once, when torch is loaded. GNU OpenMP's threads wait for one another by spinning for milliseconds, which takes
# the cores from each other where other programs run too: small networks then are many times slower. Spinning for some
# microseconds is as quick on an idle machine.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")

# Loaded when first asked for: torch takes seconds, and may not be there.
_ROOMS = {
    "base": ("SequenceModel",),
    "classes": ("SymbolClasses", "by_frequency", "by_map"),
    "hub": ("from_config", "pretrained"),
    "linear_gaussian": ("LinearGaussianRNN",),
    "recurrent": ("GRU", "LSTM", "ElmanRNN"),
    "sampling": ("sample",),
    "state_space": ("LRU", "GatedLRU"),
    "storage": ("load",),
    "trained": ("TrainedModel",),
    "training": ("TrainingError", "train"),
    "transformer": ("Transformer",),
    "wrapping": ("wrap",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'miscope.models' has no attribute {name!r}")
    require("torch", "models", f"miscope.models.{name}")
    value = getattr(importlib.import_module(f"miscope.models.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
