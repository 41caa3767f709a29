"""Models as files: one safetensors file, with everything else as JSON in its metadata and a digest over both."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as as_bytes
from torch import Tensor

from miscope._version import __version__
from miscope.atomic import atomic_path, check_suffix
from miscope.errors import FormatError, InputError
from miscope.formats import number
from miscope.models.base import label_of
from miscope.models.naming import MODELS
from miscope.models.trained import History, TrainedModel
from miscope.processes.checking import checked_alphabet
from miscope.whole_files import json_of, refuse_device

__all__ = ["digest_of", "load", "read_tensors", "save", "signed", "versions", "write_tensors"]

FORMAT, VERSION = "miscope model", 1
_SIGNATURE = ', "sha256": "{}"}}'


def save(trained: TrainedModel, path: str | os.PathLike[str]) -> None:
    """Write a trained model as one ``.safetensors`` file: weights, arguments, alphabet, history, provenance.

    Examples
    --------
    >>> import tempfile
    >>> from miscope.models import LSTM
    >>> from miscope.models.training import train
    >>> from miscope.processes import MarkovChain
    >>> trained = train(LSTM(2, width=4), MarkovChain([[0.9, 0.1], [0.2, 0.8]]), steps=2, batch=4, length=16)
    >>> path = Path(tempfile.mkdtemp()) / "chain.safetensors"
    >>> save(trained, path)
    >>> load(path).label
    'LSTM 4'

    Parameters
    ----------
    trained
        What `train` gave.
    path
        Written whole or not at all; nothing in it is ever executed when it is read (no pickle).

    Raises
    ------
    InputError
        If the model is not one of miscope's own, or the file cannot be written.
    """
    model = trained.model
    if MODELS.get(getattr(type(model), "name", "")) is not type(model):
        raise InputError(
            f"{label_of(model)} is not one of miscope's own models ({', '.join(MODELS)}), which alone can be made "
            "again from a file: save it with what made it (a Hugging Face model: save_pretrained)"
        )
    alphabet = getattr(model, "alphabet", None)
    body = {
        "model": {"name": model.name, "config": model.config, "alphabet": None if alphabet is None else list(alphabet)},
        "history": trained.history.to_lists(),
        "entropy_rate": trained.entropy_rate,
        "provenance": dict(trained.provenance),
    }
    write_tensors(path, FORMAT, VERSION, body, model.state_dict())


def load(path: str | os.PathLike[str]) -> TrainedModel:
    """Read a trained model from a file that `save` wrote, onto the CPU.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        If there is no such file.
    FormatError
        If the file is not such a model, is cut off or damaged, is of a newer miscope, or its weights are not those of
        the model that it says it is.
    """
    body, tensors = read_tensors(path, FORMAT, VERSION, "a model that miscope saved")
    try:
        described = body["model"]
        name, config, alphabet = described["name"], dict(described["config"]), described["alphabet"]
        history = History.from_lists(body["history"])
        entropy_rate, provenance = _rate(body["entropy_rate"]), dict(body["provenance"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FormatError(f"{path} is not whole: what it says of the model lacks {error}") from None
    if not isinstance(name, str) or name not in MODELS:
        raise FormatError(
            f"{path} holds a model {name!r}, which this miscope does not know (it knows {', '.join(MODELS)}): update "
            "miscope, if it is a newer one"
        )
    _check_shapes(path, _made(path, name, config, tensors, "meta").state_dict(), tensors)
    model = _made(path, name, config, tensors, "cpu")
    model.load_state_dict(tensors)
    if alphabet is not None:
        _give_alphabet(path, model, alphabet)
    return TrainedModel(model.eval(), history, entropy_rate, provenance)


def _made(path: str | os.PathLike[str], name: str, config: Any, tensors: Mapping[str, Tensor], device: str) -> Any:
    """A model of these arguments; on the device ``"meta"`` its weights have shapes and take no memory.

    Each of its layers has weights of its own, so that there are no more layers than tensors.
    """
    depth = config.get("depth", 1)
    if isinstance(depth, int) and depth > len(tensors):
        raise FormatError(f"{path} holds {len(tensors)} tensors, too few for {name} of {depth:,} layers")
    try:
        with torch.device(device):
            return MODELS[name](**config)
    except (InputError, TypeError, KeyError, RuntimeError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise FormatError(f"{path}: no {name} can be made of the arguments in it: {reason:.300}") from None


def write_tensors(
    path: str | os.PathLike[str], form: str, version: int, body: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write tensors and JSON as one file, whole or not at all."""
    check_suffix(path, (".safetensors",), f"a {form.removeprefix('miscope ')}")
    text = json.dumps({"format": form, "version": version, **body, "versions": versions()}, allow_nan=False)
    # Copies: safetensors refuses tensors that share memory, as tied weights do.
    plain = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        # Not its own save_file, whose files nobody else may read.
        temporary.write_bytes(as_bytes(plain, metadata={"miscope": signed(plain, text)}))


def read_tensors(
    path: str | os.PathLike[str], form: str, version: int, what: str
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read JSON and tensors of such a file, after making sure that they are those that were written."""
    metadata, tensors = _opened(path)
    text = metadata.get("miscope", "")
    try:
        body = json_of(text, str(path))
        digest = body.pop("sha256", None)
        found, number = body["format"], body["version"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FormatError(f"{path} is a safetensors file, but not {what}") from None
    if found != form:
        raise FormatError(f"{path} is not {what}: it is a {found}")
    if not isinstance(number, int) or number > version:
        raise FormatError(
            f"{path} is of version {number} of its format, and this miscope reads up to version {version}: "
            "update miscope"
        )
    if digest is None or signed(tensors, text[: -len(_SIGNATURE.format(digest))] + "}") != text:
        raise FormatError(
            f"{path} is damaged, or was changed after it was written: its digest does not fit what is in it; fetch it "
            "again, or make it again"
        )
    return body, tensors


def signed(tensors: Mapping[str, Tensor], text: str) -> str:
    """A JSON object with the digest over itself and the tensors as its last member.

    Of several entries in its metadata, safetensors writes now one first, now another: with one, the same model gives
    the same bytes.
    """
    return text[:-1] + _SIGNATURE.format(digest_of(tensors, text))


def versions() -> dict[str, str]:
    """Of the libraries that a model depends on."""
    return {
        "miscope": __version__,
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def digest_of(tensors: Mapping[str, Tensor], text: str = "") -> str:
    """SHA-256 over a text and tensors: their names, types, shapes and numbers."""
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        plain = tensor.detach().cpu().contiguous()
        # As bytes whatever the type, since numpy has no bfloat16; a view of no dimensions is not allowed.
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _opened(path: str | os.PathLike[str]) -> tuple[dict[str, str], dict[str, Tensor]]:
    name = str(path)
    refuse_device(name)
    try:
        with Path(path).open("rb") as file:
            start = file.read(9)
        with safe_open(name, "pt") as opened:
            # Copies: what is read stays whole when the file is replaced.
            return opened.metadata() or {}, {key: opened.get_tensor(key).clone() for key in opened.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise InputError(f"cannot open {name!r}: there is no such file") from None
    except (OSError, ValueError) as error:  # the latter for names that cannot be
        raise InputError(f"cannot open {name!r}: {getattr(error, 'strerror', None) or error}") from None
    except SafetensorError as error:
        if len(start) == 9 and start.endswith(b"{"):
            raise FormatError(f"{name} is cut off or damaged: fetch it again, or make it again ({error})") from None
        raise FormatError(f"{name} is not a safetensors file, or only the first bytes of one") from None


def _rate(value: Any) -> float | None:
    return None if value is None else number(value)


def _give_alphabet(path: str | os.PathLike[str], model: Any, alphabet: Any) -> None:
    try:
        model.alphabet = checked_alphabet(alphabet, model.alphabet_size)
    except (InputError, AttributeError) as error:
        raise FormatError(f"{path} holds an alphabet that is not its model's: {error}") from None


def _check_shapes(path: str | os.PathLike[str], wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    names = sorted(wanted.keys() ^ found.keys())
    if names:
        where = "is missing" if names[0] in wanted else "is none of the model's"
        raise FormatError(f"{path} holds other weights than its model has: {names[0]} {where}")
    for name, tensor in wanted.items():
        if tensor.shape != found[name].shape:
            raise FormatError(
                f"{path} holds other weights than its model has: {name} is of shape {tuple(found[name].shape)}, not "
                f"{tuple(tensor.shape)}"
            )
