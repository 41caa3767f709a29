"""The samplers as plain Python: in a process of its own with numba's compiler off."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from miscope.processes import from_text

HERE = Path(__file__).parent
SUITE = [HERE / name for name in ("test_samplers.py", "test_bivariate.py", "test_hierarchical.py")]
SPECS = {
    "markov-chain:transition=[[0.7,0.2,0.1],[0.0,0.5,0.5],[0.6,0.0,0.4]]": 1000,
    "hidden-markov:transition=[[0.9,0.1],[0.2,0.8]],emission=[[0.7,0.2,0.1],[0.0,0.5,0.5]]": 1000,
    "heterogeneous:delta=0.5,segment=10": 1000,
    "renewal:tail_index=1.5": 1000,
    "ising-chain:coupling=0.5,field=0.1": 1000,
    "long-range-ising:coupling=0.2,sigma=0.5,n_spins=64,thermalise=10,spacing=2": None,
    "tree-grammar:depth=8": None,
    "random-hierarchy:alphabet_size=4,n_rules=2,depth=8": None,
    "power-law-binary:amplitude=0.2": 1000,
    "linear-rnn:recurrent=[[0.5,0.2],[-0.2,0.5]],feedback=[0.3,0.1],readout=[0.4,0.5]": 500,
}
DRAW = f"import sys; sys.path.insert(0, {str(HERE)!r}); import json, test_without_jit as here; " + (
    "print(json.dumps(here.drawn()))"
)

is_on = os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
pytestmark = pytest.mark.skipif(not is_on, reason="the JIT is off already")


def drawn():
    """What each process draws, as a digest; numbers to nine digits."""
    digests = {}
    for spec, length in SPECS.items():
        sample = from_text(spec).sample(3, length, seed=5)
        values = sample.codes if hasattr(sample, "codes") else np.round(sample.values, 9) + 0.0
        digests[spec] = hashlib.sha256(values.tobytes()).hexdigest()
    return digests


def run(*command):
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        [sys.executable, *command], env=environment, cwd=HERE.parents[1], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.long  # what follows is shorter
def test_the_samplers_without_the_jit():
    found = run("-m", "pytest", *map(str, SUITE), "-q", "-p", "no:cacheprovider", "--no-header")
    passed = re.search(r"(\d+) passed", found)
    assert passed is not None, found[-2000:]
    assert int(passed[1]) > 40
    assert "skipped" not in found


def test_the_same_is_drawn_with_the_jit_and_without():
    assert json.loads(run("-c", DRAW)) == drawn()
