"""The Ising chain against its transfer matrix, against enumeration of rings, and against samples."""

from decimal import Decimal, getcontext

import numpy as np
import pytest

from miscope.errors import InputError
from miscope.processes.ising import IsingChain

CASES = [(0.3, 0.0), (1.0, 0.0), (-0.7, 0.0), (0.3, 0.2), (0.9, -0.4), (-0.8, 0.3), (0.0, 0.5), (2.0, -0.05)]


def transfer(coupling, field):
    """Transfer matrix over its largest eigenvalue, and the eigenvector, by diagonalisation; and the eigenvalues."""
    spins = np.array([-1.0, 1.0])
    matrix = np.exp(coupling * np.outer(spins, spins) + field * (spins[:, None] + spins) / 2)
    eigenvalues, vectors = np.linalg.eigh(matrix)
    top = np.argmax(np.abs(eigenvalues))
    return matrix / eigenvalues[top], vectors[:, top], eigenvalues


def chain_joint(coupling, field, lag):
    matrix, vector, _ = transfer(coupling, field)
    return vector[:, None] * np.linalg.matrix_power(matrix, lag) * vector


def naive_information(table):
    product = table.sum(axis=1, keepdims=True) * table.sum(axis=0)
    return float((table * np.log(table / product)).sum())


@pytest.mark.parametrize(("coupling", "field"), CASES)
def test_joints_are_those_of_the_transfer_matrix(coupling, field):
    chain = IsingChain(coupling, field)
    for lag in (1, 2, 3, 7):
        expected = chain_joint(coupling, field, lag)
        np.testing.assert_allclose(chain.joint(lag), expected, rtol=0, atol=1e-12)
        assert chain.mutual_information([lag])[0] == pytest.approx(naive_information(expected), abs=1e-12)


def test_joints_are_those_of_every_state_of_a_ring():
    # A ring of 18 spins differs from the infinite chain by the 18th power of the ratio of eigenvalues: below 1e-9 here.
    coupling, field, n = 0.3, 0.2, 18
    spins = 2.0 * (np.arange(1 << n)[:, None] >> np.arange(n) & 1) - 1
    weights = np.exp(coupling * (spins * np.roll(spins, 1, axis=1)).sum(axis=1) + field * spins.sum(axis=1))
    weights /= weights.sum()
    chain = IsingChain(coupling, field)
    for lag in (1, 2, 3):
        expected = [[weights[(spins[:, 0] == a) & (spins[:, lag] == b)].sum() for b in (-1, 1)] for a in (-1, 1)]
        np.testing.assert_allclose(chain.joint(lag), expected, rtol=0, atol=1e-9)


def test_correlation_without_a_field_is_a_power_of_tanh():
    lags = [1, 2, 5, 40]
    for coupling in (0.2, 1.3, -0.6):
        expected = np.tanh(coupling) ** np.array(lags)
        np.testing.assert_allclose(IsingChain(coupling).correlation(lags), expected, rtol=1e-12)


@pytest.mark.parametrize(("coupling", "lag"), [(1.0, 1000), (1e-9, 3), (10.0, 10**9), (-0.4, 151), (0.55, 170)])
def test_precision_is_kept_where_dependence_is_tiny_or_long(coupling, lag):
    getcontext().prec = 80
    doubled = (2 * Decimal(coupling)).exp()
    c = ((doubled - 1) / (doubled + 1)) ** lag
    expected = ((1 + c) * (1 + c).ln() + (1 - c) * (1 - c).ln()) / 2
    if abs(c) < Decimal("1e-20"):
        expected = c * c / 2  # what follows is below 1e-40 of it
    assert IsingChain(coupling).mutual_information([lag])[0] == pytest.approx(float(expected), rel=1e-9, abs=0)


def test_precision_is_kept_in_a_field():
    # chi^2-like leading term of I: (1 - m^2) terms cancel and I -> r^(2 lag) / 2, whatever the field.
    _, _, eigenvalues = transfer(0.5, 0.3)
    ratio = eigenvalues.min() / eigenvalues.max()
    information = IsingChain(0.5, 0.3).mutual_information([60])[0]
    assert information == pytest.approx(ratio**120 / 2, rel=1e-10, abs=0)


@pytest.mark.parametrize(("coupling", "field"), [(1.0, 0.0), (-0.7, 0.0), (0.9, -0.4), (2.0, 0.05)])
def test_law_is_the_slope_of_the_exact_curve(coupling, field):
    chain = IsingChain(coupling, field)
    near, far = np.log(chain.mutual_information([200, 220]))
    assert chain.law.kind == "exponential"
    assert 20 / (near - far) == pytest.approx(chain.law.correlation_length, rel=1e-6)
    if field == 0.0:
        assert chain.law.correlation_length == pytest.approx(-0.5 / np.log(np.tanh(abs(coupling))), rel=1e-12)


def test_without_a_coupling_nothing_depends():
    chain = IsingChain(0.0, 0.7)
    assert chain.law.kind == "finite"
    assert (chain.mutual_information([1, 10]) == 0).all()
    assert chain.values @ chain.joint(1).sum(axis=0) == pytest.approx(np.tanh(0.7))


@pytest.mark.parametrize(("coupling", "field"), CASES)
def test_entropy_rate_is_that_of_thermodynamics(coupling, field):
    # S = ln Z - K dlnZ/dK - h dlnZ/dh, derivatives of the numerical eigenvalue by central differences.
    def free(k, h):
        return np.log(np.abs(transfer(k, h)[2]).max())

    step = 1e-5
    by_coupling = (free(coupling + step, field) - free(coupling - step, field)) / (2 * step)
    by_field = (free(coupling, field + step) - free(coupling, field - step)) / (2 * step)
    expected = free(coupling, field) - coupling * by_coupling - field * by_field
    assert IsingChain(coupling, field).entropy_rate == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(("n_documents", "length"), [(64, 20_000), (1, 1_000_000)])
@pytest.mark.parametrize(("coupling", "field"), [(0.8, 0.1), (-0.6, -0.3)])
def test_samples_have_these_joints(coupling, field, n_documents, length):
    # Would catch flips drawn with the other spin's probability, or a field of the wrong sign.
    chain = IsingChain(coupling, field)
    blocks = chain.sample(n_documents, length, seed=3).codes.reshape(64, -1).astype(np.int64)
    for lag in (1, 2, 4):
        cells = 2 * blocks[:, :-lag] + blocks[:, lag:]
        seen = np.array([np.bincount(row, minlength=4) / len(row) for row in cells])
        stderr = seen.std(axis=0, ddof=1) / 8
        assert (np.abs(seen.mean(axis=0) - chain.joint(lag).ravel()) < 4.5 * stderr).all()


def test_documents_are_stationary_from_the_first_symbol():
    # Would catch documents that start in a fixed or a fair state: the mean spin is -0.66 here.
    chain = IsingChain(0.4, -0.4)
    pairs = chain.sample(200_000, 2, seed=5).codes.reshape(-1, 2).astype(np.int64)
    seen = np.bincount(2 * pairs[:, 0] + pairs[:, 1], minlength=4) / len(pairs)
    expected = chain.joint(1).ravel()
    assert (np.abs(seen - expected) < 4.5 * np.sqrt(expected / len(pairs))).all()


def test_same_seed_same_bytes_on_any_number_of_cores(monkeypatch):
    chain = IsingChain(1.0, 0.2)
    many = chain.sample(40, 50_000, seed=7).codes
    monkeypatch.setattr("miscope.processes.drawing.thread_count", lambda: 1)
    np.testing.assert_array_equal(many, chain.sample(40, 50_000, seed=7).codes)
    assert (many != chain.sample(40, 50_000, seed=8).codes).any()


def test_symbols_are_spins_and_parameters_make_an_equal_chain():
    chain = IsingChain(coupling=-1, field=0.25)
    assert chain.parameters == {"coupling": -1.0, "field": 0.25}
    assert chain.values == (-1.0, 1.0)
    again = IsingChain(**chain.parameters)
    np.testing.assert_array_equal(again.mutual_information([1, 9]), chain.mutual_information([1, 9]))


@pytest.mark.parametrize(("coupling", "field"), [(100.0, 100.0), (-100.0, 100.0), (100.0, 0.0), (-100.0, 0.0)])
def test_extremes_stay_finite(coupling, field):
    chain = IsingChain(coupling, field)
    assert np.isfinite(chain.mutual_information([1, 1000])).all()
    assert np.isfinite([chain.entropy_rate, chain.law.correlation_length]).all()
    assert len(chain.sample(2, 100).codes) == 200


@pytest.mark.parametrize("bad", [np.nan, np.inf, "1", None, True])
def test_parameters_are_numbers(bad):
    with pytest.raises(InputError, match="coupling must be a number"):
        IsingChain(bad)
    with pytest.raises(InputError, match="field must be a number"):
        IsingChain(1.0, bad)


def test_parameters_are_in_range():
    with pytest.raises(InputError, match="coupling must lie between -100 and 100"):
        IsingChain(-101)
    with pytest.raises(InputError, match="field must lie between -100 and 100"):
        IsingChain(1.0, 200.0)
