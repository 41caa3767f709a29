"""Pieces of an unfinished count: a file a lag, in a folder beside the result in which one process works at a time.

Each piece ends with a digest over what it is a piece of (the data, the blocks, the lag) and its own bytes. One that was
cut, changed or made of other data does not fit its digest, and is counted again, so that nothing else needs to be right
for numbers to be right: neither that the folder was removed as a whole, nor that locks work.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import secrets
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from miscope.atomic import atomic_path, claimed_folder
from miscope.counting.tally import Cells
from miscope.errors import FormatError, InputError, MiscopeWarning
from miscope.locks import Claim

__all__ = ["Pieces"]

_DIGEST_BYTES = 32
_READ_AT_ONCE = 2**20
_SETTINGS = "settings.json"
_MOST_NAMED = 5


class Pieces:
    """The folder of an unfinished count, held against others until it is left or removed.

    Parameters
    ----------
    path
        The file that the pieces will become.
    settings
        What counts depend on, JSON-able: ``lags``, and what else a piece is made of.
    fresh
        Whether to throw away what lies there.

    Raises
    ------
    InputError
        Another process counts into the same file, or what lies there is of other settings; the message says which.
    """

    def __init__(self, path: str | Path, settings: Mapping[str, Any], fresh: bool) -> None:
        self.folder = Path(f"{path}.part")
        self._path, self._settings = path, dict(settings)
        self._made_of = json.dumps({name: value for name, value in settings.items() if name != "lags"}).encode()
        _remove_leftovers(self.folder)
        self._claim = self._claimed()
        try:
            if fresh:
                self.remove()
                self._claim = self._claimed()
            self._check_settings()
            if self._claim.is_held:  # whoever wrote there is no more
                for scratch in self.folder.glob("joining-*"):
                    shutil.rmtree(scratch, ignore_errors=True)
        except BaseException:
            self._claim.release()
            raise

    def __enter__(self) -> Pieces:
        return self

    def __exit__(self, *_: object) -> None:
        self._claim.release()

    def _claimed(self) -> Claim:
        return claimed_folder(self._path, self.folder, f"a count into {str(self._path)!r}")

    def _check_settings(self) -> None:
        """Write them down, or make sure that what lies there belongs to this count."""
        file = self.folder / _SETTINGS
        if not file.exists():  # pieces that lie there all the same are used if they fit
            with atomic_path(file, follow=False) as temporary:
                temporary.write_text(json.dumps(self._settings), encoding="utf-8")
            return
        try:
            there = json.loads(file.read_text(encoding="utf-8"))
            different = [name for name in self._settings if there.get(name) != self._settings[name]]
        except (ValueError, AttributeError, RecursionError):
            different = ["settings, which cannot be read"]
        if different:
            raise InputError(
                f"{str(self.folder)!r} holds an unfinished count with other {', '.join(different)}: finish that one by "
                "the command that began it, or throw it away, fresh=True"
            )

    def file(self, lag: int) -> Path:
        """Where the piece of a lag lies, or will."""
        return self.folder / f"lag-{lag}.cells"

    def done(self, lags: Iterable[int]) -> list[int]:
        """The lags that were counted and whose pieces are as they were written; a warning names others."""
        there = [lag for lag in lags if self.file(lag).exists()]
        whole = [lag for lag in there if self._is_whole(lag)]
        if unfit := [self.file(lag).name for lag in there if lag not in set(whole)]:
            named = ", ".join(unfit[:_MOST_NAMED]) + (", …" if len(unfit) > _MOST_NAMED else "")
            warnings.warn(
                f"{len(unfit)} pieces of the unfinished count in {str(self.folder)!r} are damaged or of other data: "
                f"counted again are {named}",
                MiscopeWarning,
                stacklevel=3,
            )
        return whole

    def _is_whole(self, lag: int) -> bool:
        try:
            with self.file(lag).open("rb") as piece:
                self._check(piece, lag)
        except (OSError, FormatError):
            return False
        return True

    def write(self, lag: int, parts: Iterable[Cells]) -> int:
        """Write ranges of left symbols one after the other, as they come; returns how many cells there are."""
        n = 0
        with atomic_path(self.file(lag), follow=False) as temporary, temporary.open("wb") as file:
            piece = _Signing(file, self._signed(lag))
            for part in parts:
                for array in part:
                    np.lib.format.write_array(piece, array, allow_pickle=False)
                n += len(part.keys)
            file.write(piece.digest.digest())
        return n

    def cells(self, lag: int) -> Iterator[Cells]:
        """The ranges of left symbols at a lag, one after the other.

        Raises
        ------
        FormatError
            The piece is not there any more, or was changed after it was written.
        """
        try:
            with self.file(lag).open("rb") as piece:
                end = self._check(piece, lag)
                while piece.tell() < end:
                    yield Cells(*(np.lib.format.read_array(piece, allow_pickle=False) for _ in Cells._fields))
        except OSError as error:
            raise self._damaged(lag, error.strerror or str(error)) from None

    def _check(self, piece: IO[bytes], lag: int) -> int:
        """Compare a piece with its digest; where the digest begins. The piece is left at its start."""
        end = piece.seek(0, 2) - _DIGEST_BYTES
        piece.seek(0)
        digest = self._signed(lag)
        for start in range(0, end, _READ_AT_ONCE):
            digest.update(piece.read(min(_READ_AT_ONCE, end - start)))
        if end < 0 or piece.read() != digest.digest():
            raise self._damaged(lag, "its digest does not fit")
        piece.seek(0)
        return end

    def _signed(self, lag: int) -> hashlib.blake2b:
        digest = hashlib.blake2b(self._made_of, digest_size=_DIGEST_BYTES)
        digest.update(f" at lag {lag}\n".encode())
        return digest

    def _damaged(self, lag: int, how: str) -> FormatError:
        return FormatError(
            f"{str(self.file(lag))!r} was damaged while others were counted ({how}): count again, by the same command, "
            "which goes on with all other lags"
        )

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder of its own in this one, for what lies on disk while pieces are joined."""
        folder = self.folder / f"joining-{secrets.token_hex(6)}"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def remove(self) -> None:
        """Throw the folder away: first its name, at once, so that nobody meets half of it; and let others in."""
        gone = self.folder.with_name(f"{self.folder.name}-{secrets.token_hex(6)}")
        with contextlib.suppress(FileNotFoundError):  # without locks, another one may have been first
            self.folder.rename(gone)
        self._claim.release()
        shutil.rmtree(gone, ignore_errors=True)


def _remove_leftovers(folder: Path) -> None:
    """Remove what a process left that died while it threw its folder away."""
    for gone in folder.parent.glob(f"{glob.escape(folder.name)}-" + "[0-9a-f]" * 12):
        shutil.rmtree(gone, ignore_errors=True)


class _Signing:
    """A file to write to, with a digest over what was written; no file to numpy, which would go around it."""

    def __init__(self, file: IO[bytes], digest: hashlib.blake2b) -> None:
        self._file, self.digest = file, digest

    def write(self, data: Any) -> int:
        """Write bytes."""
        self.digest.update(data)
        return self._file.write(data)
