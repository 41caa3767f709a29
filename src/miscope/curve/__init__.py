"""From sequences to a curve of mutual information against lag, with its bars, its floor and its warnings."""

from miscope.curve.measuring import QUANTITIES, measure
from miscope.curve.result import MICurve, Split

__all__ = ["QUANTITIES", "MICurve", "Split", "measure"]
