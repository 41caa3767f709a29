"""FASTA becomes sequences: of bases, codons or amino acids, broken where a letter is unknown."""

from __future__ import annotations

import itertools
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np

from miscope.errors import FormatError, InputError, NothingError
from miscope.sequences.codes import Array, code_dtype, gather, offsets_of
from miscope.sequences.container import Sequences
from miscope.sequences.sources import Paths, Progress, expand, label_of, name_of
from miscope.sequences.streams import Meter
from miscope.sequences.text_files import open_text

__all__ = ["ALPHABETS", "read_fasta"]

ALPHABETS = {"dna": "ACGT", "rna": "ACGU", "protein": "ACDEFGHIKLMNPQRSTVWY"}
COMPLEMENTS = {"A": "T", "C": "G", "G": "C", "T": "A", "U": "A"}
UNKNOWN = 255
MARK = bytes([UNKNOWN])
HEADER, COMMENT, LINE_END = b">;\n"
FIRST_LETTER = ord("!")
SPACE = b"\r\n\t\v\f 0123456789"
PLACEHOLDERS = set("NX-.*?")
CHUNK = 1 << 23
LONGEST_LINE = 1 << 24
"""Bytes of a header or a comment: no name is so long."""
MAX_NAMES = 4096
MOST_URACIL = 0.01
"""From this share on, data that are read as DNA are taken to be RNA."""
MOST_CODONS = 1 << 16


def read_fasta(
    path: Paths,
    *,
    alphabet: str | Sequence[str] = "ACGT",
    codons: bool = False,
    reverse_complement: bool = False,
    label: str | None = None,
    progress: Progress | None = None,
) -> Sequences:
    r"""Read FASTA files: every record is a document, or several where letters are unknown.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "two.fa"
    >>> _ = path.write_text(">one\nACGTNN\nacg\n>two\nTTGA\n")
    >>> genes = read_fasta(path)
    >>> [genes.decode(document) for document in range(len(genes))]
    ['ACGT', 'ACG', 'TTGA']
    >>> genes.provenance["documents"]
    ['one:1-4', 'one:7-9', 'two']
    >>> read_fasta(path, codons=True).decode(2)
    ['TTG']
    >>> read_fasta(path, reverse_complement=True).decode(1)
    'ACGT'

    Parameters
    ----------
    path
        A file, a glob, an address, ``"-"`` for standard input, or a list of these, perhaps compressed by gzip (bgzip
        too), bzip2, xz, lzma, zstd or lz4.
    alphabet
        The symbols, in the order of their codes, as one text or a list of letters; capital and small letters are the
        same. ``"protein"`` stands for the 20 amino acids in alphabetical order, ``"dna"`` for ``"ACGT"``, ``"rna"`` for
        ``"ACGU"``. Any other letter (N and the other codes for several bases, X, gaps ``-``, stops ``*``) ends a
        document and is no symbol: what follows it is another document. White space, digits and comments (lines that
        begin with ``;``) are left out.
    codons
        Make symbols of three letters each, one triplet behind the other from the start of each record (of the other
        strand from its own start, the end of the record). An unknown letter does not shift the frame: a triplet that
        has one is dropped, as are one or two letters at the end, and the next document goes on in frame.
    reverse_complement
        Let each document be followed by the other strand, read backwards with complemented bases, as a document of its
        own. Both strands carry the same information: nothing is learnt twice. Where blocks of a measurement hold a
        document and its other strand, as they do where records are many and short, bars are right; where they are in
        different blocks, bars are too small by up to the square root of 2, and a warning says by how much.
    label
        What to call the data in results; by default the name of the file.
    progress
        Called now and then with the number of bytes done and in all.

    Returns
    -------
    Sequences
        Its provenance names the documents (``"documents"``), if there are no more than 4,096: by the first word of
        their record, and the place in it (counted from 1) if the record is in several pieces. It counts the records,
        those that gave no symbol (``"empty_records"``), the letters outside the alphabet (``"outside"``), and the
        letters that codons left over.

    Raises
    ------
    InputError
        A file cannot be read, does not begin with a header ``>name``, or has no symbol; a record has a ``>`` inside a
        line; most of its letters are not in the alphabet, or more than 1 % are U where it is ``"ACGT"``; an option does
        not fit the alphabet.
    """
    letters = _letters(alphabet)
    _check_options(letters, codons, reverse_complement)
    files = expand(path)
    sources: list[dict[str, Any]] = []
    parser, meter = _Parser(letters), Meter(files, progress)
    for file in files:
        with open_text(file, "utf-8", meter, sources, "*.fa") as stream:
            parser.parse(stream, name_of(file))
    parser.check_letters()
    codes, offsets, names = parser.result()
    places = parser.before
    if len(codes) == 0:
        raise NothingError(
            f"there is not one letter of {letters} in {label_of(files)}; pass the alphabet of its letters"
        )
    if reverse_complement:
        codes, offsets, names = _both_strands(codes, offsets, names, letters)
        places = np.stack([places, parser.behind], axis=1).ravel()
    symbols: tuple[str, ...] = tuple(letters)
    dropped = 0
    if codons:
        dropped = len(codes)
        codes, offsets, names, symbols = _in_codons(codes, offsets, names, letters, -places % 3)
        dropped -= 3 * len(codes)
    provenance = {
        "reader": "read_fasta",
        "label": label_of(files) if label is None else label,
        "alphabet": letters,
        "codons": codons,
        "reverse_complement": reverse_complement,
        "records": parser.n_records,
        "empty_records": parser.n_empty,
        "outside": dict(parser.outside.most_common()),
        "sources": sources,
    }
    provenance |= {"letters_left_over": dropped} if codons else {}
    provenance |= {"documents": names} if names is not None else {}
    return Sequences(codes, offsets, len(symbols), symbols, provenance)


def _letters(alphabet: str | Sequence[str]) -> str:
    """Return the letters of an alphabet, checked, as capitals."""
    if isinstance(alphabet, tuple | list) and all(isinstance(letter, str) for letter in alphabet):
        alphabet = "".join(alphabet)
    if not isinstance(alphabet, str):
        raise InputError(f"an alphabet is a str of letters, such as 'ACGT', or 'protein', not {alphabet!r}")
    letters = ALPHABETS.get(alphabet, alphabet.upper())
    if not letters or not letters.isascii() or any(not "!" <= c <= "~" or c in ">;0123456789" for c in letters):
        raise InputError(f"the alphabet {alphabet!r} has to be letters of ASCII, such as 'ACGT', or 'protein'")
    if len(set(letters)) < len(letters):
        twice = next(letter for letter in letters if letters.count(letter) > 1)
        raise InputError(f"the alphabet {alphabet!r} has {twice} twice (capital and small letters are the same)")
    return letters


def _check_options(letters: str, codons: bool, reverse_complement: bool) -> None:
    if codons and len(letters) ** 3 > MOST_CODONS:
        raise InputError(f"triplets of {len(letters)} letters are too many symbols; codons are for bases, as 'ACGT'")
    if codons and set(letters) >= set(ALPHABETS["protein"]):
        raise InputError("codons are triplets of bases, and this is the alphabet of proteins: leave codons out")
    if reverse_complement:
        wrong = [letter for letter in letters if letter not in COMPLEMENTS]
        if wrong or {"T", "U"} <= set(letters):
            raise InputError(
                f"the other strand needs bases that have complements, as 'ACGT' and 'ACGU' do; these are {letters!r}"
            )
        if any(_complement(letter, letters) not in letters for letter in letters):
            raise InputError(f"the alphabet {letters!r} has a base without its complement; pass 'ACGT'")


def _complement(letter: str, letters: str) -> str:
    other = COMPLEMENTS[letter]
    return "U" if other == "T" and "U" in letters else other


class _Parser:
    """Reads files chunk by chunk; keeps codes, and where the pieces of records end."""

    def __init__(self, letters: str) -> None:
        table = bytearray(MARK * 256)
        for code, letter in enumerate(letters):
            table[ord(letter)] = table[ord(letter.lower())] = code
        self._letters, self._table = letters, bytes(table)
        self._known = (letters + letters.lower()).encode() + SPACE
        self._codes = bytearray()
        self._lengths, self._before, self._behind = array("q"), array("q"), array("q")
        self._names: list[str] = []
        self.n_records = self.n_empty = 0
        self.outside: Counter[str] = Counter()
        self._first_strange = ""

    def parse(self, stream: IO[bytes], name: str) -> None:
        """Read all records of a file."""
        record: _Record | None = None
        for is_header, part in _headers_and_bodies(stream, name):
            if not is_header:
                if record is None:
                    raise FormatError(f"{name!r} has letters before its first header: put a line '>name' before them")
                if b">" in part:
                    raise FormatError(_header_inside(part, record.name, name))
                self._add(record, part)
                continue
            self._end(record)
            words = part.decode("utf-8", "replace").split(maxsplit=1)
            record = _Record(words[0] if words else f"record {self.n_records + 1}")
        self._end(record)

    def check_letters(self) -> None:
        """Refuse data most of whose letters are of another alphabet."""
        strange = {letter: count for letter, count in self.outside.items() if letter not in PLACEHOLDERS}
        n = sum(strange.values())
        if n > len(self._codes):
            most = ", ".join(sorted(strange, key=lambda letter: -strange[letter])[:5])
            raise InputError(
                f"{n / (n + len(self._codes)):.0%} of the letters are not in the alphabet {self._letters} (most often "
                f"{most}; the first in the record {self._first_strange!r}): for proteins pass alphabet='protein', for "
                "RNA alphabet='rna', or the letters themselves"
            )
        uracil = strange.get("U", 0) / max(n + len(self._codes), 1)
        if set(self._letters) == set(ALPHABETS["dna"]) and uracil > MOST_URACIL:
            raise InputError(
                f"{uracil:.0%} of the letters are U, which the alphabet {self._letters} does not have: every one would "
                "end a document; for RNA pass alphabet='rna'"
            )

    def result(self) -> tuple[Array, Array, list[str] | None]:
        """Codes, offsets, and the names of documents if they are not too many."""
        offsets = offsets_of(np.frombuffer(self._lengths, np.int64) if self._lengths else np.zeros(0, np.int64))
        return np.frombuffer(self._codes, np.uint8), offsets, self._names if len(offsets) - 1 <= MAX_NAMES else None

    @property
    def before(self) -> Array:
        """How many letters of its record stand before each document."""
        return np.array(self._before, np.int64)

    @property
    def behind(self) -> Array:
        """How many letters of its record stand behind each document."""
        return np.array(self._behind, np.int64)

    def _add(self, record: _Record, body: bytes) -> None:
        """Add a part of the letters of a record."""
        marked = body.translate(self._table, SPACE)
        if MARK not in marked:
            record.add(len(marked))
            self._codes += marked
            return
        record.add_broken(np.frombuffer(marked, np.uint8) != UNKNOWN)
        self._codes += marked.translate(None, MARK)
        others = np.frombuffer(body.translate(None, self._known), np.uint8)
        for byte in np.flatnonzero(counts := np.bincount(others)).tolist():
            if byte < FIRST_LETTER:
                raise FormatError(f"the record {record.name!r} has a byte 0x{byte:02x} in it, which no sequence has")
            self.outside[chr(byte).upper()] += int(counts[byte])
            if chr(byte) not in PLACEHOLDERS:
                self._first_strange = self._first_strange or record.name
        if len(self._codes) + len(others) > CHUNK // 8:
            self.check_letters()  # a large file of proteins read as bases would be cut to nothing, at length

    def _end(self, record: _Record | None) -> None:
        """Note the pieces of a record that is whole."""
        if record is None:
            return
        self.n_records += 1
        starts, lengths = record.pieces()
        self.n_empty += len(lengths) == 0
        self._lengths.extend(lengths)
        self._before.extend(starts)
        self._behind.extend(record.length - start - n for start, n in zip(starts, lengths, strict=True))
        if len(self._names) <= MAX_NAMES:
            spans = list(zip(starts, lengths, strict=True))[: MAX_NAMES + 1]
            whole = spans == [(0, record.length)]
            self._names += [record.name] if whole else [f"{record.name}:{a + 1}-{a + n}" for a, n in spans]


def _header_inside(part: bytes, record: str, name: str) -> str:
    at = part.index(b">")
    around = part[max(part.rfind(b"\n", 0, at) + 1, at - 20) : at + 20].decode("latin-1").split("\n")[0]
    return (
        f"the record {record!r} of {name!r} has a '>' inside a line ({around!r}), so that a header may be lost in it: "
        "begin headers on lines of their own"
    )


class _Record:
    """One record as it is being read: which of its letters are known."""

    def __init__(self, name: str) -> None:
        self.name, self.length = name, 0
        self._starts: list[Array] = []
        self._ends: list[Array] = []

    def add(self, n: int) -> None:
        """Say that the next `n` letters are all known."""
        if self._starts:
            self._note(np.array([0]), np.array([n]))
        self.length += n

    def add_broken(self, known: Array) -> None:
        """Say which of the next letters are known."""
        if not self._starts:
            self._starts.append(np.array([0]))
            self._ends.append(np.array([self.length]))
        turns = np.flatnonzero(np.diff(known, prepend=False, append=False))
        self._note(turns[::2], turns[1::2])
        self.length += len(known)

    def pieces(self) -> tuple[Sequence[int], Sequence[int]]:
        """Where the pieces between unknown letters begin, and how long they are; empty ones are none."""
        if not self._starts:
            return ([0], [self.length]) if self.length else ([], [])
        starts, ends = np.concatenate(self._starts), np.concatenate(self._ends)
        apart = starts[1:] > ends[:-1]  # pieces that touch were read in two parts
        starts, ends = starts[np.append(True, apart)], ends[np.append(apart, True)]
        full = ends > starts
        return starts[full].tolist(), (ends - starts)[full].tolist()

    def _note(self, starts: Array, ends: Array) -> None:
        self._starts.append(starts + self.length)
        self._ends.append(ends + self.length)


def _headers_and_bodies(stream: IO[bytes], name: str) -> Iterator[tuple[bool, bytes]]:
    """Yield whether it is a header, and what is in it: lines behind ``>``, and all between them, perhaps in parts.

    Lines that begin with ``;`` are comments, wherever they stand.
    """
    carried, line_starts = b"", True
    for chunk in _chunks(stream, name):
        chunk, at = carried + chunk, 0
        carried = b""
        has_comments = b";" in chunk
        while at < len(chunk):
            if line_starts and chunk[at] in (HEADER, COMMENT):
                end = chunk.find(b"\n", at)
                if end < 0:
                    if len(chunk) - at > LONGEST_LINE:
                        raise FormatError(
                            f"{name!r} has a header or a comment of more than {LONGEST_LINE >> 20} MB: it is damaged, "
                            "or its line ends are lost"
                        )
                    carried = chunk[at:]  # a line that goes on in the next chunk
                    break
                if chunk[at] == HEADER:
                    yield True, chunk[at + 1 : end]
                at = end + 1
            else:
                end = _next_line(chunk, at, has_comments)
                yield False, chunk[at:end]
                line_starts = chunk[end - 1] == LINE_END
                at = end
    if carried[:1] == b">":
        yield True, carried[1:]


_MARKED_LINE = re.compile(rb"\n[>;]")


def _next_line(chunk: bytes, at: int, has_comments: bool) -> int:
    """Where the next header or comment begins, or the end."""
    if not has_comments:
        return chunk.find(b"\n>", at) + 1 or len(chunk)  # as below, and several times as fast
    found = _MARKED_LINE.search(chunk, at)
    return len(chunk) if found is None else found.start() + 1


def _chunks(stream: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield the bytes of a file that begins as FASTA does, with line ends of all kinds made one."""
    first, returned = True, False
    while chunk := stream.read(CHUNK):
        if returned and chunk.startswith(b"\n"):  # the other half of a line end
            chunk = chunk[1:]
        returned = chunk.endswith(b"\r") if chunk else returned
        chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in chunk else chunk
        if first:
            chunk = chunk.removeprefix(b"\xef\xbb\xbf").lstrip()
            if not chunk:
                continue
            _check_start(chunk, name)
            first = False
        yield chunk
    if first:
        raise InputError(f"{name!r} is empty")


OTHERS = {b"@": "FASTQ", b"LOCUS ": "GenBank", b"ID   ": "EMBL", b"CLUSTAL": "Clustal", b"#NEXUS": "NEXUS"}
"""How files of other formats begin."""


def _check_start(chunk: bytes, name: str) -> None:
    if chunk[0] in (HEADER, COMMENT):
        return
    start = repr(chunk[:20].decode("latin-1"))
    other = next((kind for begins, kind in OTHERS.items() if chunk.startswith(begins)), None)
    if other is not None:
        how = "seqtk seq -a" if other == "FASTQ" else "seqret of EMBOSS, or Bio.SeqIO.convert"
        raise FormatError(f"{name!r} begins with {start}, as {other} does: make FASTA of it first ({how})")
    raise FormatError(
        f"{name!r} has no header: FASTA begins with a line '>name', and this begins with {start}; put such a line "
        "before each record, or read letters without headers by read_text(path, fold_case=True)"
    )


# Strands and codons


def _both_strands(codes: Array, offsets: Array, names: list[str] | None, letters: str) -> tuple[Array, Array, Any]:
    """Put behind each document the other strand."""
    n = len(offsets) - 1
    table = np.array([letters.index(_complement(letter, letters)) for letter in letters], np.uint8)
    both = np.concatenate([codes, table[codes[::-1]]])
    bounds = np.concatenate([offsets, offsets[-1] + (offsets[-1] - offsets[::-1])[1:]])
    order = np.arange(2 * n).reshape(2, n)
    order[1] = order[1, ::-1]  # reversed as a whole, the documents are in reverse order too
    codes, offsets = gather(both, bounds, order.T.ravel())
    if names is not None:
        names = [text for name in names for text in (name, f"{name} (other strand)")]
    return codes, offsets, names if names is not None and len(names) <= MAX_NAMES else None


def _in_codons(
    codes: Array, offsets: Array, names: list[str] | None, letters: str, skipped: Array
) -> tuple[Array, Array, list[str] | None, tuple[str, ...]]:
    """Make symbols of triplets in the frame of records, which begins `skipped` letters behind the start of each."""
    full = np.diff(offsets)
    lengths = np.maximum(full - skipped, 0)
    kept = np.ones(len(codes), bool)
    for left in (1, 2):
        kept[offsets[1:][lengths % 3 >= left] - left] = False
        kept[offsets[:-1][(skipped >= left) & (full >= left)] + left - 1] = False
    n = len(letters)
    triplets = codes[kept].reshape(-1, 3).astype(code_dtype(n**3))
    whole = lengths >= 3
    symbols = tuple(map("".join, itertools.product(letters, repeat=3)))
    if not whole.any():
        raise InputError("no document has three letters in a row, so there are no codons")
    if names is not None:
        names = [name for name, is_whole in zip(names, whole.tolist(), strict=True) if is_whole]
    coded = (triplets[:, 0] * n + triplets[:, 1]) * n + triplets[:, 2]
    return coded, offsets_of(lengths[whole] // 3), names, symbols
