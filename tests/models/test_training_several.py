"""One training by two processes: the weights of one."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from miscope.models.storage import load


@pytest.mark.long  # test_several_processes_speak_with_one_voice is a shorter one, of the command
def test_two_processes_agree_with_one(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(TWO, encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
    subprocess.run(
        [*command, "--master-port=0", "--rdzv-endpoint=127.0.0.1:0", "--rdzv-backend=c10d", str(script)],
        env=environment,
        cwd=tmp_path,
        check=True,
        timeout=100,
        capture_output=True,
    )
    results = [load(tmp_path / f"{rank}.safetensors") for rank in (0, 1)]
    first, second = (each.model.state_dict() for each in results)
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    namespace = {}
    exec(TWO.split("# train")[0], namespace)
    alone = namespace["run"](None)
    for name, tensor in alone.model.state_dict().items():
        torch.testing.assert_close(first[name], tensor, rtol=0, atol=1e-5)
    np.testing.assert_allclose(results[0].history.valid, alone.history.valid, rtol=1e-5)
    np.testing.assert_allclose(results[0].history.loss, alone.history.loss, rtol=1e-5)
    assert (tmp_path / "reports.txt").read_text(encoding="utf-8").split() == ["0"]


TWO = """
import os
from pathlib import Path
import numpy as np
from miscope import Sequences
from miscope.models import GRU
from miscope.models.training import train

def run(progress, **more):
    generator = np.random.default_rng(0)
    # Documents of different lengths, so that each process has another number of symbols; and an odd batch.
    data = Sequences.from_arrays([generator.integers(0, 2, n).repeat(2) for n in generator.integers(1, 30, 100)])
    return train(GRU(2, width=4), data, steps=20, batch=7, length=24, device="cpu", progress=progress, **more)
# train
rank = os.environ["RANK"]
reported = []
trained = run(lambda *given: reported.append(rank), checkpoint="run.safetensors", checkpoint_every=5)
trained.save(f"{rank}.safetensors")
if reported:
    with Path("reports.txt").open("a") as file:
        file.write(rank + "\\n")
"""
