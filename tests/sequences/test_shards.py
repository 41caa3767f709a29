"""Files read one by one and put together are what one reader over all of them gives."""

import gzip
import json
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import miscope as ms
from miscope.errors import InputError, MiscopeWarning, NothingError
from miscope.sequences.codes import offsets_of
from miscope.sequences.shards import Failure, Shards, merge_summaries, read_shard, recoded

TEXTS = {
    "a.txt": "so it is\nso cafe\u0301 be it\n\nis it\n",
    "b.txt": "Be it so, it's so: zebra zebra zebra zebra zebra\n",
    "c.txt": "",
    "d.txt": "\n\néa हिन्दी caf\u00e9 is is i\u200bs is\n",
}


def joined(shards):
    """All shards as one corpus, by way of their summaries."""
    read = [read_shard(i, shards) for i in range(len(shards))]
    assert not [found for found in read if isinstance(found, Failure)]
    merged = merge_summaries(shards, [shard.summary for shard in read])
    parts = [
        recoded(shard, table, shard.summary.digest, len(merged.counts), "x")
        for shard, table in zip(read, merged.tables, strict=True)
    ]
    codes = np.concatenate(parts)
    assert {part.dtype for part in parts} == {codes.dtype}
    np.testing.assert_array_equal(np.bincount(codes, minlength=len(merged.counts)), merged.counts)
    if merged.is_compact:
        codes = merged.symbols[codes].astype(np.uint32)
    np.testing.assert_array_equal(np.unique(codes), merged.symbols)
    offsets = offsets_of(merged.lengths)
    return ms.Sequences(codes, offsets, merged.alphabet_size, merged.alphabet, merged.provenance)


@pytest.fixture
def texts(tmp_path):
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return [str(tmp_path / name) for name in TEXTS]


@pytest.mark.parametrize("how", [{"separator": "Be"}, {"separator_regex": "(?i)^be"}])
def test_separators_are_those_of_one_reader(texts, how):
    """That one does not occur is said if it is in no shard."""
    found, whole = joined(Shards(texts, fold_case=True, **how)), ms.read(texts, fold_case=True, **how)
    assert found == whole
    assert "notes" not in found.provenance
    missing = {name: value.replace("e", "X") for name, value in how.items()}
    with pytest.warns(MiscopeWarning):
        whole = ms.read(texts, **missing)
    assert joined(Shards(texts, **missing)).provenance["notes"] == whole.provenance["notes"]


@pytest.mark.parametrize("unit", ["byte", "character", "word", "token"])
@pytest.mark.parametrize("documents", ["file", "line", "blank-line", "none"])
def test_texts_are_as_one_reader_gives_them(texts, unit, documents):
    options = {"unit": unit, "documents": documents}
    whole = ms.read(texts, **options)
    found = joined(Shards(texts, **options))
    assert found == whole
    for name in ("unit", "documents", "label", "empty_documents_dropped"):
        assert found.provenance[name] == whole.provenance[name], name
    assert [source["name"] for source in found.provenance["sources"]] == texts


def test_words_are_ordered_by_their_frequency_in_all_files(texts):
    found = joined(Shards(texts, unit="word", documents="line", fold_case=True))
    assert found == ms.read(texts, unit="word", documents="line", fold_case=True)
    assert found.alphabet[:2] == ("is", "zebra")  # which no file alone has first and second


def test_separators_and_compression(tmp_path):
    for name, text in (("a.txt.gz", "ab|ba|"), ("b.txt.gz", "|ca")):
        (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    shards = Shards(tmp_path / "*.gz", separator="|")
    assert joined(shards) == ms.read(str(tmp_path / "*.gz"), separator="|")


def write_tables(folder, columns, suffix):
    paths = []
    for number, column in enumerate(columns):
        path = folder / f"{number}.{suffix}"
        if suffix == "csv":
            path.write_text("x\n" + "".join(f"{value}\n" for value in column))
        elif suffix == "jsonl":
            path.write_text("".join(json.dumps({"x": value}) + "\n" for value in column))
        else:
            pq.write_table(pa.table({"x": column}), path)
        paths.append(str(path))
    return paths


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("columns", [[["b", "a", "b"], ["c", "a"]], [[7, 3, 7], [5, 7, 1]]])
def test_columns_of_symbols(tmp_path, suffix, columns):
    paths = write_tables(tmp_path, columns, suffix)
    assert joined(Shards(paths, column="x")) == ms.read(paths, column="x")


def test_signs_where_only_one_shard_has_a_zero(tmp_path):
    paths = write_tables(tmp_path, [[1.5, -2.0, 3.0], [0.0, 1.0, -1.0], [2.0, -2.0, -1.0]], "csv")
    found = joined(Shards(paths, as_="sign"))
    assert found == ms.read(paths, as_="sign")
    assert found.alphabet == ("-", "0", "+")


def test_edges_are_the_same_in_all_shards(tmp_path):
    paths = write_tables(tmp_path, [[1.5, -2.0, 3.0], [0.5, 1.0, -1.0]], "csv")
    assert joined(Shards(paths, as_="edges:0,1")) == ms.read(paths, as_="edges:0,1")


def test_lists_of_codes_and_of_strings(tmp_path):
    paths = write_tables(tmp_path, [[[3, 1], [2, 2, 700]], [[9], [4, 4]]], "parquet")
    assert joined(Shards(paths)) == ms.read(paths)
    strings = write_tables(tmp_path, [[["so", "it"], ["is"]], [["be", "so", "be"]]], "parquet")
    assert joined(Shards(strings)) == ms.read(strings)


def test_texts_in_tables(tmp_path):
    paths = write_tables(tmp_path, [["so it is", "is it so"], ["be it", "zebra zebra zebra"]], "jsonl")
    for unit in ("word", "character"):
        assert joined(Shards(paths, column="x", unit=unit)) == ms.read(paths, column="x", unit=unit)


def test_genomes(tmp_path):
    for name, text in (("a.fa", ">one\nACGTNNAC\n"), ("b.fa", ">two\nTTTGA\n>three\nCC\n")):
        (tmp_path / name).write_text(text)
    assert joined(Shards(tmp_path / "*.fa")) == ms.read(str(tmp_path / "*.fa"))


def test_arrays_and_saved_sequences_are_joined_as_concatenate_joins_them(tmp_path):
    parts = [ms.Sequences.from_arrays(text) for text in ("cab", "zebra", "bad")]
    for number, part in enumerate(parts):
        part.save(tmp_path / f"{number}.arrow")
        np.save(tmp_path / f"{number}.npy", np.arange(3 + number, dtype=np.uint16) * 100)
    assert joined(Shards(tmp_path / "*.arrow")) == ms.Sequences.concatenate(parts)
    arrays = [ms.read(tmp_path / f"{number}.npy") for number in range(3)]
    assert joined(Shards(tmp_path / "*.npy")) == ms.Sequences.concatenate(arrays)


def test_saved_words_keep_the_order_of_their_files(tmp_path, texts):
    """Their provenance is that of a text, but nobody reads that text again."""
    parts = [ms.read_text(path, unit="word") for path in (texts[1], texts[0])]
    for number, part in enumerate(parts):
        part.save(tmp_path / f"{number}.arrow")
    assert joined(Shards(tmp_path / "*.arrow")) == ms.Sequences.concatenate(parts)


def test_hashes_are_numbered(tmp_path):
    generator = np.random.default_rng(0)
    arrays = [generator.integers(0, 4_000_000_000, 50).astype(np.uint32) for _ in range(2)]
    arrays[1][:10] = arrays[0][:10]
    for number, array in enumerate(arrays):
        np.save(tmp_path / f"{number}.npy", array)
    found = joined(Shards(tmp_path / "*.npy"))
    assert found == ms.Sequences.concatenate([ms.Sequences.from_arrays(array) for array in arrays])


def test_a_large_alphabet_that_only_one_shard_is_too_small_for(tmp_path):
    """A shard of few symbols numbers its own; the corpus has enough of them to count all codes."""
    np.save(tmp_path / "0.npy", np.array([0, 99_999, 5], np.uint32))
    np.save(tmp_path / "1.npy", np.arange(50_000, dtype=np.uint32))
    found = joined(Shards(tmp_path / "*.npy"))
    assert found.alphabet_size == 100_000
    assert found.codes[:4].tolist() == [0, 99_999, 5, 0]


def test_a_shard_that_was_changed_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("so it is")
    shards = Shards(path)
    digest = read_shard(0, shards).summary.digest
    path.write_text("so it iz")
    with pytest.raises(InputError, match=r"the shard 'a\.txt' was changed while it was counted"):
        recoded(read_shard(0, shards), None, digest, 256, "a.txt")
    path.unlink()
    with pytest.raises(InputError, match=r"cannot read the shard 'a\.txt' again, on host .*: .* no such file"):
        recoded(read_shard(0, shards), None, digest, 256, "a.txt")


def test_lengths_belong_to_what_a_shard_is(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("ab\ncd")
    digest = read_shard(0, Shards(path, documents="line")).summary.digest
    path.write_text("abc\nd")
    assert read_shard(0, Shards(path, documents="line")).summary.digest != digest


def test_what_cannot_be_read_is_returned_and_reported(tmp_path, texts):
    shards = Shards([*texts, str(tmp_path / "none.txt")], skip_bad=True)
    read = [read_shard(i, shards) for i in range(len(shards))]
    failure = read.pop()
    assert isinstance(failure, Failure)
    assert failure.name == str(tmp_path / "none.txt")
    assert "there is no such file" in failure.reason
    merged = merge_summaries(shards, [shard.summary for shard in read], [failure])
    assert merged.provenance["shards_skipped"] == [{"name": failure.name, "reason": failure.reason}]
    assert merged.provenance["shards"] == 4


@pytest.mark.parametrize("as_", ["quantiles:4", "returns:volatility:3", "deviations:1"])
def test_what_takes_all_shards_at_once_is_refused(as_):
    with pytest.raises(InputError, match=f"as_='{as_}' depends on all shards at once.*as_='edges:-1,0,1'"):
        Shards("prices.csv", as_=as_)


def test_real_numbers_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", [0.5, 1.5])
    with pytest.raises(InputError, match=r"'.*x\.npy' holds real numbers.*edges of your own"):
        Shards(tmp_path / "x.npy").read(0)
    with pytest.raises(InputError, match="shards must give symbols"):
        Shards(tmp_path / "x.csv", as_="returns")


@pytest.mark.parametrize("gaps", [None, 3, "3"])
def test_gaps_by_usual_steps_are_refused(gaps):
    with pytest.raises(InputError, match="gaps='1h', or gaps='none'"):
        Shards("prices.csv", as_="returns:sign", time="when", gaps=gaps)
    with pytest.raises(InputError, match="gaps='1h', or gaps='none'"):
        Shards("returns.csv", as_="sign", time="when", gaps=gaps)
    for right in ("none", "1h"):
        Shards("prices.csv", as_="returns:sign", time="when", gaps=right)


def test_standard_input_is_refused():
    with pytest.raises(InputError, match="standard input cannot be read on workers"):
        Shards(["-"])


def test_shards_of_different_kinds_are_refused(tmp_path):
    paths = write_tables(tmp_path, [["b", "a"], [1, 2]], "csv")
    with pytest.raises(InputError, match="some shards hold whole numbers, and others text"):
        joined(Shards(paths))
    np.save(tmp_path / "codes.npy", np.array([0, 1]))
    with pytest.raises(InputError, match="some shards have an alphabet and some have not"):
        joined(Shards([paths[0], str(tmp_path / "codes.npy")]))


def test_nothing_in_any_shard(tmp_path):
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(InputError, match=r"not one symbol in a\.txt"):
        joined(Shards(tmp_path / "a.txt"))


@pytest.mark.parametrize(
    ("options", "contents"),
    [
        ({"separator": "--"}, ["so it is", "------"]),  # separators only: they do occur
        ({"separator": "--"}, ["so--it is", "", "--"]),
        ({"separator": "--"}, ["so it is", ""]),  # they do not
        ({"separator": "--", "unit": "word"}, ["so it is", "-- --"]),
        ({"separator": "--", "unit": "byte"}, ["so it is", "----"]),
        ({"separator_regex": "^--$"}, ["so it is", "--\n--"]),
        ({"documents": "line"}, ["so it\nis", "\n\n\n"]),
        ({"documents": "blank-line"}, ["so it\n\nis", "\n\n\n"]),
        ({"documents": "none"}, ["so it is", ""]),
    ],
)
def test_shards_without_symbols_say_what_the_whole_says(tmp_path, options, contents):
    for name, content in zip("abc", contents, strict=False):
        (tmp_path / f"{name}.txt").write_text(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MiscopeWarning)
        whole = ms.read(tmp_path / "*.txt", **options)
    found = joined(Shards(tmp_path / "*.txt", **options))
    for name in ("empty_documents_dropped", "notes"):
        assert found.provenance.get(name) == whole.provenance.get(name), name


def test_what_nothing_is_left_of_is_told_by_its_type(tmp_path):
    """Not by the words of its message, which others may begin with."""
    (tmp_path / "a.txt").write_text("-- --")
    with pytest.raises(NothingError, match="except for the separator, white space") as caught:
        ms.read(tmp_path / "a.txt", separator="--", unit="word")
    assert caught.value.provenance["empty_documents_dropped"] == 2
    (tmp_path / "b.csv").write_text("x,y\n,1\n,2\n")
    (tmp_path / "c.csv").write_text("x,y\na,1\nb,2\n")
    assert joined(Shards(tmp_path / "*.csv", column="x")) == ms.read(tmp_path / "*.csv", column="x")


def test_addresses_lose_their_secrets(tmp_path):
    shards = Shards("https://me:secret@example.org/a.txt?key=1")
    assert shards.paths == ("https://me:secret@example.org/a.txt?key=1",)
    assert shards.name(0) == "https://example.org/a.txt"
    assert "secret" not in repr(shards)


def test_paths_are_absolute(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("so")
    monkeypatch.chdir(tmp_path)
    assert Shards("*.txt").paths == (str(tmp_path / "a.txt"),)
