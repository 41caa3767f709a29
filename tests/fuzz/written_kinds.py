"""Kinds of files that miscope writes: damaged, they are refused, or still say what they said."""

import functools
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import miscope as ms
from miscope.decay.storage import to_json

from . import containers, mutators
from .data_kinds import LETTERS, drawn
from .kinds import Kind, NoOpinionError
from .mutators import Mutator
from .references import plain

Values = Callable[[Path], Any]
SEQUENCES = ms.Sequences.from_arrays([drawn(300), drawn(200, 3), drawn(100)])
LETTER_SEQUENCES = ms.Sequences.from_arrays(LETTERS * 20, label="letters")


def value(found: Any) -> Any:
    """All that a result holds, comparable: arrays as lists, numbers as they are written (nan is nan)."""
    fields = getattr(found, "__dataclass_fields__", None)
    if fields is not None:
        return [type(found).__name__, {name: value(getattr(found, name)) for name in fields}]
    if isinstance(found, np.ndarray | np.generic):
        return repr(found.tolist())
    if isinstance(found, dict):
        return {str(key): value(each) for key, each in found.items()}
    if isinstance(found, list | tuple):
        return [value(each) for each in found]
    return repr(found)


@functools.cache
def made() -> dict[str, Any]:
    """Small results of all kinds, made once."""
    lags = [1, 2, 3, 4, 6, 8, 12, 16]
    chain = ms.processes.IsingChain(coupling=1.2)
    drawn_of = chain.sample(n_documents=16, length=256, seed=1)
    curve = ms.measure(drawn_of, lags, blocks=8, label="a chain")
    other = ms.measure(chain.sample(n_documents=12, length=256, seed=2), lags, blocks=6, label="another")
    fits = [ms.fit(each) for each in (curve, other)]
    parts = [chain.sample(8, 128, seed=seed) for seed in (3, 4, 5)]
    return {
        "curve": curve,
        "words": ms.measure(LETTER_SEQUENCES, [1, 2], blocks=4, null="document"),
        "fit": fits[0],
        "other fit": fits[1],
        "uniformity": ms.uniformity(parts, [1, 2], n_permutations=39),
        "drift": ms.drift(parts[0], [1, 2], 4, n_permutations=39),
        "reach": ms.reach(curve, other),
        "contributions": ms.contributions(LETTER_SEQUENCES, 1, blocks=4),
        "comparison": {
            "fits": [json.loads(to_json(fit)) for fit in fits],
            "comparisons": [vars(ms.compare(*fits, "correlation_length"))],
        },
    }


@functools.cache
def trained() -> dict[str, Any]:
    """A small network, and what was asked of it."""
    import torch

    torch.set_num_threads(1)
    chain = ms.processes.IsingChain(1.0)
    model = ms.train(ms.models.GRU(2, width=4), chain, steps=2, batch=4, length=16, device="cpu")
    return {
        "model": model,
        "couplings": ms.couplings(model, chain.sample(8, 64, seed=1), [1, 2], 16, context=16),
        "spectrum": ms.spectrum(model, 16, 64, blocks=4),
    }


def results(
    which: Callable[[], dict[str, Any]], *names: str, suffix: str = ".json"
) -> Callable[[Path], Sequence[Path]]:
    """Results of these names as files."""

    def make(folder: Path) -> list[Path]:
        paths = []
        for name in names:
            path = folder / f"{name.replace(' ', '-')}{suffix}"
            found = which()[name]
            if isinstance(found, dict):
                path.write_text(json.dumps(found))
            else:
                found.save(path)
            paths.append(path)
        return paths

    return make


def loaded(cls: Any) -> Values:
    return lambda path: value(cls().load(path))


def sequences(folder: Path) -> list[Path]:
    paths = [folder / "codes.arrow", folder / "letters.arrow"]
    SEQUENCES.save(paths[0])
    LETTER_SEQUENCES.save(paths[1])
    return paths


def counts(folder: Path) -> list[Path]:
    paths = [folder / "counts.arrow", folder / "letters.arrow"]
    ms.count_to_file(SEQUENCES, paths[0], [1, 2], blocks=2)
    ms.count_to_file(LETTER_SEQUENCES, paths[1], [1], blocks=0)
    return paths


def counts_value(found: Any) -> Any:
    columns = [found.lags, found.n_blocks, found.alphabet_size, found.offsets, found.keys, found.counts, found.alphabet]
    corpus = found.corpus
    return value([*columns, corpus.lengths, corpus.histogram, corpus.n_cut])


class StopError(Exception):
    """Stops a count."""


def unfinished(folder: Path) -> list[Path]:
    """What a count leaves that was stopped when all lags were counted but one."""

    def stop(done: int, total: int) -> None:
        if done >= total / 2:
            raise StopError

    path = folder / "counts.arrow"
    try:
        ms.count_to_file(SEQUENCES, path, [1, 2, 3], blocks=2, threads=1, progress=stop)
    except StopError:
        return [Path(f"{path}.part")]
    raise AssertionError("the count was not stopped")


def gone_on(path: Path) -> Any:
    """What the count comes to that goes on from there."""
    return counts_value(ms.count_to_file(SEQUENCES, path.with_suffix(""), [1, 2, 3], blocks=2, threads=1))


def models(folder: Path) -> list[Path]:
    trained()["model"].save(folder / "model.safetensors")
    return [folder / "model.safetensors"]


def model_value(found: Any) -> Any:
    weights = {name: each.numpy() for name, each in found.model.state_dict().items()}
    about = [found.model.name, found.model.config, found.entropy_rate, dict(found.provenance)]
    return value([*about, weights, found.history.to_lists()])


def model(path: Path) -> Any:
    return model_value(ms.models.load(path))


def trained_on(checkpoint: Path, steps: int) -> Any:
    chain = ms.processes.IsingChain(1.0)
    new = ms.models.GRU(2, width=3, seed=1)
    how = {"batch": 2, "length": 8, "device": "cpu", "checkpoint_every": 2}
    found = ms.train(new, chain, steps=steps, checkpoint=checkpoint, **how)
    return value({name: each.numpy() for name, each in found.model.state_dict().items()})


def checkpoints(folder: Path) -> list[Path]:
    path = folder / "half.safetensors"

    def stop(step: int, *_: Any) -> None:
        if step >= 3:
            raise StopError

    chain = ms.processes.IsingChain(1.0)
    how = {"batch": 2, "length": 8, "device": "cpu", "checkpoint_every": 2}
    try:
        ms.train(ms.models.GRU(2, width=3, seed=1), chain, steps=4, checkpoint=path, progress=stop, **how)
    except StopError:
        return [path]
    raise AssertionError("the training was not stopped")


def hugging_face(folder: Path) -> list[Path]:
    config = {"model_type": "gpt2", "vocab_size": 5, "n_embd": 8, "n_layer": 1, "n_head": 1, "n_positions": 32}
    ms.models.from_config(config, start=0).network.save_pretrained(folder / "tiny", safe_serialization=True)
    return [folder / "tiny"]


def opened(path: Path) -> Any:
    import torch

    ms.models.pretrained(path, start=0).log_probs(torch.tensor([[1, 2, 3]]))


def no_opinion(path: Path) -> Any:
    raise NoOpinionError("whatever the library makes of it")


RECORD = {"lengths": [1.5, None, 3], "name": "chains", "found": {"law": "power", "exponent": 0.5}}


def records(folder: Path) -> list[Path]:
    from miscope.studies.lab import Lab

    Lab(folder, "chains", {}).record("one", lambda: RECORD)
    return [folder / "records" / "chains-one.json"]


def record(path: Path) -> Any:
    from miscope.studies.lab import Lab

    where = path.parent / "records"
    where.mkdir()
    shutil.copy(path, where)
    return value(Lab(path.parent, "chains", {}).record("one", lambda: RECORD))


def page(path: Path) -> Any:
    """A page of the file, whatever that is called."""
    path = path.rename(path.with_stem("result"))
    text = ms.report(path, path.with_name("page.html"), fit=False).read_text(encoding="utf-8")
    return text.replace(str(path.parent), "")


def kind(
    name: str,
    make: Callable[[Path], Sequence[Path]],
    read: Values,
    how: tuple[Mutator, ...] = mutators.JSON,
    **more: Any,
) -> Kind:
    return Kind(name, make, read, None, how, **more)


TORCH = {"needs": ("torch", "safetensors")}
REPORTED = ("curve", "fit", "uniformity", "drift", "reach", "contributions", "comparison")
MIXED = (*mutators.JSON, *containers.ARROW, *(containers.in_zip(containers.NPY),) * 20)
KINDS = [
    kind("saved-sequences", sequences, lambda path: plain(ms.Sequences.open(path)), containers.ARROW),
    kind("counts", counts, lambda path: counts_value(ms.PairCounts.load(path)), containers.ARROW),
    kind("unfinished-counts", unfinished, gone_on, MIXED),
    kind("curve", results(made, "curve", "words"), loaded(lambda: ms.curve.MICurve)),
    kind(
        "curve-parquet",
        results(made, "curve", "words", suffix=".parquet"),
        loaded(lambda: ms.curve.MICurve),
        containers.PARQUET,
    ),
    kind("fit", results(made, "fit", "other fit"), loaded(lambda: ms.DecayFit)),
    kind("uniformity", results(made, "uniformity"), loaded(lambda: ms.probing.Uniformity), **TORCH),
    kind("drift", results(made, "drift"), loaded(lambda: ms.probing.Drift), **TORCH),
    kind("reach", results(made, "reach"), loaded(lambda: ms.probing.Reach), **TORCH),
    kind("couplings", results(trained, "couplings"), loaded(lambda: ms.probing.Couplings), **TORCH),
    kind("record", records, record),
    kind("report", results(made, *REPORTED), page, needs=("jinja2",)),
    kind("report-models", results(trained, "couplings", "spectrum"), page, needs=("jinja2", "torch")),
    kind("model", models, model, containers.SAFETENSORS, **TORCH),
    kind("checkpoint", checkpoints, lambda path: trained_on(path, 4), containers.SAFETENSORS, **TORCH),
    Kind(
        "hugging-face-model",
        hugging_face,
        opened,
        no_opinion,
        (*mutators.JSON, *containers.SAFETENSORS),
        needs=("torch", "transformers"),
    ),
]
