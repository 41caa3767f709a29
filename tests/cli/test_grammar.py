"""One grammar for all kinds of data: what each option does, and what is said where it does not belong."""

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import miscope as ms
from miscope.cli.files import OPTIONS, advice
from miscope.errors import InputError

QUICK = ("--lags", "1,2", "--blocks", "4", "--json")
TEXTS = ["the cat sat and the dog ran", "a cat and the cat", "the dog sat 42 times"] * 20


@pytest.fixture
def data(folder):
    """Files of several kinds with the same words, and prices."""
    (folder / "words.txt").write_text("\n".join(TEXTS) + "\n")
    (folder / "rows.jsonl").write_text("".join(json.dumps({"text": text, "n": 1}) + "\n" for text in TEXTS))
    parquet.write_table(pa.table({"words": [text.split() for text in TEXTS]}), folder / "words.parquet")
    prices = np.exp(np.cumsum(np.random.default_rng(1).standard_normal(400) * 0.01)) * 100
    for name, part in (("old", prices[:300]), ("new", prices[200:] * 3)):
        rows = [f"{k},{price:.5f}" for k, price in enumerate(part)]
        (folder / f"{name}.csv").write_text("t,close\n" + "\n".join(rows) + "\n")
    (folder / "genome.fa").write_text(">one\nACGTACGGTCAT\n>two\nACGTNACGTGCA\n")
    np.save(folder / "codes.npy", np.arange(600) % 3)
    return folder


def about(miscope, *arguments):
    outcome = miscope("inspect", *arguments, "--json")
    assert outcome.status == 0, outcome
    return json.loads(outcome.stdout)


def test_the_same_words_from_files_of_four_kinds(miscope, data):
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict({"text": TEXTS}).save_to_disk("saved")
    read = [
        about(miscope, "words.txt", "--unit", "word", "--documents", "line"),
        about(miscope, "rows.jsonl", "--column", "text", "--unit", "word"),
        about(miscope, "words.parquet"),
        about(miscope, "saved", "--unit", "word"),
        about(miscope, "hub:saved", "--column", "text", "--unit", "word", "--split", "train"),
    ]
    sizes = {(each["n_documents"], each["n_symbols"], each["n_kinds_seen"]) for each in read}
    assert sizes == {(60, 340, 9)}
    assert about(miscope, "saved", "--limit", "3")["n_documents"] == 3


def test_a_tokenizer(miscope, data):
    tokenizers = pytest.importorskip("tokenizers")
    names = sorted({word for text in TEXTS for word in text.split()})
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({name: code for code, name in enumerate(names)}))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save("tokenizer.json")
    for arguments in (("words.txt", "--documents", "line"), ("rows.jsonl", "--column", "text"), ("words.parquet",)):
        found = about(miscope, *arguments, "--tokenizer", "tokenizer.json")
        assert (found["n_documents"], found["n_symbols"], found["alphabet_size"]) == (60, 340, len(names))


def test_an_alphabet_and_missing_values(miscope, data):
    assert about(miscope, "genome.fa", "--alphabet", "TGCA", "--top", "0")["n_symbols"] == 23
    assert about(miscope, "codes.npy", "--alphabet", "x,y,z,unseen")["alphabet_size"] == 4
    (data / "levels.csv").write_text("level\nlow\nhigh\n\nlow\nhigh\n")
    found = about(miscope, "levels.csv", "--alphabet", "low,middle,high")
    assert (found["alphabet_size"], found["n_documents"]) == (3, 2)


def test_missing_values_that_are_refused(refused, data):
    (data / "levels.csv").write_text("level\nlow\n\nlow\n")
    message = refused("measure", "levels.csv", "--missing", "refuse", words=["row 2 of 'levels.csv' has no value"])
    assert "missing=" not in message
    refused("measure", "levels.csv", "--missing", "skip", words=["unknown way with missing values", "break, refuse"])


def test_classes(miscope, data):
    merged = ("words.txt", "--unit", "word", "--documents", "line", "--classes", "top:4")
    outcome = miscope("measure", *merged, "--lags", "1,2", "--blocks", "4")
    assert outcome.status == 0
    assert "340 symbols in 4 classes (top:4, a lower bound) in 60 documents" in outcome.stdout
    assert "9 symbols were merged into 4 classes (top:4)" in outcome.stderr
    (data / "map.tsv").write_text("cat\tanimal\ndog\tanimal\n")
    found = about(miscope, *merged[:-1], "map:map.tsv", "--other", "word")
    assert dict(found["most_frequent"]).keys() == {"animal", "word"}
    assert miscope("measure", *merged, "--estimator", "bracket", *QUICK).status == 0


def test_bracket_from_the_command_line(miscope, data):
    outcome = miscope("measure", "words.txt", "--unit", "word", "--estimator", "bracket", "--lags", "1,2")
    assert outcome.status == 0
    assert "the lower bound stands above 0" in outcome.stdout


def test_parts_in_the_same_classes(miscope, data):
    (data / "one.txt").write_text("a a a a b b b c c d " * 30)
    (data / "two.txt").write_text("d d d d c c c b b a " * 30)
    how = ("--unit", "word", "--documents", "none", "--lags", "1,2", "--permutations", "39", "--json")
    both = miscope("uniformity", "one.txt", "two.txt", *how, "--classes", "top:3")
    assert both.status == 0, both
    from miscope.cli.alike import read_parts

    parts = read_parts(["one.txt", "two.txt"], {"unit": "word", "classes": "top:3"}, quiet=True)
    joint = ms.Sequences.concatenate([ms.read_text(name, unit="word") for name in ("one.txt", "two.txt")])
    expected = joint.merge("top:3")
    assert [part.decode(0) for part in parts] == [expected.decode(0), expected.decode(1)]


def test_held_out_text_takes_the_classes_over(data):
    from miscope.cli.alike import read_alike
    from miscope.cli.files import read_files

    (data / "one.txt").write_text("a a a a b b b c c d " * 30)
    (data / "two.txt").write_text("d d d d x c c c b a " * 30)
    options = {"unit": "word", "classes": "top:3"}
    learnt = read_files(["one.txt"], options, None, quiet=True)
    held_out = read_alike(["two.txt"], options, learnt, quiet=True)
    assert held_out.decode(0)[:10] == ["other"] * 8 + ["b", "a"]


def test_parts_of_numbers_are_cut_at_the_same_places(data):
    from miscope.cli.alike import read_parts

    for as_, whole in (("returns:volatility:3", "volatility:3"), ("quantiles:3", "quantiles:3"), (None, "quantiles")):
        options = {"column": "close"} | ({"as_": as_} if as_ else {})
        parts = read_parts(["old.csv", "new.csv"], options, quiet=True)
        plain = "returns" if as_ and as_.startswith("returns") else "numbers"
        values = [ms.read_table(name, "close", as_=plain).values for name in ("old.csv", "new.csv")]
        from miscope.sequences.numbers import to_symbols

        joint = to_symbols(np.concatenate(values), whole)
        np.testing.assert_array_equal(np.concatenate([part.codes for part in parts]), joint.codes)
        assert [part.provenance["label"].split()[0] for part in parts] == ["old.csv", "new.csv"]


@pytest.mark.parametrize("as_", ["returns:volatility:4", "returns:quantiles:3", "changes:sign", "deviations:1", None])
def test_held_out_numbers_are_cut_where_the_others_were(data, as_):
    from miscope.cli.alike import read_alike
    from miscope.sequences import Series

    options = {"column": "close"} | ({"as_": as_} if as_ else {})
    like = ms.read("old.csv", **options)
    like = like.quantise(4) if isinstance(like, Series) else like
    held_out = read_alike(["new.csv"], options, like, quiet=True)
    values = ms.read_table("new.csv", "close").values
    if as_ and as_.startswith("returns"):
        values = np.diff(np.log(values))
    elif as_ and as_.startswith("changes"):
        values = np.diff(values)
    values = np.abs(values) if as_ and "volatility" in as_ else values
    edges = like.provenance["quantised"]["edges"]
    np.testing.assert_array_equal(held_out.codes, [sum(value >= edge for edge in edges) for value in values])
    assert (held_out.alphabet, held_out.alphabet_size) == (like.alphabet, like.alphabet_size)


def test_numbers_that_cannot_be_cut_alike(data):
    from miscope.cli.alike import cut_alike

    like = ms.read_table("old.csv", "close", as_="returns:sign")
    raw = ms.read_table("new.csv", "close", as_="numbers")
    expected = ms.read_table("new.csv", "close", as_="returns:sign")
    assert cut_alike(raw, like).codes.tolist() == expected.codes.tolist()  # returns are taken first
    changes = ms.read_table("new.csv", "close", as_="changes")
    with pytest.raises(InputError, match="cut as log returns, and these are changes"):
        cut_alike(changes, like)
    plain = ms.read_table("old.csv", "close", as_="quantiles:4")
    with pytest.raises(InputError, match="cut as the numbers themselves, and these are changes"):
        cut_alike(changes, plain)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("words.txt", "--column", "x"), ["--column cannot be used with text", "a table", "it takes --unit"]),
        (("words.txt", "--split", "train"), ["only with a data set of Hugging Face's (hub:NAME)"]),
        (("words.txt", "--codons"), ["--codons", "only with a FASTA file"]),
        (("words.txt", "--missing", "refuse"), ["--missing", "or a table"]),
        (
            ("old.csv", "--documents", "line"),
            ["--documents", "only with text", "--document-column, --time-column, --as"],
        ),
        (("codes.npy", "--unit", "word"), ["--unit", "a .npy file", "it takes --alphabet"]),
        (("genome.fa", "--time-column", "t"), ["--time-column", "only with a table"]),
        (("genome.fa", "--codons", "--limit", "3"), ["--limit", "only with a data set"]),
        (("words.txt", "--unit", "word", "--tokenizer", "no.json"), ["--unit", "a tokenizer reads"]),
        (("words.txt", "--other", "x"), ["--other", "--classes"]),
        (("words.txt", "--classes", "tops:3"), ["'tops'", "did you mean 'top'"]),
        (("words.txt", "--classes", "unicode", "--other", "x"), ["leave --other x out"]),
        (("words.txt", "--classes", "map:no.tsv"), ["no.tsv", "there is no such file"]),
        (("old.csv", "--column", "close", "--classes", "top:2"), ["--classes is for symbols", "--as quantiles:4"]),
        (("old.csv", "--column", "close", "--unit", "word", "--as", "sign"), ["--as … cannot be used with --unit"]),
        (("old.csv",), ["2 columns that could be read", "--column"]),
        (("no/such",), ["there is no such file", "hub:no/such"]),
        (("hub:words.txt",), ["is a file", "read_hub takes data sets"]),
        (("words.txt", "hub:x/y"), ["data sets are read one by one"]),
    ],
)
def test_options_that_do_not_belong(refused, data, arguments, words):
    pytest.importorskip("datasets")
    refused("measure", *arguments, words=words)
    refused("inspect", *arguments, words=words)


def test_a_data_set_that_does_not_exist(refused, data, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    words = ["cannot get the data set 'no/such'", "offline", "save_to_disk"]
    refused("measure", "hub:no/such", "--config", "x", "--split", "test", words=words)


def test_an_empty_split(refused, data):
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    empty = datasets.Dataset.from_dict({"text": []})
    datasets.DatasetDict({"train": datasets.Dataset.from_dict({"text": TEXTS}), "test": empty}).save_to_disk("two")
    refused("measure", "two", "--split", "test", words=["the split 'test' of 'two", "is empty"])
    refused("measure", "two", "--split", "tset", words=["'tset'", "did you mean 'test'"])


def test_files_and_a_process(refused, data):
    words = ["--as, --classes cannot be used with --process, only with files"]
    refused("measure", "--process", "ising-chain:coupling=1", "--as", "sign", "--classes", "top:2", words=words)


@pytest.mark.parametrize("command", ["measure", "inspect", "uniformity", "train", "compare"])
def test_every_command_has_every_option(miscope, command):
    from typer.main import get_command

    from miscope.cli.app import app

    known = {each.name for each in get_command(app).commands[command].params}
    assert set(OPTIONS) <= known


def test_no_model_has_a_parameter_of_such_a_name():
    """Otherwise `miscope train` could not tell which of the two is meant."""
    pytest.importorskip("torch")
    from miscope.cli.parameters import named_parameters
    from miscope.models.naming import MODELS

    for kind in MODELS.values():
        assert not set(named_parameters(kind)) & set(OPTIONS)


def test_advice_is_that_of_the_command_line():
    assert advice("name one with column='…' (one of: a, b)") == "name one with --column … (one of: a, b)"
    assert advice("leave document, time and as_ out") == "leave document, time and --as out"
    assert advice("fetch it by read_text(path, unit='byte'), or encoding='latin-1'.") == (
        "fetch it by read_text(path, unit='byte'), or --encoding latin-1."
    )
    assert advice("use limit= instead") == "use --limit instead"
    assert advice('compare with null="rotate", or take bounds, estimator="bracket"') == (
        "compare with --null rotate, or take bounds, --estimator bracket"
    )
