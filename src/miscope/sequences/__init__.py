"""Data becomes symbol codes: the container, and readers of text, arrays and Arrow files."""

from miscope.sequences.builtin import builtin_corpus
from miscope.sequences.container import Sequences
from miscope.sequences.reading import read, read_npy
from miscope.sequences.series import Series
from miscope.sequences.text import read_text

__all__ = ["Sequences", "Series", "builtin_corpus", "read", "read_npy", "read_text"]
