"""Functions and networks of other people as models: `wrap`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from miscope.errors import InputError
from miscope.models.base import checked_codes, device_of
from miscope.models.examination import Examination, Subject, examine, networks_in, weights_of
from miscope.processes.checking import checked_alphabet, laws, numbers, whole_number

__all__ = ["Read", "WrappedFunction", "wrap"]

_TRIED = 5  # symbols behind which it is seen whether a function gives probabilities
_NO_SUM = 1e-3  # by how much probabilities may miss a sum of 1


@dataclass(frozen=True)
class Read:
    """What has been read of n documents, as much of it as counts: int64, shape (n, length)."""

    codes: Tensor


def wrap(
    function: Callable[[Tensor], Any],
    alphabet_size: int,
    horizon: int | None = None,
    alphabet: Sequence[str | int] | None = None,
    label: str | None = None,
    device: str | torch.device | None = None,
    first: npt.ArrayLike | None = None,
    *,
    start_symbol: int | None = None,
    any_length: bool = False,
) -> WrappedFunction:
    """Make a model of a function, or of a network of torch, that knows the law of the next symbol.

    Models that carry a state from symbol to symbol need no wrapping: an object with `alphabet_size`, `horizon`,
    `start`, `step` and `log_probs` is a model as it is (see `SequenceModel`), and reads each symbol only once.

    Parameters
    ----------
    function
        From codes, int64 of shape (n, t), to log-probabilities or logits (the softmax is taken in any case) of the
        symbol that follows: of each position, shape (n, t, alphabet_size), where no position may look at those behind
        it, or of the last one only, shape (n, alphabet_size). A tensor or a numpy array. A network is put into
        evaluation mode, and can be trained (`train`).
    alphabet_size
        Number of symbols K; codes are 0 to K - 1.
    horizon
        How many symbols back the function looks, or may look: its context. Documents may be that long. None: the
        function takes everything that was read, of any length.
    alphabet
        The symbol of each code.
    label
        Name, for figures. Default: the function's own.
    device
        Where codes are sent. Default: where the network's parameters are, or the CPU.
    first
        Probabilities of the first symbol, shape (K,), which the function is not asked for. Default: all equal.
    start_symbol
        A code that stands before each document, of which it is no part; then the function gives the first symbol's law
        too. It may be K, if the function knows it.
    any_length
        Documents may be longer than `horizon`: the function is given the last `horizon` symbols.

    Returns
    -------
    WrappedFunction
        A `SequenceModel`.

    Raises
    ------
    InputError
        If an argument is not what it should be; on first use, and again when weights have changed, if the function
        returns something else than it should, is random, looks ahead, looks at how long the document is or at other
        documents beside it, or cannot read as many symbols as it should.

    Examples
    --------
    A law of two symbols, in which the last symbol comes again with probability 0.9:

    >>> from miscope.models import sample
    >>> table = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).log()
    >>> model = wrap(lambda codes: table[codes], alphabet_size=2, horizon=1, any_length=True, label="sticky")
    >>> model
    WrappedFunction(sticky: 2 symbols, horizon 1)
    >>> sample(model, n_documents=3, length=100)
    Sequences(300 symbols of 2 kinds in 3 documents: sticky)
    """
    if not callable(function):
        raise InputError(f"a function from codes to log-probabilities is needed, not {type(function).__name__}")
    size = whole_number(alphabet_size, "alphabet_size", 2)
    if horizon is None and any_length:
        raise InputError("any_length needs a horizon: without one, documents may have any length as it is")
    if first is not None and start_symbol is not None:
        raise InputError("give the law of the first symbol, first, or a start_symbol that it follows; not both")
    return WrappedFunction(
        function,
        size,
        None if horizon is None else whole_number(horizon, "horizon", 1),
        checked_alphabet(alphabet, size),
        label or getattr(function, "__name__", type(function).__name__).replace("<lambda>", "function"),
        device_of(function) if device is None else torch.device(device),
        _checked_law(first, size),
        None if start_symbol is None else whole_number(start_symbol, "start_symbol", 0),
        any_length,
    )


class WrappedFunction(nn.Module):
    """A model that asks a function; made by `wrap`, which checks the arguments.

    Attributes
    ----------
    alphabet_size, horizon, alphabet, label, device
        As for `wrap`.
    longest
        Symbols in the longest document that can be read; None where there is no limit.
    examination
        What was found on first use, or since weights changed last.
    """

    def __init__(
        self,
        function: Callable[[Tensor], Any],
        alphabet_size: int,
        horizon: int | None,
        alphabet: tuple[str | int, ...] | None,
        label: str,
        device: torch.device,
        first: Tensor,
        start_symbol: int | None,
        any_length: bool,
    ) -> None:
        super().__init__()
        self.function, self.alphabet_size, self.horizon = function, alphabet_size, horizon
        self.alphabet, self.label, self._device = alphabet, label, device
        self.longest = None if any_length else horizon
        self._first, self._start_symbol = first, start_symbol
        self._any_length = any_length
        self._examined: Any = None
        self.eval()

    def __repr__(self) -> str:
        reach = "no horizon" if self.horizon is None else f"horizon {self.horizon:,}"
        return f"WrappedFunction({self.label}: {self.alphabet_size:,} symbols, {reach})"

    @property
    def device(self) -> torch.device:
        """Where codes are sent."""
        parameter = next(self.parameters(), None)
        return self._device if parameter is None else parameter.device

    def examine(self) -> Examination:
        """Examine the function, unless its weights are those of the last time; see `miscope.models.examination`."""
        weights = weights_of(networks_in(self.function))
        if weights != self._examined:
            subject, found = self._subject(), self.measured()
            if found.longest != subject.longest:
                fits = (found.longest or 0) + (self.horizon or found.read) - (subject.longest or found.read)
                raise InputError(f"{self.label}: {found.notes[0]}; give horizon={fits}, or less")
            self.examination, self._examined = found, weights_of(networks_in(self.function))
        return self.examination

    def measured(self) -> Examination:
        """The examination whose findings may be others than what was said of the function."""
        with torch.no_grad():
            self._check_logarithms()
        return examine(self._subject(), self.alphabet_size)

    def _subject(self) -> Subject:
        weights = [each for network in networks_in(self.function) for each in network.parameters()]
        # Behind the last symbol of a document nothing is asked for, so that it is not read.
        unread = self._start_symbol is None and not self._any_length
        return Subject(
            label=self.label,
            laws=lambda read: torch.log_softmax(self._called(read), dim=-1),
            codes=np.arange(self.alphabet_size),
            longest=None if self.horizon is None else max(self.horizon - unread, 1),
            first=self._start_symbol,
            n_parameters=sum(each.numel() for each in weights),
            dtype=weights[0].dtype if weights else torch.float32,
            device=self.device,
        )

    def start(self, n: int) -> Read:
        """The state of n documents of which nothing has been read."""
        self.eval()
        self.examine()
        return self._nothing_read(n)

    def _nothing_read(self, n: int) -> Read:
        length = 0 if self._start_symbol is None else 1
        return Read(torch.full((n, length), self._start_symbol or 0, device=self.device))

    def step(self, symbols: Tensor | None, state: Read) -> tuple[Tensor, Read]:
        """Read a symbol of each document; the next one's log-probabilities, shape (n, K), and the new state."""
        codes = state.codes
        if symbols is not None:
            codes = torch.cat([codes, symbols.to(self.device, torch.int64)[:, None]], dim=1)
            codes = codes if self.horizon is None else codes[:, -self.horizon :]
        if not codes.shape[1]:
            return self._law_of_first(len(codes)), Read(codes)
        found = self._called(codes)
        return torch.log_softmax(found if found.ndim == 2 else found[:, -1], dim=-1).float(), Read(codes)

    def log_probs(self, codes: Tensor) -> Tensor:
        """Log-probabilities of every symbol given those before it, shape (n, length, alphabet_size).

        One call of the function if it gives the laws of all positions and the documents fit into its horizon; otherwise
        one for each position.
        """
        if not self.training:
            self.eval()  # the network too, if it was trained by itself
            self.examine()
        return self.forward(codes)

    def forward(self, codes: Tensor) -> Tensor:
        """As `log_probs`, for training: with dropout, if the network has some and is in training."""
        codes = checked_codes(self, codes)
        read = torch.cat([self._nothing_read(len(codes)).codes, codes[:, :-1]], dim=1)
        if read.shape[1] and (self.horizon is None or read.shape[1] <= self.horizon):
            found = self._called(read)
            if found.ndim == 3:
                laws_after = torch.log_softmax(found, dim=-1).float()
                if self._start_symbol is not None:
                    return laws_after
                return torch.cat([self._law_of_first(len(codes))[:, None], laws_after], dim=1)
        return self._step_by_step(codes)

    def _step_by_step(self, codes: Tensor) -> Tensor:
        state, before, found = self._nothing_read(len(codes)), None, []
        for symbols in codes.T:
            log_probs, state = self.step(before, state)
            found.append(log_probs)
            before = symbols
        return torch.stack(found, dim=1) if found else codes.new_zeros(*codes.shape, self.alphabet_size).float()

    def _law_of_first(self, n: int) -> Tensor:
        return self._first.to(self.device).expand(n, -1)

    def _called(self, codes: Tensor) -> Tensor:
        """What the function returns, shape (n, K) or (n, t, K), or an error that says what is wrong with it."""
        found = self.function(codes)
        if not isinstance(found, Tensor | np.ndarray):
            raise InputError(f"{self.label} must return a tensor or an array, not {type(found).__name__}")
        found = torch.as_tensor(found).to(self.device)
        n, t, size = *codes.shape, self.alphabet_size
        if tuple(found.shape) not in ((n, t, size), (n, size)):
            raise InputError(
                f"{self.label} returned the shape {tuple(found.shape)} for codes of the shape {(n, t)}; with "
                f"alphabet_size {size} it must return {(n, t, size)}, or {(n, size)} for the last position only"
            )
        if not found.dtype.is_floating_point:
            raise InputError(f"{self.label} must return floating-point numbers, not {found.dtype}")
        found = found if found.dtype == torch.float64 else found.float()
        # -inf says that a symbol cannot come; a law that is -inf everywhere is none.
        if not bool((found.amax(dim=-1).isfinite() & ~found.isnan().any(dim=-1)).all()):
            raise InputError(f"{self.label} returned numbers that are not finite (nan or inf)")
        return found

    def _check_logarithms(self) -> None:
        """Refuse plain probabilities."""
        length = min(_TRIED, self.horizon or _TRIED)
        codes = torch.arange(4 * length, device=self.device).reshape(4, length) % self.alphabet_size
        found = self._called(codes)
        if bool((found >= 0).all() and ((found.sum(dim=-1) - 1).abs() < _NO_SUM).all()):
            raise InputError(f"{self.label} returned probabilities, which sum to 1; it must return their logarithms")


def _checked_law(first: Any, size: int) -> Tensor:
    """Logarithms of the first symbol's law, float32, shape (size,)."""
    if first is None:
        return torch.full((size,), 1 / size).log()
    given = numbers(first.tolist() if isinstance(first, Tensor) else first, "first")
    if given.shape != (size,):
        raise InputError(f"first must hold {size} probabilities, one for each symbol; its shape is {given.shape}")
    return torch.from_numpy(laws(given[None], "first")[0]).log().float()
