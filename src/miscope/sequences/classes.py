"""Classes of symbols: how alphabets that are too large for tables of pairs become small ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from miscope.errors import InputError
from miscope.sequences import reshaping

if TYPE_CHECKING:
    from miscope.sequences.container import Sequences

__all__ = ["SymbolClasses", "by_frequency", "by_map"]

Alphabet = tuple[str | int, ...]


@dataclass(frozen=True, eq=False, repr=False)
class SymbolClasses:
    """The class of each symbol.

    Mutual information between the classes of two symbols is at most that between the symbols themselves: a curve of
    classes is a lower bound (the data processing inequality).

    Parameters
    ----------
    codes
        int64, shape (alphabet_size,): the class of each symbol, 0 to n_classes - 1.
    names
        The name of each class, all different. Every class has a symbol.
    alphabet
        The symbols, where they are known: sequences of other symbols are then refused.

    Raises
    ------
    InputError
        If a class has no symbol, or a code no class.

    Examples
    --------
    >>> from miscope.sequences import Sequences
    >>> classes = SymbolClasses(codes=[0, 1, 1, 0, 1], names=("vowel", "consonant"), alphabet=tuple("abcef"))
    >>> classes
    SymbolClasses(5 symbols in 2 classes: vowel, consonant)
    >>> classes.apply(Sequences.from_arrays(["cafe"], alphabet="abcef")).decode(0)
    ['consonant', 'vowel', 'consonant', 'vowel']

    References
    ----------
    Cover and Thomas, Elements of Information Theory (2006), theorem 2.8.1.
    """

    codes: npt.NDArray[np.int64]
    names: Alphabet
    alphabet: Alphabet | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "codes", _checked_codes(self.codes, self.names))
        if self.alphabet is not None:
            object.__setattr__(self, "alphabet", tuple(self.alphabet))
            if len(self.alphabet) != len(self.codes):
                raise InputError(f"alphabet has {len(self.alphabet)} symbols, and codes are of {len(self.codes)}")

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.names)

    def __repr__(self) -> str:
        few = ", ".join(map(str, self.names[:6])) + (", …" if self.n_classes > 6 else "")
        return f"SymbolClasses({len(self.codes):,} symbols in {self.n_classes} classes: {few})"

    def apply(self, sequences: Sequences) -> Sequences:
        """The same documents, each symbol replaced by its class.

        Raises
        ------
        InputError
            If the sequences are of other symbols than the classes.
        """
        if sequences.alphabet_size != len(self.codes):
            raise InputError(
                f"the classes are of {len(self.codes):,} symbols, and the sequences have {sequences.alphabet_size:,}: "
                "make classes of the sequences' own"
            )
        if None not in (self.alphabet, sequences.alphabet) and self.alphabet != sequences.alphabet:
            raise InputError(
                "the sequences have other symbols than the classes, or the same in another order: make classes of the "
                "sequences' own alphabet"
            )
        return dataclasses.replace(sequences.map_symbols(self.codes), alphabet=self.names)

    def sum(self, probabilities: Any) -> Any:
        """Probabilities of classes.

        Parameters
        ----------
        probabilities
            A tensor of torch's: of symbols, shape (..., alphabet_size).

        Returns
        -------
        Tensor
            float32, shape (..., n_classes).
        """
        if probabilities.shape[-1:] != (len(self.codes),):
            raise InputError(
                f"the last axis must be the {len(self.codes):,} symbols; the shape is {tuple(probabilities.shape)}"
            )
        rows = probabilities.reshape(-1, len(self.codes))  # by its own methods: this room does without torch
        codes = rows.float().new_tensor(self.codes).long()
        if rows.device.type == "cpu":
            # In double precision, since a class of many rare symbols adds up small numbers one after the other.
            summed = rows.double().new_zeros(len(rows), self.n_classes).index_add_(1, codes, rows.double())
        else:
            # On accelerators index_add adds in no fixed order, and slowly where one class has nearly all symbols.
            one_hot = rows.float().new_zeros(len(codes), self.n_classes).scatter_(1, codes[:, None], 1.0)
            summed = rows.float() @ one_hot
        return summed.float().reshape(*probabilities.shape[:-1], self.n_classes)


def by_frequency(sequences_or_counts: Sequences | npt.ArrayLike, n: int) -> SymbolClasses:
    """The n - 1 most frequent symbols, each a class of its own, and one class of all others.

    Examples
    --------
    >>> from miscope.sequences import Sequences
    >>> classes = by_frequency(Sequences.from_arrays("to be or not to be"), 4)
    >>> classes.names
    (' ', 'o', 't', 'other')
    >>> by_frequency([5, 0, 9, 5], 3).codes
    array([1, 2, 0, 2])

    Parameters
    ----------
    sequences_or_counts
        Data, or how often each symbol was seen, shape (alphabet_size,).
    n
        Number of classes, 2 to the number of symbols.

    Returns
    -------
    SymbolClasses
        The most frequent first (of equally frequent ones that of the lower code), ``"other"`` last. Symbols are called
        by their codes where there is no alphabet.
    """
    given: Any = sequences_or_counts
    alphabet = getattr(given, "alphabet", None)
    counts = given.histogram() if hasattr(given, "histogram") else np.asarray(given)
    if counts.ndim != 1 or counts.dtype.kind not in "iuf" or not (np.isfinite(counts) & (counts >= 0)).all():
        raise InputError("counts must be numbers of at least 0, one for each symbol, or pass Sequences")
    _check_number(n, max(len(counts), 2))
    first = np.argsort(-counts.astype(np.float64), kind="stable")[: n - 1]
    codes = np.full(len(counts), n - 1)
    codes[first] = np.arange(n - 1)
    names = [int(code) if alphabet is None else alphabet[code] for code in first]
    return SymbolClasses(codes, (*names, _unused("other", names)), alphabet)


def by_map(
    model_or_alphabet: Any,
    mapping: Mapping[Any, str | int] | Callable[[Any], str | int],
    other: str | int | None = None,
) -> SymbolClasses:
    """Classes that a person has chosen.

    Examples
    --------
    >>> by_map("abcde", {"a": "vowel", "e": "vowel"}, other="consonant")
    SymbolClasses(5 symbols in 2 classes: consonant, vowel)
    >>> by_map("ab.c!", str.isalpha).names
    (0, 1)

    Parameters
    ----------
    model_or_alphabet
        Anything with an alphabet, such as a model or `Sequences`, or the symbols themselves. A model without alphabet
        has the symbols 0 to alphabet_size - 1.
    mapping
        The name of each symbol's class: a mapping, or a function. Names are str or int.
    other
        The class of all symbols that a mapping does not name.

    Returns
    -------
    SymbolClasses
        In the order of their names.

    Raises
    ------
    InputError
        A symbol has no class, or a class is neither str nor int.
    """
    if not callable(mapping) and not isinstance(mapping, Mapping):
        raise InputError(f"mapping must be a mapping of symbols to names, or a function, not {_shortened(mapping)}")
    symbols, named = _symbols_of(model_or_alphabet)
    codes, _, names = reshaping.map_symbols(np.arange(len(symbols), dtype=np.uint32), symbols, mapping, other)
    return SymbolClasses(codes.astype(np.int64), names or (), symbols if named else None)


def _symbols_of(given: Any) -> tuple[Alphabet, bool]:
    """The symbols of a model, of sequences or of an alphabet, and whether they are more than codes."""
    if hasattr(given, "alphabet_size"):
        alphabet = getattr(given, "alphabet", None)
        return tuple(range(given.alphabet_size)) if alphabet is None else tuple(alphabet), alphabet is not None
    if not isinstance(given, Sequence):
        raise InputError(f"classes need a model, Sequences, or a list of symbols; not {_shortened(given)}")
    return tuple(given), True


def _checked_codes(codes: Any, names: Alphabet) -> npt.NDArray[np.int64]:
    """Codes of classes as int64, or an error that says what is wrong with them or with the names."""
    given = np.asarray(codes)
    if len(names) < 2 or len(set(names)) != len(names) or not all(isinstance(name, str | int) for name in names):
        raise InputError(f"names must be two or more, all different, str or int; not {_shortened(names)}")
    if given.ndim != 1 or given.dtype.kind not in "iu" or not len(given):
        raise InputError("codes must be whole numbers, the class of each symbol, shape (alphabet_size,)")
    if not 0 <= int(given.min()) <= int(given.max()) < len(names):
        raise InputError(f"codes of classes must be 0 to {len(names) - 1}, as there are {len(names)} names")
    empty = np.flatnonzero(np.bincount(given.astype(np.int64), minlength=len(names)) == 0)
    if len(empty):
        raise InputError(f"class {names[empty[0]]!r} has no symbol; leave its name out")
    return given.astype(np.int64)


def _check_number(n: Any, most: int) -> None:
    whole = isinstance(n, int | np.integer) and not isinstance(n, bool)
    if not whole or n < 2:
        raise InputError(f"n must be a whole number of at least 2, not {_shortened(n)}")
    if n > most:
        raise InputError(f"n must be a whole number of at most {most}, not {n}: there are no more symbols to merge")


def _unused(name: str, names: list[str | int]) -> str:
    """The name, with a line on each side until it is not one of those that are taken."""
    while name in names:
        name = f"_{name}_"
    return name


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
