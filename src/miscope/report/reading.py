"""Results by name or as they are: what a report is made from, told apart by what it is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miscope.digests import checked
from miscope.errors import FormatError, InputError
from miscope.formats import checked_kind, marked
from miscope.whole_files import json_of, read_whole

__all__ = ["HOW_MADE", "Item", "collect"]

HOW_MADE = {
    "curve": "miscope measure FILE -o curve.json",
    "fit": "miscope fit curve.json -o fit.json",
    "reach": "miscope compare DATA MODEL -o reach.json",
    "uniformity": "miscope uniformity PART PART -o parts.json",
    "drift": "miscope uniformity FILE --drift -o drift.json",
    "spectrum": "miscope probe MODEL --spectrum --json > model.json",
    "couplings": "miscope probe MODEL --couplings --json > model.json",
    "contributions": "miscope.contributions(sequences, lag)",
    "comparison": "miscope.compare(fit, other)",
    "study": "miscope study shen2019 --folder FOLDER",
}
"""How each kind of result comes about, for messages and for pages."""

# What sets the dictionary of each kind apart, where it does not say itself what it is.
_MARKS = {
    "reach": {"data", "models", "factor", "level"},
    "uniformity": {"exchangeable", "part_p", "ratios"},
    "drift": {"bounds", "slopes", "p_trend"},
    "spectrum": {"eigenvalue_moduli", "driven_exponent"},
    "couplings": {"n_contexts", "context", "values"},
    "comparison": {"parameter", "ratio", "p_value", "first", "second"},
}
_SUFFIXES = (".json", ".parquet")
_MOST_BYTES = 1 << 28  # of a file in a folder, beyond which it is no result
_SAVED = "curves (.json, .parquet), fits, and what compare, uniformity and probe write as JSON"


@dataclass(frozen=True)
class Item:
    """A result, and where it came from.

    Attributes
    ----------
    kind
        One of `HOW_MADE`.
    value
        `MICurve` or `DecayFit`; a dictionary for all other kinds.
    name
        Of the file, or of the result.
    """

    kind: str
    value: Any
    name: str


def collect(results: Any) -> tuple[list[Item], list[str]]:
    """All results among what a person hands over, and notes on files in folders that were left out.

    Parameters
    ----------
    results
        A result, the name of a file or of a folder, or several of them.

    Raises
    ------
    InputError
        If there is none, or something is no result of miscope.
    FormatError
        If a file is damaged or of another version.
    """
    given = [results] if isinstance(results, str | Path | Mapping) or not isinstance(results, Iterable) else [*results]
    items: list[Item] = []
    notes: list[str] = []
    for each in given:
        if isinstance(each, str | Path):
            found, left_out = _named(Path(each))
            items += found
            notes += left_out
        else:
            items.append(_of_object(each))
    if not items:
        raise InputError(f"a report is made from results, and none is given: name {_SAVED}, or folders of them")
    return items, notes


def _of_object(given: Any) -> Item:
    """What a function of miscope returned. By the name of its type: importing all of them would bring torch."""
    kind, module = type(given).__name__, type(given).__module__
    if module.startswith("miscope."):
        if kind == "MICurve":
            return Item("curve", given, given.label or "curve")
        if kind == "DecayFit":
            return Item("fit", given, given.label or "fit")
        if kind == "Reach":
            return Item("reach", _reaches(given.to_dict(), given.labels), f"reach of {given.labels[1] or 'the model'}")
        if kind in ("Uniformity", "Drift", "Spectrum", "Couplings"):
            return Item(
                kind.lower(), given.to_dict(), f"{kind.lower()} of {getattr(given, 'label', '') or 'the parts'}"
            )
        if kind == "Comparison":
            return Item("comparison", vars(given) | {"different": given.different}, "comparison")
        if kind == "Contributions":
            return Item("contributions", given.to_dict(), f"pairs of {given.label or 'the data'}")
    raise InputError(
        f"a report is made from results of miscope (curves, fits, reaches, …) and names of their files, not from "
        f"{kind}: {given!r:.60}"
    )


def _reaches(reach: dict[str, Any], labels: Any) -> dict[str, Any]:
    """A reach as `miscope compare` writes several."""
    one = {"model": labels[1], "label": labels[1], "parameters": None, "horizon": None, "verdict": None}
    body = {"data": {"label": labels[0], "law": ""}, "factor": reach["factor"], "level": reach["level"]}
    return marked("reaches", body | {"models": [one | {"reach": reach}]})


def _named(path: Path) -> tuple[list[Item], list[str]]:
    if os.path.isdir(path):  # noqa: PTH112 - never raises, whatever the name
        return _of_folder(path)
    found = _of_content(read_whole(path), str(path))
    if not found:
        raise FormatError(f"{path} is no result that a report can show: these are {_SAVED}")
    return found, []


def _of_folder(folder: Path) -> tuple[list[Item], list[str]]:
    """All results in a folder and those below it; what else is there as JSON or Parquet is told."""
    items: list[Item] = []
    left_out: list[str] = []
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    for path in files:
        found = [] if path.stat().st_size > _MOST_BYTES else _of_content(read_whole(path), str(path), in_folder=True)
        items += found
        if not found:
            left_out.append(str(path.relative_to(folder)))
    if not items:
        raise InputError(f"there is no result in the folder {str(folder)!r}: a report is made from {_SAVED}")
    if not left_out:
        return items, []
    shown = ", ".join(left_out[:3]) + (f" and {len(left_out) - 3} more" if len(left_out) > 3 else "")
    return items, [f"Left out of the folder {folder.name or folder}, because no results of miscope: {shown}."]


def _of_content(content: bytes, path: str, in_folder: bool = False) -> list[Item]:
    """The results in a file; none where it holds something else. In a folder that need not be told of damaged files."""
    from miscope.curve.storage import from_bytes

    name = Path(path).name
    if content[:4] == b"PAR1":
        return [] if in_folder and b"miscope.curve" not in content else [Item("curve", from_bytes(content, path), name)]
    try:
        body = json_of(content, path, finite=False)
    except FormatError:
        if in_folder and not _says_what_it_is(content):
            return []
        raise
    try:
        items = _of_body(body, path, name) if isinstance(body, dict) else []
    except (LookupError, TypeError, AttributeError) as error:
        raise FormatError(f"{path} is damaged, or changed since: {type(error).__name__}: {error}") from None
    if items:  # files of others may have a member of that name
        with checked(body, path):
            pass
    return items


def _says_what_it_is(content: bytes) -> bool:
    return b'"miscope' in content[:200]


def _of_kind(kind: str, body: dict[str, Any], name: str) -> Item:
    """A result that says what it is; one reach as those of several models."""
    if kind == "reach":
        return Item("reach", _reaches(body, body["labels"]), name)
    return Item("reach" if kind == "reaches" else kind, body, name)


def _of_body(body: dict[str, Any], path: str, name: str) -> list[Item]:
    from miscope.curve.storage import from_dict as curve_from_dict
    from miscope.decay.storage import FORMAT
    from miscope.decay.storage import from_dict as fit_from_dict

    if body.get("format") == "miscope.curve":
        return [Item("curve", curve_from_dict(body, path), name)]
    if body.get("format") == FORMAT:
        return [Item("fit", fit_from_dict(body, path), name)]
    if isinstance(body.get("curve"), dict):  # measure --json --fit, probe --json
        parts = [body["curve"], *(body[each] for each in ("fit", "spectrum", "couplings") if body.get(each))]
        return [item for part in parts if isinstance(part, dict) for item in _of_body(part, path, name)]
    if isinstance(body.get("fits"), list) and isinstance(body.get("comparisons"), list):  # fit --json
        parts = [*body["fits"], *body["comparisons"]]
        return [item for part in parts if isinstance(part, dict) for item in _of_body(part, path, name)]
    kind = checked_kind(body, path)
    if kind is not None:
        return [_of_kind(kind, body, name)]
    for kind, marks in _MARKS.items():
        if marks <= body.keys():
            if kind == "comparison":  # which stands inside of what `fit --json` prints
                return [Item(kind, body, name)]
            raise FormatError(
                f"{path} was written by an early version of miscope, or changed since: make it again "
                f"({HOW_MADE[kind]}), or use the miscope that wrote it"
            )
    if str(body.get("format", "")).startswith("miscope"):
        raise FormatError(
            f"{path} is of the kind {body['format']!r}, which this version of miscope does not show: use the one that "
            "wrote it, or make it again"
        )
    return []
