"""A process that has imported and compiled all, and runs commands in forks of itself, which meet their end as asked.

Requests are lines of JSON on standard input, answers lines of JSON on standard output:

- ``{"run": [arguments], "folder": where, "fault": kind, "at": n}`` runs ``miscope`` there until it ends, or stops;
- ``{"go_on": pid}`` lets one go on that has stopped.

The answer has ``status`` (negative for signals), ``output`` (both streams), and ``operations``: how many operations on
files there were in the folder, up to the end. An operation is what makes, opens for writing, renames or removes a file
or a folder, as the interpreter tells its audit hooks, and `os.write`, `os.fsync`. Faults, at the n-th of them, before
it is done:

- ``kill``: the process is killed;
- ``full``: from there on the disk has no room (an error, ENOSPC, wherever a file is made or written);
- ``stop``: the process stops until it is told to go on.

Beside them, by how many bytes a file has: ``cut`` kills the process where it would write byte n of any file, and
``limit`` gives it an error there; these hold for whatever writes, be it compiled.
"""

import contextlib
import errno
import json
import os
import resource
import signal
import sys
import warnings
from pathlib import Path

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_LONGEST = 120  # seconds of a command
_MAKING = ("open", "os.mkdir", "os.write")  # what takes room


class Shim:
    """Counts operations on files in a folder, and lets one of them be the last."""

    def __init__(self, folder, fault, at):
        self.folder, self.fault, self.at, self.n = f"{os.path.realpath(folder)}/", fault, at, 0

    def install(self):
        sys.addaudithook(self.hook)
        for name in ("write", "fsync"):
            setattr(os, name, self.told(f"os.{name}", getattr(os, name)))

    def told(self, event, function):
        def call(descriptor, *rest):
            self.operation(event, f"/proc/self/fd/{descriptor}", -1)
            return function(descriptor, *rest)

        return call

    def hook(self, event, about):
        if event == "open" and isinstance(about[0], str | bytes | os.PathLike) and about[2] & _WRITING:
            self.operation(event, about[0], -1)
        elif event in ("os.rename", "os.link", "os.symlink"):
            self.operation(event, about[1], about[3] if event != "os.symlink" else about[2])
        elif event in ("os.remove", "os.rmdir"):
            self.operation(event, about[0], about[1])
        elif event in ("os.mkdir", "os.chmod", "os.utime", "os.truncate"):
            self.operation(event, about[0], about[2] if event == "os.mkdir" else -1)

    def operation(self, event, path, beside):
        if not self.is_inside(path, beside):
            return
        self.n += 1
        if self.fault == "kill" and self.n == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "stop" and self.n == self.at:
            os.kill(os.getpid(), signal.SIGSTOP)
        if self.fault == "full" and self.n >= self.at and event in _MAKING:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fsdecode(path))

    def is_inside(self, path, beside):
        if isinstance(path, int):
            return False
        path = os.fsdecode(path)
        if isinstance(beside, int) and beside >= 0:
            path = os.path.join(os.readlink(f"/proc/self/fd/{beside}"), path)  # noqa: PTH115, PTH118
        return os.path.realpath(path).startswith(self.folder)


def limit_files(kind, n):
    """What every file may have, in bytes; the signal that comes with it kills, or is nothing beside the error."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kind == "cut" else signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (n, n))


def run(arguments):
    """Run the command, as `main` does in a new process; its exit status."""
    from miscope import atomic
    from miscope.cli.app import app

    atomic._tidy.cache_clear()
    try:
        app(arguments, prog_name="miscope")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    return 1


def in_a_fork(request, said, report):
    """Never returns."""
    signal.alarm(_LONGEST)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.chdir(request["folder"])
    fault, at = request.get("fault"), request.get("at", 0)
    shim = Shim(request["folder"], fault, at)
    write = os.write
    if fault in ("cut", "limit"):
        limit_files(fault, at)
    shim.install()
    status = run(request["run"])
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    write(report, str(shim.n).encode())
    os._exit(status)


class Runs:
    """The forks that have not ended."""

    def __init__(self):
        self.pipes = {}

    def run(self, request):
        (said, into), (told, report) = os.pipe(), os.pipe()
        pid = os.fork()
        if not pid:
            in_a_fork(request, into, report)
        os.close(into)
        os.close(report)
        self.pipes[pid] = said, told
        return self.waited(pid)

    def go_on(self, pid):
        os.kill(pid, signal.SIGCONT)
        return self.waited(pid)

    def waited(self, pid):
        status = os.waitpid(pid, os.WUNTRACED)[1]
        if os.WIFSTOPPED(status):
            return {"stopped": pid}
        said, told = (self.read(descriptor) for descriptor in self.pipes.pop(pid))
        return {"status": os.waitstatus_to_exitcode(status), "output": said, "operations": int(told or 0)}

    def read(self, descriptor):
        with os.fdopen(descriptor, "rb") as pipe:
            return pipe.read().decode(errors="replace")


def smaller_studies():
    """An experiment that has a piece of each kind and takes a moment, and a calibration of two cases."""
    import miscope as ms
    from miscope.models import GRU
    from miscope.studies import calibration
    from miscope.studies.experiment import Experiment
    from miscope.studies.findings import Outcome
    from miscope.studies.shen2019 import study

    def work(lab):
        text = ms.read(lab.sources["corpus"])
        curve = lab.curve("text", lambda: ms.measure(text, "1:40", blocks=8))
        lab.fit("text", lambda: ms.fit(curve))
        how = {"steps": 4, "batch": 4, "length": 16, "device": "cpu"}
        model = lab.model("gru", lambda at: ms.train(GRU(text.alphabet_size, width=2), text, checkpoint=at, **how))
        lab.record("symbols", lambda: {"n": int(text.n_symbols), "loss": float(model.history.loss[-1])})
        return Outcome((), {"values": [{"lag": 1, "mi": float(curve.mi[0])}]})

    small = Experiment("small", "A title", "A claim", "A method", {"smoke": {}}, work, lambda settings: 4)
    study.EXPERIMENTS, study.experiment = ("small",), lambda name: small
    few = tuple(case for case in calibration.cases() if case.group == "blocks")[:2]
    calibration.cases, calibration.verdict_cases = (lambda: few), (lambda scale: ())


def main():
    warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    smaller_studies()
    runs = Runs()
    for line in sys.stdin:
        request = json.loads(line)
        if "warm" in request:
            os.chdir(request["folder"])
            answer = {"status": run(request["warm"])}
        else:
            answer = runs.run(request) if "run" in request else runs.go_on(request["go_on"])
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, which nothing is imported from
    assert Path(__file__).name == "warm.py"
    main()
