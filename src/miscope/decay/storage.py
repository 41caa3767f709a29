"""Fits as files: one JSON object."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.atomic import atomic_path
from miscope.decay.laws import law_named
from miscope.errors import FormatError, InputError

if TYPE_CHECKING:
    from miscope.decay.result import DecayFit

__all__ = ["from_json", "load", "save", "to_json"]

FORMAT = "miscope decay fit"
VERSION = 1


def to_json(fit: DecayFit) -> str:
    """A fit as one line of JSON; numbers that are none (nan, infinity) as null and as strings."""
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
                "discrepancy_stderr": each.discrepancy_stderr.tolist(),
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
    return json.dumps(_plain(body), allow_nan=False)


def save(fit: DecayFit, path: str | Path) -> None:
    """Write a fit to a temporary name and rename it into place.

    Raises
    ------
    InputError
        If the name does not end in ``.json``.
    """
    if Path(path).suffix.lower() != ".json":
        raise InputError(f"a fit is written as .json, not {Path(path).name!r}")
    with atomic_path(path) as temporary:
        temporary.write_text(to_json(fit) + "\n", encoding="utf-8")


def load(path: str | Path) -> DecayFit:
    """Read a fit back."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise FormatError(f"{path} is not a fit of miscope: it is not JSON") from None
    return from_json(text, str(path))


def from_json(text: str, name: str = "the text") -> DecayFit:
    """A fit from what `to_json` gave."""
    from miscope.decay.result import DecayFit, LawFit, Sensitivity
    from miscope.decay.verdict import Verdict

    try:
        body = json.loads(text)
    except ValueError:
        raise FormatError(f"{name} is not a fit of miscope, or is cut off: it is not JSON") from None
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise FormatError(f"{name} is not a fit of miscope, as `miscope fit -o` and DecayFit.save write it")
    if body.get("version") != VERSION:
        raise FormatError(
            f"{name} is a fit of version {body.get('version')}, and this miscope reads version {VERSION}: fit the "
            "curve again, or install the miscope that wrote it"
        )
    try:
        laws = tuple(
            LawFit(
                law_named(each["law"]),
                bool(each["floor"]),
                tuple(_number(value) for value in each["theta"]),
                _numbers(each["deviations"]).reshape(-1, len(each["theta"])),
                _numbers(each["discrepancy_stderr"]),
                _number(each["degrees"]),
                _number(each["discrepancy"]),
                _number(each["log_likelihood"]),
                _number(each["aicc"]),
                _number(each["weight"]),
                str(each["unit"]),
            )
            for each in body["laws"]
        )
        rows = tuple(
            Sensitivity(**{key: _restored(value) for key, value in row.items()}) for row in body["sensitivity"]
        )
        return DecayFit(
            Verdict(**{key: _restored(value) for key, value in body["verdict"].items()}),
            laws,
            rows,
            _numbers(body["lags"]),
            _numbers(body["values"]),
            _numbers(body["stderr"]),
            np.asarray(body["significant"], dtype=bool),
            str(body["unit"]),
            str(body["label"]),
            tuple(body["notes"]),
            body["provenance"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{name} is a damaged fit of miscope: {type(error).__name__}: {error}") from None


_SPECIAL = {"Infinity": np.inf, "-Infinity": -np.inf}


def _plain(value: Any) -> Any:
    """With numbers that JSON does not have as null and as strings."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _restored(value: Any) -> Any:
    return float("nan") if value is None else _SPECIAL.get(value, value) if isinstance(value, str) else value


def _number(value: Any) -> float:
    return float(_restored(value))


def _numbers(values: Any) -> np.ndarray:
    flat = [_numbers(each) if isinstance(each, list) else _number(each) for each in values]
    return np.asarray(flat, dtype=np.float64)
