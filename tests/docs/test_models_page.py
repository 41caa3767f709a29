"""docs/models.md and its example: the table of models is that of the package, the example runs from end to end."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from miscope.models.naming import MODELS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_package():
    rows = re.findall(r"^\| `(\w+)` \| `([a-z-]+)` \|", PAGE, flags=re.MULTILINE)
    assert rows == [(kind.__name__, name) for name, kind in MODELS.items()]


@pytest.mark.long  # the demo does the like, and docs' other examples are shorter
def test_the_example_runs(tmp_path, monkeypatch):
    """The smallest size: all steps, though nothing can be seen with so little training."""
    script = str(ROOT / "docs" / "examples" / "memory.py")
    monkeypatch.setattr(sys, "argv", [script, "--small", "--folder", str(tmp_path)])
    runpy.run_path(script, run_name="__main__")
    assert {path.name for path in tmp_path.iterdir()} == {"memory.png", "spectrum.png", "memory.md"}
    text = (tmp_path / "memory.md").read_text()
    assert text.count("| LSTM 4 |") == 2
    heads = [line for line in text.splitlines() if line.startswith(("| network", "| variance"))]
    assert [head.split("|")[1].strip() in PAGE for head in heads] == [True, True]
