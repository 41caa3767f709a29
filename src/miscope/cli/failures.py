"""What a machine has run out of, as one sentence: the last net under all commands."""

from __future__ import annotations

import errno
import os
import sys
import threading
from types import CodeType

__all__ = ["ClosedOutputError", "said_of"]

_MEMORY = "not enough memory"
_LESS = "take less at once (fewer threads, fewer lags, --max-memory, a smaller batch), or more memory"


class ClosedOutputError(OSError):
    """There is no standard output."""

    def __init__(self) -> None:
        super().__init__(errno.EBADF, "standard output is closed")


def said_of(error: BaseException) -> str | None:
    """What is missing where an error comes of the machine or of what was read, None where it is a fault of miscope's.

    >>> said_of(MemoryError()), said_of(TypeError("a fault"))
    ('not enough memory: take less at once (...), or more memory', None)
    """
    if isinstance(error, MemoryError) or _is_of_torch(error) or _is_of_threads(error):
        reason = str(error).partition("\n")[0]
        return f"{_MEMORY}{f' ({reason:.200})' if reason else ''}: {_LESS}"
    if isinstance(error, RecursionError):
        return "what was given is nested too deeply"
    if isinstance(error, OSError):
        return _of_system(error)
    return None


def _of_system(error: OSError) -> str:
    """Files that are read or written explain themselves; what is left is our own output, and compiled kernels."""
    if error.errno == errno.ENOMEM:
        return f"{_MEMORY} ({error}): {_LESS}"
    if error.errno == errno.ENAMETOOLONG:  # wherever it was looked for: a person named it
        named = os.fspath(error.filename or "")
        return f"the name {named[:40]!r}… has {len(named):,} characters, too many for a file's"
    if error.errno is None:  # of libraries, which say all of it themselves
        return str(error).partition("\n")[0]
    return f"cannot write {error.filename or 'the output'}: {error.strerror or error}"


def _is_of_torch(error: BaseException) -> bool:
    if "torch" not in sys.modules:  # which is not loaded just for this
        return False
    from miscope.models.devices import is_out_of_memory

    return is_out_of_memory(error)


def _is_of_threads(error: BaseException) -> bool:
    """Whether a thread could not be started, of which Python says so without a kind of error."""
    return isinstance(error, RuntimeError) and _raised_in(error) is threading.Thread.start.__code__


def _raised_in(error: BaseException) -> CodeType | None:
    """The code in which an error was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return None if trace is None else trace.tb_frame.f_code
