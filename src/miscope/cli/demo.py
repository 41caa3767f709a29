"""`miscope demo`: the instrument at work on text that every Python has."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from miscope.cli.common import check_output, guarded, note, progress_bar, say
from miscope.errors import InputError

if TYPE_CHECKING:
    from miscope.curve import MICurve

__all__ = ["demo"]

_SHOWN = (1, 10, 100, 1000)


@guarded
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where to write the results.")] = Path("miscope-demo"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Measure the documentation of Python's standard library, by characters and by words.

    Example: miscope demo --folder results
    """
    from miscope.figures import plot

    if folder.exists() and not folder.is_dir():
        raise InputError(f"cannot write into {folder}: it is a file; name a folder")
    if not folder.exists():
        check_output(folder, [])
    started = time.perf_counter()
    folder.mkdir(exist_ok=True)
    curves = [_measure(unit, quiet) for unit in ("character", "word")]
    for curve in curves:
        curve.save(folder / f"{curve.label}.json")
    figure = folder / "mutual-information.png"
    plot(curves, figure, title="Documentation of Python's standard library")
    for curve in curves:
        say(_summary(curve))
    if not quiet:
        note(_farewell(folder, figure, time.perf_counter() - started))


def _measure(unit: str, quiet: bool) -> MICurve:
    from miscope.curve import measure
    from miscope.sequences import builtin_corpus

    with progress_bar(f"reading {unit}s", "files", quiet) as progress:
        corpus = builtin_corpus(unit, progress=progress)
    with progress_bar(f"counting {unit}s", "pairs", quiet) as progress:
        return measure(corpus, "1:10000", null="document", label=f"{unit}s", progress=progress)


def _summary(curve: MICurve) -> str:
    """The curve in a few lines: values with intervals, and what they are made of."""
    about = curve.provenance
    lines = [
        f"{curve.label}: {about['n_symbols']:,} symbols of {about['n_symbols_seen']:,} kinds in "
        f"{about['n_documents']:,} documents (one a module)",
        "     lag   mutual information (nats)   = chance + composition + order",
    ]
    low, high = curve.interval(excess=True)
    parts = curve.split()
    for i, lag in enumerate(curve.lags):
        if lag in _SHOWN:
            lines.append(
                f"{lag:8d}   {curve.mi[i]:10.5f}                  = {parts.chance[i]:8.5f} + "
                f"{parts.composition[i]:8.5f} + {parts.sequential[i]:8.5f}  (95 %: {low[i]:.5f} to {high[i]:.5f})"
            )
    seen = curve.lags[curve.significant()]
    reach = f"up to lag {seen.max():,}" if len(seen) else "at no lag"
    lines.append(f"     order is seen {reach} (false discovery rate 5 %)")
    return "\n".join([*lines, *(f"     warning: {text}" for text in curve.warnings), ""])


def _farewell(folder: Path, figure: Path, seconds: float) -> str:
    return f"""\
done in {seconds:.0f} s. Open
  {figure}    the two curves: what the order of symbols carries, above chance and composition
  {folder / "characters.json"} and {folder / "words.json"}    the numbers, with bars, replicates and provenance
Next, on a file of your own:
  miscope measure yourfile.txt --unit word --plot curve.png
  miscope measure --help"""
