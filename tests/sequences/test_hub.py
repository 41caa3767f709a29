"""Data sets of Hugging Face's, made on the spot: as text, tokens and codes, without copies where there need be none."""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from miscope.errors import FormatError, InputError, MissingExtraError
from miscope.sequences import read_text
from miscope.sequences.hub import read_hub

pytestmark = pytest.mark.extras
datasets = pytest.importorskip("datasets")
tokenizers = pytest.importorskip("tokenizers")

VERSES = ["So it's so.\r\nSo be it!", "", None, " it is \n so it is", "Caf\u00e9 \u2603"]
CODES = [[5, 2], [], [9, 0, 300], [1]]


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def saved(folder, columns, kinds=None, **options):
    features = datasets.Features(kinds) if kinds else None
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(folder, **options)
    return folder


def lists(kind, length=-1):
    return datasets.features.List(datasets.Value(kind), length=length)


def documents(sequences):
    return [document.tolist() for document in sequences]


@pytest.fixture
def verses(tmp_path):
    return saved(tmp_path / "verses", {"id": list(range(5)), "text": VERSES})


@pytest.fixture
def splits(tmp_path):
    parts = {name: datasets.Dataset.from_dict({"text": [name, "so"]}) for name in ("train", "validation", "test")}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "splits")
    return tmp_path / "splits"


@pytest.mark.parametrize("unit", ["byte", "character", "word", "token"])
def test_text_as_read_text_reads_it(verses, tmp_path, unit):
    files = [tmp_path / f"{k}.txt" for k in range(5)]
    for file, verse in zip(files, VERSES, strict=True):
        file.write_bytes((verse or "").encode())
    expected, told = read_text(files, unit), []
    found = read_hub(verses, unit=unit, progress=lambda *done: told.append(done))
    assert found == expected
    assert (found.provenance["empty_documents_dropped"], found.provenance["missing_documents_dropped"]) == (1, 1)
    assert told[-1] == (5, 5)


def test_what_is_remembered(verses):
    provenance = read_hub(verses, limit=4).provenance
    fingerprint = provenance.pop("fingerprint")
    assert fingerprint == datasets.load_from_disk(verses)._fingerprint
    assert provenance == {
        "reader": "read_hub",
        "label": "verses, train",
        "name": "verses",
        "config": None,
        "split": "train",
        "column": "text",
        "revision": None,
        "streaming": False,
        "limit": 4,
        "unit": "character",
        "empty_documents_dropped": 1,
        "missing_documents_dropped": 1,
    }
    json.dumps(provenance)
    assert read_hub(verses, label="mine").provenance["label"] == "mine"


def test_many_rows_in_many_pieces(tmp_path):
    """More than one batch of rows, of characters and of Arrow; a reference that joins nothing."""
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abc \n"), rng.integers(0, 40))) for _ in range(5000)]
    texts[7] = "ab c" * 300_000
    found = read_hub(saved(tmp_path / "a", {"text": texts}), unit="word")
    expected = [words for words in map(str.split, texts) if words]
    assert [found.decode(k) for k in range(len(found))] == expected
    assert found.provenance["empty_documents_dropped"] == len(texts) - len(expected)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32", "int16", "int32", "int64"])
def test_codes(tmp_path, kind):
    codes = [[min(code, 200) for code in document] for document in CODES]
    found = read_hub(
        saved(tmp_path / "a", {"input_ids": codes, "mask": codes}, {"input_ids": lists(kind), "mask": lists(kind)})
    )
    assert documents(found) == codes
    assert (found.alphabet_size, found.alphabet) == (201, None)
    assert found.codes.dtype == (np.uint8 if kind == "int64" else f"uint{np.dtype(kind).itemsize * 8}")


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads Linux's list of what is mapped where")
@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32", "int8", "int16", "int32"])
def test_codes_in_one_piece_stay_in_the_mapped_file(tmp_path, kind):
    folder = saved(tmp_path / "a", {"input_ids": [[1, 2, 3] * 20] * 900}, {"input_ids": lists(kind)})
    found = read_hub(folder)
    lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    spans = [line[0].split("-") for line in lines if line[-1].startswith(str(folder))]
    codes = found.codes
    assert any(int(a, 16) <= codes.ctypes.data < codes.ctypes.data + codes.nbytes <= int(b, 16) for a, b in spans)
    assert (found.n_documents, found.codes.dtype) == (900, f"uint{8 * codes.itemsize}")


@pytest.mark.parametrize("kind", ["string", "large_string"])
@pytest.mark.parametrize("rows", [900, 2500])
def test_bytes_of_strings(tmp_path, kind, rows):
    """Bytes are taken as they lie there, in one piece or several, from the middle of a piece too."""
    texts = [[None, "", "\u00e9\r\n", "so it is"][k % 4] if k % 7 else str(k) for k in range(rows)]
    folder = saved(tmp_path / "a", {"text": texts}, {"text": datasets.Value(kind)})
    found = read_hub(folder, unit="byte", limit=rows - 3)
    expected = [list(text.encode()) for text in texts[: rows - 3] if text]
    assert (documents(found), found.alphabet_size) == (expected, 256)
    counted = [found.provenance[f"{name}_documents_dropped"] for name in ("missing", "empty")]
    assert counted == [texts[: rows - 3].count(None), texts[: rows - 3].count("")]
    whole = read_hub(saved(tmp_path / "b", {"text": ["so"] * rows}, {"text": datasets.Value(kind)}), unit="byte")
    assert whole.codes.flags.owndata == (rows > 1000)


@pytest.mark.parametrize("kind", ["uint16", "int32", "int64"])
def test_codes_in_several_pieces_are_joined(tmp_path, kind):
    rng = np.random.default_rng(1)
    codes = [rng.integers(0, 200, rng.integers(0, 9)).tolist() for _ in range(2500)] + [[60_000]]
    folder = saved(tmp_path / "a", {"input_ids": codes}, {"input_ids": lists(kind)}, num_shards=2)
    assert datasets.load_from_disk(folder).data.column("input_ids").num_chunks > 1
    found = read_hub(folder)
    assert documents(found) == codes
    assert found.codes.dtype == np.uint16
    assert documents(read_hub(folder, limit=1500)) == codes[:1500]
    assert read_hub(folder, limit=1500).codes.dtype == np.uint8


def test_lists_of_one_length_and_large_ones(tmp_path):
    rows = [[k, k + 1, k + 2] for k in range(2100)]
    for name, kind in [("fixed", lists("int32", 3)), ("large", datasets.LargeList(datasets.Value("uint16")))]:
        folder = saved(tmp_path / name, {"input_ids": rows}, {"input_ids": kind})
        assert documents(read_hub(folder)) == rows
        assert documents(read_hub(folder, limit=5)) == rows[:5]


def test_classes_give_their_names(tmp_path):
    kinds = {"syllables": datasets.features.List(datasets.ClassLabel(names=["ka", "du", "rest"]))}
    found = read_hub(saved(tmp_path / "birds", {"syllables": [[0, 1, 0], [1]]}, kinds))
    assert (found.alphabet, found.decode(0)) == (("ka", "du", "rest"), ["ka", "du", "ka"])


def test_rows_in_an_order_of_their_own(tmp_path, monkeypatch):
    """A data set that a program filtered: its rows are not those of its table."""
    folder = saved(tmp_path / "a", {"input_ids": CODES})
    chosen = datasets.load_from_disk(folder).select([3, 0])
    monkeypatch.setattr(datasets, "load_from_disk", lambda _: chosen)
    assert documents(read_hub(folder)) == [CODES[3], CODES[0]]


@pytest.fixture
def words():
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0, "so": 1, "it": 2, "is": 3}, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return made


def test_tokens(tmp_path, words):
    folder = saved(tmp_path / "a", {"text": ["so it", None, "", "it is so"], "input_ids": [[1, 2], [], [], [3]]})
    found = read_hub(folder, tokenizer=words)
    assert (documents(found), found.alphabet) == ([[1, 2], [2, 3, 1]], ("[UNK]", "so", "it", "is"))
    counted = ("empty_documents_dropped", "missing_documents_dropped", "unknown_tokens")
    assert [found.provenance[name] for name in counted] == [1, 1, 0]
    assert found.provenance["tokenizer"]["tokens"] == 4
    codes = read_hub(folder, column="input_ids", tokenizer=words)
    assert (documents(codes)[0], codes.decode(3)) == ([1, 2], ["is"])


def test_a_tokenizer_that_does_not_match(tmp_path, words):
    folder = saved(tmp_path / "a", {"input_ids": [[1, 4]]})
    with pytest.raises(InputError, match=r"the column 'input_ids' has the code 4, but the tokenizer .* 4 tokens"):
        read_hub(folder, tokenizer=words)


def test_splits(splits):
    assert read_hub(splits, split="test").decode(0) == "test"
    assert read_hub(splits).provenance["label"] == "splits, train"
    with pytest.raises(InputError, match=r"unknown split of '.*splits' 'valid'; did you mean 'validation'\?"):
        read_hub(splits, split="valid")
    with pytest.raises(InputError, match=r"parts of a split, such as 'test\[:1\]', are for .* limit= takes the first"):
        read_hub(splits, split="test[:1]")


def test_one_saved_split(tmp_path, splits):
    assert read_hub(splits / "test", split="test").n_documents == 2
    data = datasets.Dataset.from_dict({"text": ["so"]}, split="validation")
    data.save_to_disk(tmp_path / "one")
    assert read_hub(tmp_path / "one", split="validation").n_symbols == 2
    with pytest.raises(InputError, match="is one data set, of the split 'validation', and has no split 'train'"):
        read_hub(tmp_path / "one")


def test_columns(tmp_path):
    text, ids, number = ["so"], [[1]], [0.5]
    for k, (columns, chosen) in enumerate(
        [
            ({"text": text, "title": text, "input_ids": ids}, "text"),
            ({"title": text, "input_ids": ids, "n": number}, "title"),
            ({"input_ids": ids, "attention_mask": ids}, "input_ids"),
            ({"codes": ids, "n": number}, "codes"),
        ]
    ):
        assert read_hub(saved(tmp_path / str(k), columns)).provenance["column"] == chosen
    folder = saved(tmp_path / "a", {"title": text, "body": text, "n": number})
    with pytest.raises(InputError, match="has several columns to read, title, body: name one with column="):
        read_hub(folder)
    with pytest.raises(InputError, match=r"unknown column of '.*a' 'boddy'; did you mean 'body'\?"):
        read_hub(folder, column="boddy")
    with pytest.raises(InputError, match=r"column 'n' of .* is of type double, neither .* are: title, body"):
        read_hub(folder, column="n")
    with pytest.raises(InputError, match=r"has no column of text.* among n"):
        read_hub(saved(tmp_path / "b", {"n": number}))
    with pytest.raises(InputError, match="'input_ids' is a column of codes already; leave unit='word' out"):
        read_hub(saved(tmp_path / "c", {"input_ids": ids}), unit="word")


def test_lists_of_strings_as_tables_have_them(tmp_path):
    columns = {"id": ["a", "b", "c"], "tokens": [["EU", "is"], [], None], "tags": [[1, 0], [], [2]]}
    folder = saved(tmp_path / "tagged", columns)
    with pytest.raises(InputError, match="several columns to read, id, tags, tokens"):
        read_hub(folder)
    found = read_hub(folder, column="tokens")
    assert (documents(found), found.alphabet) == ([[0, 1]], ("EU", "is"))
    assert [found.provenance[f"{name}_documents_dropped"] for name in ("empty", "missing")] == [1, 1]
    del columns["id"], columns["tags"]
    assert read_hub(saved(tmp_path / "alone", columns)) == found
    with pytest.raises(InputError, match="in which a string is missing"):
        read_hub(saved(tmp_path / "missing", {"tokens": [["a", None]]}))


@pytest.mark.parametrize(
    ("columns", "words_of"),
    [
        ({"text": []}, "the split 'train' of '.*' is empty: it has not one row"),
        ({"text": ["", None]}, "not one character in a, train; its rows are empty"),
        ({"input_ids": [[], []]}, "cannot use the column 'input_ids' of a, train: there is not one symbol in it"),
        ({"input_ids": [[1, -100]]}, "cannot use the column 'input_ids' of a, train: negative code -100"),
        ({"input_ids": [[1], None]}, "it has missing values"),
        ({"input_ids": [[1, None]]}, "it has missing values"),
    ],
)
def test_data_of_no_use(tmp_path, columns, words_of):
    kinds = {name: datasets.Value("string") if name == "text" else lists("int64") for name in columns}
    with pytest.raises(InputError, match=words_of):
        read_hub(saved(tmp_path / "a", columns, kinds))


def test_names_that_do_not_exist(tmp_path):
    words_of = r"cannot get the data set 'nobody/nothing': there is no such folder, and either no such .*\(offline\)"
    with pytest.raises(InputError, match=words_of) as caught:
        read_hub("nobody/nothing", "raw")
    assert "datasets.load_dataset('nobody/nothing', 'raw').save_to_disk('FOLDER')" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=words_of):
        read_hub("nobody/nothing", streaming=True)
    for name in (tmp_path / "none", "./none", "a/b/c", ""):
        with pytest.raises(InputError, match="there is no folder"):
            read_hub(name)
    (tmp_path / "a.txt").write_text("so")
    with pytest.raises(InputError, match="is a file, and read_hub takes data sets"):
        read_hub(tmp_path / "a.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"cannot read the folder '.*empty' as a data set"):
        read_hub(tmp_path / "empty")


def test_options_that_do_not_go_together(verses):
    for options, words_of in [
        ({"streaming": True}, "is on this disk and is memory-mapped: leave streaming out"),
        ({"config": "raw"}, "a saved data set, which has no configurations; leave 'raw' out"),
        ({"revision": "main"}, "is a folder, which has no revisions"),
        ({"limit": 0}, "limit must be a whole number of rows of at least 1, not 0"),
        ({"limit": True}, "limit must be a whole number"),
        ({"unit": "wrod"}, "unknown unit 'wrod'; did you mean 'word'"),
        ({"split": "test"}, "is one data set, of the split 'train', and has no split 'test'"),
    ]:
        with pytest.raises(InputError, match=words_of):
            read_hub(verses, **options)


def test_damaged_folders(verses, splits):
    (file,) = verses.glob("*.arrow")
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], b"text"):
        file.write_bytes(content)
        with pytest.raises(FormatError, match=r"cannot read the saved data set '.*verses'"):
            read_hub(verses)
    (splits / "dataset_dict.json").write_text("{")
    with pytest.raises(FormatError, match=r"splits.*is not JSON"):
        read_hub(splits)


def test_a_folder_whose_file_ends_between_two_batches(tmp_path):
    """What is before the cut can be read, and would be all."""
    rows = datasets.Dataset.from_dict({"text": ["so it is"] * 2500})  # batches of 1000
    rows.save_to_disk(tmp_path / "rows")
    (file,) = (tmp_path / "rows").glob("*.arrow")
    with pa.OSFile(str(file)) as source:
        messages = pa.ipc.MessageReader.open_stream(source)
        messages.read_next_message()  # the schema
        messages.read_next_message()
        end = source.tell()
    file.write_bytes(file.read_bytes()[:end])
    with pytest.raises(FormatError, match="cut off"):
        read_hub(tmp_path / "rows")


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for split, verses in {"train": ["so it is", "it so"], "test": ["is"]}.items():
        lines = [json.dumps({"text": verse, "ids": [len(verse), 70_000]}) for verse in verses]
        (folder / f"{split}.jsonl").write_text("\n".join(lines))
    return folder


def test_folders_of_data_files_and_streams(files):
    told = []
    for streaming in (False, True):
        options = {"streaming": streaming, "progress": lambda *done: told.append(done)}
        found = read_hub(files, unit="word", **options)
        assert [found.decode(k) for k in range(len(found))] == [["so", "it", "is"], ["it", "so"]]
        codes = read_hub(files, column="ids", **options)
        assert (documents(codes), codes.codes.dtype) == ([[8, 70_000], [5, 70_000]], np.uint32)
        assert read_hub(files, limit=1, **options).n_documents == 1
        assert read_hub(files, split="test", **options).decode(0) == "is"
        assert told[-1] == (1, 1)
        with pytest.raises(InputError, match=r"unknown split of '.*files' 'tset'; did you mean 'test'"):
            read_hub(files, split="tset", **options)
    assert read_hub(files, split="train[1:]").n_documents == 1
    with pytest.raises(InputError, match=r"the part 'train\[1:\]' of a split cannot be streamed; use limit="):
        read_hub(files, split="train[1:]", streaming=True)


def test_configurations(tmp_path):
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: raw\n  data_files: raw.jsonl\n"
        "- config_name: clean\n  data_files: clean.jsonl\n---\n"
    )
    for name in ("raw", "clean"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"text": name}))
    assert read_hub(tmp_path, "clean").decode(0) == "clean"
    assert read_hub(tmp_path, "clean", label=None).provenance["label"].endswith(", clean, train")
    with pytest.raises(InputError, match="has several configurations: pass one of raw, clean"):
        read_hub(tmp_path)
    with pytest.raises(InputError, match=r"unknown configuration of '.*' 'claen'; did you mean 'clean'"):
        read_hub(tmp_path, "claen")


def test_a_stream_that_breaks(files):
    (files / "train.jsonl").write_text('{"text": "so"}\n{"text": [')
    with pytest.raises(InputError, match=r"cannot read .*data set"):
        read_hub(files, streaming=True)


def test_code_of_a_data_set_is_never_run(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(InputError, match="cannot read the folder"):
        read_hub(tmp_path / "mine")
    assert not (tmp_path / "ran").exists()
    asked = {}

    def old(path, name, *, trust_remote_code=None, **options):
        asked.update(trust_remote_code=trust_remote_code, path=path)
        raise ValueError("this needs trust_remote_code=True")

    monkeypatch.setattr(datasets, "load_dataset", old)
    with pytest.raises(InputError, match="it needs code that comes with it, and such code is never run"):
        read_hub("nobody/nothing")
    assert asked == {"trust_remote_code": False, "path": "nobody/nothing"}


def test_the_library_is_left_as_it_was(verses, monkeypatch, capsys):
    datasets.enable_progress_bars()
    level = logging.getLogger("datasets").level
    read_hub(verses)
    assert not datasets.are_progress_bars_disabled()
    assert logging.getLogger("datasets").level == level
    assert capsys.readouterr().err == ""


def test_without_datasets(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"a data set of Hugging Face's needs 'datasets'.*\"miscope\[hub\]\""):
        read_hub("a")


def test_reading_copies_no_more_than_the_result(tmp_path):
    """Pieces of 64 bits are mapped, and only what comes of them takes memory."""
    folder = saved(tmp_path / "a", {"input_ids": [[7] * 1000] * 4000}, {"input_ids": lists("int64")})
    read_hub(folder)
    before = pa.total_allocated_bytes()
    found = read_hub(folder)
    assert pa.total_allocated_bytes() - before < 1 << 20
    assert found.codes.nbytes == 4_000_000
