"""Columns of lists of codes in tables, such as data that are tokenised already: every row is a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from miscope.errors import InputError
from miscope.sequences.arrays import narrow
from miscope.sequences.codes import Array, offsets_of
from miscope.sequences.columns import codes_of_lists
from miscope.sequences.table_files import TableFile

__all__ = ["read_lists"]


def read_lists(
    tables: list[TableFile], column: str, refuse_missing: bool, alphabet_size: int | None
) -> tuple[Array, Array, dict[str, Any]]:
    """Return codes, offsets, and what provenance is told: rows, and those that were missing or empty.

    Raises
    ------
    InputError
        A code is missing, negative or outside the alphabet; a row is missing where that is refused; nothing is left.
    """
    said = {"rows": 0, "rows_missing": 0, "rows_empty": 0}
    codes, offsets = codes_of_lists(_present(tables, column, refuse_missing, said), mapped=False)
    lengths = np.diff(offsets)
    said["rows_empty"] = int(np.count_nonzero(lengths == 0))
    return narrow(codes, alphabet_size), offsets_of(lengths[lengths > 0]), said


def _present(tables: list[TableFile], column: str, refuse_missing: bool, said: dict[str, int]) -> Iterator[Any]:
    """Yield the rows that are there, batch by batch."""
    import pyarrow.compute as pc

    for table in tables:
        done = 0
        for batch in table.batches({column: None}, False):
            rows = batch.column(0)
            if rows.null_count and refuse_missing:
                row = _first_null(rows)
                raise InputError(
                    f"row {done + row + 1:,} of {table.name!r} has no list: fill it in, or leave it out with "
                    "missing='break'"
                )
            if rows.flatten().null_count:
                row = pc.list_parent_indices(rows)[_first_null(rows.flatten())].as_py()
                raise InputError(
                    f"row {done + row + 1:,} of {table.name!r} has a code that is missing; leave such codes out first"
                )
            done += batch.num_rows
            said["rows_missing"] += rows.null_count
            yield rows.drop_null()
        said["rows"] += done


def _first_null(values: Any) -> int:
    return int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
