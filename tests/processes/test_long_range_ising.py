"""The long-range Ising ring: every state of small rings by other code, and its cluster algorithm against them."""

import itertools
import math

import numpy as np
import pytest
from numba import njit
from scipy import optimize, stats

from miscope.errors import InputError
from miscope.processes import long_range_ising, spin_ring
from miscope.processes.long_range_ising import LongRangeIsing, binder_cumulant, transition_coupling
from miscope.processes.spin_ring import SpinRing, _sweep

CASES = [(0.15, 0.5), (0.4, 0.9), (0.05, 0.1), (0.7, 1.5)]


def naive_coupling(sigma, n, r, images=20_000):
    """Sum over the images on both sides one by one, and an integral for those beyond."""
    total = 0.0
    for first in (r, n - r):
        total += sum((first + k * n) ** -(1 + sigma) for k in range(images))
        total += (first + (images - 0.5) * n) ** -sigma / (sigma * n)
    return total


def naive_states(sigma, n):
    """Every state of the ring and its energy at coupling 1."""
    couplings = [0.0, *(naive_coupling(sigma, n, r) for r in range(1, n))]
    states = np.array(list(itertools.product((-1, 1), repeat=n)))
    energies = np.zeros(len(states))
    for i, j in itertools.combinations(range(n), 2):
        energies -= couplings[j - i] * states[:, i] * states[:, j]
    return states, energies


def boltzmann(coupling, energies):
    weights = np.exp(-coupling * (energies - energies.min()))
    return weights / weights.sum()


def naive_joint(states, law, lag):
    """Average over the pairs of a document, which do not cross its end."""
    table = np.zeros((2, 2))
    n = states.shape[1]
    for i in range(n - lag):
        for a, b in itertools.product((0, 1), repeat=2):
            at = (states[:, i] == 2 * a - 1) & (states[:, i + lag] == 2 * b - 1)
            table[a, b] += law[at].sum() / (n - lag)
    return table


def naive_cumulant(coupling, states, energies):
    law, m = boltzmann(coupling, energies), states.mean(axis=1)
    return 1 - (law @ m**4) / (3 * (law @ m**2) ** 2)


@pytest.mark.parametrize(("coupling", "sigma"), CASES)
@pytest.mark.parametrize("n", [2, 3, 6, 9])
def test_exact_values_are_those_of_every_state(coupling, sigma, n):
    states, energies = naive_states(sigma, n)
    law = boltzmann(coupling, energies)
    ring = LongRangeIsing(coupling, sigma, n)
    tables = [naive_joint(states, law, lag) for lag in range(1, n)]
    for lag, table in enumerate(tables, 1):
        np.testing.assert_allclose(ring.joint(lag), table, rtol=0, atol=1e-10)
    lags = range(1, n)
    naive = [sum(p * math.log(4 * p) for p in table.ravel()) for table in tables]  # both symbols are fair
    np.testing.assert_allclose(ring.mutual_information(lags), naive, rtol=0, atol=1e-9)
    correlations = [table[0, 0] + table[1, 1] - table[0, 1] - table[1, 0] for table in tables]
    np.testing.assert_allclose(ring.correlation(lags), correlations, rtol=0, atol=1e-9)


def test_weak_couplings_keep_their_precision():
    # To first order the correlation is the coupling; the second order is about 1e-9 of it.
    ring = LongRangeIsing(1e-10, 0.5, 12)
    expected = [1e-10 * naive_coupling(0.5, 12, r) for r in (1, 4, 6)]
    np.testing.assert_allclose(ring.correlation([1, 4, 6]), expected, rtol=1e-8)
    np.testing.assert_allclose(ring.mutual_information([1, 4, 6]), np.square(expected) / 2, rtol=1e-8)


@pytest.mark.parametrize(("coupling", "sigma"), [(0.001, 0.5), (0.3, 0.5), (20.0, 2.0)])
def test_sixteen_spins_are_enumerated(coupling, sigma):
    ring = LongRangeIsing(coupling, sigma, 16)
    information = ring.mutual_information("all:15")
    np.testing.assert_allclose(information, information[::-1], rtol=1e-9)  # a ring: the lags r and 16 - r are the same
    assert (np.diff(information[:8]) < 1e-9).all()
    assert (information > 0).all()
    assert (information < math.log(2) + 1e-9).all()


@pytest.mark.parametrize(("coupling", "sigma", "n"), [(0.15, 0.5, 12), (0.35, 0.9, 13), (0.05, 0.1, 16), (0.6, 1.5, 4)])
def test_samples_have_the_exact_law(coupling, sigma, n):
    # Would catch bonds of the wrong probability or between the wrong spins (that across an even ring counts once), and
    # a chain that mixes too slowly. Error bars are between blocks of 200 documents.
    states, energies = naive_states(sigma, n)
    law = boltzmann(coupling, energies)
    codes = LongRangeIsing(coupling, sigma, n).sample(n_documents=24_000, seed=11).codes.reshape(-1, n)
    spins = 2.0 * codes - 1
    couplings = [0.0, *(naive_coupling(sigma, n, r, 2000) for r in range(1, n))]
    pairs = list(itertools.combinations(range(n), 2))
    m = spins.mean(axis=1)
    seen = {
        "m2": (m**2, law @ states.mean(axis=1) ** 2),
        "m4": (m**4, law @ states.mean(axis=1) ** 4),
        "energy": (-sum(couplings[j - i] * spins[:, i] * spins[:, j] for i, j in pairs), law @ energies),
    }
    for lag in range(1, n):
        table = naive_joint(states, law, lag)
        for a, b in itertools.product((0, 1), repeat=2):
            at = ((codes[:, :-lag] == a) & (codes[:, lag:] == b)).mean(axis=1)
            seen[f"joint {lag} {a} {b}"] = (at, table[a, b])
    for name, (values, expected) in seen.items():
        blocks = values.reshape(120, 200).mean(axis=1)
        assert abs(blocks.mean() - expected) < 4.5 * blocks.std(ddof=1) / math.sqrt(120), name


@njit
def swept(generator, before, n, rate, keep, alias):
    """State after one sweep from each state; bits are spins, the first the highest."""
    after = np.zeros_like(before)
    spins, parent, turn = np.empty(n, np.uint8), np.empty(n, np.int32), np.empty(n, np.uint8)
    for k in range(len(before)):
        for i in range(n):
            spins[i] = before[k] >> (n - 1 - i) & 1
        _sweep(generator, spins, parent, turn, rate, keep, alias)
        for i in range(n):
            after[k] = 2 * after[k] + spins[i]
    return after


@pytest.mark.parametrize("n", [4, 5])
def test_one_sweep_leaves_the_boltzmann_law_as_it_is(n):
    # From states of exactly that law, one sweep leads to states of that law, and as many moves go one way as the other.
    # Would catch what shows only in the long run otherwise: bonds that are a per cent too likely.
    coupling, sigma, draws = 0.3, 0.6, 2_000_000
    states, energies = naive_states(sigma, n)
    law, size = boltzmann(coupling, energies), len(states)
    rng = np.random.default_rng(3)
    ring = SpinRing(coupling, sigma, n)
    before = rng.choice(size, draws, p=law)
    after = swept(rng, before, n, ring._rate, ring._keep, ring._alias)
    assert stats.chisquare(np.bincount(after, minlength=size), draws * law).pvalue > 1e-4
    moves = np.bincount(before * size + after, minlength=size * size).reshape(size, size)
    up, down = moves[np.triu_indices(size, 1)], moves.T[np.triu_indices(size, 1)]
    assert (up + down).min() > 50
    assert stats.chi2.sf(((up - down) ** 2 / (up + down)).sum(), len(up)) > 1e-4


def test_the_first_document_is_in_equilibrium():
    # Many chains of one document each; without sweeps before it all spins would be +1.
    n = 10
    states, energies = naive_states(0.5, n)
    law = boltzmann(0.2, energies)
    ring, code = SpinRing(0.2, 0.5, n), np.empty((1, n), np.uint8)
    m = []
    for seed in range(3000):
        ring.draw(np.random.default_rng(seed), code, 20, 1)
        m.append(2 * code.mean() - 1)
    m = np.array(m)
    assert abs(m.mean()) < 4.5 * m.std() / math.sqrt(3000)
    assert abs((m**2).mean() - law @ states.mean(axis=1) ** 2) < 4.5 * (m**2).std() / math.sqrt(3000)


class CountingGenerator:
    def __init__(self):
        self._generator, self.draws = np.random.default_rng(1), 0

    def random(self):
        self.draws += 1
        return self._generator.random()

    def standard_exponential(self):
        self.draws += 1
        return self._generator.standard_exponential()


class CountingArray(np.ndarray):
    reads = 0

    def __getitem__(self, at):
        CountingArray.reads += 1
        return super().__getitem__(at)


def test_a_sweep_takes_steps_in_proportion_to_the_spins(monkeypatch):
    # Random numbers and steps through the clusters' trees, near the transition; n log n would give 16 * 1.5 = 24.
    monkeypatch.setattr(spin_ring, "_join", spin_ring._join.py_func)
    steps = []
    for n in (256, 4096):
        ring, generator = SpinRing(0.23, 0.5, n), CountingGenerator()
        spins, parent, turn = np.ones(n, np.uint8), np.empty(n, np.int32).view(CountingArray), np.empty(n, np.uint8)
        CountingArray.reads = 0
        for _ in range(3):
            spin_ring._sweep.py_func(generator, spins, parent, turn, ring._rate, ring._keep, ring._alias)
        steps.append(generator.draws + CountingArray.reads)
    assert 12 < steps[1] / steps[0] < 20
    assert steps[0] / (3 * 256) < 25


def test_same_seed_same_bytes_on_any_number_of_cores(monkeypatch):
    ring = LongRangeIsing(0.2, 0.5, 512, thermalise=5, spacing=1)
    many = ring.sample(3000, seed=4).codes  # three pieces
    cumulant = binder_cumulant(0.2, 0.5, 32, n_samples=320, seed=4)
    monkeypatch.setattr("miscope.processes.drawing.thread_count", lambda: 1)
    monkeypatch.setattr("miscope.processes.spin_ring.thread_count", lambda: 1)
    np.testing.assert_array_equal(many, ring.sample(3000, seed=4).codes)
    assert (many != ring.sample(3000, seed=5).codes).any()
    assert cumulant == binder_cumulant(0.2, 0.5, 32, n_samples=320, seed=4)
    assert cumulant != binder_cumulant(0.2, 0.5, 32, n_samples=320, seed=5)


@pytest.mark.parametrize(("coupling", "sigma", "lags"), [(0.05, 0.5, (16, 64)), (0.1, 1.5, (8, 32))])
def test_disordered_law_is_the_slope_of_correlations(coupling, sigma, lags):
    # Spins of one cluster are equal, others independent: the correlation is the chance to share a cluster.
    n = 2048
    ring, generator = SpinRing(coupling, sigma, n), np.random.default_rng(2)
    spins, parent, turn = np.ones(n, np.uint8), np.empty(n, np.int32), np.empty(n, np.uint8)
    shared = np.zeros(2)
    for sweep in range(5000):
        spin_ring._sweep(generator, spins, parent, turn, ring._rate, ring._keep, ring._alias)
        if sweep >= 20:
            shared += [(parent[lag:] == parent[:-lag]).mean() for lag in lags]
    slope = 2 * math.log(shared[0] / shared[1]) / math.log(lags[1] / lags[0])  # of mutual information
    law = LongRangeIsing(coupling, sigma, n).law
    assert law.kind == "power law"
    assert slope == pytest.approx(law.exponent, abs=0.3)  # the others would be 2 (1 - sigma), 2 sigma, 2


def test_critical_law_is_the_slope_of_correlations():
    # At the crossing of 1024 and 2048 spins for sigma 0.75; 2 (1 + sigma) would be 3.5.
    n = 8192
    ring = LongRangeIsing(0.3726, 0.75, n, phase="critical", spacing=20)
    spins = 2.0 * ring.sample(60, seed=1).codes.reshape(-1, n) - 1
    correlation = np.fft.irfft((np.abs(np.fft.rfft(spins, axis=1)) ** 2).mean(axis=0), n) / n
    assert 2 * math.log(correlation[2] / correlation[64]) / math.log(32) == pytest.approx(ring.law.exponent, abs=0.15)


def test_law_says_only_what_is_known():
    assert LongRangeIsing(0.19, 0.5, 100).law.exponent == 3.0  # below the mean-field coupling, 0.1914
    assert LongRangeIsing(0.2, 0.5, 100).law is None
    assert LongRangeIsing(0.2, 0.5, 100, phase="disordered").law.exponent == 3.0
    assert LongRangeIsing(0.23, 0.5, 100, phase="critical").law.exponent == 1.0
    assert LongRangeIsing(0.3, 0.5, 100, phase="ordered").law.kind == "constant"
    assert LongRangeIsing(0.65, 1.0, 100, phase="critical").law is None
    assert LongRangeIsing(3.0, 1.2, 100).law.exponent == pytest.approx(4.4)
    assert LongRangeIsing(0.2, 0.5, 100).entropy_rate is None


@pytest.mark.parametrize(("coupling", "sigma", "n"), [(0.1, 0.5, 12), (0.3, 0.5, 9), (0.5, 1.0, 12)])
def test_cumulant_is_that_of_every_state(coupling, sigma, n):
    states, energies = naive_states(sigma, n)
    found = binder_cumulant(coupling, sigma, n, n_samples=32_000, seed=6)
    assert abs(found.value - naive_cumulant(coupling, states, energies)) < 4 * found.stderr
    assert found.stderr < 0.01


def test_standard_error_of_the_cumulant_is_the_scatter():
    states, energies = naive_states(0.5, 8)
    exact = naive_cumulant(0.2, states, energies)
    found = [binder_cumulant(0.2, 0.5, 8, n_samples=1600, seed=seed, thermalise=20) for seed in range(100)]
    z = np.array([(one.value - exact) / one.stderr for one in found])
    assert 0.8 < np.sqrt((z**2).mean()) < 1.3  # with 16 chains, Student's law gives 1.07


@pytest.fixture(scope="module")
def exact_crossing():
    small, large = (naive_states(0.5, n) for n in (8, 16))

    def excess(coupling):
        return naive_cumulant(coupling, *large) - naive_cumulant(coupling, *small)

    coupling = optimize.brentq(excess, 0.1, 0.5)
    return coupling, naive_cumulant(coupling, *small)


def test_crossing_of_small_rings_is_that_of_every_state(exact_crossing):
    steps = []
    found = transition_coupling(0.5, (16, 8), n_samples=64_000, seed=2, progress=lambda *step: steps.append(step))
    coupling, cumulant = exact_crossing
    assert found.sizes == (8, 16)
    assert abs(found.coupling - coupling) < 4 * found.stderr
    assert found.stderr < 0.05 * coupling
    assert found.cumulants[0] == pytest.approx(cumulant, abs=0.05)
    assert steps == [(1, 1)]
    assert str(found).startswith("Transition at sigma 0.5\n8 and 16 spins cross at 0.2")


def test_standard_error_of_the_crossing_is_the_scatter():
    # Where the cumulants bend most; their mean slope over the window of reweighting would give errors half as large.
    small, large = naive_states(1.0, 8), naive_states(1.0, 12)
    exact = optimize.brentq(lambda k: naive_cumulant(k, *large) - naive_cumulant(k, *small), 0.3, 1.0)
    found = [transition_coupling(1.0, (8, 12), n_samples=16_000, seed=seed) for seed in range(10)]
    z = np.array([(one.coupling - exact) / one.stderr for one in found])
    assert 0.6 < np.sqrt((z**2).mean()) < 1.6


def test_reweighting_gives_the_cumulant_of_another_coupling():
    states, energies = naive_states(0.5, 8)
    records = SpinRing(0.2, 0.5, 8).record(64_000, 20, [3])
    for other in (0.17, 0.22):
        cumulants = long_range_ising._cumulants(records, math.log(other / 0.2))
        error = long_range_ising._jackknife(cumulants)
        assert abs(cumulants[0] - naive_cumulant(other, states, energies)) < 4 * error
        assert abs(cumulants[0] - naive_cumulant(0.2, states, energies)) > 10 * error  # it does something


def test_crossing_approaches_the_mean_field_coupling_for_small_sigma():
    # 1 / (2 zeta(1 + sigma)) is a lower bound of the transition, and its limit for sigma to 0.
    found = transition_coupling(0.05, (64, 128, 256), n_samples=3200, seed=3)
    zeta = sum(k**-1.05 for k in range(1, 10_000)) + 9999.5**-0.05 / 0.05
    assert len(found.couplings) == len(found.stderrs) == len(found.cumulants) == 2
    assert found.coupling == found.couplings[1]
    assert abs(found.coupling * 2 * zeta - 1) < 0.05


def test_a_crossing_that_is_not_seen_is_an_error(monkeypatch):
    monkeypatch.setattr(long_range_ising, "_MOST_STEPS", 2)
    with pytest.raises(InputError, match="8 and 16 spins were not seen to cross: give more n_samples"):
        transition_coupling(0.9, (8, 16), n_samples=1600)
    monkeypatch.undo()
    monkeypatch.setattr(long_range_ising, "_MOST_ROUNDS", 0)
    with pytest.raises(InputError, match="8 and 16 spins were not seen to cross"):
        transition_coupling(0.5, (8, 16), n_samples=1600)


def test_a_start_that_is_off_is_left_for_the_crossing(monkeypatch, exact_crossing):
    for start in (0.2, 0.35):
        monkeypatch.setattr(long_range_ising, "_scan", lambda *_, start=start: start)
        found = transition_coupling(0.5, (8, 16), n_samples=64_000, seed=2)
        assert abs(found.coupling - exact_crossing[0]) < 4 * found.stderr


def test_documents_are_whole_rings():
    ring = LongRangeIsing(0.2, 0.5, 32, thermalise=1, spacing=1)
    assert ring.longest == 32
    assert ring.sample(3).offsets.tolist() == [0, 32, 64, 96]
    assert ring.sample(3, length=32).alphabet_size == 2
    with pytest.raises(InputError, match="a document is the whole ring of 32 spins, not 33: leave length out"):
        ring.sample(3, length=33)


def test_parameters_make_an_equal_process():
    ring = LongRangeIsing(coupling=0.25, sigma=0.5, n_spins=12, phase="ordered", thermalise=7, spacing=3)
    assert ring.parameters == {
        "coupling": 0.25,
        "sigma": 0.5,
        "n_spins": 12,
        "phase": "ordered",
        "thermalise": 7,
        "spacing": 3,
    }
    again = LongRangeIsing(**ring.parameters)
    np.testing.assert_array_equal(again.sample(5, seed=1).codes, ring.sample(5, seed=1).codes)
    assert again.law == ring.law


def test_longer_rings_have_no_exact_answer():
    ring = LongRangeIsing(0.2, 0.5, 17)
    for ask in (ring.mutual_information, ring.correlation):
        with pytest.raises(InputError, match=r"at most 16 spins .*this one has 17: measure a sample instead"):
            ask([1])
    with pytest.raises(InputError, match="measure a sample instead"):
        ring.joint(1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coupling": 0.0}, "coupling must be a number above 0"),
        ({"coupling": -0.1}, "coupling must be a number above 0"),
        ({"coupling": math.nan}, "coupling must be a number above 0"),
        ({"coupling": 50.0}, "a coupling of 50 binds each spin .* choose one below 2"),
        ({"sigma": 0.0}, "sigma must be a number above 0"),
        ({"sigma": math.inf}, "sigma must be a number above 0"),
        ({"sigma": 101.0}, "sigma is 101; at most 100"),
        ({"n_spins": 1}, "n_spins must be a whole number of at least 2"),
        ({"n_spins": 8.0}, "n_spins must be a whole number"),
        ({"n_spins": 1 << 31}, "n_spins is 2147483648; at most"),
        ({"thermalise": -1}, "thermalise must be a whole number of at least 0"),
        ({"spacing": 0}, "spacing must be a whole number of at least 1"),
        ({"phase": "critcal"}, "unknown phase 'critcal'; did you mean 'critical'"),
        ({"phase": "ordered", "coupling": 0.1}, "phase cannot be 'ordered': .* 0.1914, it is disordered"),
        ({"phase": "critical", "sigma": 1.1}, "phase cannot be 'critical'"),
    ],
)
def test_parameters_are_checked(arguments, message):
    with pytest.raises(InputError, match=message):
        LongRangeIsing(**({"coupling": 0.2, "sigma": 0.5, "n_spins": 8} | arguments))


def test_arguments_of_the_transition_are_checked():
    with pytest.raises(InputError, match="there is no transition for sigma above 1"):
        transition_coupling(1.1)
    for sizes in ((64,), (64, 64)):
        with pytest.raises(InputError, match="sizes must be at least two different numbers of spins"):
            transition_coupling(0.5, sizes)
    with pytest.raises(InputError, match="each of sizes must be a whole number of at least 4"):
        transition_coupling(0.5, (3, 64))
    with pytest.raises(InputError, match="n_samples must be a whole number of at least 160"):
        transition_coupling(0.5, n_samples=10)
    with pytest.raises(InputError, match="n_samples must be a whole number of at least 160"):
        binder_cumulant(0.2, 0.5, 8, n_samples=159)
    with pytest.raises(InputError, match="seed must be a whole number"):
        binder_cumulant(0.2, 0.5, 8, seed=-1)
    with pytest.raises(InputError, match="thermalise must be a whole number"):
        binder_cumulant(0.2, 0.5, 8, thermalise=-1)
