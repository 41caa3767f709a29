"""Commands that die at an operation on files, or find no room for it: the same command then gives the same bytes.

Other data into the same place give theirs, or are refused. A selection of all operations is tried here, and all of them
with ``MISCOPE_FAULTS=all`` (``make faults``).
"""

import json
import signal
from dataclasses import dataclass

import pytest

from faults.conftest import ALL, points

pytestmark = [pytest.mark.extras, pytest.mark.long, pytest.mark.timeout(3600 if ALL else 150)]

COUNT = ("--lags", "1,2,5", "--blocks", "4")
TRAIN = ("--width", "2", "--steps", "4", "--batch", "4", "--length", "16", "--device", "cpu")
ISING = ("sample", "ising-chain", "--coupling", "1", "--documents", "3", "--length", "50")
STUDY = ("study", "shen2019", "--workers", "1", "--folder", "study", "--quiet", "--corpus")
REFUSALS = ("unfinished count with other", "is of another training", "holds a study with other settings")


@dataclass(frozen=True)
class Case:
    """A command, one that writes other data to the same place, and one that comes before both."""

    same: tuple[str, ...]
    other: tuple[str, ...]
    before: tuple[str, ...] = ()
    at: int = 0  # where the latter dies


CASES = {
    "count": Case(
        ("count", "text.txt", "-o", "counts.arrow", *COUNT), ("count", "other.txt", "-o", "counts.arrow", *COUNT)
    ),
    "count over an older one": Case(
        ("count", "text.txt", "-o", "counts.arrow", *COUNT),
        ("count", "other.txt", "-o", "counts.arrow", *COUNT),
        ("count", "other.txt", "-o", "counts.arrow", *COUNT),
    ),
    "count afresh": Case(
        ("count", "text.txt", "-o", "counts.arrow", *COUNT, "--fresh"),
        ("count", "other.txt", "-o", "counts.arrow", *COUNT, "--fresh"),
        ("count", "other.txt", "-o", "counts.arrow", *COUNT),
        30,
    ),
    "train": Case(
        ("train", "gru", "text.txt", "-o", "m.safetensors", *TRAIN),
        ("train", "gru", "other.txt", "-o", "m.safetensors", *TRAIN),
    ),
    "train with a checkpoint": Case(
        ("train", "gru", "text.txt", "-o", "m.safetensors", "--checkpoint", "c.safetensors", *TRAIN),
        ("train", "gru", "other.txt", "-o", "m.safetensors", "--checkpoint", "c.safetensors", *TRAIN),
    ),
    "sample": Case((*ISING, "-o", "s.arrow"), (*ISING, "-o", "s.arrow", "--seed", "1")),
    "sample numbers": Case((*ISING, "-o", "s.npy"), (*ISING, "-o", "s.npy", "--seed", "1")),
    "sample text": Case((*ISING, "-o", "s.txt"), (*ISING, "-o", "s.txt", "--seed", "1")),
    "measure": Case(
        ("measure", "text.txt", "--lags", "1:5", "-o", "curve.json"),
        ("measure", "other.txt", "--lags", "1:5", "-o", "curve.json"),
    ),
    "study": Case((*STUDY, "text.txt"), (*STUDY, "other.txt")),
    "calibration": Case(
        ("study", "calibration", "--workers", "1", "--folder", "calibration"),
        ("study", "calibration", "--workers", "1", "--folder", "calibration", "--groups", "blocks"),
    ),
}


CHOSEN = tuple(CASES) if ALL else ("count", "count afresh", "train", "sample", "study")
BESIDE_ANOTHER = ("count", "count afresh", "train", "sample", "study") if ALL else ("count", "count afresh", "study")


class Tried:
    """A case with what it gives undisturbed."""

    def __init__(self, warm, case):
        self.warm, self.case = warm, case
        warm.begin()
        warm.warm(*case.same)
        warm.begin()
        if case.before:
            warm(*case.before, fault="kill" if case.at else None, at=case.at)
        self.start = warm.keep("start")
        self.undisturbed, self.wanted = self.run(case.same)
        self.wanted_of_other = self.run(case.other)[1]
        self.begin()

    def begin(self):
        self.warm.begin(self.start)

    def run(self, arguments):
        self.begin()
        outcome = self.warm(*arguments)
        assert outcome.status == 0, outcome.output
        return outcome, self.warm.files()

    def check_both(self, where):
        """What the same command and the other one make of the folder as it is."""
        state = self.warm.keep("state")
        outcome = self.warm(*self.case.same)
        assert outcome.status == 0, f"{where}: {outcome.output}"
        assert self.warm.files() == self.wanted, where
        self.warm.begin(state)
        self.check_other(self.warm(*self.case.other), where)

    def check_other(self, outcome, where):
        if outcome.status == 0:
            assert self.warm.files() == self.wanted_of_other, where
        else:
            assert outcome.status == 2, f"{where}: {outcome.output}"
            assert any(words in outcome.output for words in REFUSALS), f"{where}: {outcome.output}"


@pytest.fixture(params=CHOSEN)
def tried(request, warm):
    return Tried(warm, CASES[request.param])


def test_killed_at_an_operation(tried, record_property):
    n = tried.undisturbed.operations
    record_property("operations", n)
    assert n >= 3
    for at in points(n):
        tried.begin()
        outcome = tried.warm(*tried.case.same, fault="kill", at=at)
        assert outcome.status == -signal.SIGKILL, f"operation {at} of {n}: {outcome.output}"
        tried.check_both(f"killed at operation {at} of {n}")


def test_killed_in_the_midst_of_a_file(tried):
    for n in sizes(tried):
        tried.begin()
        outcome = tried.warm(*tried.case.same, fault="cut", at=n)
        assert outcome.status in (0, -signal.SIGXFSZ, -signal.SIGBUS), f"at {n} bytes: {outcome.output}"
        tried.check_both(f"killed where a file has {n} bytes")


def test_no_room(tried):
    """It is said, once, what cannot be written; nothing else is."""
    n = tried.undisturbed.operations
    faults = [*(("full", at) for at in points(n)), *(("limit", size) for size in sizes(tried))]
    for fault, at in faults:
        tried.begin()
        outcome = tried.warm(*tried.case.same, fault=fault, at=at)
        where = f"{fault} at {at} of {n}: {outcome.output}"
        if outcome.status == 0:  # what was left to do took no room
            assert tried.warm.files() == tried.wanted, where
            continue
        assert outcome.status in (1, 2), where
        assert "Traceback" not in outcome.output, where
        assert outcome.output.count("error: cannot") == 1, where
        tried.check_both(where)


def sizes(tried):
    """Numbers of bytes up to those of the largest file."""
    found = [value if isinstance(value, bytes) else json.dumps(value) for value in tried.wanted.values()]
    largest = max(map(len, found))
    steps = 24 if ALL else 2
    return sorted({largest * k // steps for k in range(steps)} | ({1, 31, 33, 600} if ALL else set()))


@pytest.mark.parametrize("tried", BESIDE_ANOTHER, indirect=True)
@pytest.mark.parametrize("second", ["same", "other"])
def test_two_at_once(tried, second):
    """One stops at an operation, another one runs to its end, the first goes on: each gives its own or is refused."""
    n = tried.undisturbed.operations
    for at in points(n):
        where = f"stopped at operation {at} of {n}"
        tried.begin()
        pid = tried.warm(*tried.case.same, fault="stop", at=at)
        assert isinstance(pid, int), where
        later = tried.warm(*getattr(tried.case, second))
        first = tried.warm.go_on(pid)
        for outcome in (first, later):
            assert outcome.status in (0, 2), f"{where}: {outcome.output}"
            assert "Traceback" not in outcome.output
        assert 0 in (first.status, later.status), where
        assert tried.warm.files() in (tried.wanted, tried.wanted_of_other), where
        if 2 in (first.status, later.status):
            refused = first if first.status == 2 else later
            words = (*REFUSALS, "at work already")
            assert any(each in refused.output for each in words), f"{where}: {refused.output}"
