"""`miscope count`: pair counts as a file, to be measured, added up, or gone on with."""

from __future__ import annotations

import functools
import operator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from miscope.cli.common import check_output, found_files, guarded, note, progress_bar, say
from miscope.cli.files import FILES_HELP, Reading, check_cut, read_files, spelt, takes_files
from miscope.cli.sources import LagsOption, MaxMemory, beside, reading_within
from miscope.errors import InputError

if TYPE_CHECKING:
    from miscope.counting import PairCounts

__all__ = ["are_counts", "count", "load_counts"]

_WORTH_SAYING = 10**8  # bytes of a file


@guarded
@takes_files
def count(
    reading: Reading,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help=f"{FILES_HELP} Or files of counts, which are then added.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file of counts: .arrow.", show_default=False)
    ],
    lags: LagsOption = None,
    blocks: Annotated[
        int | None,
        typer.Option(help="Blocks of the jackknife that gives the bars; 0 for none. Default: 32.", show_default=False),
    ] = None,
    method: Annotated[
        str, typer.Option(help="How to count: auto, dense, bits, sparse or fourier; the result is the same.")
    ] = "auto",
    max_memory: MaxMemory = None,
    quantiles: Annotated[
        int | None,
        typer.Option(help="Symbols that real numbers are cut into, equally frequent. Default: 4.", show_default=False),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Throw away what an earlier count left unfinished, and begin anew.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Count pairs of symbols into a file. Stopped, or killed, the same command goes on where it was.

    For example:

      miscope count part-*.txt.gz --unit word -o counts.arrow

      miscope measure counts.arrow --plot curve.png

      miscope count monday.arrow tuesday.arrow -o both.arrow
    """
    check_output(output, files, (".arrow",))
    if are_counts(files):
        options = {"lags": lags, "blocks": blocks, "quantiles": quantiles} | reading
        if given := [spelt(name) for name, value in options.items() if value is not None]:
            raise InputError(f"{', '.join(given)} cannot be used with files of counts, which are added as they are")
        found = load_counts(files)
        found.save(output)
    else:
        found = _count(files, reading, output, lags, blocks, method, max_memory, quantiles, fresh, quiet)
    say(f"{output}: {str(found).removeprefix('PairCounts(').removesuffix(')')}")


def _count(
    files: list[str],
    reading: Reading,
    output: Path,
    lags: str | None,
    blocks: int | None,
    method: str,
    max_memory: str | None,
    quantiles: int | None,
    fresh: bool,
    quiet: bool,
) -> PairCounts:
    from miscope.counting.pair_files import count_to_file, predicted_bytes
    from miscope.curve.measuring import DEFAULT_BLOCKS
    from miscope.sequences.in_memory import as_sequences

    with reading_within(max_memory):
        read = read_files(files, reading, quantiles, quiet)
        check_cut(read, quantiles)
        data = as_sequences(read, quantiles)
    n_blocks = DEFAULT_BLOCKS if blocks is None else blocks
    size = predicted_bytes(data, lags, n_blocks)
    if size > _WORTH_SAYING and not quiet:
        note(f"note: {output} will have about {size / 1e9:.1f} GB, and takes three times that while it is made")
    unfinished = Path(f"{output}.part")
    goes_on = any(unfinished.glob("lag-*")) and not fresh
    try:
        with progress_bar("counting", "pairs", quiet) as progress:
            found = count_to_file(
                data,
                output,
                lags,
                n_blocks,
                method,
                progress=progress,
                max_memory=beside(data, max_memory),
                fresh=fresh,
            )
    except KeyboardInterrupt:
        note(f"what was counted lies in {unfinished}: the same command goes on from there")
        raise
    except InputError as error:
        error.args = (str(error).replace("fresh=True", "--fresh"),)
        raise
    if goes_on and not quiet:
        note(f"note: went on with what lay unfinished in {unfinished}")
    return found


def are_counts(files: list[str]) -> bool:
    """Whether these are files of pair counts; refused where some are and some are not."""
    if not any(file.endswith(".arrow") for file in files):
        return False
    from miscope.counting.pair_files import is_pair_counts

    found = found_files(files)
    kinds = [is_pair_counts(file) for file in found]
    if any(kinds) and not all(kinds):
        counts, other = found[kinds.index(True)], found[kinds.index(False)]
        raise InputError(
            f"{counts} holds pair counts, and {other} does not: count the latter first, then add the counts"
        )
    return all(kinds)


def load_counts(files: list[str]) -> PairCounts:
    """Pair counts from files, added if there are several."""
    from miscope.counting import PairCounts

    found = found_files(files)
    twice = [file for k, file in enumerate(found) if any(Path(file).samefile(other) for other in found[:k])]
    if twice:
        raise InputError(f"{twice[0]} is named twice, and would be counted twice: name it once")
    parts = [PairCounts.load(file) for file in found]
    return functools.reduce(operator.add, parts)
