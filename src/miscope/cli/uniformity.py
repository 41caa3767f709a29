"""`miscope uniformity`: whether the parts of a corpus are alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from miscope.cli.alike import read_parts
from miscope.cli.common import check_output, guarded, note, progress_bar, say
from miscope.cli.files import FILES_HELP, Reading, takes_files
from miscope.errors import InputError

if TYPE_CHECKING:
    from miscope.probing.drift import Drift
    from miscope.probing.uniformity import Uniformity
    from miscope.sequences import Sequences

__all__ = ["uniformity"]

_SPELT = {"see drift()": "see --drift", "to_table() has all": "--json has all", "see .curves[k].warnings": "see --json"}
_FIGURES = (".png", ".svg", ".pdf")


@guarded
@takes_files
def uniformity(
    reading: Reading,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="PART...",
            help=f"One part of the corpus each, such as train.txt valid.txt test.txt; one alone is cut into segments. "
            f"{FILES_HELP}",
            show_default=False,
        ),
    ],
    lags: Annotated[str | None, typer.Option(help="As for miscope measure.", show_default=False)] = None,
    segments: Annotated[int, typer.Option(help="Parts that one file alone is cut into.")] = 8,
    blocks: Annotated[int, typer.Option(help="Blocks of the jackknife.")] = 32,
    permutations: Annotated[int, typer.Option(help="How often documents change places between parts.")] = 999,
    level: Annotated[float, typer.Option(help="Chance of calling parts not alike that are.")] = 0.025,
    seed: Annotated[int, typer.Option(help="For the permutations.")] = 0,
    show_drift: Annotated[
        bool, typer.Option("--drift", help="Of one file: the curve against the position in it instead.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write all of it: .json.", show_default=False)
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it: .png, .svg or .pdf.", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Whether the parts of a corpus are alike: in their symbols, in how these depend on each other, and by how much.

    For example:

      miscope uniformity train.txt valid.txt test.txt --unit word --documents line

      miscope uniformity book.txt --segments 12 --plot parts.png

      miscope uniformity book.txt --drift --plot map.png
    """
    check_output(output, files, (".json",))
    check_output(plot, files, _FIGURES)
    if show_drift and len(files) > 1:
        raise InputError("--drift looks along one corpus: name one file, or a glob in quotes")
    parts = read_parts(files, reading, quiet)
    with progress_bar("comparing", "steps", quiet) as progress:
        found = _found(parts, files, show_drift, lags, segments, blocks, permutations, level, seed, progress)
    _deliver(found, output, plot, json)
    if not quiet:
        for path in (output, plot):
            if path is not None:
                note(f"wrote {path}")


def _found(
    parts: list[Sequences],
    files: list[str],
    show_drift: bool,
    lags: str | None,
    segments: int,
    blocks: int,
    permutations: int,
    level: float,
    seed: int,
    progress: Callable[[int, int], object] | None,
) -> Uniformity | Drift:
    from miscope.probing.drift import drift
    from miscope.probing.uniformity import uniformity as compare_parts

    if show_drift:
        return drift(parts[0], lags, n_permutations=permutations, seed=seed, level=level, progress=progress)
    names = [Path(name).stem for name in files]
    return compare_parts(
        parts if len(parts) > 1 else parts[0],
        lags,
        names=names if len(parts) > 1 and len(set(names)) == len(names) else None,
        segments=segments,
        blocks=blocks,
        n_permutations=permutations,
        seed=seed,
        level=level,
        progress=progress,
    )


def _deliver(found: Uniformity | Drift, output: Path | None, plot: Path | None, json: bool) -> None:
    """Write, draw, print."""
    if output is not None:
        found.save(output)
    if plot is not None:
        from miscope.figures import plot as plot_result

        plot_result(found, plot)
    if json:
        from json import dumps

        say(dumps(found.to_dict(), ensure_ascii=False, allow_nan=False))
    else:
        say(_on_the_command_line(str(found)))


def _on_the_command_line(text: str) -> str:
    """What is said of Python's names, in those of options."""
    for name, option in _SPELT.items():
        text = text.replace(name, option)
    return text
