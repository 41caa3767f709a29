"""Fits on disk: what is read is what was written, and everything else is called by its name."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import miscope as ms
from miscope import FormatError, InputError
from miscope.decay import DecayFit
from miscope.decay.storage import from_json, to_dict, to_json

KINDS = ["measured", "some laws", "bars alone", "no bars", "nothing", "averaged", "unicode"]


@pytest.fixture(scope="module")
def fits():
    data = ms.processes.IsingChain(1.5).sample(32, 1024, seed=2)
    curve = ms.measure(data, "1:200", blocks=8, label="chain", seed=2)
    lags = np.array([1, 2, 4, 8, 16, 32, 64])
    measured = ms.fit(curve)
    made = {
        "measured": measured,
        "some laws": ms.fit(curve, laws=["power law", "exponential"], floor=True),
        "bars alone": ms.fit((lags, 0.05 / lags, 0.005 / lags), laws=["power law with cut-off"]),
        "no bars": ms.fit((lags, 0.05 / lags), laws=["power law"]),
        "nothing": ms.fit((lags, 0.0 * lags, 0.01 + 0.0 * lags)),
        "averaged": ms.fit(ms.measure(data, "all:120", blocks=8, seed=2), laws=["exponential"], floor=False),
        "unicode": dataclasses.replace(measured, label='Война и мир "\\\n\u2028 🎵', notes=("\x00", "ü")),
    }
    assert list(made) == KINDS
    return made


@pytest.fixture(scope="module")
def text(fits):
    """A fit without a digest, as early versions wrote it: what is wrong with it is said of its parts."""
    return json.dumps(to_dict(fits["measured"]))


def same(one, other):
    """Whether two values are the same to the last bit, nan the same as nan."""
    if isinstance(one, np.ndarray):
        return one.shape == other.shape and one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return one == other or (np.isnan(one) and np.isnan(other))
    if dataclasses.is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one)
        )
    return type(one) is type(other) if type(one).__module__ == "miscope.decay.laws" else one == other


@pytest.mark.parametrize("kind", KINDS)
class TestRoundTrip:
    def test_is_exact(self, kind, fits, tmp_path):
        fit = fits[kind]
        fit.save(tmp_path / "fit.json")
        back = DecayFit.load(tmp_path / "fit.json")
        for field in dataclasses.fields(DecayFit):
            if field.name != "provenance":  # compared below, as JSON
                assert same(getattr(fit, field.name), getattr(back, field.name)), field.name
        assert str(back) == str(fit)
        assert repr(back) == repr(fit)
        for one, other in zip(fit.laws, back.laws, strict=True):
            assert str(one) == str(other)
            assert np.array_equal(one([1.0, 7.5, 300.0]), other([1.0, 7.5, 300.0]))
            for end, other_end in zip(one.band([1.0, 50.0]), other.band([1.0, 50.0]), strict=True):
                assert np.array_equal(end, other_end)

    def test_written_again_is_the_same(self, kind, fits):
        text = to_json(fits[kind])
        assert to_json(from_json(text)) == text

    def test_is_strict_json_for_people(self, kind, fits):
        def refuse(name):
            raise AssertionError(f"{name} is no JSON")

        body = json.loads(to_json(fits[kind]), parse_constant=refuse)
        assert body["format"] == "miscope decay fit"
        assert body["verdict"]["kind"] == fits[kind].verdict.kind
        for law, fitted in zip(body["laws"], fits[kind].laws, strict=True):
            for name, estimate in fitted.parameters.items():
                assert law["parameters"][name]["unit"] == estimate.unit
                if np.isfinite(estimate.value):
                    assert law["parameters"][name]["value"] == estimate.value


def test_loaded_fits_are_compared_as_they_were(fits, tmp_path):
    fits["measured"].save(tmp_path / "fit.json")
    back = DecayFit.load(tmp_path / "fit.json")
    assert ms.compare(back, back, paired=True, parameter="exponent") == ms.compare(
        fits["measured"], fits["measured"], paired=True, parameter="exponent"
    )


class TestDamaged:
    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
    def test_cut_off(self, share, text, tmp_path):
        path = tmp_path / "fit.json"
        path.write_text(text[: int(share * len(text))], encoding="utf-8")
        with pytest.raises(FormatError, match=r"fit\.json is not a fit of miscope, or is cut off"):
            DecayFit.load(path)

    @pytest.mark.parametrize("other", ["[]", "3", "null", "{}", '{"format": "miscope curve", "version": 1}', '"a"'])
    def test_another_format(self, other):
        with pytest.raises(FormatError, match=r"not a fit of miscope, as `miscope fit -o` and DecayFit\.save write it"):
            from_json(other)

    def test_a_curve(self, tmp_path):
        ms.measure("abcabcabd" * 50, [1, 2]).save(tmp_path / "curve.json")
        with pytest.raises(FormatError, match="not a fit of miscope"):
            DecayFit.load(tmp_path / "curve.json")

    def test_not_text(self, tmp_path):
        path = tmp_path / "fit.json"
        path.write_bytes(b"\xff\xfe\x00PAR1")
        with pytest.raises(FormatError, match="not a fit of miscope"):
            DecayFit.load(path)

    @pytest.mark.parametrize("version", [0, 2, "1", None])
    def test_another_version(self, version, text):
        body = json.loads(text) | {"version": version}
        with pytest.raises(FormatError, match=f"a fit of version {version}, and this miscope reads version 1"):
            from_json(json.dumps(body))

    @pytest.mark.parametrize(
        "name",
        [
            *("verdict", "laws", "sensitivity", "lags", "values", "stderr", "significant", "unit", "label", "notes"),
            "provenance",
        ],
    )
    def test_something_missing(self, name, text):
        body = json.loads(text)
        del body[name]
        with pytest.raises(FormatError, match=f"a damaged fit of miscope: KeyError: '{name}'"):
            from_json(json.dumps(body))

    @pytest.mark.parametrize(
        "name", ["law", "weight", "aicc", "log_likelihood", "discrepancy", "floor", "theta", "deviations", "degrees"]
    )
    def test_something_missing_in_a_law(self, name, text):
        body = json.loads(text)
        del body["laws"][1][name]
        with pytest.raises(FormatError, match="a damaged fit of miscope"):
            from_json(json.dumps(body))

    @pytest.mark.parametrize(
        "change",
        [
            {"lags": ["one", "two"]},
            {"lags": 3},
            {"values": [[1.0], [2.0, 3.0]]},
            {"laws": [{"law": "exponential"}]},
            {"laws": "exponential"},
            {"laws": [3]},
            {"sensitivity": [{"first": 1}]},
            {"sensitivity": [3]},
            {"verdict": "exponential"},
            {"verdict": {"kind": "exponential"}},
            {"verdict": {"law": "exponential"}},
            {"notes": 3},
        ],
        ids=str,
    )
    def test_something_else(self, change, text):
        with pytest.raises(FormatError, match="a damaged fit of miscope"):
            from_json(json.dumps(json.loads(text) | change))

    @pytest.mark.parametrize(
        "change", [{"law": "straight line"}, {"theta": "long"}, {"deviations": [[1.0], [2.0, 3.0]]}, {"weight": "much"}]
    )
    def test_something_else_in_a_law(self, change, text):
        body = json.loads(text)
        body["laws"][0] |= change
        with pytest.raises(FormatError, match="a damaged fit of miscope"):
            from_json(json.dumps(body))


class TestFiles:
    @pytest.mark.parametrize("name", ["fit.txt", "fit", "fit.parquet", "fit.json.gz"])
    def test_other_names(self, name, fits, tmp_path):
        with pytest.raises(InputError, match=r"a fit is written as \.json, not"):
            fits["no bars"].save(tmp_path / name)
        assert list(tmp_path.iterdir()) == []

    def test_capitals(self, fits, tmp_path):
        fits["no bars"].save(tmp_path / "FIT.JSON")
        assert str(DecayFit.load(tmp_path / "FIT.JSON")) == str(fits["no bars"])

    def test_not_there(self, tmp_path):
        with pytest.raises(InputError, match=r"cannot read .*absent\.json"):
            DecayFit.load(tmp_path / "absent.json")

    def test_a_folder(self, tmp_path):
        with pytest.raises(InputError, match="cannot read"):
            DecayFit.load(tmp_path)

    def test_nothing_half_written(self, fits, tmp_path, monkeypatch):
        path = tmp_path / "fit.json"
        fits["no bars"].save(path)
        before, write = path.read_bytes(), Path.write_text

        def full(self, text, **options):
            write(self, text[:100], **options)
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_text", full)
        with pytest.raises(InputError, match="no space is left"):
            fits["measured"].save(path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]
