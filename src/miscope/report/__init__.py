"""Results become one page: summary, interactive figures, tables, provenance, in a file that needs nothing else."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from miscope.report.page import report

__all__ = ["report"]


class _Room(ModuleType):
    """A module with the name of its function: ``miscope.report`` can be called, whichever of the two it is."""

    def __call__(self, *arguments: Any, **options: Any) -> Path:
        return report(*arguments, **options)


sys.modules[__name__].__class__ = _Room
