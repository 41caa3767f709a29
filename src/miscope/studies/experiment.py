"""What an experiment is: a question, how it is put, and the code that puts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miscope.studies.findings import Outcome
from miscope.studies.lab import Lab

if TYPE_CHECKING:
    from miscope.studies.runs import Run

__all__ = ["Experiment", "no_runs", "nothing_to_check"]


def no_runs(settings: Mapping[str, Any]) -> tuple[Run, ...]:
    """Of an experiment without networks."""
    return ()


def nothing_to_check(sources: Mapping[str, Any]) -> None:
    """Of an experiment that needs no data from elsewhere."""


@dataclass(frozen=True)
class Experiment:
    """A question put to data, processes or models.

    Attributes
    ----------
    name
        A word; names files.
    title
        A heading.
    claim
        What Shen (2019) claims of it in the abstract, or what its theory implies, in our words.
    method
        How it is put to the test here, in a paragraph.
    settings
        By scale: how large it is. All that changes a result stands here, and is compared before a study goes on.
    run
        Does the work, piece by piece in the lab, and says what was found.
    n_steps
        How many pieces that takes, for the progress.
    runs
        The networks it trains, for estimates of time.
    check
        Called with the sources before anything begins: raises where data or a package that it needs is missing.
    """

    name: str
    title: str
    claim: str
    method: str
    settings: Mapping[str, Mapping[str, Any]]
    run: Callable[[Lab], Outcome]
    n_steps: Callable[[Mapping[str, Any]], int]
    runs: Callable[[Mapping[str, Any]], tuple[Run, ...]] = no_runs
    check: Callable[[Mapping[str, Any]], None] = nothing_to_check
