"""report(): results as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from miscope._version import __version__
from miscope.atomic import atomic_path
from miscope.errors import FormatError, InputError, require
from miscope.figures.style import COLOURS
from miscope.report.charts import DARK_COLOURS, plain
from miscope.report.contents import page_of
from miscope.report.elements import Page, Table
from miscope.report.reading import collect
from miscope.report.words import slug

__all__ = ["check_output", "report"]

_SUFFIXES = (".html", ".htm")
_SCRIPTS = ("charts.js", "page.js")


def report(
    results: Any,
    path: str | Path,
    *,
    title: str | None = None,
    fit: bool = True,
    progress: Callable[[int, int], object] | None = None,
) -> Path:
    """Write results as one HTML file: a summary in plain words, interactive figures, tables, provenance.

    The file needs no other file and no network. In it are all the numbers that it shows, to be saved as CSV and JSON.

    Parameters
    ----------
    results
        A result, the name of a file or of a folder, or several of them. Results are curves, fits, comparisons of fits,
        reaches, spectra, couplings, uniformity, drift and contributions; files are those that the commands of miscope
        write. Folders are searched with those below them.
    path
        What to write: ``.html``.
    title
        Of the page; default: what was measured.
    fit
        Whether to fit laws of decay to those curves whose fits are not among the results.
    progress
        Called with curves fitted and curves in all.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    InputError
        If there is no result, something is no result, or the file cannot be written.
    FormatError
        If a file is damaged, or of another version of miscope.
    MissingExtraError
        If the extra ``report`` is not installed.

    Examples
    --------
    >>> import tempfile
    >>> import miscope as ms
    >>> from miscope.report import report
    >>> chain = ms.processes.IsingChain(coupling=1.5)
    >>> curve = ms.measure(chain.sample(n_documents=32, length=1024), lags="1:64", label="a chain")
    >>> page = report(curve, Path(tempfile.mkdtemp()) / "report.html", fit=False)
    >>> "How far dependence reaches: a chain" in page.read_text(encoding="utf-8")
    True

    Notes
    -----
    Curves stand in one chart where their quantity, unit and kind of symbols are the same and their alphabets differ in
    size by a factor of two at most; others are kept apart, with a note.
    """
    target = Path(path)
    check_output(target)
    items, notes = collect(results)
    jinja2 = require("jinja2", "report", "a report")
    names = [str(each) for each in _several(results) if isinstance(each, str | Path)]
    try:
        page = page_of(items, notes, names or ["RESULT..."], title, fit, progress)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
        # Curves and fits are checked where they are read; the other kinds are as their files have them.
        named = ", ".join(dict.fromkeys(item.name for item in items if isinstance(item.value, dict)))
        if isinstance(error, InputError) or not named:
            raise
        raise FormatError(
            f"one of {named} is damaged, or was written by another version of miscope ({error!r}): "
            "make it again, or use the miscope that wrote it"
        ) from None
    text = _rendered(jinja2, page)
    with atomic_path(target) as temporary:
        # Names of files need not be Unicode; what cannot be written is shown as a question mark.
        temporary.write_bytes(text.encode("utf-8", "replace"))
    return target


def check_output(path: Path) -> None:
    """Refuse a name that is not that of a page."""
    if path.suffix.lower() not in _SUFFIXES:
        raise InputError(f"a report is written as .html, not {path.name!r}")


def _several(results: Any) -> list[Any]:
    return [*results] if isinstance(results, list | tuple) else [results]


def _rendered(jinja2: Any, page: Page) -> str:
    """The page as HTML. All text is escaped by the template, and all data by `_embedded`."""
    folder = resources.files("miscope.report")
    style = _palette() + (folder / "page.css").read_text(encoding="utf-8")
    script = "".join((folder / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((folder / "page.html.jinja").read_text(encoding="utf-8"))
    text: str = template.render(
        page=page,
        version=__version__,
        style=style,
        script=script,
        data=_embedded(_data(page)),
        # Only these two may run or lay out anything, and nothing may be fetched from anywhere.
        policy=f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'",
    )
    return text


def _palette() -> str:
    """The colours of figures as variables, for light and for dark paper."""
    light, dark = (
        "".join(f"--c{k}:{colour};" for k, colour in enumerate(colours)) for colours in (COLOURS, DARK_COLOURS)
    )
    return (
        f":root{{{light}}}\n@media screen{{:root[data-theme=dark]{{{dark}}}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _data(page: Page) -> dict[str, Any]:
    """What the script draws, and what can be downloaded."""
    figures = [figure for section in page.sections for figure in section.figures]
    tables = [figure.table for figure in figures]
    tables += [table for section in page.sections for table in (*section.overview, *section.tables)]
    return {
        "figures": {figure.identity: figure.chart for figure in figures},
        "tables": {table.identity: _columns(table) for table in tables},
        "results": [
            {"name": f"{name}.json", "text": result.text}
            for name, result in zip(_file_names(page), page.results, strict=True)
        ],
    }


def _file_names(page: Page) -> list[str]:
    """A name for the file of each result, with its kind where a name comes twice."""
    stems = [slug(result.name.removesuffix(".json").removesuffix(".parquet")) for result in page.results]
    kinds = [result.kind for result in page.results]
    made = [stem if stems.count(stem) == 1 else f"{stem}-{kind}" for stem, kind in zip(stems, kinds, strict=True)]
    return [name if made.count(name) == 1 else f"{name}-{made[:k].count(name) + 1}" for k, name in enumerate(made)]


def _columns(table: Table) -> dict[str, Any]:
    columns = [{"name": column.heading, "values": plain(list(column.values))} for column in table.columns]
    return {"file": f"{slug(table.identity)}.csv", "columns": columns}


def _embedded(data: Any) -> str:
    """JSON that no text in it can end early: there is no sign in it that HTML knows."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
