"""Mutants in processes of their own, so that whatever a reader does is seen: refused, read, or a finding."""

import contextlib
import faulthandler
import itertools
import json
import os
import resource
import selectors
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miscope.errors import MiscopeError

from .kinds import FaultError, Files, Kind, NoOpinionError, contents, written

BATCH = 50
CPU_SECONDS, WALL_SECONDS = 10, 120
MEMORY = 2 << 30
"""Bytes that a mutant may take beside what the process has; no file may be larger."""

GOOD = ("refused", "read", "unchecked", "slow")
"""Refused; read to the right value; read, with nothing to compare; as long as it was asked to be."""


@dataclass(frozen=True)
class Result:
    kind: str
    number: int
    outcome: str
    detail: str = ""

    @property
    def signature(self) -> tuple[str, str, str]:
        """What findings of the same cause have in common, as a rule."""
        return self.kind, self.outcome, self.detail.partition("\n")[0] if self.outcome == "traceback" else ""


def judge(kind: Kind, path: Path) -> tuple[str, str]:
    """What becomes of one file: an outcome, and what is to be said of it."""
    try:
        got = kind.read(path)
    except MiscopeError as error:
        return "refused", str(error)
    except MemoryError as error:
        return "memory", _where(error)
    except FaultError as error:
        return "fault", str(error)
    except Exception as error:
        return "traceback", f"{_where(error)}\n{''.join(traceback.format_exception(error))}"
    try:
        expected = kind.expected(path)
    except NoOpinionError as error:
        return "unchecked", str(error)
    except Exception as error:
        return "accepted", f"though {type(error).__name__}: {error!s:.300}; read as {got!r:.300}"
    return ("read", "") if got in expected else ("changed", f"{got!r:.300} instead of {expected[0]!r:.300}")


def _where(error: BaseException) -> str:
    """The last line of miscope's own at which an error passed."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if "/miscope/" in frame.filename]
    place = f"{own[-1].filename.rpartition('/miscope/')[2]}:{own[-1].lineno}" if own else "outside"
    return f"{type(error).__name__} at {place}"


def judged(kind: Kind, name: str, files: Files) -> tuple[str, str]:
    """The same of files that are not on disk yet."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        return judge(kind, written(Path(folder), name, files))


# A process for each batch


def _confined() -> None:
    """Bound what this process may take, and let it say nothing."""
    faulthandler.disable()
    for limit in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(limit, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    if "huggingface_hub" in sys.modules:
        sys.modules["huggingface_hub"].constants.HF_HUB_OFFLINE = True


def _work(kind: Kind, seed: int, numbers: Iterable[int], say: Callable[[Any], None]) -> None:
    for number in numbers:
        name, files = kind.mutant(seed, number)
        say({"start": number})
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
        outcome, detail = judged(kind, name, files)
        signal.setitimer(signal.ITIMER_PROF, 0)
        say({"number": number, "outcome": outcome, "detail": detail if outcome not in GOOD else ""})


@dataclass
class Child:
    """A process that works on a batch."""

    kind: Kind
    numbers: list[int]
    pid: int
    source: int
    folder: str
    at: int | None = None
    rest: bytes = b""

    @classmethod
    def of(cls, kind: Kind, seed: int, numbers: list[int]) -> "Child":
        source, sink = os.pipe()
        folder = tempfile.mkdtemp(prefix="fuzz-")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # threads of libraries do not live on in the child, and need not
            pid = os.fork()
        if pid:
            os.close(sink)
            return cls(kind, numbers, pid, source, folder)
        status = 1
        with contextlib.suppress(BaseException):
            os.close(source)
            tempfile.tempdir = folder
            _confined()
            _work(kind, seed, numbers, lambda said: os.write(sink, json.dumps(said).encode() + b"\n") and None)
            status = 0
        os._exit(status)

    def said(self) -> list[dict[str, Any]] | None:
        """What it said since; None where it has ended."""
        new = os.read(self.source, 1 << 16)
        *lines, self.rest = (self.rest + new).split(b"\n")
        return [json.loads(line) for line in lines] if new else None

    def ended(self) -> str:
        """How it ended: an empty string where all is well."""
        os.close(self.source)
        _, status = os.waitpid(self.pid, 0)
        shutil.rmtree(self.folder, ignore_errors=True)
        if not os.WIFSIGNALED(status):
            return "" if status == 0 else f"crash status {os.waitstatus_to_exitcode(status)}"
        name = signal.Signals(os.WTERMSIG(status)).name
        return "hang" if name in ("SIGPROF", "SIGALRM") else f"crash {name}"


def run(batches: Iterator[tuple[Kind, list[int]]], seed: int, jobs: int, tell: Callable[[Result], None]) -> None:
    """Work on batches in so many processes at a time; each result is told."""
    watched = selectors.DefaultSelector()
    again: list[tuple[Kind, list[int]]] = []
    children: dict[int, Child] = {}
    batches = iter(batches)
    while True:
        while len(children) < jobs:
            batch = again.pop() if again else next(batches, None)
            if batch is None:
                break
            child = Child.of(batch[0], seed, batch[1])
            children[child.source] = child
            watched.register(child.source, selectors.EVENT_READ)
        if not children:
            return
        for key, _ in watched.select():
            child = children[key.fd]
            said = child.said()
            for each in said or ():
                _heard(child, each, tell)
            if said is None:
                watched.unregister(key.fd)
                del children[key.fd]
                again += _buried(child, tell)


def _heard(child: Child, said: dict[str, Any], tell: Callable[[Result], None]) -> None:
    if "start" in said:
        child.at = said["start"]
        return
    child.at = None
    child.numbers = [number for number in child.numbers if number != said["number"]]
    tell(Result(child.kind.name, said["number"], said["outcome"], said["detail"]))


def _buried(child: Child, tell: Callable[[Result], None]) -> list[tuple[Kind, list[int]]]:
    """Note how a process ended; what it left undone is for another."""
    how = child.ended()
    left = child.numbers
    if how and child.at is not None:
        slow = how == "hang" and child.kind.slow
        tell(Result(child.kind.name, child.at, "slow" if slow else how.partition(" ")[0], how))
        left = [number for number in left if number != child.at]
    elif how and left:
        tell(Result(child.kind.name, left[0], "crash", f"between mutants: {how}"))
        left = left[1:]
    return [(child.kind, left)] if left else []


def in_turn(kinds: list[Kind], each: int | None, seconds: float) -> Iterator[tuple[Kind, list[int]]]:
    """Batches of all kinds in turn, until each has so many or time is over."""
    end = time.monotonic() + seconds
    for start in itertools.count(0, BATCH):
        for kind in kinds:
            numbers = list(range(start, start + BATCH if each is None else min(start + BATCH, each)))
            if not numbers or time.monotonic() > end:
                return
            yield kind, numbers


# Findings as files


def save(kind: Kind, seed: int, number: int, folder: Path) -> Path:
    """A mutant as a file, or a folder, whose name says what it is."""
    name, files = kind.mutant(seed, number)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind.name}--{seed}-{number}--{name}"
    if list(files) == [name]:
        path.write_bytes(files[name])
    else:
        written(folder, path.name, {str(Path(path.name, *Path(file).parts[1:])): data for file, data in files.items()})
    return path


def saved(path: Path, kinds: dict[str, Kind]) -> tuple[Kind, str, Files]:
    """What `save` wrote."""
    kind, _, name = path.name.split("--", 2)
    files = contents(path)
    return kinds[kind], name, {str(Path(name, *Path(file).parts[1:])): data for file, data in files.items()}
