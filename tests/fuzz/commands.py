"""Random command lines, from the application's own list of commands and options: done, or refused in one sentence."""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from typer.main import get_command
from typer.testing import CliRunner

from miscope.cli.app import app
from miscope.errors import InputError

from .kinds import FaultError, Kind, NoOpinionError
from .written_kinds import hugging_face, made, trained

LEFT_OUT = {"demo", "study"}
"""Commands that take minutes, whatever they are asked."""

NOT_TRIED = {"--help", "--cluster", "--workers", "--scheduler", "--device"}
"""Options that begin clusters, or need devices."""

QUICK = {
    "measure": ["--lags", "1,2", "--blocks", "4"],
    "count": ["--lags", "1,2", "-o", "made.arrow"],
    "sample": ["--n-documents", "2", "--length", "20", "-o", "made.arrow"],
    "train": ["gru", "--width", "3", "--steps", "2", "--batch", "2", "-o", "made.safetensors", "--device", "cpu"],
    "probe": ["--n-documents", "4", "--length", "32", "--lags", "1,2"],
    "uniformity": ["--lags", "1,2"],
    "report": ["-o", "made.html", "--no-fit"],
    "compare": ["--n-documents", "4", "--length", "32", "--lags", "1,2"],
}
"""What keeps each command small."""

NAMES = (
    *("text.txt", "rows.csv", "rows.jsonl", "codes.npy", "reals.npy", "curve.json", "fit.json", "model.safetensors"),
    *("tiny", ".", "missing.txt", "empty.txt", "text.txt:x", "*.txt", "hub:", "-", "", "a\0b", "é\udcff", "made.png"),
)
VALUES = (
    *("0", "1", "2", "3", "-1", "1.5", "nan", "inf", "1e400", "9" * 30, "x", "", " ", "1:3", "all:4", "1:9:+2", "3:1"),
    *("word", "byte", "line", "none", "document", "global", "grassberger", "bracket", "gaussian", "top:2", "unicode"),
    *(
        "map:rows.csv",
        "suffix:2",
        "symbols",
        "numbers",
        "quantiles:3",
        "returns:sign",
        "edges:0",
        "k",
        "symbol",
        "value",
    ),
    *(
        "ising-chain:coupling=1",
        "ising-chain",
        "markov-chain:transition=[[0.5,0.5],[0.1,0.9]]",
        "gru",
        "utf-16",
        "rot13",
    ),
    *("markov-chain:transition=" + "[" * 2000, "ising-chain:coupling=" + "1" * 400, "(", "^so", "ab", "a,b", "\ud800"),
)
STATUSES = (0, 2)


@cache
def options() -> dict[str, list[Any]]:
    """The parameters of each command."""
    context = get_command(app)
    return {name: command.params for name, command in context.commands.items() if name not in LEFT_OUT}


def some(parameter: Any, rng: Random) -> str:
    """A value of the right kind, or of a wrong one."""
    kind, choices = parameter.type.name, NAMES if rng.random() < 0.2 else VALUES
    if rng.random() < 0.6:
        if kind in ("path", "file") or parameter.name in ("files", "results", "curves", "names", "output", "plot"):
            choices = NAMES
        elif kind.startswith(("integer", "float")):
            choices = VALUES[:10]
    return rng.choice(choices)


def line(rng: Random) -> list[str]:
    """The arguments of one command."""
    name = rng.choice(sorted(options()))
    words = [name]
    for parameter in options()[name]:
        if parameter.param_type_name == "argument":
            n = rng.choice((0, 1, 1, 1, 2))
            words += [rng.choice(NAMES[:8]) if rng.random() < 0.8 else some(parameter, rng) for _ in range(n)]
    words += QUICK.get(name, []) if rng.random() < 0.95 else []
    tried = [each for each in options()[name] if each.opts[0].startswith("-") and not {*each.opts} & NOT_TRIED]
    for parameter in rng.sample(tried, min(len(tried), rng.choice((0, 1, 1, 2, 3, 4)))):
        words.append(rng.choice([*parameter.opts, *parameter.secondary_opts]))
        if not parameter.is_flag:
            words.append(some(parameter, rng))
    return words


def another(_data: bytes, rng: Random, _other: bytes) -> bytes:
    return json.dumps(line(rng)).encode()


def first(folder: Path) -> list[Path]:
    path = folder / "arguments.json"
    path.write_text(json.dumps(["measure", "text.txt", "--lags", "1,2", "--blocks", "4"]))
    return [path]


@cache
def surroundings() -> dict[str, bytes]:
    """Files that stand where commands run."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "text.txt").write_text("so it is, is it so\n" * 40)
        (folder / "empty.txt").write_text("")
        (folder / "rows.csv").write_text(
            "k,symbol,value\n" + "".join(f"{k},{'abc'[k * k % 3]},{k}.5\n" for k in range(60))
        )
        (folder / "rows.jsonl").write_text("".join(f'{{"k": {k % 3}, "symbol": "so it is"}}\n' for k in range(60)))
        np.save(folder / "codes.npy", np.arange(200) ** 2 % 3)
        np.save(folder / "reals.npy", np.sin(np.arange(200) ** 2))
        made()["curve"].save(folder / "curve.json")
        made()["fit"].save(folder / "fit.json")
        trained()["model"].save(folder / "model.safetensors")
        hugging_face(folder)
        return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def tree(folder: Path) -> dict[str, int]:
    return {str(file): file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def run(path: Path) -> None:
    """Run a command line in a folder of its own; FaultError where it ends otherwise than it may."""
    words = json.loads(path.read_bytes())
    folder = path.parent / "here"
    for name, data in surroundings().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    before = tree(folder)
    with inside(folder):
        done = CliRunner(env={"COLUMNS": "120", "TERM": "dumb"}).invoke(app, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    if done.exit_code not in STATUSES:
        raise FaultError(f"status {done.exit_code}: {done.stderr[-300:]} ({words})")
    if "Traceback" in done.stderr or "Error(" in done.stderr:
        raise FaultError(f"a traceback in words: {done.stderr[-300:]} ({words})")
    if done.exit_code == 0:
        return
    if not done.stderr.strip():
        raise FaultError(f"refused without a word: {words}")
    after = {file: when for file, when in tree(folder).items() if ".part/" not in file}
    if after != before:
        raise FaultError(f"refused, and files were written: {sorted(after.items() ^ before.items())} ({words})")
    raise InputError(done.stderr[-200:])


def whatever(path: Path) -> Any:
    raise NoOpinionError("done")


KINDS: Sequence[Kind] = [Kind("commands", first, run, whatever, (another,), needs=("torch", "transformers"), slow=True)]
