"""What must hold with the core dependencies only; run in both environments."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

import miscope as ms

MODELLING = ("couplings", "probe", "reach", "sample", "spectrum", "train")
HEAVY = ("torch", "dask", "plotly", "pandas", "matplotlib", "numba", "scipy", "pyarrow", "typer", "rich")


def test_importing_is_light():
    code = f"import sys, miscope; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_help_needs_nothing_heavy():
    code = (
        "import sys\nfrom miscope.cli.app import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY[:8]} if name in sys.modules], file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr.strip() == "[]"
    assert "measure" in found.stdout


def test_public_surface():
    assert ms.__all__ == [
        "Comparison",
        "DecayFit",
        "Fingerprints",
        "FormatError",
        "InputError",
        "MICurve",
        "MeasurementPlan",
        "MiscopeError",
        "MissingExtraError",
        "PairCounts",
        "Sequences",
        "Series",
        "Shards",
        "__version__",
        "builtin_corpus",
        "compare",
        "contributions",
        "count_fingerprints",
        "count_pairs",
        "count_to_file",
        "couplings",
        "detectable_lag",
        "drift",
        "entropy",
        "fit",
        "measure",
        "models",
        "mutual_information",
        "plan",
        "plot",
        "probe",
        "probing",
        "processes",
        "reach",
        "read",
        "read_fasta",
        "read_hdf5",
        "read_hub",
        "read_mat",
        "read_npy",
        "read_npz",
        "read_table",
        "read_text",
        "read_tokens",
        "report",
        "sample",
        "spectrum",
        "tokenize",
        "train",
        "uniformity",
    ]
    assert dir(ms) == sorted(ms.__all__)
    for name in ms.__all__:
        if name in MODELLING and not importlib.util.find_spec("torch"):
            with pytest.raises(ms.MissingExtraError, match=r'pip install "miscope\[models\]"'):
                getattr(ms, name)
        else:
            assert getattr(ms, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'mesure'"):
        getattr(ms, "mesure")  # noqa: B009


def test_the_whole_way_needs_no_extra(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog\n" * 200)
    curve = ms.measure(ms.read_text(text, unit="word"), lags=[1, 2, 9], blocks=8)
    curve.save(tmp_path / "curve.json")
    curve.save(tmp_path / "curve.parquet")
    ms.plot(ms.MICurve.load(tmp_path / "curve.json"), tmp_path / "curve.png")
    assert curve.to_table().column("lag").to_pylist() == [1, 2, 9]
    assert (tmp_path / "curve.png").stat().st_size > 1000


def test_what_needs_an_extra_says_which():
    curve = ms.measure(np.arange(100) % 2, lags=[1], blocks=4)
    if importlib.util.find_spec("pandas"):
        assert list(curve.to_frame()["lag"]) == [1]
    else:
        with pytest.raises(ms.MissingExtraError, match=r'pip install "miscope\[pandas\]"'):
            curve.to_frame()


def test_models_are_named_before_torch_is_there():
    assert "LSTM" in dir(ms.models)
    if not importlib.util.find_spec("torch"):
        with pytest.raises(ms.MissingExtraError, match=r"miscope\.models\.LSTM needs 'torch'"):
            ms.models.LSTM(2)


@pytest.mark.extras
def test_the_full_environment_is_full():
    """Catches a full job that silently runs without what it is there to test."""
    for package in ("pandas", "torch", "safetensors", "accelerate", "transformers", "tokenizers", "datasets", "fsspec"):
        assert importlib.util.find_spec(package), package
