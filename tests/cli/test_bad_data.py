"""Data that cannot be used, each tried on the command line and in Python: the same words, status 2, one line."""

import pytest

import miscope as ms
from miscope.errors import InputError

FILES = {
    "prices.csv": "Date,Close\n2020-01-01,2\n2020-01-02,3\n2020-01-03,1\n",
    "words.csv": "x\n1.5\n2.5\nabc\n3.5\n",
    "nan.csv": "x\n1.5\n\n2.5\nNaN\n3.5\n",
    "empty.csv": "x,y\n" + "1.5,0\n" * 49 + ",0\n" + "2.5,0\n" * 4 + "NA,0\n" + " +3.5,0\n" * 4 + "abc,0\n2.5,0\n",
    "infinite.csv": "x\n1.5\ninf\n2.5\n",
    "zero.csv": "p\n2\n0\n3\n",
    "negative.csv": "p\n2\n3\n-1\n",
    "backwards.csv": "t,p\n2020-01-02,2\n2020-01-01,3\n2020-01-03,1\n",
    "twice.csv": "t,p\n2020-01-01,2\n2020-01-02,3\n2020-01-02,1\n",
    "letters.fa": "ACGTACGT\nACGT\n",
    "reads.fa": "@read\nACGT\n+\nIIII\n",
    "proteins.fa": ">p\nMKVLLIWQRENDYFPSTHGMKVLLIWQREND\n",
}
MARK = {"column": "--column", "time": "--time-column", "as_": "--as", "missing": "--missing"}


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("prices.csv", {"column": "Clos"}, ["column of 'prices.csv'", "'Clos'", "did you mean 'Close'", "Date, Close"]),
        ("prices.csv", {"column": "close"}, ["has no column 'close'", "did you mean 'Close'"]),
        ("prices.csv", {"column": "Close", "time": "Dat"}, ["'Dat'", "did you mean 'Date'"]),
        ("words.csv", {"as_": "numbers"}, ["row 3 of 'words.csv' is 'abc', where a number is needed"]),
        ("empty.csv", {"column": "x", "as_": "numbers"}, ["row 60 of 'empty.csv' is 'abc', where a number is needed"]),
        ("words.csv", {}, ["nearly all numbers, but for 'abc'", "symbols"]),
        ("nan.csv", {"as_": "numbers", "missing": "refuse"}, ["row 2 of 'nan.csv' has no value"]),
        ("infinite.csv", {"as_": "sign"}, ["row 2 of 'infinite.csv' is inf", "leave out what is infinite"]),
        ("zero.csv", {"as_": "returns"}, ["row 2 of 'zero.csv' is 0", "prices are above 0", "changes"]),
        ("negative.csv", {"as_": "returns:sign"}, ["row 3 of 'negative.csv' is -1", "prices are above 0"]),
        (
            "backwards.csv",
            {"column": "p", "time": "t"},
            ["row 2", "2020-01-01, earlier than the row before it", "sort"],
        ),
        ("twice.csv", {"column": "p", "time": "t"}, ["row 3", "the same time as the row before it, 2020-01-02"]),
        ("letters.fa", {}, ["'letters.fa' has no header", "'>name'", "'ACGTACGT"]),
        ("reads.fa", {}, ["as FASTQ does"]),
        ("proteins.fa", {}, ["of the letters are not in the alphabet ACGT", "protein"]),
        ("none.csv", {}, ["there is no such file"]),
    ],
)
def test_the_same_words_on_both_sides(folder, refused, name, options, words):
    for each, content in FILES.items():
        (folder / each).write_text(content)
    given = [part for option, value in options.items() for part in (MARK[option], value)]
    refused("measure", name, *given, words=words)
    refused("inspect", name, *given, words=words)
    with pytest.raises(InputError) as caught:
        ms.read(name, **options)
    for word in words:
        assert word in str(caught.value)


def test_the_value_at_fault_in_a_later_part_of_a_file(folder, refused):
    """Files are read in parts of a megabyte, and an empty field in one before is no fault."""
    (folder / "long.csv").write_text("x,y\n" + "1.5,0\n" * 9 + ",0\n" + "2.5,0\n" * 250_000 + "1_5,0\n")
    refused("measure", "long.csv", "--column", "x", "--as", "numbers", words=["row 250,011 of 'long.csv' is '1_5'"])


def test_results_are_no_data(folder, refused):
    """What miscope saved says so, also where a table is read; the command to use is named."""
    curve = ms.measure("abcabca" * 100, "1:8")
    curve.save("c.json")
    curve.save("d.parquet")
    for command in ("measure", "count", "uniformity"):
        more = ["-o", "counts.arrow"] if command == "count" else []
        words = ["'c.json' is a curve that miscope saved, not data", "miscope fit c.json", "miscope report c.json"]
        refused(command, "c.json", *more, words=words)
        refused(command, "d.parquet", *more, words=["'d.parquet' is a curve that miscope saved", "--column mi"])
    (folder / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n" * 9)
    assert "encoding" not in refused("measure", "p.png", words=["'p.png' is a picture, not data"])


def test_not_numbers_break_documents_and_are_counted(folder, miscope):
    (folder / "nan.csv").write_text(FILES["nan.csv"])
    assert "left out   2 missing values" in miscope("inspect", "nan.csv").stdout
    assert ms.read("nan.csv").lengths.tolist() == [1, 1, 1]


def test_arrays_with_what_is_no_number(folder, refused):
    import numpy as np

    for value in (np.nan, np.inf):
        np.save(folder / "bad.npy", np.array([0.5, value, 1.5]))
        refused("measure", "bad.npy", words=[str(value)])
        with pytest.raises(InputError):
            ms.measure(ms.read("bad.npy"))


def test_a_tokenizer_that_does_not_match(folder, refused):
    tokenizers = pytest.importorskip("tokenizers")
    import pyarrow as pa
    from pyarrow import parquet

    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"so": 0, "it": 1, "[UNK]": 2}, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save("tokenizer.json")
    parquet.write_table(pa.table({"ids": [[0, 1], [7, 1]]}), "ids.parquet")
    parquet.write_table(pa.table({"words": [["so", "be"]]}), "words.parquet")
    (folder / "foreign.txt").write_text("rien ne va plus")
    (folder / "broken.json").write_text("{}")
    for name, words in {
        "ids.parquet": ["has the code 7, but the tokenizer", "has 3 tokens", "made by another tokenizer"],
        "words.parquet": ["symbols that the alphabet does not have: 'be'"],
        "foreign.txt": ["knows nothing of foreign.txt", "made for other text"],
    }.items():
        refused("measure", name, "--tokenizer", "tokenizer.json", words=words)
        with pytest.raises(InputError, match=words[0]):
            ms.read(name, tokenizer="tokenizer.json")
    refused("measure", "foreign.txt", "--tokenizer", "broken.json", words=["cannot use 'broken.json' as a tokenizer"])
    refused("measure", "foreign.txt", "--tokenizer", "./no.json", words=["there is no file or folder './no.json'"])


def test_one_document_only(folder, miscope, refused):
    """A corpus of one document is cut into segments; one that is too short for them is refused."""
    outcome = miscope("uniformity", "text.txt", "--lags", "1,2", "--permutations", "39", "--segments", "4")
    assert outcome.status == 0
    (folder / "short.txt").write_text("ab")
    message = refused("uniformity", "short.txt", "--lags", "1", words=["2 symbols are too few for 8 segments"])
    assert "Traceback" not in message
    with pytest.raises(InputError):
        ms.uniformity(ms.read_text("short.txt"), [1])
