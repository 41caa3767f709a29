"""What the machine has left for this process: memory, and room in the folder for temporary files."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from miscope.errors import InputError

__all__ = ["allowed", "as_size", "check_memory", "may_use", "memory_left", "refuse_without_room", "temporary_room"]

_UNKNOWN = 2**32
_CONTROL_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
_allowed: ContextVar[float] = ContextVar("_allowed", default=float("inf"))


@contextmanager
def may_use(n_bytes: float) -> Iterator[None]:
    """Let data that are read meanwhile take so much memory: what would need more is refused, or lies on disk."""
    token = _allowed.set(n_bytes)
    try:
        yield
    finally:
        _allowed.reset(token)


def allowed() -> float:
    """Bytes that data which are read may take, infinity where `may_use` says nothing."""
    return _allowed.get()


def memory_left() -> int:
    """Bytes that can still be used: on this machine, in this process's control group, under ``ulimit -v``."""
    left = [_of_machine(), *_of_address_space()]
    for limit, used in _CONTROL_GROUPS:
        try:
            left.append(int(Path(limit).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):
            continue  # no such limit
    return max(0, min(left))


def _of_machine() -> int:
    with suppress(OSError):
        found = re.search(r"MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text())
        if found:
            return int(found[1]) * 1024
    try:
        return int(os.sysconf("SC_PHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE")) // 2
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN


def _of_address_space() -> list[int]:
    """What a limit to the addresses of this process leaves, if there is one."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return []
        return [limit - int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()]
    except (ImportError, OSError, ValueError):
        return []  # not a machine that has such limits


def check_memory(n_bytes: int, what: str) -> None:
    """Refuse what would take more memory than there is, or than may be used, before any of it is taken.

    >>> check_memory(10**18, "'stars.npz'")
    Traceback (most recent call last):
    ...
    miscope.errors.InputError: 'stars.npz' takes 931,322,574.6 GiB of memory, and there is room for ...

    Raises
    ------
    InputError
        It names the size.
    """
    most = min(allowed(), memory_left())
    if n_bytes > most:
        raise InputError(f"{what} takes {as_size(n_bytes)} of memory, and there is room for {as_size(int(most))}")


def temporary_room() -> int:
    """Bytes that one file may take in the folder for temporary files: half of what is free there."""
    try:
        return shutil.disk_usage(tempfile.gettempdir()).free // 2
    except OSError:
        return 0


def refuse_without_room(name: str, room: int) -> InputError:
    """The error for what is longer than a copy of it may be."""
    return InputError(
        f"{name!r} is longer than the {as_size(room)} that a copy of it may take in the folder for temporary files: "
        "unpack or write it to a file and name that, or name a folder with more room by the environment variable TMPDIR"
    )


def as_size(n_bytes: int) -> str:
    """A number of bytes for people.

    >>> as_size(1536), as_size(3 << 29)
    ('1.5 KiB', '1.5 GiB')
    """
    for power, unit in ((30, "GiB"), (20, "MiB")):
        if n_bytes >= 1 << power:
            return f"{n_bytes / (1 << power):,.1f} {unit}"
    return f"{n_bytes / 1024:,.1f} KiB"
