"""drift(): trends of known size, and none where there is none."""

import json
import re

import numpy as np
import pytest

import miscope as ms
from miscope.probing.drift import drift
from miscope.processes import Heterogeneous, IsingChain

SHORT = ms.Sequences.from_arrays([[0, 1] * 50] * 8)


def test_a_trend_is_found():
    couplings = np.linspace(0.4, 0.8, 16)
    corpus = ms.Sequences.concatenate([IsingChain(c).sample(4, 500, seed=k) for k, c in enumerate(couplings)])
    seen = []
    found = drift(corpus, [1, 2, 3, 4], progress=lambda *now: seen.append(now))
    assert found.values.shape == (16, 4)
    assert found.p_trend <= 0.05
    c = np.tanh(couplings)
    exact = 0.5 * ((1 + c) * np.log1p(c) + (1 - c) * np.log1p(-c))
    assert np.all(np.abs(found.values[:, 0] - exact) < 4.5 * found.stderr[:, 0])
    assert found.slopes[0] == pytest.approx((exact[-1] - exact[0]) * 16 / 15, rel=0.2)
    assert "dependence rises from beginning to end: at lag" in found.sentence
    line = found.values[:, 0].mean() + np.array([-0.5, 0.5]) * found.slopes[0]
    ends = found.values[:, 0].min(), found.values[:, 0].max()
    assert (
        f"at lag 1 a straight line through the windows goes from {line[0]:.3g} to {line[1]:.3g} nats, and the windows "
        f"lie between {ends[0]:.3g} and {ends[1]:.3g} (" in found.sentence
    )
    assert "lags are shown" not in str(found)
    done = [now for now, _ in seen]
    assert done == sorted(set(done))
    assert seen[-1] == (done[-1], done[-1])
    assert max(np.diff([0, *done])) < done[-1] / 16  # not window by window, but lag by lag
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.to_table().num_rows == 64
    assert str(found).startswith(found.sentence)


def test_drifting_symbols_are_found():
    laws = [[p, 1 - p] for p in np.linspace(0.45, 0.55, 16)]
    corpus = ms.Sequences.concatenate([Heterogeneous(compositions=[law]).sample(4, 500, seed=3) for law in laws])
    found = drift(corpus, [1, 2])
    assert found.p_symbols <= 0.01
    assert "the symbols of" in found.sentence
    assert np.all(np.diag(found.distance) == 0)


def test_no_drift_is_seen_where_there_is_none():
    found = [drift(IsingChain(0.8).sample(32, 200, seed=s), [1, 3], 8, n_permutations=99, seed=s) for s in range(16)]
    assert sum(each.p_trend <= 0.05 for each in found) <= 4
    assert sum(each.p_symbols <= 0.05 for each in found) <= 4


@pytest.mark.parametrize(
    ("corpus", "options", "words"),
    [
        ([0, 1], {}, "2 symbols are too few"),
        (SHORT, {"windows": 2}, "windows must be a whole number of at least 4"),
        (SHORT, {}, "800 symbols are too few for 16 windows"),
        (SHORT, {"windows": 8, "lags": [500]}, "no document is long enough for lag 500"),
    ],
)
def test_drift_refuses(corpus, options, words):
    with pytest.raises(ms.InputError, match=re.escape(words)):
        drift(corpus, **options)
