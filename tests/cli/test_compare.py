"""`miscope compare` with models: the reach of each as the library finds it, whatever data and models are given as."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import miscope as ms
from miscope.processes import IsingChain

pytestmark = pytest.mark.extras

CHAIN = "ising-chain:coupling=1.0"
LAGS = "1,2,3,4"
SMALL = ("--n-documents", "64", "--length", "100", "--lags", LAGS)


def load(name):
    from miscope.models import load

    return load(name)


def probed(name, lags=LAGS, n_documents=64, length=100, **more):
    return ms.probe(load(name), lags, n_documents, length, **more)


@pytest.fixture
def quick(monkeypatch):
    """Without the fits, which take most of the time and are tested once."""
    monkeypatch.setattr("miscope.cli.reaches._fit", lambda curve, quiet: None)


@pytest.fixture
def compared(models, miscope, quick):
    """Call `miscope compare` with --json; returns its results."""

    def call(*words):
        outcome = miscope("compare", *words, "--json")
        assert outcome.status == 0, outcome
        return json.loads(outcome.stdout, parse_constant=pytest.fail)

    return call


def agrees(found, reach) -> bool:
    return {**found, "labels": None} == json.loads(json.dumps({**reach.to_dict(), "labels": None}))


class TestData:
    def test_a_process(self, compared):
        found = compared(CHAIN, "chain.safetensors", *SMALL)
        (model,) = found["models"]
        assert agrees(model["reach"], ms.reach(IsingChain(1.0), probed("chain.safetensors")))
        assert (found["data"]["label"], model["label"]) == (IsingChain(1.0).label, "GRU 4")
        assert found["data"]["law"] == str(IsingChain(1.0).law)
        assert (model["model"], model["horizon"]) == ("chain.safetensors", None)
        assert model["parameters"] == 3 * 4 + 3 * 4 * 4 * 2 + 2 * 3 * 4 + 4 * 2 + 2

    def test_a_curve(self, compared):
        """Its lags are those of the comparison."""
        curve = ms.measure(IsingChain(1.0).sample(100, 200, seed=5), "1,2,3,5", blocks=16)
        curve.save("data.json")
        found = compared("data.json", "chain.safetensors", *SMALL[:4])
        expected = ms.reach(curve, probed("chain.safetensors", "1,2,3,5"))
        assert agrees(found["models"][0]["reach"], expected)

    def test_text_in_the_symbols_of_the_model(self, compared, sticky_text):
        found = compared("text.txt", "text.safetensors", *SMALL)
        seen = ms.measure(ms.Sequences.from_arrays(sticky_text), LAGS)
        assert agrees(found["models"][0]["reach"], ms.reach(seen, probed("text.safetensors")))
        assert found["data"]["label"] == "text.txt"

    def test_text_is_read_as_the_training_read_it(self, folder, miscope, compared):
        Path("words.txt").write_text("So it is so IT was Is it so\nit is as it Was so\n" * 80)
        options = ("--unit", "word", "--fold-case", "--steps", "5", "--batch", "4", "--length", "16")
        assert miscope("train", "gru", "words.txt", *options, "-o", "words.safetensors").status == 0
        found = compared("words.txt", "words.safetensors", *SMALL)
        seen = ms.measure(ms.read_text("words.txt", unit="word", fold_case=True), LAGS)
        assert found["models"][0]["reach"]["curves"]["data"] == seen.excess.tolist()
        lines = compared("words.txt", "words.safetensors", *SMALL, "--documents", "line", "--lags", "1,2,3")
        seen = ms.measure(ms.read_text("words.txt", unit="word", fold_case=True, documents="line"), "1,2,3")
        assert lines["models"][0]["reach"]["curves"]["data"] == seen.excess.tolist()

    def test_numbers_are_cut_into_as_many_symbols_as_the_model_has(self, compared):
        found = compared("fractional-noise:hurst=0.9", "chain.safetensors", *SMALL)
        expected = ms.processes.FractionalNoise(hurst=0.9).quantised(2).mutual_information([1, 2, 3, 4])
        np.testing.assert_allclose(found["models"][0]["reach"]["curves"]["data"], expected)

    def test_numbers_as_they_are(self, compared):
        found = compared("linear-rnn", "linear.safetensors", *SMALL)
        expected = ms.processes.LinearRNN().mutual_information([1, 2, 3, 4])
        np.testing.assert_allclose(found["models"][0]["reach"]["curves"]["data"], expected)


class TestModels:
    def test_several_beside_curves(self, compared):
        """Of two models with one name, the file tells them apart."""
        probed("text.safetensors", "1,2,3", seed=4).save("probed.json")
        Path("again.safetensors").write_bytes(Path("chain.safetensors").read_bytes())
        found = compared(CHAIN, "chain.safetensors", "again.safetensors", "narrow.safetensors", "probed.json", *SMALL)
        labels = [each["label"] for each in found["models"]]
        names = ["GRU 4, chain.safetensors", "GRU 4, again.safetensors", "Transformer 4", "GRU 4, probed.json"]
        assert labels == names
        assert found["models"][0]["reach"]["lag"] == found["models"][1]["reach"]["lag"]
        assert found["models"][3]["parameters"] is None
        assert agrees(found["models"][3]["reach"], ms.reach(IsingChain(1.0), ms.MICurve.load("probed.json")))

    def test_a_model_reads_no_more_than_its_context(self, models, miscope, quick):
        outcome = miscope("compare", CHAIN, "narrow.safetensors", *SMALL[:4], "--lags", "1:30", "-o", "results.json")
        assert outcome.status == 0, outcome
        assert "note: Transformer 4 reads 16 symbols at most: its documents have as many\n" in outcome.stderr
        assert "note: lags from 16 on are left out for Transformer 4: its documents have 16\n" in outcome.stderr
        found = json.loads(Path("results.json").read_text())["models"][0]
        expected = probed("narrow.safetensors", [*range(1, 11), 13], length=16)
        assert agrees(found["reach"], ms.reach(IsingChain(1.0), expected))
        assert found["horizon"] == 15

    def test_options_reach_the_library(self, compared):
        words = ("--factor", "0.9", "--level", "0.5", "--seed", "6", "--documents", "48", *SMALL[2:])
        found = compared(CHAIN, "chain.safetensors", *words)
        curve = probed("chain.safetensors", n_documents=48, seed=6)
        assert agrees(found["models"][0]["reach"], ms.reach(IsingChain(1.0), curve, 0.9, 0.5, 6))
        assert (found["factor"], found["level"]) == (0.9, 0.5)

    def test_usual_lags(self, compared):
        """A quarter of the documents, or a horizon."""
        found = compared(CHAIN, "chain.safetensors", "narrow.safetensors", *SMALL[:4])
        lags = [each["reach"]["curves"]["lag"] for each in found["models"]]
        assert lags == [[*range(1, 11), 13, 16, 20, 25], [*range(1, 11), 13]]


class TestCurves:
    """Two curves: which question is asked of them."""

    @pytest.fixture
    def two(self, folder):
        curves = {"short": IsingChain(1.0), "long": IsingChain(1.5)}
        made = {name: ms.measure(each.sample(48, 256), "1:12", blocks=8) for name, each in curves.items()}
        for name, curve in made.items():
            curve.save(f"{name}.json")
        return made

    def test_reach_is_asked_for(self, two, miscope, quick):
        printed = json.loads(miscope("compare", "long.json", "short.json", "--reach", "--json").stdout)
        assert agrees(printed["models"][0]["reach"], ms.reach(two["long"], two["short"]))

    def test_three_are_data_and_models(self, two, miscope, quick):
        printed = json.loads(miscope("compare", "long.json", "short.json", "short.json", "--json").stdout)
        assert len(printed["models"]) == 2

    def test_a_file_that_is_measured_and_a_curve(self, two, miscope, quick, sticky_text):
        printed = json.loads(miscope("compare", "text.txt", "short.json", "--json").stdout)
        seen = ms.measure(ms.Sequences.from_arrays(sticky_text), two["short"].lags)
        assert agrees(printed["models"][0]["reach"], ms.reach(seen, two["short"]))

    def test_options_of_the_other_question_are_refused(self, two, refused):
        refused("compare", "long.json", "short.json", "--factor", "0.9", words=["--factor", "--reach"])
        refused("compare", "long.json", "short.json", "--unit", "word", words=["--unit", "--reach"])
        refused("compare", "long.json", "short.json", "--reach", "--paired", words=["--paired", "two curves or fits"])


class TestOutput:
    def test_the_table(self, models, miscope):
        words = ("--n-documents", "128", "--length", "200", "--lags", "1:30")
        outcome = miscope("compare", CHAIN, "chain.safetensors", *words, "-o", "results.json", "--plot", "reach.png")
        assert outcome.status == 0, outcome
        head, data, model, last = outcome.stdout.splitlines()
        found = ms.reach(IsingChain(1.0), probed("chain.safetensors", "1:30", 128, 200))
        fit = ms.fit(probed("chain.safetensors", "1:30", 128, 200))
        assert re.split("  +", head.strip()) == ["parameters", "reach", "95 %", "law"]
        assert re.split("  +", data) == [IsingChain(1.0).label, str(IsingChain(1.0).law)]
        bound = f"{found.bound} " if found.bound else ""
        cells = re.split("  +", model)
        assert cells[:2] == ["GRU 4", "142"]
        assert cells[2] == f"{bound}{found.lag:.3g}"
        assert cells[3] == found.interval
        assert cells[4].startswith(fit.verdict.kind)
        label = IsingChain(1.0).label
        assert last == f"reach: the largest lag up to which a model keeps 1/2 of the mutual information of {label}"
        assert outcome.stderr.splitlines()[-2:] == ["wrote results.json", "wrote reach.png"]
        assert Path("reach.png").read_bytes().startswith(b"\x89PNG")
        written = json.loads(Path("results.json").read_text())
        assert written["models"][0]["verdict"]["kind"] == fit.verdict.kind

    def test_quiet(self, models, miscope, quick):
        assert miscope("compare", CHAIN, "narrow.safetensors", *SMALL, "--quiet").stderr == ""

    def test_standard_input_may_be_the_data(self, models, miscope, quick):
        content = miscope("measure", "text.txt", "--lags", LAGS, "--json").stdout.encode()
        outcome = miscope("compare", "-", "text.safetensors", *SMALL[:4], stdin=content)
        assert outcome.status == 0, outcome
        assert "text.txt" in outcome.stdout


@pytest.mark.parametrize(
    ("words", "errors"),
    [
        (["chain.safetensors", "chain.safetensors"], ["the data come first", "miscope probe chain.safetensors"]),
        (["missing.txt", "chain.safetensors"], ["missing.txt", "no such file"]),
        (["text.txt", "other.txt"], ["other.txt is no model", "two corpora", "miscope uniformity text.txt other.txt"]),
        ([CHAIN, "missing.txt"], ["'missing.txt' is no model: there is no such file"]),
        ([CHAIN, "missing.json"], ["cannot read 'missing.json'"]),
        ([CHAIN, "fit.json"], ["fit.json is no curve"]),
        ([CHAIN, "table.csv"], ["table.csv is no curve"]),
        (["other.txt", "text.safetensors"], ["other.txt", "'x'", "none that GRU 4 knows"]),
        (["text.txt", "chain.safetensors"], ["text.txt", "codes of 0 to 3", "GRU 4 knows 2"]),
        ([CHAIN, "linear.safetensors"], ["has symbols", "LinearGaussianRNN 2 draws real numbers"]),
        ([CHAIN, "chain.safetensors", "--unit", "word"], ["--unit cannot be used with ising-chain"]),
        (["text.txt", "text.safetensors", "--quantiles", "3"], ["--quantiles is for real numbers"]),
        (["linear-rnn", "linear.safetensors", "--quantiles", "3"], ["numbers as they are"]),
        (["linear-rnn", "linear.safetensors", "chain.safetensors"], ["one by one"]),
        ([CHAIN, "chain.safetensors", "--factor", "0"], ["--factor is a share above 0"]),
        ([CHAIN, "chain.safetensors", "--level", "95"], ["--level lies between 0 and 1"]),
        ([CHAIN, "chain.safetensors", "--lags", "1,2"], ["2 lags in common", "three are needed"]),
        ([CHAIN, "narrow.safetensors", "--lags", "100,200,300"], ["no lag is left for narrow.safetensors"]),
        ([CHAIN, "chain.safetensors", "--length", "0"], ["length must be a whole number of at least 1"]),
        ([CHAIN, "chain.safetensors", "--documents", "3", "--n-documents", "4"], ["both say how many"]),
        ([CHAIN, "chain.safetensors", "--documents", "lines"], ["--documents cannot be used with ising-chain"]),
        ([CHAIN, "chain.safetensors", "-o", "results.csv"], ["results.csv", ".json"]),
        ([CHAIN, "chain.safetensors", "--plot", "reach.jpg"], ["reach.jpg", ".png, .svg, .pdf"]),
        (["-", "-", "chain.safetensors"], ["once only"]),
    ],
)
def test_what_cannot_be_compared(models, refused, words, errors):
    Path("other.txt").write_text("abcx" * 100)
    Path("table.csv").write_text("lag,mi\n1,0.5\n2,0.4\n3,0.3\n4,0.2\n")
    ms.fit(([1, 2, 3, 4], [0.5, 0.4, 0.3, 0.2])).save("fit.json")
    refused("compare", *words, "--quiet", words=errors)


def test_without_torch(models, refused, no_torch):
    refused("compare", CHAIN, "chain.safetensors", words=["needs 'torch'", 'pip install "miscope[models]"'])
