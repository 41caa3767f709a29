"""Models by name: files of miscope's, folders of Hugging Face's, and the hub."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miscope.errors import InputError, require

if TYPE_CHECKING:
    from miscope.sequences import Sequences

__all__ = [
    "MODEL_HELP",
    "in_alphabet",
    "is_other_file",
    "n_parameters",
    "names_model",
    "need_torch",
    "open_model",
    "placed",
    "read_for",
    "text_options",
]

MODEL_HELP = (
    "A .safetensors file that miscope train wrote, a folder of a Hugging Face model (config.json and weights), or "
    "hub:NAME."
)

_HUB = "hub:"
_SUFFIX = ".safetensors"


def need_torch(purpose: str) -> None:
    """Refuse, with the extra that brings it, where torch is not there."""
    require("torch", "models", purpose)


def names_model(text: str) -> bool:
    """Whether this is how a model is named, be there one or not."""
    return text.startswith(_HUB) or Path(text).suffix.lower() == _SUFFIX or Path(text).is_dir()


def open_model(text: str, device: str | None = None) -> Any:
    """Open a model by its name.

    Parameters
    ----------
    text
        A path, or ``hub:NAME``.
    device
        Where to put it. None: on the CPU.

    Raises
    ------
    InputError
        If there is no such model, or what is there is none.
    """
    need_torch("a model")
    from miscope.models import load, pretrained

    if text.startswith(_HUB):
        return placed(pretrained(text.removeprefix(_HUB)), device)
    path = Path(text)
    if path.is_dir():
        return placed(pretrained(os.path.join(".", text)), device)  # noqa: PTH118  (so that it is no name on the hub)
    if path.suffix.lower() != _SUFFIX and not path.is_file():
        raise InputError(
            f"{text!r} is no model: there is no such file or folder; name a .safetensors file that miscope train "
            f"wrote, a folder with config.json, or hub:NAME{_hint(text)}"
        )
    if is_other_file(text):
        raise InputError(
            f"{text} is no model: name a .safetensors file that miscope train wrote, a folder with config.json, or "
            "hub:NAME"
        )
    if (path.parent / "config.json").is_file() and path.suffix.lower() == _SUFFIX and not _is_ours(path):
        raise InputError(f"{text} holds the weights of a Hugging Face model: name its folder, {path.parent}")
    return placed(load(text), device)


def is_other_file(text: str) -> bool:
    """Whether a file is there under this name, and neither its name nor its first bytes are those of a model."""
    from miscope.sequences.foreign import is_safetensors

    path = Path(text)
    if path.suffix.lower() == _SUFFIX or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return not is_safetensors(file.read(16))
    except OSError:
        return False  # whoever reads it will say why not


def _hint(text: str) -> str:
    """What may have been meant by what is no model."""
    from miscope.models.naming import MODELS
    from miscope.processes.naming import PROCESSES, kebab, parsed

    if text in MODELS:
        return f" ({text} is a kind of model: miscope train {text})"
    if kebab(text.partition(":")[0]) in PROCESSES:
        return f" ({parsed(text)[0]} is a process: miscope measure --process {text})"
    return f" (on the hub: hub:{text})" if text.count("/") == 1 and not text.startswith((".", "/", "~")) else ""


def _is_ours(path: Path) -> bool:
    """Whether a file of weights says in its first bytes that miscope wrote it."""
    try:
        with path.open("rb") as file:
            return b'"miscope"' in file.read(4096)
    except OSError:
        return True  # whoever reads it will say why not


def placed(model: Any, device: str | None) -> Any:
    """The same model on a device, where one is named."""
    if device is None:
        return model
    from miscope.models.devices import chosen_device

    where = chosen_device(device)
    network = getattr(model, "model", model)
    try:
        network.to(where)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"cannot compute on {device!r}: {reason}; leave --device out for the CPU") from None
    return model


def n_parameters(model: Any) -> int | None:
    """Numbers that training changes; None for what does not tell."""
    parameters = getattr(model, "parameters", None)
    return None if parameters is None else sum(each.numel() for each in parameters())


def text_options(model: Any) -> dict[str, Any]:
    """How the text that a model was trained on became its symbols, as far as that is not the usual way."""
    provenance = getattr(model, "provenance", {})
    data = provenance.get("training", {}).get("data", {})
    found = {"unit": data.get("unit"), "fold_case": data.get("fold_case")}
    return {name: value for name, value in found.items() if value not in (None, False)}


def read_for(model: Any, name: str, quiet: bool) -> Sequences:
    """Read a file as symbols of a model."""
    if not hasattr(model, "alphabet_size"):
        raise InputError(f"{name} would be read as symbols, and {model.label} is a model of real numbers: leave it out")
    from miscope.cli.sources import read_files
    from miscope.sequences import Series
    from miscope.sequences.reading import holds_arrays

    options = {} if holds_arrays(name) else text_options(model)
    data = read_files([name], options, None, quiet)
    if isinstance(data, Series):
        raise InputError(f"{name} holds real numbers, and {model.label} has symbols")
    return in_alphabet(model, data, name)


def in_alphabet(model: Any, data: Sequences, name: str) -> Sequences:
    """The same documents in a model's own codes, or an error that names the symbols that it does not know."""
    from miscope.models.batches import recoding
    from miscope.sequences.codes import code_dtype, recode

    try:
        table, _ = recoding(model, data)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    dtype = code_dtype(model.alphabet_size)
    codes = data.codes.astype(dtype, copy=False) if table is None else recode(data.codes, table.astype(dtype))
    alphabet = None if data.alphabet is None else getattr(model, "alphabet", None)
    return dataclasses.replace(data, codes=codes, alphabet_size=model.alphabet_size, alphabet=alphabet)
