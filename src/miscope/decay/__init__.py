"""A curve becomes a law."""

from miscope.decay.comparing import Comparison, compare
from miscope.decay.deciding import fit
from miscope.decay.laws import (
    LAWS,
    Exponential,
    ExponentialAndPowerLaw,
    Law,
    PowerLaw,
    StretchedExponential,
    TruncatedPowerLaw,
)
from miscope.decay.result import DecayFit, Estimate, LawFit, Sensitivity
from miscope.decay.verdict import KINDS, Verdict

__all__ = [
    "KINDS",
    "LAWS",
    "Comparison",
    "DecayFit",
    "Estimate",
    "Exponential",
    "ExponentialAndPowerLaw",
    "Law",
    "LawFit",
    "PowerLaw",
    "Sensitivity",
    "StretchedExponential",
    "TruncatedPowerLaw",
    "Verdict",
    "compare",
    "fit",
]
