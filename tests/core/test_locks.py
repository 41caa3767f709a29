"""Claims on files, and what processes leave that were killed."""

import signal
import subprocess
import sys

import pytest

from miscope import locks
from miscope.atomic import atomic_path
from miscope.locks import TakenError, claim, private_file, remove_abandoned

HOLDING = """
import sys, time
from pathlib import Path
from miscope.locks import claim, private_file
folder = Path(sys.argv[1])
kept = claim(folder / "lock", "this test"), private_file(folder, ".miscope-", ".txt", 0o600)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds a claim and a private file."""
    process = subprocess.Popen([sys.executable, "-c", HOLDING, str(tmp_path)], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_what_a_process_holds_is_free_when_it_was_killed(holder, tmp_path):
    with pytest.raises(TakenError, match=f"this test is at work already, in process {holder.pid} on this machine"):
        claim(tmp_path / "lock", "this test")
    remove_abandoned(tmp_path, ".miscope-")
    assert len(list(tmp_path.glob(".miscope-*.txt"))) == 1
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    claim(tmp_path / "lock", "this test").release()
    with atomic_path(tmp_path / "result.txt") as temporary:
        temporary.write_text("whole")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["lock", "result.txt"]


def test_a_claim_on_a_folder_that_was_removed_meanwhile_is_none(tmp_path, monkeypatch):
    """Between opening and locking, who held it renames the folder away, and another one begins."""
    folder, locked = tmp_path / "work", locks._lock
    folder.mkdir()

    def overtaken(descriptor):
        monkeypatch.setattr(locks, "_lock", locked)
        folder.rename(tmp_path / "gone")
        folder.mkdir()
        return locked(descriptor)

    monkeypatch.setattr(locks, "_lock", overtaken)
    mine = claim(folder / "lock", "this test")
    with pytest.raises(TakenError):
        claim(folder / "lock", "this test")
    mine.release()


def test_without_locks_nothing_is_refused_and_nothing_removed(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(locks.fcntl, "flock", none)
    one, other = (claim(tmp_path / "lock", "this test") for _ in range(2))
    assert not one.is_held
    path, held = private_file(tmp_path, ".miscope-", ".txt", 0o600)
    held.release()
    remove_abandoned(tmp_path, ".miscope-")
    assert path.exists()
    one.release()
    other.release()


def test_links_and_others_names_stay(tmp_path):
    (tmp_path / "data.txt").write_text("data")
    (tmp_path / ".miscope-0123456789ab").symlink_to("data.txt")
    (tmp_path / ".miscope-data").write_text("data")
    (tmp_path / ".miscope-0123456789abc").write_text("data")
    remove_abandoned(tmp_path, ".miscope-")
    assert len(list(tmp_path.iterdir())) == 4
