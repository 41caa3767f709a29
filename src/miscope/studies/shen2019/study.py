"""shen2019(): all experiments, one after the other or several at a time, in a folder that a later call goes on with."""

from __future__ import annotations

import hashlib
import importlib
import multiprocessing
import os
import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miscope._version import __version__
from miscope.errors import InputError, choice
from miscope.studies.experiment import Experiment
from miscope.studies.findings import Outcome
from miscope.studies.lab import Lab, working_in
from miscope.studies.shen2019.writing import write_study

__all__ = ["EXPERIMENTS", "SCALES", "Estimate", "Study", "device_name", "estimated", "experiment", "shen2019"]

SCALES = ("smoke", "laptop", "paper")
EXPERIMENTS = ("regular", "linear", "recurrent", "attention", "language", "prices", "mechanics", "unevenness")
"""Names, in the order in which a reader asks; each is a module of its own."""

Progress = Callable[[int, int, str], object]


@dataclass(frozen=True)
class Study:
    """What came out.

    Attributes
    ----------
    folder
        Where everything lies.
    body
        What ``findings.json`` says.
    written
        The files that were written, the most telling first.
    """

    folder: Path
    body: Mapping[str, Any]
    written: tuple[Path, ...]

    @property
    def findings(self) -> list[dict[str, Any]]:
        """All findings, each with the name of its experiment."""
        return [
            {"experiment": each["name"], **finding} for each in self.body["experiments"] for finding in each["findings"]
        ]

    def __str__(self) -> str:
        lines = []
        for each in self.body["experiments"]:
            lines.append(f"{each['title']}")
            lines += [f"  {finding['verdict']:13}  {finding['claim']}" for finding in each["findings"]]
        return "\n".join(lines)


@dataclass(frozen=True)
class Estimate:
    """What an experiment's networks will take on this machine, in seconds: to train, and to draw from them."""

    experiment: str
    networks: int
    training: float
    drawing: float


def experiment(name: str) -> Experiment:
    """An experiment by its name."""
    choice(name, EXPERIMENTS, "experiment")
    module = importlib.import_module(f"miscope.studies.shen2019.{name}")
    found: Experiment = getattr(module, name.upper())
    return found


def shen2019(
    scale: str = "smoke",
    folder: str | Path = "miscope-shen2019",
    *,
    only: Sequence[str] | None = None,
    corpus: str | None = None,
    prices: str | None = None,
    prices_column: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Study:
    """Put the questions of Shen (2019) to processes, networks, text and prices, and decide them by stated rules.

    Each piece of work (a curve, a fit, a trained network) is kept in the folder when it is done; the same call goes
    on from there, in the midst of a training too.

    Parameters
    ----------
    scale
        ``smoke`` (a minute or two, shows that all works, decides little), ``laptop`` (under an hour on two cores), or
        ``paper`` (networks and samples for GPUs).
    folder
        Where to work and to write: ``findings.json``, ``report.html``, ``tables/`` (CSV and Parquet), ``figures/``,
        ``models/``, and all curves and fits.
    only
        Names of experiments, of `EXPERIMENTS`; default: all.
    corpus
        Text for the questions about language: the name of a file, or ``hub:NAME``; default: the documentation of
        Python's standard library.
    prices, prices_column
        A table of prices, and its column; default: the S&P 500 of the arch package (extra ``study``).
    workers
        Processes; default: one for each core, or one where there is a GPU.
    progress
        Called with pieces done, pieces in all, and the name of the piece at hand.

    Raises
    ------
    InputError
        If there is no such scale or experiment, data are missing, another process works in the folder, or it holds a
        study with other settings (the message says which).

    Examples
    --------
    >>> import tempfile
    >>> found = shen2019("smoke", tempfile.mkdtemp(), only=["regular"], workers=1)
    >>> [finding["verdict"] for finding in found.findings][0]
    'supported'
    """
    choice(scale, SCALES, "scale")
    if workers is not None and workers < 1:
        raise InputError(f"workers must be at least 1, not {workers}")
    names = _chosen(only)
    sources = _sources(corpus, prices, prices_column)
    for name in names:
        experiment(name).check(sources)
    target = Path(folder)
    total = sum(experiment(name).n_steps(experiment(name).settings[scale]) for name in names)
    started, begun = time.perf_counter(), 0

    def begin(what: str) -> None:
        nonlocal begun
        if progress is not None:
            progress(begun, total, what)
        begun += 1

    with working_in(target, _settings(scale, sources)):
        outcomes = _worked(names, scale, target, sources, workers or _cores(), begin)
        if progress is not None:
            progress(total, total, "")
        ordered = [(experiment(name), *outcomes[name]) for name in names]
        body, written = write_study(target, scale, sources, ordered, time.perf_counter() - started)
    return Study(target, body, tuple(written))


def estimated(scale: str, only: Sequence[str] | None = None) -> Iterator[Estimate]:
    """What training and sampling the networks of each experiment will take on this machine.

    From a few steps of each network and a few of its documents; what is measured and fitted besides is not in it.
    """
    from miscope.studies.runs import seconds_needed

    choice(scale, SCALES, "scale")
    for name in _chosen(only):
        found = experiment(name)
        times = [seconds_needed(run) for run in found.runs(found.settings[scale])]
        yield Estimate(name, len(times), sum(each[0] for each in times), sum(each[1] for each in times))


def _chosen(only: Sequence[str] | None) -> list[str]:
    for name in only or ():
        choice(name, EXPERIMENTS, "experiment")
    return [name for name in EXPERIMENTS if not only or name in only]


def _sources(corpus: str | None, prices: str | None, prices_column: str | None) -> dict[str, Any]:
    named = {"corpus": corpus, "prices": prices, "prices_column": prices_column}
    if prices_column is not None and prices is None:
        raise InputError("a column of prices was named without a file of them: name the file, or leave the column out")
    return {name: value for name, value in named.items() if value is not None}


def _settings(scale: str, sources: Mapping[str, Any]) -> dict[str, Any]:
    """All that results depend on."""
    digests = {
        f"{name}_sha256": _digest(Path(value))
        for name, value in sources.items()
        if name in ("corpus", "prices") and Path(value).is_file()
    }
    return {
        "study": "shen2019",
        "scale": scale,
        "miscope": __version__,
        "sources": {**sources, **digests},
        "experiments": {name: experiment(name).settings[scale] for name in EXPERIMENTS},
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def device_name() -> str:
    """What networks compute on."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "its processor; no GPU"


def _cores() -> int:
    import torch

    return 1 if torch.cuda.is_available() else len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2


_BY_LENGTH = ("recurrent", "attention", "language", "mechanics", "prices", "linear", "unevenness", "regular")
"""The longest first, so that none is left alone at the end."""

Begin = Callable[[str], object]
Outcomes = dict[str, tuple[Outcome, float]]


def _worked(
    names: list[str], scale: str, folder: Path, sources: Mapping[str, Any], workers: int, begin: Begin
) -> Outcomes:
    """What each experiment found, and the seconds that took; `begin` is told of each piece."""
    if workers == 1 or len(names) == 1:
        return {name: _work(name, scale, folder, sources, begin) for name in names}
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(min(workers, len(names)), mp_context=context) as pool:
        news = manager.Queue()
        order = sorted(names, key=_BY_LENGTH.index)
        jobs = {pool.submit(_work_apart, name, scale, folder, dict(sources), news): name for name in order}
        try:
            left = set(jobs)
            while left:
                ended, left = wait(left, timeout=0.2, return_when=FIRST_EXCEPTION)
                _tell(news, begin)
                for job in ended:
                    job.result()
        except BaseException:
            for process in (pool._processes or {}).values():  # a training would go on to its end
                process.terminate()
            raise
        return {name: job.result() for job, name in jobs.items()}


def _tell(news: Any, begin: Begin) -> None:
    while True:
        try:
            begin(news.get_nowait())
        except queue.Empty:
            return


def _work_apart(name: str, scale: str, folder: Path, sources: dict[str, Any], news: Any) -> tuple[Outcome, float]:
    """In a process of its own, with a thread of its own."""
    import torch

    torch.set_num_threads(1)
    return _work(name, scale, folder, sources, news.put)


def _work(name: str, scale: str, folder: Path, sources: Mapping[str, Any], begin: Begin) -> tuple[Outcome, float]:
    started = time.perf_counter()
    found = experiment(name)
    return found.run(Lab(folder, name, found.settings[scale], sources, begin)), time.perf_counter() - started
