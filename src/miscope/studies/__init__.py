"""Whole experiments: many measurements, their tables and their figures."""

from miscope.studies.calibration import Calibration, calibrate

__all__ = ["Calibration", "calibrate"]
