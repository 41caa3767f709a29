"""--cluster: the same results as without, from workers that are processes of this machine."""

import json

import numpy as np
import pytest

import miscope as ms

distributed = pytest.importorskip("distributed")
pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def texts(tmp_path):
    generator = np.random.default_rng(4)
    words = ["so", "it", "goes", "and", "then"]
    for k in range(3):
        lines = [" ".join(generator.choice(words, 50)) for _ in range(30)]
        (tmp_path / f"part{k}.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "part3.txt").write_bytes(b"\xff\xfe\xff not UTF-8")
    return tmp_path


READING = ("--unit", "word", "--documents", "line", "--lags", "1,2,5", "--json")


def test_a_curve_is_the_same(miscope, texts):
    good = [str(texts / f"part{k}.txt") for k in range(3)]
    here = json.loads(miscope("measure", *good, *READING).stdout)
    outcome = miscope("measure", *good, str(texts / "part3.txt"), *READING, "--cluster", "local:1", "--skip-bad")
    assert outcome.status == 0
    there = json.loads(outcome.stdout)
    for name in ("lags", "mi", "stderr", "null", "p_values", "n_pairs"):
        assert there[name] == here[name], name
    assert any("part3.txt" in warning for warning in there["warnings"])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--cluster", "local:0"], "needs a whole number of workers of at least 1"),
        (["--cluster", "nowhere"], "unknown cluster 'nowhere'; write local:2, or the address of a scheduler"),
        (["--cluster", "local:1", "--top", "5"], "--top cannot be used with --cluster"),
        (["--cluster", "local:1", "--null", "document"], "needs the symbols in their order"),
        (["--skip-bad"], "--skip-bad is for files that the workers of a --cluster read"),
    ],
)
def test_what_a_cluster_cannot_do(miscope, texts, more, words):
    outcome = miscope("measure", str(texts / "part0.txt"), "--unit", "word", *more)
    assert outcome.status == 2
    assert words in outcome.stderr.replace("\n", " ")


@pytest.fixture
def workers():
    """The address of a scheduler with a worker, a process of its own."""
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def test_a_model_is_probed_and_drawn_from(miscope, tmp_path, workers):
    network = ms.models.ElmanRNN(alphabet_size=2, width=3)
    ms.train(network, ms.processes.IsingChain(1.0), steps=2, length=20).save(tmp_path / "net.safetensors")
    asked = ("probe", str(tmp_path / "net.safetensors"), "--lags", "1,2", "--documents", "40", "--length", "60")
    asked = (*asked, "--batch", "7", "--json")
    cluster = ("--cluster", workers)
    here, there = (json.loads(miscope(*asked, *more).stdout) for more in ((), cluster))
    assert here["mi"] == pytest.approx(there["mi"], rel=1e-6, abs=1e-12)
    drawn = ("sample", str(tmp_path / "net.safetensors"), "--documents", "20", "--length", "30", "--batch", "6", "-o")
    for name, more in (("here", ()), ("there", cluster)):
        assert miscope(*drawn, str(tmp_path / f"{name}.npy"), *more).status == 0
    assert (np.load(tmp_path / "here.npy") == np.load(tmp_path / "there.npy")).mean() > 0.99
