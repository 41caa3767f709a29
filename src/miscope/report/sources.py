"""Where results come from, and how to make them again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from miscope._version import __version__
from miscope.report.curves import unique
from miscope.report.elements import Section, Table, number_column, text_column
from miscope.report.reading import HOW_MADE, Item
from miscope.report.words import slug, whole

if TYPE_CHECKING:
    from miscope.curve import MICurve

__all__ = ["command_of", "source_section"]

_TEXT_OPTIONS = {
    "unit": "character",
    "documents": "file",
    "separator": None,
    "separator_regex": None,
    "encoding": "utf-8",
}
_TEXT_KNOWN = {*_TEXT_OPTIONS, "reader", "label", "fold_case", "empty_documents_dropped", "sources", "notes"}
_PROCESS_KNOWN = {"label", "process", "seed"}
_MOST_LISTED = 40  # lags, beyond which they are not written one by one


def source_section(items: list[Item], names: list[str]) -> Section:
    """Provenance of all results, the files that were read, versions, and commands."""
    curves = [(item.value, item.name) for item in items if item.kind == "curve"]
    tables = [_results(items)]
    if curves:
        tables += [each for each in (_curves(curves), _files(curves)) if each.rows]
    versions = sorted({f"{name} {version}" for curve, _ in curves for name, version in _versions(curve).items()})
    made = [each for each in (command_of(curve, f"{slug(curve.label)}.json") for curve, _ in curves) if each]
    commands = [*dict.fromkeys(made), shlex.join(["miscope", "report", *names, "-o", "report.html"])]
    lists = [("Commands, as far as results say how they were made", tuple(commands))]
    if versions:
        lists.append(("Versions that measured", (", ".join(versions),)))
    lead = (f"This page was made by miscope {__version__}. It holds all its data and asks nothing of any network.",)
    return Section("sources", "Sources, and how to make this again", lead, (), tuple(tables), tuple(lists))


def _results(items: list[Item]) -> Table:
    columns = (
        text_column("result", [item.name for item in items]),
        text_column("kind", [item.kind for item in items]),
        text_column("made by", [HOW_MADE[item.kind] for item in items]),
    )
    return Table("results", "What this page shows", columns)


def _curves(curves: list[tuple[MICurve, str]]) -> Table:
    names = unique([curve.label or name for curve, name in curves])
    made = [curve for curve, _ in curves]
    counts = [curve.provenance.get("n_symbols") for curve in made]
    columns = (
        text_column("curve", names),
        number_column("symbols", counts, ["–" if each is None else whole(each) for each in counts]),
        text_column("read or drawn as", [_origin(curve) for curve in made]),
        text_column("estimator", [curve.estimator for curve in made]),
        text_column("null", [curve.null_name for curve in made]),
        number_column("blocks", [curve.n_blocks for curve in made], [whole(curve.n_blocks) for curve in made]),
        text_column("seed", [curve.provenance.get("seed", "–") for curve in made]),
        text_column("miscope", [_versions(curve).get("miscope", "–") for curve in made]),
    )
    return Table("provenance", "How each curve came about", columns)


def _versions(curve: MICurve) -> Mapping[str, str]:
    found = curve.provenance.get("versions")
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, Mapping) else {}


def _source(curve: MICurve) -> Mapping[str, Any]:
    source = curve.provenance.get("source")
    return source if isinstance(source, Mapping) else {}


def _origin(curve: MICurve) -> str:
    source = _source(curve)
    model = source.get("model")
    if isinstance(model, Mapping):
        return f"model {model.get('name', '')}, weights {model.get('weights', '–')}"
    process = source.get("process")
    if isinstance(process, Mapping):
        return f"process {process.get('name', '')}"
    unit = f", by {source['unit']}" if source.get("unit") else ""
    documents = f", a document a {source['documents']}" if isinstance(source.get("documents"), str) else ""
    return f"{source.get('reader', 'an array')}{unit}{documents}"


def _files(curves: list[tuple[MICurve, str]]) -> Table:
    rows = {}
    for curve, _ in curves:
        sources = _source(curve).get("sources")
        for each in sources if isinstance(sources, list) else []:
            if isinstance(each, Mapping):
                rows[str(each.get("name", "")), str(each.get("sha256", ""))] = each.get("bytes")
    sizes = [size if isinstance(size, int) else None for size in rows.values()]
    columns = (
        text_column("file", [name for name, _ in rows]),
        number_column("bytes", sizes, ["–" if size is None else f"{size:,}" for size in sizes]),
        text_column("SHA-256", [digest for _, digest in rows]),
    )
    return Table("files", "Files that were read", columns)


def command_of(curve: MICurve, output: str) -> str:
    """The command that measures this curve again; "" where its provenance does not say enough.

    Examples
    --------
    >>> import miscope as ms
    >>> chain = ms.processes.IsingChain(coupling=1.5)
    >>> command_of(ms.measure(chain.sample(8, 256), lags=[1, 4]), "chain.json")
    'miscope measure --process ising-chain:coupling=1.5,field=0.0 --n-documents 8 --length 256 --lags 1,4 -o chain.json'
    """
    source = _source(curve)
    if "model" in source or curve.estimator == "gaussian":
        return ""
    parts = _process(curve, source) if "process" in source else _text(source)
    lags = _lags(curve.lags)
    if parts is None or not lags:
        return ""
    about = curve.provenance
    parts += ["--lags", lags]
    for name, value, usual in (
        ("estimator", curve.estimator, "miller_madow"),
        ("null", curve.null_name, "global"),
        ("quantity", curve.quantity, "mutual_information"),
        ("blocks", about.get("blocks", curve.n_blocks), 32),
    ):
        if value != usual:
            parts += [f"--{name}", str(value)]
    if curve.unit == "bits":
        parts.append("--bits")
    return shlex.join(["miscope", "measure", *parts, "-o", output])


def _text(source: Mapping[str, Any]) -> list[str] | None:
    sources = source.get("sources")
    if source.get("reader") != "read_text" or not isinstance(sources, list) or set(source) - _TEXT_KNOWN:
        return None
    parts = [str(each.get("name", "")) if isinstance(each, Mapping) else "" for each in sources]
    if not parts or not all(parts) or any(name in ("-", "standard input") for name in parts):
        return None
    for name, usual in _TEXT_OPTIONS.items():
        value = source.get(name, usual)
        if value != usual and (name, value) != ("documents", "separator"):  # which the separator says
            option = f"--{name.replace('_', '-')}"
            parts += [f"{option}={value}"] if str(value).startswith("-") else [option, str(value)]
    return [*parts, "--fold-case"] if source.get("fold_case") else parts


def _process(curve: MICurve, source: Mapping[str, Any]) -> list[str] | None:
    process, about = source["process"], curve.provenance
    n, documents, seed = about.get("n_symbols"), about.get("n_documents"), source.get("seed")
    if not isinstance(process, Mapping) or set(source) - _PROCESS_KNOWN:
        return None
    if not isinstance(n, int) or not isinstance(documents, int) or not documents or n % documents:
        return None
    parameters = process.get("parameters")
    if not isinstance(parameters, Mapping) or not all(isinstance(each, int | float) for each in parameters.values()):
        return None
    from miscope.processes.naming import kebab

    given = ",".join(f"{name}={value}" for name, value in parameters.items())
    name = kebab(str(process.get("name", "")))
    parts = ["--process", f"{name}:{given}" if given else name]
    parts += ["--n-documents", str(documents), "--length", str(n // documents)]
    return [*parts, "--seed", str(seed)] if seed else parts


def _lags(lags: np.ndarray) -> str:
    """Lags as an option; "" where they are too many to be written one by one, and of no simple kind."""
    from miscope.counting.lags import parse_lags

    first, last = int(lags[0]), int(lags[-1])
    step = int(lags[1]) - first if len(lags) > 2 else 1
    for text in (f"{first}:{last}", f"all:{last}", f"{first}:{last}:+{step}"):
        if np.array_equal(parse_lags(text, last + 1), lags):
            return text
    return ",".join(map(str, lags.tolist())) if len(lags) <= _MOST_LISTED else ""
