"""The experiments with text, prices and corpora: their rules on known laws, and their data on tiny settings."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import miscope as ms
from miscope.studies.findings import Number
from miscope.studies.lab import Lab
from miscope.studies.shen2019 import beside, language, prices, unevenness
from miscope.studies.shen2019.beside import Beside, falls, further, keeps
from miscope.studies.shen2019.contenders import still_learning
from miscope.studies.shen2019.language import LANGUAGE, composition_number
from miscope.studies.shen2019.prices import PRICES
from miscope.studies.shen2019.unevenness import UNEVENNESS, cut, rule_parts, rule_shuffled, shares_of

pytestmark = pytest.mark.extras
LAGS = [1, 2, 3, 5, 8, 12, 20, 30, 45, 64, 90, 128]
SAID: dict[str, Any] = {"correlation_length": 22.0, "low": 20.0, "high": 24.0, "warnings": []}


def _measured(process: Any, seed: int = 0) -> ms.MICurve:
    return ms.measure(process.sample(256, 2048, seed=seed), LAGS, blocks=8, label="text")


@pytest.fixture(scope="module")
def power() -> ms.MICurve:
    return _measured(ms.processes.PowerLawBinary(amplitude=0.1, exponent=0.4))


@pytest.fixture(scope="module")
def exponential() -> ms.MICurve:
    return _measured(ms.processes.IsingChain(1.9))


@pytest.fixture(scope="module")
def power_fit(power: ms.MICurve) -> ms.DecayFit:
    return ms.fit(power)


@pytest.fixture(scope="module")
def exponential_fit(exponential: ms.MICurve) -> ms.DecayFit:
    return ms.fit(exponential)


def test_laws_of_text_are_told_apart(power_fit: ms.DecayFit, exponential_fit: ms.DecayFit) -> None:
    for fit, verdict in ((power_fit, "supported"), (exponential_fit, "not supported")):
        slower, power_law = language._laws({"characters": fit})
        assert (slower.verdict, power_law.verdict) == (verdict, verdict)
    exponent = language._laws({"characters": power_fit})[1].numbers[0]
    assert exponent.low <= 0.4 <= exponent.high


def test_the_share_of_composition_is_what_it_is_by_construction() -> None:
    """All of it where symbols are independent; none where all documents are alike."""
    mixed = ms.measure(ms.processes.Heterogeneous(delta=0.5).sample(256, 512, seed=0), [1, 8, 64], null="document")
    number = composition_number("share", mixed)
    assert number.low <= 1 <= number.high
    assert number.low > 0.8
    assert language._composition({"characters": mixed}).verdict == "supported"
    chain = ms.measure(ms.processes.IsingChain(1.9).sample(256, 2048, seed=0), [1, 2, 4], null="document")
    assert composition_number("share", chain).high < 0.1
    assert language._composition({"characters": chain}).verdict == "not supported"


def _network(label: str, reach: tuple[float, float, float], curve: ms.MICurve, **more: Any) -> Beside:
    named = dataclasses.replace(curve, label=label)
    run = language._runs(LANGUAGE.settings["smoke"])[0]
    return Beside(run, named, Number("reach", *reach, "symbols"), **{"note": "", "learning": False, **more})


def test_rules_for_networks(
    power: ms.MICurve, exponential: ms.MICurve, power_fit: ms.DecayFit, exponential_fit: ms.DecayFit
) -> None:
    lstm = _network("LSTM", (30, 25, 36), exponential, fit=exponential_fit, said=SAID)
    slow = dataclasses.replace(lstm, fit=power_fit)
    attending = _network("Transformer", (100, 90, math.inf), power)
    assert falls("", [lstm, attending]).verdict == "supported"
    assert falls("", [slow, attending]).verdict == "not supported"
    assert further("", [lstm, attending]).verdict == "supported"
    assert keeps("", [lstm, attending], 128, 0.5).verdict == "supported"
    short = _network("Transformer", (10, 8, 12), power)
    assert further("", [lstm, short]).verdict == "not supported"
    assert keeps("", [lstm, short], 128, 0.5).verdict == "not supported"
    assert keeps("", [lstm, attending], 128, 0.5).differs == ""
    last = int(max(set(power.lags[power.significant()]) & set(exponential.lags[exponential.significant()])))
    at = LAGS.index(last)
    told = keeps("", [lstm, short], 128, 0.5).differs
    assert "up to a distance of 10 symbols (8 to 12), of a context of 128" in told
    assert f"at {last} symbols" in told
    assert f"{power.excess[at] / exponential.excess[at]:.2g} times the information of “LSTM”" in told


def test_networks_that_still_learn_or_cannot_be_held_against_data_decide_nothing(
    power: ms.MICurve, exponential: ms.MICurve, exponential_fit: ms.DecayFit
) -> None:
    lstm = _network("LSTM", (30, 25, 36), exponential, fit=exponential_fit, said=SAID)
    for change in ({"learning": True}, {"note": "too little data"}):
        attending = _network("Transformer", (100, 90, math.inf), power, **change)
        assert keeps("", [lstm, attending], 128, 0.5).verdict == "undecided"
        assert further("", [lstm, attending]).verdict == "undecided"
    assert falls("", [dataclasses.replace(lstm, learning=True)]).verdict == "undecided"


@pytest.mark.parametrize(
    ("valid", "learning"),
    [([0.69, 0.5, 0.4, 0.3, 0.2], True), ([0.69, 0.4, 0.401, 0.4, 0.4], False), ([0.69, 0.4, 0.5, 0.6, 0.6], False)],
)
def test_a_network_that_has_learnt_all_it_can_is_told_from_one_that_has_not(valid: Any, learning: bool) -> None:
    """The last has its best long before the end: more steps only make it worse, and its best weights are kept."""
    history = SimpleNamespace(steps=np.array([100, 200, 300, 400, 500]), valid=np.array(valid))
    assert still_learning(SimpleNamespace(history=history, alphabet_size=2)) == learning  # type: ignore[arg-type]
    history.steps = history.steps // 10
    assert still_learning(SimpleNamespace(history=history, alphabet_size=2))  # type: ignore[arg-type]


def test_a_tail_of_few_lags_is_fitted_from_the_first_on(exponential: ms.MICurve) -> None:
    few = ms.measure(ms.processes.IsingChain(1.0).sample(16, 64, seed=0), [1, 2, 3, 4], blocks=4)
    assert beside._tail(few, 30.0).verdict.kind == "undecided"


def test_what_differs_is_said_only_where_numbers_say_so(exponential: ms.MICurve, exponential_fit: ms.DecayFit) -> None:
    far = _network("LSTM", (90, 80, 99), exponential, fit=exponential_fit, said=SAID)
    assert "up to a distance of 90 symbols (80 to 99)" in falls("", [far]).differs
    near = dataclasses.replace(far, reach=Number("reach", 9, 8, 12, "symbols"))
    assert falls("", [near]).differs == ""


def test_signs_and_sizes() -> None:
    """A fair coin says nothing, a chain much, and a year of days neither."""
    coin = ms.measure(ms.processes.IsingChain(0.0).sample(64, 4096, seed=1), [1, 10, 60])
    chain = _measured(ms.processes.IsingChain(1.9))
    assert prices._signs(coin).verdict == "supported"
    assert prices._months(coin).verdict != "supported"
    assert prices._months(_measured(ms.processes.PowerLawBinary(amplitude=0.1, exponent=0.4))).verdict == "supported"
    first = ms.measure(ms.processes.IsingChain(0.8).sample(64, 512, seed=1), [1, 2])
    assert prices._signs(first).verdict == prices._signs(chain).verdict == "not supported"
    year = ms.measure(ms.processes.IsingChain(0.0).sample(1, 250, seed=1), [1, 2])
    assert prices._signs(year).verdict == "undecided"


def test_the_artefact_and_what_is_no_artefact() -> None:
    """Would catch shares that leave out chance, or a null that hides dependence."""
    process = ms.processes.Heterogeneous(delta=0.5)
    totals, left = shares_of(ms.measure(process.sample(1024, 512, seed=3), [1, 16, 256], null="document"))
    assert all(each.low <= 1 <= each.high for each in totals)
    assert all(each.low <= 0 <= each.high and each.high < 0.1 for each in left)
    chain = ms.measure(ms.processes.IsingChain(1.0).sample(256, 512, seed=3), [1, 16, 256], null="document")
    assert shares_of(chain)[1][0].low > 1


def _found(p: float, high: float, fewest: int = 20) -> dict[str, Any]:
    return {"p": p, "level": 0.025, "distances": [["train", 0.0, 0.0, high]], "fewest": fewest}


def test_rules_for_parts() -> None:
    assert rule_parts(_found(0.001, 0.3)).verdict == "supported"
    assert rule_parts(_found(0.5, 0.3)).verdict == "undecided"
    assert rule_parts(_found(0.5, 0.01)).verdict == "not supported"
    assert rule_shuffled(_found(0.5, 0.3)).verdict == "supported"
    assert rule_shuffled(_found(0.001, 0.3)).verdict == "not supported"


@pytest.mark.parametrize("p", [0.001, 0.5])
def test_parts_of_few_documents_decide_nothing(p: float) -> None:
    """Of those, pieces are exchanged, and p is too small."""
    for rule in (rule_parts, rule_shuffled):
        assert rule(_found(p, 0.01, 3)).verdict == "undecided"
        assert "3 documents" in rule(_found(p, 0.01, 3)).reason
    more = {"p_composition": p, "p_dependence": p, "p_pattern": p, "label": "text"}
    drifting = {"p_symbols": 0.5, "p_trend": 0.5}
    assert unevenness._uneven(_found(p, 0.01, 3) | more, drifting).differs == ""
    assert ("told apart" in unevenness._uneven(_found(p, 0.01) | more, drifting).differs) == (p > 0.025)


def test_parts_are_cut_by_numbers_of_documents() -> None:
    """Would catch parts that one long document leaves empty, or that lose or repeat documents."""
    text = ms.Sequences.from_arrays([np.full(n, k % 3) for k, n in enumerate([4000, *range(1, 30)])])
    for seed in (None, 1):
        parts = cut(text, [0.8, 0.1, 0.1], seed)
        assert [part.n_documents for part in parts] == [24, 3, 3]
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        assert sorted(lengths) == sorted(np.diff(text.offsets))
        assert (seed is None) == (lengths == np.diff(text.offsets)).all()
        assert sum(np.bincount(part.codes, minlength=3) for part in parts).tolist() == np.bincount(text.codes).tolist()


def _uneven_text(folder: Path) -> str:
    """40 documents of one alphabet, but for the last 8, in which other letters are frequent."""
    generator = np.random.default_rng(5)
    first, last = [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]
    rows = ["".join(generator.choice(list("abcd"), 400, p=first if k < 32 else last)) for k in range(40)]
    file = folder / "corpus.jsonl"
    file.write_text("".join(f'{{"text": "{row}"}}\n' for row in rows))
    return str(file)


def test_an_uneven_corpus_is_called_so(tmp_path: Path) -> None:
    text = ms.read(_uneven_text(tmp_path), column="text", unit="character")
    book = tmp_path / "book.txt"
    book.write_text("".join(str(text.decode(k)) for k in range(text.n_documents)))
    steps: list[str] = []
    small = UNEVENNESS.settings["smoke"] | {"corpus_documents": None, "documents": 64}
    lab = Lab(tmp_path / "lab", "unevenness", small, {"corpus": str(book)}, steps.append)
    found = UNEVENNESS.run(lab).findings
    assert [each.verdict for each in found[2:]] == ["supported", "supported"]
    assert found[2].differs == ""
    assert len(steps) == UNEVENNESS.n_steps(small)
    again = UNEVENNESS.run(Lab(tmp_path / "lab", "unevenness", small, {"corpus": str(book)}))
    assert [each.verdict for each in again.findings] == [each.verdict for each in found]


def test_every_piece_of_language_and_prices_is_made_once(
    tmp_path: Path, exponential_fit: ms.DecayFit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (language, prices):  # what takes longest
        monkeypatch.setattr(module, "_fitted", lambda curve: exponential_fit)
    monkeypatch.setattr(beside, "_tail", lambda curve, length: exponential_fit)
    generator = np.random.default_rng(2)
    book = tmp_path / "book.txt"
    book.write_text(" ".join(generator.choice(["so", "it", "is", "what", "was"], 6000)))
    table = tmp_path / "prices.csv"
    values = 100 * np.exp(np.cumsum(generator.normal(0, 0.01, 800)))
    table.write_text("Close\n" + "\n".join(map(str, values)))
    tiny = {"steps": 2, "n_lags": 6, "drawn": 96, "context": 16, "far": 24}
    for experiment, source, more in (
        (LANGUAGE, {"corpus": str(book)}, {"drawn_documents": {"lstm": 8, "transformer": 8}, "word_classes": 4}),
        (PRICES, {"prices": str(table)}, {"documents": 8}),
    ):
        settings = experiment.settings["smoke"] | tiny | more
        experiment.check(source)
        steps: list[str] = []
        outcome = experiment.run(Lab(tmp_path, experiment.name, settings, source, steps.append))
        assert len(steps) == experiment.n_steps(settings)
        files = set(tmp_path.rglob(f"{experiment.name}-*"))
        assert len(files) == len(steps)
        again = experiment.run(Lab(tmp_path, experiment.name, settings, source))
        assert [each.verdict for each in again.findings] == [each.verdict for each in outcome.findings]
        networks = outcome.tables["networks"]
        assert [row["learnt"] for row in networks] == [False, False]
