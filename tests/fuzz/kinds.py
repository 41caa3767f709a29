"""What is damaged: a kind of file, how it is made, how miscope reads it, and what an independent reader says."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from .mutators import BYTES, Mutator

Files = dict[str, bytes]
"""The files of a sample by name, perhaps in a folder: `saved/state.json`."""

TRIES = 8
DIGEST = b"sha256"


class NoOpinionError(Exception):
    """An independent reader takes the file for something that only miscope's own rules decide."""


class DamagedError(Exception):
    """The file is damaged where that need not be seen: what is read, if anything, is what undamaged ones say."""


class FaultError(Exception):
    """What was read or done is wrong, though no error says so."""


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    `make` writes samples into a folder and returns their names. Where there is no `truth`, miscope wrote the file, and
    what is read must be what is read of an undamaged one.
    """

    name: str
    make: Callable[[Path], Sequence[Path]]
    read: Callable[[Path], Any]
    truth: Callable[[Path], Any] | None = None
    mutators: tuple[Mutator, ...] = BYTES
    needs: tuple[str, ...] = ()
    slow: bool = False
    """Whether it may take as long as it is asked to."""
    made: list[tuple[str, Files]] = field(default_factory=list, repr=False)

    @cached_property
    def samples(self) -> list[tuple[str, Files]]:
        """Undamaged ones, each the name to open and its files."""
        with tempfile.TemporaryDirectory() as folder:
            return [(path.name, contents(path)) for path in self.make(Path(folder))]

    @cached_property
    def values(self) -> list[Any]:
        """What is read of undamaged ones."""
        found = []
        for name, files in self.samples:
            with tempfile.TemporaryDirectory() as folder:
                found.append(self.read(written(Path(folder), name, files)))
        return found

    def expected(self, path: Path) -> list[Any]:
        """Values of which what is read must be one."""
        if self.truth is None:
            self._check_digest(path)
            return self.values
        try:
            return [self.truth(path)]
        except DamagedError:
            return self.values

    def _check_digest(self, path: Path) -> None:
        """Files without a digest are older ones, which nothing guards."""
        written_now, damaged = (b"".join(files.values()) for files in (self.samples[0][1], contents(path)))
        if DIGEST in written_now and DIGEST not in damaged:
            raise NoOpinionError("its digest is gone")

    def mutant(self, seed: int, number: int) -> tuple[str, Files]:
        """A damaged sample, the same for the same numbers."""
        rng = Random(f"{seed}/{self.name}/{number}")
        name, files = rng.choice(self.samples)
        damaged = rng.choice(sorted(files))
        other = rng.choice(list(rng.choice(self.samples)[1].values()))
        data = files[damaged]
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            data = mutated(data, rng, other, self.mutators)
        return name, {**files, damaged: data}


@dataclass(frozen=True)
class Kept(Kind):
    """A kind whose mutants are files that were kept."""

    cases: tuple[tuple[str, Files], ...] = ()

    def mutant(self, seed: int, number: int) -> tuple[str, Files]:
        """The case of this number."""
        return self.cases[number]


def mutated(data: bytes, rng: Random, other: bytes, mutators: tuple[Mutator, ...]) -> bytes:
    """Other bytes; those that ways of containers cannot take (any more) are damaged as bytes."""
    for attempt in range(TRIES):
        try:
            new = rng.choice(mutators if attempt < TRIES // 2 else BYTES)(data, rng, other)
        except Exception:  # whatever a reader of the container says of what is damaged already
            continue
        if new != data:
            return new
    return data + b"\0"


def contents(path: Path) -> Files:
    """The files at a path, which is one or a folder of them."""
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    return {str(file.relative_to(path.parent)): file.read_bytes() for file in files}


def written(folder: Path, name: str, files: Files) -> Path:
    """The files in a folder; returns the path to open."""
    for each, data in files.items():
        (folder / each).parent.mkdir(parents=True, exist_ok=True)
        (folder / each).write_bytes(data)
    return folder / name
