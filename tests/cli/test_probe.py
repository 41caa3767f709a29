"""`miscope probe`: what the library finds in a model, in print, in files and in figures; and models by name."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import miscope as ms
from miscope.decay.storage import to_json

pytestmark = pytest.mark.extras

SMALL = ("--documents", "32", "--length", "40", "--lags", "1,2,3,5")
PLAIN = {"lags": [1, 2, 3, 5], "n_documents": 32, "length": 40}


def load(name):
    from miscope.models import load

    return load(name)


def column(stdout: str, name: str) -> dict[int, float]:
    """Numbers under a heading, by lag."""
    lines = stdout.replace(" (nats)", "").splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("lag"))
    place = lines[head].split().index(name)
    rows = (line.split() for line in lines[head + 1 : lines.index(next(x for x in lines if x.startswith("±")))])
    return {int(row[0]): float(row[place]) for row in rows}


class TestCurve:
    def test_it_is_what_the_library_says(self, models, miscope):
        outcome = miscope("probe", "chain.safetensors", *SMALL, "-o", "curve.json")
        expected = ms.probe(load("chain.safetensors"), **PLAIN)
        curve = ms.MICurve.load("curve.json")
        np.testing.assert_array_equal(curve.replicates, expected.replicates)
        assert curve.label == "GRU 4"
        assert outcome.stdout.startswith("GRU 4: 1,280 symbols in 32 documents; conditional, 32 blocks\n")
        np.testing.assert_allclose(list(column(outcome.stdout, "MI").values()), expected.mi, rtol=1e-3)
        warnings = [line.removeprefix("warning: ") for line in outcome.stderr.splitlines()[:-1]]
        assert warnings == list(expected.warnings)
        assert outcome.stderr.splitlines()[-1] == "wrote curve.json"

    def test_options_reach_the_library(self, models, miscope):
        """Each of them changes this curve: one that were dropped would show."""
        options = {"seed": 3, "discard": 7, "temperature": 0.5, "top_k": 2, "blocks": 8, "batch": 5}
        given = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        printed = miscope("probe", "text.safetensors", *SMALL, *given, "--label", "mine", "--json").stdout
        found = json.loads(printed)
        expected = ms.probe(load("text.safetensors"), **PLAIN, **options, label="mine")
        assert found["mi"] == expected.mi.tolist()
        assert (found["label"], found["n_blocks"]) == ("mine", 8)

    def test_hard_counts_and_bits(self, models, miscope):
        miscope("probe", "chain.safetensors", *SMALL, "--counts", "hard", "--bits", "-o", "curve.json")
        expected = ms.probe(load("chain.safetensors"), **PLAIN, counts="hard")
        found = ms.MICurve.load("curve.json")
        np.testing.assert_allclose(found.mi, expected.mi / np.log(2))
        assert found.unit == "bits"

    def test_a_context_that_slides(self, models, miscope, refused):
        long = ("--documents", "16", "--length", "40", "--lags", "1,2")
        refused("probe", "narrow.safetensors", *long, words=["at most 16 symbols", "--slide 8"])
        outcome = miscope("probe", "narrow.safetensors", *long, "--slide", "8", "-o", "curve.json")
        assert outcome.status == 0
        expected = ms.probe(load("narrow.safetensors"), [1, 2], 16, 40, slide=8)
        np.testing.assert_array_equal(ms.MICurve.load("curve.json").mi, expected.mi)

    def test_a_linear_model_knows_its_curve(self, models, miscope):
        outcome = miscope("probe", "linear.safetensors", *SMALL, "--json")
        model = load("linear.safetensors").model
        loop = (model.recurrent + model.feedback @ model.readout).detach().double().numpy()
        feedback, readout = (each.detach().double().numpy() for each in (model.feedback, model.readout))
        noise = model.noise.detach().double().numpy()
        spread = sum(
            np.linalg.matrix_power(loop, k) @ feedback @ noise @ feedback.T @ np.linalg.matrix_power(loop, k).T
            for k in range(2000)
        )
        here = readout @ spread @ readout.T + noise
        head = loop @ spread @ readout.T + feedback @ noise
        there = [readout @ np.linalg.matrix_power(loop, lag - 1) @ head for lag in (1, 2, 3, 5)]
        exact = [-0.5 * np.log(1 - float(each[0, 0] / here[0, 0]) ** 2) for each in there]
        np.testing.assert_allclose(json.loads(outcome.stdout)["exact"], exact, rtol=1e-6)
        printed = miscope("probe", "linear.safetensors", *SMALL).stdout
        assert printed.startswith("LinearGaussianRNN 2: 1,280 real numbers in 32 documents")
        np.testing.assert_allclose(list(column(printed, "exact").values()), exact, rtol=1e-3)


class TestClasses:
    def test_the_most_frequent_of_a_file(self, models, miscope, sticky_text):
        from miscope.models import SymbolClasses

        counted = Counter(sticky_text)
        first, second = sorted("abcd", key=lambda symbol: (-counted[symbol], symbol))[:2]
        codes = [{first: 0, second: 1}.get(symbol, 2) for symbol in "abcd"]
        expected = ms.probe(load("text.safetensors"), **PLAIN, classes=SymbolClasses(codes, (first, second, "other")))
        words = ("--classes", "3", "--classes-of", "text.txt")
        found = json.loads(miscope("probe", "text.safetensors", *SMALL, *words, "--json").stdout)
        assert found["mi"] == expected.mi.tolist()
        assert found["provenance"]["source"]["classes"] == [first, second, "other"]

    def test_those_of_a_sample_of_its_own(self, models, miscope):
        words = ("--classes", "2", "--temperature", "0.2", "--json")
        found = json.loads(miscope("probe", "text.safetensors", *SMALL, *words).stdout)
        drawn = ms.sample(load("text.safetensors"), 2000, 40, seed=9, temperature=0.2)
        most = "abcd"[np.bincount(drawn.codes).argmax()]
        assert found["provenance"]["source"]["classes"] == [most, "other"]


class TestMore:
    def test_a_fit(self, models, miscope):
        words = ("--documents", "64", "--length", "100", "--lags", "1,2,3,4,5,6", "--blocks", "8", "--fit")
        printed = miscope("probe", "chain.safetensors", *words).stdout
        found = ms.fit(ms.probe(load("chain.safetensors"), "1,2,3,4,5,6", 64, 100, blocks=8))
        assert printed.endswith(f"\n\n{found}\n")
        both = json.loads(miscope("probe", "chain.safetensors", *words, "--json").stdout)
        assert set(both) == {"curve", "fit", "sha256"}
        assert both["fit"]["verdict"] == json.loads(to_json(found))["verdict"]

    def test_a_spectrum(self, models, miscope, monkeypatch):
        seen = []
        monkeypatch.setattr("miscope.figures.plot", lambda *given, **options: seen.append((given, options)))
        words = ("probe", "chain.safetensors", *SMALL, "--spectrum", "--seed", "2")
        expected = ms.spectrum(load("chain.safetensors"), 32, 40, 2)
        foretold = expected.mutual_information([1, 2, 3, 5])
        printed = miscope(*words, "--plot", "curve.png").stdout
        assert f"correlation length {expected.correlation_length:.4g} symbols" in printed
        np.testing.assert_allclose(list(column(printed, "foretold").values()), foretold, rtol=1e-3)
        (((curve, path), options),) = seen
        assert (len(curve), path, options["scale"]) == (4, Path("curve.png"), "log-log")
        np.testing.assert_array_equal(options["truth"].mutual_information([1, 2, 3, 5]), foretold)
        both = json.loads(miscope(*words, "--json").stdout, parse_constant=pytest.fail)
        assert both["spectrum"]["correlation_length"] == expected.correlation_length
        assert both["curve"]["foretold"] == foretold.tolist()

    def test_a_figure_is_written(self, models, miscope):
        assert miscope("probe", "chain.safetensors", *SMALL, "--spectrum", "--plot", "curve.svg").status == 0
        assert "foretold" in Path("curve.svg").read_text()

    def test_couplings(self, models, miscope):
        """Contexts are in the model's codes, which for these symbols by themselves would be others."""
        text = "dbbddbdbbddbdd" * 400
        Path("few.txt").write_text(text)
        expected = ms.couplings(load("text.safetensors"), ms.Sequences.from_arrays(text, alphabet="abcd"))
        words = ("probe", "text.safetensors", *SMALL, "--couplings", "few.txt")
        found = json.loads(miscope(*words, "--json").stdout)
        assert found["couplings"]["values"] == expected.values.tolist()

    def test_couplings_in_contexts_of_a_process(self, models, miscope):
        expected = ms.couplings(load("chain.safetensors"), ms.processes.IsingChain(1.0))
        printed = miscope("probe", "chain.safetensors", *SMALL, "--couplings", "ising-chain:coupling=1.0").stdout
        assert f"{expected}\n" in printed


class TestNames:
    @pytest.fixture
    def pretrained(self, folder, monkeypatch):
        """A folder as Hugging Face's library writes it, and no network."""
        from miscope.models import from_config

        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        config = {"model_type": "gpt2", "vocab_size": 5, "n_embd": 4, "n_layer": 1, "n_head": 1, "n_positions": 24}
        from_config(config | {"bos_token_id": 0, "eos_token_id": 0}).network.save_pretrained("tiny")
        return folder

    def test_a_folder(self, pretrained, miscope):
        from miscope.models import pretrained as read

        words = ("--documents", "16", "--length", "20", "--lags", "1,2,3")
        outcome = miscope("probe", "tiny", *words, "-o", "curve.json")
        assert outcome.status == 0, outcome
        expected = ms.probe(read("tiny"), [1, 2, 3], 16, 20)
        np.testing.assert_array_equal(ms.MICurve.load("curve.json").mi, expected.mi)

    def test_its_weights_by_themselves(self, pretrained, refused):
        refused("probe", "tiny/model.safetensors", words=["weights of a Hugging Face model", "name its folder, tiny"])

    def test_the_hub_without_a_network(self, pretrained, refused):
        refused("probe", "hub:nobody/nothing", words=["'nobody/nothing'", "offline"])

    FILES = (
        ("missing.safetensors", ["missing.safetensors", "no such file"]),
        ("gpt2/small", ["'gpt2/small' is no model", "hub:gpt2/small"]),
        ("text.txt", ["text.txt is no model", ".safetensors"]),
        ("cut.safetensors", ["cut.safetensors is cut off or damaged"]),
        ("changed.safetensors", ["changed.safetensors is damaged, or was changed"]),
        ("other.safetensors", ["other.safetensors is a safetensors file, but not a model that miscope saved"]),
        ("empty", ["empty", "no config.json"]),
    )
    WORDS = (  # which may be processes, where those are asked for
        ("missing", ["'missing' is no model", "miscope train", "hub:NAME"]),
        ("lstm", ["'lstm' is no model", "miscope train lstm"]),
        ("renewal:tail-index=2", ["is no model", "miscope measure --process renewal:tail-index=2"]),
    )

    @pytest.mark.parametrize(
        ("command", "name", "errors"),
        [
            *(("probe", *case) for case in (*FILES, *WORDS)),
            *(("compare", *case) for case in (*FILES, *WORDS)),
            *(("sample", *case) for case in FILES),
        ],
    )
    def test_what_is_no_model(self, models, refused, command, name, errors):
        import torch
        from safetensors.torch import save_file

        whole = Path("chain.safetensors").read_bytes()
        Path("cut.safetensors").write_bytes(whole[:-20])
        Path("changed.safetensors").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        save_file({"weight": torch.zeros(2)}, "other.safetensors")
        Path("empty").mkdir()
        words = {
            "probe": ("probe", name),
            "sample": ("sample", name, "-o", "a.npy"),
            "compare": ("compare", "ising-chain:coupling=1.0", name),
        }
        refused(*words[command], words=errors)


@pytest.mark.parametrize(
    ("words", "errors"),
    [
        (["--counts", "soft"], ["unknown way to count 'soft'"]),
        (["--scale", "loglog"], ["did you mean 'log-log'?"]),
        (["--lags", "0"], ["lags start at 1"]),
        (["--lags", "1:40", "--length", "40"], ["no document is long enough for lag 40"]),
        (["--length", "0"], ["length must be a whole number of at least 1"]),
        (["--documents", "1"], ["n_documents must be a whole number of at least 2"]),
        (["--temperature", "0"], ["temperature must be a number above 0"]),
        (["--top-k", "5"], ["top_k must be a whole number of at most 4"]),
        (["--classes", "5"], ["n must be a whole number of at most 4"]),
        (["--classes-of", "text.txt"], ["--classes N"]),
        (["--classes", "2", "--classes-of", "other.txt"], ["other.txt", "'x'", "none that GRU 4 knows"]),
        (["--couplings", "other.txt"], ["other.txt", "'x'", "none that GRU 4 knows"]),
        (["--couplings", "missing.txt"], ["missing.txt", "no such file"]),
        (["--fit", "--lags", "1,2,3"], ["--fit takes at least 4 lags, not 3"]),
        (["--fit", "--spectrum", "--plot", "a.png"], ["--plot draws the fit"]),
        (["--device", "gpu"], ["device must be one that torch knows"]),
        (["-o", "curve.txt"], ["curve.txt", ".json, .parquet"]),
        (["--plot", "curve.jpg"], ["curve.jpg", ".png, .svg, .pdf"]),
    ],
)
def test_what_cannot_be_probed(models, refused, words, errors):
    Path("other.txt").write_text("abcx" * 100)
    refused("probe", "text.safetensors", *words, words=errors)


def test_what_is_not_for_every_model(models, refused):
    refused("probe", "narrow.safetensors", "--length", "17", words=["reads at most 16 symbols", "--slide 8"])
    refused("probe", "linear.safetensors", "--top-k", "2", words=["draws real numbers"])
    refused("probe", "linear.safetensors", "--classes", "2", words=["--classes", "real numbers"])
    refused("probe", "linear.safetensors", "--couplings", "text.txt", words=["text.txt", "LinearGaussianRNN 2"])


def test_what_cannot_be_had_does_not_lose_the_curve(models, miscope):
    words = ("probe", "narrow.safetensors", "--documents", "32", "--length", "16", "--lags", "1,2,3,5", "--spectrum")
    outcome = miscope(*words, "-o", "curve.json", "--plot", "curve.png")
    expected = ms.probe(load("narrow.safetensors"), [1, 2, 3, 5], 32, 16)
    np.testing.assert_array_equal(ms.MICurve.load("curve.json").mi, expected.mi)
    assert outcome.status == 0
    assert "\nno spectrum: " in outcome.stdout
    assert Path("curve.png").stat().st_size > 1000
    found = json.loads(miscope(*words, "--json").stdout)
    assert found["curve"]["mi"] == expected.mi.tolist()
    assert found["spectrum"] is None
    assert "no state" in found["missing"]["spectrum"]


def test_without_torch(models, refused, no_torch):
    refused("probe", "chain.safetensors", words=["probing needs 'torch'", 'pip install "miscope[models]"'])
