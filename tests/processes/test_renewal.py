import math

import numpy as np
import pytest
from scipy import special

from miscope.errors import InputError
from miscope.processes import renewal
from miscope.processes.renewal import Renewal


def f_of(c):
    return 0.5 * ((1 + c) * np.log1p(c) + (1 - c) * np.log1p(-c))


def length_law(tail_index, shortest, longest):
    lengths = np.zeros(longest + 1)
    for length in range(shortest, longest + 1):
        lengths[length] = length ** -(1.0 + tail_index)
    return lengths / lengths.sum()


def as_chain(lengths):
    """The process as a Markov chain of (symbol, symbols of the run still to come), and its stationary law."""
    most = len(lengths) - 1
    moves = np.zeros((2 * most, 2 * most))
    for symbol in range(2):
        moves[symbol * most, (1 - symbol) * most :][:most] = lengths[1:]
        for left in range(1, most):
            moves[symbol * most + left, symbol * most + left - 1] = 1
    left = np.array([lengths[k + 1 :].sum() for k in range(most)])
    return moves, np.tile(left / left.sum() / 2, 2)


BOUNDED = [(1.5, 1, 6), (0.5, 2, 5), (2.0, 3, 3), (3.0, 1, 40), (1.2, 1, 1), (0.2, 7, 30)]


@pytest.mark.parametrize("arguments", BOUNDED)
def test_bounded_runs_agree_with_powers_of_a_transition_matrix(arguments):
    lengths = length_law(*arguments)
    moves, law = as_chain(lengths)
    sign = np.repeat([1.0, -1.0], len(lengths) - 1)
    state, expected = law * sign, []
    for _ in range(80):
        state = state @ moves
        expected.append(state @ sign)
    process = Renewal(*arguments)
    np.testing.assert_allclose(law @ moves, law, atol=1e-14)
    np.testing.assert_allclose(process.correlation("all:80"), expected, atol=1e-12)
    inside = np.abs(expected) < 1 - 1e-9
    np.testing.assert_allclose(
        process.mutual_information("all:80")[inside], f_of(np.array(expected)[inside]), atol=1e-12
    )


@pytest.mark.parametrize(("tail_index", "shortest"), [(1.05, 1), (1.5, 1), (1.5, 4), (3.0, 1), (2.0, 30)])
def test_unbounded_runs_agree_with_a_count_of_the_ends_of_runs(tail_index, shortest):
    # c(tau) = sum_k (-1)^k P(k runs end within tau): by where the last of them ends.
    last, power = 300, 1 + tail_index
    sizes = np.arange(last + 2)
    tail = np.where(
        sizes < shortest, 1.0, special.zeta(power, np.maximum(sizes, shortest)) / special.zeta(power, shortest)
    )
    mean = special.zeta(power - 1, shortest) / special.zeta(power, shortest)
    ended, expected = np.zeros(last + 1), []  # signed probability that a run ends exactly here
    for n in range(1, last + 1):
        ended[n] = -tail[n] / mean - sum(ended[n - k] * (tail[k] - tail[k + 1]) for k in range(shortest, n))
        none = 1 - tail[1 : n + 1].sum() / mean
        expected.append(none + sum(ended[k] * tail[n - k + 1] for k in range(1, n + 1)))
    np.testing.assert_allclose(Renewal(tail_index, shortest).correlation("all:300"), expected, atol=1e-11)


@pytest.mark.parametrize("arguments", [(1.1,), (1.5,), (4.0,), (2.0, 40), (1.2, 1, 9000), (3.0, 1, 1500)])
def test_convolutions_keep_the_relative_precision_of_the_plain_recursion(arguments):
    # For index 4 the correlation at the end is 1e-13 of that at the start, with 1500 it is 1e-110.
    last = 16_000
    lengths, longer, rest = (part.astype(float) for part in Renewal(*arguments)._lengths.tabulated(last))
    plain = (2 * rest - longer)[: last + 1]
    for n in range(1, last + 1):
        plain[n] -= lengths[1 : n + 1] @ plain[:n][::-1]
    found = Renewal(*arguments).correlation([1, 10, 300, 2000, 5000, 16_000])
    np.testing.assert_allclose(found, plain[[1, 10, 300, 2000, 5000, 16_000]], rtol=1e-8)


@pytest.mark.parametrize("tail_index", [1.2, 1.5, 1.9, 2.5, 4.0])
def test_law_is_the_slope_of_the_curve(tail_index):
    process = Renewal(tail_index)
    near, far = process.mutual_information([60_000, 240_000])
    assert process.law.kind == "power law"
    assert process.law.exponent == pytest.approx(2 * (tail_index - 1))
    assert np.log(near / far) / np.log(4) == pytest.approx(process.law.exponent, rel=0.02)


def test_amplitude_of_the_power_law():
    # c ~ B(n) ~ n^(1 - mu) / (mu (mu - 1) zeta(1 + mu) m), with zeta(1 + mu) m = zeta(mu)
    assert Renewal(2.5).correlation([200_000])[0] == pytest.approx(200_000**-1.5 / (3.75 * special.zeta(2.5)), rel=1e-3)


@pytest.mark.parametrize(
    "arguments", [(1.5, 1, 6), (0.5, 2, 5), (3.0, 1, 40), (0.2, 7, 30), (2.5, 50, 60), (1.1, 1, 300)]
)
def test_law_with_a_longest_run_is_the_second_eigenvalue(arguments):
    moves, _ = as_chain(length_law(*arguments))
    half = len(moves) // 2
    odd = moves[:half, :half] - moves[:half, half:]  # what changes sign when the symbols are exchanged
    law = Renewal(*arguments).law
    assert law.kind == "exponential"
    assert law.correlation_length == pytest.approx(-0.5 / np.log(np.abs(np.linalg.eigvals(odd)).max()), rel=1e-7)


def test_law_with_a_longest_run_is_the_slope_of_the_curve():
    process = Renewal(1.5, 1, 50)
    size = np.sqrt(process.mutual_information("all:8000"))
    # Largest values over many turns of the oscillation
    slope = np.log(size[1000:2000].max() / size[2000:3000].max()) / 500
    assert slope == pytest.approx(1 / process.law.correlation_length, rel=0.02)


def test_equal_runs_are_periodic():
    process = Renewal(1.5, 3, 3)
    assert process.law.kind == "constant"
    np.testing.assert_allclose(process.correlation([1, 2, 3, 6, 6_000]), [1 / 3, -1 / 3, -1, 1, 1], atol=1e-12)
    assert process.entropy_rate == pytest.approx(0, abs=1e-12)


def test_rate_is_not_said_where_it_is_not_computed():
    process = Renewal(1.5, 1, 300_000)
    assert process.law.kind == "exponential"
    assert process.law.correlation_length is None
    # All but the same as without a limit
    assert process.correlation([10])[0] == pytest.approx(Renewal(1.5).correlation([10])[0], rel=0.02)


@pytest.mark.parametrize("arguments", BOUNDED)
def test_entropy_rate_is_that_of_the_chain_that_knows_the_age(arguments):
    lengths = length_law(*arguments)
    rate, ages = 0.0, [lengths[age:].sum() for age in range(1, len(lengths))]
    for age, alive in enumerate(ages, 1):
        end = lengths[age] / alive
        rate -= alive / sum(ages) * (special.xlogy(end, end) + special.xlog1py(1 - end, -min(end, 1.0)))
    assert Renewal(*arguments).entropy_rate == pytest.approx(rate, abs=1e-12)


@pytest.mark.parametrize(("tail_index", "shortest"), [(1.3, 1), (2.0, 1), (1.5, 20)])
def test_entropy_rate_of_unbounded_runs(tail_index, shortest):
    power = 1 + tail_index
    sizes = np.arange(shortest, 3_000_000, dtype=float)
    norm = special.zeta(power, shortest)
    lengths = sizes**-power / norm
    end = sizes[-1] + 0.5
    rest = end**-tail_index / tail_index / norm * (np.log(norm) + power * (np.log(end) + 1 / tail_index))
    rate = (-(lengths * np.log(lengths)).sum() + rest) * norm / special.zeta(tail_index, shortest)
    assert Renewal(tail_index, shortest).entropy_rate == pytest.approx(rate, rel=1e-9)


@pytest.mark.parametrize("arguments", [(1.5,), (1.2, 5), (1.1, 1, 5000), (0.4, 3, 1500), (2.0, 2, 9)])
def test_drawn_lengths_follow_their_law(arguments):
    # 2 million draws; bins on both sides of the end of the tables, so that a wrong tail would be seen.
    process = Renewal(*arguments)
    runs = np.empty(2_000_000)
    renewal._draw_runs(np.random.default_rng(1), runs, *process._lengths.tables)
    tail_index, shortest, longest = (*arguments, *(1, None)[len(arguments) - 1 :])
    last = 10**7 if longest is None else longest + 1
    edges = [shortest + k for k in (0, 1, 2, 5, 50, 1000, 1023, 1024, 1025, 1100, 1300, 3000, 20_000)]
    edges = [edge for edge in edges if edge < last]
    above = np.array([special.zeta(1 + tail_index, edge) for edge in edges])
    if longest is not None:
        above -= special.zeta(1 + tail_index, last)
    shares = above / above[0]
    found = np.array([(runs >= edge).mean() for edge in edges])
    assert (np.abs(found - shares) <= 4.5 * np.sqrt(shares * (1 - shares) / len(runs))).all()
    assert runs.min() == shortest
    assert longest is None or runs.max() <= longest


@pytest.mark.parametrize("arguments", [(1.5,), (1.2, 1, 3000), (0.8, 2, 6), (2.5, 10)])
def test_documents_are_stationary_from_their_first_symbol_on(arguments):
    # 50,000 documents, correlations with their first symbol: runs that begin with the document would raise them.
    n = 50_000
    process = Renewal(*arguments)
    codes = 2.0 * process.sample(n, 65, seed=5).codes.reshape(n, 65) - 1
    lags = [1, 2, 8, 64]
    expected = process.correlation(lags)
    found = np.array([(codes[:, 0] * codes[:, lag]).mean() for lag in lags])
    assert abs(codes[:, 0].mean()) < 4.5 / n**0.5
    assert (np.abs(found - expected) < 4.5 * np.sqrt((1 - expected**2) / n)).all()


def test_a_long_sample_has_the_exact_correlations():
    # Within the error that 64 documents tell; runs that are not independent, or not by turns, would be seen.
    process = Renewal(1.8)
    codes = 2.0 * process.sample(64, 30_000, seed=6).codes.reshape(64, 30_000) - 1
    for lag in (1, 2, 5, 30, 300):
        each = (codes[:, :-lag] * codes[:, lag:]).mean(1)
        error = each.std(ddof=1) / 8
        assert abs(each.mean() - process.correlation([lag])[0]) < 4 * error
        assert error < 0.01


@pytest.mark.parametrize(("n_documents", "length"), [(7, 200_000), (1, 900_000)])
@pytest.mark.parametrize("longest", [None, 5000])
def test_same_seed_same_bytes_on_any_number_of_cores(monkeypatch, n_documents, length, longest):
    process = Renewal(1.3, longest=longest)
    first = process.sample(n_documents, length, seed=4).codes
    monkeypatch.setattr("miscope.processes.drawing.thread_count", lambda: 1)
    assert (Renewal(1.3, longest=longest).sample(n_documents, length, seed=4).codes == first).all()
    assert (process.sample(n_documents, length, seed=5).codes != first).any()


def test_runs_may_be_far_longer_than_documents():
    codes = Renewal(1.0001, shortest=1_000_000).sample(50, 100, seed=1).codes.reshape(50, 100)
    assert (codes == codes[:, :1]).all()
    assert 10 < codes[:, 0].sum() < 40


def test_parameters_make_an_equal_process():
    process = Renewal(1.4, shortest=2, longest=90)
    again = Renewal(**process.parameters)
    assert again.parameters == {"tail_index": 1.4, "shortest": 2, "longest": 90}
    assert (again.sample(2, 100).codes == process.sample(2, 100).codes).all()
    assert Renewal().parameters == {"tail_index": 1.5, "shortest": 1}
    assert process.longest is None  # documents may have any length


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0,), "tail_index must be a number above 1, not 1.0"),
        ((math.nan,), "tail_index must be a number above 1"),
        ((0.0, 1, 10), "tail_index must be a number above 0"),
        (("steep",), "tail_index must be a number"),
        ((1.5, 0), "shortest must be a whole number of at least 1"),
        ((1.5, 1.5), "shortest must be a whole number"),
        ((1.5, 5, 4), "longest must be a whole number of at least 5"),
        ((1.5, 1, 10**7), "at most 4194304 symbols; leave longest out"),
        ((1.5, 10**7), "at most 4194304 symbols"),
        ((80.0,), "tail_index 80 is too large for runs of at least 1 symbols"),
        ((20.0, 10**6), "tail_index 20 is too large"),
    ],
)
def test_processes_that_cannot_be(arguments, message):
    with pytest.raises(InputError, match=message):
        Renewal(*arguments)


def test_lags_that_are_too_large():
    with pytest.raises(InputError, match="known to lag 4194303"):
        Renewal().mutual_information([1, 1 << 22])
