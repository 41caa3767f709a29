"""The linear Gaussian network: predictions against a loop, likelihood and covariances against the exact process."""

import math
import time

import numpy as np
import pytest
import torch

from miscope.errors import InputError
from miscope.models.linear_gaussian import LinearGaussianRNN
from miscope.processes import LinearRNN

RNG = np.random.default_rng(3)
DENSE = LinearRNN(
    RNG.normal(size=(3, 3)) * 0.4,
    RNG.normal(size=(3, 2)) * 0.3,
    RNG.normal(size=(2, 3)) * 0.3,
    np.array([[1.0, 0.3], [0.3, 0.5]]),
)
SCALAR = LinearRNN(0.5, 0.4, 1.0, 2.0)


def looped(process, values):
    """Means of documents, shape (n, length, d), number by number."""
    d = process.n_channels
    W = np.atleast_2d(process.parameters["recurrent"])
    U = np.reshape(process.parameters["feedback"], (len(W), d))
    V = np.reshape(process.parameters["readout"], (d, len(W)))
    means = np.zeros_like(values)
    for document, found in zip(values, means, strict=True):
        h = np.zeros(len(W))
        for t, x in enumerate(document):
            found[t] = V @ h
            h = W @ h + U @ x
    return means


@pytest.mark.parametrize("process", [SCALAR, DENSE], ids=["scalar", "dense"])
@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 33])
def test_means_are_those_of_the_recursion(process, length):
    values = np.random.default_rng(length).normal(size=(4, length, process.n_channels))
    model = LinearGaussianRNN.of(process)
    means = model(torch.from_numpy(values)).detach().numpy()
    np.testing.assert_allclose(means, looped(process, values), atol=1e-12)


@pytest.mark.parametrize("process", [SCALAR, DENSE], ids=["scalar", "dense"])
def test_steps_give_the_same_means(process):
    values = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 20, process.n_channels)))
    model = LinearGaussianRNN.of(process)
    with torch.inference_mode():
        state, read, found = model.start(5), None, []
        for t in range(20):
            means, state = model.step(read, state)
            read = values[:, t]
            found.append(means)
        torch.testing.assert_close(torch.stack(found, 1), model(values))
    assert model.features(state).shape == (5, model.width)


@pytest.mark.parametrize("process", [SCALAR, DENSE], ids=["scalar", "dense"])
def test_loss_at_the_true_weights_is_the_entropy_rate(process):
    values = process.sample(200, 1100, seed=4).values.reshape(200, 1100, -1)
    model = LinearGaussianRNN.of(process)
    with torch.no_grad():
        each = -model.log_density(torch.from_numpy(values))[:, 100:].mean(1).numpy()  # the start is another law
        whole = float(model.loss(torch.from_numpy(values[:, 100:])))
    error = each.std(ddof=1) / math.sqrt(len(each))
    assert abs(each.mean() - process.entropy_rate) < 4 * error
    assert error < 0.01
    assert whole == pytest.approx(process.entropy_rate, abs=0.01)
    # And no other weights do better.
    with torch.no_grad():
        model.feedback.mul_(0.5)
        assert float(model.loss(torch.from_numpy(values))) > whole + 0.005


def test_density_is_that_of_normal_numbers():
    # A document of two numbers, as one normal vector of known covariance: x1 = e1, x2 = V U x1 + e2.
    model = LinearGaussianRNN.of(DENSE)
    noise, d = np.array(DENSE.parameters["noise"]), 2
    through = np.array(DENSE.parameters["readout"]) @ np.array(DENSE.parameters["feedback"])
    mix = np.block([[np.eye(d), np.zeros((d, d))], [through, np.eye(d)]])
    covariance = mix @ np.kron(np.eye(2), noise) @ mix.T
    x = np.random.default_rng(5).normal(size=4)
    wanted = -0.5 * (x @ np.linalg.solve(covariance, x) + np.linalg.slogdet(2 * np.pi * covariance)[1])
    found = model.log_density(torch.from_numpy(x.reshape(1, 2, 2))).sum().detach()
    assert float(found) == pytest.approx(wanted, rel=1e-12)


def test_what_it_draws_has_the_covariances_of_its_process():
    model = LinearGaussianRNN.of(DENSE)
    generator, n, length = torch.Generator().manual_seed(6), 4000, 120
    with torch.inference_mode():
        state, x, drawn, root = model.start(n), None, [], torch.linalg.cholesky(model.noise)
        for _ in range(length):
            means, state = model.step(x, state)
            x = means + torch.randn(n, 2, generator=generator, dtype=torch.float64) @ root.T
            drawn.append(x)
    values = torch.stack(drawn[60:], 1).numpy()
    for lag, exact in zip([0, 1, 3], model.process().autocovariance(np.array([0, 1, 3])), strict=True):
        each = np.einsum("dta,dtb->dab", values[:, lag:], values[:, : 60 - lag]) / (60 - lag)
        error = each.std(axis=0, ddof=1) / math.sqrt(n)
        assert (np.abs(each.mean(axis=0) - exact) < 4.5 * error).all()


@pytest.mark.parametrize("process", [SCALAR, DENSE, LinearRNN.diagonal([0.9 + 0.3j], [0.1], [0.2 - 0.1j])])
def test_there_and_back(process):
    again = LinearGaussianRNN.of(process).process()
    lags = np.array([1, 2, 10, 50])
    np.testing.assert_allclose(again.mutual_information(lags), process.mutual_information(lags), rtol=1e-9)
    assert again.entropy_rate == pytest.approx(process.entropy_rate)


@pytest.mark.parametrize(("width", "channels"), [(1, 1), (4, 1), (8, 3), (2, 5)])
def test_new_models_are_stable_and_differ_by_seed(width, channels):
    for seed in range(20):
        assert LinearGaussianRNN(width, channels, seed).process().law.kind == "exponential"
    first, same, other = (LinearGaussianRNN(width, channels, seed) for seed in (0, 0, 1))
    assert torch.equal(first.feedback, same.feedback)
    assert not torch.equal(first.feedback, other.feedback)
    again = LinearGaussianRNN(**first.config)
    again.load_state_dict(first.state_dict())
    assert torch.equal(again.recurrent, first.recurrent)
    assert first.n_parameters == width**2 + 2 * width * channels + channels * (channels + 1) // 2


def test_training_finds_the_curve():
    process = LinearRNN(0.5, 0.4, 1.0, 1.0)
    values = torch.from_numpy(process.sample(64, 256, seed=1).values.reshape(64, 256, 1))
    model = LinearGaussianRNN(width=1, seed=3)
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = model.loss(values)
        loss.backward()
        return loss

    optimiser.step(closure)
    found, wanted = (each.mutual_information([1, 5, 10]) for each in (model.process(), process))
    np.testing.assert_allclose(found, wanted, rtol=0.15)
    assert float(model.noise.detach()) == pytest.approx(1.0, abs=0.03)


def test_gradients_reach_every_weight():
    model = LinearGaussianRNN(3, 2, seed=2)
    values = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 9, 2)))
    model.loss(values).backward()
    for name, parameter in model.named_parameters():
        at = tuple(0 for _ in parameter.shape)
        moved = []
        for move in (1e-5, -1e-5):
            with torch.no_grad():
                parameter[at] += move
                moved.append(float(model.loss(values)))
                parameter[at] -= move
        assert parameter.grad is not None, name
        assert float(parameter.grad[at]) == pytest.approx((moved[0] - moved[1]) / 2e-5, rel=1e-4, abs=1e-8), name


def test_a_step_of_training_is_quick():
    # 64 documents of 512 numbers: the loop over time would take some 100 ms.
    model, values = LinearGaussianRNN(4), torch.randn(64, 512, 1, dtype=torch.float64)
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        model.loss(values).backward()
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 0.2


def test_one_channel_may_be_left_out():
    model, values = LinearGaussianRNN(2), torch.randn(3, 5)
    assert torch.equal(model(values), model(values[..., None]))
    assert model.log_density(values).shape == (3, 5)


@pytest.mark.parametrize("shape", [(5,), (2, 5), (2, 5, 3), (2, 0, 2)])
def test_shapes_that_are_refused(shape):
    with pytest.raises(InputError, match=r"values must have the shape \(documents, length, 2\)"):
        LinearGaussianRNN(2, 2)(torch.zeros(shape))


def test_a_loop_that_grows_has_no_process():
    model = LinearGaussianRNN.of(SCALAR)
    with torch.no_grad():
        model.recurrent.fill_(0.7)
    with pytest.raises(InputError, match=r"the closed loop W \+ U V has spectral radius 1\.1"):
        model.process()


@pytest.mark.parametrize(("arguments", "message"), [({"width": 0}, "width must be"), ({"channels": 1.5}, "channels")])
def test_arguments_that_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        LinearGaussianRNN(**arguments)
