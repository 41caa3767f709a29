"""Data frames, of pandas, polars or whatever else, and tables of Arrow: known by what they offer; none is imported."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from functools import partial
from numbers import Integral
from typing import Any, Protocol

from miscope.errors import InputError

__all__ = ["Frame", "is_frame", "only_column", "only_other", "refuse_mapping", "to_arrow"]

_OFFERED = ("iloc", "get_column", "to_arrow", "column_names", "to_pandas", "collect")
"""Beside its columns, a data frame or a table has one of these."""

_LARGEST = 10**76
_DATA_SET = ("column_names", "with_format", "features")
"""What a data set of Hugging Face's has."""


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
    if isinstance(data, type):
        return False
    # Of the class: to ask a frame that is not in memory for its columns takes long.
    has_columns = hasattr(type(data), "columns")
    return _is_data_set(data) or (has_columns and any(hasattr(data, name) for name in _OFFERED))


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
            f"the data are a data frame of {len(names)} columns ({shown}): pass one of them, frame[{example}], or let "
            f"read_table(frame, column={example}, document=…) make sequences of it"
        )
    return frame.iloc[:, 0] if hasattr(frame, "iloc") else frame[names[0]]


def refuse_mapping(data: Any) -> None:
    """Refuse what holds several data under names, such as a dict, or the splits of a data set.

    >>> refuse_mapping({"train": [0, 1], "test": [1]})
    Traceback (most recent call last):
    ...
    miscope.errors.InputError: the data are a dict with the names train, test: pass one of them, data['train']

    Raises
    ------
    InputError
        It is a mapping.
    """
    if isinstance(data, Mapping):
        names = ", ".join(map(str, list(data)[:5])) + (", …" if len(data) > 5 else "")
        example = f"the names {names}: pass one of them, data[{next(iter(data))!r}]" if data else "nothing in it"
        raise InputError(f"the data are a {type(data).__name__} with {example}")


def to_arrow(frame: Any, wanted: Collection[str] | None = None) -> Any:
    """A data frame as a table of Arrow; of pandas, whose index has a name, the index is a column too.

    Parameters
    ----------
    frame
        Of any library.
    wanted
        The columns that are to be read; of all others only the names count, and nothing is in them. By default all.

    Raises
    ------
    InputError
        A column that is wanted holds what Arrow has no type for, or has the name of another one; or this is no data
        frame that is in memory.
    """
    import pyarrow as pa

    _refuse_lazy(frame)
    columns = _columns(frame)
    names = [name for name, _ in columns]
    twice = next((name for name in names if names.count(name) > 1 and (wanted is None or name in wanted)), None)
    if twice is not None:
        raise InputError(f"the data frame has two columns of the name {twice!r}; rename one of them")
    n = frame.num_rows if isinstance(frame, pa.RecordBatch) else len(frame)
    made = {
        name: _converted(name, taken) if wanted is None or name in wanted else pa.nulls(n) for name, taken in columns
    }
    return pa.table(made)


def only_other(frame: Any, names: Collection[str]) -> str | None:
    """The name of the one column of a data frame that is not among these; None if there are more, or none."""
    left = [name for name, _ in _columns(frame) if name not in names]
    return left[0] if len(left) == 1 else None


def _columns(frame: Any) -> list[tuple[str, Callable[[], Any]]]:
    """Names of columns, and what takes each of them; an index of pandas that has a name comes behind them."""
    columns: list[tuple[str, Callable[[], Any]]] = [
        (str(name), partial(_column, frame, k)) for k, name in enumerate(_names(frame))
    ]
    if not hasattr(frame, "iloc") or any(name is None for name in frame.index.names):
        return columns
    levels = enumerate(frame.index.names)
    return columns + [(str(name), partial(frame.index.get_level_values, k)) for k, name in levels]


def _column(frame: Any, k: int) -> Any:
    """A column by its number, since two may have one name."""
    import pyarrow as pa

    if hasattr(frame, "iloc"):
        return frame.iloc[:, k]
    if isinstance(frame, pa.Table | pa.RecordBatch):
        return frame.column(k)
    name = _names(frame)[k]
    if _is_data_set(frame):
        return frame.select_columns([name]).with_format("arrow")[:].column(name)
    return frame[name]


def _converted(name: str, taken: Callable[[], Any]) -> Any:
    """A column as an Arrow array."""
    import pyarrow as pa

    try:
        column = taken()
        column = column.to_arrow() if hasattr(column, "to_arrow") else column
        if isinstance(column, pa.Array | pa.ChunkedArray):
            return column
        try:
            return pa.array(column, from_pandas=True)
        except OverflowError:
            return pa.array([_any_size(value) for value in column], from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"the data frame cannot be read as a table (column {name}: {_plain(error)}): make all values of a "
            "column numbers, or all of them strings"
        ) from error


def _any_size(value: Any) -> Any:
    """Whole numbers, also in lists, as decimals, which Arrow has up to 76 digits."""
    if isinstance(value, list | tuple):
        return [_any_size(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, Integral):
        return value
    whole = int(value)
    if abs(whole) >= _LARGEST:
        raise OverflowError("a whole number of more than 76 digits; write such numbers as strings")
    return Decimal(whole)


def _is_data_set(data: Any) -> bool:
    return all(hasattr(data, name) for name in _DATA_SET)


def _refuse_lazy(frame: Any) -> None:
    lazy = hasattr(frame, "collect") and not hasattr(frame, "to_arrow") and not hasattr(frame, "iloc")
    if lazy or hasattr(frame, "compute") or (_is_data_set(frame) and not hasattr(frame, "__len__")):
        raise InputError("the data frame is not in memory: collect it first, or write it as Parquet and read that")


def _names(frame: Any) -> list[Any]:
    of_arrow = hasattr(frame, "column_names") and not hasattr(frame, "iloc")
    return list(frame.column_names if of_arrow else frame.columns)


def _plain(error: Exception) -> str:
    """The words of an error of Arrow's, which come in one piece or in several, without what cannot be printed."""
    words = "; ".join(map(str, error.args)) or type(error).__name__
    return words.encode("utf-8", "backslashreplace").decode()
