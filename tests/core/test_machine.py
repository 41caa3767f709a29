"""What is left of memory and disk, and files that have their room before they are written to."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from miscope import machine
from miscope.atomic import mapped_file
from miscope.errors import InputError


def test_what_does_not_fit_is_refused_with_its_size():
    machine.check_memory(1 << 20, "'a.npz'")
    with pytest.raises(InputError, match=r"a\.npz.*1,048,576\.0 GiB"):
        machine.check_memory(1 << 50, "'a.npz'")


def test_what_may_be_used_bounds_what_is_read():
    with machine.may_use(1 << 20):
        machine.check_memory(1 << 20, "'a.npz'")
        with pytest.raises(InputError, match=r"2\.0 MiB"):
            machine.check_memory(2 << 20, "'a.npz'")
    machine.check_memory(2 << 20, "'a.npz'")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say what is used")
def test_a_limit_to_addresses_is_one_to_memory():
    code = (
        "import resource; from miscope.machine import memory_left;"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)); print(memory_left())"
    )
    left = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60).stdout)
    assert 0 < left < 1 << 30


def test_a_mapped_file_has_its_room(tmp_path):
    array = mapped_file(tmp_path / "keys.tmp", np.int64, 3000)
    array[:] = np.arange(3000)
    array.flush()
    assert np.fromfile(tmp_path / "keys.tmp", np.int64).tolist() == list(range(3000))
    if hasattr(os, "posix_fallocate"):
        assert (tmp_path / "keys.tmp").stat().st_blocks * 512 >= 24_000  # it has no holes


def test_a_full_disk_is_said_before_anything_is_written_to_memory(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(InputError, match=r"keys\.tmp.*no space"):
        mapped_file(tmp_path / "keys.tmp", np.int64, 3000)


def test_where_no_room_can_be_reserved_zeros_are_written(tmp_path, monkeypatch):
    def unknown(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", unknown, raising=False)
    n = (3 << 20) // 8 + 5
    array = mapped_file(tmp_path / "keys.tmp", np.int64, n)
    assert not array.any()
    assert (tmp_path / "keys.tmp").stat().st_blocks * 512 >= 8 * n
    monkeypatch.delattr(os, "posix_fallocate")
    assert len(mapped_file(tmp_path / "counts.tmp", np.int64, n)) == n
