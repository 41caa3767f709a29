"""What a process offers: samples, and the exact answer to what they are measured for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from miscope.counting.counted import Progress
from miscope.counting.lags import Lags, parse_lags
from miscope.errors import InputError
from miscope.estimation.covariance import gaussian_information
from miscope.processes.checking import real_numbers, shortened, whole_number
from miscope.processes.drawing import draw_documents
from miscope.processes.exact import Joint, information
from miscope.sequences import Sequences, Series
from miscope.sequences.codes import code_dtype

__all__ = ["AsymptoticLaw", "Process", "RealProcess", "SymbolProcess"]

Floats = npt.NDArray[np.float64]

_LONGEST = 1 << 62
_MOST_DRAWN = 1 << 40


@dataclass(frozen=True)
class AsymptoticLaw:
    """How the mutual information of a process falls at large lags.

    Attributes
    ----------
    kind
        ``"exponential"`` (as ``exp(-lag / correlation_length)``), ``"power law"`` (as ``lag ** -exponent``),
        ``"constant"`` (it does not fall to zero), or ``"finite"`` (zero from some lag on).
    correlation_length
        In symbols, of the mutual information (half that of correlations); for exponentials.
    exponent
        Of the mutual information (twice that of correlations); for power laws.
    """

    kind: str
    correlation_length: float | None = None
    exponent: float | None = None

    def __str__(self) -> str:
        if self.correlation_length is not None:
            return f"{self.kind}, correlation length {self.correlation_length:.4g}"
        return self.kind if self.exponent is None else f"{self.kind}, exponent {self.exponent:.4g}"


class Process(ABC):
    """A source of sequences that knows its own mutual information.

    Attributes
    ----------
    parameters
        JSON-able arguments that make an equal process; recorded with every sample.
    """

    parameters: dict[str, Any]

    @abstractmethod
    def sample(
        self, n_documents: int = 1, length: int | None = None, seed: int = 0, *, progress: Progress | None = None
    ) -> Any:
        """Draw independent documents: the same bytes from the same seed, on any number of cores."""

    @abstractmethod
    def mutual_information(self, lags: Lags) -> Floats:
        """Exact mutual information at each lag, in nats; shape (n_lags,). `lags` as for `measure`."""

    @property
    def law(self) -> AsymptoticLaw | None:
        """The asymptotic law of the mutual information; None where it is not known."""
        return None

    @property
    def entropy_rate(self) -> float | None:
        """Entropy in nats a symbol, given all before it; None where it is not known."""
        return None

    @property
    def longest(self) -> int | None:
        """Number of symbols in the longest document there can be; None where there is no such limit."""
        return None

    @property
    def label(self) -> str:
        """Name with the parameters that are single numbers, for figures."""
        shown = [f"{name} {value:g}" for name, value in self.parameters.items() if type(value) in (int, float)]
        return " ".join([type(self).__name__, *[", ".join(shown)]]).strip()

    @property
    def description(self) -> dict[str, Any]:
        """Name and parameters, JSON-able: what `miscope.processes.from_description` makes an equal process of."""
        return {"name": type(self).__name__, "parameters": self.parameters}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={shortened(value)}" for name, value in self.parameters.items())
        return f"{type(self).__name__}({arguments})"

    def _lags(self, lags: Lags) -> npt.NDArray[np.int64]:
        """Whole numbers of at least 1, ascending."""
        longest = self.longest if self.longest is not None else _LONGEST if lags is not None else 1 << 14
        return parse_lags(lags, longest)

    def _checked_length(self, length: int | None) -> int:
        if length is None:
            raise InputError("say how long each document is to be: length, in symbols")
        length = whole_number(length, "length", 1)
        if self.longest is not None and length > self.longest:
            raise InputError(
                f"documents of {length} symbols cannot be drawn: the longest there can be has {self.longest}"
            )
        return length

    def _draw(
        self,
        n_documents: int,
        length: int | None,
        seed: int,
        draw: Callable[..., None],
        dtype: Any,
        *width: int,
        progress: Progress | None = None,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], dict[str, Any]]:
        n_documents, seed = whole_number(n_documents, "n_documents", 1), whole_number(seed, "seed", 0)
        length = self._checked_length(length)
        if n_documents * length > _MOST_DRAWN:
            raise InputError(f"{n_documents} documents of {length} symbols are more than can be drawn at once")
        values = draw_documents(draw, n_documents, length, seed, dtype, width, progress)
        offsets = np.arange(n_documents + 1, dtype=np.int64) * length
        about = {"label": self.label, "process": self.description, "seed": seed}
        return values.reshape(n_documents * length, *width), offsets, about


class SymbolProcess(Process):
    """A process of symbols; subclasses give `_fill` (drawing) and `_joints` (the law of pairs).

    Attributes
    ----------
    alphabet_size
        Number of symbols.
    alphabet
        The symbol of each code, or None.
    values
        A number for each symbol, by which `correlation` is a covariance; or None.
    """

    alphabet_size: int
    alphabet: tuple[str | int, ...] | None = None
    values: tuple[float, ...] | None = None

    @abstractmethod
    def _fill(self, generator: np.random.Generator, codes: npt.NDArray[Any]) -> None:
        """Fill `codes`, shape (n_documents, length), with documents."""

    @abstractmethod
    def _joints(self, lags: npt.NDArray[np.int64]) -> Iterator[Joint]:
        """Law of a pair at each of these ascending lags."""

    def sample(
        self, n_documents: int = 1, length: int | None = None, seed: int = 0, *, progress: Progress | None = None
    ) -> Sequences:
        """Draw independent documents.

        Parameters
        ----------
        n_documents
            How many.
        length
            Symbols in each.
        seed
            The same seed gives the same bytes, on any number of cores.
        progress
            Called with symbols drawn and symbols in all.

        Returns
        -------
        Sequences
            Its provenance says of which process.
        """
        dtype = code_dtype(self.alphabet_size)
        codes, offsets, about = self._draw(n_documents, length, seed, self._fill, dtype, progress=progress)
        return Sequences(codes, offsets, self.alphabet_size, self.alphabet, about)

    def joint(self, lag: int) -> Floats:
        """Law of the pair ``(x[t], x[t + lag])``, shape (alphabet_size, alphabet_size)."""
        return np.asarray(next(self._joints(self._lags([lag]))).table)

    def mutual_information(self, lags: Lags) -> Floats:
        """Exact mutual information in nats at each lag, shape (n_lags,), to full relative precision where it is tiny.

        Parameters
        ----------
        lags
            As for `measure`; ascending in the result.
        """
        return np.array([information(joint) for joint in self._joints(self._lags(lags))])

    def correlation(self, lags: Lags, values: Sequence[float] | None = None) -> Floats:
        """Exact correlation at each lag, shape (n_lags,), as ``measure(quantity="correlation")`` estimates it.

        Parameters
        ----------
        lags
            As for `measure`.
        values
            Numbers for the symbols, default those that the process has: then the covariance of the two numbers of a
            pair. Without any, the operator norm of ``P(a,b) - P(a.) P(.b)``.
        """
        values = self.values if values is None else values
        tables = (joint.connected for joint in self._joints(self._lags(lags)))
        if values is None:
            return np.array([np.linalg.norm(table, 2) for table in tables])
        numbers = real_numbers(values, "values")
        if len(numbers) != self.alphabet_size:
            raise InputError(f"values must be {self.alphabet_size} numbers, one for each symbol")
        return np.array([numbers @ table @ numbers for table in tables])


class RealProcess(Process):
    """A stationary Gaussian process of real numbers; subclasses give `_fill` and `autocovariance`.

    Attributes
    ----------
    n_channels
        Numbers at each moment.
    """

    n_channels: int = 1

    @abstractmethod
    def _fill(self, generator: np.random.Generator, values: Floats) -> None:
        """Fill `values`, shape (n_documents, length, n_channels), with documents."""

    @abstractmethod
    def autocovariance(self, lags: npt.NDArray[np.int64]) -> Floats:
        """Covariance of ``x[t + lag]`` with ``x[t]``, shape (n_lags, n_channels, n_channels); lag 0 is allowed."""

    def sample(
        self, n_documents: int = 1, length: int | None = None, seed: int = 0, *, progress: Progress | None = None
    ) -> Series:
        """Draw independent documents of real numbers, for ``measure(..., estimator="gaussian")`` or `Series.quantise`.

        Parameters are those of `SymbolProcess.sample`.
        """
        values, offsets, about = self._draw(
            n_documents, length, seed, self._fill, np.float64, self.n_channels, progress=progress
        )
        return Series(values[:, 0] if self.n_channels == 1 else values, offsets, about)

    def mutual_information(self, lags: Lags) -> Floats:
        """Exact mutual information in nats between the numbers of a pair, at each lag; shape (n_lags,).

        ``I = -1/2 ln det(1 - G0^-1 G G0^-1 G^T)`` with G0 and G the covariances at lag 0 and at the lag.
        """
        at = self._lags(lags)
        same = self.autocovariance(np.zeros(1, np.int64))[0]
        return gaussian_information(same, same, self.autocovariance(at))

    def quantised(self, n_symbols: int = 4) -> SymbolProcess:
        """The same process, cut at its quantiles into equally frequent symbols."""
        from miscope.processes.gaussian import Quantised  # stands above this file

        return Quantised(self, n_symbols)

    def correlation(self, lags: Lags) -> Floats:
        """Exact covariance at each lag, shape (n_lags,); for several channels its operator norm."""
        covariance = self.autocovariance(self._lags(lags))
        return covariance[:, 0, 0] if self.n_channels == 1 else np.linalg.norm(covariance, 2, axis=(1, 2))
