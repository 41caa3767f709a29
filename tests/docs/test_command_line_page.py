"""docs/command-line.md: every command that needs no network runs, on small data of the kinds that it names."""

import gzip
import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

import miscope as ms
from calling import call
from miscope.cli.files import OPTIONS, spelt
from miscope.sequences.merging import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
BLOCKS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
COMMANDS = [*re.findall(r"`(miscope \w+ [^`]+)`", PAGE), *BLOCKS]
QUICK = {"measure": ["--lags", "1,2", "--blocks", "4"], "uniformity": ["--lags", "1,2", "--permutations", "39"]}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Files of all names that the page has."""
    datasets = pytest.importorskip("datasets")
    tokenizers = pytest.importorskip("tokenizers")
    pytest.importorskip("torch")
    h5py = pytest.importorskip("h5py")
    import pyarrow as pa
    from pyarrow import parquet
    from scipy.io import savemat

    folder, rng = tmp_path_factory.mktemp("page"), np.random.default_rng(0)
    kinds = [*(a + b for a in "bcdfghklmnprstvw" for b in ("at", "ed", "ing", "")), "The", "42", ".", ","]
    lines = [" ".join(rng.choice(kinds, 30)) for _ in range(60)]
    (folder / "book.txt").write_text("\n\n".join(lines) + "\n")
    (folder / "one.txt").write_text("\n".join(lines[:30]) + "\n")
    (folder / "two.txt").write_text("\n".join(lines[30:]) + "\n")
    (folder / "classes.tsv").write_text("The\tname\n42\tnumber\n.\tmark\n,\tmark\n")
    (folder / "reviews.jsonl").write_text("".join(json.dumps({"id": k, "text": t}) + "\n" for k, t in enumerate(lines)))
    rows = [f"{k // 50},{k},{page}" for k, page in enumerate(rng.choice(["home", "shop", "help"], 400))]
    (folder / "visits.csv").write_text("person,when,page\n" + "\n".join(rows) + "\n")
    for name in ("prices", "old", "new"):
        days = np.busday_offset("1999-01-04", np.arange(3000), roll="forward")
        steps = np.convolve(rng.standard_normal(3000), 0.9 ** np.arange(40), "same")  # returns that keep their sign
        closes = 100 * np.exp(np.cumsum(0.001 * steps))
        rows = [f"{day},{close:.4f}" for day, close in zip(days, closes, strict=True)]
        (folder / f"{name}.csv").write_text("Date,Close\n" + "\n".join(rows) + "\n")
    parquet.write_table(pa.table({"tokens": [line.split() for line in lines]}), folder / "tokens.parquet")
    genes = "".join(f">gene{k}\n{''.join(rng.choice(list('ACGT'), 300))}\n" for k in range(40))
    (folder / "genome.fa.gz").write_bytes(gzip.compress(genes.encode()))
    np.save(folder / "codes.npy", rng.integers(0, 3, 2000))
    savemat(folder / "bird.mat", {"songs": rng.integers(0, 3, (200, 4)).astype(float), "speed": rng.random(9)})
    with h5py.File(folder / "day.nwb", "w") as made:
        made["intervals/trials/choice"] = rng.integers(0, 2, 500)
    ms.Sequences.from_arrays(rng.integers(0, 2, (8, 200))).save(folder / "sample.arrow")
    datasets.disable_progress_bars()
    saved = datasets.DatasetDict({part: datasets.Dataset.from_dict({"text": lines}) for part in ("train", "test")})
    saved.save_to_disk(folder / "saved")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.train_from_iterator(lines, tokenizers.trainers.BpeTrainer(vocab_size=90, show_progress=False))
    made.save(str(folder / "tokenizer.json"))
    how = {"steps": 10, "batch": 8, "length": 16, "device": "cpu"}
    chain = ms.processes.MarkovChain((0.2 * np.eye(4) + 0.2).tolist())
    ms.train(ms.models.GRU(4, width=2), chain, **how).save(folder / "cut.safetensors")
    return folder


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_run(data, monkeypatch, line):
    monkeypatch.chdir(data)
    _, command, *arguments = shlex.split(line)
    if any(argument.startswith("hub:") for argument in arguments):
        monkeypatch.setattr(sys.modules["datasets"].config, "HF_HUB_OFFLINE", True)
    result = call(command, *arguments, *QUICK.get(command, []))
    if any(argument.startswith("hub:") for argument in arguments):
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
        assert "offline" in result.stderr
    else:
        assert result.exit_code == 0, (line, result.output)


def test_there_is_an_example_of_each_command():
    assert {shlex.split(line)[1] for line in COMMANDS} == {"measure", "inspect", "uniformity", "train", "compare"}


def test_every_option_and_every_kind_of_classes_stands_on_the_page():
    names = [name.replace("document_column", "document").replace("time_column", "time") for name in OPTIONS]
    assert [option for option in map(spelt, names) if f"`{option}" not in PAGE and f"{option} " not in PAGE] == []
    assert [kind for kind in KINDS if f"`{kind}" not in PAGE] == []
