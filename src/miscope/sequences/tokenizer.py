"""Tokenizers of Hugging Face's: found, and made ready to encode all of every text, always in the same way."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from miscope.errors import FormatError, InputError, require
from miscope.sequences.hugging_face import explained, quiet
from miscope.sequences.token_marks import BYTE_LETTERS

__all__ = ["Tokenizer", "tokenizer_from"]

_PURPOSE = "a tokenizer"

MOST_CODES, MOST_CODES_A_TOKEN = 1 << 20, 16
"""Codes that there may be, whatever the number of tokens; and for each of these, where there are many."""


@dataclass(frozen=True, eq=False, repr=False)
class Tokenizer:
    """A tokenizer as `tokenizer_from` prepares it.

    Attributes
    ----------
    label
        What it is called in results.
    alphabet
        The token of each code, as the vocabulary writes it (``'Ġthe'``); codes without one are called ``'<code 7>'``.
    digest
        SHA-256 of its definition: what tells two tokenizers of the same name apart.
    backend
        The `tokenizers.Tokenizer` that does the work; a copy, without truncation, padding and dropout.
    unknown
        The code of the token for what it does not know, or None.
    leaves_out
        Whether it has neither such a token nor one for every byte, and leaves out the characters that it does not know.
    """

    label: str
    alphabet: tuple[str, ...]
    digest: str
    backend: Any = field(repr=False)
    unknown: int | None = None
    leaves_out: bool = False

    def __repr__(self) -> str:
        return f"Tokenizer({self.label}: {len(self.alphabet):,} tokens)"

    @property
    def record(self) -> dict[str, Any]:
        """What provenance keeps of it."""
        return {"name": self.label, "tokens": len(self.alphabet), "sha256": self.digest}

    def check(self, largest: int, what: str) -> None:
        """Refuse codes up to `largest` if they cannot be this tokenizer's."""
        if largest >= len(self.alphabet):
            raise InputError(
                f"{what} has the code {largest}, but the tokenizer {self.label} has {len(self.alphabet)} tokens, with "
                "codes from 0: the codes were made by another tokenizer; name that one, or leave the tokenizer out"
            )


def tokenizer_from(source: Any, *, revision: str | None = None) -> Tokenizer:
    """Get a tokenizer: from a file, a folder, the Hugging Face hub, or one that is there already.

    Code that comes with a tokenizer is never run. Needs tokenizers, and transformers for all but a ``tokenizer.json``:
    ``pip install "miscope[hub]"``.

    Examples
    --------
    >>> import tempfile, tokenizers
    >>> words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"so": 0, "it": 1, "[UNK]": 2}, unk_token="[UNK]"))
    >>> words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    >>> path = Path(tempfile.mkdtemp()) / "tokenizer.json"
    >>> words.save(str(path))
    >>> tokenizer_from(path).alphabet
    ('so', 'it', '[UNK]')

    Parameters
    ----------
    source
        - a file ``tokenizer.json``, as `tokenizers` saves it;
        - a folder that holds one, or what else transformers makes a fast tokenizer of;
        - a name on the hub, such as ``"openai-community/gpt2"``;
        - a `tokenizers.Tokenizer`, a fast tokenizer of transformers', or a `Tokenizer`.
    revision
        Branch, tag or commit on the hub.

    Raises
    ------
    InputError
        There is no such tokenizer, no network, or it is not a fast one.
    FormatError
        The file is damaged, or no tokenizer.
    """
    if isinstance(source, Tokenizer):
        return source
    if isinstance(source, str | os.PathLike):
        _check_named(os.path.expanduser(os.fspath(source)))  # noqa: PTH111 - as below
    tokenizers = require("tokenizers", "hub", _PURPOSE)
    if isinstance(source, tokenizers.Tokenizer):
        return _prepared(source, "tokenizer")
    if not isinstance(source, str | os.PathLike):
        return _of_transformers(source, str(getattr(source, "name_or_path", "")) or type(source).__name__)
    name = os.path.expanduser(os.fspath(source))  # noqa: PTH111 - a Path would change names on the hub
    path = Path(name)
    if path.is_dir() and not any((path / file).is_file() for file in ("tokenizer_config.json", "config.json")):
        path = path / "tokenizer.json"
        if not path.is_file():
            raise InputError(f"the folder {name!r} has neither tokenizer.json nor tokenizer_config.json")
    if path.is_file():
        label = path.resolve().parent.name if path.name == "tokenizer.json" else path.stem
        return _prepared(_from_file(tokenizers, path), label or path.stem)
    found = _pretrained(name, revision, path.is_dir())
    return _of_transformers(found, path.resolve().name if path.is_dir() else name)


def _check_named(name: str) -> None:
    """Refuse what looks like a file and is none, before anything is loaded that could read it."""
    looks_like_file = Path(name).suffix in (".json", ".model") or name.startswith((".", "/", "~", "\\"))
    if not Path(name).exists() and (not name or looks_like_file or name.count("/") > 1):
        raise InputError(f"there is no file or folder {name!r} with a tokenizer")


def _prepared(backend: Any, label: str) -> Tokenizer:
    """Take a copy that encodes all of every text, always in the same way, and look what its tokens are called."""
    _check_codes(backend.get_vocab(with_added_tokens=True), label)
    definition: str = backend.to_str()
    with explained(f"the tokenizer {label} cannot be used", FormatError):
        backend = type(backend).from_str(definition)
    backend.no_truncation()
    backend.no_padding()
    model = backend.model
    if getattr(model, "dropout", None):
        model.dropout = None
    vocabulary: dict[str, int] = backend.get_vocab(with_added_tokens=True)
    names = [f"<code {code}>" for code in range(max(vocabulary.values()) + 1)]
    for token, code in vocabulary.items():
        names[code] = token
    digest = hashlib.sha256(definition.encode()).hexdigest()
    return Tokenizer(
        label, tuple(names), digest, backend, _unknown(backend, definition), _leaves_out(model, vocabulary)
    )


def _check_codes(vocabulary: Mapping[str, int], label: str) -> None:
    """Refuse codes so far apart that a table of all of them, as the library makes too, would fill the memory."""
    if not vocabulary:
        raise FormatError(f"the tokenizer {label} has no tokens")
    largest, n = max(vocabulary.values()), len(vocabulary)
    if largest > max(MOST_CODES, MOST_CODES_A_TOKEN * n):
        raise FormatError(
            f"the tokenizer {label} has {n:,} tokens, and one of the code {largest:,}: it is damaged, or its codes are "
            "to be numbered from 0 on"
        )


def _unknown(backend: Any, definition: str) -> int | None:
    """The code of what stands for text that a tokenizer does not know: named by most models, a number in Unigram's."""
    model = backend.model
    if hasattr(model, "unk_token"):
        return None if model.unk_token is None else backend.token_to_id(model.unk_token)
    code = json.loads(definition)["model"].get("unk_id")
    return None if code is None else int(code)


def _leaves_out(model: Any, vocabulary: Mapping[str, int]) -> bool:
    """Whether a model leaves out what it does not know: of all models only BPE's may; others raise an error."""
    if getattr(model, "unk_token", "") is not None or getattr(model, "byte_fallback", False):
        return False
    return not vocabulary.keys() >= BYTE_LETTERS


def _from_file(tokenizers: Any, path: Path) -> Any:
    if path.suffix == ".model":
        raise InputError(
            f"{str(path)!r} is a model of SentencePiece's; give its folder, so that transformers makes a fast tokenizer"
        )
    with explained(f"cannot use {str(path)!r} as a tokenizer (a tokenizer.json)", FormatError):
        return tokenizers.Tokenizer.from_file(str(path))


def _of_transformers(tokenizer: Any, label: str) -> Tokenizer:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise InputError(
            f"{label} is no fast tokenizer: pass a tokenizer.json, a folder, a name on the Hugging Face hub, a "
            "tokenizers.Tokenizer, or a fast tokenizer of transformers'"
        )
    return _prepared(backend, Path(label).name if Path(label).is_dir() else label)


def _pretrained(name: str, revision: str | None, local: bool) -> Any:
    transformers = require("transformers", "hub", _PURPOSE)
    failed = f"cannot read the tokenizer in {name!r}"
    if not local:
        failed = (
            f"cannot get the tokenizer {name!r}: there is no such file or folder, and either no such name on the "
            "Hugging Face hub, or no way to reach it (offline). Check the name, or give a local tokenizer.json; where "
            f"there is a network, 'hf download {name} tokenizer.json --local-dir FOLDER' brings one"
        )
    with quiet(transformers), explained(failed):
        return transformers.AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=False)
