"""Curves whose law, noise and blocks are known, for fits that cost little."""

import numpy as np
import pytest
from scipy import stats

import miscope as ms
from miscope import MICurve

LAGS = np.array([1, 2, 3, 5, 8, 12, 18, 27, 40])


def _blocks(truth, sd, generator, n_blocks, alike):
    """Values of each block: a law, and Gaussian noise alike at neighbouring lags, of deviation sd in the mean."""
    apart = np.abs(np.subtract.outer(np.arange(len(truth)), np.arange(len(truth))))
    covariance = n_blocks * alike**apart * np.outer(sd, sd)
    return truth + generator.standard_normal((n_blocks, len(truth))) @ np.linalg.cholesky(covariance).T


@pytest.fixture(scope="session")
def curve_of_blocks():
    """A curve that is the mean of its blocks' values, so that its jackknife is that of a mean."""

    def made(lags, blocks, **fields):
        blocks = np.asarray(blocks)
        n = len(blocks)
        mean, bar = blocks.mean(axis=0), blocks.std(axis=0, ddof=1) / np.sqrt(n)
        left_out = (blocks.sum(axis=0) - blocks) / (n - 1)
        return MICurve(
            lags=np.asarray(lags),
            mi=mean,
            stderr=bar,
            replicates=left_out,
            block_pairs=np.full(blocks.shape, 1000),
            null=np.zeros_like(mean),
            null_replicates=np.zeros_like(left_out),
            excess_stderr=bar,
            chance=None,
            n_pairs=np.full(len(mean), 1000 * n),
            p_values=stats.t.sf(mean / bar, n - 1),
            **fields,
        )

    return made


@pytest.fixture(scope="session")
def noisy(curve_of_blocks):
    """A curve about a law, with noise as estimates of information have it: the larger, the larger the value."""

    def made(truth, seed, lags=LAGS, n_blocks=12, **fields):
        truth = np.asarray(truth, float)
        sd = 0.1 * np.sqrt(truth * truth.max()) + 0.006 * truth.max()
        blocks = _blocks(truth, sd, np.random.default_rng(seed), n_blocks, alike=0.5)
        return curve_of_blocks(lags, blocks, **fields)

    return made


@pytest.fixture(scope="session")
def exponentials(noisy):
    """100 fits to curves of correlation length 10, each with noise of its own."""
    truth = 0.05 * np.exp(-LAGS / 10)
    return [ms.fit(noisy(truth, seed), laws=["exponential"], floor=False) for seed in range(100)]


@pytest.fixture(scope="session")
def power_laws(noisy):
    """80 fits to curves of exponent 0.6, each with noise of its own."""
    truth = 0.05 * LAGS**-0.6
    return [ms.fit(noisy(truth, 1000 + seed), laws=["power law"], floor=False) for seed in range(80)]
