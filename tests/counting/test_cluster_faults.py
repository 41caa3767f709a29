"""What can go wrong on a cluster of separate processes: the result is exact, or there is a clear error."""

import errno
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import miscope as ms
from counting.test_kernels import corpus
from miscope.counting import cluster_sources
from miscope.counting.cluster import ClusterCounter, ClusterError, connect
from miscope.counting.cluster_client import closed_after
from miscope.counting.cluster_parts import CodeFile
from miscope.counting.doors import count_fingerprints
from miscope.errors import InputError
from miscope.sequences.shards import Shards

pytestmark = pytest.mark.extras

LAGS, BLOCKS = list(range(1, 9)), 4


@pytest.fixture(scope="module")
def client():
    with connect("local:2", patience=20) as made:  # which no test is to wait for
        yield made


@pytest.fixture(scope="module")
def sequences():
    return corpus([150_000, 50_000], 900, skew=1.1, dtype=np.uint16)


@pytest.fixture(scope="module")
def expected(sequences):
    return count_fingerprints(sequences, LAGS, BLOCKS, "sparse")


def count(counter, progress=None):
    parts = counter.map(lambda kernel, lag: kernel.fingerprints(lag), 2, progress)
    return ms.counting.Fingerprints.from_lags(counter.lags, parts, counter.n_symbols_seen)


def assert_same(one, other):
    for name in ("joint", "left", "right"):
        for part in ("counts", "multiplicities", "offsets"):
            np.testing.assert_array_equal(*(getattr(getattr(found, name), part) for found in (one, other)))
    np.testing.assert_array_equal(one.block_pairs, other.block_pairs)


class Once:
    """A progress that does something when counting is under way."""

    def __init__(self, what):
        self._what, self.done = what, False

    def __call__(self, done, total):
        if 0 < done < total and not self.done:
            self.done = True
            self._what()


def killing(client):
    """Kill the process of one worker, as the kernel does when memory is short."""

    def kill():
        pids = client.run(os.getpid)
        os.kill(next(iter(pids.values())), signal.SIGKILL)

    return Once(kill)


@pytest.mark.parametrize("method", ["sparse", pytest.param("dense", marks=pytest.mark.long)])
def test_a_worker_killed_while_counting_codes_in_a_file(client, sequences, expected, method):
    kill = killing(client)
    counter = ClusterCounter(sequences, LAGS, BLOCKS, method, client=client, parts=4, lags_at_once=1)
    assert_same(count(counter, kill), expected)
    assert kill.done


def test_a_worker_killed_with_codes_that_were_sent_to_it(client, sequences, expected, monkeypatch):
    monkeypatch.setattr(cluster_sources.HeldCodes, "_written", lambda self, codes: None)
    kill = killing(client)
    counter = ClusterCounter(sequences, LAGS, BLOCKS, "sparse", client=client, parts=4, lags_at_once=1)
    assert_same(count(counter, kill), expected)
    assert kill.done


@pytest.fixture(scope="module")
def shards(sequences, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    for number, document in enumerate(sequences):
        np.save(folder / f"{number}.npy", document)
    return Shards(folder / "*.npy")


def test_a_worker_killed_with_shards_that_it_read(client, shards, expected):
    kill = killing(client)
    counter = ClusterCounter(shards, LAGS, BLOCKS, "sparse", client=client, parts=4, lags_at_once=1)
    assert_same(count(counter, kill), expected)
    assert kill.done


@pytest.mark.long
def test_a_worker_that_stops_answering(client, sequences, expected):
    """It is started again, and what it had to do is done again."""

    def stop():
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGSTOP)

    stopped = Once(stop)
    how = {"parts": 4, "lags_at_once": 1, "patience": 4}
    with ClusterCounter(sequences, LAGS, BLOCKS, "sparse", client=client, **how) as counter:
        assert_same(count(counter, stopped), expected)
    assert stopped.done


@pytest.mark.parametrize("source", ["file", "shards"])
def test_a_connection_to_the_scheduler_that_breaks(client, sequences, shards, expected, source):
    """The work goes on through another client: the scheduler may forget one that comes back, and never answer it."""
    from distributed import Client

    def break_it():
        mine.loop.add_callback(mine.scheduler_comm.comm.abort)

    broken = Once(break_it)
    data = sequences if source == "file" else shards
    with closed_after(Client(client.scheduler.address, set_as_default=False)) as mine:
        with ClusterCounter(data, LAGS, BLOCKS, "sparse", client=mine, parts=4, lags_at_once=1) as counter:
            assert_same(count(counter, broken), expected)
            assert counter.workers.client is not mine
        assert counter.workers.client is mine
    assert broken.done


def test_an_interruption_leaves_nothing_to_do(client, sequences):
    def interrupt():
        raise KeyboardInterrupt

    def tasks(dask_scheduler):
        return {str(key) for key in dask_scheduler.tasks}

    def forgotten():
        until = time.monotonic() + 30
        while (left := client.run_on_scheduler(tasks) - before) and time.monotonic() < until:
            time.sleep(0.1)
        return not left

    before = client.run_on_scheduler(tasks)
    counter = ClusterCounter(sequences, "all:300", BLOCKS, "sparse", client=client, lags_at_once=1)
    with pytest.raises(KeyboardInterrupt), counter:
        count(counter, Once(interrupt))
    assert forgotten()


def texts(folder, n=3):
    for number in range(n):
        (folder / f"{number}.txt").write_text(f"so it is {'be it so ' * (number + 1)}" * 40)
    return [str(folder / f"{number}.txt") for number in range(n)]


def test_a_shard_that_cannot_be_read_is_named(client, tmp_path):
    paths = texts(tmp_path)
    (tmp_path / "1.txt").write_bytes(b"so \xff it is")
    with pytest.raises(InputError, match=r"cannot read the shard '.*1\.txt', on host .*0xff.*skip_bad=True") as caught:
        ClusterCounter(Shards(paths), [1], client=client)
    assert socket.gethostname() in str(caught.value)
    missing = Shards([*paths[::2], str(tmp_path / "9.txt"), str(tmp_path / "8.txt")])
    with pytest.raises(InputError, match=r"shard '.*9\.txt' \(and 1 more shards\), on host .*there is no such file"):
        ClusterCounter(missing, [1], client=client)


def test_bad_shards_are_skipped_and_reported(client, tmp_path):
    paths = texts(tmp_path)
    (tmp_path / "1.txt").write_bytes(b"so \xff it is")
    counter = ClusterCounter(Shards(paths, unit="word", skip_bad=True), LAGS, 0, client=client)
    assert_same(count(counter), count_fingerprints(ms.read(paths[::2], unit="word"), LAGS, 0))
    assert counter.notes == (f"1 of 3 shards could not be read and are left out: {paths[1]}",)
    (skipped,) = counter.sequences.provenance["shards_skipped"]
    assert skipped["name"] == paths[1]
    assert "0xff" in skipped["reason"]
    assert counter.sequences.provenance["shards"] == 2


def test_not_one_shard_can_be_read(client, tmp_path):
    with pytest.raises(InputError, match=r"'.*none\.txt'.*not one shard can be read"):
        ClusterCounter(Shards(str(tmp_path / "none.txt"), skip_bad=True), [1], client=client)


def test_a_file_that_a_worker_does_not_have(client, sequences, tmp_path):
    path = tmp_path / "codes.npy"
    np.save(path, sequences.codes)
    mapped = ms.Sequences.from_arrays(np.load(path, mmap_mode="r"), sequences.offsets, alphabet_size=900)
    counter = ClusterCounter(mapped, LAGS, BLOCKS, client=client)
    path.unlink()
    with pytest.raises(InputError, match=rf"on host {socket.gethostname()} there is no file '{path}'"):
        count(counter)


def test_a_file_that_is_changed_meanwhile(client, sequences, tmp_path):
    path = tmp_path / "codes.npy"
    np.save(path, sequences.codes)
    mapped = ms.Sequences.from_arrays(np.load(path, mmap_mode="r")[7:], alphabet_size=900)
    counter = ClusterCounter(mapped, LAGS, BLOCKS, "sparse", client=client)
    assert_same(count(counter), count_fingerprints(mapped, LAGS, BLOCKS, "sparse"))
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match=r"is not the file that was opened; it was changed"):
        count(counter)


def test_files_that_cannot_be_opened_say_where(tmp_path):
    status = tmp_path.stat()
    file = CodeFile(str(tmp_path), "|u1", 0, 1, status.st_size, status.st_mtime_ns)
    with pytest.raises(InputError, match=f"on host {socket.gethostname()}, cannot open '{tmp_path}'"):
        file.read(0, 1)


@pytest.mark.parametrize("name", ["private_file", "_write"])
def test_no_room_for_a_temporary_file_here(client, sequences, expected, monkeypatch, tmp_path, name):
    """Codes are sent then, instead of being mapped by all workers."""

    def on_a_full_disk(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cluster_sources, name, on_a_full_disk)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    counter = ClusterCounter(sequences, LAGS, BLOCKS, "sparse", client=client)
    assert counter._source._file is None
    assert not list(tmp_path.glob("miscope-*"))
    assert_same(count(counter), expected)


def test_codes_of_killed_processes_are_removed_and_no_others(client, sequences, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "miscope-0123456789ab.codes").write_bytes(b"left by a process that was killed")
    (tmp_path / "miscope-results.codes").write_bytes(b"somebody's own")
    living = ClusterCounter(sequences, [1], 0, client=client)
    another = ClusterCounter(sequences, [1], 0, client=client)
    mine = {Path(counter._source._file.path).name for counter in (living, another)}
    assert {file.name for file in tmp_path.glob("miscope-*")} == {*mine, "miscope-results.codes"}


KILLED = """
import os, sys
import numpy as np
import miscope as ms
from miscope.counting.cluster import ClusterCounter, connect
if __name__ == "__main__":
    with connect("local:1") as client:
        counter = ClusterCounter(ms.Sequences.from_arrays(np.zeros(100, int), alphabet_size=2), [1], 0, client=client)
        print(*client.run(os.getpid).values(), flush=True)
        sys.stdin.read()
"""


@pytest.mark.long
def test_what_a_killed_cluster_leaves_is_removed_at_the_next_start(sequences, tmp_path, monkeypatch):
    import dask

    folder = tmp_path / "temporary"
    folder.mkdir()
    (tmp_path / "killed.py").write_text(KILLED)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "killed.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    with process:
        workers = [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]
        process.kill()
    assert not psutil.wait_procs(workers, timeout=60)[1]
    left = {path for path in folder.rglob("*") if path.suffix == ".codes" or path.is_dir()} - {
        folder / "dask-scratch-space"
    }
    assert {path.suffix for path in left} == {"", ".codes"}
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with dask.config.set({"temporary-directory": str(folder)}), connect("local:1") as living:
        counter = ClusterCounter(sequences, [1], 0, client=living)
        assert not [path for path in left if path.exists()]
        mine = set(folder.rglob("*"))
        with connect("local:1") as another:
            ClusterCounter(sequences, [1], 0, client=another)
            assert mine <= set(folder.rglob("*"))
        assert mine <= set(folder.rglob("*"))
        assert counter._source._file is not None


def test_a_local_cluster_listens_on_this_machine_only(client):
    workers = [psutil.Process(pid) for pid in client.run(os.getpid).values()]
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    assert {worker.pid for worker in workers} <= {process.pid for process in processes}
    listening = [
        where.laddr
        for process in processes
        for where in process.net_connections("inet")
        if where.status == psutil.CONN_LISTEN
    ]
    dashboard = int(client.dashboard_link.rpartition(":")[2].partition("/")[0])
    assert dashboard in {where.port for where in listening}
    assert len(listening) >= 2 + len(workers)
    assert {where.ip for where in listening} == {"127.0.0.1"}


@pytest.fixture
def replaced(client):
    """Replace a function that workers run; and put it back."""
    names = []

    def replace(name, function):
        def patch():
            from miscope.counting import cluster_parts

            setattr(cluster_parts, f"right_{name}", getattr(cluster_parts, name))
            setattr(cluster_parts, name, function)

        names.append(name)
        client.run(patch)

    def put_back(name):
        from miscope.counting import cluster_parts

        setattr(cluster_parts, name, getattr(cluster_parts, f"right_{name}"))

    yield replace
    for name in names:
        client.run(put_back, name)


def test_a_full_disk_of_a_worker(client, shards, replaced):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    assert errno.ENOSPC == 28
    replaced("take", full)
    with pytest.raises(ClusterError, match=r"a worker cannot use its disk .No space left on device.: make room"):
        count(ClusterCounter(shards, LAGS, BLOCKS, client=client))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.long
def test_disks_too_small_for_what_memory_does_not_hold(small_disk, tmp_path):
    """Workers then wait for memory, which never comes: that is said, instead of waiting with them."""
    import dask

    generator = np.random.default_rng(0)
    for number in range(4):
        np.save(tmp_path / f"{number}.npy", generator.integers(0, 60_000, 10_000_000).astype(np.uint16))
    with dask.config.set({"temporary-directory": str(small_disk)}), connect("local:1", "300MB", patience=2) as client:
        where = client.run(lambda dask_worker: dask_worker.local_directory)
        assert all(folder.startswith(str(small_disk)) for folder in where.values())
        with pytest.raises(ClusterError, match=r"stood still for 2 s.*wait for memory|died one after the other"):
            count(ClusterCounter(Shards(tmp_path / "*.npy"), LAGS, 0, "sparse", client=client, lags_at_once=8))


def test_a_worker_without_memory(client, sequences, replaced):
    def short(*_, **__):
        raise MemoryError("cannot allocate 9 GiB")

    replaced("route_part", short)
    with pytest.raises(ClusterError, match=r"not enough memory \(cannot allocate 9 GiB\).*lags_at_once=1"):
        count(ClusterCounter(sequences, LAGS, BLOCKS, "sparse", client=client))


@pytest.mark.long
def test_workers_that_die_one_after_the_other(sequences):
    import dask
    from distributed import WorkerPlugin

    class Deadly(WorkerPlugin):
        def setup(self, worker):
            import os
            import signal

            from miscope.counting import cluster_parts

            def die(*_, **__):
                os.kill(os.getpid(), signal.SIGKILL)

            cluster_parts.route_part = die

    with dask.config.set({"distributed.scheduler.allowed-failures": 1}), connect("local:1") as client:
        client.register_plugin(Deadly())
        with pytest.raises(ClusterError, match=r"workers died one after the other.*lack of memory"):
            count(ClusterCounter(sequences, LAGS, BLOCKS, "sparse", client=client, parts=1))
