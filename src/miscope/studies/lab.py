"""Where experiments work: each piece is made once, kept in a folder, and found there by a run that goes on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miscope.atomic import atomic_path, explained
from miscope.digests import checked, signed
from miscope.errors import FormatError, InputError
from miscope.locks import claim
from miscope.whole_files import json_of, read_whole

if TYPE_CHECKING:
    from miscope.curve import MICurve
    from miscope.decay import DecayFit
    from miscope.models.trained import TrainedModel

__all__ = ["Lab", "read_json", "working_in", "write_json"]

Progress = Callable[[int, int, str], object]
_LISTED = "listed"
"""The member that holds what is no object of JSON itself."""


class Lab:
    """A folder of finished pieces, and the settings of the experiment at hand.

    Parameters
    ----------
    folder
        Where pieces are kept: ``curves/``, ``fits/``, ``models/``, ``records/``.
    experiment
        Its name, with which the names of its files begin.
    settings
        Numbers that say how large the experiment is.
    sources
        Data that a person named: by use (``corpus``, ``prices``), the name of a file or of a data set.
    begin
        Called with the name of each piece before it is made or found.

    Examples
    --------
    >>> import tempfile
    >>> import miscope as ms
    >>> lab = Lab(Path(tempfile.mkdtemp()), "chains", {"documents": 32})
    >>> chain = ms.processes.IsingChain(1.0)
    >>> def make():
    ...     return ms.measure(chain.sample(lab.settings["documents"], 512, seed=0), "1:8")
    >>> first = lab.curve("short", make)
    >>> bool((first.mi == lab.curve("short", lambda: 1 / 0).mi).all())  # not made again
    True
    """

    def __init__(
        self,
        folder: Path,
        experiment: str,
        settings: Mapping[str, Any],
        sources: Mapping[str, Any] | None = None,
        begin: Callable[[str], object] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.experiment = experiment
        self.settings = settings
        self.sources = dict(sources or {})
        self._begin = begin

    def curve(self, name: str, make: Callable[[], MICurve]) -> MICurve:
        """A curve, made or found."""
        from miscope.curve import MICurve

        path = self._path("curves", name, ".json")
        kept: MICurve = self._kept(path, make, MICurve.load, lambda found, to: found.save(to))
        return kept

    def fit(self, name: str, make: Callable[[], DecayFit]) -> DecayFit:
        """A fit, made or found."""
        from miscope.decay import DecayFit

        path = self._path("fits", name, ".json")
        kept: DecayFit = self._kept(path, make, DecayFit.load, lambda found, to: found.save(to))
        return kept

    def model(self, name: str, make: Callable[[Path], TrainedModel]) -> TrainedModel:
        """A trained model, made or found; `make` is given the name of a checkpoint, from which a training goes on."""
        from miscope.models.storage import load

        path = self._path("models", name, ".safetensors")
        checkpoint = path.with_name(f"{path.stem}-unfinished.safetensors")
        found: TrainedModel = self._kept(path, lambda: make(checkpoint), load, lambda found, to: found.save(to))
        checkpoint.unlink(missing_ok=True)
        return found

    def record(self, name: str, make: Callable[[], Any]) -> Any:
        """Anything that JSON can say (dictionaries, lists, text, numbers; nan becomes None and comes back as nan)."""
        path = self._path("records", name, ".json")

        def load(where: Path) -> Any:
            return _with_nan(read_json(where))

        self._kept(path, make, load, lambda found, to: write_json(to, found))
        return load(path)

    def _path(self, kind: str, name: str, suffix: str) -> Path:
        return self.folder / kind / f"{self.experiment}-{name}{suffix}"

    def _kept(
        self, path: Path, make: Callable[[], Any], load: Callable[[Path], Any], save: Callable[[Any, Path], object]
    ) -> Any:
        if self._begin is not None:
            self._begin(path.stem)
        if path.exists():
            try:
                return load(path)
            except (FormatError, ValueError) as error:
                raise FormatError(f"{path} is damaged ({error}): remove it, and the study makes it again") from None
        path.parent.mkdir(parents=True, exist_ok=True)  # for checkpoints too
        found = make()
        save(found, path)
        return found


def write_json(path: Path, found: Any) -> None:
    """Write JSON with its digest, whole or not at all; what is not finite becomes null."""
    made = _plain(found)
    text = signed(made if isinstance(made, dict) else {_LISTED: made}, indent=1)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """What `write_json` wrote.

    Raises
    ------
    FormatError
        It is damaged, or was changed since.
    """
    body = json_of(read_whole(path), str(path))
    with checked(body if isinstance(body, dict) else {}, str(path)):
        if not isinstance(body, dict):
            return body  # as early versions wrote lists
        said = {name: value for name, value in body.items() if name != "sha256"}
        return said[_LISTED] if set(said) == {_LISTED} else said


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _with_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_nan(each) for each in value]
    return math.nan if value is None else value


@contextmanager
def working_in(
    folder: Path,
    settings: Mapping[str, Any],
    pieces: Sequence[str] = ("curves/*", "fits/*", "models/*", "records/*"),
) -> Iterator[None]:
    """Keep other studies out of a folder, whose pieces are all of these settings, for as long as the block lasts.

    Parameters
    ----------
    folder
        It is made if it is not there.
    settings
        All that pieces depend on, JSON-able.
    pieces
        What they are called.

    Raises
    ------
    InputError
        If another process works there, or the folder has pieces of other settings (the message lists them), or pieces
        without settings, which may be anybody's: a folder that was not removed to its end.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"cannot write into {folder}: it is a file; name a folder")
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        held = claim(folder / ".lock", f"a study in {str(folder)!r}")
    try:
        _check_settings(folder / "settings.json", settings, pieces)
        yield
    finally:
        held.release(folder / ".lock")


def _check_settings(path: Path, settings: Mapping[str, Any], pieces: Sequence[str]) -> None:
    """Write settings beside a study's pieces; refuse to go on with pieces that were made with others."""
    wanted = _flat(json.loads(json.dumps(_plain(settings))))
    if not path.exists():
        names = (file.name for pattern in pieces for file in path.parent.glob(pattern))
        if any(not name.startswith(".") for name in names):  # what was half-written is hidden, and none
            raise InputError(
                f"{path.parent} holds pieces of a study, and no {path.name} that says of which: name another folder, "
                "or remove this one"
            )
        write_json(path, settings)
        return
    try:
        there = _flat(read_json(path))
    except FormatError:
        raise FormatError(f"{path} is damaged: name another folder, or remove this one to begin anew") from None
    changed = [
        f"{name}: {there.get(name, 'nothing')!r} there, {wanted.get(name, 'nothing')!r} now"
        for name in sorted(there.keys() | wanted.keys(), key=lambda name: (name.count("."), name))
        if there.get(name, "nothing") != wanted.get(name, "nothing")
    ]
    if changed:
        shown = "; ".join(changed[:6]) + (f"; and {len(changed) - 6} more" if len(changed) > 6 else "")
        raise InputError(
            f"{path.parent} holds a study with other settings ({shown}): go on with those, name another folder, or "
            "remove this one"
        )


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return {key: each for k, part in value.items() for key, each in _flat(part, f"{name}.{k}".strip(".")).items()}
    return {name: value}
