"""`miscope report`: results by name become a page."""

import html
import json
import re
import shlex

import numpy as np
import pytest

from calling import call as call_here
from miscope.curve import MICurve

pytestmark = pytest.mark.extras

LAGS = "1,2,3,4,6,8"


@pytest.fixture
def call(folder):
    """Call `miscope report`, or `miscope measure`, in this process."""

    def invoke(*arguments: str):
        result = call_here(*arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def curve(call, folder):
    assert call("measure", "text.txt", "--lags", LAGS, "-o", "curve.json", "-q").exit_code == 0
    return folder / "curve.json"


def test_a_page_of_files(call, folder, curve):
    done = call("report", "curve.json", "-o", "page.html", "--title", "Sticky <text>")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "wrote page.html\n"
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "<h1>Sticky &lt;text&gt;</h1>" in page
    assert "Laws were fitted while this page was made" in page


def test_a_page_of_a_folder_quietly(call, folder, curve):
    (folder / "results").mkdir()
    curve.rename(folder / "results" / "curve.json")
    done = call("report", "results", "-o", "page.html", "--no-fit", "-q")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "Laws were fitted" not in page
    assert "miscope report results -o report.html" in page


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--unit", "byte", "--null", "none"],
        ["--bits", "--blocks", "16"],
        ["--separator", "aaaa", "--fold-case"],
        ["--separator-regex", "a{6,}", "--lags", "2:20:+2"],
    ],
    ids=str,
)
def test_the_command_on_the_page_makes_the_curve_again(call, folder, options):
    call("measure", "text.txt", "--lags", LAGS, *options, "-o", "curve.json", "-q")
    call("report", "curve.json", "-o", "page.html", "--no-fit", "-q")
    page = (folder / "page.html").read_text(encoding="utf-8")
    [command] = re.findall(r"<li>(miscope measure [^<]*)</li>", page)
    words = shlex.split(html.unescape(command))
    assert call(*words[1:-2], "-o", "again.json", "-q").exit_code == 0
    one, two = (MICurve.load(folder / name) for name in ("curve.json", "again.json"))
    for name in ("lags", "mi", "stderr", "null"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_the_command_of_a_process_makes_the_curve_again(call, folder):
    how = ["--process", "ising-chain:coupling=1.2", "--n-documents", "8", "--length", "256", "--seed", "3"]
    call("measure", *how, "--lags", "1,2,4", "-o", "curve.json", "-q")
    call("report", "curve.json", "-o", "page.html", "--no-fit", "-q")
    [command] = re.findall(r"<li>(miscope measure [^<]*)</li>", (folder / "page.html").read_text(encoding="utf-8"))
    assert call(*shlex.split(command)[1:-2], "-o", "again.json", "-q").exit_code == 0
    one, two = (MICurve.load(folder / name) for name in ("curve.json", "again.json"))
    np.testing.assert_array_equal(one.mi, two.mi)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.json"], "cannot read 'missing.json': there is no such file or folder"),
        (["missing"], "cannot read 'missing': there is no such file or folder"),
        (["text.txt"], "text.txt is not JSON, or is cut off (at line 1, column 1)"),
        (["empty"], "there is no result in the folder 'empty'"),
        (["old.json"], "measure again, or use the miscope that wrote it"),
        (["curve.json", "-o", "page.pdf"], "should end in one of .html, .htm"),
        (["curve.json", "-o", "no/page.html"], "there is no directory no"),
        (["curve.json", "-o", "curve.html/"], "is a directory"),
    ],
    ids=str,
)
def test_what_is_refused(call, folder, curve, arguments, words):
    (folder / "empty").mkdir()
    (folder / "curve.html").mkdir()
    (folder / "old.json").write_text(json.dumps({"format": "miscope.curve", "version": 0}))
    before = sorted(folder.rglob("*"))
    done = call("report", *arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("miscope: error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
    assert sorted(folder.rglob("*")) == before
