"""The spectrum of a model's own dynamics: its correlation length, and its whole curve, foretold from a short run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from scipy import special

from miscope.atomic import write_json
from miscope.counting.counted import Steps
from miscope.counting.lags import Lags, parse_lags
from miscope.errors import InputError
from miscope.estimation.covariance import gaussian_information
from miscope.formats import marked, plain
from miscope.models.base import label_of
from miscope.models.pieces import Progress, pieces
from miscope.models.sampling import Sampler, describe, ready, real_moments
from miscope.probing.lyapunov import STEPS, driven_exponent
from miscope.probing.modes import Modes, ModeSet, Run, correlation_length, modes_of
from miscope.probing.tables import table_information
from miscope.processes.checking import whole_number

__all__ = ["Spectrum", "spectrum"]

Floats = npt.NDArray[np.float64]

_MOST_SYMBOLS = 256
_MOST_APART = 0.1
_TIMES = 5  # correlation times of correlations, which are twice as long, that a document should have
_MOST_BYTES = 1 << 32


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum:
    """The modes of the dynamics that a model generates by feeding on its own samples.

    Attributes
    ----------
    correlation_length
        Of mutual information, in symbols: ``-1 / (2 ln |eigenvalue|)`` of the slowest mode that outputs show.
    low, high
        Its 95 % interval, from runs with a block of documents left out.
    eigenvalues
        Complex, shape (n_modes,): factors by which modes shrink in one symbol, the slowest first. (Where they turn by
        more than half a circle in `step` symbols, the angle is not known.)
    amplitudes, amplitude_errors
        How much of each mode outputs show, shape (n_modes,): the norm of M in
        ``P(lag) - p p^T = sum M_k eigenvalue_k^(lag - 1)``.
    visible
        Which modes outputs show, shape (n_modes,).
    step
        Symbols ahead from which `eigenvalues` were estimated: about the correlation time.
    by_step
        For each step ahead, the correlation length that it gives; they should agree.
    driven_exponent
        Largest Lyapunov exponent of the network *driven* by given symbols, a symbol; what two states become that read
        the same. It does not see how outputs come back, and is not the rate at which mutual information falls.
    horizon_of_run
        Largest lag that the curve was seen at rather than extrapolated to.
    label, n_symbols, warnings, provenance
        Of the model; how many symbols were drawn; what a reader has to know; how it was drawn.
    """

    correlation_length: float
    low: float
    high: float
    eigenvalues: npt.NDArray[np.complex128]
    amplitudes: Floats
    amplitude_errors: Floats
    visible: npt.NDArray[np.bool_]
    step: int
    by_step: Mapping[int, float]
    driven_exponent: float
    horizon_of_run: int
    label: str
    n_symbols: int
    warnings: tuple[str, ...]
    provenance: Mapping[str, Any]
    _modes: Modes
    _law: Floats | None
    _covariance: Floats | None

    role: ClassVar[str] = "foretold by its spectrum"

    def mutual_information(self, lags: Lags) -> Floats:
        """The curve that the modes foretell, in nats; shape (n_lags,). Lags as for `measure`.

        ``P(lag) = p p^T + sum M_k eigenvalue_k^(lag - 1)``, and its mutual information (for real numbers
        ``-1/2 ln det(1 - G0^-1 G G0^-1 G^T)`` with G the covariance).
        """
        return self._information(parse_lags(lags, 1 << 62), None)

    def band(self, lags: Lags, level: float = 0.95) -> tuple[Floats, Floats]:
        """Ends of the interval about the curve at each lag, from leaving out blocks; shape (n_lags,) each."""
        at, n = parse_lags(lags, 1 << 62), len(self._modes.outputs.entry_left_out)
        whole = self._information(at, None)
        others = np.array([self._information(at, block) for block in range(n)])
        error = np.sqrt((n - 1) / n * ((others - others.mean(axis=0)) ** 2).sum(axis=0))
        t = special.stdtrit(n - 1, 0.5 + level / 2)
        return np.maximum(whole - t * error, 0.0), whole + t * error

    def symbols_needed(self, relative: float = 0.1) -> float:
        """How many symbols give an interval of the correlation length of plus or minus this part of it.

        The width of an interval falls as one over the root of the number of symbols.
        """
        half = (1 / self.low - 1 / self.high) * self.correlation_length / 2
        return float(self.n_symbols * (half / relative) ** 2)

    def _information(self, lags: npt.NDArray[np.int64], block: int | None) -> Floats:
        connected = self._modes.covariances(lags, block)
        if self._law is not None:
            tables = np.maximum(np.outer(self._law, self._law) + connected, 0.0)
            return table_information(tables)
        assert self._covariance is not None
        return gaussian_information(self._covariance, self._covariance, connected)

    def to_dict(self) -> dict[str, Any]:
        """All that was found, JSON-able."""
        body = {
            "label": self.label,
            "correlation_length": self.correlation_length,
            "low": self.low,
            "high": self.high if np.isfinite(self.high) else None,
            "eigenvalue_moduli": np.abs(self.eigenvalues).tolist(),
            "amplitudes": self.amplitudes.tolist(),
            "visible": self.visible.tolist(),
            "step": self.step,
            "by_step": {str(step): length for step, length in self.by_step.items()},
            "driven_exponent": self.driven_exponent if np.isfinite(self.driven_exponent) else None,
            "n_symbols": self.n_symbols,
            "warnings": list(self.warnings),
            "provenance": dict(self.provenance),
        }
        return marked("spectrum", body)

    def save(self, path: str | Path) -> None:
        """Write what was found as ``.json``, which `miscope.report` shows; the modes themselves are not in it."""
        write_json(path, plain(self.to_dict()), "a spectrum")

    def __repr__(self) -> str:
        return f"Spectrum({self.label!r}: correlation length {self.correlation_length:.4g} symbols)"

    def __str__(self) -> str:
        driven = "without end" if self.driven_exponent >= 0 else f"{-0.5 / self.driven_exponent:.4g}"
        lengths = correlation_length(self.eigenvalues, 1)
        rows = [
            f"  {length:9.4g}  {amplitude:9.2g} ± {error:.1g}{'' if seen else '   (not seen in the outputs)'}"
            for length, amplitude, error, seen in zip(
                lengths[:6], self.amplitudes, self.amplitude_errors, self.visible, strict=False
            )
        ]
        return "\n".join(
            [
                f"{self.label}: correlation length {self.correlation_length:.4g} symbols (95 %: {self.low:.4g} to "
                f"{self.high:.4g}), from {self.n_symbols:,} symbols (for 10 % take {self.symbols_needed():.1g})",
                "  by steps ahead: " + ", ".join(f"{step}: {length:.4g}" for step, length in self.by_step.items()),
                "     length  amplitude",
                *rows,
                f"  driven by given symbols it forgets with length {driven}, which is not what its samples do",
                *(f"warning: {text}" for text in self.warnings),
            ]
        )


def spectrum(
    model: Any,
    n_documents: int = 256,
    length: int = 4096,
    seed: int = 0,
    *,
    discard: int | None = None,
    degree: int = 3,
    n_slow: int = 6,
    blocks: int = 16,
    progress: Progress | None = None,
) -> Spectrum:
    """Estimate the modes of a model's own dynamics, and with them its correlation length and curve.

    A model with a state that reads what it draws is a Markov process on that state. Its transfer (Koopman) operator
    says what functions of the state become some steps later; connected tables of its outputs fall as the eigenvalues'
    powers, mutual information as their squares.

    Parameters
    ----------
    model
        A model with a state: a recurrent or state-space model, or `LinearGaussianRNN`.
    n_documents, length, seed
        The run to learn from; some ten correlation times are enough for a document.
    discard
        Steps left out at the start of each document. Default: an eighth of the length.
    degree
        Functions of the state are polynomials up to this degree in its slowest combinations, beside all linear ones.
    n_slow
        How many combinations those are.
    blocks
        Groups of documents that are left out in turn: the interval.
    progress
        Called with what is done and what there is to do, in symbols drawn; looking for modes in them is taken for as
        much as drawing more.

    Returns
    -------
    Spectrum
        With `correlation_length`, its interval, and `mutual_information(lags)`.

    Raises
    ------
    InputError
        If the model has no state of fixed size (a Transformer), or too many symbols.

    Examples
    --------
    >>> from miscope.models import LinearGaussianRNN
    >>> from miscope.processes import LinearRNN
    >>> process = LinearRNN(recurrent=0.5, feedback=0.4, readout=1.0)
    >>> found = spectrum(LinearGaussianRNN.of(process), n_documents=64, length=1024)
    >>> print(f"{process.law.correlation_length:.3f}, {found.low < process.law.correlation_length < found.high}")
    4.746, True

    Notes
    -----
    Extended dynamic mode decomposition: functions of the state k steps later are regressed on those now; eigenvalues to
    the power 1/k. k grows from 1 to about the correlation time, where the error of the eigenvalue is least. The curve
    uses the longest steps that fit into a lag. For linear networks eigenvalues are those of ``W + U V``.

    References
    ----------
    Williams, Kevrekidis, Rowley, J. Nonlinear Sci. 25 (2015) 1307.
    """
    _check(ready(model))
    n_documents, blocks = whole_number(n_documents, "n_documents", 2), whole_number(blocks, "blocks", 2)
    length, degree = whole_number(length, "length", 16), whole_number(degree, "degree", 1, 5)
    n_slow, seed = whole_number(n_slow, "n_slow", 1, 12), whole_number(seed, "seed", 0)
    discard = length // 8 if discard is None else whole_number(discard, "discard", 0)
    drawing, reading = n_documents * (length + discard), n_documents * STEPS
    step = Steps(progress, drawing + drawing // 4 + reading)
    run = _run(model, n_documents, length, seed, discard, min(blocks, n_documents), step.part(drawing))
    step(drawing)
    modes = modes_of(run, degree, n_slow, step.part(drawing // 4))
    step(drawing // 4)
    exponent = driven_exponent(model, seed=seed, progress=step.part(reading))
    step.finish()
    last = modes.best
    by_step = {each.step: each.longest for each in modes.sets if each.visible.any()} | {last.step: last.length}
    centre, low, high = _interval(last)
    high = max(high, last.hidden)
    real = hasattr(model, "n_channels")
    return Spectrum(
        correlation_length=centre,
        low=low,
        high=high,
        eigenvalues=last.eigenvalues ** (1 / last.step),
        amplitudes=last.amplitudes,
        amplitude_errors=last.errors,
        visible=last.visible,
        step=last.step,
        by_step=by_step,
        driven_exponent=exponent,
        horizon_of_run=2 * last.step,
        label=label_of(model),
        n_symbols=n_documents * length,
        warnings=_warnings(last, by_step, run.length, n_documents),
        provenance={"source": describe(model, seed, {"discard": discard}), "degree": degree, "n_slow": n_slow},
        _modes=modes,
        _law=None if real else run.right.mean(axis=(0, 1), dtype=np.float64),
        _covariance=_covariance(model, run) if real else None,
    )


def _check(model: Any) -> None:
    if not hasattr(model, "features"):
        raise InputError(
            f"{label_of(model)} has no state of fixed size, so that there is no spectrum: use a recurrent or "
            "state-space model; probe() gives the curve of any other"
        )
    if getattr(model, "alphabet_size", 0) > _MOST_SYMBOLS:
        raise InputError(f"spectra are for {_MOST_SYMBOLS} symbols at most, not {model.alphabet_size:,}")


def _run(
    model: Any, n_documents: int, length: int, seed: int, discard: int, blocks: int, progress: Progress | None
) -> Run:
    """Let the model run, and keep its states."""
    real = hasattr(model, "n_channels")
    size = model.n_channels if real else model.alphabet_size
    with torch.inference_mode():
        width = model.features(model.start(1)).shape[1]
    if n_documents * length * (width + 2 * size) * 4 > _MOST_BYTES:
        raise InputError(
            f"{n_documents} documents of {length:,} states of {width} numbers do not fit into memory: ask for fewer or "
            "shorter ones"
        )
    states = np.empty((length, n_documents, width), np.float32)
    left, right = np.zeros((2, length, n_documents, size), np.float32)
    # One piece: a run is short, and the model is fastest with all documents side by side.
    [(_, n, generator, report)] = pieces(n_documents, length + discard, n_documents, seed, progress)
    for t, (features, value, mean) in enumerate(_steps(model, n, length + discard, generator)):
        if t >= discard:
            states[t - discard], left[t - discard], right[t - discard] = features, value, mean
        report(t)
    return Run(states, left, right, np.arange(n_documents) * blocks // n_documents)


def _steps(model: Any, n: int, length: int, generator: np.random.Generator) -> Any:
    """For each step the state as vectors, the value drawn (symbols as unit vectors), and its mean, as arrays."""
    if hasattr(model, "n_channels"):
        for mean, value, state in real_moments(model, n, length, generator):
            yield model.features(state).cpu().numpy(), value.cpu().numpy(), mean.cpu().numpy()
        return
    units = np.eye(model.alphabet_size, dtype=np.float32)
    for moment in Sampler(model).run(n, length, generator):
        features = model.features(moment.state).cpu().numpy()
        yield features, units[moment.symbols.cpu().numpy()], moment.log_probs.exp().cpu().numpy()


def _interval(modes: ModeSet) -> tuple[float, float, float]:
    """Correlation length of the slowest mode that outputs show, and its 95 % interval, normal in the rate."""
    rate, left_out = modes.rates()
    n = len(left_out)
    error = np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    t = special.stdtrit(n - 1, 0.975)
    fast, slow = rate + t * error, rate - t * error
    return 1 / rate, float(1 / fast), float(1 / slow) if slow > 0 else float("inf")


def _covariance(model: Any, run: Run) -> Floats:
    """Covariance of real outputs: of their means, and their noise."""
    means = run.right.reshape(-1, run.right.shape[2]).astype(np.float64)
    noise = model.noise.detach().cpu().numpy().astype(np.float64)
    return np.asarray(np.atleast_2d(np.cov(means.T)) + noise)


def _warnings(modes: ModeSet, by_step: Mapping[int, float], length: int, n: int) -> tuple[str, ...]:
    found = []
    last, centre = modes.step, modes.length
    if not modes.visible.any():
        found.append("no mode stands above its error in the outputs: the model has no memory, or the run is too short")
    if modes.hidden:
        found.append(
            f"slower modes, of {modes.hidden:.3g} symbols, may be there, too uncertain to be counted: take more "
            "or longer documents, and see how the curve of its samples ends (probe)"
        )
    if last < centre or length < _TIMES * 2 * centre:
        wanted = int(20 * centre)
        found.append(
            f"documents are short for this memory: draw longer ones, length={wanted:,} or more (now {length:,}), some "
            f"{n * wanted:.1g} symbols"
        )
    steps = [step for step in by_step if last // 8 <= step <= last]
    apart = max(by_step[step] for step in steps) / min(by_step[step] for step in steps) - 1
    if apart > _MOST_APART:
        found.append(
            f"steps from {steps[0]} to {last} give correlation lengths that differ by {apart:.0%}: the functions of "
            "the state do not span its slow modes; try a larger degree or n_slow"
        )
    return tuple(found)
