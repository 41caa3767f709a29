"""A small corpus, and two ways to call the command: in this process (fast), or as a process of its own."""

import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from calling import call as call_here

TIMEOUT = 140  # for a demo beside others


@dataclass(frozen=True)
class Outcome:
    status: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def sticky_text() -> str:
    """A symbol often stays what it was: dependence that nobody can overlook, at short lags only."""
    draw = random.Random(7)
    symbols = ["a"]
    for _ in range(5999):
        symbols.append(symbols[-1] if draw.random() < 0.7 else draw.choice("abcd"))
    return "".join(symbols)


@pytest.fixture(scope="session", autouse=True)
def compiled(tmp_path_factory, sticky_text) -> None:
    """Kernels compiled and in the cache, so that tests that break the disk break only what they mean to break."""
    text = tmp_path_factory.mktemp("compiled") / "text.txt"
    text.write_text(sticky_text)
    assert call_here("measure", str(text), "--quiet").exit_code == 0


@pytest.fixture(autouse=True)
def unhurried(monkeypatch) -> None:
    """No lines of progress, however slow the machine is; tests that want them say when."""
    monkeypatch.setattr("miscope.cli.progress.FIRST", 1e6)


@pytest.fixture
def folder(tmp_path, monkeypatch, sticky_text) -> Path:
    """The working directory of the test, with text.txt in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(sticky_text)
    return tmp_path


@pytest.fixture
def miscope(folder):
    """Call the command in this process; `stdin` is bytes."""

    def call(*arguments: str, stdin: bytes = b"") -> Outcome:
        result = call_here(*arguments, stdin=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def spawn(folder):
    """Call the command as a process of its own; keyword arguments go to subprocess.run."""

    def call(*arguments: str, python: tuple[str, ...] = (), **options) -> Outcome:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
        if "input" in options:
            del options["stdin"]
        command = [sys.executable, *python, "-m", "miscope", *arguments]
        done = subprocess.run(command, cwd=folder, timeout=TIMEOUT, check=False, **options)
        said = (done.stderr or b"").decode().splitlines(keepends=True)
        unhurried = "".join(line for line in said if not line.startswith("progress: "))  # on a busy machine
        return Outcome(done.returncode, (done.stdout or b"").decode(), unhurried)

    return call


@pytest.fixture
def refused(miscope, folder):
    """Call the command, which must refuse: status 2, one line of error with these words, nothing printed or left."""

    def call(*arguments: str, words: list[str], stdin: bytes = b"") -> str:
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
        outcome = miscope(*arguments, stdin=stdin)
        after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
        assert outcome.status == 2, outcome
        assert outcome.stdout == ""
        assert outcome.stderr.startswith("miscope: error: ")
        assert outcome.stderr.count("\n") == 1
        assert "Traceback" not in outcome.stderr
        for word in words:
            assert word in outcome.stderr, f"{word!r} not in {outcome.stderr!r}"
        assert after == before
        return outcome.stderr

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory, sticky_text) -> Path:
    """A folder of small models: chain (of a process), text (of abcd), narrow (a context of 16), linear (of numbers)."""
    import miscope as ms
    from miscope.models import GRU, LinearGaussianRNN, Transformer
    from miscope.processes import IsingChain, LinearRNN

    folder = tmp_path_factory.mktemp("models")
    how = {"batch": 8, "length": 16, "learning_rate": 0.02, "device": "cpu"}
    text = ms.Sequences.from_arrays(sticky_text)
    made = {
        "chain": ms.train(GRU(2, width=4), IsingChain(1.0), steps=60, **how),
        "text": ms.train(GRU(4, width=4), text, steps=30, **how),
        "narrow": ms.train(Transformer(2, width=4, depth=1, context=16), IsingChain(1.0), steps=30, **how),
        "linear": ms.train(LinearGaussianRNN(width=2), LinearRNN(), steps=30, **how),
    }
    for name, model in made.items():
        model.save(folder / f"{name}.safetensors")
    return folder


@pytest.fixture
def models(folder, trained) -> Path:
    """The working directory, with the files of `trained` in it."""
    for file in trained.iterdir():
        shutil.copy(file, folder)
    return folder


@pytest.fixture
def no_torch(monkeypatch) -> None:
    """An installation with the core dependencies only."""
    monkeypatch.setitem(sys.modules, "torch", None)
