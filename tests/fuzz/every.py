"""All kinds."""

from . import commands, data_kinds, written_kinds

KINDS = [*data_kinds.KINDS, *written_kinds.KINDS, *commands.KINDS]
