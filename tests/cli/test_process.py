"""The command as a process: exit statuses, pipes, interrupts, terminals."""

import os
import pty
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from miscope import MICurve

TERMINAL = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}


def read_terminal(master: int, until: bytes = b"\0never\0", seconds: float = 60) -> bytes:
    """What a process writes to a terminal, until it says `until` or hangs up."""
    seen, end = b"", time.monotonic() + seconds
    while until not in seen and time.monotonic() < end:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    return seen


def heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def on_terminal(folder):
    """Start the command with stderr on a terminal; returns the process and the terminal's other end."""
    started = []

    def start(*arguments: str, **options) -> tuple[subprocess.Popen, int]:
        master, slave = pty.openpty()
        # Where tests run in the background, SIGINT is ignored, and a child inherits that.
        options = {"stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL, "preexec_fn": heed_interrupts} | options
        command = [sys.executable, "-m", "miscope", *arguments]
        process = subprocess.Popen(command, cwd=folder, env=TERMINAL, stderr=slave, **options)
        os.close(slave)
        started.append((process, master))
        return process, master

    yield start
    for process, master in started:
        process.kill()
        process.wait()
        os.close(master)
        if process.stdout:
            process.stdout.close()


def test_a_clean_run_and_nothing_to_warn_of(folder, spawn):
    outcome = spawn(
        "measure", "text.txt", "-o", "a.json", "--plot", "a.pdf", "--quiet", python=("-W", "error", "-X", "dev")
    )
    assert (outcome.status, outcome.stderr) == (0, "")
    assert "lag" in outcome.stdout


def test_unusable_input_is_status_2(spawn):
    outcome = spawn("measure", "missing.txt")
    assert (outcome.status, outcome.stdout) == (2, "")
    assert outcome.stderr == "miscope: error: cannot read 'missing.txt': there is no such file\n"


def test_standard_input_is_a_pipe(folder, spawn):
    outcome = spawn("measure", "-", "-o", "curve.json", "--quiet", input=(folder / "text.txt").read_bytes())
    assert (outcome.status, outcome.stderr) == (0, "")
    assert MICurve.load(folder / "curve.json").n_pairs[0] == 5999


def test_standard_input_that_is_closed(folder):
    command = [sys.executable, "-c", "import os, sys; os.close(0); os.execv(sys.executable, sys.argv[1:])"]
    command += [sys.executable, "-m", "miscope", "measure", "-"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"standard input" in done.stderr or b"stdin" in done.stderr


@pytest.mark.parametrize("options", [[], pytest.param(["--json"], marks=pytest.mark.long)])
def test_a_reader_that_has_gone(folder, options):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "miscope", "measure", "text.txt", "--quiet", *options]
    done = subprocess.run(command, cwd=folder, stdout=writing, stderr=subprocess.PIPE, timeout=120, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("options", [[], pytest.param(["--json"], marks=pytest.mark.long)])
def test_a_full_disk_behind_standard_output(folder, options):
    command = [sys.executable, "-m", "miscope", "measure", "text.txt", "--quiet", *options]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, cwd=folder, stdout=full, stderr=subprocess.PIPE, timeout=120, check=False)
    assert done.returncode in (1, 2)
    assert b"Traceback" not in done.stderr
    assert b"no space" in done.stderr.lower()


ENDS = """
import atexit, sys, threading, time
import pyarrow
from pyarrow import csv

class Slow:  # a thread of Arrow's is in here when the command ends
    closed = False
    def read(self, n=-1):
        begun.set()
        while True:
            time.sleep(0.001)
    def readable(self):
        return True
    def seekable(self):
        return False

begun = threading.Event()
threading.Thread(target=lambda: csv.open_csv(pyarrow.PythonFile(Slow(), "r")), daemon=True).start()
begun.wait()
atexit.register(lambda: print("at exit"))
sys.argv = ["miscope", *sys.argv[1:]]
from miscope.cli import main
main()
"""


@pytest.mark.parametrize(("command", "status"), [(["fit", "none.csv"], 2), (["--version"], 0)])
def test_no_thread_of_arrow_takes_the_process_down(command, status):
    """One that asks for the interpreter while that ends would abort the process, with status 134."""
    done = subprocess.run(
        [sys.executable, "-c", ENDS, *command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == status, done.stderr
    assert "terminate" not in done.stderr
    assert done.stdout.endswith("at exit\n")


def test_an_interrupt_while_reading(on_terminal, folder):
    """Standard input that never ends: ended at once by the signal (130 in a shell), with nothing written."""
    text = folder / "text.txt"
    process, master = on_terminal("measure", "-", "-o", "curve.json", stdin=subprocess.PIPE)
    process.stdin.write(text.read_bytes())
    process.stdin.flush()
    assert b"reading" in read_terminal(master, until=b"reading")
    process.send_signal(signal.SIGINT)
    rest = read_terminal(master)
    assert process.wait(timeout=30) == -signal.SIGINT
    assert b"interrupted" in rest
    assert b"Traceback" not in rest
    assert process.stdout.read() == b""
    process.stdin.close()
    assert list(folder.iterdir()) == [text]


def test_an_interrupt_while_counting(on_terminal, folder):
    (folder / "long.txt").write_bytes(random.Random(0).randbytes(3_000_000))
    command = [
        "measure",
        "long.txt",
        "--unit",
        "byte",
        "--lags",
        "all:20000",
        "-o",
        "curve.json",
        "--plot",
        "curve.png",
    ]
    process, master = on_terminal(*command)
    assert b"counting" in read_terminal(master, until=b"counting")
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    rest = read_terminal(master)
    assert process.wait(timeout=30) == -signal.SIGINT
    assert time.monotonic() - asked < 20  # counting would take minutes
    assert b"interrupted" in rest
    assert b"Traceback" not in rest
    assert process.stdout.read() == b""
    assert sorted(path.name for path in folder.iterdir()) == ["long.txt", "text.txt"]


def test_progress_on_a_terminal_and_results_elsewhere(on_terminal):
    process, master = on_terminal("measure", "text.txt", "--json")
    printed = process.stdout.read()
    seen = read_terminal(master)
    assert process.wait(timeout=30) == 0
    assert b"reading" in seen
    assert b"counting" in seen
    assert printed.startswith(b'{"format"')
    assert b"\x1b" not in printed


def test_no_progress_when_quiet(on_terminal):
    process, master = on_terminal("measure", "text.txt", "--quiet")
    printed = process.stdout.read()
    assert read_terminal(master) == b""
    assert process.wait(timeout=30) == 0
    assert b"\x1b" not in printed


def test_no_progress_where_there_is_no_terminal_and_ascii_is_enough(spawn):
    outcome = spawn("measure", "text.txt", env=TERMINAL | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert outcome.status == 0, outcome.stderr
    assert "lag" in outcome.stdout
    assert all(line.startswith("warning: ") for line in outcome.stderr.splitlines())
    assert "\x1b" not in outcome.stdout + outcome.stderr


def test_help_is_quick_and_imports_nothing_heavy(spawn):
    program = (
        "import sys\nfrom miscope.cli.app import app\n"
        "try:\n    app(['measure', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('numba', 'matplotlib', 'pandas', 'torch', 'scipy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
