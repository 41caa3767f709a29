"""`miscope demo`: runs once, and leaves what it names."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from miscope import MICurve
from miscope.cli.demo import _step
from miscope.sequences import builtin

HIDDEN = ("arch", "torch", "jinja2")


def _size(file: Path) -> int:
    return file.stat().st_size


def check_texts(outcome, results):
    """What needs the core alone."""
    for name in ("characters", "words"):
        curve = MICurve.load(results / f"{name}.json")
        assert curve.label == name
        assert f"{name}: {curve.provenance['n_symbols']:,} symbols" in outcome.stdout
        assert curve.significant()[:5].all()
    assert (results / "mutual-information.png").stat().st_size > 10_000
    assert "miscope measure yourfile.txt" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "about two minutes" in outcome.stderr.split("\n")[0]
    for step in ("reading and counting characters", "reading and counting words", "fitting laws to characters and"):
        assert step in outcome.stderr
    assert "compare with --null rotate, or take bounds, --estimator bracket" in outcome.stdout
    assert "null=" not in outcome.stdout


def test_the_core_alone(folder, miscope, monkeypatch):
    """Without the extras, text (here some of it) is measured all the same, and what is left out is named."""
    find_spec, files = importlib.util.find_spec, builtin._library_files
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name in HIDDEN else find_spec(name, *more)
    )
    monkeypatch.setattr(builtin, "_library_files", lambda folder: sorted(files(folder), key=_size)[-6:])
    outcome = miscope("demo", "--folder", "results")
    assert outcome.status == 0
    check_texts(outcome, folder / "results")
    for what, extra in (("prices", "study"), ("networks", "models"), ("the report", "report")):
        assert re.search(rf'left out: {what}, for want of \w+; pip install "miscope\[{extra}\]"', outcome.stderr)
    assert "results/mutual-information.png" in outcome.stderr
    assert len(list((folder / "results").iterdir())) == 5


@pytest.mark.long
@pytest.mark.extras
def test_all_of_it(folder, spawn):
    outcome = spawn("demo", "--folder", "results", "--quick")
    assert outcome.status == 0
    results = folder / "results"
    check_texts(outcome, results)
    assert "results/report.html" in outcome.stderr
    assert "left out" not in outcome.stderr
    assert "S&P 500: 5,030 daily returns" in outcome.stdout
    steps = ["measuring prices", "measuring the power law", "training ElmanRNN 8", "probing ElmanRNN 8"]
    steps += ["training Transformer 32 x 2", "probing Transformer 32 x 2", "making the report"]
    at = [outcome.stderr.index(step) for step in steps]
    assert at == sorted(at)
    assert MICurve.load(results / "power-law.json").label == "PowerLawBinary amplitude 0.1, exponent 0.4"
    page = (results / "report.html").read_text(encoding="utf-8")
    for shown in ("characters", "words", "signs of returns", "sizes of returns", "ElmanRNN 8", "Transformer 32 x 2"):
        assert shown in page
    assert [each["model"] for each in json.loads((results / "networks.json").read_text())["models"]] == [
        "elmanrnn",
        "transformer",
    ]


def test_quiet_says_no_steps(capsys):
    _step("training", quiet=True)
    assert capsys.readouterr() == ("", "")
    _step("training", quiet=False)
    assert capsys.readouterr() == ("", "training …\n")


def test_help_says_how_long_it_takes(miscope):
    assert "about two minutes" in " ".join(miscope("demo", "--help").stdout.split())


def test_a_file_in_place_of_the_folder(refused):
    message = refused("demo", "--folder", "text.txt", words=["text.txt"])
    assert "there is no directory" not in message  # it is there, and is a file


def test_a_folder_in_a_folder_that_is_not_there(refused):
    refused("demo", "--folder", "a/b", words=["a/b", "there is no directory a"])
    assert not Path("a").exists()
