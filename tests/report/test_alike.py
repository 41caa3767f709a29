"""Which curves stand in one chart, and what is said of them."""

import dataclasses

import numpy as np
import pytest

import miscope as ms
from miscope.processes import IsingChain
from miscope.report import report
from miscope.report.alike import grouped, symbols

from .conftest import Reader, embedded

ASKED = {"sign": {"symbols": 3, "asked_for": "sign"}, "size": {"symbols": 4, "asked_for": 4, "of": "absolute values"}}


def of(curve, label, kinds=None, **source):
    """The same values with other provenance."""
    about = {"source": source} | ({} if kinds is None else {"n_symbols_seen": kinds})
    return dataclasses.replace(curve, label=label, provenance=about)


def price(curve, label, how, step=86400.0):
    about = {"quantised": ASKED[how], "returns": {"kind": "log"}, "gaps": {"usual_step": step}}
    return of(curve, label, ASKED[how]["symbols"], times=["1/4/1999", "12/31/2018"], **about)


def model(curve, label, size=2):
    """A curve as probing leaves it."""
    probed = of(curve, label, model={"name": "rnn", "config": {"alphabet_size": size}})
    return dataclasses.replace(probed, estimator="conditional", null_name="none")


def charts(curves, learnt=None):
    return [group.names for group in grouped(curves, [curve.label for curve in curves], learnt)]


@pytest.fixture
def process(other):
    return dataclasses.replace(other, label="process")


def test_prices_and_models_are_kept_apart(other, process):
    """Days are no steps of a process, and returns are none of its symbols."""
    prices = [price(other, "signs", "sign"), price(other, "sizes", "size")]
    models = [model(other, "RNN"), model(other, "Transformer")]
    assert charts([*prices, *models]) == [("signs", "sizes"), ("RNN", "Transformer")]
    assert charts([*prices, *models, process]) == [("signs", "sizes"), ("RNN", "Transformer", "process")]
    [of_prices, of_models] = grouped([*prices, *models, process], ["a", "b", "c", "d", "e"])
    expected = "Mutual information (nats): signs of returns and quantiles of absolute returns, 3 to 4 kinds of symbols"
    assert of_prices.title == f"{expected}, lags in days"
    assert of_models.title == "Mutual information (nats): a process and models, 2 kinds of symbols"
    assert (of_prices.lag, of_models.lag) == ("days", "symbols")


def test_lags_of_other_lengths_are_kept_apart(other):
    assert charts([price(other, "days", "sign"), price(other, "hours", "sign", 3600.0)]) == [("days",), ("hours",)]


def test_characters_and_words_are_kept_apart(other):
    curves = [of(other, unit, 100, unit=unit) for unit in ("character", "word")]
    assert charts(curves) == [("character",), ("word",)]
    assert [group.lag for group in grouped(curves, ["a", "b"])] == ["characters", "words"]


def test_a_model_stands_beside_what_it_was_compared_with(other, process):
    text = of(other, "text", 2, unit="character")
    curves = [process, text, model(other, "RNN")]
    assert charts(curves, {"RNN": "text"}) == [("process",), ("text", "RNN")]
    assert charts(curves, {"RNN": "process"}) == [("process", "RNN"), ("text",)]
    assert charts([text, model(other, "RNN")], {"RNN": "something else"}) == [("text",), ("RNN",)]
    group = grouped([text, model(other, "RNN")], ["text", "RNN"], {"RNN": "text"})[0]
    assert (group.words, group.lag) == ("characters and models, 2 kinds of symbols", "characters")


def test_a_model_stands_beside_data_of_its_alphabet(other):
    text = of(other, "text", 60, unit="character")
    assert charts([text, model(other, "RNN", 60)]) == [("text", "RNN")]
    assert charts([text, model(other, "RNN", 61)]) == [("text",), ("RNN",)]
    words = of(other, "words", 60, unit="word")  # then it may be of either
    assert charts([text, words, model(other, "RNN", 60)]) == [("text",), ("words",), ("RNN",)]


def test_what_symbols_are(other):
    assert symbols(price(other, "", "sign")) == "signs of returns"
    assert symbols(price(other, "", "size")) == "quantiles of absolute returns"
    assert symbols(of(other, "", quantised={"symbols": 4, "asked_for": 4})) == "quantiles of numbers"
    assert symbols(of(other, "", quantised={"symbols": 4, "asked_for": "edges 0, 1, 2"})) == "classes of numbers"
    assert symbols(of(other, "", unit="word")) == "words"
    assert symbols(other) == symbols(model(other, "RNN")) == ""


@pytest.mark.extras
def test_the_page_of_prices_and_models(tmp_path, other, process):
    curves = [price(other, "signs", "sign"), price(other, "sizes", "size"), model(other, "RNN"), process]
    path = report([*curves, of(other, "letters", 60, unit="character")], tmp_path / "page.html")
    figures = embedded(path)["figures"]
    drawn = {
        name: [each["name"] for each in figure["series"] if each["kind"] == "points"]
        for name, figure in figures.items()
        if name.startswith("curves")
    }
    assert drawn == {"curves-1": ["signs", "sizes"], "curves-2": ["RNN", "process"]}
    assert [figures[name]["xLabel"] for name in drawn] == ["lag (days)", "lag (symbols)"]
    fits = [figure["xLabel"] for name, figure in figures.items() if name.startswith("fit")]
    assert fits == ["lag (days)", "lag (days)", "lag (symbols)", "lag (symbols)", "lag (characters)"]
    text = Reader(path.read_text(encoding="utf-8")).text
    assert "What stands alone has its chart under “Laws of decay”: letters." in text
    assert "RNN and process (a process and models, 2 kinds of symbols)" in text


@pytest.mark.extras
def test_networks_stand_beside_the_data_of_a_reach(tmp_path):
    chain = IsingChain(coupling=0.7)
    data = of(ms.measure(chain.sample(64, 1024, seed=1), "1:64"), "letters", 2, unit="character")
    probed = model(ms.measure(chain.sample(64, 1024, seed=2), "1:64"), "a model")
    process = ms.measure(chain.sample(8, 256), "1:64", label="process")
    path = report([data, probed, process, ms.reach(data, probed)], tmp_path / "page.html", fit=False)
    names = [each["name"] for each in embedded(path)["figures"]["curves-1"]["series"] if each["kind"] == "points"]
    assert names == ["letters", "a model"]


@pytest.mark.extras
def test_verdicts_have_no_empty_columns(tmp_path, chain):
    noise = ms.Sequences.from_arrays([np.random.default_rng(k).integers(0, 2, 300) for k in range(16)])
    none = ms.measure(noise, lags=[1, 2, 4, 8, 16], blocks=16, label="noise")

    def heads(results):
        table = embedded(report(results, tmp_path / "page.html"))["tables"]["verdicts"]
        return [column["name"] for column in table["columns"]]

    assert "parameter" in heads([chain, none])
    assert not {"parameter", "lags"} & {*heads(none)}


@pytest.mark.extras
def test_lengths_are_in_the_unit_of_lags(tmp_path, chain):
    text = of(chain, "letters", 2, unit="character")
    page = Reader(report(text, tmp_path / "page.html").read_text(encoding="utf-8")).text
    length = ms.fit(text).correlation_length
    assert f"correlation length {length.value:.3g} characters" in page
