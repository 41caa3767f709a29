"""Data frames, of pandas, polars or whatever else, and tables of Arrow: known by what they offer; none is imported."""

from __future__ import annotations

from typing import Any, Protocol

from miscope.errors import InputError

__all__ = ["Frame", "is_frame", "only_column", "to_arrow"]

_OFFERED = ("iloc", "get_column", "to_arrow", "column_names", "to_pandas", "collect")
"""Beside its columns, a data frame or a table has one of these."""


class Frame(Protocol):
    """A data frame, or a table of Arrow."""

    @property
    def columns(self) -> Any:
        """Its columns, or their names."""


def is_frame(data: Any) -> bool:
    """Whether this is a data frame or a table of Arrow.

    >>> is_frame([[1, 2], [3, 4]]), is_frame("columns")
    (False, False)
    """
    return hasattr(data, "columns") and any(hasattr(data, name) for name in _OFFERED)


def only_column(frame: Any) -> Any:
    """The values of a data frame that has one column.

    Raises
    ------
    InputError
        It has several: as an array each row would be a document. Or it is not in memory.
    """
    _refuse_lazy(frame)
    names = _names(frame)
    if len(names) != 1:
        shown = ", ".join(map(str, names[:5])) + (", …" if len(names) > 5 else "")
        example = repr(names[0]) if names else "'name'"
        raise InputError(
            f"the data are a data frame of {len(names)} columns ({shown}): pass one of them, "
            f"frame[{example}].to_numpy(), or let read_table(frame, column={example}, document=…) make sequences of it"
        )
    column = frame[names[0]]
    return column.to_numpy() if hasattr(column, "to_numpy") else column


def to_arrow(frame: Any) -> Any:
    """A data frame as a table of Arrow; of pandas, whose index has a name, the index is a column too.

    Raises
    ------
    InputError
        A column holds what Arrow has no type for, or this is no data frame that is in memory.
    """
    import pyarrow as pa

    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    if isinstance(frame, pa.Table):
        return frame
    _refuse_lazy(frame)
    try:
        if hasattr(frame, "iloc") and hasattr(frame, "index"):
            named = all(name is not None for name in frame.index.names)
            return pa.Table.from_pandas(frame, preserve_index=named).replace_schema_metadata(None)
        return frame.to_arrow() if hasattr(frame, "to_arrow") else pa.table(frame)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(
            f"the data frame cannot be read as a table ({_plain(error)}): make all values of a column numbers, or all "
            "of them strings"
        ) from error


def _refuse_lazy(frame: Any) -> None:
    if hasattr(frame, "collect") and not hasattr(frame, "to_arrow") and not hasattr(frame, "iloc"):
        raise InputError("the data frame is not in memory: collect it first, or write it as Parquet and read that")


def _names(frame: Any) -> list[Any]:
    of_arrow = hasattr(frame, "column_names") and not hasattr(frame, "iloc")
    return list(frame.column_names if of_arrow else frame.columns)


def _plain(error: Exception) -> str:
    """The words of an error of Arrow's, which come in one piece or in several."""
    return "; ".join(map(str, error.args)) or type(error).__name__
