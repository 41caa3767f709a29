"""The command `miscope`."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

from miscope._version import __version__
from miscope.cli.common import INTERRUPTED, UNUSABLE, note
from miscope.cli.compare import compare
from miscope.cli.count import count
from miscope.cli.demo import demo
from miscope.cli.failures import said_of
from miscope.cli.fit import fit
from miscope.cli.inspect import inspect
from miscope.cli.measure import measure
from miscope.cli.parameters import CONTEXT
from miscope.cli.plan import plan
from miscope.cli.probe import probe
from miscope.cli.report import report
from miscope.cli.sample import sample
from miscope.cli.study import study
from miscope.cli.train import train
from miscope.cli.uniformity import uniformity

__all__ = ["main"]

UNWRITTEN = 120
"""The status by which Python says that output could not be flushed."""

CITATION = """\
If you use miscope, please cite the software and the study that asked the question:

  the miscope authors, "miscope: how far a sequence, or a model, remembers", version {version}.
  H. Shen, "Mutual Information Scaling and Expressive Power of Sequence Models", arXiv:1905.04271 (2019).

@software{{miscope,
  author  = {{{{the miscope authors}}}},
  title   = {{miscope: how far a sequence, or a model, remembers}},
  version = {{{version}}}
}}
@misc{{shen2019,
  author = {{Huitao Shen}},
  title  = {{Mutual Information Scaling and Expressive Power of Sequence Models}},
  year   = {{2019}},
  eprint = {{1905.04271}},
  archivePrefix = {{arXiv}}
}}"""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"miscope {__version__}")
        raise typer.Exit


def _cite(wanted: bool) -> None:
    if wanted:
        typer.echo(CITATION.format(version=__version__))
        raise typer.Exit


@app.callback()
def _miscope(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    cite: Annotated[bool, typer.Option("--cite", callback=_cite, is_eager=True, help="Say what to cite.")] = False,
) -> None:
    """Measure how far a sequence, or a model, remembers.

    Example: miscope measure book.txt --lags 1:10000 --plot curve.png
    """


app.command()(measure)
app.command()(inspect)
app.command()(count)
app.command()(fit)
app.command()(compare)
app.command(context_settings=CONTEXT)(sample)
app.command(context_settings=CONTEXT)(train)
app.command()(probe)
app.command()(uniformity)
app.command()(report)
app.command()(plan)
app.add_typer(study, name="study")
app.command()(demo)


def main() -> None:
    """Run the command line, and end the process.

    Interrupted, the process ends by the signal itself, as shells expect: they show 130, and stop a loop around it. To
    exit with 130 would not be sure to: Python turns it into the signal where the interrupt fell into executed source,
    such as that of a kernel that is being compiled.
    """
    status: int | str | None = 0
    try:
        app(prog_name="miscope")
    except SystemExit as ended:
        status = ended.code
    except BaseException as error:
        status = _told(error)
    _leave(status if isinstance(status, int) else 0 if status is None else 1)


def _told(error: BaseException) -> int:
    """Say what no command has explained, and return the status: a traceback only where the fault is miscope's."""
    said = said_of(error)
    if said is None:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    note(f"miscope: error: {said}")
    return UNUSABLE


def _leave(status: int) -> NoReturn:
    """End the process with this status, without taking the interpreter down first.

    Arrow's threads may still be letting go of what they read when a command has ended, above all by an error. One that
    then asks for an interpreter that is being taken down is ended by it, which C++ answers by aborting the whole
    process (status 134). So all that an interpreter does for others at its end is done here, as `multiprocessing` does
    it in its processes: threads are joined, what was registered by `atexit` is run (temporary files, clusters, logging,
    coverage), output is flushed. Then the process ends, with Arrow's threads in it. One that was interrupted does not
    wait for threads that count.
    """
    if status != INTERRUPTED:
        with suppress(Exception):
            threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            status = status or UNWRITTEN
    if status == INTERRUPTED and os.name == "posix":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status)
