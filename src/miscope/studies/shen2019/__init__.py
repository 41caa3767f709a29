"""The questions of Shen, *Mutual Information Scaling and Expressive Power of Sequence Models* (2019), put to data."""

from miscope.studies.shen2019.study import EXPERIMENTS, SCALES, Study, shen2019
from miscope.studies.shen2019.writing import page_tables

__all__ = ["EXPERIMENTS", "SCALES", "Study", "page_tables", "shen2019"]
