"""Linear recurrent networks: exact curves against the recursion itself, unrolled over many steps."""

import json
import math

import numpy as np
import pytest
from scipy import linalg

from miscope.errors import InputError
from miscope.processes.linear_rnn import LinearRNN
from miscope.processes.spectrum import largest_modulus

RNG = np.random.default_rng(20)
DENSE = (
    RNG.normal(size=(3, 3)) * 0.4,
    RNG.normal(size=(3, 2)) * 0.3,
    RNG.normal(size=(2, 3)) * 0.3,
    np.array([[1.0, 0.3], [0.3, 0.5]]),
)
POLES, INTO, OUT = [0.9 + 0.3j, -0.5 + 0.1j], [0.2 + 0.1j, 0.3], [0.2 - 0.3j, -0.4j]
JORDAN = ([[0.8, 1.0], [-0.1, 0.8]], [0.0, 0.5], [0.2, 0.0], 1.0)  # W + U V is a Jordan block


def unrolled(W, U, V, noise, steps):
    """Response of x to noise of covariance Sigma k steps earlier, for k < steps, by running the recursion."""
    W, U, V = (np.array(each, dtype=complex) for each in (W, U, V))
    W, U, V = np.atleast_2d(W), U.reshape(len(np.atleast_2d(W)), -1), np.atleast_2d(V)
    responses = []
    h, x = np.zeros(U.shape, complex), np.eye(U.shape[1])
    for _ in range(steps):
        responses.append(x)
        h = W @ h + U @ x
        x = (V @ h).real
    root = np.linalg.cholesky(np.atleast_2d(noise) * np.eye(U.shape[1]) if np.ndim(noise) == 0 else np.array(noise))
    return np.array(responses) @ root


def covariance(responses, lag):
    """Of x[t + lag] with x[t]: both are sums over the same noise."""
    return np.einsum("kab,kcb->ac", responses[lag:], responses[: len(responses) - lag])


def information(responses, lag):
    same, cross = covariance(responses, 0), covariance(responses, lag)
    joint = np.block([[same, cross], [cross.T, same]])
    return np.linalg.slogdet(same)[1] - 0.5 * np.linalg.slogdet(joint)[1]


CASES = {
    "scalar": (LinearRNN(0.5, 0.4, 1.0, 1.0), (0.5, 0.4, 1.0, 1.0)),
    "alternating": (LinearRNN(-0.2, -0.6, 1.0, 2.0), (-0.2, -0.6, 1.0, 2.0)),
    "unstable W": (LinearRNN(1.5, -1.0, 0.8, 1.0), (1.5, -1.0, 0.8, 1.0)),
    "dense": (LinearRNN(*DENSE), DENSE),
    "diagonal": (LinearRNN.diagonal(POLES, INTO, OUT, 0.7), (np.diag(POLES), INTO, OUT, 0.7)),
    "defective": (LinearRNN(*JORDAN), JORDAN),
}


@pytest.mark.parametrize("name", CASES)
def test_curve_is_that_of_the_unrolled_recursion(name):
    process, system = CASES[name]
    responses = unrolled(*system, steps=2000)
    lags = np.array([1, 2, 3, 5, 10, 20, 50])
    for lag, found in zip(lags, process.autocovariance(lags), strict=True):
        np.testing.assert_allclose(found, covariance(responses, lag), atol=1e-11)
    exact = process.mutual_information(lags)
    np.testing.assert_allclose(exact, [information(responses, lag) for lag in lags], atol=1e-11)
    assert exact[0] > 1e-4


@pytest.mark.parametrize("name", CASES)
def test_entropy_rate_is_the_growth_of_the_entropy_of_blocks(name):
    process, system = CASES[name]
    responses = unrolled(*system, steps=2000)
    blocks = 250
    table = [covariance(responses, lag) for lag in range(blocks + 1)]

    def block_entropy(n):
        rows = [[table[i - j] if i >= j else table[j - i].T for j in range(n)] for i in range(n)]
        return 0.5 * np.linalg.slogdet(2 * np.pi * np.e * np.block(rows))[1]

    expected = block_entropy(blocks) - block_entropy(blocks - 1)
    assert process.entropy_rate == pytest.approx(expected, abs=1e-8)
    if name == "unstable W":  # the past does not tell the state: more than the noise's own entropy
        assert process.entropy_rate > 0.5 * math.log(2 * math.pi * math.e) + 0.4


def test_values_of_the_methods_document():
    # W = .5, U = .4, V = 1, Sigma = 1: computed outside this project.
    exact = LinearRNN(0.5, 0.4, 1.0, 1.0).mutual_information([1, 5, 20])
    np.testing.assert_allclose(exact, [0.2513477, 0.0932121, 0.0036180], atol=5.1e-8)
    np.testing.assert_array_equal(exact, LinearRNN().mutual_information([1, 5, 20]))


def test_precision_holds_at_large_lags():
    # Scalar: correlation c(k) = c(1) a^(k-1); at k = 1500 the information is of the order 1e-138.
    exact = LinearRNN(0.5, 0.4, 1.0, 1.0).mutual_information([1, 1500])
    first = 1 - math.exp(-2 * exact[0])
    assert exact[1] == pytest.approx(0.5 * first * 0.9 ** (2 * 1499), rel=1e-11)


def test_precision_of_matrices_holds_at_large_lags():
    # By modes: V S D^(k-1) S^-1 (A P V^T + U Sigma), where the covariances are of the order 1e-65.
    W, U, V, noise = DENSE
    loop = W + U @ V
    state = linalg.solve_discrete_lyapunov(loop, U @ noise @ U.T)
    values, vectors = np.linalg.eig(loop)
    lag = int(300 * LinearRNN(*DENSE).law.correlation_length)
    weights = np.linalg.solve(vectors, loop @ state @ V.T + U @ noise)
    expected = (V @ vectors @ (values[:, None] ** (lag - 1) * weights)).real
    found = LinearRNN(*DENSE).autocovariance(np.array([lag]))[0]
    assert 1e-70 < np.abs(found).max() < 1e-60
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["scalar", "alternating", "unstable W"])
def test_law_is_the_slope_of_the_curve(name):
    process, (W, U, V, _) = CASES[name]
    near, far = process.mutual_information([40, 60])
    assert process.law.correlation_length == pytest.approx(20 / np.log(near / far), rel=1e-4)
    assert process.law.correlation_length == pytest.approx(-0.5 / math.log(abs(W + U * V)), rel=1e-12)


@pytest.mark.parametrize("name", ["diagonal", "defective", "dense"])
def test_law_is_the_slope_over_long_spans(name):
    # Complex poles oscillate and a defective one brings a power of the lag: both fade against 200 correlation lengths.
    process = CASES[name][0]
    assert process.law.kind == "exponential"
    apart = int(200 * process.law.correlation_length)
    span = np.arange(30) + apart // 2
    near, far = (process.mutual_information(lags).max() for lags in (span, span + apart))
    assert process.law.correlation_length == pytest.approx(apart / np.log(near / far), rel=0.02)


def rotated(W, U, V, seed=0):
    """The same process in other coordinates of the state, so that no zero is seen by eye."""
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(W), len(W))))[0]
    return turn @ W @ turn.T, turn @ U, V @ turn.T


@pytest.mark.parametrize(
    ("U", "V"),
    [
        ([[0.3], [0.2]], [[0.0, 1.0]]),  # the slow unit is not read out
        ([[0.0], [0.2]], [[0.3, 1.0]]),  # the slow unit is not driven
    ],
)
def test_modes_that_take_no_part_are_dropped(U, V):
    process = LinearRNN(*rotated(np.diag([0.99, 0.5]), np.array(U), np.array(V)))
    assert process.law.correlation_length == pytest.approx(-0.5 / math.log(0.7), rel=1e-9)
    near, far = process.mutual_information([500, 501])  # 0.99^500 is larger by 1e75
    assert far / near == pytest.approx(0.49, rel=1e-9)
    plain = LinearRNN(0.5, 0.2, 1.0)
    np.testing.assert_allclose(process.mutual_information("1:500"), plain.mutual_information("1:500"), rtol=1e-8)


def test_finite_memory():
    # An all-pass filter is white; W = -U V forgets at once; a shift register of 4 units after 4 steps.
    for white in (
        LinearRNN(2.0, -1.5, 1.0),
        LinearRNN(1 / 0.9, 0.9 - 1 / 0.9, 1.0),
        LinearRNN(1 / 0.7, 0.7 - 1 / 0.7, 1.0),
    ):
        assert white.law.kind == "finite"
        assert (white.mutual_information([1, 2, 3]) == 0).all()
    cancelling = LinearRNN(0.3, -0.1, 3.0)
    assert cancelling.law.kind == "finite"
    first, second = cancelling.mutual_information([1, 2])
    assert first > 1e-3
    assert second == 0
    U, V = np.eye(4)[:, :1], np.array([[0.5, -0.3, 0.2, 0.4]])
    moving_average = LinearRNN(*rotated(np.eye(4, k=-1) - U @ V, U, V))
    assert moving_average.law.kind == "finite"
    exact = moving_average.mutual_information("all:10")
    b = np.array([1.0, 0.5, -0.3, 0.2, 0.4])
    c = np.array([b[k:] @ b[: 5 - k] for k in range(5)]) / (b @ b)
    np.testing.assert_allclose(exact[:4], -0.5 * np.log1p(-(c[1:] ** 2)), rtol=1e-10)
    assert (exact[4:] == 0).all()
    for silent in (LinearRNN(0.5, 0.0, 1.0), LinearRNN(0.5, 1.0, 0.0)):
        assert silent.law.kind == "finite"
        assert (silent.mutual_information([1, 9]) == 0).all()


def test_largest_modulus():
    assert largest_modulus(np.diag([0.5, -0.7, 1e-14])) == pytest.approx(0.7)
    assert largest_modulus(np.array([[0.0, -0.6], [0.6, 0.0]])) == pytest.approx(0.6)
    assert largest_modulus(np.zeros((3, 3))) == largest_modulus(np.zeros((0, 0))) == 0
    shift = rotated(np.eye(9, k=1), np.eye(9), np.eye(9))[0]
    assert np.abs(np.linalg.eigvals(shift)).max() > 1e-3  # what it is there for
    assert largest_modulus(shift) == 0


def test_lags_in_any_order_and_zero():
    process = LinearRNN(*DENSE)
    several = process.autocovariance(np.array([7, 0, 3, 3, 1 << 40]))
    for lag, found in zip([7, 0, 3, 3], several[:4], strict=True):
        np.testing.assert_allclose(found, process.autocovariance(np.array([lag]))[0], rtol=1e-13)
    assert (several[4] == 0).all()
    np.testing.assert_allclose(several[1], several[1].T)


@pytest.mark.parametrize("radius", [0.9, 0.9999, 1 - 1e-9])
def test_variance_near_the_edge(radius):
    # Scalar: var x = 1 + V^2 U^2 / (1 - a^2); a small U, so that 1 - a is not lost in the sum W + U V.
    process = LinearRNN(radius - 2.0**-10, 2.0**-10, 1.0)
    loop = process.parameters["recurrent"] + 2.0**-10
    expected = 1 + 2.0**-20 / ((1 - loop) * (1 + loop))
    # Up to what a rounding of W + U V makes of 1 - a.
    assert process.autocovariance(np.array([0]))[0, 0, 0] == pytest.approx(expected, rel=1e-15 / (1 - radius) + 1e-14)


def check_sample(process, n_documents, length, lags):
    # Means over independent documents; their spread gives the error; within 4.5 standard errors.
    values = process.sample(n_documents, length, seed=6).values.reshape(n_documents, length, -1)
    assert np.abs(values.mean(axis=(0, 1))).max() < 5 * values.mean(axis=1).std() / math.sqrt(n_documents)
    for lag, exact in zip(lags, process.autocovariance(np.array(lags)), strict=True):
        each = np.einsum("dta,dtb->dab", values[:, lag:], values[:, : length - lag]) / (length - lag)
        error = each.std(axis=0, ddof=1) / math.sqrt(n_documents)
        assert (np.abs(each.mean(axis=0) - exact) < 4.5 * error).all()
    # From the first number on: the first pairs alone have the same law.
    early = np.einsum("da,db->dab", values[:, 1], values[:, 0])
    error = early.std(axis=0, ddof=1) / math.sqrt(n_documents)
    assert (np.abs(early.mean(axis=0) - process.autocovariance(np.array([1]))[0]) < 4.5 * error).all()


@pytest.mark.parametrize("name", CASES)
def test_samples_have_the_exact_covariances(name):
    check_sample(CASES[name][0], 3000, 100, [0, 1, 2, 5, 20])


def test_samples_follow_the_recursion():
    # Run the network on its own output: what is left over must be white noise of covariance Sigma, exactly as drawn.
    W, U, V, noise = DENSE
    x = LinearRNN(*DENSE).sample(1, 200_000, seed=2).values
    h, left = np.zeros(3), np.empty_like(x)
    for t in range(len(x)):
        left[t] = x[t] - V @ h
        h = W @ h + U @ x[t]
    left = left[200:]
    n = len(left)
    spread = np.sqrt((np.outer(np.diag(noise), np.diag(noise)) + noise**2) / n)
    assert (np.abs(left.T @ left / n - noise) < 4.5 * spread).all()
    assert (np.abs(left[1:].T @ left[:-1] / n) < 4.5 * np.sqrt(np.outer(np.diag(noise), np.diag(noise)) / n)).all()


@pytest.mark.parametrize("name", ["scalar", "dense", "diagonal"])
def test_same_seed_same_bytes_on_any_number_of_cores(name, monkeypatch):
    process = CASES[name][0]
    first = process.sample(300, 5000, seed=4).values
    assert (process.sample(300, 5000, seed=5).values != first).any()
    monkeypatch.setattr("miscope.processes.drawing.thread_count", lambda: 1)
    np.testing.assert_array_equal(process.sample(300, 5000, seed=4).values, first)


@pytest.mark.parametrize("name", CASES)
def test_parameters_make_an_equal_process(name):
    process = CASES[name][0]
    again = LinearRNN(**json.loads(json.dumps(process.parameters)))
    assert again.parameters == process.parameters
    np.testing.assert_array_equal(again.mutual_information("all:15"), process.mutual_information("all:15"))
    np.testing.assert_array_equal(again.sample(2, 50, seed=1).values, process.sample(2, 50, seed=1).values)


def test_coordinates_of_the_state_do_not_matter():
    W, U, V, noise = DENSE
    turned = LinearRNN(*rotated(W, U, V), noise)
    np.testing.assert_allclose(
        turned.mutual_information("1:50"), LinearRNN(*DENSE).mutual_information("1:50"), rtol=1e-9
    )
    assert turned.entropy_rate == pytest.approx(LinearRNN(*DENSE).entropy_rate)


def test_shapes_that_are_understood():
    single = LinearRNN([[0.5, 0.1], [0.0, 0.3]], [0.1, 0.2], [0.3, 0.4], 2)
    matrix = LinearRNN([[0.5, 0.1], [0.0, 0.3]], [[0.1], [0.2]], [[0.3, 0.4]], [[2.0]])
    assert single.parameters == matrix.parameters
    assert LinearRNN(*DENSE[:3], 0.5).parameters["noise"] == [[0.5, 0.0], [0.0, 0.5]]
    assert LinearRNN(0.5, 0.4).label == "LinearRNN recurrent 0.5, feedback 0.4, readout 1, noise 1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"recurrent": 0.7}, "closed loop W \\+ U V has spectral radius 1.1, which must be below 1"),
        ({"recurrent": 0.6}, "spectral radius 1, which"),
        ({"recurrent": [[0.5, 0.1]]}, r"recurrent must be a square matrix, or a number; got shape \(1, 2\)"),
        ({"recurrent": [[0.5, 0.1], [0.2]]}, "recurrent must hold numbers, in rows of equal length"),
        ({"recurrent": "fast"}, "recurrent must hold numbers"),
        ({"recurrent": math.nan}, "recurrent must hold finite numbers only"),
        ({"recurrent": 1e200}, "recurrent must hold finite numbers only, below 1e\\+100"),
        ({"recurrent": None}, "recurrent must hold finite numbers only"),
        ({"recurrent": np.zeros((1, 1, 1))}, "recurrent must be a number or a matrix"),
        ({"recurrent": []}, "recurrent must be a number or a matrix"),
        (
            {"feedback": [0.1, 0.2]},
            r"feedback must have 1 rows, one for each hidden unit of recurrent; got shape \(2, 1\)",
        ),
        ({"readout": [0.1, 0.2]}, r"readout must have shape \(1, 1\) \(outputs, hidden units\) to fit; got \(1, 2\)"),
        ({"noise": 0}, "noise must be a covariance of full rank; its lowest eigenvalue is 0"),
        ({"noise": -1}, "noise must be a covariance of full rank; its lowest eigenvalue is -1"),
        ({"noise": math.inf}, "noise must hold finite numbers only"),
        ({"noise": 1j}, "noise must be real"),
        ({"noise": np.eye(2)}, r"noise must be a number or of shape \(1, 1\); got \(2, 2\)"),
    ],
)
def test_networks_that_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        LinearRNN(**arguments)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ([[1.0, 0.5], [0.2, 1.0]], "noise must be symmetric"),
        ([[1.0, 1.0], [1.0, 1.0]], "noise must be a covariance of full rank"),
        ([1.0, 1.0], r"noise must be a number or of shape \(2, 2\); got \(1, 2\)"),
    ],
)
def test_noise_that_is_no_covariance(noise, message):
    with pytest.raises(InputError, match=message):
        LinearRNN(*DENSE[:3], noise)


@pytest.mark.parametrize(
    ("eigenvalues", "message"),
    [
        (["a"], "eigenvalues must be a list of numbers"),
        ([[0.5]], r"eigenvalues must be a list of one number or more, not of shape \(1, 1\)"),
        ([], "eigenvalues must be a list of one number or more"),
        ([1.2j], "spectral radius"),
    ],
)
def test_diagonal_layers_that_are_refused(eigenvalues, message):
    with pytest.raises(InputError, match=message):
        LinearRNN.diagonal(eigenvalues, [0.1], [0.1])
