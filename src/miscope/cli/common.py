"""What every command shares: errors in one voice, progress, checks of output paths, tables."""

from __future__ import annotations

import errno
import functools
import glob
import io
import math
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import typer

from miscope.cli.progress import lines_of, progress_bar
from miscope.errors import InputError, MiscopeError

if TYPE_CHECKING:
    import numpy as np

    from miscope.curve import MICurve

__all__ = [
    "INTERRUPTED",
    "aligned",
    "as_options",
    "check_output",
    "finite",
    "found_files",
    "guarded",
    "in_options",
    "note",
    "one_of_several",
    "print_curve",
    "progress_bar",
    "say",
]

INTERRUPTED = 130
UNUSABLE = 2

_ARGUMENTS = (
    "batch|blocks|clip|counts|discard|learning_rate|length|n_documents|precision|seed|slide|temperature|top_k|warmup"
)
_ADVICE = re.compile(rf"\b({_ARGUMENTS})=(\d+(?:,\d{{3}})+|[^\s,;:()]*[^\s,;:().])")
_SAID_OTHERWISE = {
    "resume=False": "--no-resume",
    "valid=False": "--no-valid",
    ", lags=curve.lags": ", with --lags",
    "skip_bad=True": "--skip-bad",
    "classes=miscope.models.by_frequency(...)": "--classes 64",
    "pass another path for the checkpoint": "name another file with --checkpoint",
}

_PYTHON = {
    " (fresh=True)": "",
    "blocks=0": "--blocks 0",
    "fresh=True": "--fresh",
    "n_permutations must": "--permutations must",
    "leave unit and fold_case out": "leave --unit and --fold-case out",
    "leave document, time and as_ out": "leave --document-column, --time-column and --as out",
    "leave alphabet and alphabet_size out": "leave --alphabet out",
    "pass a larger alphabet_size (or alphabet), or leave it out": "give --alphabet more symbols, or leave it out",
    ", as with np.unique(codes, return_inverse=True)[1]": " from 0",
    "symbols anew with np.unique(data, return_inverse=True)[1]": "symbols anew, from 0",
    "or read letters without headers by read_text(path, fold_case=True)": "or name the file .txt, and read its letters "
    "with --fold-case",
    " (read_hub)": "",
    "No such file or directory": "there is no such file or folder",
    "Is a directory": "it is a folder, and a file is needed",
}
"""Advice that is about Python, and words of the operating system, as the command line says them."""

_WHERE_IN_JSON = re.compile(r": [A-Z][^:;]*: line (\d+) column (\d+) \(char \d+\)")

_MOST_ROWS = 200
_P = ParamSpec("_P")
_R = TypeVar("_R")


def guarded(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Turn what users can cause into one line on stderr and an exit status, and say how far what takes long is."""

    @functools.wraps(command)
    def run(*arguments: _P.args, **options: _P.kwargs) -> _R:
        try:
            with lines_of(command.__name__, bool(options.get("quiet")) or one_of_several(), note):
                return command(*arguments, **options)
        except MiscopeError as error:
            if not (one_of_several() and isinstance(error, InputError)):  # which all of them have
                note(f"miscope: error: {without_python(str(error))}")
            raise typer.Exit(UNUSABLE) from None
        except KeyboardInterrupt:
            if not one_of_several():
                note("miscope: interrupted; no file is half-written")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of our output has gone: nothing to say, and nobody to say it to.
            _forget_output()
            raise typer.Exit(1) from None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:  # wherever it was looked for: a person named it
                named = os.fspath(error.filename or "")
                note(f"miscope: error: the name {named[:40]!r}… has {len(named):,} characters, too many for a file's")
                raise typer.Exit(UNUSABLE) from None
            # Files that are read or written explain themselves as MiscopeError; what is left is our own output, and
            # the cache of compiled kernels.
            note(f"miscope: error: cannot write {error.filename or 'the output'}: {error.strerror or error}")
            _forget_output()
            raise typer.Exit(1) from None
        except MemoryError as error:
            note(f"miscope: error: not enough memory: {error}".rstrip(": "))
            raise typer.Exit(1) from None

    return run


def without_python(text: str) -> str:
    """An error in the words of the command line.

    >>> without_python("32 blocks, but only 3 symbols: ask for fewer blocks, or blocks=0 for no bars")
    '32 blocks, but only 3 symbols: ask for fewer blocks, or --blocks 0 for no bars'
    """
    for written, meant in _PYTHON.items():
        text = text.replace(written, meant)
    return _WHERE_IN_JSON.sub(r" (at line \1, column \2)", text)


def one_of_several() -> bool:
    """Whether this process is one of several on this machine, as `accelerate launch` starts them, but the first."""
    return os.environ.get("LOCAL_RANK", "0") != "0"


@contextmanager
def as_options() -> Iterator[None]:
    """Say in errors how what they advise is written on the command line."""
    try:
        yield
    except MiscopeError as error:
        error.args = (in_options(str(error)),)
        raise


def in_options(text: str) -> str:
    """Advice with arguments of functions as options.

    >>> in_options("draw shorter ones, or let the context slide, slide=1,024 (or more), counts='hard'")
    'draw shorter ones, or let the context slide, --slide 1024 (or more), --counts hard'
    """
    for written, meant in _SAID_OTHERWISE.items():
        text = text.replace(written, meant)
    return _ADVICE.sub(_as_option, text)


def _as_option(found: re.Match[str]) -> str:
    value = found[2].strip("'\"")
    return f"--{found[1].replace('_', '-')} {value.replace(',', '')}"


def _forget_output() -> None:
    """Let what is still in the buffer of stdout go nowhere, so that closing it at exit does not fail again."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        return  # closed, or no file of the system: then there is no buffer to fail


def note(text: str) -> None:
    """Write to stderr, where everything but results goes."""
    typer.echo(printable(text, sys.stderr), err=True)


def say(text: str) -> None:
    """Write a result to stdout, and see to it that it got there."""
    typer.echo(printable(text, sys.stdout))
    sys.stdout.flush()


def printable(text: str, stream: Any) -> str:
    """Text with what the stream cannot show replaced: names of files need not be Unicode, terminals may be ASCII."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def check_output(path: Path | None, inputs: list[str], suffixes: tuple[str, ...] = ()) -> None:
    """Refuse an output path that could not be written at the end, before any work is done."""
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        one_of = "one of " if len(suffixes) > 1 else ""
        raise InputError(f"{path} should end in {one_of}{', '.join(suffixes)}")
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a directory; name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: there is no directory {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: no right to write in {path.parent}")
    if path.exists() and any(Path(name).exists() and path.samefile(name) for name in found_files(inputs)):
        raise InputError(f"{path} is one of the files to be read; it would be overwritten: choose another name")
    if path.is_file() or not path.exists():
        _try_to_write(path)


def _try_to_write(path: Path) -> None:
    """Make a file beside `path` and take it away, as writing does: rights alone do not say that it can be done."""
    beside = Path(os.path.realpath(path)).parent
    try:
        with tempfile.TemporaryFile(dir=beside, prefix=".miscope-"):
            return
    except OSError as error:
        reason = f"{error.strerror or error}"
        raise InputError(f"cannot write {path}: no file can be made in {beside} ({reason})") from None


def found_files(inputs: list[str]) -> list[str]:
    """The files that these names stand for: patterns expanded, all other names as they are."""
    return [found for name in inputs for found in (glob.glob(name, recursive=True) or [name])]  # noqa: PTH207


def finite(value: Any) -> Any:
    """The same as JSON can hold it: None for numbers that are none."""
    if isinstance(value, Mapping):
        return {str(name): finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def aligned(rows: Sequence[tuple[str, ...]], right: tuple[int, ...] = ()) -> list[str]:
    """Rows of cells as lines, columns under one another; those with these numbers end where they end."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if k in right else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def print_curve(curve: MICurve, exact: np.ndarray | None = None, name: str = "exact") -> None:
    """A table of a curve on stdout, beside what is exact if that is known, or else what has this name."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    if _is_of_one_symbol(curve):
        say(f"{_title(curve)}\n0 at " + ("the one lag" if len(curve) == 1 else f"all {len(curve):,} lags"))
        return
    columns = _columns(curve, name, exact)
    for heading in ["lag", *columns, "pairs", ""]:
        table.add_column(heading.strip(), justify="right" if heading else "left", no_wrap=True)
    seen = curve.significant()
    keep = _rows(len(curve))
    for i in keep:
        cells = ["-" if column[i] != column[i] else f"{column[i]:.4g}" for column in columns.values()]
        table.add_row(str(curve.lags[i]), *cells, f"{curve.n_pairs[i]:,}", "*" if seen[i] else "")
    terminal = sys.stdout.isatty()
    page = io.StringIO()
    console = Console(file=page, force_terminal=terminal, width=None if terminal else 120, highlight=False, emoji=False)
    console.print(table)
    say(_title(curve))
    say(page.getvalue().rstrip("\n"))
    if len(keep) < len(curve):
        say(f"{len(keep)} of {len(curve):,} lags are shown; -o curve.json writes them all")
    if exact is not None and curve.null_name == "document":
        say("exact: all that the process has, of which this null may take a part away")
    if curve.n_blocks:
        above = {"bracket": "the lower bound stands above 0", "conditional": "the lag stands above 0"}.get(
            curve.estimator, "the lag stands above the null"
        )
        say(f"± standard error; q: false discovery rate at which {above}; * q <= 0.05")


def _is_of_one_symbol(curve: MICurve) -> bool:
    """Whether a curve is 0 because there is one distinct symbol only."""
    return curve.provenance.get("n_symbols_seen") == 1 and bool((abs(curve.mi) < 1e-9).all())


def _rows(n: int) -> list[int]:
    """Which of n lags to show: all, or so many that are about equally far apart on a logarithmic scale."""
    from miscope.counting.lags import log_lags

    return list(range(n)) if n <= _MOST_ROWS else [at - 1 for at in log_lags(1, n, _MOST_ROWS).tolist()]


def _columns(curve: MICurve, beside: str, exact: np.ndarray | None) -> dict[str, np.ndarray]:
    """Numbers of the table by their headings."""
    unit = f" ({curve.unit})" if curve.unit else ""
    name, floor, above = f"{_short_name(curve)}{unit}", "null", "above null"
    if curve.estimator == "bracket":
        name, floor, above = f"upper{unit}", "between", "lower"
    columns = {name: curve.mi, "±": curve.stderr}
    if exact is not None:
        columns[beside] = exact
    if curve.estimator == "conditional":  # there is no chance in what is known
        return columns | {"q": curve.q_values}
    return columns | {floor: curve.null, above: curve.excess, "± ": curve.excess_stderr, "q": curve.q_values}


def _kinds(number: int) -> str:
    return "1 kind" if number == 1 else f"{number:,} kinds"


def _short_name(curve: MICurve) -> str:
    return {"mutual_information": "MI", "rational": "rational MI", "correlation": "correlation"}[curve.quantity]


def _title(curve: MICurve) -> str:
    null = "" if curve.estimator == "conditional" else f", null {curve.null_name}"
    how = f"{curve.estimator}{null}, {curve.n_blocks} blocks"
    return f"{curve.label or 'data'}: {_size(curve.provenance)}; {how}"


def _size(about: Mapping[str, Any]) -> str:
    """How much was measured, and of what."""
    number, cut = f"{about['n_symbols']:,}", about["source"].get("quantised")
    documents = f"in {about['n_documents']:,} " + ("document" if about["n_documents"] == 1 else "documents")
    if channels := about.get("n_channels") or _model_channels(about):
        each = f" of {channels} channels" if channels > 1 else ""
        return f"{number} real numbers{each} {documents}"
    if cut and isinstance(asked := cut.get("asked_for"), str):  # signs, edges, deviations
        return f"{number} real numbers as {cut['symbols']} symbols ({asked}) {documents}"
    if cut:
        what = f"the quantiles of their {cut['of']}" if "of" in cut else "their quantiles"
        return f"{number} real numbers cut at {what} into {cut['symbols']} symbols {documents}"
    if classes := about["source"].get("classes"):
        return f"{number} symbols in {classes['classes']:,} classes ({classes['how']}, a lower bound) {documents}"
    kinds = f" of {_kinds(about['n_symbols_seen'])}" if "n_symbols_seen" in about else ""
    return f"{number} symbols{kinds} {documents}"


def _model_channels(about: Mapping[str, Any]) -> int | None:
    """Of the real numbers that a probed model draws; None for symbols."""
    model = about["source"].get("model")
    config = model.get("config") if isinstance(model, Mapping) else None
    return config.get("channels") if isinstance(config, Mapping) else None
