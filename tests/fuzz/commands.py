"""Random command lines, from the application's own list of commands and options: done, or refused in one sentence."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from typer.main import get_command
from typer.testing import CliRunner

import miscope as ms
from miscope.cli.app import app
from miscope.errors import InputError

from .kinds import FaultError, Kind, NoOpinionError, contents, written
from .written_kinds import hugging_face, made, trained

LEFT_OUT = {"demo", "study"}
"""Commands that take minutes, whatever they are asked."""

NOT_TRIED = {"--help", "--cluster", "--workers", "--scheduler", "--device"}
"""Options that begin clusters, or need devices."""

BASES = [
    line.split()
    for line in (
        "measure text.txt --lags 1,2 --blocks 4",
        "measure rows.csv --column symbol --lags 1,2 --blocks 4",
        "measure rows.csv --column value --lags 1,2 --blocks 0",
        "measure rows.jsonl --column symbol --unit word --lags 1 --blocks 2",
        "measure reals.npy --lags 1,2 --blocks 4",
        "measure counts.arrow",
        "measure --process ising-chain:coupling=1 --n-documents 4 --length 50 --lags 1,2 --blocks 2",
        "inspect text.txt",
        "inspect rows.csv --column symbol",
        "count text.txt --lags 1,2 -o made.arrow",
        "fit curve.json",
        "fit rows.csv",
        "compare curve.json curve.json",
        "compare fit.json fit.json",
        "compare curve.json model.safetensors --n-documents 4 --length 32 --lags 1,2",
        "sample ising-chain --coupling 1 --n-documents 2 --length 20 -o made.arrow",
        "sample model.safetensors --n-documents 2 --length 20",
        "train gru --width 3 --steps 2 --batch 2 --length 8 codes.npy -o made.safetensors",
        "train gru --width 3 --steps 2 --batch 2 --length 8 --process ising-chain -o made.safetensors",
        "probe model.safetensors --n-documents 4 --length 32 --lags 1,2",
        "probe tiny --n-documents 2 --length 16 --lags 1,2",
        "uniformity text.txt --lags 1,2 --permutations 39",
        "uniformity text.txt codes.npy --lags 1,2 --permutations 39",
        "report curve.json fit.json -o made.html --no-fit",
        "plan text.txt --lags 1,2",
        "plan --process ising-chain:coupling=1",
    )
]

NAMES = (
    *("text.txt", "rows.csv", "rows.jsonl", "codes.npy", "reals.npy", "curve.json", "fit.json", "model.safetensors"),
    *(
        "counts.arrow",
        "tiny",
        ".",
        "missing.txt",
        "empty.txt",
        "text.txt:x",
        "*.txt",
        "hub:",
        "-",
        "",
        "a\0b",
        "é\udcff",
        "made.png",
    ),
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
RIGHT = {
    "--unit": ("byte", "character", "word", "token"),
    "--documents": ("file", "line", "blank-line", "none"),
    "--null": ("global", "document", "circular", "shuffle"),
    "--estimator": ("grassberger", "plug_in", "miller_madow", "bracket", "gaussian", "nsb"),
    "--as": ("symbols", "numbers", "sign", "quantiles:3", "changes:sign", "returns:volatility:2", "edges:0,1"),
    "--classes": ("top:2", "unicode", "first", "suffix:2", "map:rows.csv", "kind"),
    "--column": ("k", "symbol", "value"),
    "--document-column": ("k", "symbol", "k,symbol"),
    "--time-column": ("k", "value"),
    "--separator": (",", " ", "so", ";"),
    "--lags": ("1", "1,2", "1:8", "all:4", "1:9:+2", "1:500"),
    "--output": ("made.json", "made.arrow", "made.parquet", "made.csv"),
    "--plot": ("made.png", "made.svg"),
}
STATUSES = (0, 2)


@cache
def options() -> dict[str, list[Any]]:
    """The parameters of each command."""
    context = get_command(app)
    return {name: command.params for name, command in context.commands.items() if name not in LEFT_OUT}


def some(parameter: Any, rng: Random) -> str:
    """A value of the right kind, or of a wrong one."""
    kind = str(getattr(parameter, "type", None) or getattr(parameter, "type_descriptor", "")).lower()
    choices = NAMES if rng.random() < 0.2 else VALUES
    if rng.random() < 0.6:
        if "path" in kind or parameter.param_type_name == "argument":
            choices = NAMES
        elif "int" in kind or "float" in kind:
            choices = VALUES[:10]
    return rng.choice(choices)


def line(rng: Random) -> list[str]:
    """A command that works, with options of all kinds, and now and then another word."""
    words = list(rng.choice(BASES))
    tried = [each for each in options()[words[0]] if each.opts[0].startswith("-") and not {*each.opts} & NOT_TRIED]
    for parameter in rng.sample(tried, min(len(tried), rng.choice((0, 1, 1, 2, 3)))):
        words.append(rng.choice([*parameter.opts, *parameter.secondary_opts]))
        if not parameter.is_flag:
            right = RIGHT.get(parameter.opts[0])
            words.append(rng.choice(right) if right and rng.random() < 0.6 else some(parameter, rng))
    if rng.random() < 0.3:
        at = rng.randrange(1, len(words))
        words[at : at + 1] = rng.choice(([], [rng.choice(NAMES)], [rng.choice(VALUES)], [words[at]] * 2))
    return words


def another(_data: bytes, rng: Random, _other: bytes) -> bytes:
    return json.dumps(line(rng)).encode()


def first(folder: Path) -> list[Path]:
    path = folder / "arguments.json"
    path.write_text(json.dumps(["measure", *MAKERS, "--lags", "1,2"]))  # so that all of them are made
    return [path]


def text(name: str, said: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(said)


def counted(folder: Path) -> None:
    ms.count_to_file(ms.Sequences.from_arrays(SQUARES % 3), folder / "counts.arrow", [1, 2], blocks=2)


SQUARES = np.arange(200) ** 2
MAKERS: dict[str, Callable[[Path], Any]] = {
    "text.txt": text("text.txt", "so it is, is it so\n" * 40),
    "empty.txt": text("empty.txt", ""),
    "rows.csv": text("rows.csv", "k,symbol,value\n" + "".join(f"{k},{'abc'[k * k % 3]},{k}.5\n" for k in range(60))),
    "rows.jsonl": text("rows.jsonl", "".join(f'{{"k": {k % 3}, "symbol": "so it is"}}\n' for k in range(60))),
    "codes.npy": lambda folder: np.save(folder / "codes.npy", SQUARES % 3),
    "reals.npy": lambda folder: np.save(folder / "reals.npy", np.sin(SQUARES)),
    "counts.arrow": counted,
    "curve.json": lambda folder: made()["curve"].save(folder / "curve.json"),
    "fit.json": lambda folder: made()["fit"].save(folder / "fit.json"),
    "model.safetensors": lambda folder: trained()["model"].save(folder / "model.safetensors"),
    "tiny": hugging_face,
}
"""What makes the files that command lines may name."""


@cache
def surroundings(name: str) -> dict[str, bytes]:
    """What stands under a name where commands run."""
    with tempfile.TemporaryDirectory() as folder:
        MAKERS[name](Path(folder))
        return contents(Path(folder) / name)


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
    folder.mkdir()
    for name in MAKERS:
        if any(name in word for word in words):
            written(folder, name, surroundings(name))
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
