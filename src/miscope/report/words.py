"""Numbers and lists as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

__all__ = ["interval", "listed", "number", "p_value", "percent", "slug", "whole"]


def number(value: float, digits: int = 4) -> str:
    """A number to so many digits; a dash for what is not known.

    >>> number(0.0123456), number(-1e-7), number(float("nan")), number(1234.5678), number(float("inf"))
    ('0.01235', '−1e−07', '–', '1,235', '∞')
    """
    value = float(value)
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.{digits}g}"
    return text.replace("-", "−")


def whole(value: float) -> str:
    """A lag or a count.

    >>> whole(1234567), whole(64.57), whole(float("nan"))
    ('1,234,567', '64.6', '–')
    """
    value = float(value)
    if not math.isfinite(value):
        return number(value)
    return f"{value:,.0f}" if value >= 1000 or value == round(value) else f"{value:.3g}"


def interval(low: float, high: float) -> str:
    """Both ends.

    >>> interval(0.1, 0.25), interval(float("nan"), float("nan"))
    ('0.1 to 0.25', '–')
    """
    return "–" if math.isnan(low) or math.isnan(high) else f"{number(low, 3)} to {number(high, 3)}"


def p_value(p: float) -> str:
    """A p-value.

    >>> p_value(0.0312), p_value(0.5), p_value(1e-9)
    ('0.031', '0.5', '1e−09')
    """
    if math.isnan(p):
        return "–"
    return f"{p:.3f}".rstrip("0") if 0.001 <= p < 0.1 else number(p, 2)


def percent(share: float) -> str:
    """A share.

    >>> percent(0.0123), percent(1.0), percent(float("nan"))
    ('1.2 %', '100 %', '–')
    """
    if math.isnan(share):
        return "–"
    return (f"{100 * share:.2g} %" if abs(share) < 0.995 else f"{100 * share:.0f} %").replace("-", "−")


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names in a sentence.

    >>> listed(["a"]), listed(["a", "b", "c"]), listed("abcdef")
    ('a', 'a, b and c', 'a, b, c and 3 more')
    """
    names = list(names)
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def slug(text: str) -> str:
    """Text as part of a file's name: letters, digits and dashes.

    >>> slug("PowerLaw: 0.4/<b>"), slug("</>")
    ('powerlaw-0-4-b', 'result')
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-") or "result"
