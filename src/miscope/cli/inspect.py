"""`miscope inspect`: what was understood of files, before anything is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from miscope.cli.common import guarded, say
from miscope.cli.files import FILES_HELP, Reading, read_files, takes_files
from miscope.cli.saved import about_saved

if TYPE_CHECKING:
    from miscope.sequences import Sequences, Series

__all__ = ["inspect"]

_LEFT_OUT = {
    "missing": "missing values, at which documents were broken",
    "outside": "symbols outside the alphabet, at which documents were broken",
    "empty_records": "empty records",
    "empty_documents": "empty documents",
    "empty_documents_dropped": "empty documents",
    "missing_documents_dropped": "missing documents",
    "rows_missing": "missing rows",
    "rows_empty": "empty rows",
    "unknown_tokens": "unknown tokens",
    "characters_left_out": "unknown characters",
}


_SMALL = 1 << 16
"""Alphabets up to this size are counted by a table."""


@guarded
@takes_files
def inspect(
    reading: Reading,
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help=FILES_HELP, show_default=False)],
    top: Annotated[int, typer.Option(min=0, help="How many of the most frequent symbols to show.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")] = False,
) -> None:
    """Show what was understood of files: documents, lengths, symbols, and what was left out.

    Of a result, of counts or of a model that miscope wrote: what it is, and what takes it.

    For example:

      miscope inspect book.txt --unit word

      miscope inspect hub:Salesforce/wikitext --config wikitext-2-raw-v1 --split validation

      miscope inspect prices.csv --column Close --time-column Date --as returns:sign
    """
    saved = about_saved(files[0]) if len(files) == 1 and not reading else None
    about = _about(read_files(files, reading, None, quiet, is_shown=True), top) if saved is None else saved
    if json:
        import json as json_format

        say(json_format.dumps({"format": "miscope.inspection"} | about, ensure_ascii=False, allow_nan=False))
    else:
        say(_shown(about) if saved is None else _shown_saved(saved))


def _shown_saved(about: dict[str, Any]) -> str:
    holds = [f"holds      {about['holds']}"] if about["holds"] else []
    return "\n".join([f"{about['label']}: {about['kind']} that miscope wrote", *holds, f"use        {about['use']}"])


def _about(data: Sequences | Series, top: int) -> dict[str, Any]:
    """What there is, JSON-able."""
    import numpy as np

    from miscope.sequences import Sequences

    lengths = np.diff(data.offsets)
    about: dict[str, Any] = {
        "label": data.provenance.get("label", ""),
        "n_documents": len(lengths),
        "lengths": [int(np.quantile(lengths, at, method="nearest")) for at in (0.0, 0.5, 1.0)],
        "left_out": _left_out(data.provenance),
    }
    if "times" in data.provenance:
        about["times"] = [str(each) for each in data.provenance["times"]]
    if not isinstance(data, Sequences):
        values = data.values
        ends = [float(np.quantile(values, at)) for at in (0.0, 0.25, 0.5, 0.75, 1.0)]
        return about | {"kind": "real numbers", "n_values": len(values), "quartiles": ends}
    seen, counts = _counted(data)
    order = np.argsort(-counts, kind="stable")[:top]
    names = data.alphabet if data.alphabet is not None else range(data.alphabet_size)
    frequent = [[str(names[int(seen[at])]), int(counts[at])] for at in order]
    about |= {"classes": dict(data.provenance["classes"])} if "classes" in data.provenance else {}
    kinds = {"kind": "symbols", "n_symbols": data.n_symbols, "alphabet_size": data.alphabet_size}
    codes = [int(seen[0]), int(seen[-1])] if data.alphabet is None else None
    return about | kinds | {"n_kinds_seen": len(seen), "codes": codes, "most_frequent": frequent}


def _counted(data: Sequences) -> tuple[Any, Any]:
    """The codes that occur, ascending, and how often; in memory that grows with the data, not with their codes."""
    import numpy as np

    if data.alphabet_size > max(_SMALL, data.n_symbols):
        return np.unique(data.codes, return_counts=True)
    counts = data.histogram()
    seen = np.flatnonzero(counts)
    return seen, counts[seen]


def _left_out(provenance: Any) -> dict[str, Any]:
    """What readers say that they did not take, by what it is."""
    found = {}
    for name, words in _LEFT_OUT.items():
        value = provenance.get(name)
        if isinstance(value, dict):
            value = value.get("dropped", sum(each for each in value.values() if isinstance(each, int)))
        if value:
            found[words] = value
    return found


def _counting(number: int, words: str) -> str:
    """So many of them, or one.

    >>> _counting(1, "empty records"), _counting(1200, "empty records")
    ('1 empty record', '1,200 empty records')
    """
    if number == 1:
        first, comma, rest = words.partition(",")
        first = first.replace("symbols", "symbol", 1) if "symbols outside" in first else first.removesuffix("s")
        return f"1 {first}{comma}{rest}"
    return f"{number:,} {words}"


def _alphabet(about: dict[str, Any]) -> str:
    """How many symbols there are; codes that no symbol stands behind count where they occur."""
    seen = about["n_kinds_seen"]
    if about["codes"] is None:
        return f"{about['alphabet_size']:,} symbols, {seen:,} of them seen"
    first, last = about["codes"]
    codes = f"the code {first:,}" if seen == 1 else f"codes from {first:,} to {last:,}"
    return f"{_counting(seen, 'symbols')}, {codes}"


def _shown(about: dict[str, Any]) -> str:
    """The same for people."""
    n = about.get("n_symbols", about.get("n_values"))
    low, middle, high = about["lengths"]
    documents = "1 document" if about["n_documents"] == 1 else f"{about['n_documents']:,} documents"
    lines = [
        f"{about['label']}: {n:,} {about['kind']} in {documents}",
        f"lengths    {low:,} to {high:,}, half of them {middle:,} or less",
    ]
    if times := about.get("times"):
        lines.append(f"times      {times[0]} to {times[1]}")
    lines += [f"left out   {_counting(value, words)}" for words, value in about["left_out"].items()]
    if about["kind"] == "real numbers":
        return "\n".join([*lines, "quartiles  " + ", ".join(f"{value:.6g}" for value in about["quartiles"])])
    if classes := about.get("classes"):
        lines.append(f"classes    {classes['how']}: {classes['classes']:,} classes of {classes['symbols']:,} symbols")
    lines.append(f"alphabet   {_alphabet(about)}")
    width = max((len(repr(symbol)) for symbol, _ in about["most_frequent"]), default=0)
    rows = [f"  {symbol!r:{width}}  {count:>12,}  {count / n:7.2%}" for symbol, count in about["most_frequent"]]
    return "\n".join([*lines, *(["most frequent"] if rows else []), *rows])
