"""What a study leaves in its folder: findings, tables, figures, and the page that shows them."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from miscope._version import __version__
from miscope.atomic import atomic_path
from miscope.errors import MissingExtraError
from miscope.formats import marked
from miscope.studies.experiment import Experiment
from miscope.studies.findings import Outcome
from miscope.studies.lab import read_json, write_json

__all__ = ["page_tables", "write_study"]

Row = dict[str, Any]

_MOST_REASONS = 4  # in a table of a page


def write_study(
    folder: Path,
    scale: str,
    sources: Mapping[str, Any],
    outcomes: Sequence[tuple[Experiment, Outcome, float]],
    seconds: float,
) -> tuple[dict[str, Any], list[Path]]:
    """Write everything; what ``findings.json`` says, and the files, the most telling first.

    Seconds of earlier calls that ended in this folder are added.
    """
    from miscope.figures.series import plot_series

    said, files = [], []
    for found, outcome, taken in outcomes:
        name = found.name
        tables = dict(outcome.tables)
        if models := trainings(folder, name):
            tables["trainings"] = models
        for table, rows in tables.items():
            files += _write_table(folder / "tables" / f"{name}-{table}", rows)
        for plot in outcome.plots:
            path = folder / "figures" / f"{name}-{plot.name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            plot_series(plot, path)
            files.append(path)
        said.append(
            {
                "name": name,
                "title": found.title,
                "claim": found.claim,
                "method": found.method,
                "settings": dict(found.settings[scale]),
                "seconds": round(taken, 1),
                "findings": [each.to_dict() for each in outcome.findings],
                "plots": [each.to_dict() for each in outcome.plots],
                "tables": tables,
            }
        )
    path = folder / "findings.json"
    about = {
        "study": "shen2019",
        "scale": scale,
        "sources": dict(sources),
        "seconds": round(seconds + _seconds_before(path), 1),
        "versions": _versions(),
        "experiments": said,
    }
    body = marked("study", about)
    write_json(path, body)
    return body, [*_write_page(folder, path, scale), path, *files]


def _seconds_before(path: Path) -> float:
    try:
        return float(read_json(path)["seconds"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return 0.0


def page_tables(found: Any) -> dict[str, str]:
    """What a study found, as tables for a page: all claims, and where they differ from what one would expect."""
    rows = ["| question | claim | finding | because |", "|---|---|---|---|"]
    from miscope.report.studies import because

    differs = []
    for each in found.body["experiments"]:
        for finding in each["findings"]:
            reasons = [because(one) for one in finding["rulings"]]
            more = f"; and {len(reasons) - _MOST_REASONS} more" if len(reasons) > _MOST_REASONS else ""
            reason = " ".join(("; ".join(reasons[:_MOST_REASONS]) + more).split()).replace("|", "\\|")
            rows.append(f"| {each['title']} | {finding['claim']} | **{finding['verdict']}** | {reason} |")
            differs += [f"- {finding['differs']}"] if finding["differs"] else []
    minutes = found.body["seconds"] / 60
    about = f"Scale {found.body['scale']}, in {minutes:.0f} minutes, with " + ", ".join(
        f"{name} {version}" for name, version in found.body["versions"].items()
    )
    return {"findings": "\n".join([about, "", *rows]), "differs": "\n".join(differs) or "Nowhere."}


def trainings(folder: Path, name: str) -> list[Row]:
    """How the trainings of an experiment went: one row a network."""
    from miscope.models.storage import load

    rows = []
    for path in sorted((folder / "models").glob(f"{name}-*.safetensors")):
        if path.stem.endswith("-unfinished"):
            continue
        model = load(path)
        history = model.history
        best = history.best
        rows.append(
            {
                "network": path.stem.removeprefix(f"{name}-"),
                "kind": model.label,
                "parameters": int(model.n_parameters),
                "steps": int(history.steps[-1]) if len(history) else 0,
                "loss": float(history.loss[-1]) if len(history) else None,
                "held_out_loss": float(history.valid[best]) if best is not None else None,
                "entropy_rate": model.entropy_rate,
            }
        )
    return rows


def _write_table(stem: Path, rows: list[Row]) -> list[Path]:
    import pyarrow as pa
    from pyarrow import csv, parquet

    if not rows:
        return []
    table = pa.Table.from_pylist(rows)
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_name(f"{stem.name}{suffix}") for suffix in (".csv", ".parquet")]
    for path, write in zip(paths, (csv.write_csv, parquet.write_table), strict=True):
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            write(table, file)
    return paths


def _write_page(folder: Path, findings: Path, scale: str) -> list[Path]:
    """The report; without the extra there is none, and the rest stands."""
    from miscope.report import report

    try:
        title = f"Mutual information scaling of sequence models: the study at scale “{scale}”"
        return [report(findings, folder / "report.html", title=title, fit=False)]
    except MissingExtraError:
        return []


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    made = {"miscope": __version__, "python": platform.python_version()}
    for package in ("numpy", "scipy", "numba", "torch", "arch"):
        try:
            made[package] = version(package)
        except PackageNotFoundError:
            continue
    return made
