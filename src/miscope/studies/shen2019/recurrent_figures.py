"""Figures of the recurrent networks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from miscope.figures.series import Plot, Series
from miscope.studies.findings import Number
from miscope.studies.shen2019.at_hand import DATA
from miscope.studies.shen2019.networks import KINDS, Seen, along

__all__ = ["figures"]


def figures(seen: Sequence[Seen], settings: Mapping[str, Any]) -> tuple[Plot, ...]:
    """All of them."""
    drawn = (*_curves(seen, settings), _lengths(seen), *_sizes(seen, settings), _reaches(seen))
    return tuple(plot for plot in drawn if any(each.y for each in plot.series))


def _curves(seen: Sequence[Seen], settings: Mapping[str, Any]) -> Iterator[Plot]:
    """One figure a kind: its widths, and one for the centre's spectra."""
    lags = seen[0].curve.lags
    truth = Series.line("data", lags, DATA.mutual_information(lags))
    reading = (
        "Points are what trained networks generate, with 95 % intervals (hollow: not significant); broken lines are "
        "foretold by the spectrum of each network from another, shorter run; the dark line is the law of their data."
    )
    for what, name in (("width", "widths"), ("length", "lengths of training")):
        for kind, some in along(seen, settings, what).items():
            series: list[Series] = []
            for each in some:
                own = f"{getattr(each.shape, what)}"
                series.append(Series.of_curve(each.curve, own))
                series.append(
                    Series.line(f"{own}, spectrum", each.said["lags"], each.said["mutual_information"], of=own)
                )
            yield Plot(
                f"curves-{kind}-{what}",
                f"{KINDS[kind]}, by {name}",
                reading,
                "lag (symbols)",
                "mutual information (nats)",
                (*series, truth),
            )


def _by_kind(seen: Sequence[Seen]) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = {}
    for each in seen:
        found.setdefault(KINDS[each.shape.kind], []).append(each)
    return found


def _points(label: str, pairs: Sequence[tuple[float, Number]]) -> Series:
    """Numbers with their intervals, where there are any."""
    kept = [(x, y) for x, y in pairs if math.isfinite(x) and math.isfinite(y.value)]
    at, values = tuple(x for x, _ in kept), tuple(y.value for _, y in kept)
    return Series(label, at, values, tuple(y.low for _, y in kept), tuple(y.high for _, y in kept))


def _lengths(seen: Sequence[Seen]) -> Plot:
    return Plot(
        "foretold",
        "Correlation lengths, foretold and measured",
        "One point a network, with the 95 % interval of what was measured; on the line both are equal.",
        "correlation length by the spectrum (symbols)",
        "correlation length measured (symbols)",
        tuple(
            _points(kind, [(each.spectral.value, each.length) for each in some])
            for kind, some in _by_kind(seen).items()
        ),
        diagonal=True,
    )


def _sizes(seen: Sequence[Seen], settings: Mapping[str, Any]) -> Iterator[Plot]:
    for what, title, label in (
        ("width", "width", "units in the hidden layer"),
        ("length", "length of training", "symbols in each document of the training"),
    ):
        groups = along(seen, settings, what)
        series = tuple(
            _points(KINDS[kind], [(float(getattr(each.shape, what)), each.length) for each in some])
            for kind, some in groups.items()
        )
        yield Plot(
            f"lengths-{what}",
            f"Correlation length against {title}",
            "One point a network, with the 95 % interval of its measurement: what another training of the same "
            "network would give is not in it.",
            label,
            "correlation length (symbols)",
            series,
        )


def _reaches(seen: Sequence[Seen]) -> Plot:
    return Plot(
        "reach",
        "Reach against correlation length",
        "Up to which distance a network keeps half of the data's information, against its correlation length; one "
        "point a network, with the 95 % interval of the reach. On the line both are equal.",
        "correlation length measured (symbols)",
        "reach (symbols)",
        tuple(
            _points(kind, [(each.length.value, each.reach) for each in some]) for kind, some in _by_kind(seen).items()
        ),
        diagonal=True,
    )
