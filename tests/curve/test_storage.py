"""Curves on disk: what is read is what was written, and everything else is called by its name."""

import copy
import csv
import dataclasses
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import miscope as ms
from miscope import FormatError, InputError, MICurve
from miscope.curve.storage import to_json

SUFFIXES = [".json", ".parquet"]
KINDS = [
    "bars",
    "no bars",
    "document",
    "drawn",
    "correlation",
    "bits",
    "uncorrected",
    "long memory",
    "no bars for long memory",
    "one lag",
    "unicode",
    "nan",
    "warned",
]


@pytest.fixture(scope="module")
def curves() -> dict[str, MICurve]:
    generator = np.random.default_rng(5)
    documents = [np.repeat(generator.integers(0, 3, 100), 4) for _ in range(16)]
    curve = ms.measure(documents, "1:100", blocks=8, label="bars")
    nan = np.where(np.arange(len(curve)) % 3 == 0, np.nan, curve.stderr)
    made = {
        "bars": curve,
        "no bars": ms.measure(documents, "1:100", blocks=0),
        "document": ms.measure(documents, "1:100", blocks=8, null="document"),
        "drawn": ms.measure(documents, [1, 5], blocks=8, null="rotate", seed=3),
        "correlation": ms.measure(documents, [1, 5], blocks=8, quantity="correlation"),
        "bits": curve.in_bits(),
        "uncorrected": ms.measure(documents, [1, 5], blocks=8, correct_bias=False),
        "long memory": dataclasses.replace(curve, wander=curve.stderr / 2, provenance={"long_memory": {"at": 0.5}}),
        "no bars for long memory": dataclasses.replace(curve, wander=nan * np.nan, stderr=nan * np.nan),
        "one lag": ms.measure(documents, [7], blocks=2),
        "unicode": dataclasses.replace(curve, label='Война и мир "\\\n\u2028 🎵 \x00'),
        "nan": dataclasses.replace(curve, stderr=nan, p_values=nan, replicates=curve.replicates * nan),
        "warned": ms.measure(documents[0], "1:100", blocks=8),
    }
    assert list(made) == KINDS
    return made


@pytest.fixture(scope="module")
def about(curves) -> dict:
    return json.loads(to_json(curves["document"]))


def assert_same(first: MICurve, second: MICurve) -> None:
    for field in dataclasses.fields(MICurve):
        one, other = getattr(first, field.name), getattr(second, field.name)
        if isinstance(one, np.ndarray):
            assert (one.dtype, one.shape) == (other.dtype, other.shape), field.name
            np.testing.assert_array_equal(one, other, err_msg=field.name)
        elif field.name == "provenance":
            assert json.loads(json.dumps(dict(one), default=str)) == other
        else:
            assert (type(one), one) == (type(other), other), field.name


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(curves, tmp_path, kind, suffix):
    path = tmp_path / f"curve{suffix}"
    curves[kind].save(path)
    loaded = MICurve.load(path)
    assert_same(curves[kind], loaded)
    assert str(loaded) == str(curves[kind])
    loaded.save(tmp_path / f"again{suffix}")
    assert (tmp_path / f"again{suffix}").read_bytes() == path.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"again{suffix}", f"curve{suffix}"]


@pytest.mark.parametrize("kind", KINDS)
def test_both_formats_hold_the_same(curves, tmp_path, kind):
    curves[kind].save(str(tmp_path / "a.json"))
    curves[kind].save(str(tmp_path / "a.parquet"))
    assert_same(MICurve.load(tmp_path / "a.json"), MICurve.load(tmp_path / "a.parquet"))


def test_the_type_is_told_by_the_content_when_reading(curves, tmp_path):
    curves["bars"].save(tmp_path / "a.parquet")
    (tmp_path / "a.parquet").rename(tmp_path / "a.json")
    assert_same(curves["bars"], MICurve.load(tmp_path / "a.json"))


def test_capitals_in_the_suffix(curves, tmp_path):
    curves["bars"].save(tmp_path / "A.PARQUET")
    assert (tmp_path / "A.PARQUET").read_bytes()[:4] == b"PAR1"


def test_json_is_for_everybody(curves, tmp_path):
    """Strict JSON, in UTF-8, with the names of the attributes."""
    curves["nan"].save(tmp_path / "a.json")

    def refuse(name):
        raise AssertionError(name)

    plain = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert plain["format"] == "miscope.curve"
    assert plain["version"] == 1
    assert plain["stderr"][0] is None
    assert plain["mi"] == curves["nan"].mi.tolist()
    assert np.shape(plain["replicates"]) == (len(curves["nan"]), 8)
    assert "🎵" in to_json(curves["unicode"])


def test_parquet_is_for_everybody(curves, tmp_path):
    curves["document"].save(tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.num_rows == len(curves["document"])
    assert table.column("mi").to_pylist() == curves["document"].mi.tolist()


def test_provenance_may_hold_numbers_of_numpy_and_nan(curves, tmp_path):
    odd = {"n": np.int64(3), "x": np.float64(0.5), "path": tmp_path, "unknown": float("nan")}
    curve = dataclasses.replace(curves["bars"], provenance=odd)
    for suffix in SUFFIXES:
        curve.save(tmp_path / f"a{suffix}")
        loaded = MICurve.load(tmp_path / f"a{suffix}").provenance
        assert (loaded["n"], loaded["x"], loaded["path"]) == (3, 0.5, str(tmp_path))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_cut_file_never_loads(curves, tmp_path, suffix):
    path = tmp_path / f"whole{suffix}"
    curves["document"].save(path)
    whole = path.read_bytes().rstrip(b"\n")
    step = max(1, len(whole) // 150)
    for size in [*range(12), *range(12, len(whole) - 12, step), *range(len(whole) - 12, len(whole))]:
        cut = tmp_path / f"cut{suffix}"
        cut.write_bytes(whole[:size])
        with pytest.raises(FormatError, match=r"cut.*not a curve of miscope|cut.*damaged"):
            MICurve.load(cut)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_bytes_never_crash(curves, tmp_path, suffix):
    path = tmp_path / f"whole{suffix}"
    curves["bars"].save(path)
    whole = path.read_bytes()
    generator = np.random.default_rng(2)
    for where in generator.integers(0, len(whole), 150):
        damaged = bytearray(whole)
        damaged[where] ^= int(generator.integers(1, 256))
        (tmp_path / "damaged").write_bytes(damaged)
        try:
            MICurve.load(tmp_path / "damaged")
        except FormatError as error:
            assert "damaged" in str(error) or "curve" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"3", b"null", b"{}", b'"miscope.curve"', b"\xff\xfe", b"PAR1PAR1"]
)
def test_foreign_content(tmp_path, content):
    (tmp_path / "foreign.json").write_bytes(content)
    with pytest.raises(FormatError, match=r"foreign\.json is not a curve of miscope"):
        MICurve.load(tmp_path / "foreign.json")


def test_nested_beyond_measure(tmp_path):
    (tmp_path / "deep.json").write_text("[" * 200_000)
    with pytest.raises(FormatError, match="not a curve of miscope"):
        MICurve.load(tmp_path / "deep.json")


def test_a_foreign_parquet_file(tmp_path):
    pq.write_table(pa.table({"lags": [1, 2], "mi": [0.5, 0.25]}), tmp_path / "a.parquet")
    with pytest.raises(FormatError, match=r"not a curve of miscope; `miscope measure FILE -o curve\.json` writes one"):
        MICurve.load(tmp_path / "a.parquet")


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version(about, tmp_path, version):
    (tmp_path / "a.json").write_text(json.dumps(about | {"version": version}))
    with pytest.raises(
        FormatError, match=f"holds version {version!r} of the curve format; this miscope reads version 1"
    ):
        MICurve.load(tmp_path / "a.json")


def test_another_version_in_parquet(curves, tmp_path):
    curves["bars"].save(tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    header = json.loads(table.schema.metadata[b"miscope"]) | {"version": 2}
    pq.write_table(table.replace_schema_metadata({b"miscope": json.dumps(header)}), tmp_path / "a.parquet")
    with pytest.raises(FormatError, match="holds version 2 of the curve format"):
        MICurve.load(tmp_path / "a.parquet")


NAMES = ["lags", "mi", "stderr", "replicates", "block_pairs", "null", "null_replicates", "excess_stderr", "n_pairs"]
NAMES += ["p_values", "estimator", "null_name", "quantity", "label", "unit", "bias_corrected", "warnings", "provenance"]


@pytest.mark.parametrize("name", [*NAMES, "n_blocks"])
def test_something_is_missing(about, tmp_path, name):
    rest = {key: value for key, value in about.items() if key != name}
    (tmp_path / "a.json").write_text(json.dumps(rest))
    with pytest.raises(FormatError, match=r"a\.json is damaged"):
        MICurve.load(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lags", 3),
        ("lags", []),
        ("lags", "abc"),
        ("lags", [1.5]),
        ("lags", [10**30]),
        ("mi", [0.5]),
        ("mi", ["much"]),
        ("mi", None),
        ("replicates", [[1.0, 2.0], [1.0]]),
        ("replicates", []),
        ("block_pairs", [[1.5]]),
        ("n_blocks", -1),
        ("n_blocks", "8"),
        ("n_blocks", None),
        ("chance", [0.5]),
        ("warnings", None),
        ("warnings", 3),
        ("warnings", "text"),
        ("provenance", None),
        ("provenance", [1]),
        ("label", 7),
        ("quantity", "nonsense"),
        ("unit", "parsecs"),
        ("unit", None),
        ("bias_corrected", "no"),
    ],
)
def test_something_is_wrong(about, tmp_path, name, value):
    (tmp_path / "a.json").write_text(json.dumps(about | {name: value}))
    with pytest.raises(FormatError, match=r"a\.json is damaged"):
        MICurve.load(tmp_path / "a.json")


def test_lags_that_are_not_whole_in_an_otherwise_whole_file(about, tmp_path):
    wrong = copy.deepcopy(about)
    wrong["lags"][1] += 0.5
    (tmp_path / "a.json").write_text(json.dumps(wrong))
    with pytest.raises(FormatError, match=r"a\.json is damaged"):
        MICurve.load(tmp_path / "a.json")


def test_no_such_file(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*none\.json': No such file"):
        MICurve.load(tmp_path / "none.json")


def test_a_folder(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        MICurve.load(tmp_path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_that_is_not_there(curves, tmp_path, suffix):
    with pytest.raises(InputError, match="does not exist; create it first"):
        curves["bars"].save(tmp_path / "none" / f"a{suffix}")
    with pytest.raises(InputError, match="it is a folder; name a file inside it"):
        curves["bars"].save(tmp_path)


@pytest.mark.parametrize("name", ["a.txt", "a", "a.csv.gz", "a.xlsx", "json"])
def test_other_names_are_refused(curves, tmp_path, name):
    with pytest.raises(InputError, match=r"\.json, \.parquet, \.csv or \.tsv"):
        curves["bars"].save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "unit"), [("bars", "nats"), ("bits", "bits"), ("document", "nats")])
@pytest.mark.parametrize(("suffix", "separator"), [(".csv", ","), (".TSV", "\t")])
def test_a_table_for_other_programs(curves, tmp_path, kind, unit, suffix, separator):
    curve, path = curves[kind], tmp_path / f"a{suffix}"
    curve.save(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=separator))
    assert [int(row["lag"]) for row in rows] == curve.lags.tolist()
    assert [int(row["n_pairs"]) for row in rows] == curve.n_pairs.tolist()
    for name in ("mi", "stderr", "null", "excess", "excess_stderr"):
        found = [float(row[f"{name}_{unit}"] or "nan") for row in rows]
        np.testing.assert_allclose(found, getattr(curve, name), rtol=1e-15)
    assert all("nan" not in row.values() for row in rows)
    with pytest.raises(FormatError, match="replicates"):
        MICurve.load(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_link_is_followed(curves, tmp_path, suffix):
    target = tmp_path / f"target{suffix}"
    target.write_text("old")
    (tmp_path / f"link{suffix}").symlink_to(target)
    curves["bars"].save(tmp_path / f"link{suffix}")
    assert (tmp_path / f"link{suffix}").is_symlink()
    assert_same(curves["bars"], MICurve.load(target))


def test_damage_to_the_memory_of_one_curve_does_not_reach_another(curves):
    assert not np.shares_memory(curves["bars"].mi, curves["bits"].mi)
