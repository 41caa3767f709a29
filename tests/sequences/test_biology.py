"""FASTA: records, unknown letters, strands and codons, against a reader that goes letter by letter."""

import gzip
import io
import itertools
import lzma
import re
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miscope import measure
from miscope.counting.blocks import cut_blocks
from miscope.curve.advice import _share_apart
from miscope.errors import FormatError, InputError
from miscope.processes import MarkovChain
from miscope.sequences import Sequences, biology
from miscope.sequences.biology import read_fasta

CODONS = ["".join(triplet) for triplet in itertools.product("ACGT", repeat=3)]


def slow(text, alphabet="ACGT", codons=False, reverse=False):
    """Documents, each a list of symbols; and the letters outside the alphabet."""
    records, outside = [], {}
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith(">"):
            records.append("")
            continue
        for letter in line.upper():
            if letter not in alphabet and not letter.isspace():
                outside[letter] = outside.get(letter, 0) + 1
            if not letter.isspace():
                records[-1] += letter if letter in alphabet else "?"
    other = {"A": "T", "C": "G", "G": "C", "T": "A", "?": "?"}
    found = []
    for record in records:
        pieces = cut(record, codons)
        back = cut("".join(other[letter] for letter in reversed(record)), codons)
        both = [each for two in zip(pieces, back[::-1], strict=True) for each in two]
        found += both if reverse else pieces
    return [piece for piece in found if piece], outside


def cut(record, codons):
    """The pieces between unknown letters, as symbols; of codons those whose place in the record is a multiple of 3."""
    pieces = []
    for match in re.finditer(r"[^?]+", record):
        begin, end = match.span()
        places = [i for i in range(begin, end - 2) if i % 3 == 0] if codons else range(begin, end)
        pieces.append([record[i : i + 3] if codons else record[i] for i in places])
    return pieces


def documents(sequences):
    return [list(sequences.decode(i)) for i in range(len(sequences))]


def write(folder, text, name="a.fa"):
    path = folder / name
    path.write_bytes(text.encode())
    return path


line = st.text("ACGTacgtACGTACGTNn-R \t", max_size=9)
record = st.lists(line, max_size=5)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(record, min_size=1, max_size=5),
    st.integers(1, 40),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_file_in_pieces_of_any_size(tmp_path_factory, records, chunk, codons, reverse, end):
    text = end.join(end.join([f">r{i} about it", *lines]) for i, lines in enumerate(records)) + end
    path = write(tmp_path_factory.mktemp("fasta"), text)
    expected, outside = slow(text, codons=codons, reverse=reverse)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(biology, "CHUNK", chunk)
        patch.setattr(biology._Parser, "check_letters", lambda self: None)
        if not expected:
            with pytest.raises(InputError):
                read_fasta(path, codons=codons, reverse_complement=reverse)
            return
        found = read_fasta(path, codons=codons, reverse_complement=reverse)
    assert documents(found) == expected
    assert found.alphabet == (tuple(CODONS) if codons else tuple("ACGT"))
    assert found.provenance["outside"] == outside
    assert found.provenance["records"] == len(records)
    assert len(found.provenance["documents"]) == len(found)


def test_names_tell_where_a_document_is_in_its_record(tmp_path):
    text = ">chr1 first\nNNACGT\nACNNN\nGG\n>\nTT\n>chr3\nNNN\n>chr4\n\n>chr5\nacg\n"
    found = read_fasta(write(tmp_path, text))
    assert found.provenance["documents"] == ["chr1:3-8", "chr1:12-13", "record 2", "chr5"]
    assert (found.provenance["records"], found.provenance["empty_records"]) == (5, 2)
    bases = "NNACGTACNNNGG"
    assert [bases[2:8], bases[11:13]] == [found.decode(0), found.decode(1)]
    assert found.provenance["label"] == "a.fa"
    assert found.provenance["sources"][0]["bytes"] == len(text)
    both = read_fasta(write(tmp_path, text), reverse_complement=True)
    assert both.provenance["documents"][:2] == ["chr1:3-8", "chr1:3-8 (other strand)"]
    triplets = read_fasta(write(tmp_path, text), codons=True)
    assert triplets.provenance["documents"] == ["chr1:3-8", "chr5"]
    assert [triplets.decode(0), triplets.decode(1)] == [["CGT"], ["ACG"]]  # the third letter of chr1 begins a codon
    assert triplets.provenance["letters_left_over"] == 7


def test_names_of_many_documents_are_left_out(tmp_path):
    text = "".join(f">r{i}\nAC\n" for i in range(4097))
    assert "documents" not in read_fasta(write(tmp_path, text)).provenance
    shorter = text.removesuffix(">r4096\nAC\n")
    assert read_fasta(write(tmp_path, shorter)).provenance["documents"][-1] == "r4095"
    assert "documents" not in read_fasta(write(tmp_path, shorter), reverse_complement=True).provenance


def test_a_long_record_on_one_line_and_across_chunks(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    bases = np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, 300_000)].copy()
    bases[100_000:150_000] = ord("N")
    monkeypatch.setattr(biology, "CHUNK", 1 << 12)
    found = read_fasta(write(tmp_path, ">long\n" + bases.tobytes().decode()))
    expected = bases.tobytes().decode().split("N" * 50_000)
    assert [found.decode(0), found.decode(1)] == expected
    assert found.provenance["outside"] == {"N": 50_000}


def test_the_other_strand_twice_is_the_first(tmp_path):
    text = ">a\nACGGTN\nGGATC\n>b\nTTTACG\n"
    found = read_fasta(write(tmp_path, text), reverse_complement=True)
    strands = [found.decode(i) for i in range(len(found))]
    back = "".join(f">r\n{strand}\n" for strand in strands[1::2])
    again = read_fasta(write(tmp_path, back), reverse_complement=True)
    assert [again.decode(i) for i in range(1, len(again), 2)] == strands[::2]
    rna = read_fasta(write(tmp_path, ">a\nAACGU\n"), alphabet="rna", reverse_complement=True)
    assert rna.decode(1) == "ACGUU"


def test_alphabets(tmp_path):
    protein = read_fasta(write(tmp_path, ">p\nMKV*\nLAXw\n"), alphabet="protein")
    assert [protein.decode(i) for i in range(len(protein))] == ["MKV", "LA", "W"]
    assert protein.alphabet_size == 20
    assert protein.provenance["outside"] == {"*": 1, "X": 1}
    with_n = read_fasta(write(tmp_path, ">a\nACNGT\n"), alphabet="acgtn")
    assert (with_n.decode(0), with_n.alphabet) == ("ACNGT", ("A", "C", "G", "T", "N"))
    numbered = read_fasta(write(tmp_path, ">a\n 1 ACGT ACGT\n 9 ACG\n"))
    assert numbered.decode(0) == "ACGTACGTACG"


def test_ways_to_write_it(tmp_path):
    plain = ">a x\nACGT\n>b\nGG\n"
    expected = [list("ACGT"), list("GG")]
    for text in [
        plain,
        plain.rstrip(),
        "\n\n" + plain,
        "\ufeff" + plain,
        plain.replace("\n", "\r"),
        "; old\n;er\n" + plain,
    ]:
        assert documents(read_fasta(write(tmp_path, text))) == expected
    commented = ">a\n;note\nACGT\n>b\nGG\n>"
    assert documents(read_fasta(write(tmp_path, commented))) == expected
    for pack in (gzip.compress, lzma.compress):
        (tmp_path / "packed").write_bytes(pack(plain.encode()))
        assert documents(read_fasta(tmp_path / "packed")) == expected
    blocks = gzip.compress(plain[:9].encode()) + gzip.compress(plain[9:].encode())  # as bgzip writes
    (tmp_path / "packed").write_bytes(blocks)
    found = read_fasta([tmp_path / "packed", tmp_path / "a.fa"])
    assert documents(found)[:2] == expected
    assert found.provenance["sources"][0]["bytes"] == len(blocks)
    assert found.provenance["label"] == "packed and 1 more"


def test_standard_input_and_progress(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b">a\nACGT\n")))
    assert read_fasta("-").provenance["sources"][0]["name"] == "<stdin>"
    seen = []
    path = write(tmp_path, ">a\nACGT\n")
    read_fasta([path, path], progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (16, 16)


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", {}, "is empty"),
        ("  \n", {}, "is empty"),
        ("ACGT\n>a\nACGT", {}, "has no header: FASTA begins with a line '>name', and this begins with 'ACGT"),
        ("@read\nACGT\n+\nIIII\n", {}, "as FASTQ does"),
        (">a\n>b\n", {}, "there is not one letter of ACGT in a.fa"),
        (">a\nNNNN\n", {}, "there is not one letter of ACGT"),
        (">a\nMKVLAWWFED\n", {}, r"90% of the letters are not in the alphabet ACGT .*alphabet='protein'"),
        (">a\nUUUUGA\n", {}, r"67% .*most often U.*alphabet='rna'"),
        (">a\nACGGACGACAU\n", {}, r"9% of the letters are U, which the alphabet ACGT does not have: .*alphabet='rna'"),
        (">a\nACGT\n", {"alphabet": "ACGTa"}, "has A twice"),
        (">a\nACGT\n", {"alphabet": ""}, "has to be letters of ASCII"),
        (">a\nACGT\n", {"alphabet": "AC>"}, "has to be letters of ASCII"),
        (">a\nACGT\n", {"alphabet": "ÄC"}, "has to be letters of ASCII"),
        (">a\nACGT\n", {"alphabet": None}, "an alphabet is a str of letters"),
        (">a\nAC\n", {"codons": True}, "no document has three letters in a row"),
        (">a\nMKV\n", {"codons": True, "alphabet": "protein"}, "leave codons out"),
        (">a\nMKV\n", {"reverse_complement": True, "alphabet": "protein"}, "needs bases that have complements"),
        (">a\nACG\n", {"reverse_complement": True, "alphabet": "ACG"}, "without its complement"),
        (">a\nACG\n", {"reverse_complement": True, "alphabet": "ACGTU"}, "needs bases that have complements"),
    ],
)
def test_refusals_with_their_words(tmp_path, text, options, words):
    with pytest.raises(InputError, match=words):
        read_fasta(write(tmp_path, text), **options)


def test_proteins_read_as_bases_are_refused_early(tmp_path, monkeypatch):
    monkeypatch.setattr(biology, "CHUNK", 1 << 10)
    with pytest.raises(InputError, match="not in the alphabet ACGT"):
        read_fasta(write(tmp_path, ">a\n" + "MKVLAWWFED" * 1000))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        read_fasta(tmp_path / "none.fa")
    with pytest.raises(InputError, match="is a folder"):
        read_fasta(tmp_path)
    packed = gzip.compress(b">a\n" + b"ACGT" * 1000)
    (tmp_path / "cut.fa.gz").write_bytes(packed[:-12])
    with pytest.raises(InputError, match="damaged gzip file"):
        read_fasta(tmp_path / "cut.fa.gz")
    with pytest.raises(FormatError, match="has no header"):
        read_fasta(write(tmp_path, "just text"))


def strands_apart(lengths, n_blocks):
    """Symbol by symbol: whether its place on the other strand, the document beside it, is in another block."""
    sequences = Sequences(np.zeros(sum(lengths), np.uint8), np.concatenate([[0], np.cumsum(lengths)]), 1)
    block = np.searchsorted(cut_blocks(sequences, n_blocks).bounds, np.arange(sum(lengths)), side="right")
    places = np.split(block, sequences.offsets[1:-1])
    return np.mean(np.concatenate([a != b[::-1] for a, b in zip(places[::2], places[1::2], strict=True)]))


@pytest.mark.parametrize(
    ("lengths", "n_blocks"),
    [([400, 400], 8), ([100, 100] * 4, 8), ([100, 100] * 4, 3), ([7, 7, 300, 300, 12, 12], 5), ([5, 5] * 90, 6)],
)
def test_how_much_of_both_strands_is_in_different_blocks(lengths, n_blocks):
    assert _share_apart(np.array(lengths), n_blocks) == pytest.approx(strands_apart(lengths, n_blocks), abs=1e-12)


@pytest.mark.parametrize(("n_records", "low", "high"), [(1, 0.62, 0.79), (400, 0.9, 1.1)])
def test_bars_of_both_strands(tmp_path, n_records, low, high):
    """Nothing is learnt twice: bars that are smaller than those of one strand are too small, and a warning says so."""
    steps = [[0.4, 0.2, 0.3, 0.1], [0.1, 0.4, 0.2, 0.3], [0.3, 0.1, 0.4, 0.2], [0.2, 0.3, 0.1, 0.4]]
    bars, warned = {False: [], True: []}, []
    for seed in range(6):
        genome = MarkovChain(steps).sample(n_records, 40_000 // n_records, seed=seed)
        records = [f">{k}\n{''.join(np.array(list('ACGT'))[record])}\n" for k, record in enumerate(genome)]
        (tmp_path / "genome.fa").write_text("".join(records))
        for both, found in bars.items():
            read = read_fasta(tmp_path / "genome.fa", reverse_complement=both)
            curve = measure(read, [1, 2], long_memory="ignore")
            found.append(curve.excess_stderr)
            if both:
                warned += [text for text in curve.warnings if "both strands" in text]
    assert low < np.mean(bars[True]) / np.mean(bars[False]) < high
    assert len(warned) == (6 if n_records == 1 else 0)
    assert all("too small by a factor of 1.41" in text for text in warned)


@pytest.mark.parametrize("chunk", [1, 3, 1 << 23])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">a\nACGT\n; a comment, GATTACA\nACG\n>b\nTT\n", ["ACGTACG", "TT"]),
        (";first\n>a\n;>no header\nAC\n;\n;\nGT\n;last", ["ACGT"]),
        (">a;b;c\nAC\n>b\nGT\n", ["AC", "GT"]),
        (">a\r\nAC\rGT\nAC\r\n\r\r\n>b\rTT", ["ACGTAC", "TT"]),
        ("\r\n\r>a\rAC\r;no\rGT\r>b\r\nTT\r", ["ACGT", "TT"]),
        ("\n \n>a\nac-gt\nnn*AC\n", ["AC", "GT", "AC"]),
    ],
)
def test_comments_and_line_ends(tmp_path, monkeypatch, chunk, text, expected):
    monkeypatch.setattr(biology, "CHUNK", chunk)
    found = read_fasta(write(tmp_path, text))
    assert ["".join(each) for each in documents(found)] == expected
    assert set(found.provenance["outside"]) <= {"N", "-", "*"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (">one\nACGT>two\nGG\n", r"'one'.*'>' inside a line \('ACGT>two'\)"),
        (">one\nACGT\n >two\nGG\n", "'one'.*'>' inside a line"),
        (">one\nAC\0GT\n", "'one' has a byte 0x00"),
        ("; only\n;comments\nACGT\n", "letters before its first header"),
        ("LOCUS       AB000263\nORIGIN\n 1 acgt\n", "GenBank"),
        ("@r\nACGT\n+\n>>>>\n", "FASTQ"),
    ],
)
def test_what_is_no_fasta(tmp_path, text, words):
    with pytest.raises(FormatError, match=words):
        read_fasta(write(tmp_path, text))


def test_the_record_of_strange_letters_is_named(tmp_path):
    with pytest.raises(InputError, match="first in the record 'two'"):
        read_fasta(write(tmp_path, ">one\nACGN\n>two\nMKVLAWWFEDMKV\n"))


def test_fastq_by_its_name(tmp_path):
    from miscope import read

    with pytest.raises(FormatError, match="FASTQ"):
        read(write(tmp_path, "@r\nACGT\n+\nIIII\n", "a.fastq"))
