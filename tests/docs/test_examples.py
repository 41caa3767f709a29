"""The examples in README and docs run as they stand."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LONG = ("study.md", "model-and-data.md", "models.md")  # they train, as the shorter ones of README do
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{k}", marks=pytest.mark.long if page.name in LONG else ())
    for page in PAGES
    for k, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_example(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "example", "exec"), {})


def test_there_are_examples():
    assert BLOCKS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_house_is_as_drawn():
    """Every file of the package stands in docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "src" / "miscope").rglob("*.py")):
        if path.name not in ("__init__.py", "__main__.py", "_version.py") and path.parent.name != "cli":
            assert path.name in text, f"{path.name} is missing in docs/architecture.md"
