"""Classes of symbols, as probes take them: those of the room of sequences, where no torch is needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from miscope.errors import InputError
from miscope.models.base import label_of
from miscope.sequences.classes import SymbolClasses, by_frequency, by_map

__all__ = ["SymbolClasses", "as_classes", "by_frequency", "by_map"]


def as_classes(given: Any, model: Any) -> SymbolClasses:
    """Classes of a model's symbols: as they are, or of an array with the class of each symbol.

    >>> from miscope.models import LSTM
    >>> as_classes([5, 9, 5], LSTM(alphabet_size=3))
    SymbolClasses(3 symbols in 2 classes: 5, 9)

    Raises
    ------
    InputError
        If they are no classes, or of another number of symbols.
    """
    if hasattr(model, "n_channels"):
        raise InputError(f"classes are of symbols, and {label_of(model)} draws real numbers: leave them out")
    classes = given if isinstance(given, SymbolClasses) else _of_array(given, int(model.alphabet_size))
    if len(classes.codes) != model.alphabet_size:
        raise InputError(
            f"classes are of {len(classes.codes):,} symbols, and {label_of(model)} has {model.alphabet_size:,}: make "
            "them of this model's alphabet"
        )
    return classes


def _of_array(given: Any, size: int) -> SymbolClasses:
    """Classes by their names: whole numbers or strings, one for each symbol."""
    array = np.asarray(given.tolist() if hasattr(given, "tolist") else given)
    if array.dtype.kind == "f" and (array == np.round(array)).all():
        array = array.astype(np.int64)  # whole numbers, as MATLAB has them
    if array.ndim != 1 or array.dtype.kind not in "iuU":
        raise InputError(
            f"classes must be made by miscope.models.by_frequency or by_map, or be an array of {size:,} whole "
            "numbers or names, the class of each symbol"
        )
    names, codes = np.unique(array, return_inverse=True)
    return SymbolClasses(codes, tuple(names.tolist()))
