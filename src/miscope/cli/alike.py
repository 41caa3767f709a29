"""Several readings that belong together: held-out data, and parts of a corpus, in the symbols of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miscope.cli.files import Reading, as_spelt, check_cut, read_files, without_classes
from miscope.errors import InputError

if TYPE_CHECKING:
    from miscope.sequences import Sequences, Series

__all__ = ["cut_alike", "read_alike", "read_parts"]


def read_alike(files: list[str], options: Reading, like: Any, quiet: bool) -> Sequences | Series:
    """Read files as others were read: cut into symbols, and merged into classes, where these were.

    Parameters
    ----------
    like
        The others, read with the same options.
    """
    from miscope.sequences import Sequences

    provenance = like.provenance
    if isinstance(like, Sequences) and "quantised" in provenance:
        found = read_files(files, _before_cutting(options), None, quiet)
        return found if isinstance(found, Sequences) else cut_alike(found, like)
    if "classes" in options and isinstance(like, Sequences):
        from miscope.sequences.merging import Merging

        plain = without_classes(options)
        found = read_files(files, plain, None, quiet)
        if isinstance(found, Sequences):
            with as_spelt():
                return Merging.parse(options["classes"], options.get("other")).apply(found, like)
    return read_files(files, options, None, quiet)


def read_parts(files: list[str], options: Reading, quiet: bool) -> list[Sequences]:
    """Read each file as a part of one corpus: numbers are cut, and symbols merged, in all of them alike."""
    from miscope.sequences import Sequences
    from miscope.sequences.together import apart

    plain = without_classes(_before_cutting(options))
    parts = [read_files([name], plain, None, quiet) for name in files]
    numbers = [not isinstance(part, Sequences) for part in parts]
    if any(numbers) and not all(numbers):
        mixed = [files[numbers.index(True)], files[numbers.index(False)]]
        raise InputError(f"{mixed[0]} holds real numbers, and {mixed[1]} symbols: parts of a corpus are of one kind")
    if not any(numbers) and "classes" not in options:
        return [part for part in parts if isinstance(part, Sequences)]
    joint = _cut(parts, options) if all(numbers) else _merged(parts, options)
    return apart(joint, parts)


def _cut(parts: list[Any], options: Reading) -> Sequences:
    """All real numbers as symbols, cut where all of them together are to be cut."""
    from miscope.sequences.numbers import Conversion, to_symbols
    from miscope.sequences.together import joined

    if "classes" in options:
        raise InputError("--classes is for symbols, and these are real numbers: --as quantiles:4 makes classes of them")
    joint = joined(parts)
    if "as_" not in options:
        check_cut(joint, None)
    asked = Conversion.parse(options.get("as_", "quantiles"))
    behind = asked.text.partition(":")[2] if asked.change else asked.text
    with as_spelt():
        return to_symbols(joint, "quantiles" if asked.cut == "numbers" else behind)


def _merged(parts: list[Any], options: Reading) -> Sequences:
    from miscope.sequences import Sequences
    from miscope.sequences.merging import Merging

    with as_spelt():
        return Merging.parse(options["classes"], options.get("other")).apply(Sequences.concatenate(parts))


def _before_cutting(options: Reading) -> Reading:
    """The same options with real numbers left as they are, or as the returns of them."""
    from miscope.sequences.numbers import Conversion

    if "as_" not in options:
        return options
    with as_spelt():
        asked = Conversion.parse(options["as_"])
    if not asked.needs_numbers:
        return options
    return {**options, "as_": "numbers" if asked.change is None else asked.text.partition(":")[0]}


def cut_alike(series: Series, like: Sequences) -> Sequences:
    """Real numbers cut into symbols at the same places as others were, after what was done to these before.

    Parameters
    ----------
    series
        The numbers: as they are, or as the returns or changes that were taken of the others.
    like
        The others, whose provenance says how they were cut.

    Raises
    ------
    InputError
        The numbers are not of the same kind as the others were when they were cut.
    """
    import numpy as np

    from miscope.sequences import Sequences
    from miscope.sequences.numbers import Conversion
    from miscope.sequences.prices import returns

    cut = like.provenance["quantised"]
    change, own = (Conversion.parse(data.provenance.get("converted", "numbers")).change for data in (like, series))
    if own is None and change is not None:
        series = returns(series, change)
    elif own != change:
        kinds = {None: "the numbers themselves", "log": "log returns", "change": "changes"}
        raise InputError(f"the data were cut as {kinds[change]}, and these are {kinds[own]}: read both in the same way")
    values = series.values
    if cut.get("of") == "absolute values":
        values = np.abs(values)
    elif "of" in cut:
        raise InputError(f"the data were cut by their {cut['of']}, which cannot be had of other numbers")
    codes = np.searchsorted(cut["edges"], values, side="right").astype(like.codes.dtype)
    provenance = {**series.provenance, "quantised": cut}
    return Sequences(codes, series.offsets, like.alphabet_size, like.alphabet, provenance)
