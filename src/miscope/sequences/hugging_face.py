"""Hugging Face's libraries, kept quiet, and their errors in one line."""

from __future__ import annotations

import contextlib
import logging
import textwrap
import warnings
from collections.abc import Iterator
from typing import Any

from miscope.errors import InputError, MiscopeError

__all__ = ["explained", "quiet", "told"]


def told(error: Exception) -> str:
    """What a library says of what went wrong, short."""
    if "trust_remote_code" in str(error) or "scripts are no longer supported" in str(error):
        return "it needs code that comes with it, and such code is never run"
    return textwrap.shorten(str(error), 240, placeholder=" …") or type(error).__name__


@contextlib.contextmanager
def explained(what: str, kind: type[InputError] = InputError) -> Iterator[None]:
    """What a library raises as one line: it has no error of its own that all of its errors are."""
    try:
        yield
    except MiscopeError:
        raise
    except Exception as error:
        raise kind(f"{what} ({told(error)})") from None


@contextlib.contextmanager
def quiet(library: Any) -> Iterator[None]:
    """Keep the progress bars of transformers or datasets, and advice to people who call them, off the screen."""
    loggers = [logging.getLogger(name) for name in (library.__name__, "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    if library.__name__ == "datasets":
        shown, hide, show = (
            not library.are_progress_bars_disabled(),
            library.disable_progress_bars,
            library.enable_progress_bars,
        )
    else:
        bars = library.utils.logging
        shown, hide, show = bars.is_progress_bar_enabled(), bars.disable_progress_bar, bars.enable_progress_bar
    try:
        hide()
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if shown:
            show()
