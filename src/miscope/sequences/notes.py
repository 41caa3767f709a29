"""What a reader of data has to know of them: a warning at once, and a sentence that stays in their provenance."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from miscope.errors import MiscopeWarning

__all__ = ["noted"]


def noted(provenance: Mapping[str, Any], notes: Iterable[str]) -> dict[str, Any]:
    """Provenance with these notes beside those that it has, each of them said once, as a `MiscopeWarning`.

    >>> noted({"label": "x"}, [])
    {'label': 'x'}
    """
    before = list(provenance.get("notes", ()))
    new = [text for text in dict.fromkeys(notes) if text not in before]
    for text in new:
        warnings.warn(text, MiscopeWarning, stacklevel=4)
    return {**provenance, "notes": [*before, *new]} if new else dict(provenance)
