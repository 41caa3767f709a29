"""Covariances at a lag against plain loops, and what they say of Gaussian numbers against closed forms."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from miscope.counting.blocks import cut_blocks
from miscope.estimation.covariance import Moments, gaussian_information, lagged_moments
from miscope.sequences import Series


def by_hand(left, right, offsets, bounds, n_blocks, lag, shift):
    """Sums over pairs in plain Python: (n, sums, products) for the whole, then with each block left out."""
    d = left.shape[1]
    parts = []
    for out in range(-1, n_blocks):
        n, sums, products = 0, np.zeros(2 * d), np.zeros((2 * d, 2 * d))
        for start, stop in itertools.pairwise(offsets):
            for t in range(start, stop - lag):
                if out >= 0 and bounds[out] <= t < bounds[out + 1]:
                    continue
                both = np.concatenate([left[t], right[t + shift]])
                n, sums, products = n + 1, sums + both, products + np.outer(both, both)
        parts.append((n, sums, products))
    return [np.array(part) for part in zip(*parts, strict=True)]


LENGTHS = {"one document": [60], "documents": [10, 25, 3, 1, 21], "an empty one": [20, 0, 40, 7], "short": [2] * 30}


@pytest.mark.parametrize("n_channels", [1, 2, 3])
@pytest.mark.parametrize("name", LENGTHS)
def test_moments_are_those_of_plain_loops(name, n_channels):
    """Catches pairs across documents, pairs at borders of blocks lost or counted twice, left and right exchanged."""
    generator = np.random.default_rng(n_channels)
    lengths = np.array(LENGTHS[name])
    values = generator.standard_normal((lengths.sum(), n_channels))
    other = generator.standard_normal(values.shape)
    series = Series(values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    for n_blocks in (0, 2, 5):
        blocks = cut_blocks(series, n_blocks)
        for lag in (1, 2, 9):
            for right, shift in ((values, lag), (other, 0), (other, lag)):
                arguments = (values, right, series.offsets, blocks.bounds, n_blocks, lag, shift)
                found, expected = lagged_moments(*arguments), by_hand(*arguments)
                for one, another in zip(found, expected, strict=True):
                    np.testing.assert_allclose(one, another, rtol=1e-10, atol=1e-10)


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"), reason="the JIT is off already")
def test_without_the_jit():
    """The same loops, and the correlation of a mode, as plain Python: in a process of its own."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    here = Path(__file__)
    kernels = [f"{here}::test_moments_are_those_of_plain_loops"]
    kernels += [f"{here.parents[1] / 'curve' / 'test_memory.py'}::test_correlation_of_a_mode_is_that_of_its_numbers"]
    command = [sys.executable, "-m", "pytest", *kernels, "-q", "-p", "no:cacheprovider", "--no-header"]
    done = subprocess.run(
        command, env=environment, cwd=here.parents[2], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None, done.stdout[-2000:]
    assert int(passed[1]) > 12
    assert "skipped" not in done.stdout


def moments(x, y):
    """Of pairs that are rows, without blocks."""
    both = np.hstack([x, y])
    return Moments(np.array([len(both)]), both.sum(axis=0)[None], (both.T @ both)[None])


def test_covariance_is_numpys():
    generator = np.random.default_rng(1)
    x, y = generator.standard_normal((2, 500, 3)) + 5
    np.testing.assert_allclose(moments(x, y).covariance()[0], np.cov(np.hstack([x, y]).T, bias=True), rtol=1e-9)


def test_information_of_two_numbers():
    """-1/2 ln(1 - r^2)."""
    for r in (0.0, 0.1, -0.6, 0.999):
        found = gaussian_information(np.array([[4.0]]), np.array([[0.25]]), np.array([[r]]))
        assert found == pytest.approx(-0.5 * np.log(1 - r**2), abs=1e-15)
    assert gaussian_information(np.eye(1), np.eye(1), np.eye(1)) > 10


def test_information_is_that_of_determinants():
    """1/2 ln(|A| |B| / |C|) for any covariances. Catches a transpose forgotten where left and right differ."""
    generator = np.random.default_rng(2)
    for d, e in ((1, 1), (2, 2), (3, 3), (2, 4)):
        root = generator.standard_normal((d + e, d + e + 3))
        joint = root @ root.T
        found = gaussian_information(joint[:d, :d], joint[d:, d:], joint[:d, d:])
        parts = (np.linalg.slogdet(joint[part, part])[1] for part in (slice(d), slice(d, None)))
        assert found == pytest.approx(0.5 * (sum(parts) - np.linalg.slogdet(joint)[1]), rel=1e-10)
        assert gaussian_information(joint[d:, d:], joint[:d, :d], joint[d:, :d]) == pytest.approx(found, rel=1e-10)


def test_independent_channels_add_up_and_units_do_not_matter():
    generator = np.random.default_rng(3)
    single = [np.array([[1.0, r], [r, 1.0]]) for r in (0.3, -0.7)]
    left = right = np.eye(2)
    cross = np.diag([0.3, -0.7])
    expected = sum(gaussian_information(c[:1, :1], c[1:, 1:], c[:1, 1:]) for c in single)
    assert gaussian_information(left, right, cross) == pytest.approx(expected, rel=1e-12)
    a, b = generator.standard_normal((2, 2, 2))
    mixed = gaussian_information(a @ left @ a.T, b @ right @ b.T, a @ cross @ b.T)
    assert mixed == pytest.approx(expected, rel=1e-9)


def test_information_of_left_out_blocks_is_that_of_what_stays():
    generator = np.random.default_rng(4)
    values = generator.standard_normal((400, 2)).cumsum(axis=0)
    values -= values.mean(axis=0)
    series = Series(values, np.array([0, 150, 400]))
    blocks = cut_blocks(series, 4)
    found = lagged_moments(values, values, series.offsets, blocks.bounds, 4, 3, 3).information()
    for out in range(-1, 4):
        starts = np.array(
            [
                t
                for t in [*range(147), *range(150, 397)]
                if out < 0 or blocks.bounds[out] > t or t >= blocks.bounds[out + 1]
            ]
        )
        assert found[out + 1] == pytest.approx(moments(values[starts], values[starts + 3]).information()[0], rel=1e-9)


@pytest.mark.parametrize("d", [1, 2, 4])
@pytest.mark.parametrize("n", [20, 100])
def test_chance_is_the_mean_of_the_plug_in_estimate(n, d):
    """Independent Gaussian pairs: catches degrees of freedom off by one, which is 5 % at n = 20."""
    generator = np.random.default_rng([n, d])
    n_runs = 4000
    both = generator.standard_normal((n_runs, n, 2 * d))
    found = Moments(np.full(n_runs, n), both.sum(axis=1), np.swapaxes(both, 1, 2) @ both)
    values = found.information()
    error = values.std(ddof=1) / np.sqrt(n_runs)
    np.testing.assert_allclose(found.chance(), found.chance()[0])
    assert abs(values.mean() - found.chance()[0]) < 4 * error
    assert error < 0.03 * values.mean()
    assert found.chance()[0] == pytest.approx(d**2 / (2 * n), rel=3 * (d + 1) / n)


def test_too_few_pairs_are_nan():
    generator = np.random.default_rng(5)
    for d in (1, 2):
        for n in range(8):
            few = moments(*generator.standard_normal((2, n, d)))
            enough = n > 2 * d + 1
            assert np.isfinite(few.information()[0]) == enough
            assert np.isfinite(few.chance()[0]) == enough


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3])
def test_a_channel_that_never_varies_is_nan_and_spoils_no_other(constant):
    generator = np.random.default_rng(6)
    fine = generator.standard_normal((2, 50, 2))
    dull = fine.copy()
    dull[0, :, 1] = constant
    stacked = Moments(*(np.concatenate(pair) for pair in zip(moments(*fine), moments(*dull), strict=True)))
    found = stacked.information()
    assert np.isfinite(found[0])
    assert np.isnan(found[1])
