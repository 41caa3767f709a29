"""Symbol pairs at each lag become counts, and counts become fingerprints."""

from miscope.counting.doors import METHODS, count_fingerprints, count_pairs
from miscope.counting.fingerprint import FingerprintArray
from miscope.counting.lags import default_lags, log_lags, parse_lags
from miscope.counting.pairs import Fingerprints, PairCounts

__all__ = [
    "METHODS",
    "FingerprintArray",
    "Fingerprints",
    "PairCounts",
    "count_fingerprints",
    "count_pairs",
    "default_lags",
    "log_lags",
    "parse_lags",
]
