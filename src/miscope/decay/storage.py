"""Fits as files: one JSON object."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.atomic import atomic_path, check_suffix
from miscope.decay.laws import law_named
from miscope.digests import checked, signed
from miscope.errors import FormatError, MiscopeError
from miscope.formats import number, plain
from miscope.whole_files import json_of, read_whole

if TYPE_CHECKING:
    from miscope.decay.result import DecayFit, LawFit

__all__ = ["from_dict", "from_json", "load", "save", "to_dict", "to_json"]

FORMAT = "miscope decay fit"
VERSION = 1


def to_json(fit: DecayFit) -> str:
    """A fit as one line of JSON with its digest."""
    return signed(to_dict(fit))


def to_dict(fit: DecayFit) -> dict[str, Any]:
    """A fit as JSON can hold it; numbers that are none (nan, infinity) as null and as strings."""
    body = {
        "format": FORMAT,
        "version": VERSION,
        "verdict": asdict(fit.verdict),
        "laws": [
            {
                "law": each.name,
                "parameters": {name: vars(estimate) for name, estimate in each.parameters.items()},
                "weight": each.weight,
                "aicc": each.aicc,
                "log_likelihood": each.log_likelihood,
                "discrepancy": each.discrepancy,
                "floor": each.floor,
                "theta": list(each.theta),
                "deviations": each.deviations.tolist(),
                "own_deviations": each.own_deviations.tolist(),
                "degrees": each.degrees,
                "unit": each.unit,
            }
            for each in fit.laws
        ],
        "sensitivity": [asdict(row) for row in fit.sensitivity],
        "lags": fit.lags.tolist(),
        "values": fit.values.tolist(),
        "stderr": fit.stderr.tolist(),
        "significant": fit.significant.tolist(),
        "unit": fit.unit,
        "label": fit.label,
        "notes": list(fit.notes),
        "provenance": dict(fit.provenance),
    }
    made: dict[str, Any] = plain(body)
    return made


def save(fit: DecayFit, path: str | Path) -> None:
    """Write a fit to a temporary name and rename it into place.

    Raises
    ------
    InputError
        If the name does not end in ``.json``.
    """
    check_suffix(path, (".json",), "a fit")
    with atomic_path(path) as temporary:
        temporary.write_text(to_json(fit) + "\n", encoding="utf-8", errors="backslashreplace")


def load(path: str | Path) -> DecayFit:
    """Read a fit back."""
    try:
        text = read_whole(path).decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError(f"{path} is not a fit of miscope: it is not JSON") from None
    return from_json(text, str(path))


def from_json(text: str, name: str = "the text") -> DecayFit:
    """A fit from what `to_json` gave."""
    try:
        body = json_of(text, name, finite=False)
    except ValueError:
        raise FormatError(f"{name} is not a fit of miscope, or is cut off: it is not JSON") from None
    _check_form(body, name)
    with checked(body, name):
        return from_dict(body, name)


def from_dict(body: Any, name: str) -> DecayFit:
    """A fit from what `to_dict` gave, inside a document that has a digest of its own."""
    _check_form(body, name)
    try:
        return _restore(body)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, MiscopeError) as error:
        raise FormatError(f"{name} is a damaged fit of miscope: {type(error).__name__}: {error}") from None


def _check_form(body: Any, name: str) -> None:
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise FormatError(f"{name} is not a fit of miscope, as `miscope fit -o` and DecayFit.save write it")
    if body.get("version") != VERSION:
        raise FormatError(
            f"{name} is a fit of version {body.get('version')}, and this miscope reads version {VERSION}: fit the "
            "curve again, or install the miscope that wrote it"
        )


def _restore(body: dict[str, Any]) -> DecayFit:
    from miscope.decay.result import DecayFit, Sensitivity
    from miscope.decay.verdict import KINDS, Verdict

    verdict = Verdict(**_fields(body["verdict"], ("kind", "reason")))
    rows = tuple(Sensitivity(**_fields(row, ("kind",))) for row in body["sensitivity"])
    for kind in (verdict.kind, *(row.kind for row in rows)):
        _demand(kind in KINDS, f"{kind!r} is no verdict")
    lags, values, stderr = (_numbers(body[name], 1) for name in ("lags", "values", "stderr"))
    significant = body["significant"]
    _demand(isinstance(significant, list) and all(isinstance(each, bool) for each in significant), "significant")
    _demand(len(lags) == len(values) == len(stderr) == len(significant), "columns of different lengths")
    _demand(isinstance(body["notes"], list) and isinstance(body["provenance"], dict), "notes or provenance")
    return DecayFit(
        verdict,
        tuple(_law(each) for each in body["laws"]),
        rows,
        lags,
        values,
        stderr,
        np.array(significant, dtype=bool),
        str(body["unit"]),
        str(body["label"]),
        tuple(map(str, body["notes"])),
        body["provenance"],
    )


def _law(given: dict[str, Any]) -> LawFit:
    from miscope.decay.result import LawFit

    law, floor = law_named(given["law"]), given["floor"]
    _demand(isinstance(floor, bool), "floor")
    n = len(law.parameters) + floor
    theta = _numbers(given["theta"], 1)
    deviations, own = (_numbers(given[name], 2, n) for name in ("deviations", "own_deviations"))
    _demand(len(theta) == deviations.shape[1] == own.shape[1] == n, f"{law.name} has {n} parameters")
    names = ("degrees", "discrepancy", "log_likelihood", "aicc", "weight")
    degrees, discrepancy, likelihood, aicc, weight = (number(given[name]) for name in names)
    found = tuple(map(float, theta))
    return LawFit(
        law, floor, found, deviations, own, degrees, discrepancy, likelihood, aicc, weight, str(given["unit"])
    )


def _fields(given: dict[str, Any], texts: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a small record: these are text, the others numbers."""
    for name in texts:
        _demand(isinstance(given[name], str), name)
    numbers = {name: number(value) for name, value in given.items() if name not in texts}
    return {name: value if name in texts or type(value) is int else numbers[name] for name, value in given.items()}


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def _numbers(values: Any, n_axes: int, width: int = 0) -> np.ndarray:
    """Nested lists of numbers as an array of so many axes; no rows at all are of this width."""

    def numbers(each: Any) -> Any:
        return [numbers(one) for one in each] if isinstance(each, list) else number(each)

    _demand(isinstance(values, list), "a list of numbers is missing")
    array = np.array(numbers(values), dtype=np.float64)
    if not values and n_axes == 2:
        array = array.reshape(0, width)
    _demand(array.ndim == n_axes, f"numbers of {array.ndim} axes")
    return array
