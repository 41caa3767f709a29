"""Where data sets of Hugging Face's come from: the hub, a folder of data files, or what `save_to_disk` wrote."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from miscope.errors import FormatError, InputError, choice
from miscope.sequences.arrow import END_OF_STREAM, MAGIC
from miscope.sequences.hugging_face import explained, told
from miscope.whole_files import json_of, read_whole

__all__ = ["load"]


def load(datasets: Any, name: str, config: str | None, split: str, streaming: bool, revision: str | None) -> Any:
    """Return the split as the library's own object, memory-mapped or a stream; errors are those of `read_hub`."""
    folder = Path(name)
    if folder.is_file():
        raise InputError(f"{name!r} is a file, and read_hub takes data sets; a file of text or a table is read by read")
    if name and folder.is_dir():
        if revision is not None:
            raise InputError(f"{name!r} is a folder, which has no revisions; leave out revision={revision!r}")
        if any((folder / file).is_file() for file in ("dataset_dict.json", "state.json")):
            return _saved(datasets, folder, config, split, streaming)
        failed = f"cannot read the folder {name!r} as a data set"
        missing = failed
    else:
        if not name or name.startswith((".", "/", "~", "\\")) or name.count("/") > 1:
            raise InputError(f"there is no folder {name!r}")
        failed = f"cannot read the data set {name!r}"
        missing = _hub_message(name, config)
    return _downloaded(datasets, name, config, split, streaming, revision, failed, missing)


def _hub_message(name: str, config: str | None) -> str:
    arguments = ", ".join(map(repr, [name, *([config] if config else [])]))
    return (
        f"cannot get the data set {name!r}: there is no such folder, and either no such data set on the Hugging Face "
        "hub, or no way to reach it (offline). Check the name; where there is a network, "
        f"datasets.load_dataset({arguments}).save_to_disk('FOLDER') makes a folder that read_hub takes"
    )


def _saved(datasets: Any, folder: Path, config: str | None, split: str, streaming: bool) -> Any:
    """A data set, or the split of several, that `save_to_disk` wrote."""
    if streaming:
        raise InputError(f"{str(folder)!r} is on this disk and is memory-mapped: leave streaming out")
    if config is not None:
        raise InputError(f"{str(folder)!r} holds a saved data set, which has no configurations; leave {config!r} out")
    failed = f"cannot read the saved data set {str(folder)!r}"
    if (folder / "dataset_dict.json").is_file():
        with explained(failed, FormatError):
            splits = _said(folder / "dataset_dict.json")["splits"]
        _check_split(split, splits, str(folder))
        folder = folder / split
    with explained(failed, FormatError):
        files = [folder / each["filename"] for each in _said(folder / "state.json")["_data_files"]]
        if not files:
            raise InputError(f"the split {split!r} of {str(folder)!r} is empty: it has not one row")
        for file in files:
            _check_end(file)
        data = datasets.load_from_disk(str(folder))
    own = str(data.split) if data.split is not None else "train"
    if folder.name != split and own != split:
        raise InputError(f"{str(folder)!r} is one data set, of the split {own!r}, and has no split {split!r}")
    return data


def _said(file: Path) -> Any:
    return json_of(read_whole(file), str(file))


def _check_end(file: Path) -> None:
    """Refuse a file that was cut off, of which the rows before the cut would be all."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(len(MAGIC))
        opened.seek(max(size - len(END_OF_STREAM), 0))
        end = opened.read()
    if not (end.endswith(MAGIC) if start == MAGIC else end == END_OF_STREAM):
        raise ValueError(f"the end of {file.name!r} is missing: it was cut off, so fetch or write it again")


def _check_split(split: str, splits: list[str], name: str) -> None:
    if "[" in split and split.partition("[")[0] in splits:
        raise InputError(
            f"parts of a split, such as {split!r}, are for data sets of the hub; limit= takes the first rows"
        )
    choice(split, splits, f"split of {name!r}")


def _downloaded(
    datasets: Any,
    name: str,
    config: str | None,
    split: str,
    streaming: bool,
    revision: str | None,
    failed: str,
    missing: str,
) -> Any:
    options: dict[str, Any] = {"split": split, "streaming": streaming, "revision": revision}
    if "trust_remote_code" in inspect.signature(datasets.load_dataset).parameters:  # before version 4
        options["trust_remote_code"] = False
    try:
        return datasets.load_dataset(name, config, **options)
    except (ConnectionError, FileNotFoundError) as error:
        raise InputError(f"{missing} ({told(error)})") from None
    except Exception as error:
        text = str(error)
        known = re.search(r"(?:Should be one of|Available splits:) (\[.*?\])", text, re.DOTALL)
        if known:
            _check_split(split.partition("[")[0], re.findall(r"['\"]([^'\"]+)['\"]", known.group(1)), name)
            raise InputError(f"the part {split!r} of a split cannot be streamed; use limit= instead") from None
        configs = re.search(r"(?:available configs|Available): (\[.*?\])", text, re.DOTALL)
        if configs:
            options_of = re.findall(r"['\"]([^'\"]+)['\"]", configs.group(1))
            if config is None:
                raise InputError(f"{name!r} has several configurations: pass one of {', '.join(options_of)}") from None
            choice(config, options_of, f"configuration of {name!r}")
        raise InputError(f"{failed} ({told(error)})") from None
