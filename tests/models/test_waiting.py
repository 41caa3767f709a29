"""How torch's threads wait for one another, which is settled before torch is loaded."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.extras
SHOW = "import os, miscope.models; print(os.environ.get('GOMP_SPINCOUNT'))"


@pytest.mark.parametrize(
    ("given", "found"),
    [({}, "20000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")],
    ids=["default", "count", "policy"],
)
def test_threads_spin_shortly_unless_the_user_says_otherwise(given, found):
    environment = {
        name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    }
    done = subprocess.run(
        [sys.executable, "-c", SHOW], env=environment | given, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [found]
