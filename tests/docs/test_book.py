"""The book: every page is in its contents, every public name in its reference."""

import re
from pathlib import Path

import miscope as ms
from miscope import decay, models, probing, processes

DOCS = Path(__file__).parents[2] / "docs"


def test_every_page_is_in_the_contents():
    """`make docs` says so too, but only where it is run."""
    contents = set((DOCS / "index.md").read_text(encoding="utf-8").split())
    for page in DOCS.rglob("*.md"):
        name = page.relative_to(DOCS).with_suffix("").as_posix()
        if not name.startswith(("_build", "jupyter_execute", "reference/generated")) and name != "index":
            assert name in contents, name


def test_every_public_name_is_in_the_reference():
    page = (DOCS / "reference" / "index.md").read_text(encoding="utf-8")
    listed = {line.strip().rpartition(".")[2] for line in page.splitlines() if line.startswith("   ")}
    rooms = {"models", "probing", "processes"}
    constants = {"__version__", "KINDS", "LAWS", "PROCESSES"}
    for room in (ms, processes, models, probing, decay):
        assert set(room.__all__) - rooms - constants <= listed, room.__name__


def test_pages_that_are_run_say_so():
    """A cell in a page without the heading of a notebook would be shown and never run."""
    for page in DOCS.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert bool(re.search(r"^```\{code-cell\}", text, re.MULTILINE)) == text.startswith(
            "---\nfile_format: mystnb"
        ), page
