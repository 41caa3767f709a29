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
    assert "1 missing values" in outcome.stdout
    numbers = json.loads(miscope("inspect", *options, "--as", "numbers", "--json").stdout)
    assert numbers["kind"] == "real numbers"
    assert numbers["quartiles"][0] == 1.0
    measured = miscope("measure", *options, "--as", "returns:sign", "--lags", "1", "--blocks", "0", "--json")
    assert json.loads(measured.stdout)["lags"] == [1]


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
