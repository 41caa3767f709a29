"""`miscope report`: results become a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from miscope.cli.common import check_output, guarded, note, progress_bar
from miscope.errors import InputError

__all__ = ["report"]


@guarded
def report(
    results: Annotated[
        list[str],
        typer.Argument(
            metavar="RESULT...",
            help="Curves (.json, .parquet), fits, and what miscope compare, uniformity and probe write as JSON; or "
            "folders of them, searched with those below.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The page to write: .html.", show_default=False)
    ] = Path("report.html"),
    title: Annotated[
        str | None, typer.Option(help="Of the page. Default: what was measured.", show_default=False)
    ] = None,
    fit: Annotated[
        bool, typer.Option("--fit/--no-fit", help="Fit laws of decay to curves whose fits are not among the results.")
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Show results in one HTML file that needs nothing else: summary, interactive figures, tables, provenance, data.

    It holds all its numbers and asks nothing of any network; any browser of the last years opens it.

    For example:

      miscope report curve.json fit.json -o report.html

      miscope report results/ --title "What our models remember" -o report.html
    """
    check_output(output, results, (".html", ".htm"))
    _check_results(results)
    from miscope.report import report as write_report

    with progress_bar("fitting", "curves", quiet) as progress:
        write_report(results, output, title=title, fit=fit, progress=progress)
    if not quiet:
        note(f"wrote {output}")


def _check_results(names: list[str]) -> None:
    """Refuse names under which there is nothing."""
    from miscope.whole_files import shown

    for name in names:
        if not os.path.lexists(name):
            raise InputError(
                f"cannot read {shown(name)!r}: there is no such file or folder; name results that miscope wrote, as "
                "miscope measure FILE -o curve.json does, or a folder of them"
            )
