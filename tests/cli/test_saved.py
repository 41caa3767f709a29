"""miscope inspect of everything that miscope writes: what it is, what it holds, what takes it, and no traceback."""

import json
from pathlib import Path

import numpy as np
import pytest

import miscope as ms
from miscope.counting import pair_files

TEXT = "to be or not to be that is the question " * 40


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """One of each kind of file that needs the core dependencies alone, by its name."""
    folder = tmp_path_factory.mktemp("results")
    data = ms.Sequences.from_arrays(TEXT, label="a text")
    curve = ms.measure(data, "1:30", blocks=4)
    curve.save(folder / "curve.json")
    curve.save(folder / "curve.parquet")
    ms.fit(curve, laws=["exponential"]).save(folder / "fit.json")
    ms.uniformity(data, [1], segments=2, n_permutations=39, blocks=8).save(folder / "uniformity.json")
    ms.drift(data, [1], 8, n_permutations=19).save(folder / "drift.json")
    ms.contributions(data, 1, blocks=4).save(folder / "pairs.json")
    ms.count_to_file(data, folder / "counts.arrow", [1, 2], 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_files, "_join", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ms.count_to_file(data, folder / "later.arrow", [1, 2, 3], 4)
    (folder / "later.arrow.part" / "lag-3.cells").unlink()
    data.save(folder / "data.arrow")
    np.save(folder / "data.npy", data.codes)
    return folder


HOLDS = {
    "curve.json": ("a curve", "18 lags 1..30", "miscope fit curve.json"),
    "curve.parquet": ("a curve", "18 lags 1..30", "miscope fit curve.parquet"),
    "fit.json": ("a fit", "a text", "miscope compare fit.json"),
    "uniformity.json": ("a comparison of parts", "segment 1", "miscope report uniformity.json"),
    "drift.json": ("a drift", "a text", "miscope report drift.json"),
    "pairs.json": ("a table of pairs", "a text", "miscope report pairs.json"),
    "counts.arrow": ("counts of pairs", "2 lags", "miscope measure counts.arrow"),
    "later.arrow.part": ("an unfinished count", "2 of 3 lags", "miscope count"),
}


@pytest.fixture
def there(results, monkeypatch):
    monkeypatch.chdir(results)


@pytest.mark.parametrize("name", HOLDS)
def test_what_a_result_is(miscope, there, name):
    kind, holds, use = HOLDS[name]
    outcome = miscope("inspect", name)
    assert (outcome.status, outcome.stderr) == (0, "")
    first, held, used = outcome.stdout.splitlines()
    assert first == f"{name}: {kind} that miscope wrote"
    assert holds.removeprefix("18 ") in held if name.startswith("curve") else holds in held
    assert use in used
    about = json.loads(miscope("inspect", name, "--json").stdout)
    assert about["kind"] == kind


@pytest.mark.parametrize("name", ["data.arrow", "data.npy"])
def test_data_are_shown_as_data(miscope, there, name):
    assert f"{len(TEXT):,} symbols" in miscope("inspect", name).stdout


def test_tables_plans_and_inspections(miscope, there, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    for name, command in {"plan.json": "plan", "seen.json": "inspect", "again.json": "measure"}.items():
        (tmp_path / name).write_text(miscope(command, str(text), "--json").stdout)
    miscope("measure", str(text), "--lags", "1,2", "-o", str(tmp_path / "curve.csv"))
    for name, kind in {
        "plan.json": "a plan",
        "seen.json": "what miscope inspect said",
        "again.json": "a curve",
        "curve.csv": "a curve as a table",
    }.items():
        assert miscope("inspect", str(tmp_path / name)).stdout.startswith(f"{name}: {kind} that miscope wrote")


@pytest.mark.parametrize("name", [name for name in HOLDS if "." in name and not name.endswith(".part")])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_what_is_cut_off_is_refused(miscope, there, tmp_path, name, part):
    content = Path(name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(part * len(content))])
    outcome = miscope("inspect", str(tmp_path / name))
    assert outcome.status == 2
    assert outcome.stdout == ""
    assert name in outcome.stderr


def test_columns_and_bytes_of_a_result_are_data_where_they_are_asked_for(miscope, there):
    assert "real numbers" in miscope("inspect", "curve.parquet", "--column", "mi").stdout
    assert "symbols" in miscope("inspect", "curve.json", "--unit", "byte").stdout


@pytest.mark.parametrize(
    "content",
    [b"{}", b'{"__metadata__": {"miscope": "1"}}', b'{"__metadata__": [1, 2]}', b'{"weight": 1', b'{"a": "\xff"}'],
)
def test_models_that_are_damaged_or_of_others_are_refused(miscope, folder, content):
    (folder / "odd.safetensors").write_bytes(len(content).to_bytes(8, "little") + content + bytes(80))
    outcome = miscope("inspect", "odd.safetensors")
    assert outcome.status == 2
    assert "odd.safetensors" in outcome.stderr


@pytest.mark.extras
def test_models_pages_and_what_is_asked_of_models(miscope, folder):
    torch_model = ms.models.LSTM(alphabet_size=2, width=4)
    chain = ms.processes.IsingChain(0.8)
    trained = ms.train(torch_model, chain, steps=2, batch=2, length=16, checkpoint="training.safetensors")
    trained.save("model.safetensors")
    ms.couplings(trained, chain, [1, 2], 16).save("couplings.json")
    ms.spectrum(trained, 8, 128).save("spectrum.json")
    curve = ms.measure(chain.sample(16, 512), [1, 2, 3, 4])
    ms.reach(curve, ms.probe(trained, [1, 2, 3, 4], 16, 64)).save("reach.json")
    ms.report(curve, "page.html", fit=False)
    for name, kind in {
        "model.safetensors": "a model",
        "training.safetensors": "a checkpoint of a training",
        "couplings.json": "a table of couplings",
        "spectrum.json": "a spectrum",
        "reach.json": "a reach",
        "page.html": "a page of results",
    }.items():
        outcome = miscope("inspect", name)
        assert (outcome.status, outcome.stderr) == (0, ""), name
        assert outcome.stdout.startswith(f"{name}: {kind} that miscope wrote\n")
    assert "width=4" in miscope("inspect", "model.safetensors").stdout


def test_drawings_are_no_text(refused, folder):
    for name, start in {
        "a.svg": "<svg xmlns=",
        "b.svg": '<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "x">\n<svg ',
    }.items():
        (folder / name).write_text(f"{start}>circle</svg>")
        refused("inspect", name, words=["a picture"])


def test_a_header_longer_than_any_file_is_refused(refused, folder):
    (folder / "m.safetensors").write_bytes((2**62).to_bytes(8, "little") + b'{"__metadata__": {"miscope": "{}"}}')
    refused("inspect", "m.safetensors", words=["m.safetensors"])
