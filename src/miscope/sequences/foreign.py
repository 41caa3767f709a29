"""What a file is that is neither text nor a table, told by its first bytes: what takes it, or what to do with it."""

from __future__ import annotations

import re
from typing import NamedTuple

from miscope.errors import InputError
from miscope.formats import says_kind, what_takes
from miscope.whole_files import json_of

__all__ = [
    "HDF5",
    "HEAD",
    "MATLAB",
    "NPY",
    "ZIP",
    "has_hdf5_at",
    "is_safetensors",
    "looks_binary",
    "note_of_bytes",
    "reader_of",
    "refuse_foreign",
    "refuse_packed",
    "refuse_saved_table",
]

HEAD = 4096
"""Bytes that are looked at."""
NPY, HDF5, MATLAB = b"\x93NUMPY", b"\x89HDF\r\n\x1a\n", b"MATLAB "
ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")

_AUDIO = "a recording of sound, not symbols: name what was scored in it, the syllables or calls, as text or a table"
_FILM = "a film, not symbols: name what was scored in it, as text or a table"
_PICTURE = "a picture, not data: name the data that it shows"
_PACKED = "an archive of files: unpack it, and name the files in it"
_PICKLE = (
    "a pickle of Python's, which runs whatever is in it when it is opened: open it where it was made, and save the "
    "data by numpy.save or as text"
)
_CHECKPOINT = (
    "a checkpoint of PyTorch's, not data: load it where its network was made, in Python, and "
    "miscope.models.wrap takes that"
)
_COMPRESSED = "compressed by {}, which is not read here: unpack it first, and name what comes out"


class _Kind(NamedTuple):
    """What a file is, whether text could begin so too, whether it is packed, and which reader takes it, if one does."""

    said: str
    printable: bool = False
    packed: bool = False
    reader: str | None = None


def _read(what: str, reader: str, printable: bool = False, packed: bool = False) -> _Kind:
    return _Kind(
        f"{what}, not text: leave out what says that it is text, or pass format={reader!r}", printable, packed, reader
    )


_KNOWN: dict[bytes, _Kind] = {
    NPY: _read("a .npy file", "npy"),
    HDF5: _read("an HDF5 file", "hdf5"),
    b"PAR1": _read("a Parquet file", "table", printable=True),
    b"ARROW1": _read("an Arrow file", "arrow", printable=True),
    b"FEA1": _read("a Feather file", "table", printable=True),
    b"\x89PNG\r\n\x1a\n": _Kind(_PICTURE),
    b"\xff\xd8\xff": _Kind(_PICTURE),
    b"GIF87a": _Kind(_PICTURE, printable=True),
    b"GIF89a": _Kind(_PICTURE, printable=True),
    b"II*\0": _Kind(_PICTURE),
    b"MM\0*": _Kind(_PICTURE),
    b"BM": _Kind(_PICTURE, printable=True),
    b"fLaC": _Kind(_AUDIO, printable=True),
    b"OggS": _Kind(_AUDIO, printable=True),
    b"ID3": _Kind(_AUDIO, printable=True),
    b"\xff\xfb": _Kind(_AUDIO, printable=True),
    b"\xff\xf3": _Kind(_AUDIO, printable=True),
    b"FORM": _Kind(_AUDIO, printable=True),
    b"MThd": _Kind(
        "a MIDI file, not symbols yet: write its notes as a table or as text (pretty_midi, music21 read it)",
        printable=True,
    ),
    b"\x1aE\xdf\xa3": _Kind(_FILM),
    b"%PDF-": _Kind("a PDF file, not text: take the text out of it first, with pdftotext for example, and name that"),
    b"%!PS": _Kind("a PostScript file, not text: take the text out of it first, with ps2ascii for example"),
    b"{\\rtf": _Kind("a file of rich text (RTF), whose marks would be symbols: save it as plain text, .txt"),
    b"7z\xbc\xaf\x27\x1c": _Kind(_PACKED, packed=True),
    b"Rar!\x1a\x07": _Kind(_PACKED, packed=True),
    b"MSCF": _Kind(_PACKED, printable=True, packed=True),
    b"xar!": _Kind(_PACKED, printable=True, packed=True),
    b"!<arch>\n": _Kind(_PACKED, packed=True),
    b"\x1f\x9d": _Kind(_COMPRESSED.format("compress (.Z)"), packed=True),
    b"\x1f\xa0": _Kind(_COMPRESSED.format("compress (.Z)"), packed=True),
    b"\x1f\x1e": _Kind(_COMPRESSED.format("pack (.z)"), packed=True),
    b"\x1f\x8b": _Kind("a damaged gzip file, cut off or changed on its way: fetch it again", packed=True),
    b"LZIP": _Kind(_COMPRESSED.format("lzip (.lz)"), printable=True, packed=True),
    b"\x89LZO\0\r\n\x1a\n": _Kind(_COMPRESSED.format("lzop (.lzo)"), packed=True),
    b"\xff\x06\0\0sNaPpY": _Kind(_COMPRESSED.format("snappy (.sz)"), packed=True),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": _Kind(
        "an old Office file (.doc, .xls), not text: save its text as .txt, or its table as .csv, and name that"
    ),
    b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.": _Kind(_CHECKPOINT),
    b"SQLite format 3\0": _Kind("a database of SQLite's, not text: export the table as CSV, and name that"),
    b"\x7fELF": _Kind("a program, not text"),
    b"MZ": _Kind("a program, not text", printable=True),
    b"RDX3\n": _Kind("an .RData file of R's, not text: save the data in it by write.csv, and name that"),
    b"RDX2\n": _Kind("an .RData file of R's, not text: save the data in it by write.csv, and name that"),
    b"X\n\0\0": _Kind("an .rds file of R's, not text: save the data in it by write.csv, and name that"),
    b"CDF\x01": _Kind("a netCDF file of the old form, not text: convert it by nccopy -k nc4, and name that"),
    b"CDF\x02": _Kind("a netCDF file of the old form, not text: convert it by nccopy -k nc4, and name that"),
    b"$FL2@(#)": _Kind("a file of SPSS's, not text: save its table as .csv, and name that"),
    b"version https://git-lfs.github.com/spec/v1": _Kind(
        "a pointer of Git LFS, not the file itself: run git lfs pull in its folder, and read it again"
    ),
}
"""First bytes, and what a file is that begins so."""

_AT = {
    257: {b"ustar": _Kind(_PACKED, packed=True)},
    4: {b"ftyp": _Kind(_FILM)},
    8: {b"WAVE": _Kind(_AUDIO), b"AVI ": _Kind(_FILM), b"WEBP": _Kind(_PICTURE)},
}
"""What stands further behind; ``WAVE`` and the like after ``RIFF`` only."""

_IN_ZIP = {
    rb"[^/]*/data\.pkl|[^/]*/version|data\.pkl": _CHECKPOINT,
    rb"word/": "a Word document (.docx), not text: save it as plain text, .txt",
    rb"xl/": "an Excel workbook (.xlsx), not text: save the sheet as .csv",
    rb"ppt/": "a presentation (.pptx), not text: save its text as .txt",
    rb"META-INF/container\.xml|OEBPS/": "a book (.epub), not text: convert it to plain text, with pandoc for example",
}
_MIMES = {
    b"application/epub+zip": _IN_ZIP[rb"META-INF/container\.xml|OEBPS/"],
    b"application/vnd.oasis.opendocument.spreadsheet": "a spreadsheet (.ods), not text: save the sheet as .csv",
    b"application/vnd.oasis.opendocument": "an OpenDocument file (.odt), not text: save it as plain text, .txt",
}
_SVG = re.compile(rb"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,1000}?-->\s*)?<(?:!DOCTYPE )?svg[\s>]", re.DOTALL)
_NAME_IN_ZIP = re.compile(rb"PK\x03\x04.{22}(..)(..)", re.DOTALL)
_LONGEST_HEADER = 100_000_000  # of a safetensors file, as its own library has it


def has_hdf5_at(start: bytes) -> int | None:
    """Where in a file that begins so HDF5 begins: behind the words of somebody else there may be 512, 1024, … bytes.

    >>> has_hdf5_at(HDF5), has_hdf5_at(b"MATLAB 7.3 MAT-file".ljust(512) + HDF5), has_hdf5_at(b"so it is")
    (0, 512, None)
    """
    return next((at for at in (0, 512, 1024, 2048) if start[at : at + len(HDF5)] == HDF5), None)


def reader_of(start: bytes) -> str | None:
    """The name of the reader of a file that begins so (as `miscope.formats.DATA` has it), if its first bytes say it.

    >>> reader_of(NPY), reader_of(HDF5), reader_of(b"so it is")
    ('npy', 'hdf5', None)
    """
    what = _what(start)
    return None if what is None else what.reader


def is_safetensors(start: bytes) -> bool:
    """Whether a file that begins so is one of safetensors: the length of a JSON object, and the object.

    >>> is_safetensors((80).to_bytes(8, "little") + b'{"weight"'), is_safetensors(b'{"a": "so it is"}')
    (True, False)
    """
    return len(start) > 9 and start[8:10] == b'{"' and int.from_bytes(start[:8], "little") < _LONGEST_HEADER


def looks_binary(text: str, allowed: str = "") -> bool:
    r"""Whether a text has more control characters than text has: more than one, and more than one in a hundred.

    Not counted are line ends, tabs and the like, escapes of terminals, the end of files of DOS, the separators of ASCII
    (all of which texts do have), and what is `allowed`.

    >>> looks_binary("so\x00it"), looks_binary("so\x00it\x00is"), looks_binary("so\x00it\x00is", "\x00")
    (False, True, False)
    """
    controls = _CONTROLS.sub("", text)
    return len(controls.translate(dict.fromkeys(map(ord, allowed)))) > 1 + len(text) / 100


_CONTROLS = re.compile(r"[^\x00-\x07\x0e-\x19\x7f]+")


def refuse_foreign(start: bytes, name: str) -> None:
    """Refuse to read a file as text that begins as something else does, or as a result that miscope saved.

    >>> refuse_foreign(b'{"format": "miscope.curve", "version": 1}', "c.json")
    Traceback (most recent call last):
    ...
    miscope.errors.InputError: 'c.json' is a curve that miscope saved, not data: to fit it, miscope fit c.json; to ...

    Parameters
    ----------
    start
        The first bytes, after decompression.
    name
        The file, as it is called in messages.

    Raises
    ------
    InputError
        It says what the file is, and what takes it.
    """
    if is_safetensors(start):
        raise InputError(
            f"{name!r} is a model (safetensors), not data: miscope probe {_named(name)} measures what it draws"
        )
    what = _what(start)
    if what is not None:
        raise InputError(f"{name!r} is {what.said}")
    kind = says_kind(start[:HEAD])
    if kind is not None:
        raise InputError(_saved(name, kind))


def refuse_packed(start: bytes, name: str) -> None:
    """Refuse to read even the bytes of an archive, or of what is compressed: they say nothing of what is in it."""
    what = _what(start)
    if what is not None and what.packed:
        raise InputError(f"{name!r} is {what.said}")


def note_of_bytes(start: bytes, name: str) -> str | None:
    """What to say of a file whose bytes are read although it is of a kind whose bytes are not the data."""
    what = _what(start)
    return None if what is None else f"these are the bytes of {name!r} as they are, and it is {what.said}"


def refuse_saved_table(metadata: dict[bytes, bytes] | None, name: str) -> None:
    """Refuse to look for a column of data in a table that is a result of miscope's."""
    try:
        about = json_of((metadata or {}).get(b"miscope", b"{}"), name, finite=False)
    except ValueError:
        return
    kind = about.get("format") if isinstance(about, dict) else None
    if isinstance(kind, str) and kind == "miscope.curve":
        raise InputError(f"{_saved(name, kind)}; to read a column of it all the same, name it, column='mi'")


def _what(start: bytes) -> _Kind | None:
    """What a file is that begins so; None if it may be text."""
    if start.startswith(ZIP):
        return _in_zip(start)
    if start.startswith(MATLAB) and (has_hdf5_at(start) or start[126:128] in (b"IM", b"MI")):
        return _read("a MATLAB file", "mat")
    for at, known in _AT.items():
        for magic, kind in known.items():
            if start[at : at + len(magic)] == magic and (at != 8 or start.startswith(b"RIFF")) and _is_binary(start):
                return kind
    if _SVG.match(start):
        return _Kind(_PICTURE)
    found = next((kind for magic, kind in _KNOWN.items() if start.startswith(magic)), None)
    if found is not None and (not found.printable or _is_binary(start)):
        return found
    if has_hdf5_at(start) is not None:
        return _KNOWN[HDF5]
    return _Kind(_PICKLE) if start[:1] == b"\x80" and start[1:2] in b"\2\3\4\5" and len(start) > 2 else None


def _is_binary(start: bytes) -> bool:
    """Whether bytes that begin as text could are none: there is a zero, or too many controls."""
    return b"\0" in start or looks_binary(start.decode("latin-1"))


def _in_zip(start: bytes) -> _Kind:
    """What a ZIP archive is, by the names of the files at its beginning."""
    names = _names_in_zip(start)
    if names and names[0].endswith(b".npy"):
        return _read("an .npz file of arrays", "npz", packed=True)
    if names[:1] == [b"mimetype"]:
        said = next((said for mime, said in _MIMES.items() if mime in start[:HEAD]), None)
        if said is not None:
            return _Kind(said, packed=True)
    for pattern, said in _IN_ZIP.items():
        if any(re.match(pattern, name) for name in names):
            return _Kind(said, packed=True)
    if names[:1] == [b"[Content_Types].xml"]:
        return _Kind(
            "an Office file (.docx, .xlsx, .pptx), not text: save its text as .txt, or its table as .csv", packed=True
        )
    return _Kind("a ZIP archive: unpack it, and name the files in it", packed=True)


def _names_in_zip(start: bytes) -> list[bytes]:
    """The names of files in the first bytes of a ZIP archive."""
    found = _NAME_IN_ZIP.finditer(start)
    return [start[each.end() : each.end() + int.from_bytes(each[1], "little")] for each in found]


def _saved(name: str, kind: str) -> str:
    what, takes = what_takes(kind, _named(name))
    return f"{name!r} is {what} that miscope saved, not data: {takes}"


def _named(name: str) -> str:
    """How a file is named in a command."""
    return "FILE" if name == "<stdin>" else name
