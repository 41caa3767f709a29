"""`miscope study`: findings, tables, figures and pages, in a folder that a later run goes on from."""

import json

import pytest

from miscope.studies.lab import write_json

GROUP = ("study", "calibration", "--workers", "1", "--folder", "out")


def test_one_question(miscope, folder):
    outcome = miscope(*GROUP, "--groups", "blocks")
    assert outcome.status == 0
    assert outcome.stdout.startswith("blocks")
    assert "40 curve points; above the floor" in outcome.stdout
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["calibration.csv", "calibration.md", "smoke"]
    assert outcome.stderr.splitlines() == ["wrote out/calibration.csv", "wrote out/calibration.md"]
    assert "| Markov chain, 5 symbols | 128 |" in (folder / "out" / "calibration.md").read_text()


def test_figures_and_a_page(miscope, folder):
    page = folder / "page.md"
    page.write_text("<!-- table: documents -->\n<!-- end of table -->\n")
    outcome = miscope(*GROUP, "--groups", "documents", "--page", "page.md", "--quiet")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert (folder / "out" / "calibration-documents.png").stat().st_size > 10_000
    assert page.read_text().count("\n") == 2 + 14


def test_bad_input(refused, folder):
    (folder / "file").write_text("x")
    refused("study", "calibration", "--folder", "file", words=["it is a file"])
    refused("study", "calibration", "--page", "no.md", words=["there is no page no.md"])
    refused(*GROUP, "--scale", "ful", words=["unknown scale 'ful'", "'full'"])
    refused(*GROUP, "--groups", "sinlge", words=["unknown group", "'single'"])
    refused(*GROUP, "--workers", "0", words=["workers must be at least 1"])


@pytest.mark.extras
class TestShen2019:
    @pytest.mark.long  # the calibration, above, and the example of `shen2019` are shorter
    def test_one_question(self, miscope, folder):
        outcome = miscope("study", "shen2019", "--only", "regular", "--folder", "out", "--workers", "1")
        assert outcome.status == 0
        lines = outcome.stdout.splitlines()
        assert lines[0] == "n-grams, hidden Markov models and regular grammars"
        assert lines[1].startswith("  supported      Mutual information of n-gram models")
        assert outcome.stderr.splitlines()[:2] == ["wrote out/report.html", "wrote out/findings.json"]
        assert "--scale laptop decides more" in outcome.stderr
        body = json.loads((folder / "out/findings.json").read_text())
        again = miscope("study", "shen2019", "--only", "regular", "--folder", "out", "--workers", "1", "--json", "-q")
        assert (again.status, again.stderr) == (0, "")
        assert json.loads(again.stdout)["experiments"][0]["findings"] == body["experiments"][0]["findings"]

    def test_what_it_would_take(self, miscope, folder):
        outcome = miscope("study", "shen2019", "--only", "regular,linear", "--scale", "smoke", "--estimate")
        assert outcome.status == 0
        assert "from a few steps of each network" in outcome.stdout
        assert "linear" in outcome.stdout
        assert not (folder / "miscope-shen2019").exists()

    def test_bad_input(self, refused, folder):
        (folder / "file").write_text("x")
        group = ("study", "shen2019", "--folder")
        refused(*group, "file", "--only", "regular", words=["it is a file; name a folder"])
        refused(*group, "out", "--scale", "labtop", words=["unknown scale 'labtop'", "'laptop'"])
        refused(*group, "out", "--only", "atention", words=["unknown experiment 'atention'", "'attention'"])
        refused(*group, "out", "--workers", "0", words=["workers must be at least 1"])
        refused(*group, "out", "--prices-column", "Close", words=["without a file"])
        refused(*group, "out", "--only", "language", "--corpus", "no.txt", words=["no.txt"])
        refused(*group, "out", "--only", "prices", "--prices", "no.csv", words=["no.csv"])
        assert not (folder / "out").exists()

    def test_other_settings(self, miscope, refused, folder):
        (folder / "out").mkdir()
        write_json(folder / "out/settings.json", {"study": "shen2019", "scale": "laptop"})
        words = ["other settings", "scale: 'laptop' there, 'smoke' now", "name another folder"]
        refused("study", "shen2019", "--folder", "out", "--only", "regular", words=words)
