"""Comments before a table are left out with a word; names of columns and values that begin so are not."""

import pytest

from miscope.errors import InputError, MiscopeWarning
from miscope.sequences.tables import read_table


def write(folder, text, name="a.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def symbols(path, column, **options):
    found = read_table(path, column, **options)
    return [found.alphabet[code] for code in found.codes]


TABLE = "word,tag\nso,A\nit,P\nis,V\n"


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("before", "n"),
    [
        ("# of 2018\n", 1),
        ("# of 2018\n#\n# by hand; of 2 people, in all\n", 3),
        ("#!so\n\n# it is\n\n", 4),
        ("# word, date\n", 1),  # as many columns, but not the one that is wanted
        ("\ufeff# of 2018\n", 1),
        ('# it "is\n', 1),
    ],
)
def test_comments_are_left_out_and_said(tmp_path, before, n, ends):
    path = write(tmp_path, (before + TABLE).replace("\n", ends))
    with pytest.warns(MiscopeWarning, match=r"first (\d+ )?lines? of .*a\.csv.*'#'.*left out") as caught:
        assert symbols(path, "tag") == list("APV")
    assert (f"{n} lines" if n > 1 else "first line") in str(caught[0].message)


def test_values_below_them_are_numbers_and_texts_too(tmp_path):
    path = write(tmp_path, "# volts; of 2018\nx;t\n1.5;2018-01-01\n2.5;2018-01-02\n3.5;2018-01-03\n")
    with pytest.warns(MiscopeWarning, match="left out"):
        assert read_table(path, "x", as_="numbers", time="t").values.tolist() == [1.5, 2.5, 3.5]
    with pytest.warns(MiscopeWarning, match="left out"):
        assert read_table(write(tmp_path, f"# texts\n{TABLE}"), "word", unit="character").n_documents == 3
    with pytest.warns(MiscopeWarning, match="left out"):
        assert read_table(write(tmp_path, "# volts\n1.5\n2.5\n"), as_="numbers").values.tolist() == [1.5, 2.5]


def test_lines_are_counted_with_them(tmp_path):
    path = write(tmp_path, '# so\n# it is\nword\ttag\n"\tQ\nso\tA\n', "a.tsv")
    with pytest.warns(MiscopeWarning) as caught:
        assert symbols(path, "tag") == ["Q", "A"]
    assert sorted("line 4" in str(each.message) for each in caught) == [False, True]


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("#chrom\tstart\nc1\t100\nc2\t200\n", "#chrom", ["c1", "c2"]),
        ("#chrom\tstart\nc1\t100\nc2\t200\n", "start", [100, 200]),
        ("word,n\n#love,1\n#peace,2\n", "word", ["#love", "#peace"]),
        ("#state\nwalk\nrest\n", "#state", ["walk", "rest"]),
        ("#love\n#peace\nso\n", None, ["#peace", "so"]),
        ("# state\nwalk\nrest\n", "# state", ["walk", "rest"]),
        ("#a\n#b\n", None, ["#b"]),
    ],
)
def test_names_and_values_that_begin_so_are_none(tmp_path, text, column, expected):
    assert symbols(write(tmp_path, text, "a.tsv" if "\t" in text else "a.csv"), column) == expected


def test_a_name_of_columns_that_begins_so_behind_comments(tmp_path):
    path = write(tmp_path, "##fileformat\n##so=it is\n#chrom\tstart\nc1\t100\nc2\t200\n", "a.tsv")
    with pytest.warns(MiscopeWarning, match="first 2 lines"):
        assert symbols(path, "#chrom") == ["c1", "c2"]


def test_comments_between_rows_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_table(write(tmp_path, f"{TABLE}# so\nit,P\n"), "tag")
