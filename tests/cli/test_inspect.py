"""miscope inspect: what was read, of each kind of file; and the options that measure shares with it."""

import json


def test_text(miscope, folder):
    outcome = miscope("inspect", "text.txt", "--top", "2")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert "text.txt: 6,000 symbols in 1 document" in outcome.stdout
    assert "alphabet   4 symbols, 4 of them seen" in outcome.stdout
    assert outcome.stdout.count("%") == 2
    about = json.loads(miscope("inspect", "text.txt", "--json").stdout)
    text = (folder / "text.txt").read_text()
    assert dict(about["most_frequent"]) == {symbol: text.count(symbol) for symbol in "abcd"}


def test_a_table_of_prices(miscope, folder):
    rows = ["day,price"] + [f"2020-01-{day:02d},{price}" for day, price in enumerate([2, 4, "", 4, 1, 2, 2.5], start=1)]
    (folder / "prices.csv").write_text("\n".join(rows) + "\n")
    options = ("prices.csv", "--column", "price", "--time-column", "day")
    outcome = miscope("inspect", *options, "--as", "returns:sign")
    assert outcome.status == 0
    assert "4 symbols in 2 documents" in outcome.stdout  # broken at the missing price: one return, then three
    assert "left out   1 missing value, at which documents were broken\n" in outcome.stdout
    assert "times      2020-01-01 to 2020-01-07\n" in outcome.stdout
    numbers = json.loads(miscope("inspect", *options, "--as", "numbers", "--json").stdout)
    assert numbers["kind"] == "real numbers"
    assert numbers["quartiles"][0] == 1.0
    measured = miscope("measure", *options, "--as", "returns:sign", "--lags", "1", "--blocks", "0", "--json")
    assert json.loads(measured.stdout)["lags"] == [1]


def test_separators_of_text(miscope, refused, folder):
    (folder / "book.txt").write_text("CHAPTER I\nso it is in this chapter\nCHAPTER II\nit is so\n")
    pattern = ("--separator-regex", "^CHAPTER [IVX]+$")
    for options in (("--separator", "CHAPTER"), pattern):
        outcome = miscope("inspect", "book.txt", "--fold-case", *options)
        assert (outcome.status, outcome.stderr) == (0, "")
        assert "in 2 documents" in outcome.stdout
    for options in (("--separator", "Chapter"), ("--separator-regex", "^Chapter")):
        assert "Chapter" in miscope("inspect", "book.txt", *options).stderr
        measured = miscope("measure", "book.txt", *options, "--lags", "1")
        assert measured.stderr.count("Chapter") == 1
        assert miscope("inspect", "book.txt", *options, "-q").stderr == ""
    refused("inspect", "book.txt", "--separator-regex", "(", words=["'('", "--separator"])
    refused("measure", "book.txt", "--separator-regex", "x*", words=["x*", "--documents blank-line"])
    refused("inspect", "book.txt", *pattern, "--unit", "byte", words=["--unit character"])
    (folder / "t.csv").write_text("a\n1\n")
    refused("inspect", "t.csv", *pattern, words=["--separator-regex", "text"])


def test_quotation_marks_of_a_table(miscope, refused, folder):
    (folder / "words.tsv").write_text('word\ttag\n"\tQ\nsaid\tV\nso\tA\n"\tQ\n')
    outcome = miscope("inspect", "words.tsv", "--column", "tag")
    assert "4 symbols" in outcome.stdout
    assert "note: line 2 of 'words.tsv'" in outcome.stderr
    assert "--quoting fields" in outcome.stderr
    assert "quoting=" not in outcome.stderr
    assert miscope("inspect", "words.tsv", "--column", "tag", "--quiet").stderr == ""
    assert miscope("inspect", "words.tsv", "--column", "tag", "--quoting", "none").stderr == ""
    fields = miscope("inspect", "words.tsv", "--column", "tag", "--quoting", "fields")
    assert ("1 symbols" in fields.stdout, fields.stderr) == (True, "")
    refused("inspect", "words.tsv", "--quoting", "off", words=["off", "fields, none"])
    refused("inspect", "text.txt", "--quoting", "none", words=["--quoting"])


def test_values_that_mark_what_is_missing(miscope, folder):
    numbers = [-9999 if i % 40 < 5 else (i * 37 % 101) / 8 for i in range(400)]
    (folder / "sensor.csv").write_text("x,y\n" + "".join(f"{number},0\n" for number in numbers))
    options = ("sensor.csv", "--column", "x", "--as", "quantiles:2", "--lags", "1", "--blocks", "0")
    outcome = miscope("measure", *options)
    assert outcome.stderr.count("-9999 stands 50 times") == 1
    assert "--missing-values -9999" in outcome.stderr
    named = miscope("measure", *options, "--missing-values", "-9999,none")
    assert "-9999" not in named.stderr
    assert "350 real numbers" in named.stdout
    assert json.loads(miscope("measure", *options, "--json").stdout)["warnings"][0].startswith("in x the value -9999")


def test_fasta(miscope, folder):
    (folder / "genome.fa").write_text(">one\nACGTNNACG\n>two\nggcc\n")
    outcome = miscope("inspect", "genome.fa")
    assert "11 symbols in 3 documents" in outcome.stdout
    assert "left out   2 symbols outside the alphabet" in outcome.stdout
    assert "3 symbols in 3 documents" in miscope("inspect", "genome.fa", "--codons").stdout


def test_what_carries_the_information(miscope):
    outcome = miscope("measure", "text.txt", "--lags", "1,2", "--top", "4", "--top-lag", "2")
    assert outcome.status == 0
    assert "kinds of pairs at lag 2 carry" in outcome.stdout


def test_bad_input(refused, folder):
    (folder / "prices.csv").write_text("day,price\n1,2.0\n2,-1.0\n")
    refused("inspect", "prices.csv", "--column", "prise", words=["'prise'", "did you mean 'price'"])
    refused("inspect", "prices.csv", "--column", "price", "--as", "returns", words=["-1"])
    refused("inspect", "text.txt", "--column", "price", words=["column"])
    refused("measure", "text.txt", "--top", "3", "--json", words=["--top", "--json"])


def test_codes_far_larger_than_the_data(miscope, folder):
    """Hashes as codes: no table of them all is made (8 GB)."""
    import tracemalloc

    import numpy as np

    np.save(folder / "big.npy", np.array([10**9 - 1, 5, 10**9 - 1, 77]))
    tracemalloc.start()
    about = json.loads(miscope("inspect", "big.npy", "--json").stdout)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (about["alphabet_size"], about["n_kinds_seen"]) == (10**9, 3)
    assert about["most_frequent"] == [["999999999", 2], ["5", 1], ["77", 1]]
    assert peak < 1e8


def test_pair_counts_are_told_from_codes(miscope, refused):
    assert miscope("count", "text.txt", "--lags", "1", "-o", "counts.arrow", "--quiet").status == 0
    refused("uniformity", "counts.arrow", words=["holds pair counts", "miscope measure counts.arrow"])
    assert "counts of pairs" in miscope("inspect", "counts.arrow").stdout


def test_documents_of_two_columns(miscope, folder):
    import miscope as ms

    (folder / "birds.csv").write_text("bird,bout,s\nx,1,a\nx,1,b\nx,2,a\ny,2,b\ny,2,b\n")
    about = json.loads(
        miscope("inspect", "birds.csv", "--column", "s", "--document-column", "bird,bout", "--json").stdout
    )
    assert (about["n_documents"], about["lengths"]) == (3, [1, 2, 2])
    found = ms.read("birds.csv", column="s", document=["bird", "bout"])
    assert found.lengths.tolist() == [2, 1, 2]
    assert found.provenance["documents"] == ["x, 1, from row 1", "x, 2, from row 3", "y, 2, from row 4"]
    assert found.provenance["document"] == ["bird", "bout"]


def test_advice_in_words_of_the_command_line(folder, refused):
    import numpy as np

    np.save(folder / "real.npy", np.random.default_rng(0).normal(size=99))
    refused("measure", "real.npy", "--classes", "top:2", words=["--as quantiles:4"])
    refused("inspect", "text.txt", "--tokenizer", "nosuch.json", words=["there is no file or folder 'nosuch.json'"])
    refused("uniformity", "text.txt", "--permutations", "5", words=["--permutations must"])
    refused("count", "text.txt", "-o", "counts.txt", words=["counts.txt should end in .arrow\n"])


def test_a_folder_that_takes_no_files(refused):
    """Rights alone do not say it: those who may do everything cannot make a file in /proc either."""
    import sys

    if sys.platform == "linux":
        refused("measure", "text.txt", "--lags", "1", "-o", "/proc/x.json", words=["cannot write /proc/x.json"])


def test_the_header_speaks_of_quantiles_only_where_there_are_some(miscope, folder):
    rows = [f"{(-1) ** (i // 3) * (1 + i % 5)}.5" for i in range(200)]
    (folder / "x.csv").write_text("\n".join(["x", *rows]) + "\n")
    said = {
        "sign": "as 2 symbols (sign)",
        "edges:-2,2": "as 3 symbols (edges:-2,2)",
        "quantiles:4": "cut at their quantiles into 4 symbols",
        "volatility:3": "cut at the quantiles of their absolute values into 3 symbols",
    }
    for way, words in said.items():
        outcome = miscope("measure", "x.csv", "--as", way, "--lags", "1", "--blocks", "0", "--quiet")
        assert words in outcome.stdout, (way, outcome.stdout)


def test_a_note_on_the_bytes_of_what_is_no_text(miscope, folder):
    (folder / "program").write_bytes(b"\x7fELF\x02\x01\x01\0" * 3)
    outcome = miscope("inspect", "program", "--unit", "byte")
    assert "24 symbols" in outcome.stdout
    assert "a program" in outcome.stderr


def test_a_variable_of_a_matlab_file(miscope, refused, folder):
    import numpy as np
    from scipy.io import savemat

    savemat(folder / "bird.mat", {"songs": np.tile([1.0, 2.0, 2.0, 1.0], 5), "speed": [0.5, 1.5]})
    assert "20 symbols" in miscope("inspect", "bird.mat:songs").stdout
    assert "2 real numbers" in miscope("inspect", "bird.mat:speed").stdout
    refused("inspect", "bird.mat", words=["name one, as bird.mat:songs"])


def test_codes_without_symbols_are_counted_where_they_occur(miscope, folder):
    import numpy as np

    np.save(folder / "states.npy", np.array([1, 3, 1, 2] * 20))
    assert "alphabet   3 symbols, codes from 1 to 3\n" in miscope("inspect", "states.npy").stdout
    np.save(folder / "still.npy", np.array([7, 7]))
    assert "alphabet   1 symbol, the code 7\n" in miscope("inspect", "still.npy").stdout
    assert json.loads(miscope("inspect", "states.npy", "--json").stdout)["codes"] == [1, 3]


def test_whole_numbers_are_noted_or_refused(miscope, refused, folder):
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"x": [1.0, 2.0, None, 3.0] * 20}), "states.parquet")
    refused("measure", "states.parquet", "--lags", "1", words=["--as symbols", "--as quantiles:4"])
    assert "--as symbols" in miscope("inspect", "states.parquet").stderr
    assert miscope("inspect", "states.parquet", "--as", "numbers").stderr == ""
    parquet.write_table(pa.table({"x": [float(i * i % 997) for i in range(600)]}), "many.parquet")
    measured = miscope("measure", "many.parquet", "--lags", "1", "--blocks", "0")
    assert (measured.status, measured.stderr.count("taken as measurements")) == (0, 1)


def test_what_is_missing_in_arrays(miscope, refused, folder):
    import numpy as np

    speed = np.random.default_rng(0).normal(size=200)
    np.save(folder / "speed.npy", np.where(np.arange(200) // 9 == 5, -9999, speed))
    outcome = miscope("inspect", "speed.npy")
    assert "-9999 stands 9 times" in outcome.stderr
    assert "--missing-values -9999" in outcome.stderr
    named = miscope("inspect", "speed.npy", "--missing-values", "-9999")
    assert ("191 real numbers in 2 documents" in named.stdout, named.stderr) == (True, "")
    np.save(folder / "speed.npy", np.where(np.arange(200) // 9 == 5, np.nan, speed))
    refused("inspect", "speed.npy", words=["value 45", "--missing break"])
    assert "191 real numbers in 2 documents" in miscope("inspect", "speed.npy", "--missing", "break").stdout
