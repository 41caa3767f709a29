"""Commands that are killed, stopped, or have no room: run by a process that has imported all, in a folder made anew."""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ALL = os.environ.get("MISCOPE_FAULTS") == "all"
SOME = 4
WARM = Path(__file__).with_name("warm.py")


def points(n):
    """At which operations of n: at all of them, or at some, among them a late one, where results are cleared up."""
    return range(1, n + 1) if ALL else sorted({1 + k * (n - 1) // (SOME - 1) for k in range(SOME)} | {max(n - 3, 1)})


@dataclass(frozen=True)
class Outcome:
    status: int
    output: str
    operations: int


class Warm:
    """The process of ``warm.py``."""

    def __init__(self, folder):
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, str(WARM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **request):
        print(json.dumps(request), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, "the process that runs commands has ended"
        return json.loads(line)

    def warm(self, *arguments):
        self.ask(warm=arguments, folder=str(self.folder))

    def __call__(self, *arguments, fault=None, at=0):
        answer = self.ask(run=arguments, folder=str(self.folder), fault=fault, at=at)
        return answer["stopped"] if "stopped" in answer else Outcome(**answer)

    def go_on(self, pid):
        return Outcome(**self.ask(go_on=pid))

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def begin(self, state=None):
        """The folder as it was kept, or as it is at the start."""
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if state is not None:
            shutil.copytree(state, self.folder, dirs_exist_ok=True)
            return
        for seed, name in enumerate(("text.txt", "other.txt")):
            stays = random.Random(seed)
            symbols = ["a"]
            for _ in range(1500):
                symbols.append(symbols[-1] if stays.random() < 0.6 - 0.4 * seed else stays.choice("abcd"))
            (self.folder / name).write_text("".join(symbols))
            os.utime(self.folder / name, (0, 0))

    def keep(self, name):
        """A copy of the folder as it is."""
        state = self.folder.with_name(name)
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(self.folder, state)
        return state

    def files(self):
        """All that lies there, by name; without seconds, and pages, digests and locks, which tell of them."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            if path.is_file() and path.suffix != ".html" and path.name != ".lock":
                found[name] = path.read_bytes()
                if path.name == "findings.json":
                    body = json.loads(found[name])
                    found[name] = _without_seconds(body)
        return found


def _without_seconds(value):
    if isinstance(value, dict):
        return {name: _without_seconds(each) for name, each in value.items() if name not in ("seconds", "sha256")}
    return [_without_seconds(each) for each in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults") / "work"
    folder.mkdir()
    process = Warm(folder)
    with contextlib.closing(process):
        yield process
