"""Linear recurrent networks with Gaussian outputs: an exponential decay that is set by the closed loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import linalg

from miscope.errors import InputError
from miscope.processes.base import AsymptoticLaw, RealProcess
from miscope.processes.spectrum import largest_modulus

__all__ = ["LinearRNN"]

Floats = npt.NDArray[np.float64]
Matrix = float | Sequence[float] | Sequence[Sequence[float]] | Floats

_EPSILON = float(np.finfo(np.float64).eps)
_NEGLIGIBLE = 1e-12
_LARGEST = 1e100


class LinearRNN(RealProcess):
    """A linear recurrent network that feeds on its own output, which is its readout and Gaussian noise.

    ``h[t] = W h[t-1] + U x[t-1]``, ``x[t] = V h[t] + e[t]``, with e independent normal vectors of covariance Sigma.

    Parameters
    ----------
    recurrent
        W, shape (n, n) for n hidden units, or a number for one.
    feedback
        U, by which outputs enter the state; shape (n, d) for d outputs, or (n,) for one.
    readout
        V, shape (d, n), or (n,) for one output.
    noise
        Sigma, the covariance of e, shape (d, d); or a number: the variance of each e, independent. By default 1.

    Raises
    ------
    InputError
        If the shapes do not fit, the noise is no covariance of full rank, or the closed loop ``W + U V`` has a spectral
        radius of 1 or more, so that no stationary law exists.

    Examples
    --------
    >>> process = LinearRNN(recurrent=0.5, feedback=0.4, readout=1.0, noise=1.0)
    >>> process.mutual_information([1, 5, 20]).round(7)
    array([0.2513477, 0.0932121, 0.003618 ])
    >>> print(process.law)
    exponential, correlation length 4.746
    >>> process.sample(n_documents=2, length=1000, seed=1)
    Series(2,000 values in 2 documents: LinearRNN recurrent 0.5, feedback 0.4, readout 1, noise 1)

    Notes
    -----
    With ``A = W + U V`` the state has the covariance ``P = A P A^T + U Sigma U^T`` and the outputs have
    ``G(0) = V P V^T + Sigma`` and ``G(k) = V A^(k-1) (A P V^T + U Sigma)``. The mutual information
    ``-1/2 ln det(1 - G0^-1 G(k) G0^-1 G(k)^T)`` falls as ``r^(2k)``, with r the largest modulus of the eigenvalues of
    A (not of W) whose modes take part in G(k); defective eigenvalues bring a power of k, complex ones oscillate. Modes
    that do not take part are taken out of A, so that their rounding errors cannot outlive the others.

    Complex matrices are allowed: then ``x[t] = Re(V h[t]) + e[t]``, and the process is that of real and imaginary parts
    as 2 n real units, in which form the parameters are kept.

    References
    ----------
    Shen 2019, arXiv:1905.04271; Orvieto et al. 2023, arXiv:2303.06349 (diagonal linear recurrences).
    """

    def __init__(
        self, recurrent: Matrix = 0.5, feedback: Matrix = 0.4, readout: Matrix = 1.0, noise: Matrix | None = None
    ) -> None:
        W, U, V = _checked_system(recurrent, feedback, readout)
        self._recurrent, self._feedback, self._readout = W, U, V
        self.n_channels = len(V)
        self._noise = _checked_noise(noise, self.n_channels)
        self.parameters = {
            "recurrent": _listed(W),
            "feedback": _listed(U),
            "readout": _listed(V),
            "noise": _listed(self._noise),
        }
        loop = _without_rounding(W + U @ V, np.abs(W) + np.abs(U) @ np.abs(V), 4 * _EPSILON)
        radius = float(np.abs(np.linalg.eigvals(loop)).max())
        if radius >= 1:
            raise InputError(
                f"no stationary law: the closed loop W + U V has spectral radius {radius:.6g}, which must be below 1; "
                "weaken recurrent, feedback or readout"
            )
        self._state_covariance = _lyapunov(loop, U @ self._noise @ U.T)
        self._covariance = V @ self._state_covariance @ V.T + self._noise
        self._modes = _minimal(loop, self._entry(loop), V)
        self._radius = largest_modulus(self._modes[0])
        self._root = _square_root(self._state_covariance)

    @classmethod
    def diagonal(
        cls,
        eigenvalues: Sequence[complex] | npt.NDArray[np.complex128],
        feedback: Any,
        readout: Any,
        noise: Matrix | None = None,
    ) -> Self:
        """A layer with a diagonal complex state (S4D, LRU) that feeds on its own output.

        ``h[t] = eigenvalues * h[t-1] + U x[t-1]``, ``x[t] = Re(V h[t]) + e[t]``. Where each unit stands for a pair of
        conjugate ones, as in S4D, give twice their readout.

        Parameters
        ----------
        eigenvalues
            Of W, shape (n,).
        feedback
            U, shape (n, d), or (n,) for one output.
        readout
            V, shape (d, n), or (n,) for one output.
        noise
            As for `LinearRNN`.

        Examples
        --------
        >>> print(LinearRNN.diagonal([0.9 + 0.3j], feedback=[0.1], readout=[0.2 - 0.1j]).law)
        exponential, correlation length 11.26
        """
        try:
            numbers = np.array(eigenvalues, np.complex128)
        except (TypeError, ValueError, OverflowError):
            raise InputError("eigenvalues must be a list of numbers, real or complex") from None
        if numbers.ndim != 1 or len(numbers) == 0:
            raise InputError(f"eigenvalues must be a list of one number or more, not of shape {numbers.shape}")
        return cls(np.diag(numbers), feedback, readout, noise)

    def _entry(self, loop: Floats) -> Floats:
        # Covariance of h[t + 1] with x[t]: 0 where the two terms cancel, as in an all-pass filter.
        through, direct = loop @ self._state_covariance @ self._readout.T, self._feedback @ self._noise
        return _without_rounding(through + direct, np.abs(through) + np.abs(direct), 1e-13)

    def autocovariance(self, lags: npt.NDArray[np.int64]) -> Floats:
        """Covariance of ``x[t + lag]`` with ``x[t]``, shape (n_lags, d, d); lag 0 is allowed."""
        lags = np.asarray(lags)
        loop, state, readout = self._modes
        found = np.zeros((len(lags), self.n_channels, self.n_channels))
        at = 1
        for k in np.argsort(lags, kind="stable"):
            lag = int(lags[k])
            if lag == 0:
                found[k] = self._covariance
                continue
            if self._radius == 0.0 and lag > len(loop):
                continue  # A^(lag - 1) is 0
            state = np.linalg.matrix_power(loop, lag - at) @ state
            at = lag
            found[k] = readout @ state
        return found

    @property
    def law(self) -> AsymptoticLaw:
        """Exponential with correlation length ``1 / (2 ln 1/r)``; ``finite`` where no mode lasts."""
        if self._radius == 0.0:
            return AsymptoticLaw("finite")
        return AsymptoticLaw("exponential", correlation_length=float(-0.5 / np.log(self._radius)))

    @property
    def entropy_rate(self) -> float:
        """Differential entropy in nats of an output, given all before it: ``1/2 ln det(2 pi e Sigma)``, or more.

        The past tells the state unless W has eigenvalues w outside the unit circle; each of these adds ``ln |w|``.
        """
        outside = np.log(np.maximum(np.abs(np.linalg.eigvals(self._recurrent)), 1.0)).sum()
        return float(0.5 * np.linalg.slogdet(2 * np.pi * np.e * self._noise)[1] + outside)

    def _fill(self, generator: np.random.Generator, values: Floats) -> None:
        states = generator.standard_normal((len(values), len(self._root))) @ self._root
        generator.standard_normal(out=values)
        noise_root = np.linalg.cholesky(self._noise)
        offsets, diagonals = _diagonals(self._recurrent)
        _recur(values, states, offsets, diagonals, self._feedback.T.copy(), self._readout, noise_root)


def _checked_system(recurrent: Any, feedback: Any, readout: Any) -> tuple[Floats, Floats, Floats]:
    W = _matrix(recurrent, "recurrent")
    n = len(W)
    if W.shape != (n, n):
        raise InputError(f"recurrent must be a square matrix, or a number; got shape {W.shape}")
    U = _matrix(feedback, "feedback", as_column=True)
    if len(U) != n:
        raise InputError(f"feedback must have {n} rows, one for each hidden unit of recurrent; got shape {U.shape}")
    V = _matrix(readout, "readout")
    if V.shape != U.shape[::-1]:
        raise InputError(f"readout must have shape {U.shape[::-1]} (outputs, hidden units) to fit; got {V.shape}")
    if not any(np.iscomplexobj(each) for each in (W, U, V)):
        return W, U, V
    twice = np.block([[W.real, -W.imag], [W.imag, W.real]])
    return twice, np.vstack([U.real, U.imag]), np.hstack([V.real, -V.imag])


def _matrix(given: Any, name: str, as_column: bool = False) -> npt.NDArray[Any]:
    try:
        matrix = np.array(given)
        matrix = matrix.astype(np.complex128 if np.iscomplexobj(matrix) else np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} must hold numbers, in rows of equal length") from None
    if matrix.ndim > 2 or matrix.size == 0:
        raise InputError(f"{name} must be a number or a matrix, not of shape {matrix.shape}")
    if not (np.abs(matrix) < _LARGEST).all():
        raise InputError(f"{name} must hold finite numbers only, below {_LARGEST:g}")
    return matrix[:, None] if as_column and matrix.ndim == 1 else np.atleast_2d(matrix)


def _checked_noise(given: Any, n_channels: int) -> Floats:
    noise = _matrix(1.0 if given is None else given, "noise")
    if np.iscomplexobj(noise):
        raise InputError("noise must be real: x is")
    if np.ndim(given) == 0:
        noise = noise * np.eye(n_channels)
    if noise.shape != (n_channels, n_channels):
        raise InputError(f"noise must be a number or of shape {(n_channels, n_channels)}; got {noise.shape}")
    if not np.allclose(noise, noise.T, rtol=1e-12, atol=0):
        raise InputError("noise must be symmetric: it is a covariance")
    lowest, highest = np.linalg.eigvalsh(noise)[[0, -1]]
    if lowest <= n_channels * _EPSILON * highest:
        raise InputError(f"noise must be a covariance of full rank; its lowest eigenvalue is {lowest:.4g}")
    return np.asarray((noise + noise.T) / 2)


def _listed(matrix: Floats) -> Any:
    return float(matrix[0, 0]) if matrix.size == 1 else matrix.tolist()


def _without_rounding(sums: Floats, terms: Floats, relative: float) -> Floats:
    """Sums, with 0 for what is left of terms that cancel."""
    return np.where(np.abs(sums) <= relative * terms, 0.0, sums)


def _lyapunov(loop: Floats, source: Floats) -> Floats:
    """``P = sum over k of A^k Q (A^k)^T`` by doubling: only sums of covariances, so that nothing cancels."""
    covariance, power = source, loop
    while True:
        more = power @ covariance @ power.T
        covariance = covariance + more
        power = power @ power
        # A power of small norm ends it: a small step alone may be the trough of a non-normal matrix.
        if np.linalg.norm(power) ** 2 < _EPSILON / 4:
            return np.asarray((covariance + covariance.T) / 2)


def _minimal(loop: Floats, entry: Floats, readout: Floats) -> tuple[Floats, Floats, Floats]:
    """The same ``V A^k B`` with only the modes that B reaches and V shows."""
    basis = _invariant(loop, entry)
    loop, entry, readout = basis.T @ loop @ basis, basis.T @ entry, readout @ basis
    basis = _invariant(loop.T, readout.T)
    return basis.T @ loop @ basis, basis.T @ entry, readout @ basis


def _invariant(matrix: Floats, start: Floats) -> Floats:
    """Orthonormal basis of the span of ``start, matrix @ start, matrix^2 @ start, ...`` (block Arnoldi)."""
    basis = np.empty((len(start), 0))
    new, scale = start, np.linalg.norm(start)
    while True:
        for _ in range(2):  # twice is enough
            new = new - basis @ (basis.T @ new)
        left, s, _ = np.linalg.svd(new, full_matrices=False)
        new = left[:, s > _NEGLIGIBLE * scale]
        if new.shape[1] == 0:
            return basis
        basis = np.hstack([basis, new])
        new, scale = matrix @ new, np.linalg.norm(matrix)


def _square_root(covariance: Floats) -> Floats:
    """R with ``R^T R`` as given, of any rank."""
    values, vectors = linalg.eigh(covariance)
    return np.asarray(np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T)


def _diagonals(matrix: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    """The cyclic diagonals that are not 0: offsets k, and rows ``matrix[i, (i + k) mod n]``.

    A diagonal state has one or two of them, a dense one n: the same loop serves both, over contiguous numbers.
    """
    n = len(matrix)
    rows = matrix[np.arange(n), (np.arange(n) + np.arange(n)[:, None]) % n]
    offsets = np.flatnonzero(rows.any(axis=1))
    return offsets, rows[offsets]


@njit(nogil=True, cache=True)
def _recur(values, states, offsets, diagonals, feedback, readout, noise_root):  # type: ignore[no-untyped-def]
    # In: standard normal numbers; out: x. h = W h + U x is the same as h = A h + U e, as V h is in x.
    n_documents, length, d = values.shape
    n = states.shape[1]
    twice = np.empty(2 * n)  # the state and itself again: cyclic diagonals without a modulus
    later = np.empty(n)
    x = np.empty(d)
    for document in range(n_documents):
        for i in range(n):  # one by one, here and below: slices of arrays take seconds to compile
            later[i] = states[document, i]
        for t in range(length):
            for i in range(n):
                twice[i] = twice[n + i] = later[i]
                later[i] = 0.0
            for a in range(d):
                total = 0.0
                for b in range(a + 1):
                    total += noise_root[a, b] * values[document, t, b]
                for i in range(n):
                    total += readout[a, i] * twice[i]
                x[a] = total
            for a in range(d):
                values[document, t, a] = x[a]
                for i in range(n):
                    later[i] += feedback[a, i] * x[a]
            for k in range(len(offsets)):
                for i in range(n):
                    later[i] += diagonals[k, i] * twice[offsets[k] + i]
