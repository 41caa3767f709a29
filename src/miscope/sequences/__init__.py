"""Data becomes symbol codes: the container, and readers of text, tokens, tables, genomes, data sets, arrays."""

from miscope.sequences.array_files import read_npy, read_npz
from miscope.sequences.biology import read_fasta
from miscope.sequences.builtin import builtin_corpus
from miscope.sequences.container import Sequences
from miscope.sequences.hdf5 import read_hdf5
from miscope.sequences.hub import read_hub
from miscope.sequences.matlab import read_mat
from miscope.sequences.reading import read
from miscope.sequences.series import Series
from miscope.sequences.shards import Shards
from miscope.sequences.tables import read_table
from miscope.sequences.text import read_text
from miscope.sequences.tokens import read_tokens, tokenize

__all__ = [
    "Sequences",
    "Series",
    "Shards",
    "builtin_corpus",
    "read",
    "read_fasta",
    "read_hdf5",
    "read_hub",
    "read_mat",
    "read_npy",
    "read_npz",
    "read_table",
    "read_text",
    "read_tokens",
    "tokenize",
]
