"""uniformity(): whether the parts of a corpus are alike, in what they are not, by how much, and who is responsible."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miscope.counting.counted import Progress, Steps
from miscope.counting.lags import Lags, parse_lags
from miscope.curve import MICurve, measure
from miscope.decay import Comparison, DecayFit, fit
from miscope.errors import InputError
from miscope.probing import effects, saying
from miscope.probing.effects import Distance
from miscope.probing.influence import Influence, influences
from miscope.probing.permutation import Composition, answers, composition_of, merged, neighbours_alike
from miscope.probing.splits import Units, as_parts, cut_units, symbol_words
from miscope.processes.checking import number_between, whole_number
from miscope.sequences import Sequences

__all__ = ["Uniformity", "uniformity"]

Floats = NDArray[np.float64]

_ALIKE = 0.01  # p-value from which neighbouring units are taken for more alike than distant ones
_ENOUGH_UNITS = 16  # of the smallest part, for its units to be doubled in size
_OF_A_CURVE, _OF_A_FIT, _OF_INFLUENCES = 20, 20, 5  # steps; a step is a lag at which units change places


@dataclass(frozen=True, eq=False)
class Uniformity:
    """Whether parts of a corpus are alike.

    Attributes
    ----------
    names, n_symbols, n_documents
        Of the parts.
    exchangeable
        What was taken to change places between parts under the hypothesis that they are alike, in words.
    level
        The chance of calling parts not alike that are.
    p_value
        Of any difference; corrected for all that was looked at.
    p_composition, p_dependence, p_pattern
        Of the symbols' shares; of the strength of dependence, over all lags; and of its pattern (which symbols follow
        which), nan for two symbols. Corrected for there being three of them.
    lags
        int64, shape (n_lags,).
    lag_p, lag_pattern_p
        Of dependence at each lag, shape (n_lags,); corrected for the number of lags, and not for there being several
        questions.
    part_p
        Shape (2, n_parts): of composition and of strength of dependence, for each part against the rest; corrected for
        the number of parts (and lags).
    unigrams, unigrams_stderr
        Share of each symbol, shape (n_parts, alphabet_size), and its standard error from the scatter between units; nan
        for symbols that occur fewer than 8 times in all.
    distances
        How far the symbols of each part are from the rest.
    curves, whole
        Mutual information of each part, and of all of them together, with ``null="document"``.
    ratios, ratios_low, ratios_high
        Shape (n_parts, n_lags): sequential part of each curve over the others' mean, with 95 % intervals; nan where
        that mean is not known.
    fits
        Law of each curve's decay; None where there were too few lags.
    comparisons
        Pairs of parts whose curves follow the same simple law: their numbers, and the ratio of correlation lengths or
        exponents, each with an interval of its own. They follow from the curves' bars and do not count for `p_value`;
        the summary corrects them for the number of pairs (Bonferroni).
    shares, shares_stderr
        Shape (n_parts + 1, n_lags): how much of each curve beyond chance (and in the last row of all together) is only
        that documents differ in composition; nan where nothing is beyond chance, or there is but one document.
    influence
        Blocks, or documents, that make most of the differences.
    n_permutations, seed
        Of the tests.
    symbols
        The alphabet, as text.
    warnings
        What a reader has to know.
    """

    names: tuple[str, ...]
    n_symbols: tuple[int, ...]
    n_documents: tuple[int, ...]
    exchangeable: str
    level: float
    p_value: float
    p_composition: float
    p_dependence: float
    p_pattern: float
    lags: NDArray[np.int64]
    lag_p: Floats
    lag_pattern_p: Floats
    part_p: Floats
    unigrams: Floats
    unigrams_stderr: Floats
    distances: tuple[Distance, ...]
    curves: tuple[MICurve, ...]
    whole: MICurve
    ratios: Floats
    ratios_low: Floats
    ratios_high: Floats
    fits: tuple[DecayFit | None, ...]
    comparisons: tuple[tuple[int, int, Comparison], ...]
    shares: Floats
    shares_stderr: Floats
    influence: tuple[Influence, ...]
    n_permutations: int
    seed: int
    symbols: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def alike(self) -> bool:
        """Whether no difference was found."""
        return self.p_value > self.level

    @property
    def summary(self) -> str:
        """What was found, in a few plain sentences."""
        return saying.summary(self)

    def to_table(self) -> Any:
        """A pyarrow table with one row a part and lag.

        Each value ``mi`` is the sum of ``chance``, ``composition`` (that documents differ) and ``sequential`` (the
        order of symbols); ``excess`` is the last of them.
        """
        import pyarrow as pa

        columns: dict[str, Any] = {
            "part": np.repeat(self.names, len(self.lags)),
            "lag": np.tile(self.lags, len(self.names)),
        }
        for name in ("mi", "stderr", "null", "excess", "excess_stderr"):
            columns[name] = np.concatenate([getattr(curve, name) for curve in self.curves])
        parts = [curve.split() for curve in self.curves]
        for name in ("chance", "composition", "sequential"):
            columns[name] = np.concatenate([getattr(part, name) for part in parts])
        columns |= {"ratio": self.ratios.ravel(), "ratio_low": self.ratios_low.ravel()}
        columns |= {"ratio_high": self.ratios_high.ravel(), "composition_share": self.shares[:-1].ravel()}
        columns |= {"p_lag": np.tile(self.lag_p, len(self.names))}
        return pa.table(columns)

    def to_dict(self) -> dict[str, Any]:
        """All of it, JSON-able; None stands for what is not known."""
        return saying.as_dict(self)

    def save(self, path: str | Path) -> None:
        """Write all of it as ``.json``, which `load` and `miscope.report` read."""
        from miscope.probing import comparison_files

        comparison_files.save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Uniformity:
        """Read what `save` wrote.

        Raises
        ------
        FormatError
            If the file is truncated, damaged, something else, or of another version.
        """
        from miscope.probing import comparison_files

        return comparison_files.load(path)

    def __repr__(self) -> str:
        verdict = "alike" if self.alike else "not alike"
        return f"Uniformity({verdict}, p = {self.p_value:.3g}: {', '.join(self.names)})"

    def __str__(self) -> str:
        return saying.report(self)


def uniformity(
    parts: Any,
    lags: Lags = None,
    *,
    names: Any = None,
    segments: int = 8,
    blocks: int = 32,
    n_permutations: int = 999,
    seed: int = 0,
    level: float = 0.025,
    progress: Progress | None = None,
) -> Uniformity:
    """Ask whether the parts of a corpus are alike: their symbols, and how these depend on one another.

    Parameters
    ----------
    parts
        Several parts (training, validation and test data): a list of `Sequences`, or a mapping of names to `Sequences`
        or to what else `measure` takes as data. Or one corpus, which is cut into segments. Real numbers become symbols
        at the quartiles of all parts together.
    lags
        As in `measure`; default: log-spaced, to a quarter of the longest document of the part where that is shortest.
    names
        Of the parts; default: their labels.
    segments
        How many segments one corpus is cut into, of whole documents where there are two for each.
    blocks
        Of the jackknife behind all bars, and how many pieces the smallest part is cut into where there are fewer than
        six documents in a part.
    n_permutations
        How often documents change places.
    seed
        Of the permutations.
    level
        The chance of calling parts different that are alike: over all questions, lags and parts together. The default
        is half the usual 5 %, since units are never quite exchangeable: parts that are alike are to be called alike in
        95 of 100 cases also where neighbouring documents resemble one another by less than can be seen.
    progress
        Called with steps done and steps in all.

    Returns
    -------
    Uniformity
        Printed, it says in plain words whether the parts are alike, and if not, in what and by how much.

    Raises
    ------
    InputError
        If the parts are empty, have nothing to compare, or are no data; or if a list holds arrays or strings, which may
        be parts, or documents of one corpus.

    Examples
    --------
    >>> import miscope as ms
    >>> from miscope.probing.uniformity import uniformity
    >>> fair, loaded = (ms.processes.Heterogeneous(compositions=[[p, 1 - p]]) for p in (0.5, 0.45))
    >>> train, test = fair.sample(100, 500, seed=1), fair.sample(40, 500, seed=2)
    >>> odd = loaded.sample(40, 500, seed=3)
    >>> found = uniformity({"train": train, "valid": odd, "test": test}, lags=[1, 2, 4, 8], n_permutations=199)
    >>> found.alike, found.p_composition < 0.05, found.p_dependence < 0.05
    (False, True, False)
    >>> round(found.distances[1].total_variation, 2)
    0.05

    Notes
    -----
    *Composition*: the scatter of the parts' shares of symbols over that of the units (documents, groups or pieces),
    each symbol over its own scatter between units.

    *Strength of dependence*: of each unit the connected table of its own composition,
    ``R = (P(a,b) - P(a) P(b)) / sqrt(P(a) P(b))``; of a part, the sum of squares of the mean of R, from products of
    different units: twice the mutual information where that is small, and not moved by composition. For two symbols it
    is their correlation. Alphabets of more than 64 symbols have their rarest ones taken together here.

    *Pattern of dependence*: R itself. It differs where compositions do, as a rule.

    All are calibrated by units changing places between parts, those of like size only where sizes differ much. If
    neighbouring units of a part are more alike than distant ones, they are no units: they are put together two by two
    until that is no longer seen or the smallest part has fewer than 16. Each question is put to all parts together and
    to each part against the rest, whichever stands out more. These and the lags are corrected for by the maximum over
    all of them, and the three questions by the smallest p-value (Westfall and Young), all from the same permutations,
    the observed order counted as one of them: p is a multiple of ``1 / (n_permutations + 1)``, never zero, and at most
    as often below `level` as that says.

    References
    ----------
    Westfall and Young, Resampling-Based Multiple Testing (1993); Shen 2019, arXiv:1905.04271 (non-uniformity of
    corpora).
    """
    blocks, seed = whole_number(blocks, "blocks", 2), whole_number(seed, "seed", 0)
    level = number_between(level, "level", 0.0, 1.0)
    n_permutations = whole_number(n_permutations, "n_permutations", int(np.ceil(1 / level)) - 1)
    segments = whole_number(segments, "segments", 2)
    made, called, origins = as_parts(parts, names, segments)
    units, composition, notes = exchangeable(made, called, origins, blocks, seed)
    chosen = _lags(lags, made, called)
    if lags is None and units.kind == "piece":
        chosen = chosen[: max(1, int(np.searchsorted(chosen, np.median(units.sizes) / 2, side="right")))]
    curves_and_fits = _OF_A_CURVE * (units.n_parts + 1) + _OF_A_FIT * units.n_parts
    step = Steps(progress, len(chosen) + curves_and_fits + _OF_INFLUENCES)
    found = answers(units, composition, chosen, n_permutations, seed, step)
    pattern = found.pattern
    measured, classed = merged(units)
    curves = tuple(_curve(measured.sequences(k), chosen, blocks, step) for k in range(units.n_parts))
    whole = _curve(dataclasses.replace(measured.corpus, provenance={"label": "all parts"}), chosen, blocks, step)
    fits = tuple(_fit(curve, step) for curve in curves)
    counts = tuple(int(np.count_nonzero(part.lengths)) for part in made)
    shares = [
        effects.composition_share(curve, n) for curve, n in zip((*curves, whole), (*counts, sum(counts)), strict=True)
    ]
    worst = int(chosen[int(np.argmin(found.strength.each))])
    responsible = influences(units, worst)
    step.finish()
    ratios = effects.strength_ratios(curves)
    every = range(units.corpus.alphabet_size)
    return Uniformity(
        names=called,
        n_symbols=tuple(part.n_symbols for part in made),
        n_documents=counts,
        exchangeable=units.words,
        level=level,
        p_value=found.overall,
        p_composition=float(found.each[0]),
        p_dependence=float(found.each[1]),
        p_pattern=float(found.each[2]),
        lags=chosen,
        lag_p=found.strength.each,
        lag_pattern_p=pattern.each if pattern is not None else np.full(len(chosen), np.nan),
        part_p=np.array([found.composition.parts, found.strength.parts]),
        unigrams=composition.shares,
        unigrams_stderr=composition.errors,
        distances=effects.distances(units, composition, found.drawn),
        curves=curves,
        whole=whole,
        ratios=ratios[0],
        ratios_low=ratios[1],
        ratios_high=ratios[2],
        fits=fits,
        comparisons=effects.law_comparisons(fits),
        shares=np.array([share for share, _ in shares]),
        shares_stderr=np.array([error for _, error in shares]),
        influence=responsible,
        n_permutations=n_permutations,
        seed=seed,
        symbols=tuple(symbol_words(units.corpus, list(every))),
        warnings=(*units.warnings, *notes, *([classed] if classed else []), *saying.advice(units, chosen, curves)),
    )


def exchangeable(
    made: list[Sequences], called: tuple[str, ...], origins: Any, blocks: int, seed: int
) -> tuple[Units, Composition, tuple[str, ...]]:
    """Units that may change places: as large as it takes for neighbours to be no more alike than others."""
    times = 1
    while True:
        units = cut_units(made, called, blocks, origins, times)
        composition = composition_of(units)
        p = neighbours_alike(composition.features, units.part, seed)
        if p > _ALIKE:
            return units, composition, saying.grown(times)
        if np.bincount(units.part).min() < _ENOUGH_UNITS:
            return units, composition, (*saying.grown(times), saying.drifting(units, p))
        times *= 2


def _lags(lags: Lags, made: list[Sequences], called: tuple[str, ...]) -> NDArray[np.int64]:
    """Lags that every part has; an error names the part that is too short."""
    longest = [part.longest for part in made]
    shortest = int(np.argmin(longest))
    try:
        return parse_lags(lags, longest[shortest])
    except InputError as error:
        parse_lags(lags, max(longest))  # lags that no part has, or that are no lags: nothing to do with this part
        raise InputError(f"{called[shortest]}: {error}; leave such lags out, or that part") from error


def _curve(sequences: Sequences, lags: NDArray[np.int64], blocks: int, step: Steps) -> MICurve:
    # Documents that are too short for the lags of a curve leave blocks without pairs, which measure() knows of.
    blocks = max(2, min(blocks, sequences.n_symbols))
    found = measure(sequences, lags, null="document", blocks=blocks, progress=step.part(_OF_A_CURVE))
    step(_OF_A_CURVE)
    return found


def _fit(curve: MICurve, step: Steps) -> DecayFit | None:
    try:
        with np.errstate(all="ignore"):  # where a law's parameter has no effect, its error overflows
            found = fit(curve, progress=step.part(_OF_A_FIT))
    except (InputError, np.linalg.LinAlgError):  # too few lags, or a law that nothing is known of
        found = None
    step(_OF_A_FIT)
    return found
