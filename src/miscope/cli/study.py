"""`miscope study`: whole experiments, with their findings, tables and figures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miscope.cli.common import guarded, note, progress_bar, say
from miscope.errors import InputError

if TYPE_CHECKING:
    from miscope.studies import Calibration

__all__ = ["study"]

study = typer.Typer(no_args_is_help=True, help="Whole experiments: many measurements, their tables and figures.")


@study.callback()
def _study() -> None:
    """Whole experiments: many measurements, their tables and figures."""


@study.command()
@guarded
def calibration(
    scale: Annotated[
        str, typer.Option(help="How often each case is run: smoke (6 times, a minute), quick (60), or full (300).")
    ] = "smoke",
    folder: Annotated[
        Path, typer.Option(help="Where to write; a run that was cut off goes on from what is there.")
    ] = Path("miscope-calibration"),
    groups: Annotated[
        str | None, typer.Option(help="Questions to take up, such as single,nulls. Default: all.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes to run in. Default: one a core.", show_default=False)
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="A page whose tables to bring up to date as well.", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Measure processes whose mutual information is known, and see how far values and bars are to be trusted.

    Example: miscope study calibration --scale quick --groups single,nulls
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"cannot write into {folder}: it is a file; name a folder")
    if page is not None and not page.is_file():
        raise InputError(f"there is no page {page}")
    from miscope.studies import calibrate

    chosen = None if groups is None else [name.strip() for name in groups.split(",") if name.strip()]
    n_workers = workers if workers is not None else os.cpu_count() or 1
    with progress_bar("calibrating", "runs", quiet) as progress:
        found = calibrate(scale, folder, n_workers, chosen, progress)
    written = _write(found, folder, page)
    say(_summary(found))
    if not quiet:
        for path in written:
            note(f"wrote {path}")


@study.command("shen2019")
@guarded
def shen(
    scale: Annotated[
        str, typer.Option(help="smoke (minutes, decides little), laptop (under an hour), or paper (for GPUs).")
    ] = "smoke",
    folder: Annotated[
        Path, typer.Option(help="Where to write; a study that was cut off goes on from what is there.")
    ] = Path("miscope-shen2019"),
    only: Annotated[
        str | None,
        typer.Option(help="Experiments, such as recurrent,attention. Default: all.", show_default=False),
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            help="Text: a file, or hub:NAME. Default: the documentation of Python's library.", show_default=False
        ),
    ] = None,
    prices: Annotated[
        str | None,
        typer.Option(help="A table of prices. Default: the S&P 500 that comes with arch.", show_default=False),
    ] = None,
    prices_column: Annotated[
        str | None, typer.Option(help="The column of --prices. Default: the only one of numbers.", show_default=False)
    ] = None,
    estimate: Annotated[bool, typer.Option("--estimate", help="Say what it would take, and end.")] = False,
    page: Annotated[
        Path | None, typer.Option(help="A page whose tables to bring up to date as well.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes to run in. Default: one a core.", show_default=False)
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print all that was found as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Put the questions of Shen (2019) to processes, networks, text and prices, and decide them by stated rules.

    For example:

      miscope study shen2019

      miscope study shen2019 --scale laptop --folder study --corpus book.txt --only language,unevenness
    """
    if page is not None and not page.is_file():
        raise InputError(f"there is no page {page}")
    from miscope.cli.shen2019 import print_estimate, run_study

    chosen = None if only is None else [name.strip() for name in only.split(",") if name.strip()]
    if estimate or (scale == "paper" and not quiet):
        print_estimate(scale, chosen, quiet)
    if not estimate:
        sources = {"corpus": corpus, "prices": prices, "prices_column": prices_column}
        run_study(scale, folder, chosen, sources, workers, page, json_, quiet)


def _write(found: Calibration, folder: Path, page: Path | None) -> list[Path]:
    from miscope.atomic import atomic_path
    from miscope.figures.calibration import plot_coverage, plot_false_alarms, plot_single, plot_verdicts
    from miscope.studies.page import tables, update_page

    written = []
    if found.rows:
        written.append(folder / "calibration.csv")
        found.save(written[-1])
    if found.verdicts:
        written.append(folder / "calibration-verdicts.csv")
        found.save(written[-1], verdicts=True)
    made = tables(found)
    written.append(folder / "calibration.md")
    with atomic_path(written[-1]) as temporary:
        text = "\n\n".join(f"## {name}\n\n{table}" for name, table in made.items())
        temporary.write_text(text + "\n", encoding="utf-8")
    figures = {"documents": plot_coverage, "single": plot_single, "nulls": plot_false_alarms}
    figures["verdict"] = plot_verdicts
    for name, draw in figures.items():
        if rows := found.group(name):
            written.append(folder / f"calibration-{name}.png")
            draw(rows, written[-1])
    if page is not None:
        update_page(page, made)
        written.append(page)
    return written


def _summary(found: Calibration) -> str:
    """Coverage in a line for each question, over what stands above the floor."""
    lines = []
    for name in dict.fromkeys(row["group"] for row in found.rows):
        rows = [row for row in found.group(name) if row["coverage"] == row["coverage"]]
        seen = [row["coverage"] for row in rows if row["truth"] > row["mean_bar"]]
        text = f"{name:13} {len(rows):4} curve points"
        if seen:
            text += (
                f"; above the floor ({len(seen)}) 95 % intervals cover {100 * sum(seen) / len(seen):.1f} % on average"
            )
        lines.append(text)
    if found.verdicts:
        lines.append(_verdict_summary(found.verdicts))
    return "\n".join(lines)


def _verdict_summary(rows: Sequence[dict[str, Any]]) -> str:
    from miscope.studies.verdict_tables import LONG, wrong

    long = [row for row in rows if row["significant_decades"] > LONG]
    undecided = sum(row["verdict"] == "undecided" for row in long)
    share = f", undecided {100 * undecided / len(long):.0f} % of {len(long)} over {LONG} decades" if long else ""
    return f"{'verdict':13} {len(rows):4} curves; wrong {100 * sum(map(wrong, rows)) / len(rows):.1f} %{share}"
