"""Where a command's symbols come from, files or a process, and what is exactly known of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from miscope.cli.common import note, progress_bar
from miscope.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from miscope.curve import MICurve
    from miscope.figures import Truth
    from miscope.processes import Process
    from miscope.sequences import Sequences, Series

__all__ = [
    "DOCUMENTS",
    "FILES_HELP",
    "LENGTH",
    "As",
    "Codons",
    "Column",
    "DocumentColumn",
    "Encoding",
    "Exact",
    "FoldCase",
    "Gaps",
    "Quantiles",
    "ReverseComplement",
    "Separator",
    "TextDocuments",
    "TimeColumn",
    "Unit",
    "check_source",
    "cut_alike",
    "draw",
    "exact_of",
    "in_symbols",
    "make_process",
    "own_length",
    "read_files",
    "record_options",
    "table_options",
    "text_options",
]

Unit = Annotated[
    str | None,
    typer.Option(
        help="What a symbol of text is: byte, character, word, or token (split at white space only). "
        "Default: character.",
        show_default=False,
    ),
]
TextDocuments = Annotated[
    str | None,
    typer.Option(
        help="What a document of text is: file, line, blank-line, or none (all one). Default: file.",
        show_default=False,
    ),
]
Separator = Annotated[str | None, typer.Option(help="Text that separates documents, instead of --documents.")]
Encoding = Annotated[str | None, typer.Option(help="Encoding of the text. Default: utf-8.", show_default=False)]
FoldCase = Annotated[bool, typer.Option("--fold-case", help="Take capital and small letters as the same.")]
Quantiles = Annotated[
    int | None,
    typer.Option(help="Symbols that real numbers are cut into, equally frequent. Default: 4.", show_default=False),
]

Column = Annotated[
    str | None, typer.Option(help="Of a table: the column to read. Default: the only one.", show_default=False)
]
DocumentColumn = Annotated[
    str | None, typer.Option(help="Of a table: a new document where this changes.", show_default=False)
]
TimeColumn = Annotated[
    str | None, typer.Option(help="Of a table: times, which may not go backwards.", show_default=False)
]
As = Annotated[
    str | None,
    typer.Option(
        "--as",
        help="Of a column of numbers: symbols, numbers, sign, quantiles:4, edges:-1,0,1, deviations:0.5,1; of prices: "
        "returns, returns:sign, returns:quantiles:4, returns:volatility:4.",
        show_default=False,
    ),
]
Gaps = Annotated[
    str | None,
    typer.Option(
        help="Of a table with times: a new document after so many usual steps (3), or so long (1h, 3d), or none. "
        "Default: 3 within a day, none for daily data.",
        show_default=False,
    ),
]
Codons = Annotated[bool, typer.Option("--codons", help="Of FASTA: triplets of bases as symbols.")]
ReverseComplement = Annotated[
    bool, typer.Option("--reverse-complement", help="Of FASTA: the other strand too, as documents of its own.")
]

FILES_HELP = (
    "Text (also .gz, .xz, .zst; globs; - for standard input), a table (.csv, .tsv, .parquet), FASTA, .npy of codes or "
    "of real numbers, or an Arrow file of miscope."
)

DOCUMENTS, LENGTH, QUANTILES = 64, 4096, 4
"""How many documents are drawn from a process, of how many symbols, and of how many kinds if it gives numbers."""


def text_options(
    unit: str | None, documents: str | None, separator: str | None, encoding: str | None, fold_case: bool
) -> dict[str, Any]:
    """Those options of text that were given."""
    texts = {"unit": unit, "documents": documents, "separator": separator, "encoding": encoding, "fold_case": fold_case}
    return {name: value for name, value in texts.items() if value not in (None, False)}


def table_options(
    column: str | None, document_column: str | None, time_column: str | None, as_: str | None, gaps: str | None
) -> dict[str, Any]:
    """Those options of tables that were given."""
    tables = {"column": column, "document": document_column, "time": time_column, "as_": as_, "gaps": gaps}
    return {name: value for name, value in tables.items() if value is not None}


def record_options(codons: bool, reverse_complement: bool) -> dict[str, Any]:
    """Those options of FASTA that were given."""
    records = {"codons": codons, "reverse_complement": reverse_complement}
    return {name: value for name, value in records.items() if value}


def check_source(
    files: list[str], process: str | None, of_files: Mapping[str, Any], of_process: Mapping[str, Any]
) -> None:
    """Refuse files and a process together, neither, and options of the one that is not there."""
    if not files and process is None:
        raise InputError("nothing to measure: name a FILE (- for standard input), or a process with --process SPEC")
    if files and process is not None:
        raise InputError("files and --process exclude each other: --process draws symbols of its own; leave one out")
    wrong = [f"--{name.replace('_', '-')}" for name in (of_process if process is None else of_files)]
    if wrong:
        kind, other = ("--process", "files") if process is None else ("files", "--process")
        raise InputError(f"{', '.join(wrong)} cannot be used with {other}, only with {kind}")


def read_files(files: list[str], options: dict[str, Any], quantiles: int | None, quiet: bool) -> Sequences | Series:
    """Read what was named on the command line as one corpus."""
    from miscope.sequences import Sequences, read

    with progress_bar("reading", "B", quiet) as progress:
        if progress is not None:
            options = options | {"progress": progress}
        found = read(files if len(files) > 1 else files[0], **options)
    if isinstance(found, Sequences):
        if quantiles is not None:
            raise InputError(f"--quantiles is for real numbers; {files[0]} holds symbols already: leave it out")
    elif not quiet and not (found.values % 1).any():
        note(
            "note: these numbers are all whole, and taken as measurements; if they are codes of symbols, save them as "
            "integers, array.astype(int)"
        )
    return found


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


def cut_alike(series: Series, like: Sequences) -> Sequences:
    """Real numbers cut into symbols at the same places as others were."""
    import numpy as np

    from miscope.sequences import Sequences

    cut = like.provenance["quantised"]
    codes = np.searchsorted(cut["edges"], series.values, side="right").astype(like.codes.dtype)
    return Sequences(codes, series.offsets, like.alphabet_size, None, {**series.provenance, "quantised": cut})


def own_length(process: Process, length: int | None) -> int:
    """The length of documents: what is asked for, or that of the process, or the usual one."""
    if length is not None:
        return length
    return LENGTH if process.longest is None else process.longest


def draw(process: Process, n_documents: int | None, length: int | None, seed: int, quiet: bool) -> Any:
    """Documents of a process: `Sequences`, or a `Series` of real numbers."""
    from miscope.processes import LongRangeIsing

    if isinstance(process, LongRangeIsing) and not quiet:
        note("note: spins with long-range couplings are drawn by many sweeps; large rings can take minutes")
    n_documents = DOCUMENTS if n_documents is None else n_documents
    return process.sample(n_documents, own_length(process, length), seed=seed)


class Exact(NamedTuple):
    """What is exactly known of a measured curve: the process that says so, and its values at the curve's lags."""

    process: Truth
    values: np.ndarray


def exact_of(curve: MICurve, quiet: bool) -> Exact | None:
    """The truth about a curve, in its quantity and unit, if the provenance of its data names a process."""
    from miscope.figures import exact_values
    from miscope.processes.naming import from_provenance

    process: Any = from_provenance(curve.provenance.get("source", {}))
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
