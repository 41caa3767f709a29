"""The study as a whole: a folder that a later call goes on with, findings, tables, figures and a page."""

import csv
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyarrow import parquet

import miscope as ms
from miscope.figures.series import Plot, Series
from miscope.report import report
from miscope.studies.experiment import Experiment
from miscope.studies.findings import Number, Outcome, Ruling, decided
from miscope.studies.runs import Run, seconds_needed
from miscope.studies.shen2019 import EXPERIMENTS, SCALES, shen2019
from miscope.studies.shen2019 import study as module

pytestmark = pytest.mark.extras
EVIL = "</script><img src=x onerror=\"document.title='owned'\">"
ENTITIES = EVIL.replace("<", "&lt;").replace(">", "&gt;")


def small(name, made):
    """An experiment of two pieces, which counts how often the first is made."""

    def run(lab):
        def make():
            made.append(name)
            return {"value": lab.settings["size"] / 2}

        value = lab.record("value", make)["value"]
        chain = ms.processes.IsingChain(1.0)
        curve = lab.curve("chain", lambda: ms.measure(chain.sample(32, 256, seed=0), "1:8", label=EVIL))
        finding = decided(
            f"claim of {name}",
            "a rule",
            [Ruling(EVIL, "supported", "because")],
            [Number("half", value, 0.1, 9.0, "symbols")],
            differs="it differs" if name == "linear" else "",
        )
        plot = Plot("chain", "a chain", "read it", "lag", "nats", (Series.of_curve(curve),))
        return Outcome((finding,), {"values": [{"what": EVIL, "value": value, "missing": None}]}, (plot,))

    settings = {scale: {"size": k} for k, scale in enumerate(SCALES, start=3)}
    return Experiment(name, f"title of {name}", "the claim", "the method", settings, run, lambda settings: 2)


@pytest.fixture
def made(monkeypatch):
    """Names of experiments as their pieces are made; experiments are small."""
    names = []
    monkeypatch.setattr(module, "experiment", lambda name: small(name, names))
    return names


def test_it_leaves_everything_and_goes_on(made, tmp_path):
    seen = []
    found = shen2019("smoke", tmp_path, only=["linear", "regular"], workers=1, progress=lambda *each: seen.append(each))
    assert [each["claim"] for each in found.findings] == ["claim of regular", "claim of linear"]
    assert str(found).splitlines()[1] == "  supported      claim of regular"
    assert seen == [
        (0, 4, "regular-value"),
        (1, 4, "regular-chain"),
        (2, 4, "linear-value"),
        (3, 4, "linear-chain"),
        (4, 4, ""),
    ]
    assert made == ["regular", "linear"]
    body = json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"))
    assert (body["format"], body["version"], body["scale"]) == ("miscope.study", 1, "smoke")
    assert body["experiments"][1]["findings"][0]["numbers"][0]["value"] == 1.5
    assert {str(path.relative_to(tmp_path)) for path in found.written} == {
        "report.html",
        "findings.json",
        *(f"tables/{name}-values.{kind}" for name in ("regular", "linear") for kind in ("csv", "parquet")),
        *(f"figures/{name}-chain.png" for name in ("regular", "linear")),
    }
    assert all(path.stat().st_size for path in found.written)
    rows = list(csv.DictReader((tmp_path / "tables/linear-values.csv").read_text(encoding="utf-8").splitlines()))
    assert rows == [{"what": EVIL, "value": "1.5", "missing": ""}]
    assert parquet.read_table(tmp_path / "tables/linear-values.parquet")["value"].to_pylist() == [1.5]
    again = shen2019("smoke", tmp_path, workers=1)  # the others too
    assert sorted(made) == sorted(EXPERIMENTS)  # each once
    assert len(again.findings) == len(EXPERIMENTS)


def test_the_page(made, tmp_path):
    shen2019("smoke", tmp_path, only=["linear"], workers=1)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    for shown in ("title of linear", "claim of linear", "a rule", "the method", "it differs", "a chain"):
        assert shown in text
    assert EVIL not in text
    assert ENTITIES.split("=")[0] in text
    alone = report(tmp_path / "findings.json", tmp_path / "other.html")
    assert "claim of linear" in alone.read_text(encoding="utf-8")


def test_other_settings_are_refused(made, tmp_path):
    shen2019("smoke", tmp_path, only=["regular"], workers=1)
    before = (tmp_path / "findings.json").read_bytes()
    with pytest.raises(ms.InputError, match=r"other settings .*scale: 'smoke' there, 'laptop' now"):
        shen2019("laptop", tmp_path, only=["regular"], workers=1)
    book = tmp_path / "book.txt"
    book.write_text("a book")
    with pytest.raises(ms.InputError, match=r"sources.corpus: 'nothing' there"):
        shen2019("smoke", tmp_path, corpus=str(book), workers=1)
    assert (tmp_path / "findings.json").read_bytes() == before
    assert made == ["regular"]


def test_a_changed_corpus_is_refused(made, tmp_path):
    book = tmp_path / "book.txt"
    book.write_text("a book")
    shen2019("smoke", tmp_path / "study", only=["regular"], corpus=str(book), workers=1)
    book.write_text("another book")
    with pytest.raises(ms.InputError, match="corpus_sha256"):
        shen2019("smoke", tmp_path / "study", only=["regular"], corpus=str(book), workers=1)


def test_findings_of_another_version_are_refused(made, tmp_path):
    shen2019("smoke", tmp_path, only=["regular"], workers=1)
    path = tmp_path / "findings.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"version": 1', '"version": 99'), encoding="utf-8")
    with pytest.raises(
        ms.FormatError, match=r"in version 99 of its form, and this one .* reads version 1: make it again"
    ):
        report(path, tmp_path / "page.html")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": "smok"}, "unknown scale 'smok'; did you mean 'smoke'"),
        ({"only": ["recurent"]}, "unknown experiment 'recurent'; did you mean 'recurrent'"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"prices_column": "Close"}, "a column of prices was named without a file"),
    ],
)
def test_bad_input(arguments, message, tmp_path):
    with pytest.raises(ms.InputError, match=message):
        shen2019(**{"folder": tmp_path / "study", **arguments})
    assert not (tmp_path / "study").exists()


def test_every_experiment_is_complete():
    for name in EXPERIMENTS:
        found = module.experiment(name)
        assert found.name == name
        assert set(found.settings) == set(SCALES)
        assert all(found.n_steps(found.settings[scale]) > 0 for scale in SCALES)
        for scale in SCALES:
            runs = found.runs(found.settings[scale])
            assert len({run.name for run in runs}) == len(runs)
            json.dumps(found.settings[scale])


def test_two_workers_say_what_one_does(made, tmp_path, monkeypatch):
    """Small experiments, in threads."""
    monkeypatch.setattr(module, "ProcessPoolExecutor", lambda n, mp_context: ThreadPoolExecutor(n))
    seen, only = [], ["regular", "linear"]
    one = shen2019("smoke", tmp_path / "one", only=only, workers=1)
    both = shen2019("smoke", tmp_path / "two", only=only, workers=2, progress=lambda *each: seen.append(each))
    assert both.findings == one.findings
    assert [each[:2] for each in seen] == [(done, 4) for done in range(5)]
    assert {each[2] for each in seen} == {"regular-value", "regular-chain", "linear-value", "linear-chain", ""}


@pytest.mark.long
def test_two_processes_say_what_one_does(tmp_path):
    """Would show where an experiment depends on the process it runs in, or progress loses pieces."""
    seen = []
    one = shen2019("smoke", tmp_path / "one", only=["regular"], workers=1)
    both = shen2019(
        "smoke",
        tmp_path / "two",
        only=["regular", "unevenness"],
        workers=2,
        progress=lambda *each: seen.append(each[2]),
    )
    assert [each for each in both.findings if each["experiment"] == "regular"] == one.findings
    assert {"regular-n-grams"} <= set(seen)


def test_time_is_foretold_from_a_few_steps():
    run = Run("small", "rnn", (("width", 4),), 40, 8, 64, 64, 128)
    training, drawing = seconds_needed(run)
    assert 0 < training < 60
    assert 0 < drawing < 60
    longer = seconds_needed(Run("small", "rnn", (("width", 4),), 4000, 8, 64, 64, 128))[0]
    assert longer > 5 * training
