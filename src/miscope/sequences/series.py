"""`Series`: documents of real numbers, and how they become symbols."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from miscope.errors import InputError
from miscope.sequences.codes import code_dtype, offsets_of
from miscope.sequences.container import Sequences
from miscope.sequences.documents import numbers_of, provenance_of
from miscope.sequences.missing import note_on_constants, rule_of_arrays
from miscope.sequences.notes import noted

__all__ = ["Series"]


@dataclass(frozen=True, eq=False, repr=False)
class Series:
    """Documents of real numbers: all values in one array, one document behind the other.

    Examples
    --------
    >>> import numpy as np
    >>> from miscope.sequences import Series
    >>> returns = Series.from_arrays([np.array([0.1, -0.3, 0.2, 0.5]), np.array([-0.2, 0.4])], label="returns")
    >>> returns
    Series(6 values in 2 documents: returns)
    >>> returns.quantise(2).codes
    array([0, 0, 1, 1, 0, 1], dtype=uint8)

    Parameters
    ----------
    values
        float64 of shape (n_values,), or (n_values, n_channels) where each moment has several numbers.
    offsets
        int64 of shape (n_documents + 1,): document d is ``values[offsets[d]:offsets[d + 1]]``.
    provenance
        Where the values come from, JSON-able; its ``"label"`` is shown in the repr.
    """

    values: npt.NDArray[np.float64]
    offsets: npt.NDArray[np.int64]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values.dtype != np.float64 or self.values.ndim not in (1, 2):
            raise InputError(
                f"values must be float64 of one or two dimensions, not {self.values.ndim}-D {self.values.dtype}"
            )
        if self.offsets.dtype != np.int64 or self.offsets.ndim != 1 or len(self.offsets) == 0:
            raise InputError("offsets must be 1-D int64, one more than there are documents")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.values) or (np.diff(self.offsets) < 0).any():
            raise InputError(f"offsets must ascend from 0 to the number of values, {len(self.values)}")

    @classmethod
    def from_arrays(cls, data: Any, label: str | None = None, missing_values: Any = None) -> Series:
        """Make a series of what is in memory.

        Parameters
        ----------
        data
            Numbers, 1-D: one document; 2-D: one document a row (a single column is one document); 3-D: documents,
            moments, channels; a list of 1-D or 2-D (moments, channels) arrays: one document each. Arrays of any
            library, as for `Sequences.from_arrays`; where something is masked or marked as missing, a new document
            begins.
        label
            What to call the data in results.
        missing_values
            What stands for a missing value besides: a number, or several, such as ``[-9999, numpy.nan]``. A new
            document begins behind it.

        Raises
        ------
        InputError
            The data are empty, hold what is no finite number, or documents have different numbers of channels.

        Warns
        -----
        MiscopeWarning
            A constant repeats far outside all other numbers, and is not named as missing.
        """
        found = numbers_of(data, rule_of_arrays(None, missing_values))
        documents = found.parts
        if len({document.shape[1:] for document in documents}) > 1:
            raise InputError("the documents have different numbers of channels")
        if not sum(document.size for document in documents):
            raise InputError("the data are empty: there is not one value in them")
        values = np.concatenate(documents) if len(documents) > 1 else np.ascontiguousarray(documents[0])
        bad = ~np.isfinite(values)
        if bad.any():
            at = int(np.argmax(bad.reshape(len(values), -1).any(axis=1)))
            raise found.rule.not_finite(at, values[at])
        offsets = offsets_of(np.array([len(document) for document in documents], np.int64))
        channels = values.reshape(len(values), -1).T
        notes = [note for channel in channels for note in note_on_constants(channel, "the data", rule=found.rule)]
        return cls(values, offsets, noted(provenance_of(found, label), notes))

    @property
    def n_values(self) -> int:
        """Number of moments in all documents."""
        return len(self.values)

    @property
    def n_channels(self) -> int:
        """Numbers at each moment."""
        return 1 if self.values.ndim == 1 else self.values.shape[1]

    @property
    def n_documents(self) -> int:
        """Number of documents."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of moments in each document."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return self.n_documents

    def __getitem__(self, document: int) -> npt.NDArray[np.float64]:
        """Return the values of one document, a view."""
        if not -len(self) <= document < len(self):
            raise IndexError(f"document {document} of {len(self)}")
        document %= len(self)
        return self.values[self.offsets[document] : self.offsets[document + 1]]

    def __repr__(self) -> str:
        label = self.provenance.get("label")
        channels = f" of {self.n_channels} channels" if self.n_channels > 1 else ""
        documents = "1 document" if self.n_documents == 1 else f"{self.n_documents:,} documents"
        return f"Series({self.n_values:,} values{channels} in {documents}{f': {label}' if label else ''})"

    def channel(self, index: int) -> Series:
        """One channel by itself."""
        if isinstance(index, bool) or not isinstance(index, int | np.integer) or not 0 <= index < self.n_channels:
            raise InputError(f"there is no channel {index!r}: they are 0 to {self.n_channels - 1}")
        if self.values.ndim == 1:
            return self
        return dataclasses.replace(self, values=np.ascontiguousarray(self.values[:, index]))

    def quantise(self, n_symbols: int = 4) -> Sequences:
        """Cut the values at their quantiles into symbols of equal frequency, 0 for the smallest.

        Parameters
        ----------
        n_symbols
            From 2 to 65,536. Where values are tied, or fewer than this, there may come out fewer symbols.

        Returns
        -------
        Sequences
            Its provenance says ``"quantised"``: how many symbols, and the edges between them, each the smallest value
            of the symbol above it.

        Raises
        ------
        InputError
            For several channels, or values that are all the same.
        """
        if isinstance(n_symbols, bool) or not isinstance(n_symbols, int | np.integer) or not 2 <= n_symbols <= 1 << 16:
            raise InputError(f"the number of symbols must be a whole number from 2 to 65536, not {n_symbols!r}")
        if self.n_channels > 1:
            raise InputError(
                f"values of {self.n_channels} channels have no quantiles: take one, with channel(0), or measure with "
                'estimator="gaussian"'
            )
        values = self.values.reshape(-1)
        # Edges that are values themselves: then no symbol is without values, whatever ties there are. Their ranks are
        # j (n - 1) / n_symbols, rounded up.
        ranks = np.unique(-(np.arange(1, n_symbols) * (1 - len(values)) // n_symbols))
        edges = np.unique(np.partition(values, ranks)[ranks])
        edges = edges[edges > values.min()]
        if len(edges) == 0:
            raise InputError("the values cannot be cut at their quantiles: (nearly) all of them are the same")
        codes = np.searchsorted(edges, values, side="right").astype(code_dtype(len(edges) + 1))
        quantised = {"symbols": len(edges) + 1, "asked_for": int(n_symbols), "edges": edges.tolist()}
        return Sequences(codes, self.offsets, len(edges) + 1, None, {**self.provenance, "quantised": quantised})
