"""What Shen 2019 is about, in a minute: a recurrent network's information falls exponentially, its data's does not."""

import numpy as np
import pytest

import miscope as ms

DATA = ms.processes.PowerLawBinary(amplitude=0.1, exponent=0.4)
LAGS = [1, 2, 4, 8, 16, 24, 32, 40, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256]


@pytest.fixture(scope="module")
def trained():
    network = ms.models.LSTM(alphabet_size=2, width=4, seed=0)
    return ms.train(network, DATA, steps=250, batch=64, length=256, seed=0)


@pytest.fixture(scope="module")
def curve(trained):
    return ms.probe(trained, LAGS, n_documents=512, length=2048, seed=1)


def test_it_learns_what_can_be_learnt_with_little(trained, curve):
    first, last = trained.history.valid[0], trained.history.valid[-1]
    assert last < first < np.log(2)
    ratio = curve.mi / DATA.mutual_information(LAGS)
    assert (ratio[:4] > 0.6).all()
    assert ratio[-1] < 0.25


def test_the_data_are_a_power_law_and_the_network_is_exponential_at_large_lags(curve):
    data = ms.measure(DATA.sample(256, 2048, seed=1), LAGS)
    assert ms.fit(data).verdict.kind == "power law"
    tail = ms.fit(curve, lags="24:")
    assert tail.verdict.kind == "exponential"


@pytest.mark.long
def test_its_spectrum_foretells_correlation_length_and_curve(trained, curve):
    found = ms.spectrum(trained, n_documents=128, length=2048, seed=3)
    measured = ms.fit(curve, lags="48:").correlation_length.value
    assert found.correlation_length == pytest.approx(measured, rel=0.15)
    low, high = found.band(LAGS, level=0.99)
    agree = (curve.mi + 3 * curve.stderr > low) & (curve.mi - 3 * curve.stderr < high)
    assert agree.mean() > 0.9


def test_its_reach_is_finite(curve):
    found = ms.reach(DATA, curve)
    assert found.bound == ""
    assert 16 < found.low <= found.lag <= found.high < 256
