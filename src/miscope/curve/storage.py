"""Curves on disk: JSON for people, Parquet for curves with many lags."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from miscope.atomic import atomic_path, check_suffix
from miscope.curve.result import MEASURED, QUANTITIES, MICurve
from miscope.digests import checked, digest_of, signed
from miscope.errors import FormatError
from miscope.whole_files import json_of, read_whole

__all__ = ["SUFFIXES", "TABLES", "from_bytes", "from_dict", "load", "save", "to_dict", "to_json"]

TABLES = {".csv": ",", ".tsv": "\t"}
"""Tables of a curve, for other programs, and what separates their columns."""
SUFFIXES = (".json", ".parquet", *TABLES)

_FORMAT = "miscope.curve"
_VERSION = 1
_PER_LAG = {
    "lags": np.int64,
    "mi": np.float64,
    "stderr": np.float64,
    "null": np.float64,
    "excess_stderr": np.float64,
    "n_pairs": np.int64,
    "p_values": np.float64,
}
_OPTIONAL = ("chance", "recovered", "wander", "second_order")  # per lag, or None
_PER_BLOCK = {"replicates": np.float64, "null_replicates": np.float64, "block_pairs": np.int64}
_EXPECTED: dict[str, tuple[type, tuple[str, ...]]] = {
    "estimator": (str, ()),
    "null_name": (str, ()),
    "quantity": (str, QUANTITIES),
    "label": (str, ()),
    "unit": (str, ("nats", "bits", "")),
    "bias_corrected": (bool, ()),
    "warnings": (list, ()),
    "provenance": (dict, ()),
}
_PLAIN = ("estimator", "null_name", "quantity", "label", "unit", "bias_corrected", "warnings", "provenance")


def save(curve: MICurve, path: str | Path) -> None:
    """Write a curve, or its table, to a temporary name and rename it into place."""
    check_suffix(path, SUFFIXES, "a curve")
    suffix = Path(path).suffix.lower()
    with atomic_path(path) as temporary:
        if suffix == ".parquet":
            _write_parquet(curve, temporary)
        elif suffix in TABLES:
            _write_text(curve, temporary, TABLES[suffix])
        else:
            temporary.write_text(to_json(curve) + "\n", encoding="utf-8", errors="backslashreplace")


def to_json(curve: MICurve) -> str:
    """The whole curve as one line of JSON with its digest; null stands for nan."""
    return signed(to_dict(curve))


def to_dict(curve: MICurve) -> dict[str, Any]:
    """The whole curve, its arrays as lists; None stands for nan."""
    return _about(curve) | {name: _without_nan(values.tolist()) for name, values in _columns(curve).items()}


def _about(curve: MICurve) -> dict[str, Any]:
    about = {"format": _FORMAT, "version": _VERSION, "n_blocks": curve.n_blocks}
    return about | {name: _without_nan(getattr(curve, name)) for name in _PLAIN}


def _columns(curve: MICurve) -> dict[str, np.ndarray]:
    columns = {name: getattr(curve, name) for name in _PER_LAG}
    columns |= {name: getattr(curve, name).T for name in _PER_BLOCK}
    optional = {name: getattr(curve, name) for name in _OPTIONAL}
    return columns | {name: values for name, values in optional.items() if values is not None}


def load(path: str | Path) -> MICurve:
    """Read a curve, whichever of the two formats it is in."""
    if Path(path).suffix.lower() in TABLES:
        raise FormatError(
            f"{path} is a table, which holds no replicates: to fit it, miscope fit {path}; to have the whole curve "
            "again, save it as .json or .parquet"
        )
    return from_bytes(read_whole(path), str(path))


def from_bytes(content: bytes, path: str) -> MICurve:
    """A curve from what a file holds; `path` names it in errors."""
    try:
        about = _read_parquet(content) if content[:4] == b"PAR1" else json_of(content, "it", finite=False)
    except Exception as error:  # whatever a damaged file makes a parser say
        raise FormatError(f"{path} is not a curve of miscope, or is damaged: {error}") from None
    _check_form(about, path)
    with checked(about, path):
        return from_dict(about, path)


def from_dict(about: Any, path: str) -> MICurve:
    """A curve from what `to_dict` gave, inside a document that has a digest of its own."""
    _check_form(about, path)
    try:
        return _rebuild(about)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise FormatError(f"{path} is damaged: {error!r}") from None


def _check_form(about: Any, path: str) -> None:
    if not isinstance(about, dict) or about.get("format") != _FORMAT:
        raise FormatError(f"{path} is not a curve of miscope; `miscope measure FILE -o curve.json` writes one")
    if about.get("version") != _VERSION:
        raise FormatError(
            f"{path} holds version {about.get('version')!r} of the curve format; this miscope reads version "
            f"{_VERSION}: measure again, or use the miscope that wrote it"
        )


def _rebuild(about: dict[str, Any]) -> MICurve:
    n_lags, n_blocks = len(about["lags"]), about["n_blocks"]
    values: dict[str, Any] = {name: about[name] for name in _PLAIN}
    for name, (kind, allowed) in _EXPECTED.items():
        if not isinstance(values[name], kind) or (allowed and values[name] not in allowed):
            raise ValueError(f"{name} is {values[name]!r}")
    values["warnings"] = tuple(str(text) for text in values["warnings"])
    for name, dtype in _PER_LAG.items():
        values[name] = _array(about[name], dtype, (n_lags,))
    for name, dtype in _PER_BLOCK.items():
        values[name] = _array(about[name], dtype, (n_lags, n_blocks)).T
    for name in _OPTIONAL:
        given = about.get(name)
        values[name] = None if given is None else _array(given, np.float64, (n_lags,))
    return MICurve(**values)


def _array(values: Any, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    given = np.array(values, dtype=object)
    array: np.ndarray = given.astype(dtype)
    if dtype is np.int64 and not np.array_equal(array, given):
        raise ValueError("fractions where whole numbers were expected")
    if array.size == 0:
        array = array.reshape(shape)
    if array.shape != shape:
        raise ValueError(f"shape {array.shape} where {shape} was expected")
    return array


def _without_nan(values: Any) -> Any:
    """What JSON can hold: None for what it has no number for, text for what is neither number, list nor dictionary."""
    if isinstance(values, list | tuple):
        return [_without_nan(value) for value in values]
    if isinstance(values, Mapping):
        return {str(name): _without_nan(value) for name, value in values.items()}
    if isinstance(values, np.generic):
        values = values.item()
    if isinstance(values, float):
        return values if np.isfinite(values) else None
    return values if isinstance(values, str | int | None) else str(values)


def _write_parquet(curve: MICurve, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = _columns(curve)
    arrays = {name: pa.array(list(values) if values.ndim == 2 else values) for name, values in columns.items()}
    about = _about(curve)
    table = pa.table(arrays)
    about["sha256"] = digest_of(about | _lists(table))
    with path.open("wb") as file:  # given a path, pyarrow would delete on failure what stands there
        pq.write_table(table.replace_schema_metadata({b"miscope": json.dumps(about)}), file)


def _write_text(curve: MICurve, path: Path, separator: str) -> None:
    """The table of a curve, a row a lag, with units in the names of its columns; what is not known is empty."""
    import pyarrow as pa
    from pyarrow import csv

    table = curve.to_table()
    names = [f"{name}_{curve.unit}" if curve.unit and name in MEASURED else name for name in table.column_names]
    columns = [pa.array(column.to_numpy(), from_pandas=True) for column in table.columns]  # nan is null
    with path.open("wb") as file:
        options = csv.WriteOptions(delimiter=separator, quoting_style="needed")
        csv.write_csv(pa.table(columns, names), file, options)


def _read_parquet(content: bytes) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Without threads: one that lets go of the content while an interpreter ends would take the process down.
    table = pq.read_table(pa.BufferReader(content), use_threads=False, pre_buffer=False)
    table.validate(full=True)
    about: dict[str, Any] = json_of((table.schema.metadata or {}).get(b"miscope", b"{}"), "it", finite=False)
    lists = _lists(table)
    return lists | about | lists  # the digest last, and columns before what is said of them


def _lists(table: Any) -> dict[str, Any]:
    return {name: table.column(name).to_pylist() for name in table.column_names}
