"""Which curves may stand in one chart: those whose values, symbols and lags mean the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from miscope.figures.style import lag_unit
from miscope.report.words import listed, whole

if TYPE_CHECKING:
    from miscope.curve import MICurve

__all__ = ["QUANTITIES", "Group", "alphabet", "grouped", "in_unit", "source_of", "symbols"]

QUANTITIES = {
    "mutual_information": "mutual information",
    "rational": "rational mutual information",
    "correlation": "correlation",
}
_UNLIKE = 2.0  # ratio of the sizes of two alphabets, from which curves do not stand in one chart
_MOST_NAMED = 4  # kinds of symbols, in a title


@dataclass(frozen=True)
class Group:
    """Curves for one chart: what their symbols and lags are, their names in the page, the unit of their lags."""

    words: str
    curves: tuple[MICurve, ...]
    names: tuple[str, ...]
    lag: str = "symbols"

    @property
    def quantity(self) -> str:
        """What they measure, with its unit."""
        return f"{QUANTITIES[self.curves[0].quantity]}{in_unit(self.curves[0].unit)}"

    @property
    def title(self) -> str:
        """What stands above their chart."""
        return f"{self.quantity[:1].upper()}{self.quantity[1:]}: {self.words}"


class _Home(NamedTuple):
    """What symbols and lags are, as far as charts keep them apart."""

    kind: str  # "" for symbols as such: of processes, of models, of arrays
    lag: str


def grouped(curves: list[MICurve], names: list[str], learnt: Mapping[str, str] | None = None) -> list[Group]:
    """Curves by what their values and lags mean: quantity, unit, kind of symbols, unit of lags, size of the alphabet.

    Parameters
    ----------
    curves, names
        The curves, and what the page calls them.
    learnt
        Labels of models, and of the data that they were compared with: they stand beside these.
    """
    groups: list[list[tuple[MICurve, str]]] = []
    homes: list[_Home] = []
    for curve, name in zip(curves, names, strict=True):
        home = _home(curve, curves, learnt or {})
        for group, at in zip(groups, homes, strict=True):
            if at == home and all(_alike(curve, other) for other, _ in group):
                group.append((curve, name))
                break
        else:
            groups.append([(curve, name)])
            homes.append(home)
    made = []
    for group, home in zip(groups, homes, strict=True):
        of, called = zip(*group, strict=True)
        made.append(Group(_words(list(of), home.lag), of, called, home.lag))
    return made


def _alike(one: MICurve, other: MICurve) -> bool:
    if (one.quantity, one.unit) != (other.quantity, other.unit):
        return False
    sizes = alphabet(one), alphabet(other)
    return not all(sizes) or max(sizes) <= _UNLIKE * min(sizes)


def _home(curve: MICurve, curves: Sequence[MICurve], learnt: Mapping[str, str]) -> _Home:
    """Where a curve belongs; a model with the data that it learnt, as far as that can be told."""
    if not _is_model(curve):
        return _own_home(curve)
    data = [each for each in curves if not _is_model(each) and _quantity(each) == _quantity(curve)]
    own = {_own_home(each) for each in data if each.label and each.label == learnt.get(curve.label)}
    if len(own) != 1 and curve.label not in learnt:
        # Models do not say what they learnt, but an alphabet of just that size does, where only one curve has it.
        own = {_own_home(each) for each in data if alphabet(each) == alphabet(curve) > 0}
    return own.pop() if len(own) == 1 else _own_home(curve)


def _quantity(curve: MICurve) -> tuple[str, str]:
    return curve.quantity, curve.unit


def _own_home(curve: MICurve) -> _Home:
    source, kind = source_of(curve), symbols(curve)
    if curve.estimator != "gaussian" and "quantised" in source:
        kind = "" if "process" in source else "numbers"
    return _Home(kind, lag_unit(curve.provenance))


def _is_model(curve: MICurve) -> bool:
    return "model" in source_of(curve)


def source_of(curve: MICurve) -> Mapping[str, Any]:
    """What provenance says of where the data come from."""
    source = curve.provenance.get("source")
    return source if isinstance(source, Mapping) else {}


def symbols(curve: MICurve) -> str:
    """What a symbol of the data is; "" where that is not known, as of models and processes.

    >>> import miscope as ms
    >>> curve = ms.measure(ms.processes.FractionalNoise(hurst=0.8).sample(8, 256), [1, 2])
    >>> symbols(curve)
    'quantiles of numbers'
    """
    source = source_of(curve)
    if curve.estimator == "gaussian":
        return "real numbers"
    if "quantised" in source:
        return _cut(source)
    unit = source.get("unit")
    return f"{unit}s" if isinstance(unit, str) and unit else ""


def _cut(source: Mapping[str, Any]) -> str:
    """Numbers as symbols, by what was done to them."""
    cut = source["quantised"] if isinstance(source["quantised"], Mapping) else {}
    numbers = "returns" if "returns" in source else "numbers"
    asked = cut.get("asked_for")
    if asked == "sign":
        return f"signs of {numbers}"
    if cut.get("of") == "absolute values":
        numbers = "absolute returns" if "returns" in source else "absolute values"
    return f"classes of {numbers}" if isinstance(asked, str) else f"quantiles of {numbers}"


def alphabet(curve: MICurve) -> int:
    """How many kinds of symbols there are; 0 where that is not known."""
    model = source_of(curve).get("model")
    config = model.get("config") if isinstance(model, Mapping) else None
    for place, name in ((curve.provenance, "n_symbols_seen"), (config, "alphabet_size")):
        size = place.get(name) if isinstance(place, Mapping) else None
        if isinstance(size, int) and size > 0:
            return size
    return 0


def in_unit(unit: str) -> str:
    """A unit in brackets, if there is one."""
    return f" ({unit})" if unit else ""


def _words(curves: list[MICurve], lag: str) -> str:
    """What is true of the symbols and lags of all these curves."""
    kinds = [*dict.fromkeys(_what(curve) for curve in curves if not _is_model(curve))]
    of = [*kinds, "models"] if any(_is_model(curve) for curve in curves) else kinds
    sizes = sorted({alphabet(curve) for curve in curves} - {0})
    parts = [listed(of, _MOST_NAMED)]
    if sizes and kinds != ["real numbers"]:
        span = whole(sizes[0]) if len(sizes) == 1 else f"{whole(sizes[0])} to {whole(sizes[-1])}"
        parts.append(f"{span} {'kind' if sizes == [1] else 'kinds'} of symbols")
    if lag not in ("symbols", *kinds):
        parts.append(f"lags in {lag}")
    return ", ".join(parts)


def _what(curve: MICurve) -> str:
    """What a curve that is of no model is of, in a title."""
    process = source_of(curve).get("process")
    if isinstance(process, Mapping):
        kind = symbols(curve)
        return f"{kind} of a process" if kind else "a process"
    return symbols(curve) or "symbols of unknown kind"
