"""A count that is written lag by lag, and goes on where it was stopped."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import miscope as ms
from miscope import locks
from miscope.counting import pair_files
from miscope.counting.doors import count_pairs
from miscope.counting.pair_files import count_to_file, is_pair_counts
from miscope.counting.pairs import PairCounts
from miscope.counting.pieces import Pieces
from miscope.errors import FormatError, InputError, MiscopeWarning
from miscope.locks import TakenError
from miscope.sequences import Sequences

LAGS = [1, 2, 3, 10, 50]


@pytest.fixture
def corpus():
    return ms.processes.MarkovChain([[0.9, 0.1], [0.3, 0.7]]).sample(8, 500, seed=3)


def leave_unfinished(corpus, path):
    """All lags counted, and not yet one file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_files, "_join", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            count_to_file(corpus, path, LAGS, 4)


def test_a_file_holds_what_counting_in_memory_gives(corpus, tmp_path):
    for method in ("dense", "sparse"):
        found = count_to_file(corpus, tmp_path / "counts.arrow", LAGS, 4, method)
        assert found == count_pairs(corpus, LAGS, 4)
        assert PairCounts.load(tmp_path / "counts.arrow") == found
        assert found.corpus.lengths.tolist() == [500] * 8
        assert found.corpus.histogram.tolist() == corpus.histogram().tolist()
        assert [file.name for file in tmp_path.iterdir()] == ["counts.arrow"]


def test_a_stopped_count_goes_on_where_it_was(corpus, tmp_path, monkeypatch):
    path = tmp_path / "counts.arrow"
    saved = Pieces.write
    written = []

    def stops(self, lag, cells):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(lag)
        return saved(self, lag, cells)

    monkeypatch.setattr(Pieces, "write", stops)
    with pytest.raises(KeyboardInterrupt):
        count_to_file(corpus, path, LAGS, 4, threads=1)
    assert not path.exists()
    assert len(list((tmp_path / "counts.arrow.part").glob("lag-*.cells"))) == 3

    again = []
    monkeypatch.setattr(Pieces, "write", lambda self, lag, cells: again.append(lag) or saved(self, lag, cells))
    seen = []
    found = count_to_file(corpus, path, LAGS, 4, progress=lambda *done: seen.append(done))
    assert found == count_pairs(corpus, LAGS, 4)
    assert len(again) == 2
    assert not set(again) & set(written)
    total = sum(8 * (500 - lag) for lag in LAGS)
    assert seen[0][0] > 0
    assert seen[-1] == (total, total)
    assert not (tmp_path / "counts.arrow.part").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: {"lags": [1, 2]}, "other lags"),
        (lambda c: {"blocks": 2}, "other blocks"),
        (lambda c: {"sequences": Sequences.from_arrays(1 - c.codes, c.offsets)}, "other data"),
        (lambda c: {"sequences": Sequences.from_arrays(c.codes, [0, 100, 4000])}, "other data"),
    ],
)
def test_what_is_unfinished_is_not_mixed_with_anything_else(corpus, tmp_path, change, words):
    path = tmp_path / "counts.arrow"
    leave_unfinished(corpus, path)
    other = {"sequences": corpus, "path": path, "lags": LAGS, "blocks": 4} | change(corpus)
    with pytest.raises(
        InputError, match=rf"unfinished count with {words}: finish that one by the command that began it"
    ):
        count_to_file(**other)
    found = count_to_file(**other, fresh=True)
    assert found == count_pairs(other["sequences"], other["lags"], other["blocks"])


def other_corpus():
    return ms.processes.MarkovChain([[0.1, 0.9], [0.7, 0.3]]).sample(8, 500, seed=3)


def cut(piece):
    piece.write_bytes(piece.read_bytes()[:-40])


def flipped(piece):
    data = bytearray(piece.read_bytes())
    data[len(data) // 2] ^= 1
    piece.write_bytes(data)


def without_a_digest(piece):
    piece.write_bytes(piece.read_bytes()[:-32])


def of_another_lag(piece):
    shutil.copy(piece.with_name("lag-3.cells"), piece)


def of_other_data(piece):
    leave_unfinished(other_corpus(), piece.parent.parent / "other.arrow")
    shutil.copy(piece.parent.parent / "other.arrow.part" / piece.name, piece)


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        flipped,
        without_a_digest,
        of_another_lag,
        of_other_data,
        lambda piece: piece.write_bytes(b""),
        lambda piece: piece.write_bytes(b"so it is"),
    ],
)
def test_a_damaged_piece_is_counted_again(corpus, tmp_path, damage):
    if damage is of_other_data:
        assert not np.array_equal(other_corpus().codes, corpus.codes)
    leave_unfinished(corpus, tmp_path / "counts.arrow")
    damage(tmp_path / "counts.arrow.part" / "lag-10.cells")
    with pytest.warns(MiscopeWarning, match=r"1 pieces .*lag-10"):
        found = count_to_file(corpus, tmp_path / "counts.arrow", LAGS, 4)
    assert found == count_pairs(corpus, LAGS, 4)


def test_pieces_without_settings_are_no_other_data_s(corpus, tmp_path):
    """As a removal leaves them that was killed, where settings went first."""
    path = tmp_path / "counts.arrow"
    leave_unfinished(corpus, path)
    (tmp_path / "counts.arrow.part" / "settings.json").unlink()
    other = other_corpus()
    with pytest.warns(MiscopeWarning, match="5 pieces"):
        found = count_to_file(other, path, LAGS, 4)
    assert found == count_pairs(other, LAGS, 4) != count_pairs(corpus, LAGS, 4)
    assert [file.name for file in tmp_path.iterdir()] == ["counts.arrow"]


@pytest.mark.parametrize("name", ["lag-3.cells", "settings.json"])
def test_links_among_the_pieces_are_replaced_and_not_followed(corpus, tmp_path, name):
    mine = tmp_path / "mine.txt"
    folder = tmp_path / "counts.arrow.part"
    folder.mkdir()
    (folder / name).symlink_to(mine)
    if name != "settings.json":
        mine.write_text("my own")
    with pytest.warns(MiscopeWarning, match="1 pieces") if mine.exists() else contextlib.nullcontext():
        found = count_to_file(corpus, tmp_path / "counts.arrow", LAGS, 4)
    assert found == count_pairs(corpus, LAGS, 4)
    assert (mine.read_text() if mine.exists() else None) == ("my own" if name != "settings.json" else None)


def test_a_lock_or_a_folder_that_is_a_link_is_refused(corpus, tmp_path):
    mine, folder = tmp_path / "mine.txt", tmp_path / "counts.arrow.part"
    mine.write_text("my own")
    folder.mkdir()
    (folder / "lock").symlink_to(mine)
    with pytest.raises(InputError, match="cannot write"):
        count_to_file(corpus, tmp_path / "counts.arrow", LAGS, 4)
    assert mine.read_text() == "my own"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="it is a link"):
        count_to_file(corpus, tmp_path / "counts.arrow", LAGS, 4)


def test_a_second_count_into_one_file_is_refused(corpus, tmp_path, monkeypatch):
    path = tmp_path / "counts.arrow"
    saved = Pieces.write

    def second(self, lag, cells):
        for fresh in (False, True):
            with pytest.raises(TakenError, match=f"already, in process {os.getpid()} on this machine: wait"):
                count_to_file(corpus, path, LAGS, 4, fresh=fresh)
        return saved(self, lag, cells)

    monkeypatch.setattr(Pieces, "write", second)
    assert count_to_file(corpus, path, LAGS, 4) == count_pairs(corpus, LAGS, 4)


def test_without_locks_the_later_of_two_counts_is_right_or_refused(corpus, tmp_path, monkeypatch):
    path = tmp_path / "counts.arrow"
    monkeypatch.setattr(locks, "_lock", lambda descriptor: False)
    saved, seen = Pieces.write, []

    def second(self, lag, cells):
        if not seen:
            seen.append(lag)
            with pytest.raises(InputError, match="other data"):
                count_to_file(other_corpus(), path, LAGS, 4)
            assert count_to_file(corpus, path, LAGS, 4) == count_pairs(corpus, LAGS, 4)
        return saved(self, lag, cells)

    monkeypatch.setattr(Pieces, "write", second)
    with pytest.raises(InputError, match=r"counts\.arrow\.part"):  # it was removed by who finished first
        count_to_file(corpus, path, LAGS, 4, threads=1)
    assert PairCounts.load(path) == count_pairs(corpus, LAGS, 4)


def test_a_piece_that_is_damaged_while_others_are_counted_is_named(corpus, tmp_path, monkeypatch):
    leave_unfinished(corpus, tmp_path / "counts.arrow")
    cut(tmp_path / "counts.arrow.part" / "lag-10.cells")
    monkeypatch.setattr(Pieces, "done", lambda self, lags: lags)
    with pytest.raises(FormatError, match=r"lag-10.* damaged"):
        count_to_file(corpus, tmp_path / "counts.arrow", LAGS, 4)


PROGRAM = """
import sys
import miscope as ms
from miscope import locks
from miscope.counting import pair_files
from miscope.counting.pieces import Pieces
saved = Pieces.write
def slowly(self, lag, cells):
    saved(self, lag, cells)
    import time; print("saved", flush=True); time.sleep(0.2)
Pieces.write = slowly
corpus = ms.processes.MarkovChain([[0.9, 0.1], [0.3, 0.7]]).sample(8, 500, seed=3)
pair_files.count_to_file(corpus, sys.argv[1], [1, 2, 3, 10, 50], 4, threads=1)
"""


def test_a_killed_process_loses_no_lag_that_was_done(corpus, tmp_path):
    path = tmp_path / "counts.arrow"
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE)
    for _ in range(2):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not path.exists()
    done = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "counts.arrow.part").glob("lag-*.cells")}
    assert 2 <= len(done) < 5
    time.sleep(0.01)
    kept = {}
    join = pair_files._join

    def look(pieces, *more):
        kept.update({name: (pieces.folder / name).stat().st_mtime_ns for name in done})
        join(pieces, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_files, "_join", look)
        assert count_to_file(corpus, path, LAGS, 4) == count_pairs(corpus, LAGS, 4)
    assert kept == done


def test_which_files_are_pair_counts(corpus, tmp_path):
    count_pairs(corpus, [1], 0).save(tmp_path / "counts.arrow")
    corpus.save(tmp_path / "corpus.arrow")
    (tmp_path / "text.txt").write_text("no such thing")
    found = [is_pair_counts(tmp_path / name) for name in ("counts.arrow", "corpus.arrow", "text.txt", "none")]
    assert found == [True, False, False, False]


def test_a_folder_that_is_not_there(corpus, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        count_to_file(corpus, tmp_path / "no" / "counts.arrow", [1], 0)


def test_nothing_but_one_symbol(tmp_path):
    found = count_to_file(Sequences.from_arrays(np.zeros(10, int)), tmp_path / "counts.arrow", [1], 0)
    assert found.table(1).tolist() == [[9]]


def test_what_the_disk_will_not_hold_is_not_begun(corpus, tmp_path, monkeypatch):
    full = type("Usage", (), {"free": 100})
    monkeypatch.setattr(pair_files.shutil, "disk_usage", lambda path: full)
    with pytest.raises(InputError, match=r"would take about .* GB on disk, and 0\.0 GB are free: count fewer lags"):
        count_to_file(corpus, tmp_path / "counts.arrow", LAGS, 4)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_is_seen_before_the_first_lag(corpus, tmp_path, monkeypatch):
    """Three times the size of the file: lags one by one, columns, and the file."""
    monkeypatch.setattr(pair_files.Counter, "map", lambda *_: pytest.fail("counted"))
    needed = 3 * pair_files.predicted_bytes(corpus, LAGS, 4)
    monkeypatch.setattr(pair_files.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 0.9 * needed}))
    with pytest.raises(InputError, match="on disk"):
        count_to_file(corpus, tmp_path / "counts.arrow", LAGS, 4)
    assert not list(tmp_path.iterdir())


def test_room_is_not_asked_for_what_is_written_already(corpus, tmp_path, monkeypatch):
    """Where each lag takes what was foretold, a disk with just enough room for all is enough to the end."""
    folder, size = tmp_path / "counts.arrow.part", pair_files.predicted_bytes(corpus, LAGS, 4)

    def free(path):
        written = len(list(folder.glob("lag-*.npz")))
        return type("Usage", (), {"free": size * (3.5 - written / len(LAGS))})

    monkeypatch.setattr(pair_files.shutil, "disk_usage", free)
    assert len(count_to_file(corpus, tmp_path / "counts.arrow", LAGS, 4, threads=1).lags) == len(LAGS)
