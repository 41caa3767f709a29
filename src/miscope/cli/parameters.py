"""Options that a command does not know: parameters of what it makes, a process or a model."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from miscope.errors import InputError

if TYPE_CHECKING:
    import typer

__all__ = ["CONTEXT", "listing", "named_parameters", "own_options", "parameters_in"]

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}
"""How such a command is to be registered."""

_SWITCHES = {"true": True, "yes": True, "false": False, "no": False}


def own_options(context: typer.Context) -> list[str]:
    """The options that a command knows itself."""
    spelt = [name for each in context.command.params for name in (*each.opts, *each.secondary_opts)]
    return [*(name for name in spelt if name.startswith("--")), "--help"]


def named_parameters(kind: Any, hidden: Collection[str] = ()) -> dict[str, inspect.Parameter]:
    """The parameters of a class that can be given by name, but for some."""
    found = inspect.signature(kind).parameters
    return {name: each for name, each in found.items() if name not in hidden and each.kind is not each.VAR_KEYWORD}


def parameters_in(
    words: list[str], known: Mapping[str, inspect.Parameter], own: Iterable[str], name: str
) -> tuple[dict[str, Any], list[str]]:
    """Take the parameters out of what a command was given and does not know.

    Parameters
    ----------
    words
        ``--name value``, ``--name=value``, or ``--name`` for what is either true or false; and other words.
    known
        Parameters that there are.
    own
        The command's own options, which may have been meant.
    name
        Of what is made.

    Returns
    -------
    tuple
        The parameters' values, and the other words.
    """
    from miscope.processes.naming import value_of

    spelt = {f"--{each.replace('_', '-')}": each for each in known}
    found: dict[str, Any] = {}
    others = []
    left = list(words)
    while left:
        option, equals, value = left.pop(0).partition("=")
        if not option.startswith("--"):
            others.append(f"{option}{equals}{value}")
            continue
        if option not in spelt:
            raise InputError(_unknown(option, [*spelt], [*spelt, *own], name))
        parameter = known[spelt[option]]
        if isinstance(parameter.default, bool):
            said = value if equals else left.pop(0) if left and left[0].lower() in _SWITCHES else "true"
            given: Any = _switch(said, option)
        else:
            if not equals and (not left or left[0].startswith("--")):
                raise InputError(f"{option} needs a value: {option} VALUE")
            given = value_of(value if equals else left.pop(0))
        if spelt[option] in found:
            raise InputError(f"{option} is given twice; say it once")
        found[spelt[option]] = given
    return found, others


def _unknown(option: str, spelt: list[str], options: list[str], name: str) -> str:
    near = difflib.get_close_matches(option, options, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown option {option!r}{hint} ({name} has {', '.join(spelt) or 'no parameters'}; for others see --help)"


def _switch(said: str, option: str) -> bool:
    if said.lower() not in _SWITCHES:
        raise InputError(f"{option} is either true or false, not {said!r}")
    return _SWITCHES[said.lower()]


def listing(kinds: Mapping[str, Any], hidden: Collection[str] = ()) -> list[str]:
    """Lines that name all kinds, say what they are, and show their parameters with defaults."""
    lines = []
    for name, kind in kinds.items():
        about = (inspect.getdoc(kind) or "").splitlines()[0].replace("`", "")
        options = [_option(each) for each in named_parameters(kind, hidden).values()]
        lines += [name, f"    {about}", *_filled(options), ""]
    return lines


def _option(parameter: inspect.Parameter) -> str:
    name, default = f"--{parameter.name.replace('_', '-')}", parameter.default
    if default is parameter.empty:
        return f"{name} VALUE"
    return f"[{name}]" if default is None or default is False or default == () else f"[{name} {default}]"


def _filled(options: list[str]) -> list[str]:
    import textwrap

    # Options are not to be cut at their spaces and dashes.
    whole = " ".join(option.replace(" ", "\0").replace("-", "\1") for option in options)
    lines = textwrap.wrap(whole, 100, initial_indent="    ", subsequent_indent="    ")
    return [line.replace("\0", " ").replace("\1", "-") for line in lines]
