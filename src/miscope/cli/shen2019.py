"""`miscope study shen2019`: what it would take, what it does, what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from miscope.cli.common import note, progress_bar, say
from miscope.cli.progress import duration
from miscope.digests import signed
from miscope.errors import require

__all__ = ["print_estimate", "run_study"]

_SHOWN = 3  # files that are named at the end


def run_study(
    scale: str,
    folder: Path,
    only: Sequence[str] | None,
    sources: Mapping[str, str | None],
    workers: int | None,
    page: Path | None,
    json_: bool,
    quiet: bool,
) -> None:
    """Run the study and say what it found."""
    require("torch", "models", "the study")
    from miscope.studies.page import update_page
    from miscope.studies.shen2019 import page_tables, shen2019

    with progress_bar("studying", "pieces", quiet) as progress:
        found = shen2019(scale, folder, only=only, **sources, workers=workers, progress=progress)
    if page is not None:
        update_page(page, page_tables(found))
    say(signed(found.body) if json_ else str(found))
    if not quiet:
        note(_farewell(found.written, scale))


def _farewell(written: Sequence[Path], scale: str) -> str:
    lines = [f"wrote {path}" for path in written[:_SHOWN]]
    if len(written) > _SHOWN:
        lines.append(f"and {len(written) - _SHOWN} more beside them, tables/ and figures/")
    if not any(path.suffix == ".html" for path in written):
        lines.append('no page of them, which needs jinja2: pip install "miscope[report]", and give the command again')
    if scale == "smoke":
        lines.append("smoke shows that all works; --scale laptop decides more")
    return "\n".join(lines)


def print_estimate(scale: str, only: Sequence[str] | None, quiet: bool) -> None:
    """Say what the networks of a scale would take on this machine."""
    require("torch", "models", "the study")
    from miscope.studies.shen2019.study import EXPERIMENTS, device_name, estimated

    total, lines = 0.0, []
    n = len(only or EXPERIMENTS)
    with progress_bar("estimating", "experiments", quiet) as progress:
        for k, each in enumerate(estimated(scale, only)):
            if progress is not None:
                progress(k + 1, n, each.experiment)
            if each.networks:
                total += each.training + each.drawing
                lines.append(
                    f"{each.experiment:11} {each.networks:3} networks: {duration(each.training)} to train, "
                    f"{duration(each.drawing)} to draw from"
                )
    heading = f"scale {scale}, on this machine ({device_name()}), from a few steps of each network:"
    say("\n".join([heading, *lines, f"in all about {duration(total)} of one process, besides measuring and fitting"]))
