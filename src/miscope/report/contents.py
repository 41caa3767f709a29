"""What stands in a page: findings first, then sections, in the order in which a reader asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from miscope.digests import signed
from miscope.report import corpora, probed
from miscope.report.alike import grouped
from miscope.report.charts import plain
from miscope.report.curves import called, curve_sections, extent, size_words
from miscope.report.elements import Finding, Page, Result, Section
from miscope.report.laws import comparison_words, fits_of, law_sections, verdict_sentence
from miscope.report.reading import Item
from miscope.report.sources import source_section
from miscope.report.studies import study_findings, study_sections
from miscope.report.words import listed

__all__ = ["page_of"]

_MOST_BYTES = 4_000_000  # of a result that is carried whole
_MOST_TITLED = 3


def page_of(
    items: list[Item],
    notes: list[str],
    names: list[str],
    title: str | None,
    fitting: bool,
    progress: Callable[[int, int], object] | None = None,
) -> Page:
    """The page of these results.

    Parameters
    ----------
    items
        The results.
    notes
        What is to be said of how they were read.
    names
        Of files and folders, for the command that makes the page again.
    title
        Of the page; None for what was measured.
    fitting
        Whether curves without fits are fitted.
    progress
        Called with curves that have their fits, and curves in all.
    """
    of = {kind: [item.value for item in items if item.kind == kind] for kind in {item.kind for item in items}}
    curves, given = of.get("curve", []), of.get("fit", [])
    fits, alone = fits_of(curves, given, fitting, progress)
    labels = called(curves)
    pairs = [(label, fit, curve) for label, fit, curve in zip(labels, fits, curves, strict=True) if fit is not None]
    pairs += [(fit.label or "fit", fit, None) for fit in alone]
    findings = [_of_curve(label, curve, fit) for label, curve, fit in zip(labels, curves, fits, strict=True)]
    findings += [Finding(fit.label or "fit", fit.verdict.kind, (verdict_sentence(fit),)) for fit in alone]
    findings += _of_others(of)
    groups = grouped(curves, labels, _learnt(of.get("reach", [])))
    comparisons = of.get("comparison", [])
    drawn = [curve for _, fit, curve in pairs if fit.laws and curve is not None]
    sections = [*curve_sections(groups, drawn), *law_sections(pairs, comparisons), *_sections(of)]
    made_here = [fit for fit in fits if fit is not None and not any(fit is each for each in given)]
    if made_here:
        notes = [*notes, "Laws were fitted while this page was made, where no fit was among the results."]
    if len(groups) > 1:
        notes = [*notes, "Curves of different quantities, units or alphabets stand in charts of their own."]
    return Page(
        title or _title(findings),
        tuple(findings),
        tuple(_warnings(items, labels, pairs) + ([("This page", tuple(notes))] if notes else [])),
        (*sections, source_section(items, names)),
        tuple(_result(item) for item in items),
    )


def _of_curve(label: str, curve: Any, fit: Any) -> Finding:
    last, reaches = extent(curve)
    if fit is not None:
        return Finding(label, fit.verdict.kind, (reaches, verdict_sentence(fit)), size_words(curve))
    verdict = "no error bars" if last != last else "dependence" if last > 0 else "no dependence"
    return Finding(label, verdict, (reaches,), size_words(curve))


def _learnt(reaches: list[Any]) -> dict[str, str]:
    """Labels of models, and of the data that they were compared with."""
    return {str(each["label"]): str(found["data"]["label"]) for found in reaches for each in found["models"]}


def _of_others(of: dict[str, list[Any]]) -> list[Finding]:
    made = [finding for found in of.get("study", []) for finding in study_findings(found)]
    made += [finding for found in of.get("reach", []) for finding in probed.reach_findings(found)]
    made += [probed.spectrum_finding(found) for found in of.get("spectrum", [])]
    made += [corpora.uniformity_finding(found) for found in of.get("uniformity", [])]
    made += [corpora.drift_finding(found) for found in of.get("drift", [])]
    for found in of.get("comparison", []):
        different = not float(found["low"]) <= 1 <= float(found["high"])
        words = comparison_words(found)
        made.append(Finding("Two decays", "different" if different else "not told apart", (words,)))
    return made


def _sections(of: dict[str, list[Any]]) -> list[Section]:
    makers = {
        "reach": probed.reach_section,
        "spectrum": probed.spectrum_section,
        "couplings": probed.coupling_section,
        "uniformity": corpora.uniformity_section,
        "drift": corpora.drift_section,
        "contributions": corpora.pair_section,
    }
    made = [section for k, found in enumerate(of.get("study", []), start=1) for section in study_sections(found, k)]
    return made + [make(found, k) for kind, make in makers.items() for k, found in enumerate(of.get(kind, []), start=1)]


def _title(findings: list[Finding]) -> str:
    names = list(dict.fromkeys(finding.label for finding in findings))
    return f"How far dependence reaches: {listed(names, _MOST_TITLED)}" if names else "Results of miscope"


def _warnings(items: list[Item], labels: list[str], pairs: list[Any]) -> list[tuple[str, tuple[str, ...]]]:
    """What a reader has to know, by result; what several say alike is said once."""
    said: dict[str, list[str]] = {}
    left = iter(labels)
    for item in items:
        value = item.value
        name, texts = item.name, []
        if item.kind == "curve":
            name, texts = next(left), [*value.warnings]
        elif isinstance(value, dict):
            texts = [*value.get("warnings", ())]
            name = str(value.get("label") or "") or listed([str(each) for each in value.get("names", ())] or [name])
            for model in value.get("models", ()):
                texts += [f"{model['label']}: {text}" for text in model["reach"]["warnings"]]
        for text in texts:
            said.setdefault(str(text), []).append(name)
    for name, fit, _ in pairs:
        for text in fit.notes:
            said.setdefault(str(text), []).append(name)
    gathered: dict[str, list[str]] = {}
    for text, names in said.items():
        gathered.setdefault(listed(list(dict.fromkeys(names))), []).append(f"{text[:1].upper()}{text[1:]}.")
    return [(name, tuple(texts)) for name, texts in gathered.items()]


def _result(item: Item) -> Result:
    """A result as the text of a JSON file, that miscope reads again where it has a format of its own."""
    if item.kind == "curve":
        from miscope.curve.storage import to_json as curve_to_json

        text = curve_to_json(item.value)
    elif item.kind == "fit":
        from miscope.decay.storage import to_json as fit_to_json

        text = fit_to_json(item.value)
    else:
        text = signed(_jsonable(item.value))
    return Result(item.name, item.kind, text if len(text) <= _MOST_BYTES else "")


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _jsonable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(each) for each in value]
    return plain(value)
