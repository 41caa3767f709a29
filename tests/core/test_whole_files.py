"""Files that are read whole, and JSON of others: no devices, nothing without end."""

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from miscope import whole_files
from miscope.errors import FormatError, InputError
from miscope.whole_files import DEEPEST, is_nested, json_of, read_whole


def test_a_file_is_read_whole(tmp_path):
    file = tmp_path / "a.json"
    file.write_bytes(b"\x00so it is\xff")
    assert read_whole(file) == read_whole(str(file)) == b"\x00so it is\xff"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such devices")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/null"])
def test_devices_are_refused_under_any_name(tmp_path, device):
    link = tmp_path / "curve.json"
    link.symlink_to(device)
    for name in (device, link):
        with pytest.raises(InputError, match="device"):
            read_whole(name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_pipes_are_read_to_their_end(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"x" * 200_000))
    writer.start()
    assert read_whole(pipe) == b"x" * 200_000
    writer.join()


def test_what_is_too_long_is_refused_before_it_is_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(whole_files, "MOST", 1 << 16)
    file = tmp_path / "long.json"
    file.write_bytes(bytes(1 << 16))
    assert len(read_whole(file)) == 1 << 16
    with file.open("ab") as opened:
        opened.truncate(1 << 40)  # sparse
    with pytest.raises(InputError, match="more than"):
        read_whole(file)


@pytest.mark.parametrize("name", ["no_such.json", "nul\0.json", "x" * 5000, ""])
def test_names_that_are_none(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="cannot read"):
        read_whole(name)


def test_a_folder_is_none(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_whole(tmp_path)


@pytest.mark.parametrize(
    "value", [{"a": [1, -2.5e-300, None, True, "[[["]}, [], 10**299, 1.7e308, "\u2028é", "code1000"]
)
def test_json_says_what_json_loads_says(value):
    assert json_of(json.dumps(value), "a.json") == json_of(json.dumps(value).encode(), "a.json") == value


def test_brackets_in_strings_are_no_nesting():
    assert json_of(json.dumps(["[{" * 500]), "a.json") == ["[{" * 500]


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_bounded(begin, end):
    assert json_of(begin * (DEEPEST - 1) + "[]" + end * (DEEPEST - 1), "a.json")
    for depth in (DEEPEST + 1, 900, 100_000):
        with pytest.raises(FormatError, match="nested"):
            json_of(begin * (depth - 1) + "[]" + end * (depth - 1), "a.json")


@pytest.mark.parametrize(
    "text", ["", "[", "NaN", "[-Infinity]", "1e999", "-1E+400", "1" + "0" * 400, "1" * 5000, "9" * 400 + ".5", b"\xff"]
)
def test_what_is_no_number_and_no_json_is_refused(text):
    with pytest.raises(FormatError, match=r"a\.json"):
        json_of(text, "a.json")


def test_lone_surrogates_are_text():
    assert json_of('"\\ud800"', "a.json") == "\ud800"


def test_errors_are_kept_short():
    with pytest.raises(FormatError) as caught:
        json_of("1" * 100_000, "a.json")
    assert len(str(caught.value)) < 200


def test_nesting_is_found_whatever_stands_in_strings():
    draw = np.random.default_rng(5)
    for _ in range(60):
        depth = int(draw.integers(80, 120))
        parts = draw.choice(['{"[[": "}}", "a\\\\": ', '[1, "{", ', '["]]\\"]", '], depth).tolist()
        ends = "".join("}" if part.startswith("{") else "]" for part in reversed(parts))
        line = f"{''.join(parts)}0{ends}".encode()
        assert json.loads(line)
        assert is_nested(line) == (depth > DEEPEST)
        if depth > DEEPEST:
            with pytest.raises(FormatError, match="nested"):
                json_of(line, "a.json")
        else:
            assert json_of(line, "a.json") == json.loads(line)
        assert is_nested(line[: len("".join(parts))]) == (depth > DEEPEST)  # cut off
