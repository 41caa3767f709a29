"""Who works where: claims that the operating system lets go with the process that holds them, however it ends.

They are locks of `flock`, on a file that stays. Where a file system has none (NFS before version 4 without its lock
service, Lustre mounted without ``flock``), and on Windows, nothing is refused: claims are then a courtesy that is
missing, and what several processes write must not be wrong without them (see `miscope.atomic`: own names, one rename).
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from contextlib import suppress
from pathlib import Path

from miscope.errors import InputError

try:
    import fcntl

    _HAS_LOCKS = True
except ImportError:  # Windows
    _HAS_LOCKS = False

__all__ = ["Claim", "TakenError", "claim", "private_file", "remove_abandoned"]

_TRIES = 100  # each of them means that another process came to its end meanwhile
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # what others put in a shared folder is not followed to our own files
_RANDOM = 6  # bytes in a private name


class TakenError(InputError):
    """Another process, or another thread, works there."""


class Claim:
    """A file that this process alone works behind, until it is let go.

    Attributes
    ----------
    is_held
        Whether others are kept out: False where the file system has no locks.
    """

    def __init__(self, descriptor: int, is_held: bool) -> None:
        self._descriptor, self.is_held = descriptor, is_held

    def release(self, file: Path | None = None) -> None:
        """Let others in; the file is removed before, if it is named: who stands behind the old one looks again."""
        if file is not None:
            with suppress(OSError):
                file.unlink()
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def claim(file: Path, what: str) -> Claim:
    """Claim a file, which is made if it is not there; its folder must be.

    Parameters
    ----------
    file
        Says who holds it, for others to read.
    what
        What is going on behind it, as the error says it.

    Raises
    ------
    TakenError
        Another one holds it; the message says who.
    FileNotFoundError
        The folder has gone, as it does when who worked there has finished.
    OSError
        The file cannot be opened, or is a link.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "lock"
    >>> mine = claim(file, "this example")
    >>> try:
    ...     claim(file, "this example")
    ... except TakenError as error:
    ...     print(str(error).split(":")[0].replace(str(os.getpid()), "PID"))
    this example is at work already, in process PID on this machine
    >>> mine.release()
    >>> claim(file, "this example").release()
    """
    for _ in range(_TRIES):
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o666)
        try:
            is_held = _lock(descriptor)
        except BlockingIOError:
            holder = os.read(descriptor, 1000).decode(errors="replace")
            os.close(descriptor)
            raise TakenError(
                f"{what} is at work already, in {_said(holder)}: wait until it is done, or name another place"
            ) from None
        if _is_at(descriptor, file):
            with suppress(OSError):  # a full disk does not keep the lock from holding
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()} {socket.gethostname()}".encode())
            return Claim(descriptor, is_held)
        os.close(descriptor)  # of a folder that was removed between opening and locking
    raise InputError(f"cannot work at {str(file.parent)!r}: it is made and removed all the time")


def _lock(descriptor: int) -> bool:
    """Lock a file at once; BlockingIOError if another one has it, False where there are no locks."""
    if not _HAS_LOCKS:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # ENOLCK, ENOSYS, EOPNOTSUPP: each file system has its own word for it
        return False
    return True


def _is_at(descriptor: int, file: Path) -> bool:
    """Whether an open file still stands under its name."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), file.stat())
    return False


def _said(holder: str) -> str:
    process, _, host = holder.partition(" ")
    if not process.isdigit():
        return "another process"
    return f"process {process} on {'this machine' if host == socket.gethostname() else f'the machine {host}'}"


def private_file(folder: Path, prefix: str, suffix: str, mode: int) -> tuple[Path, Claim]:
    """A new, empty file of a name of its own, held until it is let go, so that `remove_abandoned` leaves it alone."""
    for _ in range(_TRIES):
        path = folder / f"{prefix}{secrets.token_hex(_RANDOM)}{suffix}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        if not _HAS_LOCKS:  # Windows renames no file that is open
            os.close(descriptor)
            return path, Claim(-1, False)
        try:
            is_held = _lock(descriptor)
        except BlockingIOError:  # taken for abandoned in the moment between its making and this
            is_held = False
        if _is_at(descriptor, path):
            return path, Claim(descriptor, is_held)
        os.close(descriptor)
    raise OSError(f"files in {folder} vanish")


def remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove the private files of such names whose process is no more, as after ``kill -9``.

    What anybody holds stays, and what belongs to others, and everything where the file system has no locks.
    """
    ours = re.compile(rf"{re.escape(prefix)}[0-9a-f]{{{2 * _RANDOM}}}(\.\w+)?")
    with suppress(OSError):
        for path in [Path(entry.path) for entry in os.scandir(folder) if ours.fullmatch(entry.name)]:
            with suppress(OSError):
                _remove_if_abandoned(path)


def _remove_if_abandoned(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | _NO_LINK)
    try:
        if _lock(descriptor):
            path.unlink()
    finally:
        os.close(descriptor)
