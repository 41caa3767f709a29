"""Results of probing corpora as files: what is loaded is what was saved, and other names are refused."""

import json

import numpy as np
import pytest

import miscope as ms
from miscope.errors import FormatError, InputError
from miscope.probing.drift import Drift
from miscope.probing.uniformity import Uniformity


def sequences(seed, *shape):
    return ms.Sequences.from_arrays(np.random.default_rng(seed).integers(0, 3, shape))


@pytest.fixture(scope="module")
def found():
    parts = [sequences(k, 20, 120) for k in range(3)]
    return {
        "drift": ms.drift(sequences(9, 3000), [1, 2], 6, n_permutations=39),
        "uniformity": ms.uniformity(parts, [1, 2, 3], n_permutations=39),
    }


KINDS = {"drift": Drift, "uniformity": Uniformity}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_loaded_is_what_was_saved(found, kind, tmp_path):
    found[kind].save(tmp_path / "a.json")
    again = KINDS[kind].load(tmp_path / "a.json")
    assert str(again) == str(found[kind])
    assert again.to_dict() == found[kind].to_dict()
    again.save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a.csv", "a", "a.parquet"])
def test_other_names_are_refused(found, kind, name, tmp_path):
    with pytest.raises(InputError, match=r"\.json"):
        found[kind].save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_told(found, kind, tmp_path):
    path = tmp_path / "a.json"
    found[kind].save(path)
    body = json.loads(path.read_text())
    for wrong in (
        {"lags": [1.5] * len(body["lags"])},
        {"version": 99},
        {"format": "miscope.reach"},
        {"warnings": None},
    ):
        path.write_text(json.dumps(body | wrong))
        with pytest.raises(FormatError):
            KINDS[kind].load(path)
    for text in ("", "[1]", json.dumps(body)[:-9]):
        path.write_text(text)
        with pytest.raises(FormatError):
            KINDS[kind].load(path)
    with pytest.raises(InputError, match="cannot read"):
        KINDS[kind].load(tmp_path / "none.json")


@pytest.mark.extras
def test_results_of_models(tmp_path):
    pytest.importorskip("torch")
    from miscope.probing.couplings import Couplings
    from miscope.probing.reach import Reach

    table = np.arange(8.0).reshape(2, 2, 2)
    lags = np.array([1, 2])
    for tables in (table, None):
        one = Couplings(lags, np.array([0.5, np.nan]), np.array([0.1, 0.2]), tables, 9, 70, "net")
        one.save(tmp_path / "c.json")
        again = Couplings.load(tmp_path / "c.json")
        np.testing.assert_array_equal(again.values, one.values)
        assert (again.tables is None) == (tables is None)
        assert (again.n_contexts, again.context, again.label) == (9, 70, "net")
    six = [np.array([0.5, np.nan])] * 2
    one = Reach(
        2.0, 1.0, np.inf, 0.95, 0.5, "", lags, *six, six[0], np.array([True, False]), *six, *six, "nats", ("a", "b")
    )
    one.save(tmp_path / "r.json")
    again = Reach.load(tmp_path / "r.json")
    assert again.to_dict() == one.to_dict()
    assert again.high == np.inf
    with pytest.raises(InputError, match=r"\.json"):
        one.save(tmp_path / "r.csv")
