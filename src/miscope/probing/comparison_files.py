"""Comparisons of parts as files: what reports show, and beside it the curves, laws and numbers as they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope.atomic import write_json
from miscope.curve.storage import from_dict as curve_from_dict
from miscope.curve.storage import to_dict as curve_to_dict
from miscope.decay import Comparison
from miscope.decay.storage import from_dict as fit_from_dict
from miscope.decay.storage import to_dict as fit_to_dict
from miscope.errors import FormatError
from miscope.formats import array, number, plain, reading
from miscope.probing.effects import Distance
from miscope.probing.influence import Influence

if TYPE_CHECKING:
    from miscope.probing.uniformity import Uniformity

__all__ = ["load", "save"]

_BY_LAG = ("lag_p", "lag_pattern_p")
_BY_PART = ("ratios", "ratios_low", "ratios_high")
_SHARES = ("shares", "shares_stderr")
_SYMBOLS = ("unigrams", "unigrams_stderr")
_NUMBERS = ("level", "p_value", "p_composition", "p_dependence", "p_pattern")
_ARRAYS = (*_BY_LAG, *_BY_PART, *_SHARES, *_SYMBOLS, "part_p")


def save(found: Uniformity, path: str | Path) -> None:
    """Write a comparison of parts."""
    whole = {name: plain(getattr(found, name)) for name in (*_ARRAYS, *_NUMBERS)}
    whole |= {
        "distances": [plain(vars(each)) for each in found.distances],
        "curves": [curve_to_dict(curve) for curve in (*found.curves, found.whole)],
        "fits": [None if fit is None else fit_to_dict(fit) for fit in found.fits],
        "comparisons": [[i, j, plain(vars(each))] for i, j, each in found.comparisons],
        "influence": [plain(each.to_dict()) for each in found.influence],
    }
    write_json(path, found.to_dict() | {"whole": whole}, "a comparison of parts")


def load(path: str | Path) -> Uniformity:
    """Read what `save` wrote."""
    from miscope.probing.uniformity import Uniformity

    with reading(path, "uniformity") as body:
        if "whole" not in body:
            raise FormatError("it holds what a report shows and not the whole result, as --json prints it")
        given = body["whole"]
        curves = [curve_from_dict(curve, str(path)) for curve in given["curves"]]
        return Uniformity(
            names=tuple(map(str, body["names"])),
            n_symbols=tuple(map(int, body["n_symbols"])),
            n_documents=tuple(map(int, body["n_documents"])),
            exchangeable=str(body["exchangeable"]),
            lags=array(body["lags"], len(body["lags"]), dtype=np.int64),
            distances=tuple(_distance(each) for each in given["distances"]),
            curves=tuple(curves[:-1]),
            whole=curves[-1],
            fits=tuple(None if fit is None else fit_from_dict(fit, str(path)) for fit in given["fits"]),
            comparisons=tuple((int(i), int(j), _comparison(each)) for i, j, each in given["comparisons"]),
            influence=tuple(Influence(**each) for each in given["influence"]),
            n_permutations=int(body["n_permutations"]),
            seed=int(body["seed"]),
            symbols=tuple(map(str, body["symbols"])),
            warnings=tuple(map(str, body["warnings"])),
            **_values(body, given),
        )


def _values(body: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The numbers and arrays among the fields."""
    n_parts, n_lags, size = len(body["names"]), len(body["lags"]), len(given["unigrams"][0])
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(_BY_LAG, (n_lags,)) | {"part_p": (2, n_parts)}
    shapes |= dict.fromkeys(_BY_PART, (n_parts, n_lags)) | dict.fromkeys(_SHARES, (n_parts + 1, n_lags))
    shapes |= dict.fromkeys(_SYMBOLS, (n_parts, size))
    numbers = {name: number(given[name]) for name in _NUMBERS}
    return numbers | {name: array(given[name], *shape) for name, shape in shapes.items()}


def _distance(given: dict[str, Any]) -> Distance:
    telling = tuple((str(word), number(p), number(q)) for word, p, q in given["telling"])
    names = ("total_variation", "low", "high", "jensen_shannon", "jensen_shannon_stderr")
    return Distance(part=str(given["part"]), telling=telling, **{name: number(given[name]) for name in names})


def _comparison(given: dict[str, Any]) -> Comparison:
    values: dict[str, Any] = {name: number(each) for name, each in given.items() if name != "parameter"}
    return Comparison(parameter=str(given["parameter"]), **values)
