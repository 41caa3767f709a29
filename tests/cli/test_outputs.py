"""Files that are written: refused before the work where they cannot be, whole or not there at all."""

import errno
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from miscope import MICurve, Sequences, figures

KINDS = ["curve.json", "curve.parquet", "curve.png", "curve.svg", "curve.pdf"]
ENDS = {".png": b"IEND\xaeB`\x82", ".svg": b"</svg>", ".pdf": b"%%EOF"}
MAGIC = {".json": b'{"format', ".parquet": b"PAR1", ".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}


def to(name: str) -> list[str]:
    return ["-o" if Path(name).suffix in (".json", ".parquet") else "--plot", name]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", KINDS)
def test_files_are_of_their_type(folder, miscope, name):
    outcome = miscope("measure", "text.txt", *to(name))
    assert outcome.status == 0
    assert f"wrote {name}" in outcome.stderr
    content = Path(name).read_bytes()
    assert content.startswith(MAGIC[Path(name).suffix])
    assert content.rstrip().endswith(ENDS.get(Path(name).suffix, b""))
    assert len(content) > 1000
    assert names(folder) == sorted([name, "text.txt"])


@pytest.mark.parametrize("name", ["curve.JSON", "curve.PARQUET", "curve.PNG"])
def test_suffixes_may_be_capitals(miscope, name):
    assert miscope("measure", "text.txt", to(name.lower())[0], name).status == 0
    assert Path(name).read_bytes().startswith(MAGIC[Path(name).suffix.lower()])


def test_a_parquet_curve_has_the_numbers_of_the_json_one(miscope):
    miscope("measure", "text.txt", "-o", "curve.json")
    miscope("measure", "text.txt", "-o", "curve.parquet")
    first, second = MICurve.load("curve.json"), MICurve.load("curve.parquet")
    assert (first.mi.tolist(), first.replicates.tolist()) == (second.mi.tolist(), second.replicates.tolist())
    assert str(first) == str(second)


@pytest.mark.parametrize("name", ["missing/curve.json", "missing/curve.png", "text.txt/curve.json"])
def test_a_folder_that_is_not_there(refused, name):
    refused("measure", "text.txt", *to(name), words=[name, "cannot write"])


@pytest.mark.parametrize("name", ["folder.json", "folder.svg"])
def test_a_folder_in_place_of_a_file(folder, refused, name):
    (folder / name).mkdir()
    refused("measure", "text.txt", *to(name), words=[name, "directory"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-o", "curve.txt"], ["curve.txt", ".json, .parquet"]),
        (["-o", "curve"], ["curve", ".json, .parquet"]),
        (["-o", "curve.png"], ["curve.png", ".json, .parquet"]),
        (["--plot", "curve.jpg"], ["curve.jpg", ".png, .svg, .pdf"]),
        (["-o", "curve.json", "--plot", "curve.json"], ["curve.json", ".png, .svg, .pdf"]),
    ],
)
def test_a_suffix_that_is_none_of_ours(refused, options, words):
    refused("measure", "text.txt", *options, words=words)


def test_an_input_is_not_overwritten(folder, refused):
    (folder / "text.txt").rename("text.json")
    Path("link.json").symlink_to("text.json")
    for name in ("text.json", "./text.json", "link.json"):
        refused("measure", "text.json", "-o", name, words=["one of the files to be read"])


def test_an_input_found_by_a_glob_is_not_overwritten(folder, refused):
    (folder / "text.txt").rename("text.json")
    refused("measure", "*.json", "-o", "text.json", words=["one of the files to be read"])


def test_no_right_to_write(folder, refused, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    for name in KINDS:
        refused("measure", "text.txt", *to(name), words=[name, "no right to write"])


def test_a_right_that_is_lost_meanwhile(refused, monkeypatch):
    _fail_at_the_end(monkeypatch, errno.EACCES)
    refused("measure", "text.txt", "-o", "curve.json", words=["curve.json", "no right to write"])


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("name", KINDS[:2])
def test_a_full_disk_at_the_end_leaves_what_was_there(folder, refused, monkeypatch, name, there):
    if there:
        Path(name).write_text("a result of last year")
    _fail_at_the_end(monkeypatch, errno.ENOSPC)
    refused("measure", "text.txt", *to(name), words=[name, "no space is left"])
    if there:
        assert Path(name).read_text() == "a result of last year"


@pytest.mark.parametrize("name", KINDS[2:])
def test_a_full_disk_leaves_the_figure_that_was_there(folder, refused, monkeypatch, name):
    Path(name).write_text("a result of last year")
    _fail_at_the_end(monkeypatch, errno.ENOSPC)
    refused("measure", "text.txt", *to(name), words=[name, "no space is left"])
    assert Path(name).read_text() == "a result of last year"
    assert names(folder) == sorted([name, "text.txt"])


@pytest.mark.parametrize("name", ["curve.json", "curve.parquet"])
def test_a_disk_that_fills_up_half_way(refused, monkeypatch, name):
    def half(path, text, **_):
        path.write_bytes(text[: len(text) // 2].encode())
        raise OSError(errno.ENOSPC, "No space left on device")

    def half_table(table, file, **_):
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    monkeypatch.setattr(pq, "write_table", half_table)
    refused("measure", "text.txt", "-o", name, words=[name, "no space is left"])


def test_a_device_survives_a_failed_parquet(miscope, monkeypatch):
    """What stands at the name and is no plain file is written to directly, and must never be removed."""
    device = Path("device.parquet")
    device.touch()
    monkeypatch.setattr(Path, "is_file", lambda path: path.name != device.name and path.exists())

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    outcome = miscope("measure", "text.txt", "-o", str(device))
    assert outcome.status == 2
    assert "no space is left" in outcome.stderr
    assert device.exists()


def test_an_interrupt_while_writing_leaves_nothing(folder, miscope, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    outcome = miscope("measure", "text.txt", "-o", "curve.json")
    assert (outcome.status, outcome.stdout) == (130, "")
    assert "interrupted" in outcome.stderr
    assert names(folder) == ["text.txt"]


def test_an_interrupt_does_not_deny_what_was_written(folder, miscope, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(figures, "plot", interrupted)
    outcome = miscope("measure", "text.txt", "-o", "curve.json", "--plot", "curve.png")
    assert outcome.status == 130
    assert not ("nothing was written" in outcome.stderr and Path("curve.json").exists())


def test_an_arrow_file_of_ours_is_read(folder, miscope, sticky_text):
    Sequences.from_arrays(sticky_text).save(folder / "codes.arrow")
    outcome = miscope("measure", "codes.arrow", "-o", "curve.json")
    assert outcome.status == 0
    miscope("measure", "text.txt", "-o", "text.json")
    assert MICurve.load("curve.json").mi.tolist() == MICurve.load("text.json").mi.tolist()
    assert MICurve.load("curve.json").label == "codes.arrow"


def _fail_at_the_end(monkeypatch, code: int) -> None:
    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "replace", fail)
    monkeypatch.setattr(os, "replace", fail)
    monkeypatch.setattr(os, "rename", fail)
