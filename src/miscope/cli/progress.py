"""How far a command is: a bar on a terminal; in a file or a pipe, a plain line now and then."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Lines", "duration", "lines_of", "progress_bar"]

Report = Callable[..., object]
"""What library calls take: called with what is done, what there is to do (0: not known), and perhaps words about it."""

FIRST = 5.0
"""Seconds that a command may take without a line."""

_GAPS = ((60.0, 10.0), (3600.0, 30.0), (float("inf"), 300.0))
"""Up to so many seconds, a line every so many: 120 lines in the first hour, 12 in every later one."""

_LONG = 5400  # seconds, from where on hours are easier to read


class _Work:
    """Something that is being done, and how far it is; told by whatever thread does it."""

    def __init__(self, what: str, unit: str, clock: Callable[[], float]) -> None:
        self.what, self._unit, self._clock, self._started = what, unit, clock, clock()
        self._first: tuple[float, int] | None = None
        self._last = (self._started, 0, 0, "")

    def __call__(self, done: int, total: int = 0, message: str = "") -> None:
        """Take down how far it is; nothing else, since it is called from loops."""
        self._last = (self._clock(), done, total, message)
        if self._first is None:
            self._first = self._last[:2]

    def line(self, now: float) -> str:
        """What, how far, how long still."""
        _, done, total, message = self._last
        parts = [self.what]
        if total > 0:
            parts[0] += f" {100 * done / total:.0f} % ({amount(done)} of {amount(total, self._unit)})"
        elif done > 0:
            parts[0] += f" {amount(done, self._unit)}"
        parts.append(f"{duration(now - self._started)} so far")
        left = self._left(now)
        if left is not None:
            parts.append(f"about {duration(left)} left")
        return ", ".join([*parts, *([message] if message else [])])

    def _left(self, now: float) -> float | None:
        """Seconds that it will still take, at the rate since it was first heard of."""
        at, done, total, _ = self._last
        if self._first is None or not 0 < done < total:
            return None
        since, before = self._first if self._first[1] < done else (self._started, 0)
        left = (total - done) * (at - since) / (done - before) - (now - at)
        return left if left > 0 else None  # a step that takes longer than those before


class Lines:
    """Lines about a command that takes long: the first after some seconds, then at growing intervals.

    Parameters
    ----------
    command
        Its name.
    write
        Takes a line.
    clock
        Seconds, from whenever.
    """

    def __init__(
        self, command: str, write: Callable[[str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write, self._clock, self._started = write, clock, clock()
        self._work = [_Work(command, "", clock)]
        self._next, self._written = self._started + FIRST, False

    def begin(self, what: str, unit: str) -> _Work:
        """What is done from now on, inside of what was done before."""
        self._work.append(_Work(what, unit, self._clock))
        return self._work[-1]

    def end(self, work: _Work) -> None:
        """Say that it is over."""
        self._work.remove(work)

    def wait(self) -> float:
        """Seconds to the next line."""
        return max(0.0, self._next - self._clock())

    def tick(self) -> None:
        """Write a line if it is time."""
        now = self._clock()
        if now < self._next:
            return
        self._write(f"progress: {self._work[-1].line(now)}")
        self._written = True  # only if it could be written
        passed = now - self._started
        self._next = now + next(gap for until, gap in _GAPS if passed < until)

    def close(self) -> None:
        """Say that all is done, if anything was said before."""
        if self._written:
            self._write(f"progress: done after {duration(self._clock() - self._started)}")


_lines: ContextVar[Lines | None] = ContextVar("_lines", default=None)


@contextmanager
def lines_of(command: str, quiet: bool, write: Callable[[str], object]) -> Iterator[None]:
    """Write lines about a command where there is no terminal for a bar, from a thread that sleeps in between."""
    if quiet or _on_terminal() or _lines.get() is not None:
        yield
        return
    lines, ended = Lines(command, write), threading.Event()
    thread = threading.Thread(target=_beat, args=(lines, ended), daemon=True)
    thread.start()
    token = _lines.set(lines)
    try:
        yield
    finally:
        _lines.reset(token)
        ended.set()
        thread.join(1.0)  # a reader that does not read would have it wait
    lines.close()


def _beat(lines: Lines, ended: threading.Event) -> None:
    while not ended.wait(lines.wait()):
        try:
            lines.tick()
        except (OSError, ValueError):  # nobody reads, or the stream is closed: the command goes on
            return


def _on_terminal() -> bool:
    """Whether stderr is a terminal that can redraw a line."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


@contextmanager
def progress_bar(what: str, unit: str, quiet: bool) -> Iterator[Report | None]:
    """A progress bar with rate and remaining time on stderr, or lines where that is no terminal.

    Yields what library calls take, None if nobody wants to know.
    """
    lines = _lines.get()
    if quiet or not (_on_terminal() or lines is not None):
        yield None
    elif lines is not None:
        work = lines.begin(what, unit)
        try:
            yield work
        finally:
            lines.end(work)
    else:
        with _bar(what, unit) as report:
            yield report


@contextmanager
def _bar(what: str, unit: str) -> Iterator[Report]:
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
        TextColumn("{task.fields[message]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, rate="", message="")

        def report(done: int, total: int, message: str = "") -> None:
            bar.update(task, completed=done, total=total or None, message=message)
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            if speed:
                bar.update(task, rate=f"{amount(speed, unit)}/s")

        yield report


def amount(number: float, unit: str = "") -> str:
    """A number for people, with its unit.

    >>> amount(3, "steps"), amount(1_234_567, "pairs"), amount(1_234_567, "B"), amount(1_234_567)
    ('3 steps', '1.2 M pairs', '1.2 MB', '1.2 M')
    """
    size, letter = next((each for each in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if number >= each[0]), (1.0, ""))
    text = f"{number / size:.1f} {letter}" if letter else f"{number:.0f}"
    return text + (unit if letter and unit == "B" else f" {unit}" if unit else "")


def duration(seconds: float) -> str:
    """Seconds for people.

    >>> duration(42.3), duration(400), duration(9000)
    ('42 s', '6.7 min', '2.5 h')
    """
    if seconds >= _LONG:
        return f"{seconds / 3600:,.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"
