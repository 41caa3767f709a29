"""The linear recurrent network with Gaussian outputs, as a model that can be trained, drawn from and solved exactly."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from miscope.errors import InputError
from miscope.models.base import device_of
from miscope.processes import LinearRNN
from miscope.processes.checking import whole_number

__all__ = ["LinearGaussianRNN"]

_RADIUS = 0.8  # of the recurrent matrix to begin with
_STRENGTH = 0.3  # of feedback and readout to begin with: their product leaves the closed loop stable


class LinearGaussianRNN(nn.Module):
    """A linear recurrent network that predicts real numbers: ``h[t] = W h[t-1] + U x[t-1]``, ``x[t] = V h[t] + e[t]``.

    The e are independent normal vectors of covariance Sigma. What the model draws is a `miscope.processes.LinearRNN`
    that starts from rest, so that the mutual information of the trained model is known exactly: see `process`.

    Parameters
    ----------
    width
        Hidden units.
    channels
        Numbers at each moment, d.
    seed
        For the weights to begin with.

    Attributes
    ----------
    n_channels
        Numbers at each moment. Models of symbols have `alphabet_size` instead.
    recurrent, feedback, readout
        W, U and V, of shapes (width, width), (width, d) and (d, width).
    noise_log_diagonal, noise_lower
        Of the lower triangular L with ``Sigma = L L^T``: logarithms of its diagonal, shape (d,), and the rows below it,
        shape (d (d - 1) / 2,). Any values give a covariance of full rank.
    horizon, longest
        None: the state carries all that was read, and there is no limit.

    Notes
    -----
    Weights are float64. The mean of x[t] given all before it is ``sum over k of V W^(k-1) U x[t-k]``. Given the past,
    the state follows W, and in what the model draws it follows ``W + U V``; only the second has to be stable.

    References
    ----------
    Shen 2019, arXiv:1905.04271.

    Examples
    --------
    >>> model = LinearGaussianRNN(width=2)
    >>> model
    LinearGaussianRNN(width=2, channels=1): 9 parameters, no horizon
    >>> model.process().law.kind
    'exponential'
    """

    name: ClassVar[str] = "linear-gaussian-rnn"
    horizon: int | None = None
    longest: int | None = None

    def __init__(self, width: int = 4, channels: int = 1, seed: int = 0) -> None:
        super().__init__()
        self.width, self.n_channels = whole_number(width, "width", 1), whole_number(channels, "channels", 1)
        self.config: dict[str, Any] = {"width": self.width, "channels": self.n_channels, "seed": seed}
        generator = torch.Generator().manual_seed(whole_number(seed, "seed", 0, (1 << 63) - 1))

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        d = self.n_channels
        self.recurrent = nn.Parameter(_RADIUS * torch.linalg.qr(normal(width, width)).Q)
        self.feedback = nn.Parameter(_of_norm(normal(width, d), _STRENGTH))
        self.readout = nn.Parameter(_of_norm(normal(d, width), _STRENGTH))
        self.noise_log_diagonal = nn.Parameter(torch.zeros(d, dtype=torch.float64))
        self.noise_lower = nn.Parameter(torch.zeros(d * (d - 1) // 2, dtype=torch.float64))

    @classmethod
    def of(cls, process: LinearRNN) -> Self:
        """A model with the weights of a process.

        Examples
        --------
        >>> process = LinearRNN(recurrent=0.5, feedback=0.4, readout=1.0)
        >>> LinearGaussianRNN.of(process).process().mutual_information([1, 5]).round(7)
        array([0.2513477, 0.0932121])
        """
        weights = {name: torch.tensor(given, dtype=torch.float64) for name, given in process.parameters.items()}
        d = process.n_channels
        width = weights["feedback"].numel() // d
        model = cls(width, d)
        root = torch.linalg.cholesky(weights["noise"].reshape(d, d))
        with torch.no_grad():
            for name in ("recurrent", "feedback", "readout"):
                parameter = getattr(model, name)
                parameter.copy_(weights[name].reshape(parameter.shape))
            model.noise_log_diagonal.copy_(root.diagonal().log())
            model.noise_lower.copy_(root[model._below()])
        return model

    def process(self) -> LinearRNN:
        """The process that these weights draw, once the start is forgotten: it knows its mutual information exactly.

        Raises
        ------
        InputError
            If the closed loop ``W + U V`` is not stable, so that what is drawn grows without limit.
        """
        parts = (self.recurrent, self.feedback, self.readout, self.noise)
        W, U, V, noise = (part.detach().cpu().double().numpy() for part in parts)
        return LinearRNN(W, U, V, (noise + noise.T) / 2)

    @property
    def noise_root(self) -> Tensor:
        """L, lower triangular with ``Sigma = L L^T``, shape (d, d)."""
        root = torch.diag(self.noise_log_diagonal.exp())
        return root.index_put(self._below(), self.noise_lower)

    @property
    def noise(self) -> Tensor:
        """Sigma, the covariance of x[t] given all before it, shape (d, d)."""
        root = self.noise_root
        return root @ root.T

    @property
    def n_parameters(self) -> int:
        """Number of parameters that training changes."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def label(self) -> str:
        """Short name, for figures: ``LinearGaussianRNN 4``."""
        return f"LinearGaussianRNN {self.width}"

    def __repr__(self) -> str:
        shape = f"width={self.width}, channels={self.n_channels}"
        return f"LinearGaussianRNN({shape}): {self.n_parameters:,} parameters, no horizon"

    def forward(self, values: Tensor) -> Tensor:
        """Means of every x[t] given those before it, from rest; shape (n, length, d), as `values`.

        Parameters
        ----------
        values
            Shape (n, length, d), or (n, length) for one channel: documents from their start.

        Raises
        ------
        InputError
            If the shape is another.
        """
        read = self.checked(values)[:, :-1]
        states = nn.functional.pad(read @ self.feedback.T, (0, 0, 1, 0))
        # Doubling: after each pass, states[t] holds the last 2, 4, 8, ... of the terms W^k U x[t - 1 - k].
        power, reach = self.recurrent.T, 1
        while reach < states.shape[1]:
            states = states + nn.functional.pad(states[:, :-reach] @ power, (0, 0, reach, 0))
            power, reach = power @ power, 2 * reach
        return states @ self.readout.T

    def log_density(self, values: Tensor) -> Tensor:
        """Logarithm of the density of every x[t] given those before it, shape (n, length)."""
        values = self.checked(values)
        errors = (values - self(values)).reshape(-1, self.n_channels)
        white: Tensor = torch.linalg.solve_triangular(self.noise_root, errors.T, upper=False)
        constant = self.noise_log_diagonal.sum() + 0.5 * self.n_channels * math.log(2 * math.pi)
        return (-0.5 * white.square().sum(0) - constant).reshape(values.shape[:2])

    def loss(self, values: Tensor) -> Tensor:
        """Mean negative log-likelihood in nats a step; for the true weights of a process, its entropy rate.

        A document's first steps cost more than that, because the state at its start is taken to be 0.
        """
        return -self.log_density(values).mean()

    def start(self, n: int) -> Tensor:
        """The state of n documents of which nothing has been read: rest, zeros of shape (n, width)."""
        return self.recurrent.new_zeros(n, self.width)

    def step(self, values: Tensor | None, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read x of each document, shape (n, d), or None at the start; means of the next, (n, d), and the new state."""
        if values is not None:
            state = torch.addmm(state @ self.recurrent.T, values.to(state), self.feedback.T)
        return state @ self.readout.T, state

    def features(self, state: Tensor) -> Tensor:
        """The state as vectors, shape (n, width)."""
        return state

    def checked(self, values: Tensor) -> Tensor:
        """Values of shape (n, length, d) on the model's device, or an `InputError` that says what is wrong."""
        shaped = values[..., None] if values.ndim == 2 and self.n_channels == 1 else values
        if shaped.ndim != 3 or shaped.shape[2] != self.n_channels or shaped.shape[1] < 1:
            raise InputError(
                f"values must have the shape (documents, length, {self.n_channels}), with one number or more in each "
                f"document, not {tuple(values.shape)}"
            )
        return shaped.to(device_of(self), self.recurrent.dtype)

    def _below(self) -> tuple[Tensor, Tensor]:
        rows, columns = torch.tril_indices(self.n_channels, self.n_channels, -1, device=self.noise_lower.device)
        return rows, columns


def _of_norm(matrix: Tensor, norm: float) -> Tensor:
    largest: Tensor = torch.linalg.matrix_norm(matrix, 2)
    return norm * matrix / largest
