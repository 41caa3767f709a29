"""All kinds."""

from . import data_kinds

KINDS = [*data_kinds.KINDS]
