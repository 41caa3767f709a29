"""What every command shares: errors in one voice, progress bars, checks of output paths, tables."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import typer

from miscope.errors import InputError, MiscopeError

if TYPE_CHECKING:
    from miscope.curve import MICurve

__all__ = ["INTERRUPTED", "check_output", "guarded", "note", "print_curve", "progress_bar"]

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
            note("miscope: interrupted; nothing was written")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of our output has gone: nothing to say, and nobody to say it to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except MemoryError as error:
            note(f"miscope: error: not enough memory: {error}".rstrip(": "))
            raise typer.Exit(1) from None

    return run


def note(text: str) -> None:
    """Write to stderr, where everything but results goes."""
    typer.echo(text, err=True)


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
    if path.exists() and any(Path(name).exists() and path.samefile(name) for name in inputs):
        raise InputError(f"{path} is one of the files to be read; it would be overwritten: choose another name")


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


def print_curve(curve: MICurve) -> None:
    """A table of a curve on stdout."""
    from rich.console import Console
    from rich.table import Table

    unit = f" ({curve.unit})" if curve.unit else ""
    table = Table(title=_title(curve), title_justify="left", box=None, pad_edge=False, header_style="bold")
    names = ["lag", f"{_short_name(curve)}{unit}", "±", "null", "above null", "±", "q", "pairs", ""]
    for name in names:
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    seen = curve.significant()
    columns = (curve.mi, curve.stderr, curve.null, curve.excess, curve.excess_stderr, curve.q_values)
    for i, lag in enumerate(curve.lags):
        cells = ["-" if column[i] != column[i] else f"{column[i]:.4g}" for column in columns]
        table.add_row(str(lag), *cells, f"{curve.n_pairs[i]:,}", "*" if seen[i] else "")
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False, emoji=False)
    console.print(table)
    if curve.n_blocks:
        console.print(
            "± standard error; q: false discovery rate at which the lag stands above the null; * q <= 0.05",
            markup=False,
        )


def _short_name(curve: MICurve) -> str:
    return {"mutual_information": "MI", "rational": "rational MI", "correlation": "correlation"}[curve.quantity]


def _title(curve: MICurve) -> Any:
    from rich.text import Text

    about = curve.provenance
    size = f"{about['n_symbols']:,} symbols of {about['n_symbols_seen']:,} kinds in {about['n_documents']:,} "
    size += "document" if about["n_documents"] == 1 else "documents"
    return Text(f"{curve.label or 'data'}: {size}; {curve.estimator}, null {curve.null_name}, {curve.n_blocks} blocks")
