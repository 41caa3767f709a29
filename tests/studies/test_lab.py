"""Pieces are made once, found again, and never taken for others."""

import json
import math

import numpy as np
import pytest

import miscope as ms
from miscope.studies.lab import Lab, working_in


@pytest.fixture
def begun():
    return []


@pytest.fixture
def lab(tmp_path, begun):
    return Lab(tmp_path, "trial", {"size": 3}, {}, begun.append)


def never():
    raise AssertionError("made again")


def test_curves_and_fits(lab, begun, tmp_path):
    curve = lab.curve("chain", lambda: ms.measure(ms.processes.IsingChain(1.0).sample(32, 512, seed=0), "1:20"))
    fit = lab.fit("chain", lambda: ms.fit(curve))
    again = lab.curve("chain", never)
    assert np.array_equal(again.mi, curve.mi)
    assert np.array_equal(again.replicates, curve.replicates)
    assert lab.fit("chain", never).verdict == fit.verdict
    assert begun == ["trial-chain"] * 4
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json")) == [
        "curves/trial-chain.json",
        "fits/trial-chain.json",
    ]


def test_records_are_the_same_first_and_later(lab):
    made = {"values": np.array([1.5, math.nan]), "name": "a", "rows": [{"low": -math.inf}]}
    first = lab.record("numbers", lambda: made)
    assert first["name"] == "a"
    assert first["values"][0] == 1.5
    assert math.isnan(first["values"][1])
    assert math.isnan(first["rows"][0]["low"])
    assert json.dumps(lab.record("numbers", never)) == json.dumps(first)


def test_a_training_goes_on_and_leaves_no_checkpoint(lab, tmp_path):
    data = ms.processes.IsingChain(1.0)
    options = {"steps": 20, "batch": 4, "length": 32, "seed": 0, "checkpoint_every": 5}
    whole = ms.train(ms.models.ElmanRNN(2, width=3), data, **options)

    def cut_off(checkpoint):
        def stop(done, total, *_):
            if done > 12:
                raise KeyboardInterrupt

        return ms.train(ms.models.ElmanRNN(2, width=3), data, checkpoint=checkpoint, progress=stop, **options)

    with pytest.raises(KeyboardInterrupt):
        lab.model("net", cut_off)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["trial-net-unfinished.safetensors"]
    model = lab.model("net", lambda path: ms.train(ms.models.ElmanRNN(2, width=3), data, checkpoint=path, **options))
    assert model.history.loss.tolist() == whole.history.loss.tolist()
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["trial-net.safetensors"]


def test_damaged_pieces_are_told(lab, tmp_path):
    lab.record("numbers", lambda: [1, 2])
    path = tmp_path / "records" / "trial-numbers.json"
    path.write_text("[1, ")
    with pytest.raises(ms.FormatError, match=r"trial-numbers.json is damaged.*remove it"):
        lab.record("numbers", never)


def settle(folder, settings):
    with working_in(folder, settings):
        pass


def test_settings(tmp_path):
    folder = tmp_path / "new"
    path = folder / "settings.json"
    settle(folder, {"scale": "smoke", "sizes": {"a": 1, "b": [1, 2]}})
    settle(folder, {"scale": "smoke", "sizes": {"a": 1, "b": (1, 2)}})
    before = path.read_bytes()
    with pytest.raises(
        ms.InputError, match=r"other settings \(sizes.a: 1 there, 2 now; sizes.c: 'nothing' there, 3 now\)"
    ):
        settle(folder, {"scale": "smoke", "sizes": {"a": 2, "b": [1, 2], "c": 3}})
    assert path.read_bytes() == before
    path.write_text("{")
    with pytest.raises(ms.FormatError, match=r"settings.json is damaged"):
        settle(folder, {})


def test_pieces_that_nobody_says_the_settings_of(lab, tmp_path):
    """As a folder has them that was not removed to its end."""
    lab.record("numbers", lambda: [1, 2])
    with pytest.raises(ms.InputError, match=r"no settings\.json.*remove this one"):
        settle(tmp_path, {})
    (tmp_path / "records" / "trial-numbers.json").unlink()
    (tmp_path / "notes.txt").write_text("my own")
    (tmp_path / "records" / ".miscope-0123456789ab.json").write_text("half")
    settle(tmp_path, {})


def test_one_study_at_a_time_in_a_folder(tmp_path):
    with working_in(tmp_path, {}), pytest.raises(ms.InputError, match="at work already, in process"):
        settle(tmp_path, {})
    settle(tmp_path, {})
