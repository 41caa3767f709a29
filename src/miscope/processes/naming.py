"""Processes by name: on the command line, and from what a sample says of where it came from."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any

from miscope.errors import InputError, choice
from miscope.processes.base import Process
from miscope.processes.fractional import FractionalNoise
from miscope.processes.gaussian import GaussianCopula, PowerLawBinary, Quantised
from miscope.processes.grammar import RandomHierarchy, TreeGrammar
from miscope.processes.ising import IsingChain
from miscope.processes.linear_rnn import LinearRNN
from miscope.processes.long_range_ising import LongRangeIsing
from miscope.processes.markov import HiddenMarkov, MarkovChain
from miscope.processes.mixture import Heterogeneous
from miscope.processes.renewal import Renewal
from miscope.whole_files import DEEPEST, is_nested

__all__ = ["PROCESSES", "from_description", "from_provenance", "from_text", "kebab", "make", "parsed", "value_of"]

_CLASSES: tuple[type[Process], ...] = (
    MarkovChain,
    HiddenMarkov,
    PowerLawBinary,
    GaussianCopula,
    TreeGrammar,
    RandomHierarchy,
    IsingChain,
    LongRangeIsing,
    LinearRNN,
    FractionalNoise,
    Renewal,
    Heterogeneous,
)


def kebab(name: str) -> str:
    """The name of a class as it is written on the command line.

    >>> kebab("PowerLawBinary"), kebab("LinearRNN")
    ('power-law-binary', 'linear-rnn')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


PROCESSES: dict[str, type[Process]] = {kebab(each.__name__): each for each in _CLASSES}
"""Every process that can be named, by its name on the command line."""


def make(name: str, parameters: Mapping[str, Any]) -> Process:
    """A process from its name, that of its class or that on the command line, and its parameters.

    >>> make("power-law-binary", {"amplitude": 0.2})
    PowerLawBinary(amplitude=0.2, exponent=0.4)
    """
    name = choice(kebab(name), PROCESSES, "process")
    kind = PROCESSES[name]
    known = list(inspect.signature(kind).parameters)
    for parameter in parameters:
        choice(parameter, known, f"parameter of {name}")
    missing = [
        p.name for p in inspect.signature(kind).parameters.values() if p.default is p.empty and p.name not in parameters
    ]
    if missing:
        raise InputError(f"{name} needs {' and '.join(missing)}; it takes {', '.join(known)}")
    return kind(**parameters)


def from_text(text: str) -> Process:
    """A process from one line: its name, then its parameters behind a colon, each value as in JSON.

    >>> from_text("power-law-binary:amplitude=0.2,exponent=0.8")
    PowerLawBinary(amplitude=0.2, exponent=0.8)
    >>> from_text("markov-chain:transition=[[0.9,0.1],[0.2,0.8]]").alphabet_size
    2

    Raises
    ------
    InputError
        If there is no such process or parameter, or a value is not what it should be.
    """
    return make(*parsed(text))


def parsed(text: str) -> tuple[str, dict[str, Any]]:
    """Name and parameters in a line such as `from_text` takes, unchecked.

    >>> parsed("renewal:tail-index=1.2")
    ('renewal', {'tail_index': 1.2})
    """
    name, _, rest = text.partition(":")
    parameters: dict[str, Any] = {}
    for part in _split(rest):
        key, equals, value = part.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key:
            raise InputError(f"cannot read {part!r}; write a process as NAME:parameter=value,parameter=value")
        if key in parameters:
            raise InputError(f"{key} is given twice in {text!r}; say once what it is to be")
        parameters[key] = value_of(value)
    return name.strip(), parameters


def value_of(text: str) -> Any:
    """A parameter's value: JSON, or else a word.

    >>> value_of("[0.1, 2]"), value_of("correlation")
    ([0.1, 2], 'correlation')
    """
    if is_nested(text.encode("utf-8", "replace")):
        raise InputError(f"{text:.20}… is nested more than {DEEPEST} deep, as no parameter is")
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def from_description(description: Any) -> Process | None:
    """The process that a sample's provenance names, or None if it cannot be made again (from a function, say).

    >>> sample = PowerLawBinary(0.2, 0.8).sample(1, 100)
    >>> from_description(sample.provenance["process"])
    PowerLawBinary(amplitude=0.2, exponent=0.8)
    """
    try:
        name, parameters = description["name"], dict(description["parameters"])
        if name == Quantised.__name__:
            inner = from_description(parameters.pop("process"))
            return None if inner is None else Quantised(inner, **parameters)  # type: ignore[arg-type]
        return make(name, parameters)
    except (InputError, KeyError, TypeError):
        return None


def from_provenance(source: Mapping[str, Any]) -> Process | None:
    """The process whose mutual information is that of the data with this provenance, or None if there is none.

    Numbers that were cut into symbols are those of the process, cut likewise; symbols that were merged, and documents
    that were cut into pieces, are not any more what the process says.

    >>> from miscope.processes import FractionalNoise
    >>> numbers = FractionalNoise(hurst=0.8).sample(1, 100)
    >>> from_provenance(numbers.provenance)
    FractionalNoise(hurst=0.8)
    >>> from_provenance(numbers.quantise(2).provenance).label
    'FractionalNoise hurst 0.8, 2 quantiles'
    """
    process = from_description(source.get("process"))
    part = source.get("part")
    if process is None or "merged_from" in source or (isinstance(part, Mapping) and part.get("by") == "symbols"):
        return None
    if "quantised" not in source:
        return process
    try:
        return Quantised(process, source["quantised"]["symbols"])  # type: ignore[arg-type]
    except (InputError, KeyError, TypeError):
        return None


def _split(text: str) -> list[str]:
    """Cut at the commas that stand inside no brackets or quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for at, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif not quoted:
            depth += (character in "[{") - (character in "]}")
        if character == "," and not depth and not quoted:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]
