"""The calibration as tables of Markdown, and a page whose tables are kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from miscope.atomic import atomic_path
from miscope.errors import InputError
from miscope.studies.calibration import Calibration
from miscope.studies.verdict_tables import VERDICT_TABLES, markdown

__all__ = ["TABLES", "tables", "update_page"]

Row = dict[str, Any]

_BEGIN, _END = "<!-- table: {name} -->", "<!-- end of table -->"


def tables(calibration: Calibration) -> dict[str, str]:
    """A table in Markdown for each question that was taken up."""
    made = {name: make(rows) for name, make in TABLES.items() if (rows := calibration.group(name))}
    if calibration.verdicts:
        made |= {name: make(calibration.verdicts) for name, make in VERDICT_TABLES.items()}
    return made


def update_page(path: str | Path, made: dict[str, str]) -> None:
    """Put tables in their places in a page, between ``<!-- table: NAME -->`` and ``<!-- end of table -->``.

    Raises
    ------
    InputError
        If the page has no place for one of them.
    """
    page = Path(path).read_text(encoding="utf-8")
    for name, table in made.items():
        begin = _BEGIN.format(name=name)
        if begin not in page:
            raise InputError(f"{path} has no place for the table {name}: write {begin} and {_END} where it belongs")
        start = page.index(begin) + len(begin)
        stop = page.find(_END, start)
        if stop < 0:
            raise InputError(f"{path}: the table {name} has no {_END} behind it")
        page = f"{page[:start]}\n{table}\n{page[stop:]}"
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _per_case(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of the same case together, in their order."""
    cases: dict[tuple[Any, ...], list[Row]] = {}
    keys = ("process", "documents", "length", "unequal", "estimator", "null", "blocks", "long_memory", "correct_bias")
    for row in rows:
        cases.setdefault(tuple(row[key] for key in keys), []).append(row)
    return list(cases.values())


def _shares(rows: Sequence[Row], name: str) -> str:
    return " ".join("–" if np.isnan(row[name]) else f"{100 * row[name]:.0f}" for row in rows)


def _ratios(rows: Sequence[Row], above: str, below: str) -> str:
    values = [row[above] / row[below] if row[below] > 0 else np.nan for row in rows]
    return " ".join("–" if not np.isfinite(value) else f"{value:.2f}" for value in values)


def _size(row: Row) -> str:
    length = f"{row['length']:,}" if row["length"] else "all"
    return f"{row['documents']:,} × {'up to ' if row['unequal'] else ''}{length}"


def _lags(rows: Sequence[Row]) -> str:
    return " ".join(str(row["lag"]) for row in rows)


def _information(rows: Sequence[Row]) -> str:
    return " ".join("0" if row["truth"] < 1e-12 else f"{row['truth']:.1e}" for row in rows)


def _case_table(*columns: tuple[str, Callable[[list[Row]], str]]) -> Callable[[Sequence[Row]], str]:
    def make(rows: Sequence[Row]) -> str:
        heads = [head for head, _ in columns]
        return markdown(heads, [[cell(case) for _, cell in columns] for case in _per_case(rows)])

    return make


def _of_first(name: str) -> Callable[[list[Row]], str]:
    return lambda rows: str(rows[0][name])


_process = ("process", _of_first("process"))
_sizes = ("documents × length", lambda rows: _size(rows[0]))
_at = ("lags", _lags)
_true = ("MI (nats)", _information)
_covered = ("coverage %", lambda rows: _shares(rows, "coverage"))
_bars = ("bar / spread", lambda rows: _ratios(rows, "mean_bar", "spread"))
_biases = ("bias / spread", lambda rows: _ratios(rows, "bias", "spread"))
_errors = ("RMSE (nats)", lambda rows: " ".join(f"{row['rmse']:.1e}" for row in rows))
_found = ("found %", lambda rows: _shares(rows, "found"))
_estimator = ("estimator", _of_first("estimator"))
_memory = ("long_memory", _of_first("long_memory"))
_refused = ("no bar %", lambda rows: _shares(rows, "refused"))
_null = ("null", lambda rows: rows[0]["null"] + ("" if rows[0]["correct_bias"] else ", correct_bias=False"))

TABLES: dict[str, Callable[[Sequence[Row]], str]] = {
    "documents": _case_table(_process, _at, _true, _biases, _errors, _bars, _covered),
    "sizes": _case_table(_process, _sizes, _at, _biases, _bars, _covered),
    "single": _case_table(_process, _memory, _at, _biases, _bars, _covered, _refused),
    "few": _case_table(_process, _sizes, _memory, _at, _bars, _covered),
    "estimators": _case_table(_process, _estimator, _at, _true, _biases, _errors, _bars, _covered, _found),
    "blocks": _case_table(_process, ("blocks", _of_first("blocks")), _at, _bars, _covered),
    "nulls": _case_table(_process, _null, _at, _biases, _bars, _found),
    "undersampled": _case_table(_process, _sizes, _estimator, _null, _at, _true, _biases, _covered, _found),
    "real": _case_table(_process, _sizes, _null, _memory, _at, _biases, _bars, _covered),
}
