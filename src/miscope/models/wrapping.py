"""Functions and networks of other people as models: `wrap`, and the adapter behind `pretrained`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from miscope.errors import FormatError, InputError
from miscope.models.base import checked_codes, device_of
from miscope.processes.checking import checked_alphabet, laws, numbers, whole_number

__all__ = ["CachedState", "HuggingFaceModel", "Read", "WrappedFunction", "wrap"]

_LOOKED_AT = 32  # symbols for which it is checked that a function does not look ahead
_NO_SUM = 1e-3  # by how much probabilities may miss a sum of 1
_ROUNDING = 1e-5  # share of the largest number by which results may change with what is computed beside them


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
        evaluation mode.
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
        If an argument is not what it should be; on first use, if the function returns something else than it should, or
        looks ahead.

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


class WrappedFunction:
    """A model that asks a function; made by `wrap`, which checks the arguments.

    Attributes
    ----------
    alphabet_size, horizon, alphabet, label, device
        As for `wrap`.
    longest
        Symbols in the longest document that can be read; None where there is no limit.
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
        self.function, self.alphabet_size, self.horizon = function, alphabet_size, horizon
        self.alphabet, self.label, self.device = alphabet, label, device
        self.longest = None if any_length else horizon
        self._first, self._start_symbol = first, start_symbol
        self._known_as_causal = False
        self._known_as_logarithms = False

    def __repr__(self) -> str:
        reach = "no horizon" if self.horizon is None else f"horizon {self.horizon:,}"
        return f"WrappedFunction({self.label}: {self.alphabet_size:,} symbols, {reach})"

    def start(self, n: int) -> Read:
        """The state of n documents of which nothing has been read."""
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
        codes = checked_codes(self, codes)
        read = torch.cat([self.start(len(codes)).codes, codes[:, :-1]], dim=1)
        if read.shape[1] and (self.horizon is None or read.shape[1] <= self.horizon):
            found = self._called(read)
            if found.ndim == 3:
                self._check_causal(read)
                laws_after = torch.log_softmax(found, dim=-1).float()
                if self._start_symbol is not None:
                    return laws_after
                return torch.cat([self._law_of_first(len(codes))[:, None], laws_after], dim=1)
        return self._step_by_step(codes)

    def _step_by_step(self, codes: Tensor) -> Tensor:
        state, before, found = self.start(len(codes)), None, []
        for symbols in codes.T:
            log_probs, state = self.step(before, state)
            found.append(log_probs)
            before = symbols
        return torch.stack(found, dim=1) if found else codes.new_zeros(*codes.shape, self.alphabet_size).float()

    def _law_of_first(self, n: int) -> Tensor:
        return self._first.to(self.device).expand(n, -1)

    def _called(self, codes: Tensor) -> Tensor:
        """What the function returns, shape (n, K) or (n, t, K), or an error that says what is wrong with it."""
        if isinstance(self.function, nn.Module) and self.function.training:
            self.function.eval()
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
        self._check_logarithms(found)
        return found

    def _check_logarithms(self, found: Tensor) -> None:
        if self._known_as_logarithms:
            return
        if bool((found >= 0).all() and ((found.sum(dim=-1) - 1).abs() < _NO_SUM).all()):
            raise InputError(f"{self.label} returned probabilities, which sum to 1; it must return their logarithms")
        self._known_as_logarithms = True

    def _check_causal(self, read: Tensor) -> None:
        if self._known_as_causal or read.shape[1] < 2:
            return
        few = read[:4, :_LOOKED_AT]
        if looks_ahead(self._called, few, (few + 1) % self.alphabet_size):
            raise InputError(
                f"{self.label} looks ahead, or is random: what it returns for a position changes when the symbols "
                "behind that position do; mask them, or return the law of the last position only, shape "
                f"(n, {self.alphabet_size})"
            )
        self._known_as_causal = True


@dataclass(frozen=True)
class CachedState:
    """What a network of transformers has read: of n documents `length` symbols each, the start token among them.

    `cache` is the library's own memory of them; where a network has none, their codes, int64 of shape (n, length).
    """

    n: int
    length: int
    cache: Any


class HuggingFaceModel(nn.Module):
    """A causal language model of transformers; made by `pretrained` and `from_config`.

    Documents begin behind a start token. Every token is a symbol, those that mark starts and ends too: text that is
    drawn goes on behind them. Codes that the network has beyond its tokenizer's (many are padded to a round number) are
    never drawn; the probabilities of the others are divided by their sum.

    Attributes
    ----------
    network
        The library's own model, in evaluation mode.
    alphabet_size, alphabet
        Number of tokens, and the tokens as the tokenizer spells them; None without a tokenizer.
    horizon, longest
        The longest document that the network can read, by its configuration; None where that names no length.

    Notes
    -----
    Symbols are read one by one with the library's own cache of keys and values, or state. Where a network has none, or
    one that does not give the same as reading the whole, everything is read again for each symbol, which is slow.
    """

    def __init__(
        self, network: nn.Module, start: int, alphabet: tuple[str, ...] | None, longest: int | None, label: str
    ) -> None:
        super().__init__()
        self.network, self.label, self.horizon, self.longest = network.eval(), label, longest, longest
        self._start = start
        known = inspect.signature(network.forward).parameters
        self._cache = next((name for name in ("past_key_values", "cache_params", "state") if name in known), None)
        self._whole: dict[str, Any] = {"use_cache": False} if "use_cache" in known else {}
        with torch.no_grad():
            width = int(network(input_ids=self._first(1)[:, None], **self._whole).logits.shape[-1])
            self.alphabet_size = width if alphabet is None else min(width, len(alphabet))
            self.alphabet = None if alphabet is None else alphabet[: self.alphabet_size]
            self._examine()

    def __repr__(self) -> str:
        n_parameters = sum(parameter.numel() for parameter in self.parameters())
        reach = "no horizon" if self.horizon is None else f"horizon {self.horizon:,}"
        return f"HuggingFaceModel({self.label}: {self.alphabet_size:,} symbols, {n_parameters:,} parameters, {reach})"

    def start(self, n: int) -> CachedState:
        """The state of n documents of which nothing has been read."""
        return CachedState(n, 0, None)

    def step(self, symbols: Tensor | None, state: CachedState) -> tuple[Tensor, CachedState]:
        """Read a symbol of each document; the next one's log-probabilities, shape (n, K), and the new state."""
        if self.longest is not None and state.length >= self.longest:
            raise InputError(f"{self.label} can read no more than {self.longest:,} symbols, and has read them")
        codes = (self._first(state.n) if symbols is None else symbols.to(device_of(self), torch.int64))[:, None]
        if self._cache is None:
            cache = codes if state.cache is None else torch.cat([state.cache, codes], dim=1)
            logits = self.network(input_ids=cache, **self._whole).logits
        else:
            given = {} if state.cache is None else {self._cache: state.cache}
            output = self.network(input_ids=codes, use_cache=True, **given)
            logits, cache = output.logits, getattr(output, self._cache)
        return self._laws(logits[:, -1]), CachedState(state.n, state.length + 1, cache)

    def log_probs(self, codes: Tensor) -> Tensor:
        """Log-probabilities of every symbol given those before it, shape (n, length, alphabet_size)."""
        codes = checked_codes(self, codes)
        if not codes.numel():
            return torch.zeros(*codes.shape, self.alphabet_size, device=codes.device)
        return self._laws_behind(torch.cat([self._first(len(codes))[:, None], codes[:, :-1]], dim=1))

    def _laws_behind(self, read: Tensor) -> Tensor:
        return self._laws(self.network(input_ids=read, **self._whole).logits)

    def _laws(self, logits: Tensor) -> Tensor:
        return torch.log_softmax(logits[..., : self.alphabet_size].float(), dim=-1)

    def _first(self, n: int) -> Tensor:
        """Start tokens of n documents, int64 of shape (n,)."""
        return torch.full((n,), self._start, device=device_of(self))

    def _examine(self) -> None:
        """Look at the laws behind a few symbols: whether they are laws, look ahead, and are the same read by steps."""
        exact = next(self.network.parameters()).dtype in (torch.float32, torch.float64)
        rounding, length = _ROUNDING if exact else 1e-2, min(8, self.longest or 8)
        read = torch.arange(2 * length, device=device_of(self)).reshape(2, length) % self.alphabet_size
        found = self._laws_behind(read)
        if not bool(found.isfinite().all()):
            raise FormatError(f"{self.label} gives numbers that are not finite: its weights are damaged")
        if length > 1 and looks_ahead(self._laws_behind, read, (read + 1) % self.alphabet_size, rounding):
            raise InputError(
                f"{self.label} looks ahead: the law of a symbol changes with the symbols behind it, so that it is no "
                "causal language model"
            )
        near = 10 * rounding * float(found.abs().max())  # more than above: sums are taken in another order
        state = self.start(2)
        for t in range(length if self._cache else 0):
            log_probs, state = self.step(read[:, t], state)
            if state.cache is None or float((log_probs - found[:, t]).abs().max()) > near:
                self._cache = None
                return


def looks_ahead(
    function: Callable[[Tensor], Tensor], codes: Tensor, others: Tensor, rounding: float = _ROUNDING
) -> bool:
    """Whether what a function gives for the first half of positions changes when the codes of the second half do."""
    half = codes.shape[1] // 2
    with torch.no_grad():
        first = function(codes)[:, :half]
        second = function(torch.cat([codes[:, :half], others[:, half:]], dim=1))[:, :half]
    scale = float(first[first.isfinite()].abs().max())
    return not torch.allclose(first, second, rtol=0.0, atol=rounding * scale)


def _checked_law(first: Any, size: int) -> Tensor:
    """Logarithms of the first symbol's law, float32, shape (size,)."""
    if first is None:
        return torch.full((size,), 1 / size).log()
    given = numbers(first.tolist() if isinstance(first, Tensor) else first, "first")
    if given.shape != (size,):
        raise InputError(f"first must hold {size} probabilities, one for each symbol; its shape is {given.shape}")
    return torch.from_numpy(laws(given[None], "first")[0]).log().float()
