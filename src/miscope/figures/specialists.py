"""Which function draws what probing finds: by its type, and without importing what is not there."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from miscope.errors import InputError

__all__ = ["drawn_by", "specialist"]

_SPECIALISTS = {
    ("miscope.probing.reach", "Reach"): "plot_reach",
    ("miscope.probing.couplings", "Couplings"): "plot_couplings",
    ("miscope.probing.spectrum", "Spectrum"): "plot_spectrum",
    ("miscope.probing.uniformity", "Uniformity"): "plot_uniformity",
    ("miscope.probing.drift", "Drift"): "plot_drift",
}


def specialist(result: Any) -> Callable[..., Any] | None:
    """What draws results of probing; only where there can be any are its modules there."""
    first = result[0] if isinstance(result, list | tuple) and result else result
    for (module, kind), name in _SPECIALISTS.items():
        if module in sys.modules and isinstance(first, getattr(sys.modules[module], kind)):
            import miscope.figures as room

            drawer: Callable[..., Any] = getattr(room, name)
            return drawer
    return None


def drawn_by(drawer: Callable[..., Any], result: Any, path: str | Path | None, options: dict[str, Any]) -> Any:
    """Draw with those options that are not the usual ones, if the drawer has them."""
    usual = {"scale": "log-log", "subtract_null": True, "level": 0.95}
    given = {
        name: value for name, value in options.items() if value is not usual.get(name) and value != usual.get(name)
    }
    wrong = [name for name in given if name not in inspect.signature(drawer).parameters]
    if wrong:
        raise InputError(f"{', '.join(wrong)}: for curves only, and this is a {type(result).__name__}; leave it out")
    return drawer(result, path, **given)
