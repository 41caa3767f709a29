"""Damaged files of every kind are refused, or read to what an independent reader says; what was found stays so."""

import dataclasses
import sys
from pathlib import Path

import pytest

from .campaign import Campaign, available, warmed
from .every import KINDS
from .kinds import Kept
from .runner import GOOD, Result, run, saved

CASES = sorted(Path(__file__).with_name("cases").iterdir())
MUTANTS, SECONDS = 100, 100
NAMES = {kind.name: kind for kind in KINDS}

pytestmark = [
    pytest.mark.extras,
    pytest.mark.filterwarnings("ignore"),  # what libraries say of damaged files is their affair
    pytest.mark.skipif(sys.platform != "linux", reason="processes are confined as Linux does it"),
]


def kept(path: Path) -> Kept:
    kind, name, files = saved(path, NAMES)
    fields = {field.name: getattr(kind, field.name) for field in dataclasses.fields(kind)}
    return Kept(**fields, cases=((name, files),))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_what_was_found(path):
    kind = kept(path)
    found: list[Result] = []
    run(iter([(kind, [0])]), 0, 1, found.append)
    (result,) = found
    assert result.outcome in GOOD, result.detail


@pytest.mark.long
@pytest.mark.parametrize("kind", available(KINDS), ids=lambda kind: kind.name)
def test_mutants(kind):
    found = Campaign([warmed(kind)], 0).go(MUTANTS, SECONDS, 1)
    assert not found.findings, found.table()
    assert found.counts[kind.name].total() >= MUTANTS
