"""Classes of symbols, as probes take them: those of the room of sequences, where no torch is needed."""

from __future__ import annotations

from miscope.sequences.classes import SymbolClasses, by_frequency, by_map

__all__ = ["SymbolClasses", "by_frequency", "by_map"]
