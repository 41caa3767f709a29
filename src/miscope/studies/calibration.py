"""The calibration: how far estimates and bars are to be trusted, found out on processes that know the answer."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from miscope._version import __version__
from miscope.atomic import atomic_path
from miscope.curve import MICurve, measure
from miscope.errors import FormatError, InputError, choice
from miscope.sequences import Sequences, Series
from miscope.studies.cases import SCALES, Case, cases
from miscope.studies.lab import read_json, working_in, write_json
from miscope.studies.verdicts import VERDICT_RUNS, VerdictCase, run_verdict_case, verdict_cases

__all__ = ["COLUMNS", "Calibration", "calibrate", "run_case"]

Row = dict[str, Any]

COLUMNS = (
    "group",
    "process",
    "documents",
    "length",
    "unequal",
    "estimator",
    "null",
    "blocks",
    "long_memory",
    "correct_bias",
    "lag",
    "runs",
    "truth",
    "bias",
    "rmse",
    "spread",
    "mean_bar",
    "coverage",
    "found",
    "refused",
)


@dataclass(frozen=True)
class Calibration:
    """What came out.

    Attributes
    ----------
    rows
        One for each case and lag, with `COLUMNS`: nats, and shares of runs. `coverage` is that of 95 % intervals (of
        the bracket, for ``estimator="bracket"``) among the runs that give a bar; `refused` is the share that does not,
        `found` the share in which the lag stands above the null with p <= 0.05.
    verdicts
        One for each fitted curve: what its law is, what was said of it, its parameter with interval, and what
        automutualinformation chose (see `miscope.studies.verdicts`).
    """

    rows: tuple[Row, ...]
    verdicts: tuple[Row, ...] = ()

    def group(self, name: str) -> list[Row]:
        """The rows of one question."""
        return [row for row in (*self.rows, *self.verdicts) if row["group"] == name]

    def save(self, path: str | Path, verdicts: bool = False) -> None:
        """Write a table of lags (or of verdicts), ``.csv`` or ``.parquet``."""
        import pyarrow as pa
        from pyarrow import csv, parquet

        table = pa.Table.from_pylist(list(self.verdicts if verdicts else self.rows))
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            if Path(path).suffix == ".parquet":
                parquet.write_table(table, file)
            else:
                csv.write_csv(table, file)


def calibrate(
    scale: str = "smoke",
    folder: str | Path | None = None,
    workers: int = 1,
    groups: Sequence[str] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Calibration:
    """Run the calibration.

    Parameters
    ----------
    scale
        ``smoke``, ``quick`` or ``full``: how often each case is run (see `miscope.studies.cases.SCALES` and, for
        verdicts, `miscope.studies.verdicts.VERDICT_RUNS`).
    folder
        Where finished cases are kept, so that a run that was cut off goes on where it was; None for nowhere. Those of
        another version of miscope are refused.
    workers
        Processes to run in.
    groups
        Which questions to take up; default all.
    progress
        Called with runs done and runs in all.

    Examples
    --------
    >>> found = calibrate("smoke", groups=["blocks"])
    >>> sorted({row["blocks"] for row in found.rows})
    [8, 16, 32, 64, 128]
    """
    runs = SCALES[choice(scale, SCALES, "scale")]
    chosen: list[tuple[Case | VerdictCase, int]] = [(case, runs) for case in cases()]
    chosen += [(case, VERDICT_RUNS[scale]) for case in verdict_cases(scale)]
    names = list(dict.fromkeys(case.group for case, _ in chosen))
    for name in groups or ():
        choice(name, names, "group")
    chosen = [(case, times) for case, times in chosen if not groups or case.group in groups]
    store = None if folder is None else Path(folder) / scale
    rows: list[Row] = []
    verdicts: list[Row] = []
    done, total = 0, sum(times for _, times in chosen)
    about = {"study": "calibration", "scale": scale, "miscope": __version__}
    alone = nullcontext() if store is None else working_in(store, about, pieces=("*.json",))
    with _mapper(workers) as mapper, alone:
        for case, times in chosen:
            if progress is not None:
                progress(done, total)
            found = _kept(case, times, store, mapper)
            (verdicts if isinstance(case, VerdictCase) else rows).extend(found)
            done += times
    if progress is not None:
        progress(total, total)
    return Calibration(tuple(rows), tuple(verdicts))


Mapper = Callable[[Callable[[int], Row], range], Iterator[Row]]


@contextmanager
def _mapper(workers: int) -> Iterator[Mapper]:
    if workers < 1:
        raise InputError(f"workers must be at least 1, not {workers}")
    if workers == 1:
        yield map
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield partial(pool.map, chunksize=4)


def _kept(case: Case | VerdictCase, runs: int, store: Path | None, mapper: Mapper) -> list[Row]:
    """The rows of a case, from the store if they are there."""
    path = None if store is None else store / f"{case.key}.json"
    if path is not None and path.exists():
        try:
            kept: list[Row] = read_json(path)
        except FormatError as error:
            raise FormatError(f"{path} is damaged: remove it, and the calibration makes it again") from error
        return kept
    rows = run_verdict_case(case, runs, mapper) if isinstance(case, VerdictCase) else run_case(case, runs, mapper)
    if path is not None:
        write_json(path, rows)
    return rows


def run_case(case: Case, runs: int, mapper: Mapper = map) -> list[Row]:
    """Measure a case `runs` times, with seeds 0, 1, …; one row a lag."""
    results = list(mapper(partial(_one_run, case), range(runs)))
    values, bars, low, high, found = (np.array([r[name] for r in results]) for name in _KEPT)
    truth = case.truth()
    barred = np.isfinite(bars)
    held = (low <= truth) & (truth <= high) & barred
    first = results[0]
    about = {"group": case.group, "process": case.name, "documents": case.n_documents, "length": case.length or 0}
    about |= {
        "unequal": case.unequal,
        "estimator": first["estimator"],
        "null": first["null"],
        "blocks": first["blocks"],
    }
    about |= {name: case.options.get(name, default) for name, default in _OPTIONS.items()}
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = {
            "truth": truth,
            "bias": values.mean(axis=0) - truth,
            "rmse": np.sqrt(np.mean((values - truth) ** 2, axis=0)),
            "spread": values.std(axis=0, ddof=1),
            "mean_bar": np.sum(np.where(barred, bars, 0.0), axis=0) / barred.sum(axis=0),
            "coverage": held.sum(axis=0) / barred.sum(axis=0),
            "found": found.mean(axis=0),
            "refused": 1 - barred.mean(axis=0),
        }
    return [
        about | {"lag": lag, "runs": runs} | {name: float(column[k]) for name, column in columns.items()}
        for k, lag in enumerate(case.lags)
    ]


_OPTIONS = {"long_memory": "correct", "correct_bias": True}
_KEPT = ("value", "bar", "low", "high", "found")


def _one_run(case: Case, seed: int) -> Row:
    data = case.process.sample(case.n_documents, case.length, seed)
    if case.unequal:
        data = _cut_unequal(data, seed)
    curve = measure(data, case.lags, seed=seed, threads=1, **case.options)
    low, high = curve.bracket() if curve.estimator == "bracket" else curve.interval(excess=True)
    return {
        "value": curve.excess.tolist(),
        "bar": curve.excess_stderr.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
        "found": _found(curve).tolist(),
        "estimator": curve.estimator,
        "null": curve.null_name,
        "blocks": curve.n_blocks,
    }


def _found(curve: MICurve) -> np.ndarray:
    """Lag by lag, without the correction for many lags: what a nominal 5 % is to be compared with."""
    return np.nan_to_num(curve.p_values, nan=1.0) <= 0.05


def _cut_unequal(data: Any, seed: int) -> Any:
    """The first part of each document, of a length log-uniform between 1/32 and all of it."""
    if isinstance(data, Series):
        raise InputError("documents of real numbers are not cut to unequal lengths")
    shares = 32.0 ** -np.random.default_rng([seed, 1]).random(data.n_documents)
    lengths = np.maximum((data.lengths * shares).astype(np.int64), 2)
    parts = [data[k][: lengths[k]] for k in range(data.n_documents)]
    return Sequences.from_arrays(parts, alphabet_size=data.alphabet_size)
