"""Drawing results, with matplotlib: functions of (result, axes)."""

from miscope.figures.calibration import plot_coverage, plot_false_alarms, plot_single
from miscope.figures.curves import Truth, check_scale, exact_values, plot
from miscope.figures.decay import plot_fit
from miscope.figures.history import plot_history
from miscope.figures.models import plot_couplings, plot_reach, plot_spectrum
from miscope.figures.style import FORMATS, save_figure
from miscope.figures.uniformity import plot_drift, plot_uniformity

__all__ = [
    "FORMATS",
    "Truth",
    "check_scale",
    "exact_values",
    "plot",
    "plot_couplings",
    "plot_coverage",
    "plot_drift",
    "plot_false_alarms",
    "plot_fit",
    "plot_history",
    "plot_reach",
    "plot_single",
    "plot_spectrum",
    "plot_uniformity",
    "save_figure",
]
