"""`miscope demo`: runs once, and leaves what it names."""

import re
from pathlib import Path

from miscope import MICurve


def test_the_demo(folder, spawn):
    outcome = spawn("demo", "--folder", "results")
    assert outcome.status == 0
    named = re.findall(r"results/[\w.-]+", outcome.stderr)
    assert sorted(named) == ["results/characters.json", "results/mutual-information.png", "results/words.json"]
    assert sorted(str(path.relative_to(folder)) for path in (folder / "results").iterdir()) == sorted(named)
    for name in ("characters", "words"):
        curve = MICurve.load(folder / "results" / f"{name}.json")
        assert curve.label == name
        assert f"{name}: {curve.provenance['n_symbols']:,} symbols" in outcome.stdout
        assert curve.significant()[:5].all()
    assert (folder / "results/mutual-information.png").stat().st_size > 10_000
    assert "miscope measure yourfile.txt" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_file_in_place_of_the_folder(refused):
    message = refused("demo", "--folder", "text.txt", words=["text.txt"])
    assert "there is no directory" not in message  # it is there, and is a file


def test_a_folder_in_a_folder_that_is_not_there(refused):
    refused("demo", "--folder", "a/b", words=["a/b", "there is no directory a"])
    assert not Path("a").exists()
