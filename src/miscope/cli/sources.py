"""Where a command's symbols come from, files or a process, and what is exactly known of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from miscope.cli.common import note, progress_bar
from miscope.cli.files import FILES_HELP, read_files, spelt
from miscope.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from miscope.curve import MICurve
    from miscope.figures import Truth
    from miscope.processes import Process

__all__ = [
    "DOCUMENTS",
    "FILES_HELP",
    "LENGTH",
    "QUANTILES",
    "Cluster",
    "Exact",
    "LagsOption",
    "MaxMemory",
    "Quantiles",
    "beside",
    "check_source",
    "client_of",
    "draw",
    "exact_of",
    "in_symbols",
    "make_process",
    "own_length",
    "read_files",
    "reading_within",
]

Quantiles = Annotated[
    int | None,
    typer.Option(help="Symbols that real numbers are cut into, equally frequent. Default: 4.", show_default=False),
]

LagsOption = Annotated[
    str | None,
    typer.Option(
        help="1:10000 (log-spaced), 1:10000:50 (50 of them), 24:2400:+24 (every 24th), all:512, 1,2,5, or several of "
        "these with commas between them. Default: log-spaced to a quarter of the longest document, 10000 at most.",
        show_default=False,
    ),
]

MaxMemory = Annotated[
    str | None,
    typer.Option(
        help="How much memory may be used beside Python and its libraries, such as 2GB: where that is too little, data "
        "are read piece by piece, and counted a part at a time. Default: half of what is left for counting.",
        show_default=False,
    ),
]

Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="WHERE",
        help="Let the workers of a cluster do it: local:2 (so many processes of this machine), or the address of a "
        "Dask scheduler, tcp://host:8786.",
        show_default=False,
    ),
]

DOCUMENTS, LENGTH, QUANTILES = 64, 4096, 4
"""How many documents are drawn from a process, of how many symbols, and of how many kinds if it gives numbers."""


@contextmanager
def client_of(cluster: str | None) -> Iterator[Any]:
    """A client of the cluster that was named, or None if none was."""
    if cluster is None:
        yield None
        return
    from miscope.counting.cluster import connect

    with connect(cluster) as client:
        yield client


def check_source(
    files: list[str], process: str | None, of_files: Mapping[str, Any], of_process: Mapping[str, Any]
) -> None:
    """Refuse files and a process together, neither, and options of the one that is not there."""
    if not files and process is None:
        raise InputError("nothing to measure: name a FILE (- for standard input), or a process with --process SPEC")
    if files and process is not None:
        raise InputError("files and --process exclude each other: --process draws symbols of its own; leave one out")
    wrong = [spelt(name) for name in (of_process if process is None else of_files)]
    if wrong:
        kind, other = ("--process", "files") if process is None else ("files", "--process")
        raise InputError(f"{', '.join(wrong)} cannot be used with {other}, only with {kind}")


def make_process(text: str, more: Mapping[str, Any] | None = None) -> Process:
    """A process from its one-line specification and more parameters."""
    from miscope.processes.naming import make, parsed

    name, parameters = parsed(text)
    twice = [key for key in more or {} if key in parameters]
    if twice:
        raise InputError(f"{twice[0]} is given twice: in {text!r} and as an option of its own; say it once")
    return make(name, {**parameters, **(more or {})})


def in_symbols(process: Process, n_quantiles: int | None) -> Process:
    """A process of symbols: the process itself, or what comes of cutting its real numbers at their quantiles."""
    from miscope.processes import RealProcess

    if not isinstance(process, RealProcess):
        if n_quantiles is not None:
            raise InputError(f"--quantiles is for real numbers; {process.label} gives symbols already: leave it out")
        return process
    if process.n_channels > 1:
        raise InputError(
            f"{process.label} gives {process.n_channels} numbers at each moment, which have no quantiles: leave "
            "--quantiles out, and measure with --estimator gaussian"
        )
    return process.quantised(QUANTILES if n_quantiles is None else n_quantiles)


def own_length(process: Process, length: int | None) -> int:
    """The length of documents: what is asked for, or that of the process, or the usual one."""
    if length is not None:
        return length
    return LENGTH if process.longest is None else process.longest


@contextmanager
def reading_within(max_memory: str | None) -> Iterator[None]:
    """Let what is read take no more memory than may be used, and codes a quarter of that."""
    if max_memory is None:
        yield
        return
    from miscope.counting.memory import give_back, memory_budget
    from miscope.machine import may_use

    with may_use(memory_budget(max_memory)):
        yield
    give_back()


def beside(data: Any, max_memory: str | None) -> Any:
    """What of a limit is left for counting beside the data: codes in memory, documents, names of symbols."""
    if max_memory is None:
        return None
    import sys

    from miscope.counting.memory import memory_beside
    from miscope.sequences.stores import is_mapped

    arrays = [getattr(data, name, None) for name in ("codes", "values", "offsets")]
    held = sum(array.nbytes for array in arrays if array is not None and not is_mapped(array))
    names = getattr(data, "alphabet", None) or ()
    held += 2 * (sum(map(sys.getsizeof, names)) + 16 * len(names))  # as much stays behind from finding them
    return memory_beside(max_memory, held, f"the data ({len(names):,} names of symbols)" if names else "the data")


def draw(process: Process, n_documents: int | None, length: int | None, seed: int, quiet: bool) -> Any:
    """Documents of a process: `Sequences`, or a `Series` of real numbers."""
    from miscope.processes import LongRangeIsing

    if isinstance(process, LongRangeIsing) and not quiet:
        note("note: spins with long-range couplings are drawn by many sweeps; large rings can take minutes")
    n_documents = DOCUMENTS if n_documents is None else n_documents
    with progress_bar("drawing", "symbols", quiet) as progress:
        return process.sample(n_documents, own_length(process, length), seed=seed, progress=progress)


class Exact(NamedTuple):
    """What is exactly known of a measured curve: the process that says so, and its values at the curve's lags."""

    process: Truth
    values: np.ndarray


def exact_of(curve: MICurve, quiet: bool) -> Exact | None:
    """The truth about a curve, in its quantity and unit, if the provenance of its data names a process."""
    source = curve.provenance.get("source", {})
    if "process" not in source:
        return None  # before anything is imported that takes longer than most curves
    from miscope.figures import exact_values
    from miscope.processes.naming import from_provenance

    process: Any = from_provenance(source)
    if process is None:
        return None
    if curve.quantity == "correlation":
        process = _OperatorNorm(process)
    try:
        return Exact(process, exact_values(process, curve, curve.lags))
    except InputError as error:
        if not quiet:
            note(f"note: no exact curve is shown: {error}")
        return None


class _OperatorNorm:
    """The correlation that `measure` estimates where symbols have no numbers: that of no numbers either."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self.label: str = process.label

    def mutual_information(self, lags: Any) -> np.ndarray:
        """As the process says."""
        return self._process.mutual_information(lags)  # type: ignore[no-any-return]

    def correlation(self, lags: list[int]) -> np.ndarray:
        """Operator norm of ``P(a,b) - P(a.) P(.b)`` at each lag."""
        import numpy as np

        tables = [self._process.joint(lag) for lag in lags]
        return np.array([np.linalg.norm(t - np.outer(t.sum(axis=1), t.sum(axis=0)), 2) for t in tables])
