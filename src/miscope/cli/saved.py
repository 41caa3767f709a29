"""What a file is that miscope wrote and that holds no data: results, counts, models, pages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from miscope.errors import FormatError
from miscope.formats import says_kind, what_takes
from miscope.sequences.foreign import HEAD, is_safetensors
from miscope.whole_files import json_of, read_whole

__all__ = ["about_saved"]

_PAGE = b'<meta name="generator" content="miscope '
_TABLE = (b"lag,mi_", b'"lag","mi_', b"lag\tmi_", b'"lag"\t"mi_')
_SAID_OF_DATA = ("miscope.plan", "miscope.inspection")
_MODELS = {
    "miscope model": ("a model", "to measure what it draws, miscope probe {}"),
    "miscope checkpoint": (
        "a checkpoint of a training",
        "to go on, the miscope train that wrote it, with --checkpoint {}",
    ),
}
_DAMAGED = "{} is a file of safetensors, and what it says of itself is damaged, or cut off: make it again"


def about_saved(name: str) -> dict[str, Any] | None:
    """What a file is that miscope wrote, JSON-able: its kind, what it holds, and what takes it; None for data.

    Raises
    ------
    FormatError
        It is damaged, or of another version.
    """
    path = Path(name)
    if (path / "settings.json").is_file() and path.suffix == ".part":
        return _told(name, "an unfinished count", _lags_done(path), "to go on, the miscope count that began it")
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(HEAD)
    if is_safetensors(start):
        return _about_model(path)
    if _PAGE in start:
        return _told(name, "a page of results", "", "to read it, a browser; its data are those of the results")
    if start.startswith(b"ARROW1"):
        return _about_counts(name)
    if start.startswith(b"PAR1"):
        return _about_results(name, "miscope.curve") if _is_curve(name) else None
    if start.startswith(_TABLE):
        return _told(name, "a curve as a table", "", "to fit it, miscope fit {}")
    kind = says_kind(start)
    return None if kind is None else _about_results(name, kind)


def _told(name: str, what: str, holds: str, takes: str) -> dict[str, Any]:
    return {"label": Path(name).name, "kind": what, "holds": holds, "use": takes.replace("{}", name)}


def _lags_done(folder: Path) -> str:
    done = len(list(folder.glob("lag-*.cells")))
    try:
        lags = json_of(read_whole(folder / "settings.json"), str(folder))["lags"]
    except (OSError, ValueError, LookupError, TypeError):
        return f"{done:,} lags that are counted"
    return f"{done:,} of {len(lags):,} lags that are counted"


def _about_counts(name: str) -> dict[str, Any] | None:
    from miscope.counting.pair_files import is_pair_counts, load

    if not is_pair_counts(name):
        return None
    return _told(name, "counts of pairs", _inside(load(name)), "to make a curve of them, miscope measure {}")


def _is_curve(name: str) -> bool:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return b"miscope.curve" in (parquet.read_schema(name).metadata or {}).get(b"miscope", b"")
    except (pa.ArrowException, OSError):
        return False  # who reads it will say what is wrong


def _about_results(name: str, kind: str) -> dict[str, Any]:
    """Of curves and fits what they say of themselves, of other results their sentence, or what they are of."""
    from miscope.report.reading import collect

    what, takes = what_takes(kind, "{}")
    if kind in _SAID_OF_DATA:
        return _told(name, what, "", takes)
    items, _ = collect(name)
    return _told(name, what, "; ".join(filter(None, map(_holds, (item.value for item in items)))), takes)


def _holds(value: Any) -> str:
    if not isinstance(value, Mapping):
        return _inside(value)
    said = str(value.get("sentence") or value.get("summary") or "").partition("\n")[0]
    label = value.get("label") or " and ".join(map(str, value.get("names") or ()))
    return said or (f"of {label}" if label else "")


def _inside(value: Any) -> str:
    """What stands between the brackets of what prints itself."""
    return repr(value).partition("\n")[0].partition("(")[2].removesuffix(")")


def _about_model(path: Path) -> dict[str, Any] | None:
    """By the description in front of the weights, which are not read; None for the weights of others."""
    name = str(path)
    try:
        with path.open("rb") as file:
            n_bytes = int.from_bytes(file.read(8), "little")
            header = json_of(file.read(min(n_bytes, path.stat().st_size)), name, finite=False)
        about = json_of(header.get("__metadata__", {}).get("miscope", "{}"), name, finite=False)
        if about.get("format") not in _MODELS:
            return None
        what, takes = _MODELS[about["format"]]
        model = about.get("model") or {}
        config = ", ".join(f"{key}={value}" for key, value in model.get("config", {}).items())
    except (OSError, ValueError, AttributeError):
        raise FormatError(_DAMAGED.format(path)) from None
    return _told(name, what, f"{model['name']}: {config}" if "name" in model else "", takes)
