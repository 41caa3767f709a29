"""Digests in files: what was changed is refused, what has none is used with a word."""

import json

import numpy as np
import pytest

import miscope as ms
from miscope.digests import checked, digest_of_array, signed
from miscope.errors import FormatError, MiscopeWarning

BODY = {"format": "miscope.x", "values": [0.1, None, 1e-300], "about": {"name": "ü\udc80", "n": 3}, "pair": (1, 2)}


def check(text):
    body = json.loads(text)
    with checked(body, "file.json"):
        return body


def test_what_was_written_is_read():
    body = check(signed(BODY))
    assert body == json.loads(json.dumps(BODY)) | {"sha256": body["sha256"]}


def test_layout_is_free():
    body = json.loads(signed(BODY))
    assert check(json.dumps(body, indent=2)) == check(json.dumps(body, sort_keys=True)) == body
    assert check(signed(BODY, indent=1)) == body
    assert json.loads(signed(body)) == body


@pytest.mark.parametrize(
    "change",
    [
        {"values": [0.1, None, 1e-301]},
        {"values": [0.1, 0, 1e-300]},
        {"about": {"name": "u", "n": 3}},
        {"more": 1},
        {"sha256": None},
        {"sha256": "0" * 64},
    ],
)
def test_what_was_changed_is_refused(change):
    with pytest.raises(FormatError, match=r"file\.json.*digest"):
        check(json.dumps(json.loads(signed(BODY)) | change))


def test_a_digest_under_another_name_is_one():
    with pytest.raises(FormatError, match="digest"):
        check(signed(BODY).replace("sha256", "sha257"))


def test_without_a_digest_a_word_is_said():
    with pytest.warns(MiscopeWarning, match=r"file\.json has no digest"):
        assert check(json.dumps(BODY))["pair"] == [1, 2]


def test_a_file_that_is_refused_is_not_told_to_have_no_digest():
    with pytest.raises(ZeroDivisionError), checked({}, "file.json"):
        _ = 1 / 0


def test_digests_of_arrays_see_type_shape_and_each_number():
    values = np.arange(6)
    several = [values, values.astype(np.int32), values.reshape(2, 3), np.where(values == 5, 4, values), values[:5]]
    assert len({digest_of_array(each) for each in several}) == len(several)
    assert digest_of_array(np.arange(12)[::2]) == digest_of_array(np.arange(12)[::2].copy())


@pytest.fixture(scope="module")
def curve():
    return ms.measure("abcabd" * 80, [1, 2, 3], blocks=4)


@pytest.mark.parametrize("where", ["verdict", "laws", "curve"])
def test_numbers_too_large_for_any_result(curve, tmp_path, where):
    """In a file without a digest they are refused, and no error of Python's."""
    from miscope.curve.storage import to_dict
    from miscope.decay.storage import to_dict as fit_to_dict

    fit = fit_to_dict(ms.fit(([1, 2, 4, 8], [0.5, 0.25, 0.12, 0.06]), laws=["power law"], floor=False))
    body = to_dict(curve) if where == "curve" else fit
    changed = body["verdict"] if where == "verdict" else body["laws"][0] if where == "laws" else body
    changed[{"verdict": "first", "laws": "aicc", "curve": "n_pairs"}[where]] = 10**400
    (tmp_path / "a.json").write_text(json.dumps(body))
    with pytest.raises(FormatError):
        (ms.MICurve if where == "curve" else ms.DecayFit).load(tmp_path / "a.json")


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_a_curve_of_an_early_version_is_read(curve, tmp_path, suffix, monkeypatch):
    from miscope.curve import storage

    monkeypatch.setattr(storage, "signed", json.dumps)
    monkeypatch.setattr(storage, "digest_of", lambda body: None)
    curve.save(tmp_path / f"a{suffix}")
    monkeypatch.undo()
    if suffix == ".json":
        with pytest.warns(MiscopeWarning, match="has no digest"):
            assert np.array_equal(ms.MICurve.load(tmp_path / "a.json").mi, curve.mi)
    else:  # here it says that its digest is none
        with pytest.raises(FormatError, match="digest"):
            ms.MICurve.load(tmp_path / "a.parquet")


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_a_curve_that_was_edited_is_refused(curve, tmp_path, suffix):
    import pyarrow.parquet as pq

    path = tmp_path / f"a{suffix}"
    curve.save(path)
    if suffix == ".json":
        value = float(curve.mi[0])
        path.write_text(path.read_text().replace(repr(value), repr(value + 1e-9)))
    else:
        table = pq.read_table(path)
        pq.write_table(table.set_column(1, "mi", [table.column("mi").to_numpy() + 1e-9]), path)
    with pytest.raises(FormatError, match=rf"a\{suffix}.*digest"):
        ms.MICurve.load(path)
