"""miscope uniformity: parts that are alike and parts that are not; the map of drift."""

import json
import random

import pytest

LAGS = ("--lags", "1,2,4", "--permutations", "199")


@pytest.fixture
def parts(folder):
    """Three files of lines; the third has more of one letter."""
    draw = random.Random(3)
    for name, letters in (("train", "abcd"), ("valid", "abcd"), ("test", "aabcd")):
        lines = ["".join(draw.choice(letters) for _ in range(200)) for _ in range(40)]
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return ("train.txt", "valid.txt", "test.txt")


def test_parts_that_differ(miscope, parts, folder):
    outcome = miscope("uniformity", *parts, "--documents", "line", *LAGS, "-o", "u.json", "--plot", "u.png")
    assert outcome.status == 0
    assert outcome.stdout.startswith("not alike: ")
    assert "test" in outcome.stdout
    assert json.loads((folder / "u.json").read_text())["p_composition"] <= 0.05
    assert (folder / "u.png").stat().st_size > 1000


def test_parts_that_are_alike(miscope, parts):
    outcome = miscope("uniformity", *parts[:2], "--documents", "line", *LAGS, "--json")
    assert outcome.status == 0
    assert json.loads(outcome.stdout)["p_value"] > 0.05


def test_drift(miscope, folder):
    outcome = miscope("uniformity", "text.txt", "--drift", *LAGS, "--plot", "map.png")
    assert outcome.status == 0
    assert (folder / "map.png").stat().st_size > 1000


def test_what_is_python_is_spelt_as_options(miscope, folder):
    draw = random.Random(5)
    letters = ["".join(draw.choice("ab" + "a" * (k // 20)) for _ in range(100)) for k in range(80)]
    (folder / "moving.txt").write_text("\n".join(letters) + "\n")
    options = ("--documents", "line", "--segments", "2", "--lags", "1:30", "--permutations", "199")
    outcome = miscope("uniformity", "moving.txt", *options)
    assert outcome.status == 0
    assert "lags are shown; --json has all" in outcome.stdout
    assert "see --drift" in outcome.stdout
    assert "()" not in outcome.stdout


def test_bad_input(refused, parts):
    refused("uniformity", *parts, "--drift", words=["--drift", "one file"])
    refused("uniformity", "no.txt", words=["no.txt"])
    refused("uniformity", *parts, "--plot", "u.gif", words=[".png"])
