"""`miscope study calibration`: tables, figures and a page, in a folder that a later run goes on from."""

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
