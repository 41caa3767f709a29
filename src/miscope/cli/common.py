"""What every command shares: errors in one voice, progress bars, checks of output paths, tables."""

from __future__ import annotations

import functools
import glob
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import typer

from miscope.errors import InputError, MiscopeError

if TYPE_CHECKING:
    import numpy as np

    from miscope.curve import MICurve

__all__ = ["INTERRUPTED", "check_output", "guarded", "note", "print_curve", "progress_bar", "say"]

INTERRUPTED = 130
UNUSABLE = 2

_P = ParamSpec("_P")
_R = TypeVar("_R")


def guarded(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Turn what users can cause into one line on stderr and an exit status."""

    @functools.wraps(command)
    def run(*arguments: _P.args, **options: _P.kwargs) -> _R:
        try:
            return command(*arguments, **options)
        except MiscopeError as error:
            note(f"miscope: error: {error}")
            raise typer.Exit(UNUSABLE) from None
        except KeyboardInterrupt:
            note("miscope: interrupted; no file is half-written")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of our output has gone: nothing to say, and nobody to say it to.
            _forget_output()
            raise typer.Exit(1) from None
        except OSError as error:
            # Files that are read or written explain themselves as MiscopeError; what is left is our own output, and
            # the cache of compiled kernels.
            note(f"miscope: error: cannot write {error.filename or 'the output'}: {error.strerror or error}")
            _forget_output()
            raise typer.Exit(1) from None
        except MemoryError as error:
            note(f"miscope: error: not enough memory: {error}".rstrip(": "))
            raise typer.Exit(1) from None

    return run


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
        raise InputError(f"{path} should end in one of {', '.join(suffixes)}")
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a directory; name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: there is no directory {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: no right to write in {path.parent}")
    if path.exists() and any(Path(name).exists() and path.samefile(name) for name in _found(inputs)):
        raise InputError(f"{path} is one of the files to be read; it would be overwritten: choose another name")


def _found(inputs: list[str]) -> list[str]:
    return [found for name in inputs for found in (glob.glob(name, recursive=True) or [name])]  # noqa: PTH207


@contextmanager
def progress_bar(what: str, unit: str, quiet: bool) -> Iterator[Callable[[int, int], object] | None]:
    """A progress bar with rate and remaining time on stderr, on a terminal only; yields what library calls take."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, rate="")

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            if speed:
                bar.update(task, rate=f"{_short(speed)} {unit}/s")

        yield report


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f} {letter}"
    return f"{number:.0f} "


def print_curve(curve: MICurve, exact: np.ndarray | None = None) -> None:
    """A table of a curve on stdout, beside what is exact if that is known."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = _columns(curve, exact)
    for name in ["lag", *columns, "pairs", ""]:
        table.add_column(name.strip(), justify="right" if name else "left", no_wrap=True)
    seen = curve.significant()
    for i, lag in enumerate(curve.lags):
        cells = ["-" if column[i] != column[i] else f"{column[i]:.4g}" for column in columns.values()]
        table.add_row(str(lag), *cells, f"{curve.n_pairs[i]:,}", "*" if seen[i] else "")
    terminal = sys.stdout.isatty()
    page = io.StringIO()
    console = Console(file=page, force_terminal=terminal, width=None if terminal else 120, highlight=False, emoji=False)
    console.print(table)
    say(_title(curve))
    say(page.getvalue().rstrip("\n"))
    if exact is not None and curve.null_name == "document":
        say("exact: all that the process has, of which this null may take a part away")
    if curve.n_blocks:
        above = "the lower bound stands above 0" if curve.estimator == "bracket" else "the lag stands above the null"
        say(f"± standard error; q: false discovery rate at which {above}; * q <= 0.05")


def _columns(curve: MICurve, exact: np.ndarray | None) -> dict[str, np.ndarray]:
    """Numbers of the table by their headings."""
    unit = f" ({curve.unit})" if curve.unit else ""
    name, floor, above = f"{_short_name(curve)}{unit}", "null", "above null"
    if curve.estimator == "bracket":
        name, floor, above = f"upper{unit}", "between", "lower"
    columns = {name: curve.mi, "±": curve.stderr}
    if exact is not None:
        columns["exact"] = exact
    return columns | {floor: curve.null, above: curve.excess, "± ": curve.excess_stderr, "q": curve.q_values}


def _kinds(number: int) -> str:
    return "1 kind" if number == 1 else f"{number:,} kinds"


def _short_name(curve: MICurve) -> str:
    return {"mutual_information": "MI", "rational": "rational MI", "correlation": "correlation"}[curve.quantity]


def _title(curve: MICurve) -> str:
    how = f"{curve.estimator}, null {curve.null_name}, {curve.n_blocks} blocks"
    return f"{curve.label or 'data'}: {_size(curve.provenance)}; {how}"


def _size(about: Mapping[str, Any]) -> str:
    """How much was measured, and of what."""
    number, cut = f"{about['n_symbols']:,}", about["source"].get("quantised")
    documents = f"in {about['n_documents']:,} " + ("document" if about["n_documents"] == 1 else "documents")
    if "n_channels" in about:
        each = f" of {about['n_channels']} channels" if about["n_channels"] > 1 else ""
        return f"{number} real numbers{each} {documents}"
    if cut:
        return f"{number} real numbers cut at their quantiles into {cut['symbols']} symbols {documents}"
    return f"{number} symbols of {_kinds(about['n_symbols_seen'])} {documents}"
