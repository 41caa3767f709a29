"""Causal language models of Hugging Face's transformers: from a folder, from the hub, or from a configuration."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from miscope.errors import FormatError, InputError, require
from miscope.models.hugging_face import HuggingFaceModel
from miscope.processes.checking import shortened, whole_number
from miscope.sequences.hugging_face import explained, quiet

__all__ = ["HuggingFaceModel", "from_config", "pretrained"]

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "vocab.txt")
_PURPOSE = "a model of Hugging Face"


def pretrained(
    name: str | os.PathLike[str],
    *,
    revision: str | None = None,
    start: int | str | None = None,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
) -> HuggingFaceModel:
    """Read a causal language model of Hugging Face's.

    Weights are read from safetensors files only, and code that comes with a model is never run. Needs transformers:
    ``pip install "miscope[hub]"``.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> config = {"model_type": "gpt2", "vocab_size": 5, "n_embd": 8, "n_layer": 1, "n_head": 1, "n_positions": 32}
    >>> from_config(config, start=0).network.save_pretrained(folder)
    >>> pretrained(folder, start=0).log_probs(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 5])

    Parameters
    ----------
    name
        A local folder, as `save_pretrained` writes it, or a name on the hub, such as ``"openai-community/gpt2"``.
    revision
        Branch, tag or commit on the hub.
    start
        Code or token that documents begin with. Default: the token for the beginning of a text, or else for its end.
    device
        Where to compute. Default: the CPU.
    dtype
        Of the weights: ``"bfloat16"``, …, or ``"auto"``, as they are stored. Default: float32.

    Returns
    -------
    HuggingFaceModel
        A `SequenceModel` whose symbols are the tokenizer's tokens.

    Raises
    ------
    InputError
        If there is no such model or no network, or it is not a causal one, or has no start token.
    FormatError
        If the files are damaged or incomplete.
    """
    transformers = require("transformers", "hub", _PURPOSE)
    name = os.path.expanduser(name)  # noqa: PTH111  (a Path would change names on the hub)
    local, weights_dtype = _is_folder(name, revision), _dtype_of(dtype)
    source = {"revision": revision, "trust_remote_code": False}
    failed = f"cannot read the model in {name!r}" if local else _hub_message(name)
    if local:
        _check_folder(Path(name))
    with quiet(require("transformers", "hub", _PURPOSE)):
        with explained(failed):
            config = transformers.AutoConfig.from_pretrained(name, **source)
        _check_causal(config, name)
        with explained(f"cannot read the weights of {name!r}", FormatError):
            network, found = transformers.AutoModelForCausalLM.from_pretrained(
                name,
                config=config,
                dtype=weights_dtype,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # so that they are told in `found`
                **source,
            )
        _check_complete(found, name)
        with explained(f"cannot read the tokenizer of {name!r}", FormatError):
            tokenizer = _tokenizer_of(transformers, name, source)
        return _adapted(network, tokenizer, start, Path(name).resolve().name if local else name, device)


def from_config(
    config: Any,
    seed: int = 0,
    *,
    start: int | str | None = None,
    device: str | torch.device | None = None,
) -> HuggingFaceModel:
    """Make a causal language model of Hugging Face's with random weights.

    Examples
    --------
    >>> config = {"model_type": "llama", "vocab_size": 8, "hidden_size": 16, "intermediate_size": 32}
    >>> more = {"num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 64}
    >>> from_config(config | more)
    HuggingFaceModel(llama, random weights: 8 symbols, 5,456 parameters, horizon 64)

    Parameters
    ----------
    config
        A configuration of transformers, its entries as a mapping with a ``"model_type"``, or the path of a
        ``config.json`` or of its folder.
    seed
        For the weights.
    start
        Code that documents begin with. Default: the configuration's ``bos_token_id``, or else its ``eos_token_id``.
    device
        Where to compute. Default: the CPU.

    Raises
    ------
    InputError
        If this is no configuration of a causal model, or there is no start token among its symbols.
    """
    transformers = require("transformers", "hub", _PURPOSE)
    seed = whole_number(seed, "seed", 0)
    with quiet(require("transformers", "hub", _PURPOSE)):
        config = _config_of(transformers, config)
        _check_causal(config, "the configuration")
        with explained(f"cannot make a {config.model_type} of this configuration"), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = transformers.AutoModelForCausalLM.from_config(
                config, trust_remote_code=False, dtype=torch.float32
            )
        return _adapted(network, None, start, f"{config.model_type}, random weights", device)


def _is_folder(name: str, revision: str | None) -> bool:
    """Whether this is a local folder; an error if it looks like one and is none."""
    path = Path(name)
    if name and path.is_dir():
        if revision is not None:
            raise InputError(f"{name!r} is a folder, which has no revisions; leave out revision={revision!r}")
        return True
    if path.is_file():
        raise InputError(f"{name!r} is a file; give the folder with config.json and the weights")
    if name.startswith((".", "/", "~", "\\")) or name.count("/") > 1 or not name:
        raise InputError(f"there is no folder {name!r}")
    return False


def _hub_message(name: str) -> str:
    return (
        f"cannot get the model {name!r}: there is no such folder, and either no such model on the Hugging Face hub, or "
        "no way to reach it (offline). Check the name, or give a local folder; where there is a network, "
        f"'hf download {name} --local-dir FOLDER' makes one"
    )


def _check_folder(folder: Path) -> None:
    """Refuse what can be seen to be missing before the library looks for it."""
    if not (folder / "config.json").is_file():
        raise InputError(f"the folder {str(folder)!r} has no config.json: it holds no model of transformers")
    if not any(folder.glob("*.safetensors")):
        pickled = sorted(file.name for file in folder.glob("*.bin"))
        reason = (
            f"only {pickled[0]}, a pickle, which could run any code and is never opened; load it where you trust it "
            "with transformers, and save_pretrained() it again"
            if pickled
            else "none: copy model.safetensors beside config.json"
        )
        raise InputError(f"weights are read from safetensors files, and the folder {str(folder)!r} has {reason}")


def _check_causal(config: Any, what: str) -> None:
    mapping = require("transformers", "hub", _PURPOSE).MODEL_FOR_CAUSAL_LM_MAPPING
    if type(config) not in mapping:
        raise InputError(f"{what} is of type {config.model_type!r}, which is not a causal language model")


def _check_complete(found: Mapping[str, Any], name: str) -> None:
    for key in ("missing_keys", "mismatched_keys"):
        if wrong := sorted(each if isinstance(each, str) else each[0] for each in found.get(key, ())):
            how = "lack" if key == "missing_keys" else "do not fit"
            raise FormatError(
                f"the weights of {name!r} {how} {len(wrong)} tensors that config.json asks for, such as {wrong[0]}"
            )


def _tokenizer_of(transformers: Any, name: str, source: Mapping[str, Any]) -> Any:
    """The tokenizer, or None where no file of one is there: the library would then make an empty one."""
    find, revision = transformers.utils.cached_file, source["revision"]
    options = {"revision": revision, "_raise_exceptions_for_missing_entries": False}
    if not any(find(name, file, **options) for file in _TOKENIZER_FILES):
        return None
    return transformers.AutoTokenizer.from_pretrained(name, **source)


def _names_of(tokenizer: Any) -> tuple[str, ...] | None:
    """The token of each code; codes below the largest that have none are called by their numbers."""
    vocabulary: dict[str, int] = {} if tokenizer is None else tokenizer.get_vocab()
    if not vocabulary:
        return None
    names = [f"<code {code}>" for code in range(max(vocabulary.values()) + 1)]
    for token, code in vocabulary.items():
        names[code] = token
    return tuple(names)


def _start_code(start: int | str | None, names: tuple[str, ...] | None, places: tuple[Any, ...], n_codes: int) -> int:
    """The code that documents begin with: what is asked for, or a token that the model has for it."""
    if isinstance(start, str):
        if names is None or start not in names:
            known = "; there is no tokenizer, so give a code" if names is None else " of the tokenizer"
            raise InputError(f"start={shortened(start)} is no token{known}")
        return names.index(start)
    if start is not None:
        return whole_number(start, "start", 0, n_codes - 1)
    for kind in ("bos_token_id", "eos_token_id"):
        for where in places:
            found = getattr(where, kind, None)
            code = found[0] if isinstance(found, list) and found else found
            if isinstance(code, int) and 0 <= code < n_codes:
                return code
    raise InputError(
        "the model names no token for the beginning or the end of a sequence among its symbols: give the code that "
        "documents begin with, such as start=0"
    )


def _config_of(transformers: Any, config: Any) -> Any:
    """A configuration as the library's object."""
    if isinstance(config, transformers.PretrainedConfig):
        return config
    if isinstance(config, str | os.PathLike):
        path = Path(config, "config.json") if Path(config).is_dir() else Path(config)
        with explained(f"cannot read a configuration from {str(path)!r}"):
            config = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(config, Mapping):
        raise InputError(f"config must be a configuration, a mapping, or the path of one, not {shortened(config)}")
    kind, known = config.get("model_type"), transformers.CONFIG_MAPPING
    if kind not in known:
        near = difflib.get_close_matches(str(kind), list(known.keys()), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ", such as 'gpt2' or 'llama'"
        what = "no 'model_type'" if kind is None else f"the model_type {kind!r}, which transformers does not know"
        raise InputError(f"the configuration has {what}{hint}")
    with explained(f"cannot make a configuration of type {kind!r}"):
        return known[kind].from_dict(dict(config))


def _dtype_of(dtype: str | torch.dtype | None) -> str | torch.dtype:
    if dtype is None:
        return torch.float32
    found = getattr(torch, dtype, None) if isinstance(dtype, str) and dtype != "auto" else dtype
    if found != "auto" and not (isinstance(found, torch.dtype) and found.is_floating_point):
        raise InputError(f"dtype must be 'float32', 'bfloat16', 'float16' or 'auto', not {shortened(dtype)}")
    return found


def _adapted(
    network: Any, tokenizer: Any, start: int | str | None, label: str, device: str | torch.device | None
) -> HuggingFaceModel:
    """The library's network and tokenizer as a model."""
    config, names = network.config.get_text_config(), _names_of(tokenizer)
    begin = _start_code(
        start, names, (tokenizer, network.config, config), network.get_input_embeddings().num_embeddings
    )
    # Examined before it goes to a device: where a GPU is asked for positions that there are none of, it stays broken.
    model = HuggingFaceModel(network, begin, names, label)
    if device is not None:
        with explained(f"cannot compute on {str(device)!r}"):
            model = model.to(device)
    return model
