"""What people name as files: paths, patterns, addresses and standard input, and how each is called in results."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from miscope.errors import InputError
from miscope.formats import DATA
from miscope.sequences.compression import SUFFIXES as PACKED
from miscope.sequences.frames import is_frame, refuse_mapping
from miscope.sequences.remote import expand_url, is_url, public, refuse_cut, size_of_url
from miscope.whole_files import shown

__all__ = [
    "STDIN",
    "Paths",
    "Progress",
    "expand",
    "file_name",
    "gives_once",
    "has_suffix",
    "is_regular",
    "label_of",
    "name_of",
    "names_of",
    "size_of",
    "split_part",
]

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
Progress = Callable[[int, int], object]

STDIN = "-"
HOLDERS = tuple(suffix for kind in ("npz", "mat", "hdf5") for suffix in DATA[kind].suffixes)
"""Suffixes of files that hold several arrays, one of which a colon names: ``bird.mat:states``."""
_HOLDER = re.compile(
    rf"(.+?(?:{'|'.join(map(re.escape, HOLDERS))})(?:{'|'.join(map(re.escape, PACKED))})?):(?!:|//)(.+)", re.IGNORECASE
)


def expand(paths: Paths) -> list[str]:
    """Return the files that `paths` stands for: globs and addresses expanded and sorted, everything else as it is."""
    files = [file for path in names_of(paths) for file in _expand_one(path)]
    if not files:
        raise InputError("there are no files to read; pass at least one path")
    return files


def names_of(paths: Any) -> list[str]:
    """The names that a person gave, one or several.

    >>> names_of("a.txt"), names_of(Path(name) for name in ("a.txt", "b.txt"))
    (['a.txt'], ['a.txt', 'b.txt'])

    Raises
    ------
    InputError
        They are no names of files, but data, or a stream.
    """
    if isinstance(paths, str | os.PathLike):
        return [file_name(paths)]
    if is_frame(paths):
        raise InputError("a data frame is no file: read_table(frame, column='name') reads a column of it")
    refuse_mapping(paths)
    if isinstance(paths, bytes | bytearray) or hasattr(paths, "read") or not isinstance(paths, Iterable):
        raise _no_name(paths)
    return [file_name(path) for path in paths]


def file_name(path: Any) -> str:
    """The name of one file as text.

    Raises
    ------
    InputError
        It is none.
    """
    if not isinstance(path, str | os.PathLike):
        raise _no_name(path)
    return os.fsdecode(path)


def _no_name(given: Any) -> InputError:
    """Say what takes what is no name of a file: an open file, or data in memory."""
    if hasattr(given, "read"):
        return InputError(
            f"a {type(given).__name__} is no name of a file: pass the file's name; what is in memory only is data "
            "once it is read, as in Sequences.from_arrays(file.read())"
        )
    return InputError(
        f"{_briefly(given)} is no name of a file: pass a str or a Path, or a list of them; for data in memory there "
        "are miscope.measure(data), Sequences.from_arrays(data), Series.from_arrays(data), and read_table(frame)"
    )


def _briefly(given: Any) -> str:
    shown_short = repr(given) if given is None or isinstance(given, int | float) else ""
    return shown_short or f"a value of type {type(given).__name__}"


def _expand_one(path: str) -> list[str]:
    file, part = split_part(path)
    if part is not None:
        return [f"{each}:{part}" for each in _expand_one(file)]
    if is_url(path):
        return expand_url(path)
    refuse_cut(path)
    path = str(Path(path).expanduser()) if path.startswith("~") else path
    if path == STDIN or os.path.exists(path) or not glob.has_magic(path):  # noqa: PTH110 - never raises
        return [path]
    found = sorted(name for name in glob.glob(path, recursive=True) if not Path(name).is_dir())  # noqa: PTH207
    if not found:
        raise InputError(f"no file matches {path!r}; check the folder, or quote the pattern for the shell")
    return found


def label_of(files: list[str]) -> str:
    """Name the data after their files.

    >>> label_of(["texts/a.txt", "texts/b.txt", "texts/c.txt"])
    'a.txt and 2 more'
    """
    file, part = split_part(files[0])
    first = Path(name_of(file)).name + ("" if part is None else f":{part}")
    return first if len(files) == 1 else f"{first} and {len(files) - 1} more"


def split_part(file: str, part: str | None = None) -> tuple[str, str | None]:
    """Return a file, and which of the arrays in it is meant: behind a colon, or as `part` says; None if neither does.

    A colon that belongs to the name of a file, to an address or to a drive of Windows' stays where it is.

    >>> split_part("bird.mat:states"), split_part("s3://corpus/day.nwb:units/spike_times")
    (('bird.mat', 'states'), ('s3://corpus/day.nwb', 'units/spike_times'))
    >>> split_part("C:/data/bird.mat"), split_part("a:b.txt"), split_part("s3://corpus/a.txt")
    (('C:/data/bird.mat', None), ('a:b.txt', None), ('s3://corpus/a.txt', None))
    """
    if ":" not in file or is_regular(file):
        return file, part
    found = _HOLDER.fullmatch(file)
    cut = (found[1], found[2]) if found else _behind_a_file(file)
    if cut is None:
        return file, part
    if part is not None and part != cut[1]:
        raise InputError(f"{file!r} names {cut[1]!r}, and {part!r} is asked for too: name one of them")
    return cut


def _behind_a_file(file: str) -> tuple[str, str] | None:
    """Cut at the first colon before which a file of this machine is named."""
    places = () if is_url(file) else (at for at, letter in enumerate(file) if letter == ":" and file[at + 1 :])
    return next(((file[:at], file[at + 1 :]) for at in places if is_regular(file[:at])), None)


def name_of(file: str) -> str:
    """How a file is called in messages and results: Unicode, and without the secrets that an address may have."""
    return "<stdin>" if file == STDIN else shown(public(file) if is_url(file) else file)


def is_regular(file: str) -> bool:
    """Whether this is a file of this machine, no pipe, device or folder; never raises.

    >>> is_regular(STDIN), is_regular("s3://corpus/a.txt"), is_regular("no_such.txt")
    (False, False, False)
    """
    try:
        return file != STDIN and not is_url(file) and Path(file).is_file()
    except (OSError, ValueError):
        return False  # reading it will say why


def gives_once(file: str) -> bool:
    """Whether a file gives its bytes only once: standard input, a pipe or a device."""
    if file == STDIN:
        return True
    path = Path(file)
    try:
        return not is_url(file) and path.exists() and not path.is_file() and not path.is_dir()
    except (OSError, ValueError):
        return False  # reading it will say why


def size_of(file: str) -> int:
    """Bytes of a file, 0 where that is not known."""
    if is_url(file):
        return size_of_url(file)
    try:
        return 0 if file == STDIN else Path(file).stat().st_size
    except (OSError, ValueError):
        return 0  # reading it will say why


def has_suffix(file: str, suffixes: Collection[str]) -> bool:
    """Whether a file is named so, by itself or before the suffix of its compression.

    >>> has_suffix("a/b.CSV.gz", {".csv"}), has_suffix("b.csv.bak", {".csv"})
    (True, False)
    """
    name = os.path.basename(file).lower()  # noqa: PTH119 - of addresses too
    while packed := next((each for each in PACKED if name.endswith(each)), ""):
        name = name.removesuffix(packed)
    return os.path.splitext(name)[1] in suffixes  # noqa: PTH122
