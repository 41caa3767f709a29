"""Who is responsible for a difference: the odd document, and where it stands in its file."""

from pathlib import Path

import numpy as np

import miscope as ms
from miscope.probing.influence import influences
from miscope.probing.splits import as_parts, cut_units
from miscope.probing.uniformity import uniformity

NAMES = ["train", "valid", "test"]


def units_of(parts):
    made, called, origins = as_parts(parts, None, 8)
    return cut_units(made, called, 32, origins)


def test_the_odd_document_is_named(tmp_path):
    generator = np.random.default_rng(3)
    for name in NAMES:
        (tmp_path / name).mkdir()
        for k in range(12):
            law = [0.05, 0.05, 0.9] if (name, k) == ("valid", 7) else [0.4, 0.4, 0.2]
            (tmp_path / name / f"{k:02}.txt").write_text("".join(generator.choice(list("abz"), 400, p=law)))
    parts = {name: ms.read_text(str(tmp_path / name / "*.txt")) for name in NAMES}
    found = uniformity(parts, [1, 2], n_permutations=199)
    first = next(each for each in found.influence if each.of == "composition")
    assert (first.part, first.document, first.n_documents) == ("valid", 7, 1)
    assert first.file.endswith("07.txt")
    assert first.share > 0.5
    assert first.text.count("z") > 40
    assert len(first.text) == 60


def test_a_document_inside_a_group_is_named():
    generator = np.random.default_rng(4)
    lines = [generator.choice(4, 20, p=[0.3, 0.3, 0.3, 0.1]) for _ in range(900)]
    lines[733] = np.full(200, 3)
    parts = [ms.Sequences.from_arrays(lines[k : k + 300], alphabet_size=4) for k in (0, 300, 600)]
    units = units_of(parts)
    assert units.kind == "group"
    first = influences(units, 0)[0]
    assert (first.part, first.document, first.n_documents, first.n_symbols) == ("part 3", 133, 1, 200)
    assert first.text.startswith("333")


def named(parts, segments=8, blocks=32):
    """Where the unit with most influence on composition stands."""
    made, called, origins = as_parts(parts, None, segments)
    return influences(cut_units(made, called, blocks, origins), 0)[0]


def test_lines_rows_and_records_are_named(tmp_path):
    generator = np.random.default_rng(5)
    for name in ("a", "b"):
        lines = ["".join(generator.choice(list("xy"), 60)) for _ in range(20)]
        if name == "b":
            lines[12] = "z" * 60
        (tmp_path / f"{name}.txt").write_text("\n".join(lines))
        rows = [f"{k},{letter}" for k, line in enumerate(lines) for letter in line]
        (tmp_path / f"{name}.csv").write_text("\n".join(["line,letter", *rows]))
    parts = [ms.read_text(tmp_path / f"{name}.txt", documents="line") for name in "ab"]
    first = named(parts)
    assert (first.place, Path(first.file).name) == ("line 13", "b.txt")
    assert "document 12 (" in str(first)
    assert "b.txt, line 13): 'zzz" in str(first)
    parts = [ms.read_table(tmp_path / f"{name}.csv", column="letter", document="line") for name in "ab"]
    assert named(parts).place == "12, from row 721"
    (tmp_path / "b.txt").write_text("\n".join(["", *lines]))  # which lines were left out is not known
    parts = [ms.read_text(tmp_path / f"{name}.txt", documents="line") for name in "ab"]
    assert named(parts).place == ""


def test_where_a_piece_of_a_segment_begins(tmp_path):
    """One column without documents: pieces are named by the rows of the file."""
    codes = np.random.default_rng(6).integers(0, 2, 3200)
    codes[2200:2300] = 7
    (tmp_path / "one.csv").write_text("\n".join(["code", *(f"s{code}" for code in codes)]))
    corpus = ms.read_table(tmp_path / "one.csv", column="code")
    first = named(corpus, segments=4, blocks=8)
    assert (first.part, first.document, first.first, first.n_symbols) == ("segment 3", 0, 2200, 100)
    assert first.place == "from row 2201"
