"""How far a command is, where there is no terminal: lines now and then, from a clock that tests turn."""

import itertools
import re
import sys
import time

import pytest

from miscope.cli import progress
from miscope.cli.progress import Lines

EVERY = re.compile(r"progress: .+")


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def written():
    return []


@pytest.fixture
def lines(clock, written, monkeypatch):
    monkeypatch.setattr(progress, "FIRST", 5.0)
    return Lines("measure", written.append, clock)


def pass_seconds(lines, clock, seconds):
    """Let time pass, tenth by tenth, as the thread would look at it."""
    for _ in range(round(10 * seconds)):
        clock.now += 0.1
        lines.tick()


class TestLines:
    def test_a_quick_command_says_nothing(self, lines, clock, written):
        work = lines.begin("counting", "pairs")
        for done in range(49):
            work(done, 49)
            pass_seconds(lines, clock, 0.1)
        lines.end(work)
        lines.close()
        assert written == []

    def test_what_how_far_how_long_still(self, lines, clock, written):
        work = lines.begin("counting", "pairs")
        clock.now += 5
        work(1_000_000, 4_000_000)
        lines.tick()
        assert written == ["progress: counting 25 % (1.0 M of 4.0 M pairs), 5 s so far, about 15 s left"]

    def test_work_that_was_done_before_does_not_count_as_speed(self, lines, clock, written):
        work = lines.begin("counting", "pairs")
        work(900, 1000)
        clock.now += 10
        work(910, 1000)
        lines.tick()
        assert "about 90 s left" in written[0].replace("1.5 min", "90 s")

    def test_a_step_that_takes_long_is_said_to_go_on(self, lines, clock, written):
        work = lines.begin("comparing", "steps")
        clock.now += 4
        work(1, 2)
        clock.now += 3
        lines.tick()
        assert written == ["progress: comparing 50 % (1 of 2 steps), 7 s so far, about 1 s left"]
        pass_seconds(lines, clock, 60)
        assert "left" not in written[-1]  # it took longer than anything could say

    @pytest.mark.parametrize(
        ("told", "line"),
        [
            ((), "progress: reading, 6 s so far"),
            ((2_000_000, 0), "progress: reading 2.0 MB, 6 s so far"),
            ((5, 5), "progress: reading 100 % (5 of 5 B), 6 s so far"),
            ((1, 2, "loss 0.5"), "progress: reading 50 % (1 of 2 B), 6 s so far, about 6 s left, loss 0.5"),
        ],
    )
    def test_what_is_not_known_is_left_out(self, lines, clock, written, told, line):
        work = lines.begin("reading", "B")
        clock.now += 6
        if told:
            work(*told)
        lines.tick()
        assert written == [line]

    def test_an_hour_has_some_hundred_lines_and_ends_with_one(self, lines, clock, written):
        at = []
        for _ in range(7200):
            clock.now += 1
            before = len(written)
            lines.tick()
            at += [clock.now - 1000] * (len(written) - before)
        assert at[0] == 5
        gaps = [b - a for a, b in itertools.pairwise(at)]
        assert min(gaps) >= 10
        assert gaps == sorted(gaps)
        assert 60 < sum(second <= 3600 for second in at) < 200
        lines.close()
        assert written[-1] == "progress: done after 2.0 h"

    def test_the_innermost_work_is_named_and_then_the_command(self, lines, clock, written):
        outer = lines.begin("training", "steps")
        inner = lines.begin("evaluating", "steps")
        clock.now += 5
        lines.tick()
        lines.end(inner)
        clock.now += 10
        lines.tick()
        lines.end(outer)
        clock.now += 10
        lines.tick()
        assert [line.split(",")[0] for line in written] == [
            "progress: evaluating",
            "progress: training",
            "progress: measure",
        ]


class TestCommands:
    """Commands that take longer than may pass without a word, which is no time at all here."""

    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch):
        monkeypatch.setattr(progress, "FIRST", 0.0)
        monkeypatch.setattr(progress, "_GAPS", ((float("inf"), 0.001),))

    @pytest.mark.parametrize(
        ("arguments", "what"),
        [
            (("measure", "text.txt", "--lags", "1:64"), "counting"),
            (("count", "text.txt", "--lags", "1:64", "-o", "counts.arrow"), "counting"),
            (("plan", "text.txt", "--lags", "1:8"), "trying"),
            (("sample", "ising-chain", "--coupling", "1", "--documents", "20", "--length", "999", "-o", "s.npy"), ""),
            (("uniformity", "text.txt", "--lags", "1:4", "--segments", "2", "--permutations", "50"), "comparing"),
            (("inspect", "text.txt"), "inspect"),
        ],
    )
    def test_lines_go_to_stderr_alone_and_quiet_has_none(self, miscope, arguments, what):
        told, quiet = miscope(*arguments), miscope(*arguments, "--quiet")
        assert (told.status, quiet.status) == (0, 0)
        said = [line for line in told.stderr.splitlines() if line.startswith("progress: ")]
        assert any(line.startswith(f"progress: {what}") for line in said)
        assert said[-1].startswith("progress: done after")
        assert "progress:" not in told.stdout + quiet.stdout + quiet.stderr
        assert told.stderr.isprintable() or set(told.stderr) - {"\n"} == {*filter(str.isprintable, told.stderr)}

    def test_what_fails_is_not_said_to_be_done(self, miscope):
        failed = miscope("measure", "text.txt", "--lags", "1:100000000")
        assert failed.status == 2
        assert "done after" not in failed.stderr

    def test_a_process_beside_the_first_says_nothing(self, miscope, monkeypatch):
        monkeypatch.setenv("LOCAL_RANK", "1")
        assert miscope("inspect", "text.txt").stderr == ""

    def test_a_terminal_that_cannot_redraw_has_lines(self, miscope, monkeypatch):
        assert "progress: " in miscope("inspect", "text.txt").stderr
        monkeypatch.setattr(progress, "_on_terminal", lambda: True)
        assert "progress: " not in miscope("inspect", "text.txt").stderr


@pytest.mark.parametrize(
    ("terminal", "name", "can"), [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)]
)
def test_which_streams_can_redraw(monkeypatch, terminal, name, can):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("TERM", name)
    assert progress._on_terminal() is can


@pytest.mark.parametrize("error", [BrokenPipeError, ValueError])
def test_a_command_goes_on_when_nobody_reads(monkeypatch, error):
    monkeypatch.setattr(progress, "FIRST", 0.0)
    written = []

    def write(line):
        written.append(line)
        raise error

    with progress.lines_of("measure", False, write):
        for _ in range(1000):
            if written:
                break
            time.sleep(0.01)
    assert len(written) == 1
