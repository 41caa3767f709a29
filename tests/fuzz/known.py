"""Findings that are not mended yet, by kind and outcome: they are counted, and fail nothing."""

KNOWN: dict[tuple[str, str], str] = {}
