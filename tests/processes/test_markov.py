import itertools
import math

import numpy as np
import pytest

from miscope.errors import InputError
from miscope.processes.markov import HiddenMarkov, MarkovChain

SKEWED = [[0.6, 0.3, 0.1], [0.05, 0.75, 0.2], [0.3, 0.3, 0.4]]
SECOND = [[[0.8, 0.2], [0.3, 0.7]], [[0.55, 0.45], [0.1, 0.9]]]
THIRD = np.random.default_rng(5).dirichlet([1, 1], 8)
EMITTED = [[0.7, 0.2, 0.1, 0.0], [0.0, 0.5, 0.25, 0.25], [0.1, 0.1, 0.1, 0.7]]


def context_law(transition, order, size):
    """Stationary law of contexts, by letting the chain run for 1024 steps from any context."""
    law = np.full((size,) * order, size**-order)
    transition = np.reshape(transition, (size,) * order + (size,))
    step = np.zeros((size**order, size**order))
    for context in itertools.product(range(size), repeat=order):
        for symbol in range(size):
            start = np.ravel_multi_index(context, law.shape)
            step[start, np.ravel_multi_index((*context[1:], symbol), law.shape)] = transition[(*context, symbol)]
    law = (law.ravel() @ np.linalg.matrix_power(step, 1024)).reshape(law.shape)
    return law / law.sum()


def words(transition, order, size, length):
    """Every word of `length` symbols with its probability."""
    law = context_law(transition, order, size)
    transition = np.reshape(transition, (size,) * order + (size,))
    for word in itertools.product(range(size), repeat=length):
        probability = law[word[:order]]
        for t in range(order, length):
            probability = probability * transition[word[t - order : t + 1]]
        yield word, float(probability)


def information_of(table):
    left, right = table.sum(1), table.sum(0)
    return sum(
        p * math.log(p / (left[a] * right[b])) for a, row in enumerate(table) for b, p in enumerate(row) if p > 0
    )


def enumerated(transition, order, size, lag):
    table = np.zeros((size, size))
    for word, probability in words(transition, order, size, max(order, lag + 1)):
        table[word[0], word[lag]] += probability
    return table


@pytest.mark.parametrize(("transition", "order", "size"), [(SKEWED, 1, 3), (SECOND, 2, 2), (THIRD, 3, 2)])
def test_chain_agrees_with_all_words_enumerated(transition, order, size):
    chain = MarkovChain(transition, order)
    for lag in range(1, 7):
        table = enumerated(transition, order, size, lag)
        np.testing.assert_allclose(chain.joint(lag), table, atol=1e-12)
        assert chain.mutual_information([lag])[0] == pytest.approx(information_of(table), rel=1e-9)


def test_hidden_chain_agrees_with_all_paths_enumerated():
    process = HiddenMarkov(SKEWED, EMITTED)
    for lag in (1, 2, 5):
        states = enumerated(SKEWED, 1, 3, lag)
        table = sum(states[i, j] * np.outer(EMITTED[i], EMITTED[j]) for i, j in itertools.product(range(3), repeat=2))
        np.testing.assert_allclose(process.joint(lag), table, atol=1e-12)
        assert process.mutual_information([lag])[0] == pytest.approx(information_of(table), rel=1e-9)


def test_both_shapes_of_a_transition_are_the_same_chain():
    flat = MarkovChain(np.reshape(SECOND, (4, 2)), order=2)
    np.testing.assert_array_equal(flat.mutual_information("1:50"), MarkovChain(SECOND, 2).mutual_information("1:50"))


@pytest.mark.parametrize("stay", [0.9, 0.2])
def test_relative_precision_at_large_lags(stay):
    # P - p p by subtraction would end at 1e-17; here the covariance is 1e-36 and 1e-112.
    lags = [1, 7, 370, 500]
    c = np.array([(2 * stay - 1) ** lag for lag in lags])
    chain = MarkovChain.two_state(stay)
    np.testing.assert_allclose(chain.correlation(lags), c, rtol=1e-11)
    np.testing.assert_allclose(chain.mutual_information(lags)[2:], c[2:] ** 2 / 2, rtol=1e-11)


def test_unequal_symbols_at_a_large_lag():
    # Two states: C = pi_0 pi_1 lambda^tau exactly, lambda = 1 - a - b.
    chain = MarkovChain([[0.9, 0.1], [0.3, 0.7]])
    expected = 0.75 * 0.25 * 0.6**300
    np.testing.assert_allclose(chain.joint(1), [[0.675, 0.075], [0.075, 0.175]], atol=1e-15)
    assert chain.correlation([300])[0] == pytest.approx(4 * expected, rel=1e-11)
    assert chain.mutual_information([300])[0] == pytest.approx(expected**2 / (2 * 0.1875**2), rel=1e-11)


def test_steps_from_lag_to_lag_do_not_matter():
    chain = MarkovChain(THIRD, 3)
    lags = [1, 2, 3, 50, 51, 200, 1000]
    together = chain.mutual_information(lags)
    np.testing.assert_allclose(together[:6], [chain.mutual_information([lag])[0] for lag in lags[:6]], rtol=1e-9)


def test_stationary_law_of_a_nearly_decoupled_chain():
    # Subtractions such as 1 - 0.9999999999999 would leave three digits.
    chain = MarkovChain([[1 - 1e-13, 1e-13], [3e-13, 1 - 3e-13]])
    np.testing.assert_allclose(chain.joint(1).sum(1), [0.75, 0.25], rtol=1e-12)


def test_transient_states_do_not_matter():
    chain = MarkovChain([[0.2, 0.5, 0.3], [0, 0.9, 0.1], [0, 0.3, 0.7]])
    np.testing.assert_allclose(
        chain.mutual_information([1, 20]), MarkovChain([[0.9, 0.1], [0.3, 0.7]]).mutual_information([1, 20]), rtol=1e-12
    )
    assert chain.sample(100, 50, seed=1).codes.min() == 1


def slope(process, at, apart=1):
    early, late = process.mutual_information([at, at + apart])
    return math.log(early / late) / apart


@pytest.mark.parametrize("transition", [SKEWED, [[0.9, 0.1], [0.3, 0.7]], np.eye(3) * 0.7 + 0.1])
def test_law_of_real_modes_is_the_slope_of_the_curve(transition):
    chain = MarkovChain(transition)
    second = sorted(np.abs(np.linalg.eigvals(np.array(transition))))[-2]
    assert chain.law.kind == "exponential"
    assert chain.law.correlation_length == pytest.approx(-0.5 / math.log(second), rel=1e-9)
    assert 1 / chain.law.correlation_length == pytest.approx(slope(chain, 60), rel=1e-6)


def test_law_of_complex_modes_is_the_mean_slope_of_the_curve():
    around = MarkovChain([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]])
    # eigenvalues 0.1 + 0.8 w + 0.1 w^2 with w^3 = 1: in modulus 0.7
    assert around.law.correlation_length == pytest.approx(-0.5 / math.log(0.7), rel=1e-9)
    assert slope(around, 60, 120) == pytest.approx(-2 * math.log(0.7), rel=1e-2)


def test_law_of_a_defective_mode():
    # eigenvalue 1/2 twice, one eigenvector: MI ~ tau^2 4^-tau
    u, v = np.array([1, -1, 0]), np.array([1, 1, -2])
    chain = MarkovChain(np.full((3, 3), 1 / 6) + np.eye(3) / 2 + 0.05 * np.outer(u, v))
    assert chain.law.correlation_length == pytest.approx(0.5 / math.log(2), rel=1e-6)
    assert slope(chain, 200) == pytest.approx(2 * math.log(2) - 2 / 200, rel=1e-3)


def test_slow_modes_that_no_symbol_shows_do_not_enter():
    # State (i, j): i is slow and hidden, j is fast and seen.
    slow, fast = np.array([[0.99, 0.01], [0.01, 0.99]]), np.array([[0.7, 0.3], [0.3, 0.7]])
    process = HiddenMarkov(np.kron(slow, fast), np.kron(np.ones((2, 1)), np.eye(2)))
    assert process.law.correlation_length == pytest.approx(-0.5 / math.log(0.4), rel=1e-9)
    np.testing.assert_allclose(process.correlation([1, 150]), [0.4, 0.4**150], rtol=1e-9)


def test_period_of_hidden_states_that_no_symbol_shows_does_not_enter():
    turning, fast = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.7, 0.3], [0.3, 0.7]])
    process = HiddenMarkov(np.kron(turning, fast), np.kron(np.ones((2, 1)), np.eye(2)))
    assert process.law.kind == "exponential"
    assert process.mutual_information([150])[0] == pytest.approx(0.4**300 / 2, rel=1e-9)


@pytest.mark.parametrize(
    "process",
    [
        MarkovChain([[0.3, 0.7], [0.3, 0.7]]),
        MarkovChain(np.tile([0.2, 0.3, 0.5], (27, 1)), order=3),
        MarkovChain([[1.0]]),
        HiddenMarkov(SKEWED, np.tile([0.4, 0.6], (3, 1))),
    ],
)
def test_independent_symbols_have_no_information_at_all(process):
    assert process.law.kind == "finite"
    assert not process.mutual_information([1, 2, 100]).any()


def test_memory_that_ends():
    # States are the last two of a sequence of fair bits, so that nothing is left from lag 2 on.
    moves = np.zeros((4, 4))
    for old, new, fresh in itertools.product(range(2), repeat=3):
        moves[2 * old + new, 2 * new + fresh] = 0.5
    process = HiddenMarkov(moves, [[1, 0], [0.5, 0.5], [0.5, 0.5], [0, 1]])  # noisy mean of the two bits
    assert process.law.kind == "finite"
    information = process.mutual_information([1, 2, 3, 50])
    # E[x0 x1] = (1/2)(1/2) E[bit^2] = 1/4
    assert information[0] == pytest.approx(0.5 * (1.25 * math.log(1.25) + 0.75 * math.log(0.75)), rel=1e-12)
    assert not information[1:].any()


def test_periodic_chain_keeps_its_information():
    turning = MarkovChain([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert turning.law.kind == "constant"
    np.testing.assert_allclose(turning.mutual_information([1, 100, 10**6]), math.log(3), rtol=1e-9)
    halves = MarkovChain([[0, 0, 0.5, 0.5], [0, 0, 0.1, 0.9], [0.5, 0.5, 0, 0], [0.7, 0.3, 0, 0]])
    assert halves.law.kind == "constant"
    assert halves.mutual_information([10**5])[0] == pytest.approx(math.log(2), rel=1e-9)


@pytest.mark.parametrize(("transition", "order", "size"), [(SKEWED, 1, 3), (SECOND, 2, 2), (THIRD, 3, 2)])
def test_entropy_rate_is_the_growth_of_word_entropies(transition, order, size):
    def entropy(length):
        return -sum(p * math.log(p) for _, p in words(transition, order, size, length) if p > 0)

    growth = entropy(order + 2) - entropy(order + 1)
    assert MarkovChain(transition, order).entropy_rate == pytest.approx(growth, abs=1e-9)


def test_entropy_rate_of_hidden_chains_is_known_where_states_are_seen():
    shown = HiddenMarkov(SKEWED, [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    assert shown.entropy_rate == pytest.approx(MarkovChain(SKEWED).entropy_rate, rel=1e-12)
    assert HiddenMarkov(SKEWED, [[0, 1], [1, 0], [1, 0]]).entropy_rate is None
    assert HiddenMarkov(SKEWED, EMITTED).entropy_rate is None


def assert_sampled(process, lags, n_documents=64, length=20_000):
    """Joint frequencies within their errors, which documents tell: would catch any wrong table, and a wrong order."""
    codes = process.sample(n_documents, length, seed=3).codes.reshape(n_documents, length).astype(int)
    size = process.alphabet_size
    for lag in lags:
        pairs = size * codes[:, :-lag] + codes[:, lag:]
        shares = np.array([np.bincount(row, minlength=size**2) / pairs.shape[1] for row in pairs])
        error = shares.std(0, ddof=1) / n_documents**0.5
        assert (np.abs(shares.mean(0) - process.joint(lag).ravel()) < 4.5 * error + 1e-12).all()
        assert (error < 0.005).all()


def test_samples_of_chains_have_the_exact_joint_laws():
    assert_sampled(MarkovChain(SKEWED), [1, 2, 5])
    assert_sampled(MarkovChain(np.random.default_rng(1).dirichlet(np.ones(3), 9), order=2), [1, 2, 3])


def test_samples_of_hidden_chains_have_the_exact_joint_laws():
    assert_sampled(HiddenMarkov(SKEWED, EMITTED), [1, 3])


@pytest.mark.parametrize("length", [1, 2, 4])
def test_documents_are_stationary_from_their_first_symbol_on(length):
    # 40,000 short documents of an order-3 chain: a wrong first context, or its symbols turned round, would be seen.
    n = 40_000
    codes = MarkovChain(THIRD, 3).sample(n, length, seed=2).codes.reshape(n, length).astype(int)
    counts = np.bincount(codes @ (2 ** np.arange(length)[::-1]), minlength=2**length)
    expected = np.zeros(2**length)
    for word, probability in words(THIRD, 3, 2, max(3, length)):
        expected[int("".join(map(str, word[:length])), 2)] += probability
    assert (np.abs(counts / n - expected) < 4.5 * np.sqrt(expected * (1 - expected) / n)).all()


@pytest.mark.parametrize("process", [MarkovChain(THIRD, 3), HiddenMarkov(SKEWED, EMITTED)])
@pytest.mark.parametrize(("n_documents", "length"), [(7, 200_000), (1, 900_000)])
def test_same_seed_same_bytes_on_any_number_of_cores(monkeypatch, process, n_documents, length):
    first = process.sample(n_documents, length, seed=4).codes
    monkeypatch.setattr("miscope.processes.drawing.thread_count", lambda: 1)
    assert (process.sample(n_documents, length, seed=4).codes == first).all()
    assert (process.sample(n_documents, length, seed=5).codes != first).any()


def test_parameters_make_an_equal_process():
    chain = MarkovChain([[0.9, 0.1], [0.3, 0.7]], alphabet="ab")
    again = MarkovChain(**chain.parameters)
    assert again.parameters == chain.parameters
    assert (again.sample(2, 100).codes == chain.sample(2, 100).codes).all()
    assert chain.sample(1, 10).alphabet == ("a", "b")
    hidden = HiddenMarkov(SKEWED, EMITTED, alphabet=[3, 1, 4, 5])
    assert HiddenMarkov(**hidden.parameters).parameters == hidden.parameters
    assert MarkovChain(**MarkovChain(SECOND, 2).parameters).joint(1) == pytest.approx(MarkovChain(SECOND, 2).joint(1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"transition": [[0.5, 0.4], [0.5, 0.5]]}, "row 0 sums to 0.9; divide"),
        ({"transition": [[1.5, -0.5], [0.5, 0.5]]}, "it has a number below or above"),
        ({"transition": [[math.nan, 0.5], [0.5, 0.5]]}, "not finite"),
        ({"transition": [[0.5, 0.5], [1.0]]}, "nested lists of equal lengths"),
        ({"transition": 0.5}, r"shape \(\) does not fit order 1"),
        ({"transition": []}, "does not fit order 1"),
        ({"transition": SECOND}, r"shape \(2, 2, 2\) does not fit order 1"),
        ({"transition": SKEWED, "order": 2}, "does not fit order 2"),
        ({"transition": SKEWED, "order": 10**9}, "order 1000000000 is too high: at most 10"),
        ({"transition": SKEWED, "alphabet": 3}, "alphabet must name 3 different symbols"),
        ({"transition": SKEWED, "alphabet": [1, 2, [3]]}, "alphabet must name 3 different symbols"),
        ({"transition": SKEWED, "order": 0}, "order must be a whole number of at least 1"),
        ({"transition": np.eye(1025)}, "1025 contexts are too many"),
        ({"transition": [[1.0, 0.0], [0.0, 1.0]]}, "no unique stationary law: 2 sets of states .* 0 and 1"),
        ({"transition": SKEWED, "alphabet": "ab"}, "alphabet must name 3 different symbols"),
        ({"transition": SKEWED, "alphabet": "aba"}, "alphabet must name 3 different symbols"),
    ],
)
def test_chains_that_cannot_be(arguments, message):
    with pytest.raises(InputError, match=message):
        MarkovChain(**arguments)


@pytest.mark.parametrize("stay", [1.0, -0.1, math.nan, "much"])
def test_two_states_that_cannot_be(stay):
    with pytest.raises(InputError, match="stay"):
        MarkovChain.two_state(stay)


@pytest.mark.parametrize(
    ("transition", "emission", "message"),
    [
        ([[0.5, 0.5]], EMITTED, r"transition must have shape \(n_states, n_states\)"),
        ([], EMITTED, r"transition must have shape \(n_states, n_states\)"),
        (SKEWED, [[1.0], [1.0]], r"emission must have shape \(3, alphabet_size\)"),
        (SKEWED, [1.0, 1.0, 1.0], r"emission must have shape \(3, alphabet_size\)"),
        (SKEWED, [[], [], []], "emission must be a table"),
        (SKEWED, [[0.5, 0.6], [1, 0], [0, 1]], "each row of emission must sum to 1"),
        (np.eye(1025), np.ones((1025, 1)), "1025 states are too many"),
        (np.eye(3), EMITTED, "no unique stationary law: 3 sets"),
    ],
)
def test_hidden_chains_that_cannot_be(transition, emission, message):
    with pytest.raises(InputError, match=message):
        HiddenMarkov(transition, emission)
