"""Quotation marks in tables: around fields, or symbols."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miscope.errors import InputError, MiscopeWarning
from miscope.sequences.quoting import tell_quotes
from miscope.sequences.tables import read_table

WORDS = 'word\ttag\nHe\tP\n"\tQ\nsaid\tV\nso\tA\n"\tQ\nand\tC\n'


def tags(path, **options):
    found = read_table(path, "tag", **options)
    return [found.alphabet[code] for code in found.codes]


def write(folder, text, name="a.tsv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("separator", "name"), [("\t", "a.tsv"), (",", "a.csv"), (";", "a.csv")])
def test_marks_that_are_words_swallow_no_lines(tmp_path, ends, separator, name):
    path = write(tmp_path, WORDS.replace("\t", separator).replace("\n", ends), name)
    with pytest.warns(MiscopeWarning, match=r"line 3 of .*quoting='none'.*quoting='fields'"):
        found = read_table(path, "tag")
    assert [found.alphabet[code] for code in found.codes] == list("PQVAQC")
    assert found.provenance["quoting"] == "none"
    assert "line 3" in found.provenance["notes"][0]
    assert tags(path, quoting="none") == list("PQVAQC")
    assert tags(path, quoting="fields") == list("PQC")
    words = read_table(path, "word", quoting="none")
    assert [words.alphabet[code] for code in words.codes] == ["He", '"', "said", "so", '"', "and"]


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ('w\tt\n"\tQ\nso\tA\n', "none"),  # one mark, that nothing closes
        ('w\tt\n"\t"\nso\tA\n', "none"),  # a mark is the tag of a mark
        ('w\tt\n"So\tA\nit\tB\nis"\tC\n', "none"),  # marks that stand at words
        ('w\tt\n"\tQ\n\nso\tA\n\n"\tQ\n', "none"),  # empty lines between sentences
        ('w\n"\nso\n"\n', "none"),
        ('"w"\t"t"\n"a"\t"b"\n', "fields"),
        ('w\tt\n"a ""b"""\tx\n""""\ty\n', "fields"),
        ('w\tt\n"a\tb"\tx\n', "fields"),  # a separator inside
        ('w\tt\n"a\nb"\tx\n', "fields"),  # a line end inside
        ('w\tt\nx\t"a\nb"\nc\td\n', "fields"),
        ('w\n"one\ntwo\n"\n', "fields"),
        ('w\tt\n5" disk\tx\n3" disk\ty\n', "fields"),  # inside of cells there is no question
        ("w\tt\na\tb\n", "fields"),
    ],
)
def test_what_marks_are(text, how):
    assert tell_quotes([text], "\t").how == how
    assert tell_quotes(list(text), "\t") == tell_quotes([text], "\t")


cell = st.sampled_from(["a", "b c", 'say "x"', "two\nlines", "a\tb", '"', ""])


@given(st.lists(st.tuples(cell, cell), min_size=1, max_size=12))
def test_fields_are_fields_in_what_the_standard_library_writes(rows):
    """But where a field with separators and line ends makes rows of its lines, which is said."""
    out = io.StringIO()
    csv.writer(out, "excel-tab", lineterminator="\n").writerows([("w", "tag"), *rows])
    even = all(line.count("\t") == 1 for line in out.getvalue().split("\n") if line)
    told = tell_quotes([out.getvalue()], "\t")
    assert told.how == "fields" or (even and told.line is not None)
    assert told.how == "fields" or any("\t" in part or "\n" in part for row in rows for part in row)


@pytest.mark.parametrize(
    ("text", "separator", "said"),
    [
        ('w,tag\n"a\nb\nc",x\nd,y\n', ",", None),  # texts of several lines: no line of them is a row
        ('n,w,tag\n1,"a\nb, c",x\n2,"d, e\nf",y\n', ",", None),
        ('n,w\n1,"a\n\nb"\n2,"c\nd"\n', ",", None),
        ('n\tw\n1\t"a\nb"\n2\t"c\nd\ne"\n', "\t", None),
        ('w\tn\n"a\nb"\t1\n"c\nd\ne"\t2\n', "\t", None),
        ('w,tag\n"a,b\nc",x\n', ",", (2, 2)),  # two rows, or one
        ('w,tag\n"a\nb",x\n"c,d\ne",y\n', ",", (4, 2)),
        (WORDS + "odd\n", "\t", (3, 4)),  # a line without a tag, and all marks are around fields
        (WORDS.replace("said", "odd\nsaid"), "\t", (3, 5)),
        (WORDS.replace("said\t", "odd\todd\todd\nsaid\t"), "\t", (3, 5)),
        ('w\n"one\ntwo\n"\n', ",", (2, 3)),  # of one column only, every line could be a row
    ],
)
def test_a_field_of_several_lines_is_said_where_they_could_be_rows(text, separator, said):
    told = tell_quotes([text], separator)
    assert (told.how, told.line and (told.line, told.span)) == ("fields", said)
    assert tell_quotes(list(text), separator) == told


def test_a_note_on_a_field_of_several_lines(tmp_path):
    path = write(tmp_path, 'w,tag\n"a,b\nc",x\nd,y\n', "a.csv")
    with pytest.warns(MiscopeWarning, match="line 2 .* spans 2 lines"):
        assert tags(path) == ["x", "y"]
    assert tags(path, quoting="fields") == ["x", "y"]
    assert tags(write(tmp_path, 'w,tag\n"a\nb\nc",x\nd,y\n', "a.csv")) == ["x", "y"]


def test_the_whole_file_tells_what_marks_are(tmp_path, monkeypatch):
    monkeypatch.setattr("miscope.sequences.table_files.BLOCK", 64)
    text = "word\ttag\n" + "a\tN\n" * 300 + '"\tQ\n' + "a\tN\n" * 300 + '"\tQ\n'
    for encoding in ("utf-8", "utf-16"):
        with pytest.warns(MiscopeWarning, match="line 302"):
            assert tags(write(tmp_path, text, encoding=encoding), encoding=encoding).count("N") == 600


def test_refusals(tmp_path):
    path = write(tmp_path, WORDS)
    with pytest.raises(InputError, match="did you mean 'fields'"):
        read_table(path, "tag", quoting="field")
    rows = tmp_path / "a.jsonl"
    rows.write_text('{"tag": "x"}\n')
    with pytest.raises(InputError, match="quoting is for tables that are text"):
        read_table(rows, "tag", quoting="none")
    with pytest.raises(InputError, match="quoting='none'"):
        read_table(write(tmp_path, 'w,tag\n"a,Q\nb\n', "a.csv"), "tag")


def test_texts_of_several_lines_that_have_all_columns_are_fields_of_csv():
    """As pandas writes them; in tagged words a mark stands alone in its cell."""
    rows = '"12 High St, York\nUK",A\n"1 Rue X, Paris\nFrance",B\n' * 20
    assert tell_quotes([f"address,cls\n{rows}"], ",").how == "fields"
    assert tell_quotes(['word,tag\n",Q\nso,A\n",Q\n'], ",").how == "none"
