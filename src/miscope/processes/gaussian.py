"""Symbols cut from stationary Gaussian numbers: any wanted decay of mutual information, known exactly."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from miscope.errors import InputError, choice
from miscope.estimation.circulant import CircularGaussian, DenseGaussian, first_impossible, gaussian_source
from miscope.processes.base import AsymptoticLaw, RealProcess, SymbolProcess
from miscope.processes.bivariate import Cuts
from miscope.processes.checking import real_number, real_numbers, whole_number
from miscope.processes.exact import Joint

__all__ = ["GaussianCopula", "PowerLawBinary", "Quantised"]

Floats = npt.NDArray[np.float64]
Curve = Callable[[Floats], Floats]

_QUANTITIES = ("mutual_information", "correlation", "latent")
_MOST_CHECKED = 1 << 16
_MOST_SYMBOLS = 256
_LEAST_PROBABILITY = 1e-9
_WRITE = (
    'give {"amplitude": A} with "exponent" (A lag^-exponent), "correlation_length" (A exp(-lag / length)) or both, '
    "a list of values for the lags 1, 2, ..., or a function of an array of lags"
)


class _CutGaussian(SymbolProcess):
    """Symbols cut from a Gaussian process whose correlation is `_latent`."""

    _cuts: Cuts

    def _joints(self, lags: npt.NDArray[np.int64]) -> Iterator[Joint]:
        return (self._cuts.joint(r) for r in self._latent(lags))

    @abstractmethod
    def _latent(self, lags: npt.NDArray[np.int64]) -> Floats:
        """Correlation of the Gaussian numbers at each of these lags."""


class GaussianCopula(_CutGaussian):
    """Symbols whose dependence falls with the lag in any way that is wanted.

    A stationary Gaussian sequence z is cut into symbols at its quantiles; the correlation of z at each lag is chosen so
    that the symbols have the wanted mutual information (or correlation) there.

    Parameters
    ----------
    wanted
        The curve: a mapping with ``"amplitude"`` and ``"exponent"`` (``A lag^-exponent``), ``"correlation_length"``
        (``A exp(-lag / length)``), or both (their product); a list of values for lags 1, 2, …, which also limits the
        length of documents; or a function of a float64 array of lags.
    of
        What the curve is of: ``"mutual_information"`` (nats; correlations are then positive), ``"correlation"``
        (Pearson's, of the codes 0, 1, …, which for two symbols is that of ±1), or ``"latent"`` (that of z).
    n_symbols
        Number of equally frequent symbols, 2 to 256, unless `probabilities` are given.
    probabilities
        Of the symbols, from the smallest z up; each at least 1e-9.

    Raises
    ------
    InputError
        If the curve asks for what no such sequence has; the message says at which lag. What no two symbols have is
        refused at once, what each pair could have but no sequence when documents are drawn.

    Examples
    --------
    >>> process = GaussianCopula({"amplitude": 0.5, "correlation_length": 20}, n_symbols=4)
    >>> process.mutual_information([1, 20]).round(6)
    array([0.475615, 0.18394 ])
    >>> GaussianCopula([0.3, 0.2, 0.69], of="mutual_information").sample(1, 4)
    Traceback (most recent call last):
        ...
    miscope.errors.InputError: no stationary Gaussian sequence has these correlations: those up to lag 2 rule out ...

    Notes
    -----
    For two fair symbols ``c = (2/pi) asin r`` and ``I = f(c) = ((1+c) ln(1+c) + (1-c) ln(1-c)) / 2``. Otherwise
    the table is that of the cut bivariate normal law, by quadrature, and the wanted curve is met to a relative 1e-6 or
    better (except close to the entropy of a symbol); what the process says of itself is exact for what it draws. Drawn
    by circulant embedding, exactly.

    References
    ----------
    Davies and Harte, Biometrika 74 (1987) 95; Wood and Chan, J. Comput. Graph. Stat. 3 (1994) 409 (drawing).
    """

    def __init__(
        self,
        wanted: Mapping[str, float] | Sequence[float] | Curve,
        of: str = "mutual_information",
        n_symbols: int = 2,
        probabilities: Sequence[float] | None = None,
    ) -> None:
        self._of = choice(of, _QUANTITIES, "quantity")
        self._cuts = Cuts(_checked_probabilities(n_symbols, probabilities))
        self.alphabet_size = len(self._cuts.probabilities)
        self.values = (-1.0, 1.0) if self.alphabet_size == 2 else tuple(map(float, range(self.alphabet_size)))
        self._form: dict[str, float] | None = None
        self._table: Floats | None = None
        self._curve, shown = self._checked_curve(wanted)
        self.parameters = {"wanted": shown, "of": of, "n_symbols": self.alphabet_size}
        if probabilities is not None:
            self.parameters["probabilities"] = self._cuts.probabilities.tolist()
        self._sources: dict[int, CircularGaussian | DenseGaussian] = {}
        self._latent(np.arange(1, 1 + (1024 if self._table is None else len(self._table))))

    def _checked_curve(self, wanted: Any) -> tuple[Curve, Any]:
        if callable(wanted):
            return wanted, getattr(wanted, "__name__", "a function")
        if isinstance(wanted, Mapping):
            form = {
                name: real_number(value, name, 0.0 if name != "amplitude" else None) for name, value in wanted.items()
            }
            if set(form) not in ({"amplitude", *rest} for rest in (["exponent"], ["correlation_length"], _BOTH)):
                raise InputError(f"cannot read the wanted curve {dict(wanted)!r}: {_WRITE}")
            self._form = form
            return partial(_parametric, **form), dict(form)
        try:
            table = real_numbers(wanted, "the values")
        except InputError as error:
            raise InputError(f"cannot read the wanted curve ({error}): {_WRITE}") from None
        if not 1 <= len(table) <= _MOST_CHECKED:
            raise InputError(f"a table holds 1 to {_MOST_CHECKED} numbers, for the lags 1, 2, ...; otherwise {_WRITE}")
        self._table = table
        return partial(_tabulated, table=table), table.tolist()

    @property
    def label(self) -> str:
        """The wanted curve, where it has a form, and the number of symbols."""
        form = (
            ""
            if self._form is None
            else ", ".join(f"{k.replace('_', ' ')} {v:g}" for k, v in self._form.items()) + ", "
        )
        return f"{type(self).__name__} {form}{self.alphabet_size} symbols"

    @property
    def longest(self) -> int | None:
        """Number of symbols in the longest document, where the curve is a table: one more than it has lags."""
        return None if self._table is None else len(self._table) + 1

    @property
    def law(self) -> AsymptoticLaw | None:
        """Of the form that is wanted; None for tables and functions."""
        if self._form is None:
            return None
        power = 1.0 if self._of == "mutual_information" else 2.0
        if "correlation_length" in self._form:
            return AsymptoticLaw("exponential", correlation_length=self._form["correlation_length"] / power)
        return AsymptoticLaw("power law", exponent=self._form["exponent"] * power)

    def _latent(self, lags: npt.NDArray[np.int64]) -> Floats:
        wanted = np.asarray(self._curve(np.asarray(lags, np.float64)), np.float64)
        if wanted.shape != lags.shape:
            raise InputError(f"the wanted curve has shape {wanted.shape} for lags of shape {lags.shape}; {_WRITE}")
        if self._of == "mutual_information":
            latent = self._cuts.for_information(np.where(wanted >= 0, wanted, np.nan))
        elif self._of == "correlation":
            latent = self._cuts.for_code_correlation(wanted)
        else:
            latent = np.where(np.abs(wanted) < 1, wanted, np.nan)
        bad = np.flatnonzero(~np.isfinite(latent))
        if len(bad):
            raise InputError(self._impossible(int(lags[bad[0]]), float(wanted[bad[0]])))
        return latent

    def _impossible(self, lag: int, wanted: float) -> str:
        if self._of == "mutual_information":
            return (
                f"{wanted:.4g} nats at lag {lag} cannot be: the mutual information of two of these "
                f"{self.alphabet_size} symbols, of entropy {self._cuts.entropy:.4g} nats, can be 0 to "
                f"{self._cuts.most_information:.4g}"
            )
        least, most = self._cuts.code_correlations if self._of == "correlation" else (-1.0, 1.0)
        return (
            f"a correlation of {wanted:.4g} at lag {lag} cannot be: for these {self.alphabet_size} symbols it must lie "
            f"inside {least:.4g} to {most:.4g}"
        )

    def _fill(self, generator: np.random.Generator, codes: npt.NDArray[Any]) -> None:
        length = codes.shape[1]
        numbers = self._source(length).draw(generator, len(codes), length)
        self._cuts.codes(numbers, codes)

    def _source(self, length: int) -> CircularGaussian | DenseGaussian:
        source = self._sources.get(length)
        if source is None:  # two threads may both make it: the same
            source = _possible_source(self._latent, length, self.longest)
            self._sources = {length: source}
        return source


class PowerLawBinary(GaussianCopula):
    """Fair binary symbols whose mutual information is exactly a power law, ``A lag^-exponent``.

    Parameters
    ----------
    amplitude
        Mutual information at lag 1, in nats; below ln 2.
    exponent
        By which it falls.

    Examples
    --------
    >>> process = PowerLawBinary(amplitude=0.1, exponent=0.4)
    >>> process.correlation([1, 100]).round(5)
    array([0.43959, 0.17757])
    >>> process.sample(n_documents=2, length=1000, seed=1)
    Sequences(2,000 symbols of 2 kinds in 2 documents: PowerLawBinary amplitude 0.1, exponent 0.4)

    Notes
    -----
    The signs of a Gaussian sequence with correlation ``r = sin(pi c / 2)``, where ``f(c) = A lag^-exponent`` (see
    `GaussianCopula`); in the spirit of the synthetic task of Shen 2019, arXiv:1905.04271.
    """

    def __init__(self, amplitude: float = 0.1, exponent: float = 0.4) -> None:
        amplitude, exponent = real_number(amplitude, "amplitude", 0.0), real_number(exponent, "exponent", 0.0)
        super().__init__({"amplitude": amplitude, "exponent": exponent})
        self.parameters = {"amplitude": amplitude, "exponent": exponent}

    @property
    def label(self) -> str:
        """The name and the two parameters."""
        return f"PowerLawBinary amplitude {self.parameters['amplitude']:g}, exponent {self.parameters['exponent']:g}"


class Quantised(_CutGaussian):
    """A Gaussian process of real numbers, cut at its quantiles into equally frequent symbols.

    Parameters
    ----------
    process
        A `RealProcess` of one channel.
    n_symbols
        2 to 256.

    Examples
    --------
    >>> from miscope.processes import FractionalNoise
    >>> Quantised(FractionalNoise(hurst=0.8), 2).mutual_information([1, 10]).round(6)
    array([0.060735, 0.007517])

    Notes
    -----
    The cuts are at the quantiles of the process, not of a sample.
    """

    def __init__(self, process: RealProcess, n_symbols: int = 4) -> None:
        if not isinstance(process, RealProcess):
            raise InputError(f"only a process of real numbers can be quantised, not {type(process).__name__}")
        if process.n_channels > 1:
            raise InputError(f"a process of {process.n_channels} channels has no quantiles; take one with one channel")
        self._process = process
        self._cuts = Cuts(_checked_probabilities(n_symbols, None))
        self._variance = float(process.autocovariance(np.zeros(1, np.int64))[0, 0, 0])
        self.alphabet_size = len(self._cuts.probabilities)
        self.values = (-1.0, 1.0) if self.alphabet_size == 2 else tuple(map(float, range(self.alphabet_size)))
        self.parameters = {"process": process.description, "n_symbols": self.alphabet_size}

    @property
    def label(self) -> str:
        """The process, and the number of symbols."""
        return f"{self._process.label}, {self.alphabet_size} quantiles"

    @property
    def law(self) -> AsymptoticLaw | None:
        """That of the numbers: cutting changes the amplitude only."""
        return self._process.law

    def _latent(self, lags: npt.NDArray[np.int64]) -> Floats:
        return self._process.autocovariance(lags)[:, 0, 0] / self._variance

    def _fill(self, generator: np.random.Generator, codes: npt.NDArray[Any]) -> None:
        numbers = np.empty((*codes.shape, 1))
        self._process._fill(generator, numbers)
        numbers /= np.sqrt(self._variance)
        self._cuts.codes(numbers[:, :, 0], codes)


_BOTH = ["exponent", "correlation_length"]


def _parametric(lags: Floats, /, amplitude: float, exponent: float = 0.0, correlation_length: float = np.inf) -> Floats:
    return np.asarray(amplitude * lags**-exponent * np.exp(-lags / correlation_length))


def _tabulated(lags: Floats, table: Floats) -> Floats:
    return np.asarray(table[lags.astype(np.int64) - 1])


def _checked_probabilities(n_symbols: int, probabilities: Sequence[float] | None) -> Floats:
    if probabilities is None:
        n_symbols = whole_number(n_symbols, "n_symbols", 2)
        if n_symbols > _MOST_SYMBOLS:
            raise InputError(f"n_symbols is {n_symbols}; at most {_MOST_SYMBOLS} can be cut from one number")
        return np.full(n_symbols, 1.0 / n_symbols)
    given = real_numbers(probabilities, "probabilities")
    if not 2 <= len(given) <= _MOST_SYMBOLS or given.min() < _LEAST_PROBABILITY or abs(given.sum() - 1) > 1e-9:
        raise InputError(
            f"probabilities must be 2 to {_MOST_SYMBOLS} numbers of at least {_LEAST_PROBABILITY:g} that sum to 1"
        )
    return np.asarray(given / given.sum())


def _possible_source(
    latent: Callable[[npt.NDArray[np.int64]], Floats], length: int, longest: int | None
) -> CircularGaussian | DenseGaussian:
    """What draws `length` numbers, or an error that says which lag forbids it."""
    source = gaussian_source(latent, length, longest)
    if source is not None:
        return source
    n = min(length, _MOST_CHECKED)
    lag = first_impossible(np.concatenate([[1.0], latent(np.arange(1, n))]))
    if lag is not None:
        raise InputError(
            f"no stationary Gaussian sequence has these correlations: those up to lag {lag - 1} rule out what is "
            f"wanted at lag {lag}; a slower change from lag to lag, or a smaller amplitude, can be had"
        )
    raise InputError(
        f"documents of {length} symbols cannot be drawn with these correlations, though they are possible up to lag "
        f"{n - 1}: ask for shorter documents, or a smoother curve"
    )
